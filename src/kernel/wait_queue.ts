/** Wait queues: who waits for what, and waking them. */
import { POLL } from '../abi/fcntl.js';
import type { Waiters } from '../vfs/open_file.js';
import type { Task } from './task.js';

/** Why a parked task goes on. */
export const enum Wake {
  /** A queue that it waited on was woken. Others may have been quicker: look again. */
  Event = 0,
  /** The deadline is over. */
  Timeout = 1,
  /** A signal that it does not block is pending: give the partial result, -EINTR or an -ERESTART code. */
  Signal = 2,
}

/** Who can wait on a queue: tasks, and items of epoll instances. */
export interface Waiter {
  /** `events`: POLL bits that may have become true. Gives whether somebody who waits was told. */
  notify(events: number): boolean;
}

/** In a mask of `watch`: the waiter is told only when no other exclusive one before it was (EPOLLEXCLUSIVE). */
export const EXCLUSIVE = 0x1000_0000;
const ALL = 0xffff;

/** Waiters in the order in which they came. A task leaves all its queues when it is woken; others stay. */
export class WaitQueue implements Waiters {
  private readonly waiters: Waiter[] = [];
  /** POLL bits that each waits for. */
  private readonly masks: number[] = [];

  get empty(): boolean {
    return this.waiters.length === 0;
  }

  /** Events that some waiter waits for. */
  get events(): number {
    let events = 0;
    for (const mask of this.masks) events |= mask;
    return events & ALL;
  }

  /** `task` will be woken by this queue once it is parked, when one of `events` may have become true. */
  add(task: Task, events = ALL): void {
    this.watch(task, events);
    task.queues.push(this);
  }

  /** As `add` for what is no task: it stays until `remove`. `events` may hold EXCLUSIVE. */
  watch(waiter: Waiter, events: number): void {
    this.waiters.push(waiter);
    // POLLRDNORM and POLLWRNORM become true with what wakes under the other name.
    if (events & POLL.RDNORM) events |= POLL.IN;
    this.masks.push(events & POLL.WRNORM ? events | POLL.OUT : events);
  }

  remove(waiter: Waiter): void {
    const at = this.waiters.indexOf(waiter);
    if (at < 0) return;
    this.waiters.splice(at, 1);
    this.masks.splice(at, 1);
  }

  /** Wakes all that wait for one of `events`. */
  wake(events = ALL): void {
    const { waiters, masks } = this;
    if (waiters.length === 0) return;
    if (waiters.length === 1) {
      if (masks[0]! & events) waiters[0]!.notify(events);
      return;
    }
    // A waiter may leave, or come back, while others are told.
    const exclusive: Waiter[] = [];
    const others = waiters.filter((waiter, at) => {
      if ((masks[at]! & events) === 0) return false;
      if ((masks[at]! & EXCLUSIVE) === 0) return true;
      exclusive.push(waiter);
      return false;
    });
    for (const waiter of others) waiter.notify(events);
    exclusive.some((waiter) => waiter.notify(events));
  }

  /** Wakes the one that has waited longest, if there is one that waits for `events`. */
  wakeOne(events = ALL): boolean {
    const at = this.masks.findIndex((mask) => mask & events);
    if (at < 0) return false;
    this.waiters[at]!.notify(events);
    return true;
  }
}
