/** Socket addresses in guest memory (unix(7), ip(7), ipv6(7)), and the keys under which bound sockets are found. */
import { E } from '../../abi/errno.js';
import { AF, SUN_PATH_MAX } from '../../abi/socket.js';

export interface SocketAddress {
  readonly family: number;
  /** AF_UNIX: a path, an abstract name (with its leading NUL), or '' for an unnamed socket. */
  readonly path: string;
  /** AF_INET, AF_INET6: the port, and the address as bytes (4 or 16). */
  readonly port: number;
  readonly host: readonly number[];
}

export const UNNAMED: SocketAddress = { family: AF.UNIX, path: '', port: 0, host: [] };
export const ANY4: readonly number[] = [0, 0, 0, 0];
export const LOOPBACK4: readonly number[] = [127, 0, 0, 1];
export const ANY6: readonly number[] = new Array<number>(16).fill(0);
export const LOOPBACK6: readonly number[] = [...new Array<number>(15).fill(0), 1];

export function inetAddress(family: number, host: readonly number[], port: number): SocketAddress {
  return { family, path: '', port, host };
}

/** Reads the sockaddr in `bytes` for a socket of `family`. -EINVAL, -EAFNOSUPPORT. */
export function parseAddress(bytes: Uint8Array, family: number): SocketAddress | number {
  if (bytes.length < 2) return -E.INVAL;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const given = view.getUint16(0, true);
  if (given === AF.UNSPEC) return { family: AF.UNSPEC, path: '', port: 0, host: [] };
  if (given !== family) return family === AF.UNIX ? -E.INVAL : -E.AFNOSUPPORT;
  switch (family) {
    case AF.UNIX: {
      if (bytes.length > 2 + SUN_PATH_MAX) return -E.INVAL;
      const name = Buffer.from(bytes.subarray(2)).toString('latin1');
      if (name === '' || name.charCodeAt(0) === 0) return { family, path: name, port: 0, host: [] };
      const end = name.indexOf('\0');
      return { family, path: end < 0 ? name : name.slice(0, end), port: 0, host: [] };
    }
    case AF.INET:
      if (bytes.length < 16) return -E.INVAL;
      return inetAddress(family, [...bytes.subarray(4, 8)], view.getUint16(2));
    case AF.INET6:
      if (bytes.length < 24) return -E.INVAL;
      return inetAddress(family, [...bytes.subarray(8, 24)], view.getUint16(2));
    default:
      return -E.AFNOSUPPORT;
  }
}

/** The sockaddr of an address as bytes. */
export function formatAddress(address: SocketAddress): Uint8Array {
  if (address.family === AF.UNIX) {
    if (address.path === '') return Uint8Array.of(AF.UNIX, 0);
    const ends = address.path.charCodeAt(0) === 0 ? '' : '\0';
    return Buffer.from(String.fromCharCode(AF.UNIX, 0) + address.path + ends, 'latin1');
  }
  const bytes = new Uint8Array(address.family === AF.INET ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, address.family, true);
  view.setUint16(2, address.port);
  bytes.set(address.host, address.family === AF.INET ? 4 : 8);
  return bytes;
}

function isMapped(host: readonly number[]): boolean {
  return host.length === 16 && host.slice(0, 10).every((byte) => byte === 0) && host[10] === 255 && host[11] === 255;
}

export function isAny(host: readonly number[]): boolean {
  return host.every((byte) => byte === 0);
}

/** 127.0.0.0/8, ::1, and what means this host. */
export function isLocal(host: readonly number[]): boolean {
  if (isAny(host)) return true;
  if (isMapped(host)) return host[12] === 127;
  return host.length === 4 ? host[0] === 127 : host.every((byte, at) => byte === (at === 15 ? 1 : 0));
}
