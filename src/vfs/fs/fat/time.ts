/** Times of FAT: a date and a time of day of two bytes each, from 1980 to 2107, in a time zone that nobody knows. */

/** 1980-01-01 and the last second of 2107, in seconds since 1970. */
const FIRST = 315532800, LAST = 4354819199;
const DAY = 86400;

/** Seconds since 1970 of a date and a time; both are taken as they are, however wrong. */
export function fromFatTime(date: number, time: number): number {
  // Month and day 0 are those before the first.
  const month = Math.max(1, (date >> 5) & 15), day = Math.max(1, date & 31);
  const days = Date.UTC(1980 + (date >> 9), month - 1, day) / 1000;
  return days + (time >> 11) * 3600 + ((time >> 5) & 63) * 60 + (time & 31) * 2;
}

/** The date of a time in seconds since 1970; the times out of range are the nearest that are in it. */
export function fatDate(seconds: number): number {
  const at = new Date(clamp(seconds) * 1000);
  return ((at.getUTCFullYear() - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate();
}

/** The time of day, in units of 2 s. */
export function fatTime(seconds: number): number {
  const of = clamp(seconds) % DAY;
  return (Math.floor(of / 3600) << 11) | (Math.floor((of % 3600) / 60) << 5) | ((of % 60) >> 1);
}

/** As stored and read again: to 2 s. */
export function truncateTime(seconds: number): number {
  const at = clamp(seconds);
  return at - (at % 2);
}

/** To the day at whose start, `offset` seconds from UTC, it lies. */
export function truncateDay(seconds: number, offset: number): number {
  const at = clamp(seconds + offset);
  return at - (at % DAY) - offset;
}

function clamp(seconds: number): number {
  return Math.min(LAST, Math.max(FIRST, seconds));
}
