/** What processes of the host do to watched files comes in when it happens (vfs/notify.ts). */
import { POLL } from '../abi/fcntl.js';
import { hostNotifyFd } from '../vfs/host_notify.js';
import { collectHostEvents, setOpenProbe } from '../vfs/notify.js';
import type { Kernel } from './kernel.js';
import { isOpen } from './mount_use.js';

/** Descriptors of the host that are listened to. */
const listening = new Set<number>();

/** From the first watch on, what the host tells is taken in when it comes. */
export function listenToHost(kernel: Kernel): void {
  setOpenProbe((identity) => isOpen(kernel, identity));
  const fd = hostNotifyFd();
  if (fd < 0 || listening.has(fd)) return;
  listening.add(fd);
  kernel.hostEvents.queue(fd).watch({ notify: takeHostEvents }, POLL.IN);
}

function takeHostEvents(): boolean {
  collectHostEvents();
  return true;
}
