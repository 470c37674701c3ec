"""Matching the lawful trade of ceb_world with some of its documents replaced."""

from __future__ import annotations

from typing import Any

from ceb_world import INVENTORY, ORDER, RECEIPT, WAYBILL, node

from ledger.documents.matching import MatchResult, Register, current_policy, match

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
