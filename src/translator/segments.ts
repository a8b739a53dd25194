/**
 * Segment registers, far transfers, and popf with the trap flag, as 64-bit programs of Linux find them: flat segments,
 * whose bases but those of FS and GS are 0 (arch/x86/include/asm/segment.h). 32-bit code segments are refused.
 */
import { type Cpu, CpuBlock, Gpr, Trap } from '../host/cpu_block.js';
import type { CodeSource } from './engine.js';
import type { Insn } from './insn.js';

const WINDOW_SIZE = 0x1_0000_0000;
const PAGE = 4096;
const USER_CS = 0x33;
const USER_SS = 0x2b;
/** Entries of the descriptor table that data segment registers take: 32-bit code, data, code, the CPU's number. */
const LOADABLE = [0x20, 0x28, 0x30, 0x78];
const enum Segment { Es, Cs, Ss, Ds, Fs, Gs }
/** What popf and iret set: CF PF AF ZF SF TF DF OF NT, and of wider flags AC and ID. */
const FLAGS16 = 0x4dd5;
const FLAGS32 = 0x24_4dd5;
const NT = 0x4000;
const RFLAGS = CpuBlock.rflags >> 2;
const SIGSEGV = 11;

/** Says that an access of [address, address + length) faults. */
function fault(
  cpu: Cpu, address: number, length: number, write: boolean, allowed: (at: number, length: number) => boolean,
): Trap {
  const { u32 } = cpu;
  const end = Math.floor((address + length - 1) / PAGE) * PAGE;
  u32[CpuBlock.faultAddress >> 2] = !allowed(address, 1) || end < address ? address : end;
  u32[(CpuBlock.faultAddress >> 2) + 1] = 0;
  u32[CpuBlock.faultAccess >> 2] = write ? 1 : 0;
  u32[CpuBlock.signal >> 2] = SIGSEGV;
  return Trap.Fault;
}

function cannotRead(cpu: Cpu, { memory }: CodeSource, address: number, length: number): Trap | 0 {
  if (memory === undefined) return Trap.Illegal;
  if (memory.readable(address, length)) return 0;
  return fault(cpu, address, length, false, (at, size) => memory.readable(at, size));
}

function cannotWrite(cpu: Cpu, { memory }: CodeSource, address: number, length: number): Trap | 0 {
  if (memory === undefined) return Trap.Illegal;
  if (memory.writable(address, length)) return 0;
  return fault(cpu, address, length, true, (at, size) => memory.writable(at, size));
}

/** The value of 2, 4 or 8 bytes at `at`; of eight, those beyond 2^53 are not exact. */
function load(source: CodeSource, at: number, size: number): number {
  const { view } = source.window;
  if (size === 2) return view.getUint16(at, true);
  return view.getUint32(at, true) + (size === 8 ? view.getUint32(at + 4, true) * WINDOW_SIZE : 0);
}

function store(source: CodeSource, at: number, size: number, value: number): void {
  const { view } = source.window;
  if (size === 2) return view.setUint16(at, value, true);
  view.setUint32(at, value >>> 0, true);
  if (size === 8) view.setUint32(at + 4, Math.floor(value / WINDOW_SIZE), true);
}

/** Where the memory operand is, in the window. */
function addressOf(cpu: Cpu, insn: Insn): number {
  let address = insn.disp | 0;
  if (insn.ripRelative) address += insn.pc + insn.length;
  if (insn.base >= 0) address += cpu.low(insn.base);
  if (insn.index >= 0) address += cpu.low(insn.index) * (1 << insn.scale);
  if (insn.segment >= 0) address += cpu.u32[(insn.segment === 4 ? CpuBlock.fsBase : CpuBlock.gsBase) >> 2]!;
  return address >>> 0;
}

/** Writes the low `size` bytes of general register `r`; four clear the upper half. */
function setRegister(cpu: Cpu, r: number, size: number, value: number): void {
  if (size === 2) cpu.u32[r << 1] = (cpu.u32[r << 1]! & 0xffff_0000) | (value & 0xffff);
  else {
    cpu.u32[r << 1] = value >>> 0;
    cpu.u32[(r << 1) + 1] = Math.floor(value / WINDOW_SIZE);
  }
}

