/** Attributes of mounts: mount_setattr(2), open_tree_attr(2), and what they share with fsmount(2). */
import { E } from '../abi/errno.js';
import { AT, O } from '../abi/fcntl.js';
import { MOUNT_ATTR, MOUNT_ATTRIBUTES, MS, OPEN_TREE } from '../abi/mount.js';
import { DetachedTreeFile } from '../kernel/fs_context.js';
import { hasWriters } from '../kernel/mount_use.js';
import type { Task } from '../kernel/task.js';
import { CAP, capable } from '../vfs/credentials.js';
import type { Location } from '../vfs/mount.js';
import { copyTree, subtree } from '../vfs/mount_tree.js';
import { PathFile } from '../vfs/vfs.js';
import { CHANGES, isOurs, isRoot, mayCopy } from './mount.js';
import { locate } from './path_argument.js';
import { call, dirfd, flags, path, ptr, size, type Row } from './types.js';

const PAGE = 4096;
const PLAIN: readonly (readonly [attribute: number, flag: number])[] = [
  [MOUNT_ATTR.RDONLY, MS.RDONLY], [MOUNT_ATTR.NOSUID, MS.NOSUID], [MOUNT_ATTR.NODEV, MS.NODEV],
  [MOUNT_ATTR.NOEXEC, MS.NOEXEC], [MOUNT_ATTR.NODIRATIME, MS.NODIRATIME], [MOUNT_ATTR.NOSYMFOLLOW, MS.NOSYMFOLLOW],
];
const KNOWN = PLAIN.reduce((all, [attribute]) => all | attribute, MOUNT_ATTR.ATIME | MOUNT_ATTR.IDMAP);

/** The flags of a mount with these attributes. -EINVAL for what is none, or two kinds of access times. */
export function attributeFlags(attributes: number): number {
  if (attributes & ~KNOWN) return -E.INVAL;
  const kind = attributes & MOUNT_ATTR.ATIME;
  if (kind !== 0 && kind !== MOUNT_ATTR.NOATIME && kind !== MOUNT_ATTR.STRICTATIME) return -E.INVAL;
  const flags = kind === 0 ? MS.RELATIME : kind === MOUNT_ATTR.NOATIME ? MS.NOATIME : 0;
  return PLAIN.reduce((all, [attribute, flag]) => (attributes & attribute ? all | flag : all), flags as number);
}

/** The attributes of a mount with these flags. */
export function attributesOf(flags: number): number {
  const kind = flags & MS.NOATIME ? MOUNT_ATTR.NOATIME : flags & MS.RELATIME ? 0 : MOUNT_ATTR.STRICTATIME;
  return PLAIN.reduce((all, [attribute, flag]) => (flags & flag ? all | attribute : all), kind as number);
}

/** A change of attributes, in flags of mounts. */
interface Change {
  readonly set: number;
  readonly clear: number;
  /** One of PROPAGATION, or 0. */
  readonly propagation: number;
}

/** struct mount_attr of the guest. null: nothing is to change. -E2BIG, -EINVAL, -EFAULT, -EBADF. */
function fetchChange(task: Task, address: number, length: number): Change | null | number {
  const { mm } = task;
  const o = MOUNT_ATTRIBUTES.lp64;
  if (length > PAGE) return -E['2BIG'];
  if (length < o.size) return -E.INVAL;
  if (!capable(task.fs.cred, CAP.SYS_ADMIN)) return -E.PERM;
  if (!mm.readable(address, length)) return -E.FAULT;
  if (mm.window.u8.subarray(address + o.size, address + length).some((byte) => byte !== 0)) return -E['2BIG'];
  const { view } = mm.window;
  const [set, clear, propagation] = [o.set, o.clear, o.propagation].map((at) => view.getBigUint64(address + at, true));
  if (set === 0n && clear === 0n && propagation === 0n) return null;
  if (propagation !== 0n && !CHANGES.has(Number(propagation))) return -E.INVAL;
  if ((set! | clear!) & ~BigInt(KNOWN)) return -E.INVAL;
  return parseChange(task, Number(set), Number(clear), Number(propagation), view.getBigUint64(address + o.userns, true));
}

function parseChange(
  task: Task, set: number, clear: number, propagation: number, userns: bigint,
): Change | number {
  const all = clear & MOUNT_ATTR.ATIME;
  if (all !== 0 ? all !== MOUNT_ATTR.ATIME : (set & MOUNT_ATTR.ATIME) !== 0) return -E.INVAL;
  const flags = attributeFlags(set);
  if (flags < 0) return flags;
  if ((set | clear) & MOUNT_ATTR.IDMAP) {
    if (clear & MOUNT_ATTR.IDMAP || userns > 0x7fff_ffffn) return -E.INVAL;
    // Every user is himself: there is no user namespace whose ids a mount could have.
    return task.files.get(Number(userns)) === undefined ? -E.BADF : -E.INVAL;
  }
  const cleared = PLAIN.reduce((sum, [attribute, flag]) => (clear & attribute ? sum | flag : sum), 0);
  return all === 0 ? { set: flags & ~MS.RELATIME, clear: cleared, propagation }
    : { set: flags, clear: cleared | MS.NOATIME | MS.RELATIME, propagation };
}

