/** futex(2), futex_waitv(2), robust lists. */
import { E } from '../abi/errno.js';
import { FUTEX, FUTEX_CLOCK_REALTIME, FUTEX_PRIVATE_FLAG, FUTEX_WORD } from '../abi/process.js';
import { CLOCK } from '../abi/time.js';
import { native } from '../host/native.js';
import { monotonicAt } from '../kernel/clock.js';
import { dequeue, enqueue, futexKey, FutexWaiter, requeueKey, wakeFirst, wakeKey } from '../kernel/futex.js';
import { TaskState, type Task } from '../kernel/task.js';
import { Wake } from '../kernel/wait_queue.js';
import { readTimespec, time } from './timespec.js';
import { call, inStruct, int, pid, ptr, size, uint, type Arg, type Row, Decode } from './types.js';

const ALL_BITS = 0xffff_ffff;
/** strace's text of the operation has bits of its own. */
const futexOp: Arg = { decode: Decode.Int, show: { as: 'futex' } };

export const futexRows: readonly Row[] = [
  call('futex', 202, 240, [ptr, futexOp, uint, ptr, ptr, uint], futex),
  call('futex_waitv', 449, 449, [ptr, uint, uint, inStruct('timespec'), int], futexWaitv),
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
  if (realtime && command !== FUTEX.WAIT && command !== FUTEX.WAIT_BITSET && command !== FUTEX.WAIT_REQUEUE_PI &&
    command !== FUTEX.LOCK_PI2) return -E.NOSYS;
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
      return requeue(task, uaddr, shared, val, timeout, uaddr2, command === FUTEX.CMP_REQUEUE ? val3 : undefined);
    case FUTEX.WAKE_OP:
      return wakeOp(task, uaddr, shared, val, timeout, uaddr2, val3);
    case FUTEX.LOCK_PI:
    case FUTEX.LOCK_PI2: {
      const clock = command === FUTEX.LOCK_PI || realtime ? CLOCK.REALTIME : CLOCK.MONOTONIC;
      const deadline = deadlineOf(task, timeout, clock, true);
      return deadline < 0 ? deadline : lockPi(task, uaddr, shared, deadline);
    }
    case FUTEX.TRYLOCK_PI:
      return tryLockPi(task, uaddr, false);
    case FUTEX.UNLOCK_PI:
      return unlockPi(task, uaddr, shared);
    default:
      return -E.NOSYS;
  }
}

/** CLOCK_MONOTONIC time of a time-out, Infinity for NULL; -EFAULT, -EINVAL. */
function deadlineOf(task: Task, timeout: number, clock: number, absolute: boolean): number {
  if (timeout === 0) return Infinity;
  const failed = readTimespec(task, timeout);
  if (failed < 0) return failed;
  if (!absolute) return native.monotonicNow() + time.sec * 1e9 + time.nsec;
  return Math.max(0, monotonicAt(task, clock, time.sec, time.nsec));
}

