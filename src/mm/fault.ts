/** Signals of memory faults, packed as `signal << 16 | si_code` (sigaction(2)). */
export const Fault = {
  /** Handled: run the instruction again. */
  Retry: 0,
  /** SIGSEGV, SEGV_MAPERR: nothing is mapped there. */
  MapErr: (11 << 16) | 1,
  /** SIGSEGV, SEGV_ACCERR: the protection forbids it. */
  AccErr: (11 << 16) | 2,
  /** SIGBUS, BUS_ADRERR: the file ends before. */
  BusAdrErr: (7 << 16) | 2,
} as const;

/** What an instruction did to the address that it faulted on. */
export const FaultAccess = { Read: 0, Write: 1, Fetch: 2 } as const;
