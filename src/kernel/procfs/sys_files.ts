/** /proc/sys: what sysctl(8) shows (proc(5)). Settings may be changed; few have an effect. */
import { E } from '../../abi/errno.js';
import { native } from '../../host/native.js';
import { inotifyLimits } from '../../vfs/inotify.js';
import { nameRules } from '../../vfs/names.js';
import { aioLimits } from '../aio_limits.js';
import { MQ } from '../ipc/mqueue.js';
import { MSGMAX, MSGMNB, MSGMNI } from '../ipc/msg.js';
import { SEMMNI, SEMMSL, SEMOPM } from '../ipc/sem.js';
import type { Kernel } from '../kernel.js';
import { ProcDirectory, ProcFile, type MakeNode } from './nodes.js';

const text = (make: () => string, mode = 0o444): MakeNode => (fs) => new ProcFile(fs, make, undefined, mode);
const directory = (entries: Record<string, MakeNode>): MakeNode => (fs) => new ProcDirectory(fs, entries);
const constant = (value: string | number): MakeNode => text(() => `${value}\n`);

/** A text that root may change. */
function setting(initial: string): MakeNode {
  let value = initial;
  return (fs) => new ProcFile(fs, () => `${value}\n`, undefined, 0o644, (written) => {
    value = written.trim();
    return 0;
  });
}

/** A whole number from `min` to `max` that root may change: -EINVAL for all else. */
function number(initial: number, min = 0, max = 0x7fff_ffff): MakeNode {
  let value = initial;
  return (fs) => new ProcFile(fs, () => `${value}\n`, undefined, 0o644, (written) => {
    const word = written.trim();
    const wanted = Number(word);
    if (!/^-?[0-9]+$/.test(word) || wanted < min || wanted > max) return -E.INVAL;
    value = wanted;
    return 0;
  });
}

/** As `number`, for one that the kernel goes by. */
function limit<Name extends string>(of: Record<Name, number>, name: Name, min = 0, max = 0x7fff_ffff): MakeNode {
  return (fs) => new ProcFile(fs, () => `${of[name]}\n`, undefined, 0o644, (written) => {
    const word = written.trim();
    const wanted = Number(word);
    if (!/^-?[0-9]+$/.test(word) || wanted < min || wanted > max) return -E.INVAL;
    of[name] = wanted;
    return 0;
  });
}

const onOff = (initial: number): MakeNode => number(initial, 0, 1);

export function sysDirectory(kernel: Kernel, release: string, version: string): MakeNode {
  return directory({
    abi: directory({ vsyscall32: onOff(1) }),
    debug: directory({ 'exception-trace': onOff(1) }),
    dev: directory({ tty: directory({ ldisc_autoload: onOff(1), legacy_tiocsti: onOff(1) }) }),
    fs: fsDirectory(),
    kernel: kernelDirectory(kernel, release, version),
    net: netSettings(),
    user: directory(Object.fromEntries(['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'].map((kind) =>
      [`max_${kind}_namespaces`, number(kind === 'mnt' ? 15000 : 0)]))),
    vm: vmDirectory(),
  });
}

function fsDirectory(): MakeNode {
  return directory({
    'aio-max-nr': limit(aioLimits, 'max'), 'aio-nr': text(() => `${aioLimits.used}\n`), 'dentry-state': constant('0\t0\t45\t0\t0\t0'),
    epoll: directory({ max_user_watches: number(1048576) }), 'file-max': number(1048576),
    'file-nr': text(() => '1024\t0\t1048576\n'), 'inode-nr': constant('0\t0'), 'inode-state': constant('0\t0\t0\t0\t0\t0\t0'),
    inotify: directory({
      max_queued_events: limit(inotifyLimits, 'queuedEvents'), max_user_instances: limit(inotifyLimits, 'instances'),
      max_user_watches: limit(inotifyLimits, 'watches'),
    }),
    'lease-break-time': number(45), 'leases-enable': onOff(1), 'mount-max': number(100000),
    mqueue: directory({
      msg_default: number(MQ.MSG_DEFAULT), msg_max: number(MQ.MSG_MAX), msgsize_default: number(MQ.MSGSIZE_DEFAULT),
      msgsize_max: number(MQ.MSGSIZE_MAX), queues_max: number(MQ.QUEUES_MAX),
    }),
    nr_open: number(1048576, 64), overflowgid: number(65534, 0, 65535), overflowuid: number(65534, 0, 65535),
    'pipe-max-size': number(1048576, 4096), 'pipe-user-pages-hard': number(0), 'pipe-user-pages-soft': number(16384),
    protected_fifos: number(0, 0, 2), protected_hardlinks: limit(nameRules, 'protectedHardlinks', 0, 1), protected_regular: number(0, 0, 2),
    protected_symlinks: onOff(0), suid_dumpable: number(0, 0, 2),
  });
}

const SECCOMP_LOGGED = 'kill_process kill_thread trap errno trace log';
const SECCOMP_ACTIONS = `${SECCOMP_LOGGED} allow`;

