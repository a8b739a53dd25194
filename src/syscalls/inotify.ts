/** inotify_init(2), inotify_add_watch(2), inotify_rm_watch(2). */
import { E } from '../abi/errno.js';
import { AT, O, S } from '../abi/fcntl.js';
import { IN } from '../abi/file.js';
import { listenToHost } from '../kernel/host_listener.js';
import type { Task } from '../kernel/task.js';
import { InotifyFile, inotifyLimits } from '../vfs/inotify.js';
import { locate } from './path_argument.js';
import { call, fd, flags, int, path, type Row } from './types.js';

const WATCH_FLAGS = IN.ONLYDIR | IN.DONT_FOLLOW | IN.EXCL_UNLINK | IN.MASK_CREATE | IN.MASK_ADD | IN.ONESHOT;

/** Some bit of these must be there, were it one that asks for nothing. */
const KNOWN = IN.ALL_EVENTS | IN.UNMOUNT | IN.Q_OVERFLOW | IN.IGNORED | IN.ISDIR | WATCH_FLAGS;

/** inotify_init1(2). */
function inotifyInit1(task: Task, flags: number): number {
  if (flags & ~(O.NONBLOCK | O.CLOEXEC)) return -E.INVAL;
  if (InotifyFile.count >= inotifyLimits.instances) return -E.MFILE;
  const file = new InotifyFile(flags & O.NONBLOCK);
  const fd = task.files.install(file, (flags & O.CLOEXEC) !== 0);
  if (fd < 0) file.unref();
  return fd;
}
/** inotify_init(2). */
function inotifyInit(task: Task): number {
  return inotifyInit1(task, 0);
}

/** inotify_add_watch(2). */
function inotifyAddWatch(task: Task, fd: number, path: number, mask: number): number {
  if ((mask & KNOWN) === 0) return -E.INVAL;
  if (mask & IN.MASK_ADD && mask & IN.MASK_CREATE) return -E.INVAL;
  const file = task.files.get(fd);
  if (file === undefined) return -E.BADF;
  if (!(file instanceof InotifyFile)) return -E.INVAL;
  const place = locate(task, AT.FDCWD, path, mask & IN.DONT_FOLLOW ? AT.SYMLINK_NOFOLLOW : 0);
  if (typeof place === 'number') return place;
  if (mask & IN.ONLYDIR && place.inode.type !== S.IFDIR) return -E.NOTDIR;
  const denied = place.inode.permission(task.fs.cred, 4);
  if (denied < 0) return denied;
  const wd = file.add(place, mask & (IN.ALL_EVENTS | WATCH_FLAGS));
  listenToHost(task.kernel);
  return wd;
}

/** inotify_rm_watch(2). */
function inotifyRmWatch(task: Task, fd: number, wd: number): number {
  const file = task.files.get(fd);
  if (file === undefined) return -E.BADF;
  return file instanceof InotifyFile ? file.remove(wd) : -E.INVAL;
}

const hostSide = 'of what processes of the host do, reading is not told';

export const inotifyRows: readonly Row[] = [
  call('inotify_init', 253, 291, [], inotifyInit),
  call('inotify_init1', 294, 332, [flags('IN_', { NONBLOCK: O.NONBLOCK, CLOEXEC: O.CLOEXEC })], inotifyInit1),
  call('inotify_add_watch', 254, 292, [fd, path, flags('IN_', IN)], inotifyAddWatch, 'full', hostSide),
  call('inotify_rm_watch', 255, 293, [fd, int], inotifyRmWatch),
];
