/**
 * Directories of ext2: blocks of entries {inode u32, record length u16, name length u8, type u8, name}. The names are
 * remembered once the directory was read. Hash trees (dir_index) are read as the plain lists that they also are.
 */
import { E } from '../../../abi/errno.js';
import { S } from '../../../abi/fcntl.js';
import type { DirSink, Inode } from '../../inode.js';
import { Run, findRun, setRun } from './block_map.js';
import type { CachedBlock } from './block_cache.js';
import { inlineData } from './data.js';
import type { Ext2Inode } from './inode.js';
import { CORRUPT, FLAG, INCOMPAT, N_DIRECT } from './layout.js';

const HEAD = 8;
const NAME_MAX = 255;
/** The type byte of an entry, by S_IFMT >> 12, and back. */
const TYPES: readonly number[] = [0, S.IFREG, S.IFDIR, S.IFCHR, S.IFBLK, S.IFIFO, S.IFSOCK, S.IFLNK];

/** A name in a directory. */
export class Entry {
  /** `block`: the directory's block that holds it. */
  constructor(public ino: number, public type: number, public block: number) {}
}

export class DirectoryIndex {
  readonly entries = new Map<string, Entry>();
  /** The longest record that fits into each block of the directory. */
  readonly room: number[] = [];
  /** The parent, as '..' has it; 0: there is no such entry. */
  parent = 0;
}

const run = new Run();

/** Space of a record with a name of that length. */
function recordLength(nameLength: number): number {
  return (HEAD + nameLength + 3) & ~3;
}

/** What rec_len says: with 64 KiB blocks, 65535 and 0 mean the whole block. */
function lengthAt(view: DataView, at: number, blockSize: number): number {
  const length = view.getUint16(at + 4, true);
  return blockSize === 65536 && (length === 65535 || length === 0) ? 65536 : length;
}
function setLength(view: DataView, at: number, length: number): void {
  view.setUint16(at + 4, length === 65536 ? 65535 : length, true);
}

/** The names of a directory. -errno: it cannot be read, or is corrupt. */
export function indexOf(dir: Ext2Inode): DirectoryIndex | number {
  if (dir.index !== null) return dir.index;
  const { fs } = dir;
  const failed = fs.beforeRead();
  if (failed < 0) return failed;
  const index = new DirectoryIndex();
  const inline = inlineData(dir);
  if (typeof inline === 'number') return inline;
  const read = inline === null ? readBlocks(dir, index) : readInline(dir, index, inline);
  if (read < 0) return read;
  fs.indexed(dir, index);
  return dir.index = index;
}

function readBlocks(dir: Ext2Inode, index: DirectoryIndex): number {
  const { fs } = dir;
  const { blockSize } = fs.geometry;
  if (dir.size % blockSize !== 0 || dir.size > fs.device.size) {
    return fs.failure(CORRUPT, `directory ${dir.ino}: a size of ${dir.size} bytes`);
  }
  const count = dir.size / blockSize;
  const seen = new Set<number>();
  for (let logical = 0; logical < count; logical++) {
    const block = blockAt(dir, logical);
    if (typeof block === 'number') {
      if (block === 0) {
        index.room.push(0);
        continue;
      }
      return block;
    }
    if (seen.has(block.number)) return fs.failure(CORRUPT, `directory ${dir.ino}: block ${block.number} twice`);
    seen.add(block.number);
    const room = readEntries(dir, index, block.data, 0, blockSize, logical);
    if (room < 0) return room;
    index.room.push(room);
  }
  return 0;
}

/** ext4's inline directories: the parent, then entries in the inode, then entries in an attribute. */
function readInline(dir: Ext2Inode, index: DirectoryIndex, bytes: Uint8Array): number {
  if (bytes.length < 4) return dir.fs.failure(CORRUPT, `directory ${dir.ino}: a size of ${bytes.length} bytes`);
  index.parent = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const failed = readEntries(dir, index, bytes, 4, Math.min(60, bytes.length), 0);
  return failed < 0 || bytes.length <= 60 ? failed : readEntries(dir, index, bytes, 60, bytes.length, 0);
}

