/** Terminals (termios(3), ioctl_tty(2)); the kernel's structs, the same for x86-64 and i386. */

/** struct termios of the kernel: four words of flags, a line discipline, 19 characters; termios2 has two speeds more. */
export const TERMIOS_SIZE = 36;
export const TERMIOS2_SIZE = 44;
export const TERMIOS = { iflag: 0, oflag: 4, cflag: 8, lflag: 12, line: 16, cc: 17, ispeed: 36, ospeed: 40 } as const;
export const NCCS = 19;

export const CC = {
  VINTR: 0, VQUIT: 1, VERASE: 2, VKILL: 3, VEOF: 4, VTIME: 5, VMIN: 6, VSWTC: 7, VSTART: 8, VSTOP: 9, VSUSP: 10, VEOL: 11,
  VREPRINT: 12, VDISCARD: 13, VWERASE: 14, VLNEXT: 15, VEOL2: 16,
} as const;

export const IFLAG = {
  IGNBRK: 1, BRKINT: 2, IGNPAR: 4, PARMRK: 8, INPCK: 0x10, ISTRIP: 0x20, INLCR: 0x40, IGNCR: 0x80, ICRNL: 0x100,
  IUCLC: 0x200, IXON: 0x400, IXANY: 0x800, IXOFF: 0x1000, IMAXBEL: 0x2000, IUTF8: 0x4000,
} as const;
export const OFLAG = {
  OPOST: 1, OLCUC: 2, ONLCR: 4, OCRNL: 8, ONOCR: 0x10, ONLRET: 0x20, OFILL: 0x40, OFDEL: 0x80, TABDLY: 0x1800, TAB3: 0x1800,
} as const;
export const CFLAG = { CS8: 0x30, CREAD: 0x80, HUPCL: 0x400, B38400: 0xf } as const;
export const LFLAG = {
  ISIG: 1, ICANON: 2, XCASE: 4, ECHO: 8, ECHOE: 0x10, ECHOK: 0x20, ECHONL: 0x40, NOFLSH: 0x80, TOSTOP: 0x100, ECHOCTL: 0x200,
  ECHOPRT: 0x400, ECHOKE: 0x800, FLUSHO: 0x1000, PENDIN: 0x4000, IEXTEN: 0x8000, EXTPROC: 0x10000,
} as const;

export const TTY_IOCTL = {
  TCGETS: 0x5401, TCSETS: 0x5402, TCSETSW: 0x5403, TCSETSF: 0x5404, TCSBRK: 0x5409, TCXONC: 0x540a, TCFLSH: 0x540b,
  TIOCEXCL: 0x540c, TIOCNXCL: 0x540d, TIOCSCTTY: 0x540e, TIOCGPGRP: 0x540f, TIOCSPGRP: 0x5410, TIOCOUTQ: 0x5411,
  TIOCSTI: 0x5412, TIOCGWINSZ: 0x5413, TIOCSWINSZ: 0x5414, FIONREAD: 0x541b, TIOCPKT: 0x5420, TIOCNOTTY: 0x5422,
  TIOCGETD: 0x5424, TCSBRKP: 0x5425, TIOCGSID: 0x5429, TCGETS2: 0x802c542a, TCSETS2: 0x402c542b, TCSETSW2: 0x402c542c,
  TCSETSF2: 0x402c542d, TIOCGPTN: 0x80045430, TIOCSPTLCK: 0x40045431, TIOCGPTLCK: 0x80045439, TIOCGPTPEER: 0x5441,
} as const;
