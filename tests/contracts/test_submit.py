"""Submissions: what is accepted, under which signature, when and how often; and what an action must look like."""

from __future__ import annotations

from dataclasses import replace

import gmssl_pyx
import pytest
from contract_world import (
    AUTHORITY_6,
    GAS_LIMIT,
    NOBODY,
    ORCHARD,
    POND,
    SUSPENDED,
    World,
    actor,
    domain,
    entries,
    ident,
    meta_bytes,
    op,
    provokes,
    register_lot,
)

from ledger.crypto.sm3 import sm3
from ledger.domain import action as ledger_action

DAYS_31 = 31 * 86_400
LOT, OTHER = ident("a lot"), ident("another lot")


# ------------------------------------------------------------------------------------------------------- accepting


def test_submit_stores_id_and_announces_it_when_signature_holds(world: World) -> None:
    signed = world.sign(ORCHARD, count=3, nonce=5)
    receipt = world.send(signed)
    assert world.submissions.functions.submissionOf(ORCHARD.key_id, 5).call() == signed.submission_id
    assert world.events(receipt) == [
        (
            "Accepted",
            {
                "submissionId": signed.submission_id,
                "memberId": ORCHARD.id,
                "keyId": ORCHARD.key_id,
                "root": signed.action[0],
                "count": 3,
                "nonce": 5,
                "actionDigest": signed.digest,
            },
        )
    ]


def test_submit_returns_submission_id_when_accepted(world: World) -> None:
    signed = world.sign(POND)
    assert world.submissions.functions.submit(*signed.arguments).call() == signed.submission_id


def test_submit_accepts_when_another_library_signed(world: World) -> None:
    signed = world.sign(ORCHARD)
    x, y = ORCHARD.point
    private = int.from_bytes(sm3(b"scalar orchard"), "big") >> 8
    signature = gmssl_pyx.sm2_sign(
        private.to_bytes(32, "big"),
        x.to_bytes(32, "big") + y.to_bytes(32, "big"),
        world.domain + signed.digest + signed.meta,
        signer_id=b"1234567812345678",
    )
    from ledger.crypto.sm2 import der_to_raw

    raw = der_to_raw(signature)
    world.send(replace(signed, r=raw[:32], s=raw[32:]))


def test_submit_accepts_from_any_sender_when_signature_holds(world: World) -> None:
    signed = world.sign(ORCHARD)
    stranger = world.chain.accounts[7]
    sent = world.submissions.functions.submit(*signed.arguments).transact({"from": stranger, "gas": GAS_LIMIT})
    assert world.chain.receipt(sent)["status"] == 1


def test_submit_accepts_nonces_in_any_order_when_each_is_new(world: World) -> None:
    for nonce in (7, 2**64 - 1, 0, 3):
        world.submit(ORCHARD, nonce=nonce)


def test_submit_accepts_late_statement_when_later_nonces_were_used(world: World) -> None:
    early = world.sign(ORCHARD, nonce=100, expiry=world.now + DAYS_31)
    world.submit(ORCHARD, nonce=101)
    world.submit(ORCHARD, nonce=102)
    world.send(early)


def test_submit_accepts_same_nonce_when_keys_differ(world: World) -> None:
    world.submit(ORCHARD, nonce=9)
    world.submit(POND, nonce=9)


@pytest.mark.parametrize("ahead", [0, 1, DAYS_31])
def test_submit_accepts_when_expiry_is_within_the_window(world: World, ahead: int) -> None:
    signed = world.sign(ORCHARD, expiry=world.now + ahead)
    assert world.submissions.functions.submit(*signed.arguments).call() == signed.submission_id


def test_digest_equals_ledger_and_specification_when_actions_vary(world: World) -> None:
    actions = [
        (ident("r"), 1, [], []),
        (ident("r"), 2**32 - 1, entries(LOT, OTHER, count=2), [register_lot(LOT, parents=[(OTHER, 3)])]),
        (ident("r"), 4, entries(LOT), [(200, b""), (201, b"\x00" * 33), op(36, LOT)]),
    ]
    for root, count, lots, operations in actions:
        contract = world.submissions.functions.actionDigest((root, count, lots, operations)).call()
        ledger = ledger_action.Action(
            root,
            count,
            tuple(ledger_action.LotEntry(*lot) for lot in lots),
            tuple(ledger_action.Operation(*operation) for operation in operations),
        )
        assert contract == ledger.digest


