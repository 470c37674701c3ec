"""The official sample messages: each has its documented outcome, and exactly its known deviations are named."""

from __future__ import annotations

from collections import Counter

import pytest
from ceb_generated import XSDS, composed, example
from ceb_generated import official as official_schema
from ceb_world import OFFICIAL, message_xml
from lxml import etree

from ledger.documents.ceb import CebMessage, emit_message, parse_message
from ledger.documents.ceb.schema import schema
from ledger.errors import Malformed

SAMPLES = OFFICIAL / "samples"
pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the official samples and schemas (../shared/data/ceb202205) are not here"
)

VALID = "valid"  # the official schema accepts it
ONCE_DROPPED = "valid once the duplicated BaseTransfer is dropped"

# Sample → outcome against the official schema (customs-ceb.md 1.5), nodes, and how often each deviation is named. What
# the schema lets through and we name are placeholder values of the samples ("aaa", "0101", "001", "Invt2018…", packNo
# 6000), lower-case guids, and copies of one document.
OUTCOMES: dict[str, tuple[str, int, dict[str, int]]] = {
    "export/CEB213": (VALID, 10, {"pattern": 10, "duplicate-key": 8}),
    "export/CEB303": (
        ONCE_DROPPED,
        10,
        {"base-transfer-repeated": 1, "guid-lower-case": 11, "unknown-code": 20, "duplicate-key": 9},
    ),
    "export/CEB304": (VALID, 10, {"guid-lower-case": 11}),
    "export/CEB403": (ONCE_DROPPED, 10, {"base-transfer-repeated": 1, "guid-lower-case": 1, "duplicate-key": 9}),
    "export/CEB404": (VALID, 10, {"guid-lower-case": 1}),
    "export/CEB505": (ONCE_DROPPED, 10, {"base-transfer-repeated": 1, "guid-lower-case": 1, "duplicate-key": 9}),
    "export/CEB506": (VALID, 10, {"guid-lower-case": 1}),
    "export/CEB507": (ONCE_DROPPED, 10, {"base-transfer-repeated": 1, "guid-lower-case": 1, "duplicate-key": 9}),
    "export/CEB603": (
        ONCE_DROPPED,
        10,
        {
            "base-transfer-repeated": 1,
            "guid-lower-case": 1,
            "unknown-code": 20,
            "unknown-value": 10,
            "duplicate-key": 9,
        },
    ),
    "export/CEB604": (VALID, 10, {"guid-lower-case": 1, "pattern": 20, "unknown-value": 10}),
    "export/CEB701": (VALID, 10, {"guid-lower-case": 1, "pattern": 30, "duplicate-key": 9}),
    "import/CEB311": (VALID, 6, {"duplicate-key": 5}),
    "import/CEB312": (VALID, 10, {}),
    "import/CEB411": (VALID, 10, {"duplicate-key": 8}),
    "import/CEB511": (VALID, 6, {"out-of-range": 6, "duplicate-key": 5}),
    "import/CEB621": (VALID, 10, {"out-of-range": 10, "duplicate-key": 8}),
}


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}Message.xml").read_bytes()


@pytest.fixture(scope="module")
def official() -> dict[str, etree.XMLSchema]:
    return {edition: official_schema(path) for edition, path in XSDS.items()}


def without_repeated_transfer(name: str) -> etree._Element:
    root = etree.fromstring(sample(name))
    for element in root.findall("{*}BaseTransfer")[1:]:
        root.remove(element)
    return root


def test_every_official_sample_is_in_the_table():
    assert {str(p.relative_to(SAMPLES))[: -len("Message.xml")] for p in SAMPLES.glob("*/*.xml")} == set(OUTCOMES)


@pytest.mark.parametrize("name", OUTCOMES)
def test_sample_has_its_documented_outcome(name, official):
    outcome, _, _ = OUTCOMES[name]
    xsd = official[name.split("/")[0]]
    message = parse_message(sample(name), "lenient")
    assert xsd.validate(etree.fromstring(sample(name))) is message.schema_valid is (outcome == VALID)
    assert xsd.validate(without_repeated_transfer(name)), xsd.error_log
    refused = [d.code for d in message.errors if d.level == "schema"]
    assert refused == ([] if outcome == VALID else ["base-transfer-repeated"])
    once = parse_message(etree.tostring(without_repeated_transfer(name), encoding="UTF-8"), "lenient")
    assert once.schema_valid and once.transfer == message.transfer


