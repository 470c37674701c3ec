"""Which state a bundle shows: co-signed where that is still the lot's present, the newest block otherwise."""

from __future__ import annotations

import time

import pytest
from witness_world import CUSTOMS, MARKET

from ledger.errors import VerificationFailed
from ledger.proof.anchors import parse_anchors
from ledger.proof.bundle import parse_bundle
from ledger.proof.cosignature import cosign
from ledger.proof.verifier import verify
from ledger.services import vouched
from ledger.services.demo.actors import BY_SLUG
from tests.small_ledger import LOT, PRODUCER

LAB = BY_SLUG["maoming-lab"]


@pytest.fixture
def small(witnessed):
    return witnessed


def cosigned(small, *signers) -> int:
    """The head, co-signed."""
    note = small.ledger.feed.latest()
    for signer in signers:
        given = cosign(note.checkpoint, signer, int(time.time()), "headers")
        small.ledger.feed.receive(note.checkpoint.height, given.to_dict())
    return note.checkpoint.height


def shown(small):
    """(height, agencies) of the bundle, which must hold."""
    anchors = parse_anchors((small.data / "anchors.json").read_bytes())
    found = verify(parse_bundle(small.ledger.bundle(LOT.gtin, LOT.lot)), anchors)
    return found.height, found.vouched.offices


def elsewhere(small) -> None:
    """Something happens that does not concern the lot or its author."""
    small.admit(BY_SLUG["maoming-packhouse"])


def test_newest_block_is_shown_when_nobody_cosigned(small):
    assert shown(small) == (small.ledger.gateway.height(), 0)


def test_cosigned_block_is_shown_when_nothing_happened_to_lot_and_author_since(small):
    height = cosigned(small, CUSTOMS)
    elsewhere(small)
    assert small.ledger.gateway.height() > height
    assert shown(small) == (height, 1)


def test_block_with_most_agencies_is_shown_when_a_newer_one_has_fewer(small):
    height = cosigned(small, CUSTOMS, MARKET)
    elsewhere(small)
    newer = cosigned(small, CUSTOMS)
    assert newer > height
    assert shown(small) == (height, 2)


def test_newer_block_with_fewer_agencies_is_shown_when_the_lot_changed_since_the_other(small):
    cosigned(small, CUSTOMS, MARKET)
    small.ledger.submit(small.event_wire(action="OBSERVE", bizStep="inspecting"))
    newer = cosigned(small, CUSTOMS)
    elsewhere(small)
    assert shown(small) == (newer, 1)


def test_newest_block_is_shown_when_the_lot_was_named_after_the_cosignature(small):
    cosigned(small, CUSTOMS, MARKET)
    small.ledger.submit(small.event_wire(action="OBSERVE", bizStep="inspecting"))
    assert shown(small) == (small.ledger.gateway.height(), 0)


@pytest.mark.parametrize("change", ["SUSPENDED", "roles", "revoke-key"])
@pytest.mark.parametrize("who", [PRODUCER, LAB], ids=["author", "somebody else"])
def test_newest_block_is_shown_when_the_authors_own_standing_changed(small, who, change):
    height = cosigned(small, CUSTOMS)
    key_id = f"sm3:{small.keys[who.slug].public.key_id.hex()}"
    more = {"roles": {"roles": ["LABORATORY", "LOGISTICS"]}, "revoke-key": {"keyId": key_id}}.get(change, {})
    notice = {"uscc": who.uscc, "change": change, "reason_zh": "测试", "reason_en": "a test", **more}
    small.ledger.submit(small.authority.compose([small.authority.part("member.notice", notice)]).to_wire())
    head = small.ledger.gateway.height()
    assert head > height
    assert shown(small) == ((head, 0) if who is PRODUCER else (height, 1))


def test_newest_block_is_shown_when_the_cosigned_one_is_too_long_ago(small, monkeypatch):
    height = cosigned(small, CUSTOMS)
    elsewhere(small)
    distance = small.ledger.gateway.height() - height
    monkeypatch.setattr(vouched, "MAX_LOOK", distance)
    assert shown(small) == (height, 1)
    monkeypatch.setattr(vouched, "MAX_LOOK", distance - 1)
    assert shown(small) == (small.ledger.gateway.height(), 0)


def test_block_of_a_given_height_is_shown_with_its_own_cosignatures(small):
    height = cosigned(small, CUSTOMS)
    small.ledger.submit(small.event_wire(action="OBSERVE", bizStep="inspecting"))
    builder = small.ledger._bundles
    anchors = parse_anchors((small.data / "anchors.json").read_bytes())
    found = verify(parse_bundle(builder.build(LOT.gtin, LOT.lot, height=height)), anchors, 1)
    assert (found.height, found.vouched.offices) == (height, 1)
    with pytest.raises(VerificationFailed, match="co-signed by 0 of 2"):
        verify(parse_bundle(builder.build(LOT.gtin, LOT.lot, height=height + 1)), anchors, 1)
