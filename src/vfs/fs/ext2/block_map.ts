/**
 * Which block of the device holds block N of a file: twelve direct pointers, then trees of one, two and three levels
 * (ext2), or extents (ext4, read only). Pointer 0 is a hole.
 */
import { E } from '../../../abi/errno.js';
import type { CachedBlock } from './block_cache.js';
import type { Ext2Fs } from './ext2.js';
import type { Ext2Inode } from './inode.js';
import { CORRUPT, FLAG, INODE, N_DIRECT } from './layout.js';

/** Blocks of a file that follow one another on the device as they do in the file, or a hole. */
export class Run {
  /** First block on the device; 0: a hole. */
  first = 0;
  count = 0;
  /** They are allocated, but read as zeros (ext4). */
  unwritten = false;
}

/** Blocks that one tree of `levels` maps, and where it begins. */
function treeSpan(fs: Ext2Fs, levels: number): number {
  return fs.pointers ** levels;
}

/** Blocks that a file can have. */
export function maxBlocks(fs: Ext2Fs): number {
  return N_DIRECT + treeSpan(fs, 1) + treeSpan(fs, 2) + treeSpan(fs, 3);
}

/**
 * The run of up to `max` blocks at the file's block `logical`; of a hole, not more than `holeMax` are looked at.
 * 0 or -errno.
 */
export function findRun(inode: Ext2Inode, logical: number, max: number, out: Run, holeMax = max): number {
  out.unwritten = false;
  if (inode.flags & FLAG.EXTENTS) return findExtent(inode, logical, max, out);
  const { fs } = inode;
  if (logical < N_DIRECT) {
    return scan(fs, inode.view, inode.at + INODE.block, logical, Math.min(max, N_DIRECT - logical), out, holeMax);
  }
  let index = logical - N_DIRECT, levels = 1;
  while (levels <= 3 && index >= treeSpan(fs, levels)) index -= treeSpan(fs, levels++);
  if (levels > 3) return -E.FBIG;
  let pointer = inode.view.getUint32(inode.at + INODE.block + (N_DIRECT + levels - 1) * 4, true);
  for (let span = treeSpan(fs, levels); ; ) {
    if (pointer === 0) {
      out.first = 0;
      out.count = Math.min(max, span - index);
      return 0;
    }
    const block = fs.cache.get(pointer);
    if (typeof block === 'number') return fs.failure(block, `inode ${inode.ino}: indirect block ${pointer}`);
    span /= fs.pointers;
    const slot = Math.floor(index / span);
    if (span === 1) return scan(fs, block.view, 0, slot, Math.min(max, fs.pointers - slot), out, holeMax);
    pointer = block.view.getUint32(slot * 4, true);
    index -= slot * span;
  }
}

/** The run at pointer `slot` of an array of pointers. */
function scan(
  fs: Ext2Fs, view: DataView, base: number, slot: number, max: number, out: Run, holeMax: number,
): number {
  const first = view.getUint32(base + slot * 4, true);
  let count = 1;
  if (first === 0) max = Math.min(max, holeMax);
  if (first === 0) while (count < max && view.getUint32(base + (slot + count) * 4, true) === 0) count++;
  else while (count < max && view.getUint32(base + (slot + count) * 4, true) === first + count) count++;
  if (first !== 0 && !(fs.isBlock(first) && fs.isBlock(first + count - 1))) {
    return fs.failure(CORRUPT, `block pointer ${first} is not in the file system`);
  }
  out.first = first;
  out.count = count;
  return 0;
}

const EXTENT_MAGIC = 0xf30a;
const EXTENT_DEPTH_MAX = 5;
const UNWRITTEN_FROM = 32768;

/** ext4: a tree of extents, whose root is in the inode. */
function findExtent(inode: Ext2Inode, logical: number, max: number, out: Run): number {
  const { fs } = inode;
  let view = inode.view, at = inode.at + INODE.block, room = 60;
  let depth = -1, end = Infinity;
  for (;;) {
    const entries = view.getUint16(at + 2, true), here = view.getUint16(at + 6, true);
    if (view.getUint16(at, true) !== EXTENT_MAGIC || 12 + entries * 12 > room || here > EXTENT_DEPTH_MAX ||
      (depth >= 0 && here !== depth - 1)) {
      return fs.failure(CORRUPT, `inode ${inode.ino}: not a tree of extents`);
    }
    depth = here;
    // The last entry that begins at or before the block.
    let low = 0, high = entries;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (view.getUint32(at + 12 + middle * 12, true) <= logical) low = middle + 1;
      else high = middle;
    }
    if (low < entries) end = Math.min(end, view.getUint32(at + 12 + low * 12, true));
    const entry = at + low * 12;
    if (low === 0) break;
    if (depth === 0) {
      const begin = view.getUint32(entry, true);
      let length = view.getUint16(entry + 4, true);
      const unwritten = length > UNWRITTEN_FROM;
      if (unwritten) length -= UNWRITTEN_FROM;
      if (logical >= begin + length) break;
      const start = view.getUint32(entry + 8, true) + view.getUint16(entry + 6, true) * 2 ** 32;
      if (!fs.isBlock(start) || !fs.isBlock(start + length - 1)) {
        return fs.failure(CORRUPT, `inode ${inode.ino}: extent at ${start} is not in the file system`);
      }
      out.first = start + logical - begin;
      out.count = Math.min(max, begin + length - logical);
      out.unwritten = unwritten;
      return 0;
    }
    const child = view.getUint32(entry + 4, true) + view.getUint16(entry + 8, true) * 2 ** 32;
    const block = fs.cache.get(child);
    if (typeof block === 'number') return fs.failure(block, `inode ${inode.ino}: extent block ${child}`);
    view = block.view;
    at = 0;
    room = fs.geometry.blockSize;
  }
  out.first = 0;
  out.count = Math.min(max, end - logical);
  return 0;
}

