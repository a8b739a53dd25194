/** What a trap of the engine that is no system call means to a guest: signals as x86 Linux gives them. */
import { BUS, FPE, ILL, SEGV, SI, SIG, TRAP_CODE } from '../abi/signal.js';
import { CpuBlock, Trap, type Cpu } from '../host/cpu_block.js';
import { Fault, FaultAccess } from '../mm/fault.js';
import { SigInfo } from './pending_signals.js';
import { forceSignal } from './signals.js';
import type { Task } from './task.js';

/** Exception vectors (SDM volume 3, table 6-1), as uc_mcontext.trapno shows them. */
const VECTOR = { DE: 0, DB: 1, BP: 3, OF: 4, BR: 5, UD: 6, GP: 13, PF: 14, MF: 16, AC: 17, XM: 19 } as const;
/** Error code of #PF. */
const PF = { PRESENT: 1, WRITE: 2, USER: 4, FETCH: 16 } as const;

/** Resolves the fault (the task goes on) or forces the signal that it means on the task. */
export function faultSignal(task: Task, trap: Trap): void {
  const { cpu } = task;
  switch (trap) {
    case Trap.Fault:
      switch (cpu.u32[CpuBlock.signal >> 2]!) {
        case SIG.SEGV:
        case SIG.BUS:
          return memoryFault(task);
        case SIG.FPE: {
          const code = cpu.i32[CpuBlock.faultCode >> 2]!;
          return force(task, SIG.FPE, code, cpu.rip, code === FPE.INTDIV ? VECTOR.DE : arithmeticVector(cpu), 0);
        }
        case SIG.TRAP:
          return force(task, SIG.TRAP, TRAP_CODE.BRKPT, cpu.rip, VECTOR.DB, 0);
        default:
          return force(task, SIG.ILL, ILL.ILLOPN, cpu.rip, VECTOR.UD, 0);
      }
    case Trap.Fetch:
      return fetchFault(task);
    case Trap.Illegal:
      return force(task, SIG.ILL, ILL.ILLOPN, cpu.rip, VECTOR.UD, 0);
    case Trap.Breakpoint:
      return force(task, SIG.TRAP, SI.KERNEL, 0, VECTOR.BP, 0);
    case Trap.Debug:
      return force(task, SIG.TRAP, TRAP_CODE.TRACE, cpu.rip, VECTOR.DB, 0);
    default:
      return force(task, SIG.SEGV, SI.KERNEL, 0, VECTOR.GP, 0);
  }
}

function memoryFault(task: Task): void {
  const { cpu } = task;
  const inside = cpu.u32[(CpuBlock.faultAddress >> 2) + 1] === 0;
  const address = cpu.u32[CpuBlock.faultAddress >> 2]!;
  const write = cpu.u32[CpuBlock.faultAccess >> 2] !== 0;
  // A general-protection fault (a misaligned SSE operand) has no address.
  if (!inside) return force(task, SIG.SEGV, SI.KERNEL, 0, VECTOR.GP, 0);
  const result = task.mm.fault(address, write ? FaultAccess.Write : FaultAccess.Read);
  if (result !== Fault.Retry) forceMemory(task, result, address, write ? PF.WRITE : 0);
}

function fetchFault(task: Task): void {
  const { cpu } = task;
  const pc = cpu.u32[(CpuBlock.faultAddress >> 2) + 1] === 0 ? cpu.u32[CpuBlock.faultAddress >> 2]! : cpu.rip;
  if (pc >= 0x8000_0000_0000) return force(task, SIG.SEGV, SI.KERNEL, 0, VECTOR.GP, 0);
  if (pc >= 0x1_0000_0000) return force(task, SIG.SEGV, SEGV.MAPERR, pc, VECTOR.PF, PF.USER | PF.FETCH);
  const result = task.mm.fault(pc, FaultAccess.Fetch);
  if (result !== Fault.Retry) forceMemory(task, result, pc, PF.FETCH);
}

function forceMemory(task: Task, packed: number, address: number, errorBits: number): void {
  const signal = packed >>> 16;
  const code = packed & 0xffff;
  const present = signal === SIG.SEGV ? code === SEGV.ACCERR : code !== BUS.ADRERR;
  force(task, signal, code, address, VECTOR.PF, errorBits | PF.USER | (present ? PF.PRESENT : 0));
}

function force(task: Task, signal: number, code: number, address: number, vector: number, errorCode: number): void {
  const info = new SigInfo(signal, code);
  info.address = address;
  info.trapNumber = vector;
  info.errorCode = errorCode;
  forceSignal(task, info);
}

/** x87 errors are #MF, SSE ones #XM: the unmasked exception that is set tells. */
function arithmeticVector(cpu: Cpu): number {
  const mxcsr = cpu.u32[(CpuBlock.xsave + 24) >> 2]!;
  return mxcsr & ~(mxcsr >> 7) & 0x3f ? VECTOR.XM : VECTOR.MF;
}
