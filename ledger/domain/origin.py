"""The lot.origin payload: what a producer or packhouse seals about a lot when it comes into being.

Job: read and check the payload documented in docs/payloads.md, field by field, and give what the rest of the ledger
needs: ids, base quantity, parents, event time. It does not judge whether the claims are true.
Clauses: GS1 General Specifications (GTIN, lot, GLN); GB 32100-2015 (producer's code); RFC 7946 (place); UN/ECE Rec 20.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from ledger.domain.codes import BaseUnit
from ledger.domain.geometry import read_geometry
from ledger.domain.gs1 import Gln, Gtin, parse_code
from ledger.domain.ids import lot_id
from ledger.domain.jsonshape import Node
from ledger.domain.members import ZONES, check_uscc
from ledger.domain.quantity import Quantity, parse_decimal
from ledger.errors import Malformed

MAX_CERTIFICATES = 50
MAX_PARENTS = 32  # what the contract accepts (Lots.MAX_PARENTS); a merge of more lots is done in steps
SITE_KINDS = ("orchard", "pond", "packhouse")
ASSURANCE = ("self", "second", "third")  # who assures: the producer itself, its customer, an independent body
AREA_UNITS = ("HAR", "MTK", "MU")  # hectare, square metre, 亩 (1/15 hectare; no Rec 20 code exists)
CLOCK_SKEW = 15 * 60  # seconds that a producer's clock may run ahead of ours

# Names of the certificate types that the pages know; any other text is accepted too and shown as it is.
CERTIFICATE_TYPES: dict[str, dict[str, str]] = {
    "commitment": {"zh": "承诺达标合格证", "en": "Commitment certificate"},
    "green-food": {"zh": "绿色食品", "en": "Green Food"},
    "organic": {"zh": "有机产品", "en": "Organic"},
    "geographical-indication": {"zh": "地理标志", "en": "Geographical indication"},
    "gap": {"zh": "良好农业规范", "en": "Good agricultural practice"},
    "haccp": {"zh": "危害分析与关键控制点", "en": "HACCP"},
    "orchard-registration": {"zh": "出境水果果园注册登记", "en": "Export orchard registration"},
    "packhouse-registration": {"zh": "出境水果包装厂注册登记", "en": "Export packhouse registration"},
    "farm-filing": {"zh": "出境水生动物养殖场备案", "en": "Export aquaculture farm filing"},
    "phytosanitary": {"zh": "植物检疫证书", "en": "Phytosanitary certificate"},
    "health": {"zh": "卫生证书", "en": "Health certificate"},
    "lab-report": {"zh": "检测报告", "en": "Laboratory report"},
    "origin": {"zh": "原产地证书", "en": "Certificate of origin"},
}

_HS_CODE = re.compile(r"[0-9]{4}([0-9]{2}){0,3}\Z")
_GACC_NUMBER = re.compile(r"[0-9A-Z][0-9A-Z()/\-]{3,31}\Z")
_SPECIES_CODE = re.compile(r"[A-Z]{3}\Z")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that the origin names; `assurance` is self, second or third (party)."""

    type: str
    number: str
    issued_at: date
    valid_until: date | None
    assurance: str


@dataclass(frozen=True, slots=True)
class Parent:
    """How much of another lot went into this one, in base units."""

    gtin: str
    lot: str
    lot_id: bytes
    quantity: Quantity
    base_quantity: int


@dataclass(frozen=True, slots=True)
class Origin:
    """A checked lot.origin payload. `event_time` is the harvest (or packing) in Unix seconds."""

    gtin: str
    lot: str
    lot_id: bytes
    quantity: Quantity
    base_quantity: int
    base_unit: BaseUnit
    parents: tuple[Parent, ...]
    certificates: tuple[Certificate, ...]
    event_time: int
    producer_uscc: str
    site_kind: str
    zone: int | None


def parse_origin(payload: Any, *, now: int | None = None) -> Origin:
    """Read a lot.origin payload. Raises Malformed with the JSON Pointer of the first bad field.

    With `now` (Unix seconds) a harvest or packing in the future is refused too.
    """
    fields = Node(payload).object(
        ("gtin", "lot", "product", "producer", "site", "quantity"),
        ("harvestedAt", "packedAt", "certificates", "parents", "note"),
    )
    gtin = Gtin.parse(fields["gtin"].value, "/gtin")
    if gtin != fields["gtin"].value:
        fields["gtin"].refuse("must be written with 14 digits", hint=f"write {gtin}")
    lot = parse_code(fields["lot"].value, "lot code", "/lot")
    own_id = lot_id(gtin, lot)
    _read_product(fields["product"])
    uscc = _read_producer(fields["producer"])
    site_kind, zone = _read_site(fields["site"])
    event_time = _read_times(fields, site_kind, now)
    quantity = Quantity.read(fields["quantity"])
    base_quantity, base_unit = quantity.to_base("/quantity")
    certificates = tuple(_read_certificate(n) for n in _list(fields, "certificates", MAX_CERTIFICATES))
    parents = tuple(_read_parent(n, base_unit) for n in _list(fields, "parents", MAX_PARENTS))
    _check_parents(parents, own_id, base_quantity)
    if "note" in fields:
        fields["note"].bilingual()
    return Origin(
        gtin, lot, own_id, quantity, base_quantity, base_unit, parents, certificates, event_time, uscc, site_kind, zone
    )


