/** What a task shares with others, taken apart: unshare(2). */
import { E } from '../abi/errno.js';
import { CLONE } from '../abi/process.js';
import { enterNewNamespace, leaveNamespace } from '../kernel/mount_use.js';
import { NamespaceFile } from '../kernel/namespace_file.js';
import { processOfPidfd } from '../kernel/pidfd.js';
import { ProcessState, type Process } from '../kernel/process.js';
import type { Task } from '../kernel/task.js';
import { CAP, capable } from '../vfs/credentials.js';
import { Location } from '../vfs/mount.js';
import { topmost, type MountNamespace } from '../vfs/mount_tree.js';
import { call, fd, flags, type Row } from './types.js';

const OTHER_NAMESPACES =
  CLONE.NEWCGROUP | CLONE.NEWUTS | CLONE.NEWIPC | CLONE.NEWUSER | CLONE.NEWPID | CLONE.NEWNET;
/** clone3(2) and setns(2) only: the number is a signal for clone(2). */
const NEWTIME = 0x80;
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

/** setns(2): to the tree of mounts of a descriptor or of a process; of all other kinds there is but the one. */
function setns(task: Task, descriptor: number, kinds: number): number {
  const file = task.files.get(descriptor);
  if (file === undefined) return -E.BADF;
  const process = processOfPidfd(file);
  if (process) return enterOf(task, process, kinds);
  if (!(file instanceof NamespaceFile) || (kinds !== 0 && kinds !== file.kind)) return -E.INVAL;
  if (file.kind === CLONE.NEWUSER) return -E.INVAL;
  if (!capable(task.fs.cred, CAP.SYS_ADMIN)) return -E.PERM;
  return file.tree === null ? 0 : enterTree(task, file.tree);
}

/** setns(2) with a pidfd. -ESRCH: the process has ended. */
function enterOf(task: Task, process: Process, kinds: number): number {
  if (kinds === 0 || kinds & ~(OTHER_NAMESPACES | NEWTIME | CLONE.NEWNS)) return -E.INVAL;
  if (process.state !== ProcessState.Live) return -E.SRCH;
  if (kinds & CLONE.NEWUSER) return -E.INVAL;
  if (!capable(task.fs.cred, CAP.SYS_ADMIN)) return -E.PERM;
  return kinds & CLONE.NEWNS ? enterTree(task, process.leader.fs.namespace) : 0;
}

/** The root of a tree becomes root and working directory. -EINVAL while they are shared with another task. */
function enterTree(task: Task, tree: MountNamespace): number {
  if (!capable(task.fs.cred, CAP.SYS_CHROOT)) return -E.PERM;
  const { fs } = task;
  for (const other of task.kernel.tasks.values()) if (other !== task && other.fs === fs) return -E.INVAL;
  const before = fs.namespace;
  fs.namespace = tree;
  fs.root = fs.cwd = topmost(new Location(tree.root, tree.root.root));
  leaveNamespace(task.kernel, before);
  return 0;
}

export const namespaceRows: readonly Row[] = [
  call('unshare', 272, 310, [flags('CLONE_', CLONE)], unshare, 'partial',
    'CLONE_NEWNS, CLONE_FS, CLONE_FILES, CLONE_SYSVSEM; other namespaces give EINVAL'),
  call('setns', 308, 346, [fd, flags('CLONE_', CLONE)], setns, 'full',
    'trees of mounts; of other kinds there is but one, which one may enter'),
];
