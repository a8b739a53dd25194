/** Clocks and sleeping: clock_gettime(2), nanosleep(2), gettimeofday(2), time(2), times(2). */
import { E } from '../abi/errno.js';
import { CLOCK, TIMER_ABSTIME, TMS, USER_HZ } from '../abi/time.js';
import { native } from '../host/native.js';
import { clockExists, monotonicAt, processUsage, readClock } from '../kernel/clock.js';
import type { Task } from '../kernel/task.js';
import { Wake } from '../kernel/wait_queue.js';
import { readTimespec, time, writeNs, writePair } from './timespec.js';
import { call, flags, inStruct, int, oneOf, outStruct, ptr, type Row } from './types.js';

const clock = oneOf('CLOCK_', CLOCK);

export const clockRows: readonly Row[] = [
  call('clock_gettime', 228, 265, [clock, outStruct('timespec')], clockGettime),
  call('clock_getres', 229, 266, [clock, outStruct('timespec')], clockGetres),
  call('clock_settime', 227, 264, [clock, inStruct('timespec')], clockSettime, 'partial',
    'the host\'s clock stays: EPERM'),
  call('clock_nanosleep', 230, 267, [
    clock, flags('TIMER_', { ABSTIME: TIMER_ABSTIME }), inStruct('timespec'), outStruct('timespec'),
  ], clockNanosleep),
  call('nanosleep', 35, 162, [inStruct('timespec'), outStruct('timespec')], nanosleep),
  call('gettimeofday', 96, 78, [outStruct('timeval'), ptr], gettimeofday),
  call('settimeofday', 164, 79, [inStruct('timeval'), ptr], settimeofday, 'partial', 'the host\'s clock stays: EPERM'),
  call('time', 201, 13, [ptr], timeCall),
  call('times', 100, 43, [ptr], times),
  call('adjtimex', 159, 124, [ptr], adjtimex, 'partial', 'reading only'),
  call('clock_adjtime', 305, 343, [int, ptr], clockAdjtime, 'partial', 'reading only'),
];

const now = new Float64Array(2);

/** clock_gettime(2). */
function clockGettime(task: Task, id: number, tp: number): number {
  const failed = readClock(task, id, now);
  return failed < 0 ? failed : writePair(task, tp, now[0]!, now[1]!);
}

/** clock_getres(2). */
function clockGetres(task: Task, id: number, tp: number): number {
  if (!clockExists(task, id)) return -E.INVAL;
  if (id < 0) {
    now[0] = 0;
    now[1] = 1;
  } else {
    const failed = native.clockGetres(id, now);
    if (failed < 0) return failed;
  }
  return tp === 0 ? 0 : writePair(task, tp, now[0]!, now[1]!);
}

/** clock_settime(2). */
function clockSettime(task: Task, id: number, tp: number): number {
  if (id !== CLOCK.REALTIME) return -E.INVAL;
  const failed = readTimespec(task, tp);
  return failed < 0 ? failed : -E.PERM;
}

/** clock_nanosleep(2). */
function clockNanosleep(task: Task, id: number, flagBits: number, request: number, remain: number): number {
  if (!clockExists(task, id)) return -E.INVAL;
  switch (id) {
    case CLOCK.THREAD_CPUTIME_ID: case CLOCK.MONOTONIC_RAW: case CLOCK.REALTIME_COARSE: case CLOCK.MONOTONIC_COARSE:
      return -E.OPNOTSUPP;
  }
  const failed = readTimespec(task, request);
  if (failed < 0) return failed;
  if (flagBits & TIMER_ABSTIME) return sleepUntil(task, monotonicAt(task, id, time.sec, time.nsec), 0, true);
  return sleepUntil(task, native.monotonicNow() + time.sec * 1e9 + time.nsec, remain, false);
}

/** nanosleep(2). */
function nanosleep(task: Task, request: number, remain: number): number {
  const failed = readTimespec(task, request);
  if (failed < 0) return failed;
  return sleepUntil(task, native.monotonicNow() + time.sec * 1e9 + time.nsec, remain, false);
}

