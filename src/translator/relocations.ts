/**
 * The fields of translated code that depend on where it stands in the cache, or on where its guest image is mapped. With
 * them code can be kept and used again in another process (stored_code.ts).
 */
import { Growing } from './growing.js';

/** What a 32-bit field holds. */
export const enum Reloc {
  /** rel32 to a stub at the head of the cache. */
  Stub = 0,
  /** A guest address. */
  Guest = 1,
  /** The negative of a guest address. */
  GuestNegated = 2,
  /** A cache offset. */
  Cache = 3,
  /** rel32 of a branch to the guest address `targetAt`. */
  Branch = 4,
}

const KIND_SHIFT = 29;
const SITE_MASK = 0x1fff_ffff;

/** In order of cache offset. */
export class RelocationLog {
  /** Reloc in the upper 3 bits, cache offset of the field in the others. */
  readonly words = new Growing();
  /** Guest address that a Reloc.Branch goes to. */
  readonly targets = new Growing();

  get length(): number {
    return this.words.length;
  }

  add(kind: Reloc, site: number, target: number): void {
    this.words.push((kind << KIND_SHIFT) | site);
    this.targets.push(target);
  }

  kindAt(at: number): Reloc {
    return this.words.at(at) >>> KIND_SHIFT;
  }
  siteAt(at: number): number {
    return this.words.at(at) & SITE_MASK;
  }
  targetAt(at: number): number {
    return this.targets.at(at);
  }

  /** Adds fields whose sites are counted from `codeBase`, and their targets from `guestBase`. */
  append(words: Uint32Array, targets: Uint32Array, codeBase: number, guestBase: number): void {
    this.words.append(words, codeBase);
    this.targets.append(targets, guestBase);
  }

  clear(): void {
    this.words.length = this.targets.length = 0;
  }

  /** Forgets the fields from cache offset `site` on: the code there was given up. */
  cut(site: number): void {
    let length = this.words.length;
    while (length > 0 && this.siteAt(length - 1) >= site) length--;
    this.words.length = this.targets.length = length;
  }
}
