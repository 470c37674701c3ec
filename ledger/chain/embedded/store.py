"""The chain file: SQLite in WAL mode with synchronous=FULL, one transaction (and fsync) per block.

The disk only ever holds whole blocks: `write_blocks` puts header, body, receipts, indexes and state nodes in one
transaction. The store knows rows, not Ethereum: it does not check what it is given. One writer is enforced by a
lock file; any number of readers, also in other processes, see whole blocks only (SQLite "WAL mode", snapshot
isolation). Reads use a pool of their own connections, so they never see a block that is being written.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.errors import EngineUnavailable, StorageUnavailable

FORMAT = "originseal-chain/1"
BUSY_MS = 5_000  # another process may hold the file for a checkpoint
SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE block (
    number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, header BLOB NOT NULL, body BLOB NOT NULL,
    receipts BLOB NOT NULL);
CREATE TABLE tx (hash BLOB PRIMARY KEY, block INTEGER NOT NULL, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX tx_position ON tx (block, position);
CREATE TABLE log (
    block INTEGER NOT NULL, idx INTEGER NOT NULL, position INTEGER NOT NULL, address BLOB NOT NULL,
    t0 BLOB, t1 BLOB, t2 BLOB, t3 BLOB, data BLOB NOT NULL, PRIMARY KEY (block, idx)) WITHOUT ROWID;
CREATE INDEX log_address ON log (address, t0, block, idx);
CREATE INDEX log_t0 ON log (t0, block, idx) WHERE t0 IS NOT NULL;
CREATE INDEX log_t1 ON log (t1, block, idx) WHERE t1 IS NOT NULL;
CREATE INDEX log_t2 ON log (t2, block, idx) WHERE t2 IS NOT NULL;
CREATE INDEX log_t3 ON log (t3, block, idx) WHERE t3 IS NOT NULL;
CREATE TABLE node (hash BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class BlockRow:
    """One stored block: RLP header, RLP list of raw transactions, RLP list of raw receipts."""

    number: int
    hash: bytes
    header: bytes
    body: bytes
    receipts: bytes


@dataclass(frozen=True, slots=True)
class LogRow:
    """One log: `idx` counts in the block, `position` is its transaction's."""

    block: int
    idx: int
    position: int
    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


