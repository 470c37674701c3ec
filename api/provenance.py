"""What the provenance page says about a lot: the answer first, then the facts. Words and numbers only, no HTML.

Never says that goods are genuine: it says what was sealed, by whom, when, and which checks passed or failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from api import figures, wire
from api.catalogue import Speaker
from api.timeline import TRADE_KINDS, Fact, Step, readings, step
from ledger.domain.jsonshape import Node
from ledger.domain.members import ZONES
from ledger.domain.origin import CERTIFICATE_TYPES
from ledger.index.views import EventView, LotView, MemberView, TradeView

# A page stays small whatever the lot: what is left out is counted on the page and stands in the JSON and the bundle.
MAX_STEPS = 60
FIRST_STEPS = 20
MAX_TRADES = 20
TRADE_ORDER = {"MISMATCHED": 0, "INCOMPLETE": 1, "MATCHED": 2}  # what failed comes first
CONFIRMING_ROLES = frozenset({"LABORATORY", "CUSTOMS", "MARKET_SUPERVISION", "AGRICULTURE", "AUTHORITY"})


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the answer. `state` is ok, warn, bad or info."""

    state: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class CertificateLine:
    """A certificate that the origin names, how it is assured, and whether its issuer itself sealed a record of it."""

    name: str
    number: str
    issuer: str
    issued: str
    until: str
    assurance: str
    level: str
    confirmed_by: MemberView | None


@dataclass(frozen=True, slots=True)
class Banner:
    """A hold or recall, with the latest reason given."""

    state: str
    title: str
    reason: str
    by: MemberView | None
    when: int | None


@dataclass(frozen=True, slots=True)
class Provenance:
    """Everything the template needs beside the view itself."""

    title: str
    variety: str
    headline: str
    banner: Banner | None
    checks: tuple[Check, ...]
    origin: tuple[Fact, ...]
    steps: tuple[Step, ...]
    skipped: int
    trade_records: int
    trades: tuple[TradeView, ...]
    more_trades: int
    certificates: tuple[CertificateLine, ...]
    map: Markup
    outline: Markup | None
    chart: Markup | None
    chart_summary: str
    readings: tuple[figures.Reading, ...]


def provenance(s: Speaker, view: LotView) -> Provenance:
    """Build the page's content in the speaker's language."""
    origin = view.origin
    site = _object(origin, "site")
    shown = [event for event in view.events if event.kind not in TRADE_KINDS]
    shown.sort(key=lambda e: (e.event_time if e.event_time is not None else e.anchored.sealed_at, e.sequence))
    measured = sorted((r for event in shown for r in readings(event)), key=lambda reading: reading.time)
    summary = ""
    if measured:
        summary = s(
            "chart.summary",
            n=len(measured),
            low=f"{min(r.low for r in measured):g}",
            high=f"{max(r.high for r in measured):g}",
        )
    product = s.pair(view.summary.product_zh, view.summary.product_en) or s("lots.unnamed", lot=view.summary.lot)
    producer = s.member(view.producer)
    zone = ZONES.get(view.summary.zone)
    zone_name = "" if zone is None else s.pair(zone.zh, zone.en)
    zones = [event.author.zone for event in view.events] + [view.summary.zone]
    site_name = s.both(site.get("name")) or producer
    places = {str(site["gln"]): site_name} if "gln" in site else {}
    kept = shown if len(shown) <= MAX_STEPS else [*shown[:FIRST_STEPS], *shown[FIRST_STEPS - MAX_STEPS :]]
    trades = sorted(view.trades, key=lambda trade: TRADE_ORDER.get(trade.verdict, 0))
    return Provenance(
        title=product,
        variety=s.pair(view.summary.variety_zh, view.summary.variety_en),
        headline=s("answer.headline", who=producer, zone=zone_name, date=s.date(view.registered.sealed_at)),
        banner=_banner(s, view),
        checks=tuple(_checks(s, view)),
        origin=tuple(_origin(s, view)),
        steps=tuple(step(s, event, places) for event in kept),
        skipped=len(shown) - len(kept),
        trade_records=len(view.events) - len(shown),
        trades=tuple(trades[:MAX_TRADES]),
        more_trades=max(0, len(trades) - MAX_TRADES),
        certificates=tuple(_certificates(s, view)),
        map=figures.locator_map(
            s,
            title=s("map.title", site=site_name, zone=zone_name),
            here=figures.centre(site.get("location")),
            active=sorted(set(zones)),
        ),
        outline=figures.site_outline(s, site.get("location"), title=s("map.outline", site=site_name)),
        chart=figures.temperature_chart(s, measured, title=s("chart.title"), summary=summary),
        chart_summary=summary,
        readings=tuple(measured),
    )


