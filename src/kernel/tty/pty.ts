/** Pseudo-terminals (pty(7)): a master, as a terminal emulator holds it, and a terminal with a line discipline. */
import { E } from '../../abi/errno.js';
import { O, POLL } from '../../abi/fcntl.js';
import { SI, SIG } from '../../abi/signal.js';
import { CC, CFLAG, LFLAG, TERMIO, TERMIO_NCC, TERMIOS, TERMIOS2_SIZE, TERMIOS_SIZE, TTY_IOCTL } from '../../abi/tty.js';
import { makeDev } from '../../vfs/inode.js';
import type { Location } from '../../vfs/mount.js';
import { OpenFile, type UserMemory } from '../../vfs/open_file.js';
import { lookup } from '../../vfs/path_walk.js';
import type { Kernel } from '../kernel.js';
import { SigInfo } from '../pending_signals.js';
import { sendToProcess } from '../signals.js';
import { WaitQueue } from '../wait_queue.js';
import { LineDiscipline, type Device } from './line_discipline.js';
import { ReadTimer } from './read_timer.js';
import { CAP_SYS_ADMIN, lineDisciplineNumber, Terminal } from './terminal.js';

/** Device number of /dev/pts/N: minor number N. */
export const PTS_MAJOR = 136;
/** Output that waits for the master. */
const OUTPUT_MAX = 8192;
/** Of that, what the master has as good as read: it is not dropped any more. */
const DELIVERED_MAX = 4095;
/** Flags of packet mode (ioctl_tty(2), TIOCPKT). */
const PKT = { FLUSHREAD: 1, FLUSHWRITE: 2, STOP: 4, START: 8, NOSTOP: 0x10, DOSTOP: 0x20, IOCTL: 0x40 } as const;
const FLOW = { OUTPUT_OFF: 0, OUTPUT_ON: 1, INPUT_OFF: 2, INPUT_ON: 3 } as const;
const QUEUE = { INPUT: 0, OUTPUT: 1, BOTH: 2 } as const;

export class Pty extends Terminal implements Device {
  readonly discipline = new LineDiscipline(this);
  readonly masterQueue = new WaitQueue();
  readonly slaveQueue = new WaitQueue();
  readonly outgoing: number[] = [];
  /** How much of it was there when the master's present write began. */
  delivered = 0;
  rows = 0;
  columns = 0;
  xpixel = 0;
  ypixel = 0;
  locked = true;
  packet = false;
  /** Packet-mode news for the master. */
  news = 0;
  slaves = 0;
  /** A slave was opened at some time: without one, the master sees no hang-up yet. */
  opened = false;
  masterClosed = false;
  /** How often vhangup(2) was called. */
  hangups = 0;

  constructor(kernel: Kernel, readonly index: number, private readonly gone: () => void) {
    super(kernel);
  }

  override get rdev(): number {
    return makeDev(PTS_MAJOR, this.index);
  }

  override open(flags: number, location: Location): OpenFile | number {
    if (this.masterClosed) return -E.IO;
    if (this.locked) return -E.IO;
    if (this.exclusive && this.kernel.current?.cred.has(CAP_SYS_ADMIN) === false) return -E.BUSY;
    return new SlaveFile(this, flags & ~O.NOCTTY, location, (flags & O.NOCTTY) === 0);
  }

  outputRoom(): number {
    return OUTPUT_MAX - this.outgoing.length;
  }
  output(byte: number): void {
    this.outgoing.push(byte);
    this.masterQueue.wake(POLL.IN);
  }
  signal(signal: number): void {
    this.signalForeground(signal);
  }
  inputReady(): void {
    this.slaveQueue.wake(POLL.IN);
  }
  outputReady(): void {
    this.slaveQueue.wake(POLL.OUT);
  }
  flowChanged(stopped: boolean): void {
    this.tell(stopped ? PKT.STOP : PKT.START, PKT.STOP | PKT.START);
    if (!stopped) this.outputReady();
  }
  flushOutput(): void {
    const { outgoing } = this;
    outgoing.length = Math.min(outgoing.length, this.delivered, DELIVERED_MAX);
    this.tell(PKT.FLUSHWRITE, 0);
    this.outputReady();
  }
  inputFlushed(): void {
    this.tell(PKT.FLUSHREAD, 0);
    this.masterQueue.wake(POLL.OUT);
  }
  inputRoom(): void {
    this.masterQueue.wake(POLL.OUT);
  }

  private flushTyped(): void {
    this.discipline.dropWaiting();
    this.discipline.flushInput();
  }

