/** execve(2): another program in the same process; and the first program of a run. */
import { Abi } from '../abi/abi.js';
import { E } from '../abi/errno.js';
import { S } from '../abi/fcntl.js';
import { PERSONALITY, PR_MDWE } from '../abi/process.js';
import { CpuBlock, Gpr, type Cpu } from '../host/cpu_block.js';
import { native } from '../host/native.js';
import { LoadFailure, loadProgram, type LoadedProgram } from '../loader/exec.js';
import { AddressSpace } from '../mm/address_space.js';
import { MS } from '../vfs/mount.js';
import type { OpenFile } from '../vfs/open_file.js';
import { lookup, pathOf, PathContext } from '../vfs/path_walk.js';
import { Stat } from '../vfs/inode.js';
import { openExecutable } from '../vfs/vfs.js';
import { type Credentials, parseFileCapabilities, type ProgramPrivileges } from './credentials.js';
import { exitTask } from './exit.js';
import { FdTable } from './fd_table.js';
import { wakeFutex } from './futex.js';
import type { Kernel } from './kernel.js';
import { isWritten } from './mount_use.js';
import { Limits } from './limits.js';
import { Process, ProcessGroup, Session } from './process.js';
import { releaseLocks } from './robust_list.js';
import { SignalActions } from './signal_actions.js';
import { initFpu } from './sigframe.js';
import { REGISTERS_SET, Task, TaskState } from './task.js';
import { adoptTerminal } from './tty/host_terminal.js';
import { RLIMIT } from '../abi/resource.js';

/** Bits of personality(2) that a program does not get from one with fewer rights (Linux PER_CLEAR_ON_SETID). */
const CLEARED_BY_SETID = PERSONALITY.READ_IMPLIES_EXEC | PERSONALITY.ADDR_NO_RANDOMIZE |
  PERSONALITY.ADDR_COMPAT_LAYOUT | PERSONALITY.MMAP_PAGE_ZERO;
/** TASK_COMM_LEN without the NUL. */
const COMM_MAX = 15;

export interface FirstProgram {
  /** Guest path, argument and environment strings as bytes. */
  path: string;
  argv: readonly string[];
  envp: readonly string[];
  fs: PathContext;
  cred: Credentials;
  /**
   * Open file descriptions for descriptors 0, 1, 2 …; undefined ones stay closed. Their references pass to the process.
   */
  files: readonly (OpenFile | undefined)[];
}

/** Makes the main process and loads its program. Gives the task, ready to run, or why it cannot be. */
export function startFirst(kernel: Kernel, first: FirstProgram): Task | LoadFailure {
  const limits = Limits.initial();
  const pid = kernel.newPid();
  const file = openExecutable(first.fs, first.fs.cwd, first.path);
  if (typeof file === 'number') {
    const full = file === -E.MFILE || file === -E.NFILE;
    return new LoadFailure(file, full ? 'too many open files (ulimit -n)' : 'it cannot be opened for execution');
  }
  const loaded = load(kernel, file, first.path, first.argv, first.envp, first.fs, first.cred, limits, false);
  file.unref();
  if (loaded instanceof LoadFailure) return loaded;
  const session = new Session(pid);
  const process = new Process(pid, kernel.init, new ProcessGroup(pid, session), new SignalActions(), limits);
  process.startTime = native.monotonicNow();
  const files = new FdTable(limits.soft[RLIMIT.NOFILE]!);
  const console = lookup(first.fs, first.fs.root, '/dev/console', true);
  const place = typeof console === 'number' ? null : console;
  const { files: standard, terminal } = adoptTerminal(kernel, first.files, place);
  terminal?.control(session, process.group);
  kernel.hostTerminal = terminal;
  standard.forEach((open, fd) => {
    if (open) files.installAt(fd, open, false);
  });
  const task = new Task(
    kernel, pid, process, kernel.engine.createCpu(), Abi.X64, loaded.mm, files, first.fs, first.cred,
    commOf(first.path),
  );
  process.tasks.push(task);
  kernel.tasks.set(pid, task);
  kernel.processes.set(pid, process);
  kernel.main = process;
  adopt(task, loaded.program);
  kernel.enqueue(task);
  return task;
}

/**
 * execve(2) with a file already opened for execution (its reference stays with the caller). Gives -errno, with
 * nothing changed, or REGISTERS_SET when the new program stands ready.
 */
