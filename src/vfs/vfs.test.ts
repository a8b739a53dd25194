/** The VFS against the host: the same random operations on a real directory, a tmpfs and an overlay. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { E, errnoName } from '../abi/errno.js';
import { O, S } from '../abi/fcntl.js';
import { SUPER } from '../abi/mount.js';
import { chmod, truncate, utimens } from './attributes.js';
import { getxattr, setxattr } from './xattr.js';
import { defaultRoot } from './default_root.js';
import { DirectoryFile } from './directory_file.js';
import { HostFs } from './fs/hostfs.js';
import { OverlayFs } from './fs/overlayfs.js';
import { PersistFs } from './fs/persist/persistfs.js';
import { TmpFs } from './fs/tmpfs.js';
import { anonymousDev, Inode, Stat } from './inode.js';
import type { DirSink, FileSystem, StatFs } from './inode.js';
import { LockTable } from './locks.js';
import { link, mkdir, mknod, rename, rmdir, symlink, unlink } from './names.js';
import type { Location } from './mount.js';
import { OpenFile, SEEK } from './open_file.js';
import { lookup, open, pathOf, PathContext, readlink, RESOLVE, stat, Vfs } from './vfs.js';
import { setSuperFlags } from './write_through.js';

const ROOT = { fsuid: 0, fsgid: 0, groups: [], capabilities: -1 };
const USER = { fsuid: 1000, fsgid: 1000, groups: [], capabilities: 0 };

function overlayOn(layer: FileSystem, lowers: FileSystem[]): OverlayFs {
  const fs = OverlayFs.on(layer, lowers);
  if (typeof fs === 'number') throw new Error(`no overlay: ${fs}`);
  return fs;
}

function contextOf(fs: FileSystem | Vfs, cred = ROOT): PathContext {
  const vfs = fs instanceof Vfs ? fs : new Vfs(fs);
  return new PathContext(vfs, vfs.root, vfs.root, 0o022, cred);
}

function hostFs(path: string, readOnly: boolean): HostFs {
  const fs = HostFs.open(path, readOnly);
  if (typeof fs === 'number') throw new Error(`cannot open ${path}: ${errnoName(-fs)}`);
  return fs;
}

function mustOpen(ctx: PathContext, path: string, flags: number, mode = 0o644): OpenFile {
  const file = open(ctx, ctx.cwd, path, flags, mode);
  if (typeof file === 'number') throw new Error(`open ${path}: ${errnoName(-file)}`);
  return file;
}

function write(ctx: PathContext, path: string, text: string): void {
  const file = mustOpen(ctx, path, O.WRONLY | O.CREAT | O.TRUNC);
  file.write(Buffer.from(text), 0, text.length);
  file.unref();
}

function read(ctx: PathContext, path: string): string {
  const file = mustOpen(ctx, path, O.RDONLY);
  const bytes = Buffer.alloc(1 << 16);
  const got = file.read(bytes, 0, bytes.length);
  file.unref();
  return got < 0 ? String(errnoName(-got)) : bytes.toString('latin1', 0, got);
}

function list(ctx: PathContext, path: string): string[] {
  const file = mustOpen(ctx, path, O.RDONLY | O.DIRECTORY);
  const names: string[] = [];
  file.readdir({
    entry: (name) => {
      names.push(name);
      return true;
    },
  });
  file.unref();
  return names.filter((name) => name !== '.' && name !== '..').sort();
}

/** What one call gave, so that file systems can be compared: text or the name of an error. */
function told(result: number | string | OpenFile): string {
  if (typeof result === 'string') return result;
  if (typeof result === 'number') return result < 0 ? String(errnoName(-result)) : 'ok';
  result.unref();
  return 'open';
}

/** Names, types, sizes, modes, link counts and contents of a whole tree. */
function describe(ctx: PathContext, path = ''): string[] {
  const lines: string[] = [];
  for (const name of list(ctx, path === '' ? '/' : path)) {
    const at = `${path}/${name}`;
    const found = new Stat();
    stat(ctx, ctx.root, at, false, found);
    const type = found.mode & S.IFMT;
    const head = `${at} ${found.mode.toString(8)}`;
    if (type === S.IFDIR) lines.push(head, ...describe(ctx, at));
    else if (type === S.IFLNK) lines.push(`${head} -> ${readlink(ctx, ctx.root, at)}`);
    else lines.push(`${head} ${found.nlink} ${found.size} ${type === S.IFREG ? read(ctx, at) : ''}`);
  }
  return lines;
}

