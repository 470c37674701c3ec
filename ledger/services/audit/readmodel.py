"""The stored read model against the chain, without projecting the whole of it a second time.

Workers compare the rows of tables that only grow where they stand (ledger.index.rows); the few tables whose rows change
(members, keys, lots, trades) are projected afresh into a small file and compared at the end, with the number of rows of
every table, the cursor, and the file's structure. If any of this does not agree, or cannot be done that way, the whole
read model is projected afresh and every difference is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack

from sqlalchemy import Connection, Table, func, inspect, select

from ledger.chain.contracts import Deployment
from ledger.chain.reader import ChainReader
from ledger.errors import OriginSealError, StorageUnavailable
from ledger.index.changes import Change
from ledger.index.compare import fact_differences, same_tables
from ledger.index.follower import name_of
from ledger.index.model import Cursor, ReadModel
from ledger.index.rows import GROWING
from ledger.index.tables import ALL, FORMAT, PROJECTED
from ledger.services.audit import stores
from ledger.services.audit.findings import Findings
from ledger.services.audit.scratch import SOUND, Judged, Scratch
from ledger.services.audit.spans import Span
from ledger.services.config import Config, DataFolder
from ledger.vault.engine import lenient_text, reading
from ledger.vault.reader import VaultReader

CHANGING: tuple[Table, ...] = tuple(table for table in PROJECTED if table not in GROWING)
PENDING = 2000  # changes that are written into the small file together


class StoredIndex:
    """The stored read model as it was when the audit began: one snapshot for cursor, counts and changing tables."""

    def __init__(self, config: Config, folder: DataFolder, deployment: Deployment, head: int) -> None:
        self._deployment = deployment
        self._open = ExitStack()
        self.model = ReadModel.inspect(config.index_url or folder.index)
        self._open.callback(self.model.engine.dispose)
        self.cursor: Cursor | None = None
        self._connection: Connection | None = None
        if self.model.engine.dialect.name != "sqlite":
            return
        try:
            self._connection = self._open.enter_context(reading(self.model.engine))
            self._open.enter_context(lenient_text(self._connection))
            if self.model.format() == FORMAT:
                cursor = self.model.cursor(self._connection)
                if cursor is not None and cursor.chain == name_of(deployment) and cursor.height <= head:
                    self.cursor = cursor
        except OriginSealError:
            self.cursor = None

    @property
    def height(self) -> int:
        """Up to which block rows can be compared where they stand; -1 when they cannot."""
        return -1 if self.cursor is None else self.cursor.height

    @property
    def snapshot(self) -> Connection:
        """The open connection. Only where there is a cursor."""
        assert self._connection is not None
        return self._connection

    def counts(self) -> Counter[str] | None:
        """Rows of each growing table, None when there are other tables than ours or one is missing."""
        if {name for name in inspect(self.snapshot).get_table_names() if not name.startswith("sqlite_")} != {
            table.name for table in ALL
        }:
            return None
        return Counter(
            {t.name: int(self.snapshot.execute(select(func.count()).select_from(t)).scalar() or 0) for t in GROWING}
        )

    def close(self) -> None:
        """Give back the snapshot."""
        self._open.close()


class IndexAudit:
    """Gathers what the walk says of the read model. `take` each span in order, then `finish`."""

    def __init__(self, stored: StoredIndex, deployment: Deployment, scratch: Scratch) -> None:
        assert scratch.path is not None
        self._stored = stored
        self._deployment = deployment
        self._scratch = scratch
        self.path = scratch.path.with_name(scratch.path.stem + "-model.sqlite")
        self._fresh = ReadModel.open(self.path)
        self._pending: list[Change] = []
        self._equal = bool(scratch.get("rows equal", True))
        self._counts: Counter[str] = Counter(scratch.get("rows", {}))
        self._last = -1
        self._written = (
            self._fresh.height()
        )  # an earlier process, killed since, may have come further than the work file

    def take(self, span: Span) -> None:
        """What a worker found in the rows of these blocks."""
        self._equal = self._equal and span.rows.equal
        self._counts.update(span.rows.counts)
        if span.last > self._written:
            self._pending += span.rows.changes
            self._last = span.last
        if len(self._pending) >= PENDING:
            self._apply()

    def compare(self, span: Span) -> None:
        """Rows that blocks walked before explain; the changes that they made are in the small file already."""
        self._equal = self._equal and span.rows.equal
        self._counts.update(span.rows.counts)

    def save(self) -> None:
        """Write everything into the files."""
        self._apply()
        self._scratch.put("rows equal", self._equal)
        self._scratch.put("rows", dict(self._counts))

    def _apply(self) -> None:
        if self._last <= self._written:
            return
        pending, self._pending = self._pending, []
        moved = Cursor(name_of(self._deployment), self._last, bytes(32), 0)
        try:
            self._fresh.apply(pending, self._fresh.cursor(), moved)
        except Exception:  # rows that cannot stand beside one another: a chain that breaks the contracts' rules
            self._equal = False
        self._written = self._last

    def finish(
        self,
        chain: Callable[[], ChainReader | None],
        vault: VaultReader,
        defects: list[str] | None,
        findings: Findings,
        head: int,
    ) -> None:
        """Compare what is left, or everything. `defects`: what a worker says of the file's structure."""
        self.save()
        findings.count("read model tables", len(ALL))
        if defects == [] and self._agrees(head):
            return
        reader = chain()
        if reader is None:
            findings.add("audit.incomplete", "index.sqlite", "there is no engine to project the read model from")
            return
        self._stored.close()
        stores.check_index(self._stored.model, reader, vault, Judged(self._scratch.db, SOUND), findings)

    def _agrees(self, head: int) -> bool:
        cursor = self._stored.cursor
        if cursor is None or not self._equal or cursor.height > head:
            return False
        header = self._scratch.header(cursor.height)
        if header is None or (cursor.block_hash, cursor.time) != (header[0], header[2]):
            return False
        try:
            if self._stored.counts() != self._counts:
                return False
            if next(fact_differences(self._stored.model), None) is not None:
                return False
            return same_tables(self._stored.snapshot, self._fresh, CHANGING)
        except StorageUnavailable:
            return False

    def close(self) -> None:
        """Close the small file."""
        self._fresh.close()
