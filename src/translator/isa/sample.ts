/** Random encodings of the rows of the instruction table, for tests and fuzzing. */
import { Imm, Size } from './form.js';
import type { TableRow } from './table.js';

/** Pseudo-random numbers that a seed decides (mulberry32). */
export class Random {
  constructor(private state: number) {}

  /** An unsigned 32-bit number. */
  u32(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** A number from 0 to n - 1. */
  below(n: number): number {
    return this.u32() % n;
  }

  /** True once in n times. */
  once(n: number): boolean {
    return this.below(n) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

const SEGMENTS = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];

/** How often what is legal but not usual appears; 0: never, n: once in n. */
export interface SampleOptions {
  /** Segment overrides, address size 67, prefixes that do nothing. */
  readonly oddPrefixes: number;
  readonly lock: number;
  /** Values of VEX.vvvv, registers and fields that make the encoding illegal. */
  readonly illegal: number;
}

/** Bits of `mask`, one of which is chosen; -1 when every value is allowed. */
function choose(random: Random, mask: number, all: number): number {
  if (mask === all || mask === 0) return -1;
  for (;;) {
    const bit = random.below(8);
    if (mask >> bit & 1) return bit;
  }
}

function coin(random: Random, mask: number): number {
  const chosen = choose(random, mask, 3);
  return chosen < 0 ? random.below(2) : chosen;
}

function pushImmediate(out: number[], random: Random, size: number): void {
  for (let i = 0; i < size; i++) out.push(random.once(4) ? random.pick([0, 1, 0x7f, 0x80, 0xff]) : random.below(256));
}

function pushModrm(out: number[], random: Random, row: TableRow, illegal: boolean): void {
  const { place, form } = row;
  let mod = place.mod === 1 ? random.below(3) : place.mod === 2 ? 3 : random.below(4);
  if (illegal && random.once(4)) mod ^= 3;
  const reg = choose(random, place.reg, 255);
  let rm = choose(random, place.rm, 255);
  if (rm < 0) rm = form.vsib && !illegal ? 4 : random.below(8);
  out.push(mod << 6 | (reg < 0 ? random.below(8) : reg) << 3 | rm);
  if (mod === 3) return;
  let base = rm;
  if (rm === 4) {
    const sib = random.below(256);
    out.push(sib);
    base = sib & 7;
  }
  pushImmediate(out, random, mod === 1 ? 1 : mod === 2 || base === 5 ? 4 : 0);
}

/** Bytes of a random instruction of the row (1 to some 20: it may be too long to be legal, rarely). */
export function sampleRow(row: TableRow, random: Random, options: SampleOptions): number[] {
  const { place, form } = row;
  const out: number[] = [];
  const illegal = options.illegal > 0 && random.once(options.illegal);
  const odd = options.oddPrefixes > 0 && random.once(options.oddPrefixes);
  const w = coin(random, place.w);
  const b = coin(random, place.b);
  let address32 = false;
  let operand16 = false;
  if (odd && random.once(2)) out.push(random.pick(SEGMENTS));
  if (odd && random.once(2)) {
    out.push(0x67);
    address32 = true;
  }
  if (options.lock > 0 && random.once(form.lockable ? 3 : options.lock)) out.push(0xf0);
  const pp = choose(random, place.pp, 15);
  if (row.vex) {
    const l = coin(random, place.l);
    const vvvv = form.vvvvFile !== 0 || illegal ? random.below(16) : 15;
    const r = random.below(2);
    const x = random.below(2);
    const last = vvvv << 3 | l << 2 | (pp < 0 ? 0 : pp);
    if (illegal && random.once(8)) out.push(random.pick([0x66, 0xf2, 0xf3, 0x48]));
    if (row.map === 1 && w === 0 && random.once(2)) out.push(0xc5, r << 7 | last);
    else out.push(0xc4, r << 7 | x << 6 | b << 5 | row.map, w << 7 | last);
  } else {
    const prefixes: number[] = [];
    if (pp > 0) prefixes.push([0x66, 0xf3, 0xf2][pp - 1]!);
    // A form without mandatory prefix, or with F2 or F3, takes 66 for its operand size.
    const free = pp < 0 || (pp > 1 && form.size === Size.V);
    if (free && (form.size === Size.V || form.size === Size.D64 || odd) && random.once(4)) prefixes.push(0x66);
    if (odd && pp < 0 && random.once(3)) prefixes.push(random.pick([0xf2, 0xf3]));
    operand16 = prefixes.includes(0x66);
    if (prefixes.length === 2 && random.once(2)) prefixes.reverse();
    out.push(...prefixes);
    const rex = w << 3 | b | (random.once(3) ? random.below(8) & 6 : 0);
    const rexNeeded = place.w !== 3 ? w : place.b !== 3 ? b : 0;
    if (rexNeeded || random.once(2)) out.push(0x40 | (place.w === 1 ? rex & 7 : rex));
    else if (place.b === 2) out.push(0x41);
    if (illegal && random.once(8)) out.push(random.pick([0x66, 0x40, 0x3e]));
    if (row.map > 0) out.push(0x0f);
    if (row.map > 1) out.push(row.map === 2 ? 0x38 : 0x3a);
  }
  const wide = !row.vex && (out.find((byte, i) => byte >= 0x48 && byte <= 0x4f && i > out.length - 4) ?? 0) > 0;
  out.push(row.row.includes('+r ') ? row.opcode + random.below(8) : row.opcode);
  if (form.hasModrm) pushModrm(out, random, row, illegal);
  const z = wide ? 4 : operand16 ? 2 : 4;
  switch (form.imm) {
    case Imm.Byte: case Imm.ByteSigned: case Imm.Rel8: pushImmediate(out, random, 1); break;
    case Imm.Word: pushImmediate(out, random, 2); break;
    case Imm.Enter: pushImmediate(out, random, 3); break;
    case Imm.Rel32: pushImmediate(out, random, 4); break;
    case Imm.Z: pushImmediate(out, random, z); break;
    case Imm.V: pushImmediate(out, random, wide ? 8 : z); break;
    case Imm.Moffs: pushImmediate(out, random, address32 ? 4 : 8); break;
  }
  return out;
}
