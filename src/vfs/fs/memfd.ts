/** Anonymous files (memfd_create(2)): inodes of a tmpfs that is mounted nowhere. */
import { O, S } from '../../abi/fcntl.js';
import type { FileCredentials } from '../credentials.js';
import { Location, Mount } from '../mount.js';
import { TmpFile } from './tmp_file.js';
import { TmpFs, TmpInode } from './tmpfs.js';

let mount: Mount | undefined;

/** A new anonymous file with permissions `mode`, open for reading and writing. `seals`: SEAL bits. */
export function createMemfd(name: string, seals: number, mode: number, cred: FileCredentials): TmpFile {
  if (mount === undefined) {
    const fs = new TmpFs({ source: 'memfd' });
    mount = new Mount(fs, fs.root, 0, null);
  }
  const fs = mount.fs as TmpFs;
  const inode = new TmpInode(fs, { mode: S.IFREG | mode, uid: cred.fsuid, gid: cred.fsgid, rdev: 0, target: '' });
  inode.nlink = 0;
  inode.seals = seals;
  return new Memfd(inode, inode.data!, O.RDWR | O.LARGEFILE, new Location(mount, inode), name);
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
