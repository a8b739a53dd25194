/** Partition tables: MBR with logical partitions, and GPT (UEFI 2.10, chapter 5). */
import { DevicePart, type BlockDevice } from './block_device.js';

const SECTOR = 512;
const MBR_TABLE = 446, MBR_SIGNATURE = 510;
const GPT_PROTECTIVE = 0xee;
const EXTENDED: ReadonlySet<number> = new Set([0x05, 0x0f, 0x85]);
/** Disks have 16 minor numbers each, as virtio's have: partitions 1 to 15. */
export const MAX_PARTITIONS = 15;
const MAX_GPT_ENTRY = 4096;

/** The partitions by number (1–15). None for a device without a table, or one that cannot be read. */
export function findPartitions(device: BlockDevice): Map<number, BlockDevice> {
  const parts = new Map<number, BlockDevice>();
  const sector = readSector(device, 0);
  if (sector === null || sector.getUint16(MBR_SIGNATURE, true) !== 0xaa55) return parts;
  for (let slot = 0; slot < 4; slot++) if (sector.getUint8(MBR_TABLE + slot * 16) & 0x7f) return parts;
  if (sector.getUint8(MBR_TABLE + 4) === GPT_PROTECTIVE) {
    gptPartitions(device, parts);
    return parts;
  }
  if (isFatBootSector(sector)) return parts;
  for (let slot = 0; slot < 4; slot++) {
    const { type, first, count } = entryAt(sector, slot);
    if (count === 0 || type === 0) continue;
    if (EXTENDED.has(type)) logicalPartitions(device, first, count, parts);
    else add(device, parts, slot + 1, first, count);
  }
  return parts;
}

function entryAt(sector: DataView, slot: number): { type: number; first: number; count: number } {
  const at = MBR_TABLE + slot * 16;
  const first = sector.getUint32(at + 8, true), count = sector.getUint32(at + 12, true);
  return { type: sector.getUint8(at + 4), first, count };
}

/** FAT begins with a boot sector that looks like an MBR with a table of text. */
function isFatBootSector(sector: DataView): boolean {
  const media = sector.getUint8(21);
  return sector.getUint16(14, true) !== 0 && sector.getUint8(16) !== 0 && (media >= 0xf8 || media === 0xf0) &&
    (sector.getUint8(0) === 0xeb || sector.getUint8(0) === 0xe9);
}

/** Logical partitions are a chain of tables, each of one partition and the next table; numbers 5 and up. */
function logicalPartitions(device: BlockDevice, start: number, size: number, parts: Map<number, BlockDevice>): void {
  let table = start;
  for (let number = 5; number <= MAX_PARTITIONS; number++) {
    const sector = readSector(device, table);
    if (sector === null || sector.getUint16(MBR_SIGNATURE, true) !== 0xaa55) return;
    const part = entryAt(sector, 0), next = entryAt(sector, 1);
    if (part.count > 0 && part.type !== 0) add(device, parts, number, table + part.first, part.count);
    if (!EXTENDED.has(next.type) || next.count === 0 || next.first >= size) return;
    table = start + next.first;
  }
}

function gptPartitions(device: BlockDevice, parts: Map<number, BlockDevice>): void {
  const header = readSector(device, 1);
  if (header === null || header.getUint32(0, true) !== 0x20494645 || header.getUint32(4, true) !== 0x54524150) return;
  const table = header.getUint32(72, true) + header.getUint32(76, true) * 2 ** 32;
  const count = Math.min(header.getUint32(80, true), MAX_PARTITIONS);
  const size = header.getUint32(84, true);
  if (size < 128 || size > MAX_GPT_ENTRY || size % 8 !== 0) return;
  for (let index = 0; index < count; index++) {
    const entry = new Uint8Array(128);
    if (device.read(entry, table * SECTOR + index * size) < 0) return;
    if (entry.subarray(0, 16).every((byte) => byte === 0)) continue;
    const view = new DataView(entry.buffer);
    const first = view.getUint32(32, true) + view.getUint32(36, true) * 2 ** 32;
    const last = view.getUint32(40, true) + view.getUint32(44, true) * 2 ** 32;
    add(device, parts, index + 1, first, last - first + 1);
  }
}

/** What lies beyond the device's end is cut off; nothing of it left: no partition. */
function add(device: BlockDevice, parts: Map<number, BlockDevice>, number: number, first: number, count: number): void {
  const size = Math.min(count * SECTOR, device.size - first * SECTOR);
  if (first > 0 && size > 0) parts.set(number, new DevicePart(device, first * SECTOR, size));
}

function readSector(device: BlockDevice, sector: number): DataView | null {
  const bytes = new Uint8Array(SECTOR);
  if ((sector + 1) * SECTOR > device.size || device.read(bytes, sector * SECTOR) < 0) return null;
  return new DataView(bytes.buffer);
}
