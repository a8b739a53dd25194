/** Help and shell completion, through yargs. Its own bundle, since yargs takes 70 ms to load. */
import yargs from 'yargs';
import { COMMANDS, OPTIONS } from './options.js';

/** `short`: with the one-letter names, which yargs' completion would give two dashes. */
function describe(args: readonly string[], short = true) {
  const parser = yargs([...args])
    .scriptName('posixx')
    .parserConfiguration({ 'boolean-negation': false, 'halt-at-non-option': true })
    .usage(['posixx: run Linux x86-64 programs inside one Node process\n', ...COMMANDS.map((entry) => `  posixx ${entry.usage}`)]
      .join('\n'))
    .wrap(Math.max(40, Math.min(110, process.stdout.columns || 110)))
    .version(false)
    .exitProcess(false);
  for (const command of COMMANDS) parser.command(command.name, command.help);
  for (const option of OPTIONS) {
    const from = option.env === undefined ? '' : ` [${option.env}]`;
    parser.option(option.name, {
      ...(option.alias === undefined || !short ? {} : { alias: option.alias }),
      type: option.kind === 'flag' ? 'boolean' : 'string',
      describe: option.help + from,
      group: 'Options of run:',
    });
  }
  return parser
    .option('help', { ...(short ? { alias: 'h' } : {}), type: 'boolean', describe: 'Print this', group: 'Other:' })
    .option('version', { ...(short ? { alias: 'V' } : {}), type: 'boolean', describe: 'Print the version', group: 'Other:' })
    .example('posixx run ./a.out --flag', 'The program\'s own arguments are never parsed')
    .example('posixx run -v .:/data:rw busybox tar cf /data/x.tar .', 'Let the guest write to one directory')
    .epilogue('Exit status: the program\'s own, 128+N for signal N, 2 for a mistake on this command line,\n' +
      '124 timeout, 125 internal error, 126 the program cannot be executed, 127 it was not found.');
}

/** The text of `posixx --help`. */
export async function helpText(): Promise<string> {
  return `${await describe([]).getHelp()}\n`;
}

/** Each asks posixx for the words; where there are none, names of files are completed. yargs answers as SHELL says. */
const COMPLETION_SCRIPTS = {
  bash: `_posixx() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(SHELL=bash posixx --get-yargs-completions "\${COMP_WORDS[@]:0:COMP_CWORD+1}")" \\
    -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o bashdefault -o default -F _posixx posixx
`,
  zsh: `#compdef posixx
_posixx() {
  local -a found
  found=("\${(@f)$(SHELL=zsh posixx --get-yargs-completions "\${(@)words[1,CURRENT]}")}")
  if [[ -n "$found" ]]; then _describe 'words' found; else _files; fi
}
if [[ "\${zsh_eval_context[-1]}" == loadautofunc ]]; then _posixx "$@"; else compdef _posixx posixx; fi
`,
  fish: `complete -c posixx -a '(SHELL=fish posixx --get-yargs-completions (commandline -opc) (commandline -ct))'
`,
};

/** A script that completes posixx's command line in `shell`. */
export function completionScript(shell: keyof typeof COMPLETION_SCRIPTS): string {
  return COMPLETION_SCRIPTS[shell];
}

/** Answers the shell that runs the completion script: the words that may stand next, one a line. */
export async function completions(words: readonly string[]): Promise<string> {
  return (await describe([], false).getCompletion([...words])).map((word) => `${word}\n`).join('');
}
