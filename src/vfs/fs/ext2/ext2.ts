/**
 * ext2, read and write; ext3 whose journal is clean is written as ext2, other ext3 and ext4 are read. README.md says
 * where to start, and in which order things reach the device.
 */
import { E } from '../../../abi/errno.js';
import { S } from '../../../abi/fcntl.js';
import { lossOf, type BlockDevice, type Disk } from '../../block_device.js';
import { now, readClock } from '../../clock.js';
import type { FileSystem, StatFs } from '../../inode.js';
import type { MountRequest } from '../types.js';
import { BlockCache, type CachedBlock } from './block_cache.js';
import type { DirectoryIndex } from './directory.js';
import { Groups } from './groups.js';
import { Ext2Inode } from './inode.js';
import {
  COMPAT, CORRUPT, EXT2_MAGIC, GD, INCOMPAT, INODE, RO_COMPAT, ROOT_INO, SB, STATE, SUPERBLOCK_AT, SUPERBLOCK_SIZE,
  hasSuperblock, readGeometry, writeObstacle, type Geometry,
} from './layout.js';
import { replayed } from './journal.js';
import { release } from './names.js';
import * as orphans from './orphans.js';
import { repair } from './repair.js';

/** Features that Linux mounts under the older names. */
const EXT2_INCOMPAT = INCOMPAT.FILETYPE | INCOMPAT.META_BG;
const EXT2_RO_COMPAT = RO_COMPAT.SPARSE_SUPER | RO_COMPAT.LARGE_FILE | RO_COMPAT.BTREE_DIR;
/** Options of ext2(5) that are accepted; those with a value end in '='. */
const OPTIONS: ReadonlySet<string> = new Set([
  'rw', 'ro', 'defaults', 'bsddf', 'minixdf', 'nogrpid', 'sysvgroups', 'nouid32', 'nocheck', 'check=', 'debug',
  'errors=', 'user_xattr', 'nouser_xattr', 'acl', 'noacl', 'noload', 'norecovery', 'data=', 'commit=', 'barrier',
  'nobarrier', 'barrier=', 'discard', 'nodiscard', 'delalloc', 'nodelalloc', 'orlov', 'oldalloc', 'reservation',
  'noreservation', 'noquota', 'resuid=', 'resgid=', 'stripe=', 'journal_checksum', 'nojournal_checksum',
  'auto_da_alloc', 'lazytime',
]);
/** Seconds after which what was changed is written without being asked for (Linux: 5 for metadata). */
const FLUSH_SECONDS = 5;
const MAX_MESSAGES = 20;
const MAX_INODES = 1 << 16;
const MAX_INDEXED = 1 << 19;
/**
 * Copies of files that are not mapped now are kept so that the next mapping need not make them: programs, libraries.
 */
const KEPT_COPIES = 32;
const KEPT_COPY_BYTES = 128 << 20;

export class Ext2Fs implements FileSystem {
  readonly type: string;
  readonly keepsDirectories = true;
  readonly source: string;
  readonly dev: number;
  readonly leavesWhiteouts = true;
  readonly disk: Disk;
  readonly cache: BlockCache;
  readonly superblock: DataView;
  /** Pointers in an indirect block. */
  readonly pointers: number;
  readonly sectorsPerBlock: number;
  /** Blocks of a group's inode table. */
  readonly tableBlocks: number;
  root!: Ext2Inode;
  groups!: Groups;
  readOnly: boolean;
  freeBlocks = 0;
  freeInodes = 0;
  /** Open files, and of them those that may write. */
  opens = 0;
  writers = 0;
  /** Open files without a name, the newest last. */
  readonly orphans = new Set<Ext2Inode>();
  /** Files with a copy that is or was mapped. */
  readonly copies = new Set<Ext2Inode>();
  /** It is unmounted and closed: nothing is read or written any more. */
  gone = false;
  private detached = false;
  private readonly inodes = new Map<number, Ext2Inode>();
  private inodesLimit = MAX_INODES;
  private readonly indexes = new Set<Ext2Inode>();
  private indexedNames = 0;
  private flushedAt = 0;
  private messages = 0;

