/** Stands in the bundles for node:module and node:os, which take a millisecond to load: they are loaded at the first call. */
'use strict';

exports.createRequire = (from) => require('module').createRequire(from);
exports.totalmem = () => require('os').totalmem();
exports.userInfo = () => require('os').userInfo();
