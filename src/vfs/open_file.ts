/** Open file descriptions: what descriptors refer to (open(2)). */
import { E } from '../abi/errno.js';
import { O, POLL } from '../abi/fcntl.js';
import { IN } from '../abi/file.js';
import type { AttrChange, DirSink, Inode, Stat } from './inode.js';
import { fileLocks, recordLocks } from './locks.js';
import { notifyClosed, notifyPlace, watched } from './notify.js';
import type { Location } from './mount.js';

/** Tasks that wait for a file. The kernel's wait queue implements it; the VFS only wakes. */
export interface Waiters {
  /** Something about the file's readiness has changed: those who wait look again. */
  wake(): unknown;
}

/** Who gets signals about a file (O_ASYNC). The kernel implements it. */
export interface SignalDriven {
  /** The description is gone. */
  closed(): void;
  /** Urgent data have come (SIGURG). */
  urgent(): void;
  /** One of its descriptors was closed. */
  descriptorClosed(): void;
}

/** Guest memory as ioctls see it. The checks come first: a touch of an unmapped page ends the process. */
export interface UserMemory {
  readonly window: { readonly u8: Uint8Array; readonly view: DataView };
  readable(addr: number, length: number): boolean;
  writable(addr: number, length: number): boolean;
}

/** The caller's descriptors, for ioctls that name one. */
export interface Descriptors {
  get(fd: number): OpenFile | undefined;
}

/** What fchmod(2) and fchown(2) change of a pipe or a socket; the ends of a pipe share it. */
export interface Ownership {
  /** Permission bits. */
  mode: number;
  uid: number;
  gid: number;
}

export const SEEK = { SET: 0, CUR: 1, END: 2, DATA: 3, HOLE: 4 } as const;

/**
 * Reads and writes go between the file and `u8[start, start + length)`; the caller has checked that the range
 * may be touched, and that the access mode allows it. They give the count, 0 at the end of the file, or -errno; a file
 * that would have to wait gives -EAGAIN whether O.NONBLOCK is set or not, and the caller waits for `poll` events.
 */
export abstract class OpenFile {
  /** Access mode and status flags (O.APPEND, O.NONBLOCK …), as F_GETFL shows. */
  flags: number;
  /** Where the file was opened; null for pipes, sockets and other nameless things. */
  readonly location: Location | null;
  /** Tasks that wait for this file; set by the kernel when the first one does. */
  waiters: Waiters | null = null;
  /** The description has or had locks, which its last close gives up. */
  locked = false;
  /** `privileges.given` when the file was last found to have no capabilities. */
  unprivilegedAt = 0;
  /** Made by the kernel when F_SETOWN, F_SETSIG or O_ASYNC is first used. */
  signalDriven: SignalDriven | null = null;
  private references = 1;

  constructor(flags: number, location: Location | null) {
    this.flags = flags;
    this.location = location;
  }

  get inode(): Inode | null {
    return this.location === null ? null : this.location.inode;
  }
  /** Owner and mode of what has no place but can be given away: a pipe, a socket. */
  get ownership(): Ownership | null {
    return null;
  }
  /** What locks of this description are on: all descriptions of a file have the same. */
  get lockIdentity(): unknown {
    return this.location === null ? this : this.location.inode.identity;
  }
  /** Access mode 3 allows neither: such a file is for ioctls. */
  get canRead(): boolean {
    return (this.flags & 1) === 0 && (this.flags & O.PATH) === 0;
  }
  get canWrite(): boolean {
    return ((this.flags + 1) & O.RDWR) !== 0 && (this.flags & O.PATH) === 0;
  }
  /** Name for /proc/PID/fd of what has no path, such as 'pipe:[4]'; '' when `location` gives the path. */
  get label(): string {
    return '';
  }

