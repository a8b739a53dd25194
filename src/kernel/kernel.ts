/**
 * The kernel: tasks, the run loop that gives them the CPU, and what wakes them. It knows the system calls only as
 * a function that it is given.
 */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { SIG } from '../abi/signal.js';
import { Trap } from '../host/cpu_block.js';
import { native } from '../host/native.js';
import type { AddressSpace } from '../mm/address_space.js';
import { MemoryAccount } from '../mm/limits.js';
import { chooseLayout, type Layout } from '../mm/layout.js';
import type { CodeSpace, Engine } from '../translator/engine.js';
import { mountAt } from '../vfs/default_root.js';
import { MS } from '../vfs/mount.js';
import type { Vfs } from '../vfs/vfs.js';
import { CpuTime } from './cpu_time.js';
import { faultSignal } from './fault_signal.js';
import { HostEvents } from './host_events.js';
import { HostSignals } from './host_signals.js';
import { IdTable } from './id_table.js';
import { initTask } from './init_task.js';
import type { IpcNamespace } from './ipc/namespace.js';
import { Limits } from './limits.js';
import type { NetNamespace } from './net/namespace.js';
import { SigInfo } from './pending_signals.js';
import { Process, ProcessGroup, ProcessState, Session } from './process.js';
import { leaveCriticalSection } from './rseq.js';
import { SignalActions } from './signal_actions.js';
import { deliverSignals } from './signals.js';
import { BLOCKED, REGISTERS_SET, TaskState, type Task } from './task.js';
import { RunQueue, weightFactor } from './run_queue.js';
import { createProcFs } from './procfs/procfs.js';
import { createSysFs } from './sysfs/sysfs.js';
import { openFifo } from './pipe.js';
import { Timers } from './timers.js';
import { registerTerminals } from './tty/devices.js';
import { CAP_SYS_ADMIN, type Terminal } from './tty/terminal.js';
import { RELEASE, VERSION } from './version.js';

/** Carries out system call `number` of `abi` for a task: a result, -errno, BLOCKED or REGISTERS_SET. */
export type Dispatch = (task: Task, number: number, abi: Abi) => number;

/** Is told what a tracer of system calls cannot see through Dispatch. */
export interface Tracer {
  /** A parked call went on: its result, or BLOCKED again. */
  resumed(task: Task, result: number): void;
  /** A task takes a signal. */
  signal(task: Task, info: SigInfo): void;
  exited(process: Process): void;
}

export interface KernelOptions {
  engine: Engine;
  dispatch: Dispatch;
  vfs: Vfs;
  /** Bytes that guests may commit together; Infinity for no limit. */
  memory?: number;
  /** Address-space layout randomisation; default true. */
  aslr?: boolean;
  hostname?: string;
  /** Tasks that may live at once. */
  maxTasks?: number;
  /** AT_HWCAP and AT_HWCAP2: CPUID leaf 1 edx of the CPU model, and bit 1 for FSGSBASE. */
  hwcap?: number;
  hwcap2?: number;
  /** Nanoseconds between a signal of the host's that asks the guest to end, and SIGKILL; default: for ever. */
  killAfter?: number;
  /** Gets lines for the user (an unimplemented call). */
  warn?: (line: string) => void;
}

/** kernel.pid_max: ids are below it. */
export const PID_MAX = 4_194_304;
const CAP_CHECKPOINT_RESTORE = 40;
/** Guest time between two looks at timers, host descriptors and other tasks. */
const SLICE_MICROS = 4000;
/** CPUID 1 edx of an x86-64-v3 CPU: FPU to SSE2, with the bits that every x86-64 CPU has. */
const DEFAULT_HWCAP = 0x078b_fbff;

