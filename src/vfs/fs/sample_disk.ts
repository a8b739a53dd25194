/** For tests: disks in memory, and file systems mounted on them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { E } from '../../abi/errno.js';
import { Disk, type BlockDevice } from '../block_device.js';
import { makeDev } from '../inode.js';
import type { FileSystem } from '../inode.js';
import { fileSystemType } from './types.js';

/** Tools for disks are not on everybody's PATH. */
export const toolEnvironment = {
  ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin`, LC_ALL: 'C.UTF-8', MTOOLS_SKIP_CHECK: '1',
};

/** A disk in memory. After `budget` calls it throws: whoever asks so often will never come to an end. */
export class MemoryDevice implements BlockDevice {
  budget = Infinity;

  constructor(readonly bytes: Uint8Array, readonly readOnly = false) {}

  get size(): number {
    return this.bytes.length;
  }
  read(target: Uint8Array, position: number): number {
    if (!this.holds(target.length, position)) return -E.IO;
    target.set(this.bytes.subarray(position, position + target.length));
    return 0;
  }
  write(source: Uint8Array, position: number): number {
    if (this.readOnly) return -E.PERM;
    if (!this.holds(source.length, position)) return -E.IO;
    this.bytes.set(source, position);
    return 0;
  }
  flush(): number {
    return 0;
  }
  private holds(length: number, position: number): boolean {
    if (--this.budget < 0) throw new Error('the device was called too often');
    return position >= 0 && position + length <= this.bytes.length;
  }
}

/** Mounts a file system of a type. -errno as mount(2) would give. */
export function mountOn(
  type: string, device: BlockDevice, options = '', log: (line: string) => void = () => {},
): FileSystem | number {
  const known = fileSystemType(type);
  if (known === undefined || known.open === undefined) return -E.NODEV;
  const disk = new Disk('vda', makeDev(253, 0), device);
  const fs = known.open({
    type, source: '/dev/vda', disk, options, readOnly: device.readOnly, uid: 0, gid: 0, umask: 0o022,
    place: () => -E.NOENT, log,
  });
  if (typeof fs !== 'number') disk.mounted = fs;
  return fs;
}

/** Is a program there? */
export function hasTool(name: string): boolean {
  return spawnSync(name, ['--help'], { env: toolEnvironment, stdio: 'ignore' }).error === undefined;
}

/** Gives a disk to a tool as a file: what it says and its status; the bytes are as it leaves them. */
export function runTool(bytes: Uint8Array, name: string, ...args: string[]): { status: number | null; output: string } {
  const dir = mkdtempSync(join(tmpdir(), 'posixx-disk-'));
  try {
    const path = join(dir, 'disk.img');
    writeFileSync(path, bytes);
    truncateSync(path, bytes.length);
    const { status, stdout, stderr } = spawnSync(name, [...args, path], { env: toolEnvironment, encoding: 'utf8' });
    bytes.set(readFileSync(path));
    return { status, output: stdout + stderr };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Numbers below a limit from a seed (mulberry32). */
export function generator(seed: number): (below: number) => number {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) % below;
  };
}
