/** Descriptors: open(2), openat2(2), close(2), dup(2), fcntl(2), flock(2), memfd_create(2) … */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { AT, F, F_OWNER, FD_CLOEXEC, O, S } from '../abi/fcntl.js';
import { CLOSE_RANGE, LOCK, MFD, OPEN_HOW, SEAL } from '../abi/file.js';
import { RLIMIT } from '../abi/resource.js';
import {
  asyncOwner, canSignal, getAsyncOwner, setAsyncOwner, setAsyncSignal,
} from '../kernel/async_io.js';
import { listenToHost } from '../kernel/host_listener.js';
import { PipeFile, whenConnected } from '../kernel/pipe.js';
import type { Task } from '../kernel/task.js';
import { spaces } from '../mm/spaces.js';
import { VmFlag } from '../mm/vma.js';
import { CAP, capable } from '../vfs/credentials.js';
import { createHugeMemfd, createMemfd, hugePageSize } from '../vfs/fs/memfd.js';
import { recordLocks } from '../vfs/locks.js';
import type { OpenFile } from '../vfs/open_file.js';
import { RESOLVE } from '../vfs/path_walk.js';
import * as vfs from '../vfs/vfs.js';
import { lockFile, setRecordLock, testRecordLock } from './file_lock.js';
import { fetchPath, startOf } from './path_argument.js';
import { call, dirfd, fd, flags, inStruct, long, mode, oneOf, path, size, uint, type Row } from './types.js';

/** Bits of open's flags that have a meaning. */
const OPEN_FLAGS = O.ACCMODE | O.CREAT | O.EXCL | O.NOCTTY | O.TRUNC | O.APPEND | O.NONBLOCK | O.DSYNC | O.ASYNC |
  O.DIRECT | O.LARGEFILE | O.DIRECTORY | O.NOFOLLOW | O.NOATIME | O.CLOEXEC | O.SYNC | O.PATH | O.TMPFILE;
/** What F_SETFL can change. */
const SETTABLE = O.APPEND | O.NONBLOCK | O.NOATIME | O.DIRECT;

/** Flags of memfd_create(2); behind them, with MFD_HUGETLB, the size of the pages. */
const ALL_MFD = 31, MFD_HUGE_SHIFT = 26, MFD_SIZES = 1 << MFD_HUGE_SHIFT;
/** DN_* of fcntl(2). */
const DN_EVENTS = 63, DN_MULTISHOT = 0x8000_0000;
/** All bits of F_ADD_SEALS. */
const ALL_SEALS = 63;

/** open(2). */
function open(task: Task, path: number, flags: number, mode: number): number {
  return openat(task, AT.FDCWD, path, flags, mode);
}

/** creat(2). */
function creat(task: Task, path: number, mode: number): number {
  return openat(task, AT.FDCWD, path, O.CREAT | O.WRONLY | O.TRUNC, mode);
}

/** openat(2). */
function openat(task: Task, dirfd: number, pathPtr: number, flags: number, mode: number): number {
  return openPath(task, dirfd, pathPtr, flags & OPEN_FLAGS, mode, 0);
}

function openPath(task: Task, dirfd: number, pathPtr: number, flags: number, mode: number, resolve: number): number {
  const path = fetchPath(task, pathPtr);
  if (typeof path === 'number') return path;
  if (path === '') return -E.NOENT;
  const scoped = (resolve & (RESOLVE.BENEATH | RESOLVE.IN_ROOT)) !== 0;
  // Beneath a directory, even an absolute path starts at the descriptor.
  const start = startOf(task, dirfd, scoped ? '.' : path);
  if (typeof start === 'number') return start;
  if (task.abi === Abi.X64) flags |= O.LARGEFILE;
  const file = vfs.open(task.fs, start, path, flags, mode, resolve);
  if (typeof file === 'number') return file;
  return whenConnected(task, file, () => install(task, file, (flags & O.CLOEXEC) !== 0));
}

/** Gives a new description a descriptor; it is closed when there is none left. */
function install(task: Task, file: OpenFile, cloexec: boolean): number {
  const fd = task.files.install(file, cloexec);
  if (fd < 0) file.unref();
  return fd;
}

