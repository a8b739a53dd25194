/** Waiting for several files: poll(2), select(2), epoll(7). */
import { E } from '../abi/errno.js';
import { O, POLL } from '../abi/fcntl.js';
import { RLIMIT } from '../abi/resource.js';
import { native } from '../host/native.js';
import { EPOLL, EpollFile } from '../kernel/epoll.js';
import { restoreMask, setTemporaryMask } from '../kernel/signals.js';
import { BLOCKED, type Task } from '../kernel/task.js';
import { Wake } from '../kernel/wait_queue.js';
import { readiness, readyQueue } from '../kernel/wait_ready.js';
import type { OpenFile } from '../vfs/open_file.js';
import { readSigset } from './signal.js';
import { readPair, readTimespec, time, writeNs, writePair } from './timespec.js';
import { call, fd, flags, inOutStruct, inStruct, int, oneOf, ptr, size, uint, type Row } from './types.js';

const CTL = { ADD: 1, DEL: 2, MOD: 3 } as const;
const maxFds = 1024 * 1024;
const FD_SETSIZE = 1024;

export const pollRows: readonly Row[] = [
  call('poll', 7, 168, [inOutStruct('pollfds'), uint, int], poll),
  call('ppoll', 271, 309, [inOutStruct('pollfds'), uint, inStruct('timespec'), inStruct('sigset'), size], ppoll),
  call('select', 23, 142, [int, ptr, ptr, ptr, inOutStruct('timeval')], select),
  call('pselect6', 270, 308, [int, ptr, ptr, ptr, inStruct('timespec'), ptr], pselect6),
  call('epoll_create', 213, 254, [int], (task, count) => (count <= 0 ? -E.INVAL : epollCreate1(task, 0))),
  call('epoll_create1', 291, 329, [flags('EPOLL_', { CLOEXEC: O.CLOEXEC })], epollCreate1),
  call('epoll_ctl', 233, 255, [fd, oneOf('EPOLL_CTL_', CTL), fd, inStruct('epoll_event')], epollCtl),
  call('epoll_wait', 232, 256, [fd, ptr, int, int], epollWait),
  call('epoll_pwait', 281, 319, [fd, ptr, int, int, inStruct('sigset'), size], epollPwait),
  call('epoll_pwait2', 441, 441, [fd, ptr, int, inStruct('timespec'), inStruct('sigset'), size], epollPwait2),
];

/** Deadline of a time-out in milliseconds, negative: never. */
function inMilliseconds(ms: number): number {
  return ms < 0 ? Infinity : native.monotonicNow() + ms * 1e6;
}

/** poll(2). */
function poll(task: Task, fds: number, count: number, timeout: number): number {
  const deadline = inMilliseconds(timeout);
  return pollUntil(task, fds, count, deadline, (waiter, result) => {
    if (result !== -E.RESTARTNOHAND) return result;
    waiter.restart = () => pollUntil(waiter, fds, count, deadline, interrupted, timeout === 0);
    return -E.RESTART_RESTARTBLOCK;
  }, timeout === 0);
}

function interrupted(_task: Task, result: number): number {
  return result === -E.RESTARTNOHAND ? -E.INTR : result;
}

/** ppoll(2): the mask is in force while it waits; the time that remains is told. */
function ppoll(task: Task, fds: number, count: number, tsp: number, sigmask: number, bytes: number): number {
  const deadline = deadlineOf(task, tsp);
  if (deadline < 0) return deadline;
  const failed = useMask(task, sigmask, bytes);
  if (failed < 0) return failed;
  return finish(task, pollUntil(task, fds, count, deadline, (waiter, result) => {
    if (tsp !== 0 && deadline !== 0 && !keepsTimeouts(waiter)) writeNs(waiter, tsp, Math.max(0, deadline - native.monotonicNow()));
    return result;
  }, deadline === 0));
}

