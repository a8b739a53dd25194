/** Bytes between files and the guest's memory: what all forms of read(2) and write(2) share. */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { O, POLL, S } from '../abi/fcntl.js';
import { IN, IOV_MAX, MAX_RW_COUNT, SEEK } from '../abi/file.js';
import { RLIMIT } from '../abi/resource.js';
import { SI, SIG } from '../abi/signal.js';
import { native } from '../host/native.js';
import { SigInfo } from '../kernel/pending_signals.js';
import { sendToTask } from '../kernel/signals.js';
import type { Task } from '../kernel/task.js';
import { Wake } from '../kernel/wait_queue.js';
import { parkOn, readyQueue, waitReady } from '../kernel/wait_ready.js';
import { notifyPlace, watched } from '../vfs/notify.js';
import type { OpenFile } from '../vfs/open_file.js';
import { dropPrivileges, privileges } from '../vfs/privileges.js';
import { wroteThrough } from '../vfs/write_through.js';

/** As a position: the file's own. */
export const OWN_POSITION = -1;
/** Where Linux's user addresses end (TASK_SIZE_MAX of x86-64). */
const USER_END = 0x7fff_ffff_f000;

/**
 * The file behind a descriptor, to read from at `position`. -EINVAL, -EBADF, -ESPIPE.
 * The checks are those of every form of read(2), in Linux's order.
 */
export function fileToRead(task: Task, fd: number, position: number): OpenFile | number {
  if (position < OWN_POSITION) return -E.INVAL;
  const file = task.files.get(fd);
  if (file === undefined || file.flags & O.PATH) return -E.BADF;
  if (position !== OWN_POSITION && !file.seekable) return -E.SPIPE;
  return file.canRead ? file : -E.BADF;
}

/** The file behind a descriptor, to write to at `position`. */
export function fileToWrite(task: Task, fd: number, position: number): OpenFile | number {
  if (position < OWN_POSITION) return -E.INVAL;
  const file = task.files.get(fd);
  if (file === undefined || file.flags & O.PATH) return -E.BADF;
  if (position !== OWN_POSITION && !file.seekable) return -E.SPIPE;
  return file.canWrite ? file : -E.BADF;
}

/** Reads up to `count` bytes to `address`; waits for a file that has none now. */
export function readInto(task: Task, file: OpenFile, address: number, count: number, position: number): number {
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
    if (length <= 0) return noBuffer(file, position);
  }
  const got = position < 0
    ? file.read(mm.window.u8, buf, length) : file.pread(mm.window.u8, buf, length, position);
  if (got !== -E.AGAIN || file.flags & O.NONBLOCK) return told(file, IN.ACCESS, got);
  return waitReady(task, file, POLL.IN, (parked) => readInto(parked, file, buf, count, position));
}

/** What a read gives whose buffer cannot be written: the file's own error comes first, and so does its end. */
function noBuffer(file: OpenFile, position: number): number {
  if (file.seekable && file.inode?.type === S.IFREG) {
    const at = position < 0 ? file.seek(0, SEEK.CUR) : position;
    const got = file.pread(new Uint8Array(1), 0, 1, at);
    return got <= 0 ? got : -E.FAULT;
  }
  const refused = file.read(new Uint8Array(0), 0, 0);
  return refused < 0 && refused !== -E.AGAIN ? refused : -E.FAULT;
}

/** Writes `count` bytes from `address`; with `wait`, streams that are full are waited for. */
export function writeFrom(
  task: Task, file: OpenFile, address: number, count: number, position: number, wait = true,
): number {
  if (position >= 2 ** 63) return -E.INVAL;
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
  return writeOn(task, file, buf, length, 0, wait);
}

/** Writes from `done` on; streams that are full are waited for until all is written, unless O.NONBLOCK is set. */
function writeOn(task: Task, file: OpenFile, buf: number, length: number, done: number, wait: boolean): number {
  for (;;) {
    if (done > 0 && !task.mm.readable(buf + done, length - done)) return done;
    const wrote = file.write(task.mm.window.u8, buf + done, length - done);
    if (wrote < 0) {
      if (wrote === -E.PIPE && !file.messages) raise(task, SIG.PIPE);
      if (wrote !== -E.AGAIN || !wait || file.flags & O.NONBLOCK) return done > 0 ? done : wrote;
      const so = done;
      return waitWritable(task, file, so, (parked) => writeOn(parked, file, buf, length, so, wait));
    }
    done += wrote;
    if (done >= length || wrote === 0 || !file.pollable) return written(task, file, done);
  }
}

/** Lets those who watch the file (inotify) know of a transfer; gives its count. */
export function told(file: OpenFile, event: number, count: number): number {
  if (count > 0 && watched() && file.location !== null) notifyPlace(file.location, event);
  return count;
}

/** After a write of `count` bytes: those who watch are told, and a privileged program is one no more. */
export function written(task: Task, file: OpenFile, count: number): number {
  const place = file.location;
  if (count > 0 && place !== null) {
    if (watched()) notifyPlace(place, IN.MODIFY);
    wroteThrough(file);
    if (file.unprivilegedAt !== privileges.given || place.inode.mode & (S.ISUID | S.ISGID)) {
      dropPrivileges(task.fs.cred, place.inode);
      file.unprivilegedAt = privileges.given;
    }
  }
  return count;
}

