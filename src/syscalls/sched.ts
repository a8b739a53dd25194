/** Scheduling as programs see it (sched(7)): one CPU for all tasks; real-time priorities first, the rest takes turns. */
import { E } from '../abi/errno.js';
import { SCHED, SCHED_FLAG, SCHED_RESET_ON_FORK } from '../abi/process.js';
import { RLIMIT } from '../abi/resource.js';
import { native } from '../host/native.js';
import { CAP_SYS_NICE } from '../kernel/credentials.js';
import type { Task } from '../kernel/task.js';
import { writePair } from './timespec.js';
import { call, oneOf, outStruct, pid, ptr, size, uint, type Row } from './types.js';

const policy = oneOf('SCHED_', SCHED);

export const schedRows: readonly Row[] = [
  call('sched_yield', 24, 158, [], schedYield),
  call('sched_getaffinity', 204, 242, [pid, size, ptr], schedGetaffinity),
  call('sched_setaffinity', 203, 241, [pid, size, ptr], schedSetaffinity, 'full', 'all tasks share one CPU'),
  call('sched_getscheduler', 145, 157, [pid], schedGetscheduler),
  call('sched_setscheduler', 144, 156, [pid, policy, ptr], schedSetscheduler, 'full',
    'SCHED_BATCH is as SCHED_OTHER'),
  call('sched_getparam', 143, 155, [pid, ptr], schedGetparam),
  call('sched_setparam', 142, 154, [pid, ptr], schedSetparam),
  call('sched_get_priority_max', 146, 159, [policy], (_task, which) => priorityRange(which, 99)),
  call('sched_get_priority_min', 147, 160, [policy], (_task, which) => priorityRange(which, 1)),
  call('sched_rr_get_interval', 148, 161, [pid, outStruct('timespec')], schedRrGetInterval),
  call('sched_getattr', 315, 352, [pid, ptr, uint, uint], schedGetattr),
  call('sched_setattr', 314, 351, [pid, ptr, uint], schedSetattr, 'partial',
    'no SCHED_DEADLINE (EPERM), no utilisation clamps (EOPNOTSUPP)'),
];

function target(task: Task, id: number): Task | undefined {
  return id === 0 ? task : task.kernel.taskOf(id);
}

/** sched_yield(2). */
function schedYield(task: Task): number {
  if (task.kernel.othersRunnable) return task.yield();
  return 0;
}

/** sched_getaffinity(2): of the CPUs of the host those that the task may use. Gives the bytes written. */
function schedGetaffinity(task: Task, id: number, bytes: number, mask: number): number {
  const cpus = native.cpuCount();
  if (bytes * 8 < cpus || bytes & 7) return -E.INVAL;
  const found = target(task, id);
  if (!found) return -E.SRCH;
  const length = Math.min(bytes, Math.ceil(cpus / 64) * 8);
  if (!task.mm.writable(mask, length)) return -E.FAULT;
  const { u8 } = task.mm.window;
  u8.fill(0, mask, mask + length);
  if (found.affinity) u8.set(found.affinity.subarray(0, length), mask);
  else for (let cpu = 0; cpu < cpus; cpu++) u8[mask + (cpu >> 3)]! |= 1 << (cpu & 7);
  return length;
}

/** sched_setaffinity(2): CPUs that there are not do not count. */
function schedSetaffinity(task: Task, id: number, bytes: number, mask: number): number {
  const cpus = native.cpuCount();
  const length = Math.min(bytes, Math.ceil(cpus / 64) * 8);
  if (!task.mm.readable(mask, length)) return -E.FAULT;
  const found = target(task, id);
  if (!found) return -E.SRCH;
  if (!mayChange(task, found)) return -E.PERM;
  const { u8 } = task.mm.window;
  const affinity = new Uint8Array(Math.ceil(cpus / 64) * 8);
  let any = false;
  for (let cpu = 0; cpu < Math.min(cpus, 8 * length); cpu++) {
    const bit = u8[mask + (cpu >> 3)]! & (1 << (cpu & 7));
    affinity[cpu >> 3]! |= bit;
    any ||= bit !== 0;
  }
  if (!any) return -E.INVAL;
  found.affinity = affinity;
  return 0;
}

