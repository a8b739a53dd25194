/**
 * What processes of the host do to files that a guest watches: one inotify instance of the host for the whole run.
 * The host also tells what posixx does there for a guest; the VFS tells that itself, so `settle` drops it.
 */
import { IN } from '../abi/file.js';
import { native } from '../host/native.js';
import type { Inode } from './inode.js';

/** Reading is left out: posixx itself reads whenever a guest looks. */
const HOST_EVENTS = IN.MODIFY | IN.ATTRIB | IN.CLOSE_WRITE | IN.MOVED_FROM | IN.MOVED_TO | IN.CREATE | IN.DELETE |
  IN.DELETE_SELF | IN.MOVE_SELF;
const HEAD = 16;

/** Where an inode lies on the host. */
export interface HostPlace {
  readonly rootFd: number;
  /** Path beneath it; '' for the directory itself. */
  readonly path: string;
}

/** The inodes behind one watch of the host; several when a directory is seen in several file systems. */
interface HostWatch {
  readonly inodes: Set<Inode>;
}

/** Who gets the events. An `inode` of null: some were lost. */
export type Deliver = (inode: Inode | null, mask: number, name: string, cookie: number) => void;

let fd = -1;
const byWd = new Map<number, HostWatch>();
const wds = new Map<Inode, number>();
const buffer = Buffer.alloc(65536);

/** The host's descriptor, readable when there is something to `collect`; -1 while nothing is watched there. */
export function hostNotifyFd(): number {
  return wds.size === 0 ? -1 : fd;
}

/** Watches what an inode is on the host. Nothing happens for one that is not there, or when the host has no room. */
export function watchHost(inode: Inode): void {
  if (wds.has(inode)) return;
  const place = inode.hostPlace();
  if (place === null) return;
  if (fd < 0) fd = native.inotifyInit();
  const wd = fd < 0 ? fd : native.inotifyAddBeneath(fd, place.rootFd, place.path, HOST_EVENTS);
  if (wd < 0) return;
  wds.set(inode, wd);
  const watch = byWd.get(wd);
  if (watch === undefined) byWd.set(wd, { inodes: new Set([inode]) });
  else watch.inodes.add(inode);
}

export function unwatchHost(inode: Inode): void {
  const wd = wds.get(inode);
  if (wd === undefined) return;
  wds.delete(inode);
  const { inodes } = byWd.get(wd)!;
  inodes.delete(inode);
  if (inodes.size > 0) return;
  byWd.delete(wd);
  native.inotifyRemove(fd, wd);
}

/** Something that a guest has just done: to `inode` itself ('') or to a name in it. */
export interface Own {
  readonly inode: Inode;
  readonly name: string;
}

/** Takes what the host has told so far, leaves out what is the guests' `own` doing, and hands on the rest. */
export function collect(own: readonly Own[], deliver: Deliver): void {
  if (wds.size === 0) return;
  for (let got; (got = native.pread(fd, buffer, 0, buffer.length, -1)) > 0;) {
    for (let at = 0; at < got;) {
      const wd = buffer.readInt32LE(at), mask = buffer.readUInt32LE(at + 4), cookie = buffer.readUInt32LE(at + 8);
      const length = buffer.readUInt32LE(at + 12);
      const name = buffer.toString('latin1', at + HEAD, at + HEAD + length).replace(/\0+$/, '');
      at += HEAD + length;
      if (mask & IN.Q_OVERFLOW) deliver(null, IN.Q_OVERFLOW, '', 0);
      else if ((mask & HOST_EVENTS) !== 0) hand(wd, mask, name, cookie, own, deliver);
    }
  }
}

function hand(wd: number, mask: number, name: string, cookie: number, own: readonly Own[], deliver: Deliver): void {
  const watch = byWd.get(wd);
  if (watch === undefined) return;
  if (own.some((each) => each.name === name && wds.get(each.inode) === wd)) return;
  for (const inode of [...watch.inodes]) if (name === '' || inode.hostShows(name)) deliver(inode, mask, name, cookie);
}
