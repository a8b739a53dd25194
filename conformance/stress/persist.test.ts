import { spawnSync } from 'node:child_process';
import t from 'tap';
import { crashes } from './persist.js';
import { BLOCK, Model, statesAfterCut, type Operation } from './persist_model.js';

const missing = ['musl-gcc', 'mkfs.ext2'].filter((tool) => spawnSync(tool, ['--version']).error !== undefined);
const skip = missing.length > 0 && `${missing.join(' and ')}: missing`;

for (const [name, image] of [['a directory', false], ['an ext2 image', true]] as const) {
  t.test(`a layer that is kept in ${name} survives five kills`, { skip }, async (t) => {
    const seed = Number(process.env['SEED'] ?? 20241122);
    t.comment(`seed ${seed}`);
    const { failures, changes } = await crashes(seed, 5, image);
    t.same(failures, []);
    t.ok(changes > 0, `${changes} changes`);
  });
}

t.test('what a write that is cut off may leave', (t) => {
  const old = Buffer.alloc(3 * BLOCK, 'o');
  const model = new Model();
  model.file('f', old);
  model.nodes.set('other', model.nodes.get('f')!);
  const operation: Operation = ['write', 'f', BLOCK / 2, 4 * BLOCK, 0x6e];
  const made = (...parts: [string, number][]): Buffer =>
    Buffer.concat(parts.map(([fill, length]) => Buffer.alloc(length, fill)));
  const allowed = (bytes: Buffer, image: boolean): boolean => {
    const found = new Model();
    found.nodes.set('other', found.file('f', bytes));
    const lines = found.lines().join('\n');
    return statesAfterCut(model, operation, image, bytes).some((state) => state.lines().join('\n') === lines);
  };
  const half = BLOCK / 2, tail: [string, number] = ['n', half];
  const whole = made(['o', half], ['n', 4 * BLOCK]);
  for (const image of [false, true]) {
    t.ok(allowed(old, image), 'nothing');
    t.ok(allowed(whole, image), 'all');
    t.ok(allowed(made(['o', half], ['n', half], ['o', 2 * BLOCK]), image), 'the first block');
    t.notOk(allowed(made(['o', half], ['n', half + 7], ['o', 2 * BLOCK - 7]), image), 'a part of a block');
    t.notOk(allowed(made(['o', half], ['n', half], ['x', BLOCK], ['n', 2 * BLOCK], tail), image), 'bytes of another');
    t.notOk(allowed(made(['n', BLOCK], ['o', 2 * BLOCK]), image), 'more than was written');
    t.notOk(allowed(old.subarray(0, 2 * BLOCK), image), 'less than there was');
  }
  const hole = made(['o', half], ['n', 2 * BLOCK + half], ['\0', BLOCK], tail);
  t.ok(allowed(hole, true), 'a block of an image that nothing points to yet');
  t.notOk(allowed(hole, false));
  const lost = made(['o', 2 * BLOCK], ['n', BLOCK]);
  t.ok(allowed(lost, true), 'a later block alone');
  t.notOk(allowed(lost, false));
  t.ok(allowed(made(['o', half], ['n', 3 * BLOCK + half]), false), 'an end between');

  const states = statesAfterCut(model, ['mkdir', 'd'], true, null).map((state) => state.lines().join('\n'));
  const without = new Model();
  without.file('f', old);
  t.notOk(states.includes(without.lines().join('\n')), 'a name that was answered for is missed');
  t.end();
});
