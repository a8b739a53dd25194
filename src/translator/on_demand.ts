/** The parts that a run needs only when there is code that no earlier run has kept. */
import { createRequire } from 'node:module';

// In the bundle `require` is the bundler's. Elsewhere it is Node's.
const fromTree = typeof require === 'function' ? null : createRequire(import.meta.url);

type PackModule = typeof import('./pack_image.js');
type TranslateModule = typeof import('./translate.js');

export function translateModule(): TranslateModule {
  return (fromTree === null ? require('./translate.js') : fromTree('./translate.js')) as TranslateModule;
}

export function packModule(): PackModule {
  return (fromTree === null ? require('./pack_image.js') : fromTree('./pack_image.js')) as PackModule;
}
