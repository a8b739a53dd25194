/** Process file descriptors (pidfd_open(2)). */
import { O, POLL } from '../abi/fcntl.js';
import { OpenFile } from '../vfs/open_file.js';
import { ProcessState, type Process } from './process.js';
import type { WaitQueue } from './wait_queue.js';

export class PidFile extends OpenFile {
  constructor(readonly process: Process) {
    super(O.RDWR, null);
    this.waiters = process.ended as WaitQueue;
  }

  override get label(): string {
    return 'anon_inode:[pidfd]';
  }
  override get pollable(): boolean {
    return true;
  }
  /** Readable once the process has ended. */
  override poll(): number {
    return this.process.state === ProcessState.Live ? 0 : POLL.IN | POLL.RDNORM;
  }
}

export function processOfPidfd(file: OpenFile): Process | undefined {
  return file instanceof PidFile ? file.process : undefined;
}
