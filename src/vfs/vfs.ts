/** Opening files, and the tree: mounts, device drivers, the root. The other calls are in names.ts and attributes.ts. */
import { E } from '../abi/errno.js';
import { O, S } from '../abi/fcntl.js';
import { IN } from '../abi/file.js';
import type { Disk } from './block_device.js';
import { CAP, capable, inGroup } from './credentials.js';
import type { FileCredentials } from './credentials.js';
import { ATTR, change, Stat } from './inode.js';
import type { FileSystem, Inode, NewInode } from './inode.js';
import { Location, Mount, MS } from './mount.js';
import { MountNamespace, attach, detach } from './mount_tree.js';
import { notifyCreated, notifyPlace, watched } from './notify.js';
import { OpenFile } from './open_file.js';
import { Last, RESOLVE_SHIFT, WALK, Walk, walk } from './path_walk.js';
import type { PathContext } from './path_walk.js';
import { dropPrivileges } from './privileges.js';
import { isRunning } from './running.js';
import { namedThrough } from './write_through.js';
import { forgetWays } from './walked.js';

export { Location, Mount, MS } from './mount.js';
export { OpenFile } from './open_file.js';
export { PathContext, RESOLVE, Walk, WALK, lookup, pathOf, walk } from './path_walk.js';

/** Opens a device node, FIFO or the like: gives what a descriptor will refer to. */
export type Opener = (location: Location, flags: number) => OpenFile | number;

/** Flags that an open file does not show. */
const NOT_KEPT = O.CREAT | O.EXCL | O.NOCTTY | O.CLOEXEC;
/** Only who wants to read, and no more, may get a file that its directory remembers. */
const NOT_REMEMBERED = O.ACCMODE | O.CREAT | O.TRUNC | O.PATH | O.DIRECTORY | O.NOATIME;

/** Where the walk of calls that keep nothing of it ends. */
const sharedWalk = new Walk();

export const enum Access { Execute = 1, Write = 2, Read = 4 }

/** The trees of mounts, and what stands behind their special files. */
export class Vfs {
  /** The tree that the first process sees. */
  readonly namespace: MountNamespace;
  /** All trees that somebody sees. */
  readonly namespaces = new Set<MountNamespace>();
  /** Openers of character devices, by device number (makeDev). The kernel adds terminals. */
  readonly charDevices = new Map<number, Opener>();
  readonly blockDevices = new Map<number, Opener>();
  /** The block devices that mount(2) finds, by device number. */
  readonly disks = new Map<number, Disk>();
  /** Lines for whoever looks after the machine: why a mount failed. Set by the kernel. */
  log: (line: string) => void = () => {};
  /** Set by the kernel, which has the pipes. */
  openFifo: Opener = () => -E.NXIO;
  private closed = false;

  constructor(root: FileSystem, flags: number = MS.RELATIME) {
    this.namespace = new MountNamespace(new Mount(root, root.root, flags, null));
    this.namespaces.add(this.namespace);
  }

  get root(): Location {
    const { root } = this.namespace;
    return new Location(root, root.root);
  }

  /** Mounts `fs` (or its part `root`) over `on`. -EBUSY, -ENOTDIR. */
  mount(fs: FileSystem, on: Location, flags: number, root: Inode = fs.root): Mount | number {
    if (on.mount.children?.has(on.inode)) return -E.BUSY;
    const mount = new Mount(fs, root, flags & MS.NOATIME ? flags : flags | MS.RELATIME, null);
    const failed = attach(mount, on);
    return failed < 0 ? failed : mount;
  }

  /** -EBUSY while something is mounted below, -EINVAL for the root. */
  unmount(mount: Mount): number {
    return mount.children === null ? detach(mount) : -E.BUSY;
  }

  /** sync(2). What was mounted last comes first: it may lie in a file of another. */
  sync(): void {
    for (const fs of this.fileSystems()) fs.sync();
  }

