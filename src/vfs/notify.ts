/** Who wants to know what happens to a file or in a directory (inotify(7)). While nobody does, it costs a look. */
import { IN } from '../abi/file.js';
import { S } from '../abi/fcntl.js';
import { collect, unwatchHost, watchHost } from './host_notify.js';
import type { FileSystem, Inode } from './inode.js';
import type { Location } from './mount.js';

/** A watch on one inode. */
export interface Watch {
  readonly inode: Inode;
  /** The file system in which it was found: what is done to a layer of an overlay is not done to the overlay. */
  readonly fs: FileSystem;
  /**
   * `name` is '' for the inode itself, else the entry in the directory. `unlinked`: the file has no name any more
   * (IN_EXCL_UNLINK).
   */
  event(mask: number, name: string, cookie: number, unlinked: boolean): void;
  /** Events were lost. */
  overflow(): void;
}

const watches = new Map<unknown, Watch[]>();
/** Removed, but still open: they are told when the last descriptor goes. */
const dying = new Map<unknown, Inode>();
let cookies = 0;
/** Cookies of the host's that are waiting for their second half. */
const hostCookies = new Map<number, number>();
let isOpen: (identity: unknown) => boolean = () => false;

/** True while there is a watch. */
export function watched(): boolean {
  return watches.size > 0;
}

/** Tells how to find out whether a file is open in any task, or is its directory. */
export function setOpenProbe(probe: (identity: unknown) => boolean): void {
  isOpen = probe;
}

/** Adds a watch. */
export function addWatch(watch: Watch): void {
  const { inode } = watch;
  const there = watches.get(inode.identity);
  if (there === undefined) watches.set(inode.identity, [watch]);
  else there.push(watch);
  watchHost(inode);
}

export function removeWatch(watch: Watch): void {
  for (const [key, list] of watches) {
    const at = list.indexOf(watch);
    if (at < 0) continue;
    list.splice(at, 1);
    if (!list.some((other) => other.inode === watch.inode)) unwatchHost(watch.inode);
    if (list.length > 0) return;
    watches.delete(key);
    dying.delete(key);
    return;
  }
}

/** A file got another identity (it was copied up): its watches go along. */
export function rekey(from: unknown, to: unknown): void {
  const list = watches.get(from);
  if (list === undefined) return;
  watches.delete(from);
  watches.set(to, list);
  for (const { inode } of list) unwatchHost(inode);
}

/** Takes in what processes of the host have done. */
export function collectHostEvents(): void {
  collect([], deliverHost);
}

function deliverHost(inode: Inode | null, mask: number, name: string, cookie: number): void {
  if (inode === null) {
    for (const list of [...watches.values()]) for (const watch of [...list]) watch.overflow();
    return;
  }
  let own = 0;
  if (cookie !== 0) {
    own = hostCookies.get(cookie) ?? ++cookies;
    if (mask & IN.MOVED_FROM) hostCookies.clear();
    hostCookies.set(cookie, own);
  }
  send(inode, null, mask, name, own);
}

/** Tells those who watch an inode, as seen in `fs` (null: in any). */
function send(
  inode: Inode, fs: FileSystem | null, mask: number, name: string, cookie: number, unlinked = false,
): void {
  const list = watches.get(inode.identity);
  if (list === undefined) return;
  for (const watch of [...list]) if (fs === null || watch.fs === fs) watch.event(mask, name, cookie, unlinked);
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
  const name = directory ? inode.name : place.name;
  collect(parent === null ? [{ inode, name: '' }] : [{ inode: parent, name }, { inode, name: '' }], deliverHost);
  const { fs } = place.mount;
  if (parent !== null) send(parent, fs, withType(inode, mask), name, 0, dying.has(inode.identity) || inode.removed);
  send(inode, fs, withType(inode, mask), '', 0);
}

/** Something happened that only the inode itself hears of. */
export function notifyInode(place: Location, mask: number): void {
  if (watches.size === 0) return;
  const { inode } = place;
  collect([{ inode, name: '' }], deliverHost);
  send(inode, place.mount.fs, withType(inode, mask), '', 0);
}

/** A name came into a directory. */
export function notifyCreated(dir: Inode, name: string, inode: Inode): void {
  if (watches.size === 0) return;
  collect([{ inode: dir, name }, { inode: dir, name: '' }], deliverHost);
  send(dir, null, withType(inode, IN.CREATE), name, 0);
}

/** A name was removed; `links` is how many the inode had before. */
export function notifyRemoved(dir: Inode, name: string, inode: Inode, links: number): void {
  if (watches.size === 0) return;
  collect([{ inode: dir, name }, { inode, name: '' }], deliverHost);
  const directory = inode.type === S.IFDIR;
  if (!directory) send(inode, dir.fs, IN.ATTRIB, '', 0);
  if (directory || links <= 1) end(inode, dir.fs);
  send(dir, null, withType(inode, IN.DELETE), name, 0);
}

/** A file has lost its last name: it ends now, or with its last descriptor. */
function end(inode: Inode, fs: FileSystem): void {
  const { identity } = inode;
  if (isOpen(identity)) dying.set(identity, inode);
  else send(inode, fs, IN.DELETE_SELF, '', 0);
}

/** A description of this inode was closed, the last one perhaps. */
export function notifyClosed(inode: Inode): void {
  const { identity } = inode;
  if (!dying.has(identity) || isOpen(identity)) return;
  dying.delete(identity);
  send(inode, null, IN.DELETE_SELF, '', 0);
}

/** A name was moved; what it replaced, if anything, had `links` links. */
export function notifyMoved(
  from: Inode, name: string, to: Inode, newName: string, inode: Inode, replaced: Inode | null, links: number,
): void {
  if (watches.size === 0) return;
  const own = [{ inode: from, name }, { inode: to, name: newName }, { inode, name: '' }];
  collect(replaced === null ? own : [...own, { inode: replaced, name: '' }], deliverHost);
  const cookie = ++cookies;
  send(from, null, withType(inode, IN.MOVED_FROM), name, cookie);
  send(to, null, withType(inode, IN.MOVED_TO), newName, cookie);
  const { fs } = to;
  if (replaced !== null) {
    if (replaced.type !== S.IFDIR) send(replaced, fs, IN.ATTRIB, '', 0);
    if (replaced.type === S.IFDIR || links <= 1) end(replaced, fs);
  }
  send(inode, fs, IN.MOVE_SELF, '', 0);
}

/** A file system is mounted nowhere any more: the watches in it end. */
export function notifyUnmounted(fs: FileSystem): void {
  for (const list of [...watches.values()].reverse()) {
    for (const watch of [...list]) {
      if (watch.fs === fs) watch.event(withType(watch.inode, IN.UNMOUNT), '', 0, false);
    }
  }
}
