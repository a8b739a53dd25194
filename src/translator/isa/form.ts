/**
 * Rows of the instruction table: their text, and what a row becomes when it is first used.
 *
 *     0fc7/1.w0.m    cmpxchg8b  Mq m in:rax,rbx,rcx,rdx out:rax,rdx =z lock
 *     opcode, where  mnemonic   operands, accesses, attributes
 *
 * Columns stand apart by spaces; a line that begins with # is a remark.
 *
 * Opcode: hexadecimal with its escape bytes; `v` in front: VEX. `+r`: the low three bits name a register.
 * `/n`: ModRM.reg is n; `/n:m`: ModRM.rm is m too. Then, each after a dot, where the row holds:
 * np, 66, f3, f2 (mandatory prefix; without any of them prefixes do not matter), m or r (ModRM.rm is memory or a
 * register), w0 w1 (REX.W or VEX.W), l0 l1 (VEX.L), b0 b1 (REX.B).
 *
 * Operands: the letters of the SDM (volume 2, appendix A.2) with R, N, U: ModRM.rm, a register only;
 * M: memory only; Z: the opcode's register; L: a vector register in the immediate; Ibs: a sign-extended byte.
 * `-`: none. Accesses: r, w, m (read and write), n (none), one letter an operand; those left out are r.
 *
 * Attributes: `<` flags read (also those that stay when a condition fails), `=` flags defined, `?` flags undefined;
 * in: and out: implicit registers; repeats: with F2 or F3; string: the pointer registers of a string instruction; memory: implicit memory;
 * bitstring: the register operand reaches beyond the memory operand; lock; d64, f64: the operand size is 64 bits
 * by default, or always; vsib; mmx, x87; @Name: how it is rewritten, else copied; a CPUID feature, or two for
 * VEX.L = 0 | 1; only64: not in other modes.
 */
import { Access, Flag, RegFile, Rewrite, type Form } from '../insn.js';

/** CPUID features beyond x86-64-v1 that rows ask for. */
export const FEATURES = [
  'sse3', 'ssse3', 'sse4.1', 'sse4.2', 'popcnt', 'cx16', 'lahf', 'avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'lzcnt',
  'movbe', 'xsave', 'xsaveopt', 'xsavec', 'aes', 'pclmulqdq', 'sha', 'adx', 'rdrand', 'rdseed', 'clflushopt', 'clwb',
  'fsgsbase', 'rdtscp', 'rdpid',
] as const;

export type Feature = (typeof FEATURES)[number];

/** What follows ModRM and displacement. */
export const enum Imm {
  None = 0,
  /** Zero-extended byte, sign-extended byte, zero-extended word. */
  Byte, ByteSigned, Word,
  /** Word or doubleword by operand size, sign-extended; the same or a quadword. */
  Z, V,
  /** An address: 4 or 8 bytes by address size. */
  Moffs,
  /** Word, then byte. */
  Enter,
  Rel8, Rel32,
}

/** How the operand size comes about: 66 and REX.W; only REX.W; 8 unless 66; always 8. */
export const enum Size { V = 0, Y, D64, F64 }

export const enum CodeMode { Long = 0 }

export class FormRow implements Form {
  mnemonic = '';
  operands = '';
  rewrite: Rewrite = Rewrite.Copy;
  feature: Feature | '' = '';
  hasModrm = false;
  regFile: RegFile = RegFile.None;
  regAccess: Access = Access.None;
  rmFile: RegFile = RegFile.None;
  rmAccess: Access = Access.None;
  memAccess: Access = Access.None;
  vvvvFile: RegFile = RegFile.None;
  vvvvAccess: Access = Access.None;
  opcodeReg: Access = Access.None;
  vsib = false;
  prefixed = false;
  bitString = false;
  lockable = false;
  implicitRead = 0;
  implicitWrite = 0;
  implicitMemory = false;
  flagsRead = 0;
  flagsWritten = 0;
  flagsUndefined = 0;
  x87 = false;
  avx = false;
  imm: Imm = Imm.None;
  size: Size = Size.V;
}

/** Where a row holds: for each dimension a mask of the values that it takes. */
export interface Place {
  /** Bit n: mandatory prefix n as in Insn.vexPP. */
  pp: number;
  /** Bit 0: memory, bit 1: register. */
  mod: number;
  reg: number;
  rm: number;
  w: number;
  l: number;
  b: number;
}

