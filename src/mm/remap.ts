/** mremap(2). */
import { E } from '../abi/errno.js';
import { MAP, MREMAP, PROT } from '../abi/mman.js';
import { native } from '../host/native.js';
import type { AddressSpace } from './address_space.js';
import { MAX_ADDRESS, MIN_ADDRESS, PAGE } from './layout.js';
import { becameWritable, forgetCode } from './code_pages.js';
import { addArea, mayExpand, pageUp, tally, TASK_SIZE, unmappedArea, unmapRange } from './mapping.js';
import { areasLeft } from './spaces.js';
import { Vma, VmFlag } from './vma.js';
import { hostProt, mapWindow, protectWindow } from './window_pages.js';

export function remap(
  space: AddressSpace, addr: number, oldLength: number, newLength: number, flags: number, newAddr: number,
): number {
  const fixed = (flags & MREMAP.FIXED) !== 0;
  const keep = (flags & MREMAP.DONTUNMAP) !== 0;
  const mayMove = (flags & MREMAP.MAYMOVE) !== 0;
  if ((flags & ~(MREMAP.FIXED | MREMAP.MAYMOVE | MREMAP.DONTUNMAP)) !== 0 || (fixed && !mayMove)) return -E.INVAL;
  if (keep && (!mayMove || oldLength !== newLength)) return -E.INVAL;
  let oldSize = pageUp(oldLength);
  const newSize = pageUp(newLength);
  if (addr % PAGE !== 0 || newSize === 0 || newSize > TASK_SIZE) return -E.INVAL;
  if (fixed) {
    if (newAddr % PAGE !== 0) return -E.INVAL;
    if (newSize > MAX_ADDRESS || newAddr > MAX_ADDRESS - newSize) return -E.INVAL;
    if (addr + oldSize > newAddr && newAddr + newSize > addr) return -E.INVAL;
  }
  if (space.areas.find(addr) === undefined) return -E.FAULT;
  if (!areasLeft(3)) return -E.NOMEM;

  if (fixed || keep) {
    if (fixed && newAddr < MIN_ADDRESS) return -E.PERM;
    if (fixed && oldSize === newSize) return moveAll(space, addr, oldSize, newAddr, keep);
    // As Linux since 6.17: what stood at the new place goes only when the old one is fine.
    const wrong = resizable(space, addr, Math.min(oldSize, newSize), newSize);
    if (typeof wrong === 'number') return wrong;
    if (fixed) unmapRange(space, newAddr, newAddr + newSize);
    if (oldSize > newSize) {
      unmapRange(space, addr + newSize, addr + oldSize);
      oldSize = newSize;
    }
    const area = space.areas.find(addr);
    if (area === undefined) return -E.FAULT;
    if (keep && !mayExpand(space, oldSize, area.prot, area.flags)) return -E.NOMEM;
    const to = unmappedArea(space, newAddr, newSize, fixed ? MAP.FIXED : 0);
    return to < 0 ? to : move(space, area, addr, oldSize, to, newSize, keep);
  }

  if (oldSize >= newSize) {
    unmapRange(space, addr + newSize, addr + oldSize);
    return addr;
  }
  const area = resizable(space, addr, oldSize, newSize);
  if (typeof area === 'number') return area;
  const growth = newSize - oldSize;
  if (addr + oldSize === area.end && area.end + growth <= MAX_ADDRESS) {
    const next = space.areas.above(area.end);
    if (next === undefined || next.claim >= area.end + growth) {
      const error = extend(space, area, area.end, growth, area.offsetOf(area.end));
      return error < 0 ? error : addr;
    }
  }
  if (!mayMove) return -E.NOMEM;
  const to = unmappedArea(space, 0, newSize, 0);
  return to < 0 ? to : move(space, area, addr, oldSize, to, newSize, false);
}

