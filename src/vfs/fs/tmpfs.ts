/** Files in memory. The inodes and directories are plain objects; the bytes are in tmp_data.ts. */
import { totalmem } from 'node:os';
import { E } from '../../abi/errno.js';
import { O, S } from '../../abi/fcntl.js';
import { INODE_FLAG, SEAL } from '../../abi/file.js';
import { now, readClock } from '../clock.js';
import { DirectoryFile } from '../directory_file.js';
import { ATTR, Inode, RENAME, anonymousDev } from '../inode.js';
import type { AttrChange, DirSink, FileSystem, NewInode, Stat, StatFs } from '../inode.js';
import type { Location, Mount } from '../mount.js';
import type { OpenFile } from '../open_file.js';
import { FileData, type PageQuota } from './tmp_data.js';
import { TmpFile } from './tmp_file.js';

const TMPFS_MAGIC = 0x01021994;
const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;
/** Half of the memory, as Linux has it, but not more than 16 GiB. */
const DEFAULT_BYTES = Math.min(16 * 2 ** 30, Math.floor(totalmem() / 8192) * 4096);
/** Flags of inodes that can be set (ioctl_iflags(2)). */
const FLAGS = INODE_FLAG.IMMUTABLE | INODE_FLAG.APPEND | INODE_FLAG.NODUMP | INODE_FLAG.NOATIME;
/** What has one of these cannot be removed, renamed, linked to, or have its attributes changed. */
const FIXED = INODE_FLAG.IMMUTABLE | INODE_FLAG.APPEND;
const DEFAULT_INODES = 4_000_000;

export interface TmpFsOptions {
  /** Name in /proc/mounts; also the type when that is not 'tmpfs'. */
  source?: string;
  type?: string;
  /** Permission bits and owner of the root. */
  mode?: number;
  uid?: number;
  gid?: number;
  readOnly?: boolean;
  /** Most bytes of file data; writes beyond give ENOSPC. */
  maxBytes?: number;
  /** Device number, and the first inode number: a layer of an overlay shows as the file system below it. */
  dev?: number;
  firstIno?: number;
  /** Most inodes. */
  maxInodes?: number;
}

/** A time as one number, exact to some 200 ns: good enough to tell what came first. */
function stamp(seconds: number, nanoseconds: number): number {
  return seconds + nanoseconds / 1e9;
}

export class TmpFs implements FileSystem, PageQuota {
  readonly type: string;
  readonly keepsDirectories = true;
  readonly source: string;
  readonly dev: number;
  readonly leavesWhiteouts = true;
  readOnly: boolean;
  readonly root: TmpInode;
  maxBytes: number;
  maxInodes: number;
  /** Pages and inodes in use. */
  pages = 0;
  readonly sparse = new Set<FileData>();
  inodes = 0;
  private lastIno: number;

  constructor(options: TmpFsOptions = {}) {
    this.dev = options.dev ?? anonymousDev();
    this.lastIno = (options.firstIno ?? 1) - 1;
    this.type = options.type ?? 'tmpfs';
    this.source = options.source ?? this.type;
    this.maxBytes = options.maxBytes ?? DEFAULT_BYTES;
    this.maxInodes = options.maxInodes ?? DEFAULT_INODES;
    this.readOnly = options.readOnly ?? false;
    const mode = S.IFDIR | (options.mode ?? 0o755);
    this.root = new TmpInode(this, { mode, uid: options.uid ?? 0, gid: options.gid ?? 0, rdev: 0, target: '' });
  }

  get maxPages(): number {
    return this.maxBytes / 4096;
  }

  nextIno(): number {
    return ++this.lastIno;
  }

  statfs(out: StatFs): number {
    for (const data of this.sparse) data.countPages();
    out.type = TMPFS_MAGIC;
    out.bsize = out.frsize = 4096;
    out.blocks = Math.floor(this.maxBytes / 4096);
    out.bfree = out.bavail = Math.max(0, out.blocks - this.pages);
    out.files = this.maxInodes;
    out.ffree = this.maxInodes - this.inodes;
    out.namelen = 255;
    out.flags = 0;
    return 0;
  }

  sync(): number {
    return 0;
  }

