/** Sending and receiving on sockets: sendto(2), recvfrom(2), sendmsg(2), recvmsg(2) and their plural forms. */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { O, POLL } from '../abi/fcntl.js';
import { MSG_FLAG, MSGHDR, SCM, SO, SOL_SOCKET } from '../abi/socket.js';
import { SI, SIG } from '../abi/signal.js';
import { native } from '../host/native.js';
import { formatAddress, type SocketAddress } from '../kernel/net/address.js';
import type { PeerCredentials, Received, Socket } from '../kernel/net/socket.js';
import { SigInfo } from '../kernel/pending_signals.js';
import { sendToTask } from '../kernel/signals.js';
import { BLOCKED, type Task } from '../kernel/task.js';
import { Wake } from '../kernel/wait_queue.js';
import type { OpenFile } from '../vfs/open_file.js';
import { readAddress, socketOf, writeAddress } from './socket.js';
import { readTimespec, time } from './timespec.js';
import {
  call, fd, flags, inBuffer, inOutStruct, inStruct, int, outBuffer, ptr, size, uint, type Row,
} from './types.js';

const messageFlags = flags('MSG_', MSG_FLAG);

export const socketMessageRows: readonly Row[] = [
  call('sendto', 44, 369, [fd, inBuffer(2), size, messageFlags, ptr, int], sendto),
  call('recvfrom', 45, 371, [fd, outBuffer, size, messageFlags, ptr, ptr], recvfrom),
  call('sendmsg', 46, 370, [fd, inStruct('msghdr'), messageFlags], sendmsg),
  call('recvmsg', 47, 372, [fd, inOutStruct('msghdr'), messageFlags], recvmsg),
  call('sendmmsg', 307, 345, [fd, ptr, uint, messageFlags], sendmmsg),
  call('recvmmsg', 299, 337, [fd, ptr, uint, messageFlags, inStruct('timespec')], recvmmsg),
];

const MAX_LENGTH = 0x7fff_f000;
const IOV_MAX = 1024;
const MAX_FILES = 253;

/** A message to be sent, as the kernel has it: bytes gathered, files held. */
interface Outgoing {
  bytes: Uint8Array;
  start: number;
  length: number;
  to: SocketAddress | null;
  files: OpenFile[];
  credentials: PeerCredentials | null;
}

/** Sends from `done` on, waiting when it must. */
function send(task: Task, socket: Socket, message: Outgoing, flagBits: number, done: number, deadline: number): number {
  for (;;) {
    const sent = socket.send(
      message.bytes, message.start + done, message.length - done, message.to, message.files, message.credentials,
    );
    if (sent >= 0) {
      message.files = [];
      done += sent;
      if (done >= message.length) return done;
      continue;
    }
    if (sent !== -E.AGAIN || flagBits & MSG_FLAG.DONTWAIT || socket.flags & O.NONBLOCK) {
      return failSend(task, message, flagBits, done, sent);
    }
    const so = done;
    socket.queue.add(task, POLL.OUT | POLL.HUP | POLL.ERR);
    return task.park((waiter, wake) => {
      if (wake === Wake.Event) return send(waiter, socket, message, flagBits, so, deadline);
      return failSend(waiter, message, flagBits, so, wake === Wake.Signal ? -E.RESTARTSYS : -E.AGAIN);
    }, deadline);
  }
}

/** Nothing more goes out: what went, or why nothing did. */
function failSend(task: Task, message: Outgoing, flagBits: number, done: number, error: number): number {
  for (const file of message.files) file.unref();
  message.files = [];
  if (error === -E.PIPE && (flagBits & MSG_FLAG.NOSIGNAL) === 0) {
    const info = new SigInfo(SIG.PIPE, SI.USER);
    info.pid = task.process.pid;
    info.uid = task.cred.uid;
    sendToTask(task, info);
  }
  return done > 0 ? done : error;
}

