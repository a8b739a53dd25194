/** Opens archives for tarfs: a plain one as it is, a compressed one by way of a memfd that holds it unpacked. */
import { native } from '../../host/native.js';
import { O } from '../../abi/fcntl.js';
import { STAT } from '../../host/native_io.js';
import { TarError, isTarHeader } from './tar_format.js';
import { TarFs } from './tarfs.js';

const CHUNK = 1 << 18;
/** First bytes of what people may take for an archive, and its name. */
const FORMATS: readonly [string, readonly number[]][] = [
  ['gzip', [0x1f, 0x8b]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['zip', [0x50, 0x4b, 3, 4]],
];

/** What a host file is by its first bytes: 'tar', what it is compressed with ('gzip', 'zstd' …), or ''. Or -errno. */
export function archiveFormat(path: string): string | number {
  const fd = native.openHost(path, O.RDONLY, 0);
  if (fd < 0) return fd;
  const head = new Uint8Array(512);
  const got = native.pread(fd, head, 0, head.length, 0);
  native.close(fd);
  if (got < 0) return got;
  for (const [name, magic] of FORMATS) if (magic.every((byte, at) => head[at] === byte)) return name;
  return got === 512 && isTarHeader(head) ? 'tar' : '';
}

/**
 * The archive `path` of the host (a byte string) as a file system.
 * @throws TarError for what is no archive or a damaged one
 */
export async function openArchive(path: string): Promise<TarFs> {
  const format = archiveFormat(path);
  const fd = typeof format === 'number' ? format : native.openHost(path, O.RDONLY, 0);
  if (fd < 0) throw new TarError('cannot be read');
  let archive = fd;
  try {
    if (format === 'gzip') archive = await unpacked(fd, inflate);
    else if (format === 'zstd') archive = await unpacked(fd, zstd);
    else if (format !== 'tar') {
      throw new TarError(format === '' ? 'is not a tar archive: its first header has a wrong checksum'
        : `is compressed with ${format}, which posixx cannot read; use tar, tar.gz or tar.zst`);
    }
    const stat = new Float64Array(STAT.length);
    native.fstat(archive, stat);
    return new TarFs(archive, stat[STAT.size]!, path);
  } catch (error) {
    native.close(archive);
    throw error;
  } finally {
    if (archive !== fd) native.close(fd);
  }
}

type Unpack = (chunks: Iterable<Uint8Array>, write: (bytes: Uint8Array) => void) => Promise<void>;

/** A memfd with what `fd` holds, unpacked a piece at a time. */
async function unpacked(fd: number, unpack: Unpack): Promise<number> {
  const memfd = native.memfdCreate('posixx-archive');
  if (memfd < 0) throw new TarError('cannot be unpacked: no descriptor for it');
  let size = 0;
  const write = (bytes: Uint8Array): void => {
    for (let at = 0; at < bytes.length;) {
      const wrote = native.pwrite(memfd, bytes, at, bytes.length - at, size);
      if (wrote < 0) throw new TarError(`cannot be unpacked: no room behind byte ${size}`);
      at += wrote;
      size += wrote;
    }
  };
  try {
    await unpack(chunksOf(fd), write);
  } catch (error) {
    native.close(memfd);
    if (error instanceof TarError) throw error;
    throw new TarError(`is damaged: ${(error as Error).message} (${size} bytes could be unpacked)`);
  }
  return memfd;
}

function* chunksOf(fd: number): Generator<Uint8Array> {
  for (let at = 0; ;) {
    const chunk = new Uint8Array(CHUNK);
    const got = native.pread(fd, chunk, 0, CHUNK, at);
    if (got < 0) throw new TarError(`cannot be read at byte ${at}`);
    if (got === 0) return;
    at += got;
    yield chunk.subarray(0, got);
  }
}

const inflate: Unpack = async (chunks, write) => {
  const { createGunzip } = await import('node:zlib');
  const { Readable } = await import('node:stream');
  const { pipeline } = await import('node:stream/promises');
  const take = async (output: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const bytes of output) write(bytes);
  };
  await pipeline(Readable.from(chunks), createGunzip({ chunkSize: CHUNK }), take);
};

const zstd: Unpack = async (chunks, write) => {
  await (await import('./zstd.js')).decompress(chunks, write);
};
