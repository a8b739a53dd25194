/** Who wants to know what happens to a file or in a directory (inotify(7)). While nobody does, it costs a look. */
import { IN } from '../abi/file.js';
import { S } from '../abi/fcntl.js';
import type { FileSystem, Inode } from './inode.js';
import type { Location } from './mount.js';

/** A watch on one inode. */
export interface Watch {
  readonly inode: Inode;
  /** `name` is '' for the inode itself, else the entry in the directory. */
  event(mask: number, name: string, cookie: number): void;
}

const watches = new Map<unknown, Watch[]>();
let cookies = 0;

/** True while there is a watch. */
export function watched(): boolean {
  return watches.size > 0;
}

/** Adds a watch. Gives the key to remove it by. */
export function addWatch(inode: Inode, watch: Watch): unknown {
  const key = inode.identity;
  const there = watches.get(key);
  if (there === undefined) watches.set(key, [watch]);
  else there.push(watch);
  return key;
}

export function removeWatch(watch: Watch): void {
  for (const [key, list] of watches) {
    const at = list.indexOf(watch);
    if (at < 0) continue;
    list.splice(at, 1);
    if (list.length === 0) watches.delete(key);
    return;
  }
}

/** A file got another identity (it was copied up): its watches go along. */
export function rekey(from: unknown, to: unknown): void {
  const list = watches.get(from);
  if (list === undefined) return;
  watches.delete(from);
  watches.set(to, list);
}

function send(inode: Inode, mask: number, name: string, cookie: number): void {
  const list = watches.get(inode.identity);
  if (list !== undefined) for (const watch of [...list]) watch.event(mask, name, cookie);
}

function withType(inode: Inode, mask: number): number {
  return inode.type === S.IFDIR ? mask | IN.ISDIR : mask;
}

/** Something happened to what is at a place: its directory hears of it, then itself. */
export function notifyPlace(place: Location, mask: number): void {
  if (watches.size === 0) return;
  const { inode } = place;
  const directory = inode.type === S.IFDIR;
  const parent = directory ? inode.parent : place.dir;
  if (parent !== null) send(parent, withType(inode, mask), directory ? inode.name : place.name, 0);
  send(inode, withType(inode, mask), '', 0);
}

/** Something happened that only the inode itself hears of. */
export function notifyInode(inode: Inode, mask: number): void {
  if (watches.size > 0) send(inode, withType(inode, mask), '', 0);
}

/** A name came into a directory. */
export function notifyCreated(dir: Inode, name: string, inode: Inode): void {
  if (watches.size > 0) send(dir, withType(inode, IN.CREATE), name, 0);
}

/** A name was removed; `links` is how many the inode had before. */
export function notifyRemoved(dir: Inode, name: string, inode: Inode, links: number): void {
  if (watches.size === 0) return;
  const directory = inode.type === S.IFDIR;
  if (!directory) send(inode, IN.ATTRIB, '', 0);
  if (directory || links <= 1) send(inode, IN.DELETE_SELF, '', 0);
  send(dir, withType(inode, IN.DELETE), name, 0);
}

/** A name was moved; what it replaced, if anything, had `links` links. */
export function notifyMoved(
  from: Inode, name: string, to: Inode, newName: string, inode: Inode, replaced: Inode | null, links: number,
): void {
  if (watches.size === 0) return;
  const cookie = ++cookies;
  send(from, withType(inode, IN.MOVED_FROM), name, cookie);
  send(to, withType(inode, IN.MOVED_TO), newName, cookie);
  if (replaced !== null) {
    if (replaced.type !== S.IFDIR) send(replaced, IN.ATTRIB, '', 0);
    if (replaced.type === S.IFDIR || links <= 1) send(replaced, IN.DELETE_SELF, '', 0);
  }
  send(inode, IN.MOVE_SELF, '', 0);
}

/** A file system is mounted nowhere any more: the watches in it end. */
export function notifyUnmounted(fs: FileSystem): void {
  for (const list of [...watches.values()]) {
    for (const watch of [...list]) if (watch.inode.fs === fs) watch.event(IN.UNMOUNT, '', 0);
  }
}