const REGISTERS = ['rax', 'rcx', 'rdx', 'rbx', '', 'rbp', 'rsi', 'rdi', 'r8', 'r9', 'r10', 'r11'];
const REWRITE: Record<string, Rewrite> = {
  Lea: Rewrite.Lea, Push: Rewrite.Push, Pop: Rewrite.Pop, PushF: Rewrite.PushF, PopF: Rewrite.PopF,
  Enter: Rewrite.Enter, Leave: Rewrite.Leave, CallNear: Rewrite.CallNear, CallIndirect: Rewrite.CallIndirect,
  Ret: Rewrite.Ret, JmpNear: Rewrite.JmpNear, JmpIndirect: Rewrite.JmpIndirect, Jcc: Rewrite.Jcc, Loop: Rewrite.Loop,
  String: Rewrite.String, Moffs: Rewrite.Moffs, Syscall: Rewrite.Syscall, SysEnter: Rewrite.SysEnter,
  Int: Rewrite.Int, Int3: Rewrite.Int3, FpuSave: Rewrite.FpuSave, FpuRestore: Rewrite.FpuRestore,
  Emulate: Rewrite.Emulate, Privileged: Rewrite.Privileged, Illegal: Rewrite.Illegal,
};

/** Flags named by the letters o s z a p c d of word from its second character on. */
function flagMask(word: string): number {
  let mask = 0;
  for (let i = 1; i < word.length; i++) {
    switch (word[i]) {
      case 'o': mask |= Flag.OF; break;
      case 's': mask |= Flag.SF; break;
      case 'z': mask |= Flag.ZF; break;
      case 'a': mask |= Flag.AF; break;
      case 'p': mask |= Flag.PF; break;
      case 'c': mask |= Flag.CF; break;
      default: mask |= Flag.DF;
    }
  }
  return mask;
}

function registerMask(names: string): number {
  let mask = 0;
  for (const name of names.split(',')) mask |= 1 << REGISTERS.indexOf(name);
  return mask;
}

/** Where the row holds: its opcode column from the two digits of the opcode on. */
export function parsePlace(row: string): Place {
  const place: Place = { pp: 0, mod: 3, reg: 255, rm: 255, w: 3, l: 3, b: 3 };
  const end = row.indexOf(' ');
  for (let i = 0; i < end; i++) {
    const c = row[i]!;
    if (c === '/') {
      place.reg = 1 << (row.charCodeAt(i + 1) - 48);
      if (row[i + 2] === ':') place.rm = 1 << (row.charCodeAt(i + 3) - 48);
    } else if (c === '.') {
      const low = row[i + 2] === '0' ? 1 : 2;
      switch (row[i + 1]) {
        case 'n': place.pp |= 1; break;
        case '6': place.pp |= 2; break;
        case 'f': place.pp |= row[i + 2] === '3' ? 4 : 8; break;
        case 'm': place.mod = 1; break;
        case 'r': place.mod = 2; break;
        case 'w': place.w = low; break;
        case 'l': place.l = low; break;
        default: place.b = low;
      }
    }
  }
  return place;
}

function addOperand(form: FormRow, name: string, letter: string, operand16: boolean): void {
  const access = letter === 'w' ? Access.Write : letter === 'm' ? Access.ReadWrite :
    letter === 'n' ? Access.None : Access.Read;
  const size = name[1];
  if ((size === 'v' || size === 'z') && form.size === Size.Y) form.size = Size.V;
  const narrow = size === 'b' || size === 'w' || size === 'L' || (operand16 && (size === 'v' || size === 'A'));
  // A write of 8 or 16 bits keeps the rest of a general register: seen from the 64-bit register it is both.
  const whole = narrow && access === Access.Write ? Access.ReadWrite : access;
  switch (name[0]) {
    case 'G':
      if (size === 'S') break;
      form.regFile = RegFile.Gpr;
      form.regAccess = whole;
      break;
    case 'V': form.regFile = RegFile.Vector; form.regAccess = access; break;
    case 'P': form.regFile = RegFile.Mmx; form.regAccess = access; break;
    case 'S':
      if (name === 'STi') {
        form.rmFile = RegFile.X87;
        form.rmAccess = access;
      } else if (name !== 'ST0') {
        form.regFile = RegFile.Segment;
        form.regAccess = access;
      }
      break;
    case 'E': form.rmFile = RegFile.Gpr; form.rmAccess = whole; form.memAccess = access; break;
    case 'Q': form.rmFile = RegFile.Mmx; form.rmAccess = form.memAccess = access; break;
    case 'W': form.rmFile = RegFile.Vector; form.rmAccess = form.memAccess = access; break;
    case 'R': form.rmFile = RegFile.Gpr; form.rmAccess = whole; break;
    case 'N': form.rmFile = RegFile.Mmx; form.rmAccess = access; break;
    case 'U': form.rmFile = RegFile.Vector; form.rmAccess = access; break;
    case 'M': form.memAccess = access; break;
    case 'H': form.vvvvFile = RegFile.Vector; form.vvvvAccess = access; break;
    case 'B': form.vvvvFile = RegFile.Gpr; form.vvvvAccess = access; break;
    case 'Z': form.opcodeReg = whole; break;
    case 'L': form.imm = Imm.Byte; break;
    case 'O': form.imm = Imm.Moffs; break;
    case 'J': form.imm = size === 'b' ? Imm.Rel8 : Imm.Rel32; break;
    case 'I':
      if (form.imm !== Imm.None) form.imm = Imm.Enter;
      else if (name === 'Ibs') form.imm = Imm.ByteSigned;
      else form.imm = size === 'b' ? Imm.Byte : size === 'w' ? Imm.Word : size === 'z' ? Imm.Z : Imm.V;
      break;
    case 'A': case 'e': case 'r':
      // AL, eAX, rAX
      if (whole & Access.Read) form.implicitRead |= 1;
      if (whole & Access.Write) form.implicitWrite |= 1;
      break;
    case 'C':
      if (size === 'L') form.implicitRead |= 2;
      else form.regFile = RegFile.Control;
      break;
    case 'D':
      if (size === 'X') form.implicitRead |= 4;
      else form.regFile = RegFile.Debug;
      break;
  }
}

