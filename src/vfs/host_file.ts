/** Open files that are descriptors of the host: regular files, and the streams that the program was started with. */
import { E } from '../abi/errno.js';
import { O, POLL, S } from '../abi/fcntl.js';
import { native } from '../host/native.js';
import { STAT } from '../host/native_io.js';
import { ATTR, Inode, makeDev, Stat, StatFs } from './inode.js';
import type { AttrChange, FileSystem } from './inode.js';
import { Location, Mount } from './mount.js';
import { OpenFile, SEEK } from './open_file.js';
import type { UserMemory } from './open_file.js';

const scratch = new Float64Array(STAT.length);
const READABLE = POLL.IN | POLL.HUP | POLL.ERR;
/** What can be written without waiting when poll says POLLOUT: three quarters of a socket's buffer are free then. */
const PIPE_BUF = 4096;
const SOCKET_ROOM = 65536;
const WRITABLE = POLL.OUT | POLL.HUP | POLL.ERR;

/** Copies what native.fstat or statBeneath filled. */
/** Ids of the host's that the guest sees as root's. */
let ownUid = -1;
let ownGid = -1;

/**
 * From now on the files of this user of the host are root's for the guest: who is root there owns what its caller owns.
 */
export function showOwnFilesAsRoots(uid: number, gid: number): void {
  ownUid = uid;
  ownGid = gid;
}
/** The guest's id for a host's, and back. */
export function shownUid(uid: number): number {
  return uid === ownUid ? 0 : uid;
}
export function shownGid(gid: number): number {
  return gid === ownGid ? 0 : gid;
}
export function hostUid(uid: number): number {
  return uid === 0 && ownUid >= 0 ? ownUid : uid;
}
export function hostGid(gid: number): number {
  return gid === 0 && ownGid >= 0 ? ownGid : gid;
}

export function statFromHost(from: Float64Array, out: Stat): void {
  out.dev = from[STAT.dev]!;
  out.ino = from[STAT.ino]!;
  out.mode = from[STAT.mode]!;
  out.nlink = from[STAT.nlink]!;
  out.uid = shownUid(from[STAT.uid]!);
  out.gid = shownGid(from[STAT.gid]!);
  out.rdev = from[STAT.rdev]!;
  out.size = from[STAT.size]!;
  out.blksize = from[STAT.blksize]!;
  out.blocks = from[STAT.blocks]!;
  out.atime = from[STAT.atime]!;
  out.atimeNsec = from[STAT.atimeNsec]!;
  out.mtime = from[STAT.mtime]!;
  out.mtimeNsec = from[STAT.mtimeNsec]!;
  out.ctime = from[STAT.ctime]!;
  out.ctimeNsec = from[STAT.ctimeNsec]!;
  out.btime = from[STAT.btime]!;
  out.btimeNsec = from[STAT.btimeNsec]!;
}

/** What statfs(2) tells of the host's file system that a descriptor is on. 0 or -errno. */
export function statfsFromHost(fd: number, out: StatFs): number {
  const numbers = new Float64Array(10);
  const failed = native.fstatfs(fd, numbers);
  if (failed < 0) return failed;
  out.type = numbers[0]!;
  out.bsize = numbers[1]!;
  out.blocks = numbers[2]!;
  out.bfree = numbers[3]!;
  out.bavail = numbers[4]!;
  out.files = numbers[5]!;
  out.ffree = numbers[6]!;
  out.namelen = numbers[7]!;
  out.frsize = numbers[8]!;
  out.flags = numbers[9]!;
  return 0;
}

/** A regular file of the host. Its position is the host descriptor's own. */
export class HostFile extends OpenFile {
  /** The position may have moved. */
  protected moved = false;
  /** Nothing but the position may differ from a descriptor that is opened just now. */
  protected plain = true;

  constructor(readonly fd: number, flags: number, location: Location | null) {
    super(flags, location);
  }

