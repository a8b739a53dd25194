/** `npm run conformance`: see README.md in this folder for the options. */
import { writeFileSync } from 'node:fs';
import { build } from '../tools/build.mjs';
import { commandLine } from '../tools/options.mjs';
import { ensureToolchain } from '../tools/toolchain.mjs';
import { runConformance } from './harness.mjs';
import { junit } from './junit.mjs';
import { runSuite } from './suite.mjs';

function fail(message) {
  process.stderr.write(`conformance: ${message}\n`);
  process.exit(2);
}

const { words: only, jobs, timeout, ...values } = commandLine({
  command: 'npm run conformance --', words: '[NAME…]',
  about: 'Programs on the host kernel and on posixx, compared; words: only cases whose name contains one.',
  table: {
    long: { type: 'boolean', help: 'full sizes' },
    jobs: { type: 'number', least: 1, fallback: 2, help: 'cases at once' },
    shard: { type: 'text', value: 'I/N', help: 'only part I of N' },
    junit: { type: 'text', value: 'FILE', help: 'write the results to FILE in JUnit\'s format' },
    'no-build': { type: 'boolean', help: 'take what is built' },
    suite: { type: 'text', value: 'DIR', help: 'run each executable of a directory of tests instead' },
    compare: { type: 'boolean', help: 'of a suite: with the host\'s output and status' },
    timeout: { type: 'number', least: 1, fallback: 30, help: 'of a suite: seconds for each' },
    option: { type: 'text', multiple: true, help: 'of a suite: an option for posixx run' },
    skip: { type: 'number', least: 1, multiple: true, help: 'of a suite: an exit status that means skipped' },
  },
});
let shard;
if (values.shard !== undefined) {
  const match = /^(\d+)\/(\d+)$/.exec(values.shard);
  if (!match || Number(match[1]) < 1 || Number(match[1]) > Number(match[2])) fail(`--shard needs i/n with 1 <= i <= n`);
  shard = { index: Number(match[1]), count: Number(match[2]) };
}

const skip = values.skip;
for (const status of skip) if (status > 255) fail(`--skip needs an exit status, not "${status}"`);

if (!values['no-build']) await build();
let good;
let cases;
if (values.suite !== undefined) {
  const result = await runSuite({
    dir: values.suite, timeout, jobs, shard, compare: values.compare, options: values.option, only, skip,
  });
  cases = result.cases;
  good = result.counts.pass + result.counts.skip === cases.length;
  process.stdout.write(`# ${Object.entries(result.counts).map(([name, count]) => `${name} ${count}`).join(', ')}\n`);
} else {
  const result = await runConformance({ only, long: values.long, missing: ensureToolchain(), jobs, shard });
  cases = result.cases;
  good = result.failed === 0 && result.passed > 0;
  process.stdout.write(`${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped or known\n`);
}
if (values.junit !== undefined) writeFileSync(values.junit, junit(values.suite ?? 'posixx', cases));
process.exit(good ? 0 : 1);
