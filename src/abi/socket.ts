/** Numbers and structs of sockets (socket(2), socket(7), unix(7), ip(7), netdevice(7)); the ABIs share the numbers. */
import { struct } from './struct.js';

/** Address families. */
export const AF = { UNSPEC: 0, UNIX: 1, INET: 2, INET6: 10, NETLINK: 16, PACKET: 17 } as const;
/** Families that Linux has numbers for are below this. */
export const AF_MAX = 46;
/** Types, and the flags that go with them in socket(2) and accept4(2). */
export const SOCK = {
  STREAM: 1, DGRAM: 2, RAW: 3, RDM: 4, SEQPACKET: 5, DCCP: 6, PACKET: 10, NONBLOCK: 0o4000, CLOEXEC: 0o2000000,
} as const;
export const SOCK_TYPE_MASK = 15;
/** Protocols, which are also the levels of their options. */
export const IPPROTO = { IP: 0, ICMP: 1, TCP: 6, UDP: 17, IPV6: 41 } as const;
export const SOL_SOCKET = 1;
export const SHUT = { RD: 0, WR: 1, RDWR: 2 } as const;

export const MSG = {
  OOB: 0x1, PEEK: 0x2, DONTROUTE: 0x4, CTRUNC: 0x8, TRUNC: 0x20, DONTWAIT: 0x40, EOR: 0x80, WAITALL: 0x100,
  ERRQUEUE: 0x2000, NOSIGNAL: 0x4000, MORE: 0x8000, WAITFORONE: 0x10000, CMSG_CLOEXEC: 0x4000_0000,
} as const;

/** Options of SOL_SOCKET. */
export const SO = {
  DEBUG: 1, REUSEADDR: 2, TYPE: 3, ERROR: 4, DONTROUTE: 5, BROADCAST: 6, SNDBUF: 7, RCVBUF: 8, KEEPALIVE: 9,
  OOBINLINE: 10, NO_CHECK: 11, PRIORITY: 12, LINGER: 13, BSDCOMPAT: 14,
  REUSEPORT: 15, PASSCRED: 16, PEERCRED: 17, RCVLOWAT: 18,
  SNDLOWAT: 19, RCVTIMEO: 20, SNDTIMEO: 21, ACCEPTCONN: 30, SNDBUFFORCE: 32, RCVBUFFORCE: 33, PROTOCOL: 38, DOMAIN: 39,
  ATTACH_FILTER: 26, DETACH_FILTER: 27, TIMESTAMP: 29, TIMESTAMPNS: 35, TIMESTAMP_NEW: 63, TIMESTAMPNS_NEW: 64,
} as const;
export const IP = {
  TOS: 1, TTL: 2, PKTINFO: 8, RECVERR: 11, RECVTTL: 12, RECVTOS: 13, RECVORIGDSTADDR: 20, MTU_DISCOVER: 10, FREEBIND: 15, BIND_ADDRESS_NO_PORT: 24, MULTICAST_TTL: 33, MULTICAST_LOOP: 34,
} as const;
export const IPV6 = {
  UNICAST_HOPS: 16, MULTICAST_HOPS: 18, MULTICAST_LOOP: 19, MTU_DISCOVER: 23, V6ONLY: 26, TCLASS: 67,
  RECVERR: 25, RECVPKTINFO: 49, PKTINFO: 50, RECVHOPLIMIT: 51, HOPLIMIT: 52, RECVTCLASS: 66, RECVORIGDSTADDR: 74,
} as const;
export const TCP = {
  NODELAY: 1, MAXSEG: 2, CORK: 3, KEEPIDLE: 4, KEEPINTVL: 5, KEEPCNT: 6, SYNCNT: 7, LINGER2: 8, DEFER_ACCEPT: 9,
  WINDOW_CLAMP: 10, INFO: 11, QUICKACK: 12, CONGESTION: 13, USER_TIMEOUT: 18, INQ: 36,
} as const;
export const UDP_CORK = 1;

/** Types of SOL_SOCKET's ancillary data. */
export const SCM = { RIGHTS: 1, CREDENTIALS: 2 } as const;
/** Descriptors in one SCM_RIGHTS message at most. */
export const SCM_MAX_FD = 253;

/** ioctl requests of sockets (netdevice(7), tcp(7)). */
export const SIOC = {
  INQ: 0x541b, OUTQ: 0x5411, ATMARK: 0x8905, GSTAMP: 0x8906, GSTAMPNS: 0x8907, GIFNAME: 0x8910, GIFCONF: 0x8912, GIFFLAGS: 0x8913, GIFADDR: 0x8915,
  GIFDSTADDR: 0x8917, GIFBRDADDR: 0x8919, GIFNETMASK: 0x891b, GIFMETRIC: 0x891d, GIFMTU: 0x8921, GIFHWADDR: 0x8927,
  GIFINDEX: 0x8933, GIFTXQLEN: 0x8942,
} as const;

/** struct sockaddr_storage: the longest address. */
export const ADDRESS_MAX = 128;
/** Lengths of struct sockaddr_un, sockaddr_in, sockaddr_in6 (without and with the scope). */
export const SOCKADDR_UN_SIZE = 110;
export const SOCKADDR_IN_SIZE = 16;
export const SOCKADDR_IN6_MIN = 24;
export const SOCKADDR_IN6_SIZE = 28;

export const MSGHDR = struct({
  name: 'ptr', namelen: 'u32', iov: 'ptr', iovlen: 'size', control: 'ptr', controllen: 'size', flags: 'u32',
});
/** struct mmsghdr is a struct msghdr, then the count of bytes; its size has the alignment of a word. */
export const MMSGHDR = struct({ header: ['ulong', 7], len: 'u32' });
/** The data follow, aligned to a word. */
export const CMSGHDR = struct({ len: 'size', level: 'u32', type: 'u32' });
