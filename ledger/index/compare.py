"""Is a stored read model what chain and payload store say? Compares it, row by row, with one projected afresh.

For audits: whoever edits, adds, deletes or swaps rows in the stored read model is found, and the row is named. The
fresh one lives in a temporary file and reaches exactly as far as the stored one; both are read side by side in the
order of their keys, so that memory does not grow with them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Container, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, inspect, select

from ledger.errors import OriginSealError, StorageUnavailable
from ledger.index.follower import Chain, Follower, Progress
from ledger.index.model import ReadModel
from ledger.index.tables import ALL, FORMAT, PROJECTED, facts
from ledger.vault.engine import lenient_text, reading, structural_defects
from ledger.vault.reader import VaultReader


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which the stored read model is not what it should be. `key` names the row, `column` the value."""

    table: str
    key: str
    column: str
    stored: str
    expected: str

    def __str__(self) -> str:
        where = f"{self.table} {self.key}" + (f" {self.column}" if self.column else "")
        return f"{where}: holds {self.stored}, should be {self.expected}"


def audit_index(
    stored: ReadModel,
    chain: Chain,
    vault: VaultReader,
    progress: Progress | None = None,
    checked: Container[bytes] = (),
) -> Iterator[Difference]:
    """Project the chain afresh, up to where `stored` reaches, and give every difference (`checked`: see Follower)."""
    try:
        if stored.format() != FORMAT:
            yield Difference("facts", "format", "", repr(stored.format()), repr(FORMAT))
            return
        cursor = stored.cursor()
        yield from fact_differences(stored)
    except OriginSealError as error:
        yield Difference("facts", "cursor", "", error.message, "a cursor")
        return
    if cursor is None:
        if chain.final_height() >= chain.deployment.block:
            yield Difference("facts", "cursor", "", "nothing", "a cursor")
        return
    with tempfile.TemporaryDirectory(prefix="originseal-index-") as folder:
        fresh = ReadModel.open(Path(folder) / "index.sqlite")
        try:
            follower = Follower(fresh, chain, vault, checked=checked)
            height = min(cursor.height, chain.final_height())
            follower.catch_up(progress, to=height)
            expected = fresh.cursor()
            if cursor != expected:
                yield Difference("facts", "cursor", "", repr(cursor), repr(expected))
            yield from compare(stored, fresh)
        finally:
            fresh.close()


def fact_differences(stored: ReadModel) -> Iterator[Difference]:
    """What the read model says of itself, apart from format and cursor: a version that counts up, and nothing more."""
    with reading(stored.engine) as connection, lenient_text(connection):
        rows = {name: value for name, value in connection.execute(select(facts.c.name, facts.c.value))}
    version = rows.get("version")
    if not (isinstance(version, str) and version.isascii() and version.isdecimal()):
        yield Difference("facts", "version", "", repr(version), "a whole number")
    for name in sorted(map(str, rows.keys() - {"format", "cursor", "version"})):
        yield Difference("facts", name, "", "a row", "no row")


def compare(stored: ReadModel, fresh: ReadModel) -> Iterator[Difference]:
    """Every difference between two read models, whatever was put into the file of `stored`."""
    try:
        yield from _compare(stored, fresh)
    except StorageUnavailable as error:
        yield Difference("database", "structure", "", error.message, "readable")


def same_tables(ours: Connection, fresh: ReadModel, tables: Sequence[Table]) -> bool:
    """Whether these tables hold the same rows, seen through a connection that is open already."""
    with reading(fresh.engine) as theirs:
        return all(_same(table, ours, theirs) for table in tables)


