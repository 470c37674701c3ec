"""One agency that lies with its own key: as zone authority, as matcher, or as witness. It has no other's key."""

from __future__ import annotations

import copy
import time
from dataclasses import replace
from typing import Any

import pytest
from proof_world import Signer, World

from ledger.crypto.sm2 import PrivateKey
from ledger.domain.members import member_id
from ledger.errors import RevertedOnChain, VerificationFailed
from ledger.proof.anchors import Anchors, Witness
from ledger.proof.bundle import parse_bundle
from ledger.proof.cosignature import cosign, verify_known
from ledger.proof.verifier import verify
from ledger.services.demo import payloads
from ledger.services.demo.actors import BY_SLUG
from tests.small_ledger import AUTHORITY, LOT, PRODUCER, SmallLedger
from tests.trust.direct import calldata, relay, signed_again

ROGUE, HONEST = Signer(PrivateKey.generate()), Signer(PrivateKey.generate())


# ------------------------------------------------------------------------------------------------ as zone authority


def test_authority_cannot_act_for_another_zone_when_it_admits_a_lookalike(small: SmallLedger) -> None:
    """A look-alike of a producer of another zone is refused; one of its own zone is on the public record, with it."""
    stranger = replace(BY_SLUG["gaozhou-lychee"], slug="look-alike", uscc=BY_SLUG["zhenlong-lychee"].uscc, zone=1)
    small.keys[stranger.slug] = PrivateKey.generate()
    profile = payloads.profile(stranger, small.keys[stranger.slug].public.point)
    with pytest.raises(RevertedOnChain) as refusal:
        small.ledger.submit(small.authority.compose([small.authority.part("member.profile", profile)]).to_wire())
    assert refusal.value.error == "MembersOtherZone"
    own = replace(stranger, zone=AUTHORITY.zone)
    small.admit(own)
    events = small.ledger.gateway.events(small.ledger.deployment.block, small.ledger.gateway.height())
    admitted = [e for e in events if e.name == "MemberAdmitted" and e.args["memberId"] == member_id(own.uscc)]
    assert [e.args["by"] for e in admitted] == [member_id(AUTHORITY.uscc)], "who let it in is on chain for ever"


def test_authority_cannot_put_words_into_its_members_mouth_when_it_governs_them(small: SmallLedger) -> None:
    small.register_lot()
    said = small.producer.compose([small.producer.part("epcis.event", payloads.harvested(LOT, time.time()))])
    forged = signed_again(said, small.authority.signer, small.ledger.network.domain, action=said.action)
    with pytest.raises(RevertedOnChain) as refusal:
        relay(small.ledger, calldata(forged))
    assert refusal.value.error == "SubmissionsWrongSignature"


def test_authority_cannot_change_what_was_sealed_when_it_suspends_the_author(small: SmallLedger) -> None:
    small.register_lot()
    before = small.ledger.lot(LOT.gtin, LOT.lot)
    pretext = {"uscc": PRODUCER.uscc, "change": "SUSPENDED", "reason_zh": "借口", "reason_en": "a pretext"}
    part = small.authority.part("member.notice", pretext)
    small.ledger.submit(small.authority.compose([part]).to_wire())
    after = small.ledger.lot(LOT.gtin, LOT.lot)
    assert [(e.anchored, e.payload) for e in after.events] == [(e.anchored, e.payload) for e in before.events]
    assert after.accumulator_head == before.accumulator_head
    assert small.ledger.member(f"sm3:{member_id(PRODUCER.uscc).hex()}").standing == "SUSPENDED"
    names = {e.name for e in small.ledger.gateway.events(1, small.ledger.gateway.height())}
    assert "StandingChanged" in names, "the act and its author are public"


# ------------------------------------------------------------------------------------------------ as witness


def anchored(anchors: Anchors, quorum: int) -> Anchors:
    witnesses = (
        Witness(ROGUE.public.key_id, ROGUE.public, "customs", "甲海关", "Customs A"),
        Witness(HONEST.public.key_id, HONEST.public, "market-supervision", "乙市监局", "Market supervision B"),
    )
    return Anchors(
        anchors.chain_id, anchors.genesis, anchors.contracts, anchors.checkpoint_keys, anchors.authorities,
        {witness.key_id: witness for witness in witnesses}, quorum,
    )  # fmt: skip


def cosigned(value: dict[str, Any], signer: Signer, at: int) -> dict[str, Any]:
    point = parse_bundle(value).checkpoint.checkpoint
    made = copy.deepcopy(value)
    made["state"]["cosignatures"] = [cosign(point, signer, at, "execution").to_dict()]
    return made


def test_one_witness_cannot_carry_a_made_up_state_when_two_are_needed(forge: Any, proof_world: World) -> None:
    del forge.entries[-1]  # an event is hidden, with the operator's help
    made = forge.bundle()
    alone = cosigned(made, ROGUE, parse_bundle(made).checkpoint.checkpoint.time)
    assert verify(parse_bundle(alone), anchored(proof_world.anchors(), 1)).vouched.offices == 1
    with pytest.raises(VerificationFailed) as failure:
        verify(parse_bundle(alone), anchored(proof_world.anchors(), 2))
    assert failure.value.step == "checkpoint"


def test_witness_convicts_itself_when_it_signs_two_blocks_of_one_height(
    forge: Any, shown: dict[str, Any], proof_world: World
) -> None:
    """Both co-signatures verify under its one key: nobody else can have made them, and they contradict."""
    known = anchored(proof_world.anchors(), 1).witnesses
    del forge.entries[-1]
    points = [parse_bundle(value).checkpoint.checkpoint for value in (shown, forge.bundle())]
    assert points[0].height == points[1].height and points[0].block != points[1].block
    for point in points:
        (evidence,) = verify_known([cosign(point, ROGUE, point.time, "execution")], point, known)
        assert evidence.witness.key_id == ROGUE.public.key_id
        assert evidence.checkpoint.block == point.block


def test_witness_shows_its_own_time_when_it_backdates(shown: dict[str, Any], proof_world: World) -> None:
    """Its clock is part of what it signs: a co-signature from before the block is seen by everybody who reads it."""
    point = parse_bundle(shown).checkpoint.checkpoint
    early = cosigned(shown, ROGUE, point.time - 86_400)
    (said,) = verify(parse_bundle(early), anchored(proof_world.anchors(), 0)).vouched.cosignatures
    assert said.time < said.checkpoint.time
    moved = copy.deepcopy(early)
    moved["state"]["cosignatures"][0]["time"] = point.time
    with pytest.raises(VerificationFailed):
        verify(parse_bundle(moved), anchored(proof_world.anchors(), 0))
