/**
 * Making and removing names. The order on the device is such that a run that ends anywhere leaves only what
 * `e2fsck -p` (and repair.ts) puts right: an entry is there before its inode's links are, and an inode has no links any
 * more before its entry goes. A free inode behind an entry is no inode, and the entry is dropped.
 */
import { E } from '../../../abi/errno.js';
import { S } from '../../../abi/fcntl.js';
import { now, readClock } from '../../clock.js';
import { RENAME, type Inode, type NewInode } from '../../inode.js';
import { cutBlocks } from './block_map.js';
import { writeTarget } from './data.js';
import { indexOf, insert, makeFirstBlock, prepare, remove, replace, setParent } from './directory.js';
import type { Ext2Inode } from './inode.js';
import { CORRUPT, FLAG, INODE, LINK_MAX } from './layout.js';
import * as orphans from './orphans.js';
import * as xattr from './xattr.js';

/** May names in the directory be changed at all? 0 or -errno. */
function mayChange(dir: Ext2Inode): number {
  const failed = dir.fs.beforeChange();
  if (failed < 0) return failed;
  if (dir.removed || dir.freed) return -E.NOENT;
  return dir.flags & FLAG.IMMUTABLE ? -E.PERM : 0;
}

/** Takes an inode and fills it; it has no links yet, and is not on the device. */
function newInode(dir: Ext2Inode, init: NewInode): Ext2Inode | number {
  const { fs } = dir;
  const isDirectory = (init.mode & S.IFMT) === S.IFDIR;
  const ino = fs.groups.allocateInode(dir.ino, isDirectory);
  if (ino < 0) return ino;
  const inode = fs.makeInode(ino);
  if (typeof inode === 'number') {
    fs.groups.freeInode(ino, isDirectory);
    return inode;
  }
  inode.initialize(init, dir.flags);
  let failed = 0;
  if ((init.mode & S.IFMT) === S.IFLNK) failed = writeTarget(inode, init.target);
  else if (isDirectory) failed = makeFirstBlock(inode, dir.ino);
  if (failed >= 0) return inode;
  release(inode);
  return failed;
}

export function create(dir: Ext2Inode, name: string, init: NewInode): Inode | number {
  const denied = mayChange(dir);
  if (denied < 0) return denied;
  const index = indexOf(dir);
  if (typeof index === 'number') return index;
  if (index.entries.has(name)) return -E.EXIST;
  const isDirectory = (init.mode & S.IFMT) === S.IFDIR;
  if (isDirectory && dir.links >= LINK_MAX) return -E.MLINK;
  const where = prepare(dir, name);
  if (where < 0) return where;
  const inode = newInode(dir, init);
  if (typeof inode === 'number') return inode;
  let failed = insert(dir, name, inode.ino, inode.type, where);
  if (failed >= 0) {
    inode.setLinks(isDirectory ? 2 : 1);
    failed = inode.store();
  }
  if (failed < 0) {
    release(inode);
    return failed;
  }
  if (isDirectory) dir.setLinks(dir.links + 1);
  dir.stampModify();
  return inode;
}

export function createUnnamed(dir: Ext2Inode, init: NewInode): Inode | number {
  const denied = dir.fs.beforeChange();
  if (denied < 0) return denied;
  const inode = newInode(dir, init);
  if (typeof inode === 'number') return inode;
  inode.name = String(inode.ino);
  const failed = orphans.add(inode);
  if (failed >= 0) return inode;
  release(inode);
  return failed;
}

export function link(dir: Ext2Inode, name: string, inode: Ext2Inode): number {
  const denied = mayChange(dir);
  if (denied < 0) return denied;
  if (inode.flags & (FLAG.IMMUTABLE | FLAG.APPEND)) return -E.PERM;
  const index = indexOf(dir);
  if (typeof index === 'number') return index;
  if (index.entries.has(name)) return -E.EXIST;
  if (inode.links >= LINK_MAX) return -E.MLINK;
  if (inode.freed) return -E.NOENT;
  const where = prepare(dir, name);
  if (where < 0) return where;
  let failed = insert(dir, name, inode.ino, inode.type, where);
  if (failed < 0) return failed;
  if (inode.links === 0) orphans.remove(inode);
  inode.setLinks(inode.links + 1);
  inode.stampChange();
  failed = inode.store();
  dir.stampModify();
  return failed;
}

