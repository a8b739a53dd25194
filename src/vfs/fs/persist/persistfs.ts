/**
 * A writable layer that is kept in a directory of the host between runs: `log` has the tree and all attributes, `files`
 * the bytes of regular files, named by inode, `layer` says what the directory is and is locked by the run that uses it.
 *
 * Each change of the tree is one record of the log, written before the call returns: a run that is killed loses nothing
 * that was answered. fsync(2) brings the bytes of a file and the log to the host's disk.
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { E, errnoName } from '../../../abi/errno.js';
import { O, S } from '../../../abi/fcntl.js';
import { native } from '../../../host/native.js';
import { STAT } from '../../../host/native_io.js';
import { statfsFromHost } from '../../host_file.js';
import type { FileSystem, NewInode, StatFs } from '../../inode.js';
import { PersistInode } from './inode.js';
import { Log } from './log.js';
import { Replay, inodeRecord, snapshotLinkRecord } from './records.js';

const FORMAT = 'posixx layer 1';
const MARKER = 'layer';
const LOG = 'log';
const NEW_LOG = 'log.new';
const FILES = 'files';
const LOCK_EX_NB = 2 | 4;
const ROOT_ID = 1;
/** Inode numbers of the layer are above those that the layers below are likely to have. */
const FIRST_INO = 0xf000_0000;
/** With more changed files, the whole file system of the host is flushed instead of each. */
const MANY = 64;

/** Why a layer cannot be used, for people. */
export class PersistError extends Error {}

export class PersistFs implements FileSystem {
  readonly type = 'persist';
  readonly keepsDirectories = true;
  readonly readOnly = false;
  readonly leavesWhiteouts = true;
  readonly firstIno = FIRST_INO;
  readonly root: PersistInode;
  private lastId = ROOT_ID;
  private journal!: Log;
  /** Names were added to `files` since they were last brought to the disk. */
  private namesDirty = false;
  /** Files whose bytes may not be on the disk. */
  private readonly dirty = new Set<PersistInode>();

  private constructor(
    readonly source: string, readonly dev: number, private readonly marker: number, private readonly rootFd: number,
    readonly filesFd: number,
  ) {
    this.root = new PersistInode(this, ROOT_ID, { mode: S.IFDIR | 0o755, uid: 0, gid: 0, rdev: 0, target: '' });
    this.root.nlink = 2;
  }

  /**
   * Opens the layer in the directory `path` of the host (a byte string), which is made when it is not there. `over` is
   * the root that it lies on; `say` hears of repairs.
   * @throws PersistError when it is in use, is something else or is damaged
   */
  static open(path: string, dev: number, over: string, say: (line: string) => void): PersistFs {
    const rootFd = openDirectory(path);
    const marker = must(native.openBeneath(rootFd, MARKER, O.RDWR | O.CREAT, 0o600), 'cannot be written');
    const locked = native.flock(marker, LOCK_EX_NB);
    if (locked === -E.AGAIN) throw new PersistError('is in use by another run');
    must(locked, 'cannot be locked');
    const first = checkMarker(path, rootFd, marker, over, say);
    const made = native.mkdirBeneath(rootFd, FILES, 0o700);
    if (made < 0 && made !== -E.EXIST) throw new PersistError(`cannot be written: ${text(made)}`);
    const filesFd = must(native.openBeneath(rootFd, FILES, O.RDONLY | O.DIRECTORY, 0), 'cannot be read');
    const fs = new PersistFs(path, dev, marker, rootFd, filesFd);
    fs.load(path, say);
    if (first) fs.commit();
    return fs;
  }

