/**
 * Maps the operands of a guest instruction to host ones: guest rsp to its home register, the displaced guest
 * register to its slot or to a scratch register, memory into the window, FS and GS to the guest's own bases.
 */
import { Access, Flag, type Form, type Insn, RegFile } from './insn.js';
import { type Assembler, GUEST_RSP, Opcode, STACK_HOME } from './assembler.js';
import { encode, encodeMemory, Mem, Operands } from './encode.js';
import { PUSHED_NOTHING } from './fixup.js';

const GUEST_FS = 4;

/**
 * Registers to borrow, first choice first: those that compilers use least, whose next reader does not wait for the
 * restored value. No implicit operand of any instruction is among r8–r15.
 */
const BORROW = [10, 9, 8, 15, 14, 13, 12, 3, 5, 6, 7, 1, 2, 0];
/** For instructions with ah, ch, dh or bh, which cannot have a REX prefix. */
const BORROW_LOW = [3, 5, 6, 7, 1, 2, 0];

/** Which operands of a form are 8-bit general registers, where 4–7 mean ah, ch, dh, bh without REX. */
const enum Byte { Reg = 1, Rm = 2, Opcode = 4 }
const byteOperands = new Map<Form, number>();

function byteOperandsOf(form: Form): number {
  let known = byteOperands.get(form);
  if (known === undefined) {
    known = 0;
    for (const operand of form.operands.split(',')) {
      if (operand === 'Gb') known |= Byte.Reg;
      else if (operand === 'Eb') known |= Byte.Rm;
      else if (operand === 'Zb') known |= Byte.Opcode;
    }
    byteOperands.set(form, known);
  }
  return known;
}

/** The letters of a form's operand that ModRM.rm names, register or memory, with one meaning ("Ev"); '' for others. */
function generalOperand(form: Form): string {
  return form.operands.split(',').find((operand) => operand.startsWith('E')) ?? '';
}

/** Of the opcode `op r/m, r` there is `op r, r/m` as well, with bit 1 turned: add or adc sbb and sub xor cmp, mov. */
function hasTwin(insn: Insn): boolean {
  const { opcode } = insn;
  return insn.map === 0 && insn.vex === 0 && (opcode < 0x40 ? (opcode & 7) < 4 : (opcode & 0xfc) === 0x88);
}

/** Bytes of an instruction to which two prefixes can be added. */
const MAX_COPIED = 13;

/**
 * A segment override without meaning in 64-bit mode (CS, DS, ES, SS) stands before the opcode. Copied behind the GS
 * override that confines the operand it would be the last of the two, and which of them counts the SDM leaves open.
 */
function hasNullSegment(bytes: Uint8Array, at: number): boolean {
  for (;;) {
    const byte = bytes[at++]!;
    if (byte === 0x66 || byte === 0xf2 || byte === 0xf3 || byte === 0xf0 || (byte & 0xf0) === 0x40) continue;
    return byte === 0x2e || byte === 0x36 || byte === 0x3e || byte === 0x26;
  }
}

function needsMapping(reg: number): boolean {
  return reg === GUEST_RSP || reg === STACK_HOME;
}

/**
 * The instruction's own bytes will do, behind the prefixes that confine its memory operand: no operand is guest rsp or
 * the displaced register (or might be: ah looks like rsp), and the address is not relative to rip or a segment base.
 */
export function isVerbatim(insn: Insn, bytes: Uint8Array): boolean {
  const form = insn.form;
  if (insn.segment >= 0 || insn.address32 || insn.length > MAX_COPIED || form.implicitMemory) return false;
  if (form.hasModrm) {
    if (form.regFile === RegFile.Gpr && needsMapping(insn.reg)) return false;
    if (insn.mod === 3) {
      if (form.rmFile === RegFile.Gpr && needsMapping(insn.rm)) return false;
    } else if (insn.ripRelative || needsMapping(insn.base) || (!form.vsib && insn.index === STACK_HOME) ||
      hasNullSegment(bytes, insn.pc)) {
      return false;
    }
  } else if (form.opcodeReg !== Access.None && needsMapping(insn.reg)) {
    return false;
  }
  return form.vvvvFile !== RegFile.Gpr || !needsMapping(insn.vvvv);
}

