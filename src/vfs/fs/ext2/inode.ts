/** Inodes of ext2: attributes, which are read from and written to the inode table's block in the cache each time. */
import { E } from '../../../abi/errno.js';
import { O, S } from '../../../abi/fcntl.js';
import { now, readClock } from '../../clock.js';
import { DirectoryFile } from '../../directory_file.js';
import { ATTR, Inode, makeDev } from '../../inode.js';
import type { AttrChange, DirSink, NewInode, Stat, TellExtent } from '../../inode.js';
import type { MappedCopy } from '../../mapped_copy.js';
import type { Location, Mount } from '../../mount.js';
import type { OpenFile } from '../../open_file.js';
import { CachedBlock } from './block_cache.js';
import { blockAt, readTarget, resize, tellExtents } from './data.js';
import * as directory from './directory.js';
import type { DirectoryIndex } from './directory.js';
import type { Ext2Fs } from './ext2.js';
import { Ext2File, FileBytes } from './file.js';
import { COMPAT, EXTRA_SIZE, FLAG, INODE, OLD_INODE_SIZE, RO_COMPAT } from './layout.js';
import * as names from './names.js';
import * as xattr from './xattr.js';

export class Ext2Inode extends Inode {
  /** Open file descriptions, and mappings through them. */
  opens = 0;
  /** Of them, those that may write. */
  writers = 0;
  /** What is mapped, once something was. */
  copy: MappedCopy | null = null;
  /** Directories: the names, once one was looked for. */
  index: DirectoryIndex | null = null;
  /** The last run of blocks that was found: file's blocks [runAt, runAt + runCount) lie at runFirst. */
  runAt = 0;
  runCount = 0;
  runFirst = 0;
  /** The inode is free again; who still holds this object sees what it last was. */
  freed = false;
  private block: CachedBlock;
  private key: string | null = null;

  /** `at`: where in the table's block the inode begins. */
  constructor(readonly fs: Ext2Fs, readonly ino: number, block: CachedBlock, public at: number) {
    super();
    this.block = block;
  }

  /** A directory has one name; a file's are not remembered. */
  placeIn(dir: Ext2Inode, name: string): void {
    if (this.type !== S.IFDIR) return;
    this.parent = dir;
    this.name = name;
  }

  /** The bytes of the inode are at `at`. Asked for anew after whatever may have dropped the block. */
  get view(): DataView {
    return this.block.live ? this.block.view : this.table().view;
  }
  private table(): CachedBlock {
    const block = this.fs.inodeBlock(this.ino);
    // The device has become unreadable below us: all zeros, which is a free inode.
    this.block = typeof block === 'number' ? new CachedBlock(0, new Uint8Array(this.fs.geometry.blockSize)) : block;
    return this.block;
  }
  /** The inode's bytes were changed and will be written. */
  changed(): void {
    if (!this.freed) this.fs.cache.change(this.block.live ? this.block : this.table());
  }
  /** Writes the inode now. 0 or -errno. */
  store(): number {
    return this.freed ? 0 : this.fs.cache.store(this.block.live ? this.block : this.table());
  }
  /** The inode's bytes as they are now. */
  snapshot(): CachedBlock {
    const { data } = this.block.live ? this.block : this.table();
    return new CachedBlock(0, data.slice(this.at, this.at + this.fs.geometry.inodeSize));
  }
  /** The inode was given back: those who hold the object see what it last was. */
  detach(last: CachedBlock): void {
    this.block = last;
    this.at = 0;
    this.freed = true;
    this.index = null;
    this.setLinks(0);
  }

  private u16(member: number): number {
    return this.view.getUint16(this.at + member, true);
  }
  u32(member: number): number {
    return this.view.getUint32(this.at + member, true);
  }
  setU16(member: number, value: number): void {
    this.view.setUint16(this.at + member, value, true);
  }
  setU32(member: number, value: number): void {
    this.view.setUint32(this.at + member, value >>> 0, true);
  }

