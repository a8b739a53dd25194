/**
 * Memory calls: mappings, the heap, advice, locks. The work is src/mm's; here are the descriptors and the guest's
 * pointers.
 */
import { E } from '../abi/errno.js';
import { O, S } from '../abi/fcntl.js';
import { MADV, MAP, MCL, MLOCK_ONFAULT, MREMAP, MS, PROT } from '../abi/mman.js';
import { PERSONALITY } from '../abi/process.js';
import type { Task } from '../kernel/task.js';
import { FileMapping } from '../loader/file_mapping.js';
import { PAGE } from '../mm/layout.js';
import { VmFlag } from '../mm/vma.js';
import { SEAL } from '../abi/file.js';
import { makeDev, Stat } from '../vfs/inode.js';
import type { OpenFile } from '../vfs/open_file.js';
import { call, fd, flags, int, off, oneOf, ptr, size, uint, ulong, type Arg, type Row } from './types.js';

const prot: Arg = flags('PROT_', PROT);
const CAP_IPC_LOCK = 14;
/** With these seals a file cannot be written through new mappings (fcntl(2)). */
const SEALED_WRITES = SEAL.WRITE | SEAL.FUTURE_WRITE;
const stat = new Stat();

export const memoryRows: readonly Row[] = [
  call('brk', 12, 45, [ptr], brk, 'full', '', 'address'),
  call('mmap', 9, -1, [ptr, size, prot, flags('MAP_', MAP), fd, off], mmap, 'full', '', 'address'),
  call('mmap2', -1, 192, [ptr, size, prot, flags('MAP_', MAP), fd, uint], mmap2, 'full', '', 'address'),
  call('old_mmap', -1, 90, [ptr], oldMmap, 'full', '', 'address'),
  call('munmap', 11, 91, [ptr, size], munmap),
  call('mprotect', 10, 125, [ptr, size, prot], mprotect),
  call('pkey_mprotect', 329, 380, [ptr, size, prot, int], pkeyMprotect, 'full', 'as on a CPU without protection keys'),
  call('pkey_alloc', 330, 381, [uint, uint], pkeyAlloc, 'full', 'as on a CPU without protection keys'),
  call('pkey_free', 331, 382, [int], pkeyFree, 'full', 'as on a CPU without protection keys'),
  call('mremap', 25, 163, [ptr, size, size, flags('MREMAP_', MREMAP), ptr], mremap, 'full', '', 'address'),
  call('madvise', 28, 219, [ptr, size, oneOf('MADV_', MADV)], madvise, 'full', 'hints about merging do nothing'),
  call('mincore', 27, 218, [ptr, size, ptr], mincore),
  call('msync', 26, 144, [ptr, size, flags('MS_', MS)], msync),
  call('mlock', 149, 150, [ptr, size], mlock, 'full', 'counted and limited; pages may be swapped by the host'),
  call('mlock2', 325, 376, [ptr, size, flags('MLOCK_', { ONFAULT: MLOCK_ONFAULT })], mlock2, 'full', 'as mlock'),
  call('munlock', 150, 151, [ptr, size], munlock),
  call('mlockall', 151, 152, [flags('MCL_', MCL)], mlockall, 'full', 'as mlock'),
  call('munlockall', 152, 153, [], munlockall),
  call('remap_file_pages', 216, 257, [ptr, size, prot, ulong, flags('MAP_', MAP)], remapFilePages),
];

/** brk(2): the system call gives the end of the heap, moved or not. */
function brk(task: Task, addr: number): number {
  return task.mm.brk(addr);
}

/** mmap(2). */
function mmap(
  task: Task, addr: number, length: number, protection: number, flag: number, fdNumber: number, offset: number,
): number {
  if (offset % PAGE !== 0) return -E.INVAL;
  allowLocks(task);
  if ((protection & PROT.READ) !== 0 && readImpliesExec(task)) {
    const mapped = (flag & MAP.ANONYMOUS) !== 0 ? undefined : task.files.get(fdNumber);
    if (mapped === undefined || !FileMapping.of(mapped).noExec) protection |= PROT.EXEC;
  }
  if ((flag & MAP.ANONYMOUS) !== 0) return task.mm.mmap(addr, length, protection, flag, null, 0);
  const file = task.files.get(fdNumber);
  if (file === undefined) return -E.BADF;
  if (length <= 0) return -E.INVAL;
  if (!file.canRead) {
    if ((file.flags & O.PATH) !== 0) return -E.BADF;
    const type = flag & MAP.TYPE;
    return type === 0 || type > MAP.SHARED_VALIDATE ? -E.INVAL : -E.ACCES;
  }
  // A descriptor's offset is signed for us, unsigned for Linux: what is below zero is far beyond every file.
  if (offset < 0) return -E.OVERFLOW;
  if (isZeroDevice(file)) return mmapZero(task, addr, length, protection, flag, file);
  if ((flag & MAP.TYPE) !== MAP.PRIVATE && file.seals() > 0 && file.seals() & SEALED_WRITES) {
    if (protection & PROT.WRITE) return -E.PERM;
    const start = task.mm.mmap(addr, length, protection, flag, FileMapping.of(file), offset);
    if (start >= 0) task.mm.forbidWrite(start, length);
    return start;
  }
  return task.mm.mmap(addr, length, protection, flag, FileMapping.of(file), offset);
}

