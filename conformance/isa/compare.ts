/** Compares what the host CPU and posixx made of a case, and tells the difference to people. */
import { ARENAS, HALF, Result, XSAVE } from './layout.js';

const FLAGS = 0xcd5n;
const SIGILL = 4;
const SIGTRAP = 5;
const SIGFPE = 8;
const SIGSEGV = 11;
const SI_KERNEL = 0x80;
const NAMES = ['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'];
const SIGNALS: Record<number, string> = {
  [SIGILL]: 'SIGILL', [SIGTRAP]: 'int3', [SIGFPE]: 'SIGFPE', [SIGSEGV]: 'SIGSEGV', 7: 'SIGBUS',
};

export const registerName = (n: number): string => NAMES[n] ?? `r${n}`;

/**
 * Clears what the two may differ in: addresses of the last x87 instruction and its operand (they are the host's
 * own in posixx, which hides them), MXCSR_MASK, the unused bytes of x87 registers.
 */
function normalize(result: Buffer): void {
  result.fill(0, Result.xsave + 6, Result.xsave + 24);
  result.fill(0, Result.xsave + 28, Result.xsave + 32);
  for (let i = 0; i < 8; i++) result.fill(0, Result.xsave + 42 + i * 16, Result.xsave + 48 + i * 16);
  result.fill(0, Result.xsave + 464, Result.xsave + 576);
  result.writeBigUInt64LE(result.readBigUInt64LE(Result.rflags) & FLAGS, Result.rflags);
}

/** How an instruction ended, with what a handler of the signal would see. */
function ending(result: Buffer): string {
  const signal = result.readUInt32LE(Result.signal);
  const code = result.readUInt32LE(Result.code);
  let text = SIGNALS[signal] ?? `signal ${signal}`;
  if (signal === SIGSEGV && code === SI_KERNEL) text += ' general protection';
  else if (signal === SIGSEGV) {
    text += ` at ${result.readBigUInt64LE(Result.address).toString(16)}`;
    text += result.readUInt32LE(Result.write) ? ' write' : ' read';
  } else if (signal === SIGFPE) text += ` code ${code}`;
  return `${text}, rip ${result.readBigUInt64LE(Result.rip).toString(16)}`;
}

/**
 * Differences in words; empty when there is none. Changes the buffers. `call`: the return stack may be one deeper.
 * `sequence`: at a fault, flags that no instruction would read may differ (docs/limits.md).
 */
export function differences(host: Buffer, guest: Buffer, arena: number, call: boolean, sequence: boolean): string[] {
  normalize(host);
  normalize(guest);
  const out: string[] = [];
  const pushed = guest.readInt32LE(Result.pushed);
  if (pushed !== 0 && !(call && pushed === 8)) out.push(`return stack: ${pushed} bytes left on it`);
  const ends = [ending(host), ending(guest)];
  if (ends[0] !== ends[1]) out.push(`ends: host ${ends[0]}; posixx ${ends[1]}`);
  const field = (name: string, at: number, size: number): void => {
    if (host.compare(guest, at, at + size, at, at + size) === 0) return;
    const hex = (buffer: Buffer): string => Buffer.from(buffer.subarray(at, at + size)).reverse().toString('hex');
    out.push(`${name}: host ${hex(host)}; posixx ${hex(guest)}`);
  };
  for (let i = 0; i < 16; i++) field(registerName(i), Result.gpr + i * 8, 8);
  if (!sequence || host.readUInt32LE(Result.signal) === SIGTRAP) field('rflags', Result.rflags, 8);
  field('FS base', Result.fsBase, 8);
  field('GS base', Result.gsBase, 8);
  if (host.compare(guest, Result.xsave, Result.xsave + XSAVE, Result.xsave, Result.xsave + XSAVE) !== 0) {
    field('fcw', Result.xsave, 2);
    field('fsw', Result.xsave + 2, 2);
    field('ftw', Result.xsave + 4, 2);
    field('mxcsr', Result.xsave + 24, 4);
    for (let i = 0; i < 8; i++) field(`st${i}`, Result.xsave + 32 + i * 16, 10);
    for (let i = 0; i < 16; i++) field(`xmm${i}`, Result.xsave + 160 + i * 16, 16);
    for (let i = 0; i < 16; i++) field(`ymm${i} upper`, Result.xsave + 576 + i * 16, 16);
  }
  const start = Result.memory;
  if (host.compare(guest, start, start + 2 * HALF, start, start + 2 * HALF) !== 0) {
    for (let i = 0; i < 2 * HALF; i += 8) {
      field(`[${(ARENAS[arena]!.boundary - HALF + i).toString(16)}]`, start + i, 8);
    }
  }
  return out;
}
