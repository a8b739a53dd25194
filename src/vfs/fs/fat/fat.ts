/** FAT12, FAT16 and FAT32 with long names, as Linux's vfat (mount(8)): on a disk image or a loop device. */
import { E } from '../../../abi/errno.js';
import { lossOf, type BlockDevice, type Disk } from '../../block_device.js';
import type { FileSystem, StatFs } from '../../inode.js';
import { FIRST_CLUSTER, readBoot, type FatGeometry } from './boot.js';
import { ClusterChain, FixedSpace } from './chain.js';
import { FatDirectory, putDots } from './directory.js';
import { FatRegular } from './file.js';
import type { FatInode } from './inode.js';
import {
  ATTRIBUTE, ENTRY, MOST_DIRECTORY_BYTES, SLOT_BYTES, type DirectoryEntry, type FatListing,
} from './listing.js';
import { LONG_LENGTH } from './names.js';
import { fatOptions, type FatOptions } from './options.js';
import { FatTable } from './table.js';
import type { MountRequest } from '../types.js';

const MSDOS_MAGIC = 0x4d44;
const ROOT_INO = 1;
const DIRTY = 1;
/** Entries, and what holds them, that are kept in memory. */
const MOST_SLOTS = 200_000, SLOTS_OF_DIRECTORY = 16;
/** A broken file system tells so only so often. */
const MOST_REPORTS = 20;

export class FatFs implements FileSystem {
  readonly type = 'vfat';
  readonly keepsDirectories = true;
  readonly source: string;
  readonly dev: number;
  readOnly: boolean;
  readonly root: FatDirectory;
  readonly device: BlockDevice;
  readonly table: FatTable;
  /** Inodes whose entries are to be written. */
  readonly dirty = new Set<FatInode>();
  /** Files that are mapped. */
  readonly copies = new Set<FatRegular>();
  /** Open files, and those of them that can be written to. */
  opens = 0;
  writers = 0;
  /** Counts how often directories were looked at. */
  looks = 0;
  private readonly log: (line: string) => void;
  private readonly disk: Disk;
  /** Inodes that somebody may hold, by the place of their entry in units of entries. */
  private readonly inodes = new Map<number, WeakRef<FatInode>>();
  private sweepAt = 1024;
  /** Directories by their first cluster. */
  private readonly directories = new Map<number, WeakRef<FatDirectory>>();
  /** Inode numbers are places of entries, but for these places: files were moved to them, or out of them. */
  private readonly inos = new Map<number, number>();
  private lastIno: number;
  /** Directories whose entries are in memory, and what each counts. */
  private readonly listed = new Map<FatDirectory, number>();
  private slots = 0;
  private reports = 0;
  /** The device says that somebody else has not unmounted it: so it stays. */
  private wasDirty = false;
  private marked = false;
  private gone = false;

  private constructor(request: MountRequest, disk: Disk, readonly geometry: FatGeometry, readonly options: FatOptions) {
    this.source = request.source;
    this.dev = disk.rdev;
    this.disk = disk;
    this.device = disk.device!;
    this.readOnly = request.readOnly;
    this.log = (line) => request.log(`FAT-fs (${disk.name}): ${line}`);
    this.lastIno = Math.ceil(this.device.size / SLOT_BYTES) + 1;
    this.table = new FatTable(this.device, geometry, this.report);
    const space = geometry.bits === 32
      ? this.chain(geometry.rootCluster, MOST_DIRECTORY_BYTES) : new FixedSpace(geometry.rootStart, geometry.rootBytes);
    this.root = new FatDirectory(this, ROOT_INO, space);
    const entry = new Uint8Array(SLOT_BYTES);
    entry[ENTRY.attributes] = ATTRIBUTE.DIRECTORY;
    this.root.decode(entry);
    this.root.atime = this.root.mtime = this.root.btime = 0;
    if (geometry.bits === 32) this.directories.set(geometry.rootCluster, new WeakRef(this.root));
  }

  /** Is this an option of a mount, with a value that can be right? */
  static accepts(word: string): boolean {
    return typeof fatOptions(word, 0, 0, 0) !== 'string';
  }

  /** -EINVAL for what is no FAT file system and for wrong options, -EIO when the device cannot be read. */
  static open(request: MountRequest): FatFs | number {
    const { disk } = request;
    if (disk === null || disk.device === null) return -E.NXIO;
    const log = (reason: string): void => request.log(`FAT-fs (${disk.name}): ${reason}`);
    const options = fatOptions(request.options, request.uid, request.gid, request.umask);
    if (typeof options === 'string') {
      log(options);
      return -E.INVAL;
    }
    const geometry = readBoot(disk.device, log);
    if (typeof geometry === 'number') return geometry;
    const fs = new FatFs(request, disk, geometry, options);
    const failed = fs.start();
    return failed < 0 ? failed : fs;
  }

