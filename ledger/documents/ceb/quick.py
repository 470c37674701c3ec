"""The quickest way to read a lawful node: one regular expression that knows its elements, their order, their values.

Job: head and lines of a node from its canonical octets, or a whole message from its own, when nothing at all deviates;
None otherwise, and the XML parser and fields.py read it again and say what deviates. Nothing is accepted here that they
would name: each value has the length, form and digits of its rules, and codes and times are checked as they are there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from unicodedata import is_normalized

from ledger.documents.ceb.checks import FieldSpec
from ledger.documents.ceb.model import Fields
from ledger.documents.ceb.schema import MAX_SUBSCRIPTIONS, MESSAGE_TYPES, NAMESPACE, MessageSchema, common, schema
from ledger.documents.xml import MAX_BYTES, MAX_EQUALS, MAX_TAGS

# The prefix of the official samples, and none. Making the expressions takes 10 ms: no stranger chooses how often.
_PREFIXES = ("ceb", None)
_NO_SPACE_AROUND = r"\S(.*\S)?"
Check = Callable[[str], bool]
PlainNode = tuple[Fields, tuple[Fields, ...], bytes]  # head, lines, canonical octets

_SPACES = r"[ \t\n]*+"
_SPACE = re.compile(_SPACES)
_NEVER = bytes(code for code in range(32) if code not in b"\t\n") + b"&"  # carriage returns and references among them
_NO_CHARACTER = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")  # U+FFFE and U+FFFF
_ROOT = re.compile(
    r'<\?xml version="1\.0" encoding="(?:UTF-8|utf-8)"\?>[ \t\n]*+'
    r"<(?:(?P<prefix>ceb):)?(?P<type>CEB[0-9]{3})Message"
    r'(?P<attributes>(?:[ \n\t]++[A-Za-z_:][A-Za-z0-9_.:\-]*+="[^"<\t\n]*+")++)[ \n\t]*+>[ \t\n]*+'
)
_ATTRIBUTE = re.compile(r'[ \n\t]([A-Za-z_:][A-Za-z0-9_.:\-]*)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class PlainMessage:
    """A message that was read at once: nothing is wrong with any of its values."""

    schema: MessageSchema
    guid: str
    version: str
    nodes: list[PlainNode]
    transfer: Fields | None
    subscriptions: tuple[Fields, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """The fields of a head or a line: their names, the expression, and what it cannot check by itself."""

    names: tuple[str, ...]
    match: Callable[..., re.Match[str] | None]
    checks: tuple[tuple[int, Check], ...]

    def read(self, text: str, position: int) -> tuple[Fields, int] | None:
        found = self.match(text, position)
        if found is None:
            return None
        values = found.groups()
        for i, check in self.checks:
            value = values[i]
            if value is not None and not check(value):
                return None
        fields = {name: value for name, value in zip(self.names, values, strict=True) if value is not None}
        return fields, found.end()


@dataclass(frozen=True, slots=True)
class _Node:
    apex: Callable[[str], re.Match[str] | None]
    head: _Part
    line: _Part | None
    end: Callable[..., re.Match[str] | None]
    transfer: _Part | None
    subscription: _Part | None
    last: Callable[..., re.Match[str] | None]

    def read(self, text: str, position: int, max_lines: int) -> tuple[Fields, tuple[Fields, ...], int] | None:
        """Head and lines from `position`, after the node's start tag, and where its end tag ends."""
        head = self.head.read(text, position)
        if head is None:
            return None
        fields, position = head
        lines: list[Fields] = []
        if self.line is not None:
            while (line := self.line.read(text, position)) is not None:
                if len(lines) == max_lines:
                    return None
                lines.append(line[0])
                position = line[1]
        end = self.end(text, position)
        return None if end is None else (fields, tuple(lines), end.end())


def lawful(message: MessageSchema, octets: bytes, prefix: str | None) -> tuple[Fields, tuple[Fields, ...]] | None:
    """Head and lines of a node without any deviation; None when there is one, or when it is spelt unusually."""
    if prefix not in _PREFIXES:
        return None
    node = _node(message.type, prefix)
    text = octets.decode("utf-8")
    start = node.apex(text)
    if start is None:
        return None
    read = node.read(text, start.end(), message.max_lines)
    return None if read is None or read[2] != len(text) else (read[0], read[1])


def plain_message(data: bytes) -> PlainMessage | None:
    """A whole message without any deviation of its values, read without an XML parser; None for every other.

    What this knows is a narrow dialect of XML: the usual declaration, one namespace, no reference, comment, section,
    instruction or signature, no character that XML cannot hold. Within it a node's canonical octets are its own text
    with the namespace declared on its start tag (C14N 1.0, 2.1 to 2.4), so nothing is left for a parser to decide.
    """
    if len(data) > MAX_BYTES or data.count(b"=") > MAX_EQUALS or len(data.translate(None, _NEVER)) != len(data):
        return None
    tags = data.count(b"<")
    if tags > MAX_TAGS or tags != data.count(b">") or any(code in data for code in _NO_CHARACTER):
        return None  # a ">" in text is written &gt; in canonical XML
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    start = _ROOT.match(text)
    if start is None or start["type"] not in MESSAGE_TYPES or start["type"] == "CEB900":
        return None
    message, prefix = schema(start["type"]), start["prefix"]
    attributes = dict(_ATTRIBUTE.findall(start["attributes"]))
    declared = "xmlns" if prefix is None else f"xmlns:{prefix}"
    guid = attributes.get("guid", "")
    if attributes.keys() != {declared, "guid", "version"} or start["attributes"].count("=") != len(attributes):
        return None
    if attributes[declared] != NAMESPACE or attributes["version"] != "1.0" or not message.head_fields[0].accepts(guid):
        return None
    if not is_normalized("NFC", text):
        return None
    return _plain(message, prefix, text, start.end(), guid)


