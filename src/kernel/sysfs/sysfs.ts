/** /sys: what programs ask of it, and nothing of the host but the number of its processors (sysfs(5)). */
import type { FileSystem } from '../../vfs/inode.js';
import type { Kernel } from '../kernel.js';
import { ProcDirectory, ProcFileSystem } from '../procfs/nodes.js';
import { systemDevices } from './cpu.js';
import { devices } from './devices.js';
import { attributes, directory, fixed, text, type Entries } from './nodes.js';

const SYSFS_MAGIC = 0x62656572;

/** The file system to mount at /sys. */
export function createSysFs(kernel: Kernel): FileSystem {
  return new ProcFileSystem((fs) => new ProcDirectory(fs, rootEntries(kernel)), 'sysfs', SYSFS_MAGIC);
}

function rootEntries(kernel: Kernel): Entries {
  return {
    block: directory(() => devices(kernel).blocks),
    bus: fixed({}),
    class: directory(() => devices(kernel).classes),
    dev: directory(() => ({ block: fixed(devices(kernel).numbers), char: fixed({}) })),
    devices: directory(() => ({
      system: directory(() => systemDevices(kernel)), virtual: directory(() => devices(kernel).virtual),
    })),
    firmware: fixed({}),
    fs: fixed({}),
    kernel: directory(kernelEntries),
    module: fixed({}),
    power: fixed({}),
  };
}

function kernelEntries(): Entries {
  const hugePages = attributes({
    free_hugepages: 0, nr_hugepages: 0, nr_hugepages_mempolicy: 0, nr_overcommit_hugepages: 0, resv_hugepages: 0,
    surplus_hugepages: 0,
  });
  return {
    ...attributes({ address_bits: 64, cpu_byteorder: 'little', fscaps: 1, profiling: 0, uevent_seqnum: 0 }),
    debug: fixed({}),
    mm: fixed({
      hugepages: fixed({ 'hugepages-2048kB': fixed(hugePages) }),
      transparent_hugepage: fixed({
        ...attributes({ hpage_pmd_size: 2 << 20, use_zero_page: 1 }),
        enabled: text('always [madvise] never\n'), defrag: text('always defer defer+madvise [madvise] never\n'),
        shmem_enabled: text('always within_size advise [never] deny force\n'),
      }),
    }),
    security: fixed({}),
    tracing: fixed({}),
  };
}
