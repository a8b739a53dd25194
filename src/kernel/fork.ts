/** New processes and threads: the body of fork(2), vfork(2), clone(2) and clone3(2). */
import { E } from '../abi/errno.js';
import { CLONE, SCHED_RESET_ON_FORK } from '../abi/process.js';
import { RLIMIT } from '../abi/resource.js';
import { type Cpu, CpuBlock, Gpr } from '../host/cpu_block.js';
import { native } from '../host/native.js';
import type { AddressSpace } from '../mm/address_space.js';
import { enterNewNamespace } from './mount_use.js';
import { timersOf } from './interval_timers.js';
import { Process } from './process.js';
import { Task } from './task.js';

export interface CloneRequest {
  /** CLONE bits (without the signal in the low byte). */
  flags: number;
  exitSignal: number;
  /** Stack pointer of the child; 0: the parent's. */
  stack: number;
  /** Where CLONE_PARENT_SETTID, CLONE_CHILD_SETTID and CLONE_CHILD_CLEARTID store. */
  parentTid: number;
  childTid: number;
  /** CLONE_SETTLS: the fs base. */
  tls: number;
  /** clone3's set_tid: the id that the task is to have; 0: any. */
  tid: number;
  /** clone3's CLONE_CLEAR_SIGHAND. */
  clearHandlers: boolean;
}

/** Makes a task that differs from `task` as the request says. Gives it, not yet runnable, or -errno. */
export function clone(task: Task, request: CloneRequest): Task | number {
  const { kernel, process } = task;
  const { flags } = request;
  const thread = (flags & CLONE.THREAD) !== 0;
  if (!thread && task.cred.uid !== 0 && processesOf(task) >= process.limits.soft[RLIMIT.NPROC]!) return -E.AGAIN;
  const tid = request.tid === 0 ? kernel.newPid() : kernel.takePid(request.tid, task);
  if (tid < 0) return tid;
  let mm: AddressSpace;
  if (flags & CLONE.VM) {
    mm = task.mm;
    mm.share();
  } else {
    const copy = task.mm.fork();
    if (typeof copy === 'number') return copy;
    mm = copy;
  }
  let cpu: Cpu;
  try {
    cpu = kernel.engine.createCpu();
  } catch {
    mm.release();
    return -E.AGAIN;
  }
  cpu.u8.set(task.cpu.u8.subarray(0, CpuBlock.trap));
  cpu.u8.set(task.cpu.u8.subarray(CpuBlock.xsave, CpuBlock.size), CpuBlock.xsave);
  cpu.rip = task.cpu.rip;
  cpu.set(Gpr.rax, 0);
  if (request.stack !== 0) cpu.set(Gpr.rsp, request.stack);
  else kernel.engine.takeCalls(cpu, kernel.codeOf(mm), task.cpu, kernel.codeOf(task.mm));
  if (flags & CLONE.SETTLS) {
    cpu.u32[CpuBlock.fsBase >> 2] = request.tls >>> 0;
    cpu.u32[(CpuBlock.fsBase >> 2) + 1] = Math.floor(request.tls / 0x1_0000_0000);
  }

  const { files } = task;
  if (flags & CLONE.FILES) files.users++;
  const cred = task.cred.copy();
  const fs = flags & CLONE.FS ? task.fs : task.fs.clone(cred);
  if (flags & CLONE.NEWNS) enterNewNamespace(fs);
  const owner = thread ? process : childProcess(task, tid, request);
  if (!(flags & CLONE.VM)) mm.limits = owner.limits;
  const child = new Task(
    kernel, tid, owner, cpu, task.abi, mm, flags & CLONE.FILES ? files : files.copy(), fs, cred, task.name,
  );
  child.seccomp = task.seccomp;
  child.blockedLow = task.blockedLow;
  child.blockedHigh = task.blockedHigh;
  inheritSchedule(task, child);
  // A thread has to register anew.
  if ((flags & CLONE.VM) === 0) {
    child.rseq = task.rseq;
    child.rseqLength = task.rseqLength;
    child.rseqSignature = task.rseqSignature;
  }
  if ((flags & (CLONE.VM | CLONE.VFORK)) !== CLONE.VM) {
    child.altStackAddress = task.altStackAddress;
    child.altStackSize = task.altStackSize;
    child.altStackFlags = task.altStackFlags;
  }
  if (flags & CLONE.CHILD_CLEARTID) child.clearChildTid = request.childTid;
  if (flags & CLONE.PARENT_SETTID) task.mm.putU32(request.parentTid, tid);
  if (flags & CLONE.CHILD_SETTID) mm.putU32(request.childTid, tid);
  owner.tasks.push(child);
  kernel.tasks.set(tid, child);
  if (!thread) {
    kernel.processes.set(tid, owner);
    if (owner.limits.soft[RLIMIT.CPU] !== Infinity) timersOf(owner).limitCpu();
  }
  return child;
}

function childProcess(task: Task, pid: number, request: CloneRequest): Process {
  const { process } = task;
  const { flags } = request;
  let { actions } = process;
  if (flags & CLONE.SIGHAND) {
    actions.users++;
  } else {
    actions = actions.copy();
    if (request.clearHandlers) actions.reset();
  }
  const parent = flags & CLONE.PARENT ? process.parent : process;
  const child = new Process(pid, parent, process.group, actions, process.limits.copy());
  child.parentThread = flags & CLONE.PARENT ? process.parentThread : task;
  child.exitSignal = flags & CLONE.PARENT ? process.exitSignal : request.exitSignal;
  child.startTime = native.monotonicNow();
  child.dumpable = process.dumpable;
  child.personality = process.personality;
  child.timerSlack = child.defaultTimerSlack = process.timerSlack;
  child.mceKill = process.mceKill;
  child.hugePagesOff = process.hugePagesOff;
  child.memoryMerge = process.memoryMerge;
  child.ioFlusher = process.ioFlusher;
  child.oomScoreAdj = process.oomScoreAdj;
  child.vforked = (flags & CLONE.VFORK) !== 0;
  process.executable?.ref();
  child.runs(process.executable);
  child.executablePath = process.executablePath;
  return child;
}

/** SCHED_RESET_ON_FORK: no real-time priority for the child, and no negative nice value (sched(7)). */
function inheritSchedule(parent: Task, child: Task): void {
  child.affinity = parent.affinity;
  child.ioPriority = parent.ioPriority;
  child.virtualTime = parent.virtualTime;
  const reset = (parent.policy & SCHED_RESET_ON_FORK) !== 0;
  child.nice = reset ? Math.max(0, parent.nice) : parent.nice;
  if (reset && parent.realtimePriority > 0) return;
  child.policy = parent.policy & ~SCHED_RESET_ON_FORK;
  child.realtimePriority = parent.realtimePriority;
}

function processesOf(task: Task): number {
  const { uid } = task.cred;
  let count = 0;
  for (const other of task.kernel.tasks.values()) if (other.cred.uid === uid) count++;
  return count;
}
