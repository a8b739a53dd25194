/** Reading, writing and seeking: read(2), write(2), pread(2), readv(2), preadv2(2), lseek(2), sendfile(2) … */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { O, POLL, S } from '../abi/fcntl.js';
import { IN, IOV_MAX, MAX_RW_COUNT, RWF, SEEK } from '../abi/file.js';
import { RLIMIT } from '../abi/resource.js';
import { SI, SIG } from '../abi/signal.js';
import { native } from '../host/native.js';
import { SigInfo } from '../kernel/pending_signals.js';
import { sendToTask } from '../kernel/signals.js';
import type { Task } from '../kernel/task.js';
import { Wake } from '../kernel/wait_queue.js';
import { readyQueue, waitReady } from '../kernel/wait_ready.js';
import { notifyPlace, watched } from '../vfs/notify.js';
import { dropPrivileges } from '../vfs/privileges.js';
import type { OpenFile } from '../vfs/open_file.js';
import {
  call, fd, flags, inBuffer, int, iovec, long, off, oneOf, outBuffer, ptr, size, splitOff, uint, type Row,
} from './types.js';

/** As a position: the file's own. */
const OWN_POSITION = -1;
/** Where Linux's user addresses end (TASK_SIZE_MAX of x86-64). */
const USER_END = 0x7fff_ffff_f000;

/** read(2). */
function read(task: Task, fd: number, buf: number, count: number): number {
  const file = task.files.get(fd);
  if (file === undefined || !file.canRead) return -E.BADF;
  return readInto(task, file, buf, count, OWN_POSITION);
}

/** pread64(2). */
function pread64(task: Task, fd: number, buf: number, count: number, position: number): number {
  if (position < 0) return -E.INVAL;
  const file = task.files.get(fd);
  if (file === undefined) return -E.BADF;
  if (!file.seekable) return -E.SPIPE;
  if (!file.canRead) return -E.BADF;
  return readInto(task, file, buf, count, position);
}

/** write(2). */
function write(task: Task, fd: number, buf: number, count: number): number {
  const file = task.files.get(fd);
  if (file === undefined || !file.canWrite) return -E.BADF;
  return writeFrom(task, file, buf, count, OWN_POSITION);
}

/** pwrite64(2). */
function pwrite64(task: Task, fd: number, buf: number, count: number, position: number): number {
  if (position < 0) return -E.INVAL;
  const file = task.files.get(fd);
  if (file === undefined) return -E.BADF;
  if (!file.seekable) return -E.SPIPE;
  if (!file.canWrite) return -E.BADF;
  return writeFrom(task, file, buf, count, position);
}

function readInto(task: Task, file: OpenFile, address: number, count: number, position: number): number {
  // Nothing may be read to any address, which files must not reckon with.
  const buf = count === 0 ? 0 : address;
  let length = count;
  if (count > MAX_RW_COUNT) {
    if (buf + count > USER_END) return -E.FAULT;
    length = MAX_RW_COUNT;
  }
  const { mm } = task;
  if (!mm.writable(buf, length)) {
    length = mm.writableBytes(buf, length);
    if (length <= 0) {
      const refused = file.read(mm.window.u8, 0, 0);
      return refused < 0 && refused !== -E.AGAIN ? refused : -E.FAULT;
    }
  }
  const got = position < 0
    ? file.read(mm.window.u8, buf, length) : file.pread(mm.window.u8, buf, length, position);
  if (got !== -E.AGAIN || file.flags & O.NONBLOCK) return told(file, IN.ACCESS, got);
  return waitReady(task, file, POLL.IN, (parked) => readInto(parked, file, buf, count, position));
}

