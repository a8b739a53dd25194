/** Who may look into another process (ptrace(2), "Ptrace access mode checking"). */
import type { Task } from './task.js';

const CAP_SYS_PTRACE = 19;

/** PTRACE_MODE_ATTACH_REALCREDS: the same user in all respects, and a process that may be dumped. */
export function mayTrace(task: Task, target: Task): boolean {
  if (task.process === target.process || task.cred.has(CAP_SYS_PTRACE)) return true;
  const { uid, gid } = task.cred;
  const other = target.cred;
  return uid === other.uid && uid === other.euid && uid === other.suid && gid === other.gid && gid === other.egid &&
    gid === other.sgid && target.process.dumpable === 1;
}
