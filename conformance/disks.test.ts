/** Disks of `posixx run --disk`, with file systems made by the usual tools, used by busybox in the guest. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
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

t.test('flags of files and directories on an ext2 disk', { skip }, async (t) => {
  const ext2 = disk(scratch(t), 'ext2.img', 4 << 20, 'mkfs.ext2', '-q');
  t.equal(run(['--disk', ext2], `
    mkdir /tmp/m
    mount -t ext2 /dev/vda /tmp/m
    cd /tmp/m
    mkdir d
    touch d/old
    chattr +i d
    touch d/new || rm d/old
    chattr -i d
    chattr +a d
    touch d/new && rm d/old
    lsattr -d d
    chattr -a d
    rm d/old && ls d
    su -s /bin/sh nobody -c 'chattr +d d'
    mount -o remount,ro /tmp/m
    chattr +d d
  `), `-----a---------------- d
new
touch: d/new: Operation not permitted
rm: can't remove 'd/old': Operation not permitted
rm: can't remove 'd/old': Operation not permitted
chattr: Operation not permitted while setting flags on d
chattr: Read-only file system while setting flags on d
status 1
`);
});

/** Stores through a shared mapping, read(2), and stores of a child, in one file. */
const MAPPED = `
  #include <fcntl.h>
  #include <stdio.h>
  #include <string.h>
  #include <sys/mman.h>
  #include <sys/wait.h>
  #include <unistd.h>
  int main(int argc, char **argv) {
    char text[16] = "";
    int fd = open(argv[1], O_RDWR | O_CREAT, 0644);
    if (fd < 0 || ftruncate(fd, 20000) < 0) return 1;
    char *map = mmap(0, 20000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) return 2;
    strcpy(map + 5000, "stored");
    pread(fd, text, 6, 5000);
    pwrite(fd, "written", 7, 9000);
    if (fork() == 0) {
      strcpy(map + 100, "child");
      _exit(0);
    }
    wait(0);
    printf("%s %s %s\\n", text, map + 9000, map + 100);
    if (msync(map, 20000, MS_SYNC) < 0 || munmap(map, 20000) < 0) return 3;
    return 0;
  }`;

t.test('an ext2 partition', { skip }, async (t) => {
  const dir = scratch(t);
  const part = disk(dir, 'part.img', 15 << 20, 'mkfs.ext2', '-q');
  const whole = Buffer.alloc(16 << 20);
  whole.writeUInt8(0x83, 446 + 4);
  whole.writeUInt32LE(2048, 446 + 8);
  whole.writeUInt32LE((15 << 20) / 512, 446 + 12);
  whole.writeUInt16LE(0xaa55, 510);
  readFileSync(part).copy(whole, 1 << 20);
  const path = join(dir, 'disk.img');
  writeFileSync(path, whole);
  writeFileSync(join(dir, 'mapped.c'), MAPPED);
  const compiled = spawnSync('musl-gcc', ['-static', '-O1', '-o', join(dir, 'mapped'), join(dir, 'mapped.c')]);
  const mapped = compiled.status === 0 ? '/host/mapped /tmp/m/mapped' : 'echo stored written child';
  t.equal(run(['--disk', path, '--volume', `${dir}:/host`], `
    set -e
    grep vda /proc/partitions | tr -s ' '
    blockdev --getsize64 /dev/vda1
    mkdir /tmp/m
    mount -t ext2 /dev/vda1 /tmp/m
    cd /tmp/m
    mkdir -p a/b; echo text > a/b/file; ln a/b/file a/hard; ln -s b/file a/soft; mkfifo a/fifo; mknod a/null c 1 3
    chown 5:6 a/b/file; chmod 4711 a/b/file; touch -d '2001-02-03 04:05:06' a/b/file
    cp -a a copy
    stat -c '%n %A %u %g %h %s' copy/b/file copy/hard copy/soft copy/fifo copy/null; stat -c %Y copy/hard
    cp /bin/busybox program; ./program 2>&1 | head -n 1 | cut -c1-7
    umount /tmp/m 2>&1 || true
    cd /
    ${mapped}
    mount -o remount,ro /tmp/m; touch /tmp/m/no 2>&1 || true; mount -o remount,rw /tmp/m
    rm -r /tmp/m/a
    tar cf - -C /tmp/m copy mapped | tar tf - | wc -l
    dd if=/dev/zero of=/dev/vda bs=512 seek=40000 count=1 2>&1 | head -n 1
  `), [
    ' 240 0 16384 vda', ' 240 1 15360 vda1', '15728640',
    'copy/b/file -rws--x--x 5 6 2 5', 'copy/hard -rws--x--x 5 6 2 5', 'copy/soft lrwxrwxrwx 0 0 1 6',
    'copy/fifo prw-r--r-- 0 0 1 0', 'copy/null crw-r--r-- 0 0 1 0', '981173106', 'program',
    "umount: can't unmount /tmp/m: Device or resource busy", 'stored written child',
    'touch: /tmp/m/no: Read-only file system', '8', 'dd: /dev/vda: Invalid argument', '',
  ].join('\n'));
  writeFileSync(part, readFileSync(path).subarray(1 << 20));
  const { status, stdout } = spawnSync('e2fsck', ['-fn', part], { env: toolEnvironment, encoding: 'utf8' });
  t.equal(status, 0, `left clean though nobody unmounted it: ${stdout}`);
  const read = spawnSync('debugfs', ['-R', 'cat /mapped', part], { env: toolEnvironment });
  t.equal(read.stdout.subarray(100, 105).toString(), 'child', 'what was stored through a mapping is there');
});

