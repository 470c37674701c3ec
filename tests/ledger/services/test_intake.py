"""Submitting to a real ledger: what is sealed, what is refused, and that a refusal leaves nothing behind."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest

from ledger.crypto.keyfile import FileSigner
from ledger.crypto.sm2 import PrivateKey
from ledger.documents.statement import commit
from ledger.domain.action import set_lot_state
from ledger.domain.ids import lot_id
from ledger.domain.lots import LotState
from ledger.domain.members import member_id
from ledger.errors import (
    Malformed,
    NonceUsed,
    NotAuthorised,
    OriginSealError,
    RecordsRefused,
    RevertedOnChain,
    SignatureRejected,
    UnknownMember,
)
from ledger.merkle.proof import InclusionProof, verify_inclusion
from ledger.services.compose import Composer, Network, Part
from ledger.services.demo import payloads
from ledger.services.demo.actors import BY_SLUG
from ledger.services.demo.lots import BY_LOT
from tests.small_ledger import LOT, PRODUCER, SmallLedger


def state(small: SmallLedger) -> tuple[object, ...]:
    ledger = small.ledger
    return ledger.vault.counts().submissions, ledger.vault.counts().records, ledger.gateway.height()


def refused(small: SmallLedger, wire: dict[str, Any], error: type[OriginSealError]) -> OriginSealError:
    before = state(small)
    with pytest.raises(error) as caught:
        small.ledger.submit(wire)
    assert state(small) == before, "a refusal left something behind"
    return caught.value


def test_receipt_proves_inclusion_when_a_submission_is_sealed(small: SmallLedger) -> None:
    small.register_lot()
    composer = small.producer
    parts = [composer.part("epcis.event", payloads.harvested(LOT, time.time() - n)) for n in range(0, 600, 120)]
    receipt = small.ledger.submit(composer.compose(parts).to_wire()).to_json()
    assert receipt["state"] == "sealed" and receipt["count"] == 5
    root = bytes.fromhex(receipt["root"].removeprefix("sm3:"))
    for record in receipt["records"]:
        proof = InclusionProof.from_json(record["inclusion"])
        verify_inclusion(bytes.fromhex(record["digest"].removeprefix("sm3:")), proof, root)
    assert f"height: {receipt['block']}\n" in receipt["checkpoint"]["text"]
    assert receipt["blockHash"] in receipt["checkpoint"]["text"]


def test_first_receipt_comes_back_when_a_submission_is_sent_again(small: SmallLedger) -> None:
    small.register_lot()
    wire = small.event_wire()
    first = small.ledger.submit(wire).to_json()
    before = state(small)
    again = small.ledger.submit(copy.deepcopy(wire)).to_json()
    assert again.pop("duplicate") is True and first.pop("duplicate") is False
    assert again == first
    assert state(small) == before


def test_nonce_is_refused_when_it_is_used_for_something_else(small: SmallLedger) -> None:
    small.register_lot()
    wire = small.event_wire()
    small.ledger.submit(wire)
    from ledger.documents.submission import build
    from ledger.domain.action import Meta

    meta = Meta.decode(bytes.fromhex(wire["meta"]))
    composer = small.producer
    other = composer.part("epcis.event", payloads.harvested(LOT, time.time() - 999))
    reused = build([other.record], [], composer.signer, composer.network.domain, nonce=meta.nonce, expiry=meta.expiry)
    refused(small, reused.to_wire(), NonceUsed)


def test_statement_is_refused_when_any_part_was_altered(small: SmallLedger) -> None:
    small.register_lot()
    wire = small.event_wire()
    forged = copy.deepcopy(wire)
    forged["signature"] = "11" * 64
    refused(small, forged, SignatureRejected)
    edited = copy.deepcopy(wire)
    edited["records"][0]["payload"]["bizStep"] = "shipping"
    refused(small, edited, SignatureRejected)
    reseeded = copy.deepcopy(wire)
    reseeded["records"][0]["seed"] = "22" * 32
    refused(small, reseeded, SignatureRejected)
    small.ledger.submit(wire)  # and the unaltered one is accepted


def test_statement_is_refused_when_signed_for_another_ledger(small: SmallLedger) -> None:
    small.register_lot()
    genuine = small.producer
    for network in (
        Network(small.ledger.network.chain_id + 1, small.ledger.network.submissions),
        Network(small.ledger.network.chain_id, "0x" + "ab" * 20),
    ):
        foreign = Composer(network, genuine.member, genuine.signer)
        part = foreign.part("epcis.event", payloads.harvested(LOT, time.time()))
        refused(small, foreign.compose([part]).to_wire(), SignatureRejected)


def test_stranger_is_refused_when_its_key_is_not_on_chain(small: SmallLedger) -> None:
    stranger = Composer(small.ledger.network, member_id(PRODUCER.uscc), FileSigner(PrivateKey.generate()))
    part = stranger.part("lot.origin", payloads.origin(LOT, time.time()))
    refused(small, stranger.compose([part]).to_wire(), UnknownMember)


def test_every_bad_record_is_named_when_several_are_bad(small: SmallLedger) -> None:
    small.register_lot()
    composer = small.producer
    good = [composer.part("epcis.event", payloads.harvested(LOT, time.time() - n)) for n in range(2)]
    undated = commit("epcis.event", composer.member, good[0].record.lots, {**good[0].record.payload, "eventTime": "?"})
    unnamed = commit("epcis.event", composer.member, (), good[1].record.payload)
    # A member that signs such records with its own software: the signature holds, the records do not.
    parts = [good[0], Part(undated, None), good[1], Part(unnamed, None)]
    wire = composer.compose(parts).to_wire()
    error = refused(small, wire, RecordsRefused)
    assert isinstance(error, RecordsRefused)
    named = {problem["record"] for problem in error.problems}
    assert named == {1, 3}
    assert any(problem["field"] and "eventTime" in problem["field"] for problem in error.problems)


def test_operation_is_refused_when_it_says_more_than_the_record(small: SmallLedger) -> None:
    from dataclasses import replace as changed

    from ledger.domain import action as act
    from ledger.domain.lots import lot_id

    composer = small.producer
    part = composer.part("lot.origin", payloads.origin(LOT, time.time()))
    inflated = act.register_lot(lot_id(LOT.gtin, LOT.lot), part.record.digest, 9_999_000_000, 1, [])
    wire = composer.compose([changed(part, operation=inflated)]).to_wire()
    error = refused(small, wire, RecordsRefused)
    assert isinstance(error, RecordsRefused)
    assert {problem["field"] for problem in error.problems} == {"/operations"}
    missing = composer.compose([changed(part, operation=None)]).to_wire()
    refused(small, missing, RecordsRefused)


@pytest.mark.parametrize("validity", [-60, 40 * 24 * 3600])
def test_submission_is_refused_by_the_contract_when_its_expiry_is_out_of_bounds(
    small: SmallLedger, validity: int
) -> None:
    small.register_lot()
    composer = small.producer
    part = composer.part("epcis.event", payloads.harvested(LOT, time.time()))
    error = refused(small, composer.compose([part], validity=validity).to_wire(), RevertedOnChain)
    assert isinstance(error, RevertedOnChain)
    assert error.error == ("SubmissionsExpired" if validity < 0 else "SubmissionsExpiryTooFar")


def test_member_is_refused_by_the_contract_when_suspended(small: SmallLedger) -> None:
    small.register_lot()
    notice = {"uscc": PRODUCER.uscc, "change": "SUSPENDED", "reason_zh": "核查", "reason_en": "under review"}
    authority = small.authority
    small.ledger.submit(authority.compose([authority.part("member.notice", notice)]).to_wire())
    error = refused(small, small.event_wire(), RevertedOnChain)
    assert isinstance(error, RevertedOnChain) and error.error == "MembersNotActive"
    back = {**notice, "change": "ACTIVE"}
    small.ledger.submit(authority.compose([authority.part("member.notice", back)]).to_wire())
    assert small.ledger.submit(small.event_wire()).state == "sealed"


def test_producer_cannot_admit_members_when_it_is_no_authority(small: SmallLedger) -> None:
    friend = BY_SLUG["maonan-lychee"]
    profile = payloads.profile(friend, PrivateKey.generate().public.point)
    composer = small.producer
    error = refused(small, composer.compose([composer.part("member.profile", profile)]).to_wire(), RevertedOnChain)
    assert isinstance(error, RevertedOnChain) and error.error == "MembersMissingRole"


def test_goods_are_not_multiplied_when_a_child_claims_more_than_its_parents(small: SmallLedger) -> None:
    small.register_lot()
    packhouse = small.admit(BY_SLUG["maoming-packhouse"])
    handover = {
        "gtin": LOT.gtin,
        "lot": LOT.lot,
        "change": "transfer",
        "to": BY_SLUG["maoming-packhouse"].uscc,
        "reason_zh": "交付",
        "reason_en": "handed over",
    }
    producer = small.producer
    small.ledger.submit(producer.compose([producer.part("lot.notice", handover)]).to_wire())
    child = payloads.origin(BY_LOT["P-FZX-241B"], time.time())
    child["parents"] = [{"gtin": LOT.gtin, "lot": LOT.lot, "quantity": {"value": "8600.001", "unit": "KGM"}}]
    error = refused(small, packhouse.compose([packhouse.part("lot.origin", child)]).to_wire(), RevertedOnChain)
    assert isinstance(error, RevertedOnChain) and error.error == "LotsInsufficient"
    child["parents"][0]["quantity"]["value"] = "3000"
    with pytest.raises(Malformed):  # the record contradicts itself: 3,100 kg out of 3,000 kg
        packhouse.part("lot.origin", child)
    child["parents"][0]["quantity"]["value"] = "3150"
    small.ledger.submit(packhouse.compose([packhouse.part("lot.origin", child)]).to_wire())
    assert small.ledger.lot(LOT.gtin, LOT.lot).remaining == "5450"


def test_document_is_refused_when_another_company_seals_it(small: SmallLedger) -> None:
    from ledger.documents.ceb import compose_message
    from ledger.services.demo import trades

    lingnan = small.admit(BY_SLUG["yuepin"])
    foreign = next(t for t in trades.TRADES if t.company == "lingnan")
    message = compose_message(
        "CEB303",
        [trades.order(foreign, time.time())],
        {"copCode": "9144", "copName": "x", "dxpMode": "DXP", "dxpId": "X"},
    )
    refused(small, lingnan.compose(lingnan.documents(message)).to_wire(), NotAuthorised)


@pytest.mark.parametrize("ahead", [3600, 400 * 24 * 3600])
def test_event_is_refused_when_it_lies_in_the_future(small: SmallLedger, ahead: int) -> None:
    small.register_lot()
    wire = small.event_wire(eventTime=payloads.moment(time.time() + ahead))
    error = refused(small, wire, RecordsRefused)
    assert isinstance(error, RecordsRefused)
    assert [(p["record"], p["field"]) for p in error.problems] == [(0, "/eventTime")]


def test_operation_is_refused_when_no_record_speaks_of_it(small: SmallLedger) -> None:
    small.register_lot()
    event = small.producer.part("epcis.event", payloads.harvested(LOT, time.time()))
    recall = set_lot_state(lot_id(LOT.gtin, LOT.lot), int(LotState.RECALLED))
    wire = small.producer.compose([Part(event.record, recall)]).to_wire()
    error = refused(small, wire, RecordsRefused)
    assert isinstance(error, RecordsRefused)
    assert [(p["record"], p["field"]) for p in error.problems] == [(None, "/operations")]
