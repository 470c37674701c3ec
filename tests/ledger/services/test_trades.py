"""Trades from customs XML to a sealed verdict, on a real chain: order of arrival, faults, goods, and once only."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ledger.documents.ceb import compose_message
from ledger.errors import Conflict, NotAuthorised, NotFound, RecordsRefused
from ledger.index.views import TradeView
from ledger.services.compose import Composer, Part
from ledger.services.demo import trades
from ledger.services.demo.actors import BY_SLUG, Actor
from ledger.services.demo.trades import DemoTrade, Node
from ledger.services.trades import Matcher
from tests.small_ledger import LOT, SmallLedger

NOW = time.time()


def local(slug: str) -> Actor:
    """An actor of the demonstration, moved to the only zone that the small ledger governs."""
    return replace(BY_SLUG[slug], zone=6)


class World:
    """A small ledger with a company, a payment institution, a carrier and a matcher."""

    def __init__(self, small: SmallLedger) -> None:
        self.small = small
        small.register_lot()
        slugs = ("yuepin", "haifu-pay", "nanling-logistics", "maoming-customs")
        self.composers = {slug: small.admit(local(slug)) for slug in slugs}
        ledger = small.ledger
        self.matcher = Matcher(
            self.composers["maoming-customs"], ledger.register, ledger.vault, ledger.gateway, ledger.submit
        )
        ledger.matcher = self.matcher

    def send(self, slug: str, message_type: str, node: Node | None) -> None:
        assert node is not None
        actor = BY_SLUG[slug]
        transfer = {"copCode": actor.uscc, "copName": actor.zh, "dxpMode": "DXP", "dxpId": "DXPTEST"}
        composer = self.composers[slug]
        parts = composer.documents(compose_message(message_type, [node], transfer))
        self.small.ledger.submit(composer.compose(parts).to_wire())

    def link(self, trade: DemoTrade) -> None:
        composer = self.composers["yuepin"]
        part = composer.part("trade.link", trades.link(trade))
        self.small.ledger.submit(composer.compose([part]).to_wire())

    def steps(self, trade: DemoTrade) -> dict[str, Callable[[], None]]:
        return {
            "order": lambda: self.send("yuepin", "CEB303", trades.order(trade, NOW)),
            "link": lambda: self.link(trade),
            "receipt": lambda: self.send(trade.payer, "CEB403", trades.receipt(trade, NOW)),
            "waybill": lambda: self.send("nanling-logistics", "CEB505", trades.waybill(trade, NOW)),
            "list": lambda: self.send("yuepin", "CEB603", trades.inventory(trade, NOW)),
        }

    def view(self) -> TradeView:
        (only,) = self.small.ledger.trades().items
        return only

    def composer(self, slug: str) -> Composer:
        return self.composers[slug]


@pytest.fixture
def world(small: SmallLedger) -> World:
    return World(small)


def order_of(quantity: str = "1200", **changes: object) -> DemoTrade:
    made = DemoTrade(77, "yuepin", "SG", ((LOT.lot, quantity, "4.85"),))
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arrival",
    [
        ("order", "link", "receipt", "waybill", "list"),
        ("list", "waybill", "receipt", "link", "order"),
        ("waybill", "order", "link", "list", "receipt"),
    ],
)
def test_trade_is_matched_when_all_four_documents_arrived(world: World, arrival: tuple[str, ...]) -> None:
    steps = world.steps(order_of())
    for name in arrival[:-1]:
        steps[name]()
    assert world.small.ledger.trades().items == ()
    steps[arrival[-1]]()
    trade = world.view()
    assert trade.verdict == "MATCHED" and trade.independence == 3
    assert {d.kind for d in trade.documents} == {"order", "receipt", "waybill", "list"}
    assert world.small.ledger.lot(LOT.gtin, LOT.lot).remaining == "7400"


def test_signers_count_twice_when_the_company_collects_the_money_itself(world: World) -> None:
    for step in world.steps(order_of(payer="yuepin")).values():
        step()
    assert world.view().independence == 2


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("receipt-short", "R11"),
        ("quantity", "R8"),
        ("weight", "R14"),
        ("company-code", "R6"),
        ("arithmetic", "R9"),
    ],
)
def test_trade_is_mismatched_with_its_reason_when_documents_disagree(world: World, fault: str, rule: str) -> None:
    for step in world.steps(order_of(fault=fault)).values():
        step()
    trade = world.view()
    assert trade.verdict == "MISMATCHED"
    failed = [r for r in trade.rules if r.outcome == "failed"]
    assert rule in {r.id for r in failed}
    assert all(r.reason_zh and r.reason_en for r in failed)
    assert world.small.ledger.lot(LOT.gtin, LOT.lot).remaining == "8600", "goods left the lot without a match"


def test_contract_has_the_last_word_when_papers_agree_and_goods_do_not(world: World) -> None:
    for step in world.steps(order_of("8700")).values():  # the lot holds 8,600 kg
        step()
    trade = world.view()
    assert trade.verdict == "MISMATCHED"
    assert [r.id for r in trade.rules if r.outcome == "failed"] == ["C1"]
    assert "LotsInsufficient" in next(r for r in trade.rules if r.id == "C1").reason_en
    assert world.small.ledger.lot(LOT.gtin, LOT.lot).remaining == "8600"


def test_verdict_completes_when_a_late_receipt_arrives(world: World) -> None:
    steps = world.steps(order_of())
    late = steps.pop("receipt")
    for step in steps.values():
        step()
    world.matcher.match_all()
    assert world.view().verdict == "INCOMPLETE"
    assert world.matcher.match_all() == [], "the same verdict was sealed again"
    late()
    assert world.view().verdict == "MATCHED"


def test_matched_trade_stays_as_it_is_when_matched_again(world: World) -> None:
    for step in world.steps(order_of()).values():
        step()
    before = world.small.ledger.gateway.height()
    assert world.matcher.match_all() == []
    assert world.small.ledger.gateway.height() == before


def test_second_document_is_refused_when_its_business_key_is_taken(world: World) -> None:
    steps = world.steps(order_of())
    steps["order"]()
    with pytest.raises(Conflict, match="-304001"):
        steps["order"]()


def test_trade_id_is_unknown_when_nothing_was_sealed_under_it(world: World) -> None:
    with pytest.raises(NotFound):
        world.small.ledger.trade("sm3:" + "00" * 32)


# ------------------------------------------------------------------------------------- documents that nobody filed


def altered_order(world: World, alter: Callable[[dict[str, Any]], None], *, keep_message: bool = True) -> Part:
    """An order of Yuepin's whose payload is changed after its message was written."""
    composer = world.composer("yuepin")
    transfer = {"copCode": "1", "copName": "x", "dxpMode": "DXP", "dxpId": "DXPTEST"}
    message = compose_message("CEB303", [trades.order(order_of(), NOW)], transfer)
    (genuine,) = composer.documents(message)
    payload = copy.deepcopy(genuine.record.payload)
    alter(payload)
    return composer.part("ceb.303", payload, evidence=message if keep_message else None)


