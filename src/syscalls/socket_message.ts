/** Sending and receiving: sendto(2), recvfrom(2), sendmsg(2), recvmsg(2), sendmmsg(2), recvmmsg(2). */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { O, POLL } from '../abi/fcntl.js';
import { IOV_MAX, MAX_RW_COUNT } from '../abi/file.js';
import { ADDRESS_MAX, AF, MMSGHDR, MSG, MSGHDR } from '../abi/socket.js';
import { native } from '../host/native.js';
import type { Incoming, Outgoing, Socket } from '../kernel/net/socket.js';
import { BLOCKED, type Task } from '../kernel/task.js';
import { Wake } from '../kernel/wait_queue.js';
import { parkOn } from '../kernel/wait_ready.js';
import { brokenPipe, fetchVector, scatter } from './transfer.js';
import { deadlineAfter, fetchAddress, interrupted, putAddress, socketOf } from './socket.js';
import { fetchControl, putControl } from './socket_control.js';
import { readTimespec, time } from './timespec.js';
import { call, fd, flags, inBuffer, outBuffer, ptr, size, uint, int, type Row } from './types.js';

/** Does the rest of a call once its result is known, at once or after a wait. */
type Finish = (task: Task, result: number) => number;

const asItIs: Finish = (_task, result) => result;
/** Bytes of a guest's vector that are gathered for one send of a stream. */
const GATHER_MAX = 1 << 20;

/** sendto(2). */
function sendto(
  task: Task, fd: number, buf: number, length: number, flagBits: number, address: number, addressLength: number,
): number {
  const file = socketOf(task, fd);
  if (typeof file === 'number') return file;
  let to: Uint8Array | null = null;
  if (address !== 0) {
    const name = fetchAddress(task, address, addressLength);
    if (typeof name === 'number') return name;
    to = name;
  }
  if (length > MAX_RW_COUNT) length = MAX_RW_COUNT;
  if (!task.mm.readable(buf, length)) return -E.FAULT;
  const message: Outgoing = { flags: flagBits, to, files: null, credentials: null, packet: null };
  return sendOn(task, file, task.mm.window.u8, buf, length, message, 0, deadlineAfter(file.sendTimeout), asItIs);
}

/**
 * Sends until all is sent (streams) or the message is taken. `u8` may be the guest's memory: what waits is copied.
 * Files that no message took are closed.
 */
function sendOn(
  task: Task, socket: Socket, u8: Uint8Array, start: number, length: number, message: Outgoing, done: number,
  deadline: number, finish: Finish,
): number {
  for (;;) {
    const sent = socket.send(task, u8, start + done, length - done, message);
    if (sent >= 0) {
      done += sent;
      if (done >= length || !socket.stream) return sendEnds(task, message, done, finish);
      continue;
    }
    if (sent !== -E.AGAIN || (socket.flags & O.NONBLOCK) !== 0 || message.flags & MSG.DONTWAIT) {
      if (done > 0) return sendEnds(task, message, done, finish);
      if (sent === -E.PIPE && socket.stream && !(message.flags & MSG.NOSIGNAL)) brokenPipe(task);
      return sendEnds(task, message, sent, finish);
    }
    break;
  }
  const rest = u8 === task.mm.window.u8 ? u8.slice(start, start + length) : u8;
  const from = rest === u8 ? start : 0;
  socket.queue.add(task, POLL.OUT | POLL.ERR | POLL.HUP);
  return parkOn(task, socket, (parked, wake) => {
    if (wake === Wake.Event) return sendOn(parked, socket, rest, from, length, message, done, deadline, finish);
    if (done > 0) return sendEnds(parked, message, done, finish);
    return sendEnds(parked, message, wake === Wake.Timeout ? -E.AGAIN : interrupted(deadline), finish);
  }, deadline);
}

function sendEnds(task: Task, message: Outgoing, result: number, finish: Finish): number {
  if (message.files) for (const file of message.files) file.unref();
  return finish(task, result);
}

/** A struct msghdr, with its vector fetched. */
interface Header {
  readonly address: number;
  readonly name: number;
  readonly nameLength: number;
  /** Base and length of each buffer, in turn. */
  readonly vector: readonly number[];
  readonly control: number;
  readonly controlLength: number;
}

