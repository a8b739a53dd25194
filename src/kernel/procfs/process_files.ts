/** The files of /proc/PID and /proc/PID/task/TID (proc(5)). */
import { E } from '../../abi/errno.js';
import { O, S } from '../../abi/fcntl.js';
import { RLIMIT } from '../../abi/resource.js';
import { USER_HZ } from '../../abi/time.js';
import { Gpr } from '../../host/cpu_block.js';
import { native } from '../../host/native.js';
import { devMajor, devMinor, Inode, Stat, type FileSystem, type DirSink } from '../../vfs/inode.js';
import type { Location } from '../../vfs/mount.js';
import type { OpenFile } from '../../vfs/open_file.js';
import { shownPath } from '../../vfs/path_walk.js';
import type { FileCredentials } from '../../vfs/credentials.js';
import { DirectoryFile } from '../../vfs/directory_file.js';
import { VmFlag } from '../../mm/vma.js';
import { processUsage, settledTime } from '../clock.js';
import { placeOfFile } from '../nameless.js';
import { namespacePlace, namespaceText } from '../namespace_file.js';
import { ProcessState, type Process } from '../process.js';
import { TaskState, type Task } from '../task.js';
import { describeFile } from './fdinfo.js';
import { MemNode } from './mem_file.js';
import { MapFilesDirectory, mapsText, numaMapsText, smapsRollupText, smapsText } from './memory_files.js';
import { mountFile, mountinfoText, mountstatsText, mountsText } from './mount_files.js';
import { netDirectory } from './net_files.js';
import { schedstatText, schedText, syscallText, timersText } from './task_state_files.js';
import { ProcDirectory, ProcFile, ProcInode, ProcLink, type MakeNode, type Owner } from './nodes.js';

const PAGE = 4096;
const NS_PER_TICK = 1e9 / USER_HZ;

