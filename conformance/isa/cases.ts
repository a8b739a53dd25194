/** Random cases: an instruction of a row, and registers and memory that let it do something. */
import { decode } from '../../translator/decode.js';
import { type Random, sampleRow } from '../../translator/isa/sample.js';
import type { TableRow } from '../../translator/isa/table.js';
import { Access, Insn, RegFile, Rewrite } from '../../translator/insn.js';
import { fillState, value64 } from './state.js';
import { ARENAS, CODE, ENTRY, FS_BASE, GS_BASE, Half, PATCHES, SLOT, Test } from './layout.js';

const SAMPLE = { oddPrefixes: 6, lock: 40, illegal: 40 };
const M64 = (1n << 64n) - 1n;
const FLAGS = 0x8d5;
const DF = 0x400;
const RSP = 4;
const XSAVE_ROOM = 832;

/**
 * Rows that give another answer on each CPU or at each time, or leave the process. (lsl: the limit
 * of Linux's segment 0x7b is the number of the CPU.)
 */
const EXCLUDED = /^(cpuid|xgetbv|rdpid|rdtscp?|rdrand|rdseed|rdpmc|sgdt|sidt|sldt|str|smsw|lsl|syscall|sysenter)$/;

export function testable(row: TableRow): boolean {
  const { rewrite, mnemonic } = row.form;
  if (EXCLUDED.test(mnemonic) || (rewrite === Rewrite.Emulate && !mnemonic.endsWith('base'))) return false;
  return rewrite !== Rewrite.Illegal || /^ud[012]/.test(mnemonic);
}

/** Inverse of an odd number modulo 2^64. */
function inverse(n: bigint): bigint {
  let x = n;
  for (let i = 0; i < 6; i++) x = x * (2n - n * x) & M64;
  return x & M64;
}
const INVERSES = [0n, inverse(3n), inverse(5n), inverse(9n)];

/** Makes cases one after another into records of struct test. */
export class CaseMaker {
  readonly insn = new Insn();
  readonly bytes = new Uint8Array(32);
  length = 0;
  private readonly gpr = new Array<bigint>(16).fill(0n);
  private out: Buffer = Buffer.alloc(0);
  private patches = 0;
  private arena = 0;
  private pc = 0;

  /** @param invalid tells whether bytes that have no row are no instruction of any CPU: then the host may run them */
  constructor(private readonly random: Random, private readonly invalid: (bytes: Uint8Array) => boolean) {}

  /** Writes the case of `slot` to `out` (Test.size bytes) for an instruction of `row`. */
  make(row: TableRow, slot: number, out: Buffer): void {
    while (!this.tryMake(row, slot, out));
  }

  private tryMake(row: TableRow, slot: number, out: Buffer): boolean {
    const { random, bytes, insn, gpr } = this;
    this.out = out;
    out.fill(0);
    this.patches = 0;
    this.pc = CODE + slot * SLOT + ENTRY;
    const sample = sampleRow(row, random, SAMPLE);
    if (sample.length > 15) return false;
    bytes.fill(0xcc);
    bytes.set(sample);
    this.length = decode(bytes, 0, bytes.length, this.pc, insn);
    if (insn.form.mnemonic === '(bad)') {
      if (!this.invalid(bytes)) return false;
    } else if (!testable({ ...row, form: insn.form } as TableRow)) return false;
    if (insn.form.rewrite === Rewrite.Int && insn.imm === 0x80) return false;
    for (let i = 0; i < 16; i++) gpr[i] = value64(random);
    fillState(out, random);
    this.arena = random.below(ARENAS.length);
    if (random.once(2)) this.arena = 0;
    if (insn.form.mnemonic !== '(bad)' && !this.prepare()) return false;
    out.fill(0xcc, Test.code, Test.code + SLOT);
    out.set(bytes.subarray(0, insn.form.mnemonic === '(bad)' ? sample.length : this.length), Test.code + ENTRY);
    for (let i = 0; i < 16; i++) out.writeBigUInt64LE(gpr[i]! & M64, Test.gpr + i * 8);
    out.writeUInt32LE(this.arena, Test.arena);
    out.writeUInt32LE(random.below(65536 / 8) * 8, Test.pattern);
    return true;
  }

