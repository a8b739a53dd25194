/** System V message queues: msgget(2), msgsnd(2), msgrcv(2), msgctl(2). */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { IPC, IPC_CMD, MSG, MSG_CMD, MSQID_DS } from '../abi/ipc.js';
import { seconds } from '../kernel/ipc/ids.js';
import { MessageQueue, MSGMAX, MSGMNB, MSGMNI } from '../kernel/ipc/msg.js';
import { ipcOf } from '../kernel/ipc/namespace.js';
import type { Task } from '../kernel/task.js';
import { Wake } from '../kernel/wait_queue.js';
import { readPermissions, writePermissions } from './sysv_perm.js';
import { call, flags, int, long, oneOf, ptr, size, type Row } from './types.js';

const CAP_SYS_RESOURCE = 24;

export const sysvMsgRows: readonly Row[] = [
  call('msgget', 68, 399, [int, flags('IPC_', IPC)], msgget),
  call('msgsnd', 69, 400, [int, ptr, size, flags('', { IPC_NOWAIT: IPC.NOWAIT })], msgsnd),
  call('msgrcv', 70, 401, [int, ptr, size, long, flags('MSG_', MSG)], msgrcv),
  call('msgctl', 71, 402, [int, oneOf('', { ...IPC_CMD, ...MSG_CMD }), ptr], msgctl),
];

/** msgget(2). */
function msgget(task: Task, key: number, flagBits: number): number {
  return ipcOf(task.kernel).msg.get(key, flagBits, task.cred, () => 0,
    () => new MessageQueue(key, flagBits, task.cred));
}

/** What IPC_INFO says of sizes that Linux has no longer. */
const MSGSSZ = 16;
const MSGSEG = 65535;

/** The long mtype at the head of struct msgbuf. */
function readType(task: Task, msgp: number): number {
  const { view } = task.mm.window;
  if (task.abi === Abi.I386) return view.getInt32(msgp, true);
  return view.getInt32(msgp + 4, true) * 0x1_0000_0000 + view.getUint32(msgp, true);
}

/** msgsnd(2). */
function msgsnd(task: Task, id: number, msgp: number, bytes: number, flagBits: number): number {
  const { mm } = task;
  const word = task.abi === Abi.X64 ? 8 : 4;
  if (bytes > MSGMAX || id < 0) return -E.INVAL;
  if (!mm.readable(msgp, word + bytes)) return -E.FAULT;
  const type = readType(task, msgp);
  if (type < 1) return -E.INVAL;
  const queue = ipcOf(task.kernel).msg.find(id);
  if (!queue) return -E.INVAL;
  if (!queue.allows(task.cred, 2)) return -E.ACCES;
  const text = mm.window.u8.slice(msgp + word, msgp + word + bytes);
  return send(task, queue, type, text, (flagBits & IPC.NOWAIT) !== 0, Wake.Event);
}

function send(task: Task, queue: MessageQueue, type: number, text: Uint8Array, nowait: boolean, wake: Wake): number {
  if (queue.removed) return -E.IDRM;
  if (queue.hasRoom(text.length)) {
    queue.stime = seconds();
    queue.lspid = task.process.pid;
    queue.send({ type, text });
    return 0;
  }
  if (nowait) return -E.AGAIN;
  if (wake === Wake.Signal) return -E.RESTARTNOHAND;
  queue.senders.add(task);
  return task.park((waiter, reason) => send(waiter, queue, type, text, nowait, reason));
}

/** msgrcv(2). */
function msgrcv(task: Task, id: number, msgp: number, bytes: number, type: number, flagBits: number): number {
  if (id < 0 || bytes > 0x7fff_ffff) return -E.INVAL;
  if (flagBits & MSG.COPY && (flagBits & MSG.EXCEPT || !(flagBits & IPC.NOWAIT))) return -E.INVAL;
  const queue = ipcOf(task.kernel).msg.find(id);
  if (!queue) return -E.INVAL;
  return queue.allows(task.cred, 4) ? receive(task, queue, msgp, bytes, type, flagBits, Wake.Event) : -E.ACCES;
}

