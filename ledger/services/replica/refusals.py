"""Why a replica stops following its source for good, and the evidence that it keeps of it.

A refusal is final: the replica goes on serving what it holds, says why, and never follows again by itself. Evidence is
one JSON file under DATA/evidence/, written durably before the refusal is announced: both sides' raw headers and the
source's signed checkpoints, so that somebody else can judge without this replica.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger.errors import OriginSealError
from ledger.proof.checkpoint import SignedCheckpoint
from ledger.services.config import write_json

FORMAT = "originseal-replica-evidence/v1"
FOLDER = "evidence"
EQUIVOCATION = "equivocation"  # in evidence: a proof by the source's own signatures, originseal-equivocation/v1

# kind → (Chinese, English): what happened, in words for people.
KINDS: dict[str, tuple[str, str]] = {
    "execution-differs": (
        "源提供的区块在本机重新执行后得到不同的结果。",
        "Executing a block of the source here gives another result than the source claims.",
    ),
    "rewritten-history": (
        "源改写了历史：它现在出示的区块与本机早先核对过的区块不同。",
        "The source rewrote history: it now shows another block than the one that was checked here before.",
    ),
    "other-chain": ("源属于另一条链。", "The source has another chain."),
    "other-code": (
        "合约代码与信任锚不符。",
        "A contract's code is not the one in the trust anchors.",
    ),
    "checkpoint-contradicts": (
        "源签名的检查点与本机持有的区块矛盾。",
        "A checkpoint signed by the source contradicts a block of this copy.",
    ),
    "two-checkpoints": (
        "源为同一高度签署了两个不同的检查点。",
        "The source signed two different checkpoints of one height.",
    ),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why following ended. `time` is Unix seconds, `evidence` a file name under DATA/evidence/."""

    kind: str
    height: int | None
    detail: str
    time: int
    evidence: str

    @property
    def zh(self) -> str:
        return KINDS[self.kind][0]

    @property
    def en(self) -> str:
        return KINDS[self.kind][1]

    def to_json(self) -> dict[str, Any]:
        """For the status, and for keeping."""
        return {
            "kind": self.kind, "height": self.height, "detail": self.detail, "time": self.time,
            "evidence": self.evidence, "statement": {"zh": self.zh, "en": self.en},
        }  # fmt: skip

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Refusal:
        """The inverse of `to_json`, for our own file only."""
        return cls(value["kind"], value["height"], value["detail"], value["time"], value["evidence"])


class Refused(Exception):
    """Raised inside the follower to end following; never leaves this package."""

    def __init__(self, kind: str, detail: str, height: int | None = None, **evidence: Any) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.height, self.evidence = kind, detail, height, evidence


@dataclass(slots=True)
class Witnessed:
    """What both sides said about one height, for the evidence."""

    height: int
    ours: bytes | None = None
    theirs: bytes | None = None
    checkpoints: list[SignedCheckpoint] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Raw headers in hexadecimal, checkpoints as in a bundle."""
        return {
            "height": self.height,
            "ours": None if self.ours is None else "0x" + self.ours.hex(),
            "theirs": None if self.theirs is None else "0x" + self.theirs.hex(),
            "checkpoints": [signed.to_dict() for signed in self.checkpoints],
        }


def keep(root: Path, source: str, refused: Refused, context: dict[str, Any]) -> Refusal:
    """Write the evidence of `refused` and return the refusal that names it."""
    at = int(time.time())
    name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(at))}-{refused.kind}.json"
    zh, en = KINDS[refused.kind]
    evidence = {key: value.to_json() if isinstance(value, Witnessed) else value for key, value in
                refused.evidence.items()}  # fmt: skip
    proof = evidence.get(EQUIVOCATION)
    if proof is not None:  # by itself, in the form that `originseal verify --equivocation` reads
        write_json(root / FOLDER / name.replace(".json", f"-{EQUIVOCATION}.json"), proof)
    write_json(
        root / FOLDER / name,
        {
            "format": FORMAT,
            "kind": refused.kind,
            "statement": {"zh": zh, "en": en},
            "detail": refused.detail,
            "height": refused.height,
            "time": at,
            "source": source,
            **context,
            "evidence": evidence,
        },
    )
    return Refusal(refused.kind, refused.height, refused.detail, at, name)


def from_evidence(root: Path) -> Refusal | None:
    """The refusal of which there is evidence, if there is any: a crash may have come between evidence and decision."""
    for path in sorted((root / FOLDER).glob("*.json")):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue
        if isinstance(told, dict) and told.get("format") == FORMAT and told.get("kind") in KINDS:
            return Refusal(told["kind"], told["height"], told["detail"], told["time"], path.name)
    return None


def problem(error: OriginSealError) -> dict[str, Any]:
    """An error as JSON."""
    return {"code": error.code, "message": error.message, **error.detail}
