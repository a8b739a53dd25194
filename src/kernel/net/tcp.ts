/** TCP between sockets of this kernel (tcp(7)): no packets, but the states, errors and events that they would bring. */
import { E } from '../../abi/errno.js';
import { POLL } from '../../abi/fcntl.js';
import { AF, IPPROTO, MSG, SIOC, SO, SOCK, SOL_SOCKET, TCP } from '../../abi/socket.js';
import { native } from '../../host/native.js';
import type { UserMemory } from '../../vfs/open_file.js';
import type { Task } from '../task.js';
import { isAny, type InetAddress } from './inet_address.js';
import { intItem, stampItem, stampNow, type ControlItem, type Stamp } from './packet_info.js';
import { InetSocket } from './inet_socket.js';
import { netOf } from './namespace.js';
import { spread, type PortTable } from './ports.js';
import { MAX_BACKLOG, READABLE, Shut, WRITABLE_INET, type Incoming, type Outgoing } from './socket.js';
import { StreamQueue } from './stream_queue.js';

/** Closed is a socket that was never connected, and one whose connection has ended both ways. */
const enum State { Closed, Listening, Connecting, Connected }

/** What SO_SNDBUF and SO_RCVBUF show (net.ipv4.tcp_wmem, tcp_rmem). */
const DEFAULT_SEND_BUFFER = 16_384;
const DEFAULT_RECEIVE_BUFFER = 131_072;
/** Bytes on the way when neither buffer was set: Linux lets buffers grow. */
const GROWN_BUFFER = 1 << 20;

/** A stream's bytes come alone. */
const NO_DATA: Outgoing = { flags: 0, to: null, files: null, credentials: null, packet: null };

export class TcpSocket extends InetSocket {
  private state = State.Closed;
  private peer: TcpSocket | null = null;
  private readonly incoming = new StreamQueue();
  /** The peer has sent all: reads end. */
  private finished = false;
  /** The last reference is gone. */
  private closedByUser = false;
  /** A non-blocking connect has begun; its result was not fetched by another connect yet. */
  private connectBegun = false;
  /** Listening: connections that wait for accept, and sockets that wait to become one. */
  private readonly pending: TcpSocket[] = [];
  private readonly waiting: TcpSocket[] = [];
  private backlog = 0;
  /** TCP_DEFER_ACCEPT: connections that have sent nothing yet, and who listens to this one. */
  private readonly deferred: TcpSocket[] = [];
  private deferredBy: TcpSocket | null = null;
  /** TCP_CONGESTION, TCP_MAXSEG, TCP_WINDOW_CLAMP: told, without effect. */
  congestion = 'cubic';
  maxSegment = 0;
  windowClamp = 0;
  /** Bytes sent to the peer, and taken by reads. */
  bytesSent = 0;
  private taken = 0;
  /** When the last bytes came, for SO_TIMESTAMP. */
  private arrival: Stamp | null = null;
  /** MSG_OOB: where the urgent byte is, as `taken` counts, -1: nowhere; the byte while it was not read, else -1. */
  private urgentAt = -1;
  private urgentByte = -1;

  constructor(family: number, creator: Task) {
    super(family, SOCK.STREAM, IPPROTO.TCP, creator);
    this.sendBuffer = DEFAULT_SEND_BUFFER;
    this.receiveBuffer = DEFAULT_RECEIVE_BUFFER;
  }

  override get ports(): PortTable {
    return netOf(this.kernel).tcp;
  }
  override get listening(): boolean {
    return this.state === State.Listening;
  }
  override get connecting(): boolean {
    return this.state === State.Connecting;
  }

  get unconnected(): boolean {
    return this.state === State.Closed;
  }
  get bytesReceived(): number {
    return this.taken + this.incoming.length;
  }

  /** The state as /proc/net/tcp codes it. */
  get stateCode(): number {
    switch (this.state) {
      case State.Listening: return 10;
      case State.Connecting: return 2;
      case State.Connected: return this.finished ? 8 : this.shut & Shut.Send ? 5 : 1;
      default: return 7;
    }
  }