export class Kernel {
  readonly engine: Engine;
  readonly vfs: Vfs;
  /** Carries calls out; seccomp takes its place. */
  carryOut: Dispatch;
  /** What the run loop calls: carryOut, or strace, which calls that. */
  dispatch: Dispatch;
  readonly timers = new Timers();
  readonly hostEvents = new HostEvents();
  /** Tasks by tid, processes by pid. */
  readonly tasks = new IdTable<Task>();
  readonly processes = new IdTable<Process>();
  /** Adopts orphans and reaps them. Its only task is not in `tasks`: see taskOf. */
  readonly init: Process;
  readonly memory: MemoryAccount;
  readonly layout: Layout;
  private fixedLayout: Layout | undefined;
  readonly maxTasks: number;
  readonly hwcap: number;
  readonly hwcap2: number;
  readonly warn: (line: string) => void;
  hostname: string;
  domainname = '(none)';
  /** The process that posixx was started for: its end is the end of the run. */
  main: Process | null = null;
  tracer: Tracer | null = null;
  /** The terminal that posixx was started on. */
  hostTerminal: Terminal | null = null;
  /** Bound sockets, once there is one. */
  net: NetNamespace | null = null;
  /** System V IPC objects, once one was asked for. */
  ipc: IpcNamespace | null = null;
  /** The task whose code or call runs now. */
  current: Task | null = null;
  /** CLOCK_MONOTONIC when the current task got the CPU, nanoseconds. */
  currentSince = 0;
  /** CLOCK_MONOTONIC at the kernel's start: the guest's boot. */
  readonly bootTime = native.monotonicNow();

  readonly cpuTime = new CpuTime();
  readonly queue = new RunQueue();
  /** The id given last. */
  lastPid = 1;
  /** Tasks started since the beginning, and nanoseconds that all of them have had the CPU. */
  started = 0;
  busyTime = 0;
  /** How many pseudo-terminals there are. */
  pseudoTerminals = 0;
  private readonly hostSignals: HostSignals;

  constructor(options: KernelOptions) {
    this.engine = options.engine;
    this.carryOut = this.dispatch = options.dispatch;
    this.vfs = options.vfs;
    this.memory = new MemoryAccount(options.memory ?? Infinity);
    this.layout = chooseLayout(options.aslr ?? true);
    this.maxTasks = options.maxTasks ?? 32768;
    this.hwcap = options.hwcap ?? DEFAULT_HWCAP;
    this.hwcap2 = options.hwcap2 ?? 2;
    this.warn = options.warn ?? (() => {});
    this.hostSignals = new HostSignals(this, options.killAfter ?? Infinity);
    this.hostname = options.hostname ?? native.uname()[1]!;
    const session = new Session(1);
    this.init = new Process(1, null, new ProcessGroup(1, session), new SignalActions(), Limits.initial());
    this.init.startTime = this.bootTime;
    this.processes.set(1, this.init);
    this.vfs.log = this.warn;
    mountAt(this.vfs, createProcFs(this, RELEASE, VERSION), '/proc', MS.NOSUID | MS.NODEV | MS.NOEXEC);
    mountAt(this.vfs, createSysFs(this), '/sys', MS.NOSUID | MS.NODEV | MS.NOEXEC);
    this.vfs.openFifo = openFifo;
    mountAt(this.vfs, registerTerminals(this), '/dev/pts', MS.NOSUID | MS.NOEXEC);
  }

  /** Where programs lie that do not want chance (personality(2), ADDR_NO_RANDOMIZE). */
  get plainLayout(): Layout {
    return this.fixedLayout ??= chooseLayout(false);
  }

  /** A free id for a task, a group or a session; -EAGAIN when the limit of tasks is reached. */
  newPid(): number {
    if (this.tasks.size >= this.maxTasks) return -E.AGAIN;
    this.started++;
    do {
      this.lastPid = this.lastPid >= PID_MAX - 1 ? 300 : this.lastPid + 1;
    } while (this.tasks.has(this.lastPid) || this.processes.has(this.lastPid) || this.groupExists(this.lastPid));
    return this.lastPid;
  }

