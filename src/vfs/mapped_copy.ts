/**
 * Mappings of files that lie in an image: at the first one the file's bytes are copied to a memfd of the host, which is
 * what is mapped, and which reads go to from then on. Writes go to both; what was stored through a mapping is found by
 * comparing, and written back on fsync, msync(MS_SYNC), sync, unmount, the last close and the end of the run.
 */
import { E } from '../abi/errno.js';
import { native } from '../host/native.js';
import { SEEK } from './open_file.js';

/** The file below the copy. */
export interface StoredFile {
  /** Bytes. */
  readonly size: number;
  /** Fills u8[start, start + length) from the image; holes are zeros. 0 or -errno. */
  readStored(u8: Uint8Array, start: number, length: number, position: number): number;
  /** The reverse; within the size. 0 or -errno. */
  writeStored(u8: Uint8Array, start: number, length: number, position: number): number;
  /** The first position from `position` on that is not in a hole; `size` when there is none; or -errno. */
  nextData(position: number): number;
  /** Something was stored through a mapping: the file's times change. */
  mappingWrote(): void;
}

const CHUNK = 256 * 1024;
const PAGE = 4096;

export class MappedCopy {
  /** A mapping may have been stored to since the copy was made or written back. */
  private stores = false;
  /** Bytes in the memfd. */
  private length: number;

  private constructor(private readonly file: StoredFile, readonly fd: number) {
    this.length = file.size;
  }

  /** `limit`: most bytes of data, beyond which the file cannot be sane (-EUCLEAN). Or -errno of the host or image. */
  static of(file: StoredFile, limit: number): MappedCopy | number {
    const fd = native.memfdCreate('posixx');
    if (fd < 0) return fd;
    const failed = copyIn(file, fd, limit);
    if (failed >= 0) return new MappedCopy(file, fd);
    native.close(fd);
    return failed;
  }

  /** The descriptor to map; `writable`: stores through it are to reach the file. */
  mapFd(writable: boolean): number {
    if (writable) this.stores = true;
    return this.fd;
  }
  get writable(): boolean {
    return this.stores;
  }

  read(u8: Uint8Array, start: number, length: number, position: number): number {
    return native.pread(this.fd, u8, start, length, position);
  }
  /** The file was written to: the copy follows. */
  wrote(u8: Uint8Array, start: number, length: number, position: number): void {
    if (position > this.length) this.zeroTail(position);
    native.pwrite(this.fd, u8, start, length, position);
    if (position + length > this.length) this.length = position + length;
  }
  resized(size: number): void {
    if (size > this.length) this.zeroTail(size);
    native.ftruncate(this.fd, size);
    this.length = size;
  }
  /** What was stored through a mapping behind the end is no part of the file when it grows to `size`. */
  private zeroTail(size: number): void {
    const used = this.length % PAGE;
    if (!this.stores || used === 0) return;
    const count = Math.min(PAGE - used, size - this.length);
    native.pwrite(this.fd, new Uint8Array(count), 0, count, this.length);
  }

  /** Takes to the image what was stored through mappings. `last`: nothing is mapped any more. 0 or -errno. */
  writeBack(last: boolean): number {
    if (!this.stores) return 0;
    if (last) this.stores = false;
    const { file, fd } = this;
    const ours = new Uint8Array(CHUNK), theirs = new Uint8Array(CHUNK);
    let changed = false, result = 0;
    for (let at = 0; at < file.size;) {
      const stored = file.nextData(at);
      if (stored < 0) return stored;
      const here = native.lseek(fd, at, SEEK.DATA);
      at = Math.min(stored, here < 0 ? file.size : here);
      if (at >= file.size) break;
      at -= at % PAGE;
      const length = Math.min(CHUNK, file.size - at);
      const got = native.pread(fd, ours, 0, length, at);
      if (got < 0) return got;
      ours.fill(0, got, length);
      const failed = file.readStored(theirs, 0, length, at);
      if (failed < 0) return failed;
      for (let from = 0; from < length;) {
        const end = Math.min(length, from + PAGE);
        if (Buffer.compare(ours.subarray(from, end), theirs.subarray(from, end)) === 0) {
          from = end;
          continue;
        }
        let to = end;
        for (; to < length; to = Math.min(length, to + PAGE)) {
          const next = Math.min(length, to + PAGE);
          if (Buffer.compare(ours.subarray(to, next), theirs.subarray(to, next)) === 0) break;
        }
        const wrote = file.writeStored(ours, from, to - from, at + from);
        if (wrote < 0) result = wrote;
        changed = true;
        from = to;
      }
      at += length;
    }
    if (changed) file.mappingWrote();
    return result;
  }

  /** Nothing is mapped, and the image has all of it. */
  free(): void {
    native.close(this.fd);
  }
}

function copyIn(file: StoredFile, fd: number, limit: number): number {
  let failed = native.ftruncate(fd, file.size);
  if (failed < 0) return failed;
  const buffer = new Uint8Array(Math.min(CHUNK, file.size));
  let copied = 0;
  for (let at = 0; at < file.size;) {
    at = file.nextData(at);
    if (at < 0) return at;
    if (at >= file.size) break;
    const length = Math.min(CHUNK, file.size - at);
    if ((copied += length) > limit + CHUNK) return -E.UCLEAN;
    failed = file.readStored(buffer, 0, length, at);
    if (failed >= 0) failed = native.pwrite(fd, buffer, 0, length, at);
    if (failed < 0) return failed;
    at += length;
  }
  return 0;
}
