/** Terminals (termios(3), ioctl_tty(2)); the kernel's structs, the same for x86-64 and i386. */

/**
 * struct termios of the kernel: four words of flags, a line discipline, 19 characters; termios2 has two speeds more.
 */
export const TERMIOS_SIZE = 36;
export const TERMIOS2_SIZE = 44;
export const TERMIOS = { iflag: 0, oflag: 4, cflag: 8, lflag: 12, line: 16, cc: 17, ispeed: 36, ospeed: 40 } as const;
/** struct termio of System V: halves of the flags, the line discipline, eight characters. */
export const TERMIO = { iflag: 0, oflag: 2, cflag: 4, lflag: 6, line: 8, cc: 9, size: 18 } as const;
export const TERMIO_NCC = 8;
export const NCCS = 19;

export const CC = {
  VINTR: 0, VQUIT: 1, VERASE: 2, VKILL: 3, VEOF: 4, VTIME: 5, VMIN: 6, VSWTC: 7, VSTART: 8, VSTOP: 9, VSUSP: 10,
  VEOL: 11,
  VREPRINT: 12, VDISCARD: 13, VWERASE: 14, VLNEXT: 15, VEOL2: 16,
} as const;

export const IFLAG = {
  IGNBRK: 1, BRKINT: 2, IGNPAR: 4, PARMRK: 8, INPCK: 0x10, ISTRIP: 0x20, INLCR: 0x40, IGNCR: 0x80, ICRNL: 0x100,
  IUCLC: 0x200, IXON: 0x400, IXANY: 0x800, IXOFF: 0x1000, IMAXBEL: 0x2000, IUTF8: 0x4000,
} as const;
export const OFLAG = {
  OPOST: 1, OLCUC: 2, ONLCR: 4, OCRNL: 8, ONOCR: 0x10, ONLRET: 0x20, OFILL: 0x40, OFDEL: 0x80, TABDLY: 0x1800,
  TAB3: 0x1800,
} as const;
export const CFLAG = {
  CBAUD: 0x100f, BOTHER: 0x1000, B38400: 0xf, CSIZE: 0x30, CS8: 0x30, CREAD: 0x80, PARENB: 0x100, HUPCL: 0x400,
  CLOCAL: 0x800,
} as const;
/** Bits a second by code: B0 to B38400, then 0 (BOTHER), B57600 (0x1001) and on. */
export const BAUD: readonly number[] = [
  0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400,
  0, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000,
  4000000,
];
export const LFLAG = {
  ISIG: 1, ICANON: 2, XCASE: 4, ECHO: 8, ECHOE: 0x10, ECHOK: 0x20, ECHONL: 0x40, NOFLSH: 0x80, TOSTOP: 0x100,
  ECHOCTL: 0x200,
  ECHOPRT: 0x400, ECHOKE: 0x800, FLUSHO: 0x1000, PENDIN: 0x4000, IEXTEN: 0x8000, EXTPROC: 0x10000,
} as const;

export const TTY_IOCTL = {
  TCGETS: 0x5401, TCSETS: 0x5402, TCSETSW: 0x5403, TCSETSF: 0x5404, TCSBRK: 0x5409, TCXONC: 0x540a, TCFLSH: 0x540b,
  TIOCEXCL: 0x540c, TIOCNXCL: 0x540d, TIOCSCTTY: 0x540e, TIOCGPGRP: 0x540f, TIOCSPGRP: 0x5410, TIOCOUTQ: 0x5411,
  TIOCSTI: 0x5412, TIOCGWINSZ: 0x5413, TIOCSWINSZ: 0x5414, FIONREAD: 0x541b, TIOCPKT: 0x5420, TIOCNOTTY: 0x5422,
  TIOCGETD: 0x5424, TCSBRKP: 0x5425, TIOCGSID: 0x5429, TCGETS2: 0x802c542a, TCSETS2: 0x402c542b, TCSETSW2: 0x402c542c,
  TCSETSF2: 0x402c542d, TIOCGPTN: 0x80045430, TIOCSPTLCK: 0x40045431, TIOCSIG: 0x40045436, TIOCGPKT: 0x80045438,
  TCGETA: 0x5405, TCSETA: 0x5406, TCSETAW: 0x5407, TCSETAF: 0x5408, TIOCGSOFTCAR: 0x5419, TIOCSSOFTCAR: 0x541a,
  TIOCSETD: 0x5423, TIOCSBRK: 0x5427, TIOCCBRK: 0x5428, TIOCGDEV: 0x80045432,
  TIOCGPTLCK: 0x80045439, TIOCGEXCL: 0x80045440, TIOCGPTPEER: 0x5441,
} as const;
