import { spawnSync } from 'node:child_process';
import t from 'tap';
import { crashes } from './persist.js';

const missing = spawnSync('musl-gcc', ['--version']).error !== undefined;

t.test('a layer that is kept survives five kills', { skip: missing && 'musl-gcc is missing' }, async (t) => {
  const seed = Number(process.env['SEED'] ?? 20241122);
  t.comment(`seed ${seed}`);
  const { failures, changes } = await crashes(seed, 5);
  t.same(failures, []);
  t.ok(changes > 0, `${changes} changes`);
});
