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
  const rootfs = config.rootfsIsFile ? await rootInFile(config.rootfs, say) : config.rootfs;
  return defaultRoot({
    volumes,
    ...(config.rootfs === '/' ? {} : { rootfs }),
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
  if (config.persistIsFile) {
    const { ImageError, openImage } = await import('../vfs/image.js');
    const log = (line: string): void => say(`${path}: ${line}`);
    const image = explained('--persist', path, ImageError, () => openImage(path, false, log));
    if (image.type === 'vfat') {
      throw new RootError(`--persist ${path}: is FAT, which has no owners and links: use ext2`, 0);
    }
    return () => image;
  }
  if (/\.(img|ext[234]|raw)$/.test(path)) {
    const make = `truncate -s 1G ${path} && mkfs.ext2 ${path}`;
    throw new RootError(`--persist ${path}: there is no such image; make one with: ${make}`, 0);
  }
  const { PersistError, PersistFs } = await import('../vfs/fs/persist/persistfs.js');
  const over = config.emptyRoot ? 'nothing' : config.rootfs;
  return (dev) => explained('--persist', path, PersistError, () => PersistFs.open(path, dev, over, say));
}

/** A root in a file: an archive, or an image of a file system. */
async function rootInFile(path: string, say: (line: string) => void): Promise<FileSystem> {
  const { archiveFormat, openArchive } = await import('../vfs/fs/archive.js');
  if (archiveFormat(path) === '') {
    const { ImageError, openImage } = await import('../vfs/image.js');
    return explained('--rootfs', path, ImageError, () => openImage(path, true, (line) => say(`${path}: ${line}`)));
  }
  const { TarError } = await import('../vfs/fs/tar_format.js');
  const opened = await openArchive(path).catch((error: unknown) => error);
  const fs = explained('--rootfs', path, TarError, () => {
    if (opened instanceof Error) throw opened;
    return opened as Awaited<ReturnType<typeof openArchive>>;
  });
  for (const warning of fs.warnings) say(`${path}: ${warning}`);
  return fs;
}

/** An error for people that names the option. @throws RootError */
function explained<T>(option: string, path: string, kind: new (message: string) => Error, open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (!(error instanceof kind)) throw error;
    throw new RootError(`${option} ${path}: ${error.message}`, 0);
  }
}
