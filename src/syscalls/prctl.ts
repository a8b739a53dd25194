/** What a task tells the kernel about itself: prctl(2). */
import { E } from '../abi/errno.js';
import { PR, PR_MCE_KILL } from '../abi/process.js';
import { SIGRTMAX } from '../abi/signal.js';
import { CAP_SYS_RESOURCE, SECBIT } from '../kernel/credentials.js';
import type { Task } from '../kernel/task.js';
import { setUserDispatch } from '../kernel/user_dispatch.js';
import { capAmbient, dropBounding, setKeepCaps, setSecurebits } from './prctl_capabilities.js';
import { nameMemory, refuseExecGain, setMm } from './prctl_memory.js';
import { setSeccomp } from './seccomp.js';
import { call, oneOf, ptr, type Row } from './types.js';

const COMM_LENGTH = 16;
const CAP_LAST = 40;

export const prctlRows: readonly Row[] = [
  call('prctl', 157, 172, [oneOf('PR_', PR), ptr, ptr, ptr, ptr], prctl, 'partial',
    'PR_SET_TSC: PR_TSC_ENABLE only; no core scheduling: EINVAL'),
];

/** Options that are stored and told, no more; `max`: the highest value. */
const FLAGS_MAX = 1;

/** prctl(2). */
function prctl(task: Task, option: number, a: number, b: number, c: number, d: number): number {
  const { process, mm, cred } = task;
  const none = a === 0 && b === 0 && c === 0 && d === 0;
  switch (option) {
    case PR.SET_NAME: {
      const name = mm.cstring(a, COMM_LENGTH);
      if (typeof name === 'number' && name !== -E.NAMETOOLONG) return name;
      task.name = typeof name === 'string' ? name : mm.latin1(a, a + COMM_LENGTH - 1);
      return 0;
    }
    case PR.GET_NAME:
      return mm.putBytes(a, Buffer.from(task.name.padEnd(COMM_LENGTH, '\0'), 'latin1')) ? 0 : -E.FAULT;
    case PR.SET_PDEATHSIG:
      if (a > SIGRTMAX) return -E.INVAL;
      process.parentDeathSignal = a;
      return 0;
    case PR.GET_PDEATHSIG:
      return mm.putU32(a, process.parentDeathSignal) ? 0 : -E.FAULT;
    case PR.GET_DUMPABLE:
      return process.dumpable;
    case PR.SET_DUMPABLE:
      if (a > 1) return -E.INVAL;
      process.dumpable = a;
      return 0;
    case PR.SET_CHILD_SUBREAPER:
      process.subreaper = a !== 0;
      return 0;
    case PR.GET_CHILD_SUBREAPER:
      return mm.putU32(a, process.subreaper ? 1 : 0) ? 0 : -E.FAULT;
    case PR.SET_NO_NEW_PRIVS:
      if (a !== 1 || b !== 0 || c !== 0 || d !== 0) return -E.INVAL;
      cred.noNewPrivs = true;
      return 0;
    case PR.GET_NO_NEW_PRIVS:
      if (!none) return -E.INVAL;
      return cred.noNewPrivs ? 1 : 0;
    case PR.GET_KEEPCAPS:
      return cred.securebits & SECBIT.KEEP_CAPS ? 1 : 0;
    case PR.SET_KEEPCAPS:
      return setKeepCaps(cred, a);
    case PR.CAPBSET_READ:
      if (a > CAP_LAST) return -E.INVAL;
      return ((a < 32 ? cred.boundingLow : cred.boundingHigh) >>> (a & 31)) & 1;
    case PR.CAPBSET_DROP:
      return dropBounding(cred, a);
    case PR.GET_SECUREBITS:
      return cred.securebits;
    case PR.SET_SECUREBITS:
      return setSecurebits(cred, a);
    case PR.CAP_AMBIENT:
      return capAmbient(cred, a, b, c, d);
    case PR.GET_TIMERSLACK:
      return process.timerSlack;
    case PR.SET_TIMERSLACK:
      process.timerSlack = a === 0 ? process.defaultTimerSlack : a;
      return 0;
    case PR.GET_SECCOMP:
      return task.seccomp?.mode ?? 0;
    case PR.SET_SECCOMP:
      return setSeccomp(task, a, b);
    case PR.GET_TIMING:
    case PR.TASK_PERF_EVENTS_DISABLE:
    case PR.TASK_PERF_EVENTS_ENABLE:
      return 0;
    case PR.SET_TIMING:
      return a === 0 ? 0 : -E.INVAL;
    case PR.MCE_KILL:
      return machineChecks(task, a, b, c, d);
    case PR.MCE_KILL_GET:
      return none ? process.mceKill : -E.INVAL;
    case PR.GET_THP_DISABLE:
      return none ? process.hugePagesOff : -E.INVAL;
    case PR.SET_THP_DISABLE:
      if (b !== 0 || c !== 0 || d !== 0) return -E.INVAL;
      process.hugePagesOff = a === 0 ? 0 : 1;
      return 0;
    case PR.GET_TSC:
      return mm.putU32(a, 1) ? 0 : -E.FAULT;
    case PR.SET_TSC:
      return a === 1 ? 0 : -E.INVAL;
    case PR.GET_TID_ADDRESS:
      return mm.putU64(a, task.clearChildTid) ? 0 : -E.FAULT;
    case PR.SET_MM:
      return setMm(task, a, b, c, d);
    case PR.GET_SPECULATION_CTRL:
      if (b !== 0 || c !== 0 || d !== 0) return -E.INVAL;
      return a < SPECULATION.KINDS ? SPECULATION.ENABLED : -E.NODEV;
    case PR.SET_SPECULATION_CTRL:
      if (c !== 0 || d !== 0) return -E.INVAL;
      return a < SPECULATION.KINDS ? -E.NXIO : -E.NODEV;
    case PR.SET_IO_FLUSHER:
      if (!cred.has(CAP_SYS_RESOURCE)) return -E.PERM;
      if (a > FLAGS_MAX || b !== 0 || c !== 0 || d !== 0) return -E.INVAL;
      process.ioFlusher = a;
      return 0;
    case PR.GET_IO_FLUSHER:
      if (!cred.has(CAP_SYS_RESOURCE)) return -E.PERM;
      return none ? process.ioFlusher : -E.INVAL;
    case PR.SET_SYSCALL_USER_DISPATCH:
      return setUserDispatch(task, a, b, c, d);
    case PR.SET_MDWE:
      return b === 0 && c === 0 && d === 0 ? refuseExecGain(mm, a) : -E.INVAL;
    case PR.GET_MDWE:
      return none ? mm.mdwe : -E.INVAL;
    case PR.SET_MEMORY_MERGE:
      if (b !== 0 || c !== 0 || d !== 0) return -E.INVAL;
      process.memoryMerge = a === 0 ? 0 : 1;
      return 0;
    case PR.GET_MEMORY_MERGE:
      return none ? process.memoryMerge : -E.INVAL;
    case PR.GET_AUXV: {
      if (c !== 0 || d !== 0) return -E.INVAL;
      const shown = mm.auxv.subarray(0, Math.min(b, mm.auxv.length));
      return mm.putBytes(a, shown) ? mm.auxv.length : -E.FAULT;
    }
    case PR.SET_VMA:
      return nameMemory(task, a, b, c, d);
    default:
      return -E.INVAL;
  }
}

/** Kinds of speculation, and the answer for all: it is on, and not a process's to switch off. */
const SPECULATION = { KINDS: 3, ENABLED: 2 } as const;

/** PR_MCE_KILL: when a process is told of broken memory. */
function machineChecks(task: Task, what: number, policy: number, c: number, d: number): number {
  if (c !== 0 || d !== 0) return -E.INVAL;
  if (what === PR_MCE_KILL.CLEAR && policy === 0) {
    task.process.mceKill = PR_MCE_KILL.DEFAULT;
    return 0;
  }
  if (what !== PR_MCE_KILL.SET || policy > PR_MCE_KILL.DEFAULT) return -E.INVAL;
  task.process.mceKill = policy;
  return 0;
}
