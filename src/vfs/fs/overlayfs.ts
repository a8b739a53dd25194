/**
 * One writable layer over read-only ones, in the format of Linux's overlayfs: a removed name is a whiteout (character
 * device 0:0) in the upper layer, a directory that hides what is below has the xattr trusted.overlay.opaque.
 * Directories are OverlayDir objects, one each; files of the upper layer show as they are, files of a
 * lower one as OverlayFile until they are first changed and so copied up.
 */
import { E } from '../../abi/errno.js';
import { O, S } from '../../abi/fcntl.js';
import type { FileCredentials } from '../credentials.js';
import { DirectoryFile } from '../directory_file.js';
import { ATTR, Inode, RENAME, Stat } from '../inode.js';
import type { AttrChange, DirSink, FileSystem, NewInode, StatFs } from '../inode.js';
import type { Location } from '../mount.js';
import { rekey } from '../notify.js';
import { OpenFile } from '../open_file.js';

const OVERLAYFS_MAGIC = 0x794c7630;
const OPAQUE = 'trusted.overlay.opaque';
const YES = Uint8Array.of(0x79);

const scratch = new Stat();

export class OverlayFs implements FileSystem {
  readonly type = 'overlay';
  readonly source = 'overlay';
  readonly readOnly = false;
  readonly dev: number;
  readonly root: OverlayDir;
  /** Files copied up, by the identity of the lower one: for those who hold the lower one open. */
  readonly copies = new Map<unknown, Inode>();

  /** `lowers`: the topmost first. */
  constructor(readonly upper: FileSystem, lowers: readonly FileSystem[]) {
    this.dev = lowers.length > 0 ? lowers[0]!.dev : upper.dev;
    this.root = new OverlayDir(this, null, '', upper.root, lowers.map((fs) => fs.root));
    if (lowers.length > 0) copyAttributes(lowers[0]!.root, upper.root);
  }

  statfs(out: StatFs): number {
    const failed = this.upper.statfs(out);
    out.type = OVERLAYFS_MAGIC;
    return failed;
  }

  sync(): number {
    return this.upper.sync();
  }
}

export class OverlayDir extends Inode {
  /** Directories below that were met or made; a moved one keeps what is below it, so this map knows best. */
  private children: Map<string, OverlayDir> | null = null;
  /** The layer whose attributes show. */
  private shown: Inode;

  /** `upper` is null until something changes in the directory; `lowers` are merged, the topmost first. */
  constructor(
    readonly fs: OverlayFs, parent: OverlayDir | null, name: string, private upper: Inode | null,
    private readonly lowers: readonly Inode[],
  ) {
    super();
    this.parent = parent;
    this.name = name;
    this.shown = upper ?? lowers[0]!;
  }

  get mode(): number {
    return this.shown.mode;
  }
  get uid(): number {
    return this.shown.uid;
  }
  get gid(): number {
    return this.shown.gid;
  }

  override stat(out: Stat): number {
    const failed = this.shown.stat(out);
    if (this.removed) out.nlink = 0;
    else if (this.upper !== null && this.lowers.length > 0) out.nlink = 1;
    return failed;
  }
  override permission(cred: FileCredentials, mask: number): number {
    return this.shown.permission(cred, mask);
  }
  override open(flags: number, location: Location): OpenFile | number {
    return new DirectoryFile(flags, location);
  }

  override lookup(name: string): Inode | number {
    const known = this.children?.get(name);
    if (known !== undefined) return known;
    let upper: Inode | null = null;
    if (this.upper !== null) {
      const found = this.upper.lookup(name);
      if (typeof found !== 'number') {
        if (found.type !== S.IFDIR) return isWhiteout(found) ? -E.NOENT : found;
        upper = found;
      } else if (found !== -E.NOENT) {
        return found;
      }
    }
    let lowers: readonly Inode[] | number;
    if (upper === null && this.lowers.length === 1) {
      // The usual case: nothing has changed here, and there is one layer below.
      const below = this.lowers[0]!.lookup(name);
      if (typeof below === 'number') {
        if (below === -E.STALE) this.fs.root.forgetLower();
        return below;
      }
      if (below.type !== S.IFDIR) return isWhiteout(below) ? -E.NOENT : new OverlayFile(this.fs, this, name, below);
      lowers = [below];
    } else {
      lowers = upper !== null && isOpaque(upper) ? [] : this.lookupLower(name);
      if (typeof lowers === 'number') return lowers;
      if (upper === null) {
        const top = lowers[0];
        if (top === undefined) return -E.NOENT;
        if (top.type !== S.IFDIR) return new OverlayFile(this.fs, this, name, top);
      }
    }
    const child = new OverlayDir(this.fs, this, name, upper, lowers);
    this.keep(child);
    return child;
  }

