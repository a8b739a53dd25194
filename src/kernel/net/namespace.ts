/** The names and ports of a kernel's sockets; made when the first socket is. */
import type { Kernel } from '../kernel.js';
import { PortTable } from './ports.js';
import type { UnixSocket } from './unix_socket.js';

export class NetNamespace {
  /** Abstract names of unix(7): see abstractKey. */
  readonly abstractNames = new Map<string, UnixSocket>();
  /** Sockets with a path name, by Inode.identity. */
  readonly pathNames = new Map<unknown, UnixSocket>();
  readonly tcp = new PortTable();
  readonly udp = new PortTable();
}

export function netOf(kernel: Kernel): NetNamespace {
  return kernel.net ??= new NetNamespace();
}
