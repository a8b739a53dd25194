import t from 'tap';
import { AT } from '../abi/auxv.js';
import { E } from '../abi/errno.js';
import { AddressSpace } from '../mm/address_space.js';
import { chooseLayout } from '../mm/layout.js';
import { MemoryAccount } from '../mm/limits.js';
import type { OpenFile } from '../vfs/open_file.js';
import { loadProgram, type LoadedProgram, type LoadRequest } from './exec.js';
import { LoadFailure } from './failure.js';
import { MemoryFile, PT, sampleElf, type SampleElf } from './sample_elf.js';
import { parseScript } from './script.js';
import { VDSO_BASE64 } from './vdso_image.js';

function space(): AddressSpace {
  const limits = { as: Infinity, data: Infinity, stack: 8 << 20, memlock: 65536 };
  return new AddressSpace({ layout: chooseLayout(false), limits, account: new MemoryAccount(Infinity) });
}

/** Loads a file into a space of its own, with `files` for what it names. */
function load(
  bytes: Uint8Array, files: Record<string, Uint8Array> = {}, change: Partial<LoadRequest> = {}, mm = space(),
): { mm: AddressSpace; result: LoadedProgram | LoadFailure } {
  const open = (path: string): OpenFile | number =>
    Object.hasOwn(files, path) ? new MemoryFile(files[path]!, path) : -E.NOENT;
  const file = new MemoryFile(bytes, '/bin/program');
  const result = loadProgram(mm, file, {
    argv: ['program', 'one'], envp: ['A=b'], execfn: '/bin/program', open,
    creds: { uid: 1, euid: 2, gid: 3, egid: 4 }, secure: false, hwcap: 0xbfebfbff, hwcap2: 2,
    random: new Uint8Array(16).fill(9), vdso: true, ...change,
  });
  file.unref();
  return { mm, result };
}

const BASE = 0x40_0000;
const SIMPLE: SampleElf = {
  entry: BASE + 0x1000,
  segments: [
    { offset: 0, address: BASE, fileSize: 0x1100, flags: 5 },
    { offset: 0x1100, address: BASE + 0x3100, fileSize: 0x80, memorySize: 0x2f00, flags: 6 },
    { type: PT.TLS, offset: 0x1100, address: BASE + 0x3100, fileSize: 8, memorySize: 16 },
    { type: PT.GNU_STACK, flags: 6 },
  ],
  contents: [
    [0x1000, Uint8Array.of(0x90, 0xc3)], [0x1100, new Uint8Array(0x80).fill(5)],
    [0x1180, new Uint8Array(0x500).fill(6)],
  ],
};

function word(mm: AddressSpace, at: number): number {
  return mm.window.view.getUint32(at, true) + mm.window.view.getUint32(at + 4, true) * 2 ** 32;
}

function shape(mm: AddressSpace): string[] {
  return [...mm.areas].map((a) => `${a.start.toString(16)}-${a.end.toString(16)} ${a.prot} ${mm.nameOf(a)}`.trim());
}

t.test('a program linked at a fixed place', async (t) => {
  const { mm, result } = load(sampleElf(SIMPLE));
  if (result instanceof LoadFailure) return t.fail(result.reason);
  t.same(shape(mm).slice(0, 3), [
    '400000-402000 5 /bin/program', '403000-404000 3 /bin/program', '404000-406000 3',
  ]);
  const { u8 } = mm.window;
  t.same([u8[0x401000], u8[0x40317f], u8[0x403180], u8[0x404000]], [0x90, 5, 0, 0], 'bytes, then zeros');
  t.equal(result.entry, 0x401000);
  t.equal(mm.brkStart, 0x406000);
  t.equal(result.stackPointer % 16, 0);
  let at = result.stackPointer;
  t.equal(word(mm, at), 2);
  t.equal(mm.cstring(word(mm, at + 8), 100), 'program');
  t.equal(mm.cstring(word(mm, at + 16), 100), 'one');
  t.equal(word(mm, at + 24), 0);
  t.equal(mm.cstring(word(mm, at + 32), 100), 'A=b');
  t.equal(word(mm, at + 40), 0);
  const auxv = new Map<number, number>();
  for (at += 48; word(mm, at) !== 0; at += 16) auxv.set(word(mm, at), word(mm, at + 8));
  t.equal(mm.auxv.length, auxv.size * 16 + 16);
  t.match(Object.fromEntries(auxv), {
    [AT.PHDR]: BASE + 64, [AT.PHENT]: 56, [AT.PHNUM]: 4, [AT.PAGESZ]: 4096, [AT.BASE]: 0, [AT.ENTRY]: 0x401000,
    [AT.UID]: 1, [AT.EUID]: 2, [AT.GID]: 3, [AT.EGID]: 4, [AT.SECURE]: 0, [AT.CLKTCK]: 100,
    [AT.HWCAP]: 0xbfebfbff, [AT.HWCAP2]: 2,
  });
  t.equal(mm.cstring(auxv.get(AT.EXECFN)!, 100), '/bin/program');
  t.equal(mm.cstring(auxv.get(AT.PLATFORM)!, 100), 'x86_64');
  t.equal(u8[auxv.get(AT.RANDOM)! + 15], 9);
  const vdso = auxv.get(AT.SYSINFO_EHDR)!;
  t.equal(word(mm, vdso), word(mm, vdso), 'the vdso can be read');
  t.ok(mm.fetchable(vdso) > 0 && mm.hostcalls!.start === vdso);
  t.equal(mm.cstring(mm.argStart, 100), 'program');
  t.equal(mm.cstring(mm.envStart, 100), 'A=b');
  t.ok(mm.writable(mm.startStack - 0x10_0000, 4), 'the stack grows');
  t.notOk(mm.areas.find(result.stackPointer)!.prot & 4, 'and is not executable');
  result.executable.unref();
  mm.release();
});

