/**
 * What a run that ended in the middle left behind is put right: bitmaps and counts are made anew from the inodes,
 * entries
 * of free inodes are dropped, link counts are made to agree. It is what `e2fsck -p` does, for what this file system
 * itself can leave; anything worse is told and left to e2fsck.
 */
import { S } from '../../../abi/fcntl.js';
import { now, readClock } from '../../clock.js';
import { eachBlock } from './block_map.js';
import { indexOf, insert, prepare, remove, setParent } from './directory.js';
import type { Ext2Fs } from './ext2.js';
import { Ext2Inode } from './inode.js';
import { CORRUPT, GD, INODE, ROOT_INO, SB } from './layout.js';
import { release } from './names.js';

/** Mends the file system before it is written to. -EUCLEAN: it takes e2fsck. */
export function repair(fs: Ext2Fs): number {
  const work = new Repair(fs);
  const failed = work.run();
  if (failed < 0) {
    fs.log('was not unmounted cleanly and is damaged: run e2fsck');
    return failed;
  }
  fs.log(work.changes === 0 ? 'was not unmounted cleanly; nothing was damaged' :
    `was not unmounted cleanly; recovered (${work.changes} changes)`);
  return 0;
}

class Repair {
  changes = 0;
  /** By group. */
  private readonly blocks: Uint8Array[] = [];
  private readonly inodes: Uint8Array[] = [];
  private readonly directories: number[] = [];
  /** Names of an inode that were found. */
  private readonly links = new Map<number, number>();
  /** Inodes in use that no entry names. */
  private readonly nameless: number[] = [];
  private readonly attributeBlocks = new Set<number>();

  constructor(private readonly fs: Ext2Fs) {}

  run(): number {
    const { fs } = this;
    const { geometry } = fs;
    for (let group = 0; group < geometry.groups; group++) {
      const bitmap = new Uint8Array(geometry.blockSize).fill(0xff);
      for (let bit = 0; bit < fs.groups.size(group); bit++) bitmap[bit >> 3]! &= ~(1 << (bit & 7));
      this.blocks.push(bitmap);
      const taken = new Uint8Array(geometry.blockSize).fill(0xff);
      for (let bit = 0; bit < geometry.inodesPerGroup; bit++) taken[bit >> 3]! &= ~(1 << (bit & 7));
      this.inodes.push(taken);
      this.directories.push(0);
    }
    for (let group = 0; group < geometry.groups; group++) {
      for (const [first, count] of fs.groups.systemBlocks(group)) if (!this.take(first, count)) return CORRUPT;
    }
    let failed = this.eachInode();
    if (failed >= 0) failed = this.walk();
    if (failed >= 0) failed = this.countLinks();
    if (failed >= 0) failed = this.writeBitmaps();
    if (failed >= 0) failed = this.placeNameless();
    return failed;
  }

  /** Marks blocks as taken. False: another has them already, or they are none. */
  private take(first: number, count: number): boolean {
    const { groups, geometry } = this.fs;
    for (let block = first; block < first + count; block++) {
      if (block < geometry.firstDataBlock || block >= geometry.blocksCount) return false;
      const group = groups.groupOfBlock(block), bit = block - groups.firstBlock(group);
      const bitmap = this.blocks[group]!;
      if (bitmap[bit >> 3]! & (1 << (bit & 7))) return false;
      bitmap[bit >> 3]! |= 1 << (bit & 7);
    }
    return true;
  }

  /** What the inodes have. */
  private eachInode(): number {
    const { fs } = this;
    const { geometry } = fs;
    for (let ino = 1; ino <= geometry.inodesCount; ino++) {
      const group = fs.groups.groupOfInode(ino), bit = (ino - 1) % geometry.inodesPerGroup;
      const raw = fs.rawInode(ino);
      if (typeof raw === 'number') return raw;
      const reserved = ino < geometry.firstIno;
      const used = fs.isUsed(raw.view, raw.at);
      if (!used && !reserved) {
        if (!this.isOrphan(ino)) {
          this.finishRemoval(ino, raw.view, raw.at);
          continue;
        }
      }
      this.inodes[group]![bit >> 3]! |= 1 << (bit & 7);
      const inode = fs.makeInode(ino);
      if (typeof inode === 'number') return inode;
      if (ino !== ROOT_INO) fs.forgetInode(inode);
      // The bad blocks' inode and the descriptors' spare blocks are laid out as files are.
      if (reserved && !used && inode.u32(INODE.blocks) === 0) continue;
      if (inode.type === S.IFDIR) this.directories[group]!++;
      const failed = this.takeBlocks(inode, ino);
      if (failed < 0) return failed;
      fs.cache.trim();
    }
    return 0;
  }

