/**
 * A directory of FAT: entries of 32 bytes, in memory as an index by name. A file has one entry with its short name and
 * before it, in reverse, those that hold its long name.
 */
import { E } from '../../../abi/errno.js';
import type { BlockDevice } from '../../block_device.js';
import { readSpace, writeSpace, type Space } from './chain.js';
import {
  DELETED, LONG_LENGTH, SHORT_LENGTH, SLOT_OFFSETS, SLOT_UNITS, bytesOf, keyOf, longSlots, putLong, shortChecksum,
  shortOf, shownShort, unitsOf, withoutDots, type ShortName,
} from './names.js';
import type { FatInode } from './inode.js';
import type { FatOptions } from './options.js';

export const SLOT_BYTES = 32;
/** Offsets in an entry. */
export const ENTRY = {
  attributes: 11, marks: 12, birthCentiseconds: 13, birthTime: 14, birthDate: 16, accessDate: 18, startHigh: 20,
  time: 22, date: 24, start: 26, size: 28,
} as const;
export const ATTRIBUTE = { READ_ONLY: 1, HIDDEN: 2, SYSTEM: 4, VOLUME: 8, DIRECTORY: 16, ARCHIVE: 32 } as const;
const LONG_NAME = 0x0f;
/** A directory has at most so many entries. */
const MOST_SLOTS = 1 << 16;
export const MOST_DIRECTORY_BYTES = MOST_SLOTS * SLOT_BYTES;
const MOST_LONG_SLOTS = 20;
const CHECKSUM = 13;
const DOT = '.          ', DOT_DOT = '..         ';

/** A file's or directory's place in its directory. */
export class DirectoryEntry {
  inode: FatInode | null = null;

  constructor(
    readonly name: string,
    readonly short: string,
    /** The slots of all its entries: the last one has the short name. */
    readonly firstSlot: number,
    readonly slot: number,
    public directory: boolean,
  ) {}
}

export class FatListing {
  /** By slot, in the order of reading or making. */
  readonly entries = new Map<number, DirectoryEntry>();
  /** Directories, '.' and '..' included: the link count. */
  subdirectories = 0;
  /** Where '..' is; -1 when it is missing. */
  dotDotSlot = -1;
  /** When it was last looked at, by the file system's count of looks. */
  usedAt = 0;
  private readonly names = new Map<string, DirectoryEntry>();
  private readonly shorts = new Map<string, DirectoryEntry>();
  /** Which slots are taken. */
  private taken: Uint8Array;
  private slots: number;
  /** No slot before this one is free. */
  private firstFree = 0;
  /** Entries that show no name take room all the same. */
  private nameless = 0;

  private constructor(
    private readonly device: BlockDevice, private readonly space: Space, private readonly options: FatOptions,
    bytes: Uint8Array,
  ) {
    this.slots = bytes.length / SLOT_BYTES;
    this.taken = new Uint8Array(this.slots);
    this.parse(bytes);
  }

  /** Reads a directory. -EIO. */
  static read(device: BlockDevice, space: Space, options: FatOptions): FatListing | number {
    const size = space.size();
    if (size < 0) return size;
    const bytes = new Uint8Array(size);
    const failed = readSpace(device, space, bytes, 0, size, 0);
    return failed < 0 ? failed : new FatListing(device, space, options, bytes);
  }

  get empty(): boolean {
    return this.entries.size === 0 && this.nameless === 0;
  }
  /** Bytes that it takes on the device. */
  get size(): number {
    return this.slots * SLOT_BYTES;
  }

  find(name: string): DirectoryEntry | undefined {
    const stripped = withoutDots(name);
    const found = this.names.get(keyOf(stripped, this.options));
    if (found !== undefined || stripped === '') return found;
    const units = unitsOf(stripped);
    const short = units === null ? null : shortOf(units);
    if (short === null || (this.options.strict && units !== units!.toUpperCase())) return undefined;
    return this.shorts.get(short);
  }
  hasShort(short: string): boolean {
    return this.shorts.has(short);
  }
  bySlot(slot: number): DirectoryEntry | undefined {
    return this.entries.get(slot);
  }

