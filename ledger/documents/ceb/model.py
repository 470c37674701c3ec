"""What a parsed customs message is: its business nodes, its envelope, and the deviations that were found in it.

Values are text exactly as in the XML (an empty element is "", an absent one is no key); interpretation belongs to the
matching rules. Field names are the official element names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Fields = dict[str, str]


@dataclass(frozen=True, slots=True)
class Defect:
    """One deviation from the specification. An error makes strict parsing refuse; a notice is only reported."""

    code: str
    path: str
    message_zh: str
    message_en: str
    severity: str = "error"  # error | notice

    def as_json(self) -> dict[str, str]:
        return {
            "code": self.code,
            "path": self.path,
            "severity": self.severity,
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
class CebMessage:
    """A message: `message_type` such as CEB303, its nodes in document order, its envelope and its defects.

    `signature` and `extension` are the canonical XML of ds:Signature and ExtendMessage; a signature is kept, not
    verified here.
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

    @property
    def errors(self) -> tuple[Defect, ...]:
        """The defects for which strict mode would have refused the message."""
        return tuple(d for d in self.defects if d.severity == "error")


def node_fields(value: Mapping[str, Any]) -> Fields:
    """A copy whose values are all text; for nodes read back from payloads."""
    return {str(k): v for k, v in value.items() if isinstance(v, str)}
