"""Stored values that decide something although no digest covers them: the audit compares them with the chain."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from ledger.services.audit import audit


def kinds(folder: Path) -> set[str]:
    return {finding["id"] for finding in audit(folder).to_json()["findings"]}


def change(folder: Path, statement: str, *arguments: object) -> None:
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        assert db.execute(statement, arguments).rowcount, "nothing was changed"


@pytest.mark.parametrize("block", [2**62, b"\x01", "7", -1])
def test_outbox_row_is_found_when_it_says_another_block(folder: Path, block: object) -> None:
    change(folder, "UPDATE chain_outbox SET block = ? WHERE id = (SELECT max(id) FROM chain_outbox)", block)
    assert "outbox.row" in kinds(folder)


def test_register_is_found_when_two_rows_changed_places(folder: Path) -> None:
    with sqlite3.connect(folder / "ledger.sqlite") as db:
        first, last = db.execute("SELECT min(sequence), max(sequence) FROM trade_documents").fetchone()
        for old, new in ((first, -1), (last, first), (-1, last)):
            db.execute("UPDATE trade_documents SET sequence = ? WHERE sequence = ?", (new, old))
    assert "register.row" in kinds(folder)


@pytest.mark.parametrize("changes", [{"zone": 3}, {"memberId": "sm3:" + "11" * 32}, None])
def test_anchors_are_found_when_an_authority_is_another(folder: Path, changes: dict[str, object] | None) -> None:
    path = folder / "anchors.json"
    anchors = json.loads(path.read_text())
    if changes is None:
        anchors["authorities"].pop()
    else:
        anchors["authorities"][0] |= changes
    path.write_text(json.dumps(anchors))
    assert "config.file" in kinds(folder)


def test_names_in_anchors_are_words_only_when_changed(folder: Path) -> None:
    path = folder / "anchors.json"
    anchors = json.loads(path.read_text())
    anchors["authorities"][0]["name"]["en"] = "another name"
    path.write_text(json.dumps(anchors))
    assert kinds(folder) == set()


def test_customs_record_is_found_when_its_message_is_gone(folder: Path) -> None:
    change(folder, "DELETE FROM evidence WHERE seq = (SELECT max(seq) FROM evidence)")
    assert {"payload.evidence", "payload.row"} & kinds(folder)
