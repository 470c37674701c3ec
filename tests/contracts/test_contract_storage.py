"""Storage: the slots and fields that docs/contracts.md promises to whoever proves state with eth_getProof."""

from __future__ import annotations

from typing import Any

import pytest
from contract_world import (
    AUTHORITY_6,
    JUDGE,
    MATCHED,
    MEMBERS,
    NOBODY,
    OFFICER,
    ORCHARD,
    SHOP,
    World,
    entries,
    ident,
    op,
    record_match,
    register_lot,
)
from eth_utils import keccak
from test_trades_on_chain import DOCUMENTS, SIGNERS, seal

from contracts import artifact

LOT, CHILD, TRADE = ident("lot"), ident("child lot"), ident("trade")

# struct → words → fields from the low end: (name, bytes)
STRUCTS: dict[str, list[list[tuple[str, int]]]] = {
    "Member": [
        [
            ("roles", 4),
            ("zone", 1),
            ("standing", 1),
            ("custodial", 1),
            ("since", 8),
            ("suspendedUntil", 8),
            ("inOffice", 1),
        ],
        [("latestKeyId", 32)],
    ],
    "Key": [
        [("memberId", 32)],
        [("x", 32)],
        [("y", 32)],
        [("midstate", 32)],
        [("since", 8), ("revokedAt", 8), ("custodial", 1)],
    ],
    "Lot": [
        [("custodian", 32)],
        [("originDigest", 32)],
        [("quantity", 16), ("remaining", 16)],
        [("head", 32)],
        [("total", 8), ("entries", 8), ("registeredAt", 8), ("unit", 1), ("state", 1)],
    ],
    "Document": [[("kind", 1)], [("memberId", 32)], [("keyId", 32)], [("sealedAt", 8)], [("tradeId", 32)]],
    "Trade": [
        [("documents[0]", 32)],
        [("documents[1]", 32)],
        [("documents[2]", 32)],
        [("documents[3]", 32)],
        [("resultDigest", 32)],
        [("matchedAt", 8), ("policyVersion", 4), ("verdict", 1), ("independence", 1)],
    ],
}
VARIABLES = {
    "Submissions": {"_submissionOf": 0},
    "Members": {
        "_member": 0,
        "_key": 1,
        "_usableKeys": 2,
        "_authorities": 3,
        "_threshold": 4,
        "_able": 4,
        "_proposal": 5,
    },
    "Lots": {"_lot": 0, "_parents": 1},
    "Trades": {"_document": 0, "_trade": 1},
}


def slot_of(key: bytes | int, mapping: int | bytes) -> bytes:
    """The slot of a mapping's value: keccak256(key ‖ slot of the mapping), both as words."""
    word = key.to_bytes(32, "big") if isinstance(key, int) else key
    return keccak(word + (mapping.to_bytes(32, "big") if isinstance(mapping, int) else mapping))


class Storage:
    """What the storage of the contracts holds after the newest block."""

    def __init__(self, world: World) -> None:
        evm = world.chain.tester.backend.chain
        self.state = evm.get_vm(at_header=evm.get_block_by_header(evm.get_canonical_head()).header).state

    def word(self, contract: Any, slot: bytes, offset: int = 0) -> bytes:
        address = bytes.fromhex(contract.address[2:])
        return int(self.state.get_storage(address, int.from_bytes(slot, "big") + offset)).to_bytes(32, "big")

    def read(self, contract: Any, slot: bytes, struct: str) -> dict[str, Any]:
        """The fields of a struct as its storage words hold them; bits that belong to no field must be zero."""
        found: dict[str, Any] = {}
        for offset, fields in enumerate(STRUCTS[struct]):
            rest = self.word(contract, slot, offset)
            for name, size in fields:
                value, rest = rest[len(rest) - size :], rest[: len(rest) - size]
                found[name] = value if size == 32 else int.from_bytes(value, "big")
            assert not any(rest), (struct, offset)
        return found


def as_words(facts: dict[str, Any]) -> dict[str, Any]:
    """A getter's answer in the shape of `read`."""
    flat: dict[str, Any] = {}
    for name, value in facts.items():
        if name == "documents":
            flat |= {f"documents[{i}]": digest for i, digest in enumerate(value)}
        else:
            flat[name] = value.to_bytes(32, "big") if name in ("x", "y") else value
    return flat


