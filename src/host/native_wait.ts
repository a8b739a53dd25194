/** Waiting, clocks, signals and the terminal of the host (native/host_wait.cc). Failures are -errno of the host. */
export interface NativeWait {
  /**
   * ppoll(2) over `entries`, triplets (fd, POLL events, revents) of which the first `count` count; fills revents.
   * `timeout` in nanoseconds, negative: none. Gives how many are ready, 0 at the time-out, -EINTR when a caught signal came.
   */
  hostPoll(entries: Int32Array, count: number, timeout: number): number;
  /** clock_gettime(2) into out[0] seconds, out[1] nanoseconds. */
  clockGettime(clock: number, out: Float64Array): number;
  clockGetres(clock: number, out: Float64Array): number;
  /** CLOCK_MONOTONIC in nanoseconds; exact to some nanoseconds. */
  monotonicNow(): number;
  /** From now on signal `n` (1–31) is remembered for takeSignals, preempts the guest and ends hostPoll. */
  catchSignal(n: number): number;
  /** Gives signal `n` back to whom it belonged before catchSignal. */
  releaseSignal(n: number): number;
  /** Signals that came since the last call, bit n-1. Clears the attention counter. */
  takeSignals(): number;
  /** One int32 that is not 0 when signals wait to be taken. */
  attentionBuffer(): ArrayBuffer;
  /** raise(3). */
  raiseSignal(n: number): number;
  /** sysname, nodename, release, version, machine. */
  uname(): string[];
  /** uptime, loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap, procs, totalhigh, mem_unit: 13 numbers. */
  sysinfo(out: Float64Array): number;
  /** utime and stime as (s, µs), then the 14 longs of struct rusage: 18 numbers. */
  getrusage(who: number, out: Float64Array): number;
  /** Random bytes into bytes[start, start + length). Gives how many. */
  getrandom(bytes: Uint8Array, start: number, length: number): number;
  /** CPUs that this process may use. */
  cpuCount(): number;
  /**
   * Remembers the mode of terminal `fd` (once). It is brought back by terminalRestore, and when the process exits, crashes
   * or aborts, unless another process group has the terminal by then.
   */
  terminalSave(fd: number): number;
  terminalRestore(): number;
}
