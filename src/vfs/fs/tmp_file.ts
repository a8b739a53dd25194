/** Open regular files of a tmpfs, with their seals (fcntl(2)). */
import { E } from '../../abi/errno.js';
import { O } from '../../abi/fcntl.js';
import { SEAL } from '../../abi/file.js';
import type { Inode } from '../inode.js';
import type { Location } from '../mount.js';
import { OpenFile, SEEK } from '../open_file.js';
import { MAX_SIZE, type FileData } from './tmp_data.js';
import type { TmpInode } from './tmpfs.js';

const FALLOC_PUNCH_HOLE = 2;

/** An open regular file of a tmpfs. */
export class TmpFile extends OpenFile {
  private position = 0;

  constructor(readonly node: TmpInode, private readonly data: FileData, flags: number, location: Location) {
    super(flags, location);
    node.opens++;
  }

  override get inode(): Inode {
    return this.node;
  }
  override get seekable(): boolean {
    return true;
  }
  override read(u8: Uint8Array, start: number, length: number): number {
    const got = this.pread(u8, start, length, this.position);
    if (got > 0) this.position += got;
    return got;
  }
  override write(u8: Uint8Array, start: number, length: number): number {
    if (this.flags & O.APPEND) this.position = this.data.size;
    const wrote = this.store(u8, start, length, this.position);
    if (wrote > 0) this.position += wrote;
    return wrote;
  }
  override pread(u8: Uint8Array, start: number, length: number, position: number): number {
    const got = this.data.read(u8, start, length, position);
    if (got >= 0 && length > 0 && !(this.flags & O.NOATIME)) this.node.stampAccess(this.location!.mount);
    return got;
  }
  override pwrite(u8: Uint8Array, start: number, length: number, position: number): number {
    return this.store(u8, start, length, this.flags & O.APPEND ? this.data.size : position);
  }

  private store(u8: Uint8Array, start: number, length: number, position: number): number {
    if (length === 0) return 0;
    const { seals } = this.node;
    if (seals & (SEAL.WRITE | SEAL.FUTURE_WRITE)) return -E.PERM;
    if (seals & SEAL.GROW && position + length > this.data.size) {
      // Linux refuses the page that would grow the file, and writes those before it.
      length = Math.floor(this.data.size / 4096) * 4096 - position;
      if (length <= 0) return -E.PERM;
    }
    const wrote = this.data.write(u8, start, length, position);
    if (wrote > 0) this.node.stampModify();
    return wrote;
  }

  override seek(offset: number, whence: number): number {
    let to: number;
    switch (whence) {
      case SEEK.SET: to = offset; break;
      case SEEK.CUR: to = this.position + offset; break;
      case SEEK.END: to = this.data.size + offset; break;
      case SEEK.DATA:
      case SEEK.HOLE:
        to = this.data.seek(offset, whence);
        if (to < 0) return to;
        break;
      default: return -E.INVAL;
    }
    if (!(to >= 0)) return -E.INVAL;
    if (to > MAX_SIZE) return -E.OVERFLOW;
    this.position = to;
    return to;
  }
  override truncate(size: number): number {
    return this.node.resize(size);
  }
  override fallocate(mode: number, offset: number, length: number): number {
    const { seals } = this.node;
    if (offset + length > MAX_SIZE) return -E.FBIG;
    if (seals & (SEAL.WRITE | SEAL.FUTURE_WRITE) && mode & FALLOC_PUNCH_HOLE) return -E.PERM;
    if (seals & SEAL.GROW && !(mode & FALLOC_PUNCH_HOLE) && offset + length > this.data.size) return -E.PERM;
    const failed = this.data.fallocate(mode, offset, length);
    if (failed >= 0) this.node.stampModify();
    return failed;
  }
  override seals(): number {
    return this.node.seals;
  }
  override addSeals(add: number, mapped: boolean): number {
    const { node } = this;
    if (!this.canWrite || node.seals & SEAL.SEAL) return -E.PERM;
    if (add & SEAL.EXEC && node.mode & 0o111) add |= SEAL.SHRINK | SEAL.GROW | SEAL.WRITE | SEAL.FUTURE_WRITE;
    if (mapped && add & SEAL.WRITE && !(node.seals & SEAL.WRITE)) return -E.BUSY;
    node.seals |= add;
    return 0;
  }
  override mapFd(): number {
    return this.data.mapFd();
  }
  override storageFd(): number {
    return this.data.mapFd();
  }
  override sync(): number {
    return 0;
  }
  protected override closed(): number {
    this.node.opens--;
    this.node.freeUnused();
    return 0;
  }
}
