/**
 * The work directory of an overlay: what is to change the upper layer is made here first and comes to its place by one
 * rename; what it replaces is taken apart here.
 */
import { E } from '../../abi/errno.js';
import { S } from '../../abi/fcntl.js';
import { ATTR, RENAME, Stat } from '../inode.js';
import type { Inode } from '../inode.js';
import { makeOpaque, makeWhiteout, namesIn } from './overlay_marks.js';

const INDEX = 'index';
const LAYER_MODE = S.IFDIR | 0o755;

const scratch = new Stat();

export class WorkDirectory {
  private temporaries = 0;

  /** `index`: a directory for additional names of hard links that were copied up. */
  private constructor(readonly inode: Inode, readonly index: Inode) {}

  /** Makes `inode` a work directory: what a run that was cut off has left in it is removed. Or -errno. */
  static open(inode: Inode): WorkDirectory | number {
    clear(inode, INDEX);
    const index = directoryIn(inode, INDEX);
    return typeof index === 'number' ? index : new WorkDirectory(inode, index);
  }

  /** A name in the work directory. */
  temporaryName(): string {
    return `#${++this.temporaries}`;
  }

  /** Moves what was copied up into a directory, whose times do not change by that. */
  place(temporary: string, directory: Inode, name: string): number {
    const known = directory.stat(scratch) >= 0;
    const { atime, atimeNsec, mtime, mtimeNsec } = scratch;
    const failed = this.inode.rename(temporary, directory, name, 0);
    if (failed >= 0 && known) {
      const mask = ATTR.ATIME | ATTR.MTIME;
      directory.setattr({ mask, mode: 0, uid: 0, gid: 0, size: 0, atime, atimeNsec, mtime, mtimeNsec });
    }
    return failed;
  }

  /** Puts a whiteout in the place of what a directory of the upper layer has under a name, at once. */
  hide(directory: Inode, name: string): number {
    const there = directory.lookup(name);
    if (there === -E.NOENT) return makeWhiteout(directory, name);
    if (typeof there === 'number') return there;
    const work = this.inode, temporary = this.temporaryName();
    const made = makeWhiteout(work, temporary);
    if (made < 0) return made;
    const isDirectory = there.type === S.IFDIR;
    const failed = work.rename(temporary, directory, name, isDirectory ? RENAME.EXCHANGE : 0);
    if (failed < 0) work.unlink(temporary);
    else if (isDirectory) this.discard(temporary);
    return failed;
  }

  /**
   * Moves a file within the upper layer and leaves a whiteout, where the file system does not do both at once: what is
   * cut off leaves the file at both names, and never shows what the lower layer has at the old one.
   */
  move(from: Inode, name: string, to: Inode, newName: string): number {
    const inode = from.lookup(name);
    if (typeof inode === 'number') return inode;
    const work = this.inode, temporary = this.temporaryName();
    let failed = work.link(temporary, inode);
    if (failed < 0) return failed;
    failed = work.rename(temporary, to, newName, 0);
    if (failed < 0) work.unlink(temporary);
    return failed < 0 ? failed : this.hide(from, name);
  }

  /** Removes a directory of the upper layer that has nothing but whiteouts. */
  remove(directory: Inode, name: string): number {
    const there = directory.lookup(name);
    if (typeof there === 'number') return there;
    if (namesIn(there).length === 0) return directory.rmdir(name);
    const temporary = this.temporaryName();
    const failed = directory.rename(name, this.inode, temporary, 0);
    if (failed >= 0) this.discard(temporary);
    return failed;
  }

  /** Puts an empty directory that hides what is below in the place of one that has whiteouts. */
  empty(directory: Inode, name: string): number {
    const there = directory.lookup(name);
    if (typeof there === 'number') return there;
    if (namesIn(there).length === 0) return 0;
    const work = this.inode, temporary = this.temporaryName();
    const made = work.create(temporary, { mode: there.mode, uid: there.uid, gid: there.gid, rdev: 0, target: '' });
    if (typeof made === 'number') return made;
    makeOpaque(made);
    const failed = work.rename(temporary, directory, name, RENAME.EXCHANGE);
    this.discard(temporary);
    return failed;
  }

  private discard(temporary: string): void {
    const directory = this.inode.lookup(temporary);
    if (typeof directory === 'number') return;
    clear(directory, '');
    this.inode.rmdir(temporary);
  }
}

/** The directory of that name, made when it is not there. */
export function directoryIn(directory: Inode, name: string): Inode | number {
  let there = directory.lookup(name);
  if (there === -E.NOENT) there = directory.create(name, { mode: LAYER_MODE, uid: 0, gid: 0, rdev: 0, target: '' });
  return typeof there !== 'number' && there.type !== S.IFDIR ? -E.NOTDIR : there;
}

/** Removes everything in a directory but `keep`. */
function clear(directory: Inode, keep: string): void {
  for (const name of namesIn(directory)) {
    const inode = name === keep ? -E.NOENT : directory.lookup(name);
    if (typeof inode === 'number') continue;
    if (inode.type === S.IFDIR) {
      clear(inode, '');
      directory.rmdir(name);
    } else {
      directory.unlink(name);
    }
  }
}
