#!/usr/bin/env node
// CommonJS, and through V8's code cache: an ES module entry would cost every start some 6 ms, compiling the bundle 10.
'use strict';
const fs = require('fs');
const path = require('path');

const root = path.dirname(__dirname);

function read(file, encoding) {
  try {
    return fs.readFileSync(file, encoding);
  } catch {
    return undefined;
  }
}

/** By bundle: its script, for the build, which makes V8's code cache of it. */
const scripts = new Map();

/** Runs a bundle of dist/. false: it is not there. */
function runBundle(name) {
  const file = path.join(root, 'dist', `${name}.js`);
  // Bundles are ASCII (esbuild escapes the rest), and latin1 is the quickest to read.
  const source = read(file, 'latin1');
  if (source === undefined) return false;
  const { Script } = require('vm');
  const script = new Script(source, { filename: file, cachedData: read(path.join(root, 'dist', `${name}.cache`)) });
  scripts.set(name, script);
  // createRequire would cost a millisecond; names that are relative are those of files in dist/.
  const requireFile = (id) => require(id.startsWith('.') ? path.join(root, 'dist', id) : id);
  return script.runInThisContext()(requireFile, file, chunk);
}

/** What a chunk (tools/bundle.mjs) exports. */
const chunks = new Map();
function chunk(name) {
  if (!chunks.has(name)) chunks.set(name, runBundle(name));
  return chunks.get(name);
}

/** Runs the command's bundle. false: it is not there. An error for people (the addon cannot be loaded) is one line. */
function start() {
  try {
    return runBundle('posixx');
  } catch (error) {
    if (!String(error?.message).startsWith('posixx: ')) throw error;
    process.stderr.write(`${error.message.replaceAll('\n', ' ')}\n`);
    process.exitCode = 125;
    return undefined;
  }
}

module.exports = scripts;
if (start() === false) {
  if (fs.existsSync(path.join(root, 'build/cli/main.js'))) {
    import('../build/cli/main.js');
  } else {
    process.stderr.write(`posixx: not built yet: run "npm run build" in ${root}\n`);
    process.exitCode = 125;
  }
}
