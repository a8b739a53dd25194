/**
 * The terminal that posixx was started on. Its line discipline is the host's: the guest's modes (raw for an editor, canonical
 * for `cat`) are set on it, so that editing, echo and ^C are exact and never wait for the guest. They are brought back when
 * the run ends. Job control, and the waiting of reads, are the guest's own.
 */
import { E } from '../../abi/errno.js';
import { SIG } from '../../abi/signal.js';
import { CC, LFLAG, TERMIOS, TTY_IOCTL } from '../../abi/tty.js';
import { O, POLL, S } from '../../abi/fcntl.js';
import { native } from '../../host/native.js';
import { makeDev } from '../../vfs/inode.js';
import type { Location } from '../../vfs/mount.js';
import { OpenFile, type Descriptors, type UserMemory } from '../../vfs/open_file.js';
import type { Kernel } from '../kernel.js';
import { ReadTimer } from './read_timer.js';
import { Terminal } from './terminal.js';

const termios = new Uint8Array(64);
const queued = new Uint8Array(4);

/** Requests that change the terminal: a group in the background is stopped by them (SIGTTOU). */
const CHANGES: ReadonlySet<number> = new Set([
  TTY_IOCTL.TCSETS, TTY_IOCTL.TCSETSW, TTY_IOCTL.TCSETSF, TTY_IOCTL.TCSETS2, TTY_IOCTL.TCSETSW2, TTY_IOCTL.TCSETSF2,
  TTY_IOCTL.TCSBRK, TTY_IOCTL.TCSBRKP, TTY_IOCTL.TCXONC, TTY_IOCTL.TCFLSH,
]);

/** Whether a host descriptor is a terminal. */
export function isTerminal(fd: number): boolean {
  return native.ioctl(fd, TTY_IOCTL.TCGETS, termios, 0) >= 0;
}

export class HostTerminal extends Terminal {
  /** Bytes taken from the host by reads that wait for more (MIN and TIME). */
  held: number[] = [];

  /** `stream` is kept: /dev/tty is another description over the same host descriptor. */
  constructor(kernel: Kernel, private readonly stream: OpenFile) {
    super(kernel);
    stream.ref();
    native.terminalSave(stream.hostFd());
  }

  /** /dev/console. */
  override get rdev(): number {
    return makeDev(5, 1);
  }

  override open(flags: number, location: Location): OpenFile {
    this.stream.ref();
    return new HostTerminalFile(this, this.stream, flags, location);
  }

  /** TOSTOP: writing from the background stops, too. */
  get stopsWriters(): boolean {
    if (native.ioctl(this.stream.hostFd(), TTY_IOCTL.TCGETS, termios, 0) < 0) return false;
    return ((termios[TERMIOS.lflag]! | (termios[TERMIOS.lflag + 1]! << 8)) & LFLAG.TOSTOP) !== 0;
  }
}

/** A description of the host's terminal: standard input, output, error, or /dev/tty. */
export class HostTerminalFile extends OpenFile {
  private readonly timer: ReadTimer;

  constructor(
    private readonly terminal: HostTerminal, private readonly stream: OpenFile, flags: number,
    location: Location | null,
  ) {
    super(flags, location);
    this.timer = new ReadTimer(terminal.kernel, () => terminal.kernel.hostEvents.queue(this.pollFd()).wake(POLL.IN));
  }

  override get pollable(): boolean {
    return true;
  }
  override read(u8: Uint8Array, start: number, length: number): number {
    const background = this.terminal.checkForeground(SIG.TTIN);
    if (background < 0 || length === 0) return background;
    const got = this.readByMode(u8, start, length);
    if (got !== -E.AGAIN) this.timer.stop();
    return got;
  }

