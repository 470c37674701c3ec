"""The exchange envelope: what is written reads back and satisfies the official schema; what is hostile is refused."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from ceb_generated import SIGNATURE
from ceb_world import OFFICIAL, message_xml
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from ledger.documents.ceb import parse_message
from ledger.documents.ceb.dxp import (
    MAX_ENVELOPE,
    MAX_PAYLOAD,
    NAMESPACE,
    BusinessKey,
    DxpMessage,
    ServerNode,
    is_envelope,
    parse_envelope,
    write_envelope,
)
from ledger.documents.xml import MAX_TEXT
from ledger.documents.xmlcanonical import c14n
from ledger.errors import HostileXml, Malformed

XSD = OFFICIAL / "xsd" / "transport.xsd"
needs_official = pytest.mark.skipif(
    not XSD.is_file(), reason="the official schemas (../shared/data/ceb202205) are not here"
)
PLAIN = DxpMessage(
    message_id="4CDE1CFD-EDED-46B1-946C-B8022E42FC94",
    sender="DXPENT0000000001",
    receivers=("DXPEDCCEB0000002",),
    created="2026-06-13T08:00:00",
    message_type="CEB303Message",
    data=message_xml("CEB303"),
)
# Canonical XML takes over the namespace that is in scope around it.
SIGNED = c14n(etree.fromstring(f'<dxp:a xmlns:dxp="{NAMESPACE}">{SIGNATURE}</dxp:a>')[0])
FULL = replace(
    PLAIN,
    receivers=("A", "B", "C", "D", "E"),
    created="2026-06-13T08:00:00.123+08:00",
    id="m1",
    file_name="订单 <1>.xml",
    ic_card="1234567890123",
    keys=(BusinessKey("YP2026000001", "orderNo"), BusinessKey("a & b"), BusinessKey("c", 'quote"')),
    text_encoding="UTF-8",
    map_id="7",
    signature=SIGNED,
    server=ServerNode(
        "00000001" + "20260613080000" + "0000000001", "2026-06-13T08:00:01Z", "END1", "STA1", "1", "s1", SIGNED
    ),
)


@pytest.fixture(scope="module")
def official() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(XSD))


@needs_official
@pytest.mark.parametrize("message", [PLAIN, FULL, replace(FULL, server=None), replace(PLAIN, message_type="")])
def test_written_envelope_satisfies_the_official_schema_and_reads_back(message, official):
    data = write_envelope(message)
    assert official.validate(etree.fromstring(data)), official.error_log
    assert parse_envelope(data) == message
    assert is_envelope(data) and not is_envelope(message.data)


def test_payload_of_an_envelope_is_a_message():
    assert parse_message(parse_envelope(write_envelope(PLAIN)).data) == parse_message(message_xml("CEB303"))


def text(maximum: int) -> st.SearchStrategy[str]:
    alphabet = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn", "Co"))
    return st.text(alphabet=alphabet, min_size=1, max_size=maximum).filter(lambda t: t.strip() != "")


MESSAGES = st.builds(
    DxpMessage,
    message_id=text(40),
    sender=text(16),
    receivers=st.lists(text(16), min_size=1, max_size=5).map(tuple),
    created=st.sampled_from(["2026-06-13T08:00:00", "2026-06-13T08:00:00Z", "2024-02-29T23:59:59.5-12:00"]),
    message_type=st.one_of(st.just(""), text(30)),
    data=st.binary(min_size=1, max_size=200),
    id=st.sampled_from([None, "a", "_x.1-2"]),
    file_name=st.one_of(st.none(), text(40)),
    ic_card=st.one_of(st.none(), text(13)),
    keys=st.lists(st.builds(BusinessKey, text(20), st.one_of(st.none(), text(20))), max_size=5).map(tuple),
    text_encoding=st.one_of(st.none(), text(20)),
    map_id=st.one_of(st.none(), text(20)),
    signature=st.sampled_from([None, SIGNED]),
    server=st.sampled_from([None, FULL.server]),
)


@needs_official
@settings(max_examples=60, deadline=None)
@given(MESSAGES)
def test_any_envelope_survives_writing_and_satisfies_the_official_schema(official, message):
    data = write_envelope(message)
    assert parse_envelope(data) == message
    assert official.validate(etree.fromstring(data)), official.error_log


@pytest.mark.parametrize("size", [1, MAX_TEXT // 4, MAX_TEXT, 1_000_000, MAX_PAYLOAD])
def test_payload_of_any_size_up_to_the_bound_is_read(size):
    body = (b"\x00\xff<>&" * (size // 5 + 1))[:size]
    message = replace(PLAIN, data=body, signature=SIGNED)
    data = write_envelope(message)
    assert len(data) <= MAX_ENVELOPE
    assert parse_envelope(data) == message
    wrapped = base64.encodebytes(body)
    assert parse_envelope(data.replace(base64.b64encode(body), wrapped)).data == body


def test_envelope_is_refused_when_its_payload_is_over_the_bound():
    with pytest.raises(HostileXml, match="payload"):
        write_envelope(replace(PLAIN, data=b"\x01" * (MAX_PAYLOAD + 1)))
    with pytest.raises(HostileXml, match="envelope"):
        parse_envelope(b" " * (MAX_ENVELOPE + 1))


def test_long_payload_is_refused_when_it_stands_elsewhere():
    long = b"A" * MAX_TEXT
    lawful = write_envelope(PLAIN)
    for place in (
        lawful.replace(b">4CDE1CFD-EDED-46B1-946C-B8022E42FC94<", b">" + long + b"<"),
        lawful.replace(b"<dxp:Data>", b"<dxp:Data><!-- >" + long + b"</ -->"),
        lawful.replace(b"<dxp:Data>", b"<dxp:Data><![CDATA[>" + long + b"</]]>"),
        lawful.replace(b"<dxp:Data>", b"<dxp:Data>" + long + b"<dxp:x/>"),
        lawful.replace(b"</dxp:Data>", b"</dxp:Data><dxp:Data>" + long + b"</dxp:Data>"),
    ):
        with pytest.raises(Malformed):
            parse_envelope(place)


def changed(old: bytes, new: bytes, message: DxpMessage = FULL) -> bytes:
    data = write_envelope(message)
    assert data.count(old) >= 1, old
    return data.replace(old, new, 1)


ENCODED = base64.b64encode(PLAIN.data)
INFO, ADDED = "/DxpMsgSv/DxpMsg/TransInfo", "/DxpMsgSv/DxpMsg/AddInfo"
REFUSED = {
    "not an envelope": (message_xml("CEB303"), "/"),
    "another namespace": (write_envelope(PLAIN).replace(NAMESPACE.encode(), b"urn:x"), "/"),
    "no payload": (changed(ENCODED, b""), "/DxpMsgSv/DxpMsg/Data"),
    "not base64": (changed(ENCODED, b"@@@@"), "/DxpMsgSv/DxpMsg/Data"),
    "half base64": (changed(ENCODED, b"AAA"), "/DxpMsgSv/DxpMsg/Data"),
    "stray bits": (changed(ENCODED, b"AB=="), "/DxpMsgSv/DxpMsg/Data"),
    "url-safe base64": (changed(ENCODED, b"-_-_"), "/DxpMsgSv/DxpMsg/Data"),
    "the placeholder": (changed(ENCODED, b"-payload-"), "/DxpMsgSv/DxpMsg/Data"),
    "no sender": (changed(b"<dxp:SenderId>DXPENT0000000001</dxp:SenderId>", b""), f"{INFO}/SenderId"),
    "blank sender": (changed(b">DXPENT0000000001<", b"> <"), f"{INFO}/SenderId"),
    "long sender": (changed(b">DXPENT0000000001<", b">DXPENT00000000011<"), f"{INFO}/SenderId"),
    "no receiver": (
        changed(b"<dxp:ReceiverId>DXPEDCCEB0000002</dxp:ReceiverId>", b"", PLAIN),
        "/DxpMsg/TransInfo/ReceiverIds/ReceiverId",
    ),
    "six receivers": (
        changed(b"<dxp:ReceiverId>A<", b"<dxp:ReceiverId>F</dxp:ReceiverId><dxp:ReceiverId>A<"),
        f"{INFO}/ReceiverIds/ReceiverId",
    ),
    "no time": (changed(b"2026-06-13T08:00:00.123+08:00", b"2026-06-13"), f"{INFO}/CreatTime"),
    "no such day": (changed(b"2026-06-13T08:00:00.123", b"2026-02-30T08:00:00"), f"{INFO}/CreatTime"),
    "another version": (changed(b'ver="1.0"', b'ver="2.0"', PLAIN), "/DxpMsg/@ver"),
    "no version": (changed(b' ver="1.0"', b"", PLAIN), "/DxpMsg/@ver"),
    "server version": (changed(b'Ver="1.0"', b'Ver="2.0"'), "/DxpMsgSv/SvNo/@Ver"),
    "unknown attribute": (changed(b' ver="1.0"', b' ver="1.0" a="1"', PLAIN), "/DxpMsg"),
    "unnamed id": (changed(b'Id="m1"', b'Id="1"'), "/DxpMsgSv/DxpMsg/@Id"),
    "six keys": (
        changed(b"<dxp:BizKey>", b"<dxp:BizKey>" + b"<dxp:Key>x</dxp:Key>" * 3),
        f"{ADDED}/BizKey/Key",
    ),
    "no key": (
        changed(b"<dxp:AddInfo>", b"<dxp:AddInfo><dxp:BizKey/>", replace(PLAIN, map_id="1")),
        "/DxpMsg/AddInfo/BizKey/Key",
    ),
    "unnamed key": (changed(b'name="orderNo"', b'name=""'), f"{ADDED}/BizKey/Key[1]/@name"),
    "no character set": (changed(b' Encode="UTF-8"', b""), f"{ADDED}/IsText/@Encode"),
    "text in IsText": (changed(b'"UTF-8"/>', b'"UTF-8">x</dxp:IsText>'), f"{ADDED}/IsText"),
    "unknown element": (changed(b"<dxp:Data>", b"<dxp:More/><dxp:Data>", PLAIN), "/DxpMsg/Data"),
    "element after the end": (changed(b"</dxp:DxpMsg>", b"<dxp:Data/></dxp:DxpMsg>", PLAIN), "/DxpMsg/Data"),
    "text between": (changed(b"<dxp:Data>", b"junk<dxp:Data>", PLAIN), "/DxpMsg"),
    "nested value": (changed(b">CEB303Message<", b"><dxp:a/><", PLAIN), "/DxpMsg/TransInfo/MsgType"),
    "attribute on a value": (changed(b"<dxp:MsgType>", b'<dxp:MsgType a="1">', PLAIN), "/DxpMsg/TransInfo/MsgType"),
    "two signatures": (
        changed(b"</dxp:DxpMsg>", SIGNED + b"</dxp:DxpMsg>", replace(FULL, server=None)),
        "/DxpMsg/Signature",
    ),
    "server without node": (changed(b"<dxp:EndNode>END1</dxp:EndNode>", b""), "/DxpMsgSv/SvNo/EndNode"),
    "DTD": (changed(b"?>\n", b'?>\n<!DOCTYPE x [<!ENTITY a "1">]>\n', PLAIN), "/"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_envelope_is_refused_naming_the_element(name):
    data, field = REFUSED[name]
    with pytest.raises(Malformed) as caught:
        parse_envelope(data)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "message",
    [
        replace(PLAIN, sender=""),
        replace(PLAIN, receivers=()),
        replace(PLAIN, receivers=("A",) * 6),
        replace(PLAIN, created="now"),
        replace(PLAIN, data=b""),
        replace(PLAIN, file_name="x" * 256),
        replace(PLAIN, keys=(BusinessKey(""),)),
        replace(PLAIN, signature=b"<a/>"),
        replace(PLAIN, signature=b"</dxp:DxpMsg><dxp:DxpMsg>"),
    ],
)
def test_writing_an_envelope_is_refused_when_reading_it_would_be(message):
    with pytest.raises(Malformed):
        write_envelope(message)


# Blank text and an empty payload satisfy the schema; libxml2 skips characters that are not base64.
OURS = ("blank sender", "stray bits", "no payload", "not base64", "url-safe base64")


@needs_official
@pytest.mark.parametrize("name", [n for n in REFUSED if n not in OURS])
def test_official_schema_refuses_the_same_envelopes(name, official):
    data, _ = REFUSED[name]
    document = etree.fromstring(data, etree.XMLParser(resolve_entities=False))
    assert document.getroottree().docinfo.internalDTD is not None or not official.validate(document)
