/** Hosts that let a guest down: directories that go while it holds them, full disks, names that are not UTF-8. */
import { spawn, spawnSync } from 'node:child_process';
import {
  mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';

const root = process.cwd();
const posixx = join(root, 'bin/posixx.js');
const skip = spawnSync('musl-gcc', ['--version']).status === 0 ? false : 'musl-gcc is missing';
const scratch = mkdtempSync(join(tmpdir(), 'posixx-bad-'));
t.teardown(() => rmSync(scratch, { recursive: true, force: true }));
const held = join(scratch, 'held');
if (skip === false) spawnSync('musl-gcc', ['-static', '-O1', '-w', '-o', held, join(root, 'conformance/host/held.c')]);

const GONE = 'No such file or directory';
const FULL = 'No space left on device';

/** A guest that answers each line with one. */
class Guest {
  private text = '';
  private heard: (() => void) | null = null;
  private readonly child;
  private readonly ended: Promise<number | null>;

  constructor(...options: string[]) {
    this.child = spawn(process.execPath, [posixx, 'run', ...options], {
      stdio: ['pipe', 'pipe', 'inherit'],
      timeout: 60_000,
    });
    this.child.stdout.on('data', (data: Buffer) => {
      this.text += data.toString('latin1');
      this.heard?.();
    });
    this.ended = new Promise((resolve) => this.child.on('close', (status) => {
      resolve(status);
      this.heard?.();
    }));
  }

  async say(line: string): Promise<string> {
    this.child.stdin.write(Buffer.from(`${line}\n`, 'latin1'));
    while (!this.text.includes('\n') && this.child.exitCode === null && this.child.signalCode === null) {
      await new Promise<void>((resolve) => { this.heard = resolve; });
    }
    const end = this.text.indexOf('\n');
    const answer = end < 0 ? 'the guest has ended' : this.text.substring(0, end);
    this.text = this.text.substring(end + 1);
    return answer;
  }

  async all(...lines: string[]): Promise<string[]> {
    const answers: string[] = [];
    for (const line of lines) answers.push(await this.say(line));
    return answers;
  }

  /** Its exit status. */
  end(): Promise<number | null> {
    this.child.stdin.end();
    return this.ended;
  }
}

/** A directory `d` of ten entries in a fresh directory, beside a secret one. */
function tree(): string {
  const top = mkdtempSync(join(scratch, 'tree-'));
  mkdirSync(join(top, 'v/d/sub'), { recursive: true });
  for (const name of ['file', 'sub/file', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7', 'n8']) {
    writeFileSync(join(top, 'v/d', name), 'inside');
  }
  mkdirSync(join(top, 'out/sub'), { recursive: true });
  for (const name of ['file', 'sub/file', 'n1']) writeFileSync(join(top, 'out', name), 'SECRET');
  return top;
}

t.test('a directory goes while the guest holds it', { skip }, async (t) => {
  const changes: [name: string, change: (top: string) => void][] = [
    ['is moved away', (top) => renameSync(join(top, 'v/d'), join(top, 'away'))],
    ['is removed', (top) => rmSync(join(top, 'v/d'), { recursive: true })],
    ['goes with all of the volume', (top) => rmSync(join(top, 'v'), { recursive: true })],
    ['becomes a file', (top) => {
      rmSync(join(top, 'v/d'), { recursive: true });
      writeFileSync(join(top, 'v/d'), 'file');
    }],
    ['becomes a link out', (top) => {
      rmSync(join(top, 'v/d'), { recursive: true });
      symlinkSync(join(top, 'out'), join(top, 'v/d'));
    }],
    ['becomes a relative link out', (top) => {
      rmSync(join(top, 'v/d'), { recursive: true });
      symlinkSync('../out', join(top, 'v/d'));
    }],
  ];
  for (const kind of ['a volume', 'a root'] as const) {
    for (const [name, change] of changes) {
      const top = tree();
      const d = kind === 'a volume' ? '/v/d' : '/d';
      const options = kind === 'a volume' ? ['--empty-root', '-v', `${join(top, 'v')}:/v:rw`, held]
        : ['-v', `${held}:/held`, '--rootfs', join(top, 'v'), '/held'];
      const guest = new Guest(...options);
      t.same(await guest.all(`hold ${d}`, 'see sub/file', 'see sub/file', 'see sub/file'),
        ['0', 'inside', 'inside', 'inside']);
      change(top);
      t.equal(await guest.say('rest'), '7', 'what was being listed is listed to its end');
      const answers = await guest.all('see file', 'see sub/file', 'see n1', 'seeat file', 'seeat sub/file', `see ${d}/file`,
        'again', 'list .', 'mkdirat made', 'mkdir made', 'put made', 'rename file made', 'unlink file',
        'fstat', 'stat .', 'getcwd');
      const what = `${d} in ${kind} ${name}`;
      t.notMatch(answers.join(), /SECRET|ended|inside/, what);
      t.same(answers.slice(0, 5), [GONE, GONE, GONE, GONE, GONE], `${what}: names`);
      const odd = answers.slice(6, 13).filter((answer) => ![GONE, '0', 'Not a directory'].includes(answer));
      t.same(odd, [], `${what}: changes`);
      t.same(readdirSync(join(top, 'out')).sort(), ['file', 'n1', 'sub'], `${what}: nothing changes outside`);
      if (name !== 'goes with all of the volume') {
        rmSync(join(top, 'v/d'), { recursive: true, force: true });
        mkdirSync(join(top, 'v/d'));
        writeFileSync(join(top, 'v/d/file'), 'anew');
        t.equal(await guest.say('drop'), '0');
        t.same(await guest.all(`stat ${d}`, `see ${d}/file`, `hold ${d}`, 'see file'),
          ['4', 'anew', '0', 'anew'], `${what}, and is there again`);
      }
      t.equal(await guest.end(), 0);
    }
  }
});

t.test('directories that move and leave a link behind are followed', { skip }, async (t) => {
  for (const kind of ['a volume', 'a root'] as const) {
    const top = tree();
    const d = kind === 'a volume' ? '/v/d' : '/d';
    const guest = new Guest(...kind === 'a volume' ? ['--empty-root', '-v', `${join(top, 'v')}:/v:rw`, held]
      : ['-v', `${held}:/held`, '--rootfs', join(top, 'v'), '/held']);
    t.same(await guest.all(`hold ${d}`, 'see sub/file', 'see sub/file', `stat ${d}`), ['0', 'inside', 'inside', '4']);
    renameSync(join(top, 'v/d/sub'), join(top, 'v/other'));
    symlinkSync('../other', join(top, 'v/d/sub'));
    t.same(await guest.all('see sub/file', 'seeat sub/file', `see ${d}/sub/file`),
      ['inside', 'inside', 'inside'], `${kind}: below cwd`);
    renameSync(join(top, 'v/d'), join(top, 'v/e'));
    symlinkSync('e', join(top, 'v/d'));
    t.same(await guest.all(`stat ${d}`, `see ${d}/file`, `readlink ${d}`), ['4', 'inside', 'e'], `${kind}: a link`);
    rmSync(join(top, 'v/d'));
    writeFileSync(join(top, 'v/d'), 'a file');
    t.same(await guest.all(`stat ${d}`, `see ${d}`), ['8', 'a file'], `${kind}: a file`);
    t.equal(await guest.end(), 0);
  }
});

/** A small file system of its own on the host; null when this process may not mount one. */
function smallDisk(options: string): string | null {
  const path = mkdtempSync(join(scratch, 'full-'));
  if (process.getuid!() !== 0) return null;
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'none', path]).status !== 0) return null;
  t.teardown(() => spawnSync('umount', [path]));
  return path;
}