  /** The host's descriptor never waits: MIN and TIME are seen to here. */
  private readByMode(u8: Uint8Array, start: number, length: number): number {
    const { terminal, stream } = this;
    let count = this.takeHeld(u8, start, length);
    if (count === length) return count;
    const unknown = native.ioctl(stream.hostFd(), TTY_IOCTL.TCGETS, termios, 0) < 0;
    if (unknown || (termios[TERMIOS.lflag]! & LFLAG.ICANON) !== 0 || this.flags & O.NONBLOCK) {
      return count > 0 ? count : stream.read(u8, start, length);
    }
    const min = termios[TERMIOS.cc + CC.VMIN]!, time = termios[TERMIOS.cc + CC.VTIME]!;
    const wanted = Math.min(min, length);
    // Without TIME, poll tells when MIN bytes are there: they stay in the host until then.
    if (time === 0 && wanted > 1 && count + this.queuedBytes() < wanted) {
      terminal.held = [...u8.subarray(start, start + count)];
      return -E.AGAIN;
    }
    const got = stream.read(u8, start + count, length - count);
    if (got > 0) count += got;
    else if (got !== -E.AGAIN && count === 0) return got;
    if (count > 0 && (count >= wanted || this.timer.over)) return count;
    if (min === 0 && (time === 0 || this.timer.over)) return 0;
    terminal.held = [...u8.subarray(start, start + count)];
    this.timer.wait(min, time, count);
    return -E.AGAIN;
  }

  private takeHeld(u8: Uint8Array, start: number, length: number): number {
    const { held } = this.terminal;
    if (held.length === 0) return 0;
    const bytes = held.splice(0, length);
    u8.set(bytes, start);
    return bytes.length;
  }

  private queuedBytes(): number {
    if (native.ioctl(this.stream.hostFd(), TTY_IOCTL.FIONREAD, queued, 0) < 0) return 0;
    return queued[0]! | (queued[1]! << 8);
  }

  override waitEnds(): void {
    this.timer.stop();
  }
  override write(u8: Uint8Array, start: number, length: number): number {
    const { terminal } = this;
    const task = terminal.kernel.current;
    if (task && terminal.foreground && task.process.group !== terminal.foreground && terminal.stopsWriters) {
      const background = terminal.checkForeground(SIG.TTOU);
      if (background < 0) return background;
    }
    return this.stream.write(u8, start, length);
  }
  override ioctl(request: number, arg: number, memory: UserMemory, files: Descriptors): number {
    const job = this.terminal.jobControl(request, arg, memory);
    if (job !== undefined) return job;
    if (request === TTY_IOCTL.TIOCSTI) return this.refuseInput(arg, memory);
    if (CHANGES.has(request)) {
      const background = this.terminal.checkForeground(SIG.TTOU);
      if (background < 0) return background;
    }
    return this.stream.ioctl(request, arg, memory, files);
  }
  /**
   * TIOCSTI: what a guest would type here, the caller's shell would carry out after the run. As where
   * dev.tty.legacy_tiocsti is off, for everybody.
   */
  private refuseInput(arg: number, memory: UserMemory): number {
    return memory.readable(arg, 1) ? -E.IO : -E.FAULT;
  }

  override poll(): number {
    return this.stream.poll();
  }
  override pollFd(): number {
    return this.stream.pollFd();
  }
  override hostFd(): number {
    return this.stream.hostFd();
  }
  protected override closed(): number {
    this.timer.stop();
    return this.stream.unref();
  }
}

/**
 * Puts the guest's job control over those of the standard descriptors that are the host's terminal. Gives the files to
 * use, and the terminal when there is one. In the guest's tree it is `console`, the place of /dev/console.
 */
export function adoptTerminal(
  kernel: Kernel, files: readonly (OpenFile | undefined)[], console: Location | null,
): { files: (OpenFile | undefined)[]; terminal: HostTerminal | null } {
  let terminal: HostTerminal | null = null;
  const adopted = files.map((file) => {
    if (!file || file.hostFd() < 0 || file.inode?.type !== S.IFCHR || !isTerminal(file.hostFd())) return file;
    terminal ??= new HostTerminal(kernel, file);
    return new HostTerminalFile(terminal, file, file.flags, console ?? file.location);
  });
  return { files: adopted, terminal };
}