function sendDeadline(socket: Socket): number {
  return socket.sendTimeout > 0 ? native.monotonicNow() + socket.sendTimeout : Infinity;
}

/** sendto(2). */
function sendto(
  task: Task, descriptor: number, buf: number, count: number, flagBits: number, addr: number, length: number,
): number {
  const socket = socketOf(task, descriptor);
  if (typeof socket === 'number') return socket;
  if (flagBits & MSG_FLAG.OOB) return -E.OPNOTSUPP;
  const bytes = Math.min(count, MAX_LENGTH);
  let to: SocketAddress | null = null;
  if (addr !== 0) {
    const parsed = readAddress(task, socket, addr, length);
    if (typeof parsed === 'number') return parsed;
    to = parsed;
  }
  if (!task.mm.readable(buf, bytes)) return -E.FAULT;
  const message = { bytes: task.mm.window.u8, start: buf, length: bytes, to, files: [], credentials: null };
  return send(task, socket, message, flagBits, 0, sendDeadline(socket));
}

/** What a struct msghdr says. */
interface Header {
  name: number;
  nameLength: number;
  /** Base and length of each buffer. */
  buffers: [number, number][];
  total: number;
  control: number;
  controlLength: number;
}

function readHeader(task: Task, addr: number): Header | number {
  const { mm } = task;
  const at = MSGHDR.of(task.abi);
  if (!mm.readable(addr, at.size)) return -E.FAULT;
  const wide = task.abi === Abi.X64;
  const word = (where: number): number => (wide ? mm.getU64(where) : mm.getU32(where));
  const count = word(addr + at.iovlen);
  if (count > IOV_MAX) return -E.MSGSIZE;
  const iov = word(addr + at.iov);
  const step = wide ? 16 : 8;
  if (!mm.readable(iov, count * step)) return -E.FAULT;
  const buffers: [number, number][] = [];
  let total = 0;
  for (let index = 0; index < count; index++) {
    const base = word(iov + index * step), length = word(iov + index * step + step / 2);
    if (length > MAX_LENGTH) return -E.INVAL;
    buffers.push([base, length]);
    total += length;
  }
  const nameLength = mm.getU32(addr + at.namelen) | 0;
  if (nameLength < 0) return -E.INVAL;
  return {
    name: word(addr + at.name), nameLength, buffers, total, control: word(addr + at.control),
    controlLength: word(addr + at.controllen),
  };
}

/** struct cmsghdr: length (a word), level, type. */
function controlHeader(task: Task): number {
  return task.abi === Abi.X64 ? 16 : 12;
}

function align(task: Task, length: number): number {
  const word = task.abi === Abi.X64 ? 8 : 4;
  return Math.ceil(length / word) * word;
}

/** Takes SCM_RIGHTS and SCM_CREDENTIALS from the control messages into `message`. 0 or -errno. */
function readControl(task: Task, header: Header, message: Outgoing): number {
  const { mm, cred } = task;
  const head = controlHeader(task);
  const end = header.control + header.controlLength;
  if (header.control === 0 || header.controlLength === 0) return 0;
  if (!mm.readable(header.control, header.controlLength)) return -E.FAULT;
  for (let at = header.control; at + head <= end;) {
    const length = task.abi === Abi.X64 ? mm.getU64(at) : mm.getU32(at);
    if (length < head || at + length > end) return -E.INVAL;
    const level = mm.getU32(at + head - 8), type = mm.getU32(at + head - 4);
    if (level === SOL_SOCKET && type === SCM.RIGHTS) {
      if ((length - head) / 4 > MAX_FILES) return -E.INVAL;
      for (let where = at + head; where + 4 <= at + length; where += 4) {
        const file = task.files.get(mm.getU32(where) | 0);
        if (!file) return -E.BADF;
        file.ref();
        message.files.push(file);
      }
    } else if (level === SOL_SOCKET && type === SCM.CREDENTIALS) {
      if (length < head + 12) return -E.INVAL;
      const given = { pid: mm.getU32(at + head), uid: mm.getU32(at + head + 4), gid: mm.getU32(at + head + 8) };
      const own = given.pid === task.process.pid && (given.uid === cred.uid || given.uid === cred.euid) &&
        (given.gid === cred.gid || given.gid === cred.egid);
      if (!own && !cred.has(21)) return -E.PERM;
      message.credentials = given;
    } else if (level === SOL_SOCKET) {
      return -E.INVAL;
    }
    at += Math.max(head, align(task, length));
  }
  return 0;
}

