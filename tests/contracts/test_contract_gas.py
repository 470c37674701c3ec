"""Gas of every use case and sizes of every contract, compared exactly with tests/contracts/gas.json.

A chain of its own, a clock set far ahead and signatures with given random numbers make every number repeatable: the
gas of one verification depends on the bits of r, s and the key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import snapshot
from contract_world import (
    AGENT,
    AUTHORITY_2,
    AUTHORITY_6,
    CARRIER,
    CORE,
    JUDGE,
    LAB,
    MEMBERS,
    ORCHARD,
    PAYER,
    POND,
    PRODUCER,
    SHOP,
    Actor,
    Signed,
    World,
    actor,
    admission,
    entries,
    ident,
    op,
    record_match,
    register_lot,
)
from eth_utils import keccak
from national import plain_sm2

from contracts import artifact
from ledger.crypto.sm3 import sm3

NOON = 4_102_444_800  # 2100-01-01: ahead of any clock on which this runs
LOTS = [ident(f"gas lot {i}") for i in range(65)]
DOCUMENTS = [ident(f"gas document {i}") for i in range(4)]


class MeteredWorld(World):
    """A world in which the same submission always costs the same gas."""

    def sign(self, who: Actor, operations: Sequence[Any] = (), lots: Sequence[Any] = (), **more: Any) -> Signed:
        signed = super().sign(who, operations, lots, **{"expiry": NOON + 86_400, **more})
        scalar = int.from_bytes(sm3(b"scalar " + who.name.encode()), "big") >> 8
        e = sm3(who.key_id + self.domain + signed.digest + signed.meta)
        number = 1 + int.from_bytes(sm3(e), "big") % 2**255
        r, s = plain_sm2.sign(int.from_bytes(e, "big"), scalar, number)
        return replace(signed, r=r.to_bytes(32, "big"), s=s.to_bytes(32, "big"))


@pytest.fixture(scope="module")
def metered(new_chain: Callable[[], Any]) -> MeteredWorld:
    chain = new_chain()
    chain.tester.time_travel(NOON)
    world = MeteredWorld(chain)
    for member in MEMBERS:
        world.admit(member)
    return world


def test_gas_is_as_committed_when_every_use_case_runs(metered: MeteredWorld) -> None:
    world, gas = metered, {}

    def spend(name: str, *submission: Any, **more: Any) -> int:
        gas[f"submit.{name}"] = used = int(world.submit(*submission, **more)["gasUsed"])
        return used

    none = spend("no lot", ORCHARD)
    spend("register lot", ORCHARD, [register_lot(LOTS[0])], entries(LOTS[0]))
    world.submit(ORCHARD, [register_lot(lot) for lot in LOTS[1:]], entries(*LOTS[1:]))
    one = spend("1 lot", ORCHARD, [], entries(LOTS[0]))
    spend("1 lot, 1000 records", ORCHARD, [], entries(LOTS[0], count=1000), count=1000)
    spend("1 lot by laboratory", LAB, [], entries(LOTS[0]))
    spend("2 lots", ORCHARD, [], entries(*LOTS[:2]))
    many = spend("65 lots", ORCHARD, [], entries(*LOTS))
    gas["submit.each further lot (mean of 64)"] = (many - one) // 64
    child, merged = ident("gas child"), ident("gas merged")
    spend("register child of 1", ORCHARD, [register_lot(child, 5, parents=[(LOTS[0], 5)])], entries(child))
    two = [(LOTS[1], 5), (LOTS[2], 5)]
    spend("register child of 2", ORCHARD, [register_lot(merged, 9, parents=two)], entries(merged))
    spend("transfer lot", ORCHARD, [op(2, child, POND.id)])
    spend("hold lot", ORCHARD, [op(3, merged, 2)])
    for kind, (who, digest) in enumerate(zip((SHOP, PAYER, CARRIER, AGENT), DOCUMENTS, strict=True), start=1):
        spend(f"seal document of kind {kind}", who, [op(16, kind, digest)])
    spend("record incomplete", JUDGE, [record_match(ident("gas trade"), [*DOCUMENTS[:3], bytes(32)], 3)])
    spend("record match, 1 line", JUDGE, [record_match(ident("gas trade"), DOCUMENTS, 1, [(LOTS[0], 1)])])
    newcomer = actor("gas newcomer", PRODUCER)
    spend("admit member", AUTHORITY_6, [op(32, newcomer.id, PRODUCER, 6, *newcomer.point, False)])
    second = newcomer.with_key(12345)
    spend("add key", AUTHORITY_6, [op(35, newcomer.id, *second.point, True)])
    spend("revoke key", AUTHORITY_6, [op(36, second.key_id)])
    spend("set roles", AUTHORITY_6, [op(34, newcomer.id, 3)])
    spend("suspend member", AUTHORITY_6, [op(33, newcomer.id, 2)])
    spend("suspend at once", AUTHORITY_6, [op(38, ORCHARD.id)])
    spend("propose threshold", AUTHORITY_6, [op(37, 2)])
    spend("approve threshold, carried out", AUTHORITY_2, [op(37, 2)])
    spend("propose admission", AUTHORITY_6, [admission(actor("gas other", PRODUCER))])
    spend("approve admission, carried out", AUTHORITY_2, [admission(actor("gas other", PRODUCER))])

    assert one <= 260_000
    assert (many - one) // 64 <= 19_000
    assert none < one
    snapshot.compare(gas)


def test_gas_of_refusal_is_as_committed_when_signature_is_wrong(metered: MeteredWorld) -> None:
    signed = metered.sign(ORCHARD, [], entries(LOTS[0]), nonce=10**6)
    wrong = replace(signed, s=signed.r)
    sent = metered.submissions.functions.submit(*wrong.arguments).transact({"gas": 1_000_000})
    receipt = metered.chain.receipt(sent)
    assert receipt["status"] == 0
    snapshot.compare({"refuse.wrong signature": int(receipt["gasUsed"])})


def test_sizes_are_as_committed_when_contracts_are_compiled() -> None:
    sizes: dict[str, int] = {}
    for name in CORE:
        compiled = artifact(name)
        sizes[f"{name}.runtime bytes"] = len(compiled.deployed_bytecode)
        sizes[f"{name}.creation bytes"] = len(compiled.bytecode)
        # the first 6 bytes of its hash: changes when the code does, even where the size does not
        sizes[f"{name}.creation code keccak256 [0:6]"] = int.from_bytes(keccak(compiled.bytecode)[:6], "big")
    snapshot.compare(sizes)


def test_deployment_gas_is_as_committed_when_ledger_is_deployed(chain: Any) -> None:
    world = World(chain)
    gas = {}
    for contract, name in zip(
        (world.hasher, world.verifier, world.members, world.lots, world.trades, world.submissions),
        ("SM3Hasher", "SM2Verifier", *CORE),
        strict=True,
    ):
        for number in range(1, world.w3.eth.block_number + 1):
            for transaction in world.w3.eth.get_block(number)["transactions"]:
                receipt = world.w3.eth.get_transaction_receipt(transaction)
                if receipt["contractAddress"] == contract.address:
                    gas[f"deploy.{name}"] = int(receipt["gasUsed"])
    assert len(gas) == 6
    snapshot.compare(gas)
