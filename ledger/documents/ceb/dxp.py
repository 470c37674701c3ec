"""The envelope in which messages travel to and from the e-port: DxpMsg, and DxpMsgSv around it between servers.

Job: bytes → who sent what to whom and the payload's own octets, and back. The payload is cut out before any XML parser
sees it, so that sixteen megabytes of base64 cost one pass and the rest of the envelope stays small. What the official
schema refuses is refused, naming the element; nothing here is forgiven, and a signature is kept, not verified.
Clauses: terminal.xsd (DxpMsg) and transport.xsd (DxpMsgSv) of 2022-05; XML Schema 1.0 Part 2, base64Binary, dateTime.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from xml.sax.saxutils import escape

from lxml import etree

from ledger.documents.xml import MAX_BYTES, MAX_TEXT, parse_xml
from ledger.documents.xmlcanonical import c14n
from ledger.errors import HostileXml, Malformed

NAMESPACE = "http://www.chinaport.gov.cn/dxp"
MAX_PAYLOAD = MAX_BYTES  # one customs message
# Base64 of a full payload, its line breaks, and the rest.
MAX_ENVELOPE = MAX_PAYLOAD // 3 * 4 + MAX_PAYLOAD // 16 + 256 * 1024
MAX_REST = 256 * 1024  # the envelope without its payload: names, keys, a signature with certificates
MAX_RECEIVERS = 5
MAX_KEYS = 5
_INLINE = MAX_TEXT // 2  # characters up to which the payload stays where it is; certificates are far shorter
_LONG_TEXT = re.compile(rb">([A-Za-z0-9+/=\s]{%d,}+)</" % (_INLINE + 1))
_PLACE = "-payload-"  # no base64 text: "-" is not in its alphabet
_ROOT = re.compile(rb"<(?:[A-Za-z_][\w.\-]*:)?DxpMsg(?:Sv)?[\s>/]")
_DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?\Z"
)
_SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*\Z")


@dataclass(frozen=True, slots=True)
class BusinessKey:
    """业务关键字: a key that lets an envelope be found again, with its name if it has one."""

    value: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ServerNode:
    """SvNo 服务器节点: what a server of the exchange writes around an envelope (DxpMsgSv)."""

    message_id: str  # MsgId 报文在交换平台的唯一 id
    send_time: str  # SendTime 报文处理时间
    end_node: str  # EndNode 报文目的服务器节点
    start_node: str  # StaNode 报文接入服务器节点
    part: str | None = None  # SubMsgId 分拆报文的报文 id
    id: str | None = None
    signature: bytes | None = None


@dataclass(frozen=True, slots=True)
class DxpMessage:
    """客户端传输报文: TransInfo, the decoded payload, AddInfo, and the kept canonical XML of its signature."""

    message_id: str  # CopMsgId 原始报文 id
    sender: str  # SenderId 发送方 id
    receivers: tuple[str, ...]  # ReceiverId 接收方 id, 1 to 5
    created: str  # CreatTime 原始报文创建时间, xs:dateTime as written
    message_type: str  # MsgType 报文类型
    data: bytes  # Data 待传输数据
    id: str | None = None
    file_name: str | None = None  # FileName 原始报文名
    ic_card: str | None = None  # IcCard ic 卡号
    keys: tuple[BusinessKey, ...] = ()
    text_encoding: str | None = None  # IsText Encode 文本标识与字符集
    map_id: str | None = None  # RecMapId 接收方报文转换 ID
    signature: bytes | None = None
    server: ServerNode | None = None


def is_envelope(data: bytes) -> bool:
    """Whether the octets look like an envelope rather than a bare message; reading it is `parse_envelope`'s."""
    return _ROOT.search(data[:4096]) is not None


