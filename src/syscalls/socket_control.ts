/** Ancillary data of messages (cmsg(3), unix(7)): descriptors and credentials. */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { RLIMIT } from '../abi/resource.js';
import { CMSGHDR, MSG, SCM, SCM_MAX_FD, SOL_SOCKET } from '../abi/socket.js';
import { CAP_SETGID, CAP_SETUID, CAP_SYS_RESOURCE } from '../kernel/credentials.js';
import type { Incoming, Outgoing, PeerCredentials } from '../kernel/net/socket.js';
import { Socket } from '../kernel/net/socket.js';
import type { Task } from '../kernel/task.js';
import type { OpenFile } from '../vfs/open_file.js';

const CAP_SYS_ADMIN = 21;
/** struct ucred. */
const UCRED_SIZE = 12;
/** Longest control buffer (net.core.optmem_max). */
const CONTROL_MAX = 131_072;
/** Who sent a message before its receiver wanted to know (unix(7)): no process, the overflow ids. */
const UNKNOWN: PeerCredentials = { pid: 0, uid: 65534, gid: 65534 };

function wordOf(task: Task): number {
  return task.abi === Abi.X64 ? 8 : 4;
}

/**
 * Reads what is sent along into `message`: 0, -EINVAL for malformed data, -EBADF, -EPERM for credentials that are not
 * the sender's. Sockets other than `unix` ones take no notice of descriptors and credentials.
 */
export function fetchControl(task: Task, unix: boolean, control: number, length: number, message: Outgoing): number {
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
    } else if (view.getInt32(control + at + layout.level, true) === SOL_SOCKET) {
      const type = view.getInt32(control + at + layout.type, true);
      failed = fetchItem(task, unix, type, control + at + layout.size, size - layout.size, message);
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
    used = putItem(task, control, length, SCM.CREDENTIALS, [pid, uid, gid], incoming);
  }
  const { files } = incoming;
  incoming.files = null;
  return files ? used + putFiles(task, control + used, length - used, files, incoming, flagBits) : used;
}

/** Writes one item of 32-bit words: what it takes of the buffer. */
function putItem(
  task: Task, at: number, room: number, type: number, values: readonly number[], incoming: Incoming,
): number {
  const layout = CMSGHDR.of(task.abi);
  const { mm } = task;
  const word = wordOf(task);
  let size = layout.size + 4 * values.length;
  if (room < layout.size || !mm.writable(at, Math.min(size, room))) {
    incoming.result |= MSG.CTRUNC;
    return 0;
  }
  if (size > room) {
    incoming.result |= MSG.CTRUNC;
    size = room;
  }
  const { view } = mm.window;
  if (word === 8) mm.putU64(at, size);
  else mm.putU32(at, size);
  view.setInt32(at + layout.level, SOL_SOCKET, true);
  view.setInt32(at + layout.type, type, true);
  for (let i = 0; layout.size + 4 * i + 4 <= size; i++) view.setInt32(at + layout.size + 4 * i, values[i]!, true);
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
  return fds.length > 0 ? putItem(task, at, room, SCM.RIGHTS, fds, incoming) : 0;
}