function scratchDirectory(test: { teardown(handler: () => void): unknown }): string {
  const path = mkdtempSync(join(tmpdir(), 'posixx-vfs-'));
  test.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Numbers from a seed (mulberry32). */
function generator(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let x = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) % below;
  };
}

t.test('the same operations give the same results on the host, in a tmpfs and in an overlay', async (t) => {
  const seed = Number(process.env['SEED'] ?? 20240607);
  const steps = Number(process.env['STEPS'] ?? 4000);
  t.comment(`seed ${seed}, ${steps} steps`);
  const next = generator(seed);
  const scratch = scratchDirectory(t);
  for (const side of ['host', 'lower']) {
    mkdirSync(join(scratch, side));
    const ctx = contextOf(hostFs(join(scratch, side), false));
    populate(ctx);
  }
  const memory = contextOf(new TmpFs());
  populate(memory);
  const layer = new TmpFs();
  const overlay = (): PathContext => contextOf(overlayOn(layer, [hostFs(join(scratch, 'lower'), true)]));
  // The same on a layer that is kept on the host.
  let kept = PersistFs.open(join(scratch, 'kept'), 1, '', () => {});
  const keptOverlay = (): PathContext => contextOf(overlayOn(kept, [hostFs(join(scratch, 'lower'), true)]));
  const contexts = [contextOf(hostFs(join(scratch, 'host'), false)), memory, overlay(), keptOverlay()];
  const names = ['a', 'b', 'c', 'd', 'link', '.', '..'];
  const path = () => {
    let text = '';
    for (let depth = 1 + next(3); depth > 0; depth--) text += `/${names[next(names.length)]}`;
    return next(12) === 0 ? text + '/' : text;
  };
  for (let step = 0; step < steps; step++) {
    const kind = next(13), one = path(), two = path(), number = next(5000);
    const results = contexts.map((ctx) => told(operate(ctx, kind, one, two, number)));
    if (results.some((result) => result !== results[0])) {
      t.equal(results.join(' '), '', `step ${step}, operation ${kind}, ${one} ${two} ${number}: host, tmpfs, overlays`);
      return;
    }
    if (step % 500 === 499) {
      const expected = describe(contexts[0]!);
      t.same(describe(contexts[1]!), expected, `tmpfs after step ${step}`);
      t.same(describe(contexts[2]!), expected, `overlay after step ${step}`);
      // The layer says it all: another overlay of it is the same.
      contexts[2] = overlay();
      t.same(describe(contexts[2]), expected, `overlay made anew after step ${step}`);
      t.same(describe(contexts[3]!), expected, `kept layer after step ${step}`);
      kept.close();
      kept = PersistFs.open(join(scratch, 'kept'), 1, '', (line) => t.fail(line));
      contexts[3] = keptOverlay();
      t.same(describe(contexts[3]), expected, `kept layer opened again after step ${step}`);
    }
  }
  t.ok(readFileSync(join(scratch, 'lower/a/b'), 'latin1') === 'from below', 'nothing below the overlay changed');
});

function populate(ctx: PathContext): void {
  chmod(ctx, ctx.root, 0o755);
  mkdir(ctx, ctx.root, '/a', 0o755);
  mkdir(ctx, ctx.root, '/a/d', 0o755);
  mkdir(ctx, ctx.root, '/c', 0o755);
  mkdir(ctx, ctx.root, '/c/d', 0o755);
  write(ctx, '/a/b', 'from below');
  write(ctx, '/c/a', 'another');
  const source = lookup(ctx, ctx.root, '/a/b', false);
  if (typeof source !== 'number') for (const name of ['/c/b', '/d']) link(ctx, source, ctx.root, name);
  symlink(ctx, 'a', ctx.root, '/link');
  symlink(ctx, '../a/b', ctx.root, '/c/link');
}

