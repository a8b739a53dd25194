/**
 * The headers of a tar archive: v7, ustar (POSIX.1-1988), GNU (long names, sparse files, base-256 numbers) and pax
 * (POSIX.1-2001 with the SCHILY and GNU.sparse keywords). Only headers are read: data is found by its place.
 */
import { S } from '../../abi/fcntl.js';
import { native } from '../../host/native.js';

const BLOCK = 512;
/** Read at once: most members of a root are small, so that several headers come with one call. */
const WINDOW = 1 << 16;
/** A hostile archive must not fill the memory with one header, or with all of them. */
const MAX_EXTENSION = 1 << 23;
const MAX_RUNS = 1 << 18;
const MAX_MEMBERS = 2_000_000;

/** What is wrong with an archive, and where. */
export class TarError extends Error {}

/** One member. Names are as they stand in the archive; the walk has to keep them inside. */
export interface TarMember {
  path: string;
  /** S_IF…, or 0: another name of `link`. */
  type: number;
  link: string;
  /** Permission bits. */
  mode: number;
  uid: number;
  gid: number;
  mtime: number;
  mtimeNsec: number;
  rdev: { major: number; minor: number };
  size: number;
  /** Where the bytes are in the archive; with `runs`, those of all runs one after the other. */
  data: number;
  /** Sparse files: start and length of each run of data, ascending; null: there are no holes. */
  runs: number[] | null;
  xattrs: Map<string, Uint8Array> | null;
  /** Of the header, for messages. */
  offset: number;
}

/** Values of a pax header, and of the GNU headers that say the same. */
interface Extension {
  records: Map<string, string>;
  xattrs: Map<string, Uint8Array> | null;
  /** GNU.sparse 0.0 repeats its keywords. */
  runs: number[];
}

/** Reads `fd` at places that mostly ascend. */
class Reader {
  private readonly buffer = Buffer.allocUnsafe(WINDOW);
  private start = 0;
  private length = 0;

  constructor(private readonly fd: number, readonly size: number) {}

  /** `count` bytes (at most WINDOW) at a place, valid until the next call; fewer at the end of the archive. */
  at(position: number, count: number): Buffer {
    if (position < this.start || position + count > this.start + this.length) {
      this.start = position;
      this.length = 0;
      while (this.length < count) {
        const got = native.pread(this.fd, this.buffer, this.length, WINDOW - this.length, position + this.length);
        if (got < 0) throw new TarError(`cannot be read at byte ${position + this.length}`);
        if (got === 0) break;
        this.length += got;
      }
    }
    const from = position - this.start;
    return this.buffer.subarray(from, Math.min(from + count, this.length));
  }

  /** A copy of any length. */
  all(position: number, count: number): Buffer {
    const bytes = Buffer.allocUnsafe(count);
    let at = 0;
    while (at < count) {
      const got = native.pread(this.fd, bytes, at, count - at, position + at);
      if (got <= 0) throw new TarError(`ends at byte ${position + at}, inside a header`);
      at += got;
    }
    return bytes;
  }
}

/** True when 512 bytes are a tar header, by their checksum. */
export function isTarHeader(block: Uint8Array): boolean {
  return block.length >= BLOCK && block[0] !== 0 && checksumFits(block);
}

/**
 * Tells `take` the members of the archive `fd` of `size` bytes, in their order.
 * @throws TarError with the offset for what is not tar
 */
