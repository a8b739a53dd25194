/**
 * The files of dist/: `posixx.js` has what every run needs; chunks have what few runs need, are loaded at its first use and
 * share the modules of posixx.js; help.js and zstd.js stand alone. A start reads less, and V8 less of its code cache.
 *
 * A chunk is what is imported by `require` or `import()` below src/: static imports would pull it into posixx.js again.
 * (There Node's `require` is made by createRequire. Here that goes, so that esbuild sees its own.)
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { filesBelow, root } from './steps.mjs';

/** Modules by chunk. */
const CHUNKS = {
  translator: ['build/translator/translate.js', 'build/translator/pack_image.js'],
  files: [
    'build/vfs/disks.js', 'build/vfs/loop.js', 'build/vfs/fs/ext2/ext2.js', 'build/vfs/fs/fat/fat.js',
    'build/vfs/fs/archive.js', 'build/vfs/fs/tar_format.js', 'build/vfs/fs/overlay_mount.js', 'build/vfs/image.js',
    'build/vfs/fs/persist/persistfs.js', 'build/vfs/fs/types.js', 'build/vfs/fs/huge_memfd.js',
  ],
  // Both know the sockets.
  kernel: [
    'build/syscalls/late_families.js', 'build/syscalls/file_ioctl.js', 'build/kernel/dnotify.js',
    'build/kernel/procfs/process_files.js', 'build/kernel/procfs/system_files.js',
  ],
  trace: ['build/debug/strace.js', 'build/cli/syscalls.js'],
};
const MAIN = 'build/cli/main.js';
const chunkOf = new Map(Object.entries(CHUNKS).flatMap(([chunk, modules]) => modules.map((module) => [module, chunk])));

export const OUTPUTS = ['posixx', ...Object.keys(CHUNKS), 'help', 'zstd'].map((name) => `dist/${name}.js`);

/** Loaded when it is needed: this file is read before the packages are installed. */
const build = (settings) => createRequire(join(root, 'package.json'))('esbuild').build(settings);
// As pathToFileURL has it, without its cost.
const url = 'const __moduleUrl = "file://" + encodeURI(__filename).replace(/[#?]/g, encodeURIComponent);';

function options() {
  // Code that is kept between runs depends on these.
  const hash = createHash('sha256');
  for (const part of [...filesBelow('build/translator', (name) => name.endsWith('.js')), 'build/Release/posixx.node']) {
    hash.update(readFileSync(join(root, part)));
  }
  return {
    absWorkingDir: root, bundle: true, platform: 'node', target: 'node20', format: 'cjs', logLevel: 'silent', metafile: true,
    define: { 'import.meta.url': '__moduleUrl', POSIXX_BUILD: JSON.stringify(hash.digest('hex').slice(0, 16)) },
    legalComments: 'none', supported: { 'dynamic-import': false },
  };
}

/** For posixx.js and chunks: function expressions, as bin/posixx.js calls them. (`node build/cli/main.js` shows readable stacks.) */
const asFunction = {
  minify: true, external: ['./help.js', './zstd.js'],
  alias: {
    'assert': './tools/plain_assert.cjs', 'node:module': './tools/late_module.cjs', 'node:os': './tools/late_module.cjs',
  },
  banner: { js: `(function (require, __filename, __chunk) {const module={exports:{}};${url}` },
  footer: { js: 'return module.exports})' },
};

/**
 * Has imports of other bundles' modules ask for them at run time.
 * @param bundleOf the bundle of a module; undefined: it belongs where it is imported
 * @param exportsOf names that a module of posixx.js exports
 */
function otherBundles(own, bundleOf, exportsOf) {
  return {
    name: 'other bundles',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir }) => {
        const module = relative(root, join(resolveDir, path));
        const bundle = bundleOf(module);
        return bundle === undefined || bundle === own ? undefined : { path: module, namespace: bundle };
      });
      // Constants, so that they cost no more than those of the chunk itself.
      onLoad({ filter: /.*/, namespace: 'posixx' }, ({ path }) => ({
        contents: `const from = __chunk.posixx(${JSON.stringify(path)});\n` +
          exportsOf(path).map((name) => `export const ${name} = from.${name};\n`).join(''),
      }));
      for (const chunk of Object.keys(CHUNKS)) {
        onLoad({ filter: /.*/, namespace: chunk }, ({ path }) => ({
          contents: `module.exports = __chunk(${JSON.stringify(chunk)})(${JSON.stringify(path)});`,
        }));
      }
    },
  };
}