def parse_envelope(data: bytes) -> DxpMessage:
    """Read an envelope. Raises Malformed (HostileXml) naming the element."""
    if len(data) > MAX_ENVELOPE:
        raise HostileXml(f"the envelope has more than {MAX_ENVELOPE} bytes", field="/")
    rest, payload = _cut(data)
    if len(rest) > MAX_REST:
        raise HostileXml(f"the envelope without its payload has more than {MAX_REST} bytes", field="/")
    root = parse_xml(rest)
    if root.tag == _tag("DxpMsgSv"):
        children = _Children(root, "/DxpMsgSv", ("ver", "Id"))
        number = children.take("SvNo")
        message = _message(children.take("DxpMsg"), "/DxpMsgSv/DxpMsg", payload)
        server = _server(number, "/DxpMsgSv/SvNo", root.get("Id"), children.signature())
        children.end()
        return replace(message, server=server)
    if root.tag != _tag("DxpMsg"):
        raise Malformed(
            f"the root element is {str(root.tag)[:80]!r}, not DxpMsg", field="/", hint=f"the namespace is {NAMESPACE}"
        )
    return _message(root, "/DxpMsg", payload)


def write_envelope(message: DxpMessage) -> bytes:
    """The envelope as XML, elements in the schema's order. Raises Malformed when reading it back would refuse it."""
    inner = _write(message)
    if message.server is not None:
        s = message.server
        number = _texts(
            ("MsgId", s.message_id),
            ("SubMsgId", s.part),
            ("SendTime", s.send_time),
            ("EndNode", s.end_node),
            ("StaNode", s.start_node),
        )
        inner = f'<dxp:DxpMsgSv{_HEAD}{_identity(s.id)}><dxp:SvNo Ver="1.0">{number}</dxp:SvNo>{inner}'
        inner += _kept(s.signature) + "</dxp:DxpMsgSv>"
    data = f'<?xml version="1.0" encoding="UTF-8"?>\n{inner}\n'.encode()
    read = parse_envelope(data)
    if _unsigned(read) != _unsigned(message) or (read.signature is None) is not (message.signature is None):
        raise Malformed("the envelope would not read as it was written", field="/")
    return data


def _unsigned(message: DxpMessage) -> DxpMessage:
    """Without its signatures, whose canonical form takes over the namespaces around them."""
    server = None if message.server is None else replace(message.server, signature=None)
    return replace(message, signature=None, server=server)


# ----------------------------------------------------------------------------------------------------------- reading


def _cut(data: bytes) -> tuple[bytes, bytes | None]:
    """The envelope with its first long base64 text replaced, and that text.

    Text is replaced by text, so no structure changes; that it was the whole of Data, and not a part of something
    else, shows when Data holds exactly the replacement.
    """
    found = _LONG_TEXT.search(data)
    if found is None:
        return data, None
    return data[: found.start(1)] + _PLACE.encode() + data[found.end(1) :], found.group(1)


class _Children:
    """Takes the children of an element in the schema's order."""

    def __init__(self, element: etree._Element, path: str, attributes: tuple[str, ...] = ()) -> None:
        self.path = path
        unknown = [str(name) for name in element.attrib if name not in attributes]
        if unknown:
            raise Malformed(f"attribute {unknown[0][:60]} is not defined", field=path)
        for name in attributes:
            if name.lower() == "ver" and element.get(name) != "1.0":
                raise Malformed(f"attribute {name} must be 1.0", field=f"{path}/@{name}")
        identity = element.get("Id")
        if identity is not None and not _NAME.match(identity):
            raise Malformed("attribute Id is not an XML name", field=f"{path}/@Id")
        texts = [element.text, *(child.tail for child in element)]
        if any(text and text.strip() for text in texts):
            raise Malformed("there is text between elements", field=path)
        self._left: Iterator[etree._Element] = iter(element)
        self._next = next(self._left, None)

    def optional(self, name: str) -> etree._Element | None:
        """The next child when it is this one."""
        return self._take(_tag(name))

    def take(self, name: str) -> etree._Element:
        """The next child, which must be this one."""
        found = self.optional(name)
        if found is None:
            here = "nothing" if self._next is None else str(self._next.tag).rpartition("}")[2][:60]
            raise Malformed(f"{name} is expected, not {here}", field=f"{self.path}/{name}")
        return found

    def signature(self) -> bytes | None:
        found = self._take(_SIGNATURE)
        return None if found is None else c14n(found)

    def end(self) -> None:
        if self._next is not None:
            name = str(self._next.tag).rpartition("}")[2][:60]
            raise Malformed(f"unexpected element {name}", field=f"{self.path}/{name}")

    def text(self, name: str, minimum: int, maximum: int) -> str:
        return _text(self.take(name), f"{self.path}/{name}", minimum, maximum)

    def optional_text(self, name: str, minimum: int, maximum: int) -> str | None:
        found = self.optional(name)
        return None if found is None else _text(found, f"{self.path}/{name}", minimum, maximum)

    def _take(self, tag: str) -> etree._Element | None:
        found = self._next
        if found is None or found.tag != tag:
            return None
        self._next = next(self._left, None)
        return found


