/** What files and directories of FAT have in common: an entry in a directory, with attributes and times. */
import { E } from '../../../abi/errno.js';
import { S } from '../../../abi/fcntl.js';
import { now, readClock } from '../../clock.js';
import { ATTR, Inode } from '../../inode.js';
import type { AttrChange, Stat } from '../../inode.js';
import type { Mount } from '../../mount.js';
import type { FatFs } from './fat.js';
import type { FatDirectory } from './directory.js';
import type { Space } from './chain.js';
import { ATTRIBUTE, ENTRY, SLOT_BYTES } from './listing.js';
import { fatDate, fatTime, fromFatTime, truncateDay, truncateTime } from './time.js';

const WRITE_BITS = 0o222;
/** Seconds after which what has changed in an open file is written out. */
const WRITE_BACK_SECONDS = 5;

export abstract class FatInode extends Inode {
  mode = 0;
  uid: number;
  gid: number;
  /** The directory that has its entry, and the slot there; null for the root. */
  dir: FatDirectory | null = null;
  slot = 0;
  /** ATTRIBUTE bits as stored, and the byte behind them. */
  attributes = 0;
  marks = 0;
  /** It has no entry any more. */
  unlinked = false;
  /** Open file descriptions. */
  opens = 0;
  /** Only .exe and the like may be executed: this one may, or the file system does not care. */
  executable = true;
  atime = 0;
  mtime = 0;
  btime = 0;
  btimeNsec = 0;
  private dirty = false;
  private dirtySince = 0;
  abstract readonly space: Space;

  constructor(readonly fs: FatFs, public ino: number) {
    super();
    this.uid = fs.options.uid;
    this.gid = fs.options.gid;
  }

  /** Number of its first cluster, 0 for none. */
  abstract get first(): number;
  abstract get size(): number;
  abstract get nlink(): number;
  protected abstract resize(size: number): number;
  /** Nobody has it open and it has no name: its clusters are free. */
  abstract release(): void;

  override stat(out: Stat): number {
    const { clusterSize } = this.fs.geometry;
    out.dev = this.fs.dev;
    out.ino = this.ino;
    out.mode = this.mode;
    out.nlink = this.unlinked ? 0 : this.nlink;
    out.uid = this.uid;
    out.gid = this.gid;
    out.rdev = 0;
    out.size = this.size;
    out.blksize = clusterSize;
    out.blocks = Math.ceil(this.size / clusterSize) * (clusterSize / 512);
    out.atime = this.atime;
    out.mtime = out.ctime = this.mtime;
    out.btime = this.btime;
    out.btimeNsec = this.btimeNsec;
    out.atimeNsec = out.mtimeNsec = out.ctimeNsec = 0;
    return 0;
  }

