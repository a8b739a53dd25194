/** move_mount(2). */
import { E } from '../abi/errno.js';
import { AT, S } from '../abi/fcntl.js';
import { MOVE_MOUNT } from '../abi/mount.js';
import type { Task } from '../kernel/task.js';
import { CAP, capable } from '../vfs/credentials.js';
import type { Inode } from '../vfs/inode.js';
import type { Location } from '../vfs/mount.js';
import { setGroup } from '../vfs/mount_tree.js';
import { isRoot, moveMount } from './mount.js';
import { locate } from './path_argument.js';
import { call, dirfd, flags, path, type Row } from './types.js';

const KNOWN = Object.values(MOVE_MOUNT).reduce<number>((all, flag) => all | flag, 0);
const ONE_OF = MOVE_MOUNT.SET_GROUP | MOVE_MOUNT.BENEATH;

/** move_mount(2): a mount, or a tree that is nowhere yet, goes to a place. */
function moveMountAt(
  task: Task, fromFd: number, fromPath: number, toFd: number, toPath: number, flagBits: number,
): number {
  if (!capable(task.fs.cred, CAP.SYS_ADMIN)) return -E.PERM;
  if (flagBits & ~KNOWN || (flagBits & ONE_OF) === ONE_OF) return -E.INVAL;
  const to = locate(task, toFd, toPath, lookupFlags(flagBits, MOVE_MOUNT.T_SYMLINKS, MOVE_MOUNT.T_EMPTY_PATH));
  if (typeof to === 'number') return to;
  const from = locate(task, fromFd, fromPath, lookupFlags(flagBits, MOVE_MOUNT.F_SYMLINKS, MOVE_MOUNT.F_EMPTY_PATH));
  if (typeof from === 'number') return from;
  return flagBits & MOVE_MOUNT.SET_GROUP ? joinGroup(from, to)
    : moveMount(task, from, to, (flagBits & MOVE_MOUNT.BENEATH) !== 0);
}

function lookupFlags(flagBits: number, follow: number, empty: number): number {
  return (flagBits & follow ? 0 : AT.SYMLINK_NOFOLLOW) | (flagBits & empty ? AT.EMPTY_PATH : 0);
}

/** MOVE_MOUNT_SET_GROUP: a private mount of the same file system, or of a part, joins a shared or slave one. */
function joinGroup(from: Location, to: Location): number {
  const source = from.mount, target = to.mount;
  if (!isRoot(from) || !isRoot(to) || source.namespace === null || target.namespace === null) return -E.INVAL;
  if (source.fs !== target.fs || !isBelow(to, source.root)) return -E.INVAL;
  if (target.group !== null || target.master !== null) return -E.INVAL;
  if (source.group === null && source.master === null) return -E.INVAL;
  setGroup(target, source);
  return 0;
}

function isBelow(place: Location, top: Inode): boolean {
  const { mount, inode } = place;
  if (inode === top) return true;
  let at: Inode | null = inode.type === S.IFDIR ? inode.parent : mount.rootPlace?.dir ?? null;
  while (at !== null && at !== top) at = at.parent;
  return at !== null;
}

export const moveMountRows: readonly Row[] = [
  call('move_mount', 429, 429, [dirfd, path, dirfd, path, flags('MOVE_MOUNT_', MOVE_MOUNT)], moveMountAt),
];
