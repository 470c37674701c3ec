"""The quickest way to read a lawful node: one regular expression that knows its elements, their order, their values.

Job: head and lines of a node from its canonical octets when nothing at all deviates; None otherwise, and fields.py
reads it again and says what deviates. Nothing is accepted here that fields.py would name: each value has the length,
form and digits of its rules, and codes and times are checked as they are there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from ledger.documents.ceb.checks import FieldSpec
from ledger.documents.ceb.model import Fields
from ledger.documents.ceb.schema import MessageSchema, schema

_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,30}\Z")
_NO_SPACE_AROUND = r"\S(.*\S)?"
Check = Callable[[str], bool]


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


def lawful(message: MessageSchema, octets: bytes, prefix: str | None) -> tuple[Fields, tuple[Fields, ...]] | None:
    """Head and lines of a node without any deviation; None when there is one, or when it is spelt unusually."""
    if prefix is not None and not _PREFIX.match(prefix):
        return None
    node = _node(message.type, prefix)
    text = octets.decode("utf-8")
    start = node.apex(text)
    if start is None:
        return None
    head = node.head.read(text, start.end())
    if head is None:
        return None
    fields, position = head
    lines: list[Fields] = []
    if node.line is not None:
        while (line := node.line.read(text, position)) is not None:
            if len(lines) == message.max_lines:
                return None
            lines.append(line[0])
            position = line[1]
    return None if node.end(text, position) is None else (fields, tuple(lines))


@lru_cache(maxsize=128)  # one entry per message type and prefix; prefixes come from outside
def _node(message_type: str, prefix: str | None) -> _Node:
    message = schema(message_type)
    p = "" if prefix is None else re.escape(prefix) + ":"
    return _Node(
        apex=re.compile(rf'<{p}{message.node}(?: xmlns(?::[A-Za-z0-9_.\-]+)?="[^"<]*")*>\s*+').match,
        head=_part(message.head_fields, p, message.head),
        line=None if message.list is None else _part(message.list_fields, p, message.list),
        end=re.compile(rf"</{p}{message.node}>\Z").match,
    )


def _part(specs: tuple[FieldSpec, ...], p: str, wrapper: str | None) -> _Part:
    parts, checks = [], []
    for i, spec in enumerate(specs):
        body, check = _value(spec)
        leaf = rf"<{p}{spec.name}>({body})</{p}{spec.name}>\s*+"
        parts.append(rf"(?:{leaf})?+" if spec.optional else leaf)
        if check is not None:
            checks.append((i, check))
    inner = "".join(parts)
    whole = inner if wrapper is None else rf"<{p}{wrapper}>\s*+{inner}</{p}{wrapper}>\s*+"
    return _Part(tuple(spec.name for spec in specs), re.compile(whole).match, tuple(checks))


def _value(spec: FieldSpec) -> tuple[str, Check | None]:
    """An expression that the lawful values of a field satisfy, and the check that it leaves open."""
    check = spec.check or {}
    if spec.type != "string":
        return _number(spec, check)
    if "values" in check:
        return "|".join(re.escape(value) for value in check["values"]), spec.accepts
    if "pattern" in check and "district" not in check:
        if check["pattern"] == _NO_SPACE_AROUND and spec.maximum > 1:
            return rf"[^<&\s](?:[^<&]{{0,{spec.maximum - 2}}}[^<&\s])?+", spec.accepts
        plain = check["pattern"].replace("(", "(?:")
        return f"(?:{plain})", spec.accepts
    if "table" in check or "time" in check or "district" in check:
        return r"[^<&]{0,20}+", spec.accepts
    if spec.optional:
        return rf"[^<&]{{{spec.minimum},{spec.maximum}}}+", None
    # Not blank: the first character shows it; a value that begins with a space is read the other way.
    return rf"[^<&\s][^<&]{{{max(spec.minimum - 1, 0)},{spec.maximum - 1}}}+", None


def _number(spec: FieldSpec, check: dict[str, object]) -> tuple[str, Check | None]:
    if spec.type == "int":
        return rf"[0-9]{{1,{spec.maximum}}}+", spec.accepts if check or spec.maximum > 9 else None
    return r"[0-9]{1,19}+(?:\.[0-9]{1,5}+)?+", spec.accepts
