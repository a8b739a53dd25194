/** Connects translated code: what a branch goes to, and the entries of indirect branches. */
import type { Assembler } from './assembler.js';
import type { X86CodeSpace } from './code_space.js';
import type { InstructionLog } from './instruction_log.js';

/** Guest instructions of a fragment at most; then it is linked to the next. */
export const FRAGMENT_LIMIT = 128;
/** Host bytes that one fragment can take at most, stubs included. */
const FRAGMENT_BYTES = 64 * 1024;
/** FP state that must be kept across traps once guest code uses it. */
export const SAVE_X87 = 1;
export const SAVE_YMM = 2;

export class Linker {
  /** SAVE_X87, SAVE_YMM: what the translated code uses. */
  saves = 0;

  constructor(readonly asm: Assembler, readonly log: InstructionLog) {}

  /** There is room for one more fragment. */
  get hasRoom(): boolean {
    return this.asm.at + FRAGMENT_BYTES < this.asm.layout.size && this.log.hasRoom(FRAGMENT_LIMIT * 4);
  }

  /** Whether code at `from` may branch directly to the translation of `target`: whoever runs the one must have the other. */
  mayLink(space: X86CodeSpace, from: number, target: number): boolean {
    const { translations } = space;
    if (translations.sameOrigin(from, target)) return true;
    if (translations.users > 1 || !space.admits(target >>> 12)) return false;
    translations.bound = true;
    return true;
  }

  /** The branch at `site` goes to the translation of `target` at `host`. */
  link(space: X86CodeSpace, site: number, target: number, host: number): void {
    this.asm.patchRel32(site, host);
    space.translations.addLink(target, site);
  }

  /** The branch at `site` leaves through a stub that has its target and itself linked. */
  linkLater(site: number, target: number): void {
    const { asm } = this;
    asm.patchRel32(site, asm.at);
    asm.u8(0xe8);
    asm.rel32(asm.layout.exitLink);
    asm.u32(target);
    asm.u32(site);
  }

  /** Entry of an indirect branch to the instruction at `host`: guest rcx comes back from its slot. */
  thunk(host: number): number {
    const { asm } = this;
    const at = asm.at;
    asm.loadSlot(1, asm.layout.slots.scratch);
    asm.u8(0xe9);
    asm.rel32(host);
    return at;
  }
}
