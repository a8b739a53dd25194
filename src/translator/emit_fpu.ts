/**
 * The instructions that store or load the x87 and extended state. What they store would hold the address of the
 * last x87 instruction and operand, which are host addresses: both are cleared. XSAVE's mask is limited to
 * the state components that the CPU model has (x87, SSE, AVX).
 */
import type { Insn } from './insn.js';
import { type Assembler, Opcode } from './assembler.js';
import { encode, encodeMemory, encodeModrm, Mem } from './encode.js';
import { PUSHED_FLAGS } from './fixup.js';
import type { OperandMapper } from './operands.js';

const RAX = 0;
const RDX = 2;
const XCR0 = 7;

/** mov [memory operand + offset], 0 of `size` bytes. */
function clear(asm: Assembler, map: OperandMapper, offset: number, size: number): void {
  const o = map.out;
  const disp = o.disp;
  o.disp = (disp + offset) | 0;
  encodeMemory(asm, o, Opcode.MovImm, 0, size);
  if (size === 2) {
    asm.u8(0);
    asm.u8(0);
  } else {
    asm.u32(0);
  }
  o.disp = disp;
}

/** D9 /6 fnstenv, DD /6 fnsave, 0F AE /0 fxsave, 0F AE /4 xsave, 0F AE /6 xsaveopt, 0F C7 /4 xsavec. */
export function emitFpuSave(asm: Assembler, map: OperandMapper, insn: Insn): number {
  if (insn.map === 1 && !(insn.opcode === 0xae && (insn.reg & 7) === 0)) return emitExtended(asm, map, insn, true);
  map.begin(insn);
  map.memory(insn);
  map.out.reg = insn.reg;
  encode(asm, insn, map.out);
  if (insn.map === 1) {
    clear(asm, map, 8, 8);
    clear(asm, map, 16, 8);
  } else if (insn.operandSize === 2) {
    clear(asm, map, 6, 2);
    clear(asm, map, 10, 2);
  } else {
    clear(asm, map, 12, 4);
    clear(asm, map, 20, 4);
  }
  map.end();
  return map.fixup;
}

/** fldenv, frstor, fxrstor, xrstor. */
export function emitFpuRestore(asm: Assembler, map: OperandMapper, insn: Insn): number {
  if (insn.map === 1 && (insn.reg & 7) === 5) return emitExtended(asm, map, insn, false);
  return map.copy(insn);
}

function emitExtended(asm: Assembler, map: OperandMapper, insn: Insn, save: boolean): number {
  map.begin(insn, (1 << RAX) | (1 << RDX));
  const address = map.borrow();
  map.memory(insn);
  const o = map.out;
  // lea address, [operand]; only its low 32 bits matter.
  asm.u8(0x48 | ((address >> 3) << 2) | (o.index >= 8 ? 2 : 0) | (o.base >= 8 ? 1 : 0));
  asm.u8(0x8d);
  o.reg = address;
  encodeModrm(asm, o);
  o.mem = Mem.Window;
  o.base = address;
  o.index = -1;
  o.disp = 0;
  o.relative = false;
  // A fixup has room for four values: the address, rax, rdx and the flags.
  map.release(1);
  map.save(RAX);
  map.save(RDX);
  asm.u8(0x9c); // pushfq
  const fixup = (map.fixup << 5) | PUSHED_FLAGS;
  asm.u8(0x83); // and eax, XCR0
  asm.u8(0xe0);
  asm.u8(XCR0);
  asm.u8(0xba); // mov edx, 0
  asm.u32(0);
  o.reg = insn.reg;
  encode(asm, insn, o);
  if (save) {
    // Only when the x87 state was asked for (eax bit 0) were the two fields written.
    asm.u8(0xa8);
    asm.u8(1);
    asm.u8(0x74);
    const skip = asm.at;
    asm.u8(0);
    clear(asm, map, 8, 8);
    clear(asm, map, 16, 8);
    asm.bytes[skip] = asm.at - (skip + 1);
  }
  asm.u8(0x9d); // popfq
  map.end();
  return fixup;
}
