"""What a witness must never forget: the last checkpoint that it co-signed, and whether it stopped for good.

DATA/witness.json   the last note with this witness's co-signature, whether it was handed in, a refusal if there is one
DATA/cosigned.txt   every note that it ever co-signed, as a feed for others to compare with; only ever added to
DATA/evidence/      evidence of equivocation, one file each

Both files are on disk before a co-signature leaves the house. Either one alone brings the witness back to where it
was: a state file from an old backup is overruled by the feed, a feed cut short by a crash is completed from the state.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ledger.errors import Conflict, Malformed, StorageUnavailable
from ledger.proof.note import Note, note_of
from ledger.proof.text import boolean, constant, integer, load_json, members, string
from ledger.services.config import write_json
from ledger.services.witness.feedfile import FeedFile

FORMAT = "originseal-witness-state/v1"
MAX_BYTES = 256 * 1024
MAX_ADDRESSES = 64


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a witness signs no more for this operator. `time` is Unix seconds; `evidence` a file name."""

    time: int
    why: str
    evidence: str


@dataclass(frozen=True, slots=True)
class State:
    """`compared`: up to which height the notes at each other address were compared with what was co-signed."""

    last: Note | None = None
    handed_in: bool = True
    refusal: Refusal | None = None
    compared: tuple[tuple[str, int], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "last": None if self.last is None else self.last.to_dict(),
            "handedIn": self.handed_in,
            "refused": None
            if self.refusal is None
            else {"time": self.refusal.time, "why": self.refusal.why, "evidence": self.refusal.evidence},
            "compared": dict(self.compared),
        }


def parse_state(data: bytes) -> State:
    """The state in a file's bytes. Raises Malformed."""
    top = members(load_json(data, "", MAX_BYTES), "", ("format", "last", "handedIn", "refused", "compared"))
    constant(top["format"], "/format", FORMAT)
    refusal = None
    if top["refused"] is not None:
        entry = members(top["refused"], "/refused", ("time", "why", "evidence"))
        refusal = Refusal(
            integer(entry["time"], "/refused/time"),
            string(entry["why"], "/refused/why", 4096),
            string(entry["evidence"], "/refused/evidence"),
        )
    compared = top["compared"]
    if not isinstance(compared, dict) or len(compared) > MAX_ADDRESSES:
        raise Malformed(f"an object of at most {MAX_ADDRESSES} addresses was expected", field="/compared")
    return State(
        None if top["last"] is None else note_of(top["last"], "/last"),
        boolean(top["handedIn"], "/handedIn"),
        refusal,
        tuple((name, integer(height, f"/compared/{name}")) for name, height in compared.items()),
    )


class Memory:
    """The files of one witness; opened by one process at a time. Every change is on disk when the method returns."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = State()
        self.feed = FeedFile(root / "cosigned.txt")

    @property
    def state_file(self) -> Path:
        return self.root / "witness.json"

    @contextmanager
    def opened(self) -> Iterator[Memory]:
        """Read, and repair what a crash left half written. Raises Conflict while another process has it open, Malformed
        for a file that no crash explains."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise Conflict(f"another witness runs in {self.root}", hint="stop it first") from error
            self._read()
            yield self

    def _read(self) -> None:
        try:
            self.state = parse_state(self.state_file.read_bytes())
        except FileNotFoundError:
            self.state = State()
        except Malformed as error:
            raise Malformed(f"{self.state_file.name}: {error.message}", field=error.field) from error
        whole, torn = self.feed.tail()
        kept, written = _height(self.state.last), _height(whole)
        if torn and kept <= written:
            raise Malformed("the feed ends in what no crash explains", field=self.feed.path.name)
        if torn:
            self.feed.mend()
        if written > kept:
            # The state file is older than the feed: somebody put an old copy back. What the feed says was signed.
            self.state = replace(self.state, last=whole, handed_in=False)
            self._save()
        elif kept > written and self.state.last is not None:
            self.feed.append(self.state.last)
            _sync_folder(self.root)
        elif whole is not None and self.state.last != whole:
            raise Malformed("state and feed name two co-signatures of one height", field=self.feed.path.name)

    def keep(self, note: Note) -> None:
        """Remember a co-signed note, durably, before it is handed out. Heights only ever ascend."""
        last = self.state.last
        if last is not None and note.checkpoint.height <= last.checkpoint.height:
            raise RuntimeError(f"co-signing {note.checkpoint.height} after {last.checkpoint.height}")
        self.state = replace(self.state, last=note, handed_in=False)
        self._save()
        self.feed.append(note)
        _sync_folder(self.root)

    def handed_in(self) -> None:
        """Remember that the operator has the last co-signature."""
        self.state = replace(self.state, handed_in=True)
        self._save()

    def refuse(self, refusal: Refusal) -> None:
        """Remember never to sign again, until somebody removes the mark from the state file."""
        self.state = replace(self.state, refusal=refusal)
        self._save()

    def compared(self, address: str, height: int) -> None:
        """Remember up to which height another address was compared."""
        known = dict(self.state.compared)
        if known.get(address, -1) != height:
            known[address] = height
            self.state = replace(self.state, compared=tuple(known.items())[-MAX_ADDRESSES:])
            self._save()

    def compared_with(self, address: str) -> int:
        """The height up to which another address was compared; -1 when it never was."""
        return dict(self.state.compared).get(address, -1)

    def evidence(self, name: str, value: dict[str, Any]) -> Path:
        """Write a file of evidence and return its path."""
        path = self.root / "evidence" / name
        write_json(path, value)
        return path

    def _save(self) -> None:
        write_json(self.state_file, self.state.to_dict())
        _sync_folder(self.root)


def _height(note: Note | None) -> int:
    return -1 if note is None else note.checkpoint.height


def _sync_folder(root: Path) -> None:
    try:
        descriptor = os.open(root, os.O_RDONLY)
    except OSError as error:
        raise StorageUnavailable(f"{root} cannot be read: {error.strerror}") from error
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
