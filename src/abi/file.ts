/** Structs of the file calls (stat(2), statx(2), statfs(2), readv(2), fcntl(2), utime(2), openat2(2)). */
import { struct } from './struct.js';

/** struct stat of x86-64. */
export const STAT = struct({
  dev: 'u64', ino: 'u64', nlink: 'u64', mode: 'u32', uid: 'u32', gid: 'u32', pad: 'u32', rdev: 'u64', bytes: 'i64',
  blksize: 'u64', blocks: 'u64', atime: 'u64', atimeNsec: 'u64', mtime: 'u64', mtimeNsec: 'u64', ctime: 'u64',
  ctimeNsec: 'u64', unused: ['u64', 3],
});

/** struct stat64 of i386, which the *64 calls there fill. */
export const STAT64 = struct({
  dev: 'u64', pad: 'u32', shortIno: 'u32', mode: 'u32', nlink: 'u32', uid: 'u32', gid: 'u32', rdev: 'u64',
  unused: 'u32', bytes: 'i64', blksize: 'u32', blocks: 'u64', atime: 'u32', atimeNsec: 'u32', mtime: 'u32',
  mtimeNsec: 'u32', ctime: 'u32', ctimeNsec: 'u32', ino: 'u64',
});

/** struct stat of i386's oldest calls (stat, lstat, fstat); 32-bit members only. */
export const STAT32 = struct({
  dev: 'u32', ino: 'u32', mode: 'u16', nlink: 'u16', uid: 'u16', gid: 'u16', rdev: 'u32', bytes: 'u32',
  blksize: 'u32', blocks: 'u32', atime: 'u32', atimeNsec: 'u32', mtime: 'u32', mtimeNsec: 'u32', ctime: 'u32',
  ctimeNsec: 'u32', unused: ['u32', 2],
});

/** struct statx; a timestamp is i64 seconds, u32 nanoseconds, 4 bytes of padding. */
export const STATX = struct({
  mask: 'u32', blksize: 'u32', attributes: 'u64', nlink: 'u32', uid: 'u32', gid: 'u32', mode: 'u16', pad: 'u16',
  ino: 'u64', bytes: 'u64', blocks: 'u64', attributesMask: 'u64', atime: ['u64', 2], btime: ['u64', 2],
  ctime: ['u64', 2], mtime: ['u64', 2], rdevMajor: 'u32', rdevMinor: 'u32', devMajor: 'u32', devMinor: 'u32',
  mntId: 'u64', dioMemAlign: 'u32', dioOffsetAlign: 'u32', spare: ['u64', 12],
});

/** Bits of statx's mask. */
export const STATX_MASK = {
  BASIC_STATS: 0x7ff, BTIME: 0x800, MNT_ID: 0x1000, MNT_ID_UNIQUE: 0x4000, RESERVED: 0x8000_0000,
} as const;

/** Attributes that statx tells. */
export const STATX_ATTR = { OF_INODE: 0x70, AUTOMOUNT: 0x1000, MOUNT_ROOT: 0x2000 } as const;

/** struct statfs. */
export const STATFS = struct({
  type: 'ulong', bsize: 'ulong', blocks: 'ulong', bfree: 'ulong', bavail: 'ulong', files: 'ulong', ffree: 'ulong',
  fsid: ['u32', 2], namelen: 'ulong', frsize: 'ulong', flags: 'ulong', spare: ['ulong', 4],
});

/** struct statfs64 of i386, packed to 4 bytes: 84 bytes. */
export const STATFS64 = struct({
  type: 'u32', bsize: 'u32', blocks: 'u64', bfree: 'u64', bavail: 'u64', files: 'u64', ffree: 'u64',
  fsid: ['u32', 2], namelen: 'u32', frsize: 'u32', flags: 'u32', spare: ['u32', 4],
});

export const IOVEC = struct({ base: 'ptr', len: 'size' });

