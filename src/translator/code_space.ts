/**
 * Which guest code is translated, where, and who jumps to it. `Translations` may be shared by address spaces with
 * the same code at the same places (a forked child and its parent); the first of them to change its code leaves.
 */
import type { CodeSource, CodeSpace } from './engine.js';
import type { InstructionLog } from './instruction_log.js';
import type { InstalledImage } from './stored_image.js';

const PAGE_SHIFT = 12;
const PAGE_MASK = 4095;

/** A run of host code for guest instructions. */
export interface Fragment {
  /** Its code is at cache offsets [codeStart, codeEnd), the entry for indirect branches included. */
  codeStart: number;
  codeEnd: number;
  /** Its instructions are entries [logStart, logEnd) of the instruction log. */
  readonly logStart: number;
  logEnd: number;
  /** Its fields to relocate are entries [relocationStart, relocationEnd) of the relocation log. */
  readonly relocationStart: number;
  relocationEnd: number;
  /** All of it comes from one image. */
  oneImage: boolean;
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
  /** Code from earlier processes, by origin; null: there is none. */
  readonly installed = new Map<string, InstalledImage | null>();
  /** By origin: instructions of those that are described here that the store has, too. */
  readonly stored = new Map<string, number>();
  /** Instructions that were translated for these, and how many they were when it was last asked whether to store them. */
  instructions = 0;
  weighed = 0;
  /** Installed images. */
  private images = 0;
  private readonly fragments = new Map<number, Fragment[]>();
  private readonly incoming = new Map<number, number[]>();
  private lastPage = -1;
  private lastEntries: Int32Array | undefined;

  /** Cache offset of the translation of the instruction at `pc`; 0: none. */
  find(pc: number): number {
    const page = pc >>> PAGE_SHIFT;
    if (page !== this.lastPage) {
      this.lastEntries = this.entriesOf(page);
      this.lastPage = page;
    }
    return this.lastEntries === undefined ? 0 : this.lastEntries[pc & PAGE_MASK]!;
  }

  /** Makes `host` the place where a branch to `pc` goes. */
  set(pc: number, host: number): void {
    const page = pc >>> PAGE_SHIFT;
    let entries = this.entriesOf(page);
    if (entries === undefined) {
      entries = new Int32Array(PAGE_MASK + 1);
      this.pages.set(page, entries);
    }
    this.lastPage = page;
    this.lastEntries = entries;
    entries[pc & PAGE_MASK] = host;
  }

  private entriesOf(page: number): Int32Array | undefined {
    let entries = this.pages.get(page);
    if (entries !== undefined || this.images === 0) return entries;
    for (const image of this.installed.values()) {
      entries ??= image?.entriesOf(page);
    }
    if (entries !== undefined) this.pages.set(page, entries);
    return entries;
  }

  /** Code of `origin` came from an earlier process, or it is known that there is none. */
  install(origin: string, image: InstalledImage | null): void {
    this.installed.set(origin, image);
    if (image === null) return;
    this.images++;
    this.lastPage = -1;
    image.eachPage((page) => this.origins.set(page, origin));
  }

  /** Calls `describe` with each installed image that is not described yet and has code in pages [first, last). */
  describeImages(first: number, last: number, describe: (origin: string, image: InstalledImage) => void): void {
    if (this.images === 0) return;
    for (const [origin, image] of this.installed) {
      if (image === null || !image.hasPage(first, last)) continue;
      describe(origin, image);
      this.images--;
      this.installed.set(origin, null);
    }
  }

  /** Calls `visit` with each page that has code translated here, and the fragments in it. */
  eachPage(visit: (page: number, fragments: Fragment[]) => void): void {
    for (const [page, list] of this.fragments) visit(page, list);
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
    if (this.images > 0) for (const image of this.installed.values()) if (image?.hasPage(first, last)) return true;
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
   * every address in one that an indirect branch may go to, `describe` for every installed image that is concerned.
   * @returns how many entries of the instruction log belong to them
   */
  drop(
    start: number, end: number, log: InstructionLog,
    unlink: (site: number, pc: number) => void, unthunk: (pc: number) => void,
    describe: (origin: string, image: InstalledImage) => void,
  ): number {
    const first = start >>> PAGE_SHIFT;
    const last = Math.ceil(end / 4096);
    this.describeImages(first, last, describe);
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
    let entries = 0;
    for (const fragment of dead) {
      entries += fragment.logEnd - fragment.logStart;
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
    return entries;
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
