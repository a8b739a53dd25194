/** Memory of other processes: process_vm_readv(2), process_vm_writev(2). */
import { E } from '../abi/errno.js';
import type { Task } from '../kernel/task.js';
import { mayTrace } from '../kernel/trace_access.js';
import { fetchVector } from './transfer.js';
import { call, iovec, pid, ulong, type Row } from './types.js';

export const processMemoryRows: readonly Row[] = [
  call('process_vm_readv', 310, 347, [pid, iovec(2, true), ulong, iovec(4, false), ulong, ulong], processVmReadv),
  call('process_vm_writev', 311, 348, [pid, iovec(2, false), ulong, iovec(4, false), ulong, ulong], processVmWritev),
];

function processVmReadv(
  task: Task, id: number, local: number, localCount: number, remote: number, remoteCount: number, flags: number,
): number {
  return transfer(task, id, local, localCount, remote, remoteCount, flags, false);
}

function processVmWritev(
  task: Task, id: number, local: number, localCount: number, remote: number, remoteCount: number, flags: number,
): number {
  return transfer(task, id, local, localCount, remote, remoteCount, flags, true);
}

/** Copies between the vectors, as far as both sides can be touched; -EFAULT when that is not at all. */
function transfer(
  task: Task, id: number, localVector: number, localCount: number, remoteVector: number, remoteCount: number,
  flags: number, write: boolean,
): number {
  if (flags !== 0) return -E.INVAL;
  const local = fetchVector(task, localVector, localCount);
  if (typeof local === 'number') return local;
  const remote = fetchVector(task, remoteVector, remoteCount);
  if (typeof remote === 'number') return remote;
  if (sum(local) === 0 || sum(remote) === 0) return 0;
  const target = task.kernel.taskOf(id);
  if (target === undefined) return -E.SRCH;
  if (!mayTrace(task, target)) return -E.PERM;

  const here = task.mm;
  const there = target.mm;
  let done = 0;
  for (let l = 0, r = 0, localDone = 0, remoteDone = 0; l < local.length && r < remote.length; ) {
    const length = Math.min(local[l + 1]! - localDone, remote[r + 1]! - remoteDone);
    if (length > 0) {
      const localAt = local[l]! + localDone;
      const remoteAt = remote[r]! + remoteDone;
      const [from, source, to, sink] = write ? [here, localAt, there, remoteAt] : [there, remoteAt, here, localAt];
      const count = Math.min(length, from.readableBytes(source), to.writableBytes(sink, length));
      if (count > 0) to.window.u8.set(from.window.u8.subarray(source, source + count), sink);
      done += count;
      if (count < length) break;
    }
    localDone += length;
    remoteDone += length;
    if (localDone === local[l + 1]) {
      l += 2;
      localDone = 0;
    }
    if (remoteDone === remote[r + 1]) {
      r += 2;
      remoteDone = 0;
    }
  }
  return done > 0 ? done : -E.FAULT;
}

function sum(vector: readonly number[]): number {
  let total = 0;
  for (let i = 1; i < vector.length; i += 2) total += vector[i]!;
  return total;
}