  /** Has the case begin with `value` in memory. False when it cannot be set up, but read: some of it is read-only. */
  private patch(address: bigint, value: bigint): boolean {
    if (this.patches === PATCHES) throw new Error('fuzz: too many patches');
    const arena = ARENAS[this.arena]!;
    const at = Number(address);
    const halves = [at, at + 7].map((byte) => byte < arena.boundary ? arena.below : arena.above);
    if (halves.includes(Half.None)) return true;
    if (halves.includes(Half.Read)) return false;
    this.out.writeBigUInt64LE(address, Test.patch + this.patches * 16);
    this.out.writeBigUInt64LE(value & M64, Test.patch + this.patches * 16 + 8);
    this.patches++;
    return true;
  }

  /** All bytes of an access of the kind `half` are in pages that allow it. */
  private allows(address: bigint, size: number, half: Half): boolean {
    const arena = ARENAS[this.arena]!;
    const halfAt = (at: number): Half => at < arena.boundary ? arena.below : arena.above;
    return halfAt(Number(address)) >= half && halfAt(Number(address) + size - 1) >= half;
  }

  /** An address in the arena; operands of up to `size` bytes stay in what a case compares. */
  private target(size: number, align: number): bigint {
    const { random } = this;
    const room = 1000 - size;
    let offset = random.below(room * 2) - room;
    if (random.once(4)) offset = random.below(64) - 48;
    if (offset + size > 1000) offset = 1000 - size;
    const natural = align > 1 ? align : random.pick([1, 4, 16, 32, 32]);
    return BigInt(ARENAS[this.arena]!.boundary + Math.floor(offset / natural) * natural);
  }

  private segmentBase(): bigint {
    return this.insn.segment === 4 ? BigInt(FS_BASE) : this.insn.segment === 5 ? BigInt(GS_BASE) : 0n;
  }

  /** With 67h only the low half of a register counts. */
  private pointer(value: bigint): bigint {
    if (!this.insn.address32) return value & M64;
    // docs/limits.md: a string instruction with 67h that faults has lost the upper halves of its pointers.
    const { rewrite, implicitMemory } = this.insn.form;
    const lost = rewrite === Rewrite.String || (implicitMemory && this.insn.segment >= 0);
    return value & 0xffffffffn | (!lost && this.random.once(2) ? BigInt(this.random.u32()) << 32n : 0n);
  }

  /** Another int3 of this case's code. */
  private codeTarget(): number {
    const start = this.pc - ENTRY;
    for (;;) {
      const at = start + this.random.below(SLOT);
      if (at < this.pc || at >= this.pc + this.length) return at;
    }
  }

  private writeField(at: number, size: number, value: number): void {
    for (let i = 0; i < size; i++) this.bytes[at + i] = Math.floor(value / 2 ** (8 * i)) & 255;
  }

