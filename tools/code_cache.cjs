/**
 * `node tools/code_cache.cjs BUNDLE ARGUMENT…`: carries out a command of posixx, and writes dist/BUNDLE.cache: V8's code for what
 * the command used of that bundle, so that a start compiles nothing. bin/posixx.js uses it when V8 accepts it.
 */
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const root = path.dirname(__dirname);
const main = path.join(root, 'bin/posixx.js');
const [bundle, ...command] = process.argv.slice(2);
process.argv = [process.execPath, main, ...command];
const scripts = require(main);
process.on('exit', () => {
  fs.writeFileSync(path.join(root, `dist/${bundle}.cache`), scripts.get(bundle).createCachedData());
});