export function unlink(dir: Ext2Inode, name: string): number {
  const found = entryInode(dir, name);
  if (typeof found === 'number') return found;
  if (found.type === S.IFDIR) return -E.ISDIR;
  if (found.flags & (FLAG.IMMUTABLE | FLAG.APPEND)) return -E.PERM;
  const block = remove(dir, name);
  if (typeof block === 'number') return block;
  const failed = dropLink(found, 1);
  const stored = dir.fs.cache.store(block);
  dir.stampModify();
  return failed < 0 ? failed : stored;
}

export function rmdir(dir: Ext2Inode, name: string): number {
  const found = entryInode(dir, name);
  if (typeof found === 'number') return found;
  if (found.type !== S.IFDIR) return -E.NOTDIR;
  const index = indexOf(found);
  if (typeof index === 'number') return index;
  if (index.entries.size > 0) return -E.NOTEMPTY;
  const block = remove(dir, name);
  if (typeof block === 'number') return block;
  const failed = dropLink(found, found.links);
  const stored = dir.fs.cache.store(block);
  dir.setLinks(Math.max(2, dir.links - 1));
  dir.stampModify();
  return failed < 0 ? failed : stored;
}

/** The inode of an entry that is to go, or -errno. */
function entryInode(dir: Ext2Inode, name: string): Ext2Inode | number {
  const denied = mayChange(dir);
  if (denied < 0) return denied;
  const index = indexOf(dir);
  if (typeof index === 'number') return index;
  const entry = index.entries.get(name);
  if (entry === undefined) return -E.NOENT;
  return dir.flags & FLAG.APPEND ? -E.PERM : dir.fs.inode(entry.ino);
}

/** An inode has `count` links less; without any it is free once it is closed. The entry is still on the device. */
function dropLink(inode: Ext2Inode, count: number): number {
  const links = Math.max(0, inode.links - count);
  inode.setLinks(links);
  inode.stampChange();
  if (links > 0) return 0;
  return inode.opens > 0 ? orphans.add(inode) : release(inode);
}

/** Gives back an inode without links, its blocks and its attributes. 0 or -errno. */
export function release(inode: Ext2Inode): number {
  const { fs } = inode;
  const last = inode.snapshot();
  const isDirectory = inode.type === S.IFDIR;
  const hasBlocks = isDirectory || inode.type === S.IFREG || (inode.type === S.IFLNK && !inode.isFast);
  inode.setLinks(0);
  readClock();
  inode.setU32(INODE.dtime, now.seconds);
  const attributes = xattr.takeBlock(inode);
  let failed = 0;
  if (hasBlocks) {
    inode.setU32(INODE.size, 0);
    inode.setU32(INODE.sizeHigh, 0);
    failed = cutBlocks(inode, 0);
  } else {
    inode.changed();
    failed = inode.store();
  }
  if (attributes !== 0) xattr.dropBlock(fs, attributes);
  fs.groups.freeInode(inode.ino, isDirectory);
  fs.forgetInode(inode);
  inode.detach(last);
  return failed;
}