def test_calldata_equals_ledgers_when_an_action_is_submitted(world: World) -> None:
    signed = world.sign(ORCHARD, [register_lot(LOT), op(3, LOT, 2)], entries(LOT, OTHER))
    root, count, lots, operations = signed.action
    ledger = ledger_action.Action(
        root,
        count,
        tuple(ledger_action.LotEntry(*lot) for lot in lots),
        tuple(ledger_action.Operation(*operation) for operation in operations),
    )
    ours = world.submissions.functions.submit(*signed.arguments)._encode_transaction_data()
    theirs = ledger_action.encode_submit_calldata(signed.key_id, ledger, signed.meta, signed.r, signed.s)
    assert bytes.fromhex(ours[2:]) == theirs


def test_domain_binds_chain_and_contract_when_deployed(world: World) -> None:
    expected = domain(world.w3.eth.chain_id, world.submissions.address)
    assert world.submissions.functions.DOMAIN().call() == expected
    assert world.members.functions.DOMAIN().call() == expected
    assert ledger_action.domain(world.w3.eth.chain_id, world.submissions.address) == expected


def test_views_name_the_parts_when_deployed(world: World) -> None:
    views = world.submissions.functions
    assert views.hasher().call() == world.hasher.address
    assert views.verifier().call() == world.verifier.address
    assert views.members().call() == world.members.address
    assert views.lots().call() == world.lots.address
    assert views.trades().call() == world.trades.address
    assert views.MAX_WINDOW().call() == DAYS_31
    versions = [
        part.functions.version().call() for part in (world.submissions, world.members, world.lots, world.trades)
    ]
    assert versions == ["1.0.0", "2.0.0", "1.0.0", "1.0.0"]
    for part in (world.members, world.lots, world.trades):
        assert part.functions.submissions().call() == world.submissions.address


# --------------------------------------------------------------------------------------------------- the signature


@provokes("SubmissionsWrongSignature")
@pytest.mark.parametrize("part", ["r", "s", "meta", "root", "count", "lots", "kind", "data"])
def test_submit_refuses_when_one_bit_differs_from_what_was_signed(world: World, part: str) -> None:
    signed = world.sign(ORCHARD, [op(3, LOT, 2)], entries(LOT), count=2)
    root, count, lots, operations = signed.action
    flip = lambda b: b[:-1] + bytes([b[-1] ^ 1])  # noqa: E731
    altered = {
        "r": replace(signed, r=flip(signed.r)),
        "s": replace(signed, s=flip(signed.s)),
        "meta": replace(signed, meta=signed.meta[:8] + bytes([signed.meta[8] ^ 1]) + signed.meta[9:]),
        "root": replace(signed, action=(flip(root), count, lots, operations)),
        "count": replace(
            signed, action=(root, 3, lots, operations), meta=signed.meta[:17] + (3).to_bytes(4, "big") + bytes(2)
        ),
        "lots": replace(signed, action=(root, count, [(lots[0][0], flip(lots[0][1]), 1)], operations)),
        "kind": replace(signed, action=(root, count, lots, [(2, operations[0][1])])),
        "data": replace(signed, action=(root, count, lots, [(3, flip(operations[0][1]))])),
    }[part]
    name, key_id, e = world.refused(altered)
    assert (name, key_id) == ("SubmissionsWrongSignature", ORCHARD.key_id)
    digest = world.submissions.functions.actionDigest(altered.action).call()
    assert e == sm3(ORCHARD.key_id + world.domain + digest + altered.meta)


@provokes("SubmissionsWrongSignature")
def test_submit_refuses_when_another_member_signed(world: World) -> None:
    signed = replace(world.sign(POND), key_id=ORCHARD.key_id)
    assert world.refused(signed)[:2] == ("SubmissionsWrongSignature", ORCHARD.key_id)


@provokes("SubmissionsWrongSignature")
def test_submit_refuses_when_signed_for_another_chain(world: World) -> None:
    elsewhere = domain(world.w3.eth.chain_id + 1, world.submissions.address)
    assert world.refuses(ORCHARD, domain=elsewhere)[0] == "SubmissionsWrongSignature"


