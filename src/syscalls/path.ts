/** Calls that make, remove, move and change names: mkdir(2), rename(2), link(2), chmod(2), utimensat(2) … */
import { E } from '../abi/errno.js';
import { AT, O, S } from '../abi/fcntl.js';
import { UTIME_NOW, UTIME_OMIT } from '../abi/file.js';
import { Abi } from '../abi/abi.js';
import { placeOfFile } from '../kernel/nameless.js';
import type { Task } from '../kernel/task.js';
import * as attributes from '../vfs/attributes.js';
import { CAP, capable } from '../vfs/credentials.js';
import { RENAME } from '../vfs/inode.js';
import type { Location } from '../vfs/mount.js';
import * as names from '../vfs/names.js';
import { readlink as readLinkAt } from '../vfs/vfs.js';
import { fetchPath, locate, startOf } from './path_argument.js';
import { call, dirfd, fd, flags, int, mode, outBuffer, path, ptr, size, uint, type Row } from './types.js';

/** mkdirat(2). */
function mkdirat(task: Task, dirfd: number, pathPtr: number, mode: number): number {
  const path = fetchPath(task, pathPtr);
  if (typeof path === 'number') return path;
  const start = startOf(task, dirfd, path);
  return typeof start === 'number' ? start : names.mkdir(task.fs, start, path, mode);
}
/** mkdir(2). */
function mkdir(task: Task, path: number, mode: number): number {
  return mkdirat(task, AT.FDCWD, path, mode);
}

/** mknodat(2). */
function mknodat(task: Task, dirfd: number, pathPtr: number, mode: number, dev: number): number {
  const path = fetchPath(task, pathPtr);
  if (typeof path === 'number') return path;
  const start = startOf(task, dirfd, path);
  return typeof start === 'number' ? start : names.mknod(task.fs, start, path, mode, dev);
}
/** mknod(2). */
function mknod(task: Task, path: number, mode: number, dev: number): number {
  return mknodat(task, AT.FDCWD, path, mode, dev);
}

/** unlinkat(2). */
function unlinkat(task: Task, dirfd: number, pathPtr: number, flags: number): number {
  if (flags & ~AT.REMOVEDIR) return -E.INVAL;
  const path = fetchPath(task, pathPtr);
  if (typeof path === 'number') return path;
  const start = startOf(task, dirfd, path);
  if (typeof start === 'number') return start;
  return flags & AT.REMOVEDIR ? names.rmdir(task.fs, start, path) : names.unlink(task.fs, start, path);
}
/** unlink(2). */
function unlink(task: Task, path: number): number {
  return unlinkat(task, AT.FDCWD, path, 0);
}
/** rmdir(2). */
function rmdir(task: Task, path: number): number {
  return unlinkat(task, AT.FDCWD, path, AT.REMOVEDIR);
}

/** renameat2(2). */
function renameat2(task: Task, oldFd: number, oldPtr: number, newFd: number, newPtr: number, flags: number): number {
  const oldPath = fetchPath(task, oldPtr);
  if (typeof oldPath === 'number') return oldPath;
  const newPath = fetchPath(task, newPtr);
  if (typeof newPath === 'number') return newPath;
  if (flags & ~(RENAME.NOREPLACE | RENAME.EXCHANGE | RENAME.WHITEOUT)) return -E.INVAL;
  const oldStart = startOf(task, oldFd, oldPath);
  if (typeof oldStart === 'number') return oldStart;
  const newStart = startOf(task, newFd, newPath);
  if (typeof newStart === 'number') return newStart;
  return names.rename(task.fs, oldStart, oldPath, newStart, newPath, flags);
}
/** renameat(2). */
function renameat(task: Task, oldFd: number, oldPath: number, newFd: number, newPath: number): number {
  return renameat2(task, oldFd, oldPath, newFd, newPath, 0);
}
/** rename(2). */
function rename(task: Task, oldPath: number, newPath: number): number {
  return renameat2(task, AT.FDCWD, oldPath, AT.FDCWD, newPath, 0);
}

