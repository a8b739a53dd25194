/** Timers: setitimer(2), alarm(2), timer_create(2), timerfd_create(2). */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { SIG, SIGRTMAX } from '../abi/signal.js';
import { CLOCK, ITIMER, SIGEV, TFD, TFD_TIMER, TIMER_ABSTIME } from '../abi/time.js';
import { native } from '../host/native.js';
import { clockExists, monotonicAt } from '../kernel/clock.js';
import { timersOf, type Notification } from '../kernel/interval_timers.js';
import type { Task } from '../kernel/task.js';
import { TimerFile } from '../kernel/timerfd.js';
import { readTimespec, readTimeval, time, writeNs, writePair } from './timespec.js';
import { call, fd, flags, inStruct, int, oneOf, outStruct, ptr, uint, type Row } from './types.js';

const which = oneOf('ITIMER_', ITIMER);
const clock = oneOf('CLOCK_', CLOCK);

export const timerRows: readonly Row[] = [
  call('getitimer', 36, 105, [which, outStruct('itimerval')], getitimer),
  call('setitimer', 38, 104, [which, inStruct('itimerval'), outStruct('itimerval')], setitimer),
  call('alarm', 37, 27, [uint], alarm),
  call('timer_create', 222, 259, [clock, inStruct('sigevent'), ptr], timerCreate),
  call('timer_settime', 223, 260, [
    int, flags('TIMER_', { ABSTIME: TIMER_ABSTIME }), inStruct('itimerspec'), outStruct('itimerspec'),
  ], timerSettime),
  call('timer_gettime', 224, 261, [int, outStruct('itimerspec')], timerGettime),
  call('timer_getoverrun', 225, 262, [int], timerGetoverrun),
  call('timer_delete', 226, 263, [int], (task, id) => timersOf(task.process).delete(id)),
  call('timerfd_create', 283, 322, [clock, flags('TFD_', TFD)], timerfdCreate),
  call('timerfd_settime', 286, 325, [
    fd, flags('TFD_TIMER_', TFD_TIMER), inStruct('itimerspec'), outStruct('itimerspec'),
  ], timerfdSettime),
  call('timerfd_gettime', 287, 326, [fd, outStruct('itimerspec')], timerfdGettime),
];

/** Bytes of a timespec or timeval. */
function pairSize(task: Task): number {
  return task.abi === Abi.X64 ? 16 : 8;
}

function writeItimerval(task: Task, addr: number, interval: number, value: number): number {
  const put = (at: number, ns: number): number => {
    // Rounded up: a timer that is armed does not show 0.
    const us = Math.ceil(ns / 1000);
    return writePair(task, at, Math.floor(us / 1e6), us % 1e6);
  };
  return Math.min(put(addr, interval), put(addr + pairSize(task), value));
}

function writeItimerspec(task: Task, addr: number, interval: number, value: number): number {
  return Math.min(writeNs(task, addr, interval), writeNs(task, addr + pairSize(task), value));
}

/** getitimer(2). */
function getitimer(task: Task, kind: number, value: number): number {
  if (kind < ITIMER.REAL || kind > ITIMER.PROF) return -E.INVAL;
  const timer = timersOf(task.process).itimer(kind);
  return writeItimerval(task, value, timer.interval, timer.remaining);
}

/** setitimer(2): a NULL value disarms. */
function setitimer(task: Task, kind: number, value: number, old: number): number {
  let interval = 0, first = 0;
  if (value !== 0) {
    const wrong = readTimeval(task, value);
    if (wrong < 0) return wrong;
    interval = time.sec * 1e9 + time.nsec;
    const wrongValue = readTimeval(task, value + pairSize(task));
    if (wrongValue < 0) return wrongValue;
    first = time.sec * 1e9 + time.nsec;
  }
  if (kind < ITIMER.REAL || kind > ITIMER.PROF) return -E.INVAL;
  const timer = timersOf(task.process).itimer(kind);
  const oldInterval = timer.interval, oldValue = timer.remaining;
  timer.arm(first, interval);
  return old === 0 ? 0 : writeItimerval(task, old, oldInterval, oldValue);
}

/** alarm(2). */
function alarm(task: Task, seconds: number): number {
  const timer = timersOf(task.process).itimer(ITIMER.REAL);
  const left = timer.remaining;
  timer.arm(seconds * 1e9, 0);
  return left === 0 ? 0 : Math.max(1, Math.round(left / 1e9));
}

const SIGEVENT_SIZE = 64;

