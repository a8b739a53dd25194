/** A file of a lower layer of an overlay, until it is changed and so copied up; and a copy that has names below. */
import { E } from '../../abi/errno.js';
import { O, S } from '../../abi/fcntl.js';
import type { FileCredentials } from '../credentials.js';
import type { HostPlace } from '../host_notify.js';
import { ATTR, Inode, Stat } from '../inode.js';
import type { AttrChange } from '../inode.js';
import { Location, Mount, MS } from '../mount.js';
import { rekey } from '../notify.js';
import { OpenFile } from '../open_file.js';
import { PRIVATE } from './overlay_marks.js';
import type { OverlayDir, OverlayFs } from './overlayfs.js';

/** Files from this size on are copied by the host's kernel where the layers allow it. */
const LARGE = 1 << 20;
const CHUNK = 1 << 18;

const scratch = new Stat();

export class OverlayFile extends Inode {
  /** What is kept for those who hold this file, and how many they are. */
  private held: Inode | null = null;
  private holders = 0;

  /** `copied`: the file in the upper layer that stands for it. */
  constructor(
    readonly fs: OverlayFs, readonly dir: OverlayDir, override name: string, private readonly lower: Inode,
    private copied: Inode | null = null,
  ) {
    super();
  }

  /** What there is of the file now. */
  get shown(): Inode {
    if (this.copied === null) this.copied = this.fs.copyOf(this.lower);
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
  override pin(): void {
    this.held ??= this.shown;
    this.holders++;
    this.held.pin();
  }
  override unpin(): void {
    this.held!.unpin();
    if (--this.holders === 0) this.held = null;
  }
  override stat(out: Stat): number {
    const { shown, fs } = this;
    const failed = shown.stat(out);
    if (!fs.links.empty) fs.links.correct(shown, out);
    if (fs.disguises) fs.disguise(out);
    return failed;
  }
  override statFound(out: Stat): number {
    const { shown, fs } = this;
    const failed = shown.statFound(out);
    if (!fs.links.empty) fs.links.correct(shown, out);
    if (fs.disguises) fs.disguise(out);
    return failed;
  }
  override recheck(): number {
    return this.shown === this.lower ? this.lower.recheck() : -E.STALE;
  }
  override permission(cred: FileCredentials, mask: number): number {
    return this.shown.permission(cred, mask);
  }
  override readlink(): string | number {
    return this.shown.readlink();
  }
  override hostPlace(): HostPlace | null {
    const { shown } = this;
    return this.copied !== null ? null : shown.hostPlace();
  }

  override open(flags: number, location: Location): OpenFile | number {
    if ((flags & O.ACCMODE) === O.RDONLY && !(flags & O.TRUNC)) return this.shown.open(flags, location);
    const upper = this.copyUp(!(flags & O.TRUNC));
    return typeof upper === 'number' ? upper : upper.open(flags, location);
  }

  override openRemembered(flags: number, location: Location): OpenFile | number {
    return this.shown === this.lower ? this.lower.openRemembered(flags, location) : -E.STALE;
  }

  override setattr(change: AttrChange): number {
    const upper = this.copyUp(!(change.mask & ATTR.SIZE && change.size === 0));
    return typeof upper === 'number' ? upper : upper.setattr(change);
  }
  override stampAccess(mount: Mount): void {
    const { shown } = this;
    if (this.copied !== null) shown.stampAccess(mount);
  }
  override mapFd(writable: boolean): number {
    return this.shown.mapFd(writable);
  }
  override inodeFlags(): number {
    return this.shown.inodeFlags();
  }
  override setInodeFlags(flags: number): number {
    const upper = this.copyUp(true);
    return typeof upper === 'number' ? upper : upper.setInodeFlags(flags);
  }
  override getxattr(name: string): Uint8Array | number {
    return name.startsWith(PRIVATE) ? -E.NODATA : this.shown.getxattr(name);
  }
  override setxattr(name: string, value: Uint8Array, flags: number): number {
    const upper = this.copyUp(true);
    return typeof upper === 'number' ? upper : upper.setxattr(name, value, flags);
  }
  override listxattr(): string[] | number {
    const names = this.shown.listxattr();
    return typeof names === 'number' ? names : names.filter((name) => !name.startsWith(PRIVATE));
  }
  override removexattr(name: string): number {
    const upper = this.copyUp(true);
    return typeof upper === 'number' ? upper : upper.removexattr(name);
  }

  /**
   * The file in the upper layer, with its bytes (or without, when they are to be dropped anyway). It is made in the
   * work directory and then moved to its place: whoever comes after a crash finds the lower file or the whole copy.
   */
  copyUp(withBytes: boolean): Inode | number {
    const { shown } = this;
    if (this.copied !== null) return shown;
    const { fs, lower, name } = this;
    const upper = this.dir.ensureUpper();
    if (typeof upper === 'number') return upper;
    if (lower.stat(scratch) < 0) return -E.STALE;
    const { nlink, size, rdev } = scratch;
    const target = lower.type === S.IFLNK ? lower.readlink() : '';
    if (typeof target === 'number') return target;
    const work = fs.work!.inode, temporary = fs.work!.temporaryName();
    const made = work.create(temporary, { mode: lower.mode, uid: lower.uid, gid: lower.gid, rdev, target });
    if (typeof made === 'number') return made;
    let failed = lower.type === S.IFREG && withBytes ? copyBytes(lower, made, size) : 0;
    if (failed >= 0) failed = copyAttributes(lower, made);
    if (failed >= 0 && nlink > 1) failed = fs.links.add(lower, nlink, made);
    if (failed >= 0) failed = fs.work!.place(temporary, upper, name);
    if (failed < 0) {
      work.unlink(temporary);
      return failed;
    }
    fs.copies.set(lower.identity, made);
    rekey(lower.identity, made.identity);
    this.copied = made;
    return made;
  }

  /** As copyUp, and the upper layer has this name, so that it can be moved. */
  raise(): Inode | number {
    const upper = this.dir.ensureUpper();
    if (typeof upper === 'number') return upper;
    const { fs } = this;
    const copy = this.copyUp(true);
    if (typeof copy === 'number' || typeof upper.lookup(this.name) !== 'number') return copy;
    const failed = upper.link(this.name, copy);
    if (failed < 0) return failed;
    if (fs.links.has(copy)) fs.links.drop(copy, true);
    return copy;
  }
}

/** A place in no tree, for descriptions that only copy. */
function nowhere(inode: Inode): Location {
  return new Location(new Mount(inode.fs, inode, MS.NOATIME | MS.NODIRATIME, null), inode);
}

function copyBytes(from: Inode, to: Inode, size: number): number {
  if (size === 0) return 0;
  const source = from.open(O.RDONLY, nowhere(from));
  if (typeof source === 'number') return source;
  const target = to.open(O.WRONLY, nowhere(to));
  if (typeof target === 'number') {
    source.unref();
    return target;
  }
  let failed = size >= LARGE ? copyInHost(source, target, to, size) : -E.OPNOTSUPP;
  if (failed === -E.OPNOTSUPP) failed = copyInChunks(source, target, size);
  source.unref();
  target.unref();
  return failed;
}

function copyInHost(source: OpenFile, target: OpenFile, to: Inode, size: number): number {
  // The file has its size first: holes stay holes, and the file system knows what it holds.
  const mask = ATTR.SIZE;
  const failed = to.setattr({ mask, mode: 0, uid: 0, gid: 0, size, atime: 0, atimeNsec: 0, mtime: 0, mtimeNsec: 0 });
  if (failed < 0) return failed;
  const fd = target.storageFd();
  return fd < 0 ? -E.OPNOTSUPP : source.copyTo(fd);
}

function copyInChunks(source: OpenFile, target: OpenFile, size: number): number {
  const buffer = new Uint8Array(Math.min(size, CHUNK));
  for (let at = 0; ;) {
    const got = source.pread(buffer, 0, buffer.length, at);
    if (got <= 0) return got;
    const wrote = target.pwrite(buffer, 0, got, at);
    if (wrote < got) return wrote < 0 ? wrote : -E.NOSPC;
    at += got;
  }
}

/**
 * Extended attributes, owner, mode, times, and the numbers that stat shows: a copy must not seem to be another file.
 * Attributes that the upper layer cannot have are left behind. 0 or -errno.
 */
export function copyAttributes(from: Inode, to: Inode): number {
  const names = from.listxattr();
  for (const name of typeof names === 'number' ? [] : names) {
    const value = name.startsWith(PRIVATE) ? -E.NODATA : from.getxattr(name);
    const failed = typeof value === 'number' ? 0 : to.setxattr(name, value, 0);
    if (failed < 0 && failed !== -E.OPNOTSUPP) return failed;
  }
  const failed = from.stat(scratch);
  if (failed < 0) return failed;
  to.showAs(scratch.dev, scratch.ino);
  const mode = from.type === S.IFLNK ? 0 : ATTR.MODE;
  return to.setattr({
    mask: mode | ATTR.UID | ATTR.GID | ATTR.ATIME | ATTR.MTIME,
    mode: scratch.mode & 0o7777, uid: scratch.uid, gid: scratch.gid, size: 0,
    atime: scratch.atime, atimeNsec: scratch.atimeNsec, mtime: scratch.mtime, mtimeNsec: scratch.mtimeNsec,
  });
}