t.test('position-independent programs and interpreters', async (t) => {
  const shared = (segments = SIMPLE.segments): SampleElf => ({
    ...SIMPLE, type: 3, entry: 0x1000,
    segments: segments.map((s) => ({ ...s, address: Math.max(0, (s.address ?? BASE) - BASE) })),
  });
  const plain = load(sampleElf(shared()));
  if (plain.result instanceof LoadFailure) return t.fail(plain.result.reason);
  t.equal(plain.result.entry, 0x1000_1000);
  plain.mm.release();

  const aligned = load(sampleElf(shared(SIMPLE.segments.map((s) => ({ ...s, align: 0x20_0000 })))));
  if (aligned.result instanceof LoadFailure) return t.fail(aligned.result.reason);
  t.equal((aligned.result.entry - 0x1000) % 0x20_0000, 0, 'p_align is kept');
  aligned.mm.release();

  const path = Buffer.from('/lib/ld.so\0');
  const dynamic = sampleElf({
    ...SIMPLE, contents: [...SIMPLE.contents!, [0x800, path]],
    segments: [...SIMPLE.segments, { type: PT.INTERP, offset: 0x800, fileSize: path.length }],
  });
  const { mm, result } = load(dynamic, { '/lib/ld.so': sampleElf(shared()) });
  if (result instanceof LoadFailure) return t.fail(result.reason);
  const base = [...mm.areas].find((a) => mm.nameOf(a) === '/lib/ld.so')!.start;
  t.equal(result.entry, base + 0x1000, 'the interpreter begins');
  const aux = Buffer.from(mm.auxv);
  const at = [...Array(aux.length / 16).keys()].find((i) => aux.readUInt32LE(i * 16) === AT.BASE)!;
  t.equal(aux.readUInt32LE(at * 16 + 8), base);
  t.equal(result.executable.label, '/bin/program');
  mm.release();
  t.match(load(dynamic).result, { error: -E.NOENT, reason: /\/lib\/ld\.so/ });
  t.match(load(dynamic, { '/lib/ld.so': Buffer.from('text') }).result, { error: -E.LIBBAD });
});

