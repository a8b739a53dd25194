/** Running one program with a time limit, natively or in posixx, and what came of it. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { root } from '../tools/steps.mjs';

/** More output than this ends a run: a program that prints without end must not fill the memory. */
const MAX_OUTPUT = 512 << 20;

/**
 * @typedef {object} Outcome
 * @property {number} status exit status, or 128 + signal number
 * @property {Buffer} stdout
 * @property {Buffer} stderr
 * @property {boolean} timedOut
 * @property {number} ms wall time
 */

/**
 * Runs `argv` in `cwd` and collects its output. The whole process group is killed at the time limit.
 * @param {string[]} argv
 * @param {{ cwd: string, stdin?: Buffer | string, stdinFile?: string, env?: Record<string, string>, timeoutMs: number }} options
 * @returns {Promise<Outcome>}
 */
export function execute(argv, { cwd, stdin, stdinFile, env, timeoutMs }) {
  return new Promise((resolve) => {
    const start = process.hrtime.bigint();
    const input = stdinFile === undefined ? undefined : openSync(stdinFile, 'r');
    const child = spawn(argv[0], argv.slice(1), {
      cwd, env, detached: true, stdio: [input ?? (stdin === undefined ? 'ignore' : 'pipe'), 'pipe', 'pipe'],
    });
    if (input !== undefined) closeSync(input);
    const streams = { stdout: [], stderr: [] };
    let size = 0;
    let timedOut = false;
    const stop = () => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        child.kill('SIGKILL');
      }
    };
    const timer = setTimeout(() => {
      timedOut = true;
      stop();
    }, timeoutMs);
    for (const name of ['stdout', 'stderr']) {
      child[name].on('data', (data) => {
        size += data.length;
        streams[name].push(data);
        if (size > MAX_OUTPUT) stop();
      });
    }
    child.on('error', (error) => streams.stderr.push(Buffer.from(`${error.message}\n`)));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({
        status: signal ? 128 + constants.signals[signal] : code ?? 127,
        stdout: Buffer.concat(streams.stdout),
        stderr: Buffer.concat(streams.stderr),
        timedOut,
        ms: Number(process.hrtime.bigint() - start) / 1e6,
      });
    });
    if (stdin !== undefined) {
      // A program may end without having read it all.
      child.stdin.on('error', () => {});
      child.stdin.end(stdin);
    }
  });
}

/** The guest's /tmp is a fresh one: what the programs read is mounted where a checkout stands below it. */
const belowTmp = root.startsWith('/tmp/');
const below = belowTmp ? ['build/testdata', 'node_modules', 'package.json'].map((path) => join(root, path)) : [];

/** Where programs have their working directories: on the guest's root, as on the host's. */
export const runDirectory = belowTmp ? mkdtempSync('/var/tmp/posixx-') : join(root, 'build/run');
if (belowTmp) process.on('exit', () => rmSync(runDirectory, { recursive: true, force: true }));

/** The command that runs `argv` in posixx. --quiet: a fatal signal's message would be a difference. */
export function inPosixx(argv, options = []) {
  const volumes = below.filter((path) => existsSync(path)).flatMap((path) => ['--volume', `${path}:${path}`]);
  // The host runs the program as the caller.
  const user = process.getuid() === 0 ? [] : ['--user', `${process.getuid()}:${process.getgid()}`];
  return [process.execPath, join(root, 'bin/posixx.js'), 'run', '--quiet', ...user, ...volumes, ...options, '--', ...argv];
}

/** What differs between two outcomes, for people; '' when nothing does. */
export function difference(host, guest, { ignoreStderr = false } = {}) {
  if (guest.timedOut) return `posixx: no end after ${(guest.ms / 1000).toFixed(0)} s`;
  if (host.status !== guest.status) {
    return `status: host ${host.status}, posixx ${guest.status}${excerpt('\nposixx stderr', guest.stderr)}` +
      excerpt('\nposixx stdout', guest.stdout);
  }
  for (const name of ignoreStderr ? ['stdout'] : ['stdout', 'stderr']) {
    if (host[name].equals(guest[name])) continue;
    const expected = host[name].toString('latin1').split('\n');
    const found = guest[name].toString('latin1').split('\n');
    const line = expected.findIndex((text, i) => text !== found[i]);
    const at = line < 0 ? expected.length : line;
    return `${name}, line ${at + 1}:\nhost   ${printable(expected[at])}\nposixx ${printable(found[at])}` +
      (name === 'stdout' ? excerpt('\nposixx stderr', guest.stderr) : '');
  }
  return '';
}

const printable = (text) => (text === undefined ? '(end)' : JSON.stringify(text.slice(0, 300)));

function excerpt(title, bytes) {
  const text = bytes.toString('latin1').trimEnd();
  return text === '' ? '' : `${title}: ${text.split('\n').slice(-4).map((line) => line.slice(0, 300)).join('\n  ')}`;
}

/** Runs `work` over `items`, `jobs` at a time. Results come in the order of `items`. */
export async function inParallel(items, jobs, work) {
  const results = new Array(items.length);
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(jobs, items.length) }, async () => {
    while (next < items.length) {
      const i = next++;
      results[i] = await work(items[i], i);
    }
  }));
  return results;
}
