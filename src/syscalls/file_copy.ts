/** From file to file: sendfile(2), copy_file_range(2). */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { O, POLL, S } from '../abi/fcntl.js';
import { IN, MAX_RW_COUNT, SEEK } from '../abi/file.js';
import { RLIMIT } from '../abi/resource.js';
import { SIG } from '../abi/signal.js';
import type { Task } from '../kernel/task.js';
import { waitReadyOf } from '../kernel/wait_ready.js';
import { Stat } from '../vfs/inode.js';
import type { OpenFile } from '../vfs/open_file.js';
import { OWN_POSITION, raise, told, withinFileLimit, written } from './transfer.js';
import { call, fd, ptr, size, uint, type Row } from './types.js';

const COPY_CHUNK = 1 << 18;

/**
 * Moves up to `count` bytes between two files through a buffer; positions < 0 are the files' own. RLIMIT_FSIZE bounds
 * what a regular file takes.
 */
function copyBytes(
  task: Task, from: OpenFile, fromAt: number, to: OpenFile, toAt: number, wanted: number,
): number {
  const count = task.process.limits.soft[RLIMIT.FSIZE] === Infinity ? wanted : withinFileLimit(task, to, wanted, toAt);
  if (count < 0) return count;
  const buffer = new Uint8Array(Math.min(count, COPY_CHUNK));
  let done = 0;
  while (done < count) {
    const want = Math.min(buffer.length, count - done);
    const got = fromAt < 0 ? from.read(buffer, 0, want) : from.pread(buffer, 0, want, fromAt + done);
    if (got <= 0) {
      if (done === 0) return got;
      break;
    }
    const wrote = toAt < 0 ? to.write(buffer, 0, got) : to.pwrite(buffer, 0, got, toAt + done);
    if (wrote < got) {
      // What was read but not taken is read again.
      if (fromAt < 0) from.seek(Math.max(wrote, 0) - got, SEEK.CUR);
      if (wrote < 0) {
        if (done === 0) return wrote;
        break;
      }
    }
    done += wrote;
    if (wrote < got) break;
  }
  told(from, IN.ACCESS, done);
  return written(task, to, done);
}

/** sendfile(2). `offset` is the address of a position to read at and to move on, or 0. */
function sendfile(task: Task, outFd: number, inFd: number, offset: number, count: number): number {
  const from = task.files.get(inFd), to = task.files.get(outFd);
  if (from === undefined || to === undefined || !from.canRead || !to.canWrite) return -E.BADF;
  if (offset !== 0 && !from.seekable) return -E.SPIPE;
  if (count >= 2 ** 63 || !from.seekable || from.inode === null || from.inode.type === S.IFDIR) return -E.INVAL;
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
  const done = copyBytes(task, from, at, to, OWN_POSITION, count);
  if (done === -E.PIPE && !to.messages) raise(task, SIG.PIPE);
  if (done === -E.AGAIN && !(to.flags & O.NONBLOCK)) {
    return waitReadyOf(task, to, from, POLL.OUT, (parked) => sendBytes(parked, from, to, at, offset, wide, count));
  }
  if (done > 0 && offset !== 0) {
    if (wide) task.mm.putU64(offset, at + done);
    else task.mm.putU32(offset, at + done);
  }
  return done;
}

/** copy_file_range(2). The offsets are addresses of positions, or 0 for the files' own. */
function copyFileRange(
  task: Task, inFd: number, inOffset: number, outFd: number, outOffset: number, count: number, flags: number,
): number {
  const from = task.files.get(inFd), to = task.files.get(outFd);
  if (from === undefined || to === undefined || (from.flags | to.flags) & O.PATH) return -E.BADF;
  const given = inOffset === 0 ? 0 : task.mm.getU64(inOffset), wanted = outOffset === 0 ? 0 : task.mm.getU64(outOffset);
  if (given < 0 || wanted < 0) return -E.FAULT;
  if (flags !== 0) return -E.INVAL;
  const source = from.inode, target = to.inode;
  if (source === null || target === null) return -E.INVAL;
  if (source.type === S.IFDIR || target.type === S.IFDIR) return -E.ISDIR;
  if (source.type !== S.IFREG || target.type !== S.IFREG) return -E.INVAL;
  if (!from.canRead || !to.canWrite || to.flags & O.APPEND) return -E.BADF;
  if (from.location!.mount.fs !== to.location!.mount.fs) return -E.XDEV;
  const fromAt = inOffset === 0 ? from.seek(0, SEEK.CUR) : given;
  const toAt = outOffset === 0 ? to.seek(0, SEEK.CUR) : wanted;
  if (fromAt + count >= 2 ** 64 || toAt + count >= 2 ** 64) return -E.OVERFLOW;
  // Negative ones, as numbers without a sign; the largest that is none has become 2^63.
  if (fromAt > 2 ** 63 || toAt > 2 ** 63) return -E.INVAL;
  if (toAt === 2 ** 63) return -E.FBIG;
  const size = new Stat();
  const failed = from.stat(size);
  if (failed < 0) return failed;
  const length = Math.min(count, MAX_RW_COUNT, Math.max(0, size.size - fromAt));
  if (source.identity === target.identity && fromAt < toAt + length && toAt < fromAt + length) return -E.INVAL;
  const done = copyBytes(task, from, fromAt, to, toAt, length);
  if (done <= 0) return done;
  if (inOffset === 0) from.seek(done, SEEK.CUR);
  else if (!task.mm.putU64(inOffset, fromAt + done)) return -E.FAULT;
  if (outOffset === 0) to.seek(done, SEEK.CUR);
  else if (!task.mm.putU64(outOffset, toAt + done)) return -E.FAULT;
  return done;
}

export const fileCopyRows: readonly Row[] = [
  call('sendfile', 40, 187, [fd, fd, ptr, size], sendfile),
  call('sendfile64', -1, 239, [fd, fd, ptr, size], sendfile64),
  call('copy_file_range', 326, 377, [fd, ptr, fd, ptr, size, uint], copyFileRange),
];
