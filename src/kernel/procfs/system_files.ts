/** The files of /proc that are about the system (proc(5)). */
import { E } from '../../abi/errno.js';
import { USER_HZ } from '../../abi/time.js';
import { native } from '../../host/native.js';
import { fileSystemTypes } from '../../vfs/fs/types.js';
import { devMajor, devMinor } from '../../vfs/inode.js';
import type { Kernel } from '../kernel.js';
import { TaskState } from '../task.js';
import { ProcDirectory, ProcFile, type MakeNode } from './nodes.js';

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
  /** A setting that root may change; nothing follows from most of them. */
  const setting = (initial: string | number): MakeNode => {
    let value = String(initial);
    return (fs) => new ProcFile(fs, () => `${value}\n`, undefined, 0o644, (written) => {
      value = written.trim();
      return 0;
    });
  };
  return {
    cmdline: constant('posixx'),
    cpuinfo: text(cpuinfoText),
    devices: text(() =>
      'Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n136 pts\n\n' +
      'Block devices:\n  7 loop\n240 virtblk\n'),
    filesystems: text(() => fileSystemTypes.map((type) => `${type.onDevice ? '' : 'nodev'}\t${type.name}\n`).join('')),
    loadavg: text(() => loadavgText(kernel)),
    meminfo: text(() => meminfoText(kernel)),
    partitions: text(() => partitionsText(kernel)),
    stat: text(() => statText(kernel)),
    swaps: text(() => 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'),
    sys: directory({
      fs: directory({
        'file-max': constant(1048576), 'nr_open': constant(1048576), 'pipe-max-size': setting(1048576),
        'file-nr': text(() => '1024\t0\t1048576\n'),
      }),
      kernel: directory({
        cap_last_cap: constant(40),
        core_pattern: setting('core'),
        domainname: (fs) => new ProcFile(fs, () => `${kernel.domainname}\n`, undefined, 0o644, (name) => {
          kernel.domainname = name.trim();
          return 0;
        }),
        hostname: (fs) => new ProcFile(fs, () => `${kernel.hostname}\n`, undefined, 0o644, (name) => {
          if (name.trim().length > 64) return -E.INVAL;
          kernel.hostname = name.trim();
          return 0;
        }),
        ngroups_max: constant(65536), osrelease: constant(release), ostype: constant('Linux'),
        overflowgid: constant(65534),
        overflowuid: constant(65534), pid_max: setting(4194304), randomize_va_space: setting(2),
        sched_rr_timeslice_ms: constant(4),
        'threads-max': setting(kernel.maxTasks), version: constant(version),
        yama: directory({ ptrace_scope: constant(1) }),
        random: directory({
          boot_id: constant(uuid()), uuid: text(() => `${uuid()}\n`), entropy_avail: constant(256),
          poolsize: constant(256),
        }),
      }),
      vm: directory({ max_map_count: setting(65530), mmap_min_addr: constant(65536), overcommit_memory: setting(0),
        swappiness: setting(60) }),
      net: directory({ core: directory({ somaxconn: setting(4096) }),
        ipv4: directory({ ip_local_port_range: setting('32768\t60999') }) }),
    }),
    uptime: text(() => {
      const seconds = ((native.monotonicNow() - kernel.bootTime) / 1e9).toFixed(2);
      return `${seconds} ${seconds}\n`;
    }),
    version: text(() => `Linux version ${release} (posixx) ${version}\n`),
    vmstat: text(() => 'nr_free_pages 0\npgfault 0\npgmajfault 0\n'),
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

function uuid(): string {
  const bytes = Buffer.alloc(16);
  native.getrandom(bytes, 0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function cpuinfoText(): string {
  const count = native.cpuCount();
  return Array.from({ length: count }, (_, cpu) => [
    `processor\t: ${cpu}`, 'vendor_id\t: GenuineIntel', 'cpu family\t: 6', 'model\t\t: 60',
    'model name\t: posixx x86-64-v3',
    'stepping\t: 1', 'microcode\t: 0x1', 'cpu MHz\t\t: 2000.000', 'cache size\t: 8192 KB', 'physical id\t: 0',
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
  const ticks = Math.floor((native.monotonicNow() - kernel.bootTime) / (1e9 / USER_HZ));
  native.clockGettime(0, wall);
  const booted = Math.floor(wall[0]! - (native.monotonicNow() - kernel.bootTime) / 1e9);
  const cpu = (name: string, total: number): string => `${name} ${total} 0 0 0 0 0 0 0 0 0\n`;
  let text = cpu('cpu ', ticks);
  for (let at = 0; at < count; at++) text += cpu(`cpu${at}`, at === 0 ? ticks : 0);
  return `${text}intr 0\nctxt 0\nbtime ${booted}\nprocesses ${kernel.tasks.size}\nprocs_running 1\nprocs_blocked 0\nsoftirq 0\n`;
}
