/** What all sockets have: type, options, errors, and the calls that families carry out (socket(7)). */
import { E } from '../../abi/errno.js';
import { O, POLL, S } from '../../abi/fcntl.js';
import { MSG, SIOC, SO, SOCK } from '../../abi/socket.js';
import type { Stat } from '../../vfs/inode.js';
import { OpenFile, type Ownership, type UserMemory } from '../../vfs/open_file.js';
import { anonymousStat, newAnonymousIno } from '../anonymous_file.js';
import type { Kernel } from '../kernel.js';
import type { Task } from '../task.js';
import { WaitQueue } from '../wait_queue.js';
import { interfaceIoctl } from './interfaces.js';
import { stampNow, type ControlItem, type SentOptions, type Stamp } from './packet_info.js';

/** Who sent, as SCM_CREDENTIALS and SO_PEERCRED show. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** What goes with the bytes of a send. */
export interface Outgoing {
  /** MSG bits. */
  flags: number;
  /** A sockaddr, or null: to the peer. */
  to: Uint8Array | null;
  /** Each with a reference, which passes to the message that takes them. */
  files: OpenFile[] | null;
  credentials: PeerCredentials | null;
  /** What is said of the packet; null: nothing. */
  packet: SentOptions | null;
}

/** What is asked of a receive, and what comes with the bytes. */
export interface Incoming {
  /** MSG bits: PEEK and TRUNC count here. */
  flags: number;
  /** The sender's sockaddr; null: none is told. */
  source: Uint8Array | null;
  /** MSG bits for the receiver. */
  result: number;
  /** Each with a reference, which is the receiver's. */
  files: OpenFile[] | null;
  credentials: PeerCredentials | null;
  /** Other ancillary data that the socket's options ask for. */
  items: ControlItem[] | null;
}

/** Bits of Socket.shut. */
export const enum Shut { Receive = 1, Send = 2, Both = 3 }

/** net.core.somaxconn. */
export const MAX_BACKLOG = 4096;
const DEFAULT_BUFFER = 212_992;

/**
 * Calls give a value >= 0 or -errno, and -EAGAIN where they would have to wait, whether O.NONBLOCK is set or not: the
 * caller waits on `queue`.
 */
export abstract class Socket extends OpenFile {
  readonly ino = newAnonymousIno();
  /** Waiters for any change of this socket. */
  readonly queue = new WaitQueue();
  /** Shut bits: what is closed for good. */
  shut = 0;
  /** Errno that the next call, or SO_ERROR, tells. */
  error = 0;
  /** Nanoseconds; Infinity: no limit (SO_RCVTIMEO, SO_SNDTIMEO). */
  receiveTimeout = Infinity;
  sendTimeout = Infinity;
  sendBuffer = DEFAULT_BUFFER;
  receiveBuffer = DEFAULT_BUFFER;
  reuseAddress = false;
  reusePort = false;
  passCredentials = false;
  /** SO_LINGER: seconds, -1 when off. */
  linger = -1;
  lowWater = 1;
  /** Options without effect here, by level and name: see options.ts. */
  stored: Map<number, number> | null = null;
  /** SO_TIMESTAMP or one of its kin, the last that was asked for; 0: none. */
  stampOption = 0;
  /** SIOCGSTAMP: when what was received last came; null: nobody asked then; undefined: nothing was received. */
  lastStamp: Stamp | null | undefined;
  /** References held by messages (SCM_RIGHTS). */
  inFlight = 0;
  readonly kernel: Kernel;
  private readonly given: Ownership;

  /** `family`: AF; `type`: SOCK, without flags; `protocol`: IPPROTO. */
  constructor(readonly family: number, readonly type: number, readonly protocol: number, creator: Task) {
    super(O.RDWR, null);
    this.waiters = this.queue;
    this.kernel = creator.kernel;
    this.given = { mode: 0o777, uid: creator.cred.fsuid, gid: creator.cred.fsgid };
  }

  abstract bind(task: Task, address: Uint8Array): number;
  /** -EINPROGRESS: wait until `connecting` is false; -EAGAIN: try again when woken. */
  abstract connect(task: Task, address: Uint8Array): number;
  abstract send(task: Task, u8: Uint8Array, start: number, length: number, message: Outgoing): number;
  abstract receive(u8: Uint8Array, start: number, length: number, incoming: Incoming): number;
  /** The socket's own address. */
  abstract localName(): Uint8Array;
  /** The peer's address, or -ENOTCONN. */
  abstract peerName(): Uint8Array | number;
  /** The peer's address as accept(2) tells it. */
  acceptedName(): Uint8Array | number {
    return this.peerName();
  }
  /** Bytes that a read could have now (FIONREAD). */
  abstract get readableBytes(): number;

