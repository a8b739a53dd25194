/** The tree of mounts: mount(2), umount2(2), pivot_root(2). File systems of their own: mount_type.ts. */
import { E } from '../abi/errno.js';
import { AT, S } from '../abi/fcntl.js';
import { ACTION, MS, PROPAGATION, SUPER, UMOUNT } from '../abi/mount.js';
import { commonOptions } from '../kernel/fs_context.js';
import { hasWriters, inUse } from '../kernel/mount_use.js';
import { TaskState, type Task } from '../kernel/task.js';
import { CAP, capable } from '../vfs/credentials.js';
import type { FileSystem } from '../vfs/inode.js';
import { Location, Mount } from '../vfs/mount.js';
import * as tree from '../vfs/mount_tree.js';
import { lookup } from '../vfs/path_walk.js';
import { setSuperFlags } from '../vfs/write_through.js';
import { forgetWays } from '../vfs/walked.js';
import { fileSystemOf } from './mount_type.js';
import { locate } from './path_argument.js';
import { call, flags, path, ptr, type Row } from './types.js';

const KINDS = PROPAGATION.UNBINDABLE | PROPAGATION.PRIVATE | PROPAGATION.SLAVE | PROPAGATION.SHARED;
const ATIME = MS.NOATIME | MS.NODIRATIME | MS.RELATIME;
const KEPT = MS.RDONLY | MS.NOSUID | MS.NODEV | MS.NOEXEC | MS.NOSYMFOLLOW | ATIME;
const SUPER_FLAGS = MS.RDONLY | SUPER.SYNCHRONOUS | SUPER.MANDLOCK | SUPER.DIRSYNC | SUPER.LAZYTIME;
const MAGIC = 0xc0ed0000, MAGIC_MASK = 0xffff0000;
const PAGE = 4096;

/** mount(2). */
function mount(task: Task, source: number, target: number, type: number, flags: number, data: number): number {
  const typeName = optional(task, type);
  if (typeof typeName === 'number') return typeName;
  const device = optional(task, source);
  if (typeof device === 'number') return device;
  const options = data === 0 ? '' : task.mm.cstring(data, PAGE);
  if (options === -E.FAULT) return options;
  if ((flags & MAGIC_MASK) >>> 0 === MAGIC) flags &= ~MAGIC_MASK;
  if (flags & ACTION.NOUSER) return -E.INVAL;
  const place = locate(task, AT.FDCWD, target, 0);
  if (typeof place === 'number') return place;
  if (!capable(task.fs.cred, CAP.SYS_ADMIN)) return -E.PERM;
  const { set, clear, rest } = commonOptions(typeof options === 'string' ? options : '');
  const superFlags = ((flags & SUPER_FLAGS) | set) & ~clear;
  if (flags & ACTION.REMOUNT) {
    return flags & ACTION.BIND ? reconfigure(task, place, flags) : remount(task, place, flags, superFlags, rest);
  }
  if (flags & ACTION.BIND) return bind(task, device, place, (flags & ACTION.REC) !== 0);
  if (flags & KINDS) return changeType(task, place, flags);
  if (flags & ACTION.MOVE) return move(task, device, place);
  if (typeName === null) return -E.INVAL;
  const silent = (flags & ACTION.SILENT) !== 0;
  const fs = fileSystemOf(task, typeName, device, rest, (superFlags & MS.RDONLY) !== 0, silent);
  if (typeof fs === 'number') return fs;
  if (!tree.isMounted(fs) && superFlags & ~MS.RDONLY) setSuperFlags(fs, superFlags & ~MS.RDONLY);
  const top = tree.topmost(place);
  const twice = top.mount.fs === fs && isRoot(top);
  const failed = twice ? -E.BUSY : attach(task, new Mount(fs, fs.root, keptFlags(flags), null), place);
  if (failed < 0 && !tree.isMounted(fs)) fs.unmounted?.();
  return failed;
}

