/** Waiting until a file can be read or written: what blocking reads, poll(2) and epoll(7) share. */
import { E } from '../abi/errno.js';
import { POLL } from '../abi/fcntl.js';
import { native } from '../host/native.js';
import type { OpenFile } from '../vfs/open_file.js';
import { BLOCKED, type Resume, type Task } from './task.js';
import { Wake, WaitQueue } from './wait_queue.js';
import { hostReadiness } from './host_events.js';

/** The queue that is woken when the readiness of `file` changes. */
export function readyQueue(task: Task, file: OpenFile): WaitQueue {
  const fd = file.pollFd();
  if (fd >= 0) return task.kernel.hostEvents.queue(fd);
  return (file.waiters ??= new WaitQueue()) as WaitQueue;
}

/** POLL bits among `events` (and ERR, HUP) that are true of `file` now. */
export function readiness(file: OpenFile, events: number): number {
  const fd = file.pollFd();
  const now = fd >= 0 ? hostReadiness(fd, events) : file.poll();
  return now & (events | POLL.ERR | POLL.HUP | POLL.NVAL);
}

/** Task.park for a call on `file`, which stays open until the call ends whoever closes its descriptor. */
export function parkOn(task: Task, file: OpenFile, resume: Resume, deadline = Infinity): number {
  const result = task.park(resume, deadline);
  if (result === BLOCKED) task.hold(file);
  return result;
}

/** Tries a call again: gives its result, or what waiting again gives. */
export type Retry = (task: Task) => number;

/**
 * Parks the task until the file may be ready for `events` (POLL.IN, POLL.OUT), then calls `retry`. A signal ends the
 * wait with -ERESTARTSYS. The caller has found the file not ready (-EAGAIN), and O.NONBLOCK not set.
 */
export function waitReady(task: Task, file: OpenFile, events: number, retry: Retry): number {
  const limit = file.waitLimit(events);
  if (limit !== Infinity) return waitUntil(task, file, events, retry, native.monotonicNow() + limit);
  readyQueue(task, file).add(task, events | POLL.ERR | POLL.HUP);
  // What can be had at once goes before a signal.
  return parkOn(task, file, (parked, wake) => {
    if (wake !== Wake.Signal || readiness(file, events) !== 0) return retry(parked);
    file.waitEnds();
    return -E.RESTARTSYS;
  });
}

/** As waitReady for a call on two files: `other` stays open, too. */
export function waitReadyOf(task: Task, file: OpenFile, other: OpenFile, events: number, retry: Retry): number {
  const result = waitReady(task, file, events, retry);
  if (result === BLOCKED) task.hold(other);
  return result;
}

/** As waitReady for a file with a time-out (SO_RCVTIMEO): -EAGAIN when it is over; calls are not restarted (signal(7)). */
function waitUntil(task: Task, file: OpenFile, events: number, retry: Retry, deadline: number): number {
  readyQueue(task, file).add(task, events | POLL.ERR | POLL.HUP);
  return parkOn(task, file, (parked, wake) => {
    if (readiness(file, events) !== 0) return retry(parked);
    if (wake === Wake.Timeout) return -E.AGAIN;
    return wake === Wake.Signal ? -E.INTR : waitUntil(parked, file, events, retry, deadline);
  }, deadline);
}