function fetchHeader(task: Task, address: number): Header | number {
  const layout = MSGHDR.of(task.abi);
  const { mm } = task;
  if (!mm.readable(address, layout.size)) return -E.FAULT;
  const word = task.abi === Abi.X64 ? (at: number) => mm.getU64(at) : (at: number) => mm.getU32(at);
  const name = word(address + layout.name), count = word(address + layout.iovlen);
  const nameLength = name === 0 ? 0 : mm.window.view.getInt32(address + layout.namelen, true);
  if (nameLength < 0) return -E.INVAL;
  if (count > IOV_MAX) return -E.MSGSIZE;
  const vector = fetchVector(task, word(address + layout.iov), count);
  if (typeof vector === 'number') return vector;
  return {
    address, name, nameLength: Math.min(nameLength, ADDRESS_MAX), vector, control: word(address + layout.control),
    controlLength: word(address + layout.controllen),
  };
}

function totalOf(vector: readonly number[]): number {
  let total = 0;
  for (let i = 1; i < vector.length; i += 2) total += vector[i]!;
  return total;
}

/** sendmsg(2). */
function sendmsg(task: Task, fd: number, header: number, flagBits: number): number {
  const file = socketOf(task, fd);
  return typeof file === 'number' ? file : sendHeader(task, file, header, flagBits, asItIs);
}

function sendHeader(task: Task, socket: Socket, address: number, flagBits: number, finish: Finish): number {
  const header = fetchHeader(task, address);
  if (typeof header === 'number') return finish(task, header);
  const message: Outgoing = { flags: flagBits, to: null, files: null, credentials: null, packet: null };
  if (header.name !== 0 && header.nameLength > 0) {
    const name = fetchAddress(task, header.name, header.nameLength);
    if (typeof name === 'number') return finish(task, name);
    message.to = name;
  }
  const { vector } = header;
  let total = totalOf(vector), start = 0, u8 = task.mm.window.u8;
  if (socket.stream) total = Math.min(total, Math.max(GATHER_MAX, vector.length === 2 ? total : 0));
  if (vector.length === 2) {
    start = vector[0]!;
    if (!task.mm.readable(start, total)) return finish(task, -E.FAULT);
  } else if (total > 0) {
    const gathered = gather(task, vector, total);
    if (typeof gathered === 'number') return finish(task, gathered);
    u8 = gathered;
  }
  const failed = fetchControl(task, socket, header.control, header.controlLength, message);
  if (failed < 0) return finish(task, failed);
  return sendOn(task, socket, u8, start, total, message, 0, deadlineAfter(socket.sendTimeout), finish);
}

/** The first `total` bytes of a vector's buffers, or -EFAULT. */
function gather(task: Task, vector: readonly number[], total: number): Uint8Array | number {
  const bytes = new Uint8Array(total);
  for (let i = 0, done = 0; i < vector.length && done < total; i += 2) {
    const base = vector[i]!, count = Math.min(vector[i + 1]!, total - done);
    if (!task.mm.readable(base, count)) return -E.FAULT;
    bytes.set(task.mm.window.u8.subarray(base, base + count), done);
    done += count;
  }
  return bytes;
}

/** recvfrom(2). */
function recvfrom(
  task: Task, fd: number, buf: number, length: number, flagBits: number, address: number, lengthAt: number,
): number {
  const file = socketOf(task, fd);
  if (typeof file === 'number') return file;
  const { mm } = task;
  let room = Math.min(length, MAX_RW_COUNT);
  if (!mm.writable(buf, room)) room = mm.writableBytes(buf, room);
  if (room < length && room <= 0) return -E.FAULT;
  const incoming = newIncoming(flagBits);
  const deadline = deadlineAfter(file.receiveTimeout);
  return receiveOn(task, file, [buf, room], incoming, null, 0, deadline, (receiver, result) => {
    if (incoming.files) for (const passed of incoming.files) passed.unref();
    if (result < 0 || address === 0) return result;
    const failed = putAddress(receiver, incoming.source, address, lengthAt);
    return failed < 0 ? failed : result;
  });
}