/** Sleeps until CLOCK_MONOTONIC shows `deadline`. Interrupted relative sleeps tell what remains, and are restarted. */
function sleepUntil(task: Task, deadline: number, remain: number, absolute: boolean): number {
  if (deadline <= native.monotonicNow()) return 0;
  return task.park((sleeper, wake) => {
    if (wake === Wake.Timeout) return 0;
    if (wake === Wake.Event) return sleepUntil(sleeper, deadline, remain, absolute);
    if (absolute) return -E.RESTARTNOHAND;
    const left = Math.max(0, deadline - native.monotonicNow());
    if (left === 0) return 0;
    if (remain !== 0 && writeNs(sleeper, remain, left) < 0) return -E.FAULT;
    sleeper.restart = () => sleepUntil(sleeper, deadline, remain, false);
    return -E.RESTART_RESTARTBLOCK;
  }, deadline);
}

/** gettimeofday(2). */
function gettimeofday(task: Task, tv: number, tz: number): number {
  if (tv !== 0) {
    native.clockGettime(CLOCK.REALTIME, now);
    if (writePair(task, tv, now[0]!, Math.floor(now[1]! / 1000)) < 0) return -E.FAULT;
  }
  if (tz !== 0) {
    if (!task.mm.writable(tz, 8)) return -E.FAULT;
    task.mm.window.u8.fill(0, tz, tz + 8);
  }
  return 0;
}

/** settimeofday(2). */
function settimeofday(task: Task, tv: number, _tz: number): number {
  if (tv !== 0 && !task.mm.readable(tv, 16)) return -E.FAULT;
  return -E.PERM;
}

/** time(2). */
function timeCall(task: Task, tloc: number): number {
  native.clockGettime(CLOCK.REALTIME, now);
  if (tloc !== 0 && !(task.abi === 0 ? task.mm.putU64(tloc, now[0]!) : task.mm.putU32(tloc, now[0]!))) return -E.FAULT;
  return now[0]!;
}

const NS_PER_TICK = 1e9 / USER_HZ;

/** times(2). */
function times(task: Task, buf: number): number {
  if (buf !== 0) {
    const at = TMS.of(task.abi);
    if (!task.mm.writable(buf, at.size)) return -E.FAULT;
    const { childUsage } = task.process;
    const { view } = task.mm.window;
    task.mm.window.u8.fill(0, buf, buf + at.size);
    const own = processUsage(task.process);
    view.setUint32(buf + at.utime, Math.floor(own.userTime / NS_PER_TICK), true);
    view.setUint32(buf + at.stime, Math.floor(own.systemTime / NS_PER_TICK), true);
    view.setUint32(buf + at.cutime, Math.floor(childUsage.userTime / NS_PER_TICK), true);
    view.setUint32(buf + at.cstime, Math.floor(childUsage.systemTime / NS_PER_TICK), true);
  }
  return Math.floor(native.monotonicNow() / NS_PER_TICK) % 0x8000_0000;
}

const TIMEX_SIZE = 208;
const STA_UNSYNC = 0x40;
const TIME_ERROR = 5;

/** adjtimex(2) with modes 0: an unsynchronised clock. */
function adjtimex(task: Task, buf: number): number {
  if (!task.mm.writable(buf, TIMEX_SIZE)) return -E.FAULT;
  const { view, u8 } = task.mm.window;
  const modes = view.getUint32(buf, true);
  if (modes !== 0) return -E.PERM;
  u8.fill(0, buf, buf + TIMEX_SIZE);
  view.setUint32(buf + 40, STA_UNSYNC, true);
  native.clockGettime(CLOCK.REALTIME, now);
  view.setUint32(buf + 72, now[0]!, true);
  view.setUint32(buf + 80, Math.floor(now[1]! / 1000), true);
  view.setUint32(buf + 88, 10000, true);
  return TIME_ERROR;
}

function clockAdjtime(task: Task, id: number, buf: number): number {
  return id === CLOCK.REALTIME ? adjtimex(task, buf) : clockExists(task, id) ? -E.OPNOTSUPP : -E.INVAL;
}
