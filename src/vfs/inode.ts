/**
 * What a file system gives to the VFS: inodes by name, and data through open files.
 * A new file system is one FileSystem and one or two Inode classes; see docs/vfs.md.
 *
 * Names, link targets and xattr names are byte strings: JS strings whose chars are the bytes 0–255.
 * Calls give a value ≥ 0 (or an object), or -errno. They never throw for what a guest asks.
 */
import { E } from '../abi/errno.js';
import { S } from '../abi/fcntl.js';
import type { FileCredentials } from './credentials.js';
import type { HostPlace } from './host_notify.js';
import type { Location, Mount } from './mount.js';
import type { OpenFile } from './open_file.js';

/** What stat(2) and statx(2) tell. Times are whole seconds and nanoseconds. Filled in place and reused. */
export class Stat {
  /** Device numbers in Linux's 32-bit coding; see makeDev. */
  dev = 0;
  ino = 0;
  mode = 0;
  nlink = 1;
  uid = 0;
  gid = 0;
  rdev = 0;
  size = 0;
  blksize = 4096;
  /** Of 512 bytes. */
  blocks = 0;
  atime = 0;
  atimeNsec = 0;
  mtime = 0;
  mtimeNsec = 0;
  ctime = 0;
  ctimeNsec = 0;
  btime = 0;
  btimeNsec = 0;
}

/** What statfs(2) tells. Counts are of `bsize` bytes. */
export class StatFs {
  type = 0;
  bsize = 4096;
  blocks = 0;
  bfree = 0;
  bavail = 0;
  files = 0;
  ffree = 0;
  namelen = 255;
  frsize = 4096;
  flags = 0;
  /** A number that no other file system has. */
  fsid = 0;
}

/** What a new inode starts with. */
export interface NewInode {
  /** File type and permission bits, the umask already applied. */
  mode: number;
  uid: number;
  gid: number;
  /** Devices: see makeDev. */
  rdev: number;
  /** Symbolic links: the target. */
  target: string;
}

/** Which attributes `Inode.setattr` changes. */
export const ATTR = { MODE: 1, UID: 2, GID: 4, SIZE: 8, ATIME: 16, MTIME: 32 } as const;

export interface AttrChange {
  /** ATTR bits: which of the other members count. */
  mask: number;
  /** Permission bits (07777); the type stays. */
  mode: number;
  uid: number;
  gid: number;
  size: number;
  atime: number;
  atimeNsec: number;
  mtime: number;
  mtimeNsec: number;
}

/** A change of nothing but what `mask` says; the caller fills those members in. */
export function change(mask: number): AttrChange {
  return { mask, mode: 0, uid: 0, gid: 0, size: 0, atime: 0, atimeNsec: 0, mtime: 0, mtimeNsec: 0 };
}

/** Flags of renameat2(2). */
export const RENAME = { NOREPLACE: 1, EXCHANGE: 2, WHITEOUT: 4 } as const;

/** Takes directory entries, one after the other. `type` is S_IF… or 0 when the file system does not know. */
export interface DirSink {
  /** `next`: the position (> 0) from which reading goes on behind this entry. False: no room, it was not taken. */
  entry(name: string, ino: number, type: number, next: number): boolean;
  /** Takes, if it is there, all records that the host's getdents64(2) put into bytes[start, end), but '.' and '..'. */
  records?(bytes: Uint8Array, start: number, end: number): void;
}

/** Takes one extent of a file. False: no room, it was not taken. */
export type TellExtent = (logical: number, physical: number, length: number, flags: number) => boolean;

export interface FileSystem {
  /** Type as mount(8) names it: 'tmpfs', 'overlay'. */
  readonly type: string;
  /** What /proc/mounts shows as the device. */
  readonly source: string;
  readonly dev: number;
  readonly root: Inode;
  /** Nothing can be changed, whatever the mount says. */
  readonly readOnly: boolean;
  /** SUPER flags (abi/mount.ts); changed by superFlags of write_through.ts only. undefined: none. */
  superFlags?: number;
  /** Inode.rename knows RENAME.WHITEOUT, which leaves a whiteout (a character device 0:0) at the old name. */
  readonly leavesWhiteouts?: boolean;
  /** A directory stays where a walk found it until a call moves or removes it: the next walk need not look (walked.ts). */
  readonly keepsDirectories?: boolean;
  /** FIGETBSZ, when it is not what stat says; 0: it has none. */
  readonly blockSize?: number;
  statfs(out: StatFs): number;
  sync(): number;
  /** What /proc/mounts shows behind the flags, as ',size=64k'. */
  showOptions?(): string;
  /** The last mount is gone. What is still open goes on; with its last close the file system is left clean. */
  unmounted?(): void;
  /** The run is over: all goes to the device, which is left clean, whatever is still open. 0 or -errno. */
  close?(): number;
  /** Read-only from now on, or no longer, and with other options (MS_REMOUNT). 0 or -errno. */
  remount?(readOnly: boolean, options: string): number;
}

