/**
 * Extended attributes of ext2 and ext4: some behind the inode's members, the others in a block, which files with equal
 * attributes may share. New ones go to the block. ACLs are kept in a form of their own (acl(5), Linux's fs/ext4/acl.h).
 */
import { E } from '../../../abi/errno.js';
import type { Ext2Fs } from './ext2.js';
import type { Ext2Inode } from './inode.js';
import { CORRUPT, INODE, OLD_INODE_SIZE } from './layout.js';

const MAGIC = 0xea020000;
/** Header of the block: magic, refcount, blocks, hash, and 16 bytes. Entries: 16 bytes and the name. */
const BLOCK_HEAD = 32, ENTRY_HEAD = 16;
const XATTR_CREATE = 1, XATTR_REPLACE = 2;

/** Beginnings of names, by the number that stands for them. */
const PREFIXES: readonly string[] = [
  '', 'user.', 'system.posix_acl_access', 'system.posix_acl_default', 'trusted.', '', 'security.', 'system.',
];
const ACL_ACCESS = 2, ACL_DEFAULT = 3, SYSTEM = 7;

interface Attribute {
  index: number;
  /** Behind the prefix. */
  name: string;
  value: Uint8Array;
}

/** The number and the rest of a name; null for a name that cannot be kept here. */
function split(full: string): { index: number; name: string } | null {
  for (const index of [1, 4, 6]) {
    const prefix = PREFIXES[index]!;
    if (full.startsWith(prefix)) return { index, name: full.substring(prefix.length) };
  }
  if (full === PREFIXES[ACL_ACCESS]) return { index: ACL_ACCESS, name: '' };
  if (full === PREFIXES[ACL_DEFAULT]) return { index: ACL_DEFAULT, name: '' };
  return null;
}

/** Reads entries from `at` on; their values are relative to `base`, all before `end`. */
function readEntries(fs: Ext2Fs, bytes: Uint8Array, at: number, base: number, end: number, out: Attribute[]): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  while (at + 4 <= end && view.getUint32(at, true) !== 0) {
    if (at + ENTRY_HEAD > end) return fs.failure(CORRUPT, 'extended attributes run out of their block');
    const nameLength = bytes[at]!;
    const inode = view.getUint32(at + 4, true), size = view.getUint32(at + 8, true);
    const value = base + view.getUint16(at + 2, true);
    const next = at + ((ENTRY_HEAD + nameLength + 3) & ~3);
    if (next > end || (inode === 0 && value + size > end)) {
      return fs.failure(CORRUPT, 'extended attributes run out of their block');
    }
    const name = Buffer.from(bytes.buffer, bytes.byteOffset + at + ENTRY_HEAD, nameLength).toString('latin1');
    // A value in an inode of its own (ea_inode) is not read.
    if (inode === 0) out.push({ index: bytes[at + 1]!, name, value: bytes.slice(value, value + size) });
    at = next;
  }
  return 0;
}

/** Where the attributes in the inode begin and end, or null. */
function inodeArea(inode: Ext2Inode): { at: number; end: number } | null {
  const { inodeSize } = inode.fs.geometry;
  if (inodeSize <= OLD_INODE_SIZE) return null;
  const extra = inode.view.getUint16(inode.at + INODE.extraSize, true);
  const at = inode.at + OLD_INODE_SIZE + extra, end = inode.at + inodeSize;
  if (extra % 4 !== 0 || at + 8 > end || inode.view.getUint32(at, true) !== MAGIC) return null;
  return { at: at + 4, end };
}

function inodeAttributes(inode: Ext2Inode, out: Attribute[]): number {
  const area = inodeArea(inode);
  if (area === null) return 0;
  const { view } = inode;
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return readEntries(inode.fs, bytes, area.at, area.at, area.end, out);
}

