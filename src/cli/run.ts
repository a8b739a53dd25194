/** `posixx run`: engine, root, kernel and system-call table put together around one program. */
import { openSync, writeSync } from 'node:fs';
import { E } from '../abi/errno.js';
import { S } from '../abi/fcntl.js';
import { native } from '../host/native.js';
import { Credentials } from '../kernel/credentials.js';
import { startFirst } from '../kernel/exec.js';
import { Kernel } from '../kernel/kernel.js';
import { sendToGroup } from '../kernel/signals.js';
import { SigInfo } from '../kernel/pending_signals.js';
import { SI, SIG } from '../abi/signal.js';
import { LoadFailure } from '../loader/failure.js';
import { dispatch } from '../syscalls/dispatch.js';
import { CpuModel } from '../translator/cpu_model.js';
import { X86Engine } from '../translator/x86_engine.js';
import { RootError } from '../vfs/default_root.js';
import { openHostDescriptor, showOwnFilesAsRoots } from '../vfs/host_file.js';
import { lookup, openExecutable, PathContext, type OpenFile, type Vfs } from '../vfs/vfs.js';
import { codeStore } from './code_store.js';
import { configure, type RunConfig } from './config.js';
import { fatalSignalText } from './fatal_signal.js';
import { environmentBytes, workingDirectory } from './native_strings.js';
import { parseCommandLine, UsageError } from './parse.js';
import { makeRoot } from './root.js';
import { guestUser, isCaller, UserError } from './user.js';

/** Exit statuses, those of env(1) and timeout(1). */
const CANNOT_EXECUTE = 126;
const NOT_FOUND = 127;
const TIMED_OUT = 124;
const BAD_ROOT = 125;
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Writes a line for the user; a byte string. */
type Say = (line: string) => void;

/**
 * Runs the program of a command line to its end. Gives the exit status for the shell.
 * @throws UsageError for a mistake on the command line
 */
export async function run(args: readonly string[], write: (text: string) => void): Promise<number> {
  const callerEnv = environmentBytes();
  const variable = (name: string): string | undefined =>
    callerEnv.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1);
  const config = configure(parseCommandLine(args, variable), callerEnv);
  const say: Say = (line) => write(`posixx: ${line}\n`);

  const started = native.monotonicNow();
  const callerCwd = workingDirectory();
  if (callerCwd === undefined && config.cwd === undefined && !config.quiet) {
    say('the working directory does not exist any more: the guest starts in /');
  }
  const hostCwd = callerCwd ?? '/';
  const caller = { uid: process.getuid!(), gid: process.getgid!(), groups: process.getgroups!() };
  if (caller.uid !== 0 && !isCaller(config.user, caller)) showOwnFilesAsRoots(caller.uid, caller.gid);
  let vfs: Vfs | undefined, fs: PathContext, cred: Credentials;
  try {
    vfs = await makeRoot(config, hostCwd, say);
    fs = new PathContext(vfs, vfs.root, vfs.root, process.umask(), Credentials.of(0, 0, []));
    fs.cred = cred = guestUser(fs, config.user, caller);
  } catch (error) {
    vfs?.close();
    if (error instanceof RootError) say(error.errno === 0 ? error.message : `${error.message}: ${errorText(error.errno)}`);
    else if (error instanceof UserError) say(error.message);
    else throw error;
    return BAD_ROOT;
  }
  try {
    return await runIn({ vfs, fs, cred, hostCwd, started }, config, say, write);
  } finally {
    vfs.close();
  }
}

/** Where the program runs. */
interface Place {
  vfs: Vfs;
  fs: PathContext;
  cred: Credentials;
  /** The caller's working directory. */
  hostCwd: string;
  /** When posixx was, in nanoseconds of the monotonic clock. */
  started: number;
}

async function runIn(place: Place, config: RunConfig, say: Say, write: (text: string) => void): Promise<number> {
  const { vfs, fs, cred, hostCwd, started } = place;
  const cwd = lookup(fs, vfs.root, config.cwd ?? hostCwd, true);
  if (typeof cwd !== 'number' && cwd.inode.type === S.IFDIR) {
    fs.cwd = cwd;
  } else if (config.cwd !== undefined) {
    say(`--cwd ${config.cwd}: ${typeof cwd === 'number' ? errorText(-cwd) : 'not a directory'} in the guest`);
    return BAD_ROOT;
  }

  const name = config.argv[0]!;
  const path = findProgram(fs, name, config.env);
  if (typeof path === 'number') return refuse(say, name, path, explain(fs, config, path));

  const engine = new X86Engine(new CpuModel(config.cpu), config.codeCache ? codeStore() : undefined);
  const kernel = new Kernel({
    engine, dispatch, vfs, memory: config.memory, aslr: config.aslr, killAfter: config.killAfter * 1e6,
    ...(config.maxTasks === undefined ? {} : { maxTasks: config.maxTasks }),
    warn: config.quiet ? () => {} : say,
  });
  let calls = 0;
  if (config.stats) {
    const { dispatch: carryOut } = kernel;
    kernel.dispatch = (task, number, abi) => {
      calls++;
      return carryOut(task, number, abi);
    };
  }
  if (config.strace !== undefined) await trace(kernel, config, write);
  const files = [0, 1, 2].map((fd): OpenFile | undefined => {
    const file = openHostDescriptor(fd);
    return typeof file === 'number' ? undefined : file;
  });
  const task = startFirst(kernel, { path, argv: config.argv, envp: config.env, fs, cred, files });
  if (task instanceof LoadFailure) return refuse(say, name, task.error, task.reason);

  let timedOut = false;
  if (config.timeout !== Infinity) {
    kernel.timers.add(native.monotonicNow() + config.timeout * 1e6, () => {
      timedOut = true;
      for (const process of kernel.main!.session.members) sendToGroup(process.group, new SigInfo(SIG.KILL, SI.KERNEL));
    }, undefined);
  }
  const status = kernel.run();
  engine.keep();
  if (config.stats) printStats(say, engine, calls, (native.monotonicNow() - started) / 1e6);
  if (timedOut) {
    say(`${name} was killed after ${config.timeout / 1000} s (--timeout)`);
    return TIMED_OUT;
  }
  const signal = status & 0x7f;
  if (signal === 0) return leave((status >> 8) & 0xff);
  const text = fatalSignalText(signal);
  if (text !== '' && !config.quiet) write(`${text}${status & 0x80 ? ' (core dumped)' : ''}\n`);
  return 128 + signal;
}

