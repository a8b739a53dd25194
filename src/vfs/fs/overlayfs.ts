/**
 * One writable layer over read-only ones, in the format of Linux's overlayfs (overlay_marks.ts). Directories are
 * OverlayDir objects, one each; files of the upper layer show as they are, files of a lower one as OverlayFile until
 * they are first changed and so copied up.
 *
 * Each change is one rename (or one call) of the upper layer, prepared in a work directory beside it: after a crash
 * either all of it is there or nothing.
 */
import { E } from '../../abi/errno.js';
import { S } from '../../abi/fcntl.js';
import type { FileCredentials } from '../credentials.js';
import { DirectoryFile } from '../directory_file.js';
import type { HostPlace } from '../host_notify.js';
import { Inode, RENAME, anonymousDev } from '../inode.js';
import type { AttrChange, DirSink, FileSystem, NewInode, Stat, StatFs } from '../inode.js';
import type { Location, Mount } from '../mount.js';
import type { OpenFile } from '../open_file.js';
import { OverlayFile, copyAttributes } from './overlay_file.js';
import { OverlayLinks } from './overlay_links.js';
import { LowerLayers } from './overlay_lowers.js';
import { PRIVATE, isOpaque, isWhiteout, makeOpaque, redirectOf, setRedirect } from './overlay_marks.js';
import { WorkDirectory, directoryIn } from './overlay_work.js';

const OVERLAYFS_MAGIC = 0x794c7630;
/** Added to the inode numbers of a disguised upper layer. */
const UPPER_INO = 0xf000_0000;

export interface OverlayLayers {
  /** The directory that takes what is written; null: nothing can be. */
  upper: Inode | null;
  /** In the same file system; null without `upper`. */
  work: WorkDirectory | null;
  /** The topmost first. */
  lowers: readonly Inode[];
  /**
   * Number that stat shows for directories: a mount of its own. Its other files show it, too, when all layers are in one
   * file system, and else a number for each of these. Without it, all files show as those of the layers' file systems.
   */
  dev?: number;
  /** The upper layer's files show as of the device of the others; their inode numbers are made different. */
  disguised?: boolean;
  source?: string;
  /** What /proc/mounts shows behind the flags. */
  options?: string;
}

export class OverlayFs implements FileSystem {
  readonly type = 'overlay';
  readonly keepsDirectories = true;
  readonly blockSize = 0;
  readonly source: string;
  readonly readOnly: boolean;
  readonly dev: number;
  /** Directories show this as their device; 0: what the layer has. */
  readonly ownDev: number;
  /** The devices of files in the layers that show as others; null: all show as they are. */
  private readonly shownDevs: ReadonlyMap<number, number> | null;
  /** What is added to the inode numbers of the upper layer. */
  readonly upperIno: number;
  readonly root: OverlayDir;
  readonly lowers: LowerLayers;
  readonly work: WorkDirectory | null;
  readonly links: OverlayLinks;
  /** Files copied up in this run, by the identity of the lower one: for those who hold the lower one. */
  readonly copies = new Map<unknown, Inode>();
  private readonly base: FileSystem;
  private readonly options: string;

  constructor(layers: OverlayLayers) {
    const { upper, work, lowers } = layers;
    const first = (lowers[0] ?? upper)!;
    this.base = (upper ?? first).fs;
    this.readOnly = upper === null || this.base.readOnly;
    this.source = layers.source ?? 'overlay';
    this.options = layers.options ?? '';
    this.ownDev = layers.dev ?? 0;
    this.dev = layers.dev ?? first.fs.dev;
    this.upperIno = layers.disguised ? UPPER_INO : 0;
    if (layers.disguised) this.shownDevs = new Map([[this.base.dev, this.dev]]);
    else this.shownDevs = layers.dev === undefined ? null : shownDevsOf(upper, lowers, layers.dev);
    this.lowers = new LowerLayers(lowers);
    this.work = work;
    this.links = new OverlayLinks(work === null ? null : work.index);
    this.root = new OverlayDir(this, null, '', upper, lowers, '');
  }

  /** A layer on a file system of its own, which has the directories 'upper' and 'work', over others. Or -errno. */
  static on(fs: FileSystem, lowers: readonly FileSystem[]): OverlayFs | number {
    const fresh = fs.root.lookup('upper') === -E.NOENT;
    const upper = directoryIn(fs.root, 'upper');
    if (typeof upper === 'number') return upper;
    if (fresh && lowers.length > 0) copyAttributes(lowers[0]!.root, upper);
    const directory = directoryIn(fs.root, 'work');
    const work = typeof directory === 'number' ? directory : WorkDirectory.open(directory);
    if (typeof work === 'number') return work;
    const disguised = lowers.length > 0 && lowers[0]!.dev !== fs.dev;
    return new OverlayFs({ upper, work, lowers: lowers.map((lower) => lower.root), disguised });
  }