/** linkat(2). */
function linkat(task: Task, oldFd: number, oldPtr: number, newFd: number, newPtr: number, flags: number): number {
  if (flags & ~(AT.SYMLINK_FOLLOW | AT.EMPTY_PATH)) return -E.INVAL;
  if (flags & AT.EMPTY_PATH && !capable(task.fs.cred, CAP.DAC_READ_SEARCH)) return -E.NOENT;
  const follow = flags & AT.SYMLINK_FOLLOW ? 0 : AT.SYMLINK_NOFOLLOW;
  const source = locate(task, oldFd, oldPtr, (flags & AT.EMPTY_PATH) | follow);
  if (typeof source === 'number') return source;
  const path = fetchPath(task, newPtr);
  if (typeof path === 'number') return path;
  const start = startOf(task, newFd, path);
  return typeof start === 'number' ? start : names.link(task.fs, source, start, path);
}
/** link(2). */
function link(task: Task, oldPath: number, newPath: number): number {
  return linkat(task, AT.FDCWD, oldPath, AT.FDCWD, newPath, 0);
}

/** symlinkat(2). */
function symlinkat(task: Task, targetPtr: number, dirfd: number, pathPtr: number): number {
  const target = fetchPath(task, targetPtr);
  if (typeof target === 'number') return target;
  const path = fetchPath(task, pathPtr);
  if (typeof path === 'number') return path;
  if (target === '') return -E.NOENT;
  const start = startOf(task, dirfd, path);
  return typeof start === 'number' ? start : names.symlink(task.fs, target, start, path);
}
/** symlink(2). */
function symlink(task: Task, target: number, path: number): number {
  return symlinkat(task, target, AT.FDCWD, path);
}

/** readlinkat(2): as much of the target as fits, without a NUL. */
function readlinkat(task: Task, dirfd: number, pathPtr: number, buf: number, length: number): number {
  if (length <= 0) return -E.INVAL;
  const path = fetchPath(task, pathPtr);
  if (typeof path === 'number') return path;
  let target: string | number;
  if (path === '') {
    const inode = dirfd === AT.FDCWD ? undefined : task.files.get(dirfd)?.inode;
    if (dirfd !== AT.FDCWD && inode === undefined) return -E.BADF;
    if (inode === undefined || inode === null || inode.type !== S.IFLNK) return -E.NOENT;
    target = inode.readlink();
  } else {
    const start = startOf(task, dirfd, path);
    if (typeof start === 'number') return start;
    target = readLinkAt(task.fs, start, path);
  }
  if (typeof target === 'number') return target;
  const bytes = Buffer.from(target.length > length ? target.substring(0, length) : target, 'latin1');
  return task.mm.putBytes(buf, bytes) ? bytes.length : -E.FAULT;
}
/** readlink(2). */
function readlink(task: Task, path: number, buf: number, length: number): number {
  return readlinkat(task, AT.FDCWD, path, buf, length);
}

/** The place behind a descriptor, for the f… calls. */
function placeOf(task: Task, fd: number): Location | number {
  const file = task.files.get(fd);
  return file === undefined || file.flags & O.PATH ? -E.BADF : placeOfFile(file);
}

/** fchmodat2(2). */
function fchmodat2(task: Task, dirfd: number, path: number, mode: number, flags: number): number {
  if (flags & ~(AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH)) return -E.INVAL;
  const place = locate(task, dirfd, path, flags);
  return typeof place === 'number' ? place : attributes.chmod(task.fs, place, mode);
}
/** fchmodat(2), whose system call has no flags. */
function fchmodat(task: Task, dirfd: number, path: number, mode: number): number {
  return fchmodat2(task, dirfd, path, mode, 0);
}
/** chmod(2). */
function chmod(task: Task, path: number, mode: number): number {
  return fchmodat2(task, AT.FDCWD, path, mode, 0);
}
/** fchmod(2). */
function fchmod(task: Task, fd: number, mode: number): number {
  const place = placeOf(task, fd);
  return typeof place === 'number' ? place : attributes.chmod(task.fs, place, mode);
}