function writeFrom(task: Task, file: OpenFile, address: number, count: number, position: number): number {
  const buf = count === 0 ? 0 : address;
  let length = count;
  if (count > MAX_RW_COUNT) {
    if (buf + count > USER_END) return -E.FAULT;
    length = MAX_RW_COUNT;
  }
  const { mm } = task;
  if (!mm.readable(buf, length)) {
    length = Math.min(length, mm.readableBytes(buf));
    if (length <= 0) return -E.FAULT;
  }
  if (task.process.limits.soft[RLIMIT.FSIZE] !== Infinity) {
    length = withinFileLimit(task, file, length, position);
    if (length < 0) return length;
  }
  if (position >= 0) return written(task, file, file.pwrite(mm.window.u8, buf, length, position));
  return writeOn(task, file, buf, length, 0);
}

/** Writes from `done` on; streams that are full are waited for until all is written, unless O.NONBLOCK is set. */
function writeOn(task: Task, file: OpenFile, buf: number, length: number, done: number): number {
  for (;;) {
    if (done > 0 && !task.mm.readable(buf + done, length - done)) return done;
    const wrote = file.write(task.mm.window.u8, buf + done, length - done);
    if (wrote < 0) {
      if (wrote === -E.PIPE && !file.messages) raise(task, SIG.PIPE);
      if (wrote !== -E.AGAIN || file.flags & O.NONBLOCK) return done > 0 ? done : wrote;
      const so = done;
      return waitWritable(task, file, so, (parked) => writeOn(parked, file, buf, length, so));
    }
    done += wrote;
    if (done >= length || wrote === 0 || !file.pollable) return written(task, file, done);
  }
}

/** Lets those who watch the file (inotify) know of a transfer; gives its count. */
function told(file: OpenFile, event: number, count: number): number {
  if (count > 0 && watched() && file.location !== null) notifyPlace(file.location, event);
  return count;
}

/** After a write of `count` bytes: those who watch are told, and a privileged program is one no more. */
function written(task: Task, file: OpenFile, count: number): number {
  const place = file.location;
  if (count > 0 && place !== null) {
    if (watched()) notifyPlace(place, IN.MODIFY);
    if (place.inode.mode & (S.ISUID | S.ISGID)) dropPrivileges(task.fs.cred, place.inode);
  }
  return count;
}

/** Parks a write of which `done` bytes are written until there may be room. */
function waitWritable(task: Task, file: OpenFile, done: number, retry: (task: Task) => number): number {
  const limit = file.waitLimit(POLL.OUT);
  readyQueue(task, file).add(task, POLL.OUT | POLL.ERR | POLL.HUP);
  return task.park((parked, wake) => {
    if (wake === Wake.Event) return retry(parked);
    if (done > 0) return done;
    return wake === Wake.Timeout ? -E.AGAIN : limit === Infinity ? -E.RESTARTSYS : -E.INTR;
  }, limit === Infinity ? Infinity : native.monotonicNow() + limit);
}

/** What the kernel itself sends for a failed write looks like the task's own signal. */
function raise(task: Task, signal: number): void {
  const info = new SigInfo(signal, SI.USER);
  info.pid = task.process.pid;
  info.uid = task.cred.uid;
  sendToTask(task, info);
}

/** -EPIPE, with the signal that goes with it. */
export function brokenPipe(task: Task): number {
  raise(task, SIG.PIPE);
  return -E.PIPE;
}

/** RLIMIT_FSIZE: what of a write to a regular file is allowed, or -EFBIG with SIGXFSZ. */
function withinFileLimit(task: Task, file: OpenFile, length: number, position: number): number {
  if (file.inode === null || file.inode.type !== S.IFREG || length === 0) return length;
  const at = position >= 0 ? position : file.seek(0, file.flags & O.APPEND ? SEEK.END : SEEK.CUR);
  const limit = task.process.limits.soft[RLIMIT.FSIZE]!;
  if (at < limit) return Math.min(length, limit - at);
  raise(task, SIG.XFSZ);
  return -E.FBIG;
}

