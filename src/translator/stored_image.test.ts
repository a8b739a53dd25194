import t from 'tap';
import { Trap } from '../host/cpu_block.js';
import { native } from '../host/native.js';
import { Prot, Window } from '../host/window.js';
import type { X86CodeSpace } from './code_space.js';
import { CpuModel } from './cpu_model.js';
import type { CodeStore } from './engine.js';
import { Random, sampleRow } from './isa/sample.js';
import { allForms } from './isa/table.js';
import { Reloc } from './relocations.js';
import { X86Engine } from './x86_engine.js';

const PAGE = 4096;
const HALF = 0x8000_0000;

class MemoryStore implements CodeStore {
  readonly files = new Map<string, Uint8Array>();
  load(name: string): Uint8Array | null {
    return this.files.get(name) ?? null;
  }
  save(name: string, bytes: Uint8Array): void {
    this.files.set(name, bytes);
  }
}

/** An image at an address, in a window and an engine of its own. */
class Place {
  readonly engine: X86Engine;
  readonly window = new Window();
  readonly space: X86CodeSpace;

  constructor(
    image: Uint8Array, readonly base: number, store?: CodeStore, version = '!image',
    engine = new X86Engine(new CpuModel(), store), program = '',
  ) {
    this.engine = engine;
    const length = Math.ceil(image.length / PAGE) * PAGE;
    native.windowMap(this.window.id, base, length, Prot.Read | Prot.Write, false, -1, 0);
    this.window.u8.set(image, base);
    this.space = this.engine.createSpace({
      window: this.window,
      fetchable: (pc) => pc >= base && pc < base + image.length ? base + image.length - pc : 0,
      codeTranslated: () => {},
      codeOrigin: (page) => page >= base && page < base + length ? `${version}@${base}` : '',
      program,
    }) as X86CodeSpace;
  }

  translateAll(entries: readonly number[]): void {
    for (const entry of entries) this.engine['locate'](this.space, this.base + entry, entry % 3 === 0);
  }

  /** By guest address, the emitted instruction, the targets of its branches blanked. */
  emitted(): Map<number, string> {
    const { translations } = this.space;
    const { log, asm } = this.engine['linker'];
    const { relocations } = asm;
    const code = Buffer.from(asm.bytes.slice(0, asm.at));
    translations.describeImages(0, 2 ** 20, (_origin, image) => image.describe(translations, relocations, new DataView(asm.bytes.buffer)));
    for (let i = 0; i < relocations.length; i++) {
      const kind = relocations.kindAt(i);
      const site = relocations.siteAt(i);
      if (kind === Reloc.Branch || kind === Reloc.Stub) code.fill(0, site, site + 4);
    }
    const found = new Map<number, string>();
    translations.eachPage((_page, fragments) => {
      for (const { logStart, logEnd, codeEnd } of fragments) {
        for (let at = logStart; at < logEnd; at++) {
          const host = log.hostAt(at);
          const pc = log.pcAt(at);
          const end = at + 1 < logEnd ? log.hostAt(at + 1) : codeEnd;
          if (translations.find(pc) === host) found.set(pc - this.base, code.toString('hex', host, end));
        }
      }
    });
    return found;
  }

  run(entry: number): { trap: Trap; eax: number } {
    const cpu = this.engine.createCpu();
    cpu.rip = this.base + entry;
    cpu.u32[8] = this.base + 0x8000;
    const trap = this.engine.run(cpu, this.space);
    const eax = cpu.u32[0]!;
    this.engine.destroyCpu(cpu);
    return { trap, eax };
  }

  close(): void {
    this.space.release();
    this.window.destroy();
  }
}

t.test('stored code at another address is what a translation there gives', (t) => {
  const seed = 20261122;
  const random = new Random(seed);
  const image: number[] = [];
  const entries: number[] = [];
  for (const row of allForms()) {
    for (let i = 0; i < 3; i++) {
      entries.push(image.length);
      image.push(...sampleRow(row, random, { oddPrefixes: 8, lock: 8, illegal: 0 }), 0xcc);
    }
  }
  const bytes = Uint8Array.from(image);
  for (const [first, second] of [[0x1000_0000, 0x35ab_c000], [0x9000_0000, 0xa123_4000]] as const) {
    const store = new MemoryStore();
    const maker = new Place(bytes, first, store);
    maker.translateAll(entries);
    maker.engine.keep();
    maker.close();
    t.equal(store.files.size, 1);

    const user = new Place(bytes, second, store);
    user.translateAll(entries);
    const fromStore = user.emitted();
    t.ok(user.engine.stats.instructions < entries.length / 20, `${user.engine.stats.instructions} had to be translated`);
    user.close();

    const fresh = new Place(bytes, second);
    fresh.translateAll(entries);
    let differing = 0;
    for (const [entry, wanted] of fresh.emitted()) {
      const found = fromStore.get(entry);
      if (found !== wanted && differing++ < 5) {
        t.comment(`seed ${seed}: ${Buffer.from(bytes.slice(entry, entry + 15)).toString('hex')}: ${found} and not ${wanted}`);
      }
    }
    t.equal(differing, 0);
    fresh.close();
  }
  t.end();
});

