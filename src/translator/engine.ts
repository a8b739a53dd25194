/**
 * The engine's contract. It knows CPUs and memory, no Linux. An engine for another host
 * (WebAssembly) would implement the same two interfaces.
 */
import type { Cpu, Trap } from '../host/cpu_block.js';
import type { Window } from '../host/window.js';

export { Trap } from '../host/cpu_block.js';

/** What the engine asks of whoever owns guest memory. */
export interface CodeSource {
  readonly window: Window;
  /** Bytes from `pc` that may be fetched as instructions, up to the end of their mapping; 0: not executable. */
  fetchable(pc: number): number;
  /**
   * Called before code of the page at `page` (a multiple of 4096) is translated. The owner makes the page
   * read-only in the window while it holds translated code, when the guest could write to it;
   * a write then shows as a Fault trap, for which the owner calls `CodeSpace.invalidate`.
   */
  codeTranslated(page: number): void;
  /**
   * Where the code of the page at `page` comes from: equal for two pages, also of different sources, only if they
   * have the same bytes for as long as both are mapped, and belong to one image. '' (the default): not known, or it may change.
   * It ends in @ and the address of the image's byte 0. With '!' at its beginning it means the same in other processes, too.
   */
  codeOrigin?(page: number): string;
  /** Sources with the same program will want much of the same code, one after the other. '' (the default): keep nothing. */
  readonly program?: string;
  /**
   * Whether bytes of the window may be read or written by what the engine carries out itself: pages are brought in, and
   * code that is about to change is dropped. Without it far transfers and segment registers are illegal instructions.
   */
  readonly memory?: {
    readable(address: number, length: number): boolean;
    writable(address: number, length: number): boolean;
  };
  /** Where the vdso's private instructions (0F 3F 01 clock_gettime, 0F 3F 02 getcpu) are allowed; nowhere else. */
  readonly hostcalls?: { readonly start: number; readonly end: number } | undefined;
}

/**
 * The translated code of one address space. Those that run the same program share it, page by page where the code comes
 * from the same place; an address space that changes code, or needs other code, leaves.
 */
export interface CodeSpace {
  /** Drops what was translated from [start, end). Called when such memory is written, unmapped or re-protected. */
  invalidate(start: number, end: number): void;
  /** The code of a forked child: shares all translations. `source` has the same bytes at the same addresses. */
  fork(source: CodeSource): CodeSpace;
  release(): void;
}

/** Keeps translated code from one process to the next, by name. */
export interface CodeStore {
  /** What was saved last; null: nothing. */
  load(name: string): Uint8Array | null;
  save(name: string, bytes: Uint8Array): void;
}

export interface EngineStats {
  fragments: number;
  instructions: number;
  hostBytes: number;
  links: number;
  indirectMisses: number;
  flushes: number;
  translateMs: number;
}

export interface Engine {
  readonly stats: EngineStats;
  /** A CPU block with all registers zero, rflags 0x202 and the FPU in its initial state. */
  createCpu(): Cpu;
  destroyCpu(cpu: Cpu): void;
  createSpace(source: CodeSource): CodeSpace;
  /** CPU `to` will go on in `toSpace` where `from` stands in `fromSpace`, with the same calls open: a forked child. */
  takeCalls(to: Cpu, toSpace: CodeSpace, from: Cpu, fromSpace: CodeSpace): void;
  /** Runs guest code from cpu.rip until a trap that is not the engine's own business. Never throws for what a guest does. */
  run(cpu: Cpu, space: CodeSpace): Trap;
}
