/**
 * The line discipline of terminals that the kernel makes itself (termios(3), N_TTY): editing, echo, signal characters,
 * flow control, output processing. It stands between a device (a pseudo-terminal's master) and the programs on the
 * terminal.
 */
import { E } from '../../abi/errno.js';
import { SIG } from '../../abi/signal.js';
import { BAUD, CC, CFLAG, IFLAG, LFLAG, NCCS, OFLAG, TERMIOS, TERMIOS2_SIZE } from '../../abi/tty.js';

/** What the discipline needs of the terminal around it. */
export interface Device {
  /** Room for output, in bytes. */
  outputRoom(): number;
  /** Output for the device. */
  output(byte: number): void;
  /** A signal character was typed. */
  signal(signal: number): void;
  /** Input can be read now. */
  inputReady(): void;
  /** Output is stopped (^S, tcflow(3)), or goes on. */
  flowChanged(stopped: boolean): void;
  /** What was written and not yet taken is dropped: a signal character does that. */
  flushOutput(): void;
  /** What was typed and not yet read was dropped. */
  inputFlushed(): void;
  /** More can be typed. */
  inputRoom(): void;
}

/** Bytes that may wait to be read. */
const INPUT_MAX = 4095;
/** Bytes that may wait to be looked at when there is no room for them. */
const WAITING_MAX = 65536;
/** In the queue of what can be read: a line's end that is no byte, and the mark of bytes that end a line. */
const EOF_MARK = 256;
const LINE_END = 512;
/** Echo that is held back while output is stopped. */
const ECHO_MAX = 4096;
const NEWLINE = 10;
const TAB = 8;
const DISABLED = 0;

export class LineDiscipline {
  iflag: number = IFLAG.ICRNL | IFLAG.IXON;
  oflag: number = OFLAG.OPOST | OFLAG.ONLCR;
  cflag: number = CFLAG.B38400 | CFLAG.CS8 | CFLAG.CREAD;
  lflag: number = LFLAG.ISIG | LFLAG.ICANON | LFLAG.ECHO | LFLAG.ECHOE | LFLAG.ECHOK | LFLAG.ECHOCTL | LFLAG.ECHOKE | LFLAG.IEXTEN;
  /** INTR ^C, QUIT ^\, ERASE DEL, KILL ^U, EOF ^D, TIME 0, MIN 1, SWTC, START ^Q, STOP ^S, SUSP ^Z, EOL, REPRINT ^R,
   *  DISCARD ^O, WERASE ^W, LNEXT ^V, EOL2. */
  readonly cc = Uint8Array.from([3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0]);
  /** c_line: told as it was set. */
  lineNumber = 0;
  ispeed = 38400;
  ospeed = 38400;
  /** Output is stopped by ^S or TCOOFF. */
  stopped = false;
  private readonly heldEcho: number[] = [];

  /** Complete input: bytes, those that end a line with LINE_END, and EOF_MARK. */
  private ready: number[] = [];
  /** Ends of lines among `ready` in canonical mode. */
  private lines = 0;
  /** The line that is being edited. */
  private line: number[] = [];
  /** What the device gave when there was no room. */
  private readonly waiting: number[] = [];
  private literalNext = false;
  /** ECHOPRT: what is erased is being shown between \ and /. */
  private erasing = false;
  /** Column of the cursor, and where the line that is being edited began. */
  private column = 0;
  private lineColumn = 0;

  constructor(private readonly device: Device) {}

  private is(flags: number): boolean {
    return (this.lflag & flags) !== 0;
  }

  /** Lines are edited here: not in raw mode, nor when the device does it (EXTPROC). */
  private get canonical(): boolean {
    return (this.lflag & (LFLAG.ICANON | LFLAG.EXTPROC)) === LFLAG.ICANON;
  }

  /** The device has done all that there is to do. */
  private get processedOutside(): boolean {
    return this.is(LFLAG.EXTPROC) && (this.iflag & IFLAG.ISTRIP) === 0 &&
      !(this.iflag & IFLAG.IUCLC && this.is(LFLAG.IEXTEN));
  }

