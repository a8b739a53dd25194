/** rseq(2). */
import { E } from '../abi/errno.js';
import { RSEQ, RSEQ_FLAG_UNREGISTER } from '../abi/process.js';
import { clearRseq, writeRseq } from '../kernel/rseq.js';
import type { Task } from '../kernel/task.js';
import { call, int, ptr, uint, type Row } from './types.js';

export const rseqRows: readonly Row[] = [
  call('rseq', 334, 386, [ptr, uint, int, uint], rseq),
];

const ADDRESS_MAX = 0x1_0000_0000;

/** rseq(2): registers the thread's struct rseq, or takes it back. All tasks run on CPU 0. */
function rseq(task: Task, area: number, length: number, flagBits: number, signature: number): number {
  if (flagBits & RSEQ_FLAG_UNREGISTER) {
    if (flagBits !== RSEQ_FLAG_UNREGISTER || task.rseq !== area || area === 0) return -E.INVAL;
    if (task.rseqLength !== length) return -E.INVAL;
    if (task.rseqSignature !== signature) return -E.PERM;
    if (!clearRseq(task)) return -E.FAULT;
    task.rseq = 0;
    return 0;
  }
  if (flagBits !== 0) return -E.INVAL;
  if (task.rseq !== 0) {
    if (task.rseq !== area || task.rseqLength !== length) return -E.INVAL;
    return task.rseqSignature === signature ? -E.BUSY : -E.PERM;
  }
  if (length < RSEQ.size || area % RSEQ.size !== 0) return -E.INVAL;
  if (area + length > ADDRESS_MAX || area === 0) return -E.FAULT;
  task.rseq = area;
  task.rseqLength = length;
  task.rseqSignature = signature;
  if (writeRseq(task, 0)) return 0;
  task.rseq = 0;
  return -E.FAULT;
}
