/** What the system says of itself: uname, sysinfo, random bytes, host name, processors. */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { GRND, PER_LINUX32, PERSONALITY } from '../abi/process.js';
import { SYSINFO, UTSNAME_FIELD } from '../abi/resource.js';
import { native } from '../host/native.js';
import type { Task } from '../kernel/task.js';
import { RELEASE, VERSION } from '../kernel/version.js';
import { call, flags, inBuffer, int, outBuffer, outStruct, ptr, size, type Row } from './types.js';

const CAP_SYS_ADMIN = 21;
const HOST_NAME_MAX = 64;

export const systemRows: readonly Row[] = [
  call('uname', 63, 122, [outStruct('utsname')], uname),
  call('sysinfo', 99, 116, [outStruct('sysinfo')], sysinfo),
  call('getrandom', 318, 355, [outBuffer, size, flags('GRND_', GRND)], getrandom),
  call('getcpu', 309, 318, [ptr, ptr, ptr], getcpu),
  call('sethostname', 170, 74, [inBuffer(1), int], sethostname),
  call('setdomainname', 171, 121, [inBuffer(1), int], setdomainname),
  call('syslog', 103, 103, [int, outBuffer, int], syslog, 'partial', 'an empty kernel log'),
];

/** As programs want it that do not expect a first number above 2 (UNAME26): x.y is 2.6.(60 + y). */
const RELEASE_2_6 = RELEASE.replace(/^\d+\.(\d+)(\.\d+)?/, (_all, minor: string) => `2.6.${60 + Number(minor)}`);

/** uname(2). */
function uname(task: Task, buf: number): number {
  if (!task.mm.writable(buf, 6 * UTSNAME_FIELD)) return -E.FAULT;
  const { kernel } = task;
  const { personality } = task.process;
  const machine = task.abi === Abi.X64 && (personality & PERSONALITY.MASK) !== PER_LINUX32 ? 'x86_64' : 'i686';
  const release = personality & PERSONALITY.UNAME26 ? RELEASE_2_6 : RELEASE;
  const { u8 } = task.mm.window;
  u8.fill(0, buf, buf + 6 * UTSNAME_FIELD);
  ['Linux', kernel.hostname, release, VERSION, machine, kernel.domainname].forEach((text, field) => {
    for (let at = 0; at < text.length; at++) u8[buf + field * UTSNAME_FIELD + at] = text.charCodeAt(at);
  });
  return 0;
}

/** sysinfo(2): the host's memory and load, the guest's processes and uptime. */
function sysinfo(task: Task, info: number): number {
  const at = SYSINFO.of(task.abi);
  const bytes = task.abi === Abi.X64 ? at.size : 64;
  if (!task.mm.writable(info, bytes)) return -E.FAULT;
  const host = new Float64Array(13);
  native.sysinfo(host);
  const unit = host[12]!;
  const limit = task.kernel.memory.limit;
  const total = Math.min(host[4]! * unit, limit);
  const free = Math.min(host[5]! * unit, limit - task.kernel.memory.used);
  const scale = task.abi === Abi.X64 ? 1 : 4096;
  const { view, u8 } = task.mm.window;
  u8.fill(0, info, info + bytes);
  const word = task.abi === Abi.X64 ? 8 : 4;
  const put = (offset: number, value: number): void => {
    view.setUint32(info + offset, value >>> 0, true);
    if (word === 8) view.setUint32(info + offset + 4, Math.floor(value / 0x1_0000_0000), true);
  };
  put(at.uptime, Math.floor((native.monotonicNow() - task.kernel.bootTime) / 1e9));
  for (let load = 0; load < 3; load++) put(at.loads + load * word, host[1 + load]!);
  put(at.totalram, Math.floor(total / scale));
  put(at.freeram, Math.floor(Math.max(0, free) / scale));
  put(at.bufferram, Math.floor(Math.max(0, Math.min(host[7]! * unit, total - free)) / scale));
  view.setUint16(info + at.procs, task.kernel.tasks.size, true);
  view.setUint32(info + at.unit, scale, true);
  return 0;
}

/** getrandom(2): never blocks, the host's pool is ready. */
function getrandom(task: Task, buf: number, count: number, flagBits: number): number {
  if (flagBits & ~(GRND.NONBLOCK | GRND.RANDOM | GRND.INSECURE)) return -E.INVAL;
  if ((flagBits & (GRND.RANDOM | GRND.INSECURE)) === (GRND.RANDOM | GRND.INSECURE)) return -E.INVAL;
  const length = Math.min(count, 0x200_0000);
  if (!task.mm.writable(buf, length)) return -E.FAULT;
  const { u8 } = task.mm.window;
  for (let done = 0; done < length;) {
    const got = native.getrandom(u8, buf + done, length - done);
    if (got < 0) return got;
    done += got;
  }
  return length;
}

/** getcpu(2): all tasks run on the one CPU that the guest sees them on. */
function getcpu(task: Task, cpu: number, node: number): number {
  if (cpu !== 0 && !task.mm.putU32(cpu, 0)) return -E.FAULT;
  if (node !== 0 && !task.mm.putU32(node, 0)) return -E.FAULT;
  return 0;
}

/** sethostname(2). */
function sethostname(task: Task, name: number, length: number): number {
  const text = newName(task, name, length);
  if (typeof text === 'number') return text;
  task.kernel.hostname = text;
  return 0;
}

/** setdomainname(2). */
function setdomainname(task: Task, name: number, length: number): number {
  const text = newName(task, name, length);
  if (typeof text === 'number') return text;
  task.kernel.domainname = text;
  return 0;
}

function newName(task: Task, name: number, length: number): string | number {
  if (!task.cred.has(CAP_SYS_ADMIN)) return -E.PERM;
  if (length < 0 || length > HOST_NAME_MAX) return -E.INVAL;
  return task.mm.readable(name, length) ? task.mm.latin1(name, name + length) : -E.FAULT;
}

/** syslog(2): reading gives nothing, the sizes are 0. */
function syslog(task: Task, type: number, _buf: number, length: number): number {
  if (type < 0 || type > 10) return -E.INVAL;
  if ((type === 2 || type === 3 || type === 4) && length < 0) return -E.INVAL;
  if (type !== 3 && type !== 10 && !task.cred.has(CAP_SYS_ADMIN)) return -E.PERM;
  return 0;
}
