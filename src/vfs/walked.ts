/**
 * Directories that walks ended in lately: the next path that begins the same goes on from there. What would lead it
 * elsewhere forgets them all: a directory that is moved or removed or gets another mode, mounts, a host that changed.
 */
import type { Inode } from './inode.js';
import type { Location, Mount } from './mount.js';

/** The way to a directory: no links, no '..', and everybody may search what lies between. */
export interface Way {
  /** A path that begins with it, and how much of it does. */
  readonly path: string;
  readonly length: number;
  /** Where it began, and the root then. */
  readonly start: Location;
  readonly root: Location;
  /** The directory, and its mount. */
  readonly mount: Mount;
  readonly inode: Inode;
}

const SLOTS = 64;
/** The slot of a way follows from its last characters: paths differ there. */
const HASHED = 8;
const ways: (Way | null)[] = new Array<Way | null>(SLOTS).fill(null);
let empty = true;

function slotOf(path: string, length: number): number {
  let hash = length;
  for (let at = length > HASHED ? length - HASHED : 0; at < length; at++) hash = Math.imul(hash, 31) + path.charCodeAt(at);
  return (hash ^ (hash >>> 6)) & (SLOTS - 1);
}

function same(one: Location, other: Location): boolean {
  return one === other || (one.inode === other.inode && one.mount === other.mount);
}

/** The way that the first `length` characters of `path` say, from `start`, or null. */
export function knownWay(path: string, length: number, start: Location, root: Location): Way | null {
  const way = ways[slotOf(path, length)]!;
  if (way === null || way.length !== length || !same(way.start, start) || !same(way.root, root)) return null;
  const known = way.path;
  if (known !== path) for (let at = length; --at >= 0;) if (known.charCodeAt(at) !== path.charCodeAt(at)) return null;
  return way;
}

export function keepWay(way: Way): void {
  ways[slotOf(way.path, way.length)] = way;
  empty = false;
}

/** The tree of directories has changed, or who may search them. */
export function forgetWays(): void {
  if (empty) return;
  ways.fill(null);
  empty = true;
}