/** An iovec array, fetched: base and length of each, in turn; -EINVAL, -EFAULT. */
export function fetchVector(task: Task, address: number, count: number): number[] | number {
  if (count < 0 || count > IOV_MAX) return -E.INVAL;
  const word = task.abi === Abi.X64 ? 8 : 4;
  if (!task.mm.readable(address, count * word * 2)) return -E.FAULT;
  const { view } = task.mm.window;
  const vector: number[] = [];
  let total = 0;
  for (let i = 0; i < count * 2; i++) {
    const at = address + i * word;
    let value = view.getUint32(at, true);
    if (word === 8) {
      const high = view.getInt32(at + 4, true);
      if (i & 1 && high < 0) return -E.INVAL;
      value += (high >>> 0) * 0x1_0000_0000;
    } else if (i & 1 && value > 0x7fff_ffff) {
      return -E.INVAL;
    }
    if (i & 1) {
      if (total + value > MAX_RW_COUNT) value = MAX_RW_COUNT - total;
      total += value;
    }
    vector.push(value);
  }
  return vector;
}

/** Reads into an iovec array, one buffer after the other until one is not filled. position -1: the file's own. */
export function readVector(task: Task, file: OpenFile, address: number, count: number, position: number): number {
  const vector = fetchVector(task, address, count);
  if (typeof vector === 'number') return vector;
  if (file.messages) return readMessage(task, file, vector);
  const { mm } = task;
  let done = 0;
  for (let i = 0; i < vector.length; i += 2) {
    const base = vector[i]!, length = vector[i + 1]!;
    if (length === 0) continue;
    const room = mm.writable(base, length) ? length : mm.writableBytes(base, length);
    if (room <= 0) return done > 0 ? done : -E.FAULT;
    const u8 = mm.window.u8;
    const got = position < 0 ? file.read(u8, base, room) : file.pread(u8, base, room, position + done);
    if (got < 0) {
      if (done > 0) return done;
      if (got !== -E.AGAIN || file.flags & O.NONBLOCK) return got;
      return waitReady(task, file, POLL.IN, (parked) => readVector(parked, file, address, count, position));
    }
    done += got;
    if (got < length) return told(file, IN.ACCESS, done);
    // What a pipe or terminal has now is what a read gives.
    if (file.pollable && i + 2 < vector.length && (file.poll() & POLL.IN) === 0) return done;
  }
  if (done === 0) {
    const refused = file.read(mm.window.u8, 0, 0);
    if (refused < 0 && refused !== -E.AGAIN) return refused;
  }
  return told(file, IN.ACCESS, done);
}

/** Spreads one message over the buffers of a vector. */
function readMessage(task: Task, file: OpenFile, vector: readonly number[]): number {
  let total = 0;
  for (let i = 1; i < vector.length; i += 2) total += vector[i]!;
  const bytes = new Uint8Array(total);
  const got = file.read(bytes, 0, total);
  if (got === -E.AGAIN && !(file.flags & O.NONBLOCK)) {
    return waitReady(task, file, POLL.IN, (parked) => readMessage(parked, file, vector));
  }
  return got <= 0 || scatter(task, vector, bytes, got) ? got : -E.FAULT;
}

/** Writes bytes to the buffers of a vector, one after the other. False: a buffer cannot be written. */
export function scatter(task: Task, vector: readonly number[], bytes: Uint8Array, length: number): boolean {
  for (let i = 0, done = 0; i < vector.length && done < length; i += 2) {
    const count = Math.min(vector[i + 1]!, length - done);
    if (!task.mm.putBytes(vector[i]!, bytes.subarray(done, done + count))) return false;
    done += count;
  }
  return true;
}

