/** Terminals as device nodes: /dev/tty, /dev/console, /dev/ptmx and /dev/pts (tty(4), pts(4)). */
import { E } from '../../abi/errno.js';
import { S } from '../../abi/fcntl.js';
import { native } from '../../host/native.js';
import { DirectoryFile } from '../../vfs/directory_file.js';
import {
  anonymousDev, ATTR, Inode, makeDev, type AttrChange, type DirSink, type FileSystem, type Stat, type StatFs,
} from '../../vfs/inode.js';
import type { Location } from '../../vfs/mount.js';
import type { OpenFile } from '../../vfs/open_file.js';
import type { Kernel } from '../kernel.js';
import { MasterFile, Pty, PTS_MAJOR } from './pty.js';

const DEVPTS_SUPER_MAGIC = 0x1cd1;
/** Group tty of Debian. */
const TTY_GID = 5;
const PTY_MAX = 4096;

/** Puts terminals behind their device numbers; gives the file system to mount at /dev/pts. */
export function registerTerminals(kernel: Kernel): FileSystem {
  const { charDevices } = kernel.vfs;
  const pts = new DevPts(kernel);
  charDevices.set(makeDev(5, 0), (location, flags) =>
    kernel.current?.process.session.terminal?.open(flags, location) ?? -E.NXIO);
  charDevices.set(makeDev(5, 1), (location, flags) => kernel.hostTerminal?.open(flags, location) ?? -E.IO);
  charDevices.set(makeDev(5, 2), (location, flags) => pts.openMaster(flags, location));
  return pts;
}

class DevPts implements FileSystem {
  readonly type = 'devpts';
  readonly source = 'devpts';
  readonly dev = anonymousDev();
  readonly readOnly = false;
  readonly root: Inode;
  /** By number; freed numbers are used again. */
  readonly nodes: (PtsNode | undefined)[] = [];
  readonly ptmx: PtmxNode;

  constructor(private readonly kernel: Kernel) {
    this.root = new PtsDirectory(this);
    this.ptmx = new PtmxNode(this);
  }

  openMaster(flags: number, location: Location): OpenFile | number {
    let index = this.nodes.findIndex((node) => node === undefined);
    if (index < 0) index = this.nodes.length;
    if (index >= PTY_MAX) return -E.NOSPC;
    const pty = new Pty(this.kernel, index, () => {
      this.nodes[index] = undefined;
      this.kernel.pseudoTerminals--;
    });
    this.kernel.pseudoTerminals++;
    const cred = this.kernel.current?.cred;
    this.nodes[index] = new PtsNode(this, pty, cred?.fsuid ?? 0);
    this.kernel.vfs.charDevices.set(makeDev(PTS_MAJOR, index), (place, how) => {
      const node = this.nodes[index];
      return node ? node.pty.open(how, place) : -E.IO;
    });
    return new MasterFile(pty, flags, location);
  }

  statfs(out: StatFs): number {
    out.type = DEVPTS_SUPER_MAGIC;
    return 0;
  }
  sync(): number {
    return 0;
  }
}

abstract class PtsInode extends Inode {
  private readonly times = new Float64Array(2);

  constructor(
    readonly fs: DevPts, public mode: number, public uid: number, public gid: number, private readonly ino: number,
  ) {
    super();
    native.clockGettime(0, this.times);
  }

  override stat(out: Stat): number {
    out.dev = this.fs.dev;
    out.ino = this.ino;
    out.mode = this.mode;
    out.nlink = this.type === S.IFDIR ? 2 : 1;
    out.uid = this.uid;
    out.gid = this.gid;
    out.rdev = this.rdev;
    out.size = out.blocks = 0;
    out.blksize = 1024;
    out.atime = out.mtime = out.ctime = this.times[0]!;
    out.atimeNsec = out.mtimeNsec = out.ctimeNsec = this.times[1]!;
    return 0;
  }
  get rdev(): number {
    return 0;
  }
  override setattr(change: AttrChange): number {
    if (change.mask & ATTR.MODE) this.mode = (this.mode & S.IFMT) | (change.mode & 0o7777);
    if (change.mask & ATTR.UID) this.uid = change.uid;
    if (change.mask & ATTR.GID) this.gid = change.gid;
    return 0;
  }
}

/** /dev/pts/ptmx: the same as /dev/ptmx. */
class PtmxNode extends PtsInode {
  constructor(fs: DevPts) {
    super(fs, S.IFCHR, 0, 0, 2);
  }
  override get rdev(): number {
    return makeDev(5, 2);
  }
}

/** One terminal: a character device whose number says which. */
class PtsNode extends PtsInode {
  constructor(fs: DevPts, readonly pty: Pty, uid: number) {
    super(fs, S.IFCHR | 0o620, uid, TTY_GID, pty.index + 3);
  }
  override get rdev(): number {
    return makeDev(PTS_MAJOR, this.pty.index);
  }
}

class PtsDirectory extends PtsInode {
  constructor(fs: DevPts) {
    super(fs, S.IFDIR | 0o755, 0, 0, 1);
  }

  override lookup(name: string): Inode | number {
    if (name === 'ptmx') return this.fs.ptmx;
    return (/^(0|[1-9][0-9]*)$/.test(name) ? this.fs.nodes[Number(name)] : undefined) ?? -E.NOENT;
  }
  override readdir(position: number, sink: DirSink): number {
    if (position === 0 && !sink.entry('ptmx', 2, S.IFCHR, 1)) return 0;
    for (let index = Math.max(0, position - 1); index < this.fs.nodes.length; index++) {
      if (this.fs.nodes[index] && !sink.entry(String(index), index + 3, S.IFCHR, index + 2)) break;
    }
    return 0;
  }
  override open(flags: number, location: Location): OpenFile {
    return new DirectoryFile(flags, location);
  }
}
