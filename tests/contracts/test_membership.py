"""Members: admission, keys, standing, roles and zones; Z, midstates and the curve."""

from __future__ import annotations

from pathlib import Path

import pytest
from contract_world import (
    ACTIVE,
    AUDITOR,
    AUTHORITY,
    AUTHORITY_2,
    AUTHORITY_6,
    JUDGE,
    NOBODY,
    ORCHARD,
    POND,
    PRODUCER,
    World,
    actor,
    admission,
    ident,
    op,
    provokes,
)
from national.plain_sm2 import IV, A, B, G, P, compress, lift, on_curve

from ledger.crypto.sm2 import PublicKey
from ledger.crypto.sm3 import sm3

DEPUTY = actor("deputy of zone 6", AUTHORITY)
NEWCOMER = actor("newcomer", PRODUCER)


# ------------------------------------------------------------------------------------------------------- admission


def test_admit_stores_member_and_key_and_says_so_when_authority_of_zone_signs(world: World) -> None:
    newcomer = actor("newcomer", PRODUCER | AUDITOR, custodial=True)
    signed = world.sign(AUTHORITY_6, [admission(newcomer)])
    receipt = world.send(signed)
    assert world.member(newcomer.id) == {
        "roles": PRODUCER | AUDITOR,
        "zone": 6,
        "standing": ACTIVE,
        "custodial": True,
        "since": world.now,
        "suspendedUntil": 0,
        "inOffice": False,
        "latestKeyId": newcomer.key_id,
    }
    x, y = newcomer.point
    assert world.key(newcomer.key_id) == {
        "memberId": newcomer.id,
        "x": x,
        "y": y,
        "midstate": compress(IV, newcomer.key_id + world.domain),
        "since": world.now,
        "revokedAt": 0,
        "custodial": True,
    }
    assert world.events(receipt)[1:] == [
        (
            "MemberAdmitted",
            {
                "memberId": newcomer.id,
                "by": AUTHORITY_6.id,
                "submissionId": signed.submission_id,
                "roles": PRODUCER | AUDITOR,
                "zone": 6,
                "custodial": True,
            },
        ),
        (
            "KeyAdded",
            {
                "keyId": newcomer.key_id,
                "memberId": newcomer.id,
                "submissionId": signed.submission_id,
                "x": x,
                "y": y,
                "custodial": True,
            },
        ),
    ]
    assert world.members.functions.usableKeys(newcomer.id).call() == 1
    world.submit(newcomer)


def test_genesis_authorities_exist_and_are_announced_when_constructed(world: World) -> None:
    for authority in (AUTHORITY_6, AUTHORITY_2):
        member = world.member(authority.id)
        assert (member["roles"], member["zone"], member["standing"]) == (AUTHORITY, authority.zone, ACTIVE)
        assert world.key(authority.key_id)["custodial"] is False
        assert world.members.functions.authorities(authority.zone).call() == 1
    assert world.members.functions.authorities(1).call() == 0
    admitted = world.members.events.MemberAdmitted().get_logs(from_block=0, argument_filters={"by": NOBODY})
    assert [log["args"]["memberId"] for log in admitted] == [AUTHORITY_6.id, AUTHORITY_2.id]
    assert {bytes(log["args"]["submissionId"]) for log in admitted} == {NOBODY}
    added = world.members.events.KeyAdded().get_logs(from_block=0, argument_filters={"submissionId": NOBODY})
    assert [log["args"]["keyId"] for log in added] == [AUTHORITY_6.key_id, AUTHORITY_2.key_id]


def test_getters_answer_zero_when_nothing_is_there(world: World) -> None:
    assert set(world.member(ident("nobody")).values()) == {0, NOBODY}
    assert set(world.key(ident("no key")).values()) == {0, NOBODY}


@provokes("MembersAlreadyAdmitted")
def test_admit_refuses_when_member_exists(world: World) -> None:
    again = admission(actor("another key", PRODUCER), id=ORCHARD.id)
    assert world.refuses(AUTHORITY_6, [again]) == ("MembersAlreadyAdmitted", ORCHARD.id)


@provokes("MembersZeroId", "MembersUnknownRoles")
def test_admit_refuses_when_id_or_roles_are_impossible(world: World) -> None:
    assert world.refuses(AUTHORITY_6, [admission(NEWCOMER, id=NOBODY)]) == ("MembersZeroId",)
    for roles in (0, 1 << 20, 2**32 - 1):
        refusal = world.refuses(AUTHORITY_6, [admission(NEWCOMER, roles=roles)])
        assert refusal == ("MembersUnknownRoles", roles)


@provokes("MembersOtherZone")
def test_admit_refuses_when_zone_is_another(world: World) -> None:
    refusal = world.refuses(AUTHORITY_2, [admission(NEWCOMER)])
    assert refusal == ("MembersOtherZone", NEWCOMER.id, 6, 2)