/** timer_create(2). */
function timerCreate(task: Task, clockId: number, sevp: number, idAt: number): number {
  if (!clockExists(task, clockId)) return -E.INVAL;
  if (clockId === CLOCK.MONOTONIC_RAW || clockId === CLOCK.REALTIME_COARSE || clockId === CLOCK.MONOTONIC_COARSE) {
    return -E.OPNOTSUPP;
  }
  const { mm } = task;
  const notification: Notification = { kind: SIGEV.SIGNAL, signal: SIG.ALRM, valueLow: -1, valueHigh: 0, tid: 0 };
  if (sevp !== 0) {
    if (!mm.readable(sevp, SIGEVENT_SIZE)) return -E.FAULT;
    const { view } = mm.window;
    const word = task.abi === Abi.X64 ? 8 : 4;
    notification.valueLow = view.getUint32(sevp, true);
    notification.valueHigh = word === 8 ? view.getUint32(sevp + 4, true) : 0;
    notification.signal = view.getInt32(sevp + word, true);
    notification.kind = view.getInt32(sevp + word + 4, true);
    notification.tid = view.getInt32(sevp + word + 8, true);
    const { kind, signal, tid } = notification;
    if (kind !== SIGEV.NONE && kind !== SIGEV.SIGNAL && kind !== SIGEV.THREAD && kind !== SIGEV.THREAD_ID) {
      return -E.INVAL;
    }
    if (kind !== SIGEV.NONE && (signal <= 0 || signal > SIGRTMAX)) return -E.INVAL;
    if (kind === SIGEV.THREAD_ID && task.kernel.tasks.get(tid)?.process !== task.process) return -E.INVAL;
  }
  if (!mm.writable(idAt, 4)) return -E.FAULT;
  const timer = timersOf(task.process).create(task, clockId, notification);
  if (typeof timer === 'number') return timer;
  if (sevp === 0) timer.notification.valueLow = timer.id;
  mm.putU32(idAt, timer.id);
  return 0;
}

/** Reads a struct itimerspec: ns of interval and value; `absolute` values become CLOCK_MONOTONIC times. */
const spec = { interval: 0, first: 0 };

function readItimerspec(task: Task, addr: number, clockId: number, absolute: boolean): number {
  const wrong = readTimespec(task, addr);
  if (wrong < 0) return wrong;
  spec.interval = time.sec * 1e9 + time.nsec;
  const wrongValue = readTimespec(task, addr + pairSize(task));
  if (wrongValue < 0) return wrongValue;
  const ns = time.sec * 1e9 + time.nsec;
  if (ns === 0) spec.first = Infinity;
  else spec.first = absolute ? monotonicAt(task, clockId, time.sec, time.nsec) : native.monotonicNow() + ns;
  return 0;
}

/** timer_settime(2). */
function timerSettime(task: Task, id: number, flagBits: number, value: number, old: number): number {
  const timer = timersOf(task.process).get(id);
  if (value === 0) return -E.INVAL;
  const wrong = readItimerspec(task, value, timer?.clockId ?? CLOCK.MONOTONIC, (flagBits & TIMER_ABSTIME) !== 0);
  if (wrong < 0) return wrong;
  if (!timer) return -E.INVAL;
  const { interval, first } = spec;
  const oldInterval = timer.timer.interval, oldValue = timer.timer.remaining;
  timer.forget();
  if (timer.cpuTime && first !== Infinity) {
    const ns = time.sec * 1e9 + time.nsec;
    timer.timer.set(flagBits & TIMER_ABSTIME ? ns : timer.now() + ns, interval);
  } else {
    timer.timer.set(first, interval);
  }
  return old === 0 ? 0 : writeItimerspec(task, old, oldInterval, oldValue);
}

/** timer_gettime(2). */
function timerGettime(task: Task, id: number, value: number): number {
  const timer = timersOf(task.process).get(id);
  return timer ? writeItimerspec(task, value, timer.timer.interval, timer.timer.remaining) : -E.INVAL;
}

/** timer_getoverrun(2). */
function timerGetoverrun(task: Task, id: number): number {
  return timersOf(task.process).get(id)?.overrun ?? -E.INVAL;
}

/** timerfd_create(2). */
function timerfdCreate(task: Task, clockId: number, flagBits: number): number {
  if (flagBits & ~(TFD.NONBLOCK | TFD.CLOEXEC)) return -E.INVAL;
  if (clockId !== CLOCK.REALTIME && clockId !== CLOCK.MONOTONIC && clockId !== CLOCK.BOOTTIME &&
    clockId !== CLOCK.REALTIME_ALARM && clockId !== CLOCK.BOOTTIME_ALARM) return -E.INVAL;
  const file = new TimerFile(task.kernel.timers, clockId, (flagBits & TFD.NONBLOCK) !== 0);
  const result = task.files.install(file, (flagBits & O.CLOEXEC) !== 0);
  if (result < 0) file.unref();
  return result;
}

function timerFile(task: Task, descriptor: number): TimerFile | number {
  const file = task.files.get(descriptor);
  if (!file) return -E.BADF;
  return file instanceof TimerFile ? file : -E.INVAL;
}

/** timerfd_settime(2). */
function timerfdSettime(task: Task, descriptor: number, flagBits: number, value: number, old: number): number {
  if (flagBits & ~(TFD_TIMER.ABSTIME | TFD_TIMER.CANCEL_ON_SET)) return -E.INVAL;
  const file = timerFile(task, descriptor);
  const clockId = typeof file === 'number' ? CLOCK.MONOTONIC : file.clock;
  const wrong = readItimerspec(task, value, clockId, (flagBits & TFD_TIMER.ABSTIME) !== 0);
  if (wrong < 0) return wrong;
  if (typeof file === 'number') return file;
  const { interval, first } = spec;
  const before = file.remaining();
  file.set(first, interval);
  return old === 0 ? 0 : writeItimerspec(task, old, before.interval, before.value);
}

/** timerfd_gettime(2). */
function timerfdGettime(task: Task, descriptor: number, value: number): number {
  const file = timerFile(task, descriptor);
  if (typeof file === 'number') return file;
  const { interval, value: left } = file.remaining();
  return writeItimerspec(task, value, interval, left);
}
