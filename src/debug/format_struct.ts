/** Text of the structs that rows of the system-call table name, as strace(1) writes them (abbreviated). */
import { S } from '../abi/fcntl.js';
import { STAT } from '../abi/file.js';
import { SA, SIGACTION, signalName, SS } from '../abi/signal.js';
import type { Task } from '../kernel/task.js';
import { flagNames, pointer } from './format.js';

type Formatter = (task: Task, addr: number) => string;

/** Size in bytes and text of each struct; x86-64 layouts. */
const FORMATS: Record<string, readonly [number, Formatter]> = {
  timespec: [16, (task, addr) => `{tv_sec=${i64(task, addr)}, tv_nsec=${i64(task, addr + 8)}}`],
  timeval: [16, (task, addr) => `{tv_sec=${i64(task, addr)}, tv_usec=${i64(task, addr + 8)}}`],
  itimerval: [32, (task, addr) => interval(task, addr, 'tv_usec')],
  itimerspec: [32, (task, addr) => interval(task, addr, 'tv_nsec')],
  sigset: [8, (task, addr) => signalSet(u32(task, addr), u32(task, addr + 4))],
  sigaction: [32, sigaction],
  siginfo: [32, (task, addr) => {
    const signal = u32(task, addr) | 0;
    return signal === 0 ? '{}' : `{si_signo=${signalName(signal)}, si_code=${u32(task, addr + 8) | 0}, ` +
      `si_pid=${u32(task, addr + 16)}, si_uid=${u32(task, addr + 20)}}`;
  }],
  stack_t: [24,
    (task, addr) => `{ss_sp=${pointer(task.mm.getU64(addr))}, ss_flags=${flagNames('SS_', SS, u32(task, addr + 8))}, ` +
    `ss_size=${task.mm.getU64(addr + 16)}}`],
  rlimit: [16, limits],
  rlimit64: [16, limits],
  rusage: [144, (task, addr) => `{ru_utime={tv_sec=${i64(task, addr)}, tv_usec=${i64(task, addr + 8)}}, ` +
    `ru_stime={tv_sec=${i64(task, addr + 16)}, tv_usec=${i64(task, addr + 24)}}, ...}`],
  status: [4, (task, addr) => `[${waitStatus(u32(task, addr))}]`],
  fds: [8, (task, addr) => `[${u32(task, addr) | 0}, ${u32(task, addr + 4) | 0}]`],
  utsname: [390, (task, addr) => {
    const field = (index: number): string => String(task.mm.cstring(addr + 65 * index, 65));
    return `{sysname="${field(0)}", nodename="${field(1)}", ...}`;
  }],
  sysinfo: [112, (task, addr) => `{uptime=${i64(task, addr)}, ...}`],
  stat: [144, stat],
  statx: [256,
    (task, addr) =>
      `{stx_mask=0x${u32(task, addr).toString(16)}, stx_mode=0${task.mm.window.view.getUint16(addr + 28, true).toString(8)}, ` +
    `stx_size=${task.mm.getU64(addr + 40)}, ...}`],
  statfs: [120,
    (task, addr) => `{f_type=0x${task.mm.getU64(addr).toString(16)}, f_bsize=${task.mm.getU64(addr + 8)}, ...}`],
  winsize: [8, (task, addr) => `{ws_row=${u16(task, addr)}, ws_col=${u16(task, addr + 2)}, ` +
    `ws_xpixel=${u16(task, addr + 4)}, ws_ypixel=${u16(task, addr + 6)}}`],
  open_how: [24,
    (task, addr) => `{flags=0x${task.mm.getU64(addr).toString(16)}, mode=0${task.mm.getU64(addr + 8).toString(8)}, ` +
    `resolve=0x${task.mm.getU64(addr + 16).toString(16)}}`],
};

/** The struct's text, or undefined when its bytes cannot be read or its name is not known. */
export function formatStruct(task: Task, name: string, addr: number): string | undefined {
  const format = FORMATS[name];
  return format && task.mm.readable(addr, format[0]) ? format[1](task, addr) : undefined;
}