  override read(u8: Uint8Array, start: number, length: number): number {
    this.moved = true;
    return native.pread(this.fd, u8, start, length, -1);
  }
  override write(u8: Uint8Array, start: number, length: number): number {
    return native.pwrite(this.fd, u8, start, length, -1);
  }
  override pread(u8: Uint8Array, start: number, length: number, position: number): number {
    return native.pread(this.fd, u8, start, length, position);
  }
  override pwrite(u8: Uint8Array, start: number, length: number, position: number): number {
    return native.pwrite(this.fd, u8, start, length, position);
  }
  override seek(offset: number, whence: number): number {
    this.moved = true;
    return native.lseek(this.fd, offset, whence);
  }
  override get seekable(): boolean {
    return true;
  }
  override get refusesToWait(): boolean {
    return true;
  }
  override stat(out: Stat): number {
    const failed = native.fstat(this.fd, scratch);
    if (failed < 0) return failed;
    statFromHost(scratch, out);
    return 0;
  }
  override setattr(change: AttrChange): number {
    if (change.mask === ATTR.SIZE) return this.truncate(change.size);
    return super.setattr(change);
  }
  override truncate(size: number): number {
    return native.ftruncate(this.fd, size);
  }
  override fallocate(mode: number, offset: number, length: number): number {
    return native.fallocate(this.fd, mode, offset, length);
  }
  override sync(dataOnly: boolean): number {
    return native.fsync(this.fd, dataOnly ? 1 : 0);
  }
  override ioctl(request: number, arg: number, memory: UserMemory): number {
    return request === FIONREAD ? hostIoctl(this.fd, request, arg, memory) : -E.NOTTY;
  }
  override mapFd(): number {
    return this.fd;
  }
  override hostFd(): number {
    this.plain = false;
    return this.fd;
  }
  override storageFd(): number {
    this.plain = false;
    return this.fd;
  }
  override copyTo(fd: number): number {
    return copyData(this.fd, fd);
  }
  override flagsChanged(): void {
    this.plain = false;
    const host = native.fcntl(this.fd, 3, 0);
    if (host >= 0) native.fcntl(this.fd, 4, (host & ~O.APPEND) | (this.flags & O.APPEND));
  }
  protected override closed(): number {
    return native.close(this.fd);
  }
}

/** Copies all that is no hole from one descriptor to another, whose positions move. 0 or -errno. */
function copyData(from: number, to: number): number {
  for (let at = 0; ;) {
    const start = native.lseek(from, at, SEEK.DATA);
    if (start < 0) return start === -E.NXIO ? 0 : start;
    const end = native.lseek(from, start, SEEK.HOLE);
    if (end < 0) return end;
    const copied = native.copyRange(from, start, to, start, end - start);
    if (copied < end - start) return copied < 0 ? copied : 0;
    at = end;
  }
}

/**
 * A pipe, terminal, socket or device of the host. Never waits in the host: not ready is -EAGAIN.
 * Pipes and terminals are opened anew through /proc without blocking, so that the flags of the caller's description stay.
 */
export class HostStream extends OpenFile {
  private readonly fd: number;
  private readonly type: number;
  private readonly nonblocking: boolean;

  /** `fd` belongs to the new object; it is closed at once when it is opened anew. */
  constructor(fd: number, flags: number, override readonly location: Location, readonly hostName: string) {
    super(flags, location);
    this.type = location.inode.type;
    const again = this.type === S.IFIFO || isTerminal(fd)
      ? native.openHost(`/proc/self/fd/${fd}`, (flags & O.ACCMODE) | O.NONBLOCK | O.NOCTTY, 0) : -1;
    if (again >= 0) native.close(fd);
    this.fd = again >= 0 ? again : fd;
    this.nonblocking = again >= 0;
  }