function blockAttributes(inode: Ext2Inode, out: Attribute[]): number {
  const { fs } = inode;
  const number = inode.fileAcl;
  if (number === 0) return 0;
  const block = fs.cache.get(number);
  if (typeof block === 'number') return fs.failure(block, `inode ${inode.ino}: attribute block ${number}`);
  if (block.view.getUint32(0, true) !== MAGIC || block.view.getUint32(8, true) !== 1) {
    return fs.failure(CORRUPT, `inode ${inode.ino}: block ${number} holds no attributes`);
  }
  return readEntries(fs, block.data, BLOCK_HEAD, 0, fs.geometry.blockSize, out);
}

/** All attributes. -errno. */
function all(inode: Ext2Inode): Attribute[] | number {
  const found: Attribute[] = [];
  let failed = inode.fs.beforeRead();
  if (failed >= 0) failed = inodeAttributes(inode, found);
  if (failed >= 0) failed = blockAttributes(inode, found);
  return failed < 0 ? failed : found;
}

export function get(inode: Ext2Inode, full: string): Uint8Array | number {
  const wanted = split(full);
  if (wanted === null) return -E.OPNOTSUPP;
  const attributes = all(inode);
  if (typeof attributes === 'number') return attributes;
  const found = attributes.find(({ index, name }) => index === wanted.index && name === wanted.name);
  if (found === undefined) return -E.NODATA;
  return wanted.index === ACL_ACCESS || wanted.index === ACL_DEFAULT ? aclToXattr(found.value) : found.value;
}

export function list(inode: Ext2Inode): string[] | number {
  const attributes = all(inode);
  if (typeof attributes === 'number') return attributes;
  return attributes.filter(({ index, name }) => !(index === SYSTEM && name === 'data'))
    .map(({ index, name }) => (PREFIXES[index] ?? '') + name).filter((name) => name !== '');
}

/** What of an inline file does not fit among the block pointers (ext4). */
export function inlineRest(inode: Ext2Inode): Uint8Array | number {
  const found: Attribute[] = [];
  const failed = inodeAttributes(inode, found);
  if (failed < 0) return failed;
  return found.find(({ index, name }) => index === SYSTEM && name === 'data')?.value ?? new Uint8Array(0);
}

export function set(inode: Ext2Inode, full: string, value: Uint8Array, flags: number): number {
  const wanted = split(full);
  if (wanted === null) return -E.OPNOTSUPP;
  if (wanted.index === ACL_ACCESS || wanted.index === ACL_DEFAULT) {
    const acl = aclFromXattr(value);
    if (typeof acl === 'number') return acl;
    value = acl;
  }
  return change(inode, wanted.index, wanted.name, value, flags);
}

export function remove(inode: Ext2Inode, full: string): number {
  const wanted = split(full);
  return wanted === null ? -E.OPNOTSUPP : change(inode, wanted.index, wanted.name, null, XATTR_REPLACE);
}

/** Sets one attribute (null: takes it away), and writes the new block before the inode points to it. */
function change(inode: Ext2Inode, index: number, name: string, value: Uint8Array | null, flags: number): number {
  const inside: Attribute[] = [], outside: Attribute[] = [];
  let failed = inodeAttributes(inode, inside);
  if (failed >= 0) failed = blockAttributes(inode, outside);
  if (failed < 0) return failed;
  const same = (other: Attribute): boolean => other.index === index && other.name === name;
  const isInside = inside.some(same);
  if (isInside || outside.some(same)) {
    if (flags & XATTR_CREATE) return -E.EXIST;
  } else if (flags & XATTR_REPLACE) {
    return -E.NODATA;
  }
  const next = outside.filter((other) => !same(other));
  if (value !== null) next.push({ index, name, value: value.slice() });
  failed = writeBlock(inode, next);
  if (failed < 0) return failed;
  if (isInside) writeInside(inode, inside.filter((other) => !same(other)));
  inode.stampChange();
  return inode.store();
}

