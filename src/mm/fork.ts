/** fork(2) of an address space. */
import { E } from '../abi/errno.js';
import { PROT } from '../abi/mman.js';
import { PR_MDWE } from '../abi/process.js';
import { native } from '../host/native.js';
import { AddressSpace } from './address_space.js';
import { tally } from './mapping.js';
import { areasLeft } from './spaces.js';
import { Vma, VmFlag } from './vma.js';
import { hostProt, mapWindow, protectWindow } from './window_pages.js';

/** @returns a space with the same areas and bytes, or -ENOMEM */
export function forkSpace(parent: AddressSpace): AddressSpace | number {
  if (!areasLeft(parent.areas.length)) return -E.NOMEM;
  let child: AddressSpace;
  try {
    child = new AddressSpace(parent);
  } catch {
    return -E.NOMEM;
  }
  for (const area of parent.areas) {
    if ((area.flags & VmFlag.DontFork) !== 0) continue;
    if (copyArea(parent, child, area) < 0) {
      child.release();
      return -E.NOMEM;
    }
  }
  if ((parent.mdwe & PR_MDWE.NO_INHERIT) === 0) child.mdwe = parent.mdwe;
  child.hostcalls = parent.hostcalls;
  child.program = parent.program;
  child.brkStart = parent.brkStart;
  child.brkEnd = parent.brkEnd;
  child.startCode = parent.startCode;
  child.endCode = parent.endCode;
  child.startStack = parent.startStack;
  child.argStart = parent.argStart;
  child.argEnd = parent.argEnd;
  child.envStart = parent.envStart;
  child.envEnd = parent.envEnd;
  child.auxv = parent.auxv;
  for (const page of parent.codePages) {
    if (child.areas.find(page) === undefined) continue;
    child.codePages.add(page);
    protectWindow(child, page, page + 4096, PROT.READ);
  }
  if (parent.code !== null) child.code = parent.code.fork(child);
  return child;
}

function copyArea(parent: AddressSpace, child: AddressSpace, area: Vma): number {
  const flags = area.flags & ~VmFlag.Locked;
  const copy = new Vma(area.start, area.end, area.prot, flags, area.file, area.offset, area.name);
  const length = area.end - area.start;
  const written = (flags & VmFlag.Written) !== 0;
  if (written && !child.account.take(length)) return -E.NOMEM;
  if (written) child.committedBytes += length;
  area.file?.retain();
  const prot = hostProt(area.prot);
  const copies = written && (flags & VmFlag.WipeOnFork) === 0;
  let error = mapWindow(child, copy, copies ? PROT.READ | PROT.WRITE : prot);
  if (error === 0 && copies) {
    // Pages that were written and then made inaccessible are still the program's.
    if (prot === PROT.NONE) protectWindow(parent, area.start, area.end, PROT.READ);
    error = Math.min(0, native.windowCopy(child.window.id, parent.window.id, area.start, length));
    if (prot === PROT.NONE) protectWindow(parent, area.start, area.end, PROT.NONE);
    if (error === 0 && prot !== (PROT.READ | PROT.WRITE)) protectWindow(child, copy.start, copy.end, prot);
  }
  tally(child, copy, 1);
  child.areas.insert(copy);
  return error;
}
