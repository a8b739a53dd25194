/**
 * Writes host instructions into the code cache. Below are only the encodings that the emitters need;
 * each method's name is its AT&T-free mnemonic and operand kinds. SDM volume 2 has the encodings.
 *
 * Three kinds of memory may be named, and nothing else (docs/architecture.md, "The sandbox"):
 *   window memory   gs: with a 32-bit effective address, so it cannot leave the 4 GiB window
 *   thread slots    fs:[displacement], host-owned, never addressed by a guest register
 *   return stack    through push, pop, call and ret only
 */
import type { CodeLayout } from '../host/native.js';
import { Reloc, RelocationLog } from './relocations.js';

/** The host register that holds guest rsp; the guest register of the same number lives in a slot. */
export const STACK_HOME = 11;
export const GUEST_RSP = 4;
const RCX = 1;
/** Bytes of the longest nop, and the nops by length (SDM, NOP). */
const LONGEST_NOP = 9;
const NOPS = [
  [], [0x90], [0x66, 0x90], [0x0f, 0x1f, 0x00], [0x0f, 0x1f, 0x40, 0], [0x0f, 0x1f, 0x44, 0, 0],
  [0x66, 0x0f, 0x1f, 0x44, 0, 0], [0x0f, 0x1f, 0x80, 0, 0, 0, 0], [0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
  [0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
];
/** Jumps stay within a line of this size (jump_lines.ts), and code is moved by multiples of it only. */
export const LINE = 32;

/** Bytes of a jcc with a rel32, and of the branch through the indirect table. */
export const JCC_BYTES = 6;
const INDIRECT_BYTES = 8;

/** Opcodes that emitters of several subjects write themselves: MovImm has extension 0, PushRm 6, PopRm 0. */
export const enum Opcode {
  MovStore = 0x89,
  MovLoad = 0x8b,
  PopRm = 0x8f,
  MovImm = 0xc7,
  PushRm = 0xff,
}

export class Assembler {
  /** Cache offset of the next byte. */
  at: number;
  /** Guest rsp less its home register: pushes and pops in a row move the register once (`flushStack`). */
  stackDelta = 0;
  readonly relocations = new RelocationLog();

  constructor(readonly bytes: Uint8Array, readonly layout: CodeLayout, private readonly keepsLines = false) {
    this.at = layout.start;
  }

  u8(value: number): void {
    this.bytes[this.at++] = value;
  }

  u32(value: number): void {
    const b = this.bytes;
    let at = this.at;
    b[at++] = value;
    b[at++] = value >>> 8;
    b[at++] = value >>> 16;
    b[at++] = value >>> 24;
    this.at = at;
  }

  /** Fills the line up when the next `bytes` would not be in one, on a host where a jump among them is slow then. */
  keepInLine(bytes: number): void {
    if (!this.keepsLines || (this.at & -LINE) === ((this.at + bytes) & -LINE)) return;
    for (let rest = LINE - (this.at & (LINE - 1)); rest > 0; rest -= LONGEST_NOP) {
      for (const byte of NOPS[Math.min(rest, LONGEST_NOP)]!) this.u8(byte);
    }
  }

  /** Copies an instruction as it is, with the prefixes that confine a memory operand when it has one. */
  copy(from: Uint8Array, start: number, length: number, memory: boolean): void {
    const b = this.bytes;
    let at = this.at;
    if (memory) {
      b[at++] = 0x65;
      b[at++] = 0x67;
    }
    for (let i = 0; i < length; i++) b[at++] = from[start + i]!;
    this.at = at;
  }

  /** Overwrites the rel32 field at cache offset `site` so that it reaches `target`. */
  patchRel32(site: number, target: number): void {
    const b = this.bytes;
    const rel = target - (site + 4);
    b[site] = rel;
    b[site + 1] = rel >>> 8;
    b[site + 2] = rel >>> 16;
    b[site + 3] = rel >>> 24;
  }

  rel32(target: number): void {
    this.u32(target - (this.at + 4));
  }

  /** A rel32 to a stub at the head of the cache. */
  private stub32(target: number): void {
    this.relocations.add(Reloc.Stub, this.at, 0);
    this.rel32(target);
  }

  /** A field that holds a guest address of the image that is being translated. */
  guest32(address: number): void {
    this.relocations.add(Reloc.Guest, this.at, 0);
    this.u32(address);
  }

  /** A field that holds the negative of such an address. */
  guestNegated32(address: number): void {
    this.relocations.add(Reloc.GuestNegated, this.at, 0);
    this.u32(-address);
  }

  /** jmp to a stub */
  jmp(stub: number): void {
    this.u8(0xe9);
    this.stub32(stub);
  }

  /** call of a stub */
  call(stub: number): void {
    this.u8(0xe8);
    this.stub32(stub);
  }

  /** jcc to a stub; `condition` is the low nibble of the opcode. */
  jcc(condition: number, stub: number): void {
    this.keepInLine(JCC_BYTES);
    this.u8(0x0f);
    this.u8(0x80 | condition);
    this.stub32(stub);
  }

  push(reg: number): void {
    if (reg >= 8) this.u8(0x41);
    this.u8(0x50 | (reg & 7));
  }

  pop(reg: number): void {
    if (reg >= 8) this.u8(0x41);
    this.u8(0x58 | (reg & 7));
  }

  /** mov r64, r64 */
  movRegReg(to: number, from: number): void {
    this.u8(0x48 | (to >> 3) | ((from >> 3) << 2));
    this.u8(0x89);
    this.u8(0xc0 | ((from & 7) << 3) | (to & 7));
  }

  /** mov r32, r32: clears the upper half. */
  movRegReg32(to: number, from: number): void {
    const rex = 0x40 | (to >> 3) | ((from >> 3) << 2);
    if (rex !== 0x40) this.u8(rex);
    this.u8(0x89);
    this.u8(0xc0 | ((from & 7) << 3) | (to & 7));
  }

  /** mov r16, r16: keeps the other bits. */
  movRegReg16(to: number, from: number): void {
    this.u8(0x66);
    this.movRegReg32(to, from);
  }

  /** mov r32, imm32 */
  movRegImm(to: number, value: number): void {
    if (to >= 8) this.u8(0x41);
    this.u8(0xb8 | (to & 7));
    this.u32(value);
  }

  /** mov r32, guest address */
  movRegGuest(to: number, address: number): void {
    if (to >= 8) this.u8(0x41);
    this.u8(0xb8 | (to & 7));
    this.guest32(address);
  }

  /** fs: op r, [disp32] with REX.W when `wide`. */
  private slotOperand(opcode: number, reg: number, slot: number, wide: boolean): void {
    this.u8(0x64);
    const rex = (wide ? 0x48 : 0x40) | ((reg >> 3) << 2);
    if (rex !== 0x40) this.u8(rex);
    this.u8(opcode);
    this.u8(0x04 | ((reg & 7) << 3));
    this.u8(0x25);
    this.u32(slot);
  }

  /** mov r64, slot */
  loadSlot(reg: number, slot: number): void {
    this.slotOperand(0x8b, reg, slot, true);
  }

  loadSlot32(reg: number, slot: number): void {
    this.slotOperand(0x8b, reg, slot, false);
  }

  /** mov slot, r64 */
  storeSlot(slot: number, reg: number): void {
    this.slotOperand(0x89, reg, slot, true);
  }

  /** mov dword slot, imm32 */
  storeSlotImm32(slot: number, value: number): void {
    this.slotOperand(0xc7, 0, slot, false);
    this.u32(value);
  }

  /** mov qword slot, imm32, sign-extended */
  storeSlotImm64(slot: number, value: number): void {
    this.slotOperand(0xc7, 0, slot, true);
    this.u32(value);
  }

  /** and qword slot, 0: the flags of xor r, r */
  clearSlot(slot: number): void {
    this.slotOperand(0x83, 4, slot, true);
    this.u8(0);
  }

  /** add r64, slot or add r32, slot */
  addSlot(reg: number, slot: number, wide: boolean): void {
    this.slotOperand(0x03, reg, slot, wide);
  }

  pushSlot(slot: number): void {
    this.slotOperand(Opcode.PushRm, 6, slot, false);
  }

  popSlot(slot: number): void {
    this.slotOperand(Opcode.PopRm, 0, slot, false);
  }

  /** mov dword slot, guest address */
  storeSlotGuest(slot: number, address: number): void {
    this.slotOperand(0xc7, 0, slot, false);
    this.guest32(address);
  }

  /** lea r64, [base + disp] */
  leaDisp(to: number, base: number, disp: number): void {
    this.u8(0x48 | (base >> 3) | ((to >> 3) << 2));
    this.u8(0x8d);
    const small = disp >= -128 && disp <= 127;
    this.u8((small ? 0x40 : 0x80) | ((to & 7) << 3) | (base & 7));
    if ((base & 7) === 4) this.u8(0x24);
    if (small) this.u8(disp);
    else this.u32(disp);
  }

  /** lea r64, [base + index] */
  leaIndex(to: number, base: number, index: number): void {
    this.u8(0x48 | (base >> 3) | ((index >> 3) << 1) | ((to >> 3) << 2));
    this.u8(0x8d);
    this.u8(0x44 | ((to & 7) << 3));
    this.u8(((index & 7) << 3) | (base & 7));
    this.u8(0);
  }

  /** Confines the memory operand of the instruction that follows to the window. */
  windowPrefix(): void {
    this.u8(0x65);
    this.u8(0x67);
  }

  /** op with a window operand [guest rsp + disp]; `reg` is ModRM.reg (register or opcode extension). */
  stackOperand(opcode: number, reg: number, disp: number, wide: boolean, operand16 = false): void {
    const offset = disp + this.stackDelta;
    const small = offset >= -128 && offset <= 127;
    this.windowPrefix();
    if (operand16) this.u8(0x66);
    this.u8((wide ? 0x49 : 0x41) | ((reg >> 3) << 2));
    this.u8(opcode);
    this.u8((offset === 0 ? 0x03 : small ? 0x43 : 0x83) | ((reg & 7) << 3));
    if (offset === 0) return;
    if (small) this.u8(offset);
    else this.u32(offset);
  }

  /** Guest rsp += delta; the register follows at the next `flushStack`. */
  moveStack(delta: number): void {
    this.stackDelta += delta;
  }

  /** Brings the register that holds guest rsp up to date, leaving flags alone. */
  flushStack(): void {
    if (this.stackDelta === 0) return;
    this.leaDisp(STACK_HOME, STACK_HOME, this.stackDelta);
    this.stackDelta = 0;
  }

  /** Turns the guest PC in ecx into an index of the indirect table, and branches through it (`extension` 2: call, 4: jmp). */
  branchIndirect(extension: number): void {
    this.leaDisp(RCX, RCX, this.layout.indirectBias);
    this.keepInLine(INDIRECT_BYTES);
    this.u8(0x65);
    this.u8(0xff);
    this.u8(0x04 | (extension << 3));
    this.u8(0xcd);
    this.u32(this.layout.indirectDisp);
  }

  /** Leaves guest code: rip, trap number, jump to the exit. Clobbers nothing. */
  exit(pc: number, trap: number): void {
    this.storeSlotGuest(this.layout.slots.rip, pc);
    this.storeSlotImm32(this.layout.slots.trap, trap);
    this.jmp(this.layout.exitTrap);
  }
}
