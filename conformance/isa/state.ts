/** Random register contents and memory, with the values that instructions make a difference of. */
import type { Random } from '../../translator/isa/sample.js';
import { Test } from './layout.js';

const M64 = (1n << 64n) - 1n;
const FLAGS = 0x8d5;
const DF = 0x400;

const EDGES = [
  0n, 1n, 2n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn, 0x7fffffffn, 0x80000000n, 0xffffffffn, 0x100000000n,
  0x7fffffffffffffffn, 0x8000000000000000n, M64, M64 - 1n, 0xffffffff80000000n, 0xffffffffffff8000n,
  0xffffffffffffff80n,
];
const DOUBLES = [
  0n, 0x8000000000000000n, 0x3ff0000000000000n, 0xbff0000000000000n, 0x7ff0000000000000n, 0xfff0000000000000n,
  0x7ff8000000000000n, 0x7ff0000000000001n, 1n, 0x000fffffffffffffn, 0x0010000000000000n, 0x7fefffffffffffffn,
  0x41dfffffffc00000n, 0x41e0000000000000n, 0x43e0000000000000n, 0x3fe0000000000000n, 0x4008000000000000n,
];
const FLOATS = [
  0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 1, 0x007fffff, 0x00800000,
  0x7f7fffff, 0x4f000000, 0x4effffff, 0x5f000000, 0x3f000000, 0x40400000,
];
const EXPONENTS = [0, 1, 0x3fff, 0x3ffe, 0x4000, 0x7ffe, 0x7fff, 0x403e, 0x3c00];

export function value64(random: Random): bigint {
  switch (random.below(8)) {
    case 0: case 1: return random.pick(EDGES);
    case 2: return BigInt(random.below(256));
    case 3: return M64 - BigInt(random.below(256));
    case 4: return BigInt(random.u32());
    default: return BigInt(random.u32()) << 32n | BigInt(random.u32());
  }
}

/** Sixty-four bits that are integers, or floating-point numbers of any kind. */
function lane64(random: Random): bigint {
  switch (random.below(4)) {
    case 0: return random.pick(DOUBLES) ^ (random.once(3) ? BigInt(random.below(16)) : 0n);
    case 1: return BigInt(random.pick(FLOATS)) << 32n | BigInt(random.pick(FLOATS));
    case 2: return value64(random);
    default: return BigInt(random.u32()) << 32n | BigInt(random.u32());
  }
}

/** Fills the memory that operands come from. */
export function fillPattern(out: Buffer, random: Random): void {
  for (let at = 0; at < out.length; at += 8) out.writeBigUInt64LE(lane64(random), at);
}

/** Flags, x87, SSE and AVX state of a case (struct test). */
export function fillState(out: Buffer, random: Random): void {
  let flags = 0x202 | (random.u32() & FLAGS);
  if (random.once(8)) flags |= DF;
  out.writeBigUInt64LE(BigInt(flags), Test.rflags);
  const x = Test.xsave;
  const masks = random.once(8) ? random.below(64) : 0x3f;
  const raised = random.once(4) ? random.below(64) & masks : 0;
  out.writeUInt16LE(0x40 | masks | random.pick([0, 2, 3, 3, 3]) << 8 | random.below(4) << 10, x);
  out.writeUInt16LE(raised | random.below(8) << 11 | random.below(8) << 8 | random.below(2) << 14, x + 2);
  out.writeUInt8(random.pick([0xff, 0, random.below(256)]), x + 4);
  const simd = random.once(8) ? random.below(64) << 7 : 0x1f80;
  const modes = random.once(2) ? 0 : random.below(4) << 13 | random.below(2) << 15 | random.below(2) << 6;
  out.writeUInt32LE(simd | modes | (random.once(4) ? random.below(64) : 0), x + 24);
  for (let i = 0; i < 8; i++) {
    const mantissa = random.once(3) ? random.pick([0n, 1n << 63n, 3n << 62n, M64, 1n]) : lane64(random) | 1n << 63n;
    const exponent = random.once(2) ? random.pick(EXPONENTS) : 0x3fff - 70 + random.below(140);
    out.writeBigUInt64LE(mantissa, x + 32 + i * 16);
    out.writeUInt16LE(exponent | random.below(2) << 15, x + 40 + i * 16);
  }
  for (let at = 160; at < 416; at += 8) out.writeBigUInt64LE(lane64(random), x + at);
  if (random.once(4)) return;
  for (let at = 576; at < 832; at += 8) out.writeBigUInt64LE(lane64(random), x + at);
}
