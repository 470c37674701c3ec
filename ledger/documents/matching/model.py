"""What matching finds: comparisons, rule results, the verdict, and the payload that is sealed.

The public part of a rule's result (its outcome and which fields were compared) and the compared values are separate
leaves of the payload, so that a disclosure can show the one and withhold the other (P7). Reasons therefore name
fields and lines, never values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ledger.documents.ceb.model import BusinessNode
from ledger.domain.codes import Verdict

# Compared values kept per rule: enough to see what is wrong, within the 4096 leaves of a payload.
MAX_VALUES = 40
MAX_NAMED = 8  # differing fields that a reason names one by one
MAX_VALUE_LENGTH = 300
FIELD_SEPARATOR = ", "  # between field names in a sealed rule

DOCUMENTS_ZH = {"order": "订单", "receipt": "收款单", "waybill": "运单", "inventory": "清单"}
DOCUMENTS_EN = {"order": "order", "receipt": "receipt", "waybill": "waybill", "inventory": "list"}


class Comparison(NamedTuple):
    """One comparison of two fields. `line` is the gnum for goods lines, else None; `problem` is a word of PROBLEMS.

    A tuple rather than a frozen dataclass: a trade has some sixty of them and they are built five times faster.
    """

    left: str
    left_value: str | None
    right: str
    right_value: str | None
    holds: bool
    hard: bool = True
    line: int | None = None
    problem: str = "differs"


PROBLEMS: dict[str, tuple[str, str]] = {
    "differs": ("不一致", "differs from"),
    "absent": ("缺少对应项", "has no counterpart in"),
    "not-a-number": ("不是数字，无法比较", "is not a number, cannot be compared with"),
    "not-a-time": ("不是有效时间，无法比较", "is not a time, cannot be compared with"),
    "beyond": ("超出容差", "is beyond the tolerance of"),
    "later": ("时间顺序不合理", "is later than"),
    "unit": ("计量单位不同（已换算）", "uses another unit than (converted)"),
    "unconvertible": ("计量单位无法换算", "has a unit that cannot be converted to that of"),
    "unlinked": ("未关联批次", "is not covered by"),
}


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What one rule came to. `outcome`: passed, failed (hard), warned, or skipped.

    `missing` marks a skipped hard rule that could not be judged because something is missing: the trade is incomplete.
    """

    id: str
    title_zh: str
    title_en: str
    basis: str
    severity: str
    outcome: str
    fields: tuple[str, ...]
    reason_zh: str
    reason_en: str
    comparisons: tuple[Comparison, ...] = ()
    missing: bool = False

    @property
    def left(self) -> dict[str, str | None]:
        """Compared values of the left fields, by field name."""
        return {_label(c.left, c.line): c.left_value for c in self.comparisons}

    @property
    def right(self) -> dict[str, str | None]:
        """Compared values of the right fields, by field name."""
        return {_label(c.right, c.line): c.right_value for c in self.comparisons}

    def as_json(self) -> dict[str, Any]:
        """What is sealed: the public leaves and, where the rule did not pass, the compared values under `values`.

        A rule's title and basis belong to the policy's release, not to each trade: `rule_text` gives them. One text of
        fields instead of a list keeps a trade at some eighty leaves, and its bundle and the check of it small.
        """
        value: dict[str, Any] = {"id": self.id, "severity": self.severity, "outcome": self.outcome}
        if self.fields:
            value["fields"] = FIELD_SEPARATOR.join(self.fields)
        if self.outcome == "passed":
            return value
        value |= {"reason_zh": self.reason_zh, "reason_en": self.reason_en}
        # Line by line only what differs; the rest stands in the documents themselves.
        kept = [c for c in self.comparisons if not c.holds or c.line is None][:MAX_VALUES]
        if kept:
            value["values"] = [
                {
                    "left": _label(c.left, c.line),
                    "leftValue": _bounded(c.left_value),
                    "right": _label(c.right, c.line),
                    "rightValue": _bounded(c.right_value),
                    "holds": c.holds,
                }
                for c in kept
            ]
        return value


@dataclass(frozen=True, slots=True)
class MatchResult:
    """The verdict and how it came about."""

    verdict: Verdict
    rules: tuple[RuleResult, ...]
    policy_version: int

    def rule(self, rule_id: str) -> RuleResult:
        """The result of one rule; KeyError when the policy has it off."""
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise KeyError(rule_id)

    def payload(self) -> dict[str, Any]:
        """The part of a trade.match payload that matching knows; the caller adds trade id, documents and lines."""
        return {
            "verdict": self.verdict.name,
            "policyVersion": self.policy_version,
            "rules": [rule.as_json() for rule in self.rules],
        }


@dataclass(frozen=True, slots=True)
class Register:
    """What the ledger knows beyond the documents at hand: whether these business keys were used before."""

    order_number_is_new: bool
    waybill_number_is_new: bool


@dataclass(frozen=True, slots=True)
class Case:
    """What is matched. Receipts are sorted by content, so that their order of arrival cannot matter."""

    order: BusinessNode | None
    receipts: tuple[BusinessNode, ...]
    waybill: BusinessNode | None
    inventory: BusinessNode | None
    link: Mapping[str, Any] | None
    register: Register | None

    def absent(self, needs: tuple[str, ...]) -> tuple[str, ...]:
        """Which of the needed documents are not there."""
        there = {
            "order": self.order is not None,
            "receipt": bool(self.receipts),
            "waybill": self.waybill is not None,
            "inventory": self.inventory is not None,
        }
        return tuple(name for name in needs if not there[name])


def _label(field: str, line: int | None) -> str:
    return field if line is None else f"{field}[{line}]"


def _bounded(value: str | None) -> str | None:
    return value if value is None or len(value) <= MAX_VALUE_LENGTH else value[:MAX_VALUE_LENGTH] + "…"
