/** The entries of a directory, as getdents64(2) gives them: struct linux_dirent64. */
import type { DirSink } from './inode.js';

/** Listings up to this size are used again: making their arrays takes longer than to list a small directory. */
const SPARE_BYTES = 1 << 16;
let spare: Listing | null = null;

/** Offsets in a record; the name, ended by NUL, is the last member, and records are multiples of 8. */
const INO = 0, OFF = 8, LENGTH = 16, TYPE = 18, NAME = 19;
const DOT = 46;

export class Listing implements DirSink {
  /** How many entries there are. */
  count = 0;
  private bytes = Buffer.allocUnsafeSlow(1024);
  private view = new DataView(this.bytes.buffer);
  /** Where each record ends. */
  private ends = new Uint32Array(32);

  /** An empty one. */
  static take(): Listing {
    const listing = spare ?? new Listing();
    spare = null;
    return listing;
  }
  /** Nobody reads this one any more. */
  giveBack(): void {
    this.count = 0;
    if (this.bytes.length <= SPARE_BYTES) spare = this;
  }

  entry(name: string, ino: number, type: number): boolean {
    const at = this.end;
    const length = (NAME + name.length + 8) & -8;
    this.makeRoom(length);
    const { bytes, view } = this;
    view.setUint32(at + INO, ino >>> 0, true);
    view.setUint32(at + INO + 4, Math.floor(ino / 0x1_0000_0000), true);
    view.setUint16(at + LENGTH, length, true);
    bytes[at + TYPE] = type >> 12;
    let to = at + NAME;
    for (let i = 0; i < name.length; i++) bytes[to++] = name.charCodeAt(i);
    while (to < at + length) bytes[to++] = 0;
    this.add(at, length);
    return true;
  }

  /** Takes records as the host's getdents64 gives them, but for '.' and '..'. */
  records(from: Uint8Array, start: number, end: number): void {
    let at = this.end;
    this.makeRoom(end - start);
    const { bytes, view } = this;
    bytes.set(from.subarray(start, end), at);
    for (let stop = at + end - start; at < stop;) {
      const length = view.getUint16(at + LENGTH, true);
      const name = at + NAME;
      if (bytes[name] === DOT && (bytes[name + 1] === 0 || (bytes[name + 1] === DOT && bytes[name + 2] === 0))) {
        bytes.copyWithin(at, at + length, stop);
        stop -= length;
      } else {
        this.add(at, length);
        at += length;
      }
    }
  }

  /** How many whole records from number `from` on fit into `length` bytes. */
  fitting(from: number, length: number): number {
    const { ends } = this;
    const limit = this.startOf(from) + length;
    let low = from, high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[middle]! <= limit) low = middle + 1;
      else high = middle;
    }
    return low - from;
  }

  /** Copies `count` records from number `from` on to u8[start …). Gives the number of bytes. */
  copy(from: number, count: number, u8: Uint8Array, start: number): number {
    const first = this.startOf(from), end = this.startOf(from + count);
    u8.set(this.bytes.subarray(first, end), start);
    return end - first;
  }

  /** Hands record number `index` to `sink`, and gives what that gives. */
  tell(index: number, sink: DirSink): boolean {
    const { bytes, view } = this;
    const at = this.startOf(index);
    const ino = view.getUint32(at + INO, true) + view.getUint32(at + INO + 4, true) * 0x1_0000_0000;
    const name = bytes.toString('latin1', at + NAME, bytes.indexOf(0, at + NAME));
    return sink.entry(name, ino, bytes[at + TYPE]! << 12, index + 1);
  }

  private get end(): number {
    return this.startOf(this.count);
  }
  private startOf(index: number): number {
    return index === 0 ? 0 : this.ends[index - 1]!;
  }

  /** The bytes [at, at + length) are one more record. */
  private add(at: number, length: number): void {
    const index = this.count++;
    if (index === this.ends.length) {
      const larger = new Uint32Array(index * 2);
      larger.set(this.ends);
      this.ends = larger;
    }
    this.ends[index] = at + length;
    this.view.setUint32(at + OFF, index + 1, true);
    this.view.setUint32(at + OFF + 4, 0, true);
  }

  private makeRoom(length: number): void {
    const needed = this.end + length;
    if (needed <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.end));
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }
}
