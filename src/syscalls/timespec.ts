/** Time structs in guest memory, for both ABIs. */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import type { Task } from '../kernel/task.js';

/** What readTimespec and readTimeval read: two numbers that are good until the next call. */
export const time = { sec: 0, nsec: 0 };

/** Reads a struct timespec into `time`. -EFAULT; -EINVAL when it is negative or not normalised. */
export function readTimespec(task: Task, addr: number): number {
  const failed = readPair(task, addr);
  if (failed < 0) return failed;
  return time.sec < 0 || time.nsec < 0 || time.nsec > 999_999_999 ? -E.INVAL : 0;
}

/** Reads a struct timeval; its microseconds become time.nsec. */
export function readTimeval(task: Task, addr: number): number {
  const failed = readPair(task, addr);
  if (failed < 0) return failed;
  if (time.sec < 0 || time.nsec < 0 || time.nsec > 999_999) return -E.INVAL;
  time.nsec *= 1000;
  return 0;
}

/** Two longs as they are. */
export function readPair(task: Task, addr: number): number {
  const { mm } = task;
  const wide = task.abi === Abi.X64;
  if (!mm.readable(addr, wide ? 16 : 8)) return -E.FAULT;
  const { view } = mm.window;
  time.sec = wide ? view.getInt32(addr + 4, true) * 0x1_0000_0000 + view.getUint32(addr, true)
    : view.getInt32(addr, true);
  const second = wide ? addr + 8 : addr + 4;
  time.nsec = wide
    ? view.getInt32(second + 4, true) * 0x1_0000_0000 + view.getUint32(second, true)
    : view.getInt32(second, true);
  return 0;
}

/** Writes two longs: a timespec or, with microseconds, a timeval. 0 or -EFAULT. */
export function writePair(task: Task, addr: number, first: number, second: number): number {
  const { mm } = task;
  const wide = task.abi === Abi.X64;
  if (!mm.writable(addr, wide ? 16 : 8)) return -E.FAULT;
  const { view } = mm.window;
  view.setUint32(addr, first >>> 0, true);
  if (wide) {
    view.setInt32(addr + 4, Math.floor(first / 0x1_0000_0000), true);
    view.setUint32(addr + 8, second >>> 0, true);
    view.setInt32(addr + 12, Math.floor(second / 0x1_0000_0000), true);
  } else {
    view.setUint32(addr + 4, second >>> 0, true);
  }
  return 0;
}

/** As writePair for a time in nanoseconds, as a timespec. */
export function writeNs(task: Task, addr: number, ns: number): number {
  const sec = Math.floor(ns / 1e9);
  return writePair(task, addr, sec, Math.floor(ns - sec * 1e9));
}
