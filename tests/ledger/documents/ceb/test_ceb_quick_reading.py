"""Reading at once, from canonical octets, and element by element agree, whatever the message looks like."""

from __future__ import annotations

from typing import Any

import pytest
from ceb_generated import CASES, composed, example
from ceb_world import DOCUMENTS, changed, message_xml
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from ledger.documents.ceb import parse, parse_message
from ledger.documents.ceb.fields import octet_pairs
from ledger.documents.ceb.schema import MESSAGE_TYPES
from ledger.errors import Malformed

TEXT = st.text(alphabet="ab09 <>&\"'\r\t\n荔枝;#x]", max_size=12)
PIECES = [b"<ceb:x/>", b"junk", b"<!-- c -->", b' a="1"', b"<ceb:x>1</ceb:x>", b"<![CDATA[y]]>", b"&#13;", b"</ceb:x>"]


def outcome(data: bytes) -> Any:
    """Everything that parsing says about a message, or its refusal."""
    try:
        message = parse_message(data, "lenient")
    except Malformed as error:
        return type(error).__name__, error.code
    return message


def both(data: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """The outcome as it is, and element by element; the way between must agree with the latter."""
    quick = outcome(data)
    with monkeypatch.context() as patched:
        patched.setattr(parse, "lawful", lambda *_: None)
        middle = outcome(data)
        patched.setattr(parse, "octet_pairs", lambda *_: None)
        slow = outcome(data)
    assert middle == slow
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
    parse_message(composed(message_type, example(message_type)))


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
