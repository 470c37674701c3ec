"""Rules R7 to R10 and L1: goods lines, their arithmetic, and the lots they were filled from.

Lines are joined by gnum (序号 "与清单的商品项关联对应"). Quantities in different units are compared in grams, pieces or
millilitres; what rounding to five decimals may cost is allowed for, nothing else.
"""

from __future__ import annotations

from decimal import Decimal

from ledger.documents.ceb.model import BusinessNode, Fields
from ledger.documents.ceb.schema import number
from ledger.documents.matching.comparing import (
    HALF_ULP,
    Comparisons,
    base_amount,
    product,
    total,
    writing_error,
)
from ledger.documents.matching.link import LinkLine, parse_link
from ledger.documents.matching.model import Case
from ledger.documents.matching.outcome import Skip
from ledger.documents.matching.policy import Policy

ITEM_NO_LENGTH = 20  # itemNo is C..30 in CEB303 and C..20 in CEB603: only the first 20 characters can agree


def lines_by_number(node: BusinessNode) -> tuple[dict[int, Fields], bool]:
    """Lines by gnum, and whether every gnum is a distinct number."""
    lines: dict[int, Fields] = {}
    clean = True
    for line in node.lines:
        gnum = line.get("gnum", "")
        if not (gnum.isascii() and gnum.isdigit() and len(gnum) <= 9) or int(gnum) in lines:
            clean = False
            continue
        lines[int(gnum)] = line
    return lines, clean


def _pairs(case: Case) -> list[tuple[int, Fields, Fields]]:
    assert case.order is not None and case.inventory is not None
    order, _ = lines_by_number(case.order)
    inventory, _ = lines_by_number(case.inventory)
    return [(n, order[n], inventory[n]) for n in sorted(order.keys() & inventory.keys())]


def r7_lines_correspond(case: Case, policy: Policy) -> Comparisons | Skip:
    assert case.order is not None and case.inventory is not None
    order, order_clean = lines_by_number(case.order)
    inventory, inventory_clean = lines_by_number(case.inventory)
    found = Comparisons()
    counts = str(len(case.order.lines)), str(len(case.inventory.lines))
    clean = order_clean and inventory_clean and bool(order)
    found.add("303.list.gnum", counts[0], "603.list.gnum", counts[1], clean and counts[0] == counts[1])
    for n in sorted(order.keys() ^ inventory.keys()):
        left, right = (str(n), None) if n in order else (None, str(n))
        found.add("303.list.gnum", left, "603.list.gnum", right, False, line=n, problem="absent")
    return found


def r8_line_contents(case: Case, policy: Policy) -> Comparisons | Skip:
    found = Comparisons()
    for n, order, inventory in _pairs(case):
        left, right = order.get("itemNo"), inventory.get("itemNo")
        found.add("303.list.itemNo", left, "603.list.itemNo", right, _same_item(left, right), line=n)
        found.same_currency(
            "303.list.currency", order.get("currency"), "603.list.currency", inventory.get("currency"), line=n
        )
        _compare_amounts(found, n, order, inventory)
        if inventory.get("itemName", "").strip():
            found.same_name(
                "303.list.itemName", order.get("itemName"), "603.list.itemName", inventory.get("itemName"), line=n
            )
    return found


def _same_item(left: str | None, right: str | None) -> bool:
    return bool(left and right) and (left or "")[:ITEM_NO_LENGTH] == (right or "")[:ITEM_NO_LENGTH]


def _compare_amounts(found: Comparisons, n: int, order: Fields, inventory: Fields) -> None:
    units = order.get("unit", ""), inventory.get("unit", "")
    if units[0] == units[1]:
        for name in ("qty", "price", "totalPrice"):
            found.close(
                f"303.list.{name}", order.get(name), f"603.list.{name}", inventory.get(name), Decimal(0), line=n
            )
        return
    factors = base_amount(Decimal(1), units[0]), base_amount(Decimal(1), units[1])
    if factors[0] is None or factors[1] is None or factors[0][1] is not factors[1][1]:
        found.add("303.list.unit", units[0], "603.list.unit", units[1], False, line=n, problem="unconvertible")
        return
    found.add("303.list.unit", units[0], "603.list.unit", units[1], False, hard=False, line=n, problem="unit")
    (left_factor, _), (right_factor, _) = factors[0], factors[1]
    quantities = _scaled(order.get("qty"), left_factor), _scaled(inventory.get("qty"), right_factor)
    # Either number may have been rounded to five decimals of its own unit: 0.000005 t is 5 g.
    coarsest = product(HALF_ULP, left_factor + right_factor)
    found.close("303.list.qty", quantities[0], "603.list.qty", quantities[1], coarsest, line=n)
    # Price per unit × the other factor puts both on one scale without dividing: p₁/f₁ = p₂/f₂ ⇔ p₁·f₂ = p₂·f₁.
    prices = _scaled(order.get("price"), right_factor), _scaled(inventory.get("price"), left_factor)
    found.close("303.list.price", prices[0], "603.list.price", prices[1], coarsest, line=n)
    found.close(
        "303.list.totalPrice",
        order.get("totalPrice"),
        "603.list.totalPrice",
        inventory.get("totalPrice"),
        Decimal(0),
        line=n,
    )


