/**
 * The system-call table: the families' rows, and how to find one by number. The families that nearly every program calls are
 * loaded with it; the others when the first of their calls, or the whole table, is asked for, since they cost every start some time.
 */
import { createRequire } from 'node:module';
import { Abi } from '../abi/abi.js';
import { clockRows } from './clock.js';
import { dirRows } from './dir.js';
import { fileDataRows } from './file_data.js';
import { fileHandleRows } from './file_handle.js';
import { fileCopyRows } from './file_copy.js';
import { fileIoRows } from './file_io.js';
import { fileOpenRows } from './file_open.js';
import { fileStatRows } from './file_stat.js';
import { futexRows } from './futex.js';
import { identityRows } from './identity.js';
import { ioctlRows } from './ioctl.js';
import { memoryRows } from './memory.js';
import { pathRows } from './path.js';
import { pipeRows } from './pipe.js';
import { pollRows } from './poll.js';
import { processRows } from './process.js';
import { resourceRows } from './resource.js';
import { rseqRows } from './rseq.js';
import { signalRows } from './signal.js';
import { systemRows } from './system.js';
import { taskControlRows } from './task_control.js';
import type { Row } from './types.js';

const require = createRequire(import.meta.url);
type LateModule = typeof import('./late_families.js');

const earlyRows: readonly Row[] = [
  ...clockRows,
  ...dirRows,
  ...fileDataRows,
  ...fileHandleRows,
  ...fileIoRows, ...fileCopyRows,
  ...fileOpenRows,
  ...fileStatRows,
  ...futexRows,
  ...identityRows,
  ...ioctlRows,
  ...memoryRows,
  ...pathRows,
  ...pipeRows,
  ...pollRows,
  ...processRows,
  ...resourceRows,
  ...rseqRows,
  ...signalRows,
  ...systemRows,
  ...taskControlRows,
];

function lateRows(): readonly Row[] {
  return (require('./late_families.js') as LateModule).lateRows;
}

/** Every call of Linux x86-64, implemented or not, in no particular order. */
export function allRows(): readonly Row[] {
  return [...earlyRows, ...lateRows()];
}

type Numbered = (Row | undefined)[];

/** By ABI. */
let early: readonly Numbered[] | undefined;
let late: readonly Numbered[] | undefined;

/** The row of a call, undefined for numbers that Linux does not have. */
export function rowOf(number: number, abi: Abi): Row | undefined {
  early ??= [byNumber(earlyRows, Abi.X64), byNumber(earlyRows, Abi.I386)];
  const row = early[abi]![number];
  if (row !== undefined) return row;
  if (late === undefined) {
    const rows = lateRows();
    late = [byNumber(rows, Abi.X64), byNumber(rows, Abi.I386)];
  }
  return late[abi]![number];
}

function byNumber(rows: readonly Row[], abi: Abi): Numbered {
  const found: Numbered = new Array<Row | undefined>(480).fill(undefined);
  for (const row of rows) {
    const number = abi === Abi.X64 ? row.x64 : row.i386;
    if (number >= 0) found[number] = row;
  }
  return found;
}
