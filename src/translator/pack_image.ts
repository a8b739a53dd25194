/** Packs the translated code of an image into the form that stored_image.ts describes: its fragments, linked with each other. */
import { native, type CodeLayout } from '../host/native.js';
import { Assembler, LINE } from './assembler.js';
import type { Fragment, Translations } from './code_space.js';
import { INSIDE, type InstructionLog } from './instruction_log.js';
import { Reloc, type RelocationLog } from './relocations.js';
import { HALF, HEADER, MAGIC } from './stored_image.js';

const KIND_SHIFT = 29;
const PAGE_SHIFT = 12;
const PAGE_SIZE = 4096;
/** Host bytes of a link stub, and of a thunk that stands alone. */
const STUB_BYTES = 13;
const THUNK_BYTES = 14;

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
export function packImage(
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
    const start = end + ((fragment.codeStart - end) & (LINE - 1));
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

/** The stub of a branch whose target is not in the image: as Linker.linkLater makes it. */
function linkStub(out: Assembler, words: number[], target: number, site: number): void {
  out.u8(0xe8);
  words.push((Reloc.Stub << KIND_SHIFT) | out.at);
  out.rel32(out.layout.exitLink);
  words.push((Reloc.Guest << KIND_SHIFT) | out.at);
  out.u32(target);
  words.push((Reloc.Cache << KIND_SHIFT) | out.at);
  out.u32(site);
}

