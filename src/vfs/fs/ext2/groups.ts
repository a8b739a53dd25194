/** Block groups: their descriptors and bitmaps, and which blocks and inodes are taken next. */
import { E } from '../../../abi/errno.js';
import type { CachedBlock } from './block_cache.js';
import type { Ext2Fs } from './ext2.js';
import { GD, INCOMPAT, SB, hasSuperblock } from './layout.js';

export class Groups {
  /** Of the last allocation: how many blocks follow one another. */
  got = 0;
  private readonly view: DataView;
  /** Descriptor blocks that were changed, by index. */
  private readonly dirty = new Set<number>();
  /** Groups whose block bitmap was looked through. */
  private readonly checked = new Set<number>();

  private constructor(private readonly fs: Ext2Fs, private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer);
  }

  /** Reads the descriptors and checks where they point to. -errno, and a line in the log. */
  static read(fs: Ext2Fs): Groups | number {
    const { geometry, device } = fs;
    const perBlock = geometry.blockSize / geometry.descSize;
    const blocks = Math.ceil(geometry.groups / perBlock);
    const bytes = new Uint8Array(blocks * geometry.blockSize);
    for (let index = 0; index < blocks; index++) {
      const part = bytes.subarray(index * geometry.blockSize, (index + 1) * geometry.blockSize);
      const failed = device.read(part, descriptorBlock(fs, index) * geometry.blockSize);
      if (failed < 0) return failed;
    }
    const groups = new Groups(fs, bytes);
    const tableBlocks = fs.tableBlocks;
    for (let group = 0; group < geometry.groups; group++) {
      const ok = fs.isBlock(groups.blockBitmap(group)) && fs.isBlock(groups.inodeBitmap(group)) &&
        fs.isBlock(groups.inodeTable(group)) && fs.isBlock(groups.inodeTable(group) + tableBlocks - 1);
      if (ok) continue;
      fs.log(`group ${group}: bitmaps or inode table not in the file system`);
      return -E.INVAL;
    }
    return groups;
  }

  private number(group: number, low: number, high: number): number {
    const { descSize } = this.fs.geometry;
    const at = group * descSize;
    const value = this.view.getUint32(at + low, true);
    return descSize < 64 ? value : value + this.view.getUint32(at + high, true) * 2 ** 32;
  }
  blockBitmap(group: number): number {
    return this.number(group, GD.blockBitmap, GD.blockBitmapHigh);
  }
  inodeBitmap(group: number): number {
    return this.number(group, GD.inodeBitmap, GD.inodeBitmapHigh);
  }
  inodeTable(group: number): number {
    return this.number(group, GD.inodeTable, GD.inodeTableHigh);
  }
  /** `member` of GD: freeBlocks, freeInodes or usedDirs. */
  count(group: number, member: number): number {
    return this.view.getUint16(group * this.fs.geometry.descSize + member, true);
  }
  setCount(group: number, member: number, value: number): void {
    const at = group * this.fs.geometry.descSize;
    this.view.setUint16(at + member, value, true);
    this.dirty.add(Math.floor(at / this.fs.geometry.blockSize));
  }
  private add(group: number, member: number, by: number): void {
    this.setCount(group, member, Math.max(0, Math.min(0xffff, this.count(group, member) + by)));
  }

  /** First block of a group, and the number of its blocks (the last group may have fewer). */
  firstBlock(group: number): number {
    const { firstDataBlock, blocksPerGroup } = this.fs.geometry;
    return firstDataBlock + group * blocksPerGroup;
  }
  size(group: number): number {
    const { blocksCount, blocksPerGroup } = this.fs.geometry;
    return Math.min(blocksPerGroup, blocksCount - this.firstBlock(group));
  }
  groupOfBlock(block: number): number {
    const { firstDataBlock, blocksPerGroup } = this.fs.geometry;
    return Math.floor((block - firstDataBlock) / blocksPerGroup);
  }

  /**
   * Blocks of a group that are never free, as ranges [first, count]: superblock and descriptors, bitmaps, inode
   * table.
   */
  systemBlocks(group: number): [number, number][] {
    const { geometry, superblock } = this.fs;
    const first = this.firstBlock(group);
    const perBlock = geometry.blockSize / geometry.descSize;
    let head = 0;
    const meta = geometry.incompat & INCOMPAT.META_BG ? superblock.getUint32(SB.firstMetaGroup, true) : Infinity;
    if (hasSuperblock(geometry, group)) head = 1;
    if (Math.floor(group / perBlock) < meta) {
      if (head > 0) head += Math.min(Math.ceil(geometry.groups / perBlock), meta);
    } else {
      const inMeta = group % perBlock;
      if (inMeta === 0 || inMeta === 1 || inMeta === perBlock - 1) head++;
    }
    const ranges: [number, number][] = head > 0 ? [[first, head]] : [];
    ranges.push([this.blockBitmap(group), 1], [this.inodeBitmap(group), 1]);
    ranges.push([this.inodeTable(group), this.fs.tableBlocks]);
    return ranges;
  }

  /** The block bitmap. At its first use, what no file may have is marked as taken. */
  private bitmap(group: number): CachedBlock | number {
    const block = this.fs.cache.get(this.blockBitmap(group));
    if (typeof block === 'number') return block;
    block.derived = true;
    if (this.checked.has(group)) return block;
    this.checked.add(group);
    const first = this.firstBlock(group), size = this.size(group);
    let wrong = false;
    for (const [start, count] of this.systemBlocks(group)) {
      for (let bit = Math.max(0, start - first); bit < Math.min(size, start - first + count); bit++) {
        if (block.data[bit >> 3]! & (1 << (bit & 7))) continue;
        block.data[bit >> 3]! |= 1 << (bit & 7);
        wrong = true;
      }
    }
    if (wrong) {
      this.fs.damaged(`group ${group}: the block bitmap has blocks of the file system itself as free`);
      this.fs.cache.change(block);
    }
    return block;
  }

  /**
   * Takes up to `want` blocks that follow one another, at `goal` or behind it when there are any. Gives the first;
   * `got` is how many. -ENOSPC.
   */
  allocateBlocks(goal: number, want: number): number {
    const { groups } = this.fs.geometry;
    if (this.fs.freeBlocks === 0) return -E.NOSPC;
    if (!this.fs.isBlock(goal)) goal = this.fs.geometry.firstDataBlock;
    const start = this.groupOfBlock(goal);
    for (let tried = 0; tried <= groups; tried++) {
      const group = (start + tried) % groups;
      if (this.count(group, GD.freeBlocks) === 0) continue;
      const bitmap = this.bitmap(group);
      if (typeof bitmap === 'number') return bitmap;
      const from = tried === 0 ? goal - this.firstBlock(group) : 0;
      const bit = findZero(bitmap.data, from, this.size(group));
      if (bit < 0) {
        // Behind the goal; the round ends with what is before it.
        if (tried > 0 || from === 0) this.emptied(group);
        continue;
      }
      const end = Math.min(this.size(group), bit + want);
      let stop = bit;
      for (; stop < end && (bitmap.data[stop >> 3]! & (1 << (stop & 7))) === 0; stop++) {
        bitmap.data[stop >> 3]! |= 1 << (stop & 7);
      }
      this.fs.cache.change(bitmap);
      this.got = stop - bit;
      this.add(group, GD.freeBlocks, -this.got);
      this.fs.freeBlocks -= this.got;
      return this.firstBlock(group) + bit;
    }
    return -E.NOSPC;
  }

  /** The inode bitmap. */
  private inodes(group: number): CachedBlock | number {
    const block = this.fs.cache.get(this.inodeBitmap(group));
    if (typeof block !== 'number') block.derived = true;
    return block;
  }

  /** The descriptor has free blocks that the bitmap has not. */
  private emptied(group: number): void {
    const count = this.count(group, GD.freeBlocks);
    this.fs.damaged(`group ${group}: ${count} free blocks in the descriptor, none in the bitmap`);
    this.fs.freeBlocks = Math.max(0, this.fs.freeBlocks - count);
    this.setCount(group, GD.freeBlocks, 0);
  }

  /** Gives blocks back. The cache must not hold them any more. */
  freeBlocks(first: number, count: number): void {
    while (count > 0) {
      if (!this.fs.isBlock(first)) return this.fs.damaged(`freeing block ${first}, which is none`);
      const group = this.groupOfBlock(first);
      const bitmap = this.bitmap(group);
      const here = Math.min(count, this.firstBlock(group) + this.size(group) - first);
      if (typeof bitmap !== 'number') {
        const system = this.systemBlocks(group);
        let freed = 0;
        for (let block = first; block < first + here; block++) {
          const bit = block - this.firstBlock(group);
          const mask = 1 << (bit & 7);
          const taken = (bitmap.data[bit >> 3]! & mask) !== 0;
          if (!taken || system.some(([start, length]) => block >= start && block < start + length)) {
            this.fs.damaged(`freeing block ${block}, which is ${taken ? 'not a file\'s' : 'free'}`);
            continue;
          }
          bitmap.data[bit >> 3]! &= ~mask;
          freed++;
        }
        this.fs.cache.change(bitmap);
        this.add(group, GD.freeBlocks, freed);
        this.fs.freeBlocks += freed;
      }
      first += here;
      count -= here;
    }
  }

  /**
   * Takes an inode for a file in directory `parent`: in the same group; a directory in one with few of them, those of
   * the root spread out (Orlov's rule). -ENOSPC.
   */
  allocateInode(parent: number, isDirectory: boolean): number {
    const { geometry } = this.fs;
    const near = this.groupOfInode(parent);
    const group = isDirectory ? this.groupForDirectory(near, parent) : this.groupForFile(near, parent);
    for (let tried = 0; group >= 0 && tried < geometry.groups; tried++) {
      const at = (group + tried) % geometry.groups;
      if (this.count(at, GD.freeInodes) === 0) continue;
      const bitmap = this.inodes(at);
      if (typeof bitmap === 'number') return bitmap;
      // The first inodes are the file system's own.
      const bit = findZero(bitmap.data, at === 0 ? geometry.firstIno - 1 : 0, geometry.inodesPerGroup);
      if (bit < 0) {
        this.fs.damaged(`group ${at}: free inodes in the descriptor, none in the bitmap`);
        this.setCount(at, GD.freeInodes, 0);
        continue;
      }
      bitmap.data[bit >> 3]! |= 1 << (bit & 7);
      this.fs.cache.change(bitmap);
      this.add(at, GD.freeInodes, -1);
      if (isDirectory) this.add(at, GD.usedDirs, 1);
      this.fs.freeInodes--;
      return at * geometry.inodesPerGroup + bit + 1;
    }
    return -E.NOSPC;
  }

  groupOfInode(ino: number): number {
    return Math.floor((ino - 1) / this.fs.geometry.inodesPerGroup);
  }

  private groupForFile(near: number, parent: number): number {
    const { groups } = this.fs.geometry;
    const fits = (group: number): boolean =>
      this.count(group, GD.freeInodes) > 0 && this.count(group, GD.freeBlocks) > 0;
    if (fits(near)) return near;
    let group = (near + parent) % groups;
    for (let step = 1; step < groups; step <<= 1) {
      group = (group + step) % groups;
      if (fits(group)) return group;
    }
    return near;
  }

  private groupForDirectory(near: number, parent: number): number {
    const { groups } = this.fs.geometry;
    const averageInodes = this.fs.freeInodes / groups, averageBlocks = this.fs.freeBlocks / groups;
    const good = (group: number): boolean => this.count(group, GD.freeInodes) > 0 &&
      this.count(group, GD.freeInodes) >= averageInodes * 0.75 &&
      this.count(group, GD.freeBlocks) >= averageBlocks * 0.75;
    if (parent !== 2) {
      for (let tried = 0; tried < groups; tried++) if (good((near + tried) % groups)) return (near + tried) % groups;
      return near;
    }
    let best = -1;
    for (let group = 0; group < groups; group++) {
      if (good(group) && (best < 0 || this.count(group, GD.usedDirs) < this.count(best, GD.usedDirs))) best = group;
    }
    return best < 0 ? near : best;
  }

  freeInode(ino: number, wasDirectory: boolean): void {
    const group = this.groupOfInode(ino);
    const bitmap = this.inodes(group);
    if (typeof bitmap === 'number') return;
    const bit = (ino - 1) % this.fs.geometry.inodesPerGroup;
    const mask = 1 << (bit & 7);
    if ((bitmap.data[bit >> 3]! & mask) === 0) return this.fs.damaged(`freeing inode ${ino}, which is free`);
    bitmap.data[bit >> 3]! &= ~mask;
    this.fs.cache.change(bitmap);
    this.add(group, GD.freeInodes, 1);
    if (wasDirectory) this.add(group, GD.usedDirs, -1);
    this.fs.freeInodes++;
  }

  /** Whether the bitmap has the inode as taken; -errno. */
  inodeTaken(ino: number): boolean | number {
    const bitmap = this.inodes(this.groupOfInode(ino));
    if (typeof bitmap === 'number') return bitmap;
    const bit = (ino - 1) % this.fs.geometry.inodesPerGroup;
    return (bitmap.data[bit >> 3]! & (1 << (bit & 7))) !== 0;
  }

  /** Counts of all groups together. */
  total(member: number): number {
    let sum = 0;
    for (let group = 0; group < this.fs.geometry.groups; group++) sum += this.count(group, member);
    return sum;
  }

  /** Writes the descriptors that were changed. 0 or -errno. */
  flush(): number {
    const { blockSize } = this.fs.geometry;
    for (const index of this.dirty) {
      const part = this.bytes.subarray(index * blockSize, (index + 1) * blockSize);
      const failed = this.fs.device.write(part, descriptorBlock(this.fs, index) * blockSize);
      if (failed < 0) return failed;
    }
    this.dirty.clear();
    return 0;
  }
}

/**
 * Where the descriptors' block `index` lies: behind the superblock, or (META_BG) in the first group that it
 * describes.
 */
function descriptorBlock(fs: Ext2Fs, index: number): number {
  const { geometry, superblock } = fs;
  if (!(geometry.incompat & INCOMPAT.META_BG) || index < superblock.getUint32(SB.firstMetaGroup, true)) {
    return geometry.firstDataBlock + 1 + index;
  }
  const group = index * (geometry.blockSize / geometry.descSize);
  const first = geometry.firstDataBlock + group * geometry.blocksPerGroup;
  return first + (hasSuperblock(geometry, group) ? 1 : 0);
}

/** The first zero bit in [from, size), or -1. */
function findZero(bytes: Uint8Array, from: number, size: number): number {
  for (let bit = from; bit < size;) {
    const byte = bytes[bit >> 3]!;
    if (byte === 0xff) {
      bit = (bit | 7) + 1;
    } else if ((byte & (1 << (bit & 7))) !== 0) {
      bit++;
    } else {
      return bit;
    }
  }
  return -1;
}

