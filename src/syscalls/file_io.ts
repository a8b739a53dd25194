/** Reading, writing and seeking: read(2), write(2), pread(2), readv(2), preadv2(2), lseek(2) … */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { RWF, SEEK } from '../abi/file.js';
import type { Task } from '../kernel/task.js';
import type { OpenFile } from '../vfs/open_file.js';
import { fileToRead, fileToWrite, OWN_POSITION, readInto, readVector, writeFrom, writeVector } from './transfer.js';
import {
  call, fd, flags, inBuffer, int, iovec, long, off, oneOf, outBuffer, ptr, size, splitOff, uint, type Row,
} from './types.js';

/** read(2). */
function read(task: Task, fd: number, buf: number, count: number): number {
  const file = fileToRead(task, fd, OWN_POSITION);
  return typeof file === 'number' ? file : readInto(task, file, buf, count, OWN_POSITION);
}

/** pread64(2). */
function pread64(task: Task, fd: number, buf: number, count: number, position: number): number {
  if (position < 0) return -E.INVAL;
  const file = fileToRead(task, fd, position);
  return typeof file === 'number' ? file : readInto(task, file, buf, count, position);
}

/** write(2). */
function write(task: Task, fd: number, buf: number, count: number): number {
  const file = fileToWrite(task, fd, OWN_POSITION);
  return typeof file === 'number' ? file : writeFrom(task, file, buf, count, OWN_POSITION);
}

/** pwrite64(2). */
function pwrite64(task: Task, fd: number, buf: number, count: number, position: number): number {
  if (position < 0) return -E.INVAL;
  const file = fileToWrite(task, fd, position);
  return typeof file === 'number' ? file : writeFrom(task, file, buf, count, position);
}

/** readv(2). */
function readv(task: Task, fd: number, vector: number, count: number): number {
  return preadv2(task, fd, vector, count, OWN_POSITION, 0);
}

/** writev(2). */
function writev(task: Task, fd: number, vector: number, count: number): number {
  return pwritev2(task, fd, vector, count, OWN_POSITION, 0);
}

/** preadv(2). */
function preadv(task: Task, fd: number, vector: number, count: number, position: number): number {
  return position < 0 ? -E.INVAL : preadv2(task, fd, vector, count, position, 0);
}

/** pwritev(2). */
function pwritev(task: Task, fd: number, vector: number, count: number, position: number): number {
  return position < 0 ? -E.INVAL : pwritev2(task, fd, vector, count, position, 0);
}

/** Flags of preadv2(2) and pwritev2(2) that mean something to every file. */
const RWF_KNOWN = RWF.HIPRI | RWF.DSYNC | RWF.SYNC | RWF.NOWAIT | RWF.APPEND | RWF.NOAPPEND;

/** preadv2(2): position -1 is the file's own. */
function preadv2(task: Task, fd: number, vector: number, count: number, position: number, rwf: number): number {
  const file = fileToRead(task, fd, position);
  if (typeof file === 'number') return file;
  const refused = refusedFlags(file, rwf);
  return refused < 0 ? refused : readVector(task, file, vector, count, position, (rwf & RWF.NOWAIT) === 0);
}

/** pwritev2(2). */
function pwritev2(task: Task, fd: number, vector: number, count: number, position: number, rwf: number): number {
  const file = fileToWrite(task, fd, position);
  if (typeof file === 'number') return file;
  const refused = refusedFlags(file, rwf);
  if (refused < 0) return refused;
  if (rwf & RWF.NOAPPEND && file.seekable && file.flags & O.APPEND) {
    return writeInPlace(file, () => writeVector(task, file, vector, count, position));
  }
  if (rwf & RWF.APPEND && file.seekable) {
    return writeAtEnd(file, position, () => writeVector(task, file, vector, count, OWN_POSITION));
  }
  const wrote = writeVector(task, file, vector, count, position, (rwf & RWF.NOWAIT) === 0);
  if (wrote > 0 && rwf & (RWF.DSYNC | RWF.SYNC)) file.sync((rwf & RWF.SYNC) === 0);
  return wrote;
}

