"""The queries of the read model, built once: building one anew costs more than running it.

`ids` is a list (an expanding IN), the other parameters are single values. Says only where rows are, not what they mean.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, Integer, Select, Table, bindparam, func, select

from ledger.index import tables as t

_LOT_NAME = (t.lots.c.gtin, t.lots.c.lot, t.lots.c.id, t.lots.c.unit, t.lots.c.display_unit)
_SEAL = (t.submissions.c.transaction, t.submissions.c.block, t.submissions.c.sealed_at)
_KEY = t.submissions.c.key_id


def _ids() -> BindParameter[Any]:
    return bindparam("ids", expanding=True)


def _by_id(table: Table) -> Select[Any]:
    return select(table).where(table.c.id == bindparam("id"))


LOT = _by_id(t.lots)
TRADE = _by_id(t.trades)
SUBMISSION = _by_id(t.submissions)
SUBMISSIONS = select(t.submissions).where(t.submissions.c.id.in_(_ids()))
MEMBERS = select(t.members).where(t.members.c.id.in_(_ids()))

LOT_EVENTS = (
    select(t.records, _KEY, *_SEAL, t.lot_records.c.sequence)
    .select_from(
        t.lot_records.join(
            t.records,
            (t.records.c.submission == t.lot_records.c.submission) & (t.records.c.idx == t.lot_records.c.idx),
        ).join(t.submissions, t.submissions.c.id == t.records.c.submission)
    )
    .where(t.lot_records.c.lot == bindparam("id"))
    .order_by(t.lot_records.c.sequence)
)
LOT_ENTRIES = select(func.count()).select_from(t.lot_entries).where(t.lot_entries.c.lot == bindparam("id"))
LOT_TRADES = (
    select(t.trades)
    .join(t.trade_lots, t.trade_lots.c.trade == t.trades.c.id)
    .where(t.trade_lots.c.lot == bindparam("id"))
    .order_by(t.trades.c.position)
)


def _links(here: str, there: str) -> Select[Any]:
    return (
        select(t.lot_links.c.quantity, *_LOT_NAME)
        .join(t.lots, t.lots.c.id == t.lot_links.c[there])
        .where(t.lot_links.c[here] == bindparam("id"))
        .order_by(t.lot_links.c.position)
    )


PARENTS = _links("child", "parent")
CHILDREN = _links("parent", "child")

DOCUMENTS = (
    select(t.documents, *_SEAL)
    .join(t.submissions, t.submissions.c.id == t.documents.c.submission)
    .where(t.documents.c.record.in_(_ids()))
)
RESULTS = select(t.records.c.submission, t.records.c.digest, t.records.c.payload).where(t.records.c.digest.in_(_ids()))
TRADE_LOTS = (
    select(t.trade_lots.c.trade, t.trade_lots.c.quantity, *_LOT_NAME)
    .join(t.lots, t.lots.c.id == t.trade_lots.c.lot)
    .where(t.trade_lots.c.trade.in_(_ids()))
    .order_by(t.lots.c.gtin, t.lots.c.lot, t.lots.c.id)
)


def _listing(table: Table, *, zone: bool = False) -> Select[Any]:
    query = select(table).where(table.c.position < bindparam("before"))
    query = query.where(table.c.zone == bindparam("zone")) if zone else query
    return query.order_by(table.c.position.desc()).limit(bindparam("limit", type_=Integer))


LOTS = _listing(t.lots)
LOTS_OF_ZONE = _listing(t.lots, zone=True)
TRADES = _listing(t.trades)
ALL_MEMBERS = _listing(t.members)

COUNTS = select(
    *(
        select(func.count()).select_from(table).scalar_subquery().label(table.name)
        for table in (t.submissions, t.records, t.lots, t.trades, t.members)
    )
)
