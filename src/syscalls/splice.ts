/** Moving bytes between a pipe and a file: splice(2), tee(2), vmsplice(2). */
import { E } from '../abi/errno.js';
import { O, POLL, S } from '../abi/fcntl.js';
import { IN, MAX_RW_COUNT, SPLICE_F } from '../abi/file.js';
import { AnonymousFile } from '../kernel/anonymous_file.js';
import { PidFile } from '../kernel/pidfd.js';
import { PipeFile } from '../kernel/pipe.js';
import type { Task } from '../kernel/task.js';
import { waitReady, waitReadyOf } from '../kernel/wait_ready.js';
import { InotifyFile } from '../vfs/inotify.js';
import type { OpenFile } from '../vfs/open_file.js';
import { brokenPipe, fetchVector, readVector, told, withinFileLimit, written } from './transfer.js';
import { call, fd, flags, int, iovec, ptr, size, type Row } from './types.js';

const SPLICE_FLAGS = SPLICE_F.MOVE | SPLICE_F.NONBLOCK | SPLICE_F.MORE | SPLICE_F.GIFT;
const CHUNK = 65536;

/** splice(2). The offsets are addresses of positions, or 0. */
function splice(
  task: Task, inFd: number, inOffset: number, outFd: number, outOffset: number, count: number, flags: number,
): number {
  if (count === 0) return 0;
  if (flags & ~SPLICE_FLAGS) return -E.INVAL;
  const from = task.files.get(inFd), to = task.files.get(outFd);
  if (from === undefined || to === undefined || !from.canRead || !to.canWrite) return -E.BADF;
  const fromPipe = from instanceof PipeFile, toPipe = to instanceof PipeFile;
  if (!fromPipe && !toPipe) return -E.INVAL;
  if ((fromPipe && inOffset !== 0) || (toPipe && outOffset !== 0)) return -E.SPIPE;
  if (fromPipe && toPipe && from.pipe === to.pipe) return -E.INVAL;
  if (!toPipe && to.flags & O.APPEND) return -E.INVAL;
  const file = fromPipe ? to : from;
  const offset = fromPipe ? outOffset : inOffset;
  if (file instanceof AnonymousFile || file instanceof PidFile || file instanceof InotifyFile) return -E.INVAL;
  if (file.inode !== null && file.inode.type === S.IFDIR) return -E.INVAL;
  let at = -1;
  if (offset !== 0) {
    if (!file.seekable) return -E.SPIPE;
    at = task.mm.getU64(offset);
    if (at < 0 || !task.mm.writable(offset, 8)) return -E.FAULT;
    // Positions are signed.
    if (at + Math.min(count, MAX_RW_COUNT) >= 2 ** 63) return -E.INVAL;
  }
  return move(task, from, to, fromPipe ? -1 : at, fromPipe ? at : -1, offset, count, flags);
}

/** Waits until both sides are ready, then moves what there is. */
function move(
  task: Task, from: OpenFile, to: OpenFile, fromAt: number, toAt: number, offset: number, count: number, flags: number,
): number {
  const again = (parked: Task) => move(parked, from, to, fromAt, toAt, offset, count, flags);
  let room = CHUNK;
  if (to instanceof PipeFile) {
    if (to.pipe.readers === 0) return brokenPipe(task);
    room = to.pipe.room;
    if (room <= 0) return waits(from, to, flags) ? waitReadyOf(task, to, from, POLL.OUT, again) : -E.AGAIN;
  } else if (to.pollable && (to.poll() & POLL.OUT) === 0) {
    return waits(from, to, flags) ? waitReadyOf(task, to, from, POLL.OUT, again) : -E.AGAIN;
  }
  const length = Math.min(count, room, from instanceof PipeFile ? Math.max(from.pipe.length, 1) : CHUNK);
  if (from instanceof PipeFile && from.pipe.length > 0) return drain(task, from, to, toAt, offset, length);
  const buffer = new Uint8Array(length);
  const got = fromAt < 0 ? from.read(buffer, 0, length) : from.pread(buffer, 0, length, fromAt);
  if (got === -E.AGAIN && waits(from, to, flags)) return waitReadyOf(task, from, to, POLL.IN, again);
  if (got <= 0) return got;
  const wrote = toAt < 0 ? to.write(buffer, 0, got) : to.pwrite(buffer, 0, got, toAt);
  if (wrote === -E.PIPE) return brokenPipe(task);
  if (wrote > 0 && offset !== 0) task.mm.putU64(offset, (fromAt < 0 ? toAt : fromAt) + wrote);
  told(from, IN.ACCESS, wrote);
  return written(task, to, wrote);
}