def _message(element: etree._Element, path: str, payload: bytes | None) -> DxpMessage:
    children = _Children(element, path, ("ver", "Id"))
    info = _Children(children.take("TransInfo"), f"{path}/TransInfo")
    message_id = info.text("CopMsgId", 1, 255)
    sender = info.text("SenderId", 1, 16)
    receivers = _Children(info.take("ReceiverIds"), f"{info.path}/ReceiverIds")
    ids = [receivers.text("ReceiverId", 1, 16)]
    while len(ids) < MAX_RECEIVERS and (more := receivers.optional_text("ReceiverId", 1, 16)) is not None:
        ids.append(more)
    receivers.end()
    created = _time(info.text("CreatTime", 1, 40), f"{info.path}/CreatTime")
    message_type = info.text("MsgType", 0, 30)
    info.end()
    data = _data(children.take("Data"), f"{path}/Data", payload)
    added = children.optional("AddInfo")
    file_name, ic_card, keys, encoding, map_id = _added(added, f"{path}/AddInfo")
    signature = children.signature()
    children.end()
    return DxpMessage(
        message_id=message_id,
        sender=sender,
        receivers=tuple(ids),
        created=created,
        message_type=message_type,
        data=data,
        id=element.get("Id"),
        file_name=file_name,
        ic_card=ic_card,
        keys=keys,
        text_encoding=encoding,
        map_id=map_id,
        signature=signature,
    )


def _added(
    element: etree._Element | None, path: str
) -> tuple[str | None, str | None, tuple[BusinessKey, ...], str | None, str | None]:
    if element is None:
        return None, None, (), None, None
    children = _Children(element, path)
    file_name = children.optional_text("FileName", 1, 255)
    ic_card = children.optional_text("IcCard", 1, 13)
    listed = children.optional("BizKey")
    keys = () if listed is None else _keys(listed, f"{path}/BizKey")
    text = children.optional("IsText")
    encoding = None
    if text is not None:
        encoding = text.get("Encode")
        _text(text, f"{path}/IsText", 0, 0, ("Encode",))
        if encoding is None or len(encoding) > 50:
            raise Malformed("attribute Encode must name a character set", field=f"{path}/IsText/@Encode")
    map_id = children.optional_text("RecMapId", 0, 255)
    children.end()
    return file_name, ic_card, keys, encoding, map_id


def _keys(element: etree._Element, path: str) -> tuple[BusinessKey, ...]:
    children = _Children(element, path)
    keys = []
    for i in range(1, MAX_KEYS + 1):
        key = children.take("Key") if i == 1 else children.optional("Key")
        if key is None:
            break
        name = key.get("name")
        if name is not None and not 1 <= len(name) <= 32:
            raise Malformed("attribute name has 1 to 32 characters", field=f"{path}/Key[{i}]/@name")
        keys.append(BusinessKey(_text(key, f"{path}/Key[{i}]", 1, 64, ("name",)), name))
    children.end()
    return tuple(keys)


def _server(element: etree._Element, path: str, identity: str | None, signature: bytes | None) -> ServerNode:
    children = _Children(element, path, ("Ver",))
    message_id = children.text("MsgId", 1, 32)
    part = children.optional_text("SubMsgId", 1, 1)
    send_time = _time(children.text("SendTime", 1, 40), f"{path}/SendTime")
    end_node = children.text("EndNode", 1, 8)
    start_node = children.text("StaNode", 1, 8)
    children.end()
    return ServerNode(message_id, send_time, end_node, start_node, part, identity, signature)


