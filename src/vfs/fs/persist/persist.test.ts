/** Persistent layers: what a run leaves is what the next one finds, and what a crash leaves is repaired. */
import {
  appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { E } from '../../../abi/errno.js';
import { O } from '../../../abi/fcntl.js';
import { chmod, chown, utimens } from '../../attributes.js';
import { getxattr, setxattr } from '../../xattr.js';
import { Stat } from '../../inode.js';
import { link, mkdir, mknod, rename, rmdir, symlink, unlink } from '../../names.js';
import { PathContext, Vfs, lookup, open, readlink, stat } from '../../vfs.js';
import { PersistFs } from './persistfs.js';

const scratch = mkdtempSync(join(tmpdir(), 'posixx-layer-'));
t.teardown(() => rmSync(scratch, { recursive: true, force: true }));

const said: string[] = [];
function openLayer(path: string): PersistFs {
  said.length = 0;
  return PersistFs.open(path, 7, '/', (line) => said.push(line));
}
function contextOf(fs: PersistFs): PathContext {
  const vfs = new Vfs(fs);
  return new PathContext(vfs, vfs.root, vfs.root, 0, { fsuid: 0, fsgid: 0, groups: [], capabilities: -1 });
}
function write(ctx: PathContext, path: string, text: string): void {
  const file = open(ctx, ctx.root, path, O.WRONLY | O.CREAT | O.APPEND, 0o640);
  if (typeof file === 'number') throw new Error(`open ${path}: ${file}`);
  file.write(Buffer.from(text), 0, text.length);
  file.unref();
}
function read(ctx: PathContext, path: string): string {
  const file = open(ctx, ctx.root, path, O.RDONLY, 0);
  if (typeof file === 'number') return `error ${-file}`;
  const bytes = Buffer.alloc(1000);
  const got = file.read(bytes, 0, bytes.length);
  file.unref();
  return bytes.toString('latin1', 0, got);
}
function status(ctx: PathContext, path: string): Stat {
  const out = new Stat();
  if (stat(ctx, ctx.root, path, false, out) < 0) throw new Error(`no ${path}`);
  return out;
}

t.test('everything about files is kept', async (t) => {
  const path = join(scratch, 'kept');
  let fs = openLayer(path);
  let ctx = contextOf(fs);
  const at = (name: string) => {
    const place = lookup(ctx, ctx.root, name, false);
    if (typeof place === 'number') throw new Error(`no ${name}`);
    return place;
  };
  mkdir(ctx, ctx.root, '/d', 0o755);
  mkdir(ctx, ctx.root, '/d/e\xff', 0o1777);
  write(ctx, '/d/file', 'first');
  link(ctx, at('/d/file'), ctx.root, '/other');
  symlink(ctx, '../somewhere\n', ctx.root, '/d/link');
  mknod(ctx, ctx.root, '/d/null', 0o020666, 0x103);
  mknod(ctx, ctx.root, '/d/fifo', 0o010600, 0);
  mknod(ctx, ctx.root, '/moved-fifo', 0o010600, 0);
  chown(ctx, at('/d/file'), 1234, 70000);
  chmod(ctx, at('/d/file'), 0o4711);
  setxattr(ctx, at('/d/link'), 'trusted.t', Buffer.from('of a link'), 0);
  chown(ctx, at('/d/link'), 5, 6);
  setxattr(ctx, at('/other'), 'user.big', Buffer.alloc(60_000, 'v'), 0);
  utimens(ctx, at('/d'), 100, 1, 200, 2);
  utimens(ctx, at('/d/file'), 300, 3, -400, 4);
  mkdir(ctx, ctx.root, '/gone', 0o755);
  write(ctx, '/gone/x', 'x');
  unlink(ctx, ctx.root, '/gone/x');
  rmdir(ctx, ctx.root, '/gone');
  write(ctx, '/replaced', 'old');
  write(ctx, '/new', 'new');
  rename(ctx, ctx.root, '/new', ctx.root, '/replaced', 0);
  link(ctx, at('/moved-fifo'), ctx.root, '/fifo');
  mknod(ctx, ctx.root, '/socket', 0o140600, 0);
  rename(ctx, ctx.root, '/socket', ctx.root, '/moved-fifo', 0);
  rename(ctx, ctx.root, '/d', ctx.root, '/moved', 0);
  const names = ['/moved', '/moved/file', '/other', '/moved/link', '/moved/null', '/moved/fifo', '/moved/e\xff',
    '/replaced', '/fifo'];
  const before = names.map((name) => ({ ...status(ctx, name) }));
  fs.sync();
  fs.close();

  fs = openLayer(path);
  ctx = contextOf(fs);
  t.same(said, []);
  for (const [n, name] of names.entries()) t.match(status(ctx, name), before[n]!, name);
  t.equal(read(ctx, '/other'), 'first');
  t.equal(read(ctx, '/replaced'), 'new');
  t.equal(readlink(ctx, ctx.root, '/moved/link'), '../somewhere\n');
  t.same(getxattr(ctx, at('/moved/link'), 'trusted.t'), Uint8Array.from(Buffer.from('of a link')));
  t.equal((getxattr(ctx, at('/moved/file'), 'user.big') as Uint8Array).length, 60_000);
  t.equal(stat(ctx, ctx.root, '/gone', false, new Stat()), -E.NOENT);
  t.equal(readdirSync(join(path, 'files')).length, 2, 'bytes of files that are no more are gone');
  fs.close();
});

t.test('what a crash leaves is repaired', async (t) => {
  const path = join(scratch, 'crashed');
  let fs = openLayer(path);
  let ctx = contextOf(fs);
  write(ctx, '/one', '1');
  const whole = statSync(join(path, 'log')).size;
  write(ctx, '/two', '2');
  const unnamed = open(ctx, ctx.root, '/', O.TMPFILE | O.RDWR, 0o600);
  t.ok(typeof unnamed !== 'number');
  fs.close();
  fs = openLayer(path);
  t.match(said, [/repaired: 1 file without a name removed/]);
  fs.close();

  // The log ends within a record, at each of its bytes.
  const log = readFileSync(join(path, 'log'));
  for (let size = whole + 1; size < whole + 60; size += 7) {
    writeFileSync(join(path, 'log'), log.subarray(0, size));
    fs = openLayer(path);
    ctx = contextOf(fs);
    t.match(said, [new RegExp(`repaired: ${size - whole} bytes of an unfinished change cut off`)]);
    t.equal(read(ctx, '/one'), '1');
    t.equal(read(ctx, '/two'), `error ${E.NOENT}`);
    fs.close();
  }
  appendFileSync(join(path, 'log'), Buffer.alloc(5000));
  fs = openLayer(path);
  t.match(said, [/5000 bytes/]);
  write(contextOf(fs), '/three', '3');
  fs.close();
  fs = openLayer(path);
  t.same(said, []);
  t.equal(read(contextOf(fs), '/three'), '3');
  fs.close();

  for (const name of readdirSync(join(path, 'files'))) rmSync(join(path, 'files', name));
  fs = openLayer(path);
  t.match(said, [/the bytes of 2 files are gone/]);
  t.equal(read(contextOf(fs), '/one'), '');
  fs.close();

  // Records that are whole but make no sense together.
  const records = readFileSync(join(path, 'log'));
  writeFileSync(join(path, 'log'), records.subarray(8 + records.readUInt32LE(0)));
  t.throws(() => openLayer(path), /its log is damaged: no inode 1/);
});

t.test('a directory that is no layer, or is in use', async (t) => {
  const path = join(scratch, 'busy');
  const fs = openLayer(path);
  t.throws(() => openLayer(path), /in use by another run/);
  fs.close();
  openLayer(path).close();
  PersistFs.open(path, 7, '/elsewhere', (line) => said.push(line)).close();
  t.match(said, [/was made over \/, not over \/elsewhere/]);
  writeFileSync(join(path, 'layer'), 'posixx layer 99\n');
  t.throws(() => openLayer(path), /another format/);

  const full = join(scratch, 'full');
  mkdirSync(full);
  writeFileSync(join(full, 'letter'), 'dear');
  t.throws(() => openLayer(full), /is not empty/);
  t.same(readdirSync(full), ['letter'], 'nothing was changed');
  t.throws(() => openLayer(join(full, 'letter')), /is not a directory/);
  t.throws(() => openLayer(join(full, 'no/where')), /cannot be made: ENOENT/);
});

t.test('the log is written anew when most of it is past', async (t) => {
  const path = join(scratch, 'compact');
  let fs = openLayer(path);
  let ctx = contextOf(fs);
  mkdir(ctx, ctx.root, '/d', 0o700);
  write(ctx, '/d/kept', 'kept');
  const place = lookup(ctx, ctx.root, '/d/kept', false);
  if (typeof place === 'number') throw new Error('not there');
  link(ctx, place, ctx.root, '/linked');
  for (let n = 0; n < 600; n++) {
    write(ctx, '/passing', 'x');
    chmod(ctx, place, 0o600 | (n & 7));
    unlink(ctx, ctx.root, '/passing');
  }
  const before = statSync(join(path, 'log')).size;
  const kept = { ...status(ctx, '/d/kept') }, directory = { ...status(ctx, '/d') };
  fs.close();
  for (let round = 0; round < 3; round++) {
    fs = openLayer(path);
    ctx = contextOf(fs);
    t.ok(round === 0 || statSync(join(path, 'log')).size < before / 50);
    t.match(status(ctx, '/linked'), { ino: kept.ino, mode: kept.mode, nlink: 2, mtime: kept.mtime });
    t.match(status(ctx, '/d'), directory);
    t.equal(read(ctx, '/linked'), 'kept');
    write(ctx, `/round${round}`, 'new');
    fs.close();
  }
  t.notOk(existsSync(join(path, 'log.new')));
  writeFileSync(join(path, 'log.new'), 'left by a crash');
  fs = openLayer(path);
  t.equal(read(contextOf(fs), '/round2'), 'new');
  t.notOk(existsSync(join(path, 'log.new')));
  fs.close();
  truncateSync(join(path, 'log'), 0);
  t.throws(() => openLayer(path), /its log is empty, though there are files/);
});
