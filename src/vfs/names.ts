/** Calls that make, remove and move names. Each gives 0 or -errno. */
import { E } from '../abi/errno.js';
import { S } from '../abi/fcntl.js';
import { IN } from '../abi/file.js';
import { CAP, capable, type FileCredentials } from './credentials.js';
import { ATTR, RENAME, Stat } from './inode.js';
import type { Inode } from './inode.js';
import type { Location, Mount } from './mount.js';
import { detach } from './mount_tree.js';
import { notifyCreated, notifyInode, notifyMoved, notifyRemoved, watched } from './notify.js';
import { Last, WALK, Walk, walk } from './path_walk.js';
import type { PathContext } from './path_walk.js';
import { createAt, linkable, mayChange } from './vfs.js';
import { namedThrough } from './write_through.js';
import { forgetWays } from './walked.js';

/** mkdir(2). `mode`'s permission bits count; the umask is applied. */
export function mkdir(ctx: PathContext, at: Location, path: string, mode: number): number {
  return make(ctx, at, path, S.IFDIR | (mode & 0o1777), 0, '');
}

/** mknod(2): a FIFO, socket, regular file or device (which needs CAP_MKNOD). */
export function mknod(ctx: PathContext, at: Location, path: string, mode: number, rdev: number): number {
  switch (mode & S.IFMT) {
    case 0:
      mode |= S.IFREG;
      break;
    case S.IFREG:
    case S.IFIFO:
    case S.IFSOCK:
      break;
    case S.IFCHR:
    case S.IFBLK:
      break;
    case S.IFDIR:
      return -E.PERM;
    default:
      return -E.INVAL;
  }
  return make(ctx, at, path, mode, rdev, '');
}

/** symlink(2). */
export function symlink(ctx: PathContext, target: string, at: Location, path: string): number {
  return target === '' ? -E.NOENT : make(ctx, at, path, S.IFLNK | 0o777, 0, target);
}

function make(ctx: PathContext, at: Location, path: string, mode: number, rdev: number, target: string): number {
  const found = new Walk();
  const failed = walk(ctx, at, path, WALK.PARENT, found);
  if (failed < 0) return failed;
  if (found.last !== Last.Name || found.inode !== null) return -E.EXIST;
  const type = mode & S.IFMT;
  if (found.slash && type !== S.IFDIR) return -E.NOENT;
  if ((type === S.IFCHR || type === S.IFBLK) && !mayMakeDevice(ctx.cred, type, rdev)) {
    const denied = mayChange(ctx.cred, found.dirMount, found.dir);
    return denied < 0 ? denied : -E.PERM;
  }
  const made = createAt(ctx, found, mode, rdev, target);
  return typeof made === 'number' ? made : 0;
}

/** Devices take CAP_MKNOD, but for a whiteout, which is none (0:0). */
function mayMakeDevice(cred: FileCredentials, type: number, rdev: number): boolean {
  return capable(cred, CAP.MKNOD) || (type === S.IFCHR && rdev === 0);
}

/** link(2) of something already found: `source` is what the new name will mean. */
export function link(ctx: PathContext, source: Location, at: Location, path: string): number {
  const found = new Walk();
  const failed = walk(ctx, at, path, WALK.PARENT, found);
  if (failed < 0) return failed;
  if (found.last !== Last.Name || found.inode !== null) return -E.EXIST;
  if (found.slash) return -E.NOENT;
  if (found.dirMount !== source.mount) return -E.XDEV;
  if (!mayLink(ctx.cred, source.inode)) return -E.PERM;
  const denied = mayChange(ctx.cred, found.dirMount, found.dir);
  if (denied < 0) return denied;
  if (source.inode.type === S.IFDIR) return -E.PERM;
  if (linksOf(source.inode) === 0 && !linkable.has(source.inode)) return -E.NOENT;
  const result = found.dir.link(found.name, source.inode);
  if (result >= 0) {
    notifyInode(source, IN.ATTRIB);
    notifyCreated(found.dir, found.name, source.inode);
    namedThrough(found.dirMount.fs, found.dir);
  }
  return result;
}

/** /proc/sys/fs: 1 when who does not own a file may link to it only if it is plain and he can read and write it. */
export const nameRules = { protectedHardlinks: 1 };