t.test('what is not a program says why', async (t) => {
  const good = sampleElf(SIMPLE);
  const changed = (at: number, ...bytes: number[]): Buffer => {
    const copy = Buffer.from(good);
    copy.set(bytes, at);
    return copy;
  };
  const segment = (change: object): Buffer =>
    sampleElf({ ...SIMPLE, segments: [{ ...SIMPLE.segments[0], ...change }] });
  const cases: [string, Uint8Array, number, RegExp][] = [
    ['empty', Buffer.alloc(0), E.NOEXEC, /empty/],
    ['text', Buffer.from('hello\n'), E.NOEXEC, /not a program/],
    ['only the magic', good.subarray(0, 4), E.NOEXEC, /truncated ELF header/],
    ['half a header', good.subarray(0, 40), E.NOEXEC, /truncated ELF header/],
    ['half the program headers', good.subarray(0, 100), E.NOEXEC, /truncated program headers/],
    ['AArch64', changed(18, 183), E.NOEXEC, /foreign machine \(AArch64\)/],
    ['RISC-V', changed(18, 243), E.NOEXEC, /foreign machine \(RISC-V\)/],
    ['i386', changed(4, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3), E.NOEXEC, /32-bit \(i386\) programs are not/],
    ['a wild class', changed(4, 7), E.NOEXEC, /class/],
    ['big-endian', changed(5, 2), E.NOEXEC, /foreign/],
    ['an object file', changed(16, 1), E.NOEXEC, /relocatable object/],
    ['a core', changed(16, 4), E.NOEXEC, /core dump/],
    ['no headers', changed(56, 0), E.NOEXEC, /no program headers/],
    ['headers of no size', changed(54, 0), E.NOEXEC, /0 bytes/],
    ['too many headers', changed(56, 0xff, 0xff), E.NOEXEC, /too many/],
    ['headers far away', changed(32, 0, 0, 0, 0, 0, 0, 0, 0xff), E.NOEXEC, /outside|truncated/],
    ['nothing to load', sampleElf({ segments: [{ type: PT.NOTE }] }), E.NOEXEC, /no loadable/],
    ['more in the file than in memory', segment({ memorySize: 16 }), E.NOEXEC, /more bytes/],
    ['misaligned', segment({ offset: 0x10 }), E.NOEXEC, /not aligned/],
    ['beyond the address space', segment({ address: 2 ** 47 }), E.NOMEM, /4 GiB/],
    ['wrapping', segment({ memorySize: 2 ** 64 - 4096 }), E.NOMEM, /4 GiB/],
    ['at zero', segment({ address: 0 }), E.PERM, /64 KiB/],
    ['without its data', good.subarray(0, 0x1000), E.NOEXEC, /truncated/],
    ['over the stack', segment({ address: 0x7f80_0000, memorySize: 0x10_0000 }), E.NOMEM, /fit in memory/],
  ];
  for (const [name, bytes, error, reason] of cases) {
    const { mm, result } = load(bytes);
    t.match(result, { error: -error, reason }, name);
    mm.release();
  }
  const huge = load(good, {}, { argv: new Array<string>(60).fill('x'.repeat(130000)) });
  t.match(huge.result, { error: -E['2BIG'] });
  t.match(load(good, {}, { envp: ['x'.repeat(131072)] }).result, { error: -E['2BIG'] });
});

t.test('scripts', async (t) => {
  const line = (text: string): unknown => parseScript(Buffer.from(text), Buffer.byteLength(text));
  t.match(line('#!/bin/sh\n'), { path: '/bin/sh', argument: undefined });
  t.match(line('#! \t/bin/sh  -e  -x \nrest'), { path: '/bin/sh', argument: '-e  -x' });
  t.match(line('#!/bin/sh'), { path: '/bin/sh' });
  t.match(line('#!\n'), { error: -E.NOEXEC });
  t.match(line('#!  \n/bin/sh'), { error: -E.NOEXEC });
  t.match(line(`#!/${'x'.repeat(300)}\n`), { error: -E.NOEXEC }, 'a path that does not end is not run');
  t.match(line(`#!/bin/sh ${'x'.repeat(300)}\n`), { path: '/bin/sh' }, 'an argument that does not end is cut');

  const program = sampleElf(SIMPLE);
  const { mm, result } = load(Buffer.from('#!/b -x\n'), { '/b': Buffer.from('#!/c\n'), '/c': program });
  if (result instanceof LoadFailure) return t.fail(result.reason);
  t.equal(result.executable.label, '/c');
  const argc = word(mm, result.stackPointer);
  const argv = Array.from({ length: argc }, (_, i) => mm.cstring(word(mm, result.stackPointer + 8 + i * 8), 100));
  t.same(argv, ['/c', '/b', '-x', '/bin/program', 'one']);
  mm.release();
  t.match(load(Buffer.from('#!/b\n')).result, { error: -E.NOENT, reason: /\/b/ });
  t.match(load(Buffer.from('#!/b\n'), { '/b': Buffer.from('#!/b\n') }).result, { error: -E.LOOP });
});

t.test('the vdso has the names that libraries look for', async (t) => {
  const text = Buffer.from(VDSO_BASE64, 'base64').toString('latin1');
  const names = ['clock_gettime', 'gettimeofday', 'time', 'getcpu', 'clock_getres'];
  for (const name of names) t.match(text, `\0__vdso_${name}\0`);
  t.match(text, '\0LINUX_2.6\0');
});
