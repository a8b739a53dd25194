/** The end of threads and processes (_exit(2)), zombies, orphans, and what wait(2) finds. */
import { CLD, SA, SI, SIG } from '../abi/signal.js';
import { RLIMIT } from '../abi/resource.js';
import { USER_HZ } from '../abi/time.js';
import { native } from '../host/native.js';
import { recordLocks } from '../vfs/locks.js';
import { leaveFutexes, wakeFutex } from './futex.js';
import { leaveNamespace } from './mount_use.js';
import { SigInfo } from './pending_signals.js';
import { ProcessState, type Process } from './process.js';
import { releaseLocks } from './robust_list.js';
import { orphaned, sendToGroup, sendToProcess } from './signals.js';
import { TaskState, type Task } from './task.js';

/** struct rusage of the host; ru_maxrss is the fifth. */
const hostUsage = new Float64Array(18);
const NS_PER_TICK = 1e9 / USER_HZ;

/** The status of an end by a signal that asks for a core dump: none is written, but its bit follows core(5). */
export function coreStatus(process: Process, signal: number): number {
  return signal | (process.dumpable && process.limits.soft[RLIMIT.CORE]! > 0 ? 0x80 : 0);
}

/** Ends all threads of the task's process. `status` as wait(2) codes it: exit code << 8, or signal and core bit. */
export function exitGroup(task: Task, status: number): void {
  const { process } = task;
  if (!process.exiting) {
    process.exiting = true;
    process.exitStatus = status;
  }
  for (const other of [...process.tasks]) {
    if (other !== task && other.state !== TaskState.Zombie) exitTask(other, status);
  }
  exitTask(task, status);
}

/** Ends one thread; the last one ends the process. */
export function exitTask(task: Task, status: number): void {
  if (task.state === TaskState.Zombie) return;
  const { process, kernel } = task;
  if (task.state !== TaskState.Running) leaveFutexes(task);
  task.unpark();
  task.resume = undefined;
  task.letGo();
  task.state = TaskState.Zombie;
  if (kernel.current === task) kernel.chargeTime();
  kernel.cpuTime.settle(task);
  process.ownUsage.userTime += task.userTime;
  process.ownUsage.systemTime += task.systemTime;
  process.ownUsage.voluntarySwitches += task.voluntarySwitches;
  process.ownUsage.involuntarySwitches += task.involuntarySwitches;
  releaseLocks(task);
  if (task.clearChildTid !== 0 && task.mm.putU32(task.clearChildTid, 0)) wakeFutex(task, task.clearChildTid, 1);
  kernel.release(task);
  leaveNamespace(kernel, task.fs.namespace);
  if (task !== process.leader) {
    process.tasks.splice(process.tasks.indexOf(task), 1);
    kernel.tasks.delete(task.tid);
  }
  process.released.wake();
  const heir = process.tasks.find((other) => other.state !== TaskState.Zombie);
  if (heir) handOverChildren(task, heir);
  else exitProcess(process, status);
}

/** Another thread of the process becomes the parent of its children, who are told of the death all the same. */
function handOverChildren(task: Task, heir: Task): void {
  const { process } = task;
  for (const child of process.children) {
    if (child.parentThread !== task) continue;
    child.parentThread = heir;
    if (!process.exiting) tellOfDeath(process, child);
  }
}

/** PR_SET_PDEATHSIG (prctl(2)). */
function tellOfDeath(parent: Process, child: Process): void {
  if (child.parentDeathSignal === 0) return;
  const info = new SigInfo(child.parentDeathSignal, SI.USER);
  info.pid = parent.pid;
  sendToProcess(child, info);
}

