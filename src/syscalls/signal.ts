/** Signals: actions, masks, sending, waiting, alternate stacks (signal(7)). */
import { E } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { MINSIGSTKSZ, SA, SI, SIG, SIGACTION, SIG_HOW, SIGINFO_SIZE, SIGRTMAX, SS } from '../abi/signal.js';
import { Abi } from '../abi/abi.js';
import { Gpr } from '../host/cpu_block.js';
import { native } from '../host/native.js';
import { CAP_KILL } from '../kernel/credentials.js';
import { bit, SigInfo } from '../kernel/pending_signals.js';
import { processOfPidfd } from '../kernel/pidfd.js';
import { ProcessState, type Process } from '../kernel/process.js';
import { ProcDirectory } from '../kernel/procfs/nodes.js';
import { readSigInfo, writeSigInfo } from '../kernel/siginfo.js';
import { onAltStack, restoreFrame, writeAltStack } from '../kernel/sigframe.js';
import {
  deliverable, forceSignal, sendToProcess, sendToTask, setBlocked, setTemporaryMask,
} from '../kernel/signals.js';
import { REGISTERS_SET, type Task } from '../kernel/task.js';
import { Wake } from '../kernel/wait_queue.js';
import { readTimespec, time } from './timespec.js';
import { call, fd, inStruct, oneOf, outStruct, pid, sig, size, uint, type Row } from './types.js';

/** sizeof(sigset_t) as the kernel has it. */
const SIGSET_SIZE = 8;
const KNOWN_FLAGS = SA.NOCLDSTOP | SA.NOCLDWAIT | SA.SIGINFO | SA.RESTORER | SA.ONSTACK | SA.RESTART | SA.NODEFER |
  SA.RESETHAND | SA.EXPOSE_TAGBITS;

export const signalRows: readonly Row[] = [
  call('rt_sigaction', 13, 174, [sig, inStruct('sigaction'), outStruct('sigaction'), size], rtSigaction),
  call('rt_sigprocmask', 14, 175, [oneOf('SIG_', SIG_HOW), inStruct('sigset'), outStruct('sigset'), size],
    rtSigprocmask),
  call('rt_sigreturn', 15, 173, [], rtSigreturn),
  call('rt_sigpending', 127, 176, [outStruct('sigset'), size], rtSigpending),
  call('rt_sigsuspend', 130, 179, [inStruct('sigset'), size], rtSigsuspend),
  call('rt_sigtimedwait', 128, 177, [
    inStruct('sigset'), outStruct('siginfo'), inStruct('timespec'), size,
  ], rtSigtimedwait),
  call('rt_sigqueueinfo', 129, 178, [pid, sig, inStruct('siginfo')], rtSigqueueinfo),
  call('rt_tgsigqueueinfo', 297, 335, [pid, pid, sig, inStruct('siginfo')], rtTgsigqueueinfo),
  call('sigaltstack', 131, 186, [inStruct('stack_t'), outStruct('stack_t')], sigaltstack),
  call('kill', 62, 37, [pid, sig], kill),
  call('tkill', 200, 238, [pid, sig], tkill),
  call('tgkill', 234, 270, [pid, pid, sig], tgkill),
  call('pidfd_send_signal', 424, 424, [fd, sig, inStruct('siginfo'), uint], pidfdSendSignal),
  call('pause', 34, 29, [], pause),
  call('restart_syscall', 219, 0, [], restartSyscall),
];

/** A signal set read from the guest: two words, good until the next call. */
const set = { low: 0, high: 0 };

/** Reads a sigset_t into two words. -EFAULT, -EINVAL for another size. */
export function readSigset(task: Task, addr: number, bytes: number, out: { low: number; high: number }): number {
  if (bytes !== SIGSET_SIZE) return -E.INVAL;
  if (!task.mm.readable(addr, SIGSET_SIZE)) return -E.FAULT;
  out.low = task.mm.window.view.getInt32(addr, true);
  out.high = task.mm.window.view.getInt32(addr + 4, true);
  return 0;
}

function writeSigset(task: Task, addr: number, low: number, high: number): number {
  if (!task.mm.writable(addr, SIGSET_SIZE)) return -E.FAULT;
  task.mm.window.view.setInt32(addr, low, true);
  task.mm.window.view.setInt32(addr + 4, high, true);
  return 0;
}

