/**
 * movs, cmps, stos, scas address ES:rdi, which no prefix can move into the window. So the window's base is added
 * to the pointers, the host instruction runs as it is, and the base is taken off again. A repeat that runs over
 * the window's end meets a guard. lods, xlat and maskmov need none of this: their segment can be overridden, unless
 * the guest does so itself; then that segment's base is added to the pointer.
 */
import type { Insn } from './insn.js';
import type { Assembler } from './assembler.js';
import { encode, Mem } from './encode.js';
import { Fixup, PUSHED_BASE_OF_RSI } from './fixup.js';
import type { OperandMapper } from './operands.js';

const RCX = 1;
const RBX = 3;
const RSI = 6;
const RDI = 7;

/** movs cmps stos scas, and lods with an FS or GS segment. */
export function emitString(asm: Assembler, map: OperandMapper, insn: Insn): number {
  const usesRsi = (insn.form.implicitRead & (1 << RSI)) !== 0;
  const usesRdi = (insn.form.implicitRead & (1 << RDI)) !== 0;
  const segment = usesRsi ? insn.segment : -1;
  map.begin(insn, (1 << RCX) | (1 << RSI) | (1 << RDI) | 1);
  const base = map.borrow();
  const { slots } = asm.layout;
  if (segment >= 0) {
    if (insn.address32) asm.movRegReg32(RSI, RSI);
    map.loadSegmentBase(base, segment);
    asm.leaIndex(RSI, RSI, base);
    map.push(base, PUSHED_BASE_OF_RSI);
  }
  let fixup = 0;
  if (usesRdi) {
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
    fixup = Fixup.Rdi | (usesRsi ? Fixup.Rsi : 0);
  } else {
    asm.windowPrefix();
    emitStringOpcode(asm, insn);
  }
  fixup |= map.fixup;
  if (segment >= 0) takeBaseOff(asm, map, insn, base);
  map.end();
  return fixup;
}

/** rsi -= the segment's base, which was pushed last, without flags. */
function takeBaseOff(asm: Assembler, map: OperandMapper, insn: Insn, base: number): void {
  map.takeOff(base);
  asm.u8(0x48 | (base >> 3));
  asm.u8(0xf7);
  asm.u8(0xd0 | (base & 7)); // not base
  asm.leaIndex(RSI, RSI, base);
  asm.leaDisp(RSI, RSI, 1);
  if (insn.address32) asm.movRegReg32(RSI, RSI);
}

/** An instruction of implicit memory with an FS or GS segment: lods, xlat, maskmov. */
export function emitSegmented(asm: Assembler, map: OperandMapper, insn: Insn): number {
  return insn.form.implicitRead & (1 << RSI) ? emitString(asm, map, insn) : emitPointed(asm, map, insn);
}

/** xlat and maskmov with an FS or GS segment: its base is added to rbx or rdi for the one instruction. */
function emitPointed(asm: Assembler, map: OperandMapper, insn: Insn): number {
  const pointer = insn.form.implicitRead & (1 << RBX) ? RBX : RDI;
  map.begin(insn, 1 << pointer);
  const base = map.borrow();
  map.save(pointer);
  if (insn.address32) asm.movRegReg32(pointer, pointer);
  map.loadSegmentBase(base, insn.segment);
  asm.leaIndex(pointer, pointer, base);
  const { out } = map;
  out.mem = Mem.None;
  out.address32 = false;
  out.vvvv = insn.vvvv;
  out.reg = insn.reg;
  out.rm = insn.rm;
  asm.windowPrefix();
  encode(asm, insn, out);
  const { fixup } = map;
  map.end();
  return fixup;
}

function emitStringOpcode(asm: Assembler, insn: Insn): void {
  if (insn.operand16) asm.u8(0x66);
  if (insn.rep !== 0) asm.u8(insn.rep);
  if (insn.rex & 8) asm.u8(0x48);
  asm.u8(insn.opcode);
}