def _data(element: etree._Element, path: str, payload: bytes | None) -> bytes:
    text = _text(element, path, 0, MAX_REST)
    if payload is not None:
        if text != _PLACE:
            raise Malformed("a long text stands outside of Data", field=path)
        encoded = payload
    else:
        encoded = text.encode("utf-8")
    encoded = encoded.translate(None, b" \t\r\n")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("the payload is not base64", field=path) from error
    if base64.b64encode(data) != encoded:
        raise Malformed("the payload's last base64 character carries stray bits", field=path)
    if not data:
        raise Malformed("the payload is empty", field=path)
    if len(data) > MAX_PAYLOAD:
        raise HostileXml(f"the payload has more than {MAX_PAYLOAD} bytes", field=path)
    return data


def _text(element: etree._Element, path: str, minimum: int, maximum: int, attributes: tuple[str, ...] = ()) -> str:
    if len(element):
        raise Malformed("a value element contains other elements", field=path)
    if any(name not in attributes for name in element.attrib):
        raise Malformed("a value element carries an attribute", field=path)
    text = element.text or ""
    if not minimum <= len(text) <= maximum or (minimum and not text.strip()):
        raise Malformed(f"{minimum} to {maximum} characters are expected, not {len(text)}", field=path)
    return text


def _time(text: str, path: str) -> str:
    found = _DATE_TIME.match(text)
    try:
        if found is None:
            raise ValueError(text)
        datetime.fromisoformat(found.group(1) + (found.group(3) or "").replace("Z", "+00:00"))
    except ValueError as error:
        raise Malformed("not a date and time YYYY-MM-DDThh:mm:ss", field=path) from error
    return text


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


# ----------------------------------------------------------------------------------------------------------- writing

_HEAD = f' xmlns:dxp="{NAMESPACE}" ver="1.0"'


def _write(m: DxpMessage) -> str:
    receivers = "".join(_texts(("ReceiverId", receiver)) for receiver in m.receivers)
    info = (
        _texts(("CopMsgId", m.message_id), ("SenderId", m.sender)) + f"<dxp:ReceiverIds>{receivers}</dxp:ReceiverIds>"
    )
    info += _texts(("CreatTime", m.created), ("MsgType", m.message_type))
    keys = "".join(
        f"<dxp:Key{'' if k.name is None else _attribute('name', k.name)}>{_escaped(k.value)}</dxp:Key>" for k in m.keys
    )
    added = _texts(("FileName", m.file_name), ("IcCard", m.ic_card)) + (
        f"<dxp:BizKey>{keys}</dxp:BizKey>" if keys else ""
    )
    if m.text_encoding is not None:
        added += f"<dxp:IsText{_attribute('Encode', m.text_encoding)}/>"
    added += _texts(("RecMapId", m.map_id))
    data = base64.b64encode(m.data).decode("ascii")
    return (
        f"<dxp:DxpMsg{_HEAD}{_identity(m.id)}><dxp:TransInfo>{info}</dxp:TransInfo><dxp:Data>{data}</dxp:Data>"
        + (f"<dxp:AddInfo>{added}</dxp:AddInfo>" if added else "")
        + f"{_kept(m.signature)}</dxp:DxpMsg>"
    )


def _texts(*pairs: tuple[str, str | None]) -> str:
    return "".join(f"<dxp:{name}>{_escaped(text)}</dxp:{name}>" for name, text in pairs if text is not None)


def _escaped(text: str) -> str:
    return escape(text, {"\r": "&#13;"})


def _attribute(name: str, text: str) -> str:
    quoted = escape(text, {'"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})
    return f' {name}="{quoted}"'


def _identity(value: str | None) -> str:
    return "" if value is None else _attribute("Id", value)


def _kept(signature: bytes | None) -> str:
    return "" if signature is None else signature.decode("utf-8")
