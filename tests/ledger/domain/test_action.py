"""The action, the signed message and the submit calldata, against eth_abi as the independent implementation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from Crypto.Hash import keccak as pycryptodome_keccak
from eth_abi import encode as abi_encode
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.crypto.sm3 import sm3
from ledger.domain import action as act
from ledger.domain import operations as ops
from ledger.errors import Malformed

B32 = st.binary(min_size=32, max_size=32)
U32 = st.integers(0, 2**32 - 1)
LOTS = st.lists(st.tuples(B32, st.integers(0, 2**128 - 1)), max_size=4).map(tuple)

SUBMIT_TYPES = [
    "bytes32",
    "(bytes32,uint32,(bytes32,bytes32,uint32)[],(uint8,bytes)[])",
    "bytes23",
    "bytes32",
    "bytes32",
]


def keccak(data: bytes) -> bytes:
    return pycryptodome_keccak.new(digest_bits=256, data=data).digest()


def lot_entry() -> st.SearchStrategy[act.LotEntry]:
    return st.builds(act.LotEntry, B32, B32, U32)


def operation() -> st.SearchStrategy[act.Operation]:
    return st.builds(act.Operation, st.integers(0, 255), st.binary(max_size=100))


def action() -> st.SearchStrategy[act.Action]:
    return st.builds(
        act.Action, B32, U32, st.lists(lot_entry(), max_size=4).map(tuple), st.lists(operation(), max_size=4).map(tuple)
    )


def as_tuple(a: act.Action) -> tuple[object, ...]:
    return (a.root, a.count, [(e.lot_id, e.root, e.count) for e in a.lots], [(o.kind, o.data) for o in a.operations])


TYPED = st.one_of(
    st.builds(ops.RegisterLot, B32, B32, st.integers(0, 2**128 - 1), st.integers(1, 3), LOTS),
    st.builds(ops.TransferLot, B32, B32),
    st.builds(ops.SetLotState, B32, st.integers(1, 3)),
    st.builds(ops.SealDocument, st.integers(1, 4), B32),
    st.builds(ops.RecordMatch, B32, st.tuples(B32, B32, B32, B32), st.integers(1, 3), U32, B32, LOTS),
    st.builds(
        ops.AdmitMember,
        B32,
        U32,
        st.integers(0, 255),
        st.integers(0, 2**256 - 1),
        st.integers(0, 2**256 - 1),
        st.booleans(),
    ),
    st.builds(ops.SetStanding, B32, st.integers(1, 3)),
    st.builds(ops.SetRoles, B32, U32),
    st.builds(ops.AddKey, B32, st.integers(0, 2**256 - 1), st.integers(0, 2**256 - 1), st.booleans()),
    st.builds(ops.RevokeKey, B32),
)
ABI = {"lots": "(bytes32,uint128)[]"}


@given(TYPED)
def test_operation_encoding_equals_eth_abi_and_decodes_back(typed):
    encoded = act.encode_operation(typed)
    values = [getattr(typed, name) for name, _ in typed.FIELDS]
    assert encoded.data == abi_encode([ABI.get(kind, kind) for _, kind in typed.FIELDS], values)
    assert encoded.kind == typed.KIND
    assert act.decode_operation(encoded) == typed


def test_operation_builders_cover_every_kind_when_called():
    lot, member, digest = bytes([1]) * 32, bytes([2]) * 32, bytes([3]) * 32
    built = [
        act.register_lot(lot, digest, 12_500_000, 1, [(digest, 5)]),
        act.transfer_lot(lot, member),
        act.set_lot_state(lot, 3),
        act.seal_document(1, digest),
        act.record_match(digest, (lot, lot, lot, bytes(32)), 3, 1, digest, [(lot, 9)]),
        act.admit_member(member, 5, 6, 7, 8, True),
        act.set_standing(member, 2),
        act.set_roles(member, 1),
        act.add_key(member, 7, 8, False),
        act.revoke_key(digest),
        act.set_threshold(3),
        act.suspend_now(member),
        act.accept_office(member),
    ]
    assert [o.kind for o in built] == sorted(ops.OPERATION_CLASSES)
    assert [type(act.decode_operation(o)) for o in built] == [ops.OPERATION_CLASSES[o.kind] for o in built]


@pytest.mark.parametrize("mutation", ["short", "long", "wrong-offset", "dirty-uint", "dirty-bool"])
def test_operation_decoding_refuses_when_bytes_are_not_the_canonical_encoding(mutation):
    lot = bytes([1]) * 32
    op = act.register_lot(lot, lot, 5, 1, [(lot, 5)])
    data = bytearray(op.data)
    if mutation == "short":
        data = data[:-1]
    elif mutation == "long":
        data += bytes(32)
    elif mutation == "wrong-offset":
        data[4 * 32 + 31] += 32
    elif mutation == "dirty-uint":
        data[3 * 32] = 1  # the unit's word has a bit above uint8
    else:
        op = act.add_key(lot, 1, 2, True)
        data = bytearray(op.data)
        data[-1] = 2
    with pytest.raises(Malformed):
        act.decode_operation(act.Operation(op.kind, bytes(data)))


@given(st.integers(0, 255), st.binary(max_size=300))
def test_operation_decoding_raises_only_malformed_when_fed_garbage(kind, data):
    op = act.Operation(kind, data)
    try:
        typed = act.decode_operation(op)
    except Malformed:
        return
    assert act.encode_operation(typed) == op


@pytest.mark.parametrize(
    "build",
    [
        lambda: act.register_lot(bytes(31), bytes(32), 1, 1),
        lambda: act.register_lot(bytes(32), bytes(32), 2**128, 1),
        lambda: act.register_lot(bytes(32), bytes(32), -1, 1),
        lambda: act.register_lot(bytes(32), bytes(32), 1, 4),
        lambda: act.register_lot(bytes(32), bytes(32), 1, 1, [(bytes(32), 2**128)]),
        lambda: act.set_lot_state(bytes(32), 0),
        lambda: act.seal_document(5, bytes(32)),
        lambda: act.set_standing(bytes(32), 4),
        lambda: act.set_roles(bytes(32), 2**32),
        lambda: act.record_match(bytes(32), (bytes(32),) * 3, 1, 1, bytes(32)),  # type: ignore[arg-type]
        lambda: act.record_match(bytes(32), (bytes(32),) * 4, 0, 1, bytes(32)),
        lambda: act.add_key(bytes(32), 2**256, 1, False),
        lambda: act.add_key(bytes(32), 1, 1, 1),  # type: ignore[arg-type]
    ],
)
def test_operation_builder_refuses_when_a_field_is_out_of_range(build):
    with pytest.raises(Malformed):
        build()


@given(action())
def test_action_digest_equals_the_struct_hash_written_out_with_eth_abi(a):
    lots = b"".join(abi_encode(["bytes32", "bytes32", "uint256"], [e.lot_id, e.root, e.count]) for e in a.lots)
    operations = b"".join(keccak(abi_encode(["uint256", "bytes32"], [o.kind, keccak(o.data)])) for o in a.operations)
    type_hash = keccak(b"OriginSeal.Action(bytes32 root,uint32 count,LotEntry[] lots,Operation[] operations)")
    expected = keccak(
        abi_encode(
            ["bytes32", "bytes32", "uint256", "bytes32", "bytes32"],
            [type_hash, a.root, a.count, keccak(lots), keccak(operations)],
        )
    )
    assert a.digest == expected


@given(action(), action())
def test_action_digest_differs_when_the_action_differs(a, b):
    assert (a.digest == b.digest) == (a == b)


@given(B32, action(), st.binary(min_size=23, max_size=23), B32, B32)
def test_submit_calldata_equals_eth_abi_and_decodes_back(key_id, a, meta, r, s):
    data = act.encode_submit_calldata(key_id, a, meta, r, s)
    assert data[:4] == keccak(("submit(" + ",".join(SUBMIT_TYPES) + ")").encode())[:4]
    assert data[4:] == abi_encode(SUBMIT_TYPES, [key_id, as_tuple(a), meta, r, s])
    assert act.decode_submit_calldata(data) == act.SubmitCall(key_id, a, meta, r + s)


@settings(max_examples=300)
@given(action(), st.data())
def test_submit_calldata_decoding_never_accepts_two_forms_when_a_byte_changes(a, data):
    good = bytearray(act.encode_submit_calldata(bytes(32), a, bytes(23), bytes(32), bytes(32)))
    good[data.draw(st.integers(0, len(good) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        call = act.decode_submit_calldata(bytes(good))
    except Malformed:
        return
    again = act.encode_submit_calldata(call.key_id, call.action, call.meta, call.signature[:32], call.signature[32:])
    assert again == bytes(good)


@given(st.binary(max_size=600))
def test_submit_calldata_decoding_raises_only_malformed_when_fed_garbage(data):
    for candidate in (data, act.SUBMIT_SELECTOR + data):
        try:
            act.decode_submit_calldata(candidate)
        except Malformed:
            continue
        raise AssertionError("garbage was accepted")


def test_submit_calldata_decoding_refuses_when_operations_share_one_tail():
    one = act.Operation(1, bytes(64))
    data = bytearray(
        act.encode_submit_calldata(bytes(32), act.Action(bytes(32), 1, (), (one, one)), bytes(23), bytes(32), bytes(32))
    )
    offsets = 4 + 32 * 5 + 32 * 4 + 32 + 32
    data[offsets + 32 : offsets + 64] = data[offsets : offsets + 32]
    with pytest.raises(Malformed):
        act.decode_submit_calldata(bytes(data))


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), U32)
def test_meta_round_trips_when_in_range(nonce, expiry, count):
    encoded = act.Meta(nonce, expiry, count).encode()
    assert encoded == b"\x01" + nonce.to_bytes(8, "big") + expiry.to_bytes(8, "big") + count.to_bytes(4, "big") + bytes(
        2
    )
    assert act.Meta.decode(encoded) == act.Meta(nonce, expiry, count)


@pytest.mark.parametrize(
    "data",
    [b"", bytes(23), b"\x01" + bytes(21), b"\x01" + bytes(23), b"\x01" + bytes(21) + b"\x01", b"\x02" + bytes(22)],
)
def test_meta_decoding_refuses_when_length_type_or_reserved_bytes_are_wrong(data):
    with pytest.raises(Malformed):
        act.Meta.decode(data)


@pytest.mark.parametrize("meta", [act.Meta(2**64, 0, 0), act.Meta(0, -1, 0), act.Meta(0, 0, 2**32)])
def test_meta_encoding_refuses_when_out_of_range(meta):
    with pytest.raises(Malformed):
        meta.encode()


def test_domain_and_message_have_the_documented_bytes():
    address = bytes(range(20))
    expected = sm3(b"OriginSeal submission v1" + (20250).to_bytes(32, "big") + address)
    assert act.domain(20250, address) == act.domain(20250, "0x" + address.hex()) == expected
    assert act.domain(20251, address) != expected
    m = act.message(expected, bytes([7]) * 32, act.Meta(1, 2, 3))
    assert len(m) == act.MESSAGE_LENGTH == 87
    assert m == expected + bytes([7]) * 32 + act.Meta(1, 2, 3).encode()


@pytest.mark.parametrize("address", ["", "0x12", "zz" * 20, bytes(19), bytes(21)])
def test_domain_refuses_when_the_address_is_not_20_bytes(address):
    with pytest.raises(Malformed):
        act.domain(1, address)


@given(B32, st.integers(0, 2**64 - 1), B32, U32)
def test_submission_id_and_fold_equal_the_contracts_packing(key_id, nonce, digest, count):
    assert act.submission_id(key_id, nonce, digest) == keccak(key_id + nonce.to_bytes(32, "big") + digest)
    assert act.fold(key_id, digest, count, key_id) == keccak(key_id + digest + count.to_bytes(32, "big") + key_id)


def replace(value, **changes):
    return type(value)(**{name: getattr(value, name) for name in value.__slots__} | changes)


def test_action_shape_is_refused_when_lots_repeat_or_counts_overrun():
    e = act.LotEntry(bytes([1]) * 32, bytes(32), 1)
    good = act.Action(bytes(32), 2, (e, replace(e, lot_id=bytes([2]) * 32)), ())
    good.check_shape()
    for lots in ((e, e), good.lots[::-1], (replace(e, count=3),), (replace(e, count=0),)):
        with pytest.raises(Malformed):
            replace(good, lots=lots).check_shape()
    with pytest.raises(Malformed):
        act.Action(bytes(32), 0, (), ()).check_shape()


def test_lot_entries_group_digests_in_submission_order_and_sort_lots():
    a, b = bytes([1]) * 32, bytes([2]) * 32
    assert act.lot_entries([(b"1", [b, a]), (b"2", [b]), (b"3", []), (b"4", [a, a])]) == {
        a: [b"1", b"4"],
        b: [b"1", b"2"],
    }
    assert list(act.lot_entries([(b"1", [b]), (b"2", [a])])) == [a, b]


VECTOR = json.loads((Path(__file__).parents[2] / "vectors" / "action.json").read_text(encoding="utf-8"))


def unhex(value: object) -> object:
    """Vector values: 0x… to bytes, decimal text to int, lists to tuples."""
    if isinstance(value, list):
        return tuple(unhex(v) for v in value)
    if isinstance(value, str):
        return bytes.fromhex(value[2:]) if value.startswith("0x") else int(value)
    return value


def vector_action() -> act.Action:
    lots = tuple(act.LotEntry(unhex(e["lotId"]), unhex(e["root"]), e["count"]) for e in VECTOR["lots"])
    operations = tuple(getattr(act, o["builder"])(*unhex(o["arguments"])) for o in VECTOR["operations"])
    return act.Action(unhex(VECTOR["root"]), VECTOR["count"], lots, operations)


def test_golden_action_has_the_bytes_that_other_software_computed():
    action_ = vector_action()
    assert [(o.kind, o.data) for o in action_.operations] == [
        (o["kind"], unhex(o["data"])) for o in VECTOR["operations"]
    ]
    assert action_.digest == unhex(VECTOR["actionDigest"])
    meta = act.Meta(int(VECTOR["nonce"]), VECTOR["expiry"], VECTOR["count"])
    assert meta.encode().hex() == VECTOR["meta"]
    domain_ = act.domain(VECTOR["chainId"], VECTOR["submissions"])
    assert domain_ == unhex(VECTOR["domain"])
    assert act.message(domain_, action_.digest, meta).hex() == VECTOR["message"]
    submission = act.submission_id(unhex(VECTOR["keyId"]), meta.nonce, action_.digest)
    assert submission == unhex(VECTOR["submissionId"])
    heads = [act.fold(bytes(32), e.root, e.count, submission) for e in action_.lots]
    assert heads == list(unhex(VECTOR["firstHeads"]))
    r, s = unhex(VECTOR["r"]), unhex(VECTOR["s"])
    calldata = act.encode_submit_calldata(unhex(VECTOR["keyId"]), action_, meta, r, s)
    assert calldata == unhex(VECTOR["calldata"])
    assert act.decode_submit_calldata(calldata) == act.SubmitCall(unhex(VECTOR["keyId"]), action_, meta.encode(), r + s)