function newIncoming(flagBits: number): Incoming {
  return { flags: flagBits, source: null, result: 0, files: null, credentials: null, items: null };
}

/**
 * Receives into the buffers of a vector: one message, or what a stream has (MSG.WAITALL: all). `held`: bytes of a
 * MSG.WAITALL receive so far, and a vector's.
 */
function receiveOn(
  task: Task, socket: Socket, vector: readonly number[], incoming: Incoming, held: Uint8Array | null, done: number,
  deadline: number, finish: Finish,
): number {
  const total = vector.length === 2 ? vector[1]! : totalOf(vector);
  const direct = vector.length === 2 && held === null;
  if (direct && !task.mm.writable(vector[0]!, total)) return finish(task, -E.FAULT);
  const all = socket.stream && (incoming.flags & MSG.WAITALL) !== 0 && (incoming.flags & MSG.PEEK) === 0;
  const u8 = direct ? task.mm.window.u8 : held ?? new Uint8Array(total);
  const start = direct ? vector[0]! : 0;
  if (incoming.flags & MSG.ERRQUEUE && socket.family !== AF.UNIX) {
    return receiveEnds(task, vector, u8, direct, socket.receiveError(u8, start, total, incoming), finish);
  }
  for (;;) {
    const got = socket.receive(u8, start + done, total - done, incoming);
    if (got >= 0) {
      done += got;
      if (all && got > 0 && done < total && !incoming.files && !socket.atMark) continue;
      return receiveEnds(task, vector, u8, direct, done, finish);
    }
    if (got !== -E.AGAIN || socket.flags & O.NONBLOCK || incoming.flags & MSG.DONTWAIT) {
      return receiveEnds(task, vector, u8, direct, done > 0 ? done : got, finish);
    }
    break;
  }
  const kept = direct && done === 0 ? null : direct ? u8.slice(start, start + total) : u8;
  socket.queue.add(task, POLL.IN | POLL.ERR | POLL.HUP);
  return parkOn(task, socket, (parked, wake) => {
    // What has come goes before a time-out or a signal.
    if (wake === Wake.Event || socket.poll() & POLL.IN) {
      return receiveOn(parked, socket, vector, incoming, kept, done, deadline, finish);
    }
    const failed = wake === Wake.Timeout ? -E.AGAIN : interrupted(deadline);
    return receiveEnds(parked, vector, kept ?? u8, kept === null, done > 0 ? done : failed, finish);
  }, deadline);
}

function receiveEnds(
  task: Task, vector: readonly number[], u8: Uint8Array, direct: boolean, result: number, finish: Finish,
): number {
  const count = Math.min(result, u8.length);
  if (!direct && count > 0 && !scatter(task, vector, u8, count)) result = -E.FAULT;
  return finish(task, result);
}

/** recvmsg(2). */
function recvmsg(task: Task, fd: number, header: number, flagBits: number): number {
  const file = socketOf(task, fd);
  if (typeof file === 'number') return file;
  return receiveHeader(task, file, header, flagBits, deadlineAfter(file.receiveTimeout), asItIs);
}

function receiveHeader(
  task: Task, socket: Socket, address: number, flagBits: number, deadline: number, finish: Finish,
): number {
  const header = fetchHeader(task, address);
  if (typeof header === 'number') return finish(task, header);
  const incoming = newIncoming(flagBits);
  return receiveOn(task, socket, header.vector, incoming, null, 0, deadline, (receiver, result) => {
    if (result >= 0) return finish(receiver, tell(receiver, socket, header, incoming, flagBits) || result);
    if (incoming.files) for (const file of incoming.files) file.unref();
    return finish(receiver, result);
  });
}

