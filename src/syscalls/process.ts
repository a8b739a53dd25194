/** Processes: fork, clone, execve, exit, wait, ids, groups and sessions. */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { AT, O } from '../abi/fcntl.js';
import { CLONE, CLONE_ARGS, CLONE_CLEAR_SIGHAND, CLONE_INTO_CGROUP, P, W } from '../abi/process.js';
import { CLD, SIG, SIGINFO_SIZE, SIGRTMAX } from '../abi/signal.js';
import { execve as execute } from '../kernel/exec.js';
import { childInfo, exitGroup, exitTask, reap } from '../kernel/exit.js';
import { clone as cloneTask, type CloneRequest } from '../kernel/fork.js';
import type { SigInfo } from '../kernel/pending_signals.js';
import { PidFile, processOfPidfd } from '../kernel/pidfd.js';
import { PID_MAX } from '../kernel/kernel.js';
import { ProcessGroup, ProcessState, Session, Usage, type Process } from '../kernel/process.js';
import { writeSigInfo } from '../kernel/siginfo.js';
import { BLOCKED, TaskState, type Task } from '../kernel/task.js';
import { Wake } from '../kernel/wait_queue.js';
import { TASK_SIZE } from '../mm/mapping.js';
import type { Location } from '../vfs/mount.js';
import { openExecutable, openToExecute } from '../vfs/vfs.js';
import { writeUsage } from './resource.js';
import {
  call, dirfd, flags, int, oneOf, outStruct, path, pid, ptr, size, strings, Decode, type Arg, type Row,
} from './types.js';

const waitFlags = flags('W', W);
/** CLONE bits over the signal in the low byte. */
const cloneFlags: Arg = { decode: Decode.Ulong, show: { as: 'clone' } };
const environment: Arg = { decode: Decode.Ulong, show: { as: 'environ' } };
const PATH_MAX = 4096;
const MAX_STRINGS = 0x7fff_ffff;
const MAX_STRING = 131072;

export const processRows: readonly Row[] = [
  call('getpid', 39, 20, [], (task) => task.process.pid),
  call('gettid', 186, 224, [], (task) => task.tid),
  call('getppid', 110, 64, [], (task) => task.process.parent!.pid),
  call('fork', 57, 2, [], fork),
  call('vfork', 58, 190, [], vfork),
  call('clone', 56, -1, [cloneFlags, ptr, ptr, ptr, ptr], clone),
  call('clone3', 435, 435, [ptr, size], clone3),
  call('execve', 59, 11, [path, strings, environment], execve),
  call('execveat', 322, 358, [dirfd, path, strings, environment, flags('AT_', AT)], execveat),
  call('exit', 60, 1, [int], exit),
  call('exit_group', 231, 252, [int], exitGroupCall),
  call('wait4', 61, 114, [pid, outStruct('status'), waitFlags, outStruct('rusage')], wait4),
  call('waitid', 247, 284, [oneOf('P_', P), pid, outStruct('siginfo'), waitFlags, outStruct('rusage')], waitid),
  call('getpgid', 121, 132, [pid], getpgid),
  call('getpgrp', 111, 65, [], (task) => task.process.group.pgid),
  call('setpgid', 109, 57, [pid, pid], setpgid),
  call('getsid', 124, 147, [pid], getsid),
  call('setsid', 112, 66, [], setsid),
  call('set_tid_address', 218, 258, [ptr], setTidAddress),
];

/** fork(2). */
function fork(task: Task): number {
  return start(task, request(0, SIG.CHLD));
}

/** vfork(2). */
function vfork(task: Task): number {
  return start(task, request(CLONE.VFORK | CLONE.VM, SIG.CHLD));
}

function request(flagBits: number, exitSignal: number): CloneRequest {
  return { flags: flagBits, exitSignal, stack: 0, parentTid: 0, childTid: 0, tls: 0, clearHandlers: false, tid: 0 };
}

