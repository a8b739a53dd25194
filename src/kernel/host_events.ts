/** What the host tells the kernel: descriptors that are ready, signals sent to this process, time that has passed. */
import { native } from '../host/native.js';
import { WaitQueue } from './wait_queue.js';

/** Host descriptors that guests wait for, each with the tasks and epoll items that wait. */
export class HostEvents {
  private readonly queues = new Map<number, WaitQueue>();
  private entries = new Int32Array(3 * 16);

  /** The queue that wakes when host descriptor `fd` is ready for what its waiters want. */
  queue(fd: number): WaitQueue {
    let queue = this.queues.get(fd);
    if (!queue) this.queues.set(fd, queue = new WaitQueue());
    return queue;
  }

  /** The host descriptor is being closed. */
  forget(fd: number): void {
    this.queues.delete(fd);
  }

  /**
   * Waits until a descriptor is ready, a caught signal comes, or `timeout` nanoseconds (negative: for ever) are over,
   * and wakes who waits. With 0 it only looks. Gives false when there was nothing to look at and no time to wait.
   */
  poll(timeout: number): boolean {
    let count = 0;
    for (const [fd, queue] of this.queues) {
      const events = queue.events;
      if (events === 0) continue;
      if (3 * count + 3 > this.entries.length) {
        const larger = new Int32Array(2 * this.entries.length);
        larger.set(this.entries);
        this.entries = larger;
      }
      this.entries[3 * count] = fd;
      this.entries[3 * count + 1] = events & 0x7fff;
      count++;
    }
    if (count === 0 && timeout === 0) return false;
    const ready = native.hostPoll(this.entries, count, timeout);
    if (ready <= 0) return true;
    for (let at = 0; at < count; at++) {
      const revents = this.entries[3 * at + 2]!;
      if (revents !== 0) this.queues.get(this.entries[3 * at]!)?.wake(revents);
    }
    return true;
  }
}

const probe = new Int32Array(3);

/** POLL bits of one host descriptor now. */
export function hostReadiness(fd: number, events: number): number {
  probe[0] = fd;
  probe[1] = events;
  return native.hostPoll(probe, 1, 0) > 0 ? probe[2]! : 0;
}
