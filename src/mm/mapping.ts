/**
 * mmap(2), munmap(2), mprotect(2), brk(2): Linux's checks in Linux's order (mm/mmap.c, mm/mprotect.c give the
 * errors).
 */
import { E } from '../abi/errno.js';
import { LEGACY_MAP, MAP, PROT } from '../abi/mman.js';
import { native } from '../host/native.js';
import type { AddressSpace } from './address_space.js';
import { becameWritable, forgetCode } from './code_pages.js';
import { LARGE_MAPPING, LOW_END, MAX_ADDRESS, MIN_ADDRESS, MMAP_LOW_FLOOR, PAGE } from './layout.js';
import type { MappedFile } from './mapped_file.js';
import { SharedMemory } from './shared_memory.js';
import { areasLeft } from './spaces.js';
import { STACK_GUARD_GAP, Vma, VmFlag } from './vma.js';
import { hostProt, mapWindow, protectWindow } from './window_pages.js';

const RWX = PROT.READ | PROT.WRITE | PROT.EXEC;
/** What a 64-bit program may name, although nothing is ever mapped above MAX_ADDRESS. */
export const TASK_SIZE = 0x7fff_ffff_f000;

export function pageUp(value: number): number {
  return Math.ceil(value / PAGE) * PAGE;
}

/** Adds (sign 1) or takes off (-1) what an area counts for in the space's limits. */
export function tally(space: AddressSpace, area: Vma, sign: 1 | -1): void {
  const bytes = sign * (area.end - area.start);
  if (isData(area.prot, area.flags)) space.dataBytes += bytes;
  if ((area.flags & VmFlag.Locked) !== 0) space.lockedBytes += bytes;
}

function isData(prot: number, flags: number): boolean {
  return (prot & PROT.WRITE) !== 0 && (flags & (VmFlag.Shared | VmFlag.GrowsDown)) === 0;
}

function commit(space: AddressSpace, bytes: number): boolean {
  if (!space.account.take(bytes)) return false;
  space.committedBytes += bytes;
  return true;
}

function uncommit(space: AddressSpace, bytes: number): void {
  space.account.give(bytes);
  space.committedBytes -= bytes;
}

/** Whether `bytes` more may be mapped under RLIMIT_AS and, for private writable memory, RLIMIT_DATA. */
export function mayExpand(space: AddressSpace, bytes: number, prot: number, flags: number): boolean {
  if (space.areas.bytes + bytes > space.limits.as) return false;
  return !isData(prot, flags) || space.dataBytes + bytes <= space.limits.data;
}

/**
 * Enters an area into the books and the window; its range must be free. Takes over the caller's reference on the file.
 * @returns 0 or -errno (then nothing is mapped and the file reference is released)
 */
export function addArea(space: AddressSpace, area: Vma): number {
  const bytes = area.end - area.start;
  if ((area.flags & VmFlag.Shared) === 0 && (area.prot & PROT.WRITE) !== 0) area.flags |= VmFlag.Written;
  const charged = (area.flags & VmFlag.Written) !== 0 ? bytes : 0;
  let error = areasLeft(1) && commit(space, charged) ? 0 : -E.NOMEM;
  if (error === 0) {
    error = mapWindow(space, area, hostProt(area.prot));
    if (error < 0) uncommit(space, charged);
  }
  if (error < 0) {
    area.file?.release();
    return error;
  }
  tally(space, area, 1);
  if ((area.prot & PROT.WRITE) !== 0) becameWritable(area);
  space.areas.insert(area);
  space.changed();
  return 0;
}

/** Where `length` bytes go when the program leaves it to us; -1: nowhere. */
export function place(space: AddressSpace, length: number, flags: number): number {
  const areas = space.areas;
  if ((flags & MAP['32BIT']) !== 0) return areas.findGap(length, MIN_ADDRESS, LOW_END);
  const large = length >= LARGE_MAPPING;
  let at = -1;
  if (large) at = areas.findGap(length, LOW_END, MAX_ADDRESS);
  if (at < 0) at = areas.findGap(length, MMAP_LOW_FLOOR, space.mmapTop);
  if (at < 0 && !large) at = areas.findGap(length, LOW_END, MAX_ADDRESS);
  if (at < 0) at = areas.findGap(length, MIN_ADDRESS, MAX_ADDRESS);
  return at;
}

