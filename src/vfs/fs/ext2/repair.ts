/**
 * What a run that ended in the middle left behind is put right: bitmaps and counts are made anew from the inodes,
 * entries of free inodes are dropped, link counts are made to agree, what lost its name comes to lost+found. It is what
 * `e2fsck -p` does, for what this file system itself can leave; anything worse is told and left to e2fsck.
 */
import { S } from '../../../abi/fcntl.js';
import { now, readClock } from '../../clock.js';
import { cutBlocks, eachBlock } from './block_map.js';
import type { Ext2Fs } from './ext2.js';
import type { Ext2Inode } from './inode.js';
import { CORRUPT, GD, INODE, ROOT_INO } from './layout.js';
import * as orphans from './orphans.js';
import { NamesRepair } from './repair_names.js';
import * as xattr from './xattr.js';

/** Inode of blocks that a larger file system would have for its descriptors. */
const RESIZE_INO = 7;

/** Mends the file system before it is written to. -EUCLEAN: it takes e2fsck. */
export function repair(fs: Ext2Fs): number {
  const blocks = new BlocksRepair(fs), names = new NamesRepair(fs);
  let failed = blocks.markSystemBlocks();
  if (failed >= 0) failed = blocks.eachInode();
  if (failed >= 0) failed = names.walk();
  if (failed >= 0) failed = names.countLinks();
  // From here on blocks and inodes can be taken and given back.
  if (failed >= 0) failed = blocks.writeBitmaps();
  if (failed >= 0) failed = blocks.cutTails();
  if (failed >= 0) failed = names.placeNameless();
  if (failed < 0) {
    fs.log('was not unmounted cleanly and is damaged: run e2fsck');
    return failed;
  }
  const changes = blocks.changes + names.changes;
  fs.log(changes === 0 ? 'was not unmounted cleanly; nothing was damaged' :
    `was not unmounted cleanly; recovered (${changes} changes)`);
  return 0;
}

/** Who has which block. */
class BlocksRepair {
  changes = 0;
  /** A bit a block, from the first of the groups on, and a bit an inode; a group's begin with a byte. */
  private readonly blocks: Uint8Array;
  private readonly inodes: Uint8Array;
  private readonly inodeBytes: number;
  /** Directories of each group. */
  private readonly directories: Uint32Array;
  /** Blocks of extended attributes, and how many inodes have them. */
  private readonly attributeUsers = new Map<number, number>();
  private readonly orphans: ReadonlySet<number>;
  /** Files with blocks behind their end. */
  private readonly tails: number[] = [];

  constructor(private readonly fs: Ext2Fs) {
    const { geometry } = fs;
    this.blocks = new Uint8Array(Math.ceil((geometry.blocksCount - geometry.firstDataBlock) / 8));
    this.inodeBytes = Math.ceil(geometry.inodesPerGroup / 8);
    this.inodes = new Uint8Array(geometry.groups * this.inodeBytes);
    this.directories = new Uint32Array(geometry.groups);
    this.orphans = new Set(orphans.listed(fs));
  }

  /** Marks blocks as taken. False: another has them already, or they are none. */
  private take(first: number, count: number): boolean {
    const { firstDataBlock, blocksCount } = this.fs.geometry;
    if (first < firstDataBlock || first + count > blocksCount) return false;
    for (let bit = first - firstDataBlock, end = bit + count; bit < end; bit++) {
      const mask = 1 << (bit & 7);
      if (this.blocks[bit >>> 3]! & mask) return false;
      this.blocks[bit >>> 3]! |= mask;
    }
    return true;
  }

  markSystemBlocks(): number {
    const { groups, geometry } = this.fs;
    for (let group = 0; group < geometry.groups; group++) {
      for (const [first, count] of groups.systemBlocks(group)) {
        if (this.take(first, count)) continue;
        this.fs.damaged(`group ${group}: its structures lie on others`);
        return CORRUPT;
      }
    }
    return 0;
  }

  /** Looks at all inodes, and which blocks they have. */
  eachInode(): number {
    const { fs } = this;
    const { geometry } = fs;
    for (let ino = 1; ino <= geometry.inodesCount; ino++) {
      fs.cache.trim();
      const raw = fs.rawInode(ino);
      if (typeof raw === 'number') return raw;
      const reserved = ino < geometry.firstIno;
      const used = fs.isUsed(raw.view, raw.at);
      if (!used && !reserved && !this.orphans.has(ino)) {
        this.finishRemoval(ino, raw.view, raw.at);
        continue;
      }
      const group = fs.groups.groupOfInode(ino), bit = (ino - 1) % geometry.inodesPerGroup;
      this.inodes[group * this.inodeBytes + (bit >> 3)]! |= 1 << (bit & 7);
      const inode = ino === ROOT_INO ? fs.root : fs.makeInode(ino);
      if (typeof inode === 'number') return inode;
      if (ino !== ROOT_INO) fs.forgetInode(inode);
      // The bad blocks' inode and the descriptors' spare blocks are laid out as files are.
      if (reserved && !used && inode.u32(INODE.blocks) === 0) continue;
      if (inode.type === S.IFDIR) this.directories[group]!++;
      if (used && inode.u32(INODE.dtime) !== 0 && !this.orphans.has(ino)) {
        inode.setU32(INODE.dtime, 0);
        this.store(inode);
      }
      const failed = this.takeBlocks(inode);
      if (failed < 0) return failed;
    }
    return 0;
  }