function wait(
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

function requeue(
  task: Task, uaddr: number, shared: boolean, wakes: number, moves: number, uaddr2: number,
  expected: number | undefined,
): number {
  if ((wakes | 0) < 0 || (moves | 0) < 0) return -E.INVAL;
  const value = task.mm.getU32(uaddr);
  if (value < 0 || !task.mm.readable(uaddr2, 4)) return -E.FAULT;
  if (expected !== undefined && value !== expected) return -E.AGAIN;
  const from = futexKey(task, uaddr, shared);
  const woken = wakeKey(from, wakes, ALL_BITS);
  const moved = requeueKey(from, futexKey(task, uaddr2, shared), moves);
  return woken + moved;
}

/** FUTEX_WAKE_OP: changes *uaddr2 and compares its old value, in one step. */
function wakeOp(
  task: Task, uaddr: number, shared: boolean, wakes: number, wakes2: number, uaddr2: number, coded: number,
): number {
  const { mm } = task;
  const old = mm.getU32(uaddr2);
  if (old < 0 || !mm.readable(uaddr, 4) || !mm.writable(uaddr2, 4)) return -E.FAULT;
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
  if (woken < 0) return woken;
  return holds ? woken + wakeAt(task, uaddr2, shared, wakes2, ALL_BITS) : woken;
}

/** Takes a PI futex when it is free, or its owner is dead. 0, -EAGAIN when it is held, -EDEADLK, -ESRCH. */
function tryLockPi(task: Task, uaddr: number, waiters: boolean): number {
  const { mm } = task;
  const value = mm.getU32(uaddr);
  if (value < 0 || !mm.writable(uaddr, 4)) return -E.FAULT;
  const owner = value & FUTEX_WORD.TID_MASK;
  if (owner === task.tid) return -E.DEADLK;
  if (owner !== 0) {
    const holder = task.kernel.tasks.get(owner);
    return !holder || holder.state === TaskState.Zombie ? -E.SRCH : -E.AGAIN;
  }
  const died = value & FUTEX_WORD.OWNER_DIED;
  mm.putU32(uaddr, (task.tid | died | (waiters || value & FUTEX_WORD.WAITERS ? FUTEX_WORD.WAITERS : 0)) >>> 0);
  return 0;
}

/** FUTEX_LOCK_PI: waiters get the lock in the order in which they came (all tasks have one priority). */
function lockPi(task: Task, uaddr: number, shared: boolean, deadline: number): number {
  const taken = tryLockPi(task, uaddr, false);
  if (taken !== -E.AGAIN) return taken;
  const { mm } = task;
  mm.putU32(uaddr, (mm.getU32(uaddr) | FUTEX_WORD.WAITERS) >>> 0);
  const waiter = new FutexWaiter(task, futexKey(task, uaddr, shared), ALL_BITS);
  enqueue(waiter);
  return task.park((sleeper, wake) => {
    // unlockPi has made this task the owner.
    if (waiter.woken && (sleeper.mm.getU32(uaddr) & FUTEX_WORD.TID_MASK) === sleeper.tid) return 0;
    dequeue(waiter);
    if (wake === Wake.Timeout) return -E.TIMEDOUT;
    if (wake === Wake.Signal) return -E.RESTARTNOINTR;
    return lockPi(sleeper, uaddr, shared, deadline);
  }, deadline);
}

/** FUTEX_UNLOCK_PI: hands the lock to the first waiter. */
function unlockPi(task: Task, uaddr: number, shared: boolean): number {
  const { mm } = task;
  const value = mm.getU32(uaddr);
  if (value < 0 || !mm.writable(uaddr, 4)) return -E.FAULT;
  if ((value & FUTEX_WORD.TID_MASK) !== task.tid) return -E.PERM;
  const next = wakeFirst(futexKey(task, uaddr, shared));
  mm.putU32(uaddr, next === undefined ? 0 : (next.tid | FUTEX_WORD.WAITERS) >>> 0);
  return 0;
}

const WAITV = { SIZE: 24, MAX: 128, SIZE_U32: 2, PRIVATE: 128 } as const;

/** futex_waitv(2): gives the index of a word that was woken. */
function futexWaitv(
  task: Task, waiters: number, count: number, flagBits: number, timeout: number, clockId: number,
): number {
  if (flagBits !== 0 || count === 0 || count > WAITV.MAX || waiters === 0) return -E.INVAL;
  if (clockId !== CLOCK.MONOTONIC && clockId !== CLOCK.REALTIME && timeout !== 0) return -E.INVAL;
  const deadline = deadlineOf(task, timeout, clockId, true);
  if (deadline < 0) return deadline;
  const { mm } = task;
  if (!mm.readable(waiters, count * WAITV.SIZE)) return -E.FAULT;
  const queued: FutexWaiter[] = [];
  for (let at = 0; at < count; at++) {
    const entry = waiters + at * WAITV.SIZE;
    const expected = mm.getU64(entry), uaddr = mm.getU64(entry + 8), bits = mm.getU32(entry + 16);
    let failed = 0;
    if ((bits & ~WAITV.PRIVATE) !== WAITV.SIZE_U32 || mm.getU32(entry + 20) !== 0 || uaddr & 3) failed = -E.INVAL;
    const value = failed < 0 ? 0 : mm.getU32(uaddr);
    if (value < 0) failed = -E.FAULT;
    else if (failed === 0 && value !== expected) failed = -E.AGAIN;
    if (failed < 0) {
      queued.forEach(dequeue);
      return failed;
    }
    const waiter = new FutexWaiter(task, futexKey(task, uaddr, (bits & WAITV.PRIVATE) === 0), ALL_BITS);
    enqueue(waiter);
    queued.push(waiter);
  }
  return task.park((_sleeper, wake) => {
    queued.forEach(dequeue);
    const woken = queued.findIndex((waiter) => waiter.woken);
    if (woken >= 0) return woken;
    return wake === Wake.Timeout ? -E.TIMEDOUT : -E.RESTARTSYS;
  }, deadline);
}

/** set_robust_list(2). */
function setRobustList(task: Task, head: number, bytes: number): number {
  if (bytes !== (task.abi === 0 ? 24 : 12)) return -E.INVAL;
  task.robustList = head;
  return 0;
}

/** get_robust_list(2). */
function getRobustList(task: Task, id: number, headAt: number, sizeAt: number): number {
  const target = id === 0 ? task : task.kernel.tasks.get(id);
  if (!target) return -E.SRCH;
  const { mm } = task;
  const wide = task.abi === 0;
  const put = (addr: number, value: number): boolean => (wide ? mm.putU64(addr, value) : mm.putU32(addr, value));
  return put(sizeAt, wide ? 24 : 12) && put(headAt, target.robustList) ? 0 : -E.FAULT;
}
