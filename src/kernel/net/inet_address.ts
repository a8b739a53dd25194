/**
 * Addresses of ip(7) and ipv6(7). A host is a byte string in network order: 4 bytes, or 16 for IPv6; IPv4-mapped
 * IPv6 addresses are kept as the 4 bytes.
 */
import { E } from '../../abi/errno.js';
import { AF, SOCKADDR_IN_SIZE, SOCKADDR_IN6_MIN, SOCKADDR_IN6_SIZE } from '../../abi/socket.js';

export interface InetAddress {
  readonly host: string;
  readonly port: number;
}

export const ANY4 = '\0\0\0\0';
export const ANY6 = '\0'.repeat(16);
export const LOOPBACK4 = '\x7f\0\0\x01';
export const LOOPBACK6 = '\0'.repeat(15) + '\x01';
const MAPPED = '\0'.repeat(10) + '\xff\xff';

/** The address in a sockaddr_in or sockaddr_in6: -EINVAL when it is too short, -EAFNOSUPPORT for another family. */
export function parseAddress(bytes: Uint8Array, family: number): InetAddress | number {
  if (bytes.length < (family === AF.INET ? SOCKADDR_IN_SIZE : SOCKADDR_IN6_MIN)) return -E.INVAL;
  const got = bytes[0]! | (bytes[1]! << 8);
  if (got !== family) return -E.AFNOSUPPORT;
  const port = (bytes[2]! << 8) | bytes[3]!;
  if (family === AF.INET) return { host: String.fromCharCode(...bytes.subarray(4, 8)), port };
  const host = String.fromCharCode(...bytes.subarray(8, 24));
  return { host: host.startsWith(MAPPED) ? host.substring(12) : host, port };
}

/** The sockaddr of an address, as a socket of `family` shows it. */
export function formatAddress({ host, port }: InetAddress, family: number): Uint8Array {
  const bytes = new Uint8Array(family === AF.INET ? SOCKADDR_IN_SIZE : SOCKADDR_IN6_SIZE);
  bytes[0] = family;
  bytes[2] = port >> 8;
  bytes[3] = port & 255;
  const shown = family === AF.INET || host.length === 16 ? host : MAPPED + host;
  const at = family === AF.INET ? 4 : 8;
  for (let i = 0; i < shown.length; i++) bytes[at + i] = shown.charCodeAt(i);
  return bytes;
}

export function isAny(host: string): boolean {
  return host === ANY4 || host === ANY6;
}

/** One of this host's own addresses: 127.0.0.0/8 or ::1. */
export function isLoopback(host: string): boolean {
  return host.length === 4 ? host.charCodeAt(0) === 127 : host === LOOPBACK6;
}
