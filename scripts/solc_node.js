#!/usr/bin/env node
'use strict';
/**
 * A stand-in for the native `solc` command: the compiler of npm's package `solc` (soljson, WebAssembly) behind the two
 * switches that py-solc-x uses: `--version`, and `--standard-json` from stdin to stdout.
 *
 * Nothing but the answer reaches stdout (npm's own `solcjs` prints notes there when no SMT solver is installed), no
 * file is written, and no file is read beyond the compiler: all sources are in the JSON, imports are not resolved here.
 *
 * The package is looked for in $SOLC_JS_DIR, then in node_modules beside this folder.
 */
const fs = require('fs');
const path = require('path');

function fail(message) {
  process.stderr.write(message + '\n');
  process.exit(1);
}

function packageFolder() {
  const folder = path.resolve(process.env.SOLC_JS_DIR || path.join(__dirname, '..', 'node_modules', 'solc'));
  if (!fs.existsSync(path.join(folder, 'soljson.js'))) {
    fail(`no soljson.js in ${folder}: run \`npm ci\` or set SOLC_JS_DIR`);
  }
  return folder;
}

function loadCompiler() {
  // soljson turns every uncaught exception into its own message; keep Node's behaviour instead.
  const before = process.listeners('uncaughtException').slice();
  const compiler = require(path.join(packageFolder(), 'index.js'));
  process.removeAllListeners('uncaughtException');
  before.forEach((listener) => process.on('uncaughtException', listener));
  return compiler;
}

/** Writes all of `text`; a pipe may take it in pieces and answer EAGAIN in between. */
function writeOut(text) {
  const bytes = Buffer.from(text, 'utf8');
  let offset = 0;
  while (offset < bytes.length) {
    try {
      offset += fs.writeSync(1, bytes, offset);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

const argument = process.argv[2];
if (process.argv.length !== 3) fail('one switch expected: --version or --standard-json');
if (argument === '--version') {
  // py-solc-x asks before every compile: the package knows its release without loading 9 MB of WebAssembly. It does
  // not know the commit, which py-solc-x insists on and drops.
  const release = JSON.parse(fs.readFileSync(path.join(packageFolder(), 'package.json'), 'utf8')).version;
  writeOut(`solc, the solidity compiler commandline interface\nVersion: ${release}+commit.unstated.soljson\n`);
} else if (argument === '--standard-json') {
  writeOut(loadCompiler().compile(fs.readFileSync(0, 'utf8')) + '\n');
} else {
  fail(`unknown switch ${argument}: this wrapper speaks --version and --standard-json only`);
}
process.exit(0);
