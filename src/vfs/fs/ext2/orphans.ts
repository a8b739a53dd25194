/**
 * Files that are open but have no name: a list on the device, whose head is in the superblock and whose links are in
 * the inodes' dtime. Who mounts the file system next gives them back.
 */
import type { Ext2Fs } from './ext2.js';
import type { Ext2Inode } from './inode.js';
import { INODE, SB } from './layout.js';
import { release } from './names.js';

/** Puts an inode without links on the list. 0 or -errno. */
export function add(inode: Ext2Inode): number {
  const { fs } = inode;
  inode.setU32(INODE.dtime, fs.superblock.getUint32(SB.lastOrphan, true));
  const failed = inode.store();
  if (failed < 0) return failed;
  fs.orphans.add(inode);
  fs.superblock.setUint32(SB.lastOrphan, inode.ino, true);
  return fs.storeSuperblock();
}

/** Takes an inode from the list: it got a name again, or is given back next. */
export function remove(inode: Ext2Inode): void {
  const { fs } = inode;
  if (!fs.orphans.delete(inode)) return;
  const next = inode.u32(INODE.dtime);
  inode.setU32(INODE.dtime, 0);
  if (fs.superblock.getUint32(SB.lastOrphan, true) === inode.ino) {
    fs.superblock.setUint32(SB.lastOrphan, next, true);
    fs.storeSuperblock();
    return;
  }
  for (const other of fs.orphans) {
    if (other.u32(INODE.dtime) !== inode.ino) continue;
    other.setU32(INODE.dtime, next);
    other.changed();
    other.store();
  }
}

/** The inodes on the list as the device has it, up to the first that cannot be on it. */
export function listed(fs: Ext2Fs): number[] {
  const found = new Set<number>();
  for (let ino = fs.superblock.getUint32(SB.lastOrphan, true);
    ino >= fs.geometry.firstIno && ino <= fs.geometry.inodesCount && !found.has(ino);) {
    const raw = fs.rawInode(ino);
    if (typeof raw === 'number') break;
    found.add(ino);
    ino = raw.view.getUint32(raw.at + INODE.dtime, true);
    fs.cache.trim();
  }
  return [...found];
}

/** What a run before this one left on the list is given back, as at Linux's mount. The number of inodes. */
export function clean(fs: Ext2Fs): number {
  let count = 0;
  for (const ino of listed(fs)) {
    fs.cache.trim();
    const inode = fs.makeInode(ino);
    if (typeof inode === 'number') break;
    if (inode.links === 0 && fs.groups.inodeTaken(ino) === true) {
      release(inode);
      count++;
    } else {
      inode.setU32(INODE.dtime, 0);
      inode.changed();
      fs.forgetInode(inode);
    }
  }
  fs.superblock.setUint32(SB.lastOrphan, 0, true);
  return count;
}
