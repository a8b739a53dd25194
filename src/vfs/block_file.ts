/** Open nodes of block devices (/dev/vda): bytes that are read and written in place, and the requests of disk tools. */
import { E } from '../abi/errno.js';
import { O } from '../abi/fcntl.js';
import type { Disk } from './block_device.js';
import type { Location } from './mount.js';
import { type OpenFile, SEEK, type UserMemory } from './open_file.js';
import { PositionedFile } from './positioned_file.js';

/** Requests of <linux/fs.h> and <linux/hdreg.h>. */
const BLK = {
  ROSET: 0x125d, ROGET: 0x125e, RRPART: 0x125f, GETSIZE: 0x1260, FLSBUF: 0x1261, RASET: 0x1262, RAGET: 0x1263,
  SSZGET: 0x1268, BSZGET: 0x80081270, BSZSET: 0x40081271, GETSIZE64: 0x80081272, IOMIN: 0x1278, IOOPT: 0x1279,
  ALIGNOFF: 0x127a, PBSZGET: 0x127b, ROTATIONAL: 0x127e, HDIO_GETGEO: 0x0301,
} as const;
const SECTOR = 512;
const HEADS = 255, SECTORS_PER_TRACK = 63;

/** A block device's node that was opened. */
export class BlockFile extends PositionedFile {
  constructor(readonly disk: Disk, flags: number, location: Location) {
    super(flags, location);
    disk.opens++;
    if (flags & O.EXCL) disk.exclusive = this;
  }

  /** Opens a disk's node. O.EXCL: -EBUSY while it is mounted or somebody else has it for himself. */
  static open(disk: Disk, flags: number, location: Location): OpenFile | number {
    if (flags & O.EXCL && (disk.mounted !== null || disk.exclusive !== null)) return -E.BUSY;
    return new BlockFile(disk, flags, location);
  }

  protected override get size(): number {
    return this.disk.device === null ? 0 : this.disk.device.size;
  }
  /** Disks have no end to append at: Linux takes O_APPEND for nothing. */
  protected override get appends(): boolean {
    return false;
  }
  override pread(u8: Uint8Array, start: number, length: number, position: number): number {
    const count = Math.min(length, this.size - position);
    if (count <= 0) return 0;
    const failed = this.disk.device!.read(u8.subarray(start, start + count), position);
    return failed < 0 ? failed : count;
  }
  protected override store(u8: Uint8Array, start: number, length: number, position: number): number {
    const { device } = this.disk;
    if (device !== null && device.readOnly) return -E.PERM;
    if (length === 0) return 0;
    const count = Math.min(length, this.size - position);
    if (count <= 0) return -E.NOSPC;
    const failed = device!.write(u8.subarray(start, start + count), position);
    return failed < 0 ? failed : count;
  }
  protected override seekData(offset: number, whence: number): number {
    if (offset < 0 || offset >= this.size) return -E.NXIO;
    return whence === SEEK.DATA ? offset : this.size;
  }
  protected override checkPosition(position: number): number {
    return position > this.size ? -E.INVAL : 0;
  }
  override sync(): number {
    return this.disk.device === null ? 0 : this.disk.device.flush();
  }

  override ioctl(request: number, arg: number, memory: UserMemory): number {
    const { view } = memory.window;
    switch (request >>> 0) {
      case BLK.ROGET:
        return putInt(memory, arg, this.disk.device?.readOnly === true ? 1 : 0);
      case BLK.GETSIZE:
        return putLong(memory, arg, Math.floor(this.size / SECTOR));
      case BLK.GETSIZE64:
        return putLong(memory, arg, this.size);
      case BLK.FLSBUF:
        return this.sync();
      case BLK.RASET:
        // Whole pages, as Linux keeps it.
        this.disk.readAhead = arg - arg % 8;
        return 0;
      case BLK.RRPART:
        // Partitions are read once, when the disk is attached.
        return this.disk.mounted !== null ? -E.BUSY : -E.INVAL;
      case BLK.RAGET:
        return putLong(memory, arg, this.disk.readAhead);
      case BLK.SSZGET:
      case BLK.IOMIN:
      case BLK.PBSZGET:
        return putInt(memory, arg, SECTOR);
      case BLK.IOOPT:
      case BLK.ALIGNOFF:
        return putInt(memory, arg, 0);
      case BLK.BSZGET:
        return putLong(memory, arg, 4096);
      case BLK.BSZSET:
        return memory.readable(arg, 4) ? 0 : -E.FAULT;
      case BLK.ROTATIONAL:
        if (!memory.writable(arg, 2)) return -E.FAULT;
        view.setUint16(arg, 0, true);
        return 0;
      case BLK.HDIO_GETGEO:
        if (!memory.writable(arg, 16)) return -E.FAULT;
        view.setUint8(arg, HEADS);
        view.setUint8(arg + 1, SECTORS_PER_TRACK);
        view.setUint16(arg + 2, Math.min(0xffff, Math.floor(this.size / SECTOR / HEADS / SECTORS_PER_TRACK)), true);
        return putLong(memory, arg + 8, 0);
      default:
        return -E.NOTTY;
    }
  }

  protected override closed(): number {
    this.disk.opens--;
    if (this.disk.exclusive === this) this.disk.exclusive = null;
    const failed = this.canWrite ? this.sync() : 0;
    this.disk.released();
    return failed;
  }
}

function putInt(memory: UserMemory, addr: number, value: number): number {
  if (!memory.writable(addr, 4)) return -E.FAULT;
  memory.window.view.setUint32(addr, value, true);
  return 0;
}
function putLong(memory: UserMemory, addr: number, value: number): number {
  if (!memory.writable(addr, 8)) return -E.FAULT;
  memory.window.view.setUint32(addr, value >>> 0, true);
  memory.window.view.setUint32(addr + 4, Math.floor(value / 0x1_0000_0000), true);
  return 0;
}