  override get identity(): unknown {
    if (this.type === S.IFDIR) return this;
    return this.key ??= `${this.fs.dev}:${this.ino}`;
  }
  get mode(): number {
    return this.u16(INODE.mode);
  }
  get uid(): number {
    return this.u16(INODE.uid) + this.u16(INODE.uidHigh) * 0x10000;
  }
  get gid(): number {
    return this.u16(INODE.gid) + this.u16(INODE.gidHigh) * 0x10000;
  }
  get links(): number {
    return this.u16(INODE.links);
  }
  setLinks(links: number): void {
    this.setU16(INODE.links, links);
  }
  get flags(): number {
    return this.u32(INODE.flags);
  }
  clearFlag(flag: number): void {
    this.setU32(INODE.flags, this.flags & ~flag);
  }
  get size(): number {
    const high = this.type === S.IFREG || this.type === S.IFDIR ? this.sizeHigh : 0;
    return this.u32(INODE.size) + high * 0x1_0000_0000;
  }
  private get sizeHigh(): number {
    // On ext2, a directory has an unused pointer here.
    return this.type === S.IFREG || this.flags & FLAG.EXTENTS ? this.u32(INODE.sizeHigh) : 0;
  }
  setSize(size: number): void {
    this.setU32(INODE.size, size % 0x1_0000_0000);
    if (this.type !== S.IFREG) return;
    this.setU32(INODE.sizeHigh, Math.floor(size / 0x1_0000_0000));
    if (size >= 0x8000_0000) this.fs.requireRoCompat(RO_COMPAT.LARGE_FILE);
  }
  /** The block of extended attributes, or 0. */
  get fileAcl(): number {
    return this.u32(INODE.fileAcl) + (this.fs.geometry.descSize >= 64 ? this.u16(INODE.fileAclHigh) * 2 ** 32 : 0);
  }
  /** A fast symbolic link: the target is where the block pointers are. */
  get isFast(): boolean {
    if (this.type !== S.IFLNK || this.flags & (FLAG.EXTENTS | FLAG.INLINE_DATA)) return false;
    const own = this.fileAcl !== 0 ? this.fs.sectorsPerBlock : 0;
    return this.u32(INODE.blocks) - own === 0;
  }
  /** Blocks more (or fewer) that the file has, indirect ones included. */
  addBlocks(count: number): void {
    this.setU32(INODE.blocks, Math.max(0, this.u32(INODE.blocks) + count * this.fs.sectorsPerBlock));
    this.changed();
  }
  /** Of 512 bytes. */
  private get sectors(): number {
    const count = this.u32(INODE.blocks) + this.u16(INODE.blocksHigh) * (this.fs.geometry.incompat === 0 ? 0 : 2 ** 32);
    return this.flags & FLAG.HUGE_FILE ? count * this.fs.sectorsPerBlock : count;
  }
  forgetRun(): void {
    this.runCount = 0;
  }

  /** Whether the inode has the extra member that ends at `end`. */
  private hasExtra(end: number): boolean {
    return this.fs.geometry.inodeSize > OLD_INODE_SIZE && OLD_INODE_SIZE + this.u16(INODE.extraSize) >= end;
  }
  private seconds(member: number, extra: number): number {
    const low = this.view.getInt32(this.at + member, true);
    return this.hasExtra(extra + 4) ? low + (this.u32(extra) & 3) * 0x1_0000_0000 : low;
  }
  private nanoseconds(extra: number): number {
    return this.hasExtra(extra + 4) ? Math.min(999_999_999, this.u32(extra) >>> 2) : 0;
  }
  /** Sets one of the times; without the extra members they are signed 32-bit seconds. */
  setTime(member: number, extra: number, seconds: number, nanoseconds: number): void {
    const low = seconds | 0;
    if (!this.hasExtra(extra + 4)) {
      this.setU32(member, Math.max(-0x8000_0000, Math.min(0x7fff_ffff, seconds)));
      return;
    }
    this.setU32(member, low);
    this.setU32(extra, nanoseconds * 4 + (Math.floor((seconds - low) / 0x1_0000_0000) & 3));
  }

