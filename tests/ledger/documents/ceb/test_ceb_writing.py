"""Written messages and answers satisfy the official schema, keep the order, and lose nothing."""

from __future__ import annotations

from typing import Any

import pytest
from ceb_generated import CASES, TRANSFER, XSDS, composed, example, needs_official, signed
from ceb_generated import official as official_schema
from ceb_world import DOCUMENTS, INVENTORY, ORDER, RECEIPT, WAYBILL, changed, guid, message_xml
from hypothesis import given, settings
from lxml import etree

from ledger.documents.ceb import (
    Answer,
    Extension,
    compose_message,
    emit_message,
    new_guid,
    node_from_payload,
    parse_message,
    receipt_message,
    status_words,
)
from ledger.documents.ceb.schema import DECLARATIONS, MESSAGE_TYPES, code_table, common, schema
from ledger.errors import Malformed


@pytest.fixture(scope="module")
def official_schemas() -> dict[str, etree.XMLSchema]:
    return {edition: official_schema(path) for edition, path in XSDS.items()}


@pytest.fixture(scope="module")
def official(official_schemas: dict[str, etree.XMLSchema]) -> etree.XMLSchema:
    return official_schemas["export"]


def compose(message_type: str, *documents: dict[str, Any], **options: Any) -> bytes:
    return compose_message(message_type, [(d["head"], d["list"]) for d in documents], TRANSFER, **options)


@needs_official
@pytest.mark.parametrize("message_type", DOCUMENTS)
def test_composed_message_satisfies_the_official_schema(message_type, official):
    document = DOCUMENTS[message_type]
    key = schema(message_type).key[1]
    data = compose(message_type, document, changed(document, guid=guid(5), **{key: "B"}))
    assert official.validate(etree.fromstring(data)), official.error_log


@pytest.mark.parametrize("message_type", DOCUMENTS)
def test_composed_message_is_in_schema_order_when_the_values_were_not(message_type):
    document = DOCUMENTS[message_type]
    shuffled = {
        "head": dict(sorted(document["head"].items())),
        "list": [dict(sorted(line.items())) for line in document["list"]],
    }
    (node,) = parse_message(compose(message_type, shuffled)).nodes
    order = [spec.name for spec in schema(message_type).head_fields if spec.name in document["head"]]
    assert list(node.head) == order
    assert node.head == document["head"] and list(node.lines) == document["list"]


@pytest.mark.parametrize(
    ("message_type", "document"),
    [
        ("CEB303", changed(ORDER, orderNo="")),
        ("CEB303", changed(ORDER, ebcName=None)),
        ("CEB303", changed(ORDER, colour="red")),
        ("CEB303", {"head": ORDER["head"], "list": []}),
        ("CEB303", {"head": ORDER["head"], "list": ORDER["list"] * 51}),
        ("CEB403", changed(RECEIPT, charge="1e5")),
        ("CEB505", changed(WAYBILL, appTime="now")),
        ("CEB603", changed(INVENTORY, tradeMode="0110")),
        ("CEB999", ORDER),
    ],
)
def test_composing_is_refused_when_strict_parsing_would_refuse(message_type, document):
    with pytest.raises(Malformed):
        compose(message_type, document)


def test_composing_is_refused_when_the_transfer_is_missing():
    with pytest.raises(Malformed):
        compose_message("CEB303", [(ORDER["head"], ORDER["list"])])


def test_new_guid_is_upper_case_and_fresh():
    guids = {new_guid() for _ in range(100)}
    assert len(guids) == 100
    assert all(schema("CEB303").head_fields[0].accepts(g) for g in guids)


