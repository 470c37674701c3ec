"""Lots: registration and parents, the accumulator, custody, state, and who may do what."""

from __future__ import annotations

import pytest
from contract_world import (
    ACTIVE,
    AGENT,
    AUTHORITY_2,
    AUTHORITY_6,
    CARRIER,
    GRAM,
    HELD,
    JUDGE,
    LAB,
    LENDER,
    MILLILITRE,
    NOBODY,
    OFFICER,
    ORCHARD,
    PACKHOUSE,
    PAYER,
    PIECE,
    POND,
    PRODUCER,
    RECALLED,
    SHOP,
    SUSPENDED,
    Actor,
    World,
    actor,
    entries,
    ident,
    op,
    provokes,
    register_lot,
)
from eth_utils import keccak

from ledger.domain import action as ledger_action

LOT, CHILD, THIRD = ident("lot"), ident("child lot"), ident("third lot")


# ---------------------------------------------------------------------------------------------------- registration


def test_register_stores_lot_and_says_so_when_producer_signs(world: World) -> None:
    signed = world.sign(ORCHARD, [register_lot(LOT, 2500, PIECE)], [(LOT, ident("lot root"), 2)], count=3)
    receipt = world.send(signed)
    head = keccak(NOBODY + ident("lot root") + (2).to_bytes(32, "big") + signed.submission_id)
    assert world.lot(LOT) == {
        "custodian": ORCHARD.id,
        "originDigest": ident("origin"),
        "quantity": 2500,
        "remaining": 2500,
        "head": head,
        "total": 2,
        "entries": 1,
        "registeredAt": world.now,
        "unit": PIECE,
        "state": ACTIVE,
    }
    registered = {
        "lotId": LOT,
        "memberId": ORCHARD.id,
        "submissionId": signed.submission_id,
        "originDigest": ident("origin"),
        "quantity": 2500,
        "unit": PIECE,
    }
    extended = {
        "lotId": LOT,
        "submissionId": signed.submission_id,
        "root": ident("lot root"),
        "count": 2,
        "head": head,
        "total": 2,
    }
    assert world.events(receipt)[1:] == [("LotRegistered", registered), ("LotExtended", extended)]
    assert world.lots.functions.parents(LOT).call() == []


def test_getters_answer_zero_when_no_lot_is_there(world: World) -> None:
    assert set(world.lot(ident("no lot")).values()) == {0, NOBODY}


@pytest.mark.parametrize("quantity", [1, 2**128 - 1])
def test_register_accepts_when_quantity_is_extreme(world: World, quantity: int) -> None:
    world.register(POND, LOT, quantity)
    assert world.lot(LOT)["remaining"] == quantity


def test_register_accepts_several_lots_when_one_action_names_them(world: World) -> None:
    lots = [ident(f"lot {i}") for i in range(5)]
    world.submit(ORCHARD, [register_lot(lot) for lot in lots], entries(*lots))
    assert all(world.lot(lot)["entries"] == 1 for lot in lots)


@provokes("MembersMissingRole")
@pytest.mark.parametrize("who", [SHOP, LAB, AUTHORITY_6, OFFICER], ids=lambda who: who.name)
def test_register_refuses_when_role_is_missing(world: World, who: Actor) -> None:
    refusal = world.refuses(who, [register_lot(LOT)], entries(LOT))
    assert refusal == ("MembersMissingRole", who.id, PRODUCER | PACKHOUSE)


@provokes("LotsOriginNotListed")
def test_register_refuses_when_lot_has_no_entry(world: World) -> None:
    assert world.refuses(ORCHARD, [register_lot(LOT)]) == ("LotsOriginNotListed", LOT)
    others = [ident(f"lot {i}") for i in range(6)]
    registrations = [register_lot(other) for other in others]
    for listed in (others, others[:1], others[:2], others[3:]):
        named = [register_lot(other) for other in listed]
        assert world.refuses(ORCHARD, [*named, register_lot(LOT)], entries(*listed)) == ("LotsOriginNotListed", LOT)
    world.submit(ORCHARD, [*registrations, register_lot(LOT)], entries(LOT, *others))


