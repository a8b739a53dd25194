/**
 * Asynchronous input and output: io_setup(2), io_submit(2), io_getevents(2) … As on Linux for all but direct I/O on
 * block devices, reads and writes are carried out by io_submit, which waits where it must; only polls are pending.
 */
import { Abi } from '../abi/abi.js';
import { IOCB, IOCB_CMD, IOCB_FLAG, IO_EVENT } from '../abi/aio.js';
import { E } from '../abi/errno.js';
import { O, POLL, S } from '../abi/fcntl.js';
import { RWF } from '../abi/file.js';
import { native } from '../host/native.js';
import { createContext, destroyContext, findContext, putEvent, type AioContext, type Request } from '../kernel/aio.js';
import { AnonymousFile } from '../kernel/anonymous_file.js';
import { EventFile } from '../kernel/eventfd.js';
import { BLOCKED, type Task } from '../kernel/task.js';
import { Wake } from '../kernel/wait_queue.js';
import { readiness } from '../kernel/wait_ready.js';
import type { OpenFile } from '../vfs/open_file.js';
import { refusedFlags, writeAtEnd, writeInPlace } from './file_io.js';
import { checkPriority } from './ioprio.js';
import { finish, useMask } from './poll.js';
import { readPair, time } from './timespec.js';
import {
  fetchVector, fileToRead, fileToWrite, OWN_POSITION, readInto, readVector, writeFrom, writeVector,
} from './transfer.js';
import { call, inStruct, long, ptr, uint, type Row } from './types.js';

const ADDRESS_END = 0x7fff_ffff_f000;

export const aioRows: readonly Row[] = [
  call('io_setup', 206, 245, [uint, ptr], ioSetup),
  call('io_destroy', 207, 246, [ptr], ioDestroy),
  call('io_getevents', 208, 247, [ptr, long, long, ptr, inStruct('timespec')], ioGetevents),
  call('io_submit', 209, 248, [ptr, long, ptr], ioSubmit),
  call('io_cancel', 210, 249, [ptr, ptr, ptr], ioCancel),
  call('io_pgetevents', 333, 385, [ptr, long, long, ptr, inStruct('timespec'), ptr], ioPgetevents),
];

/** A word of the program's, or -EFAULT. */
function getWord(task: Task, address: number): number {
  return task.abi === Abi.X64 ? task.mm.getU64(address) : task.mm.getU32(address);
}

/** io_setup(2). */
function ioSetup(task: Task, asked: number, result: number): number {
  const { mm } = task;
  const before = getWord(task, result);
  if (before === -E.FAULT) return before;
  if (before !== 0 || asked === 0) return -E.INVAL;
  const context = createContext(mm, asked);
  if (typeof context === 'number') return context;
  const told = task.abi === Abi.X64 ? mm.putU64(result, context.id) : mm.putU32(result, context.id);
  if (told) return 0;
  destroyContext(mm, context);
  return -E.FAULT;
}

/** io_destroy(2). */
function ioDestroy(task: Task, id: number): number {
  const context = findContext(task.mm, id);
  if (context === undefined) return -E.INVAL;
  destroyContext(task.mm, context);
  return 0;
}

/** io_submit(2). */
function ioSubmit(task: Task, id: number, count: number, list: number): number {
  if (count < 0) return -E.INVAL;
  const context = findContext(task.mm, id);
  if (context === undefined) return -E.INVAL;
  return submitFrom(task, context, list, Math.min(count, context.size), 0);
}

/** Submits the control blocks of the list from number `index` on; gives how many were, or the error of the first. */
function submitFrom(task: Task, context: AioContext, list: number, count: number, index: number): number {
  const word = task.abi === Abi.X64 ? 8 : 4;
  for (let at = index; at < count; at++) {
    const iocb = getWord(task, list + at * word);
    const result = iocb === -E.FAULT ? iocb : submit(task, context, iocb);
    if (result === BLOCKED) {
      return whenDone(task, result, (parked) => submitFrom(parked, context, list, count, at + 1));
    }
    if (result < 0) return at > 0 ? at : result;
  }
  return count;
}

/** What `result` becomes in the end: `next` is given it when the call that gave it waits no more. */
function whenDone(task: Task, result: number, next: (task: Task, result: number) => number): number {
  if (result !== BLOCKED) return next(task, result);
  const resume = task.resume!;
  task.resume = (parked, wake) => whenDone(parked, resume(parked, wake), next);
  return BLOCKED;
}

