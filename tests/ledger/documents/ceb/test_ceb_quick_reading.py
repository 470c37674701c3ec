"""Reading at once, from canonical octets, and element by element agree, whatever the message looks like."""

from __future__ import annotations

from typing import Any

import pytest
from ceb_generated import CASES, composed, example
from ceb_world import DOCUMENTS, TRANSFER, changed, message_xml, node_xml
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from ledger.documents.ceb import parse, parse_message
from ledger.documents.ceb.fields import octet_pairs
from ledger.documents.ceb.schema import MESSAGE_TYPES
from ledger.documents.xmlcanonical import c14n
from ledger.errors import Malformed

TEXT = st.text(alphabet="ab09 <>&\"'\r\t\n荔枝;#x]", max_size=12)
SUBSCRIBE = (
    "<ceb:BaseSubscribe><ceb:status>ALL</ceb:status><ceb:dxpMode>DXP</ceb:dxpMode>"
    "<ceb:dxpAddress>DXPLGS0000000001</ceb:dxpAddress></ceb:BaseSubscribe>"
)
PIECES = [b"<ceb:x/>", b"junk", b"<!-- c -->", b' a="1"', b"<ceb:x>1</ceb:x>", b"<![CDATA[y]]>", b"&#13;", b"</ceb:x>"]


def outcome(data: bytes) -> Any:
    """Everything that parsing says about a message, or its refusal."""
    try:
        message = parse_message(data, "lenient")
    except Malformed as error:
        return type(error).__name__, error.code
    return message


def both(data: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """The outcome as it is, and element by element; the ways between must agree with the latter."""
    quick = outcome(data)
    with monkeypatch.context() as patched:
        patched.setattr(parse, "plain_message", lambda *_: None)
        parsed = outcome(data)
        patched.setattr(parse, "lawful", lambda *_: None)
        middle = outcome(data)
        patched.setattr(parse, "octet_pairs", lambda *_: None)
        slow = outcome(data)
    assert parsed == middle == slow
    return quick, slow


@settings(max_examples=100, deadline=None)
@given(CASES)
def test_every_way_of_reading_agrees_on_lawful_messages_of_any_type(case):
    message_type, made = case
    with pytest.MonkeyPatch.context() as monkeypatch:
        quick, slow = both(composed(message_type, made), monkeypatch)
    assert quick == slow and quick.errors == ()


ODD = st.one_of(
    TEXT,
    st.sampled_from(
        ["", "0", "00", "0.0", "1.", ".5", "1.123456", "9" * 19, "9" * 20, "1" * 19 + ".1", "１", "-1", "3", "I"]
    ),
    st.sampled_from(
        ["\u3000", "\u3000a", "a\u3000", "a" * 1001, "20260230080000", "20261301", "9999", "67", "6701", "无"]
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(MESSAGE_TYPES), st.lists(st.tuples(st.integers(0, 200), ODD), min_size=1, max_size=2))
def test_every_way_of_reading_agrees_whatever_the_values_of_any_type(message_type, changes):
    root = etree.fromstring(composed(message_type, example(message_type)))
    leaves = [e for e in root[0].iter() if not len(e)]
    for place, text in changes:
        leaves[place % len(leaves)].text = text
    with pytest.MonkeyPatch.context() as monkeypatch:
        quick, slow = both(etree.tostring(root, encoding="UTF-8"), monkeypatch)
    assert quick == slow


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(DOCUMENTS)), st.data())
def test_quick_and_slow_reading_agree_when_values_are_odd(message_type, data):
    document = DOCUMENTS[message_type]
    name = data.draw(st.sampled_from(sorted(document["head"])))
    made = message_xml(message_type, changed(document, **{name: data.draw(TEXT)}))
    with pytest.MonkeyPatch.context() as monkeypatch:
        quick, slow = both(made, monkeypatch)
    assert quick == slow


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(DOCUMENTS)), st.sampled_from(PIECES), st.data())
def test_quick_and_slow_reading_agree_when_something_is_slipped_in(message_type, piece, data):
    made = message_xml(message_type)
    places = [i for i, byte in enumerate(made) if byte in b"<>"]
    at = data.draw(st.sampled_from(places)) + data.draw(st.sampled_from([0, 1]))
    with pytest.MonkeyPatch.context() as monkeypatch:
        quick, slow = both(made[:at] + piece + made[at:], monkeypatch)
    assert quick == slow


@pytest.mark.parametrize("message_type", DOCUMENTS)
def test_lawful_messages_are_read_the_quick_way(message_type, monkeypatch):
    def no_slow_way(*_: object) -> None:
        raise AssertionError("the slow way was taken")

    monkeypatch.setattr(parse._Reader, "_read", no_slow_way)
    parse_message(message_xml(message_type))