  statfs(out: StatFs): number {
    const failed = this.base.statfs(out);
    out.type = OVERLAYFS_MAGIC;
    return failed;
  }

  sync(): number {
    return this.base.sync();
  }

  close(): number {
    return this.base.close === undefined ? this.base.sync() : this.base.close();
  }

  showOptions(): string {
    return this.options;
  }

  /** Whether files may show as of another device than the one they are on: then none leaves the overlay as it is. */
  get disguises(): boolean {
    return this.shownDevs !== null;
  }

  /** Makes what an inode of a layer tells of itself what the overlay shows. */
  disguise(out: Stat): void {
    const dev = this.shownDevs!.get(out.dev);
    if (dev === undefined) return;
    out.dev = dev;
    out.ino += this.upperIno;
  }

  /** The copy that stands for a lower file, or null. */
  copyOf(lower: Inode): Inode | null {
    const known = this.copies.size > 0 ? this.copies.get(lower.identity) : undefined;
    return known ?? this.links.copyOf(lower) ?? null;
  }
}

/** What files show for the devices of the layers they are in, in an overlay with a number of its own. */
function shownDevsOf(upper: Inode | null, lowers: readonly Inode[], dev: number): ReadonlyMap<number, number> {
  const devs = new Set(lowers.map((layer) => layer.fs.dev));
  if (upper !== null) devs.add(upper.fs.dev);
  return new Map(Array.from(devs, (layer) => [layer, devs.size === 1 ? dev : anonymousDev()]));
}

export class OverlayDir extends Inode {
  /** Directories below that were met or made; a moved one keeps what is below it, so this map knows best. */
  private children: Map<string, OverlayDir> | null = null;
  /** The layer whose attributes show. */
  private shown: Inode;

