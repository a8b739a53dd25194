/**
 * The file allocation table: for each cluster the next one of its chain. Parts of it are kept in memory; `flush` writes
 * what has changed, to all copies. Clusters are given out next-fit, as Linux does.
 */
import { E } from '../../../abi/errno.js';
import type { BlockDevice } from '../../block_device.js';
import { FIRST_CLUSTER, type FatGeometry } from './boot.js';

/** Bytes of the table that are read at once. A table of 12 bits is one part. */
const PART_BYTES = 4096;
/** Parts in memory, 16 MiB of them. */
const MOST_PARTS = 4096;
const SECTOR = 512;
const COUNT_BYTES = 1 << 16;
/** The sector of FAT32 with the count of free clusters and the one given out last. */
const INFO = { mark1: 0, mark2: 484, free: 488, last: 492, MARK1: 0x41615252, MARK2: 0x61417272 } as const;

class Part {
  /** Entries of 16 and 32 bits; for 12 bits, `bytes` is looked at. */
  readonly values: Uint16Array | Uint32Array;
  /** The range of bytes that differ from the device. */
  dirtyFrom = 0;
  dirtyTo = 0;

  constructor(readonly bytes: Uint8Array, bits: number, readonly position: number, readonly firstCluster: number) {
    this.values = bits === 32
      ? new Uint32Array(bytes.buffer, 0, bytes.length >> 2) : new Uint16Array(bytes.buffer, 0, bytes.length >> 1);
  }
}

export class FatTable {
  /** Free clusters, -1 while nobody has counted them. */
  free = -1;
  /** What the information sector said, and what has changed since: right when it was. -1: it said nothing. */
  private told = -1;
  /** The cluster given out last. */
  private last = FIRST_CLUSTER;
  private readonly parts = new Map<number, Part>();
  private readonly dirty = new Set<Part>();
  private readonly bits: number;
  private readonly end: number;
  private readonly mask: number;
  /** Entries from here on are no cluster: a bad one, or the end of a chain. */
  private readonly lastValue: number;
  private readonly perPart: number;
  private infoChanged = false;

  /** `report` hears of entries that cannot be right. */
  constructor(
    private readonly device: BlockDevice, private readonly geometry: FatGeometry,
    private readonly report: (reason: string) => void,
  ) {
    this.bits = geometry.bits;
    this.end = geometry.endCluster;
    this.mask = this.bits === 32 ? 0x0fffffff : (1 << this.bits) - 1;
    this.lastValue = this.mask - 8;
    this.perPart = this.bits === 12 ? 1 << 16 : (PART_BYTES * 8) / this.bits;
  }

  /** The next cluster of a chain; 0 at its end; -EIO for what is no chain. */
  next(cluster: number): number {
    if (this.parts.size > MOST_PARTS) this.shrink();
    if (cluster < FIRST_CLUSTER || cluster >= this.end) return this.wrong(cluster);
    const part = this.partOf(cluster);
    if (part === null) return -E.IO;
    const value = this.value(part, cluster);
    if (value >= this.lastValue) return 0;
    return value < FIRST_CLUSTER || value >= this.end ? this.wrong(value) : value;
  }

  /**
   * Takes `count` free clusters and links them behind `previous` (0: a new chain). Gives the first one, -EIO, or
   * -ENOSPC with nothing changed; `free` is then known.
   */
  allocate(count: number, previous: number): number {
    if (this.free >= 0 && this.free < count) return -E.NOSPC;
    const total = this.end - FIRST_CLUSTER;
    let cluster = this.startNear(previous), first = 0, before = previous, taken = 0, seen = 0, failed = 0;
    while (seen < total && taken < count && failed === 0) {
      if (this.parts.size > MOST_PARTS) this.shrink();
      const part = this.partOf(cluster);
      if (part === null) {
        failed = -E.IO;
        break;
      }
      const stop = Math.min(this.end, part.firstCluster + this.perPart);
      for (; cluster < stop && seen < total && taken < count; cluster++, seen++) {
        if (this.value(part, cluster) !== 0) continue;
        if (before !== 0) failed = this.set(before, cluster);
        if (failed < 0) break;
        this.put(part, cluster, this.mask);
        if (first === 0) first = cluster;
        before = cluster;
        taken++;
      }
      if (cluster >= this.end) cluster = FIRST_CLUSTER;
    }
    if (taken === count && failed === 0) {
      this.last = before;
      this.count(-count);
      return first;
    }
    // All is as it was.
    if (previous !== 0) this.set(previous, this.mask);
    this.count(-taken);
    if (first !== 0) this.release(first);
    if (failed < 0) return failed;
    this.free = taken;
    return -E.NOSPC;
  }