@provokes("SubmissionsWrongSignature")
def test_submit_refuses_when_signed_for_another_contract(world: World) -> None:
    signed = world.sign(AUTHORITY_6)
    first = world.submissions
    world.send(signed)
    try:
        world.deploy_core([AUTHORITY_6])  # a second ledger on the same chain, with the same authority
        assert world.submissions.address != first.address
        assert world.refused(signed)[:2] == ("SubmissionsWrongSignature", AUTHORITY_6.key_id)
        world.submit(AUTHORITY_6)
    finally:
        world.rewire(first.address)


def test_submit_stores_nothing_when_it_reverts(world: World) -> None:
    signed = world.sign(ORCHARD, [register_lot(LOT)], entries(LOT), nonce=1)
    for broken in (replace(signed, s=signed.r), world.sign(ORCHARD, [register_lot(LOT)], [], nonce=1)):
        before = world.w3.eth.get_balance(world.submissions.address)
        sent = world.submissions.functions.submit(*broken.arguments).transact({"gas": GAS_LIMIT})
        receipt = world.chain.receipt(sent)
        assert receipt["status"] == 0
        assert receipt["logs"] == []
        assert world.w3.eth.get_balance(world.submissions.address) == before
        assert world.submissions.functions.submissionOf(ORCHARD.key_id, 1).call() == NOBODY
        assert world.lot(LOT)["registeredAt"] == 0
    world.send(signed)


# ------------------------------------------------------------------------------------------------ nonce and expiry


@provokes("SubmissionsNonceUsed")
def test_submit_refuses_when_replayed(world: World) -> None:
    signed = world.sign(ORCHARD, nonce=4)
    world.send(signed)
    assert world.refused(signed) == ("SubmissionsNonceUsed", ORCHARD.key_id, 4, signed.submission_id)


@provokes("SubmissionsNonceUsed")
def test_submit_refuses_when_nonce_carries_another_action(world: World) -> None:
    first = world.sign(ORCHARD, nonce=4)
    world.send(first)
    second = world.sign(ORCHARD, nonce=4, root=ident("something else"))
    assert world.refused(second) == ("SubmissionsNonceUsed", ORCHARD.key_id, 4, first.submission_id)


@provokes("SubmissionsExpired")
def test_submit_refuses_when_expired(world: World) -> None:
    now = world.now
    assert world.refuses(ORCHARD, expiry=now - 1) == ("SubmissionsExpired", now - 1, now)
    assert world.refuses(ORCHARD, expiry=0) == ("SubmissionsExpired", 0, now)


@provokes("SubmissionsExpired")
def test_submit_refuses_when_time_has_passed_its_expiry(world: World) -> None:
    signed = world.sign(ORCHARD, expiry=world.now + 10)
    assert world.refused(signed, time=world.now + 11) == ("SubmissionsExpired", world.now + 10, world.now + 11)


@provokes("SubmissionsExpiryTooFar")
def test_submit_refuses_when_expiry_is_too_far(world: World) -> None:
    latest = world.now + DAYS_31
    for expiry in (latest + 1, 2**64 - 1):
        assert world.refuses(ORCHARD, expiry=expiry) == ("SubmissionsExpiryTooFar", expiry, latest)


@provokes("SafeCastOverflowedUintDowncast")
def test_submit_refuses_when_clock_is_beyond_64_bits(world: World) -> None:
    signed = world.sign(ORCHARD)
    assert world.refused(signed, time=2**64) == ("SafeCastOverflowedUintDowncast", 64, 2**64)


# ------------------------------------------------------------------------------------------------------ the author


@provokes("MembersUnknownKey")
def test_submit_refuses_when_key_is_unknown(world: World) -> None:
    stranger = actor("stranger")
    assert world.refuses(stranger) == ("MembersUnknownKey", stranger.key_id)


@provokes("MembersKeyRevoked")
def test_submit_refuses_when_key_is_revoked(world: World) -> None:
    signed = world.sign(ORCHARD)
    world.submit(AUTHORITY_6, [op(36, ORCHARD.key_id)])
    assert world.refused(signed) == ("MembersKeyRevoked", ORCHARD.key_id, world.now)


