/** What all sockets have (socket(7)): options, addresses, names; and the interface of the system calls to them. */
import { E } from '../../abi/errno.js';
import { O, POLL, S } from '../../abi/fcntl.js';
import { AF, SO, SOCK } from '../../abi/socket.js';
import type { Stat } from '../../vfs/inode.js';
import { OpenFile, type UserMemory } from '../../vfs/open_file.js';
import { lookup, PathContext } from '../../vfs/path_walk.js';
import { mknod } from '../../vfs/names.js';
import { anonymousStat, newAnonymousIno } from '../anonymous_file.js';
import type { Credentials } from '../credentials.js';
import type { Kernel } from '../kernel.js';
import { WaitQueue } from '../wait_queue.js';
import {
  ANY4, ANY6, inetAddress, isAny, isLocal, LOOPBACK4, LOOPBACK6, UNNAMED, type SocketAddress,
} from './address.js';
import { netOf } from './namespace.js';

/** Bytes that a socket holds for its reader. */
export const BUFFER = 212_992;
const FIONREAD = 0x541b;
const CAP_NET_BIND_SERVICE = 10;

/** Who is at the other end (SO_PEERCRED). */
export interface PeerCredentials {
  pid: number;
  uid: number;
  gid: number;
}

/** A message or a piece of a stream, with what was sent along. */
export interface Chunk {
  bytes: Uint8Array;
  /** How much of it was read. */
  at: number;
  from: SocketAddress | null;
  files: OpenFile[];
  credentials: PeerCredentials | null;
}

/** What a receive tells besides the bytes. */
export interface Received {
  count: number;
  /** Length of a message that was cut. */
  full: number;
  from: SocketAddress | null;
  files: OpenFile[];
  credentials: PeerCredentials | null;
}

export abstract class Socket extends OpenFile {
  readonly queue = new WaitQueue();
  readonly ino = newAnonymousIno();
  /** Where it is bound, and whom it is connected to. */
  address: SocketAddress;
  peerAddress: SocketAddress | null = null;
  peerCredentials: PeerCredentials = { pid: 0, uid: 0xffff_ffff, gid: 0xffff_ffff };
  /** Integer options that are only stored, by level and number. */
  readonly options = new Map<number, number>();
  /** SO_RCVTIMEO and SO_SNDTIMEO in nanoseconds, 0 for none. */
  receiveTimeout = 0;
  sendTimeout = 0;
  linger: [number, number] = [0, 0];
  /** SO_ERROR: told once. */
  error = 0;
  readClosed = false;
  writeClosed = false;
  protected readonly incoming: Chunk[] = [];
  /** Bytes in `incoming`. */
  protected held = 0;
  private boundPort = 0;
  private boundFile: unknown = undefined;
  protected bound = false;

  constructor(
    readonly kernel: Kernel, readonly domain: number, readonly type: number, readonly protocol: number, flags: number,
  ) {
    super(O.RDWR | flags, null);
    this.waiters = this.queue;
    this.address = domain === AF.UNIX ? UNNAMED : inetAddress(domain, domain === AF.INET ? ANY4 : ANY6, 0);
  }

  override get label(): string {
    return `socket:[${this.ino}]`;
  }
  override get pollable(): boolean {
    return true;
  }
  override stat(out: Stat): number {
    return anonymousStat(out, this.ino, S.IFSOCK | 0o777, 0, 0);
  }
  override read(u8: Uint8Array, start: number, length: number): number {
    const got = this.receive(u8, start, length, false);
    if (typeof got === 'number') return got;
    for (const file of got.files) file.unref();
    return got.count;
  }
  override write(u8: Uint8Array, start: number, length: number): number {
    return this.send(u8, start, length, null, [], null);
  }
  override ioctl(request: number, arg: number, memory: UserMemory): number {
    if (request !== FIONREAD) return -E.NOTTY;
    if (!memory.writable(arg, 4)) return -E.FAULT;
    memory.window.view.setInt32(arg, this.nextLength, true);
    return 0;
  }

  /** FIONREAD: of a stream all bytes, of datagrams the next one's. */
  protected get nextLength(): number {
    return this.held;
  }

  /**
   * -EAGAIN when it would have to wait. `to`: the address of sendto(2). The files are the message's once it is sent.
   */
  abstract send(
    u8: Uint8Array, start: number, length: number, to: SocketAddress | null, files: OpenFile[],
    credentials: PeerCredentials | null,
  ): number;
  abstract receive(u8: Uint8Array, start: number, length: number, peek: boolean): Received | number;
  abstract connect(address: SocketAddress, fs: PathContext): number;
  abstract shutdown(how: number): number;
  listen(_backlog: number): number {
    return -E.OPNOTSUPP;
  }
  /** A connection that came in; -EAGAIN while there is none. */
  accept(_flags: number): Socket | number {
    return -E.OPNOTSUPP;
  }
  get listening(): boolean {
    return false;
  }

  /** bind(2). */
  bind(address: SocketAddress, fs: PathContext): number {
    if (this.bound || address.family === AF.UNSPEC) return -E.INVAL;
    if (this.domain === AF.UNIX) return this.bindUnix(address, fs);
    if (!isLocal(address.host)) return -E.ADDRNOTAVAIL;
    const privileged = address.port > 0 && address.port < 1024;
    const cred = this.kernel.current!.cred;
    if (privileged && !cred.has(CAP_NET_BIND_SERVICE)) return -E.ACCES;
    return this.bindInet(address.host, address.port);
  }

