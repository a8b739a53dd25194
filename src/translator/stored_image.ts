/**
 * Translated code of one image (a program or a library) in a form that outlives the process. `buildImage` makes it from the
 * fragments of an image, packed and linked with each other; `StoredImage.install` puts it into the cache of another process,
 * wherever the image is mapped there.
 *
 * A header of words (HEADER), then sections of words in the order of `parse`, then the code. Cache offsets are counted from
 * the code's beginning, guest addresses from where byte 0 of the image's file is mapped.
 */
import { native, type CodeLayout } from '../host/native.js';
import { Assembler } from './assembler.js';
import type { Fragment, Translations } from './code_space.js';
import { INSIDE, type InstructionLog } from './instruction_log.js';
import { Reloc, type RelocationLog } from './relocations.js';

const MAGIC = 0x31587870;
const HEADER = 16;
const KIND_SHIFT = 29;
const PAGE_SHIFT = 12;
const PAGE_SIZE = 4096;
const HALF = 0x8000_0000;
/** Guest addresses whose entries fill a page of the indirect table. */
const TABLE_PAGE = 512;
/** Of an instruction. */
const MOST_BYTES = 15;
/** Words of a fragment: codeStart, codeEnd, logStart, logEnd, relocationStart, relocationEnd. */
const FRAGMENT_WORDS = 6;
/** Words of a page: its number, and where its entries begin in `entries` and in `coverage`. */
const PAGE_WORDS = 3;
/** Host bytes of a link stub, and of a thunk that stands alone. */
const STUB_BYTES = 13;
const THUNK_BYTES = 14;

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

  /** Reads what `buildImage` made. null: it is damaged, or something else. */
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

  /** First and last page with code. */
  firstPage(base: number): number {
    return this.pages[0]! * PAGE_SIZE + base;
  }
  lastPage(base: number): number {
    return this.pages[this.pages.length - 2 * PAGE_WORDS]! * PAGE_SIZE + base;
  }

  /** Puts the code into the cache and its entries at the end of the logs. */
  install(asm: Assembler, log: InstructionLog, base: number): InstalledImage {
    const codeBase = asm.at = (asm.at + 15) & ~15;
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
    const { pages } = this.image;
    const first = this.base / PAGE_SIZE;
    for (let at = 0; at < pages.length - PAGE_WORDS; at += PAGE_WORDS) visit(pages[at]! + first);
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

/** The logs and the cache that fragments refer to. */
export interface CodeStorage {
  readonly log: InstructionLog;
  readonly relocations: RelocationLog;
  readonly code: DataView;
  readonly layout: CodeLayout;
}

/** A fragment on its way into a stored image. */
interface Packed {
  readonly fragment: Fragment;
  /** What to add to a cache offset. */
  readonly shift: number;
}

/** Sections are written in order; their lengths go into the header. */
function concatenate(header: Uint32Array, sections: readonly (readonly number[] | Uint32Array)[], code: Uint8Array): Uint8Array {
  let words = HEADER;
  for (const section of sections) words += section.length;
  const bytes = new Uint8Array(words * 4 + code.length);
  const all = new Uint32Array(bytes.buffer, 0, words);
  let at = HEADER;
  for (const section of sections) {
    all.set(section, at);
    at += section.length;
  }
  bytes.set(code, words * 4);
  header[1] = bytes.length;
  all.set(header, 0);
  const sum = native.hashBytes(bytes, 16, bytes.length);
  all[2] = sum % 2 ** 32;
  all[3] = Math.floor(sum / 2 ** 32);
  return bytes;
}

/**
 * Packs the fragments of an image. All of it must be described in `translations` itself.
 * @param base where byte 0 of the image's file is
 * @param belongs whether the code of a page is the image's
 * @returns null when there is nothing to keep
 */
export function buildImage(
  translations: Translations, storage: CodeStorage, base: number, belongs: (page: number) => boolean, saves: number,
): Uint8Array | null {
  const { log, relocations, code } = storage;
  const chosen = new Set<Fragment>();
  const pageFragments: (readonly [number, Fragment[]])[] = [];
  translations.eachPage((page, list) => {
    if (!belongs(page)) return;
    const kept = list.filter((one) => one.oneImage && one.logEnd > one.logStart);
    for (const one of kept) chosen.add(one);
    pageFragments.push([page, kept]);
  });
  if (chosen.size === 0) return null;
  pageFragments.sort((a, b) => a[0] - b[0]);

  const packed: Packed[] = [];
  let end = 0;
  let branches = 0;
  const numbers = new Map<Fragment, number>();
  for (const fragment of [...chosen].sort((a, b) => a.codeStart - b.codeStart)) {
    const start = end + ((fragment.codeStart - end) & 15);
    numbers.set(fragment, packed.length);
    packed.push({ fragment, shift: start - fragment.codeStart });
    end = start + fragment.codeEnd - fragment.codeStart;
    branches += fragment.relocationEnd - fragment.relocationStart;
  }

  /** Where the translation of `pc` goes, or -1. */
  const placeOf = (pc: number): number => {
    const host = translations.find(pc);
    let low = 0;
    let high = packed.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (packed[middle]!.fragment.codeStart <= host) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return -1;
    const { fragment, shift } = packed[low - 1]!;
    return host < fragment.codeEnd ? host + shift : -1;
  };

  const bytes = new Uint8Array(end + branches * STUB_BYTES + translations.thunks.size * THUNK_BYTES);
  const out = new Assembler(bytes, storage.layout);
  const view = new DataView(bytes.buffer);
  const hosts: number[] = [];
  const pcs: number[] = [];
  const fixups: number[] = [];
  const words: number[] = [];
  const targets: number[] = [];
  const stubWords: number[] = [];
  const fragmentWords: number[] = [];
  const entriesByPage = new Map<number, number[]>();
  let low = Infinity;
  let high = -Infinity;
  out.at = end;
  for (const { fragment, shift } of packed) {
    const { codeStart, codeEnd, logStart, logEnd, relocationStart, relocationEnd } = fragment;
    bytes.set(new Uint8Array(code.buffer, codeStart, codeEnd - codeStart), codeStart + shift);
    const record = [codeStart + shift, codeEnd + shift, hosts.length, 0, words.length, 0];
    for (let at = logStart; at < logEnd; at++) {
      const host = log.hostAt(at);
      const pc = log.pcAt(at);
      low = Math.min(low, pc - base);
      high = Math.max(high, pc - base);
      if (!log.isInside(at) && translations.find(pc) === host) {
        const page = pc >>> PAGE_SHIFT;
        const list = entriesByPage.get(page);
        if (list === undefined) entriesByPage.set(page, [hosts.length]);
        else list.push(hosts.length);
      }
      hosts.push((host + shift) | (log.isInside(at) ? INSIDE : 0));
      pcs.push(pc - base);
      fixups.push(log.fixupAt(at));
    }
    for (let at = relocationStart; at < relocationEnd; at++) {
      const kind = relocations.kindAt(at);
      const old = relocations.siteAt(at);
      const site = old + shift;
      const value = code.getInt32(old, true);
      words.push((kind << KIND_SHIFT) | site);
      targets.push(kind === Reloc.Branch ? relocations.targetAt(at) - base : 0);
      if (kind === Reloc.Stub) {
        view.setInt32(site, value - shift, true);
      } else if (kind === Reloc.Guest) {
        view.setInt32(site, value - base, true);
      } else if (kind === Reloc.GuestNegated) {
        view.setInt32(site, value + base, true);
      } else {
        const target = relocations.targetAt(at);
        const place = placeOf(target);
        out.patchRel32(site, place >= 0 ? place : out.at);
        if (place < 0) linkStub(out, stubWords, target - base, site);
      }
    }
    record[3] = hosts.length;
    record[5] = words.length;
    fragmentWords.push(...record);
  }

  const thunkWords: number[] = [];
  for (const pc of [...translations.thunks.keys()].sort((a, b) => a - b)) {
    const place = belongs(pc >>> PAGE_SHIFT) ? placeOf(pc) : -1;
    if (place < 0) continue;
    thunkWords.push(pc - base, out.at);
    out.loadSlot(1, storage.layout.slots.scratch);
    out.u8(0xe9);
    out.rel32(place);
  }

  const entries: number[] = [];
  const coverage: number[] = [];
  const pages: number[] = [];
  for (const [page, list] of pageFragments) {
    if (list.length === 0) continue;
    pages.push(page - base / PAGE_SIZE, entries.length, coverage.length);
    entries.push(...entriesByPage.get(page) ?? []);
    for (const fragment of list) coverage.push(numbers.get(fragment)!);
  }
  pages.push(0xffff_ffff, entries.length, coverage.length);

  const header = new Uint32Array(HEADER);
  header.set([
    MAGIC, 0, 0, 0, saves, low, high, pages.length, entries.length, hosts.length, words.length, stubWords.length,
    fragmentWords.length, thunkWords.length, coverage.length, low + base >= HALF ? 1 : 0,
  ]);
  const sections = [
    pages, entries, coverage, hosts, pcs, fixups, words, targets, stubWords, fragmentWords, thunkWords,
  ];
  return concatenate(header, sections, bytes.subarray(0, out.at));
}

/** The stub of a branch whose target is not in the image: as Translator.linkLater makes it. */
function linkStub(out: Assembler, words: number[], target: number, site: number): void {
  out.u8(0xe8);
  words.push((Reloc.Stub << KIND_SHIFT) | out.at);
  out.rel32(out.layout.exitLink);
  words.push((Reloc.Guest << KIND_SHIFT) | out.at);
  out.u32(target);
  words.push((Reloc.Cache << KIND_SHIFT) | out.at);
  out.u32(site);
}

