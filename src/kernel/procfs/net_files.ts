/** The files of /proc/net (proc(5)): the sockets that descriptors of guests refer to, and the one interface. */
import { AF } from '../../abi/socket.js';
import type { OpenFile } from '../../vfs/open_file.js';
import type { Kernel } from '../kernel.js';
import type { InetAddress } from '../net/inet_address.js';
import { InetSocket } from '../net/inet_socket.js';
import { Socket } from '../net/socket.js';
import { TcpSocket } from '../net/tcp.js';
import { UdpSocket } from '../net/udp.js';
import { UnixSocket } from '../net/unix_socket.js';
import { TaskState } from '../task.js';
import { ProcDirectory, ProcFile, type MakeNode } from './nodes.js';

/** The directory /proc/PID/net: there is one network. */
export function netDirectory(kernel: Kernel): MakeNode {
  const text = (make: () => string): MakeNode => (fs) => new ProcFile(fs, make);
  const entries: Record<string, MakeNode> = {
    arp: text(() => 'IP address       HW type     Flags       HW address            Mask     Device\n'),
    dev: text(devText),
    if_inet6: text(() => '00000000000000000000000000000001 01 80 10 80       lo\n'),
    netlink: text(() => 'sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n'),
    packet: text(() => 'sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n'),
    raw: text(() => UDP_HEADER),
    raw6: text(() => UDP_HEADER),
    route: text(() => ROUTE_HEADER.padEnd(127) + '\n'),
    sockstat: text(() => sockstatText(kernel)),
    tcp: text(() => TCP_HEADER + inetText(kernel, AF.INET, TcpSocket)),
    tcp6: text(() => TCP6_HEADER + inetText(kernel, AF.INET6, TcpSocket)),
    udp: text(() => UDP_HEADER + inetText(kernel, AF.INET, UdpSocket)),
    udp6: text(() => UDP6_HEADER + inetText(kernel, AF.INET6, UdpSocket)),
    udplite: text(() => UDP_HEADER),
    unix: text(() => unixText(kernel)),
  };
  return (fs) => new ProcDirectory(fs, entries);
}

const ROUTE_HEADER = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT';
const TCP_HEADER = ('  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout ' +
  'inode').padEnd(149) + '\n';
const TCP6_HEADER = '  sl  local_address                         remote_address                        st ' +
  'tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const UDP_HEADER = '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout ' +
  'inode ref pointer drops\n';
const UDP6_HEADER = '  sl  local_address                         remote_address                        st ' +
  'tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n';

/** All sockets that a descriptor refers to. */
function socketsOf(kernel: Kernel): Set<Socket> {
  const sockets = new Set<Socket>();
  for (const task of kernel.tasks.values()) {
    if (task.state === TaskState.Zombie) continue;
    for (let fd = 0; fd < task.files.end; fd++) {
      const file: OpenFile | undefined = task.files.get(fd);
      if (file instanceof Socket) sockets.add(file);
    }
  }
  return sockets;
}

function hex(value: number, width: number): string {
  return value.toString(16).toUpperCase().padStart(width, '0');
}

/** Words of an address in the order of x86 memory, and the port. */
function addressText(address: InetAddress | null, family: number): string {
  const bytes = family === AF.INET ? 4 : 16;
  let host = address?.host ?? '\0'.repeat(bytes);
  if (host.length < bytes) host = '\0'.repeat(10) + '\xff\xff' + host;
  let text = '';
  for (let at = 0; at < bytes; at += 4) {
    for (let byte = 3; byte >= 0; byte--) text += hex(host.charCodeAt(at + byte), 2);
  }
  return `${text}:${hex(address?.port ?? 0, 4)}`;
}

/** A state: bound at most. Such sockets are told of when they are of UDP. */
const TCP_CLOSE = 7;

function inetText(
  kernel: Kernel, family: number, kind: abstract new (...args: never[]) => TcpSocket | UdpSocket,
): string {
  let text = '', line = 0;
  for (const socket of socketsOf(kernel)) {
    if (!(socket instanceof kind) || socket.family !== family || socket.local === null) continue;
    const tcp = socket instanceof TcpSocket;
    if (tcp && socket.stateCode === TCP_CLOSE) continue;
    const state = tcp ? socket.stateCode : socket.remote ? 1 : TCP_CLOSE;
    const received = socket.listening ? 0 : socket.readableBytes;
    const queues = `${hex(socket.listening ? 0 : socket.unsentBytes, 8)}:${hex(received, 8)}`;
    const start = `${String(line++).padStart(tcp ? 4 : 5)}: ${addressText(socket.local, family)} ` +
      `${addressText(socket.remote, family)} ${hex(state, 2)} ${queues} 00:00000000 00000000 ` +
      `${String(ownerOf(socket)).padStart(5)}        0 ${socket.ino}`;
    const end = tcp ? ' 1 0000000000000000 100 0 0 10 0' : ' 2 0000000000000000 0';
    text += (family === AF.INET && tcp ? (start + end).padEnd(149) : start + end) + '\n';
  }
  return text;
}

function ownerOf(socket: Socket): number {
  return socket instanceof InetSocket ? socket.owner : 0;
}

/** Flags and states of /proc/net/unix: SO_ACCEPTCON; unconnected and connected. */
const UNIX = { ACCEPTS: 0x10000, UNCONNECTED: 1, CONNECTED: 3 } as const;

function unixText(kernel: Kernel): string {
  let text = 'Num       RefCount Protocol Flags    Type St Inode Path\n';
  for (const socket of socketsOf(kernel)) {
    if (!(socket instanceof UnixSocket)) continue;
    const state = socket.peer ? UNIX.CONNECTED : UNIX.UNCONNECTED;
    text += `0000000000000000: ${hex(socket.referenceCount + 1, 8)} 00000000 ` +
      `${hex(socket.listening ? UNIX.ACCEPTS : 0, 8)} ${hex(socket.type, 4)} ${hex(state, 2)} ` +
      `${String(socket.ino).padStart(5)}${nameOf(socket)}\n`;
  }
  return text;
}

/** A space and the path; abstract names begin with @. */
function nameOf(socket: UnixSocket): string {
  if (!socket.bound) return '';
  const name = String.fromCharCode(...socket.name.subarray(2));
  const shown = name.startsWith('\0') ? '@' + name.substring(1).replaceAll('\0', '@') : name.replace(/\0.*$/s, '');
  return ' ' + shown;
}

/** Nothing counts packets: they are not made. */
function devText(): string {
  return 'Inter-|   Receive                                                |  Transmit\n' +
    ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier ' +
    'compressed\n' +
    '    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0' +
    '       0          0\n';
}

function sockstatText(kernel: Kernel): string {
  const sockets = [...socketsOf(kernel)];
  const tcp = sockets.filter((socket) => socket instanceof TcpSocket && socket.local !== null).length;
  const udp = sockets.filter((socket) => socket instanceof UdpSocket && socket.local !== null).length;
  return `sockets: used ${sockets.length}\nTCP: inuse ${tcp} orphan 0 tw 0 alloc ${tcp} mem 0\n` +
    `UDP: inuse ${udp} mem 0\nUDPLITE: inuse 0\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n`;
}