/** Writes from an iovec array. */
export function writeVector(task: Task, file: OpenFile, address: number, count: number, position: number): number {
  const vector = fetchVector(task, address, count);
  if (typeof vector === 'number') return vector;
  let total = 0, single = -1;
  for (let i = 0; i < vector.length; i += 2) {
    if (vector[i + 1] === 0) continue;
    single = total === 0 ? i : -1;
    total += vector[i + 1]!;
  }
  if (total === 0) return 0;
  if (single >= 0) return writeFrom(task, file, vector[single]!, vector[single + 1]!, position);
  const { mm } = task;
  if (total > GATHER_MAX) return writePieces(task, file, vector, position);
  // Together, so that a stream sees one write (and another writer's bytes do not come between).
  const gathered = new Uint8Array(total);
  let filled = 0;
  for (let i = 0; i < vector.length; i += 2) {
    const base = vector[i]!, length = vector[i + 1]!;
    const room = mm.readable(base, length) ? length : Math.max(0, Math.min(length, mm.readableBytes(base)));
    gathered.set(mm.window.u8.subarray(base, base + room), filled);
    filled += room;
    if (room < length) break;
  }
  if (filled === 0) return -E.FAULT;
  if (task.process.limits.soft[RLIMIT.FSIZE] !== Infinity) {
    filled = withinFileLimit(task, file, filled, position);
    if (filled < 0) return filled;
  }
  if (position >= 0) return written(task, file, file.pwrite(gathered, 0, filled, position));
  return writeGathered(task, file, gathered, filled, 0);
}

const GATHER_MAX = 1 << 20;

/** As writeOn, from bytes that were gathered from the guest. */
function writeGathered(task: Task, file: OpenFile, bytes: Uint8Array, length: number, done: number): number {
  for (;;) {
    const wrote = file.write(bytes, done, length - done);
    if (wrote < 0) {
      if (wrote === -E.PIPE && !file.messages) raise(task, SIG.PIPE);
      if (wrote !== -E.AGAIN || file.flags & O.NONBLOCK) return done > 0 ? done : wrote;
      const so = done;
      return waitWritable(task, file, so, (parked) => writeGathered(parked, file, bytes, length, so));
    }
    done += wrote;
    if (done >= length || wrote === 0 || !file.pollable) return written(task, file, done);
  }
}

function writePieces(task: Task, file: OpenFile, vector: number[], position: number): number {
  let done = 0;
  for (let i = 0; i < vector.length; i += 2) {
    const length = vector[i + 1]!;
    if (length === 0) continue;
    const wrote = writeFrom(task, file, vector[i]!, length, position < 0 ? position : position + done);
    if (wrote < 0) return done > 0 ? done : wrote;
    done += wrote;
    if (wrote < length) break;
  }
  return done;
}

/** readv(2). */
function readv(task: Task, fd: number, vector: number, count: number): number {
  const file = task.files.get(fd);
  if (file === undefined || !file.canRead) return -E.BADF;
  return readVector(task, file, vector, count, OWN_POSITION);
}

/** writev(2). */
function writev(task: Task, fd: number, vector: number, count: number): number {
  const file = task.files.get(fd);
  if (file === undefined || !file.canWrite) return -E.BADF;
  return writeVector(task, file, vector, count, OWN_POSITION);
}

/** preadv(2). */
function preadv(task: Task, fd: number, vector: number, count: number, position: number): number {
  if (position < 0) return -E.INVAL;
  const file = task.files.get(fd);
  if (file === undefined) return -E.BADF;
  if (!file.seekable) return -E.SPIPE;
  return file.canRead ? readVector(task, file, vector, count, position) : -E.BADF;
}

/** pwritev(2). */
function pwritev(task: Task, fd: number, vector: number, count: number, position: number): number {
  if (position < 0) return -E.INVAL;
  const file = task.files.get(fd);
  if (file === undefined) return -E.BADF;
  if (!file.seekable) return -E.SPIPE;
  return file.canWrite ? writeVector(task, file, vector, count, position) : -E.BADF;
}

/** preadv2(2): position -1 is the file's own. */
function preadv2(task: Task, fd: number, vector: number, count: number, position: number, rwf: number): number {
  if (rwf & ~(RWF.HIPRI | RWF.DSYNC | RWF.SYNC | RWF.NOWAIT | RWF.APPEND)) return -E.OPNOTSUPP;
  if (position === -1) return readv(task, fd, vector, count);
  return preadv(task, fd, vector, count, position);
}