  private constructor(
    private readonly request: MountRequest, readonly device: BlockDevice, private readonly superblockBytes: Uint8Array,
    readonly geometry: Geometry,
  ) {
    this.type = request.type;
    this.source = request.source;
    this.disk = request.disk!;
    this.dev = this.disk.rdev;
    this.readOnly = request.readOnly;
    this.superblock = new DataView(superblockBytes.buffer);
    this.cache = new BlockCache(device, geometry.blockSize, geometry.blocksCount);
    this.pointers = geometry.blockSize / 4;
    this.sectorsPerBlock = geometry.blockSize / 512;
    this.tableBlocks = Math.ceil(geometry.inodesPerGroup * geometry.inodeSize / geometry.blockSize);
  }

  /** Is this an option of a mount? */
  static accepts(word: string): boolean {
    return OPTIONS.has(word.replace(/=.*/, '=')) || OPTIONS.has(word);
  }

  /** Mounts; what is wrong is told to request.log. -EINVAL: no such file system; -EROFS: it cannot be written. */
  static open(request: MountRequest): Ext2Fs | number {
    const device = request.disk!.device!;
    const bytes = new Uint8Array(SUPERBLOCK_SIZE);
    const log = (text: string): void => request.log(`EXT4-fs (${request.disk!.name}): ${text}`);
    const failed = device.size < SUPERBLOCK_AT + SUPERBLOCK_SIZE ? -E.INVAL : device.read(bytes, SUPERBLOCK_AT);
    if (failed < 0) return failed;
    for (const word of request.options.split(',')) {
      if (word === '' || Ext2Fs.accepts(word)) continue;
      log(`Unrecognized mount option "${word}"`);
      return -E.INVAL;
    }
    const geometry = readGeometry(new DataView(bytes.buffer), device.size);
    if (typeof geometry === 'string') {
      log(geometry);
      return -E.INVAL;
    }
    const { incompat, roCompat, compat } = geometry;
    if (request.type === 'ext2' && (incompat & ~EXT2_INCOMPAT || roCompat & ~EXT2_RO_COMPAT)) {
      log('couldn\'t mount as ext2 due to feature incompatibilities');
      return -E.INVAL;
    }
    if (request.type === 'ext3' &&
      (incompat & ~(EXT2_INCOMPAT | INCOMPAT.RECOVER) || roCompat & ~EXT2_RO_COMPAT ||
        !(compat & COMPAT.HAS_JOURNAL))) {
      log('couldn\'t mount as ext3 due to feature incompatibilities');
      return -E.INVAL;
    }
    let fs = new Ext2Fs(request, device, bytes, geometry);
    if (incompat & INCOMPAT.RECOVER && request.readOnly && !/\b(noload|norecovery)\b/.test(request.options)) {
      const recovered = fs.readGroups();
      const after = recovered < 0 ? recovered : replayed(fs);
      const read = typeof after === 'number' ? after : after.read(bytes, SUPERBLOCK_AT);
      if (read < 0 || typeof after === 'number') return read;
      const recoveredGeometry = readGeometry(new DataView(bytes.buffer), device.size);
      if (typeof recoveredGeometry === 'string') {
        log(recoveredGeometry);
        return -E.INVAL;
      }
      log('the journal was read in memory, the device stays as it is');
      fs = new Ext2Fs(request, after, bytes, recoveredGeometry);
    }
    const started = fs.start();
    return started < 0 ? started : fs;
  }

  private start(): number {
    const failed = this.readGroups();
    if (failed < 0) return failed;
    const root = this.inode(ROOT_INO);
    if (typeof root === 'number' || root.type !== S.IFDIR || root.size === 0) {
      this.log('corrupt root inode, run e2fsck');
      return CORRUPT;
    }
    this.root = root;
    return this.readOnly ? 0 : this.beginWriting();
  }

  private readGroups(): number {
    const groups = Groups.read(this);
    if (typeof groups === 'number') return groups;
    this.groups = groups;
    this.freeBlocks = groups.total(GD.freeBlocks);
    this.freeInodes = groups.total(GD.freeInodes);
    return 0;
  }

