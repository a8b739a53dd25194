/** Modules that few runs need: they are loaded at their first use, since each costs every start some time. */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

type LoopModule = typeof import('./loop.js');
type Ext2Module = typeof import('./fs/ext2/ext2.js');
type DisksModule = typeof import('./disks.js');
type FatModule = typeof import('./fs/fat/fat.js');
type HugeMemfdModule = typeof import('./fs/huge_memfd.js');
type OverlayMountModule = typeof import('./fs/overlay_mount.js');

export function loopModule(): LoopModule {
  return require('./loop.js') as LoopModule;
}
export function disksModule(): DisksModule {
  return require('./disks.js') as DisksModule;
}
export function fatModule(): FatModule {
  return require('./fs/fat/fat.js') as FatModule;
}
export function ext2Module(): Ext2Module {
  return require('./fs/ext2/ext2.js') as Ext2Module;
}
export function hugeMemfdModule(): HugeMemfdModule {
  return require('./fs/huge_memfd.js') as HugeMemfdModule;
}
export function overlayMountModule(): OverlayMountModule {
  return require('./fs/overlay_mount.js') as OverlayMountModule;
}
