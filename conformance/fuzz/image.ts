/**
 * File-system images with damaged metadata: each mutant is refused with an errno, or is mounted, read and changed, and
 * every call gives a value or an errno; nothing throws, nothing goes on for ever.
 *
 *     npm run fuzz:image -- [--type vfat] [--count N] [--seed S] [--from I]
 *
 * Mutant I of seed S is always the same.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { commandLine } from '../../../tools/options.mjs';
import { errnoName } from '../../abi/errno.js';
import { O, S } from '../../abi/fcntl.js';
import { chmod, truncate, utimens } from '../../vfs/attributes.js';
import { generator, MemoryDevice, mountOn, runTool } from '../../vfs/fs/sample_disk.js';
import { Stat, StatFs } from '../../vfs/inode.js';
import type { FileSystem } from '../../vfs/inode.js';
import { mkdir, rename, rmdir, unlink } from '../../vfs/names.js';
import { SEEK } from '../../vfs/open_file.js';
import { lookup, open, PathContext, readlink, stat, Vfs } from '../../vfs/vfs.js';
import { getxattr, listxattr, setxattr } from '../../vfs/xattr.js';

/** Calls of the device that one mutant may take, microseconds of CPU time, and how much of a tree is looked at. */
const BUDGET = 3_000_000;
const SLOW_US = 10_000_000;
const MOST_ENTRIES = 400, MOST_DEPTH = 12;

type Ranges = readonly (readonly [number, number])[];

interface Sample {
  readonly type: string;
  readonly name: string;
  readonly size: number;
  readonly tool: readonly [string, ...string[]];
  /** Where damage does most: ranges of bytes. Without it: what is not zero and no file's data. */
  readonly metadata?: Ranges;
  /** Where a bit says that it was left clean: without it, it is repaired when it is mounted. */
  readonly clean?: number;
  /** It can only be read: the tool fills it (with -d DIRECTORY). */
  readonly readOnly?: boolean;
}

/** The state in an ext2 superblock. */
const EXT2_STATE = 1024 + 58;
const MKE2FS = ['mke2fs', '-q', '-F', '-t'] as const;

const SAMPLES: readonly Sample[] = [
  { type: 'vfat', name: 'fat12', size: 1 << 20, tool: ['mkfs.fat', '-F', '12', '-s', '1'],
    metadata: [[0, 64], [512, 0x3400], [0x3400, 0x9000]] },
  { type: 'vfat', name: 'fat16', size: 4 << 20, tool: ['mkfs.fat', '-F', '16', '-s', '1'],
    metadata: [[0, 64], [512, 0x8000], [0x8000, 0x10000]] },
  { type: 'vfat', name: 'fat32', size: 2 << 20, tool: ['mkfs.fat', '-F', '32', '-s', '1'],
    metadata: [[0, 96], [512, 1024], [0x4000, 0x8000], [0xb800, 0x18000]] },
  { type: 'ext2', name: 'ext2, 1 KiB', size: 2 << 20, tool: [...MKE2FS, 'ext2', '-b', '1024', '-N', '96'],
    clean: EXT2_STATE },
  { type: 'ext2', name: 'ext2, 4 KiB', size: 2 << 20, tool: [...MKE2FS, 'ext2', '-b', '4096', '-N', '96'],
    clean: EXT2_STATE },
  { type: 'ext2', name: 'ext2, revision 0', size: 2 << 20, clean: EXT2_STATE,
    tool: [...MKE2FS, 'ext2', '-b', '1024', '-N', '96', '-r', '0'] },
  { type: 'ext4', name: 'ext4', size: 2 << 20, readOnly: true,
    tool: [...MKE2FS, 'ext4', '-b', '1024', '-N', '96', '-O', '^has_journal,^metadata_csum'] },
  { type: 'ext4', name: 'ext4 with inline data', size: 2 << 20, readOnly: true,
    tool: [...MKE2FS, 'ext4', '-b', '4096', '-N', '96', '-O', '^has_journal,^metadata_csum,inline_data'] },
];

const ROOT = { fsuid: 0, fsgid: 0, groups: [], capabilities: -1 };

/** A disk with files and directories of several sizes. */
function sample({ type, size, readOnly, tool: [program, ...args] }: Sample): Uint8Array {
  const bytes = new Uint8Array(size);
  const tree = readOnly ? hostTree() : null;
  const made = runTool(bytes, program, ...args, ...(tree === null ? [] : ['-d', tree]));
  if (tree !== null) rmSync(tree, { recursive: true, force: true });
  if (made.status !== 0) throw new Error(`${program}: ${made.output}`);
  if (readOnly) return bytes;
  const fs = mountOn(type, new MemoryDevice(bytes));
  if (typeof fs === 'number') throw new Error(`mount: ${errnoName(-fs)}`);
  const ctx = contextOf(fs);
  const directories = ['/dir', '/dir/inner', '/dir/inner/innermost', '/another directory'];
  for (const dir of directories) mkdir(ctx, ctx.cwd, dir, 0o755);
  for (let i = 0; i < 24; i++) {
    const dir = ['', '/dir', '/dir/inner', '/another directory'][i & 3]!;
    const file = open(ctx, ctx.cwd, `${dir}/a file with number ${i}`, O.CREAT | O.RDWR, 0o644);
    if (typeof file === 'number') throw new Error(`open: ${errnoName(-file)}`);
    file.write(new Uint8Array(i * 700).fill(i), 0, i * 700);
    file.unref();
  }
  fs.unmounted?.();
  return bytes;
}

