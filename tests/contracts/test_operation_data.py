"""Operations: their one accepted encoding, their order, and the wiring of the contracts that carry them out."""

from __future__ import annotations

import pytest
from contract_world import (
    AUTHORITY_6,
    GAS_LIMIT,
    LENDER,
    MEMBERS,
    NOBODY,
    ORCHARD,
    POND,
    World,
    calldata,
    entries,
    ident,
    op,
    provokes,
    record_match,
    register_lot,
)
from eth_abi import encode
from eth_utils import keccak

LOT, OTHER = ident("a lot"), ident("another lot")


# ------------------------------------------------------------------------------------------------------ operations


@provokes("SubmissionsUnknownOperation")
@pytest.mark.parametrize("kind", [0, 4, 15, 18, 31, 40, 255])
def test_submit_refuses_when_operation_is_unknown(world: World, kind: int) -> None:
    assert world.refuses(AUTHORITY_6, [(kind, b"")]) == ("SubmissionsUnknownOperation", kind)


WELL_FORMED = [
    register_lot(LOT),
    register_lot(LOT, parents=[(OTHER, 1), (LOT, 2)]),
    op(2, LOT, OTHER),
    op(3, LOT, 2),
    op(16, 1, LOT),
    record_match(LOT, [LOT] * 4),
    record_match(LOT, [LOT] * 4, lines=[(OTHER, 1)]),
    op(32, LOT, 1, 6, 1, 2, True),
    op(33, LOT, 2),
    op(34, LOT, 2),
    op(35, LOT, 1, 2, False),
    op(36, LOT),
    op(37, 2),
    op(38, LOT),
    op(39, LOT),
]
# word index → what is out of range there
OUT_OF_RANGE = {
    1: {2: 2**128, 3: 256, 4: 0x80, 5: 2**255},
    3: {1: 256},
    16: {0: 256},
    17: {5: 256, 6: 2**32, 8: 0x100, 9: 2**255},
    32: {1: 2**32, 2: 256, 5: 2},
    33: {1: 2**256 - 1},
    34: {1: 2**32},
    35: {3: 2},
    37: {0: 2**32},
}


@provokes("SubmissionsMalformedOperation")
@pytest.mark.parametrize("operation", WELL_FORMED, ids=lambda operation: f"{operation[0]}-{len(operation[1])}")
def test_submit_refuses_when_data_of_operation_has_another_length(world: World, operation: tuple[int, bytes]) -> None:
    kind, data = operation
    for wrong in (data[:-32], data + b"\0", data + bytes(64)):
        assert world.refuses(AUTHORITY_6, [(kind, wrong)]) == ("SubmissionsMalformedOperation", kind, wrong)


@provokes("SubmissionsMalformedOperation")
@pytest.mark.parametrize("kind", [1, 2, 17, 36, 37, 38, 39])
def test_submit_refuses_when_operation_has_no_data(world: World, kind: int) -> None:
    assert world.refuses(AUTHORITY_6, [(kind, b"")]) == ("SubmissionsMalformedOperation", kind, b"")


@provokes("SubmissionsMalformedOperation")
@pytest.mark.parametrize("kind", OUT_OF_RANGE)
def test_submit_refuses_when_number_of_operation_is_out_of_range(world: World, kind: int) -> None:
    data = next(data for other, data in WELL_FORMED if other == kind)
    for word, value in OUT_OF_RANGE[kind].items():
        wrong = data[: 32 * word] + encode(["uint256"], [value]) + data[32 * word + 32 :]
        assert wrong != data
        assert world.refuses(AUTHORITY_6, [(kind, wrong)]) == ("SubmissionsMalformedOperation", kind, wrong)


@provokes("SubmissionsMalformedOperation")
def test_submit_refuses_when_a_quantity_in_an_array_is_out_of_range(world: World) -> None:
    for kind, data in (register_lot(LOT, parents=[(OTHER, 1)]), record_match(LOT, [LOT] * 4, lines=[(OTHER, 1)])):
        wrong = data[:-32] + encode(["uint256"], [2**128])
        assert world.refuses(AUTHORITY_6, [(kind, wrong)]) == ("SubmissionsMalformedOperation", kind, wrong)


def test_submit_registers_before_entries_and_entries_before_the_rest_when_mixed(world: World) -> None:
    operations = [op(2, LOT, POND.id), register_lot(LOT)]
    receipt = world.submit(ORCHARD, operations, entries(LOT))
    assert [name for name, _ in world.events(receipt)] == [
        "Accepted",
        "LotRegistered",
        "LotExtended",
        "LotTransferred",
    ]
    assert world.lot(LOT)["custodian"] == POND.id


