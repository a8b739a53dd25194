/** What is known of files: stat(2), statx(2), statfs(2), access(2). */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { AT } from '../abi/fcntl.js';
import {
  R_OK, STAT, STAT32, STAT64, STATFS, STATFS64, STATX, STATX_ATTR, STATX_MASK, W_OK, X_OK,
} from '../abi/file.js';
import { FIRST_UNIQUE_ID, MS, SUPER } from '../abi/mount.js';
import { SECBIT } from '../kernel/credentials.js';
import type { Task } from '../kernel/task.js';
import type { FileCredentials } from '../vfs/credentials.js';
import { Stat, StatFs, devMajor, devMinor } from '../vfs/inode.js';
import type { FileSystem, Inode } from '../vfs/inode.js';
import type { Mount } from '../vfs/mount.js';
import type { OpenFile } from '../vfs/open_file.js';
import * as vfs from '../vfs/vfs.js';
import { fetchPath, locate, startOf } from './path_argument.js';
import { call, dirfd, fd, flags, mode, outStruct, path, size, type Row } from './types.js';

const found = new Stat();
const STAT_FLAGS = AT.EMPTY_PATH | AT.SYMLINK_NOFOLLOW | AT.NO_AUTOMOUNT;

/** Fills `found` for (dirfd, path, AT_ flags). */
function statPath(task: Task, dirfd: number, pathPtr: number, flags: number): number {
  const path = fetchPath(task, pathPtr);
  if (typeof path === 'number') return path;
  if (path === '' && flags & AT.EMPTY_PATH) {
    return dirfd === AT.FDCWD ? task.fs.cwd.inode.stat(found) : statFd(task, dirfd);
  }
  const start = startOf(task, dirfd, path);
  if (typeof start === 'number') return start;
  return vfs.stat(task.fs, start, path, (flags & AT.SYMLINK_NOFOLLOW) === 0, found);
}

function statFd(task: Task, fd: number): number {
  const file = task.files.get(fd);
  return file === undefined ? -E.BADF : file.stat(found);
}

function put64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setInt32(at + 4, value === value >>> 0 ? 0 : Math.floor(value / 0x1_0000_0000), true);
}

/** struct stat of the task's plain stat calls. */
function putStat(task: Task, at: number, failed: number): number {
  if (failed < 0) return failed;
  if (task.abi === Abi.I386) return putStat32(task, at);
  const o = STAT.lp64;
  if (!task.mm.writable(at, o.size)) return -E.FAULT;
  const { view } = task.mm.window;
  put64(view, at + o.dev, found.dev);
  put64(view, at + o.ino, found.ino);
  put64(view, at + o.nlink, found.nlink);
  view.setUint32(at + o.mode, found.mode, true);
  view.setUint32(at + o.uid, found.uid, true);
  view.setUint32(at + o.gid, found.gid, true);
  view.setUint32(at + o.pad, 0, true);
  put64(view, at + o.rdev, found.rdev);
  put64(view, at + o.bytes, found.size);
  put64(view, at + o.blksize, found.blksize);
  put64(view, at + o.blocks, found.blocks);
  put64(view, at + o.atime, found.atime);
  put64(view, at + o.atimeNsec, found.atimeNsec);
  put64(view, at + o.mtime, found.mtime);
  put64(view, at + o.mtimeNsec, found.mtimeNsec);
  put64(view, at + o.ctime, found.ctime);
  put64(view, at + o.ctimeNsec, found.ctimeNsec);
  for (let rest = at + o.unused; rest < at + o.size; rest += 4) view.setUint32(rest, 0, true);
  return 0;
}

