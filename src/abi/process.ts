/** Processes and threads: clone(2), wait(2), prctl(2), arch_prctl(2), futex(2), sched(7). */
import { struct } from './struct.js';

export const CLONE = {
  VM: 0x100, FS: 0x200, FILES: 0x400, SIGHAND: 0x800, PIDFD: 0x1000, PTRACE: 0x2000, VFORK: 0x4000, PARENT: 0x8000,
  THREAD: 0x10000, NEWNS: 0x20000, SYSVSEM: 0x40000, SETTLS: 0x80000, PARENT_SETTID: 0x100000, CHILD_CLEARTID: 0x200000,
  DETACHED: 0x400000, UNTRACED: 0x800000, CHILD_SETTID: 0x1000000, NEWCGROUP: 0x2000000, NEWUTS: 0x4000000,
  NEWIPC: 0x8000000, NEWUSER: 0x10000000, NEWPID: 0x20000000, NEWNET: 0x40000000, IO: 0x80000000,
} as const;
/** clone3(2) only: bit 32, bit 33. */
export const CLONE_CLEAR_SIGHAND = 0x1_0000_0000;
export const CLONE_INTO_CGROUP = 0x2_0000_0000;

export const CLONE_ARGS = struct({
  flags: 'u64', pidfd: 'u64', childTid: 'u64', parentTid: 'u64', exitSignal: 'u64', stack: 'u64', stackSize: 'u64',
  tls: 'u64', setTid: 'u64', setTidSize: 'u64', cgroup: 'u64',
});

export const W = {
  NOHANG: 1, UNTRACED: 2, STOPPED: 2, EXITED: 4, CONTINUED: 8, NOWAIT: 0x1000000, NOTHREAD: 0x20000000,
  ALL: 0x40000000, CLONE: 0x80000000,
} as const;
/** personality(2). */
export const PER_LINUX32 = 8;
export const PERSONALITY = {
  MASK: 0xff, UNAME26: 0x20000, ADDR_NO_RANDOMIZE: 0x40000, MMAP_PAGE_ZERO: 0x100000, ADDR_COMPAT_LAYOUT: 0x200000,
  READ_IMPLIES_EXEC: 0x400000, STICKY_TIMEOUTS: 0x4000000,
} as const;
export const P = { ALL: 0, PID: 1, PGID: 2, PIDFD: 3 } as const;

export const ARCH = { SET_GS: 0x1001, SET_FS: 0x1002, GET_FS: 0x1003, GET_GS: 0x1004, GET_CPUID: 0x1011,
  SET_CPUID: 0x1012 } as const;

export const PR = {
  SET_PDEATHSIG: 1, GET_PDEATHSIG: 2, GET_DUMPABLE: 3, SET_DUMPABLE: 4, GET_KEEPCAPS: 7, SET_KEEPCAPS: 8,
  GET_TIMING: 13, SET_TIMING: 14, SET_NAME: 15, GET_NAME: 16, GET_SECCOMP: 21, SET_SECCOMP: 22, CAPBSET_READ: 23,
  CAPBSET_DROP: 24, GET_TSC: 25, SET_TSC: 26, GET_SECUREBITS: 27, SET_SECUREBITS: 28, SET_TIMERSLACK: 29,
  GET_TIMERSLACK: 30, SET_MM: 35, SET_CHILD_SUBREAPER: 36, GET_CHILD_SUBREAPER: 37, SET_NO_NEW_PRIVS: 38,
  GET_NO_NEW_PRIVS: 39, GET_TID_ADDRESS: 40, SET_THP_DISABLE: 41, GET_THP_DISABLE: 42, CAP_AMBIENT: 47,
  TASK_PERF_EVENTS_DISABLE: 31, TASK_PERF_EVENTS_ENABLE: 32, MCE_KILL: 33, MCE_KILL_GET: 34,
  GET_SPECULATION_CTRL: 52, SET_SPECULATION_CTRL: 53, SET_IO_FLUSHER: 57, GET_IO_FLUSHER: 58,
  SET_SYSCALL_USER_DISPATCH: 59, SCHED_CORE: 62, SET_MDWE: 65, GET_MDWE: 66, SET_MEMORY_MERGE: 67, GET_MEMORY_MERGE: 68,
  GET_AUXV: 0x41555856, SET_VMA: 0x53564d41, SET_PTRACER: 0x59616d61,
} as const;

