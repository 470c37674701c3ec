"""Hostile XML is refused for the right reason, in bounded memory; canonical form follows C14N 1.0."""

from __future__ import annotations

import contextlib
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ledger.documents import xml
from ledger.documents.xml import parse_xml
from ledger.documents.xmlcanonical import c14n
from ledger.errors import HostileXml, Malformed

LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">%s]><lolz>&lol9;</lolz>""" % b"".join(
    b'<!ENTITY lol%d "%s">' % (i, (b"&lol%d;" % (i - 1) if i > 1 else b"&lol;") * 10) for i in range(1, 10)
)

HOSTILE = {
    "billion-laughs": LAUGHS,
    "quadratic-blow-up": b'<!DOCTYPE a [<!ENTITY x "' + b"A" * 60_000 + b'">]><a>' + b"&x;" * 10_000 + b"</a>",
    "external-entity": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "parameter-entity": b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]><a/>',
    "external-dtd": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a/>',
    "dtd-after-comment": b"<!-- c --><!DOCTYPE a><a/>",
    "dtd-after-much-space": b" " * 20_000 + b"<!DOCTYPE a><a/>",
    "dtd-after-instruction": b"<?xml version='1.0'?><?x y?><!DOCTYPE a><a/>",
    "dtd-behind-bom": b"\xef\xbb\xbf<!DOCTYPE a><a/>",
    "deep": b"<a>" * 100 + b"</a>" * 100,
    "very-deep": b"<a>" * 200_000 + b"</a>" * 200_000,
    "million-attributes": b"<a " + b" ".join(b'a%d=""' % i for i in range(1_000_000)) + b"/>",
    "million-elements": b"<a>" + b"<b/>" * 1_000_000 + b"</a>",
    "too-many-bytes": b"<a>" + b"x" * xml.MAX_BYTES + b"</a>",
    "long-value": b"<a>" + b"x" * (xml.MAX_TEXT + 1) + b"</a>",
    "long-value-around-a-comment": b"<a>" + b"x" * xml.MAX_TEXT + b"<!-- -->x</a>",
    "long-value-of-several-sections": b"<a>" + b"<![CDATA[" + b"x" * xml.MAX_TEXT + b"]]><![CDATA[x]]></a>",
    "instruction": b"<a><?php system('x') ?></a>",
    "instruction-in-front": b"<?xml version='1.0'?><?xml-stylesheet href='x'?><a/>",
}

MALFORMED = {
    "empty": b"",
    "spaces": b"   ",
    "text": b"hello",
    "truncated": b"<a><b>1</b>",
    "two-roots": b"<a/><b/>",
    "undeclared-prefix": b"<ceb:a/>",
    "undeclared-entity": b"<a>&nbsp;</a>",
    "bad-character-reference": b"<a>&#0;</a>",
    "control-character": b"<a>\x01</a>",
    "duplicate-attribute": b'<a x="1" x="2"/>',
    "declaration-not-first": b' <?xml version="1.0"?><a/>',
    "nul": b"<a>\x00</a>",
    "utf-16-le": "<a>荔枝</a>".encode("utf-16"),
    "utf-16-be-without-mark": "<a>荔枝</a>".encode("utf-16-be"),
    "utf-32": "<a>荔枝</a>".encode("utf-32"),
    "gbk-declared": '<?xml version="1.0" encoding="GBK"?><a>荔枝</a>'.encode("gbk"),
    "gbk-declared-as-utf-8": '<?xml version="1.0" encoding="UTF-8"?><a>荔枝</a>'.encode("gbk"),
    "latin-1-declared": b'<?xml version="1.0" encoding="ISO-8859-1"?><a>x</a>',
    "utf-7-declared": b'<?xml version="1.0" encoding="UTF-7"?><a>+ADw-</a>',
    "overlong-utf-8": b"<a>\xc0\xbc</a>",
    "surrogate-in-utf-8": b"<a>\xed\xa0\x80</a>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_xml_is_refused_as_hostile_when_it_uses_a_forbidden_construct(name):
    tracemalloc.start()
    try:
        with pytest.raises(HostileXml):
            parse_xml(HOSTILE[name])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * xml.MAX_BYTES


@pytest.mark.parametrize("name", MALFORMED)
def test_xml_is_refused_as_malformed_when_it_is_not_well_formed_utf_8(name):
    with pytest.raises(Malformed) as caught:
        parse_xml(MALFORMED[name])
    assert not isinstance(caught.value, HostileXml)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("utf-16-le", "UTF-16"),
        ("utf-32", "UTF-32"),
        ("gbk-declared", "GBK"),
        ("gbk-declared-as-utf-8", "looks like GBK"),
        ("latin-1-declared", "ISO-8859-1"),
    ],
)
def test_xml_refusal_names_the_encoding_when_it_is_another_one(name, words):
    with pytest.raises(Malformed, match=words):
        parse_xml(MALFORMED[name])


