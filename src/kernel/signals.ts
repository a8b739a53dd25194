/**
 * Sending and taking signals (signal(7)). A signal goes to a thread or to a process; what it does is decided when
 * a thread that does not block it is about to go back to guest code: `deliverSignals`.
 */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { RLIMIT } from '../abi/resource.js';
import { CLD, SA, SI, SIG, SIG_DFL, SIG_IGN, SIGRTMIN } from '../abi/signal.js';
import { Gpr } from '../host/cpu_block.js';
import { coreStatus, exitGroup, notifyParent } from './exit.js';
import { bit, SigInfo, type PendingSignals } from './pending_signals.js';
import { ProcessState, type Process, type ProcessGroup } from './process.js';
import { leaveCriticalSection } from './rseq.js';
import { Default, defaultAction } from './signal_actions.js';
import { buildFrame } from './sigframe.js';
import { TaskState, type Task } from './task.js';
import { Wake } from './wait_queue.js';

const STOP_LOW = bit(SIG.STOP) | bit(SIG.TSTP) | bit(SIG.TTIN) | bit(SIG.TTOU);
const UNBLOCKABLE_LOW = bit(SIG.KILL) | bit(SIG.STOP);
const RESTART_SYSCALL = [219, 0] as const;
const INIT_PID = 1;

/** Sends to the process: any of its threads that does not block the signal takes it. -EAGAIN: its queue is full. */
export function sendToProcess(process: Process, info: SigInfo): number {
  if (process.state !== ProcessState.Live || process.exiting || process.pid === INIT_PID) return 0;
  prepare(process, info.signal);
  if (dropped(process, process.leader, info.signal)) return 0;
  if (exceedsLimit(process, process.pending, info)) return info.code === SI.USER ? 0 : -E.AGAIN;
  if (!process.pending.add(info)) return 0;
  let chosen: Task | undefined;
  for (const task of process.tasks) {
    if (task.state === TaskState.Zombie) continue;
    task.signalDue = true;
    if (blocks(task, info.signal)) continue;
    // One that waits is woken; one that runs anyway takes it on its way.
    if (!chosen || (chosen.state !== TaskState.Running && task.state === TaskState.Running)) chosen = task;
  }
  if (chosen) interrupt(chosen);
  else wakeSigwait(process, info.signal);
  return 0;
}

/** Sends to one thread (tgkill(2), faults, timers with SIGEV_THREAD_ID). -EAGAIN: its queue is full. */
export function sendToTask(task: Task, info: SigInfo): number {
  const { process } = task;
  if (task.state === TaskState.Zombie || process.exiting || process.pid === INIT_PID) return 0;
  prepare(process, info.signal);
  if (dropped(process, task, info.signal)) return 0;
  if (exceedsLimit(process, task.pending, info)) return info.code === SI.USER ? 0 : -E.AGAIN;
  if (!task.pending.add(info)) return 0;
  task.signalDue = true;
  if (!blocks(task, info.signal)) {
    interrupt(task);
  } else {
    process.signalfds.wake(1);
    endSigwait(task, info.signal);
  }
  return 0;
}

export function sendToGroup(group: ProcessGroup, info: SigInfo): void {
  for (const process of [...group.members]) sendToProcess(process, info);
}

/**
 * A fault of the instruction that the task runs. It cannot be ignored or blocked: in that case the default action
 * is restored, and ends the process (Linux force_sig_info).
 */
export function forceSignal(task: Task, info: SigInfo): void {
  const { actions } = task.process;
  const { signal } = info;
  if (blocks(task, signal) || actions.get(signal).handler === SIG_IGN) {
    actions.set(signal, { handler: SIG_DFL, flags: 0, restorer: 0, maskLow: 0, maskHigh: 0 });
    if (signal <= 32) task.blockedLow &= ~bit(signal);
    else task.blockedHigh &= ~bit(signal);
  }
  task.pending.discard(signal);
  task.pending.add(info);
  task.signalDue = true;
}

export function blocks(task: Task, signal: number): boolean {
  return ((signal <= 32 ? task.blockedLow : task.blockedHigh) & bit(signal)) !== 0;
}