  /** What the lower layers have under a name: one file, or directories to merge; empty for nothing. */
  private lookupLower(name: string): Inode[] | number {
    const found: Inode[] = [];
    for (const lower of this.lowers) {
      const inode = lower.lookup(name);
      if (typeof inode === 'number') {
        if (inode === -E.NOENT || inode === -E.NOTDIR) continue;
        if (inode === -E.STALE) this.fs.root.forgetLower();
        return inode;
      }
      if (inode.type !== S.IFDIR) {
        if (found.length === 0 && !isWhiteout(inode)) found.push(inode);
        break;
      }
      found.push(inode);
      if (isOpaque(inode)) break;
    }
    return found;
  }

  private hasLower(name: string): boolean {
    const found = this.lookupLower(name);
    return typeof found !== 'number' && found.length > 0;
  }

  /** Something below has changed behind us: directories that are only there are looked up anew. */
  private forgetLower(): void {
    if (this.children === null) return;
    for (const [name, child] of this.children) {
      if (child.upper === null) this.children.delete(name);
      else child.forgetLower();
    }
  }

  private keep(child: OverlayDir): void {
    this.children ??= new Map();
    this.children.set(child.name, child);
  }

  override readdir(_position: number, sink: DirSink): number {
    if (this.upper === null && this.lowers.length === 1) return this.lowers[0]!.readdir(0, sink);
    const seen = new Set<string>();
    let next = 0;
    let failed = 0;
    for (const layer of this.upper === null ? this.lowers : [this.upper, ...this.lowers]) {
      failed = layer.readdir(0, {
        entry: (name, ino, type) => {
          if (seen.has(name)) return true;
          seen.add(name);
          if (type === S.IFCHR) {
            const inode = layer.lookup(name);
            if (typeof inode !== 'number' && isWhiteout(inode)) return true;
          }
          return sink.entry(name, ino, type, ++next);
        },
      });
      if (failed < 0 && failed !== -E.NOENT) return failed;
    }
    return 0;
  }

  private isEmpty(): boolean {
    let empty = true;
    this.readdir(0, { entry: () => (empty = false) });
    return empty;
  }

  /** The directory in the upper layer, made when it is not there yet. */
  ensureUpper(): Inode | number {
    if (this.upper !== null) return this.upper;
    const above = (this.parent as OverlayDir).ensureUpper();
    if (typeof above === 'number') return above;
    const lower = this.lowers[0]!;
    const made = above.create(this.name, { mode: lower.mode, uid: lower.uid, gid: lower.gid, rdev: 0, target: '' });
    if (typeof made === 'number') return made;
    copyAttributes(lower, made);
    this.upper = this.shown = made;
    return made;
  }

  override create(name: string, init: NewInode): Inode | number {
    const there = this.lookup(name);
    if (typeof there !== 'number') return -E.EXIST;
    if (there !== -E.NOENT) return there;
    const upper = this.ensureUpper();
    if (typeof upper === 'number') return upper;
    const hides = removeWhiteout(upper, name);
    const made = upper.create(name, init);
    if (typeof made === 'number') {
      if (hides) makeWhiteout(upper, name);
      return made;
    }
    if (made.type !== S.IFDIR) return made;
    if (hides) made.setxattr(OPAQUE, YES, 0);
    const child = new OverlayDir(this.fs, this, name, made, []);
    this.keep(child);
    return child;
  }

  override createUnnamed(init: NewInode): Inode | number {
    return this.fs.upper.root.createUnnamed(init);
  }

  override link(name: string, inode: Inode): number {
    const target = inode instanceof OverlayFile ? inode.copyUp(true) : inode;
    if (typeof target === 'number') return target;
    const upper = this.ensureUpper();
    if (typeof upper === 'number') return upper;
    removeWhiteout(upper, name);
    return upper.link(name, target);
  }

  override unlink(name: string): number {
    const below = this.hasLower(name);
    const upper = below ? this.ensureUpper() : this.upper;
    if (upper === null) return -E.NOENT;
    if (typeof upper === 'number') return upper;
    if (typeof upper.lookup(name) !== 'number') {
      const failed = upper.unlink(name);
      if (failed < 0) return failed;
    }
    return below ? makeWhiteout(upper, name) : 0;
  }

