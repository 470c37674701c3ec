"""Turn sealed records into the steps of a readable history: titles, facts, places, tables. Wording only, no HTML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from api.catalogue import Speaker, iso
from api.figures import Reading
from ledger.domain.jsonshape import Node
from ledger.index.views import Anchored, EventView, MemberView

TRADE_KINDS = frozenset({"trade.link", "trade.match"})
LATE = 24 * 3600  # seconds between an event and its recording that deserve to be pointed out
QUANTITY_LISTS = ("quantityList", "inputQuantityList", "outputQuantityList", "childQuantityList")
TEMPERATURE = ("temperature", "gs1:temperature")
COLUMN_ORDER = ("analyte", "method", "result", "limit")  # canonical JSON has lost the writer's order
WARNING_DISPOSITIONS = frozenset(
    {
        "non_conformant",
        "recalled",
        "damaged",
        "destroyed",
        "expired",
        "stolen",
        "no_pedigree_match",
        "mismatch_quantity",
    }
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One labelled line of a step."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Table:
    """A small table of a step, such as laboratory results."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One record as the page shows it. `tone` is ok, info or warn."""

    title: str
    tone: str
    icon: str
    happened: str
    happened_iso: str
    recorded: str
    recorded_iso: str
    delay: str
    late: bool
    author: MemberView
    place: str
    facts: tuple[Fact, ...]
    tables: tuple[Table, ...]
    note: str
    withheld: int
    anchored: Anchored
    payload: str


def step(s: Speaker, event: EventView, places: Mapping[str, str] | None = None) -> Step:
    """Word one sealed record; `places` names the GLNs that the reader has already met."""
    payload = event.payload
    sealed = event.anchored.sealed_at
    happened = event.event_time if event.event_time is not None else sealed
    gap = sealed - happened
    # A notice takes effect when it is sealed: it needs no time of its own.
    stated = event.event_time is not None or event.kind == "lot.notice"
    facts, tables = _contents(s, event)
    tone = "info"
    if event.disposition in WARNING_DISPOSITIONS or payload.get("change") in ("HELD", "RECALLED"):
        tone = "warn"
    elif event.kind == "lot.origin" or event.disposition in ("conformant", "active"):
        tone = "ok"
    return Step(
        title=_title(s, event),
        tone="warn" if "errorDeclaration" in payload else tone,
        icon=_icon(event),
        happened=s.time(happened) if stated else s("step_time.unstated"),
        happened_iso=iso(happened),
        recorded=s.time(sealed),
        recorded_iso=iso(sealed),
        delay=s("step_time.later", span=s.span(gap)) if event.event_time is not None and gap >= 60 else "",
        late=event.event_time is not None and gap >= LATE,
        author=event.author,
        place=_place(s, event, places or {}),
        facts=tuple(facts),
        tables=tuple(tables),
        note=_note(s, payload),
        withheld=event.withheld,
        anchored=event.anchored,
        payload=json.dumps(payload, ensure_ascii=False, indent=2),
    )


def _title(s: Speaker, event: EventView) -> str:
    payload = event.payload
    if "errorDeclaration" in payload:
        return s("step_title.correction")
    if event.kind == "lot.origin":
        return s.term("origin_title", _object(payload, "site").get("kind") or "orchard")
    if event.kind == "lot.notice":
        return s.term("notice", str(payload.get("change")))
    if payload.get("type") == "TransformationEvent":
        return s.term("event_type", "TransformationEvent")  # "commissioning" alone would read as a harvest
    if event.biz_step:
        return s.term("step", event.biz_step)
    if event.kind == "epcis.event":
        return s.term("event_type", str(payload.get("type")))
    return s.term("kind", event.kind.replace(".", "_"))


def _icon(event: EventView) -> str:
    if event.kind == "lot.origin":
        return "leaf"
    if event.kind == "lot.notice":
        return "flag"
    if event.payload.get("type") == "TransformationEvent":
        return "box"
    return {
        "commissioning": "leaf", "inspecting": "lab", "sampling": "lab", "packing": "box", "storing": "cold",
        "sensor_reporting": "cold", "shipping": "truck", "departing": "ship", "arriving": "truck", "loading": "truck",
        "transporting": "truck", "receiving": "box", "accepting": "box", "holding": "flag",
    }.get(event.biz_step or "", "dot")  # fmt: skip