/**
 * One file, directory or other object. A directory is represented by one Inode as long as anybody
 * holds it; other files may get a new object per lookup (`identity` says which are the same).
 * Permissions, mounts, symbolic links and name rules are the VFS's business: an inode just does what it is told.
 */
export abstract class Inode {
  abstract readonly fs: FileSystem;
  /** File type and permission bits, owner and group, as last known. */
  abstract mode: number;
  abstract uid: number;
  abstract gid: number;
  /** Directories: the directory and the name under which the last walk found this one. */
  parent: Inode | null = null;
  name = '';
  /** Directories: removed, though somebody still holds it. Nothing can be made in it. */
  removed = false;
  /** How many mounts lie on this inode, as seen through whatever mount. */
  covered = 0;
  /** Directories: files in it that are mounted on, by name; a look-up might give another object. null: none. */
  pinned: Map<string, Inode> | null = null;
  /** Directories: bytes of the longest name. */
  get nameMax(): number {
    return 255;
  }
  /** Files of a lower layer that is remembered: what the overlay showed for it last. */
  shownAs: Inode | null = null;
  /** Belongs to the kernel: the pipe of a FIFO, the socket bound to a socket inode, and the like. */
  attachment: unknown = null;

  get type(): number {
    return this.mode & S.IFMT;
  }
  /** Equal for two Inode objects if and only if they are the same file; the key for locks and mappings. */
  get identity(): unknown {
    return this;
  }
  /** A FIFO or device that `open` opens, and not the drivers that the Vfs knows. */
  get opensItself(): boolean {
    return false;
  }
  /** Made for whoever looks it up (/proc/PID/fd/N): nothing can be mounted on it. */
  get ephemeral(): boolean {
    return false;
  }
  abstract stat(out: Stat): number;
  /** Somebody keeps this file without having it open (O_PATH): without a name it lives on until `unpin`. */
  pin(): void {}
  unpin(): void {}

