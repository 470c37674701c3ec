"""What a replica found about back-dated blocks stays, and a source that makes many of them costs little."""

from __future__ import annotations

from pathlib import Path

import pytest
from headers import chain

from ledger.proof.header import parse_header
from ledger.services.replica import dating
from ledger.services.replica.dating import TOLERANCE, Dating
from ledger.services.replica.kept import Kept

HEADERS = chain(12)


class Blocks:
    """A chain of our own, as far as dating looks at it."""

    def __init__(self) -> None:
        self.asked = 0

    def height(self) -> int:
        return len(HEADERS) - 1

    def header(self, number: int) -> bytes | None:
        self.asked += 1
        return HEADERS[number] if 0 <= number < len(HEADERS) else None


def test_first_findings_stay_when_a_source_makes_more_than_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dating, "MAX_FINDINGS", 3)
    kept, blocks = Kept(tmp_path / "replica.sqlite"), Blocks()
    late = parse_header(HEADERS[-1]).time + 10 * TOLERANCE  # when block 1 was still the newest that the source showed
    kept.set_meta("watched", {"height": 1, "time": late})
    looking = Dating(tmp_path, blocks, kept, lambda: late + 1)  # type: ignore[arg-type]  # a chain by what it does
    for _ in range(2):
        assert "block 4 " in looking.look()
        assert [each["height"] for each in kept.meta("dated")] == [2, 3, 4]
        assert len(list((tmp_path / "evidence").iterdir())) == 3
    blocks.asked = 0
    looking.look()
    assert blocks.asked <= 5
    kept.close()