/** The address that mmap and mremap use for `length` bytes: -errno when there is none. `length` is a page multiple. */
export function unmappedArea(space: AddressSpace, addr: number, length: number, flags: number): number {
  if (length > MAX_ADDRESS - MIN_ADDRESS) return -E.NOMEM;
  if ((flags & (MAP.FIXED | MAP.FIXED_NOREPLACE)) !== 0) {
    if (addr > MAX_ADDRESS - length) return -E.NOMEM;
    if (addr % PAGE !== 0) return -E.INVAL;
    if (addr < MIN_ADDRESS) return -E.PERM;
    if ((flags & MAP.FIXED_NOREPLACE) !== 0 && !space.areas.isFree(addr, addr + length)) return -E.EXIST;
    return addr;
  }
  const hint = addr > MAX_ADDRESS ? 0 : addr - (addr % PAGE);
  const limit = (flags & MAP['32BIT']) === 0 ? MAX_ADDRESS : LOW_END;
  if (hint >= MIN_ADDRESS && hint + length <= limit) {
    const above = space.areas.above(hint);
    if (above === undefined || above.claim >= hint + length) return hint;
  }
  const at = place(space, length, flags);
  return at < 0 ? -E.NOMEM : at;
}

/** What MAP_HUGETLB takes for a size, as a power of 2 in the upper bits of the flags (mmap(2)); 0: the default. */
const HUGE_SIZES = [0, 21, 30];

export function mmap(
  space: AddressSpace, addr: number, length: number, prot: number, flags: number, file: MappedFile | null,
  offset: number,
): number {
  if (offset % PAGE !== 0 || length <= 0) return -E.INVAL;
  const size = pageUp(length);
  if (file !== null && offset + size > Number.MAX_SAFE_INTEGER) {
    // Linux rounds a length of 2^64 - 1 to 0, and says the same of it as of one that is merely too large.
    return size > MAX_ADDRESS && (size >= 2 ** 64 || offset + size < 2 ** 64) ? -E.NOMEM : -E.OVERFLOW;
  }
  if ((flags & MAP.HUGETLB) !== 0) return file === null && HUGE_SIZES.includes(flags >>> 26) ? -E.NOMEM : -E.INVAL;
  const start = unmappedArea(space, addr, size, flags);
  if (start < 0) return start;

  let vmFlags = 0;
  const type = flags & MAP.TYPE;
  if (type === MAP.SHARED || type === MAP.SHARED_VALIDATE) vmFlags |= VmFlag.Shared;
  else if (type !== MAP.PRIVATE) return -E.INVAL;
  if (type === MAP.SHARED_VALIDATE && file === null) return -E.INVAL;
  if (type === MAP.SHARED_VALIDATE && (flags & ~LEGACY_MAP) !== 0) return -E.OPNOTSUPP;
  if (file !== null) {
    if ((vmFlags & VmFlag.Shared) !== 0 && !file.mayWrite) {
      if ((prot & PROT.WRITE) !== 0) return -E.ACCES;
      vmFlags |= VmFlag.NoWrite;
    }
    if (file.noExec) {
      if ((prot & PROT.EXEC) !== 0) return -E.PERM;
      vmFlags |= VmFlag.NoExec;
    }
  }
  if ((flags & MAP.GROWSDOWN) !== 0) {
    if (file !== null || (vmFlags & VmFlag.Shared) !== 0) return -E.INVAL;
    vmFlags |= VmFlag.GrowsDown;
  }
  if ((flags & MAP.NORESERVE) !== 0) vmFlags |= VmFlag.NoReserve;
  if ((flags & MAP.LOCKED) !== 0 || space.lockFuture) {
    if ((flags & MAP.LOCKED) !== 0 && space.lockLimit === 0) return -E.PERM;
    if (space.lockedBytes + size > space.lockLimit) return -E.AGAIN;
    vmFlags |= VmFlag.Locked;
  }

  if (space.mdwe !== 0 && gainsExec(prot, prot)) return -E.ACCES;
  const replaces = (flags & MAP.FIXED) !== 0 && !space.areas.isFree(start, start + size);
  if (!mayExpand(space, replaces ? 0 : size, prot, vmFlags)) return -E.NOMEM;
  let mapped: MappedFile | null = file;
  if (file === null && (vmFlags & VmFlag.Shared) !== 0) {
    const memory = SharedMemory.create(size, space.account);
    if (typeof memory === 'number') return memory;
    mapped = memory;
    offset = 0;
  } else {
    file?.retain();
  }
  if (replaces) unmapRange(space, start, start + size);
  const error = addArea(space, new Vma(start, start + size, prot & RWX, vmFlags, mapped, mapped ? offset : 0, ''));
  if (error < 0) return error;
  const asked = (flags & (MAP.POPULATE | MAP.NONBLOCK)) === MAP.POPULATE;
  if (asked || (flags & MAP.LOCKED) !== 0) populate(space, start, start + size, prot);
  return start;
}

