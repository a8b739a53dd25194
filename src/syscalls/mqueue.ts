/** POSIX message queues: mq_open(3), mq_send(3), mq_receive(3), mq_notify(3), mq_getattr(3), mq_unlink(3). */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { RLIMIT } from '../abi/resource.js';
import { SIGRTMAX } from '../abi/signal.js';
import { CLOCK, SIGEV } from '../abi/time.js';
import { monotonicAt } from '../kernel/clock.js';
import { CAP_SYS_RESOURCE } from '../kernel/credentials.js';
import {
  accessOf, MQ, Mqueue, mqueueAllows, MqueueFile, NOTIFY_COOKIE_LEN, type Notice,
} from '../kernel/ipc/mqueue.js';
import { ipcOf } from '../kernel/ipc/namespace.js';
import { NetlinkSocket } from '../kernel/net/netlink.js';
import type { Process } from '../kernel/process.js';
import type { Task } from '../kernel/task.js';
import { Wake } from '../kernel/wait_queue.js';
import { parkOn } from '../kernel/wait_ready.js';
import { socketOf } from './socket.js';
import { readTimespec, time } from './timespec.js';
import { call, fd, flags, inBuffer, inStruct, mode, path, ptr, size, uint, type Row } from './types.js';

const CAP_FOWNER = 3;

export const mqueueRows: readonly Row[] = [
  call('mq_open', 240, 277, [path, flags('O_', O), mode, ptr], mqOpen),
  call('mq_unlink', 241, 278, [path], mqUnlink),
  call('mq_timedsend', 242, 279, [fd, inBuffer(2), size, uint, inStruct('timespec')], mqTimedsend),
  call('mq_timedreceive', 243, 280, [fd, ptr, size, ptr, inStruct('timespec')], mqTimedreceive),
  call('mq_notify', 244, 281, [fd, inStruct('sigevent')], mqNotify),
  call('mq_getsetattr', 245, 282, [fd, ptr, ptr], mqGetsetattr),
];

const NAME_MAX = 255;
/** struct mq_attr: flags, most messages, their size, how many there are; four words more. */
const ATTR_WORDS = 8;
const OPEN_FLAGS = O.ACCMODE | O.CREAT | O.EXCL | O.NONBLOCK | O.CLOEXEC;

/** The name of a queue, which libc gives without its slash; -errno. */
function readName(task: Task, address: number): string | number {
  const name = task.mm.cstring(address, 4096);
  if (typeof name === 'number') return name;
  if (name === '') return -E.NOENT;
  if (name.includes('/') || name === '.' || name === '..') return -E.ACCES;
  return name.length > NAME_MAX ? -E.NAMETOOLONG : name;
}

function wordsOf(task: Task, address: number, count: number): number[] | number {
  const width = task.abi === Abi.X64 ? 8 : 4;
  if (!task.mm.readable(address, count * width)) return -E.FAULT;
  const { view } = task.mm.window;
  return Array.from({ length: count }, (_, at) => (width === 4 ? view.getInt32(address + 4 * at, true)
    : view.getInt32(address + 8 * at + 4, true) * 0x1_0000_0000 + view.getUint32(address + 8 * at, true)));
}

/** mq_open(3): execve closes the descriptor in any case. */
function mqOpen(task: Task, nameAt: number, flagBits: number, permissions: number, attr: number): number {
  const attributes = attr === 0 ? undefined : wordsOf(task, attr, ATTR_WORDS);
  if (typeof attributes === 'number') return attributes;
  const name = readName(task, nameAt);
  if (typeof name === 'number') return name;
  const table = ipcOf(task.kernel).mqueues;
  let queue = table.find(name);
  if (queue) {
    if ((flagBits & (O.CREAT | O.EXCL)) === (O.CREAT | O.EXCL)) return -E.EXIST;
    if ((flagBits & O.ACCMODE) === O.ACCMODE) return -E.INVAL;
    if (!mqueueAllows(queue, task.cred, accessOf(flagBits))) return -E.ACCES;
  } else {
    if ((flagBits & O.CREAT) === 0) return -E.NOENT;
    const made = create(task, name, permissions & 0o7777 & ~task.fs.umask, attributes);
    if (typeof made === 'number') return made;
    queue = made;
  }
  const file = new MqueueFile(queue, flagBits & OPEN_FLAGS & ~(O.CREAT | O.EXCL | O.CLOEXEC));
  const descriptor = task.files.install(file, true);
  if (descriptor < 0) file.unref();
  return descriptor;
}

