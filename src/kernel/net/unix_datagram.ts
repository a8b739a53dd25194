/** SOCK_DGRAM of unix(7): reliable messages, without connections. */
import { E } from '../../abi/errno.js';
import { POLL } from '../../abi/fcntl.js';
import { AF, MSG, SOCK } from '../../abi/socket.js';
import type { OpenFile } from '../../vfs/open_file.js';
import type { Task } from '../task.js';
import { MessageQueue, chargeOf } from './message_queue.js';
import { READABLE, Shut, WRITABLE, type Incoming, type Outgoing } from './socket.js';
import { credentialsOf, UnixSocket } from './unix_socket.js';

/** Messages that wait at a socket before senders wait (net.unix.max_dgram_qlen). */
const MAX_QUEUED = 10;
const MESSAGE_OVERHEAD = 32;

export class UnixDatagram extends UnixSocket {
  private readonly incoming = new MessageQueue();
  /** What this socket's messages take at their receivers, which is limited by SO_SNDBUF. */
  private sent = 0;
  /** Who is charged for the messages in `incoming`, in the same order. */
  private readonly charges: { readonly sender: UnixDatagram; readonly charge: number }[] = [];

  constructor(creator: Task) {
    super(SOCK.DGRAM, creator);
  }

  /** socketpair(2). */
  static pair(task: Task): [UnixDatagram, UnixDatagram] {
    const a = new UnixDatagram(task), b = new UnixDatagram(task);
    a.peer = b;
    b.peer = a;
    a.credentialsOfPeer = b.credentialsOfPeer = credentialsOf(task);
    return [a, b];
  }

  /** Sets the default destination; AF_UNSPEC takes it back. */
  override connect(task: Task, address: Uint8Array): number {
    if (address.length < 2) return -E.INVAL;
    if ((address[0]! | (address[1]! << 8)) === AF.UNSPEC) {
      this.setPeer(null);
      return 0;
    }
    const found = this.find(task, address);
    if (typeof found === 'number') return found;
    if (this.passCredentials) this.autobind();
    if (!(found as UnixDatagram).admits(this)) return -E.PERM;
    this.setPeer(found as UnixDatagram);
    return 0;
  }

  private setPeer(peer: UnixDatagram | null): void {
    const { peer: old } = this;
    this.peer = peer;
    // What the former peer has sent is not for this connection.
    if (old && old !== peer) this.dropMessages();
    this.queue.wake();
  }

  /** A connected socket takes messages of its peer only. */
  private admits(sender: UnixDatagram): boolean {
    return this.peer === null || this.peer === sender;
  }

  /** Has as many messages as it takes from others than its peer. */
  private get full(): boolean {
    return this.incoming.count > MAX_QUEUED;
  }

  override send(task: Task, u8: Uint8Array, start: number, length: number, message: Outgoing): number {
    if (message.flags & MSG.OOB) return -E.OPNOTSUPP;
    let to = this.peer as UnixDatagram | null;
    if (message.to) {
      const found = this.find(task, message.to);
      if (typeof found === 'number') return found;
      to = found as UnixDatagram;
    } else if (!to) {
      return -E.NOTCONN;
    }
    if (length > this.sendBuffer - MESSAGE_OVERHEAD) return -E.MSGSIZE;
    if (this.passCredentials) this.autobind();
    if (this.error !== 0) return this.takeError();
    if (this.shut & Shut.Send) return -E.PIPE;
    if (this.sent >= this.sendBuffer) return -E.AGAIN;
    if (to.dead) {
      if (!message.to) this.setPeer(null);
      return -E.CONNREFUSED;
    }
    if (!to.admits(this)) return -E.PERM;
    if (to.shut & Shut.Receive) return -E.PIPE;
    if (to !== this && to.peer !== this && to.full) {
      to.blocked.add(this);
      return -E.AGAIN;
    }
    this.identify(task, message, to);
    to.incoming.push(u8, start, length, message, this.bound ? this.name : null);
    const charge = chargeOf(length);
    to.charges.push({ sender: this, charge });
    this.sent += charge;
    message.files = null;
    to.queue.wake(READABLE);
    return length;
  }

  override receive(u8: Uint8Array, start: number, length: number, incoming: Incoming): number {
    if (incoming.flags & MSG.OOB) return -E.OPNOTSUPP;
    if (this.incoming.count === 0) {
      if (this.error !== 0) return this.takeError();
      return this.shut & Shut.Receive ? 0 : -E.AGAIN;
    }
    const count = this.incoming.take(u8, start, length, incoming);
    if (incoming.flags & MSG.PEEK) return count;
    const { sender, charge } = this.charges.shift()!;
    sender.delivered(charge);
    this.unblock();
    return count;
  }

  private delivered(charge: number): void {
    this.sent -= charge;
    if (this.writable) this.queue.wake(WRITABLE);
  }

  private get writable(): boolean {
    return this.sent * 4 <= this.sendBuffer;
  }

  override shutdown(bits: number): number {
    this.shut |= bits;
    this.queue.wake();
    this.unblock();
    return 0;
  }

  override get readableBytes(): number {
    return this.incoming.firstSize;
  }
  override get unsentBytes(): number {
    return this.sent;
  }

  override poll(): number {
    let events = 0;
    if (this.error !== 0) events |= POLL.ERR;
    if (this.shut & Shut.Receive) events |= POLL.RDHUP | READABLE;
    if (this.shut === Shut.Both) events |= POLL.HUP;
    if (this.incoming.count > 0) events |= READABLE;
    const to = this.peer as UnixDatagram | null;
    if (to && to.peer !== this && !to.dead && to.full) to.blocked.add(this);
    else if (this.writable) events |= WRITABLE;
    return events;
  }

  override heldFiles(visit: (file: OpenFile) => void): void {
    this.incoming.heldFiles(visit);
  }
  override dropMessages(): void {
    for (const { sender, charge } of this.charges.splice(0)) sender.delivered(charge);
    this.incoming.clear();
    this.unblock();
  }
}