  /**
   * `upper` is null until something changes in the directory; `lowers` are merged, the topmost first; `lowerPath` is
   * where they are in their layers.
   */
  constructor(
    readonly fs: OverlayFs, parent: OverlayDir | null, name: string, private upper: Inode | null,
    private readonly lowers: readonly Inode[], private readonly lowerPath: string,
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
    return this.told(this.shown.stat(out), out);
  }
  override statFound(out: Stat): number {
    const failed = this.told(this.shown.statFound(out), out);
    if (failed === -E.STALE && this.parent !== null) this.forgetReplaced();
    return failed;
  }
  private told(failed: number, out: Stat): number {
    if (this.fs.ownDev !== 0) out.dev = this.fs.ownDev;
    else if (this.fs.disguises) this.fs.disguise(out);
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
  override stampAccess(mount: Mount): void {
    if (this.upper !== null) this.upper.stampAccess(mount);
  }
  override hostPlace(): HostPlace | null {
    return this.lowers.length === 0 ? null : this.lowers[0]!.hostPlace();
  }
  override hostShows(name: string): boolean {
    return this.upper === null || typeof this.upper.lookup(name) === 'number';
  }

  override syncDirectory(): number {
    return this.upper === null ? 0 : this.upper.syncDirectory();
  }

  override lookup(name: string): Inode | number {
    return this.children?.get(name) ?? this.lookupNew(name);
  }

  override lookupNew(name: string): Inode | number {
    let upper: Inode | null = null;
    if (this.upper !== null) {
      const found = this.upper.lookup(name);
      if (typeof found !== 'number') {
        if (found.type !== S.IFDIR) return isWhiteout(found) ? -E.NOENT : this.ofUpper(name, found);
        upper = found;
      } else if (found !== -E.NOENT) {
        return found;
      }
    }
    let lowers: readonly Inode[] | number;
    let lowerPath = '';
    if (upper === null && this.lowers.length === 1 && this.fs.lowers.isLowest(this.lowers[0]!)) {
      // The usual case: nothing has changed here, and there is one layer below.
      const below = this.lowers[0]!.lookup(name);
      if (typeof below === 'number') {
        if (below === -E.STALE) this.forgetReplaced();
        return below;
      }
      if (below.type !== S.IFDIR) return isWhiteout(below) ? -E.NOENT : new OverlayFile(this.fs, this, name, below);
      lowers = [below];
      lowerPath = `${this.lowerPath}/${name}`;
    } else {
      const redirect = upper === null ? null : redirectOf(upper);
      if (redirect !== null) {
        lowerPath = redirect.startsWith('/') ? redirect : `${this.lowerPath}/${redirect}`;
        lowers = this.fs.lowers.at(this.fs.lowers.roots, lowerPath);
      } else {
        lowerPath = `${this.lowerPath}/${name}`;
        lowers = upper !== null && isOpaque(upper) ? [] : this.fs.lowers.lookup(this.lowers, name);
      }
      if (typeof lowers === 'number') {
        if (lowers === -E.STALE) this.forgetReplaced();
        return lowers;
      }
      if (upper === null) {
        const top = lowers[0];
        if (top === undefined) return -E.NOENT;
        if (top.type !== S.IFDIR) return new OverlayFile(this.fs, this, name, top);
      } else if (lowers[0]?.type !== S.IFDIR) {
        lowers = [];
      }
    }
    const child = new OverlayDir(this.fs, this, name, upper, lowers, lowerPath);
    this.keep(child);
    return child;
  }

  override remembered(name: string): Inode | null {
    const known = this.children === null ? undefined : this.children.get(name);
    if (known !== undefined) return known;
    if (this.lowers.length !== 1 || (this.upper !== null && this.upper.lookup(name) !== -E.NOENT)) return null;
    const below = this.lowers[0]!.remembered(name);
    if (below === null || (below.type !== S.IFREG && below.type !== S.IFLNK)) return null;
    const last = below.shownAs;
    if (last instanceof OverlayFile && last.dir === this && last.name === name) return last;
    return (below.shownAs = new OverlayFile(this.fs, this, name, below));
  }

  override get number(): number {
    return this.shown.number;
  }

  private ofUpper(name: string, found: Inode): Inode {
    const { links, disguises } = this.fs;
    const wrapped = disguises || (!links.empty && links.has(found));
    return wrapped ? new OverlayFile(this.fs, this, name, found, found) : found;
  }

  private hasLower(name: string): boolean {
    const found = this.fs.lowers.lookup(this.lowers, name);
    return typeof found !== 'number' && found.length > 0;
  }

  /** Something below has changed behind us: the first directory on the way here that is another there is looked up anew. */
  private forgetReplaced(): void {
    const way: OverlayDir[] = [];
    for (let at: OverlayDir = this; at.parent !== null; at = at.parent as OverlayDir) way.push(at);
    for (let at = way.pop(); at !== undefined; at = way.pop()) {
      if (at.upper !== null) continue;
      const above = at.parent as OverlayDir;
      const { lowers } = at;
      const now = this.fs.lowers.lookup(above.lowers, at.name);
      if (typeof now !== 'number' && now.length === lowers.length && now.every((inode, n) => inode === lowers[n])) continue;
      if (above.children?.get(at.name) === at) above.children.delete(at.name);
      return;
    }
  }

  private keep(child: OverlayDir): void {
    this.children ??= new Map();
    this.children.set(child.name, child);
  }

  override readdir(_position: number, sink: DirSink): number {
    if (this.upper === null && this.lowers.length === 1) return this.lowers[0]!.readdir(0, sink);
    const layers = this.upper === null ? this.lowers : [this.upper, ...this.lowers];
    const { upperIno } = this.fs;
    const seen = layers.length > 1 ? new Set<string>() : null;
    let next = 0;
    for (const layer of layers) {
      const failed = layer.readdir(0, {
        entry: (name, ino, type) => {
          if (seen !== null) {
            if (seen.has(name)) return true;
            seen.add(name);
          }
          if (type === S.IFCHR) {
            const inode = layer.lookup(name);
            if (typeof inode !== 'number' && isWhiteout(inode)) return true;
          }
          return sink.entry(name, layer === this.upper ? ino + upperIno : ino, type, ++next);
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
    const { work } = this.fs;
    if (work === null) return -E.ROFS;
    const lower = this.lowers[0]!;
    const temporary = work.temporaryName();
    const { mode, uid, gid } = lower;
    const made = work.inode.create(temporary, { mode, uid, gid, rdev: 0, target: '' });
    if (typeof made === 'number') return made;
    let failed = copyAttributes(lower, made);
    if (failed >= 0) failed = work.place(temporary, above, this.name);
    if (failed < 0) {
      work.inode.rmdir(temporary);
      return failed;
    }
    this.upper = this.shown = made;
    return made;
  }

  override create(name: string, init: NewInode): Inode | number {
    if ((init.mode & S.IFMT) === S.IFCHR && init.rdev === 0) return -E.PERM;
    const there = this.lookup(name);
    if (typeof there !== 'number') return -E.EXIST;
    if (there !== -E.NOENT) return there;
    const upper = this.ensureUpper();
    if (typeof upper === 'number') return upper;
    const made = typeof upper.lookup(name) === 'number' ? upper.create(name, init) : this.createOver(upper, name, init);
    if (typeof made === 'number') return made;
    if (made.type !== S.IFDIR) return this.ofUpper(name, made);
    const child = new OverlayDir(this.fs, this, name, made, [], '');
    this.keep(child);
    return child;
  }

  /** Makes a file or an opaque directory in the place of a whiteout. */
  private createOver(upper: Inode, name: string, init: NewInode): Inode | number {
    const work = this.fs.work!.inode, temporary = this.fs.work!.temporaryName();
    const made = work.create(temporary, init);
    if (typeof made === 'number') return made;
    const directory = made.type === S.IFDIR;
    let failed = directory ? makeOpaque(made) : 0;
    if (failed >= 0) failed = work.rename(temporary, upper, name, directory ? RENAME.EXCHANGE : 0);
    if (directory && failed < 0) work.rmdir(temporary);
    else if (directory || failed < 0) work.unlink(temporary);
    return failed < 0 ? failed : made;
  }

  override createUnnamed(init: NewInode): Inode | number {
    const upper = this.ensureUpper();
    const made = typeof upper === 'number' ? upper : upper.createUnnamed(init);
    return typeof made === 'number' ? made : this.ofUpper(made.name, made);
  }

  override link(name: string, inode: Inode): number {
    const target = inode instanceof OverlayFile ? inode.copyUp(true) : inode;
    if (typeof target === 'number') return target;
    const upper = this.ensureUpper();
    if (typeof upper === 'number') return upper;
    if (typeof upper.lookup(name) === 'number') return upper.link(name, target);
    const work = this.fs.work!.inode, temporary = this.fs.work!.temporaryName();
    let failed = work.link(temporary, target);
    if (failed < 0) return failed;
    failed = work.rename(temporary, upper, name, 0);
    if (failed < 0) work.unlink(temporary);
    return failed;
  }

  override unlink(name: string): number {
    const below = this.hasLower(name);
    const gone = below || !this.fs.links.empty ? this.lookup(name) : -E.NOENT;
    const upper = below ? this.ensureUpper() : this.upper;
    if (upper === null) return -E.NOENT;
    if (typeof upper === 'number') return upper;
    const ofLower = typeof upper.lookup(name) === 'number';
    const failed = below ? this.fs.work!.hide(upper, name) : upper.unlink(name);
    if (failed >= 0) this.dropLink(gone, ofLower);
    return failed;
  }

  /** A name of what may be a hard link is gone. */
  private dropLink(gone: Inode | number, ofLower: boolean): void {
    if (typeof gone === 'number' || gone.type === S.IFDIR) return;
    const { links } = this.fs;
    if (ofLower || !links.empty) links.drop(gone instanceof OverlayFile ? gone.shown : gone, ofLower);
  }

  override rmdir(name: string): number {
    const child = this.lookup(name);
    if (typeof child === 'number') return child;
    if (!(child instanceof OverlayDir)) return -E.NOTDIR;
    if (!child.isEmpty()) return -E.NOTEMPTY;
    const below = this.hasLower(name);
    const upper = below ? this.ensureUpper() : this.upper!;
    if (typeof upper === 'number') return upper;
    const failed = below ? this.fs.work!.hide(upper, name) : this.fs.work!.remove(upper, name);
    if (failed >= 0) this.children!.delete(name);
    return failed;
  }

  override rename(name: string, to: Inode, newName: string, flags: number): number {
    const target = to as OverlayDir;
    const exchange = (flags & RENAME.EXCHANGE) !== 0;
    const moved = this.raise(name);
    if (typeof moved === 'number') return moved;
    const replaced = exchange ? target.raise(newName) : target.lookup(newName);
    if (typeof replaced === 'number' && (replaced !== -E.NOENT || exchange)) return replaced;
    const fromUpper = this.ensureUpper(), toUpper = target.ensureUpper();
    if (typeof fromUpper === 'number') return fromUpper;
    if (typeof toUpper === 'number') return toUpper;
    let failed = moved instanceof OverlayDir ? moved.markMoved(target, newName) : 0;
    if (failed >= 0 && exchange && replaced instanceof OverlayDir) failed = replaced.markMoved(this, name);
    if (failed >= 0 && !exchange && replaced instanceof OverlayDir) {
      if (!replaced.isEmpty()) return -E.NOTEMPTY;
      if (replaced.upper !== null) failed = this.fs.work!.empty(toUpper, newName);
    }
    if (failed < 0) return failed;
    const ofLower = typeof toUpper.lookup(newName) === 'number';
    failed = exchange ? fromUpper.rename(name, toUpper, newName, flags)
      : this.moveHiding(fromUpper, name, toUpper, newName, moved, typeof replaced !== 'number');
    if (failed < 0) return failed;
    if (!exchange) target.dropLink(replaced, ofLower);
    this.children?.delete(name);
    target.children?.delete(newName);
    if (moved instanceof OverlayDir) moved.attach(target, newName);
    if (exchange && replaced instanceof OverlayDir) replaced.attach(this, name);
    return 0;
  }

  /** Moves in the upper layer; a whiteout stays behind when a lower one has the name. */
  private moveHiding(
    from: Inode, name: string, to: Inode, newName: string, moved: Inode, replaces: boolean,
  ): number {
    const hides = this.hasLower(name);
    const whiteout = !replaces && typeof to.lookup(newName) !== 'number';
    if (whiteout && (hides || moved.type === S.IFDIR)) {
      // The whiteout at the new name changes places with what moves there, and may be needed at the old one.
      const failed = from.rename(name, to, newName, RENAME.EXCHANGE);
      if (failed >= 0 && !hides) from.unlink(name);
      return failed;
    }
    if (!hides) return from.rename(name, to, newName, 0);
    if (from.fs.leavesWhiteouts) return from.rename(name, to, newName, RENAME.WHITEOUT);
    const work = this.fs.work!;
    if (moved.type !== S.IFDIR) return work.move(from, name, to, newName);
    // A directory has no two names: a whiteout is put where it goes, and changes places with it.
    const failed = work.hide(to, newName);
    return failed < 0 ? failed : from.rename(name, to, newName, RENAME.EXCHANGE);
  }

  /** Before a move: what is below comes along, and what is below the new place does not show. */
  private markMoved(parent: OverlayDir, name: string): number {
    if (this.lowers.length > 0) {
      const above = `${parent.lowerPath}/`, rest = this.lowerPath.substring(above.length);
      const beside = parent === this.parent && parent.lowers.length > 0 &&
        this.lowerPath.startsWith(above) && !rest.includes('/');
      return setRedirect(this.upper!, beside ? rest : this.lowerPath);
    }
    return parent.hasLower(name) ? makeOpaque(this.upper!) : 0;
  }

  private attach(parent: OverlayDir, name: string): void {
    this.parent = parent;
    this.name = name;
    parent.keep(this);
  }

  /** The child, brought to the upper layer: what has to be there to be moved. */
  private raise(name: string): Inode | number {
    const child = this.lookup(name);
    if (typeof child === 'number') return child;
    const raised = child instanceof OverlayDir ? child.ensureUpper()
      : child instanceof OverlayFile ? child.raise() : child;
    return typeof raised === 'number' ? raised : child;
  }

  override setattr(change: AttrChange): number {
    const upper = this.ensureUpper();
    return typeof upper === 'number' ? upper : upper.setattr(change);
  }
  override inodeFlags(): number {
    return this.shown.inodeFlags();
  }
  override setInodeFlags(flags: number): number {
    const upper = this.ensureUpper();
    return typeof upper === 'number' ? upper : upper.setInodeFlags(flags);
  }
  override getxattr(name: string): Uint8Array | number {
    return name.startsWith(PRIVATE) ? -E.NODATA : this.shown.getxattr(name);
  }
  override setxattr(name: string, value: Uint8Array, flags: number): number {
    if (name.startsWith(PRIVATE)) return -E.OPNOTSUPP;
    const upper = this.ensureUpper();
    return typeof upper === 'number' ? upper : upper.setxattr(name, value, flags);
  }
  override listxattr(): string[] | number {
    const names = this.shown.listxattr();
    return typeof names === 'number' ? names : names.filter((name) => !name.startsWith(PRIVATE));
  }
  override removexattr(name: string): number {
    if (name.startsWith(PRIVATE)) return -E.NODATA;
    const upper = this.ensureUpper();
    return typeof upper === 'number' ? upper : upper.removexattr(name);
  }
}
