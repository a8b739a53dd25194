/**
 * Proves the emitted code of programs confined.
 *
 *     node build/conformance/sandbox/check.js [FILE…]      without FILE: those of programs.ts
 */
import { PROGRAMS } from './programs.js';
import { executableSegments, prove } from './sweep.js';

for (const file of process.argv.length > 2 ? process.argv.slice(2) : PROGRAMS) {
  const proof = prove(executableSegments(file));
  for (const { host, text, rule } of proof.violations) process.stdout.write(`${host.toString(16)}: ${text}: ${rule}\n`);
  process.stdout.write(`${file}: ${proof.guestInstructions} guest instructions, ` +
    `${proof.hostInstructions} host instructions, ${proof.operands} memory operands, ` +
    `${proof.violations.length} violations\n`);
  if (proof.violations.length > 0) process.exitCode = 1;
}
