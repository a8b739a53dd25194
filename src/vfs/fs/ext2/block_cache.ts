/**
 * Blocks with structure (not file data), remembered. `store` writes at once, `change` some time before the next flush.
 * What takes something away is stored at once and in order, before what it gave up can be used again; see ext2.ts.
 */
import type { BlockDevice } from '../../block_device.js';
import { CORRUPT } from './layout.js';

const CACHE_BYTES = 32 << 20;

export class CachedBlock {
  dirty = false;
  /** A bitmap: it says nothing that inodes do not, and can wait for the next sync. */
  derived = false;
  /** False: it was dropped, somebody else may have read the block anew. */
  live = true;
  readonly view: DataView;

  constructor(readonly number: number, readonly data: Uint8Array) {
    this.view = new DataView(data.buffer, data.byteOffset, data.length);
  }
}

export class BlockCache {
  private readonly blocks = new Map<number, CachedBlock>();
  private readonly dirty = new Set<CachedBlock>();
  private readonly limit: number;

  constructor(private readonly device: BlockDevice, readonly blockSize: number, private readonly blocksCount: number) {
    this.limit = Math.max(256, CACHE_BYTES / blockSize);
  }

  /** The block's bytes, or -errno; -EUCLEAN for a number beyond the file system. */
  get(number: number): CachedBlock | number {
    const known = this.blocks.get(number);
    if (known !== undefined) return known;
    if (!(number > 0 && number < this.blocksCount) && !(number === 0 && this.blockSize > 1024)) return CORRUPT;
    const block = new CachedBlock(number, new Uint8Array(this.blockSize));
    const failed = this.device.read(block.data, number * this.blockSize);
    if (failed < 0) return failed;
    this.blocks.set(number, block);
    return block;
  }

  /** A block that was just allocated, all zero; it is not read. */
  fresh(number: number): CachedBlock {
    this.forget(number);
    const block = new CachedBlock(number, new Uint8Array(this.blockSize));
    this.blocks.set(number, block);
    return block;
  }

  /** The block's bytes were changed; they are written before long. */
  change(block: CachedBlock): void {
    if (block.dirty) return;
    block.dirty = true;
    this.dirty.add(block);
  }

  /** Writes the block now. 0 or -errno. */
  store(block: CachedBlock): number {
    const failed = this.device.write(block.data, block.number * this.blockSize);
    if (failed < 0) return failed;
    if (block.dirty) {
      block.dirty = false;
      this.dirty.delete(block);
    }
    return 0;
  }

  /** The block is free: nothing of it is to be written any more. */
  forget(number: number): void {
    const block = this.blocks.get(number);
    if (block === undefined) return;
    block.live = false;
    this.blocks.delete(number);
    if (block.dirty) this.dirty.delete(block);
  }

  /** Writes what was changed; `all`: bitmaps, too. 0, or the first -errno (the others were tried). */
  flush(all: boolean): number {
    let result = 0;
    for (const block of [...this.dirty].sort((one, other) => one.number - other.number)) {
      if (block.derived && !all) continue;
      const failed = this.store(block);
      if (failed < 0 && result === 0) result = failed;
    }
    return result;
  }

  /** Drops old blocks when there are many. Only between operations: inside of one, blocks are held. */
  trim(): void {
    if (this.blocks.size <= this.limit) return;
    this.flush(true);
    let over = this.blocks.size - this.limit / 2;
    for (const [number, block] of this.blocks) {
      if (over-- <= 0) break;
      if (block.dirty) continue;
      block.live = false;
      this.blocks.delete(number);
    }
  }
}
