/** The one network interface: lo, up, 127.0.0.1/8 (netdevice(7)). */
import { E } from '../../abi/errno.js';
import { AF, SIOC } from '../../abi/socket.js';
import type { UserMemory } from '../../vfs/open_file.js';

export const NAME = 'lo';
const IFNAMSIZ = 16;
/** struct ifreq and struct ifconf of x86-64. */
const IFREQ_SIZE = 40;
const IFCONF_SIZE = 16;
export const INDEX = 1;
export const MTU = 65536;
export const QUEUE_LENGTH = 1000;
/** IFF_UP, IFF_LOOPBACK, IFF_RUNNING. */
const FLAGS = 0x49;
export const ARPHRD_LOOPBACK = 772;
const ADDRESS = [127, 0, 0, 1] as const;
const NETMASK = [255, 0, 0, 0] as const;
const SET_REQUESTS: readonly number[] = [
  0x8911, 0x8914, 0x8916, 0x8918, 0x891a, 0x891c, 0x891e, 0x8922, 0x8923, 0x8924, 0x8943, 0x890b, 0x890c,
];

/** The SIOCG… requests; changes give EPERM, other requests ENOTTY, other interfaces ENODEV. */
export function interfaceIoctl(request: number, arg: number, memory: UserMemory): number {
  const { view, u8 } = memory.window;
  if (request === SIOC.GIFCONF) return listInterfaces(arg, memory);
  if (SET_REQUESTS.includes(request)) return -E.PERM;
  if (!QUERIES.has(request)) return -E.NOTTY;
  if (!memory.writable(arg, IFREQ_SIZE)) return -E.FAULT;
  const value = arg + IFNAMSIZ;
  if (request === SIOC.GIFNAME) {
    if (view.getInt32(value, true) !== INDEX) return -E.NODEV;
    putName(u8, arg);
    return 0;
  }
  let name = '';
  for (let i = 0; i < IFNAMSIZ - 1 && u8[arg + i] !== 0; i++) name += String.fromCharCode(u8[arg + i]!);
  if (name !== NAME) return -E.NODEV;
  switch (request) {
    case SIOC.GIFFLAGS:
      view.setInt16(value, FLAGS, true);
      break;
    case SIOC.GIFINDEX:
      view.setInt32(value, INDEX, true);
      break;
    case SIOC.GIFMTU:
      view.setInt32(value, MTU, true);
      break;
    case SIOC.GIFMETRIC:
      view.setInt32(value, 0, true);
      break;
    case SIOC.GIFTXQLEN:
      view.setInt32(value, QUEUE_LENGTH, true);
      break;
    case SIOC.GIFHWADDR:
      u8.fill(0, value, value + 16);
      view.setUint16(value, ARPHRD_LOOPBACK, true);
      break;
    case SIOC.GIFNETMASK:
      putAddress(u8, value, NETMASK);
      break;
    case SIOC.GIFBRDADDR:
      putAddress(u8, value, [0, 0, 0, 0]);
      break;
    default:
      putAddress(u8, value, ADDRESS);
  }
  return 0;
}

const QUERIES = new Set<number>([
  SIOC.GIFNAME, SIOC.GIFFLAGS, SIOC.GIFADDR, SIOC.GIFDSTADDR, SIOC.GIFBRDADDR, SIOC.GIFNETMASK, SIOC.GIFMETRIC,
  SIOC.GIFMTU, SIOC.GIFHWADDR, SIOC.GIFINDEX, SIOC.GIFTXQLEN,
]);

/** SIOCGIFCONF: a null buffer asks for the size. */
function listInterfaces(arg: number, memory: UserMemory): number {
  if (!memory.writable(arg, IFCONF_SIZE)) return -E.FAULT;
  const { view, u8 } = memory.window;
  const buffer = view.getUint32(arg + 8, true) + view.getUint32(arg + 12, true) * 0x1_0000_0000;
  const room = view.getInt32(arg, true);
  if (buffer !== 0 && room >= IFREQ_SIZE) {
    if (!memory.writable(buffer, IFREQ_SIZE)) return -E.FAULT;
    u8.fill(0, buffer, buffer + IFREQ_SIZE);
    putName(u8, buffer);
    putAddress(u8, buffer + IFNAMSIZ, ADDRESS);
  }
  view.setInt32(arg, buffer === 0 || room >= IFREQ_SIZE ? IFREQ_SIZE : 0, true);
  return 0;
}

function putName(u8: Uint8Array, at: number): void {
  u8.fill(0, at, at + IFNAMSIZ);
  for (let i = 0; i < NAME.length; i++) u8[at + i] = NAME.charCodeAt(i);
}

function putAddress(u8: Uint8Array, at: number, host: readonly number[]): void {
  u8.fill(0, at, at + 16);
  u8[at] = AF.INET;
  u8.set(host, at + 4);
}
