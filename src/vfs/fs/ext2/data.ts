/**
 * The bytes of files: reads and writes go straight to the device, in as few and as long pieces as the blocks lie
 * together.
 */
import { E } from '../../../abi/errno.js';
import { S } from '../../../abi/fcntl.js';
import type { TellExtent } from '../../inode.js';
import { Run, cutBlocks, findRun, maxBlocks, reserveLeaf, setRun } from './block_map.js';
import type { Ext2Inode } from './inode.js';
import { CORRUPT, FLAG, INODE } from './layout.js';
import * as xattr from './xattr.js';

const ZEROS = new Uint8Array(65536);
/** Pieces up to this size are put together with the zeros around them before they are written. */
const COMPOSED = 65536;
/** Blocks that a look-up remembers. */
const AHEAD = 512;
/** A symbolic link's target is at most a page (symlink(2)). */
const TARGET_MAX = 4096;

const run = new Run();

/** findRun, through the run that was found last. */
function locate(inode: Ext2Inode, logical: number, max: number): number {
  const into = logical - inode.runAt;
  if (into >= 0 && into < inode.runCount) {
    run.first = inode.runFirst + into;
    run.count = Math.min(max, inode.runCount - into);
    run.unwritten = false;
    return 0;
  }
  const failed = findRun(inode, logical, Math.max(max, AHEAD), run, max);
  if (failed < 0) return failed;
  if (run.first !== 0 && !run.unwritten) {
    inode.runAt = logical;
    inode.runFirst = run.first;
    inode.runCount = run.count;
  }
  run.count = Math.min(max, run.count);
  return 0;
}

/** The data of a small file of ext4 that lies in the inode, zeros behind it; null when it does not. */
export function inlineData(inode: Ext2Inode): Uint8Array | number | null {
  if (!(inode.flags & FLAG.INLINE_DATA)) return null;
  const base = inode.view.byteOffset + inode.at + INODE.block;
  const head = new Uint8Array(inode.view.buffer, base, 60);
  const size = inode.size;
  const rest = size > 60 ? xattr.inlineRest(inode) : null;
  if (typeof rest === 'number') return rest;
  if (rest === null || rest.length === 0) return head.slice(0, Math.min(size, 60));
  const bytes = new Uint8Array(60 + rest.length);
  bytes.set(head);
  bytes.set(rest, 60);
  return bytes.subarray(0, Math.min(size, bytes.length));
}

/** Reads within the size; holes are zeros. The count, or -errno. */
export function readBytes(inode: Ext2Inode, u8: Uint8Array, start: number, length: number, position: number): number {
  const { fs } = inode;
  const end = Math.min(position + length, inode.size);
  if (position >= end) return 0;
  const inline = inlineData(inode);
  if (inline !== null) {
    if (typeof inline === 'number') return inline;
    const there = inline.subarray(Math.min(position, inline.length), end);
    u8.set(there, start);
    u8.fill(0, start + there.length, start + end - position);
    return end - position;
  }
  const { blockSize } = fs.geometry;
  for (let at = position; at < end;) {
    const logical = Math.floor(at / blockSize), offset = at - logical * blockSize;
    const failed = locate(inode, logical, Math.ceil((end - at + offset) / blockSize));
    if (failed < 0) return at > position ? at - position : failed;
    const here = Math.min(end - at, run.count * blockSize - offset);
    const to = start + at - position;
    if (run.first === 0 || run.unwritten) {
      u8.fill(0, to, to + here);
    } else {
      const unread = fs.device.read(u8.subarray(to, to + here), run.first * blockSize + offset);
      if (unread < 0) return at > position ? at - position : unread;
    }
    at += here;
  }
  return end - position;
}

/**
 * Writes all of it, or what there is room for: the count, or -errno (-ENOSPC, -EFBIG). Blocks that are new are on the
 * device, zeros around the data, before the file points to them.
 */
