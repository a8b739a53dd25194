/** `node tools/readme.mjs`: writes the generated parts of README.md anew (a test says when they are out of step). */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './steps.mjs';

const { optionsTable } = await import('../build/cli/options_table.js');
const file = join(root, 'README.md');
const text = readFileSync(file, 'utf8');
writeFileSync(file, text.replace(/(<!-- options -->\n)[^]*?(\n<!-- end of options -->)/, `$1${optionsTable()}$2`));
