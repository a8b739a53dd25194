/** Scheduling as programs see it (sched(7)): one CPU for all tasks, time shared. */
import { E } from '../abi/errno.js';
import { MEMBARRIER, SCHED, SCHED_RESET_ON_FORK } from '../abi/process.js';
import { native } from '../host/native.js';
import { CAP_SYS_NICE } from '../kernel/credentials.js';
import type { Task } from '../kernel/task.js';
import { writePair } from './timespec.js';
import { call, flags, int, oneOf, outStruct, pid, ptr, size, uint, type Row } from './types.js';

const policy = oneOf('SCHED_', SCHED);

export const schedRows: readonly Row[] = [
  call('sched_yield', 24, 158, [], schedYield),
  call('sched_getaffinity', 204, 242, [pid, size, ptr], schedGetaffinity),
  call('sched_setaffinity', 203, 241, [pid, size, ptr], schedSetaffinity, 'partial',
    'checked; all tasks share one CPU'),
  call('sched_getscheduler', 145, 157, [pid], schedGetscheduler),
  call('sched_setscheduler', 144, 156, [pid, policy, ptr], schedSetscheduler, 'partial',
    'stored; time is shared evenly'),
  call('sched_getparam', 143, 155, [pid, ptr], schedGetparam),
  call('sched_setparam', 142, 154, [pid, ptr], schedSetparam, 'partial', 'stored; time is shared evenly'),
  call('sched_get_priority_max', 146, 159, [policy], (_task, which) => priorityRange(which, 99)),
  call('sched_get_priority_min', 147, 160, [policy], (_task, which) => priorityRange(which, 1)),
  call('sched_rr_get_interval', 148, 161, [pid, outStruct('timespec')], schedRrGetInterval),
  call('sched_getattr', 315, 352, [pid, ptr, uint, uint], schedGetattr),
  call('sched_setattr', 314, 351, [pid, ptr, uint], schedSetattr, 'partial', 'stored; time is shared evenly'),
  call('membarrier', 324, 375, [flags('MEMBARRIER_CMD_', MEMBARRIER), uint, int], membarrier),
  call('ioprio_get', 252, 290, [int, int], (_task, which) => (which >= 1 && which <= 3 ? 4 : -E.INVAL)),
  call('ioprio_set', 251, 289, [int, int, int], (_task, which) => (which >= 1 && which <= 3 ? 0 : -E.INVAL), 'partial',
    'accepted, without effect'),
];

function target(task: Task, id: number): Task | undefined {
  return id === 0 ? task : task.kernel.tasks.get(id);
}

/** sched_yield(2). */
function schedYield(task: Task): number {
  if (task.kernel.othersRunnable) return task.yield();
  return 0;
}

/** sched_getaffinity(2): the CPUs of the host that posixx may use. Gives the bytes written. */
function schedGetaffinity(task: Task, id: number, bytes: number, mask: number): number {
  const cpus = native.cpuCount();
  if (bytes * 8 < cpus || bytes & 7) return -E.INVAL;
  const found = target(task, id);
  if (!found) return -E.SRCH;
  const length = Math.min(bytes, Math.ceil(cpus / 64) * 8);
  if (!task.mm.writable(mask, length)) return -E.FAULT;
  const { u8 } = task.mm.window;
  u8.fill(0, mask, mask + length);
  for (let cpu = 0; cpu < cpus; cpu++) u8[mask + (cpu >> 3)]! |= 1 << (cpu & 7);
  return length;
}

/** sched_setaffinity(2). */
function schedSetaffinity(task: Task, id: number, bytes: number, mask: number): number {
  if (!task.mm.readable(mask, bytes)) return -E.FAULT;
  if (!target(task, id)) return -E.SRCH;
  const cpus = native.cpuCount();
  const { u8 } = task.mm.window;
  for (let cpu = 0; cpu < Math.min(cpus, 8 * bytes); cpu++) if (u8[mask + (cpu >> 3)]! & (1 << (cpu & 7))) return 0;
  return -E.INVAL;
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
  return priority < 0 ? priority : setPolicy(task, id, which, priority | 0);
}

function setPolicy(task: Task, id: number, which: number, priority: number): number {
  const found = target(task, id);
  if (!found) return -E.SRCH;
  const plain = which & ~SCHED_RESET_ON_FORK;
  const min = priorityRange(plain, 1), max = priorityRange(plain, 99);
  if (min < 0 || plain === SCHED.DEADLINE || priority < min || priority > max) return -E.INVAL;
  if (max > 0 && !task.cred.has(CAP_SYS_NICE)) return -E.PERM;
  found.policy = which;
  found.realtimePriority = priority;
  return 0;
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
  return found ? setPolicy(task, id, found.policy, priority | 0) : -E.SRCH;
}

/** sched_rr_get_interval(2). */
function schedRrGetInterval(task: Task, id: number, interval: number): number {
  if (id < 0) return -E.INVAL;
  return target(task, id) ? writePair(task, interval, 0, 4_000_000) : -E.SRCH;
}

const SCHED_ATTR_SIZE = 56;
const SCHED_ATTR_MIN = 48;

/** sched_getattr(2). */
function schedGetattr(task: Task, id: number, attr: number, bytes: number, flagBits: number): number {
  if (id < 0 || attr === 0 || flagBits !== 0 || bytes < SCHED_ATTR_MIN || bytes > 4096) return -E.INVAL;
  const found = target(task, id);
  if (!found) return -E.SRCH;
  const length = Math.min(bytes, SCHED_ATTR_SIZE);
  if (!task.mm.writable(attr, length)) return -E.FAULT;
  const { u8, view } = task.mm.window;
  u8.fill(0, attr, attr + length);
  view.setUint32(attr, length, true);
  view.setUint32(attr + 4, found.policy & ~SCHED_RESET_ON_FORK, true);
  view.setUint32(attr + 8, found.policy & SCHED_RESET_ON_FORK ? 1 : 0, true);
  view.setInt32(attr + 16, found.process.nice, true);
  view.setUint32(attr + 20, found.realtimePriority, true);
  return 0;
}

/** sched_setattr(2). */
function schedSetattr(task: Task, id: number, attr: number, flagBits: number): number {
  if (id < 0 || attr === 0 || flagBits !== 0) return -E.INVAL;
  if (!task.mm.readable(attr, SCHED_ATTR_MIN)) return -E.FAULT;
  const { view } = task.mm.window;
  const reset = view.getUint32(attr + 8, true) & 1 ? SCHED_RESET_ON_FORK : 0;
  return setPolicy(task, id, view.getUint32(attr + 4, true) | reset, view.getInt32(attr + 20, true));
}

/** membarrier(2): guest code of all tasks runs on one host thread, so every barrier is in force already. */
function membarrier(task: Task, command: number, flagBits: number): number {
  if (flagBits !== 0) return -E.INVAL;
  switch (command) {
    case MEMBARRIER.QUERY:
      return 0x7f;
    case MEMBARRIER.GLOBAL:
    case MEMBARRIER.GLOBAL_EXPEDITED:
      return 0;
    case MEMBARRIER.REGISTER_GLOBAL_EXPEDITED:
    case MEMBARRIER.REGISTER_PRIVATE_EXPEDITED:
    case MEMBARRIER.REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
      task.process.membarriers |= command;
      return 0;
    case MEMBARRIER.PRIVATE_EXPEDITED:
    case MEMBARRIER.PRIVATE_EXPEDITED_SYNC_CORE:
      return task.process.membarriers & (command << 1) ? 0 : -E.PERM;
    default:
      return -E.INVAL;
  }
}