  /** Takes bytes from the device, at most as many as there is room for. Gives how many. */
  receive(u8: Uint8Array, start: number, length: number): number {
    const { waiting } = this;
    let taken = 0;
    if (waiting.length === 0) for (; taken < length && !this.full; taken++) this.take(u8[start + taken]!);
    for (; taken < length && waiting.length < WAITING_MAX; taken++) waiting.push(u8[start + taken]!);
    return taken;
  }

  /** Can the device give any byte? */
  get hasRoom(): boolean {
    return this.waiting.length < WAITING_MAX;
  }

  /** What is too long for a line is lost; without lines it waits. */
  private get full(): boolean {
    return this.ready.length + this.line.length >= INPUT_MAX && !this.canonical;
  }

  /** There may be room for what waits. */
  private takeWaiting(): void {
    const { waiting } = this;
    if (waiting.length === 0) return;
    let taken = 0;
    while (taken < waiting.length && !this.full) this.take(waiting[taken++]!);
    waiting.splice(0, taken);
    this.device.inputRoom();
  }

  /** Forgets what was not looked at yet. */
  dropWaiting(): void {
    this.waiting.length = 0;
    this.device.inputRoom();
  }

  private take(byte: number): void {
    if (this.processedOutside) {
      this.ready.push(byte);
      this.device.inputReady();
      return;
    }
    if (this.iflag & IFLAG.ISTRIP) byte &= 0x7f;
    if (this.iflag & IFLAG.IUCLC && this.is(LFLAG.IEXTEN) && byte >= 65 && byte <= 90) byte += 32;
    const { cc } = this;
    if (this.literalNext) {
      this.literalNext = false;
      this.store(byte);
      return;
    }
    if (this.iflag & IFLAG.IXON) {
      if (byte === cc[CC.VSTART]! && byte !== DISABLED) return this.resume();
      if (byte === cc[CC.VSTOP]! && byte !== DISABLED) return this.stop();
      if (this.stopped && this.iflag & IFLAG.IXANY) this.resume();
    }
    if (this.is(LFLAG.ISIG) && byte !== DISABLED) {
      if (byte === cc[CC.VINTR]) return this.signal(SIG.INT, byte);
      if (byte === cc[CC.VQUIT]) return this.signal(SIG.QUIT, byte);
      if (byte === cc[CC.VSUSP]) return this.signal(SIG.TSTP, byte);
    }
    let fromReturn = false;
    if (byte === 13) {
      if (this.iflag & IFLAG.IGNCR) return;
      if (this.iflag & IFLAG.ICRNL) {
        byte = NEWLINE;
        fromReturn = true;
      }
    } else if (byte === NEWLINE && this.iflag & IFLAG.INLCR) {
      byte = 13;
    }
    if (this.canonical) this.edit(byte);
    else this.store(byte, fromReturn);
  }

