"""Parsing customs messages, strictly or leniently.

Job: bytes → CebMessage. Strict mode refuses a message with any error and names them all; lenient mode forgives what
can be forgiven and names each thing that it forgave. Never forgiven: what leaves it open which document is meant or
what it says (no business key, an element given twice, text between elements, too many nodes).
Clauses: CEB specification 202205 and export.xsd; 100 nodes per message, 100 goods lines per node.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Literal

from lxml import etree

from ledger.crypto.digest import sm3_text
from ledger.crypto.sm3 import sm3
from ledger.documents.ceb.checks import MAX_ORIGINAL
from ledger.documents.ceb.defects import defect, diagnose
from ledger.documents.ceb.fields import SPACE, element_pairs, local, octet_pairs, read_pairs, refuse, table
from ledger.documents.ceb.model import BusinessNode, CebMessage, Defect, Fields
from ledger.documents.ceb.quick import PlainMessage, PlainNode, lawful, plain_message
from ledger.documents.ceb.rules import check_node
from ledger.documents.ceb.schema import MAX_SUBSCRIPTIONS, NAMESPACE, SIGNATURE_TAG, MessageSchema, schema, tag
from ledger.documents.xml import MAX_TEXT, parse_xml
from ledger.documents.xmlcanonical import c14n
from ledger.errors import Malformed

Mode = Literal["strict", "lenient"]

# Deviations listed in one refusal; a hostile message could otherwise make an answer as large as itself.
MAX_DEFECTS = 200
_ROOT_WITHIN = 4096  # octets: a prolog with a comment, and the root element's name
_SCHEMA_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"
_ROOT = f"{{{NAMESPACE}}}CEB"
_TRANSFER, _SUBSCRIBE, _EXTENSION = tag("BaseTransfer"), tag("BaseSubscribe"), tag("ExtendMessage")
_EXTENSION_PARTS = [tag("name"), tag("version"), tag("Message")]
MAX_VERSION = 10  # characters of the root's version


def parse_message(data: bytes, mode: Mode = "strict") -> CebMessage:
    """Parse one message. Raises Malformed (HostileXml among it); its `detail["defects"]` lists every deviation."""
    found = plain_message(data)
    if found is not None:
        message = _Reader(found.schema, f"/{found.schema.type}Message").finish(found)
    else:
        message = _read_document(data)
    if mode == "strict":
        refuse_errors(message.errors)
    return message


def _read_document(data: bytes) -> CebMessage:
    """Read a message with the XML parser, whatever it is like."""
    root = parse_xml(data, MAX_ORIGINAL if b"CEB900Message" in data[:_ROOT_WITHIN] else MAX_TEXT)
    name = str(root.tag)
    if not name.startswith(_ROOT) or not name.endswith("Message"):
        raise Malformed(
            f"the root element is {name[:80]!r}, not a CEB message",
            field="/",
            hint=f"the namespace is {NAMESPACE}",
        )
    message_type = local(name).removesuffix("Message")
    reader = _Reader(schema(message_type), f"/{message_type}Message")
    try:
        message = reader.read(root)
        if not unicodedata.is_normalized("NFC", data.decode("utf-8")):
            reader.refuse_not_nfc(message)
    except Malformed as error:
        error.detail["defects"] = _listed(reader.defects)
        raise
    return message


def refuse_errors(errors: tuple[Defect, ...]) -> None:
    """Raise Malformed listing the errors, if there are any."""
    if errors:
        raise Malformed(
            f"{errors[0].message_en} ({errors[0].message_zh})",
            field=errors[0].path,
            hint="lenient mode forgives this and names it",
            defects=_listed(errors),
            defect_count=len(errors),
        )


def _listed(defects: list[Defect] | tuple[Defect, ...]) -> list[dict[str, str]]:
    return [d.as_json() for d in defects[:MAX_DEFECTS]]


@cache
def _layout(message_type: str) -> tuple[str, dict[str, int]]:
    """The business node's tag, and the order of the envelope's tags after it."""
    message = schema(message_type)
    names = (SIGNATURE_TAG if n == "Signature" else tag(n) for n in message.envelope)
    return tag(message.node), {name: i for i, name in enumerate(names, 1)}


class _Reader:
    """Reads one message by its table, collecting defects."""

    def __init__(self, message: MessageSchema, path: str) -> None:
        self.schema = message
        self.path = path
        self.defects: list[Defect] = []

    def read(self, root: etree._Element) -> CebMessage:
        guid, version, others = self._root_attributes(root)
        nodes: list[etree._Element] = []
        envelope: dict[str, list[etree._Element]] = {}
        node_tag, rank = _layout(self.schema.type)
        last = 0
        if root.text and root.text.strip(SPACE):
            raise refuse(self.path, "there is text between elements", "元素之间有多余文本")
        for child in root:
            name = child.tag
            if child.tail and child.tail.strip(SPACE):
                raise refuse(self.path, "there is text between elements", "元素之间有多余文本")
            if name == node_tag:
                nodes.append(child)
                place = 0
            elif name in rank:
                envelope.setdefault(str(name), []).append(child)
                place = rank[str(name)]
            else:
                raise refuse(self.path, f"unexpected element {local(str(name))[:60]}", "未定义的元素")
            if place < last:
                self.defects.append(defect("element-order", self.path, name=local(str(name))))
            last = max(last, place)
        signature = self._single(envelope.get(SIGNATURE_TAG))
        extension = self._single(envelope.get(_EXTENSION))
        if extension is not None:
            self._check_extension(envelope[_EXTENSION][0])
        return CebMessage(
            message_type=self.schema.type,
            guid=guid,
            version=version,
            nodes=self._nodes(self._read_nodes(nodes), signed=signature is not None),
            transfer=self._transfer(envelope.get(_TRANSFER, [])),
            subscriptions=self._subscriptions(envelope.get(_SUBSCRIBE, [])),
            signature=signature,
            extension=extension,
            defects=tuple(self.defects),
            attributes=others,
        )

    def _single(self, elements: list[etree._Element] | None) -> bytes | None:
        if not elements:
            return None
        if len(elements) > 1:
            name = local(str(elements[0].tag))
            raise refuse(self.path, f"{name} appears twice", f"{name} 重复出现")
        return c14n(elements[0])

    def _check_extension(self, element: etree._Element) -> None:
        """Name, version and at most one foreign element, which is kept as it is."""
        path = f"{self.path}/ExtendMessage"
        names = [str(child.tag) for child in element]
        last = element[-1] if len(element) else element
        texts = [element.text, last.text, *(child.tail for child in element), *(child.tail for child in last)]
        plain = not any(text and text.strip(SPACE) for text in texts) and not element.attrib
        if names != _EXTENSION_PARTS or len(last) > 1 or len(last.attrib) or not plain:
            self.defects.append(defect("extension-shape", path))
            return
        pairs = [(local(str(child.tag)), child.text or "") for child in list(element)[:2]]
        if any(len(child) or len(child.attrib) for child in list(element)[:2]):
            self.defects.append(defect("extension-shape", path))
        read_pairs(table(self.schema.edition, "ExtendMessage"), pairs, path, self.defects)

    def _root_attributes(self, root: etree._Element) -> tuple[str, str, Fields]:
        attributes = {str(k): str(v) for k, v in root.attrib.items()}
        for name in attributes:
            if name not in ("guid", "version") and not name.startswith(_SCHEMA_INSTANCE):
                short = local(name)[:40]
                self.defects.append(defect("unknown-attribute", f"{self.path}/@{short}", name=short))
        guid, version = attributes.get("guid", ""), attributes.get("version", "")
        spec = self.schema.head_fields[0]
        if not spec.accepts(guid):
            found = diagnose(spec, guid, f"{self.path}/@guid")
            if found is not None:
                self.defects.append(found)
        if version != "1.0":
            level = "specification" if 1 <= len(version) <= MAX_VERSION else "schema"
            self.defects.append(defect("version", f"{self.path}/@version", level=level))
        return guid, version, {k: v for k, v in attributes.items() if k not in ("guid", "version")}

    def finish(self, found: PlainMessage) -> CebMessage:
        """A message that was read without the XML parser: what remains are the rules of whole nodes."""
        try:
            nodes = self._nodes(found.nodes, signed=False)
        except Malformed as error:
            error.detail["defects"] = _listed(self.defects)
            raise
        return CebMessage(
            message_type=self.schema.type,
            guid=found.guid,
            version=found.version,
            nodes=nodes,
            transfer=found.transfer,
            subscriptions=found.subscriptions,
            defects=tuple(self.defects),
        )

    def _read_nodes(self, elements: list[etree._Element]) -> Iterator[PlainNode]:
        """Each node's head, lines and canonical octets, with the deviations of its values named."""
        if not elements:
            raise refuse(self.path, f"no {self.schema.node} in the message", "报文没有业务单证")
        if len(elements) > self.schema.max_nodes:
            raise refuse(
                self.path,
                f"more than {self.schema.max_nodes} {self.schema.node} nodes: {len(elements)}",
                f"业务单证超过 {self.schema.max_nodes} 个",
            )
        for i, element in enumerate(elements, 1):
            octets = c14n(element)
            read = lawful(self.schema, octets, element.prefix)
            if read is None:
                read = self._read(element, octets, f"{self.path}/{self.schema.node}[{i}]")
            yield (*read, octets)

    def _nodes(self, read: Iterable[PlainNode], *, signed: bool) -> tuple[BusinessNode, ...]:
        nodes = []
        seen: set[tuple[str, ...]] = set()
        for i, (head, lines, octets) in enumerate(read, 1):
            path = f"{self.path}/{self.schema.node}[{i}]"
            node = self._node(head, lines, octets, path)
            if self.schema.answer is not None:
                # Several receipts may lawfully pay one order (payNo), a split message has several parts (msgSeqNo).
                key = (*node.key, *[node.head.get(name, "") for name in self.schema.distinct])
                if key in seen:
                    self.defects.append(defect("duplicate-key", path, value=" ".join(node.key)))
                seen.add(key)
            nodes.append(node)
        if self.schema.signature == "always" and not signed:
            self.defects.append(defect("signature-missing", self.path))
        elif self.schema.signature == "declared" and not signed and any(n.head.get("appStatus") == "2" for n in nodes):
            self.defects.append(defect("signature-missing", self.path, severity="notice", level="specification"))
        return tuple(nodes)

    def _node(self, head: Fields, lines: tuple[Fields, ...], octets: bytes, path: str) -> BusinessNode:
        message = self.schema
        if message.list is not None:
            self._check_lines(lines, path)
        if message.ruled:
            check_node(message, head, lines, path, self.defects)
        key = tuple([head.get(name, "").strip() for name in message.key])
        if message.answer is not None and not all(key):
            names = " and ".join(message.key)
            raise refuse(path, f"no business key: {names} must be given", f"缺少业务主键 {'、'.join(message.key)}")
        return BusinessNode(message.kind, head, lines, key, sm3_text(sm3(octets)), octets)

    def _read(self, element: etree._Element, octets: bytes, path: str) -> tuple[Fields, tuple[Fields, ...]]:
        """Head and lines with every deviation named."""
        message, name = self.schema, self.schema.type
        quick = octet_pairs(octets, element.prefix, message.node, message.head, message.list, message.max_lines)
        if quick is None:
            return self._read_slowly(element, path)
        head_path = path if message.head is None else f"{path}/{message.head}"
        head = read_pairs(table(name, "head"), quick[0], head_path, self.defects)
        lines = [
            read_pairs(table(name, "list"), pairs, f"{path}/{message.list}[{i}]", self.defects)
            for i, pairs in enumerate(quick[1], 1)
        ]
        return head, tuple(lines)

    def _read_slowly(self, element: etree._Element, path: str) -> tuple[Fields, tuple[Fields, ...]]:
        message = self.schema
        head_table = table(message.type, "head")
        if message.head is None:
            return read_pairs(head_table, element_pairs(element, path), path, self.defects), ()
        if len(element.attrib):
            raise refuse(path, "an element carries an attribute", "业务元素不应带属性")
        heads: list[etree._Element] = []
        lines: list[etree._Element] = []
        texts = [element.text, *(child.tail for child in element)]
        if any(text and text.strip(SPACE) for text in texts):
            raise refuse(path, "there is text between elements", "元素之间有多余文本")
        for child in element:
            if message.list is not None and child.tag == tag(message.list):
                if len(lines) == message.max_lines:
                    raise refuse(path, f"more than {message.max_lines} lines", f"商品超过 {message.max_lines} 项")
                lines.append(child)
            elif child.tag == tag(message.head):
                if lines:
                    self.defects.append(defect("element-order", path, name=message.head))
                heads.append(child)
            else:
                raise refuse(path, f"unexpected element {local(str(child.tag))[:60]}", "未定义的元素")
        if len(heads) != 1:
            raise refuse(path, f"{len(heads)} {message.head} elements, not 1", f"{message.head} 应有且只有一个")
        head_path = f"{path}/{message.head}"
        head = read_pairs(head_table, element_pairs(heads[0], head_path), head_path, self.defects)
        paths = [f"{path}/{message.list}[{i}]" for i in range(1, len(lines) + 1)]
        rules = table(message.type, "list")
        return head, tuple(
            [
                read_pairs(rules, element_pairs(line, where), where, self.defects)
                for line, where in zip(lines, paths, strict=True)
            ]
        )

    def _check_lines(self, lines: tuple[Fields, ...], path: str) -> None:
        if len(lines) < self.schema.min_lines:
            self.defects.append(defect("missing-mandatory", path, name=self.schema.list, zh="表体"))
        if not self.schema.numbered:
            return
        for i, line in enumerate(lines, 1):
            value = line.get("gnum", "")
            if not value.isascii() or not value.isdigit():
                return  # already named as missing or not a number
            if value != str(i) and value.lstrip("0") != str(i):
                where = f"{path}/{self.schema.list}[{i}]/gnum"
                self.defects.append(defect("gnum-sequence", where, position=i, value=value[:20]))
                return

    def _transfer(self, elements: list[etree._Element]) -> Fields | None:
        if "BaseTransfer" not in self.schema.envelope:
            return None
        path = f"{self.path}/BaseTransfer"
        if not elements:
            self.defects.append(defect("missing-mandatory", self.path, name="BaseTransfer", zh="报文传输实体"))
            return None
        rules = table(self.schema.edition, "BaseTransfer")
        first = read_pairs(rules, element_pairs(elements[0], path), path, self.defects)
        for other in elements[1:]:
            if read_pairs(rules, element_pairs(other, path), path, []) != first:
                raise refuse(path, "BaseTransfer appears twice with different content", "BaseTransfer 重复且内容不同")
        if len(elements) > 1:
            self.defects.append(defect("base-transfer-repeated", path))
        return first

    def _subscriptions(self, elements: list[etree._Element]) -> tuple[Fields, ...]:
        if len(elements) > MAX_SUBSCRIPTIONS:
            raise refuse(self.path, f"more than {MAX_SUBSCRIPTIONS} BaseSubscribe", "BaseSubscribe 超过 5 个")
        rules = table(self.schema.edition, "BaseSubscribe")
        return tuple(
            read_pairs(
                rules,
                element_pairs(e, f"{self.path}/BaseSubscribe[{i}]"),
                f"{self.path}/BaseSubscribe[{i}]",
                self.defects,
            )
            for i, e in enumerate(elements, 1)
        )

    def refuse_not_nfc(self, message: CebMessage) -> None:
        """Refuse text without a single form; no mode forgives it, because it could not be committed to."""
        for i, node in enumerate(message.nodes, 1):
            for fields in (node.head, *node.lines):
                for name, text in fields.items():
                    if not unicodedata.is_normalized("NFC", text):
                        words = defect("text-not-nfc", "", name=name)
                        path = f"{self.path}/{self.schema.node}[{i}]//{name}"
                        raise refuse(path, words.message_en, words.message_zh)
