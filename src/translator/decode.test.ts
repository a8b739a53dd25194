import t from 'tap';
import iced from 'iced-x86';
import { allForms, decode } from './decode.js';
import { FEATURES } from './isa/form.js';
import { Random, sampleRow } from './isa/sample.js';
import { Access, Flag, Insn, RegFile, Rewrite } from './insn.js';

const {
  Code, CpuidFeature, Decoder, Instruction, InstructionInfoFactory, OpAccess, Register, RegisterExt, RflagsBits,
} = iced;
const PC = 0x1000_0000;
const CASES = 200_000;

/** iced's names of features, where they are not ours in upper case; '' for the x86-64-v1 baseline. */
const FEATURE_NAMES: Record<string, string> = {
  SSE4_1: 'sse4.1', SSE4_2: 'sse4.2', CMPXCHG16B: 'cx16', CLFSH: '', CPUID: '', CX8: '', CMOV: '',
  FPU: '', FPU287: '', FPU387: '', FPU287XL_ONLY: '', FXSR: '', MMX: '', MSR: '',
  MULTIBYTENOP: '', PAUSE: '', SSE: '', SSE2: '', SYSCALL: '', TSC: '', X64: '', RDPMC: '', SEP: '',
  INTEL8086: '', INTEL186: '', INTEL286: '', INTEL386: '', INTEL486: '',
  // No CPU of the model has them, and the encodings are hints that then do nothing.
  CET_IBT: '', CET_SS: '', CLDEMOTE: '', MPX: '', PREFETCHW: '', PREFETCHWT1: '', PREFETCHITI: '', WBNOINVD: '',
  INVPCID: '', XSAVES: '', SMAP: '',
};

/** What is decoded otherwise than by iced on purpose; keys are iced's names. */
const KNOWN_INVALID: Record<string, string> = {
  Femms: '3DNow', Getsecd: 'SMX', Getsecq: 'SMX', Skinit: 'SVM',
  Rsm: 'undefined outside of system management mode',
  Clac: 'undefined in user mode', Stac: 'undefined in user mode', Incsspd_r32: 'CET', Incsspq_r64: 'CET',
  Clrssbsy_m64: 'CET', Rstorssp_m64: 'CET', Saveprevssp: 'CET', Setssbsy: 'CET',
  Wrssd_m32_r32: 'CET', Wrssq_m64_r64: 'CET', Wrussd_m32_r32: 'CET', Wrussq_m64_r64: 'CET',
  Fstdw_AX: 'FPU of the 387SL', Fstsg_AX: 'FPU of the 387SL', Frstpm: 'FPU of the 287XL',
};

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex').replace(/..(?!$)/g, '$& ');

function rflags(bits: number): number {
  return (bits & RflagsBits.OF ? Flag.OF : 0) | (bits & RflagsBits.SF ? Flag.SF : 0) |
    (bits & RflagsBits.ZF ? Flag.ZF : 0) | (bits & RflagsBits.AF ? Flag.AF : 0) |
    (bits & RflagsBits.PF ? Flag.PF : 0) | (bits & RflagsBits.CF ? Flag.CF : 0) | (bits & RflagsBits.DF ? Flag.DF : 0);
}

function gpr(register: number): number {
  if (register < Register.AL || register > Register.R15) return -1;
  return RegisterExt.number(RegisterExt.fullRegister(register));
}

function vector(register: number): number {
  return register >= Register.XMM0 && register <= Register.ZMM31 ? RegisterExt.number(register) : -1;
}

const reads = (access: number): boolean => access === OpAccess.Read || access === OpAccess.CondRead ||
  access === OpAccess.ReadWrite || access === OpAccess.ReadCondWrite;
const writes = (access: number): boolean => access === OpAccess.Write || access === OpAccess.CondWrite ||
  access === OpAccess.ReadWrite || access === OpAccess.ReadCondWrite;

interface Uses { read: number; written: number; vectorRead: number; vectorWritten: number; memory: number }

