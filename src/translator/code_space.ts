/**
 * Which guest code is translated, where, and who jumps to it. `Translations` may be shared by address spaces with
 * the same code at the same places (a forked child and its parent); the first of them to change its code leaves.
 */
import type { CodeSource, CodeSpace } from './engine.js';

const PAGE_SHIFT = 12;
const PAGE_MASK = 4095;

/** A run of host code for guest instructions; its instructions are entries [logStart, logEnd) of the log. */
export interface Fragment {
  readonly logStart: number;
  logEnd: number;
}

/** Marks an entry of the log that begins inside of a guest instruction. */
const INSIDE = 0x8000_0000;
const HOST_MASK = 0x7fff_ffff;

/**
 * One entry an emitted instruction, in order of cache offset: where it is, which guest instruction, how to undo it.
 * The offsets stand in memory that the addon sees too: it interrupts guest code only where an instruction begins.
 */
export class InstructionLog {
  /** Word 0 is the number of entries. */
  private readonly host: Uint32Array;
  private pc = new Uint32Array(4096);
  private word = new Uint32Array(4096);
  private count = 0;

  constructor(buffer: ArrayBuffer) {
    this.host = new Uint32Array(buffer);
  }

  get length(): number {
    return this.count;
  }

  /** There is room for `entries` more. */
  hasRoom(entries: number): boolean {
    return this.count + entries < this.host.length;
  }

  clear(): void {
    this.count = 0;
    this.host[0] = 0;
  }

  add(host: number, pc: number, fixup: number): void {
    const at = this.count++;
    if (at === this.pc.length) this.grow();
    this.host[at + 1] = host;
    this.pc[at] = pc;
    this.word[at] = fixup;
    this.host[0] = this.count;
  }

  /** As `add`, for the middle of an instruction, where the guest cannot be interrupted. */
  addInside(host: number, pc: number, fixup: number): void {
    this.add(host | INSIDE, pc, fixup);
  }

  setFixup(at: number, fixup: number): void {
    this.word[at] = fixup;
  }

  hostAt(at: number): number {
    return this.host[at + 1]! & HOST_MASK;
  }
  pcAt(at: number): number {
    return this.pc[at]!;
  }
  fixupAt(at: number): number {
    return this.word[at]!;
  }

  /** Index of the entry that covers cache offset `host`; -1: before the first. */
  find(host: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.hostAt(middle) <= host) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  private grow(): void {
    const twice = (old: Uint32Array): Uint32Array<ArrayBuffer> => {
      const next = new Uint32Array(old.length * 2);
      next.set(old);
      return next;
    };
    this.pc = twice(this.pc);
    this.word = twice(this.word);
  }
}

export class Translations {
  /** Address spaces that use these. */
  users = 1;
  /** When a program was last started with these: a count. */
  lastUse = 0;
  /** Code of these is bound to one address space: it has no known origin, or branches directly to code of another origin. */
  bound = false;
  /** By page: the origin of the code that was translated from it. */
  readonly origins = new Map<number, string>();
  /** Entry of each indirect target: restores rcx, then goes to the instruction. */
  readonly thunks = new Map<number, number>();
  private readonly pages = new Map<number, Int32Array>();
  private readonly fragments = new Map<number, Fragment[]>();
  private readonly incoming = new Map<number, number[]>();
  private lastPage = -1;
  private lastEntries: Int32Array | undefined;

  /** Cache offset of the translation of the instruction at `pc`; 0: none. */
  find(pc: number): number {
    const page = pc >>> PAGE_SHIFT;
    if (page !== this.lastPage) {
      this.lastEntries = this.pages.get(page);
      this.lastPage = page;
    }
    return this.lastEntries === undefined ? 0 : this.lastEntries[pc & PAGE_MASK]!;
  }

  /** Makes `host` the place where a branch to `pc` goes. */
  set(pc: number, host: number): void {
    const page = pc >>> PAGE_SHIFT;
    let entries = this.pages.get(page);
    if (entries === undefined) {
      entries = new Int32Array(PAGE_MASK + 1);
      this.pages.set(page, entries);
    }
    this.lastPage = page;
    this.lastEntries = entries;
    entries[pc & PAGE_MASK] = host;
  }

  /** @returns true when this is the first code of the page. */
  addToPage(page: number, fragment: Fragment): boolean {
    const list = this.fragments.get(page);
    if (list === undefined) {
      this.fragments.set(page, [fragment]);
      return true;
    }
    if (list[list.length - 1] !== fragment) list.push(fragment);
    return false;
  }

  hasCode(start: number, end: number): boolean {
    const first = start >>> PAGE_SHIFT;
    const last = Math.ceil(end / 4096);
    if (last - first > this.fragments.size) {
      for (const page of this.fragments.keys()) if (page >= first && page < last) return true;
      return false;
    }
    for (let page = first; page < last; page++) if (this.fragments.has(page)) return true;
    return false;
  }