function selectorOf(cpu: Cpu, segment: Segment): number {
  if (segment === Segment.Cs) return USER_CS;
  if (segment === Segment.Ss) return USER_SS;
  return cpu.u8[CpuBlock.selectors + 2 * segment]! | cpu.u8[CpuBlock.selectors + 2 * segment + 1]! << 8;
}

/** Loads a selector: false is a general protection fault. */
function loadSelector(cpu: Cpu, segment: Segment, selector: number): boolean {
  if (segment === Segment.Ss) return selector === USER_SS;
  const entry = selector & 0xfffc;
  if (entry !== 0 && !LOADABLE.includes(entry)) return false;
  cpu.u8[CpuBlock.selectors + 2 * segment] = selector;
  cpu.u8[CpuBlock.selectors + 2 * segment + 1] = selector >> 8;
  if (segment < Segment.Fs) return true;
  const base = (segment === Segment.Fs ? CpuBlock.fsBase : CpuBlock.gsBase) >> 2;
  cpu.u32[base] = cpu.u32[base + 1] = 0;
  return true;
}

function setFlags(cpu: Cpu, size: number, value: number): void {
  const mask = size === 2 ? FLAGS16 : FLAGS32;
  cpu.u32[RFLAGS] = ((cpu.u32[RFLAGS]! & ~mask) | (value & mask)) >>> 0;
}

/** mov to and from a segment register. */
function moveSelector(cpu: Cpu, insn: Insn, source: CodeSource): Trap | 0 {
  const segment: Segment = insn.reg & 7;
  const memory = insn.mod !== 3;
  const at = memory ? addressOf(cpu, insn) : 0;
  if (insn.opcode === 0x8e) {
    const trap = memory ? cannotRead(cpu, source, at, 2) : 0;
    if (trap !== 0) return trap;
    const selector = memory ? load(source, at, 2) : cpu.low(insn.rm) & 0xffff;
    return loadSelector(cpu, segment, selector) ? 0 : Trap.Privileged;
  }
  const selector = selectorOf(cpu, segment);
  if (!memory) {
    setRegister(cpu, insn.rm, insn.operandSize, selector);
    return 0;
  }
  const trap = cannotWrite(cpu, source, at, 2);
  if (trap === 0) store(source, at, 2, selector);
  return trap;
}

/** push and pop of FS and GS. */
function stackSelector(cpu: Cpu, insn: Insn, source: CodeSource): Trap | 0 {
  const size = insn.operandSize;
  const segment = insn.opcode & 8 ? Segment.Gs : Segment.Fs;
  const sp = cpu.get(Gpr.rsp);
  if (insn.opcode & 1) {
    const trap = cannotRead(cpu, source, sp % WINDOW_SIZE, size);
    if (trap !== 0) return trap;
    if (!loadSelector(cpu, segment, load(source, sp % WINDOW_SIZE, 2))) return Trap.Privileged;
    cpu.set(Gpr.rsp, sp + size);
    return 0;
  }
  const at = (sp - size) % WINDOW_SIZE;
  const trap = cannotWrite(cpu, source, at, size);
  if (trap !== 0) return trap;
  store(source, at, size, selectorOf(cpu, segment));
  cpu.set(Gpr.rsp, sp - size);
  return 0;
}

/** lss, lfs, lgs: an offset for a general register, then a selector. */
function loadFarPointer(cpu: Cpu, insn: Insn, source: CodeSource): Trap | 0 {
  const size = insn.operandSize;
  const at = addressOf(cpu, insn);
  const trap = cannotRead(cpu, source, at, size + 2);
  if (trap !== 0) return trap;
  const segment = insn.opcode === 0xb2 ? Segment.Ss : insn.opcode === 0xb4 ? Segment.Fs : Segment.Gs;
  if (!loadSelector(cpu, segment, load(source, at + size, 2))) return Trap.Privileged;
  if (size === 8) {
    cpu.u32[insn.reg << 1] = load(source, at, 4);
    cpu.u32[(insn.reg << 1) + 1] = load(source, at + 4, 4);
  } else {
    setRegister(cpu, insn.reg, size, load(source, at, size));
  }
  return 0;
}

