/** Descriptors of processes (pidfd_open(2)), and what can be done with them beside waiting and signals. */
import { E } from '../abi/errno.js';
import { MADV } from '../abi/mman.js';
import { PidFile, processOfPidfd } from '../kernel/pidfd.js';
import { ProcessState, type Process } from '../kernel/process.js';
import { TaskState, type Task } from '../kernel/task.js';
import { CAP_SYS_NICE } from '../kernel/credentials.js';
import { mayTrace } from '../kernel/trace_access.js';
import { fetchVector } from './transfer.js';
import { call, fd, int, iovec, oneOf, pid, uint, ulong, type Row } from './types.js';

export const pidfdRows: readonly Row[] = [
  call('pidfd_open', 434, 434, [pid, uint], pidfdOpen),
  call('pidfd_getfd', 438, 438, [fd, int, uint], pidfdGetfd),
  call('process_madvise', 440, 440, [fd, iovec(2, false), ulong, oneOf('MADV_', MADV), uint], processMadvise),
  call('process_mrelease', 448, 448, [fd, uint], processMrelease),
];

const PIDFD_NONBLOCK = 0o4000;

/** pidfd_open(2). */
function pidfdOpen(task: Task, id: number, flagBits: number): number {
  if (flagBits & ~PIDFD_NONBLOCK || id <= 0) return -E.INVAL;
  const target = task.kernel.taskOf(id);
  if (!target) return -E.SRCH;
  if (target.process.leader !== target) return -E.INVAL;
  const file = new PidFile(target.process);
  file.flags |= flagBits;
  const result = task.files.install(file, true);
  if (result < 0) file.unref();
  return result;
}

/** The process of a pidfd; -EBADF. */
function processOf(task: Task, descriptor: number): Process | number {
  const file = task.files.get(descriptor);
  return (file && processOfPidfd(file)) ?? -E.BADF;
}

/** pidfd_getfd(2): another process's descriptor as one of the caller's, closed by execve. */
function pidfdGetfd(task: Task, descriptor: number, wanted: number, flagBits: number): number {
  if (flagBits !== 0) return -E.INVAL;
  const process = processOf(task, descriptor);
  if (typeof process === 'number') return process;
  const { leader } = process;
  if (process.state !== ProcessState.Live || leader.state === TaskState.Zombie) return -E.SRCH;
  if (!mayTrace(task, leader)) return -E.PERM;
  const file = leader.files.get(wanted);
  if (!file) return -E.BADF;
  file.ref();
  const result = task.files.install(file, true);
  if (result < 0) file.unref();
  return result;
}

const ADVICE: ReadonlySet<number> = new Set([MADV.COLD, MADV.PAGEOUT, MADV.WILLNEED, MADV.COLLAPSE]);

/** process_madvise(2): any advice for the caller's own memory, some for that of others. Gives the bytes advised. */
function processMadvise(
  task: Task, descriptor: number, vector: number, count: number, advice: number, flagBits: number,
): number {
  if (flagBits !== 0) return -E.INVAL;
  const ranges = fetchVector(task, vector, count);
  if (typeof ranges === 'number') return ranges;
  const process = processOf(task, descriptor);
  if (typeof process === 'number') return process;
  const own = process === task.process;
  if (!own && !ADVICE.has(advice)) return -E.INVAL;
  const { leader } = process;
  if (process.state !== ProcessState.Live || leader.state === TaskState.Zombie) return -E.SRCH;
  if (!mayTrace(task, leader) || (!own && !task.cred.has(CAP_SYS_NICE))) return -E.PERM;
  let done = 0;
  for (let at = 0; at < ranges.length; at += 2) {
    const result = leader.mm.madvise(ranges[at]!, ranges[at + 1]!, advice);
    if (result < 0) return done > 0 ? done : result;
    done += ranges[at + 1]!;
  }
  return done;
}

/** process_mrelease(2): a process that ends gives its memory back at once, so there is none left to take. */
function processMrelease(task: Task, descriptor: number, flagBits: number): number {
  if (flagBits !== 0) return -E.INVAL;
  const process = processOf(task, descriptor);
  if (typeof process === 'number') return process;
  return process.state === ProcessState.Live ? -E.INVAL : -E.SRCH;
}
