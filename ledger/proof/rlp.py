"""Recursive Length Prefix, strictly: one byte string, one reading.

Decodes blocks' headers, transactions, receipts and trie nodes that come from outside. Every non-canonical encoding is
refused (a single byte below 0x80 with a prefix, a long form for a short length, leading zeros in a length or a
number, bytes after the item), so that two different byte strings never decode to the same thing.

Does not know what the items mean. Standard: Ethereum Yellow Paper, appendix B.
"""

from __future__ import annotations

from ledger.errors import Malformed

TYPE_CHECKING = False  # as in ledger.values: the verifier must start fast, so `typing` is not imported at run time
if TYPE_CHECKING:
    from typing import TypeAlias

    Item: TypeAlias = bytes | "list[Item]"

MAX_BYTES = 16 * 1024 * 1024  # a whole block of the embedded engine stays far below this
MAX_DEPTH = 16  # receipts nest four deep; a trie node with inline children a little more
MAX_ITEMS = 200_000  # items in one decoded value, so that memory is bounded by the input times a constant


def decode(data: bytes, field: str = "rlp") -> Item:
    """The one item that `data` encodes. Raises Malformed (naming `field`) on anything else."""
    if len(data) > MAX_BYTES:
        raise Malformed(f"RLP of {len(data)} bytes is over the limit of {MAX_BYTES}", field=field)
    budget = [MAX_ITEMS]
    item, end = _decode_at(data, 0, len(data), field, 0, budget)
    if end != len(data):
        raise Malformed(f"{len(data) - end} bytes follow the RLP item", field=field)
    return item


def decode_list(data: bytes, field: str = "rlp", length: int | None = None) -> list[Item]:
    """Like decode, but the item must be a list (of exactly `length` items where given)."""
    return as_list(decode(data, field), field, length)


def as_list(item: Item, field: str, length: int | None = None) -> list[Item]:
    """`item`, which must be a list. Raises Malformed."""
    if not isinstance(item, list):
        raise Malformed("a list was expected", field=field)
    if length is not None and len(item) != length:
        raise Malformed(f"a list of {length} items was expected, not {len(item)}", field=field)
    return item


def as_bytes(item: Item, field: str, length: int | None = None) -> bytes:
    """`item`, which must be a byte string (of exactly `length` bytes where given). Raises Malformed."""
    if not isinstance(item, bytes):
        raise Malformed("a byte string was expected", field=field)
    if length is not None and len(item) != length:
        raise Malformed(f"{length} bytes were expected, not {len(item)}", field=field)
    return item


def as_int(item: Item, field: str, bits: int = 256) -> int:
    """`item` as an unsigned big-endian number without leading zeros, below 2**bits. Raises Malformed."""
    raw = as_bytes(item, field)
    if raw[:1] == b"\x00":
        raise Malformed("a number starts with a zero byte", field=field)
    if len(raw) * 8 > bits:
        raise Malformed(f"a number is wider than {bits} bits", field=field)
    return int.from_bytes(raw, "big")


def encode(item: Item | int) -> bytes:
    """The canonical encoding of `item`; a number is encoded as its shortest big-endian bytes."""
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8, "big")
    if isinstance(item, list):
        body = b"".join(map(encode, item))
        return _prefix(len(body), 0xC0) + body
    if len(item) == 1 and item[0] < 0x80:
        return item
    return _prefix(len(item), 0x80) + item


def _prefix(length: int, base: int) -> bytes:
    if length < 56:
        return bytes((base + length,))
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((base + 55 + len(size),)) + size


def _decode_at(data: bytes, at: int, end: int, field: str, depth: int, budget: list[int]) -> tuple[Item, int]:
    if at >= end:
        raise Malformed("RLP ends too early", field=field)
    budget[0] -= 1
    if budget[0] < 0:
        raise Malformed(f"more than {MAX_ITEMS} RLP items", field=field)
    first = data[at]
    if first < 0x80:
        return data[at : at + 1], at + 1
    start, stop = _payload(data, at, end, field)
    if first < 0xC0:
        if stop - start == 1 and data[start] < 0x80:
            raise Malformed("a single low byte carries a prefix", field=field)
        return data[start:stop], stop
    if depth >= MAX_DEPTH:
        raise Malformed(f"RLP lists nest deeper than {MAX_DEPTH}", field=field)
    items: list[Item] = []
    append = items.append
    while start < stop:
        first = data[start]
        if 0x80 <= first <= 0xA0:  # up to 32 bytes: nearly every item of a trie node, so without a call
            end_ = start + first - 0x7F
            if end_ > stop or (first == 0x81 and data[start + 1] < 0x80):
                _decode_at(data, start, stop, field, depth + 1, budget)  # raises, and says why
            append(data[start + 1 : end_])
            start = end_
            continue
        item, start = _decode_at(data, start, stop, field, depth + 1, budget)
        append(item)
    budget[0] -= len(items)
    if budget[0] < 0:
        raise Malformed(f"more than {MAX_ITEMS} RLP items", field=field)
    return items, stop


def _payload(data: bytes, at: int, end: int, field: str) -> tuple[int, int]:
    """Start and end of the payload of the prefixed item at `at`."""
    first = data[at]
    short = first - (0x80 if first < 0xC0 else 0xC0)
    start = at + 1
    if short <= 55:
        length = short
    else:
        width = short - 55
        raw = data[start : start + width]
        if start + width > end or len(raw) != width:
            raise Malformed("RLP ends inside a length", field=field)
        if raw[0] == 0:
            raise Malformed("an RLP length starts with a zero byte", field=field)
        length = int.from_bytes(raw, "big")
        if length < 56:
            raise Malformed("a short RLP length is written in the long form", field=field)
        start += width
    if length > end - start:
        raise Malformed("an RLP item runs past its end", field=field)
    return start, start + length