/** sendmsg(2). */
function sendmsg(task: Task, descriptor: number, addr: number, flagBits: number): number {
  const socket = socketOf(task, descriptor);
  if (typeof socket === 'number') return socket;
  const header = readHeader(task, addr);
  if (typeof header === 'number') return header;
  const { mm } = task;
  for (const [base, length] of header.buffers) if (!mm.readable(base, length)) return -E.FAULT;
  let to: SocketAddress | null = null;
  if (header.name !== 0 && header.nameLength > 0) {
    const parsed = readAddress(task, socket, header.name, header.nameLength);
    if (typeof parsed === 'number') return parsed;
    to = parsed;
  }
  const bytes = new Uint8Array(header.total);
  let at = 0;
  for (const [base, length] of header.buffers) {
    bytes.set(mm.window.u8.subarray(base, base + length), at);
    at += length;
  }
  const message: Outgoing = { bytes, start: 0, length: header.total, to, files: [], credentials: null };
  const failed = readControl(task, header, message);
  if (failed < 0) return failSend(task, message, MSG_FLAG.NOSIGNAL, 0, failed);
  return send(task, socket, message, flagBits, 0, sendDeadline(socket));
}

/** What receiving does with bytes and with what came along. */
type Deliver = (task: Task, received: Received, count: number) => number;

/**
 * Receives at most `length` bytes into `u8` from `start` on, waiting when it must. MSG_WAITALL goes on until all are
 * there,
 * on streams.
 */
function receive(
  task: Task, socket: Socket, u8: Uint8Array, start: number, length: number, flagBits: number, done: number,
  deadline: number, deliver: Deliver,
): number {
  for (;;) {
    const received = socket.receive(u8, start + done, length - done, (flagBits & MSG_FLAG.PEEK) !== 0);
    if (typeof received !== 'number') {
      const count = done + received.count;
      const all = flagBits & MSG_FLAG.WAITALL && socket.type === 1 && (flagBits & MSG_FLAG.PEEK) === 0;
      if (all && received.count > 0 && count < length && received.files.length === 0) {
        done = count;
        continue;
      }
      return deliver(task, received, count);
    }
    if (received !== -E.AGAIN) return done > 0 ? done : received;
    if (flagBits & MSG_FLAG.DONTWAIT || socket.flags & O.NONBLOCK) return done > 0 ? done : received;
    const so = done;
    socket.queue.add(task, POLL.IN | POLL.HUP | POLL.ERR);
    return task.park((waiter, wake) => {
      if (wake === Wake.Event) return receive(waiter, socket, u8, start, length, flagBits, so, deadline, deliver);
      if (so > 0) return so;
      return wake === Wake.Timeout ? -E.AGAIN : deadline === Infinity ? -E.RESTARTSYS : -E.INTR;
    }, deadline);
  }
}

function receiveDeadline(socket: Socket): number {
  return socket.receiveTimeout > 0 ? native.monotonicNow() + socket.receiveTimeout : Infinity;
}

/** recvfrom(2). */
function recvfrom(
  task: Task, descriptor: number, buf: number, count: number, flagBits: number, addr: number, lengthAt: number,
): number {
  const socket = socketOf(task, descriptor);
  if (typeof socket === 'number') return socket;
  if (flagBits & MSG_FLAG.OOB) return -E.INVAL;
  const length = Math.min(count, MAX_LENGTH);
  if (!task.mm.writable(buf, length)) return -E.FAULT;
  return receive(task, socket, task.mm.window.u8, buf, length, flagBits, 0, receiveDeadline(socket),
    (receiver, received, got) => {
    for (const file of received.files) file.unref();
    if (addr !== 0) {
      const failed = writeAddress(receiver, received.from ?? socket.peerAddress, addr, lengthAt);
      if (failed < 0) return failed;
    }
    return flagBits & MSG_FLAG.TRUNC && socket.type !== 1 ? received.full : got;
  });
}

