/**
 * The calls of host files that many programs live on, for `native`: their arguments go through a block of memory that
 * the addon shares (native/host_block.cc), which is several times as fast as through N-API.
 */
import { STAT, type NativeIo } from './native_io.js';

/** The addon's side. The calls take no arguments and give nothing: see native/host_block.cc for what is where. */
export interface NativeBlock {
  ioBlock(): ArrayBuffer;
  /** The bytes that ioRead, ioWrite and ioGetdents work on from now on: they must be kept alive. */
  ioBind(u8: Uint8Array): number;
  ioRead(): void;
  ioWrite(): void;
  ioGetdents(): void;
  ioSeek(): void;
  ioClose(): void;
  ioStat(): void;
  ioStatAt(): void;
  ioStatBeneath(): void;
  ioOpenBeneath(): void;
}

const NUMBERS = 6;
const PATH = 8 * (NUMBERS + STAT.length);
/** Longest path, with its NUL; the host's own limit is for a part of it. */
const PATH_MAX = 65536;
const SLASH = 47;
const EINVAL = 22, ENAMETOOLONG = 36;

export type BlockCalls = Pick<NativeIo, 'close' | 'pread' | 'pwrite' | 'getdents' | 'lseek' | 'fstat' | 'statAt' |
  'statBeneath' | 'openBeneath' | 'openStatBeneath'>;

export function blockCalls(addon: NativeBlock): BlockCalls {
  // Functions of their own: the addon's object is a slow one.
  const { ioBind, ioRead, ioWrite, ioGetdents, ioSeek, ioClose } = addon;
  const { ioStat, ioStatAt, ioStatBeneath, ioOpenBeneath } = addon;
  const buffer = addon.ioBlock();
  const numbers = new Float64Array(buffer, 0, NUMBERS);
  const stat = new Float64Array(buffer, 8 * NUMBERS, STAT.length);
  const text = new Uint8Array(buffer, PATH, PATH_MAX);
  let bound: Uint8Array = new Uint8Array(0);
  /** What is in the block as the path: a directory and a name in it. */
  let path = '';
  let name = '';

  /** Results are small integers wherever they can be. */
  function result(): number {
    const value = numbers[0]!;
    const integer = value | 0;
    return integer === value ? integer : value;
  }

  function putText(from: string, at: number): void {
    for (let i = 0; i < from.length; i++) text[at + i] = from.charCodeAt(i);
  }

  /** Puts a path into the block, or that of a name in a directory. 0 or -errno. */
  function setPath(directory: string, child: string): number {
    const start = child === '' || directory === '' ? directory.length : directory.length + 1;
    const length = start + child.length;
    numbers[1] = length;
    const here = directory === path;
    if (here && child === name) return 0;
    if (length >= PATH_MAX) return -ENAMETOOLONG;
    // Siblings follow each other: their directory is there.
    if (!here) putText(directory, 0);
    if (child !== '') {
      if (directory !== '') text[start - 1] = SLASH;
      putText(child, start);
    }
    text[length] = 0;
    path = directory;
    name = child;
    return 0;
  }

  /** Puts fd and a range of bytes into the block. False: the range is not inside the array. */
  function setRange(fd: number, u8: Uint8Array, start: number, length: number): boolean {
    if (!(start >= 0 && length >= 0 && start + length <= u8.length)) return false;
    if (u8 !== bound) {
      if (ioBind(u8) < 0) return false;
      bound = u8;
    }
    numbers[0] = fd;
    numbers[1] = start;
    numbers[2] = length;
    return true;
  }

  function statResult(out: Float64Array): number {
    const failed = result();
    if (failed >= 0) for (let i = 0; i < STAT.length; i++) out[i] = stat[i]!;
    return failed;
  }

  function open(root: number, beneath: string, flags: number, mode: number, withStat: number): number {
    const bad = setPath(beneath, '');
    if (bad < 0) return bad;
    numbers[0] = root;
    numbers[2] = flags;
    numbers[3] = mode;
    numbers[4] = withStat;
    ioOpenBeneath();
    return result();
  }

  return {
    close(fd) {
      numbers[0] = fd;
      ioClose();
      return result();
    },
    pread(fd, u8, start, length, position) {
      if (!setRange(fd, u8, start, length)) return -EINVAL;
      numbers[3] = position;
      ioRead();
      return result();
    },
    pwrite(fd, u8, start, length, position) {
      if (!setRange(fd, u8, start, length)) return -EINVAL;
      numbers[3] = position;
      ioWrite();
      return result();
    },
    getdents(fd, u8, start, length) {
      if (!setRange(fd, u8, start, length)) return -EINVAL;
      ioGetdents();
      return result();
    },
    lseek(fd, offset, whence) {
      numbers[0] = fd;
      numbers[1] = offset;
      numbers[2] = whence;
      ioSeek();
      return result();
    },
    fstat(fd, out) {
      numbers[0] = fd;
      ioStat();
      return statResult(out);
    },
    statAt(root, beneath, child, out) {
      const bad = setPath(beneath, child);
      if (bad < 0) return bad;
      numbers[0] = root;
      ioStatAt();
      return statResult(out);
    },
    statBeneath(root, beneath, child, out) {
      const bad = setPath(beneath, child);
      if (bad < 0) return bad;
      numbers[0] = root;
      ioStatBeneath();
      return statResult(out);
    },
    openBeneath(root, beneath, flags, mode) {
      return open(root, beneath, flags, mode, 0);
    },
    openStatBeneath(root, beneath, flags, mode, out) {
      const fd = open(root, beneath, flags, mode, 1);
      if (fd >= 0) for (let i = 0; i < STAT.length; i++) out[i] = stat[i]!;
      return fd;
    },
  };
}
