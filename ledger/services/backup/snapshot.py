"""One moment of all stores of a running ledger.

The chain file and the store beside it are two databases, and no order of copying them one after the other is right:
chain first, and the store may call a submission sealed in a block that the copy lacks; store first, and the copied
chain may hold a submission whose payload the copy lacks. So both copies are of one moment: while the store's write lock
is held for an instant, a read transaction is begun on each file (SQLite's snapshot isolation), and the files are copied
from these two snapshots at leisure, beside the writer.

Within that moment a block may have been sealed whose outbox row still says "signed": the next start settles such a row
by its receipt, as after any crash. Everything else is equal: whatever the store calls sealed is on the copied chain,
and whatever is on the copied chain has its payload in the store, because payloads are committed before they are sent.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import StorageUnavailable

LOCK_SECONDS = 60.0  # how long to wait for a writer; its transactions take milliseconds
PAGES = 4096  # copied per step, 16 MiB
Progress = Callable[[int, int, str], None]


class Snapshot:
    """Open read transactions on several SQLite files, all begun in one moment."""

    def __init__(self, sources: dict[str, sqlite3.Connection]) -> None:
        self._sources = sources

    def copy(self, name: str, target: Path, progress: Progress | None = None) -> None:
        """Write the snapshot of file `name` to `target`, which must not exist, and check the copy's structure.

        Raises StorageUnavailable when the disk is full or the source is damaged.
        """

        def step(_status: int, remaining: int, total: int) -> None:
            if progress is not None:
                progress(total - remaining, total, name)

        with translated(f"copy {name}"):
            copy = sqlite3.connect(f"{target.absolute().as_uri()}?mode=rwc", uri=True, isolation_level=None)
            try:
                self._sources[name].backup(copy, pages=PAGES, progress=step)
                copy.execute("PRAGMA journal_mode=DELETE")  # one file, whole without a log beside it
                answers = [str(row[0]) for row in copy.execute("PRAGMA quick_check(3)")]
            finally:
                copy.close()
        if answers != ["ok"]:
            raise StorageUnavailable(
                f"{name} is damaged, so a backup would be: {answers[0]}", hint="run `originseal audit` and `doctor`"
            )

    def scalar(self, name: str, query: str) -> object:
        """The first column of the first row of `query`, in the snapshot; None when there is none."""
        with translated(f"read {name}"):
            row = self._sources[name].execute(query).fetchone()
        return None if row is None else row[0]


@contextmanager
def one_moment(paths: Sequence[Path], locked: Path | None) -> Iterator[Snapshot]:
    """Snapshots of `paths`, begun while nobody can write to `locked`. Raises StorageUnavailable."""
    opened: dict[str, sqlite3.Connection] = {}
    try:
        with translated("begin a snapshot"):
            lock = None if locked is None else _open(locked, "rw")
            try:
                for path in paths:
                    opened[path.name] = _open(path, "ro")
                if lock is not None:
                    lock.execute("BEGIN IMMEDIATE")
                for connection in opened.values():
                    connection.execute("BEGIN")
                    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # this begins the snapshot
            finally:
                if lock is not None:
                    lock.close()  # nothing was written: this only gives the lock back
        yield Snapshot(opened)
    finally:
        for connection in opened.values():
            connection.close()


def _open(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=LOCK_SECONDS
    )


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """SQLite's errors in the block become StorageUnavailable."""
    try:
        yield
    except sqlite3.Error as error:
        full = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
        raise StorageUnavailable(
            f"cannot {doing}: {error}", hint="free disk space and try again" if full else "run `originseal doctor`"
        ) from error
