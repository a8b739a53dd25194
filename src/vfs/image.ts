/** File systems in image files of the host that the tree itself lies on: --rootfs IMAGE, --persist IMAGE. */
import { E, errnoName } from '../abi/errno.js';
import { Disk, HostImage } from './block_device.js';
import { fileSystemType } from './fs/types.js';
import { anonymousDev } from './inode.js';
import type { FileSystem } from './inode.js';

/** Tried in this order. */
const TYPES = ['ext4', 'vfat'];

const OPEN_ERRORS: ReadonlyMap<number, string> = new Map([
  [E.ACCES, 'permission denied'], [E.PERM, 'permission denied'], [E.ROFS, 'it is on a read-only file system'],
  [E.NOENT, 'there is no such file'], [E.INVAL, 'it is neither a file nor a disk'],
]);

/** Why an image cannot be used, for people. */
export class ImageError extends Error {}

/**
 * The file system in the image `path` of the host (a byte string). `log` hears of repairs and errors.
 * @throws ImageError
 */
export function openImage(path: string, readOnly: boolean, log: (line: string) => void): FileSystem {
  const device = HostImage.open(path, readOnly);
  if (device === -E.BUSY) throw new ImageError('is in use by another run');
  if (typeof device === 'number') {
    throw new ImageError(`cannot be opened: ${OPEN_ERRORS.get(-device) ?? errnoName(-device) ?? device}`);
  }
  if (device.size === 0) throw new ImageError('is empty: make a file system in it with mkfs.ext2');
  const complaints: string[] = [];
  for (const type of TYPES) {
    const lines: string[] = [];
    // What the types say that are tried first is not told when another one fits.
    let tell = (line: string): void => void lines.push(line);
    const disk = new Disk('image', anonymousDev(), device);
    const fs = fileSystemType(type)!.open!({
      type, source: path, disk, options: '', readOnly, uid: 0, gid: 0, umask: 0o022, place: () => -E.NOENT,
      log: (line) => tell(line),
    });
    if (typeof fs !== 'number') {
      disk.mounted = fs;
      lines.forEach(log);
      tell = log;
      return fs;
    }
    complaints.push(...lines);
  }
  const use = readOnly ? 'read' : 'written';
  throw new ImageError(`holds no file system that can be ${use}: ${complaints[0] ?? 'neither ext2 nor FAT'}`);
}
