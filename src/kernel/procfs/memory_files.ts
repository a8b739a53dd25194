/** What /proc/PID tells of memory: maps, smaps, smaps_rollup, map_files (proc(5)). Mapped pages count as resident. */
import { E } from '../../abi/errno.js';
import { PROT } from '../../abi/mman.js';
import { S } from '../../abi/fcntl.js';
import { VmFlag, type Vma } from '../../mm/vma.js';
import { DirectoryFile } from '../../vfs/directory_file.js';
import { devMajor, devMinor, type DirSink, type FileSystem, type Inode } from '../../vfs/inode.js';
import type { Location } from '../../vfs/mount.js';
import type { OpenFile } from '../../vfs/open_file.js';
import { TaskState, type Task } from '../task.js';
import { ProcInode, ProcLink, type Owner } from './nodes.js';

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, '0');
}

/** A line of maps without its end. */
function areaText(task: Task, area: Vma): string {
  const flag = (bit: number, letter: string): string => (area.prot & bit ? letter : '-');
  const { file } = area;
  const dev = file ? `${hex(devMajor(file.dev), 2)}:${hex(devMinor(file.dev), 2)}` : '00:00';
  const start = `${hex(area.start, 8)}-${hex(area.end, 8)} ` +
    `${flag(PROT.READ, 'r')}${flag(PROT.WRITE, 'w')}${flag(PROT.EXEC, 'x')}` +
    `${area.flags & VmFlag.Shared ? 's' : 'p'} ${hex(file ? area.offset : 0, 8)} ${dev} ${file?.ino ?? 0} `;
  const name = task.mm.nameOf(area);
  return name === '' ? start : start.padEnd(73) + name.replaceAll('\n', '\\012');
}

export function mapsText(task: Task): string {
  let text = '';
  for (const area of task.mm.areas) text += areaText(task, area) + '\n';
  return text;
}

/** Kilobytes of an area by kind. */
interface Shares {
  resident: number;
  shared: number;
  clean: number;
  dirty: number;
  anonymous: number;
  locked: number;
}

/** Private pages that can have been written count as dirty, all others as clean. */
function sharesOf(area: Vma): Shares {
  const resident = area.prot === PROT.NONE ? 0 : (area.end - area.start) / 1024;
  const shared = (area.flags & VmFlag.Shared) !== 0;
  const written = !shared && (area.file === null || (area.flags & VmFlag.Written) !== 0);
  return {
    resident, shared: shared ? resident : 0, clean: shared || written ? 0 : resident, dirty: written ? resident : 0,
    anonymous: written ? resident : 0, locked: area.flags & VmFlag.Locked ? resident : 0,
  };
}

function sharesText(shares: Shares, withFileParts: boolean): string {
  const line = (name: string, kb: number): string => `${(name + ':').padEnd(16)}${String(kb).padStart(8)} kB\n`;
  const { resident, shared, clean, dirty, anonymous, locked } = shares;
  return line('Rss', resident) + line('Pss', resident) + line('Pss_Dirty', dirty) +
    (withFileParts ? line('Pss_Anon', anonymous) + line('Pss_File', resident - anonymous) + line('Pss_Shmem', 0) : '') +
    line('Shared_Clean', shared) + line('Shared_Dirty', 0) + line('Private_Clean', clean) +
    line('Private_Dirty', dirty) + line('Referenced', resident) + line('Anonymous', anonymous) + line('KSM', 0) +
    line('LazyFree', 0) + line('AnonHugePages', 0) + line('ShmemPmdMapped', 0) + line('FilePmdMapped', 0) +
    line('Shared_Hugetlb', 0) + line('Private_Hugetlb', 0) + line('Swap', 0) + line('SwapPss', 0) +
    line('Locked', locked);
}