@pytest.mark.parametrize("name", OUTCOMES)
def test_sample_is_parsed_leniently_with_its_deviations_named(name):
    _, nodes, deviations = OUTCOMES[name]
    message = parse_message(sample(name), "lenient")
    assert len(message.nodes) == nodes
    assert dict(Counter(d.code for d in message.defects)) == deviations
    root = f"/{name.split('/')[1]}Message"
    assert all(d.path.startswith(root) and d.message_zh and d.message_en for d in message.defects)


@pytest.mark.parametrize("name", OUTCOMES)
def test_sample_is_refused_strictly_with_the_same_reasons(name):
    lenient = parse_message(sample(name), "lenient")
    if not lenient.errors:
        assert parse_message(sample(name)) == lenient
        return
    with pytest.raises(Malformed) as caught:
        parse_message(sample(name))
    assert caught.value.detail["defects"] == [d.as_json() for d in lenient.errors]
    assert caught.value.detail["defect_count"] == len(lenient.errors)


def content(message: CebMessage) -> tuple[object, ...]:
    """Everything a message says, whatever prefix and white space it was written with."""
    return (
        *[(n.kind, n.head, n.lines, n.key) for n in message.nodes],
        (message.guid, message.version, message.transfer, message.subscriptions, message.signature, message.extension),
        message.attributes,
    )


@pytest.mark.parametrize("name", OUTCOMES)
def test_sample_written_again_satisfies_the_official_schema_and_loses_nothing(name, official):
    first = parse_message(sample(name), "lenient")
    data = emit_message(first)
    xsd = official[name.split("/")[0]]
    assert xsd.validate(etree.fromstring(data)), xsd.error_log
    again = parse_message(data, "lenient")
    assert content(again) == content(first)
    assert parse_message(emit_message(again), "lenient") == again


@pytest.mark.parametrize("name", OUTCOMES)
def test_sample_nodes_have_the_canonical_octets_of_their_xml(name):
    message = parse_message(sample(name), "lenient")
    root = etree.fromstring(sample(name), etree.XMLParser(remove_comments=True))
    headed = schema(message.message_type).head is not None
    for node, element in zip(message.nodes, root, strict=False):
        alone = etree.fromstring(etree.tostring(element, with_tail=False, encoding="UTF-8"))
        assert node.c14n == etree.tostring(alone, method="c14n")
        values = {str(e.tag).rpartition("}")[2]: e.text or "" for e in (element[0] if headed else element)}
        assert node.head == values


# The package's samples that are invalid for a stated reason are not in the data set; these have the same faults.
def test_answer_is_refused_when_its_root_is_named_like_the_official_refund_sample():
    lawful = message_xml("CEB303")
    with pytest.raises(Malformed, match="not a CEB message"):
        parse_message(lawful.replace(b"CEB303Message", b"CEB214"), "lenient")


def test_summary_result_without_gseqno_is_invalid_as_the_official_sample_is(official):
    made = example("CEB792")
    data = composed("CEB792", made)
    assert official["export"].validate(etree.fromstring(data))
    short = data.replace(b"<ceb:gseqno>1</ceb:gseqno>", b"", 1)
    assert not official["export"].validate(etree.fromstring(short))
    message = parse_message(short, "lenient")
    assert [(d.code, d.path) for d in message.errors] == [
        ("missing-mandatory", "/CEB792Message/SummaryResult[1]/SummaryResultList[1]/gseqno")
    ]


@pytest.mark.parametrize("name", ["CEB513", "CEB816", "CEB711"])
def test_message_of_another_type_is_refused_by_name(name):
    with pytest.raises(Malformed, match=name):
        parse_message(message_xml("CEB303").replace(b"CEB303", name.encode()), "lenient")
