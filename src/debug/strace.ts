/** System calls and signals of guests as text, in the form of strace(1). */
import type { Abi } from '../abi/abi.js';
import { errnoName } from '../abi/errno.js';
import { SI, signalName } from '../abi/signal.js';
import type { Dispatch, Kernel } from '../kernel/kernel.js';
import type { SigInfo } from '../kernel/pending_signals.js';
import type { Process } from '../kernel/process.js';
import { BLOCKED, REGISTERS_SET, TaskState, type Task } from '../kernel/task.js';
import { decodeArguments } from '../syscalls/dispatch.js';
import { allRows, rowOf } from '../syscalls/table.js';
import type { Row } from '../syscalls/types.js';
import { errnoText } from './errno_text.js';
import { formatArgument, isOutput, pointer } from './format.js';

/** Calls that strace(1) names as classes: `trace=%file`. Classes by argument types are found from the rows. */
const CLASSES: Record<string, (row: Row) => boolean> = {
  file: (row) => row.args.some(({ show }) => show.as === 'path'),
  desc: (row) => row.args.some(({ show }) => show.as === 'fd' || show.as === 'dirfd'),
  memory: (row) =>
    /^(brk|m(un)?map|mprotect|mremap|madvise|m(un)?lock|mincore|msync|remap_|pkey_|mlock|mseal)/.test(row.name),
  process: (row) =>
    /^(fork|vfork|clone3?|execve(at)?|exit|exit_group|wait4|waitid|kill|tkill|tgkill|pidfd_)/.test(row.name),
  signal: (row) => /sig|kill|pause/.test(row.name),
  network: (row) => /socket|bind|listen|accept|connect|send|recv|shutdown|getsock|getpeer/.test(row.name),
};

/** @throws Error naming what `text` (a list such as 'open,close' or '!%file') has that is no call and no class. */
export function parseTraceSet(text: string): (row: Row) => boolean {
  let list = text.startsWith('trace=') ? text.slice(6) : text;
  if (list === '' || list === 'all') return () => true;
  const negated = list.startsWith('!');
  if (negated) list = list.slice(1);
  const names = new Set<string>();
  const classes: ((row: Row) => boolean)[] = [];
  for (const word of list.split(',')) {
    const known = CLASSES[word.replace(/^%/, '')];
    if (known && (word.startsWith('%') || !allRows().some((row) => row.name === word))) classes.push(known);
    else if (allRows().some((row) => row.name === word)) names.add(word);
    else if (word !== 'none') throw new Error(`there is no system call and no class of calls named ${word}`);
  }
  return (row) => negated !== (names.has(row.name) || classes.some((inClass) => inClass(row)));
}

/** A call that has begun: its text so far, and its arguments for what is shown at the end. */
interface Open {
  row: Row;
  args: number[];
}

/**
 * Prints every call that `selects` on `write` (byte strings, whole lines) from now on. Takes the place of
 * kernel.dispatch, so a kernel that is not traced pays nothing.
 */
