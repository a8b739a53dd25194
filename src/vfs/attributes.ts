/** Calls that change what is known of a file: mode, owner, times, size, extended attributes. 0 or -errno. */
import { E } from '../abi/errno.js';
import { S } from '../abi/fcntl.js';
import { IN } from '../abi/file.js';
import { now, readClock } from './clock.js';
import { CAP, capable, inGroup } from './credentials.js';
import { ATTR, change } from './inode.js';
import type { AttrChange, Inode } from './inode.js';
import type { Location } from './mount.js';
import { notifyPlace } from './notify.js';
import type { PathContext } from './path_walk.js';
import { dropPrivileges, lostPrivileges } from './privileges.js';
import { isRunning } from './running.js';
import { Access } from './vfs.js';
import { changedThrough } from './write_through.js';
import { forgetWays } from './walked.js';

/** Nanoseconds with a meaning of their own (utimensat(2)). */
export const UTIME = { NOW: 0x3fffffff, OMIT: 0x3ffffffe } as const;

/** chmod(2). */
export function chmod(ctx: PathContext, place: Location, mode: number): number {
  const { inode, mount } = place;
  if (mount.readOnly) return -E.ROFS;
  if (inode.type === S.IFLNK) return -E.OPNOTSUPP;
  if (!owns(ctx, inode)) return -E.PERM;
  const changes = change(ATTR.MODE);
  changes.mode = withoutForeignSetgid(ctx, inode, mode & 0o7777);
  return changed(place, changes, IN.ATTRIB);
}

/** The mode without set-group-ID where that would lend a group that the caller is not in. */
function withoutForeignSetgid(ctx: PathContext, inode: Inode, mode: number): number {
  const foreign = mode & S.ISGID && !inGroup(ctx.cred, inode.gid) && !capable(ctx.cred, CAP.FSETID);
  return foreign ? mode & ~S.ISGID : mode;
}

/** chown(2), lchown(2): -1 leaves an id as it is. */
export function chown(ctx: PathContext, place: Location, uid: number, gid: number): number {
  const { inode, mount } = place;
  if (mount.readOnly) return -E.ROFS;
  if (!capable(ctx.cred, CAP.CHOWN)) {
    const own = ctx.cred.fsuid === inode.uid;
    if (uid !== -1 && !(own && uid === inode.uid)) return -E.PERM;
    if (gid !== -1 && !(own && (gid === inode.gid || inGroup(ctx.cred, gid)))) return -E.PERM;
  }
  const changes = change((uid === -1 ? 0 : ATTR.UID) | (gid === -1 ? 0 : ATTR.GID));
  changes.uid = uid;
  changes.gid = gid;
  const lost = inode.type === S.IFDIR ? 0 : lostPrivileges(ctx.cred, inode);
  if (lost !== 0) {
    changes.mask |= ATTR.MODE;
    changes.mode = inode.mode & 0o7777 & ~lost;
  }
  const result = changed(place, changes, changes.mask === 0 ? 0 : IN.ATTRIB);
  // A program's capabilities go with its owner.
  if (result === 0 && inode.type === S.IFREG && typeof inode.getxattr(CAPABILITY) !== 'number') {
    inode.removexattr(CAPABILITY);
  }
  return result;
}

/** utimensat(2): seconds and nanoseconds, the latter UTIME.NOW or UTIME.OMIT. */
export function utimens(
  ctx: PathContext, place: Location, atime: number, atimeNsec: number, mtime: number, mtimeNsec: number,
): number {
  const { inode, mount } = place;
  if (mount.readOnly) return -E.ROFS;
  if (atimeNsec === UTIME.OMIT && mtimeNsec === UTIME.OMIT) return 0;
  if (!owns(ctx, inode)) {
    if (atimeNsec !== UTIME.NOW || mtimeNsec !== UTIME.NOW) return -E.PERM;
    const denied = inode.permission(ctx.cred, Access.Write);
    if (denied < 0) return denied;
  }
  readClock();
  const changes = change(0);
  if (atimeNsec !== UTIME.OMIT) {
    changes.mask |= ATTR.ATIME;
    changes.atime = atimeNsec === UTIME.NOW ? now.seconds : atime;
    changes.atimeNsec = atimeNsec === UTIME.NOW ? now.nanoseconds : atimeNsec;
  }
  if (mtimeNsec !== UTIME.OMIT) {
    changes.mask |= ATTR.MTIME;
    changes.mtime = mtimeNsec === UTIME.NOW ? now.seconds : mtime;
    changes.mtimeNsec = mtimeNsec === UTIME.NOW ? now.nanoseconds : mtimeNsec;
  }
  // One time alone is set as by a read or a write (Linux fsnotify_change).
  return changed(place, changes,
    changes.mask === ATTR.ATIME ? IN.ACCESS : changes.mask === ATTR.MTIME ? IN.MODIFY : IN.ATTRIB);
}

