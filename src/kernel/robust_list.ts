/** What becomes of the locks of a thread that ends, or executes another program (get_robust_list(2)). */
import { Abi } from '../abi/abi.js';
import { FUTEX_WORD } from '../abi/process.js';
import { wakeFutex } from './futex.js';
import { handOnLocks } from './pi_futex.js';
import type { Task } from './task.js';

const ROBUST_LIST_LIMIT = 2048;
/** Bit 0 of a pointer to an entry: the lock is a priority-inheriting one. */
const PI = 1;

/** The robust futexes that the task holds get FUTEX_OWNER_DIED; its locks with waiters go to the first of these. */
export function releaseLocks(task: Task): void {
  walkRobustList(task);
  handOnLocks(task);
}

function walkRobustList(task: Task): void {
  const head = task.robustList;
  if (head === 0) return;
  const { mm } = task;
  const word = task.abi === Abi.X64 ? 8 : 4;
  const get = (addr: number): number => (word === 8 ? mm.getU64(addr) : mm.getU32(addr));
  // The offset is signed; guest addresses are below 4 GiB, so adding its low half modulo 2^32 subtracts.
  const offset = mm.getU32(head + word);
  const pending = get(head + 2 * word);
  let entry = get(head);
  if (offset < 0 || pending < 0 || entry < 0) return;
  const place = (pointer: number): number => pointer - (pointer % 2);
  for (let count = 0; place(entry) !== place(head) && count < ROBUST_LIST_LIMIT; count++) {
    const next = get(place(entry));
    if (place(entry) !== place(pending)) ownerDied(task, wrap(place(entry) + offset), entry % 2 === PI, false);
    if (next < 0) return;
    entry = next;
  }
  if (pending !== 0) ownerDied(task, wrap(place(pending) + offset), pending % 2 === PI, true);
}

function wrap(addr: number): number {
  return addr % 0x1_0000_0000;
}

/** Linux handle_futex_death. `pending`: the thread was about to take or give back the lock. */
function ownerDied(task: Task, addr: number, pi: boolean, pending: boolean): void {
  if (addr % 4 !== 0) return;
  const value = task.mm.getU32(addr);
  if (value < 0) return;
  const owner = value & FUTEX_WORD.TID_MASK;
  if (owner === 0 && pending && !pi) {
    // It may have given the lock back and not yet woken who waits.
    wakeFutex(task, addr, 1);
    return;
  }
  if (owner !== task.tid) return;
  if (!task.mm.putU32(addr, ((value & FUTEX_WORD.WAITERS) | FUTEX_WORD.OWNER_DIED) >>> 0)) return;
  if (value & FUTEX_WORD.WAITERS && !pi) wakeFutex(task, addr, 1);
}
