/** UDP between sockets of this kernel (udp(7)). */
import { E } from '../../abi/errno.js';
import { O, POLL } from '../../abi/fcntl.js';
import { AF, IP, IPPROTO, IPV6, MSG, SOCK } from '../../abi/socket.js';
import type { Task } from '../task.js';
import { formatAddress, isAny, isLoopback, parseAddress, type InetAddress } from './inet_address.js';
import { InetSocket } from './inet_socket.js';
import { chargeOf, MessageQueue } from './message_queue.js';
import { netOf } from './namespace.js';
import { spread, type PortTable } from './ports.js';
import { packetFrom, packetItems, stampItem, stampNow, unreachableItem, type PacketInfo } from './packet_info.js';
import { READABLE, Shut, WRITABLE, type Incoming, type Outgoing } from './socket.js';
import { copy } from './stream_queue.js';

/** The longest message: what 16 bits count, less the UDP header and, for IPv4, the IP header. */
const MAX_MESSAGE4 = 65507;
const MAX_MESSAGE6 = 65527;
/** Errors that are kept; more are lost. */
const MAX_ERRORS = 64;

export class UdpSocket extends InetSocket {
  private readonly incoming = new MessageQueue();
  /** UDP_CORK is set. */
  corks = false;
  /** IP_RECVERR, IPV6_RECVERR: what came back of packets. */
  private readonly errors: { errno: number; bytes: Uint8Array; to: InetAddress }[] = [];
  private corked: { to: InetAddress; message: Outgoing; bytes: Uint8Array } | null = null;

  constructor(family: number, creator: Task) {
    super(family, SOCK.DGRAM, IPPROTO.UDP, creator);
  }

  override get ports(): PortTable {
    return netOf(this.kernel).udp;
  }

  /** Sets the peer, from whom alone packets are taken; AF_UNSPEC takes it back. */
  override connect(_task: Task, bytes: Uint8Array): number {
    if (bytes.length < 2) return -E.INVAL;
    if ((bytes[0]! | (bytes[1]! << 8)) === AF.UNSPEC) {
      this.remote = null;
      this.unconnect();
      return 0;
    }
    const address = this.destination(bytes);
    if (typeof address === 'number') return address;
    const to = this.route(address);
    if (typeof to === 'number') return to;
    const bound = this.autobind(this.sourceFor(to.host));
    if (bound < 0) return bound;
    if (isAny(this.local!.host)) this.local = { host: this.sourceFor(to.host), port: this.local!.port };
    this.remote = to;
    this.queue.wake();
    return 0;
  }

  /** IPv6 sockets take sockaddr_in for IPv4 destinations. */
  private destination(bytes: Uint8Array): InetAddress | number {
    const plain = bytes.length >= 2 && bytes[0] === AF.INET && bytes[1] === 0;
    return plain && this.family === AF.INET6 && !this.v6Only ? parseAddress(bytes, AF.INET) : this.parse(bytes);
  }

  override send(_task: Task, u8: Uint8Array, start: number, length: number, message: Outgoing): number {
    if (length > 0xffff) return -E.MSGSIZE;
    if (message.flags & MSG.OOB) return -E.OPNOTSUPP;
    let to = this.remote;
    if (message.to) {
      const address = this.destination(message.to);
      if (typeof address === 'number') return address;
      if (address.port === 0) return -E.INVAL;
      const routed = this.route(address);
      if (typeof routed === 'number') return routed;
      to = routed;
    }
    if (!to) return -E.DESTADDRREQ;
    if (length > (to.host.length === 4 ? MAX_MESSAGE4 : MAX_MESSAGE6)) return -E.MSGSIZE;
    const bound = this.autobind(this.any);
    if (bound < 0) return bound;
    if (this.error !== 0) return this.takeError();
    if (this.shut & Shut.Send) return -E.PIPE;
    if (this.corked || this.corks || message.flags & MSG.MORE) return this.append(u8, start, length, message, to);
    return this.transmit(u8, start, length, message, to);
  }

  /** UDP_CORK: what is sent from now on is one datagram, until it is taken back. */
  cork(on: boolean): void {
    this.corks = on;
    if (!on) this.push();
  }

  /** A part of the datagram that is being put together (MSG_MORE, UDP_CORK); the first one says where it goes. */
  private append(u8: Uint8Array, start: number, length: number, message: Outgoing, to: InetAddress): number {
    this.corked ??= { to, message, bytes: new Uint8Array(0) };
    const { bytes } = this.corked;
    if (bytes.length + length > (this.corked.to.host.length === 4 ? MAX_MESSAGE4 : MAX_MESSAGE6)) return -E.MSGSIZE;
    const joined = new Uint8Array(bytes.length + length);
    joined.set(bytes);
    joined.set(u8.subarray(start, start + length), bytes.length);
    this.corked.bytes = joined;
    if (!this.corks && (message.flags & MSG.MORE) === 0) this.push();
    return length;
  }

  /** Sends what was put together. */
  private push(): void {
    const { corked } = this;
    this.corked = null;
    if (corked) this.transmit(corked.bytes, 0, corked.bytes.length, corked.message, corked.to);
  }