/**
 * Makes blocks `logical` … of a file those that begin at `first` on the device; they hold what the file shall
 * have there. Gives how many of `count` were set: fewer when there is no room for indirect blocks (or -errno for none).
 */
export function setRun(inode: Ext2Inode, logical: number, first: number, count: number): number {
  const { fs } = inode;
  let done = 0;
  for (; done < count && logical + done < N_DIRECT; done++) {
    inode.view.setUint32(inode.at + INODE.block + (logical + done) * 4, first + done, true);
  }
  while (done < count) {
    let index = logical + done - N_DIRECT, levels = 1;
    while (levels <= 3 && index >= treeSpan(fs, levels)) index -= treeSpan(fs, levels++);
    const leaf = levels > 3 ? -E.FBIG : leafFor(inode, index, levels, first + done);
    if (typeof leaf === 'number') {
      if (done === 0) return leaf;
      break;
    }
    const slot = index % fs.pointers;
    const here = Math.min(count - done, fs.pointers - slot);
    for (let i = 0; i < here; i++) leaf.view.setUint32((slot + i) * 4, first + done + i, true);
    fs.cache.change(leaf);
    done += here;
  }
  inode.addBlocks(done);
  return done;
}

/**
 * Makes the indirect blocks above the file's block `logical`, before its data is given a place: so they are there when
 * all else is taken. Gives how many blocks from `logical` on the same one maps; or -errno.
 */
export function reserveLeaf(inode: Ext2Inode, logical: number, goal: number): number {
  if (logical < N_DIRECT) return N_DIRECT - logical;
  const { fs } = inode;
  let index = logical - N_DIRECT, levels = 1;
  while (levels <= 3 && index >= treeSpan(fs, levels)) index -= treeSpan(fs, levels++);
  if (levels > 3) return -E.FBIG;
  const leaf = leafFor(inode, index, levels, goal);
  return typeof leaf === 'number' ? leaf : fs.pointers - index % fs.pointers;
}

/** The indirect block that points to block `index` of a tree, made with those above it where they are missing. */
function leafFor(inode: Ext2Inode, index: number, levels: number, goal: number): CachedBlock | number {
  const { fs } = inode;
  let parent: CachedBlock | null = null;
  let at = inode.at + INODE.block + (N_DIRECT + levels - 1) * 4;
  let span = treeSpan(fs, levels);
  for (let level = levels; ; level--) {
    const view: DataView = parent === null ? inode.view : parent.view;
    const pointer: number = view.getUint32(at, true);
    let block: CachedBlock | number;
    if (pointer === 0) {
      const number: number = fs.groups.allocateBlocks(goal, 1);
      if (number < 0) return number;
      block = fs.cache.fresh(number);
      // It is empty on the device before anything points to it.
      const failed = fs.cache.store(block);
      if (failed < 0) {
        fs.cache.forget(number);
        fs.groups.freeBlocks(number, 1);
        return failed;
      }
      view.setUint32(at, number, true);
      if (parent !== null) fs.cache.change(parent);
      inode.addBlocks(1);
    } else {
      block = fs.cache.get(pointer);
      if (typeof block === 'number') return fs.failure(block, `inode ${inode.ino}: indirect block ${pointer}`);
    }
    if (level === 1) return block;
    span /= fs.pointers;
    at = Math.floor(index / span) * 4;
    index %= span;
    parent = block;
  }
}

/** Collects what a cut frees, as runs of blocks. */
class Freed {
  readonly firsts: number[] = [];
  readonly counts: number[] = [];
  /** Indirect blocks among them, and those met on the way: a tree never holds one twice. */
  readonly indirect = new Set<number>();
  total = 0;

  constructor(private readonly fs: Ext2Fs) {}

  add(block: number): void {
    if (!this.fs.isBlock(block)) return this.fs.damaged(`block pointer ${block} is not in the file system`);
    this.total++;
    const last = this.firsts.length - 1;
    if (last >= 0 && this.firsts[last]! + this.counts[last]! === block) {
      this.counts[last]!++;
    } else {
      this.firsts.push(block);
      this.counts.push(1);
    }
  }
}

