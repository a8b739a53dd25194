/** Record locks (fcntl(2) F_SETLK, F_OFD_SETLK) and whole-file locks (flock(2)). Keys are Inode.identity. */
import { E } from '../abi/errno.js';
import { F_LCK } from '../abi/file.js';
import type { Waiters } from './open_file.js';

/** One locked range [start, end); end may be Infinity. */
export interface RecordLock {
  /** A process, or an open file description (OFD locks, flock). */
  readonly owner: object;
  readonly exclusive: boolean;
  readonly start: number;
  readonly end: number;
  /** For F_GETLK; -1 for locks of a description. */
  readonly pid: number;
}

/** The locks of all files, of one kind. */
export class LockTable {
  private readonly files = new Map<unknown, RecordLock[]>();
  private readonly queues = new Map<unknown, Waiters>();
  /** Who waits for a lock of whom (deadlock detection). */
  private readonly waits = new Map<object, object>();

  /** A lock of another owner that is in the way of this one. */
  conflict(file: unknown, owner: object, exclusive: boolean, start: number, end: number): RecordLock | undefined {
    return this.files.get(file)?.find((lock) =>
      lock.owner !== owner && (exclusive || lock.exclusive) && lock.start < end && start < lock.end);
  }

  /** A lock that the owner has on the file. */
  held(file: unknown, owner: object): RecordLock | undefined {
    return this.files.get(file)?.find((lock) => lock.owner === owner);
  }

  /** Sets (F_RDLCK, F_WRLCK) or removes (F_UNLCK) a range of the owner's. -EAGAIN when another is in the way. */
  set(file: unknown, owner: object, type: number, start: number, end: number, pid: number): number {
    const exclusive = type === F_LCK.WRLCK;
    if (type !== F_LCK.UNLCK && this.conflict(file, owner, exclusive, start, end)) return -E.AGAIN;
    const own: RecordLock[] = [], locks: RecordLock[] = [];
    let place = -1;
    let from = start, to = end;
    for (const lock of this.files.get(file) ?? []) {
      if (lock.owner !== owner) {
        locks.push(lock);
        continue;
      }
      if (place < 0) place = locks.length;
      if (type !== F_LCK.UNLCK && lock.exclusive === exclusive && lock.start <= end && start <= lock.end) {
        // Locks of one kind that touch become one.
        from = Math.min(from, lock.start);
        to = Math.max(to, lock.end);
      } else if (lock.end <= start || lock.start >= end) {
        own.push(lock);
      } else {
        if (lock.start < start) own.push({ ...lock, end: start });
        if (lock.end > end) own.push({ ...lock, start: end });
      }
    }
    if (type !== F_LCK.UNLCK) own.push({ owner, exclusive, start: from, end: to, pid });
    // An owner's locks stand together, in order: F_GETLK shows the first that is in the way.
    own.sort((one, other) => one.start - other.start);
    locks.splice(place < 0 ? locks.length : place, 0, ...own);
    if (locks.length > 0) this.files.set(file, locks);
    else this.files.delete(file);
    this.queues.get(file)?.wake();
    return 0;
  }

  /** Removes all locks of an owner on one file, as close(2) does for a process's record locks. */
  release(file: unknown, owner: object): void {
    if (this.files.size > 0 && this.files.get(file)?.some((lock) => lock.owner === owner)) {
      this.set(file, owner, F_LCK.UNLCK, 0, Infinity, 0);
    }
  }

  /** Removes all locks of an owner. */
  releaseOwner(owner: object): void {
    for (const file of [...this.files.keys()]) this.release(file, owner);
    this.waits.delete(owner);
  }

  /** The queue of those who wait for a lock of this file; made by `create` when the first one comes. */
  queue(file: unknown, create: () => Waiters): Waiters {
    let queue = this.queues.get(file);
    if (queue === undefined) this.queues.set(file, queue = create());
    return queue;
  }

  /** `owner` is going to wait for `holder`. False: that would be a deadlock. */
  waitFor(owner: object, holder: object): boolean {
    for (let at: object | undefined = holder; at !== undefined; at = this.waits.get(at)) if (at === owner) return false;
    this.waits.set(owner, holder);
    return true;
  }
  waitOver(owner: object): void {
    this.waits.delete(owner);
  }
}

/** POSIX and OFD record locks: they are in each other's way. */
export const recordLocks = new LockTable();
/** flock(2) locks. */
export const fileLocks = new LockTable();
