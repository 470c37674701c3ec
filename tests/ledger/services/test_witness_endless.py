"""A feed without end keeps no witness: what the operator did not sign is skipped, but not for ever."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from witness_world import FORKED, Operator, look

from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint
from ledger.proof.note import Note
from ledger.services.witness import witness as witnessing


class Endless(Operator):
    """Publishes notes that it did not sign, at ever higher heights."""

    given = 0

    def notes(self, start: int) -> Iterator[Note]:
        signed = self.sign(self.head).signed
        point, height = signed.checkpoint, start
        while True:
            self.given += 1
            assert self.given < 1000, "read on and on"
            other = Checkpoint(point.chain_id, point.genesis, height, point.block, bytes(32), point.time)
            yield Note(SignedCheckpoint(other, signed.key_id, signed.signature), ())
            height += 1


def test_witness_comes_to_an_end_when_the_operator_publishes_junk_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("MAX_COMPARED", 30), ("MAX_HEADERS", 2), ("MAX_MINE", 5)):
        monkeypatch.setattr(witnessing, name, value)
    other = Operator(FORKED, 20, "elsewhere")
    for height in (3, 18):
        other.sign(height)
    source = Endless(head=20)
    seen = look(tmp_path, source, also=[other])
    assert seen.refusal is None and "too far below" in seen.problems[0]
    assert 0 < source.given <= 100
