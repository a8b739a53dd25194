/**
 * A directory of the host as a file system, read-only or read-write. Every access resolves the whole path beneath the
 * root's descriptor without following a link (native "beneath" calls), so nothing leads out, whatever happens
 * on the host meanwhile. Directories are remembered; of other files only what saves a look: each use finds out whether
 * the host still has the same one there.
 */
import { E } from '../../abi/errno.js';
import { AT, O, S } from '../../abi/fcntl.js';
import { native } from '../../host/native.js';
import { STAT } from '../../host/native_io.js';
import type { FileCredentials } from '../credentials.js';
import type { HostPlace } from '../host_notify.js';
import { DirectoryFile } from '../directory_file.js';
import { HostFile, hostGid, hostUid, shownGid, shownUid, statFromHost, statfsFromHost } from '../host_file.js';
import { ATTR, Inode, classPermission } from '../inode.js';
import type { AttrChange, DirSink, FileSystem, NewInode, Stat, StatFs } from '../inode.js';
import type { Location } from '../mount.js';
import type { OpenFile } from '../open_file.js';
import { forgetWays } from '../walked.js';

const UTIME_OMIT = 0x3ffffffe;
/** What the host is told of the flags of open(2). */
const HOST_FLAGS = O.ACCMODE | O.APPEND | O.SYNC | O.DSYNC;

/** Files and links that are remembered at once, in all directories of a file system. */
const FILES_KEPT = 1024;

/** Descriptors that are kept at once behind the last close of a file. */
const DESCRIPTORS_KEPT = 16;

/** Where the host puts directory entries; null while it is in use. */
let records: Buffer | null = null;

/** The umask of this process: the guest's has been applied already. */
let hostUmask: number | undefined;
/** What the host lets this process do, when it is not root there. */
let hostCredentials: FileCredentials | null | undefined;

function hostCred(): FileCredentials | null {
  if (hostCredentials === undefined) {
    const uid = process.geteuid!();
    hostCredentials = uid === 0
      ? null
      : { fsuid: uid, fsgid: process.getegid!(), groups: process.getgroups!(), capabilities: 0 };
  }
  return hostCredentials;
}

export class HostFs implements FileSystem {
  readonly type = 'hostfs';
  readonly keepsDirectories = true;
  readonly dev: number;
  readonly root: HostInode;
  /** What the host said of `fresh`, which was looked up last. */
  readonly buffer = new Float64Array(STAT.length);
  fresh: HostInode | null = null;
  /** The files, and the like, that directories remember: a ring, a new one takes the place of the oldest. */
  private readonly files: HostInode[] = [];
  private nextFile = 0;
  /** Numbers of files that were met once: only the second time is a file remembered. */
  private readonly metOnce = new Float64Array(FILES_KEPT);
  /** Files whose descriptor is kept: a ring. */
  private readonly openFiles: HostInode[] = [];
  private nextOpen = 0;
  /** The whole host, which cannot be left. */
  readonly whole: boolean;
  /** Counts renamed directories: paths remembered under another count are built anew. */
  renames = 0;

  private constructor(readonly rootFd: number, readonly source: string, readonly readOnly: boolean) {
    this.whole = source === '/' && readOnly;
    native.fstat(rootFd, this.buffer);
    this.dev = this.buffer[STAT.dev]!;
    this.root = new HostInode(this, null, '', this.buffer);
  }

  /** The directory `path` of the host (a byte string). -errno when it cannot be opened, -ENOTDIR. */
  static open(path: string, readOnly: boolean): HostFs | number {
    const fd = native.openHost(path, O.PATH | O.DIRECTORY, 0);
    return fd < 0 ? fd : new HostFs(fd, path, readOnly);
  }

  statfs(out: StatFs): number {
    return statfsFromHost(this.rootFd, out);
  }

  sync(): number {
    return 0;
  }

  /** Fills `buffer` for a name in a directory, or for the directory if the name is ''. */
  statIn(directory: string, name: string): number {
    return this.whole && (directory !== '' || name !== '')
      ? native.statAt(this.rootFd, directory, name, this.buffer)
      : native.statBeneath(this.rootFd, directory, name, this.buffer);
  }

  /** One of the directories that lead to `end` is none any more: it is to be looked up anew. */
  forget(end: HostInode): void {
    const way: HostInode[] = [];
    for (let at = end; at.parent !== null; at = at.above) way.push(at);
    while (way.length > 0 && !way.pop()!.forgetReplaced());
  }

