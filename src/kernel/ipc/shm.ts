/** System V shared memory segments (shmget(2)). */
import type { AddressSpace } from '../../mm/address_space.js';
import type { SharedMemory } from '../../mm/shared_memory.js';
import type { Credentials } from '../credentials.js';
import type { Kernel } from '../kernel.js';
import { TaskState } from '../task.js';
import { IpcObject, IpcTable } from './ids.js';

export const SHMMNI = 4096;

export class ShmSegment extends IpcObject {
  atime = 0;
  dtime = 0;
  lpid = 0;
  locked = false;

  /** `bytes` as asked for; the memory is whole pages. */
  constructor(
    key: number, mode: number, cred: Credentials, readonly bytes: number, readonly memory: SharedMemory,
    readonly cpid: number,
  ) {
    super(key, mode, cred);
  }
}

/** Spaces that are in use, each once. */
function spaces(kernel: Kernel): Set<AddressSpace> {
  const all = new Set<AddressSpace>();
  for (const task of kernel.tasks.values()) if (task.state !== TaskState.Zombie) all.add(task.mm);
  return all;
}

/** How many mappings of the segment there are: each attachment is one, whoever inherited it. */
export function attachments(kernel: Kernel, segment: ShmSegment): number {
  let count = 0;
  for (const mm of spaces(kernel)) {
    for (const area of mm.areas) if (area.file === segment.memory && area.offset === 0) count++;
  }
  return count;
}

export class ShmTable extends IpcTable<ShmSegment> {
  constructor() {
    super(SHMMNI);
  }

  /** Drops segments that were removed while attached and are attached no longer. */
  sweep(kernel: Kernel): void {
    for (const segment of this) if (segment.removed && attachments(kernel, segment) === 0) this.remove(segment);
  }

  /** IPC_RMID: the memory lives as long as it is attached. */
  destroy(kernel: Kernel, segment: ShmSegment): void {
    if (!segment.removed) segment.memory.release();
    segment.removed = true;
    segment.key = 0;
    this.sweep(kernel);
  }
}
