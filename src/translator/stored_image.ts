/**
 * Translated code of one image (a program or a library) in a form that outlives the process. pack_image.ts makes it;
 * `StoredImage.install` puts it into the cache of another process, wherever the image is mapped there.
 *
 * A header of words (HEADER), then sections of words in the order of `parse`, then the code. Cache offsets are counted from
 * the code's beginning, guest addresses from where byte 0 of the image's file is mapped.
 */
import { native } from '../host/native.js';
import { type Assembler, LINE } from './assembler.js';
import type { Fragment, Translations } from './code_space.js';
import type { InstructionLog } from './instruction_log.js';
import { Reloc, type RelocationLog } from './relocations.js';

export const MAGIC = 0x31587870;
export const HEADER = 16;
const PAGE_SIZE = 4096;
export const HALF = 0x8000_0000;
/** Guest addresses whose entries fill a page of the indirect table. */
const TABLE_PAGE = 512;
/** Of an instruction. */
const MOST_BYTES = 15;
/** Words of a fragment: codeStart, codeEnd, logStart, logEnd, relocationStart, relocationEnd. */
const FRAGMENT_WORDS = 6;
/** Words of a page: its number, and where its entries begin in `entries` and in `coverage`. */
const PAGE_WORDS = 3;

/** The sections of a stored image, and what its header says. */
export class StoredImage {
  /** SAVE_X87, SAVE_YMM: what the code uses. */
  readonly saves: number;
  /** Instructions. */
  readonly size: number;
  /** By page, ascending; a last one ends the ranges of the others. */
  readonly pages: Uint32Array;
  /** Log entries where an instruction begins that can be found, by page. */
  readonly entries: Uint32Array;
  /** Fragments with code of a page, by page. */
  readonly coverage: Uint32Array;
  readonly hosts: Uint32Array;
  readonly pcs: Uint32Array;
  readonly fixups: Uint32Array;
  readonly relocations: Uint32Array;
  readonly targets: Uint32Array;
  /** Fields to relocate outside of fragments. */
  readonly stubRelocations: Uint32Array;
  readonly fragments: Uint32Array;
  /** Guest address and thunk of indirect targets, ascending. */
  readonly thunks: Uint32Array;
  readonly code: Uint8Array;
  /** Least and greatest address of an instruction, as signed distances from byte 0. */
  private readonly low: number;
  private readonly high: number;
  /** It was made in the upper half of the window. */
  private readonly upper: boolean;

  private constructor(bytes: Uint8Array, header: Uint32Array) {
    let at = HEADER;
    const section = (words: number): Uint32Array => {
      const start = bytes.byteOffset + at * 4;
      at += words;
      return new Uint32Array(bytes.buffer, start, words);
    };
    this.saves = header[4]!;
    this.low = header[5]! | 0;
    this.high = header[6]! | 0;
    this.size = header[9]!;
    this.upper = header[15]! !== 0;
    this.pages = section(header[7]!);
    this.entries = section(header[8]!);
    this.coverage = section(header[14]!);
    this.hosts = section(this.size);
    this.pcs = section(this.size);
    this.fixups = section(this.size);
    this.relocations = section(header[10]!);
    this.targets = section(header[10]!);
    this.stubRelocations = section(header[11]!);
    this.fragments = section(header[12]!);
    this.thunks = section(header[13]!);
    this.code = bytes.subarray(at * 4);
  }

  /** Reads what `packImage` made. null: it is damaged, or something else. */
  static parse(bytes: Uint8Array): StoredImage | null {
    if (bytes.length < HEADER * 4 || bytes.byteOffset % 4 !== 0) return null;
    const header = new Uint32Array(bytes.buffer, bytes.byteOffset, HEADER);
    if (header[0] !== MAGIC || header[1] !== bytes.length) return null;
    const sum = native.hashBytes(bytes, 16, bytes.length);
    if (sum !== header[2]! + header[3]! * 2 ** 32) return null;
    return new StoredImage(bytes, header);
  }

  /** Whether its code is right where byte 0 of the file is at `base`: how a call is emitted depends on the half of the window. */
  fits(base: number): boolean {
    const low = base + this.low;
    const high = base + this.high + MOST_BYTES;
    return low >= 0 && high < 2 * HALF && (low >= HALF) === (high >= HALF) && (low >= HALF) === this.upper;
  }

  /** Whether `holds` for the number of every page with code. */
  everyPage(base: number, holds: (page: number) => boolean): boolean {
    const { pages } = this;
    const first = base / PAGE_SIZE;
    for (let at = 0; at < pages.length - PAGE_WORDS; at += PAGE_WORDS) if (!holds(pages[at]! + first)) return false;
    return true;
  }

