/** System V semaphores: semget(2), semop(2), semctl(2). */
import { E } from '../abi/errno.js';
import { IPC, IPC_CMD, SEM_CMD, SEM_UNDO, SEMID_DS } from '../abi/ipc.js';
import { native } from '../host/native.js';
import { seconds } from '../kernel/ipc/ids.js';
import { ipcOf } from '../kernel/ipc/namespace.js';
import { SEMMNI, SEMMSL, SEMOPM, SEMVMX, SemaphoreSet, type SemaphoreOperation } from '../kernel/ipc/sem.js';
import type { Task } from '../kernel/task.js';
import { Wake } from '../kernel/wait_queue.js';
import { readPermissions, writePermissions } from './sysv_perm.js';
import { readTimespec, time } from './timespec.js';
import { call, flags, inStruct, int, oneOf, ptr, size, type Row } from './types.js';

export const sysvSemRows: readonly Row[] = [
  call('semget', 64, 393, [int, int, flags('IPC_', IPC)], semget),
  call('semop', 65, -1, [int, ptr, size], (task, id, sops, count) => semtimedop(task, id, sops, count, 0)),
  call('semctl', 66, 394, [int, int, oneOf('', { ...IPC_CMD, ...SEM_CMD }), ptr], semctl),
  call('semtimedop', 220, -1, [int, ptr, size, inStruct('timespec')], semtimedop),
];

/** semget(2). */
function semget(task: Task, key: number, count: number, flagBits: number): number {
  if (count < 0 || count > SEMMSL) return -E.INVAL;
  return ipcOf(task.kernel).sem.get(key, flagBits, task.cred, (set) => (count > set.values.length ? -E.INVAL : 0),
    () => (count === 0 ? -E.INVAL : new SemaphoreSet(key, flagBits, task.cred, count)));
}

const SEMBUF = 6;
/** What IPC_INFO says: semaphores in all, and the size of a structure that Linux has no longer. */
const SEMMNS = SEMMNI * SEMMSL;
const SEMUSZ = 20;

/** semtimedop(2). */
function semtimedop(task: Task, id: number, sops: number, count: number, timeout: number): number {
  if (count < 1 || id < 0) return -E.INVAL;
  if (count > SEMOPM) return -E['2BIG'];
  const { mm } = task;
  if (!mm.readable(sops, count * SEMBUF)) return -E.FAULT;
  let deadline = Infinity;
  if (timeout !== 0) {
    const wrong = readTimespec(task, timeout);
    if (wrong < 0) return wrong;
    deadline = native.monotonicNow() + time.sec * 1e9 + time.nsec;
  }
  const set = ipcOf(task.kernel).sem.find(id);
  if (!set) return -E.INVAL;
  const operations: SemaphoreOperation[] = [];
  for (let at = sops; at < sops + count * SEMBUF; at += SEMBUF) {
    const bits = mm.window.view.getInt16(at + 4, true);
    const operation = {
      index: mm.window.view.getUint16(at, true), delta: mm.window.view.getInt16(at + 2, true),
      nowait: (bits & IPC.NOWAIT) !== 0, undo: (bits & SEM_UNDO) !== 0,
    };
    if (operation.index >= set.values.length) return -E.FBIG;
    operations.push(operation);
  }
  const want = operations.some(({ delta }) => delta !== 0) ? 2 : 4;
  return set.allows(task.cred, want) ? operate(task, set, operations, deadline, Wake.Event) : -E.ACCES;
}

function operate(
  task: Task, set: SemaphoreSet, operations: readonly SemaphoreOperation[], deadline: number, wake: Wake,
): number {
  if (set.removed) return -E.IDRM;
  const stuck = set.attempt(operations, task.process);
  if (stuck === 'range') return -E.RANGE;
  if (stuck < 0) {
    set.otime = seconds();
    set.queue.wake();
    return 0;
  }
  const { index, delta, nowait } = operations[stuck]!;
  if (nowait || wake === Wake.Timeout) return -E.AGAIN;
  if (wake === Wake.Signal) return -E.INTR;
  const waiting = { index, zero: delta === 0 };
  set.waiting.push(waiting);
  set.queue.add(task);
  return task.park((waiter, reason) => {
    set.waiting.splice(set.waiting.indexOf(waiting), 1);
    return operate(waiter, set, operations, deadline, reason);
  }, deadline);
}

