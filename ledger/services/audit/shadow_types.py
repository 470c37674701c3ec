"""What the parts of the shadow share: a rule that was broken, an event that must have been said, and words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from ledger.crypto.keccak import keccak256


class Violation(Exception):
    """The contract should have refused this."""


@dataclass(frozen=True, slots=True)
class Emitted:
    """One event: who says it, its topics, its data."""

    contract: str
    topics: tuple[bytes, ...]
    data: bytes


@cache
def topic(signature: str) -> bytes:
    """The first topic of an event."""
    return keccak256(signature.encode("ascii"))


def emit(
    events: list[Emitted], contract: str, signature: str, indexed: Iterable[bytes], data: Iterable[bytes | int]
) -> None:
    """Note that `contract` says this event; numbers and 32-byte values become words."""
    words = b"".join(part if isinstance(part, bytes) else int(part).to_bytes(32, "big") for part in data)
    events.append(Emitted(contract, (topic(signature), *indexed), words))


def word(value: bytes) -> int:
    """32 bytes as the number in a storage word."""
    return int.from_bytes(value, "big")


def packed(*parts: tuple[int, int]) -> int:
    """(value, bits) from the low end upwards as one storage word."""
    total, offset = 0, 0
    for value, bits in parts:
        total |= value << offset
        offset += bits
    return total
