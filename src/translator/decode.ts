/** The decoder: prefixes, then map and opcode, then the form, then ModRM and what follows (SDM volume 2, chapter 2). */
import { Access, RegFile, type Insn } from './insn.js';
import { CodeMode, type FormRow, ILLEGAL, Imm, Size, TOO_LONG } from './isa/form.js';
import { opcodeIndex, opcodeTable, type OpcodeTable } from './isa/table.js';

export { allForms } from './isa/table.js';
export { CodeMode, FEATURES, type Feature } from './isa/form.js';

/** No instruction is longer: the CPU answers with a general protection fault. */
export const MAX_LENGTH = 15;

/** Bytes that the decoder may look at before it finds an instruction too long. */
const LOOKED_AT = 40;

let table: OpcodeTable | undefined;
const edge = new Uint8Array(LOOKED_AT);

/**
 * Decodes the instruction at bytes[at], of which `limit` bytes may be fetched, into `out`.
 *
 * @param pc address of the instruction; only stored.
 * @returns its length in bytes (1–15), or 0 when it needs more than `limit` bytes: a fault of the fetch.
 *   What the table does not have decodes as Rewrite.Illegal, with the bytes that were looked at as its length; what is
 *   longer than the CPU takes as TOO_LONG.
 */
export function decode(
  bytes: Uint8Array, at: number, limit: number, pc: number, out: Insn, mode: CodeMode = CodeMode.Long,
): number {
  table ??= opcodeTable(mode);
  // What lies behind the limit may be no memory at all.
  if (limit >= LOOKED_AT) return decodeBytes(table, bytes, at, pc, out);
  edge.fill(0);
  for (let i = 0; i < limit; i++) edge[i] = bytes[at + i]!;
  const length = decodeBytes(table, edge, 0, pc, out);
  // It takes a sixteenth byte to be too long.
  return length > limit || (out.form === TOO_LONG && limit <= MAX_LENGTH) ? 0 : length;
}

function illegal(out: Insn, length: number): number {
  out.form = length > MAX_LENGTH ? TOO_LONG : ILLEGAL;
  out.mod = 3;
  out.immSize = 0;
  out.length = length < MAX_LENGTH ? length : MAX_LENGTH;
  return out.length;
}

function signed32(bytes: Uint8Array, p: number): number {
  return bytes[p]! | bytes[p + 1]! << 8 | bytes[p + 2]! << 16 | bytes[p + 3]! << 24;
}

function decodeBytes(opcodes: OpcodeTable, bytes: Uint8Array, at: number, pc: number, out: Insn): number {
  out.pc = pc;
  out.operand16 = false;
  out.address32 = false;
  out.rep = 0;
  out.lock = false;
  out.segment = -1;
  out.vex = 0;
  out.vexL = 0;
  out.vexPP = 0;
  out.vvvv = 0;
  out.modrm = 0;
  out.mod = 3;
  out.reg = 0;
  out.rm = 0;
  out.base = -1;
  out.index = -1;
  out.scale = 0;
  out.disp = 0;
  out.ripRelative = false;
  out.imm = 0;
  out.immSize = 0;
  out.immHigh = 0;
  out.imm2 = 0;

  let p = at;
  let rex = 0;
  let byte = 0;
  for (;;) {
    byte = bytes[p++]!;
    if (p - at > MAX_LENGTH) return illegal(out, p - at);
    if (byte >= 0x40 && byte <= 0x4f) {
      rex = byte;
      continue;
    }
    if (byte === 0x66) out.operand16 = true;
    else if (byte === 0xf2 || byte === 0xf3) out.rep = byte;
    else if (byte === 0x67) out.address32 = true;
    else if (byte === 0xf0) out.lock = true;
    else if (byte === 0x64) out.segment = 4;
    else if (byte === 0x65) out.segment = 5;
    else if (byte !== 0x2e && byte !== 0x36 && byte !== 0x3e && byte !== 0x26) break;
    // A REX that is not the last prefix does not count.
    rex = 0;
  }

  let map = 0;
  let pp = out.rep === 0xf3 ? 2 : out.rep === 0xf2 ? 3 : out.operand16 ? 1 : 0;
  if (byte === 0x0f) {
    byte = bytes[p++]!;
    map = 1;
    if (byte === 0x38 || byte === 0x3a) {
      map = byte === 0x38 ? 2 : 3;
      byte = bytes[p++]!;
    }
  } else if (byte === 0xc5 || byte === 0xc4) {
    if (rex !== 0 || pp !== 0 || out.lock) return illegal(out, p - at);
    let last = bytes[p++]!;
    rex = 0x40 | (last >> 5 & 4 ^ 4);
    map = 1;
    out.vex = 2;
    if (byte === 0xc4) {
      out.vex = 3;
      rex = 0x40 | (last >> 5 ^ 7);
      map = last & 31;
      last = bytes[p++]!;
      rex |= last >> 4 & 8;
      if (map === 0 || map > 3) return illegal(out, p - at);
    }
    out.vvvv = last >> 3 & 15 ^ 15;
    out.vexL = last >> 2 & 1;
    pp = last & 3;
    out.vexPP = pp;
    byte = bytes[p++]!;
  }
  out.rex = rex;
  out.map = map;
  out.opcode = byte;
  const vex = out.vex !== 0;
  const w = rex >> 3 & 1;
  const opcode = opcodes.find(opcodeIndex(vex, map, byte));
  let cell = pp * opcode.pp + w * opcode.w + out.vexL * opcode.l + (rex & 1) * opcode.b;
  if (out.operand16 && w === 0) cell += opcode.operand16;

  let form: FormRow;
  if (opcode.hasModrm) {
    const modrm = bytes[p++]!;
    const mod = modrm >> 6;
    const reg = modrm >> 3 & 7;
    const rm = modrm & 7;
    cell += reg * opcode.reg + rm * opcode.rm;
    if (mod === 3) cell += opcode.mod;
    form = opcode.forms[cell] ?? opcode.resolve(cell);
    if (form === ILLEGAL) return illegal(out, p - at);
    out.modrm = modrm;
    out.reg = reg | rex << 1 & 8;
    if (mod === 3 || form.regFile === RegFile.Control || form.regFile === RegFile.Debug) {
      // Moves of control and debug registers take ModRM.rm for a register whatever mod says.
      out.rm = rm | rex << 3 & 8;
    } else {
      out.mod = mod;
      p = decodeMemory(bytes, p, mod, rm, rex, form.vsib, out);
    }
    if (form.regFile >= RegFile.Segment && form.regFile <= RegFile.Debug && !systemRegisterExists(form, out.reg)) {
      return illegal(out, p - at);
    }
    if (form.vsib && vsibFaults(out, rm)) return illegal(out, p - at);
  } else {
    form = opcode.forms[cell] ?? opcode.resolve(cell);
    if (form === ILLEGAL) return illegal(out, p - at);
    if (form.opcodeReg !== Access.None) out.reg = byte & 7 | rex << 3 & 8;
  }
  out.form = form;

  switch (form.size) {
    case Size.V: out.operandSize = w ? 8 : out.operand16 ? 2 : 4; break;
    case Size.Y: out.operandSize = w ? 8 : 4; break;
    case Size.D64: out.operandSize = out.operand16 && w === 0 ? 2 : 8; break;
    default: out.operandSize = 8;
  }
  if (form.imm !== Imm.None) p = decodeImmediate(bytes, p, form.imm, out);

  const length = p - at;
  if (length > MAX_LENGTH) return illegal(out, length);
  if (out.lock && (!form.lockable || out.mod === 3)) return illegal(out, length);
  if (vex && form.vvvvFile === RegFile.None && out.vvvv !== 0) return illegal(out, length);
  out.length = length;
  return length;
}

