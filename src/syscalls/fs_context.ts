/** File systems made step by step: fsopen(2), fsconfig(2), fsmount(2), fspick(2). */
import { E } from '../abi/errno.js';
import { AT } from '../abi/fcntl.js';
import { FSCONFIG, FSMOUNT_CLOEXEC, FSOPEN_CLOEXEC, FSPICK, MOUNT_ATTR, MS, SUPER } from '../abi/mount.js';
import { DetachedTreeFile, FsContext, Phase } from '../kernel/fs_context.js';
import type { Task } from '../kernel/task.js';
import { CAP, capable } from '../vfs/credentials.js';
import { fileSystemType } from '../vfs/fs/types.js';
import { Mount } from '../vfs/mount.js';
import { isMounted } from '../vfs/mount_tree.js';
import type { OpenFile } from '../vfs/open_file.js';
import { pathOf } from '../vfs/path_walk.js';
import { setSuperFlags } from '../vfs/write_through.js';
import { isRoot, remountSuper } from './mount.js';
import { attributeFlags } from './mount_attributes.js';
import { fileSystemOf } from './mount_type.js';
import { locate } from './path_argument.js';
import { call, dirfd, fd, flags, int, oneOf, path, ptr, type Row } from './types.js';

const PAGE = 4096;
/** Bytes of a key and of a string, with the NUL. */
const TEXT = 256;
const MAX_BINARY = 1 << 20;
const SUPER_ALL = SUPER.SYNCHRONOUS | SUPER.MANDLOCK | SUPER.DIRSYNC | SUPER.LAZYTIME;

/** fsopen(2). */
function fsopen(task: Task, name: number, flagBits: number): number {
  if (!capable(task.fs.cred, CAP.SYS_ADMIN)) return -E.PERM;
  if (flagBits & ~FSOPEN_CLOEXEC) return -E.INVAL;
  const text = bounded(task, name, PAGE);
  if (typeof text === 'number') return text;
  const type = fileSystemType(text);
  return type === undefined ? -E.NODEV : install(task, new FsContext(type, null), (flagBits & FSOPEN_CLOEXEC) !== 0);
}

/** fspick(2). */
function fspick(task: Task, dirfd: number, path: number, flagBits: number): number {
  if (!capable(task.fs.cred, CAP.SYS_ADMIN)) return -E.PERM;
  const known = FSPICK.CLOEXEC | FSPICK.SYMLINK_NOFOLLOW | FSPICK.NO_AUTOMOUNT | FSPICK.EMPTY_PATH;
  if (flagBits & ~known) return -E.INVAL;
  const place = locate(task, dirfd, path,
    (flagBits & FSPICK.SYMLINK_NOFOLLOW ? AT.SYMLINK_NOFOLLOW : 0) |
    (flagBits & FSPICK.EMPTY_PATH ? AT.EMPTY_PATH : 0));
  if (typeof place === 'number') return place;
  const { fs } = place.mount;
  if (!isRoot(place)) return -E.INVAL;
  const type = fileSystemType(fs.type) ?? { name: fs.type, onDevice: false };
  return install(task, new FsContext(type, fs), (flagBits & FSPICK.CLOEXEC) !== 0);
}

function install(task: Task, file: OpenFile, cloexec: boolean): number {
  const result = task.files.install(file, cloexec);
  if (result < 0) file.unref();
  return result;
}

/** A string of less than `room` bytes; -EFAULT; -EINVAL for a longer one. */
function bounded(task: Task, address: number, room: number): string | number {
  const text = task.mm.cstring(address, room);
  return text === -E.NAMETOOLONG ? -E.INVAL : text;
}

