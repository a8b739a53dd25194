/** Making, naming and connecting sockets: socket(2), bind(2), listen(2), accept(2), connect(2) … */
import { E } from '../abi/errno.js';
import { O, POLL } from '../abi/fcntl.js';
import { NETLINK, NETLINK_MAX } from '../abi/netlink.js';
import { ADDRESS_MAX, AF, AF_MAX, IPPROTO, SHUT, SOCK, SOCK_TYPE_MASK } from '../abi/socket.js';
import { native } from '../host/native.js';
import { NetlinkSocket } from '../kernel/net/netlink.js';
import { Socket } from '../kernel/net/socket.js';
import { TcpSocket } from '../kernel/net/tcp.js';
import { UdpSocket } from '../kernel/net/udp.js';
import { createPair, UnixSeqpacket, UnixStream } from '../kernel/net/unix_connection.js';
import { UnixDatagram } from '../kernel/net/unix_datagram.js';
import type { Task } from '../kernel/task.js';
import { Wake } from '../kernel/wait_queue.js';
import { parkOn } from '../kernel/wait_ready.js';
import { call, fd, flags, int, oneOf, outStruct, ptr, type Row } from './types.js';

const TYPE_FLAGS = { NONBLOCK: SOCK.NONBLOCK, CLOEXEC: SOCK.CLOEXEC } as const;
/** Highest number of a type that Linux knows, and of a protocol. */
const SOCK_MAX = 11;
const IPPROTO_MAX = 263;

/** The socket of a descriptor: -EBADF, -ENOTSOCK. */
export function socketOf(task: Task, fd: number): Socket | number {
  const file = task.files.get(fd);
  if (file === undefined || file.flags & O.PATH) return -E.BADF;
  return file instanceof Socket ? file : -E.NOTSOCK;
}

/** A copy of the sockaddr at `address`: -EINVAL, -EFAULT. */
export function fetchAddress(task: Task, address: number, length: number): Uint8Array | number {
  if (length < 0 || length > ADDRESS_MAX) return -E.INVAL;
  const bytes = task.mm.bytes(address, length);
  return typeof bytes === 'number' ? bytes : bytes.slice();
}

/** Tells the guest a sockaddr, as much as fits, and in the int at `lengthAt` its whole length. */
export function putAddress(task: Task, name: Uint8Array | null, address: number, lengthAt: number): number {
  const { mm } = task;
  if (!mm.readable(lengthAt, 4)) return -E.FAULT;
  const room = mm.window.view.getInt32(lengthAt, true);
  if (room < 0) return -E.INVAL;
  const length = name === null ? 0 : name.length;
  if (length > 0 && room > 0 && !mm.putBytes(address, name!.subarray(0, Math.min(room, length)))) return -E.FAULT;
  return mm.putU32(lengthAt, length) ? 0 : -E.FAULT;
}

/** socket(2). */
function socket(task: Task, family: number, type: number, protocol: number): number {
  const flagBits = type & ~SOCK_TYPE_MASK;
  if (flagBits & ~(SOCK.NONBLOCK | SOCK.CLOEXEC)) return -E.INVAL;
  const made = createSocket(task, family, type & SOCK_TYPE_MASK, protocol);
  return typeof made === 'number' ? made : install(task, made, flagBits);
}