def test_submit_undoes_everything_when_its_last_operation_is_refused(world: World) -> None:
    signed = world.sign(ORCHARD, [register_lot(LOT), op(2, LOT, POND.id), op(2, LOT, LENDER.id)], entries(LOT), nonce=8)
    sent = world.submissions.functions.submit(*signed.arguments).transact({"gas": GAS_LIMIT})
    assert world.chain.receipt(sent)["status"] == 0
    assert world.lot(LOT)["registeredAt"] == 0
    assert world.submissions.functions.submissionOf(ORCHARD.key_id, 8).call() == NOBODY


# ------------------------------------------------------------------------------------------------------ the carrier


@provokes("SubmissionsNotCanonical")
def test_submit_refuses_when_calldata_is_not_the_canonical_encoding(world: World) -> None:
    signed = world.sign(ORCHARD, [op(3, LOT, 2), op(36, OTHER)], entries(LOT))
    canonical = calldata(world.submissions.functions.submit(*signed.arguments))
    head, body = canonical[:4], canonical[4:]
    words = [body[i : i + 32] for i in range(0, len(body), 32)]
    shifted = [*words[:1], (6 * 32).to_bytes(32, "big"), *words[2:5], bytes(32), *words[5:]]  # a gap before the action
    for variant in (canonical + b"\0", canonical + bytes(32), head + b"".join(shifted)):
        refusal = world.raw_revert(variant, world.submissions.address)
        assert refusal == ("SubmissionsNotCanonical", keccak(variant), keccak(canonical))


@provokes("SubmissionsIndirect")
def test_submit_refuses_when_a_contract_carries_the_action(world: World) -> None:
    data = calldata(world.submissions.functions.submit(*world.sign(ORCHARD).arguments))
    target = bytes.fromhex(world.submissions.address[2:])
    # CALLDATACOPY everything, CALL the target with it, hand on what it answers
    runtime = (
        bytes.fromhex("36600060003760006000366000600073")
        + target
        + bytes.fromhex("5af13d600060003e6033573d6000fd5b3d6000f3")
    )
    creation = bytes.fromhex(f"60{len(runtime):02x}600c60003960{len(runtime):02x}6000f3") + runtime
    forwarder = world.chain.deploy_code([], creation)
    assert world.raw_revert(data, forwarder.address) == ("SubmissionsIndirect", forwarder.address.lower())


@provokes("SubmissionsIndirect")
def test_submit_refuses_when_sender_account_has_code(world: World) -> None:
    data = calldata(world.submissions.functions.submit(*world.sign(ORCHARD).arguments))
    delegated = b"\xef\x01\x00" + bytes.fromhex(world.hasher.address[2:])  # EIP-7702
    refusal = world.raw_revert(data, world.submissions.address, sender_code=delegated)
    assert refusal == ("SubmissionsIndirect", world.chain.accounts[0].lower())


# ------------------------------------------------------------------------------------------------------- deployment


@provokes("SubmissionsMiswired")
@pytest.mark.parametrize("position", range(5))
def test_construction_refuses_when_a_part_does_not_point_back(world: World, position: int) -> None:
    elsewhere = world.chain.deploy("SM3Hasher")  # another contract, which answers none of the questions
    hasher, nowhere = world.hasher.address, world.chain.accounts[3]
    authorities = [(AUTHORITY_6.id, 6, *AUTHORITY_6.point)]
    door = world.predicted(4)
    parts = [
        hasher,
        world.verifier.address,
        world.chain.deploy("Members", door, hasher, authorities, 1).address,
        world.chain.deploy("Lots", door).address,
        world.chain.deploy("Trades", door).address,
    ]
    stray = world.chain.deploy(("Lots", "Lots", "Members", "Lots", "Trades")[position], *_stray(world, position))
    wrong = {0: elsewhere.address, 1: nowhere}.get(position, stray.address)
    culprit = parts[2] if position == 0 else wrong
    attempt = [*parts[:position], wrong, *parts[position + 1 :]]
    assert world.creation_revert("Submissions", *attempt) == ("SubmissionsMiswired", culprit.lower())
    deployed = world.chain.deploy("Submissions", *parts)
    assert deployed.address == door


def _stray(world: World, position: int) -> tuple[object, ...]:
    nowhere = world.chain.accounts[3]
    if position == 2:
        return nowhere, world.hasher.address, [(AUTHORITY_6.id, 6, *AUTHORITY_6.point)], 1
    return (nowhere,)


def test_set_up_admits_every_actor_when_the_world_is_built(world: World) -> None:
    for member in MEMBERS:
        assert world.member(member.id)["roles"] == member.roles
