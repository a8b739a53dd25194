/** mount -t overlay: layers that are directories of the guest's tree. */
import { E } from '../../abi/errno.js';
import { S } from '../../abi/fcntl.js';
import { anonymousDev } from '../inode.js';
import type { FileSystem, Inode } from '../inode.js';
import type { Location } from '../mount.js';
import { WorkDirectory, directoryIn } from './overlay_work.js';
import { OverlayFs } from './overlayfs.js';
import type { MountRequest } from './types.js';

const MAX_LAYERS = 500;
/** Options that change nothing here, or ask for what is so anyway. */
const ACCEPTED =
  /^(redirect_dir=\w+|index=\w+|nfs_export=off|xino=\w+|metacopy=off|verity=off|uuid=\w+|volatile|userxattr|)$/;

/** Is this, by its name, an option of an overlay? */
export function isOverlayOption(word: string): boolean {
  return /^(lowerdir\+?|upperdir|workdir)=/.test(word) || (word !== '' && ACCEPTED.test(word));
}

/** lowerdir= (or lowerdir+= for each layer), upperdir= and workdir= of Linux's overlay. -EINVAL, -ENOENT, -ENOTDIR as there. */
export function openOverlay(request: MountRequest): FileSystem | number {
  let lowerdir = '', upperdir = '', workdir = '';
  const added: string[] = [];
  for (const word of splitAt(request.options, ',')) {
    if (word.startsWith('lowerdir=')) lowerdir = word.substring(9);
    else if (word.startsWith('lowerdir+=')) added.push(word.substring(10));
    else if (word.startsWith('upperdir=')) upperdir = unescaped(word.substring(9));
    else if (word.startsWith('workdir=')) workdir = unescaped(word.substring(8));
    else if (!ACCEPTED.test(word)) return -E.INVAL;
  }
  if (added.length > 0) {
    if (lowerdir !== '') return -E.INVAL;
    lowerdir = added.join(':');
  }
  const paths = splitAt(lowerdir, ':').map(unescaped);
  const writable = upperdir !== '';
  if (lowerdir === '' || paths.length > MAX_LAYERS || writable !== (workdir !== '')) {
    request.log('overlay: needs lowerdir=, and with upperdir= a workdir=');
    return -E.INVAL;
  }
  if (!writable && paths.length === 1) {
    request.log('overlay: without upperdir= it needs two lower directories');
    return -E.INVAL;
  }
  const lowers: Inode[] = [];
  for (const path of paths) {
    const place = directory(request, path);
    if (typeof place === 'number') return place;
    lowers.push(place.inode);
  }
  const options = `,lowerdir=${lowerdir}` + (writable ? `,upperdir=${upperdir},workdir=${workdir}` : '');
  const shown = { dev: anonymousDev(), source: request.source, options };
  if (!writable) return overlap(lowers, lowers) ?? new OverlayFs({ upper: null, work: null, lowers, ...shown });

  const upper = directory(request, upperdir), work = directory(request, workdir);
  if (typeof upper === 'number') return upper;
  if (typeof work === 'number') return work;
  if (upper.mount !== work.mount || isBelow(work.inode, upper.inode) || isBelow(upper.inode, work.inode)) {
    request.log('overlay: workdir and upperdir must be separate directories of one mount');
    return -E.INVAL;
  }
  if (upper.mount.readOnly || upper.mount.fs instanceof OverlayFs) {
    request.log(`overlay: upperdir is on ${upper.mount.readOnly ? 'a read-only mount' : 'an overlay'}`);
    return -E.INVAL;
  }
  const overlapping = overlap([upper.inode, work.inode, ...lowers], lowers);
  if (overlapping !== null) return overlapping;
  const inside = directoryIn(work.inode, 'work');
  const opened = typeof inside === 'number' ? inside : WorkDirectory.open(inside);
  return typeof opened === 'number' ? opened : new OverlayFs({ upper: upper.inode, work: opened, lowers, ...shown });
}

function directory(request: MountRequest, path: string): Location | number {
  const place = request.place(path);
  if (typeof place === 'number') return place;
  return place.inode.type === S.IFDIR ? place : -E.NOTDIR;
}

function isBelow(inode: Inode, top: Inode): boolean {
  for (let at: Inode | null = inode; at !== null; at = at.parent) if (at === top) return true;
  return false;
}

/** -ELOOP when a directory has two parts here, or a lower one is in another; else null. */
function overlap(all: readonly Inode[], lowers: readonly Inode[]): number | null {
  const known = new Set(all);
  const within = lowers.some((lower) => {
    for (let at = lower.parent; at !== null; at = at.parent) if (known.has(at)) return true;
    return false;
  });
  return within || known.size < all.length ? -E.LOOP : null;
}

/** Parts between separators that no backslash stands before. */
function splitAt(text: string, separator: string): string[] {
  const parts = [''];
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\' && i + 1 < text.length) parts.push(parts.pop()! + text[i++] + text[i]);
    else if (text[i] === separator) parts.push('');
    else parts.push(parts.pop()! + text[i]);
  }
  return parts;
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/gs, '$1');
}
