"""Real signed submissions to put into a payload store."""

from __future__ import annotations

import secrets
from typing import Any

from ledger.crypto.sm2 import PrivateKey
from ledger.documents.statement import Record, commit
from ledger.documents.submission import CheckedSubmission, build, check
from ledger.domain.action import seal_document
from ledger.vault import Vault

MASTER = bytes(range(16))
DOMAIN = b"\xd0" * 32
MEMBER = b"\x01" * 32
LOT = b"\x0a" * 32


class Signer:
    """An in-memory key in the shape of the signing port."""

    custodial = False

    def __init__(self) -> None:
        self._key = PrivateKey.generate()
        self.public = self._key.public

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


SIGNER = Signer()


def record(payload: dict[str, Any] | None = None, kind: str = "epcis.event", **options: Any) -> Record:
    payload = payload or {"note": "荔枝", "value": 12.5, "serial": secrets.token_hex(8), "empty": {}}
    return commit(kind, MEMBER, options.pop("lots", (LOT,)), payload, **options)


def submission(*records: Record, nonce: int | None = None) -> CheckedSubmission:
    chosen = list(records) or [record()]
    signed = build(
        chosen,
        [seal_document(1, chosen[0].digest)],
        SIGNER,
        DOMAIN,
        nonce=secrets.randbits(64) if nonce is None else nonce,
        expiry=1_900_000_000,
    )
    return check(signed, DOMAIN, SIGNER.public, MEMBER)


def store(vault: Vault, *items: CheckedSubmission, at: int = 1_764_000_000) -> None:
    with vault.transaction() as connection:
        vault.store_many(connection, items, at)