/** Sets the mask of blocked signals; SIGKILL and SIGSTOP cannot be blocked. */
export function setBlocked(task: Task, low: number, high: number): void {
  task.blockedLow = low & ~UNBLOCKABLE_LOW;
  task.blockedHigh = high;
  task.signalDue = deliverable(task);
}

/** Puts a temporary mask in place until the call ends or a handler ran (ppoll(2), sigsuspend(2)). */
export function setTemporaryMask(task: Task, low: number, high: number): void {
  task.savedMask ??= { low: task.blockedLow, high: task.blockedHigh };
  setBlocked(task, low, high);
}

/** The call ended without a signal: the old mask comes back. */
export function restoreMask(task: Task): void {
  const saved = task.savedMask;
  if (!saved) return;
  task.savedMask = undefined;
  setBlocked(task, saved.low, saved.high);
}

/** Whether an unblocked signal is pending, or a stop of the process. */
export function deliverable(task: Task): boolean {
  const { process } = task;
  return ((task.pending.low | process.pending.low) & ~task.blockedLow) !== 0 ||
    ((task.pending.high | process.pending.high) & ~task.blockedHigh) !== 0 || process.stopSignal !== 0;
}

/**
 * Acts on all signals that the task has to take, before it goes back to guest code. Afterwards the task may be a
 * zombie or stopped: look at its state. First of all decides about an interrupted call.
 */
export function deliverSignals(task: Task): void {
  const { process } = task;
  for (;;) {
    if (process.stopSignal !== 0) {
      task.state = TaskState.Stopped;
      return;
    }
    const info = task.pending.take(task.blockedLow, task.blockedHigh) ??
      process.pending.take(task.blockedLow, task.blockedHigh);
    if (!info) break;
    const { signal } = info;
    const action = process.actions.get(signal);
    if (task.kernel.tracer) task.kernel.tracer.signal(task, info);
    if (action.handler === SIG_IGN) continue;
    if (action.handler !== SIG_DFL) {
      if (task.rseq !== 0) leaveCriticalSection(task);
      interruptCall(task, (action.flags & SA.RESTART) !== 0);
      const mask = task.savedMask ?? { low: task.blockedLow, high: task.blockedHigh };
      task.savedMask = undefined;
      if (!buildFrame(task, info, action, mask.low, mask.high)) {
        // No room for the frame: SIGSEGV, and for a SIGSEGV handler the end.
        if (signal === SIG.SEGV) process.actions.set(signal, { ...action, handler: SIG_DFL });
        forceSignal(task, new SigInfo(SIG.SEGV, SI.KERNEL));
        continue;
      }
      let low = task.blockedLow | action.maskLow;
      let high = task.blockedHigh | action.maskHigh;
      if ((action.flags & SA.NODEFER) === 0) {
        if (signal <= 32) low |= bit(signal);
        else high |= bit(signal);
      }
      task.blockedLow = low & ~UNBLOCKABLE_LOW;
      task.blockedHigh = high;
      if (action.flags & SA.RESETHAND) process.actions.set(signal, { ...action, handler: SIG_DFL });
      continue;
    }
    switch (defaultAction(signal)) {
      case Default.Ignore:
      case Default.Continue:
        continue;
      case Default.Stop:
        if (signal !== SIG.STOP && orphaned(process.group)) continue;
        stopProcess(process, signal);
        continue;
      case Default.Core:
        exitGroup(task, coreStatus(process, signal));
        return;
      default:
        exitGroup(task, signal);
        return;
    }
  }
  interruptCall(task, true, true);
  restoreMask(task);
  task.signalDue = deliverable(task);
}

/**
 * The call that the task just left gave an -ERESTART code: makes it EINTR, or moves back to the instruction.
 * Linux: handle_signal and arch_do_signal_or_restart.
 */