function receive(
  task: Task, queue: MessageQueue, msgp: number, bytes: number, type: number, flagBits: number, wake: Wake,
): number {
  if (queue.removed) return -E.IDRM;
  const copies = (flagBits & MSG.COPY) !== 0;
  // MSG_COPY: the type is the place in the queue.
  const at = !copies ? queue.find(type, flagBits) : type >= 0 && type < queue.messages.length ? type : -1;
  if (at < 0) {
    if (flagBits & IPC.NOWAIT) return -E.NOMSG;
    if (wake === Wake.Signal) return -E.RESTARTNOHAND;
    queue.receivers.add(task);
    return task.park((waiter, reason) => receive(waiter, queue, msgp, bytes, type, flagBits, reason));
  }
  const message = queue.messages[at]!;
  if (message.text.length > bytes && (flagBits & MSG.NOERROR) === 0) return -E['2BIG'];
  if (copies && message.text.length > bytes) return -E.INVAL;
  const length = Math.min(bytes, message.text.length);
  const { mm } = task;
  const word = task.abi === Abi.X64 ? 8 : 4;
  if (!copies) {
    queue.take(at);
    queue.rtime = seconds();
    queue.lrpid = task.process.pid;
  }
  if (!mm.writable(msgp, word + length)) return -E.FAULT;
  if (word === 8) mm.putU64(msgp, message.type);
  else mm.putU32(msgp, message.type);
  mm.window.u8.set(message.text.subarray(0, length), msgp + word);
  return length;
}

/** msgctl(2). */
function msgctl(task: Task, id: number, coded: number, buf: number): number {
  const { kernel, mm, cred } = task;
  const { msg } = ipcOf(kernel);
  const command = coded & ~0x100;
  if (command === IPC_CMD.INFO || command === MSG_CMD.INFO) {
    if (!mm.writable(buf, 32)) return -E.FAULT;
    mm.window.u8.fill(0, buf, buf + 32);
    let pool = MSGMNI * MSGMNB / 1024, map = MSGMNB, total = MSGMNB;
    if (command === MSG_CMD.INFO) {
      pool = map = total = 0;
      for (const queue of msg) {
        pool++;
        map += queue.messages.length;
        total += queue.bytes;
      }
    }
    [pool, map, MSGMAX, MSGMNB, MSGMNI, MSGSSZ, total, MSGSEG].forEach((value, at) => mm.putU32(buf + 4 * at, value));
    return Math.max(0, msg.highest);
  }
  const byIndex = command === MSG_CMD.STAT || command === MSG_CMD.STAT_ANY;
  const queue = byIndex ? msg.at(id) : msg.find(id);
  if (!queue) return -E.INVAL;
  const at = MSQID_DS.of(task.abi);
  switch (command) {
    case IPC_CMD.STAT:
    case MSG_CMD.STAT:
    case MSG_CMD.STAT_ANY: {
      if (command !== MSG_CMD.STAT_ANY && !queue.allows(cred, 4)) return -E.ACCES;
      if (!mm.writable(buf, at.size)) return -E.FAULT;
      const put = writePermissions(task, buf, at, queue);
      put(at.stime, queue.stime);
      put(at.rtime, queue.rtime);
      put(at.ctime, queue.ctime);
      put(at.cbytes, queue.bytes);
      put(at.qnum, queue.messages.length);
      put(at.qbytes, queue.limit);
      mm.putU32(buf + at.lspid, queue.lspid);
      mm.putU32(buf + at.lrpid, queue.lrpid);
      return byIndex ? queue.id : 0;
    }
    case IPC_CMD.SET: {
      if (!mm.readable(buf, at.size)) return -E.FAULT;
      const limit = mm.getU64(buf + at.qbytes);
      if (limit > MSGMNB && !cred.has(CAP_SYS_RESOURCE)) return -E.PERM;
      const failed = readPermissions(task, buf, at, queue);
      if (failed < 0) return failed;
      queue.limit = limit;
      queue.senders.wake();
      return 0;
    }
    case IPC_CMD.RMID:
      if (!queue.ownedBy(cred)) return -E.PERM;
      msg.remove(queue);
      queue.senders.wake();
      queue.receivers.wake();
      return 0;
    default:
      return -E.INVAL;
  }
}
