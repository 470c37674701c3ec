"""Matching one trade: order, receipt(s), waybill and list, by the rules of a policy.

Job: decide MATCHED, MISMATCHED or INCOMPLETE and explain it field by field. Pure: no clock, no store, no signature.
The verdict depends on the documents, the link, the register and the policy only, not on the order of arrival.
Reasoning: a hard rule that fails makes the trade MISMATCHED; else a document or fact that is missing makes it
INCOMPLETE; else it is MATCHED. So a later document can complete a trade but never hide a contradiction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ledger.documents.ceb.model import BusinessNode
from ledger.documents.matching import rules_amounts, rules_goods, rules_parties
from ledger.documents.matching.comparing import Comparisons
from ledger.documents.matching.model import Case, MatchResult, Register, RuleResult
from ledger.documents.matching.outcome import Skip, absent, conclude
from ledger.documents.matching.policy import Policy, rule_texts
from ledger.domain.codes import Verdict
from ledger.errors import Malformed

MAX_RECEIPTS = 100
_ALL = ("order", "receipt", "waybill", "inventory")
_KINDS = {"order": "ceb.303", "receipt": "ceb.403", "waybill": "ceb.505", "inventory": "ceb.603"}
_DELETED = "3"  # appType: the document withdraws an earlier one and says nothing itself

_RULES: dict[str, Callable[[Case, Policy], Comparisons | Skip]] = {
    "R1": lambda case, _: rules_parties.r1_order_unique(case),
    "R2": lambda case, _: rules_parties.r2_waybill_unique(case),
    "R3": lambda case, _: rules_parties.r3_list_to_order(case),
    "R4": lambda case, _: rules_parties.r4_list_to_waybill(case),
    "R5": lambda case, _: rules_parties.r5_receipt_to_order(case),
    "R6": lambda case, _: rules_parties.r6_parties(case),
    "R7": rules_goods.r7_lines_correspond,
    "R8": rules_goods.r8_line_contents,
    "R9": rules_goods.r9_line_arithmetic,
    "R10": rules_goods.r10_order_total,
    "R11": rules_amounts.r11_money_received,
    "R12": rules_amounts.r12_currency,
    "R13": rules_amounts.r13_fees,
    "R14": rules_amounts.r14_weights,
    "R15": rules_amounts.r15_packages,
    "R17": rules_amounts.r17_times,
    "L1": rules_goods.l1_lots_cover_lines,
}


def match(
    order: BusinessNode | None,
    receipt: BusinessNode | Iterable[BusinessNode] | None,
    waybill: BusinessNode | None,
    inventory: BusinessNode | None,
    policy: Policy,
    link: Mapping[str, Any] | None = None,
    *,
    register: Register | None = None,
) -> MatchResult:
    """Match one trade; any document may still be missing, and there may be several receipts.

    Raises Malformed for documents of the wrong kind or a link payload that cannot be read.
    """
    receipts = () if receipt is None else (receipt,) if isinstance(receipt, BusinessNode) else tuple(receipt)
    if len(receipts) > MAX_RECEIPTS:
        raise Malformed(f"more than {MAX_RECEIPTS} receipts for one order", field="/receipt")
    case = Case(
        order=_usable(order, "order"),
        receipts=_distinct([r for r in receipts if _usable(r, "receipt") is not None]),
        waybill=_usable(waybill, "waybill"),
        inventory=_usable(inventory, "inventory"),
        link=link,
        register=register,
    )
    results: list[RuleResult] = []
    for text in rule_texts():
        severity = policy.severity(text.id)
        if severity == "off":
            continue
        missing = case.absent(text.needs)
        found = absent(missing, hard=severity == "hard") if missing else _RULES[text.id](case, policy)
        results.append(conclude(text, severity, found))
    return MatchResult(_verdict(case, results), tuple(results), policy.version)


def _verdict(case: Case, results: list[RuleResult]) -> Verdict:
    if any(r.outcome == "failed" for r in results):
        return Verdict.MISMATCHED
    if case.absent(_ALL) or any(r.missing and r.severity == "hard" for r in results):
        return Verdict.INCOMPLETE
    return Verdict.MATCHED


def _usable(node: BusinessNode | None, role: str) -> BusinessNode | None:
    if node is None:
        return None
    if node.kind != _KINDS[role]:
        raise Malformed(f"a {_KINDS[role]} document is expected, not {node.kind}", field=f"/{role}")
    return None if node.head.get("appType") == _DELETED else node


def _distinct(receipts: list[BusinessNode]) -> tuple[BusinessNode, ...]:
    """Without repeats of one and the same document, in an order that does not depend on arrival."""
    unique = {r.c14n_digest: r for r in receipts}
    return tuple(unique[digest] for digest in sorted(unique))
