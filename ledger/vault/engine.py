"""Open a relational store the way this ledger needs it; the only place that knows SQLite from PostgreSQL.

Job: an SQLAlchemy engine whose commits are durable (SQLite: WAL with synchronous=FULL), whose foreign keys hold, whose
writers queue instead of failing half-way (BEGIN IMMEDIATE), and whose driver errors reach callers as
`StorageUnavailable`. It does not know any table. (https://www.sqlite.org/pragma.html#pragma_synchronous,
https://www.sqlite.org/lang_transaction.html#immediate)
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, exc, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import StaticPool

from ledger.errors import StorageUnavailable

BUSY_SECONDS = 30  # how long a writer waits for another writer before StorageUnavailable
_WRITER = "originseal_writer"


def open_engine(target: str | Path, *, read_only: bool = False, durable: bool = True) -> Engine:
    """The engine for a file path, for `":memory:"` or for a database URL (SQLite or PostgreSQL).

    `durable=False` is for a store that can be rebuilt: SQLite then syncs at checkpoints only (synchronous=NORMAL),
    which may lose the newest commits on a power cut but never damages the file. Raises `StorageUnavailable` when
    the driver is missing; a file is opened at first use.
    """
    url = _url(target, read_only)
    try:
        if url.startswith("sqlite"):
            return _sqlite_engine(url, read_only=read_only, durable=durable)
        return create_engine(url, pool_pre_ping=True)
    except (exc.ArgumentError, exc.NoSuchModuleError, ImportError) as error:
        raise StorageUnavailable(
            f"no driver for the database URL {make_url(url).render_as_string(hide_password=True)!r}",
            hint="install the driver that the URL names, e.g. psycopg for postgresql+psycopg://",
        ) from error


def _url(target: str | Path, read_only: bool) -> str:
    if isinstance(target, str) and "://" in target:
        return target
    if target == ":memory:":
        return "sqlite://"
    path = Path(target).absolute()
    if "?" in str(path) or "#" in str(path) or "%" in str(path):
        raise StorageUnavailable(f"the path {str(path)!r} holds a character that a SQLite URI cannot", hint="rename it")
    return f"sqlite:///file:{path}?mode={'ro' if read_only else 'rwc'}&uri=true"


def _sqlite_engine(url: str, *, read_only: bool, durable: bool) -> Engine:
    in_memory = make_url(url).database in (None, "", ":memory:")
    options: dict[str, Any] = {"poolclass": StaticPool} if in_memory else {}
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}, **options)
    driver_error: type[Exception] = engine.dialect.import_dbapi().Error

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy, not the driver, says when a transaction begins
        try:
            if not in_memory and not read_only:
                connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA secure_delete=ON")  # an erased key is overwritten, not just unlinked
            connection.execute("PRAGMA trusted_schema=OFF")  # a planted view or trigger runs no function of ours
            if read_only:
                connection.execute("PRAGMA query_only=ON")
        except (driver_error, UnicodeDecodeError) as error:
            raise StorageUnavailable(f"the store cannot be opened: {error}") from error

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writer = connection.get_execution_options().get(_WRITER, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Turn driver errors inside the block into `StorageUnavailable`; broken constraints stay `IntegrityError`."""
    try:
        yield
    except exc.IntegrityError:
        raise
    except (exc.DBAPIError, exc.TimeoutError, UnicodeDecodeError) as error:
        # UnicodeDecodeError: sqlite3 could not even decode its own error message, which quotes a damaged schema.
        cause = getattr(error, "orig", None) or error
        raise StorageUnavailable(
            f"{what}: {cause}", hint="check free disk space, permissions, and that no other program holds the file"
        ) from error


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One durable write transaction: committed when the block ends, rolled back when it raises.

    SQLite takes the write lock at once, so that what the block reads is still true when it commits.
    """
    with (
        storage_errors("the store cannot be written"),
        engine.execution_options(**{_WRITER: True}).begin() as connection,
    ):
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One read transaction: everything that the block reads comes from the same moment. Never blocks a writer."""
    with storage_errors("the store cannot be read"), engine.connect() as connection:
        yield connection


