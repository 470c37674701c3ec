"""An operator with one key and two histories, for real: a copied ledger goes on with another submission."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from witness_world import CUSTOMS, MARKET

from ledger.errors import Conflict
from ledger.proof.anchors import parse_anchors
from ledger.proof.bundle import parse_bundle
from ledger.proof.cli import main
from ledger.proof.cosignature import cosign
from ledger.proof.verifier import verify
from ledger.services.witness import FileFeed, InProcess, Memory, Witness
from tests.small_ledger import LOT, SmallLedger

OPERATOR, OTHER = "operator", "the operator's other address"


@pytest.fixture
def real(opened_copy) -> SmallLedger:
    return opened_copy("real")


@pytest.fixture
def fork(opened_copy) -> SmallLedger:
    """The same genesis, keys and history up to here; from now on what a test makes of it."""
    return opened_copy("fork")


def extend(small: SmallLedger, what: str = "inspecting") -> int:
    small.ledger.submit(small.event_wire(action="OBSERVE", bizStep=what))
    return small.ledger.gateway.height()


def source(small: SmallLedger, name: str = OPERATOR) -> InProcess:
    return InProcess(name, small.ledger.feed, small.ledger.rpc)


def look(folder: Path, small: SmallLedger, name: str = OPERATOR, signer=CUSTOMS, also=()):
    anchors = parse_anchors((small.data / "anchors.json").read_bytes())
    with Memory(folder).opened() as memory:
        return Witness(memory, signer, anchors, source(small, name), also).look()


def assert_anybody_can_check(folder: Path, small: SmallLedger, height: int, capsys) -> None:
    [evidence] = (folder / "evidence").iterdir()
    anchors = str(small.data / "anchors.json")
    assert main(["--equivocation", str(evidence), "--anchors", anchors, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["height"] == height


@pytest.mark.parametrize("ahead", [0, 2])
def test_one_witness_that_is_shown_both_histories_refuses_with_evidence(real, fork, tmp_path, capsys, ahead):
    height = extend(real)
    for _ in range(ahead + 1):
        extend(fork, "packing")
    folder = tmp_path / "customs"
    assert look(folder, real).signed_now
    seen = look(folder, fork)
    assert seen.refusal is not None and fork.ledger.feed.latest().cosignatures == ()
    assert_anybody_can_check(folder, real, height, capsys)


def test_two_witnesses_with_one_view_each_catch_it_when_they_read_each_others_feed(real, fork, tmp_path, capsys):
    height = extend(real)
    extend(fork, "packing")
    customs, market = tmp_path / "customs", tmp_path / "market"
    assert look(customs, real).signed_now
    assert look(market, fork, signer=MARKET).signed_now
    seen = look(market, fork, signer=MARKET, also=[FileFeed(customs / "cosigned.txt")])
    assert seen.refusal is not None
    assert_anybody_can_check(market, real, height, capsys)


def test_two_addresses_of_one_operator_are_caught_before_anything_is_signed(real, fork, tmp_path, capsys):
    extend(real)
    height = extend(fork, "packing")
    fork.ledger.feed.latest()
    folder = tmp_path / "customs"
    seen = look(folder, real, also=[source(fork, OTHER)])
    assert seen.refusal is not None and seen.cosigned is None
    assert real.ledger.feed.latest().cosignatures == ()
    assert_anybody_can_check(folder, real, height, capsys)


def test_a_witness_with_an_old_state_file_signs_no_second_history(real, fork, tmp_path, capsys):
    folder = tmp_path / "customs"
    look(folder, real)
    old = (folder / "witness.json").read_bytes()
    height = extend(real)
    look(folder, real)
    (folder / "witness.json").write_bytes(old)
    extend(fork, "packing")
    assert look(folder, fork).refusal is not None
    assert_anybody_can_check(folder, real, height, capsys)


def test_a_cosignature_of_the_other_history_is_refused_by_the_operator(real, fork):
    height = extend(real)
    extend(fork, "packing")
    theirs = cosign(fork.ledger.feed.note(height).checkpoint, CUSTOMS, int(time.time()), "headers")
    with pytest.raises(Conflict, match=f"height {height}"):
        real.ledger.feed.receive(height, theirs.to_dict())
    assert real.ledger.feed.cosignatures(height) == ()


def test_a_replayed_cosignature_of_an_earlier_height_is_refused(real, tmp_path):
    first = look(tmp_path / "customs", real).cosigned
    height = extend(real)
    with pytest.raises(Conflict):
        real.ledger.feed.receive(height, first.cosignatures[0].to_dict())


def test_honest_operator_is_cosigned_over_a_long_gap_and_bundles_and_receipts_carry_it(real, tmp_path):
    folders = {"customs": CUSTOMS, "market": MARKET}
    for name, signer in folders.items():
        look(tmp_path / name, real, signer=signer)
    for _ in range(3):
        extend(real)
    submitted = real.ledger.submit(real.event_wire(action="OBSERVE", bizStep="storing"))
    assert submitted.to_json()["cosignatures"] == []
    for name, signer in folders.items():
        assert look(tmp_path / name, real, signer=signer).signed_now
    receipt = real.ledger.receipt(submitted.submission_id).to_json()
    assert len(receipt["cosignatures"]) == 2
    anchors = parse_anchors((real.data / "anchors.json").read_bytes())
    verified = verify(parse_bundle(real.ledger.bundle(LOT.gtin, LOT.lot)), anchors, 2)
    assert (verified.vouched.offices, verified.height) == (2, real.ledger.gateway.height())
