/** Volumes that processes of the host change meanwhile: guests that watch hear of it, and nothing leads out. */
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

const root = process.cwd();
const posixx = join(root, 'bin/posixx.js');
const work = join(root, 'build/conformance/host_changes');
const skip = spawnSync('musl-gcc', ['--version']).status === 0 ? false : 'musl-gcc is missing';

function compile(name: string): string {
  const file = join(work, name);
  mkdirSync(work, { recursive: true });
  const { status, stderr } = spawnSync('musl-gcc', ['-static', '-O1', '-w', '-o', file, join(root, `conformance/host/${name}.c`)]);
  if (status !== 0) throw new Error(String(stderr));
  return file;
}

/** A directory that is empty. */
function fresh(name: string): string {
  const path = join(work, name);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  return path;
}

/** Runs a guest and gives its lines; `started` is called when it has printed the first one. */
function guest(args: readonly string[], started: () => void = () => {}): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [posixx, 'run', ...args], { stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000 });
    let text = '';
    child.stdout.on('data', (data: Buffer) => {
      const first = text === '';
      text += data.toString('latin1');
      if (first) started();
    });
    child.on('error', reject);
    child.on('close', () => resolve(text.trimEnd().split('\n')));
  });
}

t.test('inotify tells what processes of the host do, once', { skip }, async (t) => {
  const watch = compile('watch');
  const expected = ['ready', '1 100 a', '1 2 a', '1 8 a', '1 40 a moved', '1 80 b same', '1 4 b', '1 40000100 d', '1 40000200 d', '1 200 b'];
  const change = (directory: string) => (): void => {
    const a = join(directory, 'a'), b = join(directory, 'b'), d = join(directory, 'd');
    writeFileSync(a, 'text');
    renameSync(a, b);
    chmodSync(b, 0o600);
    mkdirSync(d);
    rmSync(d, { recursive: true });
    rmSync(b);
    writeFileSync(join(directory, 'end'), '');
  };
  let directory = fresh('watched');
  t.same(await guest(['-v', `${directory}:/v:rw`, watch, '/v'], change(directory)), expected, 'in a volume');
  directory = fresh('watched');
  t.same(await guest([watch, directory], change(directory)), expected, 'below the layer in memory');
  directory = fresh('watched');
  const both = 'echo text > a; mv a b; chmod 600 b; mkdir d; rmdir d; rm b; echo > end';
  const script = `cd /v; ${watch} /v & sleep 0.5; ${both}; wait`;
  t.same(await guest(['-v', `${directory}:/v:rw`, 'sh', '-c', script]), expected, 'what the guest itself does there is told once');
});

/** What is in a directory, with everything that a guest could have changed but times of access. */
function stateOf(directory: string): string[] {
  return ['.', ...readdirSync(directory).sort()].map((name) => {
    const { mode, uid, gid, size, nlink, mtimeMs, ctimeMs } = lstatSync(join(directory, name));
    return [name, mode, uid, gid, size, nlink, mtimeMs, ctimeMs].join(' ');
  });
}

t.test('a directory that the host keeps changing into a link leads nowhere', { skip }, async (t) => {
  const race = compile('race');
  const outside = fresh('outside');
  writeFileSync(join(outside, 'file'), 'x'.repeat(200), { mode: 0o644 });
  writeFileSync(join(outside, 'secret'), '');
  symlinkSync('secret', join(outside, 'secret-link'));
  spawnSync(race, ['mark', join(outside, 'file')]);
  const state = stateOf(outside);
  for (const target of [outside, '../outside']) {
    const volume = fresh('volume');
    mkdirSync(join(volume, 'directory'));
    writeFileSync(join(volume, 'directory/file'), 'inside');
    symlinkSync(target, join(volume, 'link'));
    const racer = spawn(race, ['swap', join(volume, 'directory'), join(volume, 'link')]);
    const lines = await guest(['--empty-root', '-v', `${volume}:/v:rw`, race, 'use', '/v/directory', '1']);
    racer.kill('SIGKILL');
    await new Promise((resolve) => racer.on('close', resolve));
    t.same(lines, ['outside 0, inside'], `a link to ${target.startsWith('/') ? 'an absolute path' : target}`);
  }
  t.same(stateOf(outside), state, 'nothing was made, removed or changed outside');
  t.equal(readFileSync(join(outside, 'file'), 'latin1'), 'x'.repeat(200), 'nothing was written outside');
});
