"""EPCIS-shaped events: what happened to which lots, when and where.

Job: check one event of the five EPCIS 2.0 types in its JSON form, say which lots it names, and unpack an
EPCISDocument. It is thinner than the full JSON schema: master data, queries and event-hash ids live elsewhere.
Clauses: EPCIS 2.0, 7.3-7.4 and the JSON binding; CBV 2.0; GS1 Digital Link and EPC URNs through ledger.domain.gs1.
Event time is when it happened; record time is the block's and never part of the payload's truth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ledger.domain import cbv
from ledger.domain.gs1 import DigitalLink, parse_code, parse_digital_link, parse_epc
from ledger.domain.jsonshape import Node
from ledger.errors import Malformed

MAX_EVENTS = 10_000  # of one document; a capture of more is split
MAX_URI = 2048
MAX_ENTRIES = 5_000  # EPCs or sensor reports of one event; the payload bound (4096 leaves) is usually reached first

_OFFSET = re.compile(r"[+-](0\d|1[0-4]):[0-5]\d\Z", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+\Z")
_UOM = re.compile(r"[A-Z0-9]{2,3}\Z")

_ACTIONS = ("ADD", "OBSERVE", "DELETE")
_COMMON = [
    "recordTime",
    "eventID",
    "errorDeclaration",
    "certificationInfo",
    "bizStep",
    "disposition",
    "readPoint",
    "bizLocation",
    "bizTransactionList",
    "sourceList",
    "destinationList",
    "sensorElementList",
    "persistentDisposition",
]
# type → (has an action, fields of its own that hold EPCs, that hold class quantities, other fields of its own)
_TYPES: dict[str, tuple[bool, tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "ObjectEvent": (True, ("epcList",), ("quantityList",), ("ilmd",)),
    "AggregationEvent": (True, ("childEPCs",), ("childQuantityList",), ("parentID",)),
    "TransactionEvent": (True, ("epcList",), ("quantityList",), ("parentID",)),
    "TransformationEvent": (
        False,
        ("inputEPCList", "outputEPCList"),
        ("inputQuantityList", "outputQuantityList"),
        ("transformationID", "ilmd"),
    ),
    "AssociationEvent": (True, ("childEPCs",), ("childQuantityList",), ("parentID",)),
}
# Where a lot number may stand in instance/lot master data, for serialised items without a lot of their own.
_ILMD_LOT = ("cbvmda:lotNumber", "https://ref.gs1.org/cbv/mda/lotNumber", "urn:epcglobal:cbv:mda:lotNumber")


@dataclass(frozen=True, slots=True)
class Event:
    """A checked event. `event_time` in Unix seconds; `biz_step`, `disposition` bare CBV words or foreign URIs."""

    type: str
    action: str | None
    event_time: int
    biz_step: str | None
    disposition: str | None
    place: str | None
    event_id: str | None
    corrects: str | None  # the error declaration's reason, when this event declares an earlier one wrong
    lots: tuple[tuple[str, str], ...]


def parse_event(payload: Any, *, now: int | None = None) -> Event:
    """Check one event. Raises Malformed with the JSON Pointer of the first bad field.

    With `now` (Unix seconds) an event time more than 15 minutes ahead is refused too.
    """
    root = Node(payload)
    if not isinstance(payload, dict) or not isinstance(payload.get("type"), str) or payload["type"] not in _TYPES:
        raise Malformed(f"must be one of {', '.join(_TYPES)}", field="/type")
    kind: str = payload["type"]
    has_action, epc_fields, quantity_fields, own = _TYPES[kind]
    required = ["type", "eventTime", "eventTimeZoneOffset", *(["action"] if has_action else [])]
    fields = root.object(required, [*_COMMON, *epc_fields, *quantity_fields, *own], namespaced=True)
    event_time = fields["eventTime"].moment()
    if now is not None and event_time > now + 15 * 60:
        fields["eventTime"].refuse("lies in the future")
    fields["eventTimeZoneOffset"].text(6, _OFFSET, "an offset such as +08:00")
    action = fields["action"].one_of(_ACTIONS) if has_action else None
    _check_what(kind, action, fields, epc_fields + quantity_fields)
    links = _read_things(fields, epc_fields, quantity_fields)
    _check_ilmd(kind, action, fields)
    _check_context(fields)
    return Event(
        type=kind,
        action=action,
        event_time=event_time,
        biz_step=_word(fields.get("bizStep"), "bizstep"),
        disposition=_word(fields.get("disposition"), "disp"),
        place=_place(fields),
        event_id=fields["eventID"].text(MAX_URI, _URI, "a URI") if "eventID" in fields else None,
        corrects=_error_declaration(fields.get("errorDeclaration")),
        lots=_lots(links, fields.get("ilmd")),
    )


def lots_of_event(payload: Any) -> tuple[tuple[str, str], ...]:
    """The (gtin, lot) pairs that an event names, in order of first appearance. Raises Malformed."""
    return parse_event(payload).lots


def parse_document(document: Any) -> tuple[dict[str, Any], ...]:
    """The events of an EPCISDocument (or of a bare event). Raises Malformed; the events themselves are not checked."""
    if isinstance(document, dict) and isinstance(document.get("type"), str) and document["type"] in _TYPES:
        return (document,)
    fields = Node(document).object(
        ("type", "schemaVersion", "epcisBody"),
        ("@context", "id", "creationDate", "epcisHeader", "sender", "receiver", "instanceIdentifier"),
        namespaced=True,
    )
    fields["type"].one_of(("EPCISDocument",))
    if fields["schemaVersion"].value not in ("2.0", "2.0.0", "2.0.1"):
        fields["schemaVersion"].refuse("must be 2.0")
    body = fields["epcisBody"].object((), ("eventList", "event"), namespaced=True)
    if "eventList" in body:
        nodes = body["eventList"].list(1, MAX_EVENTS)
    elif "event" in body:
        nodes = [body["event"]]
    else:
        raise Malformed("is missing", field="/epcisBody/eventList")
    for node in nodes:
        if not isinstance(node.value, dict):
            node.refuse("must be an object")
    return tuple(node.value for node in nodes)


def _check_what(kind: str, action: str | None, fields: dict[str, Node], things: tuple[str, ...]) -> None:
    present = [name for name in things if name in fields]
    if kind == "ObjectEvent" and not present and "sensorElementList" not in fields:
        raise Malformed("an ObjectEvent names objects, quantities or sensor readings", field="/epcList")
    if kind == "TransactionEvent" and "bizTransactionList" not in fields:
        raise Malformed("is missing", field="/bizTransactionList")
    if kind in ("AggregationEvent", "AssociationEvent"):
        if "parentID" not in fields and (kind == "AssociationEvent" or action != "OBSERVE"):
            raise Malformed("is missing", field="/parentID")
        if not present and action != "DELETE":
            raise Malformed("is missing", field="/childEPCs")
    if kind == "TransformationEvent" and "transformationID" not in fields:
        for side in ("input", "output"):
            if not any(name.startswith(side) for name in present):
                raise Malformed("is missing", field=f"/{side}QuantityList")


def _read_things(
    fields: dict[str, Node], epc_fields: tuple[str, ...], quantity_fields: tuple[str, ...]
) -> list[tuple[str, DigitalLink]]:
    links: list[tuple[str, DigitalLink]] = []
    if "parentID" in fields:
        links += _link("parentID", fields["parentID"])
    for name in epc_fields:
        if name in fields:
            for node in fields[name].list(0, MAX_ENTRIES):
                links += _link(name, node)
    for name in quantity_fields:
        if name in fields:
            for node in fields[name].list(0, MAX_ENTRIES):
                parts = node.object(("epcClass",), ("quantity", "uom"))
                links += _link(name, parts["epcClass"])
                if "quantity" in parts and not parts["quantity"].number() > 0:
                    parts["quantity"].refuse("must be more than zero")
                if "uom" in parts:
                    parts["uom"].text(3, _UOM, "a UN/ECE Rec 20 code")
                    if "quantity" not in parts:
                        parts["uom"].refuse("needs a quantity")
    return links


def _link(name: str, node: Node) -> list[tuple[str, DigitalLink]]:
    """The GTIN-based key that a URI names; nothing for other keys (SSCC, GRAI, private URIs …)."""
    uri = node.text(MAX_URI, _URI, "a URI")
    if uri.startswith(("urn:epc:class:lgtin:", "urn:epc:id:sgtin:", "urn:epc:idpat:sgtin:")):
        return [(name, parse_epc(uri, node.pointer))]
    if uri.startswith(("http://", "https://")) and "/01/" in uri:
        return [(name, parse_digital_link(uri, node.pointer))]
    return []


def _lots(links: list[tuple[str, DigitalLink]], ilmd: Node | None) -> tuple[tuple[str, str], ...]:
    ilmd_lot = None
    if ilmd is not None:
        for key in _ILMD_LOT:
            if key in ilmd.value:
                ilmd_lot = parse_code(ilmd.value[key], "lot code", f"{ilmd.pointer}/{key}")
    found: dict[tuple[str, str], None] = {}
    for name, link in links:
        lot = link.lot
        # The ilmd describes what comes into being: the objects of an ADD event, the outputs of a transformation.
        if lot is None and link.serial is not None and name in ("epcList", "outputEPCList"):
            lot = ilmd_lot
        if lot is not None:
            found[(str(link.gtin), lot)] = None
    return tuple(found)


def _check_ilmd(kind: str, action: str | None, fields: dict[str, Node]) -> None:
    if "ilmd" not in fields:
        return
    if kind == "ObjectEvent" and action != "ADD":
        fields["ilmd"].refuse("only an ObjectEvent that adds, or a TransformationEvent, has instance master data")
    fields["ilmd"].object((), (), namespaced=True)


def _check_context(fields: dict[str, Node]) -> None:
    for name, key, vocabulary in (
        ("bizTransactionList", "bizTransaction", "btt"),
        ("sourceList", "source", "sdt"),
        ("destinationList", "destination", "sdt"),
    ):
        if name in fields:
            for node in fields[name].list(1, MAX_ENTRIES):
                parts = node.object((key,) if name == "bizTransactionList" else (key, "type"), ("type",))
                parts[key].text(MAX_URI, _URI, "a URI")
                _word(parts.get("type"), vocabulary)
    if "persistentDisposition" in fields:
        parts = fields["persistentDisposition"].object((), ("set", "unset"))
        if not parts:
            fields["persistentDisposition"].refuse("must set or unset something")
        for part in parts.values():
            for node in part.list(1):
                _word(node, "disp")
    if "sensorElementList" in fields:
        for node in fields["sensorElementList"].list(1, MAX_ENTRIES):
            _sensor_element(node)
    if "recordTime" in fields:
        fields["recordTime"].moment()
    if "certificationInfo" in fields:
        info = fields["certificationInfo"]
        for node in info.list(1) if isinstance(info.value, list) else [info]:
            node.text(MAX_URI, _URI, "a URI")


def _sensor_element(node: Node) -> None:
    parts = node.object(("sensorReport",), ("sensorMetadata",), namespaced=True)
    if "sensorMetadata" in parts and not isinstance(parts["sensorMetadata"].value, dict):
        parts["sensorMetadata"].refuse("must be an object")
    for report in parts["sensorReport"].list(1, MAX_ENTRIES):
        if not isinstance(report.value, dict):
            report.refuse("must be an object")
        if not {"type", "exception"} & report.value.keys() and not any(":" in k for k in report.value):
            report.refuse("must say what was measured (type) or which exception occurred")
        for key, value in report.value.items():
            entry = Node(value, f"{report.pointer}/{key}")
            if key in ("value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue"):
                entry.number()
            elif key in ("time", "startTime", "endTime"):
                entry.moment()


def _place(fields: dict[str, Node]) -> str | None:
    places = {}
    for name in ("bizLocation", "readPoint"):
        if name in fields:
            parts = fields[name].object(("id",), (), namespaced=True)
            places[name] = parts["id"].text(MAX_URI, _URI, "a URI")
    return places.get("bizLocation", places.get("readPoint"))


def _error_declaration(node: Node | None) -> str | None:
    if node is None:
        return None
    parts = node.object(("declarationTime",), ("reason", "correctiveEventIDs"), namespaced=True)
    parts["declarationTime"].moment()
    if "correctiveEventIDs" in parts:
        for entry in parts["correctiveEventIDs"].list():
            entry.text(MAX_URI, _URI, "a URI")
    return _word(parts.get("reason"), "er") or "unspecified"


def _word(node: Node | None, vocabulary: str) -> str | None:
    if node is None:
        return None
    word = cbv.bare_word(node.text(MAX_URI), vocabulary)
    if word is None:
        node.refuse(f"{node.value!r:.60} is neither a CBV word nor a URI")
    return word
