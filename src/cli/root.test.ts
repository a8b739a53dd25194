/** Roots in files, and layers that are kept, as a user meets them. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const bin = join(root, 'bin/posixx.js');
const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((file) => existsSync(file));
const needsBusybox = busybox === undefined ? { skip: 'busybox is missing' } : {};
const scratch = mkdtempSync(join(tmpdir(), 'posixx-root-'));
t.teardown(() => rmSync(scratch, { recursive: true, force: true }));

interface Result { status: number | null; stdout: string; stderr: string }

function posixx(...args: string[]): Result {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, 'run', ...args], {
    encoding: 'latin1', cwd: scratch, input: '', timeout: 120_000, env: { PATH: '/bin', HOME: '/' },
  });
  return { status, stdout, stderr };
}

/** A root with busybox, the two programs where they are installed, and sources for them to read. */
function makeTree(): string {
  const tree = join(scratch, 'tree');
  for (const directory of ['bin', 'tmp', 'proc', 'dev', 'src']) mkdirSync(join(tree, directory), { recursive: true });
  copyFileSync(busybox!, join(tree, 'bin/busybox'));
  for (const name of ['sh', 'cat', 'ls', 'mv', 'rm', 'find', 'tar', 'sha1sum', 'sort']) symlinkSync('busybox', join(tree, 'bin', name));
  for (const [name, file] of [['rg', '@vscode/ripgrep-linux-x64/bin/rg'], ['esbuild', '@esbuild/linux-x64/bin/esbuild']] as const) {
    if (existsSync(join(root, 'node_modules', file))) copyFileSync(join(root, 'node_modules', file), join(tree, 'bin', name));
  }
  cpSync(join(root, 'src/vfs'), join(tree, 'src/vfs'), { recursive: true });
  cpSync(join(root, 'src/abi'), join(tree, 'src/abi'), { recursive: true });
  cpSync(join(root, 'src/host'), join(tree, 'src/host'), { recursive: true });
  return tree;
}

t.test('programs of an archive read its files as they do on the host', needsBusybox, async (t) => {
  const tree = makeTree();
  const archives = ['root.tar', 'root.tar.gz'];
  execFileSync('tar', ['-C', tree, '-cf', join(scratch, archives[0]!), '.']);
  execFileSync('tar', ['-C', tree, '-czf', join(scratch, archives[1]!), '.']);
  if (spawnSync('zstd', ['-q', join(scratch, archives[0]!)]).status === 0) archives.push('root.tar.zst');
  const works: [name: string, args: string[]][] = [
    ['bin/busybox', ['find', 'src', '-type', 'f', '-exec', 'sha1sum', '{}', '+']],
    ['bin/rg', ['--sort', 'path', '-n', 'class \\w+ extends Inode', 'src']],
    ['bin/esbuild', ['--bundle', '--platform=node', '--external:*.node', '--log-level=error', 'src/vfs/fs/tarfs.ts']],
  ];
  for (const [name, args] of works) {
    if (!existsSync(join(tree, name))) continue;
    const host = spawnSync(join(tree, name), args, { cwd: tree, encoding: 'latin1' });
    for (const archive of name === 'bin/busybox' ? archives : archives.slice(0, 1)) {
      const { status, stdout, stderr } = posixx('--rootfs', archive, '--cwd', '/', `/${name}`, ...args);
      const sorted = (text: string): string[] => name === 'bin/busybox' ? text.split('\n').sort() : text.split('\n');
      t.same({ status, stderr, stdout: sorted(stdout) }, { status: host.status, stderr: host.stderr, stdout: sorted(host.stdout) },
        `${archive}: ${name} ${args.join(' ')}`);
    }
  }
  const changed = posixx('--rootfs', 'root.tar', '/bin/sh', '-c', 'echo new > /src/x; rm -r /src/abi; mv /src/vfs /v; ls /src /v/fs/tarfs.ts');
  t.same(changed, { status: 0, stdout: '/v/fs/tarfs.ts\n\n/src:\nhost\nx\n', stderr: '' });
});

t.test('an archive leads nowhere outside', needsBusybox, async (t) => {
  writeFileSync(join(scratch, 'secret'), 'SECRET');
  const inside = join(scratch, 'evil');
  mkdirSync(inside);
  symlinkSync(join(scratch, 'secret'), join(inside, 'absolute'));
  symlinkSync(`${'../'.repeat(20)}${join(scratch, 'secret')}`, join(inside, 'relative'));
  symlinkSync('/etc', join(inside, 'directory'));
  copyFileSync(busybox!, join(inside, 'cat'));
  execFileSync('tar', ['-P', '-C', inside, '-cf', join(scratch, 'evil.tar'), 'absolute', 'relative', 'directory', 'cat']);
  const above = `${'../'.repeat(20)}posixx-written`;
  execFileSync('tar', ['-P', '-C', scratch, '--transform', `s,^secret$,${above},`, '-rf', join(scratch, 'evil.tar'), 'secret']);
  execFileSync('tar', ['-P', '-C', scratch, '--transform', 's,^secret$,directory/posixx-through,',
    '-rf', join(scratch, 'evil.tar'), 'secret']);
  const names = ['/absolute', '/relative', '/directory/passwd', '/etc/hosts', `/${above}`, '/directory/posixx-through'];
  const { status, stdout, stderr } = posixx('--rootfs', 'evil.tar', '--cwd', '/', '/cat', ...names);
  t.equal(status, 1);
  t.equal(stdout, 'SECRETSECRET', 'what the archive itself has');
  t.equal(stderr.trimEnd().split('\n').length, 4, 'and nothing else');
  t.notOk(existsSync('/posixx-written') || existsSync('/etc/posixx-through'), 'nothing was made on the host');
});

