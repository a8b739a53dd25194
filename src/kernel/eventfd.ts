/** Event counters (eventfd(2)). */
import { E } from '../abi/errno.js';
import { O, POLL } from '../abi/fcntl.js';
import { AnonymousFile } from './anonymous_file.js';

const MAX = 0xffff_ffff_ffff_fffen;
const OVERFLOW = 0xffff_ffff_ffff_ffffn;

/** The counter is a 64-bit number; only here is BigInt worth its price. */
export class EventFile extends AnonymousFile {
  readonly kind = '[eventfd]';
  private readonly scratch = new DataView(new ArrayBuffer(8));
  private count: bigint;

  constructor(initial: number, readonly semaphore: boolean, nonblock: boolean) {
    super(O.RDWR | (nonblock ? O.NONBLOCK : 0));
    this.count = BigInt(initial);
  }

  /** For /proc/PID/fdinfo. */
  get value(): bigint {
    return this.count;
  }

  override read(u8: Uint8Array, start: number, length: number): number {
    if (length < 8) return -E.INVAL;
    if (this.count === 0n) return -E.AGAIN;
    const value = this.semaphore ? 1n : this.count;
    this.count -= value;
    this.scratch.setBigUint64(0, value, true);
    for (let at = 0; at < 8; at++) u8[start + at] = this.scratch.getUint8(at);
    this.queue.wake(POLL.OUT);
    return 8;
  }

  override write(u8: Uint8Array, start: number, length: number): number {
    if (length < 8) return -E.INVAL;
    for (let at = 0; at < 8; at++) this.scratch.setUint8(at, u8[start + at]!);
    const value = this.scratch.getBigUint64(0, true);
    if (value > MAX) return -E.INVAL;
    if (this.count + value > MAX) return -E.AGAIN;
    this.count += value;
    this.queue.wake(POLL.IN);
    return 8;
  }

  /** What the kernel itself adds, up to the most there can be (eventfd(2), ULLONG_MAX: POLLERR). */
  add(count: number): void {
    const sum = this.count + BigInt(count);
    this.count = sum > OVERFLOW ? OVERFLOW : sum;
    this.queue.wake(POLL.IN);
  }

  override poll(): number {
    const { count } = this;
    return (count > 0n ? POLL.IN : 0) | (count < MAX ? POLL.OUT : 0) | (count === OVERFLOW ? POLL.ERR : 0);
  }
}
