"""Parsing customs messages, strictly or leniently.

Job: bytes → CebMessage. Strict mode refuses a message with any error and names them all; lenient mode forgives what
can be forgiven and names each thing that it forgave. Never forgiven: what leaves it open which document is meant or
what it says (no business key, an element given twice, text between elements, too many nodes).
Clauses: CEB specification 202205 and export.xsd; 100 nodes per message, 100 goods lines per node.
"""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from functools import cache
from typing import Literal, NoReturn

from lxml import etree

from ledger.crypto.digest import sm3_text
from ledger.crypto.sm3 import sm3
from ledger.documents.ceb.defects import defect, diagnose
from ledger.documents.ceb.model import BusinessNode, CebMessage, Defect, Fields
from ledger.documents.ceb.schema import (
    MAX_SUBSCRIPTIONS,
    NAMESPACE,
    SIGNATURE_TAG,
    FieldSpec,
    MessageSchema,
    common,
    schema,
    tag,
)
from ledger.documents.xml import parse_xml
from ledger.documents.xmlcanonical import c14n
from ledger.errors import Malformed

Mode = Literal["strict", "lenient"]

# Deviations listed in one refusal; a hostile message could otherwise make an answer as large as itself.
MAX_DEFECTS = 200
_SCHEMA_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"


def parse_message(data: bytes, mode: Mode = "strict") -> CebMessage:
    """Parse one message. Raises Malformed (HostileXml among it); its `detail["defects"]` lists every deviation."""
    root = parse_xml(data)
    if not isinstance(root.tag, str) or not root.tag.startswith(f"{{{NAMESPACE}}}CEB") or "Message" not in root.tag:
        raise Malformed(
            f"the root element is {str(root.tag)[:80]!r}, not a CEB message",
            field="/",
            hint=f"the namespace is {NAMESPACE}",
        )
    message_type = root.tag[len(NAMESPACE) + 2 :].removesuffix("Message")
    reader = _Reader(schema(message_type), f"/{message_type}Message")
    message = reader.read(root)
    if not unicodedata.is_normalized("NFC", data.decode("utf-8")):
        reader.find_not_nfc(message)
    if mode == "strict" and message.errors:
        first = message.errors[0]
        raise Malformed(
            f"{first.message_en} ({first.message_zh})",
            field=first.path,
            hint="lenient mode forgives this and names it",
            defects=[d.as_json() for d in message.errors[:MAX_DEFECTS]],
            defect_count=len(message.errors),
        )
    return message


