/** The command as a user meets it: bin/posixx.js is started, output and exit status are looked at. */
import t from 'tap';
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const bin = join(root, 'bin/posixx.js');
const hello = join(root, 'examples/hello/hello');
const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((file) => existsSync(file));
const needsBusybox = busybox === undefined ? { skip: 'busybox is missing' } : {};
mkdirSync(join(root, 'build/run'), { recursive: true });
const scratch = mkdtempSync(join(root, 'build/run/cli-'));
t.teardown(() => rmSync(scratch, { recursive: true, force: true }));

interface Result { status: number | null; stdout: string; stderr: string }

function posixx(args: readonly string[], options: { env?: Record<string, string>; input?: string; cwd?: string } = {}): Result {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    encoding: 'latin1', cwd: options.cwd ?? scratch, input: options.input ?? '', timeout: 60_000,
    env: { PATH: '/usr/bin:/bin', HOME: '/', ...options.env },
  });
  return { status, stdout, stderr };
}

/** One line that begins with posixx:, and no JavaScript stack. */
function isMessage(text: string): boolean {
  return /^posixx: [^\n]+\n$/.test(text) && !/\n\s+at /.test(text);
}

t.test('a program runs, with its arguments and its output', async (t) => {
  const { status, stdout, stderr } = posixx(['run', hello, '--help', '-x']);
  t.equal(status, 0);
  t.match(stdout, /^Hello --help -x!\nThis is Linux [\d.]+\S* on x86_64/);
  t.equal(stderr, '');
});

t.test('mistakes on the command line: one line, status 2', async (t) => {
  for (const args of [
    [], ['bogus'], ['--bogus'], ['run'], ['run', '--'], ['run', ''], ['run', '--bogus', hello], ['run', '--env'],
    ['run', '--memory', 'x', hello], ['run', '-v', '/nosuch:/x', hello], ['run', '-e', 'trace=nosuchcall', hello],
    ['run', '--strace=/nosuch/dir/file', hello], ['syscalls', '--xml'], ['completion', 'tcsh'],
  ]) {
    const { status, stdout, stderr } = posixx(args);
    t.equal(status, 2, `posixx ${args.join(' ')}`);
    t.equal(stdout, '');
    t.ok(isMessage(stderr), stderr);
  }
});