/** A string that may be NULL. -EFAULT; -EINVAL for one that does not end. */
function optional(task: Task, address: number): string | null | number {
  if (address === 0) return null;
  const text = task.mm.cstring(address, PAGE);
  return text === -E.NAMETOOLONG ? -E.INVAL : text;
}

/** The flags of a new mount: relative access times when nothing else is said. */
function keptFlags(flags: number): number {
  const kept = flags & KEPT;
  if (flags & ACTION.STRICTATIME) return kept & ~(MS.RELATIME | MS.NOATIME);
  return kept & MS.NOATIME ? kept : kept | MS.RELATIME;
}

export function isRoot(place: Location): boolean {
  return place.inode === place.mount.root;
}

/** Is this a mount of the tree that the task sees? */
export function isOurs(task: Task, mount: Mount): boolean {
  return mount.namespace === task.fs.namespace;
}

/** Mounts a tree over whatever is mounted at a place already. -EINVAL for a place in another tree. */
function attach(task: Task, mount: Mount, place: Location): number {
  return isOurs(task, place.mount) ? tree.attach(mount, tree.topmost(place)) : -E.INVAL;
}

/** The flags of a mount after a remount: access times stay as they are when nothing is said of them. */
function newFlags(mount: Mount, flags: number): number {
  const silent = (flags & (ATIME | ACTION.STRICTATIME)) === 0;
  return silent ? (flags & KEPT) | (mount.flags & ATIME) : keptFlags(flags);
}

/** MS_REMOUNT | MS_BIND: the flags of this mount alone. */
function reconfigure(task: Task, place: Location, flags: number): number {
  const { mount } = place;
  if (!isRoot(place) || !isOurs(task, mount)) return -E.INVAL;
  if (flags & MS.RDONLY && !mount.readOnly && hasWriters(task.kernel, mount.fs, mount)) return -E.BUSY;
  mount.flags = newFlags(mount, flags);
  mount.namespace?.touch();
  return 0;
}

/** MS_REMOUNT: the file system's options, and the flags of this mount. */
function remount(task: Task, place: Location, flags: number, superFlags: number, options: string): number {
  const { mount } = place;
  const { fs } = mount;
  if (!isRoot(place) || !isOurs(task, mount)) return -E.INVAL;
  const failed = remountSuper(task, fs, (superFlags & MS.RDONLY) !== 0, options);
  if (failed < 0) return failed;
  // Whether directories are written through stays as it was (Linux MS_RMT_MASK).
  const kept = (fs.superFlags ?? 0) & SUPER.DIRSYNC;
  setSuperFlags(fs, (superFlags & ~(MS.RDONLY | SUPER.DIRSYNC)) | kept);
  mount.flags = newFlags(mount, flags);
  mount.namespace?.touch();
  return 0;
}

/** Other options of a file system. -EBUSY: somebody writes, it cannot become read-only; -EROFS: it cannot be written. */
export function remountSuper(task: Task, fs: FileSystem, readOnly: boolean, options: string): number {
  if (readOnly && !fs.readOnly && hasWriters(task.kernel, fs)) return -E.BUSY;
  if (fs.remount !== undefined) return fs.remount(readOnly, options);
  return fs.readOnly && !readOnly ? -E.ROFS : 0;
}

/** MS_BIND: the same files at another place; with MS_REC, what is mounted below comes too. */
function bind(task: Task, source: string | null, on: Location, recursive: boolean): number {
  const from = sourcePlace(task, source);
  if (typeof from === 'number') return from;
  if (!mayCopy(task, from.mount) || !isOurs(task, on.mount)) return -E.INVAL;
  if ((from.inode.type === S.IFDIR) !== (on.inode.type === S.IFDIR)) return -E.NOTDIR;
  const copy = tree.copyTree(from.mount, from.inode, from, recursive);
  const failed = attach(task, copy, on);
  if (failed < 0) for (const each of tree.subtree(copy)) tree.makePrivate(each);
  return failed;
}

