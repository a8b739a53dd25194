/** Images for tests: made and checked by e2fsprogs. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { E, errnoName } from '../../../abi/errno.js';
import { Disk, type BlockDevice } from '../../block_device.js';
import { makeDev } from '../../inode.js';
import { PathContext, Vfs } from '../../vfs.js';
import { MemoryDevice, hasTool, toolEnvironment } from '../sample_disk.js';
import { Ext2Fs } from './ext2.js';

const ROOT = { fsuid: 0, fsgid: 0, groups: [], capabilities: -1 };

/** Whether e2fsprogs are installed. */
export const hasE2fsprogs = hasTool('mke2fs') && hasTool('debugfs');

/** A device in memory that keeps every write, so that the device as it once was can be made again. */
export class LoggingDevice extends MemoryDevice {
  readonly log: { position: number; bytes: Uint8Array }[] = [];

  override write(source: Uint8Array, position: number): number {
    const failed = super.write(source, position);
    if (failed >= 0) this.log.push({ position, bytes: source.slice() });
    return failed;
  }
}

/** Calls `use` with the name of a file that is gone afterwards. */
export function withFile<T>(bytes: Uint8Array | null, use: (path: string) => T): T {
  const dir = mkdtempSync(join(tmpdir(), 'posixx-ext2-'));
  try {
    const path = join(dir, 'image');
    if (bytes !== null) writeFileSync(path, bytes);
    return use(path);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Runs one of e2fsprogs; its output. @throws when it fails. */
export function tool(name: string, ...args: string[]): string {
  return execFileSync(name, args, {
    env: toolEnvironment, encoding: 'latin1', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28,
  });
}

/** A new image of `size` (as mke2fs understands it); `args` for mke2fs. */
export function makeImage(size: string, ...args: string[]): Uint8Array {
  return withFile(null, (path) => {
    const id = '01234567-89ab-cdef-0123-456789abcdef';
    tool('mke2fs', '-q', '-F', '-U', id, '-E', `hash_seed=${id}`, ...args, path, size);
    return new Uint8Array(readFileSync(path));
  });
}

/** What e2fsck says of an image: '' when it is clean. */
export function check(bytes: Uint8Array): string {
  return withFile(bytes, (path) => {
    const { status, stdout, stderr } = spawnSync('e2fsck', ['-fn', path], { env: toolEnvironment, encoding: 'latin1' });
    return status === 0 ? '' : stdout + stderr;
  });
}

/** `e2fsck -p`: its status (0 clean, 1 mended, 4 not mended) and what it said. */
export function preen(bytes: Uint8Array): { status: number; text: string } {
  return withFile(bytes, (path) => {
    const { status, stdout, stderr } = spawnSync('e2fsck', ['-fp', path], { env: toolEnvironment, encoding: 'latin1' });
    return { status: status ?? -1, text: stdout + stderr };
  });
}

export function tryMount(device: BlockDevice, options = '', type = 'ext4', log: string[] = []): Ext2Fs | number {
  return Ext2Fs.open({
    type, source: '/dev/vda', disk: new Disk('vda', makeDev(254, 0), device), options, readOnly: device.readOnly,
    uid: 0, gid: 0, umask: 0o022, place: () => -E.NOENT, log: (line) => log.push(line),
  });
}

export function mount(device: BlockDevice, options = '', type = 'ext4'): Ext2Fs {
  const log: string[] = [];
  const fs = tryMount(device, options, type, log);
  if (typeof fs === 'number') throw new Error(`mount: ${errnoName(-fs)}: ${log.join('; ')}`);
  return fs;
}

/** A tree whose root is that file system. */
export function contextOf(fs: Ext2Fs): PathContext {
  const vfs = new Vfs(fs);
  return new PathContext(vfs, vfs.root, vfs.root, 0o022, ROOT);
}
