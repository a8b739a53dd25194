/**
 * The bytes of a tmpfs file: a few in an array, more in a Node of memfs's core; large, sparse or mapped files in a
 * memfd of the host, which reads and writes then go to, so that a mapping and read(2) see the same bytes.
 */
import { createRequire } from 'node:module';
import { E } from '../../abi/errno.js';
import { native } from '../../host/native.js';
import { STAT } from '../../host/native_io.js';

type Core = typeof import('@jsonjoy.com/fs-core/lib/Node.js');
type Node = InstanceType<Core['Node']>;

/** Files up to this size are in an array: most files, and each costs a fifth of a Node. */
const SMALL_SIZE = 4096;
/** Files that reach this size move to a memfd. */
const MEMFD_SIZE = 1 << 20;
/** Files up to this size leave it when nobody has them open or mapped: descriptors of the host are few. */
const BACK_SIZE = 1 << 18;

let core: Core | undefined;

/** Loaded when the first file outgrows its array: it takes longer than starting a small program. */
function newNode(ino: number): Node {
  if (core === undefined) {
    const require = createRequire(import.meta.url);
    core = require('@jsonjoy.com/fs-core/lib/Node.js') as Core;
    // A node asks four times who owns it, in vain: the inode knows.
    const identity = (require('@jsonjoy.com/fs-core/lib/process.js') as { default: Record<string, unknown> }).default;
    identity['getuid'] = identity['getgid'] = undefined;
  }
  return new core.Node(ino, 0o100600, 0, 0);
}

const PAGE = 4096;
const SEEK_DATA = 3, SEEK_HOLE = 4;
const FALLOC_KEEP_SIZE = 1, FALLOC_PUNCH_HOLE = 2;
/** Largest size: what a number holds exactly. */
export const MAX_SIZE = Number.MAX_SAFE_INTEGER;

const scratch = new Float64Array(STAT.length);

const NOTHING = new Uint8Array(0);

/** Pages of a file system that files share. */
export interface PageQuota {
  pages: number;
  readonly maxPages: number;
  /** Files with holes that mappings may fill. */
  readonly sparse: Set<FileData>;
}

export class FileData {
  size = 0;
  /** Pages that hold bytes, counted in the quota. */
  private pages = 0;
  private small: Uint8Array = NOTHING;
  private node: Node | null = null;
  /** Beside a node: which of its pages hold bytes. */
  private present: Uint8Array | null = null;
  private fd = -1;
  /** The memfd has no holes: its pages need not be asked for. */
  private dense = false;
  /** It may have storage behind its end. */
  private kept = false;
  /** It has been mapped: behind its end, in its last page, there may be anything. */
  private mapped = false;

  constructor(private readonly ino: number, private readonly quota: PageQuota) {}

  /** Of 512 bytes. */
  get blocks(): number {
    if (this.fd >= 0) this.countPages();
    return this.pages * 8;
  }

  read(u8: Uint8Array, start: number, length: number, position: number): number {
    if (position >= this.size || length <= 0) return 0;
    if (this.fd >= 0) return native.pread(this.fd, u8, start, length, position);
    if (this.node !== null) {
      return this.node.read(Buffer.from(u8.buffer, u8.byteOffset + start, length), 0, length, position);
    }
    const end = Math.min(position + length, this.size);
    u8.set(this.small.subarray(position, end), start);
    return end - position;
  }

  /** Writes all of it, or what there is room for; -ENOSPC and the like when nothing could be written. */
  write(u8: Uint8Array, start: number, length: number, position: number): number {
    if (length <= 0) return 0;
    if (position + length > MAX_SIZE) return -E.FBIG;
    const room = this.quota.maxPages - this.quota.pages;
    if (room >= Math.ceil((position + length) / PAGE) - Math.floor(position / PAGE)) {
      return this.store(u8, start, length, position);
    }
    let done = 0;
    while (done < length) {
      const at = position + done;
      if (this.quota.pages >= this.quota.maxPages && !this.has(Math.floor(at / PAGE))) break;
      const wrote = this.store(u8, start + done, Math.min(length - done, PAGE - at % PAGE), at);
      if (wrote < 0) return done > 0 ? done : wrote;
      done += wrote;
    }
    return done > 0 ? done : -E.NOSPC;
  }