/** sigaction(2). */
function rtSigaction(task: Task, signal: number, act: number, oldact: number, bytes: number): number {
  if (bytes !== SIGSET_SIZE) return -E.INVAL;
  const { mm, process } = task;
  const at = SIGACTION.of(task.abi);
  if (act !== 0 && !mm.readable(act, at.size)) return -E.FAULT;
  if (signal < 1 || signal > SIGRTMAX) return -E.INVAL;
  if (act !== 0 && (signal === SIG.KILL || signal === SIG.STOP)) return -E.INVAL;
  const old = process.actions.get(signal);
  const word = (addr: number): number => (task.abi === Abi.X64 ? mm.getU64(addr) : mm.getU32(addr));
  if (act !== 0) {
    const { view } = mm.window;
    const action = {
      handler: word(act + at.handler),
      flags: view.getUint32(act + at.flags, true) & KNOWN_FLAGS,
      restorer: word(act + at.restorer),
      maskLow: view.getInt32(act + at.mask, true),
      maskHigh: view.getInt32(act + at.mask + 4, true),
    };
    process.actions.set(signal, action);
    if (process.actions.ignores(signal)) {
      process.pending.discard(signal);
      for (const thread of process.tasks) thread.pending.discard(signal);
    }
  }
  if (oldact !== 0) {
    if (!mm.writable(oldact, at.size)) return -E.FAULT;
    const { view, u8 } = mm.window;
    u8.fill(0, oldact, oldact + at.size);
    const putWord = (addr: number, value: number): void => {
      if (task.abi === Abi.X64) mm.putU64(addr, value);
      else mm.putU32(addr, value);
    };
    putWord(oldact + at.handler, old.handler);
    view.setUint32(oldact + at.flags, old.flags >>> 0, true);
    putWord(oldact + at.restorer, old.restorer);
    view.setInt32(oldact + at.mask, old.maskLow, true);
    view.setInt32(oldact + at.mask + 4, old.maskHigh, true);
  }
  return 0;
}

/** sigprocmask(2). */
function rtSigprocmask(task: Task, how: number, newSet: number, oldSet: number, bytes: number): number {
  if (bytes !== SIGSET_SIZE) return -E.INVAL;
  const { blockedLow, blockedHigh } = task;
  if (newSet !== 0) {
    const failed = readSigset(task, newSet, bytes, set);
    if (failed < 0) return failed;
    switch (how) {
      case SIG_HOW.BLOCK:
        setBlocked(task, blockedLow | set.low, blockedHigh | set.high);
        break;
      case SIG_HOW.UNBLOCK:
        setBlocked(task, blockedLow & ~set.low, blockedHigh & ~set.high);
        break;
      case SIG_HOW.SETMASK:
        setBlocked(task, set.low, set.high);
        break;
      default:
        return -E.INVAL;
    }
  }
  return oldSet === 0 ? 0 : writeSigset(task, oldSet, blockedLow, blockedHigh);
}

/** sigreturn(2): from a handler back to where the signal came. */
function rtSigreturn(task: Task): number {
  const whole = restoreFrame(task);
  setBlocked(task, task.frameMask.low, task.frameMask.high);
  if (!whole) forceSignal(task, new SigInfo(SIG.SEGV, SI.KERNEL));
  return REGISTERS_SET;
}

/** sigpending(2). */
function rtSigpending(task: Task, out: number, bytes: number): number {
  if (bytes > SIGSET_SIZE) return -E.INVAL;
  const low = (task.pending.low | task.process.pending.low) & task.blockedLow;
  const high = (task.pending.high | task.process.pending.high) & task.blockedHigh;
  return writeSigset(task, out, low, high);
}

/** sigsuspend(2). */
function rtSigsuspend(task: Task, mask: number, bytes: number): number {
  const failed = readSigset(task, mask, bytes, set);
  if (failed < 0) return failed;
  setTemporaryMask(task, set.low, set.high);
  return untilSignal(task);
}

/** pause(2). */
function pause(task: Task): number {
  return untilSignal(task);
}

function untilSignal(task: Task): number {
  return task.park((waiter, wake) => (wake === Wake.Signal ? -E.RESTARTNOHAND : untilSignal(waiter)));
}

