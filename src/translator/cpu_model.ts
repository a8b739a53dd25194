/**
 * The CPU that guest programs see: a feature set, and CPUID and XGETBV answers made of it (SDM volume 2, CPUID).
 * A model never has a feature that the host lacks. AVX-512, AMX and whatever the instruction table does not have are hidden.
 */
import { native } from '../host/native.js';

/** Feature, CPUID leaf (7: sub-leaf 0; 13: sub-leaf 1), register (0 eax … 3 edx), bit, and x86-64 level that has it. */
const FEATURE_BITS: readonly (readonly [name: string, leaf: number, register: number, bit: number, level: number])[] = [
  ['fpu', 1, 3, 0, 1], ['tsc', 1, 3, 4, 1], ['cx8', 1, 3, 8, 1], ['cmov', 1, 3, 15, 1], ['clfsh', 1, 3, 19, 1],
  ['mmx', 1, 3, 23, 1], ['fxsr', 1, 3, 24, 1], ['sse', 1, 3, 25, 1], ['sse2', 1, 3, 26, 1],
  ['sse3', 1, 2, 0, 2], ['pclmulqdq', 1, 2, 1, 3], ['ssse3', 1, 2, 9, 2], ['fma', 1, 2, 12, 3], ['cx16', 1, 2, 13, 2],
  ['sse4.1', 1, 2, 19, 2], ['sse4.2', 1, 2, 20, 2], ['movbe', 1, 2, 22, 3], ['popcnt', 1, 2, 23, 2],
  ['aes', 1, 2, 25, 3], ['xsave', 1, 2, 26, 3], ['osxsave', 1, 2, 27, 3], ['avx', 1, 2, 28, 3], ['f16c', 1, 2, 29, 3],
  ['rdrand', 1, 2, 30, 3],
  ['fsgsbase', 7, 1, 0, 3], ['bmi1', 7, 1, 3, 3], ['avx2', 7, 1, 5, 3], ['bmi2', 7, 1, 8, 3], ['erms', 7, 1, 9, 1],
  ['rdseed', 7, 1, 18, 3], ['adx', 7, 1, 19, 3], ['clflushopt', 7, 1, 23, 3], ['clwb', 7, 1, 24, 3],
  ['sha', 7, 1, 29, 3], ['rdpid', 7, 2, 22, 3], ['fsrm', 7, 3, 4, 1],
  ['xsaveopt', 13, 0, 0, 3], ['xsavec', 13, 0, 1, 3],
  ['lahf', 0x8000_0001, 2, 0, 2], ['lzcnt', 0x8000_0001, 2, 5, 3], ['prefetchw', 0x8000_0001, 2, 8, 1],
  ['syscall', 0x8000_0001, 3, 11, 1], ['nx', 0x8000_0001, 3, 20, 1], ['rdtscp', 0x8000_0001, 3, 27, 3],
  ['lm', 0x8000_0001, 3, 29, 1],
];

/** Names that `--cpu` takes, with their x86-64 micro-architecture level. */
export const CPU_MODELS: Readonly<Record<string, number>> = { 'x86-64': 1, 'x86-64-v2': 2, 'x86-64-v3': 3 };
export const DEFAULT_CPU_MODEL = 'x86-64-v3';

const XCR0_X87_SSE = 3;
const XCR0_AVX = 4;
const XSAVE_AREA_SSE = 576;
const XSAVE_AREA_AVX = 832;

/** EBX of leaf 0 on processors of Intel's: 'Genu'. */
const INTEL = 0x756e_6547;
/** What a Haswell has that code made for it uses unasked. */
const HASWELL_FEATURES = [
  'avx2', 'fma', 'bmi1', 'bmi2', 'movbe', 'lzcnt', 'f16c', 'rdrand', 'fsgsbase', 'pclmulqdq', 'sse4.2', 'popcnt',
] as const;

/** eax, ebx, ecx, edx as unsigned numbers. */
export type CpuidAnswer = [number, number, number, number];

function words(text: string, at: number): number {
  let value = 0;
  for (let i = 3; i >= 0; i--) value = value * 256 + (at + i < text.length ? text.charCodeAt(at + i) : 0);
  return value;
}

export class CpuModel {
  readonly name: string;
  /** Equal for models with the same features. */
  get key(): string {
    return [...this.features].join(' ');
  }
  private readonly features = new Set<string>();
  /** What the host answered: below a hypervisor, each question costs some 30 µs. */
  private readonly hostAnswers = new Map<number, CpuidAnswer>();

