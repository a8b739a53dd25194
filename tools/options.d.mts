/** See options.mjs. */
interface Row {
  /** What it does, for --help. */
  help: string;
  /** What stands for its value in --help. */
  value?: string;
  multiple?: boolean;
}
interface NumberRow extends Row {
  type: 'number';
  least?: number;
  fallback?: number;
}
interface TextRow extends Row {
  type: 'text';
  fallback?: string;
}
/** false unless it is given. */
interface FlagRow extends Row {
  type: 'boolean';
}
type Table = Readonly<Record<string, NumberRow | TextRow | FlagRow>>;

type One<R> = R extends { type: 'number' } ? number : R extends { type: 'text' } ? string : boolean;
type Value<R> = R extends { multiple: true } ? One<R>[] :
  R extends { fallback: unknown } | { type: 'boolean' } ? One<R> : One<R> | undefined;

export function commandLine<const T extends Table>(
  tool: { command: string; about: string; words?: string; table: T }, args?: readonly string[],
): { [K in keyof T]: Value<T[K]> } & { words: string[] };