/** VmFlags of smaps: two letters each. */
function flagsText(area: Vma): string {
  const names: string[] = [];
  if (area.prot & PROT.READ) names.push('rd');
  if (area.prot & PROT.WRITE) names.push('wr');
  if (area.prot & PROT.EXEC) names.push('ex');
  if (area.flags & VmFlag.Shared) names.push('sh');
  names.push('mr');
  if ((area.flags & VmFlag.NoWrite) === 0) names.push('mw');
  if ((area.flags & VmFlag.NoExec) === 0) names.push('me');
  if (area.flags & VmFlag.Shared) names.push('ms');
  if (area.flags & VmFlag.GrowsDown) names.push('gd');
  if (area.flags & VmFlag.Locked) names.push('lo');
  if (area.flags & VmFlag.DontFork) names.push('dc');
  if (area.flags & VmFlag.Written) names.push('ac');
  if (area.flags & VmFlag.NoReserve) names.push('nr');
  if (area.flags & VmFlag.WipeOnFork) names.push('wf');
  if (area.flags & VmFlag.DontDump) names.push('dd');
  return `VmFlags: ${names.join(' ')} \n`;
}

export function smapsText(task: Task): string {
  let text = '';
  for (const area of task.mm.areas) {
    text += `${areaText(task, area)}\n${'Size:'.padEnd(16)}${String((area.end - area.start) / 1024).padStart(8)} kB\n` +
      'KernelPageSize:        4 kB\nMMUPageSize:           4 kB\n' + sharesText(sharesOf(area), false) +
      'THPeligible:           0\nProtectionKey:         0\n' + flagsText(area);
  }
  return text;
}

export function smapsRollupText(task: Task): string {
  const sum: Shares = { resident: 0, shared: 0, clean: 0, dirty: 0, anonymous: 0, locked: 0 };
  let first = -1, last = 0;
  for (const area of task.mm.areas) {
    if (first < 0) first = area.start;
    last = area.end;
    const shares = sharesOf(area);
    for (const name of Object.keys(sum) as (keyof Shares)[]) sum[name] += shares[name];
  }
  const head = `${hex(Math.max(0, first), 8)}-${hex(last, 8)} ---p 00000000 00:00 0 `.padEnd(73) + '[rollup]\n';
  return head + sharesText(sum, true);
}

/** /proc/PID/numa_maps: all memory is on node 0. */
export function numaMapsText(task: Task): string {
  let text = '';
  for (const area of task.mm.areas) {
    const pages = (area.end - area.start) / 4096;
    const name = task.mm.nameOf(area);
    const kind = area.file ? ` file=${name}` : name === '[heap]' ? ' heap' : name === '[stack]' ? ' stack' : '';
    text += `${hex(area.start, 8)} default${kind} ${area.file ? 'mapped' : 'anon'}=${pages} N0=${pages} ` +
      'kernelpagesize_kB=4\n';
  }
  return text;
}

/** /proc/PID/map_files: a link for each area of a file, named after its addresses. */
export class MapFilesDirectory extends ProcInode {
  constructor(fs: FileSystem, private readonly task: Task, private readonly ownedBy: Owner) {
    super(fs, S.IFDIR | 0o500, ownedBy);
  }

  private areas(): Vma[] {
    const { task } = this;
    return task.state === TaskState.Zombie ? []
      : [...task.mm.areas].filter((area) => area.file !== null && task.mm.nameOf(area).startsWith('/'));
  }
  private nameOf(area: Vma): string {
    return `${area.start.toString(16)}-${area.end.toString(16)}`;
  }

  override lookup(name: string): Inode | number {
    const area = this.areas().find((one) => this.nameOf(one) === name);
    if (!area) return -E.NOENT;
    return new ProcLink(this.fs, () => this.task.mm.nameOf(area), this.ownedBy, undefined,
      area.prot & PROT.WRITE ? 0o700 : 0o500);
  }
  override readdir(position: number, sink: DirSink): number {
    this.areas().slice(position).every((area, index) =>
      sink.entry(this.nameOf(area), area.start / 4096 + 1, S.IFLNK, position + index + 1));
    return 0;
  }
  override open(flags: number, location: Location): OpenFile {
    return new DirectoryFile(flags, location);
  }
}