def _object(value: dict[str, Any], key: str) -> dict[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


def _list(value: dict[str, Any], key: str) -> list[Any]:
    inner = value.get(key)
    return inner if isinstance(inner, list) else []


def _place(s: Speaker, event: EventView, places: Mapping[str, str]) -> str:
    if event.kind == "lot.origin":
        return s.both(_object(event.payload, "site").get("name"))
    for key in ("bizLocation", "readPoint"):
        for name, value in _object(event.payload, key).items():
            if name.endswith(("name", "address")):
                return s.both(value)
    number = _last(event.place or "")
    return places.get(number, number)


def _note(s: Speaker, payload: dict[str, Any]) -> str:
    reason = s.pair(str(payload.get("reason_zh") or ""), str(payload.get("reason_en") or ""))
    return reason or s.both(payload.get("note"))


def _last(uri: str) -> str:
    """The part of a URI that people recognise: what follows the last / or :."""
    tail = uri.rstrip("/").rsplit("/", 1)[-1] if "/" in uri else uri.rsplit(":", 1)[-1]
    return tail or uri


def _contents(s: Speaker, event: EventView) -> tuple[list[Fact], list[Table]]:
    if event.kind == "lot.origin":
        return [], []  # the page's own section on the origin says it all
    payload = event.payload
    facts: list[Fact] = []
    tables: list[Table] = []
    for key in QUANTITY_LISTS:
        amounts = [
            s.quantity(item["quantity"], str(item.get("uom") or ""))
            for item in _list(payload, key)
            if isinstance(item, dict) and "quantity" in item
        ]
        if amounts:
            facts.append(Fact(s.term("fact", key), " + ".join(amounts[:8])))
    if event.disposition:
        facts.append(Fact(s("fact.disposition"), s.term("disposition", event.disposition)))
    for item in _list(payload, "bizTransactionList"):
        if isinstance(item, dict):
            kind = s.term("transaction", str(item.get("type") or "other"))
            facts.append(Fact(kind, _last(str(item.get("bizTransaction") or ""))))
    values = [reading for reading in readings(event)]
    if values:
        low, high = min(r.low for r in values), max(r.high for r in values)
        facts.append(Fact(s("fact.temperature"), f"{low:g} – {high:g} °C"))
    for key, value in _extensions(payload):
        if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
            tables.append(_table(s, key, value))
        elif isinstance(value, str | int | float | dict) and s.both(value):
            facts.append(Fact(s.term("fact", key), s.both(value)))
    return facts, tables


def _extensions(payload: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """(bare name, value) of a record's namespaced members, also those inside its instance master data."""
    for source in (payload, _object(payload, "ilmd")):
        for key, value in source.items():
            if ":" in key:
                yield key.rsplit(":", 1)[-1].rsplit("/", 1)[-1], value


def _table(s: Speaker, key: str, rows: list[dict[str, Any]]) -> Table:
    found = list(dict.fromkeys(name for row in rows[:50] for name in row))
    columns = [name for name in COLUMN_ORDER if name in found] + [name for name in found if name not in COLUMN_ORDER]
    columns = columns[:6]
    return Table(
        s.term("fact", key),
        tuple(s.term("fact", column) for column in columns),
        tuple(tuple(s.both(row.get(column)) for column in columns) for row in rows[:50]),
    )


def readings(event: EventView) -> list[Reading]:
    """The temperature readings in an event's sensor elements, in °C; other units than °C and °F are left out."""
    found: list[Reading] = []
    if event.event_time is None:
        return found
    for element in _list(event.payload, "sensorElementList"):
        if not isinstance(element, dict):
            continue
        metadata = _object(element, "sensorMetadata")
        for report in _list(element, "sensorReport"):
            if isinstance(report, dict) and _last(str(report.get("type") or "")).lower() in TEMPERATURE:
                reading = _reading(report, metadata, event)
                if reading is not None:
                    found.append(reading)
    return found


def _reading(report: dict[str, Any], metadata: dict[str, Any], event: EventView) -> Reading | None:
    celsius = {"CEL": lambda value: value, "FAH": lambda value: (value - 32) * 5 / 9}.get(str(report.get("uom")))
    numbers = {key: report.get(key) for key in ("value", "meanValue", "minValue", "maxValue")}
    given = {key: float(n) for key, n in numbers.items() if isinstance(n, int | float) and not isinstance(n, bool)}
    if celsius is None or not given:
        return None
    low = min(given.values())
    high = max(given.values())
    middle = given.get("value", given.get("meanValue", (low + high) / 2))
    time = event.event_time or 0
    for source in (report.get("time"), metadata.get("time"), metadata.get("startTime")):
        if isinstance(source, str):
            time = Node(source).moment()
            break
    return Reading(time, round(celsius(middle), 2), round(celsius(low), 2), round(celsius(high), 2), event.place or "")
