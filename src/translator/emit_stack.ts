/** Guest stack instructions: push, pop, pushf, popf, enter, leave. The guest's rsp is changed last. */
import { Trap } from '../host/cpu_block.js';
import { Access, type Insn, RegFile, Rewrite } from './insn.js';
import { type Assembler, GUEST_RSP, Opcode, STACK_HOME } from './assembler.js';
import { encodeMemory, Mem } from './encode.js';
import { PUSHED_NOTHING } from './fixup.js';
import type { OperandMapper } from './operands.js';

const RBP = 5;
const HOST_RSP = 4;
/**
 * The RFLAGS bit that guest code cannot set: TF would trap host instructions. (AC and NT it can: programs tell a 386 by
 * AC. The exits and the signal handlers take them back.)
 */
const TF = 0x100;

/** push r, push imm, push m. */
export function emitPush(asm: Assembler, map: OperandMapper, insn: Insn): number {
  const form = insn.form;
  const size = insn.operandSize;
  map.begin(insn);
  if (form.opcodeReg !== Access.None || (form.hasModrm && insn.mod === 3)) {
    const reg = map.read(form.hasModrm ? insn.rm : insn.reg);
    asm.stackOperand(Opcode.MovStore, reg, -size, size === 8, size === 2);
  } else if (form.hasModrm) {
    const value = map.borrow();
    map.memory(insn);
    encodeMemory(asm, map.out, Opcode.MovLoad, value, size);
    asm.stackOperand(Opcode.MovStore, value, -size, size === 8, size === 2);
  } else {
    asm.stackOperand(Opcode.MovImm, 0, -size, size === 8, size === 2);
    if (size === 2) {
      asm.u8(insn.imm);
      asm.u8(insn.imm >> 8);
    } else {
      asm.u32(insn.imm);
    }
  }
  map.end();
  asm.moveStack(-size);
  return map.fixup;
}

/** pop r, pop m. */
export function emitPop(asm: Assembler, map: OperandMapper, insn: Insn): number {
  const form = insn.form;
  const size = insn.operandSize;
  map.begin(insn);
  if (form.hasModrm && insn.mod !== 3) {
    const value = map.borrow();
    // An address through rsp is computed after rsp was incremented. (All is borrowed before anything can fault.)
    map.memory(insn, insn.base === GUEST_RSP ? size : 0);
    asm.stackOperand(Opcode.MovLoad, value, 0, size === 8, size === 2);
    encodeMemory(asm, map.out, Opcode.MovStore, value, size);
    map.end();
    asm.moveStack(size);
    return map.fixup;
  }
  const reg = form.hasModrm ? insn.rm : insn.reg;
  if (reg === GUEST_RSP) {
    if (size === 2) asm.stackOperand(Opcode.MovLoad, STACK_HOME, 0, false, true);
    else asm.stackOperand(Opcode.MovLoad, STACK_HOME, 0, true);
    return 0;
  }
  if (reg === STACK_HOME) {
    const value = map.read(reg);
    asm.stackOperand(Opcode.MovLoad, value, 0, size === 8, size === 2);
    asm.storeSlot(asm.layout.slots.displaced, value);
    map.end();
  } else {
    asm.stackOperand(Opcode.MovLoad, reg, 0, size === 8, size === 2);
  }
  asm.moveStack(size);
  return map.fixup;
}

/**
 * Guest rsp's register may lag behind (Assembler.stackDelta) while this is translated: rsp is not named but as the base
 * of a memory operand, or the instruction's own code takes care.
 */
export function toleratesLag(insn: Insn): boolean {
  const form = insn.form;
  switch (form.rewrite) {
    case Rewrite.Push:
      return insn.operandSize === 8 && !(form.opcodeReg !== Access.None && insn.reg === GUEST_RSP) &&
        !(form.hasModrm && insn.mod === 3 && insn.rm === GUEST_RSP);
    case Rewrite.Pop:
      return insn.operandSize === 8 && form.opcodeReg !== Access.None && insn.reg !== GUEST_RSP;
    case Rewrite.CallNear:
      return true;
    case Rewrite.Ret:
      return insn.immSize === 0;
    case Rewrite.Lea:
      return insn.reg !== GUEST_RSP;
    case Rewrite.Copy:
      return !(form.regFile === RegFile.Gpr && insn.reg === GUEST_RSP) &&
        !(form.rmFile === RegFile.Gpr && insn.mod === 3 && insn.rm === GUEST_RSP) &&
        !(form.opcodeReg !== Access.None && insn.reg === GUEST_RSP) &&
        !(form.vvvvFile === RegFile.Gpr && insn.vvvv === GUEST_RSP);
    default:
      return false;
  }
}

/** pushf: through the return stack, so no register is needed. */
export function emitPushF(asm: Assembler, insn: Insn): number {
  const size = insn.operandSize;
  if (size === 2) {
    // A fault takes back one entry of eight bytes.
    asm.leaDisp(HOST_RSP, HOST_RSP, -6);
    asm.u8(0x66);
  }
  asm.u8(0x9c);
  asm.stackOperand(Opcode.PopRm, 0, -size, false, size === 2);
  if (size === 2) asm.leaDisp(HOST_RSP, HOST_RSP, 6);
  asm.moveStack(-size);
  return PUSHED_NOTHING;
}

