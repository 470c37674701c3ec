"""Writing customs messages: elements in the schema's order, UTF-8, nothing lost, nothing invented.

Job: values → XML bytes that the official schema accepts. `compose_message` checks what it wrote with the strict
parser, so a message with a missing or wrong value is refused here and not by customs.
Clauses: CEB specification 202205, export.xsd (xs:sequence: the order matters).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from ledger.crypto.digest import parse_sm3
from ledger.documents.ceb.model import BusinessNode, CebMessage, Extension, Fields
from ledger.documents.ceb.parse import Mode, parse_message, refuse_errors
from ledger.documents.ceb.schema import NAMESPACE, FieldSpec, MessageSchema, common, schema, schema_of_kind
from ledger.documents.xmlcanonical import XML_NAMESPACE
from ledger.errors import Malformed

_CARRIAGE_RETURN = {"\r": "&#13;"}  # a literal one would be read back as a line feed (XML 1.0, 2.11)


def new_guid() -> str:
    """A fresh GUID as the specification writes it: 36 characters, upper case."""
    return str(uuid.uuid4()).upper()


def compose_message(
    message_type: str,
    nodes: Iterable[tuple[Mapping[str, str], Iterable[Mapping[str, str]]]],
    transfer: Mapping[str, str] | None = None,
    *,
    guid: str | None = None,
    subscriptions: Iterable[Mapping[str, str]] = (),
    extension: Extension | None = None,
    mode: Mode = "strict",
) -> bytes:
    """A new message from (head, lines) pairs. Raises Malformed when parsing in `mode` would refuse it.

    It is still unsigned, and a signature that is missing is the one thing that strict composing does not refuse.
    """
    table = schema(message_type)
    data = _write(
        table,
        [(dict(head), [dict(line) for line in lines]) for head, lines in nodes],
        guid or new_guid(),
        "1.0",
        None if transfer is None else dict(transfer),
        [dict(s) for s in subscriptions],
        extension=None if extension is None else extension.to_xml(),
    )
    message = parse_message(data, "lenient")
    if mode == "strict":
        refuse_errors(tuple(e for e in message.errors if e.code != "signature-missing"))
    return data


def emit_message(message: CebMessage) -> bytes:
    """A parsed message written again, in schema order; what lenient parsing kept is written too.

    The signature and the extension are written as they were read; moving elements into order breaks a signature.
    """
    return _write(
        schema(message.message_type),
        [(node.head, list(node.lines)) for node in message.nodes],
        message.guid,
        message.version,
        message.transfer,
        list(message.subscriptions),
        message.signature,
        message.extension,
        message.attributes,
    )


def node_from_payload(kind: str, payload: Mapping[str, Any]) -> BusinessNode:
    """A business node from a sealed record's payload. Raises Malformed when it is not such a payload."""
    table = schema_of_kind(kind)
    xml, head, lines = payload.get("xml"), payload.get("head"), payload.get("list", [])
    if not isinstance(xml, Mapping) or not isinstance(head, Mapping) or not isinstance(lines, list):
        raise Malformed("not the payload of a customs document: xml, head and list are expected", field="/")
    parse_sm3(xml.get("c14n"), field="/xml/c14n")
    fields = _texts(head, "/head")
    return BusinessNode(
        kind=table.kind,
        head=fields,
        lines=tuple(_texts(line, f"/list/{i}") for i, line in enumerate(lines)),
        key=tuple(fields.get(name, "").strip() for name in table.key),
        c14n_digest=str(xml["c14n"]),
    )


def _texts(value: Any, pointer: str) -> Fields:
    if not isinstance(value, Mapping) or not all(isinstance(v, str) for v in value.values()):
        raise Malformed("must be an object of texts", field=pointer)
    return {str(k): v for k, v in value.items()}


def _write(
    table: MessageSchema,
    nodes: list[tuple[Fields, list[Fields]]],
    guid: str,
    version: str,
    transfer: Fields | None,
    subscriptions: list[Fields],
    signature: bytes | None = None,
    extension: bytes | None = None,
    attributes: Fields | None = None,
) -> bytes:
    parts = [
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ceb:{table.type}Message xmlns:ceb="{NAMESPACE}"'
        f' guid="{_attribute(guid)}" version="{_attribute(version)}"{_attributes(attributes or {})}>'
    ]
    for head, lines in nodes:
        parts.append(f"<ceb:{table.node}>")
        if table.head is None:
            parts.append(_fields(table.head_fields, head))
        else:
            parts.append(f"<ceb:{table.head}>{_fields(table.head_fields, head)}</ceb:{table.head}>")
            parts += [f"<ceb:{table.list}>{_fields(table.list_fields, line)}</ceb:{table.list}>" for line in lines]
        parts.append(f"</ceb:{table.node}>")
    if transfer is not None:
        parts.append(f"<ceb:BaseTransfer>{_fields(common('BaseTransfer'), transfer)}</ceb:BaseTransfer>")
    for subscription in subscriptions:
        parts.append(f"<ceb:BaseSubscribe>{_fields(common('BaseSubscribe'), subscription)}</ceb:BaseSubscribe>")
    last = {"Signature": signature, "ExtendMessage": extension}
    parts += [raw.decode("utf-8") for name in table.envelope if (raw := last.get(name)) is not None]
    parts.append(f"</ceb:{table.type}Message>\n")
    return "".join(parts).encode("utf-8")


def _fields(specs: tuple[FieldSpec, ...], values: Fields) -> str:
    parts = [
        f"<ceb:{spec.name}>{escape(values[spec.name], _CARRIAGE_RETURN)}</ceb:{spec.name}>"
        for spec in specs
        if spec.name in values
    ]
    known = {spec.name for spec in specs}
    parts += [f"<ceb:{n}>{escape(v, _CARRIAGE_RETURN)}</ceb:{n}>" for n, v in values.items() if n not in known]
    return "".join(parts)


def _attributes(values: Fields) -> str:
    """The root's other attributes, each foreign namespace declared where it is used."""
    parts = []
    for i, (name, text) in enumerate(values.items()):
        namespace, _, short = name.rpartition("}")
        prefix = ""
        if namespace == XML_NAMESPACE[:-1]:
            prefix = "xml:"
        elif namespace:
            prefix = f"a{i}:"
            parts.append(f' xmlns:a{i}="{_attribute(namespace[1:])}"')
        parts.append(f' {prefix}{short}="{_attribute(text)}"')
    return "".join(parts)


def _attribute(text: str) -> str:
    return escape(text, {'"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})
