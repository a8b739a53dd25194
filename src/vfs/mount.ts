/** Mounted file systems, and places in the tree that they make. */
import type { FileSystem, Inode } from './inode.js';

/** Mount flags of mount(2). */
export const MS = { RDONLY: 1, NOSUID: 2, NODEV: 4, NOEXEC: 8, NOATIME: 1024, RELATIME: 1 << 21 } as const;

let lastId = 0;

/** One mount of a file system (or, bound, of a part of it). */
export class Mount {
  readonly id = ++lastId;
  /** Mounts on directories and files of this mount. null while there are none. */
  children: Map<Inode, Mount> | null = null;

  constructor(
    readonly fs: FileSystem,
    readonly root: Inode,
    public flags: number,
    /** Where this one is mounted; null: the root of the tree. */
    public on: Location | null,
  ) {}

  get readOnly(): boolean {
    return this.fs.readOnly || (this.flags & MS.RDONLY) !== 0;
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
