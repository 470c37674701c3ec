"""Payloads of the demonstration's records: origins and EPCIS events, shaped as docs/payloads.md says."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import Any

from ledger.domain.gs1 import digital_link
from ledger.services.demo.actors import BY_SLUG, Actor
from ledger.services.demo.lots import BY_LOT, DemoLot
from ledger.services.demo.sites import SITES, Site

BEIJING = timezone(timedelta(hours=8))
HOUR = 3600.0
DAY = 24 * HOUR
OFFSET = "+08:00"


def moment(unix: float) -> str:
    """RFC 3339 in Beijing time, to the minute."""
    return datetime.fromtimestamp(unix, BEIJING).replace(second=0, microsecond=0).isoformat()


def day(unix: float) -> str:
    return datetime.fromtimestamp(unix, BEIJING).date().isoformat()


def both(names: tuple[str, str]) -> dict[str, str]:
    return {"zh": names[0], "en": names[1]}


def place(gln: str) -> dict[str, str]:
    return {"id": f"https://id.gs1.org/414/{gln}"}


def lot_class(lot: DemoLot, quantity: str | None = None) -> dict[str, Any]:
    """A quantityList entry: the lot as an EPC class, in kilograms."""
    return {
        "epcClass": digital_link(lot.gtin, lot.lot),
        "quantity": float(quantity or lot.quantity),
        "uom": lot.unit,
    }


def _issuer(template: str, owner: Actor) -> dict[str, str]:
    """A certificate's issuer in both languages: the owner itself, or the member of that Chinese name."""
    zh = template.format(owner=owner.zh)
    return {"zh": zh, "en": next((actor.en for actor in BY_SLUG.values() if actor.zh == zh), zh)}


def origin(lot: DemoLot, now: float) -> dict[str, Any]:
    """The lot.origin payload of one demonstration lot."""
    owner, site = BY_SLUG[lot.owner], SITES[lot.owner]
    at = now - lot.days * DAY
    payload: dict[str, Any] = {
        "gtin": lot.gtin,
        "lot": lot.lot,
        "product": {"name": both(lot.product), "variety": both(lot.variety), "hsCode": lot.hs, "species": lot.species},
        "producer": {"name": {"zh": owner.zh, "en": owner.en}, "uscc": owner.uscc},
        "site": {
            "kind": site.kind,
            "name": {"zh": site.zh, "en": site.en},
            "gln": site.gln,
            "gaccNumber": site.registration,
            "location": site.geometry(),
            "area": {"value": site.hectares, "unit": "HAR"},
            "zone": owner.zone,
        },
        "quantity": {"value": lot.quantity, "unit": lot.unit},
        "packedAt" if site.kind == "packhouse" else "harvestedAt": moment(at),
    }
    if lot.certificates:
        payload["certificates"] = [
            {
                "type": c["type"],
                "number": c["number"].format(lot=lot.lot),
                "issuer": _issuer(c["issuer"], owner),
                "assurance": c["assurance"],
                "issuedAt": day(at + c["days"] * DAY),
            }
            for c in lot.certificates
        ]
    if lot.parents:
        payload["parents"] = [
            {"gtin": BY_LOT[name].gtin, "lot": name, "quantity": {"value": quantity, "unit": lot.unit}}
            for name, quantity in lot.parents
        ]
    return payload


def _object(lot: DemoLot, at: float, action: str, step: str, disposition: str, site: Site) -> dict[str, Any]:
    return {
        "type": "ObjectEvent",
        "eventTime": moment(at),
        "eventTimeZoneOffset": OFFSET,
        "action": action,
        "bizStep": step,
        "disposition": disposition,
        "quantityList": [lot_class(lot)],
        "readPoint": place(site.gln),
        "bizLocation": place(site.gln),
    }


def harvested(lot: DemoLot, now: float) -> dict[str, Any]:
    """Harvest, or the start of a lot that one member both grew and packed."""
    return _object(lot, now - lot.days * DAY, "ADD", "commissioning", "active", SITES[lot.owner])