  /** As Linux: a new limit must not be below what is in use, nor come where there was none. */
  remount(readOnly: boolean, text: string): number {
    const options = tmpfsOptions(text);
    if (options === null) return -E.INVAL;
    const { maxBytes = this.maxBytes, maxInodes = this.maxInodes } = options;
    if (maxBytes < this.pages * 4096 || maxInodes < this.inodes) return -E.INVAL;
    this.maxBytes = maxBytes;
    this.maxInodes = maxInodes;
    this.readOnly = readOnly;
    return 0;
  }
  showOptions(): string {
    const { uid, gid, mode } = this.root;
    let text = this.maxBytes === DEFAULT_BYTES || this.maxBytes === Infinity ? '' : `,size=${this.maxBytes / 1024}k`;
    if (this.maxInodes !== DEFAULT_INODES && this.maxInodes !== Infinity) text += `,nr_inodes=${this.maxInodes}`;
    if ((mode & 0o7777) !== 0o1777) text += `,mode=${(mode & 0o7777).toString(8)}`;
    return text + (uid === 0 ? '' : `,uid=${uid}`) + (gid === 0 ? '' : `,gid=${gid}`);
  }
}

/** Options of tmpfs(5): size=, nr_blocks=, nr_inodes=, mode=, uid=, gid=. null: not understood. */
export function tmpfsOptions(text: string): TmpFsOptions | null {
  const options: TmpFsOptions = {};
  for (const word of text.split(',')) {
    const [name, value = ''] = word.split('=');
    const number = /^(\d+)([kmgt%]?)$/i.exec(value);
    const scale = number === null ? 0 : 1024 ** ' kmgt'.indexOf((number[2] || ' ').toLowerCase());
    const amount = number === null ? -1 : number[2] === '%' ? totalmem() * Number(number[1]) / 100 : Number(number[1]) * scale;
    const id = /^\d+$/.test(value) ? Number(value) : -1;
    if (name === 'size' && amount >= 0) options.maxBytes = Math.ceil(amount / 4096) * 4096 || Infinity;
    else if (name === 'nr_blocks' && amount >= 0) options.maxBytes = amount * 4096 || Infinity;
    else if (name === 'nr_inodes' && amount >= 0) options.maxInodes = amount || Infinity;
    else if (name === 'mode' && /^[0-7]+$/.test(value)) options.mode = parseInt(value, 8) & 0o7777;
    else if (name === 'uid' && id >= 0) options.uid = id;
    else if (name === 'gid' && id >= 0) options.gid = id;
    else if (name !== '' && name !== 'huge' && name !== 'inode64' && name !== 'inode32' && name !== 'mpol') return null;
  }
  return options;
}

export class TmpInode extends Inode {
  mode: number;
  uid: number;
  gid: number;
  ino: number;
  dev: number;
  nlink: number;
  readonly rdev: number;
  readonly target: string;
  /** Directories: the children. */
  readonly entries: Map<string, TmpInode> | null;
  /** Regular files: the bytes. */
  readonly data: FileData | null;
  private xattrs: Map<string, Uint8Array> | null = null;
  /** SEAL bits; those of files made by name can never be added to (fcntl(2)). */
  seals: number = SEAL.SEAL;
  /** INODE_FLAG bits. */
  flags = 0;
  /** Open file descriptions; the bytes of an unlinked file live until the last is closed. */
  opens = 0;
  atime: number;
  atimeNsec: number;
  mtime: number;
  mtimeNsec: number;
  ctime: number;
  ctimeNsec: number;
  readonly btime: number;
  readonly btimeNsec: number;

  constructor(readonly fs: TmpFs, init: NewInode) {
    super();
    this.mode = init.mode;
    this.uid = init.uid;
    this.gid = init.gid;
    this.rdev = init.rdev;
    this.target = init.target;
    this.ino = fs.nextIno();
    this.dev = fs.dev;
    const type = init.mode & S.IFMT;
    this.nlink = type === S.IFDIR ? 2 : 1;
    this.entries = type === S.IFDIR ? new Map() : null;
    this.data = type === S.IFREG ? new FileData(this.ino, fs) : null;
    readClock();
    this.atime = this.mtime = this.ctime = this.btime = now.seconds;
    this.atimeNsec = this.mtimeNsec = this.ctimeNsec = this.btimeNsec = now.nanoseconds;
    fs.inodes++;
  }

  override pin(): void {
    this.opens++;
  }
  override unpin(): void {
    this.opens--;
    this.freeUnused();
  }
  override stat(out: Stat): number {
    out.dev = this.dev;
    out.ino = this.ino;
    out.mode = this.mode;
    out.nlink = this.removed ? 0 : this.nlink;
    out.uid = this.uid;
    out.gid = this.gid;
    out.rdev = this.rdev;
    out.size = this.data !== null ? this.data.size
      : this.entries !== null ? 40 + 20 * this.entries.size : this.target.length;
    out.blksize = 4096;
    out.blocks = this.data === null ? 0 : this.data.blocks;
    out.atime = this.atime;
    out.atimeNsec = this.atimeNsec;
    out.mtime = this.mtime;
    out.mtimeNsec = this.mtimeNsec;
    out.ctime = this.ctime;
    out.ctimeNsec = this.ctimeNsec;
    out.btime = this.btime;
    out.btimeNsec = this.btimeNsec;
    return 0;
  }

