/** The families of calls that not every program needs (table.ts). */
import { fsContextRows } from './fs_context.js';
import { aioRows } from './aio.js';
import { futex2Rows } from './futex2.js';
import { inotifyRows } from './inotify.js';
import { ioprioRows } from './ioprio.js';
import { kcmpRows } from './kcmp.js';
import { membarrierRows } from './membarrier.js';
import { processMemoryRows } from './process_memory.js';
import { mqueueRows } from './mqueue.js';
import { mountRows } from './mount.js';
import { mountAttributeRows } from './mount_attributes.js';
import { mountListRows } from './mount_list.js';
import { moveMountRows } from './move_mount.js';
import { namespaceRows } from './namespace.js';
import { numaRows } from './numa.js';
import { oldCallRows } from './old_calls.js';
import { pidfdRows } from './pidfd.js';
import { prctlRows } from './prctl.js';
import { schedRows } from './sched.js';
import { spliceRows } from './splice.js';
import { socketRows } from './socket.js';
import { socketMessageRows } from './socket_message.js';
import { socketOptionRows } from './socket_option.js';
import { seccompRows } from './seccomp.js';
import { sysvMsgRows } from './sysv_msg.js';
import { sysvSemRows } from './sysv_sem.js';
import { sysvShmRows } from './sysv_shm.js';
import { timerRows } from './timer.js';
import { unimplementedRows } from './unimplemented.js';
import { xattrRows } from './xattr.js';
import type { Row } from './types.js';

export const lateRows: readonly Row[] = [
  ...fsContextRows,
  ...aioRows,
  ...futex2Rows,
  ...inotifyRows,
  ...ioprioRows,
  ...kcmpRows,
  ...membarrierRows,
  ...processMemoryRows,
  ...mountAttributeRows,
  ...mountListRows,
  ...mountRows,
  ...moveMountRows,
  ...mqueueRows,
  ...namespaceRows,
  ...numaRows,
  ...oldCallRows,
  ...pidfdRows,
  ...prctlRows,
  ...schedRows,
  ...spliceRows,
  ...socketRows,
  ...socketMessageRows,
  ...socketOptionRows,
  ...seccompRows,
  ...sysvMsgRows,
  ...sysvSemRows,
  ...sysvShmRows,
  ...timerRows,
  ...unimplementedRows,
  ...xattrRows,
];