/** i386's oldest struct stat; -EOVERFLOW for what does not fit. */
function putStat32(task: Task, at: number): number {
  const o = STAT32.ilp32;
  if (found.size > 0x7fff_ffff || found.ino > 0xffff_ffff) return -E.OVERFLOW;
  if (!task.mm.writable(at, o.size)) return -E.FAULT;
  const { view } = task.mm.window;
  task.mm.window.u8.fill(0, at, at + o.size);
  view.setUint32(at + o.dev, found.dev, true);
  view.setUint32(at + o.ino, found.ino, true);
  view.setUint16(at + o.mode, found.mode, true);
  view.setUint16(at + o.nlink, found.nlink, true);
  view.setUint16(at + o.uid, found.uid > 0xffff ? 0xfffe : found.uid, true);
  view.setUint16(at + o.gid, found.gid > 0xffff ? 0xfffe : found.gid, true);
  view.setUint32(at + o.rdev, found.rdev, true);
  view.setUint32(at + o.bytes, found.size, true);
  view.setUint32(at + o.blksize, found.blksize, true);
  view.setUint32(at + o.blocks, found.blocks, true);
  put32Times(view, at, o);
  return 0;
}

interface TimeOffsets {
  atime: number;
  atimeNsec: number;
  mtime: number;
  mtimeNsec: number;
  ctime: number;
  ctimeNsec: number;
}

function put32Times(view: DataView, at: number, o: TimeOffsets): void {
  view.setUint32(at + o.atime, found.atime, true);
  view.setUint32(at + o.atimeNsec, found.atimeNsec, true);
  view.setUint32(at + o.mtime, found.mtime, true);
  view.setUint32(at + o.mtimeNsec, found.mtimeNsec, true);
  view.setUint32(at + o.ctime, found.ctime, true);
  view.setUint32(at + o.ctimeNsec, found.ctimeNsec, true);
}

/** struct stat64 of i386. */
function putStat64(task: Task, at: number, failed: number): number {
  if (failed < 0) return failed;
  const o = STAT64.ilp32;
  if (!task.mm.writable(at, o.size)) return -E.FAULT;
  const { view } = task.mm.window;
  task.mm.window.u8.fill(0, at, at + o.size);
  put64(view, at + o.dev, found.dev);
  view.setUint32(at + o.shortIno, found.ino, true);
  view.setUint32(at + o.mode, found.mode, true);
  view.setUint32(at + o.nlink, found.nlink, true);
  view.setUint32(at + o.uid, found.uid, true);
  view.setUint32(at + o.gid, found.gid, true);
  put64(view, at + o.rdev, found.rdev);
  put64(view, at + o.bytes, found.size);
  view.setUint32(at + o.blksize, found.blksize, true);
  put64(view, at + o.blocks, found.blocks);
  put32Times(view, at, o);
  put64(view, at + o.ino, found.ino);
  return 0;
}

/** stat(2). */
function stat(task: Task, path: number, buf: number): number {
  return putStat(task, buf, statPath(task, AT.FDCWD, path, 0));
}
/** lstat(2). */
function lstat(task: Task, path: number, buf: number): number {
  return putStat(task, buf, statPath(task, AT.FDCWD, path, AT.SYMLINK_NOFOLLOW));
}
/** fstat(2). */
function fstat(task: Task, fd: number, buf: number): number {
  return putStat(task, buf, statFd(task, fd));
}
/** newfstatat(2), known as fstatat. */
function newfstatat(task: Task, dirfd: number, path: number, buf: number, flags: number): number {
  return flags & ~STAT_FLAGS ? -E.INVAL : putStat(task, buf, statPath(task, dirfd, path, flags));
}
/** stat64(2) of i386. */
function stat64(task: Task, path: number, buf: number): number {
  return putStat64(task, buf, statPath(task, AT.FDCWD, path, 0));
}
/** lstat64(2) of i386. */
function lstat64(task: Task, path: number, buf: number): number {
  return putStat64(task, buf, statPath(task, AT.FDCWD, path, AT.SYMLINK_NOFOLLOW));
}
/** fstat64(2) of i386. */
function fstat64(task: Task, fd: number, buf: number): number {
  return putStat64(task, buf, statFd(task, fd));
}
/** fstatat64(2) of i386. */
function fstatat64(task: Task, dirfd: number, path: number, buf: number, flags: number): number {
  return flags & ~STAT_FLAGS ? -E.INVAL : putStat64(task, buf, statPath(task, dirfd, path, flags));
}

