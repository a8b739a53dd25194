/**
 * Restartable sequences (rseq(2), linux/rseq.h): a thread that is preempted, or takes a signal, inside of a critical
 * section that it has announced goes on at the section's abort handler.
 */
import { SI, SIG } from '../abi/signal.js';
import { RSEQ, RSEQ_CS } from '../abi/process.js';
import { SigInfo } from './pending_signals.js';
import { forceSignal } from './signals.js';
import type { Task } from './task.js';

const CPU_UNINITIALIZED = 0xffff_ffff;
const ADDRESS_MAX = 0x1_0000_0000;

/** Writes where the thread runs into its struct rseq. False when it cannot be written. */
export function writeRseq(task: Task, cpu: number): boolean {
  const { mm, rseq } = task;
  if (!mm.writable(rseq, RSEQ.size)) return false;
  mm.putU32(rseq + RSEQ.cpuIdStart, cpu);
  mm.putU32(rseq + RSEQ.cpuId, cpu);
  mm.putU32(rseq + RSEQ.nodeId, 0);
  mm.putU32(rseq + RSEQ.mmCid, 0);
  return true;
}

/** The thread takes its struct back. */
export function clearRseq(task: Task): boolean {
  const { mm, rseq } = task;
  if (!writeRseq(task, 0)) return false;
  return mm.putU32(rseq + RSEQ.cpuId, CPU_UNINITIALIZED);
}

/** Another task gets the CPU, or a handler runs: out of the critical section, if the task is in one. */
export function leaveCriticalSection(task: Task): void {
  const { mm, rseq, cpu } = task;
  const section = mm.getU64(rseq + RSEQ.rseqCs);
  if (section === 0) return;
  if (section < 0 || !mm.readable(section, RSEQ_CS.size) || !mm.writable(rseq, RSEQ.size)) return refuse(task);
  const start = mm.getU64(section + RSEQ_CS.startIp), length = mm.getU64(section + RSEQ_CS.postCommitOffset);
  const abort = mm.getU64(section + RSEQ_CS.abortIp);
  const flags = mm.getU32(section + RSEQ_CS.flags);
  if (start >= ADDRESS_MAX || start + length >= ADDRESS_MAX || abort >= ADDRESS_MAX) return refuse(task);
  if (mm.getU32(section + RSEQ_CS.version) !== 0 || (abort >= start && abort < start + length)) return refuse(task);
  if (mm.getU32(abort - 4) !== task.rseqSignature) return refuse(task);
  const { rip } = cpu;
  if (rip >= start && rip < start + length) {
    if (flags !== 0) return refuse(task);
    cpu.rip = abort;
  }
  mm.putU64(rseq + RSEQ.rseqCs, 0);
}

/** The section makes no sense: Linux ends the process, unless it catches SIGSEGV. */
function refuse(task: Task): void {
  task.mm.putU64(task.rseq + RSEQ.rseqCs, 0);
  forceSignal(task, new SigInfo(SIG.SEGV, SI.KERNEL));
}