/** The directory of a task; `process` directories also have `task`. Answers -ESRCH or nothing once the task is gone. */
export function taskDirectory(fs: FileSystem, task: Task, withThreads: boolean): ProcDirectory {
  const owner: Owner = {
    get uid() { return task.cred.euid; },
    get gid() { return task.cred.egid; },
  };
  const alive = (): boolean => task.state !== TaskState.Zombie;
  const text = (make: () => string, mode = 0o444): MakeNode => (in_) =>
    new ProcFile(in_, () => (task.process.state === ProcessState.Reaped ? -E.SRCH : make()), owner, mode);
  const ofMounts = (make: () => string) => () => (alive() ? make() : -E.INVAL);
  const ofSpace = (make: () => string, mode = 0o444): MakeNode => text(() => (alive() ? make() : ''), mode);
  const link = (target: () => string | number, place: () => Location | number): MakeNode => (in_) =>
    new ProcLink(in_, target, owner, place);
  const shown = (place: Location | null): string | number => (place ? shownPath(viewer(task).fs.root, place) : -E.NOENT);
  const executable = (): Location | null => (alive() ? task.process.executable?.location ?? null : null);

  const entries: Record<string, MakeNode> = {
    auxv: ofSpace(() => Buffer.from(task.mm.auxv).toString('latin1'), 0o400),
    autogroup: text(() => '/autogroup-1 nice 0\n'),
    cgroup: text(() => '0::/\n'),
    clear_refs: (in_) => new ProcFile(in_, () => -E.INVAL, owner, 0o200, () => 0),
    cmdline: ofSpace(() => guestBytes(task, task.mm.argStart, task.mm.argEnd)),
    comm: (in_) => new ProcFile(in_, () => task.name + '\n', owner, 0o644, (name) => {
      task.name = name.replace(/\n.*/s, '').slice(0, 15);
      return 0;
    }),
    coredump_filter: stored(owner, '00000033'),
    cpuset: text(() => '/\n'),
    cwd: link(() => shown(alive() ? task.fs.cwd : null), () => (alive() ? task.fs.cwd : -E.NOENT)),
    environ: ofSpace(() => guestBytes(task, task.mm.envStart, task.mm.envEnd), 0o400),
    exe: link(() => shown(executable()), () => executable() ?? -E.NOENT),
    fd: (in_) => new FdDirectory(in_, task, owner, true),
    fdinfo: (in_) => new FdDirectory(in_, task, owner, false),
    gid_map: text(() => ID_MAP, 0o644),
    io: text(() => IO_COUNTS.map((name) => `${name}: 0\n`).join(''), 0o400),
    limits: text(() => limitsText(task.process)),
    loginuid: text(() => '4294967295'),
    maps: ofSpace(() => mapsText(task)),
    mountinfo: mountFile(task, ofMounts(() => mountinfoText(task)), owner),
    mounts: mountFile(task, ofMounts(() => mountsText(task)), owner),
    net: netDirectory(task.kernel),
    ns: (in_) => new ProcDirectory(in_, namespaces(task, owner), owner, 0o511),
    numa_maps: ofSpace(() => numaMapsText(task)),
    oom_adj: text(() => `${Math.trunc(task.process.oomScoreAdj * 17 / 1000)}\n`),
    oom_score: text(() => '0\n'),
    oom_score_adj: (in_) => new ProcFile(in_, () => `${task.process.oomScoreAdj}\n`, owner, 0o644, (value) => {
      const number = Number(value.trim());
      if (!Number.isInteger(number) || number < -1000 || number > 1000) return -E.INVAL;
      task.process.oomScoreAdj = number;
      return 0;
    }),
    personality: text(() => task.process.personality.toString(16).padStart(8, '0') + '\n', 0o400),
    projid_map: text(() => ID_MAP, 0o644),
    root: link(() => shown(alive() ? task.fs.root : null), () => (alive() ? task.fs.root : -E.NOENT)),
    sched: text(() => schedText(task)),
    schedstat: text(() => schedstatText(task)),
    sessionid: text(() => '4294967295'),
    setgroups: text(() => 'allow\n', 0o644),
    mem: (in_) => new MemNode(in_, task, owner),
    smaps: ofSpace(() => smapsText(task)),
    smaps_rollup: ofSpace(() => smapsRollupText(task)),
    stack: text(() => '', 0o400),
    stat: text(() => statText(task, withThreads)),
    statm: text(() => statmText(task)),
    status: text(() => statusText(task)),
    syscall: text(() => syscallText(task), 0o400),
    timerslack_ns: text(() => `${task.process.timerSlack}\n`, 0o666),
    uid_map: text(() => ID_MAP, 0o644),
    wchan: text(() => '0'),
  };
  if (withThreads) {
    entries['map_files'] = (in_) => new MapFilesDirectory(in_, task, owner);
    entries['mountstats'] = text(() => mountstatsText(task), 0o400);
    entries['task'] = (in_) => new ThreadsDirectory(in_, task.process, owner);
    entries['timers'] = text(() => timersText(task.process));
  } else {
    entries['children'] = text(() => [...task.process.children].map((child) => `${child.pid} `).join(''));
  }
  return new ProcDirectory(fs, entries, owner);
}

const IO_COUNTS = ['rchar', 'wchar', 'syscr', 'syscw', 'read_bytes', 'write_bytes', 'cancelled_write_bytes'];

/** All ids are themselves: there is one namespace of users. */
const ID_MAP = `${'0'.padStart(10)} ${'0'.padStart(10)} 4294967295\n`;

/** A number that may be set, and has no effect. */
function stored(owner: Owner, initial: string): MakeNode {
  let value = initial;
  return (fs) => new ProcFile(fs, () => `${value}\n`, owner, 0o644, (written) => {
    const number = Number(written.trim());
    if (written.trim() === '' || !Number.isInteger(number) || number < 0) return -E.INVAL;
    value = number.toString(16).padStart(8, '0');
    return 0;
  });
}