  /** It may be written from now on: what an earlier run left is put right, and the device says that it is in use. */
  private beginWriting(): number {
    const obstacle = writeObstacle(this.geometry);
    if (obstacle !== '' || this.device.readOnly) {
      this.log(obstacle === '' ? 'write access unavailable' : obstacle);
      return -E.ROFS;
    }
    const state = this.superblock.getUint16(SB.state, true);
    this.readOnly = false;
    if (!(state & STATE.VALID)) {
      const repaired = repair(this);
      if (repaired < 0) {
        this.readOnly = true;
        return repaired;
      }
    }
    if (this.superblock.getUint32(SB.lastOrphan, true) !== 0) {
      const count = orphans.clean(this);
      this.log(`${count} orphan inode${count === 1 ? '' : 's'} deleted`);
    }
    if (state & STATE.ERROR) this.log('warning: mounting fs with errors, running e2fsck is recommended');
    readClock();
    this.flushedAt = now.seconds;
    this.superblock.setUint16(SB.state, state & ~STATE.VALID, true);
    this.superblock.setUint16(SB.mountCount, this.superblock.getUint16(SB.mountCount, true) + 1, true);
    this.superblock.setUint32(SB.mountTime, now.seconds, true);
    return this.flush();
  }

  /** A line in the log; after many of them, none. */
  log(text: string): void {
    if (this.messages++ < MAX_MESSAGES) this.request.log(`EXT4-fs (${this.disk.name}): ${text}`);
  }
  /** The file system is not what it should be; who mounts it next is told. */
  damaged(text: string): void {
    this.log(`error: ${text}`);
    if (this.readOnly) return;
    this.superblock.setUint16(SB.state, this.superblock.getUint16(SB.state, true) | STATE.ERROR, true);
  }
  /** An operation meets corrupt structures or a device that fails: `errno`, told once. */
  failure(errno: number, text: string): number {
    this.damaged(text);
    return errno;
  }

  /** Is it a block that a file or a table may have? */
  isBlock(block: number): boolean {
    return block > this.geometry.firstDataBlock && block < this.geometry.blocksCount;
  }

  /** Before an operation that only reads. */
  beforeRead(): number {
    if (this.gone) return -E.IO;
    this.cache.trim();
    return 0;
  }
  /** Before an operation that changes something. -EROFS, -EIO. */
  beforeChange(): number {
    if (this.gone) return -E.IO;
    if (this.readOnly) return -E.ROFS;
    this.cache.trim();
    if (now.seconds - this.flushedAt >= FLUSH_SECONDS) {
      this.flushedAt = now.seconds;
      return this.flush();
    }
    return 0;
  }

  /** The block of the inode table that holds an inode; the number was checked. */
  inodeBlock(ino: number): CachedBlock | number {
    const { inodesPerGroup, inodeSize, shift } = this.geometry;
    const group = this.groups.groupOfInode(ino);
    const offset = ((ino - 1) % inodesPerGroup) * inodeSize;
    return this.cache.get(this.groups.inodeTable(group) + Math.floor(offset / 2 ** shift));
  }

  /** An inode as an entry names it. -EUCLEAN for one that cannot be in a directory or is free. */
  inode(ino: number): Ext2Inode | number {
    const known = this.inodes.get(ino);
    if (known !== undefined) return known;
    if (this.gone) return -E.IO;
    if (ino !== ROOT_INO && (ino < this.geometry.firstIno || ino > this.geometry.inodesCount)) {
      return this.failure(CORRUPT, `inode number ${ino} in a directory`);
    }
    if (this.inodes.size > this.inodesLimit) {
      this.dropInodes();
      // What cannot be dropped is not looked through each time.
      this.inodesLimit = Math.max(MAX_INODES, this.inodes.size * 2);
    }
    const inode = this.makeInode(ino);
    if (typeof inode === 'number') return inode;
    const sane = inode.links > 0 && KNOWN_TYPES.has(inode.type) && inode.size < 2 ** 46;
    if (sane) return inode;
    this.inodes.delete(ino);
    return this.failure(CORRUPT, `inode ${ino} is ${inode.links > 0 ? 'none' : 'free'}`);
  }

