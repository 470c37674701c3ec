"""Judging a bundle that somebody brings: against the anchors, and against our own chain.

The verifier's argument shows that a bundle holds for *some* chain that the operator signed. The replica adds what only
it knows: whether that is the chain that it executed itself. A bundle that holds but stands on another block is the
proof of a split view: the operator showed somebody another history.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger.proof.anchors import Anchors
from ledger.proof.bundle import Bundle, parse_bundle
from ledger.proof.checkpoint import SignedCheckpoint
from ledger.proof.header import parse_header
from ledger.proof.report import Report
from ledger.proof.verifier import argue
from ledger.services.replica.chains import OwnChain

OURS, SPLIT, UNKNOWN, NOT_COMPARED = "ours", "split-view", "ahead-of-us", "not-compared"
STATEMENTS = {
    OURS: (
        "证明包所依据的每个区块都是本副本自己核对过的区块。",
        "Every block that the bundle stands on is one that this replica checked itself.",
    ),
    SPLIT: (
        "证明包有效，但依据的是另一条历史：运营方向不同的人出示了不同的账本（分叉视图）。请保留该文件作为证据。",
        "The bundle is valid but stands on another history: the operator showed different ledgers to different people "
        "(a split view). Keep the file as evidence.",
    ),
    UNKNOWN: (
        "证明包的区块比本副本新，尚不能比对。",
        "The bundle's block is newer than this replica; it cannot be compared yet.",
    ),
    NOT_COMPARED: ("证明包不成立，未作比对。", "The bundle does not hold, so it was not compared."),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verifier's report, and how the bundle's blocks stand to our own chain."""

    report: Report
    chain: str
    height: int | None

    def to_json(self) -> dict[str, Any]:
        """The verifier's JSON with one more member, `replica`."""
        zh, en = STATEMENTS[self.chain]
        return {
            **self.report.to_dict(),
            "replica": {"chain": self.chain, "height": self.height, "statement": {"zh": zh, "en": en}},
        }


def judge(data: bytes, anchors: Anchors, own: OwnChain) -> Verdict:
    """Raises Untrusted when `data` is no bundle."""
    bundle = parse_bundle(data)
    report = argue(bundle, anchors)
    if report.verified is None:
        return Verdict(report, NOT_COMPARED, None)
    return Verdict(report, *_stand(bundle, own))


def _stand(bundle: Bundle, own: OwnChain) -> tuple[str, int | None]:
    checked = [each.checkpoint for each in bundle.submissions] + [bundle.checkpoint]
    ahead: int | None = None
    for signed in sorted(checked, key=_height):
        raw = own.header(_height(signed))
        if raw is None:
            ahead = _height(signed) if ahead is None else ahead
        elif parse_header(raw).hash != signed.checkpoint.block:
            return SPLIT, _height(signed)
    return (OURS, _height(bundle.checkpoint)) if ahead is None else (UNKNOWN, ahead)


def _height(signed: SignedCheckpoint) -> int:
    return signed.checkpoint.height
