"""A member with a valid key of its own, who may also go round the server and send to the contracts itself."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from ledger.crypto.keyfile import FileSigner
from ledger.documents.submission import check
from ledger.domain.members import member_id
from ledger.errors import Malformed, NonceUsed, OriginSealError, RecordsRefused, RevertedOnChain, SignatureRejected
from ledger.merkle.tree import merkle_root
from ledger.services.audit import audit
from ledger.services.compose import Composer
from ledger.services.demo import payloads
from ledger.services.demo.actors import BY_SLUG
from tests.small_ledger import AUTHORITY, LOT, PASSPHRASE, PRODUCER, SmallLedger
from tests.trust.direct import altered, calldata, relay, signed_again, used

DAY = 24 * 3600
RIVAL = replace(BY_SLUG["zhenlong-lychee"], zone=6)


@pytest.fixture
def world(small: SmallLedger) -> SmallLedger:
    small.register_lot()
    return small


def impostor(world: SmallLedger) -> Composer:
    """The rival's key, the producer's name."""
    world.admit(RIVAL)
    return Composer(world.ledger.network, member_id(PRODUCER.uscc), FileSigner(world.keys[RIVAL.slug]))


def test_member_cannot_forge_anothers_words_when_it_signs_with_its_own_key(world: SmallLedger) -> None:
    composer = impostor(world)
    said = composer.compose([composer.part("epcis.event", payloads.harvested(LOT, time.time()))])
    own, other = world.keys[RIVAL.slug].public, world.keys[PRODUCER.slug].public
    before = world.ledger.status().height
    with pytest.raises(OriginSealError):  # intake: the key belongs to another member than the author of the records
        world.ledger.submit(said.to_wire())
    with pytest.raises(SignatureRejected):
        check({**said.to_wire(), "keyId": f"sm3:{other.key_id.hex()}"}, world.ledger.network.domain, other, b"\0" * 32)
    assert world.ledger.status().height == before
    # Round the server: under the victim's key id the contract recovers no victim's signature.
    forged = altered(said, key_id=other.key_id)
    with pytest.raises(RevertedOnChain) as refusal:
        relay(world.ledger, calldata(forged))
    assert refusal.value.error == "SubmissionsWrongSignature"
    assert not used(world.ledger, other.key_id, said.meta.nonce)
    # Under its own key id it speaks for itself, and of the producer's lot it may not.
    with pytest.raises(RevertedOnChain) as refusal:
        relay(world.ledger, calldata(said))
    assert refusal.value.error == "LotsNotPermitted"
    assert world.ledger.gateway.call("Members", "key", own.key_id)["memberId"] == member_id(RIVAL.uscc)


def test_member_cannot_edit_what_it_said_when_the_nonce_is_used(world: SmallLedger) -> None:
    signer = FileSigner(world.keys[PRODUCER.slug])
    composer = world.producer
    first = composer.compose([composer.part("epcis.event", payloads.harvested(LOT, time.time()))])
    world.ledger.submit(first.to_wire())
    other = composer.compose([composer.part("epcis.event", payloads.packed(LOT, time.time()))])
    edited = signed_again(altered(other, meta=first.meta), signer, world.ledger.network.domain, action=other.action)
    with pytest.raises(NonceUsed):
        world.ledger.submit(edited.to_wire())
    with pytest.raises(RevertedOnChain) as refusal:
        relay(world.ledger, calldata(edited))
    assert refusal.value.error == "SubmissionsNonceUsed"
    digests = [event.anchored.record for event in world.ledger.lot(LOT.gtin, LOT.lot).events]
    assert f"sm3:{first.records[0].digest.hex()}" in digests, "what was said first stands"


def test_member_cannot_omit_a_lot_when_its_record_names_it(world: SmallLedger) -> None:
    composer = world.producer
    said = composer.compose([composer.part("epcis.event", payloads.harvested(LOT, time.time()))])
    hidden = signed_again(said, composer.signer, world.ledger.network.domain, action=altered(said.action, lots=()))
    with pytest.raises((RecordsRefused, SignatureRejected)):  # intake makes the entries itself from the records
        world.ledger.submit(hidden.to_wire())
    # Round the server the contract takes it, since it sees digests only: a statement about nothing. The record is
    # then no part of any lot's history, and the auditor sees a submission that nobody has the words of.
    relay(world.ledger, calldata(hidden))
    history = world.ledger.lot(LOT.gtin, LOT.lot)
    assert f"sm3:{said.records[0].digest.hex()}" not in [event.anchored.record for event in history.events]
    world.ledger.close()
    report = audit(world.data, passphrase=PASSPHRASE)
    assert "payload.submission-missing" in report.by_kind
    assert merkle_root([said.records[0].digest]) == hidden.action.root


def test_member_cannot_reorder_or_backdate_unseen_when_it_speaks_late(world: SmallLedger) -> None:
    composer, now = world.producer, time.time()
    old = {**payloads.harvested(LOT, now), "eventTime": payloads.moment(now - 20 * DAY)}
    world.ledger.submit(world.event_wire())
    receipt = world.ledger.submit(composer.compose([composer.part("epcis.event", old)]).to_wire())
    late = world.ledger.lot(LOT.gtin, LOT.lot).events[-1]
    assert late.anchored.submission_id == receipt.submission_id, "the chain's order counts, not the member's"
    assert late.event_time is not None
    assert late.anchored.sealed_at - late.event_time > 19 * DAY, "both times are shown"
    future = {**payloads.harvested(LOT, now), "eventTime": payloads.moment(now + 3 * DAY)}
    with pytest.raises((Malformed, RecordsRefused)):
        world.ledger.submit(composer.compose([composer.part("epcis.event", future)]).to_wire())


def test_member_cannot_claim_goods_twice_when_the_lot_has_no_more(world: SmallLedger) -> None:
    packer = world.producer
    lot = replace(LOT, lot="P-1", quantity="8000", parents=((LOT.lot, "8000"),))
    again = replace(LOT, lot="P-2", quantity="8000", parents=((LOT.lot, "8000"),))
    world.ledger.submit(packer.compose([packer.part("lot.origin", payloads.origin(lot, time.time()))]).to_wire())
    with pytest.raises(RevertedOnChain) as refusal:
        world.ledger.submit(packer.compose([packer.part("lot.origin", payloads.origin(again, time.time()))]).to_wire())
    assert refusal.value.error == "LotsInsufficient"


def test_member_cannot_clone_a_lot_when_it_is_registered(world: SmallLedger) -> None:
    rival = world.admit(RIVAL)
    origin = payloads.origin(LOT, time.time())
    for composer in (world.producer, rival):
        with pytest.raises(OriginSealError) as refusal:
            world.ledger.submit(composer.compose([composer.part("lot.origin", origin)]).to_wire())
        assert getattr(refusal.value, "error", "") == "LotsAlreadyRegistered"
    assert AUTHORITY.zone == PRODUCER.zone
