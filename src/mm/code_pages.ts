/**
 * Pages that translated code came from. While a writable page holds some, the window has it read-only: a store
 * faults, the
 * translations go, the page is writable again. Memory mapped twice (a just-in-time compiler's writable and executable
 * views) is watched at each place where it can be written.
 */
import { PROT } from '../abi/mman.js';
import type { AddressSpace } from './address_space.js';
import { PAGE } from './layout.js';
import { spaces } from './spaces.js';
import { VmFlag, type Vma } from './vma.js';
import { protectWindow } from './window_pages.js';

/** Code was translated from a shared mapping: stores elsewhere may concern it. */
let sharedCode = false;

function isSharedView(area: Vma): boolean {
  return area.file !== null && (area.flags & VmFlag.Shared) !== 0;
}

/** The engine has translated code of `page`. */
export function codeTranslated(space: AddressSpace, page: number): void {
  const area = space.areas.find(page);
  if (area === undefined) return;
  if ((area.prot & PROT.WRITE) !== 0) watch(space, page);
  if (!isSharedView(area)) return;
  sharedCode = true;
  eachView(area, page, page + PAGE, PROT.WRITE, watch);
}

/**
 * Where the code of a page comes from: equal for two pages, also of different spaces, only if they show the same
 * image of
 * the same file at the same distance from its start. '' for bytes that may be the program's own.
 */
export function codeOrigin(space: AddressSpace, page: number): string {
  const area = space.areas.find(page);
  if (area === undefined || (area.prot & (PROT.EXEC | PROT.WRITE)) !== PROT.EXEC) return '';
  if (area.file === null || (area.flags & (VmFlag.Shared | VmFlag.Written)) !== 0) return '';
  if (area.origin === undefined) {
    const version = area.file.version();
    area.origin = version === '' ? '' : `${version}@${area.start - area.offset}`;
  }
  return area.origin;
}

function watch(space: AddressSpace, page: number): void {
  if (space.codePages.has(page)) return;
  space.codePages.add(page);
  protectWindow(space, page, page + PAGE, PROT.READ);
  space.changed();
}

/** [start, end) is about to be written: drops the translations of code there and makes its pages writable again. */
export function dropCode(space: AddressSpace, start: number, end: number): void {
  const pages = space.codePages;
  let first = Infinity;
  let last = 0;
  const from = Math.floor(start / PAGE) * PAGE;
  const drop = (page: number): void => {
    pages.delete(page);
    protectWindow(space, page, page + PAGE, PROT.READ | PROT.WRITE);
    first = Math.min(first, page);
    last = Math.max(last, page + PAGE);
  };
  if ((end - from) / PAGE <= pages.size) {
    for (let page = from; page < end; page += PAGE) if (pages.has(page)) drop(page);
  } else {
    for (const page of pages) if (page >= from && page < end) drop(page);
  }
  if (last === 0) return;
  space.code?.invalidate(first, last);
  if (!sharedCode) return;
  for (let page = first; page < last; page += PAGE) {
    const area = space.areas.find(page);
    if (area !== undefined && isSharedView(area)) eachView(area, page, page + PAGE, PROT.EXEC, invalidate);
  }
}

/**
 * An area can be written from now on: code that was translated from the same memory elsewhere is to be watched here,
 * too.
 */
export function becameWritable(area: Vma): void {
  if (sharedCode && isSharedView(area)) eachView(area, area.start, area.end, PROT.EXEC, invalidate);
}

function invalidate(space: AddressSpace, page: number): void {
  space.code?.invalidate(page, page + PAGE);
}

/**
 * Calls `act` for each page, in any space, that shows the memory of `area`'s [start, end) with a protection in
 * `prot`.
 */
function eachView(
  area: Vma, start: number, end: number, prot: number, act: (space: AddressSpace, page: number) => void,
): void {
  const identity = area.file!.identity;
  const from = area.offsetOf(start);
  const to = area.offsetOf(end);
  for (const space of spaces) {
    for (const view of space.areas) {
      if ((view.prot & prot) === 0 || !isSharedView(view) || view.file!.identity !== identity) continue;
      const low = Math.max(from, view.offset);
      const high = Math.min(to, view.offset + (view.end - view.start));
      for (let offset = low; offset < high; offset += PAGE) act(space, view.start + (offset - view.offset));
    }
  }
}

/**
 * Drops the translations of [start, end), whose mapping or protection is about to be replaced.
 * @param exec some of it was executable
 */
export function forgetCode(space: AddressSpace, start: number, end: number, exec: boolean): void {
  const pages = space.codePages;
  let watched = false;
  if ((end - start) / PAGE <= pages.size) {
    for (let page = start; page < end; page += PAGE) if (pages.delete(page)) watched = true;
  } else {
    for (const page of pages) if (page >= start && page < end) watched = pages.delete(page);
  }
  if (exec || watched) space.code?.invalidate(start, end);
}