/** CLOCK_MONOTONIC deadline of a relative timespec; 0 for a zero one, Infinity for NULL; -EFAULT, -EINVAL. */
function deadlineOf(task: Task, tsp: number): number {
  if (tsp === 0) return Infinity;
  const failed = readTimespec(task, tsp);
  if (failed < 0) return failed;
  return time.sec === 0 && time.nsec === 0 ? 0 : native.monotonicNow() + time.sec * 1e9 + time.nsec;
}

const mask = { low: 0, high: 0 };

/** The mask that ppoll(2) and its kin wait with. 0, -EINVAL, -EFAULT. */
export function useMask(task: Task, sigmask: number, bytes: number): number {
  if (sigmask === 0) return 0;
  const failed = readSigset(task, sigmask, bytes, mask);
  if (failed >= 0) setTemporaryMask(task, mask.low, mask.high);
  return failed;
}

/** A call that ended at once without a signal brings the mask back; a parked one has it done when it goes on. */
export function finish(task: Task, result: number): number {
  if (result === BLOCKED) return result;
  if (result === -E.INTR || result <= -E.RESTARTSYS) task.signalDue = true;
  else restoreMask(task);
  return result;
}

/** `ends` gives the call's result for the descriptors that are ready, or for -ERESTARTNOHAND when a signal came. */
function pollUntil(
  task: Task, fds: number, count: number, deadline: number, ends: (task: Task, result: number) => number,
  immediate: boolean, signal = false,
): number {
  if (count > task.process.limits.soft[RLIMIT.NOFILE]! || count > maxFds) return -E.INVAL;
  const { mm } = task;
  if (!mm.writable(fds, 8 * count)) return -E.FAULT;
  const { view } = mm.window;
  let ready = 0;
  for (let at = fds; at < fds + 8 * count; at += 8) {
    const descriptor = view.getInt32(at, true);
    let revents = 0;
    if (descriptor >= 0) {
      const file = task.files.get(descriptor);
      revents = file && (file.flags & O.PATH) === 0 ? readiness(file, view.getUint16(at + 4, true)) : POLL.NVAL;
    }
    view.setUint16(at + 6, revents, true);
    if (revents !== 0) ready++;
  }
  if (ready > 0 || immediate) return ends(task, ready);
  if (signal) return ends(task, -E.RESTARTNOHAND);
  for (let at = fds; at < fds + 8 * count; at += 8) {
    const file = task.files.get(view.getInt32(at, true));
    if (file) readyQueue(task, file).add(task, view.getUint16(at + 4, true) | POLL.ERR | POLL.HUP);
  }
  return task.park((waiter, wake) =>
    pollUntil(waiter, fds, count, deadline, ends, wake === Wake.Timeout, wake === Wake.Signal), deadline);
}

const STICKY_TIMEOUTS = 0x400_0000;

/** personality(2): the time that remains is not told. */
function keepsTimeouts(task: Task): boolean {
  return (task.process.personality & STICKY_TIMEOUTS) !== 0;
}

/** select(2): the kernel's version tells the time that remains. */
function select(task: Task, n: number, readfds: number, writefds: number, exceptfds: number, tv: number): number {
  let deadline = Infinity;
  if (tv !== 0) {
    const failed = readPair(task, tv);
    if (failed < 0) return failed;
    if (time.sec < 0 || time.nsec < 0) return -E.INVAL;
    const ns = time.sec * 1e9 + time.nsec * 1000;
    deadline = ns === 0 ? 0 : native.monotonicNow() + ns;
  }
  const remaining = (waiter: Task): void => {
    if (tv === 0 || deadline === 0 || keepsTimeouts(waiter)) return;
    const left = Math.max(0, deadline - native.monotonicNow());
    writePair(waiter, tv, Math.floor(left / 1e9), Math.floor((left % 1e9) / 1000));
  };
  return selectUntil(task, n, [readfds, writefds, exceptfds], deadline, remaining, deadline === 0);
}

