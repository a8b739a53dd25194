import t from 'tap';
import { E } from '../abi/errno.js';
import { MADV, MAP, MREMAP, PROT } from '../abi/mman.js';
import { native } from '../host/native.js';
import { AddressSpace } from './address_space.js';
import { Fault, FaultAccess } from './fault.js';
import { chooseLayout, LOW_END, MAX_ADDRESS, MMAP_LOW_FLOOR, PAGE } from './layout.js';
import { MemoryAccount, type MemoryLimits } from './limits.js';
import type { MappedFile } from './mapped_file.js';
import { Vma, VmaList, VmFlag } from './vma.js';

const RW = PROT.READ | PROT.WRITE;
const ANON = MAP.PRIVATE | MAP.ANONYMOUS;

function random(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function space(options: { limits?: Partial<MemoryLimits>; account?: MemoryAccount } = {}): AddressSpace {
  const limits = { as: Infinity, data: Infinity, stack: 8 << 20, memlock: 65536, ...options.limits };
  const account = options.account ?? new MemoryAccount(Infinity);
  return new AddressSpace({ layout: chooseLayout(false), limits, account });
}

/** A file of which byte i is i >> 12 plus one. */
class PatternFile implements MappedFile {
  readonly identity = this;
  readonly path = '/pattern';
  readonly dev = 1;
  readonly ino = 1;
  readonly mayWrite: boolean = true;
  readonly noExec: boolean = false;
  references = 0;
  private readonly fd: number;
  constructor(private length: number) {
    this.fd = native.memfdCreate('pattern');
    const bytes = Uint8Array.from({ length }, (_, i) => (i >> 12) + 1);
    native.pwrite(this.fd, bytes, 0, length, 0);
  }
  version(): string {
    return 'pattern';
  }
  sync(): number {
    return 0;
  }
  mapFd(): number {
    return this.fd;
  }
  size(): number {
    return this.length;
  }
  truncate(length: number): void {
    this.length = length;
    native.ftruncate(this.fd, length);
  }
  retain(): void {
    this.references++;
  }
  release(): void {
    this.references--;
  }
}

/** The highest place for `length` bytes, found by looking at every gap. */
function slowGap(areas: Iterable<Vma>, length: number, low: number, high: number): number {
  let top = high;
  for (const area of [...areas].reverse()) {
    const bottom = Math.max(low, Math.min(area.end, high));
    if (top - bottom >= length) return top - length;
    top = Math.min(high, area.claim);
  }
  return top - low >= length ? top - length : -1;
}

t.test('areas: the gap search agrees with a look at every gap', async (t) => {
  const seed = Number(process.env['SEED'] ?? 20261);
  const pick = random(seed);
  const areas = new VmaList();
  const low = 0x10_0000;
  const high = low + 2000 * PAGE;
  for (let step = 0; step < 20000; step++) {
    const length = (1 + pick(pick(10) === 0 ? 300 : 20)) * PAGE;
    if (pick(100) < 55) {
      const at = areas.findGap(length, low, high);
      const slow = slowGap(areas, length, low, high);
      if (at !== slow) return t.fail(`seed ${seed}, step ${step}: ${at}, not ${slow}`);
      if (at >= 0) areas.insert(new Vma(at, at + length, pick(3), pick(4) === 0 ? VmFlag.GrowsDown : 0, null, 0, ''));
    } else {
      const at = low + pick(2000) * PAGE;
      areas.remove(at, Math.min(high, at + length));
    }
    const all = [...areas];
    const bytes = all.reduce((sum, area) => sum + area.end - area.start, 0);
    if (bytes !== areas.bytes) return t.fail(`seed ${seed}, step ${step}: ${areas.bytes} bytes, not ${bytes}`);
  }
  t.pass(`seed ${seed}`);
});

interface Page {
  prot: number;
  byte: number;
}

/** Checks the books and the bytes of [base, base + count pages) against the model. */
function compare(mm: AddressSpace, model: (Page | undefined)[], base: number): string | undefined {
  for (let i = 0; i < model.length; i++) {
    const addr = base + i * PAGE;
    const area = mm.areas.find(addr);
    const page = model[i];
    if ((area === undefined) !== (page === undefined)) return `page ${i} is ${area ? 'mapped' : 'not mapped'}`;
    if (area === undefined || page === undefined) continue;
    if (area.prot !== page.prot) return `page ${i} has protection ${area.prot}, not ${page.prot}`;
    if (mm.readable(addr, PAGE) !== (page.prot !== 0)) return `page ${i} readable`;
    if (mm.writable(addr + 5, 100) !== ((page.prot & PROT.WRITE) !== 0)) return `page ${i} writable`;
    if (page.prot !== 0 && mm.window.u8[addr + 9] !== page.byte) return `page ${i} has ${mm.window.u8[addr + 9]}`;
  }
  let last: Vma | undefined;
  let data = 0;
  let committed = 0;
  for (const area of mm.areas) {
    if (last && last.end > area.start) return 'areas overlap';
    const anonymous = last && last.file === null && area.file === null;
    const alike = anonymous && last?.prot === area.prot && last.flags === area.flags;
    if (alike && last!.end === area.start) return `areas at ${area.start.toString(16)} are not merged`;
    if (area.prot & PROT.WRITE) data += area.end - area.start;
    if (area.flags & VmFlag.Written) committed += area.end - area.start;
    last = area;
  }
  if (data !== mm.dataBytes) return `${mm.dataBytes} data bytes, not ${data}`;
  const { committedBytes, account } = mm;
  if (committed !== committedBytes || committed !== account.used) return `${committedBytes} bytes, not ${committed}`;
  return undefined;
}

t.test('mappings: random calls agree with a table of pages', async (t) => {
  const seed = Number(process.env['SEED'] ?? 4711);
  const pick = random(seed);
  const mm = space();
  const base = 0x2000_0000;
  const count = 96;
  const model: (Page | undefined)[] = new Array<Page | undefined>(count).fill(undefined);
  const file = new PatternFile(64 * PAGE);
  const prots = [0, PROT.READ, RW, RW, PROT.READ | PROT.EXEC, RW | PROT.EXEC];
  for (let step = 0; step < 4000; step++) {
    const first = pick(count);
    const pages = 1 + pick(Math.min(24, count - first));
    const addr = base + first * PAGE;
    const prot = prots[pick(prots.length)]!;
    let what = '';
    switch (pick(8)) {
      case 0:
      case 1: {
        what = 'mmap';
        const result = mm.mmap(addr, pages * PAGE, prot, ANON | MAP.FIXED, null, 0);
        if (result !== addr) return t.fail(`${seed}/${step} mmap gives ${result}`);
        for (let i = first; i < first + pages; i++) model[i] = { prot, byte: 0 };
        break;
      }
      case 2: {
        what = 'mmap of a file';
        const offset = pick(64 - pages);
        const result = mm.mmap(addr, pages * PAGE - 1, prot, MAP.PRIVATE | MAP.FIXED, file, offset * PAGE);
        if (result !== addr) return t.fail(`${seed}/${step} file ${result}`);
        for (let i = 0; i < pages; i++) model[first + i] = { prot, byte: offset + i + 1 };
        break;
      }
      case 3:
        what = 'munmap';
        mm.munmap(addr, pages * PAGE);
        for (let i = first; i < first + pages; i++) model[i] = undefined;
        break;
      case 4: {
        what = 'mprotect';
        let end = first;
        while (end < first + pages && model[end]) end++;
        const expected = end === first + pages ? 0 : -E.NOMEM;
        const result = mm.mprotect(addr, pages * PAGE, prot);
        if (result !== expected) return t.fail(`${seed}/${step} mprotect gives ${result}`);
        for (let i = first; i < end; i++) model[i]!.prot = prot;
        break;
      }
      case 5: {
        what = 'store';
        if (!mm.writable(addr, PAGE)) break;
        mm.window.u8[addr + 9] = model[first]!.byte = pick(256);
        break;
      }
      case 6: {
        what = 'mremap';
        const area = mm.areas.find(addr);
        const size = Math.min(pages, area ? (area.end - addr) / PAGE : 0);
        const to = pick(count - size);
        if (size === 0 || (to < first + size && first < to + size)) break;
        const toAddr = base + to * PAGE;
        const flags = MREMAP.MAYMOVE | MREMAP.FIXED;
        const result = mm.mremap(addr, size * PAGE, size * PAGE, flags, toAddr);
        if (result !== toAddr) return t.fail(`${seed}/${step} mremap gives ${result}`);
        for (let i = 0; i < size; i++) {
          model[to + i] = model[first + i];
          model[first + i] = undefined;
        }
        break;
      }
      case 7: {
        what = 'fork';
        if (pick(10) !== 0) break;
        const child = mm.fork();
        if (typeof child === 'number') return t.fail(`${seed}/${step} fork gives ${child}`);
        mm.account.used -= child.committedBytes;
        const wrong = compare(child, model, base);
        mm.account.used += child.committedBytes;
        if (wrong) return t.fail(`seed ${seed}, step ${step}, in the child: ${wrong}`);
        child.release();
        break;
      }
    }
    if (step % 7 === 0 || step > 3900) {
      const wrong = compare(mm, model, base);
      if (wrong) return t.fail(`seed ${seed}, step ${step}, after ${what}: ${wrong}`);
    }
  }
  mm.munmap(base, count * PAGE);
  t.equal(file.references, 0, 'no reference to the file is left');
  t.equal(mm.account.used, 0, 'nothing stays accounted');
  mm.release();
});

t.test('placement', async (t) => {
  const mm = space();
  const small = mm.mmap(0, 100, RW, ANON, null, 0);
  t.equal(small, mm.mmapTop - PAGE, 'mappings start below the stack');
  t.equal(mm.mmap(0, PAGE, RW, ANON, null, 0), small - PAGE, 'and go down');
  t.ok(mm.mmap(0, 0x1000_0000, RW, ANON, null, 0) >= LOW_END, 'large ones go to the upper half');
  t.ok(mm.mmap(0, 0x1000_0000, RW, ANON | MAP['32BIT'], null, 0) < LOW_END, 'unless MAP_32BIT says otherwise');
  t.equal(mm.mmap(0x3000_1123, PAGE, RW, ANON, null, 0), 0x3000_1000, 'a free hint is taken, rounded down');
  t.not(mm.mmap(0x3000_1000, PAGE, RW, ANON, null, 0), 0x3000_1000, 'a used one is not');
  t.ok(mm.mmap(0xc0_0000_0000, PAGE, RW, ANON, null, 0) < LOW_END, 'one beyond 4 GiB is ignored');
  t.equal(mm.mmap(0x1000, PAGE, RW, ANON | MAP.FIXED, null, 0), -E.PERM);
  t.equal(mm.mmap(0x2000_0100, PAGE, RW, ANON | MAP.FIXED, null, 0), -E.INVAL);
  t.equal(mm.mmap(MAX_ADDRESS, PAGE, RW, ANON | MAP.FIXED, null, 0), -E.NOMEM);
  t.equal(mm.mmap(0x3000_1000, PAGE, RW, ANON | MAP.FIXED_NOREPLACE, null, 0), -E.EXIST);
  t.equal(mm.mmap(0, 0, RW, ANON, null, 0), -E.INVAL);
  t.equal(mm.mmap(0, 2 ** 52, RW, ANON, null, 0), -E.NOMEM);
  t.equal(mm.mmap(0, PAGE, RW, MAP.ANONYMOUS, null, 0), -E.INVAL);
  let places = 0;
  while (mm.mmap(0, 0x300_0000, PROT.NONE, ANON, null, 0) > 0) places++;
  t.ok(places * 0x300_0000 > MAX_ADDRESS - MMAP_LOW_FLOOR - 0x4000_0000, 'all of the space can be used');
  mm.release();
});

t.test('the heap', async (t) => {
  const mm = space({ limits: { data: 64 * PAGE } });
  mm.brkStart = mm.brkEnd = 0x50_0000;
  t.equal(mm.brk(0), 0x50_0000);
  t.equal(mm.brk(0x50_0001), 0x50_0001);
  t.ok(mm.writable(0x50_0000, PAGE));
  t.equal(mm.nameOf(mm.areas.find(0x50_0000)!), '[heap]');
  t.equal(mm.brk(0x50_0000 + 65 * PAGE), 0x50_0001, 'RLIMIT_DATA holds it');
  t.equal(mm.brk(0x50_0000 + 20 * PAGE), 0x50_0000 + 20 * PAGE);
  t.equal(mm.brk(0x50_0000 + 10 * PAGE), 0x50_0000 + 10 * PAGE);
  t.notOk(mm.readable(0x50_0000 + 10 * PAGE, 1));
  mm.mmap(0x50_0000 + 12 * PAGE, PAGE, RW, ANON | MAP.FIXED, null, 0);
  t.equal(mm.brk(0x50_0000 + 20 * PAGE), 0x50_0000 + 10 * PAGE, 'a mapping stops it');
  mm.release();
});

t.test('faults, stacks and the end of files', async (t) => {
  const mm = space();
  const top = 0x7000_0000;
  mm.mmap(top - 4 * PAGE, 4 * PAGE, RW, ANON | MAP.FIXED | MAP.GROWSDOWN, null, 0);
  t.equal(mm.fault(top - 5 * PAGE, FaultAccess.Write), Fault.Retry, 'a stack grows');
  t.ok(mm.writable(top - 5 * PAGE, 5 * PAGE));
  t.ok(mm.writable(top - (1 << 20), 100), 'the kernel grows it, too');
  t.equal(mm.fault(top - (8 << 20) - 1, FaultAccess.Read), Fault.MapErr, 'up to RLIMIT_STACK');
  mm.mmap(top - (7 << 20), PAGE, RW, ANON | MAP.FIXED, null, 0);
  t.equal(mm.fault(top - (6 << 20) + 1, FaultAccess.Write), Fault.MapErr, 'and not close to another mapping');
  t.equal(mm.fault(0, FaultAccess.Read), Fault.MapErr);
  t.equal(mm.fault(2 ** 40, FaultAccess.Read), Fault.MapErr);
  const readOnly = mm.mmap(0, PAGE, PROT.READ, ANON, null, 0);
  t.equal(mm.fault(readOnly, FaultAccess.Write), Fault.AccErr);
  t.equal(mm.fault(readOnly, FaultAccess.Fetch), Fault.AccErr);

  const file = new PatternFile(3 * PAGE);
  const at = mm.mmap(0, 5 * PAGE, RW, MAP.SHARED, file, 0);
  t.equal(mm.readableBytes(at), 3 * PAGE);
  t.notOk(mm.writable(at, 3 * PAGE + 1));
  t.equal(mm.fault(at + 3 * PAGE, FaultAccess.Read), Fault.BusAdrErr);
  file.truncate(PAGE);
  t.notOk(mm.readable(at + PAGE, 1), 'a file that shrinks takes its pages away');
  t.equal(mm.cstring(at + PAGE - 3, 100), -E.FAULT);
  mm.window.u8[at + PAGE - 1] = 0;
  t.equal(mm.cstring(at + PAGE - 3, 100), '\x01\x01');
  t.equal(mm.cstring(at + PAGE - 3, 2), -E.NAMETOOLONG);
  mm.release();
  t.equal(file.references, 0);
});

t.test('translated code', async (t) => {
  const mm = space();
  const dropped: string[] = [];
  mm.code = {
    invalidate: (start, end) => dropped.push(`${start.toString(16)}-${end.toString(16)}`),
    fork: () => mm.code!,
    release: () => undefined,
  };
  const at = 0x3000_0000;
  mm.mmap(at, 4 * PAGE, RW | PROT.EXEC, ANON | MAP.FIXED, null, 0);
  t.equal(mm.fetchable(at + 10), 4 * PAGE - 10);
  mm.codeTranslated(at + PAGE);
  t.equal(mm.fault(at + PAGE + 8, FaultAccess.Write), Fault.Retry);
  t.same(dropped.splice(0), ['30001000-30002000'], 'a store to a page with code drops it');
  mm.codeTranslated(at + PAGE);
  t.ok(mm.writable(at, 2 * PAGE));
  t.same(dropped.splice(0), ['30001000-30002000'], 'so does the kernel');
  mm.window.u8[at + PAGE] = 1;
  mm.mprotect(at, PAGE, PROT.READ | PROT.EXEC);
  t.same(dropped.splice(0), ['30000000-30001000'], 'and another protection');
  mm.codeTranslated(at + 2 * PAGE);
  mm.munmap(at + 2 * PAGE, PAGE);
  t.same(dropped.splice(0), ['30002000-30003000'], 'and munmap');
  t.equal(mm.codePages.size, 0);
  t.equal(mm.fetchable(at + 2 * PAGE), 0);
  mm.release();
});

t.test('where code comes from', async (t) => {
  const mm = space();
  const file = new PatternFile(8 * PAGE);
  const at = 0x3000_0000;
  const exec = PROT.READ | PROT.EXEC;
  mm.mmap(at, 4 * PAGE, exec, MAP.PRIVATE | MAP.FIXED, file, PAGE);
  const origin = mm.codeOrigin(at);
  t.match(origin, /^pattern@/);
  t.equal(mm.codeOrigin(at + 3 * PAGE), origin, 'one image, one origin');
  mm.mmap(at + 8 * PAGE, PAGE, exec, MAP.PRIVATE | MAP.FIXED, file, PAGE);
  t.not(mm.codeOrigin(at + 8 * PAGE), origin, 'the same bytes at another place are another');
  mm.mprotect(at + PAGE, PAGE, RW);
  mm.mprotect(at + PAGE, PAGE, exec);
  t.same([mm.codeOrigin(at + PAGE), mm.codeOrigin(at + 2 * PAGE)], ['', origin], 'what could be written has none');
  mm.mmap(at, PAGE, exec, ANON | MAP.FIXED, null, 0);
  t.same([mm.codeOrigin(at), mm.codeOrigin(at - PAGE)], ['', ''], 'nor has memory without file');
  mm.release();
});

t.test('limits, advice and sharing', async (t) => {
  const account = new MemoryAccount(100 * PAGE);
  const mm = space({ limits: { as: 200 * PAGE, data: 80 * PAGE }, account });
  t.equal(mm.mmap(0, 201 * PAGE, PROT.NONE, ANON, null, 0), -E.NOMEM, 'RLIMIT_AS');
  t.equal(mm.mmap(0, 81 * PAGE, RW, ANON, null, 0), -E.NOMEM, 'RLIMIT_DATA');
  const reserved = mm.mmap(0, 120 * PAGE, PROT.NONE, ANON, null, 0);
  t.ok(reserved > 0, 'what cannot be touched counts for neither data nor memory');
  t.equal(mm.mprotect(reserved, 81 * PAGE, RW), -E.NOMEM);
  t.equal(mm.mprotect(reserved, 70 * PAGE, RW), 0);
  t.equal(account.used, 70 * PAGE);
  const shared = mm.mmap(0, 20 * PAGE, RW, MAP.SHARED | MAP.ANONYMOUS, null, 0);
  t.equal(account.used, 90 * PAGE);
  t.equal(mm.fork(), -E.NOMEM, 'a child that would not fit');
  account.limit = Infinity;
  const child = mm.fork();
  if (typeof child === 'number') return t.fail('fork');
  child.window.u8[shared + 5] = 77;
  child.window.u8[reserved] = 78;
  t.same([mm.window.u8[shared + 5], mm.window.u8[reserved]], [77, 0], 'only shared memory is seen by both');
  child.release();
  mm.window.u8[reserved + 4] = 1;
  t.equal(mm.madvise(reserved, PAGE, MADV.DONTNEED), 0);
  t.equal(mm.window.u8[reserved + 4], 0, 'MADV_DONTNEED gives zeros');
  t.equal(mm.madvise(reserved + 1, PAGE, MADV.DONTNEED), -E.INVAL);
  t.equal(mm.madvise(0x1_0000, PAGE, MADV.DONTNEED), -E.NOMEM);
  t.equal(mm.madvise(reserved, PAGE, 77), -E.INVAL);
  t.equal(mm.mlock(reserved, 16 * PAGE, true), 0);
  t.equal(mm.mlock(reserved, 17 * PAGE, true), -E.NOMEM, 'RLIMIT_MEMLOCK');
  t.equal(mm.madvise(reserved, PAGE, MADV.DONTNEED), -E.INVAL, 'locked memory is not dropped');
  mm.release();
  t.equal(account.used, 0);
});
