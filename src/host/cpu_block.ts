/**
 * Layout of the CPU block: the architectural state of one guest thread while it is not running.
 * The same numbers stand in native/cpu_block.h; engine.test.ts holds the two together.
 */
export const CpuBlock = {
  /** Sixteen u64: rax rcx rdx rbx rsp rbp rsi rdi r8..r15 (the order of the ModRM encoding). */
  gpr: 0x000,
  rip: 0x080,
  rflags: 0x088,
  fsBase: 0x090,
  gsBase: 0x098,
  /** u32 Trap of the last exit, then u32 host signal number of a fault. */
  trap: 0x0a0,
  signal: 0x0a4,
  /** u64 address in the window that a fault touched (or 2^64-1: outside of it), u32 access (0 read, 1 write), u32 host si_code. */
  faultAddress: 0x0a8,
  faultAccess: 0x0b0,
  faultCode: 0x0b4,
  /** u64 cache offset of the host instruction that faulted. */
  hostPc: 0x0b8,
  /** u64 cache offset to go on at without a look-up; 0: look rip up. */
  resume: 0x0c0,
  /** u64s of the return stack: pointer, base. */
  hostSp: 0x0c8,
  returnStackBase: 0x0d0,
  /** u64 cache offset of the data behind the link stub that was taken. */
  link: 0x0d8,
  /** Four u64: the top of the return stack at a fault. */
  spill: 0x0e0,
  /** u64 guest PC that an indirect branch asked for. */
  target: 0x100,
  /** u64 host address of the window (the slow path of a string instruction's fault needs it). */
  windowBase: 0x108,
  /** u64 guest rcx when an indirect branch faulted while it used rcx. */
  scratch: 0x110,
  /**
   * XSAVE area, standard form: 512 legacy, 64 header, 256 upper halves of ymm. Bit 2 of the header's first word
   * (XSTATE_BV) tells that those halves are in use; when it is clear they are zero.
   */
  xsave: 0x140,
  /** Six u16: the segment selectors es cs ss ds fs gs that the guest loaded (cs and ss stay 0: they never change). */
  selectors: 0x480,
  size: 0x500,
} as const;

/** Why guest code was left. The numbers are native/cpu_block.h's. */
export const enum Trap {
  /** The SYSCALL instruction; rip is behind it, rcx and r11 are as the instruction leaves them. */
  Syscall = 1,
  /** int 0x80 (rip behind it). */
  Int80 = 2,
  /** A memory access, arithmetic or other fault of the instruction at rip: see signal, faultAddress. */
  Fault = 3,
  /** An instruction that is not allowed or does not exist, at rip. */
  Illegal = 4,
  /** int3 (rip behind it). */
  Breakpoint = 5,
  /** The time slice is over; rip is at an instruction boundary. */
  Preempted = 6,
  /** rip is not in executable memory: an instruction fetch fault. faultAddress is the page. */
  Fetch = 7,
  /** A privileged instruction (hlt, in, out, cli…): SIGSEGV with SI_KERNEL on Linux. */
  Privileged = 8,
  /** int n, into, bound: rip at the instruction. */
  SoftInterrupt = 9,
  /** Single-step trap (TF). */
  Debug = 10,
  /** Internal to the engine: a direct branch that is not linked yet. */
  Link = 16,
  /** Internal: an indirect branch whose target is not in the table. */
  IndirectMiss = 17,
  /** Internal: an instruction that the engine carries out itself (cpuid, xgetbv…). */
  Emulate = 18,
}

export const Gpr = {
  rax: 0, rcx: 1, rdx: 2, rbx: 3, rsp: 4, rbp: 5, rsi: 6, rdi: 7,
  r8: 8, r9: 9, r10: 10, r11: 11, r12: 12, r13: 13, r14: 14, r15: 15,
} as const;

/** One guest thread's registers: typed arrays over its CPU block. Read hot values as two u32, never as BigInt. */
export class Cpu {
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly u8: Uint8Array;
  readonly u64: BigUint64Array;

  constructor(readonly id: number, buffer: ArrayBuffer) {
    this.u32 = new Uint32Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u8 = new Uint8Array(buffer);
    this.u64 = new BigUint64Array(buffer);
  }

  /** Low 32 bits of general register `r`. */
  low(r: number): number {
    return this.u32[r << 1]!;
  }
  high(r: number): number {
    return this.u32[(r << 1) + 1]!;
  }
  /** General register `r` as an unsigned number; exact below 2^53. */
  get(r: number): number {
    return this.u32[(r << 1) + 1]! * 0x1_0000_0000 + this.u32[r << 1]!;
  }
  /** Sets general register `r` to a signed integer number (|value| < 2^53), sign-extended to 64 bits. */
  set(r: number, value: number): void {
    this.u32[r << 1] = value >>> 0;
    this.i32[(r << 1) + 1] = Math.floor(value / 0x1_0000_0000);
  }
  get rip(): number {
    return this.u32[CpuBlock.rip >> 2]! + this.u32[(CpuBlock.rip >> 2) + 1]! * 0x1_0000_0000;
  }
  /** Moving rip also drops the place to resume at, so the next run looks rip up. */
  set rip(pc: number) {
    this.u32[CpuBlock.rip >> 2] = pc >>> 0;
    this.u32[(CpuBlock.rip >> 2) + 1] = Math.floor(pc / 0x1_0000_0000);
    this.u32[CpuBlock.resume >> 2] = 0;
  }
}