/** pselect(2). The sixth argument is the address of { sigset_t *, size_t }. */
function pselect6(
  task: Task, n: number, readfds: number, writefds: number, exceptfds: number, tsp: number, sigmask: number,
): number {
  const deadline = deadlineOf(task, tsp);
  if (deadline < 0) return deadline;
  if (sigmask !== 0) {
    const word = task.abi === 0 ? 8 : 4;
    if (!task.mm.readable(sigmask, 2 * word)) return -E.FAULT;
    const get = (at: number): number => (word === 8 ? task.mm.getU64(at) : task.mm.getU32(at));
    const failed = useMask(task, get(sigmask), get(sigmask + word));
    if (failed < 0) return failed;
  }
  const remaining = (waiter: Task): void => {
    if (tsp !== 0 && deadline !== 0 && !keepsTimeouts(waiter)) writeNs(waiter, tsp, Math.max(0, deadline - native.monotonicNow()));
  };
  return finish(task, selectUntil(task, n, [readfds, writefds, exceptfds], deadline, remaining, deadline === 0));
}

/** What makes a descriptor ready in each of the three sets (Linux fs/select.c). */
const SETS = [
  POLL.RDNORM | POLL.RDBAND | POLL.IN | POLL.HUP | POLL.ERR, POLL.WRBAND | POLL.WRNORM | POLL.OUT | POLL.ERR, POLL.PRI,
] as const;

function selectUntil(
  task: Task, n: number, sets: readonly number[], deadline: number, remaining: (task: Task) => void, immediate: boolean,
  signal = false,
): number {
  if (n < 0) return -E.INVAL;
  const { mm } = task;
  const count = Math.min(n, Math.max(FD_SETSIZE, task.files.end));
  const word = task.abi === 0 ? 8 : 4;
  const bytes = Math.ceil(count / (8 * word)) * word;
  for (const set of sets) if (set !== 0 && !mm.writable(set, bytes)) return -E.FAULT;
  const { u8 } = mm.window;
  const results = sets.map(() => new Uint8Array(bytes));
  const wanted: [OpenFile, number][] = [];
  let ready = 0;
  for (let descriptor = 0; descriptor < count; descriptor++) {
    const byte = descriptor >> 3, bit = 1 << (descriptor & 7);
    let events = 0;
    sets.forEach((set, index) => {
      if (set !== 0 && u8[set + byte]! & bit) events |= SETS[index]!;
    });
    if (events === 0) continue;
    const file = task.files.get(descriptor);
    if (!file || file.flags & O.PATH) return -E.BADF;
    wanted.push([file, events]);
    const now = readiness(file, events);
    sets.forEach((set, index) => {
      if (set === 0 || (u8[set + byte]! & bit) === 0 || (now & SETS[index]!) === 0) return;
      results[index]![byte]! |= bit;
      ready++;
    });
  }
  if (ready > 0 || immediate) {
    sets.forEach((set, index) => {
      if (set !== 0 && bytes > 0) u8.set(results[index]!, set);
    });
    remaining(task);
    return ready;
  }
  if (signal) {
    remaining(task);
    return -E.RESTARTNOHAND;
  }
  for (const [file, events] of wanted) readyQueue(task, file).add(task, events | POLL.ERR | POLL.HUP);
  return task.park((waiter, wake) =>
    selectUntil(waiter, n, sets, deadline, remaining, wake === Wake.Timeout, wake === Wake.Signal), deadline);
}

/** epoll_create1(2). */
function epollCreate1(task: Task, flagBits: number): number {
  if (flagBits & ~O.CLOEXEC) return -E.INVAL;
  const file = new EpollFile();
  const result = task.files.install(file, (flagBits & O.CLOEXEC) !== 0);
  if (result < 0) file.unref();
  return result;
}

/** struct epoll_event is packed on x86: events, then the data. */
const EVENT_SIZE = 12;
/** Beyond a program's addresses. */
const ADDRESS_MAX = 0x8000_0000_0000;