  protected bindInet(host: readonly number[], port: number): number {
    this.address = inetAddress(this.domain, host, port);
    const got = netOf(this.kernel).bindPort(this, port);
    if (got < 0) return got;
    this.address = inetAddress(this.domain, host, got);
    this.boundPort = got;
    this.bound = true;
    return 0;
  }

  /** A port of the system's choice, for sockets that connect or send unbound. */
  protected autobind(): number {
    if (this.bound || this.domain === AF.UNIX) return 0;
    return this.bindInet(this.domain === AF.INET ? ANY4 : ANY6, 0);
  }

  private bindUnix(address: SocketAddress, fs: PathContext): number {
    const net = netOf(this.kernel);
    const { path } = address;
    if (path === '' || path.charCodeAt(0) === 0) {
      let name = path;
      // No name given: five hexadecimal digits of the kernel's choice.
      for (let next = 0; name === '' || (path === '' && net.abstract.has(this.type + name)); next++) {
        name = '\0' + next.toString(16).padStart(5, '0');
      }
      if (net.abstract.has(this.type + name)) return -E.ADDRINUSE;
      net.abstract.set(this.type + name, this);
      this.address = { ...address, path: name };
      this.bound = true;
      return 0;
    }
    const made = mknod(fs, fs.cwd, path, S.IFSOCK | 0o777, 0);
    if (made < 0) return made === -E.EXIST ? -E.ADDRINUSE : made;
    const place = lookup(fs, fs.cwd, path, true);
    if (typeof place === 'number') return place;
    this.boundFile = place.inode.identity;
    net.files.set(this.boundFile, this);
    this.address = address;
    this.bound = true;
    return 0;
  }

  /** The socket of this type that is bound at `address`; -ECONNREFUSED, -ENOENT, -EPROTOTYPE … */
  protected findPeer(address: SocketAddress, fs: PathContext): Socket | number {
    const net = netOf(this.kernel);
    if (this.domain === AF.UNIX) {
      const { path } = address;
      if (path === '') return -E.INVAL;
      let found: Socket | undefined;
      if (path.charCodeAt(0) === 0) {
        found = net.abstract.get(this.type + path);
      } else {
        const place = lookup(fs, fs.cwd, path, true);
        if (typeof place === 'number') return place;
        if (place.inode.type !== S.IFSOCK) return -E.CONNREFUSED;
        if (place.inode.permission(fs.cred, 2) < 0) return -E.ACCES;
        found = net.files.get(place.inode.identity);
      }
      if (!found) return -E.CONNREFUSED;
      return found.type === this.type ? found : -E.PROTOTYPE;
    }
    if (!isLocal(address.host)) return -E.NETUNREACH;
    const users = net.ports(this.type).get(address.port) ?? [];
    const wanted = users.filter((other) => other.accepts(address));
    return wanted.find((other) => other.listening || this.type !== SOCK.STREAM) ?? -E.CONNREFUSED;
  }

  /** Whether what is sent to `address` (its port is right) is for this socket. */
  private accepts(address: SocketAddress): boolean {
    const mine = this.address.host;
    if (isAny(mine) || isAny(address.host)) return this.domain === address.family || this.domain === AF.INET6;
    return mine.length === address.host.length && mine.every((byte, at) => byte === address.host[at]);
  }

  /** Two sockets may have one port: both say so, or their addresses differ. */
  sharesPortWith(other: Socket): boolean {
    const key = (option: number): number => (1 << 16) | option;
    if (this.options.get(key(SO.REUSEPORT)) && other.options.get(key(SO.REUSEPORT))) return true;
    const reuse = this.options.get(key(SO.REUSEADDR)) && other.options.get(key(SO.REUSEADDR));
    if (reuse && (this.type === SOCK.DGRAM || !(this.listening || other.listening))) return true;
    const a = this.address.host, b = other.address.host;
    if (isAny(a) || isAny(b) || this.domain !== other.domain) return false;
    return a.some((byte, at) => byte !== b[at]);
  }

  /** The address that a peer sees: a wildcard becomes the loopback address. */
  get visibleAddress(): SocketAddress {
    const { address } = this;
    if (this.domain === AF.UNIX || !isAny(address.host)) return address;
    return inetAddress(this.domain, this.domain === AF.INET ? LOOPBACK4 : LOOPBACK6, address.port);
  }

  protected push(chunk: Chunk): void {
    this.incoming.push(chunk);
    this.held += chunk.bytes.length;
    this.queue.wake(POLL.IN);
  }

  takeError(): number {
    const { error } = this;
    this.error = 0;
    return error;
  }

  protected override closed(): number {
    const net = netOf(this.kernel);
    if (this.boundFile !== undefined) net.files.delete(this.boundFile);
    if (this.domain === AF.UNIX && this.bound && this.address.path.charCodeAt(0) === 0) {
      net.abstract.delete(this.type + this.address.path);
    }
    if (this.boundPort !== 0) net.freePort(this, this.boundPort);
    for (const chunk of this.incoming) for (const file of chunk.files) file.unref();
    this.incoming.length = 0;
    return 0;
  }
}

export function credentialsOf(pid: number, cred: Credentials): PeerCredentials {
  return { pid, uid: cred.euid, gid: cred.egid };
}
