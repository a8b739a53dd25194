/** Netlink sockets (netlink(7)): questions about interfaces, and the messages of mq_notify(3). No events ever come. */
import { E } from '../../abi/errno.js';
import { POLL } from '../../abi/fcntl.js';
import { NETLINK, SOCKADDR_NL } from '../../abi/netlink.js';
import { AF, MSG } from '../../abi/socket.js';
import type { Task } from '../task.js';
import { chargeOf, MessageQueue } from './message_queue.js';
import { answer } from './rtnetlink.js';
import { READABLE, Socket, WRITABLE_INET, type Incoming, type Outgoing } from './socket.js';

const NOTHING: Outgoing = { flags: 0, to: null, files: null, credentials: null, packet: null };
/** What the kernel's own messages come from. */
const KERNEL = new Uint8Array(SOCKADDR_NL.size);
KERNEL[0] = AF.NETLINK;

/** Port ids in use: the process's id for its first socket, then others from above. */
const ports = new Map<number, NetlinkSocket>();
let nextPort = 0xffff_f000;

export class NetlinkSocket extends Socket {
  private readonly incoming = new MessageQueue();
  /** The port id; 0: none yet. */
  private port = 0;
  private groups = 0;

  override bind(task: Task, address: Uint8Array): number {
    if (address.length < SOCKADDR_NL.size || (address[0]! | (address[1]! << 8)) !== AF.NETLINK) return -E.INVAL;
    const view = new DataView(address.buffer, address.byteOffset, address.byteLength);
    const port = view.getUint32(SOCKADDR_NL.pid, true);
    if (this.port !== 0 && port !== 0 && port !== this.port) return -E.INVAL;
    if (this.port === 0) {
      if (port === 0) this.autobind(task);
      else if (ports.has(port)) return -E.ADDRINUSE;
      else this.take(port);
    }
    this.groups = view.getUint32(SOCKADDR_NL.groups, true);
    return 0;
  }

  private autobind(task: Task): void {
    let port = task.process.pid;
    while (ports.has(port)) port = nextPort--;
    this.take(port);
  }

  private take(port: number): void {
    this.port = port;
    ports.set(port, this);
  }

  /** Only the kernel listens, so only its address is of use. */
  override connect(task: Task, address: Uint8Array): number {
    if (address.length < 2) return -E.INVAL;
    if ((address[0]! | (address[1]! << 8)) === AF.UNSPEC) return 0;
    const failed = destinationError(address);
    if (failed < 0) return failed;
    if (this.port === 0) this.autobind(task);
    return 0;
  }

  override send(task: Task, u8: Uint8Array, start: number, length: number, message: Outgoing): number {
    if (message.flags & MSG.OOB) return -E.OPNOTSUPP;
    const failed = message.to === null ? 0 : destinationError(message.to);
    if (failed < 0) return failed;
    if (length > this.sendBuffer - 32) return -E.MSGSIZE;
    if (this.port === 0) this.autobind(task);
    if (this.protocol === NETLINK.ROUTE) {
      for (const bytes of answer(u8.slice(start, start + length), this.port)) this.deliver(bytes);
    }
    return length;
  }

  /** A message of the kernel's; false when there is no room for it, which the next call tells (ENOBUFS). */
  deliver(bytes: Uint8Array): boolean {
    if (this.incoming.charge + chargeOf(bytes.length) > this.receiveBuffer) {
      this.error = E.NOBUFS;
      this.queue.wake();
      return false;
    }
    this.incoming.push(bytes, 0, bytes.length, NOTHING, KERNEL);
    this.queue.wake(READABLE);
    return true;
  }

  override receive(u8: Uint8Array, start: number, length: number, incoming: Incoming): number {
    if (incoming.flags & MSG.OOB) return -E.OPNOTSUPP;
    if (this.error !== 0) return this.takeError();
    return this.incoming.count === 0 ? -E.AGAIN : this.incoming.take(u8, start, length, incoming);
  }

  override localName(): Uint8Array {
    const name = KERNEL.slice();
    const view = new DataView(name.buffer);
    view.setUint32(SOCKADDR_NL.pid, this.port, true);
    view.setUint32(SOCKADDR_NL.groups, this.groups, true);
    return name;
  }

  override peerName(): Uint8Array {
    return KERNEL.slice();
  }

  override shutdown(): number {
    return -E.OPNOTSUPP;
  }

  override get readableBytes(): number {
    return this.incoming.firstSize;
  }

  override poll(): number {
    return WRITABLE_INET | (this.error !== 0 ? POLL.ERR : 0) | (this.incoming.count > 0 ? READABLE : 0);
  }

  protected override closed(): number {
    if (this.port !== 0) ports.delete(this.port);
    this.incoming.clear();
    this.queue.wake();
    return 0;
  }
}

/** Whether a message can go to `address`: to the kernel only. */
function destinationError(address: Uint8Array): number {
  if (address.length < SOCKADDR_NL.size || (address[0]! | (address[1]! << 8)) !== AF.NETLINK) return -E.INVAL;
  const view = new DataView(address.buffer, address.byteOffset, address.byteLength);
  if (view.getUint32(SOCKADDR_NL.pid, true) !== 0) return -E.CONNREFUSED;
  return view.getUint32(SOCKADDR_NL.groups, true) !== 0 ? -E.PERM : 0;
}
