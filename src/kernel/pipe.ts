/** Pipes and FIFOs (pipe(7)): a ring of bytes between readers and writers. */
import { E } from '../abi/errno.js';
import { O, POLL, S } from '../abi/fcntl.js';
import type { Location } from '../vfs/mount.js';
import type { Stat } from '../vfs/inode.js';
import { OpenFile, type Ownership, type UserMemory } from '../vfs/open_file.js';
import { anonymousStat, newAnonymousIno } from './anonymous_file.js';
import type { Task } from './task.js';
import { Wake, WaitQueue } from './wait_queue.js';

/** Writes of up to this many bytes are atomic. */
export const PIPE_BUF = 4096;
const DEFAULT_CAPACITY = 65536;
const MAX_CAPACITY = 1 << 20;
/** Above it no power of two is an unsigned int. */
const ROUNDED_MAX = 0x8000_0000;
/** Memory is taken in steps, so that the pipe of a one-line command costs little. */
const FIRST_BUFFER = 4096;
const FIONREAD = 0x541b;

/** Bytes that one write put in and one read takes out, and how many that are in no packet lie before them. */
interface Packet {
  before: number;
  length: number;
}

export class Pipe {
  readonly ino = newAnonymousIno();
  readonly ownership: Ownership;
  readonly queue = new WaitQueue();
  capacity = DEFAULT_CAPACITY;
  readers = 0;
  writers = 0;
  /** How many ends of each kind were ever opened: an open that waits for a peer sees that one came, even if it left. */
  readerOpens = 0;
  writerOpens = 0;
  /** Bytes held. */
  length = 0;
  /** Packets among the bytes held (O_DIRECT), in their order; null as long as there was none. */
  private packets: Packet[] | null = null;
  private buffer: Uint8Array = new Uint8Array(FIRST_BUFFER);
  private head = 0;

  constructor(uid: number, gid: number) {
    this.ownership = { mode: 0o600, uid, gid };
  }

  /** Bytes that a write finds room for; with packets in the pipe each of these takes a page. */
  get room(): number {
    const { packets } = this;
    if (packets === null || packets.length === 0) return this.capacity - this.length;
    return this.capacity - PIPE_BUF * this.pages(packets) + (PIPE_BUF - this.tail % PIPE_BUF) % PIPE_BUF;
  }

  /** Bytes behind the last packet. */
  private get tail(): number {
    let tail = this.length;
    for (const packet of this.packets ?? []) tail -= packet.before + packet.length;
    return tail;
  }

  /** Whether a write of `length` bytes goes into the page of the last one, be it a packet or not (Linux pipe_write). */
  merges(length: number): boolean {
    const used = this.tail % PIPE_BUF;
    return used !== 0 && used + length <= PIPE_BUF;
  }

  private pages(packets: readonly Packet[]): number {
    let plain = this.length;
    for (const packet of packets) plain -= packet.length;
    return packets.length + Math.ceil(plain / PIPE_BUF);
  }

  /** Takes at most `length` bytes out of the pipe: up to the end of a packet, the rest of which is lost. */
  take(u8: Uint8Array, start: number, length: number): number {
    const { packets } = this;
    if (packets === null || packets.length === 0) return this.takeBytes(u8, start, length);
    const packet = packets[0]!;
    const { before } = packet;
    const plain = this.takeBytes(u8, start, Math.min(length, before));
    packet.before -= plain;
    if (plain < before || plain === length) return plain;
    packets.shift();
    const count = this.takeBytes(u8, start + plain, Math.min(length - plain, packet.length));
    const lost = packet.length - count;
    this.length -= lost;
    this.head = this.length === 0 ? 0 : (this.head + lost) % this.buffer.length;
    return plain + count;
  }

  /** Puts a packet of at most PIPE_BUF bytes in. False when there is no room for one. */
  putPacket(u8: Uint8Array, start: number, length: number): boolean {
    const packets = this.packets ??= [];
    if (this.capacity - PIPE_BUF * this.pages(packets) < PIPE_BUF) return false;
    const before = this.tail;
    this.put(u8, start, length);
    packets.push({ before, length });
    return true;
  }

  private takeBytes(u8: Uint8Array, start: number, length: number): number {
    const count = Math.min(length, this.length);
    const { buffer } = this;
    const first = Math.min(count, buffer.length - this.head);
    copy(u8, start, buffer, this.head, first);
    if (count > first) copy(u8, start + first, buffer, 0, count - first);
    this.length -= count;
    this.head = this.length === 0 ? 0 : (this.head + count) % buffer.length;
    return count;
  }

