/** Processes (thread groups), process groups and sessions: what credentials(7) calls PID, PGID and SID. */
import { countRunning } from '../vfs/running.js';
import type { OpenFile } from '../vfs/vfs.js';
import { Roll } from './id_table.js';
import { PendingSignals } from './pending_signals.js';
import type { ProcessTimers } from './interval_timers.js';
import type { SignalActions } from './signal_actions.js';
import type { Limits } from './limits.js';
import type { Task } from './task.js';
import type { Terminal } from './tty/terminal.js';
import { WaitQueue } from './wait_queue.js';

export class Session {
  /** Processes of the session. */
  readonly members = new Roll<Process>();
  /** The controlling terminal. */
  terminal: Terminal | null = null;

  constructor(readonly sid: number) {}
}

export class ProcessGroup {
  readonly members = new Roll<Process>();

  constructor(readonly pgid: number, readonly session: Session) {}
}

/** Times and counts of ended children and threads; times in nanoseconds. */
export class Usage {
  userTime = 0;
  systemTime = 0;
  voluntarySwitches = 0;
  involuntarySwitches = 0;
  maxResident = 0;

  add(other: Usage): void {
    this.userTime += other.userTime;
    this.systemTime += other.systemTime;
    this.voluntarySwitches += other.voluntarySwitches;
    this.involuntarySwitches += other.involuntarySwitches;
    if (other.maxResident > this.maxResident) this.maxResident = other.maxResident;
  }
}

export const enum ProcessState { Live = 0, Zombie = 1, Reaped = 2 }

export class Process {
  state: ProcessState = ProcessState.Live;
  readonly tasks: Task[] = [];
  readonly children = new Roll<Process>();
  /** The thread of the parent that started it, or that took its place. */
  parentThread: Task | null = null;
  /** Tasks of this process in wait4(2) and waitid(2). */
  readonly childEvents = new WaitQueue();
  /** Wakes pidfd polls and vfork's parent when the process ends or executes. */
  readonly ended = new WaitQueue();
  readonly released = new WaitQueue();
  readonly pending = new PendingSignals();
  /** Waiters of signalfd(2) descriptors. */
  readonly signalfds = new WaitQueue();
  /** Status as wait(2) codes it, valid once exiting. */
  exitStatus = 0;
  exiting = false;
  /** Sent to the parent at the end: SIGCHLD for fork. 0: none. */
  exitSignal = 17;
  /** Job control: stopped by this signal (0: running), and what the parent was not told yet. */
  stopSignal = 0;
  stopReported = true;
  continueReported = true;
  /** The memory is a vfork parent's until exec or exit. */
  vforked = false;
  /** What ended threads used, and what waited-for children used. */
  readonly ownUsage = new Usage();
  readonly childUsage = new Usage();
  /** CLOCK_MONOTONIC at the start, nanoseconds. */
  startTime = 0;
  /** prctl(2). */
  parentDeathSignal = 0;
  dumpable = 1;
  subreaper = false;
  hasExecuted = false;
  /** Has or had record locks (fcntl(2)): closing a file gives them up. */
  hasRecordLocks = false;
  /** Is told of descriptors that the process closes; null: nobody wants to know. */
  closes: ((file: OpenFile) => void) | null = null;
  personality = 0;
  /** Commands that membarrier(2) registered. */
  membarriers = 0;
  timerSlack = 50_000;
  /** What PR_SET_TIMERSLACK 0 brings back. */
  defaultTimerSlack = 50_000;
  mceKill = 2;
  hugePagesOff = 0;
  memoryMerge = 0;
  ioFlusher = 0;
  oomScoreAdj = 0;
  /** The program that runs: for /proc/PID/exe and its path. */
  executable: OpenFile | null = null;
  private executableIdentity: unknown = null;
  executablePath = '';
  /** Interval timers and POSIX timers, made when first used. */
  timers: ProcessTimers | null = null;

  constructor(
    readonly pid: number,
    public parent: Process | null,
    public group: ProcessGroup,
    public actions: SignalActions,
    public limits: Limits,
  ) {
    group.members.add(this);
    group.session.members.add(this);
    parent?.children.add(this);
  }

  /** The thread whose tid is the pid; it stays in `tasks` as a zombie until the process ends. */
  get leader(): Task {
    return this.tasks[0]!;
  }

  get session(): Session {
    return this.group.session;
  }

  /** From now on this program runs, whose reference passes to the process; null: none any more. */
  runs(program: OpenFile | null): void {
    if (this.executable !== null) {
      countRunning(this.executableIdentity, -1);
      this.executable.unref();
    }
    this.executable = program;
    this.executableIdentity = program === null || program.inode === null ? program : program.inode.identity;
    if (program !== null) countRunning(this.executableIdentity, 1);
  }

  /** Moves the process to another group, perhaps of another session. */
  setGroup(group: ProcessGroup): void {
    this.group.members.delete(this);
    this.group.session.members.delete(this);
    this.group = group;
    group.members.add(this);
    group.session.members.add(this);
  }
}