/** May this mount be seen at another place, too? It is of the caller's tree, or of one that is nowhere yet. */
export function mayCopy(task: Task, mount: Mount): boolean {
  return !mount.unbindable && (isOurs(task, mount) || mount.namespace?.detached === true);
}

/** The place that a mount's source names. -EINVAL without one. */
function sourcePlace(task: Task, source: string | null): Location | number {
  return source === null || source === '' ? -E.INVAL : lookup(task.fs, task.fs.cwd, source, true);
}

/** MS_SHARED, MS_PRIVATE, MS_SLAVE, MS_UNBINDABLE: exactly one of them, with MS_REC for all mounts below. */
function changeType(task: Task, place: Location, flags: number): number {
  const change = CHANGES.get(flags & ~(ACTION.REC | ACTION.SILENT));
  if (change === undefined || !isRoot(place) || place.mount.namespace === null) return -E.INVAL;
  for (const mount of flags & ACTION.REC ? tree.subtree(place.mount) : [place.mount]) change(mount);
  return 0;
}

/** What makes a mount of each kind. */
export const CHANGES = new Map<number, (mount: Mount) => void>([
  [PROPAGATION.SHARED, tree.makeShared], [PROPAGATION.SLAVE, tree.makeSlave],
  [PROPAGATION.PRIVATE, tree.makePrivate], [PROPAGATION.UNBINDABLE, tree.makeUnbindable],
]);

/** MS_MOVE. */
function move(task: Task, source: string | null, on: Location): number {
  const from = sourcePlace(task, source);
  return typeof from === 'number' ? from : moveMount(task, from, on, false);
}

/**
 * Takes a mount, or a tree that is nowhere yet, to a place; `beneath`: below what is mounted there.
 * -EINVAL, -ELOOP, -ENOENT as move_mount(2) has them.
 */
export function moveMount(task: Task, from: Location, on: Location, beneath: boolean): number {
  const { mount } = from;
  const { namespace } = mount;
  if (!isRoot(from) || namespace === null) return -E.INVAL;
  const top = tree.topmost(on);
  const covers = top.mount;
  const to = beneath ? covers.on : top;
  if (to === null) return -E.INVAL;
  if (to.inode.removed || to.inode.ephemeral) return -E.NOENT;
  if ((from.inode.type === S.IFDIR) !== (to.inode.type === S.IFDIR)) return -E.INVAL;
  if (!isOurs(task, to.mount) && to.mount.namespace?.detached !== true) return -E.INVAL;
  if (mount.on === null) {
    if (!namespace.detached) return -E.INVAL;
    if (namespace === to.mount.namespace) return -E.LOOP;
  } else if (!isOurs(task, mount) || mount.on.mount.group !== null) {
    return -E.INVAL;
  }
  if (beneath) {
    const above = tree.subtree(covers);
    if (!isRoot(top) || covers === task.fs.root.mount || above.includes(mount) || wouldCover(to, covers, mount)) {
      return -E.INVAL;
    }
  }
  if (to.mount.group !== null && tree.subtree(mount).some((each) => each.unbindable)) return -E.INVAL;
  for (let at: Mount | undefined = to.mount; at !== undefined; at = at.on?.mount) if (at === mount) return -E.LOOP;
  if (namespace !== to.mount.namespace && !tree.hasRoom(mount, to)) return -E.NOSPC;
  if (namespace.detached && mount.on === null) task.fs.vfs.namespaces.delete(namespace);
  tree.move(mount, to);
  return 0;
}

/** Would what is mounted beneath `covers` come, by propagation, beneath itself? */
function wouldCover(to: Location, covers: Mount, mount: Mount): boolean {
  const { group } = to.mount;
  return group !== null && (covers.group === group || mount.group === group);
}

