"""Committed contract artifacts as data: nothing here compiles or talks to a chain.

Each `artifacts/<Name>.json` holds ABI, creation and runtime bytecode, storage layout, compiler version, settings and
the hash of its sources; `make check` recompiles and compares (`scripts/compile_contracts.py --check`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Artifact:
    """One compiled contract: `bytecode` creates it, `deployed_bytecode` is what an address then holds."""

    name: str
    source: str  # the file that defines it, below the repository
    abi: list[dict[str, Any]]
    bytecode: bytes
    deployed_bytecode: bytes
    storage_layout: dict[str, Any]
    immutable_references: dict[str, Any]
    compiler: dict[str, Any]
    source_hash: str


def names() -> tuple[str, ...]:
    """Names of all committed artifacts, sorted."""
    folder = files(__package__) / "artifacts"
    return tuple(sorted(p.name.removesuffix(".json") for p in folder.iterdir() if p.name.endswith(".json")))


@cache
def artifact(name: str) -> Artifact:
    """The committed artifact called `name`; raises FileNotFoundError when there is none."""
    raw = json.loads((files(__package__) / "artifacts" / f"{name}.json").read_text(encoding="utf-8"))
    return Artifact(
        name=name,
        source=raw["source"],
        abi=raw["abi"],
        bytecode=bytes.fromhex(raw["bytecode"].removeprefix("0x")),
        deployed_bytecode=bytes.fromhex(raw["deployedBytecode"].removeprefix("0x")),
        storage_layout=raw.get("storageLayout") or {},
        immutable_references=raw.get("immutableReferences") or {},
        compiler=raw["compiler"],
        source_hash=raw["sourceHash"],
    )
