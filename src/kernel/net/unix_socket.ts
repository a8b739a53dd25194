/** Names, credentials and in-flight references: what sockets of all types of unix(7) share. */
import { E } from '../../abi/errno.js';
import { S } from '../../abi/fcntl.js';
import { AF, SOCKADDR_UN_SIZE } from '../../abi/socket.js';
import { mknod } from '../../vfs/names.js';
import { lookup } from '../../vfs/path_walk.js';
import type { Task } from '../task.js';
import { collectUnreachable } from './in_flight.js';
import { netOf } from './namespace.js';
import { Socket, type Outgoing, type PeerCredentials } from './socket.js';

/** Where the path starts in struct sockaddr_un. */
const PATH_OFFSET = 2;
const UNNAMED = new Uint8Array([AF.UNIX, 0]);
/** Autobind makes names of five hexadecimal digits. */
const AUTOBIND_NAMES = 0x10_0000;

let lastAutobind = 0;

export abstract class UnixSocket extends Socket {
  /** The sockaddr that the socket is bound to, or inherited from its listener; unnamed at first. */
  name = UNNAMED;
  /** The socket of the other end, or the default destination. */
  peer: UnixSocket | null = null;
  /** Closed: nothing can be sent to it. */
  dead = false;
  /** Sockets that wait until this one takes a message or connection. */
  readonly blocked = new Set<UnixSocket>();
  protected credentialsOfPeer: PeerCredentials | null = null;
  /** The socket inode that bind made: its Inode.identity. */
  private inodeKey: unknown = null;
  /** The key of the abstract name. */
  private abstractName: string | null = null;

  /** A new, unconnected socket of the same type (for accept). */
  protected constructor(type: number, creator: Task) {
    super(AF.UNIX, type, 0, creator);
  }

  get bound(): boolean {
    return this.name.length > PATH_OFFSET;
  }
  override get peerCredentials(): PeerCredentials | null {
    return this.credentialsOfPeer;
  }

  /** A path makes a socket inode; an abstract name begins with NUL; the family alone asks for a free abstract name. */
  override bind(task: Task, address: Uint8Array): number {
    const path = unixName(address);
    if (typeof path === 'number') return path;
    if (path === '') return this.bound ? -E.INVAL : this.autobind();
    if (path.charCodeAt(0) === 0) {
      if (this.bound) return -E.INVAL;
      const names = netOf(this.kernel).abstractNames;
      const name = path.substring(1);
      if (names.has(abstractKey(this.type, name))) return -E.ADDRINUSE;
      this.takeAbstract(name);
      return 0;
    }
    const { fs } = task;
    if (this.bound) return typeof lookup(fs, fs.cwd, path, false) === 'number' ? -E.INVAL : -E.ADDRINUSE;
    const made = mknod(fs, fs.cwd, path, S.IFSOCK | this.ownership.mode, 0);
    if (made < 0) return made === -E.EXIST ? -E.ADDRINUSE : made;
    const place = lookup(fs, fs.cwd, path, false);
    if (typeof place === 'number') return place;
    this.inodeKey = place.inode.identity;
    netOf(this.kernel).pathNames.set(this.inodeKey, this);
    this.name = socketAddress(path + '\0');
    return 0;
  }

  /** Takes a free abstract name, if the socket has none (unix(7), "Autobind feature"). */
  autobind(): number {
    if (this.bound) return 0;
    const names = netOf(this.kernel).abstractNames;
    for (let tried = 0; tried < AUTOBIND_NAMES; tried++) {
      lastAutobind = (lastAutobind + 1) % AUTOBIND_NAMES;
      const name = lastAutobind.toString(16).padStart(5, '0');
      if (names.has(abstractKey(this.type, name))) continue;
      this.takeAbstract(name);
      return 0;
    }
    return -E.NOSPC;
  }

  private takeAbstract(name: string): void {
    this.abstractName = abstractKey(this.type, name);
    netOf(this.kernel).abstractNames.set(this.abstractName, this);
    this.name = socketAddress('\0' + name);
  }

  /** The socket of this type that an address names: -ECONNREFUSED, -EPROTOTYPE, -EACCES, or what the path gives. */
  protected find(task: Task, address: Uint8Array): UnixSocket | number {
    const path = unixName(address);
    if (typeof path === 'number') return path;
    if (path === '') return -E.INVAL;
    let found: UnixSocket | undefined;
    if (path.charCodeAt(0) === 0) {
      found = netOf(this.kernel).abstractNames.get(abstractKey(this.type, path.substring(1)));
    } else {
      const place = lookup(task.fs, task.fs.cwd, path, true);
      if (typeof place === 'number') return place;
      const denied = place.inode.permission(task.fs.cred, 2);
      if (denied < 0) return denied;
      if (place.inode.type !== S.IFSOCK) return -E.CONNREFUSED;
      found = netOf(this.kernel).pathNames.get(place.inode.identity);
    }
    if (!found || found.dead) return -E.CONNREFUSED;
    return found.type === this.type ? found : -E.PROTOTYPE;
  }

  /** Adds who sends, when an end wants to know it (SO_PASSCRED). */
  protected identify(task: Task, message: Outgoing, to: UnixSocket): void {
    if (message.credentials !== null) return;
    if (!this.passCredentials && !to.passCredentials) return;
    const { uid, gid } = task.cred;
    message.credentials = { pid: task.process.pid, uid, gid };
  }

  /** Wakes those that wait until this socket takes something. */
  protected unblock(): void {
    if (this.blocked.size === 0) return;
    const waiting = [...this.blocked];
    this.blocked.clear();
    for (const socket of waiting) socket.queue.wake();
  }

  override localName(): Uint8Array {
    return this.name;
  }
  override peerName(): Uint8Array | number {
    return this.peer === null ? -E.NOTCONN : this.peer.name;
  }

  override unref(): number {
    const result = super.unref();
    if (this.inFlight > 0 && this.referenceCount === this.inFlight) collectUnreachable();
    return result;
  }

  protected override closed(): number {
    this.dead = true;
    if (this.abstractName !== null) netOf(this.kernel).abstractNames.delete(this.abstractName);
    if (this.inodeKey !== null) netOf(this.kernel).pathNames.delete(this.inodeKey);
    this.dropMessages();
    this.unblock();
    this.queue.wake();
    return 0;
  }
}

/** Sockets of different types may have the same abstract name. */
function abstractKey(type: number, name: string): string {
  return `${type} ${name}`;
}

/** Who a task is, for the other end: SO_PEERCRED tells effective ids, SCM_CREDENTIALS real ones. */
export function credentialsOf(task: Task): PeerCredentials {
  return { pid: task.process.pid, uid: task.cred.euid, gid: task.cred.egid };
}

/** The name in a sockaddr_un: a path, or NUL and an abstract name, or '' for the family alone; -EINVAL. */
function unixName(address: Uint8Array): string | number {
  if (address.length < PATH_OFFSET || address.length > SOCKADDR_UN_SIZE) return -E.INVAL;
  if (address[0] !== AF.UNIX || address[1] !== 0) return -E.INVAL;
  let end = address.length;
  if (address[PATH_OFFSET] !== 0) {
    const nul = address.indexOf(0, PATH_OFFSET);
    if (nul >= 0) end = nul;
  }
  return String.fromCharCode(...address.subarray(PATH_OFFSET, end));
}

function socketAddress(path: string): Uint8Array<ArrayBuffer> {
  const address = new Uint8Array(PATH_OFFSET + path.length);
  address[0] = AF.UNIX;
  for (let i = 0; i < path.length; i++) address[PATH_OFFSET + i] = path.charCodeAt(i);
  return address;
}