function addAttribute(form: FormRow, word: string, l: number): void {
  switch (word[0]) {
    case '<': form.flagsRead |= flagMask(word); return;
    case '=': form.flagsWritten |= flagMask(word); return;
    case '?': form.flagsUndefined |= flagMask(word); form.flagsWritten |= form.flagsUndefined; return;
    case '@': form.rewrite = REWRITE[word.slice(1)]!; return;
  }
  switch (word) {
    case 'lock': form.lockable = true; return;
    case 'd64': form.size = Size.D64; return;
    case 'f64': form.size = Size.F64; return;
    case 'x87': case 'mmx': form.x87 = true; return;
    case 'memory': form.implicitMemory = true; return;
    case 'repeats': form.prefixed = true; return;
    case 'bitstring': form.bitString = true; return;
    case 'vsib': form.vsib = true; return;
    case 'only64': return;
    case 'string:d': form.implicitRead |= 0x80; form.implicitWrite |= 0x80; return;
    case 'string:s': form.implicitRead |= 0x40; form.implicitWrite |= 0x40; return;
    case 'string:sd': form.implicitRead |= 0xc0; form.implicitWrite |= 0xc0; return;
  }
  if (word.startsWith('in:')) form.implicitRead |= registerMask(word.slice(3));
  else if (word.startsWith('out:')) form.implicitWrite |= registerMask(word.slice(4));
  else {
    const bar = word.indexOf('|');
    form.feature = (bar < 0 ? word : l ? word.slice(bar + 1) : word.slice(0, bar)) as Feature;
  }
}

/**
 * The form of a row, for VEX.L = `l` and with the operand size of 16 bits or not.
 * Rows are taken to be well formed; isa.test.ts holds each of them against another decoder.
 */
export function parseForm(row: string, l: number, operand16: boolean): FormRow {
  const form = new FormRow();
  const vex = row[0] === 'v';
  if (vex || row[1] === 'f' && row[0] === '0') form.size = Size.Y;
  let column = 0;
  let accesses = '';
  for (let at = 0; at < row.length; column++) {
    let end = row.indexOf(' ', at);
    if (end < 0) end = row.length;
    const word = row.slice(at, end);
    if (column === 0) {
      form.hasModrm = word.includes('/') || word.endsWith('.m') || word.endsWith('.r');
      form.prefixed = word.includes('.np') || word.includes('.66') || word.includes('.f');
    } else if (column === 1) form.mnemonic = word;
    else if (column > 3) addAttribute(form, word, l);
    else if (column === 3) {
      accesses = word;
      let operand = 0;
      for (let i = 0; i < form.operands.length; operand++) {
        let comma = form.operands.indexOf(',', i);
        if (comma < 0) comma = form.operands.length;
        addOperand(form, form.operands.slice(i, comma), accesses[operand] ?? 'r', operand16);
        i = comma + 1;
      }
    } else if (word === '-') column++;
    else form.operands = word;
    at = end + 1;
    while (row[at] === ' ') at++;
  }
  if (form.regFile !== RegFile.None || form.rmFile !== RegFile.None || form.memAccess !== Access.None) {
    form.hasModrm = true;
  }
  if (operand16 && form.size === Size.V) form.implicitRead |= form.implicitWrite;
  form.avx = vex && (form.regFile === RegFile.Vector || form.rmFile === RegFile.Vector ||
    form.vvvvFile === RegFile.Vector || form.mnemonic.startsWith('vzero'));
  return form;
}

/** The form of everything that the table does not have. */
export const ILLEGAL: FormRow = new FormRow();
ILLEGAL.mnemonic = '(bad)';
ILLEGAL.rewrite = Rewrite.Illegal;
/** More than 15 bytes: a general protection fault. */
export const TOO_LONG: FormRow = new FormRow();
TOO_LONG.mnemonic = '(too long)';
TOO_LONG.rewrite = Rewrite.Privileged;
