"""Parsing XML that a stranger sent: UTF-8 text without DTD, entities, processing instructions or excess.

Job: turn bytes into an element tree or refuse with the reason, in bounded time and memory. It knows no message; the
tables of ledger.documents.ceb do. Comments are dropped, as Canonical XML 1.0 without comments drops them, so that a
value split by a comment reads the same here and under a signature.
Clauses: XML 1.0 (prolog, 2.8; encodings, 4.3.3); lxml 7 / libxml2 2.14 parser options.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

from lxml import etree

from ledger.errors import HostileXml, Malformed

# A full CEB603 message, 100 lists of 100 lines with every element filled, is about 9 MB.
MAX_BYTES = 16 * 1024 * 1024
# 100 nodes × (48 head elements + 100 lines × 20 elements) × 2 tags each = 410,000.
MAX_TAGS = 450_000
# CEB elements carry no attributes; a signature has a dozen. Counted as "=" signs, which base64 padding also holds.
MAX_EQUALS = 50_000
MAX_DEPTH = 24  # message 4, signature with certificates 8; extensions get some room
MAX_TEXT = 64 * 1024  # characters of one value: ten certificates; the longest business field has 1000

_thread = threading.local()
_UTF8_BOM = b"\xef\xbb\xbf"
_OTHER_BOMS = (
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\xfe\xff", "UTF-16"),
    (b"\xff\xfe", "UTF-16"),
)
_DECLARATION = re.compile(rb"<\?xml\s[^>]{0,200}?\?>")
_DECLARED_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([A-Za-z0-9._\-]{1,40})[\"']")
_SPACE = re.compile(rb"[ \t\r\n]*")
_LIMITS = (etree.ErrorTypes.ERR_RESOURCE_LIMIT, etree.ErrorTypes.ERR_ENTITY_LOOP)
_TOO_DEEP = etree.XPath("boolean(" + "/*" * (MAX_DEPTH + 1) + ")")
_INSTRUCTION = etree.XPath("boolean(//processing-instruction() | /processing-instruction())")
_LONG_TEXT = etree.XPath("boolean(//text()[string-length() > $limit])")


def parse_xml(data: bytes, max_text: int = MAX_TEXT) -> etree._Element:
    """The root element. Raises HostileXml for what is never accepted, Malformed for anything but well-formed UTF-8.

    `max_text` bounds one value; a caller that awaits a whole message inside a value raises it.
    """
    _check_bounds(data)
    text = _check_encoding(data)
    _check_prolog(data[len(data) - len(text) :])
    try:
        root = etree.fromstring(text, _parser())
    except etree.XMLSyntaxError as error:
        if getattr(error, "code", None) in _LIMITS:
            raise HostileXml(f"over a limit of the parser: {error}", field="/") from error
        raise Malformed(f"not well-formed XML: {error}", field="/") from error
    except ValueError as error:  # e.g. characters that XML cannot hold
        raise Malformed(f"not XML: {error}", field="/") from error
    if root is None:
        raise Malformed("the document is empty", field="/")
    document = root.getroottree().docinfo
    if document.internalDTD is not None or document.externalDTD is not None:  # the prolog check has already refused it
        raise HostileXml("a document type declaration (DTD) is not accepted", field="/")
    if _TOO_DEEP(root):
        raise HostileXml(f"elements are nested more than {MAX_DEPTH} deep", field="/")
    if text.find(b"<?", 1) > 0 and _INSTRUCTION(root):
        raise HostileXml("processing instructions are not accepted", field="/")
    if _may_hold_long_text(text, max_text) and _LONG_TEXT(root, limit=max_text):
        raise HostileXml(f"a value has more than {max_text} characters", field="/")
    return root


def _may_hold_long_text(text: bytes, limit: int) -> bool:
    """Whether a value could be over the limit: a run without markup is, or comments and CDATA could join several."""
    if len(text) <= limit:
        return False
    return b"<!" in text or max(map(len, text.split(b"<"))) > limit


def _parser() -> etree.XMLParser:
    """This thread's parser: making its libxml2 context costs as much as reading a small message."""
    parser: etree.XMLParser | None = getattr(_thread, "parser", None)
    if parser is None:
        parser = _thread.parser = etree.XMLParser(
            resolve_entities=False,
            load_dtd=False,
            dtd_validation=False,
            no_network=True,
            huge_tree=False,
            remove_comments=True,
            recover=False,
            encoding="utf-8",
        )
    return parser


def _check_bounds(data: bytes) -> None:
    if len(data) > MAX_BYTES:
        raise HostileXml(f"the message has more than {MAX_BYTES} bytes", field="/")
    if not data:
        raise Malformed("the document is empty", field="/")
    if data.count(b"<") > MAX_TAGS:
        raise HostileXml(f"the message has more than {MAX_TAGS} tags", field="/")
    if data.count(b"=") > MAX_EQUALS:
        raise HostileXml(f"the message has more than {MAX_EQUALS} attributes or equals signs", field="/")


def _check_encoding(data: bytes) -> bytes:
    """The bytes after a UTF-8 byte order mark. Raises Malformed for any other encoding, with a clear reason."""
    hint = "send UTF-8 (the customs specification's encoding)"
    for mark, name in _OTHER_BOMS:
        if data.startswith(mark):
            raise Malformed(f"the message is {name}, not UTF-8", field="/", hint=hint)
    text = data.removeprefix(_UTF8_BOM)
    if b"\x00" in text:
        raise Malformed("the message contains NUL bytes: it is binary, UTF-16 or UTF-32", field="/", hint=hint)
    declaration = _DECLARATION.match(text)
    declared = _DECLARED_ENCODING.search(declaration.group()) if declaration else None
    if declared is not None and declared.group(1).lower() not in (b"utf-8", b"utf8", b"us-ascii", b"ascii"):
        name = declared.group(1).decode("ascii")
        raise Malformed(f"the message declares encoding {name}, not UTF-8", field="/", hint=hint)
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        looks_chinese = _decodes(text, "gb18030")
        guess = "; it looks like GBK" if looks_chinese else ""
        raise Malformed(f"byte {error.start} is not UTF-8{guess}", field="/", hint=hint) from error
    return text


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _check_prolog(text: bytes) -> None:
    """Refuse a DTD before any parser sees it: it can stand only between the declaration and the root element."""
    for token in _prolog_tokens(text):
        if token.upper().startswith(b"<!DOCTYPE"):
            raise HostileXml("a document type declaration (DTD) is not accepted", field="/")


def _prolog_tokens(text: bytes) -> Iterator[bytes]:
    position = 0
    while True:
        space = _SPACE.match(text, position)
        position = space.end() if space else position
        head = text[position : position + 16]
        if head.startswith(b"<?"):
            end = text.find(b"?>", position)
            position = end + 2
        elif head.startswith(b"<!--"):
            end = text.find(b"-->", position + 4)
            position = end + 3
        else:
            yield head
            return
        if end < 0:
            return  # the parser will say what is wrong
