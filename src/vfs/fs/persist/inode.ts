/** Inodes of a persistent layer: in memory, each change first in the log. A file's bytes are a file of the host. */
import { E } from '../../../abi/errno.js';
import { O, S } from '../../../abi/fcntl.js';
import { native } from '../../../host/native.js';
import { STAT } from '../../../host/native_io.js';
import { now, readClock } from '../../clock.js';
import { DirectoryFile } from '../../directory_file.js';
import { HostFile } from '../../host_file.js';
import { ATTR, Inode, RENAME } from '../../inode.js';
import type { AttrChange, DirSink, NewInode, Stat } from '../../inode.js';
import type { Location, Mount } from '../../mount.js';
import type { OpenFile } from '../../open_file.js';
import {
  attributeRecord, inodeRecord, linkRecord, renameRecord, showRecord, unlinkRecord, xattrRecord,
} from './records.js';
import type { PersistFs } from './persistfs.js';

const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;
const UTIME_OMIT = 0x3ffffffe;
/** What the host is told of the flags of open(2). */
const HOST_FLAGS = O.ACCMODE | O.APPEND | O.SYNC | O.DSYNC | O.NOATIME;

const host = new Float64Array(STAT.length);

export class PersistInode extends Inode {
  mode: number;
  uid: number;
  gid: number;
  readonly rdev: number;
  readonly target: string;
  nlink = 0;
  dev: number;
  ino: number;
  readonly entries: Map<string, PersistInode> | null;
  xattrs: Map<string, Uint8Array> | null = null;
  /** Open file descriptions; the bytes of an unlinked file live until the last is closed. */
  opens = 0;
  /** Times of regular files are those of the host's file, but for the change time when that is later. */
  atime = 0;
  atimeNsec = 0;
  mtime = 0;
  mtimeNsec = 0;
  ctime = 0;
  ctimeNsec = 0;
  btime = 0;
  btimeNsec = 0;

  /** `id` is the number of the inode in the log, and the name of its bytes. */
  constructor(readonly fs: PersistFs, readonly id: number, init: NewInode) {
    super();
    this.mode = init.mode;
    this.uid = init.uid;
    this.gid = init.gid;
    this.rdev = init.rdev;
    this.target = init.target;
    this.dev = fs.dev;
    this.ino = fs.firstIno + id;
    this.entries = (init.mode & S.IFMT) === S.IFDIR ? new Map() : null;
    if (this.entries !== null) this.nlink = 1;
  }

  /** Name of the host's file with the bytes. */
  get hostName(): string {
    return this.id.toString(16);
  }

  override pin(): void {
    this.opens++;
  }
  override unpin(): void {
    this.opens--;
    this.freeUnused();
  }
  override stat(out: Stat): number {
    if (this.type === S.IFREG) {
      const failed = native.statBeneath(this.fs.filesFd, '', this.hostName, host);
      if (failed < 0) return failed;
      out.size = host[STAT.size]!;
      out.blocks = host[STAT.blocks]!;
      out.atime = host[STAT.atime]!;
      out.atimeNsec = host[STAT.atimeNsec]!;
      out.mtime = host[STAT.mtime]!;
      out.mtimeNsec = host[STAT.mtimeNsec]!;
      const later = host[STAT.ctime]! > this.ctime ||
        (host[STAT.ctime] === this.ctime && host[STAT.ctimeNsec]! > this.ctimeNsec);
      out.ctime = later ? host[STAT.ctime]! : this.ctime;
      out.ctimeNsec = later ? host[STAT.ctimeNsec]! : this.ctimeNsec;
    } else {
      out.size = this.entries !== null ? 4096 : this.target.length;
      out.blocks = this.entries !== null ? 8 : 0;
      out.atime = this.atime;
      out.atimeNsec = this.atimeNsec;
      out.mtime = this.mtime;
      out.mtimeNsec = this.mtimeNsec;
      out.ctime = this.ctime;
      out.ctimeNsec = this.ctimeNsec;
    }
    out.dev = this.dev;
    out.ino = this.ino;
    out.mode = this.mode;
    out.nlink = this.removed ? 0 : this.nlink;
    out.uid = this.uid;
    out.gid = this.gid;
    out.rdev = this.rdev;
    out.blksize = 4096;
    out.btime = this.btime;
    out.btimeNsec = this.btimeNsec;
    return 0;
  }

