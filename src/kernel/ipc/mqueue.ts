/** POSIX message queues (mq_overview(7)): messages by priority, and one process that is told of the next one. */
import { E } from '../../abi/errno.js';
import { O, POLL, S } from '../../abi/fcntl.js';
import { SI } from '../../abi/signal.js';
import { SIGEV } from '../../abi/time.js';
import { anonymousDev, type Stat } from '../../vfs/inode.js';
import { OpenFile } from '../../vfs/open_file.js';
import type { NetlinkSocket } from '../net/netlink.js';
import { newAnonymousIno } from '../anonymous_file.js';
import { SigInfo } from '../pending_signals.js';
import { ProcessState, type Process } from '../process.js';
import { sendToProcess } from '../signals.js';
import { WaitQueue } from '../wait_queue.js';
import { seconds } from './ids.js';

/** /proc/sys/fs/mqueue: what who is not privileged may have, and what nobody may exceed. */
export const MQ = {
  QUEUES_MAX: 256, MSG_MAX: 10, MSG_DEFAULT: 10, MSGSIZE_MAX: 8192, MSGSIZE_DEFAULT: 8192, HARD_MSG_MAX: 65536,
  HARD_MSGSIZE_MAX: 16 * 1024 * 1024, PRIO_MAX: 32768,
} as const;
/** Kernel memory of a message that RLIMIT_MSGQUEUE counts: its header, and a place in the order of priorities. */
const HEADER = 48;
const INFO_SIZE = 80;
let device: number | undefined;

export interface QueuedMessage {
  priority: number;
  text: Uint8Array;
}

/** What mq_notify(3) asked for. */
export interface Notice {
  owner: Process;
  kind: number;
  signal: number;
  valueLow: number;
  valueHigh: number;
  /** SIGEV_THREAD: where libc's thread reads, one reference, and what. */
  socket: NetlinkSocket | null;
  cookie: Uint8Array;
}

/** What the last byte of the cookie of a SIGEV_THREAD says (linux/mqueue.h). */
const NOTIFY = { WOKENUP: 1, REMOVED: 2 } as const;
export const NOTIFY_COOKIE_LEN = 32;

export class Mqueue {
  readonly ino = newAnonymousIno();
  readonly messages: QueuedMessage[] = [];
  readonly senders = new WaitQueue();
  readonly receivers = new WaitQueue();
  /** For poll(2). */
  readonly waiters = new WaitQueue();
  readonly changed = seconds();
  /** Tasks that wait for a message: as long as there is one, nobody is notified. */
  waiting = 0;
  notice: Notice | null = null;

  constructor(
    readonly name: string, public mode: number, readonly uid: number, readonly gid: number,
    readonly maxMessages: number, readonly messageSize: number,
  ) {}

  /** Bytes that count against RLIMIT_MSGQUEUE of its user. */
  get footprint(): number {
    const places = Math.min(this.maxMessages, MQ.PRIO_MAX);
    return this.maxMessages * (HEADER + this.messageSize) + places * HEADER;
  }

  get full(): boolean {
    return this.messages.length >= this.maxMessages;
  }

  /** Puts a message behind those of its priority. `sender` is shown to who is notified. */
  send(message: QueuedMessage, sender: Process): void {
    const at = this.messages.findIndex((other) => other.priority < message.priority);
    this.messages.splice(at < 0 ? this.messages.length : at, 0, message);
    if (this.messages.length === 1 && this.waiting === 0) this.tell(sender);
    this.receivers.wake();
    this.waiters.wake(POLL.IN);
  }

  /** Takes the first message of the highest priority. */
  receive(): QueuedMessage {
    const message = this.messages.shift()!;
    this.senders.wake();
    this.waiters.wake(POLL.OUT);
    return message;
  }

  private tell(sender: Process): void {
    const { notice } = this;
    if (!notice) return;
    this.notice = null;
    if (notice.socket) tellThread(notice, NOTIFY.WOKENUP);
    if (notice.kind !== SIGEV.SIGNAL) return;
    const info = new SigInfo(notice.signal, SI.MESGQ);
    info.pid = sender.pid;
    info.uid = sender.leader.cred.uid;
    info.valueLow = notice.valueLow;
    info.valueHigh = notice.valueHigh;
    sendToProcess(notice.owner, info);
  }

  /** mq_notify(3): -EBUSY when another process is to be told. */
  notify(notice: Notice): number {
    if (this.notice) {
      if (this.notice.owner.state === ProcessState.Live) return -E.BUSY;
      this.forget(this.notice.owner);
    }
    this.notice = notice;
    return 0;
  }

