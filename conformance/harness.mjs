/**
 * Guest programs on the host kernel and on posixx: the same output and status, or it is a failure.
 * What is known to fail stands in known_failures.json with the reason; when it passes, that is a failure too.
 * A case that differs is run once more when the others are done: many tell of time, and a busy machine moves its borders.
 */
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { filesBelow, root } from '../tools/steps.mjs';
import { which } from '../tools/toolchain.mjs';
import { difference, execute, inParallel, inPosixx, runDirectory } from './execute.mjs';
import { realPrograms } from './real_programs.mjs';

const TIMEOUT_MS = 30_000;
const ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/', LANG: 'C', TZ: 'UTC' };

/**
 * The `// key: value` lines at the top of a C program:
 * `flags` (compiler), `args` (each such line is a case), `stdin` (with \n, \t, \\), `timeout` (seconds),
 * `posixx` (options of posixx run), `stderr: ignore`.
 */
function header(source) {
  const found = { args: [] };
  for (const line of source.split('\n')) {
    const match = /^\/\/ *(flags|args|stdin|timeout|posixx|stderr): *(.*)$/.exec(line);
    if (match && match[1] === 'args') found.args.push(match[2].trim());
    else if (match) found[match[1]] = match[2].trim();
    else if (!/^(\/\/|\/?\s*\*|\/\*|\s*$)/.test(line)) break;
  }
  return found;
}

const words = (text) => (text ? text.split(/\s+/) : []);
const unescape = (text) => JSON.parse(`"${text.replaceAll('"', '\\"')}"`);

/** Compiles a program unless it was compiled from the same text. Gives the executable, or the compiler's message. */
function compile(source, text, flags) {
  const all = ['-static', '-O1', '-w', ...flags];
  const hash = createHash('sha256').update(all.join(' ')).update('\0').update(text).digest('hex').slice(0, 16);
  const file = join(root, 'build/guest', hash, basename(source, '.c'));
  if (existsSync(file)) return { file };
  mkdirSync(dirname(file), { recursive: true });
  const result = spawnSync('musl-gcc', [...all.filter((flag) => !flag.startsWith('-l')), '-o', file, join(root, source),
    ...all.filter((flag) => flag.startsWith('-l'))], { encoding: 'utf8' });
  return result.status === 0 ? { file } : { error: result.stderr };
}

/** Compiles one program below conformance/, by its path from the top. Gives `file`, or the compiler's `error`. */
export function compileGuest(source) {
  const text = readFileSync(join(root, source), 'utf8');
  return compile(source, text, words(header(text).flags));
}

