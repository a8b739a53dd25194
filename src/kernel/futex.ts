/**
 * Futexes (futex(2), futex(7)): queues of tasks keyed by the memory that the futex word lies in. All words are looked
 * at between two instructions of any guest thread of this host thread, so compare and queue are one step.
 */
import { E } from '../abi/errno.js';
import type { Task } from './task.js';
import { Wake } from './wait_queue.js';

/** Names the bytes of a futex word: a number for private words, a string for words in shared files. */
export type FutexKey = number | string;

/** A priority-inheriting lock that somebody waits for: all its waiters share one. */
export class PiState {
  constructor(public owner: Task) {}
}

/** A waiter: which word, which bits of FUTEX_WAIT_BITSET. */
export class FutexWaiter {
  woken = false;
  /** The lock that it waits for: it is woken as its owner. */
  pi: PiState | null = null;
  /** FUTEX_WAIT_REQUEUE_PI: the lock that it will be moved to. */
  target: FutexKey | null = null;
  /** Where the waiter sees the word of that lock. */
  piAddress = 0;
  constructor(readonly task: Task, public key: FutexKey, readonly bitset: number) {}
}

/**
 * Waiters of all words, by a hash of the key, each list in the order of `enqueue`. Not a Map by key: its entries
 * would come and go with every contended lock, and that is what a Map keeps garbage for (see id_table.ts).
 */
const BUCKETS = 256;
const buckets: FutexWaiter[][] = Array.from({ length: BUCKETS }, () => []);

function bucketOf(key: FutexKey): FutexWaiter[] {
  let hash = 0;
  if (typeof key === 'number') {
    hash = (key >>> 2) ^ (key >>> 12) ^ Math.floor(key / 0x1_0000_0000);
  } else {
    for (let i = 0; i < key.length; i++) hash = (Math.imul(hash, 31) + key.charCodeAt(i)) | 0;
  }
  return buckets[hash & (BUCKETS - 1)]!;
}

/**
 * The bytes that (space, address) name: private words by space, shared ones by what is mapped there. In memory that
 * nobody shares the two kinds of operations do not meet either.
 */
export function futexKey(task: Task, addr: number, shared: boolean): FutexKey {
  const { mm } = task;
  const own = mm.window.id * 0x1_0000_0000 + addr;
  if (!shared) return own;
  const area = mm.areas.find(addr);
  if (area?.file && area.flags & 1) return `${area.file.dev}:${area.file.ino}:${area.offset + addr - area.start}`;
  // Words are aligned: the lowest bit is free.
  return own + 1;
}

/** Real-time priorities are woken first, who has the same in the order in which they came. */
export function enqueue(waiter: FutexWaiter): void {
  const bucket = bucketOf(waiter.key);
  const priority = waiter.task.realtimePriority;
  let at = bucket.length;
  while (at > 0 && bucket[at - 1]!.task.realtimePriority < priority) at--;
  if (at === bucket.length) bucket.push(waiter);
  else bucket.splice(at, 0, waiter);
}

export function dequeue(waiter: FutexWaiter): void {
  const bucket = bucketOf(waiter.key);
  const at = bucket.indexOf(waiter);
  if (at >= 0) bucket.splice(at, 1);
}

/** A thread ends while it waits: a wake-up must go to one that lives. */
export function leaveFutexes(task: Task): void {
  for (const bucket of buckets) {
    for (let at = bucket.length - 1; at >= 0; at--) if (bucket[at]!.task === task) bucket.splice(at, 1);
  }
}

/** The one that has waited longest on `key`. */
export function firstWaiter(key: FutexKey): FutexWaiter | undefined {
  return bucketOf(key).find((waiter) => waiter.key === key);
}

/** All waiters on `key` in their order. */
export function waitersOn(key: FutexKey): FutexWaiter[] {
  return bucketOf(key).filter((waiter) => waiter.key === key);
}

/** Locks with waiters that `task` owns, each with its first waiter. */
export function ownedLocks(task: Task): Map<PiState, FutexWaiter> {
  const locks = new Map<PiState, FutexWaiter>();
  for (const bucket of buckets) {
    for (const waiter of bucket) if (waiter.pi?.owner === task && !locks.has(waiter.pi)) locks.set(waiter.pi, waiter);
  }
  return locks;
}

/**
 * Wakes at most `count` waiters on `key` that have one of the bits. Gives how many; -EINVAL at one that waits for a
 * lock, which only FUTEX_UNLOCK_PI and FUTEX_CMP_REQUEUE_PI may wake.
 */
export function wakeKey(key: FutexKey, count: number, bitset: number): number {
  const bucket = bucketOf(key);
  let woken = 0;
  for (let at = 0; at < bucket.length && woken < count;) {
    const waiter = bucket[at]!;
    if (waiter.key !== key) {
      at++;
      continue;
    }
    if (waiter.pi !== null || waiter.target !== null) return -E.INVAL;
    if ((waiter.bitset & bitset) === 0) {
      at++;
      continue;
    }
    bucket.splice(at, 1);
    waiter.woken = true;
    waiter.task.wake(Wake.Event);
    woken++;
  }
  return woken;
}

/** Moves at most `count` waiters from one word to another. Gives how many; -EINVAL as wakeKey. */
export function requeueKey(from: FutexKey, to: FutexKey, count: number): number {
  if (from === to) return 0;
  const bucket = bucketOf(from);
  let moved = 0;
  for (let at = 0; at < bucket.length && moved < count;) {
    const waiter = bucket[at]!;
    if (waiter.key !== from) {
      at++;
      continue;
    }
    if (waiter.pi !== null || waiter.target !== null) return -E.INVAL;
    bucket.splice(at, 1);
    waiter.key = to;
    enqueue(waiter);
    moved++;
  }
  return moved;
}

/** FUTEX_WAKE at an address of the task's space, whether the waiters called it private or shared. */
export function wakeFutex(task: Task, addr: number, count: number): number {
  const own = futexKey(task, addr, false);
  const shared = futexKey(task, addr, true);
  const woken = wakeKey(own, count, ~0);
  return woken + wakeKey(shared, count - woken, ~0);
}
