/**
 * A task: one thread of a guest program. What threads may share (memory, descriptors, directories, signal
 * actions) hangs on it by reference, as in Linux.
 */
import type { Abi } from '../abi/abi.js';
import type { Cpu } from '../host/cpu_block.js';
import type { AddressSpace } from '../mm/address_space.js';
import type { OpenFile } from '../vfs/open_file.js';
import type { PathContext } from '../vfs/path_walk.js';
import type { Credentials } from './credentials.js';
import type { FdTable } from './fd_table.js';
import type { Kernel } from './kernel.js';
import type { Process } from './process.js';
import { PendingSignals } from './pending_signals.js';
import type { Seccomp } from './seccomp.js';
import { deliverable } from './signals.js';
import type { Timer } from './timers.js';
import type { UserDispatch } from './user_dispatch.js';
import { Wake, type Waiter, type WaitQueue } from './wait_queue.js';

/**
 * What `park` gives and a handler hands on: no result yet. Outside of the range of results and errors.
 * The registers are left alone until the task goes on.
 */
export const BLOCKED = -0x10000;
/** What a handler gives when it has set all registers itself (rt_sigreturn, execve). */
export const REGISTERS_SET = -0x10001;

/** Goes on with a parked call: gives its result, or parks again. */
export type Resume = (task: Task, wake: Wake) => number;

/**
 *     Runnable <-> Running --(park)--> Parked --(wake)--> Runnable
 *        |            |                  |
 *        |            +--(stop signal)---+--> Stopped --(SIGCONT)--> Runnable or Parked
 *        +--(exit, fatal signal)--> Zombie --(wait)--> gone
 */
export const enum TaskState {
  Runnable = 0,
  Running = 1,
  Parked = 2,
  Stopped = 3,
  Zombie = 4,
}

export class Task implements Waiter {
  state: TaskState = TaskState.Runnable;
  /** Number of the call that is being carried out (for restarts), -1 outside of calls. */
  syscall = -1;
  /** Signals blocked by the task: numbers 1–32 and 33–64, bit n-1. */
  blockedLow = 0;
  blockedHigh = 0;
  /** Signals sent to this thread; those sent to the process are process.pending. */
  readonly pending = new PendingSignals();
  /** An unblocked signal may be pending: look before going back to the guest. */
  signalDue = false;
  /** The mask to bring back when a handler or none has run (sigsuspend, ppoll, pselect, epoll_pwait). */
  savedMask: { low: number; high: number } | undefined;
  /** Signals that rt_sigtimedwait(2) waits for. */
  sigwait: { low: number; high: number } | undefined;
  /** The mask that the last restored frame had. */
  readonly frameMask = { low: 0, high: 0 };
  /** The last fault, for the frames of all signals from then on. */
  faultTrapNumber = 0;
  faultErrorCode = 0;
  faultAddress = 0;
  /** Alternate signal stack: address, bytes (0: disabled), flags of sigaltstack(2). */
  altStackAddress = 0;
  altStackSize = 0;
  altStackFlags = 0;
  /** CLONE_CHILD_CLEARTID and set_tid_address: where to store 0 and wake a futex at exit. */
  clearChildTid = 0;
  robustList = 0;
  /** comm: at most 15 bytes. */
  name: string;
  /** The parked call, its wait queues, its deadline. */
  resume: Resume | undefined;
  readonly queues: WaitQueue[] = [];
  deadline: Timer | undefined;
  private interruptible = true;
  wakeReason: Wake = Wake.Event;
  /** Goes on with a call that a signal handler interrupted: restart_syscall(2). */
  restart: Resume | undefined;
  /** Descriptions that the parked call goes on with, be their descriptors closed meanwhile: one reference each. */
  private readonly held: OpenFile[] = [];
  /** Time on the CPU in nanoseconds: of the guest's code, of the kernel for it, and what was not split yet. */
  userTime = 0;
  systemTime = 0;
  unsplitTime = 0;
  voluntarySwitches = 0;
  involuntarySwitches = 0;
  /** sched_setscheduler(2), with SCHED_RESET_ON_FORK; setpriority(2); ioprio_set(2). */
  policy = 0;
  realtimePriority = 0;
  nice = 0;
  /** Time on the CPU by the task's weight (RunQueue). */
  virtualTime = 0;
  ioPriority = 0;
  /** seccomp(2); null: all calls are allowed. */
  seccomp: Seccomp | null = null;
  /** PR_SET_SYSCALL_USER_DISPATCH; null: off. */
  userDispatch: UserDispatch | null = null;
  /** sched_setaffinity(2): CPUs by bits; null: all. */
  affinity: Uint8Array | null = null;
  /** Restartable sequences: the thread's struct rseq (0: none), its length, the signature of abort handlers. */
  rseq = 0;
  rseqLength = 0;
  rseqSignature = 0;

  constructor(
    readonly kernel: Kernel,
    public tid: number,
    public process: Process,
    readonly cpu: Cpu,
    public abi: Abi,
    public mm: AddressSpace,
    public files: FdTable,
    public fs: PathContext,
    public cred: Credentials,
    name: string,
  ) {
    this.name = name;
  }

  /**
   * Parks the task in the middle of a call. Add it to wait queues before. `deadline` is a time of
   * CLOCK_MONOTONIC in nanoseconds. The handler returns what this gives. When not `interruptible`, signals wait.
   */
  park(resume: Resume, deadline = Infinity, interruptible = true): number {
    this.resume = resume;
    this.interruptible = interruptible;
    if (interruptible && this.signalDue && deliverable(this)) {
      this.unpark();
      this.resume = undefined;
      return resume(this, Wake.Signal);
    }
    this.state = TaskState.Parked;
    if (deadline !== Infinity) this.deadline = this.kernel.timers.add(deadline, expire, this);
    return BLOCKED;
  }

  /** Keeps `file` open until the parked call has ended. */
  hold(file: OpenFile): void {
    if (this.held.includes(file)) return;
    file.ref();
    this.held.push(file);
  }

  /** The parked call has ended, or the task has. */
  letGo(): void {
    while (this.held.length > 0) this.held.pop()!.unref();
  }

  /** Lets other runnable tasks go first; the call then gives 0. */
  yield(): number {
    this.resume = giveZero;
    this.state = TaskState.Runnable;
    this.kernel.enqueue(this);
    return BLOCKED;
  }

  /** A queue that the task waits on was woken. */
  notify(): boolean {
    const waits = this.state === TaskState.Parked;
    this.wake(Wake.Event);
    return waits;
  }

  /** Makes a parked task runnable; does nothing to others. */
  wake(reason: Wake): void {
    if (this.state !== TaskState.Parked || (reason === Wake.Signal && !this.interruptible)) return;
    this.unpark();
    this.wakeReason = reason;
    this.state = TaskState.Runnable;
    this.kernel.enqueue(this);
  }

  /** Takes the task out of its wait queues and drops its deadline. */
  unpark(): void {
    for (const queue of this.queues) queue.remove(this);
    this.queues.length = 0;
    if (this.deadline) {
      this.kernel.timers.remove(this.deadline);
      this.deadline = undefined;
    }
  }
}

function giveZero(): number {
  return 0;
}

function expire(task: Task): void {
  task.deadline = undefined;
  task.wake(Wake.Timeout);
}
