"""Consistency: a later checkpoint follows an earlier one, or the link that is missing is named."""

from __future__ import annotations

import pytest
from headers import START, chain, checkpoint, header

from ledger.crypto.keccak import keccak256
from ledger.errors import Malformed, VerificationFailed
from ledger.proof.consistency import FORK, Point, consistent, descends, point_of

HEADERS = chain(9)
GENESIS = keccak256(HEADERS[0])
THREE, NINE = checkpoint(HEADERS[3], GENESIS), checkpoint(HEADERS[9], GENESIS)
FORKED = chain(9, mark=b"other", after=HEADERS[:3])  # another block 3


def test_later_checkpoint_is_consistent_when_every_link_is_there():
    evidence = consistent(THREE, NINE, iter(HEADERS[4:]))
    assert (evidence.older, evidence.newer) == (point_of(THREE), NINE)
    assert descends(Point(0, GENESIS, 0), NINE, HEADERS[1:]).newer == NINE
    assert consistent(NINE, NINE, ()).newer == NINE


def test_no_more_headers_are_read_than_needed():
    source = iter([*HEADERS[4:], b"no header"])
    consistent(THREE, NINE, source)
    assert next(source) == b"no header"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (HEADERS[4:9], "end at 8"),
        (HEADERS[5:], "says 5, not 4"),
        (HEADERS[3:], "says 3, not 4"),
        ([*HEADERS[4:6], *HEADERS[7:]], "says 7, not 6"),
        ([*HEADERS[4:6], header(6, bytes(32)), *HEADERS[7:]], "block 6 does not follow"),
        ([*HEADERS[4:9], header(9, keccak256(HEADERS[8]), mark=b"x")], "another block 9"),
        ([], "end at 3"),
    ],
)
def test_checkpoint_is_refused_when_a_link_is_missing_or_another(headers, reason):
    with pytest.raises(VerificationFailed, match=reason) as caught:
        consistent(THREE, NINE, headers)
    assert caught.value.step != FORK


def test_checkpoint_is_refused_as_a_fork_when_its_history_passes_the_earlier_height_with_another_block():
    with pytest.raises(VerificationFailed, match="does not follow the block of height 3") as caught:
        consistent(THREE, checkpoint(FORKED[9], GENESIS), FORKED[4:])
    assert caught.value.step == FORK
    with pytest.raises(VerificationFailed, match="two blocks of height 3") as caught:
        consistent(THREE, checkpoint(FORKED[3], GENESIS), [])
    assert caught.value.step == FORK


def test_checkpoint_is_refused_when_a_block_is_older_than_its_parent():
    back = [*HEADERS[:5], header(5, keccak256(HEADERS[4]), time=START)]
    with pytest.raises(VerificationFailed, match="older than its parent"):
        consistent(THREE, checkpoint(back[5], GENESIS), back[4:])
    early = [*HEADERS[:4], header(4, keccak256(HEADERS[3]), time=START)]
    with pytest.raises(VerificationFailed, match="older than its parent"):
        consistent(THREE, checkpoint(early[4], GENESIS), early[4:])


@pytest.mark.parametrize("change", [{"time": START}, {"state_root": bytes(32)}])
def test_checkpoint_is_refused_when_it_misstates_its_block(change):
    with pytest.raises(VerificationFailed, match="misstates"):
        consistent(THREE, checkpoint(HEADERS[9], GENESIS, **change), HEADERS[4:])


@pytest.mark.parametrize("change", [{"chain_id": 1}, {"genesis": bytes(32)}])
def test_checkpoint_is_refused_when_it_is_of_another_chain(change):
    with pytest.raises(VerificationFailed, match="different chains"):
        consistent(THREE, checkpoint(HEADERS[9], **({"genesis": GENESIS} | change)), HEADERS[4:])


def test_checkpoint_is_refused_when_it_is_lower():
    with pytest.raises(VerificationFailed, match="does not follow 9"):
        consistent(NINE, THREE, HEADERS)


def test_checkpoint_is_refused_when_genesis_is_another():
    with pytest.raises(VerificationFailed, match="does not follow") as caught:
        descends(Point(0, bytes(32), 0), NINE, HEADERS[1:])
    assert caught.value.step == FORK


def test_garbage_is_refused_as_malformed_when_it_is_no_header():
    for garbage in (b"", b"\xc0", b"x" * 9000):
        with pytest.raises(Malformed):
            consistent(THREE, NINE, [garbage])