  /** Puts the code into the cache and its entries at the end of the logs. */
  install(asm: Assembler, log: InstructionLog, base: number): InstalledImage {
    const codeBase = asm.at = (asm.at + LINE - 1) & -LINE;
    asm.bytes.set(this.code, codeBase);
    asm.at += this.code.length;
    native.codeRelocate(this.relocations, codeBase, base);
    native.codeRelocate(this.stubRelocations, codeBase, base);
    const logBase = log.length;
    log.append(this.hosts, this.pcs, this.fixups, codeBase, base);
    const { relocations } = asm;
    const relocationBase = relocations.length;
    relocations.append(this.relocations, this.targets, codeBase, base);
    return new InstalledImage(this, codeBase, base, logBase, relocationBase);
  }
}

/** A stored image in this process's code cache. */
export class InstalledImage {
  constructor(
    private readonly image: StoredImage, private readonly codeBase: number, readonly base: number,
    private readonly logBase: number, private readonly relocationBase: number,
  ) {}

  get size(): number {
    return this.image.size;
  }

  /** Index in `image.pages` of the first page that is not below `page`. */
  private pageIndex(page: number): number {
    const { pages } = this.image;
    const wanted = page - this.base / PAGE_SIZE;
    let low = 0;
    let high = pages.length / PAGE_WORDS - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (pages[middle * PAGE_WORDS]! < wanted) low = middle + 1;
      else high = middle;
    }
    return low * PAGE_WORDS;
  }

  /** Calls `visit` with each page that has code. */
  eachPage(visit: (page: number) => void): void {
    this.image.everyPage(this.base, (page) => {
      visit(page);
      return true;
    });
  }

  /** Whether a page of [first, last) has code. */
  hasPage(first: number, last: number): boolean {
    const { pages } = this.image;
    const at = this.pageIndex(first);
    return at < pages.length - PAGE_WORDS && pages[at]! + this.base / PAGE_SIZE < last;
  }

  /** Cache offsets of the instructions of a page, by their place in it; undefined: it has none. */
  entriesOf(page: number): Int32Array | undefined {
    if (!this.hasPage(page, page + 1)) return undefined;
    const { pages, entries, hosts, pcs } = this.image;
    const at = this.pageIndex(page);
    const found = new Int32Array(PAGE_SIZE);
    for (let i = pages[at + 1]!; i < pages[at + PAGE_WORDS + 1]!; i++) {
      const entry = entries[i]!;
      found[pcs[entry]! & (PAGE_SIZE - 1)] = hosts[entry]! + this.codeBase;
    }
    return found;
  }

  /** Calls `visit` with each indirect target near `pc`, and its thunk: those whose table entries are in one page of the host's. */
  eachThunk(pc: number, visit: (pc: number, host: number) => void): void {
    const { thunks } = this.image;
    const first = pc - pc % TABLE_PAGE - this.base;
    let low = 0;
    let high = thunks.length >>> 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (thunks[middle * 2]! < first) low = middle + 1;
      else high = middle;
    }
    for (let at = low * 2; at < thunks.length && thunks[at]! < first + TABLE_PAGE; at += 2) {
      visit(thunks[at]! + this.base, thunks[at + 1]! + this.codeBase);
    }
  }

  /** Describes all of it as if it had been translated here. */
  describe(translations: Translations, relocations: RelocationLog, bytes: DataView): void {
    const { image, base, codeBase, logBase, relocationBase } = this;
    const fragments: Fragment[] = [];
    for (let at = 0; at < image.fragments.length; at += FRAGMENT_WORDS) {
      const word = (index: number): number => image.fragments[at + index]!;
      fragments.push({
        codeStart: word(0) + codeBase, codeEnd: word(1) + codeBase, logStart: word(2) + logBase, logEnd: word(3) + logBase,
        relocationStart: word(4) + relocationBase, relocationEnd: word(5) + relocationBase, oneImage: true,
      });
    }
    const { pages, coverage, thunks } = image;
    for (let at = 0; at < pages.length - PAGE_WORDS; at += PAGE_WORDS) {
      const page = pages[at]! + base / PAGE_SIZE;
      translations.find(page * PAGE_SIZE);
      for (let i = pages[at + 2]!; i < pages[at + PAGE_WORDS + 2]!; i++) translations.addToPage(page, fragments[coverage[i]!]!);
    }
    for (let at = 0; at < thunks.length; at += 2) {
      const pc = thunks[at]! + base;
      if (!translations.thunks.has(pc)) translations.thunks.set(pc, thunks[at + 1]! + codeBase);
    }
    const end = relocationBase + image.relocations.length;
    for (let at = relocationBase; at < end; at++) {
      if (relocations.kindAt(at) !== Reloc.Branch) continue;
      const site = relocations.siteAt(at);
      const target = relocations.targetAt(at);
      if (site + 4 + bytes.getInt32(site, true) === translations.find(target)) translations.addLink(target, site);
    }
  }
}
