"""`audit(execute=True)`: every block once more on py-evm's own loop, not on the loop that made it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from ledger.crypto.keccak import keccak256
from ledger.proof.rlp import decode_list, encode
from ledger.services.audit import audit
from tests.e2e.serving import originseal

STATE_ROOT = 3  # its place in a header (yellow paper, 4.4)


def test_every_block_repeats_when_executed_on_py_evms_own_loop(folder: Path) -> None:
    report = json.loads(originseal("audit", "--data", str(folder), "--execute", "--json").stdout)
    assert report["findings"] == []
    assert report["coverage"]["blocks executed again"] == report["head"] > 5


def test_state_is_found_when_execution_does_not_lead_to_it(folder: Path) -> None:
    """An operator writes a head with another real state and its proper hash: nothing is missing or unlinked."""
    with sqlite3.connect(folder / "chain.sqlite") as db:
        (number,) = db.execute("SELECT max(number) FROM block").fetchone()
        before, head = (
            decode_list(db.execute("SELECT header FROM block WHERE number = ?", (n,)).fetchone()[0])
            for n in (number - 1, number)
        )
        assert head[STATE_ROOT] != before[STATE_ROOT]
        head[STATE_ROOT] = before[STATE_ROOT]
        raw = encode(head)
        db.execute("UPDATE block SET header = ?, hash = ? WHERE number = ?", (raw, keccak256(raw), number))
    db.close()
    found = [f for f in audit(folder, execute=True).findings if f.id == "chain.execution"]
    assert [f.where for f in found] == [f"block {number}"]
    assert "chain.execution" not in audit(folder).by_kind
