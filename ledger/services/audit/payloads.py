"""The payload store against the chain: every record of every accepted submission, committed to once more.

For each submission: the stored row is the one on chain; its records are all there; each payload, decrypted and made
canonical again, leads to its digest; the digests to the signed root and to the signed entry of every lot; and the
words of the records call for exactly the operations that stand beside them (ledger.services.kinds).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ledger.crypto.digest import sm3_text
from ledger.documents.statement import Record, commit
from ledger.domain.action import LotEntry, lot_entries
from ledger.errors import OriginSealError, RecordsRefused
from ledger.merkle.tree import merkle_root
from ledger.services.audit.findings import Findings
from ledger.services.audit.history import Accepted
from ledger.services.audit.matches import Matches
from ledger.services.customs import Messages, require_issuer
from ledger.services.kinds import demand
from ledger.vault import StoredRecord, UnreadableRecord
from ledger.vault.reader import Rows, VaultReader


class Payloads:
    """Checks batches of submissions, in the order of the chain. `records` counts what was checked."""

    def __init__(self, vault: VaultReader, matches: Matches, findings: Findings) -> None:
        self._vault = vault
        self._matches = matches
        self._findings = findings
        self._erasures: list[tuple[str, bytes | None]] = []
        self.records = 0
        self._wrong = 0
        self.sound: set[bytes] = set()  # submissions all of whose records lead to their digests
        self.known: set[bytes] = set()  # submissions on chain whose records were read

    def check(self, batch: Sequence[Accepted]) -> None:
        """Check the records of these submissions."""
        try:
            found = self._vault.rows_of(each.submission_id for each in batch)
        except OriginSealError:
            found = {}
            for each in batch:  # one by one, so that only the unreadable ones are findings
                try:
                    found |= self._vault.rows_of((each.submission_id,))
                except OriginSealError as error:
                    self._findings.add("payload.submission", each.name, error.message, block=each.block)
        for each in batch:
            if each.submission_id in found:
                self.known.add(each.submission_id)
                self._submission(each, found[each.submission_id])
            else:
                self._findings.add("payload.submission-missing", each.name, block=each.block)

    def finish(self) -> None:
        """What needs the whole chain: erasures name the submission that ordered them."""
        for where, by in self._erasures:
            if by is None or by not in self.known:
                self._findings.add("payload.erasure", where)

    def _submission(self, accepted: Accepted, rows: Rows) -> None:
        self._stored_row(accepted)
        action, add = accepted.call.action, self._findings.add
        if [row.index for row in rows] != list(range(action.count)):
            add("payload.record-missing", accepted.name, f"{len(rows)} rows, {action.count} records")
        self.records += len(rows)
        records: list[Record] = []
        self._wrong = 0
        for row in rows:
            record = self._record(accepted, row)
            if record is not None:
                records.append(record)
        if len(records) == len(rows) and not self._wrong:
            self.sound.add(accepted.submission_id)
        digests = [row.digest for row in rows]
        if not digests or merkle_root(digests) != action.root:
            add("payload.root", accepted.name, block=accepted.block)
        grouped = lot_entries((row.digest, row.lots) for row in rows)
        if tuple(LotEntry(lot, merkle_root(d), len(d)) for lot, d in grouped.items()) != action.lots:
            add("payload.lots", accepted.name, block=accepted.block)
        self._rules(accepted, records, complete=len(records) == action.count)
        if any(record.kind.startswith("ceb.") for record in records):
            self._evidence(accepted)
        self._matches.follow(accepted, records)

    def _stored_row(self, accepted: Accepted) -> None:
        try:
            stored = self._vault.submission(accepted.submission_id)
        except OriginSealError as error:
            self._findings.add("payload.submission", accepted.name, error.message)
            return
        call = accepted.call
        on_chain = (call.key_id, accepted.member_id, call.meta, call.signature, call.action)
        if (stored.key_id, stored.member_id, stored.meta, stored.signature, stored.action) != on_chain:
            self._findings.add("payload.submission", accepted.name, block=accepted.block)

    def _record(self, accepted: Accepted, row: StoredRecord | UnreadableRecord) -> Record | None:
        where = f"record {sm3_text(row.digest) if len(row.digest) == 32 else row.index} of {accepted.name}"
        if isinstance(row, UnreadableRecord):
            if row.erasure is not None:
                self._findings.count("erased records")
                self._erasures.append((where, row.erasure.by))
            elif not row.digest:  # nothing but its place is known: the row is gone
                self._findings.add("payload.record-missing", where, row.error.message)
            else:
                self._findings.add("payload.record", where, row.error.message, block=accepted.block)
            return None
        try:
            record = commit(row.kind, row.author, row.lots, row.payload, row.seed)
        except OriginSealError as error:
            self._findings.add("payload.record", where, error.message)
            return None
        if record.digest != row.digest or row.author != accepted.member_id:
            self._findings.add("payload.record", where, computed=record.digest, block=accepted.block)
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
