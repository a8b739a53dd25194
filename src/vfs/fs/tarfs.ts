/**
 * A tar archive as a read-only file system: its headers are read once, the bytes of its files stay where they are.
 * Names are kept inside whatever they say: '..' does not lead above the root, and links in the way of a later
 * member are followed within the archive.
 */
import { E } from '../../abi/errno.js';
import { S } from '../../abi/fcntl.js';
import { native } from '../../host/native.js';
import { DirectoryFile } from '../directory_file.js';
import { Inode, anonymousDev, makeDev } from '../inode.js';
import type { DirSink, FileSystem, Stat, StatFs } from '../inode.js';
import type { Location } from '../mount.js';
import { OpenFile, SEEK } from '../open_file.js';
import { TarError, printable, readTar } from './tar_format.js';
import type { TarMember } from './tar_format.js';

const TARFS_MAGIC = 0x746172;
const MAX_LINKS = 40;
const MAX_NAME = 255;
/** Messages about members that were left out. */
const MAX_WARNINGS = 5;

export class TarFs implements FileSystem {
  readonly type = 'tarfs';
  readonly keepsDirectories = true;
  readonly dev = anonymousDev();
  readonly readOnly = true;
  readonly root: TarInode;
  /** What was left out of the tree, for people. */
  readonly warnings: string[] = [];
  private files = 0;

  /**
   * `fd`, which belongs to the file system from now on, is a plain archive of `size` bytes.
   * @throws TarError for what is not one
   */
  constructor(readonly fd: number, readonly size: number, readonly source: string) {
    this.root = this.make(S.IFDIR | 0o755);
    this.root.nlink = 2;
    readTar(fd, size, (member) => this.add(member));
  }

  statfs(out: StatFs): number {
    out.type = TARFS_MAGIC;
    out.bsize = out.frsize = 512;
    out.blocks = Math.ceil(this.size / 512);
    out.bfree = out.bavail = 0;
    out.files = this.files;
    out.ffree = 0;
    out.namelen = MAX_NAME;
    return 0;
  }

  sync(): number {
    return 0;
  }

  private make(mode: number): TarInode {
    return new TarInode(this, mode, ++this.files);
  }

  private warn(text: string): void {
    if (this.warnings.length < MAX_WARNINGS) this.warnings.push(text);
  }

  /** The last member of a name wins; a directory that comes again keeps what is in it. */
  private add(member: TarMember): void {
    const names = namesOf(member);
    const name = names.pop();
    if (name === undefined) {
      if (member.type === S.IFDIR) this.root.describe(member);
      return;
    }
    const directory = this.directoryFor(names);
    if (directory === null) {
      this.warn(`${printable(member.path)} (header at byte ${member.offset}) is behind a loop of links: left out`);
      return;
    }
    const there = directory.entries!.get(name);
    if (member.type === 0) {
      const target = this.find(member);
      if (target === null || target.type === S.IFDIR) {
        this.warn(`${printable(member.path)} (header at byte ${member.offset}) is a link to ` +
          `${printable(member.link)}, which is ${target === null ? 'not there' : 'a directory'}: left out`);
      } else if (target !== there) {
        target.nlink++;
        directory.put(name, target);
      }
      return;
    }
    if (member.type === S.IFDIR && there !== undefined && there.type === S.IFDIR) {
      there.describe(member);
      return;
    }
    const inode = this.make(member.type);
    inode.describe(member);
    directory.put(name, inode);
  }

  /** The directory that these names lead to, made where it is missing; null for a loop of links. */
  private directoryFor(names: string[]): TarInode | null {
    let at = this.root;
    let links = 0;
    // The names still to go, the next one at the end.
    const rest = names.reverse();
    while (rest.length > 0) {
      const name = rest.pop()!;
      if (name === '..') {
        at = (at.parent as TarInode | null) ?? at;
        continue;
      }
      const next = at.entries!.get(name);
      if (next !== undefined && next.type === S.IFDIR) {
        at = next;
      } else if (next !== undefined && next.type === S.IFLNK) {
        if (++links > MAX_LINKS) return null;
        if (next.target.startsWith('/')) at = this.root;
        rest.push(...parts(next.target).reverse());
      } else {
        const made = this.make(S.IFDIR | 0o755);
        at.put(name, made);
        at = made;
      }
    }
    return at;
  }