  /** Packet mode: news for the master, in the place of `instead`. */
  private tell(news: number, instead: number): void {
    if (!this.packet) return;
    this.news = (this.news & ~instead) | news;
    this.masterQueue.wake(POLL.PRI | POLL.IN);
  }

  /** Requests that both ends know; undefined for others. */
  common(request: number, arg: number, memory: UserMemory): number | undefined {
    const { u8, view } = memory.window;
    const { discipline } = this;
    switch (request) {
      case TTY_IOCTL.TCGETS:
      case TTY_IOCTL.TCGETS2: {
        const bytes = request === TTY_IOCTL.TCGETS ? TERMIOS_SIZE : TERMIOS2_SIZE;
        if (!memory.writable(arg, bytes)) return -E.FAULT;
        discipline.save(u8, arg, bytes);
        return 0;
      }
      case TTY_IOCTL.TCSETS: case TTY_IOCTL.TCSETSW: case TTY_IOCTL.TCSETSF:
        return this.setTermios(arg, TERMIOS_SIZE, request === TTY_IOCTL.TCSETSF, memory);
      case TTY_IOCTL.TCSETS2: case TTY_IOCTL.TCSETSW2: case TTY_IOCTL.TCSETSF2:
        return this.setTermios(arg, TERMIOS2_SIZE, request === TTY_IOCTL.TCSETSF2, memory);
      case TTY_IOCTL.TCGETA:
      case TTY_IOCTL.TCSETA: case TTY_IOCTL.TCSETAW: case TTY_IOCTL.TCSETAF:
        return this.termio(request, arg, memory);
      case TTY_IOCTL.TIOCGDEV:
        if (!memory.writable(arg, 4)) return -E.FAULT;
        view.setUint32(arg, (PTS_MAJOR << 8) | (this.index & 0xff) | ((this.index & ~0xff) << 12), true);
        return 0;
      case TTY_IOCTL.TIOCGSOFTCAR:
        if (!memory.writable(arg, 4)) return -E.FAULT;
        view.setInt32(arg, discipline.cflag & CFLAG.CLOCAL ? 1 : 0, true);
        return 0;
      case TTY_IOCTL.TIOCSSOFTCAR:
        if (!memory.readable(arg, 4)) return -E.FAULT;
        discipline.cflag = (discipline.cflag & ~CFLAG.CLOCAL) | (view.getInt32(arg, true) === 0 ? 0 : CFLAG.CLOCAL);
        return 0;
      case TTY_IOCTL.TIOCGWINSZ:
        if (!memory.writable(arg, 8)) return -E.FAULT;
        [this.rows, this.columns, this.xpixel, this.ypixel].forEach((value, at) => {
          view.setUint16(arg + 2 * at, value, true);
        });
        return 0;
      case TTY_IOCTL.TIOCSWINSZ: {
        if (!memory.readable(arg, 8)) return -E.FAULT;
        const rows = view.getUint16(arg, true), columns = view.getUint16(arg + 2, true);
        const xpixel = view.getUint16(arg + 4, true), ypixel = view.getUint16(arg + 6, true);
        const changed = rows !== this.rows || columns !== this.columns || xpixel !== this.xpixel ||
          ypixel !== this.ypixel;
        Object.assign(this, { rows, columns, xpixel, ypixel });
        if (changed) this.signalForeground(SIG.WINCH);
        return 0;
      }
      case TTY_IOCTL.TCSBRK: case TTY_IOCTL.TCSBRKP: case TTY_IOCTL.TIOCSBRK: case TTY_IOCTL.TIOCCBRK:
        return 0;
      case TTY_IOCTL.TCXONC:
        if (arg > FLOW.INPUT_ON) return -E.INVAL;
        if (arg === FLOW.OUTPUT_OFF) discipline.stop();
        else if (arg === FLOW.OUTPUT_ON) discipline.resume();
        else discipline.sendControl(discipline.cc[arg === FLOW.INPUT_OFF ? CC.VSTOP : CC.VSTART]!);
        return 0;
      case TTY_IOCTL.TCFLSH:
        if (arg > QUEUE.BOTH) return -E.INVAL;
        if (arg !== QUEUE.OUTPUT) this.flushTyped();
        if (arg !== QUEUE.INPUT) {
          this.delivered = this.outgoing.length;
          this.flushOutput();
        }
        return 0;
      default:
        return undefined;
    }
  }