/** truncate(2). */
export function truncate(ctx: PathContext, place: Location, size: number): number {
  const { inode, mount } = place;
  if (size < 0) return -E.INVAL;
  if (inode.type === S.IFDIR) return -E.ISDIR;
  if (inode.type !== S.IFREG) return -E.INVAL;
  const denied = inode.permission(ctx.cred, Access.Write);
  if (denied < 0) return denied;
  if (mount.readOnly) return -E.ROFS;
  if (isRunning(inode.identity)) return -E.TXTBSY;
  const changes = change(ATTR.SIZE);
  changes.size = size;
  const result = changed(place, changes, IN.MODIFY);
  if (result >= 0 && inode.mode & (S.ISUID | S.ISGID)) dropPrivileges(ctx.cred, inode);
  return result;
}

function changed(place: Location, changes: AttrChange, event: number): number {
  const result = place.inode.setattr(changes);
  if (result >= 0) {
    if (event !== 0) notifyPlace(place, event);
    changedThrough(place.mount.fs);
  }
  if (changes.mask & ATTR.MODE && place.inode.type === S.IFDIR) forgetWays();
  return result;
}

/** getxattr(2): the value, or -ENODATA, -EOPNOTSUPP for a namespace that is not there. */
export function getxattr(ctx: PathContext, place: Location, name: string): Uint8Array | number {
  const denied = mayXattr(ctx, place, name, Access.Read);
  return denied < 0 ? denied : place.inode.getxattr(name);
}

/** setxattr(2). flags: XATTR_CREATE 1, XATTR_REPLACE 2. */
export function setxattr(ctx: PathContext, place: Location, name: string, value: Uint8Array, flags: number): number {
  const denied = mayXattr(ctx, place, name, Access.Write);
  if (denied < 0) return denied;
  const { inode } = place;
  if (name === CAPABILITY && !isCapability(value)) return -E.INVAL;
  const acl = name === ACCESS_ACL || name === DEFAULT_ACL;
  const result = acl ? setAcl(ctx, inode, name, value) : inode.setxattr(name, value, flags);
  if (result >= 0) {
    notifyPlace(place, IN.ATTRIB);
    changedThrough(place.mount.fs);
  }
  return result;
}

const ACCESS_ACL = 'system.posix_acl_access', DEFAULT_ACL = 'system.posix_acl_default';
const CAPABILITY = 'security.capability';
const ACL = { VERSION: 2, USER_OBJ: 1, GROUP_OBJ: 4, MASK: 16, OTHER: 32 } as const;

/** An empty list of permissions is none. */
function clear(inode: Inode, name: string): number {
  const result = inode.removexattr(name);
  return result === -E.NODATA ? 0 : result;
}

/** Is a value one of the forms of capabilities(7)? */
function isCapability(value: Uint8Array): boolean {
  if (value.length < 4) return false;
  const revision = value[3];
  return (revision === 2 && value.length === 20) || (revision === 3 && value.length === 24);
}

/** An ACL without entries takes away what there is; only directories have a default one (acl(5)). */
function setAcl(ctx: PathContext, inode: Inode, name: string, value: Uint8Array): number {
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  if (value.length > 0 && (value.length - 4) % 8 !== 0) return -E.INVAL;
  if (value.length > 0 && view.getUint32(0, true) !== ACL.VERSION) return -E.OPNOTSUPP;
  if (value.length <= 4) return clear(inode, name);
  if (name === ACCESS_ACL) return setAccessAcl(ctx, inode, view, value);
  return inode.type === S.IFDIR ? inode.setxattr(name, value, 0) : -E.ACCES;
}

