/** Signals that are read (signalfd(2)). */
import { E } from '../abi/errno.js';
import { O, POLL } from '../abi/fcntl.js';
import type { Kernel } from './kernel.js';
import type { SigInfo } from './pending_signals.js';
import { deliverable } from './signals.js';
import { AnonymousFile } from './anonymous_file.js';

/** struct signalfd_siginfo. */
const RECORD = 128;

/** What it shows is pending for whoever reads: the descriptor of a child reads the child's signals. */
export class SignalFile extends AnonymousFile {
  readonly kind = '[signalfd]';

  constructor(private readonly kernel: Kernel, public low: number, public high: number, nonblock: boolean) {
    super(O.RDWR | (nonblock ? O.NONBLOCK : 0));
    // One queue a process: every sender of a signal finds it there.
    this.waiters = kernel.current!.process.signalfds;
  }

  override read(u8: Uint8Array, start: number, length: number): number {
    if (length < RECORD) return -E.INVAL;
    const task = this.kernel.current!;
    let done = 0;
    while (done + RECORD <= length) {
      const info = task.pending.take(~this.low, ~this.high) ?? task.process.pending.take(~this.low, ~this.high);
      if (!info) break;
      write(u8, start + done, info);
      done += RECORD;
    }
    task.signalDue = deliverable(task);
    return done > 0 ? done : -E.AGAIN;
  }

  override write(): number {
    return -E.INVAL;
  }

  override poll(): number {
    const task = this.kernel.current;
    if (!task) return 0;
    const low = (task.pending.low | task.process.pending.low) & this.low;
    const high = (task.pending.high | task.process.pending.high) & this.high;
    return low | high ? POLL.IN | POLL.RDNORM : 0;
  }
}

function write(u8: Uint8Array, at: number, info: SigInfo): void {
  const view = new DataView(u8.buffer, u8.byteOffset + at, RECORD);
  u8.fill(0, at, at + RECORD);
  view.setUint32(0, info.signal, true);
  view.setInt32(4, info.errno, true);
  view.setInt32(8, info.code, true);
  view.setUint32(12, info.pid, true);
  view.setUint32(16, info.uid, true);
  view.setInt32(20, info.fd, true);
  view.setUint32(24, info.timerId, true);
  view.setUint32(28, info.band, true);
  view.setUint32(32, info.overrun, true);
  view.setUint32(36, Math.max(0, info.trapNumber), true);
  view.setInt32(40, info.status, true);
  view.setInt32(44, info.valueLow | 0, true);
  view.setUint32(48, info.valueLow, true);
  view.setUint32(52, info.valueHigh, true);
  view.setUint32(56, info.utime, true);
  view.setUint32(64, info.stime, true);
  view.setUint32(72, info.address >>> 0, true);
  view.setUint32(76, Math.floor(info.address / 0x1_0000_0000), true);
}
