/** inotify descriptors (inotify(7)): watches, and the queue of their events. */
import { E } from '../abi/errno.js';
import { IN } from '../abi/file.js';
import { O, POLL, S } from '../abi/fcntl.js';
import { Stat } from './inode.js';
import type { FileSystem, Inode } from './inode.js';
import type { Location } from './mount.js';
import { addWatch, collectHostEvents, removeWatch } from './notify.js';
import type { Watch } from './notify.js';
import { OpenFile } from './open_file.js';
import type { UserMemory } from './open_file.js';

/** /proc/sys/fs/inotify: events that a queue takes, descriptors and watches that there may be. */
export const inotifyLimits = { queuedEvents: 16384, instances: 128, watches: 1_048_576 };
/** struct inotify_event without its name; names are padded to a multiple of it. */
const HEAD = 16;
const FIONREAD = 0x541b;

interface QueuedEvent {
  wd: number;
  mask: number;
  cookie: number;
  name: string;
}

class InotifyWatch implements Watch {
  readonly inode: Inode;
  readonly fs: FileSystem;

  constructor(private readonly owner: InotifyFile, readonly wd: number, place: Location, public mask: number) {
    this.inode = place.inode;
    this.fs = place.mount.fs;
  }

  event(mask: number, name: string, cookie: number, unlinked: boolean): void {
    if (unlinked && this.mask & IN.EXCL_UNLINK && name !== '') return;
    if ((mask & ((this.mask & IN.ALL_EVENTS) | IN.UNMOUNT)) !== 0) {
      // What happens to a file that was removed while it was open does not say whether it was a directory.
      this.owner.queue(this.wd, mask & IN.DELETE_SELF || mask & IN.MOVE_SELF ? mask & ~IN.ISDIR : mask, cookie, name);
      if (this.mask & IN.ONESHOT) this.owner.remove(this.wd);
    }
    if (mask & IN.UNMOUNT || (mask & IN.DELETE_SELF && name === '')) this.owner.remove(this.wd);
  }
  overflow(): void {
    this.owner.overflow();
  }
}

export class InotifyFile extends OpenFile {
  /** How many there are. */
  static count = 0;
  private readonly watches = new Map<number, InotifyWatch>();
  private readonly events: QueuedEvent[] = [];
  private lastWd = 0;

  /** `flags`: O.NONBLOCK or 0. */
  constructor(flags: number) {
    super(O.RDONLY | flags, null);
    InotifyFile.count++;
  }

  /** What /proc/PID/fdinfo says of the watches. */
  describe(): string {
    const stat = new Stat();
    return [...this.watches.values()].reverse().map(({ wd, inode, mask }) => {
      inode.stat(stat);
      return `inotify wd:${wd.toString(16)} ino:${stat.ino.toString(16)} sdev:${stat.dev.toString(16)} ` +
        `mask:${(mask >>> 0).toString(16)} ignored_mask:0 \n`;
    }).join('');
  }

  override get label(): string {
    return 'anon_inode:inotify';
  }
  override get pollable(): boolean {
    return true;
  }

  /** inotify_add_watch(2): the watch descriptor. -EEXIST with IN.MASK_CREATE, -ENOSPC. */
  add(place: Location, mask: number): number {
    for (const watch of this.watches.values()) {
      if (watch.inode.identity !== place.inode.identity || watch.fs !== place.mount.fs) continue;
      if (mask & IN.MASK_CREATE) return -E.EXIST;
      watch.mask = mask & IN.MASK_ADD ? watch.mask | mask : mask;
      return watch.wd;
    }
    if (this.watches.size >= inotifyLimits.watches) return -E.NOSPC;
    const watch = new InotifyWatch(this, ++this.lastWd, place, mask);
    addWatch(watch);
    this.watches.set(watch.wd, watch);
    return watch.wd;
  }

  /** Ends a watch, with IN_IGNORED. -EINVAL when there is none. */
  remove(wd: number): number {
    const watch = this.watches.get(wd);
    if (watch === undefined) return -E.INVAL;
    this.watches.delete(wd);
    removeWatch(watch);
    this.queue(wd, IN.IGNORED, 0, '');
    return 0;
  }

  queue(wd: number, mask: number, cookie: number, name: string): void {
    const last = this.events[this.events.length - 1];
    const again = last !== undefined && last.wd === wd && last.mask === mask && last.name === name;
    if (again && mask !== IN.IGNORED) return;
    if (this.events.length >= inotifyLimits.queuedEvents) {
      this.overflow();
      return;
    }
    this.events.push({ wd, mask, cookie, name });
    this.waiters?.wake();
  }

  /** Events are lost: one of the queue says so. */
  overflow(): void {
    if (this.events.some(({ mask }) => mask === IN.Q_OVERFLOW)) return;
    this.events.push({ wd: -1, mask: IN.Q_OVERFLOW, cookie: 0, name: '' });
    this.waiters?.wake();
  }

  override read(u8: Uint8Array, start: number, length: number): number {
    collectHostEvents();
    if (this.events.length === 0) return -E.AGAIN;
    const view = new DataView(u8.buffer, u8.byteOffset);
    let taken = 0, at = start;
    for (const event of this.events) {
      const named = nameSpace(event.name);
      if (at + HEAD + named > start + length) break;
      view.setInt32(at, event.wd, true);
      view.setUint32(at + 4, event.mask, true);
      view.setUint32(at + 8, event.cookie, true);
      view.setUint32(at + 12, named, true);
      at += HEAD;
      for (let i = 0; i < named; i++) u8[at++] = i < event.name.length ? event.name.charCodeAt(i) : 0;
      taken++;
    }
    if (taken === 0) return -E.INVAL;
    this.events.splice(0, taken);
    return at - start;
  }

  override poll(): number {
    collectHostEvents();
    return this.events.length > 0 ? POLL.IN | POLL.RDNORM : 0;
  }

  override ioctl(request: number, arg: number, memory: UserMemory): number {
    if (request !== FIONREAD) return -E.NOTTY;
    if (!memory.writable(arg, 4)) return -E.FAULT;
    let bytes = 0;
    for (const event of this.events) bytes += HEAD + nameSpace(event.name);
    memory.window.view.setUint32(arg, bytes, true);
    return 0;
  }

  override stat(out: Stat): number {
    Object.assign(out, new Stat(), { mode: 0o600 & ~S.IFMT, blksize: 4096 });
    return 0;
  }

  protected override closed(): number {
    for (const watch of this.watches.values()) removeWatch(watch);
    this.watches.clear();
    InotifyFile.count--;
    return 0;
  }
}

/** Bytes that a name takes: with its NUL, in multiples of the head. */
function nameSpace(name: string): number {
  return name === '' ? 0 : Math.ceil((name.length + 1) / HEAD) * HEAD;
}
