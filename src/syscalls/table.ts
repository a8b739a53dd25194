/** The system-call table: the families' rows, and the two ways to find one by number. */
import { Abi } from '../abi/abi.js';
import { clockRows } from './clock.js';
import { dirRows } from './dir.js';
import { fileDataRows } from './file_data.js';
import { fileHandleRows } from './file_handle.js';
import { fileIoRows } from './file_io.js';
import { fileOpenRows } from './file_open.js';
import { fileStatRows } from './file_stat.js';
import { futexRows } from './futex.js';
import { futex2Rows } from './futex2.js';
import { identityRows } from './identity.js';
import { inotifyRows } from './inotify.js';
import { ioprioRows } from './ioprio.js';
import { kcmpRows } from './kcmp.js';
import { membarrierRows } from './membarrier.js';
import { memoryRows } from './memory.js';
import { processMemoryRows } from './process_memory.js';
import { mountRows } from './mount.js';
import { namespaceRows } from './namespace.js';
import { pathRows } from './path.js';
import { pidfdRows } from './pidfd.js';
import { pipeRows } from './pipe.js';
import { pollRows } from './poll.js';
import { prctlRows } from './prctl.js';
import { processRows } from './process.js';
import { resourceRows } from './resource.js';
import { rseqRows } from './rseq.js';
import { schedRows } from './sched.js';
import { signalRows } from './signal.js';
import { spliceRows } from './splice.js';
import { socketRows } from './socket.js';
import { socketMessageRows } from './socket_message.js';
import { socketOptionRows } from './socket_option.js';
import { systemRows } from './system.js';
import { sysvMsgRows } from './sysv_msg.js';
import { sysvSemRows } from './sysv_sem.js';
import { sysvShmRows } from './sysv_shm.js';
import { taskControlRows } from './task_control.js';
import { timerRows } from './timer.js';
import { unimplementedRows } from './unimplemented.js';
import { xattrRows } from './xattr.js';
import type { Row } from './types.js';

/** Every call of Linux x86-64, implemented or not, in no particular order. */
export const table: readonly Row[] = [
  ...clockRows,
  ...dirRows,
  ...fileDataRows,
  ...fileHandleRows,
  ...fileIoRows,
  ...fileOpenRows,
  ...fileStatRows,
  ...futexRows,
  ...futex2Rows,
  ...identityRows,
  ...inotifyRows,
  ...ioprioRows,
  ...kcmpRows,
  ...membarrierRows,
  ...memoryRows,
  ...processMemoryRows,
  ...mountRows,
  ...namespaceRows,
  ...pathRows,
  ...pidfdRows,
  ...pipeRows,
  ...pollRows,
  ...prctlRows,
  ...processRows,
  ...resourceRows,
  ...rseqRows,
  ...schedRows,
  ...signalRows,
  ...spliceRows,
  ...socketRows,
  ...socketMessageRows,
  ...socketOptionRows,
  ...systemRows,
  ...sysvMsgRows,
  ...sysvSemRows,
  ...sysvShmRows,
  ...taskControlRows,
  ...xattrRows,
  ...timerRows,
  ...unimplementedRows,
];

/** Rows by number, for one ABI. */
export function byNumber(abi: Abi): (Row | undefined)[] {
  const rows: (Row | undefined)[] = new Array<Row | undefined>(480).fill(undefined);
  for (const row of table) {
    const number = abi === Abi.X64 ? row.x64 : row.i386;
    if (number >= 0) rows[number] = row;
  }
  return rows;
}