/** statx(2). */
function statx(task: Task, dirfd: number, pathPtr: number, flags: number, mask: number, buf: number): number {
  if (flags & ~(STAT_FLAGS | AT.STATX_FORCE_SYNC | AT.STATX_DONT_SYNC)) return -E.INVAL;
  if (flags & AT.STATX_FORCE_SYNC && flags & AT.STATX_DONT_SYNC) return -E.INVAL;
  if (mask & STATX_MASK.RESERVED) return -E.INVAL;
  let mount: Mount | undefined, inode: Inode | null, isRoot = false;
  const path = fetchPath(task, pathPtr);
  if (typeof path === 'number') return path;
  if (path === '' && flags & AT.EMPTY_PATH && dirfd !== AT.FDCWD) {
    const failed = statFd(task, dirfd);
    if (failed < 0) return failed;
    const place = task.files.get(dirfd)!.location;
    mount = place?.mount;
    inode = place === null ? null : place.inode;
    isRoot = place !== null && place.inode === place.mount.root;
  } else {
    const place = locate(task, dirfd, pathPtr, flags);
    if (typeof place === 'number') return place;
    const failed = place.inode.stat(found);
    if (failed < 0) return failed;
    mount = place.mount;
    inode = place.inode;
    isRoot = place.inode === mount.root;
  }
  const o = STATX.lp64;
  if (!task.mm.writable(buf, o.size)) return -E.FAULT;
  const { view } = task.mm.window;
  task.mm.window.u8.fill(0, buf, buf + o.size);
  let given: number = STATX_MASK.BASIC_STATS;
  if (found.btime !== 0) {
    given |= STATX_MASK.BTIME;
    putTime(view, buf + o.btime, found.btime, found.btimeNsec);
  }
  if (mount !== undefined) {
    const unique = (mask & STATX_MASK.MNT_ID_UNIQUE) !== 0;
    given |= unique ? STATX_MASK.MNT_ID_UNIQUE : STATX_MASK.MNT_ID;
    put64(view, buf + o.mntId, unique ? FIRST_UNIQUE_ID + mount.id : mount.id);
  }
  const known = inode === null ? -1 : inode.inodeFlags();
  const own = known > 0 ? known & STATX_ATTR.OF_INODE : 0, shown = STATX_ATTR.MOUNT_ROOT | STATX_ATTR.AUTOMOUNT;
  put64(view, buf + o.attributes, isRoot ? own | STATX_ATTR.MOUNT_ROOT : own);
  put64(view, buf + o.attributesMask, known >= 0 ? shown | STATX_ATTR.OF_INODE : shown);
  view.setUint32(buf + o.mask, given, true);
  view.setUint32(buf + o.blksize, found.blksize, true);
  view.setUint32(buf + o.nlink, found.nlink, true);
  view.setUint32(buf + o.uid, found.uid, true);
  view.setUint32(buf + o.gid, found.gid, true);
  view.setUint16(buf + o.mode, found.mode, true);
  put64(view, buf + o.ino, found.ino);
  put64(view, buf + o.bytes, found.size);
  put64(view, buf + o.blocks, found.blocks);
  putTime(view, buf + o.atime, found.atime, found.atimeNsec);
  putTime(view, buf + o.ctime, found.ctime, found.ctimeNsec);
  putTime(view, buf + o.mtime, found.mtime, found.mtimeNsec);
  view.setUint32(buf + o.rdevMajor, devMajor(found.rdev), true);
  view.setUint32(buf + o.rdevMinor, devMinor(found.rdev), true);
  view.setUint32(buf + o.devMajor, devMajor(found.dev), true);
  view.setUint32(buf + o.devMinor, devMinor(found.dev), true);
  return 0;
}

/** struct statx_timestamp. */
function putTime(view: DataView, at: number, seconds: number, nanoseconds: number): void {
  put64(view, at, seconds);
  view.setUint32(at + 8, nanoseconds, true);
}

const counts = new StatFs();
const PIPEFS_MAGIC = 0x50495045, SOCKFS_MAGIC = 0x534f434b, ANON_INODE_FS_MAGIC = 0x09041934;
const ST = {
  RDONLY: 1, SYNCHRONOUS: 16, MANDLOCK: 64, VALID: 0x20, NOATIME: 1024, NODIRATIME: 2048, RELATIME: 4096, NOSYMFOLLOW: 8192,
} as const;

