/** Unmodified programs from the distribution and from npm: the bytes that they give on the host, they give in posixx. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync, statSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../tools/steps.mjs';
import { buildSqliteShell, sqliteShell } from '../tools/sqlite_shell.mjs';
import { which } from '../tools/toolchain.mjs';

const LARGE = { maxBuffer: 1 << 28 };
const DATA = join(root, 'build/testdata');

/** Deterministic bytes (xorshift32). */
function randomBytes(size, seed) {
  const words = new Uint32Array(Math.ceil(size / 4));
  let x = seed;
  for (let i = 0; i < words.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  return Buffer.from(words.buffer, 0, size);
}

/** Lines of `word number number`, as a log would have them. */
function textLines(count, seed) {
  const random = new Uint32Array(randomBytes(count * 12, seed).buffer);
  const words = ['alpha', 'Beta', 'gamma', 'delta', 'epsilon', 'zeta', 'eta', 'theta', 'the quick brown fox'];
  let text = '';
  for (let i = 0; i < count; i++) {
    text += `${words[random[3 * i] % words.length]} ${random[3 * i + 1] % 100000} ${random[3 * i + 2] % 997}\n`;
  }
  return Buffer.from(text);
}

/** Makes a data file once. Gives its path. */
function dataFile(name, size, make) {
  const path = join(DATA, name);
  if (!existsSync(path) || (size !== undefined && statSync(path).size !== size)) {
    mkdirSync(DATA, { recursive: true });
    writeFileSync(path, make());
  }
  return path;
}

const RESCRIPT = `type rec tree = Leaf | Node(tree, int, tree)
external log: 'a => unit = "console.log"
external lt: (int, int) => bool = "%lessthan"
external add: (int, int) => int = "%addint"
let rec insert = (t, x) =>
  switch t {
  | Leaf => Node(Leaf, x, Leaf)
  | Node(l, y, r) => if lt(x, y) { Node(insert(l, x), y, r) } else { Node(l, y, insert(r, x)) }
  }
let rec sum = t => switch t { | Leaf => 0 | Node(l, x, r) => add(add(sum(l), x), sum(r)) }
let t = insert(insert(insert(Leaf, 3), 1), 2)
log(sum(t))
`;

const JUSTFILE = `x := "world"
default: build
  @echo hello {{x}}
build:
  #!/bin/sh
  for i in 1 2 3; do echo step $i | tr a-z A-Z; done
`;

const NINJA = `rule cat
  command = cat $in > $out
rule words
  command = wc -w < $in > $out
build a: words build.ninja
build b: cat build.ninja
build c: cat a b
`;

const PYTHON = `
import hashlib, json, re, threading, os, subprocess
print(hashlib.sha256(b'x' * 100000).hexdigest(), 2 ** 300, sorted({'b': 1, 'a': 2}.items()))
print(json.dumps({'pi': 3.141592653589793, 'list': [1, None, True]}), re.findall(r'[a-z]+', 'one 2 three'))
total = []
threads = [threading.Thread(target=lambda n=n: total.append(sum(range(n * 1000)))) for n in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(total), subprocess.run(['echo', 'child'], capture_output=True).stdout, os.path.exists('/etc/passwd'))
`;

const PERL = `
my %n; $n{length $_}++ for map { "x" x ($_ % 7) } 1..1000; print join(",", map { "$_=$n{$_}" } sort keys %n), "\\n";
my $text = join " ", map { sprintf "%03d", $_ * 7 } 1..50; (my $copy = $text) =~ s/(\\d)(\\d)(\\d)/$3$2$1/g; print "$copy\\n", \`echo child\`;
`;

/** Markdown files of the installed packages: real text of many hands. */
function markdownFiles() {
  const packages = join(root, 'node_modules');
  return ['yargs', 'debug', 'tap', 'glob', 'minimatch', 'ws', 'esbuild', 'semver']
    .map((name) => join(packages, name, 'README.md'))
    .filter((file) => existsSync(file) && readdirSync(packages).length > 0);
}

/** The host lets us have a tree of mounts of our own. */
function mayMount(busybox) {
  return busybox !== undefined && spawnSync(busybox, ['unshare', '-m', 'true']).status === 0;
}

/** Files that busybox makes on the host, once: input of gunzip and of tar. */
function gzipped(busybox, file) {
  const path = `${file}.gz`;
  if (busybox !== undefined && !existsSync(path)) writeFileSync(path, spawnSync(busybox, ['gzip', '-c', file], LARGE).stdout);
  return path;
}

function tarball(busybox) {
  const path = join(DATA, 'yargs.tar');
  if (busybox !== undefined && !existsSync(path)) {
    writeFileSync(path, spawnSync(busybox, ['tar', 'cf', '-', '-C', join(root, 'node_modules/yargs'), '.'], LARGE).stdout);
  }
  return path;
}

/**
 * @param {boolean} long the full sizes
 * @returns {{ name: string, program: string, argv: (string | undefined)[], stdin?: string, stdinFile?: string,
 *   timeout?: number, prepare?: (cwd: string) => void, ignoreStderr?: boolean,
 *   obtain?: () => Promise<string> }[]} `obtain` gets the program; it gives why it cannot, or ''
 */
export function realPrograms(long) {
  const busybox = which('busybox');
  const megabytes = long ? 100 : 8;
  const blob = dataFile(`random-${megabytes}m`, megabytes << 20, () => randomBytes(megabytes << 20, 2463534242));
  const lines = dataFile('lines-200k', undefined, () => textLines(200_000, 88675123));
  const small = dataFile('random-1m', 1 << 20, () => randomBytes(1 << 20, 123456789));
  const packed = dataFile('lines-200k.txt', undefined, () => textLines(200_000, 88675123));

  const applet = (name, args, more = {}) => ({ name: `busybox ${name}`, program: 'busybox', argv: [busybox, ...args], ...more });
  const bin = (path) => {
    const file = join(root, 'node_modules', path);
    return existsSync(file) ? file : undefined;
  };
  const rg = bin('@vscode/ripgrep-linux-x64/bin/rg');
  const bsc = bin('@rescript/linux-x64/bin/bsc.exe');
  const just = bin('rust-just-linux-x64/bin/just');
  const hongdown = bin('@hongdown/linux-x64/bin/hongdown');
  const npm = (name, program, argv, more = {}) => ({ name, program, argv, timeout: 180, ...more });
  const host = (name, program, args, more = {}) => ({ name, program, argv: [which(program), ...args], timeout: 180, ...more });
  const esbuild = bin('@esbuild/linux-x64/bin/esbuild');
  const ninja = bin('@rescript/linux-x64/bin/ninja.exe');
  mkdirSync(DATA, { recursive: true });
  const [script, files, mounts, sqlite, git] = ['shell.sh', 'files.sh', 'mounts.sh', 'sqlite.sh', 'git.sh'].map((name) => {
    const path = join(DATA, name);
    copyFileSync(join(root, 'conformance/programs', name), path);
    return path;
  });
  /** A script of busybox's sh that is given the path of a program. */
  const scripted = (name, program, file, args) => ({
    name, program, argv: [which(program) && busybox, 'sh', file, which(program), ...args], timeout: long ? 3600 : 240,
  });
  const ninjaFile = (cwd) => writeFileSync(join(cwd, 'build.ninja'), NINJA);
  const rescript = (cwd) => writeFileSync(join(cwd, 'tree.res'), RESCRIPT);

  return [
    applet(`sha256sum ${megabytes}m`, ['sha256sum', blob]),
    applet(`md5sum ${megabytes}m`, ['md5sum', blob]),
    applet(`cat ${megabytes}m`, ['cat', blob]),
    applet('sha512sum', ['sha512sum', small]),
    applet('crc32', ['crc32', small]),
    applet('sort', ['sort', lines]),
    applet('sort -k2n', ['sort', '-k2,2n', '-k1,1', lines]),
    applet('uniq -c', ['uniq', '-c', lines]),
    applet('wc', ['wc', lines]),
    applet('awk', ['awk', '{ n[$1] += $NF; s += $2 } END { for (k in n) print k, n[k]; printf "%.6f %e\\n", s / NR, s }', lines]),
    applet('grep', ['grep', '-n', '-E', '^(al|be).* [0-9]*7 ', lines]),
    applet('grep -ic', ['grep', '-ic', 'BETA', lines]),
    applet('sed', ['sed', '-E', '-e', 's/([a-z]+) ([0-9]+)/\\2:\\1/', '-e', '/^1/d', lines]),
    applet('tr', ['tr', 'a-z', 'A-Z'], { stdinFile: lines }),
    applet('cut', ['cut', '-d', ' ', '-f', '2', lines]),
    applet('gzip', ['gzip', '-c', '-9', lines]),
    applet('gzip random', ['gzip', '-c', small]),
    applet('gunzip', ['gunzip', '-c', gzipped(busybox, packed)]),
    applet('tar', ['tar', 'cf', '-', '-C', join(root, 'node_modules/yargs'), '.']),
    applet('tar t', ['tar', 'tvf', tarball(busybox)]),
    applet('bc', ['bc', '-l'], { stdin: 'scale=200\n4*a(1)\ne(1)\nsqrt(2)\n2^2000 % 1000007\n' }),
    applet('dc', ['dc'], { stdin: '20 k 2 v p 3 17 ^ p\n' }),
    applet('od', ['od', '-A', 'x', '-t', 'x1', '-N', '65536', small]),
    applet('hexdump', ['hexdump', '-C', '-n', '4096', small]),
    applet('base64', ['base64', small]),
    applet('xxd', ['xxd', '-l', '2000', small]),
    applet('vi -h', ['vi', '-h']),
    applet('no arguments', []),
    applet('ls -l', ['ls', '-l', join(root, 'node_modules/yargs')]),
    applet('find', ['find', join(root, 'node_modules/yargs'), '-name', '*.js', '-size', '+1k']),
    applet('stat', ['stat', '-c', '%n %s %f %a %h', join(root, 'package.json')]),
    applet('cp and cat', ['cp', lines, 'copy']),
    applet('diff', ['diff', lines, join(root, 'package.json')]),
    applet('cmp', ['cmp', lines, small]),
    applet('dd', ['dd', `if=${blob}`, 'bs=64k', 'count=40', 'skip=3'], { ignoreStderr: true }),
    applet('head and tail', ['tail', '-n', '5', lines]),
    applet('seq', ['seq', '-w', '1', '3', '20000']),
    applet('factor', ['factor', '18446744073709551615', '600851475143', '1000000007']),
    applet('expr', ['expr', '(', '7', '+', '8', ')', '*', '12345678901']),
    applet('printf', ['printf', '%08.3f|%-10s|%x\\n', '3.14159', 'left', '255']),
    applet('date', ['date', '-u', '-d', '@1700000000']),
    applet('cal', ['cal', '2', '2024']),
    applet('env', ['env']),
    applet('pwd', ['pwd']),
    applet('realpath', ['realpath', '..']),
    applet('uname -m', ['uname', '-s', '-m']),
    applet('id -u', ['id', '-u']),
    applet('test', ['test', '-d', '/usr/bin']),
    applet('false', ['false']),
    applet('no such applet', ['nosuchapplet']),
    applet('cat no such file', ['cat', '/nosuch/file']),
    npm('ripgrep -j1', 'rg', [rg, '-j1', '-uu', '--sort', 'path', '-n', 'function \\w+Node\\(', join(root, 'node_modules/yargs'),
      join(root, 'node_modules/typescript/lib/tsc.js')]),
    npm('ripgrep --stats', 'rg', [rg, '-j1', '-uu', '--sort', 'path', '-c', '-i', 'promise', join(root, 'node_modules', long ? '.' : 'tap')]),
    npm('ripgrep --files', 'rg', [rg, '-j1', '--sort', 'path', '--files', '-uu', join(root, 'node_modules/yargs')]),
    npm('ripgrep --version', 'rg', [rg, '--version']),
    npm('bsc -version', 'bsc.exe', [bsc, '-version']),
    npm('bsc compile', 'bsc.exe', [bsc, '-nopervasives', 'tree.res'], { prepare: rescript }),
    npm('bsc -format', 'bsc.exe', [bsc, '-format', 'tree.res'], { prepare: rescript }),
    npm('bsc error', 'bsc.exe', [bsc, '-nopervasives', 'wrong.res'], {
      prepare: (cwd) => writeFileSync(join(cwd, 'wrong.res'), 'let x: int = "a"\n'),
    }),
    npm('hongdown', 'hongdown', [hongdown, ...markdownFiles()]),
    npm('hongdown -d', 'hongdown', [hongdown, '-d', ...markdownFiles().slice(0, 2)]),
    npm('hongdown --stdin', 'hongdown', [hongdown, '--stdin'], { stdin: '# a\nhello *w*\n* x\n* y\n\n|a|b|\n|-|-|\n|1|2|\n' }),
    npm('hongdown --help', 'hongdown', [hongdown, '--help']),
    npm('ripgrep threads', 'rg', [rg, '-uu', '--sort', 'path', '-c', 'import', join(root, 'node_modules/yargs')]),
    npm('esbuild minify', 'esbuild', [esbuild, '--minify', join(root, 'node_modules/typescript/lib', long ? 'typescript.js' : 'watchGuard.js')]),
    npm('ninja', 'ninja.exe', [ninja, '-j1', '-v'], { prepare: ninjaFile, ignoreStderr: true }),
    npm('just', 'just', [just], { prepare: (cwd) => writeFileSync(join(cwd, 'justfile'), JUSTFILE) }),
    applet('sh script', ['sh', script]),
    scripted('trees of files', 'busybox', files, [long ? '200' : '6']),
    {
      name: 'mounts', program: 'unshare -m', timeout: 60,
      argv: [mayMount(busybox) ? busybox : undefined, 'sh', mounts, busybox, 'outside'],
    },
    scripted('sqlite3 journals', 'sqlite3', sqlite, []),
    {
      name: 'sqlite3 journals, static', program: 'sqlite3', argv: [busybox, 'sh', sqlite, sqliteShell], timeout: 240,
      obtain: buildSqliteShell,
    },
    scripted('git repositories', 'git', git, [long ? '100000' : '1000']),
    host('bash script', 'bash', [script], { ignoreStderr: true }),
    host('dynamic ls', 'ls', ['-l', join(root, 'node_modules/yargs')]),
    host('dynamic sort', 'sort', ['-k2,2n', '-k1,1', lines], { env: { LC_ALL: 'C' } }),
    host('python3', 'python3', ['-c', PYTHON]),
    host('perl', 'perl', ['-e', PERL]),
  ];
}
