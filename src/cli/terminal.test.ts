/** Interactive programs on a real pseudo-terminal: a terminal emulator's screen is looked at, keys are typed. */
import t, { type Test } from 'tap';
import { spawn, type IPty } from '@lydell/node-pty';
import xterm from '@xterm/headless';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const bin = join(root, 'bin/posixx.js');
const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((file) => existsSync(file));
const needsBusybox = busybox === undefined ? { skip: 'busybox is missing' } : {};
const needsBash = existsSync('/bin/bash') ? needsBusybox : { skip: 'bash is missing' };
mkdirSync(join(root, 'build/run'), { recursive: true });
const scratch = mkdtempSync(join(root, 'build/run/terminal-'));

/** Machines under load are slow; nothing waits that long when all is well. */
const PATIENCE_MS = 15_000;
const CTRL = { C: '\x03', D: '\x04', Z: '\x1a' } as const;

class Session {
  readonly pty: IPty;
  readonly ended: Promise<number>;
  private readonly terminal = new xterm.Terminal({ cols: 80, rows: 24, allowProposedApi: true });
  private over = false;

  constructor(file: string, args: readonly string[]) {
    this.pty = spawn(file, [...args], {
      name: 'xterm', cols: 80, rows: 24, cwd: '/', env: { PATH: '/usr/bin:/bin', HOME: '/', TERM: 'xterm', PS1: '$ ' },
    });
    this.pty.onData((data) => this.terminal.write(data));
    this.ended = new Promise((done) => {
      this.pty.onExit(({ exitCode, signal }) => {
        this.over = true;
        done(signal ? 128 + signal : exitCode);
      });
    });
  }

  /** The lines of the screen, without what is blank on the right. */
  get screen(): string {
    const { buffer, rows } = this.terminal;
    const lines: string[] = [];
    for (let row = 0; row < rows; row++) {
      lines.push(buffer.active.getLine(buffer.active.baseY + row)?.translateToString(true) ?? '');
    }
    return lines.join('\n').trimEnd();
  }

  type(keys: string): void {
    this.pty.write(keys);
  }

  resize(columns: number, rows: number): void {
    this.terminal.resize(columns, rows);
    this.pty.resize(columns, rows);
  }

  /** Waits until the screen shows it; false when it never does. */
  async shows(expected: RegExp): Promise<boolean> {
    const end = Date.now() + PATIENCE_MS;
    while (!expected.test(this.screen)) {
      // What a program wrote last may come behind its end.
      if (this.over) await delay(200);
      if (Date.now() > end || this.over) return expected.test(this.screen);
      await delay(10);
    }
    return true;
  }
}

const sessions: Session[] = [];
t.teardown(() => {
  for (const session of sessions) {
    try {
      session.pty.kill('SIGKILL');
    } catch {
      continue;
    }
  }
  rmSync(scratch, { recursive: true, force: true });
});

function start(file: string, ...args: string[]): Session {
  const session = new Session(file, args);
  sessions.push(session);
  return session;
}

const posixx = (...args: string[]): Session => start(process.execPath, bin, 'run', ...args);

/** A host shell that runs posixx and then tells its status and whether the terminal is in the mode of before. */
const watched = (...args: string[]): Session => start('/bin/sh', '-c',
  'before=$(stty -g); "$@"; status=$?; after=$(stty -g); [ "$before" = "$after" ] && echo "status $status, modes kept"',
  'sh', process.execPath, bin, 'run', ...args);

/** Children of a host process. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
}

/** Says on the terminal that it runs, in the raw mode of an editor, and stays. */
const RAW = 'stty raw -echo; echo is-$((1+1))-raw; ';

async function shows(t: Test, session: Session, expected: RegExp, what = String(expected)): Promise<void> {
  if (!t.ok(await session.shows(expected), what)) t.comment(session.screen);
}

