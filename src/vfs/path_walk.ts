/** From a path to a place in the tree (path_resolution(7), openat2(2)). */
import { E } from '../abi/errno.js';
import { S } from '../abi/fcntl.js';
import type { FileCredentials } from './credentials.js';
import { Stat, type Inode } from './inode.js';
import { Location, MS, type Mount } from './mount.js';
import type { MountNamespace } from './mount_tree.js';
import type { Vfs } from './vfs.js';
import { forgetWays, keepWay, knownWay } from './walked.js';

export const PATH_MAX = 4096;
export const NAME_MAX = 255;
const SLASH = 47;
const MAX_LINKS = 40;
/** Walks that meet a directory which is not what it was start again, so often. */
const STALE_TRIES = 4;

/** What the meaning of a path depends on, beside the path. Tasks made with CLONE_FS share one. */
export class PathContext {
  /** The tree of mounts that calls of mount(2) change. */
  namespace: MountNamespace;

  constructor(
    readonly vfs: Vfs,
    public root: Location,
    public cwd: Location,
    public umask: number,
    public cred: FileCredentials,
  ) {
    this.namespace = vfs.namespace;
  }

  /** A copy for a forked task. */
  clone(cred: FileCredentials): PathContext {
    const copy = new PathContext(this.vfs, this.root, this.cwd, this.umask, cred);
    copy.namespace = this.namespace;
    return copy;
  }
}

/** A path taken apart. */
class SplitPath {
  readonly absolute: boolean;
  /** It ends with a slash. */
  readonly slash: boolean;
  /** How much of it comes before the last name and the slash there; 0 or less: only that name does. */
  readonly above: number;
  /** The last name alone. */
  readonly last: readonly string[];
  private all: readonly string[] | null = null;

  constructor(readonly path: string) {
    let end = path.length;
    this.absolute = path.charCodeAt(0) === SLASH;
    this.slash = path.charCodeAt(end - 1) === SLASH;
    while (end > 0 && path.charCodeAt(end - 1) === SLASH) end--;
    this.above = end === 0 ? 0 : path.lastIndexOf('/', end - 1);
    this.last = end === 0 ? [] : [path.substring(this.above + 1, end)];
  }

  get names(): readonly string[] {
    return this.all ??= this.above <= 0 ? this.last : this.split();
  }
  private split(): readonly string[] {
    const { path } = this;
    const names: string[] = [];
    for (let at = 0, end; at < this.above; at = end + 1) {
      end = path.indexOf('/', at);
      if (end > at) names.push(path.substring(at, end));
    }
    names.push(this.last[0]!);
    return names;
  }
}

/** Paths that were met twice, and hashes of those that were met once: what is used once is not worth keeping. */
const SPLIT_PATHS = 1024;
const splitPaths: (SplitPath | undefined)[] = new Array<undefined>(SPLIT_PATHS).fill(undefined);
const metOnce = new Int32Array(SPLIT_PATHS);
/** Longer ones are not kept. */
const SPLIT_LENGTH = 256;

/** Programs use the same paths again and again: taking them apart is half of a walk. */
function split(path: string): SplitPath {
  const { length } = path;
  let hash = length;
  for (let i = length > 16 ? length - 16 : 0; i < length; i++) hash = Math.imul(hash, 31) + path.charCodeAt(i);
  const slot = (hash ^ (hash >>> 10)) & (SPLIT_PATHS - 1);
  const known = splitPaths[slot];
  if (known !== undefined && known.path === path) return known;
  const parts = new SplitPath(path);
  if (metOnce[slot] !== (hash | 0)) metOnce[slot] = hash;
  else if (length <= SPLIT_LENGTH) splitPaths[slot] = parts;
  return parts;
}

