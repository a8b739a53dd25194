/** Clocks and time structs (clock_gettime(2), getitimer(2), timerfd_create(2)). */
import { struct } from './struct.js';

export const CLOCK = {
  REALTIME: 0, MONOTONIC: 1, PROCESS_CPUTIME_ID: 2, THREAD_CPUTIME_ID: 3, MONOTONIC_RAW: 4, REALTIME_COARSE: 5,
  MONOTONIC_COARSE: 6, BOOTTIME: 7, REALTIME_ALARM: 8, BOOTTIME_ALARM: 9, TAI: 11,
} as const;

export const TIMER_ABSTIME = 1;
export const ITIMER = { REAL: 0, VIRTUAL: 1, PROF: 2 } as const;
export const TFD = { NONBLOCK: 0o4000, CLOEXEC: 0o2000000 } as const;
export const TFD_TIMER = { ABSTIME: 1, CANCEL_ON_SET: 2 } as const;
export const SIGEV = { SIGNAL: 0, NONE: 1, THREAD: 2, THREAD_ID: 4 } as const;

export const TIMESPEC = struct({ sec: 'long', nsec: 'long' });
export const TIMEVAL = struct({ sec: 'long', usec: 'long' });
export const TMS = struct({ utime: 'long', stime: 'long', cutime: 'long', cstime: 'long' });

/** Clock ticks a second of times(2) and /proc: USER_HZ. */
export const USER_HZ = 100;
