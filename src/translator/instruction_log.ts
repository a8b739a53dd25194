/**
 * One entry an emitted instruction, in order of cache offset: where it is, which guest instruction, how to undo it.
 * The offsets stand in memory that the addon sees too: it interrupts guest code only where an instruction begins.
 */
import { native } from '../host/native.js';
import { Growing } from './growing.js';

/** Marks an entry that begins inside of a guest instruction. */
export const INSIDE = 0x8000_0000;
const HOST_MASK = 0x7fff_ffff;

export class InstructionLog {
  /** Word 0 is the number of entries. */
  private readonly host: Uint32Array;
  private readonly pcs = new Growing();
  private readonly fixups = new Growing();

  constructor(buffer: ArrayBuffer) {
    this.host = new Uint32Array(buffer);
  }

  get length(): number {
    return this.pcs.length;
  }

  /** There is room for `entries` more. */
  hasRoom(entries: number): boolean {
    return this.length + entries < this.host.length;
  }

  clear(): void {
    this.pcs.length = this.fixups.length = 0;
    this.host[0] = 0;
  }

  /** Forgets the entries from index `length` on. */
  cut(length: number): void {
    this.pcs.length = this.fixups.length = length;
    this.host[0] = length;
  }

  add(host: number, pc: number, fixup: number): void {
    this.pcs.push(pc);
    this.fixups.push(fixup);
    const count = this.pcs.length;
    this.host[count] = host;
    this.host[0] = count;
  }

  /** As `add`, for the middle of an instruction, where the guest cannot be interrupted. */
  addInside(host: number, pc: number, fixup: number): void {
    this.add(host | INSIDE, pc, fixup);
  }

  /** Adds entries whose cache offsets and addresses are counted from `codeBase` and `guestBase`. */
  append(hosts: Uint32Array, pcs: Uint32Array, fixups: Uint32Array, codeBase: number, guestBase: number): void {
    const start = this.length + 1;
    this.host.set(hosts, start);
    native.addToWords(this.host, start, start + hosts.length, codeBase);
    this.pcs.append(pcs, guestBase);
    this.fixups.append(fixups, 0);
    this.host[0] = this.length;
  }

  setFixup(at: number, fixup: number): void {
    this.fixups.set(at, fixup);
  }

  hostAt(at: number): number {
    return this.host[at + 1]! & HOST_MASK;
  }
  isInside(at: number): boolean {
    return this.host[at + 1]! >= INSIDE;
  }
  pcAt(at: number): number {
    return this.pcs.at(at);
  }
  fixupAt(at: number): number {
    return this.fixups.at(at);
  }

  /** Index of the entry that covers cache offset `host`; -1: before the first. */
  find(host: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.hostAt(middle) <= host) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
