/**
 * One guest address space: what is mapped (the areas), over the window that holds the bytes.
 * Calls give a value or -errno, as the system calls of the same name do.
 *
 * The hot part is in this file: the checks that every system call makes before it touches guest memory.
 * The calls that change mappings are in mapping.ts, remap.ts, advise.ts and fork.ts.
 */
import { E } from '../abi/errno.js';
import { PROT } from '../abi/mman.js';
import { Window, WINDOW_SIZE } from '../host/window.js';
import type { MemoryLimits, MemoryAccount } from './limits.js';
import { mmapTop, PAGE, type Layout } from './layout.js';
import type { MappedFile } from './mapped_file.js';
import { VmaList, VmFlag, type Vma } from './vma.js';
import * as advise from './advise.js';
import * as mapping from './mapping.js';
import { codeOrigin, codeTranslated, dropCode } from './code_pages.js';
import { forkSpace } from './fork.js';
import { growStack, resolveFault } from './stack.js';
import { remap } from './remap.js';
import { hashByte, keepString, knownString } from './known_strings.js';
import { spaces } from './spaces.js';

/** The translated code of a space, as mm needs it: the translator's CodeSpace has this shape. */
export interface TranslatedCode {
  invalidate(start: number, end: number): void;
  fork(source: AddressSpace): TranslatedCode;
  release(): void;
}

/** What lives as long as a space: the kernel's contexts of asynchronous I/O have this shape. */
export interface SpaceTenant {
  release(): void;
  /** Whether mremap(2) must not enlarge the mapping at `address`. */
  keepsSize(address: number): boolean;
  /** mremap(2) has moved what began at `from`. */
  moved(from: number, to: number): void;
}

export interface AddressSpaceOptions {
  layout: Layout;
  limits: MemoryLimits;
  account: MemoryAccount;
}

const CAN_READ = PROT.READ | PROT.WRITE | PROT.EXEC;

export class AddressSpace {
  readonly window = new Window();
  readonly areas = new VmaList();
  readonly layout: Layout;
  /** Replaced by the kernel when the space gets to another process (fork). */
  limits: MemoryLimits;
  readonly account: MemoryAccount;
  /** The translations made from this space. Set by the kernel after `engine.createSpace(space)`. */
  code: TranslatedCode | null = null;
  /** io_setup(2); null: never called. */
  asyncIo: SpaceTenant | null = null;
  /** Where the vdso's private instructions are allowed (CodeSource). */
  hostcalls: { start: number; end: number } | undefined;

  /** Which program runs: spaces with the same one will find much of the same code at the same places (CodeSource). */
  program = '';

  /** Heap: [brkStart, brkEnd). */
  brkStart = 0;
  brkEnd = 0;
  /** For /proc/PID/stat and friends; the loader sets them. */
  startCode = 0;
  endCode = 0;
  startStack = 0;
  argStart = 0;
  argEnd = 0;
  envStart = 0;
  envEnd = 0;
  /** The auxiliary vector as it was put on the stack. */
  auxv: Uint8Array = new Uint8Array(0);

  /** Bytes in private writable areas (RLIMIT_DATA), locked areas, and taken from the account. */
  dataBytes = 0;
  lockedBytes = 0;
  committedBytes = 0;
  /** The caller may lock more than RLIMIT_MEMLOCK (CAP_IPC_LOCK). */
  lockUnlimited = false;
  /** PR_SET_MDWE: PR_MDWE bits. */
  mdwe = 0;
  /** mlockall(MCL_FUTURE). */
  lockFuture = false;

  /** Writable pages that the window holds read-only, because code from them was translated. */
  readonly codePages = new Set<number>();

  /** Ranges last found readable and writable; emptied whenever mappings change. */
  private readStart = 1;
  private readEnd = 0;
  private writeStart = 1;
  private writeEnd = 0;
  private users = 1;
  private text: Buffer | null = null;
  /** Mappings are placed from here down. */
  readonly mmapTop: number;
  /** Page of the last fault that the areas do not explain; -1: none. */
  lastFault = -1;

