/** Sizes and storage of files: truncate(2), fallocate(2), fsync(2), posix_fadvise(2). */
import { E } from '../abi/errno.js';
import { AT, O, S } from '../abi/fcntl.js';
import { IN } from '../abi/file.js';
import { RLIMIT } from '../abi/resource.js';
import { PipeFile } from '../kernel/pipe.js';
import { native } from '../host/native.js';
import type { Task } from '../kernel/task.js';
import { Wake } from '../kernel/wait_queue.js';
import { parkOn } from '../kernel/wait_ready.js';
import * as attributes from '../vfs/attributes.js';
import { Stat } from '../vfs/inode.js';
import { notifyPlace } from '../vfs/notify.js';
import type { OpenFile } from '../vfs/open_file.js';
import { dropPrivileges } from '../vfs/privileges.js';
import { wroteThrough } from '../vfs/write_through.js';
import { locate } from './path_argument.js';
import { tooLarge } from './transfer.js';
import { call, fd, int, long, off, path, size, uint, type Row } from './types.js';

/** truncate(2), truncate64(2). */
function truncate(task: Task, path: number, length: number): number {
  if (length < 0) return -E.INVAL;
  const place = locate(task, AT.FDCWD, path, 0);
  if (typeof place === 'number') return place;
  if (place.inode.type === S.IFREG && exceeds(task, place.inode, length)) return -E.FBIG;
  return attributes.truncate(task.fs, place, length);
}

/** ftruncate(2), ftruncate64(2). */
function ftruncate(task: Task, fd: number, length: number): number {
  if (length < 0) return -E.INVAL;
  const file = task.files.get(fd);
  if (file === undefined || file.flags & O.PATH) return -E.BADF;
  if (!file.canWrite || file.inode === null || file.inode.type !== S.IFREG) return -E.INVAL;
  if (exceeds(task, file, length)) return -E.FBIG;
  const result = file.truncate(length);
  if (result >= 0 && file.location !== null) {
    notifyPlace(file.location, IN.MODIFY);
    wroteThrough(file);
    dropPrivileges(task.fs.cred, file.location.inode);
  }
  return result;
}

/** RLIMIT_FSIZE forbids that the file grows to `length`. */
function exceeds(task: Task, file: { stat(out: Stat): number }, length: number): boolean {
  if (task.process.limits.soft[RLIMIT.FSIZE] === Infinity) return false;
  const stat = new Stat();
  return file.stat(stat) >= 0 && tooLarge(task, stat.size, length);
}

const FALLOC_KEEP_SIZE = 1, FALLOC_PUNCH_HOLE = 2;
const FALLOC_ALL = 0x7b;

/** fallocate(2). */
function fallocate(task: Task, fd: number, mode: number, offset: number, length: number): number {
  const file = task.files.get(fd);
  if (file === undefined || file.flags & O.PATH) return -E.BADF;
  return allocate(task, file, mode, offset, length);
}

/** fallocate(2) of a description. */
export function allocate(task: Task, file: OpenFile, mode: number, offset: number, length: number): number {
  if (offset < 0 || length <= 0) return -E.INVAL;
  if (mode & ~FALLOC_ALL) return -E.OPNOTSUPP;
  if (mode & FALLOC_PUNCH_HOLE && !(mode & FALLOC_KEEP_SIZE)) return -E.OPNOTSUPP;
  if (!file.canWrite) return -E.BADF;
  if (file instanceof PipeFile) return -E.SPIPE;
  const type = file.inode === null ? 0 : file.inode.type;
  if (type === S.IFDIR) return -E.ISDIR;
  if (type !== S.IFREG) return -E.NODEV;
  if (!(mode & FALLOC_PUNCH_HOLE) && exceeds(task, file, offset + length)) return -E.FBIG;
  const step = file.allocationStep(mode, offset, length);
  if (step < 0) return step;
  return allocateRest(task, file, mode, offset, length, step);
}

