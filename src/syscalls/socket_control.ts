/** Ancillary data of messages (cmsg(3), unix(7)): descriptors and credentials. */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { RLIMIT } from '../abi/resource.js';
import { AF, CMSGHDR, IP, IPPROTO, IPV6, MSG, SCM, SCM_MAX_FD, SOL_SOCKET } from '../abi/socket.js';
import { CAP_SETGID, CAP_SETUID, CAP_SYS_RESOURCE } from '../kernel/credentials.js';
import { isAny, isLoopback } from '../kernel/net/inet_address.js';
import type { Incoming, Outgoing, PeerCredentials } from '../kernel/net/socket.js';
import { Socket } from '../kernel/net/socket.js';
import type { Task } from '../kernel/task.js';
import type { OpenFile } from '../vfs/open_file.js';

const CAP_SYS_ADMIN = 21;
/** struct ucred. */
const UCRED_SIZE = 12;
/** The one interface, lo. */
const LOOPBACK_INDEX = 1;
/** Longest control buffer (net.core.optmem_max). */
const CONTROL_MAX = 131_072;
/** Who sent a message before its receiver wanted to know (unix(7)): no process, the overflow ids. */
const UNKNOWN: PeerCredentials = { pid: 0, uid: 65534, gid: 65534 };

function wordOf(task: Task): number {
  return task.abi === Abi.X64 ? 8 : 4;
}

/**
 * Reads what is sent along into `message`: 0, -EINVAL for malformed data, -EBADF, -EPERM for credentials that are not
 * the sender's. Sockets other than those of AF_UNIX take no notice of descriptors and credentials, those other than
 * UDP's none of what is said of packets.
 */
export function fetchControl(
  task: Task, socket: Socket, control: number, length: number, message: Outgoing,
): number {
  const unix = socket.family === AF.UNIX;
  if (length === 0) return 0;
  if (length > CONTROL_MAX) return -E.NOBUFS;
  const { mm } = task;
  if (!mm.readable(control, length)) return -E.FAULT;
  const { view } = mm.window;
  const layout = CMSGHDR.of(task.abi);
  const word = wordOf(task);
  for (let at = 0; at + layout.size <= length;) {
    const size = word === 8 ? mm.getU64(control + at) : mm.getU32(control + at);
    let failed = 0;
    if (size < layout.size || size > length - at) {
      failed = -E.INVAL;
    } else {
      const level = view.getInt32(control + at + layout.level, true);
      const type = view.getInt32(control + at + layout.type, true);
      const data = control + at + layout.size, bytes = size - layout.size;
      if (level === SOL_SOCKET) failed = fetchItem(task, unix, type, data, bytes, message);
      else if (socket.protocol === IPPROTO.UDP) failed = fetchPacketItem(view, level, type, data, bytes, message);
    }
    if (failed < 0) {
      if (message.files) for (const file of message.files) file.unref();
      message.files = null;
      return failed;
    }
    at += Math.ceil(size / word) * word;
  }
  return 0;
}

function fetchItem(task: Task, unix: boolean, type: number, at: number, size: number, message: Outgoing): number {
  switch (type) {
    case SCM.RIGHTS:
      return unix ? fetchFiles(task, at, size >> 2, message) : 0;
    case SCM.CREDENTIALS:
      if (!unix) return 0;
      return size === UCRED_SIZE ? fetchCredentials(task, at, message) : -E.INVAL;
    default:
      return -E.INVAL;
  }
}

/** What is said of a datagram: its hop limit, its type of service, its source. Other levels' items are left alone. */
function fetchPacketItem(
  view: DataView, level: number, type: number, at: number, size: number, message: Outgoing,
): number {
  const v4 = level === IPPROTO.IP;
  if (!v4 && level !== IPPROTO.IPV6) return 0;
  const packet = message.packet ??= { ttl: -1, tos: -1, source: null };
  if (type === (v4 ? IP.PKTINFO : IPV6.PKTINFO)) {
    if (size !== (v4 ? 12 : 20)) return -E.INVAL;
    const index = view.getInt32(v4 ? at : at + 16, true);
    if (index !== 0 && index !== LOOPBACK_INDEX) return -E.NODEV;
    let host = '';
    for (let i = 0; i < (v4 ? 4 : 16); i++) host += String.fromCharCode(view.getUint8(at + (v4 ? 4 : 0) + i));
    if (isAny(host)) return 0;
    if (!isLoopback(host)) return -E.INVAL;
    packet.source = host;
    return 0;
  }
  const value = size === 4 ? view.getInt32(at, true) : size === 1 && v4 && type === IP.TOS ? view.getUint8(at) : NaN;
  if (type === (v4 ? IP.TTL : IPV6.HOPLIMIT)) {
    if (!(value >= (v4 ? 1 : -1) && value <= 255)) return -E.INVAL;
    packet.ttl = value;
    return 0;
  }
  if (type !== (v4 ? IP.TOS : IPV6.TCLASS) || !(value >= (v4 ? 0 : -1) && value <= 255)) return -E.INVAL;
  packet.tos = value;
  return 0;
}

