/** tarfs: archives of GNU tar in all its formats against the tree that they were made from, and hostile ones. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync, closeSync, ftruncateSync, linkSync, lstatSync, mkdirSync, mkdtempSync, openSync, readFileSync, readdirSync,
  readlinkSync, rmSync, symlinkSync, utimesSync, writeFileSync, writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { E } from '../../abi/errno.js';
import { O, S } from '../../abi/fcntl.js';
import { native } from '../../host/native.js';
import { Stat } from '../inode.js';
import { OpenFile, PathContext, Vfs, lookup, open, readlink, stat } from '../vfs.js';
import { archiveFormat, openArchive } from './archive.js';
import { OverlayFs } from './overlayfs.js';
import { TarError } from './tar_format.js';
import { TmpFs } from './tmpfs.js';
import type { FileSystem } from '../inode.js';

const scratch = mkdtempSync(join(tmpdir(), 'posixx-tar-'));
t.teardown(() => rmSync(scratch, { recursive: true, force: true }));
const tree = join(scratch, 'tree');

function run(command: string, ...args: string[]): boolean {
  const { status } = spawnSync(command, args, { stdio: 'ignore' });
  return status === 0;
}

function overlayOn(layer: FileSystem, lowers: FileSystem[]): OverlayFs {
  const fs = OverlayFs.on(layer, lowers);
  if (typeof fs === 'number') throw new Error(`no overlay: ${fs}`);
  return fs;
}

function contextOf(fs: FileSystem): PathContext {
  const vfs = new Vfs(fs);
  return new PathContext(vfs, vfs.root, vfs.root, 0, { fsuid: 0, fsgid: 0, groups: [], capabilities: -1 });
}

function mustOpen(ctx: PathContext, path: string): OpenFile {
  const file = open(ctx, ctx.root, path, O.RDONLY, 0);
  if (typeof file === 'number') throw new Error(`open ${path}: ${file}`);
  return file;
}

function bytesOf(ctx: PathContext, path: string): Buffer {
  const file = mustOpen(ctx, path);
  const parts: Buffer[] = [];
  for (;;) {
    const part = Buffer.alloc(100_001);
    const got = file.read(part, 0, part.length);
    if (got < 0) throw new Error(`read ${path}: ${got}`);
    if (got === 0) break;
    parts.push(part.subarray(0, got));
  }
  file.unref();
  return Buffer.concat(parts);
}

function names(ctx: PathContext, path: string): string[] {
  const found: string[] = [];
  mustOpen(ctx, path).readdir({ entry: (name) => found.push(name) > 0 });
  return found.filter((name) => name !== '.' && name !== '..').sort();
}

const LONG = 'a-name-that-is-longer-than-a-hundred-characters-'.repeat(5).substring(0, 240);

function makeTree(): void {
  mkdirSync(join(tree, 'dir/deep', LONG.substring(0, 120)), { recursive: true });
  writeFileSync(join(tree, 'small'), 'hello\n');
  writeFileSync(join(tree, 'empty'), '');
  writeFileSync(join(tree, 'dir/big'), Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) & 255)));
  writeFileSync(join(tree, 'dir/deep', LONG.substring(0, 120), LONG), 'long\n');
  linkSync(join(tree, 'dir/big'), join(tree, 'zlink'));
  symlinkSync('dir/../small', join(tree, 'link'));
  symlinkSync(`${LONG}/${LONG}`, join(tree, 'longlink'));
  run('mkfifo', join(tree, 'fifo'));
  const fd = openSync(join(tree, 'sparse'), 'w');
  for (let i = 0; i < 40; i++) writeSync(fd, Buffer.alloc(5000, i + 1), 0, 5000, 65536 * (i * 2 + 1));
  ftruncateSync(fd, 65536 * 100);
  closeSync(fd);
  chmodSync(join(tree, 'small'), 0o4751);
  utimesSync(join(tree, 'small'), 1_000_000_000.25, 1_000_000_000.25);
  utimesSync(join(tree, 'empty'), -5, -5);
}

/** What there is below a directory of the host; `exact`: with nanoseconds. */
function describeHost(path: string, exact: boolean, skip: Set<string>, out: string[] = []): string[] {
  for (const name of readdirSync(join(tree, path)).filter((name) => !skip.has(name)).sort()) {
    const below = path === '' ? name : `${path}/${name}`;
    const there = lstatSync(join(tree, below), { bigint: true });
    const time = exact ? there.mtimeNs : there.mtimeNs / 1_000_000_000n * 1_000_000_000n;
    const bytes = there.isFile() ? `${there.nlink} ${there.size} ${sha1(readFileSync(join(tree, below)))} mapped` : '';
    out.push(`${below} ${there.mode} ${there.uid} ${time} ${bytes}` +
      (there.isSymbolicLink() ? readlinkSync(join(tree, below)) : ''));
    if (there.isDirectory()) describeHost(below, exact, skip, out);
  }
  return out;
}