  read(_u8: Uint8Array, _start: number, _length: number): number {
    return -E.INVAL;
  }
  write(_u8: Uint8Array, _start: number, _length: number): number {
    return -E.INVAL;
  }
  pread(_u8: Uint8Array, _start: number, _length: number, _position: number): number {
    return -E.SPIPE;
  }
  pwrite(_u8: Uint8Array, _start: number, _length: number, _position: number): number {
    return -E.SPIPE;
  }
  /** The new position, or -errno. whence: SEEK.*. */
  seek(_offset: number, _whence: number): number {
    return -E.SPIPE;
  }
  /** True when the file has a position: pread, pwrite and seek work. */
  get seekable(): boolean {
    return false;
  }
  /** Entries from the position, with '.' and '..'; moves the position behind the last one taken. 0 or -errno. */
  readdir(_sink: DirSink): number {
    return -E.NOTDIR;
  }
  /** As readdir, in the form of getdents64(2), to u8[start, start + length): the bytes; -EINVAL: no room for one. */
  getdents(_u8: Uint8Array, _start: number, _length: number): number {
    return -E.NOTDIR;
  }
  /** `arg` is a guest address or a plain number. */
  ioctl(_request: number, _arg: number, _memory: UserMemory, _files: Descriptors): number {
    return -E.NOTTY;
  }
  /** POLL.* bits that are true now. Files that never wait are always ready. */
  poll(): number {
    return POLL.IN | POLL.OUT | POLL.RDNORM | POLL.WRNORM;
  }
  /** Host descriptor whose readiness (host poll) is this file's, or -1: `waiters.wake` tells. */
  pollFd(): number {
    return -1;
  }
  /** Regular files always transfer at once; only those that may wait can be polled by epoll (-EPERM otherwise). */
  get pollable(): boolean {
    return false;
  }
  /** RWF_NOWAIT is understood (preadv2(2)): what would have to wait gives -EAGAIN. */
  get refusesToWait(): boolean {
    return this.pollable;
  }
  /** Nanoseconds that a read or write may wait for `events`; Infinity: as long as it takes. */
  waitLimit(_events: number): number {
    return Infinity;
  }
  /** A read takes one message whole, whatever it leaves of it; a refused write brings no SIGPIPE. */
  get messages(): boolean {
    return false;
  }
  stat(out: Stat): number {
    return this.location === null ? -E.BADF : this.location.inode.stat(out);
  }
  setattr(change: AttrChange): number {
    return this.location === null ? -E.PERM : this.location.inode.setattr(change);
  }
  truncate(_size: number): number {
    return -E.INVAL;
  }
  fallocate(_mode: number, _offset: number, _length: number): number {
    return -E.NODEV;
  }
  /**
   * Bytes that `fallocate` of this range should be asked for at a time, so that one call does not take seconds; or
   * -errno when there is no room for all.
   */
  allocationStep(_mode: number, _offset: number, _length: number): number {
    return Infinity;
  }
  /** dataOnly: fdatasync(2). */
  sync(_dataOnly: boolean): number {
    return -E.INVAL;
  }
  /** As Inode.mapFd, for the file that this description opened. */
  mapFd(writable: boolean): number {
    return this.location === null ? -E.NODEV : this.location.inode.mapFd(writable);
  }
  /** What was stored through mappings goes to where `sync` takes what was written (msync(2)). 0 or -errno. */
  syncMapped(): number {
    return 0;
  }
  /**
   * Copies all data to a descriptor of the host, each byte to where it is in the file, without a way through
   * JavaScript. 0, or -EOPNOTSUPP when the data is not on the host.
   */
  copyTo(_fd: number): number {
    return -E.OPNOTSUPP;
  }
  /** Host descriptor whose bytes are the file's, each at its place, for copies that the host makes; -1: none. */
  storageFd(): number {
    return -1;
  }
  /** Host descriptor that reads and writes go to, or -1. */
  hostFd(): number {
    return -1;
  }
  /** Bytes that a pipe holds (F_GETPIPE_SZ); -EBADF for what is none. */
  pipeSize(): number {
    return -E.BADF;
  }
  /** F_SETPIPE_SZ: the size set, which may be larger; -EBUSY when more is in the pipe. */
  setPipeSize(_size: number): number {
    return -E.BADF;
  }
  /** F_GET_SEALS; -EINVAL for what cannot have seals. */
  seals(): number {
    return -E.INVAL;
  }
  /** F_ADD_SEALS. mapped: there are shared mappings of the file that may be written through. */
  addSeals(_seals: number, _mapped: boolean): number {
    return -E.INVAL;
  }
  /** A signal has ended the wait of a read or write that was refused with -EAGAIN. */
  waitEnds(): void {}
  /** fcntl(2) F_SETFL changed `flags`. */
  flagsChanged(): void {}

  /** One more descriptor (or mapping, or message in flight) refers to this. A new description has one reference. */
  ref(): void {
    this.references++;
  }
  /** One reference less; the last one closes and gives what that gives (0 or -errno). */
  unref(): number {
    if (--this.references > 0) return 0;
    if (this.locked) {
      recordLocks.releaseOwner(this);
      fileLocks.releaseOwner(this);
    }
    if (this.signalDriven !== null) this.signalDriven.closed();
    if (!watched()) return this.closed();
    const result = this.closed();
    const { location } = this;
    if (location !== null) {
      if ((this.flags & O.PATH) === 0) notifyPlace(location, this.canWrite ? IN.CLOSE_WRITE : IN.CLOSE_NOWRITE);
      notifyClosed(location.inode);
    }
    return result;
  }
  get referenceCount(): number {
    return this.references;
  }
  /** The last reference is gone. */
  protected closed(): number {
    return 0;
  }
}
