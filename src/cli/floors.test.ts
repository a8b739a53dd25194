/** The project's own rules: who may import whom, and the README's generated table. */
import t from 'tap';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { optionsTable } from './options_table.js';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const src = join(root, 'src');

/** What each floor may import besides itself: all that is below it, but no neighbour. */
const BELOW: Record<string, readonly string[]> = (() => {
  const floors = [['abi'], ['host'], ['mm', 'vfs', 'translator'], ['loader'], ['kernel'], ['syscalls'], ['debug'], ['cli']];
  return Object.fromEntries(floors.flatMap((floor, i) => floor.map((name) => [name, floors.slice(0, i).flat()])));
})();

function sources(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    return entry.isDirectory() ? sources(path) : entry.name.endsWith('.ts') ? [path] : [];
  });
}

t.test('a folder imports only from lower floors', async (t) => {
  t.same(readdirSync(src).filter((name) => !(name in BELOW)), [], 'every folder has its floor');
  const wrong: string[] = [];
  let imports = 0;
  for (const file of sources(src)) {
    const floor = relative(src, file).split('/')[0]!;
    const text = readFileSync(file, 'utf8');
    for (const [, target] of text.matchAll(/(?:from|import|import\()\s*'(\.[^']*)'/g)) {
      imports++;
      const other = relative(src, resolve(dirname(file), target!)).split('/')[0]!;
      if (other !== floor && !BELOW[floor]!.includes(other)) wrong.push(`${relative(root, file)} imports ${target}`);
      if (!target!.endsWith('.js')) wrong.push(`${relative(root, file)} imports ${target} without .js`);
    }
  }
  t.same(wrong, []);
  t.ok(imports > 50, `${imports} imports were looked at`);
});

t.test('every folder of src says what it owns', async (t) => {
  for (const floor of Object.keys(BELOW)) {
    t.ok(readdirSync(join(src, floor)).includes('README.md'), `src/${floor}/README.md`);
  }
});

t.test('the README has the options that there are', async (t) => {
  t.ok(readFileSync(join(root, 'README.md'), 'utf8').includes(optionsTable()), 'else: node tools/readme.mjs');
});
