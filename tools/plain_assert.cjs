/** Stands in the bundle for node:assert, which takes 6 ms to load; elfy asserts in a path that is not used. */
'use strict';

exports.equal = (actual, expected) => {
  if (actual != expected) throw new Error(`${actual} is not ${expected}`);
};
