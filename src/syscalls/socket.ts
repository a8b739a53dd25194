/** Making and connecting sockets: socket(2), bind(2), listen(2), accept(2), connect(2), getsockopt(2) … */
import { E } from '../abi/errno.js';
import { O, POLL } from '../abi/fcntl.js';
import { AF, IPPROTO, SHUT, SO, SOCK, SOCK_TYPE_MASK, SOL_SOCKET } from '../abi/socket.js';
import { native } from '../host/native.js';
import { formatAddress, parseAddress, type SocketAddress } from '../kernel/net/address.js';
import { DatagramSocket } from '../kernel/net/datagram.js';
import { BUFFER, credentialsOf, Socket } from '../kernel/net/socket.js';
import { StreamSocket } from '../kernel/net/stream.js';
import type { Task } from '../kernel/task.js';
import { Wake } from '../kernel/wait_queue.js';
import { readyQueue } from '../kernel/wait_ready.js';
import { readTimeval, time, writePair } from './timespec.js';
import { call, fd, flags, int, oneOf, outStruct, ptr, type Row } from './types.js';

const family = oneOf('AF_', AF);
const type = flags('SOCK_', SOCK);

const loopback = 'AF_UNIX, and AF_INET, AF_INET6 on the loopback network between guests';

export const socketRows: readonly Row[] = [
  call('socket', 41, 359, [family, type, int], socket, 'partial', loopback),
  call('socketpair', 53, 360, [family, type, int, outStruct('fds')], socketpair),
  call('bind', 49, 361, [fd, ptr, int], bind),
  call('listen', 50, 363, [fd, int], listen),
  call('accept', 43, -1, [fd, ptr, ptr], (task, descriptor, addr, length) => accept4(task, descriptor, addr, length,
    0)),
  call('accept4', 288, 364, [fd, ptr, ptr, type], accept4),
  call('connect', 42, 362, [fd, ptr, int], connect, 'partial', 'ENETUNREACH for addresses that are not loopback'),
  call('getsockname', 51, 367, [fd, ptr, ptr], getsockname),
  call('getpeername', 52, 368, [fd, ptr, ptr], getpeername),
  call('shutdown', 48, 373, [fd, oneOf('SHUT_', SHUT)], shutdown),
  call('setsockopt', 54, 366, [fd, int, int, ptr, int], setsockopt, 'partial', 'most options are only stored'),
  call('getsockopt', 55, 365, [fd, int, int, ptr, ptr], getsockopt, 'partial', 'most options are only stored'),
];

/** The socket behind a descriptor; -EBADF, -ENOTSOCK. */
export function socketOf(task: Task, descriptor: number): Socket | number {
  const file = task.files.get(descriptor);
  if (!file || file.flags & O.PATH) return -E.BADF;
  return file instanceof Socket ? file : -E.NOTSOCK;
}

/** The sockaddr at `addr`. -EFAULT, -EINVAL, -EAFNOSUPPORT. */
export function readAddress(task: Task, socket: Socket, addr: number, length: number): SocketAddress | number {
  if (length < 0 || length > 128) return -E.INVAL;
  const bytes = task.mm.bytes(addr, length);
  return typeof bytes === 'number' ? bytes : parseAddress(bytes, socket.domain);
}

/** Stores a sockaddr, cut to the room that *lengthAt says, and its full length. 0, -EFAULT, -EINVAL. */
export function writeAddress(task: Task, address: SocketAddress | null, addr: number, lengthAt: number): number {
  const { mm } = task;
  const room = mm.getU32(lengthAt) | 0;
  if (!mm.readable(lengthAt, 4)) return -E.FAULT;
  if (room < 0) return -E.INVAL;
  const bytes = address ? formatAddress(address) : new Uint8Array(0);
  const count = Math.min(room, bytes.length);
  if (!mm.putBytes(addr, bytes.subarray(0, count)) || !mm.putU32(lengthAt, bytes.length)) return -E.FAULT;
  return 0;
}

/**
 * A socket of the kind asked for, or -EAFNOSUPPORT, -ESOCKTNOSUPPORT, -EPROTONOSUPPORT, -EPROTOTYPE, -EINVAL, -EPERM.
 */