/** recvmsg(2). */
function recvmsg(task: Task, descriptor: number, addr: number, flagBits: number): number {
  const socket = socketOf(task, descriptor);
  if (typeof socket === 'number') return socket;
  const header = readHeader(task, addr);
  if (typeof header === 'number') return header;
  for (const [base, length] of header.buffers) if (!task.mm.writable(base, length)) return -E.FAULT;
  if (!task.mm.writable(addr, MSGHDR.of(task.abi).size)) return -E.FAULT;
  const bytes = new Uint8Array(header.total);
  return receive(task, socket, bytes, 0, header.total, flagBits, 0, receiveDeadline(socket),
    (receiver, received, count) =>
    scatter(receiver, socket, addr, header, bytes, received, count, flagBits));
}

/** Puts a received message where the header says. */
function scatter(
  task: Task, socket: Socket, addr: number, header: Header, bytes: Uint8Array, received: Received, count: number,
  flagBits: number,
): number {
  const { mm } = task;
  const at = MSGHDR.of(task.abi);
  let done = 0;
  for (const [base, length] of header.buffers) {
    const piece = Math.min(length, count - done);
    if (piece > 0 && !mm.putBytes(base, bytes.subarray(done, done + piece))) return -E.FAULT;
    done += piece;
  }
  let outFlags = received.full > received.count ? MSG_FLAG.TRUNC : 0;
  if (socket.type === 5) outFlags |= MSG_FLAG.EOR;
  const from = received.from ?? (socket.type === 2 ? null : socket.peerAddress);
  const name = from && header.name !== 0 ? formatAddress(from) : new Uint8Array(0);
  if (name.length > 0 && !mm.putBytes(header.name, name.subarray(0, Math.min(name.length, header.nameLength)))) {
    return -E.FAULT;
  }
  mm.putU32(addr + at.namelen, name.length);
  const used = writeControl(task, socket, header, received, flagBits);
  if (used.truncated) outFlags |= MSG_FLAG.CTRUNC;
  if (task.abi === Abi.X64) mm.putU64(addr + at.controllen, used.bytes);
  else mm.putU32(addr + at.controllen, used.bytes);
  mm.putU32(addr + at.flags, outFlags | (flagBits & MSG_FLAG.CMSG_CLOEXEC));
  return flagBits & MSG_FLAG.TRUNC && socket.type !== 1 ? received.full : count;
}

/** Credentials (SO_PASSCRED) and files as control messages; files without room are dropped. */
function writeControl(
  task: Task, socket: Socket, header: Header, received: Received, flagBits: number,
): { bytes: number; truncated: boolean } {
  const { mm } = task;
  const head = controlHeader(task);
  let used = 0;
  let truncated = false;
  const begin = (type: number, length: number): number => {
    const at = header.control + used;
    if (task.abi === Abi.X64) mm.putU64(at, head + length);
    else mm.putU32(at, head + length);
    mm.putU32(at + head - 8, SOL_SOCKET);
    mm.putU32(at + head - 4, type);
    used += Math.min(align(task, head + length), header.controlLength - used);
    return at + head;
  };
  const room = (): number => (mm.writable(header.control, header.controlLength) ? header.controlLength - used - head
    : -1);
  if (socket.options.get((SOL_SOCKET << 16) | SO.PASSCRED) && header.control !== 0) {
    if (room() >= 12) {
      const { pid, uid, gid } = received.credentials ?? { pid: 0, uid: 65534, gid: 65534 };
      const at = begin(SCM.CREDENTIALS, 12);
      [pid, uid, gid].forEach((value, index) => mm.putU32(at + 4 * index, value));
    } else {
      truncated = true;
    }
  }
  if (received.files.length > 0) {
    const fits = header.control === 0 ? 0 : Math.max(0, Math.min(received.files.length, Math.floor(room() / 4)));
    const descriptors: number[] = [];
    for (const [index, file] of received.files.entries()) {
      const descriptor = index < fits ? task.files.install(file, (flagBits & MSG_FLAG.CMSG_CLOEXEC) !== 0) : -E.MFILE;
      if (descriptor < 0) {
        file.unref();
        truncated = true;
      } else {
        descriptors.push(descriptor);
      }
    }
    if (descriptors.length > 0) {
      const at = begin(SCM.RIGHTS, 4 * descriptors.length);
      descriptors.forEach((descriptor, index) => mm.putU32(at + 4 * index, descriptor));
    }
  }
  return { bytes: used, truncated };
}

