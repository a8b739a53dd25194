/**
 * `npm run bench`: each program natively, in posixx, and in qemu-x86_64 when there is one, one after another in turns,
 * so that all see the same machine. Times are of whole processes; medians; ratios to native.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { build } from '../tools/build.mjs';
import { commandLine } from '../tools/options.mjs';
import { filesBelow, root } from '../tools/steps.mjs';
import { ensureToolchain, which } from '../tools/toolchain.mjs';
import { FILE_WORKS, PROGRAMS } from './programs.mjs';

function fail(message) {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(2);
}

const options = commandLine({
  command: 'npm run bench --', about: 'Times of programs natively, in posixx and in qemu-x86_64.',
  table: {
    quick: { type: 'boolean', help: 'a fifth of the work' },
    only: { type: 'text', multiple: true, help: 'only what is so named' },
    json: { type: 'text', value: 'FILE', help: 'write all times to FILE' },
    runs: { type: 'number', least: 1, help: 'runs of each program (5; 3 with --quick)' },
    'no-build': { type: 'boolean', help: 'take what is built' },
  },
});
const runs = options.runs ?? (options.quick ? 3 : 5);
const scale = options.quick ? 0.2 : 1;

if (!options['no-build']) await build();
const missing = ensureToolchain();
if (missing.includes('musl-gcc')) fail('musl-gcc is needed to build the programs');
const qemu = which('qemu-x86_64') ?? which('qemu-x86_64-static');
// The variable makes every start of Node read a file of certificates.
const env = { ...process.env };
delete env.NODE_EXTRA_CA_CERTS;

const posixx = [process.execPath, join(root, 'bin/posixx.js'), 'run', '--quiet'];
const wrappers = { native: [], posixx, ...(qemu === undefined ? {} : { qemu: [qemu] }) };

function compile(name) {
  const out = join(root, 'build/bench', name);
  const source = join(root, 'bench/programs', `${name}.c`);
  const newest = Math.max(...filesBelow('bench/programs', (file) => file === `${name}.c` || file === 'bench.h')
    .map((file) => statSync(join(root, file)).mtimeMs));
  if (!existsSync(out) || statSync(out).mtimeMs < newest) {
    mkdirSync(join(root, 'build/bench'), { recursive: true });
    const result = spawnSync('musl-gcc', ['-static', '-O2', '-o', out, source, '-lm'], { encoding: 'utf8' });
    if (result.status !== 0) fail(`${source} does not compile:\n${result.stderr}`);
  }
  return out;
}

/** The file that read64k reads. */
function dataFile() {
  const path = join(root, 'build/bench/data-8m');
  if (!existsSync(path)) writeFileSync(path, Buffer.alloc(8 << 20, 'posixx '));
  return path;
}

/** The directory that the works of files.c are about. */
function fileTree() {
  const dir = join(root, 'build/bench/files.d');
  if (existsSync(join(dir, 'complete'))) return dir;
  const deep = join(dir, 'deep', ...Array.from({ length: 11 }, (_, i) => String(i + 1)));
  mkdirSync(deep, { recursive: true });
  writeFileSync(join(deep, 'file'), 'deep');
  for (let i = 0; i < 400; i++) {
    const sub = join(dir, 'tree', `d${Math.floor(i / 10)}`, `e${i % 10}`);
    mkdirSync(sub, { recursive: true });
    for (let k = 0; k < 25; k++) writeFileSync(join(sub, `f${k}`), '');
  }
  mkdirSync(join(dir, 'wide'), { recursive: true });
  for (let i = 0; i < 100_000; i++) writeFileSync(join(dir, 'wide', `entry-${i}`), '');
  writeFileSync(join(dir, 'data'), Buffer.alloc(8 << 20, 'posixx '));
  writeFileSync(join(dir, 'complete'), '');
  return dir;
}

/** A side that took so long for one program is not run again for it. */
const SLOW_MS = 20_000;

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const geometricMean = (values) => Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

/** Wall milliseconds of one run, and its output; the output is undefined when it failed. */
function time(argv, launcher) {
  const start = process.hrtime.bigint();
  const result = spawnSync(argv[0], argv.slice(1), {
    env: launcher === undefined ? env : { ...env, LAUNCHER: launcher },
    encoding: 'latin1', stdio: ['ignore', 'pipe', 'pipe'], timeout: 300_000,
  });
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  return { ms, output: result.status === 0 ? result.stdout : undefined, stderr: result.stderr };
}