/** The directory's block: 0 for a hole, or -errno. */
function blockAt(dir: Ext2Inode, logical: number): CachedBlock | number {
  const failed = findRun(dir, logical, 1, run);
  if (failed < 0) return failed;
  return run.first === 0 || run.unwritten ? 0 : dir.fs.cache.get(run.first);
}

/** Puts the entries of a part of a directory into the index. Gives the largest room for a new one, or -errno. */
function readEntries(
  dir: Ext2Inode, index: DirectoryIndex, bytes: Uint8Array, from: number, end: number, logical: number,
): number {
  const { fs } = dir;
  const { blockSize, inodesCount } = fs.geometry;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const typed = (fs.geometry.incompat & INCOMPAT.FILETYPE) !== 0;
  let room = 0;
  for (let at = from; at < end;) {
    const length = at + HEAD <= end ? lengthAt(view, at, blockSize) : 0;
    const ino = length === 0 ? 0 : view.getUint32(at, true);
    const nameLength = typed ? bytes[at + 6]! : Math.min(view.getUint16(at + 6, true), 256);
    if (length < HEAD + 4 || length % 4 !== 0 || at + length > end || recordLength(nameLength) > length ||
      nameLength > NAME_MAX || ino > inodesCount) {
      // The checksum of ext4 at a block's end looks like an entry without a name.
      if (length === 12 && ino === 0 && at + 12 === end) break;
      return fs.failure(CORRUPT, `directory ${dir.ino}: bad entry at ${logical * blockSize + at}`);
    }
    if (ino !== 0) {
      const name = Buffer.from(bytes.buffer, bytes.byteOffset + at + HEAD, nameLength).toString('latin1');
      if (name === '..') index.parent = ino;
      else if (name !== '.' && validName(name)) {
        index.entries.set(name, new Entry(ino, typed ? TYPES[bytes[at + 7]! & 7]! : 0, logical));
      }
    }
    room = Math.max(room, ino === 0 ? length : length - recordLength(nameLength));
    at += length;
  }
  return room;
}

/** A corrupt directory may hold names that no path can mean. */
function validName(name: string): boolean {
  return name !== '' && !name.includes('/') && !name.includes('\0');
}

export function lookup(dir: Ext2Inode, name: string): Inode | number {
  if (dir.type !== S.IFDIR) return -E.NOTDIR;
  const index = indexOf(dir);
  if (typeof index === 'number') return index;
  const entry = index.entries.get(name);
  if (entry === undefined) return -E.NOENT;
  const inode = dir.fs.inode(entry.ino);
  if (typeof inode !== 'number' && inode.type === S.IFDIR) {
    // A directory has one parent; two would make a loop of what is a tree.
    if (inode === dir || inode.ino === 2) return dir.fs.failure(CORRUPT, `directory ${dir.ino}: '${name}' is above it`);
    const known = inode.parent;
    if (known !== null && known !== dir && !inode.removed) {
      const other = (known as Ext2Inode).ino;
      return dir.fs.failure(CORRUPT, `directory ${inode.ino} is in directories ${other} and ${dir.ino}`);
    }
    inode.placeIn(dir, name);
  }
  return inode;
}

export function readdir(dir: Ext2Inode, position: number, sink: DirSink): number {
  if (dir.type !== S.IFDIR) return -E.NOTDIR;
  const index = indexOf(dir);
  if (typeof index === 'number') return index;
  let at = 0;
  for (const [name, entry] of index.entries) {
    if (at++ < position) continue;
    if (!sink.entry(name, entry.ino, entry.type, at)) break;
  }
  return 0;
}

/** A hash tree no longer fits once an entry is added or moved: from now on the directory is a plain list. */
function dropHashTree(dir: Ext2Inode): number {
  if (!(dir.flags & FLAG.INDEX)) return 0;
  dir.clearFlag(FLAG.INDEX);
  return dir.store();
}

/**
 * Where a new entry will be: a block with room for the name, the directory grown when there is none. Nothing else is
 * changed. The block's number in the directory, or -errno.
 */
export function prepare(dir: Ext2Inode, name: string): number {
  const index = indexOf(dir);
  if (typeof index === 'number') return index;
  const need = recordLength(name.length);
  const unhashed = dropHashTree(dir);
  if (unhashed < 0) return unhashed;
  for (let logical = 0; logical < index.room.length; logical++) if (index.room[logical]! >= need) return logical;
  return grow(dir, index);
}