function create(task: Task, name: string, permissions: number, attributes: number[] | undefined): Mqueue | number {
  const { cred } = task;
  const table = ipcOf(task.kernel).mqueues;
  const privileged = cred.has(CAP_SYS_RESOURCE);
  if (table.size >= MQ.QUEUES_MAX && !privileged) return -E.NOSPC;
  const maxMessages = attributes ? attributes[1]! : MQ.MSG_DEFAULT;
  const messageSize = attributes ? attributes[2]! : MQ.MSGSIZE_DEFAULT;
  if (maxMessages <= 0 || messageSize <= 0) return -E.INVAL;
  if (maxMessages > (privileged ? MQ.HARD_MSG_MAX : MQ.MSG_MAX)) return -E.INVAL;
  if (messageSize > (privileged ? MQ.HARD_MSGSIZE_MAX : MQ.MSGSIZE_MAX)) return -E.INVAL;
  const queue = new Mqueue(name, permissions, cred.fsuid, cred.fsgid, maxMessages, messageSize);
  const limit = task.process.limits.soft[RLIMIT.MSGQUEUE]!;
  if (table.footprintOf(cred.fsuid) + queue.footprint > limit) return -E.MFILE;
  table.add(queue);
  return queue;
}

/** mq_unlink(3): as in a sticky directory that everybody may write, only the owner may. */
function mqUnlink(task: Task, nameAt: number): number {
  const name = readName(task, nameAt);
  if (typeof name === 'number') return name;
  const table = ipcOf(task.kernel).mqueues;
  const queue = table.find(name);
  if (!queue) return -E.NOENT;
  if (queue.uid !== task.cred.fsuid && !task.cred.has(CAP_FOWNER)) return -E.PERM;
  table.remove(queue);
  return 0;
}

/** CLOCK_MONOTONIC of a time-out by the wall clock; Infinity for NULL. */
function deadlineOf(task: Task, timeout: number): number {
  if (timeout === 0) return Infinity;
  const failed = readTimespec(task, timeout);
  return failed < 0 ? failed : Math.max(0, monotonicAt(task, CLOCK.REALTIME, time.sec, time.nsec));
}

function fileOf(task: Task, descriptor: number): MqueueFile | undefined {
  const file = task.files.get(descriptor);
  return file instanceof MqueueFile ? file : undefined;
}

/** mq_timedsend(3). */
function mqTimedsend(
  task: Task, descriptor: number, address: number, length: number, priority: number, timeout: number,
): number {
  const deadline = deadlineOf(task, timeout);
  if (deadline < 0) return deadline;
  if (priority >= MQ.PRIO_MAX) return -E.INVAL;
  const file = fileOf(task, descriptor);
  if (!file || !file.canWrite) return -E.BADF;
  if (length > file.queue.messageSize) return -E.MSGSIZE;
  if (!task.mm.readable(address, length)) return -E.FAULT;
  const text = task.mm.window.u8.slice(address, address + length);
  return send(task, file, priority, text, deadline, Wake.Event);
}

function send(
  task: Task, file: MqueueFile, priority: number, text: Uint8Array, deadline: number, wake: Wake,
): number {
  const { queue } = file;
  if (!queue.full) {
    queue.send({ priority, text }, task.process);
    return 0;
  }
  if (file.flags & O.NONBLOCK) return -E.AGAIN;
  if (wake === Wake.Timeout) return -E.TIMEDOUT;
  if (wake === Wake.Signal) return -E.RESTARTSYS;
  queue.senders.add(task);
  return parkOn(task, file, (waiter, reason) => send(waiter, file, priority, text, deadline, reason), deadline);
}

/** mq_timedreceive(3): gives the message's length. */
function mqTimedreceive(
  task: Task, descriptor: number, address: number, length: number, priorityAt: number, timeout: number,
): number {
  const deadline = deadlineOf(task, timeout);
  if (deadline < 0) return deadline;
  const file = fileOf(task, descriptor);
  if (!file || !file.canRead) return -E.BADF;
  if (length < file.queue.messageSize) return -E.MSGSIZE;
  return receive(task, file, address, priorityAt, deadline, Wake.Event);
}

