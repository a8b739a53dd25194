/** The system-call table: the families' rows, and the two ways to find one by number. */
import { Abi } from '../abi/abi.js';
import { memoryRows } from './memory.js';
import { unimplementedRows } from './unimplemented.js';
import type { Row } from './types.js';

/** Every call of Linux x86-64, implemented or not, in no particular order. */
export const table: readonly Row[] = [
  ...memoryRows,
  ...unimplementedRows,
];

/** Rows by number, for one ABI. */
export function byNumber(abi: Abi): (Row | undefined)[] {
  const rows: (Row | undefined)[] = new Array<Row | undefined>(480).fill(undefined);
  for (const row of table) {
    const number = abi === Abi.X64 ? row.x64 : row.i386;
    if (number >= 0) rows[number] = row;
  }
  return rows;
}
