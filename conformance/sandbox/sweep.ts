/** Translates all code of ELF files, and proves what the translator emitted for it. */
import { readFileSync } from 'node:fs';
import { native } from '../../host/native.js';
import { Prot, Window } from '../../host/window.js';
import { X86CodeSpace } from '../../translator/code_space.js';
import { decode } from '../../translator/decode.js';
import { Insn } from '../../translator/insn.js';
import { X86Engine } from '../../translator/x86_engine.js';
import { type Violation, Verifier } from './verifier.js';

const PAGE = 4096;
const PT_LOAD = 1;
const PF_X = 1;
const INSIDE = 0x8000_0000;
/** Entries of indirect branches that are made and checked beside the code itself. */
const THUNKS = 1000;

/** Code and where it lies: addresses below 4 GiB. */
export interface Code {
  readonly address: number;
  readonly bytes: Uint8Array;
}

export interface Proof {
  guestInstructions: number;
  hostInstructions: number;
  operands: number;
  violations: Violation[];
}

/** The executable segments of an ELF64 file, at most `limit` bytes of each; at 4 MiB when position-independent. */
export function executableSegments(file: string, limit = Infinity): Code[] {
  const elf = readFileSync(file);
  const table = Number(elf.readBigUInt64LE(32));
  const segments: Code[] = [];
  let lowest = Infinity;
  for (let i = 0; i < elf.readUInt16LE(56); i++) {
    const at = table + i * elf.readUInt16LE(54);
    if (elf.readUInt32LE(at) !== PT_LOAD) continue;
    const address = Number(elf.readBigUInt64LE(at + 16));
    lowest = Math.min(lowest, address);
    if (!(elf.readUInt32LE(at + 4) & PF_X)) continue;
    const offset = Number(elf.readBigUInt64LE(at + 8));
    const size = Math.min(Number(elf.readBigUInt64LE(at + 32)), limit);
    segments.push({ address, bytes: elf.subarray(offset, offset + size) });
  }
  const move = lowest === 0 ? 0x40_0000 : 0;
  return segments.map(({ address, bytes }) => ({ address: address + move, bytes }));
}

/** Translates every instruction of `code`, read from its beginning, and checks the emitted code. */
export function prove(code: readonly Code[]): Proof {
  const engine = new X86Engine();
  const window = new Window();
  const memory = Buffer.from(window.buffer as ArrayBuffer, 0, 0xffff_f000);
  const ends: (readonly [number, number])[] = [];
  for (const { address, bytes } of code) {
    const page = Math.floor(address / PAGE) * PAGE;
    const end = Math.ceil((address + bytes.length) / PAGE) * PAGE;
    native.windowMap(window.id, page, end - page, Prot.Read | Prot.Write, false, -1, 0);
    memory.set(bytes, address);
    ends.push([address, address + bytes.length]);
  }
  const fetchable = (pc: number): number => {
    for (const [start, end] of ends) if (pc >= start && pc < end) return end - pc;
    return 0;
  };
  const space = engine.createSpace({ window, fetchable, codeTranslated: () => {} }) as X86CodeSpace;
  const insn = new Insn();
  for (const [start, end] of ends) {
    for (let pc = start; pc < end;) {
      engine['locate'](space, pc);
      pc += decode(window.u8, pc, end - pc, pc, insn) || 1;
    }
  }
  if (engine.stats.flushes > 0) throw new Error('sandbox: more code than the cache has room for');
  const linker = engine['linker'];
  const log = new Uint32Array(native.codeLog());
  const boundaries = new Set<number>();
  for (let i = 1; i <= log[0]!; i++) if (log[i]! < INSIDE) boundaries.add(log[i]!);
  const thunks = [...boundaries].slice(0, THUNKS).map((host) => linker.thunk(host));
  const emitted = new Uint8Array(native.codeBuffer()).slice(0, linker.asm.at);
  const verifier = new Verifier(emitted, native.codeLayout(), boundaries);
  verifier.run(thunks);
  window.destroy();
  return {
    guestInstructions: engine.stats.instructions, hostInstructions: verifier.instructions, operands: verifier.operands,
    violations: verifier.violations,
  };
}