function grow(dir: Ext2Inode, index: DirectoryIndex): number {
  const { fs } = dir;
  const { blockSize } = fs.geometry;
  const logical = dir.size / blockSize;
  if (dir.size + blockSize >= 2 ** 31) return -E.NOSPC;
  const near = logical > 0 && findRun(dir, logical - 1, 1, run) === 0 && run.first !== 0
    ? run.first + 1 : fs.groups.firstBlock(fs.groups.groupOfInode(dir.ino));
  const number = fs.groups.allocateBlocks(near, 1);
  if (number < 0) return number;
  const block = fs.cache.fresh(number);
  setLength(block.view, 0, blockSize);
  let failed = fs.cache.store(block);
  if (failed >= 0) failed = setRun(dir, logical, number, 1);
  if (failed < 0) {
    fs.cache.forget(number);
    fs.groups.freeBlocks(number, 1);
    return failed;
  }
  // An indirect block that points to the new one must be there before the size says so.
  failed = logical < N_DIRECT ? 0 : fs.cache.flush(false);
  dir.setSize(dir.size + blockSize);
  index.room.push(blockSize);
  if (failed >= 0) failed = dir.store();
  return failed < 0 ? failed : logical;
}

/** Writes the entry that `prepare` found a block for. 0 or -errno. */
export function insert(dir: Ext2Inode, name: string, ino: number, type: number, logical: number): number {
  const index = indexOf(dir);
  if (typeof index === 'number') return index;
  const { fs } = dir;
  const block = blockAt(dir, logical);
  if (typeof block === 'number') return block === 0 ? CORRUPT : block;
  const { view, data } = block;
  const { blockSize } = fs.geometry;
  const typed = (fs.geometry.incompat & INCOMPAT.FILETYPE) !== 0;
  const need = recordLength(name.length);
  let room = 0, placed = false;
  for (let at = 0; at < blockSize;) {
    const length = lengthAt(view, at, blockSize);
    const nameLength = typed ? data[at + 6]! : view.getUint16(at + 6, true);
    const used = view.getUint32(at, true) === 0 ? 0 : recordLength(nameLength);
    // It was checked when it was read; a block that something else has, too, may have changed since.
    if (length < HEAD + 4 || length % 4 !== 0 || at + length > blockSize || used > length) {
      return fs.failure(CORRUPT, `directory ${dir.ino}: bad entry at ${logical * blockSize + at}`);
    }
    if (!placed && length - used >= need) {
      let place = at;
      if (used > 0) {
        setLength(view, at, used);
        place = at + used;
      }
      setLength(view, place, length - used);
      view.setUint32(place, ino, true);
      data[place + 6] = name.length;
      data[place + 7] = typed ? TYPES.indexOf(type) : 0;
      data.set(Buffer.from(name, 'latin1'), place + HEAD);
      data.fill(0, place + HEAD + name.length, place + need);
      placed = true;
      room = Math.max(room, length - used - need);
    } else {
      room = Math.max(room, length - used);
    }
    at += length;
  }
  if (!placed) return CORRUPT;
  index.room[logical] = room;
  index.entries.set(name, new Entry(ino, type, logical));
  return fs.cache.store(block);
}

/** Takes an entry out of its block, which the caller stores. The block, or -errno. */
export function remove(dir: Ext2Inode, name: string): CachedBlock | number {
  const index = indexOf(dir);
  if (typeof index === 'number') return index;
  const entry = index.entries.get(name);
  if (entry === undefined) return -E.NOENT;
  const unhashed = dropHashTree(dir);
  if (unhashed < 0) return unhashed;
  const found = find(dir, name, entry);
  if (typeof found === 'number') return found;
  const { block, at, before } = found;
  const { blockSize } = dir.fs.geometry;
  const length = lengthAt(block.view, at, blockSize);
  if (before >= 0) setLength(block.view, before, lengthAt(block.view, before, blockSize) + length);
  block.view.setUint32(at, 0, true);
  index.entries.delete(name);
  const typed = (dir.fs.geometry.incompat & INCOMPAT.FILETYPE) !== 0;
  const merged = before < 0 ? length : lengthAt(block.view, before, blockSize) -
    (block.view.getUint32(before, true) === 0 ? 0
      : recordLength(typed ? block.data[before + 6]! : block.view.getUint16(before + 6, true)));
  index.room[entry.block] = Math.max(index.room[entry.block]!, merged);
  dir.fs.cache.change(block);
  return block;
}

