"""The payload store against the chain: every record of every accepted submission, committed to once more.

For each submission: the stored row is the one on chain; its records are all there; each payload, decrypted and made
canonical again, leads to its digest; the digests to the signed root and to the signed entry of every lot; and the
words of the records call for exactly the operations that stand beside them (ledger.services.kinds). Needs no earlier
state: what later submissions need of these records (matches, erasures) is handed on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ledger.crypto.digest import sm3_text
from ledger.documents.statement import Record, commit
from ledger.domain import action as act
from ledger.domain.action import LotEntry, lot_entries
from ledger.errors import OriginSealError, RecordsRefused
from ledger.merkle.tree import merkle_root
from ledger.services.audit.findings import Findings
from ledger.services.audit.matches import RECORD_MATCH, noted
from ledger.services.audit.scratch import KNOWN, SEALED, SOUND
from ledger.services.audit.spans import Accepted, Checked, Match, Seen
from ledger.services.customs import Messages, require_issuer
from ledger.services.kinds import demand
from ledger.vault import StoredRecord, StoredSubmission, UnreadableRecord
from ledger.vault.batches import Stored, read_batch
from ledger.vault.reader import Rows, VaultReader


class Payloads:
    """Checks batches of submissions, in any order."""

    def __init__(self, vault: VaultReader) -> None:
        self._vault = vault
        self._findings = Findings("")
        self._wrong = 0

    def read(self, batch: Sequence[Seen], findings: Findings) -> dict[bytes, Stored]:
        """The stored submissions of a batch with their records; unreadable ones are findings and left out."""
        try:
            return read_batch(self._vault, [each.accepted.submission_id for each in batch])
        except OriginSealError:
            found: dict[bytes, Stored] = {}
            for each in batch:  # one by one, so that only the unreadable ones are findings
                try:
                    found |= read_batch(self._vault, [each.accepted.submission_id])
                except OriginSealError as error:
                    accepted = each.accepted
                    findings.add("payload.submission", accepted.name, error.message, block=accepted.block)
            return found

    def check(self, batch: Sequence[Seen], found: Mapping[bytes, Stored], findings: Findings) -> None:
        """Check the records of these submissions; what came of them is put into each."""
        self._findings = findings
        for each in batch:
            accepted = each.accepted
            stored = found.get(accepted.submission_id)
            if stored is None:
                findings.add("payload.submission-missing", accepted.name, block=accepted.block)
            else:
                each.checked = self._submission(accepted, *stored)

    def _submission(self, accepted: Accepted, head: StoredSubmission | OriginSealError, rows: Rows) -> Checked:
        self._stored_row(accepted, head)
        action, add = accepted.call.action, self._findings.add
        if [row.index for row in rows] != list(range(action.count)):
            add("payload.record-missing", accepted.name, f"{len(rows)} rows, {action.count} records")
        records: list[Record] = []
        erasures: list[tuple[str, bytes | None]] = []
        self._wrong = 0
        for row in rows:
            record = self._record(accepted, row, erasures)
            if record is not None:
                records.append(record)
        sound = len(records) == len(rows) and not self._wrong
        digests = [row.digest for row in rows]
        if not digests or merkle_root(digests) != action.root:
            add("payload.root", accepted.name, block=accepted.block)
        grouped = lot_entries((row.digest, row.lots) for row in rows)
        if tuple(LotEntry(lot, merkle_root(d), len(d)) for lot, d in grouped.items()) != action.lots:
            add("payload.lots", accepted.name, block=accepted.block)
        self._rules(accepted, records, complete=len(records) == action.count)
        if any(record.kind.startswith("ceb.") for record in records):
            self._evidence(accepted)
        sealer = self._vault.sealer
        notes = tuple(note for record in records for note in noted(sealer, record.kind, record.digest, record.payload))
        verdict = KNOWN | (SOUND if sound else 0) | (0 if isinstance(head, OriginSealError) else SEALED)
        return Checked(verdict, len(rows), tuple(erasures), _matches(accepted, records), notes)

    def _stored_row(self, accepted: Accepted, stored: StoredSubmission | OriginSealError) -> None:
        if isinstance(stored, OriginSealError):
            self._findings.add("payload.submission", accepted.name, stored.message)
            return
        call = accepted.call
        on_chain = (call.key_id, accepted.member_id, call.meta, call.signature, call.action)
        if (stored.key_id, stored.member_id, stored.meta, stored.signature, stored.action) != on_chain:
            self._findings.add("payload.submission", accepted.name, block=accepted.block)

    def _record(
        self, accepted: Accepted, row: StoredRecord | UnreadableRecord, erasures: list[tuple[str, bytes | None]]
    ) -> Record | None:
        if isinstance(row, UnreadableRecord):
            where = _where(accepted, row)
            if row.erasure is not None:
                self._findings.count("erased records")
                erasures.append((where, row.erasure.by))
            elif not row.digest:  # nothing but its place is known: the row is gone
                self._findings.add("payload.record-missing", where, row.error.message)
            else:
                self._findings.add("payload.record", where, row.error.message, block=accepted.block)
            return None
        try:
            record = commit(row.kind, row.author, row.lots, row.payload, row.seed)
        except OriginSealError as error:
            self._findings.add("payload.record", _where(accepted, row), error.message)
            return None
        if record.digest != row.digest or row.author != accepted.member_id:
            self._findings.add("payload.record", _where(accepted, row), computed=record.digest, block=accepted.block)
            self._wrong += 1
        return record

    def _rules(self, accepted: Accepted, records: list[Record], *, complete: bool) -> None:
        wanted: Counter[tuple[int, bytes]] = Counter()
        for record in records:
            try:
                demanded = demand(record, record.payload)
                require_issuer(record)
            except OriginSealError as error:
                self._findings.add("payload.rules", f"record {sm3_text(record.digest)}", error.message)
                continue
            if demanded.lots != tuple(record.lots):
                self._findings.add("payload.rules", f"record {sm3_text(record.digest)}", "it names other lots")
            if demanded.operation is not None:
                wanted[demanded.operation.kind, demanded.operation.data] += 1
        given = Counter((operation.kind, operation.data) for operation in accepted.call.action.operations)
        if complete and given != wanted:
            self._findings.add("payload.rules", accepted.name, "operations are not what the records call for")

    def _evidence(self, accepted: Accepted) -> None:
        """Each customs record is a node of the exact message that is kept with it: the rule of intake once more."""
        try:
            records = self._vault.records(accepted.submission_id)
        except OriginSealError:
            return  # an erased or damaged record: reported above
        try:
            Messages().require(records)
        except RecordsRefused as refusal:
            for problem in refusal.problems:
                where = f"record {sm3_text(records[problem['record']].digest)}"
                self._findings.add("payload.evidence", where, problem["reason"])
        self._findings.count("evidence messages", sum(record.evidence is not None for record in records))


def _where(accepted: Accepted, row: StoredRecord | UnreadableRecord) -> str:
    return f"record {sm3_text(row.digest) if len(row.digest) == 32 else row.index} of {accepted.name}"


def _matches(accepted: Accepted, records: list[Record]) -> tuple[Match, ...]:
    """The matches among these records, with the operations that sealed them."""
    results: dict[bytes, Any] = {record.digest: record.payload for record in records if record.kind == "trade.match"}
    found = []
    for operation in accepted.call.action.operations if results else ():
        if operation.kind != RECORD_MATCH:
            continue
        try:
            op = act.decode_operation(operation)
        except OriginSealError:
            continue  # the shadow reports it
        if isinstance(op, act.RecordMatch) and op.result_digest in results:
            found.append(Match(operation.data, results[op.result_digest]))
    return tuple(found)
