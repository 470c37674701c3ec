"""Finding logs: an index per address and per topic, so that the cost follows the answer, not the chain's length.

Semantics of filters are those of eth_getLogs (execution-apis): a list of addresses is "any of", each topic position
is a value, a list ("any of") or null ("anything").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ledger.chain.embedded.store import LogRow, Store

_COLUMNS = "SELECT l.block,l.idx,l.position,l.address,l.t0,l.t1,l.t2,l.t3,l.data FROM log AS l"


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Blocks `lo`..`hi` inclusive; empty `addresses` means any; `topics[i]` empty means anything there."""

    lo: int
    hi: int
    addresses: tuple[bytes, ...] = ()
    topics: tuple[tuple[bytes, ...], ...] = ()


def find(store: Store, wanted: LogFilter, limit: int) -> list[LogRow]:
    """At most `limit` logs in order of block and log index."""
    where = ["l.block BETWEEN ? AND ?"]
    values: list[object] = [wanted.lo, wanted.hi]
    if wanted.addresses:
        where.append(f"l.address IN ({_marks(wanted.addresses)})")
        values += wanted.addresses
    for i, options in enumerate(wanted.topics):
        if options:
            where.append(f"l.t{i} IN ({_marks(options)})")
            values += options
    # The text is made of constants and question marks only; every value is bound.
    sql = f"{_COLUMNS} INDEXED BY {_index(wanted)} " if _index(wanted) else f"{_COLUMNS} "
    sql += f"WHERE {' AND '.join(where)} ORDER BY l.block,l.idx LIMIT ?"
    return [_row(*row) for row in store.query(sql, *values, limit)]


def all_logs(store: Store) -> Iterator[LogRow]:
    """Every stored log in order (for audits)."""
    for row in store.scan(f"{_COLUMNS} ORDER BY l.block,l.idx"):
        yield _row(*row)


def _index(wanted: LogFilter) -> str | None:
    # Indexed topics 1 to 3 carry ids, the most selective thing there is; topic 0 is one of a few event names.
    for i in (1, 2, 3):
        if len(wanted.topics) > i and wanted.topics[i]:
            return f"log_t{i}"
    if wanted.addresses:
        return "log_address"
    return "log_t0" if wanted.topics and wanted.topics[0] else None


def _marks(values: tuple[bytes, ...]) -> str:
    return ",".join("?" * len(values))


def _row(block: int, idx: int, position: int, address: bytes, *rest: bytes) -> LogRow:
    topics = tuple(topic for topic in rest[:4] if topic is not None)
    return LogRow(block, idx, position, address, topics, rest[4])
