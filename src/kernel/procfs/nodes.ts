/** What /proc is made of: directories whose entries are computed, files whose text is made when they are opened. */
import { E } from '../../abi/errno.js';
import { O, S } from '../../abi/fcntl.js';
import { DirectoryFile } from '../../vfs/directory_file.js';
import {
  anonymousDev, Inode, type AttrChange, type DirSink, type FileSystem, type Stat, type StatFs,
} from '../../vfs/inode.js';
import type { Location } from '../../vfs/mount.js';
import { OpenFile, SEEK } from '../../vfs/open_file.js';
import { native } from '../../host/native.js';
import type { Process } from '../process.js';

const PROC_SUPER_MAGIC = 0x9fa0;
let serial = 1;
const now = new Float64Array(2);

/** /proc, and /sys of the same making. */
export class ProcFileSystem implements FileSystem {
  readonly source: string;
  readonly dev = anonymousDev();
  readonly readOnly = false;
  readonly root: Inode;

  constructor(
    makeRoot: (fs: ProcFileSystem) => Inode, readonly type = 'proc', private readonly magic = PROC_SUPER_MAGIC,
  ) {
    this.source = type;
    this.root = makeRoot(this);
  }

  statfs(out: StatFs): number {
    out.type = this.magic;
    out.blocks = out.bfree = out.bavail = out.files = out.ffree = 0;
    return 0;
  }
  sync(): number {
    return 0;
  }
}

/** Who owns what is below /proc/PID: the process's user. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const ROOT: Owner = { uid: 0, gid: 0 };

export abstract class ProcInode extends Inode {
  mode: number;
  readonly ino = serial++;

  constructor(readonly fs: FileSystem, mode: number, private readonly owner: Owner = ROOT) {
    super();
    this.mode = mode;
  }

  get uid(): number {
    return this.owner.uid;
  }
  get gid(): number {
    return this.owner.gid;
  }
  override stat(out: Stat): number {
    out.dev = this.fs.dev;
    out.ino = this.ino;
    out.mode = this.mode;
    out.nlink = this.type === S.IFDIR ? 2 : 1;
    out.uid = this.uid;
    out.gid = this.gid;
    out.rdev = out.size = out.blocks = 0;
    out.blksize = 1024;
    native.clockGettime(0, now);
    out.atime = out.mtime = out.ctime = now[0]!;
    out.atimeNsec = out.mtimeNsec = out.ctimeNsec = now[1]!;
    return 0;
  }
  override setattr(_change: AttrChange): number {
    return -E.PERM;
  }
}

/** Makes the node of an entry. Nodes are kept, so a directory stays one inode. */
export type MakeNode = (fs: FileSystem) => Inode;

/** A directory with fixed entries, and perhaps some that come and go. */
export class ProcDirectory extends ProcInode {
  /** Of /proc/PID: descriptors of it are taken for pidfds by pidfd_send_signal(2). */
  process: Process | null = null;
  private readonly nodes = new Map<string, Inode>();

  constructor(
    fs: FileSystem, private readonly entries: Readonly<Record<string, MakeNode>>, owner?: Owner, mode = 0o555,
  ) {
    super(fs, S.IFDIR | mode, owner);
  }

  /** In /proc, nothing is found under a name that is not there, be it to make it (proc_lookup in Linux). */
  override create(): number {
    return this.fs.type === 'proc' ? -E.NOENT : -E.PERM;
  }
  override lookup(name: string): Inode | number {
    const known = this.nodes.get(name);
    if (known) return known;
    if (!Object.hasOwn(this.entries, name)) return -E.NOENT;
    const node = this.entries[name]!(this.fs);
    this.nodes.set(name, node);
    return node;
  }
  override readdir(position: number, sink: DirSink): number {
    Object.keys(this.entries).slice(position).every((name, index) => {
      const node = this.lookup(name) as ProcInode;
      return sink.entry(name, node.ino, node.type, position + index + 1);
    });
    return 0;
  }
  override open(flags: number, location: Location): OpenFile | number {
    return new DirectoryFile(flags, location);
  }
}

/** Text made at each open, and anew by each later read from its beginning (Linux fs/seq_file.c). */
export class ProcFile extends ProcInode {
  constructor(
    fs: FileSystem, protected readonly text: () => string | number, owner?: Owner, mode = 0o444,
    private readonly store?: (text: string) => number,
  ) {
    super(fs, S.IFREG | mode, owner);
  }

  override open(flags: number, location: Location): OpenFile | number {
    if ((flags & O.ACCMODE) !== O.RDONLY && !this.store) return -E.ACCES;
    const text = (flags & O.ACCMODE) === O.WRONLY ? '' : this.text();
    return typeof text === 'number' ? text : this.opened(flags, location, text);
  }
  protected opened(flags: number, location: Location, text: string): OpenFile {
    return new ProcText(flags, location, text, this.text, this.store);
  }
  override setattr(): number {
    return this.store ? 0 : -E.PERM;
  }
}

/** An open file of such text. */
export class ProcText extends OpenFile {
  private position = 0;
  private bytes: Buffer;
  /** Nothing was read yet: the text is that of the open. */
  private fresh = true;

  constructor(flags: number, location: Location, text: string,
    private readonly now: () => string | number, private readonly store: ((text: string) => number) | undefined) {
    super(flags, location);
    this.bytes = Buffer.from(text, 'latin1');
  }

  override get seekable(): boolean {
    return true;
  }
  override read(u8: Uint8Array, start: number, length: number): number {
    const count = this.pread(u8, start, length, this.position);
    this.position += count;
    return count;
  }
  override pread(u8: Uint8Array, start: number, length: number, position: number): number {
    if (position === 0 && !this.fresh) {
      const text = this.now();
      if (typeof text === 'number') return text;
      this.bytes = Buffer.from(text, 'latin1');
    }
    this.fresh = false;
    if (position >= this.bytes.length) return 0;
    const count = Math.min(length, this.bytes.length - position);
    u8.set(this.bytes.subarray(position, position + count), start);
    return count;
  }
  override write(u8: Uint8Array, start: number, length: number): number {
    if (!this.store) return -E.BADF;
    const failed = this.store(Buffer.from(u8.subarray(start, start + length)).toString('latin1'));
    return failed < 0 ? failed : length;
  }
  override seek(offset: number, whence: number): number {
    if (whence !== SEEK.SET && whence !== SEEK.CUR) return -E.INVAL;
    const to = whence === SEEK.SET ? offset : this.position + offset;
    if (to < 0) return -E.INVAL;
    this.position = to;
    return to;
  }
}

/** A symbolic link, perhaps a magic one: `target` is its text, `place` where it really leads. */
export class ProcLink extends ProcInode {
  constructor(
    fs: FileSystem, private readonly target: () => string | number, owner?: Owner,
    private readonly place?: () => Location | number, mode = 0o777,
  ) {
    super(fs, S.IFLNK | mode, owner);
  }

  override readlink(): string | number {
    return this.target();
  }
  override jump(): Location | number | null {
    return this.place ? this.place() : null;
  }
}