/**
 * Takes from a file all blocks from `keep` on; the caller has changed the size in the inode, which is stored here.
 * On the device nothing points to a block any more when it becomes free. 0 or -errno.
 */
export function cutBlocks(inode: Ext2Inode, keep: number): number {
  const { fs } = inode;
  const freed = new Freed(fs);
  const base = inode.at + INODE.block;
  for (let slot = Math.min(keep, N_DIRECT); slot < N_DIRECT; slot++) {
    const pointer = inode.view.getUint32(base + slot * 4, true);
    if (pointer !== 0) freed.add(pointer);
    inode.view.setUint32(base + slot * 4, 0, true);
  }
  let begin = N_DIRECT;
  for (let levels = 1; levels <= 3; levels++) {
    const at = base + (N_DIRECT + levels - 1) * 4;
    const pointer = inode.view.getUint32(at, true);
    if (pointer !== 0 && keep < begin + treeSpan(fs, levels)) {
      const empty = cutTree(fs, freed, pointer, levels, keep - begin);
      if (empty) inode.view.setUint32(at, 0, true);
    }
    begin += treeSpan(fs, levels);
  }
  inode.addBlocks(-freed.total);
  inode.forgetRun();
  const failed = inode.store();
  if (failed < 0) return failed;
  for (const block of freed.indirect) fs.cache.forget(block);
  for (let i = 0; i < freed.firsts.length; i++) fs.groups.freeBlocks(freed.firsts[i]!, freed.counts[i]!);
  return 0;
}

/** Cuts a tree so that its first `keep` blocks stay. True: nothing of it stays, and its root is freed, too. */
function cutTree(fs: Ext2Fs, freed: Freed, root: number, levels: number, keep: number): boolean {
  if (freed.indirect.has(root)) {
    fs.damaged(`indirect block ${root} is in a tree twice`);
    return true;
  }
  const block = fs.cache.get(root);
  if (typeof block === 'number') {
    fs.damaged(`indirect block ${root} cannot be read`);
    return keep <= 0;
  }
  freed.indirect.add(root);
  const span = treeSpan(fs, levels - 1);
  const whole = keep <= 0;
  let changed = false;
  for (let slot = whole ? 0 : Math.floor(keep / span); slot < fs.pointers; slot++) {
    const pointer = block.view.getUint32(slot * 4, true);
    if (pointer === 0) continue;
    const rest = keep - slot * span;
    if (levels === 1) {
      if (rest > 0) continue;
      freed.add(pointer);
    } else if (!cutTree(fs, freed, pointer, levels - 1, rest)) {
      continue;
    }
    if (whole) continue;
    block.view.setUint32(slot * 4, 0, true);
    changed = true;
  }
  if (whole) {
    freed.add(root);
    return true;
  }
  freed.indirect.delete(root);
  if (changed) fs.cache.store(block);
  return false;
}

/**
 * Told of blocks of the device that a file has, and which of the file's blocks they are (-1: an indirect block). False
 * ends it.
 */
type BlockVisitor = (first: number, count: number, logical: number) => boolean;

/** Calls `visit` for every run of blocks that a file of ext2 has, in their order in the file. 0 or -errno. */
export function eachBlock(inode: Ext2Inode, visit: BlockVisitor): number {
  const { fs } = inode;
  const base = inode.at + INODE.block;
  for (let slot = 0; slot < N_DIRECT; slot++) {
    const pointer = inode.view.getUint32(base + slot * 4, true);
    if (pointer !== 0 && !visit(pointer, 1, slot)) return CORRUPT;
  }
  let begin = N_DIRECT;
  for (let levels = 1; levels <= 3; levels++) {
    const pointer = inode.view.getUint32(base + (N_DIRECT + levels - 1) * 4, true);
    const failed = pointer === 0 ? 0 : eachOfTree(fs, pointer, levels, begin, visit);
    if (failed < 0) return failed;
    begin += treeSpan(fs, levels);
  }
  return 0;
}

function eachOfTree(fs: Ext2Fs, root: number, levels: number, begin: number, visit: BlockVisitor): number {
  if (!visit(root, 1, -1)) return CORRUPT;
  const block = fs.cache.get(root);
  if (typeof block === 'number') return block;
  for (let slot = 0; slot < fs.pointers;) {
    const pointer = block.view.getUint32(slot * 4, true);
    if (pointer === 0) {
      slot++;
    } else if (levels > 1) {
      const failed = eachOfTree(fs, pointer, levels - 1, begin + slot * treeSpan(fs, levels - 1), visit);
      if (failed < 0) return failed;
      slot++;
    } else {
      let count = 1;
      while (slot + count < fs.pointers && block.view.getUint32((slot + count) * 4, true) === pointer + count) count++;
      if (!visit(pointer, count, begin + slot)) return CORRUPT;
      slot += count;
    }
  }
  return 0;
}
