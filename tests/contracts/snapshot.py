"""Committed measurements (gas, bytecode sizes): named numbers in tests/contracts/gas.json, compared exactly.

A test calls `compare({"SM2Verifier.verify": 130000, ...})`. With ORIGINSEAL_UPDATE_SNAPSHOT=1 in the environment the
numbers are written instead of compared; the diff of gas.json then shows what a change costs. Run without xdist then.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

FILE = Path(__file__).parent / "gas.json"
UPDATE = "ORIGINSEAL_UPDATE_SNAPSHOT"


def compare(measured: Mapping[str, int]) -> None:
    """Fails, naming every number that is not the committed one (or not committed)."""
    committed: dict[str, int] = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    if os.environ.get(UPDATE) == "1":
        FILE.write_text(json.dumps({**committed, **measured}, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return
    changed = {name: (committed.get(name), value) for name, value in measured.items() if committed.get(name) != value}
    lines = [f"{name}: committed {before}, measured {now}" for name, (before, now) in sorted(changed.items())]
    assert not changed, "\n".join([*lines, f"if this is meant: {UPDATE}=1 pytest <this test>, and commit gas.json"])
