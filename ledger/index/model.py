"""The read model as a store: its tables, its cursor, and the carrying out of changes. Knows no event and no answer.

Every chunk of changes commits in one transaction with the cursor that says up to which block it reaches: after a
crash the follower goes on from the cursor, and nothing is applied twice or left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, bindparam, delete, func, insert, inspect, select, update

from ledger.errors import EngineUnavailable
from ledger.index.changes import Add, Change, Remove, Set
from ledger.index.tables import ALL, FORMAT, facts, lots, members, metadata
from ledger.vault.engine import Watch, insert_rows, open_engine, reading, storage_errors, writing

TABLES: dict[str, Table] = {table.name: table for table in ALL}
_COLUMNS = {table.name: tuple(column.name for column in table.columns) for table in ALL}
_REMOVABLE = frozenset({"trades", "trade_lots"})  # rewritten as a whole, never updated
_VERSION = "SELECT value FROM facts WHERE name = 'version'"
_KEYS = {table.name: tuple(column.name for column in table.primary_key) for table in ALL}


@dataclass(frozen=True, slots=True)
class Cursor:
    """Up to which block (number and hash) of which chain the read model reaches. `chain` names it for comparison."""

    chain: str
    height: int
    block_hash: bytes
    time: int


class ReadModel:
    """The read model over `engine`. Creates its tables in an empty store and drops older formats, to be filled again;
    with `read_only` it takes the store as it is.
    """

    def __init__(self, engine: Engine, *, read_only: bool = False) -> None:
        self.engine = engine
        self._watch = Watch(engine)
        if read_only:
            return
        with writing(engine) as connection:
            if inspect(connection).has_table(facts.name) and self._fact(connection, "format") == FORMAT:
                return
            self._recreate(connection)

    @classmethod
    def open(cls, target: str | Path, *, read_only: bool = False) -> ReadModel:
        """The read model in a file or database URL; `":memory:"` for one that nobody else sees."""
        return cls(open_engine(target, read_only=read_only, durable=False), read_only=read_only)

    @classmethod
    def inspect(cls, target: str | Path) -> ReadModel:
        """The read model as it is, for an audit: nothing is created, dropped or repaired. For reading only."""
        model = cls.__new__(cls)
        model.engine = open_engine(target, read_only=True, durable=False)
        return model

    def clear(self) -> None:
        """Forget everything; `version` goes on counting, so that no cache takes old answers for new ones."""
        with writing(self.engine) as connection:
            self._recreate(connection)

    def _recreate(self, connection: Connection) -> None:
        version = self._fact(connection, "version") if inspect(connection).has_table(facts.name) else None
        known = set(inspect(connection).get_table_names())
        for table in reversed(metadata.sorted_tables):
            if table.name in known:
                table.drop(connection)
        metadata.create_all(connection)
        self._put_fact(connection, "format", FORMAT)
        self._put_fact(connection, "version", version + 1 if isinstance(version, int) else 0)

    # ------------------------------------------------------------------------------------------------------- cursor

    def format(self) -> Any:
        """Which version of these tables the store holds; FORMAT when it is ours, None when there are none."""
        with reading(self.engine) as connection:
            return self._fact(connection, "format") if inspect(connection).has_table(facts.name) else None

    def cursor(self, connection: Connection | None = None) -> Cursor | None:
        """Where the read model stands; None when it is empty."""
        if connection is None:
            with reading(self.engine) as own:
                return self.cursor(own)
        value = self._fact(connection, "cursor")
        if value is None:
            return None
        try:
            return Cursor(value["chain"], value["height"], bytes.fromhex(value["blockHash"]), value["time"])
        except (KeyError, TypeError, ValueError) as error:
            raise EngineUnavailable("the read model's cursor is damaged", hint="rebuild the index") from error

    def version(self) -> int:
        """A number that changes whenever an answer may change, in whichever process; cheap enough for every request."""
        value = self._watch.scalar(_VERSION)
        return int(value) if isinstance(value, str) and value.isdecimal() else 0

    def close(self) -> None:
        """Give back all connections."""
        self._watch.close()
        self.engine.dispose()

    def height(self) -> int:
        """The last block in the read model; -1 when it is empty."""
        cursor = self.cursor()
        return -1 if cursor is None else cursor.height

    def _fact(self, connection: Connection, name: str) -> Any:
        value = connection.execute(select(facts.c.value).where(facts.c.name == name)).scalar()
        try:
            return None if value is None else json.loads(value)
        except ValueError:
            return None

    def _put_fact(self, connection: Connection, name: str, value: Any) -> None:
        text = json.dumps(value, sort_keys=True)
        if not connection.execute(update(facts).where(facts.c.name == name).values(value=text)).rowcount:
            connection.execute(insert(facts).values(name=name, value=text))

    # ------------------------------------------------------------------------------------------------------ changes

    def apply(self, changes: Iterable[Change], previous: Cursor | None, cursor: Cursor) -> bool:
        """Carry out a chunk and move the cursor from `previous`; False (and nothing done) when it stands elsewhere."""
        batch = _Batch()
        for change in changes:
            batch.take(change)
        with writing(self.engine) as connection:
            if self.cursor(connection) != previous:
                return False
            with storage_errors("the read model cannot be written"):
                changed = batch.write(connection)
                value = {
                    "chain": cursor.chain,
                    "height": cursor.height,
                    "blockHash": cursor.block_hash.hex(),
                    "time": cursor.time,
                }
                self._put_fact(connection, "cursor", value)
                if changed:
                    self._put_fact(connection, "version", int(self._fact(connection, "version") or 0) + 1)
        return True

    def counts(self) -> dict[str, int]:
        """Rows per table."""
        queries = [select(func.count()).select_from(table).scalar_subquery().label(table.name) for table in ALL]
        with reading(self.engine) as connection:
            return {name: int(n) for name, n in connection.execute(select(*queries)).mappings().one().items()}


class _Batch:
    """A chunk's changes, folded so that each row is written once: removals, then new rows, then updates."""

    def __init__(self) -> None:
        self.added: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {name: {} for name in TABLES}
        self.updated: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {name: {} for name in TABLES}
        self.removed: dict[str, dict[Any, None]] = {name: {} for name in TABLES}
        self.by_first: dict[tuple[str, Any], set[tuple[Any, ...]]] = {}  # keys of new rows that Remove may name

    def take(self, change: Change) -> None:
        match change:
            case Add(table, row):
                key = tuple(row[name] for name in _KEYS[table])
                self.added[table][key] = row
                if table in _REMOVABLE:
                    self.by_first.setdefault((table, key[0]), set()).add(key)
            case Set(table, key, values):
                known = self.added[table].get(key)
                if known is not None:
                    known.update(values)
                else:
                    self.updated[table].setdefault(key, {}).update(values)
            case Remove(table, value):
                self.removed[table][value] = None
                for key in self.by_first.pop((table, value), ()):
                    del self.added[table][key]

    def write(self, connection: Connection) -> bool:
        """Whether there was anything to write."""
        changed = False
        for name, table in TABLES.items():
            first = table.c[_KEYS[name][0]]
            if self.removed[name]:
                gone = delete(table).where(first == bindparam("gone"))
                connection.execute(gone, [{"gone": value} for value in self.removed[name]])
            rows = [tuple(row[column] for column in _COLUMNS[name]) for row in self.added[name].values()]
            insert_rows(connection, table, _COLUMNS[name], rows)
            changed = changed or bool(rows or self.removed[name] or self.updated[name])
        for table in TABLES.values():
            self._update(connection, table)
        if self.added["lots"]:
            zone = select(members.c.zone).where(members.c.id == lots.c.producer).scalar_subquery()
            connection.execute(update(lots).where(lots.c.zone == 0).values(zone=func.coalesce(zone, 0)))
        return changed

    def _update(self, connection: Connection, table: Table) -> None:
        by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for key, values in self.updated[table.name].items():
            row = {f"key_{at}": part for at, part in enumerate(key)} | {f"new_{n}": v for n, v in values.items()}
            by_columns.setdefault(tuple(sorted(values)), []).append(row)
        for columns, rows in by_columns.items():
            here = [table.c[name] == bindparam(f"key_{at}") for at, name in enumerate(_KEYS[table.name])]
            statement = update(table).where(*here).values({name: bindparam(f"new_{name}") for name in columns})
            connection.execute(statement, rows)