  override pin(): void {
    if (this.type === S.IFDIR) return;
    this.opens++;
    this.fs.opens++;
  }
  override unpin(): void {
    if (this.type === S.IFDIR) return;
    this.fs.opens--;
    if (--this.opens === 0) this.fs.lastClose(this);
  }
  override stat(out: Stat): number {
    if (this.fs.gone) return -E.IO;
    const type = this.type;
    out.dev = this.fs.dev;
    out.ino = this.ino;
    out.mode = this.mode;
    out.nlink = this.links;
    out.uid = this.uid;
    out.gid = this.gid;
    out.rdev = type === S.IFBLK || type === S.IFCHR ? this.rdev : 0;
    out.size = this.size;
    out.blksize = this.fs.geometry.blockSize;
    out.blocks = this.sectors;
    out.atime = this.seconds(INODE.atime, INODE.atimeExtra);
    out.atimeNsec = this.nanoseconds(INODE.atimeExtra);
    out.mtime = this.seconds(INODE.mtime, INODE.mtimeExtra);
    out.mtimeNsec = this.nanoseconds(INODE.mtimeExtra);
    out.ctime = this.seconds(INODE.ctime, INODE.ctimeExtra);
    out.ctimeNsec = this.nanoseconds(INODE.ctimeExtra);
    const born = this.hasExtra(INODE.btimeExtra + 4);
    out.btime = born ? this.seconds(INODE.btime, INODE.btimeExtra) : 0;
    out.btimeNsec = born ? this.nanoseconds(INODE.btimeExtra) : 0;
    return 0;
  }

  /** A device's number: the old coding of 16 bits, or the one of today behind it. */
  private get rdev(): number {
    const old = this.u32(INODE.block);
    return old !== 0 ? makeDev((old >>> 8) & 0xff, old & 0xff) : this.u32(INODE.block + 4);
  }

  /** A new inode: everything but its links and place. The block holds what was there before. */
  initialize(init: NewInode, parentFlags: number): void {
    const { fs, at } = this;
    const generation = this.u32(INODE.generation);
    new Uint8Array(this.view.buffer, this.view.byteOffset + at, fs.geometry.inodeSize).fill(0);
    this.setU16(INODE.mode, init.mode);
    this.setOwner(init.uid, init.gid);
    let flags = parentFlags & FLAG.INHERITED;
    if ((init.mode & S.IFMT) !== S.IFDIR) flags &= (init.mode & S.IFMT) === S.IFREG ? ~(0x10000 | 0x20000) : 0xc0;
    this.setU32(INODE.flags, flags & ~(FLAG.IMMUTABLE | FLAG.APPEND));
    this.setU32(INODE.generation, generation + 1);
    if (fs.geometry.inodeSize > OLD_INODE_SIZE) this.setU16(INODE.extraSize, EXTRA_SIZE);
    readClock();
    for (const [member, extra] of TIMES) this.setTime(member, extra, now.seconds, now.nanoseconds);
    if (this.hasExtra(INODE.btimeExtra + 4)) this.setTime(INODE.btime, INODE.btimeExtra, now.seconds, now.nanoseconds);
    const type = init.mode & S.IFMT;
    if (type === S.IFBLK || type === S.IFCHR) {
      const major = (init.rdev >>> 8) & 0xfff, minor = (init.rdev & 0xff) | ((init.rdev >>> 12) & 0xfff00);
      if (major < 256 && minor < 256) this.setU32(INODE.block, (major << 8) | minor);
      else this.setU32(INODE.block + 4, init.rdev);
    }
  }
  private setOwner(uid: number, gid: number): void {
    this.setU16(INODE.uid, uid & 0xffff);
    this.setU16(INODE.uidHigh, uid >>> 16);
    this.setU16(INODE.gid, gid & 0xffff);
    this.setU16(INODE.gidHigh, gid >>> 16);
  }

  stampModify(): void {
    readClock();
    this.setTime(INODE.mtime, INODE.mtimeExtra, now.seconds, now.nanoseconds);
    this.setTime(INODE.ctime, INODE.ctimeExtra, now.seconds, now.nanoseconds);
    this.changed();
  }
  stampChange(): void {
    readClock();
    this.setTime(INODE.ctime, INODE.ctimeExtra, now.seconds, now.nanoseconds);
    this.changed();
  }
  override stampAccess(mount: Mount): void {
    if (this.fs.readOnly || this.fs.gone || this.freed || this.flags & FLAG.NOATIME) return;
    const accessed = this.seconds(INODE.atime, INODE.atimeExtra);
    const modified = this.seconds(INODE.mtime, INODE.mtimeExtra), changed = this.seconds(INODE.ctime, INODE.ctimeExtra);
    readClock();
    if (accessed === now.seconds) return;
    if (!mount.updatesAccess(this.type === S.IFDIR, accessed, modified, changed, now.seconds)) return;
    this.setTime(INODE.atime, INODE.atimeExtra, now.seconds, now.nanoseconds);
    this.changed();
  }