function describe(ctx: PathContext, path: string, out: string[] = []): string[] {
  for (const name of names(ctx, `/${path}`)) {
    const below = path === '' ? name : `${path}/${name}`;
    const here = new Stat();
    stat(ctx, ctx.root, below, false, here);
    const time = BigInt(here.mtime) * 1_000_000_000n + BigInt(here.mtimeNsec);
    const type = here.mode & S.IFMT;
    let text = '';
    if (type === S.IFREG) {
      const bytes = bytesOf(ctx, below);
      const mapped = Buffer.alloc(bytes.length);
      native.pread(mustOpen(ctx, below).mapFd(false), mapped, 0, mapped.length, 0);
      text = `${here.nlink} ${here.size} ${sha1(bytes)} ${mapped.equals(bytes) ? 'mapped' : 'mapped otherwise'}`;
    }
    out.push(`${below} ${here.mode} ${here.uid} ${time} ${text}` +
      (type === S.IFLNK ? String(readlink(ctx, ctx.root, below)) : ''));
    if (type === S.IFDIR) describe(ctx, below, out);
  }
  return out;
}

function sha1(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest('hex');
}

makeTree();
// ustar and v7 have no place for these.
const tooLong = new Set([LONG, 'longlink', LONG.substring(0, 120)]);
const formats: [name: string, args: string[], exact: boolean, skip: Set<string>][] = [
  ['v7', ['--format=v7', '--exclude=a-name*', '--exclude=longlink', '--exclude=fifo', '--exclude=empty'], false,
    new Set([...tooLong, 'fifo', 'empty'])],
  ['ustar', ['--format=ustar', '--exclude=a-name*', '--exclude=longlink', '--exclude=empty'], false,
    new Set([...tooLong, 'empty'])],
  ['oldgnu', ['--format=oldgnu', '-S'], false, new Set()],
  ['gnu', ['--format=gnu'], false, new Set()],
  ['pax', ['--format=pax', '--no-recursion', '--recursion'], true, new Set()],
  ['pax, sparse 0.0', ['--format=pax', '--sparse-version=0.0', '-S'], true, new Set()],
  ['pax, sparse 0.1', ['--format=pax', '--sparse-version=0.1', '-S'], true, new Set()],
  ['pax, sparse 1.0', ['--format=pax', '--sparse-version=1.0', '-S'], true, new Set()],
];

for (const [name, args, exact, skip] of formats) {
  t.test(`format ${name}`, async (test) => {
    const file = join(scratch, `${name.replaceAll(/\W/g, '')}.tar`);
    if (!run('tar', '-C', tree, ...args, '-cf', file, '.')) test.comment('tar complained');
    const fs = await openArchive(file);
    test.same(fs.warnings, []);
    test.same(describe(contextOf(fs), ''), describeHost('', exact, skip));
    if (name.includes('sparse') || name === 'oldgnu') {
      const ctx = contextOf(fs);
      const sparse = mustOpen(ctx, 'sparse');
      test.equal(sparse.seek(65536 * 2 + 5, 3), 65536 * 3, 'SEEK_DATA');
      test.equal(sparse.seek(0, 4), 0, 'SEEK_HOLE');
      const out = new Stat();
      stat(ctx, ctx.root, 'sparse', true, out);
      test.ok(out.blocks < 2000, `${out.blocks} blocks`);
    }
  });
}

