/** seccomp(2), and classic BPF (linux/seccomp.h, linux/filter.h, linux/bpf_common.h, linux/audit.h). */

export const SECCOMP_MODE = { DISABLED: 0, STRICT: 1, FILTER: 2 } as const;
export const SECCOMP = { SET_MODE_STRICT: 0, SET_MODE_FILTER: 1, GET_ACTION_AVAIL: 2, GET_NOTIF_SIZES: 3 } as const;
export const SECCOMP_FILTER_FLAG = {
  TSYNC: 1, LOG: 2, SPEC_ALLOW: 4, NEW_LISTENER: 8, TSYNC_ESRCH: 16, WAIT_KILLABLE_RECV: 32,
} as const;

/** What a filter returns, without its data. As signed numbers the lowest is the strictest. */
export const SECCOMP_RET = {
  KILL_PROCESS: 0x8000_0000 | 0, KILL_THREAD: 0, TRAP: 0x0003_0000, ERRNO: 0x0005_0000, USER_NOTIF: 0x7fc0_0000,
  TRACE: 0x7ff0_0000, LOG: 0x7ffc_0000, ALLOW: 0x7fff_0000,
} as const;
export const SECCOMP_RET_ACTION_FULL = 0xffff_0000;
export const SECCOMP_RET_DATA = 0xffff;

/** si_code of SIGSYS. */
export const SYS_SECCOMP = 1;
export const SYS_USER_DISPATCH = 2;
export const AUDIT_ARCH = { X86_64: 0xc000_003e, I386: 0x4000_0003 } as const;

/** struct seccomp_data in words: number, architecture, instruction pointer, six arguments. */
export const SECCOMP_DATA = { nr: 0, arch: 1, ip: 2, args: 4, words: 16 } as const;

/** struct sock_filter: code, jt, jf, k; struct sock_fprog: how many, and where. */
export const SOCK_FILTER_SIZE = 8;
export const SOCK_FPROG = { len: 0, filter: 8, size: 16 } as const;

export const BPF = {
  LD: 0x00, LDX: 0x01, ST: 0x02, STX: 0x03, ALU: 0x04, JMP: 0x05, RET: 0x06, MISC: 0x07,
  W: 0x00, IMM: 0x00, ABS: 0x20, MEM: 0x60, LEN: 0x80,
  ADD: 0x00, SUB: 0x10, MUL: 0x20, DIV: 0x30, OR: 0x40, AND: 0x50, LSH: 0x60, RSH: 0x70, NEG: 0x80, XOR: 0xa0,
  JA: 0x00, JEQ: 0x10, JGT: 0x20, JGE: 0x30, JSET: 0x40,
  K: 0x00, X: 0x08, A: 0x10, TAX: 0x00, TXA: 0x80,
} as const;
export const BPF_MAXINSNS = 4096;
export const BPF_MEMWORDS = 16;
