"""Receipts: what a member keeps after a submission, enough to prove later that it was sealed.

Format originseal-receipt/v1: inclusion proofs of every record, the transaction, its block, and a signed checkpoint of
that block with the co-signatures known at the time (often none yet: ask again later). A receipt is given only for what
is durably on the chain; until then its state is `pending`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ledger.chain.outbox import Sealed
from ledger.crypto.digest import keccak256_text, sm3_text
from ledger.merkle.tree import Tree
from ledger.proof.note import Note
from ledger.vault import StoredSubmission

FORMAT = "originseal-receipt/v1"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A submission as sealed. `records` are (kind, digest) in submission order."""

    submission: StoredSubmission
    records: tuple[tuple[str, bytes], ...]
    sealed: Sealed | None
    note: Note | None
    duplicate: bool = False

    @property
    def submission_id(self) -> str:
        return keccak256_text(self.submission.submission_id)

    @property
    def state(self) -> str:
        return "pending" if self.sealed is None else "sealed"

    def to_json(self) -> dict[str, Any]:
        """The receipt's JSON form."""
        value: dict[str, Any] = {
            "format": FORMAT,
            "submissionId": self.submission_id,
            "state": self.state,
            "duplicate": self.duplicate,
            "keyId": sm3_text(self.submission.key_id),
            "memberId": sm3_text(self.submission.member_id),
            "root": sm3_text(self.submission.action.root),
            "count": self.submission.action.count,
            "receivedAt": self.submission.received_at,
            "records": _records(self.records),
        }
        if self.sealed is not None:
            value |= {
                "transaction": f"0x{self.sealed.transaction_hash.hex()}",
                "block": self.sealed.block,
                "blockHash": f"0x{self.sealed.block_hash.hex()}",
                "sealedAt": self.sealed.block_time,
            }
        if self.note is not None:
            value |= self.note.to_dict()  # checkpoint, cosignatures
        return value


def _records(records: Sequence[tuple[str, bytes]]) -> list[dict[str, Any]]:
    tree = Tree([digest for _, digest in records])
    return [
        {"index": i, "kind": kind, "digest": sm3_text(digest), "inclusion": tree.inclusion_proof(i).to_json()}
        for i, (kind, digest) in enumerate(records)
    ]
