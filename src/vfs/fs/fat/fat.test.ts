/** FAT against dosfstools, mtools and a model. Without these tools, what needs them is skipped. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { E, errnoName } from '../../../abi/errno.js';
import { O, S } from '../../../abi/fcntl.js';
import { chmod, chown, truncate, utimens } from '../../attributes.js';
import { HostImage } from '../../block_device.js';
import { RENAME, Stat, StatFs } from '../../inode.js';
import { link, mkdir, mknod, rename, rmdir, symlink, unlink } from '../../names.js';
import type { OpenFile } from '../../open_file.js';
import { lookup, open, PathContext, stat, Vfs } from '../../vfs.js';
import { generator, hasTool, MemoryDevice, mountOn, runTool, toolEnvironment } from '../sample_disk.js';
import { FatFs } from './fat.js';
import type { FatRegular } from './file.js';
import { makeShort, shortOf, unitsOf } from './names.js';
import { fatOptions, type FatOptions } from './options.js';

const ROOT = { fsuid: 0, fsgid: 0, groups: [], capabilities: -1 };
const skip = ['mkfs.fat', 'fsck.fat', 'mcopy'].every(hasTool) ? false : 'dosfstools and mtools are not installed';

function tool(name: string, ...args: string[]): string {
  return execFileSync(name, args, { env: toolEnvironment, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** An image that mkfs.fat made. */