/** The user's own, or CAP_SYS_NICE. */
function mayChange(task: Task, other: Task): boolean {
  const { euid } = task.cred;
  return euid === other.cred.euid || euid === other.cred.uid || task.cred.has(CAP_SYS_NICE);
}

function priorityRange(which: number, value: number): number {
  switch (which) {
    case SCHED.FIFO: case SCHED.RR:
      return value;
    case SCHED.OTHER: case SCHED.BATCH: case SCHED.IDLE: case SCHED.DEADLINE:
      return 0;
    default:
      return -E.INVAL;
  }
}

function schedGetscheduler(task: Task, id: number): number {
  if (id < 0) return -E.INVAL;
  return target(task, id)?.policy ?? -E.SRCH;
}

/** sched_setscheduler(2). */
function schedSetscheduler(task: Task, id: number, which: number, param: number): number {
  if (id < 0 || param === 0 || which < 0) return -E.INVAL;
  const priority = task.mm.getU32(param);
  if (priority < 0) return priority;
  const found = target(task, id);
  return found ? setPolicy(task, found, which, priority | 0, found.nice) : -E.SRCH;
}

/** Policy (with SCHED_RESET_ON_FORK), real-time priority and nice value; Linux __sched_setscheduler. */
function setPolicy(task: Task, found: Task, which: number, priority: number, nice: number): number {
  const plain = which & ~SCHED_RESET_ON_FORK;
  const min = priorityRange(plain, 1), max = priorityRange(plain, 99);
  if (min < 0 || plain === SCHED.DEADLINE || priority < min || priority > max) return -E.INVAL;
  if (!task.cred.has(CAP_SYS_NICE)) {
    const failed = refused(task, found, which, priority, nice);
    if (failed < 0) return failed;
  }
  found.policy = which;
  found.realtimePriority = priority;
  if (plain === SCHED.OTHER || plain === SCHED.BATCH) found.nice = nice;
  if (plain === SCHED.IDLE || nice !== 0) found.kernel.queue.weighted = true;
  return 0;
}

/** What only CAP_SYS_NICE may: see sched(7), "Privileges and resource limits". */
function refused(task: Task, found: Task, which: number, priority: number, nice: number): number {
  const soft = found.process.limits.soft;
  const realtime = priority > 0, was = found.policy & ~SCHED_RESET_ON_FORK;
  const plain = which & ~SCHED_RESET_ON_FORK;
  const told = plain === SCHED.OTHER || plain === SCHED.BATCH;
  if (told && nice < found.nice && nice < 20 - soft[RLIMIT.NICE]!) return -E.PERM;
  if (realtime) {
    const limit = soft[RLIMIT.RTPRIO]!;
    if (plain !== was && limit === 0) return -E.PERM;
    if (priority > found.realtimePriority && priority > limit) return -E.PERM;
  }
  if (was === SCHED.IDLE && plain !== SCHED.IDLE && found.nice < 20 - soft[RLIMIT.NICE]!) return -E.PERM;
  if (found.policy & SCHED_RESET_ON_FORK && (which & SCHED_RESET_ON_FORK) === 0) return -E.PERM;
  return mayChange(task, found) ? 0 : -E.PERM;
}

/** sched_getparam(2). */
function schedGetparam(task: Task, id: number, param: number): number {
  if (id < 0 || param === 0) return -E.INVAL;
  const found = target(task, id);
  if (!found) return -E.SRCH;
  return task.mm.putU32(param, found.realtimePriority) ? 0 : -E.FAULT;
}

/** sched_setparam(2). */
function schedSetparam(task: Task, id: number, param: number): number {
  if (id < 0 || param === 0) return -E.INVAL;
  const found = target(task, id);
  const priority = task.mm.getU32(param);
  if (priority < 0) return priority;
  return found ? setPolicy(task, found, found.policy, priority | 0, found.nice) : -E.SRCH;
}

/** A time slice, nanoseconds. */
const SLICE = 4_000_000;

/** sched_rr_get_interval(2): SCHED_FIFO knows no slices. */
function schedRrGetInterval(task: Task, id: number, interval: number): number {
  if (id < 0) return -E.INVAL;
  const found = target(task, id);
  if (!found) return -E.SRCH;
  const endless = (found.policy & ~SCHED_RESET_ON_FORK) === SCHED.FIFO;
  return writePair(task, interval, 0, endless ? 0 : SLICE);
}

