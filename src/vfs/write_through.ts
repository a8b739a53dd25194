/** File systems mounted `sync` or `dirsync` (mount(8)): what a call changes there is on the device when it returns. */
import { SUPER } from '../abi/mount.js';
import type { FileSystem, Inode } from './inode.js';
import type { OpenFile } from './open_file.js';

/** There is, or was, such a file system: few runs have one. */
let any = false;

/** Sets the SUPER flags of a file system. */
export function setSuperFlags(fs: FileSystem, flags: number): void {
  fs.superFlags = flags;
  if (flags & (SUPER.SYNCHRONOUS | SUPER.DIRSYNC)) any = true;
}

/** The bytes of a file were changed through this description. */
export function wroteThrough(file: OpenFile): void {
  if (!any || file.location === null) return;
  if (mask(file.location.mount.fs) & SUPER.SYNCHRONOUS) file.sync(false);
}

/** Attributes of a file in this file system were changed. */
export function changedThrough(fs: FileSystem): void {
  if (any && mask(fs) & SUPER.SYNCHRONOUS) fs.sync();
}

/** Names in a directory, seen in this file system, were changed. */
export function namedThrough(fs: FileSystem, dir: Inode): void {
  if (any && mask(fs) & (SUPER.SYNCHRONOUS | SUPER.DIRSYNC)) dir.syncDirectory();
}

function mask(fs: FileSystem): number {
  return fs.superFlags ?? 0;
}
