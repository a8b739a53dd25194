/** Directories: getdents64(2), getcwd(2), chdir(2), chroot(2), umask(2). */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { AT, O, S } from '../abi/fcntl.js';
import { IN } from '../abi/file.js';
import type { Task } from '../kernel/task.js';
import { CAP, capable } from '../vfs/credentials.js';
import type { DirSink } from '../vfs/inode.js';
import { Location } from '../vfs/mount.js';
import { notifyPlace } from '../vfs/notify.js';
import { pathOf } from '../vfs/path_walk.js';
import { locate } from './path_argument.js';
import { call, fd, mode, outBuffer, path, ptr, size, type Row } from './types.js';

/** Writes directory entries to the guest in the old form: linux_dirent with words of `word` bytes. */
class DirentWriter implements DirSink {
  private view!: DataView;
  private u8!: Uint8Array;
  private start = 0;
  private at = 0;
  private end = 0;
  private word = 0;
  private refused = false;

  begin(task: Task, buf: number, length: number, word: number): void {
    this.view = task.mm.window.view;
    this.u8 = task.mm.window.u8;
    this.start = this.at = buf;
    this.end = buf + length;
    this.word = word;
    this.refused = false;
  }

  entry(name: string, ino: number, type: number, next: number): boolean {
    const { at, word, view, u8 } = this;
    const head = 2 * word + 2;
    // The type is in the last byte.
    const length = (head + name.length + 2 + word - 1) & -word;
    if (at + length > this.end) {
      this.refused = true;
      return false;
    }
    view.setUint32(at, ino >>> 0, true);
    view.setUint32(at + word, next, true);
    if (word === 8) {
      view.setUint32(at + 4, Math.floor(ino / 0x1_0000_0000), true);
      view.setUint32(at + 12, 0, true);
    }
    view.setUint16(at + head - 2, length, true);
    let to = at + head;
    for (let i = 0; i < name.length; i++) u8[to++] = name.charCodeAt(i);
    while (to < at + length) u8[to++] = 0;
    u8[at + length - 1] = type >> 12;
    this.at = at + length;
    return true;
  }

  /** Bytes written; -EINVAL when there was an entry but no room for one. */
  get result(): number {
    return this.at === this.start && this.refused ? -E.INVAL : this.at - this.start;
  }
}

const writer = new DirentWriter();

/** Entries to the guest's buffer; `word` 0: in the form of getdents64, else in the old one. */
function readEntries(task: Task, fd: number, buf: number, length: number, word: number): number {
  const file = task.files.get(fd);
  if (file === undefined || file.flags & O.PATH) return -E.BADF;
  if (file.inode === null || file.inode.type !== S.IFDIR) return -E.NOTDIR;
  if (length > 0x7fff_ffff) return -E.INVAL;
  const room = length;
  const { mm } = task;
  const usable = mm.writable(buf, room) ? room : mm.writableBytes(buf, room);
  if (usable <= 0 && room > 0) return -E.FAULT;
  // Any address goes with no room, which files must not reckon with.
  const at = usable > 0 ? buf : 0;
  let result: number;
  if (word === 0) {
    result = file.getdents(mm.window.u8, at, usable);
  } else {
    writer.begin(task, at, usable, word);
    const failed = file.readdir(writer);
    result = failed < 0 ? failed : writer.result;
  }
  if (result >= 0 && file.location !== null) notifyPlace(file.location, IN.ACCESS);
  return result;
}

/** getdents64(2). */
function getdents64(task: Task, fd: number, buf: number, length: number): number {
  return readEntries(task, fd, buf, length, 0);
}

/** getdents(2). */
function getdents(task: Task, fd: number, buf: number, length: number): number {
  return readEntries(task, fd, buf, length, task.abi === Abi.X64 ? 8 : 4);
}

/** getcwd(2): the system call gives the length with the NUL. */
function getcwd(task: Task, buf: number, length: number): number {
  const { cwd, root } = task.fs;
  if (cwd.inode.removed) return -E.NOENT;
  const path = pathOf(root, cwd) + '\0';
  if (path.length > 4096) return -E.NAMETOOLONG;
  if (path.length > length) return -E.RANGE;
  return task.mm.putBytes(buf, Buffer.from(path, 'latin1')) ? path.length : -E.FAULT;
}

/** May the task make this its working or root directory? */
function mayEnter(task: Task, place: Location): number {
  if (place.inode.type !== S.IFDIR) return -E.NOTDIR;
  return place.inode.permission(task.fs.cred, 1);
}

/** chdir(2). */
function chdir(task: Task, path: number): number {
  const place = locate(task, AT.FDCWD, path, 0);
  if (typeof place === 'number') return place;
  const denied = mayEnter(task, place);
  if (denied < 0) return denied;
  task.fs.cwd = place;
  return 0;
}

/** fchdir(2). */
function fchdir(task: Task, fd: number): number {
  const file = task.files.get(fd);
  if (file === undefined) return -E.BADF;
  if (file.location === null) return -E.NOTDIR;
  const denied = mayEnter(task, file.location);
  if (denied < 0) return denied;
  task.fs.cwd = file.location;
  return 0;
}

/** chroot(2). */
function chroot(task: Task, path: number): number {
  const place = locate(task, AT.FDCWD, path, 0);
  if (typeof place === 'number') return place;
  const denied = mayEnter(task, place);
  if (denied < 0) return denied;
  if (!capable(task.fs.cred, CAP.SYS_CHROOT)) return -E.PERM;
  task.fs.root = place;
  return 0;
}

/** umask(2). */
function umask(task: Task, mask: number): number {
  const old = task.fs.umask;
  task.fs.umask = mask & 0o777;
  return old;
}

export const dirRows: readonly Row[] = [
  call('getdents', 78, 141, [fd, ptr, size], getdents),
  call('getdents64', 217, 220, [fd, ptr, size], getdents64),
  call('getcwd', 79, 183, [outBuffer, size], getcwd),
  call('chdir', 80, 12, [path], chdir),
  call('fchdir', 81, 133, [fd], fchdir),
  call('chroot', 161, 61, [path], chroot),
  call('umask', 95, 60, [mode], umask),
];
