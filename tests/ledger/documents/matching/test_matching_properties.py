"""What never changes a verdict: order of arrival, repeats, spelling of numbers, units; and what always does."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest
from ceb_world import INVENTORY, LINK, ORDER, RECEIPT, WAYBILL, node
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ledger.documents.ceb import BusinessNode
from ledger.documents.matching import current_policy, match
from ledger.domain.codes import Verdict

POLICY = current_policy()
PRICE = st.decimals(min_value="0.01", max_value="9999.99", places=2)
QUANTITY = st.decimals(min_value="0.01", max_value="9999.99", places=2)


def business_node(kind: str, document: dict[str, Any], digest: str = "sm3:" + "0" * 64) -> BusinessNode:
    """A node without XML: matching must not depend on anything but kind, values and digest."""
    return BusinessNode(kind, dict(document["head"]), tuple(dict(line) for line in document["list"]), (), digest)


def text(value: Decimal) -> str:
    return format(value, "f")


@st.composite
def trades(draw: st.DrawFn) -> dict[str, Any]:
    """A lawful trade with drawn lines; its arithmetic is done here, independently of the matcher."""
    lines = draw(st.lists(st.tuples(QUANTITY, PRICE, st.sampled_from(["035", "011", "120"])), min_size=1, max_size=5))
    freight = draw(st.decimals(min_value=0, max_value=500, places=2))
    order, inventory = copy.deepcopy(ORDER), copy.deepcopy(INVENTORY)
    order["list"], inventory["list"] = [], []
    total, mass = Decimal(0), Decimal(0)
    for i, (quantity, price, unit) in enumerate(lines, 1):
        amount = (quantity * price).quantize(Decimal("0.01"))
        values = {"gnum": str(i), "unit": unit, "qty": text(quantity), "price": text(price), "totalPrice": text(amount)}
        order["list"].append({**ORDER["list"][0], **values})
        inventory["list"].append({**INVENTORY["list"][0], **values})
        total += amount
        mass += quantity if unit == "035" else 0
    net = max(mass, Decimal(1))
    order["head"] |= {"goodsValue": text(total), "freight": text(freight)}
    inventory["head"] |= {"netWeight": text(net), "grossWeight": text(net + 1), "freight": text(freight)}
    waybill = copy.deepcopy(WAYBILL)
    waybill["head"] |= {"grossWeight": text(net + 1), "freight": text(freight)}
    receipt = copy.deepcopy(RECEIPT)
    receipt["head"]["charge"] = text(total + freight)
    return {"order": order, "receipt": receipt, "waybill": waybill, "inventory": inventory}


def judge(trade: dict[str, Any], receipts: list[dict[str, Any]] | None = None) -> Verdict:
    chosen = receipts if receipts is not None else [trade["receipt"]]
    return match(
        business_node("ceb.303", trade["order"]),
        [business_node("ceb.403", r, f"sm3:{i:064x}") for i, r in enumerate(chosen)],
        business_node("ceb.505", trade["waybill"]),
        business_node("ceb.603", trade["inventory"]),
        POLICY,
    ).verdict


@given(trades())
def test_generated_lawful_trade_is_matched(trade):
    assert judge(trade) is Verdict.MATCHED


PLACES = [
    ("order", "qty"),
    ("order", "price"),
    ("order", "totalPrice"),
    ("inventory", "qty"),
    ("inventory", "price"),
    ("inventory", "totalPrice"),
]


@given(trades(), st.data(), st.decimals(min_value="0.02", max_value=100, places=2))
def test_trade_is_mismatched_when_any_line_amount_is_altered(trade, data, by):
    role, name = data.draw(st.sampled_from(PLACES))
    line = data.draw(st.sampled_from(trade[role]["list"]))
    line[name] = text(Decimal(line[name]) + by)
    assert judge(trade) is Verdict.MISMATCHED


@given(trades(), st.decimals(min_value="0.02", max_value=1000, places=2), st.booleans())
def test_trade_is_mismatched_when_the_money_is_off_by_more_than_a_cent(trade, by, more):
    charge = Decimal(trade["receipt"]["head"]["charge"])
    assume(more or charge > by)
    trade["receipt"]["head"]["charge"] = text(charge + by if more else charge - by)
    assert judge(trade) is Verdict.MISMATCHED


@given(trades(), st.data())
def test_verdict_is_unchanged_when_numbers_are_spelt_otherwise(trade, data):
    for role in trade:
        for values in (trade[role]["head"], *trade[role]["list"]):
            for name in ("qty", "price", "totalPrice", "goodsValue", "freight", "charge", "grossWeight", "netWeight"):
                if name in values and data.draw(st.booleans()):
                    number = Decimal(values[name])
                    values[name] = data.draw(
                        st.sampled_from([f"{number:.5f}", format(number.normalize(), "f"), "00" + text(number)])
                    )
    assert judge(trade) is Verdict.MATCHED


@given(trades(), st.sampled_from([("036", Decimal(1000)), ("070", Decimal("0.001")), ("075", Decimal(2))]), st.data())
def test_verdict_is_unchanged_when_the_list_declares_another_unit_of_mass(trade, unit, data):
    """Converted as a declarant would: quantity and unit price rounded to the five decimals that the message allows."""
    code, factor = unit
    for line in trade["inventory"]["list"]:
        if line["unit"] == "035" and data.draw(st.booleans()):
            line["unit"] = code
            line["qty"] = f"{(Decimal(line['qty']) * factor):.5f}"
            line["price"] = f"{(Decimal(line['price']) / factor):.5f}"
    assert judge(trade) is Verdict.MATCHED


@given(trades(), st.data())
def test_trade_is_mismatched_when_the_unit_changes_but_the_quantity_does_not(trade, data):
    line = data.draw(st.sampled_from(trade["inventory"]["list"]))
    line["unit"] = data.draw(st.sampled_from([u for u in ("035", "036", "070", "011", "136") if u != line["unit"]]))
    assert judge(trade) is Verdict.MISMATCHED


@given(trades(), st.integers(1, 5), st.randoms(use_true_random=False))
def test_verdict_is_unchanged_when_the_order_is_paid_in_parts_arriving_in_any_order(trade, parts, random):
    charge = Decimal(trade["receipt"]["head"]["charge"])
    assume(charge > parts)
    share = (charge / parts).quantize(Decimal("0.01"))
    amounts = [share] * (parts - 1) + [charge - share * (parts - 1)]
    receipts = []
    for i, amount in enumerate(amounts):
        receipt = copy.deepcopy(trade["receipt"])
        receipt["head"] |= {"charge": text(amount), "payNo": f"PAY{i}"}
        receipts.append(receipt)
    assert judge(trade, receipts) is Verdict.MATCHED
    random.shuffle(receipts)
    assert judge(trade, receipts) is Verdict.MATCHED
    assert judge(trade, receipts[1:]) is (Verdict.MISMATCHED if parts > 1 else Verdict.INCOMPLETE)


def test_verdict_is_unchanged_when_the_same_receipt_is_given_twice():
    nodes = node("CEB303"), node("CEB403"), node("CEB505"), node("CEB603")
    once = match(*nodes, POLICY, link=LINK)
    twice = match(nodes[0], [nodes[1], nodes[1]], nodes[2], nodes[3], POLICY, link=LINK)
    assert once.verdict is Verdict.MATCHED
    assert twice.payload() == once.payload()


ROLES = ("order", "receipt", "waybill", "inventory")


@settings(max_examples=50)
@given(st.permutations(ROLES), trades(), st.booleans(), st.data())
def test_last_verdict_is_the_same_whatever_arrives_first_and_a_contradiction_never_goes_away(
    arrival, trade, faulty, data
):
    if faulty:
        role, name = data.draw(st.sampled_from(PLACES))
        line = trade[role]["list"][0]
        line[name] = text(Decimal(line[name]) + 7)
    kinds = dict(zip(ROLES, ("ceb.303", "ceb.403", "ceb.505", "ceb.603"), strict=True))
    there: dict[str, BusinessNode] = {}
    verdicts = []
    for role in arrival:
        there[role] = business_node(kinds[role], trade[role])
        verdicts.append(match(*(there.get(r) for r in ROLES), POLICY).verdict)
    assert verdicts[-1] is (Verdict.MISMATCHED if faulty else Verdict.MATCHED)
    assert Verdict.MATCHED not in verdicts[:-1]
    first = verdicts.index(Verdict.MISMATCHED) if Verdict.MISMATCHED in verdicts else len(verdicts)
    assert all(v is Verdict.MISMATCHED for v in verdicts[first:])


GARBAGE = st.text(max_size=12) | st.sampled_from(["0", "-0", "1e9", "9" * 25, "NaN", "", " ", "１"])


@given(st.sampled_from(ROLES), st.data(), GARBAGE)
def test_matching_never_raises_and_never_matches_by_accident_when_a_value_is_garbage(role, data, value):
    trade = {"order": ORDER, "receipt": RECEIPT, "waybill": WAYBILL, "inventory": INVENTORY}
    trade = copy.deepcopy(trade)
    targets = [trade[role]["head"], *trade[role]["list"]]
    target = data.draw(st.sampled_from(targets))
    name = data.draw(st.sampled_from(sorted(target)))
    before = target[name]
    target[name] = value
    verdict = judge(trade)
    joins = {"orderNo", "ebcCode", "logisticsNo", "logisticsCode", "qty", "totalPrice", "charge", "goodsValue"}
    if name in joins and value.strip() != before.strip() and role != "waybill":
        numeric = name in {"qty", "totalPrice", "charge", "goodsValue"}
        assert verdict is Verdict.MISMATCHED or (numeric and value.lstrip("0") == before)


@pytest.mark.parametrize("count", [1, 100])
def test_largest_trade_is_matched_when_it_is_lawful(count):
    lines = [{**ORDER["list"][0], "gnum": str(i)} for i in range(1, count + 1)]
    listed = [{**INVENTORY["list"][0], "gnum": str(i)} for i in range(1, count + 1)]
    value, net = Decimal("99.00") * count, Decimal(10) * count
    order = {"head": ORDER["head"] | {"goodsValue": text(value)}, "list": lines}
    receipt = {"head": RECEIPT["head"] | {"charge": text(value + Decimal("12.60"))}, "list": []}
    weights = {"grossWeight": text(net + 1)}
    waybill = {"head": WAYBILL["head"] | weights, "list": []}
    inventory = {"head": INVENTORY["head"] | weights | {"netWeight": text(net)}, "list": listed}
    assert judge({"order": order, "receipt": receipt, "waybill": waybill, "inventory": inventory}) is Verdict.MATCHED
