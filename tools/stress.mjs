/**
 * `npm run stress`: the long forms: full sizes of the programs, fuzzers with a seed of their own. Hours on a small machine.
 * `--seconds N`: how long random forks, signals and futexes go on (600).
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { commandLine } from './options.mjs';
import { root } from './steps.mjs';

const { seconds } = commandLine({
  command: 'npm run stress --', about: 'The long forms of all tests; hours on a small machine.',
  table: { seconds: { type: 'number', least: 1, fallback: 600, help: 'how long random forks and signals go on' } },
});
await build();
const parts = [
  ['conformance/run.mjs', '--no-build', '--long'],
  ['conformance/stress/run.mjs', '--seconds', String(seconds)],
  ['build/conformance/stress/persist.js'],
  ['build/conformance/stress/persist.js', '--image'],
  ['conformance/stress/debian_root.mjs'],
  ['build/conformance/isa/fuzz.js'],
  ['build/conformance/isa/fuzz.js', '--sequences', '--cases', '500000'],
  ['build/conformance/isa/fuzz.js', '--program', '--cases', '200000'],
  ['build/conformance/sandbox/check.js'],
  ['build/conformance/fuzz/elf.js'],
  ['build/conformance/fuzz/image.js'],
  ['conformance/fuzz/syscalls.mjs'],
  ['build/vfs/fs/random_operations.test.js'],
].filter(([file]) => existsSync(join(root, file)));

/** What the unit tests among them look at. */
const { STEPS = '10000', SEED = String(Date.now() % 2 ** 31) } = process.env;
const env = { ...process.env, STEPS, SEED, TAP_TIMEOUT: '3600' };

let failed = 0;
for (const [file, ...args] of parts) {
  process.stderr.write(`posixx: stress: ${file} ${args.join(' ')}\n`);
  const { status } = spawnSync(process.execPath, [join(root, file), ...args], { stdio: 'inherit', cwd: root, env });
  if (status !== 0) failed++;
}
process.stdout.write(`${parts.length - failed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
