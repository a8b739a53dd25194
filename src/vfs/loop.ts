/** Loop devices (loop(4)): files of the guest as block devices. /dev/loop-control and /dev/loop0 … */
import { E } from '../abi/errno.js';
import { O, S } from '../abi/fcntl.js';
import { Disk, FileImage } from './block_device.js';
import { BlockFile } from './block_file.js';
import { makeDiskNode } from './disks.js';
import { Stat, makeDev } from './inode.js';
import type { Location } from './mount.js';
import { OpenFile, type Descriptors, type UserMemory } from './open_file.js';
import type { Vfs } from './vfs.js';

export const LOOP_MAJOR = 7;
const MAX_LOOPS = 256;

const LOOP = {
  SET_FD: 0x4c00, CLR_FD: 0x4c01, SET_STATUS: 0x4c02, GET_STATUS: 0x4c03, SET_STATUS64: 0x4c04, GET_STATUS64: 0x4c05,
  CHANGE_FD: 0x4c06, SET_CAPACITY: 0x4c07, SET_DIRECT_IO: 0x4c08, SET_BLOCK_SIZE: 0x4c09, CONFIGURE: 0x4c0a,
  CTL_ADD: 0x4c80, CTL_REMOVE: 0x4c81,
  CTL_GET_FREE: 0x4c82,
} as const;
const LO_FLAGS = { READ_ONLY: 1, AUTOCLEAR: 4, PARTSCAN: 8, DIRECT_IO: 16 } as const;
/** What LOOP_SET_STATUS64 may set, and what it may clear. */
const SETTABLE = LO_FLAGS.AUTOCLEAR | LO_FLAGS.PARTSCAN;
/** struct loop_info64 and, behind the descriptor and the block size of struct loop_config, the same. */
const INFO = {
  device: 0, inode: 8, rdevice: 16, offset: 24, sizeLimit: 32, number: 40, encryptType: 44, flags: 52, name: 56,
  length: 232,
} as const;
/** The older struct loop_info, of longs and without a size limit. */
const OLD_INFO = {
  number: 0, device: 8, inode: 16, rdevice: 24, offset: 32, encryptType: 36, flags: 44, name: 48, length: 168,
} as const;
const NAME_LENGTH = 64;
const CONFIG_INFO = 8, CONFIG_LENGTH = 304;

/** A loop device; without a file (`device` null) it has size 0. */
class LoopDisk extends Disk {
  flags = 0;
  fileName = '';

  constructor(readonly number: number) {
    super(`loop${number}`, makeDev(LOOP_MAJOR, number), null);
  }

  get image(): FileImage | null {
    return this.device as FileImage | null;
  }
  bind(image: FileImage, flags: number): void {
    this.device = image;
    this.flags = flags;
  }
  clear(): void {
    const { image } = this;
    this.device = null;
    this.flags = 0;
    this.fileName = '';
    image?.flush();
    image?.close();
  }
  override released(): void {
    if (this.flags & LO_FLAGS.AUTOCLEAR && this.opens === 0 && this.mounted === null) this.clear();
  }
}

/** Opens /dev/loopN: the device is made when it is first met. */
export function openLoop(vfs: Vfs, number: number, flags: number, location: Location): OpenFile | number {
  const disk = loopDisk(vfs, number);
  if (flags & O.EXCL && (disk.mounted !== null || disk.exclusive !== null)) return -E.BUSY;
  return new LoopFile(disk, flags, location);
}

function loopDisk(vfs: Vfs, number: number): LoopDisk {
  const rdev = makeDev(LOOP_MAJOR, number);
  let disk = vfs.disks.get(rdev);
  if (disk === undefined) vfs.disks.set(rdev, (disk = new LoopDisk(number)));
  // Nobody else puts disks behind this major number.
  return disk as LoopDisk;
}

class LoopFile extends BlockFile {
  constructor(private readonly loop: LoopDisk, flags: number, location: Location) {
    super(loop, flags, location);
  }

