"""EPCIS-shaped events: which are accepted, which lots they name, which field a refusal names."""

from __future__ import annotations

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain import cbv
from ledger.domain.events import lots_of_event, parse_document, parse_event
from ledger.errors import Malformed

EXAMPLES = Path(__file__).parents[4] / "shared" / "data" / "epcis20" / "examples"
LGTIN = "urn:epc:class:lgtin:4012345.012345.L1"
LINK = "https://id.gs1.org/01/09506000134352/10/FZX-1"
EVENT: dict[str, Any] = {
    "type": "ObjectEvent",
    "eventTime": "2026-06-12T06:30:00.250+08:00",
    "eventTimeZoneOffset": "+08:00",
    "action": "ADD",
    "bizStep": "commissioning",
    "disposition": "active",
    "epcList": [],
    "quantityList": [{"epcClass": LINK, "quantity": 12500, "uom": "KGM"}, {"epcClass": LGTIN}],
    "readPoint": {"id": "urn:epc:id:sgln:0614141.07346.1234"},
    "bizLocation": {"id": "https://id.gs1.org/414/9506000134307"},
    "ilmd": {"cbvmda:lotNumber": "FZX-1"},
    "sensorElementList": [
        {"sensorMetadata": {"time": "2026-06-12T06:30:00Z"}, "sensorReport": [{"type": "Temperature", "value": 3.5}]}
    ],
    "example:ext": {"a": 1},
}


def event(**changes: Any) -> dict[str, Any]:
    made = copy.deepcopy(EVENT)
    for key, value in changes.items():
        name = key.replace("__", ":")
        if value is ...:
            del made[name]
        else:
            made[name] = value
    return made


def test_event_is_read_when_it_is_complete():
    parsed = parse_event(EVENT)
    assert parsed.lots == (("09506000134352", "FZX-1"), ("04012345123456", "L1"))
    assert (parsed.event_time, parsed.action, parsed.biz_step, parsed.disposition) == (
        1781217000,
        "ADD",
        "commissioning",
        "active",
    )
    assert parsed.place == "https://id.gs1.org/414/9506000134307"


def examples() -> list[Path]:
    return sorted(EXAMPLES.glob("*.jsonld"))


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the GS1 example documents (../shared/data/epcis20) are not here")
def test_every_published_example_document_is_accepted():
    seen = set()
    assert len(examples()) >= 30
    for path in examples():
        for item in parse_document(json.loads(path.read_text(encoding="utf-8"))):
            seen.add(parse_event(item).type)
    assert seen == {"ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent", "AssociationEvent"}


