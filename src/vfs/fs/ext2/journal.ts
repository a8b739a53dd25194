/**
 * The journal of ext3 and ext4 (JBD2, Linux's include/linux/jbd2.h), for reading: what a crash left in it is seen
 * instead of what stands at its place. Nothing is written; checksums of the journal are not verified.
 */
import type { BlockDevice } from '../../block_device.js';
import { E } from '../../../abi/errno.js';
import { Run, findRun } from './block_map.js';
import type { Ext2Fs } from './ext2.js';
import type { Ext2Inode } from './inode.js';
import { CORRUPT, SB } from './layout.js';

const MAGIC = 0xc03b3998;
const BLOCK = { DESCRIPTOR: 1, COMMIT: 2, SUPERBLOCK_1: 3, SUPERBLOCK_2: 4, REVOKE: 5 } as const;
const FEATURE = { REVOKE: 1, BIT64: 2, ASYNC_COMMIT: 4, CSUM_2: 8, CSUM_3: 0x10, FAST_COMMIT: 0x20 } as const;
const KNOWN_FEATURES = FEATURE.REVOKE | FEATURE.BIT64 | FEATURE.ASYNC_COMMIT | FEATURE.CSUM_2 | FEATURE.CSUM_3 |
  FEATURE.FAST_COMMIT;
const TAG = { ESCAPED: 1, SAME_UUID: 2, LAST: 8 } as const;
const DEFAULT_FAST_BLOCKS = 256;

/** A block that a transaction wrote: where its copy lies, and whether its first word is kept as 0 there. */
interface Copy {
  place: number;
  escaped: boolean;
}

/** The device as it is once the journal is replayed. */
class ReplayedDevice implements BlockDevice {
  readonly readOnly = true;

  constructor(
    private readonly device: BlockDevice, private readonly blockSize: number,
    private readonly copies: Map<number, Copy>,
  ) {}

  get size(): number {
    return this.device.size;
  }
  read(target: Uint8Array, position: number): number {
    const { blockSize } = this;
    let failed = this.device.read(target, position);
    const last = Math.floor((position + target.length - 1) / blockSize);
    for (let block = Math.floor(position / blockSize); failed >= 0 && block <= last; block++) {
      const copy = this.copies.get(block);
      if (copy === undefined) continue;
      const whole = new Uint8Array(blockSize);
      failed = this.device.read(whole, copy.place * blockSize);
      if (copy.escaped) new DataView(whole.buffer).setUint32(0, MAGIC);
      const from = Math.max(0, position - block * blockSize);
      const to = Math.min(blockSize, position + target.length - block * blockSize);
      target.set(whole.subarray(from, to), block * blockSize + from - position);
    }
    return failed;
  }
  write(): number {
    return -E.PERM;
  }
  flush(): number {
    return 0;
  }
}

/** The device of a file system that was mounted without its journal, as it is with it; or -errno. */
export function replayed(fs: Ext2Fs): BlockDevice | number {
  const ino = fs.superblock.getUint32(SB.journalInum, true);
  if (ino === 0 || ino > fs.geometry.inodesCount) return fs.failure(CORRUPT, 'the journal is not in the file system');
  const inode = fs.makeInode(ino);
  if (typeof inode === 'number') return inode;
  const journal = new Journal(fs, inode);
  const failed = journal.read();
  return failed < 0 ? failed : new ReplayedDevice(fs.device, fs.geometry.blockSize, journal.copies);
}

class Journal {
  readonly copies = new Map<number, Copy>();
  /** Blocks whose older copies do not count, with the last transaction that said so. */
  private readonly revoked = new Map<number, number>();
  private readonly run = new Run();
  private first = 0;
  private end = 0;
  private features = 0;

  constructor(private readonly fs: Ext2Fs, private readonly inode: Ext2Inode) {}