  /** @throws Error when the host has no room for the window. */
  constructor(options: AddressSpaceOptions) {
    this.layout = options.layout;
    this.limits = options.limits;
    this.account = options.account;
    this.mmapTop = mmapTop(options.layout, options.limits.stack);
    spaces.push(this);
  }

  /** One task more uses this space (CLONE_VM). */
  share(): void {
    this.users++;
  }

  /** A task leaves; the last one frees the space. */
  release(): void {
    if (--this.users > 0) return;
    spaces.splice(spaces.indexOf(this), 1);
    this.asyncIo?.release();
    this.code?.release();
    this.code = null;
    for (const area of this.areas) area.file?.release();
    this.areas.dispose();
    this.account.give(this.committedBytes);
    this.window.destroy();
  }

  // --- Checks and accesses -------------------------------------------------------------------------------------------

  /** Whether the kernel may read [addr, addr + length) now. True for length 0. */
  readable(addr: number, length: number): boolean {
    if (addr >= this.readStart && addr + length <= this.readEnd) return true;
    return this.readableSlow(addr, length);
  }

  /**
   * Whether the kernel may write [addr, addr + length) now; translations of code there are dropped. True for length
   * 0.
   */
  writable(addr: number, length: number): boolean {
    if (addr >= this.writeStart && addr + length <= this.writeEnd) return true;
    return this.writableSlow(addr, length);
  }

  /** How many bytes from `addr` on can be read, up to a hole; 0 when none. */
  readableBytes(addr: number): number {
    return this.span(addr, CAN_READ, 0xffff_ffff) - addr;
  }

  /** How many bytes from `addr` on can be written, at most `max` are looked at. */
  writableBytes(addr: number, max: number): number {
    const end = this.span(addr, PROT.WRITE, addr + max);
    if (end > addr && this.codePages.size > 0) this.dropCode(addr, end);
    return end - addr;
  }

  /**
   * The string at `addr` without its NUL, as bytes (latin1); -EFAULT, or -ENAMETOOLONG when `max` bytes hold no NUL.
   */
  cstring(addr: number, max: number): string | number {
    const u8 = this.window.u8;
    let at = addr;
    let hash = 0;
    const stop = addr + max;
    while (at < stop) {
      if (!this.readable(at, 1)) return -E.FAULT;
      const end = Math.min(stop, at >= this.readStart && at < this.readEnd ? this.readEnd : (at | (PAGE - 1)) + 1);
      for (let byte; at < end && (byte = u8[at]!) !== 0; at++) hash = hashByte(hash, byte);
      if (at === end) continue;
      const known = knownString(u8, addr, at, hash);
      if (known !== undefined) return known;
      const text = this.latin1(addr, at);
      keepString(u8, addr, at, hash, text);
      return text;
    }
    return -E.NAMETOOLONG;
  }

  /** Bytes [start, end) as a byte string; they must be readable. */
  latin1(start: number, end: number): string {
    this.text ??= Buffer.from(this.window.buffer);
    return this.text.toString('latin1', start, end);
  }

  /** Unsigned value at `addr`, any alignment; -EFAULT. */
  getU32(addr: number): number {
    return this.readable(addr, 4) ? this.window.view.getUint32(addr, true) : -E.FAULT;
  }

  /** Unsigned 64-bit value at `addr` as a number (exact below 2^53); -EFAULT. */
  getU64(addr: number): number {
    if (!this.readable(addr, 8)) return -E.FAULT;
    const view = this.window.view;
    return view.getUint32(addr + 4, true) * 0x1_0000_0000 + view.getUint32(addr, true);
  }

  /** Stores the low 32 bits of `value`; false: the guest may not write there (EFAULT). */
  putU32(addr: number, value: number): boolean {
    if (!this.writable(addr, 4)) return false;
    this.window.view.setUint32(addr, value, true);
    return true;
  }