function compiledCases() {
  const sources = ['syscalls', 'programs', 'engine', 'stress']
    .flatMap((dir) => filesBelow(`conformance/${dir}`, (name) => name.endsWith('.c')));
  return sources.flatMap((source) => {
    const text = readFileSync(join(root, source), 'utf8');
    const options = header(text);
    const name = source.replace(/^conformance\//, '').replace(/\.c$/, '');
    const lines = options.args.length > 0 ? options.args : [''];
    return lines.map((args) => ({ name: lines.length > 1 ? `${name} ${args}` : name, source, text, options, args }));
  });
}

/** Runs a C program on both sides. Gives what differs ('' when nothing does). */
async function runCompiled({ name, source, text, options, args }) {
  const { file, error } = compile(source, text, words(options.flags));
  if (error !== undefined) return `does not compile:\n${error}`;
  // Both sides run in the same, at first empty, directory: a program may print where it is.
  const cwd = join(runDirectory, name.replaceAll(' ', '-'));
  const settings = {
    cwd, env: ENVIRONMENT, timeoutMs: Number(options.timeout ?? TIMEOUT_MS / 1000) * 1000,
    stdin: options.stdin === undefined ? undefined : unescape(options.stdin),
  };
  const fresh = () => {
    rmSync(cwd, { recursive: true, force: true });
    mkdirSync(cwd, { recursive: true });
  };
  const argv = [file, ...words(args)];
  fresh();
  const host = await execute(argv, settings);
  if (host.timedOut) return `host: no end after ${settings.timeoutMs / 1000} s`;
  fresh();
  const guest = await execute(inPosixx(argv, words(options.posixx)), settings);
  rmSync(cwd, { recursive: true, force: true });
  return difference(host, guest, { ignoreStderr: options.stderr === 'ignore' });
}

/** Runs a command line of a real program on both sides. */
async function runReal(test) {
  const cwd = join(runDirectory, test.name.replaceAll(' ', '-'));
  rmSync(cwd, { recursive: true, force: true });
  mkdirSync(cwd, { recursive: true });
  const settings = {
    cwd, env: { ...ENVIRONMENT, ...test.env }, timeoutMs: (test.timeout ?? 120) * 1000, stdin: test.stdin,
    stdinFile: test.stdinFile,
  };
  test.prepare?.(cwd);
  const host = await execute(test.argv, settings);
  rmSync(cwd, { recursive: true, force: true });
  mkdirSync(cwd, { recursive: true });
  test.prepare?.(cwd);
  const guest = await execute(inPosixx(test.argv), settings);
  rmSync(cwd, { recursive: true, force: true });
  return difference(host, guest, { ignoreStderr: test.ignoreStderr });
}

function printComment(text) {
  process.stdout.write(text.split('\n').map((line) => `# ${line}\n`).join(''));
}

/**
 * Runs the cases whose name contains one of `only` (all when empty); prints TAP.
 * @param {{ only?: string[], long?: boolean, missing?: string[], jobs?: number, shard?: { index: number, count: number } }} options
 * @returns {Promise<{ passed: number, failed: number, skipped: number, failures: string[], cases: object[] }>}
 */
export async function runConformance({ only = [], long = false, missing = [], jobs, shard } = {}) {
  const known = new Map(JSON.parse(readFileSync(join(root, 'conformance/known_failures.json'), 'utf8'))
    .map((entry) => [entry.name, entry.reason]));
  const noCompiler = missing.includes('musl-gcc') || which('musl-gcc') === undefined;
  const tests = [
    ...compiledCases().map((test) => ({ ...test, run: runCompiled, skip: noCompiler ? 'musl-gcc is missing' : '' })),
    ...realPrograms(long).map((test) => ({
      ...test, run: runReal, skip: test.argv[0] === undefined ? `${test.program} is missing` : '',
    })),
  ]
    .filter((test) => only.length === 0 || only.some((word) => test.name.includes(word)))
    .filter((_, i) => shard === undefined || i % shard.count === shard.index - 1);

  const result = { passed: 0, failed: 0, skipped: 0, failures: [], cases: [] };
  let number = 0;
  process.stdout.write('TAP version 14\n');
  const again = [];
  const report = (test, found, ms) => {
    const reason = known.get(test.name);
    let line = `${++number} - ${test.name}`;
    let message = found;
    if (test.skip !== '') {
      result.skipped++;
      line = `ok ${line} # SKIP ${test.skip}`;
    } else if (reason !== undefined && found !== '') {
      result.skipped++;
      line = `not ok ${line} # TODO ${reason}`;
    } else if (reason !== undefined) {
      message = `passes, but known_failures.json says that it fails (${reason}): take it out`;
    }
    if (test.skip === '' && (reason === undefined || found === '')) {
      if (message === '') {
        result.passed++;
        line = `ok ${line}`;
      } else {
        result.failed++;
        result.failures.push(`${test.name}: ${message.split('\n').slice(0, 3).join(' | ')}`);
        line = `not ok ${line}`;
      }
    }
    result.cases.push({ name: test.name, ms, message, skipped: test.skip !== '' || (reason !== undefined && found !== '') });
    process.stdout.write(`${line}\n`);
    if (message !== '') printComment(message);
  };
  await inParallel(tests, jobs ?? Math.min(2, availableParallelism()), async (test) => {
    const start = Date.now();
    if (test.skip === '' && test.obtain !== undefined) test.skip = await test.obtain();
    const found = test.skip === '' ? await test.run(test) : '';
    if (found === '' || known.has(test.name)) report(test, found, Date.now() - start);
    else again.push({ test, first: found });
  });
  for (const { test, first } of again) {
    const start = Date.now();
    const found = await test.run(test);
    report(test, found, Date.now() - start);
    if (found === '') printComment(`beside other cases:\n${first}`);
  }
  process.stdout.write(`1..${number}\n`);
  return result;
}