export function readTar(fd: number, size: number, take: (member: TarMember) => void): void {
  const reader = new Reader(fd, size);
  const global: Extension = { records: new Map(), xattrs: null, runs: [] };
  let local: Extension | null = null;
  let at = 0, members = 0;
  for (;;) {
    const block = reader.at(at, BLOCK);
    if (block.length === 0 && at > 0) return;
    if (block.length < BLOCK) throw new TarError(`ends at byte ${at + block.length}, inside a header`);
    if (block[0] === 0 && block.every((byte) => byte === 0)) return;
    if (!checksumFits(block)) throw new TarError(`the header at byte ${at} has a wrong checksum`);
    const kind = String.fromCharCode(block[156]!);
    const stored = kind === '1' ? 0 : numberField(block, 124, 12, at);
    const start = at + BLOCK;
    switch (kind) {
      case 'x':
      case 'X':
      case 'g':
      case 'L':
      case 'K': {
        if (stored > MAX_EXTENSION) throw new TarError(`the extended header at byte ${at} has ${stored} bytes`);
        const text = reader.all(start, stored);
        const into: Extension = kind === 'g' ? global : local ??= { records: new Map(), xattrs: null, runs: [] };
        if (kind === 'L') into.records.set('path', untilNul(text, 0, stored));
        else if (kind === 'K') into.records.set('linkpath', untilNul(text, 0, stored));
        else paxRecords(text, into, at);
        at = start + padded(stored);
        continue;
      }
      case 'V':
      case 'N':
        at = start + padded(stored);
        local = null;
        continue;
      case 'M':
        throw new TarError(`the member at byte ${at} goes on from another volume`);
    }
    if (++members > MAX_MEMBERS) throw new TarError(`has more than ${MAX_MEMBERS} members`);
    const member = memberOf(block, kind, at, global, local);
    const length = kind === '1' ? 0 : paxNumber(local, global, 'size', stored, at);
    const end = sparse(reader, block, kind, member, start, length, local);
    if (end > size) {
      throw new TarError(`ends at byte ${size}, inside the data of ${printable(member.path)} (header at byte ${at})`);
    }
    take(member);
    local = null;
    at = start + padded(end - start);
  }
}

function padded(length: number): number {
  return Math.ceil(length / BLOCK) * BLOCK;
}

function memberOf(block: Buffer, kind: string, at: number, global: Extension, local: Extension | null): TarMember {
  const magic = block.toString('latin1', 257, 265);
  let name = untilNul(block, 0, 100);
  if (magic.startsWith('ustar\0')) {
    // star keeps times behind a shorter prefix.
    const prefix = untilNul(block, 345, block.toString('latin1', 508, 512) === 'tar\0' ? 131 : 155);
    if (prefix !== '') name = `${prefix}/${name}`;
  }
  const text = (key: string): string | undefined => local?.records.get(key) ?? global.records.get(key);
  const path = text('GNU.sparse.name') ?? text('path') ?? name;
  const mode = numberField(block, 100, 8, at);
  const time = paxTime(text('mtime'), at);
  const device = kind === '3' || kind === '4';
  const xattrs = global.xattrs === null ? local?.xattrs ?? null
    : new Map([...global.xattrs, ...local?.xattrs ?? []]);
  return {
    path, link: text('linkpath') ?? untilNul(block, 157, 100), mode: mode & 0o7777, type: typeOf(kind, path),
    uid: paxNumber(local, global, 'uid', numberField(block, 108, 8, at), at),
    gid: paxNumber(local, global, 'gid', numberField(block, 116, 8, at), at),
    mtime: time?.seconds ?? numberField(block, 136, 12, at), mtimeNsec: time?.nanoseconds ?? 0,
    rdev: { major: device ? numberField(block, 329, 8, at) : 0, minor: device ? numberField(block, 337, 8, at) : 0 },
    size: 0, data: 0, runs: null, xattrs, offset: at,
  };
}

function typeOf(kind: string, path: string): number {
  switch (kind) {
    case '1': return 0;
    case '2': return S.IFLNK;
    case '3': return S.IFCHR;
    case '4': return S.IFBLK;
    case '5':
    case 'D': return S.IFDIR;
    case '6': return S.IFIFO;
    case '0':
    case '\0': return path.endsWith('/') ? S.IFDIR : S.IFREG;
    // POSIX: an unknown type is a regular file.
    default: return S.IFREG;
  }
}

