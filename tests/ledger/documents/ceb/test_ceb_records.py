"""Typed records agree with the message tables and lose no value."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, datetime
from decimal import Decimal
from typing import get_type_hints

import pytest
from ceb_generated import CASES, composed, example
from ceb_world import INVENTORY, ORDER, changed, message_xml, node
from hypothesis import given, settings

from ledger.documents.ceb import parse_message
from ledger.documents.ceb.checks import FieldSpec
from ledger.documents.ceb.records import RECORDS, lists, orders, texts, typed
from ledger.documents.ceb.schema import MESSAGE_TYPES, schema
from ledger.errors import Malformed


def expected(spec: FieldSpec) -> object:
    time = (spec.check or {}).get("time")
    kind: type = {"%Y%m%d": date, None: {"string": str, "int": int, "decimal": Decimal}[spec.type]}.get(time, datetime)
    return kind | None if spec.optional else kind


@pytest.mark.parametrize("message_type", MESSAGE_TYPES)
def test_record_classes_have_the_elements_of_their_table(message_type):
    table = schema(message_type)
    head, line = RECORDS[table.kind]
    assert (line is None) is (table.list is None)
    for made, specs in ((head, table.head_fields), (line, table.list_fields)):
        if made is None:
            continue
        assert [f.name for f in fields(made)] == [s.name for s in specs]
        assert list(get_type_hints(made).values()) == [expected(s) for s in specs]
        assert message_type in made.__doc__ and table.source in made.__doc__


def test_every_kind_has_its_records():
    assert set(RECORDS) == {schema(t).kind for t in MESSAGE_TYPES}
    assert len({made for pair in RECORDS.values() for made in pair if made}) == sum(
        2 if schema(t).list else 1 for t in MESSAGE_TYPES
    )


def test_record_holds_exact_numbers_and_times():
    order = typed(node("CEB303"))
    assert isinstance(order.head, orders.OrderHead) and isinstance(order.lines[0], orders.OrderList)
    assert (order.head.goodsValue, order.head.appTime) == (Decimal("139.50"), datetime(2026, 6, 13, 8))
    assert (order.lines[1].gnum, order.lines[1].barCode, order.head.note) == (2, None, None)
    listed = typed(node("CEB603"))
    assert isinstance(listed.head, lists.InventoryHead) and listed.head.ieDate == date(2026, 6, 14)


@settings(max_examples=60, deadline=None)
@given(CASES)
def test_typed_record_loses_no_value(case):
    message_type, made = case
    (parsed,) = parse_message(composed(message_type, made)).nodes
    first = typed(parsed)
    head, lines = texts(first.head), [texts(line) for line in first.lines]
    assert list(head) == list(parsed.head)
    again = typed(replace(parsed, head=head, lines=tuple(lines)))
    assert again == first
    for name, text in parsed.head.items():
        assert head[name] == text or Decimal(head[name]) == Decimal(text)


@pytest.mark.parametrize("message_type", MESSAGE_TYPES)
def test_typed_record_writes_the_message_that_it_came_from(message_type):
    made = example(message_type)
    (parsed,) = parse_message(composed(message_type, made)).nodes
    record = typed(parsed)
    written = {"head": texts(record.head), "list": [texts(line) for line in record.lines]}
    assert written == made


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (changed(ORDER, goodsValue="1e3"), "/OrderHead/goodsValue"),
        (changed(ORDER, goodsValue=""), "/OrderHead/goodsValue"),
        (changed(ORDER, goodsValue="-1"), "/OrderHead/goodsValue"),
        (changed(ORDER, goodsValue="1" * 20), "/OrderHead/goodsValue"),
        (changed(ORDER, appTime="20260230080000"), "/OrderHead/appTime"),
        (changed(ORDER, line=2, gnum="2.0"), "/OrderList[2]/gnum"),
        (changed(ORDER, line=1, qty="1.123456"), "/OrderList[1]/qty"),
        (changed(ORDER, ebcName=None), "/OrderHead/ebcName"),
        (changed(ORDER, colour="red"), "/OrderHead/colour"),
    ],
)
def test_typing_is_refused_by_path_when_a_value_does_not_convert(document, field):
    with pytest.raises(Malformed) as caught:
        typed(node("CEB303", document, "lenient"))
    assert caught.value.field == field


def test_date_is_refused_when_it_is_none():
    (lenient,) = parse_message(message_xml("CEB603", changed(INVENTORY, ieDate="20261301")), "lenient").nodes
    with pytest.raises(Malformed, match="ieDate"):
        typed(lenient)
