"""Members: standing, roles, and the rule that no zone loses its last authority."""

from __future__ import annotations

import pytest
from contract_world import (
    ACTIVE,
    AUTHORITY,
    AUTHORITY_2,
    AUTHORITY_6,
    POND,
    PRODUCER,
    RETIRED,
    SHOP,
    SUSPENDED,
    World,
    actor,
    admission,
    op,
    provokes,
)

DEPUTY = actor("deputy of zone 6", AUTHORITY)
NEWCOMER = actor("newcomer", PRODUCER)


# ---------------------------------------------------------------------------------------------- standing and roles


def test_standing_changes_and_says_so_when_authority_signs(world: World) -> None:
    for standing in (SUSPENDED, ACTIVE, RETIRED):
        signed = world.sign(AUTHORITY_6, [op(33, POND.id, standing)])
        receipt = world.send(signed)
        facts = {"memberId": POND.id, "by": AUTHORITY_6.id, "submissionId": signed.submission_id}
        assert world.events(receipt)[1:] == [("StandingChanged", {**facts, "standing": standing})]
        assert world.member(POND.id)["standing"] == standing


def test_roles_change_and_say_so_when_authority_signs(world: World) -> None:
    signed = world.sign(AUTHORITY_6, [op(34, SHOP.id, PRODUCER)])
    receipt = world.send(signed)
    facts = {"memberId": SHOP.id, "by": AUTHORITY_6.id, "submissionId": signed.submission_id, "roles": PRODUCER}
    assert world.events(receipt)[1:] == [("RolesChanged", facts)]
    assert world.member(SHOP.id)["roles"] == PRODUCER


@provokes("MembersUnknownStanding", "MembersStandingUnchanged", "MembersUnknown")
def test_set_standing_refuses_when_it_says_nothing(world: World) -> None:
    for standing in (0, 4, 255):
        assert world.refuses(AUTHORITY_6, [op(33, POND.id, standing)]) == ("MembersUnknownStanding", standing)
    refusal = world.refuses(AUTHORITY_6, [op(33, POND.id, ACTIVE)])
    assert refusal == ("MembersStandingUnchanged", POND.id, ACTIVE)
    assert world.refuses(AUTHORITY_6, [op(33, NEWCOMER.id, 2)]) == ("MembersUnknown", NEWCOMER.id)


@provokes("MembersUnknownRoles", "MembersRolesUnchanged", "MembersUnknown")
def test_set_roles_refuses_when_it_says_nothing(world: World) -> None:
    for roles in (0, 1 << 20, 1 << 31):
        assert world.refuses(AUTHORITY_6, [op(34, POND.id, roles)]) == ("MembersUnknownRoles", roles)
    refusal = world.refuses(AUTHORITY_6, [op(34, POND.id, POND.roles)])
    assert refusal == ("MembersRolesUnchanged", POND.id, POND.roles)
    assert world.refuses(AUTHORITY_6, [op(34, NEWCOMER.id, 2)]) == ("MembersUnknown", NEWCOMER.id)


@provokes("MembersOtherZone", "MembersMissingRole")
@pytest.mark.parametrize("asked", [op(33, POND.id, 2), op(34, POND.id, 1)], ids=["standing", "roles"])
def test_changes_are_refused_when_author_does_not_govern(world: World, asked: tuple[int, bytes]) -> None:
    assert world.refuses(AUTHORITY_2, [asked]) == ("MembersOtherZone", POND.id, 6, 2)
    assert world.refuses(POND, [asked]) == ("MembersMissingRole", POND.id, AUTHORITY)


@provokes("MembersRetired")
def test_nothing_changes_any_more_when_member_has_retired(world: World) -> None:
    world.submit(AUTHORITY_6, [op(33, POND.id, RETIRED)])
    for asked in (
        op(33, POND.id, ACTIVE),
        op(34, POND.id, PRODUCER),
        op(35, POND.id, *NEWCOMER.point, False),
        op(36, POND.key_id),
    ):
        assert world.refuses(AUTHORITY_6, [asked]) == ("MembersRetired", POND.id)


# ---------------------------------------------------------------------------------------------- the last authority


@provokes("MembersLastAuthority")
@pytest.mark.parametrize(
    "asked",
    [
        op(33, AUTHORITY_6.id, SUSPENDED),
        op(33, AUTHORITY_6.id, RETIRED),
        op(34, AUTHORITY_6.id, PRODUCER),
        op(36, AUTHORITY_6.key_id),
    ],
    ids=["suspend", "retire", "roles", "key"],
)
def test_last_authority_of_zone_stays_when_it_would_remove_itself(world: World, asked: tuple[int, bytes]) -> None:
    assert world.refuses(AUTHORITY_6, [asked]) == ("MembersLastAuthority", AUTHORITY_6.id, 6)


@provokes("MembersLastAuthority")
def test_authority_may_leave_when_another_stays(world: World) -> None:
    world.appoint(DEPUTY)
    assert world.members.functions.authorities(6).call() == 2
    world.submit(AUTHORITY_6, [op(33, AUTHORITY_6.id, RETIRED)])
    assert world.members.functions.authorities(6).call() == 1
    refusal = world.refuses(DEPUTY, [op(33, DEPUTY.id, SUSPENDED)])
    assert refusal == ("MembersLastAuthority", DEPUTY.id, 6)
    world.submit(DEPUTY, [admission(NEWCOMER)])


@provokes("MembersLastAuthority")
def test_authority_without_usable_key_does_not_count_when_the_other_leaves(world: World) -> None:
    world.appoint(DEPUTY)
    world.submit(AUTHORITY_6, [op(36, DEPUTY.key_id)])
    assert world.members.functions.authorities(6).call() == 1
    refusal = world.refuses(AUTHORITY_6, [op(33, AUTHORITY_6.id, SUSPENDED)])
    assert refusal == ("MembersLastAuthority", AUTHORITY_6.id, 6)
    world.submit(AUTHORITY_6, [op(35, DEPUTY.id, *DEPUTY.with_key(99).point, False)])
    world.submit(AUTHORITY_6, [op(33, AUTHORITY_6.id, SUSPENDED)])


def test_authority_may_change_its_key_when_the_new_one_comes_first(world: World) -> None:
    successor = AUTHORITY_6.with_key(77)
    world.submit(AUTHORITY_6, [op(35, AUTHORITY_6.id, *successor.point, False), op(36, AUTHORITY_6.key_id)])
    world.submit(successor, [admission(NEWCOMER)])


def test_authorities_are_counted_when_roles_come_and_go(world: World) -> None:
    count = world.members.functions.authorities(6)
    world.submit(AUTHORITY_6, [op(34, POND.id, POND.roles | AUTHORITY)])
    assert count.call() == 1
    world.submit(POND, [op(39, POND.id)])
    assert count.call() == 2
    world.submit(POND, [op(33, AUTHORITY_6.id, SUSPENDED)])
    assert count.call() == 1
    world.submit(POND, [op(33, AUTHORITY_6.id, ACTIVE)])
    assert count.call() == 2
    world.submit(AUTHORITY_6, [op(34, POND.id, POND.roles)])
    assert count.call() == 1


@provokes("MembersNotActive")
def test_authority_cannot_go_on_when_it_suspended_itself_in_the_same_action(world: World) -> None:
    world.appoint(DEPUTY)
    refusal = world.refuses(AUTHORITY_6, [op(33, AUTHORITY_6.id, SUSPENDED), admission(NEWCOMER)])
    assert refusal == ("MembersNotActive", AUTHORITY_6.id, SUSPENDED)
