/** The boot sector of a FAT file system: where its parts lie. What Linux's fat_fill_super accepts is accepted. */
import { E } from '../../../abi/errno.js';
import type { BlockDevice } from '../../block_device.js';

/** Places are byte positions on the device; counts are of what their name says. */
export interface FatGeometry {
  /** Bits of an entry of the table. */
  readonly bits: 12 | 16 | 32;
  readonly sectorSize: number;
  /** Bytes, a power of 2. */
  readonly clusterSize: number;
  readonly tableStart: number;
  /** Of one copy. */
  readonly tableBytes: number;
  /** Which copies are written, and the one that is read: the first. */
  readonly tables: readonly number[];
  /** FAT12, FAT16: the root directory. */
  readonly rootStart: number;
  readonly rootBytes: number;
  /** FAT32: where the root directory starts; else 0. */
  readonly rootCluster: number;
  /** Of cluster 2. */
  readonly dataStart: number;
  /** One more than the highest cluster number. */
  readonly endCluster: number;
  /** FAT32: the sector with the count of free clusters; else 0. */
  readonly infoStart: number;
  /** The byte whose bit 0 says that the file system was not unmounted. */
  readonly statePosition: number;
  readonly volumeId: number;
}

/** Numbers of clusters: 0 and 1 are none. */
export const FIRST_CLUSTER = 2;

/** Up to so many clusters, an entry has 12 bits; and the most of the other widths. */
const MOST_FAT12 = 0xff4, MOST_FAT16 = 0xfff4, MOST_FAT32 = 0x0ffffff6;

/** Offsets in the boot sector. */
const BOOT = {
  sectorSize: 11, sectorsPerCluster: 13, reserved: 14, tables: 16, rootEntries: 17, sectors16: 19, media: 21,
  tableSectors16: 22, sectors32: 32, state: 37, volumeId: 39,
  tableSectors32: 36, flags32: 40, rootCluster: 44, infoSector: 48, state32: 65, volumeId32: 67,
} as const;
const NOT_MIRRORED = 0x80;

/** Reads and checks it. -EIO when it cannot be read, -EINVAL with a reason to `log` when it is none. */
export function readBoot(device: BlockDevice, log: (reason: string) => void): FatGeometry | number {
  const sector = new Uint8Array(512);
  const failed = device.size < sector.length ? -E.IO : device.read(sector, 0);
  if (failed < 0) {
    log('unable to read boot sector');
    return -E.IO;
  }
  const view = new DataView(sector.buffer);
  const u16 = (at: number): number => view.getUint16(at, true);
  const u32 = (at: number): number => view.getUint32(at, true);
  const bogus = (reason: string): number => {
    log(reason);
    log("Can't find a valid FAT filesystem");
    return -E.INVAL;
  };
  const media = sector[BOOT.media]!, sectorSize = u16(BOOT.sectorSize), perCluster = sector[BOOT.sectorsPerCluster]!;
  const reserved = u16(BOOT.reserved), copies = sector[BOOT.tables]!;
  const tableSectors16 = u16(BOOT.tableSectors16), tableSectors32 = u32(BOOT.tableSectors32);
  if (reserved === 0) return bogus('bogus number of reserved sectors');
  if (copies === 0) return bogus('bogus number of FAT structure');
  if (media < 0xf8 && media !== 0xf0) return bogus(`invalid media value (0x${media.toString(16)})`);
  if (!isPowerOf2(sectorSize) || sectorSize < 512 || sectorSize > 4096) {
    return bogus(`bogus logical sector size ${sectorSize}`);
  }
  if (!isPowerOf2(perCluster)) return bogus(`bogus sectors per cluster ${perCluster}`);
  if (tableSectors16 === 0 && tableSectors32 === 0) return bogus('bogus number of FAT sectors');

  const wide = tableSectors16 === 0;
  const tableSectors = wide ? tableSectors32 : tableSectors16;
  const rootEntries = u16(BOOT.rootEntries);
  if ((rootEntries * 32) % sectorSize !== 0) return bogus(`bogus number of directory entries (${rootEntries})`);
  const rootSector = reserved + copies * tableSectors;
  const dataSector = rootSector + (rootEntries * 32) / sectorSize;
  const sectors = u16(BOOT.sectors16) || u32(BOOT.sectors32);
  if (sectors < dataSector) return bogus(`bogus number of sectors (${sectors})`);
  let clusters = Math.floor((sectors - dataSector) / perCluster);
  const bits = wide ? 32 : clusters > MOST_FAT12 ? 16 : 12;
  clusters = Math.min(clusters, Math.floor((tableSectors * sectorSize * 8) / bits) - FIRST_CLUSTER);
  if (clusters > (wide ? MOST_FAT32 : bits === 16 ? MOST_FAT16 : MOST_FAT12)) {
    return bogus(`count of clusters too big (${clusters})`);
  }
  const rootCluster = wide ? u32(BOOT.rootCluster) : 0;
  if (wide && (rootCluster < FIRST_CLUSTER || rootCluster >= clusters + FIRST_CLUSTER)) {
    return bogus(`bogus root cluster (${rootCluster})`);
  }

  const tableBytes = tableSectors * sectorSize;
  const flags = wide ? u16(BOOT.flags32) : 0;
  const active = flags & 0xf;
  const mirrored = (flags & NOT_MIRRORED) === 0 || active >= copies;
  return {
    bits, sectorSize, tableBytes, rootCluster,
    clusterSize: sectorSize * perCluster,
    tableStart: reserved * sectorSize,
    tables: mirrored ? Array.from({ length: copies }, (_, copy) => copy) : [active],
    rootStart: rootSector * sectorSize,
    rootBytes: wide ? 0 : rootEntries * 32,
    dataStart: dataSector * sectorSize,
    endCluster: clusters + FIRST_CLUSTER,
    infoStart: wide ? (u16(BOOT.infoSector) || 1) * sectorSize : 0,
    statePosition: wide ? BOOT.state32 : BOOT.state,
    volumeId: u32(wide ? BOOT.volumeId32 : BOOT.volumeId),
  };
}

function isPowerOf2(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}
