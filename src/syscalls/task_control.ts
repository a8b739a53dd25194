/** What a task tells the kernel about itself: prctl(2), arch_prctl(2), personality(2). */
import { E } from '../abi/errno.js';
import { ARCH, PR } from '../abi/process.js';
import { SIGRTMAX } from '../abi/signal.js';
import { CpuBlock } from '../host/cpu_block.js';
import type { Task } from '../kernel/task.js';
import { call, missing, oneOf, ptr, type Row } from './types.js';

const COMM_LENGTH = 16;
const CAP_LAST = 40;

export const taskControlRows: readonly Row[] = [
  call('prctl', 157, 172, [oneOf('PR_', PR), ptr, ptr, ptr, ptr], prctl, 'partial',
    'names, signals, dumpable, no_new_privs, subreaper, capability bounding set, securebits, timer slack; EINVAL otherwise'),
  call('arch_prctl', 158, 384, [oneOf('ARCH_', ARCH), ptr], archPrctl),
  call('personality', 135, 136, [ptr], personality, 'partial', 'stored; ADDR_NO_RANDOMIZE has no effect'),
  missing('rseq', 334, 386, 'libcs start without it', true),
];

/** prctl(2). */
function prctl(task: Task, option: number, a: number, b: number, c: number, d: number): number {
  const { process, mm, cred } = task;
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
      if (a !== 0 || b !== 0 || c !== 0 || d !== 0) return -E.INVAL;
      return cred.noNewPrivs ? 1 : 0;
    case PR.GET_KEEPCAPS:
      return cred.keepCaps ? 1 : 0;
    case PR.SET_KEEPCAPS:
      if (a > 1) return -E.INVAL;
      cred.keepCaps = a === 1;
      return 0;
    case PR.CAPBSET_READ:
      if (a > CAP_LAST) return -E.INVAL;
      return ((a < 32 ? cred.boundingLow : cred.boundingHigh) >>> (a & 31)) & 1;
    case PR.CAPBSET_DROP:
      if (!cred.has(8)) return -E.PERM;
      if (a > CAP_LAST) return -E.INVAL;
      if (a < 32) cred.boundingLow &= ~(1 << a);
      else cred.boundingHigh &= ~(1 << (a & 31));
      return 0;
    case PR.GET_SECUREBITS:
      return cred.securebits;
    case PR.SET_SECUREBITS:
      if (!cred.has(8)) return -E.PERM;
      cred.securebits = a & 0xff;
      return 0;
    case PR.GET_TIMERSLACK:
      return process.timerSlack;
    case PR.SET_TIMERSLACK:
      process.timerSlack = a === 0 ? 50_000 : a;
      return 0;
    case PR.GET_SECCOMP:
    case PR.GET_TIMING:
    case PR.GET_THP_DISABLE:
      return 0;
    case PR.SET_TIMING:
      return a === 0 ? 0 : -E.INVAL;
    case PR.SET_THP_DISABLE:
      return b === 0 && c === 0 && d === 0 ? 0 : -E.INVAL;
    case PR.GET_TSC:
      return mm.putU32(a, 1) ? 0 : -E.FAULT;
    case PR.SET_TSC:
      return a === 1 ? 0 : -E.INVAL;
    case PR.GET_TID_ADDRESS:
      return mm.putU64(a, task.clearChildTid) ? 0 : -E.FAULT;
    case PR.SET_PTRACER:
      return -E.INVAL;
    default:
      return -E.INVAL;
  }
}

const TASK_SIZE_MAX = 0x7fff_ffff_f000;

/** arch_prctl(2): the bases of fs and gs. */
function archPrctl(task: Task, code: number, addr: number): number {
  const { cpu, mm } = task;
  switch (code) {
    case ARCH.SET_FS:
    case ARCH.SET_GS: {
      if (addr >= TASK_SIZE_MAX) return -E.PERM;
      const at = (code === ARCH.SET_FS ? CpuBlock.fsBase : CpuBlock.gsBase) >> 2;
      cpu.u32[at] = addr >>> 0;
      cpu.u32[at + 1] = Math.floor(addr / 0x1_0000_0000);
      return 0;
    }
    case ARCH.GET_FS:
    case ARCH.GET_GS: {
      const at = (code === ARCH.GET_FS ? CpuBlock.fsBase : CpuBlock.gsBase) >> 2;
      return mm.putU64(addr, cpu.u32[at + 1]! * 0x1_0000_0000 + cpu.u32[at]!) ? 0 : -E.FAULT;
    }
    case ARCH.GET_CPUID:
      return 1;
    case ARCH.SET_CPUID:
      return -E.NODEV;
    default:
      return -E.INVAL;
  }
}

/** personality(2): gives the old one; 0xffffffff only asks. */
function personality(task: Task, persona: number): number {
  const old = task.process.personality;
  if (persona >>> 0 !== 0xffff_ffff) task.process.personality = persona >>> 0;
  return old;
}
