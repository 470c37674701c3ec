"""Answers are in the official form whatever came: full of errors, half empty, or not a message at all."""

from __future__ import annotations

import pytest
from ceb_generated import XSDS, composed, example, needs_official
from ceb_generated import official as official_schema
from ceb_world import message_xml
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from ledger.documents.ceb import Answer, BusinessNode, format_error_message, parse_message, receipt_message
from ledger.documents.ceb.answers import MAX_SHOWN
from ledger.documents.ceb.schema import DECLARATIONS, schema
from ledger.documents.xml import MAX_TEXT
from ledger.errors import HostileXml, Malformed


@pytest.fixture(scope="module")
def official() -> dict[str, etree.XMLSchema]:
    return {edition: official_schema(path) for edition, path in XSDS.items()}


def with_head(message_type: str, head: dict[str, str]) -> BusinessNode:
    kind = schema(message_type).kind
    return BusinessNode(kind, head, (), ("a", "b"), "sm3:" + "0" * 64)


@needs_official
@pytest.mark.parametrize("text", ["", " ", "?", "?" * 3, "?" * 2000, "９"])
@pytest.mark.parametrize("message_type", DECLARATIONS)
def test_answer_is_in_the_official_form_when_every_value_is_wrong(message_type, text, official):
    heads = [{spec.name: text for spec in schema(message_type).head_fields}, {}]
    for head in heads:
        data = receipt_message([Answer(with_head(message_type, head), "100", "退单")], time_ms=0)
        xsd = official[schema(message_type).edition]
        assert xsd.validate(etree.fromstring(data)), xsd.error_log
        assert parse_message(data, "lenient").schema_valid


@needs_official
@pytest.mark.parametrize(
    "original", [b"", b"   ", b"<a>", b"\x00\x01\xff", "<!DOCTYPE a>荔枝".encode(), b"]]>&amp;\r\n", "e\u0301".encode()]
)
def test_format_error_is_in_the_official_form_whatever_came(original, official):
    data = format_error_message(original, "报文不是 XML", status="-1", time_ms=1_781_312_400_123, message_id="M1")
    assert official["import"].validate(etree.fromstring(data)), official["import"].error_log
    (node,) = parse_message(data).nodes
    assert node.key == ("Unknown", "M1")
    assert (node.head["returnStatus"], node.head["returnTime"]) == ("-1", "20260613090000123")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.text(max_size=60))
def test_format_error_can_be_written_for_any_octets(original, info):
    try:
        data = format_error_message(original, info, status="-1", time_ms=0)
    except Malformed as refused:  # words that XML or NFC cannot hold are the caller's own
        assert refused.field
        return
    assert parse_message(data).message_type == "CEB900"


def test_format_error_holds_what_came():
    original = message_xml("CEB303")
    (node,) = parse_message(format_error_message(original, "x", status="-1", time_ms=0)).nodes
    assert node.head["oriBizMessage"] == original.decode().strip()
    (long,) = parse_message(format_error_message(b"x" * (2 * MAX_SHOWN), "x", status="-1", time_ms=0)).nodes
    assert len(long.head["oriBizMessage"]) == MAX_SHOWN > MAX_TEXT


@pytest.mark.parametrize("status", ["0", "1", "-", "-0x1", "", "-1234567890"])
def test_format_error_is_refused_when_its_status_is_no_negative_number(status):
    with pytest.raises(Malformed):
        format_error_message(b"x", "x", status=status, time_ms=0)


def test_long_value_is_read_in_a_format_error_only():
    made = example("CEB900")
    made["head"]["oriBizMessage"] = "x" * (MAX_TEXT + 1)
    data = composed("CEB900", made)
    assert parse_message(data).nodes[0].head["oriBizMessage"] == made["head"]["oriBizMessage"]
    disguised = message_xml("CEB303").replace(b">FZX-25<", b">" + b"x" * (MAX_TEXT + 1) + b"<")
    with pytest.raises(HostileXml):
        parse_message(disguised)
