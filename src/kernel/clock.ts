/** The clocks of clock_gettime(2): the host's, and the CPU time of guests. */
import { E } from '../abi/errno.js';
import { CLOCK } from '../abi/time.js';
import { native } from '../host/native.js';
import { Usage, type Process } from './process.js';
import type { Task } from './task.js';
import { TaskState } from './task.js';

const host = new Float64Array(2);
const NS = 1e9;

/** Dynamic clock ids (clock_getcpuclockid(3)): ~pid << 3 | kind, bit 2 for a thread. */
const CPU_CLOCK = { KIND: 3, PER_THREAD: 4, PROF: 0, VIRT: 1, SCHED: 2 } as const;

/** Reads clock `id` into out[0] seconds, out[1] nanoseconds. 0, or -EINVAL for ids that no clock has. */
export function readClock(task: Task, id: number, out: Float64Array): number {
  switch (id) {
    case CLOCK.PROCESS_CPUTIME_ID:
      return split(processTime(task.process, task), out);
    case CLOCK.THREAD_CPUTIME_ID:
      return split(threadTime(task), out);
    default:
      if (id >= 0) return native.clockGettime(id, out);
      return readCpuClock(task, id, out);
  }
}

function readCpuClock(task: Task, id: number, out: Float64Array): number {
  if ((id & CPU_CLOCK.KIND) === 3) return -E.INVAL;
  const pid = ~id >> 3;
  const target = pid === 0 ? task : task.kernel.taskOf(pid);
  if (!target) return -E.INVAL;
  if (id & CPU_CLOCK.PER_THREAD) return target.process === task.process ? split(threadTime(target), out) : -E.INVAL;
  return split(processTime(target.process, task), out);
}

/** Whether `id` names a clock. */
export function clockExists(task: Task, id: number): boolean {
  return readClock(task, id, host) >= 0;
}

/** Nanoseconds that a thread has had the CPU. */
export function threadTime(task: Task): number {
  const { kernel } = task;
  if (kernel.current === task && task.state !== TaskState.Zombie) kernel.chargeTime();
  return task.userTime + task.systemTime + task.unsplitTime;
}

/** Nanoseconds that all threads of a process have had the CPU. */
export function processTime(process: Process, current: Task): number {
  current.kernel.chargeTime();
  let total = process.ownUsage.userTime + process.ownUsage.systemTime;
  for (const task of process.tasks) {
    if (task.state !== TaskState.Zombie) total += task.userTime + task.systemTime + task.unsplitTime;
  }
  return total;
}

/** User and system time of a thread until now. */
export function settledTime(task: Task): Task {
  const { kernel } = task;
  if (task.state === TaskState.Zombie) return task;
  if (kernel.current === task) kernel.chargeTime();
  kernel.cpuTime.settle(task);
  return task;
}

/** What a process has used until now, its ended threads too; without its children. */
export function processUsage(process: Process): Usage {
  const usage = new Usage();
  usage.add(process.ownUsage);
  for (const task of process.tasks) {
    if (task.state === TaskState.Zombie) continue;
    const { userTime, systemTime } = settledTime(task);
    usage.userTime += userTime;
    usage.systemTime += systemTime;
    usage.voluntarySwitches += task.voluntarySwitches;
    usage.involuntarySwitches += task.involuntarySwitches;
  }
  return usage;
}

/** Now on clock `id` in nanoseconds (REALTIME only to some 200 ns). */
export function nowOn(task: Task, id: number): number {
  if (id === CLOCK.MONOTONIC) return native.monotonicNow();
  readClock(task, id, host);
  return host[0]! * NS + host[1]!;
}

/**
 * The CLOCK_MONOTONIC time, in nanoseconds, at which clock `id` will show (sec, nsec), were it not set in between.
 */
export function monotonicAt(task: Task, id: number, sec: number, nsec: number): number {
  if (id === CLOCK.MONOTONIC) return sec * NS + nsec;
  readClock(task, id, host);
  return native.monotonicNow() + (sec - host[0]!) * NS + (nsec - host[1]!);
}

function split(ns: number, out: Float64Array): number {
  out[0] = Math.floor(ns / NS);
  out[1] = Math.floor(ns - out[0]! * NS);
  return 0;
}
