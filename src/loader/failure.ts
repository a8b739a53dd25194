/** Why a program cannot be started. */
export class LoadFailure {
  constructor(
    /** -errno for execve(2). */
    readonly error: number,
    /** For people: what is wrong, with what. Completes "cannot run FILE: …". */
    readonly reason: string,
  ) {}
}

/** A path from a file, safe to show on a terminal: control characters are escaped. */
export function printable(path: string): string {
  return path.replace(/[\x00-\x1f\x7f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