/** epoll_ctl(2). */
function epollCtl(task: Task, epfd: number, op: number, descriptor: number, event: number): number {
  const { mm, files } = task;
  if (op !== CTL.DEL && !mm.readable(event, EVENT_SIZE)) return -E.FAULT;
  const epoll = files.get(epfd);
  const file = files.get(descriptor);
  if (!epoll || !file || (epoll.flags | file.flags) & O.PATH) return -E.BADF;
  if (!file.pollable) return -E.PERM;
  if (epoll === file || !(epoll instanceof EpollFile)) return -E.INVAL;
  if (op === CTL.DEL) return epoll.delete(descriptor, file);
  const { view } = mm.window;
  const events = view.getUint32(event, true);
  const low = view.getUint32(event + 4, true), high = view.getUint32(event + 8, true);
  if (op === CTL.MOD) return epoll.modify(descriptor, file, events, low, high);
  if (op !== CTL.ADD) return -E.INVAL;
  const allowed = EPOLL.IN | EPOLL.OUT | EPOLL.ERR | EPOLL.HUP | EPOLL.WAKEUP | EPOLL.ET | EPOLL.EXCLUSIVE;
  if (events & EPOLL.EXCLUSIVE && (events & ~allowed || file instanceof EpollFile)) return -E.INVAL;
  return epoll.add(task, descriptor, file, events, low, high);
}

/** epoll_wait(2). */
function epollWait(task: Task, epfd: number, events: number, max: number, timeout: number): number {
  return epollUntil(task, epfd, events, max, timeout === 0 ? 0 : inMilliseconds(timeout));
}

/** epoll_pwait(2). */
function epollPwait(
  task: Task, epfd: number, events: number, max: number, timeout: number, sigmask: number, bytes: number,
): number {
  const failed = useMask(task, sigmask, bytes);
  if (failed < 0) return failed;
  return finish(task, epollWait(task, epfd, events, max, timeout));
}

/** epoll_pwait2(2). */
function epollPwait2(
  task: Task, epfd: number, events: number, max: number, tsp: number, sigmask: number, bytes: number,
): number {
  const deadline = deadlineOf(task, tsp);
  if (deadline < 0) return deadline;
  const failed = useMask(task, sigmask, bytes);
  if (failed < 0) return failed;
  return finish(task, epollUntil(task, epfd, events, max, deadline));
}

function epollUntil(task: Task, epfd: number, events: number, max: number, deadline: number): number {
  const file = task.files.get(epfd);
  if (max <= 0 || max > 0x7fff_ffff / EVENT_SIZE) return -E.INVAL;
  if (events + max * EVENT_SIZE > ADDRESS_MAX) return -E.FAULT;
  if (!file) return -E.BADF;
  if (!(file instanceof EpollFile)) return -E.INVAL;
  return epollOn(task, file, events, max, deadline, deadline === 0);
}

function epollOn(
  task: Task, epoll: EpollFile, events: number, max: number, deadline: number, immediate: boolean, signal = false,
): number {
  const { view } = task.mm.window;
  // Only what there is to tell has to fit.
  const room = epoll.mayBeReady ? Math.floor(task.mm.writableBytes(events, max * EVENT_SIZE) / EVENT_SIZE) : max;
  if (room === 0 && epoll.poll() !== 0) return -E.FAULT;
  let at = events;
  const count = epoll.collect(room, (bits, low, high) => {
    view.setUint32(at, bits, true);
    view.setUint32(at + 4, low, true);
    view.setUint32(at + 8, high, true);
    at += EVENT_SIZE;
  });
  if (count > 0 || immediate) return count;
  if (signal) return -E.INTR;
  epoll.sleepers.add(task);
  return task.park((waiter, wake) =>
    epollOn(waiter, epoll, events, max, deadline, wake === Wake.Timeout, wake === Wake.Signal), deadline);
}
