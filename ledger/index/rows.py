"""Are the rows that a stretch of the chain explains in the stored read model, value by value and type by type?

For audits: tables that only grow (submissions, records, …) are compared where they stand, so that nothing has to be
projected into a second read model and the work can be divided. Says yes or no; naming what differs, and the tables
whose rows change, is the business of `compare`. SQLite only.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Table

from ledger.index.changes import Add, Change
from ledger.index.tables import documents, lot_entries, lot_links, lot_records, records, submissions

GROWING: tuple[Table, ...] = (submissions, records, lot_entries, lot_records, lot_links, documents)
_NAMES = frozenset(table.name for table in GROWING)
_COLUMNS = {table.name: tuple(column.name for column in table.columns) for table in GROWING}
_SELECT = {
    name: "SELECT " + ", ".join(f'"{column}"' for column in columns) + f" FROM {name}"  # noqa: S608 - our own names
    for name, columns in _COLUMNS.items()
}
_AT_ONCE = 200  # keys in one query


class RowCheck:
    """Looks rows up in the read model behind `db`, which reads text leniently."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def take(self, changes: Iterable[Change], counts: Counter[str]) -> tuple[bool, list[Change]]:
        """Whether every row that `changes` add to the growing tables is there, and the changes to other tables.

        `counts` grows by the rows of each table.
        """
        expected: dict[str, list[tuple[Any, ...]]] = {name: [] for name in _COLUMNS}
        others: list[Change] = []
        for change in changes:
            if change.table not in _NAMES:
                others.append(change)
            elif isinstance(change, Add):
                row = change.row
                expected[change.table].append(tuple([row[name] for name in _COLUMNS[change.table]]))
            else:
                return False, others
        for name, rows in expected.items():
            counts[name] += len(rows)
        try:
            return all(self._holds(name, rows) for name, rows in expected.items() if rows), others
        except sqlite3.Error:
            return False, others

    def _holds(self, table: str, rows: list[tuple[Any, ...]]) -> bool:
        keys = 1 if table in ("submissions", "documents") else 2
        rows.sort(key=lambda row: row[:keys])
        stored = self._stored(table, rows)
        for row in rows:
            other = next(stored, None)
            if other != row or list(map(type, other)) != list(map(type, row)):
                return False
        return next(stored, None) is None

    def _stored(self, table: str, rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """The stored rows that stand where `rows` (in the order of their keys) should, in the same order."""
        if table == "lot_records":
            for lot, first, last in _runs(rows):
                query = f"{_SELECT[table]} WHERE lot=? AND sequence BETWEEN ? AND ? ORDER BY sequence"
                yield from self._db.execute(query, (lot, first, last))
            return
        if table == "records":
            keys: list[Any] = list(dict.fromkeys(row[0] for row in rows))
        else:
            keys = [row[0] for row in rows] if table in ("submissions", "documents") else rows  # type: ignore[assignment]
        for at in range(0, len(keys), _AT_ONCE):
            part = keys[at : at + _AT_ONCE]
            if table in ("submissions", "records", "documents"):
                name = _COLUMNS[table][0]
                order = "submission, idx" if table == "records" else name
                where = f"{name} IN ({','.join('?' * len(part))}) ORDER BY {order}"
                yield from self._db.execute(f"{_SELECT[table]} WHERE {where}", part)
            else:
                one, two = _COLUMNS[table][:2]
                where = f"({one}, {two}) IN (VALUES {','.join(['(?,?)'] * len(part))}) ORDER BY {one}, {two}"
                values = [value for row in part for value in row[:2]]
                yield from self._db.execute(f"{_SELECT[table]} WHERE {where}", values)


def _runs(rows: Sequence[tuple[Any, ...]]) -> Iterator[tuple[str, int, int]]:
    """(lot, first, last) of stretches of consecutive sequence numbers."""
    start = 0
    for at in range(1, len(rows) + 1):
        if at == len(rows) or rows[at][0] != rows[start][0] or rows[at][1] != rows[at - 1][1] + 1:
            yield rows[start][0], rows[start][1], rows[at - 1][1]
            start = at
