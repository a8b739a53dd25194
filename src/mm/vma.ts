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
    /** What /proc/PID/maps calls an area without file: '[stack]', '[vdso]', or ''. */
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

/** Remembers where a top-down search needs to begin: every gap above `from` is at most `largest` bytes. */
class GapSearch {
  from: number;
  largest = 0;
  constructor(readonly low: number, readonly high: number) {
    this.from = high;
  }
}

export class VmaList {
  private readonly areas: Vma[] = [];
  private readonly searches: GapSearch[] = [];
  /** Bytes in all areas. */
  bytes = 0;

  get length(): number {
    return this.areas.length;
  }

  at(index: number): Vma | undefined {
    return this.areas[index];
  }

  [Symbol.iterator](): IterableIterator<Vma> {
    return this.areas[Symbol.iterator]();
  }

  /** Index of the first area that ends above `addr`; `length` when there is none. */
  indexAt(addr: number): number {
    const areas = this.areas;
    let low = 0;
    let high = areas.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (areas[middle]!.end > addr) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The area that contains `addr`. */
  find(addr: number): Vma | undefined {
    const area = this.areas[this.indexAt(addr)];
    return area !== undefined && area.start <= addr ? area : undefined;
  }

  /** Whether nothing in [start, end) is mapped. */
  isFree(start: number, end: number): boolean {
    const next = this.areas[this.indexAt(start)];
    return next === undefined || next.start >= end;
  }

  /** Whether all of [start, end) is mapped. */
  covers(start: number, end: number): boolean {
    for (let i = this.indexAt(start), at = start; at < end; i++) {
      const area = this.areas[i];
      if (area === undefined || area.start > at) return false;
      at = area.end;
    }
    return true;
  }

  /** Makes `addr` a boundary between areas; gives the index of the first area at or above it. */
  splitAt(addr: number): number {
    const index = this.indexAt(addr);
    const area = this.areas[index];
    if (area === undefined || area.start >= addr) return index;
    const upper = new Vma(addr, area.end, area.prot, area.flags, area.file, area.offsetOf(addr), area.name);
    upper.backed = area.backed;
    upper.origin = area.origin;
    area.file?.retain();
    area.end = addr;
    this.areas.splice(index + 1, 0, upper);
    return index + 1;
  }

  /** Adds an area; [start, end) must be free. Takes over the caller's reference on its file. Gives the (merged) area. */
  insert(area: Vma): Vma {
    const index = this.indexAt(area.start);
    this.areas.splice(index, 0, area);
    this.bytes += area.end - area.start;
    return this.areas[this.mergeAround(index, index + 1)]!;
  }

  /** Removes the areas of [start, end), cut at its ends, and gives them; their file references are the caller's now. */
  remove(start: number, end: number): Vma[] {
    const first = this.splitAt(start);
    const last = this.splitAt(end);
    if (first === last) return [];
    const gone = this.areas.splice(first, last - first);
    for (const area of gone) this.bytes -= area.end - area.start;
    this.noteGap(first);
    return gone;
  }

  /** Calls `change` for each area of [start, end), cut at its ends, then merges what has become alike. */
  update(start: number, end: number, change: (area: Vma) => void): void {
    const first = this.splitAt(start);
    const last = this.splitAt(end);
    for (let i = first; i < last; i++) change(this.areas[i]!);
    this.mergeAround(first, last);
  }

  /** Moves the lower or upper end of an area into free space. */
  resize(area: Vma, start: number, end: number): void {
    this.bytes += end - start - (area.end - area.start);
    const shrunk = start > area.start || end < area.end;
    if (area.file !== null) area.offset += start - area.start;
    area.start = start;
    area.end = end;
    const index = this.indexAt(start);
    if (shrunk) {
      this.noteGap(index);
      this.noteGap(index + 1);
    }
    this.mergeAround(index, index + 1);
  }

  /**
   * The highest free `length` bytes in [low, high), the guard gaps of stacks respected; -1 when there is no such gap.
   * @param length a page multiple
   */
  findGap(length: number, low: number, high: number): number {
    let search: GapSearch | undefined;
    for (const known of this.searches) if (known.low === low && known.high === high) search = known;
    if (search === undefined) this.searches.push((search = new GapSearch(low, high)));
    let top = high;
    if (length > search.largest) top = search.from;
    else search.largest = 0;
    let largest = search.largest;
    let index = this.indexAt(top - 1);
    const above = this.areas[index];
    if (above !== undefined && above.claim < top) {
      top = above.claim;
    }
    for (;;) {
      const below = this.areas[--index];
      const bottom = Math.max(low, below === undefined ? low : below.end);
      if (top - bottom >= length) {
        search.from = top;
        search.largest = largest;
        return top - length;
      }
      if (top - bottom > largest) largest = top - bottom;
      if (below === undefined || below.end <= low) break;
      top = below.claim;
    }
    search.from = low;
    search.largest = largest;
    return -1;
  }

  /** The lowest free `length` bytes in [low, high); -1 when there is no such gap. */
  findGapUp(length: number, low: number, high: number): number {
    let at = low;
    for (let i = this.indexAt(low); at + length <= high; i++) {
      const area = this.areas[i];
      if (area === undefined || area.claim - at >= length) return at;
      if (area.end > at) at = area.end;
    }
    return -1;
  }

  /** A gap appeared or grew just below the area at `index`: searches may have to begin above it again. */
  private noteGap(index: number): void {
    const above = this.areas[index];
    const below = this.areas[index - 1];
    for (const search of this.searches) {
      const top = Math.min(search.high, above === undefined ? search.high : above.claim);
      const bottom = Math.max(search.low, below === undefined ? search.low : below.end);
      if (top > search.from && top - bottom > search.largest) search.from = top;
    }
  }

  /** Merges compatible neighbours among areas first-1 … last; gives the new index of what was at `first`. */
  private mergeAround(first: number, last: number): number {
    const areas = this.areas;
    let keep = Math.max(0, first - 1);
    let result = first;
    const stop = Math.min(last, areas.length - 1);
    for (let i = keep + 1; i <= stop; i++) {
      const lower = areas[keep]!;
      const upper = areas[i]!;
      if (mergeable(lower, upper)) {
        lower.end = upper.end;
        lower.backed = 0;
        upper.file?.release();
      } else {
        areas[++keep] = upper;
      }
      if (i === first) result = keep;
    }
    const removed = stop - keep;
    if (removed > 0) areas.splice(keep + 1, removed);
    return result;
  }
}

function mergeable(lower: Vma, upper: Vma): boolean {
  return lower.end === upper.start && lower.prot === upper.prot && lower.flags === upper.flags &&
    lower.file === upper.file && lower.name === upper.name &&
    (lower.file === null || lower.offset + (lower.end - lower.start) === upper.offset);
}
