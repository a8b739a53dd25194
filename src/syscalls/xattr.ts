/** Extended attributes (xattr(7)): get, set, list and remove, of a path, of a link itself, of a descriptor. */
import { E } from '../abi/errno.js';
import { AT, O } from '../abi/fcntl.js';
import { placeOfFile } from '../kernel/nameless.js';
import type { Task } from '../kernel/task.js';
import type { Location } from '../vfs/mount.js';
import * as xattr from '../vfs/xattr.js';
import { locate } from './path_argument.js';
import { call, fd, flags, inBuffer, path, ptr, size, type Row } from './types.js';

const XATTR_NAME_MAX = 255;
const XATTR_SIZE_MAX = 65536;
const XATTR = { CREATE: 1, REPLACE: 2 } as const;

/** Of what a call is about, once its other arguments are known to be good. */
type Find = (task: Task, which: number) => Location | number;

const byPath: Find = (task, path) => locate(task, AT.FDCWD, path, 0);
const byLink: Find = (task, path) => locate(task, AT.FDCWD, path, AT.SYMLINK_NOFOLLOW);
const byFd: Find = (task, fd) => {
  const file = task.files.get(fd);
  if (file === undefined || file.flags & O.PATH) return -E.BADF;
  return placeOfFile(file);
};

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

/** setxattr(2), lsetxattr(2), fsetxattr(2). */
function setter(find: Find) {
  return (task: Task, which: number, namePtr: number, value: number, length: number, flags: number): number => {
    if (flags & ~(XATTR.CREATE | XATTR.REPLACE)) return -E.INVAL;
    const name = fetchName(task, namePtr);
    if (typeof name === 'number') return name;
    if (length > XATTR_SIZE_MAX) return -E['2BIG'];
    const bytes = task.mm.bytes(value, length);
    if (typeof bytes === 'number') return bytes;
    const place = find(task, which);
    return typeof place === 'number' ? place : xattr.setxattr(task.fs, place, name, bytes, flags);
  };
}

/** getxattr(2), lgetxattr(2), fgetxattr(2). */
function getter(find: Find) {
  return (task: Task, which: number, namePtr: number, buf: number, length: number): number => {
    const name = fetchName(task, namePtr);
    if (typeof name === 'number') return name;
    const place = find(task, which);
    if (typeof place === 'number') return place;
    const value = xattr.getxattr(task.fs, place, name);
    return typeof value === 'number' ? value : give(task, value, buf, length);
  };
}

/** listxattr(2), llistxattr(2), flistxattr(2). */
function lister(find: Find) {
  return (task: Task, which: number, buf: number, length: number): number => {
    const place = find(task, which);
    if (typeof place === 'number') return place;
    const names = xattr.listxattr(task.fs, place);
    if (typeof names === 'number') return names;
    return give(task, Buffer.from(names.map((name) => name + '\0').join(''), 'latin1'), buf, length);
  };
}

/** removexattr(2), lremovexattr(2), fremovexattr(2). */
function remover(find: Find) {
  return (task: Task, which: number, namePtr: number): number => {
    const name = fetchName(task, namePtr);
    if (typeof name === 'number') return name;
    const place = find(task, which);
    return typeof place === 'number' ? place : xattr.removexattr(task.fs, place, name);
  };
}

const xattrFlags = flags('XATTR_', XATTR);
const value = inBuffer(3);

export const xattrRows: readonly Row[] = [
  call('setxattr', 188, 226, [path, path, value, size, xattrFlags], setter(byPath)),
  call('lsetxattr', 189, 227, [path, path, value, size, xattrFlags], setter(byLink)),
  call('fsetxattr', 190, 228, [fd, path, value, size, xattrFlags], setter(byFd)),
  call('getxattr', 191, 229, [path, path, ptr, size], getter(byPath)),
  call('lgetxattr', 192, 230, [path, path, ptr, size], getter(byLink)),
  call('fgetxattr', 193, 231, [fd, path, ptr, size], getter(byFd)),
  call('listxattr', 194, 232, [path, ptr, size], lister(byPath)),
  call('llistxattr', 195, 233, [path, ptr, size], lister(byLink)),
  call('flistxattr', 196, 234, [fd, ptr, size], lister(byFd)),
  call('removexattr', 197, 235, [path, path], remover(byPath)),
  call('lremovexattr', 198, 236, [path, path], remover(byLink)),
  call('fremovexattr', 199, 237, [fd, path], remover(byFd)),
];