/** sigtimedwait(2). */
function rtSigtimedwait(task: Task, sigset: number, infoAt: number, timeout: number, bytes: number): number {
  const wanted = { low: 0, high: 0 };
  const failed = readSigset(task, sigset, bytes, wanted);
  if (failed < 0) return failed;
  wanted.low &= ~(bit(SIG.KILL) | bit(SIG.STOP));
  let deadline = Infinity;
  if (timeout !== 0) {
    const wrong = readTimespec(task, timeout);
    if (wrong < 0) return wrong;
    deadline = native.monotonicNow() + time.sec * 1e9 + time.nsec;
  }
  return sigtimedwait(task, wanted, infoAt, deadline, Wake.Event);
}

function sigtimedwait(
  task: Task, wanted: { low: number; high: number }, infoAt: number, deadline: number, wake: Wake,
): number {
  task.sigwait = undefined;
  const info = task.pending.take(~wanted.low, ~wanted.high) ?? task.process.pending.take(~wanted.low, ~wanted.high);
  if (info) {
    task.signalDue = deliverable(task);
    if (infoAt !== 0) {
      if (!task.mm.writable(infoAt, SIGINFO_SIZE)) return -E.FAULT;
      writeSigInfo(task.mm, infoAt, info, task.abi);
    }
    return info.signal;
  }
  if (wake === Wake.Signal) return -E.INTR;
  if (wake === Wake.Timeout || deadline <= native.monotonicNow()) return -E.AGAIN;
  task.sigwait = wanted;
  return task.park((waiter, reason) => sigtimedwait(waiter, wanted, infoAt, deadline, reason), deadline);
}

/** sigaltstack(2). */
function sigaltstack(task: Task, newStack: number, oldStack: number): number {
  const { mm } = task;
  const sp = task.cpu.get(Gpr.rsp);
  if (newStack !== 0 && !mm.readable(newStack, 24)) return -E.FAULT;
  if (oldStack !== 0 && !mm.writable(oldStack, 24)) return -E.FAULT;
  // Both may be the same memory: read before writing.
  const address = newStack === 0 ? 0 : mm.getU64(newStack);
  const flagBits = newStack === 0 ? 0 : mm.getU32(newStack + 8);
  const bytes = newStack === 0 ? 0 : mm.getU64(newStack + 16);
  if (oldStack !== 0) writeAltStack(task, oldStack, sp);
  if (newStack === 0) return 0;
  if (task.altStackSize !== 0 && onAltStack(task, sp) && (task.altStackFlags & SS.AUTODISARM) === 0) return -E.PERM;
  const mode = flagBits & ~SS.AUTODISARM;
  if (mode !== 0 && mode !== SS.DISABLE && mode !== SS.ONSTACK) return -E.INVAL;
  if (mode === SS.DISABLE) {
    task.altStackAddress = task.altStackSize = task.altStackFlags = 0;
    return 0;
  }
  if (bytes < MINSIGSTKSZ) return -E.NOMEM;
  task.altStackAddress = address;
  task.altStackSize = bytes;
  task.altStackFlags = (flagBits & SS.AUTODISARM) >>> 0;
  return 0;
}

/** May `task` send `signal` to `target`? kill(2): its own process, equal uids, CAP_KILL, or SIGCONT in the session. */
function mayKill(task: Task, target: Process, signal: number): boolean {
  const { cred } = task;
  if (target === task.process) return true;
  const other = target.leader.cred;
  return cred.has(CAP_KILL) || cred.euid === other.suid || cred.euid === other.uid || cred.uid === other.suid ||
    cred.uid === other.uid || (signal === SIG.CONT && target.session === task.process.session);
}

function userInfo(task: Task, signal: number, code: number): SigInfo {
  const info = new SigInfo(signal, code);
  info.pid = task.process.pid;
  info.uid = task.cred.uid;
  return info;
}

function killProcess(task: Task, target: Process, signal: number): number {
  if (!mayKill(task, target, signal)) return -E.PERM;
  return signal === 0 ? 0 : sendToProcess(target, userInfo(task, signal, SI.USER));
}

