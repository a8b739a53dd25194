/** Calls that hardly a program makes any more, and numbers of calls that Linux has not, or no more: ENOSYS. */
import { E } from '../abi/errno.js';
import type { Task } from '../kernel/task.js';
import { fileSystemTypes } from '../vfs/fs/types.js';
import { StatFs } from '../vfs/inode.js';
import { call, int, ptr, uint, type Row } from './types.js';

const CAP_SYS_TTY_CONFIG = 26;
const NAME_MAX = 4096;

export const oldCallRows: readonly Row[] = [
  call('ustat', 136, 62, [uint, ptr], ustat),
  call('sysfs', 139, 135, [int, ptr, ptr], sysfs),
  call('vhangup', 153, 111, [], vhangup, 'full', "EPERM for the caller's own terminal"),
  ...([
    ['uselib', 134, 86], ['_sysctl', 156, 149], ['create_module', 174, 127], ['get_kernel_syms', 177, 130],
    ['query_module', 178, 167], ['nfsservctl', 180, 169], ['getpmsg', 181, 188], ['putpmsg', 182, 189],
    ['afs_syscall', 183, 137], ['tuxcall', 184, -1], ['security', 185, -1], ['set_thread_area', 205, 243],
    ['get_thread_area', 211, 244], ['lookup_dcookie', 212, 253], ['epoll_ctl_old', 214, -1],
    ['epoll_wait_old', 215, -1], ['vserver', 236, 273],
  ] as const).map(([name, x64, i386]) => call(name, x64, i386, [], () => -E.NOSYS, 'full', 'ENOSYS, as on Linux')),
];

/** struct ustat: free blocks, free inodes, two names of 6 bytes that are empty. */
const USTAT = { tfree: 0, tinode: 8, size: 32 } as const;
const counts = new StatFs();

/** ustat(2): of the file system that is mounted from device `dev`. */
function ustat(task: Task, dev: number, buf: number): number {
  const mount = task.kernel.vfs.mounts().find(({ fs }) => fs.dev === dev);
  if (mount === undefined) return -E.INVAL;
  const failed = mount.fs.statfs(counts);
  if (failed < 0) return failed;
  const { mm } = task;
  if (!mm.writable(buf, USTAT.size)) return -E.FAULT;
  mm.window.u8.fill(0, buf, buf + USTAT.size);
  mm.putU32(buf + USTAT.tfree, counts.bfree);
  mm.putU64(buf + USTAT.tinode, counts.ffree);
  return 0;
}

/** sysfs(2): the types of file systems by name and by number. */
function sysfs(task: Task, option: number, a: number, b: number): number {
  const { mm } = task;
  switch (option) {
    case 1: {
      const name = mm.cstring(a, NAME_MAX);
      if (typeof name === 'number') return name;
      const index = fileSystemTypes.findIndex((type) => type.name === name);
      return index < 0 ? -E.INVAL : index;
    }
    case 2: {
      const type = fileSystemTypes[a];
      if (type === undefined) return -E.INVAL;
      return mm.putBytes(b, Buffer.from(type.name + '\0', 'latin1')) ? 0 : -E.FAULT;
    }
    case 3:
      return fileSystemTypes.length;
    default:
      return -E.INVAL;
  }
}

/** vhangup(2). */
function vhangup(task: Task): number {
  if (!task.cred.has(CAP_SYS_TTY_CONFIG)) return -E.PERM;
  return task.process.session.terminal?.hangUpSlaves() ?? 0;
}