/** As `sample` fills a disk, a directory of the host for tools that do it. */
function hostTree(): string {
  const dir = mkdtempSync(join(tmpdir(), 'posixx-tree-'));
  mkdirSync(join(dir, 'dir/inner'), { recursive: true });
  for (let i = 0; i < 24; i++) {
    writeFileSync(join(dir, i & 1 ? 'dir/inner' : '', `file ${i}`), Buffer.alloc(i * i * 300, 'data'));
  }
  writeFileSync(join(dir, 'dir/holes'), 'x');
  truncateSync(join(dir, 'dir/holes'), 5_000_000);
  symlinkSync('file 1', join(dir, 'link'));
  symlinkSync('t'.repeat(100), join(dir, 'dir/long'));
  return dir;
}

/** Kilobytes of an image that hold something, but not the `data` of files, as ranges. */
function structures(bytes: Uint8Array): [number, number][] {
  const found: [number, number][] = [];
  for (let at = 0; at + 1024 <= bytes.length; at += 1024) {
    const part = bytes.subarray(at, at + 1024);
    if (part.some((byte) => byte !== part[7]) && part[1] !== 0x61) found.push([at, at + 1024]);
  }
  return found;
}

function contextOf(fs: FileSystem): PathContext {
  const vfs = new Vfs(fs);
  return new PathContext(vfs, vfs.root, vfs.root, 0o022, ROOT);
}

function damage(bytes: Uint8Array, metadata: Ranges, next: (below: number) => number): void {
  const place = (): number => {
    const [from, to] = metadata[next(next(2) === 0 ? metadata.length : Math.min(24, metadata.length))]!;
    const most = bytes.length - 4;
    return Math.min(most, from + next(to - from));
  };
  const view = new DataView(bytes.buffer);
  for (let left = 1 + next(8); left > 0; left--) {
    const at = place();
    switch (next(6)) {
      case 0: bytes[at] = next(256); break;
      case 1: bytes[at] = bytes[at]! ^ (1 << next(8)); break;
      case 2: view.setUint32(at, [0, 0xffffffff, 0x7fffffff, 0x80000000, 1, 2][next(6)]!, true); break;
      case 3: view.setUint16(at, next(200), true); break;
      case 4: view.setUint32(at, view.getUint32(place(), true), true); break;
      default: {
        const length = Math.min(1 << next(7), bytes.length - at), from = Math.min(place(), bytes.length - length);
        bytes.copyWithin(at, from, from + length);
      }
    }
  }
}

/** Reads and changes what can be reached. Results are errnos or not; only what is thrown counts. */
function exercise(fs: FileSystem, next: (below: number) => number): void {
  const ctx = contextOf(fs);
  const paths = tree(ctx);
  const buffer = new Uint8Array(70_000).fill(7);
  const found = new Stat();
  for (const { path, type } of paths) {
    stat(ctx, ctx.cwd, path, false, found);
    readlink(ctx, ctx.cwd, path);
    const place = lookup(ctx, ctx.cwd, path, false);
    if (typeof place !== 'number' && typeof listxattr(ctx, place) !== 'number') getxattr(ctx, place, 'user.name');
    if (type !== S.IFREG) continue;
    const file = open(ctx, ctx.cwd, path, O.RDONLY, 0);
    if (typeof file === 'number') continue;
    file.pread(buffer, 0, buffer.length, 0);
    file.pread(buffer, 0, 5000, Math.max(0, found.size - 3000));
    file.seek(0, SEEK.HOLE);
    file.mapFd(next(2) === 0);
    file.unref();
  }
  fs.statfs(new StatFs());
  const some = (): string => paths.length === 0 ? '/x' : paths[next(paths.length)]!.path;
  for (let i = 0; i < 30; i++) {
    const path = some();
    const place = lookup(ctx, ctx.cwd, path, false);
    switch (next(10)) {
      case 0: mkdir(ctx, ctx.cwd, `${path}/made ${i}`, 0o755); break;
      case 1: unlink(ctx, ctx.cwd, path); break;
      case 2: rmdir(ctx, ctx.cwd, path); break;
      case 3: rename(ctx, ctx.cwd, path, ctx.cwd, next(2) === 0 ? some() : `/renamed ${i}`, next(3)); break;
      case 4: if (typeof place !== 'number') truncate(ctx, place, next(3) === 0 ? 0 : next(100_000)); break;
      case 5: if (typeof place !== 'number') chmod(ctx, place, next(512)); break;
      case 6: if (typeof place !== 'number') utimens(ctx, place, next(2 ** 32), 0, next(2 ** 32), 0); break;
      case 7: if (typeof place !== 'number') setxattr(ctx, place, 'user.name', buffer.subarray(0, next(100)), 0); break;
      default: {
        const file = open(ctx, ctx.cwd, next(2) === 0 ? path : `/new ${i}`, O.RDWR | O.CREAT, 0o644);
        if (typeof file === 'number') break;
        file.pwrite(buffer, 0, next(buffer.length), next(3) === 0 ? next(200_000) : 0);
        file.sync(false);
        file.unref();
      }
    }
  }
  fs.sync();
  tree(ctx);
  fs.unmounted?.();
}

