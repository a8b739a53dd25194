/** Sockets of single messages: UDP on the loopback network, AF_UNIX SOCK_DGRAM. */
import { E } from '../../abi/errno.js';
import { POLL } from '../../abi/fcntl.js';
import { AF, SHUT } from '../../abi/socket.js';
import type { OpenFile } from '../../vfs/open_file.js';
import type { PathContext } from '../../vfs/path_walk.js';
import type { SocketAddress } from './address.js';
import { BUFFER, Socket, type PeerCredentials, type Received } from './socket.js';

const UDP_MAX = 65507;
/** Messages that may wait (net.unix.max_dgram_qlen is 10 on old systems, 512 on new ones). */
const QUEUE_MAX = 512;

export class DatagramSocket extends Socket {
  private peer: DatagramSocket | null = null;
  private isClosed = false;

  /** socketpair(2). */
  static join(a: DatagramSocket, b: DatagramSocket): void {
    a.peer = b;
    b.peer = a;
  }

  override connect(address: SocketAddress, fs: PathContext): number {
    if (address.family === AF.UNSPEC) {
      this.peer = null;
      this.peerAddress = null;
      return 0;
    }
    const failed = this.autobind();
    if (failed < 0) return failed;
    const found = this.findPeer(address, fs);
    if (typeof found === 'number' && (this.domain === AF.UNIX || found === -E.NETUNREACH)) return found;
    // UDP: nobody needs to be there yet.
    this.peer = found instanceof DatagramSocket ? found : null;
    this.peerAddress = address;
    if (this.domain !== AF.UNIX) this.address = this.visibleAddress;
    return 0;
  }

  override send(
    u8: Uint8Array, start: number, length: number, to: SocketAddress | null, files: OpenFile[],
    credentials: PeerCredentials | null,
  ): number {
    if (this.writeClosed) return -E.PIPE;
    if (this.domain !== AF.UNIX && length > UDP_MAX) return -E.MSGSIZE;
    if (length > BUFFER) return -E.MSGSIZE;
    const error = this.takeError();
    if (error !== 0) return -error;
    const target = this.target(to);
    if (typeof target === 'number') return target;
    if (!target) return length;
    if (target.readClosed) return -E.PIPE;
    if (target.peer && target.peer !== this && this.domain === AF.UNIX) return -E.PERM;
    if (target.held + length > BUFFER || target.incoming.length >= QUEUE_MAX) {
      // UDP drops what finds no room.
      return this.domain === AF.UNIX ? -E.AGAIN : length;
    }
    const task = this.kernel.current!;
    const own = credentials ?? { pid: task.process.pid, uid: task.cred.uid, gid: task.cred.gid };
    target.push({ bytes: u8.slice(start, start + length), at: 0, from: this.visibleAddress, files, credentials: own });
    return length;
  }

  /** Who gets a message; null when nobody is there and nobody has to be told. */
  private target(to: SocketAddress | null): DatagramSocket | null | number {
    const { fs } = this.kernel.current!;
    const bound = this.autobind();
    if (bound < 0) return bound;
    if (!to) {
      if (this.peer && !this.peer.isClosed) return this.peer;
      if (this.peer && this.domain === AF.UNIX) {
        this.peer = null;
        return -E.CONNREFUSED;
      }
      if (!this.peerAddress) return this.domain === AF.UNIX ? -E.NOTCONN : -E.DESTADDRREQ;
    }
    const address = to ?? this.peerAddress!;
    const found = this.findPeer(address, fs);
    if (found instanceof DatagramSocket) return found;
    if (typeof found === 'number' && (this.domain === AF.UNIX || found !== -E.CONNREFUSED)) return found;
    // An ICMP error comes back to a connected socket.
    if (this.peerAddress) this.error = E.CONNREFUSED;
    return null;
  }

  override receive(u8: Uint8Array, start: number, length: number, peek: boolean): Received | number {
    const error = this.takeError();
    if (error !== 0) return -error;
    let chunk = this.incoming[0];
    // A connected socket hears its peer only.
    while (chunk && this.domain !== AF.UNIX && this.peerAddress && chunk.from?.port !== this.peerAddress.port) {
      this.drop();
      chunk = this.incoming[0];
    }
    if (!chunk) return this.readClosed ? { count: 0, full: 0, from: null, files: [], credentials: null } : -E.AGAIN;
    const count = Math.min(length, chunk.bytes.length);
    u8.set(chunk.bytes.subarray(0, count), start);
    const received = {
      count, full: chunk.bytes.length, from: chunk.from, files: peek ? [] : chunk.files, credentials: chunk.credentials,
    };
    if (!peek) this.drop();
    return received;
  }

  private drop(): void {
    const chunk = this.incoming.shift()!;
    this.held -= chunk.bytes.length;
    this.peer?.queue.wake(POLL.OUT);
  }

  protected override get nextLength(): number {
    return this.incoming[0]?.bytes.length ?? 0;
  }

  override shutdown(how: number): number {
    if (!this.peerAddress && !this.peer) return -E.NOTCONN;
    if (how !== SHUT.WR) this.readClosed = true;
    if (how !== SHUT.RD) this.writeClosed = true;
    this.queue.wake(POLL.IN | POLL.OUT | POLL.HUP);
    return 0;
  }

  override poll(): number {
    let events = POLL.OUT | POLL.WRNORM;
    if (this.incoming.length > 0 || this.readClosed) events |= POLL.IN | POLL.RDNORM;
    if (this.readClosed && this.writeClosed) events |= POLL.HUP;
    if (this.error !== 0) events |= POLL.ERR;
    return events;
  }

  protected override closed(): number {
    this.isClosed = true;
    this.peer?.queue.wake(POLL.OUT);
    return super.closed();
  }
}