  /** Stops output (^S, TCOOFF). */
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.device.flowChanged(true);
  }

  /** Output goes on (^Q, TCOON), what was echoed in the meantime first. */
  resume(): void {
    if (!this.stopped) return;
    this.stopped = false;
    for (const byte of this.heldEcho.splice(0)) this.device.output(byte);
    this.device.flowChanged(false);
  }

  /** Sends a byte as it is: START and STOP of tcflow(3). */
  sendControl(byte: number): void {
    if (byte !== DISABLED) this.device.output(byte);
  }

  private signal(signal: number, byte: number): void {
    if (!this.is(LFLAG.NOFLSH)) {
      this.flushInput();
      this.heldEcho.length = 0;
      this.device.flushOutput();
    }
    if (this.iflag & IFLAG.IXON) this.resume();
    if (this.is(LFLAG.ECHO)) this.echo(byte);
    this.device.signal(signal);
  }

  /** Canonical mode: the editing characters, and the ends of lines. */
  private edit(byte: number): void {
    const { cc } = this;
    if (byte !== DISABLED) {
      if (byte === cc[CC.VERASE]) return this.erase();
      if (byte === cc[CC.VKILL]) return this.kill();
      if (this.is(LFLAG.IEXTEN)) {
        if (byte === cc[CC.VWERASE]) return this.eraseWord();
        if (byte === cc[CC.VLNEXT]) {
          this.literalNext = true;
          if (this.is(LFLAG.ECHO) && this.is(LFLAG.ECHOCTL)) {
            this.put(94);
            this.put(8);
          }
          return;
        }
        if (byte === cc[CC.VREPRINT] && this.is(LFLAG.ECHO)) return this.reprint(byte);
      }
      if (byte === cc[CC.VEOF]) return this.endLine(EOF_MARK);
      if (byte === cc[CC.VEOL] || (this.is(LFLAG.IEXTEN) && byte === cc[CC.VEOL2])) {
        if (this.is(LFLAG.ECHO)) this.echo(byte);
        return this.endLine(byte | LINE_END);
      }
    }
    if (byte === NEWLINE) {
      this.finishErasing();
      if (this.is(LFLAG.ECHO | LFLAG.ECHONL)) this.process(NEWLINE);
      return this.endLine(NEWLINE | LINE_END);
    }
    this.store(byte);
  }

  private store(byte: number, fromReturn = false): void {
    this.finishErasing();
    const doubled = byte === 0xff && (this.iflag & (IFLAG.PARMRK | IFLAG.ISTRIP)) === IFLAG.PARMRK;
    if (this.canonical) {
      if (this.line.length >= INPUT_MAX) {
        if (this.iflag & IFLAG.IMAXBEL) this.put(7);
        return;
      }
      if (this.line.length === 0) this.lineColumn = this.column;
      if (this.is(LFLAG.ECHO)) this.echo(byte);
      if (doubled) this.line.push(byte);
      this.line.push(byte);
      return;
    }
    if (this.is(LFLAG.ECHO)) {
      if (fromReturn) this.process(byte);
      else this.echo(byte);
    }
    if (doubled) this.ready.push(byte);
    this.ready.push(byte);
    this.device.inputReady();
  }

  private endLine(end: number): void {
    for (const byte of this.line) this.ready.push(byte);
    this.line.length = 0;
    this.ready.push(end);
    this.lines++;
    this.device.inputReady();
  }

  /** Whether IUTF8 makes this byte a part of the character before it. */
  private continues(byte: number): boolean {
    return (this.iflag & IFLAG.IUTF8) !== 0 && (byte & 0xc0) === 0x80;
  }

  private erase(): void {
    // A part of a character is not erased.
    if (this.line.every((byte) => this.continues(byte))) return;
    const after: number[] = [];
    let byte = this.line.pop()!;
    while (this.continues(byte) && this.line.length > 0) {
      after.unshift(byte);
      byte = this.line.pop()!;
    }
    if (!this.is(LFLAG.ECHO)) return;
    if (this.is(LFLAG.ECHOPRT)) {
      if (!this.erasing) this.put(92);
      this.erasing = true;
      this.echo(byte);
      for (const rest of after) this.put(rest);
      if (this.line.length === 0) this.finishErasing();
      return;
    }
    if (!this.is(LFLAG.ECHOE)) return this.echo(this.cc[CC.VERASE]!);
    this.rubOut(byte);
  }

  private finishErasing(): void {
    if (!this.erasing) return;
    this.erasing = false;
    this.put(47);
  }

  /** Takes the last character off the screen. */
  private rubOut(byte: number): void {
    if (byte === 9) {
      const column = this.columnOfLine();
      while (this.column > column) this.put(8);
      return;
    }
    const width = byte < 32 || byte === 127 ? (this.is(LFLAG.ECHOCTL) ? 2 : 0) : 1;
    for (let at = 0; at < width; at++) for (const out of [8, 32, 8]) this.put(out);
  }

  /** The column behind what is left of the line. */
  private columnOfLine(): number {
    let column = this.lineColumn;
    for (const byte of this.line) {
      if (byte === 9) column += TAB - (column % TAB);
      else if (byte < 32 || byte === 127) column += this.is(LFLAG.ECHOCTL) ? 2 : 0;
      else if (!this.continues(byte)) column++;
    }
    return column;
  }

  private kill(): void {
    if (this.is(LFLAG.ECHO)) {
      if (this.is(LFLAG.ECHOK) && this.is(LFLAG.ECHOKE) && this.is(LFLAG.ECHOE)) {
        while (this.line.length > 0) this.erase();
        return;
      }
      this.finishErasing();
      this.echo(this.cc[CC.VKILL]!);
      if (this.is(LFLAG.ECHOK)) this.process(NEWLINE);
    }
    this.line.length = 0;
  }

  private eraseWord(): void {
    const isWord = (byte: number): boolean => (byte >= 48 && byte <= 57) || ((byte | 32) >= 97 && (byte | 32) <= 122) ||
      byte === 95 || byte >= 128;
    while (this.line.length > 0 && !isWord(this.line.at(-1)!)) this.erase();
    while (this.line.length > 0 && isWord(this.line.at(-1)!)) this.erase();
  }

  private reprint(byte: number): void {
    this.finishErasing();
    this.echo(byte);
    this.process(NEWLINE);
    for (const typed of this.line) this.echo(typed);
  }

  /** Shows a typed byte: control characters as ^X. */
  private echo(byte: number): void {
    if (this.is(LFLAG.ECHOCTL) && (byte < 32 || byte === 127) && byte !== 9) {
      this.put(94);
      this.put(byte ^ 64);
      return;
    }
    this.process(byte);
  }

  /** Output processing of one byte (OPOST). */
  private process(byte: number): void {
    if ((this.oflag & OFLAG.OPOST) === 0) return this.put(byte);
    if (byte === 10 && this.oflag & OFLAG.ONLCR) {
      this.put(13);
      return this.put(10);
    }
    if (byte === 13) {
      if (this.oflag & OFLAG.ONOCR && this.column === 0) return;
      if (this.oflag & OFLAG.OCRNL) return this.put(10);
    }
    if (byte === 9 && (this.oflag & OFLAG.TABDLY) === OFLAG.TAB3) {
      for (let count = TAB - (this.column % TAB); count > 0; count--) this.put(32);
      return;
    }
    if (this.oflag & OFLAG.OLCUC && byte >= 97 && byte <= 122) byte -= 32;
    this.put(byte);
  }

  private put(byte: number): void {
    if (byte === 13) this.column = 0;
    else if (byte === 10 && this.oflag & OFLAG.ONLRET) this.column = 0;
    else if (byte === 8) this.column = Math.max(0, this.column - 1);
    else if (byte === 9) this.column += TAB - (this.column % TAB);
    else if (byte >= 32 && byte !== 127 && !this.continues(byte)) this.column++;
    // A stopped terminal takes no output of programs: this is echo.
    if (!this.stopped) this.device.output(byte);
    else if (this.heldEcho.length < ECHO_MAX) this.heldEcho.push(byte);
  }

  /** Output of a program. Gives how many bytes were taken; -EAGAIN when none can be now. */
  write(u8: Uint8Array, start: number, length: number): number {
    if (length === 0) return 0;
    let done = 0;
    // A byte may become eight (a tab).
    while (done < length && !this.stopped && this.device.outputRoom() >= TAB) this.process(u8[start + done++]!);
    return done > 0 ? done : -E.AGAIN;
  }

  /** Whether a read would give something at once. */
  get readable(): boolean {
    if (this.canonical) return this.lines > 0;
    if (this.is(LFLAG.ICANON)) return this.ready.length > 0;
    const min = this.cc[CC.VTIME] === 0 ? Math.max(1, this.cc[CC.VMIN]!) : 1;
    return this.ready.length >= min;
  }

  /** Bytes that can be read (FIONREAD). */
  get available(): number {
    if (!this.canonical) return this.ready.length;
    let count = 0;
    for (const byte of this.ready) if (byte !== EOF_MARK) count++;
    return count;
  }

  /** A program reads. -EAGAIN when it has to wait. `atOnce`: what there is will do (VTIME is over). */
  read(u8: Uint8Array, start: number, length: number, atOnce: boolean): number {
    if (length === 0) return 0;
    if (this.canonical) return this.readLine(u8, start, length);
    const { ready } = this;
    if (this.is(LFLAG.ICANON) && ready.length === 0) return -E.AGAIN;
    const min = this.is(LFLAG.ICANON) ? 0 : this.cc[CC.VMIN]!;
    if (!atOnce && ready.length < Math.min(Math.max(min, 0), length)) return -E.AGAIN;
    if (!atOnce && ready.length === 0 && this.cc[CC.VTIME] !== 0) return -E.AGAIN;
    const count = Math.min(length, ready.length);
    for (let at = 0; at < count; at++) u8[start + at] = ready[at]! & 0xff;
    ready.splice(0, count);
    this.takeWaiting();
    return count;
  }

  private readLine(u8: Uint8Array, start: number, length: number): number {
    if (this.lines === 0) return -E.AGAIN;
    const { ready } = this;
    let count = 0, used = 0;
    while (count < length) {
      const byte = ready[used++]!;
      if (byte === EOF_MARK) {
        this.lines--;
        break;
      }
      u8[start + count++] = byte & 0xff;
      if (byte & LINE_END) {
        this.lines--;
        break;
      }
    }
    // A line that just fitted takes its EOF with it, or the next read would seem to be the end of the file.
    if (count === length && ready[used] === EOF_MARK && (ready[used - 1]! & LINE_END) === 0) {
      used++;
      this.lines--;
    }
    ready.splice(0, used);
    return count;
  }

  flushInput(): void {
    this.ready.length = this.line.length = 0;
    this.lines = 0;
    this.literalNext = this.erasing = false;
    this.device.inputFlushed();
  }

  /** Whether IXON works with ^S and ^Q (packet mode tells). */
  get usualFlowControl(): boolean {
    return (this.iflag & IFLAG.IXON) !== 0 && this.cc[CC.VSTOP] === 19 && this.cc[CC.VSTART] === 17;
  }

  /** Writes struct termios (36 bytes) or termios2 (44). */
  save(u8: Uint8Array, at: number, bytes: number): void {
    const view = new DataView(u8.buffer, u8.byteOffset + at, bytes);
    view.setUint32(TERMIOS.iflag, this.iflag, true);
    view.setUint32(TERMIOS.oflag, this.oflag, true);
    view.setUint32(TERMIOS.cflag, this.cflag, true);
    view.setUint32(TERMIOS.lflag, this.lflag, true);
    view.setUint8(TERMIOS.line, this.lineNumber);
    u8.set(this.cc, at + TERMIOS.cc);
    if (bytes < TERMIOS2_SIZE) return;
    view.setUint32(TERMIOS.ispeed, this.ispeed, true);
    view.setUint32(TERMIOS.ospeed, this.ospeed, true);
  }

  /** Takes struct termios or termios2. */
  load(u8: Uint8Array, at: number, bytes: number): void {
    const view = new DataView(u8.buffer, u8.byteOffset + at, bytes);
    const { canonical } = this;
    this.iflag = view.getUint32(TERMIOS.iflag, true);
    this.oflag = view.getUint32(TERMIOS.oflag, true);
    // A pseudo-terminal has eight bits and a receiver, whatever is asked for.
    this.cflag = (view.getUint32(TERMIOS.cflag, true) & ~(CFLAG.CSIZE | CFLAG.PARENB)) | CFLAG.CS8 | CFLAG.CREAD;
    this.lflag = view.getUint32(TERMIOS.lflag, true);
    this.lineNumber = view.getUint8(TERMIOS.line);
    this.cc.set(u8.subarray(at + TERMIOS.cc, at + TERMIOS.cc + NCCS));
    if (bytes >= TERMIOS2_SIZE) {
      this.ispeed = view.getUint32(TERMIOS.ispeed, true);
      this.ospeed = view.getUint32(TERMIOS.ospeed, true);
    }
    const code = this.cflag & CFLAG.CBAUD;
    if (code !== CFLAG.BOTHER) this.ispeed = this.ospeed = BAUD[code & 0xf | (code >> 8 & 0x10)] ?? this.ospeed;
    if (canonical !== this.canonical) this.modeChanged();
    if ((this.iflag & IFLAG.IXON) === 0) this.resume();
  }

  /** What was typed in one mode is read in the other: all as one line, ends of files as NUL. */
  private modeChanged(): void {
    if (this.canonical) {
      if (this.ready.length > 0) {
        if (this.ready.at(-1) === 0) this.ready.pop();
        this.ready.push(EOF_MARK);
        this.lines = 1;
      }
      this.takeWaiting();
      return;
    }
    this.ready = [...this.ready.map((byte) => byte & 0xff), ...this.line];
    this.line.length = 0;
    this.lines = 0;
    if (this.ready.length > 0) this.device.inputReady();
  }
}
