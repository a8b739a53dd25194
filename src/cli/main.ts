/** Entry of the `posixx` command: chooses the subcommand, and turns whatever goes wrong into one line and a status. */
import { readFileSync, writeSync } from 'node:fs';
import { COMMANDS } from './options.js';
import { HelpWanted, UsageError } from './parse.js';
import { argumentBytes } from './native_strings.js';
import { run } from './run.js';

/** Exit statuses of posixx itself, those of env(1) and docker run. */
const USAGE = 2;
const INTERNAL = 125;

/** Writes all of `text` to a descriptor; a reader that went away is no error, nor whatever stderr does not take. */
function print(fd: number, text: string): void {
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN') continue;
      if (code === 'EPIPE' || fd === 2) return;
      throw new Error(`posixx: cannot write to standard output: ${message}`);
    }
  }
}

const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

async function dispatch(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case 'run': {
      return await run(rest, (text) => print(2, text));
    }
    case 'syscalls': {
      const extra = rest.find((word) => word !== '--json');
      if (extra !== undefined) throw new UsageError(`syscalls takes only --json, not "${extra}"`);
      const { syscallList } = await import('./syscalls.js');
      print(1, latin1(syscallList(rest.includes('--json'))));
      return 0;
    }
    case 'completion': {
      const shell = rest[0];
      if (rest.length !== 1 || (shell !== 'bash' && shell !== 'zsh' && shell !== 'fish')) {
        throw new UsageError('completion needs the name of a shell: posixx completion bash|zsh|fish');
      }
      print(1, (await import('./help.js')).completionScript(shell));
      return 0;
    }
    case '--get-yargs-completions':
      print(1, latin1(await (await import('./help.js')).completions(rest)));
      return 0;
    case 'help':
    case '--help':
    case '-h':
      return help();
    case '--version':
    case '-V':
      print(1, `${version()}\n`);
      return 0;
    case undefined:
      throw new UsageError('no command given; see posixx --help');
    default:
      if (command.startsWith('-')) throw new UsageError(`unknown option ${command}; options of run stand behind "run"`);
      throw new UsageError(`unknown command "${command}" (${COMMANDS.map((entry) => entry.name).join(', ')}); ` +
        `to run a program: posixx run ${command.includes('/') ? command : `./${command}`}`);
  }
}

async function help(): Promise<number> {
  print(1, latin1(await (await import('./help.js')).helpText()));
  return 0;
}

/** The version of package.json: beside dist/ in a package, above build/ in a development tree. */
function version(): string {
  for (const up of ['../package.json', '../../package.json']) {
    try {
      const description = JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')) as { name?: string; version?: string };
      if (description.name === 'posixx' && description.version !== undefined) return description.version;
    } catch {
      continue;
    }
  }
  return 'unknown';
}

dispatch(argumentBytes()).catch((error: unknown) => {
  if (error instanceof HelpWanted) return help();
  throw error;
}).catch((error: unknown) => {
  if (error instanceof UsageError) {
    print(2, `posixx: ${error.message}\n`);
    return USAGE;
  }
  const known = error instanceof Error ? error : new Error(String(error));
  // Messages that begin so are written for people (the addon is not built, no room for guest memory).
  const text = known.message.startsWith('posixx: ') ? known.message : `posixx: internal error: ${known.message}; ` +
    'please report it, with the output of the same command under POSIXX_DEBUG=1';
  print(2, latin1(`${text.replaceAll('\n', ' ')}\n`));
  if (process.env['POSIXX_DEBUG'] === '1') print(2, latin1(`${known.stack}\n`));
  return INTERNAL;
}).then((status) => process.exit(status));
