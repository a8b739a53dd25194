import t from 'tap';
import { OPTIONS } from './options.js';
import { parseCommandLine, UsageError } from './parse.js';

const nothing = (): string | undefined => undefined;

t.test('guest arguments start at the program and are left alone', async (t) => {
  const line = parseCommandLine(['-q', './a.out', '--quiet', '-e', '--', '--nonsense'], nothing);
  t.same(line.program, ['./a.out', '--quiet', '-e', '--', '--nonsense']);
  t.same([...line.flags], ['quiet']);
  t.same(parseCommandLine(['--', '--odd'], nothing).program, ['--odd'], '-- ends the options');
  t.same(parseCommandLine(['-', 'x'], nothing).program, ['-', 'x'], 'a dash is a program');
});

t.test('values: attached, after =, and as the next word', async (t) => {
  const line = parseCommandLine(
    ['--env', 'A=1', '-E', 'B=2', '-EC=3', '--env=D=4=5', '--cwd=/x', '-qe', 'trace=open', 'p'], nothing);
  t.same(line.lists.get('env'), ['A=1', 'B=2', 'C=3', 'D=4=5']);
  t.equal(line.values.get('cwd'), '/x');
  t.equal(line.values.get('trace'), 'trace=open');
  t.ok(line.flags.has('quiet'));
});

t.test('an optional value follows = only', async (t) => {
  t.equal(parseCommandLine(['--strace', 'p'], nothing).values.get('strace'), '');
  t.equal(parseCommandLine(['--strace=f', 'p'], nothing).values.get('strace'), 'f');
});

t.test('variables stand in for options that are not given', async (t) => {
  const variables: Record<string, string> = {
    POSIXX_QUIET: '1', POSIXX_STATS: '0', POSIXX_VOLUME: 'a:/a;b:/b', POSIXX_CWD: '/from-variable', POSIXX_STRACE: '1',
  };
  const line = parseCommandLine(['--cwd', '/given', 'p'], (name) => variables[name]);
  t.same([...line.flags], ['quiet']);
  t.same(line.lists.get('volume'), ['a:/a', 'b:/b']);
  t.equal(line.values.get('cwd'), '/given');
  t.equal(line.values.get('strace'), '');
});

t.test('mistakes say what, where and what to do', async (t) => {
  const message = (...args: string[]): string => {
    try {
      parseCommandLine(args, nothing);
    } catch (error) {
      t.type(error, UsageError);
      return (error as Error).message;
    }
    return 'no error';
  };
  t.match(message(), /no program given/);
  t.match(message('-q'), /no program given/);
  t.match(message('--'), /no program given/);
  t.match(message(''), /name is empty/);
  t.match(message('--qiuet', 'p'), /unknown option --qiuet \(did you mean --quiet\?\)/);
  t.match(message('--completely-else', 'p'), /see posixx --help/);
  t.match(message('-Z', 'p'), /unknown option -Z/);
  t.match(message('--quiet=yes', 'p'), /takes no value/);
  t.match(message('--env'), /needs a value: --env NAME/);
  t.match(message('-v'), /needs a value: -v HOST:GUEST/);
});

t.test('the option table is consistent', async (t) => {
  const names = OPTIONS.flatMap((option) => [option.name, option.alias ?? []].flat());
  t.equal(new Set(names).size, names.length, 'names are unique');
  for (const option of OPTIONS) {
    t.match(option.env, /^POSIXX_[A-Z_]+$/);
    t.equal(option.value === undefined, option.kind === 'flag', `${option.name} names its value`);
  }
});
