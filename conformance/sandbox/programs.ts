/** Programs whose emitted code is proved confined, as far as they are installed. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packages = join(dirname(fileURLToPath(import.meta.url)), '../../../node_modules');

export const PROGRAMS: readonly string[] = [
  '/bin/busybox',
  join(packages, '@vscode/ripgrep-linux-x64/bin/rg'),
  join(packages, '@rescript/linux-x64/bin/bsc.exe'),
  join(packages, '@hongdown/linux-x64/bin/hongdown'),
].filter((file) => existsSync(file));
