/**
 * Signals that the host sends to posixx go to the guest: those of the keyboard to the foreground group, as a terminal
 * does it, the others to the main process. Who insists gets his way: see `insist`.
 */
import { SI, SIG } from '../abi/signal.js';
import { native } from '../host/native.js';
import type { Kernel } from './kernel.js';
import { SigInfo } from './pending_signals.js';
import { ProcessState, type Process, type ProcessGroup } from './process.js';
import { blocks, sendToGroup, sendToProcess } from './signals.js';
import { TaskState } from './task.js';

const TO_GROUP: readonly number[] = [SIG.INT, SIG.QUIT, SIG.TSTP, SIG.WINCH, SIG.CONT];
const TO_MAIN: readonly number[] = [SIG.HUP, SIG.TERM, SIG.USR1, SIG.USR2, SIG.ALRM];
/** What ends the run once the main process has ended. */
const ENDS: readonly number[] = [SIG.INT, SIG.QUIT, SIG.TERM, SIG.HUP];
/** Between two ^C of somebody who means it, nanoseconds. */
const INSIST_NS = 2e9;

export class HostSignals {
  private readonly attention = new Int32Array(native.attentionBuffer());
  private interruptedAt = -Infinity;
  private interrupted: ProcessGroup | null = null;
  /** Signals of ENDS that went to the main process, bit n-1. */
  private asked = 0;

  /** `killAfter`: nanoseconds that a guest gets to end after a signal that asks it to; Infinity: all it wants. */
  constructor(private readonly kernel: Kernel, private readonly killAfter: number) {}

  /** From now on signals come to the guest. */
  catch(): void {
    for (const signal of [...TO_GROUP, ...TO_MAIN]) native.catchSignal(signal);
  }
  release(): void {
    for (const signal of [...TO_GROUP, ...TO_MAIN]) native.releaseSignal(signal);
  }

  /** Whether signals wait to be taken. */
  get due(): boolean {
    return this.attention[0] !== 0;
  }

  take(): void {
    const signals = native.takeSignals();
    const { main } = this.kernel;
    if (!main) return;
    for (let signal = 1; signal <= 31; signal++) {
      if (signals & (1 << (signal - 1))) this.pass(signal, main);
    }
  }

  /** The main process ends by what the host asked of it: those in the background, whom nobody could reach, end, too. */
  mainEnds(main: Process): void {
    const signal = main.exitStatus & 0x7f;
    if (signal !== 0 && this.asked & (1 << (signal - 1))) killAll([...main.session.members]);
  }

  private pass(signal: number, main: Process): void {
    const info = new SigInfo(signal, SI.KERNEL);
    // Who is left is in the background, where shells have SIGINT ignored: there is nobody to ask any more.
    if (main.state !== ProcessState.Live && ENDS.includes(signal)) return killAll([...main.session.members]);
    // The host's terminal knows posixx only; whom it means is the guest's job control's to say.
    const foreground = this.kernel.hostTerminal?.foreground ?? main.group;
    if (TO_GROUP.includes(signal)) {
      if (signal === SIG.INT && this.insist(foreground)) return;
      sendToGroup(foreground, info);
      if (signal === SIG.INT || signal === SIG.QUIT) this.limit(foreground.members);
      return;
    }
    if (ENDS.includes(signal)) this.asked |= 1 << (signal - 1);
    sendToProcess(main, info);
    // The terminal is gone: its foreground is told, too (setsid(2), SIGHUP).
    if (signal === SIG.HUP && foreground !== main.group) sendToGroup(foreground, info);
    if (signal === SIG.TERM || signal === SIG.HUP) this.limit(main.session.members);
  }

  /**
   * A second ^C kills the foreground group when no SIGINT can reach it, for all of it ignores or blocks that signal.
   * With a time to end (--kill-after), it kills whatever is still there.
   */
  private insist(group: ProcessGroup): boolean {
    const now = native.monotonicNow();
    const within = this.killAfter === Infinity ? INSIST_NS : this.killAfter;
    const again = this.interrupted === group && now - this.interruptedAt < within;
    this.interrupted = group;
    this.interruptedAt = now;
    if (!again || (this.killAfter === Infinity && ![...group.members].every(isDeaf))) return false;
    sendToGroup(group, new SigInfo(SIG.KILL, SI.KERNEL));
    return true;
  }

  /** Of these, who is left after the time to end is killed. */
  private limit(processes: Iterable<Process>): void {
    if (this.killAfter === Infinity) return;
    this.kernel.timers.add(native.monotonicNow() + this.killAfter, killAll, [...processes]);
  }
}

/** SIGINT does nothing to the process, now or later: it is ignored, or blocked by all threads. */
function isDeaf(process: Process): boolean {
  return process.state !== ProcessState.Live || process.actions.ignores(SIG.INT) ||
    process.tasks.every((task) => task.state === TaskState.Zombie || blocks(task, SIG.INT));
}

function killAll(processes: readonly Process[]): void {
  for (const process of processes) sendToProcess(process, new SigInfo(SIG.KILL, SI.KERNEL));
}