/** Lets a name mean another inode. 0 or -errno. */
export function replace(dir: Ext2Inode, name: string, ino: number, type: number): number {
  const index = indexOf(dir);
  if (typeof index === 'number') return index;
  const entry = index.entries.get(name);
  if (entry === undefined) return -E.NOENT;
  const found = find(dir, name, entry);
  if (typeof found === 'number') return found;
  const { block, at } = found;
  block.view.setUint32(at, ino, true);
  if (dir.fs.geometry.incompat & INCOMPAT.FILETYPE) block.data[at + 7] = TYPES.indexOf(type);
  entry.ino = ino;
  entry.type = type;
  return dir.fs.cache.store(block);
}

/** Where an entry is in its block, and the one before it there (-1: none). */
function find(dir: Ext2Inode, name: string, entry: Entry): { block: CachedBlock; at: number; before: number } | number {
  const block = blockAt(dir, entry.block);
  if (typeof block === 'number') return block === 0 ? CORRUPT : block;
  const { blockSize } = dir.fs.geometry;
  const bytes = Buffer.from(name, 'latin1');
  for (let at = 0, before = -1; at + HEAD <= blockSize;) {
    const length = lengthAt(block.view, at, blockSize);
    if (length < HEAD + 4 || length % 4 !== 0 || at + length > blockSize) break;
    if (block.view.getUint32(at, true) !== 0 && block.data[at + 6] === bytes.length &&
      Buffer.compare(block.data.subarray(at + HEAD, at + HEAD + bytes.length), bytes) === 0) {
      return { block, at, before };
    }
    before = at;
    at += length;
  }
  return dir.fs.failure(CORRUPT, `directory ${dir.ino}: '${name}' is gone`);
}

/** The first block of a new directory: '.' and '..'. 0 or -errno. */
export function makeFirstBlock(dir: Ext2Inode, parent: number): number {
  const { fs } = dir;
  const { blockSize } = fs.geometry;
  const number = fs.groups.allocateBlocks(fs.groups.firstBlock(fs.groups.groupOfInode(dir.ino)), 1);
  if (number < 0) return number;
  const block = fs.cache.fresh(number);
  const typed = fs.geometry.incompat & INCOMPAT.FILETYPE ? 2 : 0;
  block.view.setUint32(0, dir.ino, true);
  setLength(block.view, 0, 12);
  block.data[6] = 1;
  block.data[7] = typed;
  block.data[8] = 0x2e;
  block.view.setUint32(12, parent, true);
  setLength(block.view, 12, blockSize - 12);
  block.data[18] = 2;
  block.data[19] = typed;
  block.data[20] = block.data[21] = 0x2e;
  const failed = fs.cache.store(block);
  if (failed < 0) {
    fs.cache.forget(number);
    fs.groups.freeBlocks(number, 1);
    return failed;
  }
  setRun(dir, 0, number, 1);
  dir.setSize(blockSize);
  const index = new DirectoryIndex();
  index.parent = parent;
  index.room.push(blockSize - 24);
  dir.index = index;
  fs.indexed(dir, index);
  return 0;
}

/** '..' of a directory that got another parent. 0 or -errno. */
export function setParent(dir: Ext2Inode, parent: number): number {
  const block = blockAt(dir, 0);
  if (typeof block === 'number') return block === 0 ? CORRUPT : block;
  const { view, data } = block;
  const at = lengthAt(view, 0, dir.fs.geometry.blockSize);
  if (at + 12 > dir.fs.geometry.blockSize || data[at + 6] !== 2 || data[at + 8] !== 0x2e || data[at + 9] !== 0x2e) {
    return dir.fs.failure(CORRUPT, `directory ${dir.ino}: no '..'`);
  }
  view.setUint32(at, parent, true);
  if (dir.index !== null) dir.index.parent = parent;
  return dir.fs.cache.store(block);
}