  /** A file that was on its way to the list of those without a name, or from it: it gets the time of its removal. */
  private finishRemoval(ino: number, view: DataView, at: number): void {
    const dtime = view.getUint32(at + INODE.dtime, true);
    if (view.getUint16(at + INODE.mode, true) === 0 || dtime > this.fs.geometry.inodesCount) return;
    const inode = this.fs.makeInode(ino);
    if (typeof inode === 'number') return;
    readClock();
    inode.setU32(INODE.dtime, now.seconds);
    this.store(inode);
    this.fs.forgetInode(inode);
  }

  private takeBlocks(inode: Ext2Inode): number {
    const { fs } = this;
    const { ino, type, fileAcl } = inode;
    const reserved = ino < fs.geometry.firstIno && ino !== ROOT_INO;
    if (fileAcl !== 0) {
      const users = this.attributeUsers.get(fileAcl) ?? 0;
      if (users === 0 && !this.take(fileAcl, 1)) return this.shared(ino, fileAcl);
      this.attributeUsers.set(fileAcl, users + 1);
    }
    const mapped = type === S.IFREG || type === S.IFDIR || (type === S.IFLNK && !inode.isFast) || reserved;
    if (!mapped) return 0;
    // Blocks of the file system's spare descriptors may lie among those in use.
    const spare = ino === RESIZE_INO;
    let blocks = 0, end = 0, wrong = -1;
    const failed = eachBlock(inode, (first, count, logical) => {
      blocks += count;
      if (logical >= 0) end = logical + count;
      if (this.take(first, count) || (spare && blocks <= fs.geometry.blocksCount)) return true;
      wrong = first;
      return false;
    });
    if (failed < 0) return wrong >= 0 ? this.shared(ino, wrong) : failed;
    if (reserved) return 0;
    const sectors = (blocks + (fileAcl !== 0 ? 1 : 0)) * fs.sectorsPerBlock;
    if (inode.u32(INODE.blocks) !== sectors) {
      inode.setU32(INODE.blocks, sectors);
      this.store(inode);
    }
    const size = end * fs.geometry.blockSize;
    if (type === S.IFDIR && inode.size !== size) {
      // It was growing: a new block is an empty one, and one that is missing was to be.
      if (size === 0) return fs.failure(CORRUPT, `directory ${ino}: a size of ${inode.size} bytes`);
      inode.setSize(size);
      this.store(inode);
    }
    if (type === S.IFREG && inode.size + fs.geometry.blockSize <= size) this.tails.push(ino);
    return 0;
  }
  private shared(ino: number, block: number): number {
    return this.fs.failure(CORRUPT, `inode ${ino} has block ${block}, which is not its own`);
  }
  private store(inode: Ext2Inode): void {
    this.changes++;
    inode.changed();
  }

  /** The bitmaps as the inodes have it, and the counts that follow from them. */
  writeBitmaps(): number {
    const { fs } = this;
    const { geometry, groups } = fs;
    fs.freeBlocks = fs.freeInodes = 0;
    for (let group = 0; group < geometry.groups; group++) {
      const from = (groups.firstBlock(group) - geometry.firstDataBlock) / 8, size = groups.size(group);
      const freeBlocks = this.writeBitmap(groups.blockBitmap(group), this.blocks, from, size);
      if (freeBlocks < 0) return freeBlocks;
      const at = group * this.inodeBytes;
      const freeInodes = this.writeBitmap(groups.inodeBitmap(group), this.inodes, at, geometry.inodesPerGroup);
      if (freeInodes < 0) return freeInodes;
      groups.setCount(group, GD.freeBlocks, Math.min(0xffff, freeBlocks));
      groups.setCount(group, GD.freeInodes, Math.min(0xffff, freeInodes));
      groups.setCount(group, GD.usedDirs, Math.min(0xffff, this.directories[group]!));
      fs.freeBlocks += freeBlocks;
      fs.freeInodes += freeInodes;
      fs.cache.trim();
    }
    for (const [number, users] of this.attributeUsers) {
      fs.cache.trim();
      const failed = xattr.setUsers(fs, number, users);
      if (failed < 0) return failed;
      this.changes += failed;
    }
    return 0;
  }

  /** Makes block `number` the bitmap of `size` bits from byte `from` on, ones behind it. How many are zero, or -errno. */
  private writeBitmap(number: number, source: Uint8Array, from: number, size: number): number {
    const block = this.fs.cache.get(number);
    if (typeof block === 'number') return block;
    const bytes = source.slice(from, from + Math.ceil(size / 8));
    if (size % 8 !== 0) bytes[bytes.length - 1]! |= (0xff << size % 8) & 0xff;
    let free = 0;
    for (const byte of bytes) for (let rest = ~byte & 0xff; rest !== 0; rest &= rest - 1) free++;
    if (Buffer.compare(block.data.subarray(0, bytes.length), bytes) !== 0 ||
      block.data.subarray(bytes.length).some((byte) => byte !== 0xff)) {
      block.data.set(bytes);
      block.data.fill(0xff, bytes.length);
      this.fs.cache.change(block);
      this.changes++;
    }
    return free;
  }

  /** What was written behind a file's end, which did not move any more, is given back. */
  cutTails(): number {
    const { fs } = this;
    for (const ino of this.tails) {
      fs.cache.trim();
      const inode = fs.makeInode(ino);
      if (typeof inode === 'number') return inode;
      const failed = cutBlocks(inode, Math.ceil(inode.size / fs.geometry.blockSize));
      fs.forgetInode(inode);
      if (failed < 0) return failed;
      this.changes++;
    }
    return 0;
  }
}
