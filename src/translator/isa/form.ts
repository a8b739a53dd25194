/**
 * Rows of the instruction table: their text, and what a row becomes when it is first used.
 *
 *     '0fc7/1.w0.m    cmpxchg8b  Mq m in:rax,rbx,rcx,rdx out:rax,rdx =z lock'
 *      opcode, where  mnemonic   operands, accesses, attributes
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
 * Attributes: `<` flags read (also those that stay when a condition fails), `=` flags defined, `?` flags left undefined;
 * in: and out: implicit registers; string: the pointer registers of a string instruction; memory: implicit memory;
 * bitstring: the register operand reaches beyond the memory operand; lock; d64, f64: the operand size is 64 bits
 * by default, or always; rm32: a byte in memory or the whole register; vsib; mmx, x87; @Name: how it is
 * rewritten, else copied; a CPUID feature, or two for VEX.L = 0 | 1; only64: not in other modes.
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
  /** The text it was made from. */
  row = '';
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

const FLAG_OF: Record<string, number> = {
  o: Flag.OF, s: Flag.SF, z: Flag.ZF, a: Flag.AF, p: Flag.PF, c: Flag.CF, d: Flag.DF,
};
const REGISTER: Record<string, number> = {
  rax: 0, rcx: 1, rdx: 2, rbx: 3, rbp: 5, rsi: 6, rdi: 7, r11: 11,
};
const ACCESS: Record<string, Access> = { n: Access.None, r: Access.Read, w: Access.Write, m: Access.ReadWrite };
const REWRITE: Record<string, Rewrite> = {
  Lea: Rewrite.Lea, Push: Rewrite.Push, Pop: Rewrite.Pop, PushF: Rewrite.PushF, PopF: Rewrite.PopF,
  Enter: Rewrite.Enter, Leave: Rewrite.Leave, CallNear: Rewrite.CallNear, CallIndirect: Rewrite.CallIndirect,
  Ret: Rewrite.Ret, JmpNear: Rewrite.JmpNear, JmpIndirect: Rewrite.JmpIndirect, Jcc: Rewrite.Jcc, Loop: Rewrite.Loop,
  String: Rewrite.String, Moffs: Rewrite.Moffs, Syscall: Rewrite.Syscall, SysEnter: Rewrite.SysEnter,
  Int: Rewrite.Int, Int3: Rewrite.Int3, FpuSave: Rewrite.FpuSave, FpuRestore: Rewrite.FpuRestore,
  Emulate: Rewrite.Emulate, Privileged: Rewrite.Privileged, Illegal: Rewrite.Illegal,
};

function flagMask(letters: string, from: number): number {
  let mask = 0;
  for (let i = from; i < letters.length; i++) mask |= FLAG_OF[letters[i]!]!;
  return mask;
}

function registerMask(names: string): number {
  let mask = 0;
  for (const name of names.split(',')) mask |= 1 << REGISTER[name]!;
  return mask;
}

/** Reads the opcode column from its first dot or slash on. */
export function parsePlace(where: string): Place {
  const place: Place = { pp: 0, mod: 3, reg: 255, rm: 255, w: 3, l: 3, b: 3 };
  for (const part of where.split('.')) {
    switch (part) {
      case 'np': place.pp |= 1; break;
      case '66': place.pp |= 2; break;
      case 'f3': place.pp |= 4; break;
      case 'f2': place.pp |= 8; break;
      case 'm': place.mod = 1; break;
      case 'r': place.mod = 2; break;
      case 'w0': place.w = 1; break;
      case 'w1': place.w = 2; break;
      case 'l0': place.l = 1; break;
      case 'l1': place.l = 2; break;
      case 'b0': place.b = 1; break;
      case 'b1': place.b = 2; break;
      default: {
        const slash = part.indexOf('/');
        if (slash < 0) break;
        place.reg = 1 << (part.charCodeAt(slash + 1) - 48);
        if (part[slash + 2] === ':') place.rm = 1 << (part.charCodeAt(slash + 3) - 48);
      }
    }
  }
  return place;
}

