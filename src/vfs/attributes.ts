/** Calls that change what is known of a file: mode, owner, times, size, flags. 0 or -errno. */
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
import { dropCapabilities, dropPrivileges, lostPrivileges } from './privileges.js';
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
  changes.mode = keptMode(ctx, mode & 0o7777, inode.gid);
  return changed(place, changes, IN.ATTRIB);
}

/** A mode that the caller may give to a file of group `gid`: set-group-ID is for members only. */
export function keptMode(ctx: PathContext, mode: number, gid: number): number {
  return inGroup(ctx.cred, gid) || capable(ctx.cred, CAP.FSETID) ? mode : mode & ~S.ISGID;
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
    if (!owns(ctx, inode)) return -E.PERM;
    changes.mask |= ATTR.MODE;
    changes.mode = keptMode(ctx, inode.mode & 0o7777 & ~lost, gid === -1 ? inode.gid : gid);
  }
  if (inode.type !== S.IFDIR) dropCapabilities(inode);
  return changed(place, changes, changes.mask === 0 ? 0 : IN.ATTRIB);
}

/** utimensat(2): seconds and nanoseconds, the latter perhaps UTIME.NOW or UTIME.OMIT. */
export function utimens(
  ctx: PathContext, place: Location, atime: number, atimeNsec: number, mtime: number, mtimeNsec: number,
): number {
  const { inode, mount } = place;
  if (mount.readOnly) return -E.ROFS;
  if (!isTime(atimeNsec) || !isTime(mtimeNsec)) return -E.INVAL;
  if (atimeNsec === UTIME.OMIT && mtimeNsec === UTIME.OMIT) return 0;
  if (!owns(ctx, inode)) {
    if (atimeNsec !== UTIME.NOW || mtimeNsec !== UTIME.NOW) return -E.PERM;
    const denied = inode.permission(ctx.cred, Access.Write);
    if (denied < 0) return denied;
  }
  // What can only be appended to has the times of its writes.
  if ((atimeNsec !== UTIME.NOW || mtimeNsec !== UTIME.NOW) && inode.inodeFlags() > 0) {
    if (inode.inodeFlags() & APPEND_ONLY) return -E.PERM;
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

function isTime(nsec: number): boolean {
  return (nsec >= 0 && nsec <= 999_999_999) || nsec === UTIME.NOW || nsec === UTIME.OMIT;
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
  if (result >= 0) dropPrivileges(ctx.cred, inode);
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

/** FS_IMMUTABLE_FL and FS_APPEND_FL, which take a capability of their own to change. */
const APPEND_ONLY = 0x20;
const RESTRICTED = 0x10 | APPEND_ONLY;

/** FS_IOC_SETFLAGS (ioctl_iflags(2)). -ENOTTY: the file system has no such flags. */
export function setInodeFlags(ctx: PathContext, { inode, mount }: Location, flags: number): number {
  if (mount.readOnly) return -E.ROFS;
  if (!owns(ctx, inode)) return -E.PERM;
  const before = inode.inodeFlags();
  if (before < 0) return before;
  if ((before ^ flags) & RESTRICTED && !capable(ctx.cred, CAP.LINUX_IMMUTABLE)) return -E.PERM;
  return inode.setInodeFlags(flags);
}

/** Is the caller the owner, or as good as he? */
export function owns(ctx: PathContext, inode: Inode): boolean {
  return ctx.cred.fsuid === inode.uid || capable(ctx.cred, CAP.FOWNER);
}
