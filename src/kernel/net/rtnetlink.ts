/** What rtnetlink(7) answers: the one interface, its two addresses, and no routes. */
import { E } from '../../abi/errno.js';
import {
  IFA, IFA_F_PERMANENT, IFLA, NLM_F, NLMSG, NLMSGHDR, RT_SCOPE_HOST, RTM,
} from '../../abi/netlink.js';
import { AF } from '../../abi/socket.js';
import { ARPHRD_LOOPBACK, INDEX, MTU, NAME, QUEUE_LENGTH } from './interfaces.js';

/** IFF_UP, IFF_LOOPBACK, IFF_RUNNING, IFF_LOWER_UP. */
const FLAGS = 0x10049;
const FOREVER = 0xffff_ffff;

/** Little-endian bytes: `width` for each number. */
function numbers(width: 1 | 2 | 4, ...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(width * values.length);
  values.forEach((value, at) => {
    for (let i = 0; i < width; i++) bytes[width * at + i] = value >>> (8 * i);
  });
  return bytes;
}

function text(value: string): Uint8Array {
  return Buffer.from(value + '\0', 'latin1');
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

/** struct rtattr with its value, filled up to a multiple of four. */
function attribute(type: number, value: Uint8Array): Uint8Array {
  const length = 4 + value.length;
  return join([numbers(2, length, type), value, new Uint8Array(-length & 3)]);
}

function message(type: number, flags: number, seq: number, pid: number, payload: Uint8Array): Uint8Array {
  return join([numbers(4, NLMSGHDR.size + payload.length), numbers(2, type, flags), numbers(4, seq, pid), payload]);
}

function link(): Uint8Array {
  const none = new Uint8Array(6);
  return join([
    numbers(1, AF.UNSPEC, 0), numbers(2, ARPHRD_LOOPBACK), numbers(4, INDEX, FLAGS, 0),
    attribute(IFLA.IFNAME, text(NAME)), attribute(IFLA.TXQLEN, numbers(4, QUEUE_LENGTH)),
    attribute(IFLA.OPERSTATE, numbers(1, 0)), attribute(IFLA.LINKMODE, numbers(1, 0)),
    attribute(IFLA.MTU, numbers(4, MTU)),
    attribute(IFLA.GROUP, numbers(4, 0)), attribute(IFLA.QDISC, text('noqueue')), attribute(IFLA.ADDRESS, none),
    attribute(IFLA.BROADCAST, none),
  ]);
}

function address(family: number): Uint8Array {
  const cache = attribute(IFA.CACHEINFO, numbers(4, FOREVER, FOREVER, 0, 0));
  const flags = attribute(IFA.FLAGS, numbers(4, IFA_F_PERMANENT));
  const head = (prefix: number): Uint8Array =>
    join([numbers(1, family, prefix, IFA_F_PERMANENT, RT_SCOPE_HOST), numbers(4, INDEX)]);
  if (family === AF.INET) {
    const host = Uint8Array.of(127, 0, 0, 1);
    return join([
      head(8), attribute(IFA.ADDRESS, host), attribute(IFA.LOCAL, host), attribute(IFA.LABEL, text(NAME)), flags, cache,
    ]);
  }
  const host = new Uint8Array(16);
  host[15] = 1;
  return join([head(128), attribute(IFA.ADDRESS, host), cache, flags]);
}

/** NLM_F_ACK: an error of 0, with the request's header. */
function acknowledgement(request: Uint8Array, seq: number, pid: number): Uint8Array {
  return message(NLMSG.ERROR, NLM_F.CAPPED, seq, pid, join([numbers(4, 0), request.subarray(0, NLMSGHDR.size)]));
}

/**
 * The datagrams that answer the requests in `bytes`, sent by the socket with port id `pid`: what is not known gives
 * EOPNOTSUPP, a change EPERM.
 */
export function answer(bytes: Uint8Array, pid: number): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const answers: Uint8Array[] = [];
  for (let at = 0; at + NLMSGHDR.size <= bytes.length;) {
    const length = view.getUint32(at + NLMSGHDR.len, true);
    if (length < NLMSGHDR.size || at + length > bytes.length) break;
    const type = view.getUint16(at + NLMSGHDR.type, true), flags = view.getUint16(at + NLMSGHDR.flags, true);
    const seq = view.getUint32(at + NLMSGHDR.seq, true);
    const request = bytes.subarray(at, at + length);
    at += (length + 3) & ~3;
    if ((flags & NLM_F.REQUEST) === 0 || type < NLMSG.MIN_TYPE) continue;
    const wholeTable = (flags & (NLM_F.ROOT | NLM_F.MATCH)) !== 0;
    const found = lookUp(type, wholeTable, request);
    if (typeof found === 'number') {
      answers.push(message(NLMSG.ERROR, 0, seq, pid, join([numbers(4, found), request])));
    } else if (wholeTable) {
      const parts = found.map(([kind, payload]) => message(kind, NLM_F.MULTI, seq, pid, payload));
      if (parts.length > 0) answers.push(join(parts));
      answers.push(message(NLMSG.DONE, NLM_F.MULTI, seq, pid, numbers(4, 0)));
    } else {
      for (const [kind, payload] of found) answers.push(message(kind, 0, seq, pid, payload));
      if (flags & NLM_F.ACK) answers.push(acknowledgement(request, seq, pid));
    }
  }
  return answers;
}

type Entry = readonly [type: number, payload: Uint8Array];

function lookUp(type: number, wholeTable: boolean, request: Uint8Array): Entry[] | number {
  const family = request[NLMSGHDR.size] ?? AF.UNSPEC;
  switch (type) {
    case RTM.GETLINK:
      return wholeTable || asksForLo(request) ? [[RTM.NEWLINK, link()]] : -E.NODEV;
    case RTM.GETADDR:
      if (!wholeTable) return -E.OPNOTSUPP;
      return [AF.INET, AF.INET6].filter((each) => family === AF.UNSPEC || family === each)
        .map((each): Entry => [RTM.NEWADDR, address(each)]);
    case RTM.GETROUTE:
      return wholeTable ? [] : -E.NETUNREACH;
    default:
      // The third of each four is the question.
      return (type & 3) !== 2 && type <= RTM.MAX ? -E.PERM : -E.OPNOTSUPP;
  }
}

/** struct ifinfomsg: the index, or 0 and IFLA_IFNAME. */
function asksForLo(request: Uint8Array): boolean {
  const body = NLMSGHDR.size;
  if (request.length < body + 16) return false;
  const view = new DataView(request.buffer, request.byteOffset, request.byteLength);
  const index = view.getInt32(body + 4, true);
  if (index !== 0) return index === INDEX;
  for (let at = body + 16; at + 4 <= request.length;) {
    const length = view.getUint16(at, true);
    if (length < 4) return false;
    const value = Buffer.from(request.subarray(at + 4, at + length)).toString('latin1');
    if (view.getUint16(at + 2, true) === IFLA.IFNAME) return value.replace(/\0.*/s, '') === NAME;
    at += (length + 3) & ~3;
  }
  return false;
}