  private store(u8: Uint8Array, start: number, length: number, position: number): number {
    const end = position + length;
    if (this.fd < 0 && end >= MEMFD_SIZE) {
      const moved = this.toMemfd();
      if (moved < 0) return moved;
    }
    let wrote: number;
    if (this.fd >= 0) {
      if (position > this.size) this.zeroTail(position);
      wrote = native.pwrite(this.fd, u8, start, length, position);
      if (wrote < 0) return wrote;
      if (position > this.size) this.dense = false;
    } else if (this.node === null && end <= SMALL_SIZE) {
      if (end > this.small.length) this.growSmall(end);
      this.small.set(u8.subarray(start, start + length), position);
      wrote = length;
    } else {
      this.node ??= this.toNode();
      if (position > this.size) this.node.truncate(position);
      wrote = this.node.write(Buffer.from(u8.buffer, u8.byteOffset + start, length), 0, length, position);
      this.mark(position, position + wrote);
    }
    if (position + wrote > this.size) this.size = position + wrote;
    if (this.fd >= 0) this.countPages();
    else if (this.node === null) this.setPages(1);
    return wrote;
  }

  truncate(size: number): number {
    if (size > MAX_SIZE) return -E.FBIG;
    if (this.fd < 0 && size >= MEMFD_SIZE) {
      const moved = this.toMemfd();
      if (moved < 0) return moved;
    }
    if (this.fd >= 0) {
      if (size > this.size) this.zeroTail(size);
      const failed = native.ftruncate(this.fd, size);
      if (failed < 0) return failed;
      if (size > this.size) this.dense = false;
      this.size = size;
      this.countPages();
      return 0;
    }
    if (this.node === null && size <= SMALL_SIZE) {
      if (size > this.small.length) this.growSmall(size);
      else this.small.fill(0, size, this.size);
      if (size === 0) this.setPages(0);
    } else {
      this.node ??= this.toNode();
      this.node.truncate(size);
      if (size < this.size) this.unmark(Math.ceil(size / PAGE), MEMFD_SIZE / PAGE);
    }
    this.size = size;
    return 0;
  }

  /** As fallocate(2) of a tmpfs: storage for a range, or none. */
  fallocate(mode: number, offset: number, length: number): number {
    const end = offset + length;
    if (mode & FALLOC_PUNCH_HOLE ? mode !== (FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE) : mode & ~FALLOC_KEEP_SIZE) {
      return -E.OPNOTSUPP;
    }
    const moved = this.toMemfd();
    if (moved < 0) return moved;
    if (!(mode & FALLOC_PUNCH_HOLE)) {
      if (!this.hasRoom(offset, end)) return -E.NOSPC;
    }
    if (end > this.size && !(mode & (FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE))) this.zeroTail(end);
    const failed = native.fallocate(this.fd, mode, offset, length);
    if (failed < 0) return failed;
    if (end > this.size && !(mode & FALLOC_PUNCH_HOLE)) {
      if (mode & FALLOC_KEEP_SIZE) this.kept = true;
      else this.size = end;
    }
    this.dense = false;
    this.countPages();
    return 0;
  }

  /** Is there room for all pages of a range that have no storage yet? */
  hasRoom(offset: number, end: number): boolean {
    const first = Math.floor(offset / PAGE), last = Math.ceil(end / PAGE);
    const room = this.quota.maxPages - this.quota.pages;
    if (last - first <= room) return true;
    return this.fd >= 0 && last - first - this.pagesIn(first * PAGE, last * PAGE) <= room;
  }

  /** SEEK_DATA and SEEK_HOLE. */
  seek(offset: number, whence: number): number {
    if (offset < 0 || offset >= this.size) return -E.NXIO;
    if (this.fd >= 0) return native.lseek(this.fd, offset, whence);
    for (let at = offset; at < this.size; at = (Math.floor(at / PAGE) + 1) * PAGE) {
      if (this.has(Math.floor(at / PAGE)) === (whence === SEEK_DATA)) return at;
    }
    return whence === SEEK_DATA ? -E.NXIO : this.size;
  }

  /** The memfd, to which the bytes move now if they have not. */
  mapFd(): number {
    const moved = this.toMemfd();
    if (moved < 0) return moved;
    this.mapped = true;
    return this.fd;
  }

  /** What was stored through a mapping behind the end is no part of the file when it grows to `size`. */
  private zeroTail(size: number): void {
    const used = this.size % PAGE;
    if (!this.mapped || used === 0 || !this.has((this.size - used) / PAGE)) return;
    const count = Math.min(PAGE - used, size - this.size);
    native.pwrite(this.fd, new Uint8Array(count), 0, count, this.size);
  }

