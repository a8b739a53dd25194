/**
 * Every row of the instruction table with random operands, on the host CPU and in posixx.
 *
 *     npm run fuzz:isa -- [--cases N] [--seed N] [--row TEXT] [--keep N] [--sequences] [--rounds N] [--program]
 *
 * `--row` keeps only rows that contain the text; `--keep` failures are shown (20). A run is a function of its seed.
 * `--sequences` makes short programs of stack operations, jumps, calls and instructions of the rows.
 * `--rounds` runs each case N times in posixx, while the shortest time slices interrupt some of them.
 * `--program` runs reference.c's program under `posixx run` instead of the engine alone: loader, signals and all.
 */
import { pathToFileURL } from 'node:url';
import iced from 'iced-x86';
import { commandLine } from '../../../tools/options.mjs';
import { allForms } from '../../translator/decode.js';
import { Random } from '../../translator/isa/sample.js';
import { CaseMaker, testable } from './cases.js';
import { differences, registerName } from './compare.js';
import { Guest } from './guest.js';
import { posixxReference, runOnHost } from './host.js';
import { SequenceMaker, sequential } from './sequences.js';
import { fillPattern } from './state.js';
import { CODE, ENTRY, PATTERN, Result, SLOT, Test } from './layout.js';

const BATCH = 2000;
const SIGTRAP = 5;
const INT3 = 0xcc;

export interface FuzzOptions {
  readonly cases: number;
  readonly seed: number;
  /** Only rows with this text. */
  readonly row?: string;
  /** Short programs instead of single instructions. */
  readonly sequences?: boolean;
  /** Each case runs this often, with time slices that end within it. */
  readonly rounds?: number;
  /** The program of the host runs under `posixx run`, too, instead of the engine alone. */
  readonly program?: boolean;
  /** Reports of failures to make. */
  readonly keep: number;
  readonly progress?: (done: number, failed: number) => void;
  /** Told each reported failure at once. */
  readonly failure?: (text: string) => void;
}

export interface FuzzReport {
  cases: number;
  /** Time slices that ended within cases. */
  interruptions: number;
  failed: number;
  rows: number;
  /** Cases that ended in a fault, on the host. */
  faults: number;
  /** Text a failure: seed, bytes, disassembly, differing state. */
  failures: string[];
  /** Features that the host CPU lacks, whose rows were left out. */
  missing: string[];
}

/** Lines for the instructions of a case, up to the int3 that fills the rest. */
function disassemble(bytes: Buffer, pc: number): string[] {
  const decoder = new iced.Decoder(64, bytes, 0);
  const formatter = new iced.Formatter(iced.FormatterSyntax.Intel);
  decoder.ip = BigInt(pc);
  const lines: string[] = [];
  while (decoder.canDecode && !bytes.subarray(decoder.position).every((byte) => byte === INT3)) {
    const start = decoder.position;
    const instruction = decoder.decode();
    const hex = bytes.subarray(start, decoder.position).toString('hex');
    lines.push(`    ${(pc + start).toString(16)}  ${hex.padEnd(24)} ${formatter.format(instruction)}`);
    instruction.free();
  }
  decoder.free();
  return lines;
}

/** True when iced-x86 knows no instruction there either. */
function isInvalid(bytes: Uint8Array): boolean {
  const decoder = new iced.Decoder(64, bytes, 0);
  const instruction = decoder.decode();
  const invalid = instruction.isInvalid;
  instruction.free();
  decoder.free();
  return invalid;
}