function operate(ctx: PathContext, kind: number, one: string, two: string, number: number): number | string | OpenFile {
  const root = ctx.root;
  switch (kind) {
    case 0: return mkdir(ctx, root, one, 0o777);
    case 1: return rmdir(ctx, root, one);
    case 2: return unlink(ctx, root, one);
    case 3: return rename(ctx, root, one, root, two, number % 3 === 0 ? 1 : 0);
    case 4: {
      const source = lookup(ctx, root, one, false);
      return typeof source === 'number' ? source : link(ctx, source, root, two);
    }
    case 5: return symlink(ctx, two, root, one);
    case 6: return open(ctx, root, one, [O.RDONLY, O.WRONLY | O.CREAT, O.RDWR | O.CREAT | O.EXCL][number % 3]!, 0o666);
    case 7: {
      const file = open(ctx, root, one, O.WRONLY | (number % 2 ? O.APPEND : O.CREAT | O.TRUNC), 0o640);
      if (typeof file === 'number') return file;
      const text = `${number} `.repeat(number % 40);
      const wrote = file.write(Buffer.from(text), 0, text.length);
      file.unref();
      return String(wrote);
    }
    case 8: {
      const place = lookup(ctx, root, one, true);
      return typeof place === 'number' ? place : truncate(ctx, place, number);
    }
    case 9: {
      const place = lookup(ctx, root, one, true);
      return typeof place === 'number' ? place : chmod(ctx, place, 0o400 | (number & 0o777));
    }
    case 10: {
      const found = new Stat();
      const failed = stat(ctx, root, one, number % 2 === 0, found);
      if (failed < 0) return failed;
      const directory = (found.mode & S.IFMT) === S.IFDIR;
      return `${found.mode} ${directory ? '' : `${found.size} ${found.nlink}`}`;
    }
    case 11: return readlink(ctx, root, one);
    default: {
      const file = open(ctx, root, one, O.RDONLY | O.DIRECTORY, 0);
      if (typeof file === 'number') return file;
      file.unref();
      return list(ctx, one).join(' ');
    }
  }
}

t.test('a path that was walked leads elsewhere when the tree changes', async (t) => {
  const below = new TmpFs({ dev: anonymousDev() });
  for (const fs of [new TmpFs({ dev: anonymousDev() }), overlayOn(new TmpFs({ dev: anonymousDev() }), [below])]) {
    const ctx = contextOf(fs);
    const user = contextOf(ctx.vfs, USER);
    const found = (who = ctx) => {
      const out = new Stat();
      const result = stat(who, who.cwd, '/a/b/c/file', true, out);
      return result < 0 ? errnoName(-result) : out.size;
    };
    const place = (path: string) => lookup(ctx, ctx.root, path, true) as Location;
    for (const path of ['/a', '/a/b', '/a/b/c', '/x', '/x/c']) mkdir(ctx, ctx.root, path, 0o755);
    write(ctx, '/a/b/c/file', '1');
    write(ctx, '/x/c/file', '22');
    // Twice: the second walk knows the way.
    for (const who of [ctx, ctx, user, user]) t.equal(found(who), 1);
    chmod(ctx, place('/a/b'), 0o700);
    for (const who of [user, ctx, user]) t.equal(found(who), who === ctx ? 1 : 'EACCES');
    chmod(ctx, place('/a/b'), 0o755);
    for (const who of [user, user]) t.equal(found(who), 1);
    rename(ctx, ctx.root, '/a/b', ctx.root, '/a/old', 0);
    t.equal(found(), 'ENOENT');
    symlink(ctx, '/x', ctx.root, '/a/b');
    for (const who of [ctx, user, ctx]) t.equal(found(who), 2);
    unlink(ctx, ctx.root, '/a/b');
    rename(ctx, ctx.root, '/a/old', ctx.root, '/a/b', 0);
    for (const who of [ctx, ctx]) t.equal(found(who), 1);
    const over = new TmpFs({ dev: anonymousDev() });
    const mount = ctx.vfs.mount(over, place('/a/b'), 0);
    for (const who of [ctx, user]) t.equal(found(who), 'ENOENT');
    mkdir(ctx, ctx.root, '/a/b/c', 0o755);
    write(ctx, '/a/b/c/file', '333');
    for (const who of [ctx, user, ctx]) t.equal(found(who), 3);
    if (typeof mount !== 'number') ctx.vfs.unmount(mount);
    t.equal(found(), 1);
    unlink(ctx, ctx.root, '/a/b/c/file');
    rmdir(ctx, ctx.root, '/a/b/c');
    t.equal(found(), 'ENOENT');
    write(ctx, '/a/b/c', 'a file');
    t.equal(found(), 'ENOTDIR');
    unlink(ctx, ctx.root, '/a/b/c');
    mkdir(ctx, ctx.root, '/a/b/c', 0o755);
    write(ctx, '/a/b/c/file', '4444');
    t.equal(found(), 4);
    const inside = new PathContext(ctx.vfs, place('/x'), place('/x'), 0o022, ROOT);
    mkdir(ctx, ctx.root, '/x/a', 0o755);
    for (const who of [inside, ctx, inside]) t.equal(found(who), who === ctx ? 4 : 'ENOENT');
  }
});