/** openat2(2). */
function openat2(task: Task, dirfd: number, pathPtr: number, how: number, length: number): number {
  const layout = OPEN_HOW.lp64;
  if (length < layout.size) return -E.INVAL;
  if (length > 4096) return -E['2BIG'];
  const { mm } = task;
  if (!mm.readable(how, length)) return -E.FAULT;
  for (let at = layout.size; at < length; at++) if (mm.window.u8[how + at] !== 0) return -E['2BIG'];
  const flags = mm.getU64(how + layout.flags), mode = mm.getU64(how + layout.mode);
  const resolve = mm.getU64(how + layout.resolve);
  if (flags > 0x7fff_ffff || flags & ~OPEN_FLAGS) return -E.INVAL;
  if (resolve > 63 || (resolve & RESOLVE.BENEATH && resolve & RESOLVE.IN_ROOT)) return -E.INVAL;
  const creates = flags & O.CREAT || (flags & O.TMPFILE) === O.TMPFILE;
  if (creates ? mode > 0o7777 : mode !== 0) return -E.INVAL;
  if (flags & O.PATH && flags & ~(O.PATH | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC)) return -E.INVAL;
  if (resolve & RESOLVE.CACHED) return -E.AGAIN;
  return openPath(task, dirfd, pathPtr, flags, mode, resolve);
}

/** close(2). */
function close(task: Task, fd: number): number {
  const file = task.files.get(fd);
  if (file === undefined) return -E.BADF;
  dropRecordLocks(task, file);
  if (task.process.closes !== null) task.process.closes(file);
  if (file.signalDriven !== null) file.signalDriven.descriptorClosed();
  const result = task.files.close(fd);
  return result < 0 ? result : 0;
}

/** The first close of any descriptor of a file gives up the process's record locks on it (fcntl(2)). */
function dropRecordLocks(task: Task, file: OpenFile): void {
  if (task.process.hasRecordLocks && file.inode !== null) recordLocks.release(file.inode.identity, task.process);
}

/** close_range(2). */
function closeRange(task: Task, first: number, last: number, flags: number): number {
  if (flags & ~(CLOSE_RANGE.UNSHARE | CLOSE_RANGE.CLOEXEC) || first > last) return -E.INVAL;
  if (flags & CLOSE_RANGE.UNSHARE && task.files.users > 1) {
    const own = task.files.copy();
    task.files.leave();
    task.files = own;
  }
  const { files } = task;
  for (let fd = first; fd <= last && fd < files.end; fd++) {
    if (files.get(fd) === undefined) continue;
    if (flags & CLOSE_RANGE.CLOEXEC) files.setCloexec(fd, true);
    else close(task, fd);
  }
  return 0;
}

/** dup(2). */
function dup(task: Task, fd: number): number {
  return duplicate(task, fd, 0, false);
}

function duplicate(task: Task, fd: number, min: number, cloexec: boolean): number {
  const file = task.files.get(fd);
  if (file === undefined) return -E.BADF;
  const copy = task.files.install(file, cloexec, min);
  if (copy >= 0) file.ref();
  return copy;
}

/** dup2(2). */
function dup2(task: Task, from: number, to: number): number {
  if (from === to) return task.files.get(from) === undefined ? -E.BADF : to;
  return duplicateTo(task, from, to, false);
}

/** dup3(2). */
function dup3(task: Task, from: number, to: number, flags: number): number {
  if (flags & ~O.CLOEXEC || from === to) return -E.INVAL;
  return duplicateTo(task, from, to, (flags & O.CLOEXEC) !== 0);
}

function duplicateTo(task: Task, from: number, to: number, cloexec: boolean): number {
  const file = task.files.get(from);
  if (file === undefined || to < 0) return -E.BADF;
  const old = task.files.get(to);
  if (old !== undefined) dropRecordLocks(task, old);
  const result = task.files.installAt(to, file, cloexec);
  if (result >= 0) file.ref();
  return result;
}