/** Registers (bit n: number n) that our form says are used. */
function ourUses(insn: Insn): Uses {
  const form = insn.form;
  const uses: Uses = {
    read: form.implicitRead, written: form.implicitWrite, vectorRead: 0, vectorWritten: 0,
    memory: insn.hasMemory ? form.memAccess : 0,
  };
  const names = form.operands.split(',');
  const add = (file: RegFile, access: Access, number: number, byteName: string): void => {
    if (file === RegFile.Gpr) {
      // ah, ch, dh, bh.
      const high = names.includes(byteName) && insn.rex === 0 && insn.vex === 0 && number >= 4 && number < 8;
      const bit = 1 << (high ? number - 4 : number);
      if (access & Access.Read) uses.read |= bit;
      if (access & Access.Write) uses.written |= bit;
    } else if (file === RegFile.Vector) {
      if (access & Access.Read) uses.vectorRead |= 1 << number;
      if (access & Access.Write) uses.vectorWritten |= 1 << number;
    }
  };
  add(form.regFile, form.regAccess, insn.reg, 'Gb');
  if (form.hasModrm && insn.mod === 3) add(form.rmFile, form.rmAccess, insn.rm, 'Eb');
  add(form.vvvvFile, form.vvvvAccess, insn.vvvv, '');
  if (form.opcodeReg) add(RegFile.Gpr, form.opcodeReg, insn.reg, 'Zb');
  if (insn.hasMemory) {
    if (insn.base >= 0) uses.read |= 1 << insn.base;
    if (insn.index >= 0 && form.vsib) uses.vectorRead |= 1 << insn.index;
    else if (insn.index >= 0) uses.read |= 1 << insn.index;
  }
  if (names.some((name) => name[0] === 'L')) uses.vectorRead |= 1 << (insn.imm >> 4);
  // What the form has no room for: rcx of rep, the xmm0 of blendv, sha256rnds2 and pcmpstrm.
  if (insn.rep && insn.opcode >= 0xa4 && insn.opcode <= 0xaf && insn.map === 0 && !/^test/.test(form.mnemonic)) {
    uses.read |= 2;
    uses.written |= 2;
  }
  if (insn.vex === 0 && /^p?blendv|^sha256rnds2/.test(form.mnemonic)) uses.vectorRead |= 1;
  if (/^v?pcmp.strm/.test(form.mnemonic)) uses.vectorWritten |= 1;
  if (/^vzero/.test(form.mnemonic)) uses.vectorWritten = 0xffff;
  if (form.mnemonic === 'vzeroupper') uses.vectorRead = 0xffff;
  return uses;
}