  /** A file that was on its way to the list of those without a name: it gets the time of its removal. */
  private finishRemoval(ino: number, view: DataView, at: number): void {
    if (view.getUint16(at + INODE.mode, true) === 0 || view.getUint32(at + INODE.dtime, true) !== 0) return;
    const inode = this.fs.makeInode(ino);
    if (typeof inode === 'number') return;
    readClock();
    inode.setU32(INODE.dtime, now.seconds);
    this.store(inode);
    this.fs.forgetInode(inode);
  }

  private takeBlocks(inode: Ext2Inode, ino: number): number {
    const acl = inode.fileAcl;
    if (acl !== 0 && !this.attributeBlocks.has(acl)) {
      this.attributeBlocks.add(acl);
      if (!this.take(acl, 1)) return this.shared(ino, acl);
    }
    const { type } = inode;
    const mapped = type === S.IFREG || type === S.IFDIR || (type === S.IFLNK && !inode.isFast) ||
      ino < this.fs.geometry.firstIno;
    if (!mapped) return 0;
    let blocks = 0, wrong = -1;
    // The spare descriptor blocks of inode 7 lie among the descriptors.
    const spare = ino === 7;
    const failed = eachBlock(inode, (first, count) => {
      blocks += count;
      if (this.take(first, count) || spare) return true;
      wrong = first;
      return false;
    });
    if (failed < 0) return wrong >= 0 ? this.shared(ino, wrong) : failed;
    if (spare || ino < this.fs.geometry.firstIno) return 0;
    const sectors = (blocks + (acl !== 0 ? 1 : 0)) * this.fs.sectorsPerBlock;
    if (inode.u32(INODE.blocks) !== sectors) {
      inode.setU32(INODE.blocks, sectors);
      this.store(inode);
    }
    return 0;
  }
  private shared(ino: number, block: number): number {
    this.fs.damaged(`inode ${ino} has block ${block}, which is not its own`);
    return CORRUPT;
  }
  private isOrphan(ino: number): boolean {
    const { fs } = this;
    const seen = new Set<number>();
    for (let at = fs.superblock.getUint32(SB.lastOrphan, true); at !== 0 && !seen.has(at);) {
      if (at === ino) return true;
      seen.add(at);
      const raw = at <= fs.geometry.inodesCount ? fs.rawInode(at) : -1;
      if (typeof raw === 'number') return false;
      at = raw.view.getUint32(raw.at + INODE.dtime, true);
    }
    return false;
  }
  private store(inode: Ext2Inode): void {
    this.changes++;
    inode.changed();
  }

  /** The tree of names, from the root. */
  private walk(): number {
    const { fs } = this;
    const seen = new Set<number>([ROOT_INO]);
    const queue: Ext2Inode[] = [fs.root];
    // A directory that was being moved has two names, and '..' says that it is to stay; or the new one alone.
    const moved: (readonly [dir: Ext2Inode, name: string, child: Ext2Inode])[] = [];
    while (queue.length > 0 || moved.length > 0) {
      const dir = queue.pop();
      if (dir === undefined) {
        const failed = this.settle(...moved.pop()!, seen, queue);
        if (failed < 0) return failed;
        continue;
      }
      const index = indexOf(dir);
      if (typeof index === 'number') return index;
      for (const [name, entry] of [...index.entries]) {
        const { ino } = entry;
        const possible = ino >= fs.geometry.firstIno && ino <= fs.geometry.inodesCount;
        const raw = possible ? fs.rawInode(ino) : -1;
        if (typeof raw === 'number' || !fs.isUsed(raw.view, raw.at)) {
          this.drop(dir, name);
          continue;
        }
        if ((raw.view.getUint16(raw.at + INODE.mode, true) & S.IFMT) === S.IFDIR) {
          const child = fs.inode(ino);
          if (typeof child === 'number') return child;
          const names = indexOf(child);
          if (typeof names === 'number') return names;
          if (names.parent !== dir.ino) moved.push([dir, name, child]);
          else if (seen.has(ino)) this.drop(dir, name);
          else this.keep(child, seen, queue);
        } else {
          this.links.set(ino, (this.links.get(ino) ?? 0) + 1);
        }
      }
      fs.cache.trim();
    }
    return 0;
  }
  private keep(child: Ext2Inode, seen: Set<number>, queue: Ext2Inode[]): void {
    seen.add(child.ino);
    queue.push(child);
    this.links.set(child.ino, 1);
  }
  /** A directory whose '..' is another than where this name of it stands, once all other names were seen. */
  private settle(dir: Ext2Inode, name: string, child: Ext2Inode, seen: Set<number>, queue: Ext2Inode[]): number {
    if (seen.has(child.ino)) {
      this.drop(dir, name);
      return 0;
    }
    this.keep(child, seen, queue);
    this.changes++;
    return setParent(child, dir.ino);
  }
  private drop(dir: Ext2Inode, name: string): void {
    const block = remove(dir, name);
    if (typeof block !== 'number') this.changes++;
  }

