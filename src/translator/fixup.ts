/**
 * What must be undone when an instruction's translation faults in its middle, in one 32-bit word:
 * up to four values that were pushed on the return stack (five bits each, the newest first), flags, and in the top
 * byte by how many quadwords guest rsp's register lags behind (Assembler.stackDelta).
 * The emitters write guest state last, so nothing else is needed.
 */
import { Cpu, CpuBlock } from '../host/cpu_block.js';

/** A pushed value: 1 + general register, or one of these. */
export const PUSHED_FLAGS = 17;
export const PUSHED_NOTHING = 18;
/** The base of a segment, which was added to rsi. */
export const PUSHED_BASE_OF_RSI = 19;

export const enum Fixup {
  None = 0,
  /** Guest rcx is in the scratch slot. */
  RcxInScratch = 1 << 20,
  /** The window's base was added to rsi, rdi. */
  Rsi = 1 << 21,
  Rdi = 1 << 22,
  /** The check behind a call: the return's pop is taken back. */
  Return = 1 << 23,
}

/** Bytes that guest rsp's register may lag behind at most. */
export const MAX_LAG = 1000;

/** The fixup word's part for a lag of `delta` bytes. */
export function lagFixup(delta: number): number {
  return (delta >> 3) << 24;
}

const HOST_SP = CpuBlock.hostSp >> 3;
const SPILL = CpuBlock.spill >> 3;
const RSP = 4;
const RSI = 6;
const RDI = 7;

/** Rebuilds the guest state of the start of the instruction that faulted. Slow path: BigInt is fine here. */
export function applyFixup(cpu: Cpu, word: number): void {
  const u64 = cpu.u64;
  for (let i = 0; i < 4; i++) {
    const code = (word >> (i * 5)) & 31;
    if (code === 0) break;
    const value = u64[SPILL + i]!;
    if (code === PUSHED_FLAGS) u64[CpuBlock.rflags >> 3] = value;
    else if (code === PUSHED_BASE_OF_RSI) u64[RSI] = u64[RSI]! - value;
    else if (code !== PUSHED_NOTHING) u64[code - 1] = value;
    u64[HOST_SP] = u64[HOST_SP]! + 8n;
  }
  if (word & Fixup.RcxInScratch) u64[1] = u64[CpuBlock.scratch >> 3]!;
  const base = u64[CpuBlock.windowBase >> 3]!;
  if (word & Fixup.Rsi) u64[RSI] = u64[RSI]! - base;
  if (word & Fixup.Rdi) u64[RDI] = u64[RDI]! - base;
  const lag = word >> 24;
  if (lag !== 0) u64[RSP] = u64[RSP]! + BigInt(lag * 8);
  if (word & Fixup.Return) u64[RSP] = u64[RSP]! - 8n;
}
