"""What a diagnosis says: one answer per check, for machines and for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger.services.doctor.words import CHECKS

OK, WARNING, FAILED, SKIPPED = "ok", "warning", "failed", "skipped"
FORMAT = "originseal-doctor/v1"
MARKS = {OK: "✓", WARNING: "!", FAILED: "✗", SKIPPED: "-"}
MAX_FOUND = 600


@dataclass(frozen=True, slots=True)
class Answer:
    """One check: `found` says in a few words what is there."""

    check: str
    status: str
    found: str

    def to_json(self) -> dict[str, Any]:
        words = CHECKS[self.check]
        value: dict[str, Any] = {
            "check": self.check,
            "status": self.status,
            "what": {"zh": words.zh, "en": words.en},
            "found": self.found[:MAX_FOUND],
        }
        if self.status in (WARNING, FAILED):
            value["next"] = {"zh": words.next_zh, "en": words.next_en}
        return value


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All answers, in order."""

    data: str
    role: str | None
    answers: tuple[Answer, ...]

    @property
    def failed(self) -> bool:
        """Whether anything has to be repaired."""
        return any(answer.status == FAILED for answer in self.answers)

    def to_json(self) -> dict[str, Any]:
        counts = {status: sum(a.status == status for a in self.answers) for status in (OK, WARNING, FAILED, SKIPPED)}
        return {
            "format": FORMAT,
            "data": self.data,
            "role": self.role,
            "result": "failed" if self.failed else "warnings" if counts[WARNING] else "ok",
            "counts": counts,
            "checks": [answer.to_json() for answer in self.answers],
        }


def render_text(diagnosis: Diagnosis) -> str:
    """The diagnosis for people, Chinese and English beside each other."""
    lines = [f"源印体检 OriginSeal doctor  {diagnosis.data}", ""]
    for answer in diagnosis.answers:
        words = CHECKS[answer.check]
        lines.append(f"{MARKS[answer.status]} {words.zh} {words.en}: {answer.found[:MAX_FOUND]}")
        if answer.status in (WARNING, FAILED):
            lines += [f"    → {words.next_zh}", f"    → {words.next_en}"]
    return "\n".join(lines)