  private start(): number {
    const failed = this.table.readInfo(this.options.useFree);
    if (failed < 0) return failed;
    const state = new Uint8Array(1);
    if (this.device.read(state, this.geometry.statePosition) < 0) return -E.IO;
    this.wasDirty = (state[0]! & DIRTY) !== 0;
    if (this.wasDirty && !this.readOnly) {
      this.log('Volume was not properly unmounted. Some data may be corrupt. Please run fsck.');
    }
    if (this.options.discard) this.log('mounting with "discard" option, but the device does not support discard');
    const listing = this.root.load();
    return typeof listing === 'number' ? listing : this.mark(true);
  }

  get blockSize(): number {
    return this.geometry.sectorSize;
  }
  statfs(out: StatFs): number {
    const free = this.table.countFree();
    if (free < 0) return free;
    out.type = MSDOS_MAGIC;
    out.bsize = out.frsize = this.geometry.clusterSize;
    out.blocks = this.geometry.endCluster - FIRST_CLUSTER;
    out.bfree = out.bavail = free;
    out.files = out.ffree = 0;
    out.namelen = LONG_LENGTH;
    out.flags = 0;
    return 0;
  }

  showOptions(): string {
    return `,${this.options.shown}`;
  }

  sync(): number {
    let failed = 0;
    for (const file of this.copies) {
      const written = file.syncMapped();
      failed ||= written;
    }
    failed ||= this.table.flush();
    for (const inode of this.dirty) {
      const written = inode.flush();
      failed ||= written;
    }
    failed ||= this.table.writeInfo();
    return failed < 0 ? failed : this.device.flush();
  }
  /** What fsync(2) of one file ends with: the table and all that was written is safe. */
  settle(): number {
    const failed = this.table.flush();
    return failed < 0 ? failed : this.device.flush();
  }

  unmounted(): void {
    this.gone = true;
    this.fileClosed();
  }
  /** One open file less: the last one after unmounting leaves the device. */
  fileClosed(): void {
    if (!this.gone || this.opens > 0) return;
    this.gone = false;
    this.close();
    this.disk.unmounted();
  }
  close(): number {
    const synced = this.sync();
    const marked = this.mark(false);
    const failed = synced < 0 ? synced : marked;
    const loss = lossOf(this.device, failed);
    if (loss !== '') this.log(loss);
    return failed;
  }
  remount(readOnly: boolean, options: string): number {
    const { uid, gid, dmask } = this.options;
    const parsed = fatOptions(options, uid, gid, dmask);
    if (typeof parsed === 'string') {
      this.log(parsed);
      return -E.INVAL;
    }
    if (readOnly === this.readOnly) return 0;
    if (readOnly && this.writers > 0) return -E.BUSY;
    if (!readOnly && this.device.readOnly) return -E.ROFS;
    const failed = readOnly ? this.close() : 0;
    if (failed < 0) return failed;
    this.readOnly = readOnly;
    return readOnly ? 0 : this.mark(true);
  }

  /** Something on the device cannot be right; nothing more is written unless the options say so. */
  readonly report = (reason: string): void => {
    if (++this.reports <= MOST_REPORTS) this.log(`error, ${reason}`);
    if (this.readOnly || this.options.onError === 'continue') return;
    this.readOnly = true;
    this.log('Filesystem has been set read-only');
  };

  /** A chain from its first cluster on; 0: none yet. It cannot be for more than `mostBytes`. */
  chain(first: number, mostBytes: number): ClusterChain {
    return new ClusterChain(this.table, this.geometry, first, mostBytes, this.report);
  }

  /** The file that an entry stands for: the one that somebody holds, or one read from the device. -EIO. */
  inodeAt(dir: FatDirectory, listing: FatListing, entry: DirectoryEntry): FatInode | number {
    const position = listing.positionOf(entry.slot);
    if (position < 0) return position;
    const key = position / SLOT_BYTES;
    const held = this.inodes.get(key)?.deref();
    if (held !== undefined) return held;
    const bytes = new Uint8Array(SLOT_BYTES);
    const failed = this.device.read(bytes, position);
    if (failed < 0) return failed;
    const view = new DataView(bytes.buffer);
    const high = this.geometry.bits === 32 ? view.getUint16(ENTRY.startHigh, true) : 0;
    const first = high * 0x10000 + view.getUint16(ENTRY.start, true);
    const ino = this.inoAt(position);
    if (!entry.directory) {
      const file = new FatRegular(this, ino, first, view.getUint32(ENTRY.size, true));
      file.decode(bytes);
      this.place(file, dir, entry);
      return file;
    }
    if (first === 0 || this.directories.get(first)?.deref() !== undefined) {
      this.report(`corrupted directory (invalid start, cluster ${first})`);
      return -E.IO;
    }
    const directory = new FatDirectory(this, ino, this.chain(first, MOST_DIRECTORY_BYTES));
    directory.decode(bytes);
    const inside = directory.load();
    if (typeof inside === 'number') return inside;
    if (inside.subdirectories < 2) {
      this.report('corrupted directory (invalid entries)');
      directory.unload();
      this.listed.delete(directory);
      return -E.IO;
    }
    this.place(directory, dir, entry);
    this.directories.set(first, new WeakRef(directory));
    return directory;
  }