def _plain(message: MessageSchema, prefix: str | None, text: str, position: int, guid: str) -> PlainMessage | None:
    shape = _node(message.type, prefix)
    name = message.node if prefix is None else f"{prefix}:{message.node}"
    opening = f"<{name}>"
    apex = f'<{name} xmlns{"" if prefix is None else ":" + prefix}="{NAMESPACE}">'
    nodes: list[PlainNode] = []
    while text.startswith(opening, position):
        inside = position + len(opening)
        space = _SPACE.match(text, inside)
        read = shape.read(text, inside if space is None else space.end(), message.max_lines)
        if read is None or len(nodes) == message.max_nodes:
            return None
        head, lines, end = read
        nodes.append((head, lines, (apex + text[inside:end]).encode("utf-8")))
        space = _SPACE.match(text, end)
        position = end if space is None else space.end()
    if not nodes:
        return None
    transfer: Fields | None = None
    subscriptions: list[Fields] = []
    if shape.transfer is not None and shape.subscription is not None:
        found = shape.transfer.read(text, position)
        if found is None:
            return None
        transfer, position = found
        while (found := shape.subscription.read(text, position)) is not None:
            subscriptions.append(found[0])
            position = found[1]
    if len(subscriptions) > MAX_SUBSCRIPTIONS or shape.last(text, position) is None:
        return None
    return PlainMessage(message, guid, "1.0", nodes, transfer, tuple(subscriptions))


@cache
def _node(message_type: str, prefix: str | None) -> _Node:
    message = schema(message_type)
    p = "" if prefix is None else f"{prefix}:"
    enveloped = "BaseTransfer" in message.envelope
    return _Node(
        apex=re.compile(rf'<{p}{message.node}(?: xmlns(?::[A-Za-z0-9_.\-]+)?="[^"<]*")*>{_SPACES}').match,
        head=_part(message.head_fields, p, message.head),
        line=None if message.list is None else _part(message.list_fields, p, message.list),
        end=re.compile(rf"</{p}{message.node}>").match,
        transfer=_part(common("BaseTransfer", message.edition), p, "BaseTransfer") if enveloped else None,
        subscription=_part(common("BaseSubscribe", message.edition), p, "BaseSubscribe") if enveloped else None,
        last=re.compile(rf"</{p}{message.type}Message>{_SPACES}\Z").match,
    )


def _part(specs: tuple[FieldSpec, ...], p: str, wrapper: str | None) -> _Part:
    parts, checks = [], []
    for i, spec in enumerate(specs):
        body, check = _value(spec)
        leaf = rf"<{p}{spec.name}>({body})</{p}{spec.name}>{_SPACES}"
        parts.append(rf"(?:{leaf})?+" if spec.optional else leaf)
        if check is not None:
            checks.append((i, check))
    inner = "".join(parts)
    whole = inner if wrapper is None else rf"<{p}{wrapper}>{_SPACES}{inner}</{p}{wrapper}>{_SPACES}"
    return _Part(tuple(spec.name for spec in specs), re.compile(whole).match, tuple(checks))


def _value(spec: FieldSpec) -> tuple[str, Check | None]:
    """An expression that the lawful values of a field satisfy, and the check that it leaves open."""
    check = spec.check or {}
    if spec.type != "string":
        return _number(spec, check)
    # Between this and the end of the value: the length that the schema allows.
    length = rf"(?=[^<]{{{spec.minimum},{spec.maximum}}}<)"
    if "values" in check:
        return length + "(?:" + "|".join(re.escape(value) for value in check["values"]) + ")", None
    if "pattern" in check and "district" not in check:
        if check["pattern"] == _NO_SPACE_AROUND and spec.maximum > 1:
            # No space before it and none behind, whatever other spaces there are in it.
            return rf"{length}(?!\s)[^<&]++(?<!\s)", None
        plain = check["pattern"].replace("(", "(?:")
        return f"{length}(?:{plain})", None
    if "table" in check or "time" in check or "district" in check:
        return r"[^<&]{0,20}+", spec.accepts
    if spec.optional:
        return rf"[^<&]{{{spec.minimum},{spec.maximum}}}+", None
    # Not blank: the first character shows it; a value that begins with a space is read the other way.
    return rf"[^<&\s][^<&]{{{max(spec.minimum - 1, 0)},{spec.maximum - 1}}}+", None


def _number(spec: FieldSpec, check: dict[str, object]) -> tuple[str, Check | None]:
    positive = "(?![0.]*+<)" if "above" in check or "minimum" in check else ""
    if spec.type == "int":
        plain = rf"{positive}[0-9]{{1,{spec.maximum}}}+"
        return plain, spec.accepts if "equals" in check or spec.maximum > 9 else None
    return rf"(?=[^<]{{1,{spec.maximum + 1}}}<){positive}[0-9]{{1,19}}+(?:\.[0-9]{{1,5}}+)?+", None
