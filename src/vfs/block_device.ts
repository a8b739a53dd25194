/**
 * Block devices: bytes that file systems lie on. An image on the host, a file of the guest, a part of another device.
 */
import { E, errnoName } from '../abi/errno.js';
import { O, S } from '../abi/fcntl.js';
import { native } from '../host/native.js';
import { STAT } from '../host/native_io.js';
import { Stat } from './inode.js';
import type { FileSystem } from './inode.js';
import { SEEK, type OpenFile } from './open_file.js';

/** Positions and sizes are bytes; a call transfers the whole array or fails. */
export interface BlockDevice {
  readonly size: number;
  readonly readOnly: boolean;
  /** Fills `target` from `position` on. 0, -EIO (also beyond the end) or the host's -errno. */
  read(target: Uint8Array, position: number): number;
  /** 0 or -errno; -EPERM on a read-only device. */
  write(source: Uint8Array, position: number): number;
  /** What was written is safe when this gives 0. */
  flush(): number;
  /** The image has no name on the host any more: nobody will find what was written. */
  removed?(): boolean;
}

/** What a file system tells at its end: '' when all is safe. `failed`: what the last writing gave, 0 or -errno. */
export function lossOf(device: BlockDevice, failed: number): string {
  if (failed < 0) return `error: what was written last is not on the disk (${errnoName(-failed) ?? failed})`;
  return device.removed?.() === true ? 'the image was removed while it was in use: what was written is lost' : '';
}

/** Operations of flock(2). */
const LOCK = { SH: 1, EX: 2, NB: 4 } as const;

/** An image file (or a block device) of the host. It owns the descriptor. */
export class HostImage implements BlockDevice {
  private constructor(private readonly fd: number, readonly size: number, readonly readOnly: boolean) {}

  /**
   * `path` is a byte string. -errno when it cannot be opened so, -EINVAL for what is neither file nor block device,
   * -EBUSY while another run (or another disk of this one) has it to write, or has it at all when this one wants to
   * write.
   */
  static open(path: string, readOnly: boolean): HostImage | number {
    const fd = native.openHost(path, (readOnly ? O.RDONLY : O.RDWR) | O.NONBLOCK, 0);
    if (fd < 0) return fd;
    const stat = new Float64Array(STAT.length);
    let size = native.fstat(fd, stat);
    const type = stat[STAT.mode]! & S.IFMT;
    if (size >= 0) {
      size = type === S.IFREG ? stat[STAT.size]! : type === S.IFBLK ? native.lseek(fd, 0, SEEK.END) : -E.INVAL;
    }
    // Where the host has no such locks, there is none.
    if (size >= 0 && native.flock(fd, (readOnly ? LOCK.SH : LOCK.EX) | LOCK.NB) === -E.AGAIN) size = -E.BUSY;
    if (size < 0) {
      native.close(fd);
      return size;
    }
    return new HostImage(fd, size, readOnly);
  }

  read(target: Uint8Array, position: number): number {
    for (let done = 0; done < target.length;) {
      const got = native.pread(this.fd, target, done, target.length - done, position + done);
      if (got <= 0) return got === 0 ? -E.IO : got;
      done += got;
    }
    return 0;
  }
  write(source: Uint8Array, position: number): number {
    if (this.readOnly) return -E.PERM;
    if (position + source.length > this.size) return -E.IO;
    for (let done = 0; done < source.length;) {
      const wrote = native.pwrite(this.fd, source, done, source.length - done, position + done);
      if (wrote <= 0) return wrote === 0 ? -E.IO : wrote;
      done += wrote;
    }
    return 0;
  }
  flush(): number {
    return this.readOnly ? 0 : native.fsync(this.fd, 1);
  }
  removed(): boolean {
    const stat = new Float64Array(STAT.length);
    return !this.readOnly && native.fstat(this.fd, stat) >= 0 && stat[STAT.nlink] === 0;
  }
}

/** An open file of the guest, from `offset` on: what a loop device shows. It holds a reference until `close`. */
export class FileImage implements BlockDevice {
  /** `sizeLimit` 0: to the file's end, as it is now. */
  constructor(
    readonly file: OpenFile, readonly readOnly: boolean, readonly offset = 0, readonly sizeLimit = 0,
  ) {
    file.ref();
    this.bytes = this.measure();
  }
  private bytes: number;

  get size(): number {
    return this.bytes;
  }
  /** Looks at the file's size again (LOOP_SET_CAPACITY). */
  resize(): void {
    this.bytes = this.measure();
  }
  private measure(): number {
    const stat = new Stat();
    let size = this.file.stat(stat) < 0 ? 0 : stat.size;
    if ((stat.mode & S.IFMT) === S.IFBLK) {
      const position = this.file.seek(0, SEEK.CUR);
      size = Math.max(0, this.file.seek(0, SEEK.END));
      this.file.seek(position, SEEK.SET);
    }
    const rest = Math.max(0, size - this.offset);
    const limited = this.sizeLimit > 0 ? Math.min(rest, this.sizeLimit) : rest;
    return limited - limited % 512;
  }

  read(target: Uint8Array, position: number): number {
    if (position + target.length > this.bytes) return -E.IO;
    for (let done = 0; done < target.length;) {
      const got = this.file.pread(target, done, target.length - done, this.offset + position + done);
      if (got < 0) return got;
      if (got === 0) {
        // Cut off since: as Linux has it, zeros.
        target.fill(0, done);
        break;
      }
      done += got;
    }
    return 0;
  }
  write(source: Uint8Array, position: number): number {
    if (this.readOnly) return -E.PERM;
    if (position + source.length > this.bytes) return -E.IO;
    for (let done = 0; done < source.length;) {
      const wrote = this.file.pwrite(source, done, source.length - done, this.offset + position + done);
      if (wrote <= 0) return wrote === 0 ? -E.IO : wrote;
      done += wrote;
    }
    return 0;
  }
  flush(): number {
    return this.readOnly ? 0 : this.file.sync(true);
  }
  close(): void {
    this.bytes = 0;
    this.file.unref();
  }
}

/** A partition: `size` bytes of another device from `start` on. */
export class DevicePart implements BlockDevice {
  constructor(private readonly whole: BlockDevice, readonly start: number, readonly size: number) {}

  get readOnly(): boolean {
    return this.whole.readOnly;
  }
  read(target: Uint8Array, position: number): number {
    return position + target.length > this.size ? -E.IO : this.whole.read(target, this.start + position);
  }
  write(source: Uint8Array, position: number): number {
    return position + source.length > this.size ? -E.IO : this.whole.write(source, this.start + position);
  }
  flush(): number {
    return this.whole.flush();
  }
}

/** A block device as the guest knows it: by name and number. */
export class Disk {
  /** What BLKRASET set, in sectors; nothing here reads ahead. */
  readAhead = 256;
  /** The file system that lies on it, while it is mounted. */
  mounted: FileSystem | null = null;
  /** Open file descriptions of its node. */
  opens = 0;
  /** One of them, or a mount, wants it for itself. */
  exclusive: unknown = null;

  constructor(
    /** Its name in /dev. */
    readonly name: string,
    readonly rdev: number,
    /** null: a loop device without a file. */
    public device: BlockDevice | null,
  ) {}

  /** The file system is gone from it: nothing of it is mounted or open any more. */
  unmounted(): void {
    this.mounted = null;
    this.released();
  }
  /** Somebody who used it does no longer. */
  released(): void {}
}
