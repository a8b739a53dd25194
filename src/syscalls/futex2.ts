/** The calls that divide futex(2) up: futex_wait, futex_wake, futex_requeue, futex_waitv. */
import { E } from '../abi/errno.js';
import { FUTEX2 } from '../abi/process.js';
import { CLOCK } from '../abi/time.js';
import { dequeue, enqueue, futexKey, FutexWaiter, wakeKey } from '../kernel/futex.js';
import type { Task } from '../kernel/task.js';
import { Wake } from '../kernel/wait_queue.js';
import { ALL_BITS, deadlineOf, requeue } from './futex.js';
import { call, flags, inStruct, int, ptr, uint, ulong, type Row } from './types.js';

const futexFlags = flags('FUTEX2_', FUTEX2);
const WORD_MAX = 0xffff_ffff;
/** struct futex_waitv. */
const WAITV = { SIZE: 24, MAX: 128 } as const;

export const futex2Rows: readonly Row[] = [
  call('futex_waitv', 449, 449, [ptr, uint, uint, inStruct('timespec'), int], futexWaitv),
  call('futex_wake', 454, 454, [ptr, ulong, int, futexFlags], futexWake),
  call('futex_wait', 455, 455, [ptr, ulong, ulong, futexFlags, inStruct('timespec'), int], futexWait),
  call('futex_requeue', 456, 456, [ptr, uint, int, int], futexRequeue),
];

/** Words of 32 bits, private or shared: all that Linux has without NUMA. */
function flagsValid(bits: number): boolean {
  return (bits & ~FUTEX2.PRIVATE) === FUTEX2.SIZE_U32;
}

/** Deadline of an absolute time-out; the clock counts only when there is one. */
function deadline(task: Task, timeout: number, clockId: number): number {
  if (timeout !== 0 && clockId !== CLOCK.MONOTONIC && clockId !== CLOCK.REALTIME) return -E.INVAL;
  return deadlineOf(task, timeout, clockId, true);
}

/** futex_wake(uaddr, mask, count, flags): wakes waiters that have a bit of the mask. Gives how many. */
function futexWake(task: Task, uaddr: number, mask: number, count: number, bits: number): number {
  if (!flagsValid(bits) || mask > WORD_MAX || mask === 0 || uaddr % 4 !== 0) return -E.INVAL;
  const shared = (bits & FUTEX2.PRIVATE) === 0;
  if (!task.mm.readable(uaddr, 4)) return shared ? -E.FAULT : 0;
  return count === 0 ? 0 : wakeKey(futexKey(task, uaddr, shared), Math.max(1, count), mask);
}

/** futex_wait(uaddr, value, mask, flags, timeout, clock): as FUTEX_WAIT_BITSET, restarted after a signal. */
function futexWait(
  task: Task, uaddr: number, value: number, mask: number, bits: number, timeout: number, clockId: number,
): number {
  if (!flagsValid(bits) || value > WORD_MAX || mask > WORD_MAX || mask === 0) return -E.INVAL;
  const until = deadline(task, timeout, clockId);
  if (until < 0) return until;
  return uaddr % 4 === 0 ? waitOn(task, [[uaddr, value, mask, bits]], until, () => 0) : -E.INVAL;
}

/** futex_requeue(waiters, flags, wakes, moves): from the first word, if it has the value given there, to the second. */
function futexRequeue(task: Task, waiters: number, bits: number, wakes: number, moves: number): number {
  if (bits !== 0 || waiters === 0) return -E.INVAL;
  const { mm } = task;
  if (!mm.readable(waiters, 2 * WAITV.SIZE)) return -E.FAULT;
  const from = readEntry(task, waiters), to = readEntry(task, waiters + WAITV.SIZE);
  if (typeof from === 'number' || typeof to === 'number') return -E.INVAL;
  const shared = (from[3] & FUTEX2.PRIVATE) === 0, shared2 = (to[3] & FUTEX2.PRIVATE) === 0;
  return requeue(task, from[0], shared, wakes, moves, to[0], from[1], shared2);
}

/** Address, value, mask and flags of a word to wait on. */
type Word = readonly [uaddr: number, value: number, mask: number, flags: number];

function readEntry(task: Task, entry: number): Word | number {
  const { mm } = task;
  const value = mm.getU64(entry), uaddr = mm.getU64(entry + 8), bits = mm.getU32(entry + 16);
  if (!flagsValid(bits) || mm.getU32(entry + 20) !== 0 || value > WORD_MAX || uaddr % 4 !== 0) return -E.INVAL;
  return [uaddr, value, ALL_BITS, bits];
}

/** futex_waitv(2): gives the index of a word that was woken. */
function futexWaitv(
  task: Task, waiters: number, count: number, flagBits: number, timeout: number, clockId: number,
): number {
  if (flagBits !== 0 || count === 0 || count > WAITV.MAX || waiters === 0) return -E.INVAL;
  const until = deadline(task, timeout, clockId);
  if (until < 0) return until;
  if (!task.mm.readable(waiters, count * WAITV.SIZE)) return -E.FAULT;
  const words: Word[] = [];
  for (let at = 0; at < count; at++) {
    const word = readEntry(task, waiters + at * WAITV.SIZE);
    if (typeof word === 'number') return word;
    words.push(word);
  }
  return waitOn(task, words, until, (woken) => woken);
}

/** Waits on all words at once. `result`: what the index of the one that was woken means. */
function waitOn(task: Task, words: readonly Word[], until: number, result: (woken: number) => number): number {
  const queued: FutexWaiter[] = [];
  for (const [uaddr, expected, mask, bits] of words) {
    const value = task.mm.getU32(uaddr);
    if (value !== expected) {
      queued.forEach(dequeue);
      return value < 0 ? -E.FAULT : -E.AGAIN;
    }
    const waiter = new FutexWaiter(task, futexKey(task, uaddr, (bits & FUTEX2.PRIVATE) === 0), mask);
    enqueue(waiter);
    queued.push(waiter);
  }
  return task.park((_sleeper, wake) => {
    queued.forEach(dequeue);
    const woken = queued.findIndex((waiter) => waiter.woken);
    if (woken >= 0) return result(woken);
    return wake === Wake.Timeout ? -E.TIMEDOUT : -E.RESTARTSYS;
  }, until);
}