  /** The process takes its notice back, closes the queue, or ends. */
  forget(owner: Process): void {
    const { notice } = this;
    if (notice?.owner !== owner) return;
    this.notice = null;
    if (notice.socket) tellThread(notice, NOTIFY.REMOVED);
  }
}

function tellThread({ socket, cookie }: Notice, why: number): void {
  cookie[NOTIFY_COOKIE_LEN - 1] = why;
  socket!.deliver(cookie);
  socket!.unref();
}

/** A message queue descriptor. */
export class MqueueFile extends OpenFile {
  constructor(readonly queue: Mqueue, flags: number) {
    super(flags, null);
    this.waiters = queue.waiters;
  }

  override get label(): string {
    return `/${this.queue.name}`;
  }
  override get pollable(): boolean {
    return true;
  }
  override get seekable(): boolean {
    return true;
  }
  private position = 0;

  /** The line that tells of the queue (mq_overview(7), "Mounting the message queue filesystem"). */
  override read(u8: Uint8Array, start: number, length: number): number {
    const count = this.pread(u8, start, length, this.position);
    this.position += count;
    return count;
  }
  override pread(u8: Uint8Array, start: number, length: number, position: number): number {
    const { messages, notice } = this.queue;
    const size = messages.reduce((sum, message) => sum + message.text.length, 0);
    const field = (name: string, value: number, width: number): string => `${name}:${String(value).padEnd(width)}`;
    const line = `${field('QSIZE', size, 10)} ${field('NOTIFY', notice?.kind ?? 0, 5)} ` +
      `${field('SIGNO', notice?.kind === SIGEV.SIGNAL ? notice.signal : 0, 5)} ` +
      `${field('NOTIFY_PID', notice?.owner.pid ?? 0, 6)}\n`;
    const part = Buffer.from(line, 'latin1').subarray(position, position + length);
    u8.set(part, start);
    return part.length;
  }
  override seek(offset: number, whence: number): number {
    const to = whence === 0 ? offset : whence === 1 ? this.position + offset : -1;
    return to < 0 ? -E.INVAL : this.position = to;
  }

  override poll(): number {
    const { queue } = this;
    return (queue.messages.length > 0 ? POLL.IN | POLL.RDNORM : 0) | (queue.full ? 0 : POLL.OUT | POLL.WRNORM);
  }

  override stat(out: Stat): number {
    const { queue } = this;
    out.dev = device ??= anonymousDev();
    out.ino = queue.ino;
    out.mode = S.IFREG | queue.mode;
    out.nlink = 1;
    out.uid = queue.uid;
    out.gid = queue.gid;
    out.rdev = out.blocks = 0;
    out.size = INFO_SIZE;
    out.blksize = 4096;
    out.atime = out.mtime = out.ctime = queue.changed;
    out.atimeNsec = out.mtimeNsec = out.ctimeNsec = 0;
    return 0;
  }
}

/** The queues of a kernel by name. One that is unlinked lives on with its descriptors. */
export class MqueueTable {
  private readonly byName = new Map<string, Mqueue>();

  get size(): number {
    return this.byName.size;
  }
  find(name: string): Mqueue | undefined {
    return this.byName.get(name);
  }
  add(queue: Mqueue): void {
    this.byName.set(queue.name, queue);
  }
  remove(queue: Mqueue): void {
    this.byName.delete(queue.name);
  }

  /** What the queues of a user count against RLIMIT_MSGQUEUE. */
  footprintOf(uid: number): number {
    let total = 0;
    for (const queue of this.byName.values()) if (queue.uid === uid) total += queue.footprint;
    return total;
  }
}

/** Whether a user may read (4) or write (2) the queue, or both. */
export function mqueueAllows(
  queue: Mqueue, cred: { fsuid: number; inGroup(gid: number): boolean; has(capability: number): boolean }, want: number,
): boolean {
  let bits = queue.mode;
  if (cred.fsuid === queue.uid) bits >>= 6;
  else if (cred.inGroup(queue.gid)) bits >>= 3;
  return (want & ~bits) === 0 || cred.has(CAP_DAC_OVERRIDE);
}

const CAP_DAC_OVERRIDE = 1;

/** Access that an open with `flags` wants: bits 4 (read) and 2 (write). */
export function accessOf(flags: number): number {
  switch (flags & O.ACCMODE) {
    case O.RDONLY: return 4;
    case O.WRONLY: return 2;
    default: return 6;
  }
}