@provokes("LotsAlreadyRegistered")
def test_register_refuses_when_lot_exists(world: World) -> None:
    world.register(ORCHARD, LOT)
    for who in (ORCHARD, POND):
        refusal = world.refuses(who, [register_lot(LOT)], entries(LOT))
        assert refusal == ("LotsAlreadyRegistered", LOT, ORCHARD.id)
    twice = world.refuses(POND, [register_lot(CHILD), register_lot(CHILD)], entries(CHILD))
    assert twice == ("LotsAlreadyRegistered", CHILD, POND.id)


@provokes("LotsZeroOrigin", "LotsZeroQuantity", "LotsUnknownUnit")
def test_register_refuses_when_fields_are_impossible(world: World) -> None:
    zero_origin = op(1, LOT, NOBODY, 5, GRAM, [])
    assert world.refuses(ORCHARD, [zero_origin], entries(LOT)) == ("LotsZeroOrigin", LOT)
    assert world.refuses(ORCHARD, [register_lot(LOT, 0)], entries(LOT)) == ("LotsZeroQuantity", LOT)
    for unit in (0, 4, 255):
        assert world.refuses(ORCHARD, [register_lot(LOT, 5, unit)], entries(LOT)) == ("LotsUnknownUnit", LOT, unit)


# --------------------------------------------------------------------------------------------------------- parents


def test_child_draws_from_parents_and_says_so_when_custodian_signs(world: World) -> None:
    world.register(ORCHARD, LOT, 1000)
    world.register(ORCHARD, THIRD, 500)
    receipt = world.submit(ORCHARD, [register_lot(CHILD, 650, parents=[(LOT, 600), (THIRD, 100)])], entries(CHILD, LOT))
    assert world.events(receipt)[1:3] == [
        ("LotDrawn", {"lotId": LOT, "childId": CHILD, "quantity": 600, "remaining": 400}),
        ("LotDrawn", {"lotId": THIRD, "childId": CHILD, "quantity": 100, "remaining": 400}),
    ]
    assert (world.lot(LOT)["remaining"], world.lot(LOT)["quantity"]) == (400, 1000)
    assert world.lot(THIRD)["remaining"] == 400
    assert (world.lot(CHILD)["quantity"], world.lot(CHILD)["remaining"]) == (650, 650)
    assert world.lots.functions.parents(CHILD).call() == [(LOT, 600), (THIRD, 100)]


def test_split_takes_everything_when_children_add_up(world: World) -> None:
    world.register(ORCHARD, LOT, 1000)
    children = [ident(f"child {i}") for i in range(4)]
    world.submit(ORCHARD, [register_lot(c, 250, parents=[(LOT, 250)]) for c in children], entries(*children))
    assert world.lot(LOT)["remaining"] == 0


def test_child_of_child_is_possible_when_registered_in_one_action(world: World) -> None:
    operations = [
        register_lot(LOT, 10),
        register_lot(CHILD, 8, parents=[(LOT, 9)]),
        register_lot(THIRD, 8, parents=[(CHILD, 8)]),
    ]
    world.submit(ORCHARD, operations, entries(LOT, CHILD, THIRD))
    assert [world.lot(lot)["remaining"] for lot in (LOT, CHILD, THIRD)] == [1, 0, 8]


@provokes("LotsExceedsParents", "LotsInsufficient", "LotsZeroQuantity")
def test_child_is_refused_when_goods_would_be_multiplied(world: World) -> None:
    world.register(ORCHARD, LOT, 1000)
    for quantity, drawn in ((601, 600), (2**128 - 1, 1000), (2, 1)):
        refusal = world.refuses(ORCHARD, [register_lot(CHILD, quantity, parents=[(LOT, drawn)])], entries(CHILD))
        assert refusal == ("LotsExceedsParents", CHILD, quantity, drawn)
    for drawn in (1001, 2**128 - 1):
        refusal = world.refuses(ORCHARD, [register_lot(CHILD, 1, parents=[(LOT, drawn)])], entries(CHILD))
        assert refusal == ("LotsInsufficient", LOT, drawn, 1000)
    refusal = world.refuses(ORCHARD, [register_lot(CHILD, 1, parents=[(LOT, 0)])], entries(CHILD))
    assert refusal == ("LotsZeroQuantity", LOT)