  override rmdir(name: string): number {
    const child = this.lookup(name);
    if (typeof child === 'number') return child;
    if (!(child instanceof OverlayDir)) return -E.NOTDIR;
    if (!child.isEmpty()) return -E.NOTEMPTY;
    const below = this.hasLower(name);
    const upper = below ? this.ensureUpper() : this.upper!;
    if (typeof upper === 'number') return upper;
    if (child.upper !== null) {
      clearWhiteouts(child.upper);
      const failed = upper.rmdir(name);
      if (failed < 0) return failed;
    }
    this.children!.delete(name);
    return below ? makeWhiteout(upper, name) : 0;
  }

  override rename(name: string, to: Inode, newName: string, flags: number): number {
    const target = to as OverlayDir;
    const moved = this.raise(name);
    if (typeof moved === 'number') return moved;
    const replaced = flags & RENAME.EXCHANGE ? target.raise(newName) : target.lookup(newName);
    if (typeof replaced === 'number' && (replaced !== -E.NOENT || flags & RENAME.EXCHANGE)) return replaced;
    const fromUpper = this.ensureUpper(), toUpper = target.ensureUpper();
    if (typeof fromUpper === 'number') return fromUpper;
    if (typeof toUpper === 'number') return toUpper;
    if (!(flags & RENAME.EXCHANGE)) {
      if (replaced instanceof OverlayDir) {
        if (!replaced.isEmpty()) return -E.NOTEMPTY;
        if (replaced.upper !== null) clearWhiteouts(replaced.upper);
      }
      removeWhiteout(toUpper, newName);
    }
    const failed = fromUpper.rename(name, toUpper, newName, flags);
    if (failed < 0) return failed;
    this.children?.delete(name);
    target.children?.delete(newName);
    if (moved instanceof OverlayDir) moved.moveTo(target, newName);
    if (flags & RENAME.EXCHANGE) {
      if (replaced instanceof OverlayDir) replaced.moveTo(this, name);
      return 0;
    }
    return this.hasLower(name) ? makeWhiteout(fromUpper, name) : 0;
  }

  private moveTo(parent: OverlayDir, name: string): void {
    this.parent = parent;
    this.name = name;
    parent.keep(this);
    if (this.lowers.length === 0 && parent.hasLower(name)) this.upper!.setxattr(OPAQUE, YES, 0);
  }

  /** The child, brought to the upper layer: what has to be there to be moved. */
  private raise(name: string): Inode | number {
    const child = this.lookup(name);
    if (typeof child === 'number') return child;
    const raised = child instanceof OverlayDir ? child.ensureUpper()
      : child instanceof OverlayFile ? child.copyUp(true) : child;
    return typeof raised === 'number' ? raised : child;
  }

  override setattr(change: AttrChange): number {
    const upper = this.ensureUpper();
    return typeof upper === 'number' ? upper : upper.setattr(change);
  }
  override getxattr(name: string): Uint8Array | number {
    return name.startsWith('trusted.overlay.') ? -E.NODATA : this.shown.getxattr(name);
  }
  override setxattr(name: string, value: Uint8Array, flags: number): number {
    const upper = this.ensureUpper();
    return typeof upper === 'number' ? upper : upper.setxattr(name, value, flags);
  }
  override listxattr(): string[] | number {
    const names = this.shown.listxattr();
    return typeof names === 'number' ? names : names.filter((name) => !name.startsWith('trusted.overlay.'));
  }
  override removexattr(name: string): number {
    const upper = this.ensureUpper();
    return typeof upper === 'number' ? upper : upper.removexattr(name);
  }
}

/** A file of a lower layer, until it is changed. */
class OverlayFile extends Inode {
  private copied: Inode | null = null;

  constructor(
    readonly fs: OverlayFs, private readonly dir: OverlayDir, override name: string, private readonly lower: Inode,
  ) {
    super();
  }

  private get shown(): Inode {
    if (this.copied === null && this.fs.copies.size > 0) this.copied = this.fs.copies.get(this.lower.identity) ?? null;
    return this.copied ?? this.lower;
  }
  get mode(): number {
    return this.shown.mode;
  }
  get uid(): number {
    return this.shown.uid;
  }
  get gid(): number {
    return this.shown.gid;
  }
  override get identity(): unknown {
    return this.shown.identity;
  }
  override stat(out: Stat): number {
    return this.shown.stat(out);
  }
  override permission(cred: FileCredentials, mask: number): number {
    return this.shown.permission(cred, mask);
  }
  override readlink(): string | number {
    return this.shown.readlink();
  }

  override open(flags: number, location: Location): OpenFile | number {
    if ((flags & O.ACCMODE) === O.RDONLY && !(flags & O.TRUNC)) return this.shown.open(flags, location);
    const upper = this.copyUp(!(flags & O.TRUNC));
    return typeof upper === 'number' ? upper : upper.open(flags, location);
  }

