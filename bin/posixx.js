#!/usr/bin/env node
// CommonJS, and through V8's code cache: an ES module entry would cost every start some 6 ms, compiling the bundle 10.
'use strict';
const fs = require('fs');
const path = require('path');

const root = path.dirname(__dirname);
const bundle = path.join(root, 'dist/posixx.js');

function read(file, encoding) {
  try {
    return fs.readFileSync(file, encoding);
  } catch {
    return undefined;
  }
}

// The bundle is ASCII (esbuild escapes the rest), and latin1 is the quickest to read.
const source = read(bundle, 'latin1');
if (source !== undefined) {
  const { Script } = require('vm');
  const script = new Script(source, {
    filename: bundle,
    cachedData: read(path.join(root, 'dist/posixx.cache')),
  });
  // createRequire would cost a millisecond; names that are relative are those of other bundles.
  script.runInThisContext()((name) => require(name.startsWith('.') ? path.join(root, 'dist', name) : name), bundle);
} else if (fs.existsSync(path.join(root, 'build/cli/main.js'))) {
  import('../build/cli/main.js');
} else {
  process.stderr.write(`posixx: not built yet: run "npm run build" in ${root}\n`);
  process.exitCode = 125;
}