  /** The wanted id for a task: -EPERM without CAP_CHECKPOINT_RESTORE, -EEXIST when it is taken, -EAGAIN. */
  takePid(pid: number, task: Task): number {
    if (!task.cred.has(CAP_SYS_ADMIN) && !task.cred.has(CAP_CHECKPOINT_RESTORE)) return -E.PERM;
    if (this.tasks.size >= this.maxTasks) return -E.AGAIN;
    return this.tasks.has(pid) || this.processes.has(pid) || this.groupExists(pid) ? -E.EXIST : pid;
  }

  /** The thread with that id; that of process 1, too. */
  taskOf(tid: number): Task | undefined {
    const found = this.tasks.get(tid);
    if (found || tid !== this.init.pid) return found;
    if (this.init.tasks.length === 0) this.init.tasks.push(initTask(this));
    return this.init.leader;
  }

  findGroup(pgid: number): ProcessGroup | undefined {
    for (const process of this.processes.values()) if (process.group.pgid === pgid) return process.group;
    return undefined;
  }

  private groupExists(id: number): boolean {
    for (const process of this.processes.values()) {
      if (process.group.pgid === id || process.session.sid === id) return true;
    }
    return false;
  }

  /** Puts a runnable task behind those that wait for the CPU with its priority. */
  enqueue(task: Task): void {
    this.queue.add(task);
  }

  /** Another task could run now. */
  get othersRunnable(): boolean {
    return this.queue.waiting;
  }

  /** The translated code of a space, made when first needed. */
  codeOf(mm: AddressSpace): CodeSpace {
    // Only engine.createSpace and CodeSpace.fork make what stands in mm.code.
    return (mm.code ??= this.engine.createSpace(mm)) as CodeSpace;
  }

  /** A task ended: gives back what it used. */
  release(task: Task): void {
    if (this.current === task) this.chargeTime();
    task.files.leave();
    task.mm.release();
    this.engine.destroyCpu(task.cpu);
  }

  processEnds(process: Process): void {
    process.timers?.disarm();
    if (process === this.main) this.hostSignals.mainEnds(process);
    this.ipc?.sem.processEnds(process);
    this.tracer?.exited(process);
  }

  /** Processes that go on when the main one has ended are those of its session (its background jobs). */
  private get finished(): boolean {
    const main = this.main!;
    if (main.state === ProcessState.Live) return false;
    for (const member of main.session.members) if (member.state === ProcessState.Live) return false;
    return true;
  }

  /** Runs until the main process has ended, and what it left in the background; gives its wait status. */
  run(): number {
    this.hostSignals.catch();
    native.timesliceSet(SLICE_MICROS);
    try {
      let lastLook = this.currentSince = native.monotonicNow();
      this.cpuTime.begin();
      for (;;) {
        if (this.hostSignals.due) this.hostSignals.take();
        const task = this.queue.take();
        if (task) {
          this.execute(task);
          if (this.main!.state !== ProcessState.Live && this.finished) break;
          const now = this.currentSince;
          if (this.timers.next <= now) this.timers.expire(now);
          if (now - lastLook > SLICE_MICROS * 1000) {
            lastLook = now;
            this.hostEvents.poll(0);
          }
        } else {
          if (this.finished) break;
          this.idle();
          this.currentSince = native.monotonicNow();
          this.cpuTime.begin();
        }
      }
    } finally {
      native.timesliceSet(0);
      this.hostSignals.release();
      this.vfs.close();
      if (this.hostTerminal) native.terminalRestore();
    }
    return this.main!.exitStatus;
  }

  private get allStopped(): boolean {
    for (const process of this.processes.values()) {
      if (process !== this.init && process.state === ProcessState.Live && process.stopSignal === 0) return false;
    }
    return true;
  }

