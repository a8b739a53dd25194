/** Signals of the Linux ABI (signal(7), sigaction(2), sigaltstack(2)); the same numbers for x86-64 and i386. */
import { struct } from './struct.js';

export const SIG = {
  HUP: 1, INT: 2, QUIT: 3, ILL: 4, TRAP: 5, ABRT: 6, BUS: 7, FPE: 8, KILL: 9, USR1: 10, SEGV: 11, USR2: 12, PIPE: 13,
  ALRM: 14, TERM: 15, STKFLT: 16, CHLD: 17, CONT: 18, STOP: 19, TSTP: 20, TTIN: 21, TTOU: 22, URG: 23, XCPU: 24,
  XFSZ: 25, VTALRM: 26, PROF: 27, WINCH: 28, IO: 29, PWR: 30, SYS: 31,
} as const;

/** First and last real-time signal as the kernel counts them. */
export const SIGRTMIN = 32;
export const SIGRTMAX = 64;

export const SA = {
  NOCLDSTOP: 1, NOCLDWAIT: 2, SIGINFO: 4, EXPOSE_TAGBITS: 0x800, RESTORER: 0x0400_0000, ONSTACK: 0x0800_0000,
  RESTART: 0x1000_0000, NODEFER: 0x4000_0000, RESETHAND: 0x8000_0000,
} as const;

export const SIG_DFL = 0;
export const SIG_IGN = 1;

export const SIG_HOW = { BLOCK: 0, UNBLOCK: 1, SETMASK: 2 } as const;

/** si_code values. */
export const SI = { USER: 0, KERNEL: 0x80, QUEUE: -1, TIMER: -2, MESGQ: -3, ASYNCIO: -4, SIGIO: -5,
  TKILL: -6 } as const;
export const ILL = { ILLOPC: 1, ILLOPN: 2, PRVOPC: 5 } as const;
export const FPE = { INTDIV: 1, INTOVF: 2, FLTDIV: 3, FLTOVF: 4, FLTUND: 5, FLTRES: 6, FLTINV: 7 } as const;
export const SEGV = { MAPERR: 1, ACCERR: 2 } as const;
export const BUS = { ADRALN: 1, ADRERR: 2 } as const;
export const TRAP_CODE = { BRKPT: 1, TRACE: 2 } as const;
export const CLD = { EXITED: 1, KILLED: 2, DUMPED: 3, TRAPPED: 4, STOPPED: 5, CONTINUED: 6 } as const;

export const SS = { ONSTACK: 1, DISABLE: 2, AUTODISARM: 0x8000_0000 } as const;
export const MINSIGSTKSZ = 2048;

/** What rt_sigaction(2) takes (the kernel's struct, not libc's). */
export const SIGACTION = struct({ handler: 'ptr', flags: 'ulong', restorer: 'ptr', mask: 'u64' });
export const STACK_T = struct({ sp: 'ptr', flags: 'u32', bytes: 'size' });

/** siginfo_t: 128 bytes. The members behind `code` overlay each other by kind of signal. */
export const SIGINFO_SIZE = 128;
/** Where siginfo_t's union begins: aligned to a pointer. */
export const SIGINFO_UNION = { lp64: 16, ilp32: 12 } as const;

/** x86-64 struct sigcontext (asm/sigcontext.h): what a handler sees as uc_mcontext. */
export const SIGCONTEXT64 = struct({
  r8: 'u64', r9: 'u64', r10: 'u64', r11: 'u64', r12: 'u64', r13: 'u64', r14: 'u64', r15: 'u64', rdi: 'u64', rsi: 'u64',
  rbp: 'u64', rbx: 'u64', rdx: 'u64', rax: 'u64', rcx: 'u64', rsp: 'u64', rip: 'u64', eflags: 'u64',
  cs: 'u16', gs: 'u16', fs: 'u16', ss: 'u16', err: 'u64', trapno: 'u64', oldmask: 'u64', cr2: 'u64', fpstate: 'u64',
  reserved: ['u64', 8],
});
/** x86-64 struct ucontext, with uc_mcontext opened out in SIGCONTEXT64. */
export const UCONTEXT64 = { flags: 0, link: 8, stack: 16, mcontext: 40, sigmask: 296, size: 304 } as const;
export const UC = { FP_XSTATE: 1, SIGCONTEXT_SS: 2, STRICT_RESTORE_SS: 4 } as const;

/** 'SIGINT' for 2; real-time signals as 'SIGRT_3' for 35, as strace has them; the number for others. */
export function signalName(signal: number): string {
  for (const name in SIG) if (SIG[name as keyof typeof SIG] === signal) return 'SIG' + name;
  if (signal === SIGRTMIN) return 'SIGRTMIN';
  if (signal > SIGRTMIN && signal <= SIGRTMAX) return `SIGRT_${signal - SIGRTMIN}`;
  return String(signal);
}