  override open(flags: number, location: Location): OpenFile | number {
    if (this.entries !== null) return new DirectoryFile(flags, location);
    if (this.flags !== 0 && ((flags & O.ACCMODE) !== O.RDONLY || flags & O.TRUNC)) {
      if (this.flags & INODE_FLAG.IMMUTABLE) return -E.PERM;
      if (this.flags & INODE_FLAG.APPEND && (flags & O.TRUNC || !(flags & O.APPEND))) return -E.PERM;
    }
    return this.data === null ? -E.NXIO : new TmpFile(this, this.data, flags, location);
  }

  override lookup(name: string): Inode | number {
    if (this.entries === null) return -E.NOTDIR;
    return this.entries.get(name) ?? -E.NOENT;
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

  override create(name: string, init: NewInode): TmpInode | number {
    if (this.entries === null) return -E.NOTDIR;
    if (this.entries.has(name)) return -E.EXIST;
    if (this.flags & INODE_FLAG.IMMUTABLE) return -E.PERM;
    if (this.fs.inodes >= this.fs.maxInodes) return -E.NOSPC;
    const inode = new TmpInode(this.fs, init);
    this.add(name, inode);
    return inode;
  }

  override createUnnamed(init: NewInode): Inode | number {
    if (this.fs.inodes >= this.fs.maxInodes) return -E.NOSPC;
    const inode = new TmpInode(this.fs, init);
    inode.nlink = 0;
    inode.name = String(inode.ino);
    return inode;
  }

  override link(name: string, inode: Inode): number {
    const entries = this.entries!;
    if (entries.has(name)) return -E.EXIST;
    const target = inode as TmpInode;
    if (this.flags & INODE_FLAG.IMMUTABLE || target.flags & FIXED) return -E.PERM;
    // As Linux: each further name counts as an inode.
    if (target.nlink > 0) {
      if (this.fs.inodes >= this.fs.maxInodes) return -E.NOSPC;
      this.fs.inodes++;
    }
    target.nlink++;
    target.stampChange();
    entries.set(name, target);
    this.stampModify();
    return 0;
  }

  override unlink(name: string): number {
    const inode = this.entries!.get(name);
    if (inode === undefined) return -E.NOENT;
    if (inode.entries !== null) return -E.ISDIR;
    if ((this.flags | inode.flags) & FIXED) return -E.PERM;
    this.drop(name, inode);
    return 0;
  }

  override rmdir(name: string): number {
    const inode = this.entries!.get(name);
    if (inode === undefined) return -E.NOENT;
    if (inode.entries === null) return -E.NOTDIR;
    if ((this.flags | inode.flags) & FIXED) return -E.PERM;
    if (inode.entries.size > 0) return -E.NOTEMPTY;
    this.drop(name, inode);
    return 0;
  }

  override rename(name: string, to: Inode, newName: string, flags: number): number {
    const target = to as TmpInode;
    const inode = this.entries!.get(name);
    if (inode === undefined) return -E.NOENT;
    const there = target.entries!.get(newName);
    if (((this.flags | inode.flags) & FIXED) !== 0 || target.flags & INODE_FLAG.IMMUTABLE) return -E.PERM;
    if (there !== undefined && (target.flags | there.flags) & FIXED) return -E.PERM;
    if (flags & RENAME.EXCHANGE) {
      if (there === undefined) return -E.NOENT;
      this.entries!.set(name, there);
      target.entries!.set(newName, inode);
      this.countDirectory(inode, -1);
      target.countDirectory(there, -1);
      target.countDirectory(inode, 1);
      this.countDirectory(there, 1);
      there.stampChange();
    } else {
      if (there === inode) return 0;
      if (there !== undefined) {
        if (flags & RENAME.NOREPLACE) return -E.EXIST;
        if (there.entries !== null && there.entries.size > 0) return -E.NOTEMPTY;
        target.drop(newName, there);
      }
      this.entries!.delete(name);
      this.countDirectory(inode, -1);
      target.entries!.set(newName, inode);
      target.countDirectory(inode, 1);
      if (flags & RENAME.WHITEOUT) {
        this.add(name, new TmpInode(this.fs, { mode: S.IFCHR, uid: 0, gid: 0, rdev: 0, target: '' }));
      }
    }
    inode.stampChange();
    this.stampModify();
    target.stampModify();
    return 0;
  }

  override showAs(dev: number, ino: number): void {
    this.dev = dev;
    this.ino = ino;
  }

  override readlink(): string | number {
    return this.target;
  }

  override setattr(change: AttrChange): number {
    if (this.flags & FIXED) return -E.PERM;
    if (change.mask & ATTR.MODE && this.seals & SEAL.EXEC && (this.mode ^ change.mode) & 0o111) return -E.PERM;
    if (change.mask & ATTR.SIZE) {
      const cut = this.resize(change.size);
      if (cut < 0) return cut;
    }
    if (change.mask & ATTR.MODE) this.mode = (this.mode & S.IFMT) | change.mode;
    if (change.mask & ATTR.UID) this.uid = change.uid;
    if (change.mask & ATTR.GID) this.gid = change.gid;
    this.stampChange();
    if (change.mask & ATTR.ATIME) {
      this.atime = change.atime;
      this.atimeNsec = change.atimeNsec;
    }
    if (change.mask & ATTR.MTIME) {
      this.mtime = change.mtime;
      this.mtimeNsec = change.mtimeNsec;
    }
    return 0;
  }

  override mapFd(): number {
    return this.data === null ? -E.NODEV : this.data.mapFd();
  }

  override getxattr(name: string): Uint8Array | number {
    return this.xattrs?.get(name) ?? -E.NODATA;
  }
  override inodeFlags(): number {
    return this.flags;
  }
  override setInodeFlags(flags: number): number {
    if (flags & ~FLAGS) return -E.OPNOTSUPP;
    this.flags = flags;
    this.stampChange();
    return 0;
  }
  override setxattr(name: string, value: Uint8Array, flags: number): number {
    if (this.flags & FIXED) return -E.PERM;
    const has = this.xattrs?.has(name) === true;
    if (has && flags & XATTR_CREATE) return -E.EXIST;
    if (!has && flags & XATTR_REPLACE) return -E.NODATA;
    this.xattrs ??= new Map();
    this.xattrs.set(name, value.slice());
    this.stampChange();
    return 0;
  }
  override listxattr(): string[] | number {
    return this.xattrs === null ? [] : [...this.xattrs.keys()];
  }
  override removexattr(name: string): number {
    if (this.flags & FIXED) return -E.PERM;
    if (this.xattrs?.delete(name) !== true) return -E.NODATA;
    this.stampChange();
    return 0;
  }

  /** Puts a new inode into this directory. */
  add(name: string, inode: TmpInode): void {
    this.entries!.set(name, inode);
    this.countDirectory(inode, 1);
    this.stampModify();
  }

  /** Changes the size of a regular file within the file system's limit. */
  resize(size: number): number {
    const data = this.data;
    if (data === null) return -E.INVAL;
    const before = data.size;
    if (this.flags & FIXED) return -E.PERM;
    if (size < before && this.seals & SEAL.SHRINK) return -E.PERM;
    if (size > before && this.seals & SEAL.GROW) return -E.PERM;
    const failed = data.truncate(size);
    if (failed >= 0) this.stampModify();
    return failed;
  }

  /** Frees the bytes when neither a name nor a description is left. */
  freeUnused(): void {
    if (this.nlink > 0 || this.opens > 0) {
      if (this.opens === 0) this.data?.closed();
      return;
    }
    this.fs.inodes--;
    this.data?.free();
  }

  stampModify(): void {
    readClock();
    this.mtime = this.ctime = now.seconds;
    this.mtimeNsec = this.ctimeNsec = now.nanoseconds;
  }
  stampChange(): void {
    readClock();
    this.ctime = now.seconds;
    this.ctimeNsec = now.nanoseconds;
  }
  /** The relatime rule of mount(8). */
  override stampAccess(mount: Mount): void {
    if (this.flags & INODE_FLAG.NOATIME) return;
    readClock();
    if (!mount.updatesAccess(this.entries !== null, stamp(this.atime, this.atimeNsec),
      stamp(this.mtime, this.mtimeNsec), stamp(this.ctime, this.ctimeNsec), now.seconds)) return;
    this.atime = now.seconds;
    this.atimeNsec = now.nanoseconds;
  }

  private drop(name: string, inode: TmpInode): void {
    this.entries!.delete(name);
    this.countDirectory(inode, -1);
    if (inode.entries === null && inode.nlink > 1) this.fs.inodes--;
    inode.nlink -= inode.entries !== null ? 2 : 1;
    inode.stampChange();
    this.stampModify();
    inode.freeUnused();
  }
  private countDirectory(child: TmpInode, by: number): void {
    if (child.entries !== null) this.nlink += by;
  }
}
