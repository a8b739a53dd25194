/** Requests of ioctl(2) about files and their file systems, whatever the type of these (linux/fs.h, linux/fiemap.h). */
import { E } from '../abi/errno.js';
import { O, S } from '../abi/fcntl.js';
import { FS_IOC, INODE_FLAG, SEEK } from '../abi/file.js';
import type { Task } from '../kernel/task.js';
import * as attributes from '../vfs/attributes.js';
import { CAP, capable } from '../vfs/credentials.js';
import { Stat } from '../vfs/inode.js';
import type { OpenFile } from '../vfs/open_file.js';
import { allocate } from './file_data.js';

/** Linux's flags of a struct fsxattr for those of FS_IOC_GETFLAGS. */
const XFLAGS: readonly (readonly [number, number])[] = [
  [INODE_FLAG.SYNC, 0x20], [INODE_FLAG.IMMUTABLE, 0x8], [INODE_FLAG.APPEND, 0x10], [INODE_FLAG.NODUMP, 0x80],
  [INODE_FLAG.NOATIME, 0x40],
];
/** Those that Linux knows. */
const XFLAGS_KNOWN = 0x8003_fffb;
const FSXATTR_SIZE = 28;
/** struct fiemap, and the struct fiemap_extent behind it. */
const FIEMAP_HEAD = 32, FIEMAP_EXTENT = 56;
const FIEMAP_FLAG_SYNC = 1, FIEMAP_EXTENT_LAST = 1;
const FIEMAP_MOST = Math.floor((2 ** 32 - 1 - FIEMAP_HEAD) / FIEMAP_EXTENT);
/** struct file_dedupe_range, and the struct file_dedupe_range_info behind it; a request is at most a page. */
const DEDUPE_HEAD = 24, DEDUPE_INFO = 32, DEDUPE_MOST = 4096;
const FALLOC = { KEEP_SIZE: 1, PUNCH_HOLE: 2, ZERO_RANGE: 16 } as const;

/** Carries a request out; -ENOTTY: the file's own ioctl may know more. */
export function fileRequest(task: Task, file: OpenFile, request: number, arg: number): number {
  switch (request) {
    case FS_IOC.GETFLAGS:
    case FS_IOC.SETFLAGS:
    case FS_IOC.GETVERSION:
      return inodeFlags(task, file, request, arg);
    case FS_IOC.FSGETXATTR:
      return getAttributes(task, file, arg);
    case FS_IOC.FSSETXATTR:
      return setAttributes(task, file, arg);
    case FS_IOC.FIBMAP:
      return blockOf(task, file, arg);
    case FS_IOC.FIGETBSZ:
      return blockSize(task, file, arg);
    case FS_IOC.FIOQSIZE:
      return allocated(task, file, arg);
    case FS_IOC.FIEMAP:
      return extents(task, file, arg);
    case FS_IOC.FICLONE:
      return clone(task, file, arg | 0);
    case FS_IOC.FICLONERANGE:
      return task.mm.readable(arg, 32) ? clone(task, file, task.mm.window.view.getInt32(arg, true)) : -E.FAULT;
    case FS_IOC.FIDEDUPERANGE:
      return dedupe(task, file, arg);
    case FS_IOC.FIFREEZE:
      return capable(task.fs.cred, CAP.SYS_ADMIN) ? -E.OPNOTSUPP : -E.PERM;
    case FS_IOC.FITHAW:
      return capable(task.fs.cred, CAP.SYS_ADMIN) ? -E.INVAL : -E.PERM;
    case FS_IOC.RESVSP:
    case FS_IOC.RESVSP64:
      return reserve(task, file, arg, 0);
    case FS_IOC.UNRESVSP:
    case FS_IOC.UNRESVSP64:
      return reserve(task, file, arg, FALLOC.PUNCH_HOLE);
    case FS_IOC.ZERO_RANGE:
      return reserve(task, file, arg, FALLOC.ZERO_RANGE);
    default:
      return -E.NOTTY;
  }
}

/** Has the file's inode flags (ioctl_iflags(2))? */
function flagged(file: OpenFile): boolean {
  const { inode } = file;
  return inode !== null && file.location !== null && (inode.type === S.IFREG || inode.type === S.IFDIR);
}

