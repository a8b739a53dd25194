/**
 * The whole face of the native addon. Mechanism only: every policy is above this line.
 * Calls that can fail give 0 (or a count) or -errno of the host; they throw only on a wrong argument type.
 * `window` and `cpu` are small integers given by the create calls.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { dirname, join } from 'node:path';
import { existsSync } from 'node:fs';
import { blockCalls, type NativeBlock } from './io_block.js';
import type { NativeIo } from './native_io.js';
import type { NativeStore } from './native_store.js';
import type { NativeWait } from './native_wait.js';

export interface NativeEngine {
  /** RLIMIT_FSIZE as the caller had it: bytes, Infinity for none. */
  fileSizeLimit: { soft: number; hard: number };
  /** Reserves a 4 GiB window (PROT_NONE), its guards and its indirect-branch table. Id, or -errno. */
  windowCreate(): number;
  /** Detaches `buffer` (the window's) and gives all memory back. */
  windowDestroy(window: number, buffer: ArrayBuffer): void;
  /** Whether the host allows this process so many mappings more, with some kept for Node. */
  windowRoom(mappings: number): boolean;
  /** The window as one external ArrayBuffer of 2^32 bytes. Touching an unmapped page of it ends the process. */
  windowBuffer(window: number): ArrayBuffer;
  /** Host mmap MAP_FIXED at `addr` (page multiple). prot: 1 read, 2 write. fd -1 is anonymous; shared: MAP_SHARED. */
  windowMap(window: number, addr: number, length: number, prot: number, shared: boolean, fd: number, offset: number): number;
  windowProtect(window: number, addr: number, length: number, prot: number): number;
  /** Gives the range back to the PROT_NONE reservation. */
  windowUnmap(window: number, addr: number, length: number): number;
  /** Moves pages inside the window (host mremap to a fixed place); the old range is reservation again. */
  windowMove(window: number, from: number, fromLength: number, to: number, toLength: number): number;
  /** Host madvise; the advice number is the host's. */
  windowAdvise(window: number, addr: number, length: number, advice: number): number;
  /** One byte a page into `out`, as mincore(2). */
  windowMincore(window: number, addr: number, length: number, out: Uint8Array): number;
  windowSync(window: number, addr: number, length: number, flags: number): number;
  /** Copies the resident private pages of [addr, addr+length) from one window to another (both mapped alike). */
  windowCopy(to: number, from: number, addr: number, length: number): number;

  /** A CPU block (layout: cpu_block.ts) with a return stack of its own. */
  cpuCreate(): number;
  /** Detaches `buffer` (the CPU block's) and gives its memory back. */
  cpuDestroy(cpu: number, buffer: ArrayBuffer): void;
  cpuBuffer(cpu: number): ArrayBuffer;
  /** Makes a CPU as cpuCreate gave it. */
  cpuReset(cpu: number): void;
  /** Forgets every return-stack entry, as after longjmp, execve or when code was dropped. */
  cpuResetReturnStack(cpu: number): void;
  /** Gives a CPU the newest entries of another's return stack. */
  cpuCopyReturnStack(to: number, from: number): void;
  /**
   * u32s that `enter` reads and writes: cpu, window, cache offset to start at, state to keep (1 x87, 2 ymm); out: the Trap.
   * Word 5 becomes 1 when a time slice ends, or a signal of the host comes, while no guest code runs.
   */
  entryBlock(): ArrayBuffer;
  /** Runs translated code as the entry block says until it traps. */
  enter(): void;

  /** The host's CPUID: eax, ebx, ecx, edx. */
  cpuid(leaf: number, subleaf: number): [number, number, number, number];

  /** The code cache, writable view. The executable view is another mapping that JS never sees. */
  codeBuffer(): ArrayBuffer;
  /** Adds `delta`, modulo 2^32, to the words [start, end). */
  addToWords(words: Uint32Array, start: number, end: number, delta: number): void;
  /**
   * Makes code right that was stored as if it and its guest image stood at 0. Each word names a field (translator's
   * relocations.ts): kind in the upper 3 bits, offset from `codeBase` in the others. Throws when a field is not in the cache.
   */
  codeRelocate(fields: Uint32Array, codeBase: number, guestBase: number): void;
  /** A hash of bytes [start, end), below 2^52. For telling damage and versions, not against forgery. */
  hashBytes(bytes: Uint8Array, start: number, end: number): number;
  /**
   * The instruction log, u32s: word 0 counts the entries behind it, which are the cache offsets of translated guest
   * instructions in ascending order; bit 31: not a place where guest code may be interrupted.
   */
  codeLog(): ArrayBuffer;
  /** Cache offsets of the fixed stubs, and segment displacements of the thread's slots; see native/engine.h. */
  codeLayout(): CodeLayout;
  indirectSet(window: number, guestPc: number, host: number): void;
  /** Empties the indirect table over [start, end). */
  indirectClear(window: number, start: number, end: number): void;

  /** Time slice of guest code in microseconds; 0 stops the timer. A slice's end shows as a Preempted trap. */
  timesliceSet(micros: number): void;
  /** u32s, counted while the timer runs: time slices whose end met no guest code, and guest code. */
  timesliceTicks(): ArrayBuffer;
  /** Makes the guest that runs now leave with a Preempted trap; when none runs, the next entry is put off once. */
  preempt(): void;
  /** Ends the process at once: no exit handlers, no tear-down. What was written to descriptors is written. */
  exitNow(status: number): void;
}

export interface CodeLayout {
  /** First cache offset free for translated code. */
  start: number;
  size: number;
  exitSyscall: number;
  exitLink: number;
  exitTrap: number;
  /** As returnMiss, with CF from bit 0 of slot rip. */
  returnLost: number;
  returnMiss: number;
  /** FS displacements (signed 32-bit) of thread slots. */
  slots: {
    scratch: number;
    displaced: number;
    rip: number;
    trap: number;
    link: number;
    resume: number;
    window: number;
    windowNegated: number;
    guestFsBase: number;
    guestGsBase: number;
    returnStackBase: number;
    cpu: number;
  };
  /** GS displacement of the indirect table, seen through an index register biased by `indirectBias`. */
  indirectBias: number;
  indirectDisp: number;
  hostcalls: { clockGettime: number; getcpu: number };
}

export type Native = NativeEngine & NativeIo & NativeStore & NativeWait;

/** The addon as it was built in this tree, else the prebuilt one of the package. */
function load(): Native {
  const here = dirname(fileURLToPath(import.meta.url));
  // From dist/ (the bundle) and from build/host/ (a development tree).
  for (const up of ['..', '../..']) {
    const file = join(here, up, 'build/Release/posixx.node');
    if (!existsSync(file)) continue;
    const addon = { exports: {} };
    try {
      process.dlopen(addon, file);
    } catch (error) {
      // --no-addons, a permission model, another libc.
      throw new Error(`posixx: its native addon cannot be loaded: ${(error as Error).message}`);
    }
    return withBlockCalls(addon.exports);
  }
  try {
    return withBlockCalls((createRequire(import.meta.url)('node-gyp-build') as (dir: string) => object)(join(here, '..')));
  } catch {
    throw new Error('posixx: the native addon is not built; run "npm run build" in the project');
  }
}

function withBlockCalls(addon: object): Native {
  return { ...addon, ...blockCalls(addon as NativeBlock) } as Native;
}

export const native: Native = load();
