/** Open regular files of a tmpfs, with their seals (fcntl(2)). */
import { E } from '../../abi/errno.js';
import { O } from '../../abi/fcntl.js';
import { INODE_FLAG, SEAL } from '../../abi/file.js';
import type { Inode } from '../inode.js';
import type { Location } from '../mount.js';
import { PositionedFile } from '../positioned_file.js';
import { MAX_SIZE, type FileData } from './tmp_data.js';
import type { TmpInode } from './tmpfs.js';

const FALLOC_KEEP_SIZE = 1, FALLOC_PUNCH_HOLE = 2;
/** The host clears some 400 MB a second. */
const ALLOCATION_STEP = 1 << 24;

/** An open regular file of a tmpfs. */
export class TmpFile extends PositionedFile {
  constructor(readonly node: TmpInode, private readonly data: FileData, flags: number, location: Location) {
    super(flags, location);
    node.opens++;
  }

  override get inode(): Inode {
    return this.node;
  }
  protected override get size(): number {
    return this.data.size;
  }
  override pread(u8: Uint8Array, start: number, length: number, position: number): number {
    const got = this.data.read(u8, start, length, position);
    if (got >= 0 && length > 0 && !(this.flags & O.NOATIME)) this.node.stampAccess(this.location!.mount);
    return got;
  }
  protected override store(u8: Uint8Array, start: number, length: number, position: number): number {
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

  protected override seekData(offset: number, whence: number): number {
    return this.data.seek(offset, whence);
  }
  override truncate(size: number): number {
    return this.node.resize(size);
  }
  override fallocate(mode: number, offset: number, length: number): number {
    const { seals } = this.node;
    if (offset + length > MAX_SIZE) return -E.FBIG;
    if (this.node.flags & INODE_FLAG.IMMUTABLE) return -E.PERM;
    if (this.node.flags & INODE_FLAG.APPEND && mode & ~FALLOC_KEEP_SIZE) return -E.PERM;
    if (seals & (SEAL.WRITE | SEAL.FUTURE_WRITE) && mode & FALLOC_PUNCH_HOLE) return -E.PERM;
    if (seals & SEAL.GROW && !(mode & FALLOC_PUNCH_HOLE) && offset + length > this.data.size) return -E.PERM;
    const failed = this.data.fallocate(mode, offset, length);
    if (failed >= 0) this.node.stampModify();
    return failed;
  }
  override allocationStep(mode: number, offset: number, length: number): number {
    if (length <= ALLOCATION_STEP || mode & ~FALLOC_KEEP_SIZE || offset + length > MAX_SIZE) return Infinity;
    return this.data.hasRoom(offset, offset + length) ? ALLOCATION_STEP : -E.NOSPC;
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
