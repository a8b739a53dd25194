/** Terminals as device nodes: /dev/tty, /dev/console, /dev/ptmx and /dev/pts (tty(4), pts(4)). */
import { E } from '../../abi/errno.js';
import { makeDev } from '../../vfs/inode.js';
import type { Kernel } from '../kernel.js';

export function registerTerminals(kernel: Kernel): void {
  const { charDevices } = kernel.vfs;
  charDevices.set(makeDev(5, 0), (location, flags) =>
    kernel.current?.process.session.terminal?.open(flags, location) ?? -E.NXIO);
  charDevices.set(makeDev(5, 1), (location, flags) => kernel.hostTerminal?.open(flags, location) ?? -E.IO);
}