/** PR_SET_MM: what of /proc/PID is changed. */
export const PR_SET_MM = {
  START_CODE: 1, END_CODE: 2, START_DATA: 3, END_DATA: 4, START_STACK: 5, START_BRK: 6, BRK: 7, ARG_START: 8,
  ARG_END: 9, ENV_START: 10, ENV_END: 11, AUXV: 12, EXE_FILE: 13, MAP: 14, MAP_SIZE: 15,
} as const;
/** PR_SET_MDWE: memory does not become executable after it was not. */
export const PR_MDWE = { REFUSE_EXEC_GAIN: 1, NO_INHERIT: 2 } as const;
export const PR_CAP_AMBIENT = { IS_SET: 1, RAISE: 2, LOWER: 3, CLEAR_ALL: 4 } as const;
export const PR_MCE_KILL = { CLEAR: 0, SET: 1, LATE: 0, EARLY: 1, DEFAULT: 2 } as const;

export const FUTEX = {
  WAIT: 0, WAKE: 1, FD: 2, REQUEUE: 3, CMP_REQUEUE: 4, WAKE_OP: 5, LOCK_PI: 6, UNLOCK_PI: 7, TRYLOCK_PI: 8,
  WAIT_BITSET: 9, WAKE_BITSET: 10, WAIT_REQUEUE_PI: 11, CMP_REQUEUE_PI: 12, LOCK_PI2: 13,
} as const;
export const FUTEX_PRIVATE_FLAG = 128;
export const FUTEX_CLOCK_REALTIME = 256;
/** Flags of futex_waitv(2) and its kin: the size of the word, and whether its waiters are of one process. */
export const FUTEX2 = { SIZE_U32: 2, PRIVATE: 128 } as const;
/** Bits of a futex word that robust and PI futexes give meaning to. */
export const FUTEX_WORD = { WAITERS: 0x8000_0000, OWNER_DIED: 0x4000_0000, TID_MASK: 0x3fff_ffff } as const;

export const SCHED = { OTHER: 0, FIFO: 1, RR: 2, BATCH: 3, ISO: 4, IDLE: 5, DEADLINE: 6 } as const;
export const SCHED_RESET_ON_FORK = 0x4000_0000;

/** sched_setattr(2): bits of sched_flags. */
export const SCHED_FLAG = { RESET_ON_FORK: 1, RECLAIM: 2, DL_OVERRUN: 4, KEEP_POLICY: 8, KEEP_PARAMS: 0x10,
  UTIL_CLAMP_MIN: 0x20, UTIL_CLAMP_MAX: 0x40 } as const;

export const MEMBARRIER = {
  QUERY: 0, GLOBAL: 1, GLOBAL_EXPEDITED: 2, REGISTER_GLOBAL_EXPEDITED: 4, PRIVATE_EXPEDITED: 8,
  REGISTER_PRIVATE_EXPEDITED: 16, PRIVATE_EXPEDITED_SYNC_CORE: 32, REGISTER_PRIVATE_EXPEDITED_SYNC_CORE: 64,
  PRIVATE_EXPEDITED_RSEQ: 128, REGISTER_PRIVATE_EXPEDITED_RSEQ: 256, GET_REGISTRATIONS: 512,
} as const;
export const MEMBARRIER_CMD_FLAG_CPU = 1;

/** struct rseq as it first was (32 bytes, aligned so), and struct rseq_cs. */
export const RSEQ = { cpuIdStart: 0, cpuId: 4, rseqCs: 8, flags: 16, nodeId: 20, mmCid: 24, size: 32 } as const;
export const RSEQ_CS = { version: 0, flags: 4, startIp: 8, postCommitOffset: 16, abortIp: 24, size: 32 } as const;
export const RSEQ_FLAG_UNREGISTER = 1;

/** ioprio_set(2): whose priority, and classes (bits 13 and up of a priority). */
export const IOPRIO_WHO = { PROCESS: 1, PGRP: 2, USER: 3 } as const;
export const IOPRIO_CLASS = { NONE: 0, RT: 1, BE: 2, IDLE: 3 } as const;

/** kcmp(2). */
export const KCMP = { FILE: 0, VM: 1, FILES: 2, FS: 3, SIGHAND: 4, IO: 5, SYSVSEM: 6, EPOLL_TFD: 7 } as const;

export const GRND = { NONBLOCK: 1, RANDOM: 2, INSECURE: 4 } as const;
