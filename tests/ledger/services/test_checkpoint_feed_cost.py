"""Asking for more witnesses than there are costs nothing: the answer is known without looking at any co-signature."""

from __future__ import annotations

from pathlib import Path

import pytest
from witness_world import ANCHORS, CUSTOMS, MARKET, Operator

from ledger.errors import NotFound
from ledger.proof.cosignature import cosign
from ledger.services.checkpoint_feed import CheckpointFeed
from ledger.services.replica.feed import KeptFeed
from ledger.services.replica.kept import Kept
from ledger.vault import cosigned
from tests.small_ledger import SmallLedger


def forbidden(*_: object) -> None:
    raise AssertionError("looked at co-signatures")


def test_operators_feed_looks_at_nothing_when_more_offices_are_asked_for_than_there_are(
    small: SmallLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = small.ledger.feed
    assert isinstance(feed, CheckpointFeed) and not feed.anchors.offices
    monkeypatch.setattr(cosigned, "heights", forbidden)
    for count in (1, 64):
        with pytest.raises(NotFound):
            feed.latest(count)


def test_replicas_feed_looks_at_nothing_when_more_offices_are_asked_for_than_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(tmp_path / "replica.sqlite")
    signed = Operator().sign(4).signed
    kept.add_checkpoint(signed, [cosign(signed.checkpoint, each, 5, "headers") for each in (CUSTOMS, MARKET)])
    kept.agree([4])
    feed = KeptFeed(kept, ANCHORS)
    assert feed.latest(2).checkpoint.height == 4
    monkeypatch.setattr(kept, "cosigned", forbidden)
    with pytest.raises(NotFound):
        feed.latest(3)
    kept.close()