t.test('compressed archives are unpacked once', async (test) => {
  const plain = join(scratch, 'plain.tar');
  run('tar', '-C', tree, '--format=pax', '-cf', plain, '.');
  const zipped = join(scratch, 'zipped');
  writeFileSync(zipped, gzipSync(readFileSync(plain)));
  test.equal(archiveFormat(zipped), 'gzip');
  test.same(describe(contextOf(await openArchive(zipped)), ''), describeHost('', true, new Set()));
  writeFileSync(zipped, gzipSync(readFileSync(plain)).subarray(0, 2000));
  await test.rejects(openArchive(zipped), /is damaged/);
  if (run('zstd', '-q', '-f', plain, '-o', zipped)) {
    test.same(describe(contextOf(await openArchive(zipped)), ''), describeHost('', true, new Set()));
    const bytes = readFileSync(zipped);
    for (const damaged of [bytes.subarray(0, bytes.length - 9), Buffer.concat([bytes.subarray(0, 300), bytes.subarray(310)])]) {
      writeFileSync(zipped, damaged);
      await test.rejects(openArchive(zipped), /is damaged/);
    }
  }
});

/** A header with a right checksum. */
function header(name: string, type: string, size = 0, link = ''): Buffer {
  const block = Buffer.alloc(512);
  block.write(name, 0, 'latin1');
  block.write('0000644 0001750 0001750 ', 100);
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  block.write('07346545000\0', 136);
  block.write(type, 156);
  block.write(link, 157, 'latin1');
  block.write('ustar\x0000', 257);
  return sealed(block);
}
function sealed(block: Buffer): Buffer {
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
function data(text: string): Buffer {
  return Buffer.concat([Buffer.from(text, 'latin1'), Buffer.alloc((512 - (text.length % 512)) % 512)]);
}
async function archiveOf(...blocks: Buffer[]): ReturnType<typeof openArchive> {
  const file = join(scratch, 'made.tar');
  writeFileSync(file, Buffer.concat(blocks));
  return openArchive(file);
}
const END = Buffer.alloc(1024);

t.test('names stay inside, the last of a name wins', async (test) => {
  const fs = await archiveOf(
    header('late/file', '0', 3), data('abc'), header('late', '5'),
    header('../../up', '0', 2), data('up'), header('/abs/olute', '0', 1), data('x'), header('x/../../y/./z', '0', 1), data('z'),
    header('twice', '0', 3), data('one'), header('twice', '0', 3), data('two'),
    header('usr/lib', '5'), header('lib', '2', 0, 'usr/lib'), header('lib/so', '0', 2), data('so'),
    header('out', '2', 0, '/../../etc'), header('out/passwd', '0', 4), data('mine'),
    header('hard', '1', 0, './twice'), header('over', '1', 0, '../../../late/file'), header('gone', '1', 0, 'nowhere'),
    header('loop', '2', 0, 'loop'), header('loop/x', '0'), header('file/x', '0', 1), data('1'), header('file', '0', 1), data('2'),
    Buffer.alloc(512),
  );
  const ctx = contextOf(fs);
  test.same(names(ctx, '/'), ['abs', 'etc', 'file', 'hard', 'late', 'lib', 'loop', 'out', 'over', 'twice', 'up', 'usr', 'y']);
  for (const [path, text] of [['late/file', 'abc'], ['up', 'up'], ['abs/olute', 'x'], ['y/z', 'z'], ['twice', 'two'],
    ['usr/lib/so', 'so'], ['etc/passwd', 'mine'], ['hard', 'two'], ['over', 'abc'], ['file', '2']] as const) {
    test.equal(bytesOf(ctx, path).toString(), text, path);
  }
  test.match(fs.warnings, [/"gone" .* link to "nowhere", which is not there/, /loop of links/]);
  const out = new Stat();
  stat(ctx, ctx.root, 'late', true, out);
  test.same([out.mode, out.uid], [S.IFDIR | 0o644, 0o1750]);
});

t.test('numbers, extended attributes and global headers', async (test) => {
  const big = header('big', '0', 0);
  big.fill(0, 108, 116);
  big[108] = 0x80;
  big.writeUInt32BE(3_000_000_000, 112);
  const record = (text: string): string => {
    let length = text.length + 3;
    while (`${length} ${text}\n`.length !== length) length++;
    return `${length} ${text}\n`;
  };
  const global = record('uid=77') + record('mtime=5.5');
  const own = record('SCHILY.xattr.user.a=b\0\nc') + record('path=renamed\xff');
  const fs = await archiveOf(sealed(big), header('g', 'g', global.length), data(global), header('x', 'x', own.length), data(own),
    header('plain', '0', 2), data('hi'), header('device', '3'), END);
  const ctx = contextOf(fs);
  const out = new Stat();
  stat(ctx, ctx.root, 'big', true, out);
  test.equal(out.uid, 3_000_000_000);
  stat(ctx, ctx.root, 'renamed\xff', true, out);
  test.same([out.uid, out.mtime, out.mtimeNsec, out.size], [77, 5, 5e8, 2]);
  const place = lookup(ctx, ctx.root, 'renamed\xff', true);
  test.same(typeof place !== 'number' && place.inode.getxattr('user.a'), Uint8Array.from(Buffer.from('b\0\nc')));
});

t.test('what is no archive is told with its place', async (test) => {
  const wrong = header('b', '0');
  wrong[0] = 0x63;
  await test.rejects(archiveOf(header('a', '0', 600), data('1'.repeat(600)), wrong, END), /header at byte 1536 has a wrong checksum/);
  await test.rejects(archiveOf(header('a', '0', 600), data('12')), /ends at byte 1024, inside the data of "a"/);
  await test.rejects(archiveOf(header('a', '0'), Buffer.alloc(100, 1)), /ends at byte 612, inside a header/);
  await test.rejects(archiveOf(Buffer.alloc(2048, 0x41)), /is not a tar archive/);
  await test.rejects(archiveOf(Buffer.from('BZh91AY')), /compressed with bzip2/);
  await test.rejects(archiveOf(header('x', 'x', 8), data('99 a=b\n\n'), header('a', '0'), END), /malformed/);
  await test.rejects(archiveOf(header('x', 'L', 1e9), END), /has 1000000000 bytes/);
  await test.rejects(archiveOf(header(`${'n'.repeat(99)}`, '0'), header('././@LongLink', 'L', 300), data('m'.repeat(300)),
    header('m', '0'), END), /cannot be a file's/);
});

t.test('damaged archives give a tree or a message', async (test) => {
  const file = join(scratch, 'fuzz.tar');
  run('tar', '-C', tree, '--format=pax', '-S', '-cf', file, 'sparse', 'link', 'zlink', 'small', 'dir');
  const whole = readFileSync(file).subarray(0, 60_000);
  let seed = 12345;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  let trees = 0, messages = 0;
  for (let round = 0; round < 300; round++) {
    const bytes = Buffer.from(whole);
    const block = random(40) * 512;
    for (let i = 0; i < 3; i++) bytes[block + random(512)] = random(256);
    if (block + 512 <= bytes.length && round % 2 === 0) sealed(bytes.subarray(block, block + 512));
    writeFileSync(file, bytes);
    try {
      const fs = await openArchive(file);
      names(contextOf(fs), '/');
      native.close(fs.fd);
      trees++;
    } catch (error) {
      if (!(error instanceof TarError)) throw error;
      messages++;
    }
  }
  test.ok(messages > 50, `${trees} trees, ${messages} messages`);
});

t.test('a layer in memory over an archive', async (test) => {
  const plain = join(scratch, 'layer.tar');
  run('tar', '-C', tree, '-cf', plain, '.');
  const lower = await openArchive(plain);
  const ctx = contextOf(overlayOn(new TmpFs({ dev: lower.dev, firstIno: 0xf000_0000 }), [lower]));
  const file = open(ctx, ctx.root, 'dir/big', O.RDWR, 0);
  if (typeof file === 'number') throw new Error(`open: ${file}`);
  file.pwrite(Buffer.from('changed'), 0, 7, 1000);
  file.unref();
  const expected = readFileSync(join(tree, 'dir/big'));
  expected.write('changed', 1000);
  test.ok(bytesOf(ctx, 'dir/big').equals(expected));
  const below = contextOf(lower);
  test.equal(open(below, below.root, 'dir/big', O.RDWR, 0), -E.ROFS);
});