function mayLink(cred: FileCredentials, inode: Inode): boolean {
  if (nameRules.protectedHardlinks === 0 || inode.uid === cred.fsuid || capable(cred, CAP.FOWNER)) return true;
  const { mode } = inode;
  const privileged = (mode & S.ISUID) !== 0 || (mode & (S.ISGID | 0o010)) === (S.ISGID | 0o010);
  return inode.type === S.IFREG && !privileged && inode.permission(cred, 6) >= 0;
}

/** unlink(2). */
export function unlink(ctx: PathContext, at: Location, path: string): number {
  const found = new Walk();
  const failed = walk(ctx, at, path, WALK.PARENT, found);
  if (failed < 0) return failed;
  if (found.last !== Last.Name) return -E.ISDIR;
  if (found.dirMount.readOnly) return -E.ROFS;
  const inode = found.inode;
  if (inode === null) return -E.NOENT;
  if (found.slash) return inode.type === S.IFDIR ? -E.ISDIR : -E.NOTDIR;
  const denied = mayRemove(ctx, found, inode);
  if (denied < 0) return denied;
  if (inode.type === S.IFDIR) return -E.ISDIR;
  if (found.mount !== found.dirMount || isMountPoint(ctx, inode)) return -E.BUSY;
  const links = watched() ? linksOf(inode) : 0;
  const result = found.dir.unlink(found.name);
  if (result >= 0) {
    notifyRemoved(found.dir, found.name, inode, links);
    namedThrough(found.dirMount.fs, found.dir);
  }
  return result;
}

/** rmdir(2). */
export function rmdir(ctx: PathContext, at: Location, path: string): number {
  const found = new Walk();
  const failed = walk(ctx, at, path, WALK.PARENT, found);
  if (failed < 0) return failed;
  if (found.last === Last.Dot) return -E.INVAL;
  if (found.last === Last.DotDot) return -E.NOTEMPTY;
  if (found.last === Last.Root) return -E.BUSY;
  if (found.dirMount.readOnly) return -E.ROFS;
  const inode = found.inode;
  if (inode === null) return -E.NOENT;
  const denied = mayRemove(ctx, found, inode);
  if (denied < 0) return denied;
  if (inode.type !== S.IFDIR) return -E.NOTDIR;
  if (found.mount !== found.dirMount || inode === ctx.root.inode || isMountPoint(ctx, inode)) return -E.BUSY;
  const result = found.dir.rmdir(found.name);
  if (result < 0) return result;
  inode.removed = true;
  forgetWays();
  notifyRemoved(found.dir, found.name, inode, 0);
  namedThrough(found.dirMount.fs, found.dir);
  return 0;
}

