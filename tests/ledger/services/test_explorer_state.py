"""The explorer's members, lots and search: proven from the state, paged without gaps, hostile text refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ledger.domain.members import member_id
from ledger.errors import Malformed, NotFound
from ledger.services.explorer import Explorer
from ledger.services.explorer.governance import KINDS
from tests.explorer_world import CHILD, EVERYBODY, LABEL, LOT, LOTS, World
from tests.small_ledger import AUTHORITY, PRODUCER

MEMBER = "sm3:" + EVERYBODY.hex()
LOT_ID, CHILD_ID = "sm3:" + LOT.hex(), "sm3:" + CHILD.hex()
BOSS = "sm3:" + member_id(AUTHORITY.uscc).hex()


@pytest.fixture
def world(explored: World) -> World:
    return explored


@pytest.fixture
def explorer(explored: World) -> Explorer:
    return explored.explorer()


# ------------------------------------------------------------------------------------------------------ members


def test_member_is_proven_from_the_state_with_all_its_keys(world: World, explorer: Explorer) -> None:
    view = explorer.member(MEMBER)
    assert (view.roles, view.zone, view.standing, view.usable_keys) == (("PRODUCER", "MATCHER"), 6, "SUSPENDED", 1)
    keys = {key.id: key for key in view.keys}
    first, second = (f"sm3:{world.keys[name].public.key_id.hex()}" for name in ("all", "second"))
    assert set(keys) == {first, second}
    assert keys[first].revoked_at and keys[first].custodial
    assert keys[second].revoked_at is None and not keys[second].custodial
    assert all(check.holds for check in view.checks) and len(view.checks) == 3
    assert [act.kind for act in view.history] == [
        *("standing", "standing", "emergency", "key-revoked", "key-added", "roles"),
        *("threshold", "approved", "threshold", "approved", "office"),  # what it did as an authority
        *("key-added", "admitted"),
    ]
    assert {act.by.id for act in view.history[:6] + view.history[-2:]} == {BOSS}
    assert {act.by.id for act in view.history[6:-2]} == {MEMBER}
    assert [line.nonce for line in view.submissions] == ["22", "21", "20", "4", "3", "2", "1"]
    assert explorer.member_of_key(first) == MEMBER
    assert view.proof.block == explorer.head() and len(view.proof.slots) == 3 + 2 * 5


def test_members_are_listed_with_what_the_state_says_of_them_now(explorer: Explorer) -> None:
    whole = explorer.members()
    assert [line.member.id for line in whole.items] == [MEMBER, f"sm3:{member_id(PRODUCER.uscc).hex()}", BOSS]
    assert [line.standing for line in whole.items] == ["SUSPENDED", "ACTIVE", "ACTIVE"]
    assert whole.items[0].roles == ("PRODUCER", "MATCHER")  # those it has now, not those of its admission
    assert whole.items[2].by is None and whole.items[1].by.id == BOSS
    first = explorer.members(size=2)
    assert first.items + explorer.members(first.before, 2).items == whole.items


def test_submissions_of_a_member_page_without_gaps(explorer: Explorer) -> None:
    whole = explorer.member(MEMBER).submissions
    seen, before = [], None
    while True:
        page = explorer.member(MEMBER, before, 1)
        seen += page.submissions
        before = page.before
        if before is None:
            break
    assert tuple(seen) == whole


def test_governance_says_who_did_what_and_can_be_filtered(explorer: Explorer) -> None:
    everything = explorer.governance(size=100)
    founders = [act for act in everything.items if act.by is None]
    assert [act.kind for act in founders] == ["threshold", "key-added", "admitted"]
    assert all(act.submission is None for act in founders)
    assert {act.kind for act in everything.items} == set(KINDS)
    assert [act.block for act in everything.items] == sorted((act.block for act in everything.items), reverse=True)
    for kind in KINDS:
        assert explorer.governance(kind, size=100).items == tuple(a for a in everything.items if a.kind == kind)
    assert explorer.governance(None, MEMBER, size=100).items == explorer.member(MEMBER).history
    assert [a.kind for a in explorer.governance("roles", MEMBER).items] == ["roles"]
    seen, before = [], None
    while True:
        page = explorer.governance(before=before, size=2)
        seen += page.items
        before = page.before
        if before is None:
            break
    assert tuple(seen) == everything.items


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), (None, "sm3:12"), (None, MEMBER.upper()), (None, None, "1"), (None, None, "1-2-3"),
     (None, None, "-1-2"), (None, None, "9" * 30 + "-1"), (None, None, "1-2\n"), (None, None, "")],
)  # fmt: skip
def test_bad_filter_or_cursor_is_refused(explorer: Explorer, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(Malformed):
        explorer.governance(*arguments)


def test_cursor_in_front_of_everything_gives_an_empty_page(explorer: Explorer) -> None:
    page = explorer.governance(before="0-0")
    assert page.items == () and page.before is None


# --------------------------------------------------------------------------------------------------------- lots


def test_lot_is_proven_from_the_state_and_its_history_folds_to_it(explorer: Explorer) -> None:
    view = explorer.lot(LOT_ID)
    assert view.lot.name == LOTS[LOT] and view.custodian.id == MEMBER
    assert (view.quantity_base, view.remaining_base) == ("5000000", "2000000")
    assert view.quantity.text("zh") == "5,000 千克" and view.remaining.text("en") == "2,000 kg"
    assert (view.state, view.unit, view.records, view.entries) == ("HELD", "GRAM", 2, 2)
    assert {check.id: check.holds for check in view.checks} == {"newest": True, "folded": True, "entries": True}
    child = explorer.lot(CHILD_ID)
    assert child.custodian.id == f"sm3:{member_id(PRODUCER.uscc).hex()}"
    assert [(part.lot.id, part.base) for part in child.parents] == [(LOT_ID, "2000000")]


def test_lot_in_parts_does_not_claim_to_be_whole(explorer: Explorer) -> None:
    whole = explorer.lot(LOT_ID).events
    seen, before = [], None
    while True:
        page = explorer.lot(LOT_ID, before, 2)
        assert all(check.holds for check in page.checks)
        assert "entries" not in {check.id for check in page.checks}
        seen += page.events
        before = page.before
        if before is None:
            break
    assert tuple(seen) == whole and len(whole) == 6


# ------------------------------------------------------------------------------------------------------- search


def test_search_finds_everything_by_what_people_paste(world: World, explorer: Explorer) -> None:
    tx = explorer.transaction(world.hash("register"))
    key = world.keys["all"].public.key_id.hex()
    for query, kind, name in (
        ("3", "block", "3"),
        ("#0", "block", "0"),
        (f"  {tx.block_hash.upper().replace('0X', '0x')} ", "block", str(tx.block)),
        (tx.hash, "transaction", tx.hash),
        (tx.hash[2:], "transaction", tx.hash),
        (tx.submission.id, "transaction", tx.hash),
        (MEMBER, "member", MEMBER),
        (f"sm3:{key}", "member", MEMBER),
        (key, "member", MEMBER),
        (LOT_ID, "lot", LOT_ID),
        (AUTHORITY.uscc, "member", BOSS),
        ("lots", "contract", "Lots"),
        (explorer.contract("Trades").line.address, "contract", "Trades"),
        (tx.sender, "account", tx.sender),
    ):
        found = explorer.find(query)
        assert (found.kind, found.id) == (kind, name), query


def test_search_finds_a_lot_by_its_label(explorer: Explorer) -> None:
    found = explorer.find(f"https://id.gs1.org/01/{LABEL.gtin}/10/{LABEL.lot}")
    assert (found.kind, found.id) == ("lot", LOT_ID)
    with pytest.raises(NotFound):
        explorer.find(f"https://id.gs1.org/01/{LABEL.gtin}/10/B-1")
    with pytest.raises(Malformed):
        explorer.find(f"https://id.gs1.org/01/{LABEL.gtin}")


@pytest.mark.parametrize(
    "query",
    ["", "   ", "x" * 2001, "hello", "<script>", "sm3:xyz", "' OR 1=1 --", "0x" + "1" * 65, "91440900MA4W3XU91X",
     "/01/09521002000116/10/A", "/01/09521002000115", "\x00", "../..", "９９"],
)  # fmt: skip
def test_search_refuses_what_cannot_be_on_a_chain(explorer: Explorer, query: str) -> None:
    with pytest.raises((Malformed, NotFound)):
        explorer.find(query)


def test_views_hold_only_values_that_never_change(explorer: Explorer) -> None:
    for view in (explorer.overview(), explorer.block("1"), explorer.member(MEMBER), explorer.contract("Lots")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            view.requests = ()
