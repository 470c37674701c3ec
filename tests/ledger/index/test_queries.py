from __future__ import annotations

from typing import Any

import pytest
from index_world import GTIN, World
from sqlalchemy import event

from ledger.crypto.digest import keccak256_text, sm3_text
from ledger.domain.ids import lot_id
from ledger.errors import Malformed, NotFound
from ledger.index import Queries, ReadModel
from ledger.index.cursors import MAX_LIMIT, decode_cursor, encode_cursor
from ledger.index.views import Page


@pytest.fixture(scope="session")
def queries(followed: ReadModel) -> Queries:
    return Queries(followed)


def test_lot_tells_its_whole_story_when_asked(world: World, queries: Queries) -> None:
    view = queries.lot(GTIN, "L3")
    assert (view.summary.quantity, view.summary.unit, view.remaining) == ("300", "KGM", "250")
    assert [(link.lot, link.quantity) for link in view.parents] == [("L1", "200"), ("L2", "100")]
    assert [event.kind for event in view.events] == [
        "lot.origin", "epcis.event", "trade.link", "trade.match", "trade.link", "trade.match",
    ]  # fmt: skip
    assert [event.sequence for event in view.events] == list(range(view.accumulator_total))
    assert view.origin["site"]["gaccNumber"] == "4409GY0101"
    assert [trade.verdict for trade in view.trades] == ["MATCHED", "MISMATCHED"]
    assert view.producer.name_zh == "高州荔枝合作社" and view.producer.roles == ("PRODUCER", "PACKHOUSE")
    assert view.events[0].event_time == 1_780_264_800


