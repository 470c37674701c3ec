"""Which lots an order was filled from: reading the link, and holding it against the order (rule L1)."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from ceb_world import LINK
from matching_world import POLICY, judge, outcomes

from ledger.documents.ceb.schema import code_table
from ledger.documents.matching import parse_link
from ledger.domain.codes import Verdict
from ledger.domain.ids import lot_id
from ledger.errors import Malformed


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