class _Reader:
    """Reads one message by its table, collecting defects."""

    def __init__(self, message: MessageSchema, path: str) -> None:
        self.schema = message
        self.path = path
        self.defects: list[Defect] = []
        self.head = _fields(message.head_fields)
        self.list = _fields(message.list_fields)

    def fatal(self, path: str, en: str, zh: str) -> NoReturn:
        raise Malformed(f"{en} ({zh})", field=path, defects=[d.as_json() for d in self.defects[:MAX_DEFECTS]])

    def read(self, root: etree._Element) -> CebMessage:
        guid, version = self._root_attributes(root)
        self._check_structure(root)
        nodes: list[etree._Element] = []
        transfers: list[etree._Element] = []
        subscriptions: list[etree._Element] = []
        others: dict[str, etree._Element] = {}
        tags = [tag(self.schema.node), *(SIGNATURE_TAG if n == "Signature" else tag(n) for n in self.schema.envelope)]
        rank = {name: i for i, name in enumerate(tags)}
        last = 0
        for child in root:
            name = str(child.tag)
            if name not in rank:
                self.fatal(self.path, f"unexpected element {_local(name)}", f"未定义的元素 {_local(name)}")
            if rank[name] < last:
                self.defects.append(defect("element-order", self.path, name=_local(name)))
            last = max(last, rank[name])
            if name == tags[0]:
                nodes.append(child)
            elif name == tag("BaseTransfer"):
                transfers.append(child)
            elif name == tag("BaseSubscribe"):
                subscriptions.append(child)
            elif name in others:
                self.fatal(self.path, f"{_local(name)} appears twice", f"{_local(name)} 重复出现")
            else:
                others[name] = child
        signature, extension = others.get(SIGNATURE_TAG), others.get(tag("ExtendMessage"))
        message = CebMessage(
            message_type=self.schema.type,
            guid=guid,
            version=version,
            nodes=self._nodes(nodes, signed=signature is not None),
            transfer=self._transfer(transfers),
            subscriptions=self._subscriptions(subscriptions),
            signature=None if signature is None else c14n(signature),
            extension=None if extension is None else c14n(extension),
            defects=(),
        )
        return _with_defects(message, self.defects)

    def _root_attributes(self, root: etree._Element) -> tuple[str, str]:
        attributes = {str(k): str(v) for k, v in root.attrib.items() if not str(k).startswith(_SCHEMA_INSTANCE)}
        for name in sorted(attributes.keys() - {"guid", "version"}):
            self.defects.append(
                defect("unknown-attribute", f"{self.path}/@{_local(name)[:40]}", name=_local(name)[:40])
            )
        guid, version = attributes.get("guid", ""), attributes.get("version", "")
        spec = self.schema.head_fields[0]
        if not spec.accepts(guid):
            found = diagnose(spec, guid, f"{self.path}/@guid")
            if found is not None:
                self.defects.append(found)
        if version != "1.0":
            self.defects.append(defect("version", f"{self.path}/@version"))
        return guid, version

    def _check_structure(self, root: etree._Element) -> None:
        """What no mode forgives, asked of the whole tree at once because XPath is faster than a walk."""
        for query, en, zh in _structure(self.schema.node, self.schema.head is not None):
            if query(root):
                self.fatal(self.path, en, zh)

    def _nodes(self, elements: list[etree._Element], *, signed: bool) -> tuple[BusinessNode, ...]:
        if not elements:
            self.fatal(self.path, f"no {self.schema.node} in the message", "报文没有业务单证")
        if len(elements) > self.schema.max_nodes:
            self.fatal(
                self.path,
                f"more than {self.schema.max_nodes} {self.schema.node} nodes: {len(elements)}",
                f"业务单证超过 {self.schema.max_nodes} 个",
            )
        nodes = []
        seen: set[tuple[str, ...]] = set()
        for i, element in enumerate(elements, 1):
            path = f"{self.path}/{self.schema.node}[{i}]"
            node = self._node(element, path)
            if node.key in seen and self.schema.answer is not None:
                self.defects.append(defect("duplicate-key", path, value=" ".join(node.key)))
            seen.add(node.key)
            nodes.append(node)
        if self.schema.signature_required and not signed and any(n.head.get("appStatus") == "2" for n in nodes):
            self.defects.append(defect("signature-missing", self.path, severity="notice"))
        return tuple(nodes)

    def _node(self, element: etree._Element, path: str) -> BusinessNode:
        lines: tuple[Fields, ...] = ()
        if self.schema.head is None:
            head = self.head.read(self, element, path)
        else:
            head, lines = self._head_and_lines(element, path)
        key = tuple(head.get(name, "").strip() for name in self.schema.key)
        if not all(key) and self.schema.answer is not None:
            names = " and ".join(self.schema.key)
            self.fatal(path, f"no business key: {names} must be given", f"缺少业务主键 {'、'.join(self.schema.key)}")
        octets = c14n(element)
        return BusinessNode(self.schema.kind, head, lines, key, sm3_text(sm3(octets)), octets)

    def _head_and_lines(self, element: etree._Element, path: str) -> tuple[Fields, tuple[Fields, ...]]:
        head_name, list_name = self.schema.head, self.schema.list
        assert head_name is not None and list_name is not None
        head_tag, list_tag = tag(head_name), tag(list_name)
        heads = []
        lines: list[Fields] = []
        for child in element:
            if child.tag == list_tag:
                if len(lines) == self.schema.max_lines:
                    self.fatal(path, f"more than {self.schema.max_lines} lines", f"商品超过 {self.schema.max_lines} 项")
                lines.append(self.list.read(self, child, f"{path}/{list_name}[{len(lines) + 1}]"))
            elif child.tag == head_tag:
                if lines:
                    self.defects.append(defect("element-order", path, name=head_name))
                heads.append(child)
            else:
                name = _local(str(child.tag))
                self.fatal(path, f"unexpected element {name}", f"未定义的元素 {name}")
        if len(heads) != 1:
            self.fatal(path, f"{len(heads)} {head_name} elements, not 1", f"{head_name} 应有且只有一个")
        if not lines:
            self.defects.append(defect("missing-mandatory", path, name=list_name, zh="商品表体"))
        self._check_sequence(lines, f"{path}/{list_name}")
        return self.head.read(self, heads[0], f"{path}/{head_name}"), tuple(lines)

    def _check_sequence(self, lines: list[Fields], path: str) -> None:
        for i, line in enumerate(lines, 1):
            value = line.get("gnum", "")
            if value.lstrip("0") != str(i):
                self.defects.append(defect("gnum-sequence", f"{path}[{i}]/gnum", position=i, value=value[:20]))
                return

    def _transfer(self, elements: list[etree._Element]) -> Fields | None:
        if "BaseTransfer" not in self.schema.envelope:
            return None
        path = f"{self.path}/BaseTransfer"
        if not elements:
            self.defects.append(defect("missing-mandatory", self.path, name="BaseTransfer", zh="报文传输实体"))
            return None
        fields = _fields(common("BaseTransfer"))
        first = fields.read(self, elements[0], path)
        for other in elements[1:]:
            if fields.read(_Reader(self.schema, path), other, path) != first:
                self.fatal(path, "BaseTransfer appears twice with different content", "BaseTransfer 重复且内容不同")
        if len(elements) > 1:
            self.defects.append(defect("base-transfer-repeated", path))
        return first

    def _subscriptions(self, elements: list[etree._Element]) -> tuple[Fields, ...]:
        if len(elements) > MAX_SUBSCRIPTIONS:
            self.fatal(self.path, f"more than {MAX_SUBSCRIPTIONS} BaseSubscribe", "BaseSubscribe 超过 5 个")
        fields = _fields(common("BaseSubscribe"))
        return tuple(fields.read(self, e, f"{self.path}/BaseSubscribe[{i}]") for i, e in enumerate(elements, 1))

    def find_not_nfc(self, message: CebMessage) -> None:
        """Refuse text without a single form; no mode forgives it, because it could not be committed to."""
        for i, node in enumerate(message.nodes, 1):
            for fields in (node.head, *node.lines):
                for name, text in fields.items():
                    if not unicodedata.is_normalized("NFC", text):
                        path = f"{self.path}/{self.schema.node}[{i}]//{name}"
                        found = defect("text-not-nfc", path, name=name)
                        self.fatal(path, found.message_en, found.message_zh)


