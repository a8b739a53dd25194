/** Interest lists (epoll(7)). */
import { E } from '../abi/errno.js';
import { O, POLL } from '../abi/fcntl.js';
import type { OpenFile } from '../vfs/open_file.js';
import { AnonymousFile } from './anonymous_file.js';
import type { Task } from './task.js';
import { readiness, readyQueue } from './wait_ready.js';
import { EXCLUSIVE, WaitQueue, type Waiter } from './wait_queue.js';

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

  /** With EPOLLEXCLUSIVE: gives whether somebody takes the event, or others must be told. */
  notify(): boolean {
    return (this.events & POLL_BITS) !== 0 && this.epoll.markReady(this);
  }

  watch(): void {
    this.queue.watch(this, this.events & (POLL_BITS | EXCLUSIVE));
  }
}

export class EpollFile extends AnonymousFile {
  readonly kind = '[eventpoll]';
  /** By description and descriptor: the same file may be watched through two descriptors. */
  private readonly items = new Map<OpenFile, Map<number, Item>>();
  /** Items that may be ready, in the order in which they became so. */
  private readyList: Item[] = [];
  /** Tasks in epoll_wait(2), of which an event wakes one; who polls the instance itself is in `queue`. */
  readonly sleepers = new WaitQueue();

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
    item.watch();
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
    item.watch();
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

  /** Gives whether somebody waits for the instance's events. */
  markReady(item: Item): boolean {
    if (!item.ready) {
      item.ready = true;
      this.readyList.push(item);
    }
    const taken = this.sleepers.wakeOne();
    this.queue.wake(POLL.IN);
    return taken;
  }

  /** Calls `report` for each ready item until it has taken `max`. Gives how many. */
  collect(max: number, report: (events: number, dataLow: number, dataHigh: number) => void): number {
    const list = this.readyList;
    this.readyList = [];
    // Level-triggered: behind those that have not been looked at.
    const again: Item[] = [];
    let count = 0, at = 0;
    for (; at < list.length && count < max; at++) {
      const item = list[at]!;
      if (!item.ready) continue;
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
        item.queue.remove(item);
      } else if (item.events & EPOLL.ET) {
        item.ready = false;
      } else {
        again.push(item);
      }
    }
    this.readyList = [...list.slice(at), ...again, ...this.readyList];
    if (this.readyList.length > 0 && !this.sleepers.empty) this.sleepers.wakeOne();
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