export function writeBytes(inode: Ext2Inode, u8: Uint8Array, start: number, length: number, position: number): number {
  const { fs } = inode;
  const { blockSize } = fs.geometry;
  if (length <= 0) return 0;
  const limit = maxBlocks(fs) * blockSize;
  if (position >= limit) return -E.FBIG;
  const end = Math.min(position + length, limit);
  const before = inode.size;
  if (position > before) {
    const failed = zeroTail(inode, before, position);
    if (failed < 0) return failed;
  }
  let at = position, result = 0;
  while (at < end) {
    const logical = Math.floor(at / blockSize), offset = at - logical * blockSize;
    result = locate(inode, logical, Math.ceil((end - at + offset) / blockSize));
    if (result < 0) break;
    const from = start + at - position;
    if (run.first !== 0) {
      const here = Math.min(end - at, run.count * blockSize - offset);
      result = fs.device.write(u8.subarray(from, from + here), run.first * blockSize + offset);
      if (result < 0) break;
      at += here;
      continue;
    }
    const wanted = run.count, goal = goalFor(inode, logical);
    const room = reserveLeaf(inode, logical, goal);
    const first = room < 0 ? room : fs.groups.allocateBlocks(goal, Math.min(wanted, room));
    if (first < 0) {
      result = first;
      break;
    }
    const count = fs.groups.got;
    const here = Math.min(end - at, count * blockSize - offset);
    result = writeNew(inode, first * blockSize, offset, u8.subarray(from, from + here), count * blockSize);
    const set = result < 0 ? 0 : setRun(inode, logical, first, count);
    if (set < count) fs.groups.freeBlocks(first + Math.max(0, set), count - Math.max(0, set));
    if (result < 0) break;
    if (set > 0) {
      inode.runAt = logical;
      inode.runFirst = first;
      inode.runCount = set;
      at += Math.min(here, set * blockSize - offset);
    }
    if (set < count) {
      result = set < 0 ? set : -E.NOSPC;
      break;
    }
  }
  if (at > inode.size) inode.setSize(at);
  if (at > position) inode.stampModify();
  return at > position ? at - position : result;
}

/** New blocks of `size` bytes at `place`: `data` from `offset` on, zeros before and behind it. */
function writeNew(inode: Ext2Inode, place: number, offset: number, data: Uint8Array, size: number): number {
  const { device } = inode.fs;
  if (offset === 0 && data.length === size) return device.write(data, place);
  if (size <= COMPOSED) {
    const whole = new Uint8Array(size);
    whole.set(data, offset);
    return device.write(whole, place);
  }
  let failed = offset === 0 ? 0 : device.write(ZEROS.subarray(0, offset), place);
  if (failed >= 0) failed = device.write(data, place + offset);
  const rest = size - offset - data.length;
  return failed < 0 || rest === 0 ? failed : device.write(ZEROS.subarray(0, rest), place + offset + data.length);
}

/** Where the next block of a file should be: behind the last one, or in the group of its inode. */
function goalFor(inode: Ext2Inode, logical: number): number {
  if (inode.runCount > 0) return inode.runFirst + inode.runCount + Math.max(0, logical - inode.runAt - inode.runCount);
  const { groups } = inode.fs;
  if (logical > 0 && findRun(inode, logical - 1, 1, run) === 0 && run.first !== 0) return run.first + 1;
  return groups.firstBlock(groups.groupOfInode(inode.ino));
}

/** The file's last block may hold anything behind the end; it becomes part of the file up to `to`, and so zeros. */
function zeroTail(inode: Ext2Inode, size: number, to: number): number {
  const { blockSize } = inode.fs.geometry;
  const offset = size % blockSize;
  if (offset === 0) return 0;
  const failed = locate(inode, Math.floor(size / blockSize), 1);
  if (failed < 0 || run.first === 0) return failed;
  const length = Math.min(blockSize - offset, to - size);
  return inode.fs.device.write(ZEROS.subarray(0, length), run.first * blockSize + offset);
}

/** Changes the size of a regular file. 0 or -errno. */
export function resize(inode: Ext2Inode, size: number): number {
  const { fs } = inode;
  const { blockSize } = fs.geometry;
  if (inode.type !== S.IFREG) return -E.INVAL;
  if (size > maxBlocks(fs) * blockSize) return -E.FBIG;
  const before = inode.size;
  if (size > before) {
    const failed = zeroTail(inode, before, size);
    if (failed < 0) return failed;
    inode.setSize(size);
  } else if (size < before) {
    const failed = zeroTail(inode, size, Math.min(before, Math.ceil(size / blockSize) * blockSize));
    if (failed < 0) return failed;
    inode.setSize(size);
    const cut = cutBlocks(inode, Math.ceil(size / blockSize));
    if (cut < 0) return cut;
  }
  inode.copy?.resized(size);
  inode.stampModify();
  return 0;
}