/** Links of /proc/PID/ns, and the kind of each. */
const NAMESPACES: Readonly<Record<string, string>> = {
  cgroup: 'cgroup', ipc: 'ipc', mnt: 'mnt', net: 'net', pid: 'pid', pid_for_children: 'pid', time: 'time',
  time_for_children: 'time', user: 'user', uts: 'uts',
};

function namespaces(task: Task, owner: Owner): Record<string, MakeNode> {
  const { kernel } = task;
  const gone = (): boolean => task.state === TaskState.Zombie;
  return Object.fromEntries(Object.entries(NAMESPACES).map(([name, kind]) => [name, (fs: FileSystem) => new ProcLink(fs,
    () => (gone() ? -E.NOENT : namespaceText(kernel, kind, task.fs.namespace)), owner,
    () => (gone() ? -E.NOENT : namespacePlace(kernel, kind, task.fs.namespace)))]));
}

/** Paths in links are seen from the root of whoever looks. */
function viewer(task: Task): Task {
  return task.kernel.current ?? task;
}

function guestBytes(task: Task, start: number, end: number): string {
  return end > start && task.mm.readable(start, end - start) ? task.mm.latin1(start, end) : '';
}

/** /proc/PID/task: one directory a thread. */
class ThreadsDirectory extends ProcInode {
  private readonly nodes = new WeakMap<Task, Inode>();

  constructor(fs: FileSystem, private readonly process: Process, owner: Owner) {
    super(fs, S.IFDIR | 0o555, owner);
  }

  override lookup(name: string): Inode | number {
    const task = this.process.tasks.find((member) => String(member.tid) === name);
    if (!task) return -E.NOENT;
    let node = this.nodes.get(task);
    if (!node) this.nodes.set(task, node = taskDirectory(this.fs, task, false));
    return node;
  }
  override readdir(position: number, sink: DirSink): number {
    this.process.tasks.slice(position).every((task, index) =>
      sink.entry(String(task.tid), task.tid, S.IFDIR, position + index + 1));
    return 0;
  }
  override open(flags: number, location: Location): OpenFile {
    return new DirectoryFile(flags, location);
  }
}

class FdLink extends ProcLink {
  override get ephemeral(): boolean {
    return true;
  }
}

class FdInfo extends ProcFile {
  override get ephemeral(): boolean {
    return true;
  }
}

/** /proc/PID/fd and fdinfo. */
class FdDirectory extends ProcInode {
  constructor(
    fs: FileSystem, private readonly task: Task, private readonly ownedBy: Owner, private readonly links: boolean,
  ) {
    super(fs, S.IFDIR | (links ? 0o500 : 0o555), ownedBy);
  }

  /** A process may look at its own descriptors, whoever it is now (proc_fd_permission in Linux). */
  override permission(cred: FileCredentials, mask: number): number {
    return this.task.process.tasks.some((task) => task.cred === cred) ? 0 : super.permission(cred, mask);
  }

  override lookup(name: string): Inode | number {
    const fd = /^(0|[1-9][0-9]*)$/.test(name) ? Number(name) : -1;
    const file = this.file(fd);
    if (!file) return -E.NOENT;
    if (!this.links) return new FdInfo(this.fs, () => this.info(fd), this.ownedBy, 0o400);
    const mode = (file.canRead ? 0o500 : 0) | (file.canWrite ? 0o300 : 0);
    return new FdLink(this.fs, () => {
      const open = this.file(fd);
      if (!open) return -E.NOENT;
      if (open.label !== '') return open.label;
      return open.location ? shownPath(viewer(this.task).fs.root, open.location) : -E.NOENT;
    }, this.ownedBy, () => {
      const open = this.file(fd);
      return open ? placeOfFile(open) : -E.NOENT;
    }, mode);
  }
  override readdir(position: number, sink: DirSink): number {
    if (this.task.state === TaskState.Zombie) return 0;
    const { files } = this.task;
    for (let fd = position; fd < files.end; fd++) {
      if (files.get(fd) && !sink.entry(String(fd), fd + 1, this.links ? S.IFLNK : S.IFREG, fd + 1)) break;
    }
    return 0;
  }
  override open(flags: number, location: Location): OpenFile {
    return new DirectoryFile(flags, location);
  }

