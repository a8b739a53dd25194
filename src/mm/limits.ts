/** What a space may use. The kernel keeps these in step with the resource limits of the process (getrlimit(2)). */
export interface MemoryLimits {
  /** RLIMIT_AS, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_MEMLOCK: bytes, Infinity for none. */
  as: number;
  data: number;
  stack: number;
  memlock: number;
}

/** Memory that all spaces together may commit: private writable and shared anonymous bytes. */
export class MemoryAccount {
  used = 0;
  /** @param limit bytes; Infinity for none */
  constructor(public limit: number) {}

  /** Whether `bytes` more fit; when they do, they are taken. */
  take(bytes: number): boolean {
    if (this.used + bytes > this.limit) return false;
    this.used += bytes;
    return true;
  }

  give(bytes: number): void {
    this.used -= bytes;
  }
}
