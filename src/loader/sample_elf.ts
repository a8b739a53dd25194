/** ELF files and file objects made to order, for tests and the header fuzzer. */
import { native } from '../host/native.js';
import { OpenFile } from '../vfs/open_file.js';
import type { Stat } from '../vfs/inode.js';

export interface SampleSegment {
  type?: number;
  flags?: number;
  offset?: number;
  address?: number;
  fileSize?: number;
  memorySize?: number;
  align?: number;
}

export interface SampleElf {
  type?: number;
  machine?: number;
  entry?: number;
  segments: SampleSegment[];
  /** Bytes at file offsets. */
  contents?: [number, Uint8Array][];
  /** Length of the file; default: as long as needed. */
  length?: number;
}

export const PT = { LOAD: 1, DYNAMIC: 2, INTERP: 3, NOTE: 4, PHDR: 6, TLS: 7, GNU_STACK: 0x6474e551 } as const;

/** A sectionless ELF64 file for x86-64 with its program headers behind the ELF header. */
export function sampleElf(sample: SampleElf): Buffer {
  const { segments, contents = [] } = sample;
  const headers = 64 + segments.length * 56;
  const length = sample.length ?? Math.max(
    headers, ...segments.map((s) => (s.offset ?? 0) + (s.fileSize ?? 0)),
    ...contents.map(([at, bytes]) => at + bytes.length),
  );
  const bytes = Buffer.alloc(Math.max(length, headers));
  const word = (value: number, at: number): void => {
    bytes.writeUInt32LE(value % 2 ** 32, at);
    bytes.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
  };
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  bytes.writeUInt16LE(sample.type ?? 2, 16);
  bytes.writeUInt16LE(sample.machine ?? 62, 18);
  bytes.writeUInt32LE(1, 20);
  word(sample.entry ?? 0, 24);
  word(64, 32);
  bytes.writeUInt16LE(64, 52);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(segments.length, 56);
  segments.forEach((segment, i) => {
    const at = 64 + i * 56;
    const fileSize = segment.fileSize ?? 0;
    bytes.writeUInt32LE(segment.type ?? PT.LOAD, at);
    bytes.writeUInt32LE(segment.flags ?? 5, at + 4);
    word(segment.offset ?? 0, at + 8);
    word(segment.address ?? 0, at + 16);
    word(segment.address ?? 0, at + 24);
    word(fileSize, at + 32);
    word(segment.memorySize ?? fileSize, at + 40);
    word(segment.align ?? 4096, at + 48);
  });
  for (const [at, content] of contents) bytes.set(content.subarray(0, Math.max(0, bytes.length - at)), at);
  return bytes.subarray(0, length);
}

/** An open file that exists only in memory. */
export class MemoryFile extends OpenFile {
  private readonly fd: number;
  private size: number;

  constructor(bytes: Uint8Array, private readonly title = '/memory') {
    super(0, null);
    this.fd = native.memfdCreate('sample');
    this.size = bytes.length;
    native.pwrite(this.fd, bytes, 0, bytes.length, 0);
  }

  /** Other bytes in the same file. */
  replace(bytes: Uint8Array): void {
    native.ftruncate(this.fd, bytes.length);
    native.pwrite(this.fd, bytes, 0, bytes.length, 0);
    this.size = bytes.length;
  }
  override get label(): string {
    return this.title;
  }
  override pread(u8: Uint8Array, start: number, length: number, position: number): number {
    return native.pread(this.fd, u8, start, length, position);
  }
  override mapFd(): number {
    return this.fd;
  }
  override stat(out: Stat): number {
    out.size = this.size;
    return 0;
  }
  protected override closed(): number {
    return native.close(this.fd);
  }
}
