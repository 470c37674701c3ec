"""The few shapes of the Solidity contract ABI that signed operations use, encoded and decoded strictly.

Job: static words (bytesN, uintN, bool, bytes32[4]) and one kind of dynamic tail, (bytes32, uint128)[].
It is not a general ABI codec: the verifier imports it, so it stays small and pulls in nothing.
Clause: Solidity contract ABI specification, "Formal Specification of the Encoding". Decoding accepts only the
canonical encoding (tails in order and adjacent, padding zero, nothing left over): the same operation never has two
byte forms, so its digest cannot be argued about.
"""

from __future__ import annotations

from ledger.errors import Malformed

TYPE_CHECKING = False  # as in ledger.values: the verifier must start fast
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

WORD = 32

# The types an operation's fields may have. "lots" is (bytes32 lotId, uint128 quantity)[].
_UINT_BITS = {"uint8": 8, "uint32": 32, "uint64": 64, "uint128": 128, "uint256": 256}
_STATIC_WORDS = {**dict.fromkeys(_UINT_BITS, 1), "bytes32": 1, "bool": 1, "bytes32[4]": 4}


def uint(value: int, bits: int = 256, field: str = "") -> bytes:
    """One word holding an unsigned integer. Raises Malformed when it does not fit `bits`."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << bits:
        raise Malformed(f"not an unsigned {bits}-bit integer: {value!r:.80}", field=field)
    return value.to_bytes(WORD, "big")


def word32(value: bytes, field: str = "") -> bytes:
    """A bytes32. Raises Malformed when the length is not 32."""
    if not isinstance(value, bytes) or len(value) != WORD:
        raise Malformed("not 32 bytes", field=field)
    return value


class Reader:
    """Walks ABI words of untrusted bytes; every step raises Malformed instead of reading past the end."""

    __slots__ = ("_data", "_field", "_offset")

    def __init__(self, data: bytes, field: str = "") -> None:
        self._data = data
        self._offset = 0
        self._field = field

    def word(self) -> bytes:
        end = self._offset + WORD
        if end > len(self._data):
            raise Malformed("the encoding ends too early", field=self._field)
        value = self._data[self._offset : end]
        self._offset = end
        return value

    def uint(self, bits: int = 256) -> int:
        value = int.from_bytes(self.word(), "big")
        if value >> bits:
            raise Malformed(f"a word holds more than {bits} bits", field=self._field)
        return value

    def expect(self, value: int, what: str) -> None:
        """Read a word that the canonical encoding fixes (an offset). Raises Malformed when it is another one."""
        if self.uint() != value:
            raise Malformed(f"not the canonical encoding: {what}", field=self._field)

    def count(self, words_each: int) -> int:
        """Read an array length, refused at once when the remaining bytes cannot hold that many items."""
        n = self.uint()
        if n * words_each * WORD > len(self._data) - self._offset:
            raise Malformed("an array is longer than its data", field=self._field)
        return n

    def blob(self) -> bytes:
        """Read a `bytes` tail: length, content, zero padding."""
        n = self.uint()
        padded = -(-n // WORD) * WORD
        if padded > len(self._data) - self._offset:
            raise Malformed("a byte string is longer than its data", field=self._field)
        start, self._offset = self._offset, self._offset + padded
        value, padding = self._data[start : start + n], self._data[start + n : self._offset]
        if any(padding):
            raise Malformed("padding is not zero", field=self._field)
        return value

    def finish(self) -> None:
        if self._offset != len(self._data):
            raise Malformed("bytes left over after the encoding", field=self._field)

    @property
    def offset(self) -> int:
        return self._offset


def blob(data: bytes) -> bytes:
    """A `bytes` tail: length, content, zero padding."""
    return len(data).to_bytes(WORD, "big") + data + bytes(-len(data) % WORD)


def encode_fields(types: Sequence[tuple[str, str]], values: Sequence[Any]) -> bytes:
    """abi.encode of an operation's fields; at most one of them is dynamic, and it is the last."""
    head: list[bytes] = []
    tail = b""
    for (name, kind), value in zip(types, values, strict=True):
        field = f"/{name}"
        if kind == "lots":
            head_words = sum(_STATIC_WORDS.get(k, 1) for _, k in types)
            head.append(uint(head_words * WORD))
            parts = [len(value).to_bytes(WORD, "big")]
            parts += [word32(lot, field) + uint(quantity, 128, field) for lot, quantity in value]
            tail = b"".join(parts)
        elif kind == "bytes32":
            head.append(word32(value, field))
        elif kind == "bytes32[4]":
            if len(value) != 4:
                raise Malformed("not four digests", field=field)
            head += [word32(v, field) for v in value]
        elif kind == "bool":
            if not isinstance(value, bool):
                raise Malformed("not a boolean", field=field)
            head.append(int(value).to_bytes(WORD, "big"))
        else:
            head.append(uint(value, _UINT_BITS[kind], field))
    return b"".join(head) + tail


def decode_fields(types: Sequence[tuple[str, str]], data: bytes) -> list[Any]:
    """The values that encode_fields would encode to exactly `data`. Raises Malformed for anything else."""
    reader = Reader(data, "/data")
    values: list[Any] = []
    dynamic = False
    for _, kind in types:
        if kind == "lots":
            reader.expect(sum(_STATIC_WORDS.get(k, 1) for _, k in types) * WORD, "offset of the last field")
            dynamic = True
        elif kind == "bytes32":
            values.append(reader.word())
        elif kind == "bytes32[4]":
            values.append(tuple(reader.word() for _ in range(4)))
        elif kind == "bool":
            values.append(bool(reader.uint(1)))
        else:
            values.append(reader.uint(_UINT_BITS[kind]))
    if dynamic:
        values.append(tuple((reader.word(), reader.uint(128)) for _ in range(reader.count(2))))
    reader.finish()
    return values
