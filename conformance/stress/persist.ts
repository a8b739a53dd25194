/**
 * `--persist` through crashes: a guest changes files and answers for each change; posixx is killed at a random moment,
 * some of the times while it starts, or while it repairs what the kill before has left. The next run must find all that
 * was answered for, and of the change that was not what persist_model.ts allows. A layer in an ext2 image has to be
 * clean for `e2fsck -fn` after that run. It is kept in memory where the host has /dev/shm: it is posixx that dies here,
 * not the host.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandLine } from '../../../tools/options.mjs';
import { generator, Model, randomOperation, statesAfterCut, type Operation } from './persist_model.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const POSIXX = [join(root, 'bin/posixx.js'), 'run', '--quiet'];
// The variable makes every start of Node read a file of certificates.
const { NODE_EXTRA_CA_CERTS: _unused, ...env } = process.env;
const IMAGE_BYTES = 16 << 20;
/** Changes that the guest is told of ahead of its answers. */
const AHEAD = 200;

export interface CrashReport {
  /** What went wrong; empty: nothing. */
  failures: string[];
  /** Changes that were answered for, and runs that told of a repair. */
  changes: number;
  repairs: number;
}

/** When posixx is killed: so many milliseconds after that many answers (0: after its start). */
interface Moment {
  answers: number;
  ms: number;
}

/**
 * Kills posixx `kills` times. `image`: the layer is an ext2 image, where only what was brought to the disk is sure to
 * be found, so everything is.
 * @throws Error when the guest program cannot be compiled
 */