  private transmit(u8: Uint8Array, start: number, length: number, message: Outgoing, to: InetAddress): number {
    const from = { host: message.packet?.source ?? this.sourceFor(to.host), port: this.local!.port };
    const receiver = receiverOf(this.ports, from, to);
    if (receiver) {
      const wanted = receiver.stored !== null || receiver.stampOption !== 0;
      const packet = wanted ? packetFrom(this, to, message.packet, receiver.stampOption !== 0) : null;
      receiver.deliver(u8, start, length, message, from, packet);
    } else if (this.wantsErrors(to)) {
      this.errors.push({ errno: E.CONNREFUSED, bytes: u8.slice(start, start + length), to });
      this.error = E.CONNREFUSED;
      this.queue.wake();
    } else if (this.remote && this.remote.port === to.port && this.remote.host === to.host) {
      // The ICMP message "port unreachable" is for connected sockets only.
      this.error = E.CONNREFUSED;
      this.queue.wake();
    }
    return length;
  }

  private wantsErrors(to: InetAddress): boolean {
    const v4 = to.host.length === 4;
    return this.errors.length < MAX_ERRORS &&
      this.option(v4 ? IPPROTO.IP : IPPROTO.IPV6, v4 ? IP.RECVERR : IPV6.RECVERR) === 1;
  }

  override receiveError(u8: Uint8Array, start: number, length: number, incoming: Incoming): number {
    const first = this.errors.shift();
    if (first === undefined) return -E.AGAIN;
    this.error = this.errors[0]?.errno ?? 0;
    const { bytes, to, errno } = first;
    copy(u8, start, bytes, 0, Math.min(bytes.length, length));
    incoming.source = formatAddress(to, this.family);
    incoming.items = [unreachableItem(this, errno, to.host)];
    incoming.result |= MSG.ERRQUEUE;
    if (bytes.length > length) incoming.result |= MSG.TRUNC;
    return Math.min(bytes.length, length);
  }

  /** A packet is dropped when the buffer is full, as everywhere in UDP. */
  private deliver(
    u8: Uint8Array, start: number, length: number, message: Outgoing, from: InetAddress, packet: PacketInfo | null,
  ): void {
    if (this.incoming.charge + chargeOf(length) > this.receiveBuffer && this.incoming.count > 0) return;
    this.incoming.push(u8, start, length, message, formatAddress(from, this.family), packet);
    this.queue.wake(READABLE);
  }

  /** How well a packet suits: a connected socket is better than one that takes all. */
  suits(from: InetAddress, to: InetAddress): number {
    const own = this.matches(to.host);
    if (own === 0 || !this.remote) return own;
    return this.remote.port === from.port && this.remote.host === from.host ? own + 2 : 0;
  }

  override receive(u8: Uint8Array, start: number, length: number, incoming: Incoming): number {
    if (incoming.flags & MSG.OOB) return -E.AGAIN;
    if (this.error !== 0) return this.takeError();
    if (this.incoming.count === 0) return this.ended(incoming.flags) ? 0 : -E.AGAIN;
    const packet = this.incoming.firstPacket;
    if (packet !== null) incoming.items = packetItems(this, packet);
    if (this.stampOption === 0) {
      this.lastStamp = null;
    } else {
      const stamp = packet?.stamp ?? stampNow();
      incoming.items = [stampItem(this.stampOption, stamp, this.stampsMicroseconds), ...incoming.items ?? []];
    }
    return this.incoming.take(u8, start, length, incoming);
  }

  /** After shutdown a receive that would wait gives 0; others do not look. */
  private ended(flags: number): boolean {
    return (this.shut & Shut.Receive) !== 0 && ((flags & MSG.DONTWAIT) | (this.flags & O.NONBLOCK)) === 0;
  }

  override shutdown(bits: number): number {
    // Without a peer it is an error, and done all the same.
    this.shut |= bits;
    this.queue.wake();
    return this.remote ? 0 : -E.NOTCONN;
  }

  override get readableBytes(): number {
    return this.incoming.firstSize;
  }

  override poll(): number {
    let events: number = WRITABLE;
    if (this.error !== 0 || this.errors.length > 0) events |= POLL.ERR;
    if (this.shut & Shut.Receive) events |= POLL.RDHUP | READABLE;
    if (this.shut === Shut.Both) events |= POLL.HUP;
    if (this.incoming.count > 0) events |= READABLE;
    return events;
  }

  protected override closed(): number {
    this.releasePort();
    this.incoming.clear();
    this.queue.wake();
    return 0;
  }
}

/** The socket that a packet is for; among equals the one bound last, or one by the sender when they share the port. */
function receiverOf(ports: PortTable, from: InetAddress, to: InetAddress): UdpSocket | undefined {
  if (!isLoopback(to.host)) return undefined;
  let best: UdpSocket | undefined, score = 0;
  const equals: UdpSocket[] = [];
  for (const socket of ports.at(to.port) as readonly UdpSocket[]) {
    const suits = socket.suits(from, to);
    if (suits < score || suits === 0) continue;
    if (suits > score) equals.length = 0;
    if (socket.reusePort) equals.push(socket);
    best = socket;
    score = suits;
  }
  return equals.length > 1 ? equals[spread(from) % equals.length] : best;
}