/** Finds the member's data, and its runs when it is sparse; gives the end of what is stored of it. */
function sparse(
  reader: Reader, block: Buffer, kind: string, member: TarMember, start: number, stored: number,
  local: Extension | null,
): number {
  member.data = start;
  member.size = member.type === S.IFREG ? stored : 0;
  const records = local?.records;
  const at = member.offset;
  let runs: number[] | null = null;
  let real: number | null = null;
  if (kind === 'S') {
    runs = [];
    real = numberField(block, 483, 12, at);
    let more = oldRuns(block, 386, 4, runs, at) && block[482] !== 0;
    while (more) {
      const extra = reader.at(member.data, BLOCK);
      if (extra.length < BLOCK) throw new TarError(`ends at byte ${reader.size}, inside the header at byte ${at}`);
      member.data += BLOCK;
      more = oldRuns(extra, 0, 21, runs, at) && extra[504] !== 0;
    }
  } else if (records?.get('GNU.sparse.major') === '1') {
    runs = [];
    real = paxNumber(local, null, 'GNU.sparse.realsize', stored, at);
    member.data += mapInData(reader, start, stored, runs, at);
  } else if (records?.has('GNU.sparse.map') || (local !== null && local.runs.length > 0)) {
    const map = records!.get('GNU.sparse.map');
    runs = map === undefined ? local!.runs : map.split(',').map((digits) => decimal(digits, at));
    real = paxNumber(local, null, 'GNU.sparse.size', stored, at);
  }
  const end = kind === 'S' ? member.data + stored : start + stored;
  if (runs !== null) {
    member.runs = checkedRuns(runs, real!, end - member.data, at);
    member.size = real!;
  }
  return end;
}

/** Runs of an old GNU header; false: the list ended. */
function oldRuns(block: Buffer, first: number, count: number, runs: number[], at: number): boolean {
  for (let i = 0; i < count; i++) {
    const entry = first + i * 24;
    if (block[entry] === 0) return false;
    runs.push(numberField(block, entry, 12, at), numberField(block, entry + 12, 12, at));
    if (runs.length > 2 * MAX_RUNS) throw new TarError(`the header at byte ${at} has too many sparse runs`);
  }
  return true;
}

/** GNU sparse format 1.0: decimal numbers, each ended by a newline, before the data. Gives the bytes that they take. */
function mapInData(reader: Reader, start: number, stored: number, runs: number[], at: number): number {
  let position = 0, digits = '', wanted = -1;
  while (wanted < 0 || runs.length < wanted) {
    const block = position + BLOCK <= stored ? reader.at(start + position, BLOCK) : null;
    if (block === null || block.length < BLOCK) {
      throw new TarError(`the sparse map of the header at byte ${at} has no end`);
    }
    position += BLOCK;
    for (const byte of block) {
      if (byte !== 10) {
        digits += String.fromCharCode(byte);
        if (digits.length > 20) throw new TarError(`the sparse map of the header at byte ${at} is not one of numbers`);
        continue;
      }
      const value = decimal(digits, at);
      digits = '';
      if (wanted >= 0) runs.push(value);
      else if (value > MAX_RUNS) throw new TarError(`the header at byte ${at} has too many sparse runs`);
      else wanted = value * 2;
      if (runs.length === wanted) break;
    }
  }
  return position;
}

function checkedRuns(runs: number[], size: number, stored: number, at: number): number[] {
  const checked: number[] = [];
  let last = 0, sum = 0;
  for (let i = 0; i < runs.length; i += 2) {
    const start = runs[i]!, length = runs[i + 1] ?? -1;
    sum += length;
    if (length < 0 || start < last || start + length > size || sum > stored) {
      throw new TarError(`the sparse map of the header at byte ${at} does not fit the file`);
    }
    last = start + length;
    if (length > 0) checked.push(start, length);
  }
  return checked;
}

function checksumFits(block: Uint8Array): boolean {
  let unsigned = 8 * 32, signed = 8 * 32;
  for (let i = 0; i < BLOCK; i++) {
    if (i >= 148 && i < 156) continue;
    unsigned += block[i]!;
    signed += (block[i]! << 24) >> 24;
  }
  const said = octal(block, 148, 8);
  return said === unsigned || said === signed;
}

