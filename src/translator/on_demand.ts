/** The parts that a run needs only when there is code that no earlier run has kept. */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

type PackModule = typeof import('./pack_image.js');
type TranslateModule = typeof import('./translate.js');

export function translateModule(): TranslateModule {
  return require('./translate.js') as TranslateModule;
}

export function packModule(): PackModule {
  return require('./pack_image.js') as PackModule;
}
