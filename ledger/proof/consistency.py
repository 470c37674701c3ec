"""Consistency: evidence that a later checkpoint's block descends from an earlier one, link by parent link.

Needs the raw headers between the two and nothing of their contents: whoever trusts the earlier checkpoint then knows
that the later one only adds to it. What the blocks hold is not looked at: that takes execution (a replica).
"""

from __future__ import annotations

from ledger.errors import VerificationFailed
from ledger.proof.header import parse_header
from ledger.values import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.proof.checkpoint import Checkpoint

FORK = "fork"  # VerificationFailed.step when the chain shown passes the earlier height with another block


@dataclass(frozen=True, slots=True)
class Point:
    """A block to start from. `time` is 0 where it is not known: genesis is anchored by its hash alone."""

    height: int
    block: bytes
    time: int


@dataclass(frozen=True, slots=True)
class Consistent:
    """Evidence: the block of `newer` descends from `older`, and its height, time and state root are as it says."""

    older: Point
    newer: Checkpoint


def point_of(checkpoint: Checkpoint) -> Point:
    """The block of a checkpoint that the caller has verified."""
    return Point(checkpoint.height, checkpoint.block, checkpoint.time)


def consistent(older: Checkpoint, newer: Checkpoint, headers: Iterable[bytes]) -> Consistent:
    """Evidence that `newer` follows `older` (verified by the caller). Raises VerificationFailed or Malformed.

    `headers` are the raw headers of blocks older.height + 1 to newer.height; no more than those are read.
    """
    if (newer.chain_id, newer.genesis) != (older.chain_id, older.genesis):
        raise VerificationFailed("the two checkpoints are of different chains", field="genesis")
    return descends(point_of(older), newer, headers)


def descends(older: Point, newer: Checkpoint, headers: Iterable[bytes]) -> Consistent:
    """As `consistent`, from any block: genesis, for a witness that signs for the first time."""
    if newer.height < older.height:
        raise VerificationFailed(f"height {newer.height} does not follow {older.height}", field="height")
    if newer.height == older.height:
        if newer.block != older.block:
            raise VerificationFailed(f"two blocks of height {newer.height}", step=FORK, field="block")
        return Consistent(older, newer)
    height, block, time, root = older.height, older.block, older.time, b""
    for raw in headers:
        header = parse_header(raw, f"headers/{height + 1}")
        if header.number != height + 1:
            raise VerificationFailed(
                f"the header says {header.number}, not {height + 1}", field=f"headers/{height + 1}"
            )
        if header.parent_hash != block:
            raise VerificationFailed(
                f"block {header.number} does not follow the block of height {height}",
                step=FORK if height == older.height else "",
                field=f"headers/{header.number}",
            )
        if header.time < time:
            raise VerificationFailed(
                f"block {header.number} is older than its parent", field=f"headers/{header.number}"
            )
        height, block, time, root = header.number, header.hash, header.time, header.state_root
        if height == newer.height:
            break
    if height != newer.height:
        raise VerificationFailed(f"the headers end at {height}, before {newer.height}", field="headers")
    if block != newer.block:
        raise VerificationFailed(f"the headers lead to another block {height} than the checkpoint's", field="block")
    if (time, root) != (newer.time, newer.state_root):
        raise VerificationFailed("the checkpoint misstates its block", field="time" if time != newer.time else "root")
    return Consistent(older, newer)