@provokes("MembersMissingRole")
def test_admit_refuses_when_author_is_no_authority(world: World) -> None:
    assert world.refuses(ORCHARD, [admission(NEWCOMER)]) == ("MembersMissingRole", ORCHARD.id, AUTHORITY)


@provokes("MembersUnknownZone", "MembersNoAuthorities", "MembersAlreadyAdmitted", "MembersBadKey")
def test_construction_refuses_when_genesis_is_impossible(world: World) -> None:
    door, hasher = world.submissions.address, world.hasher.address
    good = (AUTHORITY_6.id, 6, *AUTHORITY_6.point)
    assert world.creation_revert("Members", door, hasher, [], 1) == ("MembersNoAuthorities",)
    for zone in (0, 8, 255):
        bad = (AUTHORITY_6.id, zone, *AUTHORITY_6.point)
        assert world.creation_revert("Members", door, hasher, [bad], 1) == ("MembersUnknownZone", zone)
    assert world.creation_revert("Members", door, hasher, [good, good], 1) == ("MembersAlreadyAdmitted", AUTHORITY_6.id)
    off = (AUTHORITY_6.id, 6, 1, 1)
    assert world.creation_revert("Members", door, hasher, [off], 1) == ("MembersBadKey", 1, 1)


# ------------------------------------------------------------------------------------------------------------ keys


def test_constant_of_z_is_state_after_its_first_128_bytes_when_derived() -> None:
    numbers = b"".join(n.to_bytes(32, "big") for n in (A, B, *G))
    prefix = (128).to_bytes(2, "big") + b"1234567812345678" + numbers
    state = compress(compress(IV, prefix[:64]), prefix[64:128])
    source = (Path(__file__).parents[2] / "contracts/src/libraries/StatementHash.sol").read_text(encoding="utf-8")
    assert f"Z_PREFIX_STATE = 0x{state.hex()};" in source
    assert f"GY_TAIL = 0x{prefix[128:].hex()};" in source
    assert f"IV = 0x{IV.hex()};" in source
    assert f"Z_BITS = {8 * (len(prefix) + 64)};" in source
    # and the plain compression above is SM3: the example of GB/T 32905-2016, A.1
    padded = b"abc\x80" + bytes(52) + (24).to_bytes(8, "big")
    assert compress(IV, padded).hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


def test_compute_z_equals_python_when_points_vary(world: World) -> None:
    for who in (ORCHARD, POND, JUDGE):
        x, y = who.point
        z = world.members.functions.computeZ(x, y).call()
        numbers = b"".join(n.to_bytes(32, "big") for n in (A, B, *G, x, y))
        assert z == who.key_id == sm3(b"\x00\x80" + b"1234567812345678" + numbers) == PublicKey(x, y).key_id


def test_compute_z_equals_python_when_words_are_extreme(world: World) -> None:
    for x, y in ((0, 0), (2**256 - 1, 2**256 - 1), (1, 2**255), (2**112 - 1, 2**144)):
        numbers = b"".join(n.to_bytes(32, "big") for n in (A, B, *G, x, y))
        expected = sm3(b"\x00\x80" + b"1234567812345678" + numbers)
        assert world.members.functions.computeZ(x, y).call() == expected


def test_add_key_lets_member_sign_with_both_when_authority_signs(world: World) -> None:
    second = ORCHARD.with_key(4242)
    signed = world.sign(AUTHORITY_6, [op(35, ORCHARD.id, *second.point, True)])
    receipt = world.send(signed)
    x, y = second.point
    assert world.events(receipt)[1:] == [
        (
            "KeyAdded",
            {
                "keyId": second.key_id,
                "memberId": ORCHARD.id,
                "submissionId": signed.submission_id,
                "x": x,
                "y": y,
                "custodial": True,
            },
        )
    ]
    assert world.member(ORCHARD.id)["latestKeyId"] == second.key_id
    assert world.member(ORCHARD.id)["custodial"] is True
    assert world.members.functions.usableKeys(ORCHARD.id).call() == 2
    world.submit(ORCHARD)
    world.submit(second)


def test_revoke_key_stops_that_key_only_when_authority_signs(world: World) -> None:
    second = ORCHARD.with_key(4242)
    world.submit(AUTHORITY_6, [op(35, ORCHARD.id, *second.point, False)])
    signed = world.sign(AUTHORITY_6, [op(36, ORCHARD.key_id)])
    receipt = world.send(signed)
    facts = {"keyId": ORCHARD.key_id, "memberId": ORCHARD.id, "submissionId": signed.submission_id}
    assert world.events(receipt)[1:] == [("KeyRevoked", facts)]
    assert world.key(ORCHARD.key_id)["revokedAt"] == world.now
    assert world.members.functions.usableKeys(ORCHARD.id).call() == 1
    world.submit(second)