export function execve(
  task: Task, file: OpenFile, path: string, argv: readonly string[], envp: readonly string[],
): number {
  const { kernel, process } = task;
  const cred = task.cred.copy();
  const raised = cred.exec(privilegesOf(cred, file));
  if (typeof raised === 'number') return raised;
  const loaded = load(kernel, file, path, argv, envp, task.fs, cred, process.limits, raised, process.personality);
  if (loaded instanceof LoadFailure) return loaded.error;

  // From here on there is no way back.
  for (const other of [...process.tasks]) if (other !== task && other.state !== TaskState.Zombie) exitTask(other, 0);
  becomeLeader(task);
  releaseLocks(task);
  if (task.clearChildTid !== 0 && task.mm.putU32(task.clearChildTid, 0)) wakeFutex(task, task.clearChildTid, 1);
  task.robustList = task.clearChildTid = 0;
  if ((task.mm.mdwe & PR_MDWE.NO_INHERIT) === 0) loaded.mm.mdwe = task.mm.mdwe;
  task.mm.release();
  task.mm = loaded.mm;
  process.vforked = false;
  process.released.wake();
  if (task.files.users > 1) {
    const files = task.files.copy();
    task.files.leave();
    task.files = files;
  }
  task.files.closeOnExec();
  if (process.actions.users > 1) {
    process.actions.users--;
    process.actions = process.actions.copy();
  }
  process.actions.reset();
  const before = task.cred;
  task.cred = cred;
  task.fs.cred = cred;
  task.altStackAddress = task.altStackSize = task.altStackFlags = 0;
  task.restart = undefined;
  task.rseq = 0;
  task.userDispatch = null;
  process.personality &= raised ? ~CLEARED_BY_SETID : ~PERSONALITY.READ_IMPLIES_EXEC;
  task.name = commOf(path);
  process.hasExecuted = true;
  const sameUser = before.euid === before.uid && before.egid === before.gid && cred.isWithin(before);
  process.dumpable = sameUser ? 1 : 0;
  process.parentDeathSignal = raised || !sameUser ? 0 : process.parentDeathSignal;
  kernel.executed(process);
  adopt(task, loaded.program);
  return REGISTERS_SET;
}

function load(
  kernel: Kernel, file: OpenFile, path: string, argv: readonly string[], envp: readonly string[], fs: PathContext,
  cred: Credentials, limits: Limits, secure: boolean, personality = 0,
): { mm: AddressSpace; program: LoadedProgram } | LoadFailure {
  if (isWritten(kernel, file)) return new LoadFailure(-E.TXTBSY, 'it is open for writing');
  let mm: AddressSpace;
  try {
    const layout = personality & PERSONALITY.ADDR_NO_RANDOMIZE && !secure ? kernel.plainLayout : kernel.layout;
    mm = new AddressSpace({ layout, limits, account: kernel.memory });
  } catch {
    return new LoadFailure(-E.NOMEM, 'the host has no room for its memory');
  }
  const random = new Uint8Array(16);
  native.getrandom(random, 0, 16);
  const program = loadProgram(mm, file, {
    argv, envp, execfn: path,
    open: (name) => openExecutable(fs, fs.cwd, name),
    creds: cred, secure, hwcap: kernel.hwcap, hwcap2: kernel.hwcap2, random, vdso: true,
  });
  if (!(program instanceof LoadFailure)) return { mm, program };
  mm.release();
  return program;
}

const NO_PRIVILEGES: ProgramPrivileges = { uid: -1, gid: -1, capabilities: null };

/** What a program gives beyond its text: nothing on nosuid mounts, and no ids with no_new_privs. */
function privilegesOf(cred: Credentials, file: OpenFile): ProgramPrivileges {
  const { location } = file;
  if (location === null || location.mount.flags & MS.NOSUID) return NO_PRIVILEGES;
  const stat = new Stat();
  if (location.inode.stat(stat) < 0) return NO_PRIVILEGES;
  // Root has it all; nobody asks for the attribute then.
  const value = cred.euid === 0 ? -E.NODATA : location.inode.getxattr('security.capability');
  const capabilities = typeof value === 'number' ? null : parseFileCapabilities(value);
  const uid = stat.mode & S.ISUID && !cred.noNewPrivs ? stat.uid : -1;
  const gid = stat.mode & S.ISGID && stat.mode & 0o010 && !cred.noNewPrivs ? stat.gid : -1;
  return uid < 0 && gid < 0 && capabilities === null ? NO_PRIVILEGES : { uid, gid, capabilities };
}

/** A thread that executes takes over the process: it gets the tid of the leader, which is gone. */
function becomeLeader(task: Task): void {
  const { process, kernel } = task;
  if (process.leader === task) return;
  kernel.tasks.delete(task.tid);
  process.tasks.length = 0;
  process.tasks.push(task);
  task.tid = process.pid;
  kernel.tasks.set(task.tid, task);
}

/** Gives the process the loaded program, and the CPU its first registers. */
function adopt(task: Task, program: LoadedProgram): void {
  const { process, cpu } = task;
  process.runs(program.executable);
  const { location } = program.executable;
  process.executablePath = location ? pathOf(task.fs.root, location) : '';
  resetRegisters(cpu);
  cpu.set(Gpr.rsp, program.stackPointer);
  cpu.rip = program.entry;
}

function resetRegisters(cpu: Cpu): void {
  cpu.u8.fill(0, 0, CpuBlock.rflags);
  cpu.u32[CpuBlock.rflags >> 2] = 0x202;
  cpu.u8.fill(0, CpuBlock.fsBase, CpuBlock.trap);
  cpu.u8.fill(0, CpuBlock.selectors, CpuBlock.selectors + 12);
  initFpu(cpu.u8, cpu.u32);
  native.cpuResetReturnStack(cpu.id);
}

export function commOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).slice(0, COMM_MAX);
}
