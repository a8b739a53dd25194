/**
 * Hard links of lower files that were copied up: all their names mean the copy, in this run and in later ones. The copy
 * has one more name, in the work directory, that says which lower file it stands for (Linux's index feature).
 */
import { S } from '../../abi/fcntl.js';
import { Stat } from '../inode.js';
import type { Inode } from '../inode.js';
import { lowerLinks, namesIn, setLowerLinks } from './overlay_marks.js';

const scratch = new Stat();

interface Links {
  readonly copy: Inode;
  readonly key: string;
  /** Names that only the lower layer has. */
  lower: number;
}

export class OverlayLinks {
  /** By the key of the lower file, and by the identity of the copy. */
  private readonly byKey = new Map<string, Links>();
  private readonly byCopy = new Map<unknown, Links>();
  /** How many names of files not copied up were removed, by key. In the index, a symbolic link says so. */
  private readonly removed = new Map<string, number>();

  /** `index`: a directory for the additional names; null: nothing is ever changed. */
  constructor(private readonly index: Inode | null) {
    if (index === null) return;
    for (const key of namesIn(index)) {
      const entry = index.lookup(key);
      if (typeof entry === 'number') continue;
      if (entry.type !== S.IFLNK) this.remember({ copy: entry, key, lower: lowerLinks(entry) });
      else this.removed.set(key, Number(entry.readlink()) || 0);
    }
  }

  get empty(): boolean {
    return this.byCopy.size === 0 && this.removed.size === 0;
  }

  /** The copy of a lower file of an earlier run. */
  copyOf(lower: Inode): Inode | undefined {
    if (this.byKey.size === 0) return undefined;
    return lower.stat(scratch) < 0 || scratch.nlink < 2 ? undefined : this.byKey.get(keyOf(scratch))?.copy;
  }

  /** `copy` is going to stand for `lower`, which has `nlink` names. 0 or -errno. */
  add(lower: Inode, nlink: number, copy: Inode): number {
    if (lower.stat(scratch) < 0) return 0;
    const key = keyOf(scratch);
    const names = nlink - (this.removed.get(key) ?? 0) - 1;
    if (names <= 0) return 0;
    setLowerLinks(copy, names);
    if (this.removed.delete(key)) this.index!.unlink(key);
    const failed = this.index!.link(key, copy);
    if (failed >= 0) this.remember({ copy, key, lower: names });
    return failed;
  }

  /** Makes what stat told of a file that has names in both layers right: the one of the index is none. */
  correct(shown: Inode, out: Stat): void {
    const links = this.byCopy.get(shown.identity);
    if (links !== undefined) out.nlink += links.lower - 1;
    else if (this.removed.size > 0 && out.nlink > 1) out.nlink -= this.removed.get(keyOf(out)) ?? 0;
  }

  has(copy: Inode): boolean {
    return this.byCopy.has(copy.identity);
  }

  /** A name of the file is gone: one that only the lower layer had, or one of the copy's. */
  drop(shown: Inode, ofLower: boolean): void {
    const links = this.byCopy.get(shown.identity);
    if (links === undefined) {
      if (ofLower && shown.stat(scratch) >= 0 && scratch.nlink > 1) this.dropLower(keyOf(scratch), scratch.nlink);
      return;
    }
    if (ofLower) setLowerLinks(links.copy, --links.lower);
    if (links.lower > 0 || links.copy.stat(scratch) < 0 || scratch.nlink > 1) return;
    this.byCopy.delete(shown.identity);
    this.byKey.delete(links.key);
    this.index!.unlink(links.key);
  }

  private dropLower(key: string, nlink: number): void {
    const before = this.removed.get(key) ?? 0;
    if (before > 0) this.index!.unlink(key);
    if (before + 1 >= nlink) {
      this.removed.delete(key);
      return;
    }
    this.removed.set(key, before + 1);
    this.index!.create(key, { mode: S.IFLNK | 0o777, uid: 0, gid: 0, rdev: 0, target: String(before + 1) });
  }

  private remember(links: Links): void {
    this.byKey.set(links.key, links);
    this.byCopy.set(links.copy.identity, links);
  }
}

/** The same in every run while the file is there: not the device, whose number a restart may change. */
function keyOf(stat: Stat): string {
  return [stat.ino, stat.btime, stat.btimeNsec].map((number) => number.toString(16)).join('-');
}
