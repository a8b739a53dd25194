/** kcmp(2): do two tasks share something? */
import { E } from '../abi/errno.js';
import { KCMP } from '../abi/process.js';
import { EpollFile } from '../kernel/epoll.js';
import type { Task } from '../kernel/task.js';
import { mayTrace } from '../kernel/trace_access.js';
import { call, oneOf, pid, ulong, type Row } from './types.js';

export const kcmpRows: readonly Row[] = [
  call('kcmp', 312, 349, [pid, pid, oneOf('KCMP_', KCMP), ulong, ulong], kcmp),
];

/** An order among objects that were asked for. */
const serials = new WeakMap<object, number>();
let nextSerial = 0;

function serial(object: object): number {
  let number = serials.get(object);
  if (number === undefined) serials.set(object, number = nextSerial++);
  return number;
}

/** 0: equal, 1: less, 2: greater. */
function compare(first: object | undefined, second: object | undefined): number {
  if (!first || !second) return -E.BADF;
  const a = serial(first), b = serial(second);
  return a === b ? 0 : a < b ? 1 : 2;
}

/** kcmp(2). */
function kcmp(task: Task, pid1: number, pid2: number, type: number, index1: number, index2: number): number {
  const first = task.kernel.taskOf(pid1), second = task.kernel.taskOf(pid2);
  if (!first || !second) return -E.SRCH;
  if (!mayTrace(task, first) || !mayTrace(task, second)) return -E.PERM;
  switch (type) {
    case KCMP.FILE:
      return compare(first.files.get(index1), second.files.get(index2));
    case KCMP.VM:
      return compare(first.mm, second.mm);
    case KCMP.FILES:
      return compare(first.files, second.files);
    case KCMP.FS:
      return compare(first.fs, second.fs);
    case KCMP.SIGHAND:
      return compare(first.process.actions, second.process.actions);
    case KCMP.IO:
      return compare(first, second);
    case KCMP.SYSVSEM:
      return sharesUndo(first, second) ? 0 : compare(first.process, second.process);
    case KCMP.EPOLL_TFD:
      return compareWatched(task, first, second, index1, index2);
    default:
      return -E.INVAL;
  }
}

/** Who has none has the same. */
function sharesUndo(first: Task, second: Task): boolean {
  const sem = first.kernel.ipc?.sem;
  return !sem || (!sem.undoes(first.process) && !sem.undoes(second.process));
}

/** struct kcmp_epoll_slot: an epoll instance, a descriptor that it watches, and which of that number. */
const SLOT = { efd: 0, tfd: 4, toff: 8, size: 12 } as const;

function compareWatched(task: Task, first: Task, second: Task, index: number, slotAt: number): number {
  const { mm } = task;
  if (!mm.readable(slotAt, SLOT.size)) return -E.FAULT;
  const file = first.files.get(index);
  if (!file) return -E.BADF;
  const epoll = second.files.get(mm.getU32(slotAt + SLOT.efd));
  if (!epoll) return -E.BADF;
  if (!(epoll instanceof EpollFile)) return -E.INVAL;
  const watched = epoll.watchedFile(mm.getU32(slotAt + SLOT.tfd), mm.getU32(slotAt + SLOT.toff));
  return watched ? compare(file, watched) : -E.NOENT;
}
