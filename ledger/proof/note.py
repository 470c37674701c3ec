"""Checkpoint notes: the stable text in which checkpoints and their co-signatures are published, one or a whole feed.

    <the seven lines of the checkpoint>
    <an empty line>
    — operator sm3:<key id> <signature>
    — witness sm3:<key id> <time> <method> <signature>      (0 or more, ascending key id)

UTF-8, each line ended by LF; a feed is notes in ascending height with one empty line between them. One note has one
text. Parsing checks forms and bounds; whether a signature is right is for checkpoint.verify and cosignature.verify.
"""

from __future__ import annotations

from ledger.errors import Malformed
from ledger.proof.checkpoint import SignedCheckpoint, parse_signed, parse_text
from ledger.proof.cosignature import MAX_COSIGNATURES, METHODS, TIME_BITS, Cosignature, check_order, parse_cosignatures
from ledger.proof.text import digest, hexadecimal, items, members
from ledger.values import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from ledger.proof.checkpoint import Checkpoint

MAX_LINE = 512  # the longest of a note, a witness's, is under 260 characters
MAX_NOTE_BYTES = 32 * 1024  # with 64 co-signatures
MAX_FEED_NOTES = 1000
MAX_FEED_BYTES = 4 * 1024 * 1024
CHECKPOINT_LINES = 7


@dataclass(frozen=True, slots=True)
class Note:
    """A signed checkpoint with the co-signatures that somebody knows of; nobody has checked any signature yet."""

    signed: SignedCheckpoint
    cosignatures: tuple[Cosignature, ...]

    @property
    def checkpoint(self) -> Checkpoint:
        """What is signed."""
        return self.signed.checkpoint

    @property
    def text(self) -> str:
        """The published text; parse_note reads it back."""
        lines = [f"— operator sm3:{self.signed.key_id.hex()} {self.signed.signature.hex()}\n"]
        lines += [
            f"— witness sm3:{one.key_id.hex()} {one.time} {one.method} {one.signature.hex()}\n"
            for one in self.cosignatures
        ]
        return f"{self.checkpoint.text}\n{''.join(lines)}"

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; note_of reads it back."""
        return {
            "checkpoint": self.signed.to_dict(),
            "cosignatures": [cosignature.to_dict() for cosignature in self.cosignatures],
        }


def note(signed: SignedCheckpoint, cosignatures: Iterable[Cosignature] = ()) -> Note:
    """A note with its co-signatures in order."""
    return Note(signed, tuple(sorted(cosignatures, key=lambda one: one.key_id)))


def note_of(value: Any, field: str = "note") -> Note:
    """The note in a JSON value. Raises Malformed."""
    entry = members(value, field, ("checkpoint", "cosignatures"))
    return Note(
        parse_signed(entry["checkpoint"], f"{field}/checkpoint"),
        parse_cosignatures(entry["cosignatures"], f"{field}/cosignatures"),
    )


def parse_note(text: str | bytes, field: str = "note") -> Note:
    """The one note in `text`. Raises Malformed unless it is that note's only text."""
    found = parse_feed(text, field, limit=1)
    if not found:
        raise Malformed("a checkpoint note was expected", field=field)
    return found[0]


def feed_text(notes: Iterable[Note]) -> str:
    """The published text of notes in ascending height."""
    return "\n".join(each.text for each in notes)


def parse_feed(text: str | bytes, field: str = "feed", *, limit: int = MAX_FEED_NOTES) -> tuple[Note, ...]:
    """The notes in `text`, at most `limit`, none in an empty text. Raises Malformed."""
    if len(text) > min(MAX_FEED_BYTES, limit * (MAX_NOTE_BYTES + 1)):
        raise Malformed(f"{len(text)} are too many bytes for {limit} notes", field=field)
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
    except UnicodeDecodeError as error:
        raise Malformed("not UTF-8", field=field) from error
    if not decoded:
        return ()
    if not decoded.endswith("\n"):
        raise Malformed("the last line is not ended by LF", field=field)
    found: list[Note] = []
    for each in read_notes(decoded[:-1].split("\n"), field):
        if len(found) == limit:
            raise Malformed(f"more than {limit} notes", field=field)
        found.append(each)
    return tuple(found)


def read_notes(lines: Iterable[str], field: str = "feed") -> Iterator[Note]:
    """The notes in `lines` (without their LF), one at a time: for feeds of any length. Raises Malformed.

    Heights must ascend.
    """
    block: list[str] = []
    at, last = 0, -1
    for line in lines:
        if len(line) > MAX_LINE:
            raise Malformed(f"a line of {len(line)} characters", field=f"{field}/{at}")
        if line or len(block) == CHECKPOINT_LINES:
            block.append(line)
            if len(block) > CHECKPOINT_LINES + 2 + MAX_COSIGNATURES:
                raise Malformed(f"more than {MAX_COSIGNATURES} co-signatures", field=f"{field}/{at}")
            continue
        yield (found := _note(block, last, f"{field}/{at}"))
        block, at, last = [], at + 1, found.checkpoint.height
    if block or at:  # no line at all is a feed without notes
        yield _note(block, last, f"{field}/{at}")


def _note(lines: list[str], last: int, field: str) -> Note:
    if len(lines) < CHECKPOINT_LINES + 2 or lines[CHECKPOINT_LINES]:
        raise Malformed("a note is a checkpoint, an empty line and the operator's line", field=field)
    checkpoint = parse_text("\n".join(lines[:CHECKPOINT_LINES]) + "\n", field)
    if checkpoint.height <= last:
        raise Malformed("the heights of a feed ascend", field=field)
    key_id, signature = _signature(lines[CHECKPOINT_LINES + 1], "— operator ", 2, field)
    witnesses = tuple(_cosignature(line, field) for line in lines[CHECKPOINT_LINES + 2 :])
    check_order(witnesses, field)
    return Note(
        SignedCheckpoint(checkpoint, digest(key_id, field), hexadecimal(signature, field, 64)),
        witnesses,
    )


def _signature(line: str, start: str, words: int, field: str) -> list[str]:
    parts = line[len(start) :].split(" ")
    if not line.startswith(start) or len(parts) != words:
        raise Malformed(f"a line “{start}…” of {words} words was expected", field=field)
    return parts


def _cosignature(line: str, field: str) -> Cosignature:
    key_id, time, method, signature = _signature(line, "— witness ", 4, field)
    if not (time.isascii() and time.isdigit()) or len(time) > 20 or str(int(time)) != time or int(time) >> TIME_BITS:
        raise Malformed(f"the time is not a decimal number below 2^{TIME_BITS} without leading zeros", field=field)
    if method not in METHODS:
        raise Malformed(f"the method is {' or '.join(METHODS)}", field=field)
    return Cosignature(digest(key_id, field), int(time), method, hexadecimal(signature, field, 64))


def feed_of(value: Any, field: str = "feed") -> tuple[Note, ...]:
    """The notes in the JSON form of a feed's `notes`. Raises Malformed; heights must ascend."""
    found: list[Note] = []
    for at, item in enumerate(items(value, field, MAX_FEED_NOTES, empty=True)):
        each = note_of(item, f"{field}/{at}")
        if found and each.checkpoint.height <= found[-1].checkpoint.height:
            raise Malformed("the heights of a feed ascend", field=f"{field}/{at}")
        found.append(each)
    return tuple(found)
