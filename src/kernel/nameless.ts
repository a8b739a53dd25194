/** Places of files that no path leads to: what /proc/PID/fd/N of a pipe leads to, and calls that are given its descriptor. */
import { E } from '../abi/errno.js';
import { ATTR, Inode, Stat, type AttrChange, type FileSystem } from '../vfs/inode.js';
import { Location, Mount } from '../vfs/mount.js';
import type { OpenFile } from '../vfs/open_file.js';
import { PipeFile } from './pipe.js';

const scratch = new Stat();

class NamelessInode extends Inode {
  constructor(readonly fs: FileSystem, private readonly file: OpenFile) {
    super();
  }

  get mode(): number {
    return this.now().mode;
  }
  get uid(): number {
    return this.now().uid;
  }
  get gid(): number {
    return this.now().gid;
  }
  private now(): Stat {
    this.file.stat(scratch);
    return scratch;
  }
  override get opensItself(): boolean {
    return true;
  }
  override stat(out: Stat): number {
    return this.file.stat(out);
  }
  /** The times of pipes and sockets are not kept; eventfds and their kin, which are one inode in Linux, stay as they are. */
  override setattr({ mask, mode, uid, gid }: AttrChange): number {
    const owner = this.file.ownership;
    if (owner === null) return -E.OPNOTSUPP;
    if (mask & ATTR.MODE) owner.mode = mode;
    if (mask & ATTR.UID) owner.uid = uid;
    if (mask & ATTR.GID) owner.gid = gid;
    return 0;
  }
  override open(flags: number): OpenFile | number {
    return this.file instanceof PipeFile ? new PipeFile(this.file.pipe, flags, null) : -E.NXIO;
  }
}

/** A file system of one nameless file, so that the file has a place. */
class NamelessFs implements FileSystem {
  readonly type = 'anon_inodefs';
  readonly source = 'none';
  readonly dev = 0;
  readonly readOnly = false;
  readonly root: Inode;

  constructor(file: OpenFile) {
    this.root = new NamelessInode(this, file);
  }
  statfs(): number {
    return -E.NOSYS;
  }
  sync(): number {
    return 0;
  }
}

/** The place of an open file: where it was opened, or one made for a file that has none. */
export function placeOfFile(file: OpenFile): Location {
  if (file.location !== null) return file.location;
  const fs = new NamelessFs(file);
  return new Location(new Mount(fs, fs.root, 0, null), fs.root, null, file.label);
}
