"""Builds a ledger folder to audit: real doors for keys, contracts and stores, direct storing in between.

Every submission is signed, executed by the contracts, kept, projected, and its block promised in a checkpoint, as a
server does; left out are the simulation before sealing and the syncs of the disk, which no audit looks at.
"""

from __future__ import annotations

import secrets
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.intake import Signer, event
from ledger.chain.embedded import EmbeddedEngine
from ledger.crypto.sm2 import PrivateKey
from ledger.documents.statement import commit
from ledger.documents.submission import CheckedSubmission, build, check
from ledger.domain.action import encode_submit_calldata
from ledger.domain.gs1 import parse_gtin
from ledger.domain.ids import lot_id
from ledger.domain.members import member_id
from ledger.services.compose import Composer
from ledger.services.config import Config
from ledger.services.consortium import Founder, found
from ledger.services.demo import payloads
from ledger.services.demo.actors import AUTHORITIES, BY_SLUG
from ledger.services.demo.lots import BY_LOT
from ledger.services.ledger import Ledger

PASSPHRASE = "a passphrase for benchmarks"
AUTHORITY = next(a for a in AUTHORITIES if a.zone == 6)
PRODUCER = BY_SLUG["gaozhou-lychee"]
LOT = BY_LOT["GZ-FZX-0901"]
TOGETHER = 100  # submissions kept in one transaction of the payload store
YEAR = 365 * 86_400


class Chain:
    """A ledger in `folder` that grows by `add`."""

    def __init__(self, folder: Path) -> None:
        authority, self._producer = PrivateKey.generate(), Signer()
        founder = Founder(AUTHORITY.uscc, AUTHORITY.zone, AUTHORITY.zh, AUTHORITY.en, authority.public)
        found(folder, [founder], Config(operator={"zh": "基准", "en": "benchmark"}), PASSPHRASE, "benchmark")
        self._ledger = _opened(folder)
        self._member = member_id(PRODUCER.uscc)
        self._lot = lot_id(str(parse_gtin(LOT.gtin)), LOT.lot)
        self.records = 0
        first = Composer(self._ledger.network, member_id(AUTHORITY.uscc), _Keeper(authority))
        profile = payloads.profile(PRODUCER, self._producer.public.point)
        self._submit(first, "member.profile", profile)
        own = Composer(self._ledger.network, self._member, self._producer)
        self._submit(own, "lot.origin", payloads.origin(LOT, time.time()))

    @classmethod
    def again(cls, folder: Path, before: Chain) -> Chain:
        """The ledger in `folder`, closed before, with the keys that made it."""
        chain = cls.__new__(cls)
        chain._producer, chain._member, chain._lot = before._producer, before._member, before._lot
        chain.records = before.records
        chain._ledger = _opened(folder)
        return chain

    def _submit(self, composer: Composer, kind: str, payload: dict[str, object]) -> None:
        self._ledger.submit(composer.compose([composer.part(kind, payload)]).to_wire())
        self.records += 1

    def add(self, submissions: int, records: int, block: int = 1) -> None:
        """So many submissions of so many records each, `block` submissions to a block."""
        for start in range(0, submissions, TOGETHER):
            made = self._keep(min(TOGETHER, submissions - start), records)
            for first in range(0, len(made), block):
                self._seal(made[first : first + block])
        self._ledger._follower.catch_up()
        self.records += submissions * records

    def _keep(self, submissions: int, records: int) -> Sequence[CheckedSubmission]:
        made = [self._signed(records) for _ in range(submissions)]
        with self._ledger.vault.transaction() as connection:
            self._ledger.vault.store_many(connection, made, int(time.time()))
        return made

    def _signed(self, records: int) -> CheckedSubmission:
        said = [commit("epcis.event", self._member, [self._lot], self._event(serial)) for serial in _serials(records)]
        domain = self._ledger.network.domain
        signed = build(
            said, [], self._producer, domain, nonce=secrets.randbits(63), expiry=int(time.time()) + 20 * 86_400
        )
        return check(signed, domain, self._producer.public, self._member)

    def _event(self, serial: str) -> dict[str, object]:
        made = event(serial)
        made["quantityList"] = [
            {"epcClass": f"https://id.gs1.org/01/{LOT.gtin}/10/{LOT.lot}", "quantity": 1, "uom": "KGM"}
        ]
        return made

    def _seal(self, submissions: Sequence[CheckedSubmission]) -> None:
        with self._ledger.vault.transaction() as connection:
            for each in submissions:
                r, s = each.signature[:32], each.signature[32:]
                calldata = encode_submit_calldata(each.key_id, each.action, each.meta, r, s)
                self._ledger.gateway.enqueue(connection, each.submission_id, calldata)
        assert len(self._ledger.gateway.seal_pending()) == len(submissions)
        self._ledger.checkpoints.latest()

    def close(self) -> None:
        self._ledger.close()


def _opened(folder: Path) -> Ledger:
    ledger = Ledger.open(folder, passphrase=PASSPHRASE)
    assert isinstance(ledger.engine, EmbeddedEngine)
    with warnings.catch_warnings(action="ignore"):
        ledger.engine.node.store.unsafe_without_sync()  # only to build it quickly
    return ledger


class _Keeper(Signer):
    def __init__(self, key: PrivateKey) -> None:
        self._key = key
        self.public = key.public


def _serials(count: int) -> Iterator[str]:
    return (secrets.token_hex(32) for _ in range(count))