  override ioctl(request: number, arg: number, memory: UserMemory, files?: Descriptors): number {
    const { loop } = this;
    switch (request >>> 0) {
      case LOOP.SET_FD:
        return this.bind(files?.get(arg), 0, 0, 0);
      case LOOP.CONFIGURE: {
        if (!memory.readable(arg, CONFIG_LENGTH)) return -E.FAULT;
        const { view } = memory.window;
        const info = arg + CONFIG_INFO;
        const flags = view.getUint32(info + INFO.flags, true);
        if (flags & ~(LO_FLAGS.READ_ONLY | SETTABLE | LO_FLAGS.DIRECT_IO)) return -E.INVAL;
        if (!isBlockSize(view.getUint32(arg + 4, true))) return -E.INVAL;
        const bound = this.bind(
          files?.get(view.getInt32(arg, true)), getU64(view, info + INFO.offset), getU64(view, info + INFO.sizeLimit),
          flags,
        );
        if (bound === 0) loop.fileName = getName(memory, info + INFO.name);
        return bound;
      }
      case LOOP.CHANGE_FD:
        return -E.INVAL;
    }
    if (request < LOOP.SET_FD || request > LOOP.CONFIGURE) return super.ioctl(request, arg, memory);
    const { image } = loop;
    if (image === null) return -E.NXIO;
    switch (request) {
      case LOOP.CLR_FD:
        // In use by others: when they are done.
        if (loop.opens > 1 || loop.mounted !== null) loop.flags |= LO_FLAGS.AUTOCLEAR;
        else loop.clear();
        return 0;
      case LOOP.GET_STATUS64:
        return this.status(image, arg, memory);
      case LOOP.SET_STATUS64: {
        if (!memory.readable(arg, INFO.length)) return -E.FAULT;
        const { view } = memory.window;
        if (view.getUint32(arg + INFO.encryptType, true) !== 0) return -E.INVAL;
        return this.setStatus(
          image, getU64(view, arg + INFO.offset), getU64(view, arg + INFO.sizeLimit),
          view.getUint32(arg + INFO.flags, true), getName(memory, arg + INFO.name),
        );
      }
      case LOOP.GET_STATUS:
        return this.oldStatus(image, arg, memory);
      case LOOP.SET_STATUS: {
        if (!memory.readable(arg, OLD_INFO.length)) return -E.FAULT;
        const { view } = memory.window;
        if (view.getUint32(arg + OLD_INFO.encryptType, true) !== 0) return -E.INVAL;
        return this.setStatus(
          image, view.getInt32(arg + OLD_INFO.offset, true), 0, view.getUint32(arg + OLD_INFO.flags, true),
          getName(memory, arg + OLD_INFO.name),
        );
      }
      case LOOP.SET_CAPACITY:
        image.resize();
        return 0;
      case LOOP.SET_BLOCK_SIZE:
        return isBlockSize(arg) ? 0 : -E.INVAL;
      case LOOP.SET_DIRECT_IO:
        return arg === 0 ? 0 : -E.INVAL;
      default:
        return -E.NOTTY;
    }
  }

  private bind(file: OpenFile | undefined, offset: number, sizeLimit: number, flags: number): number {
    if (this.loop.device !== null) return -E.BUSY;
    if (file === undefined || file.flags & O.PATH) return -E.BADF;
    const type = file.inode === null ? 0 : file.inode.type;
    if ((type !== S.IFREG && type !== S.IFBLK) || !file.canRead) return -E.INVAL;
    if (file instanceof BlockFile && file.disk === this.loop) return -E.BADF;
    const readOnly = !file.canWrite || !this.canWrite || (flags & LO_FLAGS.READ_ONLY) !== 0;
    const kept = (flags & ~LO_FLAGS.DIRECT_IO) | (readOnly ? LO_FLAGS.READ_ONLY : 0);
    this.loop.bind(new FileImage(file, readOnly, offset, sizeLimit), kept);
    return 0;
  }

  private setStatus(image: FileImage, offset: number, sizeLimit: number, flags: number, name: string): number {
    const { loop } = this;
    if (offset < 0) return -E.INVAL;
    if (offset !== image.offset || sizeLimit !== image.sizeLimit) {
      if (loop.mounted !== null) return -E.BUSY;
      loop.bind(new FileImage(image.file, image.readOnly, offset, sizeLimit), loop.flags);
      image.close();
    }
    loop.flags = (loop.flags & ~SETTABLE) | (flags & SETTABLE);
    loop.fileName = name;
    return 0;
  }

