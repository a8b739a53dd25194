/** Wait queues: who waits for what, and waking them. */
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

/** Tasks in the order in which they came. A task leaves all its queues when it is woken. */
export class WaitQueue {
  private waiters: Task[] = [];

  get empty(): boolean {
    return this.waiters.length === 0;
  }

  /** `task` will be woken by this queue once it is parked. */
  add(task: Task): void {
    this.waiters.push(task);
    task.queues.push(this);
  }

  remove(task: Task): void {
    const at = this.waiters.indexOf(task);
    if (at >= 0) this.waiters.splice(at, 1);
  }

  /** Wakes the first `count` waiters. Gives how many there were to wake. */
  wake(count = Infinity): number {
    let woken = 0;
    while (woken < count && this.waiters.length > 0) {
      this.waiters[0]!.wake(Wake.Event);
      woken++;
    }
    return woken;
  }
}
