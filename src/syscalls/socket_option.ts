/** getsockopt(2) and setsockopt(2). */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { IPPROTO, SO, SOL_SOCKET, TCP } from '../abi/socket.js';
import { getOption, levelError, setOption } from '../kernel/net/options.js';
import type { Socket } from '../kernel/net/socket.js';
import { tcpInfo } from '../kernel/net/tcp_info.js';
import { TcpSocket } from '../kernel/net/tcp.js';
import type { Task } from '../kernel/task.js';
import { socketOf } from './socket.js';
import { readPair, time } from './timespec.js';
import { call, fd, int, oneOf, ptr, type Row } from './types.js';

const CONGESTION_CONTROLS = ['reno', 'cubic'];
const CONGESTION_NAME_MAX = 16;

/** setsockopt(2). */
function setsockopt(task: Task, fd: number, level: number, name: number, value: number, length: number): number {
  const file = socketOf(task, fd);
  if (typeof file === 'number') return file;
  if (length < 0) return -E.INVAL;
  const refused = levelError(file, level, true);
  if (refused < 0) return refused;
  if (level === IPPROTO.TCP && name === TCP.CONGESTION) return setCongestionControl(task, file, value, length);
  // A level below 6 takes a byte for an int.
  const byte = level === IPPROTO.IP && length >= 1 && length < 4;
  if (!byte && length < 4) return -E.INVAL;
  if (!task.mm.readable(value, byte ? 1 : 4)) return -E.FAULT;
  const number = byte ? task.mm.window.u8[value]! : task.mm.window.view.getInt32(value, true);
  if (level === SOL_SOCKET) {
    if (name === SO.LINGER) return setLinger(task, file, value, length);
    if (name === SO.RCVTIMEO || name === SO.SNDTIMEO) return setTimeout(task, file, name, value, length);
  }
  return setOption(task, file, level, name, number);
}

/** struct linger: on, seconds. */
function setLinger(task: Task, file: Socket, value: number, length: number): number {
  if (length < 8) return -E.INVAL;
  if (!task.mm.readable(value, 8)) return -E.FAULT;
  const { view } = task.mm.window;
  file.linger = view.getInt32(value, true) === 0 ? -1 : view.getInt32(value + 4, true);
  return 0;
}

/** struct timeval; zero: no time-out. */
function setTimeout(task: Task, file: Socket, name: number, value: number, length: number): number {
  if (length < (task.abi === Abi.X64 ? 16 : 8)) return -E.INVAL;
  const failed = readPair(task, value);
  if (failed < 0) return failed;
  if (time.nsec < 0 || time.nsec >= 1_000_000) return -E.DOM;
  const ns = time.sec === 0 && time.nsec === 0 ? Infinity : time.sec < 0 ? 0 : time.sec * 1e9 + time.nsec * 1000;
  if (name === SO.RCVTIMEO) file.receiveTimeout = ns;
  else file.sendTimeout = ns;
  return 0;
}

/** There is nothing to control, but the names of Linux's own two are known. */
function setCongestionControl(task: Task, file: Socket, value: number, length: number): number {
  if (length < 1) return -E.INVAL;
  const name = task.mm.cstring(value, Math.min(length, CONGESTION_NAME_MAX) + 1);
  if (typeof name === 'number') return name === -E.FAULT ? name : -E.NOENT;
  if (!CONGESTION_CONTROLS.includes(name) || !(file instanceof TcpSocket)) return -E.NOENT;
  file.congestion = name;
  return 0;
}

/** getsockopt(2): as much of the value as the guest has room for. */
function getsockopt(task: Task, fd: number, level: number, name: number, value: number, lengthAt: number): number {
  const file = socketOf(task, fd);
  if (typeof file === 'number') return file;
  const refused = levelError(file, level, false);
  if (refused < 0) return refused;
  const { mm } = task;
  if (!mm.readable(lengthAt, 4)) return -E.FAULT;
  const room = mm.window.view.getInt32(lengthAt, true);
  if (room < 0) return -E.INVAL;
  const bytes = level === SOL_SOCKET ? structOption(task, file, name) : undefined;
  if (typeof bytes === 'number') return bytes;
  if (bytes) return putValue(task, bytes, value, lengthAt, room);
  if (level === IPPROTO.TCP && name === TCP.INFO && file instanceof TcpSocket) {
    return putValue(task, tcpInfo(file), value, lengthAt, room);
  }
  if (level === IPPROTO.TCP && name === TCP.CONGESTION && file instanceof TcpSocket) {
    const bytes = Buffer.from(file.congestion.padEnd(CONGESTION_NAME_MAX, '\0'), 'latin1');
    return putValue(task, bytes, value, lengthAt, room);
  }
  const number = getOption(file, level, name);
  if (number === undefined) return -E.NOPROTOOPT;
  return putValue(task, words(number), value, lengthAt, room);
}

/** The options of SOL_SOCKET that are no int. */
function structOption(task: Task, file: Socket, name: number): Uint8Array | number | undefined {
  switch (name) {
    case SO.LINGER:
      return file.linger < 0 ? words(0, 0) : words(1, file.linger);
    case SO.RCVTIMEO:
    case SO.SNDTIMEO: {
      const ns = name === SO.RCVTIMEO ? file.receiveTimeout : file.sendTimeout;
      const sec = ns === Infinity ? 0 : Math.floor(ns / 1e9);
      const usec = ns === Infinity ? 0 : Math.floor((ns % 1e9) / 1000);
      return task.abi === Abi.X64 ? words(sec, 0, usec, 0) : words(sec, usec);
    }
    case SO.PEERCRED: {
      const peer = file.peerCredentials;
      return peer ? words(peer.pid, peer.uid, peer.gid) : words(0, -1, -1);
    }
    default:
      return undefined;
  }
}

function words(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(values).buffer);
}

function putValue(task: Task, bytes: Uint8Array, value: number, lengthAt: number, room: number): number {
  const length = Math.min(room, bytes.length);
  if (!task.mm.putBytes(value, bytes.subarray(0, length))) return -E.FAULT;
  return task.mm.putU32(lengthAt, length) ? 0 : -E.FAULT;
}

const { IP, TCP: TCP_LEVEL, UDP, IPV6 } = IPPROTO;
const levels = oneOf('SOL_', { IP, SOCKET: SOL_SOCKET, TCP: TCP_LEVEL, UDP, IPV6 });
const note = 'filters and membership of multicast groups give ENOPROTOOPT';

export const socketOptionRows: readonly Row[] = [
  call('setsockopt', 54, 366, [fd, levels, int, ptr, int], setsockopt, 'partial', note),
  call('getsockopt', 55, 365, [fd, levels, int, ptr, ptr], getsockopt, 'partial', note),
];