/** popf; one that sets TF is left to the engine, with the arithmetic flags spent. */
export function emitPopF(asm: Assembler, insn: Insn): number {
  const size = insn.operandSize;
  asm.stackOperand(Opcode.PushRm, 6, 0, false, size === 2);
  poppedFlags(asm, 0xf7, 0, TF, size); // test [rsp], TF
  asm.u8(0x74);
  const skip = asm.at;
  asm.u8(0);
  asm.leaDisp(HOST_RSP, HOST_RSP, size);
  asm.exit(insn.pc, Trap.Emulate);
  asm.bytes[skip] = asm.at - (skip + 1);
  poppedFlags(asm, 0x81, 4, ~TF, size); // and [rsp], ~TF
  if (size === 2) asm.u8(0x66);
  asm.u8(0x9d);
  asm.moveStack(size);
  return 0;
}

/** `opcode` /`extension` with the flags on the return stack and an immediate. */
function poppedFlags(asm: Assembler, opcode: number, extension: number, immediate: number, size: number): void {
  if (size === 2) asm.u8(0x66);
  asm.u8(opcode);
  asm.u8(0x04 | (extension << 3));
  asm.u8(0x24);
  asm.u8(immediate);
  asm.u8(immediate >> 8);
  if (size === 2) return;
  asm.u8(immediate >> 16);
  asm.u8(immediate >> 24);
}

/** enter: the frames of up to 31 outer levels are copied, the new top of the stack is touched, then rbp and rsp move. */
export function emitEnter(asm: Assembler, map: OperandMapper, insn: Insn): number {
  const size = insn.operandSize;
  const wide = size === 8;
  const level = insn.imm2 & 31;
  map.begin(insn, 1 << RBP);
  // Borrowed before anything can fault: the fixup says for all of the instruction what to take back.
  const value = map.borrow();
  const rest = size * level + (insn.imm & 0xffff);
  asm.stackOperand(Opcode.MovStore, RBP, -size, wide, !wide);
  if (level > 0) {
    for (let i = 1; i < level; i++) {
      frameOperand(map, RBP, -size * i);
      encodeMemory(asm, map.out, Opcode.MovLoad, value, size);
      frameOperand(map, STACK_HOME, -size * (i + 1));
      encodeMemory(asm, map.out, Opcode.MovStore, value, size);
    }
    asm.leaDisp(value, STACK_HOME, -size);
    frameOperand(map, STACK_HOME, -size * (level + 1));
    encodeMemory(asm, map.out, Opcode.MovStore, value, size);
  }
  frameOperand(map, STACK_HOME, -size - rest);
  encodeMemory(asm, map.out, Opcode.MovLoad, value, size);
  encodeMemory(asm, map.out, Opcode.MovStore, value, size);
  asm.moveStack(-size);
  asm.flushStack();
  if (wide) asm.movRegReg(RBP, STACK_HOME);
  else asm.movRegReg16(RBP, STACK_HOME);
  if (rest !== 0) asm.moveStack(-rest);
  map.end();
  return map.fixup;
}

function frameOperand(map: OperandMapper, base: number, disp: number): void {
  map.out.mem = Mem.Window;
  map.out.base = base;
  map.out.index = -1;
  map.out.disp = disp;
}

/** leave: rsp = rbp, pop rbp. */
export function emitLeave(asm: Assembler, map: OperandMapper, insn: Insn): number {
  const size = insn.operandSize;
  map.begin(insn, 1 << RBP);
  const value = map.borrow();
  frameOperand(map, RBP, 0);
  encodeMemory(asm, map.out, Opcode.MovLoad, value, size);
  asm.leaDisp(STACK_HOME, RBP, size);
  if (size === 8) asm.movRegReg(RBP, value);
  else asm.movRegReg16(RBP, value);
  map.end();
  return map.fixup;
}

/** mov between the accumulator and an absolute address: the host has it only with 64-bit addresses, so ModRM takes its place. */
export function emitMoffs(asm: Assembler, map: OperandMapper, insn: Insn): number {
  // A0, A1 load; A2, A3 store; the odd ones are of operand size.
  const byte = (insn.opcode & 1) === 0;
  const opcode = (insn.opcode & 2 ? 0x88 : 0x8a) | (insn.opcode & 1);
  map.begin(insn, 1);
  const o = map.out;
  o.mem = Mem.Window;
  o.base = -1;
  o.index = -1;
  o.disp = insn.imm | 0;
  if (insn.segment >= 0) {
    o.base = map.borrow();
    map.loadSegmentBase(o.base, insn.segment);
  }
  const size = byte ? 1 : insn.rex & 8 ? 8 : insn.operand16 ? 2 : 4;
  encodeMemory(asm, map.out, opcode, 0, size);
  map.end();
  return map.fixup;
}