  /** Stores an integer (|value| < 2^53) in 64 bits, sign-extended; false: EFAULT. */
  putU64(addr: number, value: number): boolean {
    if (!this.writable(addr, 8)) return false;
    this.window.view.setUint32(addr, value >>> 0, true);
    this.window.view.setInt32(addr + 4, Math.floor(value / 0x1_0000_0000), true);
    return true;
  }

  /** Copies `bytes` to the guest; false: EFAULT, nothing was written. */
  putBytes(addr: number, bytes: Uint8Array): boolean {
    if (bytes.length === 0) return true;
    if (!this.writable(addr, bytes.length)) return false;
    this.window.u8.set(bytes, addr);
    return true;
  }

  /** The guest's bytes themselves (no copy; good until the mapping changes), or -EFAULT. */
  bytes(addr: number, length: number): Uint8Array | number {
    return this.readable(addr, length) ? this.window.u8.subarray(addr, addr + length) : -E.FAULT;
  }

  private readableSlow(addr: number, length: number): boolean {
    if (!(length > 0)) return length === 0;
    const end = addr + length;
    if (end > WINDOW_SIZE || this.span(addr, CAN_READ, end) < end) return false;
    const area = this.areas.find(addr)!;
    const stable = isStable(area);
    if (end <= area.end && stable) {
      this.readStart = area.start;
      this.readEnd = area.end;
    }
    return true;
  }

  private writableSlow(addr: number, length: number): boolean {
    if (!(length > 0)) return length === 0;
    const end = addr + length;
    if (end > WINDOW_SIZE || this.span(addr, PROT.WRITE, end) < end) return false;
    const area = this.areas.find(addr)!;
    if (this.codePages.size > 0) this.dropCode(addr, end);
    const stable = isStable(area);
    if (end <= area.end && stable && (area.prot & PROT.EXEC) === 0) {
      this.writeStart = area.start;
      this.writeEnd = area.end;
    }
    return true;
  }

  /** End (at most `limit`) of the accessible run of bytes that begins at `addr`; `addr` itself when there is none. */
  private span(addr: number, prot: number, limit: number): number {
    const areas = this.areas;
    let at = addr;
    while (at < limit) {
      let area = areas.above(at);
      if (area === undefined) break;
      if (area.start > at) {
        if (at !== addr || !growStack(this, area, at)) break;
        area = areas.above(at)!;
      }
      if ((area.prot & prot) === 0) break;
      const end = area.file === null ? area.end : fileEnd(area);
      if (end <= at) break;
      at = end;
      if (end < area.end) break;
    }
    return Math.min(at, Math.max(addr, limit));
  }

  /** Bytes that may be locked in all. */
  get lockLimit(): number {
    return this.lockUnlimited ? Infinity : this.limits.memlock;
  }

  /** Mappings, protections or code pages changed: forget what the checks remember. */
  changed(): void {
    this.readStart = 1;
    this.readEnd = 0;
    this.writeStart = 1;
    this.writeEnd = 0;
    this.lastFault = -1;
  }

  // --- Translated code (CodeSource) ----------------------------------------------------------------------------------

  /** For instructions that the engine carries out itself: `readable` and `writable`. */
  get memory(): this {
    return this;
  }

  /** Bytes from `pc` that may be fetched as instructions, up to the end of their area; 0: not executable. */
  fetchable(pc: number): number {
    const area = this.areas.find(pc);
    if (area === undefined || (area.prot & PROT.EXEC) === 0) return 0;
    return Math.max(0, (area.file === null ? area.end : fileEnd(area)) - pc);
  }

  /** The engine has translated code of this page: stores to it must show. */
  codeTranslated(page: number): void {
    codeTranslated(this, page);
  }

  /** Equal for two pages, of any spaces, only if they have the same code; '' when they may have code of their own. */
  codeOrigin(page: number): string {
    return codeOrigin(this, page);
  }

