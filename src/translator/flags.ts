/** Whether the arithmetic flags still matter at some point of the guest's code. */
import { decode } from './decode.js';
import { Flag, Insn, Rewrite } from './insn.js';
import type { CodeSource } from './engine.js';

const ARITHMETIC = Flag.CF | Flag.PF | Flag.AF | Flag.ZF | Flag.SF | Flag.OF;
/** Instructions to look ahead; most flags die within three. */
const HORIZON = 12;

const insn = new Insn();

/**
 * Looks ahead from `pc` along the path that is certain (direct jumps and calls are followed) until every flag is
 * overwritten or one may be read. What it cannot see counts as a reader.
 */
export function flagsLive(source: CodeSource, pc: number): boolean {
  const bytes = source.window.u8;
  let open: number = ARITHMETIC;
  for (let i = 0; i < HORIZON; i++) {
    const limit = source.fetchable(pc);
    if (limit === 0 || decode(bytes, pc, limit, pc, insn) === 0) return true;
    const form = insn.form;
    if (form.flagsRead & open) return true;
    // What div, bt and others leave undefined, CPUs leave as it was; but for AF behind logical operations.
    const kept = form.flagsUndefined === Flag.AF ? 0 : form.flagsUndefined;
    open &= ~(form.flagsWritten & ~kept);
    if (open === 0) return false;
    switch (form.rewrite) {
      case Rewrite.Copy: case Rewrite.Lea: case Rewrite.Push: case Rewrite.Pop: case Rewrite.Enter: case Rewrite.Leave:
      case Rewrite.Moffs:
        pc += insn.length;
        break;
      case Rewrite.JmpNear: case Rewrite.CallNear:
        pc = (pc + insn.length + insn.imm) >>> 0;
        break;
      default:
        return true;
    }
  }
  return true;
}
