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
from ledger.vault.values import Damage, UnreadableRecord

_CHUNK = 100


def examine(vault: VaultReader, decoded: Container[bytes] = ()) -> Iterator[Damage]:
    """Every row that is not what was written, as it is found. Raises StorageUnavailable when it cannot be read.

    Records of submissions in `decoded` are not decrypted: the caller has read those itself (`VaultReader.rows_of`).
    """
    with reading(vault.engine) as connection, lenient_text(connection):
        for defect in structural_defects(connection):
            yield Damage("database", "structure", defect)
    yield from examine_submissions(vault, decoded)
    yield from examine_rest(vault)


def examine_rest(vault: VaultReader) -> Iterator[Damage]:
    """Every row that is not one of a stored submission's: checkpoints, co-signatures, settings, orphans."""
    sealer = vault.sealer
    with reading(vault.engine) as connection, lenient_text(connection):
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


def examine_structure(vault: VaultReader) -> Iterator[Damage]:
    """What the database itself finds wrong with its file."""
    with reading(vault.engine) as connection, lenient_text(connection):
        for defect in structural_defects(connection):
            yield Damage("database", "structure", defect)


def examine_submissions(
    vault: VaultReader,
    decoded: Container[bytes] = (),
    first: int | None = None,
    last: int | None = None,
    *,
    intact: Container[bytes] = (),
) -> Iterator[Damage]:
    """The submissions with sequence numbers in (first, last], with their records and messages. `decoded`: see examine.

    Rows of submissions in `intact` have been checked against their seals by the caller.

    With `last` there must be a submission of that number, so that parts that follow one another leave no gap unseen.
    """
    sealer = vault.sealer
    after: Any = -(1 << 62) if first is None else first
    expected = 0 if first is None else first
    while True:
        with reading(vault.engine) as connection, lenient_text(connection):
            query = select(submissions).where(submissions.c.seq > after).order_by(submissions.c.seq).limit(_CHUNK)
            if last is not None:
                query = query.where(submissions.c.seq <= last)
            heads = connection.execute(query).mappings().all()
            if not heads:
                break
            span = (after, heads[-1]["seq"])
            mine = _record_rows(connection, *span)
            messages = _by_sequence(connection, evidence, *span)
            for head in heads:
                expected += 1
                if head["seq"] != expected:  # no gaps: a writer numbers its rows under the write lock
                    yield Damage("submissions", f"sequence {expected}", "the row is missing")
                    expected = head["seq"]
                yield from _submission(
                    connection, head, mine.get(head["seq"], []), messages.get(head["seq"], []), sealer, decoded, intact
                )
            after = heads[-1]["seq"]
    if last is not None and expected < last:
        yield Damage("submissions", f"sequence {expected + 1}", "the row is missing")


def _submission(
    connection: Connection,
    head: RowMapping,
    rows: list[tuple[Any, Any]],
    messages: list[RowMapping],
    sealer: Sealer,
    known: Container[bytes],
    intact: Container[bytes],
) -> Iterator[Damage]:
    submission_id = head["submission_id"]
    name = f"keccak256:{submission_id.hex()}" if isinstance(submission_id, bytes) else f"sequence {head['seq']}"
    count: int | None = None
    try:
        count = head["count"] if submission_id in intact else codec.decode_submission(head, sealer).action.count
    except OriginSealError as error:
        yield Damage("submissions", name, error.message)
    if not isinstance(submission_id, bytes) or len(submission_id) != 32:
        return
    present = {idx for idx, _ in rows}
    for index in range(count or 0) if present != set(range(count or 0)) else ():
        if index not in present:
            yield Damage("records", f"{name}/{index}", "the row is missing")
    for idx, _ in rows:
        if count is not None and not (isinstance(idx, int) and 0 <= idx < count):
            yield Damage("records", f"{name}/{idx}", "the submission has no such record")
    if submission_id not in known:
        query = select(records).where(records.c.seq == head["seq"]).order_by(records.c.idx)
        for row in connection.execute(query).mappings():
            decoded = codec.decode_record(row, submission_id, sealer)
            if isinstance(decoded, UnreadableRecord) and decoded.erasure is None:
                yield Damage("records", f"{name}/{row['idx']}", decoded.error.message)
    kept = {row["idx"] for row in messages}
    wanted = {source for _, source in rows if source is not None}
    for index in sorted(wanted - kept, key=str):
        yield Damage("evidence", f"{name}/{index}", "the row is missing")
    for row in messages:
        try:
            codec.decode_evidence(row, submission_id, sealer)
            if row["idx"] not in wanted:
                raise BadCiphertext("no record came in this message")
        except OriginSealError as error:
            yield Damage("evidence", f"{name}/{row['idx']}", error.message)


def _record_rows(connection: Connection, after: Any, last: Any) -> dict[Any, list[tuple[Any, Any]]]:
    """(index, message index) of the records of these submissions, by sequence: their bodies are read on demand."""
    query = select(records.c.seq, records.c.idx, records.c.evidence_idx).where(
        records.c.seq > after, records.c.seq <= last
    )
    found: dict[Any, list[tuple[Any, Any]]] = {}
    for seq, idx, source in connection.execute(query.order_by(records.c.seq, records.c.idx)):
        found.setdefault(seq, []).append((idx, source))
    return found


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
