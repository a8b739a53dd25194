/** The time that inodes are stamped with: CLOCK_REALTIME in milliseconds, as Linux's is coarse too (inode(7)). */
export const now = {
  seconds: 0,
  nanoseconds: 0,
};

/** Reads the clock into `now`. */
export function readClock(): void {
  const ms = Date.now();
  now.seconds = Math.floor(ms / 1000);
  now.nanoseconds = (ms - now.seconds * 1000) * 1_000_000;
}
