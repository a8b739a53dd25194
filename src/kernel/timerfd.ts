/** Timers that are read (timerfd_create(2)). */
import { E } from '../abi/errno.js';
import { O, POLL } from '../abi/fcntl.js';
import { native } from '../host/native.js';
import { AnonymousFile } from './anonymous_file.js';
import type { Timer, Timers } from './timers.js';

export class TimerFile extends AnonymousFile {
  readonly kind = '[timerfd]';
  /** CLOCK_MONOTONIC of the next expiration (ns), Infinity when disarmed; ns between expirations, 0 for one. */
  private next = Infinity;
  private interval = 0;
  private expirations = 0;
  private timer: Timer | undefined;

  constructor(private readonly timers: Timers, readonly clock: number, nonblock: boolean) {
    super(O.RDWR | (nonblock ? O.NONBLOCK : 0));
  }

  /** `first` is a CLOCK_MONOTONIC time, Infinity disarms. */
  set(first: number, interval: number): void {
    if (this.timer) this.timers.remove(this.timer);
    this.timer = undefined;
    this.expirations = 0;
    this.next = first;
    this.interval = interval;
    if (first !== Infinity) this.timer = this.timers.add(first, expire, this);
  }

  /** Nanoseconds until the next expiration (0: disarmed) and between two. */
  remaining(): { value: number; interval: number } {
    this.settle();
    return { value: this.next === Infinity ? 0 : Math.max(1, this.next - native.monotonicNow()),
      interval: this.interval };
  }

  /** Expirations that no read has taken. */
  get ticks(): number {
    this.settle();
    return this.expirations;
  }

  expired(): void {
    this.timer = undefined;
    this.settle();
    this.queue.wake(POLL.IN);
  }

  /** Counts the expirations that time has brought. */
  private settle(): void {
    const now = native.monotonicNow();
    if (this.next > now) return;
    if (this.timer) this.timers.remove(this.timer);
    this.timer = undefined;
    if (this.interval === 0) {
      this.expirations++;
      this.next = Infinity;
      return;
    }
    const count = Math.floor((now - this.next) / this.interval) + 1;
    this.expirations += count;
    this.next += count * this.interval;
    this.timer = this.timers.add(this.next, expire, this);
  }

  override read(u8: Uint8Array, start: number, length: number): number {
    if (length < 8) return -E.INVAL;
    this.settle();
    if (this.expirations === 0) return -E.AGAIN;
    let value = this.expirations;
    this.expirations = 0;
    for (let at = 0; at < 8; at++) {
      u8[start + at] = value % 256;
      value = Math.floor(value / 256);
    }
    return 8;
  }

  override write(): number {
    return -E.INVAL;
  }

  override poll(): number {
    this.settle();
    return this.expirations > 0 ? POLL.IN | POLL.RDNORM : 0;
  }

  protected override closed(): number {
    this.set(Infinity, 0);
    return 0;
  }
}

function expire(file: TimerFile): void {
  file.expired();
}
