/** Resource limits and usage: getrlimit(2), prlimit64(2), getrusage(2), getpriority(2). */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { PRIO, RLIMIT, RLIMIT_COUNT, RUSAGE, RUSAGE_WHO } from '../abi/resource.js';
import { native } from '../host/native.js';
import { processUsage, settledTime } from '../kernel/clock.js';
import { CAP_SYS_NICE, CAP_SYS_RESOURCE } from '../kernel/credentials.js';
import { timersOf } from '../kernel/interval_timers.js';
import { Usage, type Process } from '../kernel/process.js';
import type { Task } from '../kernel/task.js';
import { call, inStruct, int, oneOf, outStruct, pid, type Row } from './types.js';

const resource = oneOf('RLIMIT_', RLIMIT);
const who = oneOf('PRIO_', PRIO);

export const resourceRows: readonly Row[] = [
  call('getrlimit', 97, 191, [resource, outStruct('rlimit')], getrlimit),
  call('setrlimit', 160, 75, [resource, inStruct('rlimit')], setrlimit),
  call('prlimit64', 302, 340, [pid, resource, inStruct('rlimit64'), outStruct('rlimit64')], prlimit64),
  call('getrusage', 98, 77, [oneOf('RUSAGE_', RUSAGE_WHO), outStruct('rusage')], getrusage),
  call('getpriority', 140, 96, [who, int], getpriority),
  call('setpriority', 141, 97, [who, int, int], setpriority),
];

const RLIM64_INFINITY_WORD = 0xffff_ffff;

/** getrlimit(2): words of the ABI. */
function getrlimit(task: Task, which: number, rlim: number): number {
  if (which < 0 || which >= RLIMIT_COUNT) return -E.INVAL;
  const width = task.abi === Abi.X64 ? 8 : 4;
  if (!task.mm.writable(rlim, 2 * width)) return -E.FAULT;
  const { soft, hard } = task.process.limits;
  putLimit(task, rlim, soft[which]!, width);
  putLimit(task, rlim + width, hard[which]!, width);
  return 0;
}

/** setrlimit(2). */
function setrlimit(task: Task, which: number, rlim: number): number {
  const width = task.abi === Abi.X64 ? 8 : 4;
  if (!task.mm.readable(rlim, 2 * width)) return -E.FAULT;
  return changeLimit(task, task.process, which, getLimit(task, rlim, width), getLimit(task, rlim + width, width));
}

/** prlimit(2): 64-bit limits on both ABIs. */
function prlimit64(task: Task, target: number, which: number, newLimit: number, oldLimit: number): number {
  if (which < 0 || which >= RLIMIT_COUNT) return -E.INVAL;
  const other = target === 0 ? task : task.kernel.taskOf(target);
  if (newLimit !== 0 && !task.mm.readable(newLimit, 16)) return -E.FAULT;
  if (!other) return -E.SRCH;
  if (other.process !== task.process && !mayControl(task, other)) return -E.PERM;
  const { limits } = other.process;
  const soft = limits.soft[which]!, hard = limits.hard[which]!;
  if (newLimit !== 0) {
    const failed = changeLimit(task, other.process, which, getLimit(task, newLimit, 8),
      getLimit(task, newLimit + 8, 8));
    if (failed < 0) return failed;
  }
  if (oldLimit !== 0) {
    if (!task.mm.writable(oldLimit, 16)) return -E.FAULT;
    putLimit(task, oldLimit, soft, 8);
    putLimit(task, oldLimit + 8, hard, 8);
  }
  return 0;
}

function mayControl(task: Task, other: Task): boolean {
  const { cred } = task;
  return cred.has(CAP_SYS_RESOURCE) ||
    (cred.uid === other.cred.uid && cred.uid === other.cred.euid && cred.gid === other.cred.gid);
}

function changeLimit(task: Task, process: Process, which: number, soft: number, hard: number): number {
  if (which < 0 || which >= RLIMIT_COUNT || soft > hard) return -E.INVAL;
  const { limits } = process;
  if (hard > limits.hard[which]! && !task.cred.has(CAP_SYS_RESOURCE)) return -E.PERM;
  if (which === RLIMIT.NOFILE) {
    // fs.nr_open
    if (hard > 1048576) return -E.PERM;
    for (const member of process.tasks) member.files.limit = soft;
  }
  limits.set(which, soft, hard);
  if (which === RLIMIT.CPU) timersOf(process).limitCpu();
  return 0;
}

