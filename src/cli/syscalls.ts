/** `posixx syscalls`: the system-call table as text or JSON. */
import { allRows } from '../syscalls/table.js';
import type { Row } from '../syscalls/types.js';

/** Rows by x86-64 number; those that only i386 has come last. */
function sorted(): Row[] {
  const order = (row: Row): number => (row.x64 >= 0 ? row.x64 : 10_000 + row.i386);
  return [...allRows()].sort((a, b) => order(a) - order(b));
}

/** One line a call (number, name, level, note), then the counts; or a JSON array. */
export function syscallList(json: boolean): string {
  const rows = sorted();
  if (json) {
    const entries = rows.map(({ name, x64, i386, level, note }) => ({
      name, x86_64: x64 < 0 ? null : x64, i386: i386 < 0 ? null : i386, support: level, ...(note === '' ? {} : { note }),
    }));
    return `${JSON.stringify(entries, null, 2)}\n`;
  }
  const number = (value: number): string => (value < 0 ? '-' : String(value)).padStart(4);
  const lines = rows.map(({ name, x64, i386, level, note }) =>
    `${number(x64)} ${number(i386)}  ${name.padEnd(24)} ${level.padEnd(8)} ${note}`.trimEnd());
  const count = (level: Row['level']): number => rows.filter((row) => row.level === level).length;
  return ` x64 i386  ${'name'.padEnd(24)} support  note\n${lines.join('\n')}\n` +
    `${rows.length} calls: ${count('full')} full, ${count('partial')} partial, ${count('none')} none (ENOSYS)\n`;
}