export function rename(dir: Ext2Inode, name: string, to: Ext2Inode, newName: string, flags: number): number {
  const inode = entryInode(dir, name);
  if (typeof inode === 'number') return inode;
  const denied = mayChange(to);
  if (denied < 0) return denied;
  const index = indexOf(to);
  if (typeof index === 'number') return index;
  const entry = index.entries.get(newName);
  const there = entry === undefined ? null : dir.fs.inode(entry.ino);
  if (typeof there === 'number') return there;
  if (inode.flags & (FLAG.IMMUTABLE | FLAG.APPEND)) return -E.PERM;
  if (there !== null && there.flags & (FLAG.IMMUTABLE | FLAG.APPEND)) return -E.PERM;
  if (flags & RENAME.EXCHANGE) return there === null ? -E.NOENT : exchange(dir, name, inode, to, newName, there);
  if (there === inode) return 0;
  if (there !== null && flags & RENAME.NOREPLACE) return -E.EXIST;

  const isDirectory = inode.type === S.IFDIR;
  const replacesDirectory = there !== null && there.type === S.IFDIR;
  if (replacesDirectory) {
    const names = indexOf(there);
    if (typeof names === 'number') return names;
    if (names.entries.size > 0) return -E.NOTEMPTY;
  }
  if (isDirectory && dir !== to && !replacesDirectory && to.links >= LINK_MAX) return -E.MLINK;
  let where = there === null ? prepare(to, newName) : 0;
  if (where < 0) return where;
  const whiteout = flags & RENAME.WHITEOUT ? makeWhiteout(dir) : null;
  if (typeof whiteout === 'number') return whiteout;
  // Out in memory, in on the device: where both are in one block, it is one write.
  const block = whiteout === null ? remove(dir, name) : null;
  if (typeof block === 'number') return block;
  let failed: number;
  if (there !== null) {
    failed = replace(to, newName, inode.ino, inode.type);
  } else {
    if (dir === to) where = prepare(to, newName);
    failed = where < 0 ? where : insert(to, newName, inode.ino, inode.type, where);
  }
  if (failed < 0) {
    if (whiteout !== null) release(whiteout);
    return failed;
  }
  inode.placeIn(to, newName);
  if (whiteout !== null) failed = replace(dir, name, whiteout.ino, whiteout.type);
  else if (block!.dirty) failed = dir.fs.cache.store(block!);
  if (failed < 0) return failed;
  if (isDirectory && dir !== to) {
    failed = setParent(inode, to.ino);
    dir.setLinks(Math.max(2, dir.links - 1));
    to.setLinks(to.links + 1);
  }
  if (there !== null) {
    if (replacesDirectory) to.setLinks(Math.max(2, to.links - 1));
    dropLink(there, replacesDirectory ? there.links : 1);
  }
  inode.stampChange();
  dir.stampModify();
  if (to !== dir) to.stampModify();
  return failed;
}

/** A whiteout for a name of the directory that goes: it is on the device, so that its entry never names a free inode. */
function makeWhiteout(dir: Ext2Inode): Ext2Inode | number {
  const inode = newInode(dir, { mode: S.IFCHR, uid: 0, gid: 0, rdev: 0, target: '' });
  if (typeof inode === 'number') return inode;
  inode.setLinks(1);
  const failed = inode.store();
  if (failed >= 0) return inode;
  release(inode);
  return failed;
}

/** RENAME_EXCHANGE. */
function exchange(
  dir: Ext2Inode, name: string, inode: Ext2Inode, to: Ext2Inode, newName: string, there: Ext2Inode,
): number {
  const isDirectory = inode.type === S.IFDIR, thereIsDirectory = there.type === S.IFDIR;
  if (dir !== to && isDirectory !== thereIsDirectory && (isDirectory ? to : dir).links >= LINK_MAX) return -E.MLINK;
  let failed = replace(to, newName, inode.ino, inode.type);
  if (failed >= 0) failed = replace(dir, name, there.ino, there.type);
  if (failed < 0) return failed;
  inode.placeIn(to, newName);
  there.placeIn(dir, name);
  if (dir !== to) {
    if (isDirectory) failed = setParent(inode, to.ino);
    if (thereIsDirectory && failed >= 0) failed = setParent(there, dir.ino);
    const more = (isDirectory ? 1 : 0) - (thereIsDirectory ? 1 : 0);
    to.setLinks(to.links + more);
    dir.setLinks(dir.links - more);
  }
  inode.stampChange();
  there.stampChange();
  dir.stampModify();
  to.stampModify();
  return failed < 0 ? CORRUPT : 0;
}