  /** Whether the code at two addresses belongs to one image, so that whoever has the one also has the other. */
  sameOrigin(a: number, b: number): boolean {
    const origin = this.origins.get(a >>> PAGE_SHIFT);
    return origin !== undefined && origin !== '' && origin === this.origins.get(b >>> PAGE_SHIFT);
  }

  /** The branch at `site` goes directly to the translation of `pc`. */
  addLink(pc: number, site: number): void {
    const list = this.incoming.get(pc);
    if (list === undefined) this.incoming.set(pc, [site]);
    else list.push(site);
  }

  /**
   * Forgets all fragments with code in [start, end). `unlink` is called for every branch that went into one, `unthunk` for
   * every address in one that an indirect branch may go to.
   */
  drop(
    start: number, end: number, log: InstructionLog,
    unlink: (site: number, pc: number) => void, unthunk: (pc: number) => void,
  ): void {
    const first = start >>> PAGE_SHIFT;
    const last = Math.ceil(end / 4096);
    const dead = new Set<Fragment>();
    const kill = (page: number): void => {
      const list = this.fragments.get(page);
      if (list === undefined) return;
      for (const fragment of list) dead.add(fragment);
      this.fragments.delete(page);
      this.origins.delete(page);
    };
    if (last - first <= this.fragments.size) for (let page = first; page < last; page++) kill(page);
    else for (const page of this.fragments.keys()) if (page >= first && page < last) kill(page);
    for (const fragment of dead) {
      for (let at = fragment.logStart; at < fragment.logEnd; at++) {
        const pc = log.pcAt(at);
        if (this.find(pc) !== log.hostAt(at)) continue;
        this.set(pc, 0);
        if (this.thunks.delete(pc)) unthunk(pc);
        const sites = this.incoming.get(pc);
        if (sites === undefined) continue;
        this.incoming.delete(pc);
        for (const site of sites) unlink(site, pc);
      }
    }
  }
}

/** What a code space asks of the engine that made it. */
export interface CodeSpaceOwner {
  /** A number that no code space has had. */
  nextEpoch(): number;
  invalidate(space: X86CodeSpace, start: number, end: number): void;
  /** An address space needs none of these any more. */
  retire(translations: Translations, program: string): void;
  adopt(space: X86CodeSpace): void;
  disown(space: X86CodeSpace): void;
}

export class X86CodeSpace implements CodeSpace {
  /** Changes whenever host code that a return stack or a resume address could name was dropped. */
  epoch: number;
  /** Pages whose code in the translations is known to be this address space's. */
  readonly admitted = new Set<number>();

  constructor(readonly owner: CodeSpaceOwner, readonly source: CodeSource, public translations: Translations) {
    this.epoch = owner.nextEpoch();
    owner.adopt(this);
  }

  invalidate(start: number, end: number): void {
    this.owner.invalidate(this, start, end);
  }

  fork(source: CodeSource): CodeSpace {
    const { translations } = this;
    translations.users++;
    const child = new X86CodeSpace(this.owner, source, translations);
    // Pages without origin are the same in both now, and both watch them.
    for (const page of this.admitted) if (translations.origins.get(page) === '') child.admitted.add(page);
    return child;
  }

  release(): void {
    this.owner.disown(this);
    this.translations.users--;
    this.owner.retire(this.translations, this.source.program ?? '');
  }

  /**
   * Whether the translations may be used for the code of a page, and code of it added to them: what they have of the page
   * is the same code, or nothing yet. False: this address space has to leave them.
   */
  admits(page: number): boolean {
    if (this.admitted.has(page)) return true;
    const { translations, source } = this;
    const origin = source.codeOrigin?.(page * (PAGE_MASK + 1)) ?? '';
    const known = translations.origins.get(page);
    if (known === undefined) {
      if (origin === '') {
        if (translations.users > 1) return false;
        translations.bound = true;
      }
      translations.origins.set(page, origin);
    } else if (known !== origin || origin === '') {
      return false;
    }
    this.admitted.add(page);
    return true;
  }

  /** What is mapped at [start, end) changes: its pages must be admitted anew. */
  forget(start: number, end: number): void {
    const { admitted } = this;
    const { origins, users } = this.translations;
    for (const page of admitted) {
      if (page < start >>> PAGE_SHIFT || page * (PAGE_MASK + 1) >= end) continue;
      admitted.delete(page);
      if (users === 1 && !this.translations.hasCode(page << PAGE_SHIFT >>> 0, page * (PAGE_MASK + 1) + 1)) origins.delete(page);
    }
  }

  /** Uses other translations from now on. */
  change(translations: Translations): void {
    this.translations = translations;
    this.admitted.clear();
    this.epoch = this.owner.nextEpoch();
  }
}
