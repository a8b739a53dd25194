/** memfd_create(2) with MFD_HUGETLB, as on a system that has set no huge pages aside: sizes and seals, but no bytes. */
import { E } from '../../abi/errno.js';
import { S } from '../../abi/fcntl.js';
import { SEAL } from '../../abi/file.js';
import type { Stat } from '../inode.js';
import type { Location } from '../mount.js';
import { Memfd } from './memfd.js';
import { TmpInode, type TmpFs } from './tmpfs.js';

const FALLOC_PUNCH_HOLE = 2;
export class HugeInode extends TmpInode {
  constructor(fs: TmpFs, mode: number, uid: number, gid: number, readonly pageSize: number) {
    super(fs, { mode: S.IFREG | mode, uid, gid, rdev: 0, target: '' });
  }
  override stat(out: Stat): number {
    const failed = super.stat(out);
    out.blksize = this.pageSize;
    return failed;
  }
  override open(flags: number, location: Location): HugeMemfd {
    return new HugeMemfd(this, this.data!, flags, location, '');
  }
  override resize(size: number): number {
    return size % this.pageSize !== 0 ? -E.INVAL : super.resize(size);
  }
  override mapFd(): number {
    return -E.NOMEM;
  }
}

export class HugeMemfd extends Memfd {
  protected override store(): number {
    return -E.INVAL;
  }
  override fallocate(mode: number, offset: number, length: number): number {
    if (mode & ~3) return -E.OPNOTSUPP;
    const { seals } = this.node;
    const punch = (mode & FALLOC_PUNCH_HOLE) !== 0;
    if (punch) return seals & (SEAL.WRITE | SEAL.FUTURE_WRITE) ? -E.PERM : 0;
    if (seals & SEAL.GROW && offset + length > this.size) return -E.PERM;
    return -E.NOSPC;
  }
  override mapFd(): number {
    return -E.NOMEM;
  }
  override storageFd(): number {
    return -1;
  }
}