function putLimit(task: Task, addr: number, value: number, width: number): void {
  const { view } = task.mm.window;
  const infinite = value === Infinity;
  view.setUint32(addr, infinite ? RLIM64_INFINITY_WORD : value >>> 0, true);
  if (width === 8) view.setUint32(addr + 4, infinite ? RLIM64_INFINITY_WORD : Math.floor(value / 0x1_0000_0000), true);
}

function getLimit(task: Task, addr: number, width: number): number {
  const { view } = task.mm.window;
  const low = view.getUint32(addr, true);
  const high = width === 8 ? view.getUint32(addr + 4, true) : low === RLIM64_INFINITY_WORD ? low : 0;
  // Beyond 2^63 no limit binds.
  return high >= 0x8000_0000 ? Infinity : high * 0x1_0000_0000 + low;
}

const hostUsage = new Float64Array(18);

/** getrusage(2): CPU time and switches are the guest's, the resident set is that of posixx. */
function getrusage(task: Task, whose: number, buf: number): number {
  const { process } = task;
  const usage = new Usage();
  switch (whose) {
    case RUSAGE_WHO.SELF:
      usage.add(processUsage(process));
      break;
    case RUSAGE_WHO.THREAD:
      usage.userTime = settledTime(task).userTime;
      usage.systemTime = task.systemTime;
      usage.voluntarySwitches = task.voluntarySwitches;
      usage.involuntarySwitches = task.involuntarySwitches;
      break;
    case RUSAGE_WHO.CHILDREN:
      usage.add(process.childUsage);
      return writeUsage(task, buf, usage);
    default:
      return -E.INVAL;
  }
  native.getrusage(0, hostUsage);
  usage.maxResident = hostUsage[4]!;
  return writeUsage(task, buf, usage);
}

/** struct rusage at `buf`: 0 or -EFAULT. */
export function writeUsage(task: Task, buf: number, usage: Usage): number {
  const at = RUSAGE.of(task.abi);
  if (!task.mm.writable(buf, at.size)) return -E.FAULT;
  const { u8, view } = task.mm.window;
  u8.fill(0, buf, buf + at.size);
  const put = (offset: number, value: number): void => view.setUint32(buf + offset, value, true);
  put(at.utimeSec, Math.floor(usage.userTime / 1e9));
  put(at.utimeUsec, Math.floor((usage.userTime % 1e9) / 1000));
  put(at.stimeSec, Math.floor(usage.systemTime / 1e9));
  put(at.stimeUsec, Math.floor((usage.systemTime % 1e9) / 1000));
  put(at.maxrss, usage.maxResident);
  put(at.nvcsw, usage.voluntarySwitches);
  put(at.nivcsw, usage.involuntarySwitches);
  return 0;
}

/** Threads that (which, who) names: one thread, those of a process group, those of a user. */
function threadsFor(task: Task, which: number, id: number): Task[] {
  const { kernel } = task;
  if (which === PRIO.PROCESS) {
    const found = id === 0 ? task : kernel.taskOf(id);
    return found ? [found] : [];
  }
  return [...kernel.tasks.values()].filter((other) => (which === PRIO.PGRP
    ? other.process.group.pgid === (id === 0 ? task.process.group.pgid : id)
    : other.cred.uid === (id === 0 ? task.cred.uid : id >>> 0)));
}

/** getpriority(2): the kernel gives 20 - nice. */
function getpriority(task: Task, which: number, id: number): number {
  if (which < PRIO.PROCESS || which > PRIO.USER) return -E.INVAL;
  const found = threadsFor(task, which, id);
  return found.length === 0 ? -E.SRCH : 20 - Math.min(...found.map((thread) => thread.nice));
}

/** setpriority(2). */
function setpriority(task: Task, which: number, id: number, priority: number): number {
  if (which < PRIO.PROCESS || which > PRIO.USER) return -E.INVAL;
  const found = threadsFor(task, which, id);
  const nice = Math.max(-20, Math.min(19, priority));
  const { cred } = task;
  let result = -E.SRCH;
  for (const thread of found) {
    if (thread.cred.uid !== cred.euid && thread.cred.euid !== cred.euid && !cred.has(CAP_SYS_NICE)) {
      result = -E.PERM;
    } else if (nice < thread.nice && nice < 20 - thread.process.limits.soft[RLIMIT.NICE]! && !cred.has(CAP_SYS_NICE)) {
      result = -E.ACCES;
    } else {
      thread.nice = nice;
      thread.kernel.queue.weighted = true;
      if (result === -E.SRCH) result = 0;
    }
  }
  return result;
}