  /** Opens for `flags` (access mode, O.APPEND …); permissions are checked. O.TRUNC: the size will be set to 0. */
  open(_flags: number, _location: Location): OpenFile | number {
    return -E.NXIO;
  }
  /** Directories: the child, or -ENOENT. Never called with '.', '..' or ''. */
  lookup(_name: string): Inode | number {
    return -E.NOTDIR;
  }
  /**
   * Directories: what the last look-up of a name found, when asking again would take long; null: nothing is remembered.
   * A directory is there still; of anything else `recheck`, `openRemembered` or `readlink` must find that out.
   */
  remembered(_name: string): Inode | null {
    return null;
  }
  /** As `lookup`, of a name for which `remembered` has just given null. */
  lookupNew(name: string): Inode | number {
    return this.lookup(name);
  }
  /** What `remembered` gave is there still, and its attributes are known anew (0); or -ESTALE. */
  recheck(): number {
    return -E.STALE;
  }
  /** As `open`, for what `remembered` gave: -ESTALE when something else, or changed, is there now. */
  openRemembered(_flags: number, _location: Location): OpenFile | number {
    return -E.STALE;
  }
  /** As `stat`, right after the look-up that found this inode, which may have learned all of it. -ESTALE: look it up again. */
  statFound(out: Stat): number {
    return this.stat(out);
  }
  /** Directories: the inode number, as `stat` gives it. */
  get number(): number {
    return this.stat(numberStat) < 0 ? 0 : numberStat.ino;
  }
  /** Directories: entries from `position` (0: the start), without '.' and '..'. 0, or -errno. */
  readdir(_position: number, _sink: DirSink): number {
    return -E.NOTDIR;
  }
  /** Makes a file of any type (mode's S_IFMT). The name is known to be free, but may be taken since: -EEXIST. */
  create(_name: string, _init: NewInode): Inode | number {
    return -E.PERM;
  }
  /** A file without a name (O_TMPFILE) in this directory's file system. */
  createUnnamed(_init: NewInode): Inode | number {
    return -E.OPNOTSUPP;
  }
  link(_name: string, _inode: Inode): number {
    return -E.PERM;
  }
  unlink(_name: string): number {
    return -E.PERM;
  }
  rmdir(_name: string): number {
    return -E.PERM;
  }
  /** Moves this directory's `name` to `to`'s `newName` in the same file system. flags: RENAME.*; types were checked. */
  rename(_name: string, _to: Inode, _newName: string, _flags: number): number {
    return -E.PERM;
  }
  /** Directories: fsync(2). 0 or -errno. */
  syncDirectory(): number {
    return this.fs.sync();
  }
  /** Symbolic links: the target. */
  readlink(): string | number {
    return -E.INVAL;
  }
  /** Magic links (/proc/PID/fd/N): where they lead, whatever readlink says. null: an ordinary link. */
  jump(): Location | number | null {
    return null;
  }
  setattr(_change: AttrChange): number {
    return -E.PERM;
  }
  /** A directory or symbolic link was read through `mount`, whose flags say whether that is kept (updatesAccess). */
  stampAccess(_mount: Mount): void {}
  /** FS_IOC_GETFLAGS and FS_IOC_GETVERSION (ioctl_iflags(2)); -ENOTTY: the file system has none. */
  inodeFlags(): number {
    return -E.NOTTY;
  }
  generation(): number {
    return -E.NOTTY;
  }
  /** FIBMAP: the block of the device that holds a block of the file; 0: a hole. -EINVAL: there is no device. */
  blockMap(_block: number): number {
    return -E.INVAL;
  }
  /**
   * FS_IOC_FIEMAP: tells the extents with bytes of [from, to), in order, until `tell` gives false. Numbers are bytes,
   * `flags` FIEMAP_EXTENT_*. 1 when the last extent of the file was told, else 0; -EOPNOTSUPP.
   */
  extents(_from: number, _to: number, _tell: TellExtent): number {
    return -E.OPNOTSUPP;
  }
  /** FS_IOC_SETFLAGS: those that cannot be changed stay. The caller has checked who may. */
  setInodeFlags(_flags: number): number {
    return -E.NOTTY;
  }
  /**
   * A host descriptor that can be mapped (MAP_SHARED and MAP_PRIVATE) and shows the same bytes as read and write.
   * It belongs to the inode. -ENODEV: cannot be mapped.
   */
  mapFd(_writable: boolean): number {
    return -E.NODEV;
  }
  getxattr(_name: string): Uint8Array | number {
    return -E.OPNOTSUPP;
  }
  /** flags: XATTR_CREATE 1, XATTR_REPLACE 2. */
  setxattr(_name: string, _value: Uint8Array, _flags: number): number {
    return -E.OPNOTSUPP;
  }
  listxattr(): string[] | number {
    return [];
  }
  removexattr(_name: string): number {
    return -E.OPNOTSUPP;
  }
  /** Where processes of the host can change what this inode shows; null: nowhere. */
  hostPlace(): HostPlace | null {
    return null;
  }
  /** Directories with a host's place: is what the host has under a name what `lookup` gives? */
  hostShows(_name: string): boolean {
    return true;
  }
  /** From now on stat shows these numbers: the inode is a copy that stands for another one. */
  showAs(_dev: number, _ino: number): void {}
  /** May `cred` do `mask` (4 read, 2 write, 1 execute or search)? 0 or -EACCES (path_resolution(7)). */
  permission(cred: FileCredentials, mask: number): number {
    return classPermission(this.mode, this.uid, this.gid, cred, mask);
  }
}

const numberStat = new Stat();

/** The owner, group, other rule with the two DAC capabilities (capabilities(7)). 0 or -EACCES. */
export function classPermission(mode: number, uid: number, gid: number, cred: FileCredentials, mask: number): number {
  let bits = mode & 7;
  if (cred.fsuid === uid) bits = (mode >> 6) & 7;
  else if (cred.fsgid === gid || cred.groups.includes(gid)) bits = (mode >> 3) & 7;
  if ((mask & ~bits) === 0) return 0;
  const directory = (mode & S.IFMT) === S.IFDIR;
  if (cred.capabilities & (1 << 1) && (directory || !(mask & 1) || mode & 0o111)) return 0;
  if (cred.capabilities & (1 << 2) && (mask === 4 || (directory && !(mask & 2)))) return 0;
  return -E.ACCES;
}

/** Linux's 32-bit device number. */
export function makeDev(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}
export function devMajor(dev: number): number {
  return (dev >>> 8) & 0xfff;
}
export function devMinor(dev: number): number {
  return (dev & 0xff) | ((dev >>> 12) & 0xfff00);
}

let anonymousMinor = 0x20;

/** A device number for a file system without a device. */
export function anonymousDev(): number {
  return makeDev(0, ++anonymousMinor);
}
