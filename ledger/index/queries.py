"""Answers from the read model as the values of `ledger.index.views`.

A fixed number of queries per answer, whatever its size, each over an index; all of one answer from one moment. Reads
nothing but the read model: no chain, no payload store, no secret. `NotFound` when it has no such thing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, Table, func, select

from ledger.crypto.digest import KECCAK256, SM3, Digest, sm3_text
from ledger.domain.codes import LotState, Standing, Verdict
from ledger.domain.gs1 import parse_code, parse_gtin
from ledger.domain.ids import lot_id
from ledger.domain.members import Role
from ledger.domain.quantity import from_base
from ledger.errors import Malformed, NotFound
from ledger.index import tables as t
from ledger.index.cursors import check_limit, decode_cursor, encode_cursor
from ledger.index.model import ReadModel
from ledger.index.views import (
    Anchored,
    DocumentView,
    EventView,
    LotLink,
    LotSummary,
    LotView,
    MemberView,
    Page,
    RuleView,
    TradeView,
)
from ledger.vault.engine import reading

DOCUMENT_NAMES = {1: "order", 2: "receipt", 3: "waybill", 4: "list"}
_NOBODY = {
    "id": "", "roles": 0, "zone": 0, "standing": 0, "custodial": False, "since": 0, "key_id": "", "name_zh": "",
    "name_en": "", "uscc": "",
}  # fmt: skip


class Queries:
    """What pages and programs ask. Safe to share between threads; nothing is remembered between answers."""

    def __init__(self, model: ReadModel) -> None:
        self.model = model

    # ------------------------------------------------------------------------------------------------------- lots

    def lot(self, gtin: str, lot: str) -> LotView:
        """Everything public about one lot. Raises Malformed for a GTIN or lot code that cannot be, and NotFound."""
        number, code = parse_gtin(gtin), parse_code(lot, field="/lot")
        with reading(self.model.engine) as connection:
            return _LotAnswer(connection, str(number), code).view()

    def lots(self, cursor: str | None = None, limit: int = 50, zone: int | None = None) -> Page[LotSummary]:
        """Lots, newest first; with `zone` only those whose producer belongs to that zone. Raises Malformed."""
        listing = "lots" if zone is None else f"lots/{zone}"
        query = select(t.lots) if zone is None else select(t.lots).where(t.lots.c.zone == zone)
        with reading(self.model.engine) as connection:
            rows, after = _page(connection, query, t.lots, listing, cursor, limit)
            people = _members(connection, (row["producer"] for row in rows))
            return Page(tuple(_summary(row, people) for row in rows), after)

    # ------------------------------------------------------------------------------------------------------ trades

    def trade(self, trade_id: str) -> TradeView:
        """One trade by the text of its id. Raises Malformed and NotFound."""
        name = _digest(trade_id, SM3, "/tradeId")
        with reading(self.model.engine) as connection:
            rows = connection.execute(select(t.trades).where(t.trades.c.id == name)).mappings().all()
            if not rows:
                raise NotFound(f"no trade {name}", field="/tradeId")
            return _trades(connection, rows)[0]

    def trades(self, cursor: str | None = None, limit: int = 50) -> Page[TradeView]:
        """Trades, latest result first. Raises Malformed."""
        with reading(self.model.engine) as connection:
            rows, after = _page(connection, select(t.trades), t.trades, "trades", cursor, limit)
            return Page(_trades(connection, rows), after)

    # ----------------------------------------------------------------------------------------------------- members

    def member(self, member_id: str) -> MemberView:
        """One member by the text of its id. Raises Malformed and NotFound."""
        name = _digest(member_id, SM3, "/memberId")
        with reading(self.model.engine) as connection:
            found = _members(connection, (name,))
        if name not in found:
            raise NotFound(f"no member {name}", field="/memberId")
        return found[name]

    def members(self, cursor: str | None = None, limit: int = 50) -> Page[MemberView]:
        """Members, newest first. Raises Malformed."""
        with reading(self.model.engine) as connection:
            rows, after = _page(connection, select(t.members), t.members, "members", cursor, limit)
        return Page(tuple(_member(row) for row in rows), after)

    # ------------------------------------------------------------------------------------------------- submissions

    def anchored(self, submission_id: str) -> Anchored:
        """Where a submission was sealed (`record` is empty). Raises Malformed and NotFound."""
        name = _digest(submission_id, KECCAK256, "/submissionId")
        with reading(self.model.engine) as connection:
            row = connection.execute(select(t.submissions).where(t.submissions.c.id == name)).mappings().first()
        if row is None:
            raise NotFound(f"no sealed submission {name}", field="/submissionId")
        return Anchored("", row["id"], row["key_id"], row["transaction"], row["block"], row["sealed_at"])

    def counts(self) -> dict[str, int]:
        """How many submissions, records, lots, trades and members there are."""
        wanted = (t.submissions, t.records, t.lots, t.trades, t.members)
        queries = [select(func.count()).select_from(table).scalar_subquery().label(table.name) for table in wanted]
        with reading(self.model.engine) as connection:
            return {name: int(n) for name, n in connection.execute(select(*queries)).mappings().one().items()}


class _LotAnswer:
    """Gathers the rows of one lot's answer."""

    def __init__(self, connection: Connection, gtin: str, lot: str) -> None:
        self._connection = connection
        self._id = sm3_text(lot_id(gtin, lot))
        row = connection.execute(select(t.lots).where(t.lots.c.id == self._id)).mappings().first()
        if row is None:
            raise NotFound(f"no lot {lot} of {gtin} has been sealed", field="/lot")
        # The id is a digest of GTIN and lot code: the asker knows them even when the origin's words are lost.
        self._row: dict[str, Any] = {**row, "gtin": gtin, "lot": lot}

    def view(self) -> LotView:
        row, connection = self._row, self._connection
        events = self._all(
            select(t.records, *_SEALED, t.lot_records.c.sequence)
            .select_from(
                t.lot_records.join(
                    t.records,
                    (t.records.c.submission == t.lot_records.c.submission) & (t.records.c.idx == t.lot_records.c.idx),
                ).join(t.submissions, t.submissions.c.id == t.records.c.submission)
            )
            .where(t.lot_records.c.lot == self._id)
            .order_by(t.lot_records.c.sequence)
        )
        trades = self._all(
            select(t.trades)
            .join(t.trade_lots, t.trade_lots.c.trade == t.trades.c.id)
            .where(t.trade_lots.c.lot == self._id)
            .order_by(t.trades.c.position)
        )
        registered = self._all(select(t.submissions).where(t.submissions.c.id == row["submission"]))[0]
        entries = connection.execute(
            select(func.count()).select_from(t.lot_entries).where(t.lot_entries.c.lot == self._id)
        ).scalar_one()
        people = _members(connection, {row["producer"], row["custodian"], *(event["author"] for event in events)})
        origin = next((event for event in events if event["digest"] == row["origin"]), None)
        return LotView(
            summary=_summary(row, people),
            origin={} if origin is None else json.loads(origin["payload"]),
            producer=_person(people, row["producer"]),
            custodian=_person(people, row["custodian"]),
            remaining=_amount(row["remaining"], row["unit"], row["display_unit"])[0],
            registered=_anchored(registered, row["origin"], "id"),
            accumulator_head=row["head"],
            accumulator_total=row["total"],
            accumulator_entries=int(entries),
            parents=self._links("child", "parent"),
            children=self._links("parent", "child"),
            events=tuple(_event(event, people) for event in events),
            trades=_trades(connection, trades),
        )

    def _links(self, here: str, there: str) -> tuple[LotLink, ...]:
        rows = self._all(
            select(
                t.lot_links.c.quantity, t.lots.c.gtin, t.lots.c.lot, t.lots.c.id, t.lots.c.unit, t.lots.c.display_unit
            )
            .join(t.lots, t.lots.c.id == t.lot_links.c[there])
            .where(t.lot_links.c[here] == self._id)
            .order_by(t.lot_links.c.position)
        )
        return tuple(_link(row, row["quantity"]) for row in rows)

    def _all(self, query: Select[Any]) -> list[Mapping[str, Any]]:
        return [dict(row) for row in self._connection.execute(query).mappings()]


