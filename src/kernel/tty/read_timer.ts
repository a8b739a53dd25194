/** VTIME of termios(3): the wait of a read in non-canonical mode. */
import { native } from '../../host/native.js';
import type { Kernel } from '../kernel.js';
import type { Timer } from '../timers.js';

const DECISECOND = 1e8;

export class ReadTimer {
  /** The time is over: the read takes what there is, be it nothing. */
  over = false;
  private timer: Timer | undefined;
  /** Bytes that were there when the time began. */
  private seen = 0;

  /** `wake` lets the reader look again. */
  constructor(private readonly kernel: Kernel, private readonly wake: () => void) {}

  /**
   * A read found too little. With `min` bytes wanted, the time counts from the last byte that came; without, from the
   * read on. `time` in tenths of a second.
   */
  wait(min: number, time: number, available: number): void {
    if (time === 0 || (min > 0 && available === 0)) return;
    if (this.timer) {
      if (min === 0 || available === this.seen) return;
      this.kernel.timers.remove(this.timer);
    }
    this.seen = available;
    this.timer = this.kernel.timers.add(native.monotonicNow() + time * DECISECOND, expire, this);
  }

  /** The read has ended. */
  stop(): void {
    if (this.timer) this.kernel.timers.remove(this.timer);
    this.timer = undefined;
    this.over = false;
  }

  expired(): void {
    this.timer = undefined;
    this.over = true;
    this.wake();
  }
}

function expire(timer: ReadTimer): void {
  timer.expired();
}