  /** A file was found: true when its directory is to remember it from now on. */
  keepFile(file: HostInode): boolean {
    const slot = file.ino % FILES_KEPT;
    if (this.metOnce[slot] !== file.ino) {
      this.metOnce[slot] = file.ino;
      return false;
    }
    const oldest = this.files[this.nextFile];
    if (oldest !== undefined) oldest.above.forgetFile(oldest);
    this.files[this.nextFile] = file;
    this.nextFile = (this.nextFile + 1) % FILES_KEPT;
    return true;
  }

  /** A file may keep a descriptor from now on, and the one that has been allowed to longest no more. */
  keepOpen(file: HostInode): void {
    this.openFiles[this.nextOpen]?.keepNoDescriptor();
    this.openFiles[this.nextOpen] = file;
    this.nextOpen = (this.nextOpen + 1) % DESCRIPTORS_KEPT;
  }

  /** The target of a symbolic link. */
  readlinkPath(path: string): string | number {
    return this.whole ? native.readlinkAt(this.rootFd, path) : native.readlinkBeneath(this.rootFd, path);
  }
}

/** When a file was changed last, as a number that differs for each such time. */
function changeOf(said: Float64Array): number {
  return said[STAT.ctime]! * 1e9 + said[STAT.ctimeNsec]!;
}

/**
 * A file of the host's tree that was opened before. Its descriptor outlives the last close: the next open needs to ask only
 * whether the file is still the same.
 */
class KeptHostFile extends HostFile {
  constructor(
    fd: number, flags: number, location: Location, private readonly owner: HostInode, private readonly change: number,
  ) {
    super(fd, flags, location);
  }
  protected override closed(): number {
    if (!this.plain || (this.moved && native.lseek(this.fd, 0, 0) < 0)) return super.closed();
    return this.owner.keepDescriptor(this.fd, this.change) ? 0 : super.closed();
  }
}

export class HostInode extends Inode {
  mode: number;
  uid: number;
  gid: number;
  /** Owner on the host; the guest may see another. */
  private hostUid: number;
  private hostGid: number;
  readonly ino: number;
  readonly dev: number;
  /** Directories: those below that were met. */
  children: Map<string, HostInode> | null = null;
  /** Directories: files and links below that are remembered. */
  private files: Map<string, HostInode> | null = null;
  /** A descriptor of the file, closed by the guest and kept for the next who opens it, or -1; and the file's change time then. */
  private kept = -1;
  private keptChange = 0;
  private mayKeep = false;
  private pathText = '';
  private identityText = '';
  private pathRenames = -1;

  constructor(readonly fs: HostFs, parent: HostInode | null, name: string, from: Float64Array) {
    super();
    this.parent = parent;
    this.name = name;
    this.mode = from[STAT.mode]!;
    this.uid = shownUid(this.hostUid = from[STAT.uid]!);
    this.gid = shownGid(this.hostGid = from[STAT.gid]!);
    this.ino = from[STAT.ino]!;
    this.dev = from[STAT.dev]!;
  }

  override get identity(): unknown {
    if (this.type === S.IFDIR) return this;
    if (this.identityText === '') this.identityText = `${this.dev}:${this.ino}`;
    return this.identityText;
  }

  /** Path beneath the root; '' for the root. */
  get path(): string {
    if (this.pathRenames !== this.fs.renames) this.findPath();
    return this.pathText;
  }
  private findPath(): void {
    const { renames } = this.fs;
    const unknown: HostInode[] = [];
    let at: HostInode | null = this;
    for (; at !== null && at.pathRenames !== renames; at = at.parent as HostInode | null) unknown.push(at);
    for (let i = unknown.length - 1; i >= 0; i--) {
      const inode = unknown[i]!;
      inode.pathText = at === null ? '' : at.pathText === '' ? inode.name : at.pathText + '/' + inode.name;
      inode.pathRenames = renames;
      at = inode;
    }
  }
  private childPath(name: string): string {
    const path = this.path;
    return path === '' ? name : path + '/' + name;
  }