/** What statfs(2) shows of a file system as a whole. */
function superStatus(fs: FileSystem): number {
  const flags = fs.superFlags ?? 0;
  return (flags & SUPER.SYNCHRONOUS ? ST.SYNCHRONOUS : 0) | (flags & SUPER.MANDLOCK ? ST.MANDLOCK : 0);
}

/** Fills `counts` for a mount; its flags are the mount's, as ST_ bits. */
function countFs(fs: FileSystem, mount: Mount | undefined): number {
  const failed = fs.statfs(counts);
  if (failed < 0) return failed;
  counts.flags = ST.VALID | superStatus(fs) | (mount === undefined ? 0 : mountStatus(mount));
  counts.fsid = fs.dev;
  return 0;
}

/** The flags of a mount as ST_ bits of statfs(2). */
function mountStatus({ flags, readOnly }: Mount): number {
  return (flags & (MS.NOSUID | MS.NODEV | MS.NOEXEC)) | (readOnly ? ST.RDONLY : 0) |
    (flags & MS.NOATIME ? ST.NOATIME : 0) | (flags & MS.NODIRATIME ? ST.NODIRATIME : 0) |
    (flags & MS.RELATIME ? ST.RELATIME : 0) | (flags & MS.NOSYMFOLLOW ? ST.NOSYMFOLLOW : 0);
}

function countPath(task: Task, path: number): number {
  const place = locate(task, AT.FDCWD, path, 0);
  return typeof place === 'number' ? place : countFs(place.mount.fs, place.mount);
}

const ANONYMOUS_FSID = 1;

/** Pipes, sockets and the like lie in file systems that are nowhere mounted. */
function countNameless(file: OpenFile): number {
  const kind = /^(pipe|socket)?/.exec(file.label)![0];
  Object.assign(counts, new StatFs(), {
    fsid: ANONYMOUS_FSID, type: kind === 'pipe' ? PIPEFS_MAGIC : kind === 'socket' ? SOCKFS_MAGIC : ANON_INODE_FS_MAGIC, flags: ST.VALID,
  });
  return 0;
}

function countFd(task: Task, fd: number): number {
  const file = task.files.get(fd);
  if (file === undefined) return -E.BADF;
  const place = file.location;
  return place === null ? countNameless(file) : countFs(place.mount.fs, place.mount);
}

function putStatfs(task: Task, at: number, failed: number): number {
  if (failed < 0) return failed;
  const o = STATFS.of(task.abi);
  if (!task.mm.writable(at, o.size)) return -E.FAULT;
  task.mm.window.u8.fill(0, at, at + o.size);
  const { view } = task.mm.window;
  const wide = task.abi === Abi.X64;
  view.setUint32(at + o.fsid, counts.fsid, true);
  for (const [offset, value] of [
    [o.type, counts.type], [o.bsize, counts.bsize], [o.blocks, counts.blocks], [o.bfree, counts.bfree],
    [o.bavail, counts.bavail], [o.files, counts.files], [o.ffree, counts.ffree], [o.namelen, counts.namelen],
    [o.frsize, counts.frsize], [o.flags, counts.flags],
  ] as const) {
    if (wide) put64(view, at + offset, value);
    else if (value > 0xffff_ffff) return -E.OVERFLOW;
    else view.setUint32(at + offset, value, true);
  }
  return 0;
}

function putStatfs64(task: Task, length: number, at: number, failed: number): number {
  if (failed < 0) return failed;
  const o = STATFS64.ilp32;
  if (length !== o.size) return -E.INVAL;
  if (!task.mm.writable(at, o.size)) return -E.FAULT;
  task.mm.window.u8.fill(0, at, at + o.size);
  const { view } = task.mm.window;
  view.setUint32(at + o.fsid, counts.fsid, true);
  view.setUint32(at + o.type, counts.type, true);
  view.setUint32(at + o.bsize, counts.bsize, true);
  put64(view, at + o.blocks, counts.blocks);
  put64(view, at + o.bfree, counts.bfree);
  put64(view, at + o.bavail, counts.bavail);
  put64(view, at + o.files, counts.files);
  put64(view, at + o.ffree, counts.ffree);
  view.setUint32(at + o.namelen, counts.namelen, true);
  view.setUint32(at + o.frsize, counts.frsize, true);
  view.setUint32(at + o.flags, counts.flags, true);
  return 0;
}