@pytest.mark.parametrize(
    ("written", "bare"),
    [
        ("shipping", "shipping"),
        ("urn:epcglobal:cbv:bizstep:shipping", "shipping"),
        ("https://ref.gs1.org/cbv/BizStep-shipping", "shipping"),
        ("cbv:BizStep-shipping", "shipping"),
        ("https://example.org/step/fumigating", "https://example.org/step/fumigating"),
    ],
)
def test_biz_step_is_the_bare_word_when_it_is_a_standard_one(written, bare):
    assert parse_event(event(bizStep=written)).biz_step == bare


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"type": "HarvestEvent"}, "/type"),
        ({"type": ["ObjectEvent"]}, "/type"),
        ({"type": ...}, "/type"),
        ({"eventTime": ...}, "/eventTime"),
        ({"eventTime": "2026-06-12T06:30:00"}, "/eventTime"),
        ({"eventTime": "yesterday"}, "/eventTime"),
        ({"eventTime": "0001-01-01T00:00:00+00:00"}, "/eventTime"),
        ({"eventTime": "1899-12-31T23:59:59Z"}, "/eventTime"),
        ({"eventTime": "3000-01-01T00:00:00Z"}, "/eventTime"),
        ({"eventTime": "9999-12-31T23:59:59.999-23:59"}, "/eventTime"),
        ({"eventTimeZoneOffset": "Z"}, "/eventTimeZoneOffset"),
        ({"eventTimeZoneOffset": "+25:00"}, "/eventTimeZoneOffset"),
        ({"action": "CHANGE"}, "/action"),
        ({"action": ...}, "/action"),
        ({"bizStep": "harvesting"}, "/bizStep"),
        ({"bizStep": "urn:epcglobal:cbv:bizstep:harvesting"}, "/bizStep"),
        ({"disposition": "eaten"}, "/disposition"),
        ({"epcList": "x"}, "/epcList"),
        ({"epcList": ["not a uri"]}, "/epcList/0"),
        ({"epcList": ["https://id.gs1.org/01/09506000134353/10/A"]}, "/epcList/0"),
        ({"epcList": ["urn:epc:class:lgtin:4012345.01234.L1"]}, "/epcList/0"),
        ({"quantityList": [{"quantity": 1}]}, "/quantityList/0/epcClass"),
        ({"quantityList": [{"epcClass": LINK, "quantity": 0}]}, "/quantityList/0/quantity"),
        ({"quantityList": [{"epcClass": LINK, "quantity": "1"}]}, "/quantityList/0/quantity"),
        ({"quantityList": [{"epcClass": LINK, "uom": "KGM"}]}, "/quantityList/0/uom"),
        ({"quantityList": [{"epcClass": LINK, "quantity": 1, "uom": "kilogram"}]}, "/quantityList/0/uom"),
        ({"readPoint": "x"}, "/readPoint"),
        ({"readPoint": {}}, "/readPoint/id"),
        ({"action": "OBSERVE"}, "/ilmd"),
        ({"colour": "red"}, "/colour"),
        ({"bizTransactionList": [{"type": "po"}]}, "/bizTransactionList/0/bizTransaction"),
        ({"bizTransactionList": [{"bizTransaction": "urn:x:1", "type": "contract"}]}, "/bizTransactionList/0/type"),
        ({"sourceList": [{"source": "urn:x:1"}]}, "/sourceList/0/type"),
        ({"persistentDisposition": {}}, "/persistentDisposition"),
        ({"persistentDisposition": {"set": ["eaten"]}}, "/persistentDisposition/set/0"),
        ({"sensorElementList": [{}]}, "/sensorElementList/0/sensorReport"),
        ({"sensorElementList": [{"sensorReport": [{}]}]}, "/sensorElementList/0/sensorReport/0"),
        (
            {"sensorElementList": [{"sensorReport": [{"type": "Temperature", "value": "3"}]}]},
            "/sensorElementList/0/sensorReport/0/value",
        ),
        ({"errorDeclaration": {}}, "/errorDeclaration/declarationTime"),
        (
            {"errorDeclaration": {"declarationTime": "2026-06-12T06:30:00Z", "reason": "oops"}},
            "/errorDeclaration/reason",
        ),
        ({"ilmd": {"cbvmda:lotNumber": "批"}}, "/ilmd/cbvmda:lotNumber"),
    ],
)
def test_event_refusal_names_the_field_when_it_is_wrong(changes, field):
    with pytest.raises(Malformed) as caught:
        parse_event(event(**changes))
    assert caught.value.field == field


@pytest.mark.parametrize("edge", ["1900-01-01T00:00:00Z", "2999-12-31T23:59:59.999Z"])
def test_event_is_read_when_its_time_is_the_first_or_last_that_every_calendar_holds(edge):
    assert parse_event(event(eventTime=edge)).event_time is not None


TRANSFORMATION: dict[str, Any] = {
    "type": "TransformationEvent",
    "eventTime": "2026-06-12T06:30:00+08:00",
    "eventTimeZoneOffset": "+08:00",
    "inputQuantityList": [{"epcClass": LINK}],
    "outputEPCList": ["urn:epc:id:sgtin:0614141.107346.2018", "https://id.gs1.org/01/09506000134352/10/X/21/1"],
    "ilmd": {"cbvmda:lotNumber": "OUT"},
}


def test_transformation_names_inputs_outputs_and_the_lot_of_serialised_outputs():
    assert lots_of_event(TRANSFORMATION) == (
        ("10614141073464", "OUT"),
        ("09506000134352", "X"),
        ("09506000134352", "FZX-1"),
    )


def test_serialised_items_name_no_lot_when_the_event_does_not_create_them():
    observed = event(action="OBSERVE", ilmd=..., quantityList=..., epcList=["urn:epc:id:sgtin:0614141.107346.2018"])
    assert lots_of_event(observed) == ()


def test_other_keys_name_no_lot():
    keys = ["urn:epc:id:sscc:0614141.1234567890", "https://id.gs1.org/00/106141412345678908", "urn:uuid:1"]
    assert lots_of_event(event(epcList=keys, quantityList=..., ilmd=...)) == ()