/** Linux keeps a block's entries sorted, by number, length of the name and name. */
function compare(one: Attribute, other: Attribute): number {
  return one.index - other.index || one.name.length - other.name.length || (one.name < other.name ? -1 : 1);
}

function writeBlock(inode: Ext2Inode, attributes: Attribute[]): number {
  const { fs } = inode;
  const old = inode.fileAcl;
  if (attributes.length === 0) {
    if (old === 0) return 0;
    setBlock(inode, 0);
    inode.addBlocks(-1);
    const failed = inode.store();
    if (failed >= 0) dropBlock(fs, old);
    return failed;
  }
  const bytes = new Uint8Array(fs.geometry.blockSize);
  if (!encode(attributes.sort(compare), bytes)) return -E.NOSPC;
  const known = old === 0 ? null : fs.cache.get(old);
  if (typeof known === 'number') return known;
  if (known !== null && known.view.getUint32(4, true) === 1) {
    known.data.set(bytes);
    return fs.cache.store(known);
  }
  const goal = fs.groups.firstBlock(fs.groups.groupOfInode(inode.ino));
  const number = fs.groups.allocateBlocks(goal, 1);
  if (number < 0) return number;
  const block = fs.cache.fresh(number);
  block.data.set(bytes);
  const failed = fs.cache.store(block);
  if (failed < 0) {
    fs.cache.forget(number);
    fs.groups.freeBlocks(number, 1);
    return failed;
  }
  setBlock(inode, number);
  if (old === 0) {
    inode.addBlocks(1);
  } else {
    inode.store();
    dropBlock(fs, old);
  }
  return 0;
}

function setBlock(inode: Ext2Inode, number: number): void {
  inode.setU32(INODE.fileAcl, number);
}

/** Takes the attribute block from an inode that is given back; the caller drops it when the inode is stored. */
export function takeBlock(inode: Ext2Inode): number {
  const number = inode.fileAcl;
  if (number === 0) return 0;
  setBlock(inode, 0);
  inode.addBlocks(-1);
  return number;
}

/** One inode less uses an attribute block. */
export function dropBlock(fs: Ext2Fs, number: number): void {
  const block = fs.cache.get(number);
  if (typeof block === 'number') return;
  if (block.view.getUint32(0, true) !== MAGIC) return fs.damaged(`block ${number} holds no attributes`);
  const users = block.view.getUint32(4, true);
  if (users > 1) {
    block.view.setUint32(4, users - 1, true);
    fs.cache.store(block);
    return;
  }
  fs.cache.forget(number);
  fs.groups.freeBlocks(number, 1);
}

/** Makes the number of inodes that have an attribute block `users`. 1 if it was another, 0 if not, or -errno. */
export function setUsers(fs: Ext2Fs, number: number, users: number): number {
  const block = fs.cache.get(number);
  if (typeof block === 'number') return block;
  if (block.view.getUint32(0, true) !== MAGIC) return fs.failure(CORRUPT, `block ${number} holds no attributes`);
  if (block.view.getUint32(4, true) === users) return 0;
  block.view.setUint32(4, users, true);
  fs.cache.change(block);
  return 1;
}

/** Entries from the front, values from the back. False: they do not fit. */
function encode(attributes: readonly Attribute[], bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, 1, true);
  view.setUint32(8, 1, true);
  let at = BLOCK_HEAD, end = bytes.length, whole = 0;
  for (const { index, name, value } of attributes) {
    const next = at + ((ENTRY_HEAD + name.length + 3) & ~3);
    const padded = (value.length + 3) & ~3;
    if (next + 4 > end - padded || name.length > 255) return false;
    end -= padded;
    bytes.set(value, end);
    bytes[at] = name.length;
    bytes[at + 1] = index;
    view.setUint16(at + 2, padded === 0 ? 0 : end, true);
    view.setUint32(at + 8, value.length, true);
    bytes.set(Buffer.from(name, 'latin1'), at + ENTRY_HEAD);
    const hash = entryHash(name, view, end, padded);
    view.setUint32(at + 12, hash, true);
    whole = hash === 0 ? 0 : ((whole << 16) ^ (whole >>> 16) ^ hash) >>> 0;
    at = next;
  }
  view.setUint32(12, whole, true);
  return true;
}

