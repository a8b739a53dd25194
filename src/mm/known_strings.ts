/**
 * Strings that programs pass again and again, paths above all: the same bytes give the same string object, which is not
 * built anew and whose hash is known. A direct-mapped table for all address spaces; what comes once is not kept.
 */

const SLOTS = 1024;
/** Longer strings are not kept. */
const LONGEST = 127;

const strings: string[] = [];
/** The bytes of a slot: their number, then they. */
let bytes: Uint8Array | null = null;
/** Hashes of the strings that came last, by slot. */
const metOnce = new Int32Array(SLOTS);

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 13)) & (SLOTS - 1);
}

/** The hash of a string so far, with one more byte; 0 for none. */
export function hashByte(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x0100_0193);
}

/** The string of the bytes u8[start, end) when it is known, else undefined. `hash` is theirs. */
export function knownString(u8: Uint8Array, start: number, end: number, hash: number): string | undefined {
  const length = end - start;
  if (length > LONGEST || bytes === null) return undefined;
  const slot = slotOf(hash);
  let at = slot << 7;
  if (bytes[at++] !== length) return undefined;
  for (let i = start; i < end; i++) if (bytes[at++] !== u8[i]) return undefined;
  return strings[slot];
}

/** Keeps the string of the bytes u8[start, end) in place of what has their slot, when it comes for the second time. */
export function keepString(u8: Uint8Array, start: number, end: number, hash: number, text: string): void {
  const length = end - start;
  if (length > LONGEST) return;
  const slot = slotOf(hash);
  if (metOnce[slot] !== hash) {
    metOnce[slot] = hash;
    return;
  }
  if (bytes === null) {
    bytes = new Uint8Array(SLOTS << 7);
    for (let i = 0; i < SLOTS; i++) strings.push('');
  }
  let at = slot << 7;
  bytes[at++] = length;
  for (let i = start; i < end; i++) bytes[at++] = u8[i]!;
  strings[slot] = text;
}
