"""Reading the payload store: every answer is decrypted and checked, or says which record is not what was stored.

Checks no signature and no digest: an audit does. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, Select, func, select

from ledger.errors import NotFound, OriginSealError
from ledger.proof.checkpoint import SignedCheckpoint
from ledger.vault import codec
from ledger.vault.engine import reading, storage_errors
from ledger.vault.sealing import Sealer
from ledger.vault.tables import checkpoints, evidence, records, settings, submissions
from ledger.vault.values import StoreCounts, StoredRecord, StoredSubmission, UnreadableRecord

Rows = tuple[StoredRecord | UnreadableRecord, ...]
_CHUNK = 200  # submissions per read when iterating
_IDS_PER_QUERY = 500  # under SQLite's and PostgreSQL's limits on bound parameters


class VaultReader:
    """What can be asked of a payload store. With `connection` a read is part of the caller's transaction."""

    def __init__(self, engine: Engine, master_key: bytes) -> None:
        self.engine = engine
        self.sealer = Sealer(master_key)

    @contextmanager
    def _reader(self, connection: Connection | None) -> Iterator[Connection]:
        if connection is None:
            with reading(self.engine) as own:
                yield own
        else:
            with storage_errors("the payload store cannot be read"):
                yield connection

    # -------------------------------------------------------------------------------------------------- submissions

    def submission(self, submission_id: bytes, *, connection: Connection | None = None) -> StoredSubmission:
        """Raises NotFound when it is not stored, BadCiphertext when its row was altered."""
        query = select(submissions).where(submissions.c.submission_id == submission_id)
        with self._reader(connection) as reader:
            row = reader.execute(query).mappings().first()
        if row is None:
            raise NotFound(f"no submission keccak256:{submission_id.hex()} in the payload store")
        return codec.decode_submission(row, self.sealer)

    def by_nonce(self, key_id: bytes, nonce: int, *, connection: Connection | None = None) -> StoredSubmission | None:
        """The submission that used this nonce of this key, or None."""
        eight = nonce.to_bytes(8, "big")
        query = select(submissions).where(submissions.c.key_id == key_id, submissions.c.nonce == eight)
        with self._reader(connection) as reader:
            row = reader.execute(query).mappings().first()
        return None if row is None else codec.decode_submission(row, self.sealer)

    # ------------------------------------------------------------------------------------------------------ records

    def rows(self, submission_id: bytes, *, connection: Connection | None = None) -> Rows:
        """Every record of a submission in order, without evidence; bad ones as UnreadableRecord. Raises NotFound."""
        found = self.rows_of((submission_id,), connection=connection)
        if submission_id not in found:
            raise NotFound(f"no submission keccak256:{submission_id.hex()} in the payload store")
        return found[submission_id]

    def rows_of(self, submission_ids: Iterable[bytes], *, connection: Connection | None = None) -> dict[bytes, Rows]:
        """`rows` of many submissions in few queries; submissions that are not stored are left out."""
        wanted = list(dict.fromkeys(submission_ids))
        found: dict[bytes, Rows] = {}
        with self._reader(connection) as reader:
            for start in range(0, len(wanted), _IDS_PER_QUERY):
                part = submissions.c.submission_id.in_(wanted[start : start + _IDS_PER_QUERY])
                heads = reader.execute(select(submissions).where(part)).mappings().all()
                found.update(self._group(heads, reader.execute(_records().where(part)).mappings()))
        return found

    def records(
        self, submission_id: bytes, *, with_evidence: bool = True, connection: Connection | None = None
    ) -> tuple[StoredRecord, ...]:
        """Every record of a submission. Raises NotFound (also for an erased record) or BadCiphertext naming it."""
        this = submissions.c.submission_id == submission_id
        with self._reader(connection) as reader:
            head = reader.execute(select(submissions).where(this)).mappings().first()
            if head is None:
                raise NotFound(f"no submission keccak256:{submission_id.hex()} in the payload store")
            messages = self._messages(reader, head["seq"], submission_id) if with_evidence else None
            grouped = self._group([head], reader.execute(_records().where(this)).mappings(), messages)
        return tuple(_readable(row) for row in grouped[submission_id])

    def record(
        self, digest: bytes, *, with_evidence: bool = True, connection: Connection | None = None
    ) -> StoredRecord:
        """The earliest readable record with this digest. Raises NotFound, or BadCiphertext when it is damaged."""
        failure: OriginSealError = NotFound(f"no record sm3:{digest.hex()} in the payload store")
        with self._reader(connection) as reader:
            for row in reader.execute(_records().where(records.c.digest == digest)).mappings().all():
                submission_id = row["submission_id"]
                messages = self._messages(reader, row["seq"], submission_id) if with_evidence else None
                decoded = codec.decode_record(row, submission_id, self.sealer, messages)
                if isinstance(decoded, StoredRecord):
                    return decoded
                failure = decoded.error
        raise failure

    def everything(self, after: int = 0) -> Iterator[tuple[StoredSubmission, Rows]]:
        """All submissions with their records (without evidence), in order of storing, beyond sequence `after`.

        Reads in chunks and holds no transaction open between them. Raises BadCiphertext for an altered submission.
        """
        while True:
            beyond = submissions.c.seq > after
            with self._reader(None) as reader:
                query = select(submissions).where(beyond).order_by(submissions.c.seq).limit(_CHUNK)
                heads = reader.execute(query).mappings().all()
                if not heads:
                    return
                after = heads[-1]["seq"]
                inside = _records().where(beyond, submissions.c.seq <= after)
                grouped = self._group(heads, reader.execute(inside).mappings())
            for head in heads:
                yield codec.decode_submission(head, self.sealer), grouped[head["submission_id"]]

    def _group(
        self, heads: Sequence[RowMapping], rows: Iterable[RowMapping], messages: dict[int, bytes] | None = None
    ) -> dict[bytes, Rows]:
        grouped: dict[bytes, dict[int, StoredRecord | UnreadableRecord]] = {h["submission_id"]: {} for h in heads}
        for row in rows:
            submission_id = row["submission_id"]
            decoded = codec.decode_record(row, submission_id, self.sealer, messages)
            grouped[submission_id][row["idx"]] = decoded
        return {head["submission_id"]: codec.in_order(head, grouped[head["submission_id"]]) for head in heads}

    def _messages(self, reader: Connection, sequence: int, submission_id: bytes) -> dict[int, bytes]:
        found = {}
        for row in reader.execute(select(evidence).where(evidence.c.seq == sequence)).mappings():
            message = codec.decode_evidence(row, submission_id, self.sealer)
            if message is not None:
                found[row["idx"]] = message
        return found

    # -------------------------------------------------------------------------------------------------- checkpoints

    def checkpoint(self, height: int, *, connection: Connection | None = None) -> SignedCheckpoint:
        """The signed checkpoint of this height. Raises NotFound, or BadCiphertext when its row was altered."""
        query = select(checkpoints).where(checkpoints.c.height == height)
        with self._reader(connection) as reader:
            row = reader.execute(query).mappings().first()
        if row is None:
            raise NotFound(f"no checkpoint of height {height}")
        return codec.decode_checkpoint(row, self.sealer)

    def latest_checkpoint(self, *, connection: Connection | None = None) -> SignedCheckpoint | None:
        """The highest signed checkpoint, None when there is none."""
        return self._checkpoint_where(select(checkpoints).order_by(checkpoints.c.height.desc()), connection)

    def checkpoint_from(self, height: int, *, connection: Connection | None = None) -> SignedCheckpoint | None:
        """The lowest checkpoint at or above `height`: the first that covers that block; None when there is none."""
        query = select(checkpoints).where(checkpoints.c.height >= height).order_by(checkpoints.c.height)
        return self._checkpoint_where(query, connection)

    def _checkpoint_where(self, query: Select[Any], connection: Connection | None) -> SignedCheckpoint | None:
        with self._reader(connection) as reader:
            row = reader.execute(query.limit(1)).mappings().first()
        return None if row is None else codec.decode_checkpoint(row, self.sealer)

    def all_checkpoints(self) -> Iterator[SignedCheckpoint]:
        """Every checkpoint by ascending height. Raises BadCiphertext for an altered row."""
        last = -1
        while True:
            query = select(checkpoints).where(checkpoints.c.height > last).order_by(checkpoints.c.height)
            with self._reader(None) as reader:
                rows = reader.execute(query.limit(_CHUNK)).mappings().all()
            if not rows:
                return
            for row in rows:
                yield codec.decode_checkpoint(row, self.sealer)
            last = rows[-1]["height"]

    # ---------------------------------------------------------------------------------------------------- settings

    def setting(self, name: str, default: Any = None, *, connection: Connection | None = None) -> Any:
        """A JSON value kept under `name`, or `default`. Raises BadCiphertext when its row was altered."""
        with self._reader(connection) as reader:
            row = reader.execute(select(settings).where(settings.c.name == name)).mappings().first()
        return default if row is None else codec.decode_setting(row, self.sealer)

    def counts(self, *, connection: Connection | None = None) -> StoreCounts:
        """Rows per table."""
        tables = (submissions, records, evidence, checkpoints)
        queries = [select(func.count()).select_from(table).scalar_subquery() for table in tables]
        erased = select(func.count()).select_from(records).where(records.c.erased_at.is_not(None)).scalar_subquery()
        with self._reader(connection) as reader:
            n = reader.execute(select(*queries, erased)).one()
        return StoreCounts(submissions=n[0], records=n[1], erased=n[4], evidence=n[2], checkpoints=n[3])


def _records() -> Select[Any]:
    joined = records.join(submissions, records.c.seq == submissions.c.seq)
    return select(records, submissions.c.submission_id).select_from(joined).order_by(records.c.seq, records.c.idx)


def _readable(row: StoredRecord | UnreadableRecord) -> StoredRecord:
    if isinstance(row, UnreadableRecord):
        raise row.error
    return row