  private oldStatus(image: FileImage, arg: number, memory: UserMemory): number {
    if (!memory.writable(arg, OLD_INFO.length)) return -E.FAULT;
    const { u8, view } = memory.window;
    u8.fill(0, arg, arg + OLD_INFO.length);
    const stat = new Stat();
    image.file.stat(stat);
    view.setUint32(arg + OLD_INFO.number, this.loop.number, true);
    putU64(view, arg + OLD_INFO.device, stat.dev);
    putU64(view, arg + OLD_INFO.inode, stat.ino);
    putU64(view, arg + OLD_INFO.rdevice, stat.rdev);
    view.setUint32(arg + OLD_INFO.offset, image.offset, true);
    view.setUint32(arg + OLD_INFO.flags, this.loop.flags, true);
    const name = this.loop.fileName;
    for (let at = 0; at < name.length; at++) u8[arg + OLD_INFO.name + at] = name.charCodeAt(at);
    return 0;
  }

  private status(image: FileImage, arg: number, memory: UserMemory): number {
    if (!memory.writable(arg, INFO.length)) return -E.FAULT;
    const { u8, view } = memory.window;
    u8.fill(0, arg, arg + INFO.length);
    const stat = new Stat();
    image.file.stat(stat);
    putU64(view, arg + INFO.device, stat.dev);
    putU64(view, arg + INFO.inode, stat.ino);
    putU64(view, arg + INFO.rdevice, stat.rdev);
    putU64(view, arg + INFO.offset, image.offset);
    putU64(view, arg + INFO.sizeLimit, image.sizeLimit);
    view.setUint32(arg + INFO.number, this.loop.number, true);
    view.setUint32(arg + INFO.flags, this.loop.flags, true);
    const name = this.loop.fileName;
    for (let at = 0; at < name.length; at++) u8[arg + INFO.name + at] = name.charCodeAt(at);
    return 0;
  }
}

/** /dev/loop-control. */
export class LoopControl extends OpenFile {
  constructor(private readonly vfs: Vfs, flags: number, location: Location) {
    super(flags, location);
  }

  override ioctl(request: number, arg: number): number {
    const { disks } = this.vfs;
    switch (request) {
      case LOOP.CTL_GET_FREE: {
        let number = 0;
        while (disks.get(makeDev(LOOP_MAJOR, number))?.device) number++;
        return number >= MAX_LOOPS ? -E.NOSPC : this.add(number);
      }
      case LOOP.CTL_ADD: {
        let number = arg | 0;
        if (number >= MAX_LOOPS) return -E.NOSPC;
        if (number >= 0 && disks.has(makeDev(LOOP_MAJOR, number))) return -E.EXIST;
        if (number < 0) for (number = 0; disks.has(makeDev(LOOP_MAJOR, number));) number++;
        return number >= MAX_LOOPS ? -E.NOSPC : this.add(number);
      }
      case LOOP.CTL_REMOVE: {
        const disk = disks.get(makeDev(LOOP_MAJOR, arg | 0));
        if (disk === undefined) return -E.NODEV;
        if (disk.device !== null || disk.opens > 0 || disk.mounted !== null) return -E.BUSY;
        disks.delete(disk.rdev);
        return arg;
      }
      default:
        return -E.NOTTY;
    }
  }

  /** Makes the device and its node in every /dev. */
  private add(number: number): number {
    const disk = loopDisk(this.vfs, number);
    if (!this.vfs.blockDevices.has(disk.rdev)) {
      this.vfs.blockDevices.set(disk.rdev, (location, flags) => openLoop(this.vfs, number, flags, location));
      for (const { fs } of this.vfs.mounts()) if (fs.type === 'devtmpfs') makeDiskNode(fs.root, disk);
    }
    return number;
  }
}

function isBlockSize(size: number): boolean {
  return size === 0 || (size >= 512 && size <= 4096 && (size & (size - 1)) === 0);
}
function getU64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 0x1_0000_0000;
}
function putU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}
/** The last byte is always NUL. */
function getName(memory: UserMemory, at: number): string {
  let name = '';
  for (let i = 0; i < NAME_LENGTH - 1 && memory.window.u8[at + i] !== 0; i++) {
    name += String.fromCharCode(memory.window.u8[at + i]!);
  }
  return name;
}
