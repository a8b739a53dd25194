/** Directories of FAT: names that are looked up, made, removed and moved. */
import { E } from '../../../abi/errno.js';
import { S } from '../../../abi/fcntl.js';
import { DirectoryFile } from '../../directory_file.js';
import { RENAME } from '../../inode.js';
import type { DirSink, Inode, NewInode } from '../../inode.js';
import type { Location } from '../../mount.js';
import type { OpenFile, UserMemory } from '../../open_file.js';
import type { FatFs } from './fat.js';
import { FixedSpace, writeSpace, zeroSpace, type ClusterChain, type Space } from './chain.js';
import { FatRegular } from './file.js';
import { FatInode } from './inode.js';
import { fatIoctl } from './ioctl.js';
import { ATTRIBUTE, ENTRY, FatListing, SLOT_BYTES, type DirectoryEntry } from './listing.js';
import { LONG_LENGTH, SHORT_LENGTH, checkLong, makeShort, unitsOf, withoutDots } from './names.js';

export class FatDirectory extends FatInode {
  /** The root of FAT12 and FAT16 is a fixed range; all others are chains. */
  readonly space: Space;
  /** What is in it, once somebody has asked and while there is room for it. */
  listing: FatListing | null = null;
  private readonly chain: ClusterChain | null;
  private links = 2;
  private bytes = 0;

  constructor(fs: FatFs, ino: number, space: ClusterChain | FixedSpace) {
    super(fs, ino);
    this.space = space;
    this.chain = space instanceof FixedSpace ? null : space;
  }

  override get first(): number {
    return this.chain === null ? 0 : this.chain.first;
  }
  override get size(): number {
    return this.listing === null ? this.bytes : this.listing.size;
  }
  override get nlink(): number {
    // The root has no '.' and '..', which are counted elsewhere.
    const links = this.listing === null ? this.links : this.listing.subdirectories;
    return this === this.fs.root ? links + 2 : links;
  }

  /** 255 units of UTF-16, which is up to three bytes of UTF-8 each. */
  override get nameMax(): number {
    return 3 * LONG_LENGTH;
  }
  override open(flags: number, location: Location): OpenFile {
    return new FatDirectoryFile(this, flags, location);
  }

  /** The index of what is in it. -EIO. */
  load(): FatListing | number {
    const { fs } = this;
    let { listing } = this;
    if (listing === null) {
      const read = FatListing.read(fs.device, this.space, fs.options);
      if (typeof read === 'number') return read;
      listing = this.listing = read;
      fs.loaded(this, listing);
    }
    listing.usedAt = ++fs.looks;
    return listing;
  }
  get lookedAt(): number {
    return this.listing === null ? 0 : this.listing.usedAt;
  }
  /** Gives the memory back. */
  unload(): void {
    if (this.listing === null) return;
    this.links = this.listing.subdirectories;
    this.bytes = this.listing.size;
    this.listing = null;
  }

  override lookup(name: string): Inode | number {
    if (this.unlinked) return -E.NOENT;
    const listing = this.load();
    if (typeof listing === 'number') return listing;
    const entry = listing.find(name);
    return entry === undefined ? -E.NOENT : this.child(listing, entry);
  }

  override readdir(position: number, sink: DirSink): number {
    const listing = this.load();
    if (typeof listing === 'number') return listing;
    const slots = [...listing.entries.keys()].sort((one, other) => one - other);
    for (const slot of slots) {
      if (slot < position) continue;
      const entry = listing.entries.get(slot)!;
      const ino = entry.inode === null ? this.fs.inoAt(listing.positionOf(slot)) : entry.inode.ino;
      if (!sink.entry(entry.name, ino, entry.directory ? S.IFDIR : S.IFREG, slot + 1)) break;
    }
    return 0;
  }

  override create(name: string, init: NewInode): Inode | number {
    const type = init.mode & S.IFMT;
    if (type !== S.IFREG && type !== S.IFDIR) return -E.PERM;
    const { fs } = this;
    if (fs.readOnly) return -E.ROFS;
    const listing = this.load();
    if (typeof listing === 'number') return listing;
    if (listing.find(name) !== undefined) return -E.EXIST;
    let inode: FatInode;
    if (type === S.IFDIR) {
      const made = fs.newDirectory(this);
      if (typeof made === 'number') return made;
      inode = made;
    } else {
      inode = new FatRegular(fs, 0, 0, 0);
      inode.start(ATTRIBUTE.ARCHIVE);
    }
    const entry = this.add(listing, name, inode);
    if (typeof entry === 'number') {
      inode.release();
      return entry;
    }
    fs.place(inode, this, entry);
    entry.inode = inode;
    return inode;
  }

