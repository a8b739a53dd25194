/** Options whose value is an int (socket(7), ip(7), ipv6(7), tcp(7), udp(7)). */
import { E } from '../../abi/errno.js';
import { NETLINK_OPTION, SOL_NETLINK } from '../../abi/netlink.js';
import { AF, IP, IPPROTO, IPV6, SO, SOL_SOCKET, TCP, UDP_CORK } from '../../abi/socket.js';
import type { Task } from '../task.js';
import { InetSocket } from './inet_socket.js';
import { OPTION_LEVEL, type Socket } from './socket.js';
import { TcpSocket } from './tcp.js';
import { UdpSocket } from './udp.js';

const MAX_BUFFER = 212_992;
const MIN_SEND_BUFFER = 4608;
const MIN_RECEIVE_BUFFER = 2304;
const CAP_NET_ADMIN = 12;
const MIN_SEGMENT = 88;
const MAX_SEGMENT = 32767;
const DEFAULT_SEGMENT = 536;
const MAX_INT = 0x7fff_ffff;

/** An option that is kept and shown: what it asks for makes no difference on the loopback interface. */
interface Stored {
  readonly initial: number;
  readonly min: number;
  readonly max: number;
  /** Any value but 0 is 1. */
  readonly bool?: boolean;
}

const bool = (initial = 0): Stored => ({ initial, min: -MAX_INT - 1, max: MAX_INT, bool: true });
const range = (initial: number, min: number, max: number): Stored => ({ initial, min, max });

const LEVEL = OPTION_LEVEL;
/** By LEVEL * level + name. */
const STORED = new Map<number, Stored>([
  [LEVEL * SOL_SOCKET + SO.DEBUG, bool()],
  [LEVEL * SOL_SOCKET + SO.DONTROUTE, bool()],
  [LEVEL * SOL_SOCKET + SO.BROADCAST, bool()],
  [LEVEL * SOL_SOCKET + SO.KEEPALIVE, bool()],
  [LEVEL * SOL_SOCKET + SO.OOBINLINE, bool()],
  [LEVEL * SOL_SOCKET + SO.NO_CHECK, bool()],
  [LEVEL * SOL_SOCKET + SO.PRIORITY, range(0, 0, 6)],
  [LEVEL * IPPROTO.IP + IP.TOS, range(0, 0, 255)],
  [LEVEL * IPPROTO.IP + IP.TTL, range(64, 1, 255)],
  [LEVEL * IPPROTO.IP + IP.MTU_DISCOVER, range(1, 0, 5)],
  ...[IP.PKTINFO, IP.RECVERR, IP.RECVTTL, IP.RECVTOS, IP.RECVORIGDSTADDR].map((name): [number, Stored] =>
    [LEVEL * IPPROTO.IP + name, bool()]),
  ...[IPV6.RECVERR, IPV6.RECVPKTINFO, IPV6.RECVHOPLIMIT, IPV6.RECVTCLASS, IPV6.RECVORIGDSTADDR].map(
    (name): [number, Stored] => [LEVEL * IPPROTO.IPV6 + name, bool()]),
  [LEVEL * IPPROTO.IP + IP.FREEBIND, bool()],
  [LEVEL * IPPROTO.IP + IP.BIND_ADDRESS_NO_PORT, bool()],
  [LEVEL * IPPROTO.IP + IP.MULTICAST_TTL, range(1, 0, 255)],
  [LEVEL * IPPROTO.IP + IP.MULTICAST_LOOP, bool(1)],
  [LEVEL * IPPROTO.IPV6 + IPV6.UNICAST_HOPS, range(64, -1, 255)],
  [LEVEL * IPPROTO.IPV6 + IPV6.MULTICAST_HOPS, range(1, -1, 255)],
  [LEVEL * IPPROTO.IPV6 + IPV6.MULTICAST_LOOP, bool(1)],
  [LEVEL * IPPROTO.IPV6 + IPV6.MTU_DISCOVER, range(1, 0, 5)],
  [LEVEL * IPPROTO.IPV6 + IPV6.TCLASS, range(0, -1, 255)],
  [LEVEL * IPPROTO.TCP + TCP.NODELAY, bool()],
  [LEVEL * IPPROTO.TCP + TCP.CORK, bool()],
  [LEVEL * IPPROTO.TCP + TCP.KEEPIDLE, range(7200, 1, 32767)],
  [LEVEL * IPPROTO.TCP + TCP.KEEPINTVL, range(75, 1, 32767)],
  [LEVEL * IPPROTO.TCP + TCP.KEEPCNT, range(9, 1, 127)],
  [LEVEL * IPPROTO.TCP + TCP.SYNCNT, range(6, 1, 127)],
  [LEVEL * IPPROTO.TCP + TCP.LINGER2, range(60, -1, 120)],
  [LEVEL * IPPROTO.TCP + TCP.DEFER_ACCEPT, range(0, -MAX_INT - 1, MAX_INT)],
  [LEVEL * IPPROTO.TCP + TCP.INQ, range(0, 0, 1)],
  [LEVEL * IPPROTO.TCP + TCP.QUICKACK, bool(1)],
  [LEVEL * IPPROTO.TCP + TCP.USER_TIMEOUT, range(0, 0, MAX_INT)],
  ...Object.values(NETLINK_OPTION).map((name): [number, Stored] => [LEVEL * SOL_NETLINK + name, bool()]),
]);

