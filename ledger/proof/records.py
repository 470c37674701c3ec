"""From the shown and withheld fields of a record to its digest, independently of the code that makes records.

    commitment = SM3("originseal/field/v1" ‖ lp(path) ‖ lp(salt) ‖ lp(value))      path and value in RFC 8785 form
    field root = Merkle root over the commitments                                  (RFC 6962 shape, SM3)
    digest     = SM3("originseal/record/v1" ‖ lp(kind) ‖ lp(author) ‖ u32(lots) ‖ lots ‖ u32(leaves) ‖ field root)

Shares no code with ledger.documents.statement, so that a fault there cannot hide here; only the canonical form is
decided in one place (ledger.documents.canonical). Does not know what the fields mean.
"""

from __future__ import annotations

from ledger.crypto.sm3 import sm3
from ledger.documents.canonical import check_text, jcs, utf16_key
from ledger.errors import Malformed, VerificationFailed
from ledger.merkle.tree import merkle_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ledger.proof.bundle import BundledRecord, Field

_FIELD_TAG = b"originseal/field/v1"
_RECORD_TAG = b"originseal/record/v1"


def check_record(record: BundledRecord, where: str) -> None:
    """Recomputes the digest from the fields. Raises VerificationFailed when it is another, Malformed on bad fields."""
    _check_paths(record.fields, f"{where}/fields")
    if any(earlier >= later for earlier, later in zip(record.lots, record.lots[1:], strict=False)):
        raise Malformed("the lots are not in ascending order", field=f"{where}/lots")
    commitments = [_commitment(field, f"{where}/fields/{at}") for at, field in enumerate(record.fields)]
    computed = record_digest(record.kind, record.author, record.lots, commitments)
    if computed != record.digest:
        raise VerificationFailed("the fields do not lead to the record's digest", field=f"{where}/digest")


def record_digest(kind: str, author: bytes, lots: tuple[bytes, ...], commitments: list[bytes]) -> bytes:
    """The digest of a record with these field commitments, in leaf order."""
    return sm3(
        _RECORD_TAG
        + _lp(kind.encode("utf-8"))
        + _lp(author)
        + _u32(len(lots))
        + b"".join(lots)
        + _u32(len(commitments))
        + merkle_root(commitments)
    )


def _commitment(field: Field, where: str) -> bytes:
    if field.commitment is not None:
        return field.commitment
    assert field.path is not None
    for part in (*field.path, field.value):
        if isinstance(part, str):
            check_text(part, field.path)
    try:
        path, value = jcs(list(field.path)), jcs(field.value)
    except Malformed as error:
        raise Malformed(error.message, field=where) from error
    return sm3(_FIELD_TAG + _lp(path) + _lp(field.salt) + _lp(value))


def _check_paths(fields: tuple[Field, ...], where: str) -> None:
    """The shown paths must be those of one document, in leaf order: no path twice, none inside another."""
    previous: tuple[str | int, ...] = ()
    for at, field in enumerate(fields):
        if field.path is None:
            continue
        if previous and not _follows(previous, field.path):
            raise Malformed("the field does not come after the one before it in a document", field=f"{where}/{at}/path")
        previous = field.path


def _follows(previous: tuple[str | int, ...], path: tuple[str | int, ...]) -> bool:
    for before, after in zip(previous, path, strict=False):
        if type(before) is not type(after):
            return False  # one container cannot be both an array and an object
        if before != after:
            if isinstance(before, int) and isinstance(after, int):
                return before < after
            one, two = str(before), str(after)
            return one < two if one.isascii() and two.isascii() else utf16_key(one) < utf16_key(two)
    return False  # the same path, or one inside the other


def _lp(data: bytes) -> bytes:
    return _u32(len(data)) + data


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "big")
