/** The types of file systems that mount(2) knows. One that few programs mount is loaded with its first mount: on_demand.ts. */
import { E } from '../../abi/errno.js';
import type { Disk } from '../block_device.js';
import type { FileSystem } from '../inode.js';
import type { Location } from '../mount.js';
import { ext2Module, fatModule, overlayMountModule } from '../on_demand.js';
import { TmpFs, tmpfsOptions } from './tmpfs.js';

/** What a mount asks of a file system. */
export interface MountRequest {
  /** The type's name: one implementation may have several. */
  readonly type: string;
  /** What /proc/mounts shows as the device. */
  readonly source: string;
  /** What it lies on, with a device; null for types without one. `disk.unmounted()` gives it back. */
  readonly disk: Disk | null;
  /** Text of the options, separated by commas (mount(8) -o). */
  readonly options: string;
  /** Nothing may be changed. The device may be read-only only then. */
  readonly readOnly: boolean;
  /** Who mounts, and its umask: what files look like on a file system that stores neither owners nor modes. */
  readonly uid: number;
  readonly gid: number;
  readonly umask: number;
  /** The place of a path that an option names (lowerdir=), or -errno. */
  place(path: string): Location | number;
  /** Why a mount fails, or what was repaired, as Linux's log has it. */
  log(line: string): void;
}

export interface FileSystemType {
  readonly name: string;
  /** It lies on a block device; otherwise it is `nodev` in /proc/filesystems. */
  readonly onDevice: boolean;
  /** A new file system, or -errno. undefined: the kernel has the only one, which is mounted again. */
  readonly open?: (request: MountRequest) => FileSystem | number;
  /** Is this one of its options, with a value that can be right (fsconfig(2))? undefined: it has none. */
  readonly accepts?: (word: string) => boolean;
  /** Options that exist, whatever the value: the message says so. */
  readonly known?: RegExp;
  /** Options whose value may be a descriptor. */
  readonly places?: RegExp;
}

function openTmpFs(request: MountRequest): FileSystem | number {
  const parsed = tmpfsOptions(request.options);
  return parsed === null ? -E.INVAL : new TmpFs({
    mode: 0o1777, ...parsed, type: request.type, source: request.source, readOnly: request.readOnly,
  });
}

function openExt2(request: MountRequest): FileSystem | number {
  return ext2Module().Ext2Fs.open(request);
}

const inMemory = {
  open: openTmpFs,
  accepts: (word: string): boolean => tmpfsOptions(word) !== null,
  known: /^(size|nr_blocks|nr_inodes|mode|uid|gid|huge|mpol)$/,
};
const onExt2 = { onDevice: true, open: openExt2, accepts: (word: string): boolean => ext2Module().Ext2Fs.accepts(word) };

export const fileSystemTypes: readonly FileSystemType[] = [
  { name: 'sysfs', onDevice: false },
  { name: 'proc', onDevice: false, accepts: (word) => /^(hidepid|gid|subset)=/.test(word) },
  { name: 'tmpfs', onDevice: false, ...inMemory },
  { name: 'ramfs', onDevice: false, ...inMemory },
  { name: 'devtmpfs', onDevice: false, accepts: inMemory.accepts, known: inMemory.known },
  { name: 'devpts', onDevice: false, accepts: (word) => /^(newinstance$|(uid|gid|mode|ptmxmode|max)=)/.test(word) },
  { name: 'ext3', ...onExt2 },
  { name: 'ext2', ...onExt2 },
  { name: 'ext4', ...onExt2 },
  {
    name: 'vfat', onDevice: true,
    open: (request) => fatModule().FatFs.open(request), accepts: (word) => fatModule().FatFs.accepts(word),
  },
  {
    name: 'overlay', onDevice: false, open: (request) => overlayMountModule().openOverlay(request),
    accepts: (word) => overlayMountModule().isOverlayOption(word), places: /^(lowerdir\+|upperdir|workdir)$/,
  },
];

/** undefined: there is none of that name. */
export function fileSystemType(name: string): FileSystemType | undefined {
  return fileSystemTypes.find((type) => type.name === name);
}