  private load(path: string, say: (line: string) => void): void {
    native.unlinkBeneath(this.rootFd, NEW_LOG, 0);
    const fd = must(native.openBeneath(this.rootFd, LOG, O.RDWR | O.CREAT, 0o600), 'its log cannot be opened');
    const stat = new Float64Array(STAT.length);
    native.fstat(fd, stat);
    const size = stat[STAT.size]!;
    const replay = new Replay(this);
    let records = 0, end: number;
    try {
      end = Log.read(fd, 0, size, (record) => {
        replay.take(record);
        records++;
      });
    } catch (error) {
      throw new PersistError(`its log is damaged: ${(error as Error).message} (record ${records + 1})`);
    }
    const repairs: string[] = [];
    if (end < size) {
      must(native.ftruncate(fd, end), 'its log cannot be repaired');
      repairs.push(`${size - end} bytes of an unfinished change cut off`);
    }
    this.journal = new Log(fd, end);
    const names = readdirSync(Buffer.from(`${path}/${FILES}`, 'latin1'), 'latin1');
    if (records === 0 && names.length > 0) {
      throw new PersistError('its log is empty, though there are files: it was lost');
    }
    if (records === 0) must(this.log(inodeRecord(this.root)), 'cannot be written');
    this.checkBytes(names, replay, repairs);
    if (repairs.length > 0) say(`${path}: repaired: ${repairs.join(', ')}`);
    let live = 0;
    for (const inode of replay.inodes.values()) live += 1 + (inode.entries?.size ?? 0);
    if (records > 2 * live + 1000) this.compact(fd);
  }

  /** The bytes of files that are no more are removed; a file whose bytes somebody has removed is empty. */
  private checkBytes(names: readonly string[], replay: Replay, repairs: string[]): void {
    const live = new Set<string>();
    for (const inode of replay.inodes.values()) {
      if (inode.type === S.IFREG && inode.nlink > 0) live.add(inode.hostName);
    }
    let unnamed = 0;
    for (const name of names) {
      if (live.delete(name)) continue;
      if (native.unlinkBeneath(this.filesFd, name, 0) >= 0) unnamed++;
    }
    if (unnamed > 0) repairs.push(`${unnamed} ${unnamed === 1 ? 'file' : 'files'} without a name removed`);
    for (const name of live) {
      const fd = must(native.openBeneath(this.filesFd, name, O.WRONLY | O.CREAT, 0o600), 'cannot be repaired');
      native.close(fd);
    }
    if (live.size > 0) repairs.push(`the bytes of ${live.size} ${live.size === 1 ? 'file' : 'files'} are gone`);
  }

  /** Writes the log anew, with what there is now; the old one stays until the new one is whole. */
  private compact(old: number): void {
    const fd = native.openBeneath(this.rootFd, NEW_LOG, O.RDWR | O.CREAT | O.EXCL, 0o600);
    if (fd < 0) return;
    const log = new Log(fd, 0);
    let failed = 0;
    const seen = new Set<PersistInode>();
    const put = (inode: PersistInode): void => {
      if (seen.has(inode)) return;
      seen.add(inode);
      failed ||= log.append(inodeRecord(inode));
    };
    put(this.root);
    for (const inode of seen) {
      for (const [name, child] of inode.entries ?? []) {
        put(child);
        failed ||= log.append(snapshotLinkRecord(inode, name, child.id));
      }
    }
    failed ||= log.sync();
    failed ||= native.renameBeneath(this.rootFd, NEW_LOG, LOG, 0);
    if (failed < 0) {
      native.unlinkBeneath(this.rootFd, NEW_LOG, 0);
      native.close(fd);
      return;
    }
    native.close(old);
    this.journal = log;
    this.namesDirty = true;
  }

  /** An inode of the log. */
  restore(id: number, init: NewInode): PersistInode {
    if (id > this.lastId) this.lastId = id;
    return new PersistInode(this, id, init);
  }
  nextId(): number {
    return ++this.lastId;
  }

  /** Before a change: is there room to log it? `frees`: it gives room back. 0 or -errno. */
  ready(frees = false): number {
    return this.journal.ready(frees);
  }
  log(record: Uint8Array): number {
    return this.journal.append(record);
  }