export class OperandMapper {
  readonly out = new Operands();
  /** Fixup word (fixup.ts) for a fault of the instruction while the borrowed registers are saved. */
  fixup = 0;
  private borrowed: number[] = [];
  private used = 0;
  /** 8-bit operands (Byte) of an instruction without REX. */
  private bytes = 0;
  /** An operand is ah, ch, dh or bh: no REX prefix may be emitted. */
  private noRex = false;
  /** Register that stands for the displaced one in this instruction; -1: none. */
  private standIn = -1;

  constructor(private readonly asm: Assembler) {}

  /** Starts a new instruction. `alsoUsed`: host registers that must not be borrowed. */
  begin(insn: Insn, alsoUsed = 0): void {
    const form = insn.form;
    this.fixup = 0;
    this.out.relative = false;
    this.borrowed.length = 0;
    this.standIn = -1;
    this.noRex = false;
    let used = alsoUsed | form.implicitRead | form.implicitWrite | (1 << STACK_HOME) | (1 << GUEST_RSP);
    if (form.hasModrm) {
      used |= 1 << insn.reg;
      if (insn.mod === 3) used |= 1 << insn.rm;
      else {
        if (insn.base >= 0) used |= 1 << insn.base;
        if (insn.index >= 0) used |= 1 << insn.index;
      }
    }
    if (form.opcodeReg !== Access.None) used |= 1 << insn.reg;
    if (form.vvvvFile === RegFile.Gpr) used |= 1 << insn.vvvv;
    this.used = used;
    this.bytes = insn.rex === 0 && insn.vex === 0 ? byteOperandsOf(form) : 0;
    if (this.bytes !== 0) {
      this.noRex =
        ((this.bytes & Byte.Reg) !== 0 && (insn.reg & 4) !== 0) ||
        ((this.bytes & Byte.Rm) !== 0 && insn.mod === 3 && (insn.rm & 4) !== 0);
      // ah is part of rax, and so on.
      if ((this.bytes & Byte.Reg) !== 0 && (insn.reg & 4) !== 0) this.used |= 1 << (insn.reg & 3);
      if ((this.bytes & Byte.Rm) !== 0 && insn.mod === 3 && (insn.rm & 4) !== 0) this.used |= 1 << (insn.rm & 3);
    }
  }

  /** A free register, its value saved on the return stack until `end`. */
  borrow(): number {
    const list = this.noRex ? BORROW_LOW : BORROW;
    for (let i = 0; i < list.length; i++) {
      const reg = list[i]!;
      if (this.used & (1 << reg)) continue;
      this.used |= 1 << reg;
      this.save(reg);
      return reg;
    }
    throw new Error('translator: no register to borrow');
  }

  /** Pushes a register that the sequence will change; `end` restores it. */
  save(reg: number): void {
    this.push(reg, reg + 1);
    this.borrowed.push(reg);
  }

  /** Pushes `reg`; `code` says what a fault does with the value (fixup.ts). */
  push(reg: number, code: number): void {
    this.asm.push(reg);
    this.fixup = (this.fixup << 5) | code;
  }

  /** Pops what `push` pushed last into `reg`. */
  takeOff(reg: number): void {
    this.asm.pop(reg);
    this.fixup >>>= 5;
  }

  /** Loads the base of the segment FS (4) or GS (5) into `reg`. */
  loadSegmentBase(reg: number, segment: number): void {
    const { slots } = this.asm.layout;
    this.asm.loadSlot(reg, segment === GUEST_FS ? slots.guestFsBase : slots.guestGsBase);
  }

  /** Restores all but the `keep` registers that were borrowed first. */
  release(keep: number): void {
    while (this.borrowed.length > keep) {
      this.asm.pop(this.borrowed.pop()!);
      this.fixup >>>= 5;
    }
    this.standIn = -1;
  }

