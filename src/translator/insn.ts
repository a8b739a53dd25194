/** What the decoder says of one instruction: the form (a row of the instruction table) and its fields. */

/** What a form does with an operand. */
export const enum Access { None = 0, Read = 1, Write = 2, ReadWrite = 3 }

/** Which register file an encoded field names. */
export const enum RegFile { None = 0, Gpr, Segment, Control, Debug, X87, Mmx, Vector, Mask }

/** How the emitter re-emits a form. `Copy`: same bytes, memory confined and registers renamed. */
export const enum Rewrite {
  Copy = 0,
  Lea, Push, Pop, PushF, PopF, Enter, Leave,
  CallNear, CallIndirect, Ret, JmpNear, JmpIndirect, Jcc, Loop,
  /** movs cmps stos scas: they address ES:rdi. */
  String,
  /** mov al/ax/eax/rax <-> moffs: re-encoded with ModRM. */
  Moffs,
  Syscall, SysEnter, Int, Int3, Into,
  /** Stores that hold host addresses (FIP, FDP): fnstenv fnsave fxsave xsave*; cleaned after. */
  FpuSave,
  /** fldenv frstor fxrstor xrstor; xrstor's mask is limited. */
  FpuRestore,
  /** cpuid xgetbv rdfsbase wrfsbase rdpid rdtscp…: answered by the CPU model. */
  Emulate,
  Privileged,
  /** ud0 ud1 ud2 and everything that the table does not allow. */
  Illegal,
}

/** Arithmetic flag bits, as in RFLAGS. */
export const enum Flag { CF = 1, PF = 4, AF = 16, ZF = 64, SF = 128, OF = 2048, DF = 1024, All = 0x8d5 }

/** A row of the instruction table, ready for use. One object a form, shared by all its instructions. */
export interface Form {
  readonly mnemonic: string;
  /** Operands in the SDM's letters ("Ev,Gv"), for listings and tests. */
  readonly operands: string;
  readonly rewrite: Rewrite;
  /** CPUID feature that the form needs ('' for the x86-64-v1 baseline), e.g. 'bmi2'; see isa/form.ts. */
  readonly feature: string;
  readonly hasModrm: boolean;
  /** ModRM.reg: file and access; None when it extends the opcode. */
  readonly regFile: RegFile;
  readonly regAccess: Access;
  /** ModRM.rm when it is a register. */
  readonly rmFile: RegFile;
  readonly rmAccess: Access;
  /** ModRM.rm when it is memory: None for lea, nop and prefetch (no access is made or none can fault). */
  readonly memAccess: Access;
  /** VEX.vvvv. */
  readonly vvvvFile: RegFile;
  readonly vvvvAccess: Access;
  /** Low three bits of the opcode name a GPR (push, pop, bswap, mov r,imm, xchg). */
  readonly opcodeReg: Access;
  /** VSIB memory operand (gathers). */
  readonly vsib: boolean;
  /** The form is told from others by its prefixes 66, F2 or F3, or repeats (lods); else F2 and F3 mean nothing. */
  readonly prefixed: boolean;
  /** bt, bts, btr, btc with a register: the memory accessed is base + bit offset / 8, far beyond the operand. */
  readonly bitString: boolean;
  /** LOCK is legal with a memory destination. */
  readonly lockable: boolean;
  /** Implicit general registers, as bits 1 << Gpr (without rsp). */
  readonly implicitRead: number;
  readonly implicitWrite: number;
  /** Implicit memory at [rdi] or [rbx+al] with an overridable segment: maskmovq, xlat, and [rsi]: lods, outs. */
  readonly implicitMemory: boolean;
  /** Flags read, written (to a defined value or not), and left undefined. undefined ⊆ written. Conditional writes (shift by cl) count as read too. */
  readonly flagsRead: number;
  readonly flagsWritten: number;
  readonly flagsUndefined: number;
  /** x87 or MMX state is used. */
  readonly x87: boolean;
  /** VEX-encoded: upper halves of ymm may be used. */
  readonly avx: boolean;
}

/** One decoded instruction. The decoder fills the same object again and again. */
export class Insn {
  pc = 0;
  length = 0;
  form!: Form;
  /** 66h was given. */
  operand16 = false;
  /** 67h was given (64-bit mode: 32-bit addresses). */
  address32 = false;
  /** 0, 0xF2 or 0xF3: the last of them given. */
  rep = 0;
  lock = false;
  /** Segment register of an FS (4) or GS (5) override, else -1. */
  segment = -1;
  /** REX byte 0x40–0x4F, or 0. With VEX: W R X B as a REX byte would have them. */
  rex = 0;
  /** 0: legacy; 2 or 3: length of the VEX prefix. */
  vex = 0;
  vexL = 0;
  /** 0: none, 1: 66, 2: F3, 3: F2. */
  vexPP = 0;
  /** Register number in VEX.vvvv (already inverted). */
  vvvv = 0;
  /** 0: one byte, 1: 0F, 2: 0F38, 3: 0F3A. */
  map = 0;
  opcode = 0;
  modrm = 0;
  mod = 0;
  /** ModRM.reg and ModRM.rm with their REX bits. rm only when mod is 3. */
  reg = 0;
  rm = 0;
  /** Memory operand: general registers, -1 for none. index is a vector register with vsib. */
  base = -1;
  index = -1;
  /** Shift count of the index: 0–3. */
  scale = 0;
  disp = 0;
  ripRelative = false;
  /** Immediate, sign-extended to a number as the instruction uses it; bytes it takes. For a 64-bit one, immHigh has the upper half. Relative branches: the displacement. */
  imm = 0;
  immSize = 0;
  immHigh = 0;
  /** Second immediate (enter). */
  imm2 = 0;
  /** Operand size of 'v' operands in bytes: 2, 4, 8 (push, pop, near branches: 8 by default). */
  operandSize = 4;

  get hasMemory(): boolean {
    return this.form.hasModrm && this.mod !== 3;
  }
}