t.test('agrees with iced-x86', async (t) => {
  const seed = Number(process.env.SEED ?? 20240917);
  t.comment(`seed ${seed}`);
  const random = new Random(seed);
  const rows = allForms();
  const insn = new Insn();
  const theirs = new Instruction();
  const factory = new InstructionInfoFactory();
  const differences = new Map<string, string>();
  let both = 0;

  const theirUses = (): Uses => {
    const uses: Uses = { read: 0, written: 0, vectorRead: 0, vectorWritten: 0, memory: 0 };
    const info = factory.info(theirs);
    for (const used of info.usedRegisters()) {
      const { register, access } = used;
      const number = gpr(register);
      if (number >= 0) {
        const partial = RegisterExt.size(register) < 4 || access === OpAccess.CondWrite;
        if (reads(access) || (writes(access) && partial)) uses.read |= 1 << number;
        if (writes(access)) uses.written |= 1 << number;
      } else if (vector(register) >= 0) {
        if (reads(access)) uses.vectorRead |= 1 << vector(register);
        if (writes(access)) uses.vectorWritten |= 1 << vector(register);
      }
      used.free();
    }
    for (const used of info.usedMemory()) {
      if (reads(used.access)) uses.memory |= 1;
      if (writes(used.access)) uses.memory |= 2;
      used.free();
    }
    info.free();
    return uses;
  };

  /** Why the two differ; '' when they agree. */
  const compare = (length: number): string => {
    const code = Code[theirs.code]!;
    const form = insn.form;
    const features = [...theirs.cpuidFeatures()].map((f) => CpuidFeature[f]!)
      .map((name) => FEATURE_NAMES[name] ?? name.toLowerCase());
    const allowed = features.every((f) => f === '' || (FEATURES as readonly string[]).includes(f));
    const valid = !theirs.isInvalid && allowed && !KNOWN_INVALID[code] &&
      !(features.includes('aes') && features.includes('avx') && /ymm/.test(code));
    if (form.mnemonic === '(bad)' || form.mnemonic === '(too long)') return valid ? 'not decoded' : '';
    if (!valid) return 'decoded';
    both++;
    if (length !== theirs.length) return `length ${length}, not ${theirs.length}`;
    if (form.rewrite === Rewrite.Privileged || form.rewrite === Rewrite.Illegal) return '';
    const feature = features.filter((f) => f !== '' && f !== 'avx' || features.every((g) => g === '' || g === 'avx'));
    const plain = form.rewrite === Rewrite.Emulate || form.feature === 'lahf';
    if (!plain && form.feature !== (feature.find((f) => f !== '') ?? '')) {
      return `feature ${form.feature}, not ${feature.join(' ')}`;
    }
    if (insn.hasMemory) {
      const base = theirs.memoryBase;
      const rip = base === Register.RIP || base === Register.EIP;
      let disp = theirs.memoryDisplacement;
      if (rip) disp -= BigInt(PC + length);
      const segment = theirs.segmentPrefix === Register.FS ? 4 : theirs.segmentPrefix === Register.GS ? 5 : -1;
      const index = form.vsib ? vector(theirs.memoryIndex) : gpr(theirs.memoryIndex);
      const same = rip === insn.ripRelative && (rip || gpr(base) === insn.base) && index === insn.index &&
        (index < 0 || theirs.memoryIndexScale === 1 << insn.scale) && Number(BigInt.asIntN(32, disp)) === insn.disp &&
        segment === insn.segment;
      if (!same) return 'memory operand';
    }
    // A shift's count decides about its flags, a SYSCALL's flags are the kernel's: our rows speak for all counts.
    const counted = /^(ro[lr]|rc[lr]|sh[lr]d?|sar)$/.test(form.mnemonic) && !form.operands.endsWith(',1');
    if (!counted && form.rewrite !== Rewrite.Syscall && form.mnemonic !== 'lar' && form.mnemonic !== 'lsl') {
      const defined = theirs.rflagsWritten | theirs.rflagsCleared | theirs.rflagsSet;
      const pairs = [[form.flagsRead, theirs.rflagsRead], [form.flagsUndefined, theirs.rflagsUndefined],
        [form.flagsWritten, defined | theirs.rflagsUndefined]];
      for (const [ours, other] of pairs) {
        if (ours !== rflags(other!)) return `flags ${ours!.toString(16)}, not ${rflags(other!).toString(16)}`;
      }
    }
    const ours = ourUses(insn);
    const other = theirUses();
    const stack = form.rewrite >= Rewrite.Push && form.rewrite <= Rewrite.Ret || form.rewrite === Rewrite.SysEnter ||
      form.rewrite === Rewrite.Emulate;
    if (stack) {
      // Implicit rsp and its memory are the emitter's, by Form.rewrite.
      for (const uses of [ours, other]) {
        uses.read &= ~0x10;
        uses.written &= ~0x10;
        uses.memory = 0;
      }
    }
    // iced takes xor r,r and its like for constants; a row cannot.
    const idiom = insn.mod === 3 && /^(xor|sub|v?pxor|v?xorp|v?psub)/.test(form.mnemonic);
    if (idiom) ours.read = other.read = ours.vectorRead = other.vectorRead = 0;
    // Hints do not access what they address, lods does not write rax when rep counts from zero; iced is of two minds.
    if (form.mnemonic === 'nop' || form.mnemonic === 'prefetch' || form.mnemonic === 'lodsd') ours.read = other.read;
    // String instructions access memory that is no ModRM operand.
    if (!insn.hasMemory) ours.memory = other.memory = 0;
    for (const key of Object.keys(ours) as (keyof Uses)[]) {
      if (ours[key] !== other[key]) return `${key} ${ours[key].toString(16)}, not ${other[key].toString(16)}`;
    }
    return '';
  };

  for (let n = 0; n < CASES; n++) {
    const row = n % 4 ? rows[n % rows.length] : undefined;
    const bytes = new Uint8Array(24);
    for (let i = 0; i < bytes.length; i++) bytes[i] = random.below(256);
    if (row) bytes.set(sampleRow(row, random, { oddPrefixes: 4, lock: 30, illegal: 10 }).slice(0, 24));
    const length = decode(bytes, 0, bytes.length, PC, insn);
    const decoder = new Decoder(64, bytes, 0);
    decoder.ip = BigInt(PC);
    decoder.decodeOut(theirs);
    decoder.free();
    const why = compare(length);
    if (why !== '') {
      const kind = `${insn.form.mnemonic} ${insn.form.operands} / ${Code[theirs.code]}: ${why.replace(/ .*/, '')}`;
      const text = hex(bytes.subarray(0, theirs.length));
      if (!differences.has(kind)) differences.set(kind, `${text}: ${why} (row ${row?.row})`);
    }
  }
  for (const [kind, detail] of differences) t.fail(`${kind}: ${detail}`);
  t.equal(differences.size, 0, `${CASES} instructions`);
  t.ok(both > CASES / 2, 'most of them were valid');
});

