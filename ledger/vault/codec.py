"""Between rows of the payload store and its values: strict both ways, because a file on disk is outside data too.

A row that does not have the types and lengths it was written with raises `BadCiphertext` naming it; nothing else
leaves this module, whatever bytes somebody planted in the file.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from sqlalchemy import RowMapping

from ledger.domain.action import META_LENGTH, Action, LotEntry, Operation
from ledger.errors import BadCiphertext, NotFound, OriginSealError
from ledger.proof.checkpoint import SignedCheckpoint, parse_text
from ledger.vault.sealing import Envelope, Sealer, encode_label
from ledger.vault.values import Erasure, StoredRecord, StoredSubmission, UnreadableRecord

if TYPE_CHECKING:
    from ledger.documents.statement import Record

T = TypeVar("T")
Row: TypeAlias = RowMapping | Mapping[str, Any]
_ENTRY = struct.Struct(">32s32sI")
_OPERATION = struct.Struct(">BI")
_encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
SEALED_COLUMNS = (
    "seq", "submission_id", "key_id", "member_id", "nonce", "meta", "signature", "root", "count", "entries",
    "operations", "received_at",
)  # fmt: skip
SUBMISSION_COLUMNS = (*SEALED_COLUMNS, "seal")
RECORD_COLUMNS = ("seq", "idx", "digest", "kind", "author", "lots", "evidence_idx", "wrapped_key", "body")
EVIDENCE_COLUMNS = ("seq", "idx", "wrapped_key", "body")
MAX_RECORDS = 1 << 20  # a submission's count is checked on chain; this bounds what a damaged row can make us build


def encode_payload(payload: Mapping[str, Any]) -> bytes:
    """The text under the encryption. Numbers keep the value that was committed to (Python's repr is exact)."""
    return _encode_json(payload).encode()


def encode_entries(entries: Sequence[LotEntry]) -> bytes:
    return b"".join(_ENTRY.pack(entry.lot_id, entry.root, entry.count) for entry in entries)


def encode_operations(operations: Sequence[Operation]) -> bytes:
    return b"".join(_OPERATION.pack(each.kind, len(each.data)) + each.data for each in operations)


def message_indexes(records: Sequence[Record]) -> dict[bytes, int]:
    """Each different evidence message of a submission with the index of the first record that came in it."""
    found: dict[bytes, int] = {}
    for index, record in enumerate(records):
        if record.evidence is not None:
            found.setdefault(record.evidence, index)
    return found


def decode_submission(row: Row, sealer: Sealer) -> StoredSubmission:
    """Raises BadCiphertext when any column differs from what was written."""
    name = _name(row["submission_id"])
    with_types = {
        "submission_id": 32, "key_id": 32, "member_id": 32, "nonce": 8, "meta": META_LENGTH, "signature": 64,
        "root": 32, "entries": None, "operations": None,
    }  # fmt: skip
    for column, length in with_types.items():
        _bytes(row, column, length, name)
    for column in ("seq", "count", "received_at"):
        _int(row, column, name)
    sealer.check_mac(row["seal"], "submissions", *(row[column] for column in SEALED_COLUMNS))
    return _guarded(name, lambda: _submission(row))


def try_submission(row: Row, sealer: Sealer) -> StoredSubmission | OriginSealError:
    """`decode_submission`, with the error as an answer."""
    try:
        return decode_submission(row, sealer)
    except OriginSealError as error:
        return error


def _submission(row: Row) -> StoredSubmission:
    entries = tuple(LotEntry(*parts) for parts in _ENTRY.iter_unpack(row["entries"]))
    operations, data, at = [], row["operations"], 0
    while at < len(data):
        kind, length = _OPERATION.unpack_from(data, at)
        at += _OPERATION.size
        operations.append(Operation(kind, data[at : at + length]))
        at += length
    return StoredSubmission(
        sequence=row["seq"],
        submission_id=row["submission_id"],
        key_id=row["key_id"],
        member_id=row["member_id"],
        meta=row["meta"],
        signature=row["signature"],
        action=Action(row["root"], row["count"], entries, tuple(operations)),
        received_at=row["received_at"],
    )


def decode_record(
    row: Row, submission_id: bytes, sealer: Sealer, messages: Mapping[int, bytes] | None = None
) -> StoredRecord | UnreadableRecord:
    """The record of a row; unreadable when it was erased or altered, never an exception.

    `messages` are the submission's evidence by index, when they are wanted.
    """
    try:
        name = f"record {row['idx']!r:.20} of {_name(submission_id)}"
        index = _int(row, "idx", name)
        for column, length in (("digest", 32), ("author", 32), ("lots", None)):
            _bytes(row, column, length, name)
        if not isinstance(row["kind"], str) or len(row["lots"]) % 32:
            raise BadCiphertext(f"{name}: a column has another type than was written")
        source = row["evidence_idx"]
        if source is not None and not (type(source) is int and 0 <= source <= index):
            raise BadCiphertext(f"{name}: column evidence_idx has another value than was written")
        label = _guarded(name, lambda: row_label(row, submission_id))
        if row["erased_at"] is not None:
            return _erased(row, submission_id, label, name, sealer)
        _nulls(row, ("erased_by", "seal"), name)
        for column in ("wrapped_key", "body"):
            if row[column] is None:
                raise BadCiphertext(f"{name}: its payload is missing and no erasure explains it")
            _bytes(row, column, None, name)
        message = None if messages is None or source is None else messages.get(source)
        return _guarded(name, lambda: _record(row, submission_id, label, sealer, message))
    except OriginSealError as error:
        return _unreadable(row, submission_id, error)


def _record(row: Row, submission_id: bytes, label: bytes, sealer: Sealer, message: bytes | None) -> StoredRecord:
    seed, payload = sealer.open_record(label, Envelope(row["wrapped_key"], row["body"]))
    return StoredRecord(
        submission_id=submission_id,
        index=row["idx"],
        kind=row["kind"],
        author=row["author"],
        lots=split_lots(row["lots"]),
        digest=row["digest"],
        payload=json.loads(payload),
        seed=seed,
        evidence=message,
    )


def decode_evidence(row: Row, submission_id: bytes, sealer: Sealer) -> bytes | None:
    """The message of an evidence row, None when it was erased. Raises BadCiphertext when it was altered."""
    name = f"evidence {row['idx']!r:.20} of {_name(submission_id)}"
    index = _int(row, "idx", name)
    if row["erased_at"] is not None:
        if row["wrapped_key"] is not None or row["body"] is not None:
            raise BadCiphertext(f"{name}: marked as erased, yet it is there")
        at = _int(row, "erased_at", name)
        sealer.check_mac(row["seal"], "evidence", submission_id, index, at)
        return None
    _nulls(row, ("seal",), name)
    envelope = Envelope(_bytes(row, "wrapped_key", None, name), _bytes(row, "body", None, name))
    return _guarded(name, lambda: sealer.open_evidence(submission_id, index, envelope))


def row_label(row: Row, submission_id: bytes) -> bytes:
    """`encode_label` of a stored row."""
    clear = (row["idx"], row["digest"], row["kind"], row["author"], row["lots"], row["evidence_idx"])
    return encode_label(submission_id, *clear)


def erased_seal(sealer: Sealer, label: bytes, at: int, by: bytes | None) -> bytes:
    """The MAC over the row of an erased record."""
    return sealer.mac("records", label, at, by)


def _erased(row: Row, submission_id: bytes, label: bytes, name: str, sealer: Sealer) -> UnreadableRecord:
    if row["wrapped_key"] is not None or row["body"] is not None:
        raise BadCiphertext(f"{name}: marked as erased, yet its payload is there")
    at, by = _int(row, "erased_at", name), row["erased_by"]
    if by is not None:
        _bytes(row, "erased_by", 32, name)
    sealer.check_mac(row["seal"], "records", label, at, by)
    error = NotFound(f"{name}: the payload was erased", erased_at=at)
    return _unreadable(row, submission_id, error, Erasure(at, by))


def _unreadable(
    row: Row, submission_id: bytes, error: OriginSealError, erasure: Erasure | None = None
) -> UnreadableRecord:
    def or_empty(column: str) -> bytes:
        value = row[column]
        return value if isinstance(value, bytes) else b""

    index, kind, lots = row["idx"], row["kind"], or_empty("lots")
    return UnreadableRecord(
        submission_id=submission_id,
        index=index if isinstance(index, int) else -1,
        kind=kind if isinstance(kind, str) else "",
        author=or_empty("author"),
        lots=split_lots(lots),
        digest=or_empty("digest"),
        error=error,
        erasure=erasure,
    )


def missing_record(submission_id: bytes, index: int) -> UnreadableRecord:
    """Stands for a row that should be there and is not: nothing but its place is known."""
    error = BadCiphertext(f"record {index} of {_name(submission_id)}: the row is missing from the store")
    return UnreadableRecord(submission_id, index, "", b"", (), b"", error)


def in_order(
    head: Row, mine: dict[int, StoredRecord | UnreadableRecord]
) -> tuple[StoredRecord | UnreadableRecord, ...]:
    """A submission's records by index; those that `head` counts and the store lacks stand there as missing."""
    count = head["count"]
    if type(count) is int and len(mine) < count <= MAX_RECORDS:
        for index in range(count):
            mine.setdefault(index, missing_record(head["submission_id"], index))
    return tuple(mine[index] for index in sorted(mine))


def split_lots(lots: bytes) -> tuple[bytes, ...]:
    return tuple(lots[at : at + 32] for at in range(0, len(lots), 32))


def _name(submission_id: object) -> str:
    return f"submission keccak256:{submission_id.hex()}" if isinstance(submission_id, bytes) else "a submission"


def _bytes(row: Row, column: str, length: int | None, name: str) -> bytes:
    value = row[column]
    if not isinstance(value, bytes) or (length is not None and len(value) != length):
        raise BadCiphertext(f"{name}: column {column} has another type or length than was written")
    return value


def _nulls(row: Row, columns: tuple[str, ...], name: str) -> None:
    for column in columns:
        if row[column] is not None:
            raise BadCiphertext(f"{name}: column {column} is set, although nothing was erased")


def _int(row: Row, column: str, name: str) -> int:
    value = row[column]
    if type(value) is not int:
        raise BadCiphertext(f"{name}: column {column} is not the whole number that was written")
    return value


def _guarded(name: str, decode: Callable[[], T]) -> T:
    try:
        return decode()
    except BadCiphertext as error:
        raise BadCiphertext(f"{name}: {error.message}") from error
    except (ValueError, TypeError, OverflowError, struct.error, RecursionError) as error:
        raise BadCiphertext(f"{name}: {error}") from error


def checkpoint_row(signed: SignedCheckpoint, sealer: Sealer) -> dict[str, Any]:
    height, text = signed.checkpoint.height, signed.checkpoint.text
    seal = sealer.mac("checkpoints", height, text, signed.key_id, signed.signature)
    return {"height": height, "text": text, "key_id": signed.key_id, "signature": signed.signature, "seal": seal}


def decode_checkpoint(row: Row, sealer: Sealer) -> SignedCheckpoint:
    """Raises BadCiphertext when any column differs from what was written; verifies no signature."""
    name = f"checkpoint {row['height']!r:.20}"
    height = _int(row, "height", name)
    key_id, signature = _bytes(row, "key_id", 32, name), _bytes(row, "signature", 64, name)
    if not isinstance(row["text"], str):
        raise BadCiphertext(f"{name}: column text has another type than was written")
    sealer.check_mac(row["seal"], "checkpoints", height, row["text"], key_id, signature)
    return SignedCheckpoint(parse_text(row["text"]), key_id, signature)


def decode_setting(row: Row, sealer: Sealer) -> Any:
    """The JSON value. Raises BadCiphertext when name or value differ from what was written."""
    name, value = row["name"], row["value"]
    if not isinstance(name, str) or not isinstance(value, str):
        raise BadCiphertext(f"setting {name!r:.80}: a column has another type than was written")
    sealer.check_mac(row["seal"], "settings", name, value)
    return _guarded(f"setting {name}", lambda: json.loads(value))