  private idle(): void {
    const now = native.monotonicNow();
    const until = this.timers.next;
    // With a terminal, timers do not matter: who is stopped does nothing when they are over.
    if ((until === Infinity || this.hostTerminal) && this.allStopped) {
      // Whoever started posixx sees a stopped job; SIGCONT brings both back.
      native.raiseSignal(SIG.STOP);
      return;
    }
    if (until > now) this.hostEvents.poll(until === Infinity ? -1 : until - now);
    this.timers.expire(native.monotonicNow());
  }

  /** Gives the CPU to a task until it waits, ends, stops or its time slice is over. */
  private execute(task: Task): void {
    // Since the task before it gave up the CPU: the clock is read once a turn.
    this.current = task;
    task.state = TaskState.Running;
    // Tasks that share their directories may be different users.
    task.fs.cred = task.cred;
    const { resume } = task;
    if (resume) {
      task.resume = undefined;
      const result = resume(task, task.wakeReason);
      this.tracer?.resumed(task, result);
      if (result !== BLOCKED) task.letGo();
      if (task.savedMask) task.signalDue = true;
      if (task.state === TaskState.Running) this.finishCall(task, result);
    }
    if (task.state === TaskState.Running) this.runGuest(task);
    this.chargeTime();
    this.current = null;
  }

  /** The current task's time until now goes to its account. */
  chargeTime(): void {
    const now = native.monotonicNow();
    const { current } = this;
    if (current) {
      const ns = now - this.currentSince;
      this.cpuTime.charge(current, ns);
      this.busyTime += ns;
      if (this.queue.weighted) current.virtualTime += ns * weightFactor(current);
    }
    this.currentSince = now;
  }

  private runGuest(task: Task): void {
    const { engine } = this;
    const { cpu } = task;
    let code = this.codeOf(task.mm);
    for (;;) {
      if (task.signalDue) {
        deliverSignals(task);
        if (task.state !== TaskState.Running) {
          if (task.state === TaskState.Parked || task.state === TaskState.Stopped) task.voluntarySwitches++;
          return;
        }
      }
      if (this.queue.outranks(task)) return this.preempt(task);
      const trap = engine.run(cpu, code);
      switch (trap) {
        case Trap.Syscall:
        case Trap.Int80: {
          const number = cpu.i32[0]!;
          task.syscall = number;
          const result = this.dispatch(task, number, trap === Trap.Syscall ? Abi.X64 : Abi.I386);
          if (task.state !== TaskState.Running) {
            task.voluntarySwitches++;
            return;
          }
          this.finishCall(task, result);
          if (result === REGISTERS_SET) code = this.codeOf(task.mm);
          break;
        }
        case Trap.Preempted:
          if (this.hostSignals.due) this.hostSignals.take();
          if (task.state === TaskState.Running) this.preempt(task);
          return;
        default:
          faultSignal(task, trap);
      }
    }
  }

  /** Others have their turn. */
  private preempt(task: Task): void {
    task.involuntarySwitches++;
    task.state = TaskState.Runnable;
    if (task.rseq !== 0) leaveCriticalSection(task);
    this.queue.addPreempted(task);
  }

  /** Stores a call's result where the guest finds it. */
  private finishCall(task: Task, result: number): void {
    const { cpu } = task;
    if (result === (result | 0)) {
      if (result === BLOCKED || result === REGISTERS_SET) {
        task.syscall = -1;
        return;
      }
      cpu.i32[0] = result;
      cpu.i32[1] = result >> 31;
      if (result <= -E.RESTARTSYS && result >= -E.RESTART_RESTARTBLOCK) task.signalDue = true;
      else task.syscall = -1;
    } else {
      cpu.set(0, result);
      task.syscall = -1;
    }
  }

  /** The leader of a session ends: its terminal is free, and the foreground is told by SIGHUP. */
  sessionEnds(session: Session): void {
    session.terminal?.disassociate();
  }

  /** A process has executed a new program. */
  executed(process: Process): void {
    process.timers?.deletePosix();
  }
}