/** struct sched_attr as it is now, and as it first was. */
const SCHED_ATTR = {
  size: 0, policy: 4, flags: 8, nice: 16, priority: 20, runtime: 24, deadline: 32, period: 40, bytes: 56, first: 48,
} as const;
const SLICE_NS = 2_800_000;
const KNOWN_FLAGS = SCHED_FLAG.RESET_ON_FORK | SCHED_FLAG.RECLAIM | SCHED_FLAG.DL_OVERRUN | SCHED_FLAG.KEEP_POLICY |
  SCHED_FLAG.KEEP_PARAMS | SCHED_FLAG.UTIL_CLAMP_MIN | SCHED_FLAG.UTIL_CLAMP_MAX;

/** sched_getattr(2). */
function schedGetattr(task: Task, id: number, attr: number, bytes: number, flagBits: number): number {
  if (id < 0 || attr === 0 || flagBits !== 0 || bytes < SCHED_ATTR.first || bytes > 4096) return -E.INVAL;
  const found = target(task, id);
  if (!found) return -E.SRCH;
  if (!task.mm.writable(attr, bytes)) return -E.FAULT;
  const { u8, view } = task.mm.window;
  u8.fill(0, attr, attr + bytes);
  view.setUint32(attr, Math.min(bytes, SCHED_ATTR.bytes), true);
  view.setUint32(attr + SCHED_ATTR.policy, found.policy & ~SCHED_RESET_ON_FORK, true);
  view.setUint32(attr + SCHED_ATTR.flags, found.policy & SCHED_RESET_ON_FORK ? SCHED_FLAG.RESET_ON_FORK : 0, true);
  if (found.realtimePriority > 0) {
    view.setUint32(attr + SCHED_ATTR.priority, found.realtimePriority, true);
  } else {
    view.setInt32(attr + SCHED_ATTR.nice, found.nice, true);
    view.setUint32(attr + SCHED_ATTR.runtime, SLICE_NS, true);
  }
  return 0;
}

/** sched_setattr(2). */
function schedSetattr(task: Task, id: number, attr: number, flagBits: number): number {
  if (id < 0 || attr === 0 || flagBits !== 0) return -E.INVAL;
  const { mm } = task;
  const given = mm.getU32(attr);
  if (given < 0) return given;
  const bytes = given === 0 ? SCHED_ATTR.first : given;
  if (bytes < SCHED_ATTR.first || bytes > 4096) return tellSize(task, attr);
  if (!mm.readable(attr, bytes)) return -E.FAULT;
  const { view, u8 } = mm.window;
  for (let at = SCHED_ATTR.bytes; at < bytes; at++) if (u8[attr + at] !== 0) return tellSize(task, attr);
  const bits = mm.getU64(attr + SCHED_ATTR.flags);
  const clamps = SCHED_FLAG.UTIL_CLAMP_MIN | SCHED_FLAG.UTIL_CLAMP_MAX;
  if (bits & clamps && bytes < SCHED_ATTR.bytes) return -E.INVAL;
  const which = view.getInt32(attr + SCHED_ATTR.policy, true);
  if (which < 0 || bits > KNOWN_FLAGS) return -E.INVAL;
  const found = target(task, id);
  if (!found) return -E.SRCH;
  if (bits & clamps) return -E.OPNOTSUPP;
  if (which === SCHED.DEADLINE) return -E.PERM;
  let policyBits = bits & SCHED_FLAG.KEEP_POLICY ? found.policy & ~SCHED_RESET_ON_FORK : which;
  if (bits & SCHED_FLAG.RESET_ON_FORK) policyBits |= SCHED_RESET_ON_FORK;
  const keep = (bits & SCHED_FLAG.KEEP_PARAMS) !== 0;
  const priority = keep ? found.realtimePriority : view.getInt32(attr + SCHED_ATTR.priority, true);
  const nice = keep ? found.nice : Math.max(-20, Math.min(19, view.getInt32(attr + SCHED_ATTR.nice, true)));
  return setPolicy(task, found, policyBits, priority, nice);
}

/** The struct is of a size that is not known: its first member says which is. */
function tellSize(task: Task, attr: number): number {
  task.mm.putU32(attr, SCHED_ATTR.bytes);
  return -E['2BIG'];
}