/** fsconfig(2). */
function fsconfig(task: Task, fd: number, command: number, key: number, value: number, aux: number): number {
  if (fd < 0) return -E.INVAL;
  switch (command) {
    case FSCONFIG.SET_FLAG:
      if (key === 0 || value !== 0 || aux !== 0) return -E.INVAL;
      break;
    case FSCONFIG.SET_STRING:
      if (key === 0 || value === 0 || aux !== 0) return -E.INVAL;
      break;
    case FSCONFIG.SET_BINARY:
      if (key === 0 || value === 0 || aux <= 0 || aux > MAX_BINARY) return -E.INVAL;
      break;
    case FSCONFIG.SET_PATH:
    case FSCONFIG.SET_PATH_EMPTY:
      if (key === 0 || value === 0 || (aux !== AT.FDCWD && aux < 0)) return -E.INVAL;
      break;
    case FSCONFIG.SET_FD:
      if (key === 0 || value !== 0 || aux < 0) return -E.INVAL;
      break;
    case FSCONFIG.CMD_CREATE:
    case FSCONFIG.CMD_CREATE_EXCL:
    case FSCONFIG.CMD_RECONFIGURE:
      if (key !== 0 || value !== 0 || aux !== 0) return -E.INVAL;
      break;
    default:
      return -E.OPNOTSUPP;
  }
  const context = task.files.get(fd);
  if (context === undefined) return -E.BADF;
  if (!(context instanceof FsContext)) return -E.INVAL;
  if (key === 0) return command === FSCONFIG.CMD_RECONFIGURE ? change(task, context) : create(task, context, command);
  const name = bounded(task, key, TEXT);
  if (typeof name === 'number') return name;
  const given = parameterValue(task, command, value, aux);
  if (typeof given === 'number') return given;
  if (context.phase === Phase.AwaitingMount || context.phase === Phase.Failed) return -E.BUSY;
  return parameter(context, name, given);
}

/** The value of a parameter: a string, a place as its path, or none. */
interface Value {
  readonly kind: 'flag' | 'string' | 'place' | 'bytes';
  readonly text: string;
}

function parameterValue(task: Task, command: number, value: number, aux: number): Value | number {
  switch (command) {
    case FSCONFIG.SET_STRING: {
      const text = bounded(task, value, TEXT);
      return typeof text === 'number' ? text : { kind: 'string', text };
    }
    case FSCONFIG.SET_BINARY:
      return task.mm.readable(value, aux) ? { kind: 'bytes', text: '' } : -E.FAULT;
    case FSCONFIG.SET_PATH:
    case FSCONFIG.SET_PATH_EMPTY: {
      const place = locate(task, aux, value, command === FSCONFIG.SET_PATH_EMPTY ? AT.EMPTY_PATH : 0);
      if (place === -E.FAULT || place === -E.NAMETOOLONG) return place;
      return { kind: 'place', text: typeof place === 'number' ? '' : pathOf(task.fs.root, place) };
    }
    case FSCONFIG.SET_FD: {
      const file = task.files.get(aux);
      if (file === undefined) return -E.BADF;
      return { kind: 'place', text: file.location === null ? '' : pathOf(task.fs.root, file.location) };
    }
    default:
      return { kind: 'flag', text: '' };
  }
}

/** One parameter: a flag of every file system, one of its own, or the source. -EINVAL, with a message. */
function parameter(context: FsContext, key: string, value: Value): number {
  const { type } = context;
  if (context.takeFlag(key)) return 0;
  if (key === 'source') {
    if (value.kind !== 'string') return context.refuse('Non-string source');
    if (context.source !== null) return context.refuse('Multiple sources');
    context.source = value.text;
    return 0;
  }
  const word = value.kind === 'flag' ? key : `${key}=${escaped(key, value.text)}`;
  const fits = value.kind === 'place' ? value.text !== '' && type.places?.test(key) === true : value.kind !== 'bytes';
  if (key !== '' && fits && type.accepts?.(word) === true) {
    context.options.push(word);
    return 0;
  }
  return context.refuse(`${type.name}: ` +
    (type.known?.test(key) === true ? `Bad value for '${key}'` : `Unknown parameter '${key}'`));
}