  /** A copy of the first `length` bytes (or of what there is), which stay. */
  peek(length: number): Uint8Array {
    const bytes = new Uint8Array(Math.min(length, this.length));
    const first = Math.min(bytes.length, this.buffer.length - this.head);
    bytes.set(this.buffer.subarray(this.head, this.head + first));
    bytes.set(this.buffer.subarray(0, bytes.length - first), first);
    return bytes;
  }

  /** Puts bytes in; the caller has seen that they fit. */
  put(u8: Uint8Array, start: number, length: number): void {
    if (this.length + length > this.buffer.length) this.grow(this.length + length);
    const { buffer } = this;
    const tail = (this.head + this.length) % buffer.length;
    const first = Math.min(length, buffer.length - tail);
    copy(buffer, tail, u8, start, first);
    if (length > first) copy(buffer, 0, u8, start + first, length - first);
    this.length += length;
  }

  /** F_SETPIPE_SZ: gives the new capacity; -EBUSY when more is held, -EPERM beyond the limit. */
  resize(bytes: number): number {
    if (bytes > MAX_CAPACITY) return -E.PERM;
    let capacity = PIPE_BUF;
    while (capacity < bytes) capacity *= 2;
    if (capacity < Math.max(this.length, PIPE_BUF * this.pages(this.packets ?? []))) return -E.BUSY;
    const grew = capacity > this.capacity;
    this.capacity = capacity;
    if (this.buffer.length > capacity) this.move(new Uint8Array(Math.max(FIRST_BUFFER, capacity)));
    if (grew) this.queue.wake(POLL.OUT);
    return capacity;
  }

  private grow(needed: number): void {
    let size = this.buffer.length;
    while (size < needed) size *= 4;
    this.move(new Uint8Array(Math.max(needed, Math.min(size, this.capacity))));
  }

  private move(to: Uint8Array): void {
    const { length } = this;
    this.takeBytes(to, 0, length);
    this.buffer = to;
    this.head = 0;
    this.length = length;
  }
}

/** Short copies in a loop: a typed array's set costs a view. */
function copy(to: Uint8Array, at: number, from: Uint8Array, start: number, length: number): void {
  if (length > 64) {
    to.set(from.subarray(start, start + length), at);
    return;
  }
  for (let i = 0; i < length; i++) to[at + i] = from[start + i]!;
}

/** One end of a pipe, or an open FIFO (which may be both ends). */
export class PipeFile extends OpenFile {
  constructor(readonly pipe: Pipe, flags: number, location: Location | null) {
    super(flags, location);
    this.waiters = pipe.queue;
    if (this.canRead) {
      pipe.readers++;
      pipe.readerOpens++;
    }
    if (this.canWrite) {
      pipe.writers++;
      pipe.writerOpens++;
    }
    pipe.queue.wake();
  }

  override get label(): string {
    return this.location ? '' : `pipe:[${this.pipe.ino}]`;
  }
  override get ownership(): Ownership | null {
    return this.location === null ? this.pipe.ownership : null;
  }
  override get lockIdentity(): unknown {
    return this.inode === null ? this.pipe : this.inode.identity;
  }
  override get pollable(): boolean {
    return true;
  }

  override read(u8: Uint8Array, start: number, length: number): number {
    const { pipe } = this;
    if (pipe.length === 0) return length === 0 || pipe.writers === 0 ? 0 : -E.AGAIN;
    const count = pipe.take(u8, start, length);
    pipe.queue.wake(POLL.OUT);
    return count;
  }

  override write(u8: Uint8Array, start: number, length: number): number {
    const { pipe } = this;
    if (pipe.readers === 0) return -E.PIPE;
    if (length === 0) return 0;
    if (this.flags & O.DIRECT) return this.writePackets(u8, start, length);
    const { room } = pipe;
    if (room <= 0 || (length <= PIPE_BUF && room < length)) return -E.AGAIN;
    const count = Math.min(room, length);
    pipe.put(u8, start, count);
    pipe.queue.wake(POLL.IN);
    return count;
  }

