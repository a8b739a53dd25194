/**
 * System calls that a program carries out itself (PR_SET_SYSCALL_USER_DISPATCH): outside of a range of code, they
 * become SIGSYS.
 * While no task of the run has asked, the kernel does not know of it.
 */
import type { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { SYS_USER_DISPATCH } from '../abi/seccomp.js';
import { SIG } from '../abi/signal.js';
import { Gpr } from '../host/cpu_block.js';
import type { Kernel } from './kernel.js';
import { SigInfo } from './pending_signals.js';
import { archOf, end } from './seccomp.js';
import { forceSignal } from './signals.js';
import { REGISTERS_SET, type Task } from './task.js';

const MODE = { OFF: 0, ON: 1 } as const;
/** Values of the selector byte. */
const SELECTOR = { ALLOW: 0, BLOCK: 1 } as const;
const ADDRESS_END = 0x7fff_ffff_f000;

export interface UserDispatch {
  /** Calls from [start, start + length) are the kernel's. */
  readonly start: number;
  readonly length: number;
  /** Address of a byte that switches it off and on; 0: always on. */
  readonly selector: number;
}

/** prctl(2), PR_SET_SYSCALL_USER_DISPATCH. */
export function setUserDispatch(task: Task, mode: number, start: number, length: number, selector: number): number {
  if (mode === MODE.OFF) {
    if (start !== 0 || length !== 0 || selector !== 0) return -E.INVAL;
    task.userDispatch = null;
    return 0;
  }
  if (mode !== MODE.ON || (start !== 0 && (length === 0 || start + length >= 2 ** 64))) return -E.INVAL;
  if (selector >= ADDRESS_END) return -E.FAULT;
  task.userDispatch = { start, length, selector };
  install(task.kernel);
  return 0;
}

const installed = new WeakSet<Kernel>();

/** It comes before filters and tracers. */
function install(kernel: Kernel): void {
  if (installed.has(kernel)) return;
  installed.add(kernel);
  const tracer = kernel.dispatch === kernel.carryOut ? null : kernel.dispatch;
  kernel.dispatch = (task, number, abi) => {
    const { userDispatch } = task;
    const refused = userDispatch === null ? 0 : refuse(task, userDispatch, number, abi);
    if (refused !== 0) return refused;
    return tracer === null ? kernel.carryOut(task, number, abi) : tracer(task, number, abi);
  };
}

/** 0: the call is the kernel's. */
function refuse(task: Task, { start, length, selector }: UserDispatch, number: number, abi: Abi): number {
  const { cpu, mm } = task;
  if (cpu.rip >= start && cpu.rip - start < length) return 0;
  if (selector !== 0) {
    if (!mm.readable(selector, 1)) return end(task, SIG.SEGV, true);
    const state = mm.window.u8[selector]!;
    if (state === SELECTOR.ALLOW) return 0;
    if (state !== SELECTOR.BLOCK) return end(task, SIG.SYS, true);
  }
  const info = new SigInfo(SIG.SYS, SYS_USER_DISPATCH);
  info.address = cpu.rip;
  info.syscall = number;
  info.arch = archOf(abi);
  cpu.set(Gpr.rax, number);
  forceSignal(task, info);
  return REGISTERS_SET;
}
