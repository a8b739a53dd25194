/** Classic BPF as seccomp filters use it: programs are checked once, then interpreted. */
import { BPF, BPF_MAXINSNS, BPF_MEMWORDS, SECCOMP_DATA } from '../abi/seccomp.js';

const DATA_BYTES = 4 * SECCOMP_DATA.words;

export class BpfProgram {
  private readonly memory = new Int32Array(BPF_MEMWORDS);

  private constructor(
    readonly length: number, private readonly codes: Uint16Array, private readonly jumps: Uint8Array,
    private readonly constants: Uint32Array,
  ) {}

  /** The `count` struct sock_filter in `bytes`, when seccomp takes them (bpf_check_classic, seccomp_check_filter). */
  static of(bytes: Uint8Array, count: number): BpfProgram | null {
    if (count === 0 || count > BPF_MAXINSNS) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const codes = new Uint16Array(count), jumps = new Uint8Array(2 * count), constants = new Uint32Array(count);
    for (let at = 0; at < count; at++) {
      codes[at] = view.getUint16(8 * at, true);
      jumps[2 * at] = bytes[8 * at + 2]!;
      jumps[2 * at + 1] = bytes[8 * at + 3]!;
      constants[at] = view.getUint32(8 * at + 4, true);
    }
    for (let at = 0; at < count; at++) {
      if (!isAllowed(codes[at]!, constants[at]!)) return null;
      if ((codes[at]! & 7) === BPF.JMP && !staysInside(codes[at]!, constants[at]!, jumps, at, count)) return null;
    }
    if ((codes[count - 1]! & 7) !== BPF.RET || !storesBeforeLoads(codes, jumps, constants)) return null;
    return new BpfProgram(count, codes, jumps, constants);
  }

  /** What the program returns for `data`, as an unsigned number. */
  run(data: Int32Array): number {
    const { codes, jumps, constants, memory } = this;
    let a = 0, x = 0;
    for (let at = 0; ; at++) {
      const code = codes[at]!, k = constants[at]!;
      switch (code & 7) {
        case BPF.LD:
          a = load(code, k, data, memory);
          break;
        case BPF.LDX:
          x = load(code, k, data, memory);
          break;
        case BPF.ST:
          memory[k] = a;
          break;
        case BPF.STX:
          memory[k] = x;
          break;
        case BPF.ALU: {
          const operand = code & BPF.X ? x : k;
          if ((code & 0xf0) === BPF.DIV && operand >>> 0 === 0) return 0;
          a = compute(code & 0xf0, a, operand);
          break;
        }
        case BPF.JMP:
          if ((code & 0xf0) === BPF.JA) at += k;
          else at += jumps[2 * at + (holds(code & 0xf0, a >>> 0, (code & BPF.X ? x : k) >>> 0) ? 0 : 1)]!;
          break;
        case BPF.RET:
          return (code & BPF.A ? a : k) >>> 0;
        default:
          if ((code & 0xf8) === BPF.TXA) a = x;
          else x = a;
      }
    }
  }
}

function load(code: number, k: number, data: Int32Array, memory: Int32Array): number {
  switch (code & 0xe0) {
    case BPF.ABS: return data[k >> 2]!;
    case BPF.MEM: return memory[k]!;
    case BPF.LEN: return DATA_BYTES;
    default: return k | 0;
  }
}

function compute(operation: number, a: number, operand: number): number {
  switch (operation) {
    case BPF.ADD: return (a + operand) | 0;
    case BPF.SUB: return (a - operand) | 0;
    case BPF.MUL: return Math.imul(a, operand);
    case BPF.DIV: return ((a >>> 0) / (operand >>> 0)) | 0;
    case BPF.OR: return a | operand;
    case BPF.AND: return a & operand;
    case BPF.LSH: return a << operand;
    case BPF.RSH: return (a >>> operand) | 0;
    case BPF.XOR: return a ^ operand;
    default: return -a | 0;
  }
}

function holds(test: number, a: number, operand: number): boolean {
  switch (test) {
    case BPF.JEQ: return a === operand;
    case BPF.JGT: return a > operand;
    case BPF.JGE: return a >= operand;
    default: return (a & operand) !== 0;
  }
}

const LOADS: readonly number[] = [BPF.IMM, BPF.MEM, BPF.LEN];
const OPERATIONS: readonly number[] = [
  BPF.ADD, BPF.SUB, BPF.MUL, BPF.DIV, BPF.OR, BPF.AND, BPF.LSH, BPF.RSH, BPF.XOR,
];
const TESTS: readonly number[] = [BPF.JEQ, BPF.JGT, BPF.JGE, BPF.JSET];

function isAllowed(code: number, k: number): boolean {
  const rest = code & ~7;
  switch (code & 7) {
    case BPF.LD:
      if (rest === BPF.ABS) return k % 4 === 0 && k < DATA_BYTES;
      return LOADS.includes(rest) && (rest !== BPF.MEM || k < BPF_MEMWORDS);
    case BPF.LDX:
      return LOADS.includes(rest) && (rest !== BPF.MEM || k < BPF_MEMWORDS);
    case BPF.ST:
    case BPF.STX:
      return rest === 0 && k < BPF_MEMWORDS;
    case BPF.ALU: {
      if (rest === BPF.NEG) return true;
      const operation = rest & ~BPF.X;
      if (!OPERATIONS.includes(operation)) return false;
      if (rest & BPF.X) return true;
      return operation === BPF.DIV ? k !== 0 : (operation !== BPF.LSH && operation !== BPF.RSH) || k < 32;
    }
    case BPF.JMP:
      return rest === BPF.JA || TESTS.includes(rest & ~BPF.X);
    case BPF.RET:
      return rest === BPF.K || rest === BPF.A;
    default:
      return rest === BPF.TAX || rest === BPF.TXA;
  }
}

function staysInside(code: number, k: number, jumps: Uint8Array, at: number, count: number): boolean {
  if ((code & 0xf0) === BPF.JA) return k < count - at - 1;
  return at + 1 + jumps[2 * at]! < count && at + 1 + jumps[2 * at + 1]! < count;
}

/** On every way a word of memory is stored to before it is loaded (jumps go forward only). */
function storesBeforeLoads(codes: Uint16Array, jumps: Uint8Array, constants: Uint32Array): boolean {
  const known = new Uint16Array(codes.length).fill(0xffff);
  let stored = 0;
  for (let at = 0; at < codes.length; at++) {
    stored &= known[at]!;
    const code = codes[at]!, k = constants[at]!;
    switch (code & 7) {
      case BPF.ST:
      case BPF.STX:
        stored |= 1 << k;
        break;
      case BPF.LD:
      case BPF.LDX:
        if ((code & 0xe0) === BPF.MEM && (stored & (1 << k)) === 0) return false;
        break;
      case BPF.JMP:
        if ((code & 0xf0) === BPF.JA) known[at + 1 + k]! &= stored;
        else for (const way of [0, 1]) known[at + 1 + jumps[2 * at + way]!]! &= stored;
        stored = 0xffff;
        break;
      default:
    }
  }
  return true;
}