function interruptCall(task: Task, restart: boolean, noHandler = false): void {
  if (task.syscall < 0) return;
  const { cpu } = task;
  const result = cpu.i32[0]!;
  const number = task.syscall;
  task.syscall = -1;
  let again: number;
  switch (-result) {
    case E.RESTARTNOINTR:
      again = number;
      break;
    case E.RESTARTSYS:
      if (!restart) return cpu.set(Gpr.rax, -E.INTR);
      again = number;
      break;
    case E.RESTARTNOHAND:
      if (!noHandler) return cpu.set(Gpr.rax, -E.INTR);
      again = number;
      break;
    case E.RESTART_RESTARTBLOCK:
      if (!noHandler) return cpu.set(Gpr.rax, -E.INTR);
      again = task.abi === Abi.X64 ? RESTART_SYSCALL[0] : RESTART_SYSCALL[1];
      break;
    default:
      return;
  }
  cpu.set(Gpr.rax, again);
  // SYSCALL and INT 80h are both two bytes long.
  cpu.rip -= 2;
}

/** What sending does before anything else: stop and continue signals cancel each other, SIGCONT and SIGKILL wake. */
function prepare(process: Process, signal: number): void {
  if (signal === SIG.CONT) {
    discardEverywhere(process, STOP_LOW);
    continueProcess(process, true);
  } else if (signal <= 31 && bit(signal) & STOP_LOW) {
    discardEverywhere(process, bit(SIG.CONT));
  } else if (signal === SIG.KILL) {
    continueProcess(process, false);
  }
}

function discardEverywhere(process: Process, low: number): void {
  for (let signal = 1; signal <= 31; signal++) {
    if ((low & bit(signal)) === 0) continue;
    process.pending.discard(signal);
    for (const task of process.tasks) task.pending.discard(signal);
  }
}

function dropped(process: Process, task: Task, signal: number): boolean {
  return process.actions.ignores(signal) && !blocks(task, signal) && !task.process.tasks.some((t) => blocks(t, signal));
}

/**
 * RLIMIT_SIGPENDING: beyond it a real-time signal is refused when it carries something, and else is pending only once.
 * All other signals are never lost (Linux __send_signal_locked).
 */
function exceedsLimit(process: Process, pending: PendingSignals, info: SigInfo): boolean {
  return info.signal >= SIGRTMIN && info.code !== SI.TIMER &&
    pending.length >= process.limits.soft[RLIMIT.SIGPENDING]! && (info.code !== SI.USER || pending.has(info.signal));
}

/** Makes the task look at its signals soon. */
function interrupt(task: Task): void {
  task.signalDue = true;
  task.wake(Wake.Signal);
}

/** A blocked signal of the process may be what a thread waits for in rt_sigtimedwait or through a signalfd. */
function wakeSigwait(process: Process, signal: number): void {
  process.signalfds.wake(1);
  for (const task of process.tasks) if (endSigwait(task, signal)) return;
}

/** Wakes the thread if it waits for the signal; who is woken does not count for the next signal. */
function endSigwait(task: Task, signal: number): boolean {
  const set = task.sigwait;
  if (set === undefined || ((signal > 32 ? set.high : set.low) & bit(signal)) === 0) return false;
  task.sigwait = undefined;
  task.wake(Wake.Event);
  return true;
}

/** Stops all threads; the parent is told once. */
function stopProcess(process: Process, signal: number): void {
  process.stopSignal = signal;
  process.stopReported = false;
  process.continueReported = true;
  for (const task of process.tasks) task.signalDue = true;
  notifyParent(process, CLD.STOPPED, signal);
}

function continueProcess(process: Process, report: boolean): void {
  if (process.stopSignal === 0) return;
  process.stopSignal = 0;
  process.stopReported = true;
  for (const task of process.tasks) {
    if (task.state !== TaskState.Stopped) continue;
    task.state = TaskState.Runnable;
    task.kernel.enqueue(task);
  }
  if (!report) return;
  process.continueReported = false;
  notifyParent(process, CLD.CONTINUED, SIG.CONT);
}

/**
 * No member has a parent in the same session but in another group: nobody could continue it (POSIX). The main process
 * has such a parent, on the host.
 */
export function orphaned(group: ProcessGroup): boolean {
  for (const member of group.members) {
    const { parent } = member;
    if (member.state === ProcessState.Live && member === member.leader.kernel.main) return false;
    if (member.state === ProcessState.Live && parent && parent.group !== group && parent.session === group.session) {
      return false;
    }
  }
  return true;
}