  /** The place on the device of a slot; it is known to exist. */
  positionOf(slot: number): number {
    return this.space.map(slot * SLOT_BYTES);
  }

  /**
   * Adds a file: `entry` is its entry of 32 bytes, but for the names. `grow` makes the directory one cluster longer,
   * filled with zeros: 0 or -errno. The entry, or -ENOSPC, -EIO.
   */
  add(
    name: string, units: string, short: ShortName, entry: Uint8Array, grow: () => number,
  ): DirectoryEntry | number {
    const long = short.long ? longSlots(units) : 0;
    const first = this.room(long + 1, grow);
    if (first < 0) return first;
    const bytes = new Uint8Array((long + 1) * SLOT_BYTES);
    const at = long * SLOT_BYTES;
    bytes.set(entry, at);
    for (let i = 0; i < SHORT_LENGTH; i++) bytes[at + i] = short.short.charCodeAt(i);
    bytes[at + ENTRY.marks] = short.marks;
    if (long > 0) putLong(bytes, units, shortChecksum(bytes, at));
    const failed = writeSpace(this.device, this.space, bytes, 0, bytes.length, first * SLOT_BYTES);
    if (failed < 0) return failed;
    this.taken.fill(1, first, first + long + 1);
    if (first === this.firstFree) this.firstFree = first + long + 1;
    const shown = long > 0 ? name : shownShort(bytes, at, short.marks, this.options);
    const isDirectory = (bytes[at + ENTRY.attributes]! & ATTRIBUTE.DIRECTORY) !== 0;
    return this.index(new DirectoryEntry(shown, short.short, first, first + long, isDirectory));
  }

  /** Takes a file's entries away. 0 or -errno. */
  remove(entry: DirectoryEntry): number {
    const { firstSlot, slot } = entry;
    const bytes = new Uint8Array((slot - firstSlot + 1) * SLOT_BYTES);
    let failed = readSpace(this.device, this.space, bytes, 0, bytes.length, firstSlot * SLOT_BYTES);
    if (failed < 0) return failed;
    for (let at = 0; at < bytes.length; at += SLOT_BYTES) bytes[at] = DELETED;
    failed = writeSpace(this.device, this.space, bytes, 0, bytes.length, firstSlot * SLOT_BYTES);
    if (failed < 0) return failed;
    this.taken.fill(0, firstSlot, slot + 1);
    if (firstSlot < this.firstFree) this.firstFree = firstSlot;
    this.entries.delete(slot);
    const key = keyOf(entry.name, this.options);
    if (this.names.get(key) === entry) this.names.delete(key);
    if (this.shorts.get(entry.short) === entry) this.shorts.delete(entry.short);
    if (entry.directory) this.subdirectories--;
    return 0;
  }

  /** Another file has taken this entry over. */
  become(entry: DirectoryEntry, directory: boolean, inode: FatInode): void {
    this.subdirectories += (directory ? 1 : 0) - (entry.directory ? 1 : 0);
    entry.directory = directory;
    entry.inode = inode;
  }

  private index(entry: DirectoryEntry): DirectoryEntry {
    this.entries.set(entry.slot, entry);
    const key = keyOf(entry.name, this.options);
    // Of names that are there twice, the first counts.
    if (!this.names.has(key)) this.names.set(key, entry);
    if (!this.shorts.has(entry.short)) this.shorts.set(entry.short, entry);
    if (entry.directory) this.subdirectories++;
    return entry;
  }

  /** The first of `count` free slots side by side. */
  private room(count: number, grow: () => number): number {
    const { taken } = this;
    while (this.firstFree < this.slots && taken[this.firstFree] !== 0) this.firstFree++;
    let first = this.firstFree;
    for (let slot = first; slot < this.slots; slot++) {
      if (taken[slot] !== 0) first = slot + 1;
      else if (slot - first + 1 === count) return first;
    }
    while (this.slots - first < count) {
      if (this.slots >= MOST_SLOTS) return -E.NOSPC;
      const failed = grow();
      if (failed < 0) return failed;
      const size = this.space.size();
      if (size < 0) return size;
      this.slots = size / SLOT_BYTES;
      const larger = new Uint8Array(this.slots);
      larger.set(this.taken);
      this.taken = larger;
    }
    return first;
  }

