/**
 * The log of a persistent layer: a file of records, each whole or not there. A record is its length, a CRC-32 and its
 * bytes; what a crash left behind the last whole one is cut off when the log is opened.
 */
import { E } from '../../../abi/errno.js';
import { native } from '../../../host/native.js';

const HEAD = 8;
const FALLOC_KEEP_SIZE = 1;
/** Room that the host's file system has put aside for records, so that a full disk is told before anything changes. */
const RESERVE = 1 << 18;
const LOW = 1 << 17;
const LAST = 1 << 13;

let table: Uint32Array | undefined;

function crc32(bytes: Uint8Array, start: number, end: number): number {
  if (table === undefined) {
    table = new Uint32Array(256);
    for (let n = 0; n < 256; n++) {
      let c = n;
      for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
      table[n] = c >>> 0;
    }
  }
  let crc = 0xffff_ffff;
  for (let i = start; i < end; i++) crc = table[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffff_ffff) >>> 0;
}

/** Fields of a record, one after the other. Numbers are 64-bit floats, which hold all that stat shows. */
export class RecordWriter {
  private buffer = Buffer.allocUnsafe(4096);
  private end = HEAD;

  start(operation: number): this {
    this.end = HEAD;
    this.buffer[this.end++] = operation;
    return this;
  }
  number(value: number): this {
    this.room(8);
    this.end = this.buffer.writeDoubleLE(value, this.end);
    return this;
  }
  text(value: string): this {
    this.room(4 + value.length);
    this.end = this.buffer.writeUInt32LE(value.length, this.end);
    this.end += this.buffer.write(value, this.end, 'latin1');
    return this;
  }
  bytes(value: Uint8Array): this {
    this.room(4 + value.length);
    this.end = this.buffer.writeUInt32LE(value.length, this.end);
    this.buffer.set(value, this.end);
    this.end += value.length;
    return this;
  }
  /** The record with its head, valid until the next one starts. */
  finish(): Buffer {
    this.buffer.writeUInt32LE(this.end - HEAD, 0);
    this.buffer.writeUInt32LE(crc32(this.buffer, HEAD, this.end), 4);
    return this.buffer.subarray(0, this.end);
  }

  private room(length: number): void {
    if (this.end + length <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.end + length));
    this.buffer.copy(larger, 0, 0, this.end);
    this.buffer = larger;
  }
}

/** @throws RangeError behind the end of the record */
export class RecordReader {
  constructor(private readonly buffer: Buffer, private at: number) {}

  operation(): number {
    return this.buffer.readUInt8(this.at++);
  }
  number(): number {
    this.at += 8;
    return this.buffer.readDoubleLE(this.at - 8);
  }
  text(): string {
    const start = this.skip();
    return this.buffer.toString('latin1', start, this.at);
  }
  bytes(): Uint8Array {
    const start = this.skip();
    return Uint8Array.from(this.buffer.subarray(start, this.at));
  }
  private skip(): number {
    const length = this.buffer.readUInt32LE(this.at);
    const start = this.at + 4;
    if (start + length > this.buffer.length) throw new RangeError('a record ends inside a field');
    this.at = start + length;
    return start;
  }
}

export class Log {
  private reserved = 0;
  private canReserve = true;
  /** A record could not be written: nothing can be changed any more. */
  private broken = false;

  /** `fd` has `size` bytes of whole records behind a head. */
  constructor(private readonly fd: number, private size: number) {}

  /**
   * Tells `take` the records of `fd` from `start` on. Gives where the last whole one ends; `take` throws for one that
   * makes no sense.
   */
  static read(fd: number, start: number, size: number, take: (record: RecordReader) => void): number {
    const bytes = Buffer.allocUnsafe(Math.max(0, size - start));
    let length = 0;
    while (length < bytes.length) {
      const got = native.pread(fd, bytes, length, bytes.length - length, start + length);
      if (got <= 0) break;
      length += got;
    }
    let at = 0;
    while (at + HEAD < length) {
      const end = at + HEAD + bytes.readUInt32LE(at);
      if (end === at + HEAD || end > length || crc32(bytes, at + HEAD, end) !== bytes.readUInt32LE(at + 4)) break;
      take(new RecordReader(bytes.subarray(0, end), at + HEAD));
      at = end;
    }
    return start + at;
  }

  /**
   * Is there room for the next records? 0, -ENOSPC and the like; to be asked before anything changes. `frees`: what is
   * to be done gives room back, so it may use what is left of the reserve on a full disk.
   */
  ready(frees: boolean): number {
    if (this.broken) return -E.IO;
    if (!this.canReserve || this.reserved - this.size >= LOW) return 0;
    const failed = native.fallocate(this.fd, FALLOC_KEEP_SIZE, this.size, RESERVE);
    if (failed === -E.OPNOTSUPP) this.canReserve = false;
    else if (failed < 0) return frees && this.hasLast() ? 0 : failed;
    this.reserved = this.size + RESERVE;
    return 0;
  }

  /** Whether the last of the reserve is there: from before, or what the run before has left. */
  private hasLast(): boolean {
    if (this.reserved - this.size >= LAST) return true;
    if (native.fallocate(this.fd, FALLOC_KEEP_SIZE, this.size, LAST) < 0) return false;
    this.reserved = this.size + LAST;
    return true;
  }

  /** Adds records. 0 or -errno, and then none of them is there. */
  append(records: Uint8Array): number {
    if (this.broken) return -E.IO;
    const wrote = native.pwrite(this.fd, records, 0, records.length, this.size);
    if (wrote === records.length) {
      this.size += wrote;
      return 0;
    }
    this.broken = native.ftruncate(this.fd, this.size) < 0;
    return wrote < 0 ? wrote : -E.NOSPC;
  }

  sync(): number {
    return native.fsync(this.fd, 1);
  }
  close(): number {
    return native.close(this.fd);
  }
}