/** statfs(2). */
function statfs(task: Task, path: number, buf: number): number {
  return putStatfs(task, buf, countPath(task, path));
}
/** fstatfs(2). */
function fstatfs(task: Task, fd: number, buf: number): number {
  return putStatfs(task, buf, countFd(task, fd));
}
/** statfs64(2) of i386. */
function statfs64(task: Task, path: number, length: number, buf: number): number {
  return putStatfs64(task, length, buf, countPath(task, path));
}
/** fstatfs64(2) of i386. */
function fstatfs64(task: Task, fd: number, length: number, buf: number): number {
  return putStatfs64(task, length, buf, countFd(task, fd));
}

/** access(2). */
function access(task: Task, path: number, mode: number): number {
  return accessAt(task, AT.FDCWD, path, mode, 0);
}
/** faccessat(2), whose system call has no flags. */
function faccessat(task: Task, dirfd: number, path: number, mode: number): number {
  return accessAt(task, dirfd, path, mode, 0);
}
/** faccessat2(2). */
function faccessat2(task: Task, dirfd: number, path: number, mode: number, flags: number): number {
  if (flags & ~(AT.EACCESS | AT.EMPTY_PATH | AT.SYMLINK_NOFOLLOW)) return -E.INVAL;
  return accessAt(task, dirfd, path, mode, flags);
}

/** With the real ids, unless AT_EACCESS is given. */
function accessAt(task: Task, dirfd: number, path: number, mode: number, flags: number): number {
  if (mode & ~(R_OK | W_OK | X_OK)) return -E.INVAL;
  const effective = task.fs.cred;
  if (!(flags & AT.EACCESS)) task.fs.cred = realCredentials(task);
  const place = locate(task, dirfd, path, flags);
  const result = typeof place === 'number' ? place : vfs.access(task.fs, place, mode);
  task.fs.cred = effective;
  return result;
}

/** Real ids, and the capabilities that go with them (access(2), "Notes"). */
function realCredentials(task: Task): FileCredentials {
  const { cred } = task;
  const fixed = (cred.securebits & SECBIT.NO_SETUID_FIXUP) === 0;
  const capabilities = !fixed ? cred.capabilities : cred.uid === 0 ? cred.permittedLow : 0;
  if (cred.uid === cred.fsuid && cred.gid === cred.fsgid && capabilities === cred.capabilities) return cred;
  return { fsuid: cred.uid, fsgid: cred.gid, groups: cred.groups, capabilities };
}

const buf = outStruct('stat');
const buf64 = outStruct('stat64');
const atFlags = flags('AT_', AT);
const accessMode = flags('', { R_OK, W_OK, X_OK });

export const fileStatRows: readonly Row[] = [
  call('stat', 4, 106, [path, buf], stat),
  call('fstat', 5, 108, [fd, buf], fstat),
  call('lstat', 6, 107, [path, buf], lstat),
  call('newfstatat', 262, -1, [dirfd, path, buf, atFlags], newfstatat),
  call('stat64', -1, 195, [path, buf64], stat64),
  call('lstat64', -1, 196, [path, buf64], lstat64),
  call('fstat64', -1, 197, [fd, buf64], fstat64),
  call('fstatat64', -1, 300, [dirfd, path, buf64, atFlags], fstatat64),
  call('statx', 332, 383, [dirfd, path, atFlags, mode, outStruct('statx')], statx),
  call('statfs', 137, 99, [path, outStruct('statfs')], statfs),
  call('fstatfs', 138, 100, [fd, outStruct('statfs')], fstatfs),
  call('statfs64', -1, 268, [path, size, outStruct('statfs64')], statfs64),
  call('fstatfs64', -1, 269, [fd, size, outStruct('statfs64')], fstatfs64),
  call('access', 21, 33, [path, accessMode], access),
  call('faccessat', 269, 307, [dirfd, path, accessMode], faccessat),
  call('faccessat2', 439, 439, [dirfd, path, accessMode, atFlags], faccessat2),
];
