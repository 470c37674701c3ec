"""Each rule alone: one field of a lawful trade is changed, exactly that rule must notice, and say which field."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ceb_world import INVENTORY, LINK, ORDER, RECEIPT, WAYBILL, changed
from matching_world import POLICY, judge, outcomes

from ledger.documents.matching import Register, match
from ledger.domain.codes import Verdict


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