@provokes("LotsInsufficient")
def test_second_child_is_refused_when_the_first_took_the_rest(world: World) -> None:
    world.register(ORCHARD, LOT, 10)
    both = [register_lot(CHILD, 6, parents=[(LOT, 6)]), register_lot(THIRD, 5, parents=[(LOT, 5)])]
    assert world.refuses(ORCHARD, both, entries(CHILD, THIRD)) == ("LotsInsufficient", LOT, 5, 4)


@provokes("LotsUnitMismatch", "LotsNotCustodian", "LotsUnknown", "LotsParentRepeated")
def test_child_is_refused_when_a_parent_does_not_fit(world: World) -> None:
    world.register(ORCHARD, LOT, 1000, unit=PIECE)
    world.register(POND, THIRD, 1000)

    def refused(*parents: tuple[bytes, int], unit: int = PIECE) -> tuple[object, ...]:
        return tuple(world.refuses(ORCHARD, [register_lot(CHILD, 1, unit, parents)], entries(CHILD)))

    for unit in (GRAM, MILLILITRE):
        assert refused((LOT, 1), unit=unit) == ("LotsUnitMismatch", LOT, PIECE, unit)
    assert refused((LOT, 1), (THIRD, 1)) == ("LotsNotCustodian", THIRD, ORCHARD.id)
    assert refused((ident("none"), 1)) == ("LotsUnknown", ident("none"))
    assert refused((CHILD, 1)) == ("LotsUnknown", CHILD)
    assert refused((LOT, 1), (LOT, 1)) == ("LotsParentRepeated", CHILD, LOT)


@provokes("LotsNotActive")
@pytest.mark.parametrize("state", [HELD, RECALLED])
def test_child_is_refused_when_parent_is_held_or_recalled(world: World, state: int) -> None:
    world.register(ORCHARD, LOT)
    world.submit(ORCHARD, [op(3, LOT, state)])
    refusal = world.refuses(ORCHARD, [register_lot(CHILD, 1, parents=[(LOT, 1)])], entries(CHILD))
    assert refusal == ("LotsNotActive", LOT, state)


@provokes("LotsTooManyParents")
def test_child_is_refused_when_it_has_too_many_parents(world: World) -> None:
    parents = [(ident(f"parent {i}"), 1) for i in range(33)]
    refusal = world.refuses(ORCHARD, [register_lot(CHILD, 1, parents=parents)], entries(CHILD))
    assert refusal == ("LotsTooManyParents", CHILD, 33, 32)
    lots = [lot for lot, _ in parents[:32]]
    world.submit(ORCHARD, [register_lot(lot, 1) for lot in lots], entries(*lots))
    world.submit(ORCHARD, [register_lot(CHILD, 32, parents=parents[:32])], entries(CHILD))
    assert len(world.lots.functions.parents(CHILD).call()) == 32


# ----------------------------------------------------------------------------------------------------- accumulator


def test_accumulator_folds_every_entry_when_submissions_name_the_lot(world: World) -> None:
    world.register(ORCHARD, LOT)
    facts = world.lot(LOT)
    head, total = facts["head"], facts["total"]
    for n, who in enumerate((ORCHARD, LAB, CARRIER, ORCHARD), start=1):
        signed = world.sign(who, [], [(LOT, ident(f"root {n}"), n)], count=5)
        receipt = world.send(signed)
        head = ledger_action.fold(head, ident(f"root {n}"), n, signed.submission_id)
        total += n
        event = world.events(receipt)[1]
        assert event[0] == "LotExtended"
        assert (event[1]["head"], event[1]["total"], event[1]["count"]) == (head, total, n)
    facts = world.lot(LOT)
    assert (facts["head"], facts["total"], facts["entries"]) == (head, total, 5)


def test_extend_keeps_lots_apart_when_one_submission_names_several(world: World) -> None:
    lots = [ident(f"lot {i}") for i in range(3)]
    world.submit(ORCHARD, [register_lot(lot) for lot in lots], entries(*lots))
    before = world.lot(lots[0])
    world.submit(ORCHARD, [], entries(*lots[1:], count=4), count=4)
    assert world.lot(lots[0]) == before
    assert [world.lot(lot)["total"] for lot in lots] == [1, 5, 5]


