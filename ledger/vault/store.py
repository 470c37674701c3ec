"""The payload store: what members submitted, as they signed it, encrypted at rest. NOT disposable.

Job: keep checked submissions with their records and evidence, and the operator's signed checkpoints, durably and in
order; give them back decrypted and unaltered or say which record is not. It checks no signature and no digest (intake
does before, an audit again) and knows nothing of the chain. Writes run inside the caller's transaction, so that the
row in the chain's outbox commits with them or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, exc, func, insert, select, update

from ledger.errors import BadCiphertext, BadKey, Conflict, NonceUsed, NotFound
from ledger.proof.checkpoint import SignedCheckpoint
from ledger.vault import codec
from ledger.vault.engine import insert_rows, queue_writers, scrub, storage_errors, writing
from ledger.vault.reader import VaultReader
from ledger.vault.sealing import encode_label
from ledger.vault.tables import checkpoints, evidence, metadata, records, settings, submissions

if TYPE_CHECKING:
    from ledger.documents.submission import CheckedSubmission

KEY_CHECK = "master-key-check"  # a setting that only the right master key can have sealed


class Vault(VaultReader):
    """The payload store over `engine` (see `open_engine`), encrypted under a master key of 16 bytes.

    Creates its tables in an empty store, unless `read_only`. Raises BadKey when the store was made with another
    master key and StorageUnavailable when it cannot be used. Safe to share between threads.
    """

    def __init__(self, engine: Engine, master_key: bytes, *, read_only: bool = False) -> None:
        super().__init__(engine, master_key)
        try:
            if read_only:
                self.setting(KEY_CHECK)
                return
            with writing(engine) as connection:
                metadata.create_all(connection)
                if self.setting(KEY_CHECK, connection=connection) is None:
                    self.put_setting(KEY_CHECK, True, connection)
        except BadCiphertext as error:
            raise BadKey("the payload store was made with another master key", hint="use its own key file") from error

    def transaction(self) -> AbstractContextManager[Connection]:
        """A write transaction (`with … as connection`): commits at the end, rolls back when the block raises."""
        return writing(self.engine)

    # ------------------------------------------------------------------------------------------------------ writing

    def store(self, connection: Connection, checked: CheckedSubmission, received_at: int) -> None:
        """Keep one checked submission. Raises NonceUsed when its key has used its nonce (or this id) before."""
        self.store_many(connection, (checked,), received_at)

    def store_many(self, connection: Connection, items: Sequence[CheckedSubmission], received_at: int) -> None:
        """Keep many at once: all or, when it raises NonceUsed or StorageUnavailable, none (roll back)."""
        with storage_errors("the payload store cannot be written"):
            queue_writers(connection)
            first = (connection.execute(select(func.max(submissions.c.seq))).scalar() or 0) + 1
            submission_rows = [self._submission_row(first + i, each, received_at) for i, each in enumerate(items)]
            try:
                insert_rows(connection, submissions, codec.SUBMISSION_COLUMNS, submission_rows)
            except exc.IntegrityError as error:
                raise NonceUsed("a submission with this key and nonce is already stored", field="/meta") from error
            evidence_rows = [row for i, each in enumerate(items) for row in self._evidence_rows(first + i, each)]
            insert_rows(connection, evidence, codec.EVIDENCE_COLUMNS, evidence_rows)
            record_rows = [row for i, each in enumerate(items) for row in self._record_rows(first + i, each)]
            insert_rows(connection, records, codec.RECORD_COLUMNS, record_rows)

    def _submission_row(self, sequence: int, checked: CheckedSubmission, received_at: int) -> tuple[Any, ...]:
        action, meta = checked.action, checked.meta
        facts = (
            sequence,
            checked.submission_id,
            checked.key_id,
            checked.member_id,
            meta.nonce.to_bytes(8, "big"),
            meta.encode(),
            checked.signature,
            action.root,
            action.count,
            codec.encode_entries(action.lots),
            codec.encode_operations(action.operations),
            received_at,
        )
        return (*facts, self.sealer.mac("submissions", *facts))

    def _evidence_rows(self, sequence: int, checked: CheckedSubmission) -> Iterator[tuple[Any, ...]]:
        for message, index in codec.message_indexes(checked.records).items():
            kept = self.sealer.seal_evidence(checked.submission_id, index, message)
            yield sequence, index, kept.wrapped_key, kept.body

    def _record_rows(self, sequence: int, checked: CheckedSubmission) -> Iterator[tuple[Any, ...]]:
        sources = codec.message_indexes(checked.records)
        clear, secret = [], []
        for index, record in enumerate(checked.records):
            lots = b"".join(record.lots)
            source = None if record.evidence is None else sources[record.evidence]
            label = encode_label(checked.submission_id, index, record.digest, record.kind, record.author, lots, source)
            clear.append((sequence, index, record.digest, record.kind, record.author, lots, source))
            secret.append((label, record.seed, codec.encode_payload(record.payload)))
        for row, sealed in zip(clear, self.sealer.seal_records(secret), strict=True):
            yield (*row, sealed.wrapped_key, sealed.body)

    def erase(self, connection: Connection, submission_id: bytes, index: int, at: int, by: bytes | None = None) -> None:
        """Delete a record's key and ciphertext, and the message it came in; its digest, lots and kind stay.

        Other records of the same message lose that evidence, since it holds the erased words too. `at` is Unix
        seconds, `by` the submission that orders it. Call `scrub()` after the commit to clear the write-ahead log.
        Raises NotFound when there is no such record or it is erased already.
        """
        same = (submissions.c.submission_id == submission_id) & (records.c.idx == index)
        with storage_errors("the payload store cannot be written"):
            row = connection.execute(
                select(records).join(submissions, records.c.seq == submissions.c.seq).where(same)
            ).mappings().first()  # fmt: skip
            if row is None or row["erased_at"] is not None:
                raise NotFound(f"no readable record {index} of submission keccak256:{submission_id.hex()}")
            source = row["evidence_idx"]
            label = codec.row_label(row, submission_id)
            seal = codec.erased_seal(self.sealer, label, at, by)
            gone = {"wrapped_key": None, "body": None, "erased_at": at}
            here = (records.c.seq == row["seq"]) & (records.c.idx == index)
            connection.execute(update(records).where(here).values(**gone, erased_by=by, seal=seal))
            if source is not None:
                message = (evidence.c.seq == row["seq"]) & (evidence.c.idx == source)
                seal = self.sealer.mac("evidence", submission_id, source, at)
                connection.execute(
                    update(evidence).where(message, evidence.c.erased_at.is_(None)).values(**gone, seal=seal)
                )

    def scrub(self) -> None:
        """After an erasure: make SQLite overwrite its write-ahead log, where the erased key may still lie."""
        scrub(self.engine)

    def put_checkpoint(self, signed: SignedCheckpoint, connection: Connection | None = None) -> None:
        """Keep a signed checkpoint; the same again changes nothing. Raises Conflict for another of that height."""
        if connection is None:
            with self.transaction() as own:
                return self.put_checkpoint(signed, own)
        height = signed.checkpoint.height
        with storage_errors("the payload store cannot be written"):
            known = connection.execute(select(checkpoints.c.text).where(checkpoints.c.height == height)).scalar()
            if known is None:
                connection.execute(insert(checkpoints), codec.checkpoint_row(signed, self.sealer))
            elif known != signed.checkpoint.text:
                raise Conflict(f"another checkpoint of height {height} was signed before", height=height)

    def put_setting(self, name: str, value: Any, connection: Connection | None = None) -> None:
        """Keep a JSON value under `name`, replacing what was there."""
        if connection is None:
            with self.transaction() as own:
                return self.put_setting(name, value, own)
        text = json.dumps(value, ensure_ascii=False, sort_keys=True)
        row = {"value": text, "seal": self.sealer.mac("settings", name, text)}
        with storage_errors("the payload store cannot be written"):
            if not connection.execute(update(settings).where(settings.c.name == name).values(**row)).rowcount:
                connection.execute(insert(settings).values(name=name, **row))
