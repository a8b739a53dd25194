/** mount(2) and umount2(2): bind, move and remount; tmpfs, and again what the kernel has mounted (proc, devtmpfs). */
import { E } from '../abi/errno.js';
import { AT, S } from '../abi/fcntl.js';
import type { Task } from '../kernel/task.js';
import { CAP, capable } from '../vfs/credentials.js';
import { TmpFs, type TmpFsOptions } from '../vfs/fs/tmpfs.js';
import type { FileSystem } from '../vfs/inode.js';
import { MS, type Location, type Mount } from '../vfs/mount.js';
import { fetchPath, locate } from './path_argument.js';
import { call, flags, path, ptr, type Row } from './types.js';

/** What a call to mount(2) asks for, beside the flags that stay with the mount. */
const ACTION = {
  REMOUNT: 32, BIND: 4096, MOVE: 8192, REC: 16384,
  UNBINDABLE: 1 << 17, PRIVATE: 1 << 18, SLAVE: 1 << 19, SHARED: 1 << 20,
} as const;
const PROPAGATION = ACTION.UNBINDABLE | ACTION.PRIVATE | ACTION.SLAVE | ACTION.SHARED;
const KEPT = MS.RDONLY | MS.NOSUID | MS.NODEV | MS.NOEXEC | MS.NOATIME | MS.RELATIME;
const MAGIC = 0xc0ed0000, MAGIC_MASK = 0xffff0000;
const UMOUNT = { FORCE: 1, DETACH: 2, EXPIRE: 4, NOFOLLOW: 8 } as const;

/** mount(2). */
function mount(task: Task, source: number, target: number, type: number, flags: number, data: number): number {
  if ((flags & MAGIC_MASK) >>> 0 === MAGIC) flags &= ~MAGIC_MASK;
  const place = locate(task, AT.FDCWD, target, 0);
  if (typeof place === 'number') return place;
  if (!capable(task.fs.cred, CAP.SYS_ADMIN)) return -E.PERM;
  const kept = flags & KEPT;
  if (flags & ACTION.REMOUNT) return isRoot(place) ? remount(place.mount, kept) : -E.INVAL;
  if (flags & ACTION.BIND) return bind(task, source, place, kept, (flags & ACTION.REC) !== 0);
  // There is one mount namespace: nothing propagates anywhere.
  if (flags & PROPAGATION) return isRoot(place) ? 0 : -E.INVAL;
  if (flags & ACTION.MOVE) return move(task, source, place);
  const name = type === 0 ? -E.INVAL : task.mm.cstring(type, 4096);
  if (typeof name === 'number') return name === -E.NAMETOOLONG ? -E.INVAL : name;
  const options = data === 0 ? '' : task.mm.cstring(data, 4096);
  if (typeof options === 'number') return options;
  const device = source === 0 ? 'none' : fetchPath(task, source);
  if (typeof device === 'number') return device;
  const fs = fileSystem(task, name, device, options);
  return typeof fs === 'number' ? fs : mounted(task.fs.vfs.mount(fs, place, kept));
}

function mounted(result: Mount | number): number {
  return typeof result === 'number' ? result : 0;
}

function isRoot(place: Location): boolean {
  return place.inode === place.mount.root;
}

function remount(mount: Mount, flags: number): number {
  if (mount.fs.readOnly && !(flags & MS.RDONLY)) return -E.ROFS;
  mount.flags = flags;
  return 0;
}

/** The same files at another place; with MS_REC, what is mounted below comes too. */
function bind(task: Task, source: number, on: Location, flags: number, recursive: boolean): number {
  const from = locate(task, AT.FDCWD, source, 0);
  if (typeof from === 'number') return from;
  const { vfs } = task.fs;
  const below = recursive ? submounts(from) : [];
  const made = vfs.mount(from.mount.fs, on, from.mount.flags | flags, from.inode);
  if (typeof made === 'number') return made;
  const copies = new Map<Mount, Mount>([[from.mount, made]]);
  for (const mount of below) {
    const parent = copies.get(mount.on!.mount);
    if (parent === undefined) continue;
    const copy = vfs.mount(mount.fs, mount.on!.movedTo(parent), mount.flags, mount.root);
    if (typeof copy !== 'number') copies.set(mount, copy);
  }
  return 0;
}

