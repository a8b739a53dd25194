/** From guest protections to the window's pages. */
import { PROT } from '../abi/mman.js';
import { native } from '../host/native.js';
import type { AddressSpace } from './address_space.js';
import { VmFlag, type Vma } from './vma.js';

/**
 * Protection of window pages for guest bits: never executable, and readable when anything is allowed (as x86 has it).
 */
export function hostProt(prot: number): number {
  if ((prot & PROT.WRITE) !== 0) return PROT.READ | PROT.WRITE;
  return (prot & (PROT.READ | PROT.EXEC)) !== 0 ? PROT.READ : PROT.NONE;
}

/** @param prot host bits, as hostProt gives */
export function protectWindow(space: AddressSpace, start: number, end: number, prot: number): number {
  return native.windowProtect(space.window.id, start, end - start, prot);
}

/** Maps an area's pages in the window with protection `prot` (host bits). 0 or -errno. */
export function mapWindow(space: AddressSpace, area: Vma, prot: number): number {
  const length = area.end - area.start;
  const id = space.window.id;
  if (area.file === null) {
    // The reservation itself is private zero pages without access.
    if (prot === PROT.NONE) return 0;
    return native.windowMap(id, area.start, length, prot, false, -1, 0);
  }
  const shared = (area.flags & VmFlag.Shared) !== 0;
  const fd = area.file.mapFd(shared && area.file.mayWrite);
  return fd < 0 ? fd : native.windowMap(id, area.start, length, prot, shared, fd, area.offset);
}
