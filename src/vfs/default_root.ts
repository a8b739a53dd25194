/** The tree that a program sees: which file systems are mounted where. */
import { E } from '../abi/errno.js';
import { O, S } from '../abi/fcntl.js';
import { native } from '../host/native.js';
import type { DiskImage } from './disks.js';
import { createDevFs, registerMemoryDevices } from './fs/devfs.js';
import { HostFs } from './fs/hostfs.js';
import { OverlayFs } from './fs/overlayfs.js';
import { TmpFs } from './fs/tmpfs.js';
import { anonymousDev } from './inode.js';
import type { FileSystem, Inode } from './inode.js';
import { Location, MS } from './mount.js';
import { mkdir } from './names.js';
import { disksModule } from './on_demand.js';
import { PathContext, Vfs, lookup } from './vfs.js';

/** A part of the host that shows at a place of the guest's tree. Paths are absolute byte strings. */
export interface Volume {
  host: string;
  guest: string;
  readOnly: boolean;
}

/** Source of a mount that only hides what is below it. */
const PLACEHOLDER = 'none';

export interface RootOptions {
  volumes?: readonly Volume[];
  /** A directory of the host that is the root instead of the host's own, or a file system. */
  rootfs?: string | FileSystem;
  /** A directory of the host whose files come before those of the root. */
  sysroot?: string;
  /** Start from nothing. */
  emptyRoot?: boolean;
  /** Makes the layer that takes what is written, which shows as `dev` in stat. Default: in memory. */
  layer?: (dev: number) => FileSystem;
  /** Images that are disks: /dev/vda, /dev/vdb … */
  disks?: readonly DiskImage[];
  /**
   * Directories of the host that stay visible even below /tmp: the caller's working directory and the program's.
   * With /tmp itself among them, it is not a fresh one.
   */
  visible?: readonly string[];
}

/** What went wrong with an option, for people; `errno` is positive. */
export class RootError extends Error {
  constructor(message: string, readonly errno: number) {
    super(message);
  }
}

/**
 * Mounts a root, /dev, /tmp, and the volumes. Nothing on the host changes but through read-write volumes.
 * /proc is empty: it shows tasks, so the kernel puts its own there with `mountAt`.
 * @throws RootError when a directory named in the options cannot be opened.
 */
export function defaultRoot(options: RootOptions = {}): Vfs {
  const { rootfs = '/' } = options;
  const root = options.emptyRoot ? undefined : typeof rootfs === 'string' ? openHostFs(rootfs, true) : rootfs;
  const lowers = root === undefined ? [] : options.sysroot === undefined ? [root] : [openHostFs(options.sysroot, true), root];
  const base = root === undefined && options.layer === undefined ? new TmpFs({ type: 'rootfs' })
    : layered(lowers, options.layer ?? ((dev) => new TmpFs({ dev, firstIno: 0xf000_0000 })));
  const vfs = new Vfs(base);
  registerMemoryDevices(vfs);
  const ctx = new PathContext(vfs, vfs.root, vfs.root, 0, { fsuid: 0, fsgid: 0, groups: [], capabilities: -1 });

  const hostIsRoot = !options.emptyRoot && options.rootfs === undefined;
  let freshTmp = true;
  const visible: { path: string; place: Location }[] = [];
  for (const path of hostIsRoot ? options.visible ?? [] : []) {
    if (path === '/tmp') freshTmp = false;
    if (!/^\/(tmp|dev|proc)\/./.test(path)) continue;
    const place = lookup(ctx, vfs.root, path, true);
    if (typeof place !== 'number') visible.push({ path, place });
  }
  const dev = createDevFs();
  mountAt(vfs, dev, '/dev', MS.NOSUID);
  mountAt(vfs, new TmpFs({ mode: 0o1777 }), '/dev/shm', MS.NOSUID | MS.NODEV);
  if (freshTmp) mountAt(vfs, new TmpFs({ mode: 0o1777 }), '/tmp', MS.NOSUID | MS.NODEV);
  mountAt(vfs, new TmpFs({ type: 'proc', source: PLACEHOLDER, mode: 0o555 }), '/proc', 0);
  for (const { path, place } of visible) {
    const on = makeDirectory(ctx, path);
    if (typeof on !== 'number') vfs.mount(place.mount.fs, on, 0, place.inode);
  }
  try {
    for (const volume of options.volumes ?? []) mountVolume(vfs, ctx, volume);
    for (const disk of options.disks ?? []) {
      const failed = disksModule().attachDisk(vfs, dev.root, disk);
      if (failed < 0) throw cannotOpen(disk.host, failed);
    }
  } catch (error) {
    vfs.close();
    throw error;
  }
  return vfs;
}