  /** Finds what the transactions that were committed wrote. 0 or -errno. */
  read(): number {
    const head = this.block(0);
    if (typeof head === 'number') return head;
    const type = head.getUint32(4);
    if (head.getUint32(0) !== MAGIC || (type !== BLOCK.SUPERBLOCK_1 && type !== BLOCK.SUPERBLOCK_2) ||
      head.getUint32(12) !== this.fs.geometry.blockSize) return this.damaged();
    this.features = type === BLOCK.SUPERBLOCK_2 ? head.getUint32(40) : 0;
    if (this.features & ~KNOWN_FEATURES) return this.damaged();
    this.first = head.getUint32(20);
    this.end = head.getUint32(16);
    if (this.features & FEATURE.FAST_COMMIT) this.end -= head.getUint32(84) || DEFAULT_FAST_BLOCKS;
    const blocks = Math.floor(this.inode.size / this.fs.geometry.blockSize);
    const start = head.getUint32(28);
    if (start === 0) return 0;
    if (this.first < 1 || this.end > blocks || start < this.first || start >= this.end) return this.damaged();
    const sequence = head.getUint32(24);
    // The first time through, what is committed and what is revoked; then what was written.
    const last = this.walk(start, sequence, Infinity);
    return last < 0 ? last : Math.min(0, this.walk(start, sequence, last));
  }

  private damaged(): number {
    return this.fs.failure(CORRUPT, 'the journal is damaged');
  }

  /** A block of the journal; its numbers are big-endian. */
  private block(logical: number): DataView | number {
    const place = this.place(logical);
    if (place < 0) return place;
    const bytes = new Uint8Array(this.fs.geometry.blockSize);
    const failed = this.fs.device.read(bytes, place * bytes.length);
    return failed < 0 ? failed : new DataView(bytes.buffer);
  }
  private place(logical: number): number {
    const failed = findRun(this.inode, logical, 1, this.run);
    return failed < 0 ? failed : this.run.first === 0 ? this.damaged() : this.run.first;
  }

  /**
   * Goes through the transactions up to number `last` (its commit included). With Infinity, to where the log ends, and
   * only revocations are taken. Gives the number behind the last one that was committed, or -errno.
   */
  private walk(start: number, sequence: number, last: number): number {
    let at = start;
    const next = (): number => {
      const here = at;
      at = at + 1 >= this.end ? this.first : at + 1;
      return here;
    };
    // The log is a ring; it cannot be longer than that.
    for (let steps = this.end - this.first; steps > 0 && sequence < last; steps--) {
      const view = this.block(next());
      if (typeof view === 'number') return view;
      if (view.getUint32(0) !== MAGIC || view.getUint32(8) !== sequence >>> 0) break;
      switch (view.getUint32(4)) {
        case BLOCK.DESCRIPTOR:
          for (const { block, escaped } of this.tags(view)) {
            const logical = next();
            steps--;
            if (last === Infinity || !this.fs.isBlock(block) && block !== this.fs.geometry.firstDataBlock) continue;
            const revoked = this.revoked.get(block);
            if (revoked !== undefined && revoked >= sequence) continue;
            const place = this.place(logical);
            if (place < 0) return place;
            this.copies.set(block, { place, escaped });
          }
          break;
        case BLOCK.COMMIT:
          sequence++;
          break;
        case BLOCK.REVOKE:
          if (last === Infinity) this.revoke(view, sequence);
          break;
        default:
          return sequence;
      }
    }
    return sequence;
  }

  /** The blocks that follow a descriptor. */
  private tags(view: DataView): { block: number; escaped: boolean }[] {
    const third = (this.features & FEATURE.CSUM_3) !== 0, wide = (this.features & FEATURE.BIT64) !== 0;
    const size = third ? 16 : 12 + (this.features & FEATURE.CSUM_2 ? 2 : 0) - (wide ? 0 : 4);
    const end = view.byteLength - (this.features & (FEATURE.CSUM_2 | FEATURE.CSUM_3) ? 4 : 0);
    const found: { block: number; escaped: boolean }[] = [];
    for (let at = 12; at + size <= end;) {
      const flags = third ? view.getUint32(at + 4) : view.getUint16(at + 6);
      const high = wide ? view.getUint32(at + 8) : 0;
      found.push({ block: view.getUint32(at) + high * 2 ** 32, escaped: (flags & TAG.ESCAPED) !== 0 });
      at += size + (flags & TAG.SAME_UUID ? 0 : 16);
      if (flags & TAG.LAST) break;
    }
    return found;
  }

  private revoke(view: DataView, sequence: number): void {
    const size = this.features & FEATURE.BIT64 ? 8 : 4;
    const end = Math.min(view.getUint32(12), view.byteLength);
    for (let at = 16; at + size <= end; at += size) {
      const block = size === 4 ? view.getUint32(at) : view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
      this.revoked.set(block, Math.max(sequence, this.revoked.get(block) ?? 0));
    }
  }
}
