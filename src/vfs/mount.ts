/** Mounts, and places in the tree that they make. What is done with them is in mount_tree.ts. */
import { MS } from '../abi/mount.js';
import type { FileSystem, Inode } from './inode.js';
import type { MountNamespace, PeerGroup } from './mount_tree.js';

export { MS };

const DAY = 86400;
let lastId = 0;

/** One mount of a file system (or, bound, of a part of it). */
export class Mount {
  readonly id = ++lastId;
  /** Mounts on directories and files of this mount. null while there are none. */
  children: Map<Inode, Mount> | null = null;
  /** The tree that it is part of; null when it is in none (yet, or any more). */
  namespace: MountNamespace | null = null;
  /** Those that hear of what is mounted here and are heard of (MS_SHARED); those that are only heard of (MS_SLAVE). */
  group: PeerGroup | null = null;
  master: PeerGroup | null = null;
  unbindable = false;
  /** Walks that have come in, and how many they were when MNT_EXPIRE marked the mount. */
  visits = 0;
  expiryMark = -1;

  constructor(
    readonly fs: FileSystem,
    readonly root: Inode,
    public flags: number,
    /** Where this one is mounted; null: the root of the tree. */
    public on: Location | null,
    /** Where `root` was found when it is no directory. */
    readonly rootPlace: Location | null = null,
  ) {}

  get readOnly(): boolean {
    return this.fs.readOnly || (this.flags & MS.RDONLY) !== 0;
  }

  /** Does reading what has these times change the access time (mount(8): noatime, nodiratime, relatime)? */
  updatesAccess(directory: boolean, atime: number, mtime: number, ctime: number, now: number): boolean {
    const { flags } = this;
    if (flags & (MS.NOATIME | MS.RDONLY) || (directory && flags & MS.NODIRATIME) || this.fs.readOnly) return false;
    return !(flags & MS.RELATIME) || atime <= mtime || atime <= ctime || now - atime >= DAY;
  }
}

/**
 * A place in the tree: Linux's struct path. Never changed once made.
 * For what is not a directory, `dir` and `name` say where it was found; a directory knows its parent itself.
 */
export class Location {
  constructor(
    readonly mount: Mount,
    readonly inode: Inode,
    readonly dir: Inode | null = null,
    readonly name: string = '',
  ) {}

  /** The same inode, seen through another mount of its file system. */
  movedTo(mount: Mount): Location {
    return new Location(mount, this.inode, this.dir, this.name);
  }
}
