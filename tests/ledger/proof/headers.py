"""Header chains made up for tests of consistency and equivocation: valid links, invented contents."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.crypto.keccak import keccak256
from ledger.proof.checkpoint import Checkpoint
from ledger.proof.header import parse_header
from ledger.proof.rlp import encode

CHAIN_ID, START = 20250, 1_764_000_000


def number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def header(height: int, parent: bytes, *, time: int | None = None, mark: bytes = b"") -> bytes:
    """A header whose contents depend on `mark`."""
    root = keccak256(b"state" + mark + number(height))
    when = START + height if time is None else time
    return encode(
        [
            parent, bytes(32), bytes(20), root, bytes(32), bytes(32), bytes(256), b"", number(height), b"\x01", b"",
            number(when), mark, bytes(32), bytes(8),
        ]
    )  # fmt: skip


def chain(length: int, *, mark: bytes = b"", after: Sequence[bytes] = ()) -> list[bytes]:
    """Headers of blocks 0 to `length`; those in `after` are the first of them."""
    made = list(after) or [header(0, bytes(32))]
    while len(made) <= length:
        made.append(header(len(made), keccak256(made[-1]), mark=mark))
    return made


def checkpoint(raw: bytes, genesis: bytes, **changes: object) -> Checkpoint:
    """The checkpoint that an honest operator signs for a header."""
    read = parse_header(raw)
    values = {
        "chain_id": CHAIN_ID, "genesis": genesis, "height": read.number, "block": read.hash,
        "state_root": read.state_root, "time": read.time,
    }  # fmt: skip
    return Checkpoint(**(values | changes))
