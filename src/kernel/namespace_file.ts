/** What links of /proc/PID/ns lead to: a file for each namespace, which setns(2) takes (namespaces(7)). */
import { E } from '../abi/errno.js';
import { O, S } from '../abi/fcntl.js';
import { CLONE } from '../abi/process.js';
import { Inode, Stat, StatFs, anonymousDev, type FileSystem } from '../vfs/inode.js';
import { Location, Mount } from '../vfs/mount.js';
import type { MountNamespace } from '../vfs/mount_tree.js';
import { OpenFile, type UserMemory } from '../vfs/open_file.js';
import type { Kernel } from './kernel.js';
import { leaveNamespace } from './mount_use.js';

const NSFS_MAGIC = 0x6e736673;
const NEWTIME = 0x80;
const NS_GET_NSTYPE = 0xb703, NS_GET_MNTNS_ID = 0x8008b705;

/** Kinds by their names in links, with the inode numbers of the first ones (linux/proc_ns.h) and their CLONE flag. */
const KINDS: Readonly<Record<string, readonly [ino: number, flag: number]>> = {
  cgroup: [4026531835, CLONE.NEWCGROUP], ipc: [4026531839, CLONE.NEWIPC], mnt: [4026531841, CLONE.NEWNS],
  net: [4026531840, CLONE.NEWNET], pid: [4026531836, CLONE.NEWPID], time: [4026531834, NEWTIME],
  user: [4026531837, CLONE.NEWUSER], uts: [4026531838, CLONE.NEWUTS],
};
/** Trees of mounts made later count from here. */
const LATER_INO = 4026532000;

class NamespaceFs implements FileSystem {
  readonly type = 'nsfs';
  readonly source = 'nsfs';
  readonly dev = anonymousDev();
  readonly readOnly = false;
  readonly root: Inode = new NamespaceInode(this, null, 'mnt', null);

  statfs(out: StatFs): number {
    Object.assign(out, new StatFs(), { type: NSFS_MAGIC });
    return 0;
  }
  sync(): number {
    return 0;
  }
}

/** A namespace as a file. `tree`: a tree of mounts; null: the one namespace of another kind. */
class NamespaceInode extends Inode {
  mode = S.IFREG | 0o444;
  uid = 0;
  gid = 0;

  constructor(
    readonly fs: FileSystem, private readonly kernel: Kernel | null, readonly kindName: string,
    readonly tree: MountNamespace | null,
  ) {
    super();
  }

  override get identity(): unknown {
    return this.text;
  }
  get ino(): number {
    const first = this.tree === null || this.kernel === null || this.tree === this.kernel.vfs.namespace;
    return first ? KINDS[this.kindName]![0] : LATER_INO + this.tree!.id;
  }
  get text(): string {
    return `${this.kindName}:[${this.ino}]`;
  }
  override stat(out: Stat): number {
    Object.assign(out, new Stat(), { dev: this.fs.dev, ino: this.ino, mode: this.mode });
    return 0;
  }
  override open(flags: number, location: Location): OpenFile | number {
    if ((flags & O.ACCMODE) !== O.RDONLY || this.kernel === null) return -E.PERM;
    return new NamespaceFile(flags, location, this.kernel, KINDS[this.kindName]![1], this.tree, this.text);
  }
}

/** An open namespace: a tree of mounts lives on while this is open. */
export class NamespaceFile extends OpenFile {
  constructor(
    flags: number, location: Location, private readonly kernel: Kernel,
    /** Its CLONE flag. */
    readonly kind: number,
    readonly tree: MountNamespace | null, private readonly text: string,
  ) {
    super(flags, location);
    if (tree !== null) tree.holders++;
  }

  override get label(): string {
    return this.text;
  }
  override ioctl(request: number, arg: number, memory: UserMemory): number {
    if (request === NS_GET_NSTYPE) return this.kind;
    if (request !== NS_GET_MNTNS_ID) return -E.NOTTY;
    if (this.tree === null) return -E.INVAL;
    if (!memory.writable(arg, 8)) return -E.FAULT;
    memory.window.view.setBigUint64(arg, BigInt(this.tree.id), true);
    return 0;
  }
  protected override closed(): number {
    if (this.tree !== null && --this.tree.holders === 0) leaveNamespace(this.kernel, this.tree);
    return 0;
  }
}

let mount: Mount | undefined;

function inodeOf(kernel: Kernel, kind: string, tree: MountNamespace | null): NamespaceInode {
  mount ??= ((fs) => new Mount(fs, fs.root, 0, null))(new NamespaceFs());
  return new NamespaceInode(mount.fs, kernel, kind, tree);
}

/** What a link says: 'mnt:[4026531841]'. `tree` counts for kind 'mnt'. */
export function namespaceText(kernel: Kernel, kind: string, tree: MountNamespace): string {
  return inodeOf(kernel, kind, kind === 'mnt' ? tree : null).text;
}

/** Where such a link leads. */
export function namespacePlace(kernel: Kernel, kind: string, tree: MountNamespace): Location {
  const inode = inodeOf(kernel, kind, kind === 'mnt' ? tree : null);
  return new Location(mount!, inode, null, inode.text);
}
