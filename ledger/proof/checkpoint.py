"""Checkpoints: a few lines of text that pin a whole chain, signed with SM2.

    originseal-checkpoint/v1
    chain-id: 20250
    genesis: 0x…
    height: 123
    block: 0x…
    state-root: 0x…
    time: 1764000000

Exactly these lines, UTF-8, each ended by LF; numbers in decimal without leading zeros, hashes in lower case: one
checkpoint has one text. The signature is ordinary SM2-with-SM3 (GM/T 0009, default ID) over that text. Does not know
what a block contains.
"""

from __future__ import annotations

from ledger.errors import Malformed, SignatureRejected, VerificationFailed
from ledger.proof.header import parse_header
from ledger.proof.text import digest, hexadecimal, members, string
from ledger.values import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ledger.crypto.ports import Signer
    from ledger.proof.anchors import CheckpointKey
    from ledger.proof.header import Header

HEADING = "originseal-checkpoint/v1"
MAX_TEXT = 512  # seven lines with the widest numbers are 340 bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One block of one chain. `time` is the block's, in Unix seconds."""

    chain_id: int
    genesis: bytes
    height: int
    block: bytes
    state_root: bytes
    time: int

    @property
    def text(self) -> str:
        """The text that is signed."""
        return (
            f"{HEADING}\nchain-id: {self.chain_id}\ngenesis: 0x{self.genesis.hex()}\nheight: {self.height}\n"
            f"block: 0x{self.block.hex()}\nstate-root: 0x{self.state_root.hex()}\ntime: {self.time}\n"
        )


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint with a signature that nobody has checked yet."""

    checkpoint: Checkpoint
    key_id: bytes
    signature: bytes

    def to_dict(self) -> dict[str, str]:
        """The JSON form; parse_signed reads it back."""
        return {
            "text": self.checkpoint.text,
            "keyId": f"sm3:{self.key_id.hex()}",
            "signature": self.signature.hex(),
        }


@dataclass(frozen=True, slots=True)
class VerifiedCheckpoint:
    """Evidence: this key signed this checkpoint."""

    checkpoint: Checkpoint
    key: CheckpointKey


def parse_text(text: str, field: str = "text") -> Checkpoint:
    """The checkpoint that `text` states. Raises Malformed unless it is that checkpoint's only text."""
    if len(text) > MAX_TEXT:
        raise Malformed(f"a checkpoint of {len(text)} characters", field=field)
    lines = text.split("\n")
    if len(lines) != 8 or lines[0] != HEADING or lines[7]:
        raise Malformed(f"a checkpoint has seven lines, the first “{HEADING}”, each ended by LF", field=field)
    checkpoint = Checkpoint(
        chain_id=_number(lines[1], "chain-id", field),
        genesis=_hash(lines[2], "genesis", field),
        height=_number(lines[3], "height", field),
        block=_hash(lines[4], "block", field),
        state_root=_hash(lines[5], "state-root", field),
        time=_number(lines[6], "time", field),
    )
    if checkpoint.text != text:  # cannot happen while _number and _hash are strict; they are the only reason why
        raise Malformed("the checkpoint is not in its only form", field=field)
    return checkpoint


def parse_signed(value: Any, field: str = "checkpoint") -> SignedCheckpoint:
    """The signed checkpoint in a JSON value. Raises Malformed; checks no signature."""
    entry = members(value, field, ("text", "keyId", "signature"))
    return SignedCheckpoint(
        parse_text(string(entry["text"], f"{field}/text", MAX_TEXT), f"{field}/text"),
        digest(entry["keyId"], f"{field}/keyId"),
        hexadecimal(entry["signature"], f"{field}/signature", 64),
    )


def sign(checkpoint: Checkpoint, signer: Signer) -> SignedCheckpoint:
    """`checkpoint`, signed. Whoever signs must have the block: a checkpoint is a promise never to show another."""
    return SignedCheckpoint(checkpoint, signer.public.key_id, signer.sign(checkpoint.text.encode()))


def verify(
    signed: SignedCheckpoint, keys: Mapping[bytes, CheckpointKey], field: str = "checkpoint"
) -> VerifiedCheckpoint:
    """Evidence that one of `keys` signed it. Raises VerificationFailed when the key is unknown or did not."""
    key = keys.get(signed.key_id)
    if key is None:
        raise VerificationFailed(
            f"the checkpoint is signed by sm3:{signed.key_id.hex()}, which is none of the {len(keys)} trusted keys",
            field=f"{field}/keyId",
        )
    try:
        key.public.verify(signed.checkpoint.text.encode(), signed.signature)
    except SignatureRejected as error:
        raise VerificationFailed(
            "the checkpoint's SM2 signature does not verify", field=f"{field}/signature"
        ) from error
    return VerifiedCheckpoint(signed.checkpoint, key)


def header_of(signed: SignedCheckpoint, raw: bytes, field: str = "header") -> Header:
    """The header in `raw`, which must be that of the checkpoint's block. Raises VerificationFailed."""
    header, checkpoint = parse_header(raw, field), signed.checkpoint
    if header.hash != checkpoint.block:
        raise VerificationFailed("the header is not that of the checkpoint's block", field=field)
    if (header.number, header.time, header.state_root) != (checkpoint.height, checkpoint.time, checkpoint.state_root):
        raise VerificationFailed("the checkpoint misstates its block", field=field)
    return header


def _value(line: str, name: str, field: str) -> str:
    if not line.startswith(f"{name}: "):
        raise Malformed(f"the line “{name}: …” was expected", field=field)
    return line[len(name) + 2 :]


def _number(line: str, name: str, field: str) -> int:
    text = _value(line, name, field)
    if not (text.isascii() and text.isdigit()) or len(text) > 20 or (text[0] == "0" and text != "0"):
        raise Malformed(f"{name} is not a decimal number without leading zeros", field=field)
    number = int(text)
    if number >= 1 << 64:
        raise Malformed(f"{name} is not below 2^64", field=field)
    return number


def _hash(line: str, name: str, field: str) -> bytes:
    return hexadecimal(_value(line, name, field), field, 32, prefix="0x")