function exitProcess(process: Process, status: number): void {
  const { kernel } = process.leader;
  if (!process.exiting) {
    process.exiting = true;
    process.exitStatus = status;
  }
  kernel.processEnds(process);
  native.getrusage(0, hostUsage);
  process.ownUsage.maxResident = hostUsage[4]!;
  if (process.hasRecordLocks) recordLocks.releaseOwner(process);
  process.runs(null);
  process.released.wake();
  adoptChildren(process);
  if (process.session.sid === process.pid) kernel.sessionEnds(process.session);
  hangUpOrphans(process);
  process.state = ProcessState.Zombie;
  process.ended.wake();

  const { parent } = process;
  if (!parent || parent === kernel.init) {
    reap(process);
    return;
  }
  const signal = process.exitSignal;
  const reaped = signal === SIG.CHLD && parent.actions.reapsChildren;
  if (signal !== 0) {
    const killed = (process.exitStatus & 0x7f) !== 0;
    const code = !killed ? CLD.EXITED : process.exitStatus & 0x80 ? CLD.DUMPED : CLD.KILLED;
    const status = killed ? process.exitStatus & 0x7f : process.exitStatus >> 8;
    sendToProcess(parent, childInfo(process, signal, code, status));
  }
  if (reaped) reap(process, false);
  parent.childEvents.wake();
}

/** Removes a zombie. Its times go to the parent's children, if it was waited for. */
export function reap(process: Process, waitedFor = true): void {
  const { kernel } = process.leader;
  const { parent } = process;
  process.state = ProcessState.Reaped;
  if (parent) {
    parent.children.delete(process);
    if (waitedFor) {
      parent.childUsage.add(process.ownUsage);
      parent.childUsage.add(process.childUsage);
    }
  }
  process.group.members.delete(process);
  process.session.members.delete(process);
  kernel.tasks.delete(process.pid);
  kernel.processes.delete(process.pid);
}

/** Children of an ended process go to the nearest subreaper, or to init (prctl(2) PR_SET_CHILD_SUBREAPER). */
function adoptChildren(process: Process): void {
  const { kernel } = process.leader;
  let reaper = process.parent ?? kernel.init;
  while (reaper !== kernel.init && !(reaper.subreaper && !reaper.exiting)) reaper = reaper.parent ?? kernel.init;
  for (const child of process.children) {
    child.parent = reaper;
    child.parentThread = reaper.tasks.find((task) => task.state !== TaskState.Zombie) ?? null;
    reaper.children.add(child);
    tellOfDeath(process, child);
    if (child.state === ProcessState.Zombie && reaper === kernel.init) reap(child);
    else if (child.state === ProcessState.Zombie) reaper.childEvents.wake();
  }
  process.children.clear();
}

/** A group that becomes orphaned with stopped members gets SIGHUP and SIGCONT (_exit(2)). */
function hangUpOrphans(process: Process): void {
  const groups = new Set([process.group, ...[...process.children].map((child) => child.group)]);
  for (const group of groups) {
    const others = [...group.members].filter((member) => member !== process);
    if (!others.some((member) => member.stopSignal !== 0)) continue;
    const parent = process.parent;
    process.parent = null;
    if (orphaned(group)) {
      sendToGroup(group, new SigInfo(SIG.HUP, SI.KERNEL));
      sendToGroup(group, new SigInfo(SIG.CONT, SI.KERNEL));
    }
    process.parent = parent;
  }
}

/** Tells the parent of a stop or continuation: SIGCHLD unless SA_NOCLDSTOP, and whoever waits. */
export function notifyParent(process: Process, code: number, signal: number): void {
  const { parent } = process;
  if (!parent || parent.state !== ProcessState.Live) return;
  if ((parent.actions.get(SIG.CHLD).flags & SA.NOCLDSTOP) === 0) {
    sendToProcess(parent, childInfo(process, SIG.CHLD, code, signal));
  }
  parent.childEvents.wake();
}

/** What SIGCHLD and waitid(2) tell of a child. */
export function childInfo(process: Process, signal: number, code: number, status: number): SigInfo {
  const info = new SigInfo(signal, code);
  info.pid = process.pid;
  info.uid = process.leader.cred.uid;
  info.status = status;
  info.utime = Math.floor(process.ownUsage.userTime / NS_PER_TICK);
  info.stime = Math.floor(process.ownUsage.systemTime / NS_PER_TICK);
  return info;
}