/** Fills the guest's struct msghdr: 0 or -EFAULT. */
function tell(task: Task, socket: Socket, header: Header, incoming: Incoming, flagBits: number): number {
  const layout = MSGHDR.of(task.abi);
  const { mm } = task;
  const used = putControl(task, header.control, header.controlLength, incoming, socket.passCredentials, flagBits);
  if (!mm.writable(header.address, layout.size)) return -E.FAULT;
  const { source } = incoming;
  if (header.name !== 0) {
    const fits = source && Math.min(source.length, header.nameLength);
    if (fits && !mm.putBytes(header.name, source.subarray(0, fits))) return -E.FAULT;
    mm.putU32(header.address + layout.namelen, source ? source.length : 0);
  }
  mm.putU32(header.address + layout.flags, incoming.result | (flagBits & MSG.CMSG_CLOEXEC));
  if (task.abi === Abi.X64) mm.putU64(header.address + layout.controllen, used);
  else mm.putU32(header.address + layout.controllen, used);
  return 0;
}

/** sendmmsg(2): how many were sent; an error only when none was. */
function sendmmsg(task: Task, fd: number, messages: number, count: number, flagBits: number): number {
  const file = socketOf(task, fd);
  return typeof file === 'number' ? file : sendMany(task, file, messages, Math.min(count, IOV_MAX), flagBits, 0);
}

function sendMany(task: Task, socket: Socket, messages: number, count: number, flagBits: number, done: number): number {
  const layout = MMSGHDR.of(task.abi);
  for (; done < count; done++) {
    const at = messages + done * layout.size, so = done;
    let parked = false;
    const result = sendHeader(task, socket, at, flagBits, (sender, sent) => {
      if (sent < 0) return so > 0 ? so : sent;
      if (!sender.mm.putU32(at + layout.len, sent)) return so > 0 ? so : -E.FAULT;
      return parked ? sendMany(sender, socket, messages, count, flagBits, so + 1) : so + 1;
    });
    parked = true;
    if (result !== done + 1) return result;
  }
  return done;
}

/** recvmmsg(2): how many were received. The time-out is looked at after each message. */
function recvmmsg(task: Task, fd: number, messages: number, count: number, flagBits: number, timeout: number): number {
  const file = socketOf(task, fd);
  if (typeof file === 'number') return file;
  let end = Infinity;
  if (timeout !== 0) {
    const failed = readTimespec(task, timeout);
    if (failed < 0) return failed;
    end = native.monotonicNow() + time.sec * 1e9 + time.nsec;
  }
  const error = file.takeError();
  return error < 0 ? error : receiveMany(task, file, messages, Math.min(count, IOV_MAX), flagBits, end, 0);
}

function receiveMany(
  task: Task, socket: Socket, messages: number, count: number, flagBits: number, end: number, done: number,
): number {
  const layout = MMSGHDR.of(task.abi);
  const each = flagBits & ~MSG.WAITFORONE;
  for (; done < count; done++) {
    if (done > 0 && end !== Infinity && native.monotonicNow() >= end) return done;
    const wait = done > 0 && flagBits & MSG.WAITFORONE ? MSG.DONTWAIT : 0;
    const at = messages + done * layout.size, so = done;
    let parked = false;
    const deadline = deadlineAfter(socket.receiveTimeout);
    const result = receiveHeader(task, socket, at, each | wait, deadline, (receiver, got) => {
      if (got < 0) return so > 0 ? so : got;
      if (!receiver.mm.putU32(at + layout.len, got)) return so > 0 ? so : -E.FAULT;
      return parked ? receiveMany(receiver, socket, messages, count, flagBits, end, so + 1) : so + 1;
    });
    parked = true;
    if (result === BLOCKED || result !== done + 1) return result;
  }
  return done;
}

const messageFlags = flags('MSG_', MSG);

export const socketMessageRows: readonly Row[] = [
  call('sendto', 44, 369, [fd, inBuffer(2), size, messageFlags, ptr, int], sendto),
  call('recvfrom', 45, 371, [fd, outBuffer, size, messageFlags, ptr, ptr], recvfrom),
  call('sendmsg', 46, 370, [fd, ptr, messageFlags], sendmsg),
  call('recvmsg', 47, 372, [fd, ptr, messageFlags], recvmsg),
  call('recvmmsg', 299, 337, [fd, ptr, uint, messageFlags, ptr], recvmmsg),
  call('sendmmsg', 307, 345, [fd, ptr, uint, messageFlags], sendmmsg),
];
