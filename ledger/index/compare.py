"""Is a stored read model what chain and payload store say? Compares it, row by row, with one projected afresh.

For audits: whoever edits, adds, deletes or swaps rows in the stored read model is found, and the row is named. The
fresh one lives in memory and reaches exactly as far as the stored one.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, inspect, select

from ledger.errors import OriginSealError, StorageUnavailable
from ledger.index.follower import Chain, Follower, Progress
from ledger.index.model import ReadModel
from ledger.index.tables import ALL, FORMAT, PROJECTED
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
    except OriginSealError as error:
        yield Difference("facts", "cursor", "", error.message, "a cursor")
        return
    if cursor is None:
        if chain.final_height() >= chain.deployment.block:
            yield Difference("facts", "cursor", "", "nothing", "a cursor")
        return
    fresh = ReadModel.open(":memory:")
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


def compare(stored: ReadModel, fresh: ReadModel) -> Iterator[Difference]:
    """Every difference between two read models, whatever was put into the file of `stored`."""
    try:
        yield from _compare(stored, fresh)
    except StorageUnavailable as error:
        yield Difference("database", "structure", "", error.message, "readable")


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

    def keyed(connection: Connection) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        # Plain text columns: no type of ours may smooth over what the file really holds.
        rows = connection.exec_driver_sql(str(select(table).compile(connection.engine)))
        return {tuple(map(_exact, (row[at] for at in places))): tuple(map(_exact, row)) for row in rows}

    if _same(table, ours, theirs):
        return
    stored, expected = keyed(ours), keyed(theirs)
    for key in sorted(stored.keys() | expected.keys(), key=repr):
        name = "/".join(value for _, value in key)
        here, there = stored.get(key), expected.get(key)
        if here is None or there is None:
            yield Difference(
                table.name, name, "", "nothing" if here is None else "a row", "a row" if here is None else "no row"
            )
        elif here != there:
            for column, one, two in zip(columns, here, there, strict=True):
                if one != two:
                    yield Difference(table.name, name, column, one[1], two[1])


def _same(table: Table, ours: Connection, theirs: Connection) -> bool:
    """Whether the tables hold the same rows with the same types: the usual case, found without naming every value."""
    query = select(table).order_by(*table.primary_key)
    stored, expected = (
        [tuple(row) for row in side.exec_driver_sql(str(query.compile(side.engine)))] for side in (ours, theirs)
    )
    return stored == expected and all(
        tuple(map(type, one)) == tuple(map(type, other)) for one, other in zip(stored, expected, strict=True)
    )


def _exact(value: Any) -> tuple[str, str]:
    """A value with its type: 1, 1.0, "1" and b"1" are four different things in a file."""
    kind = "int" if isinstance(value, bool) else type(value).__name__
    return kind, repr(int(value)) if isinstance(value, bool) else repr(value) if kind != "str" else value
