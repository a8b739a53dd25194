/** What a task is doing: /proc/PID/syscall, timers, sched (proc(5)). */
import { Gpr } from '../../host/cpu_block.js';
import { SIGEV } from '../../abi/time.js';
import { threadTime } from '../clock.js';
import type { Process } from '../process.js';
import { TaskState, type Task } from '../task.js';

const ARGUMENTS = [Gpr.rdi, Gpr.rsi, Gpr.rdx, Gpr.r10, Gpr.r8, Gpr.r9] as const;

function hex64(cpu: Task['cpu'], register: number): string {
  const high = cpu.high(register), low = cpu.low(register);
  return '0x' + (high === 0 ? low.toString(16) : high.toString(16) + low.toString(16).padStart(8, '0'));
}

/** The call that a task waits in, its arguments, stack and instruction pointers; "running" when it waits in none. */
export function syscallText(task: Task): string {
  if (task.state === TaskState.Zombie) return '';
  const { cpu } = task;
  const place = `${hex64(cpu, Gpr.rsp)} 0x${cpu.rip.toString(16)}`;
  if (task.kernel.current === task) {
    return `${task.syscall} ${ARGUMENTS.map((register) => hex64(cpu, register)).join(' ')} ${place}\n`;
  }
  if (task.state === TaskState.Runnable) return 'running\n';
  if (task.state !== TaskState.Parked || task.syscall < 0) return `-1 ${place}\n`;
  return `${task.syscall} ${ARGUMENTS.map((register) => hex64(cpu, register)).join(' ')} ${place}\n`;
}

/** The POSIX timers of a process. */
export function timersText(process: Process): string {
  let text = '';
  for (const { id, clockId, notification } of process.timers?.created() ?? []) {
    const { kind, signal, valueLow, valueHigh, tid } = notification;
    const value = (valueHigh >>> 0).toString(16).padStart(8, '0') + (valueLow >>> 0).toString(16).padStart(8, '0');
    const how = kind === SIGEV.NONE ? 'none' : kind === SIGEV.THREAD ? 'thread' : 'signal';
    const whom = kind === SIGEV.THREAD_ID ? `tid.${tid}` : `pid.${process.pid}`;
    text += `ID: ${id}\nsignal: ${signal}/${value}\nnotify: ${how}/${whom}\nClockID: ${clockId}\n`;
  }
  return text;
}

/** Nanoseconds on the CPU, nanoseconds of waiting for it (not counted), time slices. */
export function schedstatText(task: Task): string {
  const { voluntarySwitches, involuntarySwitches } = task;
  return `${Math.floor(threadTime(task))} 0 ${voluntarySwitches + involuntarySwitches}\n`;
}

export function schedText(task: Task): string {
  const { voluntarySwitches, involuntarySwitches } = task;
  const line = (name: string, value: number | string): string => `${name.padEnd(45)}:${String(value).padStart(21)}\n`;
  const priority = task.realtimePriority > 0 ? 99 - task.realtimePriority : 120 + task.nice;
  return `${task.name} (${task.tid}, #threads: ${task.process.tasks.length})\n${'-'.repeat(67)}\n` +
    line('se.sum_exec_runtime', (threadTime(task) / 1e6).toFixed(6)) +
    line('nr_switches', voluntarySwitches + involuntarySwitches) + line('nr_voluntary_switches', voluntarySwitches) +
    line('nr_involuntary_switches', involuntarySwitches) + line('policy', task.policy & 0xff) + line('prio', priority);
}
