/** Modules that few runs need: they are loaded at their first use, since each costs every start some time. */
import { createRequire } from 'node:module';

// In the bundle `require` is the bundler's: a module's code runs at the first call. Elsewhere it is Node's.
const fromTree = typeof require === 'function' ? null : createRequire(import.meta.url);

type LoopModule = typeof import('./loop.js');
type Ext2Module = typeof import('./fs/ext2/ext2.js');
type DisksModule = typeof import('./disks.js');
type FatModule = typeof import('./fs/fat/fat.js');
type OverlayMountModule = typeof import('./fs/overlay_mount.js');

export function loopModule(): LoopModule {
  return (fromTree === null ? require('./loop.js') : fromTree('./loop.js')) as LoopModule;
}
export function disksModule(): DisksModule {
  return (fromTree === null ? require('./disks.js') : fromTree('./disks.js')) as DisksModule;
}
export function fatModule(): FatModule {
  return (fromTree === null ? require('./fs/fat/fat.js') : fromTree('./fs/fat/fat.js')) as FatModule;
}
export function ext2Module(): Ext2Module {
  return (fromTree === null ? require('./fs/ext2/ext2.js') : fromTree('./fs/ext2/ext2.js')) as Ext2Module;
}
export function overlayMountModule(): OverlayMountModule {
  return (fromTree === null ? require('./fs/overlay_mount.js') : fromTree('./fs/overlay_mount.js')) as OverlayMountModule;
}