t.test('paths', async (t) => {
  const ctx = contextOf(new TmpFs());
  const root = ctx.root;
  const walkTo = (path: string, follow = true) => {
    const place = lookup(ctx, ctx.cwd, path, follow);
    return typeof place === 'number' ? errnoName(-place) : pathOf(root, place);
  };
  mkdir(ctx, root, '/a', 0o755);
  mkdir(ctx, root, '/a/b', 0o755);
  write(ctx, '/a/b/file', 'x');
  symlink(ctx, '/a/./b//', root, '/abs');
  symlink(ctx, 'loop', root, '/loop');
  symlink(ctx, 'missing', root, '/dangling');
  t.equal(walkTo('/abs/../b/file'), '/a/b/file');
  t.equal(walkTo('//a///b/..'), '/a');
  t.equal(walkTo('/../../a'), '/a');
  t.equal(walkTo('/a/b/file/'), 'ENOTDIR');
  t.equal(walkTo('/a/b/file/.'), 'ENOTDIR');
  t.equal(walkTo('/loop'), 'ELOOP');
  t.equal(walkTo('/loop', false), '/loop');
  t.equal(walkTo('/dangling'), 'ENOENT');
  t.equal(walkTo(''), 'ENOENT');
  t.equal(walkTo('/' + 'n'.repeat(256)), 'ENAMETOOLONG');
  t.equal(walkTo('/' + 'n'.repeat(255)), 'ENOENT');
  t.equal(walkTo('/a/'.repeat(1366)), 'ENAMETOOLONG');
  for (let i = 0; i < 41; i++) symlink(ctx, i === 0 ? 'a' : `l${i - 1}`, root, `/l${i}`);
  t.equal(walkTo('/l39'), '/a', 'forty links may follow one another');
  t.equal(walkTo('/l40'), 'ELOOP');
  t.equal(told(open(ctx, root, '/dangling', O.WRONLY | O.CREAT | O.EXCL, 0o600)), 'EEXIST');
  t.equal(told(open(ctx, root, '/dangling', O.WRONLY | O.CREAT, 0o600)), 'open', 'O_CREAT makes what a link points to');
  t.equal(walkTo('/missing'), '/missing');
  t.equal(told(open(ctx, root, '/abs', O.RDONLY | O.NOFOLLOW, 0)), 'ELOOP');
  t.equal(told(open(ctx, root, '/abs', O.PATH | O.NOFOLLOW, 0)), 'open');
  t.equal(told(open(ctx, root, '/a', O.RDWR, 0)), 'EISDIR');
  t.equal(told(open(ctx, root, '/a/b/file', O.DIRECTORY, 0)), 'ENOTDIR');
  t.equal(told(open(ctx, root, '/new/', O.WRONLY | O.CREAT, 0o600)), 'EISDIR');
  const inside = lookup(ctx, root, '/a', true);
  if (typeof inside === 'number') throw new Error('no /a');
  t.equal(told(open(ctx, inside, '../missing', O.RDONLY, 0, RESOLVE.BENEATH)), 'EXDEV');
  t.equal(told(open(ctx, inside, '/b/file', O.RDONLY, 0, RESOLVE.IN_ROOT)), 'open');
  t.equal(told(open(ctx, inside, '../../b/file', O.RDONLY, 0, RESOLVE.IN_ROOT)), 'open');
  t.equal(told(open(ctx, root, '/abs/file', O.RDONLY, 0, RESOLVE.NO_SYMLINKS)), 'ELOOP');

  const user = contextOf(ctx.vfs, USER);
  mkdir(ctx, root, '/closed', 0o700);
  write(ctx, '/closed/file', 'secret');
  t.equal(told(open(user, root, '/closed/file', O.RDONLY, 0)), 'EACCES');
  t.equal(told(mkdir(user, root, '/new', 0o755)), 'EACCES');
  ctx.umask = 0;
  mkdir(ctx, root, '/sticky', 0o1777);
  write(ctx, '/sticky/file', 'mine');
  t.equal(told(unlink(user, root, '/sticky/file')), 'EPERM');
  t.equal(told(mknod(user, root, '/sticky/null', S.IFCHR | 0o666, 0x103)), 'EPERM');
  t.equal(told(mknod(user, root, '/sticky/fifo', S.IFIFO | 0o666, 0)), 'ok');

  t.test('mounts', async (t) => {
    const on = lookup(ctx, root, '/a', true);
    if (typeof on === 'number') throw new Error('no /a');
    const other = new TmpFs();
    const mount = ctx.vfs.mount(other, on, 0);
    mkdir(ctx, root, '/a/inner', 0o755);
    t.equal(walkTo('/a/b'), 'ENOENT', 'what is below is hidden');
    t.equal(walkTo('/a/inner/../..'), '/');
    t.equal(told(rename(ctx, root, '/missing', root, '/a/missing', 0)), 'EXDEV');
    t.equal(told(rmdir(ctx, root, '/a')), 'EBUSY');
    t.equal(told(open(ctx, root, '/a/inner', O.RDONLY, 0, RESOLVE.NO_XDEV)), 'EXDEV');
    if (typeof mount !== 'number') ctx.vfs.unmount(mount);
    t.equal(walkTo('/a/b'), '/a/b');
  });
});

