/** futex(2), robust lists. */
import { E } from '../abi/errno.js';
import { FUTEX, FUTEX_CLOCK_REALTIME, FUTEX_PRIVATE_FLAG } from '../abi/process.js';
import { CLOCK } from '../abi/time.js';
import { native } from '../host/native.js';
import { monotonicAt } from '../kernel/clock.js';
import { dequeue, enqueue, futexKey, FutexWaiter, requeueKey, wakeKey } from '../kernel/futex.js';
import { unlock } from '../kernel/pi_futex.js';
import { mayTrace } from '../kernel/trace_access.js';
import type { Task } from '../kernel/task.js';
import { Wake } from '../kernel/wait_queue.js';
import { lockPi, requeuePi, tryLockPi, waitRequeuePi } from './futex_pi.js';
import { readTimespec, time } from './timespec.js';
import { call, pid, ptr, size, uint, type Arg, type Row, Decode } from './types.js';

/** FUTEX_BITSET_MATCH_ANY. */
export const ALL_BITS = 0xffff_ffff;
/** strace's text of the operation has bits of its own. */
const futexOp: Arg = { decode: Decode.Int, show: { as: 'futex' } };

export const futexRows: readonly Row[] = [
  call('futex', 202, 240, [ptr, futexOp, uint, ptr, ptr, uint], futex),
  call('set_robust_list', 273, 311, [ptr, size], setRobustList),
  call('get_robust_list', 274, 312, [pid, ptr, ptr], getRobustList),
];

/** futex(2). `timeout` doubles as val2 of the requeue and wake-op operations. */
function futex(
  task: Task, uaddr: number, op: number, val: number, timeout: number, uaddr2: number, val3: number,
): number {
  const command = op & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
  const shared = (op & FUTEX_PRIVATE_FLAG) === 0;
  const realtime = (op & FUTEX_CLOCK_REALTIME) !== 0;
  if (uaddr & 3) return -E.INVAL;
  if (realtime && command !== FUTEX.WAIT_BITSET && command !== FUTEX.WAIT_REQUEUE_PI && command !== FUTEX.LOCK_PI2) {
    return -E.NOSYS;
  }
  switch (command) {
    case FUTEX.WAIT:
    case FUTEX.WAIT_BITSET: {
      const bitset = command === FUTEX.WAIT ? ALL_BITS : val3;
      if (bitset === 0) return -E.INVAL;
      const deadline = deadlineOf(task, timeout, realtime ? CLOCK.REALTIME : CLOCK.MONOTONIC,
        command === FUTEX.WAIT_BITSET);
      return deadline < 0 ? deadline : wait(task, uaddr, val, bitset, shared, deadline, command === FUTEX.WAIT);
    }
    case FUTEX.WAKE: {
      const woken = wakeAt(task, uaddr, shared, val, ALL_BITS);
      // Nobody left to wake, yet the caller thinks so: tasks that were woken have not run. Until they do, each unlock
      // of a mutex would be a call.
      return woken === 0 && task.kernel.othersRunnable ? task.yield() : woken;
    }
    case FUTEX.WAKE_BITSET:
      return val3 === 0 ? -E.INVAL : wakeAt(task, uaddr, shared, val, val3);
    case FUTEX.REQUEUE:
    case FUTEX.CMP_REQUEUE:
      return requeue(task, uaddr, shared, val, countOf(timeout), uaddr2, command === FUTEX.CMP_REQUEUE ? val3 : undefined);
    case FUTEX.WAKE_OP:
      return wakeOp(task, uaddr, shared, val, timeout, uaddr2, val3);
    case FUTEX.LOCK_PI:
    case FUTEX.LOCK_PI2: {
      const clock = command === FUTEX.LOCK_PI || realtime ? CLOCK.REALTIME : CLOCK.MONOTONIC;
      const deadline = deadlineOf(task, timeout, clock, true);
      return deadline < 0 ? deadline : lockPi(task, uaddr, shared, deadline);
    }
    case FUTEX.TRYLOCK_PI:
      return tryLockPi(task, uaddr, shared);
    case FUTEX.UNLOCK_PI:
      return unlock(task, uaddr, futexKey(task, uaddr, shared));
    case FUTEX.WAIT_REQUEUE_PI: {
      const deadline = deadlineOf(task, timeout, realtime ? CLOCK.REALTIME : CLOCK.MONOTONIC, true);
      return deadline < 0 ? deadline : waitRequeuePi(task, uaddr, val, shared, deadline, uaddr2);
    }
    case FUTEX.CMP_REQUEUE_PI:
      return requeuePi(task, uaddr, shared, val, countOf(timeout), uaddr2, val3);
    default:
      return -E.NOSYS;
  }
}

/** An int in a register that is a pointer otherwise. */
function countOf(word: number): number {
  return word >= 0x8000_0000_0000_0000 ? -1 : word | 0;
}

