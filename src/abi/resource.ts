/** Resources, limits and system information (getrlimit(2), getrusage(2), sysinfo(2), uname(2)). */
import { struct } from './struct.js';

export const RLIMIT = {
  CPU: 0, FSIZE: 1, DATA: 2, STACK: 3, CORE: 4, RSS: 5, NPROC: 6, NOFILE: 7, MEMLOCK: 8, AS: 9, LOCKS: 10,
  SIGPENDING: 11, MSGQUEUE: 12, NICE: 13, RTPRIO: 14, RTTIME: 15,
} as const;
export const RLIMIT_COUNT = 16;

export const RUSAGE_WHO = { SELF: 0, CHILDREN: -1, THREAD: 1 } as const;
export const PRIO = { PROCESS: 0, PGRP: 1, USER: 2 } as const;

export const RUSAGE = struct({
  utimeSec: 'long', utimeUsec: 'long', stimeSec: 'long', stimeUsec: 'long', maxrss: 'long', ixrss: 'long',
  idrss: 'long',
  isrss: 'long', minflt: 'long', majflt: 'long', nswap: 'long', inblock: 'long', oublock: 'long', msgsnd: 'long',
  msgrcv: 'long', nsignals: 'long', nvcsw: 'long', nivcsw: 'long',
});

export const SYSINFO = struct({
  uptime: 'long', loads: ['ulong', 3], totalram: 'ulong', freeram: 'ulong', sharedram: 'ulong', bufferram: 'ulong',
  totalswap: 'ulong', freeswap: 'ulong', procs: 'u16', pad: 'u16', totalhigh: 'ulong', freehigh: 'ulong', unit: 'u32',
});

/** struct new_utsname: six strings of this many bytes each. */
export const UTSNAME_FIELD = 65;

export const PRLIMIT = struct({ cur: 'u64', max: 'u64' });
