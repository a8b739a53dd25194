/** Extended attributes (xattr(7)): get, set, list and remove, of a path, of a link itself, of a descriptor. */
import { E } from '../abi/errno.js';
import { AT, O } from '../abi/fcntl.js';
import type { Task } from '../kernel/task.js';
import * as attributes from '../vfs/attributes.js';
import type { Location } from '../vfs/mount.js';
import { locate } from './path_argument.js';
import { call, fd, flags, inBuffer, path, ptr, size, type Row } from './types.js';

const XATTR_NAME_MAX = 255;
const XATTR_SIZE_MAX = 65536;
const XATTR = { CREATE: 1, REPLACE: 2 } as const;

function byPath(task: Task, path: number): Location | number {
  return locate(task, AT.FDCWD, path, 0);
}
function byLink(task: Task, path: number): Location | number {
  return locate(task, AT.FDCWD, path, AT.SYMLINK_NOFOLLOW);
}
function byFd(task: Task, fd: number): Location | number {
  const file = task.files.get(fd);
  if (file === undefined || file.flags & O.PATH) return -E.BADF;
  return file.location ?? -E.OPNOTSUPP;
}

function fetchName(task: Task, name: number): string | number {
  const text = task.mm.cstring(name, XATTR_NAME_MAX + 1);
  if (typeof text === 'number') return text === -E.NAMETOOLONG ? -E.RANGE : text;
  return text === '' ? -E.RANGE : text;
}

/** Gives bytes to the guest, or, with length 0, tells how many there are. */
function give(task: Task, bytes: Uint8Array, buf: number, length: number): number {
  if (length === 0) return bytes.length;
  if (length < bytes.length) return -E.RANGE;
  return task.mm.putBytes(buf, bytes) ? bytes.length : -E.FAULT;
}

function set(
  task: Task, place: Location | number, namePtr: number, value: number, length: number, flags: number,
): number {
  if (flags & ~(XATTR.CREATE | XATTR.REPLACE)) return -E.INVAL;
  const name = fetchName(task, namePtr);
  if (typeof name === 'number') return name;
  if (length > XATTR_SIZE_MAX) return -E['2BIG'];
  const bytes = task.mm.bytes(value, length);
  if (typeof bytes === 'number') return bytes;
  if (typeof place === 'number') return place;
  return attributes.setxattr(task.fs, place, name, bytes, flags);
}

function get(task: Task, place: Location | number, namePtr: number, buf: number, length: number): number {
  if (typeof place === 'number') return place;
  const name = fetchName(task, namePtr);
  if (typeof name === 'number') return name;
  const value = attributes.getxattr(task.fs, place, name);
  return typeof value === 'number' ? value : give(task, value, buf, length);
}

function list(task: Task, place: Location | number, buf: number, length: number): number {
  if (typeof place === 'number') return place;
  const names = attributes.listxattr(task.fs, place);
  if (typeof names === 'number') return names;
  return give(task, Buffer.from(names.map((name) => name + '\0').join(''), 'latin1'), buf, length);
}

function remove(task: Task, place: Location | number, namePtr: number): number {
  if (typeof place === 'number') return place;
  const name = fetchName(task, namePtr);
  return typeof name === 'number' ? name : attributes.removexattr(task.fs, place, name);
}

/** setxattr(2). */
function setxattr(task: Task, path: number, name: number, value: number, length: number, flags: number): number {
  return set(task, byPath(task, path), name, value, length, flags);
}
/** lsetxattr(2). */
function lsetxattr(task: Task, path: number, name: number, value: number, length: number, flags: number): number {
  return set(task, byLink(task, path), name, value, length, flags);
}
/** fsetxattr(2). */
function fsetxattr(task: Task, fd: number, name: number, value: number, length: number, flags: number): number {
  return set(task, byFd(task, fd), name, value, length, flags);
}
/** getxattr(2). */
function getxattr(task: Task, path: number, name: number, buf: number, length: number): number {
  return get(task, byPath(task, path), name, buf, length);
}
/** lgetxattr(2). */
function lgetxattr(task: Task, path: number, name: number, buf: number, length: number): number {
  return get(task, byLink(task, path), name, buf, length);
}
/** fgetxattr(2). */
function fgetxattr(task: Task, fd: number, name: number, buf: number, length: number): number {
  return get(task, byFd(task, fd), name, buf, length);
}
/** listxattr(2). */
function listxattr(task: Task, path: number, buf: number, length: number): number {
  return list(task, byPath(task, path), buf, length);
}
/** llistxattr(2). */
function llistxattr(task: Task, path: number, buf: number, length: number): number {
  return list(task, byLink(task, path), buf, length);
}
/** flistxattr(2). */
function flistxattr(task: Task, fd: number, buf: number, length: number): number {
  return list(task, byFd(task, fd), buf, length);
}
/** removexattr(2). */
function removexattr(task: Task, path: number, name: number): number {
  return remove(task, byPath(task, path), name);
}
/** lremovexattr(2). */
function lremovexattr(task: Task, path: number, name: number): number {
  return remove(task, byLink(task, path), name);
}
/** fremovexattr(2). */
function fremovexattr(task: Task, fd: number, name: number): number {
  return remove(task, byFd(task, fd), name);
}

const xattrFlags = flags('XATTR_', XATTR);
const value = inBuffer(3);

export const xattrRows: readonly Row[] = [
  call('setxattr', 188, 226, [path, path, value, size, xattrFlags], setxattr),
  call('lsetxattr', 189, 227, [path, path, value, size, xattrFlags], lsetxattr),
  call('fsetxattr', 190, 228, [fd, path, value, size, xattrFlags], fsetxattr),
  call('getxattr', 191, 229, [path, path, ptr, size], getxattr),
  call('lgetxattr', 192, 230, [path, path, ptr, size], lgetxattr),
  call('fgetxattr', 193, 231, [fd, path, ptr, size], fgetxattr),
  call('listxattr', 194, 232, [path, ptr, size], listxattr),
  call('llistxattr', 195, 233, [path, ptr, size], llistxattr),
  call('flistxattr', 196, 234, [fd, ptr, size], flistxattr),
  call('removexattr', 197, 235, [path, path], removexattr),
  call('lremovexattr', 198, 236, [path, path], lremovexattr),
  call('fremovexattr', 199, 237, [fd, path], fremovexattr),
];
