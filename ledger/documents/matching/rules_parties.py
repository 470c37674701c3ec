"""Rules R1 to R6: the documents name the same order, waybill and parties.

The list (CEB603) is the join: it names the order (orderNo, ebcCode) and the waybill (logisticsCode, logisticsNo); an
export waybill has no order number. Basis per rule in policies/rules.json.
"""

from __future__ import annotations

from ledger.documents.matching.comparing import Comparisons
from ledger.documents.matching.model import Case
from ledger.documents.matching.outcome import Skip


def r1_order_unique(case: Case) -> Comparisons | Skip:
    if case.register is None:
        return Skip("是否重复由登记簿把关，此处未提供", "uniqueness is kept by the register, which was not given here")
    assert case.order is not None
    found = Comparisons()
    key = case.order.head.get("orderNo")
    found.add("303.orderNo", key, "register", None, case.register.order_number_is_new)
    return found


def r2_waybill_unique(case: Case) -> Comparisons | Skip:
    if case.register is None:
        return Skip("是否重复由登记簿把关，此处未提供", "uniqueness is kept by the register, which was not given here")
    assert case.waybill is not None
    found = Comparisons()
    key = case.waybill.head.get("logisticsNo")
    found.add("505.logisticsNo", key, "register", None, case.register.waybill_number_is_new)
    return found


def r3_list_to_order(case: Case) -> Comparisons | Skip:
    assert case.order is not None and case.inventory is not None
    found = Comparisons()
    for name in ("orderNo", "ebcCode", "ebpCode"):
        found.same(f"603.{name}", case.inventory.head.get(name), f"303.{name}", case.order.head.get(name))
    return found


def r4_list_to_waybill(case: Case) -> Comparisons | Skip:
    assert case.waybill is not None and case.inventory is not None
    found = Comparisons()
    for name in ("logisticsCode", "logisticsNo"):
        found.same(f"603.{name}", case.inventory.head.get(name), f"505.{name}", case.waybill.head.get(name))
    return found


def r5_receipt_to_order(case: Case) -> Comparisons | Skip:
    assert case.order is not None
    found = Comparisons()
    for receipt in case.receipts:
        for name in ("orderNo", "ebcCode"):
            found.same(f"403.{name}", receipt.head.get(name), f"303.{name}", case.order.head.get(name))
    return found


def r6_parties(case: Case) -> Comparisons | Skip:
    """Codes must be equal, names only warn: registered names are written in more than one way."""
    assert case.order is not None and case.inventory is not None
    order, inventory = case.order.head, case.inventory.head
    found = Comparisons()
    for receipt in case.receipts:
        found.same("403.ebpCode", receipt.head.get("ebpCode"), "303.ebpCode", order.get("ebpCode"))
        for name in ("ebpName", "ebcName"):
            found.same_name(f"403.{name}", receipt.head.get(name), f"303.{name}", order.get(name))
    for name in ("ebpName", "ebcName"):
        found.same_name(f"603.{name}", inventory.get(name), f"303.{name}", order.get(name))
    if case.waybill is None:
        return found
    waybill = case.waybill.head
    # The waybill's consignor is optional: compared when it is given.
    if waybill.get("ebcCode", "").strip():
        found.same("505.ebcCode", waybill.get("ebcCode"), "603.ebcCode", inventory.get("ebcCode"))
    if waybill.get("ebcName", "").strip():
        found.same_name("505.ebcName", waybill.get("ebcName"), "603.ebcName", inventory.get("ebcName"))
    found.same_name(
        "505.logisticsName", waybill.get("logisticsName"), "603.logisticsName", inventory.get("logisticsName")
    )
    return found
