"""What the read model may know of a record: its public fields, and the few facts it is listed and sorted by.

Public is what `ledger.documents.disclosure` allows for the kind; nothing else passes this module (P7). Readers of a
public payload are forgiving: the chain does not check what a payload says, so a field that breaks its kind's rules
becomes an empty fact, never an error that stops the follower.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ledger.documents.disclosure import public_payload
from ledger.domain import cbv
from ledger.domain.gs1 import parse_code, parse_gtin
from ledger.domain.ids import lot_id
from ledger.domain.jsonshape import Node
from ledger.domain.members import member_id
from ledger.domain.quantity import Quantity
from ledger.errors import Malformed

GTIN_DIGITS = 14
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


@dataclass(frozen=True, slots=True)
class PublicRecord:
    """The public part of one record's payload. `text` is its JSON; `withheld` counts the fields left out."""

    payload: dict[str, Any]
    text: str
    withheld: int
    event_time: int | None = None
    biz_step: str | None = None
    disposition: str | None = None
    place: str | None = None


def public_record(kind: str, payload: dict[str, Any]) -> PublicRecord:
    """The public fields of a payload of this kind."""
    shown, withheld = public_payload(kind, payload)
    text = _encode(shown)
    if kind == "epcis.event":
        step, disposition = _word(shown.get("bizStep"), "bizstep"), _word(shown.get("disposition"), "disp")
        return PublicRecord(shown, text, withheld, _moment(shown.get("eventTime")), step, disposition, _place(shown))
    if kind == "lot.origin":
        # As parse_origin: a packhouse's lot begins with packing, an orchard's or pond's with the harvest.
        packed = _object(shown.get("site")).get("kind") == "packhouse"
        first, second = ("packedAt", "harvestedAt") if packed else ("harvestedAt", "packedAt")
        moment = _moment(shown.get(first))
        return PublicRecord(shown, text, withheld, _moment(shown.get(second)) if moment is None else moment)
    return PublicRecord(shown, text, withheld)


def _moment(value: Any) -> int | None:
    try:
        return Node(value).moment()
    except Malformed:
        return None


def _word(value: Any, vocabulary: str) -> str | None:
    return cbv.bare_word(value, vocabulary) if isinstance(value, str) else None


def _place(event: Mapping[str, Any]) -> str | None:
    for name in ("bizLocation", "readPoint"):
        place = _object(event.get(name)).get("id")
        if isinstance(place, str):
            return place
    return None


@dataclass(frozen=True, slots=True)
class LotNames:
    """How a lot is called, from its origin's public fields; empty where the origin does not say."""

    gtin: str = ""
    lot: str = ""
    unit: str = ""
    product_zh: str = ""
    product_en: str = ""
    variety_zh: str = ""
    variety_en: str = ""


def lot_names(payload: Mapping[str, Any], wanted: bytes) -> LotNames:
    """The names in a lot.origin payload, provided that it is the origin of the lot with id `wanted`."""
    gtin, lot = payload.get("gtin"), payload.get("lot")
    try:
        named = lot_id(str(parse_gtin(gtin)), parse_code(lot, "lot code", "/lot"))
    except Malformed:
        return LotNames()
    if named != wanted or len(_text(gtin)) != GTIN_DIGITS:
        return LotNames()
    product, quantity = _object(payload.get("product")), _object(payload.get("quantity"))
    name, variety = _object(product.get("name")), _object(product.get("variety"))
    return LotNames(
        gtin=_text(gtin),
        lot=_text(lot),
        unit=_text(quantity.get("unit")),
        product_zh=_text(name.get("zh")),
        product_en=_text(name.get("en")),
        variety_zh=_text(variety.get("zh")),
        variety_en=_text(variety.get("en")),
    )


@dataclass(frozen=True, slots=True)
class MemberNames:
    """Whom a member.profile is about, and what it calls them."""

    id: bytes
    uscc: str
    name_zh: str
    name_en: str


def member_names(payload: Mapping[str, Any]) -> MemberNames | None:
    """The names in a member.profile payload; None when it does not say whom it is about."""
    uscc = payload.get("uscc")
    if not isinstance(uscc, str):
        return None
    name = _object(payload.get("name"))
    try:
        return MemberNames(member_id(uscc), uscc, _text(name.get("zh")), _text(name.get("en")))
    except Malformed:
        return None


def line_totals(payload: Mapping[str, Any]) -> dict[bytes, int]:
    """Base units per lot over the `lines` of a trade.match payload; lines that cannot be read are left out."""
    totals: dict[bytes, int] = {}
    lines = payload.get("lines")
    for line in lines if isinstance(lines, list) else ():
        try:
            lot = lot_id(str(line["gtin"]), parse_code(line["lot"], "lot code", "/lot"))
            amount, _ = Quantity.parse(line["quantity"]).to_base()
        except (Malformed, KeyError, TypeError):
            continue
        totals[lot] = totals.get(lot, 0) + amount
    return totals


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
