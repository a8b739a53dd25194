/** Priorities of input and output (ioprio_set(2)): they are kept and told; nothing queues here. */
import { E } from '../abi/errno.js';
import { IOPRIO_CLASS, IOPRIO_WHO } from '../abi/process.js';
import { CAP_SYS_NICE } from '../kernel/credentials.js';
import type { Task } from '../kernel/task.js';
import { call, int, oneOf, pid, type Row } from './types.js';

const who = oneOf('IOPRIO_WHO_', IOPRIO_WHO);

export const ioprioRows: readonly Row[] = [
  call('ioprio_get', 252, 290, [who, pid], ioprioGet),
  call('ioprio_set', 251, 289, [who, pid, int], ioprioSet, 'full', 'no effect: reads and writes do not queue'),
];

const CLASS_SHIFT = 13;
const LEVELS = 8;
const CAP_SYS_ADMIN = 21;

/** undefined for a `which` that there is not. */
function threadsFor(task: Task, which: number, id: number): Task[] | undefined {
  const { tasks } = task.kernel;
  switch (which) {
    case IOPRIO_WHO.PROCESS: {
      const found = id === 0 ? task : task.kernel.taskOf(id);
      return found ? [found] : [];
    }
    case IOPRIO_WHO.PGRP:
      return [...tasks.values()].filter((other) =>
        other.process.group.pgid === (id === 0 ? task.process.group.pgid : id));
    case IOPRIO_WHO.USER:
      return [...tasks.values()].filter((other) => other.cred.uid === (id === 0 ? task.cred.uid : id));
    default:
      return undefined;
  }
}

/** What a priority counts as when several are compared: none is that of the nice value. */
function effective(task: Task): number {
  if (task.ioPriority >> CLASS_SHIFT !== IOPRIO_CLASS.NONE) return task.ioPriority;
  const kind = task.realtimePriority > 0 ? IOPRIO_CLASS.RT : IOPRIO_CLASS.BE;
  return (kind << CLASS_SHIFT) | Math.floor((task.nice + 20) / 5);
}

/** ioprio_get(2): of one thread its own, of several the highest. */
function ioprioGet(task: Task, which: number, id: number): number {
  const found = threadsFor(task, which, id);
  if (!found) return -E.INVAL;
  if (found.length === 0) return -E.SRCH;
  if (which === IOPRIO_WHO.PROCESS) return found[0]!.ioPriority;
  return Math.min(...found.map(effective));
}

/** Whether the task may have that priority: 0, -EPERM, -EINVAL. */
export function checkPriority(task: Task, priority: number): number {
  const kind = priority >> CLASS_SHIFT, level = priority & (LEVELS - 1);
  const { cred } = task;
  switch (kind) {
    case IOPRIO_CLASS.RT:
      if (!cred.has(CAP_SYS_ADMIN) && !cred.has(CAP_SYS_NICE)) return -E.PERM;
      break;
    case IOPRIO_CLASS.BE:
    case IOPRIO_CLASS.IDLE:
      break;
    case IOPRIO_CLASS.NONE:
      if (level !== 0) return -E.INVAL;
      break;
    default:
      return -E.INVAL;
  }
  return 0;
}

/** ioprio_set(2). */
function ioprioSet(task: Task, which: number, id: number, priority: number): number {
  const { cred } = task;
  const refused = checkPriority(task, priority);
  if (refused < 0) return refused;
  const found = threadsFor(task, which, id);
  if (!found) return -E.INVAL;
  if (found.length === 0) return -E.SRCH;
  for (const thread of found) {
    if (thread.cred.uid !== cred.euid && thread.cred.uid !== cred.uid && !cred.has(CAP_SYS_NICE)) return -E.PERM;
    thread.ioPriority = priority;
  }
  return 0;
}