def _compare(stored: ReadModel, fresh: ReadModel) -> Iterator[Difference]:
    with (
        reading(stored.engine) as ours,
        reading(fresh.engine) as theirs,
        lenient_text(ours),
    ):
        for defect in structural_defects(ours):
            yield Difference("database", "structure", "", defect, "sound")
        known = set(inspect(ours).get_table_names())
        for name in sorted(known - {table.name for table in ALL}):
            yield Difference(name, "", "", "a table that this program did not make", "nothing")
        for table in PROJECTED:
            if table.name not in known:
                yield Difference(table.name, "", "", "nothing", "a table")
                continue
            try:
                yield from _compare_table(table, ours, theirs)
            except StorageUnavailable as error:
                yield Difference(table.name, "", "", error.message, "readable")


def _compare_table(table: Table, ours: Connection, theirs: Connection) -> Iterator[Difference]:
    columns = [column.name for column in table.columns]
    places = [columns.index(column.name) for column in table.primary_key]
    if _same(table, ours, theirs):
        return
    for key, here, there in _pairs(places, _ordered(table, ours), _ordered(table, theirs)):
        name = "/".join(_exact(part)[1] for part in key)
        if here is None or there is None:
            yield Difference(
                table.name, name, "", "nothing" if here is None else "a row", "a row" if here is None else "no row"
            )
            continue
        for column, one, two in zip(columns, map(_exact, here), map(_exact, there), strict=True):
            if one != two:
                yield Difference(table.name, name, column, one[1], two[1])


def _ordered(table: Table, side: Connection) -> Generator[tuple[Any, ...], None, None]:
    """The rows in the order of their keys, a few at a time.

    Plain text columns: no type of ours may smooth over what the file really holds.
    """
    query = select(table).order_by(*table.primary_key)
    # Closed also when nobody asks for the rest: a server keeps the cursor of an abandoned result open.
    with side.execution_options(stream_results=True).exec_driver_sql(str(query.compile(side.engine))) as result:
        for row in result.yield_per(1000):
            yield tuple(row)


def _same(table: Table, ours: Connection, theirs: Connection) -> bool:
    """Whether the tables hold the same rows with the same types: the usual case, found without naming every value."""
    with closing(_ordered(table, ours)) as mine, closing(_ordered(table, theirs)) as others:
        for one, other in zip_longest(mine, others):
            if one != other or tuple(map(type, one)) != tuple(map(type, other)):
                return False
    return True


def _pairs(
    places: list[int], ours: Iterator[tuple[Any, ...]], theirs: Iterator[tuple[Any, ...]]
) -> Iterator[tuple[tuple[Any, ...], tuple[Any, ...] | None, tuple[Any, ...] | None]]:
    """(key, row of ours, row of theirs) by ascending key; both sides are in the database's order of keys."""
    here, there = next(ours, None), next(theirs, None)
    while here is not None or there is not None:
        mine = None if here is None else tuple(here[at] for at in places)
        other = None if there is None else tuple(there[at] for at in places)
        if other is None or (mine is not None and _rank(mine) < _rank(other)):
            assert mine is not None
            yield mine, here, None
            here = next(ours, None)
        elif mine is None or _rank(other) < _rank(mine):
            yield other, None, there
            there = next(theirs, None)
        else:
            yield mine, here, there
            here, there = next(ours, None), next(theirs, None)


def _rank(key: tuple[Any, ...]) -> tuple[tuple[int, Any], ...]:
    """How SQLite orders values of different types: nothing, numbers, text, bytes."""
    ranked: list[tuple[int, Any]] = []
    for value in key:
        if value is None:
            ranked.append((0, 0))
        elif isinstance(value, (int, float)):
            ranked.append((1, value))
        else:
            ranked.append((2, value.encode("utf-8", "replace")) if isinstance(value, str) else (3, bytes(value)))
    return tuple(ranked)


def _exact(value: Any) -> tuple[str, str]:
    """A value with its type: 1, 1.0, "1" and b"1" are four different things in a file."""
    kind = "int" if isinstance(value, bool) else type(value).__name__
    return kind, repr(int(value)) if isinstance(value, bool) else repr(value) if kind != "str" else value