@provokes("MembersNotActive")
@pytest.mark.parametrize("standing", [2, 3])
def test_submit_refuses_when_member_is_suspended_or_retired(world: World, standing: int) -> None:
    world.submit(AUTHORITY_6, [op(33, ORCHARD.id, standing)])
    assert world.refuses(ORCHARD) == ("MembersNotActive", ORCHARD.id, standing)


def test_submit_accepts_again_when_member_is_reinstated(world: World) -> None:
    world.submit(AUTHORITY_6, [op(33, ORCHARD.id, SUSPENDED)])
    world.submit(AUTHORITY_6, [op(33, ORCHARD.id, 1)])
    world.submit(ORCHARD)


# ----------------------------------------------------------------------------------------------- meta and the shape


@provokes("SubmissionsMalformedMeta")
@pytest.mark.parametrize(("kind", "spare"), [(0, b"\0\0"), (2, b"\0\0"), (255, b"\0\0"), (1, b"\0\1"), (1, b"\1\0")])
def test_submit_refuses_when_meta_is_malformed(world: World, kind: int, spare: bytes) -> None:
    meta = meta_bytes(1, world.now, 1, kind, spare)
    assert world.refuses(ORCHARD, meta=meta) == ("SubmissionsMalformedMeta", meta)


@provokes("SubmissionsCountMismatch")
def test_submit_refuses_when_meta_counts_other_than_action(world: World) -> None:
    meta = meta_bytes(1, world.now, 2)
    assert world.refuses(ORCHARD, meta=meta, count=3) == ("SubmissionsCountMismatch", 2, 3)


@provokes("SubmissionsEmpty", "SubmissionsZeroRoot")
def test_submit_refuses_when_there_is_no_record_or_no_root(world: World) -> None:
    assert world.refuses(ORCHARD, count=0) == ("SubmissionsEmpty",)
    assert world.refuses(ORCHARD, root=NOBODY) == ("SubmissionsZeroRoot",)


@provokes("SubmissionsLotsNotAscending")
def test_submit_refuses_when_lots_do_not_ascend(world: World) -> None:
    ascending = entries(LOT, OTHER, ident("third lot"))
    first, second, third = ascending
    for lots, culprit in (
        ([second, first, third], first),
        ([first, third, second], second),
        ([first, first], first),
        ([(NOBODY, ident("x"), 1)], (NOBODY,)),
    ):
        assert world.refuses(ORCHARD, [], lots) == ("SubmissionsLotsNotAscending", culprit[0])


@provokes("SubmissionsLotZeroRoot", "SubmissionsLotEmpty", "SubmissionsLotCountTooLarge")
def test_submit_refuses_when_an_entry_says_nothing_or_too_much(world: World) -> None:
    assert world.refuses(ORCHARD, [], [(LOT, NOBODY, 1)]) == ("SubmissionsLotZeroRoot", LOT)
    assert world.refuses(ORCHARD, [], [(LOT, OTHER, 0)]) == ("SubmissionsLotEmpty", LOT)
    assert world.refuses(ORCHARD, [], [(LOT, OTHER, 3)], count=2) == ("SubmissionsLotCountTooLarge", LOT, 3, 2)


@provokes("SubmissionsTooManyLots", "SubmissionsTooManyOperations")
def test_submit_refuses_when_there_are_too_many_lots_or_operations(world: World) -> None:
    lots = [(i.to_bytes(32, "big"), OTHER, 1) for i in range(1, 258)]
    assert world.refuses(ORCHARD, [], lots) == ("SubmissionsTooManyLots", 257, 256)
    operations = [op(36, LOT)] * 129
    assert world.refuses(ORCHARD, operations) == ("SubmissionsTooManyOperations", 129, 128)


def test_submit_fits_a_block_when_lots_are_as_many_as_allowed(world: World) -> None:
    lots = [i.to_bytes(32, "big") for i in range(1, 257)]
    for part in (lots[:128], lots[128:]):
        world.submit(ORCHARD, [register_lot(lot) for lot in part], entries(*part))
    receipt = world.submit(ORCHARD, [], entries(*lots))
    assert receipt["gasUsed"] < 8_000_000