@pytest.mark.parametrize(
    ("made", "field"),
    [
        ({**TRANSFORMATION, "action": "ADD"}, "/action"),
        ({k: v for k, v in TRANSFORMATION.items() if k != "outputEPCList"}, "/outputQuantityList"),
        ({**event(epcList=..., quantityList=..., sensorElementList=..., ilmd=...)}, "/epcList"),
        ({**event(ilmd=...), "type": "TransactionEvent"}, "/bizTransactionList"),
        (
            {"type": "AggregationEvent", "eventTime": "2026-06-12T06:30:00Z", "eventTimeZoneOffset": "+00:00",
             "action": "ADD", "childEPCs": ["urn:x:1"]},
            "/parentID",
        ),
        (
            {"type": "AssociationEvent", "eventTime": "2026-06-12T06:30:00Z", "eventTimeZoneOffset": "+00:00",
             "action": "ADD", "parentID": "urn:x:1"},
            "/childEPCs",
        ),
    ],
)  # fmt: skip
def test_event_is_refused_when_its_type_demands_more(made, field):
    with pytest.raises(Malformed) as caught:
        parse_event(made)
    assert caught.value.field == field


def test_correction_is_recognised_when_an_error_is_declared():
    declared = {
        "declarationTime": "2026-06-13T06:30:00Z",
        "reason": "incorrect_data",
        "correctiveEventIDs": ["urn:x:1"],
    }
    assert parse_event(event(errorDeclaration=declared)).corrects == "incorrect_data"
    assert parse_event(EVENT).corrects is None


def test_event_in_the_future_is_refused_when_the_time_is_given():
    with pytest.raises(Malformed, match="future"):
        parse_event(EVENT, now=1781217000 - 16 * 60)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"type": "EPCISDocument"},
        {"type": "EPCISDocument", "schemaVersion": "1.2", "epcisBody": {"eventList": [EVENT]}},
        {"type": "EPCISDocument", "schemaVersion": "2.0", "epcisBody": {}},
        {"type": "EPCISDocument", "schemaVersion": "2.0", "epcisBody": {"eventList": []}},
        {"type": "EPCISDocument", "schemaVersion": "2.0", "epcisBody": {"eventList": ["x"]}},
        {"type": "EPCISQueryDocument", "schemaVersion": "2.0", "epcisBody": {"eventList": [EVENT]}},
        {"type": "EPCISDocument", "schemaVersion": "2.0", "epcisBody": {"eventList": [EVENT] * 10_001}},
    ],
)
def test_document_is_refused_when_it_holds_no_events(document):
    with pytest.raises(Malformed):
        parse_document(document)


def test_document_gives_its_events_in_order():
    first, second = event(bizStep="packing"), event(bizStep="shipping")
    document = {"type": "EPCISDocument", "schemaVersion": "2.0", "epcisBody": {"eventList": [first, second]}}
    assert parse_document(document) == (first, second)
    assert parse_document(first) == (first,)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda c: st.lists(c, max_size=4) | st.dictionaries(st.text(), c, max_size=4),
    max_leaves=8,
)


@given(JSON, st.sampled_from(sorted(EVENT)))
def test_event_parser_raises_only_malformed_when_a_field_is_garbage(value, key):
    for candidate in (value, {**EVENT, key: value}):
        with contextlib.suppress(Malformed):
            parse_event(candidate)
        with contextlib.suppress(Malformed):
            parse_document(candidate)


SCHEMA = EXAMPLES.parent / "EPCIS-JSON-Schema.json"


def enumerated(node: Any) -> set[str]:
    """Every word of every enum below a JSON schema node."""
    if isinstance(node, list):
        return set().union(*map(enumerated, node))
    if not isinstance(node, dict):
        return set()
    return set(node.get("enum", ())).union(*map(enumerated, node.values()))


@pytest.mark.skipif(not SCHEMA.is_file(), reason="the GS1 JSON schema (../shared/data/epcis20) is not here")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bizStep", cbv.BIZ_STEPS),
        ("disposition", cbv.DISPOSITIONS),
        ("bizTransaction-type", cbv.BIZ_TRANSACTIONS),
        ("source-dest-type", cbv.PARTIES),
        ("error-reason", cbv.ERROR_REASONS),
    ],
)
def test_cbv_words_are_those_of_the_published_schema(name, words):
    definitions = json.loads(SCHEMA.read_text(encoding="utf-8"))["definitions"]
    assert enumerated(definitions[name]) == words
