/** The part of a repair that is about names: the tree from the root, link counts, and what has no name any more. */
import { S } from '../../../abi/fcntl.js';
import { indexOf, insert, prepare, remove, setParent } from './directory.js';
import type { Ext2Fs } from './ext2.js';
import { Ext2Inode } from './inode.js';
import { CORRUPT, INODE } from './layout.js';
import { create, release } from './names.js';

const LOST_AND_FOUND = 'lost+found';

export class NamesRepair {
  changes = 0;
  /** Links of an inode that were found: names, and of a directory '.' and the '..' of those below. */
  private readonly links = new Map<number, number>();
  /** Directories that have their place in the tree. */
  private readonly placed = new Set<number>();
  private readonly queue: Ext2Inode[] = [];
  /** Names of directories whose '..' says that they stand elsewhere. */
  private readonly doubtful: (readonly [dir: Ext2Inode, name: string, child: Ext2Inode])[] = [];
  /** Inodes in use that no entry names, but for those below such directories. */
  private readonly nameless: number[] = [];

  constructor(private readonly fs: Ext2Fs) {}

  /** Goes through the tree of names, from the root, and then through those that hang on nothing. 0 or -errno. */
  walk(): number {
    this.keep(this.fs.root);
    const failed = this.walkQueue();
    return failed < 0 ? failed : this.walkNameless();
  }

  private keep(child: Ext2Inode): void {
    this.placed.add(child.ino);
    this.queue.push(child);
    this.links.set(child.ino, 2);
  }
  private count(ino: number): void {
    this.links.set(ino, (this.links.get(ino) ?? 0) + 1);
  }

  private walkQueue(): number {
    for (;;) {
      const dir = this.queue.pop();
      let failed: number;
      if (dir !== undefined) failed = this.walkDirectory(dir);
      else if (this.doubtful.length > 0) failed = this.settle(...this.doubtful.pop()!);
      else return 0;
      if (failed < 0) return failed;
      this.fs.cache.trim();
    }
  }

  private walkDirectory(dir: Ext2Inode): number {
    const { fs } = this;
    const index = indexOf(dir);
    if (typeof index === 'number') return index;
    for (const [name, { ino }] of [...index.entries]) {
      const possible = ino >= fs.geometry.firstIno && ino <= fs.geometry.inodesCount;
      const raw = possible ? fs.rawInode(ino) : null;
      if (typeof raw === 'number') return raw;
      let failed = 0;
      if (raw === null || !fs.isUsed(raw.view, raw.at)) {
        failed = this.drop(dir, name);
      } else if ((raw.view.getUint16(raw.at + INODE.mode, true) & S.IFMT) !== S.IFDIR) {
        this.count(ino);
      } else {
        const child = fs.inode(ino);
        if (typeof child === 'number') return child;
        const names = indexOf(child);
        if (typeof names === 'number') return names;
        if (names.parent !== dir.ino) {
          this.doubtful.push([dir, name, child]);
        } else if (this.placed.has(ino)) {
          failed = this.drop(dir, name);
        } else {
          this.keep(child);
          this.count(dir.ino);
        }
      }
      if (failed < 0) return failed;
    }
    return 0;
  }

  /**
   * A directory that was being moved has two names, and '..' says which one is to stay; or the new one alone, and '..'
   * follows. It is looked at once all other names were seen.
   */
  private settle(dir: Ext2Inode, name: string, child: Ext2Inode): number {
    if (this.placed.has(child.ino)) return this.drop(dir, name);
    this.keep(child);
    this.count(dir.ino);
    this.changes++;
    return setParent(child, dir.ino);
  }

  private drop(dir: Ext2Inode, name: string): number {
    const block = remove(dir, name);
    if (typeof block === 'number') return block;
    this.changes++;
    return 0;
  }

  /** Finds what no entry names; of directories that hang on nothing, the topmost. */
  private walkNameless(): number {
    const { fs } = this;
    const files: number[] = [];
    for (let ino = fs.geometry.firstIno; ino <= fs.geometry.inodesCount; ino++) {
      fs.cache.trim();
      const raw = fs.rawInode(ino);
      if (typeof raw === 'number') return raw;
      if (!fs.isUsed(raw.view, raw.at) || this.links.has(ino)) continue;
      if ((raw.view.getUint16(raw.at + INODE.mode, true) & S.IFMT) !== S.IFDIR) {
        files.push(ino);
        continue;
      }
      const top = this.topOf(ino);
      if (typeof top === 'number') return top;
      this.nameless.push(top.ino);
      this.keep(top);
      const failed = this.walkQueue();
      if (failed < 0) return failed;
    }
    for (const ino of files) {
      if (this.links.has(ino)) continue;
      this.nameless.push(ino);
      this.links.set(ino, 1);
    }
    return 0;
  }

