"""Look over the whole payload store without the chain: what in it is not what was written?

1. the database's own structure; 2. every submissions row against its MAC, and that its records are all there and no
more; 3. every record and every message decrypts under its own row; 4. checkpoints and settings against their MACs;
5. nothing belongs to no submission. Whether the contents are what members signed, and whether the chain agrees, is
the audit's question. Goes on after a finding: an audit names every broken row.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, Table, inspect, select

from ledger.errors import BadCiphertext, OriginSealError
from ledger.vault import codec, cosigned
from ledger.vault.engine import lenient_text, reading, structural_defects
from ledger.vault.reader import VaultReader
from ledger.vault.sealing import Sealer
from ledger.vault.store import KEY_CHECK
from ledger.vault.tables import checkpoints, cosignatures, evidence, records, settings, submissions
from ledger.vault.values import Damage, StoredSubmission, UnreadableRecord

_CHUNK = 500


def examine(vault: VaultReader, decoded: Container[bytes] = ()) -> Iterator[Damage]:
    """Every row that is not what was written, as it is found. Raises StorageUnavailable when it cannot be read.

    Records of submissions in `decoded` are not decrypted: the caller has read those itself (`VaultReader.rows_of`).
    """
    sealer = vault.sealer
    with reading(vault.engine) as connection, lenient_text(connection):
        for defect in structural_defects(connection):
            yield Damage("database", "structure", defect)
        yield from _submissions(connection, sealer, decoded)
        yield from _simple(connection, checkpoints, "height", lambda row: codec.decode_checkpoint(row, sealer))
        yield from _cosignatures(connection, sealer)
        yield from _simple(connection, settings, "name", lambda row: codec.decode_setting(row, sealer))
        if connection.execute(select(settings.c.name).where(settings.c.name == KEY_CHECK)).first() is None:
            yield Damage("settings", KEY_CHECK, "the row is missing")
        for table in (records, evidence):
            parents = select(submissions.c.seq)
            orphans = select(table.c.seq, table.c.idx).where(table.c.seq.not_in(parents))
            for seq, idx in connection.execute(orphans):
                yield Damage(table.name, f"{seq}/{idx}", "belongs to no submission")


def _submissions(connection: Connection, sealer: Sealer, decoded: Container[bytes]) -> Iterator[Damage]:
    after: Any = -(1 << 62)
    expected = 0
    while True:
        query = select(submissions).where(submissions.c.seq > after).order_by(submissions.c.seq).limit(_CHUNK)
        heads = connection.execute(query).mappings().all()
        if not heads:
            return
        span = (after, heads[-1]["seq"])
        mine = _by_sequence(connection, records, *span)
        messages = _by_sequence(connection, evidence, *span)
        for head in heads:
            expected += 1
            if head["seq"] != expected:  # sequences have no gaps: a writer numbers its rows under the write lock
                yield Damage("submissions", f"sequence {expected}", "the row is missing")
                expected = head["seq"]
            yield from _submission(head, mine.get(head["seq"], []), messages.get(head["seq"], []), sealer, decoded)
        after = heads[-1]["seq"]


def _submission(
    head: RowMapping, rows: list[RowMapping], messages: list[RowMapping], sealer: Sealer, known: Container[bytes]
) -> Iterator[Damage]:
    submission_id = head["submission_id"]
    name = f"keccak256:{submission_id.hex()}" if isinstance(submission_id, bytes) else f"sequence {head['seq']}"
    stored: StoredSubmission | None = None
    try:
        stored = codec.decode_submission(head, sealer)
    except OriginSealError as error:
        yield Damage("submissions", name, error.message)
    if not isinstance(submission_id, bytes) or len(submission_id) != 32:
        return
    present = {row["idx"] for row in rows}
    for index in range(stored.action.count if stored else 0):
        if index not in present:
            yield Damage("records", f"{name}/{index}", "the row is missing")
    for row in rows:
        if stored and not (isinstance(row["idx"], int) and 0 <= row["idx"] < stored.action.count):
            yield Damage("records", f"{name}/{row['idx']}", "the submission has no such record")
        if submission_id in known:
            continue
        decoded = codec.decode_record(row, submission_id, sealer)
        if isinstance(decoded, UnreadableRecord) and decoded.erasure is None:
            yield Damage("records", f"{name}/{row['idx']}", decoded.error.message)
    kept = {row["idx"] for row in messages}
    wanted = {row["evidence_idx"] for row in rows if row["evidence_idx"] is not None}
    for index in sorted(wanted - kept, key=str):
        yield Damage("evidence", f"{name}/{index}", "the row is missing")
    for row in messages:
        try:
            codec.decode_evidence(row, submission_id, sealer)
            if row["idx"] not in wanted:
                raise BadCiphertext("no record came in this message")
        except OriginSealError as error:
            yield Damage("evidence", f"{name}/{row['idx']}", error.message)


def _by_sequence(connection: Connection, table: Table, after: Any, last: Any) -> dict[Any, list[RowMapping]]:
    query: Select[Any] = (
        select(table).where(table.c.seq > after, table.c.seq <= last).order_by(table.c.seq, table.c.idx)
    )
    found: dict[Any, list[RowMapping]] = {}
    for row in connection.execute(query).mappings():
        found.setdefault(row["seq"], []).append(row)
    return found


def _simple(connection: Connection, table: Table, key: str, decode: Callable[[RowMapping], object]) -> Iterator[Damage]:
    for row in connection.execute(select(table)).mappings():
        try:
            decode(row)
        except OriginSealError as error:
            yield Damage(table.name, str(row[key]), error.message)


def _cosignatures(connection: Connection, sealer: Sealer) -> Iterator[Damage]:
    if not inspect(connection).has_table(cosignatures.name):
        return  # a store that no writer has opened since there are witnesses
    for row in connection.execute(select(cosignatures)).mappings():
        try:
            cosigned.decode(row, sealer)
        except OriginSealError as error:
            key = row["key_id"]
            yield Damage(
                cosignatures.name,
                f"{row['height']!r:.20}/{key.hex() if isinstance(key, bytes) else repr(key)[:80]}",
                error.message,
            )
