"""Reading the leaf elements of a business node: quickly from its canonical octets, or element by element.

Job: names and values of a head, a line or an envelope part, with every deviation named. The quick way reads the very
octets that are digested: a regular expression that knows only `<p:name>text</p:name>` either covers a node completely
or leaves it to the slow way, which says what is wrong. Nothing is refused here that the slow way would accept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from lxml import etree

from ledger.documents.ceb.defects import defect, diagnose, short
from ledger.documents.ceb.model import Defect, Fields
from ledger.documents.ceb.schema import NAMESPACE, FieldSpec, common, schema
from ledger.errors import Malformed

# Undefined elements that lenient mode keeps beside the defined ones of a head or line.
MAX_UNKNOWN = 20
# Deviations collected of one message before it is refused in any mode: a hostile one could hold hundreds of thousands.
MAX_COLLECTED = 20_000
SPACE = " \t\r\n"  # what XML calls white space; other spaces are text
_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,30}\Z")
_SPACES = r"[ \t\n]*+"
# Canonical XML writes these and only these references in text (C14N 1.0, 1.1 and 2.3).
_REFERENCES = (("&lt;", "<"), ("&gt;", ">"), ("&#xD;", "\r"), ("&amp;", "&"))


class Refusal(Malformed):
    """A deviation that no mode forgives; raised while reading, turned into Malformed with all defects by the parser."""


def refuse(path: str, en: str, zh: str) -> Refusal:
    return Refusal(f"{en} ({zh})", field=path)


@dataclass(frozen=True, slots=True)
class Table:
    """The fields that an element may hold: name → (position, fast check, rules)."""

    fields: dict[str, tuple[int, Callable[[str], bool], FieldSpec]]
    mandatory: frozenset[str]


@cache
def table(message_type: str, part: str) -> Table:
    """The table of a message's "head" or "list", or (by edition) of a common node such as BaseTransfer."""
    if part == "head":
        specs = schema(message_type).head_fields
    elif part == "list":
        specs = schema(message_type).list_fields
    else:
        specs = common(part, message_type)
    return Table(
        {spec.name: (i, spec.accepts, spec) for i, spec in enumerate(specs)},
        frozenset(spec.name for spec in specs if not spec.optional),
    )


def read_pairs(rules: Table, pairs: Iterable[tuple[str, str]], path: str, defects: list[Defect]) -> Fields:
    """Values by name, in document order, with deviations from the table appended to `defects`."""
    fields = rules.fields
    values: Fields = {}
    last = -1
    for name, text in pairs:
        entry = fields.get(name)
        if entry is None:
            if name in values:
                raise refuse(f"{path}/{name[:60]}", f"{name[:60]} appears twice", f"{name[:60]} 重复出现")
            if len(values) > len(fields) + MAX_UNKNOWN:
                raise refuse(path, f"more than {MAX_UNKNOWN} undefined elements", f"未定义的元素超过 {MAX_UNKNOWN} 个")
            defects.append(defect("unknown-element", f"{path}/{name[:60]}", name=name[:60]))
            values[name] = text
            continue
        position, accepts, spec = entry
        if position <= last:
            if name in values:
                raise refuse(f"{path}/{name}", f"{name} appears twice", f"{name} 重复出现")
            defects.append(defect("element-order", f"{path}/{name}", name=name))
        else:
            last = position
        if not accepts(text):
            found = diagnose(spec, text, f"{path}/{name}")
            if found is not None:
                defects.append(found)
        values[name] = text
    if not rules.mandatory <= values.keys():
        for name, (_, _, spec) in fields.items():
            if name in rules.mandatory and name not in values:
                defects.append(defect("missing-mandatory", f"{path}/{name}", name=name, zh=short(spec.zh)))
    if len(defects) > MAX_COLLECTED:
        raise refuse(path, f"more than {MAX_COLLECTED} deviations in one message", "报文偏差过多")
    return values


