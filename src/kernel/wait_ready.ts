/** Waiting until a file can be read or written: what blocking reads, poll(2) and epoll(7) share. */
import { E } from '../abi/errno.js';
import { O, POLL } from '../abi/fcntl.js';
import type { OpenFile } from '../vfs/open_file.js';
import type { Task } from './task.js';
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

/** Tries a transfer; -EAGAIN when it would have to wait. */
export type Transfer = (task: Task) => number;

/**
 * Carries out a read or write that may have to wait for `events` (POLL.IN, POLL.OUT). `transfer` is tried now and each
 * time the file becomes ready; a signal ends the wait with -ERESTARTSYS. Files with O.NONBLOCK never wait.
 */
export function transferWhenReady(task: Task, file: OpenFile, events: number, transfer: Transfer): number {
  // A host descriptor that is not ready would block posixx itself.
  if (file.pollFd() >= 0 && readiness(file, events) === 0) {
    return file.flags & O.NONBLOCK ? -E.AGAIN : waitReady(task, file, events, transfer);
  }
  const result = transfer(task);
  return result === -E.AGAIN && (file.flags & O.NONBLOCK) === 0 ? waitReady(task, file, events, transfer) : result;
}

/** Parks the task until the file may be ready, then tries `transfer`, again and again. */
export function waitReady(task: Task, file: OpenFile, events: number, transfer: Transfer): number {
  readyQueue(task, file).add(task, events | POLL.ERR | POLL.HUP);
  return task.park((parked, wake) => {
    if (wake === Wake.Signal) return -E.RESTARTSYS;
    return transferWhenReady(parked, file, events, transfer);
  });
}