/** fchownat(2). */
function fchownat(task: Task, dirfd: number, path: number, uid: number, gid: number, flags: number): number {
  if (flags & ~(AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH)) return -E.INVAL;
  const place = locate(task, dirfd, path, flags);
  return typeof place === 'number' ? place : attributes.chown(task.fs, place, ownerId(uid), ownerId(gid));
}
/** chown(2). */
function chown(task: Task, path: number, uid: number, gid: number): number {
  return fchownat(task, AT.FDCWD, path, uid, gid, 0);
}
/** lchown(2). */
function lchown(task: Task, path: number, uid: number, gid: number): number {
  return fchownat(task, AT.FDCWD, path, uid, gid, AT.SYMLINK_NOFOLLOW);
}
/** fchown(2). */
function fchown(task: Task, fd: number, uid: number, gid: number): number {
  const place = placeOf(task, fd);
  return typeof place === 'number' ? place : attributes.chown(task.fs, place, ownerId(uid), ownerId(gid));
}
/** The 16-bit forms of i386. */
function chown16(task: Task, path: number, uid: number, gid: number): number {
  return fchownat(task, AT.FDCWD, path, wideId(uid), wideId(gid), 0);
}
function lchown16(task: Task, path: number, uid: number, gid: number): number {
  return fchownat(task, AT.FDCWD, path, wideId(uid), wideId(gid), AT.SYMLINK_NOFOLLOW);
}
function fchown16(task: Task, fd: number, uid: number, gid: number): number {
  return fchown(task, fd, wideId(uid), wideId(gid));
}
/** An id as an unsigned number, or -1 to leave it. */
function ownerId(id: number): number {
  return id === -1 || id === 0xffff_ffff ? -1 : id >>> 0;
}
function wideId(id: number): number {
  return (id & 0xffff) === 0xffff ? -1 : id & 0xffff;
}

/** Access and modification time as [seconds, nanoseconds, seconds, nanoseconds]. */
type Times = [number, number, number, number];
const bothNow: Times = [0, UTIME_NOW, 0, UTIME_NOW];

/** Four signed words (of 8 or 4 bytes) from the guest. */
function fetchWords(task: Task, address: number, wide: boolean): Times | number {
  const word = wide ? 8 : 4;
  if (!task.mm.readable(address, 4 * word)) return -E.FAULT;
  const { view } = task.mm.window;
  const get = (n: number) => {
    const at = address + n * word;
    return wide ? view.getInt32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true) : view.getInt32(at, true);
  };
  return [get(0), get(1), get(2), get(3)];
}

function fetchTimespecs(task: Task, address: number, wide: boolean): Times | number {
  if (address === 0) return bothNow;
  return fetchWords(task, address, wide);
}

function fetchTimevals(task: Task, address: number): Times | number {
  if (address === 0) return bothNow;
  const times = fetchWords(task, address, task.abi === Abi.X64);
  if (typeof times === 'number') return times;
  if (times[1] < 0 || times[1] > 999_999 || times[3] < 0 || times[3] > 999_999) return -E.INVAL;
  return [times[0], times[1] * 1000, times[2], times[3] * 1000];
}

/** Sets the times of (dirfd, path), or of dirfd itself when the path is NULL. */
function setTimes(task: Task, dirfd: number, path: number, times: Times | number, flags: number): number {
  if (typeof times === 'number') return times;
  if (times[1] === UTIME_OMIT && times[3] === UTIME_OMIT) return 0;
  let place: Location | number;
  if (path === 0 && dirfd !== AT.FDCWD) {
    if (flags !== 0) return -E.INVAL;
    place = placeOf(task, dirfd);
  } else {
    place = locate(task, dirfd, path, flags);
  }
  if (typeof place === 'number') return place;
  return attributes.utimens(task.fs, place, times[0], times[1], times[2], times[3]);
}

