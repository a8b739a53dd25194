/** The command lines of the project's own tools (those of posixx itself are in src/cli). */
import { parseArgs } from 'node:util';

/**
 * What the command line says: a value by the name of each row of `table`, and `words`, what else stands there.
 * `--help` prints all rows and ends the process with status 0; what makes no sense is told in one line, with status 2.
 * `command` is how the tool is started, for people; `about` says in one sentence what it does.
 */
export function commandLine({ command, about, words, table }, args = process.argv.slice(2)) {
  const options = { help: { type: 'boolean', default: false, short: 'h' } };
  for (const [name, { type, multiple = false }] of Object.entries(table)) {
    options[name] = { type: type === 'boolean' ? 'boolean' : 'string', multiple };
  }
  const fail = (message) => {
    process.stderr.write(`${command}: ${message} (--help lists the options)\n`);
    process.exit(2);
  };
  let parsed;
  try {
    parsed = parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    return fail(error.message.split('. ')[0].replace(/\s+/g, ' '));
  }
  if (parsed.values.help) {
    process.stdout.write(usage({ command, about, words, table }));
    process.exit(0);
  }
  if (words === undefined && parsed.positionals.length > 0) return fail(`"${parsed.positionals[0]}" is no option`);
  const result = { words: parsed.positionals };
  for (const [name, { type, least = 0, multiple = false, fallback }] of Object.entries(table)) {
    const given = parsed.values[name];
    const number = (text) => {
      const value = text.trim() === '' ? NaN : Number(text);
      return Number.isSafeInteger(value) && value >= least ? value
        : fail(`--${name} needs a whole number from ${least} on, not "${text}"`);
    };
    if (given === undefined) result[name] = multiple ? [] : fallback ?? (type === 'boolean' ? false : undefined);
    else if (type !== 'number') result[name] = given;
    else result[name] = multiple ? given.map(number) : number(given);
  }
  return result;
}

function usage({ command, about, words, table }) {
  const rows = Object.entries(table).map(([name, { type, value, help, fallback, multiple }]) => {
    const left = type === 'boolean' ? `--${name}` : `--${name} ${value ?? (type === 'number' ? 'N' : 'TEXT')}`;
    const usual = fallback === undefined || fallback === '' || type === 'boolean' ? '' : ` (${fallback})`;
    return [left, `${help}${usual}${multiple ? '; may be repeated' : ''}`];
  });
  rows.push(['--help', 'this']);
  const width = Math.max(...rows.map(([left]) => left.length));
  const lines = rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}\n`).join('');
  return `usage: ${command} [options]${words === undefined ? '' : ` ${words}`}\n${about}\n\n${lines}`;
}
