/** Connected sockets: streams of TCP and AF_UNIX, and AF_UNIX SOCK_SEQPACKET, which keeps messages apart. */
import { E } from '../../abi/errno.js';
import { POLL } from '../../abi/fcntl.js';
import { AF, SHUT, SOCK, SOMAXCONN } from '../../abi/socket.js';
import type { OpenFile } from '../../vfs/open_file.js';
import type { PathContext } from '../../vfs/path_walk.js';
import { inetAddress, LOOPBACK4, LOOPBACK6, isAny, type SocketAddress } from './address.js';
import { BUFFER, credentialsOf, Socket, type PeerCredentials, type Received } from './socket.js';

export class StreamSocket extends Socket {
  private peer: StreamSocket | null = null;
  private backlog = -1;
  private readonly pendingConnections: StreamSocket[] = [];
  /** Was connected at some time. */
  private connectedOnce = false;
  /** The other end is closed. */
  private hungUp = false;
  private reset = false;

  override get listening(): boolean {
    return this.backlog >= 0;
  }

  /** socketpair(2), and what connect makes of two sockets. */
  static join(a: StreamSocket, b: StreamSocket): void {
    a.peer = b;
    b.peer = a;
    a.connectedOnce = b.connectedOnce = true;
  }

  override listen(backlog: number): number {
    if (this.connectedOnce) return -E.INVAL;
    if (!this.bound) {
      if (this.domain === AF.UNIX) return -E.INVAL;
      const failed = this.autobind();
      if (failed < 0) return failed;
    }
    this.backlog = Math.max(0, Math.min(backlog < 0 ? SOMAXCONN : backlog, SOMAXCONN));
    const task = this.kernel.current!;
    this.peerCredentials = credentialsOf(task.process.pid, task.cred);
    return 0;
  }

  override connect(address: SocketAddress, fs: PathContext): number {
    if (this.listening) return this.domain === AF.UNIX ? -E.INVAL : -E.ISCONN;
    if (this.peer || this.connectedOnce) return -E.ISCONN;
    const listener = this.findPeer(address, fs);
    if (typeof listener === 'number') return listener;
    if (!(listener instanceof StreamSocket) || !listener.listening) return -E.CONNREFUSED;
    // One more than asked for, as Linux counts.
    if (listener.pendingConnections.length > listener.backlog) return -E.AGAIN;
    const failed = this.autobind();
    if (failed < 0) return failed;
    const server = new StreamSocket(this.kernel, listener.domain, this.type, this.protocol, 0);
    const task = this.kernel.current!;
    StreamSocket.join(this, server);
    if (this.domain !== AF.UNIX) this.address = this.visibleAddress;
    server.address = this.domain === AF.UNIX ? listener.address : this.seen(listener.domain, address);
    server.peerAddress = this.domain === AF.UNIX ? this.address : this.seen(listener.domain, this.address);
    server.peerCredentials = credentialsOf(task.process.pid, task.cred);
    this.peerAddress = this.domain === AF.UNIX ? listener.address : this.seen(this.domain, address);
    this.peerCredentials = listener.peerCredentials;
    listener.pendingConnections.push(server);
    listener.queue.wake(POLL.IN);
    this.queue.wake(POLL.OUT);
    return 0;
  }