  /** Restores what was borrowed. */
  end(): void {
    for (let i = this.borrowed.length - 1; i >= 0; i--) this.asm.pop(this.borrowed[i]!);
    this.borrowed.length = 0;
  }

  /** Host register for guest register `reg` when its value is only read: the displaced one is loaded. */
  read(reg: number): number {
    if (reg === GUEST_RSP) return STACK_HOME;
    if (reg !== STACK_HOME) return reg;
    if (this.standIn < 0) {
      this.standIn = this.borrow();
      this.asm.loadSlot(this.standIn, this.asm.layout.slots.displaced);
    }
    return this.standIn;
  }

  /** Fills the memory fields of `out` for the instruction's memory operand. `adjust` is added to the displacement. */
  memory(insn: Insn, adjust = 0): void {
    const { asm, out } = this;
    const vsib = insn.form.vsib;
    out.mem = Mem.Window;
    out.scale = insn.scale;
    out.relative = insn.ripRelative;
    out.disp = insn.ripRelative ? (insn.pc + insn.length + insn.disp + adjust) | 0 : (insn.disp + adjust) | 0;
    let base = insn.base;
    let index = insn.index;
    if (base === GUEST_RSP) out.disp = (out.disp + asm.stackDelta) | 0;
    if (base >= 0) base = this.read(base);
    if (index >= 0 && !vsib) index = this.read(index);
    if (insn.segment >= 0) {
      const address = this.borrow();
      this.loadSegmentBase(address, insn.segment);
      if (base < 0) base = address;
      else if (index < 0) {
        index = address;
        out.scale = 0;
      } else {
        asm.leaIndex(address, address, base);
        base = address;
      }
    }
    if (this.noRex && (base >= 8 || index >= 8)) {
      // Guest rsp as base of an instruction that cannot name r11: a low register takes its place.
      const low = this.borrow();
      asm.movRegReg(low, base >= 8 ? base : index);
      if (base >= 8) base = low;
      else index = low;
    }
    out.base = base;
    out.index = index;
  }

  /**
   * Emits `insn` as it is, with its operands mapped. The usual case by far.
   * @returns the fixup word for a fault of the emitted instruction.
   */
  copy(insn: Insn): number {
    const { asm, out } = this;
    const form = insn.form;
    this.begin(insn);
    out.mem = Mem.None;
    out.address32 = false;
    out.vvvv = insn.vvvv;
    let displaced = Access.None;
    if (form.hasModrm) {
      out.reg = insn.reg;
      if (form.regFile === RegFile.Gpr) {
        if (insn.reg === GUEST_RSP && !(this.bytes & Byte.Reg)) out.reg = STACK_HOME;
        else if (insn.reg === STACK_HOME) displaced |= form.regAccess;
      }
      if (insn.mod === 3) {
        out.rm = insn.rm;
        if (form.rmFile === RegFile.Gpr) {
          if (insn.rm === GUEST_RSP && !(this.bytes & Byte.Rm)) out.rm = STACK_HOME;
          else if (insn.rm === STACK_HOME) displaced |= form.rmAccess;
        }
      }
    } else if (form.opcodeReg !== Access.None) {
      const reg = insn.reg;
      out.opcodeReg = reg === GUEST_RSP && !(this.bytes & Byte.Opcode) ? STACK_HOME : reg;
      if (reg === STACK_HOME) displaced |= form.opcodeReg;
    }
    if (form.vvvvFile === RegFile.Gpr) {
      if (insn.vvvv === GUEST_RSP) out.vvvv = STACK_HOME;
      else if (insn.vvvv === STACK_HOME) displaced |= form.vvvvAccess;
    }
    let lowStack = -1;
    if (this.noRex && form.hasModrm && form.regFile === RegFile.Gpr && out.reg === STACK_HOME) {
      // movzx esp, ah: the home of guest rsp cannot be named beside ah.
      lowStack = this.borrow();
      asm.movRegReg(lowStack, STACK_HOME);
      out.reg = lowStack;
    }
    if (displaced !== Access.None) {
      if (this.throughSlot(insn)) return this.fixup;
      this.substitute(insn, displaced);
    }
    if (form.hasModrm && insn.mod !== 3) this.memory(insn);
    // xlat, lods, maskmov: their pointer is confined by the same two prefixes as a ModRM operand.
    else if (form.implicitMemory) asm.windowPrefix();
    encode(asm, insn, out);
    if (lowStack >= 0) asm.movRegReg(STACK_HOME, lowStack);
    if (displaced & Access.Write) asm.storeSlot(asm.layout.slots.displaced, this.standIn);
    this.end();
    return this.fixup;
  }

