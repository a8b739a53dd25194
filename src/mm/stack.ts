/** Memory faults, and stacks that grow by them. */
import { PROT } from '../abi/mman.js';
import { fileEnd, type AddressSpace } from './address_space.js';
import { Fault, FaultAccess } from './fault.js';
import { MIN_ADDRESS, PAGE } from './layout.js';
import { mayExpand, tally } from './mapping.js';
import { STACK_GUARD_GAP, Vma, VmFlag } from './vma.js';
import { hostProt, mapWindow, protectWindow } from './window_pages.js';

const CAN_READ = PROT.READ | PROT.WRITE | PROT.EXEC;
/** A stack grows by at least this much when it may: one fault instead of many. */
const GROWTH = 0x1_0000;

/** Extends the area above `addr` down to it, when it is a stack and limits and guard gap allow. */
export function growStack(space: AddressSpace, area: Vma, addr: number): boolean {
  if ((area.flags & VmFlag.GrowsDown) === 0) return false;
  const below = space.areas.below(area.start);
  let floor = Math.max(MIN_ADDRESS, Math.ceil((area.end - space.limits.stack) / PAGE) * PAGE);
  if (below !== undefined) {
    const guarded = (below.flags & VmFlag.GrowsDown) === 0 && below.prot !== PROT.NONE;
    floor = Math.max(floor, below.end + (guarded ? STACK_GUARD_GAP : 0));
  }
  const needed = Math.floor(addr / PAGE) * PAGE;
  if (needed < floor) return false;
  const start = Math.max(floor, Math.min(needed, area.start - GROWTH));
  const bytes = area.start - start;
  if (!mayExpand(space, bytes, area.prot, area.flags)) return false;
  if ((area.flags & VmFlag.Locked) !== 0 && space.lockedBytes + bytes > space.lockLimit) return false;
  if (!space.account.take(bytes)) return false;
  const growth = new Vma(start, area.start, area.prot, area.flags, null, 0, area.name);
  if (mapWindow(space, growth, hostProt(area.prot)) < 0) {
    space.account.give(bytes);
    return false;
  }
  space.committedBytes += bytes;
  tally(space, growth, 1);
  space.areas.resize(area, start, area.end);
  space.changed();
  return true;
}

export function resolveFault(space: AddressSpace, address: number, access: number): number {
  let area = space.areas.above(address);
  if (area === undefined || !(address >= 0)) return Fault.MapErr;
  if (area.start > address) {
    if (!growStack(space, area, address)) return Fault.MapErr;
    area = space.areas.find(address)!;
  }
  const needed = access === FaultAccess.Write ? PROT.WRITE : access === FaultAccess.Fetch ? PROT.EXEC : CAN_READ;
  if ((area.prot & needed) === 0) return Fault.AccErr;
  if (area.file !== null) {
    area.backed = 0;
    if (address >= fileEnd(area)) return Fault.BusAdrErr;
  }
  const page = Math.floor(address / PAGE) * PAGE;
  if (access === FaultAccess.Write && space.codePages.has(page)) {
    space.dropCode(page, page + PAGE);
    return Fault.Retry;
  }
  if (access === FaultAccess.Fetch) return Fault.Retry;
  // The books allow it, so the host did not have the page: once more with its protection set anew, then it is lost.
  if (space.lastFault === page) {
    space.lastFault = -1;
    return Fault.BusAdrErr;
  }
  space.lastFault = page;
  protectWindow(space, page, page + PAGE, hostProt(area.prot));
  return Fault.Retry;
}