/** From a pipe: only what the other side takes leaves it. */
function drain(task: Task, from: PipeFile, to: OpenFile, at: number, offset: number, length: number): number {
  const allowed = withinFileLimit(task, to, length, at);
  if (allowed < 0) return allowed;
  const bytes = from.pipe.peek(allowed);
  const wrote = at < 0 ? to.write(bytes, 0, bytes.length) : to.pwrite(bytes, 0, bytes.length, at);
  if (wrote === -E.PIPE) return brokenPipe(task);
  if (wrote > 0) {
    from.read(bytes, 0, wrote);
    if (offset !== 0) task.mm.putU64(offset, at + wrote);
  }
  return written(task, to, wrote);
}

function waits(from: OpenFile, to: OpenFile, flags: number): boolean {
  return (flags & SPLICE_F.NONBLOCK) === 0 && ((from.flags | to.flags) & O.NONBLOCK) === 0;
}

/** tee(2): copies between two pipes; the bytes stay in the first. */
function tee(task: Task, inFd: number, outFd: number, count: number, flags: number): number {
  if (count === 0) return 0;
  if (flags & ~SPLICE_FLAGS) return -E.INVAL;
  const from = task.files.get(inFd), to = task.files.get(outFd);
  if (from === undefined || to === undefined || !from.canRead || !to.canWrite) return -E.BADF;
  if (!(from instanceof PipeFile) || !(to instanceof PipeFile) || from.pipe === to.pipe) return -E.INVAL;
  return copy(task, from, to, count, flags);
}

function copy(task: Task, from: PipeFile, to: PipeFile, count: number, flags: number): number {
  const again = (parked: Task) => copy(parked, from, to, count, flags);
  if (from.pipe.length === 0) {
    if (from.pipe.writers === 0) return 0;
    return waits(from, to, flags) ? waitReadyOf(task, from, to, POLL.IN, again) : -E.AGAIN;
  }
  if (to.pipe.readers === 0) return brokenPipe(task);
  const { room } = to.pipe;
  if (room <= 0) return waits(from, to, flags) ? waitReadyOf(task, to, from, POLL.OUT, again) : -E.AGAIN;
  const bytes = from.pipe.peek(Math.min(count, room));
  return to.write(bytes, 0, bytes.length);
}

/** vmsplice(2): the bytes are copied, gift or not. */
function vmsplice(task: Task, fd: number, vector: number, count: number, flags: number): number {
  if (flags & ~SPLICE_FLAGS) return -E.INVAL;
  const file = task.files.get(fd);
  if (file === undefined || !(file instanceof PipeFile)) return -E.BADF;
  return file.canWrite ? fill(task, file, vector, count, flags) : readVector(task, file, vector, count, -1);
}

/** Waits for room in the pipe, then writes what there is room for. */
function fill(task: Task, file: PipeFile, address: number, count: number, flags: number): number {
  const vector = fetchVector(task, address, count);
  if (typeof vector === 'number') return vector;
  const { pipe } = file;
  if (pipe.readers === 0) return brokenPipe(task);
  if (pipe.length >= pipe.capacity) {
    if (!waits(file, file, flags)) return -E.AGAIN;
    return waitReady(task, file, POLL.OUT, (parked) => fill(parked, file, address, count, flags));
  }
  let done = 0;
  for (let i = 0; i < vector.length; i += 2) {
    const length = Math.min(vector[i + 1]!, pipe.capacity - pipe.length);
    if (length === 0) continue;
    if (!task.mm.readable(vector[i]!, length)) return done > 0 ? done : -E.FAULT;
    const wrote = file.write(task.mm.window.u8, vector[i]!, length);
    if (wrote <= 0) return done > 0 ? done : wrote;
    done += wrote;
  }
  return done;
}

const spliceFlags = flags('SPLICE_F_', SPLICE_F);

export const spliceRows: readonly Row[] = [
  call('splice', 275, 313, [fd, ptr, fd, ptr, size, spliceFlags], splice),
  call('tee', 276, 315, [fd, fd, size, spliceFlags], tee),
  call('vmsplice', 278, 316, [fd, iovec(2, false), int, spliceFlags], vmsplice),
];
