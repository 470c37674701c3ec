"""Do order, receipt, waybill and list agree? Rules, versioned policies and explained verdicts; see docs/customs.md."""

from __future__ import annotations

from ledger.documents.matching.engine import match
from ledger.documents.matching.link import Link, LinkLine, parse_link
from ledger.documents.matching.model import Case, Comparison, MatchResult, Register, RuleResult
from ledger.documents.matching.policy import CURRENT_VERSION, Policy, current_policy, policy, read_policy, rule_text

__all__ = [
    "CURRENT_VERSION",
    "Case",
    "Comparison",
    "Link",
    "LinkLine",
    "MatchResult",
    "Policy",
    "Register",
    "RuleResult",
    "current_policy",
    "match",
    "parse_link",
    "policy",
    "read_policy",
    "rule_text",
]
