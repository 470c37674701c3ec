"""What the payload store gives back: plain frozen values, decrypted and checked. They know no SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger.domain.action import Action, Meta
from ledger.errors import OriginSealError


@dataclass(frozen=True, slots=True)
class StoredSubmission:
    """One stored submission, as signed. `sequence` is its place in the store; `received_at` is Unix seconds."""

    sequence: int
    submission_id: bytes
    key_id: bytes
    member_id: bytes
    meta: bytes
    signature: bytes
    action: Action
    received_at: int

    @property
    def nonce(self) -> int:
        return Meta.decode(self.meta).nonce


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One readable record. `evidence` is the exact message it came in, when one was kept and asked for."""

    submission_id: bytes
    index: int
    kind: str
    author: bytes
    lots: tuple[bytes, ...]
    digest: bytes
    payload: dict[str, Any]
    seed: bytes
    evidence: bytes | None = None


@dataclass(frozen=True, slots=True)
class Erasure:
    """When a record's payload was erased (Unix seconds), and by which submission; None when none ordered it."""

    at: int
    by: bytes | None


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """A record whose payload is gone or cannot be trusted: lawfully erased (`erasure`), or damaged (`error`)."""

    submission_id: bytes
    index: int
    kind: str
    author: bytes
    lots: tuple[bytes, ...]
    digest: bytes
    error: OriginSealError
    erasure: Erasure | None = None


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """Rows per table; `erased` counts among the records."""

    submissions: int
    records: int
    erased: int
    evidence: int
    checkpoints: int


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that an examination found wrong in the store."""

    table: str
    key: str
    reason: str