  /** The object of an inode, whatever its bytes say. */
  makeInode(ino: number): Ext2Inode | number {
    const block = this.inodeBlock(ino);
    if (typeof block === 'number') return block;
    const { inodesPerGroup, inodeSize, blockSize } = this.geometry;
    const inode = new Ext2Inode(this, ino, block, (((ino - 1) % inodesPerGroup) * inodeSize) % blockSize);
    this.inodes.set(ino, inode);
    return inode;
  }
  forgetInode(inode: Ext2Inode): void {
    if (inode.copy !== null) this.dropCopy(inode);
    this.inodes.delete(inode.ino);
    this.indexes.delete(inode);
  }

  /** Forgets files that nobody has open; directories stay. All that is known of them is in the block cache. */
  private dropInodes(): void {
    for (const [ino, inode] of this.inodes) {
      if (inode.opens > 0 || inode.type === S.IFDIR || inode.covered > 0 || inode.attachment !== null ||
        inode.copy !== null || this.orphans.has(inode)) continue;
      this.inodes.delete(ino);
    }
  }

  /** A directory's names are remembered; those of others are forgotten when they are too many. */
  indexed(dir: Ext2Inode, index: DirectoryIndex): void {
    this.indexedNames += index.entries.size + 16;
    if (this.indexedNames > MAX_INDEXED) {
      for (const other of this.indexes) other.index = null;
      this.indexes.clear();
      this.indexedNames = index.entries.size;
    }
    this.indexes.add(dir);
  }

  /** The superblock says from now on that a feature is used. */
  requireCompat(feature: number): void {
    this.require(SB.compat, feature);
  }
  requireRoCompat(feature: number): void {
    this.require(SB.roCompat, feature);
  }
  private require(member: number, feature: number): void {
    const { superblock } = this;
    if (superblock.getUint32(member, true) & feature && superblock.getUint32(SB.revision, true) > 0) return;
    if (superblock.getUint32(SB.revision, true) === 0) {
      // As Linux does: the revision with features, and what went without saying.
      superblock.setUint32(SB.revision, 1, true);
      superblock.setUint32(SB.firstIno, this.geometry.firstIno, true);
      superblock.setUint16(SB.inodeSize, this.geometry.inodeSize, true);
      for (const features of [SB.compat, SB.incompat, SB.roCompat]) superblock.setUint32(features, 0, true);
    }
    superblock.setUint32(member, superblock.getUint32(member, true) | feature, true);
    this.storeSuperblock();
  }

  /** Writes the superblock as it is. 0 or -errno. */
  storeSuperblock(): number {
    return this.device.write(this.superblockBytes, SUPERBLOCK_AT);
  }

  /** Writes all structures that were changed, and the counts. */
  private flush(): number {
    let failed = this.cache.flush(true);
    if (failed < 0) return failed;
    failed = this.groups.flush();
    if (failed < 0) return failed;
    readClock();
    this.superblock.setUint32(SB.freeBlocks, this.freeBlocks, true);
    this.superblock.setUint32(SB.freeInodes, this.freeInodes, true);
    this.superblock.setUint32(SB.writeTime, now.seconds, true);
    return this.storeSuperblock();
  }

  /** fsync(2) of a file: its data was written when it came. */
  syncData(): number {
    if (this.gone) return -E.IO;
    if (this.readOnly) return 0;
    const failed = this.cache.flush(false);
    return failed < 0 ? failed : this.device.flush();
  }

  /** A file that was written is closed: a run that is killed does not take it along. */
  written(): number {
    return this.gone || this.readOnly ? 0 : this.cache.flush(false);
  }

  sync(): number {
    if (this.gone || this.readOnly) return 0;
    let result = 0;
    for (const inode of this.copies) result = Math.min(result, inode.copy!.writeBack(false));
    const failed = this.flush();
    if (failed < 0) return failed;
    const unsafe = this.device.flush();
    return unsafe < 0 ? unsafe : result;
  }

