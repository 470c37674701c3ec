"""Compiles contracts/src into the committed artifacts contracts/artifacts/<Name>.json.

    python scripts/compile_contracts.py             write the artifacts
    python scripts/compile_contracts.py --check     compare with the committed ones: 1 and a summary if any differs

The compiler is solc 0.8.30 as npm carries it (soljson; `npm ci` installs it), driven by py-solc-x's
`compile_standard` through one of two stand-ins for the native binary: `solc_node.js` where Node is installed,
`solc_v8.py` (V8 from PyPI's `mini-racer`) elsewhere; both give the same bytecode. A machine that only runs OriginSeal
needs none of this: it reads the artifacts.

Every source file that defines a deployable contract is compiled together with the files it imports and nothing else,
so an artifact depends on no unrelated file. `sourceHash` covers exactly those files. No metadata hash is appended to
the bytecode. Exit codes: 0 done or equal, 1 an artifact differs, 2 the sources do not compile, 3 no compiler
(with --require; without it --check prints SKIPPED and exits 0).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from Crypto.Hash import keccak

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "contracts" / "src"
ARTIFACTS = ROOT / "contracts" / "artifacts"
LIBRARIES = ROOT / "node_modules"
SOLC_VERSION = "0.8.30"

# `paris` has no PUSH0, MCOPY or transient storage: the same code runs on every EVM from London rules on.
_COMMON: dict[str, Any] = {
    "evmVersion": "paris",
    "viaIR": True,
    "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
}
_DEFAULT = {**_COMMON, "optimizer": {"enabled": True, "runs": 1000}}
# For long straight-line arithmetic. At a low `runs` the constant optimizer replaces each 32-byte constant by a sequence
# of shifts: with the default of 200 an SM2 verification costs 224k gas instead of 134k. So both are pinned.
_ARITHMETIC_DETAILS = {
    "constantOptimizer": False,
    "cse": True,
    "deduplicate": True,
    "inliner": True,
    "jumpdestRemover": True,
    "orderLiterals": True,
    "peephole": True,
    "yul": True,
}
_ARITHMETIC = {**_COMMON, "optimizer": {"enabled": True, "runs": 1_000_000, "details": _ARITHMETIC_DETAILS}}
# The SM3 rounds use all 16 stack places: inlining and clean-up only. The full sequence computes shared values twice
# (its rematerialiser) and then moves variables to memory: 23.6k gas a block instead of 21.8k.
_ROUNDS_DETAILS = {
    **_ARITHMETIC_DETAILS,
    "yulDetails": {"optimizerSteps": "dhfoDgvulfnTUtnif:fDnTOu", "stackAllocation": True},
}
_ROUNDS = {**_COMMON, "optimizer": {"enabled": True, "runs": 1_000_000, "details": _ROUNDS_DETAILS}}
# The first prefix (of the path below the repository) that matches decides.
PROFILES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("contracts/src/national/SM3", _ROUNDS),
    ("contracts/src/national/SM2", _ARITHMETIC),
    ("", _DEFAULT),
)
_OUTPUTS = ["abi", "evm.bytecode.object", "evm.deployedBytecode", "storageLayout"]
_IMPORT = re.compile(r"""^\s*import\s+(?:[^"';]*?\sfrom\s+)?["']([^"']+)["']""", re.MULTILINE)


class CompilerMissingError(RuntimeError):
    """No soljson, or nothing to run it with."""


