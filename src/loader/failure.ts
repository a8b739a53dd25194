/** Why a program cannot be started. */
export class LoadFailure {
  constructor(
    /** -errno for execve(2). */
    readonly error: number,
    /** For people: what is wrong, with what. Completes "cannot run FILE: …". */
    readonly reason: string,
  ) {}
}