function tree(ctx: PathContext): { path: string; type: number }[] {
  const found: { path: string; type: number }[] = [];
  const visit = (dir: string, depth: number): void => {
    const file = open(ctx, ctx.cwd, dir === '' ? '/' : dir, O.RDONLY | O.DIRECTORY, 0);
    if (typeof file === 'number') return;
    const inside: { path: string; type: number }[] = [];
    file.readdir({
      entry: (name, _ino, type) => {
        if (name !== '.' && name !== '..') inside.push({ path: `${dir}/${name}`, type });
        return found.length + inside.length < MOST_ENTRIES;
      },
    });
    file.unref();
    for (const entry of inside) {
      found.push(entry);
      if (entry.type === S.IFDIR && depth < MOST_DEPTH) visit(entry.path, depth + 1);
    }
  };
  visit('', 0);
  return found;
}

export interface Result {
  /** How mounting ended: 'mounted' or the name of an error, and how often. */
  counts: Map<string, number>;
  failures: string[];
}

/** Runs mutants `from` to `from + count` of a seed, of all samples of the given type or of all types. */
export async function fuzzImages(seed: number, from: number, count: number, type = ''): Promise<Result> {
  const samples = SAMPLES.filter((row) => type === '' || row.type === type);
  const images = samples.map(sample);
  const metadata = samples.map((row, which) => row.metadata ?? structures(images[which]!));
  const counts = new Map<string, number>(), failures: string[] = [];
  for (let i = from; i < from + count; i++) {
    const which = i % samples.length;
    const next = generator((seed ^ Math.imul(i, 0x9e3779b1)) | 0);
    const bytes = images[which]!.slice(0, next(20) === 0 ? next(images[which]!.length) : undefined);
    const { clean } = samples[which]!;
    if (bytes.length > 1024) damage(bytes, metadata[which]!, next);
    if (clean !== undefined && clean < bytes.length && next(3) > 0) bytes[clean]! &= ~1;
    const device = new MemoryDevice(bytes, samples[which]!.readOnly);
    device.budget = BUDGET;
    const start = process.cpuUsage();
    try {
      const fs = mountOn(samples[which]!.type, device, next(4) === 0 ? 'errors=continue' : '');
      const how = typeof fs === 'number' ? String(errnoName(-fs)) : 'mounted';
      counts.set(how, (counts.get(how) ?? 0) + 1);
      if (typeof fs !== 'number') exercise(fs, next);
    } catch (error) {
      failures.push(`${samples[which]!.name}, mutant ${i} of seed ${seed}: ${(error as Error).stack}`);
    }
    const { user, system } = process.cpuUsage(start);
    if (user + system > SLOW_US) failures.push(`${samples[which]!.name}, mutant ${i} of seed ${seed}: too slow`);
    // What a WeakRef led to is kept until the job ends: without a pause, all of the images would be.
    await setImmediate();
  }
  return { counts, failures };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { type, count, seed, from } = commandLine({
    command: 'npm run fuzz:image --', about: 'Mounts and uses damaged images of file systems.',
    table: {
      type: { type: 'text', fallback: '', help: `only ${[...new Set(SAMPLES.map((row) => row.type))].join(', ')}` },
      count: { type: 'number', fallback: 20_000, help: 'how many mutants' },
      seed: { type: 'number', fallback: Date.now() % 2 ** 31, help: 'of the mutants' },
      from: { type: 'number', fallback: 0, help: 'the first mutant' },
    },
  });
  if (type !== '' && !SAMPLES.some((row) => row.type === type)) {
    process.stderr.write(`npm run fuzz:image: there is no sample of type "${type}"\n`);
    process.exit(2);
  }
  process.stdout.write(`seed ${seed}, mutants ${from} to ${from + count - 1}\n`);
  let failed = 0;
  const STEP = 500;
  for (let at = from; at < from + count; at += STEP) {
    const { failures } = await fuzzImages(seed, at, Math.min(STEP, from + count - at), type);
    failed += failures.length;
    for (const failure of failures) process.stdout.write(`${failure}\n`);
    process.stderr.write(`posixx: ${at - from + Math.min(STEP, from + count - at)} mutants, ${failed} failures\n`);
  }
  process.exit(failed === 0 ? 0 : 1);
}
