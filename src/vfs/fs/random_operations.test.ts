/**
 * The same random operations on every file system that can be written to, each beside a model with its rules.
 * SEED and STEPS in the environment: another run, a longer one.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { errnoName } from '../../abi/errno.js';
import { O, S } from '../../abi/fcntl.js';
import { truncate } from '../attributes.js';
import { RENAME, Stat } from '../inode.js';
import type { FileSystem } from '../inode.js';
import { link, mkdir, rename, rmdir, symlink, unlink } from '../names.js';
import type { OpenFile } from '../open_file.js';
import { lookup, open, PathContext, readlink, stat, Vfs } from '../vfs.js';
import { Model, Node, resizeTo, writeTo, type Rules } from './model.js';
import { OverlayFs } from './overlayfs.js';
import { PersistFs } from './persist/persistfs.js';
import { generator, hasTool, MemoryDevice, mountOn, runTool } from './sample_disk.js';
import { TmpFs } from './tmpfs.js';

const seed = Number(process.env['SEED'] ?? 20261122);
const steps = Number(process.env['STEPS'] ?? 600);
const UNIX: Rules = { dos: false, links: true };
const DOS: Rules = { dos: true, links: false };
const ROOT = { fsuid: 0, fsgid: 0, groups: [], capabilities: -1 };
const NAMES = [
  'a', 'B', 'name', 'Name', 'dir', 'DIR', 'a rather long name.text', 'LONG~1', 'trailing.', 'x.y', 'x.Y', 'caf\xc3\xa9',
  'one that is longer than what fits into four of the entries of a directory',
];

interface Kind {
  readonly name: string;
  readonly rules: Rules;
  /** Largest file: so that the device is never full. */
  readonly most: number;
  /** Disks: how they are made, and checked after each unmounting; 0 is the status that says clean. */
  readonly type?: string;
  readonly size?: number;
  readonly make?: readonly [string, ...string[]];
  readonly check?: readonly [string, ...string[]];
  readonly fs?: () => FileSystem;
}

const FAT = { rules: DOS, type: 'vfat', check: ['fsck.fat', '-n'] } as const;
const KINDS: readonly Kind[] = [
  { name: 'tmpfs', rules: UNIX, most: 100_000, fs: () => new TmpFs() },
  { name: 'overlay', rules: UNIX, most: 100_000, fs: overlay },
  { name: 'kept layer', rules: UNIX, most: 100_000, fs: keptLayer },
  { name: 'ext2', rules: UNIX, most: 100_000, type: 'ext2', size: 12 << 20,
    make: ['mkfs.ext2', '-q', '-F', '-b', '1024'], check: ['e2fsck', '-fn'] },
  { name: 'FAT12', ...FAT, most: 6000, size: 4 << 20, make: ['mkfs.fat', '-F', '12', '-s', '4'] },
  { name: 'FAT16', ...FAT, most: 60_000, size: 16 << 20, make: ['mkfs.fat', '-F', '16', '-s', '2'] },
  { name: 'FAT32', ...FAT, most: 20_000, size: 6 << 20, make: ['mkfs.fat', '-F', '32', '-s', '1'] },
];