function make(task: Task, domain: number, coded: number, protocol: number): Socket | number {
  const kind = coded & SOCK_TYPE_MASK;
  if (coded & ~(SOCK_TYPE_MASK | SOCK.NONBLOCK | SOCK.CLOEXEC)) return -E.INVAL;
  if (domain !== AF.UNIX && domain !== AF.INET && domain !== AF.INET6) return -E.AFNOSUPPORT;
  const nonblock = coded & SOCK.NONBLOCK;
  const { kernel } = task;
  if (domain === AF.UNIX) {
    if (protocol !== 0 && protocol !== AF.UNIX) return -E.PROTONOSUPPORT;
    if (kind === SOCK.STREAM || kind === SOCK.SEQPACKET) return new StreamSocket(kernel, domain, kind, 0, nonblock);
    // As Linux: raw unix sockets are datagram sockets.
    if (kind === SOCK.DGRAM || kind === SOCK.RAW) return new DatagramSocket(kernel, domain, SOCK.DGRAM, 0, nonblock);
    return -E.SOCKTNOSUPPORT;
  }
  switch (kind) {
    case SOCK.STREAM:
      if (protocol !== 0 && protocol !== IPPROTO.TCP) return -E.PROTONOSUPPORT;
      return new StreamSocket(kernel, domain, kind, IPPROTO.TCP, nonblock);
    case SOCK.DGRAM:
      if (protocol !== 0 && protocol !== IPPROTO.UDP) return -E.PROTONOSUPPORT;
      return new DatagramSocket(kernel, domain, kind, IPPROTO.UDP, nonblock);
    case SOCK.RAW:
      return -E.PERM;
    default:
      return -E.SOCKTNOSUPPORT;
  }
}

function install(task: Task, file: Socket, cloexec: boolean): number {
  const result = task.files.install(file, cloexec);
  if (result < 0) file.unref();
  return result;
}

/** socket(2). */
function socket(task: Task, domain: number, coded: number, protocol: number): number {
  const made = make(task, domain, coded, protocol);
  return typeof made === 'number' ? made : install(task, made, (coded & SOCK.CLOEXEC) !== 0);
}

/** socketpair(2). */
function socketpair(task: Task, domain: number, coded: number, protocol: number, fds: number): number {
  if (!task.mm.writable(fds, 8)) return -E.FAULT;
  const first = make(task, domain, coded, protocol);
  if (typeof first === 'number') return first;
  const second = make(task, domain, coded, protocol) as Socket;
  if (domain !== AF.UNIX) {
    first.unref();
    second.unref();
    return -E.OPNOTSUPP;
  }
  if (first instanceof StreamSocket) StreamSocket.join(first, second as StreamSocket);
  else DatagramSocket.join(first as DatagramSocket, second as DatagramSocket);
  for (const end of [first, second]) {
    end.peerAddress = end.address;
    end.peerCredentials = credentialsOf(task.process.pid, task.cred);
  }
  const cloexec = (coded & SOCK.CLOEXEC) !== 0;
  const a = install(task, first, cloexec);
  if (a < 0) {
    second.unref();
    return a;
  }
  const b = install(task, second, cloexec);
  if (b < 0) {
    task.files.close(a);
    return b;
  }
  task.mm.putU32(fds, a);
  task.mm.putU32(fds + 4, b);
  return 0;
}

/** bind(2). */
function bind(task: Task, descriptor: number, addr: number, length: number): number {
  const found = socketOf(task, descriptor);
  if (typeof found === 'number') return found;
  const address = readAddress(task, found, addr, length);
  return typeof address === 'number' ? address : found.bind(address, task.fs);
}

/** listen(2). */
function listen(task: Task, descriptor: number, backlog: number): number {
  const found = socketOf(task, descriptor);
  return typeof found === 'number' ? found : found.listen(backlog);
}

/** accept4(2). */
function accept4(task: Task, descriptor: number, addr: number, lengthAt: number, flagBits: number): number {
  if (flagBits & ~(SOCK.NONBLOCK | SOCK.CLOEXEC)) return -E.INVAL;
  const found = socketOf(task, descriptor);
  if (typeof found === 'number') return found;
  const deadline = found.receiveTimeout > 0 ? native.monotonicNow() + found.receiveTimeout : Infinity;
  return acceptOn(task, found, addr, lengthAt, flagBits, deadline, Wake.Event);
}

function acceptOn(
  task: Task, listener: Socket, addr: number, lengthAt: number, flagBits: number, deadline: number, wake: Wake,
): number {
  const made = listener.accept(flagBits & SOCK.NONBLOCK);
  if (typeof made === 'number') {
    if (made !== -E.AGAIN || listener.flags & O.NONBLOCK || wake === Wake.Timeout) return made;
    if (wake === Wake.Signal) return -E.RESTARTSYS;
    readyQueue(task, listener).add(task, POLL.IN | POLL.HUP);
    return task.park((waiter, reason) => acceptOn(waiter, listener, addr, lengthAt, flagBits, deadline, reason),
      deadline);
  }
  const result = install(task, made, (flagBits & SOCK.CLOEXEC) !== 0);
  if (result < 0 || addr === 0) return result;
  const failed = writeAddress(task, made.peerAddress, addr, lengthAt);
  if (failed >= 0) return result;
  task.files.close(result);
  return failed;
}

/** connect(2). */
function connect(task: Task, descriptor: number, addr: number, length: number): number {
  const found = socketOf(task, descriptor);
  if (typeof found === 'number') return found;
  const address = readAddress(task, found, addr, length);
  return typeof address === 'number' ? address : connectTo(task, found, address);
}

function connectTo(task: Task, found: Socket, address: SocketAddress): number {
  const result = found.connect(address, task.fs);
  // The backlog is full.
  if (result !== -E.AGAIN || found.flags & O.NONBLOCK) return result;
  const until = native.monotonicNow() + 1e6;
  return task.park((waiter, wake) => (wake === Wake.Signal ? -E.RESTARTSYS : connectTo(waiter, found, address)), until);
}

