/** The kernel that guests see, in uname(2) and /proc/version: recent enough for every libc. */
export const RELEASE = '6.1.0-posixx';
export const VERSION = '#1 SMP PREEMPT posixx';
