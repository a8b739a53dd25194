/** Messages that were sent to a socket and not received yet: datagrams and records. */
import { MSG } from '../../abi/socket.js';
import type { OpenFile } from '../../vfs/open_file.js';
import { land, launch } from './in_flight.js';
import type { PacketInfo } from './packet_info.js';
import { messageCount, type Incoming, type Outgoing, type PeerCredentials } from './socket.js';
import { copy } from './stream_queue.js';

interface Message {
  readonly bytes: Uint8Array;
  files: OpenFile[] | null;
  readonly credentials: PeerCredentials | null;
  readonly source: Uint8Array | null;
  readonly packet: PacketInfo | null;
  readonly charge: number;
}

/** What Linux's sk_buff and its shared info take. */
const BUFFER_HEAD = 256;
const SHARED_INFO = 320;

export class MessageQueue {
  private readonly messages: Message[] = [];
  /** What the messages take of socket buffers, as Linux counts it. */
  charge = 0;

  get count(): number {
    return this.messages.length;
  }
  /** What is known of the first message's packet. */
  get firstPacket(): PacketInfo | null {
    return this.messages[0]?.packet ?? null;
  }
  /** Size of the first message; 0 when there is none. */
  get firstSize(): number {
    return this.messages[0]?.bytes.length ?? 0;
  }
  /** Sum of all sizes. */
  get bytes(): number {
    return this.messages.reduce((sum, message) => sum + message.bytes.length, 0);
  }

  /** Appends a copy of the bytes. The references of `outgoing.files` pass to the queue. */
  push(
    u8: Uint8Array, start: number, length: number, outgoing: Outgoing, source: Uint8Array | null,
    packet: PacketInfo | null = null,
  ): void {
    const bytes = new Uint8Array(length);
    copy(bytes, 0, u8, start, length);
    const { files, credentials } = outgoing;
    if (files) launch(files);
    const charge = chargeOf(length);
    this.charge += charge;
    this.messages.push({ bytes, files, credentials, source, packet, charge });
  }

  /** Takes the first message (MSG.PEEK: leaves it); what does not fit is lost. There must be one. */
  take(u8: Uint8Array, start: number, length: number, incoming: Incoming): number {
    const message = this.messages[0]!;
    const { bytes, files } = message;
    copy(u8, start, bytes, 0, Math.min(bytes.length, length));
    incoming.source = message.source;
    incoming.credentials = message.credentials;
    if (incoming.flags & MSG.PEEK) {
      incoming.files = files ? files.slice() : null;
      if (files) for (const file of files) file.ref();
    } else {
      incoming.files = files;
      if (files) land(files);
      this.messages.shift();
      this.charge -= message.charge;
    }
    return messageCount(bytes.length, length, incoming);
  }

  /** Calls `visit` for each file in flight here. */
  heldFiles(visit: (file: OpenFile) => void): void {
    for (const { files } of this.messages) files?.forEach(visit);
  }

  clear(): void {
    const dropped = this.messages.splice(0);
    this.charge = 0;
    for (const { files } of dropped) {
      if (!files) continue;
      land(files);
      for (const file of files) file.unref();
    }
  }
}

/** Memory is taken in powers of two up to a page, then in pages. */
export function chargeOf(length: number): number {
  const needed = length + SHARED_INFO;
  if (needed > 4096) return BUFFER_HEAD + Math.ceil(needed / 4096) * 4096;
  let size = 512;
  while (size < needed) size *= 2;
  return BUFFER_HEAD + size;
}
