/** Anonymous files (memfd_create(2)): inodes of a tmpfs that is mounted nowhere. */
import { E } from '../../abi/errno.js';
import { O, S } from '../../abi/fcntl.js';
import type { FileCredentials } from '../credentials.js';
import { Location, Mount } from '../mount.js';
import { hugeMemfdModule } from '../on_demand.js';
import { TmpFile } from './tmp_file.js';
import { TmpFs, TmpInode } from './tmpfs.js';

let mount: Mount | undefined;

/** Sizes of x86-64's huge pages, by their binary logarithm (MFD_HUGE_2MB, MFD_HUGE_1GB). */
const SIZES = [21, 30];

/** Bytes of a huge page for the bits of MFD_HUGE_*; -ENODEV: the CPU has no such pages. */
export function hugePageSize(log: number): number {
  return log === 0 ? 2 ** 21 : SIZES.includes(log) ? 2 ** log : -E.NODEV;
}

function anonymousMount(): Mount {
  if (mount === undefined) {
    const fs = new TmpFs({ source: 'memfd' });
    mount = new Mount(fs, fs.root, 0, null);
  }
  return mount;
}

/** As createMemfd, in huge pages of `pageSize` bytes, of which there are none. */
export function createHugeMemfd(
  name: string, seals: number, mode: number, cred: FileCredentials, pageSize: number,
): TmpFile {
  const { HugeInode, HugeMemfd } = hugeMemfdModule();
  const place = anonymousMount();
  const inode = new HugeInode(place.fs as TmpFs, mode, cred.fsuid, cred.fsgid, pageSize);
  inode.nlink = 0;
  inode.seals = seals;
  return new HugeMemfd(inode, inode.data!, O.RDWR | O.LARGEFILE, new Location(place, inode), name);
}

/** A new anonymous file with permissions `mode`, open for reading and writing. `seals`: SEAL bits. */
export function createMemfd(name: string, seals: number, mode: number, cred: FileCredentials): TmpFile {
  const place = anonymousMount();
  const fs = place.fs as TmpFs;
  const inode = new TmpInode(fs, { mode: S.IFREG | mode, uid: cred.fsuid, gid: cred.fsgid, rdev: 0, target: '' });
  inode.nlink = 0;
  inode.seals = seals;
  return new Memfd(inode, inode.data!, O.RDWR | O.LARGEFILE, new Location(place, inode), name);
}

export class Memfd extends TmpFile {
  constructor(
    node: TmpInode, data: NonNullable<TmpInode['data']>, flags: number, location: Location,
    private readonly memfdName: string,
  ) {
    super(node, data, flags, location);
  }
  override get label(): string {
    return `/memfd:${this.memfdName} (deleted)`;
  }
}