/** pwritev2(2). */
function pwritev2(task: Task, fd: number, vector: number, count: number, position: number, rwf: number): number {
  if (rwf & ~(RWF.HIPRI | RWF.DSYNC | RWF.SYNC | RWF.NOWAIT | RWF.APPEND)) return -E.OPNOTSUPP;
  const file = task.files.get(fd);
  if (file === undefined) return -E.BADF;
  if (rwf & RWF.APPEND && file.canWrite && file.seekable) {
    const appending = file.flags & O.APPEND;
    const before = file.seek(0, SEEK.CUR);
    if (!appending) file.seek(0, SEEK.END);
    const wrote = writev(task, fd, vector, count);
    if (!appending && position !== -1) file.seek(before, SEEK.SET);
    return wrote;
  }
  const wrote = position === -1 ? writev(task, fd, vector, count) : pwritev(task, fd, vector, count, position);
  if (wrote > 0 && rwf & (RWF.DSYNC | RWF.SYNC)) file.sync((rwf & RWF.SYNC) === 0);
  return wrote;
}

/** lseek(2). */
function lseek(task: Task, fd: number, offset: number, whence: number): number {
  const file = task.files.get(fd);
  if (file === undefined || file.flags & O.PATH) return -E.BADF;
  if (whence < SEEK.SET || whence > SEEK.HOLE) return -E.INVAL;
  if (!file.seekable) return -E.SPIPE;
  const to = file.seek(offset, whence);
  return task.abi === Abi.I386 && to > 0x7fff_ffff ? -E.OVERFLOW : to;
}

/** _llseek(2) of i386: the new position goes to `result`. */
function llseek(task: Task, fd: number, high: number, low: number, result: number, whence: number): number {
  const file = task.files.get(fd);
  if (file === undefined || file.flags & O.PATH) return -E.BADF;
  if (whence < SEEK.SET || whence > SEEK.HOLE) return -E.INVAL;
  if (!file.seekable) return -E.SPIPE;
  const to = file.seek((high | 0) * 0x1_0000_0000 + low, whence);
  if (to < 0) return to;
  return task.mm.putU64(result, to) ? 0 : -E.FAULT;
}

const COPY_CHUNK = 1 << 18;

/** Moves up to `count` bytes between two files through a buffer; positions < 0 are the files' own. */
function copyBytes(from: OpenFile, fromAt: number, to: OpenFile, toAt: number, count: number): number {
  const buffer = new Uint8Array(Math.min(count, COPY_CHUNK));
  let done = 0;
  while (done < count) {
    const want = Math.min(buffer.length, count - done);
    const got = fromAt < 0 ? from.read(buffer, 0, want) : from.pread(buffer, 0, want, fromAt + done);
    if (got <= 0) return done > 0 ? done : got;
    const wrote = toAt < 0 ? to.write(buffer, 0, got) : to.pwrite(buffer, 0, got, toAt + done);
    if (wrote < got) {
      // What was read but not taken is read again.
      if (fromAt < 0) from.seek(Math.max(wrote, 0) - got, SEEK.CUR);
      if (wrote < 0) return done > 0 ? done : wrote;
    }
    done += wrote;
    if (wrote < got || got < want) break;
  }
  return done;
}

/** sendfile(2). `offset` is the address of a position to read at and to move on, or 0. */
function sendfile(task: Task, outFd: number, inFd: number, offset: number, count: number): number {
  const from = task.files.get(inFd), to = task.files.get(outFd);
  if (from === undefined || to === undefined || !from.canRead || !to.canWrite) return -E.BADF;
  if (!from.seekable || from.inode === null || from.inode.type === S.IFDIR) return -E.INVAL;
  if (to.flags & O.APPEND) return -E.INVAL;
  let at = OWN_POSITION;
  const wide = task.abi === Abi.X64;
  if (offset !== 0) {
    at = wide ? task.mm.getU64(offset) : task.mm.getU32(offset);
    if (at < 0 || (wide ? !task.mm.writable(offset, 8) : !task.mm.writable(offset, 4))) return -E.FAULT;
    if (at >= (wide ? 2 ** 63 : 2 ** 31)) return -E.INVAL;
  }
  return sendBytes(task, from, to, at, offset, wide, Math.min(count, MAX_RW_COUNT));
}

