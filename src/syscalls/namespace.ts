/** What a task shares with others, taken apart: unshare(2). */
import { E } from '../abi/errno.js';
import { CLONE } from '../abi/process.js';
import { enterNewNamespace, leaveNamespace } from '../kernel/mount_use.js';
import type { Task } from '../kernel/task.js';
import { CAP, capable } from '../vfs/credentials.js';
import { call, fd, flags, type Row } from './types.js';

const OTHER_NAMESPACES =
  CLONE.NEWCGROUP | CLONE.NEWUTS | CLONE.NEWIPC | CLONE.NEWUSER | CLONE.NEWPID | CLONE.NEWNET;
const ONE_THREAD = CLONE.THREAD | CLONE.SIGHAND | CLONE.VM;

/** unshare(2): directories, descriptors and the tree of mounts. There are no other namespaces (EINVAL). */
function unshare(task: Task, flags: number): number {
  const known = OTHER_NAMESPACES | ONE_THREAD | CLONE.NEWNS | CLONE.FS | CLONE.FILES | CLONE.SYSVSEM;
  if (flags & ~known) return -E.INVAL;
  if (flags & ONE_THREAD && task.process.tasks.length > 1) return -E.INVAL;
  if (flags & (OTHER_NAMESPACES | CLONE.NEWNS) && !capable(task.fs.cred, CAP.SYS_ADMIN)) return -E.PERM;
  if (flags & OTHER_NAMESPACES) return -E.INVAL;
  if (flags & (CLONE.FS | CLONE.NEWNS)) task.fs = task.fs.clone(task.cred);
  if (flags & CLONE.NEWNS) {
    const before = task.fs.namespace;
    enterNewNamespace(task.fs);
    leaveNamespace(task.kernel, before);
  }
  if (flags & CLONE.FILES && task.files.users > 1) {
    const own = task.files.copy();
    task.files.leave();
    task.files = own;
  }
  return 0;
}

/** setns(2): no descriptor is one of a namespace. */
function setns(task: Task, descriptor: number): number {
  return task.files.get(descriptor) ? -E.INVAL : -E.BADF;
}

export const namespaceRows: readonly Row[] = [
  call('unshare', 272, 310, [flags('CLONE_', CLONE)], unshare, 'partial',
    'CLONE_NEWNS, CLONE_FS, CLONE_FILES, CLONE_SYSVSEM; other namespaces give EINVAL'),
  call('setns', 308, 346, [fd, flags('CLONE_', CLONE)], setns, 'partial',
    'descriptors of namespaces cannot be opened: EBADF or EINVAL'),
];
