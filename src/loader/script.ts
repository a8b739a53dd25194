/** `#!` scripts, by Linux's rules (execve(2), "Interpreter scripts"; fs/binfmt_script.c). */
import { E } from '../abi/errno.js';
import { LoadFailure } from './failure.js';

/** Bytes of a script that are looked at: the line must end in them. */
export const SCRIPT_LINE = 256;
/** Scripts whose interpreter is a script … : so many, then ELOOP. */
export const MAX_SCRIPT_DEPTH = 5;

export interface Interpreter {
  readonly path: string;
  /** All that follows the path, without blanks around it, is one argument. */
  readonly argument: string | undefined;
}

/** Whether the first bytes of a file are `#!`. */
export function isScript(prefix: Uint8Array, length: number): boolean {
  return length >= 2 && prefix[0] === 0x23 && prefix[1] === 0x21;
}

/** @param prefix the first bytes of the script, of which `length` (at most SCRIPT_LINE) count */
export function parseScript(prefix: Buffer, length: number): Interpreter | LoadFailure {
  const text = prefix.toString('latin1', 2, Math.min(length, SCRIPT_LINE));
  const newline = text.indexOf('\n');
  let line = newline < 0 ? text : text.slice(0, newline);
  const nul = line.indexOf('\0');
  if (nul >= 0) line = line.slice(0, nul);
  line = line.replace(/^[ \t]+/, '');
  const match = /^([^ \t]+)(?:[ \t]+(.*?))?[ \t]*$/s.exec(line);
  if (match === null) return new LoadFailure(-E.NOEXEC, 'script without interpreter in its first line');
  // A path that may have been cut off is not run; an argument that was is.
  if (newline < 0 && nul < 0 && length >= SCRIPT_LINE && !/[ \t]/.test(line)) {
    return new LoadFailure(-E.NOEXEC, 'the interpreter in the first line is longer than 255 bytes');
  }
  const argument = match[2];
  return { path: match[1]!, argument: argument === undefined || argument === '' ? undefined : argument };
}