  /** The run is over: every file system is left clean. Another time, nothing. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const fs of this.fileSystems()) {
      if (fs.close === undefined) fs.sync();
      else fs.close();
    }
  }

  private fileSystems(): Set<FileSystem> {
    return new Set(this.mounts().sort((one, other) => other.id - one.id).map((mount) => mount.fs));
  }

  /** All mounts of all namespaces. */
  mounts(): Mount[] {
    return [...this.namespaces].flatMap((namespace) => namespace.mounts());
  }
}

/**
 * open(2), openat(2), openat2(2): an open file description with one reference, or -errno.
 * `mode` counts with O.CREAT and O.TMPFILE; `resolve`: RESOLVE bits.
 */
export function open(
  ctx: PathContext, at: Location, path: string, flags: number, mode: number, resolve = 0,
): OpenFile | number {
  if (flags & O.PATH) flags &= O.PATH | O.DIRECTORY | O.NOFOLLOW | O.CLOEXEC;
  const create = (flags & O.CREAT) !== 0;
  const exclusive = create && (flags & O.EXCL) !== 0;
  const unnamed = (flags & O.TMPFILE) === O.TMPFILE;
  if (unnamed && ((flags & O.ACCMODE) === O.RDONLY || create)) return -E.INVAL;
  if (create && flags & O.DIRECTORY) return -E.INVAL;

  const found = new Walk();
  const how = (exclusive ? WALK.PARENT : flags & O.NOFOLLOW ? 0 : WALK.FOLLOW) | (create ? WALK.CREATE : 0) |
    (resolve << RESOLVE_SHIFT);
  const failed = walk(ctx, at, path, flags & NOT_REMEMBERED ? how : how | WALK.REMEMBERED, found);
  if (failed < 0) return failed;
  if (found.remembered) {
    const place = found.location();
    const denied = found.inode!.permission(ctx.cred, Access.Read);
    const file = denied < 0 ? -E.STALE : place.inode.openRemembered(flags & ~NOT_KEPT, place);
    if (typeof file !== 'number') return opened(file, place, flags, false);
    const gone = walk(ctx, at, path, how, found);
    if (gone < 0) return gone;
  }
  let created = false;
  if (create) {
    if (found.last !== Last.Name) return exclusive ? -E.EXIST : -E.ISDIR;
    if (exclusive && found.inode !== null) return -E.EXIST;
    if (found.inode === null) {
      const made = createAt(ctx, found, S.IFREG | (mode & 0o7777), 0, '');
      if (typeof made === 'number') return made;
      created = true;
    }
  }
  if (found.inode === null) return -E.NOENT;
  if (unnamed) return openUnnamed(ctx, found.location(), flags, mode);
  const place = found.location();
  const file = openFound(ctx, place, flags, created);
  return typeof file === 'number' ? file : opened(file, place, flags, created);
}

/** Tells those who watch of an opened file, and gives it. */
function opened(file: OpenFile, place: Location, flags: number, created: boolean): OpenFile {
  if (watched() && !(flags & O.PATH)) {
    notifyPlace(place, IN.OPEN);
    if (flags & O.TRUNC && !created && place.inode.type === S.IFREG) notifyPlace(place, IN.MODIFY);
  }
  return file;
}

