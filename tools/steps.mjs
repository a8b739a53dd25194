/** Build steps: each prints one progress line, and is skipped while its inputs are what they were. */
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's top directory. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Every file below `dir` (relative to the project) whose name passes `accept`, in a stable order. */
export function filesBelow(dir, accept) {
  const at = join(root, dir);
  if (!existsSync(at)) return [];
  const found = [];
  for (const entry of readdirSync(at, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) found.push(...filesBelow(path, accept));
    else if (accept(entry.name)) found.push(path);
  }
  return found.sort();
}

function signature(inputs) {
  const hash = createHash('sha256').update(`${process.version} ${process.arch}\n`);
  for (const file of inputs) {
    hash.update(`${file}\n`).update(existsSync(join(root, file)) ? readFileSync(join(root, file)) : '');
  }
  return hash.digest('hex');
}

/**
 * Runs `work` unless `outputs` exist and were made from the same `inputs` (contents are compared, not times).
 * A failing step ends the process with status 1 and the step's own output.
 */
export async function step(name, { inputs, outputs, work }) {
  const stampDir = join(root, 'build', 'stamps');
  const stamp = join(stampDir, name.replace(/\W+/g, '-'));
  const wanted = signature(inputs);
  const fresh = existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted &&
    outputs.every((file) => existsSync(join(root, file)));
  if (fresh) {
    process.stderr.write(`posixx: ${name}: up to date\n`);
    return false;
  }
  process.stderr.write(`posixx: ${name} …\n`);
  const start = process.hrtime.bigint();
  rmSync(stamp, { force: true });
  try {
    await work();
  } catch (error) {
    process.stderr.write(`posixx: ${name} failed: ${error.message}\n`);
    process.exit(1);
  }
  mkdirSync(stampDir, { recursive: true });
  writeFileSync(stamp, wanted);
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  process.stderr.write(`posixx: ${name}: done in ${seconds.toFixed(1)} s\n`);
  return true;
}

/** Runs a command in the project directory; its output is shown only when it fails. @throws Error with that output. */
export function command(program, args, timeout = 900_000) {
  const result = spawnSync(program, args, {
    cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'pipe'], timeout, killSignal: 'SIGKILL',
  });
  if (result.error) throw new Error(`cannot run ${program}: ${result.error.message}`);
  if (result.status !== 0) {
    const how = result.signal ? `signal ${result.signal}` : `status ${result.status}`;
    throw new Error(`${program} ${args.join(' ')} (${how})\n${result.stdout}${result.stderr}`);
  }
  return result.stdout;
}