  override open(flags: number, location: Location): OpenFile | number {
    if (this.entries !== null) return new DirectoryFile(flags, location);
    if (this.type !== S.IFREG) return -E.NXIO;
    // The host's owner is the one that posixx runs as: the access mode was checked against the guest's.
    const fd = native.openBeneath(this.fs.filesFd, this.hostName, flags & HOST_FLAGS, 0);
    if (fd < 0) return fd;
    if (flags & (O.SYNC | O.DSYNC)) this.fs.commit();
    return new PersistFile(this, fd, flags, location);
  }

  override lookup(name: string): Inode | number {
    return this.entries === null ? -E.NOTDIR : this.entries.get(name) ?? -E.NOENT;
  }

  override readdir(position: number, sink: DirSink): number {
    if (this.entries === null) return -E.NOTDIR;
    let at = 0;
    for (const [name, inode] of this.entries) {
      if (at++ < position) continue;
      if (!sink.entry(name, inode.ino, inode.type, at)) break;
    }
    return 0;
  }

  override create(name: string, init: NewInode): Inode | number {
    if (this.entries === null) return -E.NOTDIR;
    if (this.entries.has(name)) return -E.EXIST;
    const inode = this.make(init);
    if (typeof inode === 'number') return inode;
    // The clock was read there, and both records have one time.
    const failed = this.fs.log(linkRecord(this, name, inode.id, now.seconds, now.nanoseconds));
    if (failed < 0) {
      inode.freeUnused();
      return failed;
    }
    this.attach(name, inode);
    this.stampModify(now.seconds, now.nanoseconds);
    return inode;
  }

  override createUnnamed(init: NewInode): Inode | number {
    const inode = this.make(init);
    if (typeof inode !== 'number') inode.name = String(inode.ino);
    return inode;
  }

  /** An inode with no name yet, in the log. */
  private make(init: NewInode): PersistInode | number {
    const { fs } = this;
    const ready = fs.ready();
    if (ready < 0) return ready;
    const inode = fs.restore(fs.nextId(), init);
    readClock();
    inode.atime = inode.mtime = inode.ctime = inode.btime = now.seconds;
    inode.atimeNsec = inode.mtimeNsec = inode.ctimeNsec = inode.btimeNsec = now.nanoseconds;
    const failed = inode.type === S.IFREG ? fs.createBytes(inode) : 0;
    if (failed < 0) return failed;
    const refused = fs.log(inodeRecord(inode));
    if (refused >= 0) return inode;
    inode.freeUnused();
    return refused;
  }

  override link(name: string, inode: Inode): number {
    if (this.entries!.has(name)) return -E.EXIST;
    const target = inode as PersistInode;
    const ready = this.fs.ready();
    if (ready < 0) return ready;
    readClock();
    const failed = this.fs.log(linkRecord(this, name, target.id, now.seconds, now.nanoseconds));
    if (failed < 0) return failed;
    this.attach(name, target);
    target.stampChange(now.seconds, now.nanoseconds);
    this.stampModify(now.seconds, now.nanoseconds);
    return 0;
  }

  override unlink(name: string): number {
    const inode = this.entries!.get(name);
    if (inode === undefined) return -E.NOENT;
    return inode.entries !== null ? -E.ISDIR : this.drop(name);
  }

  override rmdir(name: string): number {
    const inode = this.entries!.get(name);
    if (inode === undefined) return -E.NOENT;
    if (inode.entries === null) return -E.NOTDIR;
    return inode.entries.size > 0 ? -E.NOTEMPTY : this.drop(name);
  }

  private drop(name: string): number {
    const ready = this.fs.ready(true);
    if (ready < 0) return ready;
    readClock();
    const failed = this.fs.log(unlinkRecord(this, name, now.seconds, now.nanoseconds));
    if (failed < 0) return failed;
    const inode = this.detach(name);
    inode.stampChange(now.seconds, now.nanoseconds);
    this.stampModify(now.seconds, now.nanoseconds);
    inode.freeUnused();
    return 0;
  }