/** umount2(2). */
function umount2(task: Task, target: number, flags: number): number {
  if (flags & ~(UMOUNT.FORCE | UMOUNT.DETACH | UMOUNT.EXPIRE | UMOUNT.NOFOLLOW)) return -E.INVAL;
  const follow = flags & UMOUNT.NOFOLLOW ? AT.SYMLINK_NOFOLLOW : 0;
  const found = locate(task, AT.FDCWD, target, follow);
  if (typeof found === 'number') return found;
  if (!capable(task.fs.cred, CAP.SYS_ADMIN)) return -E.PERM;
  const place = tree.topmost(found);
  const { mount } = place;
  // The walk of this call is no use of the mount; a second one tells how often it comes in.
  const { visits } = mount;
  locate(task, AT.FDCWD, target, follow);
  mount.visits = 2 * visits - mount.visits;
  if (!isRoot(place) || !isOurs(task, mount)) return -E.INVAL;
  const ownRoot = task.fs.root.mount === mount;
  if (flags & UMOUNT.EXPIRE) {
    if (ownRoot || flags & (UMOUNT.FORCE | UMOUNT.DETACH)) return -E.INVAL;
    if (mount.children !== null || inUse(task.kernel, mount)) return -E.BUSY;
    const unused = mount.expiryMark === mount.visits;
    mount.expiryMark = mount.visits;
    // The next walk that comes in is to be counted.
    forgetWays();
    if (!unused) return -E.AGAIN;
  }
  if (flags & UMOUNT.DETACH) return tree.detach(mount);
  if (ownRoot || mount.on === null) {
    return remount(task, new Location(mount, mount.root), mount.flags | MS.RDONLY, MS.RDONLY, '');
  }
  if (mount.children !== null) return -E.BUSY;
  if ([mount, ...tree.propagated(mount)].some((each) => inUse(task.kernel, each))) return -E.BUSY;
  return tree.detach(mount);
}

/** umount(2) of i386. */
function umount(task: Task, target: number): number {
  return umount2(task, target, 0);
}

/** pivot_root(2). */
function pivotRoot(task: Task, newRoot: number, putOld: number): number {
  if (!capable(task.fs.cred, CAP.SYS_ADMIN)) return -E.PERM;
  const next = locate(task, AT.FDCWD, newRoot, 0);
  if (typeof next === 'number') return next;
  if (next.inode.type !== S.IFDIR) return -E.NOTDIR;
  const old = locate(task, AT.FDCWD, putOld, 0);
  if (typeof old === 'number') return old;
  if (old.inode.type !== S.IFDIR) return -E.NOTDIR;
  const { root } = task.fs;
  const on = tree.topmost(old);
  const parents = [on.mount, next.mount.on?.mount, root.mount.on?.mount];
  if (parents.some((parent) => parent !== undefined && parent.group !== null)) return -E.INVAL;
  if (!isOurs(task, root.mount) || !isOurs(task, next.mount) || !isOurs(task, on.mount)) return -E.INVAL;
  if (next.inode.removed || on.inode.removed) return -E.NOENT;
  if (next.mount === root.mount || on.mount === root.mount) return -E.BUSY;
  if (!isRoot(root) || !isRoot(next) || next.mount.on === null) return -E.INVAL;
  if (!tree.isReachable(on, next) || !tree.isReachable(next, root)) return -E.INVAL;
  tree.pivot(root.mount, next.mount, on);
  for (const { fs, state } of task.kernel.tasks.values()) {
    if (state === TaskState.Zombie) continue;
    if (fs.root.mount === root.mount && fs.root.inode === root.inode) fs.root = next;
    if (fs.cwd.mount === root.mount && fs.cwd.inode === root.inode) fs.cwd = next;
  }
  return 0;
}

const mountFlags = flags('MS_', { ...MS, ...SUPER, ...PROPAGATION, ...ACTION });

export const mountRows: readonly Row[] = [
  call('mount', 165, 21, [path, path, path, mountFlags, ptr], mount, 'full',
    'types: /proc/filesystems; MS_MANDLOCK has no effect, as on Linux'),
  call('umount2', 166, 52, [path, flags('MNT_', UMOUNT)], umount2),
  call('umount', -1, 22, [path], umount),
  call('pivot_root', 155, 217, [path, path], pivotRoot),
];