@needs_official
@pytest.mark.parametrize("status", ["2", "100", "120", "-301010"])
@pytest.mark.parametrize("message_type", DOCUMENTS)
def test_answer_satisfies_the_official_schema_and_names_the_document(message_type, status, official):
    (node,) = parse_message(message_xml(message_type)).nodes
    data = receipt_message([Answer(node, status, "规则 R3：订单编号不一致")], time_ms=1_781_312_400_123)
    assert official.validate(etree.fromstring(data)), official.error_log
    answer = parse_message(data, "lenient")
    assert answer.message_type == schema(message_type).answer
    (returned,) = answer.nodes
    assert returned.key == node.key
    assert (returned.head["returnStatus"], returned.head["returnInfo"]) == (status, "规则 R3：订单编号不一致")
    assert returned.head["returnTime"] == "20260613090000123"


@needs_official
def test_answer_is_given_when_the_declaration_is_full_of_errors(official):
    bad = changed(ORDER, guid="x", ebpCode="?", currency="?", ebcCode="?" * 30)
    (node,) = parse_message(message_xml("CEB303", bad), "lenient").nodes
    data = receipt_message([Answer(node, "100", "长" * 5000)], time_ms=0)
    assert official.validate(etree.fromstring(data)), official.error_log


def test_answer_is_given_when_the_node_was_read_back_from_its_payload():
    (node,) = parse_message(message_xml("CEB603")).nodes
    again = node_from_payload(node.kind, node.payload())
    one = receipt_message([Answer(node, "120", "ok")], time_ms=0, guid=guid(1))
    assert receipt_message([Answer(again, "120", "ok")], time_ms=0, guid=guid(1)) == one


def test_answering_is_refused_when_there_is_nothing_or_mixed_kinds_or_an_answer():
    (order,) = parse_message(message_xml("CEB303")).nodes
    (waybill,) = parse_message(message_xml("CEB505")).nodes
    (answer,) = parse_message(receipt_message([Answer(order, "2", "ok")], time_ms=0), "lenient").nodes
    for answers in ([], [Answer(order, "2", ""), Answer(waybill, "2", "")], [Answer(answer, "2", "")]):
        with pytest.raises(Malformed):
            receipt_message(answers, time_ms=0)


def test_every_status_has_words_in_both_languages():
    assert {"2", "100", "120", "399", "800", "899"} <= set(code_table("statuses"))
    assert status_words("100")["zh"] == "海关退单"
    assert status_words("-1")["en"] == "Processing error"
    assert all(row["zh"] and row["en"] for row in code_table("statuses").values())


# ------------------------------------------------------------------------------------------------ generated messages


@settings(max_examples=120, deadline=None)
@given(CASES)
def test_generated_message_of_any_type_survives_writing_and_reading(case):
    message_type, made = case
    data = composed(message_type, made)
    message = parse_message(data)
    (node,) = message.nodes
    assert node.head == made["head"] and list(node.lines) == made["list"]
    again = parse_message(emit_message(message))
    assert again == message


@needs_official
@settings(max_examples=150, deadline=None)
@given(CASES)
def test_generated_message_of_any_type_satisfies_the_official_schema(official_schemas, case):
    message_type, made = case
    xsd = official_schemas[schema(message_type).edition]
    assert xsd.validate(etree.fromstring(composed(message_type, made))), xsd.error_log


@pytest.mark.parametrize("message_type", MESSAGE_TYPES)
def test_every_message_type_is_written_and_read_again(message_type):
    made = example(message_type)
    message = parse_message(composed(message_type, made))
    assert (message.message_type, message.errors, message.schema_valid) == (message_type, (), True)
    assert parse_message(emit_message(message)) == message
    assert node_from_payload(message.nodes[0].kind, message.nodes[0].payload()).head == made["head"]


@needs_official
@pytest.mark.parametrize("message_type", DECLARATIONS)
def test_every_declaration_is_answered_in_the_official_form(message_type, official_schemas):
    made = example(message_type)
    (node,) = parse_message(composed(message_type, made)).nodes
    answer = receipt_message([Answer(node, "100", "退单")], time_ms=1_781_312_400_123)
    xsd = official_schemas[schema(message_type).edition]
    assert xsd.validate(etree.fromstring(answer)), xsd.error_log
    (returned,) = parse_message(answer, "lenient").nodes
    assert returned.kind == f"ceb.{int(message_type[3:]) + 1}"
    assert returned.key == tuple(node.head[name] for name in schema(f"CEB{returned.kind[4:]}").key)


