"""How the payload store keeps its contents secret and unaltered.

Envelope encryption: every record (and every evidence message) has ONE random SM4 key of its own, used for one
SM4-GCM message (GB/T 32907, NIST SP 800-38D) and stored only wrapped by a key derived from the master key. Deleting
the wrapped key makes the ciphertext unreadable for ever, in every copy that does not still hold that wrapped key.

The ciphertext is bound, as additional authenticated data, to submission id, index and every clear column of the row:
it cannot be moved to another row, and no clear column can be edited over it. Rows without a ciphertext carry a MAC
(HMAC-SM3) under another derived key. Does not touch the database.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from ledger.crypto.sm3 import hmac_sm3
from ledger.errors import BadCiphertext, BadKey
from ledger.vault.ciphers import KeyWrap, seal_once, unseal_once

MASTER_KEY_BYTES = 16
_RECORD = b"originseal/vault/record/v1"
_EVIDENCE = b"originseal/vault/evidence/v1"
_WRAP = b"originseal/vault/wrap/v1"
_SEAL = b"originseal/vault/seal/v1"
_HEAD = struct.Struct(">32sI32s32sII")
NO_EVIDENCE = 0xFFFFFFFF


def encode_label(
    submission_id: bytes, index: int, digest: bytes, kind: str, author: bytes, lots: bytes, evidence: int | None
) -> bytes:
    """The clear columns of one record as one byte string: what its ciphertext is bound to.

    Fixed-length parts first, then the kind with its length, then whole lot ids; `evidence` is the index of the
    evidence row or None.
    """
    name = kind.encode()
    source = NO_EVIDENCE if evidence is None else evidence
    return _HEAD.pack(submission_id, index, digest, author, source, len(name)) + name + lots


@dataclass(frozen=True, slots=True)
class Envelope:
    """One encrypted message and its wrapped key."""

    wrapped_key: bytes
    body: bytes


class Sealer:
    """Seals and opens with keys derived from one master key of 16 random bytes. Raises BadKey for another length."""

    __slots__ = ("_mac", "_wrap")

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != MASTER_KEY_BYTES:
            raise BadKey(f"the master key has {len(master_key)} bytes, not {MASTER_KEY_BYTES}")
        self._wrap = KeyWrap(hmac_sm3(master_key, _WRAP)[:MASTER_KEY_BYTES])
        self._mac = hmac.new(hmac_sm3(master_key, _SEAL), digestmod="sm3")

    def __repr__(self) -> str:
        return "Sealer(…)"  # never a key in a log

    def seal_records(self, records: Iterable[tuple[bytes, bytes, bytes]]) -> list[Envelope]:
        """Encrypt (label, 32-byte seed, payload text) of each record under its own fresh key, bound to its label."""
        items = list(records)
        return [
            Envelope(wrapped, seal_once(key, seed + payload, _RECORD + label))
            for (label, seed, payload), (key, wrapped) in zip(items, self._wrap.fresh(len(items)), strict=True)
        ]

    def open_record(self, label: bytes, envelope: Envelope) -> tuple[bytes, bytes]:
        """(seed, payload text). Raises BadCiphertext for another key, another row or an altered byte."""
        plain = self._open(_RECORD + label, envelope)
        if len(plain) < 32:
            raise BadCiphertext("the decrypted record is too short to hold its seed")
        return plain[:32], plain[32:]

    def seal_evidence(self, submission_id: bytes, index: int, message: bytes) -> Envelope:
        """Encrypt the exact message that the records from `index` on came in."""
        ((key, wrapped),) = self._wrap.fresh(1)
        return Envelope(wrapped, seal_once(key, message, _EVIDENCE + submission_id + index.to_bytes(4, "big")))

    def open_evidence(self, submission_id: bytes, index: int, envelope: Envelope) -> bytes:
        """The message. Raises BadCiphertext as open_record does."""
        return self._open(_EVIDENCE + submission_id + index.to_bytes(4, "big"), envelope)

    def mac(self, table: str, *columns: bytes | int | str | None) -> bytes:
        """The seal of a row that holds no ciphertext: a MAC over the table's name and each column with its type."""
        context = self._mac.copy()
        context.update(_SEAL + b"".join(map(_column, (table, *columns))))
        return context.digest()

    def check_mac(self, seal: object, table: str, *columns: bytes | int | str | None) -> None:
        """Raises BadCiphertext unless `seal` is the seal of exactly this row."""
        if not isinstance(seal, bytes) or not hmac.compare_digest(seal, self.mac(table, *columns)):
            raise BadCiphertext(f"a row of the table {table} was altered, or belongs to another master key")

    def _open(self, aad: bytes, envelope: Envelope) -> bytes:
        return unseal_once(self._wrap.unwrap(envelope.wrapped_key), envelope.body, aad)


def _column(value: bytes | int | str | None) -> bytes:
    """Type tag, length, bytes: no two rows share an encoding."""
    if type(value) is bytes:  # most columns
        return b"b" + len(value).to_bytes(4, "big") + value
    if value is None:
        return b"n\x00\x00\x00\x00"
    if isinstance(value, bytes):
        tag, data = b"b", bytes(value)
    elif isinstance(value, str):
        tag, data = b"s", value.encode()
    else:
        tag, data = b"i", str(value).encode()
    return tag + len(data).to_bytes(4, "big") + data