def test_extend_accepts_when_lot_is_recalled(world: World) -> None:
    world.register(ORCHARD, LOT)
    world.submit(ORCHARD, [op(3, LOT, RECALLED)])
    world.submit(LAB, [], entries(LOT))
    assert world.lot(LOT)["entries"] == 2


@pytest.mark.parametrize("who", [LAB, CARRIER, SHOP, OFFICER, JUDGE, AUTHORITY_2], ids=lambda who: who.name)
def test_extend_accepts_when_role_records_about_any_lot(world: World, who: Actor) -> None:
    world.register(ORCHARD, LOT)
    world.submit(who, [], entries(LOT))
    assert world.lot(LOT)["entries"] == 2


@provokes("LotsNotPermitted")
@pytest.mark.parametrize("who", [POND, PAYER, AGENT, LENDER], ids=lambda who: who.name)
def test_extend_refuses_when_member_is_neither_custodian_nor_recorder(world: World, who: Actor) -> None:
    world.register(ORCHARD, LOT)
    assert world.refuses(who, [], entries(LOT)) == ("LotsNotPermitted", LOT, who.id)


def test_extenders_and_controllers_are_as_documented_when_read(world: World) -> None:
    none_of = {PRODUCER, PACKHOUSE, 1 << 3, 1 << 7, 1 << 8, 1 << 19}  # payment, declarant, bank, auditor
    assert world.lots.functions.EXTENDERS().call() == sum(1 << i for i in range(20) if 1 << i not in none_of)
    customs, market, agriculture, authority = 1 << 9, 1 << 12, 1 << 13, 1 << 17
    assert world.lots.functions.CONTROLLERS().call() == customs | market | agriculture | authority


@provokes("LotsUnknown")
def test_extend_refuses_when_lot_is_unknown(world: World) -> None:
    world.register(ORCHARD, LOT)
    for who in (ORCHARD, LAB):
        assert world.refuses(who, [], entries(LOT, CHILD)) == ("LotsUnknown", CHILD)


# -------------------------------------------------------------------------------------------------------- transfer


def test_transfer_moves_custody_and_says_so_when_custodian_signs(world: World) -> None:
    world.register(ORCHARD, LOT)
    signed = world.sign(ORCHARD, [op(2, LOT, POND.id)])
    receipt = world.send(signed)
    facts = {
        "lotId": LOT,
        "fromMemberId": ORCHARD.id,
        "toMemberId": POND.id,
        "submissionId": signed.submission_id,
    }
    assert world.events(receipt)[1:] == [("LotTransferred", facts)]
    assert world.lot(LOT)["custodian"] == POND.id
    world.submit(POND, [register_lot(CHILD, 5, parents=[(LOT, 5)])], entries(CHILD, LOT))


@provokes("LotsNotPermitted", "LotsNotCustodian")
def test_former_custodian_is_refused_when_lot_was_transferred(world: World) -> None:
    world.register(ORCHARD, LOT)
    world.submit(ORCHARD, [op(2, LOT, POND.id)])
    assert world.refuses(ORCHARD, [], entries(LOT)) == ("LotsNotPermitted", LOT, ORCHARD.id)
    assert world.refuses(ORCHARD, [op(2, LOT, POND.id)]) == ("LotsNotCustodian", LOT, ORCHARD.id)


@provokes(
    "LotsUnknown", "LotsNotCustodian", "LotsAlreadyCustodian", "LotsNotActive", "MembersUnknown", "MembersNotActive"
)
def test_transfer_refuses_when_it_may_not_be(world: World) -> None:
    world.register(ORCHARD, LOT)
    stranger = actor("stranger")
    assert world.refuses(ORCHARD, [op(2, CHILD, POND.id)]) == ("LotsUnknown", CHILD)
    assert world.refuses(AUTHORITY_6, [op(2, LOT, POND.id)]) == ("LotsNotCustodian", LOT, AUTHORITY_6.id)
    assert world.refuses(ORCHARD, [op(2, LOT, ORCHARD.id)]) == ("LotsAlreadyCustodian", LOT, ORCHARD.id)
    assert world.refuses(ORCHARD, [op(2, LOT, stranger.id)]) == ("MembersUnknown", stranger.id)
    world.submit(AUTHORITY_6, [op(33, SHOP.id, SUSPENDED)])
    assert world.refuses(ORCHARD, [op(2, LOT, SHOP.id)]) == ("MembersNotActive", SHOP.id, SUSPENDED)
    for state in (HELD, RECALLED):
        world.submit(OFFICER, [op(3, LOT, state)])
        assert world.refuses(ORCHARD, [op(2, LOT, POND.id)]) == ("LotsNotActive", LOT, state)