  /** TCGETA and its kin: the lower halves of the flags, and the first characters. */
  private termio(request: number, arg: number, memory: UserMemory): number {
    const { discipline } = this;
    const { u8, view } = memory.window;
    const termios = new Uint8Array(TERMIOS_SIZE);
    const full = new DataView(termios.buffer);
    discipline.save(termios, 0, TERMIOS_SIZE);
    const flags = [[TERMIO.iflag, TERMIOS.iflag], [TERMIO.oflag, TERMIOS.oflag], [TERMIO.cflag, TERMIOS.cflag],
      [TERMIO.lflag, TERMIOS.lflag]] as const;
    if (request === TTY_IOCTL.TCGETA) {
      if (!memory.writable(arg, TERMIO.size)) return -E.FAULT;
      u8.fill(0, arg, arg + TERMIO.size);
      for (const [half, whole] of flags) view.setUint16(arg + half, full.getUint16(whole, true), true);
      u8[arg + TERMIO.line] = termios[TERMIOS.line]!;
      u8.set(termios.subarray(TERMIOS.cc, TERMIOS.cc + TERMIO_NCC), arg + TERMIO.cc);
      return 0;
    }
    if (!memory.readable(arg, TERMIO.size)) return -E.FAULT;
    for (const [half, whole] of flags) full.setUint16(whole, view.getUint16(arg + half, true), true);
    termios[TERMIOS.line] = u8[arg + TERMIO.line]!;
    termios.set(u8.subarray(arg + TERMIO.cc, arg + TERMIO.cc + TERMIO_NCC), TERMIOS.cc);
    if (request === TTY_IOCTL.TCSETAF) this.flushTyped();
    this.change(termios, 0, TERMIOS_SIZE);
    return 0;
  }

  private setTermios(arg: number, bytes: number, flush: boolean, memory: UserMemory): number {
    if (!memory.readable(arg, bytes)) return -E.FAULT;
    if (flush) this.flushTyped();
    this.change(memory.window.u8, arg, bytes);
    return 0;
  }

  /** New modes; packet mode tells of what matters to the master. */
  private change(u8: Uint8Array, at: number, bytes: number): void {
    const { discipline } = this;
    const { usualFlowControl, lflag } = discipline;
    discipline.load(u8, at, bytes);
    if (discipline.usualFlowControl !== usualFlowControl) {
      this.tell(usualFlowControl ? PKT.NOSTOP : PKT.DOSTOP, PKT.NOSTOP | PKT.DOSTOP);
    }
    if ((lflag | discipline.lflag) & LFLAG.EXTPROC) this.tell(PKT.IOCTL, 0);
  }

  slaveCloses(): void {
    if (--this.slaves === 0) this.masterQueue.wake(POLL.HUP | POLL.IN);
  }

  /** The master is closed: the terminal hangs up. */
  hangUp(): void {
    this.masterClosed = true;
    this.loseSession();
    this.slaveQueue.wake(POLL.HUP | POLL.IN | POLL.OUT);
    this.gone();
  }

  /** vhangup(2): whoever has the slave open has lost it; it can be opened again. */
  override hangUpSlaves(): number {
    this.hangups++;
    this.slaves = 0;
    this.loseSession();
    this.slaveQueue.wake(POLL.HUP | POLL.IN | POLL.OUT);
    this.masterQueue.wake(POLL.HUP | POLL.IN);
    return 0;
  }

  private loseSession(): void {
    const { session } = this;
    if (session) {
      const leader = this.kernel.processes.get(session.sid);
      if (leader && leader.group !== this.foreground) {
        sendToProcess(leader, new SigInfo(SIG.HUP, SI.KERNEL));
        sendToProcess(leader, new SigInfo(SIG.CONT, SI.KERNEL));
      }
      this.disassociate();
    }
  }
}

/** What /dev/ptmx gives. */
export class MasterFile extends OpenFile {
  constructor(readonly pty: Pty, flags: number, location: Location) {
    super(flags, location);
    this.waiters = pty.masterQueue;
  }

  override get label(): string {
    return '/dev/ptmx';
  }
  override get pollable(): boolean {
    return true;
  }

  override read(u8: Uint8Array, start: number, length: number): number {
    const { pty } = this;
    if (length === 0) return 0;
    if (pty.packet) {
      u8[start] = pty.news;
      if (pty.news !== 0) {
        pty.news = 0;
        return 1;
      }
      const count = this.take(u8, start + 1, length - 1);
      return count < 0 ? count : count + 1;
    }
    return this.take(u8, start, length);
  }