  /** Takes over an entry that was read from the device. */
  decode(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, SLOT_BYTES);
    const u16 = (at: number): number => view.getUint16(at, true);
    const { timeOffset, showExec } = this.fs.options;
    this.attributes = bytes[ENTRY.attributes]!;
    this.marks = bytes[ENTRY.marks]!;
    if (showExec) this.executable = /^(EXE|COM|BAT)$/.test(String.fromCharCode(...bytes.subarray(8, 11)));
    this.atime = fromFatTime(u16(ENTRY.accessDate), 0) - timeOffset;
    this.mtime = fromFatTime(u16(ENTRY.date), u16(ENTRY.time)) - timeOffset;
    const centiseconds = bytes[ENTRY.birthCentiseconds]!;
    const seconds = Math.floor(centiseconds / 100);
    this.btime = fromFatTime(u16(ENTRY.birthDate), u16(ENTRY.birthTime)) - timeOffset + seconds;
    this.btimeNsec = (centiseconds - seconds * 100) * 10_000_000;
    this.setMode();
  }

  /** Its entry, but for the names. */
  encode(): Uint8Array {
    const bytes = new Uint8Array(SLOT_BYTES);
    const view = new DataView(bytes.buffer);
    const put = (at: number, value: number): void => view.setUint16(at, value, true);
    const { timeOffset } = this.fs.options;
    const born = this.btime + timeOffset, modified = this.mtime + timeOffset;
    bytes[ENTRY.attributes] = this.storedAttributes();
    bytes[ENTRY.marks] = this.marks;
    bytes[ENTRY.birthCentiseconds] = (born & 1) * 100 + Math.floor(this.btimeNsec / 10_000_000);
    put(ENTRY.birthTime, fatTime(born));
    put(ENTRY.birthDate, fatDate(born));
    put(ENTRY.accessDate, fatDate(this.atime + timeOffset));
    put(ENTRY.time, fatTime(modified));
    put(ENTRY.date, fatDate(modified));
    put(ENTRY.startHigh, this.first >>> 16);
    put(ENTRY.start, this.first & 0xffff);
    view.setUint32(ENTRY.size, this.type === S.IFDIR ? 0 : this.size, true);
    return bytes;
  }

  /** A new file or directory, made now. */
  start(attributes: number): void {
    readClock();
    this.attributes = attributes;
    this.btime = now.seconds;
    this.btimeNsec = now.nanoseconds - (now.nanoseconds % 10_000_000);
    this.mtime = truncateTime(now.seconds);
    this.atime = truncateDay(now.seconds, this.fs.options.timeOffset);
    this.setMode();
  }

  /** Something was stored in it. */
  stampModify(): void {
    readClock();
    this.mtime = truncateTime(now.seconds);
    this.markDirty();
    if (now.seconds - this.dirtySince >= WRITE_BACK_SECONDS) this.flush();
  }
  /** Something was read: another access date, when it is another day. Directories do not keep it (as on Linux). */
  override stampAccess(mount: Mount): void {
    if (this.type === S.IFDIR || this.fs.readOnly) return;
    readClock();
    const day = truncateDay(now.seconds, this.fs.options.timeOffset);
    if (day === this.atime || !mount.updatesAccess(false, this.atime, this.mtime, this.mtime, now.seconds)) return;
    this.atime = day;
    this.markDirty();
  }

  override setattr(change: AttrChange): number {
    const { options, readOnly } = this.fs;
    if (readOnly) return -E.ROFS;
    const { mask } = change;
    const refused = (mask & ATTR.UID && change.uid !== options.uid) ||
      (mask & ATTR.GID && change.gid !== options.gid) || (mask & ATTR.MODE && change.mode & ~0o777);
    if (mask & ATTR.SIZE) {
      const resized = this.resize(change.size);
      if (resized < 0) return resized;
      this.stampModify();
    }
    if (refused) return options.quiet ? 0 : -E.PERM;
    if (mask & ATTR.MODE) this.changeMode(change.mode);
    if (mask & ATTR.ATIME) this.atime = truncateDay(change.atime, options.timeOffset);
    if (mask & ATTR.MTIME) this.mtime = truncateTime(change.mtime);
    this.markDirty();
    return this.opens > 0 ? 0 : this.flush();
  }

  /** Attributes that a program sets (FAT_IOCTL_SET_ATTRIBUTES). */
  setAttributes(attributes: number): void {
    this.attributes = attributes;
    this.setMode();
    this.markDirty();
  }
  storedAttributes(): number {
    return this.type === S.IFDIR ? this.attributes | ATTRIBUTE.DIRECTORY : this.attributes;
  }

  /** The place on the device of its entry. */
  position(): number {
    return this.dir!.space.map(this.slot * SLOT_BYTES);
  }

  /** Its entry will be written: by `flush`, with the last close, with sync, or when this has been so for some time. */
  markDirty(): void {
    if (this.dirty) return;
    this.dirty = true;
    this.dirtySince = now.seconds;
    this.fs.dirty.add(this);
  }

  /** Writes the entry, and before it the chains that it leads to. 0 or -errno. */
  flush(): number {
    if (!this.dirty) return 0;
    const failed = this.fs.table.flush();
    return failed < 0 ? failed : this.writeEntry();
  }

  /** Writes the entry as it is now. 0 or -errno. */
  writeEntry(): number {
    if (this.dir !== null && !this.unlinked) {
      const position = this.position();
      if (position < 0) return position;
      const bytes = this.encode().subarray(ENTRY.attributes);
      const failed = this.fs.device.write(bytes, position + ENTRY.attributes);
      if (failed < 0) return failed;
    }
    this.dirty = false;
    this.dirtySince = now.seconds;
    this.fs.dirty.delete(this);
    return 0;
  }

  /** The permission bits follow from the attributes. */
  protected setMode(): void {
    const { fmask, dmask, readOnlyDirectories } = this.fs.options;
    const directory = (this.attributes & ATTRIBUTE.DIRECTORY) !== 0;
    let bits = directory || this.executable ? 0o777 : 0o666;
    if (this.attributes & ATTRIBUTE.READ_ONLY && (!directory || readOnlyDirectories)) bits &= ~WRITE_BITS;
    this.mode = directory ? S.IFDIR | (bits & ~dmask) : S.IFREG | (bits & ~fmask);
  }

  /** Only the write bits can be changed, and only all of them; anything else changes nothing, and is no error. */
  private changeMode(mode: number): void {
    const { fmask, dmask, readOnlyDirectories } = this.fs.options;
    const directory = this.type === S.IFDIR;
    const mask = directory ? dmask : fmask;
    const bits = mode & 0o777 & ~mask, all = WRITE_BITS & ~mask;
    if ((bits & 0o555) !== (this.mode & 0o555)) return;
    const write = bits & WRITE_BITS;
    if (write !== all && (write !== 0 || (directory && !readOnlyDirectories) || all === 0)) return;
    if (write === 0 && all !== 0) this.attributes |= ATTRIBUTE.READ_ONLY;
    else this.attributes &= ~ATTRIBUTE.READ_ONLY;
    this.setMode();
  }
}
