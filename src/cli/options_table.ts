/** The README's table of options, from the option table. */
import { OPTIONS } from './options.js';

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** Markdown, one row an option. */
export function optionsTable(): string {
  const rows = OPTIONS.map((option) => {
    const value = option.value === undefined ? '' : option.kind === 'optional' ? `[=${option.value}]` : ` ${option.value}`;
    const short = option.alias === undefined ? '' : `, \`-${option.alias}\``;
    const env = option.env === undefined ? '' : `\`${option.env}\``;
    return `| \`--${cell(option.name + value)}\`${short} | ${env} | ${cell(option.help)}${option.kind === 'list' ? '. May be repeated' : ''} |`;
  });
  return ['| option | variable | what it does |', '|---|---|---|', ...rows].join('\n');
}