t.test('a host directory is never left', async (t) => {
  const scratch = scratchDirectory(t);
  mkdirSync(join(scratch, 'root/dir'), { recursive: true });
  writeFileSync(join(scratch, 'secret'), 'secret');
  writeFileSync(join(scratch, 'root/file'), 'inside');
  writeFileSync(join(scratch, 'root/dir/file'), 'deeper');
  symlinkSync('../secret', join(scratch, 'root/up'));
  symlinkSync(join(scratch, 'secret'), join(scratch, 'root/absolute'));
  const fs = hostFs(join(scratch, 'root'), false);
  const ctx = contextOf(fs);
  for (const path of ['/up', '/absolute', '/../secret', '/dir/../../secret', '/dir/../up']) {
    t.equal(told(open(ctx, ctx.root, path, O.RDONLY, 0)), 'ENOENT', path);
  }
  t.equal(read(ctx, '/dir/file'), 'deeper');
  // A directory that was walked becomes a link that leads out.
  rmSync(join(scratch, 'root/dir'), { recursive: true });
  symlinkSync('..', join(scratch, 'root/dir'));
  t.equal(told(open(ctx, ctx.root, '/dir/secret', O.RDONLY, 0)), 'ENOENT');
  t.equal(told(open(ctx, ctx.root, '/dir/new', O.WRONLY | O.CREAT, 0o600)), 'open', 'the link leads to the root');
  t.same(readdirSync(scratch).sort(), ['root', 'secret']);
  t.same(readdirSync(join(scratch, 'root')).includes('new'), true);

  const below = contextOf(hostFs(join(scratch, 'root'), true));
  for (const result of [
    open(below, below.root, '/file', O.WRONLY, 0), open(below, below.root, '/x', O.CREAT | O.WRONLY, 0o600),
    mkdir(below, below.root, '/d', 0o755), unlink(below, below.root, '/file'),
    rename(below, below.root, '/file', below.root, '/other', 0),
  ]) t.equal(told(result), 'EROFS');
});

