/** What comes with a packet besides its bytes (ip(7), ipv6(7), socket(7)), and what a sender may say of one. */
import { AF, IP, IPPROTO, IPV6, SOL_SOCKET } from '../../abi/socket.js';
import { native } from '../../host/native.js';
import { formatAddress, type InetAddress } from './inet_address.js';
import type { Socket } from './socket.js';

/** One item of ancillary data, as recvmsg(2) gives it. */
export interface ControlItem {
  readonly level: number;
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** What a sender's ancillary data say of one packet; -1, null: as the socket has it. */
export interface SentOptions {
  ttl: number;
  tos: number;
  source: string | null;
}

/** CLOCK_REALTIME. */
export interface Stamp {
  readonly seconds: number;
  readonly nanoseconds: number;
}

export interface PacketInfo {
  readonly to: InetAddress;
  readonly ttl: number;
  readonly tos: number;
  /** null: nobody asked when the packet came. */
  readonly stamp: Stamp | null;
}

/** The one interface, lo. */
const INTERFACE = 1;
const DEFAULT_HOPS = 64;
const clock = new Float64Array(2);

export function stampNow(): Stamp {
  native.clockGettime(0, clock);
  return { seconds: clock[0]!, nanoseconds: clock[1]! };
}

/** A packet to `to`, as its sender's options have it. `stamped`: the receiver wants to know the time. */
export function packetFrom(sender: Socket, to: InetAddress, sent: SentOptions | null, stamped: boolean): PacketInfo {
  const v4 = to.host.length === 4;
  const hops = sender.option(v4 ? IPPROTO.IP : IPPROTO.IPV6, v4 ? IP.TTL : IPV6.UNICAST_HOPS) ?? -1;
  const traffic = sender.option(v4 ? IPPROTO.IP : IPPROTO.IPV6, v4 ? IP.TOS : IPV6.TCLASS) ?? -1;
  const ttl = sent !== null && sent.ttl >= 0 ? sent.ttl : hops;
  const tos = sent !== null && sent.tos >= 0 ? sent.tos : traffic;
  return { to, ttl: ttl < 0 ? DEFAULT_HOPS : ttl, tos: Math.max(0, tos), stamp: stamped ? stampNow() : null };
}

/** SO_TIMESTAMP or SO_TIMESTAMPNS, as `option` says: seconds, then micro- or nanoseconds. */
export function stampItem(option: number, { seconds, nanoseconds }: Stamp, inMicroseconds: boolean): ControlItem {
  const bytes = new Uint8Array(16), view = new DataView(bytes.buffer);
  view.setUint32(0, seconds >>> 0, true);
  view.setInt32(4, Math.floor(seconds / 0x1_0000_0000), true);
  view.setInt32(8, inMicroseconds ? Math.floor(nanoseconds / 1000) : nanoseconds, true);
  return { level: SOL_SOCKET, type: option, bytes };
}

export function intItem(level: number, type: number, value: number): ControlItem {
  return { level, type, bytes: new Uint8Array(Int32Array.of(value).buffer) };
}

/** What a receiver's options ask for of a packet, in Linux's order. */
export function packetItems(receiver: Socket, packet: PacketInfo): ControlItem[] {
  const { to, ttl, tos } = packet;
  const v4 = to.host.length === 4;
  const items: ControlItem[] = [];
  const { IP: IP_LEVEL, IPV6: IPV6_LEVEL } = IPPROTO;
  if (receiver.family === AF.INET6 && receiver.option(IPV6_LEVEL, IPV6.RECVPKTINFO)) {
    const bytes = new Uint8Array(20);
    bytes.set(formatAddress(to, AF.INET6).subarray(8, 24));
    bytes[16] = INTERFACE;
    items.push({ level: IPV6_LEVEL, type: IPV6.PKTINFO, bytes });
  }
  if (v4) {
    if (receiver.option(IP_LEVEL, IP.PKTINFO)) {
      const bytes = new Uint8Array(12);
      bytes[0] = INTERFACE;
      const host = formatAddress(to, AF.INET).subarray(4, 8);
      bytes.set(host, 4);
      bytes.set(host, 8);
      items.push({ level: IP_LEVEL, type: IP.PKTINFO, bytes });
    }
    if (receiver.option(IP_LEVEL, IP.RECVTTL)) items.push(intItem(IP_LEVEL, IP.TTL, ttl));
    if (receiver.option(IP_LEVEL, IP.RECVTOS)) items.push({ level: IP_LEVEL, type: IP.TOS, bytes: Uint8Array.of(tos) });
    if (receiver.option(IP_LEVEL, IP.RECVORIGDSTADDR)) {
      items.push({ level: IP_LEVEL, type: IP.RECVORIGDSTADDR, bytes: formatAddress(to, AF.INET) });
    }
    return items;
  }
  if (receiver.option(IPV6_LEVEL, IPV6.RECVHOPLIMIT)) items.push(intItem(IPV6_LEVEL, IPV6.HOPLIMIT, ttl));
  if (receiver.option(IPV6_LEVEL, IPV6.RECVTCLASS)) items.push(intItem(IPV6_LEVEL, IPV6.TCLASS, tos));
  if (receiver.option(IPV6_LEVEL, IPV6.RECVORIGDSTADDR)) {
    items.push({ level: IPV6_LEVEL, type: IPV6.RECVORIGDSTADDR, bytes: formatAddress(to, AF.INET6) });
  }
  return items;
}

/** struct sock_extended_err's origins, and ICMP's "port unreachable". */
const ORIGIN = { ICMP: 2, ICMP6: 3 } as const;

/** IP_RECVERR, IPV6_RECVERR: nobody is at the port that a packet went to; `errno` and who said so. */
export function unreachableItem(receiver: Socket, errno: number, host: string): ControlItem {
  const v6 = receiver.family === AF.INET6, icmp6 = host.length === 16;
  const offender = formatAddress({ host, port: 0 }, receiver.family);
  const bytes = new Uint8Array(16 + offender.length);
  bytes[0] = errno;
  bytes.set(icmp6 ? [ORIGIN.ICMP6, 1, 4] : [ORIGIN.ICMP, 3, 3], 4);
  bytes.set(offender, 16);
  return v6 ? { level: IPPROTO.IPV6, type: IPV6.RECVERR, bytes } : { level: IPPROTO.IP, type: IP.RECVERR, bytes };
}
