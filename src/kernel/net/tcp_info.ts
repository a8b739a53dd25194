/** What TCP_INFO tells (tcp(7), linux/tcp.h): counts are the socket's, the rest is as of a quick, lossless way. */
import { struct } from '../../abi/struct.js';
import { AF } from '../../abi/socket.js';
import type { TcpSocket } from './tcp.js';

const TCP_INFO = struct({
  state: 'u8', caState: 'u8', retransmits: 'u8', probes: 'u8', backoff: 'u8', options: 'u8', windowScales: 'u8',
  flags: 'u8', rto: 'u32', ato: 'u32', sendMss: 'u32', receiveMss: 'u32', unacked: 'u32', sacked: 'u32', lost: 'u32', retrans: 'u32',
  fackets: 'u32', lastDataSent: 'u32', lastAckSent: 'u32', lastDataReceived: 'u32', lastAckReceived: 'u32', pmtu: 'u32',
  receiveThreshold: 'u32', rtt: 'u32', rttVariance: 'u32', sendThreshold: 'u32', congestionWindow: 'u32',
  advertisedMss: 'u32', reordering: 'u32', receiveRtt: 'u32', receiveSpace: 'u32', totalRetrans: 'u32',
  pacingRate: 'u64', maxPacingRate: 'u64', bytesAcked: 'u64', bytesReceived: 'u64', segmentsOut: 'u32',
  segmentsIn: 'u32', notSent: 'u32', leastRtt: 'u32', dataSegmentsIn: 'u32', dataSegmentsOut: 'u32',
  deliveryRate: 'u64', busyTime: 'u64', windowLimited: 'u64', bufferLimited: 'u64', delivered: 'u32',
  deliveredCe: 'u32', bytesSent: 'u64', bytesRetransmitted: 'u64', duplicates: 'u32', reorderings: 'u32', outOfOrder: 'u32',
  sendWindow: 'u32',
}).lp64;

const OPTION = { TIMESTAMPS: 1, SACK: 2, WINDOW_SCALE: 4 } as const;
const ESTABLISHED = 1;
/** Largest segments of the loopback interface, whose packets have 65536 bytes, and what goes without a connection. */
const MSS4 = 65_483;
const MSS6 = 65_463;
const MSS_UNKNOWN = 536;
const INITIAL_WINDOW = 10;
const INFINITE_THRESHOLD = 0x7fff_ffff;

/** The struct's bytes. */
export function tcpInfo(socket: TcpSocket): Uint8Array {
  const bytes = new Uint8Array(TCP_INFO.size);
  const view = new DataView(bytes.buffer);
  const u32 = (at: number, value: number): void => view.setUint32(at, value, true);
  const u64 = (at: number, value: number): void => view.setBigUint64(at, BigInt(value), true);
  const connected = socket.stateCode !== 7 && !socket.listening;
  const mss = connected ? socket.family === AF.INET ? MSS4 : MSS6 : MSS_UNKNOWN;
  bytes[TCP_INFO.state] = socket.stateCode;
  bytes[TCP_INFO.options] = connected ? OPTION.TIMESTAMPS | OPTION.SACK | OPTION.WINDOW_SCALE : 0;
  bytes[TCP_INFO.windowScales] = connected ? 0x77 : 0;
  u32(TCP_INFO.rto, socket.stateCode === ESTABLISHED ? 201_000 : 1_000_000);
  u32(TCP_INFO.ato, connected ? 40_000 : 0);
  u32(TCP_INFO.sendMss, mss);
  u32(TCP_INFO.receiveMss, MSS_UNKNOWN);
  u32(TCP_INFO.pmtu, connected ? 65_535 : 0);
  u32(TCP_INFO.receiveThreshold, socket.receiveBuffer >> 1);
  u32(TCP_INFO.rtt, connected ? 20 : 0);
  u32(TCP_INFO.rttVariance, connected ? 10 : 0);
  u32(TCP_INFO.sendThreshold, INFINITE_THRESHOLD);
  u32(TCP_INFO.congestionWindow, INITIAL_WINDOW);
  u32(TCP_INFO.advertisedMss, mss);
  u32(TCP_INFO.reordering, 3);
  u32(TCP_INFO.receiveSpace, socket.receiveBuffer >> 1);
  view.setBigUint64(TCP_INFO.maxPacingRate, 2n ** 64n - 1n, true);
  u64(TCP_INFO.bytesAcked, socket.bytesSent);
  u64(TCP_INFO.bytesReceived, socket.bytesReceived);
  u64(TCP_INFO.bytesSent, socket.bytesSent);
  u32(TCP_INFO.leastRtt, connected ? 10 : 0xffff_ffff);
  u32(TCP_INFO.sendWindow, connected ? socket.receiveBuffer >> 1 : 0);
  return bytes;
}