  override rename(name: string, to: Inode, newName: string, flags: number): number {
    const target = to as PersistInode;
    const inode = this.entries!.get(name), there = target.entries!.get(newName);
    if (inode === undefined || (flags & RENAME.EXCHANGE && there === undefined)) return -E.NOENT;
    if (there === inode) return 0;
    if (there !== undefined && !(flags & RENAME.EXCHANGE)) {
      if (flags & RENAME.NOREPLACE) return -E.EXIST;
      if (there.entries !== null && there.entries.size > 0) return -E.NOTEMPTY;
    }
    const ready = this.fs.ready();
    if (ready < 0) return ready;
    readClock();
    const whiteout = flags & RENAME.WHITEOUT ? this.fs.nextId() : 0;
    const { seconds, nanoseconds } = now;
    const failed = this.fs.log(renameRecord(this, name, target, newName, flags, whiteout, seconds, nanoseconds));
    if (failed < 0) return failed;
    const { replaced } = this.move(name, target, newName, flags, whiteout);
    inode.stampChange(now.seconds, now.nanoseconds);
    there?.stampChange(now.seconds, now.nanoseconds);
    this.stampModify(now.seconds, now.nanoseconds);
    target.stampModify(now.seconds, now.nanoseconds);
    replaced?.freeUnused();
    return 0;
  }

  override showAs(dev: number, ino: number): void {
    this.dev = dev;
    if (this.fs.log(showRecord(this, ino)) >= 0) this.ino = ino;
  }

  override readlink(): string | number {
    return this.type === S.IFLNK ? this.target : -E.INVAL;
  }

  override setattr(change: AttrChange): number {
    const { filesFd } = this.fs;
    if (change.mask & ATTR.SIZE) {
      const cut = this.type === S.IFREG ? this.resize(change.size) : -E.INVAL;
      if (cut < 0 || change.mask === ATTR.SIZE) return cut;
    }
    const ready = this.fs.ready();
    if (ready < 0) return ready;
    if (this.type === S.IFREG && change.mask & (ATTR.ATIME | ATTR.MTIME)) {
      const atimeNsec = change.mask & ATTR.ATIME ? change.atimeNsec : UTIME_OMIT;
      const mtimeNsec = change.mask & ATTR.MTIME ? change.mtimeNsec : UTIME_OMIT;
      const failed = native.utimensBeneath(filesFd, this.hostName, change.atime, atimeNsec, change.mtime, mtimeNsec);
      if (failed < 0) return failed;
    }
    readClock();
    const failed = this.fs.log(attributeRecord(this, change, now.seconds, now.nanoseconds));
    if (failed >= 0) this.change(change, now.seconds, now.nanoseconds);
    return failed;
  }

  private resize(size: number): number {
    const fd = native.openBeneath(this.fs.filesFd, this.hostName, O.WRONLY, 0);
    if (fd < 0) return fd;
    const failed = native.ftruncate(fd, size);
    native.close(fd);
    this.fs.written(this);
    return failed;
  }

  override stampAccess(mount: Mount): void {
    const time = (seconds: number, nanoseconds: number): number => seconds + nanoseconds / 1e9;
    const { atime, atimeNsec, mtime, mtimeNsec, ctime, ctimeNsec } = this;
    if (this.type === S.IFREG) return;
    readClock();
    if (!mount.updatesAccess(this.entries !== null, time(atime, atimeNsec), time(mtime, mtimeNsec),
      time(ctime, ctimeNsec), now.seconds)) return;
    // Not worth a record: an access time may be older than it was after a crash, and after a run.
    this.atime = now.seconds;
    this.atimeNsec = now.nanoseconds;
  }

  override getxattr(name: string): Uint8Array | number {
    return this.xattrs?.get(name) ?? -E.NODATA;
  }
  override setxattr(name: string, value: Uint8Array, flags: number): number {
    const has = this.xattrs?.has(name) === true;
    if (has && flags & XATTR_CREATE) return -E.EXIST;
    if (!has && flags & XATTR_REPLACE) return -E.NODATA;
    const ready = this.fs.ready();
    const failed = ready < 0 ? ready : this.fs.log(xattrRecord(this, name, value));
    if (failed < 0) return failed;
    (this.xattrs ??= new Map()).set(name, value.slice());
    readClock();
    this.stampChange(now.seconds, now.nanoseconds);
    return 0;
  }
  override listxattr(): string[] | number {
    return this.xattrs === null ? [] : [...this.xattrs.keys()];
  }
  override removexattr(name: string): number {
    if (this.xattrs?.has(name) !== true) return -E.NODATA;
    const ready = this.fs.ready();
    const failed = ready < 0 ? ready : this.fs.log(xattrRecord(this, name, null));
    if (failed < 0) return failed;
    this.xattrs.delete(name);
    readClock();
    this.stampChange(now.seconds, now.nanoseconds);
    return 0;
  }
  override syncDirectory(): number {
    return this.fs.commit();
  }

