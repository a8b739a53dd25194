/** What a run is to do, from its command line: values are checked here, so that what is below need not. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { CPU_MODELS, DEFAULT_CPU_MODEL } from '../translator/cpu_model.js';
import { workingDirectory } from './native_strings.js';
import { UsageError, type CommandLine } from './parse.js';

export interface Volume {
  /** Absolute host path (byte string). */
  readonly host: string;
  /** Absolute guest path. */
  readonly guest: string;
  readonly writable: boolean;
}

export interface DiskImage {
  /** Absolute host path (byte string). */
  readonly host: string;
  readonly readOnly: boolean;
}

export interface RunConfig {
  readonly argv: readonly string[];
  /** NAME=VALUE strings. */
  readonly env: readonly string[];
  /** Guest path; undefined: the caller's directory where the guest sees it. */
  readonly cwd: string | undefined;
  /** User and perhaps group, names or numbers; undefined: root. */
  readonly user: string | undefined;
  readonly volumes: readonly Volume[];
  readonly disks: readonly DiskImage[];
  /** Absolute host path of the root: a directory, or a file that holds one; '/' by default. */
  readonly rootfs: string;
  readonly rootfsIsFile: boolean;
  /** A directory that is laid over the root, or undefined. */
  readonly sysroot: string | undefined;
  readonly emptyRoot: boolean;
  /** Absolute host path of the layer that is kept between runs, or undefined. */
  readonly persist: string | undefined;
  /** It is an image, not a directory. */
  readonly persistIsFile: boolean;
  /** undefined: none; '': stderr; else a host file. */
  readonly strace: string | undefined;
  /** Calls to print, '' for all. */
  readonly trace: string;
  readonly cpu: string;
  readonly aslr: boolean;
  /** Translated code is kept for later runs, and taken from earlier ones. */
  readonly codeCache: boolean;
  /** Bytes. */
  readonly memory: number;
  /** Tasks that may live at once; undefined: the kernel's own limit. */
  readonly maxTasks: number | undefined;
  /** Milliseconds; Infinity without a limit. */
  readonly timeout: number;
  /** Milliseconds to end after a signal that asks for it; Infinity without a limit. */
  readonly killAfter: number;
  readonly quiet: boolean;
  readonly stats: boolean;
}

const MAX_MEMORY = 2 ** 32;
const MIN_MEMORY = 2 ** 20;

/**
 * @param callerEnv the caller's environment as NAME=VALUE byte strings
 * @throws UsageError that names the option, the value and what it should be
 */
export function configure(line: CommandLine, callerEnv: readonly string[]): RunConfig {
  const { flags, values, lists } = line;
  const rootfs = values.get('rootfs');
  const emptyRoot = flags.has('empty-root');
  if (rootfs !== undefined && emptyRoot) throw new UsageError('--rootfs and --empty-root exclude each other');
  const rootfsStatus = rootfs === undefined ? undefined : requireStatus(rootfs, '--rootfs');
  if (rootfsStatus && !rootfsStatus.isDirectory() && !rootfsStatus.isFile()) {
    throw new UsageError(`--rootfs: "${rootfs}" is neither a directory nor a file`);
  }
  const sysroot = values.get('sysroot');
  if (sysroot !== undefined && emptyRoot) throw new UsageError('--sysroot and --empty-root exclude each other');
  if (sysroot !== undefined) requireDirectory(sysroot, '--sysroot');
  const persist = values.get('persist')?.replace(/(?<=.)\/+$/, '');
  if (persist === '') throw new UsageError('--persist needs a directory or an image');
  const cwd = values.get('cwd');
  if (cwd !== undefined && !cwd.startsWith('/')) throw new UsageError(`--cwd needs an absolute guest path, not "${cwd}"`);
  const user = values.get('user');
  if (user !== undefined && !/^[^:]+(:[^:]+)?$/.test(user)) throw new UsageError(`--user needs UID or UID:GID, not "${user}"`);
  const cpu = values.get('cpu') ?? DEFAULT_CPU_MODEL;
  if (!Object.hasOwn(CPU_MODELS, cpu)) {
    throw new UsageError(`--cpu does not know "${cpu}"; it knows ${Object.keys(CPU_MODELS).join(', ')}`);
  }
  const trace = values.get('trace');
  return {
    argv: line.program,
    env: environment(flags.has('clear-env') ? [] : callerEnv, lists.get('env') ?? [], callerEnv),
    cwd,
    user,
    volumes: (lists.get('volume') ?? []).map(parseVolume),
    disks: (lists.get('disk') ?? []).map(parseDisk),
    rootfs: rootfs === undefined ? '/' : absolute(rootfs),
    rootfsIsFile: rootfsStatus?.isFile() === true,
    sysroot: sysroot === undefined ? undefined : absolute(sysroot),
    emptyRoot,
    persist: persist === undefined ? undefined : absolute(persist),
    persistIsFile: persist !== undefined && status(persist)?.isFile() === true,
    strace: values.get('strace') ?? (trace === undefined ? undefined : ''),
    trace: trace === undefined ? '' : trace.replace(/^trace=/, ''),
    cpu,
    aslr: !flags.has('no-aslr'),
    codeCache: !flags.has('no-code-cache'),
    memory: parseMemory(values.get('memory')),
    maxTasks: parseCount(values.get('max-processes')),
    timeout: parseSeconds(values.get('timeout'), '--timeout'),
    killAfter: parseSeconds(values.get('kill-after'), '--kill-after'),
    quiet: flags.has('quiet'),
    stats: flags.has('stats'),
  };
}