function kernelDirectory(kernel: Kernel, release: string, version: string): MakeNode {
  const named = (get: () => string, set: (name: string) => void): MakeNode => (fs) =>
    new ProcFile(fs, () => `${get()}\n`, undefined, 0o644, (written) => {
      if (written.trim().length > 64) return -E.INVAL;
      set(written.trim());
      return 0;
    });
  return directory({
    arch: constant('x86_64'), cap_last_cap: constant(40), core_pattern: setting('core'), core_pipe_limit: number(0),
    core_uses_pid: onOff(0), 'ctrl-alt-del': onOff(0), dmesg_restrict: onOff(0),
    domainname: named(() => kernel.domainname, (name) => {
      kernel.domainname = name;
    }),
    hostname: named(() => kernel.hostname, (name) => {
      kernel.hostname = name;
    }),
    io_uring_disabled: constant(2), kptr_restrict: number(0, 0, 2), msgmax: number(MSGMAX), msgmnb: number(MSGMNB),
    msgmni: number(MSGMNI), ngroups_max: constant(65536), ns_last_pid: text(() => `${kernel.lastPid}\n`),
    osrelease: constant(release), ostype: constant('Linux'), overflowgid: number(65534, 0, 65535),
    overflowuid: number(65534, 0, 65535), panic: number(0, -0x8000_0000), panic_on_oops: onOff(0),
    perf_event_paranoid: number(4, -1), pid_max: number(4194304, 301, 4194304), printk: setting('4\t4\t1\t7'),
    pty: directory({ max: number(4096), nr: text(() => `${kernel.pseudoTerminals}\n`), reserve: number(1024) }),
    random: directory({
      boot_id: constant(uuid()), entropy_avail: constant(256), poolsize: constant(256), urandom_min_reseed_secs: number(60),
      uuid: text(() => `${uuid()}\n`), write_wakeup_threshold: number(256),
    }),
    randomize_va_space: number(2, 0, 2), sched_autogroup_enabled: onOff(0), sched_rr_timeslice_ms: constant(4),
    sched_rt_period_us: number(1000000, 1), sched_rt_runtime_us: number(950000, -1),
    seccomp: directory({ actions_avail: constant(SECCOMP_ACTIONS), actions_logged: setting(SECCOMP_LOGGED) }),
    sem: setting(`${SEMMSL}\t${SEMMSL * SEMMNI}\t${SEMOPM}\t${SEMMNI}`), shm_rmid_forced: onOff(0),
    shmall: setting('18446744073692774399'), shmmax: setting('18446744073692774399'), shmmni: number(4096),
    sysrq: number(0), tainted: constant(0), 'threads-max': number(kernel.maxTasks), unprivileged_bpf_disabled: constant(2),
    version: constant(version), yama: directory({ ptrace_scope: number(1, 0, 3) }),
  });
}

function netSettings(): MakeNode {
  const conf = directory(Object.fromEntries(['all', 'default', 'lo'].map((name) =>
    [name, directory({ forwarding: onOff(0), rp_filter: number(0, 0, 2), accept_redirects: onOff(0) })])));
  return directory({
    core: directory({
      netdev_max_backlog: number(1000), optmem_max: number(131072), rmem_default: number(212992),
      rmem_max: number(212992), somaxconn: number(4096), wmem_default: number(212992), wmem_max: number(212992),
    }),
    ipv4: directory({
      conf, ip_forward: onOff(0), ip_local_port_range: setting('32768\t60999'), ip_unprivileged_port_start: constant(1024),
      ping_group_range: setting('1\t0'), tcp_congestion_control: setting('cubic'), tcp_fin_timeout: number(60),
      tcp_keepalive_intvl: number(75), tcp_keepalive_probes: number(9), tcp_keepalive_time: number(7200),
      tcp_max_syn_backlog: number(1024), tcp_rmem: setting('4096\t131072\t6291456'), tcp_syncookies: number(1, 0, 2),
      tcp_timestamps: number(1, 0, 2), tcp_wmem: setting('4096\t16384\t4194304'), tcp_tw_reuse: number(2, 0, 2),
    }),
    ipv6: directory({ bindv6only: constant(0), conf: directory(Object.fromEntries(['all', 'default', 'lo'].map((name) =>
      [name, directory({ disable_ipv6: constant(0), forwarding: onOff(0) })]))) }),
    unix: directory({ max_dgram_qlen: number(512) }),
  });
}

function vmDirectory(): MakeNode {
  return directory({
    admin_reserve_kbytes: number(8192), compact_memory: number(0), dirty_background_bytes: number(0),
    dirty_background_ratio: number(10, 0, 100), dirty_bytes: number(0), dirty_expire_centisecs: number(3000),
    dirty_ratio: number(20, 0, 100), dirty_writeback_centisecs: number(500), drop_caches: number(0, 0, 4),
    laptop_mode: number(0), legacy_va_layout: onOff(0), max_map_count: number(65530), memfd_noexec: number(0, 0, 2),
    min_free_kbytes: number(67584), mmap_min_addr: number(65536), mmap_rnd_bits: number(28, 28, 32),
    nr_hugepages: constant(0), nr_overcommit_hugepages: constant(0), oom_dump_tasks: onOff(1),
    oom_kill_allocating_task: onOff(0), overcommit_kbytes: number(0), overcommit_memory: number(0, 0, 2),
    overcommit_ratio: number(50), 'page-cluster': number(3), panic_on_oom: number(0, 0, 2), stat_interval: number(1),
    swappiness: number(60, 0, 200), unprivileged_userfaultfd: onOff(0), user_reserve_kbytes: number(131072),
    vfs_cache_pressure: number(100), zone_reclaim_mode: number(0),
  });
}

function uuid(): string {
  const bytes = Buffer.alloc(16);
  native.getrandom(bytes, 0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
