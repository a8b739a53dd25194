/** membarrier(2): guest code of all tasks runs on one host thread, so every barrier is in force already. */
import { E } from '../abi/errno.js';
import { MEMBARRIER, MEMBARRIER_CMD_FLAG_CPU } from '../abi/process.js';
import type { Task } from '../kernel/task.js';
import { call, flags, int, uint, type Row } from './types.js';

export const membarrierRows: readonly Row[] = [
  call('membarrier', 324, 375, [flags('MEMBARRIER_CMD_', MEMBARRIER), uint, int], membarrier),
];

const ALL_COMMANDS = 2 * MEMBARRIER.GET_REGISTRATIONS - 1;

/**
 * A thread that does not run is in no restartable sequence either: it left that when it was preempted. So
 * MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ finds nothing to do.
 */
function membarrier(task: Task, command: number, flagBits: number): number {
  const { process } = task;
  if (command === MEMBARRIER.PRIVATE_EXPEDITED_RSEQ ? (flagBits & ~MEMBARRIER_CMD_FLAG_CPU) !== 0 : flagBits !== 0) {
    return -E.INVAL;
  }
  switch (command) {
    case MEMBARRIER.QUERY:
      return ALL_COMMANDS;
    case MEMBARRIER.GLOBAL:
    case MEMBARRIER.GLOBAL_EXPEDITED:
      return 0;
    case MEMBARRIER.REGISTER_GLOBAL_EXPEDITED:
    case MEMBARRIER.REGISTER_PRIVATE_EXPEDITED:
    case MEMBARRIER.REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
    case MEMBARRIER.REGISTER_PRIVATE_EXPEDITED_RSEQ:
      process.membarriers |= command;
      return 0;
    case MEMBARRIER.PRIVATE_EXPEDITED:
    case MEMBARRIER.PRIVATE_EXPEDITED_SYNC_CORE:
    case MEMBARRIER.PRIVATE_EXPEDITED_RSEQ:
      return process.membarriers & (command << 1) ? 0 : -E.PERM;
    case MEMBARRIER.GET_REGISTRATIONS:
      return process.membarriers;
    default:
      return -E.INVAL;
  }
}