/** Starts one request: 0, or -errno when there will be no event of it; BLOCKED when it waits, and nothing later. */
function submit(task: Task, context: AioContext, iocb: number): number {
  const { mm } = task;
  if (!mm.readable(iocb, IOCB.size)) return -E.FAULT;
  const { view } = mm.window;
  if (view.getUint32(iocb + IOCB.reserved2, true) !== 0 || view.getUint32(iocb + IOCB.reserved2 + 4, true) !== 0) {
    return -E.INVAL;
  }
  if (view.getInt32(iocb + IOCB.nbytes + 4, true) < 0) return -E.INVAL;
  if (context.full) return -E.AGAIN;
  const file = task.files.get(view.getInt32(iocb + IOCB.fd, true));
  if (file === undefined || file.flags & O.PATH) return -E.BADF;
  const eventFile = eventFileOf(task, iocb);
  if (typeof eventFile === 'number') return eventFile;
  if (!mm.putU32(iocb + IOCB.key, 0)) return -E.FAULT;
  const request: Request = {
    iocb, eventFile,
    dataLow: view.getUint32(iocb + IOCB.data, true), dataHigh: view.getUint32(iocb + IOCB.data + 4, true),
  };
  eventFile?.ref();
  const started = start(task, context, iocb, file, request);
  if (started < 0 && started !== BLOCKED) eventFile?.unref();
  return started;
}

/** IOCB_FLAG_RESFD: the eventfd that counts the request's end. */
function eventFileOf(task: Task, iocb: number): EventFile | null | number {
  const { view } = task.mm.window;
  if ((view.getUint32(iocb + IOCB.flags, true) & IOCB_FLAG.RESFD) === 0) return null;
  const file = task.files.get(view.getInt32(iocb + IOCB.resfd, true));
  if (file === undefined) return -E.BADF;
  return file instanceof EventFile ? file : -E.INVAL;
}

function start(task: Task, context: AioContext, iocb: number, file: OpenFile, request: Request): number {
  const { view } = task.mm.window;
  switch (view.getUint16(iocb + IOCB.opcode, true)) {
    case IOCB_CMD.PREAD: return transfer(task, context, iocb, request, false, false);
    case IOCB_CMD.PREADV: return transfer(task, context, iocb, request, false, true);
    case IOCB_CMD.PWRITE: return transfer(task, context, iocb, request, true, false);
    case IOCB_CMD.PWRITEV: return transfer(task, context, iocb, request, true, true);
    case IOCB_CMD.FSYNC: return sync(task, context, iocb, file, request, false);
    case IOCB_CMD.FDSYNC: return sync(task, context, iocb, file, request, true);
    case IOCB_CMD.POLL: {
      const events = low64(view, iocb + IOCB.buf);
      if (events > 0xffff || low64(view, iocb + IOCB.offset) !== 0 || low64(view, iocb + IOCB.nbytes) !== 0 ||
        view.getUint32(iocb + IOCB.rwFlags, true) !== 0) return -E.INVAL;
      context.poll(task, file, events | POLL.ERR | POLL.HUP, request);
      return 0;
    }
    default:
      return -E.INVAL;
  }
}

function low64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 0x1_0000_0000 + view.getUint32(at, true);
}

function sync(
  task: Task, context: AioContext, iocb: number, file: OpenFile, request: Request, dataOnly: boolean,
): number {
  const { view } = task.mm.window;
  if (low64(view, iocb + IOCB.buf) !== 0 || low64(view, iocb + IOCB.offset) !== 0 ||
    low64(view, iocb + IOCB.nbytes) !== 0 || view.getUint32(iocb + IOCB.rwFlags, true) !== 0) return -E.INVAL;
  const result = file.sync(dataOnly);
  if (result === -E.INVAL) return result;
  context.begin();
  context.complete(request, result);
  return 0;
}

/** Whether a file reads or writes this way at all: directories and most nameless files do not. */
function transfers(file: OpenFile, writes: boolean): boolean {
  if (file instanceof AnonymousFile) return file instanceof EventFile && !writes;
  return file.inode === null || file.inode.type !== S.IFDIR;
}

/** A read or write, of one buffer or of a vector. */
function transfer(
  task: Task, context: AioContext, iocb: number, request: Request, writes: boolean, vectored: boolean,
): number {
  const { view } = task.mm.window;
  const rwf = view.getUint32(iocb + IOCB.rwFlags, true);
  if (view.getUint32(iocb + IOCB.flags, true) & IOCB_FLAG.IOPRIO) {
    const refused = checkPriority(task, view.getUint16(iocb + IOCB.reqprio, true));
    if (refused < 0) return refused;
  }
  const fd = view.getInt32(iocb + IOCB.fd, true);
  const file = writes ? fileToWrite(task, fd, OWN_POSITION) : fileToRead(task, fd, OWN_POSITION);
  if (typeof file === 'number') return file;
  if (!transfers(file, writes)) return -E.INVAL;
  const refused = refusedFlags(file, rwf);
  if (refused < 0) return refused;
  if (view.getInt32(iocb + IOCB.offset + 4, true) < 0) return -E.INVAL;
  const position = file.seekable ? low64(view, iocb + IOCB.offset) : OWN_POSITION;
  const buf = low64(view, iocb + IOCB.buf), length = low64(view, iocb + IOCB.nbytes);
  const wrong = vectored ? fetchVector(task, buf, length) : buf + length > ADDRESS_END ? -E.FAULT : 0;
  if (typeof wrong === 'number' && wrong < 0) return wrong;
  context.begin();
  const result = rwf & RWF.NOWAIT && readiness(file, writes ? POLL.OUT : POLL.IN) === 0 ? -E.AGAIN
    : carryOut(task, file, buf, length, position, writes, vectored, rwf);
  return whenDone(task, result, (_parked, done) => {
    if (done > 0 && writes && rwf & (RWF.DSYNC | RWF.SYNC)) file.sync((rwf & RWF.SYNC) === 0);
    // A signal ends what waits; the call itself goes on with the next.
    context.complete(request, done <= -E.RESTARTSYS ? -E.INTR : done);
    return 0;
  });
}

