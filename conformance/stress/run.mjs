/**
 * The stress programs at full size in posixx: each has to say that all went well, and the resident set of posixx is
 * watched. `--seconds N`: how long the random rounds go on (600). `--seed N`: their seed. Words: only programs so named.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { commandLine } from '../../tools/options.mjs';
import { ensureToolchain } from '../../tools/toolchain.mjs';
import { inPosixx } from '../execute.mjs';
import { compileGuest } from '../harness.mjs';

const { seconds, seed, words } = commandLine({
  command: 'conformance/stress/run.mjs', words: '[PROGRAM…]',
  about: 'Stress programs at full size in posixx; words: only programs so named.',
  table: {
    seconds: { type: 'number', least: 1, fallback: 600, help: 'how long the random rounds go on' },
    seed: { type: 'number', fallback: (Date.now() % 0x7fff_ffff) + 1, help: 'of the random rounds' },
  },
});

/** `flat`: the most that the resident set may grow after a third of the time, as a part of it. */
const PROGRAMS = [
  { name: 'forks', size: 100_000, flat: 0.05, says: 'every fork was waited for' },
  { name: 'execs', size: 10_000, says: 'every program ran' },
  { name: 'processes', size: 1000, says: 'every process lived' },
  { name: 'threads', size: 2000, says: 'every thread had its turn' },
  { name: 'bomb', size: 1000, says: 'EAGAIN\nat the limit\nforks again' },
  { name: 'bomb', size: 20_000, options: ['--max-processes', '500'], says: 'EAGAIN\nnot at the limit\nforks again' },
  { name: 'mix', size: seconds, says: 'every round went as planned' },
];
const SAMPLE_MS = 1000;

function resident(pid) {
  return Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;
}

function run({ name, size, options = [] }) {
  const { file, error } = compileGuest(`conformance/stress/${name}.c`);
  if (error !== undefined) return Promise.resolve({ output: error, samples: [], status: -1 });
  const [command, ...args] = inPosixx([file, String(size), String(seed)], options);
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const samples = [];
    let output = '';
    let complaints = '';
    child.stdout.on('data', (data) => (output += data));
    child.stderr.on('data', (data) => (complaints += data));
    const timer = setInterval(() => {
      try {
        samples.push(resident(child.pid));
      } catch {
        // It has just ended.
      }
    }, SAMPLE_MS);
    child.on('close', (status) => {
      clearInterval(timer);
      resolve({ output: output.trim(), complaints: complaints.trim(), status, samples: samples.filter((mb) => mb > 0) });
    });
  });
}

if (ensureToolchain().includes('musl-gcc')) {
  process.stdout.write('0 passed, 0 failed, all skipped: musl-gcc is missing\n');
  process.exit(0);
}
const chosen = PROGRAMS.filter(({ name }) => words.length === 0 || words.includes(name));
let failed = 0;
process.stdout.write(`# seed ${seed}\n`);
for (const program of chosen) {
  const started = Date.now();
  const { output, complaints, status, samples } = await run(program);
  const settled = samples[Math.floor(samples.length / 3)] ?? 0;
  const end = samples.at(-1) ?? 0;
  let wrong = status === 0 && output === program.says ? '' : `status ${status}: ${output} ${complaints}`;
  if (wrong === '' && program.flat !== undefined && end > settled * (1 + program.flat)) wrong = 'the resident set grows';
  if (wrong !== '') failed++;
  const memory = samples.length > 0 ? `, ${settled.toFixed(0)} MB after a third, ${end.toFixed(0)} MB at the end` : '';
  process.stdout.write(`${wrong === '' ? 'ok' : 'not ok'} - ${program.name} ${program.size} ${(program.options ?? []).join(' ')}`.trimEnd() +
    ` (${((Date.now() - started) / 1000).toFixed(1)} s${memory})\n${wrong === '' ? '' : `# ${wrong}\n`}`);
}
process.stdout.write(`${chosen.length - failed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