  /** lea: as `copy`, but the operand is only an address, and no segment counts. */
  copyAddress(insn: Insn): void {
    const { asm, out } = this;
    this.begin(insn);
    const toStandIn = insn.reg === STACK_HOME;
    if (toStandIn && insn.base !== STACK_HOME && insn.index !== STACK_HOME && !insn.operand16) this.standIn = this.borrow();
    if (this.canHoldBase(insn)) {
      this.standIn = insn.reg;
      asm.loadSlot(insn.reg, asm.layout.slots.displaced);
    }
    out.mem = Mem.Address;
    out.base = insn.base >= 0 ? this.read(insn.base) : -1;
    out.index = insn.index >= 0 ? this.read(insn.index) : -1;
    out.scale = insn.scale;
    out.relative = insn.ripRelative;
    out.disp = insn.ripRelative ? (insn.pc + insn.length + insn.disp) | 0 : insn.disp;
    if (insn.base === GUEST_RSP) out.disp = (out.disp + asm.stackDelta) | 0;
    // Guest addresses are below 4 GiB: with 67h an absolute one is zero-extended.
    out.address32 = insn.address32 || insn.ripRelative;
    out.reg = toStandIn ? this.read(STACK_HOME) : insn.reg === GUEST_RSP ? STACK_HOME : insn.reg;
    encode(asm, insn, out);
    out.address32 = false;
    if (toStandIn) asm.storeSlot(asm.layout.slots.displaced, this.standIn);
    this.end();
  }

  /**
   * lea that adds the displaced register to the register that the result goes to. It can be done by `add`, which
   * changes the flags.
   */
  canAddDisplaced(insn: Insn): boolean {
    const { reg, base, index } = insn;
    return ((base === STACK_HOME && index === reg) || (index === STACK_HOME && insn.scale === 0 && base === reg)) &&
      !insn.operand16 && !insn.address32 && reg !== GUEST_RSP && reg !== STACK_HOME;
  }

  /** Emits what `canAddDisplaced` says of. */
  addDisplaced(insn: Insn): void {
    const { asm, out } = this;
    const scaled = insn.base === STACK_HOME && insn.scale > 0;
    out.relative = false;
    if (scaled || insn.disp !== 0) {
      out.mem = Mem.Address;
      out.base = scaled ? -1 : insn.reg;
      out.index = scaled ? insn.reg : -1;
      out.scale = insn.scale;
      out.disp = insn.disp;
      out.reg = insn.reg;
      encode(asm, insn, out);
    }
    asm.addSlot(insn.reg, asm.layout.slots.displaced, (insn.rex & 8) !== 0);
  }

  /** lea from the displaced register: its value can be loaded into the register that the result goes to. */
  private canHoldBase(insn: Insn): boolean {
    const { reg, base, index } = insn;
    return (base === STACK_HOME || index === STACK_HOME) && !insn.operand16 && reg !== GUEST_RSP &&
      reg !== STACK_HOME && reg !== base && reg !== index;
  }

