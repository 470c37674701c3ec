"""The public part of a submission's records: what bundles show and what replicas keep.

Three implementations of `Records` exist: over the operator's payload store (here), over a replica's own store, and
whatever a test needs. The JSON form is that of GET /api/v1/submissions/{id}/records (docs/replica.md). A record that
names no lot stands in no bundle: of it only the digest is published. An erased record keeps digest and lots.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ledger.crypto.digest import keccak256_text, sm3_text
from ledger.documents.disclosure import Disclosure, public_part
from ledger.documents.statement import Record, commit
from ledger.errors import NotFound, StorageUnavailable
from ledger.vault.reader import VaultReader
from ledger.vault.values import StoredRecord, UnreadableRecord

Disclose = Callable[[Record], Disclosure]


@dataclass(frozen=True, slots=True)
class PublicRecord:
    """One record's public part. `body` is as in a bundle, without inclusion; None when the record is withheld because
    it names no lot, or erased."""

    digest: bytes
    lots: tuple[bytes, ...]
    body: dict[str, Any] | None
    erased: bool = False

    def to_json(self) -> dict[str, Any]:
        """As published to replicas."""
        known = {"digest": sm3_text(self.digest), "lots": [sm3_text(lot) for lot in self.lots]}
        return {**known, "erased": True} if self.erased else {**known, "record": self.body}

    def bundled(self) -> dict[str, Any]:
        """As it stands in a bundle, without inclusion."""
        if self.erased:
            return {"digest": sm3_text(self.digest), "erased": True}
        if self.body is None:
            raise RuntimeError("a record that names no lot stands in no bundle")
        return self.body


class Records(Protocol):
    """Where public records come from."""

    def of(self, submission_id: bytes) -> Sequence[PublicRecord]:
        """All records of a submission, in its order. Raises StorageUnavailable when they are not there."""


def published(submission_id: bytes, records: Sequence[PublicRecord]) -> dict[str, Any]:
    """The JSON value of a submission's public records."""
    return {"submissionId": keccak256_text(submission_id), "records": [record.to_json() for record in records]}


class VaultRecords:
    """Public records made from the operator's payload store. `disclose` decides which fields are shown."""

    def __init__(self, vault: VaultReader, disclose: Disclose = public_part) -> None:
        self._vault = vault
        self._disclose = disclose

    def of(self, submission_id: bytes) -> tuple[PublicRecord, ...]:
        try:
            rows = self._vault.rows(submission_id)
        except NotFound as error:
            raise StorageUnavailable(
                f"the payload store lacks submission {keccak256_text(submission_id)}", hint="run `originseal audit`"
            ) from error
        return tuple(self._public(row) for row in rows)

    def _public(self, row: StoredRecord | UnreadableRecord) -> PublicRecord:
        if isinstance(row, UnreadableRecord):
            if row.erasure is None:
                raise row.error
            return PublicRecord(row.digest, row.lots, None, erased=True)
        if not row.lots:
            return PublicRecord(row.digest, (), None)
        shown = self._disclose(commit(row.kind, row.author, row.lots, row.payload, row.seed))
        return PublicRecord(row.digest, row.lots, shown.to_json())