  private writePackets(u8: Uint8Array, start: number, length: number): number {
    const { pipe } = this;
    let done = length % PIPE_BUF;
    if (pipe.merges(done)) pipe.put(u8, start, done);
    else done = 0;
    while (done < length && pipe.putPacket(u8, start + done, Math.min(PIPE_BUF, length - done))) {
      done += Math.min(PIPE_BUF, length - done);
    }
    if (done > 0) pipe.queue.wake(POLL.IN);
    return done > 0 ? done : -E.AGAIN;
  }

  override poll(): number {
    const { pipe } = this;
    let events = 0;
    if (this.canRead) {
      if (pipe.length > 0) events |= POLL.IN | POLL.RDNORM;
      if (pipe.writers === 0 && (!this.location || pipe.writerOpens > 0)) events |= POLL.HUP;
    }
    if (this.canWrite) {
      if (pipe.room >= PIPE_BUF) events |= POLL.OUT | POLL.WRNORM;
      if (pipe.readers === 0) events |= POLL.ERR;
    }
    return events;
  }

  override pipeSize(): number {
    return this.pipe.capacity;
  }
  override setPipeSize(size: number): number {
    return size < 0 || size > ROUNDED_MAX ? -E.INVAL : this.pipe.resize(size);
  }

  override stat(out: Stat): number {
    if (this.location) return super.stat(out);
    const { ino, ownership } = this.pipe;
    return anonymousStat(out, ino, S.IFIFO | ownership.mode, ownership.uid, ownership.gid);
  }

  override ioctl(request: number, arg: number, memory: UserMemory): number {
    if (request !== FIONREAD) return -E.NOTTY;
    if (!memory.writable(arg, 4)) return -E.FAULT;
    memory.window.view.setInt32(arg, this.pipe.length, true);
    return 0;
  }

  protected override closed(): number {
    const { pipe } = this;
    if (this.canRead) pipe.readers--;
    if (this.canWrite) pipe.writers--;
    pipe.queue.wake(POLL.HUP | POLL.ERR | POLL.IN | POLL.OUT);
    if (this.inode && pipe.readers === 0 && pipe.writers === 0) fifos.delete(this.inode.identity);
    return 0;
  }
}

/** pipe2(2): the reading and the writing end. `flags`: O.NONBLOCK, O.DIRECT. */
export function createPipe(flags: number, uid: number, gid: number): [PipeFile, PipeFile] {
  const pipe = new Pipe(uid, gid);
  return [new PipeFile(pipe, O.RDONLY | flags, null), new PipeFile(pipe, O.WRONLY | flags, null)];
}

/** FIFOs that are open, by Inode.identity: what is in one is gone with its last description. */
const fifos = new Map<unknown, Pipe>();

/**
 * Opens a FIFO (fifo(7)). The result may still have to wait for its other end: see `whenConnected`.
 * -ENXIO: a non-blocking open for writing that finds no reader.
 */
export function openFifo(location: Location, flags: number): PipeFile | number {
  const { inode } = location;
  if ((flags & O.ACCMODE) === O.ACCMODE) return -E.INVAL;
  let pipe = fifos.get(inode.identity);
  if (!pipe) fifos.set(inode.identity, pipe = new Pipe(inode.uid, inode.gid));
  if ((flags & O.ACCMODE) === O.WRONLY && flags & O.NONBLOCK && pipe.readers === 0) {
    if (pipe.writers === 0) fifos.delete(inode.identity);
    return -E.NXIO;
  }
  return new PipeFile(pipe, flags, location);
}

/**
 * Parks the task until the FIFO that it opened has its other end, then gives what `opened` gives. Non-blocking opens,
 * and other files, do not wait. A signal ends the wait and closes the file.
 */
export function whenConnected(task: Task, file: OpenFile, opened: () => number): number {
  if (!(file instanceof PipeFile) || !file.location || file.flags & O.NONBLOCK || (file.flags & O.ACCMODE) === O.RDWR) {
    return opened();
  }
  const { pipe, canRead } = file;
  if ((canRead ? pipe.writers : pipe.readers) > 0) return opened();
  const seen = canRead ? pipe.writerOpens : pipe.readerOpens;
  const wait = (): number => {
    pipe.queue.add(task);
    return task.park((_parked, wake) => {
      // A peer that came and went again counts, too.
      if ((canRead ? pipe.writerOpens : pipe.readerOpens) !== seen) return opened();
      if (wake !== Wake.Signal) return wait();
      file.unref();
      return -E.RESTARTSYS;
    });
  };
  return wait();
}