@provokes("MembersBadKey")
@pytest.mark.parametrize("operation", [32, 35])
def test_key_is_refused_when_it_is_no_point_of_the_curve(world: World, operation: int) -> None:
    x, y = NEWCOMER.point
    points = [
        (0, 0),
        (x, y ^ 1),
        (x ^ 1, y),
        (y, x),
        (P, y),
        (x, P),
        (2**256 - 1, y),
        (*NIST_P256_G,),
    ]
    for point in points:
        admitted = admission(NEWCOMER, x=point[0], y=point[1])
        asked = admitted if operation == 32 else op(35, ORCHARD.id, *point, False)
        assert world.refuses(AUTHORITY_6, [asked]) == ("MembersBadKey", *point)


# A point of another curve with the same a = p - 3 shape
NIST_P256_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


@provokes("MembersBadKey")
def test_key_is_refused_when_a_coordinate_is_a_reducible_alias(world: World) -> None:
    # x + p fits 256 bits only for x < 2^256 - p: look for a point of the curve with so small an x
    small, y = next(point for x in range(1, 200) if (point := lift(x)))
    x, low = 0x9C17043EFFE1A805A74A9A5E70B9D659705D3242094A566DC016F49311178D1F, 1  # a root of x³ + ax + b = 1
    assert on_curve(x, low)
    assert world.refuses(AUTHORITY_6, [admission(NEWCOMER, x=x, y=low + P)]) == ("MembersBadKey", x, low + P)
    world.submit(AUTHORITY_6, [op(35, ORCHARD.id, x, low, False)])
    refusal = world.refuses(AUTHORITY_6, [admission(NEWCOMER, x=small + P, y=y)])
    assert refusal == ("MembersBadKey", small + P, y)
    world.submit(AUTHORITY_6, [admission(NEWCOMER, x=small, y=y)])


@provokes("MembersKeyTaken")
def test_key_is_refused_when_it_belongs_or_belonged_to_a_member(world: World) -> None:
    asked = admission(NEWCOMER, x=POND.point[0], y=POND.point[1])
    assert world.refuses(AUTHORITY_6, [asked]) == ("MembersKeyTaken", POND.key_id, POND.id)
    world.submit(AUTHORITY_6, [op(36, POND.key_id)])
    assert world.refuses(AUTHORITY_6, [asked]) == ("MembersKeyTaken", POND.key_id, POND.id)
    back = op(35, POND.id, *POND.point, False)
    assert world.refuses(AUTHORITY_6, [back]) == ("MembersKeyTaken", POND.key_id, POND.id)


@provokes("MembersUnknownKey", "MembersKeyRevoked", "MembersOtherZone")
def test_revoke_key_refuses_when_unknown_or_revoked_or_of_another_zone(world: World) -> None:
    assert world.refuses(AUTHORITY_6, [op(36, ident("no key"))]) == ("MembersUnknownKey", ident("no key"))
    assert world.refuses(AUTHORITY_2, [op(36, POND.key_id)]) == ("MembersOtherZone", POND.id, 6, 2)
    world.submit(AUTHORITY_6, [op(36, POND.key_id)])
    revoked_at = world.now
    world.submit(ORCHARD)
    assert world.refuses(AUTHORITY_6, [op(36, POND.key_id)]) == ("MembersKeyRevoked", POND.key_id, revoked_at)


@provokes("MembersUnknown", "MembersOtherZone", "MembersMissingRole")
def test_add_key_refuses_when_member_unknown_or_author_may_not(world: World) -> None:
    point = NEWCOMER.point
    assert world.refuses(AUTHORITY_6, [op(35, NEWCOMER.id, *point, False)]) == ("MembersUnknown", NEWCOMER.id)
    asked = [op(35, POND.id, *point, False)]
    assert world.refuses(AUTHORITY_2, asked) == ("MembersOtherZone", POND.id, 6, 2)
    assert world.refuses(POND, asked) == ("MembersMissingRole", POND.id, AUTHORITY)


# -------------------------------------------------------------------------------------------------------- the door


@provokes("MembersNotSubmissions")
@pytest.mark.parametrize("kind", range(32, 40))
def test_members_refuse_when_caller_is_not_submissions(world: World, kind: int) -> None:
    author = (AUTHORITY_6.id, AUTHORITY_6.key_id, AUTHORITY, 6)
    asked = {
        32: admission(NEWCOMER),
        33: op(33, POND.id, 2),
        34: op(34, POND.id, 1),
        35: op(35, POND.id, *NEWCOMER.point, False),
        36: op(36, POND.key_id),
        37: op(37, 2),
        38: op(38, POND.id),
        39: op(39, AUTHORITY_6.id),
    }[kind]
    call = world.members.functions.govern(author, ident("submission"), asked)
    for sender in (0, 3):
        caller = world.chain.accounts[sender].lower()
        assert world.revert_of(call, sender=sender) == ("MembersNotSubmissions", caller)


@provokes("MembersUnknown")
def test_require_active_refuses_when_member_is_unknown(world: World) -> None:
    refusal = world.revert_of(world.members.functions.requireActive(NEWCOMER.id))
    assert refusal == ("MembersUnknown", NEWCOMER.id)
