/**
 * Re-encodes one decoded instruction with other registers and another memory operand.
 * The opcode, the operand size, the immediates and the mandatory prefixes stay what they were.
 */
import type { Insn } from './insn.js';
import type { Assembler } from './assembler.js';

/** What kind of memory the ModRM operand names. */
export const enum Mem {
  /** ModRM.rm is a register, or there is no ModRM. */
  None = 0,
  /** Guest memory: gs: and a 32-bit effective address. */
  Window,
  /** An address that is only computed (lea). */
  Address,
  /** A thread slot at `disp`. */
  Slot,
}

/** The operands of the instruction to be emitted, as host registers. One object, reused. */
export class Operands {
  reg = 0;
  /** ModRM.rm when `mem` is None. */
  rm = 0;
  vvvv = 0;
  /** The register in the opcode's low bits. */
  opcodeReg = 0;
  mem: Mem = Mem.None;
  base = -1;
  index = -1;
  scale = 0;
  disp = 0;
  /** `disp` is a guest address, computed from an operand that was relative to rip. */
  relative = false;
  /** Lea: keep a 67h prefix. */
  address32 = false;
  /** Bits of the opcode that change: 2 where the form with the operands of ModRM the other way round is wanted. */
  flip = 0;
}

/** ModRM, SIB and displacement; the REX or VEX bits were emitted before. */
export function encodeModrm(asm: Assembler, o: Operands): void {
  const regBits = (o.reg & 7) << 3;
  if (o.mem === Mem.None) {
    asm.u8(0xc0 | regBits | (o.rm & 7));
    return;
  }
  const { base, index, disp } = o;
  if (base < 0) {
    // [disp32] or [index*scale + disp32], through a SIB byte without base.
    asm.u8(regBits | 4);
    asm.u8((index < 0 ? 0x20 : (o.scale << 6) | ((index & 7) << 3)) | 5);
    if (o.relative) asm.guest32(disp);
    else asm.u32(disp);
    return;
  }
  const short = disp >= -128 && disp <= 127 && !o.relative;
  const mod = disp === 0 && (base & 7) !== 5 && short ? 0 : short ? 0x40 : 0x80;
  if (index >= 0) {
    asm.u8(mod | regBits | 4);
    asm.u8((o.scale << 6) | ((index & 7) << 3) | (base & 7));
  } else {
    asm.u8(mod | regBits | (base & 7));
    if ((base & 7) === 4) asm.u8(0x24);
  }
  if (mod === 0x40) asm.u8(disp);
  else if (o.relative) asm.guest32(disp);
  else if (mod === 0x80) asm.u32(disp);
}

/** An instruction of one opcode byte that has the guest memory operand in `o`, and `reg`: a register or more of the opcode. */
export function encodeMemory(asm: Assembler, o: Operands, opcode: number, reg: number, size: number): void {
  asm.windowPrefix();
  if (size === 2) asm.u8(0x66);
  const rex = (size === 8 ? 8 : 0) | ((reg >> 3) << 2) | (o.index >= 8 ? 2 : 0) | (o.base >= 8 ? 1 : 0);
  if (rex !== 0) asm.u8(0x40 | rex);
  asm.u8(opcode);
  o.reg = reg;
  encodeModrm(asm, o);
}

function encodeImmediate(asm: Assembler, insn: Insn): void {
  switch (insn.immSize) {
    case 0:
      return;
    case 1:
      asm.u8(insn.imm);
      return;
    case 2:
      asm.u8(insn.imm);
      asm.u8(insn.imm >> 8);
      return;
    case 4:
      asm.u32(insn.imm);
      return;
    default:
      asm.u32(insn.imm);
      asm.u32(insn.immHigh);
  }
}

/** Emits `insn` with the operands `o`. */
export function encode(asm: Assembler, insn: Insn, o: Operands): void {
  if (o.mem === Mem.Window) {
    asm.windowPrefix();
  } else if (o.mem === Mem.Slot) {
    asm.u8(0x64);
  } else if (o.address32) {
    asm.u8(0x67);
  }
  const form = insn.form;
  const x = o.mem !== Mem.None && o.index >= 0 ? o.index >> 3 : 0;
  let b = 0;
  if (o.mem !== Mem.None) b = o.base >= 0 ? o.base >> 3 : 0;
  else if (form.hasModrm) b = o.rm >> 3;
  else if (form.opcodeReg !== 0) b = o.opcodeReg >> 3;
  const r = form.hasModrm ? o.reg >> 3 : 0;
  if (insn.vex !== 0) {
    const w = insn.rex & 8;
    const tail = ((~o.vvvv & 15) << 3) | (insn.vexL << 2) | insn.vexPP;
    if (x === 0 && b === 0 && w === 0 && insn.map === 1) {
      asm.u8(0xc5);
      asm.u8(((r ^ 1) << 7) | tail);
    } else {
      asm.u8(0xc4);
      asm.u8(((r ^ 1) << 7) | ((x ^ 1) << 6) | ((b ^ 1) << 5) | insn.map);
      asm.u8((w << 4) | tail);
    }
  } else {
    if (insn.lock) asm.u8(0xf0);
    // Prefixes without effect go, so that the new ones leave the instruction within 15 bytes.
    if (insn.operand16 && (form.prefixed || (insn.rex & 8) === 0)) asm.u8(0x66);
    if (insn.rep !== 0 && form.prefixed) asm.u8(insn.rep);
    const rex = (insn.rex & 0x48) | (r << 2) | (x << 1) | b;
    if (rex !== 0) asm.u8(0x40 | rex);
    if (insn.map !== 0) {
      asm.u8(0x0f);
      if (insn.map === 2) asm.u8(0x38);
      else if (insn.map === 3) asm.u8(0x3a);
    }
  }
  asm.u8(form.opcodeReg !== 0 ? (insn.opcode & 0xf8) | (o.opcodeReg & 7) : insn.opcode ^ o.flip);
  if (form.hasModrm) encodeModrm(asm, o);
  encodeImmediate(asm, insn);
}
