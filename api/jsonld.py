"""The machine's view of a lot: JSON-LD with schema.org and the GS1 web vocabulary, and EPCIS-shaped events.

Says what was sealed and by whom; claims nothing about the goods. The context is inline, so that reading it needs no
request to anybody. Terms of our own live under `os:` and are explained in docs/api.md.
"""

from __future__ import annotations

from typing import Any

from api import figures, wire
from api.catalogue import iso
from ledger.index.views import EventView, LotView, MemberView, TradeView

MEDIA_TYPE = "application/ld+json"
CONTEXT = {
    "schema": "https://schema.org/",
    "gs1": "https://gs1.org/voc/",
    "epcis": "https://ref.gs1.org/epcis/",
    "os": "urn:originseal:voc:",
    "id": "@id",
    "type": "@type",
}


def lot_document(view: LotView, base_url: str, serial: str | None = None) -> dict[str, Any]:
    """The JSON-LD answer of a lot's Digital Link."""
    summary = view.summary
    url = base_url + wire.lot_path(summary.gtin, summary.lot)
    site = view.origin.get("site")
    site = site if isinstance(site, dict) else {}
    api = wire.lot(view, base_url)["links"]
    document: dict[str, Any] = {
        "@context": CONTEXT,
        "id": url,
        "type": ["schema:Product", "gs1:Product"],
        "schema:name": _texts(summary.product_zh, summary.product_en),
        "gs1:gtin": summary.gtin,
        "schema:gtin14": summary.gtin,
        "gs1:hasBatchLotNumber": summary.lot,
        "schema:identifier": summary.id,
        "gs1:netContent": _amount(summary.quantity, summary.unit),
        "gs1:countryOfOrigin": {"type": "gs1:Country", "gs1:countryCode": "CN"},
        "schema:manufacturer": _party(view.producer),
        "os:state": summary.state,
        "os:remaining": _amount(view.remaining, summary.unit),
        "os:custodian": _party(view.custodian),
        "os:history": {
            "os:records": view.accumulator_total,
            "os:submissions": view.accumulator_entries,
            "os:shown": len(view.events),
            "os:complete": wire.history_complete(view),
            "os:accumulatorHead": view.accumulator_head,
        },
        "os:proofBundle": {"id": api["bundle"]},
        "os:trustAnchors": {"id": f"{base_url}/anchors.json"},
        "os:events": [_event(event) for event in view.events],
        "os:trades": [_trade(trade, base_url) for trade in view.trades],
        "os:parents": [_link(link, base_url) for link in view.parents],
        "os:children": [_link(link, base_url) for link in view.children],
        "os:disclaimer": (
            "Says what members sealed about this lot, when, and which checks passed. It does not show that any goods "
            "belong to the lot, nor that what members said is true."
        ),
    }
    if summary.variety_zh or summary.variety_en:
        document["gs1:variety"] = _texts(summary.variety_zh, summary.variety_en)
    if serial is not None:
        document["os:requestedSerial"] = {"os:value": serial, "os:registered": False}
    place = _place(site)
    if place:
        document["gs1:productionLocation"] = place
    return document


def _texts(zh: str, en: str) -> list[dict[str, str]]:
    return [{"@value": text, "@language": language} for language, text in (("zh", zh), ("en", en)) if text]


def _amount(value: str, unit: str) -> dict[str, str]:
    return {"type": "gs1:QuantitativeValue", "gs1:value": value, "gs1:unitCode": unit}


def _party(member: MemberView) -> dict[str, Any]:
    return {
        "type": "schema:Organization",
        "schema:identifier": member.id,
        "schema:taxID": member.uscc,
        "schema:name": _texts(member.name_zh, member.name_en),
        "os:roles": list(member.roles),
        "os:custodialKey": member.custodial,
        "os:keyId": member.key_id,
    }


def _place(site: dict[str, Any]) -> dict[str, Any]:
    name = site.get("name")
    place: dict[str, Any] = {"type": "schema:Place"}
    if isinstance(name, dict):
        place["schema:name"] = _texts(str(name.get("zh") or ""), str(name.get("en") or ""))
    if "gln" in site:
        place["gs1:gln"] = site["gln"]
    if "gaccNumber" in site:
        place["os:gaccRegistration"] = site["gaccNumber"]
    middle = figures.centre(site.get("location"))
    if middle:
        place["schema:geo"] = {
            "type": "schema:GeoCoordinates",
            "schema:longitude": round(middle[0], 6),
            "schema:latitude": round(middle[1], 6),
        }
    return place if len(place) > 1 else {}


def _event(event: EventView) -> dict[str, Any]:
    described: dict[str, Any] = {
        "os:kind": event.kind,
        "os:record": event.anchored.record,
        "os:submission": event.anchored.submission_id,
        "os:transaction": event.anchored.transaction,
        "os:block": event.anchored.block,
        "os:sealedAt": iso(event.anchored.sealed_at),
        "os:author": event.author.id,
        "os:authorName": _texts(event.author.name_zh, event.author.name_en),
        "os:custodialKey": event.author.custodial,
        "os:withheldFields": event.withheld,
    }
    if event.event_time is not None:
        described["epcis:eventTime"] = iso(event.event_time)
    for term, value in (("bizStep", event.biz_step), ("disposition", event.disposition), ("bizLocation", event.place)):
        if value:
            described[f"epcis:{term}"] = value
    if event.kind == "epcis.event":
        described["type"] = f"epcis:{event.payload.get('type', 'ObjectEvent')}"
    return described


def _trade(trade: TradeView, base_url: str) -> dict[str, Any]:
    return {
        "id": f"{base_url}/trades/{trade.id}",
        "os:verdict": trade.verdict,
        "os:independence": trade.independence,
        "os:failedRules": [rule.id for rule in trade.rules if rule.outcome == "failed"],
    }


def _link(link: Any, base_url: str) -> dict[str, Any]:
    return {"id": base_url + wire.lot_path(link.gtin, link.lot), "os:drawn": _amount(link.quantity, link.unit)}