  override setattr(change: AttrChange): number {
    const upper = this.copyUp(!(change.mask & ATTR.SIZE && change.size === 0));
    return typeof upper === 'number' ? upper : upper.setattr(change);
  }
  override mapFd(writable: boolean): number {
    return this.shown.mapFd(writable);
  }
  override getxattr(name: string): Uint8Array | number {
    return this.shown.getxattr(name);
  }
  override setxattr(name: string, value: Uint8Array, flags: number): number {
    const upper = this.copyUp(true);
    return typeof upper === 'number' ? upper : upper.setxattr(name, value, flags);
  }
  override listxattr(): string[] | number {
    return this.shown.listxattr();
  }
  override removexattr(name: string): number {
    const upper = this.copyUp(true);
    return typeof upper === 'number' ? upper : upper.removexattr(name);
  }

  /** The file in the upper layer, with its bytes (or without, when they are to be dropped anyway). */
  copyUp(withBytes: boolean): Inode | number {
    if (this.shown !== this.lower) return this.shown;
    const { lower } = this;
    const upper = this.dir.ensureUpper();
    if (typeof upper === 'number') return upper;
    if (lower.stat(scratch) < 0) return -E.STALE;
    const target = lower.type === S.IFLNK ? lower.readlink() : '';
    if (typeof target === 'number') return target;
    const init: NewInode = { mode: lower.mode, uid: lower.uid, gid: lower.gid, rdev: scratch.rdev, target };
    const made = upper.create(this.name, init);
    if (typeof made === 'number') return made;
    if (lower.type === S.IFREG && withBytes) {
      const failed = copyBytes(lower, made, scratch.size);
      if (failed < 0) {
        upper.unlink(this.name);
        return failed;
      }
    }
    copyAttributes(lower, made);
    this.fs.copies.set(lower.identity, made);
    rekey(lower.identity, made.identity);
    this.copied = made;
    return made;
  }
}

const CHUNK = 1 << 18;

function copyBytes(from: Inode, to: Inode, size: number): number {
  if (size === 0) return 0;
  // Nothing looks at the place of these two descriptions.
  const nowhere = null as unknown as Location;
  const source = from.open(O.RDONLY, nowhere);
  if (typeof source === 'number') return source;
  const target = to.open(O.WRONLY, nowhere);
  if (typeof target === 'number') {
    source.unref();
    return target;
  }
  const buffer = new Uint8Array(Math.min(size, CHUNK));
  let failed = 0;
  for (let at = 0; ;) {
    const got = source.pread(buffer, 0, buffer.length, at);
    if (got <= 0) {
      failed = got;
      break;
    }
    const wrote = target.pwrite(buffer, 0, got, at);
    if (wrote < got) {
      failed = wrote < 0 ? wrote : -E.NOSPC;
      break;
    }
    at += got;
  }
  source.unref();
  target.unref();
  return failed;
}

/** Times, owner, mode, and the numbers that stat shows: a copy must not seem to be another file. */
function copyAttributes(from: Inode, to: Inode): void {
  if (from.stat(scratch) < 0) return;
  to.showAs(scratch.dev, scratch.ino);
  to.setattr({
    mask: ATTR.MODE | ATTR.UID | ATTR.GID | ATTR.ATIME | ATTR.MTIME,
    mode: scratch.mode & 0o7777, uid: scratch.uid, gid: scratch.gid, size: 0,
    atime: scratch.atime, atimeNsec: scratch.atimeNsec, mtime: scratch.mtime, mtimeNsec: scratch.mtimeNsec,
  });
}

function isWhiteout(inode: Inode): boolean {
  return inode.type === S.IFCHR && inode.stat(scratch) >= 0 && scratch.rdev === 0;
}

function makeWhiteout(upper: Inode, name: string): number {
  const made = upper.create(name, { mode: S.IFCHR, uid: 0, gid: 0, rdev: 0, target: '' });
  return typeof made === 'number' ? made : 0;
}

/** True when there was one. */
function removeWhiteout(upper: Inode, name: string): boolean {
  const there = upper.lookup(name);
  if (typeof there === 'number' || !isWhiteout(there)) return false;
  upper.unlink(name);
  return true;
}

function clearWhiteouts(upper: Inode): void {
  const names: string[] = [];
  upper.readdir(0, {
    entry: (name) => {
      names.push(name);
      return true;
    },
  });
  for (const name of names) removeWhiteout(upper, name);
}

function isOpaque(inode: Inode): boolean {
  const value = inode.getxattr(OPAQUE);
  return typeof value !== 'number' && value.length === 1 && value[0] === YES[0];
}