  override listen(_task: Task, backlog: number): number {
    if (this.state === State.Connected || this.state === State.Connecting || this.finished) return -E.INVAL;
    // Linux takes a negative number for the largest.
    this.backlog = Math.min(backlog >>> 0, MAX_BACKLOG);
    if (this.state === State.Listening) return 0;
    const bound = this.autobind(this.any);
    if (bound < 0) return -E.ADDRINUSE;
    const { host, port } = this.local!;
    if (!this.ports.mayListen(this, host, port)) return -E.ADDRINUSE;
    this.state = State.Listening;
    this.shut = 0;
    this.queue.wake();
    return 0;
  }

  /** -EINPROGRESS once; then what connect(2) says of a socket that is, or is not, connected. */
  override connect(_task: Task, bytes: Uint8Array): number {
    if (bytes.length < 2) return -E.INVAL;
    if ((bytes[0]! | (bytes[1]! << 8)) === AF.UNSPEC) {
      this.disconnect();
      return 0;
    }
    if (this.state === State.Connecting) return -E.ALREADY;
    if (this.connectBegun) {
      this.connectBegun = false;
      const error = this.takeError();
      return error === 0 && this.state === State.Closed ? -E.CONNABORTED : error;
    }
    if (this.state === State.Connected || this.peer) return -E.ISCONN;
    const address = this.parse(bytes);
    if (typeof address === 'number') return address;
    if (this.state === State.Listening) return -E.ISCONN;
    const to = this.route(address);
    if (typeof to === 'number') return to;
    const bound = this.autobind(this.sourceFor(to.host));
    if (bound < 0) return -E.ADDRNOTAVAIL;
    if (isAny(this.local!.host)) this.local = { host: this.sourceFor(to.host), port: this.local!.port };
    this.remote = to;
    this.shut = 0;
    this.connectBegun = true;
    const listener = listenerAt(this.ports, this.local!, to);
    if (!listener && to.port === this.local!.port && to.host === this.local!.host) {
      this.peer = this;
      this.state = State.Connected;
      this.queue.wake();
    } else if (!listener) {
      this.fail(E.CONNREFUSED);
      this.unconnect();
    } else if (listener.pending.length > listener.backlog) {
      this.state = State.Connecting;
      listener.waiting.push(this);
    } else {
      listener.establish(this);
    }
    return -E.INPROGRESS;
  }

  /** The other end of a connection to this listener is made, and waits for accept. */
  private establish(client: TcpSocket): void {
    const server = this.child;
    server.local = client.remote;
    server.remote = client.local;
    this.ports.add(server, server.local!.port);
    server.peer = client;
    client.peer = server;
    server.state = client.state = State.Connected;
    client.queue.wake();
    const seconds = this.option(IPPROTO.TCP, TCP.DEFER_ACCEPT) ?? 0;
    if (seconds === 0) {
      this.offer(server);
      return;
    }
    server.deferredBy = this;
    this.deferred.push(server);
    this.kernel.timers.add(native.monotonicNow() + seconds * 1e9, ripen, server);
  }

  private offer(server: TcpSocket): void {
    this.pending.push(server);
    this.queue.wake(READABLE);
  }

  /** TCP_DEFER_ACCEPT: there is something to read, or it took too long. */
  ripen(): void {
    const listener = this.deferredBy;
    if (listener === null) return;
    this.deferredBy = null;
    const at = listener.deferred.indexOf(this);
    if (at < 0) return;
    listener.deferred.splice(at, 1);
    listener.offer(this);
  }

  /** A socket with this listener's options, as accept gives them. */
  private get child(): TcpSocket {
    const task = this.kernel.current;
    const child = new TcpSocket(this.family, task!);
    child.v6Only = this.v6Only;
    child.reuseAddress = this.reuseAddress;
    child.reusePort = this.reusePort;
    child.linger = this.linger;
    child.lowWater = this.lowWater;
    child.sendBuffer = this.sendBuffer;
    child.receiveBuffer = this.receiveBuffer;
    child.receiveTimeout = this.receiveTimeout;
    child.sendTimeout = this.sendTimeout;
    child.congestion = this.congestion;
    child.maxSegment = this.maxSegment;
    child.stampOption = this.stampOption;
    child.stored = this.stored && new Map(this.stored);
    return child;
  }