  /** Upwards from a directory without a place, as long as the one above has none either and names it. */
  private topOf(ino: number): Ext2Inode | number {
    const { fs } = this;
    const seen = new Set<number>();
    for (let at = fs.inode(ino); ;) {
      if (typeof at === 'number') return at;
      seen.add(at.ino);
      const index = indexOf(at);
      if (typeof index === 'number') return index;
      const above = index.parent;
      if (seen.has(above) || this.placed.has(above) || above < fs.geometry.firstIno ||
        above > fs.geometry.inodesCount) return at;
      const raw = fs.rawInode(above);
      if (typeof raw === 'number') return raw;
      const isDirectory = (raw.view.getUint16(raw.at + INODE.mode, true) & S.IFMT) === S.IFDIR;
      if (!isDirectory || !fs.isUsed(raw.view, raw.at)) return at;
      const parent = fs.inode(above);
      if (typeof parent === 'number') return parent;
      const names = indexOf(parent);
      if (typeof names === 'number') return names;
      let named = false;
      for (const entry of names.entries.values()) named ||= entry.ino === at.ino;
      if (!named) return at;
      at = parent;
      fs.cache.trim();
    }
  }

  /** Makes the link counts those that were found. 0 or -errno. */
  countLinks(): number {
    const { fs } = this;
    for (const [ino, found] of this.links) {
      fs.cache.trim();
      const raw = fs.rawInode(ino);
      if (typeof raw === 'number') return raw;
      if (raw.view.getUint16(raw.at + INODE.links, true) === found) continue;
      if (found > 0xffff) return fs.failure(CORRUPT, `inode ${ino} has ${found} links`);
      const inode = fs.inode(ino);
      if (typeof inode === 'number') return inode;
      inode.setLinks(found);
      inode.changed();
      this.changes++;
    }
    return 0;
  }

  /** What lost its name comes to lost+found; when there is nothing in it, it goes. 0 or -errno. */
  placeNameless(): number {
    const { fs } = this;
    for (const ino of this.nameless) {
      fs.cache.trim();
      const inode = fs.inode(ino);
      if (typeof inode === 'number') return inode;
      this.changes++;
      let empty = inode.type !== S.IFREG && inode.type !== S.IFLNK ? true : inode.size === 0;
      if (inode.type === S.IFDIR) {
        const index = indexOf(inode);
        if (typeof index === 'number') return index;
        empty = index.entries.size === 0;
      }
      const failed = empty ? release(inode) : this.placeInLostFound(inode);
      if (failed < 0) return failed;
    }
    return 0;
  }

  private placeInLostFound(inode: Ext2Inode): number {
    const lost = this.lostAndFound();
    const index = typeof lost === 'number' ? lost : indexOf(lost);
    let name = `#${inode.ino}`;
    for (let n = 1; typeof index !== 'number' && index.entries.has(name); n++) name = `#${inode.ino}.${n}`;
    const where = typeof lost === 'number' ? lost : prepare(lost, name);
    if (typeof lost === 'number' || where < 0) {
      // It keeps its bytes, for e2fsck on a larger disk.
      this.fs.damaged(`inode ${inode.ino} has no name, and there is no room in ${LOST_AND_FOUND}`);
      return 0;
    }
    const failed = insert(lost, name, inode.ino, inode.type, where);
    if (failed < 0 || inode.type !== S.IFDIR) return failed;
    lost.setLinks(lost.links + 1);
    lost.changed();
    return setParent(inode, lost.ino);
  }

  private lostAndFound(): Ext2Inode | number {
    const { root } = this.fs;
    const there = root.lookup(LOST_AND_FOUND);
    if (there instanceof Ext2Inode) return there.type === S.IFDIR ? there : CORRUPT;
    const made = create(root, LOST_AND_FOUND, { mode: S.IFDIR | 0o700, uid: 0, gid: 0, rdev: 0, target: '' });
    return made instanceof Ext2Inode ? made : CORRUPT;
  }
}