const small = skip === false ? smallDisk('size=2m,nr_inodes=200') : null;

t.test('a disk of the host is full', { skip: small === null && 'no small file system can be mounted' }, async (t) => {
  const disk = small!;
  mkdirSync(join(disk, 'v'));
  let guest = new Guest('--empty-root', '-v', `${join(disk, 'v')}:/v:rw`, held);
  t.same(await guest.all('put /v/first', 'fill /v/big', 'put /v/more', 'hole /v/hole', 'see /v/first'),
    ['3', 'ENOSPC as written', FULL, 'SIGBUS, alive', 'put'], 'a volume');
  t.ok(statSync(join(disk, 'v/big')).size > 1 << 20);
  t.same(await guest.all('unlink /v/big', 'put /v/more', 'see /v/more'), ['0', '3', 'put'], 'and there is room again');
  t.equal(await guest.end(), 0);
  t.equal(readFileSync(join(disk, 'v/first'), 'latin1'), 'put');
  rmSync(join(disk, 'v'), { recursive: true });

  const persist = ['--persist', join(disk, 'layer'), held];
  guest = new Guest(...persist);
  t.same(await guest.all('put /first', 'fill /big', 'put /more', 'hole /hole'),
    ['3', 'ENOSPC as written', FULL, 'SIGBUS, alive'], 'a layer that is kept');
  let made = 0;
  let answer = '0';
  while (made < 1000 && (answer = await guest.say(`mkdir /made${made}`)) === '0') made++;
  t.equal(answer, FULL, `after ${made} directories`);
  t.equal(await guest.say('see /first'), 'put');
  t.equal(await guest.end(), 0);
  guest = new Guest(...persist);
  t.same(await guest.all('see /first', 'stat /big', `stat /made${made}`), ['put', '8', GONE],
    'the next run finds what was written');
  let found = 0;
  while (found < made && await guest.say(`stat /made${found}`) === '4') found++;
  t.equal(found, made, 'and every directory');
  t.same(await guest.all('unlink /big', 'put /more', 'see /more'), ['0', '3', 'put'], 'and makes room');
  t.equal(await guest.end(), 0);
});