@pytest.fixture
def used(world: World) -> World:
    """The world with every kind of state in it."""
    world.register(ORCHARD, LOT, 1000)
    world.submit(ORCHARD, [register_lot(CHILD, 60, parents=[(LOT, 70)])], entries(LOT, CHILD, count=3), count=4)
    world.submit(OFFICER, [op(3, CHILD, 2)])
    seal(world, DOCUMENTS, SIGNERS)
    world.submit(JUDGE, [record_match(TRADE, DOCUMENTS, MATCHED, [(LOT, 11)])])
    world.submit(AUTHORITY_6, [op(36, SHOP.key_id)])
    return world


def test_members_and_keys_lie_where_documented_when_read_from_storage(used: World) -> None:
    for who in (AUTHORITY_6, *MEMBERS):
        facts = Storage(used).read(used.members, slot_of(who.id, 0), "Member")
        assert facts == as_words(used.member(who.id))
        assert facts["since"] != 0
        assert Storage(used).read(used.members, slot_of(who.key_id, 1), "Key") == as_words(used.key(who.key_id))
        usable = used.members.functions.usableKeys(who.id).call()
        assert int.from_bytes(Storage(used).word(used.members, slot_of(who.id, 2)), "big") == usable
    assert used.key(SHOP.key_id)["revokedAt"] != 0
    assert int.from_bytes(Storage(used).word(used.members, slot_of(6, 3)), "big") == 1


def test_lots_lie_where_documented_when_read_from_storage(used: World) -> None:
    for lot in (LOT, CHILD):
        facts = Storage(used).read(used.lots, slot_of(lot, 0), "Lot")
        assert facts == as_words(used.lot(lot))
        assert facts["registeredAt"] != 0
    assert used.lot(LOT)["remaining"] == 1000 - 70 - 11
    assert used.lot(CHILD)["state"] == 2
    length = slot_of(CHILD, 1)
    assert int.from_bytes(Storage(used).word(used.lots, length), "big") == 1
    assert Storage(used).word(used.lots, keccak(length)) == LOT
    assert int.from_bytes(Storage(used).word(used.lots, keccak(length), 1), "big") == 70


def test_submission_ids_lie_where_documented_when_read_from_storage(used: World) -> None:
    for nonce in (0, 5, 2**64 - 1):
        signed = used.sign(ORCHARD, nonce=nonce)
        slot = slot_of(nonce, slot_of(ORCHARD.key_id, 0))
        assert Storage(used).word(used.submissions, slot) == NOBODY
        used.send(signed)
        assert Storage(used).word(used.submissions, slot) == signed.submission_id


def test_trades_lie_where_documented_when_read_from_storage(used: World) -> None:
    for digest in DOCUMENTS:
        assert Storage(used).read(used.trades, slot_of(digest, 0), "Document") == as_words(used.document(digest))
    facts = Storage(used).read(used.trades, slot_of(TRADE, 1), "Trade")
    assert facts == as_words(used.trade(TRADE))
    assert facts["independence"] == 3


@pytest.mark.parametrize("name", VARIABLES)
def test_artifact_declares_the_same_layout_when_committed(name: str) -> None:
    layout = artifact(name).storage_layout
    assert {v["label"]: int(v["slot"]) for v in layout["storage"]} == VARIABLES[name]
    assert all(v["offset"] == (4 if v["label"] == "_able" else 0) for v in layout["storage"])
    for kind in layout["types"].values():
        struct = kind["label"].rpartition(".")[2]
        if "members" not in kind or struct not in STRUCTS:
            continue
        declared = {m["label"]: (int(m["slot"]), m["offset"]) for m in kind["members"]}
        expected = {}
        for offset, fields in enumerate(STRUCTS[struct]):
            position = 0
            for field, size in fields:
                expected[field] = (offset, position)
                position += size
        if struct == "Trade":
            expected = {"documents": (0, 0)} | {k: v for k, v in expected.items() if "[" not in k}
        assert declared == expected, struct
