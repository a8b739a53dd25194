/** Regular files of FAT: at most 4 GiB - 1, without holes. */
import { E } from '../../../abi/errno.js';
import { O } from '../../../abi/fcntl.js';
import { MappedCopy, type StoredFile } from '../../mapped_copy.js';
import type { Location } from '../../mount.js';
import { type OpenFile, SEEK, type UserMemory } from '../../open_file.js';
import { PositionedFile } from '../../positioned_file.js';
import type { FatFs } from './fat.js';
import { ClusterChain, readSpace, writeSpace, zeroSpace } from './chain.js';
import { FatInode } from './inode.js';
import { fatIoctl } from './ioctl.js';
import { ATTRIBUTE } from './listing.js';

/** The largest size that an entry can say. */
export const MOST_BYTES = 0xffffffff;
const FALLOC_KEEP_SIZE = 1;

export class FatRegular extends FatInode implements StoredFile {
  readonly space: ClusterChain;
  /** What is mapped, once something was. */
  private copy: MappedCopy | null = null;
  /** Clusters may lie behind the end, made by fallocate(2), until the last close. */
  private ahead = false;

  constructor(fs: FatFs, ino: number, first: number, public size: number) {
    super(fs, ino);
    this.space = fs.chain(first, MOST_BYTES);
  }

  override get first(): number {
    return this.space.first;
  }
  override get nlink(): number {
    return 1;
  }

  override open(flags: number, location: Location): OpenFile {
    return new FatFile(this, flags, location);
  }

  /** The count, or -errno. */
  readAt(u8: Uint8Array, start: number, length: number, position: number): number {
    const count = Math.min(length, this.size - position);
    if (count <= 0) return 0;
    if (this.copy !== null) return this.copy.read(u8, start, count, position);
    const failed = this.readStored(u8, start, count, position);
    return failed < 0 ? failed : count;
  }

  /** The count, which is smaller when the device or the file is full; -ENOSPC, -EFBIG when nothing can be written. */
  writeAt(u8: Uint8Array, start: number, length: number, position: number): number {
    if (this.fs.readOnly) return -E.ROFS;
    if (length === 0) return 0;
    if (position >= MOST_BYTES) return -E.FBIG;
    if (position > this.size) {
      const failed = this.extend(position);
      if (failed < 0) return failed;
    }
    const room = this.reserve(Math.min(position + length, MOST_BYTES), true);
    if (room < 0) return room;
    const count = Math.min(length, room - position, MOST_BYTES - position);
    if (count <= 0) return -E.NOSPC;
    const failed = this.writeStored(u8, start, count, position);
    if (failed < 0) return failed;
    this.copy?.wrote(u8, start, count, position);
    if (position + count > this.size) this.size = position + count;
    this.attributes |= ATTRIBUTE.ARCHIVE;
    this.stampModify();
    return count;
  }

  override resize(size: number): number {
    if (this.fs.readOnly) return -E.ROFS;
    if (size > MOST_BYTES) return -E.FBIG;
    if (size > this.size) return this.extend(size);
    const { clusterSize } = this.fs.geometry;
    const keep = Math.ceil(size / clusterSize);
    this.size = size;
    this.copy?.resized(size);
    this.attributes |= ATTRIBUTE.ARCHIVE;
    if (this.first === 0) return 0;
    return this.cut(keep);
  }

  /** Clusters for `size` bytes, whatever the size is (FALLOC_FL_KEEP_SIZE). */
  preallocate(size: number): number {
    if (size > MOST_BYTES) return -E.FBIG;
    const reserved = this.reserve(size, false);
    if (reserved < 0) return reserved;
    this.ahead = true;
    return 0;
  }

  /** Zeros up to a new size. */
  extend(size: number): number {
    if (this.fs.readOnly) return -E.ROFS;
    if (size > MOST_BYTES) return -E.FBIG;
    const reserved = this.reserve(size, false);
    if (reserved < 0) return reserved;
    const failed = zeroSpace(this.fs.device, this.space, this.size, size - this.size);
    if (failed < 0) return failed;
    this.size = size;
    this.copy?.resized(size);
    this.attributes |= ATTRIBUTE.ARCHIVE;
    return 0;
  }

  readStored(u8: Uint8Array, start: number, length: number, position: number): number {
    return readSpace(this.fs.device, this.space, u8, start, length, position);
  }
  writeStored(u8: Uint8Array, start: number, length: number, position: number): number {
    return writeSpace(this.fs.device, this.space, u8, start, length, position);
  }
  nextData(position: number): number {
    return position;
  }
  mappingWrote(): void {
    this.attributes |= ATTRIBUTE.ARCHIVE;
    this.stampModify();
  }
  override mapFd(writable: boolean): number {
    if (this.copy === null) {
      const made = MappedCopy.of(this, MOST_BYTES);
      if (typeof made === 'number') return made;
      this.copy = made;
      this.fs.copies.add(this);
    }
    return this.copy.mapFd(writable);
  }
  /** What was stored through mappings is written to the device. 0 or -errno. */
  syncMapped(): number {
    return this.copy === null ? 0 : this.copy.writeBack(false);
  }