  override permission(cred: FileCredentials, mask: number): number {
    const denied = super.permission(cred, mask);
    const host = hostCred();
    if (denied < 0 || host === null) return denied;
    // Writes through a read-only file system go elsewhere: what the host says of them does not matter.
    return classPermission(this.mode, this.hostUid, this.hostGid, host, this.fs.readOnly ? mask & ~2 : mask);
  }

  /** The directory where this was found; not for the root. */
  get above(): HostInode {
    return this.parent as HostInode;
  }

  override lookup(name: string): Inode | number {
    const directory = this.children?.get(name);
    if (directory !== undefined) return directory;
    const file = this.files?.get(name);
    if (file !== undefined) {
      if (file.recheck() >= 0) return file;
      this.forgetFile(file);
    }
    return this.lookupNew(name);
  }

  override lookupNew(name: string): Inode | number {
    const fs = this.fs;
    const failed = fs.statIn(this.path, name);
    if (failed < 0) {
      if (failed !== -E.LOOP && failed !== -E.NOTDIR) return failed;
      fs.forget(this);
      return -E.STALE;
    }
    const child = new HostInode(fs, this, name, fs.buffer);
    if (child.type === S.IFDIR) {
      this.children ??= new Map();
      this.children.set(name, child);
    } else {
      fs.fresh = child;
      if (fs.keepFile(child)) (this.files ??= new Map()).set(name, child);
    }
    return child;
  }

  override remembered(name: string): Inode | null {
    const directory = this.children === null ? undefined : this.children.get(name);
    if (directory !== undefined) return directory;
    return this.files === null ? null : this.files.get(name) ?? null;
  }

  override recheck(): number {
    const { fs } = this;
    fs.fresh = null;
    if (this.look() < 0 || !this.is(fs.buffer)) return -E.STALE;
    this.takeAttributes(fs.buffer);
    fs.fresh = this;
    return 0;
  }

  forgetFile(file: HostInode): void {
    if (this.files !== null && this.files.get(file.name) === file) this.files.delete(file.name);
  }

  /** Directories but the root: when the host has something else there, `above` forgets this. True: it has. */
  forgetReplaced(): boolean {
    const { children } = this.above;
    if (this.look() >= 0 && ((this.fs.buffer[STAT.mode]! ^ this.mode) & S.IFMT) === 0) return false;
    if (children !== null && children.get(this.name) === this) children.delete(this.name);
    return true;
  }

  /** What the host says is of this same file. */
  private is(said: Float64Array): boolean {
    const sameType = ((said[STAT.mode]! ^ this.mode) & S.IFMT) === 0;
    return sameType && said[STAT.ino] === this.ino && said[STAT.dev] === this.dev;
  }
  /** And the host lets the same users at it. */
  private isUnchanged(said: Float64Array): boolean {
    const sameOwner = said[STAT.uid] === this.hostUid && said[STAT.gid] === this.hostGid;
    return sameOwner && this.is(said) && said[STAT.mode] === this.mode;
  }
  /** Fills fs.buffer with what the host says of this file now. 0 or -errno. */
  private look(): number {
    const above = this.parent as HostInode | null;
    return above === null ? this.fs.statIn('', '') : this.fs.statIn(above.path, this.name);
  }
  private takeAttributes(said: Float64Array): void {
    const mode = said[STAT.mode]!;
    if (mode !== this.mode && this.type === S.IFDIR) forgetWays();
    this.mode = mode;
    this.uid = shownUid(this.hostUid = said[STAT.uid]!);
    this.gid = shownGid(this.hostGid = said[STAT.gid]!);
  }

  override get number(): number {
    return this.ino;
  }

  override stat(out: Stat): number {
    const fs = this.fs;
    fs.fresh = null;
    const failed = this.look();
    if (failed < 0) return failed;
    // What is there now is not what the guest holds.
    if (this.type === S.IFDIR && (fs.buffer[STAT.mode]! & S.IFMT) !== S.IFDIR) return -E.NOENT;
    this.takeAttributes(fs.buffer);
    statFromHost(fs.buffer, out);
    return 0;
  }

  override statFound(out: Stat): number {
    if (this.fs.fresh !== this) {
      const failed = this.stat(out);
      return failed < 0 && this.type === S.IFDIR && this.parent !== null && this.forgetReplaced() ? -E.STALE : failed;
    }
    statFromHost(this.fs.buffer, out);
    return 0;
  }