/** What both shells do. Programs say when they are in the foreground: keys that come earlier are the shell's. */
async function basics(t: Test, shell: Session, prompt: RegExp): Promise<void> {
  await shows(t, shell, prompt, 'a prompt');
  shell.type('echo wrold\x1b[D\x1b[D\x1b[D\x7f\x1b[Cr\x1b[F-$((40+2))\r');
  await shows(t, shell, /^world-42\n.*\$$/m, 'the line is edited');
  shell.type("sh -c 'echo go-$((1+0)); exec sleep 1000'\r");
  await shows(t, shell, /^go-1$/m);
  shell.type(CTRL.C);
  await shows(t, shell, /\^C\n+.*\$$/);
  shell.type('echo status-$?\r');
  await shows(t, shell, /^status-130\n.*\$$/m, '^C interrupts');
  shell.type("clear; sh -c 'echo go-$((1+1)); exec sleep 1001'\r");
  await shows(t, shell, /^go-2$/m);
  shell.type(CTRL.Z);
  await shows(t, shell, /Stopped.*\n.*\$$/, '^Z stops');
  shell.type('bg\r');
  await shows(t, shell, /bg\n.*1001.*\n.*\$$/);
  shell.type('jobs\r');
  await shows(t, shell, /Running .*1001.*\n.*\$$/, 'bg lets it go on');
  shell.type('fg\r');
  await shows(t, shell, /fg\n.*1001.*$/);
  await delay(300);
  shell.type(CTRL.C);
  await shows(t, shell, /\^C\n+.*\$$/);
  shell.type('echo left-$?\r');
  await shows(t, shell, /^left-130\n.*\$$/m, 'fg brings it back');
  shell.type("clear; sh -c 'echo go-$((1+2)); exec cat'\r");
  await shows(t, shell, /^go-3$/m);
  shell.type('typed line\r');
  await shows(t, shell, /^typed line\ntyped line$/m, 'canonical input');
  shell.type(CTRL.D);
  await shows(t, shell, /typed line\n.*\$$/);
  shell.type('echo three | cat | cat; echo after-$?\r');
  await shows(t, shell, /^three\nafter-0\n.*\$$/m, '^D ends the input; a pipeline');
  shell.resize(100, 30);
  shell.type('stty size\r');
  await shows(t, shell, /^30 100\n.*\$$/m, 'the new size');
}

t.test('busybox sh', needsBusybox, async (t) => {
  const shell = posixx(busybox!, 'sh');
  await basics(t, shell, /\$$/m);
  shell.type('clear; stty -a; tty\r');
  await shows(t, shell, /rows 30; columns 100/);
  await shows(t, shell, /isig icanon iexten echo echoe echok/, 'programs find the terminal in canonical mode');
  await shows(t, shell, /^\/dev\/console$/m);
  shell.type("clear; sh -c 'trap \"echo resized\" WINCH; echo go-$((2+2)); while :; do sleep 0.1; done'\r");
  await shows(t, shell, /^go-4$/m);
  shell.resize(80, 24);
  await shows(t, shell, /^resized$/m, 'SIGWINCH');
  shell.type(CTRL.C);
  await shows(t, shell, /\^C\n+.*\$$/);
  shell.type(CTRL.C);
  await delay(100);
  shell.type(CTRL.C);
  await delay(100);
  shell.type('echo still-$((1+1))\r');
  await shows(t, shell, /^still-2\n.*\$$/m, 'two ^C do not end a shell');
  shell.type(CTRL.D);
  t.equal(await shell.ended, 0, '^D leaves');
});

t.test('bash', needsBash, async (t) => {
  const shell = posixx('/bin/bash', '--norc', '--noprofile', '-i');
  await basics(t, shell, /\$$/m);
  shell.type('clear; suspended=$(true); (kill -STOP $BASHPID; exit 9)\r');
  await shows(t, shell, /Stopped/);
  shell.type('fg >/dev/null; echo sub-$?\r');
  await shows(t, shell, /^sub-9$/m);
  shell.type('exit 7\r');
  t.equal(await shell.ended, 7);
});

/** Alone for a moment: what follows at once would make it a function key. */
async function escape(session: Session): Promise<void> {
  session.type('\x1b');
  await delay(400);
}

t.test('vi', needsBusybox, async (t) => {
  const shell = posixx(busybox!, 'sh');
  await shows(t, shell, /\$$/m);
  shell.type('cd /tmp; printf "one\\ntwo\\nthree\\n" > text; vi text\r');
  await shows(t, shell, /^one\ntwo\nthree\n~\n(~\n)+- text 1\/3 33%$/, 'the file fills the screen');
  shell.type('jddOnew line');
  await escape(shell);
  await shows(t, shell, /^one\nnew line\nthree\n~\n/, 'lines go and come');
  shell.resize(60, 12);
  await shows(t, shell, /^one\nnew line\nthree *\n(~ *\n){8}[^\n]*$/, 'a smaller screen');
  shell.type('Goat the end');
  await escape(shell);
  shell.type(':wq\r');
  await shows(t, shell, /\$$/);
  shell.type('clear; cat text\r');
  await shows(t, shell, /^one\nnew line\nthree\nat the end\n/m, 'what was written is in the file');
  shell.type('exit\r');
  t.equal(await shell.ended, 0);
});