  /** Code of [start, end) is about to change: drops its translations and makes its pages writable again. */
  dropCode(start: number, end: number): void {
    dropCode(this, start, end);
  }

  /**
   * A guest access faulted. Gives Fault.Retry when it may go on, else the signal and si_code, packed (see fault.ts).
   * @param address where, in the window; anything else counts as unmapped
   * @param access a FaultAccess
   */
  fault(address: number, access: number): number {
    return resolveFault(this, address, access);
  }

  // --- Calls that change mappings ------------------------------------------------------------------------------------

  /**
   * mmap(2). The caller has checked the access mode of the file; `file` is retained for as long as it is mapped.
   * @returns the address, or -errno
   */
  mmap(addr: number, length: number, prot: number, flags: number, file: MappedFile | null, offset: number): number {
    return mapping.mmap(this, addr, length, prot, flags, file, offset);
  }

  munmap(addr: number, length: number): number {
    return mapping.munmap(this, addr, length);
  }

  mprotect(addr: number, length: number, prot: number): number {
    return mapping.mprotect(this, addr, length, prot);
  }

  /** brk(2) as the kernel has it: gives the new end of the heap, or the old one when it cannot be moved. */
  brk(addr: number): number {
    return mapping.brk(this, addr);
  }

  mremap(addr: number, oldLength: number, newLength: number, flags: number, newAddr: number): number {
    return remap(this, addr, oldLength, newLength, flags, newAddr);
  }

  /** remap_file_pages(2); `offset` in bytes. */
  remapFilePages(addr: number, length: number, prot: number, offset: number, flags: number): number {
    return mapping.remapFilePages(this, addr, length, prot, offset, flags);
  }

  /** mprotect may not make [addr, addr + length), which is mapped, writable. */
  forbidWrite(addr: number, length: number): void {
    mapping.forbidWrite(this, addr, length);
  }

  madvise(addr: number, length: number, advice: number): number {
    return advise.madvise(this, addr, length, advice);
  }

  /** mincore(2) into `out`, one byte a page. */
  mincore(addr: number, length: number, out: Uint8Array): number {
    return advise.mincore(this, addr, length, out);
  }

  msync(addr: number, length: number, flags: number): number {
    return advise.msync(this, addr, length, flags);
  }

  /** mlock(2), munlock(2). */
  mlock(addr: number, length: number, lock: boolean, populate = true): number {
    return advise.mlock(this, addr, length, lock, populate);
  }

  /** mlockall(2) with MCL flags; 0 is munlockall(2). */
  mlockall(flags: number): number {
    return advise.mlockall(this, flags);
  }

  /**
   * fork(2): a new space with the same areas, private pages copied, shared ones mapped again, and the same code.
   * @returns the child, or -ENOMEM
   */
  fork(): AddressSpace | number {
    return forkSpace(this);
  }

  /** What /proc/PID/maps calls an area: its file's path, '[heap]', '[stack]', '[vdso]' or ''. */
  nameOf(area: Vma): string {
    if (area.file !== null) return area.file.path;
    if (area.name !== '') return area.name;
    if (area.start < this.brkEnd && area.end > this.brkStart) return '[heap]';
    return '';
  }
}

/** Whether all of the area will stay backed: a shared file may shrink at any time, a private one is looked at once. */
function isStable(area: Vma): boolean {
  return area.file === null || ((area.flags & VmFlag.Shared) === 0 && area.backed >= area.end);
}

/** First address of the area that its file no longer backs: behind it, an access gives SIGBUS. */
export function fileEnd(area: Vma): number {
  const file = area.file!;
  if ((area.flags & VmFlag.Shared) === 0 && area.backed >= area.end) return area.end;
  const pages = Math.ceil(Math.max(0, file.size() - area.offset) / PAGE) * PAGE;
  area.backed = area.start + pages;
  return Math.min(area.end, area.backed);
}