/** Whether a socket has options of a level: what Linux says when it has not, which is not the same for both calls. */
export function levelError(socket: Socket, level: number, sets: boolean): number {
  if (level === SOL_SOCKET) return 0;
  if (socket.family === AF.UNIX) return -E.OPNOTSUPP;
  if (socket.family === AF.NETLINK) return level === SOL_NETLINK ? 0 : -E.NOPROTOOPT;
  if (level === IPPROTO.IP || level === socket.protocol) return 0;
  if (level === IPPROTO.IPV6 && socket.family === AF.INET6) return 0;
  return sets ? -E.NOPROTOOPT : -E.OPNOTSUPP;
}

/** Sets an option; the level is known to be the socket's. 0, -ENOPROTOOPT, -EINVAL, -EPERM. */
export function setOption(task: Task, socket: Socket, level: number, name: number, value: number): number {
  if (level === SOL_SOCKET) {
    switch (name) {
      case SO.REUSEADDR:
        socket.reuseAddress = value !== 0;
        return 0;
      case SO.REUSEPORT:
        if (socket.family === AF.UNIX && value !== 0) return -E.OPNOTSUPP;
        socket.reusePort = value !== 0;
        return 0;
      case SO.PASSCRED:
        if (socket.family !== AF.UNIX) return -E.OPNOTSUPP;
        socket.passCredentials = value !== 0;
        return 0;
      case SO.SNDBUFFORCE:
      case SO.RCVBUFFORCE:
        if (!task.cred.has(CAP_NET_ADMIN)) return -E.PERM;
        if (name === SO.SNDBUFFORCE) socket.sendBuffer = bufferSize(Math.max(0, value), MIN_SEND_BUFFER);
        else socket.receiveBuffer = bufferSize(Math.max(0, value), MIN_RECEIVE_BUFFER);
        return 0;
      case SO.SNDBUF:
        socket.sendBuffer = bufferSize(limited(value), MIN_SEND_BUFFER);
        return 0;
      case SO.RCVBUF:
        socket.receiveBuffer = bufferSize(limited(value), MIN_RECEIVE_BUFFER);
        return 0;
      case SO.TIMESTAMP: case SO.TIMESTAMPNS: case SO.TIMESTAMP_NEW: case SO.TIMESTAMPNS_NEW:
        if (!(socket instanceof InetSocket)) return -E.NOPROTOOPT;
        socket.stampOption = value === 0 ? 0 : name;
        return 0;
      case SO.DETACH_FILTER:
        return -E.NOENT;
      case SO.RCVLOWAT:
        socket.lowWater = value < 0 ? MAX_INT : Math.max(value, 1);
        return 0;
      case SO.PRIORITY:
        if (value > 6 && task.cred.has(CAP_NET_ADMIN)) value = 6;
        else if (value < 0 || value > 6) return -E.PERM;
    }
  }
  if (level === IPPROTO.IPV6 && name === IPV6.V6ONLY && socket instanceof InetSocket) {
    if (socket.local) return -E.INVAL;
    socket.v6Only = value !== 0;
    return 0;
  }
  if (level === IPPROTO.UDP && name === UDP_CORK && socket instanceof UdpSocket) {
    socket.cork(value !== 0);
    return 0;
  }
  if (level === IPPROTO.TCP && socket instanceof TcpSocket) {
    if (name === TCP.MAXSEG || name === TCP.WINDOW_CLAMP) return setSize(socket, name, value);
    if (name === TCP.DEFER_ACCEPT) value = inRetransmissions(value);
  }
  const stored = STORED.get(LEVEL * level + name);
  if (!stored) return -E.NOPROTOOPT;
  if (value < stored.min || value > stored.max) return -E.INVAL;
  (socket.stored ??= new Map<number, number>()).set(LEVEL * level + name, stored.bool ? Number(value !== 0) : value);
  return 0;
}

