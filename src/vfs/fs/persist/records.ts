/** What the records of a persistent layer's log say, and how a tree is made from them. */
import { S } from '../../../abi/fcntl.js';
import { ATTR } from '../../inode.js';
import type { AttrChange } from '../../inode.js';
import type { PersistInode } from './inode.js';
import { RecordWriter } from './log.js';
import type { RecordReader } from './log.js';
import type { PersistFs } from './persistfs.js';

const OP = { INODE: 1, LINK: 2, UNLINK: 3, RENAME: 4, ATTR: 5, XATTR: 6, NO_XATTR: 7, SHOW: 8 } as const;
/** Names of a snapshot change no times. */
const NO_TIME = -1;

const writer = new RecordWriter();

/** Everything about an inode but its names and the bytes of a file. */
export function inodeRecord(inode: PersistInode): Uint8Array {
  const record = writer.start(OP.INODE).number(inode.id).number(inode.ino).number(inode.mode).number(inode.uid)
    .number(inode.gid).number(inode.rdev).text(inode.target)
    .number(inode.atime).number(inode.atimeNsec).number(inode.mtime).number(inode.mtimeNsec)
    .number(inode.ctime).number(inode.ctimeNsec).number(inode.btime).number(inode.btimeNsec);
  const { xattrs } = inode;
  record.number(xattrs === null ? 0 : xattrs.size);
  for (const [name, value] of xattrs ?? []) record.text(name).bytes(value);
  return record.finish();
}

export function linkRecord(
  parent: PersistInode, name: string, id: number, seconds: number, nanoseconds: number,
): Uint8Array {
  return writer.start(OP.LINK).number(parent.id).text(name).number(id).number(seconds).number(nanoseconds).finish();
}

export function snapshotLinkRecord(parent: PersistInode, name: string, id: number): Uint8Array {
  return linkRecord(parent, name, id, NO_TIME, 0);
}

export function unlinkRecord(parent: PersistInode, name: string, seconds: number, nanoseconds: number): Uint8Array {
  return writer.start(OP.UNLINK).number(parent.id).text(name).number(seconds).number(nanoseconds).finish();
}

/** `whiteout`: the id of the one that RENAME.WHITEOUT leaves behind. */
export function renameRecord(
  from: PersistInode, name: string, to: PersistInode, newName: string, flags: number, whiteout: number,
  seconds: number, nanoseconds: number,
): Uint8Array {
  return writer.start(OP.RENAME).number(from.id).text(name).number(to.id).text(newName).number(flags).number(whiteout)
    .number(seconds).number(nanoseconds).finish();
}

export function attributeRecord(
  inode: PersistInode, change: AttrChange, seconds: number, nanoseconds: number,
): Uint8Array {
  return writer.start(OP.ATTR).number(inode.id).number(change.mask & ~ATTR.SIZE).number(change.mode).number(change.uid)
    .number(change.gid).number(change.atime).number(change.atimeNsec).number(change.mtime).number(change.mtimeNsec)
    .number(seconds).number(nanoseconds).finish();
}

export function xattrRecord(inode: PersistInode, name: string, value: Uint8Array | null): Uint8Array {
  if (value === null) return writer.start(OP.NO_XATTR).number(inode.id).text(name).finish();
  return writer.start(OP.XATTR).number(inode.id).text(name).bytes(value).finish();
}

/** The number that stat shows is another file's. */
export function showRecord(inode: PersistInode, ino: number): Uint8Array {
  return writer.start(OP.SHOW).number(inode.id).number(ino).finish();
}

/** Makes a tree from records. */
export class Replay {
  readonly inodes = new Map<number, PersistInode>();

  constructor(private readonly fs: PersistFs) {}

  /** @throws Error for a record that does not fit those before it */
  take(record: RecordReader): void {
    switch (record.operation()) {
      case OP.INODE: this.inode(record); break;
      case OP.LINK: {
        const parent = this.directory(record.number()), name = record.text(), inode = this.known(record.number());
        const seconds = record.number();
        parent.attach(name, inode);
        if (seconds === NO_TIME) break;
        const nanoseconds = record.number();
        inode.stampChange(seconds, nanoseconds);
        parent.stampModify(seconds, nanoseconds);
        break;
      }
      case OP.UNLINK: {
        const parent = this.directory(record.number()), name = record.text();
        const seconds = record.number(), nanoseconds = record.number();
        const inode = parent.detach(name);
        inode.stampChange(seconds, nanoseconds);
        this.forget(inode);
        parent.stampModify(seconds, nanoseconds);
        break;
      }
      case OP.RENAME: {
        const from = this.directory(record.number()), name = record.text();
        const to = this.directory(record.number()), newName = record.text();
        const flags = record.number(), whiteout = record.number();
        const moved = from.entries!.get(name), there = to.entries!.get(newName);
        const { replaced, left } = from.move(name, to, newName, flags, whiteout);
        if (replaced !== null) this.forget(replaced);
        if (left !== null) this.inodes.set(left.id, left);
        const seconds = record.number(), nanoseconds = record.number();
        moved?.stampChange(seconds, nanoseconds);
        there?.stampChange(seconds, nanoseconds);
        from.stampModify(seconds, nanoseconds);
        to.stampModify(seconds, nanoseconds);
        break;
      }
      case OP.ATTR: {
        const inode = this.known(record.number());
        inode.change({
          mask: record.number(), mode: record.number(), uid: record.number(), gid: record.number(), size: 0,
          atime: record.number(), atimeNsec: record.number(), mtime: record.number(), mtimeNsec: record.number(),
        }, record.number(), record.number());
        break;
      }
      case OP.XATTR: {
        const inode = this.known(record.number());
        (inode.xattrs ??= new Map()).set(record.text(), record.bytes());
        break;
      }
      case OP.NO_XATTR:
        this.known(record.number()).xattrs?.delete(record.text());
        break;
      case OP.SHOW:
        this.known(record.number()).ino = record.number();
        break;
      default:
        throw new Error('a record of an unknown kind');
    }
  }

  private inode(record: RecordReader): void {
    const id = record.number(), ino = record.number();
    const init = {
      mode: record.number(), uid: record.number(), gid: record.number(), rdev: record.number(), target: record.text(),
    };
    const inode = id === this.fs.root.id ? this.fs.root : this.fs.restore(id, init);
    inode.ino = ino;
    inode.mode = init.mode;
    inode.uid = init.uid;
    inode.gid = init.gid;
    inode.atime = record.number();
    inode.atimeNsec = record.number();
    inode.mtime = record.number();
    inode.mtimeNsec = record.number();
    inode.ctime = record.number();
    inode.ctimeNsec = record.number();
    inode.btime = record.number();
    inode.btimeNsec = record.number();
    for (let count = record.number(); count > 0; count--) {
      (inode.xattrs ??= new Map()).set(record.text(), record.bytes());
    }
    this.inodes.set(id, inode);
  }

  private known(id: number): PersistInode {
    const inode = this.inodes.get(id);
    if (inode === undefined) throw new Error(`no inode ${id}`);
    return inode;
  }

  private directory(id: number): PersistInode {
    const inode = this.known(id);
    if (inode.type !== S.IFDIR) throw new Error(`inode ${id} is no directory`);
    return inode;
  }

  private forget(inode: PersistInode): void {
    if (inode.nlink === 0) this.inodes.delete(inode.id);
  }
}

