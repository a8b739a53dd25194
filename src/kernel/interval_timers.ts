/** Timers that send signals: setitimer(2), alarm(2), timer_create(2). One set a process, made when first used. */
import { E } from '../abi/errno.js';
import { RLIMIT } from '../abi/resource.js';
import { SI, SIG } from '../abi/signal.js';
import { CLOCK, ITIMER, SIGEV } from '../abi/time.js';
import { native } from '../host/native.js';
import { processTime, processUsage, threadTime } from './clock.js';
import { SigInfo } from './pending_signals.js';
import type { Process } from './process.js';
import { sendToProcess, sendToTask } from './signals.js';
import type { Task } from './task.js';
import type { Timer } from './timers.js';

const TIMER_MAX = 1024;
const DELAYTIMER_MAX = 0x7fff_ffff;

/** A timer that is armed against CLOCK_MONOTONIC, or, for CPU-time clocks, looked at again while its process runs. */
export class IntervalTimer {
  /** Expiration on its clock (ns), Infinity when disarmed; ns between expirations. */
  next = Infinity;
  interval = 0;
  private timer: Timer | undefined;

  constructor(
    private readonly process: Process,
    /** ns now on the timer's clock. */
    private readonly clock: () => number,
    /** CPU-time clocks run at most as fast as the monotonic one. */
    private readonly cpuTime: boolean,
    private readonly expired: (count: number) => void,
  ) {}

  /** `next`: on the timer's clock, Infinity disarms. */
  set(next: number, interval: number): void {
    this.next = next;
    this.interval = interval;
    this.schedule();
  }

  /** As `set` with a time from now; 0 disarms. */
  arm(after: number, interval: number): void {
    this.set(after === 0 ? Infinity : this.clock() + after, interval);
  }

  /** Nanoseconds to the next expiration, 0 when disarmed. */
  get remaining(): number {
    return this.next === Infinity ? 0 : Math.max(1, this.next - this.clock());
  }

  private schedule(): void {
    const { timers } = this.process.leader.kernel;
    if (this.timer) timers.remove(this.timer);
    this.timer = undefined;
    if (this.next === Infinity) return;
    const wait = Math.max(0, this.next - this.clock());
    this.timer = timers.add(native.monotonicNow() + (this.cpuTime ? Math.max(wait, 1e6) : wait), fire, this);
  }

  fire(): void {
    this.timer = undefined;
    const now = this.clock();
    if (now < this.next) {
      this.schedule();
      return;
    }
    let count = 1;
    if (this.interval > 0) {
      count = Math.floor((now - this.next) / this.interval) + 1;
      this.next += count * this.interval;
    } else {
      this.next = Infinity;
    }
    this.schedule();
    this.expired(count);
  }
}

function fire(timer: IntervalTimer): void {
  timer.fire();
}

/** What sigevent(7) asks for. */
export interface Notification {
  kind: number;
  signal: number;
  valueLow: number;
  valueHigh: number;
  /** SIGEV_THREAD_ID: the thread. */
  tid: number;
}

/** timer_create(2)'s object. */
export class PosixTimer {
  readonly timer: IntervalTimer;
  /** The last signal sent: while it waits to be taken, expirations are counted in it and no other is sent. */
  private sent: SigInfo | undefined;
  /** Runs on CPU time; other clocks are turned into CLOCK_MONOTONIC. */
  readonly cpuTime: boolean;
  /** ns now on the clock that the timer runs on. */
  readonly now: () => number;

  constructor(readonly id: number, task: Task, readonly clockId: number, readonly notification: Notification) {
    const { process } = task;
    this.cpuTime = clockId === CLOCK.PROCESS_CPUTIME_ID || clockId === CLOCK.THREAD_CPUTIME_ID;
    this.now = clockId === CLOCK.PROCESS_CPUTIME_ID ? () => processTime(process, process.leader)
      : this.cpuTime ? () => threadTime(task) : () => native.monotonicNow();
    this.timer = new IntervalTimer(process, this.now, this.cpuTime, (count) => this.expired(process, count));
  }

  /** timer_getoverrun(2). */
  get overrun(): number {
    return this.sent?.overrun ?? 0;
  }

