/** Making nameless files that wait: pipe(2), eventfd(2), signalfd(2). */
import { E } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { EventFile } from '../kernel/eventfd.js';
import { createPipe } from '../kernel/pipe.js';
import { SignalFile } from '../kernel/signalfd.js';
import type { Task } from '../kernel/task.js';
import type { OpenFile } from '../vfs/open_file.js';
import { readSigset } from './signal.js';
import { call, fd, flags, inStruct, outStruct, size, uint, type Row } from './types.js';

const FLAGS = { NONBLOCK: O.NONBLOCK, CLOEXEC: O.CLOEXEC } as const;
const EFD_SEMAPHORE = 1;

export const pipeRows: readonly Row[] = [
  call('pipe', 22, 42, [outStruct('fds')], (task, fds) => pipe2(task, fds, 0)),
  call('pipe2', 293, 331, [outStruct('fds'), flags('O_', { ...FLAGS, DIRECT: O.DIRECT })], pipe2),
  call('eventfd', 284, 323, [uint], (task, initial) => eventfd2(task, initial, 0)),
  call('eventfd2', 290, 328, [uint, flags('EFD_', { ...FLAGS, SEMAPHORE: EFD_SEMAPHORE })], eventfd2),
  call('signalfd', 282, 321, [fd, inStruct('sigset'), size],
    (task, old, mask, bytes) => signalfd4(task, old, mask, bytes, 0)),
  call('signalfd4', 289, 327, [fd, inStruct('sigset'), size, flags('SFD_', FLAGS)], signalfd4),
];

/** pipe2(2). */
function pipe2(task: Task, fds: number, flagBits: number): number {
  if (flagBits & ~(O.CLOEXEC | O.NONBLOCK | O.DIRECT)) return -E.INVAL;
  const { files, mm, cred } = task;
  if (!mm.writable(fds, 8)) return -E.FAULT;
  const [reader, writer] = createPipe(flagBits & (O.NONBLOCK | O.DIRECT), cred.fsuid, cred.fsgid);
  const cloexec = (flagBits & O.CLOEXEC) !== 0;
  const first = files.install(reader, cloexec);
  const second = first < 0 ? first : files.install(writer, cloexec);
  if (second < 0) {
    if (first >= 0) files.close(first);
    else reader.unref();
    writer.unref();
    return second;
  }
  mm.putU32(fds, first);
  mm.putU32(fds + 4, second);
  return 0;
}

/** Gives the file the lowest descriptor; its reference goes when there is none. */
function install(task: Task, file: OpenFile, flagBits: number): number {
  const result = task.files.install(file, (flagBits & O.CLOEXEC) !== 0);
  if (result < 0) file.unref();
  return result;
}

/** eventfd(2). */
function eventfd2(task: Task, initial: number, flagBits: number): number {
  if (flagBits & ~(O.CLOEXEC | O.NONBLOCK | EFD_SEMAPHORE)) return -E.INVAL;
  return install(task, new EventFile(initial, (flagBits & EFD_SEMAPHORE) !== 0, (flagBits & O.NONBLOCK) !== 0),
    flagBits);
}

/** signalfd(2): a new descriptor, or another mask for an old one. */
function signalfd4(task: Task, old: number, mask: number, bytes: number, flagBits: number): number {
  if (flagBits & ~(O.CLOEXEC | O.NONBLOCK)) return -E.INVAL;
  const set = { low: 0, high: 0 };
  const failed = readSigset(task, mask, bytes, set);
  if (failed < 0) return failed;
  if (old === -1) {
    return install(task, new SignalFile(task.kernel, set.low, set.high, (flagBits & O.NONBLOCK) !== 0), flagBits);
  }
  const file = task.files.get(old);
  if (!file) return -E.BADF;
  if (!(file instanceof SignalFile)) return -E.INVAL;
  file.low = set.low;
  file.high = set.high;
  return old;
}