/** Moves all that is mapped in [from, from + size), holes and all, as Linux does since 6.17. Gives `to` or -errno. */
function moveAll(space: AddressSpace, from: number, size: number, to: number, keep: boolean): number {
  const end = from + size;
  for (let at = from; at < end; ) {
    const area = space.areas.above(at);
    if (area === undefined || area.start >= end) break;
    const start = Math.max(at, area.start);
    const length = Math.min(end, area.end) - start;
    const target = to + (start - from);
    if (keep && !mayExpand(space, length, area.prot, area.flags)) return -E.NOMEM;
    unmapRange(space, target, target + length);
    const moved = move(space, space.areas.find(start)!, start, length, target, length, keep);
    if (moved < 0) return moved;
    at = start + length;
  }
  return to;
}

/** The area of [addr, addr + oldSize), when it may become `newSize` bytes; else -errno. */
function resizable(space: AddressSpace, addr: number, oldSize: number, newSize: number): Vma | number {
  const area = space.areas.find(addr);
  if (area === undefined) return -E.FAULT;
  if (oldSize === 0 && (area.flags & VmFlag.Shared) === 0) return -E.INVAL;
  if (oldSize > area.end - addr) return -E.FAULT;
  if (newSize > MAX_ADDRESS) return -E.NOMEM;
  const growth = newSize - oldSize;
  if (growth <= 0) return area;
  if ((area.flags & VmFlag.Locked) !== 0 && space.lockedBytes + growth > space.lockLimit) return -E.AGAIN;
  if (!mayExpand(space, growth, area.prot, area.flags)) return -E.NOMEM;
  return area;
}

/** Maps `length` bytes at `at` like `area`, showing its file from `offset` on. */
function extend(space: AddressSpace, area: Vma, at: number, length: number, offset: number): number {
  area.file?.retain();
  return addArea(space, new Vma(at, at + length, area.prot, area.flags, area.file, offset, area.name));
}

/** Moves [from, from + oldSize) of `area` to free space at `to` and extends it to `newSize`. Gives `to` or -errno. */
function move(
  space: AddressSpace, area: Vma, from: number, oldSize: number, to: number, newSize: number, keep: boolean,
): number {
  const offset = area.offsetOf(from);
  if (newSize > oldSize) {
    const error = extend(space, area, to + oldSize, newSize - oldSize, area.file === null ? 0 : offset + oldSize);
    if (error < 0) return error;
  }
  if (oldSize === 0) return to;
  const { prot, flags, file, name } = area;
  const watched = space.codePages.size > 0;
  forgetCode(space, from, from + oldSize, (prot & PROT.EXEC) !== 0);
  const error = moveWindow(space, from, to, oldSize);
  if (error < 0) {
    if (newSize > oldSize) unmapRange(space, to + oldSize, to + newSize);
    return error;
  }
  file?.retain();
  for (const gone of space.areas.remove(from, from + oldSize)) {
    tally(space, gone, -1);
    gone.file?.release();
  }
  const moved = new Vma(to, to + oldSize, prot, flags, file, offset, name);
  tally(space, moved, 1);
  // Pages that were write-protected for the translator's sake are ordinary at their new place.
  if ((prot & PROT.WRITE) !== 0 && watched) protectWindow(space, to, to + oldSize, hostProt(prot));
  if ((prot & PROT.WRITE) !== 0) becameWritable(moved);
  space.areas.insert(moved);
  space.changed();
  if (keep) leaveBehind(space, new Vma(from, from + oldSize, prot, flags & ~VmFlag.Locked, file, offset, name));
  return to;
}

/** MREMAP_DONTUNMAP: the old place stays mapped, without the pages that went. */
function leaveBehind(space: AddressSpace, area: Vma): void {
  area.file?.retain();
  const bytes = area.end - area.start;
  if ((area.flags & VmFlag.Written) !== 0) {
    space.account.used += bytes;
    space.committedBytes += bytes;
  }
  mapWindow(space, area, hostProt(area.prot));
  tally(space, area, 1);
  space.areas.insert(area);
}

/** The host moves one mapping of its own at a time; an area may be several of them. */
function moveWindow(space: AddressSpace, from: number, to: number, length: number): number {
  const error = native.windowMove(space.window.id, from, length, to, length);
  if (error >= 0 || length === PAGE) return error;
  const half = Math.ceil(length / PAGE / 2) * PAGE;
  const lower = moveWindow(space, from, to, half);
  return lower < 0 ? lower : moveWindow(space, from + half, to + half, length - half);
}
