/**
 * ext2, ext3 and ext4 on the device: offsets, feature bits, and the checks of a superblock (Linux's ext2.h and
 * ext4.h).
 */
import { E } from '../../../abi/errno.js';

export const SUPERBLOCK_AT = 1024;
export const SUPERBLOCK_SIZE = 1024;
export const EXT2_MAGIC = 0xef53;
export const ROOT_INO = 2;

/** Superblock members. */
export const SB = {
  inodesCount: 0, blocksCount: 4, reservedBlocks: 8, freeBlocks: 12, freeInodes: 16, firstDataBlock: 20,
  logBlockSize: 24, blocksPerGroup: 32, inodesPerGroup: 40, mountTime: 44, writeTime: 48, mountCount: 52, magic: 56,
  state: 58, creatorOs: 72, revision: 76, firstIno: 84, inodeSize: 88, compat: 92, incompat: 96, roCompat: 100,
  uuid: 104, lastMounted: 136, journalInum: 224, lastOrphan: 232, hashSeed: 236, descSize: 254, firstMetaGroup: 260,
  blocksCountHigh: 336,
  reservedHigh: 340, freeBlocksHigh: 344, minExtraSize: 348, wantExtraSize: 350,
} as const;

export const STATE = { VALID: 1, ERROR: 2 } as const;

export const COMPAT = { HAS_JOURNAL: 4, EXT_ATTR: 8, DIR_INDEX: 0x20 } as const;
export const INCOMPAT = {
  FILETYPE: 2, RECOVER: 4, META_BG: 0x10, EXTENTS: 0x40, BIT64: 0x80, MMP: 0x100, FLEX_BG: 0x200, EA_INODE: 0x400,
  CSUM_SEED: 0x2000, LARGEDIR: 0x4000, INLINE_DATA: 0x8000,
} as const;
export const RO_COMPAT = { SPARSE_SUPER: 1, LARGE_FILE: 2, BTREE_DIR: 4 } as const;

const READABLE = INCOMPAT.FILETYPE | INCOMPAT.RECOVER | INCOMPAT.META_BG | INCOMPAT.EXTENTS | INCOMPAT.BIT64 |
  INCOMPAT.MMP | INCOMPAT.FLEX_BG | INCOMPAT.EA_INODE | INCOMPAT.CSUM_SEED | INCOMPAT.LARGEDIR | INCOMPAT.INLINE_DATA;
const WRITABLE = INCOMPAT.FILETYPE | INCOMPAT.META_BG;
const WRITABLE_RO = RO_COMPAT.SPARSE_SUPER | RO_COMPAT.LARGE_FILE | RO_COMPAT.BTREE_DIR;

/** Group descriptor members; the high halves are there when descriptors have 64 bytes. */
export const GD = {
  blockBitmap: 0, inodeBitmap: 4, inodeTable: 8, freeBlocks: 12, freeInodes: 14, usedDirs: 16,
  blockBitmapHigh: 32, inodeBitmapHigh: 36, inodeTableHigh: 40,
} as const;

/** Inode members. The ones from `extraSize` on exist when the inode is larger than 128 bytes and says so. */
export const INODE = {
  mode: 0, uid: 2, size: 4, atime: 8, ctime: 12, mtime: 16, dtime: 20, gid: 24, links: 26, blocks: 28, flags: 32,
  block: 40, generation: 100, fileAcl: 104, sizeHigh: 108, blocksHigh: 116, fileAclHigh: 118, uidHigh: 120,
  gidHigh: 122, extraSize: 128, ctimeExtra: 132, mtimeExtra: 136, atimeExtra: 140, btime: 144, btimeExtra: 148,
} as const;
export const OLD_INODE_SIZE = 128;
/** What extraSize is for a new inode: up to the project id. */
export const EXTRA_SIZE = 32;

export const FLAG = {
  IMMUTABLE: 0x10, APPEND: 0x20, NOATIME: 0x80, INDEX: 0x1000, HUGE_FILE: 0x40000, EXTENTS: 0x80000,
  EA_INODE: 0x200000, INLINE_DATA: 0x1000_0000,
  /**
   * Flags that a file has from its directory (ext2(5)): sync, nodump, noatime and so on; a file not those of
   * directories.
   */
  INHERITED: 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x100 | 0x800 | 0x4000 | 0x10000 | 0x20000,
  VISIBLE: 0x0003_dfff, MODIFIABLE: 0x0003_80ff,
} as const;

export const N_DIRECT = 12;
/** Most links of a file, and so of subdirectories. */
export const LINK_MAX = 32000;

/** The numbers of a superblock that passed the checks. */
export interface Geometry {
  blockSize: number;
  /** log2(blockSize). */
  shift: number;
  blocksCount: number;
  inodesCount: number;
  firstDataBlock: number;
  blocksPerGroup: number;
  inodesPerGroup: number;
  inodeSize: number;
  firstIno: number;
  groups: number;
  descSize: number;
  compat: number;
  incompat: number;
  roCompat: number;
}