_LOT_NAME = (t.lots.c.gtin, t.lots.c.lot, t.lots.c.id, t.lots.c.unit, t.lots.c.display_unit)
_SEALED = (t.submissions.c.key_id, t.submissions.c.transaction, t.submissions.c.block, t.submissions.c.sealed_at)


def _trades(connection: Connection, rows: Iterable[Mapping[Any, Any]]) -> tuple[TradeView, ...]:
    """The views of some trades, in the order given, with four more queries in all."""
    chosen = list(rows)
    if not chosen:
        return ()
    ids = [row["id"] for row in chosen]
    named = {row[f"{name}_record"] for row in chosen for name in DOCUMENT_NAMES.values()} - {""}
    documents = {
        row["record"]: row
        for row in connection.execute(
            select(t.documents, *(c for c in _SEALED if c.name != "key_id"))
            .join(t.submissions, t.submissions.c.id == t.documents.c.submission)
            .where(t.documents.c.record.in_(named))
        ).mappings()
    }
    results = {
        (row["submission"], row["digest"]): row
        for row in connection.execute(
            select(t.records.c.submission, t.records.c.digest, t.records.c.payload, *_SEALED)
            .join(t.submissions, t.submissions.c.id == t.records.c.submission)
            .where(t.records.c.digest.in_([row["result"] for row in chosen]))
        ).mappings()
    }
    seals = {
        row["id"]: row
        for row in connection.execute(
            select(t.submissions).where(t.submissions.c.id.in_({row["submission"] for row in chosen}))
        ).mappings()
    }
    lots: dict[str, list[LotLink]] = {}
    for line in connection.execute(
        select(t.trade_lots.c.trade, t.trade_lots.c.quantity, *_LOT_NAME)
        .join(t.lots, t.lots.c.id == t.trade_lots.c.lot)
        .where(t.trade_lots.c.trade.in_(ids))
        .order_by(t.lots.c.gtin, t.lots.c.lot, t.lots.c.id)
    ).mappings():  # fmt: skip
        lots.setdefault(line["trade"], []).append(_link(line, line["quantity"]))
    people = _members(
        connection, {row["matcher"] for row in chosen} | {document["member"] for document in documents.values()}
    )
    views = []
    for row in chosen:
        result = results.get((row["submission"], row["result"]))
        payload = json.loads(result["payload"]) if result else {}
        held = [documents[row[f"{n}_record"]] for n in DOCUMENT_NAMES.values() if row[f"{n}_record"] in documents]
        views.append(
            TradeView(
                id=row["id"],
                verdict=_name(Verdict, row["verdict"]),
                independence=row["independence"],
                policy_version=row["policy_version"],
                matched_at=row["matched_at"],
                matcher=_person(people, row["matcher"]),
                documents=tuple(_document(each, people) for each in held),
                rules=_rules(payload),
                lots=tuple(lots.get(row["id"], ())),
                anchored=_anchored(seals[row["submission"]], row["result"], "id"),
            )
        )
    return tuple(views)


