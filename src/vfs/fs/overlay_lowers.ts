/** The read-only layers of an overlay: what they have under a name, with the redirects of directories that were moved. */
import { E } from '../../abi/errno.js';
import { S } from '../../abi/fcntl.js';
import type { Inode } from '../inode.js';
import { isOpaque, isWhiteout, redirectOf } from './overlay_marks.js';

export class LowerLayers {
  /** In which layer a directory is; 0 is the topmost. Those of the lowest are not kept. */
  private readonly numbers = new WeakMap<Inode, number>();
  private readonly lowest: number;

  /** `roots`: the topmost first. */
  constructor(readonly roots: readonly Inode[]) {
    this.lowest = roots.length - 1;
    for (let number = 0; number < this.lowest; number++) this.numbers.set(roots[number]!, number);
  }

  /** Whether no layer is below the one that the directory is in. */
  isLowest(directory: Inode): boolean {
    return this.lowest <= 0 || !this.numbers.has(directory);
  }

  /**
   * What directories of layers (the topmost first) have under a name: one file, or directories to merge; empty for
   * nothing. What lies below a directory with a redirect is looked for where that leads. -errno.
   */
  lookup(directories: readonly Inode[], name: string, redirects = 0): Inode[] | number {
    const found: Inode[] = [];
    for (let i = 0; i < directories.length; i++) {
      const directory = directories[i]!;
      const inode = directory.lookup(name);
      if (typeof inode === 'number') {
        if (inode === -E.NOENT || inode === -E.NOTDIR) continue;
        return inode;
      }
      if (inode.type !== S.IFDIR) {
        if (found.length === 0 && !isWhiteout(inode)) found.push(inode);
        break;
      }
      found.push(inode);
      if (this.isLowest(directory)) break;
      const number = this.numbers.get(directory)!;
      this.numbers.set(inode, number);
      if (isOpaque(inode)) break;
      const redirect = redirectOf(inode);
      if (redirect === null) continue;
      // Each redirect leads at least one layer down, unless the guest moves the layers' own directories meanwhile.
      if (redirects === this.lowest) break;
      const from = redirect.startsWith('/') ? this.roots.slice(number + 1) : directories.slice(i + 1);
      const below = this.at(from, redirect, redirects + 1);
      if (typeof below === 'number') return below;
      if (below.length > 0 && below[0]!.type === S.IFDIR) found.push(...below);
      break;
    }
    return found;
  }

  /** What directories of layers have at a path: as lookup, name by name. */
  at(directories: readonly Inode[], path: string, redirects = 0): readonly Inode[] | number {
    let there = directories;
    for (const name of path.split('/')) {
      if (name === '') continue;
      const found = name === '.' || name === '..' ? [] : this.lookup(there, name, redirects);
      if (typeof found === 'number') return found;
      there = found;
    }
    return there;
  }
}
