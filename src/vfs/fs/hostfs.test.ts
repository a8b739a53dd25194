/** What hostfs remembers of the host is never what the guest sees once the host has changed. */
import {
  chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { errnoName } from '../../abi/errno.js';
import { O, S } from '../../abi/fcntl.js';
import { Stat } from '../inode.js';
import type { Location } from '../mount.js';
import { mkdir, rename, rmdir, symlink, unlink } from '../names.js';
import type { OpenFile } from '../open_file.js';
import { lookup, open, PathContext, readlink, stat, Vfs } from '../vfs.js';
import { HostFs } from './hostfs.js';
import { OverlayFs } from './overlayfs.js';
import { TmpFs } from './tmpfs.js';

const USER = { fsuid: 0, fsgid: 0, groups: [], capabilities: 0 };

function see(ctx: PathContext, path: string, flags = 0): string {
  const file = open(ctx, ctx.cwd, path, O.RDONLY | flags, 0);
  if (typeof file === 'number') return String(errnoName(-file));
  const bytes = Buffer.alloc(100);
  const got = file.read(bytes, 0, bytes.length);
  file.unref();
  return got < 0 ? String(errnoName(-got)) : bytes.toString('latin1', 0, got);
}

function sizeOf(ctx: PathContext, path: string): number {
  const found = new Stat();
  const failed = stat(ctx, ctx.cwd, path, false, found);
  return failed < 0 ? failed : (found.mode & S.IFMT) === S.IFLNK ? -1 : found.size;
}

for (const kind of ['hostfs', 'overlay', 'the whole host'] as const) {
  t.test(`${kind}: the host changes what was remembered`, async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'posixx-hostfs-'));
    t.teardown(() => rmSync(dir, { recursive: true, force: true }));
    mkdirSync(join(dir, 'd'));
    const at = (name: string) => join(dir, 'd', name);
    writeFileSync(at('a'), 'one');
    writeFileSync(at('b'), 'other');
    symlinkSync('a', at('link'));
    const whole = kind === 'the whole host';
    const host = HostFs.open(whole ? '/' : dir, true) as HostFs;
    const vfs = new Vfs(kind === 'overlay' ? OverlayFs.on(new TmpFs(), [host]) as OverlayFs : host);
    const outer = new PathContext(vfs, vfs.root, vfs.root, 0o022, USER);
    const top = whole ? lookup(outer, vfs.root, dir, true) as Location : vfs.root;
    const ctx = new PathContext(vfs, top, top, 0o022, USER);

    const twice = (path: string, flags = 0) => {
      const first = see(ctx, path, flags);
      t.equal(see(ctx, path, flags), first);
      t.equal(see(ctx, path, flags), first, `${path} is the same twice`);
      return first;
    };
    t.equal(twice('/d/a'), 'one');
    t.equal(twice('/d/link'), 'one');
    t.equal(sizeOf(ctx, '/d/a'), 3);
    writeFileSync(at('a'), 'longer');
    t.equal(sizeOf(ctx, '/d/a'), 6, 'another size');
    t.equal(twice('/d/a'), 'longer', 'other bytes');
    renameSync(at('b'), at('a'));
    t.equal(twice('/d/a'), 'other', 'another file');
    t.equal(sizeOf(ctx, '/d/a'), 5);
    if (process.geteuid!() === 0) {
      chmodSync(at('a'), 0o000);
      t.equal(twice('/d/a'), 'EACCES', 'another mode');
      chmodSync(at('a'), 0o644);
      t.equal(twice('/d/a'), 'other');
    }
    writeFileSync(at('c'), 'third');
    unlinkSync(at('link'));
    symlinkSync('c', at('link'));
    t.equal(twice('/d/link'), 'third', 'another target');
    t.equal(readlink(ctx, ctx.cwd, '/d/link'), 'c');
    unlinkSync(at('link'));
    writeFileSync(at('link'), 'no link');
    t.equal(twice('/d/link', O.NOFOLLOW), 'no link', 'a file for a link');
    unlinkSync(at('a'));
    t.equal(twice('/d/a'), 'ENOENT');
    t.equal(sizeOf(ctx, '/d/a'), -2);
    symlinkSync('c', at('a'));
    t.equal(twice('/d/a', O.NOFOLLOW), 'ELOOP', 'a link for a file');
    t.equal(sizeOf(ctx, '/d/a'), -1);
    unlinkSync(at('c'));
    mkdirSync(at('c'));
    t.equal(twice('/d/c'), 'EISDIR', 'a directory for a file');
    t.equal(twice('/d/link'), 'no link');
    renameSync(join(dir, 'd'), join(dir, 'e'));
    symlinkSync('e', join(dir, 'd'));
    t.equal(twice('/d/link'), 'no link', 'a link for the directory');
  });
}

t.test('closed files of the whole host are opened anew without their descriptors piling up', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'posixx-hostfs-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const vfs = new Vfs(HostFs.open('/', true) as HostFs);
  const ctx = new PathContext(vfs, vfs.root, vfs.root, 0o022, USER);
  const names = Array.from({ length: 100 }, (_, i) => join(dir, String(i)));
  for (const name of names) writeFileSync(name, name);
  const descriptors = (): number => readdirSync('/proc/self/fd').length;
  const before = descriptors();
  for (let round = 0; round < 4; round++) for (const name of names) if (see(ctx, name) !== name) t.fail(name);
  t.ok(descriptors() - before <= 20, 'few are kept');
  const name = names[0]!;
  const files = [0, 1, 2].map(() => open(ctx, ctx.cwd, name, O.RDONLY, 0) as OpenFile);
  const bytes = Buffer.alloc(4);
  for (const file of files) t.equal(file.read(bytes, 0, 4), 4, 'each has its own position');
  for (const file of files) file.unref();
  t.equal(see(ctx, name), name, 'which begins at 0');
  t.ok(descriptors() - before <= 20, 'few are kept');
});

t.test('directories nested more deeply than PATH_MAX', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'posixx-hostfs-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const host = HostFs.open(dir, false) as HostFs;
  const vfs = new Vfs(host);
  const ctx = new PathContext(vfs, vfs.root, vfs.root, 0o022, USER);
  const name = 'd'.repeat(250), levels = 40;
  for (let level = 0; level < levels; level++) {
    t.equal(mkdir(ctx, ctx.cwd, name, 0o755), 0);
    ctx.cwd = lookup(ctx, ctx.cwd, name, true) as Location;
  }
  const file = open(ctx, ctx.cwd, 'file', O.RDWR | O.CREAT, 0o644) as OpenFile;
  t.equal(file.write(Buffer.from('deep'), 0, 4), 4);
  file.unref();
  t.equal(symlink(ctx, 'file', ctx.cwd, 'link'), 0);
  t.equal(see(ctx, 'link'), 'deep');
  t.equal(readlink(ctx, ctx.cwd, 'link'), 'file');
  t.equal(rename(ctx, ctx.cwd, 'file', ctx.cwd, 'moved', 0), 0);
  t.equal(rename(ctx, ctx.root, name, ctx.root, 'top', 0), 0);
  t.equal(sizeOf(ctx, 'moved'), 4, 'its path has changed');
  t.equal(unlink(ctx, ctx.cwd, 'moved'), 0);
  t.equal(unlink(ctx, ctx.cwd, 'link'), 0);
  for (let level = levels; level > 1; level--) {
    ctx.cwd = lookup(ctx, ctx.cwd, '..', true) as Location;
    t.equal(rmdir(ctx, ctx.cwd, name), 0);
  }
});