def _rules(payload: Mapping[str, Any]) -> tuple[RuleView, ...]:
    rules = payload.get("rules")
    names = ("id", "title_zh", "title_en", "severity", "outcome", "basis", "reason_zh", "reason_en")
    views = []
    for rule in rules if isinstance(rules, list) else ():
        if isinstance(rule, dict):
            words = {name: rule[name] if isinstance(rule.get(name), str) else "" for name in names}
            fields = rule.get("fields")
            shown = tuple(each for each in fields if isinstance(each, str)) if isinstance(fields, list) else ()
            views.append(RuleView(**words, fields=shown))
    return tuple(views)


def _document(row: RowMapping, people: Mapping[str, MemberView]) -> DocumentView:
    return DocumentView(
        kind=DOCUMENT_NAMES.get(row["kind"], str(row["kind"])),
        record=row["record"],
        signer=_person(people, row["member"]),
        anchored=_anchored(row, row["record"], "submission"),
    )


def _event(row: Mapping[str, Any], people: Mapping[str, MemberView]) -> EventView:
    return EventView(
        kind=row["kind"],
        author=_person(people, row["author"]),
        event_time=row["event_time"],
        anchored=_anchored(row, row["digest"], "submission"),
        payload=json.loads(row["payload"]),
        biz_step=row["biz_step"],
        disposition=row["disposition"],
        place=row["place"],
        sequence=row["sequence"],
        withheld=row["withheld"],
    )


