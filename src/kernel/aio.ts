/** Contexts of asynchronous input and output (io_setup(2)): what was asked for, and what came of it. */
import { E } from '../abi/errno.js';
import { AIO_RING, IO_EVENT } from '../abi/aio.js';
import { PROT } from '../abi/mman.js';
import type { AddressSpace } from '../mm/address_space.js';
import { PAGE } from '../mm/layout.js';
import { addArea, mayExpand, unmappedArea } from '../mm/mapping.js';
import { Vma, VmFlag } from '../mm/vma.js';
import type { OpenFile } from '../vfs/open_file.js';
import { aioLimits } from './aio_limits.js';
import type { EventFile } from './eventfd.js';
import type { Task } from './task.js';
import { WaitQueue, type Waiter } from './wait_queue.js';
import { readiness, readyQueue } from './wait_ready.js';

/** Most bytes of events in a context. */
const EVENT_BYTES_MAX = 0x1000_0000;

/** A request: its user-space control block, what goes back with its result, and who else is told. */
export interface Request {
  readonly iocb: number;
  readonly dataLow: number;
  readonly dataHigh: number;
  readonly eventFile: EventFile | null;
}

export interface Completion {
  readonly request: Request;
  readonly result: number;
}

const RING_MAGIC = 0xa10a_10a1;
const RING_COMPAT = 1;

export class AioContext {
  /** What has ended and was not fetched, and who waits for it. */
  private readonly completions: Completion[] = [];
  readonly queue = new WaitQueue();
  private readonly polls = new Set<PollRequest>();
  private transfers = 0;
  /** Where the oldest of `completions` is in the ring, and where the next will be. */
  private head = 0;
  private tail = 0;
  dead = false;

  constructor(
    private readonly mm: AddressSpace,
    /** Its address in the program, which is its name. */
    public id: number,
    /** What the program asked for, and what its ring has room for. */
    readonly asked: number,
    readonly size: number,
  ) {}

  /** The oldest event; undefined: there is none. */
  get first(): Completion | undefined {
    this.seeFetched();
    return this.completions[0];
  }

  /** The oldest event has been fetched. */
  take(): void {
    this.completions.shift();
    this.head = (this.head + 1) % this.size;
    this.mm.putU32(this.id + AIO_RING.head, this.head);
  }

  /** A program may take events from the ring itself, by moving its head. */
  private seeFetched(): void {
    const head = this.mm.getU32(this.id + AIO_RING.head);
    if (head === this.head || head < 0) return;
    const fetched = (head % this.size - this.head + this.size) % this.size;
    this.completions.splice(0, fetched);
    this.head = head % this.size;
  }

  get full(): boolean {
    this.seeFetched();
    return this.completions.length + this.polls.size + this.transfers >= this.size - 1;
  }

  /** A read or write that waits takes a place from here to its `complete`. */
  begin(): void {
    this.transfers++;
  }

  complete(request: Request, result: number): void {
    this.transfers--;
    this.finish(request, result);
  }

  /** IOCB_CMD_POLL: ends when one of `events` is true of the file. */
  poll(task: Task, file: OpenFile, events: number, request: Request): void {
    const now = readiness(file, events);
    if (now !== 0) return this.finish(request, now);
    const poll = new PollRequest(this, task, file, events, request);
    this.polls.add(poll);
  }

  /** io_cancel(2). -EINVAL when no request with that control block can be cancelled. */
  cancel(iocb: number): number {
    for (const poll of this.polls) {
      if (poll.request.iocb !== iocb) continue;
      poll.end(0);
      return -E.INPROGRESS;
    }
    return -E.INVAL;
  }

  pollEnds(poll: PollRequest, result: number): void {
    this.polls.delete(poll);
    this.finish(poll.request, result);
  }

  private finish(request: Request, result: number): void {
    if (!this.dead) {
      this.completions.push({ request, result });
      putEvent(this.mm, this.id + AIO_RING.size + this.tail * IO_EVENT.size, request, result);
      this.tail = (this.tail + 1) % this.size;
      this.mm.putU32(this.id + AIO_RING.tail, this.tail);
    }
    request.eventFile?.add(1);
    request.eventFile?.unref();
    this.queue.wake();
  }

