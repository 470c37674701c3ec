"""What a replica keeps beside its chain: DATA/replica.sqlite, one SQLite file (WAL, synchronous=FULL).

Checkpoints that its source signed (verified, never replaced), their co-signatures, the public records of submissions,
its progress and its refusal. Not disposable: the kept checkpoints are what convicts a source that later signs others.
`secure_delete` is on, so that the words of an erased record are overwritten and not only forgotten.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ledger.errors import NotFound, StorageUnavailable
from ledger.proof.checkpoint import SignedCheckpoint, parse_text
from ledger.proof.cosignature import Cosignature
from ledger.proof.note import Note, note
from ledger.services.public_records import PublicRecord

FORMAT = "originseal-replica/1"
BUSY_MS = 5_000
SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE checkpoint (
    height INTEGER PRIMARY KEY, text TEXT NOT NULL, key_id BLOB NOT NULL, signature BLOB NOT NULL,
    agreed INTEGER NOT NULL);
CREATE TABLE cosignature (
    height INTEGER NOT NULL, key_id BLOB NOT NULL, time INTEGER NOT NULL, method TEXT NOT NULL,
    signature BLOB NOT NULL, PRIMARY KEY (height, key_id)) WITHOUT ROWID;
CREATE TABLE submission (
    id BLOB PRIMARY KEY, block INTEGER NOT NULL, position INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
    asked INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX submission_state ON submission (state, asked);
CREATE INDEX submission_block ON submission (block);
CREATE TABLE record (
    submission BLOB NOT NULL, position INTEGER NOT NULL, digest BLOB NOT NULL, lots BLOB NOT NULL, body TEXT,
    erased INTEGER NOT NULL, PRIMARY KEY (submission, position)) WITHOUT ROWID;
CREATE TABLE lot (id BLOB PRIMARY KEY, gtin TEXT NOT NULL, lot TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE header (number INTEGER PRIMARY KEY, hash BLOB NOT NULL, raw BLOB NOT NULL);
"""
MAX_NUMBER = (1 << 63) - 1  # SQLite's integers; no honest height or time comes near
MISSING, HELD, REFUSED = "missing", "held", "refused"  # submission.state


