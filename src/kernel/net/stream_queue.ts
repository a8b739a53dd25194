/** What one end of a stream connection has been sent and has not read yet. */
import { MSG } from '../../abi/socket.js';
import type { OpenFile } from '../../vfs/open_file.js';
import { land, launch } from './in_flight.js';
import type { Incoming, Outgoing, PeerCredentials } from './socket.js';

/** Short writes that queue up are put together in pieces of this size. */
const PIECE = 4096;

/** Bytes of one sender, with the ancillary data that came with the first of them. */
interface Segment {
  bytes: Uint8Array;
  start: number;
  end: number;
  files: OpenFile[] | null;
  readonly credentials: PeerCredentials | null;
}

export class StreamQueue {
  /** Bytes held. */
  length = 0;
  private readonly segments: Segment[] = [];

  /** Puts bytes in, with `message`'s files, whose references pass to the queue. */
  push(u8: Uint8Array, start: number, length: number, message: Outgoing): void {
    const { files, credentials } = message;
    const { segments } = this;
    this.length += length;
    const last = segments[segments.length - 1];
    const fits = last && last.bytes.length - last.end >= length;
    if (fits && !files && !last.files && sameSender(last.credentials, credentials)) {
      copy(last.bytes, last.end, u8, start, length);
      last.end += length;
      return;
    }
    // What waits behind other bytes will probably not be alone.
    const bytes = new Uint8Array(last ? Math.max(length, PIECE) : length);
    copy(bytes, 0, u8, start, length);
    if (files) launch(files);
    segments.push({ bytes, start: 0, end: length, files, credentials });
  }

  /**
   * Takes at most `length` bytes (MSG.PEEK: copies them). Files end a read: those of one message come with its
   * bytes, or with none when none are asked for. `separate`: bytes of different senders do not come together
   * (SO_PASSCRED).
   */
  take(u8: Uint8Array, start: number, length: number, incoming: Incoming, separate: boolean): number {
    const { segments } = this;
    const peek = (incoming.flags & MSG.PEEK) !== 0;
    let done = 0, at = 0;
    for (;;) {
      const segment = segments[at];
      if (!segment || (done >= length && length > 0)) break;
      if (done === 0) incoming.credentials = segment.credentials;
      else if (separate && !sameSender(incoming.credentials, segment.credentials)) break;
      const count = Math.min(length - done, segment.end - segment.start);
      copy(u8, start + done, segment.bytes, segment.start, count);
      done += count;
      const { files } = segment;
      if (files) {
        incoming.files = peek ? files.slice() : files;
        if (peek) for (const file of files) file.ref();
        else land(files);
      }
      if (peek) {
        at++;
      } else {
        segment.start += count;
        segment.files = null;
        this.length -= count;
        if (segment.start === segment.end) segments.shift();
      }
      if (files || length === 0) break;
    }
    return done;
  }

  /** Calls `visit` for each file in flight here. */
  heldFiles(visit: (file: OpenFile) => void): void {
    for (const { files } of this.segments) files?.forEach(visit);
  }

  /** Drops all. */
  clear(): void {
    const dropped = this.segments.splice(0);
    this.length = 0;
    for (const { files } of dropped) {
      if (!files) continue;
      land(files);
      for (const file of files) file.unref();
    }
  }
}

export function sameSender(a: PeerCredentials | null, b: PeerCredentials | null): boolean {
  return a === b || (a !== null && b !== null && a.pid === b.pid && a.uid === b.uid && a.gid === b.gid);
}

/** Short copies in a loop: a typed array's set costs a view. */
export function copy(to: Uint8Array, at: number, from: Uint8Array, start: number, length: number): void {
  if (length > 64) {
    to.set(from.subarray(start, start + length), at);
    return;
  }
  for (let i = 0; i < length; i++) to[at + i] = from[start + i]!;
}