  private take(u8: Uint8Array, start: number, length: number): number {
    const { pty } = this;
    const { outgoing } = pty;
    if (outgoing.length === 0) return pty.slaves === 0 && pty.opened ? -E.IO : -E.AGAIN;
    const count = Math.min(length, outgoing.length);
    for (let at = 0; at < count; at++) u8[start + at] = outgoing[at]!;
    outgoing.splice(0, count);
    pty.outputReady();
    return count;
  }

  override write(u8: Uint8Array, start: number, length: number): number {
    if (length === 0) return 0;
    this.pty.delivered = this.pty.outgoing.length;
    const taken = this.pty.discipline.receive(u8, start, length);
    return taken > 0 ? taken : -E.AGAIN;
  }

  override poll(): number {
    const { pty } = this;
    let events = pty.discipline.hasRoom ? POLL.OUT | POLL.WRNORM : 0;
    if (pty.outgoing.length > 0 || pty.news !== 0) events |= POLL.IN | POLL.RDNORM;
    if (pty.news !== 0) events |= POLL.PRI;
    if (pty.slaves === 0 && pty.opened) events |= POLL.HUP;
    return events;
  }

  override ioctl(request: number, arg: number, memory: UserMemory): number {
    const { pty } = this;
    const { view } = memory.window;
    switch (request) {
      case TTY_IOCTL.TIOCGPTN:
      case TTY_IOCTL.TIOCGPTLCK:
        if (!memory.writable(arg, 4)) return -E.FAULT;
        view.setInt32(arg, request === TTY_IOCTL.TIOCGPTN ? pty.index : Number(pty.locked), true);
        return 0;
      case TTY_IOCTL.TIOCSPTLCK:
        if (!memory.readable(arg, 4)) return -E.FAULT;
        pty.locked = view.getInt32(arg, true) !== 0;
        return 0;
      case TTY_IOCTL.TIOCPKT:
        if (!memory.readable(arg, 4)) return -E.FAULT;
        pty.packet = view.getInt32(arg, true) !== 0;
        pty.news = 0;
        return 0;
      case TTY_IOCTL.TIOCGPKT:
        if (!memory.writable(arg, 4)) return -E.FAULT;
        view.setInt32(arg, Number(pty.packet), true);
        return 0;
      case TTY_IOCTL.TIOCSIG:
        if (arg < 1 || arg > 64 || arg === SIG.KILL) return -E.INVAL;
        pty.signalForeground(arg);
        return 0;
      case TTY_IOCTL.FIONREAD:
      case TTY_IOCTL.TIOCOUTQ:
        if (!memory.writable(arg, 4)) return -E.FAULT;
        // What the master writes is with the line discipline at once.
        view.setInt32(arg, request === TTY_IOCTL.FIONREAD ? pty.outgoing.length : 0, true);
        return 0;
      case TTY_IOCTL.TCFLSH:
        // Its input is what the programs wrote, its output what the line discipline has not looked at.
        if (arg > QUEUE.BOTH) return -E.INVAL;
        if (arg !== QUEUE.OUTPUT) {
          pty.outgoing.length = 0;
          pty.outputReady();
        }
        if (arg !== QUEUE.INPUT) pty.discipline.dropWaiting();
        return 0;
      case TTY_IOCTL.TIOCSCTTY:
        return pty.jobControl(request, arg, memory) ?? -E.NOTTY;
      case TTY_IOCTL.TIOCGETD:
      case TTY_IOCTL.TIOCSETD:
        return lineDisciplineNumber(request, arg, memory);
      case TTY_IOCTL.TIOCGPGRP:
        if (!memory.writable(arg, 4)) return -E.FAULT;
        view.setInt32(arg, pty.foreground?.pgid ?? 0, true);
        return 0;
      case TTY_IOCTL.TIOCGSID:
        if (!pty.session) return -E.NOTTY;
        if (!memory.writable(arg, 4)) return -E.FAULT;
        view.setInt32(arg, pty.session.sid, true);
        return 0;
      case TTY_IOCTL.TIOCGPTPEER: {
        const task = pty.kernel.current!;
        const place = lookup(task.fs, task.fs.root, `/dev/pts/${pty.index}`, true);
        const at = typeof place === 'number' ? this.location! : place;
        const slave = pty.open(arg & (O.ACCMODE | O.NONBLOCK | O.NOCTTY), at);
        if (typeof slave === 'number') return slave;
        const fd = task.files.install(slave, (arg & O.CLOEXEC) !== 0);
        if (fd < 0) slave.unref();
        return fd;
      }
      default:
        return pty.common(request, arg, memory) ?? -E.NOTTY;
    }
  }