/** Where data (or, `hole`, a hole) begins at or behind `position`; the size when there is none; or -errno. */
export function seekData(inode: Ext2Inode, position: number, hole: boolean): number {
  const { blockSize } = inode.fs.geometry;
  const size = inode.size;
  if (inode.flags & FLAG.INLINE_DATA) return hole ? size : position;
  for (let at = position; at < size;) {
    const logical = Math.floor(at / blockSize);
    const failed = findRun(inode, logical, Math.ceil(size / blockSize) - logical, run);
    if (failed < 0) return failed;
    if ((run.first === 0 || run.unwritten) === hole) return at;
    at = (logical + run.count) * blockSize;
  }
  return size;
}

const EXTENT = { UNWRITTEN: 0x800, INLINE: 0x200 | 0x100, MERGED: 0x1000 } as const;

/** As Inode.extents. */
export function tellExtents(inode: Ext2Inode, from: number, to: number, tell: TellExtent): number {
  const { blockSize } = inode.fs.geometry;
  const end = Math.ceil(inode.size / blockSize);
  if (inode.flags & FLAG.INLINE_DATA) {
    return from < inode.size && !tell(0, 0, inode.size, EXTENT.INLINE) ? 0 : 1;
  }
  // What was found last: it grows while the next run follows it on the device, too.
  let at = 0, first = 0, count = 0, flags = 0;
  let logical = Math.floor(from / blockSize);
  for (; logical < end && logical * blockSize < to; ) {
    const failed = findRun(inode, logical, end - logical, run);
    if (failed < 0) return failed;
    if (run.first !== 0) {
      const kind = (run.unwritten ? EXTENT.UNWRITTEN : 0) | (inode.flags & FLAG.EXTENTS ? 0 : EXTENT.MERGED);
      if (count > 0 && at + count === logical && first + count === run.first && flags === kind) {
        count += run.count;
      } else {
        if (count > 0 && !tell(at * blockSize, first * blockSize, count * blockSize, flags)) return 0;
        [at, first, count, flags] = [logical, run.first, run.count, kind];
      }
    }
    logical += run.count;
  }
  if (count > 0 && !tell(at * blockSize, first * blockSize, count * blockSize, flags)) return 0;
  return logical >= end ? 1 : 0;
}

/** As Inode.blockMap. */
export function blockAt(inode: Ext2Inode, block: number): number {
  if (inode.flags & FLAG.INLINE_DATA || block * inode.fs.geometry.blockSize >= inode.size) return 0;
  const failed = findRun(inode, block, 1, run);
  return failed < 0 ? failed : run.first;
}

/** The target of a symbolic link. */
export function readTarget(inode: Ext2Inode): string | number {
  const { size } = inode;
  if (size === 0 || size > TARGET_MAX) return inode.fs.failure(CORRUPT, `inode ${inode.ino}: a link of ${size} bytes`);
  if (inode.isFast) {
    if (size >= 60) return inode.fs.failure(CORRUPT, `inode ${inode.ino}: a link of ${size} bytes without a block`);
    const base = inode.view.byteOffset + inode.at + INODE.block;
    return bytesToString(new Uint8Array(inode.view.buffer, base, size));
  }
  const bytes = new Uint8Array(size);
  const got = readBytes(inode, bytes, 0, size, 0);
  return got < 0 ? got : bytesToString(bytes.subarray(0, got));
}

function bytesToString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(bytes.buffer, bytes.byteOffset, end < 0 ? bytes.length : end).toString('latin1');
}

/** Puts a new symbolic link's target where it belongs. 0 or -errno. */
export function writeTarget(inode: Ext2Inode, target: string): number {
  const bytes = Buffer.from(target, 'latin1');
  inode.setU32(INODE.size, bytes.length);
  if (bytes.length < 60) {
    new Uint8Array(inode.view.buffer, inode.view.byteOffset + inode.at + INODE.block, 60).set(bytes);
    return 0;
  }
  if (bytes.length > Math.min(TARGET_MAX, inode.fs.geometry.blockSize) - 1) return -E.NAMETOOLONG;
  const { fs } = inode;
  const block = fs.groups.allocateBlocks(fs.groups.firstBlock(fs.groups.groupOfInode(inode.ino)), 1);
  if (block < 0) return block;
  const whole = new Uint8Array(fs.geometry.blockSize);
  whole.set(bytes);
  const failed = fs.device.write(whole, block * fs.geometry.blockSize);
  if (failed < 0) {
    fs.groups.freeBlocks(block, 1);
    return failed;
  }
  setRun(inode, 0, block, 1);
  return 0;
}
