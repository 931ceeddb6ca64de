'use strict';
const { delimiter, resolve, sep } = require('node:path');

// Entry of `npm start`, and the only JavaScript, CommonJS at that: a Node that is too old, and one in a folder that it
// cannot load modules from, reads nothing else of the project. It says so in a sentence, before anything is started.

const MINIMUM_NODE = 24;

const problem = problemOf(resolve(__dirname, '../..'), process.versions.node);
if (problem === null) {
  void import('./start.ts');
} else {
  console.error(`npm start: ${problem}`);
  process.exitCode = 1;
}

/** Why the project cannot run in this folder with this Node, else null. */
function problemOf(folder, version) {
  // Node puts the name of a module in place of a *, and reads a \ as a separator; the bundler of workflows takes what
  // follows a ? for options.
  const bad = ['*', '?', '\\'].find((character) => character !== sep && folder.includes(character));
  if (bad !== undefined) {
    return `the project cannot run in ${folder}: Node cannot load modules from a folder with "${bad}" in its name`;
  }
  if (Number.parseInt(version, 10) >= MINIMUM_NODE) return null;
  const needs = `order-saga needs Node ${MINIMUM_NODE} or newer, this is ${version}`;
  // The folder of the programs that npm brings stands on the PATH; on Windows every path has a colon and no semicolon.
  if (folder.includes(delimiter)) {
    return `${needs}, and its own cannot be used in ${folder}: the PATH takes no folder with "${delimiter}" in its name`;
  }
  return `${needs}: \`npm ci\` brings one for Linux and Windows, unless it is told to leave out optional packages`;
}
