/** Sockets (socket(2), socket(7), unix(7), ip(7)); the same numbers for x86-64 and i386. */
import { struct } from './struct.js';

export const AF = { UNSPEC: 0, UNIX: 1, INET: 2, INET6: 10, NETLINK: 16, PACKET: 17 } as const;
export const SOCK = { STREAM: 1, DGRAM: 2, RAW: 3, RDM: 4, SEQPACKET: 5, NONBLOCK: 0o4000,
  CLOEXEC: 0o2000000 } as const;
export const SOCK_TYPE_MASK = 0xf;
export const IPPROTO = { IP: 0, ICMP: 1, TCP: 6, UDP: 17, IPV6: 41 } as const;
export const SHUT = { RD: 0, WR: 1, RDWR: 2 } as const;
export const SOL_SOCKET = 1;
export const SO = {
  DEBUG: 1, REUSEADDR: 2, TYPE: 3, ERROR: 4, DONTROUTE: 5, BROADCAST: 6, SNDBUF: 7, RCVBUF: 8, KEEPALIVE: 9,
  OOBINLINE: 10,
  PRIORITY: 12, LINGER: 13, REUSEPORT: 15, PASSCRED: 16, PEERCRED: 17, RCVLOWAT: 18, SNDLOWAT: 19, RCVTIMEO: 20,
  SNDTIMEO: 21, ACCEPTCONN: 30, SNDBUFFORCE: 32, RCVBUFFORCE: 33, PROTOCOL: 38, DOMAIN: 39,
} as const;
export const MSG_FLAG = {
  OOB: 1, PEEK: 2, DONTROUTE: 4, CTRUNC: 8, TRUNC: 0x20, DONTWAIT: 0x40, EOR: 0x80, WAITALL: 0x100, ERRQUEUE: 0x2000,
  NOSIGNAL: 0x4000, MORE: 0x8000, WAITFORONE: 0x10000, CMSG_CLOEXEC: 0x40000000,
} as const;
export const SCM = { RIGHTS: 1, CREDENTIALS: 2 } as const;

export const MSGHDR = struct({
  name: 'ptr', namelen: 'u32', iov: 'ptr', iovlen: 'size', control: 'ptr', controllen: 'size', flags: 'u32',
});
export const SOMAXCONN = 4096;
/** sizeof(struct sockaddr_un) and of its path. */
export const SUN_PATH_MAX = 108;
