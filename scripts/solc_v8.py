#!/usr/bin/env python3
"""A stand-in for the native `solc` command without Node: npm's soljson inside V8 (PyPI `mini-racer`).

Job: `--version`, and `--standard-json` from stdin to stdout, which is all that py-solc-x asks of a compiler binary.
It resolves no imports (all sources are in the JSON), writes no file and reads none but the npm package's: the one in
$SOLC_JS_DIR, else the one of node_modules beside this folder.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

# What Emscripten's loader expects of a browser-like host and bare V8 does not have.
_HOST = """
var module = {exports: {}}; var self = this; var performance = {now: Date.now};
var console = {log: function () {}, warn: function () {}, error: function () {}}; var print = function () {};
var atob = function (text) {
  var alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  var out = [], bits = 0, count = 0;
  for (var i = 0; i < text.length; i++) {
    var value = alphabet.indexOf(text[i]);
    if (value < 0) continue;
    bits = (bits << 6) | value; count += 6;
    if (count >= 8) { count -= 8; out.push(String.fromCharCode((bits >> count) & 255)); }
  }
  return out.join('');
};
"""
_ENTRY = """
var solidityCompile = Module.cwrap('solidity_compile', 'string', ['string', 'number', 'number']);
"""


def soljson_path() -> Path:
    """Where soljson.js is (it may be absent)."""
    folder = os.environ.get("SOLC_JS_DIR") or Path(__file__).resolve().parent.parent / "node_modules" / "solc"
    return Path(folder) / "soljson.js"


def load() -> Any:
    """A V8 context with the compiler loaded; takes about 0.3 s. Unless closed it may keep the process from ending."""
    from py_mini_racer import MiniRacer

    context = MiniRacer()
    context.eval(_HOST)
    context.eval(soljson_path().read_text(encoding="utf-8"))
    context.eval(_ENTRY)
    return context


def main(arguments: list[str]) -> int:
    """Answers one switch; 1 on anything else."""
    if arguments not in (["--version"], ["--standard-json"]):
        sys.stderr.write("one switch expected: --version or --standard-json\n")
        return 1
    if not soljson_path().is_file():
        sys.stderr.write(f"no {soljson_path()}: run `npm ci` or set SOLC_JS_DIR\n")
        return 1
    if arguments == ["--version"]:
        # py-solc-x asks before every compile: the package knows its release without loading 9 MB of WebAssembly. It
        # does not know the commit, which py-solc-x insists on and drops.
        release = json.loads((soljson_path().parent / "package.json").read_text(encoding="utf-8"))["version"]
        sys.stdout.write(
            f"solc, the solidity compiler commandline interface\nVersion: {release}+commit.unstated.soljson\n"
        )
        return 0
    context = load()
    try:
        sys.stdout.write(context.call("solidityCompile", sys.stdin.read(), 0, 0) + "\n")
    finally:
        context.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