const NODES_REQUIRE = /^const require = createRequire\(import\.meta\.url\);$/m;

/** Has a module's `require` be the bundler's. */
const bundlersRequire = {
  name: "the bundler's require",
  setup({ onLoad }) {
    onLoad({ filter: /\/build\/.*\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      if (!NODES_REQUIRE.test(text)) return undefined;
      return { contents: text.replace(NODES_REQUIRE, '').replace("import { createRequire } from 'node:module';", '') };
    });
  },
};

/** Entry of a chunk: exports a function that gives the namespace of each of `modules`. */
function chunkEntry(modules) {
  const cases = modules.map((module) => `case ${JSON.stringify(module)}: return require(${JSON.stringify(`./${module}`)});`);
  return `module.exports = (name) => { switch (name) { ${cases.join('\n')} } }`;
}

/**
 * A module that has `__chunk.posixx` give what each of `modules` exports. Not by require, which would have esbuild make
 * a namespace of each at every start.
 */
function registry(modules, exportsOf) {
  const imports = [];
  const cases = modules.map((module, index) => {
    const names = exportsOf(module);
    imports.push(`import { ${names.map((name) => `${name} as ${name}_${index}`).join(', ')} } from './${module}';`);
    return `case ${JSON.stringify(module)}: return { ${names.map((name) => `${name}: ${name}_${index}`).join(', ')} };`;
  });
  return `${imports.join('\n')}\n__chunk.posixx = (name) => { switch (name) { ${cases.join('\n')} } };`;
}

/** Writes dist/. Code that earlier builds kept is of no use to this one, and goes. */
export async function bundle() {
  rmSync(join(root, 'build/translations'), { recursive: true, force: true });
  const shared = options();
  const inChunks = otherBundles('posixx', (module) => chunkOf.get(module), () => []);
  const write = (contents, name, ...plugins) => build({
    ...shared, ...asFunction, plugins: [...plugins, bundlersRequire], stdin: { contents, resolveDir: root }, outfile: `dist/${name}.js`,
  });
  const { metafile } = await build({ ...shared, ...asFunction, plugins: [inChunks, bundlersRequire], entryPoints: [MAIN], write: false });
  const inMain = new Set(Object.keys(metafile.inputs));

  const names = await build({ ...shared, bundle: false, entryPoints: [...inMain].filter((file) => file.startsWith('build/')),
    format: 'esm', outdir: 'unused', write: false });
  const exported = new Map(Object.values(names.metafile.outputs).map((output) => [output.entryPoint, output.exports]));
  const exportsOf = (module) => exported.get(module);

  const used = new Set();
  const placed = new Map();
  for (const chunk of Object.keys(CHUNKS)) {
    const bundleOf = (module) => (inMain.has(module) ? 'posixx' : chunkOf.get(module));
    const built = await write(chunkEntry(CHUNKS[chunk]), chunk, otherBundles(chunk, bundleOf, exportsOf));
    for (const input of Object.keys(built.metafile.inputs)) {
      if (input.startsWith('posixx:')) used.add(input.slice('posixx:'.length));
      else if (input.startsWith('build/') && placed.has(input)) {
        throw new Error(`${input} would be in ${placed.get(input)} and ${chunk}: give it a chunk in tools/bundle.mjs`);
      } else placed.set(input, chunk);
    }
  }
  const first = {
    name: 'registry',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^registry$/ }, ({ path }) => ({ path, namespace: 'registry' }));
      onLoad({ filter: /.*/, namespace: 'registry' }, () => ({ contents: registry([...used], exportsOf), resolveDir: root }));
    },
  };
  await write(`import 'registry';\nimport './${MAIN}';`, 'posixx', first, inChunks);

  await build({ ...shared, banner: { js: url }, entryPoints: ['build/cli/help.js'], outfile: 'dist/help.js' });
  await build({ ...shared, entryPoints: ['build/vfs/fs/zstd.js'], outfile: 'dist/zstd.js' });
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(join(root, 'dist/package.json'), '{ "type": "commonjs" }\n');
}
