/** Interest lists (epoll(7)). */
import { E } from '../abi/errno.js';
import { O, POLL } from '../abi/fcntl.js';
import type { OpenFile } from '../vfs/open_file.js';
import { AnonymousFile } from './anonymous_file.js';
import type { Task } from './task.js';
import { readiness, readyQueue } from './wait_ready.js';
import type { Waiter, WaitQueue } from './wait_queue.js';

/** Bits of epoll_event.events beside POLL's. */
export const EPOLL = {
  IN: 0x001, PRI: 0x002, OUT: 0x004, ERR: 0x008, HUP: 0x010, RDNORM: 0x040, RDBAND: 0x080, WRNORM: 0x100, WRBAND: 0x200,
  MSG: 0x400, RDHUP: 0x2000, EXCLUSIVE: 0x1000_0000, WAKEUP: 0x2000_0000, ONESHOT: 0x4000_0000, ET: 0x8000_0000,
} as const;

const POLL_BITS = 0xffff;
/** Epoll instances that watch each other may be this deep (Linux EP_MAX_NESTS). */
const MAX_NESTS = 4;

/** A watched descriptor. */
class Item implements Waiter {
  /** In the ready list. */
  ready = false;

  constructor(
    readonly epoll: EpollFile, readonly file: OpenFile, readonly fd: number, public events: number,
    public dataLow: number, public dataHigh: number, readonly queue: WaitQueue,
  ) {}

  notify(): void {
    if (this.events & POLL_BITS) this.epoll.markReady(this);
  }
}

export class EpollFile extends AnonymousFile {
  readonly kind = '[eventpoll]';
  /** By description and descriptor: the same file may be watched through two descriptors. */
  private readonly items = new Map<OpenFile, Map<number, Item>>();
  /** Items that may be ready, in the order in which they became so. */
  private readyList: Item[] = [];

  constructor() {
    super(O.RDWR);
  }

  /** EPOLL_CTL_ADD. */
  add(task: Task, fd: number, file: OpenFile, events: number, dataLow: number, dataHigh: number): number {
    if (this.find(fd, file)) return -E.EXIST;
    if (file instanceof EpollFile && (file.reaches(this) || file.depth() + 1 > MAX_NESTS)) return -E.LOOP;
    if (!file.pollable) return -E.PERM;
    events |= POLL.ERR | POLL.HUP;
    const item = new Item(this, file, fd, events, dataLow, dataHigh, readyQueue(task, file));
    let ofFile = this.items.get(file);
    if (!ofFile) this.items.set(file, ofFile = new Map());
    ofFile.set(fd, item);
    item.queue.watch(item, events & POLL_BITS);
    if (readiness(file, events & POLL_BITS) !== 0) this.markReady(item);
    return 0;
  }

  /** EPOLL_CTL_MOD. */
  modify(fd: number, file: OpenFile, events: number, dataLow: number, dataHigh: number): number {
    const item = this.find(fd, file);
    if (!item) return -E.NOENT;
    if ((events | item.events) & EPOLL.EXCLUSIVE) return -E.INVAL;
    events |= POLL.ERR | POLL.HUP;
    item.events = events;
    item.dataLow = dataLow;
    item.dataHigh = dataHigh;
    item.queue.remove(item);
    item.queue.watch(item, events & POLL_BITS);
    if (readiness(file, events & POLL_BITS) !== 0) this.markReady(item);
    return 0;
  }

  /** EPOLL_CTL_DEL. */
  delete(fd: number, file: OpenFile): number {
    const item = this.find(fd, file);
    if (!item) return -E.NOENT;
    this.forget(item);
    return 0;
  }

  markReady(item: Item): void {
    if (!item.ready) {
      item.ready = true;
      this.readyList.push(item);
    }
    this.queue.wake(POLL.IN);
  }

  /** Calls `report` for each ready item until it has taken `max`. Gives how many. */
  collect(max: number, report: (events: number, dataLow: number, dataHigh: number) => void): number {
    const list = this.readyList;
    this.readyList = [];
    const again: Item[] = [];
    let count = 0;
    for (const item of list) {
      if (!item.ready) continue;
      if (count >= max) {
        again.push(item);
        continue;
      }
      if (item.file.referenceCount === 0) {
        this.forget(item);
        continue;
      }
      const now = (item.events & POLL_BITS) === 0 ? 0 : readiness(item.file, item.events & POLL_BITS);
      if (now === 0) {
        item.ready = false;
        continue;
      }
      report(now, item.dataLow, item.dataHigh);
      count++;
      if (item.events & EPOLL.ONESHOT) {
        item.events &= ~POLL_BITS;
        item.ready = false;
      } else if (item.events & EPOLL.ET) {
        item.ready = false;
      } else {
        // Level-triggered: behind those that have not been looked at.
        again.push(item);
      }
    }
    this.readyList = [...again, ...this.readyList];
    return count;
  }

  /** Ready items that were not reported: others who wait may take them. */
  get mayBeReady(): boolean {
    return this.readyList.length > 0;
  }

  override poll(): number {
    for (const item of this.readyList) {
      if (item.ready && item.events & POLL_BITS && readiness(item.file, item.events & POLL_BITS) !== 0) {
        return POLL.IN | POLL.RDNORM;
      }
    }
    return 0;
  }

  /** For /proc/PID/fdinfo. */
  *watched(): Iterable<{ fd: number; events: number; data: string }> {
    for (const ofFile of this.items.values()) {
      for (const { fd, events, dataLow, dataHigh } of ofFile.values()) {
        const high = (dataHigh >>> 0).toString(16), low = (dataLow >>> 0).toString(16);
        yield { fd, events, data: dataHigh === 0 ? low : high + low.padStart(8, '0') };
      }
    }
  }

  /** Of the files watched as descriptor `fd` number `at` (kcmp(2)). */
  watchedFile(fd: number, at: number): OpenFile | undefined {
    return [...this.items].filter(([, ofFile]) => ofFile.has(fd))[at]?.[0];
  }

  private find(fd: number, file: OpenFile): Item | undefined {
    return this.items.get(file)?.get(fd);
  }

  private forget(item: Item): void {
    item.ready = false;
    item.queue.remove(item);
    const ofFile = this.items.get(item.file);
    ofFile?.delete(item.fd);
    if (ofFile?.size === 0) this.items.delete(item.file);
  }

  /** Whether watching this instance would close a loop with `target`. */
  private reaches(target: EpollFile): boolean {
    if (this === target) return true;
    for (const file of this.items.keys()) if (file instanceof EpollFile && file.reaches(target)) return true;
    return false;
  }

  private depth(): number {
    let depth = 0;
    for (const file of this.items.keys()) if (file instanceof EpollFile) depth = Math.max(depth, 1 + file.depth());
    return depth;
  }

  protected override closed(): number {
    for (const ofFile of this.items.values()) for (const item of ofFile.values()) item.queue.remove(item);
    this.items.clear();
    return 0;
  }
}