  /** Makes the empty file of the host for a new file's bytes. */
  createBytes(inode: PersistInode): number {
    const fd = native.openBeneath(this.filesFd, inode.hostName, O.WRONLY | O.CREAT | O.EXCL, 0o600);
    if (fd < 0) return fd;
    native.close(fd);
    this.namesDirty = true;
    return 0;
  }
  removeBytes(inode: PersistInode): void {
    this.dirty.delete(inode);
    native.unlinkBeneath(this.filesFd, inode.hostName, 0);
  }
  /** The bytes of a file may change from now on, or have changed. */
  written(inode: PersistInode): void {
    this.dirty.add(inode);
  }

  /** Brings the tree to the host's disk. */
  commit(): number {
    if (this.namesDirty) {
      this.namesDirty = false;
      native.fsync(this.filesFd, 0);
      syncDirectory(this.rootFd);
    }
    return this.journal.sync();
  }

  sync(): number {
    if (this.dirty.size > MANY) {
      const failed = native.syncfs(this.filesFd);
      if (failed < 0) return failed;
      for (const inode of this.dirty) if (inode.opens === 0) this.dirty.delete(inode);
      return 0;
    }
    for (const inode of this.dirty) {
      const fd = native.openBeneath(this.filesFd, inode.hostName, O.WRONLY, 0);
      if (fd < 0) continue;
      const failed = native.fsync(fd, 0);
      native.close(fd);
      if (failed < 0) return failed;
      if (inode.opens === 0) this.dirty.delete(inode);
    }
    return this.commit();
  }

  /** The end of a run: all is in the host's files already. Another run may use the layer from now on. */
  close(): number {
    for (const fd of [this.marker, this.filesFd, this.rootFd]) native.close(fd);
    return this.journal.close();
  }

  statfs(out: StatFs): number {
    return statfsFromHost(this.filesFd, out);
  }
}

function text(failed: number): string {
  return String(errnoName(-failed));
}

function must(result: number, message: string): number {
  if (result < 0) throw new PersistError(`${message}: ${text(result)}`);
  return result;
}

function openDirectory(path: string): number {
  const fd = native.openHost(path, O.PATH | O.DIRECTORY, 0);
  if (fd >= 0) return fd;
  if (fd === -E.NOTDIR) throw new PersistError('is not a directory');
  if (fd !== -E.NOENT) throw new PersistError(`cannot be opened: ${text(fd)}`);
  try {
    mkdirSync(Buffer.from(path, 'latin1'), 0o700);
  } catch (error) {
    throw new PersistError(`cannot be made: ${(error as NodeJS.ErrnoException).code}`);
  }
  return must(native.openHost(path, O.PATH | O.DIRECTORY, 0), 'cannot be opened');
}

/** True for a new layer. */
function checkMarker(path: string, rootFd: number, marker: number, over: string, say: (line: string) => void): boolean {
  const bytes = Buffer.alloc(8192);
  const got = native.pread(marker, bytes, 0, bytes.length, 0);
  const [format, root] = bytes.toString('latin1', 0, Math.max(0, got)).split('\n');
  if (format === FORMAT) {
    if (root !== `over ${over}`) say(`${path}: was made over ${root?.replace(/^over /, '')}, not over ${over}`);
    return false;
  }
  if (format !== '') throw new PersistError(`has a layer of another format ("${format}"), unknown to this posixx`);
  const names = readdirSync(Buffer.from(path, 'latin1'), 'latin1').filter((name) => name !== MARKER);
  // A run that was killed at its start has made these.
  if (names.some((name) => name !== FILES && name !== LOG)) {
    native.unlinkBeneath(rootFd, MARKER, 0);
    throw new PersistError('is not empty and holds no layer of posixx: name another directory');
  }
  const line = Buffer.from(`${FORMAT}\nover ${over}\n`, 'latin1');
  must(native.pwrite(marker, line, 0, line.length, 0), 'cannot be written');
  return true;
}

/** fsync(2) of a directory that is open only as a place. */
function syncDirectory(place: number): void {
  const fd = native.openBeneath(place, '', O.RDONLY | O.DIRECTORY, 0);
  if (fd < 0) return;
  native.fsync(fd, 0);
  native.close(fd);
}