/** How a walk goes. The upper ones are openat2(2)'s RESOLVE_*, shifted by RESOLVE_SHIFT. */
export const WALK = {
  /** Follow a symbolic link at the end (one with a trailing slash is always followed). */
  FOLLOW: 1,
  /** The last name is to be made, removed or renamed: it is looked up but neither followed nor checked. */
  PARENT: 2,
  /** A regular file at the end may be one that its directory remembers (Inode.remembered). */
  REMEMBERED: 4,
  /** The last name may be made as a file: with a slash behind it, it is -EISDIR whatever is there. */
  CREATE: 8,
} as const;
export const RESOLVE_SHIFT = 8;
export const RESOLVE = { NO_XDEV: 1, NO_MAGICLINKS: 2, NO_SYMLINKS: 4, BENEATH: 8, IN_ROOT: 16, CACHED: 32 } as const;

/** What the path ended with. */
export const enum Last { Name, Root, Dot, DotDot }

/** Where a walk ended. */
export class Walk {
  /** The directory of the last name, and its mount. */
  dirMount!: Mount;
  dir!: Inode;
  name = '';
  last: Last = Last.Root;
  /** The path ended with a slash. */
  slash = false;
  /** What is there, mounts and links followed; null when the directory has no such name. */
  inode: Inode | null = null;
  mount!: Mount;
  /** With WALK.REMEMBERED: `inode` was not looked up, the host may have another file there. */
  remembered = false;

  /** The place that was found; `inode` must not be null. */
  location(): Location {
    const inode = this.inode!;
    return this.last !== Last.Name || inode.type === S.IFDIR
      ? new Location(this.mount, inode)
      : new Location(this.mount, inode, this.dir, this.name);
  }
  dirLocation(): Location {
    return new Location(this.dirMount, this.dir);
  }
}

/**
 * Walks `path` from `start` (or from the root). Gives 0 and fills `out`; a missing last name is no error here.
 * -ENOENT, -ENOTDIR, -EACCES, -ELOOP, -ENAMETOOLONG; -EXDEV for what `how` forbids.
 */
export function walk(ctx: PathContext, start: Location, path: string, how: number, out: Walk): number {
  let result = walkOnce(ctx, start, path, how, out);
  for (let tries = 1; result === -E.STALE; tries++) {
    if (tries === STALE_TRIES) return -E.NOENT;
    forgetWays();
    result = walkOnce(ctx, start, path, how, out);
  }
  return result;
}