  override pin(): void {
    this.opens++;
    this.fs.opens++;
  }
  override unpin(): void {
    this.closed(false);
  }
  /** An open file description is closed. */
  closed(written: boolean): number {
    this.fs.opens--;
    if (written) this.fs.writers--;
    if (--this.opens > 0) return 0;
    let failed = 0;
    if (this.copy !== null) {
      if (!this.unlinked) failed = this.copy.writeBack(true);
      this.copy.free();
      this.copy = null;
      this.fs.copies.delete(this);
    }
    if (this.unlinked) {
      this.release();
    } else {
      if (this.ahead) {
        this.ahead = false;
        failed ||= this.cut(Math.ceil(this.size / this.fs.geometry.clusterSize));
      }
      if (written) failed ||= this.flush();
    }
    this.fs.fileClosed();
    return failed;
  }

  override release(): void {
    this.size = 0;
    this.space.cut(0);
  }

  /** Takes the chain off behind `count` clusters. The entry is written first: none leads to what others may get. */
  private cut(count: number): number {
    if (count > 0) {
      let written = this.unlinked ? 0 : this.fs.table.flush();
      written ||= this.writeEntry();
      return written < 0 ? written : this.space.cut(count);
    }
    const first = this.space.first;
    if (!this.unlinked) {
      this.space.first = 0;
      const written = this.writeEntry();
      this.space.first = first;
      if (written < 0) return written;
    }
    return this.space.cut(0);
  }

  /** Makes clusters for `size` bytes, or with `partly` for some of them. How many bytes they hold, or -errno. */
  private reserve(size: number, partly: boolean): number {
    const { clusterSize } = this.fs.geometry;
    const have = this.space.count();
    if (have < 0) return have;
    const need = Math.ceil(size / clusterSize) - have;
    if (need <= 0) return have * clusterSize;
    const grown = this.space.grow(need);
    if (grown >= 0) return (have + need) * clusterSize;
    const free = this.fs.table.free;
    if (grown !== -E.NOSPC || !partly) return grown;
    const some = free > 0 ? this.space.grow(Math.min(free, need)) : 0;
    return some < 0 ? some : (have + Math.max(0, Math.min(free, need))) * clusterSize;
  }
}

/** An open regular file. */
class FatFile extends PositionedFile {
  constructor(readonly node: FatRegular, flags: number, override readonly location: Location) {
    super(flags, location);
    node.opens++;
    node.fs.opens++;
    if (this.canWrite) node.fs.writers++;
  }

  protected override get size(): number {
    return this.node.size;
  }
  override pread(u8: Uint8Array, start: number, length: number, position: number): number {
    const got = this.node.readAt(u8, start, length, position);
    if (got >= 0 && length > 0 && !(this.flags & O.NOATIME)) this.node.stampAccess(this.location.mount);
    return got;
  }
  protected override store(u8: Uint8Array, start: number, length: number, position: number): number {
    const wrote = this.node.writeAt(u8, start, length, position);
    if (wrote <= 0 || !(this.flags & O.DSYNC)) return wrote;
    const failed = this.sync();
    return failed < 0 ? failed : wrote;
  }

  protected override seekData(offset: number, whence: number): number {
    const { size } = this.node;
    if (offset < 0 || offset >= size) return -E.NXIO;
    return whence === SEEK.DATA ? offset : size;
  }
  protected override checkPosition(position: number): number {
    return position > MOST_BYTES ? -E.INVAL : 0;
  }
  override truncate(size: number): number {
    const failed = this.node.resize(size);
    if (failed >= 0) this.node.stampModify();
    return failed;
  }
  override fallocate(mode: number, offset: number, length: number): number {
    const { node } = this;
    if (mode & ~FALLOC_KEEP_SIZE) return -E.OPNOTSUPP;
    if (node.fs.readOnly) return -E.ROFS;
    const end = offset + length;
    if (end > MOST_BYTES) return -E.FBIG;
    if (end <= node.size) return 0;
    if (mode & FALLOC_KEEP_SIZE) return node.preallocate(end);
    const failed = node.extend(end);
    if (failed >= 0) node.stampModify();
    return failed;
  }
  override sync(): number {
    const failed = this.node.syncMapped() || this.node.flush();
    return failed < 0 ? failed : this.node.fs.settle();
  }
  override syncMapped(): number {
    return this.node.syncMapped();
  }
  override ioctl(request: number, arg: number, memory: UserMemory): number {
    return fatIoctl(this.node, request, arg, memory);
  }
  protected override closed(): number {
    return this.node.closed(this.canWrite);
  }
}