/** Changes one mount, or all of a tree, or (-EBUSY: somebody writes) none. */
function apply(task: Task, place: Location, recursive: boolean, change: Change): number {
  const { mount } = place;
  if (!isRoot(place) || mount.namespace === null) return -E.INVAL;
  if (!isOurs(task, mount) && !(mount.namespace.detached && mount.on === null)) return -E.INVAL;
  const mounts = recursive ? subtree(mount) : [mount];
  for (const each of mounts) {
    const closes = change.set & MS.RDONLY && !(each.flags & MS.RDONLY);
    if (closes && hasWriters(task.kernel, each.fs, each)) return -E.BUSY;
  }
  const makeKind = CHANGES.get(change.propagation);
  for (const each of mounts) {
    each.flags = (each.flags & ~change.clear) | change.set;
    makeKind?.(each);
  }
  mount.namespace.touch();
  return 0;
}

const SETATTR_FLAGS = AT.EMPTY_PATH | AT.RECURSIVE | AT.SYMLINK_NOFOLLOW | AT.NO_AUTOMOUNT;

/** mount_setattr(2). */
function mountSetattr(
  task: Task, dirfd: number, path: number, flagBits: number, address: number, length: number,
): number {
  if (flagBits & ~SETATTR_FLAGS) return -E.INVAL;
  const change = fetchChange(task, address, length);
  if (typeof change === 'number') return change;
  if (change === null) return 0;
  const place = locate(task, dirfd, path, flagBits & (AT.EMPTY_PATH | AT.SYMLINK_NOFOLLOW));
  return typeof place === 'number' ? place : apply(task, place, (flagBits & AT.RECURSIVE) !== 0, change);
}

/** A descriptor of a place, or of a copy of what is mounted there. */
function openedTree(task: Task, dirfd: number, path: number, flagBits: number): PathFile | number {
  const known = SETATTR_FLAGS | OPEN_TREE.CLONE | OPEN_TREE.CLOEXEC;
  const recursive = (flagBits & AT.RECURSIVE) !== 0, clone = (flagBits & OPEN_TREE.CLONE) !== 0;
  if (flagBits & ~known || (recursive && !clone)) return -E.INVAL;
  if (clone && !capable(task.fs.cred, CAP.SYS_ADMIN)) return -E.PERM;
  const place = locate(task, dirfd, path, flagBits & (AT.EMPTY_PATH | AT.SYMLINK_NOFOLLOW));
  if (typeof place === 'number') return place;
  if (!clone) return new PathFile(O.PATH, place);
  if (!mayCopy(task, place.mount)) return -E.INVAL;
  return new DetachedTreeFile(copyTree(place.mount, place.inode, place, recursive), task.fs.vfs);
}

function install(task: Task, file: PathFile, flagBits: number): number {
  const result = task.files.install(file, (flagBits & OPEN_TREE.CLOEXEC) !== 0);
  if (result < 0) file.unref();
  return result;
}

/** open_tree(2). */
function openTree(task: Task, dirfd: number, path: number, flagBits: number): number {
  const file = openedTree(task, dirfd, path, flagBits);
  return typeof file === 'number' ? file : install(task, file, flagBits);
}

/** open_tree_attr(2): open_tree with a change of the copy's attributes. */
function openTreeAttr(
  task: Task, dirfd: number, path: number, flagBits: number, address: number, length: number,
): number {
  if (address === 0 && length !== 0) return -E.INVAL;
  const file = openedTree(task, dirfd, path, flagBits);
  if (typeof file === 'number') return file;
  if (address !== 0) {
    const change = fetchChange(task, address, length);
    const failed = typeof change === 'number' ? change
      : change === null ? 0 : apply(task, file.location!, (flagBits & AT.RECURSIVE) !== 0, change);
    if (failed < 0) {
      file.unref();
      return failed;
    }
  }
  return install(task, file, flagBits);
}

const treeFlags = flags('', { OPEN_TREE_CLONE: OPEN_TREE.CLONE, OPEN_TREE_CLOEXEC: OPEN_TREE.CLOEXEC,
  AT_EMPTY_PATH: AT.EMPTY_PATH, AT_RECURSIVE: AT.RECURSIVE, AT_SYMLINK_NOFOLLOW: AT.SYMLINK_NOFOLLOW,
  AT_NO_AUTOMOUNT: AT.NO_AUTOMOUNT });
const noIdMaps = 'MOUNT_ATTR_IDMAP: EINVAL, there are no user namespaces';

export const mountAttributeRows: readonly Row[] = [
  call('open_tree', 428, 428, [dirfd, path, treeFlags], openTree),
  call('mount_setattr', 442, 442, [dirfd, path, flags('AT_', AT), ptr, size], mountSetattr, 'full', noIdMaps),
  call('open_tree_attr', 467, 467, [dirfd, path, treeFlags, ptr, size], openTreeAttr, 'full', noIdMaps),
];