/** Opens what is at a place already found: the second half of open, and magic links' target (/proc/PID/fd/N). */
export function openFound(ctx: PathContext, place: Location, flags: number, created = false): OpenFile | number {
  const inode = place.inode;
  const type = inode.type;
  if (flags & O.DIRECTORY && type !== S.IFDIR) return -E.NOTDIR;
  if (flags & O.DIRECT && type === S.IFDIR) return -E.INVAL;
  if (flags & O.PATH) return new PathFile(flags & ~O.CLOEXEC, place);
  if (type === S.IFLNK) return -E.LOOP;
  const access = flags & O.ACCMODE;
  const writes = access !== O.RDONLY || (flags & O.TRUNC) !== 0;
  if (type === S.IFDIR && (writes || flags & O.CREAT)) return -E.ISDIR;
  if ((type === S.IFCHR || type === S.IFBLK) && place.mount.flags & MS.NODEV) return -E.ACCES;
  if (!created) {
    const want = (access === O.WRONLY ? 0 : Access.Read) | (writes ? Access.Write : 0);
    const denied = inode.permission(ctx.cred, want);
    if (denied < 0) return denied;
    if (writes && (type === S.IFREG || type === S.IFDIR) && place.mount.readOnly) return -E.ROFS;
    if (writes && type === S.IFREG && isRunning(inode.identity)) return -E.TXTBSY;
    if (flags & O.NOATIME && inode.uid !== ctx.cred.fsuid && !capable(ctx.cred, CAP.FOWNER)) return -E.PERM;
  }
  if (flags & O.DIRECT && (type === S.IFCHR || type === S.IFIFO)) return -E.INVAL;
  const kept = flags & ~(type === S.IFREG ? NOT_KEPT : NOT_KEPT | O.TRUNC);
  switch (inode.opensItself ? 0 : type) {
    case S.IFREG: {
      const file = inode.open(kept, place);
      if (typeof file === 'number') return file;
      file.flags &= ~O.TRUNC;
      if (!(flags & O.TRUNC) || created) return file;
      const cut = inode.setattr(change(ATTR.SIZE));
      if (cut >= 0) {
        dropPrivileges(ctx.cred, inode);
        return file;
      }
      file.unref();
      return cut;
    }
    case S.IFIFO:
      return ctx.vfs.openFifo(place, kept);
    case S.IFCHR:
    case S.IFBLK: {
      const stat = new Stat();
      const failed = inode.stat(stat);
      if (failed < 0) return failed;
      const opener = (type === S.IFCHR ? ctx.vfs.charDevices : ctx.vfs.blockDevices).get(stat.rdev);
      // Without O_CREAT, O_EXCL asks for a block device alone (open(2)).
      const dropped = O.CREAT | O.CLOEXEC | O.TRUNC | (type === S.IFBLK && !(flags & O.CREAT) ? 0 : O.EXCL);
      return opener === undefined ? -E.NXIO : opener(place, flags & ~dropped);
    }
    default:
      return inode.open(kept, place);
  }
}

/** Files of O_TMPFILE, which may get a name though they have none. */
export const linkable = new WeakSet<Inode>();

function openUnnamed(ctx: PathContext, place: Location, flags: number, mode: number): OpenFile | number {
  if (place.inode.type !== S.IFDIR) return -E.NOTDIR;
  if (place.mount.readOnly) return -E.ROFS;
  const denied = place.inode.permission(ctx.cred, Access.Write | Access.Execute);
  if (denied < 0) return denied;
  const init = newInode(ctx, place.inode, S.IFREG | (mode & 0o7777), 0, '');
  const inode = place.inode.createUnnamed(init);
  if (typeof inode === 'number') return inode;
  if (!(flags & O.EXCL)) linkable.add(inode);
  const unnamed = new Location(place.mount, inode, place.inode, '#' + inode.name);
  const file = inode.open(flags & ~(O.TMPFILE | O.CLOEXEC | O.EXCL), unnamed);
  if (typeof file === 'number') return file;
  file.flags |= O.TMPFILE;
  return opened(file, unnamed, flags, true);
}

/** A regular file that execve(2) may run, opened for reading; -EACCES for what is not one or may not be run. */
export function openExecutable(ctx: PathContext, at: Location, path: string, follow = true): OpenFile | number {
  const found = new Walk();
  const failed = walk(ctx, at, path, follow ? WALK.FOLLOW : 0, found);
  if (failed < 0) return failed;
  if (found.inode === null) return -E.NOENT;
  return openToExecute(ctx, found.location());
}

/** As openExecutable, for a place already found (execveat with AT_EMPTY_PATH). */
export function openToExecute(ctx: PathContext, place: Location): OpenFile | number {
  if (place.inode.type === S.IFLNK) return -E.LOOP;
  if (place.inode.type !== S.IFREG || place.mount.flags & MS.NOEXEC) return -E.ACCES;
  const denied = place.inode.permission(ctx.cred, Access.Execute);
  return denied < 0 ? denied : place.inode.open(O.RDONLY, place);
}

