/** The process's own arguments and environment as byte strings; Node's are decoded as UTF-8, which loses bytes. */
import { readFileSync, readlinkSync } from 'node:fs';

function nulSeparated(file: string): string[] | undefined {
  try {
    const text = readFileSync(file, 'latin1');
    return text === '' ? [] : text.slice(0, text.endsWith('\0') ? -1 : undefined).split('\0');
  } catch {
    return undefined;
  }
}

const toBytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

const isAscii = (text: string): boolean => /^[\0-\x7f]*$/.test(text);

/** Arguments behind the script's name. */
export function argumentBytes(): string[] {
  const given = process.argv.slice(2);
  if (given.every(isAscii)) return given;
  const exact = nulSeparated('/proc/self/cmdline')?.slice(-given.length);
  const same = exact?.length === given.length &&
    exact.every((bytes, i) => Buffer.from(bytes, 'latin1').toString('utf8') === given[i]);
  return same ? exact! : given.map(toBytes);
}

/** The caller's working directory; undefined when it was deleted or cannot be told. */
export function workingDirectory(): string | undefined {
  try {
    const decoded = process.cwd();
    return decoded.includes('\ufffd') ? readlinkSync('/proc/self/cwd', 'latin1') : toBytes(decoded);
  } catch {
    return undefined;
  }
}

/** NAME=VALUE strings in the order in which they were given. */
export function environmentBytes(): string[] {
  return nulSeparated('/proc/self/environ') ??
    Object.entries(process.env).map(([name, value]) => toBytes(`${name}=${value}`));
}