@pytest.mark.parametrize("message_type", MESSAGE_TYPES)
def test_lawful_messages_of_any_type_are_read_the_quick_way(message_type, monkeypatch):
    monkeypatch.setattr(parse._Reader, "_read", lambda *_: pytest.fail("the slow way was taken"))
    data = composed(message_type, example(message_type))
    parse_message(data)
    if message_type not in ("CEB621", "CEB900"):  # signed, and with a whole message in it: for the XML parser
        monkeypatch.setattr(parse, "parse_xml", lambda *_: pytest.fail("the XML parser was used"))
        parse_message(data)


DEFAULT_NAMESPACE = message_xml("CEB303").replace(b"ceb:", b"").replace(b"xmlns:ceb", b"xmlns")


def test_canonical_octets_are_right_when_the_namespace_has_no_prefix():
    """Declared once, on the start tag, and nowhere undone (C14N 1.0, 2.3)."""
    (node,) = parse_message(DEFAULT_NAMESPACE).nodes
    text = DEFAULT_NAMESPACE.decode()
    body = text[text.index("<Order>") + len("<Order>") : text.index("</Order>") + len("</Order>")]
    assert node.c14n.decode() == '<Order xmlns="http://www.chinaport.gov.cn/ceb">' + body


@pytest.mark.parametrize(
    ("document", "canonical"),
    [
        ('<r xmlns="urn:n"><A><B><g>1</g></B></A></r>', '<A xmlns="urn:n"><B><g>1</g></B></A>'),
        (
            '<r xmlns="urn:n"><A><B><g xmlns=""><h/></g></B></A></r>',
            '<A xmlns="urn:n"><B><g xmlns=""><h></h></g></B></A>',
        ),
        (
            '<c:r xmlns:c="urn:n" xmlns="urn:d"><c:A><c:B><g>&#13;&lt;</g></c:B></c:A>tail</c:r>',
            '<c:A xmlns="urn:d" xmlns:c="urn:n"><c:B><g>&#xD;&lt;</g></c:B></c:A>',
        ),
        ('<r xmlns:u="urn:u"><A b="2" a="1"/></r>', '<A xmlns:u="urn:u" a="1" b="2"></A>'),
    ],
)
def test_subtree_is_canonical_when_an_ancestor_declares_namespaces(document, canonical):
    assert c14n(etree.fromstring(document)[0]).decode() == canonical


