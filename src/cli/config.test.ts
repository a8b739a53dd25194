import t from 'tap';
import { configure, type RunConfig } from './config.js';
import { parseCommandLine, UsageError } from './parse.js';

const caller = ['PATH=/bin', 'HOME=/home/x', 'EMPTY='];
const read = (...args: string[]): RunConfig => configure(parseCommandLine([...args, 'p'], () => undefined), caller);

t.test('defaults', async (t) => {
  const config = read();
  t.same(config.argv, ['p']);
  t.same(config.env, caller);
  t.match(config, { rootfs: '/', emptyRoot: false, cpu: 'x86-64-v3', aslr: true, memory: 2 ** 32, timeout: Infinity, trace: '' });
  t.equal(config.strace, undefined);
});

t.test('the environment', async (t) => {
  t.same(read('-E', 'HOME=/root', '-E', 'NEW=a=b', '-E', 'EMPTY=').env, ['PATH=/bin', 'HOME=/root', 'EMPTY=', 'NEW=a=b']);
  t.same(read('--clear-env', '-E', 'HOME', '-E', 'NOT_SET', '-E', 'A=1').env, ['HOME=/home/x', 'A=1']);
});

t.test('volumes', async (t) => {
  t.same(read('-v', '/usr:/data').volumes, [{ host: '/usr', guest: '/data', writable: false }]);
  t.same(read('-v', '/usr:/data:rw', '-v', '.:/here').volumes, [
    { host: '/usr', guest: '/data', writable: true }, { host: process.cwd(), guest: '/here', writable: false },
  ]);
});

t.test('sizes, times, traces', async (t) => {
  t.equal(read('--memory', '512M').memory, 512 * 2 ** 20);
  t.equal(read('--memory', '1.5g').memory, 1.5 * 2 ** 30);
  t.equal(read('--memory', '4194304').memory, 2 ** 22);
  t.equal(read('--timeout', '2.5').timeout, 2500);
  t.match(read('-e', 'trace=open,close'), { strace: '', trace: 'open,close' });
  t.match(read('--strace=out', '--trace', '%file'), { strace: 'out', trace: '%file' });
});

t.test('wrong values name the option and what it needs', async (t) => {
  const wrong: [string[], RegExp][] = [
    [['--memory', 'lots'], /--memory needs a size from 1M to 4G.*"lots"/],
    [['--memory', '5G'], /--memory/],
    [['--memory', '0'], /--memory/],
    [['--max-processes', '0'], /--max-processes needs/],
    [['--timeout', '0'], /--timeout/],
    [['--timeout', '-1'], /--timeout/],
    [['--cpu', 'z80'], /--cpu does not know "z80"/],
    [['--cwd', 'here'], /--cwd needs an absolute/],
    [['--rootfs', '/nosuch'], /"\/nosuch" does not exist/],
    [['--rootfs', '/dev/null'], /neither a directory nor a file/],
    [['--rootfs', '/usr', '--empty-root'], /exclude/],
    [['--sysroot', '/nosuch'], /"\/nosuch" does not exist/],
    [['-v', 'x'], /--volume needs HOST:GUEST/],
    [['-v', '/usr:/a:rx'], /--volume needs/],
    [['-v', '/usr:a'], /must be absolute/],
    [['-v', '/nosuch:/a'], /does not exist/],
    [['-E', '=x'], /--env needs/],
  ];
  for (const [args, message] of wrong) {
    try {
      read(...args);
      t.fail(`${args.join(' ')} was accepted`);
    } catch (error) {
      t.ok(error instanceof UsageError);
      t.match((error as Error).message, message);
    }
  }
});