/** sendfile64(2) of i386: a 64-bit position. */
function sendfile64(task: Task, outFd: number, inFd: number, offset: number, count: number): number {
  const from = task.files.get(inFd), to = task.files.get(outFd);
  if (from === undefined || to === undefined || !from.canRead || !to.canWrite) return -E.BADF;
  if (!from.seekable || to.flags & O.APPEND) return -E.INVAL;
  let at = OWN_POSITION;
  if (offset !== 0 && ((at = task.mm.getU64(offset)) < 0 || !task.mm.writable(offset, 8))) return -E.FAULT;
  if (at >= 2 ** 63) return -E.INVAL;
  return sendBytes(task, from, to, at, offset, true, Math.min(count, MAX_RW_COUNT));
}

function sendBytes(
  task: Task, from: OpenFile, to: OpenFile, at: number, offset: number, wide: boolean, count: number,
): number {
  const done = copyBytes(from, at, to, OWN_POSITION, count);
  if (done === -E.PIPE && !to.messages) raise(task, SIG.PIPE);
  if (done === -E.AGAIN && !(to.flags & O.NONBLOCK)) {
    return waitReady(task, to, POLL.OUT, (parked) => sendBytes(parked, from, to, at, offset, wide, count));
  }
  if (done > 0 && offset !== 0) {
    if (wide) task.mm.putU64(offset, at + done);
    else task.mm.putU32(offset, at + done);
  }
  return done;
}

/** copy_file_range(2). */
function copyFileRange(
  task: Task, inFd: number, inOffset: number, outFd: number, outOffset: number, count: number,
): number {
  const from = task.files.get(inFd), to = task.files.get(outFd);
  if (from === undefined || to === undefined) return -E.BADF;
  const source = from.inode, target = to.inode;
  if (source === null || target === null) return -E.INVAL;
  if (source.type === S.IFDIR || target.type === S.IFDIR) return -E.ISDIR;
  if (source.type !== S.IFREG || target.type !== S.IFREG) return -E.INVAL;
  if (!from.canRead || !to.canWrite || to.flags & O.APPEND) return -E.BADF;
  const fromAt = inOffset === 0 ? from.seek(0, SEEK.CUR) : task.mm.getU64(inOffset);
  const toAt = outOffset === 0 ? to.seek(0, SEEK.CUR) : task.mm.getU64(outOffset);
  if (fromAt < 0 || toAt < 0) return -E.FAULT;
  const length = Math.min(count, MAX_RW_COUNT);
  if (source.identity === target.identity && fromAt < toAt + length && toAt < fromAt + length) return -E.INVAL;
  const done = copyBytes(from, fromAt, to, toAt, length);
  if (done <= 0) return done;
  if (inOffset === 0) from.seek(done, SEEK.CUR);
  else if (!task.mm.putU64(inOffset, fromAt + done)) return -E.FAULT;
  if (outOffset === 0) to.seek(done, SEEK.CUR);
  else if (!task.mm.putU64(outOffset, toAt + done)) return -E.FAULT;
  return done;
}

const whence = oneOf('SEEK_', SEEK);
const rwFlags = flags('RWF_', RWF);
const ioNote = 'RWF_NOWAIT and RWF_HIPRI are accepted and have no effect';

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
  call('preadv2', 327, 378, [fd, iovec(2, true), int, splitOff, rwFlags], preadv2, 'partial', ioNote),
  call('pwritev2', 328, 379, [fd, iovec(2, false), int, splitOff, rwFlags], pwritev2, 'partial', ioNote),
  call('sendfile', 40, 187, [fd, fd, ptr, size], sendfile),
  call('sendfile64', -1, 239, [fd, fd, ptr, size], sendfile64),
  call('copy_file_range', 326, 377, [fd, ptr, fd, ptr, size, uint], copyFileRange),
];
