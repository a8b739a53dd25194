/**
 * The stack that a program starts with (System V ABI for x86-64, section 3.4.1): argument count, argument and
 * environment
 * pointers, auxiliary vector, and above them the strings.
 */
import { AT } from '../abi/auxv.js';
import { E } from '../abi/errno.js';
import { MAP, PROT } from '../abi/mman.js';
import type { AddressSpace } from '../mm/address_space.js';
import { PAGE } from '../mm/layout.js';

/** Longest single string, with its NUL (MAX_ARG_STRLEN). */
const MAX_STRING = 131072;
/** What arguments and environment may always take, and at most, with their pointers. */
const ARG_MIN = 131072;
const ARG_MAX = 6 << 20;
/** A stack begins with this much beyond what the kernel put there (setup_arg_pages). */
const STACK_EXPAND = 131072;
const WORD = 8;

export interface StackContents {
  readonly argv: readonly string[];
  readonly envp: readonly string[];
  /** Path that was given to execve. */
  readonly execfn: string;
  readonly platform: string;
  /** Sixteen random bytes. */
  readonly random: Uint8Array;
  /** Type and value pairs, without those that point into the stack (RANDOM, EXECFN, PLATFORM) and without the end. */
  readonly auxv: readonly (readonly [number, number])[];
}

/** 0, or -E2BIG when the strings are more than execve(2) takes, under a stack limit in bytes. */
export function checkArguments(
  argv: readonly string[], envp: readonly string[], execfn: string, stackLimit: number,
): number {
  const limit = Math.max(ARG_MIN, Math.min(ARG_MAX, Math.floor(stackLimit / 4)));
  let total = execfn.length + 1 + (argv.length + envp.length) * WORD;
  for (const list of [argv, envp]) {
    for (const text of list) {
      if (text.length + 1 > MAX_STRING) return -E['2BIG'];
      total += text.length + 1;
    }
  }
  return total > limit ? -E['2BIG'] : 0;
}

/**
 * Maps the stack and fills it. Records argStart … envEnd, startStack and auxv in the space.
 * @param executable PT_GNU_STACK wants it so
 * @returns the initial stack pointer (a multiple of 16), or -errno
 */
export function buildStack(space: AddressSpace, contents: StackContents, executable: boolean): number {
  const { argv, envp, execfn, platform } = contents;
  const top = space.layout.stackTop;
  let stringBytes = execfn.length + platform.length + 2;
  for (const text of argv) stringBytes += text.length + 1;
  for (const text of envp) stringBytes += text.length + 1;
  const words = 1 + argv.length + 1 + envp.length + 1 + (contents.auxv.length + 4) * 2;
  // Room for the alignments and the null word at the very top, too.
  const size = stringBytes + words * WORD + 16 + 64;
  const used = Math.ceil(size / PAGE) * PAGE;

  const start = top - used - STACK_EXPAND;
  const prot = PROT.READ | PROT.WRITE | (executable ? PROT.EXEC : 0);
  const flags = MAP.PRIVATE | MAP.ANONYMOUS | MAP.GROWSDOWN | MAP.FIXED_NOREPLACE;
  const mapped = space.mmap(start, top - start, prot, flags, null, 0);
  if (mapped < 0) return mapped === -E.EXIST ? -E.NOMEM : mapped;
  space.areas.find(start)!.name = '[stack]';

  const { u8, u32 } = space.window;
  let at = top - WORD;
  const putString = (text: string): number => {
    at -= text.length + 1;
    for (let i = 0; i < text.length; i++) u8[at + i] = text.charCodeAt(i);
    return at;
  };
  const execfnAt = putString(execfn);
  space.envEnd = execfnAt;
  const envAt = new Array<number>(envp.length);
  for (let i = envp.length - 1; i >= 0; i--) envAt[i] = putString(envp[i]!);
  space.envStart = space.argEnd = at;
  const argAt = new Array<number>(argv.length);
  for (let i = argv.length - 1; i >= 0; i--) argAt[i] = putString(argv[i]!);
  space.argStart = at;
  at -= at % 16;
  const platformAt = putString(platform);
  at -= 16;
  u8.set(contents.random.subarray(0, 16), at);
  const randomAt = at;

  const auxv = [
    ...contents.auxv, [AT.RANDOM, randomAt], [AT.EXECFN, execfnAt], [AT.PLATFORM, platformAt], [AT.NULL, 0],
  ] as const;
  at -= at % 16;
  const pointer = at - words * WORD - ((words & 1) * WORD);
  at = pointer;
  const putWord = (value: number): void => {
    u32[at >>> 2] = value >>> 0;
    u32[(at >>> 2) + 1] = Math.floor(value / 0x1_0000_0000);
    at += WORD;
  };
  putWord(argv.length);
  for (const address of argAt) putWord(address);
  putWord(0);
  for (const address of envAt) putWord(address);
  putWord(0);
  const auxvAt = at;
  for (const [type, value] of auxv) {
    putWord(type);
    putWord(value);
  }
  space.auxv = u8.slice(auxvAt, at);
  space.startStack = pointer;
  return pointer;
}
