/**
 * `npm run fuzz:syscalls [-- --seed N --rounds N]`: random system calls with wild arguments, in posixx only. Whatever
 * they give, posixx itself must neither fail, nor die of a signal, nor hang.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from '../../tools/build.mjs';
import { commandLine } from '../../tools/options.mjs';
import { root } from '../../tools/steps.mjs';
import { execute, inPosixx } from '../execute.mjs';

/** Rounds of one process: a failure names its first seed, so that it is quick to make again. */
const ROUNDS_A_RUN = 100;
const TIMEOUT_MS = 240_000;

/**
 * @param {{ seed: number, rounds: number }} options
 * @returns {Promise<{ passed: number, failed: number, skipped: number, failures: string[] }>}
 */
export async function fuzzSyscalls({ seed, rounds }) {
  const program = join(root, 'build/guest/syscall-fuzz');
  mkdirSync(join(root, 'build/guest'), { recursive: true });
  const compiled = spawnSync('musl-gcc', ['-static', '-O1', '-w', '-o', program, join(root, 'conformance/fuzz/syscalls.c')],
    { encoding: 'utf8' });
  const result = { passed: 0, failed: 0, skipped: 0, failures: [] };
  if (compiled.error) return { ...result, skipped: 1 };
  if (compiled.status !== 0) return { ...result, failed: 1, failures: [compiled.stderr] };
  for (let at = 0; at < rounds; at += ROUNDS_A_RUN) {
    const count = Math.min(ROUNDS_A_RUN, rounds - at);
    const args = [String(seed + at), String(count)];
    const outcome = await execute(inPosixx([program, ...args], ['--memory', '1G']), {
      cwd: root, env: { PATH: '/usr/bin:/bin' }, timeoutMs: TIMEOUT_MS,
    });
    // Random calls write to the standard streams; the last line is the program's own.
    const said = outcome.stderr.toString('latin1');
    const finished = outcome.stdout.toString('latin1').includes(`${count} rounds, `);
    if (outcome.status === 0 && finished && !outcome.timedOut && !said.includes('internal error')) {
      result.passed++;
      continue;
    }
    const why = outcome.timedOut ? 'hangs' : `status ${outcome.status}`;
    const line = said.split('\n').find((text) => text.includes('posixx:')) ?? said.trim().split('\n').at(-1) ?? '';
    result.failed++;
    result.failures.push(`syscalls ${args.join(' ')}: ${why} ${line.slice(0, 300)}`);
    process.stdout.write(`# ${result.failures.at(-1)}\n`);
  }
  return result;
}

if (process.argv[1] === join(root, 'conformance/fuzz/syscalls.mjs')) {
  const { seed, rounds } = commandLine({
    command: 'npm run fuzz:syscalls --', about: 'System calls with wild arguments, in posixx.',
    table: {
      seed: { type: 'number', fallback: Date.now() % 1e9, help: 'of the first round' },
      rounds: { type: 'number', fallback: 10_000, help: 'how many' },
    },
  });
  await build();
  process.stdout.write(`# seed ${seed}, ${rounds} rounds\n`);
  const { passed, failed } = await fuzzSyscalls({ seed, rounds });
  process.stdout.write(`${passed} passed, ${failed} failed (runs of ${ROUNDS_A_RUN} rounds)\n`);
  process.exit(failed === 0 ? 0 : 1);
}