  /** Frees a chain. 0, or -EIO where it goes wrong; what was met before is free. */
  release(cluster: number): number {
    while (cluster !== 0) {
      const next = this.next(cluster);
      if (next < 0) return next;
      const failed = this.set(cluster, 0);
      if (failed < 0) return failed;
      this.count(1);
      cluster = next;
    }
    return 0;
  }

  /** `cluster` becomes the last of its chain; gives the one that came next, 0 or -EIO. */
  cutBehind(cluster: number): number {
    const next = this.next(cluster);
    if (next <= 0) return next;
    const failed = this.set(cluster, this.mask);
    return failed < 0 ? failed : next;
  }

  /** Counts the free clusters if nobody has. The count, or -EIO. */
  countFree(): number {
    if (this.free >= 0) return this.free;
    let count = 0;
    if (this.bits === 12) {
      const part = this.partOf(0);
      if (part === null) return -E.IO;
      for (let cluster = FIRST_CLUSTER; cluster < this.end; cluster++) if (this.value(part, cluster) === 0) count++;
    } else {
      const failed = this.flush();
      if (failed < 0) return failed;
      const width = this.bits >> 3, bytes = new Uint8Array(COUNT_BYTES);
      for (let cluster = 0; cluster < this.end; cluster += COUNT_BYTES / width) {
        const length = Math.min(COUNT_BYTES, (this.end - cluster) * width);
        const position = this.positionOf(this.geometry.tables[0]!) + cluster * width;
        const failed = this.device.read(bytes.subarray(0, length), position);
        if (failed < 0) return failed;
        const values = this.bits === 32
          ? new Uint32Array(bytes.buffer, 0, length >> 2) : new Uint16Array(bytes.buffer, 0, length >> 1);
        for (let i = cluster === 0 ? FIRST_CLUSTER : 0; i < values.length; i++) {
          if ((values[i]! & this.mask) === 0) count++;
        }
      }
    }
    return this.free = count;
  }

  /** Writes what has changed to all copies. 0 or -errno. */
  flush(): number {
    let result = 0;
    for (const part of this.dirty) {
      const from = part.dirtyFrom - (part.dirtyFrom % SECTOR);
      const to = Math.min(part.bytes.length, Math.ceil(part.dirtyTo / SECTOR) * SECTOR);
      const bytes = part.bytes.subarray(from, to);
      let failed = 0;
      for (const copy of this.geometry.tables) {
        failed ||= this.device.write(bytes, this.positionOf(copy) + part.position + from);
      }
      if (failed < 0) {
        result = failed;
        continue;
      }
      part.dirtyFrom = part.dirtyTo = 0;
      this.dirty.delete(part);
    }
    return result;
  }

  /** FAT32: what the information sector says is a hint where to look, and with `believe` how many are free. */
  readInfo(believe: boolean): number {
    if (this.geometry.infoStart === 0) return 0;
    const view = this.info();
    if (typeof view === 'number') return view;
    if (!isInfo(view)) return 0;
    const free = view.getUint32(INFO.free, true), last = view.getUint32(INFO.last, true) % this.end;
    if (free <= this.end - FIRST_CLUSTER) this.told = free;
    if (believe) this.free = this.told;
    this.last = Math.max(FIRST_CLUSTER, last);
    return 0;
  }

  /** Writes the information sector, if it is one and clusters were given out or back. */
  writeInfo(): number {
    if (this.geometry.infoStart === 0 || !this.infoChanged) return 0;
    const view = this.info();
    if (typeof view === 'number') return view;
    this.infoChanged = false;
    if (!isInfo(view)) return 0;
    const free = this.free < 0 ? this.told : this.free;
    if (free >= 0) view.setUint32(INFO.free, free, true);
    view.setUint32(INFO.last, this.last, true);
    return this.device.write(new Uint8Array(view.buffer), this.geometry.infoStart);
  }

