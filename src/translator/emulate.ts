/** Instructions that the engine answers itself, from the CPU model or the guest's state, instead of running them. */
import { type Cpu, CpuBlock, Gpr } from '../host/cpu_block.js';
import type { CpuModel } from './cpu_model.js';
import type { Insn } from './insn.js';

function set32(cpu: Cpu, register: number, value: number): void {
  cpu.u32[register << 1] = value;
  cpu.u32[(register << 1) + 1] = 0;
}

/** Copies a segment base (byte offset `base` in the CPU block) to or from the register ModRM.rm. */
function moveBase(cpu: Cpu, insn: Insn, base: number, write: boolean): boolean {
  const { u32 } = cpu;
  const wide = (insn.rex & 8) !== 0;
  const low = base >> 2;
  if (!write) {
    u32[insn.rm << 1] = u32[low]!;
    u32[(insn.rm << 1) + 1] = wide ? u32[low + 1]! : 0;
    return true;
  }
  const high = wide ? u32[(insn.rm << 1) + 1]! : 0;
  // A base that is not canonical is a general protection fault.
  const top = high >> 15;
  if (top !== 0 && top !== 0x1ffff && top !== -1) return false;
  u32[low] = u32[insn.rm << 1]!;
  u32[low + 1] = high;
  return true;
}

function cpuid(cpu: Cpu, model: CpuModel): void {
  const [a, b, c, d] = model.cpuid(cpu.low(Gpr.rax), cpu.low(Gpr.rcx));
  set32(cpu, Gpr.rax, a);
  set32(cpu, Gpr.rbx, b);
  set32(cpu, Gpr.rcx, c);
  set32(cpu, Gpr.rdx, d);
}

function xgetbv(cpu: Cpu, model: CpuModel): boolean {
  if (cpu.low(Gpr.rcx) !== 0) return false;
  set32(cpu, Gpr.rax, model.xcr0);
  set32(cpu, Gpr.rdx, 0);
  return true;
}

/**
 * As `emulate`, for the instruction at `pc` before it is decoded: the questions for the CPU that most C libraries ask when
 * they start, so that they need no decoder.
 * @returns false when it is another one, or has prefixes
 */
export function emulateQuestion(cpu: Cpu, bytes: Uint8Array, pc: number, model: CpuModel): boolean {
  if (bytes[pc] !== 0x0f) return false;
  if (bytes[pc + 1] === 0xa2) {
    cpuid(cpu, model);
    cpu.rip = pc + 2;
    return true;
  }
  if (bytes[pc + 1] !== 0x01 || bytes[pc + 2] !== 0xd0 || !xgetbv(cpu, model)) return false;
  cpu.rip = pc + 3;
  return true;
}

/**
 * Carries out `insn` on `cpu`, rip included.
 * @returns false when the instruction is not one of those, or faults with a general protection fault.
 */
export function emulate(cpu: Cpu, insn: Insn, model: CpuModel): boolean {
  switch (insn.form.mnemonic) {
    case 'cpuid':
      cpuid(cpu, model);
      break;
    case 'xgetbv':
      if (!xgetbv(cpu, model)) return false;
      break;
    case 'rdpid':
      set32(cpu, insn.rm, 0);
      break;
    case 'rdfsbase':
      moveBase(cpu, insn, CpuBlock.fsBase, false);
      break;
    case 'rdgsbase':
      moveBase(cpu, insn, CpuBlock.gsBase, false);
      break;
    case 'wrfsbase':
      if (!moveBase(cpu, insn, CpuBlock.fsBase, true)) return false;
      break;
    case 'wrgsbase':
      if (!moveBase(cpu, insn, CpuBlock.gsBase, true)) return false;
      break;
    default:
      return false;
  }
  cpu.rip = insn.pc + insn.length;
  return true;
}
