/** `npm test`: builds, gets the tool chain, runs unit and conformance tests; the last line is `N passed, N failed`. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { filesBelow, root } from './steps.mjs';
import { countTap } from './tap_count.mjs';
import { ensureToolchain } from './toolchain.mjs';

const TEST_TIMEOUT_MS = 300_000;
// tap's own limit for a file is 30 s, which a loaded machine exceeds.
const TAP_ENV = { ...process.env, TAP_TIMEOUT: '290' };
const only = process.argv.slice(2);

await build();
const missing = ensureToolchain();
const total = { passed: 0, failed: 0, skipped: 0, failures: [] };

function add(name, counts) {
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
  for (const failure of counts.failures) total.failures.push(`${name}: ${failure}`);
}

/** Runs one compiled test file; gives its counts, with a failure more when the process itself failed. */
function runTestFile(file) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file], {
      cwd: root, env: TAP_ENV, stdio: ['ignore', 'pipe', 'pipe'], timeout: TEST_TIMEOUT_MS, killSignal: 'SIGKILL',
    });
    const output = [];
    child.stdout.on('data', (data) => output.push(data));
    child.stderr.on('data', (data) => output.push(data));
    child.on('close', (status, signal) => {
      const text = Buffer.concat(output).toString();
      const counts = countTap(text);
      if ((status !== 0 || counts.passed + counts.skipped === 0) && counts.failed === 0) {
        counts.failed++;
        counts.failures.push(signal === null ? `ended with status ${status}` : `killed by ${signal}`);
      }
      resolve({ counts, text });
    });
  });
}

/** Runs `work` over `items`, two at a time: the machine may be small. */
async function inPairs(items, work) {
  const queue = [...items];
  await Promise.all([0, 1].map(async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  }));
}

const isTest = (name) => name.endsWith('.test.ts');
const compiled = [...filesBelow('src', isTest).map((file) => file.replace(/^src/, 'build')),
  ...filesBelow('conformance', isTest).map((file) => join('build', file))]
  .map((file) => file.replace(/\.ts$/, '.js'))
  .concat(filesBelow('tools', (name) => name.endsWith('.test.mjs')))
  .filter((file) => only.length === 0 || only.some((word) => file.includes(word)));

function report(file, { counts, text }, start) {
  add(file.replace(/^build\//, ''), counts);
  const seconds = ((Date.now() - start) / 1000).toFixed(1);
  process.stdout.write(`${counts.failed === 0 ? 'ok' : 'not ok'} - ${file} # ${counts.passed} passed, ` +
    `${counts.failed} failed, ${seconds} s\n`);
  if (counts.failed > 0) printOutput(text);
}

function printOutput(text) {
  process.stdout.write(text.split('\n').slice(-120).map((line) => `    ${line}\n`).join(''));
}

process.stderr.write(`posixx: unit tests: ${compiled.length} files …\n`);
const failing = [];
await inPairs(compiled, async (file) => {
  const start = Date.now();
  const result = await runTestFile(file);
  if (result.counts.failed === 0) report(file, result, start);
  else failing.push({ file, first: result });
});
// Once more, alone: some tests tell of time, and a busy machine moves its borders.
for (const { file, first } of failing) {
  const start = Date.now();
  const result = await runTestFile(file);
  report(file, result, start);
  if (result.counts.failed > 0) continue;
  process.stdout.write(`# ${file} failed beside other tests:\n`);
  printOutput(first.text);
}

if (existsSync(join(root, 'conformance/harness.mjs')) && (only.length === 0 || only.includes('conformance'))) {
  process.stderr.write('posixx: conformance …\n');
  const { runConformance } = await import('../conformance/harness.mjs');
  add('conformance', await runConformance({ missing }));
  const { fuzzSyscalls } = await import('../conformance/fuzz/syscalls.mjs');
  add('wild system calls', await fuzzSyscalls({ seed: 20240917, rounds: 300 }));
}

if (total.failures.length > 0) process.stdout.write(`\nFailed:\n${total.failures.map((line) => `  ${line}\n`).join('')}`);
if (total.skipped > 0) process.stdout.write(`${total.skipped} skipped\n`);
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);
