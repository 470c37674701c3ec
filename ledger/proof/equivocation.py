"""Equivocation: evidence, for anybody with the anchors, that an operator signed two histories.

    {"format": "originseal-equivocation/v1", "first": …, "second": …, "headers": ["0x…", …]}

Both are signed checkpoints, first.height ≤ second.height. At one height their texts differ and `headers` is empty.
Otherwise `headers` are those of blocks first.height + 1 to second.height: they lead to the second's block, and the
lowest has another parent than the first's block. `first` is null where the headers lead down to another block 0 than
the genesis that the second names itself. Who equivocates cannot take it back: docs/checkpoints.md.
"""

from __future__ import annotations

from ledger.errors import VerificationFailed
from ledger.proof import checkpoint as checkpoints
from ledger.proof.checkpoint import parse_signed
from ledger.proof.header import MAX_HEADER_BYTES, parse_header
from ledger.proof.text import constant, hexadecimal, items, load_json, members
from ledger.values import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ledger.proof.anchors import Anchors, CheckpointKey
    from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint

FORMAT = "originseal-equivocation/v1"
MAX_HEADERS = 40_000  # of some 600 bytes each: a file stays under text.MAX_JSON_BYTES


@dataclass(frozen=True, slots=True)
class Equivocation:
    """What is claimed; nobody has checked it yet."""

    first: SignedCheckpoint | None
    second: SignedCheckpoint
    headers: tuple[bytes, ...]

    def to_dict(self) -> dict[str, Any]:
        """The file's JSON value; parse_equivocation reads it back."""
        return {
            "format": FORMAT,
            "first": None if self.first is None else self.first.to_dict(),
            "second": self.second.to_dict(),
            "headers": [f"0x{header.hex()}" for header in self.headers],
        }


@dataclass(frozen=True, slots=True)
class VerifiedEquivocation:
    """Evidence: these keys signed that the block of `height` is `one`, and that it is `other`.

    At one and the same block the two checkpoints differ in what they say of its state or time. `keys` are the two
    signers, usually one key twice; only the second's where the first is the genesis itself.
    """

    height: int
    one: bytes
    other: bytes
    first: SignedCheckpoint | None
    second: SignedCheckpoint
    keys: tuple[CheckpointKey, ...]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form of the finding."""
        return {
            "format": "originseal-equivocation-verification/v1",
            "result": "proven",
            "height": self.height,
            "blocks": [f"0x{self.one.hex()}", f"0x{self.other.hex()}"],
            "keys": [{"keyId": f"sm3:{key.key_id.hex()}", "name": key.name} for key in self.keys],
            "checkpoints": [each.checkpoint.text for each in (self.first, self.second) if each is not None],
        }

    def to_text(self, lang: str) -> str:
        """The finding in words; `lang` is `zh` or `en`."""
        names = ", ".join(sorted({f"{key.name} sm3:{key.key_id.hex()}" for key in self.keys}))
        one, other, height = self.one.hex(), self.other.hex(), self.height
        if lang == "zh":
            what = "两个不同的区块" if one != other else "同一区块的两种说法"
            return (
                f"成立：运营方签署了两种历史。\n高度 {height}：{what}\n  0x{one}\n  0x{other}\n签名密钥：{names}\n"
                "签名只能由持有该密钥者作出，两者不能同时为真。此后该密钥的检查点都不可信，请告知监管机构。\n"
            )
        what = "two different blocks" if one != other else "two accounts of one block"
        return (
            f"PROVEN: the operator signed two histories.\nHeight {height}: {what}\n  0x{one}\n  0x{other}\n"
            f"Signed with: {names}\nOnly whoever holds that key can have signed, and both cannot be true. Trust no "
            "checkpoint of that key any more, and tell the regulators.\n"
        )


def parse_equivocation(data: bytes | str | dict[str, Any]) -> Equivocation:
    """The claim in `data` (the file, or its JSON value). Raises Malformed."""
    value = data if isinstance(data, dict) else load_json(data)
    top = members(value, "", ("format", "first", "second", "headers"))
    constant(top["format"], "/format", FORMAT)
    return Equivocation(
        None if top["first"] is None else parse_signed(top["first"], "/first"),
        parse_signed(top["second"], "/second"),
        tuple(
            hexadecimal(item, f"/headers/{at}", prefix="0x", limit=MAX_HEADER_BYTES)
            for at, item in enumerate(items(top["headers"], "/headers", MAX_HEADERS, empty=True))
        ),
    )


def verify_equivocation(claim: Equivocation, anchors: Anchors) -> VerifiedEquivocation:
    """Evidence that an anchored key signed two histories of the anchored chain. Raises VerificationFailed."""
    proven = examine(claim, anchors)
    if proven is None:
        raise VerificationFailed("the two checkpoints are of one history: nothing contradicts", field="/second")
    return proven


def examine(claim: Equivocation, anchors: Anchors) -> VerifiedEquivocation | None:
    """As verify_equivocation, but None where both checkpoints turn out to be of one history. Raises as it does."""
    first, second = claim.first, claim.second
    keys = [_signed(second, anchors, "/second")]
    if first is None:
        height, block = 0, anchors.genesis
    else:
        keys.insert(0, _signed(first, anchors, "/first"))
        height, block = first.checkpoint.height, first.checkpoint.block
    if second.checkpoint.height < height:
        raise VerificationFailed("the second checkpoint is below the first", field="/second")
    if len(claim.headers) != second.checkpoint.height - height:
        raise VerificationFailed(
            f"{second.checkpoint.height - height} headers lead from the second to the first, not {len(claim.headers)}",
            field="/headers",
        )
    other = ancestors(second.checkpoint, claim.headers)[height]
    same = second.checkpoint.text == first.checkpoint.text if first and not claim.headers else other == block
    return None if same else VerifiedEquivocation(height, block, other, first, second, tuple(keys))


def _signed(signed: SignedCheckpoint, anchors: Anchors, field: str) -> CheckpointKey:
    verified = checkpoints.verify(signed, anchors.checkpoint_keys, field)
    point = verified.checkpoint
    if (point.chain_id, point.genesis) != (anchors.chain_id, anchors.genesis):
        raise VerificationFailed("the checkpoint is of another chain than the anchored one", field=f"{field}/text")
    return verified.key


def ancestors(upper: Checkpoint, headers: Sequence[bytes], field: str = "/headers") -> dict[int, bytes]:
    """Height and hash of every block from `upper` down to the parent of the lowest of `headers`, which are those of
    the blocks up to `upper`, ascending. Raises VerificationFailed or Malformed when they do not lead there."""
    block, number = upper.block, upper.height
    found = {number: block}
    for at in range(len(headers) - 1, -1, -1):
        header = parse_header(headers[at], f"{field}/{at}")
        if header.hash != block or header.number != number:
            raise VerificationFailed(
                f"not the header of block {number} of the checkpoint's history", field=f"{field}/{at}"
            )
        block, number = header.parent_hash, number - 1
        found[number] = block
    return found