  /** Nothing comes of what is under way; who waits gets -EINVAL. */
  destroy(): void {
    this.dead = true;
    aioLimits.used -= this.asked;
    for (const poll of this.polls) poll.end(0);
    this.completions.length = 0;
    this.queue.wake();
  }
}

/** Stores a struct io_event; false: the program may not write there. */
export function putEvent(mm: AddressSpace, at: number, request: Request, result: number): boolean {
  if (!mm.writable(at, IO_EVENT.size)) return false;
  const { view } = mm.window;
  view.setUint32(at + IO_EVENT.data, request.dataLow, true);
  view.setUint32(at + IO_EVENT.data + 4, request.dataHigh, true);
  mm.putU64(at + IO_EVENT.obj, request.iocb);
  mm.putU64(at + IO_EVENT.res, result);
  return mm.putU64(at + IO_EVENT.res2, 0);
}

/** A file that is watched for a context. */
class PollRequest implements Waiter {
  private readonly queue: WaitQueue;

  constructor(
    private readonly context: AioContext, task: Task, private readonly file: OpenFile, private readonly events: number,
    readonly request: Request,
  ) {
    file.ref();
    this.queue = readyQueue(task, file);
    this.queue.watch(this, events);
  }

  notify(): boolean {
    const now = readiness(this.file, this.events);
    if (now !== 0) this.end(now);
    return now !== 0;
  }

  end(result: number): void {
    this.queue.remove(this);
    this.context.pollEnds(this, result);
    this.file.unref();
  }
}

/** The contexts of an address space, which end with it. */
class AioContexts {
  readonly byId = new Map<number, AioContext>();

  release(): void {
    for (const context of this.byId.values()) context.destroy();
    this.byId.clear();
  }

  keepsSize(address: number): boolean {
    return this.byId.has(address);
  }

  /** A ring, and with it the context's name. */
  moved(from: number, to: number): void {
    const context = this.byId.get(from);
    if (context === undefined || from === to) return;
    this.byId.delete(from);
    context.id = to;
    this.byId.set(to, context);
  }
}

/** The context of that name; undefined, too, when the program has unmapped its ring. */
export function findContext(mm: AddressSpace, id: number): AioContext | undefined {
  const context = (mm.asyncIo as AioContexts | null)?.byId.get(id);
  return context !== undefined && mm.readable(id, AIO_RING.size) ? context : undefined;
}

/** io_setup(2): maps a ring, from which programs may take their events themselves. -EINVAL, -EAGAIN, -ENOMEM. */
export function createContext(mm: AddressSpace, asked: number): AioContext | number {
  const wanted = Math.max(asked, 4) * 2;
  if (wanted > EVENT_BYTES_MAX / IO_EVENT.size) return -E.INVAL;
  if (asked > aioLimits.max) return -E.AGAIN;
  const bytes = Math.ceil((AIO_RING.size + (wanted + 2) * IO_EVENT.size) / PAGE) * PAGE;
  if (aioLimits.used + asked > aioLimits.max) return -E.AGAIN;
  const prot = PROT.READ | PROT.WRITE;
  const start = unmappedArea(mm, 0, bytes, 0);
  if (start < 0 || !mayExpand(mm, bytes, prot, 0)) return -E.NOMEM;
  const failed = addArea(mm, new Vma(start, start + bytes, prot, VmFlag.DontFork, null, 0, '/[aio] (deleted)'));
  if (failed < 0) return failed;
  const size = (bytes - AIO_RING.size) / IO_EVENT.size;
  const { view } = mm.window;
  view.setUint32(start + AIO_RING.nr, size, true);
  view.setUint32(start + AIO_RING.magic, RING_MAGIC, true);
  view.setUint32(start + AIO_RING.compat, RING_COMPAT, true);
  view.setUint32(start + AIO_RING.headerLength, AIO_RING.size, true);
  const context = new AioContext(mm, start, asked, size);
  aioLimits.used += asked;
  const contexts = (mm.asyncIo ??= new AioContexts()) as AioContexts;
  contexts.byId.set(start, context);
  return context;
}

/** io_destroy(2): the ring goes, too. */
export function destroyContext(mm: AddressSpace, context: AioContext): void {
  (mm.asyncIo as AioContexts).byId.delete(context.id);
  context.destroy();
  const bytes = AIO_RING.size + context.size * IO_EVENT.size;
  mm.munmap(context.id, bytes);
}
