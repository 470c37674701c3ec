"""Trades: sealing documents once, recording matches, and taking goods out of lots."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from contract_world import (
    AGENT,
    CARRIER,
    DECLARANT,
    ECOMMERCE,
    HELD,
    INCOMPLETE,
    JUDGE,
    LENDER,
    LOGISTICS,
    MATCHED,
    MATCHER,
    MISMATCHED,
    NOBODY,
    OFFICER,
    ORCHARD,
    PAYER,
    PAYMENT,
    SHOP,
    Actor,
    World,
    actor,
    ident,
    op,
    provokes,
    record_match,
)

TRADE, RIVAL, LOT = ident("trade"), ident("rival trade"), ident("lot")
ORDER, RECEIPT, WAYBILL, LIST = DOCUMENTS = tuple(ident(name) for name in ("order", "receipt", "waybill", "list"))
SIGNERS = (SHOP, PAYER, CARRIER, AGENT)
SEALERS = {1: ECOMMERCE, 2: ECOMMERCE | PAYMENT, 3: LOGISTICS, 4: ECOMMERCE | DECLARANT}


@pytest.fixture
def sealed(world: World) -> World:
    """The world with one document of every kind sealed, each by its own member."""
    seal(world, DOCUMENTS, SIGNERS)
    return world


def seal(world: World, documents: Sequence[bytes], signers: Sequence[Actor]) -> None:
    for kind, (digest, signer) in enumerate(zip(documents, signers, strict=True), start=1):
        if digest != NOBODY:
            world.submit(signer, [op(16, kind, digest)])


# --------------------------------------------------------------------------------------------------------- sealing


def test_seal_stores_document_and_says_so_when_role_fits(world: World) -> None:
    for kind, (digest, signer) in enumerate(zip(DOCUMENTS, SIGNERS, strict=True), start=1):
        signed = world.sign(signer, [op(16, kind, digest)])
        receipt = world.send(signed)
        assert world.document(digest) == {
            "kind": kind,
            "memberId": signer.id,
            "keyId": signer.key_id,
            "sealedAt": world.now,
            "tradeId": NOBODY,
        }
        facts = {
            "recordDigest": digest,
            "memberId": signer.id,
            "submissionId": signed.submission_id,
            "kind": kind,
            "keyId": signer.key_id,
        }
        assert world.events(receipt)[1:] == [("DocumentSealed", facts)]


def test_seal_takes_many_documents_when_one_action_holds_them(world: World) -> None:
    digests = [ident(f"order {i}") for i in range(20)]
    world.submit(SHOP, [op(16, 1, digest) for digest in digests], count=20)
    assert all(world.document(digest)["kind"] == 1 for digest in digests)


@provokes("MembersMissingRole")
@pytest.mark.parametrize(
    ("kind", "who"),
    [(1, PAYER), (1, CARRIER), (1, AGENT), (2, CARRIER), (2, AGENT), (3, SHOP), (3, PAYER), (4, CARRIER), (4, PAYER)],
    ids=str,
)
def test_seal_refuses_when_role_does_not_fit_the_kind(world: World, kind: int, who: Actor) -> None:
    assert world.refuses(who, [op(16, kind, ORDER)]) == ("MembersMissingRole", who.id, SEALERS[kind])


@pytest.mark.parametrize(("kind", "who"), [(2, SHOP), (4, SHOP)], ids=str)
def test_seal_accepts_when_the_shop_issues_it_itself(world: World, kind: int, who: Actor) -> None:
    world.submit(who, [op(16, kind, ORDER)])
    assert world.document(ORDER)["kind"] == kind


@provokes("TradesUnknownKind", "TradesZeroDigest", "TradesAlreadySealed")
def test_seal_refuses_when_kind_or_digest_is_impossible_or_sealed(world: World) -> None:
    for kind in (0, 5, 255):
        assert world.refuses(SHOP, [op(16, kind, ORDER)]) == ("TradesUnknownKind", kind)
    assert world.refuses(SHOP, [op(16, 1, NOBODY)]) == ("TradesZeroDigest",)
    world.submit(SHOP, [op(16, 1, ORDER)])
    rival = actor("rival shop", ECOMMERCE)
    world.admit(rival)
    for who, kind in ((SHOP, 1), (rival, 1), (PAYER, 2)):
        assert world.refuses(who, [op(16, kind, ORDER)]) == ("TradesAlreadySealed", ORDER, SHOP.id)


# -------------------------------------------------------------------------------------------------------- matching


def test_match_is_final_and_uses_up_documents_when_all_four_agree(sealed: World) -> None:
    signed = sealed.sign(JUDGE, [record_match(TRADE, DOCUMENTS)])
    receipt = sealed.send(signed)
    assert sealed.trade(TRADE) == {
        "documents": list(DOCUMENTS),
        "resultDigest": ident("result"),
        "matchedAt": sealed.now,
        "policyVersion": 7,
        "verdict": MATCHED,
        "independence": 3,
    }
    facts = {
        "tradeId": TRADE,
        "memberId": JUDGE.id,
        "submissionId": signed.submission_id,
        "documents": list(DOCUMENTS),
        "verdict": MATCHED,
        "policyVersion": 7,
        "independence": 3,
        "resultDigest": ident("result"),
    }
    assert sealed.events(receipt)[1:] == [("MatchRecorded", facts)]
    assert [sealed.document(digest)["tradeId"] for digest in DOCUMENTS] == [TRADE] * 4


def test_getter_answers_zero_when_trade_is_unknown(world: World) -> None:
    facts = world.trade(TRADE)
    assert facts.pop("documents") == [NOBODY] * 4
    assert set(facts.values()) == {0, NOBODY}
    assert set(world.document(ORDER).values()) == {0, NOBODY}


@pytest.mark.parametrize(
    ("signers", "independence"),
    [
        ((SHOP, SHOP, CARRIER, SHOP), 2),
        ((SHOP, PAYER, CARRIER, SHOP), 3),
        (("both", PAYER, "both", AGENT), 2),
        (("both", "both", "both", "both"), 1),
        ((SHOP, "both", "both", AGENT), 2),
    ],
    ids=str,
)
def test_independence_counts_members_when_some_seal_several(
    world: World, signers: tuple[Actor | str, ...], independence: int
) -> None:
    both = actor("shop with lorries", ECOMMERCE | LOGISTICS)
    world.admit(both)
    seal(world, DOCUMENTS, [both if signer == "both" else signer for signer in signers])  # type: ignore[misc]
    world.submit(JUDGE, [record_match(TRADE, DOCUMENTS)])
    assert world.trade(TRADE)["independence"] == independence


def test_independence_counts_members_not_keys_when_one_member_has_two(world: World) -> None:
    second = SHOP.with_key(31337)
    from contract_world import AUTHORITY_6

    world.submit(AUTHORITY_6, [op(35, SHOP.id, *second.point, False)])
    seal(world, DOCUMENTS, [SHOP, second, CARRIER, AGENT])
    world.submit(JUDGE, [record_match(TRADE, DOCUMENTS)])
    assert world.trade(TRADE)["independence"] == 2


@pytest.mark.parametrize("verdict", [MISMATCHED, INCOMPLETE])
def test_result_may_be_replaced_when_it_is_not_matched(sealed: World, verdict: int) -> None:
    sealed.submit(JUDGE, [record_match(TRADE, (ORDER, NOBODY, WAYBILL, NOBODY), verdict)])
    facts = sealed.trade(TRADE)
    assert (facts["verdict"], facts["independence"], facts["documents"][1]) == (verdict, 2, NOBODY)
    assert sealed.document(ORDER)["tradeId"] == NOBODY
    sealed.submit(JUDGE, [record_match(TRADE, DOCUMENTS)])
    assert sealed.trade(TRADE)["verdict"] == MATCHED


def test_result_has_no_independence_when_no_document_is_there(world: World) -> None:
    world.submit(JUDGE, [record_match(TRADE, [NOBODY] * 4, INCOMPLETE)])
    assert world.trade(TRADE)["independence"] == 0
    assert world.trade(TRADE)["matchedAt"] == world.now


@provokes("TradesAlreadyMatched")
@pytest.mark.parametrize("verdict", [MATCHED, MISMATCHED, INCOMPLETE])
def test_result_is_refused_when_trade_is_matched(sealed: World, verdict: int) -> None:
    sealed.submit(JUDGE, [record_match(TRADE, DOCUMENTS)])
    again = record_match(TRADE, DOCUMENTS, verdict)
    assert sealed.refuses(JUDGE, [again]) == ("TradesAlreadyMatched", TRADE)


@provokes("TradesDocumentTaken")
@pytest.mark.parametrize("verdict", [MATCHED, MISMATCHED])
@pytest.mark.parametrize("position", range(4))
def test_result_is_refused_when_a_document_belongs_to_a_matched_trade(
    sealed: World, position: int, verdict: int
) -> None:
    sealed.submit(JUDGE, [record_match(TRADE, DOCUMENTS)])
    others = [ident(f"other {i}") for i in range(4)]
    others[position] = NOBODY
    seal(sealed, others, SIGNERS)
    others[position] = DOCUMENTS[position]
    refusal = sealed.refuses(JUDGE, [record_match(RIVAL, others, verdict)])
    assert refusal == ("TradesDocumentTaken", DOCUMENTS[position], TRADE)


@provokes("TradesDocumentMissing")
@pytest.mark.parametrize("position", range(4))
def test_match_is_refused_when_a_document_is_missing(sealed: World, position: int) -> None:
    documents = [NOBODY if i == position else digest for i, digest in enumerate(DOCUMENTS)]
    refusal = sealed.refuses(JUDGE, [record_match(TRADE, documents)])
    assert refusal == ("TradesDocumentMissing", TRADE, position + 1)


@provokes("TradesNotSealed", "TradesWrongKind")
@pytest.mark.parametrize("verdict", [MATCHED, MISMATCHED, INCOMPLETE])
def test_result_is_refused_when_a_document_is_not_sealed_or_of_another_kind(sealed: World, verdict: int) -> None:
    missing = ident("never sealed")
    refusal = sealed.refuses(JUDGE, [record_match(TRADE, (ORDER, missing, WAYBILL, LIST), verdict)])
    assert refusal == ("TradesNotSealed", missing)
    refusal = sealed.refuses(JUDGE, [record_match(TRADE, (ORDER, WAYBILL, RECEIPT, LIST), verdict)])
    assert refusal == ("TradesWrongKind", WAYBILL, 3, 2)
    refusal = sealed.refuses(JUDGE, [record_match(TRADE, (ORDER, RECEIPT, WAYBILL, ORDER), verdict)])
    assert refusal == ("TradesWrongKind", ORDER, 1, 4)


@provokes("MembersMissingRole", "TradesZeroId", "TradesZeroResult", "TradesUnknownVerdict")
def test_result_is_refused_when_author_or_fields_are_impossible(sealed: World) -> None:
    for who in (SHOP, OFFICER, LENDER):
        refusal = sealed.refuses(who, [record_match(TRADE, DOCUMENTS)])
        assert refusal == ("MembersMissingRole", who.id, MATCHER)
    assert sealed.refuses(JUDGE, [record_match(NOBODY, DOCUMENTS)]) == ("TradesZeroId",)
    for verdict in (0, 4, 255):
        refusal = sealed.refuses(JUDGE, [record_match(TRADE, DOCUMENTS, verdict)])
        assert refusal == ("TradesUnknownVerdict", TRADE, verdict)
    without_result = op(17, TRADE, list(DOCUMENTS), MATCHED, 7, NOBODY, [])
    assert sealed.refuses(JUDGE, [without_result]) == ("TradesZeroResult", TRADE)


# ---------------------------------------------------------------------------------------------------------- export


def test_lines_leave_their_lots_and_say_so_when_matched(sealed: World) -> None:
    other = ident("other lot")
    sealed.register(ORCHARD, LOT, 100)
    sealed.register(ORCHARD, other, 50)
    receipt = sealed.submit(JUDGE, [record_match(TRADE, DOCUMENTS, lines=[(LOT, 30), (other, 50), (LOT, 1)])])
    assert sealed.events(receipt)[2:] == [
        ("LotExported", {"lotId": LOT, "tradeId": TRADE, "quantity": 30, "remaining": 70}),
        ("LotExported", {"lotId": other, "tradeId": TRADE, "quantity": 50, "remaining": 0}),
        ("LotExported", {"lotId": LOT, "tradeId": TRADE, "quantity": 1, "remaining": 69}),
    ]
    assert (sealed.lot(LOT)["remaining"], sealed.lot(other)["remaining"]) == (69, 0)
    assert sealed.lot(LOT)["quantity"] == 100


@provokes("LotsInsufficient", "LotsZeroQuantity", "LotsUnknown", "LotsNotActive")
def test_match_is_refused_when_its_lots_cannot_give_the_goods(sealed: World) -> None:
    sealed.register(ORCHARD, LOT, 100)

    def refused(*lines: tuple[bytes, int]) -> tuple[object, ...]:
        return tuple(sealed.refuses(JUDGE, [record_match(TRADE, DOCUMENTS, lines=lines)]))

    assert refused((LOT, 101)) == ("LotsInsufficient", LOT, 101, 100)
    assert refused((LOT, 60), (LOT, 41)) == ("LotsInsufficient", LOT, 41, 40)
    assert refused((LOT, 0)) == ("LotsZeroQuantity", LOT)
    assert refused((ident("no lot"), 1)) == ("LotsUnknown", ident("no lot"))
    sealed.submit(ORCHARD, [op(3, LOT, HELD)])
    assert refused((LOT, 1)) == ("LotsNotActive", LOT, HELD)
    assert sealed.trade(TRADE)["matchedAt"] == 0


@provokes("TradesLinesWithoutMatch", "TradesTooManyLines")
def test_lines_are_refused_when_there_is_no_match_or_too_many(sealed: World) -> None:
    for verdict in (MISMATCHED, INCOMPLETE):
        refusal = sealed.refuses(JUDGE, [record_match(TRADE, DOCUMENTS, verdict, [(LOT, 1)])])
        assert refusal == ("TradesLinesWithoutMatch", TRADE, verdict)
    refusal = sealed.refuses(JUDGE, [record_match(TRADE, DOCUMENTS, lines=[(LOT, 1)] * 65)])
    assert refusal == ("TradesTooManyLines", TRADE, 65, 64)
    sealed.register(ORCHARD, LOT, 64)
    sealed.submit(JUDGE, [record_match(TRADE, DOCUMENTS, lines=[(LOT, 1)] * 64)])
    assert sealed.lot(LOT)["remaining"] == 0


# -------------------------------------------------------------------------------------------------------- the door


@provokes("TradesNotSubmissions")
@pytest.mark.parametrize("function", ["seal", "recordMatch"])
def test_trades_refuse_when_caller_is_not_submissions(world: World, function: str) -> None:
    author = (JUDGE.id, JUDGE.key_id, MATCHER | ECOMMERCE, 6)
    fields = (TRADE, list(DOCUMENTS), MATCHED, 7, ident("result"), [])
    arguments = {"seal": [1, ORDER], "recordMatch": [fields]}[function]
    call = world.trades.functions[function](author, ident("submission"), *arguments)
    for sender in (0, 3):
        caller = world.chain.accounts[sender].lower()
        assert world.revert_of(call, sender=sender) == ("TradesNotSubmissions", caller)