  /**
   * Emits `insn` with the displaced register's slot for an operand, where that can be: then nothing is borrowed. Not for
   * results of 32 bits and less, since a slot that was written in parts is slow to read as a whole.
   */
  private throughSlot(insn: Insn): boolean {
    const { asm, out } = this;
    const form = insn.form;
    const slot = asm.layout.slots.displaced;
    const wide = (insn.rex & 8) !== 0;
    if (form.opcodeReg !== Access.None) {
      // mov r, imm: 32 bits are zero-extended, and the store sign-extends.
      const whole = insn.operandSize === 4 ? insn.imm >= 0 : insn.immSize === 8 && insn.immHigh === insn.imm >> 31;
      if (form.mnemonic !== 'mov' || !whole || insn.operandSize === 2 || byteOperandsOf(form) !== 0) return false;
      asm.storeSlotImm64(slot, insn.imm);
      return true;
    }
    if (!form.hasModrm) return false;
    if (insn.mod !== 3) return wide && this.moveThroughStack(insn);
    const isRm = form.rmFile === RegFile.Gpr && insn.rm === STACK_HOME;
    const isReg = form.regFile === RegFile.Gpr && insn.reg === STACK_HOME;
    if (form.vvvvFile === RegFile.Gpr && insn.vvvv === STACK_HOME) return false;
    if (isRm && isReg) {
      if (form.mnemonic !== 'xor' || insn.operandSize === 2 || byteOperandsOf(form) !== 0) return false;
      asm.clearSlot(slot);
      return true;
    }
    const operand = generalOperand(form);
    if (operand === '' || form.bitString || form.mnemonic === 'xchg') return false;
    if (isReg && !hasTwin(insn) && form.mnemonic !== 'test') return false;
    if ((isReg ? form.regAccess : form.rmAccess) & Access.Write) {
      // What shifts and rotates leave undefined differs between registers and memory.
      const differs = (form.flagsUndefined & ~Flag.AF) !== 0;
      if (!wide || differs || (operand !== 'Ev' && operand !== 'Ey')) return false;
    }
    out.mem = Mem.Slot;
    out.base = out.index = -1;
    out.disp = slot;
    if (isReg) {
      out.reg = insn.rm === GUEST_RSP ? STACK_HOME : insn.rm;
      out.flip = form.mnemonic === 'test' ? 0 : 2;
    }
    encode(asm, insn, out);
    out.flip = 0;
    return true;
  }

  /** mov between the displaced register and memory, 64 bits: pushed and popped. */
  private moveThroughStack(insn: Insn): boolean {
    const { asm, out } = this;
    const load = insn.opcode === 0x8b;
    if (insn.map !== 0 || insn.vex !== 0 || (!load && insn.opcode !== 0x89)) return false;
    if (insn.base === STACK_HOME || insn.index === STACK_HOME || insn.segment >= 0) return false;
    this.memory(insn);
    if (load) {
      encodeMemory(asm, out, Opcode.PushRm, 6, 4);
      asm.popSlot(asm.layout.slots.displaced);
    } else {
      asm.pushSlot(asm.layout.slots.displaced);
      encodeMemory(asm, out, Opcode.PopRm, 0, 4);
      this.fixup = PUSHED_NOTHING;
    }
    return true;
  }

  /** A borrowed register stands for the displaced guest register in every operand that names it. */
  private substitute(insn: Insn, access: number): void {
    const form = insn.form;
    const { out } = this;
    const partial = insn.operand16 || byteOperandsOf(form) !== 0;
    if (access === Access.Write && !partial && insn.base !== STACK_HOME && insn.index !== STACK_HOME) {
      this.standIn = this.borrow();
    }
    const standIn = this.read(STACK_HOME);
    if (form.hasModrm) {
      if (form.regFile === RegFile.Gpr && insn.reg === STACK_HOME) out.reg = standIn;
      if (insn.mod === 3 && form.rmFile === RegFile.Gpr && insn.rm === STACK_HOME) out.rm = standIn;
    } else if (form.opcodeReg !== Access.None) {
      out.opcodeReg = standIn;
    }
    if (form.vvvvFile === RegFile.Gpr && insn.vvvv === STACK_HOME) out.vvvv = standIn;
  }
}
