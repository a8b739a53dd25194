/** An open directory: a snapshot of its entries, taken when reading starts (again) at position 0. */
import { E } from '../abi/errno.js';
import { O, S } from '../abi/fcntl.js';
import { Stat } from './inode.js';
import type { DirSink, Inode } from './inode.js';
import type { Location } from './mount.js';
import { OpenFile, SEEK } from './open_file.js';

/** Collects all entries of a directory. */
class Listing implements DirSink {
  readonly names: string[] = [];
  readonly inos: number[] = [];
  readonly types: number[] = [];

  entry(name: string, ino: number, type: number): boolean {
    this.names.push(name);
    this.inos.push(ino);
    this.types.push(type);
    return true;
  }
}

/**
 * Positions are indexes into the snapshot, '.' and '..' first; so entries that come or go meanwhile neither shift the
 * others nor show twice (readdir(3) leaves open whether they show at all).
 */
export class DirectoryFile extends OpenFile {
  private listing: Listing | null = null;
  private position = 0;

  constructor(flags: number, override readonly location: Location) {
    super(flags, location);
  }

  override read(): number {
    return -E.ISDIR;
  }
  override pread(): number {
    return -E.ISDIR;
  }
  override get seekable(): boolean {
    return true;
  }

  override seek(offset: number, whence: number): number {
    const to = whence === SEEK.SET ? offset : whence === SEEK.CUR ? this.position + offset : -1;
    if (!Number.isInteger(to) || to < 0) return -E.INVAL;
    this.position = to;
    if (to === 0) this.listing = null;
    return to;
  }

  override readdir(sink: DirSink): number {
    const inode = this.location.inode;
    if (inode.removed) return -E.NOENT;
    if (this.listing === null) {
      const listing = new Listing();
      listing.entry('.', inodeNumber(inode), S.IFDIR);
      listing.entry('..', inodeNumber(inode.parent ?? inode), S.IFDIR);
      const failed = inode.readdir(0, listing);
      if (failed < 0) return failed;
      this.listing = listing;
      if (!(this.flags & O.NOATIME)) inode.stampAccess(this.location.mount);
    }
    const { names, inos, types } = this.listing;
    while (this.position < names.length) {
      const at = this.position;
      if (!sink.entry(names[at]!, inos[at]!, types[at]!, at + 1)) break;
      this.position = at + 1;
    }
    return 0;
  }

  override sync(): number {
    return 0;
  }
}

const scratch = new Stat();

function inodeNumber(inode: Inode): number {
  return inode.stat(scratch) < 0 ? 0 : scratch.ino;
}