/** Mounts below a place, parents first. */
function submounts(place: Location): Mount[] {
  const found: Mount[] = [];
  for (const child of place.mount.children?.values() ?? []) {
    let at = child.on!.dir ?? child.on!.inode;
    while (at !== place.inode && at.parent !== null) at = at.parent;
    if (at === place.inode) found.push(child);
  }
  for (let i = 0; i < found.length; i++) found.push(...(found[i]!.children?.values() ?? []));
  return found;
}

/** MS_MOVE. */
function move(task: Task, source: number, on: Location): number {
  const from = locate(task, AT.FDCWD, source, 0);
  if (typeof from === 'number') return from;
  if (!isRoot(from) || from.mount.on === null) return -E.INVAL;
  if ((from.inode.type === S.IFDIR) !== (on.inode.type === S.IFDIR)) return -E.NOTDIR;
  for (let at: Mount | undefined = on.mount; at !== undefined; at = at.on?.mount) if (at === from.mount) return -E.LOOP;
  return task.fs.vfs.move(from.mount, on);
}

/** A file system of a type: new, or the one that is there already. -ENODEV: there is none of that type. */
function fileSystem(task: Task, type: string, source: string, options: string): FileSystem | number {
  switch (type) {
    case 'tmpfs':
    case 'ramfs': {
      const parsed = tmpfsOptions(options);
      return parsed === null ? -E.INVAL : new TmpFs({ ...parsed, type, source });
    }
    case 'proc':
    case 'devtmpfs':
    case 'devpts':
      return task.fs.vfs.mounts().find((mount) => mount.fs.type === type)?.fs ?? -E.NODEV;
    default:
      return -E.NODEV;
  }
}

/** size=, nr_inodes=, mode= of tmpfs(5); uid and gid are accepted. null: not understood. */
function tmpfsOptions(text: string): TmpFsOptions | null {
  const options: TmpFsOptions = { mode: 0o1777 };
  for (const word of text.split(',')) {
    const [name, value = ''] = word.split('=');
    const number = /^(\d+)([kmg]?)$/i.exec(value);
    const bytes = number && Number(number[1]) * 1024 ** ' kmg'.indexOf((number[2] || ' ').toLowerCase());
    if (name === 'size' && bytes !== null) options.maxBytes = bytes || Infinity;
    else if (name === 'nr_inodes' && bytes !== null) options.maxInodes = bytes || Infinity;
    else if (name === 'mode' && /^[0-7]+$/.test(value)) options.mode = parseInt(value, 8) & 0o7777;
    else if (name !== '' && name !== 'uid' && name !== 'gid') return null;
  }
  return options;
}

/** umount2(2). Files that are still open in it go on working, as with MNT_DETACH. */
function umount2(task: Task, target: number, flags: number): number {
  if (flags & ~(UMOUNT.FORCE | UMOUNT.DETACH | UMOUNT.EXPIRE | UMOUNT.NOFOLLOW)) return -E.INVAL;
  const place = locate(task, AT.FDCWD, target, flags & UMOUNT.NOFOLLOW ? AT.SYMLINK_NOFOLLOW : 0);
  if (typeof place === 'number') return place;
  if (!capable(task.fs.cred, CAP.SYS_ADMIN)) return -E.PERM;
  if (!isRoot(place)) return -E.INVAL;
  if (flags & UMOUNT.DETACH && place.mount.on !== null) {
    for (const below of submounts(place).reverse()) task.fs.vfs.unmount(below);
  } else if (task.fs.cwd.mount === place.mount || task.fs.root.mount === place.mount) {
    return -E.BUSY;
  }
  return task.fs.vfs.unmount(place.mount);
}

/** umount(2) of i386. */
function umount(task: Task, target: number): number {
  return umount2(task, target, 0);
}

const mountFlags = flags('MS_', { ...MS, ...ACTION });
const types = 'tmpfs, ramfs, proc, devtmpfs, devpts; bind, move, remount; one namespace, no propagation';

export const mountRows: readonly Row[] = [
  call('mount', 165, 21, [path, path, path, mountFlags, ptr], mount, 'partial', types),
  call('umount2', 166, 52, [path, flags('MNT_', UMOUNT)], umount2, 'partial', 'files open in it do not make it busy'),
  call('umount', -1, 22, [path], umount, 'partial', 'files open in it do not make it busy'),
];