/** ext2_xattr_hash_entry: name and value, rotated in; e2fsck checks it. */
function entryHash(name: string, view: DataView, value: number, padded: number): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) {
    // The characters are signed for some, unsigned for others; ASCII is the same to both.
    hash = (hash << 5) ^ (hash >>> 27) ^ name.charCodeAt(i);
  }
  for (let at = value; at < value + padded; at += 4) {
    hash = (hash << 16) ^ (hash >>> 16) ^ view.getUint32(at, true);
  }
  return hash >>> 0;
}

/** Writes the attributes inside of the inode anew; they are fewer than before. */
function writeInside(inode: Ext2Inode, attributes: readonly Attribute[]): void {
  const area = inodeArea(inode);
  if (area === null) return;
  const { view } = inode;
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  bytes.fill(0, attributes.length === 0 ? area.at - 4 : area.at, area.end);
  let at = area.at, end = area.end;
  for (const { index, name, value } of attributes) {
    end -= (value.length + 3) & ~3;
    bytes.set(value, end);
    bytes[at] = name.length;
    bytes[at + 1] = index;
    view.setUint16(at + 2, value.length === 0 ? 0 : end - area.at, true);
    view.setUint32(at + 8, value.length, true);
    view.setUint32(at + 12, 0, true);
    bytes.set(Buffer.from(name, 'latin1'), at + ENTRY_HEAD);
    at += (ENTRY_HEAD + name.length + 3) & ~3;
  }
  inode.changed();
}

/** Tags of ACL entries that name somebody. */
const ACL_USER = 2, ACL_GROUP = 8;

/** On the device: version 1, and no id where the tag needs none. For xattr(7): version 2, always an id. */
function aclToXattr(stored: Uint8Array): Uint8Array | number {
  const from = new DataView(stored.buffer, stored.byteOffset, stored.length);
  if (stored.length < 4 || from.getUint32(0, true) !== 1) return -E.INVAL;
  const entries: number[] = [];
  for (let at = 4; at + 4 <= stored.length;) {
    const tag = from.getUint16(at, true);
    const named = tag === ACL_USER || tag === ACL_GROUP;
    if (named && at + 8 > stored.length) return -E.INVAL;
    entries.push(tag, from.getUint16(at + 2, true), named ? from.getUint32(at + 4, true) : 0xffff_ffff);
    at += named ? 8 : 4;
  }
  const out = new Uint8Array(4 + (entries.length / 3) * 8);
  const view = new DataView(out.buffer);
  view.setUint32(0, 2, true);
  for (let i = 0, at = 4; i < entries.length; i += 3, at += 8) {
    view.setUint16(at, entries[i]!, true);
    view.setUint16(at + 2, entries[i + 1]!, true);
    view.setUint32(at + 4, entries[i + 2]!, true);
  }
  return out;
}

function aclFromXattr(value: Uint8Array): Uint8Array | number {
  const from = new DataView(value.buffer, value.byteOffset, value.length);
  if (value.length < 4 || (value.length - 4) % 8 !== 0 || from.getUint32(0, true) !== 2) return -E.INVAL;
  const out = new Uint8Array(value.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, 1, true);
  let to = 4;
  for (let at = 4; at < value.length; at += 8) {
    const tag = from.getUint16(at, true);
    view.setUint16(to, tag, true);
    view.setUint16(to + 2, from.getUint16(at + 2, true), true);
    to += 4;
    if (tag !== ACL_USER && tag !== ACL_GROUP) continue;
    view.setUint32(to, from.getUint32(at + 4, true), true);
    to += 4;
  }
  return out.subarray(0, to);
}

