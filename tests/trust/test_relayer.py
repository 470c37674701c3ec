"""Whoever carries submissions to the chain: it holds a secp256k1 key and sees every submission before the chain."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from ledger.chain.relayer import Relayer
from ledger.documents.submission import SignedSubmission
from ledger.domain.action import Meta, Operation
from ledger.errors import RevertedOnChain
from ledger.services.compose import Composer, Network
from ledger.services.demo import payloads
from tests.small_ledger import LOT, SmallLedger, found_small
from tests.trust.direct import altered, calldata, relay, used


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallLedger]:
    """One ledger for all: every test says something new on it."""
    small = found_small(tmp_path_factory.mktemp("relayed") / "data")
    small.register_lot()
    yield small
    small.ledger.close()


def said_by(composer: Composer, validity: float = 3600) -> SignedSubmission:
    return composer.compose([composer.part("epcis.event", payloads.harvested(LOT, time.time()))], validity)


@pytest.mark.parametrize("part", ["root", "count", "lots", "operations", "meta", "signature"])
def test_relayer_cannot_forge_or_edit_when_it_changes_any_part(world: SmallLedger, part: str) -> None:
    said = said_by(world.producer)
    action, meta = said.action, said.meta
    changed = {
        "root": altered(said, action=altered(action, root=bytes(31) + b"\1")),
        "count": altered(said, action=altered(action, count=2), meta=Meta(meta.nonce, meta.expiry, 2)),
        "lots": altered(said, action=altered(action, lots=())),
        "operations": altered(
            said, action=altered(action, operations=(Operation(3, action.lots[0].lot_id + bytes(31) + b"\3"),))
        ),
        "meta": altered(said, meta=Meta(meta.nonce, meta.expiry + 1, meta.count)),
        "signature": altered(said, signature=said.signature[:63] + bytes([said.signature[63] ^ 1])),
    }[part]
    with pytest.raises(RevertedOnChain) as refusal:
        relay(world.ledger, calldata(changed))
    assert refusal.value.error == "SubmissionsWrongSignature"
    assert not used(world.ledger, said.key_id, meta.nonce), "nothing is stored"
    relay(world.ledger, calldata(said))
    assert used(world.ledger, said.key_id, meta.nonce), "the true one still goes through"


def test_relayer_cannot_omit_for_ever_when_anybody_may_carry_the_same_bytes(world: SmallLedger) -> None:
    said = said_by(world.producer)  # handed to a relayer that does nothing: the member has no receipt, and sees it
    assert not used(world.ledger, said.key_id, said.meta.nonce)
    relay(world.ledger, calldata(said), Relayer.generate())
    assert used(world.ledger, said.key_id, said.meta.nonce)


def test_relayer_voids_nothing_when_it_reorders(world: SmallLedger) -> None:
    first, second = said_by(world.producer), said_by(world.producer)
    assert relay(world.ledger, calldata(second)) < relay(world.ledger, calldata(first))
    assert used(world.ledger, first.key_id, first.meta.nonce) and used(world.ledger, second.key_id, second.meta.nonce)


def test_relayer_cannot_hold_back_beyond_expiry_when_it_backdates(world: SmallLedger) -> None:
    said = said_by(world.producer, validity=-120)  # what a relayer sends two minutes after its time
    with pytest.raises(RevertedOnChain) as refusal:
        relay(world.ledger, calldata(said))
    assert refusal.value.error == "SubmissionsExpired"
    window = world.ledger.gateway.call("Submissions", "MAX_WINDOW")
    far = said_by(world.producer, validity=window + 3600)
    with pytest.raises(RevertedOnChain) as refusal:
        relay(world.ledger, calldata(far))
    assert refusal.value.error == "SubmissionsExpiryTooFar"


def test_relayer_cannot_claim_twice_when_it_replays(world: SmallLedger) -> None:
    said = said_by(world.producer)
    relay(world.ledger, calldata(said))
    with pytest.raises(RevertedOnChain) as refusal:
        relay(world.ledger, calldata(said), Relayer.generate())
    assert refusal.value.error == "SubmissionsNonceUsed"


@pytest.mark.parametrize("elsewhere", ["chain", "contract"])
def test_relayer_cannot_clone_to_another_ledger_when_it_replays_there(world: SmallLedger, elsewhere: str) -> None:
    here = world.ledger.network
    there = {
        "chain": Network(here.chain_id + 1, here.submissions),
        "contract": Network(here.chain_id, "0x" + "11" * 20),
    }[elsewhere]
    producer = world.producer
    said = said_by(Composer(there, producer.member, producer.signer))  # sound there
    with pytest.raises(RevertedOnChain) as refusal:
        relay(world.ledger, calldata(said))
    assert refusal.value.error == "SubmissionsWrongSignature"