def packed(lot: DemoLot, now: float) -> dict[str, Any]:
    """Washing, grading and packing: bulk lots in, packed lot out (mass balance on the event as on the chain)."""
    at = now - lot.days * DAY + 2 * HOUR
    site = SITES[lot.owner]
    if not lot.parents:
        return _object(lot, at, "OBSERVE", "packing", "in_progress", site)
    return {
        "type": "TransformationEvent",
        "eventTime": moment(at),
        "eventTimeZoneOffset": OFFSET,
        "transformationID": f"urn:originseal:transformation:{lot.gtin}:{lot.lot}",
        "bizStep": "commissioning",
        "disposition": "in_progress",
        "inputQuantityList": [lot_class(BY_LOT[name], quantity) for name, quantity in lot.parents],
        "outputQuantityList": [lot_class(lot)],
        "readPoint": place(site.gln),
        "bizLocation": place(site.gln),
    }


def inspected(lot: DemoLot, now: float) -> dict[str, Any]:
    """The laboratory's result for a sample of the lot."""
    at = now - lot.days * DAY + 20 * HOUR
    event = _object(lot, at, "OBSERVE", "inspecting", "conformant", SITES[lot.owner])
    event["bizTransactionList"] = [
        {"type": "testres", "bizTransaction": f"urn:originseal:report:NY-{lot.gtin[-6:]}-{lot.lot}"}
    ]
    event["originseal:tests"] = [
        {"analyte": analyte, "result": result, "limit": limit} for analyte, result, limit in lot.tests
    ]
    return event


def stored(lot: DemoLot, now: float) -> dict[str, Any]:
    """Eighteen hours of cold store and reefer truck, one reading an hour from a logger with a serial number."""
    assert lot.temperature is not None
    start = now - lot.days * DAY + 24 * HOUR
    event = _object(lot, start + 17 * HOUR, "OBSERVE", "storing", "in_progress", SITES[lot.owner])
    readings = []
    for hour in range(18):
        # A door opening at hour 6 and the daily swing: what a real logger draws, the same for every run.
        swing = 0.35 * math.sin(hour / 3.0) + (1.6 if hour == 6 else 0.7 if hour == 7 else 0.0)
        readings.append(
            {
                "sensorMetadata": {
                    "time": moment(start + hour * HOUR),
                    "deviceID": f"https://id.gs1.org/8004/9521000LOG{lot.gtin[-4:]}",
                },
                "sensorReport": [{"type": "Temperature", "value": round(lot.temperature + swing, 1), "uom": "CEL"}],
            }
        )
    event["sensorElementList"] = readings
    return event


def shipped(lot: DemoLot, now: float, carrier: Actor) -> dict[str, Any]:
    """Loaded for the port: goods change hands, custody in the ledger's sense does not."""
    at = now - lot.days * DAY + 44 * HOUR
    event = _object(lot, at, "OBSERVE", "shipping", "in_transit", SITES[lot.owner])
    event["destinationList"] = [
        {"type": "possessing_party", "destination": f"urn:originseal:member:{carrier.uscc}"},
    ]
    event["bizTransactionList"] = [
        {"type": "bol", "bizTransaction": f"urn:originseal:bol:NL-{lot.gtin[-6:]}-{lot.lot}"}
    ]
    return event


def profile(actor: Actor, public_key: bytes | None = None) -> dict[str, Any]:
    """A member.profile payload: with the key when an authority admits, without when a member speaks of itself."""
    payload: dict[str, Any] = {
        "uscc": actor.uscc,
        "name": {"zh": actor.zh, "en": actor.en},
        "zone": actor.zone,
        "roles": [role.name for role in actor.roles],
    }
    if public_key is not None:
        payload["key"] = {"publicKey": public_key.hex(), "custodial": actor.custodial}
    return payload