  override inodeFlags(): number {
    return this.flags & FLAG.VISIBLE;
  }
  override generation(): number {
    return this.u32(INODE.generation);
  }
  override blockMap(block: number): number {
    return blockAt(this, block);
  }
  override extents(from: number, to: number, tell: TellExtent): number {
    return tellExtents(this, from, to, tell);
  }
  override setInodeFlags(flags: number): number {
    const failed = this.fs.beforeChange();
    if (failed < 0) return failed;
    this.setU32(INODE.flags, ((this.flags & ~FLAG.MODIFIABLE) | (flags & FLAG.MODIFIABLE)) >>> 0);
    this.stampChange();
    return 0;
  }

  override open(flags: number, location: Location): OpenFile | number {
    if (this.fs.gone) return -E.IO;
    if (this.type === S.IFDIR) return new DirectoryFile(flags, location);
    if (this.type !== S.IFREG) return -E.NXIO;
    const writes = (flags & O.ACCMODE) !== O.RDONLY || (flags & O.TRUNC) !== 0;
    if (writes && this.flags & FLAG.IMMUTABLE) return -E.PERM;
    if (writes && this.flags & FLAG.APPEND && (flags & O.TRUNC || !(flags & O.APPEND))) return -E.PERM;
    // This object may have been dropped from the table of inodes since somebody found it.
    const inode = this.fs.inode(this.ino);
    if (typeof inode === 'number') return inode;
    return inode.freed || this.freed ? -E.STALE : new Ext2File(inode, flags, location);
  }
  override lookup(name: string): Inode | number {
    return directory.lookup(this, name);
  }
  override readdir(position: number, sink: DirSink): number {
    return directory.readdir(this, position, sink);
  }
  override create(name: string, init: NewInode): Inode | number {
    return names.create(this, name, init);
  }
  override createUnnamed(init: NewInode): Inode | number {
    return names.createUnnamed(this, init);
  }
  override link(name: string, inode: Inode): number {
    return names.link(this, name, inode as Ext2Inode);
  }
  override unlink(name: string): number {
    return names.unlink(this, name);
  }
  override rmdir(name: string): number {
    return names.rmdir(this, name);
  }
  override rename(name: string, to: Inode, newName: string, flags: number): number {
    return names.rename(this, name, to as Ext2Inode, newName, flags);
  }
  override readlink(): string | number {
    return this.type === S.IFLNK ? readTarget(this) : -E.INVAL;
  }

  override setattr(change: AttrChange): number {
    const denied = this.fs.beforeChange();
    if (denied < 0) return denied;
    const { mask } = change;
    if (this.flags & (mask & ATTR.SIZE ? FLAG.IMMUTABLE | FLAG.APPEND : FLAG.IMMUTABLE)) return -E.PERM;
    if (mask & ATTR.SIZE) {
      const failed = resize(this, change.size);
      if (failed < 0) return failed;
    }
    if (mask & ATTR.MODE) this.setU16(INODE.mode, this.type | change.mode);
    if (mask & (ATTR.UID | ATTR.GID)) {
      this.setOwner(mask & ATTR.UID ? change.uid : this.uid, mask & ATTR.GID ? change.gid : this.gid);
    }
    this.stampChange();
    if (mask & ATTR.ATIME) this.setTime(INODE.atime, INODE.atimeExtra, change.atime, change.atimeNsec);
    if (mask & ATTR.MTIME) this.setTime(INODE.mtime, INODE.mtimeExtra, change.mtime, change.mtimeNsec);
    return 0;
  }

  override mapFd(writable: boolean): number {
    const inode = this.fs.inode(this.ino);
    if (typeof inode === 'number') return inode;
    return new FileBytes(inode).mapFd(writable);
  }

  override getxattr(name: string): Uint8Array | number {
    return xattr.get(this, name);
  }
  override setxattr(name: string, value: Uint8Array, flags: number): number {
    const denied = this.fs.beforeChange();
    if (denied < 0) return denied;
    const failed = xattr.set(this, name, value, flags);
    if (failed >= 0) this.fs.requireCompat(COMPAT.EXT_ATTR);
    return failed;
  }
  override listxattr(): string[] | number {
    return xattr.list(this);
  }
  override removexattr(name: string): number {
    const denied = this.fs.beforeChange();
    return denied < 0 ? denied : xattr.remove(this, name);
  }
}

const TIMES: readonly (readonly [number, number])[] = [
  [INODE.atime, INODE.atimeExtra], [INODE.mtime, INODE.mtimeExtra], [INODE.ctime, INODE.ctimeExtra],
];