/** struct flock of F_SETLK; i386's F_SETLK64 has 64-bit members (FLOCK64). */
export const FLOCK = struct({ type: 'u16', whence: 'u16', start: 'long', len: 'long', pid: 'u32' });
export const FLOCK64 = struct({ type: 'u16', whence: 'u16', start: 'i64', len: 'i64', pid: 'u32' });

export const OPEN_HOW = struct({ flags: 'u64', mode: 'u64', resolve: 'u64' });

/** Kinds of record locks and of flock(2). */
export const F_LCK = { RDLCK: 0, WRLCK: 1, UNLCK: 2 } as const;
export const LOCK = { SH: 1, EX: 2, NB: 4, UN: 8 } as const;

/** Flags of preadv2(2) and pwritev2(2). */
export const RWF = { HIPRI: 1, DSYNC: 2, SYNC: 4, NOWAIT: 8, APPEND: 16, NOAPPEND: 32 } as const;
export const SEEK = { SET: 0, CUR: 1, END: 2, DATA: 3, HOLE: 4 } as const;
/** Events and flags of inotify(7). */
export const IN = {
  ACCESS: 1, MODIFY: 2, ATTRIB: 4, CLOSE_WRITE: 8, CLOSE_NOWRITE: 16, OPEN: 32, MOVED_FROM: 64, MOVED_TO: 128,
  CREATE: 256, DELETE: 512, DELETE_SELF: 1024, MOVE_SELF: 2048, ALL_EVENTS: 0xfff, UNMOUNT: 0x2000, Q_OVERFLOW: 0x4000,
  IGNORED: 0x8000, ONLYDIR: 0x0100_0000, DONT_FOLLOW: 0x0200_0000, EXCL_UNLINK: 0x0400_0000,
  MASK_CREATE: 0x1000_0000, MASK_ADD: 0x2000_0000, ISDIR: 0x4000_0000, ONESHOT: 0x8000_0000,
} as const;
export const SPLICE_F = { MOVE: 1, NONBLOCK: 2, MORE: 4, GIFT: 8 } as const;
/** F_SEAL_* of fcntl(2). */
export const SEAL = { SEAL: 1, SHRINK: 2, GROW: 4, WRITE: 8, FUTURE_WRITE: 16, EXEC: 32 } as const;
export const MFD = { CLOEXEC: 1, ALLOW_SEALING: 2, HUGETLB: 4, NOEXEC_SEAL: 8, EXEC: 16 } as const;

/** Requests of ioctl(2) that are about files in general (linux/fs.h). */
export const FS_IOC = {
  GETFLAGS: 0x80086601, SETFLAGS: 0x40086602, GETVERSION: 0x80087601, FSGETXATTR: 0x801c581f, FSSETXATTR: 0x401c5820,
  FIBMAP: 1, FIGETBSZ: 2, FIEMAP: 0xc020660b, FIFREEZE: 0xc0045877, FITHAW: 0xc0045878, FIOQSIZE: 0x5460,
  FICLONE: 0x40049409, FICLONERANGE: 0x4020940d, FIDEDUPERANGE: 0xc0189436, RESVSP: 0x40305828, UNRESVSP: 0x40305829,
  RESVSP64: 0x4030582a, UNRESVSP64: 0x4030582b, ZERO_RANGE: 0x40305839,
} as const;

/** Flags of an inode (ioctl_iflags(2)). */
export const INODE_FLAG = { SYNC: 0x8, IMMUTABLE: 0x10, APPEND: 0x20, NODUMP: 0x40, NOATIME: 0x80 } as const;
export const CLOSE_RANGE = { UNSHARE: 2, CLOEXEC: 4 } as const;
export const R_OK = 4, W_OK = 2, X_OK = 1;
export const UTIME_NOW = 0x3fffffff, UTIME_OMIT = 0x3ffffffe;
export const IOV_MAX = 1024;
/** Most bytes that one read or write moves. */
export const MAX_RW_COUNT = 0x7fff_f000;
