/** The one thread of process 1. It never runs; it is made when somebody first looks at it. */
import { Abi } from '../abi/abi.js';
import { RLIMIT } from '../abi/resource.js';
import { AddressSpace } from '../mm/address_space.js';
import { PathContext } from '../vfs/path_walk.js';
import { Credentials } from './credentials.js';
import { FdTable } from './fd_table.js';
import type { Kernel } from './kernel.js';
import { Task } from './task.js';

/** A sleeping task with the kernel's root, no memory mapped and no descriptors. */
export function initTask(kernel: Kernel): Task {
  const { init, vfs, engine } = kernel;
  const cred = Credentials.of(0, 0, []);
  const mm = new AddressSpace({ layout: kernel.layout, limits: init.limits, account: kernel.memory });
  const files = new FdTable(init.limits.soft[RLIMIT.NOFILE]!);
  const fs = new PathContext(vfs, vfs.root, vfs.root, 0o022, cred);
  const task = new Task(kernel, init.pid, init, engine.createCpu(), Abi.X64, mm, files, fs, cred, 'init');
  task.park(() => 0, Infinity, false);
  return task;
}
