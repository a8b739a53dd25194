/** Disks of `posixx run --disk`, with file systems made by the usual tools, used by busybox in the guest. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { hasTool, toolEnvironment } from '../vfs/fs/sample_disk.js';

const POSIXX = fileURLToPath(new URL('../../bin/posixx.js', import.meta.url));

function scratch(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'posixx-disks-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function disk(dir: string, name: string, size: number, tool: string, ...args: string[]): string {
  const path = join(dir, name);
  writeFileSync(path, '');
  truncateSync(path, size);
  const { status, stderr } = spawnSync(tool, [...args, path], { env: toolEnvironment, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${tool}: ${stderr}`);
  return path;
}

/** Runs a script in busybox's shell; what it printed. */
function run(options: string[], script: string): string {
  const { stdout, stderr, status } = spawnSync(
    process.execPath, [POSIXX, 'run', '--quiet', ...options, 'busybox', 'sh', '-c', script],
    { encoding: 'utf8', timeout: 60_000, env: { ...process.env, TZ: 'UTC' } },
  );
  return stdout + stderr + (status === 0 ? '' : `status ${status}\n`);
}

const missing = ['busybox', 'mkfs.fat', 'fsck.fat', 'mkfs.ext2', 'e2fsck'].filter((tool) => !hasTool(tool));
const skip = missing.length === 0 ? false : `missing: ${missing.join(', ')}`;

t.test('a FAT disk', { skip }, async (t) => {
  const dir = scratch(t);
  const path = disk(dir, 'fat.img', 40 << 20, 'mkfs.fat', '-F', '32', '-i', '12345678');
  t.equal(run(['--disk', path], `
    set -e
    mkdir /tmp/m
    mount -t vfat -o umask=027,uid=5 /dev/vda /tmp/m
    grep ' /tmp/m ' /proc/mounts
    cd /tmp/m
    mkdir -p 'a directory/inside'
    cp /bin/busybox 'a directory/inside/busybox, a copy'
    './a directory/inside/busybox, a copy' echo run from the disk
    cmp ADIREC~1/INSIDE/BUSYBO~1 /bin/busybox && echo by short names
    ln -s x y 2>&1 || true
    touch 'what?' 2>&1 || true
    chmod a-w 'a directory/inside/busybox, a copy'; ls -l 'a directory/inside' | tail -n 1 | cut -c1-10
    umount /tmp/m 2>&1 || true
    cd /
    df -P /tmp/m | tail -1 | cut -d ' ' -f 1
    umount /tmp/m
    ls /tmp/m | wc -l
    mount -t vfat -r /dev/vda /tmp/m
    touch /tmp/m/new 2>&1 || true
    cmp /bin/busybox '/tmp/m/A DIRECTORY/inside/BusyBox, A Copy' && echo the same
    mount -o remount,rw /tmp/m && touch /tmp/m/new && echo written
  `), [
    '/dev/vda /tmp/m vfat rw,relatime,uid=5,fmask=0027,dmask=0027,codepage=437,iocharset=iso8859-1,shortname=mixed,' +
      'utf8,errors=remount-ro 0 0',
    'run from the disk', 'by short names', 'ln: y: Operation not permitted', 'touch: what?: Invalid argument',
    '-r-xr-x---', "umount: can't unmount /tmp/m: Device or resource busy", '/dev/vda', '0',
    'touch: /tmp/m/new: Read-only file system', 'the same', 'written', '',
  ].join('\n'));
  const { status, stdout } = spawnSync('fsck.fat', ['-n', path], { env: toolEnvironment, encoding: 'utf8' });
  t.equal(status, 0, `left clean though nobody unmounted it: ${stdout}`);

  const other = disk(dir, 'ext2.img', 8 << 20, 'mkfs.ext2', '-q');
  t.equal(run(['--disk', other], 'mkdir /tmp/m; mount -t vfat /dev/vda /tmp/m 2>&1; echo $?'),
    'mount: mounting /dev/vda on /tmp/m failed: Invalid argument\n255\n');
});

t.test('a FAT image in a file of an ext2 disk', { skip }, async (t) => {
  const dir = scratch(t);
  const ext2 = disk(dir, 'ext2.img', 16 << 20, 'mkfs.ext2', '-q');
  disk(dir, 'inner.img', 4 << 20, 'mkfs.fat', '-i', '12345678');
  t.equal(run(['--disk', ext2, '--volume', `${dir}:/host:rw`], `
    set -e
    mkdir /tmp/m
    mount -t ext2 /dev/vda /tmp/m
    cp /host/inner.img /tmp/m/
    mkdir /tmp/fat
    mount -t vfat -o loop /tmp/m/inner.img /tmp/fat
    cd /tmp/fat
    for i in 1 2 3 4 5 6 7 8 9; do mkdir "directory $i"; echo $i > "directory $i/file"; done
    tar cf /tmp/m/fat.tar .
    cat */file | tr -d '\\n'; echo
    cd /
    umount /tmp/fat
    cp /tmp/m/inner.img /host/
    tar tf /tmp/m/fat.tar | wc -l
  `), '123456789\n19\n');
  for (const [image, tool, option] of [['inner.img', 'fsck.fat', '-n'], ['ext2.img', 'e2fsck', '-fn']] as const) {
    const { status, stdout } = spawnSync(tool, [option, join(dir, image)], { env: toolEnvironment, encoding: 'utf8' });
    t.equal(status, 0, `${image} is clean: ${stdout}`);
  }
});
