/**
 * `node tools/readme.mjs [bench.json]`: writes the generated parts of README.md anew: the options (a test says when they
 * are out of step) and, from the report of `npm run bench -- --json bench.json`, the measurements.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './steps.mjs';

const { optionsTable } = await import('../build/cli/options_table.js');
const file = join(root, 'README.md');
let text = readFileSync(file, 'utf8');

function replacePart(name, content) {
  const start = `<!-- ${name} -->\n`;
  const from = text.indexOf(start) + start.length;
  text = `${text.slice(0, from)}${content}\n${text.slice(text.indexOf(`<!-- end of ${name} -->`))}`;
}

const ratio = (value) => (value === undefined ? '-' : `${value.toFixed(2)}x`);
const fixed = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : '-');

function measurements({ programs, means, startUp, cpu, node, runs, quick }) {
  const sides = ['posixx', 'qemu'];
  const lines = [`Measured with \`npm run bench${quick ? ' -- --quick' : ''}\` on ${cpu}, Node ${node}: medians of ${runs} runs in turns, ` +
    'wall time of whole processes, relative to native; the works of files by themselves, best rounds.', '', '| program | native | posixx | qemu-user |', '|---|---:|---:|---:|'];
  for (const [group, mean] of Object.entries(means)) {
    for (const program of programs.filter((entry) => entry.group === group)) {
      const native = group === 'files' ? `${fixed(program.ms.native * 1000, 0)} ns` : `${fixed(program.ms.native, 0)} ms`;
      lines.push(`| ${program.name} | ${native} | ${sides.map((side) => ratio(program.ratio[side])).join(' | ')} |`);
    }
    if (group === 'integer' || group === 'floating point') lines.push(`| **${group}, geometric mean** | | ${sides.map((side) => `**${ratio(mean[side])}**`).join(' | ')} |`);
  }
  if (startUp !== undefined) {
    lines.push('', '| start-up | best of 20 | above `node -e 0` | peak resident |', '|---|---:|---:|---:|');
    for (const [side, ms] of Object.entries(startUp.ms)) {
      const memory = startUp.peakMemoryKb[side];
      lines.push(`| ${side === 'node -e 0' ? '`node -e 0`' : `hello, ${side}`} | ${fixed(ms, 1)} ms | ` +
        `${fixed(ms - startUp.ms['node -e 0'], 1)} ms | ${memory === undefined ? '-' : `${fixed(memory / 1024, 1)} MB`} |`);
    }
  }
  return lines.join('\n');
}

replacePart('options', optionsTable());
if (process.argv[2] !== undefined) replacePart('measured', measurements(JSON.parse(readFileSync(process.argv[2], 'utf8'))));
writeFileSync(file, text);
