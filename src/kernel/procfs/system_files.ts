/** The files of /proc that are about the system (proc(5)). */
import { USER_HZ } from '../../abi/time.js';
import { native } from '../../host/native.js';
import { fileSystemTypes } from '../../vfs/fs/types.js';
import { devMajor, devMinor } from '../../vfs/inode.js';
import type { Kernel } from '../kernel.js';
import { TaskState } from '../task.js';
import { ProcDirectory, ProcFile, type MakeNode } from './nodes.js';
import { sysDirectory } from './sys_files.js';
import { msgText, semText, shmText } from './sysvipc_files.js';

const PAGE_KB = 4;

/** What the guest's CPU has, in the words of Linux's /proc/cpuinfo; x86-64-v3. */
const CPU_FLAGS = 'fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ht ' +
  'syscall nx pdpe1gb rdtscp lm constant_tsc rep_good nopl cpuid pni pclmulqdq ssse3 fma cx16 pcid sse4_1 sse4_2 movbe ' +
  'popcnt aes xsave avx f16c rdrand lahf_lm abm fsgsbase bmi1 avx2 bmi2 erms rdseed adx sha_ni';

/** Entries of /proc that are no process. */
export function systemEntries(kernel: Kernel, release: string, version: string): Record<string, MakeNode> {
  const text = (make: () => string, mode = 0o444): MakeNode => (fs) => new ProcFile(fs, make, undefined, mode);
  const directory = (entries: Record<string, MakeNode>): MakeNode => (fs) => new ProcDirectory(fs, entries);
  const constant = (value: string | number): MakeNode => text(() => `${value}\n`);
  return {
    buddyinfo: text(() => `Node 0, zone   Normal${'      0'.repeat(11)} \n`),
    cgroups: text(() => '#subsys_name\thierarchy\tnum_cgroups\tenabled\n'),
    cmdline: constant('posixx'),
    consoles: text(() => 'tty0                 -W- (EC  p  )    5:1\n'),
    cpuinfo: text(cpuinfoText),
    devices: text(() =>
      'Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n\n' +
      'Block devices:\n  7 loop\n240 virtblk\n'),
    diskstats: text(() => diskstatsText(kernel)),
    execdomains: text(() => '0-0\tLinux           \t[kernel]\n'),
    filesystems: text(() => fileSystemTypes.map((type) => `${type.onDevice ? '' : 'nodev'}\t${type.name}\n`).join('')),
    interrupts: text(() => `${cpuColumns()}\n`),
    iomem: text(() => ''),
    ioports: text(() => ''),
    loadavg: text(() => loadavgText(kernel)),
    meminfo: text(() => meminfoText(kernel)),
    misc: text(() => ''),
    modules: text(() => ''),
    partitions: text(() => partitionsText(kernel)),
    pressure: directory({ cpu: text(() => PRESSURE), io: text(() => PRESSURE), memory: text(() => PRESSURE) }),
    schedstat: text(() => `version 17\ntimestamp ${Math.floor(native.monotonicNow() / 1e7)}\n`),
    slabinfo: text(() => SLABINFO, 0o400),
    softirqs: text(() => `${cpuColumns().padStart(20)}\n`),
    stat: text(() => statText(kernel)),
    swaps: text(() => 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'),
    sys: sysDirectory(kernel, release, version),
    sysvipc: directory({
      msg: text(() => msgText(kernel)), sem: text(() => semText(kernel)), shm: text(() => shmText(kernel)),
    }),
    tty: directory({ drivers: text(() => TTY_DRIVERS), ldiscs: text(() => 'n_tty       0\n') }),
    uptime: text(() => {
      // What the reader itself has used counts, or else idle time would go back.
      kernel.chargeTime();
      const up = kernel.currentSince - kernel.bootTime;
      const idle = Math.max(0, up * native.cpuCount() - kernel.busyTime);
      return `${(up / 1e9).toFixed(2)} ${(idle / 1e9).toFixed(2)}\n`;
    }),
    version: text(() => `Linux version ${release} (posixx) ${version}\n`),
    vmstat: text(() => vmstatText(kernel)),
    zoneinfo: text(() => zoneinfoText(kernel)),
  };
}

function partitionsText(kernel: Kernel): string {
  let text = 'major minor  #blocks  name\n\n';
  for (const { rdev, device, name } of kernel.vfs.disks.values()) {
    if (device === null || device.size === 0) continue;
    const numbers = [devMajor(rdev), devMinor(rdev), Math.floor(device.size / 1024)];
    text += `${String(numbers[0]).padStart(4)} ${String(numbers[1]).padStart(8)} ${String(numbers[2]).padStart(10)} ${name}\n`;
  }
  return text;
}

function cpuinfoText(): string {
  const count = native.cpuCount();
  return Array.from({ length: count }, (_, cpu) => [
    `processor\t: ${cpu}`, 'vendor_id\t: GenuineIntel', 'cpu family\t: 6', 'model\t\t: 60',
    'model name\t: posixx x86-64-v3',
    'stepping\t: 3', 'microcode\t: 0x1', 'cpu MHz\t\t: 2000.000', 'cache size\t: 8192 KB', 'physical id\t: 0',
    `siblings\t: ${count}`,
    `core id\t\t: ${cpu}`, `cpu cores\t: ${count}`, `apicid\t\t: ${cpu}`, `initial apicid\t: ${cpu}`, 'fpu\t\t: yes',
    'fpu_exception\t: yes', 'cpuid level\t: 13', 'wp\t\t: yes', `flags\t\t: ${CPU_FLAGS}`, 'bugs\t\t:',
    'bogomips\t: 4000.00',
    'clflush size\t: 64', 'cache_alignment\t: 64', 'address sizes\t: 46 bits physical, 48 bits virtual',
    'power management:', '', '',
  ].join('\n')).join('');
}

function hostInfo(): Float64Array {
  const info = new Float64Array(13);
  native.sysinfo(info);
  return info;
}

function loadavgText(kernel: Kernel): string {
  const info = hostInfo();
  const load = [1, 2, 3].map((at) => (info[at]! / 65536).toFixed(2)).join(' ');
  let running = 0, last = 0;
  for (const task of kernel.tasks.values()) {
    if (task.state === TaskState.Running || task.state === TaskState.Runnable) running++;
    last = Math.max(last, task.tid);
  }
  return `${load} ${running}/${kernel.tasks.size} ${last}\n`;
}

function meminfoText(kernel: Kernel): string {
  const info = hostInfo();
  const unit = info[12]! / 1024;
  const { limit, used } = kernel.memory;
  const total = Math.floor(Math.min(info[4]! * unit, limit / 1024));
  const free = Math.floor(Math.min(info[5]! * unit, (limit - used) / 1024));
  const buffers = Math.max(0, Math.floor(Math.min(info[7]! * unit, total - free)));
  const line = (name: string, kb: number): string => `${(name + ':').padEnd(16)}${String(kb).padStart(8)} kB\n`;
  const rows: readonly (readonly [string, number])[] = [
    ['MemTotal', total], ['MemFree', free], ['MemAvailable', free], ['Buffers', buffers], ['Cached', 0], ['SwapCached', 0],
    ['Active', 0], ['Inactive', 0], ['SwapTotal', 0], ['SwapFree', 0], ['Dirty', 0], ['Writeback', 0],
    ['AnonPages', Math.floor(used / 1024)], ['Mapped', 0], ['Shmem', 0], ['Slab', 0], ['PageTables', PAGE_KB],
    ['CommitLimit', total], ['Committed_AS', Math.floor(used / 1024)], ['VmallocTotal', 34359738367], ['VmallocUsed', 0],
    ['Hugepagesize', 2048],
  ];
  return rows.map(([name, kb]) => line(name, kb)).join('');
}

const wall = new Float64Array(2);

function statText(kernel: Kernel): string {
  const count = native.cpuCount();
  kernel.chargeTime();
  const ticks = Math.floor((kernel.currentSince - kernel.bootTime) / (1e9 / USER_HZ));
  native.clockGettime(0, wall);
  const booted = Math.floor(wall[0]! - (native.monotonicNow() - kernel.bootTime) / 1e9);
  const busy = Math.floor(kernel.busyTime / (1e9 / USER_HZ));
  const cpu = (name: string, used: number, total: number): string =>
    `${name} ${used} 0 0 ${Math.max(0, total - used)} 0 0 0 0 0 0\n`;
  // All guests share what is shown as the first CPU.
  let text = cpu('cpu ', busy, ticks * count);
  for (let at = 0; at < count; at++) text += cpu(`cpu${at}`, at === 0 ? busy : 0, ticks);
  let running = 0, switches = 0;
  for (const task of kernel.tasks.values()) {
    if (task.state === TaskState.Running || task.state === TaskState.Runnable) running++;
    switches += task.voluntarySwitches + task.involuntarySwitches;
  }
  return `${text}intr 0\nctxt ${switches}\nbtime ${booted}\nprocesses ${kernel.started}\nprocs_running ${running}\n` +
    'procs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n';
}

/** The head of a table with a column for each CPU. */
function cpuColumns(): string {
  return Array.from({ length: native.cpuCount() }, (_, cpu) => `CPU${cpu}`.padStart(11)).join('');
}

const PRESSURE = 'some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n';
const SLABINFO = 'slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : ' +
  'tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n';
const TTY_DRIVERS = `/dev/tty             /dev/tty        5       0 system:/dev/tty
/dev/console         /dev/console    5       1 system:console
/dev/ptmx            /dev/ptmx       5       2 system
pty_slave            /dev/pts      136 0-1048575 pty:slave
`;

/** The disks, none of whose requests are counted. */
function diskstatsText(kernel: Kernel): string {
  let text = '';
  for (const { rdev, name } of kernel.vfs.disks.values()) {
    text += `${String(devMajor(rdev)).padStart(4)} ${String(devMinor(rdev)).padStart(7)} ${name}${' 0'.repeat(17)}\n`;
  }
  return text;
}

/** Pages of 4 KiB: how many there are for guests, and how many of these are free. */
function pagesOf(kernel: Kernel): { total: number; free: number } {
  const info = hostInfo();
  const { limit, used } = kernel.memory;
  const total = Math.min(info[4]! * info[12]!, limit), free = Math.min(info[5]! * info[12]!, limit - used);
  return { total: Math.floor(total / 4096), free: Math.floor(free / 4096) };
}

const VMSTAT_ZEROS = ['nr_dirty', 'nr_writeback', 'pgpgin', 'pgpgout', 'pswpin', 'pswpout', 'pgfault', 'pgmajfault',
  'oom_kill'];

function vmstatText(kernel: Kernel): string {
  const anonymous = Math.floor(kernel.memory.used / 4096);
  return `nr_free_pages ${pagesOf(kernel).free}\nnr_anon_pages ${anonymous}\nnr_mapped 0\nnr_file_pages 0\n` +
    VMSTAT_ZEROS.map((name) => `${name} 0\n`).join('');
}

function zoneinfoText(kernel: Kernel): string {
  const { total, free } = pagesOf(kernel);
  return `Node 0, zone   Normal\n  pages free     ${free}\n        min      0\n        low      0\n        high     0\n` +
    `        spanned  ${total}\n        present  ${total}\n        managed  ${total}\n`;
}