/** What is left of a fallocate(2), a step at a time: others have their turn in between, and a signal ends it. */
function allocateRest(
  task: Task, file: OpenFile, mode: number, offset: number, length: number, step: number,
): number {
  if (length > step) {
    const failed = file.fallocate(mode | FALLOC_KEEP_SIZE, offset, step);
    if (failed < 0) return failed;
    return parkOn(task, file, (parked, wake) => (
      wake === Wake.Signal ? -E.INTR : allocateRest(parked, file, mode, offset + step, length - step, step)
    ), native.monotonicNow());
  }
  const result = file.fallocate(mode, offset, length);
  if (result >= 0 && file.location !== null) {
    notifyPlace(file.location, IN.MODIFY);
    wroteThrough(file);
    dropPrivileges(task.fs.cred, file.location.inode);
  }
  return result;
}

/** posix_fadvise(2): nothing here reads ahead or keeps pages, so good advice changes nothing. */
function fadvise64(task: Task, fd: number, _offset: number, length: number, advice: number): number {
  const file = task.files.get(fd);
  if (file === undefined || file.flags & O.PATH) return -E.BADF;
  if (file instanceof PipeFile) return -E.SPIPE;
  return length < 0 || length >= 2 ** 63 || advice < 0 || advice > 5 ? -E.INVAL : 0;
}

/** readahead(2). */
function readahead(task: Task, fd: number, _offset: number, length: number): number {
  const file = task.files.get(fd);
  if (file === undefined || !file.canRead) return -E.BADF;
  return file.inode === null || file.inode.type !== S.IFREG || length >= 2 ** 63 ? -E.INVAL : 0;
}

/** fsync(2). */
function fsync(task: Task, fd: number): number {
  const file = task.files.get(fd);
  return file === undefined || file.flags & O.PATH ? -E.BADF : file.sync(false);
}

/** fdatasync(2). */
function fdatasync(task: Task, fd: number): number {
  const file = task.files.get(fd);
  return file === undefined || file.flags & O.PATH ? -E.BADF : file.sync(true);
}

/** sync(2). */
function sync(task: Task): number {
  task.fs.vfs.sync();
  return 0;
}

/** syncfs(2). */
function syncfs(task: Task, fd: number): number {
  const file = task.files.get(fd);
  if (file === undefined || file.flags & O.PATH) return -E.BADF;
  return file.location === null ? 0 : file.location.mount.fs.sync();
}

/** sync_file_range(2). */
function syncFileRange(task: Task, fd: number, offset: number, length: number, flags: number): number {
  const file = task.files.get(fd);
  if (file === undefined || file.flags & O.PATH) return -E.BADF;
  if (flags & ~7 || offset < 0 || length < 0 || offset + length >= 2 ** 63) return -E.INVAL;
  const type = file.inode === null ? 0 : file.inode.type;
  if (type !== S.IFREG && type !== S.IFDIR && type !== S.IFBLK && type !== S.IFLNK) return -E.SPIPE;
  return file.sync(true);
}

const noCache = 'there is no page cache: checks its arguments';

export const fileDataRows: readonly Row[] = [
  call('truncate', 76, 92, [path, long], truncate),
  call('truncate64', -1, 193, [path, off], truncate),
  call('ftruncate', 77, 93, [fd, long], ftruncate),
  call('ftruncate64', -1, 194, [fd, off], ftruncate),
  call('fallocate', 285, 324, [fd, int, off, off], fallocate),
  call('fadvise64', 221, 250, [fd, off, size, int], fadvise64, 'full', noCache),
  call('fadvise64_64', -1, 272, [fd, off, off, int], fadvise64, 'full', noCache),
  call('readahead', 187, 225, [fd, off, size], readahead, 'full', noCache),
  call('fsync', 74, 118, [fd], fsync),
  call('fdatasync', 75, 148, [fd], fdatasync),
  call('sync', 162, 36, [], sync),
  call('syncfs', 306, 344, [fd], syncfs),
  call('sync_file_range', 277, 314, [fd, off, off, uint], syncFileRange),
];
