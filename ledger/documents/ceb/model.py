"""What a parsed customs message is: its business nodes, its envelope, and the deviations that were found in it.

Values are text exactly as in the XML (an empty element is "", an absent one is no key); interpretation belongs to the
matching rules. Field names are the official element names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

Fields = dict[str, str]


@dataclass(frozen=True, slots=True)
class Defect:
    """One deviation from the specification. An error makes strict parsing refuse; a notice is only reported.

    `level` says whose rule it is: "schema" when the official XSD refuses it too, else "specification".
    """

    code: str
    path: str
    message_zh: str
    message_en: str
    severity: str = "error"  # error | notice
    level: str = "schema"  # schema | specification

    def as_json(self) -> dict[str, str]:
        return {
            "code": self.code,
            "path": self.path,
            "severity": self.severity,
            "level": self.level,
            "message_zh": self.message_zh,
            "message_en": self.message_en,
        }


@dataclass(frozen=True, slots=True)
class BusinessNode:
    """One order, receipt, waybill, list or answer. `kind` is the record kind, e.g. ceb.303.

    `c14n_digest` is "sm3:…" of the node's Canonical XML 1.0 bytes; `c14n` holds those bytes when the node was parsed
    from XML and is empty when it was read back from a sealed payload.
    """

    kind: str
    head: Fields
    lines: tuple[Fields, ...]
    key: tuple[str, ...]
    c14n_digest: str
    c14n: bytes = b""

    def payload(self) -> dict[str, Any]:
        """The record payload that is committed to and sealed."""
        return {
            "xml": {"c14n": self.c14n_digest},
            "head": dict(self.head),
            "list": [dict(line) for line in self.lines],
        }


@dataclass(frozen=True, slots=True)
class Extension:
    """An ExtendMessage to write: 自定义报文名称, 自定义报文版本, and one XML element (or nothing) as it stands."""

    name: str
    version: str
    content: bytes = b""

    def to_xml(self) -> bytes:
        """The element with the prefix ceb, as it stands inside a message."""
        name, version = escape(self.name).encode(), escape(self.version).encode()
        return (
            b"<ceb:ExtendMessage><ceb:name>" + name + b"</ceb:name><ceb:version>" + version + b"</ceb:version>"
            b"<ceb:Message>" + self.content + b"</ceb:Message></ceb:ExtendMessage>"
        )


@dataclass(frozen=True, slots=True)
class CebMessage:
    """A message: `message_type` such as CEB303, its nodes in document order, its envelope and its defects.

    `signature` and `extension` are the canonical XML of ds:Signature and ExtendMessage; a signature is kept, not
    verified here. `attributes` are the root's other attributes by name, in {namespace}name form.
    """

    message_type: str
    guid: str
    version: str
    nodes: tuple[BusinessNode, ...]
    transfer: Fields | None
    subscriptions: tuple[Fields, ...] = ()
    signature: bytes | None = None
    extension: bytes | None = None
    defects: tuple[Defect, ...] = ()
    attributes: Fields = field(default_factory=dict)

    @property
    def errors(self) -> tuple[Defect, ...]:
        """The defects for which strict mode would have refused the message."""
        return tuple(d for d in self.defects if d.severity == "error")

    @property
    def schema_valid(self) -> bool:
        """Whether the official schema accepts the message, its signature's inside apart."""
        return not any(d.level == "schema" and d.severity == "error" for d in self.defects)


def node_fields(value: Mapping[str, Any]) -> Fields:
    """A copy whose values are all text; for nodes read back from payloads."""
    return {str(k): v for k, v in value.items() if isinstance(v, str)}
