"""The audit checks each stored co-signature: whose it is, over which checkpoint, and that the chain has that block."""

from __future__ import annotations

import json
import time

import pytest
from sqlalchemy import text
from witness_world import CUSTOMS, MARKET, STRANGER

from ledger.proof.anchors import parse_anchors
from ledger.proof.cosignature import Cosignature, cosign
from ledger.services.audit.cosigned import check_cosignatures
from ledger.services.audit.findings import Findings
from ledger.vault import cosigned


@pytest.fixture
def height(witnessed) -> int:
    """The head, which customs has co-signed."""
    note = witnessed.ledger.feed.latest()
    given = cosign(note.checkpoint, CUSTOMS, int(time.time()), "headers")
    witnessed.ledger.feed.receive(note.checkpoint.height, given.to_dict())
    return note.checkpoint.height


def found(small, *, head: int | None = None, blocks: dict | None = None, **anchored: object) -> list[str]:
    """Where and why, as the audit says it."""
    ledger = small.ledger
    value = json.loads((small.data / "anchors.json").read_text(encoding="utf-8")) | anchored
    top = ledger.gateway.height() if head is None else head
    headers = {
        number: (block.hash, block.state_root, block.time)
        for number in range(ledger.gateway.height() + 1)
        for block in [ledger.gateway.block(number)]
    }
    findings = Findings("audit")
    check_cosignatures(ledger.vault, parse_anchors(value), headers | (blocks or {}), top, findings)
    assert {finding.id for finding in findings.found} <= {"checkpoint.cosignature"}
    return [f"{finding.where}: {finding.detail}" for finding in findings.found]


def plant(small, height: int, given: Cosignature) -> None:
    """As somebody with the master key would: the row's seal is right."""
    cosigned.put(small.ledger.vault, height, given)


def test_nothing_is_found_when_witnesses_signed_what_the_chain_has(witnessed, height):
    assert found(witnessed) == []


def test_cosignature_is_found_when_its_witness_signed_another_checkpoint(witnessed, height):
    other = cosign(witnessed.ledger.feed.note(height - 1).checkpoint, MARKET, 1_764_000_000, "headers")
    plant(witnessed, height, other)
    [line] = found(witnessed)
    assert f"checkpoint {height} by sm3:{other.key_id.hex()}" in line and "does not verify" in line


def test_cosignature_is_found_when_its_key_is_no_witnesss(witnessed, height):
    plant(witnessed, height, cosign(witnessed.ledger.feed.note(height).checkpoint, STRANGER, 1, "headers"))
    [line] = found(witnessed)
    assert "none of the 2 known witnesses" in line
    assert len(found(witnessed, witnesses=[])) == 2


def test_cosignature_is_found_when_its_height_was_never_signed(witnessed, height):
    """All that is left of a deleted checkpoint."""
    with witnessed.ledger.vault.transaction() as connection:
        connection.execute(text("DELETE FROM checkpoints WHERE height = :height"), {"height": height})
    [line] = found(witnessed)
    assert f"no checkpoint of height {height}" in line


def test_cosignature_is_found_when_it_is_beyond_the_chain(witnessed, height):
    [line] = found(witnessed, head=height - 1)
    assert f"the chain ends at {height - 1}" in line


@pytest.mark.parametrize("part", [0, 1, 2])
def test_cosignature_is_found_when_the_chain_has_another_block(witnessed, height, part):
    block = witnessed.ledger.gateway.block(height)
    facts = [block.hash, block.state_root, block.time]
    facts[part] = 1 if part == 2 else bytes(32)
    [line] = found(witnessed, blocks={height: tuple(facts)})
    assert "another block" in line