  /** A directory that `parent` will have: a cluster with '.' and '..'. -ENOSPC, -EIO. */
  newDirectory(parent: FatDirectory): FatDirectory | number {
    const chain = this.chain(0, MOST_DIRECTORY_BYTES);
    const failed = chain.grow(1);
    if (failed < 0) return failed;
    const directory = new FatDirectory(this, 0, chain);
    directory.start(ATTRIBUTE.DIRECTORY);
    const bytes = new Uint8Array(this.geometry.clusterSize);
    putDots(bytes, directory, parent === this.root ? 0 : parent.first);
    const written = this.device.write(bytes, chain.map(0));
    if (written < 0) {
      directory.release();
      return written;
    }
    this.directories.set(chain.first, new WeakRef(directory));
    return directory;
  }

  /** The number of the file whose entry is there. */
  inoAt(position: number): number {
    return this.inos.get(position / SLOT_BYTES) ?? position / SLOT_BYTES;
  }

  /** A file has its entry there from now on. */
  place(inode: FatInode, dir: FatDirectory, entry: DirectoryEntry): void {
    inode.dir = dir;
    inode.slot = entry.slot;
    inode.unlinked = false;
    const position = inode.position();
    if (inode.ino === 0) inode.ino = this.inoAt(position);
    else this.setIno(position, inode.ino);
    if (this.inodes.size >= this.sweepAt) this.sweep();
    this.inodes.set(position / SLOT_BYTES, new WeakRef(inode));
  }
  /** A file's entry is gone; `position` is where it was, and the file lives on: what comes there is another one. */
  leave(position: number): void {
    this.inodes.delete(position / SLOT_BYTES);
    this.setIno(position, ++this.lastIno);
  }
  /** A file has lost its name: it goes with its last close. */
  discard(inode: FatInode): void {
    const position = inode.position();
    if (inode.opens > 0) this.leave(position);
    else this.inodes.delete(position / SLOT_BYTES);
    inode.unlinked = true;
    this.dirty.delete(inode);
    if (inode.opens === 0) inode.release();
  }
  private setIno(position: number, ino: number): void {
    if (ino === position / SLOT_BYTES) this.inos.delete(ino);
    else this.inos.set(position / SLOT_BYTES, ino);
  }
  /** A directory is no more. */
  forget(directory: FatDirectory, first: number): void {
    this.directories.delete(first);
    this.slots -= this.listed.get(directory) ?? 0;
    this.listed.delete(directory);
  }

  /** A directory's entries are in memory now; those not looked at for longest go when there are too many. */
  loaded(directory: FatDirectory, listing: FatListing): void {
    const count = listing.size / SLOT_BYTES + SLOTS_OF_DIRECTORY;
    this.slots += count - (this.listed.get(directory) ?? 0);
    this.listed.set(directory, count);
    if (this.slots <= MOST_SLOTS) return;
    const oldest = [...this.listed.keys()].sort((one, other) => one.lookedAt - other.lookedAt);
    for (const other of oldest) {
      // Those of the call under way are among the latest few.
      if (this.slots <= MOST_SLOTS / 2 || this.listed.size <= 4) break;
      if (other === directory) continue;
      this.slots -= this.listed.get(other)!;
      this.listed.delete(other);
      other.unload();
    }
  }

  /** Forgets inodes that nobody holds. */
  private sweep(): void {
    for (const [key, held] of this.inodes) if (held.deref() === undefined) this.inodes.delete(key);
    for (const [key, held] of this.directories) if (held.deref() === undefined) this.directories.delete(key);
    this.sweepAt = Math.max(1024, 2 * this.inodes.size);
  }

  /** Sets the mark of a mounted file system, or takes ours away. */
  private mark(mounted: boolean): number {
    if (this.wasDirty || mounted === this.marked || (mounted && this.readOnly) || this.device.readOnly) return 0;
    const { statePosition } = this.geometry;
    const state = new Uint8Array(1);
    let failed = this.device.read(state, statePosition);
    if (failed < 0) return failed;
    state[0] = mounted ? state[0]! | DIRTY : state[0]! & ~DIRTY;
    failed = this.device.write(state, statePosition);
    if (failed < 0) return failed;
    this.marked = mounted;
    return mounted ? 0 : this.device.flush();
  }
}