/** getsockname(2). */
function getsockname(task: Task, descriptor: number, addr: number, lengthAt: number): number {
  const found = socketOf(task, descriptor);
  return typeof found === 'number' ? found : writeAddress(task, found.address, addr, lengthAt);
}

/** getpeername(2). */
function getpeername(task: Task, descriptor: number, addr: number, lengthAt: number): number {
  const found = socketOf(task, descriptor);
  if (typeof found === 'number') return found;
  return found.peerAddress ? writeAddress(task, found.peerAddress, addr, lengthAt) : -E.NOTCONN;
}

/** shutdown(2). */
function shutdown(task: Task, descriptor: number, how: number): number {
  const found = socketOf(task, descriptor);
  if (typeof found === 'number') return found;
  return how < SHUT.RD || how > SHUT.RDWR ? -E.INVAL : found.shutdown(how);
}

/** Where stored options are kept: level and number in one. */
function optionKey(level: number, option: number): number {
  return (level << 16) | option;
}

/** setsockopt(2). */
function setsockopt(
  task: Task, descriptor: number, level: number, option: number, value: number, length: number,
): number {
  const found = socketOf(task, descriptor);
  if (typeof found === 'number') return found;
  const { mm } = task;
  if (length < 0) return -E.INVAL;
  if (level === SOL_SOCKET) {
    switch (option) {
      case SO.RCVTIMEO:
      case SO.SNDTIMEO: {
        if (length < 16) return -E.INVAL;
        const wrong = readTimeval(task, value);
        if (wrong < 0) return wrong === -E.INVAL ? -E.DOM : wrong;
        const ns = time.sec * 1e9 + time.nsec;
        if (option === SO.RCVTIMEO) found.receiveTimeout = ns;
        else found.sendTimeout = ns;
        return 0;
      }
      case SO.LINGER:
        if (length < 8) return -E.INVAL;
        if (!mm.readable(value, 8)) return -E.FAULT;
        found.linger = [mm.getU32(value), mm.getU32(value + 4)];
        return 0;
      case SO.TYPE: case SO.ERROR: case SO.ACCEPTCONN: case SO.PROTOCOL: case SO.DOMAIN: case SO.PEERCRED:
        return -E.NOPROTOOPT;
    }
  } else if (level !== IPPROTO.IP && level !== IPPROTO.TCP && level !== IPPROTO.UDP && level !== IPPROTO.IPV6) {
    return -E.NOPROTOOPT;
  } else if (found.domain === AF.UNIX) {
    return -E.OPNOTSUPP;
  }
  if (length < 4) return -E.INVAL;
  const number = mm.getU32(value);
  if (number < 0) return -E.FAULT;
  found.options.set(optionKey(level, option), number);
  return 0;
}

/** getsockopt(2). */
function getsockopt(
  task: Task, descriptor: number, level: number, option: number, value: number, lengthAt: number,
): number {
  const found = socketOf(task, descriptor);
  if (typeof found === 'number') return found;
  const { mm } = task;
  const room = mm.getU32(lengthAt);
  if (room < 0) return -E.FAULT;
  if ((room | 0) < 0) return -E.INVAL;
  const put = (...words: number[]): number => {
    const count = Math.min(room, 4 * words.length);
    const bytes = new Uint8Array(Int32Array.from(words).buffer).subarray(0, count);
    return mm.putBytes(value, bytes) && mm.putU32(lengthAt, count) ? 0 : -E.FAULT;
  };
  if (level === SOL_SOCKET) {
    switch (option) {
      case SO.TYPE: return put(found.type);
      case SO.DOMAIN: return put(found.domain);
      case SO.PROTOCOL: return put(found.protocol);
      case SO.ERROR: return put(found.takeError());
      case SO.ACCEPTCONN: return put(found.listening ? 1 : 0);
      case SO.LINGER: return put(...found.linger);
      case SO.PEERCRED: return put(found.peerCredentials.pid, found.peerCredentials.uid, found.peerCredentials.gid);
      case SO.SNDBUF: case SO.RCVBUF: {
        const asked = found.options.get(optionKey(level, option));
        return put(asked === undefined ? BUFFER : Math.max(2048, Math.min(2 * asked, 2 * BUFFER)));
      }
      case SO.RCVTIMEO: case SO.SNDTIMEO: {
        if (room < 16) return -E.INVAL;
        const ns = option === SO.RCVTIMEO ? found.receiveTimeout : found.sendTimeout;
        const failed = writePair(task, value, Math.floor(ns / 1e9), Math.floor((ns % 1e9) / 1000));
        return failed < 0 ? failed : mm.putU32(lengthAt, 16) ? 0 : -E.FAULT;
      }
    }
  } else if (found.domain === AF.UNIX) {
    return -E.OPNOTSUPP;
  }
  return put(found.options.get(optionKey(level, option)) ?? 0);
}
