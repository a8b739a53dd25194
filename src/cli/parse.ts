/**
 * The command line of `posixx run`. Guest arguments start at the program and are never looked at.
 * All strings are byte strings (one char a byte).
 */
import { OPTIONS, type Option } from './options.js';

/** A mistake on the command line: `message` says what, where and what to do. Exit status 2. */
export class UsageError extends Error {}

/** The command line asks for help among its options. */
export class HelpWanted extends Error {}

export interface CommandLine {
  readonly flags: ReadonlySet<string>;
  /** Values of `value` and `optional` options ('' for an `optional` one without). */
  readonly values: ReadonlyMap<string, string>;
  readonly lists: ReadonlyMap<string, readonly string[]>;
  /** Program and its arguments. */
  readonly program: readonly string[];
}

const FALSE = new Set(['', '0', 'no', 'false', 'off']);

/**
 * Parses what stands behind `posixx run`. Options that are not given come from their POSIXX_* variable
 * (`lookup` gives its value).
 * @throws UsageError for an unknown option, a missing value, or no program; HelpWanted for --help and -h
 */
export function parseCommandLine(args: readonly string[], lookup: (name: string) => string | undefined): CommandLine {
  const flags = new Set<string>();
  const values = new Map<string, string>();
  const lists = new Map<string, string[]>();

  function accept(option: Option, value: string): void {
    if (option.kind === 'flag') {
      flags.add(option.name);
    } else if (option.kind === 'list') {
      const list = lists.get(option.name);
      if (list) list.push(value);
      else lists.set(option.name, [value]);
    } else {
      values.set(option.name, value);
    }
  }

  let at = 0;
  for (; at < args.length; at++) {
    const word = args[at]!;
    if (word === '--') {
      at++;
      break;
    }
    if (word === '-' || !word.startsWith('-')) break;
    if (word.startsWith('--')) {
      const equals = word.indexOf('=');
      const name = word.slice(2, equals < 0 ? undefined : equals);
      const option = OPTIONS.find((entry) => entry.name === name);
      if (!option && word === '--help') throw new HelpWanted();
      if (!option) throw new UsageError(`unknown option --${name}${suggestion(name)}`);
      if (equals >= 0 && option.kind === 'flag') throw new UsageError(`option --${name} takes no value`);
      if (equals >= 0) accept(option, word.slice(equals + 1));
      else if (option.kind === 'flag' || option.kind === 'optional') accept(option, '');
      else accept(option, following(option, `--${name}`));
      continue;
    }
    for (let letter = 1; letter < word.length; letter++) {
      const option = OPTIONS.find((entry) => entry.alias === word[letter]);
      if (!option && word === '-h') throw new HelpWanted();
      if (!option) throw new UsageError(`unknown option -${word[letter]}; see posixx --help`);
      if (option.kind === 'flag') {
        accept(option, '');
        continue;
      }
      const attached = word.slice(letter + 1);
      accept(option, attached !== '' ? attached : following(option, `-${word[letter]}`));
      break;
    }
  }

  function following(option: Option, written: string): string {
    const value = args[++at];
    if (value === undefined) throw new UsageError(`option ${written} needs a value: ${written} ${option.value}`);
    return value;
  }

  for (const option of OPTIONS) {
    if (option.env === undefined || flags.has(option.name) || values.has(option.name) || lists.has(option.name)) continue;
    const value = lookup(option.env);
    if (value === undefined) continue;
    if (option.kind === 'flag') {
      if (!FALSE.has(value)) flags.add(option.name);
    } else if (option.kind === 'optional') {
      if (!FALSE.has(value)) values.set(option.name, value === '1' ? '' : value);
    } else if (value !== '') {
      if (option.kind === 'list') lists.set(option.name, value.split(';').filter((part) => part !== ''));
      else values.set(option.name, value);
    }
  }

  const program = args.slice(at);
  if (program.length === 0) throw new UsageError('no program given: posixx run [options] [--] program [args...]');
  if (program[0] === '') throw new UsageError('the program\'s name is empty');
  return { flags, values, lists, program };
}

/** ` (did you mean --x?)` for a name that is one or two letters away from an option. */
function suggestion(name: string): string {
  let best = '';
  let least = 3;
  for (const option of OPTIONS) {
    const distance = editDistance(name, option.name);
    if (distance < least) {
      least = distance;
      best = option.name;
    }
  }
  return best === '' ? '; see posixx --help' : ` (did you mean --${best}?)`;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
