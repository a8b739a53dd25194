/** `npm run build`: from a fresh clone to a program that runs. Also imported by the other tools. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { bundle, OUTPUTS } from './bundle.mjs';
import { command, filesBelow, root, step } from './steps.mjs';

const isSource = (name) => name.endsWith('.ts') || /^tsconfig.*\.json$/.test(name);

/** Packages of the lock file that node_modules lacks or has in another version. */
function missingPackages() {
  const installed = join(root, 'node_modules/.package-lock.json');
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  if (!existsSync(installed)) return Object.keys(lock.packages);
  const have = JSON.parse(readFileSync(installed, 'utf8')).packages;
  return Object.entries(lock.packages)
    .filter(([path, wanted]) => path !== '' && !wanted.optional && have[path]?.version !== wanted.version)
    .map(([path]) => path);
}

function installPackages() {
  if (missingPackages().length === 0) {
    process.stderr.write('posixx: packages: up to date\n');
    return;
  }
  process.stderr.write('posixx: packages: npm ci …\n');
  try {
    command('npm', ['ci', '--no-fund', '--no-audit']);
  } catch (error) {
    process.stderr.write(`posixx: packages failed: ${error.message}\n`);
    process.exit(1);
  }
  process.stderr.write('posixx: packages: done\n');
}

function compileAddon() {
  const require = createRequire(join(root, 'package.json'));
  const gyp = require.resolve('node-gyp/bin/node-gyp.js');
  // The headers that came with this Node, when they did; otherwise node-gyp downloads them.
  const prefix = dirname(dirname(process.execPath));
  const headers = existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
  command(process.execPath, [gyp, 'configure', 'build', ...headers]);
}

function compileTypeScript() {
  const projects = ['.', 'conformance'].filter((dir) => existsSync(join(root, dir, 'tsconfig.json')));
  command(process.execPath, ['node_modules/typescript/bin/tsc', '-b', ...projects]);
}

/** Brings everything up to date; prints a line per step. */
export async function build() {
  installPackages();
  const sources = filesBelow('src', isSource);
  await step('native addon', {
    inputs: ['binding.gyp', 'package-lock.json', ...filesBelow('native', () => true)],
    outputs: ['build/Release/posixx.node'],
    work: compileAddon,
  });
  await step('TypeScript', {
    inputs: ['tsconfig.json', 'tsconfig.base.json', 'package-lock.json', ...sources, ...filesBelow('conformance', isSource)],
    outputs: ['build/cli/main.js'],
    work: compileTypeScript,
  });
  await step('bundle', {
    inputs: ['tools/bundle.mjs', 'tools/plain_assert.cjs', 'tools/late_module.cjs', 'package-lock.json', 'build/Release/posixx.node',
      ...filesBelow('build', (name) => name.endsWith('.js')).filter((file) => !file.endsWith('.test.js'))],
    outputs: OUTPUTS,
    work: bundle,
  });
  await step('code cache', {
    inputs: [...OUTPUTS, 'bin/posixx.js', 'tools/code_cache.cjs', 'examples/hello/hello'],
    outputs: ['dist/posixx.cache', 'dist/translator.cache', 'dist/kernel.cache'],
    work: () => {
      // The first run translates the program; the second takes what it kept, as most runs will.
      rmSync(join(root, 'build/translations'), { recursive: true, force: true });
      const program = ['run', join(root, 'examples/hello/hello')];
      for (const [bundle, ...args] of [['translator', ...program], ['posixx', ...program], ['kernel', 'syscalls']]) {
        command(process.execPath, ['tools/code_cache.cjs', bundle, ...args], 60_000);
      }
    },
  });
}

if (process.argv[1] === join(root, 'tools/build.mjs')) await build();
