/**
 * Names of FAT: 8.3 names of eleven bytes in code page 437, and long names in UTF-16, which hide in directory entries
 * before the short one's. The guest's names are UTF-8. The rules for making short names are Linux's (and Windows 95's).
 */
import { E } from '../../../abi/errno.js';
import type { FatOptions } from './options.js';

export const SHORT_LENGTH = 11;
/** Units of UTF-16 in a long name, and in each of its entries. */
export const LONG_LENGTH = 255, SLOT_UNITS = 13;
/** NT's marks (entry byte 12): the name or the extension is in lower case. */
export const LOWER = { BASE: 8, EXTENSION: 16 } as const;
/** First byte of a short name: deleted; and what stands for that byte itself. */
export const DELETED = 0xe5, ESCAPED_DELETED = 5;

/** Offsets of the thirteen units in a long name's entry. */
export const SLOT_OFFSETS: readonly number[] = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
const SLOT = { order: 0, attributes: 11, checksum: 13, last: 0x40, attribute: 0x0f } as const;

/** 0x80 to 0xff of code page 437. */
const CP437 = 'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀' +
  'αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';
const BAD = /[\0-\x1f*?<>|":/\\]/;
const REPLACED = '[];,+=';

let decoder: InstanceType<typeof TextDecoder> | undefined;

/** The UTF-16 of a name that is UTF-8, or null. */
export function unitsOf(name: string): string | null {
  if (isAscii(name)) return name;
  decoder ??= new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    return decoder.decode(Buffer.from(name, 'latin1'));
  } catch {
    return null;
  }
}

/** UTF-8 of UTF-16, without halves of pairs. */
export function bytesOf(units: string): string {
  if (isAscii(units)) return units;
  const whole = units.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '');
  return Buffer.from(whole, 'utf8').toString('latin1');
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) >= 0x80) return false;
  return true;
}

/** A name without the dots at its end, which do not count. */
export function withoutDots(name: string): string {
  let end = name.length;
  while (end > 0 && name.charCodeAt(end - 1) === 46) end--;
  return end === name.length ? name : name.substring(0, end);
}

/** May a name of these units be made? 0, -EINVAL, -ENAMETOOLONG. */
export function checkLong(units: string): number {
  if (units.length > LONG_LENGTH) return -E.NAMETOOLONG;
  return BAD.test(units) || units.endsWith(' ') ? -E.INVAL : 0;
}

/** Names are equal when their keys are: of the UTF-8's bytes, as Linux has it with utf8 and iocharset=iso8859-1. */
export function keyOf(name: string, options: FatOptions): string {
  return options.strict ? name : name.toLowerCase();
}

/** The byte of a UTF-16 unit in the code page, or -1. */
function diskByte(unit: number): number {
  if (unit < 0x80) return unit;
  const at = CP437.indexOf(String.fromCharCode(unit));
  return at < 0 ? -1 : at + 0x80;
}

/** In upper or lower case, where the code page has it. */
function upper(byte: number): number {
  if (byte < 0x80) return byte >= 97 && byte <= 122 ? byte - 32 : byte;
  return sameOr(byte, CP437[byte - 0x80]!.toUpperCase());
}
function lower(byte: number): number {
  if (byte < 0x80) return byte >= 65 && byte <= 90 ? byte + 32 : byte;
  return sameOr(byte, CP437[byte - 0x80]!.toLowerCase());
}
function sameOr(byte: number, changed: string): number {
  const to = changed.length === 1 ? diskByte(changed.charCodeAt(0)) : -1;
  return to < 0 ? byte : to;
}

/** The name that a short one shows, as UTF-8. `marks`: LOWER bits. '' when there is nothing to show. */
export function shownShort(bytes: Uint8Array, at: number, marks: number, options: FatOptions): string {
  const { shortDisplay } = options;
  const all = shortDisplay === 'lower', byMark = shortDisplay === 'nt';
  const base = shownPart(bytes, at, 8, all || (byMark && (marks & LOWER.BASE) !== 0));
  const extension = shownPart(bytes, at + 8, 3, all || (byMark && (marks & LOWER.EXTENSION) !== 0));
  return extension === '' ? base : `${base}.${extension}`;
}

function shownPart(bytes: Uint8Array, at: number, length: number, small: boolean): string {
  let text = '', plain = true, end = length;
  while (end > 0 && bytes[at + end - 1] === 32) end--;
  for (let i = 0; i < end; i++) {
    let byte = bytes[at + i]!;
    if (byte === 0) break;
    if (byte === ESCAPED_DELETED && i === 0 && length === 8) byte = DELETED;
    if (small) byte = lower(byte);
    if (byte >= 0x80) plain = false;
    text += byte < 0x80 ? String.fromCharCode(byte) : CP437[byte - 0x80]!;
  }
  return plain ? text : bytesOf(text);
}

/** The short name that a name of the 8.3 form means, as eleven bytes; null for other names. */
export function shortOf(units: string): string | null {
  const dot = units.lastIndexOf('.');
  const base = dot < 0 ? units : units.substring(0, dot), extension = dot < 0 ? '' : units.substring(dot + 1);
  if (base.length === 0 || base.length > 8 || extension.length > 3) return null;
  const packed = packedPart(base, 8) + packedPart(extension, 3);
  return packed.length === SHORT_LENGTH ? escaped(packed) : null;
}

function packedPart(part: string, length: number): string {
  let packed = '';
  for (let i = 0; i < part.length; i++) {
    const byte = diskByte(part.charCodeAt(i));
    if (byte < 0 || byte === 46) return '';
    packed += String.fromCharCode(upper(byte));
  }
  return packed.padEnd(length);
}