/** clone(2), argument order of x86-64: flags, stack, parent_tid, child_tid, tls. */
function clone(task: Task, flagBits: number, stack: number, parentTid: number, childTid: number, tls: number): number {
  const wanted: CloneRequest = {
    flags: (flagBits & ~0xff) >>> 0, exitSignal: flagBits & 0xff, stack, parentTid, childTid, tls, clearHandlers: false,
    tid: 0,
  };
  if (wanted.flags & CLONE.PIDFD && wanted.flags & (CLONE.PARENT_SETTID | CLONE.DETACHED)) return -E.INVAL;
  return start(task, wanted, parentTid);
}

/** clone3(2). */
function clone3(task: Task, args: number, bytes: number): number {
  const at = CLONE_ARGS.lp64;
  if (bytes < at.setTid) return -E.INVAL;
  if (bytes > 4096) return -E['2BIG'];
  const { mm } = task;
  if (!mm.readable(args, bytes)) return -E.FAULT;
  for (let extra = at.size; extra < bytes; extra++) if (mm.window.u8[args + extra] !== 0) return -E['2BIG'];
  const get = (offset: number): number => (offset + 8 <= bytes ? mm.getU64(args + offset) : 0);
  const wide = get(at.flags);
  if (wide >= 2 * CLONE_INTO_CGROUP) return -E.INVAL;
  const flagBits = wide % CLONE_CLEAR_SIGHAND;
  const clearHandlers = (wide / CLONE_CLEAR_SIGHAND) % 2 >= 1;
  const stack = get(at.stack), stackSize = get(at.stackSize), exitSignal = get(at.exitSignal);
  if ((stack === 0) !== (stackSize === 0) || exitSignal > SIGRTMAX) return -E.INVAL;
  const tid = wantedTid(task, get(at.setTid), get(at.setTidSize));
  if (tid < 0) return tid;
  if (wide >= CLONE_INTO_CGROUP) {
    // There are no control groups, so no descriptor is one.
    return bytes < at.cgroup + 8 || get(at.cgroup) > 0x7fff_ffff ? -E.INVAL : -E.BADF;
  }
  if (flagBits & 0xff || flagBits & CLONE.DETACHED) return -E.INVAL;
  if (clearHandlers && flagBits & CLONE.SIGHAND) return -E.INVAL;
  if (flagBits & (CLONE.THREAD | CLONE.PARENT) && exitSignal !== 0) return -E.INVAL;
  return start(task, {
    flags: flagBits, exitSignal, stack: stack + stackSize, parentTid: get(at.parentTid), childTid: get(at.childTid),
    tls: get(at.tls), clearHandlers, tid,
  }, get(at.pidfd));
}

const SET_TID_MAX = 32;

/** clone3's set_tid: the id to give, 0 when it does not say; there is one namespace of process ids. */
function wantedTid(task: Task, address: number, count: number): number {
  if (count > SET_TID_MAX || (address === 0) !== (count === 0)) return -E.INVAL;
  if (count === 0) return 0;
  const { mm } = task;
  if (!mm.readable(address, 4 * count)) return -E.FAULT;
  const tid = mm.window.view.getInt32(address, true);
  return count > 1 || tid < 1 || tid >= PID_MAX ? -E.INVAL : tid;
}

const NAMESPACES = CLONE.NEWCGROUP | CLONE.NEWUTS | CLONE.NEWIPC | CLONE.NEWUSER | CLONE.NEWPID | CLONE.NEWNET;

/** Makes the child, starts it, and for vfork waits until it has executed or ended. */
function start(task: Task, wanted: CloneRequest, pidfdAt = 0): number {
  const flagBits = wanted.flags;
  if (flagBits & CLONE.THREAD && (flagBits & CLONE.SIGHAND) === 0) return -E.INVAL;
  if (flagBits & CLONE.SIGHAND && (flagBits & CLONE.VM) === 0) return -E.INVAL;
  if (flagBits & CLONE.FS && flagBits & CLONE.NEWNS) return -E.INVAL;
  if (flagBits & (NAMESPACES | CLONE.NEWNS) && !task.cred.has(21)) return -E.PERM;
  if (flagBits & NAMESPACES) return -E.INVAL;
  if (flagBits & CLONE.PIDFD && flagBits & CLONE.THREAD) return -E.INVAL;
  if (flagBits & CLONE.SETTLS && wanted.tls >= TASK_SIZE) return -E.PERM;
  if (wanted.exitSignal > SIGRTMAX) return -E.INVAL;
  if (flagBits & CLONE.PIDFD && !task.mm.writable(pidfdAt, 4)) return -E.FAULT;
  const child = cloneTask(task, wanted);
  if (typeof child === 'number') return child;
  if (flagBits & CLONE.PIDFD) {
    const file = new PidFile(child.process);
    const descriptor = task.files.install(file, true);
    if (descriptor < 0) {
      file.unref();
      exitTask(child, 0);
      reap(child.process);
      return descriptor;
    }
    task.mm.putU32(pidfdAt, descriptor);
  }
  task.kernel.enqueue(child);
  return flagBits & CLONE.VFORK ? waitReleased(task, child) : child.tid;
}