function environment(start: readonly string[], changes: readonly string[], caller: readonly string[]): readonly string[] {
  if (changes.length === 0) return start;
  const result = [...start];
  for (const change of changes) {
    const equals = change.indexOf('=');
    const name = equals < 0 ? change : change.slice(0, equals);
    if (name === '') throw new UsageError(`--env needs NAME=VALUE or NAME, not "${change}"`);
    const at = result.findIndex((entry) => entry.startsWith(`${name}=`));
    const value = equals < 0 ? caller.find((entry) => entry.startsWith(`${name}=`)) : change;
    // NAME alone, not set by the caller: not set in the guest, as docker run has it.
    if (at >= 0) result.splice(at, 1, ...(value === undefined ? [] : [value]));
    else if (value !== undefined) result.push(value);
  }
  return result;
}

function parseVolume(text: string): Volume {
  const parts = text.split(':');
  const mode = parts.length === 3 ? parts[2] : 'ro';
  const [host, guest] = parts;
  if (parts.length < 2 || parts.length > 3 || !host || !guest || (mode !== 'ro' && mode !== 'rw')) {
    throw new UsageError(`--volume needs HOST:GUEST or HOST:GUEST:ro|rw, not "${text}"`);
  }
  if (!guest.startsWith('/')) throw new UsageError(`--volume ${text}: the guest path "${guest}" must be absolute`);
  if (!status(host)) throw new UsageError(`--volume ${text}: "${host}" does not exist on the host or cannot be seen`);
  return { host: absolute(host), guest, writable: mode === 'rw' };
}

function parseDisk(text: string): DiskImage {
  const mode = /:(ro|rw)$/.exec(text);
  const host = mode === null ? text : text.slice(0, mode.index);
  if (host === '') throw new UsageError(`--disk needs FILE or FILE:ro|rw, not "${text}"`);
  const found = status(host);
  if (!found) throw new UsageError(`--disk ${text}: "${host}" does not exist on the host or cannot be seen`);
  if (!found.isFile() && !found.isBlockDevice()) {
    throw new UsageError(`--disk ${text}: "${host}" is neither a file nor a block device`);
  }
  return { host: absolute(host), readOnly: mode !== null && mode[1] === 'ro' };
}

function parseMemory(text: string | undefined): number {
  if (text === undefined) return MAX_MEMORY;
  const match = /^(\d+(?:\.\d+)?)([KMG]?)(?:i?B)?$/i.exec(text);
  const unit = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[match?.[2]?.toUpperCase() ?? ''];
  const bytes = Math.floor(Number(match?.[1]) * (unit ?? NaN));
  if (!(bytes >= MIN_MEMORY && bytes <= MAX_MEMORY)) {
    throw new UsageError(`--memory needs a size from 1M to 4G such as 512M, not "${text}"`);
  }
  return bytes;
}

function parseCount(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new UsageError(`--max-processes needs a number from 1 on, not "${text}"`);
  return Number(text);
}

function parseSeconds(text: string | undefined, option: string): number {
  if (text === undefined) return Infinity;
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (!(seconds > 0)) throw new UsageError(`${option} needs a number of seconds above 0, not "${text}"`);
  return seconds * 1000;
}

function requireDirectory(path: string, option: string): void {
  if (!requireStatus(path, option).isDirectory()) throw new UsageError(`${option}: "${path}" is not a directory`);
}

function requireStatus(path: string, option: string) {
  const found = status(path);
  if (!found) throw new UsageError(`${option}: "${path}" does not exist on the host or cannot be seen`);
  return found;
}

function status(path: string) {
  try {
    return statSync(Buffer.from(path, 'latin1'));
  } catch {
    return undefined;
  }
}

/** Relative to the caller's directory; byte strings in and out. */
function absolute(path: string): string {
  if (path.startsWith('/')) return path;
  const directory = workingDirectory();
  if (directory === undefined) {
    throw new UsageError(`"${path}" is relative to the working directory, which does not exist any more`);
  }
  return resolve(directory, path);
}
