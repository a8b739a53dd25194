/**
 * `--persist` through crashes: a guest changes files and answers for each change; posixx is killed at a random moment;
 * the next run must find all that was answered for, and of the change that was not either nothing or all.
 * `--kills N`: how often (200). `--seed N`. `--image`: the layer is an ext2 image, which `e2fsck -fn` has to find clean
 * after that next run. It is kept in memory where the host has /dev/shm: it is posixx that dies here, not the host.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const POSIXX = [join(root, 'bin/posixx.js'), 'run', '--quiet'];
const OPERATIONS = 4000;
/** What a write brings to its file at once: blocks of the ext2 image, or pages. */
const BLOCK = 1024;

interface Node {
  kind: 'file' | 'directory' | 'link';
  mode: number;
  data: Buffer;
  xattr: string;
  target: string;
}

type Operation = readonly (string | number)[];

/** What there should be: paths, and what they mean; names of one file share a node. */
class Model {
  nodes = new Map<string, Node>();

  file(path: string, data: Buffer): Node {
    const node: Node = { kind: 'file', mode: 0o644, data, xattr: '', target: '' };
    this.nodes.set(path, node);
    return node;
  }
  directory(path: string): void {
    this.nodes.set(path, { kind: 'directory', mode: 0o755, data: Buffer.alloc(0), xattr: '', target: '' });
  }

  copy(): Model {
    const model = new Model(), copies = new Map<Node, Node>();
    for (const [path, node] of this.nodes) {
      const copy = copies.get(node) ?? { ...node };
      copies.set(node, copy);
      model.nodes.set(path, copy);
    }
    return model;
  }

  /** As the guest's dump, sorted. */
  lines(): string[] {
    return [...this.nodes].map(([path, node]) => {
      if (node.kind === 'directory') return `${path} directory ${node.mode.toString(8)}`;
      if (node.kind === 'link') return `${path} link ${node.target}`;
      let links = 0;
      for (const other of this.nodes.values()) if (other === node) links++;
      let hash = 2166136261;
      for (const byte of node.data) hash = Math.imul(hash ^ byte, 16777619);
      return `${path} file ${node.mode.toString(8)} ${node.data.length} ${links} ${hash >>> 0} ${node.xattr}`;
    }).sort();
  }

  private below(path: string): string[] {
    return [...this.nodes.keys()].filter((other) => other.startsWith(`${path}/`));
  }
  private parentThere(path: string): boolean {
    const slash = path.lastIndexOf('/');
    return slash < 0 || this.nodes.get(path.substring(0, slash))?.kind === 'directory';
  }

  /** Carries an operation out; false: it would fail, and nothing is changed. */
  apply(operation: Operation): boolean {
    const [kind, one, two] = operation as [string, string, string];
    const node = this.nodes.get(one), other = this.nodes.get(two);
    switch (kind) {
      case 'write':
      case 'append': {
        if (node !== undefined ? node.kind !== 'file' : !this.parentThere(one)) return false;
        const target = node ?? this.file(one, Buffer.alloc(0));
        const [offset, length, byte] = (kind === 'append'
          ? [target.data.length, operation[2], operation[3]] : operation.slice(2)) as number[];
        const data = Buffer.alloc(Math.max(target.data.length, offset! + length!));
        target.data.copy(data);
        data.fill(byte!, offset!, offset! + length!);
        target.data = data;
        return true;
      }
      case 'truncate': {
        if (node?.kind !== 'file') return false;
        const data = Buffer.alloc(operation[2] as number);
        node.data.copy(data);
        node.data = data;
        return true;
      }
      case 'unlink':
        return node !== undefined && node.kind !== 'directory' && this.nodes.delete(one);
      case 'rmdir':
        return node?.kind === 'directory' && this.below(one).length === 0 && this.nodes.delete(one);
      case 'mkdir':
        if (node !== undefined || !this.parentThere(one)) return false;
        this.directory(one);
        return true;
      case 'symlink': {
        if (other !== undefined || !this.parentThere(two)) return false;
        this.nodes.set(two, { kind: 'link', mode: 0o777, data: Buffer.alloc(0), xattr: '', target: one });
        return true;
      }
      case 'link':
        if (node?.kind !== 'file' || other !== undefined || !this.parentThere(two)) return false;
        this.nodes.set(two, node);
        return true;
      case 'rename': {
        if (node === undefined || !this.parentThere(two) || one === two || two.startsWith(`${one}/`)) return false;
        if (other === node) return false;
        if (other !== undefined && (other.kind === 'directory') !== (node.kind === 'directory')) return false;
        if (this.below(two).length > 0) return false;
        for (const path of this.below(one)) {
          this.nodes.set(two + path.substring(one.length), this.nodes.get(path)!);
          this.nodes.delete(path);
        }
        this.nodes.delete(one);
        this.nodes.set(two, node);
        return true;
      }
      case 'chmod':
        if (node === undefined || node.kind === 'link') return false;
        node.mode = Number.parseInt(two, 8);
        return true;
      case 'xattr':
        if (node?.kind !== 'file') return false;
        node.xattr = two;
        return true;
      default:
        throw new Error(kind);
    }
  }
}