class _Fields:
    """Reads the leaf elements of a head or line against its table; the loop is the parser's hot path."""

    __slots__ = ("mandatory", "specs")

    def __init__(self, fields: tuple[FieldSpec, ...]) -> None:
        self.specs = {tag(spec.name): (i, spec.name, spec.accepts, spec) for i, spec in enumerate(fields)}
        self.mandatory = frozenset(spec.name for spec in fields if not spec.optional)

    def read(self, reader: _Reader, element: etree._Element, path: str) -> Fields:
        specs = self.specs
        values: Fields = {}
        last = -1
        for child in element:
            entry = specs.get(child.tag)
            if entry is None:
                self._unknown(reader, child, path, values)
                continue
            index, name, accepts, spec = entry
            text = child.text or ""
            if index <= last:
                if name in values:
                    reader.fatal(f"{path}/{name}", f"{name} appears twice", f"{name} 重复出现")
                reader.defects.append(defect("element-order", f"{path}/{name}", name=name))
            else:
                last = index
            if not accepts(text):
                found = diagnose(spec, text, f"{path}/{name}")
                if found is not None:
                    reader.defects.append(found)
            values[name] = text
        if not self.mandatory <= values.keys():
            for _, name, _, spec in specs.values():
                if name in self.mandatory and name not in values:
                    zh = spec.zh.split("-", 1)[0][:40]
                    reader.defects.append(defect("missing-mandatory", f"{path}/{name}", name=name, zh=zh))
        return values

    def _unknown(self, reader: _Reader, child: etree._Element, path: str, values: Fields) -> None:
        name = str(child.tag)
        if not name.startswith(f"{{{NAMESPACE}}}") or _local(name) in values:
            reader.fatal(path, f"unexpected element {_local(name)[:60]}", f"未定义的元素 {_local(name)[:60]}")
        reader.defects.append(defect("unknown-element", f"{path}/{_local(name)[:60]}", name=_local(name)[:60]))
        values[_local(name)] = child.text or ""


@cache
def _fields(specs: tuple[FieldSpec, ...]) -> _Fields:
    return _Fields(specs)


@cache
def _structure(node: str, headed: bool) -> tuple[tuple[etree.XPath, str, str], ...]:
    # Explicit steps, no descendant axis: libxml2 walks these a hundred times faster than //@*.
    names = {"c": NAMESPACE}
    node_steps = [f"/*/c:{node}", f"/*/c:{node}/*", *([f"/*/c:{node}/*/*"] if headed else [])]
    envelope = ["/*/c:BaseTransfer", "/*/c:BaseSubscribe"]
    leaves = [node_steps[-1], *(f"{part}/*" for part in envelope)]
    containers = ["/*", *node_steps[:-1], *envelope]
    deep = "boolean(" + " | ".join(f"{leaf}/*" for leaf in leaves) + ")"
    attributes = "boolean(" + " | ".join(f"{part}/@*" for part in [*node_steps, *envelope, *leaves[1:]]) + ")"
    stray = "boolean(" + " | ".join(f"{part}/text()[normalize-space()]" for part in containers) + ")"
    return (
        (etree.XPath(deep, namespaces=names), "a value element contains other elements", "字段元素内嵌套了其他元素"),
        (etree.XPath(attributes, namespaces=names), "an element carries an attribute", "业务元素不应带属性"),
        (etree.XPath(stray, namespaces=names), "there is text between elements", "元素之间有多余文本"),
    )


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _with_defects(message: CebMessage, defects: list[Defect]) -> CebMessage:
    return replace(message, defects=tuple(defects))