/** What remap_file_pages(2) is since Linux 4.0: a new mapping of the area's file over a part of the area. */
export function remapFilePages(
  space: AddressSpace, addr: number, length: number, prot: number, offset: number, flags: number,
): number {
  const start = addr - (addr % PAGE);
  const end = start + length - (length % PAGE);
  if (prot !== 0 || end <= start || end >= 2 ** 64 || offset >= 2 ** 64) return -E.INVAL;
  const area = space.areas.find(start);
  if (area === undefined || (area.flags & VmFlag.Shared) === 0 || area.file === null) return -E.INVAL;
  for (let at = area.end; at < end; ) {
    const next = space.areas.find(at);
    if (next === undefined || next.file !== area.file || next.flags !== area.flags) return -E.INVAL;
    at = next.end;
  }
  const locked = (area.flags & VmFlag.Locked) !== 0 ? MAP.LOCKED : 0;
  const how = MAP.SHARED | MAP.FIXED | MAP.POPULATE | (flags & MAP.NONBLOCK) | locked;
  return Math.min(0, mmap(space, start, end - start, area.prot, how, area.file, offset));
}

/** mprotect may not make [addr, addr + length), which is mapped, writable. */
export function forbidWrite(space: AddressSpace, addr: number, length: number): void {
  space.areas.update(addr, addr + pageUp(length), (area) => {
    area.flags |= VmFlag.NoWrite;
  });
}

/** Brings pages in before they are touched; that it may fail is of no consequence. */
function populate(space: AddressSpace, start: number, end: number, prot: number): void {
  const POPULATE_READ = 22;
  const POPULATE_WRITE = 23;
  const advice = (prot & PROT.WRITE) !== 0 ? POPULATE_WRITE : POPULATE_READ;
  if ((prot & RWX) !== 0) native.windowAdvise(space.window.id, start, end - start, advice);
}

/** Unmaps whatever is in [start, end): books, window and translations. */
export function unmapRange(space: AddressSpace, start: number, end: number): void {
  const gone = space.areas.remove(start, end);
  if (gone.length === 0) return;
  let exec = false;
  let touched = false;
  for (const area of gone) {
    tally(space, area, -1);
    if ((area.flags & VmFlag.Written) !== 0) uncommit(space, area.end - area.start);
    if ((area.prot & PROT.EXEC) !== 0) exec = true;
    if (area.file !== null || area.prot !== PROT.NONE || (area.flags & VmFlag.Written) !== 0) touched = true;
  }
  const first = gone[0]!.start;
  const last = gone[gone.length - 1]!.end;
  forgetCode(space, first, last, exec);
  if (touched) native.windowUnmap(space.window.id, first, last - first);
  for (const area of gone) area.file?.release();
  space.changed();
}

export function munmap(space: AddressSpace, addr: number, length: number): number {
  if (addr % PAGE !== 0 || addr > TASK_SIZE || length > TASK_SIZE - addr) return -E.INVAL;
  const size = pageUp(length);
  if (size === 0) return -E.INVAL;
  if (addr >= MAX_ADDRESS) return 0;
  const end = Math.min(addr + size, MAX_ADDRESS);
  const area = space.areas.find(addr);
  if (area !== undefined && area.start < addr && area.end > end && !areasLeft(1)) return -E.NOMEM;
  unmapRange(space, addr, end);
  return 0;
}

/** What PR_SET_MDWE refuses: memory that is executable and writable, or was not executable before. */
function gainsExec(before: number, after: number): boolean {
  return (after & PROT.EXEC) !== 0 && ((after & PROT.WRITE) !== 0 || (before & PROT.EXEC) === 0);
}