/** vfork's parent sleeps until the child gives the memory back; signals wait, too. */
function waitReleased(task: Task, child: Task): number {
  const { process, tid } = child;
  // A thread that executes ends this one, too.
  const goesOn = process === task.process ? child.state !== TaskState.Zombie : process.vforked && !process.exiting;
  if (!goesOn) return tid;
  process.released.add(task);
  return task.park((parent) => waitReleased(parent, child), Infinity, false);
}

/** The strings of a NULL-terminated array of pointers, or -EFAULT, -E2BIG. NULL is an empty array. */
function readStrings(task: Task, array: number): string[] | number {
  const list: string[] = [];
  if (array === 0) return list;
  const { mm } = task;
  const width = task.abi === Abi.X64 ? 8 : 4;
  let total = 0;
  for (let at = array; list.length < MAX_STRINGS; at += width) {
    const address = width === 8 ? mm.getU64(at) : mm.getU32(at);
    if (address < 0) return -E.FAULT;
    if (address === 0) return list;
    const text = mm.cstring(address, MAX_STRING);
    if (typeof text === 'number') return text === -E.NAMETOOLONG ? -E['2BIG'] : text;
    total += text.length + 1 + width;
    if (total > 6 << 20) return -E['2BIG'];
    list.push(text);
  }
  return -E['2BIG'];
}

/** execve(2). */
function execve(task: Task, pathname: number, argv: number, envp: number): number {
  return execveat(task, AT.FDCWD, pathname, argv, envp, 0);
}

/** execveat(2). */
function execveat(task: Task, dir: number, pathname: number, argv: number, envp: number, flagBits: number): number {
  if (flagBits & ~(AT.EMPTY_PATH | AT.SYMLINK_NOFOLLOW)) return -E.INVAL;
  const name = task.mm.cstring(pathname, PATH_MAX);
  if (typeof name === 'number') return name;
  const base = startOf(task, dir, name);
  if (typeof base === 'number') return base;
  const file = name === '' && flagBits & AT.EMPTY_PATH
    ? openToExecute(task.fs, base)
    : openExecutable(task.fs, base, name, (flagBits & AT.SYMLINK_NOFOLLOW) === 0);
  if (typeof file === 'number') return file;
  const args = readStrings(task, argv);
  const env = typeof args === 'number' ? args : readStrings(task, envp);
  if (typeof args === 'number' || typeof env === 'number') {
    file.unref();
    return env as number;
  }
  let shown = name;
  if (dir !== AT.FDCWD && !name.startsWith('/')) shown = name === '' ? `/dev/fd/${dir}` : `/dev/fd/${dir}/${name}`;
  const result = execute(task, file, shown, args, env);
  file.unref();
  return result;
}

function startOf(task: Task, dir: number, name: string): Location | number {
  if (name.startsWith('/') || dir === AT.FDCWD) return task.fs.cwd;
  const file = task.files.get(dir);
  if (!file) return -E.BADF;
  return file.location ?? (name === '' ? -E.ACCES : -E.NOTDIR);
}

/** _exit(2) of one thread. */
function exit(task: Task, status: number): number {
  exitTask(task, (status & 0xff) << 8);
  return BLOCKED;
}

/** exit_group(2). */
function exitGroupCall(task: Task, status: number): number {
  exitGroup(task, (status & 0xff) << 8);
  return BLOCKED;
}