  /** Registers, displacement and memory for the operands. False: this sample cannot be placed. */
  private prepare(): boolean {
    const { insn, random, gpr } = this;
    const { form } = insn;
    const kind = form.rewrite;
    const stack = kind >= Rewrite.Push && kind <= Rewrite.CallIndirect || kind === Rewrite.Ret;
    let target = 0n;
    if (form.bitString && insn.mod !== 3) {
      if (insn.reg === insn.base || insn.reg === insn.index) return false;
      gpr[insn.reg] = BigInt(random.below(4096) - 2048) & M64;
    }
    const frames = kind === Rewrite.Enter ? 560 : 64;
    if (stack) gpr[RSP] = this.target(frames, random.once(8) ? 1 : 8);
    if (kind === Rewrite.Leave || kind === Rewrite.Enter) gpr[5] = this.target(frames, 8);
    if (kind === Rewrite.Enter) {
      const room = random.below(256);
      this.writeField(this.length - 3, 2, room);
      // docs/limits.md: that the new rsp could be written is not checked.
      const top = gpr[RSP]! - BigInt(room + insn.operandSize * ((insn.imm2 & 31) + 1));
      if (!this.allows(top, 8, Half.Write)) return false;
    }
    if (kind === Rewrite.Lea && insn.ripRelative) {
      // Addresses of guest code and data are below 4 GiB.
      this.writeField(this.length - 4, 4, random.below(0x5000_0000));
    }
    if (insn.hasMemory && (form.memAccess !== Access.None || kind === Rewrite.CallIndirect)) {
      const large = kind === Rewrite.FpuSave || kind === Rewrite.FpuRestore;
      const reach = form.vsib || form.bitString ? 320 : 32;
      target = this.target(large ? XSAVE_ROOM : reach, large ? 64 : 0);
      if (!this.solve(target, stack)) return false;
    }
    switch (kind) {
      case Rewrite.Jcc: case Rewrite.Loop: case Rewrite.JmpNear: case Rewrite.CallNear:
        this.writeField(this.length - insn.immSize, insn.immSize, (this.codeTarget() - this.pc - this.length) >>> 0);
        if (kind === Rewrite.Loop) gpr[1] = BigInt(random.below(3));
        break;
      case Rewrite.JmpIndirect: case Rewrite.CallIndirect: {
        const to = BigInt(random.once(16) ? 0x3000_0000 + random.below(4096) : this.codeTarget());
        if (insn.mod !== 3) {
          if (!this.patch(this.effectiveAddress(), to)) return false;
        } else if (insn.rm === RSP) return false;
        else gpr[insn.rm] = to;
        break;
      }
      case Rewrite.Ret:
        // docs/limits.md: a return from a stack that is not mapped is told as a fault at address 0.
        if (!this.allows(gpr[RSP]!, 8, Half.Read)) return false;
        if (!this.patch(gpr[RSP]!, BigInt(random.once(16) ? 0x3000_0000 + random.below(4096) : this.codeTarget()))) {
          return false;
        }
        break;
      case Rewrite.PopF:
        if (!this.patch(gpr[RSP]!, BigInt(random.u32() & (FLAGS | DF) | 0x202))) return false;
        break;
      case Rewrite.Moffs: {
        const at = this.target(8, 0) - this.segmentBase();
        for (let i = 0; i < insn.immSize; i++) {
          this.bytes[this.length - insn.immSize + i] = Number(at >> BigInt(8 * i) & 255n);
        }
        if (insn.immSize === 4 && at < 0n) return false;
        break;
      }
      case Rewrite.FpuSave: case Rewrite.FpuRestore:
        if (!this.prepareExtendedState(target)) return false;
        break;
    }
    if (kind === Rewrite.String || form.implicitMemory) return this.prepareImplicit();
    if (/^i?div$/.test(form.mnemonic) && random.once(2)) {
      const sign = gpr[0]! >> (insn.operandSize === 8 ? 63n : 31n) & 1n;
      if (!insn.hasMemory || insn.base !== 2 && insn.index !== 2) gpr[2] = form.mnemonic === 'div' || !sign ? 0n : M64;
    }
    if (form.vvvvFile === RegFile.Gpr && form.mnemonic === 'bextr') gpr[insn.vvvv] = BigInt(random.u32() & 0x3f3f);
    return !insn.hasMemory || this.reached(target);
  }

  /** Later changes to registers may have moved the operand: then the case is not used. */
  private reached(target: bigint): boolean {
    const { insn } = this;
    if (insn.form.memAccess === Access.None || insn.form.vsib) return true;
    const at = this.effectiveAddress();
    return at === target || (insn.base === RSP && at > target - 2048n && at < target + 2048n);
  }

  private effectiveAddress(): bigint {
    const { insn, gpr } = this;
    decode(this.bytes, 0, this.bytes.length, this.pc, insn);
    let at = BigInt(insn.disp);
    if (insn.ripRelative) at += BigInt(this.pc + this.length);
    if (insn.base >= 0) at += gpr[insn.base]!;
    if (insn.base === RSP && insn.form.rewrite === Rewrite.Pop) at += BigInt(insn.operandSize);
    if (insn.index >= 0) at += gpr[insn.index]! << BigInt(insn.scale);
    if (insn.address32) at &= 0xffffffffn;
    return at + this.segmentBase() & M64;
  }

