/** The operations of futex(2) on locks with priority inheritance. */
import { E } from '../abi/errno.js';
import {
  dequeue, enqueue, firstWaiter, futexKey, FutexWaiter, PiState, waitersOn, type FutexKey,
} from '../kernel/futex.js';
import { stopWaiting, takeLock, TAKEN, waitForLock } from '../kernel/pi_futex.js';
import type { Task } from '../kernel/task.js';
import { Wake } from '../kernel/wait_queue.js';

const ALL_BITS = 0xffff_ffff;

/** FUTEX_LOCK_PI. */
export function lockPi(task: Task, uaddr: number, shared: boolean, deadline: number): number {
  const key = futexKey(task, uaddr, shared);
  const state = takeLock(task, task.mm, uaddr, key, false);
  if (typeof state === 'number') return state === TAKEN ? 0 : state;
  const waiter = new FutexWaiter(task, key, ALL_BITS);
  waiter.piAddress = uaddr;
  const failed = waitForLock(waiter, state);
  if (failed < 0) return failed;
  enqueue(waiter);
  return task.park((_sleeper, wake) => {
    if (waiter.woken) return 0;
    stopWaiting(waiter);
    return wake === Wake.Timeout ? -E.TIMEDOUT : -E.RESTARTNOINTR;
  }, deadline);
}

/** FUTEX_TRYLOCK_PI. */
export function tryLockPi(task: Task, uaddr: number, shared: boolean): number {
  const state = takeLock(task, task.mm, uaddr, futexKey(task, uaddr, shared), false);
  if (typeof state === 'number') return state === TAKEN ? 0 : state;
  return -E.AGAIN;
}

/** FUTEX_WAIT_REQUEUE_PI: waits on one word until it is moved to the lock `uaddr2`, and then until it has that. */
export function waitRequeuePi(
  task: Task, uaddr: number, val: number, shared: boolean, deadline: number, uaddr2: number,
): number {
  if (uaddr === uaddr2 || uaddr2 % 4 !== 0) return -E.INVAL;
  const { mm } = task;
  if (!mm.writable(uaddr2, 4)) return -E.FAULT;
  const value = mm.getU32(uaddr);
  if (value < 0) return -E.FAULT;
  if (value !== val) return -E.AGAIN;
  const waiter = new FutexWaiter(task, futexKey(task, uaddr, shared), ALL_BITS);
  waiter.target = futexKey(task, uaddr2, shared);
  waiter.piAddress = uaddr2;
  if (waiter.key === waiter.target) return -E.INVAL;
  enqueue(waiter);
  return task.park((_sleeper, wake) => {
    if (waiter.woken) return 0;
    const moved = waiter.pi !== null;
    stopWaiting(waiter);
    if (wake === Wake.Timeout) return -E.TIMEDOUT;
    // Once it was moved the word has changed: the caller is to look at it again.
    return moved ? -E.AGAIN : -E.RESTARTNOINTR;
  }, deadline);
}

/**
 * FUTEX_CMP_REQUEUE_PI: the first waiter gets the lock `uaddr2` when that is free, the others, at most `moves`, wait for
 * it. Gives how many were woken or moved.
 */
export function requeuePi(
  task: Task, uaddr: number, shared: boolean, wakes: number, moves: number, uaddr2: number, expected: number,
): number {
  if (uaddr === uaddr2 || uaddr2 % 4 !== 0 || wakes !== 1 || (moves | 0) < 0) return -E.INVAL;
  const { mm } = task;
  const value = mm.getU32(uaddr);
  if (value < 0 || !mm.writable(uaddr2, 4)) return -E.FAULT;
  const from = futexKey(task, uaddr, shared), to = futexKey(task, uaddr2, shared);
  if (from === to) return -E.INVAL;
  if (value !== expected) return -E.AGAIN;
  const first = firstWaiter(from);
  if (!first) return 0;
  if (!mayMove(first, to)) return -E.INVAL;
  let state: PiState;
  let count = 0;
  const taken = takeLock(first.task, mm, uaddr2, to, moves > 0);
  if (taken === TAKEN) {
    dequeue(first);
    first.woken = true;
    first.task.wake(Wake.Event);
    state = new PiState(first.task);
    count = 1;
  } else if (typeof taken === 'number') {
    return taken;
  } else {
    state = taken;
  }
  for (const waiter of waitersOn(from)) {
    if (count - wakes >= moves) break;
    if (!mayMove(waiter, to)) return -E.INVAL;
    const failed = waitForLock(waiter, state);
    if (failed < 0) return failed;
    move(waiter, to);
    count++;
  }
  return count;
}

/** The waiter came by FUTEX_WAIT_REQUEUE_PI, for this lock. */
function mayMove(waiter: FutexWaiter, to: FutexKey): boolean {
  return waiter.pi === null && waiter.target === to;
}

function move(waiter: FutexWaiter, to: FutexKey): void {
  dequeue(waiter);
  waiter.key = to;
  enqueue(waiter);
}
