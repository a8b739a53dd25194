/** Binding and naming: what TCP and UDP share (ip(7), ipv6(7)). Only the loopback interface exists. */
import { E } from '../../abi/errno.js';
import { AF } from '../../abi/socket.js';
import type { Task } from '../task.js';
import {
  ANY4, ANY6, formatAddress, isAny, isLoopback, LOOPBACK4, LOOPBACK6, parseAddress, type InetAddress,
} from './inet_address.js';
import { covers, type PortTable } from './ports.js';
import { Socket } from './socket.js';

/** Ports below this need CAP_NET_BIND_SERVICE. */
const FIRST_UNPRIVILEGED = 1024;
const CAP_NET_BIND_SERVICE = 10;

export abstract class InetSocket extends Socket {
  local: InetAddress | null = null;
  /** The host that bind gave (the wildcard is one), and whether it gave the port, too. */
  protected boundHost: string | null = null;
  protected boundPort = false;
  remote: InetAddress | null = null;
  /** IPV6_V6ONLY: takes no IPv4 packets. */
  v6Only = false;
  /** The user: SO_REUSEPORT shares among one user's sockets. */
  readonly owner: number;

  protected constructor(family: number, type: number, protocol: number, creator: Task) {
    super(family, type, protocol, creator);
    this.owner = creator.cred.euid;
  }

  /** The ports of this protocol. */
  abstract get ports(): PortTable;

  override bind(task: Task, bytes: Uint8Array): number {
    const anyFamily = this.family === AF.INET && bytes.length >= 16 && bytes[0] === AF.UNSPEC && bytes[1] === 0;
    const address = anyFamily ? this.parse(withFamily(bytes, AF.INET)) : this.parse(bytes);
    if (typeof address === 'number') return address;
    const { host, port } = address;
    if (anyFamily && host !== ANY4) return -E.AFNOSUPPORT;
    if (host.length === 4 && this.v6Only) return -E.INVAL;
    if (!isAny(host) && !isLoopback(host)) return -E.ADDRNOTAVAIL;
    if (port !== 0 && port < FIRST_UNPRIVILEGED && !task.cred.has(CAP_NET_BIND_SERVICE)) return -E.ACCES;
    if (this.local && this.local.port !== 0) return -E.INVAL;
    const got = this.ports.take(this, host, port);
    if (got < 0) return got;
    this.local = { host, port: got };
    this.boundHost = host;
    this.boundPort = port !== 0;
    return 0;
  }

  /** Without a connection the socket has what bind gave it: an address, and a port if it was named. */
  protected unconnect(): void {
    if (!this.local) return;
    const host = this.boundHost ?? this.any;
    if (this.boundPort) {
      this.local = { host, port: this.local.port };
      return;
    }
    this.releasePort();
    this.local = isAny(host) ? null : { host, port: 0 };
  }

  /** Takes a free port at `host`, unless the socket is bound. */
  protected autobind(host: string): number {
    if (this.local && this.local.port !== 0) return 0;
    const own = this.local ? this.local.host : host;
    const port = this.ports.take(this, own, 0);
    if (port < 0) return -E.AGAIN;
    this.local = { host: own, port };
    return 0;
  }

  protected parse(bytes: Uint8Array): InetAddress | number {
    return parseAddress(bytes, this.family);
  }

  /** Where packets to an address go: -ENETUNREACH for what is not the loopback interface. */
  protected route(to: InetAddress): InetAddress | number {
    const host = to.host === ANY4 ? LOOPBACK4 : to.host === ANY6 ? LOOPBACK6 : to.host;
    if (!isLoopback(host) || (this.v6Only && host.length === 4)) return -E.NETUNREACH;
    // A packet has two addresses of one kind.
    const own = this.boundHost;
    if (own !== null && !isAny(own) && own.length !== host.length) {
      return host.length === 4 ? -E.NETUNREACH : -E.AFNOSUPPORT;
    }
    return host === to.host ? to : { host, port: to.port };
  }

  /** The own address that packets to `host` carry. */
  protected sourceFor(host: string): string {
    if (this.local && !isAny(this.local.host)) return this.local.host;
    return host.length === 4 ? LOOPBACK4 : LOOPBACK6;
  }

  /** The wildcard address of the socket's family. */
  protected get any(): string {
    return this.family === AF.INET ? ANY4 : ANY6;
  }

  override localName(): Uint8Array {
    return formatAddress(this.local ?? { host: this.any, port: 0 }, this.family);
  }
  override peerName(): Uint8Array | number {
    return this.remote && this.remote.port !== 0 ? formatAddress(this.remote, this.family) : -E.NOTCONN;
  }

  /** How well a packet to `host` suits this socket's own address: 2 exactly, 1 by its wildcard, 0 not. */
  protected matches(host: string): number {
    if (!this.local) return 0;
    if (this.local.host === host) return 2;
    return covers(this.local.host, this.v6Only, host) ? 1 : 0;
  }

  protected releasePort(): void {
    if (this.local) this.ports.remove(this, this.local.port);
  }
}

function withFamily(bytes: Uint8Array, family: number): Uint8Array {
  const copy = bytes.slice();
  copy[0] = family;
  return copy;
}
