/** Open files that no path leads to: pipes, eventfds and their kin. */
import { S } from '../abi/fcntl.js';
import { native } from '../host/native.js';
import { anonymousDev, type Stat } from '../vfs/inode.js';
import { OpenFile } from '../vfs/open_file.js';
import { WaitQueue } from './wait_queue.js';

let serial = 1000;
let pipeDev: number | undefined;
let anonDev: number | undefined;
const now = new Float64Array(2);

/** A fresh number for a nameless inode. */
export function newAnonymousIno(): number {
  return ++serial;
}

/** What fstat(2) says of a nameless file. */
export function anonymousStat(out: Stat, ino: number, mode: number, uid: number, gid: number): number {
  const fifo = (mode & S.IFMT) === S.IFIFO;
  out.dev = fifo ? pipeDev ??= anonymousDev() : anonDev ??= anonymousDev();
  out.ino = ino;
  out.mode = mode;
  out.nlink = 1;
  out.uid = uid;
  out.gid = gid;
  out.rdev = out.size = out.blocks = 0;
  out.blksize = 4096;
  native.clockGettime(0, now);
  out.atime = out.mtime = out.ctime = now[0]!;
  out.atimeNsec = out.mtimeNsec = out.ctimeNsec = now[1]!;
  return 0;
}

/** An eventfd, epoll, timerfd …: "anon_inode:[kind]" in /proc/PID/fd. */
export abstract class AnonymousFile extends OpenFile {
  /** Waiters for this file's readiness. */
  readonly queue = new WaitQueue();
  abstract readonly kind: string;

  constructor(flags: number) {
    super(flags, null);
    this.waiters = this.queue;
  }

  override get label(): string {
    return `anon_inode:${this.kind}`;
  }
  override get pollable(): boolean {
    return true;
  }
  /** There is no position to move (Linux noop_llseek). */
  override seek(): number {
    return 0;
  }
  override stat(out: Stat): number {
    return anonymousStat(out, 1, 0o600, 0, 0);
  }
}