LAWFUL = message_xml("CEB303")
SPELLINGS = {
    "another prefix": LAWFUL.replace(b"ceb:", b"q.1:").replace(b"xmlns:ceb", b"xmlns:q.1"),
    "no prefix": LAWFUL.replace(b"ceb:", b"").replace(b"xmlns:ceb", b"xmlns"),
    "a reserved prefix": LAWFUL.replace(b"ceb:", b"xml:").replace(b"xmlns:ceb", b"xmlns:xml"),
    "a reserved prefix in capitals": LAWFUL.replace(b"ceb:", b"XMLq:").replace(b"xmlns:ceb", b"xmlns:XMLq"),
    "another namespace": LAWFUL.replace(b"chinaport.gov.cn/ceb", b"chinaport.gov.cn/dxp"),
    "no namespace": LAWFUL.replace(b' xmlns:ceb="http://www.chinaport.gov.cn/ceb"', b""),
    "another namespace beside it": LAWFUL.replace(b" guid=", b' xmlns:x="urn:x" guid=', 1),
    "a namespace twice": LAWFUL.replace(b" guid=", b' xmlns:ceb="http://www.chinaport.gov.cn/ceb" guid=', 1),
    "an attribute twice": LAWFUL.replace(b" guid=", b' version="1.0" guid=', 1),
    "an attribute with a reference": LAWFUL.replace(b'version="1.0">', b'version="1&#46;0">'),
    "an attribute in single quotes": LAWFUL.replace(b'version="1.0">', b"version='1.0'>"),
    "an attribute over lines": LAWFUL.replace(b' version="1.0">', b'\n\tversion="1.0"\n>'),
    "spaces in a tag": LAWFUL.replace(b"<ceb:orderNo>", b"<ceb:orderNo >"),
    "spaces in an end tag": LAWFUL.replace(b"</ceb:orderNo>", b"</ceb:orderNo >"),
    "carriage returns": LAWFUL.replace(b"\n", b"\r\n"),
    "a byte order mark": b"\xef\xbb\xbf" + LAWFUL,
    "no declaration": LAWFUL.split(b"?>\n", 1)[1],
    "a stand-alone declaration": LAWFUL.replace(b"?>", b' standalone="yes"?>', 1),
    "space before the declaration": b" " + LAWFUL,
    "another encoding": LAWFUL.replace(b'"UTF-8"', b'"GBK"'),
    "a greater-than sign in a text": LAWFUL.replace(b">FZX-25<", b">FZX>25<"),
    "two greater-than signs fewer less-than": LAWFUL.replace(b">FZX-25<", b">]]&gt;<"),
    "a comment": LAWFUL.replace(b"<ceb:Order>", b"<!-- --><ceb:Order>"),
    "a comment in a text": LAWFUL.replace(b">FZX-25<", b">FZX<!-- -->-25<"),
    "a section": LAWFUL.replace(b">FZX-25<", b"><![CDATA[FZX-25]]><"),
    "an instruction": LAWFUL.replace(b"<ceb:Order>", b"<?a b?><ceb:Order>"),
    "a control character": LAWFUL.replace(b">FZX-25<", b">FZX\x0225<"),
    "a delete character": LAWFUL.replace(b">FZX-25<", b">FZX\x7f25<"),
    "no character": LAWFUL.replace(b">FZX-25<", ">FZX\ufffe25<".encode()),
    "a surrogate": LAWFUL.replace(b">FZX-25<", b">FZX\xed\xa0\x8025<"),
    "half a character": LAWFUL.replace(b">FZX-25<", b">FZX\xe8\x8d<"),
    "a wide space between elements": LAWFUL.replace(b"<ceb:orderNo>", "\u3000<ceb:orderNo>".encode()),
    "a wide space between lines": LAWFUL.replace(b"<ceb:OrderList>", "\u00a0<ceb:OrderList>".encode()),
    "a wide space between nodes": LAWFUL.replace(b"<ceb:Order>", "\u2003<ceb:Order>".encode()),
    "a vertical tab between elements": LAWFUL.replace(b"<ceb:orderNo>", b"\x0b<ceb:orderNo>"),
    "text after the root": LAWFUL + b"x",
    "an element after the root": LAWFUL + b"<a/>",
    "a comment after the root": LAWFUL + b"<!-- -->",
    "no line feed at the end": LAWFUL.rstrip(),
    "an empty element": LAWFUL.replace(b"</ceb:OrderHead>", b"<ceb:note/></ceb:OrderHead>"),
    "an empty optional element": LAWFUL.replace(b"</ceb:OrderHead>", b"<ceb:note></ceb:note></ceb:OrderHead>"),
    "two transfers": message_xml("CEB303", tail=TRANSFER * 2),
    "no transfer": message_xml("CEB303", tail=""),
    "five subscriptions": message_xml("CEB303", tail=TRANSFER + SUBSCRIBE * 5),
    "six subscriptions": message_xml("CEB303", tail=TRANSFER + SUBSCRIBE * 6),
    "a subscription before the transfer": message_xml("CEB303", tail=SUBSCRIBE + TRANSFER),
    "one key twice": message_xml("CEB303", DOCUMENTS["CEB303"], DOCUMENTS["CEB303"]),
    "a node after the transfer": message_xml(
        "CEB303", body="", tail=TRANSFER + node_xml("CEB303", DOCUMENTS["CEB303"])
    ),
    "101 nodes": message_xml("CEB505", *[changed(DOCUMENTS["CEB505"], logisticsNo=f"N{i}") for i in range(101)]),
    "gnum out of sequence": message_xml("CEB303", changed(DOCUMENTS["CEB303"], line=2, gnum="3")),
    "text not in NFC": LAWFUL.replace("妃子笑荔枝".encode(), "e\u0301".encode()),
    "a blank key": message_xml("CEB303", changed(DOCUMENTS["CEB303"], orderNo="")),
    "another root": LAWFUL.replace(b"CEB303Message", b"CEB304Message"),
    "another end": LAWFUL.replace(b"</ceb:CEB303Message>", b"</ceb:CEB304Message>"),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_way_of_reading_agrees_however_a_message_is_spelt(name):
    with pytest.MonkeyPatch.context() as monkeypatch:
        quick, slow = both(SPELLINGS[name], monkeypatch)
    assert quick == slow


@pytest.mark.parametrize("name", ["a wide space between elements", "a wide space between lines"])
def test_space_that_xml_does_not_know_is_text_between_elements(name):
    with pytest.raises(Malformed, match="text between elements"):
        parse_message(SPELLINGS[name], "lenient")


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"<c:N></c:N>junk",
        b"<c:N>junk</c:N>",
        b'<c:N a="1"></c:N>',
        b'<c:N><c:a b="1">x</c:a></c:N>',
        b"<c:N><d:a>x</d:a></c:N>",
        b"<c:N><c:a>x</c:b></c:N>",
        b"<c:N><c:a><c:b></c:b></c:a></c:N>",
        b"<c:N><c:a>x</c:a>junk</c:N>",
        b"<d:N></d:N>",
    ],
)
def test_quick_reading_declines_when_octets_are_not_of_the_plain_shape(octets):
    assert octet_pairs(octets, "c", "N", None, None) is None


@pytest.mark.parametrize("prefix", ["a*", "(", "x" * 40, "1", ""])
def test_quick_reading_declines_when_the_prefix_is_unusual(prefix):
    assert octet_pairs(b"<N></N>", prefix, "N", None, None) is None
