/** Connections of unix(7): stream and seqpacket sockets, and their listeners. */
import { E } from '../../abi/errno.js';
import { POLL } from '../../abi/fcntl.js';
import { MSG, SOCK } from '../../abi/socket.js';
import type { OpenFile } from '../../vfs/open_file.js';
import type { Task } from '../task.js';
import { MessageQueue } from './message_queue.js';
import { MAX_BACKLOG, READABLE, Shut, WRITABLE, type Incoming, type Outgoing } from './socket.js';
import { StreamQueue } from './stream_queue.js';
import { credentialsOf, UnixSocket } from './unix_socket.js';

const enum State { Unconnected, Listening, Connected }

/** A message takes this from the sender's buffer beside its bytes. */
const MESSAGE_OVERHEAD = 32;

abstract class UnixConnection extends UnixSocket {
  private state = State.Unconnected;
  /** Listening: connections that wait for accept. */
  private readonly pending: UnixConnection[] = [];
  private backlog = 0;

  /** A new socket of the same class. */
  protected abstract sibling(creator: Task): UnixConnection;
  /** Bytes (stream) or messages wait to be received. */
  protected abstract get hasData(): boolean;
  /** Room for what this socket sends is left at the peer. */
  protected abstract get roomAtPeer(): boolean;

  override get listening(): boolean {
    return this.state === State.Listening;
  }
  protected get connected(): boolean {
    return this.state === State.Connected;
  }

  override listen(task: Task, backlog: number): number {
    if (!this.bound) return -E.INVAL;
    if (this.state === State.Connected) return -E.INVAL;
    this.state = State.Listening;
    this.backlog = Math.min(backlog >>> 0, MAX_BACKLOG);
    this.credentialsOfPeer = credentialsOf(task);
    this.unblock();
    return 0;
  }

  override connect(task: Task, address: Uint8Array): number {
    const found = this.find(task, address);
    if (typeof found === 'number') return found;
    if (this.state === State.Connected) return -E.ISCONN;
    if (this.state === State.Listening) return -E.INVAL;
    const listener = found as UnixConnection;
    if (listener.state !== State.Listening || listener.shut & Shut.Receive) return -E.CONNREFUSED;
    if (listener.pending.length > listener.backlog) {
      listener.blocked.add(this);
      return -E.AGAIN;
    }
    if (this.passCredentials) this.autobind();
    const server = listener.sibling(task);
    server.name = listener.name;
    server.passCredentials = listener.passCredentials;
    join(this, server);
    this.credentialsOfPeer = listener.credentialsOfPeer;
    server.credentialsOfPeer = credentialsOf(task);
    listener.pending.push(server);
    listener.queue.wake(READABLE);
    return 0;
  }

  /** socketpair(2): connects two new sockets. */
  pairWith(task: Task, other: UnixConnection): void {
    join(this, other);
    this.credentialsOfPeer = other.credentialsOfPeer = credentialsOf(task);
  }

  override accept(): UnixConnection | number {
    if (this.state !== State.Listening || this.shut & Shut.Receive) return -E.INVAL;
    const socket = this.pending.shift();
    if (!socket) return -E.AGAIN;
    this.unblock();
    return socket;
  }

  override shutdown(bits: number): number {
    this.shut |= bits;
    const { peer } = this;
    if (peer && !peer.dead) {
      peer.shut |= (bits & Shut.Receive ? Shut.Send : 0) | (bits & Shut.Send ? Shut.Receive : 0);
      peer.queue.wake();
    }
    this.queue.wake();
    return 0;
  }

  /** The end that went away left bytes unread: the other end is told. */
  private abandoned(unread: boolean): void {
    this.shut = Shut.Both;
    if (unread) this.error = E.CONNRESET;
    this.queue.wake();
  }

  override poll(): number {
    let events = 0;
    if (this.error !== 0) events |= POLL.ERR;
    if (this.shut === Shut.Both) events |= POLL.HUP;
    if (this.shut & Shut.Receive) events |= POLL.RDHUP | READABLE;
    if (this.hasData || this.pending.length > 0) events |= READABLE;
    if (this.state === State.Unconnected) events |= POLL.HUP;
    if (this.state !== State.Listening && this.roomAtPeer) events |= WRITABLE;
    return events;
  }

  override heldFiles(visit: (file: OpenFile) => void): void {
    for (const socket of this.pending) socket.heldFiles(visit);
  }
  override dropMessages(): void {
    for (const socket of this.pending) socket.dropMessages();
  }

  protected override closed(): number {
    const peer = this.peer as UnixConnection | null;
    const unread = this.hasData;
    for (const socket of this.pending.splice(0)) {
      (socket.peer as UnixConnection).abandoned(true);
      socket.unref();
    }
    super.closed();
    if (peer && !peer.dead) peer.abandoned(unread);
    return 0;
  }

  /** What a send meets before it looks for room: 0, or -errno. */
  protected refusal(to: Uint8Array | null): number {
    if (this.state !== State.Connected) return to ? -E.OPNOTSUPP : -E.NOTCONN;
    if (to) return -E.ISCONN;
    if (this.shut & Shut.Send) return -E.PIPE;
    if (this.error !== 0) return this.takeError();
    const peer = this.peer!;
    return peer.dead || peer.shut & Shut.Receive ? -E.PIPE : 0;
  }

  /** What a receive that finds nothing gives. */
  protected nothing(): number {
    if (this.error !== 0) return this.takeError();
    return this.shut & Shut.Receive ? 0 : -E.AGAIN;
  }