function image(t: Test, size: number, ...args: string[]): string {
  const dir = mkdtempSync(join(tmpdir(), 'posixx-fat-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'disk.img');
  writeFileSync(path, '');
  truncateSync(path, size);
  tool('mkfs.fat', '-i', '12345678', ...args, path);
  return path;
}

/** They stay open, and a second disk of the same image would be refused. */
const disks = new Map<string, HostImage>();

function hostDisk(path: string): HostImage {
  const device = disks.get(path) ?? HostImage.open(path, false);
  if (typeof device === 'number') throw new Error(`cannot open ${path}: ${errnoName(-device)}`);
  disks.set(path, device);
  return device;
}

/** A mounted file system with short ways to the calls; paths are UTF-8 as bytes. */
class Mounted {
  readonly ctx: PathContext;
  constructor(readonly fs: FatFs) {
    const vfs = new Vfs(fs);
    this.ctx = new PathContext(vfs, vfs.root, vfs.root, 0o022, ROOT);
  }
  static image(path: string, options = ''): Mounted {
    const fs = mountOn('vfat', hostDisk(path), options);
    if (!(fs instanceof FatFs)) throw new Error(`mount: ${errnoName(-fs)}`);
    return new Mounted(fs);
  }
  open(path: string, flags: number): OpenFile | number {
    return open(this.ctx, this.ctx.cwd, utf8(path), flags, 0o666);
  }
  must(path: string, flags: number): OpenFile {
    const file = this.open(path, flags);
    if (typeof file === 'number') throw new Error(`open ${path}: ${errnoName(-file)}`);
    return file;
  }
  write(path: string, data: string | Uint8Array, flags: number = O.CREAT | O.TRUNC): number {
    const file = this.open(path, O.WRONLY | flags);
    if (typeof file === 'number') return file;
    const bytes = Buffer.from(data);
    const wrote = file.write(bytes, 0, bytes.length);
    const closed = file.unref();
    return closed < 0 ? closed : wrote;
  }
  read(path: string): Buffer | number {
    const file = this.open(path, O.RDONLY);
    if (typeof file === 'number') return file;
    const out = new Stat();
    file.stat(out);
    const bytes = Buffer.alloc(out.size);
    const got = file.read(bytes, 0, bytes.length);
    file.unref();
    return got < 0 ? got : bytes.subarray(0, got);
  }
  text(path: string): string {
    const bytes = this.read(path);
    return typeof bytes === 'number' ? String(errnoName(-bytes)) : bytes.toString();
  }
  list(path: string): string[] {
    const file = this.must(path, O.RDONLY | O.DIRECTORY);
    const names: string[] = [];
    file.readdir({
      entry: (name) => {
        names.push(Buffer.from(name, 'latin1').toString());
        return true;
      },
    });
    file.unref();
    return names.filter((name) => name !== '.' && name !== '..');
  }
  stat(path: string): Stat {
    const out = new Stat();
    const failed = stat(this.ctx, this.ctx.cwd, utf8(path), true, out);
    if (failed < 0) throw new Error(`stat ${path}: ${errnoName(-failed)}`);
    return out;
  }
  mkdir(path: string): number {
    return mkdir(this.ctx, this.ctx.cwd, utf8(path), 0o777);
  }
  rmdir(path: string): number {
    return rmdir(this.ctx, this.ctx.cwd, utf8(path));
  }
  unlink(path: string): number {
    return unlink(this.ctx, this.ctx.cwd, utf8(path));
  }
  rename(from: string, to: string, flags = 0): number {
    return rename(this.ctx, this.ctx.cwd, utf8(from), this.ctx.cwd, utf8(to), flags);
  }
  place(path: string): Exclude<ReturnType<typeof lookup>, number> {
    const place = lookup(this.ctx, this.ctx.cwd, utf8(path), true);
    if (typeof place === 'number') throw new Error(`${path}: ${errnoName(-place)}`);
    return place;
  }
  free(): number {
    const out = new StatFs();
    this.fs.statfs(out);
    return out.bfree;
  }
  unmount(): void {
    this.fs.unmounted();
  }
}

function utf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function check(t: Test, path: string, what: string): void {
  const { status, stdout } = spawnSync('fsck.fat', ['-n', path], { env: toolEnvironment, encoding: 'utf8' });
  t.equal(status, 0, `fsck.fat finds nothing: ${what}`);
  if (status !== 0) t.comment(stdout);
}

function pattern(length: number, seed: number): Buffer {
  const next = generator(seed);
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = next(256);
  return bytes;
}

const KINDS: [string, number, string[]][] = [
  ['FAT12, 512-byte clusters', 1 << 20, ['-F', '12', '-s', '1']],
  ['FAT12, 4 KiB clusters, one copy', 4 << 20, ['-F', '12', '-s', '8', '-f', '1']],
  ['FAT16, 2 KiB clusters', 16 << 20, ['-F', '16', '-s', '4']],
  ['FAT16, 32 KiB clusters, 1 KiB sectors', 160 << 20, ['-F', '16', '-s', '32', '-S', '1024']],
  ['FAT32, 512-byte clusters', 40 << 20, ['-F', '32', '-s', '1']],
  ['FAT32, 8 KiB clusters', 600 << 20, ['-F', '32', '-s', '16']],
];

t.test('short names', async (t) => {
  const options = fatOptions('', 0, 0, 0) as FatOptions;
  const winnt = fatOptions('shortname=winnt', 0, 0, 0) as FatOptions;
  const taken = new Set<string>();
  const short = (name: string, of = options): string => {
    const made = makeShort(name, of, (candidate) => taken.has(candidate));
    if (typeof made === 'number') return String(errnoName(-made));
    return `${made.short}${made.long ? ' long' : ''}${made.marks || ''}`;
  };
  const names = ['README', 'A.TXT', 'a.txt', 'Readme.txt', 'ABCDEFGHI', 'a b.c', 'x.html', '.profile', '..x', 'a.b.c'];
  t.same([...names, '1', 'a+b.c'].map((n) => short(n)), [
    'README     ', 'A       TXT', 'A       TXT long', 'README  TXT long', 'ABCDEF~1    long', 'AB~1    C   long',
    'X~1     HTM long', 'PROFIL~1    long', 'X~1         long', 'AB~1    C   long', '1          ', 'A_B~1   C   long',
  ]);
  t.same(['a.txt', 'A.txt', 'a.TXT', 'A.Txt', 'é.txt'].map((n) => short(n, winnt)), [
    'A       TXT24', 'A       TXT16', 'A       TXT8', 'A       TXT long', '\x90       TXT long',
  ]);
  t.same(['. ', 'σ', 'å.å', '漢字.txt'].map((n) => short(n)), [
    'EINVAL', '\xe4           long', '\x8f       \x8f   long', '__~1    TXT long',
  ]);
  for (let i = 1; i < 10; i++) taken.add(`LONGNA~${i}TXT`);
  t.match(short('long name.txt'), /^LO[0-9A-F]{4}~[1-8]TXT long$/, 'when ~1 to ~9 are taken');
  taken.add('A       TXT');
  t.equal(short('A.TXT'), 'EEXIST');
  t.same([shortOf('longna~1.txt'), shortOf('a.b.c'), shortOf('toolongname')], ['LONGNA~1TXT', null, null]);
  t.equal(unitsOf('\xff'), null);
});

t.test('what mtools writes is read, and what is written mtools reads', { skip }, async (t) => {
  for (const [kind, size, args] of KINDS) {
    const path = image(t, size, ...args);
    const scratch = join(path, '..');
    const big = pattern(200_001, size);
    mkdirSync(join(scratch, 'in/sub dir/deep'), { recursive: true });
    writeFileSync(join(scratch, 'in/SHORT.TXT'), 'short');
    writeFileSync(join(scratch, 'in/A rather long name, with dots...and é and 漢字 in it.data'), big);
    for (let i = 0; i < 40; i++) writeFileSync(join(scratch, `in/sub dir/deep/file number ${i}`), `${i}`);
    tool('mcopy', '-s', '-Q', '-i', path, join(scratch, 'in/SHORT.TXT'), join(scratch, 'in/sub dir'), '::/');
    tool('mcopy', '-i', path, join(scratch, 'in/A rather long name, with dots...and é and 漢字 in it.data'), '::/');

    let fat = Mounted.image(path);
    t.same(fat.list('/').sort(), readdirSync(join(scratch, 'in')).sort(), `${kind}: names`);
    t.equal(fat.text('/SHORT.TXT'), 'short');
    const other = fat.read('/a RATHER long name, with dots...and é and 漢字 in it.data');
    t.ok(big.equals(other as Buffer), 'long, in another case');
    t.equal(fat.list('/sub dir/deep').length, 40);
    t.equal(fat.text('/SUBDIR~1/DEEP/FILE NUMBER 39'), '39', 'by its short name');

    t.equal(fat.mkdir('/made'), 0);
    t.equal(fat.mkdir('/made/inside é'), 0);
    for (let i = 0; i < 60; i++) {
      t.ok(fat.write(`/made/inside é/a file with a long name ${i}.text`, `content ${i}`) > 0);
    }
    t.equal(fat.write('/made/big', big), big.length);
    t.equal(fat.rename('/made/inside é', '/sub dir/moved'), 0);
    t.equal(fat.unlink('/SHORT.TXT'), 0);
    t.equal(fat.write('/made/grown', 'x', O.CREAT), 1);
    t.equal(truncate(fat.ctx, fat.place('/made/grown'), 70_000), 0);
    t.equal(truncate(fat.ctx, fat.place('/made/big'), 100_000), 0);
    fat.unmount();
    check(t, path, kind);
    tool('mcopy', '-s', '-Q', '-n', '-i', path, '::/', scratch);
    t.ok(readFileSync(join(scratch, 'made/big')).equals(big.subarray(0, 100_000)), `${kind}: mtools reads it`);
    const grown = Buffer.alloc(70_000);
    grown[0] = 120;
    t.ok(readFileSync(join(scratch, 'made/grown')).equals(grown), 'zeros behind the end');
    t.equal(readFileSync(join(scratch, 'sub dir/moved/a file with a long name 59.text'), 'utf8'), 'content 59');
    fat = Mounted.image(path);
    t.equal(fat.list('/sub dir/moved').length, 60, 'mounted again');
    fat.unmount();
  }
});

t.test('names', { skip }, async (t) => {
  const fat = Mounted.image(image(t, 4 << 20));
  const errno = (value: number): string => value < 0 ? String(errnoName(-value)) : 'ok';
  t.equal(fat.write('/Mixed Case.Text', 'one'), 3);
  t.equal(fat.text('/mixed case.text'), 'one');
  t.equal(fat.text('/MIXEDC~1.TEX'), 'one');
  t.equal(fat.text('/Mixed Case.Text...'), 'one', 'dots at the end do not count');
  t.equal(errno(fat.write('/MIXED CASE.TEXT', 'two', O.CREAT | O.EXCL)), 'EEXIST');
  t.equal(fat.write('/dots...', 'x'), 1);
  t.ok(fat.list('/').includes('dots'));
  for (const name of ['a*', 'b?', 'c<', 'd>', 'e|', 'f"', 'g:', 'h\\', 'i ', 'j\x01']) {
    t.equal(errno(fat.write(`/${name}`, 'x')), 'EINVAL', JSON.stringify(name));
  }
  t.equal(errno(fat.write('/....', 'x')), 'ENOENT');
  t.equal(errno(fat.mkdir(`/${'x'.repeat(255)}`)), 'ok', 'the longest name');
  t.equal(errno(fat.mkdir(`/${'漢'.repeat(255)}`)), 'ok');
  t.equal(errno(fat.mkdir(`/${'漢'.repeat(256)}`)), 'ENAMETOOLONG');
  t.ok(fat.list('/').includes('漢'.repeat(255)));
  t.equal(errno(fat.ctx && mkdir(fat.ctx, fat.ctx.cwd, '/\xff\xfe', 0o777)), 'EINVAL', 'not UTF-8');
  t.equal(errno(fat.mkdir('/é\u{1f600}')), 'ok');
  t.ok(fat.list('/').includes('é\u{1f600}'));
  t.equal(fat.rename('/Mixed Case.Text', '/mixed CASE.text'), 0);
  t.ok(fat.list('/').includes('Mixed Case.Text'), 'another case of the same name changes nothing (as on Linux)');
  t.equal(fat.rename('/Mixed Case.Text', '/Other'), 0);
  t.equal(fat.write('/over', 'over'), 4);
  t.equal(fat.rename('/Other', '/OVER'), 0);
  t.equal(fat.text('/over'), 'one');
  t.ok(fat.list('/').includes('over'), 'the replaced name keeps its spelling');
  t.equal(errno(symlink(fat.ctx, 'x', fat.ctx.cwd, '/link')), 'EPERM');
  t.equal(errno(link(fat.ctx, fat.place('/over'), fat.ctx.cwd, '/link')), 'EPERM');
  t.equal(errno(mknod(fat.ctx, fat.ctx.cwd, '/fifo', S.IFIFO | 0o666, 0)), 'EPERM');
  t.equal(errno(fat.mkdir('/dir')), 'ok');
  t.equal(fat.write('/dir/file', 'in dir'), 6);
  t.equal(errno(fat.rmdir('/dir')), 'ENOTEMPTY');
  t.equal(errno(fat.rename('/over', '/dir', RENAME.NOREPLACE)), 'EEXIST');
  t.equal(errno(fat.rename('/over', '/dir', RENAME.EXCHANGE)), 'ok');
  t.same([fat.text('/dir'), fat.text('/over/file')], ['one', 'in dir']);
  t.equal(errno(fat.mkdir('/a')), 'ok');
  t.equal(errno(fat.rename('/over', '/a/b')), 'ok');
  t.equal(fat.stat('/a').nlink, 3);
  t.equal(errno(fat.rename('/a', '/a/b/c')), 'EINVAL');
  t.equal(errno(fat.rename('/a/b', '/')), 'EBUSY');
  fat.unmount();

  const strict = Mounted.image(image(t, 4 << 20), 'check=s');
  t.equal(strict.write('/Name', '1'), 1);
  t.equal(strict.write('/name', '2'), -E.EXIST, 'its short name is taken (as on Linux)');
  t.same([strict.text('/Name'), strict.text('/name'), strict.text('/NAME')], ['1', 'ENOENT', '1']);
});

t.test('attributes and times', { skip }, async (t) => {
  const path = image(t, 4 << 20);
  let fat = Mounted.image(path, 'uid=7,gid=8,dmask=022,fmask=133');
  const errno = (value: number): string => value < 0 ? String(errnoName(-value)) : 'ok';
  t.equal(fat.write('/file', 'data'), 4);
  t.same([fat.stat('/file').mode, fat.stat('/file').uid, fat.stat('/file').gid], [S.IFREG | 0o644, 7, 8]);
  t.equal(fat.stat('/').mode, S.IFDIR | 0o755);
  t.equal(errno(chmod(fat.ctx, fat.place('/file'), 0o444)), 'ok');
  t.equal(fat.stat('/file').mode & 0o777, 0o444, 'the read-only attribute');
  t.equal(errno(chmod(fat.ctx, fat.place('/file'), 0o600)), 'ok');
  t.equal(fat.stat('/file').mode & 0o777, 0o444, 'what cannot be stored changes nothing');
  t.equal(errno(chmod(fat.ctx, fat.place('/file'), 0o4644)), 'EPERM');
  t.equal(errno(chown(fat.ctx, fat.place('/file'), 7, 8)), 'ok');
  t.equal(errno(chown(fat.ctx, fat.place('/file'), 0, 0)), 'EPERM');
  const at = Date.UTC(2001, 1, 3, 4, 5, 7) / 1000;
  t.equal(errno(utimens(fat.ctx, fat.place('/file'), at, 5, at, 5)), 'ok');
  const day = Date.UTC(2001, 1, 3) / 1000;
  const times = (): number[] => {
    const { atime, mtime, ctime, mtimeNsec } = fat.stat('/file');
    return [atime, mtime, ctime, mtimeNsec];
  };
  t.same(times(), [day, at - 1, at - 1, 0], 'to days and to 2 s');
  t.ok(Math.abs(fat.stat('/file').btime - Date.now() / 1000) < 30);
  fat.unmount();
  fat = Mounted.image(path, 'time_offset=60');
  t.same(times(), [day - 3600, at - 1 - 3600, at - 1 - 3600, 0], 'stored in the time of a zone');
  t.equal(fat.stat('/file').mode & 0o777, 0o555);
  t.match(tool('mattrib', '-i', path, '::/file'), /A +R/);
  fat.unmount();
  const log: string[] = [];
  t.equal(mountOn('vfat', hostDisk(path), 'nonsense', (line) => log.push(line)), -E.INVAL);
  t.match(log[0], /Unrecognized mount option "nonsense"/);
  fat = Mounted.image(path, 'quiet');
  t.equal(errno(chown(fat.ctx, fat.place('/file'), 1, 1)), 'ok');
  fat.unmount();
});

t.test('a full device, large files, unlinked files', { skip }, async (t) => {
  const path = image(t, 1 << 20, '-F', '12', '-s', '1', '-r', '32');
  let fat = Mounted.image(path);
  const all = fat.free() * 512;
  const bytes = pattern(all + 5000, 1);
  t.equal(fat.write('/full', bytes), all, 'a write takes what there is');
  t.equal(fat.write('/none', 'x'), -E.NOSPC);
  t.equal(fat.mkdir('/dir'), -E.NOSPC);
  t.ok(bytes.subarray(0, all).equals(fat.read('/full') as Buffer));
  let made = 0;
  while (fat.write(`/N${made}`, '') === 0) made++;
  t.equal(made, 28, 'the root has 32 entries, two files had four');
  t.equal(fat.rename('/N1', '/a long name that needs more entries'), -E.NOSPC);
  t.equal(fat.unlink('/N0'), 0);
  t.equal(fat.rename('/N1', '/N0'), 0);

  const file = fat.must('/full', O.RDWR);
  t.equal(fat.unlink('/full'), 0);
  const part = Buffer.alloc(1000);
  t.equal(file.pread(part, 0, 1000, 3000), 1000);
  t.ok(part.equals(bytes.subarray(3000, 4000)), 'readable while it is open');
  t.equal(fat.free(), 0);
  file.unref();
  t.equal(fat.free() * 512, all);
  const early = fat.must('/again', O.CREAT | O.RDWR);
  t.equal(early.fallocate(1, 0, 100_000), 0);
  const reserved = fat.free();
  early.unref();
  t.equal(fat.free() - reserved, Math.ceil(100_000 / 512), 'what was reserved is given back');
  const extended = fat.must('/again', O.CREAT | O.RDWR);
  t.equal(extended.fallocate(0, 0, 5000), 0);
  t.equal(fat.stat('/again').size, 5000);
  t.equal(extended.fallocate(2, 0, 10), -E.OPNOTSUPP);
  t.equal(extended.pwrite(Buffer.from('end'), 0, 3, 9000), 3);
  t.equal(extended.truncate(2 ** 32), -E.FBIG);
  t.equal(extended.pwrite(Buffer.from('x'), 0, 1, 2 ** 32 - 1), -E.FBIG);
  t.equal(extended.truncate(2 ** 32 - 1), -E.NOSPC);
  t.equal(fat.stat('/again').size, 9003);
  extended.unref();
  t.equal(fat.text('/again'), '\0'.repeat(9000) + 'end', 'clusters that had other bytes show as zeros');
  t.equal(fat.mkdir('/DIR'), 0);
  for (let i = 0; i < 40; i++) t.equal(fat.write(`/DIR/N${i}`, ''), 0);
  t.equal(fat.list('/DIR').length, 40, 'and hold no entries when a directory grows');
  const last = fat.must('/N5', O.RDWR);
  t.equal(fat.fs.remount(true, ''), -E.BUSY, 'not read-only while a file is open for writing');
  last.write(Buffer.from('to the end'), 0, 10);
  fat.unmount();
  t.equal(last.write(Buffer.from(' and on'), 0, 7), 7, 'open files go on when it is unmounted');
  last.unref();
  check(t, path, 'after the last close');
  fat = Mounted.image(path);
  t.equal(fat.text('/N5'), 'to the end and on');
  fat.unmount();

  const wide = image(t, 5 * 2 ** 30, '-F', '32', '-s', '64');
  fat = Mounted.image(wide);
  const large = fat.must('/large', O.CREAT | O.RDWR);
  t.equal(large.fallocate(1, 0, 2 ** 32 - 1), 0);
  t.equal(large.pwrite(Buffer.from('xyz'), 0, 3, 0), 3);
  t.equal(fat.free(), Math.floor(fat.fs.geometry.endCluster - 2 - 1 - 2 ** 32 / 32768));
  large.unref();
  fat.unmount();
  check(t, wide, 'a file of 4 GiB was reserved');
});

t.test('a mapping of a file shows and takes the same bytes', { skip }, async (t) => {
  const path = image(t, 4 << 20);
  let fat = Mounted.image(path);
  t.equal(fat.write('/mapped', pattern(10_000, 3)), 10_000);
  const file = fat.must('/mapped', O.RDWR);
  const fd = file.mapFd(true);
  t.ok(fd >= 0);
  writeFileSync(`/proc/self/fd/${fd}`, 'STORED', { flag: 'r+' });
  t.equal(fat.text('/mapped').substring(0, 6), 'STORED');
  t.equal(file.pwrite(Buffer.from('WRITTEN'), 0, 7, 6), 7);
  t.equal(readFileSync(`/proc/self/fd/${fd}`).toString('latin1', 0, 13), 'STOREDWRITTEN');
  const tail = new Uint8Array(8);
  appendFileSync(`/proc/self/fd/${fd}`, 'stored behind the end');
  t.equal(file.truncate(10_008), 0);
  t.equal(file.pread(tail, 0, 8, 10_000), 8);
  t.same([...tail], [0, 0, 0, 0, 0, 0, 0, 0], 'what was stored behind the end is no part of a larger file');
  appendFileSync(`/proc/self/fd/${fd}`, 'stored behind the end');
  t.equal(file.pwrite(Buffer.from('x'), 0, 1, 10_020), 1);
  t.equal(file.pread(tail, 0, 8, 10_008), 8);
  t.same([...tail], [0, 0, 0, 0, 0, 0, 0, 0], 'nor of one that is written to further on');
  file.unref();
  fat.unmount();
  fat = Mounted.image(path);
  t.equal(fat.text('/mapped').substring(0, 13), 'STOREDWRITTEN');
  fat.unmount();
});

/** A disk of which a copy is taken at some write, as a crash would leave it. */
class CrashDevice extends MemoryDevice {
  countdown = -1;
  left: Uint8Array | null = null;

  override write(source: Uint8Array, position: number): number {
    if (this.countdown-- === 0) this.left = this.bytes.slice();
    return super.write(source, position);
  }
}

t.test('after a crash fsck.fat repairs it, and no synced file is lost', { skip }, async (t) => {
  const seed = Number(process.env['SEED'] ?? 7);
  t.comment(`seed ${seed}`);
  const next = generator(seed);
  for (const args of [['-F', '12', '-s', '1'], ['-F', '16', '-s', '1'], ['-F', '32', '-s', '2']]) {
    const bytes = new Uint8Array(args[1] === '12' ? 1 << 20 : 8 << 20);
    runTool(bytes, 'mkfs.fat', ...args);
    const device = new CrashDevice(bytes);
    const fs = mountOn('vfat', device);
    if (!(fs instanceof FatFs)) throw new Error('mount');
    const fat = new Mounted(fs);
    const kept = new Map<string, Buffer>();
    let known = new Map(kept);
    const open: OpenFile[] = [];
    for (let crash = 0, step = 0; crash < 4; step++) {
      const name = `/d${next(3)}/file with a number ${next(12)}`;
      switch (next(8)) {
        case 0: fat.mkdir(`/d${next(3)}`); break;
        case 1: fat.unlink(name); break;
        case 2: fat.rename(name, `/d${next(3)}/moved ${next(12)}`); break;
        case 3: {
          const file = fat.open(name, O.RDWR);
          if (typeof file === 'number') break;
          file.truncate(next(9000));
          file.unref();
          break;
        }
        case 4: {
          const path = `/kept${step}`, data = pattern(next(5000), step);
          const file = fat.must(path, O.CREAT | O.RDWR);
          file.write(data, 0, data.length);
          t.equal(file.sync(false), 0);
          file.unref();
          kept.set(path, data);
          if (kept.size > 40) {
            const [old] = kept.keys();
            kept.delete(old!);
            known.delete(old!);
            fat.unlink(old!);
          }
          break;
        }
        default: {
          const file = fat.open(name, O.CREAT | O.RDWR);
          if (typeof file === 'number') break;
          file.pwrite(Buffer.alloc(6000, step), 0, next(6000), next(9000));
          open.push(file);
          if (open.length > 3) open.shift()!.unref();
        }
      }
      if (device.left !== null) {
        const crashed = device.left;
        device.left = null;
        const repaired = runTool(crashed, 'fsck.fat', '-a');
        t.ok(repaired.status! <= 1, `repaired: ${repaired.output}`);
        t.equal(runTool(crashed, 'fsck.fat', '-n').status, 0, 'and then it is clean');
        const found = mountOn('vfat', new MemoryDevice(crashed));
        if (!(found instanceof FatFs)) throw new Error('mount after a crash');
        const after = new Mounted(found);
        for (const [path, data] of known) {
          const there = after.read(path);
          t.ok(typeof there !== 'number' && data.equals(there), path);
        }
        crash++;
      }
      if (device.countdown < 0) {
        device.countdown = next(120);
        known = new Map(kept);
      }
    }
    for (const file of open) file.unref();
  }
});

t.test('numbers and counts', { skip }, async (t) => {
  const bytes = new Uint8Array(4 << 20);
  runTool(bytes, 'mkfs.fat', '-F', '16', '-s', '1');
  const fs = mountOn('vfat', new MemoryDevice(bytes));
  if (!(fs instanceof FatFs)) throw new Error('mount');
  const fat = new Mounted(fs);
  fat.mkdir('/a');
  fat.mkdir('/a/b');
  t.equal(fat.stat('/a').nlink, 3);
  t.equal(fat.rmdir('/a/b'), 0);
  t.equal(fat.stat('/a').nlink, 2);
  fat.write('/one', '1');
  const { ino } = fat.stat('/one');
  t.equal(fat.rename('/one', '/a/a much longer name'), 0);
  t.equal(fat.stat('/a/a much longer name').ino, ino, 'a file keeps its number when it moves');
  fat.write('/two', '2');
  t.not(fat.stat('/two').ino, ino, 'what comes to its place has another one');
  const open = fat.must('/two', O.RDWR), before = fat.stat('/two').ino;
  fat.unlink('/two');
  fat.write('/six', '3');
  t.not(fat.stat('/six').ino, before, 'so does what comes to the place of an open file');
  open.unref();

  const all = fat.free();
  t.equal(truncate(fat.ctx, fat.place('/six'), 2 ** 31), -E.NOSPC);
  t.equal(fat.free(), all, 'nothing is lost when there is no room');
  fat.write('/long', pattern(100_000, 5));
  const long = fat.must('/long', O.RDWR), fd = long.mapFd(true);
  t.equal(long.truncate(10), 0);
  t.equal(readFileSync(`/proc/self/fd/${fd}`).length, 10, 'the mapping is cut, too');
  const other = fat.must('/other', O.CREAT | O.RDWR);
  other.write(pattern(90_000, 6), 0, 90_000);
  t.equal(other.sync(false), 0);
  const now = mountOn('vfat', new MemoryDevice(bytes.slice()));
  if (!(now instanceof FatFs)) throw new Error('mount');
  t.equal(new Mounted(now).stat('/long').size, 10, 'who lost clusters does not lead to them any more');
  t.equal(long.truncate(0), 0);
  const empty = mountOn('vfat', new MemoryDevice(bytes.slice()));
  if (!(empty instanceof FatFs)) throw new Error('mount');
  t.equal((new Mounted(empty).place('/long').inode as FatRegular).first, 0);
  other.unref();
  long.unref();
});

t.test('chains that cannot be', { skip }, async (t) => {
  const bytes = new Uint8Array(4 << 20);
  runTool(bytes, 'mkfs.fat', '-F', '16', '-s', '1');
  const first = mountOn('vfat', new MemoryDevice(bytes));
  if (!(first instanceof FatFs)) throw new Error('mount');
  const { tableStart, dataStart } = first.geometry;
  const made = new Mounted(first);
  made.mkdir('/dir');
  made.mkdir('/dir/inner');
  made.write('/dir/file', pattern(5000, 1));
  const cluster = (path: string): number => (made.place(path).inode as FatRegular).first;
  const dir = cluster('/dir'), inner = cluster('/dir/inner'), file = cluster('/dir/file');
  made.unmount();
  const log: string[] = [];
  const damaged = (change: (view: DataView) => void, options = ''): Mounted => {
    const copy = bytes.slice();
    change(new DataView(copy.buffer));
    const fs = mountOn('vfat', new MemoryDevice(copy), options, (line) => log.push(line));
    if (!(fs instanceof FatFs)) throw new Error('mount');
    return new Mounted(fs);
  };
  const entry = (at: number): number => tableStart + 2 * at;
  let fat = damaged((view) => view.setUint16(entry(dir), dir, true));
  t.equal(fat.text('/dir/file'), 'EIO', 'a directory that follows itself');
  t.match(log.join('\n'), /loop in a cluster chain[^]*set read-only/);
  t.equal(fat.mkdir('/new'), -E.ROFS);
  fat = damaged((view) => view.setUint16(entry(dir), dir, true), 'errors=continue');
  t.equal(fat.text('/dir/file'), 'EIO');
  t.equal(fat.mkdir('/new'), 0);
  fat = damaged((view) => view.setUint16(entry(file + 2), file, true));
  t.equal(fat.text('/dir/file'), 'EIO', 'a file that comes round');
  for (const value of [0, 1, 0xfff0, 0xffff]) {
    fat = damaged((view) => view.setUint16(entry(file + 2), value, true));
    t.equal(fat.text('/dir/file'), 'EIO', `a chain into ${value}`);
  }
  // The entries of 'inner' and 'file' follow '.' and '..'; each has one for its long name.
  const inDir = dataStart + (dir - 2) * 512;
  fat = damaged((view) => view.setUint16(inDir + 3 * 32 + 26, dir, true));
  t.equal(fat.stat('/dir').nlink, 3);
  t.throws(() => fat.stat('/dir/inner'), /EIO/, 'a directory in itself');
  fat = damaged((view) => view.setUint32(dataStart + (inner - 2) * 512, 0, true));
  t.throws(() => fat.stat('/dir/inner'), /EIO/, 'a directory without "."');
  fat = damaged((view) => view.setUint8(inDir + 5 * 32, 0x2f));
  t.same(fat.list('/dir'), ['inner'], 'a name with a slash');
});