function generator(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let x = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) % below;
  };
}

function randomOperation(next: (below: number) => number): Operation {
  const path = (): string => Array.from({ length: 1 + next(3) }, () => 'abcde'[next(5)]).join('/');
  switch (next(14)) {
    case 0:
    case 1:
    case 2: return ['write', path(), next(20_000), 1 + next(10_000), next(256)];
    case 3:
    case 4: return ['append', path(), 1 + next(6000), next(256)];
    case 5: return ['truncate', path(), next(30_000)];
    case 6: return ['unlink', path()];
    case 7: return ['link', path(), path()];
    case 8: return ['mkdir', path()];
    case 9: return ['rmdir', path()];
    case 10: return ['chmod', path(), (0o400 | next(0o1000) & 0o377 | 0o100).toString(8)];
    case 11: return ['xattr', path(), `v${next(1000)}`];
    case 12: return ['symlink', `to${next(100)}`, path()];
    default: return ['rename', path(), path()];
  }
}

/**
 * The states that a change may leave when it is cut off: nothing, all, or a part of what it writes, where the size may
 * not have followed yet. ext2 writes the new name of a file before it takes the old one away, clears what is behind a
 * file's new end before the end moves, and takes the directory away that another replaces before that comes.
 */
function partsOf(model: Model, operation: Operation, image: boolean): Model[] {
  const states: Model[] = [model];
  const whole = model.copy();
  if (!whole.apply(operation)) return states;
  const [kind, path] = operation as [string, string];
  if (kind === 'write' || kind === 'append') {
    const made = model.copy();
    const node = made.nodes.get(path) ?? made.file(path, Buffer.alloc(0));
    states.push(made);
    const size = node.data.length;
    const offset = kind === 'append' ? size : operation[2] as number;
    const length = operation[kind === 'append' ? 2 : 3] as number, byte = operation.at(-1) as number;
    const part = (from: number, end: number, kept: boolean): void => {
      const state = made.copy();
      state.apply(['write', path, from, end - from, byte]);
      if (kept) state.apply(['truncate', path, size]);
      states.push(state);
    };
    // ext2 writes to blocks that are there at once, and tells of those that fill a hole at the end.
    const last = offset + length;
    const starts = [offset];
    if (image) for (let at = (Math.floor(offset / BLOCK) + 1) * BLOCK; at < last; at += BLOCK) starts.push(at);
    for (const from of starts) {
      for (let end = (Math.floor(from / BLOCK) + 1) * BLOCK; end < last; end += BLOCK) {
        part(from, end, false);
        if (end < size + BLOCK) part(from, end, true);
      }
      if (from > offset) part(from, last, false);
      if (from < size) part(from, last, true);
    }
  }
  const file = model.nodes.get(path)!;
  if (image && kind === 'truncate' && (operation[2] as number) < file.data.length) {
    // The rest of the last block is cleared first: a file that grows again must not show it.
    const cleared = model.copy();
    const size = operation[2] as number;
    const data = Buffer.from(file.data);
    cleared.nodes.get(path)!.data = data.fill(0, size, Math.min(Math.ceil(size / BLOCK) * BLOCK, data.length));
    states.push(cleared);
  }
  if (image && kind === 'rename' && file.kind === 'directory' && model.nodes.has(operation[2] as string)) {
    const without = model.copy();
    without.nodes.delete(operation[2] as string);
    states.push(without);
  }
  if (image && kind === 'rename' && file.kind !== 'directory') {
    const both = model.copy();
    both.nodes.set(operation[2] as string, both.nodes.get(path)!);
    states.push(both);
  }
  return [...states, whole];
}

export interface CrashReport {
  /** What went wrong; empty: nothing. */
  failures: string[];
  /** Changes that were answered for, and runs that told of a repair. */
  changes: number;
  repairs: number;
}

/**
 * Kills posixx `kills` times. `image`: the layer is an ext2 image, where only what was brought to the disk is sure to
 * be found, so everything is.
 * @throws Error when the guest program cannot be compiled
 */