export function mprotect(space: AddressSpace, addr: number, length: number, prot: number): number {
  const grows = prot & (PROT.GROWSDOWN | PROT.GROWSUP);
  prot &= ~(PROT.GROWSDOWN | PROT.GROWSUP);
  if (grows === (PROT.GROWSDOWN | PROT.GROWSUP) || addr % PAGE !== 0) return -E.INVAL;
  if (length === 0) return 0;
  const end = addr + pageUp(length);
  if (end >= 2 ** 64) return -E.NOMEM;
  if ((prot & ~(RWX | PROT.SEM)) !== 0) return -E.INVAL;
  const first = space.areas.above(addr);
  if (first === undefined) return -E.NOMEM;
  let start = addr;
  if (grows === PROT.GROWSDOWN) {
    if (first.start >= end) return -E.NOMEM;
    if ((first.flags & VmFlag.GrowsDown) === 0) return -E.INVAL;
    start = first.start;
  } else {
    if (first.start > addr) return -E.NOMEM;
    if (grows === PROT.GROWSUP) return -E.INVAL;
  }
  // As Linux: what lies before a hole or a refused area is changed all the same.
  let at = start;
  let error = 0;
  let charge = 0;
  let data = 0;
  while (at < end) {
    const area = space.areas.above(at);
    if (area === undefined || area.start > at) error = -E.NOMEM;
    else if ((prot & PROT.WRITE) !== 0 && (area.flags & VmFlag.NoWrite) !== 0) error = -E.ACCES;
    else if ((prot & PROT.EXEC) !== 0 && (area.flags & VmFlag.NoExec) !== 0) error = -E.ACCES;
    else if (space.mdwe !== 0 && gainsExec(area.prot, prot)) error = -E.ACCES;
    if (error < 0) break;
    const stop = Math.min(area!.end, end);
    if ((prot & PROT.WRITE) !== 0 && (area!.flags & VmFlag.Shared) === 0) {
      if ((area!.flags & VmFlag.Written) === 0) charge += stop - at;
      if (isData(prot, area!.flags) && !isData(area!.prot, area!.flags)) data += stop - at;
    }
    at = stop;
  }
  if (at === start) return error;
  if (!areasLeft(2)) return -E.NOMEM;
  if (space.dataBytes + data > space.limits.data || !commit(space, charge)) return -E.NOMEM;
  const failed = protectRange(space, start, at, prot & RWX);
  if (failed < 0) uncommit(space, charge);
  return failed < 0 ? failed : error;
}

/** Gives the mapped range [start, end) the protection `prot`. Limits are the caller's business. 0, or -ENOMEM. */
function protectRange(space: AddressSpace, start: number, end: number, prot: number): number {
  if (protectWindow(space, start, end, hostProt(prot)) < 0) {
    // The host may have changed a part of it: the pages are to be as the books say.
    forgetCode(space, start, end, true);
    for (let at = start; at < end; ) {
      const area = space.areas.above(at)!;
      at = area.end;
      protectWindow(space, Math.max(start, area.start), Math.min(end, area.end), hostProt(area.prot));
    }
    return -E.NOMEM;
  }
  let exec = false;
  space.areas.update(start, end, (area) => {
    if (area.prot === prot) return;
    if ((area.prot & PROT.EXEC) !== 0) exec = true;
    tally(space, area, -1);
    area.prot = prot;
    if ((prot & PROT.WRITE) !== 0) {
      if ((area.flags & VmFlag.Shared) === 0) area.flags |= VmFlag.Written;
      else becameWritable(area);
    }
    tally(space, area, 1);
  });
  forgetCode(space, start, end, exec);
  space.changed();
  return 0;
}

export function brk(space: AddressSpace, addr: number): number {
  const current = space.brkEnd;
  if (addr < space.brkStart || addr > MAX_ADDRESS || addr - space.brkStart > space.limits.data) return current;
  const oldEnd = pageUp(current);
  const newEnd = pageUp(addr);
  if (newEnd < oldEnd) {
    unmapRange(space, newEnd, oldEnd);
  } else if (newEnd > oldEnd) {
    const next = space.areas.above(oldEnd);
    if (next !== undefined && newEnd + PAGE > next.claim) return current;
    if (newEnd > MAX_ADDRESS - STACK_GUARD_GAP) return current;
    const prot = PROT.READ | PROT.WRITE;
    if (!mayExpand(space, newEnd - oldEnd, prot, 0)) return current;
    const flags = space.lockFuture ? VmFlag.Locked : 0;
    if (addArea(space, new Vma(oldEnd, newEnd, prot, flags, null, 0, '')) < 0) return current;
  }
  space.brkEnd = addr;
  return addr;
}