  /** Something was taken: the peer may send again. */
  protected taken(): void {
    const { peer } = this;
    if (peer && !peer.queue.empty && (peer as UnixConnection).roomAtPeer) peer.queue.wake(WRITABLE);
  }

  static connectEnds(a: UnixConnection, b: UnixConnection): void {
    a.peer = b;
    b.peer = a;
    a.state = b.state = State.Connected;
  }
}

function join(a: UnixConnection, b: UnixConnection): void {
  UnixConnection.connectEnds(a, b);
  a.queue.wake();
}

/** SOCK_STREAM. */
export class UnixStream extends UnixConnection {
  private readonly incoming = new StreamQueue();

  constructor(creator: Task) {
    super(SOCK.STREAM, creator);
  }
  protected override sibling(creator: Task): UnixStream {
    return new UnixStream(creator);
  }
  protected override get hasData(): boolean {
    return this.incoming.length > 0;
  }
  protected override get roomAtPeer(): boolean {
    const { peer } = this;
    return peer === null || (peer as UnixStream).incoming.length * 4 <= this.sendBuffer;
  }
  override get readableBytes(): number {
    return this.incoming.length;
  }
  override get unsentBytes(): number {
    return this.peer === null ? 0 : (this.peer as UnixStream).incoming.length;
  }

  override send(task: Task, u8: Uint8Array, start: number, length: number, message: Outgoing): number {
    if (message.flags & MSG.OOB) return -E.OPNOTSUPP;
    const refused = this.refusal(message.to);
    if (refused < 0) return refused;
    if (length === 0) return 0;
    const peer = this.peer as UnixStream;
    const room = this.sendBuffer - peer.incoming.length;
    if (room <= 0) return -E.AGAIN;
    const count = Math.min(room, length);
    this.identify(task, message, peer);
    peer.incoming.push(u8, start, count, message);
    message.files = null;
    peer.queue.wake(READABLE);
    return count;
  }

  override receive(u8: Uint8Array, start: number, length: number, incoming: Incoming): number {
    if (!this.connected) return -E.INVAL;
    if (incoming.flags & MSG.OOB) return -E.OPNOTSUPP;
    if (this.incoming.length === 0) return this.nothing();
    const count = this.incoming.take(u8, start, length, incoming, this.passCredentials);
    if (this.peer!.bound) incoming.source = this.peer!.name;
    if (!(incoming.flags & MSG.PEEK)) this.taken();
    return count;
  }

  override heldFiles(visit: (file: OpenFile) => void): void {
    super.heldFiles(visit);
    this.incoming.heldFiles(visit);
  }
  override dropMessages(): void {
    super.dropMessages();
    this.incoming.clear();
  }
}

/** SOCK_SEQPACKET. */
export class UnixSeqpacket extends UnixConnection {
  private readonly incoming = new MessageQueue();

  constructor(creator: Task) {
    super(SOCK.SEQPACKET, creator);
  }
  protected override sibling(creator: Task): UnixSeqpacket {
    return new UnixSeqpacket(creator);
  }
  protected override get hasData(): boolean {
    return this.incoming.count > 0;
  }
  protected override get roomAtPeer(): boolean {
    const { peer } = this;
    return peer === null || (peer as UnixSeqpacket).incoming.charge * 4 <= this.sendBuffer;
  }
  override get readableBytes(): number {
    return this.incoming.bytes;
  }
  override get unsentBytes(): number {
    return this.peer === null ? 0 : (this.peer as UnixSeqpacket).incoming.charge;
  }

  override send(task: Task, u8: Uint8Array, start: number, length: number, message: Outgoing): number {
    if (message.flags & MSG.OOB) return -E.OPNOTSUPP;
    if (!this.connected) return -E.NOTCONN;
    const refused = this.refusal(null);
    if (refused < 0) return refused;
    if (length > this.sendBuffer - MESSAGE_OVERHEAD) return -E.MSGSIZE;
    const peer = this.peer as UnixSeqpacket;
    if (peer.incoming.charge >= this.sendBuffer) return -E.AGAIN;
    this.identify(task, message, peer);
    peer.incoming.push(u8, start, length, message, this.bound ? this.name : null);
    message.files = null;
    peer.queue.wake(READABLE);
    return length;
  }

  override receive(u8: Uint8Array, start: number, length: number, incoming: Incoming): number {
    if (incoming.flags & MSG.OOB) return -E.OPNOTSUPP;
    if (!this.connected) return -E.NOTCONN;
    if (this.incoming.count === 0) return this.nothing();
    const count = this.incoming.take(u8, start, length, incoming);
    if (!(incoming.flags & MSG.PEEK)) this.taken();
    return count;
  }

  override heldFiles(visit: (file: OpenFile) => void): void {
    super.heldFiles(visit);
    this.incoming.heldFiles(visit);
  }
  override dropMessages(): void {
    super.dropMessages();
    this.incoming.clear();
  }
}

/** Two connected sockets of a type; `type`: SOCK.STREAM or SOCK.SEQPACKET. */
export function createPair(task: Task, type: number): [UnixSocket, UnixSocket] {
  const make = (): UnixConnection => (type === SOCK.STREAM ? new UnixStream(task) : new UnixSeqpacket(task));
  const pair: [UnixConnection, UnixConnection] = [make(), make()];
  pair[0].pairWith(task, pair[1]);
  return pair;
}
