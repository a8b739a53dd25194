/** An open directory: a snapshot of its entries, taken when reading starts (again) at position 0. */
import { E } from '../abi/errno.js';
import { O, S } from '../abi/fcntl.js';
import type { DirSink } from './inode.js';
import { Listing } from './listing.js';
import type { Location } from './mount.js';
import { OpenFile, SEEK } from './open_file.js';

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
    if (to === 0) this.forget();
    return to;
  }

  override readdir(sink: DirSink): number {
    const listing = this.fill();
    if (typeof listing === 'number') return listing;
    while (this.position < listing.count && listing.tell(this.position, sink)) this.position++;
    return 0;
  }

  override getdents(u8: Uint8Array, start: number, length: number): number {
    const listing = this.fill();
    if (typeof listing === 'number') return listing;
    if (this.position >= listing.count) return 0;
    const count = listing.fitting(this.position, length);
    if (count === 0) return -E.INVAL;
    const bytes = listing.copy(this.position, count, u8, start);
    this.position += count;
    return bytes;
  }

  private forget(): void {
    this.listing?.giveBack();
    this.listing = null;
  }
  protected override closed(): number {
    this.forget();
    return 0;
  }

  /** The snapshot, taken now if there is none. */
  private fill(): Listing | number {
    const inode = this.location.inode;
    if (inode.removed) return -E.NOENT;
    if (this.listing === null) {
      const listing = Listing.take();
      listing.entry('.', inode.number, S.IFDIR);
      listing.entry('..', (inode.parent ?? inode).number, S.IFDIR);
      const failed = inode.readdir(0, listing);
      if (failed < 0) return failed;
      this.listing = listing;
      if (!(this.flags & O.NOATIME)) inode.stampAccess(this.location.mount);
    }
    return this.listing;
  }

  override sync(): number {
    return this.location.inode.syncDirectory();
  }
}