def element_pairs(element: etree._Element, path: str) -> Iterator[tuple[str, str]]:
    """The slow way: names and values of an element's leaves, refusing anything but plain value elements."""
    if len(element.attrib):
        raise refuse(path, "an element carries an attribute", "业务元素不应带属性")
    if element.text and element.text.strip(SPACE):
        raise refuse(path, "there is text between elements", "元素之间有多余文本")
    for child in element:
        name = local(str(child.tag))
        if child.tag != f"{{{NAMESPACE}}}{name}":
            raise refuse(f"{path}/{name[:60]}", f"unexpected element {name[:60]}", f"未定义的元素 {name[:60]}")
        if len(child):
            raise refuse(f"{path}/{name[:60]}", "a value element contains other elements", "字段元素内嵌套了其他元素")
        if len(child.attrib):
            raise refuse(f"{path}/{name[:60]}", "an element carries an attribute", "业务元素不应带属性")
        if child.tail and child.tail.strip(SPACE):
            raise refuse(path, "there is text between elements", "元素之间有多余文本")
        yield name, child.text or ""


def octet_pairs(
    octets: bytes, prefix: str | None, node: str, head: str | None, line: str | None, max_lines: int = 0
) -> tuple[list[tuple[str, str]], list[list[tuple[str, str]]]] | None:
    """The quick way: (head, lines) of a node from its canonical octets; None when it is not of the plain shape.

    More than `max_lines` lines are not of that shape either.
    """
    if prefix is not None and not _PREFIX.match(prefix):
        return None
    shape = _shape(prefix, node, head, line)
    text = octets.decode("utf-8")
    start = shape.apex.match(text)
    if start is None or not text.endswith(shape.end):
        return None
    position, end = start.end(), len(text) - len(shape.end)
    found = shape.head.match(text, position, end)
    if found is None:
        return None
    lines: list[list[tuple[str, str]]] = []
    position = found.end()
    while shape.line is not None and (item := shape.line.match(text, position, end)) is not None:
        if len(lines) == max_lines:
            return None
        lines.append(shape.pairs(item.group(1)))
        position = item.end()
    return None if text[position:end].strip(SPACE) else (shape.pairs(found.group(0 if head is None else 1)), lines)


@dataclass(frozen=True, slots=True)
class _Shape:
    apex: re.Pattern[str]
    end: str
    head: re.Pattern[str]
    line: re.Pattern[str] | None
    leaf: re.Pattern[str]

    def pairs(self, text: str) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = self.leaf.findall(text)
        return found if "&" not in text else [(name, _unescape(value)) for name, value in found]


@lru_cache(maxsize=64)  # one entry per message type and prefix; prefixes come from outside
def _shape(prefix: str | None, node: str, head: str | None, line: str | None) -> _Shape:
    # A prefix keeps its namespace inside the node: rebinding it would need an attribute, which no pattern allows.
    p = "" if prefix is None else re.escape(prefix) + ":"
    # Possessive throughout: a hostile node must not make the matcher remember a way back for each of its elements.
    leaves = rf"(?:{_SPACES}<{p}([A-Za-z0-9]++)>[^<]*+</{p}\%d>)*+{_SPACES}"
    head_pattern = leaves % 1 if head is None else rf"{_SPACES}<{p}{head}>({leaves % 2})</{p}{head}>"
    return _Shape(
        apex=re.compile(rf'<{p}{node}(?: xmlns(?::[A-Za-z0-9_.\-]+)?="[^"<]*")*>'),
        end=f"</{p}{node}>".replace("\\", ""),
        head=re.compile(head_pattern),
        line=None if line is None else re.compile(rf"{_SPACES}<{p}{line}>({leaves % 2})</{p}{line}>"),
        leaf=re.compile(rf"<{p}([A-Za-z0-9]+)>([^<]*)<"),
    )


def local(name: str) -> str:
    return name.rpartition("}")[2]


def _unescape(text: str) -> str:
    for reference, character in _REFERENCES:
        text = text.replace(reference, character)
    return text
