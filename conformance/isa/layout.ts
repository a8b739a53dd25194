/** Records and addresses that reference.c has too. */

export const CODE = 0x2000_0000;
/** Bytes of code a case; the instruction is at ENTRY in them, int3 all around it. */
export const SLOT = 128;
export const ENTRY = 16;
export const MAX_CASES = 4096;
/** Bytes of memory on each side of an arena's boundary that a case sets up and compares. */
export const HALF = 1024;
export const PATTERN = 65536 + 2 * HALF;
export const XSAVE = 832;
export const PATCHES = 10;
export const FS_BASE = 0x1000_5000;
export const GS_BASE = 0x1000_6000;

export const enum Half { None = 0, Read, Write }

/** Two neighbouring pages: operands lie in one of them, or across the boundary. */
export interface Arena {
  readonly boundary: number;
  readonly below: Half;
  readonly above: Half;
}

export const ARENAS: readonly Arena[] = [
  { boundary: 0x1001_0000, below: Half.Write, above: Half.Write },
  { boundary: 0x1003_0000, below: Half.Write, above: Half.Read },
  { boundary: 0x1005_0000, below: Half.Write, above: Half.None },
  { boundary: 0x1007_0000, below: Half.None, above: Half.Write },
  { boundary: 0xa001_0000, below: Half.Write, above: Half.Write },
];

/** struct test. */
export const Test = {
  code: 0, gpr: 128, rflags: 256, arena: 264, pattern: 268, patch: 272, xsave: 432, size: 1264,
} as const;

/** struct result. */
export const Result = {
  gpr: 0, rflags: 128, rip: 136, address: 144, signal: 152, code: 156, write: 160,
  /** Of posixx: bytes that the instruction left on the return stack. Of reference: 0. */
  pushed: 164, fsBase: 168, gsBase: 176, xsave: 184, memory: 1016, size: 3064,
} as const;