/** Which children a wait is for. */
interface Selection {
  type: number;
  id: number;
  options: number;
  /** A pidfd with PIDFD_NONBLOCK: EAGAIN rather than waiting. */
  nonblocking: boolean;
}

/** wait4(2). */
function wait4(task: Task, which: number, status: number, options: number, rusage: number): number {
  if (options & ~(W.NOHANG | W.UNTRACED | W.CONTINUED | W.NOTHREAD | W.CLONE | W.ALL)) return -E.INVAL;
  if (which === -0x8000_0000) return -E.SRCH;
  const type = which === -1 ? P.ALL : which > 0 ? P.PID : P.PGID;
  const id = which === 0 ? task.process.group.pgid : Math.abs(which);
  const selection: Selection = { type, id, options: options | W.EXITED, nonblocking: false };
  return wait(task, selection, (waiter, child, info, usage) => {
    if (!child || !info) return 0;
    const value = info.code === CLD.STOPPED ? 0x7f | (info.status << 8)
      : info.code === CLD.CONTINUED ? 0xffff : child.exitStatus;
    if (status !== 0 && !waiter.mm.putU32(status, value)) return -E.FAULT;
    if (rusage !== 0 && writeUsage(waiter, rusage, usage) < 0) return -E.FAULT;
    return child.pid;
  });
}

/** waitid(2). */
function waitid(task: Task, type: number, id: number, infoAt: number, options: number, rusage: number): number {
  if (options & ~(W.NOHANG | W.NOWAIT | W.EXITED | W.STOPPED | W.CONTINUED | W.NOTHREAD | W.CLONE | W.ALL)) {
    return -E.INVAL;
  }
  if ((options & (W.EXITED | W.STOPPED | W.CONTINUED)) === 0) return -E.INVAL;
  let wanted = id, nonblocking = false;
  switch (type) {
    case P.ALL:
      break;
    case P.PID:
      if (id <= 0) return -E.INVAL;
      break;
    case P.PGID:
      if (id < 0) return -E.INVAL;
      if (id === 0) wanted = task.process.group.pgid;
      break;
    case P.PIDFD: {
      if (id < 0) return -E.INVAL;
      const file = task.files.get(id);
      if (!file) return -E.BADF;
      const process = processOfPidfd(file);
      if (!process) return -E.BADF;
      wanted = process.pid;
      nonblocking = (file.flags & O.NONBLOCK) !== 0;
      break;
    }
    default:
      return -E.INVAL;
  }
  const selection: Selection = { type: type === P.PIDFD ? P.PID : type, id: wanted, options, nonblocking };
  const result = wait(task, selection, (waiter, child, info, usage) => {
    const { mm } = waiter;
    if (rusage !== 0 && child && writeUsage(waiter, rusage, usage) < 0) return -E.FAULT;
    if (infoAt === 0) return 0;
    if (!mm.writable(infoAt, SIGINFO_SIZE)) return -E.FAULT;
    if (info) {
      info.utime = info.stime = 0;
      writeSigInfo(mm, infoAt, info, waiter.abi);
    } else {
      mm.window.u8.fill(0, infoAt, infoAt + SIGINFO_SIZE);
    }
    return 0;
  });
  // An error is told with a siginfo of zeros.
  if (result >= 0 || result === BLOCKED || infoAt === 0) return result;
  if (!task.mm.writable(infoAt, SIGINFO_HEAD)) return -E.FAULT;
  task.mm.window.u8.fill(0, infoAt, infoAt + SIGINFO_HEAD);
  return result;
}

/** si_signo to si_status. */
const SIGINFO_HEAD = 28;

/** Tells the caller of a child's change; with no child, of WNOHANG finding nothing. */
type Report = (task: Task, child: Process | null, info: SigInfo | null, usage: Usage) => number;

