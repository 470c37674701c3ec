"""What an audit has to remember, in a file instead of in memory, so that memory does not grow with the ledger.

One SQLite file with a bounded cache: the shadow's state, where each accepted submission stands, headers, state nodes
reached, what trade documents name, storage slots expected. Deleted at the end, or kept beside the reports: then every
`commit` is a point from which an audit that was killed goes on. Nothing of a payload is written in it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FORMAT = "originseal-audit-work/2"
CACHE_KIB = 4096
SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE state (kind TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE TABLE accepted (
    id BLOB PRIMARY KEY, block INTEGER NOT NULL, block_hash BLOB NOT NULL, time INTEGER NOT NULL, idx INTEGER NOT NULL,
    tx_hash BLOB NOT NULL, verdict INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE header (number INTEGER PRIMARY KEY, hash BLOB NOT NULL, state_root BLOB NOT NULL, time INTEGER NOT NULL);
CREATE TABLE reached (
    nibble INTEGER NOT NULL, first INTEGER NOT NULL, hashes BLOB NOT NULL, PRIMARY KEY (nibble, first)) WITHOUT ROWID;
CREATE TABLE note (
    tag BLOB NOT NULL, ordinal INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (tag, ordinal)) WITHOUT ROWID;
CREATE TABLE erasure (place TEXT PRIMARY KEY, submission BLOB) WITHOUT ROWID;
CREATE TABLE expected (
    contract TEXT NOT NULL, key BLOB NOT NULL, slot BLOB NOT NULL, value BLOB NOT NULL, label TEXT NOT NULL,
    PRIMARY KEY (contract, key)) WITHOUT ROWID;
"""
# What a base for later audits is made of: everything that the walk over blocks left behind.
CARRIED = ("state", "accepted", "header", "reached", "note", "erasure")
KNOWN, SOUND, SEALED = 1, 2, 4  # verdict: its records were read; all lead to their digests; its row has its seal


@dataclass(frozen=True, slots=True)
class Place:
    """Where an accepted submission is on chain, and what became of its records."""

    block: int
    block_hash: bytes
    time: int
    index: int
    transaction_hash: bytes
    verdict: int


class Scratch:
    """An open work file; without a path a temporary one that nobody else can read and that goes when it is closed."""

    def __init__(self, path: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="originseal-audit-") if path is None else None
        self.path = Path(self._folder.name) / "work.sqlite" if self._folder is not None else path
        assert self.path is not None
        fresh = not self.path.exists()
        if fresh:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        self.db = sqlite3.connect(self.path, isolation_level=None)
        try:
            self.db.execute("PRAGMA journal_mode=WAL")
            self.db.execute(f"PRAGMA synchronous={'OFF' if path is None else 'NORMAL'}")
            self.db.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
            if fresh:
                self.db.executescript(SCHEMA)
            self.db.execute("BEGIN")
        except BaseException:
            self.close()
            raise

    def commit(self) -> None:
        """Make everything so far a point to go on from."""
        self.db.execute("COMMIT")
        self.db.execute("BEGIN")

    def close(self, *, delete: bool = False) -> None:
        """Close it; a temporary one is deleted, a kept one when asked to."""
        self.db.close()
        if self._folder is not None:
            self._folder.cleanup()
        elif delete and self.path is not None:
            remove(self.path)

    # ------------------------------------------------------------------------------------------------ settings

    def get(self, name: str, default: Any = None) -> Any:
        """A JSON value."""
        row = self.db.execute("SELECT value FROM meta WHERE name=?", (name,)).fetchone()
        return default if row is None else json.loads(row[0])

    def put(self, name: str, value: Any) -> None:
        """Keep a JSON value."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?,?)", (name, json.dumps(value, sort_keys=True)))

    def keep_settings(self, names: Sequence[str]) -> None:
        """Forget every other value."""
        self.db.execute(f"DELETE FROM meta WHERE name NOT IN ({','.join('?' * len(names))})", names)  # noqa: S608

    # ------------------------------------------------------------------------------------------------ the walk's tables

    def add_headers(self, rows: Iterable[tuple[int, bytes, bytes, int]]) -> None:
        """(number, hash, state root, time) of blocks."""
        self.db.executemany("INSERT OR REPLACE INTO header VALUES (?,?,?,?)", rows)

    def header(self, number: int) -> tuple[bytes, bytes, int] | None:
        """(hash, state root, time) of a block that was walked."""
        return _header(self.db, number)

    def add_accepted(self, rows: Iterable[tuple[bytes, int, bytes, int, int, bytes, int]]) -> None:
        """(id, block, block hash, time, index, transaction hash, verdict) of accepted submissions."""
        self.db.executemany("INSERT OR REPLACE INTO accepted VALUES (?,?,?,?,?,?,?)", rows)

    def add_reached(self, first: int, hashes: bytes) -> None:
        """State nodes reached from the blocks of the range that begins at `first`: ascending, 32 bytes each."""
        rows, start = [], 0
        for nibble in range(16):
            end = _bound(hashes, (nibble + 1) << 4) if nibble < 15 else len(hashes)
            if end > start:
                rows.append((nibble, first, hashes[start:end]))
            start = end
        self.db.executemany("INSERT OR REPLACE INTO reached VALUES (?,?,?)", rows)


class Reached:
    """A work file opened for reading by another process: what tasks ask of the walk."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
        self.db.execute("PRAGMA busy_timeout=10000")
        self.db.execute("PRAGMA cache_size=-1024")

    def header(self, number: int) -> tuple[bytes, bytes, int] | None:
        """(hash, state root, time) of a block that was walked."""
        return _header(self.db, number)

    get = header

    def nodes(self, prefix: int) -> set[bytes]:
        """The reached nodes whose hash begins with the byte `prefix`."""
        found: set[bytes] = set()
        for (hashes,) in self.db.execute("SELECT hashes FROM reached WHERE nibble=?", (prefix >> 4,)):
            low = _bound(hashes, prefix)
            high = _bound(hashes, prefix + 1) if prefix < 255 else len(hashes)
            found.update(hashes[at : at + 32] for at in range(low, high, 32))
        return found

    def close(self) -> None:
        """Close it."""
        self.db.close()


