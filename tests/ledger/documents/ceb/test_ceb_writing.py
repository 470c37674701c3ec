"""Written messages and answers satisfy the official schema, keep the order, and lose nothing."""

from __future__ import annotations

from typing import Any

import pytest
from ceb_world import DOCUMENTS, INVENTORY, OFFICIAL, ORDER, RECEIPT, WAYBILL, changed, guid, message_xml
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from ledger.documents.ceb import (
    Answer,
    compose_message,
    emit_message,
    new_guid,
    node_from_payload,
    parse_message,
    receipt_message,
    status_words,
)
from ledger.documents.ceb.schema import FieldSpec, code_table, common, schema
from ledger.errors import Malformed

XSD = OFFICIAL / "xsd" / "export.xsd"
needs_official = pytest.mark.skipif(
    not XSD.is_file(), reason="the official schemas (../shared/data/ceb202205) are not here"
)
TRANSFER = {"copCode": "4409960003", "copName": "传输企业", "dxpMode": "DXP", "dxpId": "DXPLGS0000000001"}


@pytest.fixture(scope="module")
def official() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(XSD))


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

# Letters, digits, Chinese and markup characters: what XML can hold and NFC leaves alone.
TEXT = st.text(alphabet="AZaz09 <>&\"'-_荔枝龙眼公司（）", min_size=1, max_size=20).filter(lambda t: t.strip() == t)
TIMES = {8: "20260613", 14: "20260613080000", 17: "20260613080000123"}
NUMBERS = {"orderNo", "logisticsNo"}


def value(spec: FieldSpec) -> st.SearchStrategy[str]:
    """A lawful value of a field, made from its official length and type and our tables."""
    check = spec.check or {}
    if spec.fixed is not None:
        return st.just(spec.fixed)
    if "values" in check:
        return st.sampled_from(check["values"])
    if "table" in check:
        return st.sampled_from(sorted(code_table(check["table"])))
    if "time" in check:
        return st.just(TIMES[spec.maximum])
    if "pattern" in check and spec.name not in NUMBERS:
        return st.from_regex(check["pattern"], fullmatch=True)
    if spec.type == "int":
        return st.integers(1, 10**spec.maximum - 1).map(str)
    if spec.type == "decimal":
        return st.decimals(min_value="0.00001", max_value=10**13, places=5).map(lambda d: format(d, "f"))
    return TEXT.map(lambda t: t[: spec.maximum].strip()) if spec.minimum == 0 else st.just("A" * spec.maximum)


def fields(specs: tuple[FieldSpec, ...]) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries(
        {s.name: value(s) for s in specs if not s.optional}, optional={s.name: value(s) for s in specs if s.optional}
    )


def numbered(lines: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{**line, "gnum": str(i)} for i, line in enumerate(lines, 1)]


def document(message_type: str) -> st.SearchStrategy[dict[str, Any]]:
    table = schema(message_type)
    lines = st.lists(fields(table.list_fields), min_size=1, max_size=2).map(numbered) if table.list else st.just([])
    return st.fixed_dictionaries({"head": fields(table.head_fields), "list": lines})


CASES = st.one_of([st.tuples(st.just(t), document(t)) for t in DOCUMENTS])


@settings(max_examples=40, deadline=None)
@given(CASES)
def test_generated_message_survives_writing_and_reading(case):
    message_type, made = case
    data = compose_message(message_type, [(made["head"], made["list"])], TRANSFER)
    message = parse_message(data)
    (node,) = message.nodes
    assert node.head == made["head"] and list(node.lines) == made["list"]
    again = parse_message(emit_message(message))
    assert (again.nodes[0].c14n, again.transfer, again.guid) == (node.c14n, message.transfer, message.guid)


@needs_official
@settings(max_examples=40, deadline=None)
@given(CASES)
def test_generated_message_satisfies_the_official_schema(official, case):
    message_type, made = case
    data = compose_message(message_type, [(made["head"], made["list"])], TRANSFER)
    assert official.validate(etree.fromstring(data)), official.error_log


def test_carriage_returns_and_markup_survive_writing():
    made = changed(ORDER, note='a\r\n\tb & <c> ]]> "d" \'')
    data = compose("CEB303", made)
    assert parse_message(data).nodes[0].head["note"] == made["head"]["note"]


def test_composed_message_carries_subscriptions_in_their_place():
    subscription = {"status": "ALL", "dxpMode": "DXP", "dxpAddress": "DXPX"}
    data = compose("CEB505", WAYBILL, subscriptions=[subscription])
    assert parse_message(data).subscriptions == (subscription,)
    assert [s.name for s in common("BaseSubscribe")][:3] == list(subscription)
