"""Which documents belong to one trade: a private register that joins them without keeping a readable number.

Order numbers and waybill numbers are low-entropy, so the register holds HMAC-SM3 tags under the operator's tag key
(peers-and-threats: a bare hash of an order number is the number). Lives beside the payload store and is written in the
same transaction; it can be refilled from the payload store at any time.
Joins (公告2018年第194号; CEB 2022-05): list ↔ order and receipt by (ebcCode, orderNo), list ↔ waybill by
(logisticsCode, logisticsNo); an export waybill carries no order number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Engine, Integer, LargeBinary, MetaData, String, Table, func, insert, select

from ledger.crypto.sm3 import hmac_sm3
from ledger.documents.matching import Register
from ledger.documents.statement import Record
from ledger.domain.operations import NO_DOCUMENT
from ledger.errors import Conflict

metadata = MetaData()
_documents = Table(
    "trade_documents",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("record", LargeBinary(32), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("order_tag", LargeBinary(32), index=True),
    Column("waybill_tag", LargeBinary(32), index=True),
)

# These name one document only; several receipts and several links for one order are lawful.
UNIQUE_KINDS = frozenset({"ceb.303", "ceb.505", "ceb.603"})
# The code the official receipts use for a second document under the same business key (customs-side simulator).
DUPLICATE_KEY = "-304001"


@dataclass(frozen=True, slots=True)
class TradeDocuments:
    """Record digests of one trade, found from its list; None where nothing has arrived yet."""

    trade: bytes
    order: bytes | None
    receipts: tuple[bytes, ...]
    waybill: bytes | None
    inventory: bytes
    links: tuple[bytes, ...]

    @property
    def complete(self) -> bool:
        return self.order is not None and self.waybill is not None and bool(self.receipts)

    @property
    def digests(self) -> tuple[bytes, bytes, bytes, bytes]:
        """Order, receipt, waybill, list as the contract names them: zero where nothing has arrived.

        Of several receipts the first stands for all on chain; every one of them is sealed and enters the match.
        """
        receipt = self.receipts[0] if self.receipts else None
        return (self.order or NO_DOCUMENT, receipt or NO_DOCUMENT, self.waybill or NO_DOCUMENT, self.inventory)


class TradeRegister:
    """`tag_key` is the operator's secret of 32 bytes; a trade's id is the order tag under it."""

    def __init__(self, tag_key: bytes) -> None:
        self._key = tag_key

    def create_tables(self, engine: Engine) -> None:
        metadata.create_all(engine)

    def order_tag(self, ebc_code: str, order_no: str) -> bytes:
        return hmac_sm3(self._key, _lp(ebc_code) + _lp(order_no))

    def waybill_tag(self, logistics_code: str, logistics_no: str) -> bytes:
        return hmac_sm3(self._key, b"waybill" + _lp(logistics_code) + _lp(logistics_no))

    def add(self, connection: Connection, records: Iterable[Record]) -> None:
        """Enter the trade documents among `records`; raises Conflict for a second document of one business key."""
        for record in records:
            tags = self.tags(record.kind, record.payload)
            if tags is None:
                continue
            order_tag, waybill_tag = tags
            if record.kind in UNIQUE_KINDS:
                same = _documents.c.kind == record.kind
                column = _documents.c.waybill_tag if record.kind == "ceb.505" else _documents.c.order_tag
                tag = waybill_tag if record.kind == "ceb.505" else order_tag
                if connection.execute(select(_documents.c.sequence).where(same, column == tag)).first():
                    raise Conflict(
                        f"{DUPLICATE_KEY}: a document with this business key is already sealed",
                        field="/records",
                        hint="a change or deletion is a new message of appType 2 or 3",
                        kind=record.kind,
                    )
            connection.execute(
                insert(_documents).values(
                    record=record.digest, kind=record.kind, order_tag=order_tag, waybill_tag=waybill_tag
                )
            )

    def tags(self, kind: str, payload: Mapping[str, Any]) -> tuple[bytes | None, bytes | None] | None:
        """(order tag, waybill tag) under which a record is entered; None for a kind that is not entered."""
        head = payload.get("head")
        if kind == "trade.link":
            return self.order_tag(payload["ebcCode"], payload["orderNo"]), None
        if not kind.startswith("ceb.") or not isinstance(head, Mapping):
            return None
        order = self.order_tag(head["ebcCode"], head["orderNo"]) if "orderNo" in head else None
        waybill = self.waybill_tag(head["logisticsCode"], head["logisticsNo"]) if "logisticsNo" in head else None
        return order, waybill

    def by_list(self, connection: Connection, inventory: bytes) -> TradeDocuments | None:
        """The documents that one list (its record digest) joins."""
        row = connection.execute(
            select(_documents.c.order_tag, _documents.c.waybill_tag).where(
                _documents.c.record == inventory, _documents.c.kind == "ceb.603"
            )
        ).first()
        return None if row is None else self._join(connection, inventory, row.order_tag, row.waybill_tag)

    def lists_touched(self, connection: Connection, records: Iterable[Record]) -> list[bytes]:
        """Lists whose trade may have changed because of `records`, in order of arrival."""
        tags: set[bytes] = set()
        for record in records:
            for tag in self.tags(record.kind, record.payload) or ():
                if tag is not None:
                    tags.add(tag)
        if not tags:
            return []
        mine = _documents.c.order_tag.in_(tags) | _documents.c.waybill_tag.in_(tags)
        query = select(_documents.c.record).where(_documents.c.kind == "ceb.603", mine)
        return [row.record for row in connection.execute(query.order_by(_documents.c.sequence))]

    def lists(self, connection: Connection) -> list[bytes]:
        """Every list, in order of arrival."""
        query = select(_documents.c.record).where(_documents.c.kind == "ceb.603").order_by(_documents.c.sequence)
        return [row.record for row in connection.execute(query)]

    def uniqueness(self, connection: Connection, documents: TradeDocuments) -> Register:
        """Whether the trade's order number and waybill number each name one document only (rules R1 and R2)."""

        def alone(record: bytes | None) -> bool:
            if record is None:
                return True
            mine = select(_documents).where(_documents.c.record == record).subquery()
            tag = _documents.c.waybill_tag if record == documents.waybill else _documents.c.order_tag
            own = mine.c.waybill_tag if record == documents.waybill else mine.c.order_tag
            same = select(func.count()).where(_documents.c.kind == mine.c.kind, tag == own)
            return connection.execute(same).scalar() == 1

        return Register(alone(documents.order), alone(documents.waybill))

    def _join(self, connection: Connection, inventory: bytes, order_tag: bytes, waybill_tag: bytes) -> TradeDocuments:
        columns = select(_documents.c.record, _documents.c.kind).order_by(_documents.c.sequence)
        found: dict[str, list[bytes]] = {}
        for row in connection.execute(columns.where(_documents.c.order_tag == order_tag)):
            found.setdefault(row.kind, []).append(row.record)
        waybills = columns.where(_documents.c.kind == "ceb.505", _documents.c.waybill_tag == waybill_tag)
        waybill = connection.execute(waybills).first()
        return TradeDocuments(
            trade=order_tag,
            order=_first(found.get("ceb.303")),
            receipts=tuple(found.get("ceb.403", ())),
            waybill=None if waybill is None else waybill.record,
            inventory=inventory,
            links=tuple(found.get("trade.link", ())),
        )


def _first(values: list[bytes] | None) -> bytes | None:
    return values[0] if values else None


def _lp(value: str) -> bytes:
    data = value.encode()
    return len(data).to_bytes(4, "big") + data
