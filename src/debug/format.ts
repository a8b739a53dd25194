/** Text of one system-call argument, as strace(1) writes it. */
import { AT } from '../abi/fcntl.js';
import { CLONE, FUTEX, FUTEX_CLOCK_REALTIME, FUTEX_PRIVATE_FLAG } from '../abi/process.js';
import { signalName } from '../abi/signal.js';
import type { Task } from '../kernel/task.js';
import type { Arg, Show } from '../syscalls/types.js';
import { formatStruct } from './format_struct.js';

/** Bytes of buffers and strings that are shown (strace -s). */
const STRING_LIMIT = 32;
const PATH_LIMIT = 4096;

type Group = Readonly<Record<string, number>>;

/** Whether the argument can only be shown when the call has ended. */
export function isOutput(arg: Arg): boolean {
  const { show } = arg;
  return show.as === 'out' || (show.as === 'iovec' && show.filled) || (show.as === 'struct' && show.when !== 'in');
}

/**
 * Text of argument `index`. `result` is the call's result when it is known (outputs are shown only then),
 * undefined before.
 */
export function formatArgument(task: Task, arg: Arg, args: readonly number[], index: number, result?: number): string {
  const { show } = arg;
  const value = args[index]!;
  switch (show.as) {
    case 'int': case 'uint': case 'long': case 'fd': case 'pid':
      return decimal(value);
    case 'hex':
      return pointer(value);
    case 'octal':
      return value === 0 ? '000' : '0' + value.toString(8);
    case 'dirfd':
      return value === AT.FDCWD ? 'AT_FDCWD' : decimal(value);
    case 'path':
      return stringAt(task, value, PATH_LIMIT);
    case 'signal':
      return value === 0 ? '0' : signalName(value);
    case 'futex':
      return futexOperation(value);
    case 'clone': {
      const signal = value & 0xff;
      const bits = flagNames('CLONE_', CLONE, (value & ~0xff) >>> 0);
      return signal === 0 ? bits : value > 0xff ? `${bits}|${signalName(signal)}` : signalName(signal);
    }
    case 'flags':
      return flagNames(show.prefix, show.group, value);
    case 'name':
      return oneName(show.prefix, show.group, value);
    case 'in':
      return bytesAt(task, value, args[show.length] ?? 0);
    case 'out':
      return result === undefined || result < 0 ? pointer(value) : bytesAt(task, value, result);
    case 'iovec':
      return iovecs(task, value, args[show.length] ?? 0, show, result);
    case 'strings':
      return stringArray(task, value);
    case 'environ':
      return environment(task, value);
    case 'struct':
      if (show.when !== 'in' && (result === undefined || result < 0)) {
        return show.when === 'both' && value !== 0 ? formatStruct(task, show.name, value) ?? pointer(value)
          : pointer(value);
      }
      return value === 0 ? 'NULL' : formatStruct(task, show.name, value) ?? pointer(value);
  }
}

function decimal(value: number): string {
  return value >= 2 ** 53 ? '0x' + value.toString(16) : String(value);
}

export function pointer(value: number): string {
  return value === 0 ? 'NULL' : '0x' + (value < 0 ? value + 2 ** 64 : value).toString(16);
}

/** 'O_RDWR|O_CREAT|0x80' for bits of a group; masks (ACCMODE, TYPE …) choose among the values that they cover. */
export function flagNames(prefix: string, group: Group, value: number): string {
  const names: string[] = [];
  let rest = value >>> 0;
  const accessMask = group['ACCMODE'];
  if (accessMask !== undefined) {
    names.push(prefix + nameOf(group, rest & accessMask, 0));
    rest = (rest & ~accessMask) >>> 0;
  }
  const entries = Object.entries(group)
    .filter(([name, bits]) => bits !== 0 && !/MASK|MODE$|TYPE$|FMT$/.test(name))
    .sort((a, b) => population(b[1]) - population(a[1]));
  for (const [name, bits] of entries) {
    if (rest !== 0 && ((rest & bits) >>> 0) === bits >>> 0) {
      names.push(prefix + name);
      rest = (rest & ~bits) >>> 0;
    }
  }
  if (rest !== 0) names.push('0x' + rest.toString(16));
  if (names.length > 0) return names.join('|');
  const zero = Object.entries(group).find(([, bits]) => bits === 0);
  return zero ? prefix + zero[0] : '0';
}

