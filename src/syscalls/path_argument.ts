/** From (directory descriptor, path pointer, AT_ flags) to a place: what all *at calls share. */
import { E } from '../abi/errno.js';
import { AT, S } from '../abi/fcntl.js';
import { placeOfFile } from '../kernel/nameless.js';
import type { Task } from '../kernel/task.js';
import { lookup, PATH_MAX } from '../vfs/path_walk.js';
import type { Location } from '../vfs/vfs.js';

/** The string at `ptr`; -EFAULT, -ENAMETOOLONG. */
export function fetchPath(task: Task, ptr: number): string | number {
  return task.mm.cstring(ptr, PATH_MAX);
}

/** Where a relative path starts: AT_FDCWD or a directory's descriptor. -EBADF, -ENOTDIR. */
export function startOf(task: Task, dirfd: number, path: string): Location | number {
  if (dirfd === AT.FDCWD || path.charCodeAt(0) === 47) return task.fs.cwd;
  if (path === '') return -E.NOENT;
  const file = task.files.get(dirfd);
  if (file === undefined) return -E.BADF;
  const place = file.location;
  return place === null || place.inode.type !== S.IFDIR ? -E.NOTDIR : place;
}

/**
 * The place that (dirfd, path) names. `flags`: AT.SYMLINK_NOFOLLOW, AT.EMPTY_PATH (then '' is the descriptor's own
 * file).
 */
export function locate(task: Task, dirfd: number, pathPtr: number, flags: number): Location | number {
  const path = fetchPath(task, pathPtr);
  if (typeof path === 'number') return path;
  if (path === '' && flags & AT.EMPTY_PATH) {
    if (dirfd === AT.FDCWD) return task.fs.cwd;
    const file = task.files.get(dirfd);
    return file === undefined ? -E.BADF : placeOfFile(file);
  }
  const start = startOf(task, dirfd, path);
  return typeof start === 'number' ? start : lookup(task.fs, start, path, (flags & AT.SYMLINK_NOFOLLOW) === 0);
}
