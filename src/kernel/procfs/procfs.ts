/** /proc: the processes of the guest by number, and what the system tells (proc(5)). */
import { createRequire } from 'node:module';
import { E } from '../../abi/errno.js';
import { S } from '../../abi/fcntl.js';
import type { DirSink, FileSystem, Inode } from '../../vfs/inode.js';
import type { Location } from '../../vfs/mount.js';
import type { OpenFile } from '../../vfs/open_file.js';
import { DirectoryFile } from '../../vfs/directory_file.js';
import type { Kernel } from '../kernel.js';
import type { Task } from '../task.js';
import { ProcDirectory, ProcFileSystem, ProcInode, ProcLink } from './nodes.js';

const require = createRequire(import.meta.url);
type SystemModule = typeof import('./system_files.js');
type ProcessModule = typeof import('./process_files.js');

// Loaded at the first look: few programs want either.
function processFiles(): ProcessModule {
  return require('./process_files.js') as ProcessModule;
}

function systemFiles(): SystemModule {
  return require('./system_files.js') as SystemModule;
}

/** The file system to mount at /proc. `release` and `version` are uname's. */
export function createProcFs(kernel: Kernel, release: string, version: string): FileSystem {
  return new ProcFileSystem((fs) => new ProcRoot(fs, kernel, release, version));
}

class ProcRoot extends ProcInode {
  private fixed: ProcDirectory | undefined;
  private readonly directories = new WeakMap<Task, Inode>();
  private readonly links: Record<string, Inode>;

  constructor(
    fs: FileSystem, private readonly kernel: Kernel, private readonly release: string, private readonly version: string,
  ) {
    super(fs, S.IFDIR | 0o555);
    const link = (target: (task: Task) => string): Inode =>
      new ProcLink(fs, () => (kernel.current ? target(kernel.current) : -E.NOENT));
    this.links = {
      self: link((task) => String(task.process.pid)),
      'thread-self': link((task) => `${task.process.pid}/task/${task.tid}`),
      mounts: link(() => 'self/mounts'),
      net: link(() => 'self/net'),
    };
  }

  override lookup(name: string): Inode | number {
    if (Object.hasOwn(this.links, name)) return this.links[name]!;
    if (!/^[1-9][0-9]*$/.test(name)) return this.system.lookup(name);
    // Threads are found by number too, but not listed.
    const task = this.kernel.taskOf(Number(name));
    if (!task) return -E.NOENT;
    let node = this.directories.get(task);
    if (!node) {
      const directory = processFiles().taskDirectory(this.fs, task, true);
      directory.process = task.process;
      this.directories.set(task, node = directory);
    }
    return node;
  }

  override readdir(position: number, sink: DirSink): number {
    const entries: [string, number, number][] = [];
    this.system.readdir(0, {
      entry(name, ino, type) {
        entries.push([name, ino, type]);
        return true;
      },
    });
    for (const [name, node] of Object.entries(this.links)) entries.push([name, (node as ProcInode).ino, S.IFLNK]);
    for (const process of this.kernel.processes.values().sort((a, b) => a.pid - b.pid)) {
      entries.push([String(process.pid), 100_000 + process.pid, S.IFDIR]);
    }
    entries.slice(position).every(([name, ino, type], index) => sink.entry(name, ino, type, position + index + 1));
    return 0;
  }

  override open(flags: number, location: Location): OpenFile {
    return new DirectoryFile(flags, location);
  }

  private get system(): ProcDirectory {
    return this.fixed ??= new ProcDirectory(this.fs, systemFiles().systemEntries(this.kernel, this.release, this.version));
  }
}