/** Runs one program in turns. A wrapper whose output is not the native one has no time, and a message. */
function measure({ name, group, rounds, busybox }) {
  const size = String(Math.max(1, Math.round(rounds * scale)));
  const command = busybox
    ? [which('busybox'), 'sh', join(root, 'bench/programs', `${name}.sh`), size]
    : [compile(name), size, ...(name === 'read64k' ? [dataFile()] : [])];
  const times = Object.fromEntries(Object.keys(wrappers).map((side) => [side, []]));
  const errors = {};
  let expected;
  for (let run = 0; run < runs; run++) {
    for (const [side, wrapper] of Object.entries(wrappers)) {
      if (errors[side] !== undefined) continue;
      // A side that is many times slower than the others need not be run as often.
      if (times[side].reduce((sum, value) => sum + value, 0) > SLOW_MS) continue;
      const { ms, output, stderr } = time([...wrapper, ...command], side === 'qemu' ? qemu : undefined);
      expected ??= output;
      if (output === undefined || output !== expected) {
        errors[side] = output === undefined ? `failed: ${(stderr ?? '').trim().split('\n').at(-1)}` : 'wrong result';
      } else {
        times[side].push(ms);
      }
    }
  }
  const ms = {};
  for (const side of Object.keys(wrappers)) ms[side] = errors[side] === undefined && times[side].length > 0 ? median(times[side]) : undefined;
  return { name, group, ms, times, errors };
}

/** One work of files.c in turns; `ms` are milliseconds of 1000 operations in the best round of all runs. */
function measureFiles({ name, rounds, size }) {
  const program = compile('files');
  const sizes = size === undefined ? [] : [String(Math.round(size * scale))];
  const command = [program, name, String(rounds), fileTree(), ...sizes];
  const times = Object.fromEntries(Object.keys(wrappers).map((side) => [side, []]));
  const errors = {};
  let expected;
  for (let run = 0; run < runs; run++) {
    for (const [side, wrapper] of Object.entries(wrappers)) {
      if (errors[side] !== undefined) continue;
      const { output, stderr } = time([...wrapper, ...command], side === 'qemu' ? qemu : undefined);
      const [result, nanoseconds] = (output ?? '').split('\n');
      expected ??= result;
      if (output === undefined) errors[side] = `failed: ${(stderr ?? '').trim().split('\n').at(-1)}`;
      else if (result !== expected) errors[side] = 'wrong result';
      else times[side].push(Number(nanoseconds) / 1000);
    }
  }
  const best = (side) => (errors[side] === undefined && times[side].length > 0 ? Math.min(...times[side]) : undefined);
  const ms = Object.fromEntries(Object.keys(wrappers).map((side) => [side, best(side)]));
  return { name, group: 'files', ms, times, errors };
}

/** Most resident kilobytes a file of 32 bytes in a tmpfs takes, beside the same program with few files. */
async function memoryOfFiles() {
  const count = options.quick ? 20_000 : 100_000;
  const command = (files) => [...posixx, compile('files'), 'hold-tmpfs', '1', fileTree(), String(files)];
  const many = await peakMemory(command(count)), few = await peakMemory(command(100));
  return many === undefined || few === undefined ? undefined : (many - few) / count;
}

/**
 * pause, which ends at the end of its input, linked otherwise than examples/hello, a static program of musl: dynamically, and
 * both ways with the C library of the host's compiler, where there is one.
 */
function otherLinks() {
  const links = { 'musl dynamic': ['musl-gcc'], 'glibc static': ['cc', '-static'], 'glibc dynamic': ['cc'] };
  const sides = {};
  for (const [name, [compiler, ...options]] of Object.entries(links)) {
    const out = join(root, 'build/bench', `pause ${name}`);
    mkdirSync(join(root, 'build/bench'), { recursive: true });
    const made = which(compiler) !== undefined &&
      spawnSync(compiler, ['-O2', ...options, '-o', out, join(root, 'bench/programs/pause.c')]).status === 0;
    if (!made) continue;
    sides[`posixx, ${name}`] = [...posixx, out];
    if (qemu !== undefined && name.endsWith('dynamic')) sides[`qemu, ${name}`] = [qemu, out];
  }
  return sides;
}

/** Start-up: minimum of `count` runs each, in turns. */
function startUp(count) {
  const hello = join(root, 'examples/hello/hello');
  const sides = {
    'node -e 0': [process.execPath, '-e', '0'],
    native: [hello],
    posixx: [...posixx, hello],
    ...(qemu === undefined ? {} : { qemu: [qemu, hello] }),
    ...otherLinks(),
  };
  const best = {};
  for (let run = 0; run < count; run++) {
    for (const [side, argv] of Object.entries(sides)) {
      const { ms, output } = time(argv);
      if (output !== undefined) best[side] = Math.min(best[side] ?? Infinity, ms);
    }
  }
  return best;
}

