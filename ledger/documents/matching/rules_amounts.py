"""Rules R11 to R15 and R17: money, currency, fees, weights, packages and times.

Tolerances come from the policy; no official document states one. Export messages carry no buyer, so nothing here
compares persons.
"""

from __future__ import annotations

from decimal import Decimal

from ledger.documents.ceb.schema import number
from ledger.documents.matching.comparing import Comparisons, base_amount, currency, percent, total
from ledger.documents.matching.model import Case
from ledger.documents.matching.outcome import Skip
from ledger.documents.matching.policy import Policy
from ledger.domain.codes import BaseUnit

TOTAL_FLAG = "3"  # fFlag, iFlag: the fee is a total amount, not a rate or a unit price
GRAMS_PER_KILOGRAM = 1000


def r11_money_received(case: Case, policy: Policy) -> Comparisons | Skip:
    """Σ charge = goodsValue + freight. An order may be paid in parts, so the receipts are added up."""
    assert case.order is not None
    order = case.order.head
    currencies = {currency(r.head.get("currency", "")) for r in case.receipts}
    if currencies != {currency(order.get("currency", ""))}:
        return Skip("币制不同，需外汇核对后方可比较金额", "another currency: amounts need reconciliation", missing=True)
    found = Comparisons()
    due = _sum(order.get("goodsValue"), order.get("freight"))
    received = _sum(*(r.head.get("charge") for r in case.receipts))
    if due is None or received is None:
        found.add("403.charge", None, "303.goodsValue+freight", None, False, problem="not-a-number")
        return found
    tolerance = max(policy.amount_absolute, percent(due, policy.amount_percent))
    found.close("403.charge", received, "303.goodsValue+freight", due, tolerance)
    return found


def r12_currency(case: Case, policy: Policy) -> Comparisons | Skip:
    assert case.order is not None
    found = Comparisons()
    for receipt in case.receipts:
        found.same_currency(
            "403.currency", receipt.head.get("currency"), "303.currency", case.order.head.get("currency")
        )
    return found


def r13_fees(case: Case, policy: Policy) -> Comparisons | Skip:
    assert case.waybill is not None and case.inventory is not None
    waybill, inventory = case.waybill.head, case.inventory.head
    found = Comparisons()
    for name, flag, money in (("freight", "fFlag", "fCurrency"), ("insuredFee", "iFlag", "iCurrency")):
        if inventory.get(flag) != TOTAL_FLAG:
            continue
        amount = number(inventory.get(name, ""))
        if amount is None or amount or number(waybill.get(name, "")) != 0:
            found.same_currency(f"603.{money}", inventory.get(money), "505.currency", waybill.get("currency"))
        found.close(f"603.{name}", inventory.get(name), f"505.{name}", waybill.get(name), policy.fee_absolute)
    if not found.items:
        return Skip("运费、保费不是总价，无法比较", "freight and insurance are not totals")
    return found


def r14_weights(case: Case, policy: Policy) -> Comparisons | Skip:
    assert case.waybill is not None and case.inventory is not None
    inventory = case.inventory.head
    found = Comparisons()
    gross = number(inventory.get("grossWeight", ""))
    tolerance = percent(gross or Decimal(0), policy.weight_percent)
    found.close(
        "603.grossWeight",
        inventory.get("grossWeight"),
        "505.grossWeight",
        case.waybill.head.get("grossWeight"),
        tolerance,
    )
    found.at_most("603.netWeight", inventory.get("netWeight"), "603.grossWeight", inventory.get("grossWeight"))
    net = number(inventory.get("netWeight", ""))
    declared = _declared_grams(case)
    if net is not None and declared:
        grams = net * GRAMS_PER_KILOGRAM
        found.at_most(
            "603.Σlist.qty(kg)",
            declared / GRAMS_PER_KILOGRAM,
            "603.netWeight",
            inventory.get("netWeight"),
            percent(grams, policy.weight_percent) / GRAMS_PER_KILOGRAM,
        )
    return found


def _declared_grams(case: Case) -> Decimal:
    """The mass of those lines of the list that are declared by mass."""
    assert case.inventory is not None
    grams = []
    for line in case.inventory.lines:
        quantity = number(line.get("qty", ""))
        amount = None if quantity is None else base_amount(quantity, line.get("unit", ""))
        if amount is not None and amount[1] is BaseUnit.GRAM:
            grams.append(amount[0])
    return total(grams)


def r15_packages(case: Case, policy: Policy) -> Comparisons | Skip:
    assert case.waybill is not None and case.inventory is not None
    found = Comparisons()
    found.close(
        "603.packNo", case.inventory.head.get("packNo"), "505.packNo", case.waybill.head.get("packNo"), Decimal(0)
    )
    return found


def r17_times(case: Case, policy: Policy) -> Comparisons | Skip:
    assert case.order is not None and case.inventory is not None
    filed = case.inventory.head.get("appTime")
    found = Comparisons()
    found.not_after("303.appTime", case.order.head.get("appTime"), "603.appTime", filed)
    if case.waybill is not None:
        found.not_after("505.appTime", case.waybill.head.get("appTime"), "603.appTime", filed)
    for receipt in case.receipts:
        # Money cannot be reported before it arrived; the report's own time needs no clock of ours.
        head = receipt.head
        found.not_after("403.accountingDate", head.get("accountingDate"), "403.appTime", head.get("appTime"))
    return found


def _sum(*texts: str | None) -> Decimal | None:
    values = [number(text or "") for text in texts]
    known = [v for v in values if v is not None]
    return total(known) if len(known) == len(values) else None