function walkOnce(ctx: PathContext, start: Location, path: string, how: number, out: Walk): number {
  if (path.length === 0) return -E.NOENT;
  if (path.length >= PATH_MAX) return -E.NAMETOOLONG;
  const resolve = how >>> RESOLVE_SHIFT;
  const root = resolve & (RESOLVE.IN_ROOT | RESOLVE.BENEATH) ? start : ctx.root;
  const cred = ctx.cred;
  let mount = start.mount, inode = start.inode;
  const parts = split(path);
  let slashAtEnd = parts.slash;
  let links = 0, at = 0;
  let dirMount = mount, dir = inode;
  let name = '', last: Last = Last.Dot;
  out.remembered = false;
  if (parts.absolute) {
    if (resolve & RESOLVE.BENEATH) return -E.XDEV;
    if (resolve & RESOLVE.NO_XDEV && root.mount !== mount) return -E.XDEV;
    mount = root.mount;
    inode = root.inode;
    last = Last.Root;
  }
  let names: readonly string[] | null = null;
  // Whether the next who begins like this may go on from where this comes to before the last name.
  let keeps = false;
  if (parts.above > 0 && resolve === 0) {
    const way = knownWay(path, parts.above, start, root);
    if (way === null) {
      keeps = true;
    } else {
      if ((inode.mode & S.IFMT) !== S.IFDIR) return -E.NOTDIR;
      const denied = inode.permission(cred, 1);
      if (denied < 0) return denied;
      ({ mount, inode } = way);
      names = parts.last;
    }
  }
  names ??= parts.names;
  let slash = false;
  while (at < names.length) {
    name = names[at++]!;
    const final = at === names.length;
    slash = slashAtEnd || !final;
    if ((inode.mode & S.IFMT) !== S.IFDIR) return -E.NOTDIR;
    const denied = inode.permission(cred, 1);
    if (denied < 0) return denied;
    if (keeps) {
      if (final) keepWay({ path, length: parts.above, start, root, mount, inode });
      else if (inode.fs.keepsDirectories !== true || (at > 1 && (inode.mode & 0o111) !== 0o111)) keeps = false;
    }
    dirMount = mount;
    dir = inode;

    if (name === '.') {
      keeps = false;
      last = Last.Dot;
      continue;
    }
    if (name === '..') {
      keeps = false;
      last = Last.DotDot;
      if (mount === root.mount && inode === root.inode) {
        if (resolve & RESOLVE.BENEATH) return -E.XDEV;
      } else {
        while (inode === mount.root && mount.on !== null) {
          if (resolve & RESOLVE.NO_XDEV) return -E.XDEV;
          inode = mount.on.inode;
          mount = mount.on.mount;
          if (mount === root.mount && inode === root.inode) break;
        }
        if (!(mount === root.mount && inode === root.inode) && inode !== mount.root && inode.parent !== null) {
          if (mount.root !== mount.fs.root && !isInMount(inode, mount)) return -E.NOENT;
          inode = inode.parent;
        }
      }
      if (inode.covered > 0 && mount.children !== null) {
        for (let on = mount.children.get(inode); on !== undefined; on = mount.children?.get(inode)) {
          if (resolve & RESOLVE.NO_XDEV) return -E.XDEV;
          mount = on;
          mount.visits++;
          inode = on.root;
        }
      }
      continue;
    }
    last = Last.Name;
    if (slash && final && how & WALK.CREATE) return -E.ISDIR;
    if (name.length > NAME_MAX && name.length > dir.nameMax) return -E.NAMETOOLONG;
    const follows = !final || ((how & WALK.PARENT) === 0 && ((how & WALK.FOLLOW) !== 0 || slash));
    let child: Inode | number = -E.STALE;
    let target: string | number = '';
    const pinned = dir.pinned === null ? undefined : dir.pinned.get(name);
    const known = pinned === undefined ? dir.remembered(name) : null;
    if (pinned !== undefined) {
      child = pinned;
    } else if (known !== null) {
      const type = known.mode & S.IFMT;
      if (type === S.IFDIR) {
        child = known;
      } else if (type === S.IFREG && final && how & WALK.REMEMBERED) {
        child = known;
        out.remembered = true;
      } else if (type === S.IFLNK && follows) {
        // Reading a link says whether it is still one.
        target = known.readlink();
        if (typeof target === 'string' && target !== '') child = known;
      } else if (known.recheck() >= 0) {
        child = known;
      }
    }
    if (child === -E.STALE) child = known === null && pinned === undefined ? dir.lookupNew(name) : dir.lookup(name);
    if (typeof child === 'number') {
      if (child === -E.NOENT && final) {
        out.dirMount = dirMount;
        out.dir = dir;
        out.name = name;
        out.last = last;
        out.slash = slash;
        out.inode = null;
        out.mount = dirMount;
        return 0;
      }
      return child;
    }
    const type = child.mode & S.IFMT;
    if (type === S.IFLNK && follows && (child.covered === 0 || mount.children?.has(child) !== true)) {
      if (resolve & RESOLVE.NO_SYMLINKS || mount.flags & MS.NOSYMFOLLOW) return -E.LOOP;
      if (++links > MAX_LINKS) return -E.LOOP;
      keeps = false;
      const magic = child.jump();
      if (magic !== null) {
        if (typeof magic === 'number') return magic;
        if (resolve & RESOLVE.NO_MAGICLINKS) return -E.LOOP;
        if (resolve & (RESOLVE.BENEATH | RESOLVE.IN_ROOT)) return -E.XDEV;
        if (resolve & RESOLVE.NO_XDEV && magic.mount !== mount) return -E.XDEV;
        mount = magic.mount;
        inode = magic.inode;
        if (final && inode.type !== S.IFDIR && !slash) {
          out.dirMount = mount;
          out.dir = magic.dir ?? inode;
          out.name = magic.name;
          out.last = Last.Name;
          out.slash = false;
          out.inode = inode;
          out.mount = mount;
          return 0;
        }
        last = Last.Dot;
        continue;
      }
      if (child !== known || target === '') target = child.readlink();
      if (typeof target === 'number') return target;
      if (target.length === 0) return -E.NOENT;
      child.stampAccess(mount);
      const link = split(target);
      if (final) {
        names = link.names;
        slashAtEnd ||= link.slash;
      } else {
        names = [...link.names, ...names.slice(at)];
      }
      if (names.length > PATH_MAX) return -E.NAMETOOLONG;
      at = 0;
      slash = slashAtEnd;
      if (link.absolute) {
        if (resolve & RESOLVE.BENEATH) return -E.XDEV;
        if (resolve & RESOLVE.NO_XDEV && root.mount !== mount) return -E.XDEV;
        mount = root.mount;
        inode = root.inode;
        last = Last.Root;
      }
      continue;
    }
    inode = child;
    if (type === S.IFDIR && child.parent !== dir) child.parent = dir;
    if (type === S.IFDIR && child.name !== name) child.name = name;
    if (inode.covered > 0 && mount.children !== null) {
      for (let on = mount.children.get(inode); on !== undefined; on = mount.children?.get(inode)) {
        if (resolve & RESOLVE.NO_XDEV) return -E.XDEV;
        mount = on;
        mount.visits++;
        inode = on.root;
      }
    }
  }
  if (slash && !(how & WALK.PARENT) && (inode.mode & S.IFMT) !== S.IFDIR) return -E.NOTDIR;
  if (last !== Last.Name) {
    dirMount = mount;
    dir = inode;
    name = '';
    if ((inode.mode & S.IFMT) !== S.IFDIR) return -E.NOTDIR;
  }
  out.dirMount = dirMount;
  out.dir = dir;
  out.name = name;
  out.last = last;
  out.slash = slash;
  out.inode = inode;
  out.mount = mount;
  return 0;
}