  /** Gives a file the host's descriptor of its bytes back, and the bytes when nothing can reach them any more. */
  freeUnused(): void {
    if (this.type === S.IFREG && this.nlink === 0 && this.opens === 0) this.fs.removeBytes(this);
  }

  // What follows changes the tree in memory; the log has it already.

  attach(name: string, inode: PersistInode): void {
    this.entries!.set(name, inode);
    inode.nlink++;
    if (inode.entries !== null) this.nlink++;
  }

  /** @throws Error when there is no such name */
  detach(name: string): PersistInode {
    const inode = this.entries!.get(name);
    if (inode === undefined) throw new Error(`no name in inode ${this.id}`);
    this.entries!.delete(name);
    inode.nlink -= inode.entries !== null ? 2 : 1;
    if (inode.entries !== null) this.nlink--;
    return inode;
  }

  /** @throws Error when there is no such name */
  move(name: string, to: PersistInode, newName: string, flags: number, whiteout: number): {
    replaced: PersistInode | null; left: PersistInode | null;
  } {
    const inode = this.release(name);
    if (flags & RENAME.EXCHANGE) {
      const there = to.release(newName);
      this.hold(name, there);
      to.hold(newName, inode);
      return { replaced: null, left: null };
    }
    const replaced = to.entries!.has(newName) ? to.detach(newName) : null;
    to.hold(newName, inode);
    if (!(flags & RENAME.WHITEOUT)) return { replaced, left: null };
    const left = this.fs.restore(whiteout, { mode: S.IFCHR, uid: 0, gid: 0, rdev: 0, target: '' });
    this.attach(name, left);
    return { replaced, left };
  }
  private release(name: string): PersistInode {
    const inode = this.entries!.get(name);
    if (inode === undefined) throw new Error(`no name in inode ${this.id}`);
    this.entries!.delete(name);
    if (inode.entries !== null) this.nlink--;
    return inode;
  }
  private hold(name: string, inode: PersistInode): void {
    this.entries!.set(name, inode);
    if (inode.entries !== null) this.nlink++;
  }

  /** `seconds` and `nanoseconds` are those of the change. */
  change(change: AttrChange, seconds: number, nanoseconds: number): void {
    if (change.mask & ATTR.MODE) this.mode = (this.mode & S.IFMT) | change.mode;
    if (change.mask & ATTR.UID) this.uid = change.uid;
    if (change.mask & ATTR.GID) this.gid = change.gid;
    if (change.mask & ATTR.ATIME) {
      this.atime = change.atime;
      this.atimeNsec = change.atimeNsec;
    }
    if (change.mask & ATTR.MTIME) {
      this.mtime = change.mtime;
      this.mtimeNsec = change.mtimeNsec;
    }
    this.stampChange(seconds, nanoseconds);
  }
  stampModify(seconds: number, nanoseconds: number): void {
    this.mtime = seconds;
    this.mtimeNsec = nanoseconds;
    this.stampChange(seconds, nanoseconds);
  }
  stampChange(seconds: number, nanoseconds: number): void {
    this.ctime = seconds;
    this.ctimeNsec = nanoseconds;
  }
}

/** An open regular file. */
class PersistFile extends HostFile {
  constructor(private readonly file: PersistInode, fd: number, flags: number, location: Location) {
    super(fd, flags, location);
    file.opens++;
    if (this.canWrite) file.fs.written(file);
  }

  override get inode(): Inode {
    return this.file;
  }
  override stat(out: Stat): number {
    return this.file.stat(out);
  }
  override setattr(change: AttrChange): number {
    return change.mask === ATTR.SIZE ? this.truncate(change.size) : this.file.setattr(change);
  }
  override sync(dataOnly: boolean): number {
    const failed = super.sync(dataOnly);
    const logged = this.file.fs.commit();
    return failed < 0 ? failed : logged;
  }
  protected override closed(): number {
    this.file.opens--;
    if (this.canWrite && this.file.nlink > 0) this.file.fs.written(this.file);
    const failed = super.closed();
    this.file.freeUnused();
    return failed;
  }
}
