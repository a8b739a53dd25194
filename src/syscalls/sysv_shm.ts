/** System V shared memory: shmget(2), shmat(2), shmdt(2), shmctl(2). */
import { E } from '../abi/errno.js';
import { IPC, IPC_CMD, SHM, SHM_CMD, SHM_MODE, SHMID_DS } from '../abi/ipc.js';
import { MAP, PROT } from '../abi/mman.js';
import { seconds } from '../kernel/ipc/ids.js';
import { ipcOf } from '../kernel/ipc/namespace.js';
import { attachments, SHMMNI, ShmSegment } from '../kernel/ipc/shm.js';
import type { Task } from '../kernel/task.js';
import { SharedMemory } from '../mm/shared_memory.js';
import { call, flags, int, oneOf, ptr, size, type Row } from './types.js';
import { readPermissions, writePermissions } from './sysv_perm.js';

const PAGE = 4096;
const SHMMAX = 0x1_0000_0000;

export const sysvShmRows: readonly Row[] = [
  call('shmget', 29, 395, [int, size, flags('IPC_', IPC)], shmget),
  call('shmat', 30, 397, [int, ptr, flags('SHM_', SHM)], shmat, 'full', '', 'address'),
  call('shmctl', 31, 396, [int, oneOf('', { ...IPC_CMD, ...SHM_CMD }), ptr], shmctl),
  call('shmdt', 67, 398, [ptr], shmdt),
];

/** shmget(2). */
function shmget(task: Task, key: number, bytes: number, flagBits: number): number {
  const { shm } = ipcOf(task.kernel);
  shm.sweep(task.kernel);
  return shm.get(key, flagBits, task.cred, (segment) => (bytes > segment.bytes ? -E.INVAL : 0), () => {
    if (bytes < 1 || bytes > SHMMAX) return -E.INVAL;
    const memory = SharedMemory.create(Math.ceil(bytes / PAGE) * PAGE, task.kernel.memory);
    return typeof memory === 'number' ? memory
      : new ShmSegment(key, flagBits, task.cred, bytes, memory, task.process.pid);
  });
}

/** shmat(2). */
function shmat(task: Task, id: number, addr: number, flagBits: number): number {
  const segment = ipcOf(task.kernel).shm.find(id);
  if (!segment || id < 0) return -E.INVAL;
  let at = addr;
  if (addr !== 0 && addr % PAGE !== 0) {
    if ((flagBits & SHM.RND) === 0) return -E.INVAL;
    at -= addr % PAGE;
  }
  if (flagBits & SHM.REMAP && addr === 0) return -E.INVAL;
  if (!segment.allows(task.cred, flagBits & SHM.RDONLY ? 4 : 6)) return -E.ACCES;
  const prot = PROT.READ | (flagBits & SHM.RDONLY ? 0 : PROT.WRITE) | (flagBits & SHM.EXEC ? PROT.EXEC : 0);
  const placed = at === 0 ? 0 : flagBits & SHM.REMAP ? MAP.FIXED : MAP.FIXED_NOREPLACE;
  const bytes = Math.ceil(segment.bytes / PAGE) * PAGE;
  const result = task.mm.mmap(at, bytes, prot, MAP.SHARED | placed, segment.memory, 0);
  if (result < 0) return result === -E.EXIST ? -E.INVAL : result;
  if (flagBits & SHM.RDONLY) task.mm.forbidWrite(result, bytes);
  segment.atime = seconds();
  segment.lpid = task.process.pid;
  return result;
}

/** shmdt(2). */
function shmdt(task: Task, addr: number): number {
  const { shm } = ipcOf(task.kernel);
  const area = task.mm.areas.find(addr);
  if (!area || area.start !== addr) return -E.INVAL;
  for (const segment of shm) {
    if (area.file !== segment.memory || area.offset !== 0) continue;
    segment.dtime = seconds();
    segment.lpid = task.process.pid;
    const result = task.mm.munmap(addr, Math.ceil(segment.bytes / PAGE) * PAGE);
    shm.sweep(task.kernel);
    return result;
  }
  return -E.INVAL;
}

/** shmctl(2). */
function shmctl(task: Task, id: number, coded: number, buf: number): number {
  const { kernel, mm, cred } = task;
  const { shm } = ipcOf(kernel);
  // IPC_64: i386 programs say which layout they mean.
  const command = coded & ~0x100;
  if (command === IPC_CMD.INFO || command === SHM_CMD.INFO) return shmInfo(task, command, buf);
  const byIndex = command === SHM_CMD.STAT || command === SHM_CMD.STAT_ANY;
  const segment = byIndex ? shm.at(id) : shm.find(id);
  if (!segment) return -E.INVAL;
  const at = SHMID_DS.of(task.abi);
  switch (command) {
    case IPC_CMD.STAT:
    case SHM_CMD.STAT:
    case SHM_CMD.STAT_ANY: {
      if (command !== SHM_CMD.STAT_ANY && !segment.allows(cred, 4)) return -E.ACCES;
      if (!mm.writable(buf, at.size)) return -E.FAULT;
      const mode = segment.mode | (segment.removed ? SHM_MODE.DEST : 0) | (segment.locked ? SHM_MODE.LOCKED : 0);
      const put = writePermissions(task, buf, at, segment, mode);
      put(at.segsz, segment.bytes);
      put(at.atime, segment.atime);
      put(at.dtime, segment.dtime);
      put(at.ctime, segment.ctime);
      mm.putU32(buf + at.cpid, segment.cpid);
      mm.putU32(buf + at.lpid, segment.lpid);
      put(at.nattch, attachments(kernel, segment));
      return byIndex ? segment.id : 0;
    }
    case IPC_CMD.SET:
      return readPermissions(task, buf, at, segment);
    case IPC_CMD.RMID:
      if (!segment.ownedBy(cred)) return -E.PERM;
      shm.destroy(kernel, segment);
      return 0;
    case SHM_CMD.LOCK:
    case SHM_CMD.UNLOCK:
      if (!segment.ownedBy(cred)) return -E.PERM;
      segment.locked = command === SHM_CMD.LOCK;
      return 0;
    default:
      return -E.INVAL;
  }
}

/** IPC_INFO (struct shminfo) and SHM_INFO (struct shm_info): limits and use, for ipcs(1). */
function shmInfo(task: Task, command: number, buf: number): number {
  const { mm, kernel } = task;
  const { shm } = ipcOf(kernel);
  const words = command === IPC_CMD.INFO ? 9 : 6;
  if (!mm.writable(buf, 8 * words)) return -E.FAULT;
  mm.window.u8.fill(0, buf, buf + 8 * words);
  if (command === IPC_CMD.INFO) {
    [SHMMAX, 1, SHMMNI, SHMMNI, SHMMAX / PAGE].forEach((value, index) => mm.putU64(buf + 8 * index, value));
  } else {
    const all = [...shm];
    const pages = all.reduce((sum, segment) => sum + Math.ceil(segment.bytes / PAGE), 0);
    mm.putU32(buf, all.length);
    mm.putU64(buf + 8, pages);
    mm.putU64(buf + 16, pages);
  }
  return Math.max(0, shm.highest);
}