# ----------------------------------------------------------------------------------------------------------- state


def test_state_changes_and_says_so_when_custodian_or_controller_signs(world: World) -> None:
    world.register(ORCHARD, LOT)
    for who, state in (
        (ORCHARD, HELD),
        (ORCHARD, RECALLED),
        (OFFICER, HELD),
        (AUTHORITY_2, ACTIVE),
        (OFFICER, RECALLED),
    ):
        signed = world.sign(who, [op(3, LOT, state)])
        receipt = world.send(signed)
        facts = {"lotId": LOT, "memberId": who.id, "submissionId": signed.submission_id, "state": state}
        assert world.events(receipt)[1:] == [("LotStateChanged", facts)]
        assert world.lot(LOT)["state"] == state


@provokes("LotsStateNotPermitted")
def test_state_is_refused_when_custodian_would_weaken_it(world: World) -> None:
    world.register(ORCHARD, LOT)
    world.submit(ORCHARD, [op(3, LOT, HELD)])
    assert world.refuses(ORCHARD, [op(3, LOT, ACTIVE)]) == ("LotsStateNotPermitted", LOT, ORCHARD.id, ACTIVE)
    world.submit(ORCHARD, [op(3, LOT, RECALLED)])
    for state in (ACTIVE, HELD):
        assert world.refuses(ORCHARD, [op(3, LOT, state)]) == ("LotsStateNotPermitted", LOT, ORCHARD.id, state)


@provokes("LotsStateNotPermitted")
@pytest.mark.parametrize("who", [POND, LAB, SHOP, LENDER], ids=lambda who: who.name)
def test_state_is_refused_when_member_is_neither_custodian_nor_controller(world: World, who: Actor) -> None:
    world.register(ORCHARD, LOT)
    for state in (HELD, RECALLED):
        assert world.refuses(who, [op(3, LOT, state)]) == ("LotsStateNotPermitted", LOT, who.id, state)


@provokes("LotsUnknown", "LotsUnknownState", "LotsStateUnchanged")
def test_state_is_refused_when_it_says_nothing(world: World) -> None:
    world.register(ORCHARD, LOT)
    assert world.refuses(OFFICER, [op(3, CHILD, HELD)]) == ("LotsUnknown", CHILD)
    for state in (0, 4, 255):
        assert world.refuses(OFFICER, [op(3, LOT, state)]) == ("LotsUnknownState", LOT, state)
    assert world.refuses(OFFICER, [op(3, LOT, ACTIVE)]) == ("LotsStateUnchanged", LOT, ACTIVE)


# -------------------------------------------------------------------------------------------------------- the door


@provokes("LotsNotSubmissions")
@pytest.mark.parametrize("function", ["register", "extend", "transfer", "setState", "exportFor"])
def test_lots_refuse_when_caller_is_not_submissions(world: World, function: str) -> None:
    author = (ORCHARD.id, ORCHARD.key_id, ORCHARD.roles, 6)
    by = (author, ident("submission"))
    arguments = {
        "register": [*by, (LOT, ident("origin"), 1, GRAM, []), True],
        "extend": [*by, entries(LOT)],
        "transfer": [*by, LOT, POND.id],
        "setState": [*by, LOT, HELD],
        "exportFor": [ident("trade"), [(LOT, 1)]],
    }[function]
    call = world.lots.functions[function](*arguments)
    for sender in (0, 3):
        caller = world.chain.accounts[sender].lower()
        assert world.revert_of(call, sender=sender) == ("LotsNotSubmissions", caller)