function u16(task: Task, addr: number): number {
  return task.mm.window.view.getUint16(addr, true);
}

function u32(task: Task, addr: number): number {
  return task.mm.window.view.getUint32(addr, true);
}

function i64(task: Task, addr: number): number {
  return task.mm.window.view.getInt32(addr + 4, true) * 0x1_0000_0000 + u32(task, addr);
}

function interval(task: Task, addr: number, fraction: string): string {
  return `{it_interval={tv_sec=${i64(task, addr)}, ${fraction}=${i64(task, addr + 8)}}, ` +
    `it_value={tv_sec=${i64(task, addr + 16)}, ${fraction}=${i64(task, addr + 24)}}}`;
}

/** '[INT TERM]', or '~[RTMIN]' when most are set. */
export function signalSet(low: number, high: number): string {
  const inSet = (signal: number): boolean => (((signal <= 32 ? low : high) >>> ((signal - 1) & 31)) & 1) !== 0;
  const names: string[] = [], others: string[] = [];
  for (let signal = 1; signal <= 64; signal++) {
    (inSet(signal) ? names : others).push(signalName(signal).slice(3));
  }
  return names.length > 32 ? `~[${others.join(' ')}]` : `[${names.join(' ')}]`;
}

function sigaction(task: Task, addr: number): string {
  const at = SIGACTION.lp64;
  const handler = task.mm.getU64(addr + at.handler);
  const name = handler === 0 ? 'SIG_DFL' : handler === 1 ? 'SIG_IGN' : pointer(handler);
  const flags = u32(task, addr + at.flags);
  const restorer = flags & SA.RESTORER ? `, sa_restorer=${pointer(task.mm.getU64(addr + at.restorer))}` : '';
  return `{sa_handler=${name}, sa_mask=${signalSet(u32(task, addr + at.mask), u32(task, addr + at.mask + 4))}, ` +
    `sa_flags=${flagNames('SA_', SA, flags)}${restorer}}`;
}

function limits(task: Task, addr: number): string {
  const one = (at: number): string => {
    if (u32(task, at + 4) === 0xffff_ffff) return 'RLIM64_INFINITY';
    const value = task.mm.getU64(at);
    return value > 1024 && value % 1024 === 0 ? `${value / 1024}*1024` : String(value);
  };
  return `{rlim_cur=${one(addr)}, rlim_max=${one(addr + 8)}}`;
}

function stat(task: Task, addr: number): string {
  const at = STAT.lp64;
  const mode = u32(task, addr + at.mode);
  const type = Object.entries(S).find(([name, bits]) => name.startsWith('IF') && name !== 'IFMT' &&
    bits === (mode & S.IFMT));
  const rest = mode & S.IFCHR && (mode & S.IFMT) !== S.IFDIR && (mode & S.IFMT) !== S.IFREG
    ? `st_rdev=makedev(0x${((u32(task, addr + at.rdev) >>> 8) & 0xfff).toString(16)}, 0x${(u32(task, addr + at.rdev) & 0xff).toString(16)})`
    : `st_size=${i64(task, addr + at.bytes)}`;
  return `{st_mode=${type ? `S_${type[0]}|` : ''}0${(mode & 0o7777).toString(8)}, ${rest}, ...}`;
}

export function waitStatus(status: number): string {
  const signal = status & 0x7f;
  if (status === 0xffff) return '{WIFCONTINUED(s)}';
  if (signal === 0x7f) return `{WIFSTOPPED(s) && WSTOPSIG(s) == ${signalName(status >> 8)}}`;
  if (signal === 0) return `{WIFEXITED(s) && WEXITSTATUS(s) == ${status >> 8}}`;
  return `{WIFSIGNALED(s) && WTERMSIG(s) == ${signalName(signal)}${status & 0x80 ? ' && WCOREDUMP(s)' : ''}}`;
}