  private file(fd: number): OpenFile | undefined {
    return this.task.state === TaskState.Zombie ? undefined : this.task.files.get(fd);
  }

  private info(fd: number): string | number {
    const file = this.file(fd);
    if (!file) return -E.NOENT;
    const flags = (file.flags & ~O.CLOEXEC) | (this.task.files.getCloexec(fd) ? O.CLOEXEC : 0);
    const position = file.seekable ? Math.max(0, file.seek(0, 1)) : 0;
    const stat = new Stat();
    const ino = file.stat(stat) === 0 ? stat.ino : 0;
    return `pos:\t${position}\nflags:\t0${flags.toString(8)}\n` +
      `mnt_id:\t${file.location?.mount.id ?? 0}\nino:\t${ino}\n` + describeFile(file);
  }
}

function stateLetter(task: Task): string {
  switch (task.state) {
    case TaskState.Zombie: return 'Z';
    case TaskState.Stopped: return 'T';
    case TaskState.Parked: return 'S';
    default: return 'R';
  }
}

/** Bytes mapped, and mapped privately and writable; a zombie has none. */
function sizes(task: Task): { total: number; data: number; stack: number; text: number } {
  if (task.state === TaskState.Zombie) return { total: 0, data: 0, stack: 0, text: 0 };
  const { mm } = task;
  let stack = 0;
  for (const area of mm.areas) if (area.flags & VmFlag.GrowsDown) stack += area.end - area.start;
  return { total: mm.areas.bytes, data: mm.dataBytes, stack, text: mm.endCode - mm.startCode };
}

function statText(task: Task, ofProcess: boolean): string {
  const { process, mm } = task;
  const zombie = task.state === TaskState.Zombie;
  const children = process.childUsage;
  const time = (ns: number): number => Math.floor(ns / NS_PER_TICK);
  const { userTime, systemTime } = ofProcess || zombie ? processUsage(process) : settledTime(task);
  const { total } = sizes(task);
  const { ignored, caught } = dispositions(process);
  const { terminal } = process.session;
  const fields = [
    task.tid, `(${task.name})`, stateLetter(task), process.parent?.pid ?? 0, process.group.pgid, process.session.sid,
    terminal ? encodeDevice(terminal.rdev) : 0, terminal?.foreground?.pgid ?? -1,
    4194304, 0, 0, 0, 0, time(userTime), time(systemTime), time(children.userTime), time(children.systemTime),
    task.realtimePriority > 0 ? -1 - task.realtimePriority : 20 + task.nice,
    task.nice, process.tasks.length, 0, time(process.startTime - task.kernel.bootTime), total,
    Math.floor(total / PAGE),
    '18446744073709551615', zombie ? 0 : mm.startCode, zombie ? 0 : mm.endCode, zombie ? 0 : mm.startStack,
    zombie ? 0 : task.cpu.get(Gpr.rsp), zombie ? 0 : task.cpu.rip, task.pending.low >>> 0, task.blockedLow >>> 0,
    ignored.low >>> 0, caught.low >>> 0, 0, 0, 0, process.exitSignal, 0, task.realtimePriority, task.policy, 0, 0, 0,
    zombie ? 0 : mm.endCode, zombie ? 0 : mm.brkStart, zombie ? 0 : mm.brkStart, zombie ? 0 : mm.argStart,
    zombie ? 0 : mm.argEnd, zombie ? 0 : mm.envStart, zombie ? 0 : mm.envEnd, process.exitStatus,
  ];
  return fields.join(' ') + '\n';
}

/** A device number in 32 bits (Linux new_encode_dev). */
function encodeDevice(rdev: number): number {
  const minor = devMinor(rdev);
  return (minor & 0xff) | (devMajor(rdev) << 8) | ((minor & ~0xff) << 12);
}