/** TCP_MAXSEG, TCP_WINDOW_CLAMP. */
function setSize(socket: TcpSocket, name: number, value: number): number {
  if (name === TCP.MAXSEG) {
    if (value !== 0 && (value < MIN_SEGMENT || value > MAX_SEGMENT)) return -E.INVAL;
    socket.maxSegment = value;
    return 0;
  }
  if (value === 0 && !socket.unconnected) return -E.INVAL;
  socket.windowClamp = value === 0 ? 0 : Math.max(value, MIN_RECEIVE_BUFFER >> 1);
  return 0;
}

/** Linux keeps TCP_DEFER_ACCEPT as a number of retransmissions, after 1, 2, 4 … seconds, and tells the sum of these. */
function inRetransmissions(seconds: number): number {
  let sum = 0;
  for (let count = 0, wait = 1; sum < seconds && count < 255; count++) {
    sum += wait;
    wait = Math.min(2 * wait, 120);
  }
  return sum;
}

/** SO_SNDBUF and SO_RCVBUF are doubled, for the kernel's book-keeping. */
function bufferSize(value: number, min: number): number {
  return Math.max(Math.min(value, MAX_INT >> 1) * 2, min);
}

function limited(value: number): number {
  return Math.min(value >>> 0, MAX_BUFFER);
}

/** The value of an option; undefined for one that is not known. SO_ERROR is taken by being asked for. */
export function getOption(socket: Socket, level: number, name: number): number | undefined {
  if (level === SOL_SOCKET) {
    switch (name) {
      case SO.TYPE: return socket.type;
      case SO.DOMAIN: return socket.family;
      case SO.PROTOCOL: return socket.protocol;
      case SO.ERROR: return -socket.takeError();
      case SO.ACCEPTCONN: return Number(socket.listening);
      case SO.REUSEADDR: return Number(socket.reuseAddress);
      case SO.REUSEPORT: return Number(socket.reusePort);
      case SO.PASSCRED: return socket.family === AF.UNIX ? Number(socket.passCredentials) : undefined;
      case SO.SNDBUF: return socket.sendBuffer;
      case SO.RCVBUF: return socket.receiveBuffer;
      case SO.TIMESTAMP: case SO.TIMESTAMPNS: case SO.TIMESTAMP_NEW: case SO.TIMESTAMPNS_NEW:
        return Number(socket.stampOption === name);
      case SO.RCVLOWAT: return socket.lowWater;
      case SO.SNDLOWAT: return 1;
      case SO.BSDCOMPAT: return 0;
    }
  }
  if (level === IPPROTO.IPV6 && name === IPV6.V6ONLY && socket instanceof InetSocket) return Number(socket.v6Only);
  if (level === IPPROTO.UDP && name === UDP_CORK && socket instanceof UdpSocket) return Number(socket.corks);
  if (level === IPPROTO.TCP && socket instanceof TcpSocket) {
    if (name === TCP.MAXSEG) return socket.maxSegment || DEFAULT_SEGMENT;
    if (name === TCP.WINDOW_CLAMP) return socket.windowClamp;
  }
  const stored = STORED.get(LEVEL * level + name);
  return stored && (socket.stored?.get(LEVEL * level + name) ?? stored.initial);
}
