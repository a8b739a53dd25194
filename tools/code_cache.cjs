/**
 * Writes dist/posixx.cache: V8's code for the bundle after it has run a program once, so that a start
 * compiles nothing. bin/posixx.js uses it when V8 accepts it.
 */
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');
const { createRequire } = require('node:module');

const root = path.dirname(__dirname);
const file = path.join(root, 'dist/posixx.js');
const script = new vm.Script(fs.readFileSync(file, 'latin1'), { filename: file });
process.on('exit', () => fs.writeFileSync(path.join(root, 'dist/posixx.cache'), script.createCachedData()));
process.argv = [process.execPath, path.join(root, 'bin/posixx.js'), 'run', path.join(root, 'examples/hello/hello')];
script.runInThisContext()(createRequire(file), file);