function population(bits: number): number {
  let count = 0;
  for (let rest = bits >>> 0; rest !== 0; rest = (rest & (rest - 1)) >>> 0) count++;
  return count;
}

function nameOf(group: Group, value: number, fallback: number): string {
  for (const name in group) if (group[name] === value) return name;
  return String(fallback);
}

function oneName(prefix: string, group: Group, value: number): string {
  for (const name in group) if (group[name] === value) return prefix + name;
  return value < 0 || value < 1024 ? String(value) : '0x' + value.toString(16);
}

function futexOperation(op: number): string {
  const name = oneName('FUTEX_', FUTEX, op & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME));
  return name + (op & FUTEX_PRIVATE_FLAG ? '_PRIVATE' : '') +
    (op & FUTEX_CLOCK_REALTIME ? '|FUTEX_CLOCK_REALTIME' : '');
}

function bytesAt(task: Task, addr: number, length: number): string {
  if (addr === 0) return 'NULL';
  const shown = Math.min(length, STRING_LIMIT);
  const { mm } = task;
  if (!mm.readable(addr, shown)) return pointer(addr);
  return quote(mm.latin1(addr, addr + shown)) + (length > shown ? '...' : '');
}

export function stringAt(task: Task, addr: number, limit: number): string {
  if (addr === 0) return 'NULL';
  const text = task.mm.cstring(addr, limit);
  return typeof text === 'string' ? quote(text) : pointer(addr);
}

/** `"..."` with C escapes, octal for what is not printable ASCII. */
export function quote(bytes: string): string {
  let text = '"';
  for (let at = 0; at < bytes.length; at++) {
    const code = bytes.charCodeAt(at);
    const known = ESCAPES[code];
    if (known !== undefined) {
      text += known;
    } else if (code >= 32 && code < 127) {
      text += bytes[at];
    } else {
      const next = bytes.charCodeAt(at + 1);
      const octal = code.toString(8);
      text += '\\' + (next >= 48 && next <= 57 ? octal.padStart(3, '0') : octal);
    }
  }
  return text + '"';
}

const ESCAPES: Record<number, string> = {
  9: '\\t', 10: '\\n', 11: '\\v', 12: '\\f', 13: '\\r', 34: '\\"', 92: '\\\\',
};

function stringArray(task: Task, addr: number): string {
  if (addr === 0) return 'NULL';
  const words: string[] = [];
  for (let at = addr; ; at += 8) {
    const entry = task.mm.getU64(at);
    if (entry < 0) return pointer(addr);
    if (entry === 0) return `[${words.join(', ')}]`;
    words.push(words.length >= STRING_LIMIT ? '...' : stringAt(task, entry, PATH_LIMIT));
    if (words.length > STRING_LIMIT) return `[${words.join(', ')}]`;
  }
}

/** The environment is long and says little: only its size is shown. */
function environment(task: Task, addr: number): string {
  let count = 0;
  while (addr !== 0 && task.mm.getU64(addr + 8 * count) > 0) count++;
  return addr === 0 ? 'NULL' : `${pointer(addr)} /* ${count} vars */`;
}

function iovecs(
  task: Task, addr: number, count: number, show: Extract<Show, { as: 'iovec' }>, result?: number,
): string {
  if (addr === 0) return 'NULL';
  if (show.filled && (result === undefined || result < 0)) return pointer(addr);
  if (!task.mm.readable(addr, 16 * Math.max(0, Math.min(count, 1024)))) return pointer(addr);
  let left = show.filled ? result! : Infinity;
  const parts: string[] = [];
  for (let at = 0; at < Math.min(count, STRING_LIMIT); at++) {
    const base = task.mm.getU64(addr + 16 * at), length = task.mm.getU64(addr + 16 * at + 8);
    const filled = Math.min(length, left);
    left -= filled;
    parts.push(`{iov_base=${bytesAt(task, base, filled)}, iov_len=${length}}`);
  }
  return `[${parts.join(', ')}]`;
}