  override accept(): TcpSocket | number {
    if (this.state !== State.Listening) return -E.INVAL;
    const socket = this.pending.shift();
    if (!socket) return -E.AGAIN;
    const next = this.waiting.shift();
    if (next) this.establish(next);
    return socket;
  }

  /** How well this listener suits a connect to `host`; 0: not at all. */
  suits(host: string): number {
    return this.matches(host);
  }

  /** The attempt or connection is over, with an error for the next call. */
  private fail(errno: number): void {
    this.error = errno;
    this.state = State.Closed;
    this.shut = Shut.Both;
    this.queue.wake();
  }

  /** A reset arrives: what it means depends on whether the peer had finished. */
  private reset(): void {
    if (this.state !== State.Connected) return;
    this.fail(this.finished ? E.PIPE : E.CONNRESET);
  }

  /** The peer has sent all that it will send. */
  private finish(): void {
    if (this.state !== State.Connected) return;
    this.finished = true;
    this.shut |= Shut.Receive;
    if (this.shut & Shut.Send) this.end();
    this.ripen();
    this.queue.wake();
  }

  /** Both directions are closed. */
  private end(): void {
    this.state = State.Closed;
    this.shut = Shut.Both;
  }

  /** Breaks a connection, or an attempt: connect with AF_UNSPEC. */
  private disconnect(): void {
    if (this.state === State.Connected) this.peer!.reset();
    this.stopListening();
    this.incoming.clear();
    this.bytesSent = this.taken = 0;
    this.urgentAt = this.urgentByte = -1;
    this.state = State.Closed;
    this.peer = this.remote = null;
    this.unconnect();
    this.finished = this.connectBegun = false;
    this.shut = this.error = 0;
    this.queue.wake();
  }

  private stopListening(): void {
    for (const socket of [...this.pending.splice(0), ...this.deferred.splice(0)]) socket.abort();
    for (const socket of this.waiting.splice(0)) socket.fail(E.CONNREFUSED);
  }

  /** A connection that was never accepted goes away. */
  private abort(): void {
    this.linger = 0;
    this.unref();
  }

  override shutdown(bits: number): number {
    switch (this.state) {
      case State.Connecting:
        this.fail(E.CONNRESET);
        return 0;
      case State.Listening:
        if (bits & Shut.Receive) {
          this.stopListening();
          this.state = State.Closed;
          this.shut = Shut.Both;
          this.queue.wake();
        }
        return 0;
      case State.Closed:
        this.shut |= bits;
        this.queue.wake();
        return -E.NOTCONN;
      default: {
        const sends = bits & Shut.Send && !(this.shut & Shut.Send);
        this.shut |= bits;
        if (sends) {
          if (this.finished) this.end();
          this.peer!.finish();
        }
        this.queue.wake();
        return 0;
      }
    }
  }

  override send(_task: Task, u8: Uint8Array, start: number, length: number, message: Outgoing): number {
    if (this.state === State.Connecting) return -E.AGAIN;
    if (this.error !== 0) return this.takeError();
    if (this.state !== State.Connected || this.shut & Shut.Send) return -E.PIPE;
    if (length === 0) return 0;
    const peer = this.peer!;
    if (peer.closedByUser) {
      // The bytes are sent; what comes back is a reset.
      this.reset();
      return length;
    }
    const room = this.capacity - peer.incoming.length;
    if (room <= 0) return -E.AGAIN;
    const count = Math.min(room, length);
    peer.incoming.push(u8, start, count, NO_DATA);
    this.bytesSent += count;
    if (peer.stampOption !== 0) peer.arrival = stampNow();
    if (message.flags & MSG.OOB && count === length) peer.urge(u8[start + length - 1]!);
    peer.ripen();
    peer.queue.wake(READABLE);
    return count;
  }

