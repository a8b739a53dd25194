/** name_to_handle_at(2) and open_by_handle_at(2). */
import { E } from '../abi/errno.js';
import { AT, O, S } from '../abi/fcntl.js';
import { FIRST_UNIQUE_ID } from '../abi/mount.js';
import type { Task } from '../kernel/task.js';
import { CAP, capable } from '../vfs/credentials.js';
import { recall, remember } from '../vfs/file_handle.js';
import * as vfs from '../vfs/vfs.js';
import { locate } from './path_argument.js';
import { call, dirfd, fd, flags, path, ptr, type Row } from './types.js';

const MAX_HANDLE = 128;
/** struct file_handle: two words, then a generation and an inode number. */
const HEAD = 8;
const BYTES = 12;
const FILEID_INO64_GEN = 0x81;
/** Bits of the type that AT_HANDLE_CONNECTABLE adds: the file can be told its path (as any can here). */
const CONNECTABLE = 0x1_0000, OF_DIRECTORY = 0x2_0000;
/** Flags of name_to_handle_at alone. */
const AT_HANDLE = { MNT_ID_UNIQUE: 1, CONNECTABLE: 2, FID: 0x200 } as const;

/** name_to_handle_at(2). */
function nameToHandleAt(
  task: Task, dirfd: number, path: number, handle: number, mountId: number, flags: number,
): number {
  const known = AT_HANDLE.FID | AT_HANDLE.MNT_ID_UNIQUE | AT_HANDLE.CONNECTABLE;
  if (flags & ~(AT.SYMLINK_FOLLOW | AT.EMPTY_PATH | known)) return -E.INVAL;
  const connectable = (flags & AT_HANDLE.CONNECTABLE) !== 0;
  if (connectable && flags & (AT_HANDLE.FID | AT.EMPTY_PATH)) return -E.INVAL;
  const { mm } = task;
  const follow = flags & AT.SYMLINK_FOLLOW ? 0 : AT.SYMLINK_NOFOLLOW;
  const place = locate(task, dirfd, path, follow | (flags & AT.EMPTY_PATH));
  if (typeof place === 'number') return place;
  if (!mm.readable(handle, HEAD)) return -E.FAULT;
  const room = mm.getU32(handle);
  if (room > MAX_HANDLE) return -E.INVAL;
  const ino = remember(place);
  if (ino < 0) return ino;
  const how = !connectable ? 0 : place.inode.type === S.IFDIR ? CONNECTABLE | OF_DIRECTORY : CONNECTABLE;
  const kind = FILEID_INO64_GEN | how;
  const wide = (flags & AT_HANDLE.MNT_ID_UNIQUE) !== 0;
  const stored = wide ? mm.putU64(mountId, FIRST_UNIQUE_ID + place.mount.id) : mm.putU32(mountId, place.mount.id);
  if (!stored || !mm.putU32(handle, BYTES) || !mm.putU32(handle + 4, kind)) return -E.FAULT;
  if (room < BYTES) return -E.OVERFLOW;
  return mm.putU32(handle + HEAD, 0) && mm.putU64(handle + HEAD + 4, ino) ? 0 : -E.FAULT;
}

/** open_by_handle_at(2). */
function openByHandleAt(task: Task, mountFd: number, handle: number, flags: number): number {
  const { mm } = task;
  if (!mm.readable(handle, HEAD)) return -E.FAULT;
  const length = mm.getU32(handle);
  if (length > MAX_HANDLE || length === 0) return -E.INVAL;
  const file = mountFd === AT.FDCWD ? undefined : task.files.get(mountFd);
  const anchor = mountFd === AT.FDCWD ? task.fs.cwd : file?.location;
  if (anchor === undefined || anchor === null) return -E.BADF;
  if (!capable(task.fs.cred, CAP.DAC_READ_SEARCH)) return -E.PERM;
  if (!mm.readable(handle + HEAD, length)) return -E.FAULT;
  if (length !== BYTES || (mm.getU32(handle + 4) & ~(CONNECTABLE | OF_DIRECTORY)) !== FILEID_INO64_GEN) return -E.STALE;
  const place = recall(anchor.mount, mm.getU64(handle + HEAD + 4));
  if (typeof place === 'number') return place;
  const opened = vfs.openFound(task.fs, place, flags | O.LARGEFILE);
  if (typeof opened === 'number') return opened;
  const descriptor = task.files.install(opened, (flags & O.CLOEXEC) !== 0);
  if (descriptor < 0) opened.unref();
  return descriptor;
}

const handleFlags = flags('AT_', { SYMLINK_FOLLOW: AT.SYMLINK_FOLLOW, EMPTY_PATH: AT.EMPTY_PATH });

export const fileHandleRows: readonly Row[] = [
  call('name_to_handle_at', 303, 341, [dirfd, path, ptr, ptr, handleFlags], nameToHandleAt, 'full',
    'handles are good for this run'),
  call('open_by_handle_at', 304, 342, [fd, ptr, flags('O_', O)], openByHandleAt),
];