class Sealed:
    """The accepted submissions of a work file as a mapping from id to Place, one look-up at a time."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def get(self, identity: object) -> Place | None:
        """Where it is on chain; None when the chain does not have it."""
        if not isinstance(identity, bytes):
            return None
        row = self._db.execute(
            "SELECT block, block_hash, time, idx, tx_hash, verdict FROM accepted WHERE id=?", (identity,)
        ).fetchone()
        return None if row is None else Place(*row)

    def __contains__(self, identity: object) -> bool:
        return self.get(identity) is not None


class Judged(Sealed):
    """Of those in blocks from `first` on, the ones with this verdict."""

    def __init__(self, db: sqlite3.Connection, verdict: int, first: int = 0) -> None:
        super().__init__(db)
        self._verdict, self._first = verdict, first

    def __contains__(self, identity: object) -> bool:
        place = self.get(identity)
        return place is not None and bool(place.verdict & self._verdict) and place.block >= self._first


def _header(db: sqlite3.Connection, number: int) -> tuple[bytes, bytes, int] | None:
    found: tuple[bytes, bytes, int] | None = db.execute(
        "SELECT hash, state_root, time FROM header WHERE number=?", (number,)
    ).fetchone()
    return found


def _bound(hashes: bytes, first_byte: int) -> int:
    """Where hashes beginning with at least `first_byte` start."""
    low, high = 0, len(hashes) // 32
    while low < high:
        middle = (low + high) // 2
        if hashes[middle * 32] < first_byte:
            low = middle + 1
        else:
            high = middle
    return low * 32


def remove(path: Path) -> None:
    """Delete a work file and what SQLite keeps beside it."""
    for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        name.unlink(missing_ok=True)


def rows_in_order(db: sqlite3.Connection, table: str) -> Iterator[tuple[Any, ...]]:
    """Every row of one of the carried tables in the order of its key, which is a total one."""
    order = {"state": "kind, key", "accepted": "id", "header": "number", "reached": "nibble, first",
             "note": "tag, ordinal", "erasure": "place"}[table]  # fmt: skip
    yield from db.execute(f"SELECT * FROM {table} ORDER BY {order}")  # noqa: S608 - our own names