export async function crashes(seed: number, kills: number, image = false): Promise<CrashReport> {
  const scratch = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'posixx-persist-'));
  const report: CrashReport = { failures: [], changes: 0, repairs: 0 };
  try {
    const program = join(scratch, 'program');
    const source = join(root, 'conformance/stress/persist.c');
    execFileSync('musl-gcc', ['-static', '-O1', '-o', program, source], { stdio: 'inherit' });
    const lower = join(scratch, 'lower');
    let model = lowerTree(lower);
    const layer = join(scratch, 'layer');
    if (image) {
      writeFileSync(layer, '');
      truncateSync(layer, 64 << 20);
      execFileSync('mkfs.ext2', ['-q', '-F', layer]);
    }
    const command = [...POSIXX, '--rootfs', lower, '--persist', layer, '-v', `${program}:/program`, '/program', '/w'];
    const next = generator(seed);
    for (let kill = 0; kill < kills && report.failures.length === 0; kill++) {
      const operations: Operation[] = [];
      const planned = model.copy();
      while (operations.length < OPERATIONS) {
        const operation = randomOperation(next);
        if (planned.apply(operation)) operations.push(operation);
      }
      const moment = { answers: kill % 4 === 0 ? 1 : next(120), ms: next(kill % 4 === 1 ? 200 : 8) };
      const answers = await killedRun([...command, image ? '1' : '8'], operations, moment);
      const wrong = answers.findIndex((answer, n) => answer !== `${n} 0`);
      if (wrong >= 0) report.failures.push(`kill ${kill}: ${operations[wrong]!.join(' ')}: ${answers[wrong]}`);
      for (const operation of operations.slice(0, answers.length)) model.apply(operation);
      report.changes += answers.length;
      const { stdout, stderr, status } = spawnSync(process.execPath, [...command, 'dump'], { encoding: 'utf8' });
      const found = stdout.split('\n').filter((line) => line !== '').sort();
      const unfinished = operations[answers.length];
      const state = (unfinished === undefined ? [model] : partsOf(model, unfinished, image))
        .find((candidate) => candidate.lines().join('\n') === found.join('\n'));
      const repaired = /repaired|not unmounted cleanly/.test(stderr);
      if (repaired) report.repairs++;
      if (status !== 0 || (stderr !== '' && !repaired) || stderr.includes('with errors')) {
        report.failures.push(`kill ${kill}: the next run: status ${status}: ${stderr}`);
      } else if (state === undefined) {
        report.failures.push(`kill ${kill}: after ${answers.length} changes and perhaps "${unfinished?.join(' ')}":`,
          ...difference(model.lines(), found));
      } else {
        model = state;
      }
      if (image) report.failures.push(...checked(layer).map((line) => `kill ${kill}: e2fsck: ${line}`));
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return report;
}

/** The tree that the layer lies on. */
function lowerTree(lower: string): Model {
  const model = new Model();
  mkdirSync(join(lower, 'w/a/b'), { recursive: true });
  for (const path of ['a', 'a/b']) model.directory(path);
  for (const [path, size] of [['c', 5000], ['a/c', 100], ['a/b/a', 70_000]] as const) {
    model.file(path, Buffer.alloc(size, path));
    writeFileSync(join(lower, 'w', path), Buffer.alloc(size, path), { mode: 0o644 });
  }
  linkSync(join(lower, 'w/c'), join(lower, 'w/a/d'));
  model.nodes.set('a/d', model.nodes.get('c')!);
  return model;
}

/** What e2fsck finds wrong. */
function checked(layer: string): string[] {
  const { status, stdout, error } = spawnSync('e2fsck', ['-fn', layer], { encoding: 'utf8' });
  if (error !== undefined) throw error;
  return status === 0 ? [] : stdout.trim().split('\n');
}

/** The answers of a run that is killed so many milliseconds after that many answers. */
function killedRun(
  command: string[], operations: readonly Operation[], moment: { answers: number; ms: number },
): Promise<string[]> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, command, { stdio: ['pipe', 'pipe', 'inherit'] });
    let output = '', seen = 0, doomed = false;
    child.stdin.on('error', () => {});
    child.stdin.write(operations.map((operation) => `${operation.join(' ')}\n`).join(''));
    child.stdout.on('data', (data: Buffer) => {
      for (const byte of data) if (byte === 10) seen++;
      output += data;
      if (doomed || seen < moment.answers) return;
      doomed = true;
      setTimeout(() => child.kill('SIGKILL'), moment.ms);
    });
    child.on('close', () => resolve(output.substring(0, output.lastIndexOf('\n') + 1).split('\n').slice(0, -1)));
    // All was carried out: the program waits for more.
    setTimeout(() => child.kill('SIGKILL'), 60_000).unref();
  });
}

function difference(expected: string[], found: string[]): string[] {
  return [...expected.filter((line) => !found.includes(line)).map((line) => `- ${line}`),
    ...found.filter((line) => !expected.includes(line)).map((line) => `+ ${line}`)];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { kills: { type: 'string', default: '200' }, seed: { type: 'string' }, image: { type: 'boolean' } },
  });
  const seed = Number(values.seed ?? (Date.now() % 0x7fff_ffff) + 1);
  process.stdout.write(`# seed ${seed}\n`);
  const { failures, changes, repairs } = await crashes(seed, Number(values.kills), values.image);
  for (const failure of failures) process.stdout.write(`# ${failure}\n`);
  const good = failures.length === 0;
  process.stdout.write(`${good ? 'ok' : 'not ok'} - ${values.kills} kills, ${changes} changes answered for, ` +
    `${repairs} repairs told of\n${good ? '1 passed, 0' : '0 passed, 1'} failed\n`);
  process.exit(failures.length === 0 ? 0 : 1);
}
