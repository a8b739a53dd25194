/** The C compiler and programs that the tests need, from the distribution. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const NEEDED = [
  { program: 'gcc', package: 'gcc' },
  { program: 'musl-gcc', package: 'musl-tools' },
  { program: 'busybox', package: 'busybox-static' },
  { program: 'fsck.fat', package: 'dosfstools' },
  { program: 'mcopy', package: 'mtools' },
  { program: 'debugfs', package: 'e2fsprogs' },
  { program: 'tclsh', package: 'tcl' },
  { program: 'make', package: 'make' },
  { program: 'xz', package: 'xz-utils' },
];

/** Full path of a program on PATH, or undefined. */
export function which(program) {
  // Tools for disks are not on everybody's PATH.
  for (const dir of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']) {
    try {
      accessSync(join(dir, program), constants.X_OK);
      return join(dir, program);
    } catch {
      continue;
    }
  }
  return undefined;
}

/**
 * Installs what is missing with apt-get when run as root; otherwise says how to do it by hand.
 * @returns {string[]} the programs that are still missing
 */
export function ensureToolchain() {
  const missing = NEEDED.filter((tool) => which(tool.program) === undefined);
  if (missing.length === 0) return [];
  const packages = missing.map((tool) => tool.package);
  const byHand = `apt-get install --no-install-recommends ${packages.join(' ')}`;
  if (process.getuid() === 0 && which('apt-get') !== undefined) {
    process.stderr.write(`posixx: test tool chain: ${byHand} …\n`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const install = () => spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages],
      { env, stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8' });
    let result = install();
    if (result.status !== 0) {
      spawnSync('apt-get', ['update', '-qq'], { env, stdio: 'ignore' });
      result = install();
    }
    if (result.status !== 0) process.stderr.write(`posixx: apt-get failed: ${result.stderr.trim()}\n`);
  }
  const still = NEEDED.filter((tool) => which(tool.program) === undefined).map((tool) => tool.program);
  if (still.length > 0) {
    process.stderr.write(`posixx: missing: ${still.join(', ')}. By hand: sudo ${byHand}\n` +
      'posixx: without root: unpack the packages (apt-get download, dpkg -x) and put their bin directories on PATH.\n' +
      'posixx: the unit tests and the programs that came from npm run all the same; what needs a missing tool is skipped.\n');
  }
  return still;
}