t.test('a root that cannot be used is told in one line', async (t) => {
  writeFileSync(join(scratch, 'noise'), Buffer.alloc(4096, 0x5a));
  writeFileSync(join(scratch, 'cut.tar.gz'), Buffer.from([0x1f, 0x8b, 8, 0, 0]));
  writeFileSync(join(scratch, 'member'), Buffer.alloc(3000, 0x31));
  execFileSync('tar', ['-C', scratch, '-cf', join(scratch, 'cut.tar'), 'member', 'noise']);
  const archive = readFileSync(join(scratch, 'cut.tar'));
  writeFileSync(join(scratch, 'cut.tar'), archive.subarray(0, 2000));
  archive[3584 + 10]! ^= 1;
  writeFileSync(join(scratch, 'sum.tar'), archive);
  for (const [file, message] of [
    ['cut.tar', /^posixx: --rootfs \S+cut.tar: [^\n]*ends at byte 2000, inside the data of "member"[^\n]*\n$/],
    ['sum.tar', /^posixx: --rootfs \S+sum.tar: [^\n]*header at byte 3584 has a wrong checksum[^\n]*\n$/],
    ['noise', /^posixx: --rootfs \S+noise: holds no file system that can be read: [^\n]+\n$/],
    ['cut.tar.gz', /^posixx: --rootfs \S+cut.tar.gz: is damaged: [^\n]+\n$/],
  ] as const) {
    const { status, stderr } = posixx('--rootfs', file, '/bin/sh');
    t.equal(status, 125);
    t.match(stderr, message);
  }
});

/** Three runs on one layer: what each finds of the ones before. */
function keeps(same: (found: unknown, wanted: unknown) => unknown, layer: string): void {
  const run = (script: string): Result => posixx('--rootfs', 'tree', '--persist', layer, '/bin/sh', '-c', script);
  same(run('echo one > /log; rm /src/host/README.md; mv /src/abi /src/moved; chmod 700 /src/vfs'), { status: 0, stdout: '', stderr: '' });
  const found = { status: 0, stdout: 'one\ntwo\nerrno.ts\n', stderr: '' };
  same(run('echo two >> /log; cat /log; ls /src/moved | grep errno; ls /src/abi /src/host/README.md 2>/dev/null; true'), found);
  same(run('ls -ld /src/vfs | cut -c1-10; ls /src; sha1sum < /src/moved/errno.ts | wc -l').stdout, 'drwx------\nhost\nmoved\nvfs\n1\n');
  // The root itself is as it was.
  same(readdirSync(join(scratch, 'tree')).includes('log'), false);
}

t.test('what a program writes is there in the next run', needsBusybox, async (t) => {
  if (!existsSync(join(scratch, 'tree'))) makeTree();
  const same = (found: unknown, wanted: unknown): unknown => t.same(found, wanted);
  keeps(same, 'kept/');
  if (spawnSync('mkfs.ext2', ['-V']).error === undefined) {
    writeFileSync(join(scratch, 'kept.img'), '');
    truncateSync(join(scratch, 'kept.img'), 32 << 20);
    execFileSync('mkfs.ext2', ['-q', '-F', join(scratch, 'kept.img')]);
    keeps(same, 'kept.img');
    t.equal(spawnSync('e2fsck', ['-fn', join(scratch, 'kept.img')]).status, 0, 'the image is clean');
  }
  t.match(posixx('--persist', 'none.img', '/bin/sh').stderr, /^posixx: --persist \S+none.img: there is no such image; make one with: [^\n]+\n$/);
  t.match(posixx('--persist', 'tree', '/bin/sh').stderr, /^posixx: --persist \S+tree: is not empty and holds no layer of posixx[^\n]+\n$/);

  const first = spawn(process.execPath, [bin, 'run', '--rootfs', 'tree', '--persist', 'kept', '/bin/sh', '-c', 'echo up; cat'],
    { cwd: scratch, stdio: ['pipe', 'pipe', 'inherit'] });
  await once(first.stdout, 'data');
  t.match(posixx('--persist', 'kept', '/bin/sh').stderr, /^posixx: --persist \S+kept: is in use by another run\n$/);
  first.stdin.end();
  await once(first, 'close');
});
