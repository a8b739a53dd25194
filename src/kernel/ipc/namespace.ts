/** All System V IPC objects of a kernel; made when the first is asked for. */
import type { Kernel } from '../kernel.js';
import { MessageTable } from './msg.js';
import { MqueueTable } from './mqueue.js';
import { SemaphoreTable } from './sem.js';
import { ShmTable } from './shm.js';

export class IpcNamespace {
  readonly shm = new ShmTable();
  readonly sem = new SemaphoreTable();
  readonly msg = new MessageTable();
  readonly mqueues = new MqueueTable();
}

export function ipcOf(kernel: Kernel): IpcNamespace {
  return kernel.ipc ??= new IpcNamespace();
}
