"""Members: taking office, and emergency suspensions."""

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
from test_governance import AUTHORITY_3, DAY, EMERGENCY, FOURTH, NEWCOMER, council, decide, later, three

__all__ = ["council", "three"]  # fixtures


# ---------------------------------------------------------------------------------------------------------- offices


@provokes("MembersNotInOffice", "MembersAlreadyInOffice", "MembersNotOneself", "MembersMissingRole")
def test_authority_is_able_when_it_accepted_its_office(world: World) -> None:
    deputy = actor("deputy of zone 6", AUTHORITY)
    world.submit(AUTHORITY_6, [admission(deputy)])
    assert world.refuses(deputy, [admission(NEWCOMER)]) == ("MembersNotInOffice", deputy.id)
    assert world.refuses(deputy, [op(38, POND.id)]) == ("MembersNotInOffice", deputy.id)
    assert world.refuses(AUTHORITY_6, [op(39, deputy.id)]) == ("MembersNotOneself", deputy.id, AUTHORITY_6.id)
    assert world.refuses(POND, [op(39, POND.id)]) == ("MembersMissingRole", POND.id, AUTHORITY)
    assert world.members.functions.authorities(6).call() == 1
    signed = world.sign(deputy, [op(39, deputy.id)])
    receipt = world.send(signed)
    facts = {"memberId": deputy.id, "submissionId": signed.submission_id}
    assert world.events(receipt)[1:] == [("OfficeAccepted", facts)]
    assert world.member(deputy.id)["inOffice"] is True
    assert world.members.functions.authorities(6).call() == 2
    assert world.refuses(deputy, [op(39, deputy.id)]) == ("MembersAlreadyInOffice", deputy.id)
    world.submit(deputy, [admission(NEWCOMER)])


@provokes("MembersNotInOffice")
def test_office_ends_when_the_role_is_lost(world: World) -> None:
    deputy = actor("deputy of zone 6", AUTHORITY)
    world.appoint(deputy)
    world.submit(AUTHORITY_6, [op(34, deputy.id, PRODUCER)])
    assert world.member(deputy.id)["inOffice"] is False
    world.submit(AUTHORITY_6, [op(34, deputy.id, AUTHORITY)])
    assert world.refuses(deputy, [admission(NEWCOMER)]) == ("MembersNotInOffice", deputy.id)
    world.submit(deputy, [op(39, deputy.id)])
    world.submit(deputy, [admission(NEWCOMER)])


@provokes("MembersNoUsableKey")
def test_authority_cannot_go_on_when_it_revoked_its_last_key_in_the_same_action(world: World) -> None:
    world.appoint(actor("deputy of zone 6", AUTHORITY))
    asked = [op(36, AUTHORITY_6.key_id), admission(NEWCOMER)]
    assert world.refuses(AUTHORITY_6, asked) == ("MembersNoUsableKey", AUTHORITY_6.id)


# ------------------------------------------------------------------------------------------------------ emergencies


@provokes("MembersNotActive")
def test_emergency_suspends_at_once_and_lapses_when_nobody_confirms(three: World) -> None:
    signed = three.sign(AUTHORITY_2, [op(38, POND.id)])
    receipt = three.send(signed)
    until = three.now + EMERGENCY
    facts = {"memberId": POND.id, "by": AUTHORITY_2.id, "submissionId": signed.submission_id}
    assert three.events(receipt)[1:] == [
        ("EmergencySuspension", {**facts, "until": until}),
        ("StandingChanged", {**facts, "standing": SUSPENDED}),
    ]
    assert three.member(POND.id)["suspendedUntil"] == until
    signed = three.sign(POND, expiry=until + DAY)
    assert three.refused(signed, time=until) == ("MembersNotActive", POND.id, SUSPENDED)
    assert not three.simulate(
        bytes.fromhex(three.submissions.functions.submit(*signed.arguments)._encode_transaction_data()[2:]),
        three.submissions.address,
        time=until + 1,
    ).is_error
    later(three, EMERGENCY + 1)
    three.submit(POND)