  private parse(bytes: Uint8Array): void {
    const { slots, taken } = this;
    for (let slot = 0; slot < slots; slot++) {
      const head = bytes[slot * SLOT_BYTES]!;
      taken[slot] = head === 0 || head === DELETED ? 0 : 1;
    }
    for (let slot = 0; slot < slots; slot++) {
      if (taken[slot] === 0) continue;
      const firstSlot = slot;
      let units: string | null = null;
      if (bytes[slot * SLOT_BYTES + ENTRY.attributes] === LONG_NAME) {
        const length = longLength(bytes, slot, slots, taken);
        if (length === 0) continue;
        // What breaks off is looked at anew where it does.
        if (length < 0) {
          slot -= length + 1;
          continue;
        }
        slot += length;
        if (shortChecksum(bytes, slot * SLOT_BYTES) === bytes[firstSlot * SLOT_BYTES + CHECKSUM]) {
          units = longName(bytes, firstSlot, length);
        }
      }
      const at = slot * SLOT_BYTES;
      const attributes = bytes[at + ENTRY.attributes]!;
      if (attributes & ATTRIBUTE.VOLUME) continue;
      this.found(bytes, at, units === null ? slot : firstSlot, units === null ? '' : bytesOf(units));
    }
  }

  /** One more file, whose short entry is at `at`. */
  private found(bytes: Uint8Array, at: number, firstSlot: number, long: string): void {
    const short = Buffer.from(bytes.buffer, bytes.byteOffset + at, SHORT_LENGTH).toString('latin1');
    const isDirectory = (bytes[at + ENTRY.attributes]! & ATTRIBUTE.DIRECTORY) !== 0;
    if (short === DOT || short === DOT_DOT) {
      if (short === DOT_DOT) this.dotDotSlot = at / SLOT_BYTES;
      if (isDirectory) this.subdirectories++;
      return;
    }
    const name = isName(long) ? long : shownShort(bytes, at, bytes[at + ENTRY.marks]!, this.options);
    if (isName(name)) this.index(new DirectoryEntry(name, short, firstSlot, at / SLOT_BYTES, isDirectory));
    else this.nameless++;
  }
}

/** Can it be a name at all? */
function isName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name);
}

/**
 * How many entries of a long name start at `slot`, when they are whole and an entry with a short name follows. 0: it is
 * none; -n: it breaks off after n entries.
 */
function longLength(bytes: Uint8Array, slot: number, slots: number, taken: Uint8Array): number {
  const order = bytes[slot * SLOT_BYTES]!, length = order & ~0x40;
  if (!(order & 0x40) || length === 0 || length > MOST_LONG_SLOTS) return 0;
  const checksum = bytes[slot * SLOT_BYTES + CHECKSUM];
  for (let i = 1; i <= length; i++) {
    const at = (slot + i) * SLOT_BYTES;
    if (slot + i >= slots || taken[slot + i] === 0) return -i;
    const isLong = bytes[at + ENTRY.attributes] === LONG_NAME;
    if (i === length) return isLong ? -i : length;
    if (!isLong || (bytes[at]! & ~0x40) !== length - i || bytes[at + CHECKSUM] !== checksum) return -i;
  }
  return 0;
}

function longName(bytes: Uint8Array, firstSlot: number, length: number): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let units = '';
  for (let part = length - 1; part >= 0; part--) {
    for (let i = 0; i < SLOT_UNITS; i++) {
      const unit = view.getUint16((firstSlot + part) * SLOT_BYTES + SLOT_OFFSETS[i]!, true);
      if (unit === 0 || units.length === LONG_LENGTH) return units;
      units += String.fromCharCode(unit);
    }
  }
  return units;
}