/** At 0: call 0x1000; lea rbx, [0x2000]; call rbx; int3; ud2. At 0x1000: mov eax, 5; ret. At 0x2000: add eax, 2; ret. */
function callingImage(): Uint8Array {
  const image = new Uint8Array(0x9000);
  image.set([0xe8, 0xfb, 0x0f, 0, 0], 0);
  image.set([0x48, 0x8d, 0x1d, 0xf4, 0x1f, 0, 0], 5);
  image.set([0xff, 0xd3, 0xcc, 0x0f, 0x0b], 12);
  image.set([0xb8, 5, 0, 0, 0, 0xc3], 0x1000);
  image.set([0x83, 0xc0, 2, 0xc3], 0x2000);
  image.fill(0x90, 0x2010, 0x2040);
  image.set([0xcc, 0x0f, 0x0b], 0x2040);
  return image;
}

t.test('stored code runs, takes new code, and gives way when its guest code changes', (t) => {
  const image = callingImage();
  const store = new MemoryStore();
  const maker = new Place(image, 0x1000_0000, store);
  t.same(maker.run(0), { trap: Trap.Breakpoint, eax: 7 });
  maker.run(0x2010);
  maker.engine.keep();
  maker.close();

  const user = new Place(image, 0x2345_6000, store);
  t.same(user.run(0), { trap: Trap.Breakpoint, eax: 7 });
  t.equal(user.engine.stats.instructions, 0, 'nothing was translated');
  t.equal(user.engine.stats.links, 0);
  const changed = user.base + 0x1000;
  user.window.u8[changed + 1] = 9;
  user.space.invalidate(changed, changed + PAGE);
  t.same(user.run(0), { trap: Trap.Breakpoint, eax: 11 });
  user.window.u8[user.base + 0x2002] = 4;
  user.space.invalidate(user.base + 0x2000, user.base + 0x3000);
  t.same(user.run(0), { trap: Trap.Breakpoint, eax: 13 });
  user.close();

  const again = new Place(image, 0x1000_0000, store);
  const child = again.space.fork(again.space.source) as X86CodeSpace;
  t.same(again.run(0), { trap: Trap.Breakpoint, eax: 7 });
  child.release();
  t.equal(again.engine.stats.instructions, 0);
  again.close();
  t.end();
});

t.test('stored code is not mixed with code of its image at another place', (t) => {
  const image = callingImage();
  // Moved by a page, the code at 0x1000 stands where 0x2000 was.
  const [low, high] = [0x1000_0000, 0x1000_1000];
  const store = new MemoryStore();
  const maker = new Place(image, low, store);
  maker.run(0);
  maker.run(0x2010);
  maker.engine.keep();
  maker.close();

  const first = new Place(image, high, store, '!image', undefined, 'program');
  t.same(first.run(0), { trap: Trap.Breakpoint, eax: 7 });
  t.same(first.run(0x1000), { trap: Trap.Fetch, eax: 5 }, 'it returns to 0');
  first.close();
  const second = new Place(image, low, store, '!image', first.engine, 'program');
  t.same(second.run(0), { trap: Trap.Breakpoint, eax: 7 });
  t.same(second.run(0x2000), { trap: Trap.Fetch, eax: 2 });
  second.close();
  t.end();
});

t.test('stored code grows from run to run, and is used by nobody else', (t) => {
  const image = callingImage();
  const store = new MemoryStore();
  const first = new Place(image, 0x1000_0000, store);
  first.run(0x2010);
  first.engine.keep();
  first.close();
  const [name, small] = [...store.files][0]!;
  const second = new Place(image, 0x3000_0000, store);
  second.run(0x2010);
  t.equal(second.engine.stats.instructions, 0);
  second.run(0);
  second.engine.keep();
  t.equal(store.files.get(name), small, 'too little is new');
  second.run(0x4000);
  second.engine.keep();
  second.close();
  const third = new Place(image, 0x4000_0000, store);
  t.equal(third.run(0).eax, 7);
  third.run(0x4000);
  t.equal(third.engine.stats.instructions, 0, 'all is kept');
  third.close();

  for (const [version, base, why] of [
    ['!other', 0x1000_0000, 'another version'], ['image', 0x1000_0000, 'one that is not lasting'],
    ['!image', HALF - PAGE, 'across the middle of the window'],
  ] as const) {
    const other = new Place(image, base, store, version);
    other.run(0x2010);
    t.ok(other.engine.stats.instructions > 0, why);
    other.close();
  }

  for (const damage of [(b: Uint8Array) => b.slice(0, b.length - 4), (b: Uint8Array) => {
    const copy = b.slice();
    copy[copy.length >> 1]! ^= 1;
    return copy;
  }, () => new Uint8Array(0)]) {
    const damaged = new MemoryStore();
    damaged.save(name, damage(small));
    const other = new Place(image, 0x1000_0000, damaged);
    t.equal(other.run(0x2010).trap, Trap.Breakpoint);
    t.ok(other.engine.stats.instructions > 0, 'damaged');
    other.close();
  }
  t.end();
});