function createSocket(task: Task, family: number, type: number, protocol: number): Socket | number {
  if (family < 0 || family >= AF_MAX) return -E.AFNOSUPPORT;
  if (type >= SOCK_MAX) return -E.INVAL;
  switch (family) {
    case AF.UNIX:
      if (protocol !== 0 && protocol !== AF.UNIX) return -E.PROTONOSUPPORT;
      if (type === SOCK.STREAM) return new UnixStream(task);
      if (type === SOCK.SEQPACKET) return new UnixSeqpacket(task);
      // BSD's raw sockets of this family are datagram sockets.
      return type === SOCK.DGRAM || type === SOCK.RAW ? new UnixDatagram(task) : -E.SOCKTNOSUPPORT;
    case AF.INET:
    case AF.INET6:
      if (protocol < 0 || protocol >= IPPROTO_MAX) return -E.INVAL;
      if (type === SOCK.STREAM) {
        return protocol === 0 || protocol === IPPROTO.TCP ? new TcpSocket(family, task) : -E.PROTONOSUPPORT;
      }
      if (type === SOCK.DGRAM) {
        return protocol === 0 || protocol === IPPROTO.UDP ? new UdpSocket(family, task) : -E.PROTONOSUPPORT;
      }
      if (type === SOCK.RAW) return protocol === 0 ? -E.PROTONOSUPPORT : -E.PERM;
      return -E.SOCKTNOSUPPORT;
    case AF.NETLINK:
      if (type !== SOCK.RAW && type !== SOCK.DGRAM) return -E.SOCKTNOSUPPORT;
      if (protocol < 0 || protocol >= NETLINK_MAX) return -E.PROTONOSUPPORT;
      return protocol === NETLINK.ROUTE || protocol === NETLINK.KOBJECT_UEVENT
        ? new NetlinkSocket(family, type, protocol, task) : -E.PROTONOSUPPORT;
    default:
      return -E.AFNOSUPPORT;
  }
}

function install(task: Task, made: Socket, flagBits: number): number {
  if (flagBits & SOCK.NONBLOCK) made.flags |= O.NONBLOCK;
  const result = task.files.install(made, (flagBits & SOCK.CLOEXEC) !== 0);
  if (result < 0) made.unref();
  return result;
}

/** socketpair(2). */
function socketpair(task: Task, family: number, type: number, protocol: number, fds: number): number {
  const flagBits = type & ~SOCK_TYPE_MASK;
  if (flagBits & ~(SOCK.NONBLOCK | SOCK.CLOEXEC)) return -E.INVAL;
  const first = createSocket(task, family, type & SOCK_TYPE_MASK, protocol);
  if (typeof first === 'number') return first;
  const kind = first.type;
  first.unref();
  if (family !== AF.UNIX) return -E.OPNOTSUPP;
  if (!task.mm.writable(fds, 8)) return -E.FAULT;
  const [a, b] = kind === SOCK.DGRAM ? UnixDatagram.pair(task) : createPair(task, kind);
  const one = install(task, a, flagBits);
  const two = one < 0 ? one : install(task, b, flagBits);
  if (two < 0) {
    if (one >= 0) task.files.close(one);
    else b.unref();
    return two;
  }
  task.mm.putU32(fds, one);
  task.mm.putU32(fds + 4, two);
  return 0;
}

/** bind(2). */
function bind(task: Task, fd: number, address: number, length: number): number {
  const file = socketOf(task, fd);
  if (typeof file === 'number') return file;
  const name = fetchAddress(task, address, length);
  return typeof name === 'number' ? name : file.bind(task, name);
}

/** listen(2). */
function listen(task: Task, fd: number, backlog: number): number {
  const file = socketOf(task, fd);
  return typeof file === 'number' ? file : file.listen(task, backlog);
}

/** CLOCK_MONOTONIC deadline of a socket's time-out. */
export function deadlineAfter(timeout: number): number {
  return timeout === Infinity ? Infinity : native.monotonicNow() + timeout;
}

/** What a signal makes of a call that waits: with a time-out set it is not restarted (signal(7)). */
export function interrupted(deadline: number): number {
  return deadline === Infinity ? -E.RESTARTSYS : -E.INTR;
}

/** accept4(2). */
function accept4(task: Task, fd: number, address: number, lengthAt: number, flagBits: number): number {
  if (flagBits & ~(SOCK.NONBLOCK | SOCK.CLOEXEC)) return -E.INVAL;
  const file = socketOf(task, fd);
  if (typeof file === 'number') return file;
  return acceptFrom(task, file, address, lengthAt, flagBits, deadlineAfter(file.receiveTimeout));
}