@pytest.mark.parametrize(
    "data",
    [
        b"<a/>",
        b"\xef\xbb\xbf<a/>",
        b"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?>\n<!-- hello --><a/><!-- bye -->",
        '<?xml version="1.0" encoding="UTF-8"?><a>荔枝 ©</a>'.encode(),
        b"<a><![CDATA[<!DOCTYPE x>]]></a>",
        b"<a>&lt;&#33;&amp;</a>",
        b"<a>" * xml.MAX_DEPTH + b"</a>" * xml.MAX_DEPTH,
    ],
)
def test_xml_is_parsed_when_it_is_plain_utf_8(data):
    assert parse_xml(data).tag == "a"


def test_xml_value_reads_whole_when_a_comment_splits_it():
    root = parse_xml(b"<a>ORDER-1<!-- \xe4\xb8\x80 -->00</a>")
    assert root.text == "ORDER-100"
    assert c14n(root) == b"<a>ORDER-100</a>"


@given(st.binary(max_size=400))
def test_xml_parser_raises_only_malformed_when_fed_garbage(data):
    for candidate in (data, b"<a>" + data + b"</a>", b"<?xml version='1.0'?><a " + data + b"/>"):
        with contextlib.suppress(Malformed):
            parse_xml(candidate)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=50))
def test_xml_text_survives_when_it_is_escaped(text):
    element = etree.Element("a")
    element.text = text
    assert (parse_xml(etree.tostring(element, encoding="utf-8")).text or "") == text


# https://www.w3.org/TR/2001/REC-xml-c14n-20010315 section 3.3, start and end tags, shortened to what needs no DTD.
C14N_IN = b"""<doc>
   <e1   />
   <e2   ></e2>
   <e3   name = "elem3"   id="elem3"   />
   <e5 a:attr="out" b:attr="sorted" attr2="all" attr="I'm"
      xmlns:b="http://www.ietf.org"
      xmlns:a="http://www.w3.org"
      xmlns="http://example.org"/>
</doc>"""
C14N_OUT = b"""<doc>
   <e1></e1>
   <e2></e2>
   <e3 id="elem3" name="elem3"></e3>
   <e5 xmlns="http://example.org" xmlns:a="http://www.w3.org" xmlns:b="http://www.ietf.org" attr="I'm" attr2="all" b:attr="sorted" a:attr="out"></e5>
</doc>"""  # noqa: E501


def test_c14n_equals_the_recommendations_example():
    assert c14n(parse_xml(C14N_IN)) == C14N_OUT


def test_c14n_of_a_node_declares_namespaces_in_scope_and_leaves_the_tail_out():
    root = parse_xml(b'<c:m xmlns:c="urn:c" xmlns:x="urn:x"><c:n>\r\n<c:v>1 &gt; 0 \xc2\xa9</c:v></c:n> tail</c:m>')
    assert c14n(root[0]) == b'<c:n xmlns:c="urn:c" xmlns:x="urn:x">\n<c:v>1 &gt; 0 \xc2\xa9</c:v></c:n>'


def test_c14n_is_refused_when_an_ancestor_has_xml_attributes():
    root = parse_xml(b'<a xml:lang="zh"><b/></a>')
    with pytest.raises(Malformed):
        c14n(root[0])


@pytest.mark.parametrize(
    "variant",
    [
        b"<c:n xmlns:c='urn:c'><c:v >1</c:v><c:w/></c:n>",
        b'<?xml version="1.0" encoding="UTF-8"?>\n<c:n   xmlns:c="urn:c"><c:v>&#49;</c:v><c:w></c:w></c:n>\n',
        b'<c:n xmlns:c="urn:c"><!-- no --><c:v><![CDATA[1]]></c:v><c:w></c:w></c:n>',
    ],
)
def test_c14n_is_one_form_when_only_the_spelling_differs(variant):
    assert c14n(parse_xml(variant)) == b'<c:n xmlns:c="urn:c"><c:v>1</c:v><c:w></c:w></c:n>'


def test_xml_parser_serves_every_thread_and_recovers_when_a_document_was_refused():
    def work(n: int) -> list[str]:
        seen = []
        for i in range(50):
            with contextlib.suppress(Malformed):
                parse_xml(HOSTILE["deep"] if i % 2 else MALFORMED["truncated"])
            seen.append(parse_xml(f"<a>{n}-{i}</a>".encode()).text or "")
        return seen

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(work, range(4)))
    assert results == [[f"{n}-{i}" for i in range(50)] for n in range(4)]
