"""The official sample messages: their published defects are named, and nothing else is wrong with them."""

from __future__ import annotations

from collections import Counter

import pytest
from ceb_world import OFFICIAL
from lxml import etree

from ledger.documents.ceb import emit_message, parse_message
from ledger.errors import Malformed

SAMPLES = OFFICIAL / "samples" / "export"
pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the official samples and schemas (../shared/data/ceb202205) are not here"
)

# What is wrong with each published sample: deviation → how often. customs-ceb.md section 1.5 names the duplicated
# BaseTransfer and the lower-case guids; the rest are placeholder values of the samples ("aaa", "0101", ten copies).
DEFECTS = {
    "CEB303": {
        "base-transfer-repeated": 1,
        "guid-lower-case": 11,
        "unknown-code": 20,
        "duplicate-key": 9,
    },
    "CEB403": {"base-transfer-repeated": 1, "guid-lower-case": 1, "duplicate-key": 9},
    "CEB505": {"base-transfer-repeated": 1, "guid-lower-case": 1, "duplicate-key": 9},
    "CEB603": {
        "base-transfer-repeated": 1,
        "guid-lower-case": 1,
        "unknown-code": 10,
        "unknown-value": 10,
        "duplicate-key": 9,
    },
    "CEB304": {"guid-lower-case": 11},
    "CEB404": {"guid-lower-case": 1},
    "CEB506": {"guid-lower-case": 1},
    "CEB604": {"guid-lower-case": 1, "pattern": 20, "unknown-value": 10},
}


def sample(message_type: str) -> bytes:
    return (SAMPLES / f"{message_type}Message.xml").read_bytes()


@pytest.fixture(scope="module")
def official() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(OFFICIAL / "xsd" / "export.xsd"))


@pytest.mark.parametrize("message_type", DEFECTS)
def test_sample_is_parsed_leniently_with_its_defects_named(message_type):
    message = parse_message(sample(message_type), "lenient")
    assert len(message.nodes) == 10
    assert dict(Counter(d.code for d in message.defects)) == DEFECTS[message_type]
    assert all(d.path.startswith(f"/{message_type}Message") and d.message_zh and d.message_en for d in message.defects)


@pytest.mark.parametrize("message_type", DEFECTS)
def test_sample_is_refused_strictly_with_the_same_reasons(message_type):
    lenient = parse_message(sample(message_type), "lenient")
    with pytest.raises(Malformed) as caught:
        parse_message(sample(message_type))
    assert caught.value.detail["defects"] == [d.as_json() for d in lenient.errors]
    assert caught.value.detail["defect_count"] == len(lenient.errors)


@pytest.mark.parametrize("message_type", DEFECTS)
def test_duplicated_transfer_is_the_only_thing_the_official_schema_refuses(message_type, official):
    root = etree.fromstring(sample(message_type))
    repeated = root.findall("{*}BaseTransfer")[1:]
    assert official.validate(root) is (not repeated)
    assert ("base-transfer-repeated" in DEFECTS[message_type]) is bool(repeated)
    for element in repeated:
        root.remove(element)
    assert official.validate(root), official.error_log


@pytest.mark.parametrize("message_type", DEFECTS)
def test_sample_written_again_satisfies_the_official_schema_and_loses_nothing(message_type, official):
    first = parse_message(sample(message_type), "lenient")
    data = emit_message(first)
    assert official.validate(etree.fromstring(data)), official.error_log
    again = parse_message(data, "lenient")
    assert [(n.head, n.lines, n.key) for n in again.nodes] == [(n.head, n.lines, n.key) for n in first.nodes]
    assert (again.guid, again.version, again.transfer) == (first.guid, first.version, first.transfer)
    assert (again.signature, again.subscriptions) == (first.signature, first.subscriptions)


@pytest.mark.parametrize("message_type", DEFECTS)
def test_sample_nodes_have_the_canonical_octets_of_their_xml(message_type):
    message = parse_message(sample(message_type), "lenient")
    root = etree.fromstring(sample(message_type), etree.XMLParser(remove_comments=True))
    for node, element in zip(message.nodes, root, strict=False):
        assert node.c14n == etree.tostring(element, method="c14n", with_tail=False)
        values = {str(e.tag).rpartition("}")[2]: e.text or "" for e in (element if not node.lines else element[0])}
        assert node.head == values


@pytest.mark.parametrize("name", ["CEB213", "CEB507", "CEB701"])
def test_sample_of_another_message_type_is_refused_by_name(name):
    with pytest.raises(Malformed, match=name):
        parse_message(sample(name), "lenient")


@pytest.mark.parametrize("name", ["CEB311", "CEB312", "CEB411", "CEB511", "CEB621"])
def test_import_sample_is_refused_by_name(name):
    with pytest.raises(Malformed, match=name):
        parse_message((OFFICIAL / "samples" / "import" / f"{name}Message.xml").read_bytes(), "lenient")