/** Segment registers es to gs, cs only to read; cr0, 2, 3, 4, 8; dr0 to dr7. */
function systemRegisterExists(form: FormRow, reg: number): boolean {
  if (form.regFile === RegFile.Control) return (0x11d >> reg & 1) !== 0;
  if (form.regFile === RegFile.Debug) return reg < 8;
  return (reg & 7) < 6 && ((reg & 7) !== 1 || (form.regAccess & Access.Write) === 0);
}

/** A gather needs a SIB byte, and three different registers for destination, index and mask. */
function vsibFaults(out: Insn, rm: number): boolean {
  return rm !== 4 || out.reg === out.index || out.reg === out.vvvv || out.index === out.vvvv;
}

function decodeMemory(
  bytes: Uint8Array, p: number, mod: number, rm: number, rex: number, vsib: boolean, out: Insn,
): number {
  let base = rm;
  if (rm === 4) {
    const sib = bytes[p++]!;
    base = sib & 7;
    const index = sib >> 3 & 7 | rex << 2 & 8;
    if (index !== 4 || vsib) {
      out.index = index;
      out.scale = sib >> 6;
    }
  }
  if (mod === 0) {
    if (base !== 5) {
      out.base = base | rex << 3 & 8;
      return p;
    }
    if (rm === 5) out.ripRelative = true;
    out.disp = signed32(bytes, p);
    return p + 4;
  }
  out.base = base | rex << 3 & 8;
  if (mod === 1) {
    out.disp = bytes[p]! << 24 >> 24;
    return p + 1;
  }
  out.disp = signed32(bytes, p);
  return p + 4;
}

function decodeImmediate(bytes: Uint8Array, p: number, kind: Imm, out: Insn): number {
  switch (kind) {
    case Imm.Byte:
      out.imm = bytes[p]!;
      out.immSize = 1;
      return p + 1;
    case Imm.ByteSigned: case Imm.Rel8:
      out.imm = bytes[p]! << 24 >> 24;
      out.immSize = 1;
      return p + 1;
    case Imm.Word:
      out.imm = bytes[p]! | bytes[p + 1]! << 8;
      out.immSize = 2;
      return p + 2;
    case Imm.Enter:
      out.imm = bytes[p]! | bytes[p + 1]! << 8;
      out.imm2 = bytes[p + 2]!;
      out.immSize = 2;
      return p + 3;
    case Imm.Rel32:
      out.imm = signed32(bytes, p);
      out.immSize = 4;
      return p + 4;
    case Imm.Moffs:
      out.imm = signed32(bytes, p);
      out.immSize = out.address32 ? 4 : 8;
      if (!out.address32) out.immHigh = signed32(bytes, p + 4);
      return p + out.immSize;
    default:
      if (out.operandSize === 2) {
        out.imm = (bytes[p]! | bytes[p + 1]! << 8) << 16 >> 16;
        out.immSize = 2;
        return p + 2;
      }
      out.imm = signed32(bytes, p);
      out.immSize = 4;
      if (kind === Imm.V && out.operandSize === 8) {
        out.immHigh = signed32(bytes, p + 4);
        out.immSize = 8;
      }
      return p + out.immSize;
  }
}
