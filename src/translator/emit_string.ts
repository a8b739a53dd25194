/**
 * movs, cmps, stos, scas address ES:rdi, which no prefix can move into the window. So the window's base is added
 * to the pointers, the host instruction runs as it is, and the base is taken off again. A repeat that runs over
 * the window's end meets a guard. lods needs none of this: its segment can be overridden.
 */
import type { Insn } from './insn.js';
import type { Assembler } from './assembler.js';
import { Fixup } from './fixup.js';
import type { OperandMapper } from './operands.js';

const RCX = 1;
const RSI = 6;
const RDI = 7;

/** @returns the fixup word, or -1 when the source has an FS or GS segment, which is not supported. */
export function emitString(asm: Assembler, map: OperandMapper, insn: Insn): number {
  const usesRsi = (insn.form.implicitRead & (1 << RSI)) !== 0;
  const usesRdi = (insn.form.implicitRead & (1 << RDI)) !== 0;
  if (usesRsi && insn.segment >= 0) return -1;
  if (!usesRdi) {
    asm.u8(0x65);
    asm.u8(0x67);
    emitStringOpcode(asm, insn);
    return 0;
  }
  map.begin(insn, (1 << RCX) | (1 << RSI) | (1 << RDI) | 1);
  const base = map.borrow();
  const { slots } = asm.layout;
  asm.loadSlot(base, slots.window);
  if (insn.address32 && insn.rep !== 0) asm.movRegReg32(RCX, RCX);
  asm.movRegReg32(RDI, RDI);
  asm.leaIndex(RDI, RDI, base);
  if (usesRsi) {
    asm.movRegReg32(RSI, RSI);
    asm.leaIndex(RSI, RSI, base);
  }
  emitStringOpcode(asm, insn);
  asm.loadSlot(base, slots.windowNegated);
  asm.leaIndex(RDI, RDI, base);
  if (usesRsi) asm.leaIndex(RSI, RSI, base);
  map.end();
  return map.fixup | Fixup.Rdi | (usesRsi ? Fixup.Rsi : 0);
}

function emitStringOpcode(asm: Assembler, insn: Insn): void {
  if (insn.operand16) asm.u8(0x66);
  if (insn.rep !== 0) asm.u8(insn.rep);
  if (insn.rex & 8) asm.u8(0x48);
  asm.u8(insn.opcode);
}
