"""The verifier's storage constants against the layout that the compiler wrote."""

from __future__ import annotations

import random

import pytest

from contracts import artifact
from ledger.crypto.keccak import keccak256
from ledger.proof import slots


def layout(contract):
    return artifact(contract).storage_layout


def variable(contract, label):
    (found,) = [entry for entry in layout(contract)["storage"] if entry["label"] == label]
    return found


def struct(contract, name):
    (found,) = [t for key, t in layout(contract)["types"].items() if key.startswith(f"t_struct({name})")]
    return found


@pytest.mark.parametrize(
    ("contract", "label", "position"),
    [
        ("Submissions", "_submissionOf", slots.SUBMISSIONS_USED),
        ("Members", "_member", slots.MEMBERS_MEMBERS),
        ("Members", "_key", slots.MEMBERS_KEYS),
        ("Members", "_proposal", slots.MEMBERS_PROPOSALS),
        ("Lots", "_lot", slots.LOTS_LOTS),
    ],
)
def test_mapping_is_where_the_compiler_put_it(contract, label, position):
    found = variable(contract, label)
    assert (int(found["slot"]), found["offset"]) == (position, 0)
    assert found["type"].startswith("t_mapping(t_bytes32,")


@pytest.mark.parametrize(
    ("contract", "name", "words", "read", "fields"),
    [
        (
            "Members", "Member", slots.MEMBER_WORDS, slots.read_member,
            {"roles": "roles", "zone": "zone", "standing": "standing", "custodial": "custodial", "since": "since",
             "suspendedUntil": "suspended_until", "inOffice": "in_office", "latestKeyId": "latest_key_id"},
        ),
        (
            "Members", "Key", slots.KEY_WORDS, slots.read_key,
            {"memberId": "member_id", "x": "x", "y": "y", "since": "since", "revokedAt": "revoked_at",
             "custodial": "custodial"},
        ),
        (
            "Lots", "Lot", slots.LOT_WORDS, slots.read_lot,
            {"custodian": "custodian", "originDigest": "origin_digest", "quantity": "quantity",
             "remaining": "remaining", "head": "head", "total": "total", "entries": "entries",
             "registeredAt": "registered_at", "unit": "unit", "state": "state"},
        ),
    ],
)  # fmt: skip
def test_struct_is_read_where_the_compiler_put_its_fields(contract, name, words, read, fields):
    compiled = struct(contract, name)
    types = layout(contract)["types"]
    assert int(compiled["numberOfBytes"]) == 32 * words
    rng = random.Random(name)
    for member in compiled["members"]:
        size = int(types[member["type"]]["numberOfBytes"])
        value = 1 if member["type"] == "t_bool" else rng.getrandbits(8 * size)
        memory = [0] * words
        memory[int(member["slot"])] = value << 8 * member["offset"]
        if member["label"] not in fields:
            assert (name, member["label"], int(member["slot"])) == ("Key", "midstate", slots.KEY_MIDSTATE_WORD)
            continue
        state = read(memory)
        for label, attribute in fields.items():
            got = getattr(state, attribute)
            expected = value if label == member["label"] else 0
            assert got == (expected.to_bytes(32, "big") if isinstance(got, bytes) else expected), label


def test_slots_follow_the_rule_for_mappings():
    key = bytes(range(32))
    first = int.from_bytes(keccak256(key + bytes(32)), "big")
    assert slots.lot_slots(key) == tuple(first + at for at in range(5))
    assert slots.member_slots(key) == (first, first + 1)
    assert slots.key_slots(key)[0] == int.from_bytes(keccak256(key + (1).to_bytes(32, "big")), "big")
    inner = keccak256((7).to_bytes(32, "big") + keccak256(key + bytes(32)))
    assert slots.submission_slot(key, 7) == int.from_bytes(inner, "big")
