"""Many submissions with their records in two queries: for audits, which read all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import CursorResult, select

from ledger.errors import OriginSealError
from ledger.vault import codec
from ledger.vault.engine import reading
from ledger.vault.reader import Rows, VaultReader
from ledger.vault.tables import records, submissions
from ledger.vault.values import StoredRecord, StoredSubmission, UnreadableRecord

Stored = tuple[StoredSubmission | OriginSealError, Rows]
MAX_IDS = 500  # under SQLite's and PostgreSQL's limits on bound parameters


def read_batch(vault: VaultReader, submission_ids: Sequence[bytes]) -> dict[bytes, Stored]:
    """Each stored submission, or why its row is not what was written, and its records in order without evidence.

    Bad records come as UnreadableRecord; what is not stored is left out. Raises StorageUnavailable.
    """
    found: dict[bytes, Stored] = {}
    for start in range(0, len(submission_ids), MAX_IDS):
        part = submissions.c.submission_id.in_(submission_ids[start : start + MAX_IDS])
        with reading(vault.engine) as connection:
            heads = list(_plain(connection.execute(select(submissions).where(part))))
            by_sequence = {head["seq"]: head["submission_id"] for head in heads}
            grouped: dict[bytes, dict[int, StoredRecord | UnreadableRecord]] = {
                head["submission_id"]: {} for head in heads
            }
            query = select(records).where(records.c.seq.in_(list(by_sequence))).order_by(records.c.seq, records.c.idx)
            for row in _plain(connection.execute(query)):
                submission_id = by_sequence[row["seq"]]
                grouped[submission_id][row["idx"]] = codec.decode_record(row, submission_id, vault.sealer)
        for head in heads:
            name = head["submission_id"]
            found[name] = codec.try_submission(head, vault.sealer), codec.in_order(head, grouped[name])
    return found


def _plain(result: CursorResult[Any]) -> Iterator[dict[str, Any]]:
    """Rows as plain dictionaries: every column is looked at, some several times, and a dictionary is quicker to ask."""
    names = list(result.keys())
    for row in result:
        yield dict(zip(names, row, strict=True))