class Store:
    """The open chain file. Safe for threads; `write_blocks` is for one thread at a time (the node's lock)."""

    def __init__(self, path: Path, read_only: bool, writer: sqlite3.Connection | None, lock: int | None) -> None:
        self.path = path
        self.read_only = read_only
        self._writer = writer
        self._lock = lock
        self._pool: deque[sqlite3.Connection] = deque()
        self._closed = False
        self._broken: str | None = None
        self.rows_read = 0  # for the test that start-up does not depend on the chain's length

    @classmethod
    def open(cls, path: Path, *, read_only: bool, create: bool) -> Store:
        """Open `path`; raises StorageUnavailable when it is locked, damaged or not a chain file, EngineUnavailable
        when there is none and `create` is false."""
        fresh = not path.exists() or path.stat().st_size == 0
        if fresh and (read_only or not create):
            raise EngineUnavailable(f"there is no chain in {path.name}", hint="create it with its genesis parameters")
        if read_only:
            store = cls(path, True, None, None)
            store._require_format()
            return store
        lock = _take_lock(path)
        writer: sqlite3.Connection | None = None
        try:
            with _translated("open the chain file"):
                writer = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
                writer.execute(f"PRAGMA busy_timeout={BUSY_MS}")
                writer.execute("PRAGMA journal_mode=WAL")
                writer.execute("PRAGMA synchronous=FULL")
            store = cls(path, False, writer, lock)
            if writer.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                store._require_format()
            return store
        except BaseException:
            if writer is not None:
                writer.close()
            os.close(lock)
            raise

    def create(self, meta: dict[str, str], genesis: BlockRow, nodes: dict[bytes, bytes]) -> None:
        """Make the tables and block 0 in one transaction: a crash leaves an empty file or a whole chain."""
        with self._transaction() as db:
            for statement in filter(str.strip, SCHEMA.split(";")):
                db.execute(statement)
            db.executemany("INSERT INTO meta VALUES (?,?)", [("format", FORMAT), *meta.items()])
            self._insert(db, genesis, (), (), nodes)
        _sync_folder(self.path.parent)

    def is_empty(self) -> bool:
        """True when the tables were never made."""
        return self._one("SELECT 1 FROM sqlite_master WHERE name='meta'") is None

    def write_blocks(
        self, blocks: Sequence[tuple[BlockRow, Sequence[bytes], Sequence[LogRow]]], nodes: dict[bytes, bytes]
    ) -> None:
        """Store blocks (each with its transactions' hashes and its logs) durably, all or nothing.

        Raises StorageUnavailable; after an I/O error the writer refuses everything until the file is opened again,
        because a failed fsync must never be taken for a good one.
        """
        with self._transaction() as db:
            for block, tx_hashes, logs in blocks:
                self._insert(db, block, tx_hashes, logs, nodes)
                nodes = {}

    @staticmethod
    def _insert(
        db: sqlite3.Connection,
        block: BlockRow,
        tx_hashes: Sequence[bytes],
        logs: Sequence[LogRow],
        nodes: dict[bytes, bytes],
    ) -> None:
        db.executemany("INSERT OR IGNORE INTO node VALUES (?,?)", nodes.items())
        db.execute(
            "INSERT INTO block VALUES (?,?,?,?,?)",
            (block.number, block.hash, block.header, block.body, block.receipts),
        )
        db.executemany("INSERT INTO tx VALUES (?,?,?)", [(h, block.number, i) for i, h in enumerate(tx_hashes)])
        db.executemany(
            "INSERT INTO log VALUES (?,?,?,?,?,?,?,?,?)",
            [
                (r.block, r.idx, r.position, r.address, *(r.topics + (None,) * 4)[:4], r.data)  # at most LOG4
                for r in logs
            ],
        )

    # ------------------------------------------------------------------------------------------------ reading

    def meta(self, name: str) -> str | None:
        """A stored setting."""
        row = self._one("SELECT value FROM meta WHERE name=?", name)
        return None if row is None else str(row[0])

    def node(self, key: bytes) -> bytes | None:
        """A state node or contract code by its keccak256."""
        row = self._one("SELECT value FROM node WHERE hash=?", key)
        return None if row is None else row[0]

    def head(self) -> BlockRow | None:
        """The newest block."""
        row = self._one("SELECT number,hash,header,body,receipts FROM block ORDER BY number DESC LIMIT 1")
        return None if row is None else BlockRow(*row)

    def head_header(self) -> bytes | None:
        """RLP header of the newest block."""
        row = self._one("SELECT header FROM block ORDER BY number DESC LIMIT 1")
        return None if row is None else row[0]

    def header(self, number: int) -> bytes | None:
        """RLP header by number."""
        row = self._one("SELECT header FROM block WHERE number=?", number)
        return None if row is None else row[0]

    def block(self, number: int) -> BlockRow | None:
        """A block by number."""
        row = self._one("SELECT number,hash,header,body,receipts FROM block WHERE number=?", number)
        return None if row is None else BlockRow(*row)

    def block_number(self, block_hash: bytes) -> int | None:
        """The number of the block with this hash."""
        row = self._one("SELECT number FROM block WHERE hash=?", block_hash)
        return None if row is None else int(row[0])

    def position(self, tx_hash: bytes) -> tuple[int, int] | None:
        """(block, position) of a transaction."""
        row = self._one("SELECT block,position FROM tx WHERE hash=?", tx_hash)
        return None if row is None else (int(row[0]), int(row[1]))

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """All rows of a bounded SELECT."""
        with self._reader() as db:
            rows = db.execute(sql, parameters).fetchall()
        self.rows_read += len(rows)
        return rows

    def scan(self, sql: str, *parameters: Any) -> Iterator[tuple[Any, ...]]:
        """Rows of an unbounded SELECT, one at a time (for audits)."""
        with self._reader() as db:
            yield from db.execute(sql, parameters)

    def _one(self, sql: str, *parameters: Any) -> tuple[Any, ...] | None:
        with self._reader() as db:
            row: tuple[Any, ...] | None = db.execute(sql, parameters).fetchone()
        self.rows_read += row is not None
        return row

    # ------------------------------------------------------------------------------------------------ plumbing

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        if self._closed:
            raise EngineUnavailable("the chain file is closed")
        with _translated("read the chain file"):
            try:
                db = self._pool.pop()
            except IndexError:
                db = self._connect_reader()
            try:
                yield db
            finally:
                self._pool.append(db)
        if self.closed:  # while this read was under way
            self._drain()

    def _connect_reader(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            f"{self.path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        db.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        db.execute("PRAGMA cache_size=-16384")
        return db

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        if self._closed or self._writer is None:
            raise EngineUnavailable("the chain is open for reading only" if not self._closed else "the chain is closed")
        if self._broken:
            raise StorageUnavailable(
                f"the chain file failed before: {self._broken}", hint="restart after repairing the disk"
            )
        db = self._writer
        try:
            with _translated("write the chain file"):
                db.execute("BEGIN IMMEDIATE")
                try:
                    yield db
                    db.execute("COMMIT")
                except BaseException:
                    if db.in_transaction:
                        db.execute("ROLLBACK")
                    raise
        except StorageUnavailable as error:
            if not error.detail.get("full"):
                self._broken = error.message
            raise

    def _require_format(self) -> None:
        if self.is_empty() or self.meta("format") != FORMAT:
            raise StorageUnavailable(f"{self.path.name} is not a chain file of format {FORMAT}")

    def unsafe_without_sync(self) -> None:
        """For benchmarks that build a long chain: blocks are no longer durable when they are acknowledged."""
        warnings.warn("blocks are not durable any more", UserWarning, stacklevel=2)
        if self._writer is not None:
            self._writer.execute("PRAGMA synchronous=OFF")

    @property
    def closed(self) -> bool:
        """True after `close`."""
        return self._closed

    def _drain(self) -> None:
        while self._pool:
            self._pool.pop().close()

    def close(self) -> None:
        """Close all connections and give up the writer's lock."""
        if self._closed:
            return
        self._closed = True
        self._drain()
        if self._writer is not None:
            self._writer.close()
        if self._lock is not None:
            os.close(self._lock)


def _take_lock(path: Path) -> int:
    """One writer per chain file: the lock dies with its process, so kill -9 leaves nothing to clean up."""
    try:
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageUnavailable(f"cannot create the lock of {path.name}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise StorageUnavailable(
            f"{path.name} is open for writing in another process", hint="stop the other process, or open read-only"
        ) from error
    return lock


def _sync_folder(folder: Path) -> None:
    """Make the new file's directory entry durable (POSIX fsync of the directory)."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
        full = primary == sqlite3.SQLITE_FULL
        busy = primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        raise StorageUnavailable(
            f"cannot {doing}: {error}",
            retry_after=30.0 if full else 1.0 if busy else None,
            hint="free disk space and try again" if full else "",
            full=full or busy,
            cause=getattr(error, "sqlite_errorname", type(error).__name__),
        ) from error