  override open(flags: number, location: Location): OpenFile | number {
    if (this.type === S.IFDIR) return new DirectoryFile(flags, location);
    if (this.type !== S.IFREG) return -E.NXIO;
    const fd = native.openBeneath(this.fs.rootFd, this.path, this.hostFlags(flags), 0);
    return fd < 0 ? fd : new HostFile(fd, flags, location);
  }

  override openRemembered(flags: number, location: Location): OpenFile | number {
    const { fs } = this;
    const said = fs.buffer;
    fs.fresh = null;
    const reusable = fs.whole && (flags & HOST_FLAGS) === O.RDONLY;
    if (reusable && this.kept >= 0) {
      if (this.look() >= 0 && this.isUnchanged(said) && changeOf(said) === this.keptChange) {
        const again = this.kept;
        this.kept = -1;
        return new KeptHostFile(again, flags, location, this, this.keptChange);
      }
      this.dropDescriptor();
    }
    const fd = native.openStatBeneath(fs.rootFd, this.path, this.hostFlags(flags), 0, said);
    if (fd < 0) return -E.STALE;
    if (this.isUnchanged(said)) {
      return reusable ? new KeptHostFile(fd, flags, location, this, changeOf(said)) : new HostFile(fd, flags, location);
    }
    native.close(fd);
    return -E.STALE;
  }

  /**
   * Keeps a descriptor that the guest has closed, unless there is one.
   * @param change when the file had been changed last as the descriptor was opened
   */
  keepDescriptor(fd: number, change: number): boolean {
    if (this.kept >= 0) return false;
    if (!this.mayKeep) this.fs.keepOpen(this);
    this.mayKeep = true;
    this.kept = fd;
    this.keptChange = change;
    return true;
  }
  keepNoDescriptor(): void {
    this.dropDescriptor();
    this.mayKeep = false;
  }
  private dropDescriptor(): void {
    if (this.kept >= 0) native.close(this.kept);
    this.kept = -1;
  }

  private hostFlags(flags: number): number {
    const host = hostCred();
    // Reading must not change the host's access times; the host lets owners ask for that.
    const quiet = this.fs.readOnly && (host === null || host.fsuid === this.hostUid) ? O.NOATIME : 0;
    return (flags & HOST_FLAGS) | quiet | O.NONBLOCK | O.NOCTTY;
  }

  override readdir(_position: number, sink: DirSink): number {
    const fd = native.openBeneath(this.fs.rootFd, this.path, O.RDONLY | O.DIRECTORY, 0);
    if (fd < 0) return fd === -E.LOOP || fd === -E.NOTDIR ? -E.NOENT : fd;
    const buffer = records ?? Buffer.allocUnsafeSlow(65536);
    records = null;
    let got: number;
    let next = 0;
    while ((got = native.getdents(fd, buffer, 0, buffer.length)) > 0) {
      if (sink.records !== undefined) {
        sink.records(buffer, 0, got);
        continue;
      }
      for (let at = 0; at < got; at += buffer.readUInt16LE(at + 16)) {
        const start = at + 19;
        const name = buffer.toString('latin1', start, buffer.indexOf(0, start));
        if (name === '.' || name === '..') continue;
        const ino = buffer.readUInt32LE(at) + buffer.readUInt32LE(at + 4) * 0x1_0000_0000;
        sink.entry(name, ino, buffer[at + 18]! << 12, ++next);
      }
    }
    native.close(fd);
    records = buffer;
    return got;
  }

  override readlink(): string | number {
    return this.fs.readlinkPath(this.path);
  }

  override create(name: string, init: NewInode): Inode | number {
    if (this.fs.readOnly) return -E.ROFS;
    const { rootFd } = this.fs;
    const path = this.childPath(name);
    const permissions = init.mode & 0o7777;
    let result: number;
    switch (init.mode & S.IFMT) {
      case S.IFDIR: result = native.mkdirBeneath(rootFd, path, permissions & 0o1777); break;
      case S.IFLNK: result = native.symlinkBeneath(rootFd, path, init.target); break;
      case S.IFREG:
        result = native.openBeneath(rootFd, path, O.WRONLY | O.CREAT | O.EXCL, permissions);
        if (result >= 0) native.close(result);
        break;
      default: result = native.mknodBeneath(rootFd, path, init.mode, init.rdev);
    }
    if (result < 0) return result;
    const chosen = init.uid !== 0 || init.gid !== 0;
    if (chosen && hostCred() === null) native.chownBeneath(rootFd, path, init.uid, init.gid);
    hostUmask ??= process.umask();
    if (permissions & (hostUmask | 0o7000) && (init.mode & S.IFMT) !== S.IFLNK) {
      native.chmodBeneath(rootFd, path, permissions);
    }
    return this.lookup(name);
  }