  override get label(): string {
    return this.hostName;
  }
  override read(u8: Uint8Array, start: number, length: number): number {
    if (!this.nonblocking && (native.pollNow(this.fd, POLL.IN) & READABLE) === 0) return -E.AGAIN;
    return native.pread(this.fd, u8, start, length, -1);
  }
  override write(u8: Uint8Array, start: number, length: number): number {
    if (this.nonblocking) return native.pwrite(this.fd, u8, start, length, -1);
    if ((native.pollNow(this.fd, POLL.OUT) & WRITABLE) === 0) return -E.AGAIN;
    const room = this.type === S.IFCHR ? length : this.type === S.IFSOCK ? SOCKET_ROOM : PIPE_BUF;
    return native.pwrite(this.fd, u8, start, Math.min(length, room), -1);
  }
  override pread(u8: Uint8Array, start: number, length: number, position: number): number {
    return this.seekable ? native.pread(this.fd, u8, start, length, position) : -E.SPIPE;
  }
  override pwrite(u8: Uint8Array, start: number, length: number, position: number): number {
    return this.seekable ? native.pwrite(this.fd, u8, start, length, position) : -E.SPIPE;
  }
  override seek(offset: number, whence: number): number {
    return native.lseek(this.fd, offset, whence);
  }
  override get seekable(): boolean {
    return this.type !== S.IFIFO && this.type !== S.IFSOCK && native.lseek(this.fd, 0, 1) >= 0;
  }
  override poll(): number {
    const events = native.pollNow(this.fd, POLL.IN | POLL.OUT | POLL.PRI);
    if (events < 0) return POLL.ERR;
    return events | (events & POLL.IN ? POLL.RDNORM : 0) | (events & POLL.OUT ? POLL.WRNORM : 0);
  }
  override pollFd(): number {
    return this.fd;
  }
  override get pollable(): boolean {
    return true;
  }
  override stat(out: Stat): number {
    return statDescriptor(this.fd, out);
  }
  override sync(dataOnly: boolean): number {
    return native.fsync(this.fd, dataOnly ? 1 : 0);
  }
  override ioctl(request: number, arg: number, memory: UserMemory): number {
    return hostIoctl(this.fd, request, arg, memory);
  }
  override mapFd(): number {
    return this.type === S.IFBLK ? this.fd : -E.NODEV;
  }
  override hostFd(): number {
    return this.fd;
  }
  protected override closed(): number {
    return native.close(this.fd);
  }
}

function statDescriptor(fd: number, out: Stat): number {
  const failed = native.fstat(fd, scratch);
  if (failed < 0) return failed;
  statFromHost(scratch, out);
  return 0;
}

const FIONREAD = 0x541b;

/** Requests passed on to the host, with the bytes that they read or write: terminals' own (ioctl_tty(2)), FIONREAD. */
const ioctlSizes = new Map<number, { size: number; writes: boolean }>([
  [0x5401, { size: 36, writes: true }], // TCGETS
  [0x5402, { size: 36, writes: false }], // TCSETS, TCSETSW, TCSETSF
  [0x5403, { size: 36, writes: false }],
  [0x5404, { size: 36, writes: false }],
  [0x5405, { size: 18, writes: true }], // TCGETA
  [0x5411, { size: 4, writes: true }], // TIOCOUTQ
  [0x5413, { size: 8, writes: true }], // TIOCGWINSZ
  [0x5414, { size: 8, writes: false }], // TIOCSWINSZ
  [FIONREAD, { size: 4, writes: true }],
  [0x802c542a, { size: 44, writes: true }], // TCGETS2
  [0x402c542b, { size: 44, writes: false }], // TCSETS2, TCSETSW2, TCSETSF2
  [0x402c542c, { size: 44, writes: false }],
  [0x402c542d, { size: 44, writes: false }],
]);

/** Requests whose argument is a number: TCSBRK, TCXONC, TCFLSH, TCSBRKP. */
const VALUE_REQUESTS: ReadonlySet<number> = new Set([0x5409, 0x540a, 0x540b, 0x5425]);
const TCGETS = 0x5401;
const PTMX = makeDev(5, 2);
const termios = new Uint8Array(64);

