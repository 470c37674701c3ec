"""Each rule alone: one field of a lawful trade is changed, exactly that rule must notice, and say which field."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from ceb_world import EBC, INVENTORY, LINK, ORDER, RECEIPT, WAYBILL, changed, node

from ledger.documents.ceb import BusinessNode, node_from_payload
from ledger.documents.ceb.schema import code_table
from ledger.documents.disclosure import public_leaves
from ledger.documents.matching import MatchResult, Register, current_policy, match, parse_link, policy, read_policy
from ledger.documents.statement import commit
from ledger.domain.codes import Verdict
from ledger.domain.ids import lot_id
from ledger.errors import Malformed

POLICY = current_policy()
LAWFUL = {"order": ORDER, "receipt": RECEIPT, "waybill": WAYBILL, "inventory": INVENTORY}
TYPES = {"order": "CEB303", "receipt": "CEB403", "waybill": "CEB505", "inventory": "CEB603"}


def judge(link: Any = None, register: Register | None = None, **documents: Any) -> MatchResult:
    """Match the lawful trade with some documents replaced; None leaves one out, a list gives several receipts."""
    nodes: dict[str, Any] = {}
    for role, lawful in LAWFUL.items():
        value = documents.get(role, lawful)
        if isinstance(value, list):
            nodes[role] = [node(TYPES[role], v, "lenient") for v in value]
        else:
            nodes[role] = None if value is None else node(TYPES[role], value, "lenient")
    return match(*nodes.values(), POLICY, link=link, register=register)


def outcomes(result: MatchResult) -> dict[str, str]:
    """Rules that did not pass, without those that are skipped for want of a register or link."""
    return {
        rule.id: rule.outcome
        for rule in result.rules
        if rule.outcome != "passed" and not (rule.outcome == "skipped" and not rule.missing and rule.id in "R1 R2 L1")
    }


def test_lawful_trade_is_matched_when_everything_agrees():
    result = judge(LINK, Register(True, True))
    assert result.verdict is Verdict.MATCHED
    assert {rule.outcome for rule in result.rules} == {"passed"}
    assert [rule.id for rule in result.rules] == [*(f"R{n}" for n in (*range(1, 16), 17)), "L1"]
    assert result.policy_version == 1


FAILS = [
    ("R3", {"inventory": changed(INVENTORY, orderNo="OTHER")}, "603.orderNo"),
    ("R4", {"waybill": changed(WAYBILL, logisticsNo="OTHER")}, "505.logisticsNo"),
    ("R4", {"inventory": changed(INVENTORY, logisticsCode="4409960009")}, "603.logisticsCode"),
    ("R5", {"receipt": changed(RECEIPT, orderNo="OTHER")}, "403.orderNo"),
    ("R6", {"receipt": changed(RECEIPT, ebpCode="4409960009")}, "403.ebpCode"),
    ("R6", {"waybill": changed(WAYBILL, ebcCode="4409960009")}, "505.ebcCode"),
    ("R8", {"inventory": changed(INVENTORY, line=1, itemNo="OTHER")}, "603.list.itemNo"),
    ("R8", {"inventory": changed(INVENTORY, line=1, currency="300")}, "603.list.currency"),
    ("R8", {"inventory": changed(INVENTORY, line=2, qty="2", price="20.25")}, "603.list.qty"),
    ("R8", {"inventory": changed(INVENTORY, line=2, unit="035", qty="3")}, "303.list.unit"),
    ("R9", {"order": changed(ORDER, line=1, price="9.80"), "inventory": changed(INVENTORY, line=1, price="9.80")},
     "303.list.totalPrice"),
    ("R10", {"order": changed(ORDER, goodsValue="139.53", freight="12.57")}, "303.goodsValue"),
    ("R10", {"order": changed(ORDER, line=2, currency="300"), "inventory": changed(INVENTORY, line=2, currency="300")},
     "303.list.currency"),
    ("R11", {"receipt": changed(RECEIPT, charge="152.08")}, "403.charge"),
    ("R11", {"receipt": changed(RECEIPT, charge="1521.0")}, "403.charge"),
    ("R14", {"waybill": changed(WAYBILL, grossWeight="17.40")}, "505.grossWeight"),
    ("R14", {"inventory": changed(INVENTORY, netWeight="17.21")}, "603.netWeight"),
    ("R14", {"inventory": changed(INVENTORY, netWeight="9.80")}, "603.Σlist.qty(kg)"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "documents", "field"), FAILS)
def test_trade_is_mismatched_by_exactly_this_rule_when_one_field_differs(rule, documents, field):
    result = judge(**documents)
    assert outcomes(result) == {rule: "failed"}
    assert result.verdict is Verdict.MISMATCHED
    found = result.rule(rule)
    assert field in found.reason_zh and field in found.reason_en and field in found.fields


WARNS = [
    ("R6", {"receipt": changed(RECEIPT, ebcName="粤品出海公司")}, "403.ebcName"),
    ("R6", {"waybill": changed(WAYBILL, logisticsName="南岭快递")}, "505.logisticsName"),
    ("R8", {"inventory": changed(INVENTORY, line=1, itemName="荔枝")}, "603.list.itemName"),
    ("R13", {"waybill": changed(WAYBILL, freight="13.00")}, "505.freight"),
    ("R13", {"waybill": changed(WAYBILL, currency="142")}, "603.fCurrency"),
    ("R15", {"waybill": changed(WAYBILL, packNo="5")}, "505.packNo"),
    ("R17", {"order": changed(ORDER, appTime="20260614000000")}, "303.appTime"),
    ("R17", {"waybill": changed(WAYBILL, appTime="20260613160001")}, "505.appTime"),
    ("R17", {"receipt": changed(RECEIPT, accountingDate="20260613090001")}, "403.accountingDate"),
    ("R17", {"receipt": changed(RECEIPT, accountingDate="yesterday!!!!!")}, "403.accountingDate"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "documents", "field"), WARNS)
def test_trade_is_matched_with_a_warning_when_a_soft_field_differs(rule, documents, field):
    result = judge(**documents)
    assert outcomes(result) == {rule: "warned"}
    assert result.verdict is Verdict.MATCHED
    assert field in result.rule(rule).reason_zh


PASSES = [
    {"inventory": changed(INVENTORY, line=1, qty="10.00000", price="9.9", totalPrice="99")},
    {"order": changed(ORDER, line=1, qty="10000", unit="036", price="0.0099"),
     "inventory": changed(INVENTORY, line=1)},
    {"receipt": changed(RECEIPT, charge="152.11")},
    {"receipt": changed(RECEIPT, charge="152.10000", currency="502")},
    {"receipt": [changed(RECEIPT, charge="100.00"), changed(RECEIPT, charge="52.10", payNo="PAY0002")]},
    {"receipt": changed(RECEIPT, payCode=None, payNo=None, payName="现金支付")},
    {"order": changed(ORDER, line=1, price="9.9009"), "inventory": changed(INVENTORY, line=1, price="9.9009")},
    {"waybill": changed(WAYBILL, ebcCode=None, ebcName=None)},
    {"waybill": changed(WAYBILL, ebcCode="", ebcName="")},
    {"waybill": changed(WAYBILL, ebcName=" 粤品出海跨境电商有限公司　")},
    {"receipt": changed(RECEIPT, ebcName="粤品出海跨境电商有限公司 ")},
    {"waybill": changed(WAYBILL, grossWeight="17.37")},
    {"order": changed(ORDER, line=1, itemNo="12345678901234567890-long"),
     "inventory": changed(INVENTORY, line=1, itemNo="12345678901234567890")},
    {"inventory": changed(INVENTORY, insuredFee="0.00", iCurrency="142")},
    {"inventory": changed(INVENTORY, line=1, itemName=None)},
    {"order": changed(ORDER, note="x")},
]  # fmt: skip


@pytest.mark.parametrize("documents", PASSES)
def test_trade_is_matched_when_the_difference_is_lawful(documents):
    result = judge(**documents)
    assert result.verdict is Verdict.MATCHED, outcomes(result)
    assert set(outcomes(result)) <= {"R8"}  # a converted unit is said aloud


def without_line(document: dict[str, Any], gnum: int) -> dict[str, Any]:
    made = copy.deepcopy(document)
    del made["list"][gnum - 1]
    return made


@pytest.mark.parametrize(
    "inventory",
    [
        without_line(INVENTORY, 2),
        {**INVENTORY, "list": []},
        changed(INVENTORY, line=2, gnum="3"),
        changed(INVENTORY, line=2, gnum="1"),
        changed(INVENTORY, line=2, gnum="two"),
        {**INVENTORY, "list": [*INVENTORY["list"], {**INVENTORY["list"][0], "gnum": "3"}]},
    ],
)
def test_trade_is_mismatched_when_goods_lines_do_not_correspond(inventory):
    result = judge(inventory=inventory)
    assert result.rule("R7").outcome == "failed"
    assert result.verdict is Verdict.MISMATCHED


def test_lines_are_joined_by_number_when_they_come_in_another_order():
    inventory = {**INVENTORY, "list": INVENTORY["list"][::-1]}
    assert judge(inventory=inventory).verdict is Verdict.MATCHED


@pytest.mark.parametrize("missing", ["order", "receipt", "waybill", "inventory"])
def test_trade_is_incomplete_when_a_document_has_not_arrived(missing):
    result = judge(**{missing: None})
    assert result.verdict is Verdict.INCOMPLETE
    waiting = [r for r in result.rules if r.missing]
    assert waiting and all("waiting for" in r.reason_en and "尚缺" in r.reason_zh for r in waiting)


@pytest.mark.parametrize("missing", ["order", "receipt", "waybill"])
def test_contradiction_shows_when_another_document_is_still_missing(missing):
    inventory = changed(INVENTORY, netWeight="17.30")
    broken = {"waybill": WAYBILL, "inventory": inventory} if missing != "waybill" else {}
    if not broken:
        broken = {"inventory": changed(INVENTORY, orderNo="OTHER")}
    assert judge(**{**broken, missing: None}).verdict is Verdict.MISMATCHED


def test_trade_is_incomplete_when_nothing_has_arrived():
    assert match(None, None, None, None, POLICY).verdict is Verdict.INCOMPLETE
    assert match(None, [], None, None, POLICY).verdict is Verdict.INCOMPLETE


def test_trade_is_incomplete_when_money_came_in_another_currency():
    result = judge(receipt=changed(RECEIPT, currency="300"))
    assert outcomes(result) == {"R11": "skipped", "R12": "warned"}
    assert result.verdict is Verdict.INCOMPLETE


def test_deleted_document_counts_as_absent():
    result = judge(order=changed(ORDER, appType="3"))
    assert result.verdict is Verdict.INCOMPLETE
    assert result.rule("R3").missing


@pytest.mark.parametrize(("register", "rule"), [(Register(False, True), "R1"), (Register(True, False), "R2")])
def test_trade_is_mismatched_when_a_business_key_was_used_before(register, rule):
    assert outcomes(judge(register=register)) == {rule: "failed"}


@pytest.mark.parametrize("name", ["qty", "price", "totalPrice"])
@pytest.mark.parametrize("text", ["", "x", "1e1", "-10", "１０", "1_0", "NaN", "Infinity"])
def test_trade_is_mismatched_when_an_amount_is_no_number(name, text):
    broken = {"order": changed(ORDER, line=1, **{name: text}), "inventory": changed(INVENTORY, line=1, **{name: text})}
    result = judge(**broken)
    assert result.verdict is Verdict.MISMATCHED
    assert result.rule("R8").outcome == "failed"


# ------------------------------------------------------------------------------------------------------------- links


def link(**changes: Any) -> dict[str, Any]:
    made = copy.deepcopy(LINK)
    for pointer, value in changes.items():
        at: Any = made
        *parents, last = pointer.split("__")
        for key in parents:
            at = at[int(key)] if isinstance(at, list) else at[key]
        if value is ...:
            del at[int(last) if isinstance(at, list) else last]
        else:
            at[int(last) if isinstance(at, list) else last] = value
    return made


def test_link_is_summed_per_lot_in_base_units():
    lots = parse_link(LINK).lots()
    expected = {("09506000134352", "FZX-1"): 6000, ("09506000134352", "FZX-2"): 4000, ("09506000134376", "CL-1"): 6000}
    assert lots == {lot_id(*k): v for k, v in expected.items()}
    assert list(lots) == sorted(lots)


def test_link_documented_in_the_manual_is_read():
    text = (Path(__file__).parents[4] / "docs" / "customs.md").read_text(encoding="utf-8")
    example = json.loads(re.search(r"```json\n(.*?)```", text, re.DOTALL).group(1))
    assert example == LINK


def test_manual_lists_every_rule_and_every_defect():
    text = (Path(__file__).parents[4] / "docs" / "customs.md").read_text(encoding="utf-8")
    assert all(f"| {rule} |" in text for rule in POLICY.severities)
    named = set(re.findall(r"`([a-z-]+)`", text))
    assert set(code_table("defects")) - {"text-not-nfc"} <= named


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"lines__0__quantity__value": "5.999"}, "link.quantity"),
        ({"lines__0__quantity__value": "6.001"}, "link.quantity"),
        ({"lines__2__perUnit": ...}, "303.list.unit"),
        ({"lines__2__perUnit__value": "2.5"}, "link.quantity"),
        ({"lines__2__gnum": 3}, "link.gnum"),
        ({"orderNo": "OTHER"}, "link.orderNo"),
        ({"ebcCode": "4409960009"}, "link.ebcCode"),
        ({"lines__1__quantity": {"value": "4", "unit": "LTR"}}, "303.list.unit"),
        ({"lines__1__perUnit": {"value": "1", "unit": "KGM"}}, "303.list.unit"),
    ],
)
def test_trade_is_mismatched_when_the_lots_do_not_cover_the_lines(changes, field):
    result = judge(link(**changes))
    assert outcomes(result) == {"L1": "failed"}
    assert field in result.rule("L1").reason_en


def test_trade_is_matched_with_a_warning_when_a_line_names_no_lot():
    result = judge(link(lines__2=...))
    assert outcomes(result) == {"L1": "warned"}
    assert result.verdict is Verdict.MATCHED


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"lines": []}, "/lines"),
        ({"lines": [{**LINK["lines"][0], "lot": f"L{i}"} for i in range(65)]}, "/lines"),
        ({"lines__0__gtin": "09506000134353"}, "/lines/0/gtin"),
        ({"lines__0__lot": "批"}, "/lines/0/lot"),
        ({"lines__0__gnum": 0}, "/lines/0/gnum"),
        ({"lines__0__gnum": "1"}, "/lines/0/gnum"),
        ({"lines__0__quantity": {"value": "0.0001", "unit": "KGM"}}, "/lines/0/quantity"),
        ({"lines__0__quantity": "6 kg"}, "/lines/0/quantity"),
        ({"lines__2__perUnit": {"value": "1", "unit": "H87"}}, "/lines/2/perUnit"),
        ({"orderNo": " "}, "/orderNo"),
        ({"buyer": "x"}, "/buyer"),
    ],
)
def test_link_refusal_names_the_field_when_it_is_wrong(changes, field):
    with pytest.raises(Malformed) as caught:
        parse_link(link(**changes))
    assert caught.value.field == field


# ------------------------------------------------------------------------------------------------ results and policy


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
    for kept in (EBC, "YP2026000001", "152.1"):
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
