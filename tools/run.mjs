/** `node tools/run.mjs FILE [args…]`: builds, then runs a compiled program of the project (the fuzzers). */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { root } from './steps.mjs';

const [file, ...args] = process.argv.slice(2);
await build();
if (!existsSync(join(root, file))) {
  process.stderr.write(`posixx: ${file} does not exist\n`);
  process.exit(1);
}
process.exit(spawnSync(process.execPath, [join(root, file), ...args], { stdio: 'inherit', cwd: root }).status ?? 1);
