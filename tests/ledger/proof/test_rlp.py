"""RLP against the `rlp` library, and every way of writing the same thing twice."""

from __future__ import annotations

import pytest
import rlp as oracle
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Malformed, Untrusted
from ledger.proof.rlp import MAX_BYTES, MAX_DEPTH, MAX_ITEMS, as_bytes, as_int, as_list, decode, decode_list, encode

items = st.recursive(st.binary(max_size=80), lambda inner: st.lists(inner, max_size=6), max_leaves=30)


@given(items)
def test_item_survives_when_encoded_and_decoded_and_the_library_agrees(item):
    raw = encode(item)
    assert raw == oracle.encode(item)
    assert decode(raw) == item


@given(st.binary(max_size=200))
def test_decode_agrees_with_the_library_when_given_any_bytes(raw):
    try:
        expected = oracle.decode(raw, strict=True)
    except Exception:
        with pytest.raises(Untrusted):
            decode(raw)
    else:
        decoded = decode(raw)
        assert decoded == _lists(expected)
        assert encode(decoded) == raw


@pytest.mark.parametrize("number", [0, 1, 0x7F, 0x80, 0xFF, 0x100, 2**64 - 1, 2**256 - 1])
def test_number_survives_when_encoded(number):
    assert as_int(decode(encode(number)), "n") == number
    assert encode(number) == oracle.encode(number)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("", "too early"),
        ("8100", "prefix"),
        ("817f", "prefix"),
        ("b801aa", "long form"),
        ("b800", "zero byte"),
        ("b837" + "00" * 55, "long form"),
        ("b90038" + "00" * 56, "zero byte"),
        ("b8", "inside a length"),
        ("b9ff", "inside a length"),
        ("83aabb", "past its end"),
        ("c3aabb", "past its end"),
        ("c281", "past its end"),
        ("f801aa", "long form"),
        ("f800", "zero byte"),
        ("f90038" + "00" * 56, "zero byte"),
        ("0000", "follow"),
        ("c0c0", "follow"),
        ("bfffffffffffffffff", "past its end"),
        ("ffffffffffffffffff", "past its end"),
    ],
)
def test_decode_refuses_when_the_encoding_is_not_canonical(raw, why):
    with pytest.raises(Malformed, match=why) as caught:
        decode(bytes.fromhex(raw), "part")
    assert caught.value.field == "part"


def test_decode_refuses_when_lists_nest_too_deeply():
    item: list = []
    for _ in range(MAX_DEPTH - 1):
        item = [item]
    assert decode(encode(item)) == item
    with pytest.raises(Malformed, match="nest"):
        decode(encode([item]))


def test_decode_refuses_when_there_are_too_many_items():
    with pytest.raises(Malformed, match="items"):
        decode(encode([b""] * MAX_ITEMS))


def test_decode_refuses_when_the_input_is_too_long():
    with pytest.raises(Malformed, match="limit"):
        decode(bytes(MAX_BYTES + 1))


@pytest.mark.parametrize(
    ("read", "item"),
    [
        (lambda i: as_int(i, "f"), b"\x00"),
        (lambda i: as_int(i, "f"), b"\x00\x01"),
        (lambda i: as_int(i, "f", 64), b"\x01" + bytes(8)),
        (lambda i: as_int(i, "f"), []),
        (lambda i: as_bytes(i, "f"), []),
        (lambda i: as_bytes(i, "f", 32), bytes(31)),
        (lambda i: as_list(i, "f"), b""),
        (lambda i: as_list(i, "f", 2), [b""]),
        (lambda i: decode_list(encode(i), "f"), b"abc"),
    ],
)
def test_reader_refuses_when_the_shape_is_wrong(read, item):
    with pytest.raises(Malformed) as caught:
        read(item)
    assert caught.value.field == "f"


def _lists(item):
    return [_lists(i) for i in item] if isinstance(item, (list, tuple)) else item
