/** Calls about pages that leave the mappings as they are: madvise(2), mincore(2), msync(2), mlock(2), mlockall(2). */
import { E } from '../abi/errno.js';
import { MADV, MCL, MS, PROT } from '../abi/mman.js';
import { native } from '../host/native.js';
import type { AddressSpace } from './address_space.js';
import { MAX_ADDRESS, PAGE } from './layout.js';
import { pageUp, tally } from './mapping.js';
import { areasLeft } from './spaces.js';
import { VmFlag, type Vma } from './vma.js';

/**
 * The page-aligned end of [addr, addr + length), or -errno: EINVAL for a start that is no page, `wrapped` beyond
 * 2^64.
 */
function rangeEnd(addr: number, length: number, wrapped: number): number {
  // What rounds to 2^64 as a number lies within the last page, and is not its start.
  if (addr % PAGE !== 0 || addr >= 2 ** 64) return -E.INVAL;
  const end = addr + pageUp(length);
  return end >= 2 ** 64 ? -wrapped : end;
}

/**
 * Calls `act` for the mapped part of [start, end) of each area.
 * @param holes false: the first hole ends the walk
 * @returns 0, what `act` gave below 0 (which ends the walk), or -ENOMEM when there were holes
 */
function eachArea(
  space: AddressSpace, start: number, end: number, act: (area: Vma, start: number, end: number) => number, holes = true,
): number {
  let error = 0;
  let at = start;
  while (at < end) {
    const area = space.areas.above(at);
    if (area === undefined || area.start >= end) return -E.NOMEM;
    if (area.start > at) {
      if (!holes) return -E.NOMEM;
      error = -E.NOMEM;
    }
    const stop = Math.min(area.end, end);
    const result = act(area, Math.max(at, area.start), stop);
    if (result < 0) return result;
    at = stop;
  }
  return error;
}

const KEEP = 0;
/** What an advice does to the flags of areas: [set, clear]. */
const FLAG_ADVICE = new Map<number, readonly [number, number]>([
  [MADV.DONTFORK, [VmFlag.DontFork, KEEP]],
  [MADV.DOFORK, [KEEP, VmFlag.DontFork]],
  [MADV.WIPEONFORK, [VmFlag.WipeOnFork, KEEP]],
  [MADV.KEEPONFORK, [KEEP, VmFlag.WipeOnFork]],
  [MADV.DONTDUMP, [VmFlag.DontDump, KEEP]],
  [MADV.DODUMP, [KEEP, VmFlag.DontDump]],
]);

/** Advice that changes at most how fast things go. */
const HINTS = new Set<number>([
  MADV.NORMAL, MADV.RANDOM, MADV.SEQUENTIAL, MADV.MERGEABLE, MADV.UNMERGEABLE,
]);

/** Advice that is about pages and that the host carries out. */
const PAGE_ADVICE = new Set<number>([
  MADV.WILLNEED, MADV.HUGEPAGE, MADV.NOHUGEPAGE, MADV.DONTNEED, MADV.FREE, MADV.REMOVE, MADV.COLD, MADV.PAGEOUT,
  MADV.POPULATE_READ, MADV.POPULATE_WRITE, MADV.DONTNEED_LOCKED,
]);

export function madvise(space: AddressSpace, addr: number, length: number, advice: number): number {
  if (advice === MADV.HWPOISON || advice === MADV.SOFT_OFFLINE) return -E.PERM;
  const flags = FLAG_ADVICE.get(advice);
  if (flags === undefined && !HINTS.has(advice) && !PAGE_ADVICE.has(advice)) return -E.INVAL;
  const end = rangeEnd(addr, length, E.INVAL);
  if (end <= addr) return end < 0 ? end : 0;
  if (flags !== undefined) return adviseFlags(space, addr, end, advice, flags);
  if (HINTS.has(advice)) return eachArea(space, addr, end, () => 0);
  const populates = advice === MADV.POPULATE_READ || advice === MADV.POPULATE_WRITE;
  return eachArea(space, addr, end, (area, from, to) => advisePages(space, area, from, to, advice), !populates);
}

function adviseFlags(
  space: AddressSpace, start: number, end: number, advice: number, [set, clear]: readonly [number, number],
): number {
  if (!areasLeft(2)) return -E.NOMEM;
  let stop = start;
  const error = eachArea(space, start, end, (area, _from, to) => {
    if (advice === MADV.WIPEONFORK && (area.file !== null || (area.flags & VmFlag.Shared) !== 0)) return -E.INVAL;
    stop = to;
    return 0;
  });
  space.areas.update(start, stop, (area) => {
    area.flags = (area.flags | set) & ~clear;
  });
  space.changed();
  return error;
}

