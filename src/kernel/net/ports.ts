/** Who is bound to which port of a protocol, and which bindings exclude each other (ip(7), socket(7) SO_REUSEADDR). */
import { E } from '../../abi/errno.js';
import { ANY4, ANY6, type InetAddress } from './inet_address.js';
import type { InetSocket } from './inet_socket.js';

/** net.ipv4.ip_local_port_range. */
const FIRST_EPHEMERAL = 32768;
const LAST_EPHEMERAL = 60999;

export class PortTable {
  /** By port; later bindings are at the end. */
  private readonly ports = new Map<number, InetSocket[]>();
  private last = FIRST_EPHEMERAL + Math.floor(Math.random() * (LAST_EPHEMERAL - FIRST_EPHEMERAL));

  /** Sockets at a port, in the order in which they were bound. */
  at(port: number): readonly InetSocket[] {
    return this.ports.get(port) ?? [];
  }

  /** Gives `port`, or a free one for 0, to a socket that will have the address `host`. The port; -EADDRINUSE. */
  take(socket: InetSocket, host: string, port: number): number {
    if (port !== 0) {
      if (this.at(port).some((other) => excludes(socket, host, other))) return -E.ADDRINUSE;
      this.add(socket, port);
      return port;
    }
    for (let tried = FIRST_EPHEMERAL; tried <= LAST_EPHEMERAL; tried++) {
      this.last = this.last >= LAST_EPHEMERAL ? FIRST_EPHEMERAL : this.last + 1;
      if (this.ports.has(this.last)) continue;
      this.add(socket, this.last);
      return this.last;
    }
    return -E.ADDRINUSE;
  }

  /** Two listeners need what two bound sockets may share. */
  mayListen(socket: InetSocket, host: string, port: number): boolean {
    return !this.at(port).some((other) => other !== socket && other.listening && excludes(socket, host, other));
  }

  /** A connection's end has its listener's port. */
  add(socket: InetSocket, port: number): void {
    const sockets = this.ports.get(port);
    if (sockets) sockets.push(socket);
    else this.ports.set(port, [socket]);
  }

  remove(socket: InetSocket, port: number): void {
    const sockets = this.ports.get(port);
    if (!sockets) return;
    const at = sockets.indexOf(socket);
    if (at >= 0) sockets.splice(at, 1);
    if (sockets.length === 0) this.ports.delete(port);
  }
}

/** Whether packets to one binding could be meant for the other, and the two have not agreed to share. */
function excludes(socket: InetSocket, host: string, other: InetSocket): boolean {
  if (!other.local || !overlap(host, socket.v6Only, other.local.host, other.v6Only)) return false;
  if (socket.reusePort && other.reusePort && socket.owner === other.owner) return false;
  return !(socket.reuseAddress && other.reuseAddress && !other.listening);
}

function overlap(a: string, aV6Only: boolean, b: string, bV6Only: boolean): boolean {
  return a === b || covers(a, aV6Only, b) || covers(b, bV6Only, a);
}

/** Does a wildcard `any` take packets for `host`? */
export function covers(any: string, v6Only: boolean, host: string): boolean {
  if (any === ANY4) return host.length === 4;
  return any === ANY6 && (host.length === 16 || !v6Only);
}

/** A number that spreads senders over those who share a port (SO_REUSEPORT): the same for the same sender. */
export function spread({ host, port }: InetAddress): number {
  let hash = port;
  for (let i = 0; i < host.length; i++) hash = Math.imul(hash ^ host.charCodeAt(i), 0x0100_0193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b_3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a_2d39);
  return (hash ^ (hash >>> 15)) >>> 0;
}