/** 0, -EINVAL or -EOPNOTSUPP: RWF_NOWAIT is for files that say when they would wait, which those of a tmpfs do not. */
export function refusedFlags(file: OpenFile, rwf: number): number {
  if ((rwf & ~RWF_KNOWN) === 0 && rwf & RWF.APPEND && rwf & RWF.NOAPPEND) return -E.INVAL;
  return rwf & ~RWF_KNOWN || (rwf & RWF.NOWAIT && !file.refusesToWait) ? -E.OPNOTSUPP : 0;
}

/** RWF_APPEND: at the end of the file; its position moves only when it was to be used. */
export function writeAtEnd(file: OpenFile, position: number, write: () => number): number {
  if (file.flags & O.APPEND) return write();
  const before = file.seek(0, SEEK.CUR);
  const end = file.seek(0, SEEK.END);
  const wrote = end < 0 ? end : write();
  if (position !== OWN_POSITION || wrote < 0) file.seek(before, SEEK.SET);
  return wrote;
}

/** RWF_NOAPPEND: where it says, though the file is open for appending. */
export function writeInPlace(file: OpenFile, write: () => number): number {
  setAppending(file, false);
  const wrote = write();
  setAppending(file, true);
  return wrote;
}

function setAppending(file: OpenFile, on: boolean): void {
  file.flags = on ? file.flags | O.APPEND : file.flags & ~O.APPEND;
  file.flagsChanged();
}

/** lseek(2). */
function lseek(task: Task, fd: number, offset: number, whence: number): number {
  const file = task.files.get(fd);
  if (file === undefined || file.flags & O.PATH) return -E.BADF;
  if (whence < SEEK.SET || whence > SEEK.HOLE) return -E.INVAL;
  const to = file.seek(offset, whence);
  return task.abi === Abi.I386 && to > 0x7fff_ffff ? -E.OVERFLOW : to;
}

/** _llseek(2) of i386: the new position goes to `result`. */
function llseek(task: Task, fd: number, high: number, low: number, result: number, whence: number): number {
  const file = task.files.get(fd);
  if (file === undefined || file.flags & O.PATH) return -E.BADF;
  if (whence < SEEK.SET || whence > SEEK.HOLE) return -E.INVAL;
  const to = file.seek((high | 0) * 0x1_0000_0000 + low, whence);
  if (to < 0) return to;
  return task.mm.putU64(result, to) ? 0 : -E.FAULT;
}

const whence = oneOf('SEEK_', SEEK);
const rwFlags = flags('RWF_', RWF);
const ioNote = 'RWF_HIPRI has no effect';

export const fileIoRows: readonly Row[] = [
  call('read', 0, 3, [fd, outBuffer, size], read),
  call('write', 1, 4, [fd, inBuffer(2), size], write),
  call('lseek', 8, 19, [fd, long, whence], lseek),
  call('_llseek', -1, 140, [fd, uint, uint, ptr, whence], llseek),
  call('pread64', 17, 180, [fd, outBuffer, size, off], pread64),
  call('pwrite64', 18, 181, [fd, inBuffer(2), size, off], pwrite64),
  call('readv', 19, 145, [fd, iovec(2, true), int], readv),
  call('writev', 20, 146, [fd, iovec(2, false), int], writev),
  call('preadv', 295, 333, [fd, iovec(2, true), int, splitOff], preadv),
  call('pwritev', 296, 334, [fd, iovec(2, false), int, splitOff], pwritev),
  call('preadv2', 327, 378, [fd, iovec(2, true), int, splitOff, rwFlags], preadv2, 'full', ioNote),
  call('pwritev2', 328, 379, [fd, iovec(2, false), int, splitOff, rwFlags], pwritev2, 'full', ioNote),
];
