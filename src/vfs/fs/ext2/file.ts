/** Open regular files of ext2, and what is mapped of them. */
import { E } from '../../../abi/errno.js';
import { O } from '../../../abi/fcntl.js';
import type { Inode } from '../../inode.js';
import { MappedCopy, type StoredFile } from '../../mapped_copy.js';
import type { Location } from '../../mount.js';
import { SEEK } from '../../open_file.js';
import { PositionedFile } from '../../positioned_file.js';
import { readBytes, resize, seekData, writeBytes } from './data.js';
import type { Ext2Inode } from './inode.js';

/** The bytes of a file as the image has them, and the copy that is mapped. */
export class FileBytes implements StoredFile {
  constructor(private readonly inode: Ext2Inode) {}

  get size(): number {
    return this.inode.size;
  }
  readStored(u8: Uint8Array, start: number, length: number, position: number): number {
    const got = readBytes(this.inode, u8, start, length, position);
    return got < 0 ? got : got < length ? -E.IO : 0;
  }
  writeStored(u8: Uint8Array, start: number, length: number, position: number): number {
    const wrote = writeBytes(this.inode, u8, start, length, position);
    return wrote < 0 ? wrote : wrote < length ? -E.NOSPC : 0;
  }
  nextData(position: number): number {
    return seekData(this.inode, position, false);
  }
  mappingWrote(): void {
    this.inode.stampModify();
  }

  mapFd(writable: boolean): number {
    const { inode } = this;
    if (inode.copy === null) {
      const made = MappedCopy.of(this, inode.fs.device.size);
      if (typeof made === 'number') return made;
      inode.copy = made;
      inode.fs.copies.add(inode);
    }
    return inode.copy.mapFd(writable);
  }
}

export class Ext2File extends PositionedFile {
  private readonly writes: boolean;
  /** Something was written that may be in memory only. */
  private wrote = false;

  constructor(readonly node: Ext2Inode, flags: number, location: Location) {
    super(flags, location);
    node.opens++;
    node.fs.opens++;
    this.writes = this.canWrite;
    if (this.writes) {
      node.writers++;
      node.fs.writers++;
    }
  }

  override get inode(): Inode {
    return this.node;
  }
  protected override get size(): number {
    return this.node.size;
  }
  override pread(u8: Uint8Array, start: number, length: number, position: number): number {
    const { node } = this;
    const failed = node.fs.beforeRead();
    if (failed < 0) return failed;
    const got = node.copy === null
      ? readBytes(node, u8, start, length, position) : node.copy.read(u8, start, length, position);
    if (got >= 0 && length > 0 && !(this.flags & O.NOATIME)) node.stampAccess(this.location!.mount);
    return got;
  }
  protected override store(u8: Uint8Array, start: number, length: number, position: number): number {
    const { node } = this;
    const failed = node.fs.beforeChange();
    if (failed < 0) return failed;
    const wrote = writeBytes(node, u8, start, length, position);
    if (wrote > 0) {
      this.wrote = true;
      node.copy?.wrote(u8, start, wrote, position);
      if (this.flags & O.DSYNC) {
        const unsafe = this.sync();
        if (unsafe < 0) return unsafe;
      }
    }
    return wrote;
  }

  protected override seekData(offset: number, whence: number): number {
    const { size } = this.node;
    if (offset < 0 || offset >= size) return -E.NXIO;
    const to = seekData(this.node, offset, whence === SEEK.HOLE);
    return to >= size && whence === SEEK.DATA ? -E.NXIO : to;
  }
  override truncate(size: number): number {
    const failed = this.node.fs.beforeChange();
    return failed < 0 ? failed : resize(this.node, size);
  }
  /** As Linux's ext2, which has none. */
  override fallocate(): number {
    return -E.OPNOTSUPP;
  }
  override sync(): number {
    const { node } = this;
    const failed = this.syncMapped();
    return failed < 0 ? failed : node.fs.syncData();
  }
  override syncMapped(): number {
    const { node } = this;
    return node.copy === null || node.fs.readOnly ? 0 : node.copy.writeBack(false);
  }
  override mapFd(writable: boolean): number {
    const failed = this.node.fs.beforeRead();
    return failed < 0 ? failed : new FileBytes(this.node).mapFd(writable);
  }

  protected override closed(): number {
    const { node } = this;
    node.opens--;
    node.fs.opens--;
    if (this.writes) {
      node.writers--;
      node.fs.writers--;
    }
    const failed = this.wrote && node.links > 0 ? node.fs.written() : 0;
    return node.opens > 0 ? failed : Math.min(failed, node.fs.lastClose(node));
  }
}