function wait(task: Task, selection: Selection, report: Report, wake = Wake.Event): number {
  const { process } = task;
  let any = false;
  for (const child of process.children) {
    if (!selects(task, selection, child)) continue;
    // Nothing but its end is left to tell of a zombie.
    if (child.state !== ProcessState.Zombie || selection.options & W.EXITED) any = true;
    const info = change(child, selection.options);
    if (!info) continue;
    const usage = new Usage();
    usage.add(child.ownUsage);
    usage.add(child.childUsage);
    const result = report(task, child, info, usage);
    if ((selection.options & W.NOWAIT) === 0) consume(child, info);
    return result;
  }
  if (!any) return -E.CHILD;
  if (selection.nonblocking) return -E.AGAIN;
  if (selection.options & W.NOHANG) return report(task, null, null, new Usage());
  // A child that ends sends SIGCHLD, too: what there is to tell goes before the signal.
  if (wake === Wake.Signal) return -E.RESTARTSYS;
  process.childEvents.add(task);
  return task.park((waiter, reason) => wait(waiter, selection, report, reason));
}

function selects(task: Task, { type, id, options }: Selection, child: Process): boolean {
  if (options & W.NOTHREAD && child.parentThread !== task) return false;
  if (type === P.PID && child.pid !== id) return false;
  if (type === P.PGID && child.group.pgid !== id) return false;
  // Children with another exit signal than SIGCHLD are "clone children".
  const isClone = child.exitSignal !== SIG.CHLD;
  return (options & W.ALL) !== 0 || isClone === ((options & W.CLONE) !== 0);
}

/** What there is to tell of a child, or null. */
function change(child: Process, options: number): SigInfo | null {
  if (child.state === ProcessState.Zombie) {
    if ((options & W.EXITED) === 0) return null;
    const signal = child.exitStatus & 0x7f;
    const code = signal === 0 ? CLD.EXITED : child.exitStatus & 0x80 ? CLD.DUMPED : CLD.KILLED;
    return childInfo(child, SIG.CHLD, code, signal === 0 ? child.exitStatus >> 8 : signal);
  }
  if (child.stopSignal !== 0 && !child.stopReported && options & W.STOPPED) {
    return childInfo(child, SIG.CHLD, CLD.STOPPED, child.stopSignal);
  }
  if (!child.continueReported && options & W.CONTINUED) return childInfo(child, SIG.CHLD, CLD.CONTINUED, SIG.CONT);
  return null;
}

function consume(child: Process, info: SigInfo): void {
  if (info.code === CLD.STOPPED) child.stopReported = true;
  else if (info.code === CLD.CONTINUED) child.continueReported = true;
  else reap(child);
}

function processOf(task: Task, id: number): Process | undefined {
  return id === 0 ? task.process : task.kernel.processes.get(id);
}

/** getpgid(2). */
function getpgid(task: Task, id: number): number {
  return processOf(task, id)?.group.pgid ?? -E.SRCH;
}

/** getsid(2). */
function getsid(task: Task, id: number): number {
  return processOf(task, id)?.session.sid ?? -E.SRCH;
}

/** setpgid(2). */
function setpgid(task: Task, id: number, pgid: number): number {
  if (pgid < 0 || (pgid === 0 && id < 0)) return -E.INVAL;
  const { process, kernel } = task;
  const target = processOf(task, id);
  if (!target || (target !== process && target.parent !== process)) return -E.SRCH;
  if (target !== process) {
    if (target.session !== process.session) return -E.PERM;
    if (target.hasExecuted) return -E.ACCES;
  }
  if (target.session.sid === target.pid) return -E.PERM;
  const wanted = pgid === 0 ? target.pid : pgid;
  if (wanted === target.group.pgid) return 0;
  const existing = kernel.findGroup(wanted);
  if (wanted !== target.pid && (!existing || existing.session !== process.session)) return -E.PERM;
  target.setGroup(existing ?? new ProcessGroup(wanted, target.session));
  return 0;
}

/** setsid(2). */
function setsid(task: Task): number {
  const { process } = task;
  if (task.kernel.findGroup(process.pid)) return -E.PERM;
  process.setGroup(new ProcessGroup(process.pid, new Session(process.pid)));
  return process.pid;
}

/** set_tid_address(2). */
function setTidAddress(task: Task, tidptr: number): number {
  task.clearChildTid = tidptr;
  return task.tid;
}