/** fcntl(2). */
function fcntl(task: Task, fd: number, command: number, arg: number): number {
  const file = task.files.get(fd);
  if (file === undefined) return -E.BADF;
  if (file.flags & O.PATH && command > F.GETFL && command !== F.DUPFD_CLOEXEC) return -E.BADF;
  switch (command) {
    case F.DUPFD:
    case F.DUPFD_CLOEXEC:
      if (arg >= task.process.limits.soft[RLIMIT.NOFILE]!) return -E.INVAL;
      return duplicate(task, fd, arg, command === F.DUPFD_CLOEXEC);
    case F.GETFD:
      return task.files.getCloexec(fd) ? FD_CLOEXEC : 0;
    case F.SETFD:
      task.files.setCloexec(fd, (arg & FD_CLOEXEC) !== 0);
      return 0;
    case F.GETFL:
      return file.flags & ~O.CLOEXEC;
    case F.SETFL:
      return setFlags(task, file, fd, arg);
    case F.GETLK:
    case F.OFD_GETLK:
      return testRecordLock(task, file, command === F.OFD_GETLK, arg, task.abi === Abi.X64);
    case F.SETLK:
    case F.SETLKW:
    case F.OFD_SETLK:
    case F.OFD_SETLKW:
      return setRecordLock(
        task, file, command === F.OFD_SETLK || command === F.OFD_SETLKW,
        command === F.SETLKW || command === F.OFD_SETLKW, arg, task.abi === Abi.X64,
      );
    case F.GETLK64:
      return task.abi === Abi.I386 ? testRecordLock(task, file, false, arg, true) : -E.INVAL;
    case F.SETLK64:
    case F.SETLKW64:
      if (task.abi !== Abi.I386) return -E.INVAL;
      return setRecordLock(task, file, false, command === F.SETLKW64, arg, true);
    case F.GETLEASE:
      return 2;
    case F.DUPFD_QUERY: {
      const other = task.files.get(arg | 0);
      return other === undefined ? -E.BADF : other === file ? 1 : 0;
    }
    case F.NOTIFY:
      return notify(task, file, fd, arg);
    case F.SETOWN:
      return setAsyncOwner(task, file, arg);
    case F.GETOWN:
      return getAsyncOwner(file);
    case F.SETOWN_EX:
      return setOwnerEx(task, file, arg);
    case F.GETOWN_EX:
      return getOwnerEx(task, file, arg);
    case F.SETSIG:
      return setAsyncSignal(task, file, arg);
    case F.GETSIG:
      return file.signalDriven === null ? 0 : asyncOwner(task, file).signal;
    case F.SETPIPE_SZ:
      return file.setPipeSize(arg);
    case F.GETPIPE_SZ:
      return file.pipeSize();
    case F.ADD_SEALS:
      return addSeals(file, arg);
    case F.GET_SEALS:
      return file.seals();
    default:
      return -E.INVAL;
  }
}

/** F_NOTIFY: tells of what happens in a directory, by signals. Without an event: no more. */
function notify(task: Task, file: OpenFile, fd: number, arg: number): number {
  const { location } = file;
  if (location === null || location.inode.type !== S.IFDIR) return -E.NOTDIR;
  const mask = arg & DN_EVENTS;
  if (mask === 0) {
    if (file.signalDriven !== null) asyncOwner(task, file).endNotice();
    return 0;
  }
  asyncOwner(task, file).askNotice(task, fd, location, mask | (arg & DN_MULTISHOT));
  listenToHost(task.kernel);
  return 0;
}

/** F_SETFL. */
function setFlags(task: Task, file: OpenFile, fd: number, flags: number): number {
  if (flags & O.NOATIME && !(file.flags & O.NOATIME) && file.inode !== null) {
    const cred = task.fs.cred;
    if (file.inode.uid !== cred.fsuid && !capable(cred, CAP.FOWNER)) return -E.PERM;
  }
  if (flags & O.DIRECT && !(file instanceof PipeFile) && !canBeDirect(file)) return -E.INVAL;
  file.flags = (file.flags & ~SETTABLE) | (flags & SETTABLE);
  if ((flags & O.ASYNC) !== (file.flags & O.ASYNC) && canSignal(file)) {
    asyncOwner(task, file).enable(task, fd, (flags & O.ASYNC) !== 0);
  }
  file.flagsChanged();
  return 0;
}

/** Is it of a kind that O_DIRECT can be said of? */
function canBeDirect({ inode }: OpenFile): boolean {
  return inode !== null && (inode.type === S.IFREG || inode.type === S.IFBLK);
}

/** F_SETOWN_EX: struct f_owner_ex, two ints. */
function setOwnerEx(task: Task, file: OpenFile, address: number): number {
  const { mm } = task;
  if (!mm.readable(address, 8)) return -E.FAULT;
  const type = mm.window.view.getInt32(address, true);
  if (type < F_OWNER.TID || type > F_OWNER.PGRP) return -E.INVAL;
  return asyncOwner(task, file).setOwner(task, type, mm.window.view.getInt32(address + 4, true));
}

