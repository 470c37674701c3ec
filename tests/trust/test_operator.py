"""The operator: it runs the server, the chain file, the relayer's and the checkpoint key, and has no member's key.

What it can do to stored values, blocks and histories is tested with the audit, the replica, the witness and the
verifier, where docs/trust.md points; here is the time that it writes into its blocks.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from replica_source import Source, source_of

from ledger.services.replica import Replica, start
from ledger.services.replica.dating import TOLERANCE
from ledger.services.replica.refusals import FOLDER
from tests.small_ledger import SmallLedger

HOUR = 3600


@pytest.fixture
def world(small: SmallLedger) -> SmallLedger:
    small.register_lot()
    return small


@pytest.fixture
def source(world: SmallLedger) -> Iterator[Source]:
    with source_of(world.ledger) as made:
        yield made


@pytest.fixture
def replica(world: SmallLedger, source: Source, tmp_path: Path) -> Iterator[Replica]:
    opened, _ = start(tmp_path / "replica", source=source.url, anchors=world.data / "anchors.json")
    with opened:
        yield opened


def looks(replica: Replica, ahead: float) -> tuple[str, ...]:
    """A poll by a replica whose clock is `ahead` of the operator's; its warnings."""
    replica.follower._dating._clock = lambda: time.time() + ahead
    status = replica.poll()
    assert status.state == "following", "a wrong clock ends nothing: it may be ours"
    return status.warnings


def test_replica_notices_when_the_operator_backdates_a_block(world: SmallLedger, replica: Replica) -> None:
    assert looks(replica, HOUR) == ()
    world.ledger.submit(world.event_wire())  # dated an hour before the moment at which its parent was still the newest
    (said,) = looks(replica, HOUR + 1)
    height = world.ledger.gateway.height()
    assert f"block {height}" in said and "back-dated" in said
    evidence = json.loads((replica.folder.root / FOLDER / f"back-dated-{height}.json").read_text())
    assert evidence["seen"] - evidence["told"] > HOUR - TOLERANCE
    assert bytes.fromhex(evidence["header"][2:]) == world.ledger.gateway.raw_header(height)
    assert looks(replica, HOUR + 2) == (said,), "the finding stays"


def test_replica_notices_when_the_operator_dates_a_block_in_the_future(world: SmallLedger, replica: Replica) -> None:
    (said,) = looks(replica, -HOUR)
    assert "区块" in said and "clock is wrong" in said
    assert (replica.folder.root / FOLDER / f"future-dated-{world.ledger.gateway.height()}.json").exists()


@pytest.mark.parametrize("ahead", [0, TOLERANCE - 60, 60 - TOLERANCE])
def test_replica_finds_nothing_when_clocks_differ_a_little(world: SmallLedger, replica: Replica, ahead: float) -> None:
    assert looks(replica, ahead) == ()
    world.ledger.submit(world.event_wire())
    assert looks(replica, ahead) == ()


def test_replica_judges_no_date_when_it_saw_the_block_for_the_first_time(world: SmallLedger, replica: Replica) -> None:
    """Blocks from before it followed may be old: it cannot know, and says nothing."""
    assert looks(replica, 30 * 24 * HOUR) == ()
