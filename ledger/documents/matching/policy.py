"""Matching policies: versioned files with every tolerance and severity, so that a result can be judged again.

Job: load policies/policy-N.json (tolerances, severities) and policies/rules.json (titles, basis, needed documents).
A policy in force is never edited: a change is a new version, and each result records the version it was judged by.
No official document states a numeric tolerance; these are ours and say so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from ledger.errors import Malformed

CURRENT_VERSION = 1
SEVERITIES = ("hard", "warn", "off")


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule's fixed part: its titles, its basis and the documents it compares."""

    id: str
    title_zh: str
    title_en: str
    needs: tuple[str, ...]
    basis: str


@dataclass(frozen=True, slots=True)
class Policy:
    """Tolerances as exact decimals, and how much each rule weighs: hard, warn or off."""

    version: int
    effective: str
    name_zh: str
    name_en: str
    line_rounding: Decimal
    amount_absolute: Decimal
    amount_percent: Decimal
    fee_absolute: Decimal
    weight_percent: Decimal
    severities: Mapping[str, str]

    def severity(self, rule: str) -> str:
        """hard, warn or off; a rule that the policy does not name is off."""
        return self.severities.get(rule, "off")


@cache
def policy(version: int) -> Policy:
    """The policy of this version. Raises Malformed when there is none."""
    source = _folder().joinpath(f"policy-{int(version)}.json")
    if not source.is_file():
        raise Malformed(f"there is no matching policy {version}", field="/policyVersion")
    return read_policy(json.loads(source.read_text(encoding="utf-8")))


def current_policy() -> Policy:
    """The policy that new results are judged by."""
    return policy(CURRENT_VERSION)


def read_policy(value: dict[str, Any]) -> Policy:
    """A policy from its JSON form. Raises Malformed when a parameter or severity is missing or out of range."""
    try:
        numbers = {name: Decimal(str(row["value"])) for name, row in value["parameters"].items()}
        severities = MappingProxyType({str(k): str(v) for k, v in value["severities"].items()})
        if any(n < 0 or not n.is_finite() for n in numbers.values()):
            raise Malformed("a tolerance is negative", field="/parameters")
        if any(severity not in SEVERITIES for severity in severities.values()):
            raise Malformed(f"severities are {', '.join(SEVERITIES)}", field="/severities")
        return Policy(
            version=int(value["version"]),
            effective=str(value["effective"]),
            name_zh=str(value["name"]["zh"]),
            name_en=str(value["name"]["en"]),
            line_rounding=numbers["lineRounding"],
            amount_absolute=numbers["amountAbsolute"],
            amount_percent=numbers["amountPercent"],
            fee_absolute=numbers["feeAbsolute"],
            weight_percent=numbers["weightPercent"],
            severities=severities,
        )
    except (KeyError, TypeError, ArithmeticError) as error:
        raise Malformed(f"not a matching policy: {error}", field="/") from error


@cache
def rule_texts() -> tuple[RuleText, ...]:
    """Every rule, in the order in which results list them."""
    rules = json.loads(_folder().joinpath("rules.json").read_text(encoding="utf-8"))["rules"]
    return tuple(
        RuleText(rule, row["title_zh"], row["title_en"], tuple(row["needs"]), row["basis"])
        for rule, row in rules.items()
    )


@cache
def rule_text(rule: str) -> RuleText | None:
    """The words of one rule, of the matching rules and of those that the contracts apply; None for an unknown id."""
    tables = json.loads(_folder().joinpath("rules.json").read_text(encoding="utf-8"))
    row = tables["rules"].get(rule) or tables["contract_rules"].get(rule)
    if row is None:
        return None
    return RuleText(rule, row["title_zh"], row["title_en"], tuple(row["needs"]), row["basis"])


def _folder() -> Any:
    return resources.files("ledger.documents.matching").joinpath("policies")
