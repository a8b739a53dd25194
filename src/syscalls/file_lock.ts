/** Locks: fcntl(2) F_GETLK, F_SETLK(W) and their OFD forms; flock(2). */
import { E } from '../abi/errno.js';
import { FLOCK, FLOCK64, F_LCK, LOCK, SEEK } from '../abi/file.js';
import type { Task } from '../kernel/task.js';
import { Wake, WaitQueue } from '../kernel/wait_queue.js';
import { Stat } from '../vfs/inode.js';
import { fileLocks, recordLocks } from '../vfs/locks.js';
import type { OpenFile } from '../vfs/open_file.js';

/** A struct flock of the guest, its range made absolute. */
interface Range {
  type: number;
  start: number;
  end: number;
}

/** Where the members are: `wide` is the layout with 64-bit offsets (all of x86-64, F_SETLK64 of i386). */
function layoutOf(task: Task, wide: boolean) {
  return wide ? FLOCK64.of(task.abi) : FLOCK.of(task.abi);
}

function fetchRange(task: Task, file: OpenFile, address: number, wide: boolean, ofd: boolean): Range | number {
  const layout = layoutOf(task, wide);
  // fcntl's argument is a signed word.
  if (address < 0 || !task.mm.readable(address, layout.size)) return -E.FAULT;
  const { view } = task.mm.window;
  const type = view.getInt16(address + layout.type, true);
  const whence = view.getInt16(address + layout.whence, true);
  const member = (at: number) => wide
    ? view.getInt32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true) : view.getInt32(at, true);
  if (type < 0 || type > 2) return -E.INVAL;
  if (ofd && view.getInt32(address + layout.pid, true) !== 0) return -E.INVAL;
  let start = member(address + layout.start), length = member(address + layout.len);
  if (whence === SEEK.CUR) {
    start += file.seekable ? file.seek(0, SEEK.CUR) : 0;
  } else if (whence === SEEK.END) {
    const stat = new Stat();
    if (file.stat(stat) >= 0) start += stat.size;
  } else if (whence !== SEEK.SET) {
    return -E.INVAL;
  }
  if (length < 0) {
    start += length;
    length = -length;
  }
  if (start < 0) return -E.INVAL;
  return { type, start, end: length === 0 ? Infinity : start + length };
}

/** F_GETLK: what is in the way of a lock, written over the struct; or F_UNLCK in its type. */
export function testRecordLock(task: Task, file: OpenFile, ofd: boolean, address: number, wide: boolean): number {
  const range = fetchRange(task, file, address, wide, ofd);
  if (typeof range === 'number') return range;
  if (range.type === F_LCK.UNLCK) return -E.INVAL;
  const layout = layoutOf(task, wide);
  if (!task.mm.writable(address, layout.size)) return -E.FAULT;
  const { view } = task.mm.window;
  const owner = ofd ? file : task.process;
  const lock = recordLocks.conflict(file.lockIdentity, owner, range.type === F_LCK.WRLCK, range.start, range.end);
  if (lock === undefined) {
    view.setInt16(address + layout.type, F_LCK.UNLCK, true);
    return 0;
  }
  view.setInt16(address + layout.type, lock.exclusive ? F_LCK.WRLCK : F_LCK.RDLCK, true);
  view.setInt16(address + layout.whence, SEEK.SET, true);
  const length = lock.end === Infinity ? 0 : lock.end - lock.start;
  if (wide) {
    task.mm.putU64(address + layout.start, lock.start);
    task.mm.putU64(address + layout.len, length);
  } else {
    task.mm.putU32(address + layout.start, lock.start);
    task.mm.putU32(address + layout.len, length);
  }
  view.setInt32(address + layout.pid, lock.pid, true);
  return 0;
}

/** F_SETLK, F_SETLKW: -EAGAIN when another has it; with `wait`, until it is free; -EDEADLK. */
export function setRecordLock(
  task: Task, file: OpenFile, ofd: boolean, wait: boolean, address: number, wide: boolean,
): number {
  const range = fetchRange(task, file, address, wide, ofd);
  if (typeof range === 'number') return range;
  if (range.type === F_LCK.RDLCK && !file.canRead) return -E.BADF;
  if (range.type === F_LCK.WRLCK && !file.canWrite) return -E.BADF;
  return acquire(task, file, ofd, wait, range);
}

function acquire(task: Task, file: OpenFile, ofd: boolean, wait: boolean, range: Range): number {
  const identity = file.lockIdentity;
  const owner = ofd ? file : task.process;
  if (ofd) file.locked = true;
  else task.process.hasRecordLocks = true;
  const { type, start, end } = range;
  const result = recordLocks.set(identity, owner, type, start, end, ofd ? -1 : task.process.pid);
  if (result !== -E.AGAIN || !wait) return result;
  const holder = recordLocks.conflict(identity, owner, type === F_LCK.WRLCK, start, end)!.owner;
  if (!ofd && !recordLocks.waitFor(owner, holder)) return -E.DEADLK;
  (recordLocks.queue(identity, newQueue) as WaitQueue).add(task);
  return task.park((parked, wake) => {
    recordLocks.waitOver(owner);
    return wake === Wake.Signal ? -E.RESTARTSYS : acquire(parked, file, ofd, wait, range);
  });
}

function newQueue(): WaitQueue {
  return new WaitQueue();
}

/** flock(2) of a description: LOCK.SH, LOCK.EX or LOCK.UN. */
export function lockFile(task: Task, file: OpenFile, kind: number, nonblocking: boolean): number {
  const identity = file.lockIdentity;
  file.locked = true;
  const type = kind === LOCK.UN ? F_LCK.UNLCK : kind === LOCK.EX ? F_LCK.WRLCK : F_LCK.RDLCK;
  const held = fileLocks.held(identity, file);
  if (held !== undefined && kind !== LOCK.UN) {
    if (held.exclusive === (kind === LOCK.EX)) return 0;
    // A lock of the other kind is given up first, and lost when the new one is not to be had (flock(2)).
    fileLocks.release(identity, file);
  }
  const result = fileLocks.set(identity, file, type, 0, Infinity, -1);
  if (result !== -E.AGAIN || nonblocking) return result;
  (fileLocks.queue(identity, newQueue) as WaitQueue).add(task);
  return task.park((parked, wake) => (
    wake === Wake.Signal ? -E.RESTARTSYS : lockFile(parked, file, kind, nonblocking)
  ));
}