t.test('nor while somebody on the host swaps a directory for a link', async (t) => {
  const scratch = scratchDirectory(t);
  const root = join(scratch, 'root'), outside = join(scratch, 'outside');
  mkdirSync(join(root, 'dir'), { recursive: true });
  mkdirSync(outside);
  writeFileSync(join(root, 'dir/file'), 'inside');
  writeFileSync(join(outside, 'file'), 'secret');
  const racer = spawn(process.execPath, ['-e', `
    const { renameSync, symlinkSync } = require('fs');
    process.chdir(${JSON.stringify(root)});
    symlinkSync('../outside', 'link');
    console.log('ready');
    for (;;) {
      renameSync('dir', 'aside'); renameSync('link', 'dir');
      renameSync('dir', 'link'); renameSync('aside', 'dir');
    }`], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.teardown(() => racer.kill('SIGKILL'));
  await once(racer.stdout, 'data');
  const ctx = contextOf(hostFs(root, false));
  const seen = new Map<string, number>();
  const count = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);
  const until = Date.now() + 700;
  while (Date.now() < until) {
    const file = open(ctx, ctx.root, '/dir/file', O.RDONLY, 0);
    if (typeof file === 'number') {
      count(told(file));
    } else {
      const bytes = Buffer.alloc(6);
      file.read(bytes, 0, 6);
      count(bytes.toString());
      file.unref();
    }
    told(open(ctx, ctx.root, '/dir/made', O.WRONLY | O.CREAT, 0o600));
    unlink(ctx, ctx.root, '/dir/file2');
    mkdir(ctx, ctx.root, '/dir/directory', 0o755);
    const found = new Stat();
    stat(ctx, ctx.root, '/dir/file', true, found);
  }
  t.comment(JSON.stringify([...seen]));
  t.ok(seen.get('inside'));
  t.notOk(seen.has('secret'));
  t.same(readdirSync(outside), ['file']);
});

t.test('the default root', async (t) => {
  const scratch = scratchDirectory(t);
  mkdirSync(join(scratch, 'volume'));
  writeFileSync(join(scratch, 'volume/file'), 'on the host');
  writeFileSync(join(scratch, 'single'), 'one file');
  const ctx = contextOf(defaultRoot({
    volumes: [
      { host: join(scratch, 'volume'), guest: '/data/volume', readOnly: false },
      { host: join(scratch, 'volume'), guest: '/data/locked', readOnly: true },
      { host: join(scratch, 'single'), guest: '/data/single', readOnly: true },
    ],
  }));
  t.ok(read(ctx, '/etc/passwd').startsWith('root:'), 'files of the host are there');
  write(ctx, '/etc/passwd', 'changed');
  t.equal(read(ctx, '/etc/passwd'), 'changed');
  t.not(readFileSync('/etc/passwd', 'latin1'), 'changed', 'the host keeps its own');
  t.same(list(ctx, '/tmp'), []);
  t.equal(read(ctx, '/dev/null'), '');
  t.equal(read(ctx, '/dev/zero').length, 65536);
  t.equal(told(mustOpen(ctx, '/dev/full', O.WRONLY).write(Buffer.alloc(1), 0, 1)), 'ENOSPC');
  write(ctx, '/data/volume/new', 'from the guest');
  t.equal(readFileSync(join(scratch, 'volume/new'), 'latin1'), 'from the guest');
  t.equal(told(open(ctx, ctx.root, '/data/locked/new', O.WRONLY, 0)), 'EROFS');
  t.equal(read(ctx, '/data/single'), 'one file');
  t.equal(told(unlink(ctx, ctx.root, '/data/single')), 'EBUSY');
  t.throws(() => defaultRoot({ rootfs: join(scratch, 'nowhere') }), /cannot open/);
  const empty = contextOf(defaultRoot({ emptyRoot: true }));
  t.same(list(empty, '/'), ['dev', 'proc', 'tmp']);
});

t.test('layers', async (t) => {
  const scratch = scratchDirectory(t);
  mkdirSync(join(scratch, 'dir/sub'), { recursive: true });
  writeFileSync(join(scratch, 'dir/file'), 'below');
  writeFileSync(join(scratch, 'dir/sub/deep'), 'deep');
  const ctx = contextOf(overlayOn(new TmpFs(), [hostFs(scratch, true)]));
  const root = ctx.root;
  const before = new Stat(), after = new Stat();
  stat(ctx, root, '/dir/file', true, before);
  const held = mustOpen(ctx, '/dir/file', O.RDONLY);
  const appended = mustOpen(ctx, '/dir/file', O.WRONLY | O.APPEND);
  appended.write(Buffer.from(' above'), 0, 6);
  appended.unref();
  t.equal(read(ctx, '/dir/file'), 'below above');
  stat(ctx, root, '/dir/file', true, after);
  t.same([after.ino, after.dev], [before.ino, before.dev], 'a copied file keeps its number');
  held.unref();
  t.equal(told(rename(ctx, root, '/dir', root, '/moved', 0)), 'ok');
  t.equal(read(ctx, '/moved/sub/deep'), 'deep', 'a moved directory keeps what is below');
  t.same(list(ctx, '/'), ['moved']);
  t.equal(told(mkdir(ctx, root, '/dir', 0o755)), 'ok');
  t.same(list(ctx, '/dir'), [], 'a new directory does not show the old one');
  t.equal(told(rmdir(ctx, root, '/dir')), 'ok');
  t.equal(told(unlink(ctx, root, '/moved/sub/deep')), 'ok');
  t.equal(told(rmdir(ctx, root, '/moved/sub')), 'ok');
  t.same(list(ctx, '/moved'), ['file']);
  t.equal(readFileSync(join(scratch, 'dir/sub/deep'), 'latin1'), 'deep');
});

