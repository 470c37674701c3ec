"""What a result says and to whom, what a policy decides, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ceb_world import EBC, INVENTORY, LINK, ORDER, RECEIPT, WAYBILL, changed, node
from matching_world import LAWFUL, POLICY, TYPES, judge

from ledger.documents.ceb import BusinessNode, node_from_payload
from ledger.documents.disclosure import public_leaves
from ledger.documents.matching import match, policy, read_policy, rule_text
from ledger.documents.statement import commit
from ledger.errors import Malformed


def test_payload_can_be_committed_and_hides_every_compared_value():
    result = judge(LINK, inventory=changed(INVENTORY, line=1, qty="11"), receipt=changed(RECEIPT, charge="1"))
    record = commit("trade.match", bytes(32), (), result.payload(), bytes(32))
    public = public_leaves("trade.match", record.leaves)
    shown = json.dumps(
        [[list(leaf.path), leaf.value] for leaf in record.leaves if leaf.index in public], ensure_ascii=False
    )
    hidden = json.dumps([leaf.value for leaf in record.leaves if leaf.index not in public], ensure_ascii=False)
    assert "MISMATCHED" in shown and "303.list.qty" in shown and "R11" in shown
    for secret in (EBC, "YP2026000001", "NL00000001CN", "152.1", "17.20", "9.90"):
        assert secret not in shown
    for kept in ("108.9", "152.1"):
        assert kept in hidden


def test_payload_stays_small_when_every_line_differs():
    many = [{**ORDER["list"][0], "gnum": str(i)} for i in range(1, 101)]
    order = {"head": ORDER["head"], "list": many}
    inventory = {
        "head": INVENTORY["head"],
        "list": [{**INVENTORY["list"][0], "gnum": str(i), "qty": "1", "itemNo": "X"} for i in range(1, 101)],
    }
    result = judge(order=order, inventory=inventory)
    record = commit("trade.match", bytes(32), (), result.payload(), bytes(32))
    assert len(record.leaves) < 3000
    assert all(len(rule.reason_zh) < 1000 for rule in result.rules)


def test_result_is_the_same_when_documents_were_read_back_from_their_payloads():
    nodes = [node(TYPES[role], document) for role, document in LAWFUL.items()]
    again = [node_from_payload(n.kind, n.payload()) for n in nodes]
    assert match(*again, POLICY, link=LINK).payload() == match(*nodes, POLICY, link=LINK).payload()


def test_left_and_right_hold_the_compared_values():
    rule = judge(waybill=changed(WAYBILL, grossWeight="99")).rule("R14")
    assert rule.left["603.grossWeight"] == "17.20"
    assert rule.right["505.grossWeight"] == "99"


def test_documents_of_the_wrong_kind_are_refused():
    order, waybill = node("CEB303"), node("CEB505")
    for bad in (
        (waybill, None, None, None),
        (None, order, None, None),
        (None, None, order, None),
        (order, None, None, order),
    ):
        with pytest.raises(Malformed):
            match(*bad, POLICY)


def test_more_receipts_than_the_bound_are_refused():
    with pytest.raises(Malformed):
        match(None, [node("CEB403")] * 101, None, None, POLICY)


def relaxed(**changes: Any) -> dict[str, Any]:
    value = {
        "version": 2,
        "effective": "2026-12-01",
        "name": {"zh": "试行", "en": "trial"},
        "parameters": {
            name: {"value": "0"}
            for name in ("lineRounding", "amountAbsolute", "amountPercent", "feeAbsolute", "weightPercent")
        },
        "severities": dict(POLICY.severities),
    }
    for key, change in changes.items():
        value[key] = {**value[key], **change}
    return value


def test_tolerances_and_severities_come_from_the_policy_and_its_version_is_recorded():
    short = {role: node(TYPES[role], document) for role, document in LAWFUL.items()}
    short["receipt"] = node("CEB403", changed(RECEIPT, charge="145.00"))
    tolerant = read_policy(relaxed(parameters={"amountPercent": {"value": "5"}}))
    warning = read_policy(relaxed(severities={"R11": "warn"}))
    silent = read_policy(relaxed(severities={"R11": "off"}))
    verdicts = [match(*short.values(), p) for p in (POLICY, tolerant, warning, silent)]
    assert [r.verdict.name for r in verdicts] == ["MISMATCHED", "MATCHED", "MATCHED", "MATCHED"]
    assert verdicts[1].policy_version == 2
    assert verdicts[2].rule("R11").outcome == "warned"
    with pytest.raises(KeyError):
        verdicts[3].rule("R11")


@pytest.mark.parametrize(
    "value",
    [
        {},
        relaxed(parameters={"amountPercent": {"value": "-1"}}),
        relaxed(parameters={"amountPercent": {"value": "NaN"}}),
        relaxed(parameters={"amountPercent": {"value": "five"}}),
        relaxed(parameters={"amountPercent": {}}),
        relaxed(severities={"R3": "maybe"}),
        {**relaxed(), "name": None},
    ],
)
def test_policy_is_refused_when_it_is_malformed(value):
    with pytest.raises(Malformed):
        read_policy(value)


@pytest.mark.parametrize("version", [0, 999, -1])
def test_policy_is_refused_when_there_is_no_such_version(version):
    with pytest.raises(Malformed):
        policy(version)


def test_every_rule_has_a_severity_in_the_policy_and_words_in_both_languages():
    result = judge(LINK)
    assert {r.id for r in result.rules} == set(POLICY.severities)
    assert all(r.title_zh and r.title_en and r.basis for r in result.rules)
    assert isinstance(node("CEB303"), BusinessNode)


def test_rule_that_passed_seals_no_value_at_all():
    sealed = {rule["id"]: rule for rule in judge(LINK).payload()["rules"]}
    assert set(sealed["R3"]) == {"id", "severity", "outcome", "fields"}
    assert "603.orderNo" in sealed["R3"]["fields"]


def test_every_sealed_rule_has_words_when_it_is_read_again():
    for rule in (*judge(LINK).payload()["rules"], {"id": "C1"}):
        words = rule_text(rule["id"])
        assert words is not None and words.title_zh and words.title_en and words.basis
    assert rule_text("R99") is None
