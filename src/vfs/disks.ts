/** The disks of `--disk`: /dev/vda, /dev/vdb … with their partitions, as virtio's block devices. */
import { E } from '../abi/errno.js';
import { S } from '../abi/fcntl.js';
import { Disk, HostImage, type BlockDevice } from './block_device.js';
import { BlockFile } from './block_file.js';
import { makeDev, type Inode } from './inode.js';
import { findPartitions, MAX_PARTITIONS } from './partitions.js';
import type { Vfs } from './vfs.js';

/** Of those for local use: files of the host show the host's device numbers, and its disks may well be virtio's. */
const DISK_MAJOR = 240;
/** Group disk of Debian. */
const DISK_GID = 6;
const MAX_DISKS = 26;

/** An image of the host that is a disk of the guest. `host` is an absolute byte string. */
export interface DiskImage {
  host: string;
  readOnly: boolean;
}

/** Puts the next disk, and its partitions, behind their numbers and into /dev (its root directory). 0 or -errno. */
export function attachDisk(vfs: Vfs, dev: Inode, image: DiskImage): number {
  const device = HostImage.open(image.host, image.readOnly);
  if (typeof device === 'number') return device;
  let index = 0;
  while (vfs.disks.has(makeDev(DISK_MAJOR, index * (MAX_PARTITIONS + 1)))) index++;
  if (index >= MAX_DISKS) return -E.NOSPC;
  const name = `vd${String.fromCharCode(97 + index)}`;
  const first = index * (MAX_PARTITIONS + 1);
  addDisk(vfs, dev, name, first, device);
  for (const [number, part] of findPartitions(device)) addDisk(vfs, dev, `${name}${number}`, first + number, part);
  return 0;
}

function addDisk(vfs: Vfs, dev: Inode, name: string, minor: number, device: BlockDevice): void {
  const disk = new Disk(name, makeDev(DISK_MAJOR, minor), device);
  registerDisk(vfs, disk);
  makeDiskNode(dev, disk);
}

/** Makes the disk one that mount(2) finds and whose node can be opened. */
export function registerDisk(vfs: Vfs, disk: Disk): void {
  vfs.disks.set(disk.rdev, disk);
  vfs.blockDevices.set(disk.rdev, (location, flags) => BlockFile.open(disk, flags, location));
}

/** The disk's node in a /dev. */
export function makeDiskNode(dev: Inode, disk: Disk): void {
  dev.create(disk.name, { mode: S.IFBLK | 0o660, uid: 0, gid: DISK_GID, rdev: disk.rdev, target: '' });
}