class SourceError(RuntimeError):
    """The sources do not compile, or an import leads nowhere."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """A command that py-solc-x takes for solc."""

    path: Path

    @classmethod
    def find(cls, through: str = "auto") -> Compiler:
        """The stand-in `through` ("node", "v8", "auto"); CompilerMissingError when soljson or its runtime is absent."""
        here = Path(__file__).resolve().parent
        folder = Path(os.environ.get("SOLC_JS_DIR") or LIBRARIES / "solc")
        if not (folder / "soljson.js").is_file():
            raise CompilerMissingError(f"npm package solc@{SOLC_VERSION} is not installed (`npm ci`)")
        if through in ("auto", "node") and shutil.which("node"):
            return cls(here / "solc_node.js")
        if through in ("auto", "v8"):
            try:
                import py_mini_racer  # noqa: F401
            except ImportError as error:
                raise CompilerMissingError("neither Node nor the Python package mini-racer is installed") from error
            return cls(here / "solc_v8.py")
        raise CompilerMissingError("Node is not installed")

    def standard(self, request: dict[str, Any]) -> dict[str, Any]:
        """Standard JSON in, standard JSON out; SourceError when the compiler reports an error."""
        import solcx
        from solcx.exceptions import SolcError

        # solc_v8.py starts with `env python3`: that must be the interpreter that has mini-racer.
        before = os.environ.get("PATH", "")
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
        try:
            answer: dict[str, Any] = solcx.compile_standard(request, solc_binary=self.path)
        except SolcError as error:
            raise SourceError(str(error.message)) from error
        finally:
            os.environ["PATH"] = before
        for note in answer.get("errors", []):
            sys.stderr.write(note["formattedMessage"] + "\n")
        return answer


def _locate(name: str) -> Path:
    """The file behind a source unit name: below the repository, or an npm package for names that start with @."""
    return (LIBRARIES if name.startswith("@") else ROOT) / name


def closure(name: str, overrides: Mapping[str, str]) -> dict[str, str]:
    """All sources that `name` needs, itself included, by source unit name; `overrides` replace files on disk."""
    found: dict[str, str] = {}
    waiting = [name]
    while waiting:
        unit = waiting.pop()
        if unit in found:
            continue
        try:
            text = overrides[unit] if unit in overrides else _locate(unit).read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise SourceError(f"{name} needs {unit}, which does not exist") from error
        found[unit] = text
        for target in _IMPORT.findall(text):
            relative = target.startswith(".")
            waiting.append(os.path.normpath(os.path.join(os.path.dirname(unit), target)) if relative else target)
    return found


def source_hash(sources: Mapping[str, str]) -> str:
    """keccak256 over name and text of every source, each with its length in front, in the order of the names."""
    digest = keccak.new(digest_bits=256)
    for name in sorted(sources):
        for part in (name.encode(), sources[name].encode()):
            digest.update(len(part).to_bytes(4, "big") + part)
    return "keccak256:" + digest.hexdigest()


def settings_for(name: str) -> dict[str, Any]:
    """The compiler settings of a source file."""
    return next(settings for prefix, settings in PROFILES if name.startswith(prefix))


def compile_file(
    compiler: Compiler, name: str, overrides: Mapping[str, str] | None = None
) -> dict[str, dict[str, Any]]:
    """The artifacts of the deployable contracts that file `name` defines, by contract name.

    Deployable: a contract (no interface, no library, not abstract) with code. `overrides` (source unit name → text)
    stand in for files on disk; the mutation tests use that. Raises SourceError.
    """
    sources = closure(name, overrides or {})
    settings = settings_for(name)
    selection = {"*": {"": ["ast"], "*": _OUTPUTS}}
    answer = compiler.standard(
        {
            "language": "Solidity",
            "sources": {unit: {"content": text} for unit, text in sources.items()},
            "settings": {**settings, "outputSelection": selection},
        }
    )
    deployable = {
        node["name"]
        for node in answer["sources"][name]["ast"]["nodes"]
        if node["nodeType"] == "ContractDefinition" and node["contractKind"] == "contract" and not node["abstract"]
    }
    artifacts: dict[str, dict[str, Any]] = {}
    for contract in sorted(deployable):
        output = answer["contracts"][name][contract]
        code = output["evm"]["deployedBytecode"]
        artifacts[contract] = {
            "name": contract,
            "source": name,
            "sourceHash": source_hash(sources),
            "abi": output["abi"],
            "bytecode": "0x" + output["evm"]["bytecode"]["object"],
            "deployedBytecode": "0x" + code["object"],
            "immutableReferences": code.get("immutableReferences", {}),
            "storageLayout": output["storageLayout"],
            "compiler": {"name": "solc", "version": SOLC_VERSION, "settings": settings},
        }
    return artifacts


def compile_all(compiler: Compiler) -> dict[str, dict[str, Any]]:
    """The artifacts of all sources; SourceError when two contracts share a name."""
    artifacts: dict[str, dict[str, Any]] = {}
    for path in sorted(SOURCES.rglob("*.sol")):
        name = path.relative_to(ROOT).as_posix()
        if not re.search(r"^\s*contract\s+\w+", path.read_text(encoding="utf-8"), re.MULTILINE):
            continue  # interfaces and libraries only: they are compiled with those who import them
        for contract, artifact in compile_file(compiler, name).items():
            if contract in artifacts:
                raise SourceError(f"two contracts are called {contract}: {artifacts[contract]['source']} and {name}")
            artifacts[contract] = artifact
    if not artifacts:
        raise SourceError(f"no deployable contract below {SOURCES.relative_to(ROOT)}")
    return artifacts


def render(artifact: dict[str, Any]) -> str:
    """The text of an artifact file: keys sorted, so that equal artifacts are equal bytes."""
    return json.dumps(artifact, indent=1, sort_keys=True) + "\n"


def differences(artifacts: Mapping[str, dict[str, Any]], folder: Path = ARTIFACTS) -> list[str]:
    """What distinguishes the committed artifacts from fresh ones, one line per finding; empty when nothing does."""
    findings: list[str] = []
    committed = {path.stem: path for path in folder.glob("*.json")}
    findings += [f"{name}: committed, but no source defines it" for name in sorted(committed.keys() - artifacts.keys())]
    for name, artifact in sorted(artifacts.items()):
        if name not in committed:
            findings.append(f"{name}: not committed")
            continue
        text = committed[name].read_text(encoding="utf-8")
        if text == render(artifact):
            continue
        old = json.loads(text)
        keys = sorted(key for key in old.keys() | artifact.keys() if old.get(key) != artifact.get(key))
        findings.append(f"{name}: {', '.join(keys) or 'only the layout of the file'} differ")
    return findings


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Compile contracts/src into contracts/artifacts.")
    parser.add_argument("--check", action="store_true", help="compare with the committed artifacts, write nothing")
    parser.add_argument("--require", action="store_true", help="exit 3 when no compiler is installed")
    parser.add_argument("--through", choices=("auto", "node", "v8"), default="auto", help="what runs soljson")
    options = parser.parse_args(arguments)
    try:
        artifacts = compile_all(Compiler.find(options.through))
    except CompilerMissingError as error:
        if options.check and not options.require:
            sys.stdout.write(f"SKIPPED: artifacts were NOT compared with their sources: {error}\n")
            return 0
        sys.stderr.write(f"no compiler: {error}\n")
        return 3
    except SourceError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if options.check:
        findings = differences(artifacts)
        for finding in findings:
            sys.stdout.write(f"DIFFERS {finding}\n")
        if not findings:
            sys.stdout.write(f"{len(artifacts)} artifacts equal a fresh compile\n")
        return 1 if findings else 0
    ARTIFACTS.mkdir(exist_ok=True)
    for path in ARTIFACTS.glob("*.json"):
        if path.stem not in artifacts:
            path.unlink()
    for name, artifact in artifacts.items():
        (ARTIFACTS / f"{name}.json").write_text(render(artifact), encoding="utf-8")
        runtime = (len(artifact["deployedBytecode"]) - 2) // 2
        sys.stdout.write(f"{name}: {runtime} bytes of runtime code\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