/** jmp and call with a far pointer in memory. */
function jumpFar(cpu: Cpu, insn: Insn, source: CodeSource): Trap | 0 {
  const size = insn.operandSize;
  const at = addressOf(cpu, insn);
  let trap = cannotRead(cpu, source, at, size + 2);
  if (trap !== 0) return trap;
  if (load(source, at + size, 2) !== USER_CS) return Trap.Privileged;
  const target = load(source, at, size);
  if ((insn.modrm >> 3 & 7) === 3) {
    const sp = cpu.get(Gpr.rsp) - 2 * size;
    trap = cannotWrite(cpu, source, sp % WINDOW_SIZE, 2 * size);
    if (trap !== 0) return trap;
    store(source, sp % WINDOW_SIZE, size, insn.pc + insn.length);
    store(source, sp % WINDOW_SIZE + size, size, USER_CS);
    cpu.set(Gpr.rsp, sp);
  }
  cpu.rip = target;
  return 0;
}

/** retf: rip and cs come from the stack. */
function returnFar(cpu: Cpu, insn: Insn, source: CodeSource): Trap | 0 {
  const size = insn.operandSize;
  const sp = cpu.get(Gpr.rsp);
  const trap = cannotRead(cpu, source, sp % WINDOW_SIZE, 2 * size);
  if (trap !== 0) return trap;
  if (load(source, sp % WINDOW_SIZE + size, 2) !== USER_CS) return Trap.Privileged;
  cpu.rip = load(source, sp % WINDOW_SIZE, size);
  cpu.set(Gpr.rsp, sp + 2 * size + (insn.imm & 0xffff));
  return 0;
}

/** iret: rip, cs, rflags, rsp and ss come from the stack. */
function returnFromInterrupt(cpu: Cpu, insn: Insn, source: CodeSource): Trap | 0 {
  const size = insn.operandSize;
  if (cpu.u32[RFLAGS]! & NT) return Trap.Privileged;
  const sp = cpu.get(Gpr.rsp) % WINDOW_SIZE;
  const trap = cannotRead(cpu, source, sp, 5 * size);
  if (trap !== 0) return trap;
  if (load(source, sp + size, 2) !== USER_CS || load(source, sp + 4 * size, 2) !== USER_SS) return Trap.Privileged;
  cpu.rip = load(source, sp, size);
  setFlags(cpu, size, load(source, sp + 2 * size, size === 2 ? 2 : 4));
  cpu.set(Gpr.rsp, load(source, sp + 3 * size, size));
  return 0;
}

/** popf, when the value on the stack has TF set; it was read already. */
function popFlags(cpu: Cpu, insn: Insn, source: CodeSource): Trap | 0 {
  const size = insn.operandSize;
  const sp = cpu.get(Gpr.rsp);
  const trap = cannotRead(cpu, source, sp % WINDOW_SIZE, size);
  if (trap !== 0) return trap;
  setFlags(cpu, size, load(source, sp % WINDOW_SIZE, size === 2 ? 2 : 4));
  cpu.set(Gpr.rsp, sp + size);
  return 0;
}

/**
 * Carries out `insn` on `cpu`, rip included.
 * @returns 0, or the trap that it ends in, with the CPU as it was: Trap.Privileged for a general protection fault
 */
export function emulateSegments(cpu: Cpu, insn: Insn, source: CodeSource): Trap | 0 {
  const next = insn.pc + insn.length;
  let trap: Trap | 0;
  switch (insn.form.mnemonic) {
    case 'retf': return returnFar(cpu, insn, source);
    case 'iret': return returnFromInterrupt(cpu, insn, source);
    case 'call': case 'jmp': return jumpFar(cpu, insn, source);
    case 'mov': trap = moveSelector(cpu, insn, source); break;
    case 'push': case 'pop': trap = stackSelector(cpu, insn, source); break;
    case 'lss': case 'lfs': case 'lgs': trap = loadFarPointer(cpu, insn, source); break;
    case 'popf': trap = popFlags(cpu, insn, source); break;
    default: return Trap.Privileged;
  }
  if (trap === 0) cpu.rip = next;
  return trap;
}
