"""Off-chain intake: parse, canonicalise, commit, apply the rules, verify the signature, encrypt, store.

Signers are few and come again (a consortium), so 20 members take turns; the figure with keys never seen before is given
beside it. Submissions are stored 100 to a transaction, as a busy server groups them.
"""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.floors import D, V
from benchmarks.harness import Floors, Result, compared, cpu_seconds
from ledger.crypto.sm2 import PrivateKey, PublicKey
from ledger.documents.canonical import loads_strict
from ledger.documents.statement import commit
from ledger.documents.submission import build
from ledger.domain.gs1 import with_check_digit
from ledger.domain.ids import lot_id
from ledger.services.intake import check_submission
from ledger.vault import Vault, open_engine

DOMAIN = b"\xd0" * 32
MEMBER = b"\x01" * 32
GTIN = "0" + with_check_digit("952123456789")
COMMIT = 100  # submissions per transaction
ROUNDS = 3


class Signer:
    """A key in memory."""

    custodial = False

    def __init__(self) -> None:
        self._key = PrivateKey.generate()
        self.public = self._key.public

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


def event(serial: str) -> dict[str, Any]:
    """An EPCIS event of about 350 bytes."""
    place = f"https://id.gs1.org/414/{with_check_digit('952100000101')}"
    return {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "eventTime": "2026-06-02T08:00:00+08:00",
        "eventTimeZoneOffset": "+08:00",
        "eventID": f"ni:///sha-256;{serial}?ver=CBV2.0",
        "bizStep": "shipping",
        "disposition": "in_transit",
        "readPoint": {"id": place},
        "quantityList": [{"epcClass": f"https://id.gs1.org/01/{GTIN}/10/L1", "quantity": 10, "uom": "KGM"}],
    }


def wires(signers: list[Signer], count: int, records: int) -> list[bytes]:
    """`count` submissions of `records` records as they come over HTTP."""
    lot = lot_id(GTIN, "L1")
    made = []
    for n in range(count):
        signer = signers[n % len(signers)]
        said = [commit("epcis.event", MEMBER, [lot], event(secrets.token_hex(32))) for _ in range(records)]
        signed = build(said, [], signer, DOMAIN, nonce=secrets.randbits(64), expiry=1_900_000_000)
        made.append(json.dumps(signed.to_wire(), ensure_ascii=False).encode())
    return made


def intake_rate(signers: list[Signer], count: int, records: int) -> float:
    """Records per CPU second; every round stores into an empty store. Key objects are new, as after a start."""
    bodies = wires(signers, count, records)
    best = float("inf")
    for _ in range(ROUNDS):
        # As a server keeps its members' keys (ledger.services.ledger).
        keys = {each.public.key_id: (PublicKey(each.public.x, each.public.y).expect_many(), MEMBER) for each in signers}
        with tempfile.TemporaryDirectory() as folder:
            engine = open_engine(Path(folder) / "ledger.sqlite")
            vault = Vault(engine, bytes(16))

            def work(vault: Vault = vault, keys: dict[bytes, tuple[PublicKey, bytes]] = keys) -> None:
                for start in range(0, len(bodies), COMMIT):
                    checked = [
                        check_submission(loads_strict(body), DOMAIN, keys.__getitem__)
                        for body in bodies[start : start + COMMIT]
                    ]
                    with vault.transaction() as connection:
                        vault.store_many(connection, checked, 1_764_000_000)

            best = min(best, cpu_seconds(work))
            assert vault.counts().records == count * records
            engine.dispose()
    return count * records / best


def run(floors: Floors) -> Iterator[Result]:
    consortium = [Signer() for _ in range(20)]
    name = "intake, one signature per record"
    yield compared(name, intake_rate(consortium, 3000, 1), floors, V, 0.80, unit="records/cpu-s")
    strangers = [Signer() for _ in range(200)]
    note = "each key for the first time"
    yield compared(
        f"{name}, new keys", intake_rate(strangers, 200, 1), floors, V, None, unit="records/cpu-s", note=note
    )
    many = intake_rate(consortium, 40, 100)
    yield compared("intake, one signature per 100 records", many, floors, D, None, unit="records/cpu-s")