  /** The last byte that has come is urgent; an earlier one is an ordinary byte, or lost when it is the next to read. */
  private urge(byte: number): void {
    if (this.atMark && !this.urgentInline && this.incoming.length > 1) this.drop();
    this.urgentAt = this.bytesReceived - 1;
    this.urgentByte = byte;
    this.signalDriven?.urgent();
    this.queue.wake(POLL.PRI);
  }

  /** SO_OOBINLINE: the urgent byte stays among the others. */
  private get urgentInline(): boolean {
    return this.option(SOL_SOCKET, SO.OOBINLINE) === 1;
  }

  override get atMark(): boolean {
    return this.urgentAt >= 0 && this.urgentAt === this.taken;
  }

  /** Takes the next byte away. */
  private drop(): void {
    this.discard(1, 0);
    this.advance(1);
  }

  /** `count` bytes more are taken. */
  private advance(count: number): void {
    this.taken += count;
    if (this.urgentAt >= 0 && this.taken > this.urgentAt) this.urgentAt = this.urgentByte = -1;
  }

  /** MSG_OOB: the urgent byte, once. */
  private receiveUrgent(u8: Uint8Array, start: number, length: number, incoming: Incoming): number {
    if (this.urgentByte < 0 || this.urgentInline) return -E.INVAL;
    if (this.state === State.Closed && !this.finished) return -E.NOTCONN;
    incoming.result |= MSG.OOB;
    if (length === 0) incoming.result |= MSG.TRUNC;
    else if ((incoming.flags & MSG.TRUNC) === 0) u8[start] = this.urgentByte;
    if ((incoming.flags & MSG.PEEK) === 0) this.urgentByte = -1;
    return Math.min(length, 1);
  }

  /** Ancillary data that come with the bytes: when they came, and how many are left. */
  private items(): ControlItem[] | null {
    const counts = this.option(IPPROTO.TCP, TCP.INQ) === 1;
    if (this.stampOption === 0 && !counts) return null;
    const items: ControlItem[] = [];
    if (this.stampOption !== 0) {
      items.push(stampItem(this.stampOption, this.arrival ?? stampNow(), this.stampsMicroseconds));
    }
    if (counts) {
      const left = this.incoming.length === 0 && this.finished ? 1 : this.incoming.length;
      items.push(intItem(IPPROTO.TCP, TCP.INQ, left));
    }
    return items;
  }

  /** Bytes that may be on the way to the peer. */
  private get capacity(): number {
    const set = this.sendBuffer !== DEFAULT_SEND_BUFFER || this.peer!.receiveBuffer !== DEFAULT_RECEIVE_BUFFER;
    return set ? this.sendBuffer + this.peer!.receiveBuffer : GROWN_BUFFER;
  }

  private get writable(): boolean {
    return this.peer === null || this.peer.incoming.length * 3 <= this.capacity * 2;
  }

  override receive(u8: Uint8Array, start: number, length: number, incoming: Incoming): number {
    if (this.state === State.Listening) return -E.NOTCONN;
    if (incoming.flags & MSG.OOB) return this.receiveUrgent(u8, start, length, incoming);
    if (this.urgentAt >= 0) {
      // A read ends before the urgent byte, and the next one leaves it out.
      if (this.atMark && !this.urgentInline) this.drop();
      else if (!this.atMark) length = Math.min(length, this.urgentAt - this.taken);
    }
    if (this.incoming.length === 0) {
      if (this.finished) return 0;
      if (this.error !== 0) return this.takeError();
      if (this.shut & Shut.Receive) return 0;
      return this.state === State.Closed ? -E.NOTCONN : -E.AGAIN;
    }
    const count = incoming.flags & MSG.TRUNC
      ? this.discard(length, incoming.flags & MSG.PEEK) : this.incoming.take(u8, start, length, incoming, false);
    const { peer } = this;
    if ((incoming.flags & MSG.PEEK) === 0) this.advance(count);
    if (this.stored !== null || this.stampOption !== 0) incoming.items = this.items();
    if (this.stampOption === 0) this.lastStamp ??= null;
    if (!(incoming.flags & MSG.PEEK) && peer && !peer.queue.empty && peer.writable) peer.queue.wake(WRITABLE_INET);
    return count;
  }