  /** timer_settime(2) begins anew. */
  forget(): void {
    this.sent = undefined;
  }

  private expired(process: Process, count: number): void {
    const { kind, signal, valueLow, valueHigh, tid } = this.notification;
    if (kind === SIGEV.NONE) return;
    if (this.sent?.queued) {
      this.sent.overrun = Math.min(this.sent.overrun + count, DELAYTIMER_MAX);
      return;
    }
    const info = this.sent = new SigInfo(signal, SI.TIMER);
    info.timerId = this.id;
    info.overrun = Math.min(count - 1, DELAYTIMER_MAX);
    info.valueLow = valueLow;
    info.valueHigh = valueHigh;
    const target = kind === SIGEV.THREAD_ID ? process.tasks.find((member) => member.tid === tid) : undefined;
    if (target) sendToTask(target, info);
    else if (kind !== SIGEV.THREAD_ID) sendToProcess(process, info);
  }
}

export class ProcessTimers {
  private readonly interval: (IntervalTimer | undefined)[] = [];
  private readonly posix = new Map<number, PosixTimer>();
  private nextId = 0;
  private cpuLimit: IntervalTimer | undefined;

  constructor(private readonly process: Process) {}

  /** RLIMIT_CPU was set or inherited: SIGXCPU at the soft limit and each second from then on, SIGKILL at the hard one. */
  limitCpu(): void {
    const { process } = this;
    const { soft, hard } = process.limits;
    const clock = (): number => processTime(process, process.leader);
    this.cpuLimit ??= new IntervalTimer(process, clock, true, () => {
      if (clock() >= hard[RLIMIT.CPU]! * 1e9) {
        sendToProcess(process, new SigInfo(SIG.KILL, SI.KERNEL));
        return;
      }
      soft[RLIMIT.CPU] = Math.floor(clock() / 1e9) + 1;
      sendToProcess(process, new SigInfo(SIG.XCPU, SI.KERNEL));
      this.limitCpu();
    });
    // Without a soft limit Linux does not look at the hard one.
    this.cpuLimit.set(soft[RLIMIT.CPU] === Infinity ? Infinity : Math.max(1, soft[RLIMIT.CPU]!) * 1e9, 0);
  }

  /** The timer of setitimer(2): ITIMER.REAL, VIRTUAL or PROF. */
  itimer(which: number): IntervalTimer {
    const { process } = this;
    const signal = which === ITIMER.REAL ? SIG.ALRM : which === ITIMER.VIRTUAL ? SIG.VTALRM : SIG.PROF;
    const clock = which === ITIMER.REAL ? () => native.monotonicNow()
      : which === ITIMER.VIRTUAL ? () => processUsage(process).userTime : () => processTime(process, process.leader);
    return this.interval[which] ??= new IntervalTimer(process, clock, which !== ITIMER.REAL, () => {
      sendToProcess(process, new SigInfo(signal, SI.KERNEL));
    });
  }

  create(task: Task, clockId: number, notification: Notification): PosixTimer | number {
    if (this.posix.size >= TIMER_MAX) return -E.AGAIN;
    const timer = new PosixTimer(this.nextId++, task, clockId, { ...notification });
    this.posix.set(timer.id, timer);
    return timer;
  }

  /** Those of timer_create(2). */
  created(): Iterable<PosixTimer> {
    return this.posix.values();
  }

  get(id: number): PosixTimer | undefined {
    return this.posix.get(id);
  }

  delete(id: number): number {
    const timer = this.posix.get(id);
    if (!timer) return -E.INVAL;
    timer.timer.set(Infinity, 0);
    this.posix.delete(id);
    return 0;
  }

  /** execve(2): POSIX timers go, interval timers stay. */
  deletePosix(): void {
    for (const id of [...this.posix.keys()]) this.delete(id);
  }

  /** The process ends. */
  disarm(): void {
    this.deletePosix();
    for (const timer of this.interval) timer?.set(Infinity, 0);
    this.cpuLimit?.set(Infinity, 0);
  }
}

export function timersOf(process: Process): ProcessTimers {
  return process.timers ??= new ProcessTimers(process);
}
