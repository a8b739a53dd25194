/**
 * Programs with damaged headers: each mutant of a small static program ends with an errno and a reason from the
 * loader, or runs to a normal end, a signal or its time limit; nothing throws, nothing kills Node.
 *
 *     npm run fuzz:elf -- [--count N] [--seed S] [--from I]
 *
 * Mutant I of seed S is always the same. The work is done in a child process, so that even its death is reported.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandLine } from '../../../tools/options.mjs';
import { O } from '../../abi/fcntl.js';
import { SI, SIG } from '../../abi/signal.js';
import { native } from '../../host/native.js';
import { Credentials } from '../../kernel/credentials.js';
import { startFirst } from '../../kernel/exec.js';
import { Kernel } from '../../kernel/kernel.js';
import { SigInfo } from '../../kernel/pending_signals.js';
import { sendToProcess } from '../../kernel/signals.js';
import { LoadFailure } from '../../loader/failure.js';
import { dispatch } from '../../syscalls/dispatch.js';
import { CpuModel } from '../../translator/cpu_model.js';
import { X86Engine } from '../../translator/x86_engine.js';
import { defaultRoot } from '../../vfs/default_root.js';
import { open, PathContext } from '../../vfs/vfs.js';

const SAMPLE = new URL('../../../examples/hello/hello', import.meta.url);
/** What a mutant may take, milliseconds; then it is killed, and that is a normal end, too. */
const BUDGET_MS = 20;
const MEMORY = 512 << 20;
const LONG_RUN = 100_000;

type Pick = (below: number) => number;