function statmText(task: Task): string {
  const { total, data, stack, text } = sizes(task);
  const pages = (bytes: number): number => Math.ceil(bytes / PAGE);
  return `${pages(total)} ${pages(total)} 0 ${pages(text)} 0 ${pages(data + stack)} 0\n`;
}

interface SignalWords {
  low: number;
  high: number;
}

/** Ignored and caught signals as sets. */
function dispositions(process: Process): { ignored: SignalWords; caught: SignalWords } {
  const ignored = { low: 0, high: 0 }, caught = { low: 0, high: 0 };
  for (let signal = 1; signal <= 64; signal++) {
    const { handler } = process.actions.get(signal);
    if (handler === 0) continue;
    const set = handler === 1 ? ignored : caught;
    if (signal <= 32) set.low |= 1 << (signal - 1);
    else set.high |= 1 << (signal - 33);
  }
  return { ignored, caught };
}

function hex64(words: SignalWords): string {
  return (words.high >>> 0).toString(16).padStart(8, '0') + (words.low >>> 0).toString(16).padStart(8, '0');
}

const STATE_NAMES: Record<string, string> = { R: 'R (running)', S: 'S (sleeping)', T: 'T (stopped)', Z: 'Z (zombie)' };

function statusText(task: Task): string {
  const { process, cred, pending } = task;
  const { ignored, caught } = dispositions(process);
  const { total, data, stack, text } = sizes(task);
  const kb = (bytes: number): string => `${String(Math.floor(bytes / 1024)).padStart(8)} kB`;
  const set = (low: number, high: number): string => hex64({ low, high });
  const lines = [
    `Name:\t${task.name.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
    `Umask:\t0${task.fs.umask.toString(8).padStart(3, '0')}`,
    `State:\t${STATE_NAMES[stateLetter(task)]}`, `Tgid:\t${process.pid}`, 'Ngid:\t0', `Pid:\t${task.tid}`,
    `PPid:\t${process.parent?.pid ?? 0}`, 'TracerPid:\t0',
    `Uid:\t${cred.uid}\t${cred.euid}\t${cred.suid}\t${cred.fsuid}`,
    `Gid:\t${cred.gid}\t${cred.egid}\t${cred.sgid}\t${cred.fsgid}`,
    `FDSize:\t${task.state === TaskState.Zombie ? 0 : Math.max(64, task.files.end)}`,
    `Groups:\t${cred.groups.join(' ')} `, `NStgid:\t${process.pid}`, `NSpid:\t${task.tid}`,
    `NSpgid:\t${process.group.pgid}`,
    `NSsid:\t${process.session.sid}`,
  ];
  if (task.state !== TaskState.Zombie) {
    lines.push(
      `VmPeak:\t${kb(total)}`, `VmSize:\t${kb(total)}`, `VmLck:\t${kb(task.mm.lockedBytes)}`, `VmPin:\t${kb(0)}`,
      `VmHWM:\t${kb(total)}`, `VmRSS:\t${kb(total)}`, `RssAnon:\t${kb(data)}`, `RssFile:\t${kb(total - data)}`,
      `RssShmem:\t${kb(0)}`, `VmData:\t${kb(data)}`, `VmStk:\t${kb(stack)}`,
      `VmExe:\t${kb(text)}`,
      `VmLib:\t${kb(0)}`, `VmPTE:\t${kb(0)}`, `VmSwap:\t${kb(0)}`, `HugetlbPages:\t${kb(0)}`, 'CoreDumping:\t0',
      `THP_enabled:\t${1 - process.hugePagesOff}`,
    );
  }
  lines.push(
    `Threads:\t${process.tasks.length}`,
    `SigQ:\t${pending.length + process.pending.length}/${process.limits.soft[RLIMIT.SIGPENDING]}`,
    `SigPnd:\t${hex64(pending)}`, `ShdPnd:\t${hex64(process.pending)}`,
    `SigBlk:\t${set(task.blockedLow, task.blockedHigh)}`,
    `SigIgn:\t${hex64(ignored)}`, `SigCgt:\t${hex64(caught)}`,
    `CapInh:\t${set(cred.inheritableLow, cred.inheritableHigh)}`,
    `CapPrm:\t${set(cred.permittedLow, cred.permittedHigh)}`, `CapEff:\t${set(cred.capabilities, cred.effectiveHigh)}`,
    `CapBnd:\t${set(cred.boundingLow, cred.boundingHigh)}`, `CapAmb:\t${set(cred.ambientLow, cred.ambientHigh)}`,
    `NoNewPrivs:\t${cred.noNewPrivs ? 1 : 0}`, `Seccomp:\t${task.seccomp?.mode ?? 0}`,
    `Seccomp_filters:\t${task.seccomp?.count ?? 0}`,
    ...allowedLines(task),
    `voluntary_ctxt_switches:\t${task.voluntarySwitches}`, `nonvoluntary_ctxt_switches:\t${task.involuntarySwitches}`,
  );
  return lines.join('\n') + '\n';
}

/** Cpus_allowed and Mems_allowed: masks, and lists of ranges. */
function allowedLines(task: Task): string[] {
  const count = native.cpuCount();
  const cpus = Array.from({ length: count }, (_, cpu) => cpu)
    .filter((cpu) => !task.affinity || task.affinity[cpu >> 3]! & (1 << (cpu & 7)));
  const words = Array.from({ length: Math.ceil(count / 32) }, (_, at) => cpus
    .filter((cpu) => cpu >> 5 === at).reduce((word, cpu) => (word | (1 << (cpu & 31))) >>> 0, 0));
  const mask = words.reverse().map((word, at) => word.toString(16).padStart(at === 0 ? 1 : 8, '0')).join(',');
  const ranges: [number, number][] = [];
  for (const cpu of cpus) {
    const last = ranges.at(-1);
    if (last && last[1] === cpu - 1) last[1] = cpu;
    else ranges.push([cpu, cpu]);
  }
  const list = ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
  return [`Cpus_allowed:\t${mask}`, `Cpus_allowed_list:\t${list}`, 'Mems_allowed:\t1', 'Mems_allowed_list:\t0'];
}

const LIMIT_ROWS: readonly (readonly [number, string, string])[] = [
  [RLIMIT.CPU, 'Max cpu time', 'seconds'], [RLIMIT.FSIZE, 'Max file size', 'bytes'],
  [RLIMIT.DATA, 'Max data size', 'bytes'],
  [RLIMIT.STACK, 'Max stack size', 'bytes'], [RLIMIT.CORE, 'Max core file size', 'bytes'],
  [RLIMIT.RSS, 'Max resident set', 'bytes'], [RLIMIT.NPROC, 'Max processes', 'processes'],
  [RLIMIT.NOFILE, 'Max open files', 'files'], [RLIMIT.MEMLOCK, 'Max locked memory', 'bytes'],
  [RLIMIT.AS, 'Max address space', 'bytes'], [RLIMIT.LOCKS, 'Max file locks', 'locks'],
  [RLIMIT.SIGPENDING, 'Max pending signals', 'signals'], [RLIMIT.MSGQUEUE, 'Max msgqueue size', 'bytes'],
  [RLIMIT.NICE, 'Max nice priority', ''], [RLIMIT.RTPRIO, 'Max realtime priority', ''],
  [RLIMIT.RTTIME, 'Max realtime timeout', 'us'],
];

function limitsText(process: Process): string {
  const show = (value: number): string => (value === Infinity ? 'unlimited' : String(value));
  const line = (name: string, soft: string, hard: string, unit: string): string =>
    `${name.padEnd(25)} ${soft.padEnd(20)} ${hard.padEnd(20)} ${unit.padEnd(10)}\n`;
  return line('Limit', 'Soft Limit', 'Hard Limit', 'Units') + LIMIT_ROWS.map(([resource, name, unit]) =>
    line(name, show(process.limits.soft[resource]!), show(process.limits.hard[resource]!), unit)).join('');
}