/** An access ACL gives the permission bits; one that says no more than they do is not kept. */
function setAccessAcl(ctx: PathContext, inode: Inode, view: DataView, value: Uint8Array): number {
  let mode = inode.mode & 0o7000, mask = -1, entries = 0;
  for (let at = 4; at < value.length; at += 8, entries++) {
    const tag = view.getUint16(at, true), bits = view.getUint16(at + 2, true) & 7;
    if (tag === ACL.USER_OBJ) mode |= bits << 6;
    else if (tag === ACL.GROUP_OBJ) mode |= bits << 3;
    else if (tag === ACL.OTHER) mode |= bits;
    else if (tag === ACL.MASK) mask = bits;
  }
  if (entries < 3) return -E.INVAL;
  mode = withoutForeignSetgid(ctx, inode, mode);
  const changes = change(ATTR.MODE);
  changes.mode = mask < 0 ? mode : (mode & ~0o070) | (mask << 3);
  const changed = inode.setattr(changes);
  if (inode.type === S.IFDIR) forgetWays();
  if (changed < 0) return changed;
  if (entries > 3) return inode.setxattr(ACCESS_ACL, value, 0);
  inode.removexattr(ACCESS_ACL);
  return 0;
}

/** removexattr(2). */
export function removexattr(ctx: PathContext, place: Location, name: string): number {
  const denied = mayXattr(ctx, place, name, Access.Write);
  if (denied < 0) return denied;
  const acl = name === ACCESS_ACL || name === DEFAULT_ACL;
  const result = acl ? clear(place.inode, name) : place.inode.removexattr(name);
  if (result >= 0) {
    notifyPlace(place, IN.ATTRIB);
    changedThrough(place.mount.fs);
  }
  return result;
}

/** listxattr(2): the names that the caller may know of. */
export function listxattr(ctx: PathContext, place: Location): string[] | number {
  const names = place.inode.listxattr();
  if (typeof names === 'number' || capable(ctx.cred, CAP.SYS_ADMIN)) return names;
  return names.filter((name) => !name.startsWith('trusted.'));
}

/** The rules of xattr(7) for the four namespaces. */
function mayXattr(ctx: PathContext, place: Location, name: string, access: Access): number {
  const { inode, mount } = place;
  const write = access === Access.Write;
  if (write && mount.readOnly) return -E.ROFS;
  const dot = name.indexOf('.');
  let denied: number;
  switch (name.substring(0, dot)) {
    case 'user':
      if (inode.type !== S.IFREG && inode.type !== S.IFDIR) return write ? -E.PERM : -E.NODATA;
      if (write && inode.type === S.IFDIR && inode.mode & S.ISVTX && !owns(ctx, inode)) return -E.PERM;
      denied = inode.permission(ctx.cred, access);
      return denied < 0 ? denied : dot === name.length - 1 ? -E.INVAL : 0;
    case 'trusted':
      if (dot === name.length - 1) return -E.INVAL;
      if (capable(ctx.cred, CAP.SYS_ADMIN)) return 0;
      return write ? -E.PERM : -E.NODATA;
    case 'security':
      if (dot === name.length - 1) return -E.INVAL;
      return write && !capable(ctx.cred, CAP.SYS_ADMIN) ? -E.PERM : 0;
    case 'system':
      // No file system here has other ones; links have none of these.
      if ((name !== ACCESS_ACL && name !== DEFAULT_ACL) || inode.type === S.IFLNK) return -E.OPNOTSUPP;
      return write && !owns(ctx, inode) ? -E.PERM : 0;
    default:
      denied = inode.permission(ctx.cred, access);
      return denied < 0 ? denied : -E.OPNOTSUPP;
  }
}

/** FS_IMMUTABLE_FL and FS_APPEND_FL, which take a capability of their own to change. */
const RESTRICTED = 0x10 | 0x20;

/** FS_IOC_SETFLAGS (ioctl_iflags(2)). -ENOTTY: the file system has no such flags. */
export function setInodeFlags(ctx: PathContext, { inode, mount }: Location, flags: number): number {
  if (mount.readOnly) return -E.ROFS;
  if (!owns(ctx, inode)) return -E.PERM;
  const before = inode.inodeFlags();
  if (before < 0) return before;
  if ((before ^ flags) & RESTRICTED && !capable(ctx.cred, CAP.LINUX_IMMUTABLE)) return -E.PERM;
  return inode.setInodeFlags(flags);
}

function owns(ctx: PathContext, inode: Inode): boolean {
  return ctx.cred.fsuid === inode.uid || capable(ctx.cred, CAP.FOWNER);
}