class Kept:
    """The open file. Safe for threads: one connection, used under a lock, in short transactions."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._lock = threading.RLock()
        self.revision = 0  # grows with every write that changes an answer
        self._counts: tuple[int, dict[str, int]] = (-1, {})
        self._read_only = read_only
        with _translated("open"):
            target = f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rwc'}"
            self._db = sqlite3.connect(target, uri=True, isolation_level=None, check_same_thread=False)
            self._db.execute(f"PRAGMA busy_timeout={BUSY_MS}")
            if not read_only:
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
                self._db.execute("PRAGMA secure_delete=ON")
        try:
            self._prepare(path)
        except BaseException:
            self._db.close()
            raise

    def _prepare(self, path: Path) -> None:
        with self._transaction() as db:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name='meta'").fetchone() and not self._read_only:
                for statement in filter(str.strip, SCHEMA.split(";")):
                    db.execute(statement)
                db.execute("INSERT INTO meta VALUES ('format', ?)", (json.dumps(FORMAT),))
        if self.meta("format") != FORMAT:
            raise StorageUnavailable(f"{path.name} is not in the format {FORMAT}")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _translated("use"):
            self._db.execute("BEGIN" if self._read_only else "BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _all(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self._lock, _translated("read"):
            return self._db.execute(sql, parameters).fetchall()

    # ------------------------------------------------------------------------------------------------ settings

    def meta(self, name: str, default: Any = None) -> Any:
        """A kept JSON value."""
        rows = self._all("SELECT value FROM meta WHERE name=?", name)
        return json.loads(rows[0][0]) if rows else default

    def set_meta(self, name: str, value: Any) -> None:
        """Keep a JSON value."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?,?)", (name, json.dumps(value, ensure_ascii=False)))

    # ------------------------------------------------------------------------------------------------ checkpoints

    def add_checkpoint(self, signed: SignedCheckpoint, cosignatures: Iterable[Cosignature]) -> SignedCheckpoint:
        """Keep a verified checkpoint and verified co-signatures of it; returns the one kept for its height, which is
        another when this one contradicts it (nothing is kept then)."""
        height = signed.checkpoint.height
        with self._transaction() as db:
            row = db.execute("SELECT text,key_id,signature FROM checkpoint WHERE height=?", (height,)).fetchone()
            if row is not None and row[0] != signed.checkpoint.text:
                return _signed(*row)
            before = db.total_changes
            if row is None:
                db.execute(
                    "INSERT INTO checkpoint VALUES (?,?,?,?,0)",
                    (height, signed.checkpoint.text, signed.key_id, signed.signature),
                )
            db.executemany(
                "INSERT OR IGNORE INTO cosignature VALUES (?,?,?,?,?)",
                [(height, one.key_id, one.time, one.method, one.signature) for one in cosignatures],
            )
            self.revision += db.total_changes - before
        return signed

    def checkpoint(self, height: int) -> SignedCheckpoint | None:
        """The kept checkpoint of exactly this height."""
        if height > MAX_NUMBER:
            return None
        rows = self._all("SELECT text,key_id,signature FROM checkpoint WHERE height=?", height)
        return _signed(*rows[0]) if rows else None

    def note(self, height: int) -> Note:
        """The kept checkpoint of this height with its co-signatures. Raises NotFound."""
        signed = self.checkpoint(height)
        if signed is None:
            raise NotFound(f"no checkpoint of height {height}")
        return note(signed, self.cosignatures(height))

    def cosignatures(self, height: int) -> list[Cosignature]:
        """The kept co-signatures of a height, by ascending key id."""
        rows = self._all("SELECT key_id,time,method,signature FROM cosignature WHERE height=? ORDER BY key_id", height)
        return [Cosignature(*row) for row in rows]

    def cosigned_heights(self) -> dict[bytes, int]:
        """Key id of each witness → the highest checkpoint of our own chain that it co-signed."""
        sql = (
            "SELECT c.key_id, max(c.height) FROM cosignature AS c JOIN checkpoint USING (height) WHERE agreed=1 "
            "GROUP BY c.key_id"
        )
        return {row[0]: int(row[1]) for row in self._all(sql)}

    def cosigned(self, count: int, limit: int) -> list[int]:
        """Checkpoints of our own chain with at least `count` co-signatures, newest first."""
        sql = (
            "SELECT height FROM cosignature JOIN checkpoint USING (height) WHERE agreed=1 GROUP BY height "
            "HAVING count(*)>=? ORDER BY height DESC LIMIT ?"
        )
        return [row[0] for row in self._all(sql, count, limit)]

    def heights(self, first: int = 0, last: int | None = None, limit: int = -1) -> list[int]:
        """Heights with a kept checkpoint, ascending."""
        sql = "SELECT height FROM checkpoint WHERE height>=? AND height<=? ORDER BY height LIMIT ?"
        return [row[0] for row in self._all(sql, first, MAX_NUMBER if last is None else last, limit)]

    def newest_checkpoint(self, *, at_most: int | None = None, agreed: bool = False) -> SignedCheckpoint | None:
        """The highest kept checkpoint, where asked not above a height, or only among those found in our own chain."""
        sql = "SELECT text,key_id,signature FROM checkpoint WHERE height<=? AND agreed>=? ORDER BY height DESC LIMIT 1"
        rows = self._all(sql, MAX_NUMBER if at_most is None else at_most, int(agreed))
        return _signed(*rows[0]) if rows else None

    def unchecked(self, head: int, limit: int = 1000) -> list[SignedCheckpoint]:
        """Kept checkpoints up to `head` that were not compared with our own chain yet."""
        sql = "SELECT text,key_id,signature FROM checkpoint WHERE agreed=0 AND height<=? ORDER BY height LIMIT ?"
        return [_signed(*row) for row in self._all(sql, head, limit)]

    def agree(self, heights: Iterable[int]) -> None:
        """Remember that the checkpoints of these heights are of our own blocks."""
        with self._transaction() as db:
            db.executemany("UPDATE checkpoint SET agreed=1 WHERE height=?", [(height,) for height in heights])
            self.revision += 1

    # ------------------------------------------------------------------------------------------------ records

    def add_submissions(self, found: Sequence[tuple[bytes, int, int]], scanned: int) -> None:
        """Remember submissions (id, block, position) whose records are to be fetched, and that blocks up to
        `scanned` were looked through."""
        with self._transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO submission VALUES (?,?,?,'missing','',0)", [tuple(each) for each in found]
            )
            db.execute("INSERT OR REPLACE INTO meta VALUES ('scanned', ?)", (json.dumps(scanned),))
            self.revision += len(found)

    def submissions(self, state: str, limit: int, *, before: int) -> list[tuple[bytes, int, int]]:
        """(id, block, position) of submissions in a state last asked for before a time, the longest ago first."""
        sql = "SELECT id,block,position FROM submission WHERE state=? AND asked<? ORDER BY asked,block,position LIMIT ?"
        return [(row[0], row[1], row[2]) for row in self._all(sql, state, before, limit)]

    def asked(self, submission_id: bytes, state: str, reason: str, at: int) -> None:
        """Remember the outcome of asking for a submission's records at `at` (Unix seconds)."""
        with self._transaction() as db:
            [(before,)] = db.execute("SELECT state FROM submission WHERE id=?", (submission_id,)).fetchall()
            db.execute("UPDATE submission SET state=?,reason=?,asked=? WHERE id=?", (state, reason, at, submission_id))
            self.revision += before != state

    def put_records(
        self,
        submission_id: bytes,
        records: Sequence[PublicRecord],
        at: int,
        lots: Iterable[tuple[bytes, str, str]] = (),
    ) -> None:
        """Keep a submission's verified records, and the names (id, GTIN, lot code) of lots that it registered.

        Of what is kept already only erasures change anything, for good: a source that shows less than before, or what
        it had erased, changes nothing.
        """
        with self._transaction() as db:
            known = dict(db.execute("SELECT position,erased FROM record WHERE submission=?", (submission_id,)))
            fresh, erased = [], []
            for position, record in enumerate(records):
                body = None if record.body is None else json.dumps(record.body, ensure_ascii=False)
                if position not in known:
                    named = b"".join(record.lots)
                    fresh.append((submission_id, position, record.digest, named, body, int(record.erased)))
                elif record.erased and not known[position]:
                    erased.append((submission_id, position))
            db.executemany("INSERT OR IGNORE INTO lot VALUES (?,?,?)", list(lots))
            db.executemany("INSERT INTO record VALUES (?,?,?,?,?,?)", fresh)
            db.executemany("UPDATE record SET body=NULL,erased=1 WHERE submission=? AND position=?", erased)
            db.execute("UPDATE submission SET state='held',reason='',asked=? WHERE id=?", (at, submission_id))
            self.revision += len(fresh) + len(erased)
        if erased:
            with self._lock, _translated("write"):
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the erased words may still lie in the log

    def records(self, submission_id: bytes) -> tuple[PublicRecord, ...]:
        """The records of a submission in order. Raises NotFound while they are not held."""
        state = self._all("SELECT state FROM submission WHERE id=?", submission_id)
        if not state or state[0][0] != HELD:
            raise NotFound(f"the records of submission keccak256:{submission_id.hex()} are not held here")
        rows = self._all(
            "SELECT digest,lots,body,erased FROM record WHERE submission=? ORDER BY position", submission_id
        )
        return tuple(
            PublicRecord(
                digest,
                tuple(lots[at : at + 32] for at in range(0, len(lots), 32)),
                None if body is None else json.loads(body),
                bool(erased),
            )
            for digest, lots, body, erased in rows
        )

    def lot_name(self, lot_id: bytes) -> tuple[str, str] | None:
        """GTIN and lot code of a lot whose origin was held here once."""
        rows = self._all("SELECT gtin,lot FROM lot WHERE id=?", lot_id)
        return (rows[0][0], rows[0][1]) if rows else None

    def blocks_without_checkpoint(self, first: int, head: int, limit: int) -> list[int]:
        """Blocks `first` to `head` that hold submissions but of which no checkpoint is kept, ascending."""
        sql = (
            "SELECT DISTINCT block FROM submission WHERE block BETWEEN ? AND ? "
            "AND block NOT IN (SELECT height FROM checkpoint) ORDER BY block LIMIT ?"
        )
        return [row[0] for row in self._all(sql, first, head, limit)]

    def counts(self) -> dict[str, int]:
        """Numbers for the status: checkpoints, co-signatures, submissions per state, records, erased ones."""
        queries = {
            "checkpoints": "SELECT count(*) FROM checkpoint",
            "cosignatures": "SELECT count(*) FROM cosignature",
            "submissions": "SELECT count(*) FROM submission",
            "submissionsHeld": "SELECT count(*) FROM submission WHERE state='held'",
            "submissionsRefused": "SELECT count(*) FROM submission WHERE state='refused'",
            "records": "SELECT count(*) FROM record",
            "recordsErased": "SELECT count(*) FROM record WHERE erased=1",
        }
        with self._lock:
            if self._counts[0] != self.revision:  # counting walks a table
                self._counts = self.revision, {name: int(self._all(sql)[0][0]) for name, sql in queries.items()}
            return dict(self._counts[1])

    # ------------------------------------------------------------------------------------------------ headers

    def headers_height(self) -> int:
        """Number of the highest kept header, -1 when there is none (only a replica on a node keeps headers)."""
        value = self._all("SELECT max(number) FROM header")[0][0]
        return -1 if value is None else int(value)

    def header(self, number: int) -> bytes | None:
        """A kept raw header."""
        if not 0 <= number <= MAX_NUMBER:
            return None
        rows = self._all("SELECT raw FROM header WHERE number=?", number)
        return rows[0][0] if rows else None

    def add_headers(self, headers: Sequence[tuple[int, bytes, bytes]]) -> None:
        """Keep verified headers: (number, hash, raw)."""
        with self._transaction() as db:
            db.executemany("INSERT INTO header VALUES (?,?,?)", [tuple(each) for each in headers])


def _signed(text: str, key_id: bytes, signature: bytes) -> SignedCheckpoint:
    return SignedCheckpoint(parse_text(text), key_id, signature)


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageUnavailable(f"cannot {doing} replica.sqlite: {error}") from error
