/** mount(2) and umount2(2): bind, move and remount; file systems of a type (src/vfs/fs/types.ts), on a device or without. */
import { E } from '../abi/errno.js';
import { AT, S } from '../abi/fcntl.js';
import type { Task } from '../kernel/task.js';
import { CAP, capable } from '../vfs/credentials.js';
import type { Disk } from '../vfs/block_device.js';
import { fileSystemType } from '../vfs/fs/types.js';
import { Stat, type FileSystem } from '../vfs/inode.js';
import { lookup } from '../vfs/path_walk.js';
import { MS, type Location, type Mount } from '../vfs/mount.js';
import { fetchPath, locate } from './path_argument.js';
import { call, flags, path, ptr, type Row } from './types.js';

/** What a call to mount(2) asks for, beside the flags that stay with the mount. */
const ACTION = {
  REMOUNT: 32, BIND: 4096, MOVE: 8192, REC: 16384, SILENT: 32768,
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
  if (flags & ACTION.REMOUNT) return isRoot(place) ? remount(task, place.mount, flags, data) : -E.INVAL;
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
  const fs = fileSystem(task, name, device, options, flags);
  if (typeof fs === 'number') return fs;
  const made = task.fs.vfs.mount(fs, place, kept);
  if (typeof made === 'number' && !task.fs.vfs.mounts().some((mount) => mount.fs === fs)) fs.unmounted?.();
  return mounted(made);
}

function mounted(result: Mount | number): number {
  return typeof result === 'number' ? result : 0;
}

function isRoot(place: Location): boolean {
  return place.inode === place.mount.root;
}

/** MS_REMOUNT; with MS_BIND, of the mount alone and not of its file system. */
function remount(task: Task, mount: Mount, flags: number, data: number): number {
  const options = data === 0 ? '' : task.mm.cstring(data, 4096);
  if (typeof options === 'number') return options;
  const { fs } = mount;
  const readOnly = (flags & MS.RDONLY) !== 0;
  if (fs.remount !== undefined && !(flags & ACTION.BIND)) {
    const failed = fs.remount(readOnly, options);
    if (failed < 0) return failed;
  }
  if (fs.readOnly && !readOnly) return -E.ROFS;
  mount.flags = flags & KEPT;
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

/**
 * A file system of a type: new, or the one that is there already. -ENODEV: there is none of that type;
 * -ENOTBLK, -ENXIO, -EACCES, -EBUSY: the device is none, has nothing behind it, is read-only or is in use.
 */
function fileSystem(task: Task, name: string, source: string, options: string, flags: number): FileSystem | number {
  const type = fileSystemType(name);
  const { vfs } = task.fs;
  if (type === undefined) return -E.NODEV;
  if (type.open === undefined) return vfs.mounts().find((mount) => mount.fs.type === name)?.fs ?? -E.NODEV;
  const readOnly = (flags & MS.RDONLY) !== 0;
  let disk: Disk | null = null;
  if (type.onDevice) {
    const found = diskAt(task, source);
    if (typeof found === 'number') return found;
    if (found.device === null) return -E.NXIO;
    if (found.mounted !== null) {
      return found.mounted.type === name && found.mounted.readOnly === readOnly ? found.mounted : -E.BUSY;
    }
    if (found.exclusive !== null) return -E.BUSY;
    if (found.device.readOnly && !readOnly) return -E.ACCES;
    disk = found;
  }
  const fs = type.open({
    type: name, source, disk, options, readOnly,
    place: (path) => lookup(task.fs, task.fs.cwd, path, true),
    log: flags & ACTION.SILENT ? () => {} : vfs.log,
  });
  if (typeof fs !== 'number' && disk !== null) disk.mounted = fs;
  return fs;
}

/** The block device at a path. */
function diskAt(task: Task, path: string): Disk | number {
  const place = lookup(task.fs, task.fs.cwd, path, true);
  if (typeof place === 'number') return place;
  if (place.inode.type !== S.IFBLK) return -E.NOTBLK;
  if (place.mount.flags & MS.NODEV) return -E.ACCES;
  const stat = new Stat();
  const failed = place.inode.stat(stat);
  return failed < 0 ? failed : task.fs.vfs.disks.get(stat.rdev) ?? -E.NXIO;
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
const types = 'types of /proc/filesystems; bind, move, remount; one namespace, no propagation';

export const mountRows: readonly Row[] = [
  call('mount', 165, 21, [path, path, path, mountFlags, ptr], mount, 'partial', types),
  call('umount2', 166, 52, [path, flags('MNT_', UMOUNT)], umount2, 'partial', 'files open in it do not make it busy'),
  call('umount', -1, 22, [path], umount, 'partial', 'files open in it do not make it busy'),
];
