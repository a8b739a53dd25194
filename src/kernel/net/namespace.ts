/** Who is bound where: unix paths and abstract names, ports of the loopback network. */
import { E } from '../../abi/errno.js';
import { SOCK } from '../../abi/socket.js';
import type { Kernel } from '../kernel.js';
import type { Socket } from './socket.js';

const FIRST_PORT = 32768;
const LAST_PORT = 60999;

export class NetNamespace {
  /** Sockets bound to files, by Inode.identity; abstract names by type and bytes. */
  readonly files = new Map<unknown, Socket>();
  readonly abstract = new Map<string, Socket>();
  /** TCP and UDP ports; several sockets may share one with SO_REUSEPORT or with different addresses. */
  private readonly tcp = new Map<number, Socket[]>();
  private readonly udp = new Map<number, Socket[]>();
  private nextPort = FIRST_PORT;

  ports(type: number): Map<number, Socket[]> {
    return type === SOCK.STREAM ? this.tcp : this.udp;
  }

  /** Takes a port (0: any that is free). Gives it, or -EADDRINUSE. */
  bindPort(socket: Socket, port: number): number {
    const ports = this.ports(socket.type);
    if (port === 0) {
      for (let tries = FIRST_PORT; tries <= LAST_PORT; tries++) {
        const candidate = this.nextPort;
        this.nextPort = this.nextPort >= LAST_PORT ? FIRST_PORT : this.nextPort + 1;
        if (!ports.has(candidate)) {
          ports.set(candidate, [socket]);
          return candidate;
        }
      }
      return -E.ADDRINUSE;
    }
    const users = ports.get(port);
    if (!users) {
      ports.set(port, [socket]);
      return port;
    }
    if (users.some((other) => !other.sharesPortWith(socket))) return -E.ADDRINUSE;
    users.push(socket);
    return port;
  }

  freePort(socket: Socket, port: number): void {
    const ports = this.ports(socket.type);
    const users = ports.get(port);
    const at = users ? users.indexOf(socket) : -1;
    if (at < 0) return;
    users!.splice(at, 1);
    if (users!.length === 0) ports.delete(port);
  }
}

export function netOf(kernel: Kernel): NetNamespace {
  return kernel.net ??= new NetNamespace();
}