  /** @throws RangeError for a name that CPU_MODELS does not have. */
  constructor(name: string = DEFAULT_CPU_MODEL) {
    const level = CPU_MODELS[name];
    if (level === undefined) throw new RangeError(`unknown CPU model "${name}" (have ${Object.keys(CPU_MODELS).join(', ')})`);
    this.name = name;
    for (const [feature, leaf, register, bit, since] of FEATURE_BITS) {
      const answer = this.host(leaf, leaf === 13 ? 1 : 0);
      if (since <= level && (answer[register]! >>> bit) & 1) this.features.add(feature);
    }
    // A host kernel that does not keep AVX state has no AVX for us either.
    if (!this.features.has('osxsave')) for (const f of ['avx', 'avx2', 'fma', 'f16c', 'xsave']) this.features.delete(f);
  }

  has(feature: string): boolean {
    return this.features.has(feature);
  }

  /** XGETBV(0): the state components that guest code may use. */
  get xcr0(): number {
    return XCR0_X87_SSE | (this.has('avx') ? XCR0_AVX : 0);
  }

  /** AT_HWCAP: CPUID.1:EDX. */
  get hwcap(): number {
    return this.featureWord(1, 3);
  }

  /** AT_HWCAP2: bit 1 tells that FSGSBASE may be used. */
  get hwcap2(): number {
    return this.has('fsgsbase') ? 2 : 0;
  }

  /** @param subleaf below 16 */
  private host(leaf: number, subleaf: number): CpuidAnswer {
    let answer = this.hostAnswers.get(leaf * 16 + subleaf);
    if (answer === undefined) {
      answer = native.cpuid(leaf, subleaf) as CpuidAnswer;
      this.hostAnswers.set(leaf * 16 + subleaf, answer);
    }
    return answer;
  }

  /**
   * Family, model and stepping of a processor that has no feature that this one lacks: programs choose code by them
   * alone (target_clones with arch=). Haswell, Nehalem or Pentium 4; for hosts of other makers, Athlon 64.
   */
  private get signature(): number {
    if (this.host(0, 0)[1] !== INTEL) return 0x0004_0f12;
    if (HASWELL_FEATURES.every((feature) => this.has(feature))) return 0x0003_06c3;
    return this.has('sse4.2') && this.has('popcnt') ? 0x0001_06a5 : 0x0000_0f41;
  }

  private featureWord(leaf: number, register: number): number {
    let word = 0;
    for (const [feature, l, r, bit] of FEATURE_BITS) {
      if (l === leaf && r === register && this.features.has(feature)) word |= 1 << bit;
    }
    return word >>> 0;
  }

  cpuid(leaf: number, subleaf: number): CpuidAnswer {
    switch (leaf) {
      case 0: {
        const [, b, c, d] = this.host(0, 0);
        return [13, b, c, d];
      }
      case 1:
        // One logical processor with 64-byte lines.
        return [this.signature, 0x0001_0800, this.featureWord(1, 2), this.featureWord(1, 3)];
      case 2:
        return this.host(2, 0);
      case 4: {
        // Cache sizes are the host's; shared by no other processor.
        const [a, b, c, d] = this.host(4, Math.min(subleaf, 15));
        return [a & 0x3fff, b, c, d];
      }
      case 7:
        return subleaf === 0
          ? [0, this.featureWord(7, 1), this.featureWord(7, 2), this.featureWord(7, 3)]
          : [0, 0, 0, 0];
      case 13:
        return this.xsaveLeaf(subleaf);
      case 0x8000_0000:
        return [0x8000_0008, 0, 0, 0];
      case 0x8000_0001:
        return [0, 0, this.featureWord(0x8000_0001, 2), this.featureWord(0x8000_0001, 3)];
      case 0x8000_0002: case 0x8000_0003: case 0x8000_0004: {
        const brand = `posixx ${this.name}`;
        const at = (leaf - 0x8000_0002) * 16;
        return [words(brand, at), words(brand, at + 4), words(brand, at + 8), words(brand, at + 12)];
      }
      case 0x8000_0006:
        return this.host(0x8000_0006, 0);
      case 0x8000_0008:
        return [0x3028, 0, 0, 0];
      default:
        return [0, 0, 0, 0];
    }
  }

  private xsaveLeaf(subleaf: number): CpuidAnswer {
    if (!this.has('xsave')) return [0, 0, 0, 0];
    const area = this.has('avx') ? XSAVE_AREA_AVX : XSAVE_AREA_SSE;
    switch (subleaf) {
      case 0:
        return [this.xcr0, area, area, 0];
      case 1:
        return [this.featureWord(13, 0), area, 0, 0];
      case 2:
        return this.has('avx') ? [XSAVE_AREA_AVX - XSAVE_AREA_SSE, XSAVE_AREA_SSE, 0, 0] : [0, 0, 0, 0];
      default:
        return [0, 0, 0, 0];
    }
  }
}
