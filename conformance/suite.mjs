/**
 * `npm run conformance -- --suite DIR`: every executable of a directory of prebuilt tests.
 * pass: exit status 0 (with --compare: the same output and status as natively); skip: a status that says so (--skip).
 */
import { closeSync, mkdirSync, mkdtempSync, openSync, readSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { difference, execute, inParallel, inPosixx, runDirectory } from './execute.mjs';

/** Executable ELF files and scripts below `dir`, sorted. */
function executables(dir) {
  const found = [];
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) {
      found.push(...executables(path));
      continue;
    }
    if (!entry.isFile() || (statSync(path).mode & 0o111) === 0 || /\.so(\.|$)/.test(entry.name)) continue;
    const start = Buffer.alloc(4);
    const fd = openSync(path, 'r');
    readSync(fd, start, 0, 4, 0);
    closeSync(fd);
    if (start.toString('latin1') === '\x7fELF' || start.toString('latin1', 0, 2) === '#!') found.push(path);
  }
  return found.sort();
}

/** pass, skip, fail (a status), crash (a fatal signal, or posixx itself failed), timeout. */
function classify(outcome, reference, skip) {
  if (outcome.timedOut) return 'timeout';
  if (skip.includes(outcome.status)) return 'skip';
  if (reference !== undefined) {
    if (difference(reference, outcome) === '') return 'pass';
    return outcome.status > 128 && outcome.status !== reference.status ? 'crash' : 'fail';
  }
  if (outcome.status === 0) return 'pass';
  return outcome.status > 128 || outcome.status === 125 ? 'crash' : 'fail';
}

/**
 * @param {{ dir: string, timeout: number, jobs: number, shard?: { index: number, count: number }, compare: boolean,
 *   options: string[], only: string[], skip: number[] }} settings
 * @returns {Promise<{ counts: Record<string, number>, cases: object[] }>}
 */
export async function runSuite({ dir, timeout, jobs, shard, compare, options, only, skip }) {
  const top = resolve(dir);
  const programs = executables(top)
    .filter((file) => only.length === 0 || only.some((word) => relative(top, file).includes(word)))
    .filter((_, i) => shard === undefined || i % shard.count === shard.index - 1);
  const counts = { pass: 0, skip: 0, fail: 0, crash: 0, timeout: 0 };
  const cases = [];
  let number = 0;
  mkdirSync(runDirectory, { recursive: true });
  process.stdout.write(`TAP version 14\n1..${programs.length}\n`);
  await inParallel(programs, jobs, async (file) => {
    const name = relative(top, file);
    // Tests find their data beside them; what they write goes to the in-memory layer.
    // Their helper programs often stand beside them, too.
    const env = { ...process.env, PATH: `${dirname(file)}:${process.env.PATH}` };
    const settings = { cwd: top, env, timeoutMs: timeout * 1000 };
    let reference;
    if (compare) {
      const scratch = mkdtempSync(join(runDirectory, 'suite-'));
      reference = await execute([file], { ...settings, cwd: scratch });
      rmSync(scratch, { recursive: true, force: true });
    }
    const outcome = await execute(inPosixx([file], options), settings);
    const verdict = classify(outcome, reference, skip);
    counts[verdict]++;
    const tail = Buffer.concat([outcome.stdout, outcome.stderr]).toString('latin1').trimEnd().split('\n').slice(-5);
    const good = verdict === 'pass' || verdict === 'skip';
    const message = good ? '' : [`${verdict}: status ${outcome.status}`, ...tail].join('\n');
    cases.push({ name, ms: outcome.ms, message, verdict, skipped: verdict === 'skip' });
    process.stdout.write(`${good ? 'ok' : 'not ok'} ${++number} - ${name}${verdict === 'skip' ? ' # SKIP' : ''}\n`);
    if (message !== '') process.stdout.write(message.split('\n').map((line) => `# ${line.slice(0, 300)}\n`).join(''));
  });
  return { counts, cases };
}
