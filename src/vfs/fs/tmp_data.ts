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

const scratch = new Float64Array(STAT.length);

const NOTHING = new Uint8Array(0);

export class FileData {
  size = 0;
  private small: Uint8Array = NOTHING;
  private node: Node | null = null;
  private fd = -1;

  constructor(private readonly ino: number) {}

  /** Of 512 bytes. */
  get blocks(): number {
    if (this.fd < 0) return Math.ceil(this.size / 4096) * 8;
    return native.fstat(this.fd, scratch) < 0 ? 0 : scratch[STAT.blocks]!;
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

  /** Writes all of it, or gives -ENOSPC and the like. */
  write(u8: Uint8Array, start: number, length: number, position: number): number {
    if (length <= 0) return 0;
    const end = position + length;
    if (this.fd < 0 && end >= MEMFD_SIZE) {
      const moved = this.toMemfd();
      if (moved < 0) return moved;
    }
    let wrote: number;
    if (this.fd >= 0) {
      wrote = native.pwrite(this.fd, u8, start, length, position);
      if (wrote < 0) return wrote;
    } else if (this.node === null && end <= SMALL_SIZE) {
      if (end > this.small.length) this.growSmall(end);
      this.small.set(u8.subarray(start, start + length), position);
      wrote = length;
    } else {
      this.node ??= this.toNode();
      if (position > this.size) this.node.truncate(position);
      wrote = this.node.write(Buffer.from(u8.buffer, u8.byteOffset + start, length), 0, length, position);
    }
    if (position + wrote > this.size) this.size = position + wrote;
    return wrote;
  }

  truncate(size: number): number {
    if (this.fd < 0 && size >= MEMFD_SIZE) {
      const moved = this.toMemfd();
      if (moved < 0) return moved;
    }
    if (this.fd >= 0) {
      const failed = native.ftruncate(this.fd, size);
      if (failed < 0) return failed;
    } else if (this.node === null && size <= SMALL_SIZE) {
      if (size > this.small.length) this.growSmall(size);
      else this.small.fill(0, size, this.size);
    } else {
      this.node ??= this.toNode();
      this.node.truncate(size);
    }
    this.size = size;
    return 0;
  }

  /** As fallocate(2), whose modes the memfd knows. */
  fallocate(mode: number, offset: number, length: number): number {
    const moved = this.toMemfd();
    if (moved < 0) return moved;
    const failed = native.fallocate(this.fd, mode, offset, length);
    if (failed < 0) return failed;
    native.fstat(this.fd, scratch);
    this.size = scratch[STAT.size]!;
    return 0;
  }

  /** SEEK_DATA and SEEK_HOLE. */
  seek(offset: number, whence: number): number {
    if (offset < 0 || offset >= this.size) return -E.NXIO;
    if (this.fd >= 0) return native.lseek(this.fd, offset, whence);
    return whence === 3 ? offset : this.size;
  }

  /** The memfd, to which the bytes move now if they have not. */
  mapFd(): number {
    const moved = this.toMemfd();
    return moved < 0 ? moved : this.fd;
  }

  /** Nobody can reach the file any more. */
  free(): void {
    if (this.fd >= 0) native.close(this.fd);
    this.fd = -1;
    this.node = null;
    this.small = NOTHING;
    this.size = 0;
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
    return node;
  }

  private toMemfd(): number {
    if (this.fd >= 0) return 0;
    const fd = native.memfdCreate('posixx');
    if (fd < 0) return fd;
    let failed = native.ftruncate(fd, this.size);
    if (failed >= 0 && this.size > 0) {
      const bytes = this.node === null ? this.small : this.node.getBuffer();
      failed = native.pwrite(fd, bytes, 0, this.size, 0);
    }
    if (failed < 0) {
      native.close(fd);
      return failed;
    }
    this.fd = fd;
    this.node = null;
    this.small = NOTHING;
    return 0;
  }
}