  protected override closed(): number {
    this.pty.hangUp();
    return 0;
  }
}

/** An open /dev/pts/N. */
export class SlaveFile extends OpenFile {
  private readonly timer: ReadTimer;
  private readonly hangups: number;

  constructor(readonly pty: Pty, flags: number, location: Location, mayControl: boolean) {
    super(flags, location);
    this.waiters = pty.slaveQueue;
    this.hangups = pty.hangups;
    this.timer = new ReadTimer(pty.kernel, () => pty.slaveQueue.wake(POLL.IN));
    pty.slaves++;
    pty.opened = true;
    pty.masterQueue.wake(POLL.OUT);
    const process = pty.kernel.current?.process;
    // A session leader without a terminal gets the first that it opens.
    if (mayControl && process && process.session.sid === process.pid && !process.session.terminal && !pty.session) {
      pty.control(process.session, process.group);
    }
  }

  private get hungUp(): boolean {
    return this.pty.masterClosed || this.hangups !== this.pty.hangups;
  }

  override get pollable(): boolean {
    return true;
  }

  override read(u8: Uint8Array, start: number, length: number): number {
    const { pty } = this;
    const { discipline } = pty;
    if (this.hungUp) return 0;
    const background = pty.checkForeground(SIG.TTIN);
    if (background < 0) return background;
    // A description that does not wait gets what there is, be it less than MIN.
    const hasty = (this.flags & O.NONBLOCK) !== 0 && discipline.available > 0;
    const got = discipline.read(u8, start, length, this.timer.over || hasty);
    if (got !== -E.AGAIN) this.timer.stop();
    else if ((discipline.lflag & LFLAG.ICANON) === 0 && (this.flags & O.NONBLOCK) === 0) {
      this.timer.wait(discipline.cc[CC.VMIN]!, discipline.cc[CC.VTIME]!, discipline.available);
    }
    return got;
  }

  override waitEnds(): void {
    this.timer.stop();
  }

  override write(u8: Uint8Array, start: number, length: number): number {
    const { pty } = this;
    if (this.hungUp) return -E.IO;
    if (pty.discipline.lflag & LFLAG.TOSTOP) {
      const background = pty.checkForeground(SIG.TTOU);
      if (background < 0) return background;
    }
    return pty.discipline.write(u8, start, length);
  }

  override poll(): number {
    const { pty } = this;
    if (this.hungUp) return POLL.IN | POLL.OUT | POLL.ERR | POLL.HUP | POLL.RDNORM | POLL.WRNORM;
    let events = 0;
    if (pty.discipline.readable || this.timer.over) events |= POLL.IN | POLL.RDNORM;
    if (!pty.discipline.stopped && pty.outputRoom() >= 8) events |= POLL.OUT | POLL.WRNORM;
    return events;
  }

  override ioctl(request: number, arg: number, memory: UserMemory): number {
    const { pty } = this;
    if (this.hungUp) return -E.IO;
    const job = pty.jobControl(request, arg, memory);
    if (job !== undefined) return job;
    switch (request) {
      case TTY_IOCTL.FIONREAD:
      case TTY_IOCTL.TIOCOUTQ:
        if (!memory.writable(arg, 4)) return -E.FAULT;
        memory.window.view.setInt32(arg, request === TTY_IOCTL.FIONREAD ? pty.discipline.available : 0, true);
        return 0;
      case TTY_IOCTL.TIOCSTI:
        if (!memory.readable(arg, 1)) return -E.FAULT;
        pty.discipline.receive(memory.window.u8, arg, 1);
        return 0;
      case TTY_IOCTL.TCSETS: case TTY_IOCTL.TCSETSW: case TTY_IOCTL.TCSETSF:
      case TTY_IOCTL.TCSETS2: case TTY_IOCTL.TCSETSW2: case TTY_IOCTL.TCSETSF2:
      case TTY_IOCTL.TCSETA: case TTY_IOCTL.TCSETAW: case TTY_IOCTL.TCSETAF:
      case TTY_IOCTL.TCSBRK: case TTY_IOCTL.TCSBRKP: case TTY_IOCTL.TCXONC: case TTY_IOCTL.TCFLSH: {
        const background = pty.checkForeground(SIG.TTOU);
        if (background < 0) return background;
      }
    }
    return pty.common(request, arg, memory) ?? -E.NOTTY;
  }

  protected override closed(): number {
    this.timer.stop();
    if (this.hangups === this.pty.hangups) this.pty.slaveCloses();
    return 0;
  }
}