/** Ends the process without Node's tear-down, unless somebody wants to see the end (a profiler, the build's code cache). */
function leave(status: number): number {
  const watched = process.listenerCount('exit') > 0 || process.execArgv.length > 0 ||
    process.env['NODE_OPTIONS'] !== undefined || process.env['NODE_V8_COVERAGE'] !== undefined;
  if (!watched) native.exitNow(status);
  return status;
}

/** Starts strace. @throws UsageError when the file cannot be written or the set names what does not exist. */
async function trace(kernel: Kernel, config: RunConfig, write: (text: string) => void): Promise<void> {
  const { parseTraceSet, startStrace } = await import('../debug/strace.js');
  let selects: ReturnType<typeof parseTraceSet>;
  let out = write;
  try {
    selects = parseTraceSet(config.trace);
    if (config.strace !== '') {
      const fd = openSync(Buffer.from(config.strace!, 'latin1'), 'w');
      out = (text) => void writeSync(fd, text, null, 'latin1');
    }
  } catch (error) {
    const { errno, message } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw new UsageError(`--trace: ${message}`);
    throw new UsageError(`--strace=${config.strace}: ${errorText(-errno)}`);
  }
  startStrace(kernel, out, selects);
}

/** The guest path of a program: as it is with a slash, else along the guest's PATH. -errno when there is none. */
function findProgram(fs: PathContext, name: string, env: readonly string[]): string | number {
  if (name.includes('/')) {
    const failed = tryProgram(fs, name);
    return failed < 0 ? failed : name;
  }
  const path = env.find((entry) => entry.startsWith('PATH='))?.slice(5) ?? DEFAULT_PATH;
  let failure = -E.NOENT;
  for (const directory of path.split(':')) {
    const candidate = directory === '' ? `./${name}` : `${directory}/${name}`;
    const failed = tryProgram(fs, candidate);
    if (failed >= 0) return candidate;
    if (failed === -E.ACCES) failure = failed;
  }
  return failure;
}

function tryProgram(fs: PathContext, path: string): number {
  const file = openExecutable(fs, fs.cwd, path);
  return typeof file === 'number' ? file : file.unref();
}

/** Why a program cannot be opened, for people. */
function explain(fs: PathContext, config: RunConfig, error: number): string {
  const name = config.argv[0]!;
  if (error === -E.NOENT) {
    if (!name.includes('/') && config.emptyRoot) {
      return 'an empty root has no programs on its PATH; give the path on the host, such as ./a.out';
    }
    if (!name.includes('/')) return 'not found on the guest\'s PATH; a program of the working directory needs ./ before its name';
    return 'no such file in the guest\'s root; files of the host\'s /tmp and of other roots need --volume';
  }
  const place = lookup(fs, fs.cwd, name, true);
  if (typeof place !== 'number' && place.inode.type === S.IFDIR) return 'is a directory';
  if (error === -E.ACCES) return 'permission denied; is it executable (chmod +x)?';
  return errorText(-error);
}

function refuse(say: Say, name: string, error: number, reason: string): number {
  say(`cannot run ${name}: ${reason}`);
  return error === -E.NOENT ? NOT_FOUND : CANNOT_EXECUTE;
}

const ERROR_TEXT: Record<number, string> = {
  [E.NOENT]: 'no such file or directory', [E.ACCES]: 'permission denied', [E.PERM]: 'not permitted',
  [E.NOTDIR]: 'not a directory', [E.ISDIR]: 'is a directory', [E.LOOP]: 'too many symbolic links',
  [E.NAMETOOLONG]: 'name too long', [E.IO]: 'input/output error', [E.NOMEM]: 'out of memory',
  [E.MFILE]: 'too many open files', [E.NFILE]: 'too many open files', [E.BUSY]: 'in use', [E.ROFS]: 'read-only',
};

function errorText(errno: number): string {
  return ERROR_TEXT[errno] ?? Object.entries(E).find(([, value]) => value === errno)?.[0] ?? `error ${errno}`;
}

function printStats(say: Say, engine: X86Engine, calls: number, ms: number): void {
  const { stats } = engine;
  say(`time: ${ms.toFixed(1)} ms in all, ${stats.translateMs.toFixed(1)} ms of it translating`);
  say(`translated: ${stats.fragments} fragments, ${stats.instructions} instructions, ${stats.hostBytes} bytes; ` +
    `${stats.links} links, ${stats.indirectMisses} indirect misses, ${stats.flushes} flushes`);
  say(`traps: ${calls} system calls`);
  say(`memory: ${(process.resourceUsage().maxRSS / 1024).toFixed(1)} MB resident at most`);
}