/** A value as it stands in a text of options: commas do not end it. A layer of an overlay is one, whatever its name. */
function escaped(key: string, value: string): string {
  return key === 'lowerdir+' ? value.replace(/[\\,:]/g, '\\$&') : value.replace(/(?<!\\),/g, '\\,');
}

/** FSCONFIG_CMD_CREATE, and _EXCL: not one that is there already. */
function create(task: Task, context: FsContext, command: number): number {
  if (context.phase !== Phase.Parameters) return -E.BUSY;
  if (!capable(task.fs.cred, CAP.SYS_ADMIN)) return -E.PERM;
  context.phase = Phase.Failed;
  const readOnly = (context.superFlags & MS.RDONLY) !== 0;
  const fs = fileSystemOf(task, context.type.name, context.source, context.options.join(','), readOnly, false,
    (line) => context.say(`e ${line}`));
  if (typeof fs === 'number') return fs;
  if (isMounted(fs)) {
    if (command === FSCONFIG.CMD_CREATE_EXCL) {
      context.say(`w ${context.type.name}: reusing existing filesystem not allowed`);
      return -E.BUSY;
    }
  } else if (context.superFlags & SUPER_ALL) {
    setSuperFlags(fs, context.superFlags & SUPER_ALL);
  }
  context.fs = fs;
  context.phase = Phase.AwaitingMount;
  return 0;
}

/** FSCONFIG_CMD_RECONFIGURE. */
function change(task: Task, context: FsContext): number {
  const { fs } = context;
  if (context.phase !== Phase.Changes || fs === null) return -E.BUSY;
  if (!capable(task.fs.cred, CAP.SYS_ADMIN)) return -E.PERM;
  const readOnly = context.superMask & MS.RDONLY ? (context.superFlags & MS.RDONLY) !== 0 : fs.readOnly;
  const failed = readOnly === fs.readOnly && context.options.length === 0 ? 0
    : remountSuper(task, fs, readOnly, context.options.join(','));
  if (failed < 0) {
    context.phase = Phase.Failed;
    return failed;
  }
  const mask = context.superMask & SUPER_ALL;
  if (mask !== 0) setSuperFlags(fs, ((fs.superFlags ?? 0) & ~mask) | (context.superFlags & mask));
  context.startChanges();
  return 0;
}

/** fsmount(2). */
function fsmount(task: Task, fd: number, flagBits: number, attributes: number): number {
  if (!capable(task.fs.cred, CAP.SYS_ADMIN)) return -E.PERM;
  if (flagBits & ~FSMOUNT_CLOEXEC) return -E.INVAL;
  const flags = attributeFlags(attributes);
  if (attributes & MOUNT_ATTR.IDMAP || flags < 0) return -E.INVAL;
  const context = task.files.get(fd);
  if (context === undefined) return -E.BADF;
  if (!(context instanceof FsContext) || context.fs === null) return -E.INVAL;
  if (context.phase !== Phase.AwaitingMount) return -E.BUSY;
  const { fs } = context;
  const tree = new DetachedTreeFile(new Mount(fs, fs.root, flags, null), task.fs.vfs);
  context.startChanges();
  return install(task, tree, (flagBits & FSMOUNT_CLOEXEC) !== 0);
}

export const fsContextRows: readonly Row[] = [
  call('fsopen', 430, 430, [path, flags('FSOPEN_', { CLOEXEC: FSOPEN_CLOEXEC })], fsopen, 'full',
    'types: /proc/filesystems'),
  call('fsconfig', 431, 431, [fd, oneOf('FSCONFIG_', FSCONFIG), path, ptr, int], fsconfig),
  call('fsmount', 432, 432,
    [fd, flags('FSMOUNT_', { CLOEXEC: FSMOUNT_CLOEXEC }), flags('MOUNT_ATTR_', MOUNT_ATTR)], fsmount),
  call('fspick', 433, 433, [dirfd, path, flags('FSPICK_', FSPICK)], fspick),
];