def _object(value: dict[str, Any], key: str) -> dict[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


def _banner(s: Speaker, view: LotView) -> Banner | None:
    state = view.summary.state
    if state == "ACTIVE":
        return None
    notices = [e for e in view.events if e.kind == "lot.notice" and e.payload.get("change") == state]
    latest: EventView | None = max(notices, key=lambda e: e.sequence) if notices else None
    return Banner(
        state=state,
        title=s.term("banner", state),
        reason="" if latest is None else s.pair(
            str(latest.payload.get("reason_zh") or ""), str(latest.payload.get("reason_en") or "")
        ),
        by=None if latest is None else latest.author,
        when=None if latest is None else latest.anchored.sealed_at,
    )  # fmt: skip


def _checks(s: Speaker, view: LotView) -> list[Check]:
    total, shown = view.accumulator_total, len(view.events)
    complete = wire.history_complete(view)
    checks = [
        Check(
            "ok" if complete else "bad",
            s("check.history_ok" if complete else "check.history_bad", n=total, shown=shown),
            s("check.history_text" if complete else "check.history_text_bad"),
        ),
        _documents(s, view.trades),
        Check("ok", s("check.signatures", n=view.accumulator_entries), s("check.signatures_text")),
    ]
    custodial = sum(event.author.custodial for event in view.events)
    if custodial:
        checks.append(Check("warn", s("check.custodial", n=custodial, total=shown), s("check.custodial_text")))
    checks.append(
        Check(
            "ok",
            s(
                "check.quantity",
                quantity=s.quantity(view.summary.quantity, view.summary.unit),
                remaining=s.quantity(view.remaining, view.summary.unit),
            ),
            s("check.quantity_text"),
        )
    )
    passed = sum(event.disposition == "conformant" for event in view.events)
    failed = sum(event.disposition == "non_conformant" for event in view.events)
    if failed:
        checks.append(Check("bad", s("check.tests_bad", n=failed, passed=passed), s("check.tests_text")))
    elif passed:
        checks.append(Check("ok", s("check.tests_ok", n=passed), s("check.tests_text")))
    late = sum(1 for e in view.events if e.event_time is not None and e.anchored.sealed_at - e.event_time >= 7 * 86400)
    if late:
        checks.append(Check("info", s("check.late", n=late), s("check.late_text")))
    return checks


def _documents(s: Speaker, trades: tuple[TradeView, ...]) -> Check:
    if not trades:
        return Check("info", s("check.documents_none"), s("check.documents_none_text"))
    matched = sum(trade.verdict == "MATCHED" for trade in trades)
    if matched == len(trades):
        return Check("ok", s("check.documents_all", n=len(trades)), s("check.documents_text"))
    state = "bad" if any(trade.verdict == "MISMATCHED" for trade in trades) else "warn"
    differing = sum(trade.verdict == "MISMATCHED" for trade in trades)
    incomplete = len(trades) - matched - differing
    parts = [s(key, n=n) for key, n in (("check.differing", differing), ("check.incomplete", incomplete)) if n]
    text = s("check.documents_text_bad", what=s("site.comma").join(parts))
    return Check(state, s("check.documents_some", matched=matched, total=len(trades)), text)


def _origin(s: Speaker, view: LotView) -> list[Fact]:
    origin, site, product = view.origin, _object(view.origin, "site"), _object(view.origin, "product")
    area = _object(site, "area")
    candidates = (
        ("origin.site", s.both(site.get("name"))),
        ("origin.kind", s.term("site_kind", site.get("kind"))),
        ("origin.gacc", site.get("gaccNumber")),
        ("origin.gln", site.get("gln")),
        ("origin.area", s.quantity(area["value"], str(area.get("unit"))) if "value" in area else ""),
        ("origin.address", s.both(site.get("address"))),
        ("origin.harvested", _moment(s, origin.get("harvestedAt"))),
        ("origin.packed", _moment(s, origin.get("packedAt"))),
        ("origin.variety", s.both(product.get("variety"))),
        ("origin.species", product.get("species")),
        ("origin.grade", s.both(product.get("grade"))),
        ("origin.hs", product.get("hsCode")),
        ("origin.quantity", s.quantity(view.summary.quantity, view.summary.unit)),
        ("origin.note", s.both(origin.get("note"))),
    )
    return [Fact(s(key), str(value)) for key, value in candidates if value]


def _moment(s: Speaker, value: Any) -> str:
    return s.time(Node(value).moment()) if isinstance(value, str) else ""


def _certificates(s: Speaker, view: LotView) -> list[CertificateLine]:
    lines: list[CertificateLine] = []
    for item in view.origin.get("certificates") or []:
        if not isinstance(item, dict):
            continue
        number = str(item.get("number") or "")
        kind = str(item.get("type") or "")
        assurance = str(item.get("assurance") or "self")
        lines.append(
            CertificateLine(
                name=s.both(CERTIFICATE_TYPES.get(kind)) or kind.replace("-", " "),
                number=number,
                issuer=s.both(item.get("issuer")),
                issued=str(item.get("issuedAt") or ""),
                until=str(item.get("validUntil") or ""),
                assurance=s.term("assurance", assurance),
                level=assurance,
                confirmed_by=_confirming(view, number),
            )
        )
    return lines


def _confirming(view: LotView, number: str) -> MemberView | None:
    """The laboratory or agency, other than the producer, that itself sealed a record naming this certificate number."""
    if not number:
        return None
    for event in view.events:
        if event.author.id == view.producer.id or not CONFIRMING_ROLES & set(event.author.roles):
            continue
        for item in event.payload.get("bizTransactionList") or []:
            if isinstance(item, dict) and str(item.get("bizTransaction") or "").endswith((f":{number}", f"/{number}")):
                return event.author
    return None
