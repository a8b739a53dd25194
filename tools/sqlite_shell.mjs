/** SQLite's shell as a static program, from the source package of the distribution. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './steps.mjs';
import { which } from './toolchain.mjs';

const NEEDED = ['apt-get', 'make', 'gcc', 'musl-gcc', 'tclsh', 'tar', 'xz'];
const FETCH_MS = 90_000;
const BUILD_MS = 240_000;
const FLAGS = ['-static', '-O0', '-w', '-DSQLITE_THREADSAFE=1', '-DSQLITE_OMIT_LOAD_EXTENSION', '-DHAVE_USLEEP=1'];

/** Where the shell is, once it is built. */
export const sqliteShell = join(root, 'build/testdata/sqlite/sqlite3');

/** Runs a command; gives its standard output, or throws an Error with the end of what it said. */
function command(argv, cwd, timeout) {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0], argv.slice(1), { cwd, stdio: ['ignore', 'pipe', 'pipe'], timeout });
    const text = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) child[name].on('data', (data) => (text[name] += data));
    child.on('error', reject);
    child.on('close', (status) => {
      if (status === 0) resolve(text.stdout);
      else reject(new Error(`${argv[0]}: ${text.stderr.trim().split('\n').slice(-3).join(' | ')}`));
    });
  });
}

/** The archive that this machine's packages come from, as a line for source packages. */
async function sourceArchive() {
  const release = /^VERSION_CODENAME="?(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)';
  const targets = await command(['apt-get', 'indextargets', '--format', format], root, FETCH_MS);
  const line = targets.split('\n').find((target) => target.endsWith(` ${release} main`));
  if (line === undefined) throw new Error('apt-get names no archive of this release');
  return `deb-src ${line}\n`;
}

/** Downloads and unpacks the source below `dir` (no root needed: apt keeps its state there). Gives its directory. */
async function fetchSource(dir) {
  mkdirSync(join(dir, 'state/lists/partial'), { recursive: true });
  mkdirSync(join(dir, 'cache/archives/partial'), { recursive: true });
  writeFileSync(join(dir, 'sources.list'), await sourceArchive());
  const settings = [
    `Dir::Etc::SourceList=${dir}/sources.list`, 'Dir::Etc::SourceParts=/dev/null', `Dir::State=${dir}/state`,
    `Dir::Cache=${dir}/cache`, 'Dir::State::Status=/var/lib/dpkg/status',
    ...(process.getuid() === 0 ? ['APT::Sandbox::User=root'] : []),
  ];
  const apt = ['apt-get', '-qq', ...settings.flatMap((setting) => ['-o', setting])];
  await command([...apt, 'update'], dir, FETCH_MS);
  await command([...apt, 'source', '--download-only', 'sqlite3'], dir, FETCH_MS);
  const archive = readdirSync(dir).find((name) => /\.orig\.tar\.\w+$/.test(name));
  if (archive === undefined) throw new Error('the source package has no archive of the original');
  await command(['tar', 'xf', archive], dir, FETCH_MS);
  return readdirSync(dir, { withFileTypes: true })
    .find((entry) => entry.isDirectory() && entry.name.startsWith('sqlite3')).name;
}

/**
 * Makes `sqliteShell` unless it is there: half a minute, and 20 MB to download.
 * @returns {Promise<string>} '' or why it cannot be had here: a tool that is missing, no network, no time
 */
export async function buildSqliteShell() {
  if (existsSync(sqliteShell)) return '';
  const missing = NEEDED.filter((program) => which(program) === undefined);
  if (missing.length > 0) return `${missing.join(', ')} missing`;
  const dir = join(root, 'build/sqlite');
  rmSync(dir, { recursive: true, force: true });
  try {
    const top = await fetchSource(dir);
    const programs = ['BCC=gcc', 'TCC=gcc', 'NAWK=awk', 'AR=ar', 'RANLIB=ranlib', 'TCLSH=tclsh'];
    await command(['make', '-f', `${top}/main.mk`, `TOP=${top}`, ...programs, 'sqlite3.c', 'shell.c'], dir, BUILD_MS);
    await command(['musl-gcc', ...FLAGS, '-o', 'shell', 'sqlite3.c', 'shell.c'], dir, BUILD_MS);
    mkdirSync(dirname(sqliteShell), { recursive: true });
    renameSync(join(dir, 'shell'), sqliteShell);
  } catch (error) {
    return error.message;
  }
  rmSync(dir, { recursive: true, force: true });
  return '';
}