  private count(by: number): void {
    if (this.free >= 0) this.free += by;
    if (this.told >= 0) this.told = Math.max(0, this.told + by);
    this.infoChanged = true;
  }

  private info(): DataView | number {
    const bytes = new Uint8Array(SECTOR);
    const failed = this.device.read(bytes, this.geometry.infoStart);
    return failed < 0 ? failed : new DataView(bytes.buffer);
  }

  private positionOf(copy: number): number {
    return this.geometry.tableStart + copy * this.geometry.tableBytes;
  }

  /** Behind `previous` if that is free, else behind the one given out last. */
  private startNear(previous: number): number {
    const near = previous + 1;
    if (previous !== 0 && near < this.end) {
      const part = this.partOf(near);
      if (part !== null && this.value(part, near) === 0) return near;
    }
    return this.last + 1 < this.end ? this.last + 1 : FIRST_CLUSTER;
  }

  private partOf(cluster: number): Part | null {
    const index = Math.floor(cluster / this.perPart);
    const known = this.parts.get(index);
    if (known !== undefined) return known;
    const position = this.bits === 12 ? 0 : index * PART_BYTES;
    const needed = this.bits === 12 ? Math.ceil((this.end * 3) / 2) : (this.end * this.bits) / 8 - position;
    const sectors = Math.ceil(Math.min(needed, this.bits === 12 ? needed : PART_BYTES) / SECTOR);
    const bytes = new Uint8Array(Math.min(sectors * SECTOR, this.geometry.tableBytes - position));
    if (this.device.read(bytes, this.positionOf(this.geometry.tables[0]!) + position) < 0) {
      this.report(`FAT read failed (cluster ${cluster})`);
      return null;
    }
    const part = new Part(bytes, this.bits, position, index * this.perPart);
    this.parts.set(index, part);
    return part;
  }

  private value(part: Part, cluster: number): number {
    if (this.bits !== 12) return part.values[cluster - part.firstCluster]! & this.mask;
    const at = cluster + (cluster >> 1);
    const pair = part.bytes[at]! | (part.bytes[at + 1]! << 8);
    return cluster & 1 ? pair >> 4 : pair & 0xfff;
  }

  private set(cluster: number, value: number): number {
    const part = this.partOf(cluster);
    if (part === null) return -E.IO;
    this.put(part, cluster, value);
    return 0;
  }

  private put(part: Part, cluster: number, value: number): void {
    let at: number, width: number;
    if (this.bits === 12) {
      at = cluster + (cluster >> 1);
      width = 2;
      const { bytes } = part;
      if (cluster & 1) {
        bytes[at] = (bytes[at]! & 0x0f) | ((value & 0xf) << 4);
        bytes[at + 1] = value >> 4;
      } else {
        bytes[at] = value & 0xff;
        bytes[at + 1] = (bytes[at + 1]! & 0xf0) | (value >> 8);
      }
    } else {
      const index = cluster - part.firstCluster;
      width = this.bits >> 3;
      at = index * width;
      // The upper four bits of 32 are not ours.
      part.values[index] = this.bits === 32 ? (part.values[index]! & ~this.mask) | value : value;
    }
    if (part.dirtyTo === 0) {
      part.dirtyFrom = at;
      part.dirtyTo = at + width;
      this.dirty.add(part);
    } else {
      if (at < part.dirtyFrom) part.dirtyFrom = at;
      if (at + width > part.dirtyTo) part.dirtyTo = at + width;
    }
  }

  /** Forgets parts that are on the device. */
  private shrink(): void {
    this.flush();
    for (const [index, part] of this.parts) if (part.dirtyTo === 0) this.parts.delete(index);
  }

  private wrong(entry: number): number {
    this.report(`invalid access to FAT (entry 0x${entry.toString(16).padStart(8, '0')})`);
    return -E.IO;
  }
}

function isInfo(view: DataView): boolean {
  return view.getUint32(INFO.mark1, true) === INFO.MARK1 && view.getUint32(INFO.mark2, true) === INFO.MARK2;
}
