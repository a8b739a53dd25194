/**
 * Virtual memory areas: what the guest has mapped where. Pure book-keeping; the pages themselves are the window's.
 * A `VmaList` keeps them sorted, disjoint and merged where Linux would merge them.
 */
import type { MappedFile } from './mapped_file.js';

/** Properties of an area besides its protection. The values are ours. */
export const VmFlag = {
  /** MAP_SHARED: stores reach the file, or the other spaces that map the same memory. */
  Shared: 1,
  GrowsDown: 2,
  Locked: 4,
  NoReserve: 8,
  /** madvise(MADV_DONTFORK). */
  DontFork: 16,
  /** madvise(MADV_WIPEONFORK). */
  WipeOnFork: 32,
  DontDump: 64,
  /** A private area that was writable at some time: it may hold pages of its own, and they are accounted. */
  Written: 128,
  /** mprotect may not make it writable: a shared mapping of a file opened read-only. */
  NoWrite: 256,
  /** mprotect may not make it executable: the file is on a noexec mount. */
  NoExec: 512,
} as const;

/** Bytes kept free below an area that grows down (stack_guard_gap, 256 pages). */
export const STACK_GUARD_GAP = 0x10_0000;

export class Vma {
  /** Address up to which the file was last known to back the area; 0: not asked yet. */
  backed = 0;
  /** What codeOrigin gives for all of the area; undefined: not asked yet. */
  origin: string | undefined;

  constructor(
    /** First byte; a page multiple. */
    public start: number,
    /** First byte behind. */
    public end: number,
    /** PROT bits as the guest gave them. */
    public prot: number,
    /** VmFlag bits. */
    public flags: number,
    public file: MappedFile | null,
    /** Byte in the file that `start` shows. */
    public offset: number,
    /** What /proc/PID/maps calls an area without file: '[stack]' or ''. */
    public name: string,
  ) {}

  /** Lowest address that the area claims for itself: its start, or the bottom of its guard gap. */
  get claim(): number {
    return (this.flags & VmFlag.GrowsDown) !== 0 ? Math.max(0, this.start - STACK_GUARD_GAP) : this.start;
  }

  /** File offset of the byte at `addr`. */
  offsetOf(addr: number): number {
    return this.file === null ? 0 : this.offset + (addr - this.start);
  }
}

let live = 0;

/** Areas in all lists that are in use. */
export function liveAreas(): number {
  return live;
}

/** Areas of a chunk at most; then it is split in two. */
const CHUNK = 128;

/** A run of neighbouring areas: what is inserted moves only those behind it in its chunk. */
class Chunk {
  constructor(readonly areas: Vma[]) {}

  get last(): Vma {
    return this.areas[this.areas.length - 1]!;
  }
}

export class VmaList {
  /** None is empty. */
  private readonly chunks: Chunk[] = [];
  /** By chunk: the largest gap before one of its areas (the guard gaps of stacks respected); -1: to be determined. */
  private readonly gaps: number[] = [];
  /** Bytes in all areas, and their number. */
  bytes = 0;
  length = 0;
  /** Where `locate` has found something: chunk and index in it. */
  private chunk = 0;
  private index = 0;

  /** The list is of no further use. */
  dispose(): void {
    live -= this.length;
    this.length = 0;
  }

  *[Symbol.iterator](): IterableIterator<Vma> {
    for (const chunk of this.chunks) yield* chunk.areas;
  }