t.test('names that are not UTF-8', { skip }, async (t) => {
  const name = '\xff\xfe_n\xe4me\x80', other = '\xc3(\xa0\x01';
  const bytes = (path: string): Buffer => Buffer.from(path, 'latin1');
  const top = tree();
  mkdirSync(bytes(`${top}/v/${name}`));
  writeFileSync(bytes(`${top}/v/${name}/${other}`), 'inside');
  symlinkSync(bytes(`${name}/${other}`), bytes(`${top}/v/link\xff`));
  spawnSync('tar', ['-C', join(top, 'v'), '-cf', join(top, 'root.tar'), '.']);
  const roots: [kind: string, v: string, options: string[], changes: boolean][] = [
    ['a volume', '/v', ['--empty-root', '-v', `${join(top, 'v')}:/v:rw`, held], true],
    ['a root', '', ['-v', `${held}:/held`, '--rootfs', join(top, 'v'), '/held'], false],
    ['an archive', '', ['-v', `${held}:/held`, '--rootfs', join(top, 'root.tar'), '/held'], false],
  ];
  for (const [kind, v, options, changes] of roots) {
    const guest = new Guest(...options);
    t.same(await guest.all(`names ${v}/${name}`, `see ${v}/${name}/${other}`, `see ${v}/link\xff`,
      `readlink ${v}/link\xff`),
      [`${other} `, 'inside', 'inside', `${name}/${other}`], kind);
    t.same(await guest.all(`chdir ${v}/${name}`, 'getcwd', 'readlink /proc/self/cwd', `watch ${v}/${name}`),
      ['0', `${v}/${name}`, `${v}/${name}`, '0'], `${kind}: cwd`);
    t.same(await guest.all(`put new\xfd`, `rename new\xfd moved\xfc`, 'events', 'see moved\xfc',
      `unlink moved\xfc`, 'events'),
      ['3', '0', '100 new\xfd 80 moved\xfc ', 'put', '0', '200 moved\xfc '], `${kind}: events`);
    if (changes) {
      writeFileSync(bytes(`${top}/v/${name}/host\xff`), '');
      let events = '';
      for (let i = 0; i < 100 && events === ''; i++) {
        events = await guest.say('events');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      t.equal(events, '100 host\xff ', 'the host makes one');
      rmSync(bytes(`${top}/v/${name}/host\xff`));
    }
    t.equal(await guest.end(), 0);
  }
  t.same(readdirSync(bytes(`${top}/v/${name}`), 'latin1'), [other],
    'names on the host are as they were');
});
