/**
 * How a layer of an overlay says what is hidden, in Linux's format (Documentation/filesystems/overlayfs.rst): a removed
 * name is a whiteout, a character device 0:0; xattrs of directories say that one hides what is below it, or where
 * what is below it was before it was moved.
 */
import { S } from '../../abi/fcntl.js';
import { Stat } from '../inode.js';
import type { Inode } from '../inode.js';

/** Names that guests do not see. */
export const PRIVATE = 'trusted.overlay.';
const OPAQUE = `${PRIVATE}opaque`;
const REDIRECT = `${PRIVATE}redirect`;
const NLINK = `${PRIVATE}nlink`;
const YES = Uint8Array.of(0x79);

const scratch = new Stat();

export function isWhiteout(inode: Inode): boolean {
  return inode.type === S.IFCHR && inode.stat(scratch) >= 0 && scratch.rdev === 0;
}

export function makeWhiteout(directory: Inode, name: string): number {
  const made = directory.create(name, { mode: S.IFCHR, uid: 0, gid: 0, rdev: 0, target: '' });
  return typeof made === 'number' ? made : 0;
}

/** All names of a directory. */
export function namesIn(directory: Inode): string[] {
  const names: string[] = [];
  directory.readdir(0, { entry: (name) => names.push(name) > 0 });
  return names;
}

export function isOpaque(directory: Inode): boolean {
  const value = directory.getxattr(OPAQUE);
  return typeof value !== 'number' && value.length === 1 && value[0] === YES[0];
}

export function makeOpaque(directory: Inode): number {
  return directory.setxattr(OPAQUE, YES, 0);
}

/** Where the lower layers have what is below a moved directory: a path from their root, a name beside it, or null. */
export function redirectOf(directory: Inode): string | null {
  const value = directory.getxattr(REDIRECT);
  return typeof value === 'number' || value.length === 0 ? null : Buffer.from(value).toString('latin1');
}

export function setRedirect(directory: Inode, path: string): number {
  return directory.setxattr(REDIRECT, Buffer.from(path, 'latin1'), 0);
}

/** Names of a copied file that are still those of the lower one. */
export function lowerLinks(inode: Inode): number {
  const value = inode.getxattr(NLINK);
  return typeof value === 'number' ? 0 : Number.parseInt(Buffer.from(value).toString('latin1'), 10) || 0;
}

export function setLowerLinks(inode: Inode, count: number): void {
  inode.setxattr(NLINK, Buffer.from(String(count)), 0);
}
