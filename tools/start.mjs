/** `npm start`: builds, then runs a Linux program of the project in posixx. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build } from './build.mjs';
import { root } from './steps.mjs';

await build();
const args = ['run', '--stats', join(root, 'examples/hello/hello'), 'from', 'posixx'];
process.stderr.write(`posixx: running: posixx ${['run', '--stats', 'examples/hello/hello', 'from', 'posixx'].join(' ')}\n\n`);
const result = spawnSync(process.execPath, [join(root, 'bin/posixx.js'), ...args], { stdio: 'inherit', cwd: root });
process.exit(result.status ?? 1);