  listen(_task: Task, _backlog: number): number {
    return -E.OPNOTSUPP;
  }
  /** The next connection, as a new socket. */
  accept(_task: Task): Socket | number {
    return -E.OPNOTSUPP;
  }
  /** `bits`: Shut. */
  shutdown(_bits: number): number {
    return -E.NOTCONN;
  }
  get listening(): boolean {
    return false;
  }
  /** A connect is under way. */
  get connecting(): boolean {
    return false;
  }
  /** Bytes sent that the peer has not taken yet. */
  get unsentBytes(): number {
    return 0;
  }
  /** SO_PEERCRED; pid 0 and ids -1 when there is none. */
  get peerCredentials(): PeerCredentials | null {
    return null;
  }
  /** A stream of bytes, and no messages. */
  get stream(): boolean {
    return this.type === SOCK.STREAM;
  }
  /** Calls `visit` for each open file that a message in a queue of this socket holds. */
  heldFiles(_visit: (file: OpenFile) => void): void {}
  /** Drops what was not received. */
  dropMessages(): void {}

  /** SO_TIMESTAMP, not SO_TIMESTAMPNS. */
  get stampsMicroseconds(): boolean {
    return this.stampOption === SO.TIMESTAMP || this.stampOption === SO.TIMESTAMP_NEW;
  }

  /** The value that an option of `stored` was given; undefined: none. */
  option(level: number, name: number): number | undefined {
    return this.stored?.get(OPTION_LEVEL * level + name);
  }

  /** The next byte of a stream is, or would be, the urgent one. */
  get atMark(): boolean {
    return false;
  }

  /** The next message of the queue of errors (MSG_ERRQUEUE). */
  receiveError(_u8: Uint8Array, _start: number, _length: number, _incoming: Incoming): number {
    return -E.AGAIN;
  }

  /** The pending error as -errno, once; 0 when there is none. */
  takeError(): number {
    const { error } = this;
    this.error = 0;
    return error === 0 ? 0 : -error;
  }

  override get ownership(): Ownership {
    return this.given;
  }
  override get label(): string {
    return `socket:[${this.ino}]`;
  }
  override get pollable(): boolean {
    return true;
  }
  override get messages(): boolean {
    return !this.stream;
  }
  override waitLimit(events: number): number {
    return events & POLL.IN ? this.receiveTimeout : this.sendTimeout;
  }

  override read(u8: Uint8Array, start: number, length: number): number {
    if (length === 0 && this.stream) return 0;
    const incoming: Incoming = { flags: 0, source: null, result: 0, files: null, credentials: null, items: null };
    const got = this.receive(u8, start, length, incoming);
    if (incoming.files) for (const file of incoming.files) file.unref();
    return got;
  }

  override write(u8: Uint8Array, start: number, length: number): number {
    const task = this.kernel.current;
    if (task === null) return -E.NOTCONN;
    const message: Outgoing = { flags: 0, to: null, files: null, credentials: null, packet: null };
    return this.send(task, u8, start, length, message);
  }

  override stat(out: Stat): number {
    return anonymousStat(out, this.ino, S.IFSOCK | this.given.mode, this.given.uid, this.given.gid);
  }

  override ioctl(request: number, arg: number, memory: UserMemory): number {
    let value: number;
    switch (request) {
      case SIOC.INQ:
        if (this.listening) return -E.INVAL;
        value = this.readableBytes;
        break;
      case SIOC.OUTQ:
        if (this.listening) return -E.INVAL;
        value = this.unsentBytes;
        break;
      case SIOC.GSTAMP:
      case SIOC.GSTAMPNS:
        return this.putStamp(request === SIOC.GSTAMP, arg, memory);
      default:
        return interfaceIoctl(request, arg, memory);
    }
    if (!memory.writable(arg, 4)) return -E.FAULT;
    memory.window.view.setInt32(arg, value, true);
    return 0;
  }

  /** SIOCGSTAMP, SIOCGSTAMPNS: when what was received last came. Only the first call knows that somebody asks. */
  private putStamp(inMicroseconds: boolean, arg: number, memory: UserMemory): number {
    if (this.lastStamp === undefined) return -E.NOENT;
    const { seconds, nanoseconds } = this.lastStamp ??= stampNow();
    if (!memory.writable(arg, 16)) return -E.FAULT;
    const { view } = memory.window;
    view.setUint32(arg, seconds >>> 0, true);
    view.setInt32(arg + 4, Math.floor(seconds / 0x1_0000_0000), true);
    view.setInt32(arg + 8, inMicroseconds ? Math.floor(nanoseconds / 1000) : nanoseconds, true);
    view.setInt32(arg + 12, 0, true);
    return 0;
  }
}

/** In the keys of Socket.stored: what a level counts. */
export const OPTION_LEVEL = 1000;
/** POLL bits of a socket that can be read. */
export const READABLE = POLL.IN | POLL.RDNORM;
/** POLL bits of a socket that can be written. */
export const WRITABLE = POLL.OUT | POLL.WRNORM | POLL.WRBAND;
export const WRITABLE_INET = POLL.OUT | POLL.WRNORM;

/** Bytes of a message for the receiver: what fits, with MSG_TRUNC when it is not all; all when MSG_TRUNC is asked. */
export function messageCount(size: number, room: number, incoming: Incoming): number {
  if (size <= room) return size;
  incoming.result |= MSG.TRUNC;
  return incoming.flags & MSG.TRUNC ? size : room;
}