  /** The last description of a file is closed. */
  lastClose(inode: Ext2Inode): number {
    let result = 0;
    if (inode.copy !== null) {
      if (inode.links > 0 && !this.readOnly && !this.gone) result = inode.copy.writeBack(true);
      if (inode.links === 0 || inode.size > KEPT_COPY_BYTES / 4 || this.gone) this.dropCopy(inode);
      else this.dropCopies();
    }
    if (this.orphans.has(inode) && !this.gone) {
      orphans.remove(inode);
      const failed = release(inode);
      if (failed < 0) result = failed;
    }
    if (this.detached && this.opens === 0) this.close();
    return result;
  }
  private dropCopy(inode: Ext2Inode): void {
    inode.copy!.free();
    inode.copy = null;
    this.copies.delete(inode);
  }
  /** Frees the oldest copies that are not mapped while there are too many. */
  private dropCopies(): void {
    let bytes = 0, count = 0;
    for (const inode of [...this.copies].reverse()) {
      if (inode.opens > 0) continue;
      bytes += inode.size;
      if (++count > KEPT_COPIES || bytes > KEPT_COPY_BYTES) this.dropCopy(inode);
    }
  }

  unmounted(): void {
    this.detached = true;
    if (this.opens === 0) this.close();
  }

  /** Leaves the device clean, without what is open but has no name. 0 or -errno. */
  close(): number {
    if (this.gone) return 0;
    let failed = 0;
    if (!this.readOnly) {
      failed = this.endWriting();
      const loss = lossOf(this.device, failed);
      if (loss !== '') this.log(loss);
    }
    this.gone = true;
    for (const inode of this.copies) if (inode.opens === 0) this.dropCopy(inode);
    this.disk.unmounted();
    return failed;
  }

  private endWriting(): number {
    let result = 0;
    for (const inode of this.copies) {
      if (inode.links > 0) result = Math.min(result, inode.copy!.writeBack(false));
    }
    for (const inode of [...this.orphans]) {
      orphans.remove(inode);
      result = Math.min(result, release(inode));
    }
    this.superblock.setUint16(SB.state, this.superblock.getUint16(SB.state, true) | STATE.VALID, true);
    const failed = this.flush();
    if (failed < 0) return failed;
    const unsafe = this.device.flush();
    return unsafe < 0 ? unsafe : result;
  }

  remount(readOnly: boolean): number {
    if (this.gone) return -E.IO;
    if (readOnly === this.readOnly) return 0;
    if (!readOnly) return this.beginWriting();
    if (this.writers > 0 || this.orphans.size > 0) return -E.BUSY;
    const failed = this.endWriting();
    if (failed < 0) return failed;
    this.readOnly = true;
    return 0;
  }

  statfs(out: StatFs): number {
    const { geometry } = this;
    const { blockSize } = geometry;
    out.type = EXT2_MAGIC;
    out.bsize = out.frsize = blockSize;
    let overhead = geometry.firstDataBlock;
    const descriptors = Math.ceil(geometry.groups * geometry.descSize / blockSize);
    for (let group = 0; group < geometry.groups; group++) {
      overhead += 2 + this.tableBlocks + (hasSuperblock(geometry, group) ? 1 + descriptors : 0);
    }
    out.blocks = Math.max(0, geometry.blocksCount - overhead);
    out.bfree = this.freeBlocks;
    out.bavail = Math.max(0, this.freeBlocks - this.superblock.getUint32(SB.reservedBlocks, true));
    out.files = geometry.inodesCount;
    out.ffree = this.freeInodes;
    out.namelen = 255;
    out.flags = 0;
    return 0;
  }

  /** For checks of the whole tree: the inode's bytes in the table, without an object. */
  rawInode(ino: number): { view: DataView; at: number } | number {
    const block = this.inodeBlock(ino);
    if (typeof block === 'number') return block;
    const { inodesPerGroup, inodeSize, blockSize } = this.geometry;
    return { view: block.view, at: (((ino - 1) % inodesPerGroup) * inodeSize) % blockSize };
  }
  /** Whether an inode is a file's, as its bytes say. */
  isUsed(view: DataView, at: number): boolean {
    return view.getUint16(at + INODE.links, true) > 0 && view.getUint16(at + INODE.mode, true) !== 0;
  }
}

const KNOWN_TYPES: ReadonlySet<number> = new Set([
  S.IFREG, S.IFDIR, S.IFLNK, S.IFCHR, S.IFBLK, S.IFIFO, S.IFSOCK,
]);