t.test('data in memory', async (t) => {
  const ctx = contextOf(new TmpFs({ maxBytes: (5 << 20) + 4096 }));
  const file = mustOpen(ctx, '/file', O.RDWR | O.CREAT);
  const bytes = Buffer.alloc(3 << 20, 'abcdefgh');
  t.equal(file.write(bytes, 0, bytes.length), bytes.length);
  t.equal(file.pwrite(Buffer.from('XY'), 0, 2, 5 << 20), 2, 'a hole');
  const back = Buffer.alloc(8);
  t.equal(file.pread(back, 0, 8, 4 << 20), 8);
  t.same([...back], [0, 0, 0, 0, 0, 0, 0, 0]);
  t.equal(file.seek(1 << 20, 4), 3 << 20, 'SEEK_HOLE');
  t.equal(file.seek(4 << 20, 3), 5 << 20, 'SEEK_DATA');
  t.equal(file.pwrite(bytes, 0, bytes.length, 6 << 20), 2 << 20, 'as much as fits');
  t.equal(file.pwrite(bytes, 0, 1, 8 << 20), -E.NOSPC);
  t.equal(unlink(ctx, ctx.root, '/file'), 0);
  t.equal(file.pread(back, 0, 8, 0), 8, 'an unlinked file lives as long as it is open');
  const found = new Stat();
  file.stat(found);
  t.equal(found.nlink, 0);
  file.unref();
  const mapped = mustOpen(ctx, '/mapped', O.RDWR | O.CREAT);
  mapped.write(Buffer.from('small'), 0, 5);
  const fd = mapped.mapFd(true);
  t.equal(statSync(`/proc/self/fd/${fd}`).size, 5, 'a mapping sees the bytes');
  mapped.pwrite(Buffer.from('SM'), 0, 2, 0);
  t.equal(readFileSync(`/proc/self/fd/${fd}`, 'latin1'), 'SMall', 'and later ones');
  const place = mapped.location!;
  t.equal(setxattr(ctx, place, 'user.note', Buffer.from('v'), 2), -E.NODATA);
  t.equal(setxattr(ctx, place, 'user.note', Buffer.from('v'), 1), 0);
  t.same(getxattr(ctx, place, 'user.note'), Uint8Array.of(0x76));
  t.equal(utimens(contextOf(ctx.vfs, USER), place, 1, 0, 1, 0), -E.PERM);
  t.equal(utimens(ctx, place, 12, 34, 56, 78), 0);
  mapped.stat(found);
  t.same([found.atime, found.atimeNsec, found.mtime, found.mtimeNsec], [12, 34, 56, 78]);
});

t.test('file systems that are written through', async (t) => {
  const fs = new TmpFs(), ctx = contextOf(fs);
  let synced = 0;
  fs.sync = () => {
    synced++;
    return 0;
  };
  const count = (what: string, act: () => unknown): void => {
    synced = 0;
    act();
    t.equal(synced, 1, what);
  };
  mkdir(ctx, ctx.root, '/a', 0o755);
  t.equal(synced, 0, 'others are not');
  setSuperFlags(fs, SUPER.DIRSYNC);
  count('dirsync: mkdir', () => mkdir(ctx, ctx.root, '/b', 0o755));
  count('dirsync: rename', () => rename(ctx, ctx.root, '/b', ctx.root, '/c', 0));
  count('dirsync: rmdir', () => rmdir(ctx, ctx.root, '/c'));
  const place = lookup(ctx, ctx.root, '/a', true) as Location;
  synced = 0;
  t.equal(chmod(ctx, place, 0o700), 0);
  t.equal(synced, 0, 'dirsync: not attributes');
  setSuperFlags(fs, SUPER.SYNCHRONOUS);
  count('sync: attributes', () => chmod(ctx, place, 0o755));
  count('sync: names', () => symlink(ctx, 'a', ctx.root, '/d'));
});

