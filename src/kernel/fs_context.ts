/** Contexts in which a file system is made or changed (fsopen(2)), and descriptors of trees of mounts (open_tree(2)). */
import { E } from '../abi/errno.js';
import { MS, SUPER } from '../abi/mount.js';
import { O } from '../abi/fcntl.js';
import type { FileSystemType } from '../vfs/fs/types.js';
import type { FileSystem } from '../vfs/inode.js';
import { Location, type Mount } from '../vfs/mount.js';
import { detachedTree, dissolve, isMounted, type MountNamespace } from '../vfs/mount_tree.js';
import { PathFile, type Vfs } from '../vfs/vfs.js';
import { AnonymousFile } from './anonymous_file.js';

/** Messages that a context keeps; the oldest goes first. */
const MESSAGES = 8;

/** Parameters that every file system has: SUPER flags, and RDONLY. */
const SET = new Map<string, number>([
  ['dirsync', SUPER.DIRSYNC], ['lazytime', SUPER.LAZYTIME], ['mand', SUPER.MANDLOCK], ['ro', MS.RDONLY],
  ['sync', SUPER.SYNCHRONOUS],
]);
const CLEARED = new Map<string, number>([
  ['async', SUPER.SYNCHRONOUS], ['nolazytime', SUPER.LAZYTIME], ['nomand', SUPER.MANDLOCK], ['rw', MS.RDONLY],
]);

/** Words of mount(2)'s data that every file system has, as flags, and the text without them. */
export function commonOptions(text: string): { set: number; clear: number; rest: string } {
  let set = 0, clear = 0;
  const rest = text.split(',').filter((word) => {
    const on = SET.get(word) ?? 0, off = CLEARED.get(word) ?? 0;
    set = (set | on) & ~off;
    clear = (clear | off) & ~on;
    return on === 0 && off === 0;
  });
  return { set, clear, rest: rest.join(',') };
}

/** What a context takes next. */
export const enum Phase { Parameters, AwaitingMount, Changes, Failed }

export class FsContext extends AnonymousFile {
  readonly kind = '[fscontext]';
  phase: Phase;
  source: string | null = null;
  /** Words of the file system's own options (mount(8) -o). */
  options: string[] = [];
  /** RDONLY and SUPER flags that are on, and those that were spoken of. */
  superFlags = 0;
  superMask = 0;
  private readonly log: string[] = [];

  /** `fs`: the file system to change (fspick); null: one to be made. */
  constructor(readonly type: FileSystemType, public fs: FileSystem | null) {
    super(O.RDWR);
    this.phase = fs === null ? Phase.Parameters : Phase.Changes;
  }

  /** Takes one of the parameters that every file system has. False: it is none. */
  takeFlag(key: string): boolean {
    const flag = SET.get(key) ?? CLEARED.get(key);
    if (flag === undefined) return false;
    this.superMask |= flag;
    this.superFlags = SET.has(key) ? this.superFlags | flag : this.superFlags & ~flag;
    return true;
  }

  /** Keeps a message for who reads the descriptor; gives -EINVAL. */
  refuse(text: string): number {
    this.say(`e ${text}`);
    return -E.INVAL;
  }
  say(message: string): void {
    this.log.push(message);
    if (this.log.length > MESSAGES) this.log.shift();
  }

  /** From now on parameters are those of a change. */
  startChanges(): void {
    this.phase = Phase.Changes;
    this.options = [];
    this.superFlags = this.superMask = 0;
  }

  override get pollable(): boolean {
    return false;
  }
  override seek(): number {
    return -E.SPIPE;
  }
  /** One message. -ENODATA: there is none; -EMSGSIZE: it does not fit, and is gone. */
  override read(u8: Uint8Array, start: number, length: number): number {
    const message = this.log.shift();
    if (message === undefined) return -E.NODATA;
    if (message.length > length) return -E.MSGSIZE;
    u8.set(Buffer.from(message, 'latin1'), start);
    return message.length;
  }
  protected override closed(): number {
    if (this.fs !== null && !isMounted(this.fs)) this.fs.unmounted?.();
    return 0;
  }
}

/** A descriptor of a tree that is nowhere: with its last close the tree goes, unless it was mounted. */
export class DetachedTreeFile extends PathFile {
  private readonly tree: MountNamespace;

  constructor(top: Mount, private readonly vfs: Vfs) {
    super(O.PATH, new Location(top, top.root, top.rootPlace?.dir ?? null, top.rootPlace?.name ?? ''));
    this.tree = detachedTree(top);
    vfs.namespaces.add(this.tree);
  }

  protected override closed(): number {
    if (this.vfs.namespaces.delete(this.tree)) dissolve(this.tree);
    return super.closed();
  }
}