/** A terminal, but not the master's end of a pseudo-terminal: opening that anew makes another one. */
function isTerminal(fd: number): boolean {
  if (native.ioctl(fd, TCGETS, termios, 0) < 0) return false;
  return native.fstat(fd, scratch) >= 0 && scratch[STAT.rdev] !== PTMX;
}

function hostIoctl(fd: number, request: number, arg: number, memory: UserMemory): number {
  if (VALUE_REQUESTS.has(request)) return native.ioctlValue(fd, request, arg);
  const known = ioctlSizes.get(request >>> 0);
  if (known === undefined) return -E.NOTTY;
  const may = known.writes ? memory.writable(arg, known.size) : memory.readable(arg, known.size);
  return may ? native.ioctl(fd, request >>> 0, memory.window.u8, arg) : -E.FAULT;
}

/** The inodes of descriptors that posixx was started with: they have no name in the guest's tree. */
class DescriptorFs implements FileSystem {
  readonly type = 'hostfd';
  readonly source = 'hostfd';
  readonly dev = 0;
  readonly readOnly = false;
  readonly root: Inode;
  readonly mount: Mount;

  constructor(fd: number, mode: number, uid: number, gid: number, name: string) {
    this.root = new DescriptorInode(this, fd, mode, uid, gid, name);
    this.mount = new Mount(this, this.root, 0, null);
  }
  statfs(out: StatFs): number {
    Object.assign(out, new StatFs());
    return 0;
  }
  sync(): number {
    return 0;
  }
}

class DescriptorInode extends Inode {
  constructor(
    readonly fs: FileSystem, private readonly fd: number,
    public mode: number, public uid: number, public gid: number, private readonly hostName: string,
  ) {
    super();
  }
  override get opensItself(): boolean {
    return this.type !== S.IFREG;
  }
  override stat(out: Stat): number {
    return statDescriptor(this.fd, out);
  }
  /** The size; nothing else of what the caller gave us may be changed. */
  override setattr(change: AttrChange): number {
    if (change.mask !== ATTR.SIZE) return -E.PERM;
    return this.type === S.IFREG ? native.ftruncate(this.fd, change.size) : -E.INVAL;
  }
  /** As /proc/self/fd/N does for a pipe: the same stream once more. */
  override open(flags: number, location: Location): OpenFile | number {
    const fd = native.dup(this.fd);
    if (fd < 0) return fd;
    if (this.type === S.IFREG) return new HostFile(fd, flags, location);
    return new HostStream(fd, flags, location, this.hostName);
  }
}

/**
 * The open file description behind a host descriptor, such as 0, 1 and 2. It gets a descriptor of its own, so the
 * host's stays open when the guest closes its one. -EBADF: it is closed.
 */
export function openHostDescriptor(hostFd: number): OpenFile | number {
  const fd = native.dup(hostFd);
  if (fd < 0) return fd;
  native.fstat(fd, scratch);
  const mode = scratch[STAT.mode]!;
  const self = native.openHost('/proc/self/fd', O.PATH | O.DIRECTORY, 0);
  const name = self < 0 ? '' : native.readlinkBeneath(self, String(hostFd));
  if (self >= 0) native.close(self);
  const label = typeof name === 'string' ? name : '';
  const fs = new DescriptorFs(fd, mode, shownUid(scratch[STAT.uid]!), shownGid(scratch[STAT.gid]!), label);
  const location = new Location(fs.mount, fs.root);
  const flags = native.fcntl(fd, 3, 0) & (O.ACCMODE | O.APPEND);
  // The inode keeps one, for those who open it again.
  const own = native.dup(fd);
  if (own < 0) return own;
  return (mode & S.IFMT) === S.IFREG
    ? new StandardFile(own, flags, location, label)
    : new HostStream(own, flags, location, label);
}

class StandardFile extends HostFile {
  constructor(fd: number, flags: number, location: Location, private readonly hostName: string) {
    super(fd, flags, location);
  }
  override get label(): string {
    return this.hostName;
  }
}