t.test('the terminal is as it was when posixx ends, however it ends', needsBusybox, async (t) => {
  const ends: [string, number, ((posixx: number) => void)?][] = [
    ['exit 5', 5],
    ['kill -SEGV $$', 139],
    ['kill -KILL $$', 137],
    ['sleep 1000', 143, (pid) => process.kill(pid, 'SIGTERM')],
    ['sleep 1000', 129, (pid) => process.kill(pid, 'SIGHUP')],
    ['sleep 1000', 134, (pid) => process.kill(pid, 'SIGABRT')],
  ];
  await Promise.all(ends.map(async ([command, status, act]) => {
    const session = watched(busybox!, 'sh', '-c', RAW + command);
    if (act) {
      await shows(t, session, /is-2-raw/);
      act(childrenOf(session.pty.pid)[0]!);
    }
    await shows(t, session, new RegExp(`status ${status}, modes kept`), `${command}: ${status}`);
    t.equal(await session.ended, 0);
  }));
});

t.test('raw input: MIN and TIME on the caller\'s terminal', needsBusybox, async (t) => {
  const read = `${busybox} dd bs=10 count=1 2>/dev/null; echo "<>"; `;
  const session = watched(busybox!, 'sh', '-c', `stty -icanon -echo min 0 time 2; ${read} stty min 3 time 0;` +
    `echo ready; ${read} stty min 6 time 3; echo set; ${read}`);
  await shows(t, session, /^<>\nready$/m, 'a time without input');
  session.type('a');
  await delay(50);
  session.type('bc');
  await shows(t, session, /^abc<>\nset$/m, 'three bytes');
  session.type('de');
  await shows(t, session, /^de<>$/m, 'two of six, and a pause');
  await shows(t, session, /status 0, modes kept/);
});

t.test('^Z of the program that posixx was started for', needsBash, async (t) => {
  const shell = start('/bin/bash', '--norc', '--noprofile', '-i');
  await shows(t, shell, /\$$/m);
  shell.type(`clear; '${process.execPath}' '${bin}' run ${busybox} sh -c 'echo it-$((1+1)); cat'\r`);
  await shows(t, shell, /^it-2$/m);
  shell.type('first\r');
  await shows(t, shell, /^first\nfirst$/m);
  shell.type(CTRL.Z);
  await shows(t, shell, /Stopped/, 'the host\'s shell sees posixx stop');
  shell.type('fg\r');
  await delay(300);
  shell.type('second\r');
  await shows(t, shell, /^second\nsecond$/m, 'and continue');
  shell.type(CTRL.D);
  await shows(t, shell, /second\n[^\n]*\$$/);
  shell.type('exit 3\r');
  t.equal(await shell.ended, 3);
});

t.test('guests that do not want to end', needsBusybox, async (t) => {
  const stubborn = (trap: string): string[] => [busybox!, 'sh', '-c', `${trap}; echo it-$((1+1)); while :; do :; done`];
  const deaf = posixx(...stubborn('trap "" INT TERM HUP QUIT TSTP'));
  await shows(t, deaf, /^it-2$/m);
  deaf.type(CTRL.C);
  await delay(300);
  deaf.type(CTRL.C);
  t.equal(await deaf.ended, 137, 'a second ^C kills what ignores SIGINT');
  const handling = posixx('--kill-after', '60', ...stubborn('trap "echo no" INT TERM'));
  await shows(t, handling, /^it-2$/m);
  handling.type(CTRL.C);
  await shows(t, handling, /no$/m);
  handling.type(CTRL.C);
  t.equal(await handling.ended, 137, 'with --kill-after, a second ^C kills all');
  const limited = posixx('--kill-after', '0.5', ...stubborn('trap "echo no" INT TERM'));
  await shows(t, limited, /^it-2$/m);
  process.kill(limited.pty.pid, 'SIGTERM');
  t.equal(await limited.ended, 137, 'SIGTERM, and SIGKILL after the time');
});
