/** Runs cases on the host CPU: reference.c, compiled when it is newer than its program. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Result, Test } from './layout.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const source = join(root, 'conformance/isa/reference.c');
const program = join(root, 'build/conformance/isa/reference');

/** Path of the compiled program. @throws Error when musl-gcc is missing or fails */
export function referenceProgram(): string {
  if (existsSync(program) && statSync(program).mtimeMs > statSync(source).mtimeMs) return program;
  mkdirSync(dirname(program), { recursive: true });
  execFileSync('musl-gcc', ['-static', '-O2', '-fno-stack-protector', '-o', program, source], { stdio: 'inherit' });
  return program;
}

/** The command that runs the program under posixx. */
export function posixxReference(): string[] {
  return [process.execPath, join(root, 'bin/posixx.js'), 'run', '--quiet', referenceProgram()];
}

/** What the host CPU does with `count` cases (struct test each); records of struct result. */
export function runOnHost(
  pattern: Buffer, tests: Buffer, count: number, command: string[] = [referenceProgram()],
): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(count);
  const input = Buffer.concat([head, pattern, tests.subarray(0, count * Test.size)]);
  const run = spawnSync(command[0]!, command.slice(1), {
    input, maxBuffer: count * Result.size + 4096, stdio: ['pipe', 'pipe', 'inherit'],
  });
  if (run.error) throw run.error;
  if (run.status !== 0 || run.stdout.length !== count * Result.size) {
    const kept = join(tmpdir(), 'posixx-reference-cases');
    writeFileSync(kept, input);
    const end = run.status ?? run.signal;
    throw new Error(`reference: status ${end}, ${run.stdout.length} bytes of results; its cases are in ${kept}`);
  }
  return run.stdout;
}
