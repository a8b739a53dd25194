/**
 * Locks with priority inheritance (futex(2), "Priority-inheritance futexes"). Tasks have one priority, so what is left
 * of it is the rest of the contract: who owns a lock is in its word, and waiters get it in the order in which
 * they came.
 */
import { E } from '../abi/errno.js';
import { FUTEX_WORD } from '../abi/process.js';
import type { AddressSpace } from '../mm/address_space.js';
import { dequeue, firstWaiter, ownedLocks, PiState, type FutexKey, type FutexWaiter } from './futex.js';
import { TaskState, type Task } from './task.js';
import { Wake } from './wait_queue.js';

/** What taking a lock gives when it is taken. */
export const TAKEN = 1;

/**
 * Takes the lock for `task` when it is free: TAKEN. When it is held: its state, to wait with. -EDEADLK when the task
 * holds it, -ESRCH when the owner is no more, -EINVAL when the word is no such lock or says something else than its
 * waiters, -EFAULT. `waiters`: others will wait for it (Linux futex_lock_pi_atomic).
 */
export function takeLock(
  task: Task, mm: AddressSpace, addr: number, key: FutexKey, waiters: boolean,
): PiState | number {
  const value = mm.getU32(addr);
  if (value < 0 || !mm.writable(addr, 4)) return -E.FAULT;
  const owner = value & FUTEX_WORD.TID_MASK;
  if (owner === task.tid) return -E.DEADLK;
  const first = firstWaiter(key);
  if (first) return first.pi !== null && first.pi.owner.tid === owner ? first.pi : -E.INVAL;
  if (owner === 0) {
    mm.putU32(addr, (task.tid | (value & FUTEX_WORD.OWNER_DIED) | (waiters ? FUTEX_WORD.WAITERS : 0)) >>> 0);
    return TAKEN;
  }
  mm.putU32(addr, (value | FUTEX_WORD.WAITERS) >>> 0);
  const holder = task.kernel.tasks.get(owner);
  return holder && holder.state !== TaskState.Zombie ? new PiState(holder) : -E.SRCH;
}

/** The lock that each task waits for. */
const waitsFor = new Map<Task, PiState>();

/** The waiter, which is queued, waits for the lock from now on. -EDEADLK when its owner waits for the task. */
export function waitForLock(waiter: FutexWaiter, state: PiState): number {
  let next: PiState | undefined = state;
  for (; next; next = waitsFor.get(next.owner)) if (next.owner === waiter.task) return -E.DEADLK;
  waiter.pi = state;
  waitsFor.set(waiter.task, state);
  return 0;
}

/** The waiter gives up, or has got what it waited for. */
export function stopWaiting(waiter: FutexWaiter): void {
  dequeue(waiter);
  waitsFor.delete(waiter.task);
}

/** Makes the waiter the owner of the lock that it waits for; `flags`: bits of the word beside those of waiters. */
function giveTo(waiter: FutexWaiter, state: PiState, flags: number): void {
  waiter.task.mm.putU32(waiter.piAddress, (waiter.task.tid | FUTEX_WORD.WAITERS | flags) >>> 0);
  stopWaiting(waiter);
  state.owner = waiter.task;
  waiter.woken = true;
  waiter.task.wake(Wake.Event);
}

/** FUTEX_UNLOCK_PI: hands the lock to the first waiter. 0, -EPERM to whom it does not belong, -EINVAL, -EFAULT. */
export function unlock(task: Task, addr: number, key: FutexKey): number {
  const { mm } = task;
  const value = mm.getU32(addr);
  if (value < 0 || !mm.writable(addr, 4)) return -E.FAULT;
  if ((value & FUTEX_WORD.TID_MASK) !== task.tid) return -E.PERM;
  const first = firstWaiter(key);
  if (!first) {
    mm.putU32(addr, 0);
    return 0;
  }
  if (first.pi?.owner !== task) return -E.INVAL;
  giveTo(first, first.pi, 0);
  return 0;
}

/** A thread ends: who waits for its locks gets them, and sees that their owner died (Linux exit_pi_state_list). */
export function handOnLocks(task: Task): void {
  waitsFor.delete(task);
  for (const [state, first] of ownedLocks(task)) giveTo(first, state, FUTEX_WORD.OWNER_DIED);
}
