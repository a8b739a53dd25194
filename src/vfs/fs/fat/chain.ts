/** Where the bytes of a file or directory lie: in a chain of clusters; for the root of FAT12 and FAT16, in a range. */
import { E } from '../../../abi/errno.js';
import type { BlockDevice } from '../../block_device.js';
import { FIRST_CLUSTER, type FatGeometry } from './boot.js';
import type { FatTable } from './table.js';

export interface Space {
  /** The place on the device of a byte, with the number of bytes that follow it there in `contiguous`; or -EIO. */
  map(offset: number): number;
  contiguous: number;
  /** How many bytes there are, or -EIO. */
  size(): number;
}

/** A range of the device. */
export class FixedSpace implements Space {
  contiguous = 0;

  constructor(private readonly start: number, private readonly bytes: number) {}

  map(offset: number): number {
    this.contiguous = this.bytes - offset;
    return this.contiguous > 0 ? this.start + offset : -E.IO;
  }
  size(): number {
    return this.bytes;
  }
}

/** A chain is followed as far as it is asked for, and kept as runs of neighbouring clusters. */
export class ClusterChain implements Space {
  contiguous = 0;
  /** Index in the file, number on the disk, and count of the clusters of each run. */
  private readonly indexes: number[] = [];
  private readonly clusters: number[] = [];
  private readonly counts: number[] = [];
  /** Clusters in the runs; all there are when `complete`. */
  private known = 0;
  private complete: boolean;
  private lastRun = 0;
  /** Brent's way to see a loop: a cluster that was met `steps` ago, renewed when that reaches `limit`. */
  private met = 0;
  private steps = 0;
  private limit = 1;

  private readonly most: number;

  /** `first`: the first cluster, 0 for an empty chain. One for more than `mostBytes` cannot be right. */
  constructor(
    private readonly table: FatTable, private readonly geometry: FatGeometry, public first: number, mostBytes: number,
    private readonly report: (reason: string) => void,
  ) {
    this.complete = first === 0;
    this.most = Math.ceil(mostBytes / geometry.clusterSize);
  }

  map(offset: number): number {
    const { clusterSize, dataStart } = this.geometry;
    const index = Math.floor(offset / clusterSize);
    if (index >= this.known) {
      const failed = this.follow(index);
      if (failed < 0) return failed;
      if (index >= this.known) {
        this.report('request beyond the end of a chain');
        return -E.IO;
      }
    }
    let run = this.lastRun;
    if (run >= this.indexes.length || index < this.indexes[run]! || index >= this.indexes[run]! + this.counts[run]!) {
      run = this.lastRun = this.runOf(index);
    }
    const within = offset - this.indexes[run]! * clusterSize;
    this.contiguous = this.counts[run]! * clusterSize - within;
    return dataStart + (this.clusters[run]! - FIRST_CLUSTER) * clusterSize + within;
  }

  size(): number {
    const count = this.count();
    return count < 0 ? count : count * this.geometry.clusterSize;
  }

  /** How many clusters, or -EIO. */
  count(): number {
    const failed = this.complete ? 0 : this.follow(Infinity);
    return failed < 0 ? failed : this.known;
  }

  /** Adds clusters at the end. 0, -ENOSPC with nothing changed, -EIO. */
  grow(count: number): number {
    const before = this.count();
    if (before < 0) return before;
    const run = this.indexes.length - 1;
    const last = before === 0 ? 0 : this.clusters[run]! + this.counts[run]! - 1;
    const first = this.table.allocate(count, last);
    if (first < 0) return first;
    if (before === 0) this.first = first;
    this.complete = false;
    return 0;
  }

  /** Frees all but the first `count` clusters. 0 or -EIO. */
  cut(count: number): number {
    if (this.first === 0) return 0;
    let rest = this.first;
    if (count === 0) {
      this.first = 0;
    } else {
      const failed = this.follow(count - 1);
      if (failed < 0) return failed;
      if (this.known < count) return 0;
      const run = this.runOf(count - 1);
      rest = this.table.cutBehind(this.clusters[run]! + (count - 1 - this.indexes[run]!));
      if (rest < 0) return rest;
    }
    const runs = count === 0 ? 0 : this.runOf(count - 1) + 1;
    this.indexes.length = this.clusters.length = this.counts.length = runs;
    if (runs > 0) this.counts[runs - 1] = count - this.indexes[runs - 1]!;
    this.known = count;
    this.complete = true;
    this.met = this.steps = this.lastRun = 0;
    this.limit = 1;
    return this.table.release(rest);
  }

  /** Follows the chain until it has cluster `index` or ends. */
  private follow(index: number): number {
    while (!this.complete && this.known <= index) {
      const run = this.indexes.length - 1;
      const last = run < 0 ? 0 : this.clusters[run]! + this.counts[run]! - 1;
      const next = last === 0 ? this.first : this.table.next(last);
      if (next < 0) return next;
      if (next === 0) {
        this.complete = true;
        break;
      }
      if (next < FIRST_CLUSTER || next >= this.geometry.endCluster) {
        this.report(`invalid cluster ${next}`);
        return -E.IO;
      }
      if (next === this.met || this.known === this.most) {
        this.report(next === this.met ? 'detected a loop in a cluster chain' : 'cluster chain too long');
        return -E.IO;
      }
      if (++this.steps === this.limit) {
        this.met = next;
        this.steps = 0;
        this.limit *= 2;
      }
      if (next === last + 1) {
        this.counts[run]!++;
      } else {
        this.indexes.push(this.known);
        this.clusters.push(next);
        this.counts.push(1);
      }
      this.known++;
    }
    return 0;
  }

  private runOf(index: number): number {
    let low = 0, high = this.indexes.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.indexes[middle]! <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Reads `target[start, start + length)` from `offset` on. 0 or -errno. */
export function readSpace(
  device: BlockDevice, space: Space, target: Uint8Array, start: number, length: number, offset: number,
): number {
  while (length > 0) {
    const position = space.map(offset);
    if (position < 0) return position;
    const count = Math.min(length, space.contiguous);
    const failed = device.read(target.subarray(start, start + count), position);
    if (failed < 0) return failed;
    start += count;
    offset += count;
    length -= count;
  }
  return 0;
}

/** Writes `source[start, start + length)` to `offset` on. 0 or -errno. */
export function writeSpace(
  device: BlockDevice, space: Space, source: Uint8Array, start: number, length: number, offset: number,
): number {
  while (length > 0) {
    const position = space.map(offset);
    if (position < 0) return position;
    const count = Math.min(length, space.contiguous);
    const failed = device.write(source.subarray(start, start + count), position);
    if (failed < 0) return failed;
    start += count;
    offset += count;
    length -= count;
  }
  return 0;
}

const ZEROS_BYTES = 1 << 17;
let zeros: Uint8Array | undefined;

/** Writes zeros. 0 or -errno. */
export function zeroSpace(device: BlockDevice, space: Space, offset: number, length: number): number {
  zeros ??= new Uint8Array(ZEROS_BYTES);
  while (length > 0) {
    const count = Math.min(length, ZEROS_BYTES);
    const failed = writeSpace(device, space, zeros, 0, count, offset);
    if (failed < 0) return failed;
    offset += count;
    length -= count;
  }
  return 0;
}