/** CLOCK_MONOTONIC time of a time-out, Infinity for NULL; -EFAULT, -EINVAL. */
export function deadlineOf(task: Task, timeout: number, clock: number, absolute: boolean): number {
  if (timeout === 0) return Infinity;
  const failed = readTimespec(task, timeout);
  if (failed < 0) return failed;
  if (!absolute) return native.monotonicNow() + time.sec * 1e9 + time.nsec;
  return Math.max(0, monotonicAt(task, clock, time.sec, time.nsec));
}

/** FUTEX_WAIT; `restartable`: a relative time-out goes on after a signal. */
export function wait(
  task: Task, uaddr: number, val: number, bitset: number, shared: boolean, deadline: number, restartable: boolean,
): number {
  const value = task.mm.getU32(uaddr);
  if (value < 0) return -E.FAULT;
  if (value !== val) return -E.AGAIN;
  const waiter = new FutexWaiter(task, futexKey(task, uaddr, shared), bitset);
  enqueue(waiter);
  return task.park((sleeper, wake) => {
    if (waiter.woken) return 0;
    dequeue(waiter);
    if (wake === Wake.Timeout) return -E.TIMEDOUT;
    if (wake !== Wake.Signal) return wait(sleeper, uaddr, val, bitset, shared, deadline, restartable);
    if (deadline === Infinity) return -E.RESTARTSYS;
    if (!restartable) return -E.RESTARTNOHAND;
    // The relative time-out must not start anew.
    sleeper.restart = () => wait(sleeper, uaddr, val, bitset, shared, deadline, restartable);
    return -E.RESTART_RESTARTBLOCK;
  }, deadline);
}

function wakeAt(task: Task, uaddr: number, shared: boolean, count: number, bitset: number): number {
  if (!task.mm.readable(uaddr, 4)) return shared ? -E.FAULT : 0;
  return wakeKey(futexKey(task, uaddr, shared), Math.max(1, count | 0), bitset);
}

/** FUTEX_REQUEUE and, with an `expected` value, FUTEX_CMP_REQUEUE. */
export function requeue(
  task: Task, uaddr: number, shared: boolean, wakes: number, moves: number, uaddr2: number,
  expected: number | undefined, shared2 = shared,
): number {
  if ((wakes | 0) < 0 || (moves | 0) < 0) return -E.INVAL;
  const value = task.mm.getU32(uaddr);
  if (value < 0 || !task.mm.readable(uaddr2, 4)) return -E.FAULT;
  if (expected !== undefined && value !== expected) return -E.AGAIN;
  const from = futexKey(task, uaddr, shared);
  const woken = wakeKey(from, wakes, ALL_BITS);
  if (woken < 0) return woken;
  const moved = requeueKey(from, futexKey(task, uaddr2, shared2), moves);
  return moved < 0 ? moved : woken + moved;
}

/** FUTEX_WAKE_OP: changes *uaddr2 and compares its old value, in one step. */
function wakeOp(
  task: Task, uaddr: number, shared: boolean, wakes: number, wakes2: number, uaddr2: number, coded: number,
): number {
  const { mm } = task;
  const old = mm.getU32(uaddr2);
  if (old < 0 || (shared && !mm.readable(uaddr, 4)) || !mm.writable(uaddr2, 4)) return -E.FAULT;
  const op = (coded >>> 28) & 7;
  let operand = (coded << 8) >> 20;
  const comparand = (coded << 20) >> 20;
  if (coded >>> 31) operand = 1 << (operand & 31);
  let value: number;
  switch (op) {
    case 0: value = operand; break;
    case 1: value = old + operand; break;
    case 2: value = old | operand; break;
    case 3: value = old & ~operand; break;
    case 4: value = old ^ operand; break;
    default: return -E.NOSYS;
  }
  mm.putU32(uaddr2, value >>> 0);
  const signed = old | 0;
  let holds: boolean;
  switch ((coded >>> 24) & 15) {
    case 0: holds = signed === comparand; break;
    case 1: holds = signed !== comparand; break;
    case 2: holds = signed < comparand; break;
    case 3: holds = signed <= comparand; break;
    case 4: holds = signed > comparand; break;
    case 5: holds = signed >= comparand; break;
    default: return -E.NOSYS;
  }
  const woken = wakeAt(task, uaddr, shared, wakes, ALL_BITS);
  if (woken < 0 || !holds) return woken;
  const woken2 = wakeAt(task, uaddr2, shared, wakes2, ALL_BITS);
  return woken2 < 0 ? woken2 : woken + woken2;
}

/** set_robust_list(2). */
function setRobustList(task: Task, head: number, bytes: number): number {
  if (bytes !== (task.abi === 0 ? 24 : 12)) return -E.INVAL;
  task.robustList = head;
  return 0;
}

/** get_robust_list(2). */
function getRobustList(task: Task, id: number, headAt: number, sizeAt: number): number {
  const target = id === 0 ? task : task.kernel.taskOf(id);
  if (!target) return -E.SRCH;
  if (!mayTrace(task, target)) return -E.PERM;
  const { mm } = task;
  const wide = task.abi === 0;
  const put = (addr: number, value: number): boolean => (wide ? mm.putU64(addr, value) : mm.putU32(addr, value));
  return put(sizeAt, wide ? 24 : 12) && put(headAt, target.robustList) ? 0 : -E.FAULT;
}