  override unlink(name: string): number {
    return this.removeName(name, false);
  }
  override rmdir(name: string): number {
    return this.removeName(name, true);
  }

  override rename(name: string, to: Inode, newName: string, flags: number): number {
    const { fs } = this;
    const target = to as FatDirectory;
    if (fs.readOnly) return -E.ROFS;
    const listing = this.load();
    if (typeof listing === 'number') return listing;
    const targetListing = target.load();
    if (typeof targetListing === 'number') return targetListing;
    const entry = listing.find(name), there = targetListing.find(newName);
    if (entry === undefined) return -E.NOENT;
    const inode = this.child(listing, entry);
    if (typeof inode === 'number') return inode;
    if (there === entry) return 0;
    const covered = there === undefined ? null : target.child(targetListing, there);
    if (typeof covered === 'number') return covered;
    if (flags & RENAME.EXCHANGE) {
      if (covered === null) return -E.NOENT;
      return this.exchange(listing, entry, inode, target, targetListing, there!, covered);
    }
    if (covered !== null && flags & RENAME.NOREPLACE) return -E.EXIST;
    if (covered instanceof FatDirectory) {
      const inside = covered.load();
      if (typeof inside === 'number') return inside;
      if (!inside.empty) return -E.NOTEMPTY;
    }
    return this.move(listing, entry, inode, target, targetListing, newName, there, covered);
  }

  override release(): void {
    const { first } = this;
    this.unload();
    this.fs.forget(this, first);
    this.chain?.cut(0);
  }
  protected override resize(): number {
    return -E.ISDIR;
  }

  /** The file that an entry stands for. -EIO for what cannot be one. */
  private child(listing: FatListing, entry: DirectoryEntry): FatInode | number {
    if (entry.inode !== null) return entry.inode;
    const inode = this.fs.inodeAt(this, listing, entry);
    if (typeof inode !== 'number') entry.inode = inode;
    return inode;
  }

  /** Adds an entry for a file under a new name. -ENOENT, -EINVAL, -ENAMETOOLONG for names that cannot be. */
  private add(listing: FatListing, name: string, inode: FatInode): DirectoryEntry | number {
    const { fs } = this;
    const stripped = withoutDots(name);
    if (stripped === '') return -E.NOENT;
    const units = unitsOf(stripped);
    if (units === null) return -E.INVAL;
    const wrong = checkLong(units);
    if (wrong < 0) return wrong;
    const short = makeShort(units, fs.options, (candidate) => listing.hasShort(candidate));
    if (typeof short === 'number') return short;
    const failed = fs.table.flush();
    if (failed < 0) return failed;
    const entry = listing.add(stripped, units, short, inode.encode(), () => this.grow());
    if (typeof entry === 'number') return entry;
    inode.marks = short.marks;
    this.stampModify();
    return entry;
  }

  /** One cluster more, of zeros. */
  private grow(): number {
    const { chain, fs } = this;
    if (chain === null) return -E.NOSPC;
    const before = chain.size();
    if (before < 0) return before;
    const failed = chain.grow(1);
    if (failed < 0) return failed;
    const cleared = zeroSpace(fs.device, chain, before, fs.geometry.clusterSize);
    return cleared < 0 ? cleared : fs.table.flush();
  }

  private removeName(name: string, directory: boolean): number {
    if (this.fs.readOnly) return -E.ROFS;
    const listing = this.load();
    if (typeof listing === 'number') return listing;
    const entry = listing.find(name);
    if (entry === undefined) return -E.NOENT;
    const inode = this.child(listing, entry);
    if (typeof inode === 'number') return inode;
    if (inode instanceof FatDirectory) {
      if (!directory) return -E.ISDIR;
      const inside = inode.load();
      if (typeof inside === 'number') return inside;
      if (!inside.empty) return -E.NOTEMPTY;
    } else if (directory) {
      return -E.NOTDIR;
    }
    const failed = listing.remove(entry);
    if (failed < 0) return failed;
    this.fs.discard(inode);
    this.stampModify();
    return 0;
  }

