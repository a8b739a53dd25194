/** Asynchronous input and output by the kernel: io_setup(2), io_submit(2), linux/aio_abi.h. */
import { struct } from './struct.js';

export const IOCB_CMD = { PREAD: 0, PWRITE: 1, FSYNC: 2, FDSYNC: 3, POLL: 5, NOOP: 6, PREADV: 7, PWRITEV: 8 } as const;
export const IOCB_FLAG = { RESFD: 1, IOPRIO: 2 } as const;

/** The same on both ABIs. */
export const IOCB = struct({
  data: 'u64', key: 'u32', rwFlags: 'u32', opcode: 'u16', reqprio: 'u16', fd: 'i32', buf: 'u64', nbytes: 'u64',
  offset: 'i64', reserved2: 'u64', flags: 'u32', resfd: 'u32',
}).lp64;
export const IO_EVENT = struct({ data: 'u64', obj: 'u64', res: 'i64', res2: 'i64' }).lp64;
/** What a context's address leads to: struct aio_ring, then its events. */
export const AIO_RING = struct({
  id: 'u32', nr: 'u32', head: 'u32', tail: 'u32', magic: 'u32', compat: 'u32', incompat: 'u32', headerLength: 'u32',
}).lp64;