export async function crashes(seed: number, kills: number, image = false): Promise<CrashReport> {
  const scratch = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'posixx-persist-'));
  const report: CrashReport = { failures: [], changes: 0, repairs: 0 };
  try {
    const program = join(scratch, 'program');
    const source = join(root, 'conformance/stress/persist.c');
    execFileSync('musl-gcc', ['-static', '-O1', '-o', program, source], { stdio: 'inherit' });
    const lower = join(scratch, 'lower');
    let model = lowerTree(lower);
    const layer = join(scratch, 'layer');
    if (image) {
      writeFileSync(layer, '');
      truncateSync(layer, IMAGE_BYTES);
      execFileSync('mkfs.ext2', ['-q', '-F', layer]);
    }
    const options = ['--rootfs', lower, '--persist', layer, '-v', `${program}:/program`];
    const command = [...POSIXX, ...options, '/program', '/w'];
    const next = generator(seed);
    for (let kill = 0; kill < kills && report.failures.length === 0; kill++) {
      const planned = model.copy();
      const operations: Operation[] = [];
      const plan = (count: number): Operation[] => {
        const from = operations.length;
        while (operations.length < count) {
          const operation = randomOperation(next);
          if (planned.apply(operation)) operations.push(operation);
        }
        return operations.slice(from);
      };
      const answers = await killedRun([...command, image ? '1' : '8'], plan, momentOf(kill, next));
      const wrong = answers.findIndex((answer, n) => answer !== `${n} 0`);
      if (wrong >= 0) report.failures.push(`kill ${kill}: ${operations[wrong]!.join(' ')}: ${answers[wrong]}`);
      for (const operation of operations.slice(0, answers.length)) model.apply(operation);
      report.changes += answers.length;
      const unfinished = operations[answers.length] ?? ['none'];
      const dump = [...command, 'dump', String(unfinished[1])];
      // The next run is killed, too, perhaps while it repairs: then it is the one behind that.
      if (next(4) === 0) await killedRun(dump, () => [], { answers: 0, ms: 30 + next(150) });
      const { stdout, stderr, status } = spawnSync(process.execPath, dump, { encoding: 'utf8', maxBuffer: 1 << 26, env });
      const repaired = /repaired|not unmounted cleanly/.test(stderr);
      if (repaired) report.repairs++;
      const found = stdout.split('\n').filter((line) => line !== '');
      const bytes = found.at(-1)?.startsWith('bytes ') ? Buffer.from(found.pop()!.substring(6), 'hex') : null;
      const tree = found.sort().join('\n');
      const states = unfinished[0] === 'none' ? [model] : statesAfterCut(model, unfinished, image, bytes);
      const state = states.find((candidate) => candidate.lines().join('\n') === tree);
      if (status !== 0 || (stderr !== '' && !repaired) || stderr.includes('with errors')) {
        report.failures.push(`kill ${kill}: the next run: status ${status}: ${stderr}`);
      } else if (state === undefined) {
        report.failures.push(`kill ${kill}: after ${answers.length} changes and perhaps "${unfinished.join(' ')}":`,
          ...difference(model.lines(), found));
      } else {
        model = state;
      }
      if (image) report.failures.push(...checked(layer).map((line) => `kill ${kill}: e2fsck: ${line}`));
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return report;
}

function momentOf(kill: number, next: (below: number) => number): Moment {
  switch (kill % 8) {
    case 0: return { answers: 1, ms: next(8) };
    case 1: return { answers: next(120), ms: next(200) };
    case 2: return { answers: 0, ms: 30 + next(200) };
    default: return { answers: 1 + next(120), ms: next(8) };
  }
}

/** The tree that the layer lies on. */
function lowerTree(lower: string): Model {
  const model = new Model();
  mkdirSync(join(lower, 'w/a/b'), { recursive: true });
  for (const path of ['a', 'a/b']) model.directory(path);
  for (const [path, size] of [['c', 5000], ['a/c', 100], ['a/b/a', 70_000]] as const) {
    model.file(path, Buffer.alloc(size, path));
    writeFileSync(join(lower, 'w', path), Buffer.alloc(size, path), { mode: 0o644 });
  }
  linkSync(join(lower, 'w/c'), join(lower, 'w/a/d'));
  model.nodes.set('a/d', model.nodes.get('c')!);
  return model;
}

/** What e2fsck finds wrong. */
function checked(layer: string): string[] {
  const { status, stdout, error } = spawnSync('e2fsck', ['-fn', layer], { encoding: 'utf8' });
  if (error !== undefined) throw error;
  return status === 0 ? [] : stdout.trim().split('\n');
}

/** The answers of a run that is killed. `plan` gives the changes up to a number that were not given yet. */
function killedRun(command: string[], plan: (count: number) => Operation[], moment: Moment): Promise<string[]> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, command, { stdio: ['pipe', 'pipe', 'ignore'], env });
    let output = '', seen = 0, doomed = false;
    const tell = (): void => {
      child.stdin.write(plan(seen + AHEAD).map((operation) => `${operation.join(' ')}\n`).join(''));
    };
    const doom = (): void => {
      if (doomed || seen < moment.answers) return;
      doomed = true;
      setTimeout(() => child.kill('SIGKILL'), moment.ms);
    };
    child.stdin.on('error', () => {});
    child.stdout.on('data', (data: Buffer) => {
      for (const byte of data) if (byte === 10) seen++;
      output += data;
      tell();
      doom();
    });
    child.on('close', () => resolve(output.substring(0, output.lastIndexOf('\n') + 1).split('\n').slice(0, -1)));
    tell();
    doom();
    // It does not answer any more.
    setTimeout(() => child.kill('SIGKILL'), 60_000).unref();
  });
}

function difference(expected: string[], found: string[]): string[] {
  return [...expected.filter((line) => !found.includes(line)).map((line) => `- ${line}`),
    ...found.filter((line) => !expected.includes(line)).map((line) => `+ ${line}`)];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { kills, seed, image } = commandLine({
    command: 'persist', about: 'Kills posixx while a guest changes files that --persist keeps.',
    table: {
      kills: { type: 'number', fallback: 200, help: 'how often' },
      seed: { type: 'number', fallback: (Date.now() % 0x7fff_ffff) + 1, help: 'of the changes and moments' },
      image: { type: 'boolean', help: 'the layer is an ext2 image instead of a directory' },
    },
  });
  process.stdout.write(`# seed ${seed}\n`);
  const { failures, changes, repairs } = await crashes(seed, kills, image);
  for (const failure of failures) process.stdout.write(`# ${failure}\n`);
  const good = failures.length === 0;
  process.stdout.write(`${good ? 'ok' : 'not ok'} - ${kills} kills, ${changes} changes answered for, ` +
    `${repairs} repairs told of\n${good ? '1 passed, 0' : '0 passed, 1'} failed\n`);
  process.exit(good ? 0 : 1);
}
