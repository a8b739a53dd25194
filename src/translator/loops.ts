/** Where loops stand in the guest's code. */
import { decode } from './decode.js';
import { Insn, Rewrite } from './insn.js';
import type { CodeSource } from './engine.js';

/** The longest body that is looked for, in bytes. */
const BODY = 512;
/** Instructions to look ahead for the branch back. */
const HORIZON = 24;

const insn = new Insn();

/**
 * Whether a jump to `target` enters a loop whose body begins at `next`, behind the jump: compilers put a loop's
 * condition at its end. The body is then best laid out as the guest has it.
 */
export function isLoopEntry(source: CodeSource, next: number, target: number): boolean {
  if (target <= next || target - next > BODY) return false;
  const bytes = source.window.u8;
  let pc = target;
  for (let i = 0; i < HORIZON; i++) {
    const limit = source.fetchable(pc);
    if (limit === 0 || decode(bytes, pc, limit, pc, insn) === 0) return false;
    pc += insn.length;
    switch (insn.form.rewrite) {
      case Rewrite.Jcc: case Rewrite.Loop: case Rewrite.JmpNear: {
        const to = (pc + insn.imm) >>> 0;
        if (to >= next && to < target) return true;
        if (insn.form.rewrite === Rewrite.JmpNear) return false;
        break;
      }
      case Rewrite.JmpIndirect: case Rewrite.Ret:
        return false;
    }
  }
  return false;
}