@provokes("MembersEmergencySpent")
def test_emergency_cannot_be_repeated_when_the_last_was_not_confirmed(three: World) -> None:
    three.submit(AUTHORITY_2, [op(38, POND.id)])
    until = three.member(POND.id)["suspendedUntil"]
    later(three, EMERGENCY + 1)
    assert three.refuses(AUTHORITY_3, [op(38, POND.id)]) == ("MembersEmergencySpent", POND.id, until)
    decide(three, op(33, POND.id, ACTIVE), AUTHORITY_6, AUTHORITY_2, AUTHORITY_3)
    three.submit(AUTHORITY_3, [op(38, POND.id)])


@pytest.mark.parametrize("before", [True, False], ids=["in time", "after it lapsed"])
@provokes("MembersNotActive")
def test_emergency_becomes_a_suspension_when_it_is_confirmed(three: World, before: bool) -> None:
    three.submit(AUTHORITY_2, [op(38, POND.id)])
    if not before:
        later(three, EMERGENCY + 1)
        three.submit(POND)
    decide(three, op(33, POND.id, SUSPENDED), AUTHORITY_2, AUTHORITY_3, FOURTH)
    assert three.member(POND.id)["suspendedUntil"] == 0
    later(three, EMERGENCY + 1)
    assert three.refuses(POND) == ("MembersNotActive", POND.id, SUSPENDED)


@provokes("MembersIsAuthority", "MembersNotActive", "MembersRetired", "MembersUnknown", "MembersMissingRole")
def test_emergency_is_refused_when_it_is_none(three: World) -> None:
    assert three.refuses(AUTHORITY_2, [op(38, AUTHORITY_6.id)]) == ("MembersIsAuthority", AUTHORITY_6.id)
    assert three.refuses(AUTHORITY_2, [op(38, NEWCOMER.id)]) == ("MembersUnknown", NEWCOMER.id)
    assert three.refuses(POND, [op(38, SHOP.id)]) == ("MembersMissingRole", POND.id, AUTHORITY)
    three.submit(AUTHORITY_2, [op(38, SHOP.id)])
    assert three.refuses(AUTHORITY_3, [op(38, SHOP.id)]) == ("MembersNotActive", SHOP.id, SUSPENDED)
    decide(three, op(33, POND.id, RETIRED), AUTHORITY_2, AUTHORITY_3, FOURTH)
    assert three.refuses(AUTHORITY_2, [op(38, POND.id)]) == ("MembersRetired", POND.id)


@provokes("MembersOtherZone")
def test_emergency_is_for_the_own_zone_when_one_decides_alone(world: World) -> None:
    assert world.refuses(AUTHORITY_2, [op(38, POND.id)]) == ("MembersOtherZone", POND.id, 6, 2)
    world.submit(AUTHORITY_6, [op(38, POND.id)])


@provokes("MembersNotActive")
def test_office_is_not_accepted_when_the_member_is_suspended_for_a_time(three: World) -> None:
    """So nobody in office ever has a suspension that lapses, and the count of able authorities stays true."""
    decide(three, op(34, POND.id, AUTHORITY), AUTHORITY_2, AUTHORITY_3, FOURTH)
    three.submit(AUTHORITY_2, [op(38, POND.id)])
    assert three.refuses(POND, [op(39, POND.id)]) == ("MembersNotActive", POND.id, SUSPENDED)
    later(three, EMERGENCY + 1)
    three.submit(POND, [op(39, POND.id)])
    assert three.members.functions.ableAuthorities().call() == 5
    decide(three, op(33, POND.id, SUSPENDED), AUTHORITY_2, AUTHORITY_3, FOURTH)
    assert three.members.functions.ableAuthorities().call() == 4


def test_an_authority_alone_changes_nothing_for_good_when_three_decide(three: World) -> None:
    """Whatever one authority submits by itself, no member is admitted, changed or re-keyed."""
    before = {who: (three.member(who.id), three.key(who.key_id)) for who in (POND, SHOP, AUTHORITY_6, FOURTH)}
    for asked in (
        admission(NEWCOMER),
        op(33, POND.id, RETIRED),
        op(33, FOURTH.id, RETIRED),
        op(34, SHOP.id, AUTHORITY),
        op(35, POND.id, *NEWCOMER.point, True),
        op(36, FOURTH.key_id),
        op(37, 1),
    ):
        three.submit(AUTHORITY_2, [asked])
    assert {who: (three.member(who.id), three.key(who.key_id)) for who in before} == before
    assert three.member(NEWCOMER.id)["since"] == 0
    assert three.members.functions.threshold().call() == 3
