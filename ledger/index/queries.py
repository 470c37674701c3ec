"""Answers from the read model as the values of `ledger.index.views`.

A fixed number of queries per answer, whatever its size, each over an index; all of one answer from one moment. Reads
nothing but the read model: no chain, no payload store, no secret. `NotFound` when it has no such thing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import Connection, Select

from ledger.crypto.digest import KECCAK256, SM3, Digest, sm3_text
from ledger.documents.matching.model import FIELD_SEPARATOR
from ledger.documents.matching.policy import rule_text
from ledger.domain.codes import LotState, Standing, Verdict
from ledger.domain.gs1 import parse_code, parse_gtin
from ledger.domain.ids import lot_id
from ledger.domain.members import Role
from ledger.domain.quantity import from_base
from ledger.errors import Malformed, NotFound
from ledger.index import statements as q
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
_END = (1 << 63) - 1  # above every position
_NOBODY = {
    "id": "", "roles": 0, "zone": 0, "standing": 0, "suspended_until": 0, "custodial": False, "since": 0, "key_id": "",
    "name_zh": "", "name_en": "", "uscc": "",
}  # fmt: skip


class Queries:
    """What pages and programs ask. Safe to share between threads; nothing is remembered between answers."""

    def __init__(self, model: ReadModel) -> None:
        self.model = model

    def lot(self, gtin: str, lot: str) -> LotView:
        """Everything public about one lot. Raises Malformed for a GTIN or lot code that cannot be, and NotFound."""
        number, code = parse_gtin(gtin), parse_code(lot, field="/lot")
        with reading(self.model.engine) as connection:
            return _lot(connection, str(number), code)

    def lots(self, cursor: str | None = None, limit: int = 50, zone: int | None = None) -> Page[LotSummary]:
        """Lots, newest first; with `zone` only those whose producer belongs to that zone. Raises Malformed."""
        listing, query, more = (
            ("lots", q.LOTS, {}) if zone is None else (f"lots/{zone}", q.LOTS_OF_ZONE, {"zone": zone})
        )
        with reading(self.model.engine) as connection:
            rows, after = _page(connection, query, listing, cursor, limit, more)
            people = _members(connection, (row["producer"] for row in rows))
            return Page(tuple(_summary(row, people) for row in rows), after)

    def trade(self, trade_id: str) -> TradeView:
        """One trade by the text of its id. Raises Malformed and NotFound."""
        name = _digest(trade_id, SM3, "/tradeId")
        with reading(self.model.engine) as connection:
            rows = _all(connection, q.TRADE, {"id": name})
            if not rows:
                raise NotFound(f"no trade {name}", field="/tradeId")
            return _trades(connection, rows)[0]

    def trades(self, cursor: str | None = None, limit: int = 50) -> Page[TradeView]:
        """Trades, latest result first. Raises Malformed."""
        with reading(self.model.engine) as connection:
            rows, after = _page(connection, q.TRADES, "trades", cursor, limit)
            return Page(_trades(connection, rows), after)

    def member(self, member_id: str) -> MemberView:
        """One member by the text of its id. Raises Malformed and NotFound."""
        name = _digest(member_id, SM3, "/memberId")
        with reading(self.model.engine) as connection:
            found = _members(connection, (name,))
        if name not in found:
            raise NotFound(f"no member {name}", field="/memberId")
        return found[name]

    def lot_name(self, lot: bytes) -> tuple[str, str] | None:
        """GTIN and lot code behind a lot id; None where they are not known (no such lot, or its origin is lost)."""
        with reading(self.model.engine) as connection:
            rows = _all(connection, q.LOT, {"id": sm3_text(lot)})
        return (rows[0]["gtin"], rows[0]["lot"]) if rows and rows[0]["gtin"] else None

    def members(self, cursor: str | None = None, limit: int = 50) -> Page[MemberView]:
        """Members, newest first. Raises Malformed."""
        with reading(self.model.engine) as connection:
            rows, after = _page(connection, q.ALL_MEMBERS, "members", cursor, limit)
        return Page(tuple(_member(row) for row in rows), after)

    def anchored(self, submission_id: str) -> Anchored:
        """Where a submission was sealed (`record` is empty). Raises Malformed and NotFound."""
        name = _digest(submission_id, KECCAK256, "/submissionId")
        with reading(self.model.engine) as connection:
            rows = _all(connection, q.SUBMISSION, {"id": name})
        if not rows:
            raise NotFound(f"no sealed submission {name}", field="/submissionId")
        return _anchored(rows[0], "", "id")

    def counts(self) -> dict[str, int]:
        """How many submissions, records, lots, trades and members there are."""
        with reading(self.model.engine) as connection:
            return {name: int(n) for name, n in _all(connection, q.COUNTS, {})[0].items()}


def _lot(connection: Connection, gtin: str, lot: str) -> LotView:
    this = {"id": sm3_text(lot_id(gtin, lot))}
    rows = _all(connection, q.LOT, this)
    if not rows:
        raise NotFound(f"no lot {lot} of {gtin} has been sealed", field="/lot")
    # The id is a digest of GTIN and lot code: the asker knows them even when the origin's words are lost.
    row: Mapping[Any, Any] = {**rows[0], "gtin": gtin, "lot": lot}
    events = _all(connection, q.LOT_EVENTS, this)
    trades = _trades(connection, _all(connection, q.LOT_TRADES, this))
    people = _members(connection, {row["producer"], row["custodian"], *(event["author"] for event in events)})
    origin = next((event for event in events if event["digest"] == row["origin"]), None)
    return LotView(
        summary=_summary(row, people),
        origin={} if origin is None else json.loads(origin["payload"]),
        producer=_person(people, row["producer"]),
        custodian=_person(people, row["custodian"]),
        remaining=_amount(row["remaining"], row["unit"], row["display_unit"])[0],
        registered=_anchored(_all(connection, q.SUBMISSION, {"id": row["submission"]})[0], row["origin"], "id"),
        accumulator_head=row["head"],
        accumulator_total=row["total"],
        accumulator_entries=int(connection.execute(q.LOT_ENTRIES, this).scalar_one()),
        parents=tuple(_link(link) for link in _all(connection, q.PARENTS, this)),
        children=tuple(_link(link) for link in _all(connection, q.CHILDREN, this)),
        events=tuple(_event(event, people) for event in events),
        trades=trades,
    )


def _trades(connection: Connection, rows: Sequence[Mapping[Any, Any]]) -> tuple[TradeView, ...]:
    """The views of some trades, in the order given, with five more queries in all."""
    if not rows:
        return ()
    named = {row[f"{name}_record"] for row in rows for name in DOCUMENT_NAMES.values()} - {""}
    documents = {each["record"]: each for each in _all(connection, q.DOCUMENTS, {"ids": sorted(named)})}
    found = _all(connection, q.RESULTS, {"ids": sorted({row["result"] for row in rows})})
    results = {(each["submission"], each["digest"]): each["payload"] for each in found}
    found = _all(connection, q.SUBMISSIONS, {"ids": sorted({row["submission"] for row in rows})})
    seals = {each["id"]: each for each in found}
    lots: dict[str, list[LotLink]] = {}
    for line in _all(connection, q.TRADE_LOTS, {"ids": sorted({row["id"] for row in rows})}):
        lots.setdefault(line["trade"], []).append(_link(line))
    people = _members(connection, {r["matcher"] for r in rows} | {d["member"] for d in documents.values()})
    views = []
    for row in rows:
        payload = json.loads(results.get((row["submission"], row["result"]), "{}"))
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
    names = ("id", "severity", "outcome", "reason_zh", "reason_en")
    views = []
    for rule in rules if isinstance(rules, list) else ():
        if isinstance(rule, dict):
            words = {name: rule[name] if isinstance(rule.get(name), str) else "" for name in names}
            fields = rule.get("fields")
            shown = tuple(fields.split(FIELD_SEPARATOR)) if isinstance(fields, str) else ()
            known = rule_text(words["id"])
            views.append(
                RuleView(
                    **words,
                    title_zh=known.title_zh if known else words["id"],
                    title_en=known.title_en if known else words["id"],
                    basis=known.basis if known else "",
                    fields=shown,
                )
            )
    return tuple(views)


def _document(row: Mapping[Any, Any], people: Mapping[str, MemberView]) -> DocumentView:
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


def _link(row: Mapping[Any, Any]) -> LotLink:
    amount, unit = _amount(row["quantity"], row["unit"], row["display_unit"])
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
    return {row["id"]: _member(row) for row in _all(connection, q.MEMBERS, {"ids": sorted(wanted)})}


def _member(row: Mapping[Any, Any]) -> MemberView:
    return MemberView(
        id=row["id"],
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        uscc=row["uscc"],
        zone=row["zone"],
        roles=_roles(row["roles"]),
        standing=_name(Standing, _standing(row)),
        custodial=bool(row["custodial"]),
        since=row["since"],
        key_id=row["key_id"],
    )


def _standing(row: Mapping[Any, Any]) -> int:
    """The standing that counts now: an emergency suspension that nobody confirmed is over by itself."""
    lapsed = row["standing"] == Standing.SUSPENDED and 0 < row["suspended_until"] < time.time()
    return int(Standing.ACTIVE if lapsed else row["standing"])


def _person(people: Mapping[str, MemberView], name: str) -> MemberView:
    """The member, or one of whom nothing but the id is known (a record that the payload store lost names nobody)."""
    return people.get(name) or _member({**_NOBODY, "id": name})


@cache
def _name(enum: type[IntEnum], value: int) -> str:
    return enum(value).name if value in set(enum) else ""


@lru_cache(1024)
def _roles(bits: int) -> tuple[str, ...]:
    return Role.names(bits)


def _digest(text: str, algorithm: str, field: str) -> str:
    return Digest.parse(text, algorithm, field=field).text


def _all(connection: Connection, query: Select[Any], parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    result = connection.execute(query, parameters)
    names = tuple(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result]


def _page(
    connection: Connection,
    query: Select[Any],
    listing: str,
    cursor: str | None,
    limit: int,
    more: Mapping[str, Any] | None = None,
) -> tuple[list[dict[str, Any]], str | None]:
    """One page, newest first, and the cursor of the next one. New rows never shift a later page."""
    size = check_limit(limit)
    before = _END if cursor is None else decode_cursor(listing, cursor)
    rows = _all(connection, query, {"before": before, "limit": size + 1, **(more or {})})
    after = encode_cursor(listing, rows[size - 1]["position"]) if len(rows) > size else None
    return rows[:size], after