/** stat(2) of a path; follow: the target of a symbolic link at the end. 0 or -errno. */
export function stat(ctx: PathContext, at: Location, path: string, follow: boolean, out: Stat): number {
  const result = statOnce(ctx, at, path, follow, out);
  if (result !== -E.STALE) return result;
  forgetWays();
  const again = statOnce(ctx, at, path, follow, out);
  return again === -E.STALE ? -E.NOENT : again;
}

function statOnce(ctx: PathContext, at: Location, path: string, follow: boolean, out: Stat): number {
  const found = sharedWalk;
  const failed = walk(ctx, at, path, follow ? WALK.FOLLOW : 0, found);
  if (failed < 0) return failed;
  return found.inode === null ? -E.NOENT : found.inode.statFound(out);
}

/** access(2) with ctx.cred. `mask` is R_OK 4, W_OK 2, X_OK 1 or 0. */
export function access(ctx: PathContext, place: Location, mask: number): number {
  const inode = place.inode;
  if (mask & Access.Execute && inode.type === S.IFREG && place.mount.flags & MS.NOEXEC) return -E.ACCES;
  const denied = mask === 0 ? 0 : inode.permission(ctx.cred, mask);
  if (denied < 0) return denied;
  const type = inode.type;
  const stored = type === S.IFREG || type === S.IFDIR || type === S.IFLNK;
  if (mask & Access.Write && stored && place.mount.readOnly) return -E.ROFS;
  return 0;
}

/** readlink(2): the target, or -EINVAL for what is not a symbolic link. */
export function readlink(ctx: PathContext, at: Location, path: string): string | number {
  const found = new Walk();
  const failed = walk(ctx, at, path, 0, found);
  if (failed < 0) return failed;
  if (found.inode === null) return -E.NOENT;
  if (found.inode.type !== S.IFLNK) return -E.INVAL;
  found.inode.stampAccess(found.mount);
  return found.inode.readlink();
}

/** May `cred` make or remove names in `dir`? 0, -EROFS, -EACCES, -ENOENT when the directory itself is gone. */
export function mayChange(cred: FileCredentials, mount: Mount, dir: Inode): number {
  if (mount.readOnly) return -E.ROFS;
  if (dir.removed) return -E.NOENT;
  return dir.permission(cred, Access.Write | Access.Execute);
}

/**
 * Makes the name at which `found` ended (it is known to be missing) and fills found.inode.
 * The umask is applied, and a set-group-ID directory gives its group (inode(7)).
 */
export function createAt(ctx: PathContext, found: Walk, mode: number, rdev: number, target: string): Inode | number {
  const denied = mayChange(ctx.cred, found.dirMount, found.dir);
  if (denied < 0) return denied;
  const made = found.dir.create(found.name, newInode(ctx, found.dir, mode, rdev, target));
  if (typeof made === 'number') return made;
  if (made.type === S.IFDIR) {
    made.parent = found.dir;
    made.name = found.name;
  }
  found.inode = made;
  found.mount = found.dirMount;
  notifyCreated(found.dir, found.name, made);
  namedThrough(found.dirMount.fs, found.dir);
  return made;
}

/** The umask is applied last: what it takes has a say in whether a set-group-ID bit stays. */
function newInode(ctx: PathContext, dir: Inode, mode: number, rdev: number, target: string): NewInode {
  let gid = ctx.cred.fsgid;
  if (dir.mode & S.ISGID) {
    gid = dir.gid;
    if ((mode & S.IFMT) === S.IFDIR) mode |= S.ISGID;
    else if (mode & S.ISGID && mode & 0o010 && !inGroup(ctx.cred, gid) && !capable(ctx.cred, CAP.FSETID)) {
      mode &= ~S.ISGID;
    }
  }
  if ((mode & S.IFMT) !== S.IFLNK) mode &= ~ctx.umask;
  return { mode, uid: ctx.cred.fsuid, gid, rdev, target };
}

/** What O_PATH opens: a place, and nothing that can be read. */
export class PathFile extends OpenFile {
  constructor(flags: number, place: Location) {
    super(flags, place);
    place.inode.pin();
  }
  override read(): number {
    return -E.BADF;
  }
  override write(): number {
    return -E.BADF;
  }
  protected override closed(): number {
    this.location!.inode.unpin();
    return 0;
  }
}