/** utimensat(2). */
function utimensat(task: Task, dirfd: number, path: number, times: number, flags: number): number {
  if (flags & ~(AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH)) return -E.INVAL;
  return setTimes(task, dirfd, path, fetchTimespecs(task, times, task.abi === Abi.X64), flags);
}
/** utimensat_time64(2) of i386. */
function utimensat64(task: Task, dirfd: number, path: number, times: number, flags: number): number {
  if (flags & ~(AT.SYMLINK_NOFOLLOW | AT.EMPTY_PATH)) return -E.INVAL;
  return setTimes(task, dirfd, path, fetchTimespecs(task, times, true), flags);
}
/** futimesat(2). */
function futimesat(task: Task, dirfd: number, path: number, times: number): number {
  return setTimes(task, dirfd, path, fetchTimevals(task, times), 0);
}
/** utimes(2). */
function utimes(task: Task, path: number, times: number): number {
  return setTimes(task, AT.FDCWD, path, fetchTimevals(task, times), 0);
}
/** utime(2): struct utimbuf has two words of seconds. */
function utime(task: Task, path: number, times: number): number {
  if (times === 0) return setTimes(task, AT.FDCWD, path, bothNow, 0);
  const wide = task.abi === Abi.X64;
  if (!task.mm.readable(times, wide ? 16 : 8)) return -E.FAULT;
  const { view } = task.mm.window;
  const seconds = (at: number) => wide
    ? view.getInt32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true) : view.getInt32(at, true);
  return setTimes(task, AT.FDCWD, path, [seconds(times), 0, seconds(times + (wide ? 8 : 4)), 0], 0);
}

const linkFlags = flags('AT_', { SYMLINK_FOLLOW: AT.SYMLINK_FOLLOW, EMPTY_PATH: AT.EMPTY_PATH });
const atFlags = flags('AT_', { SYMLINK_NOFOLLOW: AT.SYMLINK_NOFOLLOW, EMPTY_PATH: AT.EMPTY_PATH });
const removeFlags = flags('AT_', { REMOVEDIR: AT.REMOVEDIR });
const renameFlags = flags('RENAME_', RENAME);

export const pathRows: readonly Row[] = [
  call('mkdir', 83, 39, [path, mode], mkdir),
  call('mkdirat', 258, 296, [dirfd, path, mode], mkdirat),
  call('mknod', 133, 14, [path, mode, uint], mknod),
  call('mknodat', 259, 297, [dirfd, path, mode, uint], mknodat),
  call('unlink', 87, 10, [path], unlink),
  call('rmdir', 84, 40, [path], rmdir),
  call('unlinkat', 263, 301, [dirfd, path, removeFlags], unlinkat),
  call('rename', 82, 38, [path, path], rename),
  call('renameat', 264, 302, [dirfd, path, dirfd, path], renameat),
  call('renameat2', 316, 353, [dirfd, path, dirfd, path, renameFlags], renameat2, 'full', 'RENAME_WHITEOUT on tmpfs'),
  call('link', 86, 9, [path, path], link),
  call('linkat', 265, 303, [dirfd, path, dirfd, path, linkFlags], linkat),
  call('symlink', 88, 83, [path, path], symlink),
  call('symlinkat', 266, 304, [path, dirfd, path], symlinkat),
  call('readlink', 89, 85, [path, outBuffer, size], readlink),
  call('readlinkat', 267, 305, [dirfd, path, outBuffer, int], readlinkat),
  call('chmod', 90, 15, [path, mode], chmod),
  call('fchmod', 91, 94, [fd, mode], fchmod),
  call('fchmodat', 268, 306, [dirfd, path, mode], fchmodat),
  call('fchmodat2', 452, 452, [dirfd, path, mode, atFlags], fchmodat2),
  call('chown', 92, -1, [path, int, int], chown),
  call('fchown', 93, -1, [fd, int, int], fchown),
  call('lchown', 94, -1, [path, int, int], lchown),
  call('chown16', -1, 182, [path, int, int], chown16),
  call('fchown16', -1, 95, [fd, int, int], fchown16),
  call('lchown16', -1, 16, [path, int, int], lchown16),
  call('chown32', -1, 212, [path, int, int], chown),
  call('fchown32', -1, 207, [fd, int, int], fchown),
  call('lchown32', -1, 198, [path, int, int], lchown),
  call('fchownat', 260, 298, [dirfd, path, int, int, atFlags], fchownat),
  call('utime', 132, 30, [path, ptr], utime),
  call('utimes', 235, 271, [path, ptr], utimes),
  call('futimesat', 261, 299, [dirfd, path, ptr], futimesat),
  call('utimensat', 280, 320, [dirfd, path, ptr, atFlags], utimensat),
  call('utimensat_time64', -1, 412, [dirfd, path, ptr, atFlags], utimensat64),
];