t.test('asks for bytes beyond the end', async (t) => {
  const random = new Random(7);
  const insn = new Insn();
  const again = new Insn();
  let wrong = 0;
  for (const row of allForms()) {
    const bytes = new Uint8Array(40);
    bytes.set(sampleRow(row, random, { oddPrefixes: 4, lock: 0, illegal: 0 }));
    const length = decode(bytes, 0, 40, PC, insn);
    for (let limit = 0; limit < 16; limit++) {
      const got = decode(bytes.slice(0, limit), 0, limit, PC, again);
      if (got !== (limit < length ? 0 : length)) wrong++;
    }
  }
  t.equal(wrong, 0);
});

t.test('keeps to the length limit', async (t) => {
  const insn = new Insn();
  const bytes = new Uint8Array(32).fill(0x66);
  bytes[14] = 0x90;
  t.equal(decode(bytes, 0, 32, PC, insn), 15);
  t.equal(insn.form.mnemonic, 'nop');
  bytes.fill(0x66);
  bytes[15] = 0x90;
  t.equal(decode(bytes, 0, 32, PC, insn), 15);
  t.equal(insn.form.rewrite, Rewrite.Privileged);
  t.equal(decode(bytes, 0, 16, PC, insn), 15);
  t.equal(decode(bytes, 0, 15, PC, insn), 0, 'the sixteenth byte cannot be fetched');
  bytes.set([0xb8, 1, 2, 3], 12);
  t.equal(decode(bytes, 0, 32, PC, insn), 15, 'a 16-bit immediate that ends at the limit');
  t.equal(insn.imm, 0x0201);
});

t.test('reads immediates as the instructions use them', async (t) => {
  const insn = new Insn();
  const of = (...bytes: number[]): Insn => {
    decode(Uint8Array.from([...bytes, ...new Array<number>(16).fill(0)]), 0, 16, PC, insn);
    return insn;
  };
  t.match(of(0x83, 0xc0, 0xff), { imm: -1, immSize: 1, operandSize: 4 });
  t.match(of(0xc1, 0xe0, 0xff), { imm: 255, immSize: 1 });
  t.match(of(0x48, 0xb8, 1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff), { imm: 0x04030201, immHigh: -1, immSize: 8 });
  t.match(of(0x48, 0x81, 0xc4, 0xf0, 0xff, 0xff, 0xff), { imm: -16, immSize: 4, rm: 4, operandSize: 8 });
  t.match(of(0xc8, 0x34, 0x12, 0x03), { imm: 0x1234, imm2: 3, length: 4 });
  t.match(of(0xeb, 0xfe), { imm: -2, operandSize: 8 });
  t.match(of(0x66, 0x68, 0x00, 0x80), { imm: -32768, immSize: 2, operandSize: 2 });
  t.match(of(0xc2, 0x00, 0x80), { imm: 0x8000, immSize: 2 });
  t.match(of(0x64, 0xa1, 1, 0, 0, 0x80, 2, 0, 0, 0), { segment: 4, immSize: 8, imm: -0x7fff_ffff, immHigh: 2 });
});

t.test('has rows that hold', async (t) => {
  const rows = allForms();
  const seen = new Set<string>();
  for (const { row, form, place } of rows) {
    const [opcode, mnemonic, operands] = row.split(/ +/);
    const key = `${opcode} ${mnemonic} ${operands}`;
    if (seen.has(key)) t.fail(`twice: ${key}`);
    seen.add(key);
    if (form.feature !== '' && !form.feature.split('|').every((f) => (FEATURES as readonly string[]).includes(f))) {
      t.fail(`unknown word: ${row}`);
    }
    if (form.rewrite === undefined || Number.isNaN(form.flagsRead)) t.fail(`bad attribute: ${row}`);
    if (opcode!.includes('+r') && !/^(0fc8|50|58|b0|b8)\+r$/.test(opcode!)) t.fail(`+r that is not looked for: ${row}`);
    if ((form.flagsUndefined & ~form.flagsWritten) !== 0) t.fail(`undefined but not written: ${row}`);
    if (/\bM/.test(operands!) && !/^M[sp]?$/.test(operands!) && place.mod !== 1) t.fail(`memory only: ${row}`);
    const ignoresMod = form.regFile === RegFile.Control || form.regFile === RegFile.Debug;
    if (/\b[RNU][a-z]/.test(operands!) && place.mod !== 2 && !ignoresMod) {
      t.fail(`register only: ${row}`);
    }
  }
  t.ok(rows.length > 1300, `${rows.length} rows`);
});
