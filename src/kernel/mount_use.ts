/** Mounts and tasks: who is in a mount, who sees which tree of mounts (mount_namespaces(7)). */
import { FileMapping } from '../loader/file_mapping.js';
import { Memfd } from '../vfs/fs/memfd.js';
import type { FileSystem } from '../vfs/inode.js';
import type { Mount } from '../vfs/mount.js';
import { copyNamespace, dissolve, type MountNamespace } from '../vfs/mount_tree.js';
import type { OpenFile } from '../vfs/open_file.js';
import type { PathContext } from '../vfs/path_walk.js';
import type { Kernel } from './kernel.js';
import { TaskState, type Task } from './task.js';

/** Is a working or root directory, an open file, a mapping or a running program of any task in this mount? */
export function inUse(kernel: Kernel, mount: Mount): boolean {
  return someTask(kernel, ({ fs }) => fs.cwd.mount === mount || fs.root.mount === mount) ||
    someFile(kernel, (file) => file.location?.mount === mount);
}

/** Is a file of this file system open for writing, through any mount or only through `mount`? */
export function hasWriters(kernel: Kernel, fs: FileSystem, mount?: Mount): boolean {
  return someFile(kernel, (file) => {
    const place = file.location;
    return place !== null && file.canWrite && place.mount.fs === fs && (mount === undefined || place.mount === mount);
  });
}

/** Is a file open, mapped or run anywhere, or a directory someone's working or root directory? */
export function isOpen(kernel: Kernel, identity: unknown): boolean {
  return someTask(kernel, ({ fs }) => fs.cwd.inode.identity === identity || fs.root.inode.identity === identity) ||
    someFile(kernel, (file) => file.inode !== null && file.inode.identity === identity);
}

/** Has any task the file of this description open for writing? What memfd_create(2) gave does not count. */
export function isWritten(kernel: Kernel, program: OpenFile): boolean {
  const { inode } = program;
  if (inode === null) return false;
  const { identity } = inode;
  return someTask(kernel, ({ files }) => {
    for (let fd = 0; fd < files.end; fd++) {
      const file = files.get(fd);
      if (file === undefined || !file.canWrite || file.inode === null || file.inode.identity !== identity) continue;
      if (!(file instanceof Memfd)) return true;
    }
    return false;
  });
}

function someTask(kernel: Kernel, test: (task: Task) => boolean): boolean {
  for (const task of kernel.tasks.values()) if (task.state !== TaskState.Zombie && test(task)) return true;
  return false;
}

/** Descriptors, mappings and executables of all tasks. */
function someFile(kernel: Kernel, test: (file: OpenFile) => boolean): boolean {
  return someTask(kernel, (task) => {
    const { files, mm, process } = task;
    for (let fd = 0; fd < files.end; fd++) {
      const file = files.get(fd);
      if (file !== undefined && test(file)) return true;
    }
    for (const area of mm.areas) if (area.file instanceof FileMapping && test(area.file.file)) return true;
    return process.executable !== null && test(process.executable);
  });
}

/** CLONE_NEWNS: from now on `fs` sees a tree of its own, a copy of the one it saw. */
export function enterNewNamespace(fs: PathContext): void {
  const { vfs } = fs;
  const { copy, map } = copyNamespace(fs.namespace);
  vfs.namespaces.add(copy);
  fs.namespace = copy;
  const root = map.get(fs.root.mount), cwd = map.get(fs.cwd.mount);
  if (root !== undefined) fs.root = fs.root.movedTo(root);
  if (cwd !== undefined) fs.cwd = fs.cwd.movedTo(cwd);
}

/** A task or descriptor has left a tree of mounts: with the last one its mounts end. The first tree stays. */
export function leaveNamespace(kernel: Kernel, namespace: MountNamespace): void {
  const { vfs } = kernel;
  if (namespace === vfs.namespace || namespace.holders > 0 || someTask(kernel, ({ fs }) => fs.namespace === namespace)) return;
  if (vfs.namespaces.delete(namespace)) dissolve(namespace);
}
