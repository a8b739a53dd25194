/**
 * Which system calls a task may make (seccomp(2)). While no task of the run has asked, the kernel does not know of it:
 * the first one puts `guard` in the place of Kernel.carryOut.
 */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import {
  AUDIT_ARCH, SECCOMP_DATA, SECCOMP_MODE, SECCOMP_RET, SECCOMP_RET_ACTION_FULL, SECCOMP_RET_DATA, SYS_SECCOMP,
} from '../abi/seccomp.js';
import { SIG } from '../abi/signal.js';
import { Gpr } from '../host/cpu_block.js';
import type { BpfProgram } from './classic_bpf.js';
import { coreStatus, exitGroup, exitTask } from './exit.js';
import type { Dispatch, Kernel } from './kernel.js';
import { SigInfo } from './pending_signals.js';
import { forceSignal } from './signals.js';
import { BLOCKED, REGISTERS_SET, TaskState, type Task } from './task.js';

/** Most instructions of all filters of a task, each filter counting some more (Linux MAX_INSNS_PER_PATH). */
const MAX_INSTRUCTIONS = 32768;
const FILTER_OVERHEAD = 4;
const MAX_ERRNO = 4095;

/** A mode, and with SECCOMP_MODE.FILTER the filters, the last one first. Never changed: children share it. */
export class Seccomp {
  readonly count: number;
  private readonly instructions: number;

  constructor(
    readonly mode: number, readonly filter: BpfProgram | null = null, readonly before: Seccomp | null = null,
  ) {
    this.count = (before?.count ?? 0) + (filter === null ? 0 : 1);
    this.instructions = (before?.instructions ?? 0) + (filter === null ? 0 : filter.length + FILTER_OVERHEAD);
  }

  get tooLong(): boolean {
    return this.instructions > MAX_INSTRUCTIONS;
  }

  /** Whether `other`, a task's state, only lacks filters that this one has. */
  extends(other: Seccomp | null): boolean {
    if (other === null) return true;
    for (let at: Seccomp | null = this; at !== null; at = at.before) if (at === other) return true;
    return false;
  }
}

/** The task's calls are looked at from now on. */
export function restrict(task: Task, state: Seccomp): void {
  task.seccomp = state;
  install(task.kernel);
}

const guarded = new WeakSet<Kernel>();

function install(kernel: Kernel): void {
  if (guarded.has(kernel)) return;
  guarded.add(kernel);
  const { carryOut } = kernel;
  const checked: Dispatch = (task, number, abi) =>
    (task.seccomp === null ? carryOut(task, number, abi) : guard(task, number, abi, carryOut));
  kernel.carryOut = checked;
  if (kernel.dispatch === carryOut) kernel.dispatch = checked;
}

const data = new Int32Array(SECCOMP_DATA.words);
const ARGUMENTS = [
  [Gpr.rdi, Gpr.rsi, Gpr.rdx, Gpr.r10, Gpr.r8, Gpr.r9], [Gpr.rbx, Gpr.rcx, Gpr.rdx, Gpr.rsi, Gpr.rdi, Gpr.rbp],
] as const;

function guard(task: Task, number: number, abi: Abi, carryOut: Dispatch): number {
  const state = task.seccomp!;
  if (state.mode === SECCOMP_MODE.STRICT) {
    if (STRICT_CALLS[abi]!.includes(number)) return carryOut(task, number, abi);
    return end(task, SIG.KILL, false);
  }
  const { cpu } = task;
  data[SECCOMP_DATA.nr] = number;
  data[SECCOMP_DATA.arch] = archOf(abi);
  data[SECCOMP_DATA.ip] = cpu.rip;
  data[SECCOMP_DATA.ip + 1] = Math.floor(cpu.rip / 0x1_0000_0000);
  for (let at = 0; at < 6; at++) {
    const register = ARGUMENTS[abi]![at]!;
    data[SECCOMP_DATA.args + 2 * at] = cpu.low(register);
    data[SECCOMP_DATA.args + 2 * at + 1] = abi === Abi.X64 ? cpu.high(register) : 0;
  }
  let strictest: number = SECCOMP_RET.ALLOW, result: number = SECCOMP_RET.ALLOW;
  for (let at: Seccomp | null = state; at !== null && at.filter !== null; at = at.before) {
    const returned = at.filter.run(data);
    const action = (returned & SECCOMP_RET_ACTION_FULL) | 0;
    if (action < strictest) {
      strictest = action;
      result = returned;
    }
  }
  if (strictest === SECCOMP_RET.ALLOW || strictest === SECCOMP_RET.LOG) return carryOut(task, number, abi);
  return refuse(task, number, abi, strictest, result & SECCOMP_RET_DATA);
}

/** read, write, exit, rt_sigreturn; sigreturn on i386. */
const STRICT_CALLS: readonly (readonly number[])[] = [[0, 1, 60, 15], [3, 4, 1, 119, 173]];

export function archOf(abi: Abi): number {
  return abi === Abi.X64 ? AUDIT_ARCH.X86_64 : AUDIT_ARCH.I386;
}

function refuse(task: Task, number: number, abi: Abi, action: number, value: number): number {
  switch (action) {
    case SECCOMP_RET.ERRNO:
      return value === 0 ? 0 : -Math.min(value, MAX_ERRNO);
    case SECCOMP_RET.TRAP: {
      const info = new SigInfo(SIG.SYS, SYS_SECCOMP);
      info.errno = value;
      info.address = task.cpu.rip;
      info.syscall = number;
      info.arch = archOf(abi);
      task.cpu.set(Gpr.rax, number);
      forceSignal(task, info);
      return REGISTERS_SET;
    }
    // There is no tracer, and no listener.
    case SECCOMP_RET.TRACE:
    case SECCOMP_RET.USER_NOTIF:
      return -E.NOSYS;
    case SECCOMP_RET.KILL_THREAD:
      return end(task, SIG.SYS, false);
    default:
      return end(task, SIG.SYS, true);
  }
}

/** The task's end by a signal that nobody can catch; with its last thread, that of the process. */
export function end(task: Task, signal: number, all: boolean): number {
  const { process } = task;
  const alone = process.tasks.every((other) => other === task || other.state === TaskState.Zombie);
  if (all || alone) exitGroup(task, signal === SIG.SYS ? coreStatus(process, signal) : signal);
  else exitTask(task, signal);
  return BLOCKED;
}