  private countLinks(): number {
    const { fs } = this;
    for (let ino = ROOT_INO; ino <= fs.geometry.inodesCount; ino++) {
      if (ino !== ROOT_INO && ino < fs.geometry.firstIno) continue;
      const raw = fs.rawInode(ino);
      if (typeof raw === 'number') return raw;
      if (!fs.isUsed(raw.view, raw.at)) continue;
      let found = this.links.get(ino) ?? 0;
      if (ino !== ROOT_INO && found === 0) {
        this.nameless.push(ino);
        continue;
      }
      const inode = fs.inode(ino);
      if (typeof inode === 'number') return inode;
      if (inode.type === S.IFDIR) {
        const index = indexOf(inode);
        if (typeof index === 'number') return index;
        found = 2;
        for (const entry of index.entries.values()) {
          const child = fs.rawInode(entry.ino);
          if (typeof child === 'number') return child;
          if ((child.view.getUint16(child.at + INODE.mode, true) & S.IFMT) === S.IFDIR) found++;
        }
      }
      if (inode.links !== found) {
        inode.setLinks(found);
        this.store(inode);
      }
      fs.cache.trim();
    }
    return 0;
  }

  /** What a rename replaced when it was cut off has no name: it comes to lost+found, and goes when there is nothing in it. */
  private placeNameless(): number {
    const { fs } = this;
    const found: Ext2Inode[] = [];
    for (const ino of this.nameless) {
      const inode = fs.inode(ino);
      if (typeof inode === 'number') return inode;
      const index = inode.type === S.IFDIR ? indexOf(inode) : null;
      if (typeof index === 'number') return index;
      if (index !== null && index.entries.size > 0) {
        fs.log(`${this.nameless.length} inodes without a name are kept: e2fsck puts them into lost+found`);
        return 0;
      }
      found.push(inode);
    }
    for (const inode of found) {
      this.changes++;
      const empty = inode.type === S.IFREG || inode.type === S.IFLNK ? inode.size === 0 : true;
      const failed = empty ? release(inode) : this.placeInLostFound(inode);
      if (failed < 0) return failed;
    }
    return 0;
  }
  private placeInLostFound(inode: Ext2Inode): number {
    const { fs } = this;
    const lost = fs.root.lookup('lost+found');
    if (!(lost instanceof Ext2Inode) || lost.type !== S.IFDIR) {
      fs.log(`inode ${inode.ino} has no name, and there is no lost+found: run e2fsck`);
      return 0;
    }
    const name = `#${inode.ino}`;
    const where = prepare(lost, name);
    if (where < 0) return where;
    const failed = insert(lost, name, inode.ino, inode.type, where);
    if (failed < 0) return failed;
    inode.setLinks(1);
    return inode.store();
  }

  private writeBitmaps(): number {
    const { fs } = this;
    const { geometry } = fs;
    fs.freeBlocks = fs.freeInodes = 0;
    for (let group = 0; group < geometry.groups; group++) {
      for (const [number, bitmap] of [
        [fs.groups.blockBitmap(group), this.blocks[group]!], [fs.groups.inodeBitmap(group), this.inodes[group]!],
      ] as const) {
        const block = fs.cache.get(number);
        if (typeof block === 'number') return block;
        if (Buffer.compare(block.data, bitmap) === 0) continue;
        block.data.set(bitmap);
        fs.cache.change(block);
        this.changes++;
      }
      const freeBlocks = countZeros(this.blocks[group]!), freeInodes = countZeros(this.inodes[group]!);
      fs.groups.setCount(group, GD.freeBlocks, freeBlocks);
      fs.groups.setCount(group, GD.freeInodes, freeInodes);
      fs.groups.setCount(group, GD.usedDirs, this.directories[group]!);
      fs.freeBlocks += freeBlocks;
      fs.freeInodes += freeInodes;
    }
    return 0;
  }
}

function countZeros(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) for (let rest = ~byte & 0xff; rest !== 0; rest &= rest - 1) count++;
  return count;
}