  /** Nobody has the file open or mapped now. */
  closed(): void {
    if (this.fd < 0 || this.size > BACK_SIZE) return;
    this.countPages();
    const present = new Uint8Array(MEMFD_SIZE / PAGE);
    let pages = 0;
    for (let page = 0; page * PAGE < this.size; page++) if (this.has(page)) pages += present[page] = 1;
    // Storage that fallocate(2) got is only in the memfd.
    if (pages !== this.pages) return;
    const bytes = new Uint8Array(this.size);
    if (native.pread(this.fd, bytes, 0, this.size, 0) !== this.size) return;
    if (this.size <= SMALL_SIZE) {
      this.small = bytes;
    } else {
      this.node = newNode(this.ino);
      this.node.write(Buffer.from(bytes.buffer), 0, this.size, 0);
      this.present = present;
    }
    native.close(this.fd);
    this.quota.sparse.delete(this);
    this.fd = -1;
    this.kept = false;
  }

  /** Nobody can reach the file any more. */
  free(): void {
    if (this.fd >= 0) {
      native.close(this.fd);
      this.quota.sparse.delete(this);
    }
    this.fd = -1;
    this.node = this.present = null;
    this.small = NOTHING;
    this.size = 0;
    this.setPages(0);
  }

  private setPages(count: number): void {
    if (count === this.pages) return;
    this.quota.pages += count - this.pages;
    this.pages = count;
  }

  /** Brings the number of pages up to date with the memfd. */
  countPages(): void {
    const whole = Math.ceil(this.size / PAGE);
    if (this.dense) {
      this.setPages(whole);
      return;
    }
    if (native.fstat(this.fd, scratch) < 0) return;
    const pages = scratch[STAT.blocks]! / 8;
    this.dense = pages === whole && !this.kept;
    this.setPages(pages);
    if (this.dense) this.quota.sparse.delete(this);
    else this.quota.sparse.add(this);
  }

  /** Does page number `page` hold bytes? */
  private has(page: number): boolean {
    if (this.fd >= 0) return native.lseek(this.fd, page * PAGE, SEEK_DATA) === page * PAGE;
    return this.node === null ? page === 0 && this.pages > 0 : this.present![page] === 1;
  }

  /** How many pages of a part of the memfd hold bytes. */
  private pagesIn(from: number, to: number): number {
    let pages = 0;
    for (let at = from; at < to;) {
      const data = native.lseek(this.fd, at, SEEK_DATA);
      if (data < 0 || data >= to) break;
      at = Math.min(native.lseek(this.fd, data, SEEK_HOLE), to);
      pages += Math.ceil((at - data) / PAGE);
    }
    return pages;
  }

  private mark(from: number, to: number): void {
    const present = this.present!;
    let pages = this.pages;
    for (let page = Math.floor(from / PAGE); page * PAGE < to; page++) {
      if (present[page] === 1) continue;
      present[page] = 1;
      pages++;
    }
    this.setPages(pages);
  }
  private unmark(from: number, to: number): void {
    const present = this.present!;
    let pages = this.pages;
    for (let page = from; page < to; page++) {
      pages -= present[page]!;
      present[page] = 0;
    }
    this.setPages(pages);
  }

  /** Bytes behind `size` are always zero. */
  private growSmall(size: number): void {
    const larger = new Uint8Array(Math.min(SMALL_SIZE, size <= 64 ? 64 : size + (size >> 1)));
    larger.set(this.small.subarray(0, this.size));
    this.small = larger;
  }

  private toNode(): Node {
    const node = newNode(this.ino);
    if (this.size > 0) node.write(Buffer.from(this.small.buffer, this.small.byteOffset, this.size), 0, this.size, 0);
    this.small = NOTHING;
    this.present = new Uint8Array(MEMFD_SIZE / PAGE);
    this.present[0] = this.pages;
    return node;
  }

  private toMemfd(): number {
    if (this.fd >= 0) return 0;
    const fd = native.memfdCreate('posixx');
    if (fd < 0) return fd;
    let failed = native.ftruncate(fd, this.size);
    const bytes = this.node === null ? this.small : this.node.getBuffer();
    for (let at = 0; at < this.size && failed >= 0; at += PAGE) {
      if (this.has(at / PAGE)) failed = native.pwrite(fd, bytes, at, Math.min(PAGE, this.size - at), at);
    }
    if (failed < 0) {
      native.close(fd);
      return failed;
    }
    this.fd = fd;
    this.node = this.present = null;
    this.small = NOTHING;
    this.dense = false;
    this.countPages();
    return 0;
  }
}
