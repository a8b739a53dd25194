/** System V semaphore sets (semop(2)). */
import type { Credentials } from '../credentials.js';
import type { Process } from '../process.js';
import { WaitQueue } from '../wait_queue.js';
import { IpcObject, IpcTable } from './ids.js';

export const SEMMNI = 32000;
export const SEMMSL = 32000;
export const SEMOPM = 500;
export const SEMVMX = 32767;

export interface SemaphoreOperation {
  index: number;
  /** What to add; 0 waits for zero. */
  delta: number;
  nowait: boolean;
  undo: boolean;
}

export class SemaphoreSet extends IpcObject {
  readonly values: Uint16Array;
  /** Process that changed each last. */
  readonly pids: Uint32Array;
  otime = 0;
  readonly queue = new WaitQueue();
  /** Operations that wait: for an increase, and for zero. */
  readonly waiting: { index: number; zero: boolean }[] = [];
  /** SEM_UNDO: what to add when a process ends. */
  readonly undo = new Map<Process, Int32Array>();

  constructor(key: number, mode: number, cred: Credentials, count: number) {
    super(key, mode, cred);
    this.values = new Uint16Array(count);
    this.pids = new Uint32Array(count);
  }

  /** Carries out all operations or none. Gives -1 when done, else the index of the operation that has to wait. */
  attempt(operations: readonly SemaphoreOperation[], process: Process): number | 'range' {
    const before = Uint16Array.from(this.values);
    for (let at = 0; at < operations.length; at++) {
      const { index, delta } = operations[at]!;
      const value = this.values[index]! + delta;
      const blocked = delta === 0 ? this.values[index] !== 0 : value < 0;
      if (blocked || value > SEMVMX) {
        this.values.set(before);
        return blocked ? at : 'range';
      }
      this.values[index] = value;
    }
    for (const { index, delta, undo } of operations) {
      this.pids[index] = process.pid;
      if (!undo || delta === 0) continue;
      let adjust = this.undo.get(process);
      if (!adjust) this.undo.set(process, adjust = new Int32Array(this.values.length));
      adjust[index]! -= delta;
    }
    return -1;
  }

  /** A process ends: its SEM_UNDO operations are taken back. */
  processEnds(process: Process): void {
    const adjust = this.undo.get(process);
    if (!adjust) return;
    this.undo.delete(process);
    adjust.forEach((delta, index) => {
      this.values[index] = Math.max(0, Math.min(SEMVMX, this.values[index]! + delta));
    });
    this.queue.wake();
  }

  clearUndo(index: number): void {
    for (const adjust of this.undo.values()) adjust[index] = 0;
  }
}

export class SemaphoreTable extends IpcTable<SemaphoreSet> {
  constructor() {
    super(SEMMNI);
  }

  /** Whether the process has operations to take back. */
  undoes(process: Process): boolean {
    return [...this].some((set) => set.undo.has(process));
  }

  processEnds(process: Process): void {
    for (const set of this) set.processEnds(process);
  }
}