def _anchored(row: Mapping[Any, Any], record: str, submission: str) -> Anchored:
    return Anchored(record, row[submission], row["key_id"], row["transaction"], row["block"], row["sealed_at"])


def _summary(row: Mapping[Any, Any], people: Mapping[str, MemberView]) -> LotSummary:
    producer = _person(people, row["producer"])
    quantity, unit = _amount(row["quantity"], row["unit"], row["display_unit"])
    return LotSummary(
        gtin=row["gtin"],
        lot=row["lot"],
        id=row["id"],
        product_zh=row["product_zh"],
        product_en=row["product_en"],
        variety_zh=row["variety_zh"],
        variety_en=row["variety_en"],
        zone=row["zone"],
        producer_zh=producer.name_zh,
        producer_en=producer.name_en,
        quantity=quantity,
        unit=unit,
        state=_name(LotState, row["state"]),
        registered_at=row["registered_at"],
        events=row["total"],
    )


def _link(row: RowMapping | Mapping[str, Any], quantity: str) -> LotLink:
    amount, unit = _amount(quantity, row["unit"], row["display_unit"])
    return LotLink(row["gtin"], row["lot"], row["id"], amount, unit)


def _amount(base: str, unit: int, display: str) -> tuple[str, str]:
    """Decimal text and unit, in the unit that the origin uses where that is exact."""
    for name in (display, None):
        try:
            quantity = from_base(int(base), unit, name or None)
        except Malformed:
            continue
        return quantity.text, quantity.unit
    return base, ""


def _members(connection: Connection, ids: Iterable[str]) -> dict[str, MemberView]:
    wanted = {name for name in ids if name}
    if not wanted:
        return {}
    rows = connection.execute(select(t.members).where(t.members.c.id.in_(wanted))).mappings()
    return {row["id"]: _member(row) for row in rows}


def _member(row: Mapping[Any, Any]) -> MemberView:
    return MemberView(
        id=row["id"],
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        uscc=row["uscc"],
        zone=row["zone"],
        roles=Role.names(row["roles"]),
        standing=_name(Standing, row["standing"]),
        custodial=bool(row["custodial"]),
        since=row["since"],
        key_id=row["key_id"],
    )


def _person(people: Mapping[str, MemberView], name: str) -> MemberView:
    """The member, or one of whom nothing but the id is known (a record that the payload store lost names nobody)."""
    return people.get(name) or _member({**_NOBODY, "id": name})


def _name(enum: Any, value: int) -> str:
    return str(enum(value).name) if value in set(enum) else ""


def _digest(text: str, algorithm: str, field: str) -> str:
    return Digest.parse(text, algorithm, field=field).text


def _page(
    connection: Connection, query: Select[Any], table: Table, listing: str, cursor: str | None, limit: int
) -> tuple[list[RowMapping], str | None]:
    """One page, newest first, and the cursor of the next one. New rows never shift a later page."""
    size = check_limit(limit)
    if cursor is not None:
        query = query.where(table.c.position < decode_cursor(listing, cursor))
    rows = list(connection.execute(query.order_by(table.c.position.desc()).limit(size + 1)).mappings())
    after = encode_cursor(listing, rows[size - 1]["position"]) if len(rows) > size else None
    return rows[:size], after