t.test('what cannot be run: 127 when it is not there, 126 otherwise', async (t) => {
  const file = (name: string, content: Buffer | string, mode = 0o755): string => {
    const path = join(scratch, name);
    writeFileSync(path, content, { mode });
    return path;
  };
  const elf = readFileSync(hello);
  const patched = (at: number, ...bytes: number[]): Buffer => {
    const copy = Buffer.from(elf);
    copy.set(bytes, at);
    return copy;
  };
  const cases: [string, number, RegExp][] = [
    ['/nosuch/program', 127, /no such file/],
    ['nosuchprogram', 127, /not found on the guest's PATH/],
    ['/usr', 126, /is a directory/],
    [file('not-executable', elf, 0o644), 126, /permission denied.*chmod/],
    [file('empty', ''), 126, /empty/],
    [file('text', 'just some text\n'), 126, /cannot run/],
    [file('truncated', elf.subarray(0, 40)), 126, /cannot run/],
    [file('headers-only', elf.subarray(0, 64)), 126, /cannot run/],
    [file('arm', patched(18, 183, 0)), 126, /AArch64|ARM|machine/i],
    [file('class32', patched(4, 1)), 126, /32-bit|class/i],
    [file('big-endian', patched(5, 2)), 126, /endian|cannot run/i],
    [file('no-headers', patched(56, 0, 0)), 126, /cannot run/],
    [file('wild-offset', patched(32, 255, 255, 255, 255, 255, 255, 255, 127)), 126, /cannot run/],
    [file('script', '#!/nosuch/interpreter\n'), 127, /\/nosuch\/interpreter/],
  ];
  for (const [program, expected, message] of cases) {
    const { status, stderr } = posixx(['run', program]);
    t.equal(status, expected, program);
    t.ok(isMessage(stderr), stderr);
    t.match(stderr, message);
  }
});

t.test('version, help, completion and the system-call table', async (t) => {
  t.match(posixx(['--version']).stdout, /^\d+\.\d+\.\d+\n$/);
  const help = posixx(['--help']);
  t.equal(help.status, 0);
  for (const word of ['--volume', '--strace', 'POSIXX_CPU', 'syscalls']) t.ok(help.stdout.includes(word), word);
  t.equal(posixx(['run', '-q', '--help']).stdout, help.stdout);
  const table = JSON.parse(posixx(['syscalls', '--json']).stdout) as { name: string; x86_64: number; support: string }[];
  t.ok(table.length > 300, `${table.length} calls`);
  t.match(table.find((row) => row.name === 'read'), { x86_64: 0, support: /full|partial/ });
});

t.test('shells complete words with the scripts', async (t) => {
  symlinkSync(bin, join(scratch, 'posixx'));
  const complete: [string, (line: string) => string[]][] = [
    ['bash', (line) => ['-c', `. <(posixx completion bash); COMP_WORDS=(${line}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
      _posixx; printf '%s\\n' "\${COMPREPLY[@]}"`]],
    ['zsh', (line) => ['-fc', `compdef() { :; }; _describe() { print -l -- $found; }; . <(posixx completion zsh)
      words=(${line}); CURRENT=$#words; _posixx`]],
    ['fish', (line) => ['-c', `posixx completion fish | source; complete -C '${line}'`]],
  ];
  for (const [shell, args] of complete) {
    const path = ['/bin', '/usr/bin'].map((directory) => `${directory}/${shell}`).find((file) => existsSync(file));
    if (path === undefined) continue;
    const words = (line: string): string => spawnSync(path, args(line), {
      encoding: 'latin1', cwd: scratch, timeout: 60_000,
      // The user's shell may be another.
      env: { PATH: `${scratch}:${dirname(process.execPath)}:/usr/bin:/bin`, HOME: scratch, SHELL: '/usr/bin/fish' },
    }).stdout;
    t.match(words('posixx run --em'), /^--empty-root/m, shell);
    t.match(words('posixx sys'), /^syscalls/m, shell);
    t.notMatch(words('posixx run ./x'), /--/, shell);
  }
});

t.test('odd surroundings', async (t) => {
  const shell = (line: string): Result => {
    const args = ['-c', line, process.execPath, bin, hello];
    const { status, stdout, stderr } = spawnSync('sh', args, { encoding: 'latin1', cwd: scratch });
    return { status, stdout, stderr };
  };
  const gone = 'mkdir gone && cd gone && rmdir ../gone && "$0" "$1" run';
  const message = /^posixx: the working directory does not exist [^\n]+\n$/;
  t.match(shell(`${gone} "$2"`), { status: 0, stdout: /^Hello!/, stderr: message });
  t.match(shell(`${gone} --cwd / "$2"`), { status: 0, stdout: /^Hello!/, stderr: /^$/ });
  const relative = shell(`${gone} --persist kept "$2"`);
  t.equal(relative.status, 2);
  t.ok(isMessage(relative.stderr), relative.stderr);
  const bytes = shell('d=$(printf "d\\377") && mkdir "$d" && cd "$d" && "$0" "$1" run --volume .:/v "$2" x');
  t.match(bytes, { status: 0, stdout: /^Hello x!/, stderr: /^$/ });
  for (const command of ['--help', 'syscalls', 'completion zsh']) {
    const full = shell(`"$0" "$1" ${command} > /dev/full`);
    t.equal(full.status, 125, command);
    t.ok(isMessage(full.stderr), full.stderr);
    t.match(shell(`"$0" "$1" ${command} | head -c 1`), { status: 0, stderr: /^$/ });
  }
  const noAddons = posixx(['run', hello], { env: { NODE_OPTIONS: '--no-addons' } });
  t.equal(noAddons.status, 125);
  t.ok(isMessage(noAddons.stderr), noAddons.stderr);
});

t.test('strace and stats', async (t) => {
  const traced = posixx(['run', '-e', 'trace=uname,exit_group', hello, 'x']);
  t.equal(traced.status, 0);
  t.match(traced.stderr, /^uname\(\{sysname="Linux".*\) = 0\n/);
  t.match(traced.stderr, /exit_group\(0\)/);
  t.notMatch(traced.stderr, /write/);
  const log = join(scratch, 'strace.log');
  t.equal(posixx(['run', `--strace=${log}`, hello]).stderr, '');
  t.match(readFileSync(log, 'utf8'), /writev?\(1, /);
  const stats = posixx(['run', '--stats', hello]).stderr;
  t.match(stats, /translated: \d+ fragments/);
  t.match(stats, /traps: \d+ system calls/);
});

t.test('the environment and the working directory', needsBusybox, async (t) => {
  const run = (...args: string[]): string => posixx(['run', ...args], { env: { GIVEN: 'by the caller', BYTES: 'ä' } }).stdout;
  t.match(run(busybox!, 'env'), /GIVEN=by the caller/);
  t.match(run(busybox!, 'env'), new RegExp(`BYTES=${Buffer.from('ä').toString('latin1')}`));
  t.equal(run('--clear-env', '-E', 'A=1', '-E', 'GIVEN', busybox!, 'env'), 'A=1\nGIVEN=by the caller\n');
  t.equal(run(busybox!, 'pwd'), `${scratch}\n`);
  t.equal(run('--cwd', '/usr', busybox!, 'pwd'), '/usr\n');
  t.equal(posixx(['run', '--cwd', '/nosuch', busybox!, 'pwd']).status, 125);
  t.equal(run(busybox!, 'printf', '%s|', 'ä', ''), `${Buffer.from('ä').toString('latin1')}||`);
});

t.test('standard streams are the caller\'s', needsBusybox, async (t) => {
  t.equal(posixx(['run', busybox!, 'cat'], { input: 'through\0a pipe\n' }).stdout, 'through\0a pipe\n');
  const shell = (line: string): Result => {
    const { status, stdout, stderr } = spawnSync('sh', ['-c', line, process.execPath, bin, busybox!], { encoding: 'latin1', cwd: scratch });
    return { status, stdout, stderr };
  };
  t.equal(shell('"$0" "$1" run "$2" cat < /etc/passwd').stdout, readFileSync('/etc/passwd', 'latin1'), 'a file as input');
  t.equal(shell('"$0" "$1" run "$2" echo to a file > out; cat out').stdout, 'to a file\n');
  t.equal(shell('"$0" "$1" run "$2" seq 100000 | head -n 1').stdout, '1\n', 'a reader that goes away');
});

t.test('the host stays as it is, but for volumes that are writable', needsBusybox, async (t) => {
  const shared = join(scratch, 'shared');
  mkdirSync(shared);
  writeFileSync(join(shared, 'kept'), 'as it was\n');
  const before = readdirSync(scratch);
  t.equal(posixx(['run', busybox!, 'cp', '/etc/passwd', join(scratch, 'written')]).status, 0, 'the guest may write');
  t.equal(posixx(['run', busybox!, 'rm', join(shared, 'kept')]).status, 0, 'and remove');
  t.same(readdirSync(scratch), before);
  t.equal(readFileSync(join(shared, 'kept'), 'utf8'), 'as it was\n');
  t.not(posixx(['run', '-v', `${shared}:/data`, busybox!, 'touch', '/data/new']).status, 0, 'volumes are read-only');
  t.same(readdirSync(shared), ['kept']);
  t.equal(posixx(['run', '-v', `${shared}:/data:rw`, busybox!, 'cp', '/data/kept', '/data/new']).status, 0);
  t.same(readdirSync(shared), ['kept', 'new']);
  t.equal(posixx(['run', '--empty-root', '-v', `${shared}:/data`, busybox!, 'ls', '/']).stdout
    .split('\n').includes('etc'), false, '--empty-root shows nothing of the host');
  const sysroot = join(scratch, 'sysroot');
  mkdirSync(join(sysroot, 'etc'), { recursive: true });
  writeFileSync(join(sysroot, 'etc/issue'), 'of the sysroot\n');
  t.equal(posixx(['run', '-L', sysroot, busybox!, 'cat', '/etc/issue']).stdout, 'of the sysroot\n');
  t.match(posixx(['run', '-L', sysroot, busybox!, 'cat', '/etc/passwd']).stdout, /^root:/, 'what it lacks is of the root');
  t.equal(posixx(['run', '--rootfs', shared, '-v', `${dirname(busybox!)}:/b`, '/b/busybox', 'cat', '/kept']).stdout, 'as it was\n');
});

t.test('memory and processes are limited', needsBusybox, async (t) => {
  const bomb = 'f() { f | f & }; f; sleep 0.2; echo survived';
  const result = posixx(['run', '-q', '--max-processes', '20', '--timeout', '3', busybox!, 'sh', '-c', bomb]);
  t.match(result, { stderr: /can't fork/ }, 'a fork bomb meets the limit');
  t.not(result.status, 125);
  const dd = [busybox!, 'dd', 'if=/dev/zero', 'of=/dev/null', 'bs=64M', 'count=1'];
  t.match(posixx(['run', '--memory', '32M', ...dd]), { status: 1, stderr: /out of memory/ });
  t.equal(posixx(['run', '--memory', '128M', ...dd]).status, 0);
});

t.test('the guest\'s end is the caller\'s status', needsBusybox, async (t) => {
  t.equal(posixx(['run', busybox!, 'false']).status, 1);
  const late = posixx(['run', '--timeout', '0.3', busybox!, 'sleep', '30']);
  t.equal(late.status, 124);
  t.match(late.stderr, /killed after 0.3 s/);
  const signalled = await new Promise<Result>((done) => {
    const child = spawn(process.execPath, [bin, 'run', busybox!, 'cat'], { stdio: ['pipe', 'pipe', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (data) => { stderr += data; });
    child.stdin.write('started\n');
    child.stdout.once('data', () => child.kill('SIGTERM'));
    child.on('close', (status) => done({ status, stdout: '', stderr }));
  });
  t.equal(signalled.status, 143);
  t.equal(signalled.stderr, 'Terminated\n');

  // What the program leaves in the background keeps the run going, until it ends or a signal comes.
  const left = posixx(['run', busybox!, 'sh', '-c', '(sleep 0.2; echo later) & echo first; exit 3']);
  t.match(left, { status: 3, stdout: 'first\nlater\n' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const status = await new Promise((done) => {
      const script = "trap '' TERM HUP; sleep 1000 & echo started; exit 3";
      const child = spawn(process.execPath, [bin, 'run', busybox!, 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'pipe'] });
      child.stdout.once('data', () => setTimeout(() => child.kill(signal), 200));
      child.on('close', done);
    });
    t.equal(status, 3, `${signal} ends what was left in the background`);
  }
  const both = await new Promise((done) => {
    const script = 'sleep 1000 & echo started; wait';
    const child = spawn(process.execPath, [bin, 'run', '-q', busybox!, 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.once('data', () => setTimeout(() => child.kill('SIGTERM'), 200));
    child.on('close', done);
  });
  t.equal(both, 143, 'SIGTERM that ends the program ends its background, too');
});

t.test('who the guest is, and what it sees of the machine', async (t) => {
  const guest = (options: string[], script: string): string => posixx(['run', ...options, 'sh', '-c', script]).stdout;
  const ids = 'echo $(id -u):$(id -g):$(id -G)';
  t.equal(guest(['--user', '33:44'], ids), '33:44:44\n', 'numbers');
  t.equal(guest(['-u', 'daemon'], ids), '1:1:1\n', 'a name, with its group');
  t.equal(guest(['-u', '4711'], ids), '4711:0:0\n', 'a number that nobody has');
  t.match(guest([], ids), /^0:/, 'root, when nothing is said');
  t.match(posixx(['run', '-u', 'no one', 'true']), { status: 125, stderr: /the guest has no user "no one"/ });
  t.match(posixx(['run', '-u', ':5', 'true']), { status: 2, stderr: /--user needs UID or UID:GID/ });
  t.match(guest(['-u', '33'], 'cat /proc/self/status'), /CapEff:\t0{16}\n/, 'others than root have no capabilities');

  const cpus = availableParallelism();
  t.equal(guest([], 'cat /sys/devices/system/cpu/online'), cpus === 1 ? '0\n' : `0-${cpus - 1}\n`, 'processors');
  t.equal(guest([], 'cd /sys; ls; cat class/net/lo/mtu'),
    'block\nbus\nclass\ndev\ndevices\nfirmware\nfs\nkernel\nmodule\npower\n65536\n', '/sys');
});