/** rename(2), renameat2(2). RENAME.WHITEOUT leaves a whiteout of overlayfs, where the file system has those. */
export function rename(
  ctx: PathContext, oldAt: Location, oldPath: string, newAt: Location, newPath: string, flags: number,
): number {
  if (flags & ~(RENAME.NOREPLACE | RENAME.EXCHANGE | RENAME.WHITEOUT)) return -E.INVAL;
  if (flags & RENAME.EXCHANGE && flags & (RENAME.NOREPLACE | RENAME.WHITEOUT)) return -E.INVAL;
  const from = new Walk(), to = new Walk();
  let failed = walk(ctx, oldAt, oldPath, WALK.PARENT, from);
  if (failed < 0) return failed;
  failed = walk(ctx, newAt, newPath, WALK.PARENT, to);
  if (failed < 0) return failed;
  if (from.dirMount !== to.dirMount) return -E.XDEV;
  if (from.last !== Last.Name) return -E.BUSY;
  if (to.last !== Last.Name) return flags & RENAME.NOREPLACE ? -E.EXIST : -E.BUSY;
  if (from.dirMount.readOnly) return -E.ROFS;
  const inode = from.inode, there = to.inode;
  if (inode === null) return -E.NOENT;
  if (there !== null && flags & RENAME.NOREPLACE) return -E.EXIST;
  if (there === null && flags & RENAME.EXCHANGE) return -E.NOENT;
  const isDir = inode.type === S.IFDIR, thereIsDir = there !== null && there.type === S.IFDIR;
  if (!isDir && (from.slash || (to.slash && !(flags & RENAME.EXCHANGE)))) return -E.NOTDIR;
  if (flags & RENAME.EXCHANGE && to.slash && !thereIsDir) return -E.NOTDIR;
  if (isDir && isBeneath(to.dir, inode)) return -E.INVAL;
  if (there !== null && thereIsDir && isBeneath(from.dir, there)) {
    return flags & RENAME.EXCHANGE ? -E.INVAL : -E.NOTEMPTY;
  }
  const crossed = from.mount !== from.dirMount || (there !== null && to.mount !== to.dirMount);
  if (!crossed && there !== null && (there === inode || there.identity === inode.identity)) return 0;

  let denied = mayRemove(ctx, from, inode);
  if (denied < 0) return denied;
  denied = there === null ? mayChange(ctx.cred, to.dirMount, to.dir) : mayRemove(ctx, to, there);
  if (denied < 0) return denied;
  if (there !== null && !(flags & RENAME.EXCHANGE)) {
    if (isDir && !thereIsDir) return -E.NOTDIR;
    if (!isDir && thereIsDir) return -E.ISDIR;
  }
  // A directory that gets another parent is written to ('..').
  if (from.dir !== to.dir) {
    if (isDir && (denied = inode.permission(ctx.cred, 2)) < 0) return denied;
    if (thereIsDir && flags & RENAME.EXCHANGE && (denied = there.permission(ctx.cred, 2)) < 0) return denied;
  }
  if (crossed) return -E.BUSY;
  if (isMountPoint(ctx, inode) || (there !== null && isMountPoint(ctx, there))) return -E.BUSY;

  const links = watched() && there !== null ? linksOf(there) : 0;
  const whiteout = (flags & RENAME.WHITEOUT) !== 0;
  if (whiteout && from.dir.fs.leavesWhiteouts !== true) return -E.INVAL;
  const result = from.dir.rename(from.name, to.dir, to.name, flags);
  if (result < 0) return result;
  if (whiteout) ownWhiteout(ctx, from.dir, from.name);
  if (isDir || thereIsDir) forgetWays();
  if (isDir) {
    inode.parent = to.dir;
    inode.name = to.name;
  }
  if (there !== null && thereIsDir) {
    if (flags & RENAME.EXCHANGE) {
      there.parent = from.dir;
      there.name = from.name;
    } else {
      there.removed = true;
    }
  }
  notifyMoved(from.dir, from.name, to.dir, to.name, inode, flags & RENAME.EXCHANGE ? null : there, links);
  if (flags & RENAME.EXCHANGE) notifyMoved(to.dir, to.name, from.dir, from.name, there!, null, 0);
  namedThrough(to.dirMount.fs, to.dir);
  return 0;
}

/** File systems leave whiteouts of root's. */
function ownWhiteout({ cred }: PathContext, dir: Inode, name: string): void {
  const left = cred.fsuid === 0 && cred.fsgid === 0 ? null : dir.lookup(name);
  if (left === null || typeof left === 'number') return;
  const { fsuid: uid, fsgid: gid } = cred;
  left.setattr({
    mask: ATTR.UID | ATTR.GID, mode: 0, uid, gid, size: 0, atime: 0, atimeNsec: 0, mtime: 0, mtimeNsec: 0,
  });
}

/**
 * Is something mounted on an inode in the caller's tree, through whatever mount? Mounts of other trees go when the
 * name does, as on Linux.
 */
function isMountPoint(ctx: PathContext, inode: Inode): boolean {
  if (inode.covered === 0) return false;
  const there = ctx.vfs.mounts().filter((mount) => mount.on !== null && mount.on.inode === inode);
  if (there.some((mount) => mount.namespace === ctx.namespace)) return true;
  for (const mount of there) detach(mount);
  return false;
}

function linksOf(inode: Inode): number {
  const stat = new Stat();
  return inode.stat(stat) < 0 ? 1 : stat.nlink;
}

/** Is `inode` `top` or below it? */
function isBeneath(inode: Inode, top: Inode): boolean {
  for (let at: Inode | null = inode; at !== null; at = at.parent) if (at === top) return true;
  return false;
}

/** May the name at which `found` ended be removed? The sticky bit lets only owners (inode(7)). */
function mayRemove(ctx: PathContext, found: { dirMount: Mount; dir: Inode }, inode: Inode): number {
  const denied = mayChange(ctx.cred, found.dirMount, found.dir);
  if (denied < 0) return denied;
  const { dir } = found;
  if (!(dir.mode & S.ISVTX) || capable(ctx.cred, CAP.FOWNER)) return 0;
  return inode.uid === ctx.cred.fsuid || dir.uid === ctx.cred.fsuid ? 0 : -E.PERM;
}
