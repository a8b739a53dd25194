/** Open files whose bytes are held here, of file systems and of disks: position, O_APPEND and lseek(2) are the same for all. */
import { E } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import { OpenFile, SEEK } from './open_file.js';

export abstract class PositionedFile extends OpenFile {
  private position = 0;

  /** Of the file, in bytes. */
  protected abstract get size(): number;
  /** Writes at `position`. Bytes written, or -errno. */
  protected abstract store(u8: Uint8Array, start: number, length: number, position: number): number;
  /** Where data (SEEK.DATA) or a hole (SEEK.HOLE) begins, from `offset` on; -ENXIO: nowhere. */
  protected abstract seekData(offset: number, whence: number): number;

  /** 0, or the -errno of a position that a file of this kind cannot have. */
  protected checkPosition(position: number): number {
    return position > Number.MAX_SAFE_INTEGER ? -E.INVAL : 0;
  }

  protected get appends(): boolean {
    return (this.flags & O.APPEND) !== 0;
  }

  override get seekable(): boolean {
    return true;
  }
  override read(u8: Uint8Array, start: number, length: number): number {
    const got = this.pread(u8, start, length, this.position);
    if (got > 0) this.position += got;
    return got;
  }
  override write(u8: Uint8Array, start: number, length: number): number {
    if (this.appends) this.position = this.size;
    const wrote = this.store(u8, start, length, this.position);
    if (wrote > 0) this.position += wrote;
    return wrote;
  }
  override pwrite(u8: Uint8Array, start: number, length: number, position: number): number {
    return this.store(u8, start, length, this.appends ? this.size : position);
  }
  override seek(offset: number, whence: number): number {
    let to: number;
    switch (whence) {
      case SEEK.SET: to = offset; break;
      case SEEK.CUR: to = this.position + offset; break;
      case SEEK.END: to = this.size + offset; break;
      case SEEK.DATA:
      case SEEK.HOLE:
        to = this.seekData(offset, whence);
        if (to < 0) return to;
        break;
      default: return -E.INVAL;
    }
    if (!(to >= 0)) return -E.INVAL;
    const failed = this.checkPosition(to);
    if (failed < 0) return failed;
    return this.position = to;
  }
}