def test_lot_agrees_with_the_chain_when_asked(world: World, queries: Queries) -> None:
    for name in ("L1", "L2", "L3"):
        view, chain = queries.lot(GTIN, name), world.gateway.call("Lots", "lot", lot_id(GTIN, name))
        assert view.accumulator_head == "0x" + chain["head"].hex()
        assert (view.accumulator_total, view.accumulator_entries) == (chain["total"], chain["entries"])
        assert view.custodian.id == sm3_text(chain["custodian"])
        assert (view.summary.registered_at, view.remaining) == (chain["registeredAt"], str(chain["remaining"] // 1000))
        assert len(view.events) == chain["total"]


def test_members_agree_with_the_chain_when_listed(world: World, queries: Queries) -> None:
    people = queries.members().items
    assert [each.en for each in [world.authority]] == ["Maoming zone"]
    assert len(people) == 6
    for each in people:
        chain = world.gateway.call("Members", "member", bytes.fromhex(each.id[4:]))
        assert (each.zone, each.custodial, each.since) == (chain["zone"], chain["custodial"], chain["since"])
        assert each.key_id == sm3_text(chain["latestKeyId"])
        assert each.standing == {1: "ACTIVE", 2: "SUSPENDED"}[chain["standing"]]
        assert queries.member(each.id) == each
    assert {each.name_en: each.standing for each in people}["Leaver"] == "SUSPENDED"
    assert {each.name_en: each.roles for each in people}["Shunda logistics"] == ("LOGISTICS", "POSTAL")


def test_custody_and_state_are_the_latest_when_they_changed(queries: Queries) -> None:
    assert queries.lot(GTIN, "L1").custodian.name_en == "Yuexi e-commerce"
    assert queries.lot(GTIN, "L2").summary.state == "ACTIVE"
    assert [event.payload["change"] for event in queries.lot(GTIN, "L2").events if event.kind == "lot.notice"] == [
        "HELD",
        "ACTIVE",
    ]


def test_trade_names_its_documents_and_rules_when_asked(queries: Queries) -> None:
    failed, matched = queries.trades().items
    assert (matched.verdict, matched.independence, matched.policy_version) == ("MATCHED", 2, 1)
    assert [document.kind for document in matched.documents] == ["order", "receipt", "waybill", "list"]
    assert matched.documents[2].signer.name_en == "Shunda logistics"
    assert [(link.lot, link.quantity, link.unit) for link in matched.lots] == [("L3", "50", "KGM")]
    assert [(rule.id, rule.outcome) for rule in failed.rules] == [("AMOUNT", "failed")]
    assert [link.quantity for link in failed.lots] == ["5"]
    assert queries.trade(matched.id) == matched
    assert matched in queries.lot(GTIN, "L3").trades


def test_submission_is_found_where_it_was_sealed(world: World, queries: Queries) -> None:
    checked = world.sealed[-1]
    entry = world.gateway.entry(checked.submission_id)
    assert entry is not None and entry.sealed is not None
    found = queries.anchored(keccak256_text(checked.submission_id))
    assert (found.block, found.sealed_at) == (entry.sealed.block, entry.sealed.block_time)
    assert found.transaction == "0x" + entry.sealed.transaction_hash.hex()


def test_counts_are_those_of_the_story(world: World, queries: Queries) -> None:
    counts = queries.counts()
    assert counts["submissions"] == len(world.sealed)
    assert counts["records"] == sum(len(each.records) for each in world.sealed)
    assert (counts["lots"], counts["trades"], counts["members"]) == (3, 2, 6)


@pytest.mark.parametrize(
    ("ask", "argument"),
    [
        ("trade", sm3_text(bytes(32))),
        ("member", sm3_text(bytes(32))),
        ("anchored", keccak256_text(bytes(32))),
    ],
)
def test_query_finds_nothing_when_there_is_no_such_thing(queries: Queries, ask: str, argument: str) -> None:
    with pytest.raises(NotFound):
        getattr(queries, ask)(argument)
    for wrong in ("", argument.upper(), argument[:-1], argument.replace(":", "-"), "sm4:" + "0" * 64, "' OR 1=1 --"):
        with pytest.raises(Malformed):
            getattr(queries, ask)(wrong)


def test_lot_is_refused_when_its_keys_cannot_be(queries: Queries) -> None:
    with pytest.raises(NotFound):
        queries.lot(GTIN, "NOSUCH")
    for gtin, lot in ((GTIN[:-1] + "0", "L1"), ("x", "L1"), (GTIN, ""), (GTIN, "a" * 21), (GTIN, "荔枝"), (GTIN, "..")):
        with pytest.raises(Malformed):
            queries.lot(gtin, lot)


# -------------------------------------------------------------------------------------------------------------- pages


def walk(listing: Any, limit: int, **options: Any) -> list[Any]:
    found: list[Any] = []
    cursor = None
    while True:
        page: Page[Any] = listing(cursor, limit, **options)
        assert 0 < len(page.items) <= limit
        found += page.items
        if page.next_cursor is None:
            return found
        cursor = page.next_cursor


@pytest.mark.parametrize("limit", [1, 2, 3, 200])
def test_pages_give_everything_once_and_newest_first_when_walked(queries: Queries, limit: int) -> None:
    assert [each.lot for each in walk(queries.lots, limit)] == ["L3", "L2", "L1"]
    assert [each.lot for each in walk(queries.lots, limit, zone=6)] == ["L3", "L2", "L1"]
    assert [each.verdict for each in walk(queries.trades, limit)] == ["MISMATCHED", "MATCHED"]
    assert len({each.id for each in walk(queries.members, limit)}) == 6


def test_listing_is_empty_when_no_lot_is_of_that_zone(queries: Queries) -> None:
    assert queries.lots(zone=3) == Page((), None)


@pytest.mark.parametrize("limit", [0, -1, MAX_LIMIT + 1])
def test_listing_is_refused_when_the_limit_is_out_of_bounds(queries: Queries, limit: int) -> None:
    with pytest.raises(Malformed):
        queries.lots(limit=limit)


def test_cursor_is_refused_when_this_listing_did_not_give_it(queries: Queries) -> None:
    given = queries.lots(limit=1).next_cursor
    assert given is not None
    assert decode_cursor("lots", given) > 0
    bad = ["", "x", given[:-1], given + "A", given + "=", "A" * 300, "\ud800", encode_cursor("trades", 5),
           encode_cursor("lots", -1), encode_cursor("lots", 1 << 63), "W10", "é"]  # fmt: skip
    for cursor in bad:
        with pytest.raises(Malformed):
            queries.lots(cursor)
    with pytest.raises(Malformed):
        queries.lots(given, zone=6)


# -------------------------------------------------------------------------------------------------------------- speed


def test_number_of_queries_does_not_grow_with_the_answer(followed: ReadModel, queries: Queries) -> None:
    asked: list[str] = []

    def count(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    def cost(ask: Any) -> int:
        asked.clear()
        ask()
        return len(asked)

    event.listen(followed.engine, "before_cursor_execute", count)
    try:
        assert cost(lambda: queries.trades(limit=1)) == cost(lambda: queries.trades(limit=200))
        assert cost(lambda: queries.lots(limit=1)) == cost(lambda: queries.lots(limit=200))
        assert cost(lambda: queries.lot(GTIN, "L3")) <= 14
    finally:
        event.remove(followed.engine, "before_cursor_execute", count)


def test_every_query_uses_an_index_when_it_looks_for_something(followed: ReadModel, queries: Queries) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        asked.append((statement, parameters))

    event.listen(followed.engine, "before_cursor_execute", note)
    try:
        queries.lot(GTIN, "L3")
        queries.lots(zone=6)
        queries.lots()
        queries.members()
        queries.trade(queries.trades().items[0].id)
        queries.anchored(queries.lot(GTIN, "L1").registered.submission_id)
    finally:
        event.remove(followed.engine, "before_cursor_execute", note)
    selects = {statement: parameters for statement, parameters in asked if statement.startswith("SELECT")}
    assert len(selects) >= 14
    with followed.engine.connect() as connection:
        for statement, parameters in selects.items():
            for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters).all():
                assert not row[3].startswith("SCAN") or "USING INDEX" in row[3], f"{statement}: {row[3]}"