  /** MSG_TRUNC: the bytes are received, but go nowhere (tcp(7)). `flags`: MSG_PEEK, or 0. */
  private discard(length: number, flags: number): number {
    const count = Math.min(length, this.incoming.length);
    const nowhere = new Uint8Array(count);
    const incoming = { flags, source: null, result: 0, files: null, credentials: null, items: null };
    return this.incoming.take(nowhere, 0, count, incoming, false);
  }

  override get readableBytes(): number {
    if (this.urgentAt < this.taken || this.urgentInline) return this.incoming.length;
    return this.urgentAt - this.taken;
  }

  override ioctl(request: number, arg: number, memory: UserMemory): number {
    if (request !== SIOC.ATMARK) return super.ioctl(request, arg, memory);
    if (!memory.writable(arg, 4)) return -E.FAULT;
    memory.window.view.setInt32(arg, Number(this.atMark), true);
    return 0;
  }

  override peerName(): Uint8Array | number {
    return this.state === State.Connected ? super.peerName() : -E.NOTCONN;
  }
  /** Who connected, were it reset meanwhile. */
  override acceptedName(): Uint8Array | number {
    return super.peerName();
  }

  override poll(): number {
    if (this.state === State.Listening) return this.pending.length > 0 ? READABLE : 0;
    let events = 0;
    if (this.error !== 0) events |= POLL.ERR;
    if (this.shut === Shut.Both || this.state === State.Closed) events |= POLL.HUP;
    if (this.shut & Shut.Receive) events |= POLL.RDHUP | READABLE;
    if (this.state === State.Connecting) return events;
    const waiting = this.incoming.length - (this.atMark && !this.urgentInline ? 1 : 0);
    if (waiting >= this.lowWater && waiting > 0) events |= READABLE;
    if (this.urgentByte >= 0) events |= POLL.PRI;
    if (this.shut & Shut.Send || this.writable) events |= WRITABLE_INET;
    return events;
  }

  protected override closed(): number {
    this.closedByUser = true;
    this.releasePort();
    const { peer } = this;
    if (this.state === State.Listening) {
      this.stopListening();
    } else if (this.state === State.Connecting) {
      const listener = listenerAt(this.ports, this.local!, this.remote!);
      const at = listener ? listener.waiting.indexOf(this) : -1;
      if (at >= 0) listener!.waiting.splice(at, 1);
    } else if (this.state === State.Connected) {
      if (this.incoming.length > 0 || this.linger === 0) peer!.reset();
      else if (!(this.shut & Shut.Send)) peer!.finish();
    }
    this.state = State.Closed;
    this.shut = Shut.Both;
    this.incoming.clear();
    this.queue.wake();
    return 0;
  }
}

function ripen(socket: TcpSocket): void {
  socket.ripen();
}

/**
 * The listener that a connect reaches: one at the very address before a wildcard; of those that share the address by
 * SO_REUSEPORT, the connections are spread.
 */
function listenerAt(ports: PortTable, from: InetAddress, to: InetAddress): TcpSocket | undefined {
  let best: TcpSocket | undefined, score = 0;
  const equals: TcpSocket[] = [];
  for (const socket of ports.at(to.port) as readonly TcpSocket[]) {
    if (!socket.listening) continue;
    const suits = socket.suits(to.host);
    if (suits > score) {
      best = socket;
      score = suits;
      equals.length = 0;
    }
    if (suits > 0 && suits === score && socket.reusePort) equals.push(socket);
  }
  return equals.length > 1 ? equals[spread(from) % equals.length] : best;
}