function receive(
  task: Task, file: MqueueFile, address: number, priorityAt: number, deadline: number, wake: Wake,
): number {
  const { queue } = file;
  if (queue.messages.length > 0) {
    const { text, priority } = queue.receive();
    if (!task.mm.putBytes(address, text)) return -E.FAULT;
    if (priorityAt !== 0 && !task.mm.putU32(priorityAt, priority)) return -E.FAULT;
    return text.length;
  }
  if (file.flags & O.NONBLOCK) return -E.AGAIN;
  if (wake === Wake.Timeout) return -E.TIMEDOUT;
  if (wake === Wake.Signal) return -E.RESTARTSYS;
  queue.receivers.add(task);
  queue.waiting++;
  return parkOn(task, file, (waiter, reason) => {
    queue.waiting--;
    return receive(waiter, file, address, priorityAt, deadline, reason);
  }, deadline);
}

/** mq_notify(3): the next message in an empty queue that nobody waits for is told to the caller's process, once. */
function mqNotify(task: Task, descriptor: number, event: number): number {
  const { mm, process } = task;
  const notice: Notice = {
    owner: process, kind: 0, signal: 0, valueLow: 0, valueHigh: 0, socket: null, cookie: NO_COOKIE,
  };
  if (event !== 0) {
    const word = task.abi === Abi.X64 ? 8 : 4;
    if (!mm.readable(event, 64)) return -E.FAULT;
    const { view } = mm.window;
    notice.valueLow = view.getUint32(event, true);
    notice.valueHigh = word === 8 ? view.getUint32(event + 4, true) : 0;
    notice.signal = view.getInt32(event + word, true);
    notice.kind = view.getInt32(event + word + 4, true);
    if (notice.kind !== SIGEV.NONE && notice.kind !== SIGEV.SIGNAL && notice.kind !== SIGEV.THREAD) return -E.INVAL;
    if (notice.kind === SIGEV.SIGNAL && (notice.signal < 0 || notice.signal > SIGRTMAX)) return -E.INVAL;
  }
  const file = fileOf(task, descriptor);
  if (!file) return -E.BADF;
  if (event === 0) {
    file.queue.forget(process);
    return 0;
  }
  if (notice.kind === SIGEV.THREAD) {
    const failed = takeSocket(task, notice);
    if (failed < 0) return failed;
  }
  const result = file.queue.notify(notice);
  if (result === 0) forgetOnClose(process);
  else notice.socket?.unref();
  return result;
}

const NO_COOKIE = new Uint8Array(0);

/** SIGEV_THREAD: the value is a cookie's address, the signal a netlink socket, where libc's thread waits for it. */
function takeSocket(task: Task, notice: Notice): number {
  const cookie = task.mm.bytes(notice.valueLow + notice.valueHigh * 0x1_0000_0000, NOTIFY_COOKIE_LEN);
  if (typeof cookie === 'number') return cookie;
  const socket = socketOf(task, notice.signal);
  if (typeof socket === 'number') return socket;
  if (!(socket instanceof NetlinkSocket)) return -E.INVAL;
  notice.cookie = cookie.slice();
  notice.socket = socket;
  socket.ref();
  return 0;
}

/** A process that closes a descriptor of a queue is not told of its messages any more. */
function forgetOnClose(process: Process): void {
  process.closes = (file) => {
    if (file instanceof MqueueFile) file.queue.forget(process);
  };
}

/** mq_getattr(3), mq_setattr(3): O_NONBLOCK is all that can be set. */
function mqGetsetattr(task: Task, descriptor: number, newAt: number, oldAt: number): number {
  const wanted = newAt === 0 ? undefined : wordsOf(task, newAt, ATTR_WORDS);
  if (typeof wanted === 'number') return wanted;
  if (wanted && wanted[0]! & ~O.NONBLOCK) return -E.INVAL;
  const file = fileOf(task, descriptor);
  if (!file) return -E.BADF;
  const { queue } = file;
  const before = [file.flags & O.NONBLOCK, queue.maxMessages, queue.messageSize, queue.messages.length, 0, 0, 0, 0];
  if (wanted) file.flags = (file.flags & ~O.NONBLOCK) | (wanted[0]! & O.NONBLOCK);
  if (oldAt === 0) return 0;
  const { mm } = task;
  const width = task.abi === Abi.X64 ? 8 : 4;
  if (!mm.writable(oldAt, ATTR_WORDS * width)) return -E.FAULT;
  before.forEach((value, at) => (width === 8 ? mm.putU64(oldAt + 8 * at, value) : mm.putU32(oldAt + 4 * at, value)));
  return 0;
}