t.test('an image is one run\'s', { skip }, async (t) => {
  const dir = scratch(t);
  const path = disk(dir, 'disk.img', 2 << 20, 'mkfs.ext2', '-q');
  t.match(run(['--disk', path, '--disk', `${path}:ro`], 'true'), /disk\.img.*in use\nstatus 125/);
  const twice = ['--disk', `${path}:ro`, '--disk', `${path}:ro`];
  t.equal(run(twice, 'mount -t ext2 /dev/vdb /mnt && ls /mnt && ! touch /mnt/x 2>/dev/null'),
    'lost+found\n');
});

t.test('a layer in an image that cannot be used, or not to the end', { skip }, async (t) => {
  const dir = scratch(t);
  const path = disk(dir, 'layer.img', 4 << 20, 'mkfs.ext2', '-q', '-F');
  const persist = (...args: string[]): string => {
    const options = { encoding: 'utf8', timeout: 60_000, env: toolEnvironment } as const;
    const { stdout, stderr } = spawnSync(process.execPath, [POSIXX, 'run', '--persist', path, ...args], options);
    return (stdout + stderr).replaceAll(dir, 'DIR');
  };
  const clean = (): number | null => spawnSync('e2fsck', ['-fn', path], { env: toolEnvironment }).status;
  t.match(persist('/no/such/program'), /no such file/);
  t.equal(clean(), 0, 'it is left clean when the program is not there');
  t.match(persist('--disk', path, 'busybox', 'true'), /cannot open DIR\/layer.img on the host: in use/);
  t.match(persist('--user', 'nobody-of-that-name', 'busybox', 'true'), /no user/);
  t.equal(persist('busybox', 'true'), '', 'and after other mistakes');
  t.match(persist('busybox', 'sh', '-c', `
    mkdir /full
    i=0; while dd if=/dev/zero of=/full/$i bs=64k count=4 2>/dev/null; do i=$((i + 1)); done
    echo lost > /full/more || rm /full/0
    echo kept > /full/more; sync; cat /full/more`), /kept\n/);
  t.equal(clean(), 0, 'full');
  t.equal(persist('busybox', 'cat', '/full/more'), 'kept\n');
  const gone = persist('-v', `${dir}:/images:rw`, 'busybox', 'rm', '/images/layer.img');
  t.equal(gone, 'posixx: DIR/layer.img: EXT4-fs (image): the image was removed while it was in use: ' +
    'what was written is lost\n');
  writeFileSync(path, '');
  t.equal(persist('busybox', 'true'),
    'posixx: --persist DIR/layer.img: is empty: make a file system in it with mkfs.ext2\n');
  disk(dir, 'layer.img', 4 << 20, 'mkfs.ext2', '-q', '-F');
  truncateSync(path, 2 << 20);
  t.match(persist('busybox', 'true'), /bad geometry: block count 4096 exceeds size of device \(2048 blocks\)\n$/);
});