  /** Moves a file to a new name, or to the entry of the one that it replaces, which keeps its spelling. */
  private move(
    listing: FatListing, entry: DirectoryEntry, inode: FatInode, target: FatDirectory, targetListing: FatListing,
    newName: string, there: DirectoryEntry | undefined, covered: FatInode | null,
  ): number {
    const { fs } = this;
    const written = fs.table.flush();
    if (written < 0) return written;
    const from = inode.position();
    let at = there;
    if (at === undefined) {
      const added = target.add(targetListing, newName, inode);
      if (typeof added === 'number') return added;
      at = added;
    } else {
      inode.marks = covered!.marks;
      targetListing.become(at, inode.type === S.IFDIR, inode);
    }
    if (covered !== null) fs.discard(covered);
    fs.place(inode, target, at);
    at.inode = inode;
    let failed = inode.writeEntry();
    if (target !== this && inode instanceof FatDirectory) failed ||= inode.pointUp(target);
    failed ||= listing.remove(entry);
    if (failed < 0) return failed;
    fs.leave(from);
    this.stampModify();
    target.stampModify();
    return 0;
  }

  /** Two files change places; each name keeps its spelling. */
  private exchange(
    listing: FatListing, entry: DirectoryEntry, inode: FatInode, target: FatDirectory, targetListing: FatListing,
    there: DirectoryEntry, other: FatInode,
  ): number {
    const { fs } = this;
    let failed = fs.table.flush();
    if (failed < 0) return failed;
    [inode.marks, other.marks] = [other.marks, inode.marks];
    fs.place(inode, target, there);
    fs.place(other, this, entry);
    listing.become(entry, other.type === S.IFDIR, other);
    targetListing.become(there, inode.type === S.IFDIR, inode);
    failed = inode.writeEntry();
    failed ||= other.writeEntry();
    if (target !== this) {
      if (inode instanceof FatDirectory) failed ||= inode.pointUp(target);
      if (other instanceof FatDirectory) failed ||= other.pointUp(this);
    }
    this.stampModify();
    target.stampModify();
    return failed;
  }

  /** '..' is another directory from now on. */
  private pointUp(to: FatDirectory): number {
    const listing = this.load();
    if (typeof listing === 'number') return listing;
    if (listing.dotDotSlot < 0) return -E.IO;
    const bytes = new Uint8Array(2);
    const view = new DataView(bytes.buffer);
    const { fs } = this;
    const at = listing.dotDotSlot * SLOT_BYTES, first = to === fs.root ? 0 : to.first;
    view.setUint16(0, first >>> 16, true);
    const failed = writeSpace(fs.device, this.space, bytes, 0, 2, at + ENTRY.startHigh);
    if (failed < 0) return failed;
    view.setUint16(0, first & 0xffff, true);
    return writeSpace(fs.device, this.space, bytes, 0, 2, at + ENTRY.start);
  }
}

/** The first cluster of a directory that is made now: '.' and '..', and zeros. `bytes` is filled. */
export function putDots(bytes: Uint8Array, directory: FatDirectory, parentFirst: number): void {
  const own = directory.encode();
  for (let dots = 1; dots <= 2; dots++) {
    const at = (dots - 1) * SLOT_BYTES;
    bytes.set(own, at);
    bytes.fill(32, at, at + SHORT_LENGTH);
    bytes.fill(46, at, at + dots);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + SLOT_BYTES, SLOT_BYTES);
  view.setUint16(ENTRY.startHigh, parentFirst >>> 16, true);
  view.setUint16(ENTRY.start, parentFirst & 0xffff, true);
}

class FatDirectoryFile extends DirectoryFile {
  constructor(private readonly node: FatDirectory, flags: number, location: Location) {
    super(flags, location);
  }

  override sync(): number {
    const failed = this.node.flush();
    return failed < 0 ? failed : this.node.fs.settle();
  }
  override ioctl(request: number, arg: number, memory: UserMemory): number {
    return fatIoctl(this.node, request, arg, memory);
  }
}
