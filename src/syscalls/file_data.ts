/** Sizes and storage of files: truncate(2), fallocate(2), fsync(2), posix_fadvise(2); and ioctl(2). */
import { E } from '../abi/errno.js';
import { AT, O, S } from '../abi/fcntl.js';
import { IN, SEEK } from '../abi/file.js';
import { RLIMIT } from '../abi/resource.js';
import { asyncOwner, canSignal, getAsyncOwner, setAsyncOwner } from '../kernel/async_io.js';
import { Socket } from '../kernel/net/socket.js';
import { PipeFile } from '../kernel/pipe.js';
import type { Task } from '../kernel/task.js';
import * as attributes from '../vfs/attributes.js';
import { Stat } from '../vfs/inode.js';
import { notifyPlace } from '../vfs/notify.js';
import type { OpenFile } from '../vfs/open_file.js';
import { dropPrivileges } from '../vfs/privileges.js';
import { wroteThrough } from '../vfs/write_through.js';
import { locate } from './path_argument.js';
import { tooLarge } from './transfer.js';
import { call, fd, int, long, off, path, ptr, size, uint, type Row } from './types.js';

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
  if (offset < 0 || length <= 0) return -E.INVAL;
  if (mode & ~FALLOC_ALL) return -E.OPNOTSUPP;
  if (mode & FALLOC_PUNCH_HOLE && !(mode & FALLOC_KEEP_SIZE)) return -E.OPNOTSUPP;
  if (!file.canWrite) return -E.BADF;
  if (file instanceof PipeFile) return -E.SPIPE;
  const type = file.inode === null ? 0 : file.inode.type;
  if (type === S.IFDIR) return -E.ISDIR;
  if (type !== S.IFREG) return -E.NODEV;
  if (!(mode & FALLOC_PUNCH_HOLE) && exceeds(task, file, offset + length)) return -E.FBIG;
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
  if (file.inode === null || file.inode.type === S.IFIFO) return -E.SPIPE;
  return length < 0 || length >= 2 ** 63 || advice < 0 || advice > 5 ? -E.INVAL : 0;
}

/** readahead(2). */
function readahead(task: Task, fd: number): number {
  const file = task.files.get(fd);
  if (file === undefined || !file.canRead) return -E.BADF;
  return file.inode === null || file.inode.type !== S.IFREG ? -E.INVAL : 0;
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
  if (flags & ~7 || offset < 0 || length < 0 || offset + length >= 2 ** 63) return -E.INVAL;
  const file = task.files.get(fd);
  if (file === undefined || file.flags & O.PATH) return -E.BADF;
  if (file.inode === null || file.inode.type === S.IFIFO) return -E.SPIPE;
  return file.sync(true);
}

const FIONCLEX = 0x5450, FIOCLEX = 0x5451, FIONBIO = 0x5421, FIOASYNC = 0x5452, FIONREAD = 0x541b, FIOQSIZE = 0x5460;
const FS_IOC = { GETFLAGS: 0x80086601, SETFLAGS: 0x40086602, GETVERSION: 0x80087601 } as const;
const FIOSETOWN = 0x8901, SIOCSPGRP = 0x8902, FIOGETOWN = 0x8903, SIOCGPGRP = 0x8904;

/** ioctl_iflags(2), and the inode's generation. -ENOTTY: the file's own ioctl may know more. */
function inodeFlags(task: Task, file: OpenFile, request: number, arg: number): number {
  const { inode, location } = file;
  if (inode === null || location === null || (inode.type !== S.IFREG && inode.type !== S.IFDIR)) return -E.NOTTY;
  const value = request === FS_IOC.GETVERSION ? inode.generation() : inode.inodeFlags();
  if (value < 0) return value;
  if (request !== FS_IOC.SETFLAGS) return task.mm.putU32(arg, value) ? 0 : -E.FAULT;
  const wanted = task.mm.getU32(arg);
  return wanted < 0 ? wanted : attributes.setInodeFlags(task.fs, location, wanted);
}

/** ioctl(2): what all files know; the rest is the file's own. */
function ioctl(task: Task, fd: number, request: number, arg: number): number {
  const file = task.files.get(fd);
  if (file === undefined || file.flags & O.PATH) return -E.BADF;
  switch (request) {
    case FIOCLEX:
      task.files.setCloexec(fd, true);
      return 0;
    case FIONCLEX:
      task.files.setCloexec(fd, false);
      return 0;
    case FIONBIO:
    case FIOASYNC: {
      const on = task.mm.getU32(arg);
      if (on < 0) return on;
      if (request === FIONBIO) {
        file.flags = on === 0 ? file.flags & ~O.NONBLOCK : file.flags | O.NONBLOCK;
        file.flagsChanged();
        return 0;
      }
      if (!canSignal(file)) return on === 0 ? 0 : -E.NOTTY;
      asyncOwner(task, file).enable(task, fd, on !== 0);
      return 0;
    }
    case FIOSETOWN:
    case SIOCSPGRP:
      if (!(file instanceof Socket)) break;
      return task.mm.readable(arg, 4) ? setAsyncOwner(task, file, task.mm.getU32(arg)) : -E.FAULT;
    case FIOGETOWN:
    case SIOCGPGRP:
      if (!(file instanceof Socket)) break;
      return task.mm.putU32(arg, getAsyncOwner(file)) ? 0 : -E.FAULT;
    case FIONREAD:
      if (file.inode !== null && file.inode.type === S.IFREG) {
        const stat = new Stat();
        const failed = file.stat(stat);
        if (failed < 0) return failed;
        return task.mm.putU32(arg, stat.size - file.seek(0, SEEK.CUR)) ? 0 : -E.FAULT;
      }
      break;
    case FS_IOC.GETFLAGS:
    case FS_IOC.SETFLAGS:
    case FS_IOC.GETVERSION: {
      const result = inodeFlags(task, file, request, arg);
      if (result !== -E.NOTTY) return result;
      break;
    }
    case FIOQSIZE:
      if (file.inode !== null && (file.inode.type === S.IFREG || file.inode.type === S.IFDIR)) {
        const stat = new Stat();
        const failed = file.stat(stat);
        if (failed < 0) return failed;
        return task.mm.putU64(arg, stat.size) ? 0 : -E.FAULT;
      }
      break;
  }
  return file.ioctl(request, arg, task.mm, task.files);
}

const ioctlNote = 'terminals, block and loop devices, flags of inodes, FIONREAD, FIONBIO, FIOASYNC, FIOCLEX';
const noCache = 'there is no page cache: checks its arguments';

export const fileDataRows: readonly Row[] = [
  call('ioctl', 16, 54, [fd, uint, ptr], ioctl, 'partial', ioctlNote),
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