def _scaled(text: str | None, factor: Decimal) -> Decimal | str | None:
    value = None if text is None else number(text)
    return text if value is None else product(value, factor)


def r9_line_arithmetic(case: Case, policy: Policy) -> Comparisons | Skip:
    found = Comparisons()
    for document, node in (("303", case.order), ("603", case.inventory)):
        if node is None:
            continue
        for i, line in enumerate(node.lines, 1):
            quantity, price = number(line.get("qty", "")), number(line.get("price", ""))
            label = f"{document}.list.qty×price"
            if quantity is None or price is None:
                found.add(label, None, f"{document}.list.totalPrice", None, False, line=i, problem="not-a-number")
                continue
            tolerance = policy.line_rounding + writing_error(price, quantity) + writing_error(quantity, price)
            found.close(
                label,
                product(quantity, price),
                f"{document}.list.totalPrice",
                line.get("totalPrice"),
                tolerance,
                line=i,
            )
    return found


def r10_order_total(case: Case, policy: Policy) -> Comparisons | Skip:
    assert case.order is not None
    order = case.order
    found = Comparisons()
    for i, line in enumerate(order.lines, 1):
        found.same_currency(
            "303.list.currency", line.get("currency"), "303.currency", order.head.get("currency"), line=i
        )
    amounts = [number(line.get("totalPrice", "")) for line in order.lines]
    known = [a for a in amounts if a is not None]
    if len(known) != len(amounts):
        found.add("303.Σlist.totalPrice", None, "303.goodsValue", None, False, problem="not-a-number")
        return found
    tolerance = policy.line_rounding * max(1, len(known))
    found.close("303.Σlist.totalPrice", total(known), "303.goodsValue", order.head.get("goodsValue"), tolerance)
    return found


def l1_lots_cover_lines(case: Case, policy: Policy) -> Comparisons | Skip:
    """Σ linked quantity of a line = the line's quantity, in base units, less than one base unit apart."""
    if case.link is None:
        return Skip("尚未关联批次", "no lots have been linked")
    assert case.order is not None
    link = parse_link(case.link)
    found = Comparisons()
    found.same("link.ebcCode", link.ebc_code, "303.ebcCode", case.order.head.get("ebcCode"))
    found.same("link.orderNo", link.order_no, "303.orderNo", case.order.head.get("orderNo"))
    lines, _ = lines_by_number(case.order)
    linked: dict[int, list[LinkLine]] = {}
    for entry in link.lines:
        linked.setdefault(entry.gnum, []).append(entry)
    for n in sorted(linked.keys() - lines.keys()):
        found.add("link.gnum", str(n), "303.list.gnum", None, False, line=n, problem="absent")
    for n, line in sorted(lines.items()):
        if n in linked:
            _compare_link(found, n, line, linked[n])
        else:
            # Goods outside the ledger may travel in the same order; that is said, not refused.
            found.add("303.list.gnum", str(n), "link.gnum", None, False, hard=False, line=n, problem="unlinked")
    return found


def _compare_link(found: Comparisons, n: int, line: Fields, entries: list[LinkLine]) -> None:
    quantity = number(line.get("qty", ""))
    if quantity is None:
        found.add("303.list.qty", line.get("qty"), "link.quantity", None, False, line=n, problem="not-a-number")
        return
    contents = {(e.per_unit.value, e.per_unit.unit) if e.per_unit else None for e in entries}
    base_units = {e.quantity.base_unit for e in entries}
    per_unit = entries[0].per_unit
    if len(contents) != 1 or len(base_units) != 1:
        declared = None  # the entries contradict each other
    elif per_unit is not None:
        content, unit = per_unit.to_base()
        declared = product(quantity, Decimal(content)), unit
    else:
        declared = base_amount(quantity, line.get("unit", ""))
    if declared is None or declared[1] not in base_units:
        found.add("303.list.unit", line.get("unit"), "link.quantity", None, False, line=n, problem="unconvertible")
        return
    linked = Decimal(sum(e.base_quantity for e in entries))
    found.close("link.quantity", linked, "303.list.qty", declared[0], _LESS_THAN_ONE, line=n)


# A link counts whole grams, pieces or millilitres, so up to one of them may be lost in writing the link down.
_LESS_THAN_ONE = Decimal("0.99999")
