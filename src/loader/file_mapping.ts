/** Open files as mm maps them. */
import { MS, type Location, type OpenFile } from '../vfs/vfs.js';
import { HostFile } from '../vfs/host_file.js';
import { Location as Place } from '../vfs/mount.js';
import { pathOf } from '../vfs/path_walk.js';
import { Stat } from '../vfs/inode.js';
import type { MappedFile } from '../mm/mapped_file.js';

const known = new WeakMap<OpenFile, FileMapping>();
const stat = new Stat();
/** By device and inode number: how often a file was mapped so that stores reach it; they may leave its times alone. */
const writableViews = new Map<string, number>();

/**
 * The mapping side of an open file description; one object a description, so that neighbouring mappings of it merge.
 */
export class FileMapping implements MappedFile {
  readonly dev: number;
  readonly ino: number;
  readonly mayWrite: boolean;

  private constructor(readonly file: OpenFile) {
    const known = file.stat(stat) >= 0;
    this.dev = known ? stat.dev : 0;
    this.ino = known ? stat.ino : 0;
    this.mayWrite = file.canRead && file.canWrite;
  }

  static of(file: OpenFile): FileMapping {
    let mapping = known.get(file);
    if (mapping === undefined) known.set(file, (mapping = new FileMapping(file)));
    return mapping;
  }

  /** As seen from the root of the whole tree; procfs shows `location` from the reader's root. */
  get path(): string {
    if (this.location === null || this.file.label !== '') return this.file.label;
    let top = this.location.mount;
    while (top.on !== null) top = top.on.mount;
    const path = pathOf(new Place(top, top.root), this.location);
    return this.file.stat(stat) === 0 && stat.nlink === 0 ? `${path} (deleted)` : path;
  }

  get identity(): unknown {
    return this.file.inode === null ? this.file : this.file.inode.identity;
  }

  get location(): Location | null {
    return this.file.location;
  }

  get noExec(): boolean {
    return this.location !== null && (this.location.mount.flags & MS.NOEXEC) !== 0;
  }

  /** With '!' at its beginning: it is a file of the host, so the version means the same in other processes. */
  version(): string {
    if (this.file.stat(stat) < 0) return '';
    const id = `${stat.dev}:${stat.ino}`;
    const times = `${stat.mtime}.${stat.mtimeNsec}:${stat.ctime}.${stat.ctimeNsec}`;
    const views = writableViews.get(id);
    const version = `${id}:${stat.size}:${times}`;
    if (views !== undefined) return `${version}:${views}`;
    return this.file instanceof HostFile && !this.file.canWrite ? `!${version}` : version;
  }

  mapFd(writable: boolean): number {
    if (writable) {
      const id = `${this.dev}:${this.ino}`;
      writableViews.set(id, (writableViews.get(id) ?? 0) + 1);
    }
    return this.file.mapFd(writable);
  }

  sync(): number {
    return this.file.syncMapped();
  }

  size(): number {
    return this.file.stat(stat) < 0 ? 0 : stat.size;
  }

  retain(): void {
    this.file.ref();
  }

  release(): void {
    this.file.unref();
  }
}
