/** /dev: a tmpfs with the usual nodes, and the memory devices behind them (null(4), random(4), full(4)). */
import { E } from '../../abi/errno.js';
import { O, S } from '../../abi/fcntl.js';
import { native } from '../../host/native.js';
import { openHostDescriptor } from '../host_file.js';
import { makeDev } from '../inode.js';
import type { Location } from '../mount.js';
import { loopModule } from '../on_demand.js';
import { OpenFile } from '../open_file.js';
import type { Vfs } from '../vfs.js';
import { TmpFs } from './tmpfs.js';

/** name, major, minor, permission bits. */
const nodes: readonly (readonly [string, number, number, number])[] = [
  ['null', 1, 3, 0o666], ['zero', 1, 5, 0o666], ['full', 1, 7, 0o666], ['random', 1, 8, 0o666],
  ['urandom', 1, 9, 0o666], ['tty', 5, 0, 0o666], ['console', 5, 1, 0o600], ['ptmx', 5, 2, 0o666],
  ['loop-control', 10, 237, 0o660],
];
/** Loop devices that are there from the start; /dev/loop-control makes more. */
const LOOPS = 8;
/** Group disk of Debian. */
const DISK_GID = 6;

const links: readonly (readonly [string, string])[] = [
  ['fd', '/proc/self/fd'], ['stdin', '/proc/self/fd/0'], ['stdout', '/proc/self/fd/1'], ['stderr', '/proc/self/fd/2'],
];

/** A /dev with its nodes, links, and the directories that other file systems are mounted on (pts, shm). */
export function createDevFs(): TmpFs {
  const fs = new TmpFs({ type: 'devtmpfs', source: 'devtmpfs' });
  for (const [name, major, minor, mode] of nodes) {
    fs.root.create(name, { mode: S.IFCHR | mode, uid: 0, gid: 0, rdev: makeDev(major, minor), target: '' });
  }
  for (let number = 0; number < LOOPS; number++) {
    const init = { mode: S.IFBLK | 0o660, uid: 0, gid: DISK_GID, rdev: makeDev(7, number), target: '' };
    fs.root.create(`loop${number}`, init);
  }
  for (const [name, target] of links) {
    fs.root.create(name, { mode: S.IFLNK | 0o777, uid: 0, gid: 0, rdev: 0, target });
  }
  for (const name of ['pts', 'shm']) {
    const directory = fs.root.create(name, { mode: S.IFDIR | 0o755, uid: 0, gid: 0, rdev: 0, target: '' });
    if (typeof directory !== 'number') {
      directory.parent = fs.root;
      directory.name = name;
    }
  }
  return fs;
}

/** Puts the memory devices, and the host's terminal as /dev/tty, behind their numbers. */
export function registerMemoryDevices(vfs: Vfs): void {
  vfs.charDevices.set(makeDev(1, 3), (location, flags) => new NullDevice(flags, location));
  vfs.charDevices.set(makeDev(1, 5), (location, flags) => new ZeroDevice(flags, location));
  vfs.charDevices.set(makeDev(1, 7), (location, flags) => new FullDevice(flags, location));
  vfs.charDevices.set(makeDev(1, 8), (location, flags) => new RandomDevice(flags, location));
  vfs.charDevices.set(makeDev(1, 9), (location, flags) => new RandomDevice(flags, location));
  vfs.charDevices.set(makeDev(5, 0), openHostTerminal);
  vfs.charDevices.set(makeDev(10, 237), (location, flags) => new (loopModule().LoopControl)(vfs, flags, location));
  for (let number = 0; number < LOOPS; number++) {
    vfs.blockDevices.set(makeDev(7, number), (location, flags) => loopModule().openLoop(vfs, number, flags, location));
  }
}

function openHostTerminal(_location: Location, flags: number): OpenFile | number {
  const fd = native.openHost('/dev/tty', (flags & O.ACCMODE) | O.NOCTTY, 0);
  if (fd < 0) return fd;
  const file = openHostDescriptor(fd);
  native.close(fd);
  return file;
}

abstract class MemoryDevice extends OpenFile {
  override get seekable(): boolean {
    return true;
  }
  override seek(): number {
    return 0;
  }
  override write(_u8: Uint8Array, _start: number, length: number): number {
    return length;
  }
  override pread(u8: Uint8Array, start: number, length: number): number {
    return this.read(u8, start, length);
  }
  override pwrite(u8: Uint8Array, start: number, length: number): number {
    return this.write(u8, start, length);
  }
}

class NullDevice extends MemoryDevice {
  override read(): number {
    return 0;
  }
}

class ZeroDevice extends MemoryDevice {
  override read(u8: Uint8Array, start: number, length: number): number {
    u8.fill(0, start, start + length);
    return length;
  }
}

class FullDevice extends ZeroDevice {
  override write(): number {
    return -E.NOSPC;
  }
}

let hostRandom = -1;

class RandomDevice extends MemoryDevice {
  override read(u8: Uint8Array, start: number, length: number): number {
    if (hostRandom < 0) hostRandom = native.openHost('/dev/urandom', O.RDONLY, 0);
    return hostRandom < 0 ? hostRandom : native.pread(hostRandom, u8, start, length, -1);
  }
}
