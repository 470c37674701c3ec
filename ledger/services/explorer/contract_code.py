"""Is the code on the chain the code of this release, and which sources is that? Says exactly what "verified" means.

Verified: the bytes at the contract's address are the committed artifact's, byte for byte, but for the immutables,
which only a constructor can have set; they are listed with their values. That the artifact is what the sources compile
to is not checked here (no compiler runs in a server): `COMMANDS` do it, on any machine. `source_hash` covers every
source file; where all of them are in this release it is recomputed.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import contracts
from ledger.crypto.keccak import keccak256
from ledger.crypto.sm3 import sm3
from ledger.errors import NotFound, VerificationFailed
from ledger.services.explorer.state_views import Immutable, SourceFile

COMMANDS = (
    "npm ci --ignore-scripts",
    "python -m scripts.compile_contracts --check --require",
)
_ROOT = "contracts/src/"
_IMPORT = re.compile(r"""^\s*import\s+(?:[^"';]*?\sfrom\s+)?["']([^"']+)["']""", re.MULTILINE)
MAX_SHOWN_RANGES = 3  # differing places named in a refusal


@dataclass(frozen=True, slots=True)
class VerifiedCode:
    """The code at an address is an artifact's, with these immutables."""

    name: str
    code_hash: bytes
    immutables: tuple[Immutable, ...]


def verify_code(name: str, code: bytes, known: dict[bytes, str] | None = None) -> VerifiedCode:
    """Compare code from a chain with the artifact `name`. `known` names immutables by their
    values. Raises VerificationFailed."""
    artifact = contracts.artifact(name)
    expected, found = bytearray(artifact.deployed_bytecode), bytearray(code)
    if not code:
        raise VerificationFailed(f"there is no code at the address of {name}", step="code")
    if len(expected) != len(found):
        raise VerificationFailed(
            f"the code of {name} has {len(found)} bytes, the artifact {len(expected)}", step="code"
        )
    immutables = []
    for places in artifact.immutable_references.values():
        length = places[0]["length"]
        values = {bytes(found[p["start"] : p["start"] + length]) for p in places}
        if len(values) != 1:
            raise VerificationFailed(f"an immutable of {name} has several values", step="immutables")
        value = values.pop()
        for place in places:
            start = place["start"]
            expected[start : start + length] = found[start : start + length] = bytes(length)
        means = (known or {}).get(value, "")
        immutables.append(Immutable(tuple(p["start"] for p in places), length, "0x" + value.hex(), means))
    if expected != found:
        raise VerificationFailed(
            f"the code of {name} differs from the artifact at {_places(expected, found)}", step="code"
        )
    return VerifiedCode(name, keccak256(code), tuple(immutables))


def _places(expected: bytearray, found: bytearray) -> str:
    """Where two byte strings of one length differ, the first few ranges."""
    ranges: list[tuple[int, int]] = []
    for at, (a, b) in enumerate(zip(expected, found, strict=True)):
        if a == b:
            continue
        if ranges and ranges[-1][1] == at:
            ranges[-1] = (ranges[-1][0], at + 1)
        else:
            ranges.append((at, at + 1))
    shown = ", ".join(f"byte {a}" if b == a + 1 else f"bytes {a} to {b - 1}" for a, b in ranges[:MAX_SHOWN_RANGES])
    return shown + (f" and {len(ranges) - MAX_SHOWN_RANGES} more places" if len(ranges) > MAX_SHOWN_RANGES else "")


# ------------------------------------------------------------------------------------------------------ sources


@cache
def _included() -> dict[str, str]:
    """Every Solidity file of this release, by source unit name."""
    found: dict[str, str] = {}
    waiting = [(files("contracts") / "src", _ROOT)]
    while waiting:
        folder, prefix = waiting.pop()
        for item in folder.iterdir():
            if item.is_dir():
                waiting.append((item, f"{prefix}{item.name}/"))
            elif item.name.endswith(".sol"):
                found[prefix + item.name] = item.read_text(encoding="utf-8")
    return found


@cache
def sources(name: str) -> tuple[SourceFile, ...]:
    """The files that contract `name` is compiled from, itself first, without their text."""
    return tuple(_file(unit, with_text=False) for unit in _closure(contracts.artifact(name).source))


def source(name: str, path: str) -> SourceFile:
    """One file of contract `name`, with its text. Raises NotFound for any other path: no path reaches a disk."""
    if path not in _closure(contracts.artifact(name).source):
        raise NotFound(f"{name} is not compiled from a file of this name", field="/path")
    return _file(path, with_text=True)


@cache
def recomputed_source_hash(name: str) -> str | None:
    """keccak256 over name and text of every source, as the compiler script has it; None when some are not included."""
    units = sorted(_closure(contracts.artifact(name).source))
    texts = _included()
    if any(unit not in texts for unit in units):
        return None
    parts = [part for unit in units for part in (unit.encode(), texts[unit].encode())]
    return "keccak256:" + keccak256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).hex()


@cache
def _closure(start: str) -> tuple[str, ...]:
    """All source units that `start` needs, itself first; files of npm packages are named and not followed."""
    texts = _included()
    found: list[str] = []
    waiting = [start]
    while waiting:
        unit = waiting.pop(0)
        if unit in found:
            continue
        found.append(unit)
        for target in _IMPORT.findall(texts.get(unit, "")):
            relative = target.startswith(".")
            waiting.append(os.path.normpath(os.path.join(os.path.dirname(unit), target)) if relative else target)
    return tuple(found)


def _file(unit: str, *, with_text: bool) -> SourceFile:
    text = _included().get(unit)
    if text is None:
        return SourceFile(unit, False, 0, 0, "", "")
    raw = text.encode()
    return SourceFile(
        path=unit,
        included=True,
        bytes=len(raw),
        lines=len(text.splitlines()),
        keccak256=f"keccak256:{keccak256(raw).hex()}",
        sm3=f"sm3:{sm3(raw).hex()}",
        text=text if with_text else "",
    )