/** F_GETOWN_EX. */
function getOwnerEx(task: Task, file: OpenFile, address: number): number {
  const { mm } = task;
  if (!mm.writable(address, 8)) return -E.FAULT;
  const owner = file.signalDriven === null ? null : asyncOwner(task, file);
  mm.putU32(address, owner === null ? F_OWNER.TID : owner.type);
  mm.putU32(address + 4, owner === null ? 0 : owner.owner);
  return 0;
}

/** flock(2). */
function flock(task: Task, fd: number, operation: number): number {
  const kind = operation & ~LOCK.NB;
  if (kind !== LOCK.SH && kind !== LOCK.EX && kind !== LOCK.UN) return -E.INVAL;
  const file = task.files.get(fd);
  if (file === undefined || file.flags & O.PATH) return -E.BADF;
  if (kind !== LOCK.UN && !file.canRead && !file.canWrite) return -E.BADF;
  return lockFile(task, file, kind, (operation & LOCK.NB) !== 0);
}

/** memfd_create(2). */
function memfdCreate(task: Task, namePtr: number, flags: number): number {
  const huge = (flags & MFD.HUGETLB) !== 0;
  const size = huge ? flags >>> MFD_HUGE_SHIFT : 0;
  if ((flags & (huge ? MFD_SIZES - 1 : -1)) & ~ALL_MFD) return -E.INVAL;
  if (flags & MFD.EXEC && flags & MFD.NOEXEC_SEAL) return -E.INVAL;
  const name = task.mm.cstring(namePtr, 250);
  if (typeof name === 'number') return name === -E.NAMETOOLONG ? -E.INVAL : name;
  const seals = flags & MFD.NOEXEC_SEAL ? SEAL.EXEC : flags & MFD.ALLOW_SEALING ? 0 : SEAL.SEAL;
  const mode = flags & MFD.NOEXEC_SEAL ? 0o666 : 0o777;
  if (huge) {
    const pageSize = hugePageSize(size);
    if (pageSize < 0) return pageSize;
    return install(
      task, createHugeMemfd(name, seals, mode, task.fs.cred, pageSize), (flags & MFD.CLOEXEC) !== 0,
    );
  }
  const file = createMemfd(name, seals, mode, task.fs.cred);
  return install(task, file, (flags & MFD.CLOEXEC) !== 0);
}

/** F_ADD_SEALS. */
function addSeals(file: OpenFile, seals: number): number {
  if (!file.canWrite) return -E.PERM;
  if (file.seals() < 0) return file.seals();
  return seals & ~ALL_SEALS ? -E.INVAL : file.addSeals(seals, mappedToWrite(file));
}

/** Is the file mapped, by any process, so that stores may reach it? */
function mappedToWrite(file: OpenFile): boolean {
  const identity = file.inode?.identity;
  for (const { areas } of spaces) {
    for (const { flags, file: mapped } of areas) {
      if (mapped === null || (flags & (VmFlag.Shared | VmFlag.NoWrite)) !== VmFlag.Shared) continue;
      if (mapped.identity === identity) return true;
    }
  }
  return false;
}

const openFlags = flags('O_', O);
const command = oneOf('F_', F);
const leases = 'there are no leases: F_SETLEASE gives EINVAL';

export const fileOpenRows: readonly Row[] = [
  call('open', 2, 5, [path, openFlags, mode], open),
  call('close', 3, 6, [fd], close),
  call('creat', 85, 8, [path, mode], creat),
  call('openat', 257, 295, [dirfd, path, openFlags, mode], openat),
  call('openat2', 437, 437, [dirfd, path, inStruct('open_how'), size], openat2, 'full', 'RESOLVE_CACHED gives EAGAIN'),
  call('close_range', 436, 436, [uint, uint, flags('CLOSE_RANGE_', CLOSE_RANGE)], closeRange),
  call('dup', 32, 41, [fd], dup),
  call('dup2', 33, 63, [fd, fd], dup2),
  call('dup3', 292, 330, [fd, fd, openFlags], dup3),
  call('fcntl', 72, 55, [fd, command, long], fcntl, 'full', leases),
  call('fcntl64', -1, 221, [fd, command, long], fcntl, 'full', leases),
  call('flock', 73, 143, [fd, flags('LOCK_', LOCK)], flock),
  call('memfd_create', 319, 356, [path, flags('MFD_', MFD)], memfdCreate),
];