/** kill(2). */
function kill(task: Task, id: number, signal: number): number {
  if (signal < 0 || signal > SIGRTMAX) return -E.INVAL;
  const { kernel, process } = task;
  if (id > 0) {
    const target = kernel.taskOf(id)?.process;
    return target ? killProcess(task, target, signal) : -E.SRCH;
  }
  if (id === -0x8000_0000) return -E.SRCH;
  const group = id === 0 ? process.group.pgid : -id;
  let result: number = -E.SRCH;
  for (const target of [...kernel.processes.values()]) {
    if (target === kernel.init || target.state === ProcessState.Reaped) continue;
    if (id === -1 ? target === process : target.group.pgid !== group) continue;
    const sent = killProcess(task, target, signal);
    if (result !== 0) result = sent;
  }
  return result;
}

/** tkill(2). */
function tkill(task: Task, tid: number, signal: number): number {
  if (tid <= 0) return -E.INVAL;
  return killTask(task, 0, tid, signal);
}

/** tgkill(2). */
function tgkill(task: Task, tgid: number, tid: number, signal: number): number {
  if (tgid <= 0 || tid <= 0) return -E.INVAL;
  return killTask(task, tgid, tid, signal);
}

function killTask(task: Task, tgid: number, tid: number, signal: number): number {
  const target = task.kernel.taskOf(tid);
  if (!target || (tgid !== 0 && target.process.pid !== tgid)) return -E.SRCH;
  if (signal < 0 || signal > SIGRTMAX) return -E.INVAL;
  if (!mayKill(task, target.process, signal)) return -E.PERM;
  return signal === 0 ? 0 : sendToTask(target, userInfo(task, signal, SI.TKILL));
}

/** The siginfo that the caller made; it may not claim to come from kill or the kernel, except to itself. */
function givenInfo(task: Task, infoAt: number, signal: number, toSelf: boolean): SigInfo | number {
  if (!task.mm.readable(infoAt, SIGINFO_SIZE)) return -E.FAULT;
  const info = readSigInfo(task.mm, infoAt, signal);
  if ((info.code >= 0 || info.code === SI.TKILL) && !toSelf) return -E.PERM;
  return info;
}

/** rt_sigqueueinfo(2). */
function rtSigqueueinfo(task: Task, id: number, signal: number, infoAt: number): number {
  const target = task.kernel.taskOf(id)?.process;
  const info = givenInfo(task, infoAt, signal, target === task.process);
  if (typeof info === 'number') return info;
  if (!target) return -E.SRCH;
  if (signal < 0 || signal > SIGRTMAX) return -E.INVAL;
  if (!mayKill(task, target, signal)) return -E.PERM;
  return signal === 0 ? 0 : sendToProcess(target, info);
}

/** rt_tgsigqueueinfo(2). */
function rtTgsigqueueinfo(task: Task, tgid: number, tid: number, signal: number, infoAt: number): number {
  if (tgid <= 0 || tid <= 0) return -E.INVAL;
  const target = task.kernel.taskOf(tid);
  const info = givenInfo(task, infoAt, signal, target?.process === task.process);
  if (typeof info === 'number') return info;
  if (!target || target.process.pid !== tgid) return -E.SRCH;
  if (signal < 0 || signal > SIGRTMAX) return -E.INVAL;
  if (!mayKill(task, target.process, signal)) return -E.PERM;
  return signal === 0 ? 0 : sendToTask(target, info);
}

/** pidfd_send_signal(2). */
function pidfdSendSignal(task: Task, descriptor: number, signal: number, infoAt: number, flagBits: number): number {
  if (flagBits !== 0) return -E.INVAL;
  const file = task.files.get(descriptor);
  if (!file) return -E.BADF;
  const directory = file.inode instanceof ProcDirectory && (file.flags & O.PATH) === 0 ? file.inode.process : null;
  const target = processOfPidfd(file) ?? directory;
  if (target === null) return -E.BADF;
  let info = userInfo(task, signal, SI.USER);
  if (infoAt !== 0) {
    const given = givenInfo(task, infoAt, signal, target === task.process);
    if (typeof given === 'number') return given;
    info = given;
  }
  if (signal < 0 || signal > SIGRTMAX) return -E.INVAL;
  if (target.state !== ProcessState.Live) return target.state === ProcessState.Zombie ? 0 : -E.SRCH;
  if (!mayKill(task, target, signal)) return -E.PERM;
  return signal === 0 ? 0 : sendToProcess(target, info);
}

/** restart_syscall(2): goes on with what a stop or an ignored signal interrupted. */
function restartSyscall(task: Task): number {
  const { restart } = task;
  task.restart = undefined;
  return restart ? restart(task, Wake.Event) : -E.INTR;
}
