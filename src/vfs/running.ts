/** Files that run as programs: they cannot be written to (open(2), ETXTBSY). */

const counts = new Map<unknown, number>();

/** A process runs the file with this identity (`by` 1), or does no longer (-1). */
export function countRunning(identity: unknown, by: 1 | -1): void {
  const count = (counts.get(identity) ?? 0) + by;
  if (count > 0) counts.set(identity, count);
  else counts.delete(identity);
}

export function isRunning(identity: unknown): boolean {
  return counts.has(identity);
}