function carryOut(
  task: Task, file: OpenFile, buf: number, length: number, position: number, writes: boolean, vectored: boolean,
  rwf: number,
): number {
  if (!writes) {
    return vectored ? readVector(task, file, buf, length, position) : readInto(task, file, buf, length, position);
  }
  const write = (at: number): number =>
    (vectored ? writeVector(task, file, buf, length, at) : writeFrom(task, file, buf, length, at));
  if (rwf & RWF.NOAPPEND && file.seekable && file.flags & O.APPEND) return writeInPlace(file, () => write(position));
  return rwf & RWF.APPEND && file.seekable ? writeAtEnd(file, position, () => write(OWN_POSITION)) : write(position);
}

/** io_cancel(2): its event comes through io_getevents; the last argument is not used any more. */
function ioCancel(task: Task, id: number, iocb: number): number {
  const { mm } = task;
  const key = mm.getU32(iocb + IOCB.key);
  if (key === -E.FAULT) return key;
  if (key !== 0) return -E.INVAL;
  return findContext(mm, id)?.cancel(iocb) ?? -E.INVAL;
}

/** CLOCK_MONOTONIC time at which a wait of `timeout` (a timespec; 0: for ever) ends; 0: no wait. -EFAULT. */
function deadlineOf(task: Task, timeout: number): number {
  if (timeout === 0) return Infinity;
  const failed = readPair(task, timeout);
  if (failed < 0) return failed;
  const ns = time.sec * 1e9 + time.nsec;
  return ns <= 0 ? 0 : native.monotonicNow() + ns;
}

/** io_getevents(2). */
function ioGetevents(task: Task, id: number, least: number, most: number, events: number, timeout: number): number {
  const deadline = deadlineOf(task, timeout);
  if (deadline < 0) return deadline;
  return eventsOf(task, id, least, most, events, deadline, -E.INTR);
}

/** io_pgetevents(2): `sigmask` is the address of a mask's address and size. */
function ioPgetevents(
  task: Task, id: number, least: number, most: number, events: number, timeout: number, sigmask: number,
): number {
  const deadline = deadlineOf(task, timeout);
  if (deadline < 0) return deadline;
  if (sigmask !== 0) {
    const word = task.abi === Abi.X64 ? 8 : 4;
    const mask = getWord(task, sigmask), bytes = getWord(task, sigmask + word);
    if (mask === -E.FAULT || bytes === -E.FAULT) return -E.FAULT;
    const failed = useMask(task, mask, bytes);
    if (failed < 0) return failed;
  }
  return finish(task, eventsOf(task, id, least, most, events, deadline, -E.RESTARTNOHAND));
}

function eventsOf(
  task: Task, id: number, least: number, most: number, events: number, deadline: number, interrupted: number,
): number {
  const context = findContext(task.mm, id);
  if (context === undefined || least > most || least < 0) return -E.INVAL;
  return collect(task, context, least, most, events, 0, deadline, deadline === 0, interrupted);
}

/** Copies events to the program until there are `least`; `done` were copied before. */
function collect(
  task: Task, context: AioContext, least: number, most: number, events: number, done: number, deadline: number,
  over: boolean, interrupted: number,
): number {
  let count = done;
  for (let event = context.first; count < most && event !== undefined; event = context.first) {
    const at = events + count * IO_EVENT.size;
    if (!putEvent(task.mm, at, event.request, event.result)) return count > 0 ? count : -E.FAULT;
    context.take();
    count++;
  }
  if (context.dead && count === 0) return -E.INVAL;
  if (count >= least || over || context.dead) return count;
  context.queue.add(task);
  return task.park((parked, wake) => {
    if (wake === Wake.Signal && context.first === undefined) return count > 0 ? count : interrupted;
    return collect(
      parked, context, least, most, events, count, deadline, wake !== Wake.Event, interrupted,
    );
  }, deadline);
}