def _list(fields: dict[str, Node], name: str, maximum: int) -> list[Node]:
    return fields[name].list(0, maximum) if name in fields else []


def _read_product(node: Node) -> None:
    fields = node.object(("name",), ("variety", "hsCode", "species", "speciesCode", "grade"))
    fields["name"].bilingual(100)
    if "variety" in fields:
        fields["variety"].bilingual(100)
    if "hsCode" in fields:
        fields["hsCode"].text(10, _HS_CODE, "a commodity code of 4, 6, 8 or 10 digits")
    if "species" in fields:
        fields["species"].text(100)
    if "speciesCode" in fields:
        fields["speciesCode"].text(3, _SPECIES_CODE, "an FAO 3-letter species code")
    if "grade" in fields:
        fields["grade"].bilingual(100)


def _read_producer(node: Node) -> str:
    fields = node.object(("name", "uscc"), ("contact",))
    fields["name"].bilingual(200)
    if "contact" in fields:
        fields["contact"].text(100)
    return check_uscc(fields["uscc"].value, fields["uscc"].pointer)


def _read_site(node: Node) -> tuple[str, int | None]:
    fields = node.object(("kind", "name", "location"), ("gln", "gaccNumber", "area", "zone", "address"))
    kind = fields["kind"].one_of(SITE_KINDS)
    fields["name"].bilingual(200)
    read_geometry(fields["location"])
    if "gln" in fields:
        Gln.parse(fields["gln"].value, fields["gln"].pointer)
    if "gaccNumber" in fields:
        fields["gaccNumber"].text(32, _GACC_NUMBER, "a customs (GACC) registration number")
    if "area" in fields:
        area = fields["area"].object(("value", "unit"))
        if not parse_decimal(area["value"].value, area["value"].pointer):
            area["value"].refuse("must be more than zero")
        area["unit"].one_of(AREA_UNITS)
    if "address" in fields:
        fields["address"].bilingual(300)
    return kind, fields["zone"].whole(1, max(ZONES)) if "zone" in fields else None


def _read_times(fields: dict[str, Node], site_kind: str, now: int | None) -> int:
    moments: dict[str, int] = {n: fields[n].moment() for n in ("harvestedAt", "packedAt") if n in fields}
    wanted = "packedAt" if site_kind == "packhouse" else "harvestedAt"
    if wanted not in moments and not (site_kind == "packhouse" and moments):
        raise Malformed("is missing", field=f"/{wanted}")
    if "packedAt" in moments and moments["packedAt"] < moments.get("harvestedAt", moments["packedAt"]):
        fields["packedAt"].refuse("lies before the harvest")
    for name, moment in moments.items():
        if now is not None and moment > now + CLOCK_SKEW:
            fields[name].refuse("lies in the future")
    return moments.get(wanted, moments.get("harvestedAt", 0))


def _read_certificate(node: Node) -> Certificate:
    fields = node.object(("type", "number", "issuer", "issuedAt", "assurance"), ("validUntil", "uri", "digest"))
    kind = fields["type"].text(60)
    number = fields["number"].text(60)
    if isinstance(fields["issuer"].value, str):
        fields["issuer"].text(200)
    else:
        fields["issuer"].bilingual(200)
    issued_at = fields["issuedAt"].day()
    valid_until = fields["validUntil"].day() if "validUntil" in fields else None
    if valid_until is not None and valid_until < issued_at:
        fields["validUntil"].refuse("lies before the day of issue")
    if "uri" in fields and not fields["uri"].text(500).startswith(("https://", "http://")):
        fields["uri"].refuse("must be an http or https address")
    if "digest" in fields:
        fields["digest"].text(140, re.compile(r"(sm3|sha-256):[0-9a-f]{64}\Z"), "sm3:… or sha-256:… with 64 hex digits")
    return Certificate(kind, number, issued_at, valid_until, fields["assurance"].one_of(ASSURANCE))


def _read_parent(node: Node, base_unit: BaseUnit) -> Parent:
    fields = node.object(("gtin", "lot", "quantity"))
    gtin = Gtin.parse(fields["gtin"].value, fields["gtin"].pointer)
    lot = parse_code(fields["lot"].value, "lot code", fields["lot"].pointer)
    quantity = Quantity.read(fields["quantity"])
    base_quantity, unit = quantity.to_base(fields["quantity"].pointer)
    if unit is not base_unit:
        fields["quantity"].refuse(f"counts {unit.name.lower()}s while the lot counts {base_unit.name.lower()}s")
    return Parent(gtin, lot, lot_id(gtin, lot), quantity, base_quantity)


def _check_parents(parents: tuple[Parent, ...], own_id: bytes, base_quantity: int) -> None:
    seen = {own_id}
    for i, parent in enumerate(parents):
        if parent.lot_id in seen:
            raise Malformed("a lot is named twice, or is its own parent", field=f"/parents/{i}")
        seen.add(parent.lot_id)
    if parents and sum(p.base_quantity for p in parents) < base_quantity:
        raise Malformed("the lot is larger than what went into it from its parents", field="/quantity")