/** semctl(2). The fourth argument is a number or an address. */
function semctl(task: Task, id: number, index: number, coded: number, arg: number): number {
  const { mm, cred, kernel } = task;
  const { sem } = ipcOf(kernel);
  const command = coded & ~0x100;
  if (command === IPC_CMD.INFO || command === SEM_CMD.INFO) {
    if (!mm.writable(arg, 40)) return -E.FAULT;
    let sets = SEMUSZ, semaphores = SEMVMX;
    if (command === SEM_CMD.INFO) {
      sets = semaphores = 0;
      for (const { values } of sem) {
        sets++;
        semaphores += values.length;
      }
    }
    [SEMMNS, SEMMNI, SEMMNS, SEMMNS, SEMMSL, SEMOPM, SEMOPM, sets, SEMVMX, semaphores]
      .forEach((value, at) => mm.putU32(arg + 4 * at, value));
    return Math.max(0, sem.highest);
  }
  const byIndex = command === SEM_CMD.STAT || command === SEM_CMD.STAT_ANY;
  const set = byIndex ? sem.at(id) : sem.find(id);
  if (!set) return -E.INVAL;
  const at = SEMID_DS.of(task.abi);
  const { values } = set;
  const mayRead = set.allows(cred, 4);
  switch (command) {
    case IPC_CMD.RMID:
      if (!set.ownedBy(cred)) return -E.PERM;
      sem.remove(set);
      set.queue.wake();
      return 0;
    case IPC_CMD.SET:
      return readPermissions(task, arg, at, set);
    case IPC_CMD.STAT:
    case SEM_CMD.STAT:
    case SEM_CMD.STAT_ANY: {
      if (!mayRead && command !== SEM_CMD.STAT_ANY) return -E.ACCES;
      if (!mm.writable(arg, at.size)) return -E.FAULT;
      const put = writePermissions(task, arg, at, set);
      put(at.otime, set.otime);
      put(at.ctime, set.ctime);
      put(at.nsems, values.length);
      return byIndex ? set.id : 0;
    }
    case SEM_CMD.GETALL:
      if (!mayRead) return -E.ACCES;
      if (!mm.writable(arg, 2 * values.length)) return -E.FAULT;
      values.forEach((value, semaphore) => mm.window.view.setUint16(arg + 2 * semaphore, value, true));
      return 0;
    case SEM_CMD.SETALL: {
      if (!set.allows(cred, 2)) return -E.ACCES;
      if (!mm.readable(arg, 2 * values.length)) return -E.FAULT;
      const wanted = Array.from(values, (_, semaphore) => mm.window.view.getUint16(arg + 2 * semaphore, true));
      if (wanted.some((value) => value > SEMVMX)) return -E.RANGE;
      wanted.forEach((value, semaphore) => {
        values[semaphore] = value;
        set.pids[semaphore] = task.process.pid;
        set.clearUndo(semaphore);
      });
      set.ctime = seconds();
      set.queue.wake();
      return 0;
    }
  }
  if (index < 0 || index >= values.length) return -E.INVAL;
  if (command !== SEM_CMD.SETVAL && !mayRead) return -E.ACCES;
  switch (command) {
    case SEM_CMD.GETVAL:
      return values[index]!;
    case SEM_CMD.GETPID:
      return set.pids[index]!;
    case SEM_CMD.GETNCNT:
      return set.waiting.filter((waiting) => waiting.index === index && !waiting.zero).length;
    case SEM_CMD.GETZCNT:
      return set.waiting.filter((waiting) => waiting.index === index && waiting.zero).length;
    case SEM_CMD.SETVAL: {
      const value = arg | 0;
      if (value < 0 || value > SEMVMX) return -E.RANGE;
      if (!set.allows(cred, 2)) return -E.ACCES;
      values[index] = value;
      set.pids[index] = task.process.pid;
      set.clearUndo(index);
      set.ctime = seconds();
      set.queue.wake();
      return 0;
    }
    default:
      return -E.INVAL;
  }
}
