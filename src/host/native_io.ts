/** Where native.fstat and native.statBeneath put what statx(2) says: indexes into a Float64Array. */
export const STAT = {
  /** Device numbers are in Linux's 32-bit coding. */
  dev: 0, ino: 1, mode: 2, nlink: 3, uid: 4, gid: 5, rdev: 6, size: 7, blksize: 8, blocks: 9,
  atime: 10, atimeNsec: 11, mtime: 12, mtimeNsec: 13, ctime: 14, ctimeNsec: 15, btime: 16, btimeNsec: 17,
  length: 18,
} as const;

/**
 * Host file I/O of the addon (native/host_io.cc). All give a value ≥ 0 or the host's -errno.
 * Paths and names are byte strings (one char a byte). A "beneath" call takes a directory descriptor and a path
 * relative to it ('' is the directory itself) and cannot leave that directory: a symbolic link on the way is -ELOOP,
 * '..' is -EXDEV. It works on a symbolic link at the end itself.
 */
export interface NativeIo {
  /** open(2) of a host path; descriptors are close-on-exec. */
  openHost(path: string, flags: number, mode: number): number;
  openBeneath(root: number, path: string, flags: number, mode: number): number;
  /** As openBeneath, and fills `out` by STAT with what was opened. */
  openStatBeneath(root: number, path: string, flags: number, mode: number, out: Float64Array): number;
  close(fd: number): number;
  dup(fd: number): number;
  /** Into u8[start, start + length). position -1: at the descriptor's own position. */
  pread(fd: number, u8: Uint8Array, start: number, length: number, position: number): number;
  pwrite(fd: number, u8: Uint8Array, start: number, length: number, position: number): number;
  lseek(fd: number, offset: number, whence: number): number;
  /** Fills `out` by STAT. */
  fstat(fd: number, out: Float64Array): number;
  /** Of `name` in the directory at `path`; either may be ''. */
  statBeneath(root: number, path: string, name: string, out: Float64Array): number;
  /**
   * As statBeneath, but links on the way are followed as the host does: a third of the time, for roots that nothing is
   * outside of.
   */
  statAt(root: number, path: string, name: string, out: Float64Array): number;
  /** getdents64(2): whole records into u8[start, start + length). */
  getdents(fd: number, u8: Uint8Array, start: number, length: number): number;
  readlinkBeneath(root: number, path: string): string | number;
  /** As readlinkBeneath, with the host's walk: see statAt. */
  readlinkAt(dir: number, path: string): string | number;
  ftruncate(fd: number, size: number): number;
  fsync(fd: number, dataOnly: number): number;
  fallocate(fd: number, mode: number, offset: number, length: number): number;
  mkdirBeneath(root: number, path: string, mode: number): number;
  mknodBeneath(root: number, path: string, mode: number, dev: number): number;
  /** flags: AT_REMOVEDIR. */
  unlinkBeneath(root: number, path: string, flags: number): number;
  renameBeneath(root: number, from: string, to: string, flags: number): number;
  linkBeneath(root: number, from: string, to: string): number;
  symlinkBeneath(root: number, path: string, target: string): number;
  /** Seconds and nanoseconds of access and modification; UTIME_NOW and UTIME_OMIT as in utimensat(2). */
  utimensBeneath(
    root: number, path: string, atime: number, atimeNsec: number, mtime: number, mtimeNsec: number,
  ): number;
  chmodBeneath(root: number, path: string, mode: number): number;
  /** -1 leaves an id as it is. */
  chownBeneath(root: number, path: string, uid: number, gid: number): number;
  /** type, bsize, blocks, bfree, bavail, files, ffree, namelen, frsize, flags. */
  fstatfs(fd: number, out: Float64Array): number;
  /** An inotify descriptor that does not block; read it with pread at -1. */
  inotifyInit(): number;
  /** Watches what lies at a path beneath a root; gives the watch descriptor. */
  inotifyAddBeneath(inotify: number, root: number, path: string, mask: number): number;
  inotifyRemove(inotify: number, wd: number): number;
  memfdCreate(name: string): number;
  fcntl(fd: number, command: number, arg: number): number;
  /** ioctl(2) with a pointer to u8[start]; the caller knows that the request's struct fits. */
  ioctl(fd: number, request: number, u8: Uint8Array, start: number): number;
  /** ioctl(2) of a request whose argument is a number. */
  ioctlValue(fd: number, request: number, value: number): number;
  /** poll(2) of one descriptor without waiting: its events now. */
  pollNow(fd: number, events: number): number;
  /** The value's length; with an empty array, without reading it. */
  getxattrBeneath(root: number, path: string, name: string, out: Uint8Array): number;
  /** Names, each ended by NUL. */
  listxattrBeneath(root: number, path: string, out: Uint8Array): number;
  setxattrBeneath(root: number, path: string, name: string, value: Uint8Array, flags: number): number;
  removexattrBeneath(root: number, path: string, name: string): number;
}