/**
 * Checks a superblock as Linux does. A string says what is wrong with it, for the log.
 * `deviceSize` in bytes.
 */
export function readGeometry(view: DataView, deviceSize: number): Geometry | string {
  const u16 = (at: number): number => view.getUint16(at, true);
  const u32 = (at: number): number => view.getUint32(at, true);
  if (u16(SB.magic) !== EXT2_MAGIC) return 'no ext2, ext3 or ext4 file system';
  const log = u32(SB.logBlockSize);
  if (log > 6) return `unsupported block size 2^${10 + log}`;
  const blockSize = 1024 << log;
  const revision = u32(SB.revision);
  const dynamic = revision >= 1;
  const incompat = dynamic ? u32(SB.incompat) : 0;
  const unknown = incompat & ~READABLE;
  if (unknown !== 0) return `unsupported optional features (${(unknown >>> 0).toString(16)})`;
  const bit64 = (incompat & INCOMPAT.BIT64) !== 0;
  const inodeSize = dynamic ? u16(SB.inodeSize) : OLD_INODE_SIZE;
  if (inodeSize < OLD_INODE_SIZE || inodeSize > blockSize || (inodeSize & (inodeSize - 1)) !== 0) {
    return `unsupported inode size ${inodeSize}`;
  }
  const firstIno = dynamic ? u32(SB.firstIno) : 11;
  const inodesCount = u32(SB.inodesCount);
  if (firstIno < 11 || firstIno > inodesCount) return `invalid first inode ${firstIno}`;
  const descSize = bit64 ? u16(SB.descSize) : 32;
  if (descSize < 32 || descSize > 1024 || (descSize & (descSize - 1)) !== 0 || (bit64 && descSize < 64)) {
    return `unsupported descriptor size ${descSize}`;
  }
  const blocksPerGroup = u32(SB.blocksPerGroup), inodesPerGroup = u32(SB.inodesPerGroup);
  if (blocksPerGroup === 0 || blocksPerGroup > blockSize * 8 || blocksPerGroup % 8 !== 0) {
    return `${blocksPerGroup} blocks in a group are not possible`;
  }
  if (inodesPerGroup < blockSize / inodeSize || inodesPerGroup > blockSize * 8) {
    return `${inodesPerGroup} inodes in a group are not possible`;
  }
  const firstDataBlock = u32(SB.firstDataBlock);
  const blocksCount = u32(SB.blocksCount) + (bit64 ? u32(SB.blocksCountHigh) * 2 ** 32 : 0);
  if (firstDataBlock !== (blockSize === 1024 ? 1 : 0)) return `bad geometry: first data block ${firstDataBlock}`;
  if (firstDataBlock >= blocksCount) return `bad geometry: ${blocksCount} blocks`;
  if (blocksCount * blockSize > deviceSize) {
    const there = Math.floor(deviceSize / blockSize);
    return `bad geometry: block count ${blocksCount} exceeds size of device (${there} blocks)`;
  }
  const groups = Math.ceil((blocksCount - firstDataBlock) / blocksPerGroup);
  if (groups * inodesPerGroup !== inodesCount) return `invalid inode count ${inodesCount}`;
  return {
    blockSize, shift: 10 + log, blocksCount, inodesCount, firstDataBlock, blocksPerGroup, inodesPerGroup, inodeSize,
    firstIno, groups, descSize, compat: dynamic ? u32(SB.compat) : 0, incompat,
    roCompat: dynamic ? u32(SB.roCompat) : 0,
  };
}

/** Why such a file system cannot be written; '' when it can. */
export function writeObstacle(geometry: Geometry): string {
  if (geometry.incompat & INCOMPAT.RECOVER) return 'its journal needs recovery (e2fsck)';
  const unknown = (geometry.incompat & ~WRITABLE) | (geometry.roCompat & ~WRITABLE_RO);
  return unknown === 0 ? '' : 'couldn\'t mount RDWR because of unsupported optional features ' +
    `(${(geometry.incompat & ~WRITABLE).toString(16)}, ${(geometry.roCompat & ~WRITABLE_RO).toString(16)})`;
}

/** Does the group hold a copy of the superblock? */
export function hasSuperblock(geometry: Geometry, group: number): boolean {
  if (group <= 1 || !(geometry.roCompat & RO_COMPAT.SPARSE_SUPER)) return true;
  if (group % 2 === 0) return false;
  for (const base of [3, 5, 7]) {
    let power = base;
    while (power < group) power *= base;
    if (power === group) return true;
  }
  return false;
}

/** Corrupt structures are told so (ext4's EFSCORRUPTED). */
export const CORRUPT = -E.UCLEAN;