/** Runs random cases; see FuzzReport. @throws Error when the reference program cannot be built or run */
export function fuzz(options: FuzzOptions): FuzzReport {
  const random = new Random(options.seed);
  const pattern = Buffer.alloc(PATTERN);
  fillPattern(pattern, random);
  const guest = new Guest(pattern, options.rounds);
  const { model } = guest.engine;
  const missing = new Set<string>();
  const rows = allForms().filter((row) => {
    if (!testable(row) || (options.row !== undefined && !row.row.includes(options.row))) return false;
    const lacks = row.form.feature.split('|').filter((feature) => feature !== '' && !model.has(feature));
    for (const feature of lacks) missing.add(feature);
    return lacks.length === 0;
  });
  if (rows.length === 0) throw new Error('fuzz: no row of the table is meant');
  const report: FuzzReport = {
    cases: options.cases, interruptions: 0, failed: 0, rows: rows.length, faults: 0, failures: [],
    missing: [...missing],
  };
  const maker = new CaseMaker(random, isInvalid);
  const sequences = new SequenceMaker(random, rows.filter(sequential));
  const tests = Buffer.alloc(BATCH * Test.size);
  const calls: boolean[] = [];
  let next = 0;
  for (let done = 0; done < options.cases;) {
    const count = Math.min(BATCH, options.cases - done);
    for (let i = 0; i < count; i++) {
      const test = tests.subarray(i * Test.size, (i + 1) * Test.size);
      if (options.sequences) sequences.make(i, test);
      else maker.make(rows[next]!, i, test);
      calls[i] = options.sequences === true || maker.insn.form.mnemonic === 'call';
      next = (next + 1) % rows.length;
    }
    const host = runOnHost(pattern, tests, count);
    const ours = options.program ? runOnHost(pattern, tests, count, posixxReference()) : guest.run(tests, count);
    for (let i = 0; i < count; i++) {
      const test = tests.subarray(i * Test.size, (i + 1) * Test.size);
      const expected = host.subarray(i * Result.size, (i + 1) * Result.size);
      if (expected.readUInt32LE(Result.signal) !== SIGTRAP) report.faults++;
      const got = ours.subarray(i * Result.size, (i + 1) * Result.size);
      const found = differences(expected, got, test.readUInt32LE(Test.arena), calls[i]!, options.sequences === true);
      if (found.length === 0) continue;
      report.failed++;
      if (report.failures.length < options.keep) {
        const text = describe(test, i, `seed ${options.seed}, case ${done + i}`, found);
        report.failures.push(text);
        options.failure?.(text);
      }
    }
    done += count;
    options.progress?.(done, report.failed);
  }
  report.interruptions = guest.interruptions;
  guest.destroy();
  return report;
}

function describe(test: Buffer, slot: number, name: string, found: string[]): string {
  const pc = CODE + slot * SLOT + ENTRY;
  const registers = Array.from({ length: 16 }, (_, i) => {
    return `${registerName(i)}=${test.readBigUInt64LE(Test.gpr + i * 8).toString(16)}`;
  });
  return [`${name}: at ${pc.toString(16)}`, ...disassemble(test.subarray(Test.code + ENTRY, Test.code + SLOT), pc),
    ...found.slice(0, 12).map((line) => `    ${line}`),
    `    from ${registers.join(' ')} rflags=${test.readBigUInt64LE(Test.rflags).toString(16)}`].join('\n');
}

function main(): void {
  const { cases, seed, keep, row, sequences, rounds, program } = commandLine({
    command: 'npm run fuzz:isa --', about: 'Instructions with random operands, on the host CPU and in posixx.',
    table: {
      cases: { type: 'number', fallback: 2_000_000, help: 'how many' },
      seed: { type: 'number', fallback: Date.now() & 0x7fffffff, help: 'a run is a function of it' },
      row: { type: 'text', help: 'only rows of the instruction table that contain TEXT' },
      keep: { type: 'number', fallback: 20, help: 'so many failures are shown' },
      sequences: { type: 'boolean', help: 'short programs of stack operations, jumps and calls' },
      rounds: { type: 'number', least: 1, fallback: 1, help: 'runs of each case, while short time slices interrupt some' },
      program: { type: 'boolean', help: 'a program under posixx run instead of the engine alone' },
    },
  });
  const start = Date.now();
  const report = fuzz({
    cases, seed, keep, row, program, sequences, rounds,
    failure: (text) => process.stdout.write(`${text}\n`),
    progress: (done, failed) => {
      if (done % 100_000 === 0) process.stderr.write(`posixx: fuzz: ${done} cases, ${failed} differ\n`);
    },
  });
  if (report.missing.length > 0) process.stdout.write(`not on this CPU: ${report.missing.join(', ')}\n`);
  process.stdout.write(`seed ${seed}: ${report.cases} cases over ${report.rows} rows, ` +
    `${report.faults} of them faults, ${report.interruptions} interruptions, ${report.failed} differ, ` +
    `${((Date.now() - start) / 1000).toFixed(1)} s\n`);
  process.exitCode = report.failed === 0 ? 0 : 1;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) main();