function fetchFiles(task: Task, at: number, count: number, message: Outgoing): number {
  const files = message.files ?? [];
  if (files.length + count > SCM_MAX_FD) return -E.INVAL;
  const { view } = task.mm.window;
  const found: OpenFile[] = [];
  for (let i = 0; i < count; i++) {
    const file = task.files.get(view.getInt32(at + 4 * i, true));
    if (!file) return -E.BADF;
    found.push(file);
  }
  // Descriptors in flight are limited as open ones are.
  const limit = task.process.limits.soft[RLIMIT.NOFILE]!;
  const flying = found.reduce((sum, file) => sum + (file instanceof Socket ? file.inFlight : 0), 0);
  if (flying > limit && !task.cred.has(CAP_SYS_RESOURCE) && !task.cred.has(CAP_SYS_ADMIN)) return -E.TOOMANYREFS;
  if (count === 0) return 0;
  for (const file of found) file.ref();
  message.files = files.concat(found);
  return 0;
}

/** A process may give any of its own ids; others need privilege. */
function fetchCredentials(task: Task, at: number, message: Outgoing): number {
  const { view } = task.mm.window;
  const pid = view.getInt32(at, true), uid = view.getUint32(at + 4, true), gid = view.getUint32(at + 8, true);
  const { cred } = task;
  const may = (pid === task.process.pid || cred.has(CAP_SYS_ADMIN)) &&
    (uid === cred.uid || uid === cred.euid || uid === cred.suid || cred.has(CAP_SETUID)) &&
    (gid === cred.gid || gid === cred.egid || gid === cred.sgid || cred.has(CAP_SETGID));
  if (!may) return -E.PERM;
  if (!task.kernel.processes.has(pid)) return -E.SRCH;
  message.credentials = { pid, uid, gid };
  return 0;
}

/**
 * Writes what came along to the guest's control buffer: the bytes used. What does not fit is lost, and MSG_CTRUNC set.
 * `credentials`: the receiver wants them (SO_PASSCRED). Takes over the references of incoming.files.
 */
export function putControl(
  task: Task, control: number, length: number, incoming: Incoming, credentials: boolean, flagBits: number,
): number {
  let used = 0;
  if (credentials) {
    const { pid, uid, gid } = incoming.credentials ?? UNKNOWN;
    used = putWords(task, control, length, SCM.CREDENTIALS, [pid, uid, gid], incoming);
  }
  if (incoming.items) {
    for (const { level, type, bytes } of incoming.items) {
      used += putItem(task, control + used, length - used, level, type, bytes, incoming);
    }
  }
  const { files } = incoming;
  incoming.files = null;
  return files ? used + putFiles(task, control + used, length - used, files, incoming, flagBits) : used;
}

function putWords(
  task: Task, at: number, room: number, type: number, values: readonly number[], incoming: Incoming,
): number {
  return putItem(task, at, room, SOL_SOCKET, type, new Uint8Array(Int32Array.from(values).buffer), incoming);
}

/** Writes one item: what it takes of the buffer. */
function putItem(
  task: Task, at: number, room: number, level: number, type: number, bytes: Uint8Array, incoming: Incoming,
): number {
  const layout = CMSGHDR.of(task.abi);
  const { mm } = task;
  const word = wordOf(task);
  let size = layout.size + bytes.length;
  if (room < layout.size || !mm.writable(at, Math.min(size, room))) {
    incoming.result |= MSG.CTRUNC;
    return 0;
  }
  if (size > room) {
    incoming.result |= MSG.CTRUNC;
    size = room;
  }
  const { view, u8 } = mm.window;
  if (word === 8) mm.putU64(at, size);
  else mm.putU32(at, size);
  view.setInt32(at + layout.level, level, true);
  view.setInt32(at + layout.type, type, true);
  u8.set(bytes.subarray(0, size - layout.size), at + layout.size);
  return Math.min(Math.ceil(size / word) * word, room);
}

/** SCM_RIGHTS: as many descriptors as there is room for are opened. */
function putFiles(
  task: Task, at: number, room: number, files: readonly OpenFile[], incoming: Incoming, flagBits: number,
): number {
  const header = CMSGHDR.of(task.abi).size;
  const fits = Math.min(files.length, Math.floor((room - header) / 4));
  const fds: number[] = [];
  if (fits > 0 && task.mm.writable(at, header + 4 * fits)) {
    for (const file of files.slice(0, fits)) {
      const fd = task.files.install(file, (flagBits & MSG.CMSG_CLOEXEC) !== 0);
      if (fd < 0) break;
      fds.push(fd);
    }
  }
  for (const file of files.slice(fds.length)) file.unref();
  if (fds.length < files.length) incoming.result |= MSG.CTRUNC;
  return fds.length > 0 ? putWords(task, at, room, SCM.RIGHTS, fds, incoming) : 0;
}