/** A directory of a bound part may have been moved out of it: from there '..' leads nowhere. */
function isInMount(inode: Inode, mount: Mount): boolean {
  for (let at: Inode | null = inode; at !== null; at = at.parent) if (at === mount.root) return true;
  return false;
}

/** The place that `path` names, or -errno. follow: a symbolic link at the end, too. */
export function lookup(ctx: PathContext, start: Location, path: string, follow: boolean): Location | number {
  const found = new Walk();
  const failed = walk(ctx, start, path, follow ? WALK.FOLLOW : 0, found);
  if (failed < 0) return failed;
  return found.inode === null ? -E.NOENT : found.location();
}

const UNREACHABLE = '(unreachable)';

const scratch = new Stat();

/**
 * The path that links of /proc show: for a place that is not beneath `root`, from the top of its own tree; with
 * ' (deleted)' when nothing has a name for it any more.
 */
export function shownPath(root: Location, place: Location): string {
  const path = pathOf(root, place);
  const shown = path.startsWith(UNREACHABLE) ? path.substring(UNREACHABLE.length) : path;
  const gone = place.inode.removed || (place.inode.stat(scratch) >= 0 && scratch.nlink === 0);
  return gone ? `${shown} (deleted)` : shown;
}

/**
 * The absolute path of a place as seen from `root`. As getcwd(2) writes it, '(unreachable)' comes before it when the
 * place is not beneath that root.
 */
export function pathOf(root: Location, place: Location): string {
  let mount = place.mount, inode: Inode | null = place.inode;
  let path = '';
  if (place.dir !== null && inode !== mount.root) {
    path = '/' + place.name;
    inode = place.dir;
  }
  for (;;) {
    if (mount === root.mount && inode === root.inode) return path === '' ? '/' : path;
    if (inode === mount.root) {
      if (mount.on === null) return UNREACHABLE + (path === '' ? '/' : path);
      const on: Location = mount.on;
      mount = on.mount;
      inode = on.inode;
      if (on.dir !== null) {
        path = '/' + on.name + path;
        inode = on.dir;
      }
      continue;
    }
    const parent: Inode | null = inode.parent;
    if (parent === null) return UNREACHABLE + (path === '' ? '/' : path);
    path = '/' + inode.name + path;
    inode = parent;
  }
}