  override link(name: string, inode: Inode): number {
    return native.linkBeneath(this.fs.rootFd, (inode as HostInode).path, this.childPath(name));
  }

  override unlink(name: string): number {
    this.files?.delete(name);
    return native.unlinkBeneath(this.fs.rootFd, this.childPath(name), 0);
  }

  override rmdir(name: string): number {
    const result = native.unlinkBeneath(this.fs.rootFd, this.childPath(name), AT.REMOVEDIR);
    if (result >= 0) this.children?.delete(name);
    return result;
  }

  override rename(name: string, to: Inode, newName: string, flags: number): number {
    const target = to as HostInode;
    const fs = this.fs;
    const result = native.renameBeneath(fs.rootFd, this.childPath(name), target.childPath(newName), flags);
    if (result < 0) return result;
    this.files?.delete(name);
    target.files?.delete(newName);
    const moved = this.children?.get(name);
    const replaced = target.children?.get(newName);
    this.children?.delete(name);
    target.children?.delete(newName);
    moved?.attach(target, newName);
    if (flags & 2) replaced?.attach(this, name);
    fs.renames++;
    return 0;
  }
  private attach(parent: HostInode, name: string): void {
    parent.children ??= new Map();
    parent.children.set(name, this);
    this.parent = parent;
    this.name = name;
  }

  override setattr(change: AttrChange): number {
    const { fs, path } = this;
    fs.fresh = null;
    let result = 0;
    if (change.mask & ATTR.SIZE) {
      const fd = native.openBeneath(fs.rootFd, path, O.WRONLY | O.NONBLOCK | O.NOCTTY, 0);
      if (fd < 0) return fd;
      result = native.ftruncate(fd, change.size);
      native.close(fd);
    }
    if (result >= 0 && change.mask & (ATTR.UID | ATTR.GID)) {
      const uid = change.mask & ATTR.UID ? hostUid(change.uid) : -1;
      const gid = change.mask & ATTR.GID ? hostGid(change.gid) : -1;
      result = native.chownBeneath(fs.rootFd, path, uid, gid);
    }
    if (result >= 0 && change.mask & ATTR.MODE) result = native.chmodBeneath(fs.rootFd, path, change.mode);
    if (result >= 0 && change.mask & (ATTR.ATIME | ATTR.MTIME)) {
      const atimeNsec = change.mask & ATTR.ATIME ? change.atimeNsec : UTIME_OMIT;
      const mtimeNsec = change.mask & ATTR.MTIME ? change.mtimeNsec : UTIME_OMIT;
      result = native.utimensBeneath(fs.rootFd, path, change.atime, atimeNsec, change.mtime, mtimeNsec);
    }
    if (result >= 0 && this.look() >= 0 && this.is(fs.buffer)) this.takeAttributes(fs.buffer);
    return result;
  }

  override hostPlace(): HostPlace {
    return { rootFd: this.fs.rootFd, path: this.path };
  }

  /** The host's are not shown: they are not the guest's to change. */
  override inodeFlags(): number {
    return 0;
  }
  override setInodeFlags(flags: number): number {
    return flags === 0 ? 0 : -E.OPNOTSUPP;
  }
  override getxattr(name: string): Uint8Array | number {
    const value = new Uint8Array(65536);
    const length = native.getxattrBeneath(this.fs.rootFd, this.path, name, value);
    return length < 0 ? length : value.slice(0, length);
  }
  override setxattr(name: string, value: Uint8Array, flags: number): number {
    return native.setxattrBeneath(this.fs.rootFd, this.path, name, value, flags);
  }
  override listxattr(): string[] | number {
    const names = Buffer.alloc(65536);
    const length = native.listxattrBeneath(this.fs.rootFd, this.path, names);
    if (length < 0) return length;
    return length === 0 ? [] : names.toString('latin1', 0, length - 1).split('\0');
  }
  override removexattr(name: string): number {
    return native.removexattrBeneath(this.fs.rootFd, this.path, name);
  }
}