export function startStrace(kernel: Kernel, write: (text: string) => void, selects: (row: Row) => boolean): void {
  const dispatch: Dispatch = (task, number, abi) => kernel.carryOut(task, number, abi);
  const open = new Map<Task, Open>();

  const prefix = (task: Task): string => (kernel.processes.size > 2 || task.process.tasks.length > 1
    ? `[pid ${task.tid}] ` : '');

  const line = (task: Task, { row, args }: Open, result: number | undefined): void => {
    const shown = result === undefined || result === REGISTERS_SET ? undefined : result;
    const texts = row.args.map((arg, index) => formatArgument(task, arg, args, index, shown));
    write(`${prefix(task)}${row.name}(${texts.join(', ')})`.padEnd(39) + ` = ${resultText(row, result)}\n`);
  };

  kernel.dispatch = (task: Task, number: number, abi: Abi): number => {
    const row = rowOf(number, abi);
    if (row && !selects(row)) return dispatch(task, number, abi);
    const args = row ? decodeArguments(task, row, abi) : [];
    const traced: Open = { row: row ?? unknownRow(number), args };
    // Calls that change the arguments' memory for good, or end the task, are shown before.
    if (row && /^(execve|execveat|exit|exit_group|rt_sigreturn)$/.test(row.name)) {
      const texts = row.args.map((arg, index) => formatArgument(task, arg, args, index));
      const start = `${prefix(task)}${row.name}(${texts.join(', ')})`.padEnd(39);
      if (row.name.startsWith('exit')) {
        write(`${start} = ?\n`);
        return dispatch(task, number, abi);
      }
      const result = dispatch(task, number, abi);
      write(`${start} = ${resultText(row, result === REGISTERS_SET ? 0 : result)}\n`);
      return result;
    }
    const before = row?.args.map((arg, index) => (isOutput(arg) ? '' : formatArgument(task, arg, args, index))) ?? [];
    const result = dispatch(task, number, abi);
    if (result === BLOCKED) {
      if (task.state === TaskState.Zombie) write(`${prefix(task)}${traced.row.name}(${before.join(', ')}) = ?\n`);
      else open.set(task, traced);
      return result;
    }
    line(task, traced, result);
    return result;
  };

  kernel.tracer = {
    resumed(task: Task, result: number): void {
      const traced = open.get(task);
      if (!traced || result === BLOCKED) return;
      open.delete(task);
      line(task, traced, result);
    },
    signal(task: Task, info: SigInfo): void {
      write(`${prefix(task)}--- ${signalName(info.signal)} ${describe(info)} ---\n`);
    },
    exited(process: Process): void {
      const { leader, exitStatus } = process;
      for (const task of process.tasks) open.delete(task);
      const signal = exitStatus & 0x7f;
      const how = signal === 0 ? `exited with ${exitStatus >> 8}`
        : `killed by ${signalName(signal)}${exitStatus & 0x80 ? ' (core dumped)' : ''}`;
      write(`${prefix(leader)}+++ ${how} +++\n`);
    },
  };
}

function unknownRow(number: number): Row {
  return { name: `syscall_${number}`, x64: number, i386: number, args: [], handler: undefined, level: 'none', note: '',
    result: 'number' };
}

function resultText(row: Row, result: number | undefined): string {
  if (result === undefined) return '?';
  if (result >= 0) return row.result === 'address' ? pointer(result) : String(result);
  const errno = -result;
  switch (errno) {
    case 512: return '? ERESTARTSYS (To be restarted if SA_RESTART is set)';
    case 513: return '? ERESTARTNOINTR (To be restarted)';
    case 514: return '? ERESTARTNOHAND (To be restarted if no handler)';
    case 516: return '? ERESTART_RESTARTBLOCK (Interrupted by signal)';
    default: return `-1 ${errnoName(errno) ?? errno} (${errnoText(errno) ?? 'Unknown error'})`;
  }
}

const CODE_NAMES: Record<number, string> = {
  [SI.USER]: 'SI_USER', [SI.KERNEL]: 'SI_KERNEL', [SI.QUEUE]: 'SI_QUEUE', [SI.TIMER]: 'SI_TIMER',
  [SI.TKILL]: 'SI_TKILL',
};

function describe(info: SigInfo): string {
  const code = `{si_signo=${signalName(info.signal)}, si_code=${CODE_NAMES[info.code] ?? info.code}`;
  if (info.trapNumber >= 0) return `${code}, si_addr=${pointer(info.address)}}`;
  if (info.code === SI.KERNEL) return `${code}}`;
  if (info.signal === 17) return `${code}, si_pid=${info.pid}, si_uid=${info.uid}, si_status=${info.status}}`;
  return `${code}, si_pid=${info.pid}, si_uid=${info.uid}}`;
}
