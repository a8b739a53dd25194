/** File systems that mount(2) makes, or finds where the kernel has put them (src/vfs/fs/types.ts). */
import { E } from '../abi/errno.js';
import { S } from '../abi/fcntl.js';
import type { Task } from '../kernel/task.js';
import type { Disk } from '../vfs/block_device.js';
import { fileSystemType } from '../vfs/fs/types.js';
import { Stat, type FileSystem } from '../vfs/inode.js';
import { MS } from '../vfs/mount.js';
import { lookup } from '../vfs/path_walk.js';

/**
 * A file system of a type: new, or the one that is there already. `log` hears why it failed, too. -ENODEV: there is none of that type;
 * -ENOTBLK, -ENXIO, -EACCES, -EBUSY: the device is none, has nothing behind it, is read-only or is in use.
 */
export function fileSystemOf(
  task: Task, name: string, source: string | null, options: string, readOnly: boolean, silent: boolean,
  log: (line: string) => void = () => {},
): FileSystem | number {
  const type = fileSystemType(name);
  const { vfs } = task.fs;
  if (type === undefined) return -E.NODEV;
  if (type.open === undefined) return vfs.mounts().find((mount) => mount.fs.type === name)?.fs ?? -E.NODEV;
  let disk: Disk | null = null;
  if (type.onDevice) {
    if (source === null || source === '') return -E.INVAL;
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
    type: name, source: source ?? 'none', disk, options, readOnly,
    uid: task.fs.cred.fsuid, gid: task.fs.cred.fsgid, umask: task.fs.umask,
    place: (path) => lookup(task.fs, task.fs.cwd, path, true),
    log: (line) => {
      log(line);
      if (!silent) vfs.log(line);
    },
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
