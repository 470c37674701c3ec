"""The message tables: which elements each CEB message has, in which order, and how often.

Job: load tables/*.json (names, order, types, lengths, occurrence and Chinese meaning of the official schemas of
2022-05) once. A new message type is a new table, not new code. Values are checked by checks.py, the wording of
deviations is in defects.py, the code tables are in codetables.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from ledger.documents.ceb.checks import FieldSpec, field_spec, is_time, number
from ledger.documents.ceb.codetables import code_table, customs_currency, iso_currency, load
from ledger.documents.xml import MAX_TAGS
from ledger.errors import Malformed

__all__ = [
    "ANSWERS",
    "DECLARATIONS",
    "EXPORT",
    "IMPORT",
    "MAX_SUBSCRIPTIONS",
    "MESSAGE_TYPES",
    "NAMESPACE",
    "RESULTS",
    "SIGNATURE_TAG",
    "Condition",
    "FieldSpec",
    "MessageSchema",
    "code_table",
    "common",
    "customs_currency",
    "is_time",
    "iso_currency",
    "number",
    "schema",
    "schema_of_kind",
    "tag",
]

NAMESPACE = "http://www.chinaport.gov.cn/ceb"
SIGNATURE_TAG = "{http://www.w3.org/2000/09/xmldsig#}Signature"
EXPORT = ("CEB213", "CEB215", "CEB303", "CEB403", "CEB505", "CEB507", "CEB509", "CEB603", "CEB605", "CEB607", "CEB701")
IMPORT = ("CEB311", "CEB411", "CEB511", "CEB621")
DECLARATIONS = (*EXPORT, *IMPORT)
ANSWERS = tuple(f"CEB{int(name[3:]) + 1}" for name in DECLARATIONS)
RESULTS = ("CEB792", "CEB900")  # from customs and e-port, not the answer to one node of a declaration
MESSAGE_TYPES = (*DECLARATIONS, *ANSWERS, *RESULTS)
MAX_SUBSCRIPTIONS = 5


@dataclass(frozen=True, slots=True)
class Condition:
    """Optional elements that become mandatory when head element `when` has one of `values`."""

    when: str
    values: frozenset[str]
    head: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MessageSchema:
    """One message type. `head` and `list` are None when the node itself holds the fields.

    `distinct` are elements by which nodes of one key may lawfully differ in a message. `signature` is "optional",
    "declared" (the specification wants one when appStatus is 2) or "always" (the official schema wants one).
    """

    type: str
    kind: str
    name_zh: str
    name_en: str
    sender_zh: str
    sender_en: str
    source: str
    node: str
    head: str | None
    list: str | None
    max_nodes: int
    min_lines: int
    max_lines: int
    numbered: bool
    key: tuple[str, ...]
    distinct: tuple[str, ...]
    answer: str | None
    envelope: tuple[str, ...]
    signature: str
    conditions: tuple[Condition, ...]
    head_fields: tuple[FieldSpec, ...]
    list_fields: tuple[FieldSpec, ...]

    @property
    def ruled(self) -> bool:
        """Whether rules.py has rules for its nodes as a whole."""
        return bool(self.conditions) or "msgSeqNo" in self.distinct

    @property
    def edition(self) -> str:
        """Which official schema file defines it: export or import."""
        return "import" if "import" in self.source else "export"


def tag(name: str) -> str:
    """The element name in the CEB namespace."""
    return f"{{{NAMESPACE}}}{name}"


@cache
def schema(message_type: str) -> MessageSchema:
    """The table of a message type such as CEB303. Raises Malformed for a type without a table."""
    if message_type not in MESSAGE_TYPES:
        raise Malformed(
            f"message type {message_type[:40]!r} is not supported",
            field="/",
            hint="supported: " + ", ".join(MESSAGE_TYPES),
        )
    table = load(f"tables/{message_type}.json")
    listed = table.get("list") is not None
    return MessageSchema(
        type=message_type,
        kind=table["kind"],
        name_zh=table["name"]["zh"],
        name_en=table["name"]["en"],
        sender_zh=table["sender"]["zh"],
        sender_en=table["sender"]["en"],
        source=table["source"],
        node=table["node"],
        head=table.get("head"),
        list=table.get("list"),
        max_nodes=table["maxNodes"],
        min_lines=table["minLines"] if listed else 0,
        # Without a bound in the schema the number of tags bounds the lines.
        max_lines=(table["maxLines"] or MAX_TAGS) if listed else 0,
        numbered=table.get("numbered", False),
        key=tuple(table["key"]),
        distinct=tuple(table.get("distinct", ())),
        answer=table.get("answer"),
        envelope=tuple(table["envelope"]),
        signature=table.get("signature", "optional"),
        conditions=tuple(_condition(row) for row in table.get("conditions", ())),
        head_fields=tuple(field_spec(row, message_type) for row in table["headFields"]),
        list_fields=tuple(field_spec(row, message_type) for row in table.get("listFields", ())),
    )


@cache
def schema_of_kind(kind: str) -> MessageSchema:
    """The table of a record kind such as ceb.303. Raises Malformed for another kind."""
    return schema(f"CEB{kind.removeprefix('ceb.')}" if kind.startswith("ceb.") else kind)


@cache
def common(name: str, edition: str = "export") -> tuple[FieldSpec, ...]:
    """The text fields of BaseTransfer, BaseSubscribe or ExtendMessage."""
    return tuple(field_spec(row) for row in load(f"tables/common-{edition}.json")[name])


def _condition(row: dict[str, Any]) -> Condition:
    ((when, values),) = row["when"].items()
    return Condition(when, frozenset(values), tuple(row["head"]), tuple(row["lines"]))