/**
 * Mounts `fs` at an absolute path, whose directories are made when they are missing, in place of a placeholder there.
 * A volume that is there already stays. 0 or -errno.
 */
export function mountAt(vfs: Vfs, fs: FileSystem, path: string, flags: number): number {
  const ctx = new PathContext(vfs, vfs.root, vfs.root, 0, { fsuid: 0, fsgid: 0, groups: [], capabilities: -1 });
  let on = makeDirectory(ctx, path);
  if (typeof on === 'number') return on;
  if (on.mount.fs.source === PLACEHOLDER && on.mount.on !== null) {
    const above = on.mount.on;
    vfs.unmount(on.mount);
    on = above;
  }
  if (on.mount.on !== null && on.inode === on.mount.root) return 0;
  const mount = vfs.mount(fs, on, flags);
  return typeof mount === 'number' ? mount : 0;
}

function mountVolume(vfs: Vfs, ctx: PathContext, volume: Volume): void {
  const flags = volume.readOnly ? MS.RDONLY : 0;
  const probe = native.openHost(volume.host, O.PATH | O.DIRECTORY, 0);
  if (probe >= 0) native.close(probe);
  let fs: HostFs, root: Inode, on: Location | number;
  if (probe === -E.NOTDIR) {
    const slash = volume.host.lastIndexOf('/');
    fs = openHostFs(volume.host.substring(0, slash) || '/', volume.readOnly);
    const file = fs.root.lookup(volume.host.substring(slash + 1));
    if (typeof file === 'number') throw cannotOpen(volume.host, file);
    root = file;
    const guestSlash = volume.guest.lastIndexOf('/');
    const directory = makeDirectory(ctx, volume.guest.substring(0, guestSlash) || '/');
    if (typeof directory === 'number') throw cannotMount(volume.guest, directory);
    const name = volume.guest.substring(guestSlash + 1);
    directory.inode.create(name, { mode: S.IFREG | 0o644, uid: 0, gid: 0, rdev: 0, target: '' });
    on = lookup(ctx, directory, name, true);
  } else {
    fs = openHostFs(volume.host, volume.readOnly);
    root = fs.root;
    on = makeDirectory(ctx, volume.guest);
  }
  if (typeof on === 'number') throw cannotMount(volume.guest, on);
  const mount = vfs.mount(fs, on, flags, root);
  if (typeof mount === 'number') throw cannotMount(volume.guest, mount);
}

/** A writable layer over read-only ones, the topmost first. It shows as that one's device; its inode numbers are high. */
function layered(lowers: readonly FileSystem[], layer: (dev: number) => FileSystem): OverlayFs {
  const writable = layer(lowers[0]?.dev ?? anonymousDev());
  const fs = OverlayFs.on(writable, lowers);
  if (typeof fs !== 'number') return fs;
  writable.close?.();
  throw new RootError('cannot make a layer over the root', -fs);
}

function openHostFs(path: string, readOnly: boolean): HostFs {
  const fs = HostFs.open(path, readOnly);
  if (typeof fs === 'number') throw cannotOpen(path, fs);
  return fs;
}

function cannotOpen(path: string, errno: number): RootError {
  return new RootError(`cannot open ${path} on the host`, -errno);
}
function cannotMount(path: string, errno: number): RootError {
  return new RootError(`cannot mount at ${path}`, -errno);
}

/** mkdir -p. */
function makeDirectory(ctx: PathContext, path: string): Location | number {
  let place = ctx.root;
  for (const name of path.split('/')) {
    if (name === '') continue;
    let next = lookup(ctx, place, name, true);
    if (next === -E.NOENT) {
      const failed = mkdir(ctx, place, name, 0o755);
      if (failed < 0) return failed;
      next = lookup(ctx, place, name, true);
    }
    if (typeof next === 'number') return next;
    place = next;
  }
  return place;
}