/** Peak resident set in KB of a process that prints a line and then waits on its input; undefined when it fails. */
function peakMemory(argv) {
  return new Promise((resolve) => {
    const child = spawn(argv[0], argv.slice(1), { env, stdio: ['pipe', 'pipe', 'ignore'] });
    let peak;
    child.stdout.once('data', () => {
      peak = Number(/VmHWM:\s*(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]);
      child.stdin.end();
    });
    child.stdin.on('error', () => {});
    child.on('close', () => resolve(peak));
  });
}

const works = FILE_WORKS.map((work) => ({ ...work, group: 'files', timed: true }));
const chosen = [...PROGRAMS, ...works]
  .filter(({ name, group }) => options.only.length === 0 || options.only.some((word) => name === word || group === word))
  .filter(({ busybox }) => !busybox || !missing.includes('busybox'));
const startUpWanted = options.only.length === 0 || options.only.includes('start-up');
if (chosen.length === 0 && !startUpWanted) {
  fail(`--only knows: ${[...PROGRAMS, ...FILE_WORKS].map(({ name }) => name).join(', ')}, ` +
    'integer, floating point, system calls, processes, files, start-up');
}

const sides = Object.keys(wrappers).filter((side) => side !== 'native');
const ratioText = (value) => (value === undefined ? '-' : `${value.toFixed(2)}x`);
const row = (cells) => `${cells[0].padEnd(22)}${cells.slice(1).map((cell) => cell.padStart(12)).join('')}\n`;

process.stdout.write(`# ${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} CPUs, Node ${process.version}, ` +
  `median of ${runs} runs in turns${options.quick ? ', quick' : ''}, load ${loadavg()[0].toFixed(1)}\n`);
const report = { runs, quick: options.quick, cpu: cpus()[0]?.model, node: process.version, programs: [], means: {} };
for (const group of ['integer', 'floating point', 'system calls', 'processes', 'files']) {
  const programs = chosen.filter((program) => program.group === group);
  if (programs.length === 0) continue;
  process.stdout.write(`\n${row([group, group === 'files' ? 'native ns' : 'native ms', ...sides])}`);
  const ratios = Object.fromEntries(sides.map((side) => [side, []]));
  for (const program of programs) {
    const result = program.timed ? measureFiles(program) : measure(program);
    const ratio = {};
    for (const side of sides) {
      if (result.ms[side] === undefined || result.ms.native === undefined) continue;
      ratio[side] = result.ms[side] / result.ms.native;
      ratios[side].push(ratio[side]);
    }
    report.programs.push({ ...result, ratio });
    const native = program.timed ? (result.ms.native ?? NaN) * 1000 : result.ms.native;
    process.stdout.write(row([result.name, native?.toFixed(0) ?? '-', ...sides.map((side) => ratioText(ratio[side]))]));
    for (const [side, message] of Object.entries(result.errors)) process.stdout.write(`  ${side}: ${message}\n`);
  }
  report.means[group] = Object.fromEntries(sides.map((side) => [side,
    ratios[side].length === programs.length ? geometricMean(ratios[side]) : undefined]));
  if (programs.length > 1) {
    process.stdout.write(row(['geometric mean', '', ...sides.map((side) => ratioText(report.means[group][side]))]));
  }
  if (group === 'files' && programs.length === FILE_WORKS.length) {
    report.kilobytesPerFile = await memoryOfFiles();
    process.stdout.write(`${row(['memory of a small file', report.kilobytesPerFile?.toFixed(2) ?? '-'])}`);
  }
}

if (startUpWanted) {
  const best = startUp(options.quick ? 10 : 20);
  const pause = compile('pause');
  const memory = {
    'node -e 0': await peakMemory([process.execPath, '-e', 'console.log(0); require("fs").readSync(0, Buffer.alloc(1))']),
    native: await peakMemory([pause]),
    posixx: await peakMemory([...posixx, pause]),
    ...(qemu === undefined ? {} : { qemu: await peakMemory([qemu, pause]) }),
  };
  report.startUp = { ms: best, peakMemoryKb: memory };
  process.stdout.write(`\n${row(['start-up', 'best ms', 'over node', 'peak MB'])}`);
  for (const side of Object.keys(best)) {
    process.stdout.write(row([side === 'node -e 0' ? side : `hello, ${side}`, best[side]?.toFixed(1) ?? '-',
      best[side] === undefined ? '-' : (best[side] - best['node -e 0']).toFixed(1),
      memory[side] === undefined ? '-' : (memory[side] / 1024).toFixed(1)]));
  }
}

if (options.json !== undefined) {
  const fd = openSync(options.json, 'w');
  writeFileSync(fd, `${JSON.stringify(report, null, 2)}\n`);
  closeSync(fd);
}
const broken = report.programs.some((program) => program.errors.posixx !== undefined || program.errors.native !== undefined);
process.exit(broken ? 1 : 0);