t.test('record locks', async (t) => {
  const table = new LockTable();
  const a = { name: 'a' }, b = { name: 'b' };
  t.equal(table.set('f', a, 1, 0, 100, 1), 0);
  t.equal(table.set('f', b, 0, 50, 60, 2), -E.AGAIN);
  t.equal(table.set('f', a, 2, 40, 70, 1), 0, 'a hole in the middle');
  t.equal(table.set('f', b, 1, 40, 70, 2), 0);
  t.equal(table.conflict('f', b, false, 70, 80)?.start, 70);
  t.ok(table.waitFor(a, b));
  t.notOk(table.waitFor(b, a), 'a circle');
  table.releaseOwner(a);
  t.equal(table.set('f', b, 1, 0, Infinity, 2), 0);
});

t.test('the file system of docs/vfs.md', async (t) => {
  const ctx = contextOf(new HelloFs());
  t.same(list(ctx, '/'), ['hello']);
  t.equal(read(ctx, '/hello'), 'hello, world\n');
  t.equal(told(open(ctx, ctx.root, '/hello', O.WRONLY, 0)), 'EROFS');
  t.equal(told(open(ctx, ctx.root, '/hello/x', O.RDONLY, 0)), 'ENOTDIR');
  t.equal(told(unlink(ctx, ctx.root, '/hello')), 'EROFS');
});

class HelloFs implements FileSystem {
  readonly type = 'hello';
  readonly source = 'hello';
  readonly dev = anonymousDev();
  readonly readOnly = true;
  readonly root: Inode = new HelloDirectory(this);
  statfs(out: StatFs): number {
    out.type = 0x48454c4c;
    return 0;
  }
  sync(): number {
    return 0;
  }
}

class HelloDirectory extends Inode {
  mode = S.IFDIR | 0o555;
  uid = 0;
  gid = 0;
  private readonly file: HelloFile;
  constructor(readonly fs: FileSystem) {
    super();
    this.file = new HelloFile(fs);
  }
  override stat(out: Stat): number {
    Object.assign(out, new Stat(), { dev: this.fs.dev, ino: 1, mode: this.mode, nlink: 2 });
    return 0;
  }
  override lookup(name: string): Inode | number {
    return name === 'hello' ? this.file : -E.NOENT;
  }
  override readdir(position: number, sink: DirSink): number {
    if (position === 0) sink.entry('hello', 2, S.IFREG, 1);
    return 0;
  }
  override open(flags: number, location: Location): OpenFile {
    return new DirectoryFile(flags, location);
  }
}

class HelloFile extends Inode {
  mode = S.IFREG | 0o444;
  uid = 0;
  gid = 0;
  readonly bytes = Buffer.from('hello, world\n');
  constructor(readonly fs: FileSystem) {
    super();
  }
  override stat(out: Stat): number {
    Object.assign(out, new Stat(), { dev: this.fs.dev, ino: 2, mode: this.mode, size: this.bytes.length });
    return 0;
  }
  override open(flags: number, location: Location): OpenFile {
    return new HelloOpen(this.bytes, flags, location);
  }
}

class HelloOpen extends OpenFile {
  private position = 0;
  constructor(private readonly bytes: Buffer, flags: number, location: Location) {
    super(flags, location);
  }
  override get seekable(): boolean {
    return true;
  }
  override read(u8: Uint8Array, start: number, length: number): number {
    const count = this.pread(u8, start, length, this.position);
    this.position += count;
    return count;
  }
  override pread(u8: Uint8Array, start: number, length: number, position: number): number {
    const part = this.bytes.subarray(position, position + length);
    u8.set(part, start);
    return part.length;
  }
  override seek(offset: number, whence: number): number {
    const base = whence === SEEK.SET ? 0 : whence === SEEK.CUR ? this.position : this.bytes.length;
    return base + offset < 0 ? -E.INVAL : this.position = base + offset;
  }
}
