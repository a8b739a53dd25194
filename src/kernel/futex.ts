/**
 * Futexes (futex(2), futex(7)): queues of tasks keyed by the memory that the futex word lies in. All words are looked
 * at between two instructions of any guest thread of this host thread, so compare and queue are one step.
 */
import { Abi } from '../abi/abi.js';
import { FUTEX_WORD } from '../abi/process.js';
import type { Task } from './task.js';
import { Wake } from './wait_queue.js';

/** Names the bytes of a futex word: a number for private words, a string for words in shared files. */
export type FutexKey = number | string;

/** A waiter: which word, which bits of FUTEX_WAIT_BITSET. */
export class FutexWaiter {
  woken = false;
  constructor(readonly task: Task, public key: FutexKey, readonly bitset: number) {}
}

/**
 * Waiters of all words, by a hash of the key, each list in the order in which they came. Not a Map by key: its entries
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

/** The bytes that (space, address) name: private words by space, shared ones by what is mapped there. */
export function futexKey(task: Task, addr: number, shared: boolean): FutexKey {
  const { mm } = task;
  if (shared) {
    const area = mm.areas.find(addr);
    if (area?.file && area.flags & 1) return `${area.file.dev}:${area.file.ino}:${area.offset + addr - area.start}`;
  }
  return mm.window.id * 0x1_0000_0000 + addr;
}

export function enqueue(waiter: FutexWaiter): void {
  bucketOf(waiter.key).push(waiter);
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

/** Wakes at most `count` waiters on `key` that have one of the bits. Gives how many. */
export function wakeKey(key: FutexKey, count: number, bitset: number): number {
  const bucket = bucketOf(key);
  let woken = 0;
  for (let at = 0; at < bucket.length && woken < count;) {
    const waiter = bucket[at]!;
    if (waiter.key !== key || (waiter.bitset & bitset) === 0) {
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

/** Wakes the first waiter on `key` and gives its task. */
export function wakeFirst(key: FutexKey): Task | undefined {
  const task = bucketOf(key).find((waiter) => waiter.key === key)?.task;
  wakeKey(key, 1, ~0);
  return task;
}

/** Moves at most `count` waiters from one word to another. Gives how many. */
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
  return shared === own ? woken : woken + wakeKey(shared, count - woken, ~0);
}

const ROBUST_LIST_LIMIT = 2048;

/** A thread ends: the robust futexes that it holds get FUTEX_OWNER_DIED (get_robust_list(2)). */
export function releaseRobustList(task: Task): void {
  const head = task.robustList;
  if (head === 0) return;
  const { mm } = task;
  const word = task.abi === Abi.X64 ? 8 : 4;
  const get = (addr: number): number => (word === 8 ? mm.getU64(addr) : mm.getU32(addr));
  // The offset is signed; guest addresses are below 4 GiB, so adding its low half modulo 2^32 subtracts.
  const offset = mm.getU32(head + word);
  const pending = get(head + 2 * word);
  let entry = get(head);
  if (offset < 0 || pending < 0 || entry < 0) return;
  for (let count = 0; (entry & ~1) !== (head & ~1) && count < ROBUST_LIST_LIMIT; count++) {
    const next = get(entry - (entry & 1));
    if (entry - (entry & 1) !== pending - (pending & 1)) ownerDied(task, wrap(entry - (entry & 1) + offset));
    if (next < 0) return;
    entry = next;
  }
  if (pending !== 0) ownerDied(task, wrap(pending - (pending & 1) + offset));
}

function wrap(addr: number): number {
  return addr % 0x1_0000_0000;
}

function ownerDied(task: Task, addr: number): void {
  const value = task.mm.getU32(addr);
  if (value < 0 || (value & FUTEX_WORD.TID_MASK) !== task.tid) return;
  if (!task.mm.putU32(addr, ((value & FUTEX_WORD.WAITERS) | FUTEX_WORD.OWNER_DIED) >>> 0)) return;
  if (value & FUTEX_WORD.WAITERS) wakeFutex(task, addr, 1);
}