  /** An internet address as a socket of `domain` sees it: IPv4 mapped into IPv6, the wildcard as loopback. */
  private seen(domain: number, address: SocketAddress): SocketAddress {
    let { host } = address;
    if (isAny(host)) host = host.length === 4 ? LOOPBACK4 : LOOPBACK6;
    if (domain === AF.INET6 && host.length === 4) host = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...host];
    return inetAddress(domain, host, address.port);
  }

  override accept(flags: number): Socket | number {
    if (!this.listening) return -E.INVAL;
    const server = this.pendingConnections.shift();
    if (!server) return -E.AGAIN;
    server.flags |= flags;
    this.queue.wake(POLL.OUT);
    return server;
  }

  override send(
    u8: Uint8Array, start: number, length: number, to: SocketAddress | null, files: OpenFile[],
    credentials: PeerCredentials | null,
  ): number {
    if (to && this.domain === AF.UNIX) return this.peer || this.connectedOnce ? -E.ISCONN : -E.OPNOTSUPP;
    const { peer } = this;
    if (!peer) return this.connectedOnce ? -E.PIPE : this.domain === AF.UNIX ? -E.NOTCONN : -E.PIPE;
    if (this.writeClosed || peer.readClosed) return -E.PIPE;
    const whole = this.type === SOCK.SEQPACKET;
    if (length === 0 && !whole) return 0;
    if (whole && length > BUFFER) return -E.MSGSIZE;
    const room = BUFFER - peer.held;
    if (room <= 0 || (whole && room < length && peer.held > 0)) return -E.AGAIN;
    const count = whole ? length : Math.min(length, room);
    const from = credentials ?? this.ownCredentials();
    peer.push({ bytes: u8.slice(start, start + count), at: 0, from: null, files, credentials: from });
    return count;
  }

  private ownCredentials(): PeerCredentials | null {
    const task = this.kernel.current;
    return task && this.domain === AF.UNIX ? { pid: task.process.pid, uid: task.cred.uid, gid: task.cred.gid } : null;
  }

  override receive(u8: Uint8Array, start: number, length: number, peek: boolean): Received | number {
    const error = this.takeError();
    if (error !== 0) return -error;
    if (this.incoming.length === 0) {
      if (!this.connectedOnce) return this.domain === AF.UNIX ? -E.INVAL : -E.NOTCONN;
      if (this.reset) {
        this.reset = false;
        return -E.CONNRESET;
      }
      if (this.hungUp || this.readClosed || !this.peer || this.peer.writeClosed) {
        return { count: 0, full: 0, from: null, files: [], credentials: null };
      }
      return length === 0 ? 0 : -E.AGAIN;
    }
    return this.type === SOCK.SEQPACKET ? this.takeMessage(u8, start, length, peek)
      : this.takeBytes(u8, start, length, peek);
  }

  private takeMessage(u8: Uint8Array, start: number, length: number, peek: boolean): Received {
    const chunk = this.incoming[0]!;
    const count = Math.min(length, chunk.bytes.length);
    u8.set(chunk.bytes.subarray(0, count), start);
    const received = { count, full: chunk.bytes.length, from: null, files: peek ? [] : chunk.files,
      credentials: chunk.credentials };
    if (!peek) {
      this.incoming.shift();
      this.taken(chunk.bytes.length);
    }
    return received;
  }

  /** Bytes of several writes may come together, but not past files that were sent along. */
  private takeBytes(u8: Uint8Array, start: number, length: number, peek: boolean): Received {
    let count = 0, at = 0;
    let files: OpenFile[] = [];
    const { credentials } = this.incoming[0]!;
    while (count < length && at < this.incoming.length) {
      const chunk = this.incoming[at]!;
      if (chunk.files.length > 0) {
        if (files.length > 0 || count > 0) break;
        files = chunk.files;
      }
      const piece = Math.min(length - count, chunk.bytes.length - chunk.at);
      u8.set(chunk.bytes.subarray(chunk.at, chunk.at + piece), start + count);
      count += piece;
      if (peek) {
        at++;
        continue;
      }
      chunk.files = [];
      chunk.at += piece;
      if (chunk.at < chunk.bytes.length) break;
      this.incoming.shift();
    }
    if (!peek) this.taken(count);
    return { count, full: count, from: null, files: peek ? [] : files, credentials };
  }

  private taken(bytes: number): void {
    this.held -= bytes;
    this.peer?.queue.wake(POLL.OUT);
  }

  override shutdown(how: number): number {
    const { peer } = this;
    if (!peer && !this.listening && !this.hungUp && this.domain !== AF.UNIX) return -E.NOTCONN;
    if (how !== SHUT.WR) this.readClosed = true;
    if (how !== SHUT.RD) this.writeClosed = true;
    if (this.listening && how !== SHUT.WR) this.refuseAll();
    peer?.queue.wake(POLL.IN | POLL.OUT | POLL.HUP | POLL.RDHUP);
    this.queue.wake(POLL.IN | POLL.OUT | POLL.HUP | POLL.RDHUP);
    return 0;
  }

  private refuseAll(): void {
    this.backlog = -1;
    for (const server of this.pendingConnections.splice(0)) server.unref();
  }

  override poll(): number {
    if (this.listening) return this.pendingConnections.length > 0 ? POLL.IN | POLL.RDNORM : 0;
    if (!this.connectedOnce) return POLL.OUT | POLL.WRNORM | POLL.HUP;
    let events = 0;
    const { peer } = this;
    const ended = this.hungUp || !peer || peer.writeClosed;
    if (this.incoming.length > 0 || ended || this.readClosed) events |= POLL.IN | POLL.RDNORM;
    if (ended || this.readClosed) events |= POLL.RDHUP;
    if (!peer || BUFFER - peer.held > 0 || this.writeClosed) events |= POLL.OUT | POLL.WRNORM;
    if (this.hungUp || (ended && this.writeClosed) || (this.readClosed && this.writeClosed)) events |= POLL.HUP;
    if (this.error !== 0 || this.reset) events |= POLL.ERR;
    return events;
  }

  protected override closed(): number {
    const { peer } = this;
    if (peer) {
      peer.hungUp = true;
      peer.peer = null;
      // What was not read is lost: the peer is told so.
      if (this.held > 0) peer.reset = true;
      peer.queue.wake(POLL.IN | POLL.OUT | POLL.HUP | POLL.RDHUP);
      this.peer = null;
    }
    if (this.listening) this.refuseAll();
    return super.closed();
  }
}
