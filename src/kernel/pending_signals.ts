/** Signals that were sent and not yet taken: of a thread, or of a process. */
import { SI, SIG, SIGRTMIN } from '../abi/signal.js';

/** What a siginfo_t tells; which members count depends on `code` (sigaction(2)). */
export class SigInfo {
  errno = 0;
  pid = 0;
  uid = 0;
  /** SIGCHLD: exit status or signal, and times in clock ticks. */
  status = 0;
  utime = 0;
  stime = 0;
  /** si_value, low and high word. */
  valueLow = 0;
  valueHigh = 0;
  /** si_addr of a fault, and what the frame says of it: trap number (-1: no fault) and error code of the CPU. */
  address = 0;
  trapNumber = -1;
  errorCode = 0;
  /** SI_TIMER: id and overrun. */
  timerId = 0;
  overrun = 0;
  /** SIGIO: band and descriptor. */
  band = 0;
  fd = 0;
  /** SIGSYS: the call, and AUDIT_ARCH. */
  syscall = 0;
  arch = 0;
  /** It waits to be taken. */
  queued = false;
  /** A siginfo_t given by the guest (rt_sigqueueinfo), as it is. */
  raw: Uint8Array | undefined;

  constructor(readonly signal: number, readonly code: number) {}
}

/** SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGSYS are taken before all others. */
const SYNCHRONOUS_LOW = bit(SIG.SEGV) | bit(SIG.BUS) | bit(SIG.ILL) | bit(SIG.TRAP) | bit(SIG.FPE) | bit(SIG.SYS);

/** Bit of signal 1–32 in a low word, or of 33–64 in a high one. */
export function bit(signal: number): number {
  return 1 << ((signal - 1) & 31);
}

export class PendingSignals {
  /** Bit n-1 of signal n: 1–32, 33–64. */
  low = 0;
  high = 0;
  private readonly queue: SigInfo[] = [];

  has(signal: number): boolean {
    return ((signal <= 32 ? this.low : this.high) & bit(signal)) !== 0;
  }

  get length(): number {
    return this.queue.length;
  }

  /**
   * Standard signals are pending at most once, but for those of POSIX timers; real-time ones queue. Gives false when it
   * was pending already.
   */
  add(info: SigInfo): boolean {
    const { signal } = info;
    if (signal < SIGRTMIN && info.code !== SI.TIMER && this.has(signal)) return false;
    if (signal <= 32) this.low |= bit(signal);
    else this.high |= bit(signal);
    info.queued = true;
    this.queue.push(info);
    return true;
  }

  /** Takes the next signal that the mask leaves open, synchronous ones first, then by number. */
  take(blockedLow: number, blockedHigh: number): SigInfo | undefined {
    const low = this.low & ~blockedLow;
    const high = this.high & ~blockedHigh;
    if (low === 0 && high === 0) return undefined;
    const first = low & SYNCHRONOUS_LOW || low;
    return this.takeSignal(first !== 0 ? 32 - Math.clz32(first & -first) : 64 - Math.clz32(high & -high));
  }

  /** Takes the oldest instance of `signal`. */
  takeSignal(signal: number): SigInfo | undefined {
    const at = this.queue.findIndex((info) => info.signal === signal);
    if (at < 0) return undefined;
    const info = this.queue[at]!;
    info.queued = false;
    this.queue.splice(at, 1);
    if (!this.queue.some((other) => other.signal === signal)) this.clear(signal);
    return info;
  }

  /** Forgets all instances of `signal`. */
  discard(signal: number): void {
    if (!this.has(signal)) return;
    this.clear(signal);
    for (let at = this.queue.length - 1; at >= 0; at--) {
      if (this.queue[at]!.signal !== signal) continue;
      this.queue[at]!.queued = false;
      this.queue.splice(at, 1);
    }
  }

  private clear(signal: number): void {
    if (signal <= 32) this.low &= ~bit(signal);
    else this.high &= ~bit(signal);
  }
}