/** A field of octal digits; NaN for anything else in it. An empty one is 0. */
function octal(block: Uint8Array, start: number, length: number): number {
  let at = start;
  const end = start + length;
  while (at < end && block[at] === 32) at++;
  let value = 0;
  for (; at < end && block[at] !== 0 && block[at] !== 32; at++) {
    const digit = block[at]! - 48;
    if (digit < 0 || digit > 7) return NaN;
    value = value * 8 + digit;
  }
  return value;
}

/** An octal or base-256 number. */
function numberField(block: Uint8Array, start: number, length: number, at: number): number {
  const first = block[start]!;
  let value: number;
  if (first & 0x80) {
    // Two's complement of the field's bits but the first.
    value = first & 0x40 ? (first & 0x3f) - 64 : first & 0x3f;
    for (let i = 1; i < length; i++) value = value * 256 + block[start + i]!;
  } else {
    value = octal(block, start, length);
  }
  if (!Number.isSafeInteger(value)) throw new TarError(`the header at byte ${at} has a field that is no number`);
  const mayBeNegative = start === 136;
  if (value < 0 && !mayBeNegative) throw new TarError(`the header at byte ${at} has a negative number`);
  return value;
}

function untilNul(bytes: Buffer, start: number, length: number): string {
  const nul = bytes.indexOf(0, start);
  return bytes.toString('latin1', start, nul < 0 || nul > start + length ? start + length : nul);
}

/** `length key=value\n` records; an empty value takes a keyword back (pax). */
function paxRecords(text: Buffer, into: Extension, at: number): void {
  const wrong = (): TarError => new TarError(`the extended header at byte ${at} is malformed`);
  for (let position = 0; position < text.length && text[position] !== 0;) {
    const space = text.indexOf(32, position);
    if (space < 0 || space - position > 9) throw wrong();
    const end = position + decimal(text.toString('latin1', position, space), at);
    const equals = text.indexOf(61, space);
    if (end > text.length || equals < 0 || equals >= end || text[end - 1] !== 10) throw wrong();
    const key = text.toString('latin1', space + 1, equals);
    const value = text.subarray(equals + 1, end - 1);
    position = end;
    if (key.startsWith('SCHILY.xattr.')) {
      (into.xattrs ??= new Map()).set(key.substring(13), Uint8Array.from(value));
    } else if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') {
      into.runs.push(decimal(value.toString('latin1'), at));
    } else if (value.length === 0) {
      into.records.delete(key);
    } else {
      into.records.set(key, value.toString('latin1'));
    }
  }
}

function decimal(digits: string, at: number): number {
  const value = /^\d{1,16}$/.test(digits) ? Number(digits) : NaN;
  if (!Number.isSafeInteger(value)) throw new TarError(`the header at byte ${at} has a field that is no number`);
  return value;
}

function paxNumber(local: Extension | null, global: Extension | null, key: string, header: number, at: number): number {
  const text = local?.records.get(key) ?? global?.records.get(key);
  return text === undefined ? header : decimal(text, at);
}

/** Seconds with a fraction, perhaps negative. */
function paxTime(text: string | undefined, at: number): { seconds: number; nanoseconds: number } | null {
  if (text === undefined) return null;
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text);
  if (match === null) throw new TarError(`the header at byte ${at} has a time that is no number`);
  const nanoseconds = Number(((match[3] ?? '') + '000000000').substring(0, 9));
  if (match[1] === '') return { seconds: Number(match[2]), nanoseconds };
  return nanoseconds === 0 ? { seconds: 0 - Number(match[2]), nanoseconds: 0 }
    : { seconds: -1 - Number(match[2]), nanoseconds: 1e9 - nanoseconds };
}

/** For messages: control characters are shown as such. */
export function printable(name: string): string {
  return JSON.stringify(name.length > 200 ? name.substring(0, 200) + '…' : name);
}
