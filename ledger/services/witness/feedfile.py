"""A witness's own feed: every note that it co-signed, ascending, in one file that is only ever added to.

What a crash cut short is cut off again by `mend`; anything else that is wrong in the file is not ours to repair.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ledger.errors import Malformed, NotFound
from ledger.proof.checkpoint import HEADING
from ledger.proof.note import MAX_NOTE_BYTES, Note, parse_note

START = f"{HEADING}\n".encode()
BETWEEN = b"\n\n" + START
WINDOW = 4 * MAX_NOTE_BYTES


class FeedFile:
    """Notes with at least one co-signature each."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, note: Note) -> None:
        """Add a note; on disk when this returns."""
        with self.path.open("ab") as file:
            file.write((("\n" if file.tell() else "") + note.text).encode())
            file.flush()
            os.fsync(file.fileno())

    def tail(self) -> tuple[Note | None, bool]:
        """The last complete note, and whether something that is no complete note follows it. Raises Malformed."""
        note, end, size = self._tail()
        return note, end < size

    def mend(self) -> None:
        """Cut off what follows the last complete note."""
        _, end, size = self._tail()
        if end < size:
            with self.path.open("r+b") as file:
                file.truncate(end)
                file.flush()
                os.fsync(file.fileno())

    def _tail(self) -> tuple[Note | None, int, int]:
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return None, 0, 0
        with file:
            size = file.seek(0, os.SEEK_END)
            first = max(0, size - WINDOW)
            file.seek(first)
            window = file.read(WINDOW)
        starts = _starts(window, at_beginning=first == 0)
        if not starts:
            if first:
                raise Malformed("the feed does not end with a note", field=self.path.name)
            return None, 0, size
        for at, stop in zip(reversed(starts), (len(window), *reversed([start - 1 for start in starts])), strict=False):
            # What follows a note is told from it by a second empty line; the first stands after the checkpoint.
            second = window.find(b"\n\n", window.find(b"\n\n", at) + 2, stop)
            for end in (stop, second + 1):
                try:
                    return self._parse(window[at:end]), first + end, size
                except Malformed:
                    continue
            if at != starts[-1]:
                raise Malformed("the last two notes of the feed are broken", field=self.path.name)
        return None, 0, size  # the only note there is was cut short

    def notes(self, start: int = 0) -> Iterator[Note]:
        """The notes from height `start` on, ascending. Raises Malformed."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(self._before(file, start))
            block: list[bytes] = []
            last = -1
            for line in file:
                if line == START and block:
                    note = self._in_order(b"".join(block[:-1]), last)
                    last, block = note.checkpoint.height, []
                    if last >= start:
                        yield note
                block.append(line)
            if block:
                note = self._in_order(b"".join(block), last)
                if note.checkpoint.height >= start:
                    yield note

    def note(self, height: int) -> Note:
        """The note of exactly this height. Raises NotFound."""
        found = next(self.notes(height), None)
        if found is None or found.checkpoint.height != height:
            raise NotFound(f"nothing of height {height} was co-signed here")
        return found

    def _before(self, file: BinaryIO, start: int) -> int:
        """Where to begin reading for heights from `start` on: the beginning of a note below, or of the file."""
        low, high = 0, file.seek(0, os.SEEK_END)
        while high - low > WINDOW:
            middle = (low + high) // 2
            file.seek(middle)
            window = file.read(WINDOW)
            at = window.find(BETWEEN)
            if at < 0 or middle + at + 2 >= high:
                break
            text, follows, _ = window[at + 2 :].partition(BETWEEN)
            if self._parse(text + (b"\n" if follows else b"")).checkpoint.height < start:
                low = middle + at + 2
            else:
                high = middle
        return low

    def _in_order(self, raw: bytes, last: int) -> Note:
        note = self._parse(raw)
        if note.checkpoint.height <= last:
            raise Malformed("the heights of a feed ascend", field=self.path.name)
        return note

    def _parse(self, raw: bytes) -> Note:
        note = parse_note(raw, self.path.name)
        if not note.cosignatures:  # cut short after the operator's line
            raise Malformed("a note without co-signature", field=self.path.name)
        return note


def _starts(window: bytes, *, at_beginning: bool) -> list[int]:
    found = [0] if at_beginning and window.startswith(START) else []
    at = window.find(BETWEEN)
    while at >= 0:
        found.append(at + 2)
        at = window.find(BETWEEN, at + 2)
    return found
