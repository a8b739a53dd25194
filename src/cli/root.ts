/** The tree that the options of a run ask for. */
import { existsSync } from 'node:fs';
import { defaultRoot, RootError } from '../vfs/default_root.js';
import type { FileSystem } from '../vfs/inode.js';
import type { Vfs } from '../vfs/vfs.js';
import type { RunConfig } from './config.js';

/**
 * The guest's tree. The program and the working directory stay visible where the fresh /tmp would hide them.
 * `say`: a line for the user about what was repaired or left out.
 * @throws RootError when something that the options name cannot be used
 */
export async function makeRoot(config: RunConfig, hostCwd: string, say: (line: string) => void): Promise<Vfs> {
  const program = config.argv[0]!;
  const slash = program.lastIndexOf('/');
  const directory = slash > 0 ? program.slice(0, slash) : '/';
  const visible = [hostCwd];
  if (slash >= 0) visible.push(directory.startsWith('/') ? directory : `${hostCwd}/${directory}`);
  const volumes = config.volumes.map(({ host, guest, writable }) => ({ host, guest, readOnly: !writable }));
  if (config.emptyRoot && slash >= 0) {
    const file = program.startsWith('/') ? program : `${hostCwd}/${program}`;
    if (existsSync(Buffer.from(file, 'latin1'))) volumes.push({ host: file, guest: file, readOnly: true });
  }
  return defaultRoot({
    volumes,
    ...(config.rootfs === '/' ? {} : { rootfs: config.rootfsIsFile ? await archive(config.rootfs, say) : config.rootfs }),
    ...(config.sysroot === undefined ? {} : { sysroot: config.sysroot }),
    emptyRoot: config.emptyRoot,
    ...(config.persist === undefined ? {} : { layer: await persistentLayer(config, config.persist, say) }),
    disks: config.disks,
    visible,
  });
}

async function persistentLayer(
  config: RunConfig, path: string, say: (line: string) => void,
): Promise<(dev: number) => FileSystem> {
  const { PersistError, PersistFs } = await import('../vfs/fs/persist/persistfs.js');
  return (dev) => {
    try {
      return PersistFs.open(path, dev, config.emptyRoot ? 'nothing' : config.rootfs, say);
    } catch (error) {
      if (!(error instanceof PersistError)) throw error;
      throw new RootError(`--persist ${path}: ${error.message}`, 0);
    }
  };
}

async function archive(path: string, say: (line: string) => void): Promise<FileSystem> {
  const { openArchive } = await import('../vfs/fs/archive.js');
  const { TarError } = await import('../vfs/fs/tar_format.js');
  try {
    const fs = await openArchive(path);
    for (const warning of fs.warnings) say(`${path}: ${warning}`);
    return fs;
  } catch (error) {
    if (!(error instanceof TarError)) throw error;
    throw new RootError(`--rootfs ${path}: ${error.message}`, 0);
  }
}
