/**
 * Hard links of lower files that were copied up: all their names mean the copy, in this run and in later ones. The copy
 * has one more name, in the work directory, that says which lower file it stands for (Linux's index feature).
 */
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
  /** Names of files not copied up that were removed, by the identity of the file. */
  private readonly removed = new Map<unknown, number>();

  /** `index`: a directory for the additional names; null: nothing is ever copied up. */
  constructor(private readonly index: Inode | null) {
    if (index === null) return;
    for (const key of namesIn(index)) {
      const copy = index.lookup(key);
      if (typeof copy !== 'number') this.remember({ copy, key, lower: lowerLinks(copy) });
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
    const names = nlink - (this.removed.get(lower.identity) ?? 0) - 1;
    if (names <= 0) return 0;
    setLowerLinks(copy, names);
    const failed = this.index!.link(key, copy);
    if (failed >= 0) this.remember({ copy, key, lower: names });
    return failed;
  }

  /** What stat shows: names of both layers, the one of the index not among them. */
  nlink(shown: Inode, nlink: number): number {
    const links = this.byCopy.get(shown.identity);
    if (links !== undefined) return nlink - 1 + links.lower;
    return nlink - (this.removed.get(shown.identity) ?? 0);
  }

  has(copy: Inode): boolean {
    return this.byCopy.has(copy.identity);
  }

  /** A name of the file is gone: one that only the lower layer had, or one of the copy's. */
  drop(shown: Inode, ofLower: boolean): void {
    const links = this.byCopy.get(shown.identity);
    if (links === undefined) {
      if (ofLower && shown.stat(scratch) >= 0 && scratch.nlink > 1) {
        this.removed.set(shown.identity, (this.removed.get(shown.identity) ?? 0) + 1);
      }
      return;
    }
    if (ofLower) setLowerLinks(links.copy, --links.lower);
    if (links.lower > 0 || links.copy.stat(scratch) < 0 || scratch.nlink > 1) return;
    this.byCopy.delete(shown.identity);
    this.byKey.delete(links.key);
    this.index!.unlink(links.key);
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