/** Mulberry32: good enough to choose bytes, and the same everywhere. */
function random(seed: number): Pick {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return Math.floor((((x ^ (x >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Numbers at which checks tend to be wrong. */
const EDGES = [
  0n, 1n, 2n, 7n, 55n, 56n, 57n, 63n, 64n, 4095n, 4096n, 4097n, 0x8000n, 0xffffn, 0x1_0000n, 0x40_0000n, 0x7fff_0000n,
  0x7fff_ffffn, 0x8000_0000n, 0xffff_0000n, 0xffff_f000n, 0xffff_ffffn, 0x1_0000_0000n, 0x7fff_ffff_ffffn, 1n << 53n,
  (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 4096n, (1n << 64n) - 1n,
];

/** Bytes of the ELF header's and of a program header's fields: [offset, size]. */
const HEADER_FIELDS = [
  [4, 1], [5, 1], [6, 1], [7, 1], [16, 2], [18, 2], [20, 4], [24, 8], [32, 8], [40, 8], [48, 4], [52, 2], [54, 2],
  [56, 2],
] as const;
const PROGRAM_FIELDS = [[0, 4], [4, 4], [8, 8], [16, 8], [24, 8], [32, 8], [40, 8], [48, 8]] as const;
const TYPES = [0n, 1n, 2n, 3n, 4n, 6n, 7n, 0x6474e550n, 0x6474e551n, 0x6474e552n];

/** Mutant number `index` of `seed`: some damage to the headers of `sample`, now and then to its length. */
export function mutant(sample: Buffer, seed: number, index: number): Buffer {
  const pick = random(Math.imul(seed, 0x9e3779b1) + index);
  let bytes = Buffer.from(sample);
  const tables = sample.readUInt16LE(56);
  for (let changes = 1 + pick(pick(4) === 0 ? 8 : 2); changes > 0; changes--) {
    const inHeader = pick(3) === 0;
    const base = inHeader ? 0 : 64 + pick(tables) * 56;
    const fields = inHeader ? HEADER_FIELDS : PROGRAM_FIELDS;
    const [offset, size] = fields[pick(fields.length)]!;
    const at = base + offset;
    const mask = (1n << BigInt(size * 8)) - 1n;
    let value = 0n;
    for (let i = 0; i < size; i++) value |= BigInt(bytes[at + i]!) << BigInt(8 * i);
    switch (pick(7)) {
      case 0:
        value ^= 1n << BigInt(pick(size * 8));
        break;
      case 1:
        value += BigInt(pick(3) - 1) * EDGES[pick(12)]!;
        break;
      case 2:
        value = BigInt(pick(2 ** 32)) << BigInt(pick(33));
        break;
      case 3:
        if (!inHeader && offset === 0) value = TYPES[pick(TYPES.length)]!;
        else value = BigInt(bytes.length + pick(3) - 1);
        break;
      case 4: {
        // A field of another header in its place.
        const from = 64 + pick(tables) * 56 + PROGRAM_FIELDS[pick(8)]![0];
        value = 0n;
        for (let i = 0; i < Math.min(size, 4); i++) value |= BigInt(bytes[from + i]!) << BigInt(8 * i);
        break;
      }
      default:
        value = EDGES[pick(EDGES.length)]! + BigInt(pick(3) - 1);
    }
    value &= mask;
    for (let i = 0; i < size; i++) bytes[at + i] = Number((value >> BigInt(8 * i)) & 255n);
  }
  if (pick(20) === 0) bytes = bytes.subarray(0, pick(pick(2) === 0 ? 512 : bytes.length + 1));
  return bytes;
}

export interface Outcomes {
  /** How often each end was met: a reason of the loader, an exit status, a signal. */
  readonly counts: Map<string, number>;
  /** Descriptions of mutants that ended in a way that none may. */
  readonly failures: string[];
}

/**
 * Runs mutants from…from+count-1 of `seed` in this process.
 * @param begin is told the index of each mutant before it is tried
 */
export function fuzz(seed: number, from: number, count: number, begin: (index: number) => void = () => {}): Outcomes {
  const sample = readFileSync(SAMPLE);
  const engine = new X86Engine(new CpuModel());
  const vfs = defaultRoot({ emptyRoot: true });
  const cred = Credentials.of(0, 0, []);
  const fs = new PathContext(vfs, vfs.root, vfs.root, 0, cred);
  const outcomes: Outcomes = { counts: new Map(), failures: [] };
  for (let index = from; index < from + count; index++) {
    begin(index);
    try {
      const end = runMutant(engine, fs, cred, mutant(sample, seed, index));
      outcomes.counts.set(end, (outcomes.counts.get(end) ?? 0) + 1);
    } catch (error) {
      outcomes.failures.push(`seed ${seed}, mutant ${index}: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }
  return outcomes;
}

/** How the run of one mutant ends, in words. @throws Error when it ends as no program may */
function runMutant(engine: X86Engine, fs: PathContext, cred: Credentials, bytes: Buffer): string {
  const file = open(fs, fs.root, '/program', O.WRONLY | O.CREAT | O.TRUNC, 0o755);
  if (typeof file === 'number') throw new Error(`/program cannot be written: ${file}`);
  const written = file.pwrite(bytes, 0, bytes.length, 0);
  file.unref();
  if (written !== bytes.length) throw new Error(`/program: ${written} bytes written`);

  const kernel = new Kernel({ engine, dispatch, vfs: fs.vfs, memory: MEMORY, aslr: false });
  const task = startFirst(kernel, { path: '/program', argv: ['program'], envp: [], fs, cred, files: [] });
  if (task instanceof LoadFailure) {
    if (!(task.error < 0 && task.error >= -4095)) throw new Error(`error ${task.error}: ${task.reason}`);
    return `refused: ${task.reason.replace(/\d+|0x[0-9a-f]+|\([^)]*\)/g, 'N')}`;
  }
  let late = false;
  kernel.timers.add(native.monotonicNow() + BUDGET_MS * 1e6, () => {
    late = true;
    sendToProcess(kernel.main!, new SigInfo(SIG.KILL, SI.KERNEL));
  }, undefined);
  const status = kernel.run();
  if (kernel.memory.used !== 0) throw new Error(`${kernel.memory.used} bytes of guest memory were not given back`);
  if (late) return 'ran until its time was over';
  const signal = status & 0x7f;
  return signal === 0 ? `exited with status ${status >> 8}` : `signal ${signal}`;
}

function child(seed: number, from: number, count: number, progress: string): void {
  const fd = openSync(progress, 'w');
  const word = Buffer.alloc(8);
  const { counts, failures } = fuzz(seed, from, count, (index) => {
    word.writeDoubleLE(index);
    writeSync(fd, word, 0, 8, 0);
  });
  closeSync(fd);
  process.stdout.write(JSON.stringify({ counts: [...counts], failures }));
}

function main(seed: number, from: number, count: number): number {
  const directory = mkdtempSync(join(tmpdir(), 'posixx-fuzz-'));
  const progress = join(directory, 'progress');
  const totals = new Map<string, number>();
  const failures: string[] = [];
  const end = from + count;
  for (let at = from; at < end; at += 2000) {
    const size = Math.min(2000, end - at);
    const numbers = ['--seed', `${seed}`, '--from', `${at}`, '--count', `${size}`];
    const args = [fileURLToPath(import.meta.url), '--child', progress, ...numbers];
    const run = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1 << 28, timeout: 600_000 });
    if (run.status === 0) {
      const result = JSON.parse(run.stdout) as { counts: [string, number][]; failures: string[] };
      for (const [name, times] of result.counts) totals.set(name, (totals.get(name) ?? 0) + times);
      failures.push(...result.failures);
    } else {
      const index = readFileSync(progress).readDoubleLE(0);
      const end = `Node ended with ${run.signal ?? run.status}\n${run.stderr.slice(-2000)}`;
      failures.push(`seed ${seed}, mutant ${index}: ${end}`);
      // The rest of this part is still to be tried.
      at = index + 1 - 2000;
    }
    process.stderr.write(`\r${Math.min(at + 2000, end) - from} of ${count} mutants, ${failures.length} failures `);
    if (failures.length > 20) break;
  }
  rmSync(directory, { recursive: true });
  process.stderr.write('\n');
  for (const [name, times] of [...totals].sort((a, b) => b[1] - a[1])) {
    process.stdout.write(`${String(times).padStart(8)}  ${name}\n`);
  }
  for (const failure of failures) process.stdout.write(`FAILED ${failure}\n`);
  process.stdout.write(`${count} mutants of seed ${seed}, ${failures.length} failures\n`);
  return failures.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { seed, from, count, child: progress } = commandLine({
    command: 'npm run fuzz:elf --', about: 'Loads and runs mutated ELF files.',
    table: {
      seed: { type: 'number', fallback: 1, help: 'of the mutants' },
      from: { type: 'number', fallback: 0, help: 'the first mutant' },
      count: { type: 'number', fallback: LONG_RUN, help: 'how many' },
      child: { type: 'text', value: 'FILE', help: 'run them in this process, and write to FILE which one it is at' },
    },
  });
  if (progress === undefined) process.exitCode = main(seed, from, count);
  else child(seed, from, count, progress);
}