/** /dev/zero, mapped, is memory without a file, but what may be done with it is the descriptor's. */
function mmapZero(
  task: Task, addr: number, length: number, protection: number, flag: number, file: OpenFile,
): number {
  const { mm } = task;
  const readOnly = (flag & MAP.SHARED) !== 0 && !file.canWrite;
  if (readOnly && (protection & PROT.WRITE) !== 0) return -E.ACCES;
  const start = mm.mmap(addr, length, protection, flag, null, 0);
  if (start >= 0 && readOnly) mm.forbidWrite(start, length);
  return start;
}

function isZeroDevice(file: OpenFile): boolean {
  return file.inode?.type === S.IFCHR && file.stat(stat) === 0 && stat.rdev === makeDev(1, 5);
}

/** mmap2(2): the offset counts units of 4096 bytes. */
function mmap2(
  task: Task, addr: number, length: number, protection: number, flag: number, fdNumber: number, pages: number,
): number {
  return mmap(task, addr, length, protection, flag, fdNumber, pages * 4096);
}

/** The i386 call that takes its six arguments from memory. */
function oldMmap(task: Task, args: number): number {
  if (!task.mm.readable(args, 24)) return -E.FAULT;
  const { view } = task.mm.window;
  return mmap(
    task, view.getUint32(args, true), view.getUint32(args + 4, true), view.getUint32(args + 8, true),
    view.getUint32(args + 12, true), view.getInt32(args + 16, true), view.getUint32(args + 20, true),
  );
}

/** munmap(2). */
function munmap(task: Task, addr: number, length: number): number {
  return task.mm.munmap(addr, length);
}

/** mprotect(2). */
function mprotect(task: Task, addr: number, length: number, protection: number): number {
  if ((protection & PROT.READ) !== 0 && readImpliesExec(task) && mayExecute(task, addr, addr + length)) {
    protection |= PROT.EXEC;
  }
  return task.mm.mprotect(addr, length, protection);
}

/** personality(2): what can be read can be executed. */
function readImpliesExec(task: Task): boolean {
  return (task.process.personality & PERSONALITY.READ_IMPLIES_EXEC) !== 0;
}

function mayExecute(task: Task, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    const area = task.mm.areas.above(at);
    if (area === undefined || area.start >= end) return true;
    if ((area.flags & VmFlag.NoExec) !== 0) return false;
    at = area.end;
  }
  return true;
}

/** pkey_mprotect(2) without keys: only key -1, which makes it mprotect. */
function pkeyMprotect(task: Task, addr: number, length: number, protection: number, key: number): number {
  return key === -1 ? mprotect(task, addr, length, protection) : -E.INVAL;
}

/** pkey_alloc(2) without keys. */
function pkeyAlloc(_task: Task, flag: number, rights: number): number {
  return flag !== 0 || rights > 3 ? -E.INVAL : -E.NOSPC;
}

/** pkey_free(2) without keys: none can have been allocated. */
function pkeyFree(): number {
  return -E.INVAL;
}

/** mremap(2). */
function mremap(task: Task, addr: number, oldLength: number, newLength: number, flag: number, newAddr: number): number {
  allowLocks(task);
  if (newLength > oldLength && task.mm.asyncIo?.keepsSize(addr)) return -E.FAULT;
  const to = task.mm.mremap(addr, oldLength, newLength, flag, newAddr);
  if (to >= 0 && task.mm.asyncIo !== null) task.mm.asyncIo.moved(addr, to);
  return to;
}

/** remap_file_pages(2): `page` counts pages of 4096 bytes in the file. */
function remapFilePages(
  task: Task, addr: number, length: number, protection: number, page: number, flag: number,
): number {
  return task.mm.remapFilePages(addr, length, protection, page * PAGE, flag);
}

/** madvise(2). */
function madvise(task: Task, addr: number, length: number, advice: number): number {
  return task.mm.madvise(addr, length, advice);
}

/** mincore(2). */
function mincore(task: Task, addr: number, length: number, vec: number): number {
  const { mm } = task;
  const pages = Math.ceil(length / PAGE);
  if (addr % PAGE !== 0) return -E.INVAL;
  if (!mm.areas.covers(addr, addr + pages * PAGE)) return -E.NOMEM;
  if (!mm.writable(vec, pages)) return -E.FAULT;
  return mm.mincore(addr, length, mm.window.u8.subarray(vec, vec + pages));
}

/** msync(2). */
function msync(task: Task, addr: number, length: number, flag: number): number {
  return task.mm.msync(addr, length, flag);
}

/** mlock(2). */
function mlock(task: Task, addr: number, length: number): number {
  allowLocks(task);
  return task.mm.mlock(addr, length, true);
}

/** mlock2(2). */
function mlock2(task: Task, addr: number, length: number, flag: number): number {
  if ((flag & ~MLOCK_ONFAULT) !== 0) return -E.INVAL;
  allowLocks(task);
  return task.mm.mlock(addr, length, true, flag === 0);
}

/** munlock(2). */
function munlock(task: Task, addr: number, length: number): number {
  return task.mm.mlock(addr, length, false);
}

/** mlockall(2). */
function mlockall(task: Task, flag: number): number {
  if (flag === 0) return -E.INVAL;
  allowLocks(task);
  return task.mm.mlockall(flag);
}

/** munlockall(2). */
function munlockall(task: Task): number {
  return task.mm.mlockall(0);
}

/** Who has CAP_IPC_LOCK is not held to RLIMIT_MEMLOCK. */
function allowLocks(task: Task): void {
  task.mm.lockUnlimited = task.cred.has(CAP_IPC_LOCK);
}
