/**
 * Control flow. Direct branches are rel32 jumps whose targets are linked by the code space. A call stores the
 * guest return address on the guest stack and calls on the return stack, so the host's return predictor works;
 * the code behind it checks that the guest returned to where it was called from.
 */
import type { Insn } from './insn.js';
import { type Assembler, GUEST_RSP, JCC_BYTES, Opcode, STACK_HOME } from './assembler.js';
import { Fixup } from './fixup.js';
import { encodeMemory } from './encode.js';
import type { OperandMapper } from './operands.js';

const RCX = 1;
const HOST_RSP = 4;
const CMP_IMM = 0x81;
const NOT_EQUAL = 5;
const JMP_BYTES = 5;
const LOOP_BYTES = 10;

/** Where emitted direct branches want to go. */
export interface BranchSink {
  /** The rel32 field at cache offset `site` belongs to a branch to guest address `target`. */
  branch(site: number, target: number): void;
}

/** A rel32 whose value the sink fills in. */
function open(asm: Assembler, sink: BranchSink, target: number): void {
  const site = asm.at;
  asm.u32(0);
  sink.branch(site, target);
}

export function emitJmp(asm: Assembler, sink: BranchSink, target: number): void {
  asm.keepInLine(JMP_BYTES);
  asm.u8(0xe9);
  open(asm, sink, target);
}

export function emitJcc(asm: Assembler, sink: BranchSink, insn: Insn, target: number): void {
  asm.keepInLine(JCC_BYTES);
  asm.u8(0x0f);
  asm.u8(0x80 | (insn.opcode & 15));
  open(asm, sink, target);
}

/** loop, loope, loopne, jrcxz have only an 8-bit displacement: they jump over a jump. */
export function emitLoop(asm: Assembler, sink: BranchSink, insn: Insn, target: number): void {
  asm.keepInLine(LOOP_BYTES);
  if (insn.address32) asm.u8(0x67);
  asm.u8(insn.opcode);
  asm.u8(2);
  asm.u8(0xeb);
  asm.u8(JMP_BYTES);
  asm.u8(0xe9);
  open(asm, sink, target);
}

/** Stores the guest return address; a fault finds rsp as it was. */
function pushReturn(asm: Assembler, returnPc: number): void {
  if (returnPc < 0x8000_0000) {
    asm.stackOperand(Opcode.MovImm, 0, -8, true);
    asm.guest32(returnPc);
  } else {
    asm.stackOperand(Opcode.MovImm, 0, -8, false);
    asm.guest32(returnPc);
    asm.stackOperand(Opcode.MovImm, 0, -4, false);
    asm.u32(0);
  }
  asm.moveStack(-8);
  asm.flushStack();
}

export function emitCall(asm: Assembler, sink: BranchSink, target: number, returnPc: number): void {
  pushReturn(asm, returnPc);
  asm.keepInLine(JMP_BYTES);
  asm.u8(0xe8);
  open(asm, sink, target);
}

/**
 * Behind a host call: the guest return address, which the return popped, is still below the stack pointer.
 * Compared with its low 32 bits; anything else leaves through the return-miss stub.
 */
export function emitReturnCheck(asm: Assembler, returnPc: number, flagsLive: boolean): number {
  if (!flagsLive) {
    asm.stackOperand(CMP_IMM, 7, -8, false);
    asm.guest32(returnPc);
    asm.jcc(NOT_EQUAL, asm.layout.returnLost);
    return Fixup.Return;
  }
  asm.push(RCX);
  asm.stackOperand(Opcode.MovLoad, RCX, -8, false);
  asm.u8(0x8d); // lea ecx, [rcx - returnPc]
  asm.u8(0x89);
  asm.guestNegated32(returnPc);
  asm.u8(0xe3); // jrcxz over the miss
  asm.u8(6);
  asm.pop(RCX);
  asm.jmp(asm.layout.returnMiss);
  asm.pop(RCX);
  return Fixup.Return | (RCX + 1);
}

/**
 * ret; with an immediate the target is looked up and the return stack emptied. (Dropping one entry would
 * climb out of the stack when it has none: then the guest came here without a call.)
 * @param carry what the function has set CF to for its caller: 0, 1, or -1 when that is not what it did last
 */
export function emitRet(asm: Assembler, insn: Insn, carry: number): number {
  if (insn.immSize === 0) {
    if (carry >= 0) asm.storeSlotImm32(asm.layout.slots.rip, carry);
    asm.moveStack(8);
    asm.flushStack();
    asm.keepInLine(1);
    asm.u8(0xc3);
    return 0;
  }
  asm.storeSlot(asm.layout.slots.scratch, RCX);
  asm.stackOperand(Opcode.MovLoad, RCX, 0, false);
  asm.moveStack(8 + (insn.imm & 0xffff));
  asm.flushStack();
  asm.loadSlot(HOST_RSP, asm.layout.slots.returnStackBase);
  asm.branchIndirect(4);
  return Fixup.RcxInScratch;
}

/** Loads the target of an indirect branch into ecx; guest rcx goes to the scratch slot. */
function loadTarget(asm: Assembler, map: OperandMapper, insn: Insn): number {
  const { slots } = asm.layout;
  map.begin(insn, 1 << RCX);
  if (insn.mod === 3) {
    asm.storeSlot(slots.scratch, RCX);
    if (insn.rm === STACK_HOME) asm.loadSlot32(RCX, slots.displaced);
    else asm.movRegReg32(RCX, insn.rm === GUEST_RSP ? STACK_HOME : insn.rm);
    return Fixup.RcxInScratch;
  }
  asm.storeSlot(slots.scratch, RCX);
  map.memory(insn);
  // All eight bytes are read, so that a pointer that is half unmapped faults; the lower four count.
  encodeMemory(asm, map.out, Opcode.MovLoad, RCX, 8);
  map.end();
  asm.movRegReg32(RCX, RCX);
  return map.fixup | Fixup.RcxInScratch;
}

export function emitJmpIndirect(asm: Assembler, map: OperandMapper, insn: Insn): number {
  const fixup = loadTarget(asm, map, insn);
  asm.branchIndirect(4);
  return fixup;
}

/**
 * @param split called between the load of the target and the push of the return address: from there on a fault
 *   finds no borrowed register, only rcx in its slot.
 */
export function emitCallIndirect(
  asm: Assembler, map: OperandMapper, insn: Insn, returnPc: number, split: (fixup: number) => void,
): number {
  const fixup = loadTarget(asm, map, insn);
  split(Fixup.RcxInScratch);
  pushReturn(asm, returnPc);
  asm.branchIndirect(2);
  return fixup;
}