/** ioctl_iflags(2), and the inode's generation. */
function inodeFlags(task: Task, file: OpenFile, request: number, arg: number): number {
  const wanted = request === FS_IOC.SETFLAGS ? task.mm.getU32(arg) : 0;
  if (wanted < 0) return wanted;
  if (!flagged(file)) return -E.NOTTY;
  const inode = file.inode!;
  const value = request === FS_IOC.GETVERSION ? inode.generation() : inode.inodeFlags();
  if (value < 0) return value;
  if (request !== FS_IOC.SETFLAGS) return task.mm.putU32(arg, value) ? 0 : -E.FAULT;
  return attributes.setInodeFlags(task.fs, file.location!, wanted);
}

/** FS_IOC_FSGETXATTR (ioctl_fsgetxattr): the same flags with other numbers. */
function getAttributes(task: Task, file: OpenFile, arg: number): number {
  if (!flagged(file)) return -E.NOTTY;
  const flags = file.inode!.inodeFlags();
  if (flags < 0) return flags;
  if (!task.mm.writable(arg, FSXATTR_SIZE)) return -E.FAULT;
  task.mm.window.u8.fill(0, arg, arg + FSXATTR_SIZE);
  let shown = 0;
  for (const [flag, xflag] of XFLAGS) if (flags & flag) shown |= xflag;
  task.mm.putU32(arg, shown);
  return 0;
}

/** FS_IOC_FSSETXATTR. There are neither projects nor extent sizes: -EOPNOTSUPP. */
function setAttributes(task: Task, file: OpenFile, arg: number): number {
  if (!task.mm.readable(arg, FSXATTR_SIZE)) return -E.FAULT;
  const { view } = task.mm.window;
  let wanted = view.getUint32(arg, true);
  if (wanted & ~XFLAGS_KNOWN) return -E.OPNOTSUPP;
  if (!flagged(file)) return -E.NOTTY;
  const before = file.inode!.inodeFlags();
  if (before < 0) return before;
  let flags = before;
  for (const [flag, xflag] of XFLAGS) {
    flags = wanted & xflag ? flags | flag : flags & ~flag;
    wanted &= ~xflag;
  }
  if (wanted !== 0 || view.getUint32(arg + 12, true) !== 0) return -E.OPNOTSUPP;
  if (view.getUint32(arg + 4, true) !== 0 || view.getUint32(arg + 16, true) !== 0) return -E.INVAL;
  return attributes.setInodeFlags(task.fs, file.location!, flags >>> 0);
}

/** FIBMAP: which block of the device holds a block of the file. */
function blockOf(task: Task, file: OpenFile, arg: number): number {
  if (file.inode === null || file.inode.type !== S.IFREG) return -E.NOTTY;
  if (!capable(task.fs.cred, CAP.SYS_RAWIO)) return -E.PERM;
  const { mm } = task;
  if (!mm.writable(arg, 4)) return -E.FAULT;
  const block = mm.window.view.getInt32(arg, true);
  if (block < 0) return -E.INVAL;
  const found = file.inode.blockMap(block);
  mm.putU32(arg, found < 0 || found > 0x7fff_ffff ? 0 : found);
  return found < 0 ? found : found > 0x7fff_ffff ? -E.RANGE : 0;
}

/** FIGETBSZ. */
function blockSize(task: Task, file: OpenFile, arg: number): number {
  let size = 4096;
  if (file.location !== null) {
    const stat = new Stat();
    if (file.inode!.type === S.IFREG || file.inode!.type === S.IFDIR) {
      const failed = file.stat(stat);
      if (failed < 0) return failed;
      size = stat.blksize;
    }
    size = file.location.mount.fs.blockSize ?? size;
  }
  if (size === 0) return -E.INVAL;
  return task.mm.putU32(arg, size) ? 0 : -E.FAULT;
}

/** FIOQSIZE: bytes that the file takes. */
function allocated(task: Task, file: OpenFile, arg: number): number {
  if (file.inode === null || (file.inode.type !== S.IFREG && file.inode.type !== S.IFDIR)) return -E.NOTTY;
  const stat = new Stat();
  const failed = file.stat(stat);
  if (failed < 0) return failed;
  return task.mm.putU64(arg, stat.blocks * 512) ? 0 : -E.FAULT;
}