/** Parks a write of which `done` bytes are written until there may be room. */
function waitWritable(task: Task, file: OpenFile, done: number, retry: (task: Task) => number): number {
  const limit = file.waitLimit(POLL.OUT);
  readyQueue(task, file).add(task, POLL.OUT | POLL.ERR | POLL.HUP);
  return parkOn(task, file, (parked, wake) => {
    if (wake === Wake.Event) return retry(parked);
    if (done > 0) return done;
    return wake === Wake.Timeout ? -E.AGAIN : limit === Infinity ? -E.RESTARTSYS : -E.INTR;
  }, limit === Infinity ? Infinity : native.monotonicNow() + limit);
}

/** What the kernel itself sends for a failed write looks like the task's own signal. */
export function raise(task: Task, signal: number): void {
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

/** RLIMIT_FSIZE forbids a file that has `size` bytes to grow to `length`; the signal goes with it. */
export function tooLarge(task: Task, size: number, length: number): boolean {
  if (length <= size || length <= task.process.limits.soft[RLIMIT.FSIZE]!) return false;
  raise(task, SIG.XFSZ);
  return true;
}

/** RLIMIT_FSIZE: what of a write to a regular file is allowed, or -EFBIG with SIGXFSZ. */
export function withinFileLimit(task: Task, file: OpenFile, length: number, position: number): number {
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
      if (vector[i - 1]! + value > USER_END) return -E.FAULT;
      if (total + value > MAX_RW_COUNT) value = MAX_RW_COUNT - total;
      total += value;
    }
    vector.push(value);
  }
  return vector;
}

/**
 * Reads into an iovec array, one buffer after the other until one is not filled. position -1: the file's own. Without
 * `wait`, -EAGAIN for what would have to wait.
 */
export function readVector(
  task: Task, file: OpenFile, address: number, count: number, position: number, wait = true,
): number {
  const vector = fetchVector(task, address, count);
  if (typeof vector === 'number') return vector;
  if (file.messages) return readMessage(task, file, vector, wait);
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
      if (got !== -E.AGAIN || !wait || file.flags & O.NONBLOCK) return got;
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
function readMessage(task: Task, file: OpenFile, vector: readonly number[], wait: boolean): number {
  let total = 0;
  for (let i = 1; i < vector.length; i += 2) total += vector[i]!;
  const bytes = new Uint8Array(total);
  const got = file.read(bytes, 0, total);
  if (got === -E.AGAIN && wait && !(file.flags & O.NONBLOCK)) {
    return waitReady(task, file, POLL.IN, (parked) => readMessage(parked, file, vector, wait));
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
export function writeVector(
  task: Task, file: OpenFile, address: number, count: number, position: number, wait = true,
): number {
  const vector = fetchVector(task, address, count);
  if (typeof vector === 'number') return vector;
  let total = 0, single = -1;
  for (let i = 0; i < vector.length; i += 2) {
    if (vector[i + 1] === 0) continue;
    single = total === 0 ? i : -1;
    total += vector[i + 1]!;
  }
  if (total === 0) return 0;
  if (single >= 0) return writeFrom(task, file, vector[single]!, vector[single + 1]!, position, wait);
  const { mm } = task;
  if (total > GATHER_MAX) {
    if (file.messages) return -E.MSGSIZE;
    return file.pollable ? writeStream(task, file, vector, 0, 0, 0, wait)
      : writePieces(task, file, vector, position, wait);
  }
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
  return writeGathered(task, file, gathered, filled, 0, wait);
}

const GATHER_MAX = 1 << 20;

/** As writeOn, from bytes that were gathered from the guest. */
function writeGathered(
  task: Task, file: OpenFile, bytes: Uint8Array, length: number, done: number, wait: boolean,
): number {
  for (;;) {
    const wrote = file.write(bytes, done, length - done);
    if (wrote < 0) {
      if (wrote === -E.PIPE && !file.messages) raise(task, SIG.PIPE);
      if (wrote !== -E.AGAIN || !wait || file.flags & O.NONBLOCK) return done > 0 ? done : wrote;
      const so = done;
      return waitWritable(task, file, so, (parked) => writeGathered(parked, file, bytes, length, so, wait));
    }
    done += wrote;
    if (done >= length || wrote === 0 || !file.pollable) return written(task, file, done);
  }
}

/** A long vector to a stream: `done` bytes are written, the next is byte `within` of the buffer at `index`. */
function writeStream(
  task: Task, file: OpenFile, vector: number[], index: number, within: number, done: number, wait: boolean,
): number {
  while (index < vector.length) {
    const base = vector[index]! + within, rest = vector[index + 1]! - within;
    if (rest === 0) {
      index += 2;
      within = 0;
      continue;
    }
    const room = task.mm.readable(base, rest) ? rest : Math.min(rest, task.mm.readableBytes(base));
    if (room <= 0) return done > 0 ? done : -E.FAULT;
    const wrote = file.write(task.mm.window.u8, base, room);
    if (wrote < 0) {
      if (wrote === -E.PIPE) raise(task, SIG.PIPE);
      if (wrote !== -E.AGAIN || !wait || file.flags & O.NONBLOCK) return done > 0 ? done : wrote;
      const at = index, into = within, so = done;
      return waitWritable(task, file, so, (parked) => writeStream(parked, file, vector, at, into, so, wait));
    }
    if (wrote === 0) break;
    within += wrote;
    done += wrote;
  }
  return written(task, file, done);
}

function writePieces(task: Task, file: OpenFile, vector: number[], position: number, wait: boolean): number {
  let done = 0;
  for (let i = 0; i < vector.length; i += 2) {
    const length = vector[i + 1]!;
    if (length === 0) continue;
    const wrote = writeFrom(task, file, vector[i]!, length, position < 0 ? position : position + done, wait);
    if (wrote < 0) return done > 0 ? done : wrote;
    done += wrote;
    if (wrote < length) break;
  }
  return done;
}