/** struct mmsghdr: a msghdr and the count of its bytes. */
function mmsgSize(task: Task): number {
  return task.abi === Abi.X64 ? 64 : 32;
}

/** The parked call goes on as it will; when it has a result, `then` makes the call's own of it. */
function afterwards(task: Task, then: (task: Task, result: number) => number): number {
  const resume = task.resume!;
  task.resume = (waiter, wake) => {
    const result = resume(waiter, wake);
    return result === BLOCKED ? afterwards(waiter, then) : then(waiter, result);
  };
  return BLOCKED;
}

/** sendmmsg(2): only the first message may wait. */
function sendmmsg(task: Task, descriptor: number, vector: number, count: number, flagBits: number): number {
  const step = mmsgSize(task);
  const at = MSGHDR.of(task.abi).size;
  for (let done = 0; done < Math.min(count, IOV_MAX); done++) {
    const entry = vector + done * step;
    const sent = sendmsg(task, descriptor, entry, done > 0 ? flagBits | MSG_FLAG.DONTWAIT : flagBits);
    if (sent === BLOCKED) {
      return afterwards(task, (waiter, later) => {
        if (later < 0) return later;
        return waiter.mm.putU32(entry + at, later) ? 1 : -E.FAULT;
      });
    }
    if (sent < 0) return done > 0 ? done : sent;
    if (!task.mm.putU32(entry + at, sent)) return done > 0 ? done : -E.FAULT;
  }
  return Math.min(count, IOV_MAX);
}

/** recvmmsg(2): waits for the first message; the others are what is there. */
function recvmmsg(
  task: Task, descriptor: number, vector: number, count: number, flagBits: number, timeout: number,
): number {
  if (timeout !== 0) {
    const wrong = readTimespec(task, timeout);
    if (wrong < 0) return wrong;
    if (time.sec === 0 && time.nsec === 0) flagBits |= MSG_FLAG.DONTWAIT;
  }
  return receiveMany(task, descriptor, vector, Math.min(count, IOV_MAX), flagBits, 0);
}

function receiveMany(
  task: Task, descriptor: number, vector: number, count: number, flagBits: number, done: number,
): number {
  const step = mmsgSize(task);
  const at = MSGHDR.of(task.abi).size;
  for (; done < count; done++) {
    const entry = vector + done * step;
    const got = recvmsg(task, descriptor, entry, done > 0 ? flagBits | MSG_FLAG.DONTWAIT
      : flagBits & ~MSG_FLAG.WAITFORONE);
    if (got === BLOCKED) {
      return afterwards(task, (waiter, later) => {
        if (later < 0) return later;
        if (!waiter.mm.putU32(entry + at, later)) return -E.FAULT;
        return receiveMany(waiter, descriptor, vector, count, flagBits, 1);
      });
    }
    if (got < 0) return done > 0 ? done : got;
    if (!task.mm.putU32(entry + at, got)) return done > 0 ? done : -E.FAULT;
  }
  return done;
}