def deleted(path: str) -> Callable[[dict[str, Any]], None]:
    def alter(payload: dict[str, Any]) -> None:
        del payload["head"][path]

    return alter


@pytest.mark.parametrize(
    ("alter", "keep_message", "field"),
    [
        (lambda payload: payload["head"].update(goodsValue="1"), True, "/payload"),
        (deleted("orderNo"), True, "/payload"),
        (lambda payload: payload["head"].update(orderNo=7), True, "/payload"),
        (lambda payload: payload.update(list="none"), True, "/payload"),
        (lambda payload: payload.update(xml={"c14n": "sm3:" + "0" * 64}), True, "/payload"),
        (lambda payload: payload.update(xml={}), True, "/payload"),
        (lambda payload: None, False, "/evidence"),
    ],
)
def test_document_is_refused_when_it_is_not_a_node_of_its_message(
    world: World, alter: Callable[[dict[str, Any]], None], keep_message: bool, field: str
) -> None:
    composer = world.composer("yuepin")
    wire = composer.compose([altered_order(world, alter, keep_message=keep_message)]).to_wire()
    before = world.small.ledger.vault.counts()
    with pytest.raises(RecordsRefused) as caught:
        world.small.ledger.submit(wire)
    assert [(p["record"], p["field"]) for p in caught.value.problems] == [(0, field)]
    assert world.small.ledger.vault.counts() == before


@pytest.mark.parametrize("message", [b"not XML", b"<a/>"])
def test_document_is_refused_when_its_message_cannot_be_read(world: World, message: bytes) -> None:
    composer = world.composer("yuepin")
    payload = altered_order(world, lambda _: None).record.payload
    wire = composer.compose([composer.part("ceb.303", payload, evidence=message)]).to_wire()
    with pytest.raises(RecordsRefused):
        world.small.ledger.submit(wire)


def test_link_is_refused_when_another_company_states_it(world: World) -> None:
    """Whoever may write about a lot must not decide which of its goods went into somebody else's order."""
    composer = world.composer("nanling-logistics")
    wire = composer.compose([composer.part("trade.link", trades.link(order_of()))]).to_wire()
    with pytest.raises(NotAuthorised) as caught:
        world.small.ledger.submit(wire)
    assert caught.value.field == "/payload/ebcCode"