  /** Finds the first area that ends above `addr`; undefined when there is none (`chunk` is then behind the last). */
  private locate(addr: number): Vma | undefined {
    const { chunks } = this;
    let low = 0;
    let high = chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (chunks[middle]!.last.end > addr) high = middle;
      else low = middle + 1;
    }
    this.chunk = low;
    this.index = 0;
    if (low === chunks.length) return undefined;
    const { areas } = chunks[low]!;
    low = 0;
    high = areas.length - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (areas[middle]!.end > addr) high = middle;
      else low = middle + 1;
    }
    this.index = low;
    return areas[low];
  }

  /** The area that contains `addr`. */
  find(addr: number): Vma | undefined {
    const area = this.locate(addr);
    return area !== undefined && area.start <= addr ? area : undefined;
  }

  /** The first area that ends above `addr`: the one that contains it, or the next. */
  above(addr: number): Vma | undefined {
    return this.locate(addr);
  }

  /** The last area that ends at or below `addr`. */
  below(addr: number): Vma | undefined {
    this.locate(addr);
    if (this.index > 0) return this.chunks[this.chunk]!.areas[this.index - 1];
    return this.chunks[this.chunk - 1]?.last;
  }

  /** Whether nothing in [start, end) is mapped. */
  isFree(start: number, end: number): boolean {
    const next = this.locate(start);
    return next === undefined || next.start >= end;
  }

  /** Whether all of [start, end) is mapped. */
  covers(start: number, end: number): boolean {
    for (let at = start; at < end; ) {
      const area = this.locate(at);
      if (area === undefined || area.start > at) return false;
      at = area.end;
    }
    return true;
  }

  /**
   * Adds an area; [start, end) must be free. Takes over the caller's reference on its file. Gives the (merged) area.
   */
  insert(area: Vma): Vma {
    this.place(area);
    this.bytes += area.end - area.start;
    this.mergeAt(area.end);
    return this.mergeAt(area.start) ?? area;
  }

  /** Removes the areas of [start, end), cut at its ends, and gives them; their file references are the caller's now. */
  remove(start: number, end: number): Vma[] {
    this.splitAt(start);
    this.splitAt(end);
    const gone: Vma[] = [];
    for (let first = this.locate(start); first !== undefined && first.start < end; first = this.locate(start)) {
      const { areas } = this.chunks[this.chunk]!;
      let stop = this.index + 1;
      while (stop < areas.length && areas[stop]!.start < end) stop++;
      for (let i = this.index; i < stop; i++) {
        this.bytes -= areas[i]!.end - areas[i]!.start;
        gone.push(areas[i]!);
      }
      this.takeOut(this.chunk, this.index, stop - this.index);
    }
    return gone;
  }

  /** Calls `change` for each area of [start, end), cut at its ends, then merges what has become alike. */
  update(start: number, end: number, change: (area: Vma) => void): void {
    this.splitAt(start);
    this.splitAt(end);
    for (let area = this.locate(start); area !== undefined && area.start < end; area = this.locate(area.end)) {
      change(area);
      this.markChanged(this.chunk);
    }
    this.mergeAt(start);
    for (let area = this.locate(start); area !== undefined && area.end <= end; ) area = this.mergeAt(area.end);
  }

  /** Moves the lower or upper end of an area into free space. */
  resize(area: Vma, start: number, end: number): void {
    this.locate(area.start);
    this.bytes += end - start - (area.end - area.start);
    if (area.file !== null) area.offset += start - area.start;
    area.start = start;
    area.end = end;
    this.markChanged(this.chunk);
    this.mergeAt(end);
    this.mergeAt(start);
  }

  /**
   * The highest free `length` bytes in [low, high), the guard gaps of stacks respected; -1 when there is no such gap.
   * @param length a page multiple
   */
  findGap(length: number, low: number, high: number): number {
    const { chunks } = this;
    const above = this.locate(high - 1);
    let top = above === undefined ? high : Math.min(high, above.claim);
    let { chunk, index } = this;
    for (;;) {
      if (--index < 0) {
        if (--chunk < 0) break;
        index = chunks[chunk]!.areas.length - 1;
      }
      const { areas } = chunks[chunk]!;
      const below = areas[index]!;
      const bottom = Math.max(low, below.end);
      if (top - bottom >= length) return top - length;
      if (below.end <= low) return -1;
      top = below.claim;
      // A chunk without such a gap, and without one before it, is passed over.
      while (chunk > 0 && index === chunks[chunk]!.areas.length - 1 && this.largestGap(chunk) < length) {
        const { gaps } = this;
        do chunk--;
        while (chunk > 0 && gaps[chunk]! < length && gaps[chunk]! >= 0);
        index = chunks[chunk]!.areas.length - 1;
        const { last } = chunks[chunk]!;
        if (last.end <= low) return -1;
        top = last.claim;
      }
    }
    return top - low >= length ? top - length : -1;
  }

  private largestGap(at: number): number {
    let largest = this.gaps[at]!;
    if (largest >= 0) return largest;
    largest = 0;
    let end = at > 0 ? this.chunks[at - 1]!.last.end : 0;
    for (const area of this.chunks[at]!.areas) {
      const gap = area.claim - end;
      if (gap > largest) largest = gap;
      end = area.end;
    }
    this.gaps[at] = largest;
    return largest;
  }

  /** The areas of a chunk have changed: its gaps, and the one behind it. */
  private markChanged(chunk: number): void {
    if (chunk < this.gaps.length) this.gaps[chunk] = -1;
    if (chunk + 1 < this.gaps.length) this.gaps[chunk + 1] = -1;
  }

  /** Enters an area at its place. */
  private place(area: Vma): void {
    const { chunks } = this;
    const next = this.locate(area.start);
    if (next === undefined && chunks.length > 0) {
      // Behind the last.
      this.chunk = chunks.length - 1;
      this.index = chunks[this.chunk]!.areas.length;
    }
    this.length++;
    live++;
    if (chunks.length === 0) {
      chunks.push(new Chunk([area]));
      this.gaps.push(-1);
      return;
    }
    const { areas } = chunks[this.chunk]!;
    areas.splice(this.index, 0, area);
    if (areas.length > CHUNK) {
      chunks.splice(this.chunk + 1, 0, new Chunk(areas.splice(CHUNK >>> 1)));
      this.gaps.splice(this.chunk + 1, 0, -1);
      this.markChanged(this.chunk + 1);
    }
    this.markChanged(this.chunk);
  }

  private takeOut(chunk: number, index: number, count: number): void {
    const { areas } = this.chunks[chunk]!;
    areas.splice(index, count);
    this.length -= count;
    live -= count;
    if (areas.length === 0) {
      this.chunks.splice(chunk, 1);
      this.gaps.splice(chunk, 1);
    }
    this.markChanged(chunk);
  }

  /** Makes `addr` a boundary between areas. */
  private splitAt(addr: number): void {
    const area = this.locate(addr);
    if (area === undefined || area.start >= addr) return;
    const upper = new Vma(addr, area.end, area.prot, area.flags, area.file, area.offsetOf(addr), area.name);
    upper.backed = area.backed;
    upper.origin = area.origin;
    area.file?.retain();
    area.end = addr;
    this.place(upper);
  }

  /**
   * Makes the areas that meet at `addr` one, if they are alike. Gives the area that begins at `addr` or now contains
   * it.
   */
  private mergeAt(addr: number): Vma | undefined {
    const lower = this.locate(addr - 1);
    if (lower === undefined || lower.start >= addr) return lower;
    const { areas } = this.chunks[this.chunk]!;
    const inChunk = this.index + 1 < areas.length;
    const upper = inChunk ? areas[this.index + 1] : this.chunks[this.chunk + 1]?.areas[0];
    if (upper === undefined || !mergeable(lower, upper)) return upper;
    lower.end = upper.end;
    lower.backed = 0;
    upper.file?.release();
    this.markChanged(this.chunk);
    if (inChunk) this.takeOut(this.chunk, this.index + 1, 1);
    else this.takeOut(this.chunk + 1, 0, 1);
    return lower;
  }
}

function mergeable(lower: Vma, upper: Vma): boolean {
  return lower.end === upper.start && lower.prot === upper.prot && lower.flags === upper.flags &&
    lower.file === upper.file && lower.name === upper.name &&
    (lower.file === null || lower.offset + (lower.end - lower.start) === upper.offset);
}
