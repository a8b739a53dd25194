/** Numbers of the file calls (open(2), fcntl(2), stat(2), inode(7)); x86-64 and i386 agree on all of them. */

/** Flags of open(2); the access mode is O.ACCMODE's two bits. */
export const O = {
  RDONLY: 0, WRONLY: 1, RDWR: 2, ACCMODE: 3,
  CREAT: 0o100, EXCL: 0o200, NOCTTY: 0o400, TRUNC: 0o1000, APPEND: 0o2000, NONBLOCK: 0o4000, DSYNC: 0o10000,
  ASYNC: 0o20000, DIRECT: 0o40000, LARGEFILE: 0o100000, DIRECTORY: 0o200000, NOFOLLOW: 0o400000, NOATIME: 0o1000000,
  CLOEXEC: 0o2000000, SYNC: 0o4010000, PATH: 0o10000000, TMPFILE: 0o20200000,
} as const;

/** File type and mode bits. */
export const S = {
  IFMT: 0o170000, IFSOCK: 0o140000, IFLNK: 0o120000, IFREG: 0o100000, IFBLK: 0o60000, IFDIR: 0o40000, IFCHR: 0o20000,
  IFIFO: 0o10000, ISUID: 0o4000, ISGID: 0o2000, ISVTX: 0o1000,
} as const;

export const AT = {
  FDCWD: -100, SYMLINK_NOFOLLOW: 0x100, EACCESS: 0x200, REMOVEDIR: 0x200, SYMLINK_FOLLOW: 0x400, NO_AUTOMOUNT: 0x800,
  EMPTY_PATH: 0x1000, STATX_FORCE_SYNC: 0x2000, STATX_DONT_SYNC: 0x4000, RECURSIVE: 0x8000,
} as const;

/** Commands of fcntl(2). */
export const F = {
  DUPFD: 0, GETFD: 1, SETFD: 2, GETFL: 3, SETFL: 4, GETLK: 5, SETLK: 6, SETLKW: 7, SETOWN: 8, GETOWN: 9, SETSIG: 10,
  GETSIG: 11, GETLK64: 12, SETLK64: 13, SETLKW64: 14, SETOWN_EX: 15, GETOWN_EX: 16, OFD_GETLK: 36, OFD_SETLK: 37,
  OFD_SETLKW: 38, SETLEASE: 1024, GETLEASE: 1025, NOTIFY: 1026, DUPFD_QUERY: 1027, DUPFD_CLOEXEC: 1030,
  SETPIPE_SZ: 1031, GETPIPE_SZ: 1032, ADD_SEALS: 1033, GET_SEALS: 1034,
} as const;

export const FD_CLOEXEC = 1;

/** Kinds of owners: struct f_owner_ex of F_SETOWN_EX. */
export const F_OWNER = { TID: 0, PID: 1, PGRP: 2 } as const;

/** Events of poll(2); epoll has the same numbers and more (EPOLL in abi/poll.ts). */
export const POLL = {
  IN: 0x001, PRI: 0x002, OUT: 0x004, ERR: 0x008, HUP: 0x010, NVAL: 0x020, RDNORM: 0x040, RDBAND: 0x080,
  WRNORM: 0x100, WRBAND: 0x200, MSG: 0x400, RDHUP: 0x2000,
} as const;