function escaped(short: string): string {
  return short.charCodeAt(0) === DELETED ? String.fromCharCode(ESCAPED_DELETED) + short.substring(1) : short;
}

/** What a part of a name loses when it becomes one of a short name. */
class Part {
  text = '';
  /** Nothing was left out or replaced. */
  exact = true;
  upper = true;
  lower = true;
  /** There is more than fits. */
  cut = false;

  constructor(units: string, length: number) {
    for (let i = 0; i < units.length; i++) {
      const unit = units.charCodeAt(i);
      if (unit === 46 || unit === 32) {
        this.exact = false;
        continue;
      }
      if (this.text.length === length) {
        this.cut = true;
        break;
      }
      this.text += String.fromCharCode(this.convert(unit));
      // What is left out behind a full part still makes it differ from the name.
      if (this.text.length === length && i + 1 < units.length) {
        this.cut = true;
        break;
      }
    }
  }

  private convert(unit: number): number {
    const byte = unit < 0x80 && REPLACED.includes(String.fromCharCode(unit)) ? -1 : diskByte(unit);
    if (byte < 0) {
      this.exact = false;
      return 95;
    }
    const big = upper(byte);
    if (byte >= 0x7f) this.lower = this.upper = false;
    else if (big !== byte) this.upper = false;
    else if (big >= 65 && big <= 90) this.lower = false;
    return big;
  }
}

export interface ShortName {
  /** Eleven bytes. */
  short: string;
  /** LOWER bits. */
  marks: number;
  /** The short name does not say all: a long one is needed. */
  long: boolean;
}

/**
 * The short name for a new file. `taken` tells which the directory has. -EINVAL when nothing of the name is left,
 * -EEXIST when it is the short name of another file, -ENOSPC when all are taken.
 */
export function makeShort(units: string, options: FatOptions, taken: (short: string) => boolean): ShortName | number {
  const dot = units.lastIndexOf('.');
  // A name that starts with its last dot has no extension.
  const split = dot > 0 && /[^. ]/.test(units.substring(0, dot)) ? dot : units.length;
  const base = new Part(units.substring(0, split), 8), extension = new Part(units.substring(split + 1), 3);
  if (base.text === '') return -E.INVAL;
  const tail = extension.text.padEnd(3);
  const plain = escaped(base.text.padEnd(8) + tail);
  if (!base.cut && !extension.cut && base.exact && extension.exact) {
    if (taken(plain)) return -E.EXIST;
    if (options.shortCreate === 'win95') return { short: plain, marks: 0, long: !(base.upper && extension.upper) };
    if ((base.upper || base.lower) && (extension.upper || extension.lower)) {
      const marks = (base.upper ? 0 : LOWER.BASE) | (extension.upper ? 0 : LOWER.EXTENSION);
      return { short: plain, marks, long: false };
    }
    return { short: plain, marks: 0, long: true };
  }
  if (options.noNumericTail && !taken(plain)) return { short: plain, marks: 0, long: true };
  const short = freeShort(escaped(base.text), tail, units, taken);
  return short === null ? -E.NOSPC : { short, marks: 0, long: true };
}

/** With ~1 to ~9 behind up to six letters, else with four digits of a hash and a tail behind two. */
function freeShort(
  base: string, tail: string, units: string, taken: (short: string) => boolean,
): string | null {
  const six = base.substring(0, 6);
  for (let i = 1; i < 10; i++) {
    const short = `${six}~${i}`.padEnd(8) + tail;
    if (!taken(short)) return short;
  }
  let hash = 0;
  for (let i = 0; i < units.length; i++) hash = (Math.imul(hash, 31) + units.charCodeAt(i)) >>> 0;
  const two = base.substring(0, 2);
  for (let i = 0, mixed = (hash ^ (hash >>> 16)) & 0xffff; i < 8 * 0x10000; i++, mixed = (mixed - 11) & 0xffff) {
    const digit = 1 + (((hash >>> 16) + (i >>> 16)) & 7);
    const short = `${two}${mixed.toString(16).toUpperCase().padStart(4, '0')}~${digit}`.padEnd(8) + tail;
    if (!taken(short)) return short;
  }
  return null;
}

/** The sum that binds a long name to its short one. */
export function shortChecksum(bytes: Uint8Array, at: number): number {
  let sum = 0;
  for (let i = 0; i < SHORT_LENGTH; i++) sum = (((sum & 1) << 7) + (sum >> 1) + bytes[at + i]!) & 0xff;
  return sum;
}

/** Entries that a long name takes, without the short one's. */
export function longSlots(units: string): number {
  return Math.ceil(units.length / SLOT_UNITS);
}

/** Writes a long name's entries to the start of `bytes`, the last part first, as they lie on the disk. */
export function putLong(bytes: Uint8Array, units: string, checksum: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const slots = longSlots(units);
  for (let slot = slots, at = 0; slot > 0; slot--, at += 32) {
    bytes.fill(0, at, at + 32);
    bytes[at + SLOT.order] = slot | (slot === slots ? SLOT.last : 0);
    bytes[at + SLOT.attributes] = SLOT.attribute;
    bytes[at + SLOT.checksum] = checksum;
    for (let i = 0; i < SLOT_UNITS; i++) {
      const unit = (slot - 1) * SLOT_UNITS + i;
      const value = unit < units.length ? units.charCodeAt(unit) : unit === units.length ? 0 : 0xffff;
      view.setUint16(at + SLOT_OFFSETS[i]!, value, true);
    }
  }
}