function addOperand(form: FormRow, name: string, access: Access, operand16: boolean): void {
  const kind = name[0]!;
  const narrow = name[1] === 'b' || name[1] === 'w' || (operand16 && name[1] === 'v');
  // A write of 8 or 16 bits keeps the rest of a general register: seen from the 64-bit register it is both.
  const whole = narrow && access === Access.Write ? Access.ReadWrite : access;
  switch (name) {
    case 'AL': case 'eAX': case 'rAX': case 'CL': case 'DX': {
      const bit = name === 'CL' ? 2 : name === 'DX' ? 4 : 1;
      if (access & Access.Write) form.implicitWrite |= bit;
      if (access & Access.Read || name === 'AL' || operand16) form.implicitRead |= bit;
      return;
    }
    case 'STi':
      form.hasModrm = true;
      form.rmFile = RegFile.X87;
      form.rmAccess = access;
      return;
    case 'ST0': case '1': case 'FS': case 'GS':
      return;
  }
  switch (kind) {
    case 'G': case 'S': case 'C': case 'D': case 'P': case 'V':
      form.hasModrm = true;
      form.regFile = kind === 'G' ? RegFile.Gpr : kind === 'S' ? RegFile.Segment : kind === 'C' ? RegFile.Control :
        kind === 'D' ? RegFile.Debug : kind === 'P' ? RegFile.Mmx : RegFile.Vector;
      form.regAccess = kind === 'G' ? whole : access;
      break;
    case 'E': case 'Q': case 'W': case 'R': case 'N': case 'U': case 'M':
      form.hasModrm = true;
      if (kind !== 'M') {
        form.rmFile = kind === 'E' || kind === 'R' ? RegFile.Gpr : kind === 'Q' || kind === 'N' ? RegFile.Mmx :
          RegFile.Vector;
        form.rmAccess = form.rmFile === RegFile.Gpr ? whole : access;
      }
      if (kind === 'E' || kind === 'Q' || kind === 'W' || kind === 'M') form.memAccess = access;
      break;
    case 'H':
      form.vvvvFile = RegFile.Vector;
      form.vvvvAccess = access;
      break;
    case 'B':
      form.vvvvFile = RegFile.Gpr;
      form.vvvvAccess = access;
      break;
    case 'Z':
      form.opcodeReg = whole;
      break;
    case 'L':
      form.imm = Imm.Byte;
      break;
    case 'O':
      form.imm = Imm.Moffs;
      break;
    case 'J':
      form.imm = name === 'Jb' ? Imm.Rel8 : Imm.Rel32;
      break;
    case 'I':
      if (form.imm !== Imm.None) form.imm = Imm.Enter;
      else if (name === 'Ibs') form.imm = Imm.ByteSigned;
      else form.imm = name === 'Ib' ? Imm.Byte : name === 'Iw' ? Imm.Word : name === 'Iz' ? Imm.Z : Imm.V;
      break;
    default:
      throw new Error(`instruction table: operand ${name}`);
  }
}

function addAttribute(form: FormRow, word: string, l: number): void {
  switch (word[0]) {
    case '<': form.flagsRead |= flagMask(word, 1); return;
    case '=': form.flagsWritten |= flagMask(word, 1); return;
    case '?': form.flagsUndefined |= flagMask(word, 1); form.flagsWritten |= form.flagsUndefined; return;
    case '@': form.rewrite = REWRITE[word.slice(1)]!; return;
  }
  switch (word) {
    case 'lock': form.lockable = true; return;
    case 'd64': form.size = Size.D64; return;
    case 'f64': form.size = Size.F64; return;
    case 'x87': case 'mmx': form.x87 = true; return;
    case 'memory': form.implicitMemory = true; return;
    case 'bitstring': form.bitString = true; return;
    case 'vsib': form.vsib = true; return;
    case 'rm32': case 'only64': return;
  }
  const colon = word.indexOf(':');
  if (colon > 0) {
    const rest = word.slice(colon + 1);
    if (word.startsWith('in:')) form.implicitRead |= registerMask(rest);
    else if (word.startsWith('out:')) form.implicitWrite |= registerMask(rest);
    else for (const c of rest) {
      const bit = 1 << (c === 's' ? 6 : 7);
      form.implicitRead |= bit;
      form.implicitWrite |= bit;
    }
    return;
  }
  const bar = word.indexOf('|');
  form.feature = (bar < 0 ? word : l ? word.slice(bar + 1) : word.slice(0, bar)) as Feature;
}

/** The form of a row, for VEX.L = `l` and, in forms of variable operand size, with or without a 66h prefix. */
export function parseForm(row: string, l: number, operand16: boolean): FormRow {
  const form = new FormRow();
  const words = row.split(/ +/);
  const opcode = words[0]!;
  form.row = row;
  form.mnemonic = words[1]!;
  form.operands = words[2] === '-' ? '' : words[2]!;
  const names = form.operands === '' ? [] : form.operands.split(',');
  const accesses = names.length ? words[3]! : '';
  const sized = opcode[0] !== 'v' && (!opcode.startsWith('0f') || /[a-zA-Z][vz](,|$)/.test(form.operands));
  form.size = sized ? Size.V : Size.Y;
  form.hasModrm = opcode.includes('/');
  for (let i = names.length ? 4 : 3; i < words.length; i++) addAttribute(form, words[i]!, l);
  for (let i = 0; i < names.length; i++) {
    addOperand(form, names[i]!, ACCESS[accesses[i] ?? 'r']!, operand16 && (form.size as Size) !== Size.F64);
  }
  if (row.includes(' rm32')) form.rmAccess = Access.Read;
  form.avx = opcode[0] === 'v' && (form.regFile === RegFile.Vector || form.rmFile === RegFile.Vector ||
    form.mnemonic.startsWith('vzero') || form.vvvvFile === RegFile.Vector);
  return form;
}

/** The form of everything that the table does not have. */
export const ILLEGAL: FormRow = new FormRow();
ILLEGAL.mnemonic = '(bad)';
ILLEGAL.rewrite = Rewrite.Illegal;