  /** What a hard link's target is, with links in its directories followed; null: it is not there. */
  private find(member: TarMember): TarInode | null {
    let at: TarInode = this.root;
    let links = 0;
    const rest = parts(member.link).reverse();
    while (rest.length > 0) {
      const name = rest.pop()!;
      const next: TarInode | undefined = name === '..' ? (at.parent as TarInode | null) ?? at : at.entries?.get(name);
      if (next === undefined) return null;
      if (next.type !== S.IFLNK || rest.length === 0) {
        at = next;
        continue;
      }
      if (++links > MAX_LINKS) return null;
      if (next.target.startsWith('/')) at = this.root;
      rest.push(...parts(next.target).reverse());
    }
    return at;
  }
}

/** The names of a path, without '.' and empty ones. */
function parts(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

/** The names of a member, '..' taken away with what comes before it, never above the root. */
function namesOf(member: TarMember): string[] {
  const names: string[] = [];
  for (const name of parts(member.path)) {
    if (name.length > MAX_NAME || name.includes('\0')) {
      throw new TarError(`the name ${printable(member.path)} (header at byte ${member.offset}) cannot be a file's`);
    }
    if (name === '..') names.pop();
    else names.push(name);
  }
  return names;
}

class TarInode extends Inode {
  uid = 0;
  gid = 0;
  nlink = 1;
  target = '';
  private rdev = 0;
  private size = 0;
  private data = 0;
  private runs: number[] | null = null;
  private mtime = 0;
  private mtimeNsec = 0;
  private xattrs: Map<string, Uint8Array> | null = null;
  private memfd = -1;
  readonly entries: Map<string, TarInode> | null;

  constructor(readonly fs: TarFs, public mode: number, private readonly ino: number) {
    super();
    this.entries = (mode & S.IFMT) === S.IFDIR ? new Map() : null;
  }

  /** Takes everything but the type from a header. */
  describe(member: TarMember): void {
    this.mode = this.type | (this.type === S.IFLNK ? 0o777 : member.mode);
    this.uid = member.uid;
    this.gid = member.gid;
    this.mtime = member.mtime;
    this.mtimeNsec = member.mtimeNsec;
    this.xattrs = member.xattrs;
    this.rdev = makeDev(member.rdev.major, member.rdev.minor);
    this.target = this.type === S.IFLNK ? member.link : '';
    this.size = this.type === S.IFLNK ? member.link.length : member.size;
    this.data = member.data;
    this.runs = member.runs;
  }

  /** Puts an entry here, in place of what was there. */
  put(name: string, inode: TarInode): void {
    const there = this.entries!.get(name);
    if (there !== undefined) {
      if (there.entries === null) there.nlink--;
      else this.nlink--;
    }
    this.entries!.set(name, inode);
    if (inode.entries === null) return;
    inode.parent = this;
    inode.name = name;
    inode.nlink = 2;
    this.nlink++;
  }

  override stat(out: Stat): number {
    out.dev = this.fs.dev;
    out.ino = this.ino;
    out.mode = this.mode;
    out.nlink = this.nlink;
    out.uid = this.uid;
    out.gid = this.gid;
    out.rdev = this.rdev;
    out.size = this.entries !== null ? 4096 : this.size;
    out.blksize = 4096;
    // As a disk with blocks of 4 KiB would have it, for du.
    out.blocks = this.entries !== null ? 8 : this.type === S.IFREG ? Math.ceil(this.stored / 4096) * 8 : 0;
    out.atime = out.mtime = out.ctime = out.btime = this.mtime;
    out.atimeNsec = out.mtimeNsec = out.ctimeNsec = out.btimeNsec = this.mtimeNsec;
    return 0;
  }
  private get stored(): number {
    if (this.runs === null) return this.size;
    let sum = 0;
    for (let i = 1; i < this.runs.length; i += 2) sum += this.runs[i]!;
    return sum;
  }

  override open(flags: number, location: Location): OpenFile | number {
    if (this.entries !== null) return new DirectoryFile(flags, location);
    return this.type === S.IFREG ? new TarFile(this, flags, location) : -E.NXIO;
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

  override readlink(): string | number {
    return this.type === S.IFLNK ? this.target : -E.INVAL;
  }

  override getxattr(name: string): Uint8Array | number {
    return this.xattrs?.get(name) ?? -E.NODATA;
  }
  override listxattr(): string[] | number {
    return this.xattrs === null ? [] : [...this.xattrs.keys()];
  }

  /** A mapping starts at a page, as the data in an archive does not: a mapped file gets a memfd. */
  override mapFd(): number {
    if (this.type !== S.IFREG) return -E.NODEV;
    if (this.memfd >= 0) return this.memfd;
    const fd = native.memfdCreate('posixx');
    if (fd < 0) return fd;
    let failed = native.ftruncate(fd, this.size);
    if (failed >= 0) failed = this.copyTo(fd);
    if (failed < 0) {
      native.close(fd);
      return failed;
    }
    return this.memfd = fd;
  }

  /** Copies all data to a descriptor of the host, to where it is in the file. 0 or -errno. */
  copyTo(fd: number): number {
    const runs = this.runs ?? [0, this.size];
    for (let i = 0, from = this.data; i < runs.length; i += 2) {
      const length = runs[i + 1]!;
      const copied = native.copyRange(this.fs.fd, from, fd, runs[i]!, length);
      if (copied < length) return copied < 0 ? copied : -E.IO;
      from += length;
    }
    return 0;
  }

  /** As pread(2). */
  read(u8: Uint8Array, start: number, length: number, position: number): number {
    const count = Math.min(length, this.size - position);
    if (count <= 0) return 0;
    if (this.runs === null) {
      const got = native.pread(this.fs.fd, u8, start, count, this.data + position);
      return got === 0 ? -E.IO : got;
    }
    u8.fill(0, start, start + count);
    for (let i = 0, from = this.data; i < this.runs.length; from += this.runs[i + 1]!, i += 2) {
      const first = Math.max(this.runs[i]!, position);
      const end = Math.min(this.runs[i]! + this.runs[i + 1]!, position + count);
      if (first >= end) continue;
      const got = native.pread(this.fs.fd, u8, start + first - position, end - first, from + first - this.runs[i]!);
      if (got < end - first) return got < 0 ? got : -E.IO;
    }
    return count;
  }

  /** SEEK_DATA and SEEK_HOLE. */
  seek(offset: number, whence: number): number {
    if (offset < 0 || offset >= this.size) return -E.NXIO;
    const runs = this.runs ?? [0, this.size];
    let hole = offset;
    for (let i = 0; i < runs.length; i += 2) {
      const start = runs[i]!, end = start + runs[i + 1]!;
      if (whence === SEEK.DATA && end > offset) return Math.max(start, offset);
      if (hole >= start && hole < end) hole = end;
    }
    return whence === SEEK.DATA ? -E.NXIO : hole;
  }

  get length(): number {
    return this.size;
  }
}

class TarFile extends OpenFile {
  private position = 0;

  constructor(private readonly file: TarInode, flags: number, location: Location) {
    super(flags, location);
  }

  override get seekable(): boolean {
    return true;
  }
  override read(u8: Uint8Array, start: number, length: number): number {
    const got = this.file.read(u8, start, length, this.position);
    if (got > 0) this.position += got;
    return got;
  }
  override pread(u8: Uint8Array, start: number, length: number, position: number): number {
    return this.file.read(u8, start, length, position);
  }
  override seek(offset: number, whence: number): number {
    let to: number;
    switch (whence) {
      case SEEK.SET: to = offset; break;
      case SEEK.CUR: to = this.position + offset; break;
      case SEEK.END: to = this.file.length + offset; break;
      case SEEK.DATA:
      case SEEK.HOLE:
        to = this.file.seek(offset, whence);
        if (to < 0) return to;
        break;
      default: return -E.INVAL;
    }
    if (!(to >= 0)) return -E.INVAL;
    if (to > Number.MAX_SAFE_INTEGER) return -E.INVAL;
    this.position = to;
    return to;
  }
  override stat(out: Stat): number {
    return this.file.stat(out);
  }
  override sync(): number {
    return 0;
  }
  override mapFd(): number {
    return this.file.mapFd();
  }
  override copyTo(fd: number): number {
    return this.file.copyTo(fd);
  }
}