  /** Chooses base, index and displacement so that the memory operand is at `target`. */
  private solve(target: bigint, stack: boolean): boolean {
    const { insn, random, gpr } = this;
    const at = target - this.segmentBase();
    const wide = insn.address32 ? 0xffffffffn : M64;
    const dispAt = this.length - insn.immSize - (insn.form.rewrite === Rewrite.Enter ? 1 : 0) - 4;
    if (insn.ripRelative) {
      const disp = at - BigInt(this.pc + this.length);
      if (!insn.address32 && BigInt.asIntN(32, disp) !== disp) return false;
      this.writeField(dispAt, 4, Number(BigInt.asUintN(32, disp)));
      return true;
    }
    if (insn.form.vsib) return this.solveGather(at, dispAt);
    let rest = at - BigInt(insn.disp);
    if (insn.base < 0) {
      let scaled = 0n;
      if (insn.index >= 0) {
        gpr[insn.index] = this.pointer(BigInt(random.below(0x1000) - 0x800));
        scaled = gpr[insn.index]! << BigInt(insn.scale);
      }
      const disp = BigInt.asIntN(64, at - scaled & M64);
      if (!insn.address32 && BigInt.asIntN(32, disp) !== disp) return false;
      this.writeField(dispAt, 4, Number(BigInt.asUintN(32, disp)));
      return true;
    }
    if (stack && insn.base === RSP) {
      if (insn.mod === 2) this.writeField(dispAt, 4, (random.below(256) - 128) >>> 0);
      if (insn.index >= 0) gpr[insn.index] = BigInt(random.below(32));
      return true;
    }
    if (insn.index === insn.base) {
      if (insn.scale === 0) {
        if (rest & 1n) return false;
        gpr[insn.base] = this.pointer(rest / 2n & wide);
      } else gpr[insn.base] = this.pointer((rest & M64) * INVERSES[insn.scale]! & M64);
      return true;
    }
    if (insn.index >= 0) {
      if (random.once(2)) gpr[insn.index] = BigInt(random.below(0x2000) - 0x1000) & M64;
      rest -= gpr[insn.index]! << BigInt(insn.scale);
    }
    gpr[insn.base] = this.pointer(rest & M64);
    return true;
  }

  private solveGather(at: bigint, dispAt: number): boolean {
    const { insn, random, gpr, out } = this;
    if (insn.base < 0) {
      if (BigInt.asIntN(32, at) !== at) return false;
      this.writeField(dispAt, 4, Number(BigInt.asUintN(32, at)));
    } else gpr[insn.base] = this.pointer(at - BigInt(insn.disp) & M64);
    const size = insn.opcode & 1 ? 8 : 4;
    for (let byte = 0; byte < 32; byte += size) {
      const lane = random.below(64) - 32;
      const field = Test.xsave + (byte < 16 ? 160 + byte : 576 + byte - 16) + insn.index * 16;
      out.writeInt32LE(lane, field);
      if (size === 8) out.writeInt32LE(lane >> 31, field + 4);
    }
    return true;
  }

  private prepareImplicit(): boolean {
    const { insn, random, gpr } = this;
    const segment = this.segmentBase();
    const name = insn.form.mnemonic;
    if (name === 'xlatb') {
      gpr[3] = this.pointer(this.target(256, 1) - segment - (gpr[0]! & 255n));
    } else if (/maskmov/.test(name)) {
      gpr[7] = this.pointer(this.target(16, 1) - segment);
    } else {
      const size = name.endsWith('b') ? 1 : insn.operandSize;
      const steps = insn.rep ? random.below(12) : 1;
      gpr[6] = this.pointer(this.target(128, random.once(4) ? 1 : size) - segment);
      gpr[7] = this.pointer(this.target(128, random.once(4) ? 1 : size));
      if (insn.rep) gpr[1] = this.pointer(BigInt(steps));
    }
    return true;
  }

  /** A memory image that fxrstor, xrstor and fldenv accept, mostly; and an XSAVE mask that all CPUs have. */
  private prepareExtendedState(target: bigint): boolean {
    const { insn, random, gpr } = this;
    const name = insn.form.mnemonic;
    if (/^xsave|^xrstor/.test(name)) {
      if (insn.base !== 0 && insn.index !== 0) gpr[0] = gpr[0]! & ~0x3f8n;
      if (gpr[0]! & 0x3f8n) return false;
    }
    let set = true;
    if (name === 'fxrstor' || name === 'xrstor') {
      set = this.patch(target + 24n, BigInt(random.u32() & 0x7fff) | 0x1f80n);
    }
    if (name.startsWith('x')) {
      set &&= this.patch(target + 512n, BigInt(random.below(8)));
      for (let word = 1n; word < 8n; word++) set &&= this.patch(target + 512n + word * 8n, 0n);
    }
    return set;
  }
}
