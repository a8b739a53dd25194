/** zstd's own decoder (WebAssembly), a stream at a time. A bundle of its own: only compressed archives need it. */
import { ZSTDDecoder } from 'zstddec/stream';

/** Pieces without output in a row: a decoder that has stopped at damaged input gives nothing else, without end. */
const MAX_IDLE = 64;

/**
 * Decompresses `chunks` into `write`.
 * @throws Error when they are no zstd frames, damaged or cut off
 */
export async function decompress(chunks: Iterable<Uint8Array>, write: (bytes: Uint8Array) => void): Promise<void> {
  const decoder = new ZSTDDecoder();
  await decoder.init();
  let idle = 0;
  for (const bytes of decoder.decodeStreaming(chunks)) {
    idle = bytes.length === 0 ? idle + 1 : 0;
    if (idle > MAX_IDLE) throw new Error('no zstd frames, damaged, or with a window above 128 MiB');
    if (bytes.length > 0) write(bytes);
  }
}
