"""What a rule returns: its comparisons, or why it could not be applied; and the words that say so."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.documents.matching.comparing import Comparisons
from ledger.documents.matching.model import (
    DOCUMENTS_EN,
    DOCUMENTS_ZH,
    MAX_NAMED,
    PROBLEMS,
    Comparison,
    RuleResult,
)
from ledger.documents.matching.policy import RuleText


@dataclass(frozen=True, slots=True)
class Skip:
    """The rule was not applied. `missing`: something that it needs is not there yet, so the trade is incomplete."""

    reason_zh: str
    reason_en: str
    missing: bool = False


def absent(names: tuple[str, ...], *, hard: bool) -> Skip:
    """The documents `names` have not arrived."""
    zh = "、".join(DOCUMENTS_ZH[n] for n in names)
    en = ", ".join(DOCUMENTS_EN[n] for n in names)
    return Skip(f"尚缺{zh}", f"waiting for: {en}", missing=hard)


def conclude(text: RuleText, severity: str, found: Comparisons | Skip) -> RuleResult:
    """One rule's result. A hard rule fails on a hard comparison that does not hold; everything else only warns."""
    if isinstance(found, Skip):
        return _result(text, severity, "skipped", (), found.reason_zh, found.reason_en, found.missing)
    broken = [c for c in found.items if not c.holds]
    failed = severity == "hard" and any(c.hard for c in broken)
    outcome = "failed" if failed else "warned" if broken else "passed"
    shown = [c for c in broken if c.hard] if failed else broken
    zh, en = _reasons(shown) if shown else ("", "")
    return _result(text, severity, outcome, tuple(found.items), zh, en, False)


def _result(
    text: RuleText,
    severity: str,
    outcome: str,
    comparisons: tuple[Comparison, ...],
    zh: str,
    en: str,
    missing: bool,
) -> RuleResult:
    fields: dict[str, None] = {}
    for c in comparisons:
        fields[c.left] = fields[c.right] = None
    return RuleResult(
        id=text.id,
        title_zh=text.title_zh,
        title_en=text.title_en,
        basis=text.basis,
        severity=severity,
        outcome=outcome,
        fields=tuple(fields),
        reason_zh=zh,
        reason_en=en,
        comparisons=comparisons,
        missing=missing,
    )


def _reasons(broken: list[Comparison]) -> tuple[str, str]:
    """Which fields, on which lines, in which way; never their values, because reasons are public."""
    grouped: dict[tuple[str, str, str], list[int]] = {}
    for c in broken:
        lines = grouped.setdefault((c.left, c.right, c.problem), [])
        if c.line is not None:
            lines.append(c.line)
    zh_parts, en_parts = [], []
    for (left, right, problem), lines in list(grouped.items())[:MAX_NAMED]:
        zh, en = PROBLEMS[problem]
        numbers = ", ".join(map(str, lines[:MAX_NAMED])) + (" …" if len(lines) > MAX_NAMED else "")
        zh_parts.append(f"{left} 与 {right} {zh}" + (f"（第 {numbers} 项）" if lines else ""))
        en_parts.append(f"{left} {en} {right}" + (f" (line {numbers})" if lines else ""))
    if len(grouped) > MAX_NAMED:
        zh_parts.append("等")
        en_parts.append("…")
    return "；".join(zh_parts), "; ".join(en_parts)