/** FS_IOC_FIEMAP: where the file's bytes are on the device. With room for none, the extents are counted. */
function extents(task: Task, file: OpenFile, arg: number): number {
  const { inode } = file;
  if (inode === null) return -E.OPNOTSUPP;
  const able = inode.extents(0, 0, () => true);
  if (able < 0) return able;
  const { mm } = task;
  if (!mm.writable(arg, FIEMAP_HEAD)) return -E.FAULT;
  const { view } = mm.window;
  const start = mm.getU64(arg), length = mm.getU64(arg + 8), flags = view.getUint32(arg + 16, true);
  const room = view.getUint32(arg + 24, true);
  if (room > FIEMAP_MOST) return -E.INVAL;
  if (room > 0 && !mm.writable(arg + FIEMAP_HEAD, room * FIEMAP_EXTENT)) return -E.FAULT;
  if (length === 0) return -E.INVAL;
  if (start >= 2 ** 63) return -E.FBIG;
  if (flags & ~FIEMAP_FLAG_SYNC) {
    mm.putU32(arg + 16, flags & ~FIEMAP_FLAG_SYNC);
    return -E.BADR;
  }
  let count = 0, behind = -1;
  const failed = inode.extents(start, start + length, (logical, physical, bytes, extentFlags) => {
    if (room > 0 && count === room) return false;
    if (room > 0) {
      const at = arg + FIEMAP_HEAD + count * FIEMAP_EXTENT;
      mm.window.u8.fill(0, at, at + FIEMAP_EXTENT);
      mm.putU64(at, logical);
      mm.putU64(at + 8, physical);
      mm.putU64(at + 16, bytes);
      mm.putU32(at + 40, extentFlags);
      behind = at + 40;
    }
    count++;
    return true;
  });
  if (failed < 0) return failed;
  // 1: nothing was left out.
  if (failed === 1 && behind >= 0) mm.putU32(behind, view.getUint32(behind, true) | FIEMAP_EXTENT_LAST);
  mm.putU32(arg + 20, count);
  return 0;
}

/** What two files between which bytes are shared must be. 0 or -errno. */
function sharing(from: OpenFile, to: OpenFile): number {
  if (from.location?.mount.fs !== to.location?.mount.fs) return -E.XDEV;
  const source = from.inode === null ? 0 : from.inode.type, target = to.inode === null ? 0 : to.inode.type;
  if (source === S.IFDIR || target === S.IFDIR) return -E.ISDIR;
  if (source !== S.IFREG || target !== S.IFREG) return -E.INVAL;
  return !from.canRead || !to.canWrite || to.flags & O.APPEND ? -E.BADF : 0;
}

/** FICLONE, FICLONERANGE (ioctl_ficlonerange(2)): no file system here can share blocks. */
function clone(task: Task, to: OpenFile, fd: number): number {
  const from = task.files.get(fd);
  if (from === undefined || from.flags & O.PATH) return -E.BADF;
  const refused = sharing(from, to);
  return refused < 0 ? refused : -E.OPNOTSUPP;
}

/** FIDEDUPERANGE (ioctl_fideduperange(2)). */
function dedupe(task: Task, file: OpenFile, arg: number): number {
  const { mm } = task;
  if (!mm.readable(arg, DEDUPE_HEAD)) return -E.FAULT;
  const { view } = mm.window;
  const size = DEDUPE_HEAD + view.getUint16(arg + 16, true) * DEDUPE_INFO;
  if (size > DEDUPE_MOST) return -E.NOMEM;
  if (!mm.readable(arg, size)) return -E.FAULT;
  if (!file.canRead) return -E.INVAL;
  if (view.getUint16(arg + 18, true) !== 0 || view.getUint32(arg + 20, true) !== 0) return -E.INVAL;
  const type = file.inode === null ? 0 : file.inode.type;
  return type === S.IFDIR ? -E.ISDIR : type !== S.IFREG ? -E.INVAL : -E.OPNOTSUPP;
}

/** FS_IOC_RESVSP and its kin: fallocate(2) with a struct space_resv, that leaves the size as it is. */
function reserve(task: Task, file: OpenFile, arg: number, mode: number): number {
  if (file.inode === null || file.inode.type !== S.IFREG) return -E.NOTTY;
  if (!task.mm.readable(arg, 48)) return -E.FAULT;
  const { view } = task.mm.window;
  const whence = view.getInt16(arg + 2, true);
  const start = Number(view.getBigInt64(arg + 8, true)), length = Number(view.getBigInt64(arg + 16, true));
  if (whence < SEEK.SET || whence > SEEK.END) return -E.INVAL;
  let base = 0;
  if (whence === SEEK.CUR) base = file.seek(0, SEEK.CUR);
  if (whence === SEEK.END) {
    const stat = new Stat();
    const failed = file.stat(stat);
    if (failed < 0) return failed;
    base = stat.size;
  }
  return allocate(task, file, mode | FALLOC.KEEP_SIZE, base + start, length);
}