_INSERTS: dict[tuple[str, str, str], str] = {}  # compiled once per dialect, table and columns


def insert_rows(connection: Connection, table: Table, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """Insert many rows of values in the order of `columns`; 2 to 3 times as fast as Core with dictionaries."""
    if not rows:
        return
    dialect = connection.dialect
    key = (dialect.name + dialect.paramstyle, table.name, ",".join(columns))
    statement = _INSERTS.get(key)
    if statement is None:
        mark = {"qmark": "?", "format": "%s", "pyformat": "%s"}.get(dialect.paramstyle)
        if mark is None:
            connection.execute(table.insert(), [dict(zip(columns, row, strict=True)) for row in rows])
            return
        quote = dialect.identifier_preparer.quote
        names = ", ".join(quote(column) for column in columns)
        marks = ", ".join([mark] * len(columns))
        statement = f"INSERT INTO {quote(table.name)} ({names}) VALUES ({marks})"  # noqa: S608 - our own names
        _INSERTS[key] = statement
    connection.exec_driver_sql(statement, rows)


def queue_writers(connection: Connection) -> None:
    """Let one writer of the payload store in at a time, until its transaction ends, so that it may number its rows.

    SQLite's BEGIN IMMEDIATE (see `writing`) has done so already.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7241903)"))  # a number of our own choosing


def scrub(engine: Engine) -> None:
    """Make SQLite overwrite its write-ahead log, where rows deleted or changed a moment ago may still lie.

    PostgreSQL keeps dead rows until VACUUM and write-ahead segments until they are recycled: that is its operator's.
    """
    if engine.dialect.name != "sqlite":
        return
    with storage_errors("the write-ahead log cannot be cleared"), engine.connect() as connection:
        raw = connection.connection.driver_connection
        if raw is not None:
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")


class Watch:
    """One connection kept for one small question asked all the time, without the cost of a transaction each."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def scalar(self, query: str) -> Any:
        """The first column of the first row, as committed now; None when there is none."""
        with self._lock, storage_errors("the store cannot be read"):
            if self._connection is None:
                self._connection = self._engine.connect()
                if self._engine.dialect.name != "sqlite":  # there, a cursor of ours is outside any transaction anyway
                    self._connection = self._connection.execution_options(isolation_level="AUTOCOMMIT")
            cursor = self._connection.connection.cursor()
            try:
                cursor.execute(query)
                row = cursor.fetchone()
            except (self._engine.dialect.loaded_dbapi.Error, UnicodeDecodeError) as error:
                raise StorageUnavailable(f"the store cannot be read: {error}") from error
            finally:
                cursor.close()
            return None if row is None else row[0]

    def close(self) -> None:
        """Give the connection back; the next question opens another."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


@contextmanager
def lenient_text(connection: Connection) -> Iterator[None]:
    """Within the block, text that is not UTF-8 (somebody wrote into the file) comes back with U+FFFD in it.

    So that an examination can name the row instead of stopping at it.
    """
    raw = connection.connection.driver_connection if connection.dialect.name == "sqlite" else None
    if raw is None:
        yield
        return
    raw.text_factory = _replacing
    try:
        yield
    finally:
        raw.text_factory = str


def _replacing(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def structural_defects(connection: Connection) -> list[str]:
    """What the database itself finds wrong with its file: damaged pages, indexes that disagree with their table.

    PostgreSQL checks pages on reading and has no such command: there the list is empty.
    """
    if connection.dialect.name != "sqlite":
        return []
    answers = [str(row[0]) for row in connection.execute(text("PRAGMA integrity_check"))]
    defects = [] if answers == ["ok"] else answers
    planted = text("SELECT type, name FROM sqlite_master WHERE type IN ('trigger', 'view')")
    return defects + [
        f"a {kind} {name!r:.80} that this program did not make" for kind, name in connection.execute(planted)
    ]