function acceptFrom(
  task: Task, listener: Socket, address: number, lengthAt: number, flagBits: number, deadline: number,
): number {
  const made = listener.accept(task);
  if (typeof made !== 'number') {
    if (address !== 0) {
      const name = made.acceptedName();
      const failed = putAddress(task, typeof name === 'number' ? null : name, address, lengthAt);
      if (failed < 0) {
        made.unref();
        return failed;
      }
    }
    return install(task, made, flagBits);
  }
  if (made !== -E.AGAIN || listener.flags & O.NONBLOCK) return made;
  listener.queue.add(task, POLL.IN | POLL.ERR | POLL.HUP);
  return parkOn(task, listener, (parked, wake) => {
    if (wake === Wake.Timeout) return -E.AGAIN;
    if (wake === Wake.Signal) return interrupted(deadline);
    return acceptFrom(parked, listener, address, lengthAt, flagBits, deadline);
  }, deadline);
}

/** connect(2). */
function connect(task: Task, fd: number, address: number, length: number): number {
  const file = socketOf(task, fd);
  if (typeof file === 'number') return file;
  const name = fetchAddress(task, address, length);
  return typeof name === 'number' ? name : connectTo(task, file, name, deadlineAfter(file.sendTimeout));
}

function connectTo(task: Task, file: Socket, name: Uint8Array, deadline: number): number {
  const result = file.connect(task, name);
  const waits = result === -E.AGAIN || result === -E.INPROGRESS || result === -E.ALREADY;
  if (!waits || file.flags & O.NONBLOCK) return result;
  // Connected, or refused: the next connect tells.
  if (result !== -E.AGAIN && !file.connecting) return file.connect(task, name);
  file.queue.add(task);
  return parkOn(task, file, (parked, wake) => {
    if (wake === Wake.Timeout) return file.connecting ? -E.INPROGRESS : -E.AGAIN;
    if (wake === Wake.Signal) return interrupted(deadline);
    return connectTo(parked, file, name, deadline);
  }, deadline);
}

/** shutdown(2). */
function shutdown(task: Task, fd: number, how: number): number {
  const file = socketOf(task, fd);
  if (typeof file === 'number') return file;
  return how < SHUT.RD || how > SHUT.RDWR ? -E.INVAL : file.shutdown(how + 1);
}

/** getsockname(2). */
function getsockname(task: Task, fd: number, address: number, lengthAt: number): number {
  const file = socketOf(task, fd);
  return typeof file === 'number' ? file : putAddress(task, file.localName(), address, lengthAt);
}

/** getpeername(2). */
function getpeername(task: Task, fd: number, address: number, lengthAt: number): number {
  const file = socketOf(task, fd);
  if (typeof file === 'number') return file;
  const name = file.peerName();
  return typeof name === 'number' ? name : putAddress(task, name, address, lengthAt);
}

const family = oneOf('AF_', AF);
const protocol = int;
const typeFlags = flags('SOCK_', TYPE_FLAGS);
const loopbackOnly = 'AF_UNIX; AF_INET and AF_INET6 between guests on the loopback interface: streams and datagrams';

export const socketRows: readonly Row[] = [
  call('socket', 41, 359, [family, int, protocol], socket, 'partial', loopbackOnly),
  call('socketpair', 53, 360, [family, int, protocol, outStruct('fds')], socketpair),
  call('bind', 49, 361, [fd, ptr, int], bind),
  call('listen', 50, 363, [fd, int], listen),
  call('accept', 43, -1, [fd, ptr, ptr], (task, fd, address, lengthAt) => accept4(task, fd, address, lengthAt, 0)),
  call('accept4', 288, 364, [fd, ptr, ptr, typeFlags], accept4),
  call('connect', 42, 362, [fd, ptr, int], connect),
  call('shutdown', 48, 373, [fd, oneOf('SHUT_', SHUT)], shutdown),
  call('getsockname', 51, 367, [fd, ptr, ptr], getsockname),
  call('getpeername', 52, 368, [fd, ptr, ptr], getpeername),
];
