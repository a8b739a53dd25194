/** Giving up system calls: seccomp(2), and its older form in prctl(2). */
import { E } from '../abi/errno.js';
import {
  BPF_MAXINSNS, SECCOMP, SECCOMP_FILTER_FLAG, SECCOMP_MODE, SECCOMP_RET, SOCK_FILTER_SIZE, SOCK_FPROG,
} from '../abi/seccomp.js';
import { BpfProgram } from '../kernel/classic_bpf.js';
import { restrict, Seccomp } from '../kernel/seccomp.js';
import { TaskState, type Task } from '../kernel/task.js';
import { CAP } from '../vfs/credentials.js';
import { call, oneOf, ptr, uint, type Row } from './types.js';

export const seccompRows: readonly Row[] = [
  call('seccomp', 317, 354, [oneOf('SECCOMP_', SECCOMP), uint, ptr], seccomp, 'partial',
    'no listeners: SECCOMP_FILTER_FLAG_NEW_LISTENER gives EINVAL, SECCOMP_RET_USER_NOTIF and _TRACE give ENOSYS'),
];

/** seccomp(2). */
function seccomp(task: Task, operation: number, flagBits: number, args: number): number {
  switch (operation) {
    case SECCOMP.SET_MODE_STRICT:
      return flagBits !== 0 || args !== 0 ? -E.INVAL : setStrict(task);
    case SECCOMP.SET_MODE_FILTER:
      return setFilter(task, flagBits, args);
    case SECCOMP.GET_ACTION_AVAIL: {
      if (flagBits !== 0) return -E.INVAL;
      const action = task.mm.getU32(args);
      if (action < 0) return action;
      return ACTIONS.includes(action | 0) ? 0 : -E.OPNOTSUPP;
    }
    case SECCOMP.GET_NOTIF_SIZES:
      if (flagBits !== 0) return -E.INVAL;
      return task.mm.putBytes(args, NOTIF_SIZES) ? 0 : -E.FAULT;
    default:
      return -E.INVAL;
  }
}

/** prctl(2), PR_SET_SECCOMP. */
export function setSeccomp(task: Task, mode: number, filter: number): number {
  if (mode === SECCOMP_MODE.STRICT) return setStrict(task);
  return mode === SECCOMP_MODE.FILTER ? setFilter(task, 0, filter) : -E.INVAL;
}

const ACTIONS: readonly number[] = [
  SECCOMP_RET.KILL_PROCESS, SECCOMP_RET.KILL_THREAD, SECCOMP_RET.TRAP, SECCOMP_RET.ERRNO, SECCOMP_RET.TRACE,
  SECCOMP_RET.LOG, SECCOMP_RET.ALLOW,
];
/** sizeof of seccomp_notif, seccomp_notif_resp, seccomp_data. */
const NOTIF_SIZES = new Uint8Array(Uint16Array.of(80, 24, 64).buffer);

function setStrict(task: Task): number {
  if (task.seccomp !== null) return task.seccomp.mode === SECCOMP_MODE.STRICT ? 0 : -E.INVAL;
  restrict(task, new Seccomp(SECCOMP_MODE.STRICT));
  return 0;
}

const FLAG = SECCOMP_FILTER_FLAG;
const KNOWN = FLAG.TSYNC | FLAG.LOG | FLAG.SPEC_ALLOW | FLAG.TSYNC_ESRCH;

function setFilter(task: Task, flagBits: number, fprog: number): number {
  if (flagBits & ~KNOWN) return -E.INVAL;
  const program = readProgram(task, fprog);
  if (typeof program === 'number') return program;
  const { seccomp: before } = task;
  if (before !== null && before.mode !== SECCOMP_MODE.FILTER) return -E.INVAL;
  const state = new Seccomp(SECCOMP_MODE.FILTER, program, before);
  if (state.tooLong) return -E.NOMEM;
  const others = flagBits & FLAG.TSYNC
    ? task.process.tasks.filter((other) => other !== task && other.state !== TaskState.Zombie) : [];
  const apart = others.find((other) => !state.extends(other.seccomp));
  if (apart) return flagBits & FLAG.TSYNC_ESRCH ? -E.SRCH : apart.tid;
  for (const other of others) {
    restrict(other, state);
    if (task.cred.noNewPrivs) other.cred.noNewPrivs = true;
  }
  restrict(task, state);
  // SPEC_ALLOW and LOG change nothing that a program could see.
  return 0;
}

/** The filter that a struct sock_fprog names. */
function readProgram(task: Task, fprog: number): BpfProgram | number {
  const { mm, cred } = task;
  if (!mm.readable(fprog, SOCK_FPROG.size)) return -E.FAULT;
  const count = mm.window.view.getUint16(fprog + SOCK_FPROG.len, true);
  const at = mm.getU64(fprog + SOCK_FPROG.filter);
  if (count === 0 || count > BPF_MAXINSNS) return -E.INVAL;
  if (!cred.noNewPrivs && !cred.has(CAP.SYS_ADMIN)) return -E.ACCES;
  if (!mm.readable(at, count * SOCK_FILTER_SIZE)) return -E.FAULT;
  return BpfProgram.of(mm.window.u8.slice(at, at + count * SOCK_FILTER_SIZE), count) ?? -E.INVAL;
}
