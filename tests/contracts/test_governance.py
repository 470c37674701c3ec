"""Members: m authorities decide together; proposals, the threshold, offices and emergency suspensions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from contract_world import (
    ACTIVE,
    AUTHORITY,
    AUTHORITY_2,
    AUTHORITY_6,
    NOBODY,
    POND,
    PRODUCER,
    RETIRED,
    SHOP,
    SUSPENDED,
    Actor,
    World,
    actor,
    admission,
    ident,
    op,
    provokes,
)
from eth_abi import encode
from eth_utils import keccak

AUTHORITY_3 = actor("authority of zone 3", AUTHORITY, 3)
FOURTH = actor("authority of zone 4", AUTHORITY, 4)
NEWCOMER = actor("newcomer", PRODUCER)
DAY = 86_400
WINDOW, EMERGENCY = 14 * DAY, 3 * DAY


def proposal_id(operation: tuple[int, bytes]) -> bytes:
    return keccak(encode(["uint8", "bytes"], operation))


@pytest.fixture(scope="module")
def council(new_chain: Callable[[], Any]) -> World:
    """Four authorities, of which three decide together, and two members."""
    made = World(new_chain(), (AUTHORITY_6, AUTHORITY_2, AUTHORITY_3, FOURTH), 3)
    for member in (POND, SHOP):
        for authority in (AUTHORITY_6, AUTHORITY_2, AUTHORITY_3):
            made.submit(authority, [admission(member)])
    return made


@pytest.fixture
def three(council: World) -> Iterator[World]:
    before = council.chain.tester.take_snapshot()
    yield council
    council.chain.tester.revert_to_snapshot(before)


def decide(world: World, operation: tuple[int, bytes], *by: Actor) -> Any:
    """Everybody named submits the operation; the last receipt."""
    for who in by:
        receipt = world.submit(who, [operation])
    return receipt


def later(world: World, seconds: int) -> None:
    world.chain.tester.time_travel(world.now + seconds)
    world.chain.tester.mine_block()


def proposal(world: World, operation: tuple[int, bytes]) -> dict[str, Any]:
    return world._struct(world.members, "proposal", proposal_id(operation))


def names(world: World, receipt: Any) -> list[str]:
    return [name for name, _ in world.events(receipt)]


# ------------------------------------------------------------------------------------------------------- proposals


def test_operation_is_carried_out_when_the_last_needed_authority_approves(three: World) -> None:
    asked = op(33, POND.id, SUSPENDED)
    identity = proposal_id(asked)
    first = three.sign(AUTHORITY_2, [asked])
    receipt = three.send(first)
    deadline = three.now + WINDOW
    about = {"proposalId": identity, "by": AUTHORITY_2.id, "submissionId": first.submission_id}
    assert three.events(receipt)[1:] == [
        ("ProposalOpened", {**about, "kind": 33, "data": asked[1], "deadline": deadline, "round": 1}),
        ("ProposalApproved", {**about, "approvals": 1, "needed": 3}),
    ]
    assert proposal(three, asked) == {"deadline": deadline, "round": 1, "approvers": [AUTHORITY_2.id]}
    assert names(three, three.submit(AUTHORITY_3, [asked])) == ["Accepted", "ProposalApproved"]
    assert three.member(POND.id)["standing"] == ACTIVE
    last = three.sign(FOURTH, [asked])
    receipt = three.send(last)
    about = {"proposalId": identity, "submissionId": last.submission_id}
    assert three.events(receipt)[1:] == [
        ("ProposalApproved", {**about, "by": FOURTH.id, "approvals": 3, "needed": 3}),
        ("ProposalExecuted", {**about, "round": 1}),
        (
            "StandingChanged",
            {"memberId": POND.id, "by": FOURTH.id, "submissionId": last.submission_id, "standing": SUSPENDED},
        ),
    ]
    assert three.member(POND.id)["standing"] == SUSPENDED
    assert proposal(three, asked) == {"deadline": 0, "round": 1, "approvers": []}


def test_every_kind_of_change_waits_for_its_approvals_when_three_decide(three: World) -> None:
    for asked in (
        admission(NEWCOMER),
        op(34, POND.id, PRODUCER),
        op(35, POND.id, *POND.with_key(5).point, True),
        op(36, POND.key_id),
        op(37, 2),
    ):
        approvals = [names(three, three.submit(who, [asked]))[1:] for who in (AUTHORITY_6, AUTHORITY_2, AUTHORITY_3)]
        assert approvals[:2] == [["ProposalOpened", "ProposalApproved"], ["ProposalApproved"]]
        assert approvals[2][:2] == ["ProposalApproved", "ProposalExecuted"]
        assert len(approvals[2]) in (3, 4)
    assert three.members.functions.threshold().call() == 2


def test_executed_operation_is_a_new_round_when_proposed_again(three: World) -> None:
    suspend, back = op(33, POND.id, SUSPENDED), op(33, POND.id, ACTIVE)
    for asked in (suspend, back):
        decide(three, asked, AUTHORITY_6, AUTHORITY_2, AUTHORITY_3)
    three.submit(AUTHORITY_6, [suspend])
    assert proposal(three, suspend)["round"] == 2
    assert proposal(three, suspend)["approvers"] == [AUTHORITY_6.id]
    assert three.member(POND.id)["standing"] == ACTIVE


def test_approvals_expire_when_the_deadline_is_over(three: World) -> None:
    asked = op(33, POND.id, SUSPENDED)
    decide(three, asked, AUTHORITY_6, AUTHORITY_2)
    later(three, WINDOW + 1)
    receipt = three.submit(AUTHORITY_3, [asked])
    assert names(three, receipt) == ["Accepted", "ProposalOpened", "ProposalApproved"]
    assert proposal(three, asked) == {"deadline": three.now + WINDOW, "round": 2, "approvers": [AUTHORITY_3.id]}
    assert three.member(POND.id)["standing"] == ACTIVE
    decide(three, asked, AUTHORITY_2, AUTHORITY_6)
    assert three.member(POND.id)["standing"] == SUSPENDED


@provokes("MembersAlreadyApproved")
def test_approval_counts_once_when_an_authority_gives_it_twice(three: World) -> None:
    asked = op(33, POND.id, SUSPENDED)
    refusal = ("MembersAlreadyApproved", proposal_id(asked), AUTHORITY_6.id)
    assert three.refuses(AUTHORITY_6, [asked, asked]) == refusal
    three.submit(AUTHORITY_6, [asked])
    assert three.refuses(AUTHORITY_6, [asked]) == refusal


@provokes("MembersAlreadyApproved")
def test_approval_counts_once_when_an_authority_has_two_keys(three: World) -> None:
    second = AUTHORITY_6.with_key(66)
    decide(three, op(35, AUTHORITY_6.id, *second.point, False), AUTHORITY_6, AUTHORITY_2, AUTHORITY_3)
    asked = op(33, POND.id, SUSPENDED)
    decide(three, asked, AUTHORITY_6, AUTHORITY_2)
    assert three.refuses(second, [asked]) == ("MembersAlreadyApproved", proposal_id(asked), AUTHORITY_6.id)


@provokes("SubmissionsNonceUsed")
def test_approval_cannot_be_replayed_when_its_round_is_over(three: World) -> None:
    asked = op(33, POND.id, SUSPENDED)
    signed = three.sign(AUTHORITY_6, [asked])
    three.send(signed)
    decide(three, asked, AUTHORITY_2, AUTHORITY_3)
    decide(three, op(33, POND.id, ACTIVE), AUTHORITY_6, AUTHORITY_2, AUTHORITY_3)
    assert three.refused(signed)[0] == "SubmissionsNonceUsed"


@pytest.mark.parametrize("removal", [op(33, AUTHORITY_6.id, SUSPENDED), op(34, AUTHORITY_6.id, PRODUCER),
                                     op(36, AUTHORITY_6.key_id)], ids=["suspended", "roles", "keyless"])  # fmt: skip
def test_approval_no_longer_counts_when_its_authority_is_removed(three: World, removal: tuple[int, bytes]) -> None:
    asked = op(33, POND.id, SUSPENDED)
    decide(three, asked, AUTHORITY_6, AUTHORITY_2)
    decide(three, removal, AUTHORITY_2, AUTHORITY_3, FOURTH)
    receipt = three.submit(AUTHORITY_3, [asked])
    assert dict(three.events(receipt))["ProposalApproved"]["approvals"] == 2
    assert three.member(POND.id)["standing"] == ACTIVE
    three.submit(FOURTH, [asked])
    assert three.member(POND.id)["standing"] == SUSPENDED


@provokes("MembersNotActive", "MembersMissingRole")
def test_approval_is_refused_when_its_author_is_no_able_authority(three: World) -> None:
    asked = op(33, POND.id, SUSPENDED)
    assert three.refuses(POND, [asked]) == ("MembersMissingRole", POND.id, AUTHORITY)
    decide(three, op(33, AUTHORITY_6.id, SUSPENDED), AUTHORITY_2, AUTHORITY_3, FOURTH)
    assert three.refuses(AUTHORITY_6, [asked]) == ("MembersNotActive", AUTHORITY_6.id, SUSPENDED)


@provokes(
    "MembersAlreadyAdmitted", "MembersZeroId", "MembersUnknownZone", "MembersUnknownRoles", "MembersKeyTaken",
    "MembersBadKey", "MembersUnknown", "MembersStandingUnchanged", "MembersRolesUnchanged", "MembersUnknownKey",
    "MembersBadThreshold", "MembersThresholdUnchanged", "MembersUnknownStanding",
)  # fmt: skip
def test_first_approval_is_refused_when_the_operation_cannot_be_carried_out(three: World) -> None:
    for asked, error in (
        (admission(POND), "MembersAlreadyAdmitted"),
        (admission(NEWCOMER, id=NOBODY), "MembersZeroId"),
        (admission(NEWCOMER, zone=8), "MembersUnknownZone"),
        (admission(NEWCOMER, roles=1 << 20), "MembersUnknownRoles"),
        (admission(NEWCOMER, x=POND.point[0], y=POND.point[1]), "MembersKeyTaken"),
        (admission(NEWCOMER, x=1, y=1), "MembersBadKey"),
        (op(33, NEWCOMER.id, SUSPENDED), "MembersUnknown"),
        (op(33, POND.id, 4), "MembersUnknownStanding"),
        (op(33, POND.id, ACTIVE), "MembersStandingUnchanged"),
        (op(34, POND.id, POND.roles), "MembersRolesUnchanged"),
        (op(35, POND.id, *POND.point, False), "MembersKeyTaken"),
        (op(36, ident("no key")), "MembersUnknownKey"),
        (op(37, 0), "MembersBadThreshold"),
        (op(37, 5), "MembersBadThreshold"),
        (op(37, 3), "MembersThresholdUnchanged"),
    ):
        before = proposal(three, asked)
        assert three.refuses(AUTHORITY_6, [asked])[0] == error
        assert proposal(three, asked) == before and before["approvers"] == []


@provokes("MembersRolesUnchanged")
def test_last_approval_is_refused_and_not_kept_when_the_operation_became_impossible(three: World) -> None:
    asked, other = op(34, POND.id, PRODUCER), op(34, POND.id, PRODUCER | 2)
    decide(three, asked, AUTHORITY_6, AUTHORITY_2)
    decide(three, op(34, POND.id, 4), AUTHORITY_6, AUTHORITY_2, AUTHORITY_3)
    decide(three, other, AUTHORITY_6, AUTHORITY_2, AUTHORITY_3)
    assert three.member(POND.id)["roles"] == PRODUCER | 2
    three.submit(FOURTH, [asked])  # an older proposal still may overtake: everybody signed exactly this
    assert three.member(POND.id)["roles"] == PRODUCER
    again = op(34, POND.id, PRODUCER)
    assert three.refuses(FOURTH, [again]) == ("MembersRolesUnchanged", POND.id, PRODUCER)
    assert proposal(three, again)["approvers"] == []


# ---------------------------------------------------------------------------------------------- too few authorities


@provokes("MembersTooFewAuthorities")
@pytest.mark.parametrize(
    "asked",
    [op(33, FOURTH.id, SUSPENDED), op(33, FOURTH.id, RETIRED), op(34, FOURTH.id, PRODUCER), op(36, FOURTH.key_id)],
    ids=["suspend", "retire", "roles", "key"],
)
def test_removal_is_refused_when_fewer_authorities_than_decide_would_stay(
    three: World, asked: tuple[int, bytes]
) -> None:
    decide(three, op(33, AUTHORITY_6.id, SUSPENDED), AUTHORITY_2, AUTHORITY_3, FOURTH)
    assert three.members.functions.ableAuthorities().call() == 3
    decide(three, asked, AUTHORITY_2, AUTHORITY_3)
    assert three.refuses(FOURTH, [asked]) == ("MembersTooFewAuthorities", FOURTH.id, 3)
    assert three.members.functions.ableAuthorities().call() == 3


def test_a_zone_may_lose_its_last_authority_when_others_decide_for_it(three: World) -> None:
    decide(three, op(33, AUTHORITY_6.id, RETIRED), AUTHORITY_2, AUTHORITY_3, FOURTH)
    assert three.members.functions.authorities(6).call() == 0
    decide(three, op(33, POND.id, SUSPENDED), AUTHORITY_2, AUTHORITY_3, FOURTH)
    assert three.member(POND.id)["standing"] == SUSPENDED


# --------------------------------------------------------------------------------------------------- the threshold


@provokes("MembersBadThreshold", "MembersNoAuthorities")
def test_construction_refuses_when_threshold_and_authorities_do_not_fit(three: World) -> None:
    door, hasher = three.submissions.address, three.hasher.address
    genesis = [(a.id, a.zone, *a.point) for a in (AUTHORITY_6, AUTHORITY_2)]
    for threshold in (0, 3, 2**32 - 1):
        assert three.creation_revert("Members", door, hasher, genesis, threshold) == (
            "MembersBadThreshold",
            threshold,
            2,
        )
    assert three.creation_revert("Members", door, hasher, [], 1) == ("MembersNoAuthorities",)


def test_threshold_and_its_announcement_are_there_when_constructed(three: World) -> None:
    assert three.members.functions.threshold().call() == 3
    assert three.members.functions.ableAuthorities().call() == 4
    assert three.members.functions.thresholdMajority().call() == 3
    [log] = three.members.events.ThresholdChanged().get_logs(from_block=0)
    assert dict(log["args"]) == {"by": NOBODY, "submissionId": NOBODY, "threshold": 3}


def test_threshold_needs_a_majority_when_one_decides_everything_else(world: World) -> None:
    asked = op(37, 2)
    assert world.members.functions.thresholdMajority().call() == 2
    assert names(world, world.submit(AUTHORITY_6, [asked])) == ["Accepted", "ProposalOpened", "ProposalApproved"]
    assert world.members.functions.threshold().call() == 1
    signed = world.sign(AUTHORITY_2, [asked])
    receipt = world.send(signed)
    facts = {"by": AUTHORITY_2.id, "submissionId": signed.submission_id, "threshold": 2}
    assert world.events(receipt)[-1] == ("ThresholdChanged", facts)
    assert world.members.functions.threshold().call() == 2
    assert names(world, world.submit(AUTHORITY_6, [admission(NEWCOMER)])) == [
        "Accepted",
        "ProposalOpened",
        "ProposalApproved",
    ]


def test_threshold_stands_when_fewer_than_a_majority_want_it_lower(three: World) -> None:
    decide(three, op(37, 1), AUTHORITY_6, AUTHORITY_2)
    assert three.members.functions.threshold().call() == 3


def test_one_authority_decides_again_when_the_threshold_fell_to_one(three: World) -> None:
    asked = op(33, POND.id, SUSPENDED)
    three.submit(AUTHORITY_6, [asked])
    decide(three, op(37, 1), AUTHORITY_6, AUTHORITY_2, AUTHORITY_3)
    receipt = three.submit(AUTHORITY_6, [asked])  # its own open proposal is closed with it
    assert names(three, receipt) == ["Accepted", "ProposalExecuted", "StandingChanged"]
    assert proposal(three, asked) == {"deadline": 0, "round": 1, "approvers": []}
    receipt = three.submit(AUTHORITY_6, [op(33, POND.id, ACTIVE)])
    assert names(three, receipt) == ["Accepted", "StandingChanged"]


def test_approvals_suffice_when_the_threshold_fell_below_their_number(three: World) -> None:
    asked = op(33, POND.id, SUSPENDED)
    decide(three, asked, AUTHORITY_6, AUTHORITY_2)
    decide(three, op(37, 2), AUTHORITY_6, AUTHORITY_2, AUTHORITY_3)
    assert three.member(POND.id)["standing"] == ACTIVE
    receipt = three.submit(AUTHORITY_6, [asked])
    assert names(three, receipt) == ["Accepted", "ProposalExecuted", "StandingChanged"]


@provokes("MembersBadThreshold")
def test_threshold_is_refused_when_two_proposals_race_and_authorities_left(three: World) -> None:
    """Four decide alike only as long as there are four."""
    decide(three, op(37, 4), AUTHORITY_6, AUTHORITY_2)
    decide(three, op(33, FOURTH.id, SUSPENDED), AUTHORITY_6, AUTHORITY_2, AUTHORITY_3)
    assert three.refuses(AUTHORITY_3, [op(37, 4)]) == ("MembersBadThreshold", 4, 3)


@provokes("MembersTooFewAuthorities")
def test_removal_is_refused_when_the_threshold_was_raised_in_between(three: World) -> None:
    asked = op(33, FOURTH.id, SUSPENDED)
    decide(three, asked, AUTHORITY_6, AUTHORITY_2)
    decide(three, op(37, 4), AUTHORITY_6, AUTHORITY_2, AUTHORITY_3)
    three.submit(AUTHORITY_3, [asked])
    assert three.member(FOURTH.id)["standing"] == ACTIVE
    assert three.refuses(FOURTH, [asked]) == ("MembersTooFewAuthorities", FOURTH.id, 4)
