/** `npm run conformance`: see README.md in this folder for the options. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { build } from '../tools/build.mjs';
import { ensureToolchain } from '../tools/toolchain.mjs';
import { runConformance } from './harness.mjs';
import { junit } from './junit.mjs';
import { runSuite } from './suite.mjs';

function fail(message) {
  process.stderr.write(`conformance: ${message}\n`);
  process.exit(2);
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        suite: { type: 'string' },
        timeout: { type: 'string', default: '30' },
        jobs: { type: 'string', default: '2' },
        shard: { type: 'string' },
        junit: { type: 'string' },
        compare: { type: 'boolean', default: false },
        long: { type: 'boolean', default: false },
        'no-build': { type: 'boolean', default: false },
        option: { type: 'string', multiple: true, default: [] },
        skip: { type: 'string', multiple: true, default: [] },
      },
    });
  } catch (error) {
    return fail(error.message);
  }
}

const { values, positionals: only } = parse();
const number = (name) => {
  const value = Number(values[name]);
  return value > 0 ? value : fail(`--${name} needs a positive number, not "${values[name]}"`);
};
const jobs = number('jobs');
const timeout = number('timeout');
let shard;
if (values.shard !== undefined) {
  const match = /^(\d+)\/(\d+)$/.exec(values.shard);
  if (!match || Number(match[1]) < 1 || Number(match[1]) > Number(match[2])) fail(`--shard needs i/n with 1 <= i <= n`);
  shard = { index: Number(match[1]), count: Number(match[2]) };
}

const skip = values.skip.map((text) => {
  const status = Number(text);
  return status > 0 && status < 256 ? status : fail(`--skip needs an exit status, not "${text}"`);
});

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