def test_extension_and_foreign_attributes_survive_writing():
    made = compose(
        "CEB505", WAYBILL, extension=Extension("批次<1>", "1.0", b'<x:lot xmlns:x="urn:x" a="1">L&amp;1</x:lot>')
    )
    data = made.replace(b' version="1.0">', b' version="1.0" colour="a&quot;b" xmlns:y="urn:y" y:z="1">', 1)
    first = parse_message(data, "lenient")
    assert [d.code for d in first.errors] == ["unknown-attribute"] * 2
    assert first.attributes == {"colour": 'a"b', "{urn:y}z": "1"}
    again = parse_message(emit_message(first), "lenient")
    assert (again.attributes, again.nodes[0].head) == (first.attributes, first.nodes[0].head)
    assert b"L&amp;1</x:lot>" in (again.extension or b"") and "批次&lt;1&gt;".encode() in (again.extension or b"")


@pytest.mark.parametrize(
    "extension",
    [
        "<ceb:ExtendMessage/>",
        "<ceb:ExtendMessage><ceb:name>a</ceb:name><ceb:version>1</ceb:version></ceb:ExtendMessage>",
        "<ceb:ExtendMessage><ceb:version>1</ceb:version><ceb:name>a</ceb:name><ceb:Message/></ceb:ExtendMessage>",
        "<ceb:ExtendMessage><ceb:name>a</ceb:name><ceb:version>1</ceb:version><ceb:Message>t</ceb:Message></ceb:ExtendMessage>",
        "<ceb:ExtendMessage><ceb:name>a</ceb:name><ceb:version>1</ceb:version><ceb:Message><a/><b/></ceb:Message>"
        "</ceb:ExtendMessage>",
        "<ceb:ExtendMessage><ceb:name><a/></ceb:name><ceb:version>1</ceb:version><ceb:Message/></ceb:ExtendMessage>",
        f"<ceb:ExtendMessage><ceb:name>{'a' * 31}</ceb:name><ceb:version>1</ceb:version><ceb:Message/>"
        "</ceb:ExtendMessage>",
    ],
)
@needs_official
def test_extension_is_named_as_deviating_when_the_official_schema_refuses_it(extension, official_schemas):
    data = message_xml("CEB505").replace(b"</ceb:CEB505Message>", extension.encode() + b"</ceb:CEB505Message>")
    assert not official_schemas["export"].validate(etree.fromstring(data))
    message = parse_message(data, "lenient")
    assert not message.schema_valid
    assert message.errors[0].path.startswith("/CEB505Message/ExtendMessage")
    with pytest.raises(Malformed):
        parse_message(data)


def test_import_list_is_composed_unsigned_but_refused_strictly_until_it_is_signed():
    made = example("CEB621")
    unsigned = compose_message("CEB621", [(made["head"], made["list"])], TRANSFER)
    with pytest.raises(Malformed, match="Signature"):
        parse_message(unsigned)
    assert parse_message(signed("CEB621", unsigned)).signature is not None


def test_carriage_returns_and_markup_survive_writing():
    made = changed(ORDER, note='a\r\n\tb & <c> ]]> "d" \'')
    data = compose("CEB303", made)
    assert parse_message(data).nodes[0].head["note"] == made["head"]["note"]


def test_composed_message_carries_subscriptions_in_their_place():
    subscription = {"status": "ALL", "dxpMode": "DXP", "dxpAddress": "DXPX"}
    data = compose("CEB505", WAYBILL, subscriptions=[subscription])
    assert parse_message(data).subscriptions == (subscription,)
    assert [s.name for s in common("BaseSubscribe")][:3] == list(subscription)