function keptLayer(): FileSystem {
  const path = mkdtempSync(join(tmpdir(), 'posixx-random-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return PersistFs.open(path, 1, '', () => {});
}

function overlay(): FileSystem {
  const fs = OverlayFs.on(new TmpFs(), [new TmpFs()]);
  if (typeof fs === 'number') throw new Error(`overlay: ${errno(fs)}`);
  return fs;
}

function errno(result: number): string {
  return result < 0 ? String(errnoName(-result)) : 'ok';
}

/** A file system and its model, and the files open in both. */
class Pair {
  readonly model: Model;
  ctx!: PathContext;
  private fs!: FileSystem;
  readonly device: MemoryDevice | null;
  readonly open: { file: OpenFile; node: Node }[] = [];

  constructor(readonly kind: Kind) {
    this.model = new Model(kind.rules);
    this.device = kind.size === undefined ? null : new MemoryDevice(new Uint8Array(kind.size));
    if (this.device !== null) {
      const { status, output } = runTool(this.device.bytes, ...kind.make!);
      if (status !== 0) throw new Error(output);
    }
    this.mount();
    if (kind.type === 'ext2') rmdir(this.ctx, this.ctx.cwd, '/lost+found');
  }

  private mount(): void {
    const fs = this.device === null ? this.kind.fs!() : mountOn(this.kind.type!, this.device);
    if (typeof fs === 'number') throw new Error(`mount: ${errno(fs)}`);
    this.fs = fs;
    const vfs = new Vfs(fs);
    this.ctx = new PathContext(vfs, vfs.root, vfs.root, 0o022, ROOT);
  }

  /** Disks: unmounts, lets the tool look at it, mounts again. What the tool finds; '' for nothing. */
  again(): string {
    for (const { file } of this.open.splice(0)) file.unref();
    if (this.device === null) return '';
    this.fs.unmounted?.();
    const { status, output } = runTool(this.device.bytes, ...this.kind.check!);
    this.mount();
    return status === 0 ? '' : output;
  }

  /** One operation on both sides: what was done, and what each gave. */
  step(next: (below: number) => number): [string, string, string] {
    const { ctx, model } = this;
    const path = somePath(next), other = somePath(next);
    switch (next(16)) {
      case 0:
      case 1:
        return [`mkdir ${path}`, errno(mkdir(ctx, ctx.cwd, path, 0o755)), errno(model.mkdir(path))];
      case 2:
        return [`rmdir ${path}`, errno(rmdir(ctx, ctx.cwd, path)), errno(model.rmdir(path))];
      case 3:
        return [`unlink ${path}`, errno(unlink(ctx, ctx.cwd, path)), errno(model.unlink(path))];
      case 4:
      case 5: {
        const flags = [0, 0, RENAME.NOREPLACE, RENAME.EXCHANGE][next(4)]!;
        const got = rename(ctx, ctx.cwd, path, ctx.cwd, other, flags);
        return [`rename ${path} ${other} ${flags}`, errno(got), errno(model.rename(path, other, flags))];
      }
      case 6: {
        const target = next(3) === 0 ? 'a' : other;
        const got = symlink(ctx, target, ctx.cwd, path);
        return [`symlink ${target} ${path}`, errno(got), errno(model.symlink(target, path))];
      }
      case 7: {
        const place = lookup(ctx, ctx.cwd, path, false);
        const got = typeof place === 'number' ? place : link(ctx, place, ctx.cwd, other);
        return [`link ${path} ${other}`, errno(got), errno(model.link(path, other))];
      }
      case 8: {
        const size = next(this.kind.most);
        const place = lookup(ctx, ctx.cwd, path, true), node = model.file(path);
        if (typeof node !== 'number') resizeTo(node, size);
        const got = typeof place === 'number' ? place : truncate(ctx, place, size);
        return [`truncate ${path} ${size}`, errno(got), typeof node === 'number' ? errno(node) : 'ok'];
      }
      case 9:
      case 10:
      case 11: {
        const flags = O.CREAT | O.RDWR | (next(3) === 0 ? O.EXCL : 0) | (next(4) === 0 ? O.TRUNC : 0);
        const file = open(ctx, ctx.cwd, path, flags, 0o644);
        const node = model.create(path, (flags & O.EXCL) !== 0);
        if (typeof file === 'number' || typeof node === 'number') {
          if (typeof file !== 'number') file.unref();
          return [`open ${path} ${flags.toString(8)}`, typeof file === 'number' ? errno(file) : 'ok',
            typeof node === 'number' ? errno(node) : 'ok'];
        }
        if (flags & O.TRUNC) resizeTo(node, 0);
        this.open.push({ file, node });
        if (this.open.length > 8) this.open.splice(next(8), 1)[0]!.file.unref();
        return this.change(this.open.length - 1, next);
      }
      case 12:
      case 13:
        return this.open.length === 0 ? ['', '', ''] : this.change(next(this.open.length), next);
      case 14: {
        if (this.open.length === 0) return ['', '', ''];
        const [closed] = this.open.splice(next(this.open.length), 1);
        const { file, node } = closed!;
        const whole = Buffer.alloc(node.data.length + 1);
        const got = file.pread(whole, 0, whole.length, 0);
        const same = got === node.data.length && whole.subarray(0, node.data.length).equals(node.data);
        return ['read and close', `${same} ${errno(file.unref())}`, 'true ok'];
      }
      default: {
        const found = new Stat(), model = this.model.walk(path, false);
        const got = stat(ctx, ctx.cwd, path, false, found);
        const node = typeof model === 'number' ? null : model.node;
        const expected = typeof model === 'number' ? errno(model)
          : node === null ? 'ENOENT' : described(node.type, node.data.length, node.nlink);
        return [`stat ${path}`, got < 0 ? errno(got) : described(found.mode & S.IFMT, found.size, found.nlink), expected];
      }
    }
  }

  private change(index: number, next: (below: number) => number): [string, string, string] {
    const { file, node } = this.open[index]!;
    const position = next(this.kind.most), length = next(Math.min(20_000, this.kind.most - position) + 1);
    if (next(4) === 0) {
      resizeTo(node, position);
      return [`ftruncate ${position}`, errno(file.truncate(position)), 'ok'];
    }
    const bytes = Buffer.alloc(length, 1 + next(255));
    if (length > 0) writeTo(node, bytes, position);
    const wrote = file.pwrite(bytes, 0, length, position);
    if (next(8) === 0) file.sync(false);
    return [`pwrite ${length} at ${position}`, String(wrote), String(length)];
  }

  /** All that differs between the two trees. */
  differences(dir = '', node = this.model.root): string[] {
    const { ctx } = this;
    const file = open(ctx, ctx.cwd, dir === '' ? '/' : dir, O.RDONLY | O.DIRECTORY, 0);
    if (typeof file === 'number') return [`open ${dir}: ${errno(file)}`];
    const names: string[] = [];
    file.readdir({ entry: (name) => names.push(name) > 0 });
    file.unref();
    const listed = names.filter((name) => name !== '.' && name !== '..').sort().join(', ');
    const wanted = [...node.children.values()].map(({ name }) => name).sort().join(', ');
    if (listed !== wanted) return [`${dir}/ has ${listed}, not ${wanted}`];
    return [...node.children.values()].flatMap(({ name, node: child }) => this.difference(`${dir}/${name}`, child));
  }

  private difference(path: string, node: Node): string[] {
    const { ctx } = this;
    const found = new Stat();
    const failed = stat(ctx, ctx.cwd, path, false, found);
    if (failed < 0) return [`stat ${path}: ${errno(failed)}`];
    if ((found.mode & S.IFMT) !== node.type) return [`${path} has another type`];
    if (node.type === S.IFDIR) return this.differences(path, node);
    if (found.nlink !== node.nlink) return [`${path} has ${found.nlink} links, not ${node.nlink}`];
    if (node.type === S.IFLNK) return readlink(ctx, ctx.cwd, path) === node.target ? [] : [`${path} leads elsewhere`];
    const file = open(ctx, ctx.cwd, path, O.RDONLY, 0);
    if (typeof file === 'number') return [`open ${path}: ${errno(file)}`];
    const bytes = Buffer.alloc(node.data.length + 10);
    const got = file.read(bytes, 0, bytes.length);
    file.unref();
    const { length } = node.data;
    if (got !== length || found.size !== length) return [`${path} has ${found.size} bytes, ${got} are read, not ${length}`];
    return bytes.subarray(0, got).equals(node.data) ? [] : [`${path} has other bytes`];
  }
}

function described(type: number, size: number, nlink: number): string {
  return type === S.IFREG ? `${type} ${size} ${nlink}` : `${type}`;
}

function somePath(next: (below: number) => number): string {
  let path = '';
  for (let depth = 1 + next(3); depth > 0; depth--) path += `/${NAMES[next(NAMES.length)]}`;
  return path;
}

function run(t: Test, kind: Kind): void {
  const next = generator(seed);
  const pair = new Pair(kind);
  const done: string[] = [];
  for (let i = 0; i < steps; i++) {
    const [what, got, expected] = pair.step(next);
    done.push(`${what}: ${got}`);
    if (got !== expected) {
      t.equal(got, expected, `step ${i}: ${what}`);
      t.comment(done.slice(-20).join('\n'));
      return;
    }
    if (next(200) === 0 || i === steps - 1) {
      const found = pair.again() || pair.differences().slice(0, 5).join('\n');
      if (found !== '') {
        t.fail(`after step ${i}: ${found}`);
        return;
      }
    }
  }
  t.pass(`${steps} operations, then the same trees`);
}

for (const kind of KINDS) {
  const missing = [kind.make?.[0], kind.check?.[0]].find((tool) => tool !== undefined && !hasTool(tool));
  t.test(`${kind.name}: seed ${seed}`, { skip: missing === undefined ? false : `${missing} is missing` }, async (t) => {
    run(t, kind);
  });
}
