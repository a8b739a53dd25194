/**
 * What a row of the system-call table is made of: the row, its argument types, its handler.
 * The row alone drives dispatch for both ABIs, strace and `posixx syscalls`.
 */
import type { Task } from '../kernel/task.js';

/**
 * Carries out a call. The arguments are numbers decoded by the row's types. Gives a value >= 0, -errno, or what
 * `task.park` gives (BLOCKED). A handler may declare fewer parameters than six.
 */
export type Handler = (task: Task, a: number, b: number, c: number, d: number, e: number, f: number) => number;

/** full: as the manual page says; partial: see the note; none: ENOSYS. */
export type Level = 'full' | 'partial' | 'none';

export interface Row {
  readonly name: string;
  /** Number of the x86-64 ABI, -1 when it has none. */
  readonly x64: number;
  /** Number of the i386 ABI, -1 when it has none. */
  readonly i386: number;
  readonly args: readonly Arg[];
  /** undefined: ENOSYS. */
  readonly handler: Handler | undefined;
  readonly level: Level;
  readonly note: string;
  /** How strace prints the result: a decimal number, or an address (mmap). */
  readonly result: 'number' | 'address';
}

/** How a register becomes a number. */
export const enum Decode {
  /** Signed 32 bits. */
  Int = 0,
  /** Unsigned 32 bits. */
  Uint = 1,
  /** Unsigned word: 64 bits on x86-64 (inexact from 2^53 on, where every use gives EFAULT, EINVAL or ENOMEM). */
  Ulong = 2,
  /** Signed word. */
  Long = 3,
  /** Signed 64 bits: one register on x86-64, a register pair (low, high) on i386. */
  Off64 = 4,
  /** Signed 64 bits given as two words on both ABIs (preadv): x86-64 has it all in the first. */
  SplitOff64 = 5,
}

/** What strace prints of an argument. */
export type Show =
  | { readonly as: 'int' | 'uint' | 'long' | 'hex' | 'octal' | 'fd' | 'dirfd' | 'path' | 'signal' | 'pid' | 'futex' | 'clone' }
  /** Bit names from a group of constants, or the one name of a value. */
  | { readonly as: 'flags' | 'name'; readonly prefix: string; readonly group: Readonly<Record<string, number>> }
  /** Bytes that the call reads: as many as argument `length` says. */
  | { readonly as: 'in'; readonly length: number }
  /** Bytes that the call writes: as many as it gives. */
  | { readonly as: 'out' }
  /** Array of `struct iovec`, as many as argument `length` says; `filled` after the call. */
  | { readonly as: 'iovec'; readonly length: number; readonly filled: boolean }
  /** NULL-terminated array of strings, shown or only counted. */
  | { readonly as: 'strings' | 'environ' }
  /** A struct that strace knows by name, read before ('in'), after ('out') or at both ends of the call. */
  | { readonly as: 'struct'; readonly name: string; readonly when: 'in' | 'out' | 'both' };

export interface Arg {
  readonly decode: Decode;
  readonly show: Show;
}

/** int: 32 bits, signed. */
export const int: Arg = { decode: Decode.Int, show: { as: 'int' } };
/** unsigned int. */
export const uint: Arg = { decode: Decode.Uint, show: { as: 'uint' } };
/** long and ssize_t: the ABI's word, signed. Also off_t of i386 calls that are not *64. */
export const long: Arg = { decode: Decode.Long, show: { as: 'long' } };
/** unsigned long. */
export const ulong: Arg = { decode: Decode.Ulong, show: { as: 'long' } };
/** size_t. */
export const size: Arg = ulong;
/** A pointer (or a word printed in hex). Hand it to task.mm, which refuses what is not in the guest's space. */
export const ptr: Arg = { decode: Decode.Ulong, show: { as: 'hex' } };
/** loff_t: one register on x86-64, a pair on i386. */
export const off: Arg = { decode: Decode.Off64, show: { as: 'long' } };
/** preadv's (pos_l, pos_h): one argument for the handler. */
export const splitOff: Arg = { decode: Decode.SplitOff64, show: { as: 'long' } };
export const fd: Arg = { decode: Decode.Int, show: { as: 'fd' } };
/** A directory descriptor or AT_FDCWD. */
export const dirfd: Arg = { decode: Decode.Int, show: { as: 'dirfd' } };
export const pid: Arg = { decode: Decode.Int, show: { as: 'pid' } };
export const sig: Arg = { decode: Decode.Int, show: { as: 'signal' } };
/** mode_t. */
export const mode: Arg = { decode: Decode.Uint, show: { as: 'octal' } };
/** Address of a NUL-terminated string: the handler fetches it with task.mm.cstring. */
export const path: Arg = { decode: Decode.Ulong, show: { as: 'path' } };
/** Address of bytes that the call writes: as many as its result. */
export const outBuffer: Arg = { decode: Decode.Ulong, show: { as: 'out' } };
/** Address of a NULL-terminated array of strings (argv, envp). */
export const strings: Arg = { decode: Decode.Ulong, show: { as: 'strings' } };

/** Address of bytes that the call reads; their count is argument number `length`. */
export function inBuffer(length: number): Arg {
  return { decode: Decode.Ulong, show: { as: 'in', length } };
}
/** Address of an iovec array; its count is argument number `length`. `filled`: the call fills the buffers. */
export function iovec(length: number, filled: boolean): Arg {
  return { decode: Decode.Ulong, show: { as: 'iovec', length, filled } };
}
/** An int of bits: `flags('O_', O)`. Zero-valued names and masks in the group do no harm. */
export function flags(prefix: string, group: Readonly<Record<string, number>>): Arg {
  return { decode: Decode.Uint, show: { as: 'flags', prefix, group } };
}
/** An int that is one of a group: `oneOf('SEEK_', SEEK)`. */
export function oneOf(prefix: string, group: Readonly<Record<string, number>>): Arg {
  return { decode: Decode.Int, show: { as: 'name', prefix, group } };
}
/** Address of a struct that the call reads. */
export function inStruct(name: string): Arg {
  return { decode: Decode.Ulong, show: { as: 'struct', name, when: 'in' } };
}
/** Address of a struct that the call fills. */
export function outStruct(name: string): Arg {
  return { decode: Decode.Ulong, show: { as: 'struct', name, when: 'out' } };
}
/** Address of a struct that the call reads and writes. */
export function inOutStruct(name: string): Arg {
  return { decode: Decode.Ulong, show: { as: 'struct', name, when: 'both' } };
}

/** A row for a call that is carried out. */
export function call(
  name: string, x64: number, i386: number, args: readonly Arg[], handler: Handler,
  level: 'full' | 'partial' = 'full', note = '', result: 'number' | 'address' = 'number',
): Row {
  return { name, x64, i386, args, handler, level, note, result };
}

/** A row for a call that gives ENOSYS; the note says what a program meets. */
export function missing(name: string, x64: number, i386: number, note = ''): Row {
  return { name, x64, i386, args: [], handler: undefined, level: 'none', note, result: 'number' };
}
