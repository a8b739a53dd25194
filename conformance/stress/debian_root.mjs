/**
 * A Debian root made by mmdebstrap: what its programs print in posixx, with the root as a directory, as archives and as
 * an ext4 image, and on a kept layer, is what they print in a chroot. Needs root, mmdebstrap and a mirror of Debian.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../../bin/posixx.js', import.meta.url));
const script = fileURLToPath(new URL('debian_root.sh', import.meta.url));
const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' };
const scratch = mkdtempSync(join(tmpdir(), 'posixx-debian-'));

function run(command, ...args) {
  const options = { encoding: 'latin1', maxBuffer: 1 << 28, env, input: '' };
  const { status, stdout, stderr, error } = spawnSync(command, args, options);
  return { status, stdout, stderr: error?.message ?? stderr };
}

function end(text, status) {
  rmSync(scratch, { recursive: true, force: true });
  process.stdout.write(text);
  process.exit(status);
}

const tree = join(scratch, 'root');
if (process.getuid() !== 0) end('0 passed, 0 failed, skipped: a chroot needs root\n', 0);
const made = run('mmdebstrap', '--mode=root', '--variant=minbase', 'bookworm', tree);
if (made.status !== 0) end(`0 passed, 0 failed, skipped: no Debian root: ${made.stderr.trim().split('\n').pop()}\n`, 0);
run('rm', '-rf', join(tree, 'dev'));
run('mkdir', '-m', '755', join(tree, 'dev'));

// The roots are made before the chroot changes the tree.
const roots = [['a directory', tree]];
for (const [what, name, command, ...args] of [
  ['an archive', 'root.tar', 'tar', '--xattrs', '-C', tree, '-cf', join(scratch, 'root.tar'), '.'],
  ['an archive of zstd', 'root.tar.zst', 'zstd', '-q', join(scratch, 'root.tar')],
  ['an image', 'root.img', 'mkfs.ext4', '-q', '-d', tree, join(scratch, 'root.img'), '500M'],
]) {
  if (run(command, ...args).status === 0) roots.push([what, join(scratch, name)]);
}
const chroot = join(scratch, 'chroot');
run('cp', '-a', tree, chroot);
copyFileSync(script, join(chroot, 'script'));
run('mknod', '-m', '666', join(chroot, 'dev/null'), 'c', '1', '3');
const expected = run('chroot', chroot, '/bin/bash', '/script');

let failed = 0;
for (const [what, path, ...options] of [...roots, ['a kept layer', tree, '--persist', join(scratch, 'layer')]]) {
  const guest = ['-v', `${script}:/script`, '--cwd', '/', '/bin/bash', '/script'];
  const found = run(process.execPath, bin, 'run', '--rootfs', path, ...options, ...guest);
  const there = found.stdout.split('\n'), wanted = expected.stdout.split('\n');
  const line = wanted.findIndex((text, n) => text !== there[n]);
  const same = line < 0 && there.length === wanted.length && found.status === expected.status;
  if (!same) failed++;
  process.stdout.write(`${same ? 'ok' : 'not ok'} - ${what}\n`);
  if (same) continue;
  const complaints = found.stderr.trim().replaceAll('\n', '\n# ');
  process.stdout.write(`# line ${line + 1}: host ${wanted[line]}\n# posixx ${there[line]}\n# ${complaints}\n`);
}
end(`${roots.length + 1 - failed} passed, ${failed} failed\n`, failed === 0 ? 0 : 1);
