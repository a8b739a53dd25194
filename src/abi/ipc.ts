/** System V IPC (sysvipc(7), shmctl(2), semctl(2), msgctl(2)). */
import { struct } from './struct.js';

export const IPC = { CREAT: 0o1000, EXCL: 0o2000, NOWAIT: 0o4000 } as const;
export const IPC_PRIVATE = 0;
/** Commands of the *ctl calls. */
export const IPC_CMD = { RMID: 0, SET: 1, STAT: 2, INFO: 3 } as const;
export const SHM_CMD = { LOCK: 11, UNLOCK: 12, STAT: 13, INFO: 14, STAT_ANY: 15 } as const;
export const SEM_CMD = {
  GETPID: 11, GETVAL: 12, GETALL: 13, GETNCNT: 14, GETZCNT: 15, SETVAL: 16, SETALL: 17, STAT: 18, INFO: 19,
  STAT_ANY: 20,
} as const;
export const MSG_CMD = { STAT: 11, INFO: 12, STAT_ANY: 13 } as const;
export const SHM = { RDONLY: 0o10000, RND: 0o20000, REMAP: 0o40000, EXEC: 0o100000, HUGETLB: 0o4000,
  NORESERVE: 0o10000 } as const;
/** Bits that STAT shows in the mode. */
export const SHM_MODE = { DEST: 0o1000, LOCKED: 0o2000 } as const;
export const MSG = { NOERROR: 0o10000, EXCEPT: 0o20000, COPY: 0o40000 } as const;
export const SEM_UNDO = 0x1000;

/** struct ipc64_perm of x86-64. */
const perm = {
  key: 'u32', uid: 'u32', gid: 'u32', cuid: 'u32', cgid: 'u32', mode: 'u32', seq: 'u16', permPad: 'u16',
  unusedA: 'ulong',
  unusedB: 'ulong',
} as const;

export const SHMID_DS = struct({
  ...perm, segsz: 'size', atime: 'long', dtime: 'long', ctime: 'long', cpid: 'i32', lpid: 'i32', nattch: 'ulong',
  unusedC: 'ulong', unusedD: 'ulong',
});
export const SEMID_DS = struct({
  ...perm, otime: 'long', unusedC: 'ulong', ctime: 'long', unusedD: 'ulong', nsems: 'ulong', unusedE: 'ulong',
  unusedF: 'ulong',
});
export const MSQID_DS = struct({
  ...perm, stime: 'long', rtime: 'long', ctime: 'long', cbytes: 'ulong', qnum: 'ulong', qbytes: 'ulong', lspid: 'i32',
  lrpid: 'i32', unusedC: 'ulong', unusedD: 'ulong',
});