function advisePages(space: AddressSpace, area: Vma, start: number, end: number, advice: number): number {
  const locked = (area.flags & VmFlag.Locked) !== 0;
  const shared = (area.flags & VmFlag.Shared) !== 0;
  const accessible = (area.prot & (PROT.READ | PROT.WRITE | PROT.EXEC)) !== 0;
  switch (advice) {
    case MADV.DONTNEED:
    case MADV.COLD:
    case MADV.PAGEOUT:
      if (locked) return -E.INVAL;
      break;
    case MADV.FREE:
      if (locked || area.file !== null || shared) return -E.INVAL;
      break;
    case MADV.REMOVE:
      if (locked || area.file === null) return -E.INVAL;
      if (!shared || (area.flags & VmFlag.NoWrite) !== 0) return -E.ACCES;
      break;
    case MADV.POPULATE_READ:
      if ((area.prot & PROT.READ) === 0) return -E.INVAL;
      break;
    case MADV.POPULATE_WRITE:
      if ((area.prot & PROT.WRITE) === 0) return -E.INVAL;
      break;
  }
  const drops = advice === MADV.DONTNEED || advice === MADV.DONTNEED_LOCKED || advice === MADV.FREE;
  if ((drops || advice === MADV.REMOVE) && (area.prot & PROT.EXEC) !== 0 && space.codeOrigin(start) === '') {
    space.dropCode(start, end);
    space.code?.invalidate(start, end);
  }
  // Nothing was ever there.
  if (area.file === null && (area.flags & VmFlag.Written) === 0 && !accessible) return 0;
  const hostAdvice = advice === MADV.DONTNEED_LOCKED ? MADV.DONTNEED : advice;
  const result = native.windowAdvise(space.window.id, start, end - start, hostAdvice);
  return result < 0 && (drops || advice >= MADV.POPULATE_READ || advice === MADV.REMOVE) ? result : 0;
}

export function mincore(space: AddressSpace, addr: number, length: number, out: Uint8Array): number {
  const end = rangeEnd(addr, length, E.NOMEM);
  if (end < 0) return end;
  if (end > MAX_ADDRESS || !space.areas.covers(addr, end)) return -E.NOMEM;
  return end === addr ? 0 : native.windowMincore(space.window.id, addr, end - addr, out);
}

export function msync(space: AddressSpace, addr: number, length: number, flags: number): number {
  if ((flags & ~(MS.ASYNC | MS.INVALIDATE | MS.SYNC)) !== 0) return -E.INVAL;
  if ((flags & (MS.ASYNC | MS.SYNC)) === (MS.ASYNC | MS.SYNC)) return -E.INVAL;
  const end = rangeEnd(addr, length, E.NOMEM);
  if (end <= addr) return end < 0 ? end : 0;
  return eachArea(space, addr, end, (area, from, to) => {
    if ((flags & MS.INVALIDATE) !== 0 && (area.flags & VmFlag.Locked) !== 0) return -E.BUSY;
    const dirty = (flags & MS.SYNC) !== 0 && area.file !== null && (area.flags & VmFlag.Shared) !== 0;
    if (!dirty) return 0;
    const failed = native.windowSync(space.window.id, from, to - from, flags);
    return failed < 0 ? failed : area.file!.sync();
  });
}

/** mlock2(2), munlock(2). `populate`: the pages are brought in, as far as they can be accessed. */
export function mlock(space: AddressSpace, addr: number, length: number, lock: boolean, populate: boolean): number {
  const start = Math.floor(addr / PAGE) * PAGE;
  const end = start + pageUp(addr - start + length);
  if (end >= 2 ** 64) return -E.INVAL;
  if (lock && space.lockLimit === 0) return -E.PERM;
  if (!areasLeft(2)) return -E.NOMEM;
  let more = 0;
  let stop = start;
  const error = end <= start ? 0 : eachArea(space, start, end, (area, from, to) => {
    if (from > stop) return -E.NOMEM;
    if ((area.flags & VmFlag.Locked) === 0) more += to - from;
    stop = to;
    return 0;
  });
  if (lock && space.lockedBytes + more > space.lockLimit) return -E.NOMEM;
  setLocked(space, start, stop, lock);
  if (!lock || !populate) return error;
  const reachable = populateAreas(space, start, stop);
  return error === 0 && !reachable ? -E.NOMEM : error;
}

/** Brings in the pages of what can be accessed; that it may fail is of no consequence. False: not all of it can be. */
function populateAreas(space: AddressSpace, start: number, end: number): boolean {
  let reachable = true;
  eachArea(space, start, end, (area, from, to) => {
    if (area.prot === PROT.NONE) {
      reachable = false;
      return 0;
    }
    // A private page is to be the program's own when it may be written; a shared one only has to be there.
    const own = (area.prot & PROT.WRITE) !== 0 && (area.flags & VmFlag.Shared) === 0;
    const advice = own || area.prot === PROT.WRITE ? MADV.POPULATE_WRITE : MADV.POPULATE_READ;
    native.windowAdvise(space.window.id, from, to - from, advice);
    return 0;
  });
  return reachable;
}

function setLocked(space: AddressSpace, start: number, end: number, lock: boolean): void {
  if (end <= start) return;
  space.areas.update(start, end, (area) => {
    tally(space, area, -1);
    area.flags = lock ? area.flags | VmFlag.Locked : area.flags & ~VmFlag.Locked;
    tally(space, area, 1);
  });
  space.changed();
}

export function mlockall(space: AddressSpace, flags: number): number {
  if ((flags & ~(MCL.CURRENT | MCL.FUTURE | MCL.ONFAULT)) !== 0 || flags === MCL.ONFAULT) return -E.INVAL;
  if (flags !== 0 && space.lockLimit === 0) return -E.PERM;
  if ((flags & MCL.CURRENT) !== 0 && space.areas.bytes > space.lockLimit) return -E.NOMEM;
  space.lockFuture = (flags & MCL.FUTURE) !== 0;
  if (flags === 0 || (flags & MCL.CURRENT) !== 0) setLocked(space, 0, MAX_ADDRESS, flags !== 0);
  if ((flags & (MCL.CURRENT | MCL.ONFAULT)) === MCL.CURRENT) populateAreas(space, 0, MAX_ADDRESS);
  return 0;
}
